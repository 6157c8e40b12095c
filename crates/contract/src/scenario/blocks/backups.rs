//! Blocks of backups (10.a, 10.b).

use super::{Line, Read, both, digest, fact};
use serde_json::{Value, json};

/// `asset SYSTEM NAME TIME [class=3] [continuity=yes] [agreed=no]`: a line of the register of assets.
pub(super) fn asset(line: &Line<'_>) -> Read<Vec<Value>> {
    let (system, name, at) = (line.word(1)?, line.word(2)?, line.when(3)?);
    let matter = json!({ "matter": "asset", "system": system, "asset": name, "place": "データセンター",
        "confidentiality": line.pair("class").unwrap_or("3"), "personal": "unsaid",
        "continuity": line.pair("continuity").unwrap_or("yes") });
    let mut made = both(&format!("asset-{}-{}", hex_of(name), at.as_second()), at, matter);
    if line.pair("agreed").is_some() {
        made.truncate(1);
    }
    Ok(made)
}

/// `backup HOST ASSET TIME [job=daily] [bytes=1000] [rows=10] [result=failed] [plain=yes] [missed=2]`, `checked HOST TIME
/// [job=daily] [errors=1] [read=5] [key=city]`, `restored HOST TIME [job=daily] [wrong=1]`, each with `[tool=restic:0.14]`.
pub(super) fn backup(line: &Line<'_>) -> Read<Vec<Value>> {
    let (word, host) = (line.word(0)?, line.word(1)?);
    let at = line.when(if word == "backup" { 3 } else { 2 })?;
    let job = line.pair("job").unwrap_or("daily");
    let repository = format!("r-{job}");
    let number =
        |key: &str, usual: u64| line.pair(key).and_then(|text| text.parse::<u64>().ok()).unwrap_or(usual);
    let tool =
        |usual: &str| line.pair("tool").map_or_else(|| usual.to_owned(), |tool| tool.replace(':', " "));
    // As agents tell it: a run that failed names no repository.
    let result = line.pair("result").unwrap_or("done");
    let mut told = match word {
        "backup" => {
            json!({ "kind": "backup.run", "job": job, "asset": line.word(2)?, "snapshot": at.to_string(),
            "tree": digest("ab"), "files": number("files", 10), "bytes": number("bytes", 1_000), "added": 1,
            "repository": if result == "failed" { "" } else { &repository },
            "encrypted": line.pair("plain").is_none(), "started": at, "ended": at,
            "tool": tool("rustic_core 0.10"), "result": result })
        }
        "checked" => {
            json!({ "kind": "backup.check", "repository": repository, "job": job, "tool": tool("restic 0.14"),
            "key": line.pair("key").unwrap_or("job"), "read_percent": number("read", 5),
            "errors": number("errors", 0), "ended": at })
        }
        _ => {
            json!({ "kind": "backup.restore_drill", "job": job, "snapshot": "s", "tool": tool("restic 0.14"),
            "files_compared": number("compared", 10), "mismatches": number("wrong", 0), "took_s": 1, "ended": at })
        }
    };
    if let Some(told) = told.as_object_mut() {
        if line.pair("rows").is_some() {
            told.insert("rows".to_owned(), json!(number("rows", 0)));
        }
        if line.pair("missed").is_some() {
            let coverage = json!({ "unreadable": number("missed", 1), "reason": "permission denied" });
            told.insert("coverage".to_owned(), coverage);
        }
    }
    Ok(vec![fact(host, at, at, told)])
}

/// `rank SYSTEM S|A|B TIME`: both parties agree on the importance of a system.
pub(super) fn rank(line: &Line<'_>) -> Read<Vec<Value>> {
    let (system, rank, at) = (line.word(1)?, line.word(2)?, line.when(3)?);
    let matter = json!({ "matter": "system", "system": system, "name": system, "importance": rank,
        "segment": "internet", "internet_facing": "no" });
    Ok(both(&format!("rank-{system}-{}", at.as_second()), at, matter))
}

/// `retained HOST TIME [job=daily] [keeps=HOURLY,DAILY,WEEKLY,MONTHLY] [kept=3] [lost=TIME] [planned=yes] [by=agent]`: the
/// server removed old snapshots; one is named by the time it was made at.
pub(super) fn retained(line: &Line<'_>) -> Read<Vec<Value>> {
    let (host, at) = (line.word(1)?, line.when(2)?);
    let keeps: Result<Vec<u32>, _> =
        line.pair("keeps").unwrap_or("0,14,5,13").split(',').map(str::parse).collect();
    let Ok([hourly, daily, weekly, monthly]) = keeps.as_deref() else {
        return Err("`keeps` has four numbers".to_owned());
    };
    let kept: u64 = line.pair("kept").and_then(|text| text.parse().ok()).unwrap_or(1);
    let lost: Vec<Value> = line
        .time("lost")?
        .map(|heard| json!({ "snapshot": heard.to_string(), "heard": heard }))
        .into_iter()
        .collect();
    let stage = if line.pair("planned").is_some() { "planned" } else { "done" };
    let job = line.pair("job").unwrap_or("daily");
    let told = json!({ "kind": "backup.retention", "run": at.to_string(), "stage": stage, "repository": format!("r-{job}"),
        "job": job, "generations": { "hourly": hourly, "daily": daily, "weekly": weekly, "monthly": monthly },
        "kept": kept, "removed": [], "lost": lost, "tool": "restic 0.14", "ended": at });
    let mut made = fact(host, at, at, told);
    if let Some(entry) = made.as_object_mut().filter(|_| line.pair("by").is_none()) {
        entry.insert("author".to_owned(), json!("server"));
        entry.remove("seq");
    }
    Ok(vec![made])
}

/// A name as letters of an id.
fn hex_of(name: &str) -> String {
    name.bytes().take(20).map(|byte| format!("{byte:02x}")).collect()
}
