//! Blocks of people on hosts (4.2.a, 11.a).

use super::{Line, Read, both, digest, fact, person, probes, told};
use jiff::Timestamp;
use serde_json::{Value, json};

/// `logs HOST TIME`: log-ons are read; `login HOST NAME TIME [told=TIME]`: somebody came; `accounts HOST NAME,NAME TIME
/// [used=TIME] [keys=ab]`: accounts that can log in, when they were used last, which key opens them; `sudo HOST NAME TIME`:
/// somebody acted with privilege; `account SYSTEM NAME TIME [use=shared] [owner=PERSON]`: a line of the ledger of accounts that
/// both agreed on; `logs … gap=TIME`: lines are missing up to then.
pub(super) fn people(line: &Line<'_>) -> Read<Vec<Value>> {
    let (word, host) = (line.word(0)?, line.word(1)?);
    let at = line.when(if word == "logs" { 2 } else { 3 })?;
    let told = match word {
        "logs" => json!({ "kind": "log.source", "source": "journal", "cursor": "c", "first": at, "last": at,
            "lines": 1, "bytes": 1, "gaps": gaps(line)? }),
        "sudo" => {
            json!({ "kind": "priv.use", "account": line.word(2)?, "target": "root", "command": "/usr/bin/id",
            "folder": "/", "allowed": true, "at": at })
        }
        "login" => json!({ "kind": "login.open", "account": line.word(2)?, "session": at.to_string(),
            "from": "192.0.2.9", "method": "key", "at": at }),
        "accounts" => {
            let used = line.time("used")?;
            let keys: Vec<String> = line.list("keys").into_iter().map(digest).collect();
            let account = |name: &str| {
                let mut account = json!({ "name": name, "uid": 1000, "login": "possible", "groups": [],
                    "privileged": false, "keys": keys });
                if let (Some(account), Some(used)) = (account.as_object_mut(), used) {
                    account.insert("last_login".to_owned(), json!(used));
                }
                account
            };
            let accounts: Vec<Value> = line.word(2)?.split(',').map(account).collect();
            let part = json!({ "index": 0, "of": 1, "set": digest("ee") });
            json!({ "kind": "account.set", "part": part, "accounts": accounts })
        }
        _ => {
            let name = line.word(2)?;
            let mut matter = json!({ "matter": "account", "system": host, "account": name, "privileged": "no",
                "use": line.pair("use").unwrap_or("person"), "need": "運用", "from": at });
            if let (Some(matter), Some(owner)) = (matter.as_object_mut(), line.pair("owner")) {
                matter.insert("owner".to_owned(), json!(owner));
            }
            // A role of a data base has letters in its name that a proposal has not.
            let name = name.replace('/', ".");
            return Ok(both(&format!("account-{name}-{}", at.as_second()), at, matter));
        }
    };
    Ok(vec![fact(host, at, line.time("told")?.unwrap_or(at), told)])
}

/// `comes PERSON ROLE TIME [until=TIME]`, `goes PERSON ROLE TIME`: somebody takes up a role, or leaves it.
pub(super) fn roles(line: &Line<'_>) -> Read<Vec<Value>> {
    let (word, who, role, at) = (line.word(0)?, line.word(1)?, line.word(2)?, line.when(3)?);
    let act = match word {
        "comes" => json!({ "kind": "person.entered", "person": who, "role": role, "from": at,
            "until": line.time("until")?, "name": { "digest": digest("bb") } }),
        _ => json!({ "kind": "person.left", "person": who, "role": role, "reason": "異動" }),
    };
    Ok(vec![person("p-lead", "contractor", at, act)])
}

fn gaps(line: &Line<'_>) -> Read<Value> {
    let gap = |to: Timestamp| json!([{ "from": to, "to": to, "reason": "turned over" }]);
    Ok(line.time("gap")?.map_or_else(|| json!([]), gap))
}

/// `idle HOST TIME [ssh=600] [database=NAME:600]`: after how many seconds an idle session is cut, `never` where it is not; `cut
/// TARGET ROLE TIME [idle=660] [went_on=yes] [token=taken] [not=refused] [by=server]`: a session of a target was left alone, or
/// could not be.
pub(super) fn idleness(line: &Line<'_>) -> Read<Vec<Value>> {
    let seconds = |text: &str| text.parse::<u32>().ok();
    if line.word(0)? == "cut" {
        let at = line.when(3)?;
        let mut tried = json!({ "kind": "probe.session_cut", "target": line.word(1)?, "role": line.word(2)?,
            "idle_s": line.pair("idle").and_then(seconds).unwrap_or(660), "cut": line.pair("went_on").is_none(),
            "old_token_refused": line.pair("token").is_none() });
        if let (Some(tried), Some(why)) = (tried.as_object_mut(), line.pair("not")) {
            tried.insert("not_tried".to_owned(), json!(why));
        }
        return Ok(probes(line).into_iter().map(|probe| told(probe, at, tried.clone())).collect());
    }
    let (host, at) = (line.word(1)?, line.when(2)?);
    let ssh: Vec<Value> = line.pair("ssh").map_or_else(Vec::new, |text| {
        vec![json!({ "accounts": ["root"], "from": ["203.0.113.1"], "methods": ["public_key"],
            "channel_s": seconds(text) })]
    });
    let database = |text: &str| {
        let (name, limit) = text.split_once(':').unwrap_or((text, "never"));
        json!({ "name": name, "idle_s": seconds(limit) })
    };
    let databases: Vec<Value> = line.list("database").into_iter().map(database).collect();
    let policy = json!({ "kind": "session.policy", "ssh_cases": ssh, "databases": databases });
    Ok(vec![fact(host, at, at, policy)])
}
