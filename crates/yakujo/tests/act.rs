//! `yakujo act` as the agent starts it: one question, one answer, confined, with the real `nft`. Needs root.
#![expect(clippy::unwrap_used, reason = "what a test needs fails like the test")]

use jiff::{SignedDuration, Timestamp};
use std::io::Write as _;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::{Command, Stdio};
use yakujo_agent::act::hand::Hand;
use yakujo_agent::act::{Answer, Ask, Elsewhere};
use yakujo_contract::fact::Fact;
use yakujo_contract::fact::agent::OrderResult;
use yakujo_contract::order::{Order, Work};
use yakujo_ledger::note::{Note, SigningKey};

const YAKUJO: &str = env!("CARGO_BIN_EXE_yakujo");

/// One question, in a network of its own.
fn ask(data: &Path, ask: &Ask) -> Answer {
    let mut child = Command::new("/usr/bin/unshare")
        .args(["--net", YAKUJO, "--data"])
        .arg(data)
        .arg("act")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(&serde_json::to_vec(ask).unwrap()).unwrap();
    let done = child.wait_with_output().unwrap();
    assert!(done.status.success(), "{:?} failed", ask);
    serde_json::from_slice(&done.stdout).unwrap()
}

fn order(data: &Path, key: &SigningKey, id: &str, work: Work) -> (OrderResult, String) {
    let now = Timestamp::now();
    let order = Order {
        order: id.parse().unwrap(),
        host: "web-1".parse().unwrap(),
        request: "q-1".parse().unwrap(),
        issued: now,
        expires: now + SignedDuration::from_hours(1),
        work,
    };
    let mut note = Note::unsigned(&order.text().unwrap()).unwrap();
    key.sign(&mut note).unwrap();
    let peers = vec!["192.0.2.10:8444".parse().unwrap()];
    let answer = ask(data, &Ask::Order { note: note.to_string(), peers, elsewhere: Elsewhere::NotSought });
    let outcome = answer.told.iter().rev().find_map(|told| match &told.fact {
        Fact::OrderOutcome(outcome) => Some((outcome.result, outcome.reason.clone())),
        _ => None,
    });
    outcome.unwrap()
}

#[test]
fn the_process_that_acts_answers_one_question_confined_to_what_it_needs() {
    let folder = tempfile::tempdir().unwrap();
    let (data, site) = (folder.path().join("data"), folder.path().join("www"));
    std::fs::create_dir(&site).unwrap();
    let page = site.join("index.html");
    std::fs::write(&page, "welcome").unwrap();
    let key = SigningKey::from_seed("yakujo-orders/k-1", &[7; 32]).unwrap();
    let pinned = ask(&data, &Ask::Pin { host: "web-1".parse().unwrap(), key: key.verifier().to_string() });
    assert!(pinned.pinned.is_some() && pinned.told.is_empty());
    ask(&data, &Ask::Hold { roots: vec![site.to_str().unwrap().to_owned()] });
    let ready = ask(&data, &Ask::Ready { peers: vec!["192.0.2.10:8444".parse().unwrap()] });
    assert!(
        matches!(&ready.told[..], [told] if matches!(&told.fact, Fact::IsolationState(it) if !it.isolated))
    );

    std::fs::write(&page, "defaced").unwrap();
    // SHA-256 of `welcome`.
    let digest = "280d44ab1e9f79b5cce2dd4f58f5fe91f0fbacdac9f7447dffc318ceb79f2d02".to_owned();
    let work = Work::Restore { path: page.to_str().unwrap().to_owned(), digest: digest.try_into().unwrap() };
    let (result, reason) = order(&data, &key, "o-1", work);
    assert_eq!(
        (result, std::fs::read_to_string(&page).unwrap().as_str()),
        (OrderResult::Done, "welcome"),
        "{reason}"
    );
    let until = Timestamp::now() + SignedDuration::from_mins(30);
    let (result, reason) = order(&data, &key, "o-2", Work::Isolate { until });
    assert_eq!(result, OrderResult::Done, "{reason}");

    // By hand, by root, and told at the next question.
    let released = Command::new("/usr/bin/unshare")
        .args(["--net", YAKUJO, "--data"])
        .arg(&data)
        .args(["host", "release"])
        .status()
        .unwrap();
    assert!(released.success());
    let told = ask(&data, &Ask::Look {}).told;
    let last = serde_json::to_value(&told.last().unwrap().fact).unwrap();
    assert_eq!((last["isolated"].as_bool(), last["cause"].as_str()), (Some(false), Some("break_glass")));
}

#[test]
fn an_agent_without_root_reaches_it_through_the_socket_on_which_systemd_starts_it() {
    let folder = tempfile::tempdir().unwrap();
    let (data, path) = (folder.path().join("data"), folder.path().join("act.sock"));
    let listener = UnixListener::bind(&path).unwrap();
    // As systemd does with `Accept=yes`.
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let (from, to) = (stream.as_ref().unwrap().try_clone().unwrap(), stream.unwrap());
            let mut command = Command::new(YAKUJO);
            command.arg("--data").arg(&data).arg("act");
            command.stdin(OwnedFd::from(from)).stdout(OwnedFd::from(to)).status().unwrap();
        }
    });
    let key = SigningKey::from_seed("yakujo-orders/k-1", &[7; 32]).unwrap().verifier().to_string();
    let hand = Hand::Socket(path);
    let pinned = hand.ask(&Ask::Pin { host: "web-1".parse().unwrap(), key: key.clone() }).unwrap();
    assert_eq!(pinned.pinned.map(|pinned| pinned.key), Some(key));
    assert!(hand.ask(&Ask::Look {}).unwrap().told.is_empty());
}

#[test]
fn what_is_no_question_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    for text in ["", "{}", "{\"ask\":\"shell\",\"command\":\"id\"}", "{\"ask\":\"look\",\"more\":1}"] {
        let mut child = Command::new(YAKUJO)
            .arg("--data")
            .arg(folder.path())
            .arg("act")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
        let done = child.wait_with_output().unwrap();
        assert!(!done.status.success() && done.stdout.is_empty(), "{text}");
    }
}
