//! Runs one of a fixed set of programs: an absolute path, no shell, a time limit, a limit on output.

mod pace;

use pace::Pace;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, ChildStderr, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

/// Most output that is read.
const MAX_OUTPUT: u64 = 8 * 1024 * 1024;
const STEP: Duration = Duration::from_millis(5);
/// Most of what it says went wrong, bytes.
const MOST_SAID: u64 = 4 * 1024;
/// That it says at once when it has ended.
const SAID_WITHIN: Duration = Duration::from_secs(1);

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
    output_with(program, arguments, &[], limit)
}

/// As [`output_of`], with variables of the environment: what other users of the host may not see on a command line.
///
/// # Errors
/// Any [`CommandError`].
pub fn output_with(
    program: &Path,
    arguments: &[&str],
    environment: &[(&str, &str)],
    limit: Duration,
) -> Result<String, CommandError> {
    let mut command = plain(program, arguments);
    answer_of(command.envs(environment.iter().copied()), limit, |_| None)
}

/// As [`output_with`], for a program that has seconds of work to do: it gets less than a tenth of a core.
///
/// # Errors
/// Any [`CommandError`].
pub fn output_slowly(
    program: &Path,
    arguments: &[&str],
    environment: &[(&str, &str)],
    limit: Duration,
) -> Result<String, CommandError> {
    let mut command = plain(program, arguments);
    command.envs(environment.iter().copied()).process_group(0);
    answer_of(&mut command, limit, |child| Some(Pace::of(child)))
}

/// A program with nothing of this process's environment, whose output is read.
fn plain(program: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.args(arguments).env_clear().env("LC_ALL", "C");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn answer_of(
    command: &mut Command,
    limit: Duration,
    pace: impl Fn(&Child) -> Option<Pace>,
) -> Result<String, CommandError> {
    let name = command.get_program().to_string_lossy().into_owned();
    let mut child = command.spawn().map_err(|error| CommandError::Start(name.clone(), error))?;
    let pace = pace(&child);
    let said = said_by(child.stderr.take());
    let pipe = child.stdout.take();
    let (tell, told) = channel();
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        // What was read before an error is the answer; nobody waits any more when it took too long.
        let _ = pipe.map(|pipe| pipe.take(MAX_OUTPUT).read_to_end(&mut bytes));
        let _ = tell.send(bytes);
    });
    let ends = Instant::now() + limit;
    let timeout = || CommandError::Timeout(name.clone(), limit);
    let status = ended(&mut child, ends, pace).ok_or_else(timeout)?;
    // A program that it started may hold its output open: then the answer is not whole.
    let left = ends.saturating_duration_since(Instant::now()).max(SAID_WITHIN);
    let bytes = told.recv_timeout(left).map_err(|_| timeout())?;
    let text = String::from_utf8_lossy(&bytes).into_owned();
    if status.success() {
        return Ok(text);
    }
    Err(failed(name, status, &said, &text))
}

/// How a program ended, if it did by then. Otherwise it is ended.
fn ended(child: &mut Child, ends: Instant, mut pace: Option<Pace>) -> Option<ExitStatus> {
    loop {
        match (child.try_wait(), &mut pace) {
            (Ok(Some(status)), _) => return Some(status),
            (Ok(None), Some(pace)) if Instant::now() < ends => {
                pace.step();
                std::thread::sleep(pace::STEP);
            }
            (Ok(None), None) if Instant::now() < ends => std::thread::sleep(STEP),
            _ => break,
        }
    }
    // Ended already or not: either way it is waited for, so that no dead process stays behind.
    if let Some(pace) = pace {
        pace.end();
    }
    let _ = child.kill();
    let _ = child.wait();
    None
}

/// What a program says on its standard error, for when it fails: its first line that says something, as soon as it is
/// there. The rest is read, so that it need not wait, and thrown away.
pub(crate) fn said_by(pipe: Option<ChildStderr>) -> Receiver<String> {
    let (tell, told) = channel();
    std::thread::spawn(move || {
        let Some(pipe) = pipe else { return };
        let mut pipe = BufReader::new(pipe);
        let lines = pipe.by_ref().take(MOST_SAID).split(b'\n').map_while(Result::ok);
        let mut lines = lines.map(|line| first_line(&String::from_utf8_lossy(&line)));
        // Nobody may be listening any more.
        let _ = tell.send(lines.find(|line| !line.is_empty()).unwrap_or_default());
        let _ = std::io::copy(&mut pipe, &mut std::io::sink());
    });
    told
}

fn first_line(text: &str) -> String {
    let line = text.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default();
    line.chars().filter(|letter| !letter.is_control()).take(200).collect()
}

/// How it ended, and what it said of that: on its standard error, or else where its answer should be.
fn failed(name: String, status: ExitStatus, said: &Receiver<String>, answer: &str) -> CommandError {
    let said = said.recv_timeout(SAID_WITHIN).unwrap_or_default();
    let said = if said.is_empty() { first_line(answer) } else { said };
    CommandError::Failed(name, if said.is_empty() { status.to_string() } else { format!("{status}: {said}") })
}

/// The first lines of the output of a program that may have more to say than anybody wants to hear: it is ended then.
///
/// # Errors
/// Any [`CommandError`].
pub fn first_lines(
    program: &Path,
    arguments: &[&str],
    most: usize,
    limit: Duration,
) -> Result<Vec<String>, CommandError> {
    let name = program.display().to_string();
    let spawned = plain(program, arguments).spawn();
    let mut child = spawned.map_err(|error| CommandError::Start(name.clone(), error))?;
    let said = said_by(child.stderr.take());
    let pipe = child.stdout.take();
    let (tell, told) = channel();
    std::thread::spawn(move || {
        let pipe = pipe.map(|pipe| BufReader::new(pipe.take(MAX_OUTPUT)));
        let lines = pipe.into_iter().flat_map(|pipe| pipe.split(b'\n')).map_while(Result::ok).take(most);
        let lines: Vec<String> = lines.map(|line| String::from_utf8_lossy(&line).into_owned()).collect();
        // Nobody waits any more when it took too long.
        let _ = tell.send(lines);
    });
    let ends = Instant::now() + limit;
    let lines = told.recv_timeout(limit);
    let has_more = lines.as_ref().is_ok_and(|lines| lines.len() >= most);
    if has_more || lines.is_err() {
        // Ended already or not: it is waited for below.
        let _ = child.kill();
    }
    let status = ended(&mut child, ends, None);
    let timeout = || CommandError::Timeout(name.clone(), limit);
    let (lines, status) = (lines.map_err(|_| timeout())?, status.ok_or_else(timeout)?);
    if status.success() || has_more { Ok(lines) } else { Err(failed(name, status, &said, "")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_program_without_end_the_first_lines_are_read() {
        let limit = Duration::from_secs(20);
        assert_eq!(first_lines(Path::new("/usr/bin/yes"), &["a b"], 3, limit).unwrap(), ["a b"; 3]);
        assert!(first_lines(Path::new("/bin/false"), &[], 3, limit).is_err());
        assert!(first_lines(Path::new("/bin/sleep"), &["30"], 3, Duration::from_millis(100)).is_err());
        assert!(first_lines(Path::new("/bin/true"), &[], 3, limit).unwrap().is_empty());
    }

    #[test]
    fn a_program_that_hangs_is_ended() {
        let began = Instant::now();
        let result = output_of(Path::new("/bin/sleep"), &["30"], Duration::from_millis(100));
        assert!(matches!(result, Err(CommandError::Timeout(..))));
        assert!(began.elapsed() < Duration::from_secs(5));
    }

    #[test]
    fn a_program_that_fails_says_why_and_one_that_says_much_does_not_wait() {
        let limit = Duration::from_secs(20);
        let said = |script: &str| {
            output_of(Path::new("/bin/sh"), &["-c", script], limit).map_err(|error| error.to_string())
        };
        let why = said("echo half an answer; echo >&2; echo 'no folder\t/run/x' >&2; echo more >&2; exit 3");
        assert_eq!(why.unwrap_err(), "/bin/sh failed: exit status: 3: no folder/run/x");
        assert_eq!(said("echo cannot; exit 1").unwrap_err(), "/bin/sh failed: exit status: 1: cannot");
        assert_eq!(said("head -c 1000000 /dev/zero >&2; echo done").unwrap(), "done\n");
        let lines = first_lines(Path::new("/bin/sh"), &["-c", "echo no journal >&2; exit 1"], 3, limit);
        assert!(lines.unwrap_err().to_string().ends_with("exit status: 1: no journal"));
    }

    #[test]
    fn a_program_whose_child_lives_on_neither_loses_its_message_nor_holds_the_agent() {
        let run = |script: &str, limit: Duration| {
            output_of(Path::new("/bin/sh"), &["-c", script], limit).map_err(|error| error.to_string())
        };
        let began = Instant::now();
        let why = run("sleep 30 >/dev/null & echo refused >&2; exit 3", Duration::from_secs(20));
        assert_eq!(why.unwrap_err(), "/bin/sh failed: exit status: 3: refused");
        let held = run("echo half; sleep 30 & exit 0", Duration::from_millis(300));
        assert!(held.unwrap_err().contains("no answer"), "the child holds its output open");
        let closed = ["-c", "echo one; exec >&-; sleep 30"];
        let first = first_lines(Path::new("/bin/sh"), &closed, 3, Duration::from_millis(300));
        assert!(matches!(first, Err(CommandError::Timeout(..))));
        assert!(began.elapsed() < Duration::from_secs(10));
    }

    #[test]
    fn a_slow_program_gets_its_share_of_a_core_and_its_whole_answer_comes() {
        // 600 ms of work, whatever the machine does beside it.
        let work = "while [ $(awk '{print $14 + $15}' /proc/$$/stat) -lt 60 ]; do :; done; echo done";
        let began = Instant::now();
        let path = [("PATH", "/usr/bin:/bin")];
        let limit = Duration::from_secs(120);
        assert_eq!(output_slowly(Path::new("/bin/sh"), &["-c", work], &path, limit).unwrap(), "done\n");
        assert!(began.elapsed() > Duration::from_secs(6), "{:?}", began.elapsed());
    }

    #[test]
    fn a_slow_program_that_takes_too_long_is_ended_with_what_it_started() {
        let folder = tempfile::tempdir().unwrap();
        let number = folder.path().join("pid").display().to_string();
        let script = format!("(while :; do :; done) & echo $! > {number}; while :; do :; done");
        let result = output_slowly(Path::new("/bin/sh"), &["-c", &script], &[], Duration::from_millis(500));
        assert!(matches!(result, Err(CommandError::Timeout(..))));
        let pid: i32 = std::fs::read_to_string(&number).unwrap().trim().parse().unwrap();
        let is_gone = || {
            let stat = procfs::process::Process::new(pid).and_then(|process| process.stat());
            stat.is_err() || stat.is_ok_and(|stat| stat.state == 'Z')
        };
        assert!((0..200).any(|_| {
            std::thread::sleep(Duration::from_millis(20));
            is_gone()
        }));
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
