//! Runs one of a fixed set of programs: an absolute path, no shell, an environment of its own, a time limit.

use std::io::Read;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// Most output that is read.
const MAX_OUTPUT: u64 = 16 * 1024 * 1024;
/// Between two looks at a running program.
const STEP: Duration = Duration::from_millis(20);

/// Why a program gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum ProgramError {
    /// Not started.
    #[error("{0} could not be started: {1}")]
    Start(String, std::io::Error),
    /// Took too long and was ended.
    #[error("{0} was not done within {1:?} and was ended")]
    Timeout(String, Duration),
}

/// How a program ended.
#[derive(Debug)]
pub struct Ended {
    /// Exit code; none where a signal ended it.
    pub code: Option<i32>,
    /// Standard output.
    pub output: String,
    /// Standard error.
    pub errors: String,
}

impl Ended {
    /// The first line of the errors that is no empty line, cut: enough for an operator.
    #[must_use]
    pub fn reason(&self) -> String {
        let line = self.errors.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or("no message");
        let code = self.code.map_or_else(|| "a signal".to_owned(), |code| code.to_string());
        format!("{} (ended with {code})", line.chars().take(300).collect::<String>())
    }
}

/// What a program is started with.
#[derive(Debug, Default)]
pub struct Call<'a> {
    /// Its arguments.
    pub arguments: Vec<String>,
    /// Its environment; nothing of ours is handed on but what stands here.
    pub environment: Vec<(String, String)>,
    /// Where it works.
    pub folder: Option<&'a Path>,
    /// File that its standard output goes to, instead of the answer.
    pub output_to: Option<std::fs::File>,
    /// File that its standard input comes from.
    pub input_from: Option<std::fs::File>,
}

/// Runs a program to its end.
///
/// # Errors
/// When it could not be started or took too long; how it ended is in the answer.
pub fn run(program: &Path, call: Call<'_>, limit: Duration) -> Result<Ended, ProgramError> {
    let name = program.display().to_string();
    let mut command = Command::new(program);
    command.args(&call.arguments).env_clear().env("LC_ALL", "C").env("PATH", "/usr/bin:/bin");
    command.envs(call.environment.iter().map(|(key, value)| (key, value)));
    if let Some(folder) = call.folder {
        command.current_dir(folder);
    }
    command.stdin(call.input_from.map_or_else(Stdio::null, Stdio::from));
    command.stdout(call.output_to.map_or_else(Stdio::piped, Stdio::from)).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|error| ProgramError::Start(name.clone(), error))?;
    let output = drain(child.stdout.take());
    let errors = drain(child.stderr.take());
    let status = wait(&mut child, limit).ok_or(ProgramError::Timeout(name, limit))?;
    let text = |reader: std::thread::JoinHandle<Vec<u8>>| {
        String::from_utf8_lossy(&reader.join().unwrap_or_default()).into_owned()
    };
    Ok(Ended { code: status.code(), output: text(output), errors: text(errors) })
}

/// Reads a pipe to its end, keeping no more than the limit: a program must not wait for its reader.
fn drain<R: Read + Send + 'static>(pipe: Option<R>) -> std::thread::JoinHandle<Vec<u8>> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        let Some(mut pipe) = pipe else { return bytes };
        // What cannot be read is missing in the answer, and an answer that is cut is not understood.
        let _ = pipe.by_ref().take(MAX_OUTPUT).read_to_end(&mut bytes);
        let _ = std::io::copy(&mut pipe, &mut std::io::sink());
        bytes
    })
}

fn wait(child: &mut Child, limit: Duration) -> Option<ExitStatus> {
    let began = Instant::now();
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return Some(status),
            Ok(None) if began.elapsed() < limit => std::thread::sleep(STEP),
            Ok(None) | Err(_) => {
                // Ended already or not: either way it is waited for, so that no dead process stays behind.
                let _ = child.kill();
                let _ = child.wait();
                return None;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(arguments: &[&str]) -> Call<'static> {
        Call { arguments: arguments.iter().map(|text| (*text).to_owned()).collect(), ..Call::default() }
    }

    #[test]
    fn a_program_that_hangs_is_ended() {
        let ended = run(Path::new("/bin/sleep"), call(&["30"]), Duration::from_millis(100));
        assert!(matches!(ended, Err(ProgramError::Timeout(..))));
    }

    #[test]
    fn how_a_program_ended_is_told_with_its_first_words() {
        let ended = run(Path::new("/bin/ls"), call(&["/no/such/path"]), Duration::from_secs(20)).unwrap();
        assert_eq!(ended.code, Some(2));
        assert!(ended.reason().contains("/no/such/path"), "{}", ended.reason());
        assert!(matches!(
            run(Path::new("/no/such/program"), call(&[]), Duration::from_secs(20)),
            Err(ProgramError::Start(..))
        ));
    }
}
