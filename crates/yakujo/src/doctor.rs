//! `yakujo doctor`: looks for what is wrong and says what to do.

use crate::arguments::Doctor;
use anyhow::Context;
use serde::Serialize;
use std::path::Path;
use std::process::ExitCode;
use yakujo_ledger::files::load_key;

#[derive(Serialize)]
struct Finding {
    place: String,
    ok: bool,
    words: String,
}

/// Runs the command; exit code 1 when something is wrong, 3 when a ledger is damaged.
pub fn run(data: &Path, arguments: &Doctor) -> anyhow::Result<ExitCode> {
    let mut findings = Vec::new();
    let mut damaged = false;
    let folder = data.join("contracts");
    let contracts = std::fs::read_dir(&folder).with_context(|| {
        format!(
            "{} holds no contract: start with `yakujo up`, or name the folder with --data",
            data.display()
        )
    })?;
    for found in contracts {
        let path = found?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let damage = ledger(&path.join("ledger"))?;
        damaged |= !damage.is_empty();
        let words = if damage.is_empty() {
            "台帳に異常はありません。".to_owned()
        } else {
            damage.join("\n")
        };
        findings.push(Finding { place: format!("{name} ledger"), ok: damage.is_empty(), words });
        findings.push(terms(&name, &path));
    }
    findings.push(server(data));
    if arguments.json {
        println!("{}", serde_json::to_string(&findings)?);
    } else {
        for finding in &findings {
            println!("{} {}: {}", if finding.ok { "○" } else { "×" }, finding.place, finding.words);
        }
    }
    Ok(match (damaged, findings.iter().all(|finding| finding.ok)) {
        (true, _) => ExitCode::from(3),
        (false, true) => ExitCode::SUCCESS,
        (false, false) => ExitCode::FAILURE,
    })
}

/// What is wrong with a ledger, in words; empty when nothing is.
pub fn ledger(folder: &Path) -> anyhow::Result<Vec<String>> {
    let key = load_key(folder).with_context(|| format!("the key in {}", folder.display()))?.verifier();
    let report = yakujo_ledger::fsck::fsck(folder, &key, &[])?;
    let words = report.damage.iter().map(|damage| {
        format!(
            "{}: {} — この控えは使わず、控え（バックアップ）から戻してください。",
            damage.file.display(),
            damage.what
        )
    });
    Ok(words.collect())
}

fn terms(name: &str, folder: &Path) -> Finding {
    let place = format!("{name} contract.toml");
    match crate::replay::load_terms(Some(&folder.join("contract.toml"))) {
        Ok(terms) => {
            let until = terms.calendar.holidays_until;
            let short = jiff::Timestamp::now().to_zoned(yakujo_contract::calendar::japan()).date();
            let months = short.until(until).map_or(0, |span| span.get_days());
            let ok = months > 0;
            Finding {
                place,
                ok,
                words: format!("義務 {} 件。祝日は {until} まで登録されています。", terms.duties.len()),
            }
        }
        Err(error) => Finding { place, ok: false, words: format!("{error:#}") },
    }
}

fn server(data: &Path) -> Finding {
    let running = std::os::unix::net::UnixStream::connect(data.join(yakujo_server::console::SOCKET)).is_ok();
    let words = if running {
        "サーバが動いています。"
    } else {
        "サーバは動いていません。`yakujo up` か `yakujo serve` で始めてください。"
    };
    Finding { place: "server".to_owned(), ok: running, words: words.to_owned() }
}
