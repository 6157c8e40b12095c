//! Blocks of malware protection.

use super::{Line, Read, fact};
use jiff::SignedDuration;
use serde_json::{Value, json};

/// `engine HOST TIME [product=none] [daemon=blind] [real=off] [made=TIME] [excluded=/srv/www] [instead=osquery] [why=old]`:
/// the protection as it says; `scanned HOST TIME [began=TIME] [ended=TIME]`: everything was scanned; `missed HOST TIME`:
/// something was not.
pub(super) fn protection(line: &Line<'_>) -> Read<Vec<Value>> {
    let (word, host, at) = (line.word(0)?, line.word(1)?, line.when(2)?);
    let told = match word {
        "engine" => {
            let rules: Vec<Value> = line
                .list("excluded")
                .iter()
                .map(|tree| json!({ "rule": tree, "leaves_out": [tree] }))
                .collect();
            json!({ "kind": "av.engine", "product": line.pair("product").unwrap_or("clamav"), "engine_version": "1.4.6",
                "databases": [], "daemon": line.pair("daemon").unwrap_or("scanning"), "exclusions": rules,
                "real_time": line.pair("real").unwrap_or("on"), "not_protection": line.list("instead"),
                "definition_time": line.time("made")?.unwrap_or(at), "reason": line.pair("why").unwrap_or_default() })
        }
        "scanned" => {
            json!({ "kind": "av.scan", "scope": ["/srv"], "started": line.time("began")?.unwrap_or(at),
            "ended": line.time("ended")?.unwrap_or(at), "files": 1, "bytes": 1, "errors": 0, "skipped": 0, "found": 0, "engine_version": "1.4.6" })
        }
        _ => json!({ "kind": "av.gap", "why": "events_lost", "from": at, "to": at, "files": 0 }),
    };
    Ok(vec![fact(host, at, at, told)])
}

/// The server says so often how a host looks from outside.
const SEEN: SignedDuration = SignedDuration::from_mins(10);

/// `outside HOST silent|answers|refuses|REASON TIME [to=TIME] [door=192.0.2.9:443]`: how a host that is cut off looks from
/// outside, told again every ten minutes; a reason is why it could not be tried (`no_network`).
pub(super) fn outside(line: &Line<'_>) -> Read<Vec<Value>> {
    let (host, what, from) = (line.word(1)?, line.word(2)?, line.when(3)?);
    let doors = [line.pair("door").unwrap_or("192.0.2.9:443")];
    let told = match what {
        "silent" => json!({ "kind": "isolation.seen", "tried": doors }),
        "answers" => json!({ "kind": "isolation.seen", "tried": doors, "answered": doors }),
        "refuses" => json!({ "kind": "isolation.seen", "tried": doors, "refused": doors }),
        why => json!({ "kind": "isolation.seen", "tried": [], "untried": why }),
    };
    let (mut all, mut at) = (Vec::new(), from);
    let to = line.time("to")?.unwrap_or(from);
    while at <= to && all.len() <= super::MOST {
        all.push(
            json!({ "v": 1, "author": "server", "host": host, "observed": at, "received": at, "fact": told }),
        );
        at = at.checked_add(SEEN).map_err(|error| error.to_string())?;
    }
    Ok(all)
}

/// `offers HOST TIME [engine=1.4.7] [installed=1.4.6] [since=TIME] [lists=TIME] [unread=yes]`: the newer engine that the lists of
/// the distributor offer, since when, and of when the lists are.
pub(super) fn offers(line: &Line<'_>) -> Read<Vec<Value>> {
    let (host, at) = (line.word(1)?, line.when(2)?);
    let since = line.time("since")?.unwrap_or(at);
    let update = |candidate: &str| {
        json!({ "name": "clamav-daemon", "installed": line.pair("installed").unwrap_or("1.4.6"),
            "candidate": candidate, "security": true, "first_seen": since })
    };
    let updates: Vec<Value> = line.pair("engine").map(update).into_iter().collect();
    let coverage = match line.pair("unread") {
        Some(_) => json!({ "unreadable": 1, "reason": "apt has no lists" }),
        None => json!({}),
    };
    let told = json!({ "kind": "package.update_available", "part": { "index": 0, "of": 1, "set": super::digest("af") },
        "updates": updates, "lists": line.time("lists")?.unwrap_or(at), "coverage": coverage });
    Ok(vec![fact(host, at, at, told)])
}
