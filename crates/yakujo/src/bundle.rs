//! `yakujo bundle`: entries and proofs as one file, read from the ledger's own files.

use crate::arguments::Bundle;
use crate::folder;
use anyhow::Context;
use jiff::Timestamp;
use std::io::BufWriter;
use std::path::Path;
use std::process::ExitCode;
use yakujo_ledger::files::{Reader, load_key};

/// Runs the command.
pub fn run(data: &Path, arguments: &Bundle) -> anyhow::Result<ExitCode> {
    let folder = folder::contract(data, &arguments.contract)?;
    crate::console::publish(data, &arguments.contract);
    let ledger = folder.join("ledger");
    let key = load_key(&ledger).context("the key of the ledger")?.verifier();
    let reader = Reader::open(&ledger, &key).context("the ledger")?;
    let end = arguments.count.map_or(u64::MAX, |count| arguments.first.saturating_add(count));
    let file = std::fs::File::create_new(&arguments.output);
    let file =
        file.with_context(|| format!("{} cannot be made (does it exist?)", arguments.output.display()))?;
    let from = yakujo_server::disclose::Source {
        reader: &reader,
        log: &key,
        contract: &arguments.contract,
        witness: yakujo_server::heads::witness_key(&folder)?,
        cosigned: yakujo_server::heads::newest(&folder, reader.size())?,
    };
    let written =
        yakujo_server::disclose::write(&from, arguments.first..end, Timestamp::now(), BufWriter::new(file));
    if written.is_err() {
        // Half a bundle helps nobody, and would be in the way of the next attempt.
        std::fs::remove_file(&arguments.output)?;
    }
    let range = written?;
    println!("{}: {} 件（{} から）", arguments.output.display(), range.end - range.start, range.start);
    Ok(ExitCode::SUCCESS)
}
