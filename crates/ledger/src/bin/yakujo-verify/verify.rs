//! Verifying a bundle: the files of the city in, a report out.

use crate::arguments::{Form, Verify};
use crate::file::read_small;
use std::fs::File;
use std::io::BufReader;
use std::num::NonZeroUsize;
use std::thread::available_parallelism;
use yakujo_ledger::verdict::{KeptHead, Means, verify};

/// Prints the report; the code is that of the verdict.
pub fn run(arguments: &Verify) -> Result<u8, String> {
    let policy = arguments.policy.as_deref().map(read_small).transpose()?;
    let mut heads = Vec::with_capacity(arguments.heads.len());
    for path in &arguments.heads {
        let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
        heads.push(KeptHead { name, text: read_small(path)? });
    }
    let workers = available_parallelism().unwrap_or(NonZeroUsize::MIN);
    let means = Means { policy: policy.as_deref(), heads: &heads, workers };
    let failed = |error| format!("{} cannot be read: {error}", arguments.bundle.display());
    let file = File::open(&arguments.bundle).map_err(failed)?;
    let report = verify(BufReader::with_capacity(1 << 20, file), &means).map_err(failed)?;
    match arguments.form {
        Form::Json => println!("{:#}", report.to_json()),
        Form::Japanese => print!("{}", report.to_japanese()),
        Form::English => print!("{}", report.to_english()),
        Form::Both => print!("{}\n{}", report.to_japanese(), report.to_english()),
    }
    Ok(report.verdict().exit_code())
}
