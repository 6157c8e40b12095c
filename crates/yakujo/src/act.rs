//! `yakujo act`: the part of the agent that acts. One question on standard input, one answer on standard output.

use anyhow::Context;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
pub use yakujo_agent::act::FOLDER;
use yakujo_agent::act::hand::{Hand, SOCKET};
use yakujo_agent::act::{Ask, Released};
use yakujo_agent::parts::hand_socket;

/// Answers one question.
pub fn run(data: &Path) -> anyhow::Result<ExitCode> {
    let (text, file) = yakujo_agent::act::line::receive(std::io::stdin()).context("standard input")?;
    let ask: Ask = serde_json::from_slice(&text).context("this is no question to the part that acts")?;
    let folder = data.join(FOLDER);
    let now = jiff::Timestamp::now();
    yakujo_agent::act::confine(&folder, &ask, now)?;
    let answer = yakujo_agent::act::answer_with(&folder, &ask, file, now)?;
    let mut out = std::io::stdout().lock();
    serde_json::to_writer(&mut out, &answer)?;
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}

/// Connects this host again by hand. Both parties are told.
pub fn release(data: &Path) -> anyhow::Result<ExitCode> {
    let folder = data.join(FOLDER);
    anyhow::ensure!(
        folder.is_dir(),
        "{} is not there: name the data folder of this host's agent with --data",
        folder.display()
    );
    match yakujo_agent::act::break_glass(&folder, jiff::Timestamp::now())? {
        Released::Yes => {
            println!("遮断を手動で解除しました。市と受託者に通知されます。");
            println!("This host is connected again. Both parties are told.");
        }
        Released::WasNot => println!("このホストは遮断されていません。 This host is not cut off."),
    }
    Ok(ExitCode::SUCCESS)
}

/// Whether this process may start the hand: it is root, and systemd does not do it.
pub fn may_start() -> bool {
    let root = std::fs::metadata("/proc/self").is_ok_and(|own| {
        use std::os::unix::fs::MetadataExt as _;
        own.uid() == 0
    });
    root && !Path::new(SOCKET).exists()
}

/// The way to the hand: started by the agent where that is root, else by systemd; none where neither is to be had.
pub fn hand(data: &Path) -> Option<Hand> {
    if Path::new(SOCKET).exists() {
        return Some(Hand::Socket(PathBuf::from(SOCKET)));
    }
    let program = std::env::current_exe().ok().filter(|_| may_start())?;
    let arguments =
        ["act", "--data"].map(str::to_owned).into_iter().chain([data.to_string_lossy().into_owned()]);
    Some(Hand::Program(program, arguments.collect()))
}

/// The same for an agent in parts: what started them starts the hand, too.
pub fn hand_of_parts(folder: &Path) -> Option<Hand> {
    let sockets = [PathBuf::from(SOCKET), hand_socket(folder)];
    sockets.into_iter().find(|socket| socket.exists()).map(Hand::Socket)
}
