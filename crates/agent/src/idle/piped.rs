//! A session of a program that takes lines and answers them: a shell by SSH, a client of a data base. Whether it lives is asked
//! with a sum, so that an echo of the question is not taken for an answer.

use crate::command::said_by;
use std::io::{Read as _, Write as _};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::{Duration, Instant};
use yakujo_probe::session::Asked;

/// An answer comes within so long.
const LIMIT: Duration = Duration::from_secs(20);
/// Most that is kept of what it says, bytes.
const MOST: usize = 64 * 1024;
const FACTOR: u32 = 7;

/// A line that has the product of a number and seven said, behind `yak`.
pub type Words = fn(u32) -> String;

/// A session that is open.
#[derive(Debug)]
pub struct Piped {
    child: Child,
    stdin: ChildStdin,
    told: Receiver<Vec<u8>>,
    said: Receiver<String>,
    words: Words,
    turn: u32,
}

impl Piped {
    /// Starts the program, and waits until it answers.
    ///
    /// # Errors
    /// What it said of why it does not.
    pub fn open(mut command: Command, words: Words) -> Result<Self, String> {
        let given: Vec<_> =
            command.get_envs().map(|(name, value)| (name.to_owned(), value.map(ToOwned::to_owned))).collect();
        command.env_clear().env("LC_ALL", "C").env("TERM", "dumb").env("PATH", "/usr/bin:/bin");
        command.envs(given.into_iter().filter_map(|(name, value)| Some((name, value?))));
        let pipes = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = pipes.spawn().map_err(|error| error.to_string())?;
        let said = said_by(child.stderr.take());
        let (Some(stdin), Some(mut stdout)) = (child.stdin.take(), child.stdout.take()) else {
            return Err("it has no pipes".to_owned());
        };
        // One that says much waits until somebody asks.
        let (tell, told) = sync_channel(4);
        std::thread::spawn(move || {
            let mut part = [0_u8; 4096];
            while let Ok(count @ 1..) = stdout.read(&mut part) {
                if tell.send(part.get(..count).unwrap_or_default().to_vec()).is_err() {
                    return;
                }
            }
        });
        let mut session = Self { child, stdin, told, said, words, turn: 1_000 };
        match session.ask() {
            Asked::Alive => Ok(session),
            Asked::Ended => Err(session.why()),
            Asked::Unclear(why) => Err(why),
        }
    }

    fn why(&self) -> String {
        let said = self.said.recv_timeout(Duration::from_secs(1)).unwrap_or_default();
        if said.is_empty() { "it ended before it answered".to_owned() } else { said }
    }

    /// Asks; that is use of the session.
    pub fn ask(&mut self) -> Asked {
        self.turn = self.turn.saturating_add(1);
        let wanted = format!("yak{}", self.turn.saturating_mul(FACTOR));
        let line = (self.words)(self.turn);
        if self.stdin.write_all(line.as_bytes()).and_then(|()| self.stdin.flush()).is_err() {
            return Asked::Ended;
        }
        let ends = Instant::now() + LIMIT;
        let mut heard = Vec::new();
        loop {
            match self.told.recv_timeout(ends.saturating_duration_since(Instant::now())) {
                Ok(part) => heard.extend(part),
                Err(RecvTimeoutError::Disconnected) => return Asked::Ended,
                Err(RecvTimeoutError::Timeout) => {
                    return Asked::Unclear(format!("no answer within {LIMIT:?}"));
                }
            }
            if heard.windows(wanted.len()).any(|part| part == wanted.as_bytes()) {
                return Asked::Alive;
            }
            let more = heard.len().saturating_sub(MOST);
            heard.drain(..more);
        }
    }
}

impl Drop for Piped {
    fn drop(&mut self) {
        // Ended already or not: either way it is waited for, so that no dead process stays behind.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn an_echo_is_no_answer_and_one_that_ends_says_why() {
        let words: Words = |number| format!("echo yak$(({number}*7))\n");
        let mut session = Piped::open(shell("exec /bin/sh"), words).unwrap();
        assert_eq!(session.ask(), Asked::Alive);
        let why = Piped::open(shell("echo Permission denied >&2; exit 255"), words).unwrap_err();
        assert_eq!(why, "Permission denied");
        let mut session = Piped::open(shell("read line; eval \"$line\"; exec cat"), words).unwrap();
        session.child.kill().unwrap();
        session.child.wait().unwrap();
        assert_eq!(session.ask(), Asked::Ended);
    }
}
