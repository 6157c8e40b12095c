//! Results of backup products that this program does not run: read from a file that the operator has them written to
//! (`docs/formats/backup-results-v1.md`), told once each, and named as imported.

use crate::{reading, system};
use jiff::Timestamp;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::Path;
use yakujo_contract::fact::backup::{BackupCheck, BackupRun, RestoreDrill};
use yakujo_contract::fact::{Coverage, Fact};

/// Largest file.
const MOST_BYTES: u64 = 4 * 1024 * 1024;
/// Most results in a file.
const MOST_RESULTS: usize = 2_000;
/// Longest text.
const MOST_LETTERS: usize = 300;

/// The file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Results {
    v: u8,
    product: String,
    #[serde(default)]
    runs: Vec<BackupRun>,
    #[serde(default)]
    checks: Vec<BackupCheck>,
    #[serde(default)]
    drills: Vec<RestoreDrill>,
}

/// Until when results were told, by kind and job.
pub type Told = BTreeMap<String, Timestamp>;

/// The results of a file that were not told yet, oldest first; `told` moves on.
///
/// # Errors
/// A sentence that says what is wrong with the file. Nothing of it is told then.
pub fn read(file: &Path, told: &mut Told, now: Timestamp) -> Result<Vec<Fact>, String> {
    let mut bytes = Vec::new();
    let open = std::fs::File::open(file).map_err(|error| error.to_string())?;
    open.take(MOST_BYTES.saturating_add(1)).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
    let facts = parse(&bytes, now)?;
    let mut news = Vec::new();
    for (key, ended, fact) in facts {
        let last = told.entry(key).or_insert(Timestamp::MIN);
        if ended > *last {
            *last = ended;
            news.push(fact);
        }
    }
    Ok(news)
}

/// Reads the text of a file: every result with the key it is remembered by, and its end, oldest first.
///
/// # Errors
/// A sentence that says what is wrong.
pub fn parse(bytes: &[u8], now: Timestamp) -> Result<Vec<(String, Timestamp, Fact)>, String> {
    if u64::try_from(bytes.len()).is_ok_and(|len| len > MOST_BYTES) {
        return Err(format!("has more than {MOST_BYTES} bytes"));
    }
    let results: Results = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
    if results.v != 1 {
        return Err(format!("`v` is {}, not 1", results.v));
    }
    let count = results.runs.len().saturating_add(results.checks.len()).saturating_add(results.drills.len());
    if count > MOST_RESULTS {
        return Err(format!("has more than {MOST_RESULTS} results"));
    }
    let tool = format!("{} (imported)", results.product);
    let mut facts = Vec::new();
    for run in results.runs {
        texts(&[&run.job, &run.asset, &run.snapshot, &run.repository, &run.medium, &run.reason, &tool])?;
        if run.started > run.ended || run.coverage != Coverage::default() && run.coverage.reason.is_empty() {
            return Err(format!(
                "a run of `{}` ends before it began, or has a gap without a reason",
                run.job
            ));
        }
        let run = BackupRun { tool: tool.clone(), ..run };
        facts.push((format!("run {}", run.job), run.ended, Fact::BackupRun(run)));
    }
    for check in results.checks {
        texts(&[&check.job, &check.repository, &check.reason])?;
        if check.read_percent > 100 {
            return Err(format!("a check of `{}` read more than everything", check.repository));
        }
        let check = BackupCheck { tool: tool.clone(), ..check };
        let key = format!("check {} {:?}", check.repository, check.key);
        facts.push((key, check.ended, Fact::BackupCheck(check)));
    }
    for drill in results.drills {
        texts(&[&drill.job, &drill.snapshot, &drill.reason])?;
        let drill = RestoreDrill { tool: tool.clone(), ..drill };
        facts.push((format!("drill {}", drill.job), drill.ended, Fact::RestoreDrill(drill)));
    }
    if facts.iter().any(|(_, ended, _)| *ended > now) {
        return Err("a result ends in the future: compare the clocks".to_owned());
    }
    facts.sort_by_key(|(_, ended, _)| *ended);
    Ok(facts)
}

fn texts(texts: &[&str]) -> Result<(), String> {
    let is_wrong = |text: &&&str| text.chars().count() > MOST_LETTERS || text.chars().any(char::is_control);
    match texts.iter().find(is_wrong) {
        Some(text) => Err(format!("a text is too long or has control characters: {}", shown(text))),
        None => Ok(()),
    }
}

fn shown(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(40).collect()
}

/// What tells one state of a file from another without reading it.
#[must_use]
pub fn mark(file: &Path) -> String {
    let about = std::fs::metadata(file);
    let text = about.map_or_else(|error| error.kind().to_string(), |about| system::mark(&about));
    reading::digest_of(&text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NOW: &str = "2026-11-23T00:00:00Z";

    const GOOD: &str = r#"{"v":1,"product":"Example Backup 9.1","runs":[
        {"job":"nightly","asset":"住民台帳","snapshot":"4711","files":20,"bytes":1000,"added":10,"repository":"tape-1",
         "medium":"server","encrypted":true,"started":"2026-11-22T03:00:00Z","ended":"2026-11-22T03:05:00Z","result":"done"}],
        "checks":[{"repository":"tape-1","tool":"","read_percent":5,"errors":0,"ended":"2026-11-22T04:00:00Z"}],
        "drills":[{"job":"nightly","snapshot":"4711","tool":"","files_compared":20,"mismatches":0,"took_s":60,
         "ended":"2026-11-22T05:00:00Z"}]}"#;

    fn now() -> Timestamp {
        NOW.parse().unwrap()
    }

    #[test]
    fn results_are_told_once_and_named_as_imported() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), GOOD).unwrap();
        let mut told = Told::new();
        let facts = read(file.path(), &mut told, now()).unwrap();
        assert_eq!(
            facts.iter().map(Fact::kind).collect::<Vec<_>>(),
            ["backup.run", "backup.check", "backup.restore_drill"]
        );
        assert!(matches!(&facts[0], Fact::BackupRun(run) if run.tool == "Example Backup 9.1 (imported)"));
        assert!(read(file.path(), &mut told, now()).unwrap().is_empty());
        let later = GOOD.replace("2026-11-22T03:05", "2026-11-22T09:05");
        std::fs::write(file.path(), later).unwrap();
        assert_eq!(read(file.path(), &mut told, now()).unwrap().len(), 1);
    }

    #[test]
    fn what_is_not_understood_is_refused_as_a_whole() {
        assert_eq!(parse(GOOD.as_bytes(), now()).unwrap().len(), 3);
        for (from, to) in [
            ("\"v\":1", "\"v\":2"),
            ("\"v\":1", "\"v\":1,\"w\":1"),
            ("\"result\":\"done\"", "\"result\":\"perhaps\""),
            ("\"result\":\"done\"", "\"result\":\"done\",\"x\":1"),
            ("\"read_percent\":5", "\"read_percent\":101"),
            ("2026-11-22T03:05", "2026-11-21T03:05"),
            ("2026-11-22T05:00", "2026-12-22T05:00"),
            ("住民台帳", "住民\\n台帳"),
            ("\"bytes\":1000", "\"bytes\":-1"),
        ] {
            let bad = GOOD.replace(from, to);
            assert_ne!(bad, GOOD);
            assert!(parse(bad.as_bytes(), now()).is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_reader_fail(bytes in prop::collection::vec(any::<u8>(), 0..200), at in 0_usize..600, with in any::<u8>()) {
            let _ = parse(&bytes, now());
            let mut disturbed = GOOD.as_bytes().to_vec();
            let at = at % disturbed.len();
            disturbed[at] = with;
            // Whatever is read: nothing of it lies in the future, and its texts are plain.
            if let Ok(facts) = parse(&disturbed, now()) {
                prop_assert!(facts.iter().all(|(_, ended, _)| *ended <= now()));
            }
        }
    }
}
