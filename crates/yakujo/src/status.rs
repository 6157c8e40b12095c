//! `yakujo status`: how every duty stands, now or at a past moment, from the ledger's own entries.

use crate::arguments::Status;
use crate::folder;
use crate::standings::Standings;
use anyhow::Context;
use jiff::Timestamp;
use std::path::Path;
use std::process::ExitCode;
use yakujo_contract::court::Court;
use yakujo_contract::entry::Entry;
use yakujo_contract::id::EntryNumber;
use yakujo_contract::terms::Terms;
use yakujo_ledger::files::{Reader, load_key};

/// Entries between two words of progress.
const PROGRESS_EVERY: u64 = 100_000;

/// Runs the command.
pub fn run(data: &Path, arguments: &Status) -> anyhow::Result<ExitCode> {
    let folder = folder::contract(data, &arguments.contract)?;
    crate::console::publish(data, &arguments.contract);
    let at = arguments.at.unwrap_or_else(Timestamp::now);
    let terms = crate::replay::load_terms(Some(&folder.join("contract.toml")))?;
    let court = judge(&terms, &folder.join("ledger"), at)?;
    let standings = Standings::of(&terms, &court, &arguments.contract, at);
    if arguments.json {
        println!("{}", serde_json::to_string(&standings)?);
    } else {
        standings.print();
    }
    Ok(ExitCode::SUCCESS)
}

fn judge(terms: &Terms, ledger: &Path, at: Timestamp) -> anyhow::Result<Court> {
    judge_each(terms, ledger, at, |_| {})
}

/// The court at an instant; each entry that it takes in is shown on the way.
pub fn judge_each(
    terms: &Terms,
    ledger: &Path,
    at: Timestamp,
    mut show: impl FnMut(&Entry),
) -> anyhow::Result<Court> {
    let key = load_key(ledger).context("the key of the ledger")?;
    let reader = Reader::open(ledger, &key.verifier()).context("the ledger")?;
    let mut court = Court::default();
    for (number, bytes) in (0_u64..).zip(reader.entries(0..reader.size())) {
        let bytes = bytes.with_context(|| format!("entry {number}"))?;
        let entry = Entry::from_bytes(&bytes).with_context(|| format!("entry {number}"))?;
        if entry.received > at {
            break;
        }
        show(&entry);
        court.enter(terms, EntryNumber(number), &entry);
        if number > 0 && number % PROGRESS_EVERY == 0 {
            eprintln!("{number} / {} …", reader.size());
        }
    }
    court.advance(terms, at);
    Ok(court)
}
