//! How the agent reaches its hand: by starting the program where the agent itself is root, or else through the socket on
//! which systemd starts it.

use super::{Answer, Ask, line};
use std::io::Read;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

/// Where systemd starts the hand.
pub const SOCKET: &str = "/run/yakujo-act.sock";
/// An answer takes so long at most: the content of trees may have to be read.
const PATIENCE: Duration = Duration::from_secs(300);
/// Longest answer, bytes.
const LONGEST_ANSWER: u64 = 32 << 20;

/// The way to the hand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Hand {
    /// A program with its arguments.
    Program(PathBuf, Vec<String>),
    /// A socket on which it is started.
    Socket(PathBuf),
    /// Within this process: only root in a machine of its own does that.
    Within(PathBuf),
}

/// Why the hand did not answer.
#[derive(Debug, thiserror::Error)]
pub enum HandError {
    /// Not reached.
    #[error("the part of the agent that acts cannot be reached")]
    Reach(#[from] std::io::Error),
    /// It failed.
    #[error("the part of the agent that acts failed: {0}")]
    Failed(String),
}

impl Hand {
    /// Asks and waits for the answer. Blocking.
    ///
    /// # Errors
    /// Any [`HandError`].
    pub fn ask(&self, ask: &Ask) -> Result<Answer, HandError> {
        self.ask_with(ask, None)
    }

    /// The same, with a file that goes with the question, held open.
    ///
    /// # Errors
    /// Any [`HandError`].
    pub fn ask_with(&self, ask: &Ask, file: Option<BorrowedFd<'_>>) -> Result<Answer, HandError> {
        let failed = |error: &dyn std::fmt::Display| HandError::Failed(error.to_string());
        let text = serde_json::to_vec(ask).map_err(|error| failed(&error))?;
        let answer = match self {
            Self::Program(program, arguments) => start(program, arguments, (&text, file))?,
            Self::Socket(path) => call(path, (&text, file))?,
            Self::Within(folder) => {
                let file = file.map(|file| file.try_clone_to_owned()).transpose()?;
                let answer = super::answer_with(folder, ask, file, jiff::Timestamp::now());
                return answer.map_err(|error| failed(&error));
            }
        };
        serde_json::from_slice(&answer).map_err(|_| {
            HandError::Failed(String::from_utf8_lossy(&answer).trim().chars().take(500).collect())
        })
    }
}

/// The words of a question, and what goes with them.
type Words<'a> = (&'a [u8], Option<BorrowedFd<'a>>);

fn start(program: &Path, arguments: &[String], (text, file): Words<'_>) -> Result<Vec<u8>, HandError> {
    // A file goes over a socket only.
    let (own, its) = UnixStream::pair()?;
    let mut child = Command::new(program)
        .args(arguments)
        .env_clear()
        .stdin(Stdio::from(OwnedFd::from(its)))
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()?;
    let sent = line::send(own, text, file);
    let mut answer = Vec::new();
    if let Some(pipe) = child.stdout.take() {
        pipe.take(LONGEST_ANSWER).read_to_end(&mut answer)?;
    }
    let status = child.wait()?;
    sent?;
    if status.success() { Ok(answer) } else { Err(HandError::Failed(format!("it ended with {status}"))) }
}

fn call(path: &Path, (text, file): Words<'_>) -> Result<Vec<u8>, HandError> {
    let stream = UnixStream::connect(path)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let stream = UnixStream::from(line::send(stream, text, file)?);
    let mut answer = Vec::new();
    stream.take(LONGEST_ANSWER).read_to_end(&mut answer)?;
    Ok(answer)
}
