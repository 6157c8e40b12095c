//! Blocks of watched files (2.1.f).

use super::{Line, Read, both, digest, fact};
use jiff::Timestamp;
use serde_json::{Value, json};

/// `right HOST SYSTEM TIME [seen=TIME] [tree=aa] [roots=/etc] [agreed=no]`: a baseline is put before the city, and agreed.
pub(super) fn right(line: &Line<'_>) -> Read<Vec<Value>> {
    let (host, system, at) = (line.word(1)?, line.word(2)?, line.when(3)?);
    let seen = line.time("seen")?.unwrap_or(at);
    let roots = line.pair("roots").unwrap_or("/etc").split(',').collect::<Vec<_>>();
    let matter = json!({ "matter": "baseline", "system": system, "host": host, "seen": seen,
        "tree": digest(line.pair("tree").unwrap_or("aa")), "entries": 1, "roots": roots });
    let mut made = both(&format!("right-{host}-{}", at.as_second()), at, matter);
    if line.pair("agreed").is_some() {
        made.truncate(1);
    }
    Ok(made)
}

/// `held HOST TIME [lost=/srv/large] [saved=/srv/large] [nowhere=/srv/file#aa]`: which contents could be put back.
pub(super) fn held(line: &Line<'_>) -> Read<Vec<Value>> {
    let (host, at) = (line.word(1)?, line.when(2)?);
    let missing = |path: &str, saved: Option<&str>| json!({ "path": path, "size": 20_000_000, "why": "too_large", "saved_by": saved });
    let lost = line.pair("lost").map(|path| missing(path, None));
    let saved = line.pair("saved").map(|path| missing(path, Some("daily")));
    let sought = line.pair("nowhere").map(|thing| {
        let (path, content) = thing.split_once('#').unwrap_or((thing, "ab"));
        json!({ "path": path, "digest": digest(content), "reason": "no snapshot has it" })
    });
    let count = |some: bool| u32::from(some);
    let told = json!({ "kind": "integrity.held", "roots": ["/etc"], "files": 10,
        "left_out": count(lost.is_some()) + count(saved.is_some()), "lost": count(lost.is_some()),
        "missing": lost.into_iter().chain(saved).collect::<Vec<_>>(),
        "sought": sought.into_iter().collect::<Vec<_>>() });
    Ok(vec![fact(host, at, at, told)])
}

/// What a file was `before` or `after`: its content by a short name or `none`, in octal its mode.
pub(super) fn state(line: &Line<'_>, side: &str, usual: &str, at: Timestamp) -> Read<Option<Value>> {
    let content = line.pair(side).unwrap_or(usual);
    if content == "none" {
        return Ok(None);
    }
    let mode = line.pair(&format!("mode_{side}")).unwrap_or("644");
    let mode = u32::from_str_radix(mode, 8).map_err(|_| "write the mode in octal: 4755".to_owned())?;
    let told_as = if line.pair("sealed").is_some() { "sealed" } else { "digest" };
    let state = json!({ "type": "file", told_as: digest(content), "mode": mode, "uid": 0, "gid": 0, "size": 1,
        "modified": at });
    Ok(Some(state))
}
