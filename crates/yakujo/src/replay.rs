//! `yakujo replay`: judges files of entries without a server, by the same court as the server.

use crate::arguments::Replay;
use crate::standings::Standings;
use anyhow::{Context, bail};
use jiff::Timestamp;
use std::path::Path;
use std::process::ExitCode;
use yakujo_contract::court::Court;
use yakujo_contract::entry::Entry;
use yakujo_contract::id::EntryNumber;
use yakujo_contract::terms::Terms;

/// Runs the command.
pub fn run(arguments: &Replay) -> anyhow::Result<ExitCode> {
    let terms = load_terms(arguments.terms.as_deref())?;
    if let Some(scenario) = &arguments.expect {
        return expect(&terms, scenario);
    }
    let mut entries = Vec::new();
    for file in &arguments.files {
        entries.extend(read_entries(file)?);
    }
    // The order in the files does not matter: entries are entered as they were received.
    entries.sort_by_key(|(number, entry)| (entry.received, *number));
    let at = arguments.at.or_else(|| entries.last().map(|(_, entry)| entry.received));
    let Some(at) = at else { bail!("the files hold no entry: nothing to judge") };
    let court = judge(&terms, &entries, at);
    let standings = Standings::of(&terms, &court, "replay", at);
    if arguments.json {
        println!("{}", serde_json::to_string(&standings)?);
    } else {
        standings.print();
    }
    Ok(ExitCode::SUCCESS)
}

/// The contract file, or the standard terms.
pub fn load_terms(file: Option<&Path>) -> anyhow::Result<Terms> {
    let Some(file) = file else { return Ok(Terms::standard()) };
    let text = std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    Terms::parse(&text).with_context(|| format!("{} is not a contract file", file.display()))
}

fn judge(terms: &Terms, entries: &[(EntryNumber, Entry)], at: Timestamp) -> Court {
    let mut court = Court::default();
    for (number, entry) in entries.iter().filter(|(_, entry)| entry.received <= at) {
        court.enter(terms, *number, entry);
    }
    court.advance(terms, at);
    court
}

/// Lines of entries; the first line of a bundle and its lines beginning with `#` are passed over.
fn read_entries(file: &Path) -> anyhow::Result<Vec<(EntryNumber, Entry)>> {
    let text = std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    let mut entries = Vec::new();
    let mut number = 0_u64;
    for (index, line) in text.lines().enumerate() {
        if line.trim().is_empty()
            || line.starts_with('#')
            || (index == 0 && line.contains("\"yakujo-bundle/v1\""))
        {
            continue;
        }
        let entry = Entry::from_bytes(line.as_bytes())
            .with_context(|| format!("{} line {}", file.display(), index.saturating_add(1)))?;
        entries.push((EntryNumber(number), entry));
        number = number.saturating_add(1);
    }
    Ok(entries)
}

fn expect(terms: &Terms, file: &Path) -> anyhow::Result<ExitCode> {
    let text = std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    let mismatches =
        yakujo_contract::scenario::run(terms, &text).with_context(|| format!("{}", file.display()))?;
    for mismatch in &mismatches {
        println!("{}: {mismatch}", file.display());
    }
    if mismatches.is_empty() {
        println!("{}: as expected", file.display());
        return Ok(ExitCode::SUCCESS);
    }
    Ok(ExitCode::FAILURE)
}
