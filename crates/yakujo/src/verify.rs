//! `yakujo verify`: the same verifier as `yakujo-verify`, for whoever has this binary at hand.

use crate::arguments::Verify;
use anyhow::Context;
use std::io::BufReader;
use std::num::NonZeroUsize;
use std::path::Path;
use std::process::ExitCode;
use yakujo_ledger::verdict::{KeptHead, Means, verify};

/// Runs the command. The exit code is that of the verdict: 0 intact, 1 could not be done, 3 found altered.
pub fn run(arguments: &Verify) -> anyhow::Result<ExitCode> {
    let read = |path: &Path| std::fs::read_to_string(path).with_context(|| format!("{}", path.display()));
    let policy = arguments.policy.as_deref().map(read).transpose()?;
    let mut heads = Vec::new();
    for path in &arguments.heads {
        heads.push(KeptHead { name: path.display().to_string(), text: read(path)? });
    }
    let workers = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
    let means = Means { policy: policy.as_deref(), heads: &heads, workers };
    let file =
        std::fs::File::open(&arguments.bundle).with_context(|| format!("{}", arguments.bundle.display()))?;
    let report = verify(BufReader::with_capacity(1 << 20, file), &means)?;
    if arguments.json {
        println!("{:#}", report.to_json());
    } else {
        print!("{}\n{}", report.to_japanese(), report.to_english());
    }
    Ok(ExitCode::from(report.verdict().exit_code()))
}
