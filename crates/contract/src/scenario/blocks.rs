//! Building blocks of scenarios: a line of words stands for the entries that programs and people would have made, so that
//! a story about approvals is as short as it is told (`docs/formats/scenario-v1.md`).
//!
//! What a block makes depends on its own line only: the order of the lines does not matter.

mod backups;
mod flows;
mod integrity;
mod people;
mod protection;

use crate::entry::Entry;
use crate::occurrence::finding_id;
use crate::request::form::{Ask, Form, Kind, Part};
use crate::terms::Terms;
use crate::thing::Object;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// Everything was agreed at this instant.
const BEGIN: &str = "2026-11-01T00:00:00Z";
/// Agents say so often that they live.
const BEAT: SignedDuration = SignedDuration::from_mins(10);
/// What agents say they looked at.
const COLLECTORS: &str = "packages files jobs kernel network firewall accounts listeners flows boots clock malware releases sessions test_data logins tls updates capacity containers";
/// Entries of one line at most.
const MOST: usize = 2_000;

type Read<T> = Result<T, String>;

/// An instant: RFC 3339, or `11-24T01:00` (of 2026, UTC).
pub(super) fn instant(text: &str) -> Read<Timestamp> {
    let wrong = || format!("`{text}` is no instant: write 2026-11-22T05:00:00Z or 11-22T05:00");
    if let Ok(instant) = text.parse() {
        return Ok(instant);
    }
    let seconds = if text.matches(':').count() == 1 { ":00" } else { "" };
    format!("2026-{text}{seconds}Z").parse().map_err(|_| wrong())
}

/// One line, read: words, and `key=value` pairs.
struct Line<'a> {
    words: Vec<&'a str>,
    pairs: BTreeMap<&'a str, &'a str>,
}

impl<'a> Line<'a> {
    fn read(content: &'a str) -> Self {
        let (mut words, mut pairs) = (Vec::new(), BTreeMap::new());
        for word in content.split_whitespace() {
            match word.split_once('=') {
                Some((key, value)) => {
                    pairs.insert(key, value);
                }
                None => words.push(word),
            }
        }
        Self { words, pairs }
    }

    fn word(&self, place: usize) -> Read<&'a str> {
        self.words.get(place).copied().ok_or_else(|| format!("`{}` needs more words", self.words.join(" ")))
    }

    fn when(&self, place: usize) -> Read<Timestamp> {
        instant(self.word(place)?)
    }

    fn pair(&self, key: &str) -> Option<&'a str> {
        self.pairs.get(key).copied()
    }

    fn time(&self, key: &str) -> Read<Option<Timestamp>> {
        self.pair(key).map(instant).transpose()
    }

    fn list(&self, key: &str) -> Vec<&'a str> {
        self.pair(key).map_or_else(Vec::new, |list| list.split(',').collect())
    }
}

/// The entries a line stands for; none where it is no building block.
pub(super) fn expand(terms: &Terms, content: &str) -> Read<Option<Vec<Entry>>> {
    let line = Line::read(content);
    let made = match line.word(0)? {
        "contract" => contract(terms, &line),
        "alive" => alive(&line),
        "watch" => watch(&line),
        "down" => trouble(&line, "down"),
        "slow" => trouble(&line, "restricted"),
        "blind" => blind(&line),
        "page" => page(&line),
        "see" => see(&line),
        "agent" => agent(&line),
        "step" | "clock" => clock(&line),
        "change" => change(&line),
        "needs" | "doors" | "tls" | "wall" => flows::list(&line),
        "logs" | "login" | "sudo" | "accounts" | "account" => people::people(&line),
        "comes" | "goes" => people::roles(&line),
        "idle" | "cut" => people::idleness(&line),
        "hold" | "give" | "sample" | "isolate" => malware(&line),
        "asset" => backups::asset(&line),
        "backup" | "checked" | "restored" => backups::backup(&line),
        "rank" => backups::rank(&line),
        "retained" => backups::retained(&line),
        "right" => integrity::right(&line),
        "held" => integrity::held(&line),
        "engine" | "scanned" | "missed" => protection::protection(&line),
        "outside" => protection::outside(&line),
        "offers" => protection::offers(&line),
        "ask" => ask(&line),
        "approve" | "refuse" | "return" | "revoke" | "consult" | "confirm" | "phone" | "use" | "report"
        | "withdraw" | "done" => step(&line),
        "post" | "leave" | "deputy" | "twin" => seat(&line),
        "classify" | "close" => said(&line),
        _ => return Ok(None),
    };
    let made = made?;
    if made.len() > MOST {
        return Err(format!("a line stands for at most {MOST} entries"));
    }
    let entries = made.iter().map(|entry| Entry::from_bytes(entry.to_string().as_bytes()));
    let entries: Result<Vec<Entry>, _> = entries.collect();
    entries.map(Some).map_err(|error| format!("{error}: {}", super::source_of(&error)))
}

fn person(id: &str, party: &str, at: Timestamp, act: Value) -> Value {
    json!({ "v": 1, "author": { "person": { "id": id, "party": party } }, "observed": at, "received": at, "act": act })
}

/// Facts are numbered by the second at which they are received, so that the number does not depend on other lines.
fn fact(host: &str, observed: Timestamp, received: Timestamp, fact: Value) -> Value {
    let seq = u64::try_from(received.as_millisecond()).unwrap_or_default();
    json!({ "v": 1, "author": { "agent": host }, "host": host, "seq": seq, "observed": observed,
        "received": received, "fact": fact })
}

fn party(person: &str) -> &'static str {
    if person.starts_with("p-op") { "contractor" } else { "city" }
}

fn both(proposal: &str, at: Timestamp, mut matter: Value) -> Vec<Value> {
    if let Some(matter) = matter.as_object_mut() {
        matter.insert("kind".to_owned(), json!("proposed"));
        matter.insert("proposal".to_owned(), json!(proposal));
    }
    vec![
        person("p-op", "contractor", at, matter),
        person("p-kacho", "city", at, json!({ "kind": "agreed", "proposal": proposal })),
    ]
}

/// `contract main=web-1,db-1 kanko=web-2 [test=web-9] [without=P-20]`: systems with hosts and a target each, every number
/// agreed as proposed, and one post of the city.
fn contract(terms: &Terms, line: &Line<'_>) -> Read<Vec<Value>> {
    let begin = instant(BEGIN)?;
    let mut made = Vec::new();
    let left_out = line.list("without");
    let tests = line.list("test");
    let values: BTreeMap<String, _> = terms
        .parameters
        .iter()
        .map(|(id, terms)| (id.to_string(), &terms.defaults))
        .filter(|(id, _)| !left_out.contains(&id.as_str()))
        .collect();
    made.extend(both("all", begin, json!({ "matter": "parameters", "from": begin, "values": values })));
    for (system, hosts) in line.pairs.iter().filter(|(key, _)| !["without", "test"].contains(key)) {
        let matter = json!({ "matter": "system", "system": system, "name": system, "importance": "A",
            "segment": "internet", "internet_facing": "no" });
        made.extend(both(&format!("system-{system}"), begin, matter));
        for host in hosts.split(',') {
            let environment = if tests.contains(&host) { "test" } else { "production" };
            let matter =
                json!({ "matter": "host", "host": host, "system": system, "environment": environment });
            made.extend(both(&format!("host-{host}"), begin, matter));
        }
        let target = format!("t-{system}");
        let matter = json!({ "matter": "target", "target": target, "system": system, "name": target,
            "means": "tcp", "address": "192.0.2.1:443", "every_s": 20, "probes": ["server", "out-1"] });
        made.extend(both(&target, begin, matter));
    }
    let taken = json!({ "kind": "post.taken", "post": "kacho", "person": "p-kacho", "from": begin });
    made.push(person("p-admin", "city", begin, taken));
    Ok(made)
}

/// `alive HOST FROM TO`: beats.
fn alive(line: &Line<'_>) -> Read<Vec<Value>> {
    let (host, mut at, to) = (line.word(1)?, line.when(2)?, line.when(3)?);
    let mut made = Vec::new();
    while at <= to && made.len() <= MOST {
        let run = json!({ "ran": at, "outcome": "complete" });
        let collectors: Map<String, Value> =
            COLLECTORS.split(' ').map(|name| (name.to_owned(), run.clone())).collect();
        let beat = json!({ "kind": "agent.beat", "version": "1", "every_s": 600, "waiting": 0,
            "collectors": collectors, "cpu_ms": 1, "rss": 1 });
        made.push(fact(host, at, at, beat));
        at = at.saturating_add(BEAT).map_err(|error| error.to_string())?;
    }
    Ok(made)
}

fn told(probe: &str, at: Timestamp, told: Value) -> Value {
    match probe {
        "server" => json!({ "v": 1, "author": "server", "observed": at, "received": at, "fact": told }),
        host => fact(host, at, at, told),
    }
}

fn probes<'a>(line: &Line<'a>) -> Vec<&'a str> {
    let some = line.list("by");
    if some.is_empty() { vec!["server", "out-1"] } else { some }
}

/// `watch TARGET FROM TO [by=server]`: all is well.
fn watch(line: &Line<'_>) -> Read<Vec<Value>> {
    let (target, from, to) = (line.word(1)?, line.when(2)?, line.when(3)?);
    let up: Map<String, Value> = [(target.to_owned(), json!(12))].into_iter().collect();
    let well = json!({ "kind": "probe.watch", "from": from, "to": to, "up": up });
    Ok(probes(line).into_iter().map(|probe| told(probe, to, well.clone())).collect())
}

/// `down TARGET FROM TO [by=server]`
fn trouble(line: &Line<'_>, state: &str) -> Read<Vec<Value>> {
    let (target, from, to) = (line.word(1)?, line.when(2)?, line.when(3)?);
    let tries = to.duration_since(from).as_secs() / 10 + 1;
    let stood = json!({ "kind": "probe.availability", "target": target, "state": state, "from": from, "to": to,
        "tries": tries, "failed": tries, "why": "timeout" });
    Ok(probes(line).into_iter().map(|probe| told(probe, to, stood.clone())).collect())
}

/// `blind PROBE FROM TO`: the probe's own network was cut.
fn blind(line: &Line<'_>) -> Read<Vec<Value>> {
    let (probe, from, to) = (line.word(1)?, line.when(2)?, line.when(3)?);
    let cut = json!({ "kind": "probe.blind", "from": from, "to": to, "why": "no_network", "tries": 3 });
    Ok(vec![told(probe, to, cut)])
}

/// `page SYSTEM`: a page of users that both agreed to watch, as the target `p-SYSTEM`.
fn page(line: &Line<'_>) -> Read<Vec<Value>> {
    let system = line.word(1)?;
    let target = format!("p-{system}");
    let matter = json!({ "matter": "target", "target": target, "system": system, "name": target,
        "means": "https", "address": format!("https://{system}.example.jp/"), "every_s": 60,
        "probes": ["server", "out-1"] });
    Ok(both(&target, instant(BEGIN)?, matter))
}

/// `see SYSTEM TIME [by=server] [since=TIME] [addresses=192.0.2.1] [issuer=Example] [anchor=Root] [names=…] [leaf=ab]
/// [tls=2] [redirect=/login] [policy=self] [forms=cd] [page=no]`: what users meet at `p-SYSTEM`.
fn see(line: &Line<'_>) -> Read<Vec<Value>> {
    let (system, at) = (line.word(1)?, line.when(2)?);
    let name = format!("{system}.example.jp");
    let text = |key: &str, usual: &str| line.pair(key).unwrap_or(usual).to_owned();
    let list =
        |key: &str, usual: &str| text(key, usual).split(',').map(ToOwned::to_owned).collect::<Vec<_>>();
    let lowest: u8 = text("tls", "2").parse().map_err(|_| "the version is the x of 1.x".to_owned())?;
    let mut seen = json!({ "kind": "environment.seen", "target": format!("p-{system}"), "name": name,
        "addresses": list("addresses", "192.0.2.1"),
        "tls": { "issuer": text("issuer", "Example"), "anchor": text("anchor", "Root"), "names": list("names", &name),
            "chain": [digest(&text("leaf", "ab"))], "not_after": "2027-02-20T00:00:00Z", "lowest_minor": lowest,
            "highest_minor": 3 } });
    let fields = seen.as_object_mut().ok_or("a fact is an object")?;
    if let Some(since) = line.time("since")? {
        fields.insert("since".to_owned(), json!(since));
    }
    if line.pair("page").is_none() {
        let page = match line.pair("redirect") {
            Some(location) => json!({ "status": 302, "location": location }),
            None => {
                json!({ "status": 200, "policy": text("policy", "self"), "forms": digest(&text("forms", "cd")) })
            }
        };
        fields.insert("page".to_owned(), page);
    }
    Ok(probes(line).into_iter().map(|probe| told(probe, at, seen.clone())).collect())
}

/// `agent stop|start HOST TIME`
fn agent(line: &Line<'_>) -> Read<Vec<Value>> {
    let (word, host, at) = (line.word(1)?, line.word(2)?, line.when(3)?);
    let turn = match word {
        "stop" => json!({ "kind": "agent.stop", "reason": "asked" }),
        "start" => json!({ "kind": "agent.start", "version": "1", "epoch": "e", "rights": "root" }),
        _ => return Err(format!("`{word}` is neither stop nor start")),
    };
    Ok(vec![fact(host, at, at, turn)])
}

/// `step HOST TIME MS`: the wall clock moved; `clock HOST TIME MS`: it is off by so much, as was measured.
fn clock(line: &Line<'_>) -> Read<Vec<Value>> {
    let (host, at) = (line.word(1)?, line.when(2)?);
    let ms: i64 = line.word(3)?.parse().map_err(|_| "write a number of milliseconds".to_owned())?;
    let told = match line.word(0)? {
        "step" => json!({ "kind": "clock.step", "moved_ms": ms }),
        _ => json!({ "kind": "clock.state", "daemon": "chrony", "says_synchronised": true,
            "kernel_unsynchronised": false, "sources": [], "measured_offset_us": ms.saturating_mul(1_000) }),
    };
    Ok(vec![fact(host, at, at, told)])
}

/// Content by a short name: `aa` is the digest of 32 such bytes.
fn digest(short: &str) -> String {
    short.repeat(64_usize.checked_div(short.len().max(1)).unwrap_or(1))
}

/// `change HOST KIND NAME TIME [since=TIME] [heard=TIME] [away=yes] [after=aa] [before=bb] [package=nginx]`; of a file also
/// `[sealed=yes] [mode_before=755] [mode_after=4777]`, and `none` for the content of one that is not there.
fn change(line: &Line<'_>) -> Read<Vec<Value>> {
    let (host, kind, name, at) = (line.word(1)?, line.word(2)?, line.word(3)?, line.when(4)?);
    let heard = line.time("heard")?.unwrap_or(at);
    let since = line.time("since")?.unwrap_or(at);
    let seen = if line.pair("away").is_some() { "while_away" } else { "running" };
    let part = json!({ "index": 0, "of": 1, "set": digest("cd") });
    let content = |key: &str, other: &str| digest(line.pair(key).unwrap_or(other));
    let told = match kind {
        "file" => {
            let explained =
                line.pair("package").map_or(json!("none"), |package| json!({ "package": package }));
            json!({ "kind": "integrity.change", "part": part, "since": since, "until": at, "seen": seen,
                "files": [{ "path": name, "before": integrity::state(line, "before", "ab", at)?,
                "after": integrity::state(line, "after", "ac", at)?, "explained_by": explained }] })
        }
        "package" => json!({ "kind": "package.change",
            "present": name.split(',').map(|name| json!({ "n": name, "v": "2" })).collect::<Vec<_>>(),
            "removed": [], "before": digest("ab"), "after": digest("ac"), "since": since, "at": at, "seen": seen }),
        "service" => json!({ "kind": "service.change", "service": name, "change": "stopped", "at": at,
            "since": since, "seen": seen }),
        "flow" => flows::seen(name, since, at)?,
        "boot" => json!({ "kind": "host.boot", "boot_id": name, "at": at }),
        "release" => json!({ "kind": "release.deployed", "artefact": name, "digest": content("after", "ac"),
            "path": "/srv/app", "at": at }),
        "device" => {
            json!({ "kind": "device.plugged", "class": "storage", "product": name, "change": "appeared",
            "at": at })
        }
        "testdata" => json!({ "kind": "content.test_data", "set": name, "place": "office",
            "origin": line.pair("origin").unwrap_or("real"), "rows": 10, "columns": 3,
            "personal": line.list("personal"),
            "matches": line.pair("matches").and_then(|n| n.parse::<u64>().ok()), "inspector": "1" }),
        "baseline" => json!({ "kind": "integrity.baseline", "roots": ["/etc"], "entries": 1, "bytes": 1,
            "tree": digest("aa"), "algorithm": "sha256", "origin": line.pair("origin").unwrap_or("fresh") }),
        "malware" => {
            json!({ "kind": "av.detection", "path": name, "digest": content("after", "ac"), "size": 1,
            "owner": 0, "signature": "Test.Virus", "trigger": "access",
            "action": line.pair("action").unwrap_or("quarantined"), "result": line.pair("result").unwrap_or("done"),
            "program": line.pair("program") == Some("yes") })
        }
        object => {
            json!({ "kind": "state.change", "part": part, "object": object, "since": since, "until": at,
            "seen": seen, "items": [{ "name": name, "before": { "digest": content("before", "ab") },
            "after": { "digest": content("after", "ac") } }] })
        }
    };
    Ok(vec![fact(host, at, heard, told)])
}

/// `hold HOST PATH TIME [after=ac] [result=done]`: into the quarantine; `give HOST PATH TIME`: out of it; `sample HOST PATH
/// TIME [found=MS] [held=MS]`: a harmless sample was laid out; `isolate HOST on|off TIME [approval=ID cause=permit]`.
fn malware(line: &Line<'_>) -> Read<Vec<Value>> {
    let (word, host, what, at) = (line.word(0)?, line.word(1)?, line.word(2)?, line.when(3)?);
    let result = line.pair("result").unwrap_or("done");
    let number = |key| line.pair(key).and_then(|text| text.parse::<u64>().ok());
    let told = match word {
        "hold" => {
            json!({ "kind": "quarantine.item", "item": "q-1", "from": what, "size": 1, "meta": "0644 0 0",
            "digest": digest(line.pair("after").unwrap_or("ac")), "result": result })
        }
        "give" => {
            json!({ "kind": "quarantine.restore", "item": "q-1", "to": what, "order": "o-1", "approval": "a-1",
            "result": result })
        }
        "sample" => json!({ "kind": "av.selftest", "sample": "eicar", "path": what, "placed": at,
            "found_after_ms": number("found"), "held_after_ms": number("held") }),
        _ => {
            json!({ "kind": "isolation.state", "isolated": what == "on", "approval": line.pair("approval"),
            "cause": line.pair("cause"), "allowed_peers": [], "ruleset": digest("ab"), "blocked_packets": 0,
            "verified_at": at, "unreachable_from_outside": "unsaid" })
        }
    };
    Ok(vec![fact(host, at, at, told)])
}

/// `kind:name` or `kind:name#aa`, separated by commas.
fn things(list: &[&str]) -> Read<Vec<Value>> {
    let one = |thing: &&str| {
        let (object, name) =
            thing.split_once(':').ok_or_else(|| format!("`{thing}`: write file:/etc/hosts"))?;
        if object == "flow" {
            return Ok(json!({ "object": object, "name": flows::spelled(name) }));
        }
        Ok(match name.split_once('#') {
            Some((name, content)) => json!({ "object": object, "name": name, "digest": digest(content) }),
            None => json!({ "object": object, "name": name }),
        })
    };
    list.iter().map(one).collect()
}

fn scope(line: &Line<'_>) -> Read<Value> {
    let mut scope = json!({ "systems": line.list("systems") });
    if let Some(scope) = scope.as_object_mut() {
        if line.pair("hosts").is_some() {
            scope.insert("hosts".to_owned(), json!(line.list("hosts")));
        }
        if line.pair("things").is_some() {
            scope.insert("things".to_owned(), json!(things(&line.list("things"))?));
        }
        if let Some(environment) = line.pair("environment") {
            scope.insert("environment".to_owned(), json!(environment));
        }
    }
    Ok(scope)
}

fn window(line: &Line<'_>) -> Read<Option<Value>> {
    let (Some(from), Some(to)) = (line.time("from")?, line.time("to")?) else { return Ok(None) };
    let reserve = line.pair("reserve").and_then(|text| text.parse::<u32>().ok()).unwrap_or(0);
    Ok(Some(json!({ "from": from, "to": to, "reserve_min": reserve })))
}

/// `ask F-07 ID TIME systems=main from=… to=… [hosts=…] [things=…] [limit=1] [FIELD=value]`: every other field of the form is
/// filled with something.
fn ask(line: &Line<'_>) -> Read<Vec<Value>> {
    let (key, id, at) = (line.word(1)?, line.word(2)?, line.when(3)?);
    let form = Form::from_key(key).ok_or_else(|| format!("`{key}` is no form"))?;
    let mut fields = Map::new();
    for field in form.row().fields.iter().filter(|field| field.part == Part::Ask && field.need == Ask::Must) {
        let usual = match field.kind {
            Kind::Choice(choices) => choices.first().map_or("", |(word, _, _)| word).to_owned(),
            Kind::Count => "1".to_owned(),
            Kind::Moment => at.to_string(),
            Kind::Line | Kind::Text | Kind::People | Kind::Auto => "書いたとおり".to_owned(),
        };
        let given = match (line.pair(field.key), field.kind) {
            (Some(moment), Kind::Moment) => Some(instant(moment)?.to_string()),
            (given, _) => given.map(ToOwned::to_owned),
        };
        fields.insert(field.key.to_owned(), json!(given.unwrap_or(usual)));
    }
    let mut filled = json!({ "form": key, "title": id, "scope": scope(line)?, "fields": fields });
    if let Some(filled) = filled.as_object_mut() {
        if let Some(window) = window(line)? {
            filled.insert("window".to_owned(), window);
        }
        if let Some(limit) = line.pair("limit").and_then(|text| text.parse::<u32>().ok()) {
            filled.insert("limit".to_owned(), json!(limit));
        }
        if let Some(trigger) = line.pair("trigger") {
            let number = |key: &str, usual: u32| line.pair(key).and_then(|n| n.parse().ok()).unwrap_or(usual);
            filled.insert("standing".to_owned(), json!({ "trigger": trigger,
                "longest_min": number("longest", 60), "uses": number("uses", 5), "report_h": number("report", 24) }));
        }
    }
    let count =
        id.bytes().fold(1_u32, |sum, byte| sum.wrapping_mul(31).wrapping_add(u32::from(byte)) % 9_000);
    let number = format!("R8-{}-{:04}", form.row().word, count.max(1));
    let by = line.pair("by").unwrap_or("p-op");
    let asked = json!({ "kind": "request.asked", "request": id, "number": number, "filled": filled });
    Ok(vec![person(by, party(by), at, asked)])
}

/// `approve ID TIME [by=p-kacho] [post=kacho] [as=deputy] …`
fn step(line: &Line<'_>) -> Read<Vec<Value>> {
    let (word, id, at) = (line.word(0)?, line.word(1)?, line.when(2)?);
    let ours = matches!(word, "phone" | "use" | "report" | "withdraw" | "done");
    let by = line.pair("by").unwrap_or(if ours { "p-op" } else { "p-kacho" });
    let post = line.pair("post").unwrap_or("kacho");
    let manner = line.pair("as").unwrap_or("own");
    let mut step = match word {
        "approve" => json!({ "step": "approved", "post": post, "manner": manner }),
        "refuse" => json!({ "step": "refused", "post": post, "manner": manner, "reason": "理由" }),
        "revoke" => json!({ "step": "revoked", "post": post, "manner": manner, "reason": "理由" }),
        "consult" => {
            json!({ "step": "consulted", "at": at, "outcome": line.pair("outcome").unwrap_or("agreed"),
            "record": "協議した" })
        }
        "phone" => json!({ "step": "consented", "at": line.time("said")?.unwrap_or(at), "post": post,
            "who": { "digest": digest("aa") }, "read_back": "復唱した" }),
        "use" => json!({ "step": "invoked", "at": line.time("since")?.unwrap_or(at), "scope": scope(line)?,
            "reason": "理由" }),
        "report" => json!({ "step": "reported", "edition": line.pair("edition").unwrap_or("first") }),
        "confirm" => json!({ "step": "confirmed" }),
        "done" => {
            json!({ "step": "done", "from": line.time("from")?, "to": line.time("to")?, "result": "予定どおり" })
        }
        "return" => json!({ "step": "returned", "reason": "理由" }),
        _ => json!({ "step": "withdrawn", "reason": "理由" }),
    };
    if let Some(step) = step.as_object_mut() {
        step.insert("kind".to_owned(), json!("request.step"));
        step.insert("request".to_owned(), json!(id));
        if word == "approve" && line.pair("systems").is_some() {
            step.insert("scope".to_owned(), scope(line)?);
        }
        if let Some(window) = window(line)?.filter(|_| word == "approve") {
            step.insert("window".to_owned(), window);
        }
        if let Some(gaps) = line.pair("gaps") {
            step.insert("fields".to_owned(), json!({ "gaps": gaps }));
        }
        if let Some(number) = line.pair("of_use").and_then(|text| text.parse::<u32>().ok()) {
            step.insert("of_use".to_owned(), json!(number));
        }
    }
    Ok(vec![person(by, party(by), at, step)])
}

/// `post PERSON POST TIME [until=…]`, `leave PERSON POST TIME`, `deputy PERSON POST TIME from=… to=…`, `twin PERSON OTHER TIME`
fn seat(line: &Line<'_>) -> Read<Vec<Value>> {
    let (word, who, post, at) = (line.word(0)?, line.word(1)?, line.word(2)?, line.when(3)?);
    let act = match word {
        "post" => {
            json!({ "kind": "post.taken", "post": post, "person": who, "from": at, "until": line.time("until")? })
        }
        "leave" => json!({ "kind": "post.left", "post": post, "person": who, "reason": "異動" }),
        "deputy" => json!({ "kind": "deputy.named", "post": post, "person": who,
            "from": line.time("from")?.unwrap_or(at), "until": line.time("to")?.unwrap_or(at), "reason": "不在" }),
        _ => json!({ "kind": "person.entered", "person": who, "role": "city_approver", "from": at,
            "name": { "digest": digest("bb") }, "same_as": post }),
    };
    Ok(vec![person("p-admin", "city", at, act)])
}

/// `classify RULE/PLACE/KIND/INSTANT CLASS TIME by=p-op`, `close RULE/PLACE/KIND/INSTANT TIME`
fn said(line: &Line<'_>) -> Read<Vec<Value>> {
    let (word, name) = (line.word(0)?, line.word(1)?);
    let parts: Vec<&str> = name.split('/').collect();
    let [rule, place, object, mark] = parts.as_slice() else {
        return Err("a finding is named R-03/web-1/file/11-24T01:00".to_owned());
    };
    let rule = crate::finding::Rule::ALL.into_iter().find(|known| known.row().key == *rule);
    let object = Object::ALL.into_iter().find(|known| known.word() == *object);
    let (Some(rule), Some(object)) = (rule, object) else {
        return Err(format!("`{name}`: no such rule or kind"));
    };
    let id = finding_id(rule, place, object, instant(mark)?);
    let by = line.pair("by").unwrap_or("p-kacho");
    let (act, at) = match word {
        "classify" => {
            let class = line.word(2)?;
            (
                json!({ "kind": "finding.classified", "finding": id, "class": class, "reason": "理由" }),
                line.when(3)?,
            )
        }
        _ => (json!({ "kind": "finding.closed", "finding": id, "reason": "処置済み" }), line.when(2)?),
    };
    Ok(vec![person(by, party(by), at, act)])
}
