//! Scenario files: entries and the standings they must lead to, as one readable text (`docs/formats/scenario-v1.md`).
//!
//! Lines that begin with `{` are entries (format entry v1), in any order; a building block (`blocks.rs`) stands for the
//! entries that programs and people would have made. `expect TIME DUTY SYSTEM STANDING [WORDS]` says how a
//! duty must stand at an instant, and what its cause must say. `#` begins a comment.

mod blocks;

use crate::court::Court;
use crate::duty::DutyId;
use crate::entry::Entry;
use crate::id::{EntryNumber, SystemId};
use crate::terms::Terms;
use jiff::Timestamp;

/// Largest scenario, bytes.
const MAX_BYTES: usize = 8 << 20;

/// A standing that is not as expected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mismatch {
    /// Line of the expectation, from 1.
    pub line: usize,
    /// What was expected.
    pub expected: String,
    /// What was found, with its cause.
    pub found: String,
}

impl std::fmt::Display for Mismatch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "line {}: expected {}, found {}", self.line, self.expected, self.found)
    }
}

/// What is wrong with a scenario file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {reason}")]
pub struct ScenarioError {
    /// From 1.
    pub line: usize,
    /// What, and what is expected.
    pub reason: String,
}

struct Expectation<'a> {
    line: usize,
    at: Timestamp,
    duty: DutyId,
    system: SystemId,
    standing: &'a str,
    /// Part of the cause, in either language; empty: any.
    words: String,
}

/// Runs a scenario.
///
/// # Errors
/// The first line that is neither entry nor expectation, or a file without expectation.
pub fn run(terms: &Terms, text: &str) -> Result<Vec<Mismatch>, ScenarioError> {
    let (entries, expectations) = read(terms, text)?;
    let mut court = Court::default();
    let mut entries = entries.into_iter().peekable();
    let mut mismatches = Vec::new();
    for expected in expectations {
        while let Some((number, entry)) = entries.next_if(|(_, entry)| entry.received <= expected.at) {
            let _ = court.enter(terms, number, &entry);
        }
        let _ = court.advance(terms, expected.at);
        let ruling = court.ruling(expected.duty, &expected.system);
        let found =
            ruling.as_ref().map_or("nothing: the system is not declared", |r| r.verdict.standing.word());
        let says = |words: &str| {
            let cause = ruling.as_ref().map(|ruling| &ruling.verdict.cause);
            cause.is_some_and(|cause| cause.ja.contains(words) || cause.en.contains(words))
        };
        if found != expected.standing || !(expected.words.is_empty() || says(&expected.words)) {
            let cause = ruling.as_ref().map(|ruling| &ruling.verdict.cause);
            let cause = cause.map_or_else(String::new, |cause| format!(" ({} {})", cause.en, cause.ja));
            let Expectation { duty, standing, at, words, .. } = &expected;
            let wanted = format!("{duty} {standing} {words} at {at}");
            mismatches.push(Mismatch {
                line: expected.line,
                expected: wanted,
                found: format!("{found}{cause}"),
            });
        }
    }
    Ok(mismatches)
}

type Read<'a> = (Vec<(EntryNumber, Entry)>, Vec<Expectation<'a>>);

/// The entries of a scenario, as they were received.
///
/// # Errors
/// The first line that is neither entry, building block nor expectation.
pub fn entries(terms: &Terms, text: &str) -> Result<Vec<Entry>, ScenarioError> {
    Ok(read(terms, text)?.0.into_iter().map(|(_, entry)| entry).collect())
}

fn read<'a>(terms: &Terms, text: &'a str) -> Result<Read<'a>, ScenarioError> {
    if text.len() > MAX_BYTES {
        return Err(ScenarioError { line: 1, reason: format!("a scenario has at most {MAX_BYTES} bytes") });
    }
    let (mut entries, mut expectations) = (Vec::new(), Vec::new());
    for (line, content) in (1..).zip(text.lines()) {
        let wrong = |reason: String| ScenarioError { line, reason };
        let content = content.trim();
        if content.is_empty() || content.starts_with('#') {
            continue;
        }
        if content.starts_with('{') {
            let entry = Entry::from_bytes(content.as_bytes());
            let entry = entry.map_err(|error| wrong(format!("{error}: {}", source_of(&error))))?;
            entries.push(entry);
        } else if let Some(made) = blocks::expand(terms, content).map_err(wrong)? {
            entries.extend(made);
        } else {
            expectations.push(expectation(line, content).map_err(wrong)?);
        }
    }
    if expectations.is_empty() {
        return Err(ScenarioError { line: 1, reason: "the scenario expects nothing".to_owned() });
    }
    let mut entries: Vec<(EntryNumber, Entry)> = (0..).map(EntryNumber).zip(entries).collect();
    entries.sort_by_key(|(number, entry)| (entry.received, *number));
    expectations.sort_by_key(|expected| (expected.at, expected.line));
    Ok((entries, expectations))
}

fn source_of(error: &dyn std::error::Error) -> String {
    error.source().map_or_else(String::new, ToString::to_string)
}

fn expectation(line: usize, content: &str) -> Result<Expectation<'_>, String> {
    let words: Vec<&str> = content.split_whitespace().collect();
    let ["expect", at, duty, system, standing, said @ ..] = words.as_slice() else {
        return Err("a line is an entry, or `expect TIME DUTY SYSTEM STANDING [WORDS]`".to_owned());
    };
    let known = ["kept", "broken", "unknown", "exempt", "not_applicable"];
    if !known.contains(standing) {
        return Err(format!("`{standing}` is no standing: one of {}", known.join(", ")));
    }
    Ok(Expectation {
        line,
        at: blocks::instant(at)?,
        duty: DutyId::parse(duty).map_err(|error| error.to_string())?,
        system: system.parse().map_err(|error: crate::id::NotAnId| error.to_string())?,
        standing,
        words: said.join(" "),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_is_neither_entry_nor_expectation_is_refused_with_its_number() {
        let terms = Terms::standard();
        for (text, reason) in [
            ("# nothing", "expects nothing"),
            ("\nhello", "a line is an entry"),
            ("expect 2026-11-22T00:00:00Z 6.a main fine", "no standing"),
            ("expect yesterday 6.a main kept", "no instant"),
            ("expect 2026-11-22T00:00:00Z 99.a main kept", "not a duty"),
            ("{\"v\":1}", "not an entry"),
        ] {
            let error = run(&terms, text).unwrap_err();
            assert!(error.reason.contains(reason), "{text}: {error}");
        }
    }

    #[test]
    fn a_wrong_expectation_is_told_with_what_was_found() {
        let terms = Terms::standard();
        let mismatches = run(&terms, "expect 2026-11-22T00:00:00Z 6.a main kept").unwrap();
        assert_eq!(mismatches.len(), 1);
        assert!(mismatches[0].to_string().contains("not declared"), "{}", mismatches[0]);
        let blind = "contract main=web-1\nexpect 11-24T00:10 6.a main unknown ";
        assert!(run(&terms, &format!("{blind}web-1")).unwrap().is_empty());
        let other = run(&terms, &format!("{blind}other words")).unwrap();
        assert!(other[0].to_string().contains("other words"), "{}", other[0]);
    }
}
