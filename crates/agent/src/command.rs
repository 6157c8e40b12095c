//! Runs one of a fixed set of programs: an absolute path, no shell, a time limit, a limit on output.

use std::io::Read;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Most output that is read.
const MAX_OUTPUT: u64 = 8 * 1024 * 1024;
const STEP: Duration = Duration::from_millis(5);

/// Why a program gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// Not started.
    #[error("{0} could not be started: {1}")]
    Start(String, std::io::Error),
    /// Took too long and was ended.
    #[error("{0} gave no answer within {1:?}")]
    Timeout(String, Duration),
    /// Ended with an error.
    #[error("{0} failed: {1}")]
    Failed(String, String),
}

/// The output of `program arguments…`, read with the plain locale.
///
/// # Errors
/// Any [`CommandError`].
pub fn output_of(program: &Path, arguments: &[&str], limit: Duration) -> Result<String, CommandError> {
    let name = program.display().to_string();
    let mut child = Command::new(program)
        .args(arguments)
        .env_clear()
        .env("LC_ALL", "C")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| CommandError::Start(name.clone(), error))?;
    let pipe = child.stdout.take();
    let reader = std::thread::spawn(move || {
        let mut bytes = Vec::new();
        let read = pipe.map(|pipe| pipe.take(MAX_OUTPUT).read_to_end(&mut bytes));
        (bytes, read)
    });
    let began = Instant::now();
    let status = loop {
        match child.try_wait() {
            Ok(Some(status)) => break status,
            Ok(None) if began.elapsed() < limit => std::thread::sleep(STEP),
            Ok(None) | Err(_) => {
                // Ended already or not: either way it is waited for, so that no dead process stays behind.
                let _ = child.kill();
                let _ = child.wait();
                return Err(CommandError::Timeout(name, limit));
            }
        }
    };
    let bytes = reader.join().map(|(bytes, _)| bytes).unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes).into_owned();
    if status.success() {
        return Ok(text);
    }
    let first = text.lines().next().unwrap_or_default();
    Err(CommandError::Failed(name, format!("{status} {}", first.chars().take(200).collect::<String>())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_hangs_is_ended() {
        let began = Instant::now();
        let result = output_of(Path::new("/bin/sleep"), &["30"], Duration::from_millis(100));
        assert!(matches!(result, Err(CommandError::Timeout(..))));
        assert!(began.elapsed() < Duration::from_secs(5));
    }

    #[test]
    fn a_program_that_fails_is_an_error_and_not_an_empty_answer() {
        assert!(matches!(
            output_of(Path::new("/bin/false"), &[], Duration::from_secs(5)),
            Err(CommandError::Failed(..))
        ));
        assert!(matches!(
            output_of(Path::new("/nowhere/x"), &[], Duration::from_secs(5)),
            Err(CommandError::Start(..))
        ));
        assert_eq!(output_of(Path::new("/bin/echo"), &["a b"], Duration::from_secs(5)).unwrap(), "a b\n");
    }
}
