//! `yakujo doctor`: looks for what is wrong and says what to do.

use crate::arguments::Doctor;
use anyhow::Context;
use jiff::Timestamp;
use serde::Serialize;
use std::path::Path;
use std::process::ExitCode;
use yakujo_contract::entry::Party;
use yakujo_ledger::files::load_key;
use yakujo_server::notices::mail::Mailer;
use yakujo_server::people::queue::{Backlog, Channel, backlog_of};

#[derive(Serialize)]
struct Finding {
    place: String,
    ok: bool,
    words: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    queue: Option<Queue>,
}

/// What of one party's notices has not arrived on one way.
#[derive(Serialize)]
struct Queue {
    party: &'static str,
    channel: &'static str,
    waiting: i64,
    waiting_since: Option<Timestamp>,
    failing: i64,
    failing_since: Option<Timestamp>,
    given_up: i64,
    last_error: String,
}

impl Finding {
    fn of(place: String, ok: bool, words: String) -> Self {
        Self { place, ok, words, queue: None }
    }
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
        findings.push(Finding::of(format!("{name} ledger"), damage.is_empty(), words));
        findings.push(terms(&name, &path));
        findings.extend(notices(&name, &path));
    }
    findings.extend(mail(data));
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
            let words = format!("義務 {} 件。祝日は {until} まで登録されています。", terms.duties.len());
            Finding::of(place, ok, words)
        }
        Err(error) => Finding::of(place, false, format!("{error:#}")),
    }
}

/// The notices of a contract that have not arrived, by party and way.
fn notices(name: &str, folder: &Path) -> Vec<Finding> {
    let file = folder.join("people.db");
    if !file.exists() {
        return Vec::new();
    }
    let place = format!("{name} notices");
    let read = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let read = read.map_err(anyhow::Error::from).and_then(|runtime| Ok(runtime.block_on(backlog_of(&file))?));
    match read {
        Err(error) => vec![Finding::of(place, false, format!("{error:#}"))],
        Ok(all) if all.is_empty() => {
            vec![Finding::of(place, true, "お知らせはすべて届いています。".to_owned())]
        }
        Ok(all) => all.into_iter().map(|backlog| waiting(&place, backlog)).collect(),
    }
}

fn waiting(place: &str, backlog: Backlog) -> Finding {
    let ok = !backlog.is_trouble(Timestamp::now());
    let party = match backlog.party {
        Party::City => "city",
        Party::Contractor => "contractor",
        Party::Auditor => "auditor",
    };
    let since = |at: Option<Timestamp>| at.map(yakujo_contract::standing::jst).unwrap_or_default();
    let mut words = format!("待ち {} 件", backlog.waiting);
    if backlog.waiting > 0 {
        words.push_str(&format!("（最も古いもの {}）", since(backlog.since)));
    }
    if backlog.failing > 0 {
        words.push_str(&format!(
            "、うち失敗 {} 件（{} から）",
            backlog.failing,
            since(backlog.failing_since)
        ));
    }
    words.push_str(&format!("、断念 {} 件。", backlog.given_up));
    if !backlog.why.is_empty() {
        words.push_str(&format!("直前の失敗：{}。", backlog.why));
    }
    if !ok {
        words.push_str(match backlog.channel {
            Channel::Mail => "mail.toml とメールサーバを確かめ、直ったら画面の「送信の状況」で「もう一度送る」を押してもらってください。",
            Channel::Webhook => "受け取る側と証明書（webhook-ca.pem）を確かめ、直ったら画面の「送信の状況」で「もう一度送る」を押してもらってください。",
        });
    }
    let channel = backlog.channel.word();
    let queue = Queue {
        party,
        channel,
        waiting: backlog.waiting,
        waiting_since: backlog.since,
        failing: backlog.failing,
        failing_since: backlog.failing_since,
        given_up: backlog.given_up,
        last_error: backlog.why,
    };
    Finding { place: format!("{place} {party} {channel}"), ok, words, queue: Some(queue) }
}

/// Whether mail could go out, where it is set up.
fn mail(data: &Path) -> Option<Finding> {
    let place = "mail.toml".to_owned();
    match Mailer::open(data) {
        Ok(None) => None,
        Ok(Some(_)) => Some(Finding::of(place, true, "メールの設定を読めました。".to_owned())),
        Err(error) => Some(Finding::of(
            place,
            false,
            format!("{error}。直るまでメールは待ちます。docs/operator.md の Mail を見てください。"),
        )),
    }
}

fn server(data: &Path) -> Finding {
    let running = std::os::unix::net::UnixStream::connect(data.join(yakujo_server::console::SOCKET)).is_ok();
    let words = if running {
        "サーバが動いています。"
    } else {
        "サーバは動いていません。`yakujo up` か `yakujo serve` で始めてください。"
    };
    Finding::of("server".to_owned(), running, words.to_owned())
}
