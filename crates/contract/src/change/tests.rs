//! What entries show of changes, as tests.

use super::*;
use crate::entry::{Body, Party};
use serde_json::json;

const HOST: &str = "web-1";

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn entry(fact: serde_json::Value) -> Entry {
    let heard = at("2026-11-22T03:01:00Z");
    Entry {
        v: 1,
        author: Author::Agent(HOST.parse().unwrap()),
        host: Some(HOST.parse().unwrap()),
        seq: Some(7),
        observed: heard,
        received: heard,
        seen: None,
        body: Body::Fact(serde_json::from_value(fact).unwrap()),
    }
}

fn golden(kind: &str) -> serde_json::Value {
    let path = format!("{}/../../docs/formats/golden/facts/{kind}.json", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

#[test]
fn a_file_change_names_its_instant_who_did_it_and_what_lies_there_now() {
    let shown = changes(&entry(golden("integrity.change")));
    assert_eq!(shown.len(), 3);
    let page = &shown[0];
    assert_eq!(
        (page.object, page.name.as_str(), page.effect),
        (Object::File, "/var/www/index.html", Effect::Altered)
    );
    assert_eq!(page.window, Window::instant(at("2026-11-22T03:00:00Z")));
    assert_eq!(page.digest_after.as_ref().unwrap().as_str(), "cd".repeat(32));
    assert_eq!(page.by.as_ref().unwrap().login.as_deref(), Some("hanako"));
    assert_eq!((page.seen, &page.explained_by), (Seen::WhileAway, &Explanation::None));
    let packaged = &shown[1];
    assert_eq!(packaged.effect, Effect::Added);
    assert_eq!(packaged.explained_by, Explanation::Package("nginx-common 1.22.1-9".to_owned()));
    assert_eq!(packaged.window.earliest, Some(at("2026-11-22T02:59:55Z")), "no instant: the whole interval");
    let sealed = &shown[2];
    assert_eq!(
        (sealed.effect, &sealed.digest_before),
        (Effect::Removed, &None),
        "a sealed digest is none to compare"
    );
    let (was, is) = (sealed.beside_before.as_ref().unwrap(), page.beside_after.as_ref().unwrap());
    assert_eq!(was.sealed.as_ref().unwrap().as_str(), "ab".repeat(32), "but with another one of the host");
    assert_eq!((is.kind, is.mode, is.uid, is.gid), (FileKind::File, 0o100_644, 33, 33));
    assert_eq!((&sealed.beside_after, &is.sealed), (&None, &None));
}

#[test]
fn a_package_change_names_each_package_with_its_versions() {
    let shown = changes(&entry(golden("package.change")));
    let vim = &shown[0];
    assert_eq!((vim.name.as_str(), vim.effect), ("vim", Effect::Altered));
    assert_eq!(
        (vim.text_before.as_deref(), vim.text_after.as_deref()),
        (Some("2:9.0.1378-1"), Some("2:9.0.1378-2"))
    );
    assert_eq!(
        (vim.window.earliest, vim.window.latest),
        (Some(at("2026-11-22T02:59:30Z")), at("2026-11-22T02:59:48Z"))
    );
    assert_eq!(vim.by.as_ref().unwrap().uid, Some(1000));
    assert_eq!((shown[1].name.as_str(), shown[1].effect), ("nano", Effect::Removed));
}

#[test]
fn entries_of_older_agents_show_their_changes_with_a_window_that_has_no_beginning() {
    let old = json!({"kind": "package.change", "present": [{"n": "vim", "v": "2"}], "removed": [], "before": "a", "after": "b"});
    let shown = changes(&entry(old));
    assert_eq!((shown[0].window.earliest, shown[0].window.latest), (None, at("2026-11-22T03:01:00Z")));
    let old = json!({"kind": "service.change", "service": "nginx", "change": "stopped", "at": "2026-11-22T03:00:00Z"});
    let shown = changes(&entry(old));
    assert_eq!(
        (shown[0].object, shown[0].effect, shown[0].seen),
        (Object::Service, Effect::Stopped, Seen::Running)
    );
}

#[test]
fn a_fresh_baseline_and_a_tree_no_longer_watched_are_changes_of_their_own() {
    let kept = changes(&entry(golden("integrity.baseline")));
    assert_eq!(kept.len(), 1);
    assert_eq!((kept[0].object, kept[0].name.as_str()), (Object::Watch, "/var/www"));
    let mut fresh = golden("integrity.baseline");
    fresh["origin"] = json!("fresh");
    let fresh = changes(&entry(fresh));
    assert_eq!((fresh[0].object, fresh[0].window.earliest), (Object::Baseline, None));
}

#[test]
fn a_job_and_a_host_key_are_named_as_what_they_are_though_they_are_files() {
    for (path, object) in [
        ("/etc/cron.d/report", Object::Job),
        ("/var/spool/cron/crontabs/hanako", Object::Job),
        ("/usr/lib/systemd/system/apt-daily.timer", Object::Job),
        ("/etc/systemd/system/nginx.service", Object::File),
        ("/etc/ssh/ssh_host_rsa_key.pub", Object::HostKey),
        ("/etc/ssh/sshd_config", Object::File),
    ] {
        let mut fact = golden("integrity.change");
        fact["files"][0]["path"] = json!(path);
        assert_eq!(changes(&entry(fact))[0].object, object, "{path}");
    }
}

#[test]
fn items_are_named_by_their_own_kind() {
    let shown = changes(&entry(golden("state.change")));
    assert_eq!((shown[0].object, shown[0].effect), (Object::Job, Effect::Altered));
    assert_eq!((&shown[0].digest_after, shown[1].effect), (&None, Effect::Added));
    assert_eq!(shown[1].text_after.as_deref(), Some("0 3 * * *"));
}

#[test]
fn a_clock_that_is_ahead_moves_nothing_behind_the_moment_the_server_heard_of_it() {
    let mut ahead = entry(golden("integrity.change"));
    ahead.received = at("2026-11-22T02:00:00Z");
    for change in changes(&ahead) {
        assert_eq!(change.window.latest, at("2026-11-22T02:00:00Z"));
        assert!(change.window.earliest.is_none_or(|earliest| earliest <= change.window.latest));
    }
}

#[test]
fn nobody_but_the_agent_of_the_host_tells_its_changes() {
    let mut foreign = entry(golden("service.change"));
    foreign.author = Author::Agent("other".parse().unwrap());
    assert!(changes(&foreign).is_empty());
    foreign.author = Author::Server;
    assert!(changes(&foreign).is_empty());
    foreign.author = Author::Person { id: "p-1".parse().unwrap(), party: Party::City, post: None };
    assert!(changes(&foreign).is_empty());
}

#[test]
fn every_kind_has_a_word_of_its_own_that_is_the_one_in_facts() {
    let words: std::collections::BTreeSet<&str> = Object::ALL.iter().map(|object| object.word()).collect();
    assert_eq!(words.len(), Object::ALL.len());
    for object in Object::ALL {
        assert_eq!(serde_json::to_value(object).unwrap(), json!(object.word()));
    }
}
