//! The long form of the damage test: changes every byte of every file of a small ledger, one after the other, and
//! ends with an error when the full check misses one or names another file. Usage: `soak [STEP]`; with a step only
//! every so-manyth byte.

#[path = "../tests/support/mod.rs"]
mod support;

use std::process::ExitCode;

fn main() -> ExitCode {
    let step = std::env::args().nth(1).and_then(|step| step.parse().ok()).unwrap_or(1).max(1);
    let folder = tempfile::tempdir().expect("a folder for temporary files");
    let path = folder.path().join("ledger");
    support::ledger_with_all_kinds_of_files(&path);
    let mut missed = 0;
    for file in support::files_below(&path) {
        let found = support::changes_not_found(&path, &file, step);
        missed += found.len();
        println!("{}: {} changes not found", file.display(), found.len());
        found.iter().for_each(|what| println!("  {what}"));
    }
    if missed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
