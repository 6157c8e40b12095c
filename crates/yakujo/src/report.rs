//! `yakujo report`: the monthly report from a bundle, on any machine, or from the data folder: the same bytes as the
//! portal hands out.

use crate::arguments::{Report as Arguments, ReportForm, ReportFormat};
use crate::{folder, paper, replay};
use anyhow::{Context, bail, ensure};
use jiff::Timestamp;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use yakujo_contract::report::Report;
use yakujo_contract::terms::Terms;
use yakujo_ledger::files::{Reader, load_key};
use yakujo_server::monthly::{Reading, digest_of_terms, whole_minute};
use yakujo_server::pages::list;
use yakujo_server::pages::report_face::{self as face, Which};
use yakujo_server::pages::words::Lang;

/// Entries between two words of progress.
const PROGRESS_EVERY: u64 = 100_000;

/// Runs the command.
pub fn run(
    data: impl FnOnce() -> anyhow::Result<PathBuf>,
    arguments: &Arguments,
) -> anyhow::Result<ExitCode> {
    let now = whole_minute(Timestamp::now());
    let until = arguments.until.unwrap_or(now).min(now);
    ensure!(arguments.month.begin() < until, "{} has not begun: nothing is known of it", arguments.month);
    let report = match arguments.files.as_slice() {
        [] => of_data(&data()?, arguments, until)?,
        files => of_files(files, arguments, until)?,
    };
    let bytes = bytes_of(&report, arguments)?;
    match &arguments.output {
        Some(path) => {
            let made = std::fs::File::create_new(path);
            let mut file =
                made.with_context(|| format!("{} cannot be made (does it exist?)", path.display()))?;
            file.write_all(&bytes)?;
            let state = if report.is_whole() { "確定" } else { "途中" };
            println!("{}: {} {state}、台帳 {} 件", path.display(), report.month, report.entries);
        }
        None => std::io::stdout().lock().write_all(&bytes)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn of_data(data: &Path, arguments: &Arguments, until: Timestamp) -> anyhow::Result<Report> {
    let folder = folder::contract(data, &arguments.contract)?;
    crate::console::publish(data, &arguments.contract);
    let ledger = folder.join("ledger");
    let (terms, digest) = terms_of(Some(&folder.join("contract.toml")))?;
    let key = load_key(&ledger).context("the key of the ledger")?;
    let reader = Reader::open(&ledger, &key.verifier()).context("the ledger")?;
    let mut reading = Reading::new(&terms, digest, arguments.month, until);
    for (number, bytes) in (0_u64..).zip(reader.entries(0..reader.size())) {
        let taken = bytes.map_err(anyhow::Error::from).and_then(|bytes| Ok(reading.enter(&bytes)?));
        if !taken.with_context(|| format!("entry {number}"))? {
            break;
        }
        progress(number);
    }
    Ok(reading.finish())
}

/// The terms, and the digest of their file: it stands on the report.
fn terms_of(file: Option<&Path>) -> anyhow::Result<(Terms, String)> {
    let terms = replay::load_terms(file)?;
    let bytes = match file {
        Some(file) => std::fs::read(file).with_context(|| format!("cannot read {}", file.display()))?,
        None => Terms::STANDARD.as_bytes().to_vec(),
    };
    Ok((terms, digest_of_terms(&bytes)))
}

fn of_files(files: &[PathBuf], arguments: &Arguments, until: Timestamp) -> anyhow::Result<Report> {
    let (terms, digest) = terms_of(arguments.terms.as_deref())?;
    let mut reading = Reading::new(&terms, digest, arguments.month, until);
    let mut number = 0_u64;
    for path in files {
        enter_file(&mut reading, path, &mut number)?;
    }
    ensure!(number > 0, "the files hold no entry: nothing to report");
    Ok(reading.finish())
}

/// Bundles go on where the one before ended; a hole would be a report of something else.
fn enter_file(reading: &mut Reading<'_>, path: &Path, number: &mut u64) -> anyhow::Result<()> {
    let file = std::fs::File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
    for (index, line) in BufReader::new(file).lines().enumerate() {
        let line = line.with_context(|| format!("cannot read {}", path.display()))?;
        if index == 0 && line.contains("\"yakujo-bundle/v1\"") {
            let first = first_entry(&line).with_context(|| format!("{} is no bundle", path.display()))?;
            if first != *number {
                bail!(
                    "{} begins at entry {first}, but entry {number} is needed: a report is made of all entries from the first; take a bundle from 0, or name the bundles in order",
                    path.display()
                );
            }
            continue;
        }
        if line.trim().is_empty() || line.starts_with('#') {
            continue;
        }
        let _whether_of_the_month = reading
            .enter(line.as_bytes())
            .with_context(|| format!("{} line {}", path.display(), index.saturating_add(1)))?;
        progress(*number);
        *number = number.saturating_add(1);
    }
    Ok(())
}

/// The number of the first entry of a bundle, from its first line.
fn first_entry(header: &str) -> anyhow::Result<u64> {
    let header: serde_json::Value = serde_json::from_str(header)?;
    header.get("first").and_then(serde_json::Value::as_u64).context("its header names no first entry")
}

fn progress(number: u64) {
    if number > 0 && number.is_multiple_of(PROGRESS_EVERY) {
        eprintln!("{number} …");
    }
}

fn bytes_of(report: &Report, arguments: &Arguments) -> anyhow::Result<Vec<u8>> {
    let lang = if arguments.english { Lang::En } else { Lang::Ja };
    let which = match arguments.form {
        ReportForm::F24 => Which::F24,
        ReportForm::F23 => Which::F23,
    };
    Ok(match arguments.format {
        ReportFormat::Json => face::json(report)?,
        ReportFormat::Csv => list::with_mark(&face::csv(report, which, lang)),
        ReportFormat::Csv932 => list::cp932(&face::csv(report, which, lang), lang),
        ReportFormat::Xlsx => paper::write(face::book(report, which, lang)).map_err(anyhow::Error::msg)?,
        ReportFormat::Pdf => paper::sheet(face::sheet(report, which, lang)).map_err(anyhow::Error::msg)?,
    })
}
