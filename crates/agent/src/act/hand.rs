//! How the agent reaches its hand: by starting the program where the agent itself is root, or else through the socket on
//! which systemd starts it.

use super::{Answer, Ask};
use std::io::{Read, Write};
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
        let failed = |error: &dyn std::fmt::Display| HandError::Failed(error.to_string());
        let text = serde_json::to_vec(ask).map_err(|error| failed(&error))?;
        let answer = match self {
            Self::Program(program, arguments) => start(program, arguments, &text)?,
            Self::Socket(path) => call(path, &text)?,
            Self::Within(folder) => {
                return super::answer(folder, ask, jiff::Timestamp::now()).map_err(|error| failed(&error));
            }
        };
        serde_json::from_slice(&answer).map_err(|_| {
            HandError::Failed(String::from_utf8_lossy(&answer).trim().chars().take(500).collect())
        })
    }
}

fn start(program: &Path, arguments: &[String], text: &[u8]) -> Result<Vec<u8>, HandError> {
    let mut child = Command::new(program)
        .args(arguments)
        .env_clear()
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()?;
    if let Some(mut pipe) = child.stdin.take() {
        pipe.write_all(text)?;
    }
    let mut answer = Vec::new();
    if let Some(pipe) = child.stdout.take() {
        pipe.take(LONGEST_ANSWER).read_to_end(&mut answer)?;
    }
    let status = child.wait()?;
    if status.success() { Ok(answer) } else { Err(HandError::Failed(format!("it ended with {status}"))) }
}

fn call(path: &Path, text: &[u8]) -> Result<Vec<u8>, HandError> {
    let mut stream = UnixStream::connect(path)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(text)?;
    stream.shutdown(std::net::Shutdown::Write)?;
    let mut answer = Vec::new();
    stream.take(LONGEST_ANSWER).read_to_end(&mut answer)?;
    Ok(answer)
}
