//! 4.1.b, 4.5.b, 8.a: firewall, interfaces, routes and resolvers.

use crate::command::output_of;
use crate::reach::{self, Question};
use crate::reading::{Items, Sources, hex, open_content};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;
use yakujo_contract::change::Object;
use yakujo_contract::fact::network::{Defaults, Interface, NetFirewall, NetInterfaces, Policy};
use yakujo_contract::fact::{Coverage, Fact};
use yakujo_contract::id::Digest;

const LIMIT: Duration = Duration::from_secs(10);
/// Ports of data bases.
const DATABASE_PORTS: [u64; 6] = [1433, 1521, 3306, 5432, 6379, 27017];
/// Lines of a list in a fact.
const MOST: usize = 200;
const MOST_LETTERS: usize = 200;

/// The firewall as a fact, and its chains as items.
#[must_use]
pub fn firewall(sources: &Sources) -> (Option<Fact>, Items) {
    let mut items = Items::of(Object::Firewall);
    if !sources.is_live() {
        items.missed("not the running host");
        return (None, items);
    }
    match reach::ask::<String>(sources, &Question::Rules) {
        Ok(text) => match read_ruleset(&text, &mut items) {
            Some(fact) => return (Some(Fact::NetFirewall(fact)), items),
            None => items.missed("nft gave an answer that is not understood"),
        },
        Err(error) => items.missed(error),
    }
    (None, items)
}

/// The rules as `nft` lists them for this process.
///
/// # Errors
/// What it says.
pub(crate) fn rules() -> Result<String, String> {
    output_of(Path::new("/usr/sbin/nft"), &["-j", "list", "ruleset"], LIMIT)
        .map_err(|error| error.to_string())
}

/// Reads the answer of `nft -j list ruleset`: one item per chain or other object, without counters and handles.
#[must_use]
pub fn read_ruleset(text: &str, items: &mut Items) -> Option<NetFirewall> {
    let answer: Value = serde_json::from_str(text).ok()?;
    let mut chains: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut defaults = Defaults { input: Policy::Accept, output: Policy::Accept, forward: Policy::Accept };
    let (mut owners, mut database_rules) = (Vec::new(), Vec::new());
    for object in answer.get("nftables")?.as_array()? {
        let Some((kind, body)) = object.as_object().and_then(|object| object.iter().next()) else { continue };
        if kind == "metainfo" {
            continue;
        }
        let mut body = body.clone();
        strip(&mut body);
        let word = |key: &str| body.get(key).and_then(Value::as_str).unwrap_or_default();
        let family = word("family");
        let name = match kind.as_str() {
            "rule" => format!("{family} {} chain {}", word("table"), word("chain")),
            "table" => format!("{family} {} table", word("name")),
            other => format!("{family} {} {other} {}", word("table"), word("name")),
        };
        if kind == "table" {
            owners.push(format!("{family} {}", word("name")));
        }
        if kind == "chain" && word("policy") == "drop" {
            match word("hook") {
                "input" => defaults.input = Policy::Drop,
                "output" => defaults.output = Policy::Drop,
                "forward" => defaults.forward = Policy::Drop,
                _ => {}
            }
        }
        let line = body.to_string();
        if kind == "rule" && names_a_database(&body) {
            database_rules.push(line.chars().take(MOST_LETTERS).collect());
        }
        chains.entry(name).or_default().push(line);
    }
    owners.truncate(MOST);
    database_rules.truncate(MOST);
    let mut all = Sha256::new();
    for (name, lines) in chains {
        let text = lines.join("\n");
        all.update(format!("{name}\n{text}\n"));
        items.items.insert(name.chars().take(400).collect(), open_content(&text));
    }
    let ruleset = Digest::try_from(hex(&all.finalize())).ok()?;
    let coverage = Coverage::default();
    Some(NetFirewall { product: "nftables".to_owned(), ruleset, defaults, database_rules, owners, coverage })
}

/// Counters count, handles are numbers of the kernel: neither is a rule.
fn strip(value: &mut Value) {
    match value {
        Value::Object(object) => {
            object.remove("handle");
            object.remove("packets");
            object.remove("bytes");
            object.values_mut().for_each(strip);
        }
        Value::Array(list) => list.iter_mut().for_each(strip),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn names_a_database(value: &Value) -> bool {
    match value {
        Value::Number(number) => number.as_u64().is_some_and(|port| DATABASE_PORTS.contains(&port)),
        Value::Array(list) => list.iter().any(names_a_database),
        Value::Object(object) => object.values().any(names_a_database),
        Value::Null | Value::Bool(_) | Value::String(_) => false,
    }
}

/// Interfaces and routes as a fact, and with the resolvers as items.
#[must_use]
pub fn network(sources: &Sources) -> (Option<Fact>, Items) {
    let mut items = Items::of(Object::Network);
    match sources.read("/etc/resolv.conf") {
        Ok(text) => {
            let lines =
                text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with(['#', ';']));
            let text = lines.collect::<Vec<_>>().join("\n");
            items.items.insert("resolvers".to_owned(), open_content(&text));
        }
        Err(error) => items.missed(format!("/etc/resolv.conf: {error}")),
    }
    if !sources.is_live() {
        return (None, items);
    }
    let ask = |arguments: &[&str]| -> Result<Value, String> {
        let text = output_of(Path::new("/usr/sbin/ip"), arguments, LIMIT)
            .or_else(|_| output_of(Path::new("/sbin/ip"), arguments, LIMIT))
            .map_err(|error| error.to_string())?;
        serde_json::from_str(if text.trim().is_empty() { "[]" } else { &text })
            .map_err(|error| error.to_string())
    };
    let answers =
        (ask(&["-j", "address"]), ask(&["-j", "route"]), ask(&["-6", "-j", "route"]), ask(&["-j", "neigh"]));
    let (Ok(addresses), Ok(routes), Ok(routes_6), neighbours) = answers else {
        items.missed("`ip -j` gave no answer that is understood");
        return (None, items);
    };
    let interfaces = read_interfaces(&addresses);
    let mut lines = read_routes(&routes);
    lines.extend(read_routes(&routes_6));
    for interface in &interfaces {
        items
            .items
            .insert(format!("interface {}", interface.name), open_content(&interface.addresses.join(" ")));
    }
    for line in &lines {
        items.items.insert(format!("route {line}"), open_content(line));
    }
    let neighbours = neighbours.map(|answer| words(&answer, "dst")).unwrap_or_default();
    (Some(Fact::NetInterfaces(NetInterfaces { interfaces, routes: lines, neighbours })), items)
}

fn rows(answer: &Value) -> impl Iterator<Item = &Value> {
    answer.as_array().into_iter().flatten().take(MOST)
}

fn words(answer: &Value, key: &str) -> Vec<String> {
    let mut words: Vec<String> = rows(answer)
        .filter_map(|row| row.get(key)?.as_str())
        .map(|word| word.chars().take(MOST_LETTERS).collect())
        .collect();
    words.sort();
    words.dedup();
    words
}

fn read_interfaces(answer: &Value) -> Vec<Interface> {
    let interface = |row: &Value| {
        let name = row.get("ifname")?.as_str()?.chars().take(MOST_LETTERS).collect();
        let address = |one: &Value| {
            // Addresses that the host makes up for privacy and that end by themselves are no setting.
            if one.get("temporary").and_then(Value::as_bool) == Some(true) {
                return None;
            }
            Some(format!("{}/{}", one.get("local")?.as_str()?, one.get("prefixlen")?.as_u64()?))
        };
        let list = row.get("addr_info").and_then(Value::as_array).into_iter().flatten().take(MOST);
        let mut addresses: Vec<String> = list.filter_map(address).collect();
        addresses.sort();
        Some(Interface { name, addresses })
    };
    rows(answer).filter_map(interface).collect()
}

fn read_routes(answer: &Value) -> Vec<String> {
    let line = |row: &Value| {
        let word = |key: &str| row.get(key).and_then(Value::as_str);
        let mut line = word("dst")?.to_owned();
        for (mark, key) in [(" via ", "gateway"), (" dev ", "dev"), (" type ", "type")] {
            if let Some(text) = word(key) {
                line.push_str(mark);
                line.push_str(text);
            }
        }
        Some(line.chars().take(MOST_LETTERS).collect())
    };
    let mut lines: Vec<String> = rows(answer).filter_map(line).collect();
    lines.sort();
    lines.dedup();
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn counters_and_handles_are_no_rules_and_a_chain_is_named() {
        let text = |packets: u64, port: u64| {
            format!(
                "{{\"nftables\":[{{\"metainfo\":{{\"version\":\"1\"}}}},{{\"table\":{{\"family\":\"inet\",\"name\":\"fw\",\"handle\":1}}}},\
                 {{\"chain\":{{\"family\":\"inet\",\"table\":\"fw\",\"name\":\"input\",\"handle\":{packets},\"type\":\"filter\",\"hook\":\"input\",\"policy\":\"drop\"}}}},\
                 {{\"rule\":{{\"family\":\"inet\",\"table\":\"fw\",\"chain\":\"input\",\"handle\":2,\"expr\":[{{\"match\":{{\"right\":{port}}}}},{{\"counter\":{{\"packets\":{packets},\"bytes\":9}}}}]}}}}]}}"
            )
        };
        let read = |packets, port| {
            let mut items = Items::of(Object::Firewall);
            let fact = read_ruleset(&text(packets, port), &mut items).unwrap();
            (fact, items)
        };
        let (fact, items) = read(1, 22);
        assert_eq!((fact.defaults.input, fact.defaults.output), (Policy::Drop, Policy::Accept));
        assert!(items.items.contains_key("inet fw chain input") && fact.database_rules.is_empty());
        assert_eq!((fact.clone(), items.clone()), read(5_000, 22));
        let (other, changed) = read(1, 5432);
        assert_ne!(fact.ruleset, other.ruleset);
        assert_eq!(other.database_rules.len(), 1);
        assert_ne!(items.items["inet fw chain input"], changed.items["inet fw chain input"]);
        assert_eq!(items.items["inet fw table"], changed.items["inet fw table"]);
    }

    #[test]
    fn a_real_rule_of_a_namespace_is_seen() {
        // In a network of its own: nothing of this host is touched.
        let script = "/usr/sbin/nft add table inet yakujo_test && /usr/sbin/nft add chain inet yakujo_test in '{ type filter hook input priority 0; policy drop; }' \
            && /usr/sbin/nft add rule inet yakujo_test in tcp dport 5432 counter accept && /usr/sbin/nft -j list ruleset";
        let done = std::process::Command::new("/usr/bin/unshare")
            .args(["--net", "/bin/sh", "-c", script])
            .output()
            .unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        let mut items = Items::of(Object::Firewall);
        let fact = read_ruleset(&String::from_utf8_lossy(&done.stdout), &mut items).unwrap();
        assert_eq!((fact.defaults.input, fact.database_rules.len()), (Policy::Drop, 1));
        assert!(items.items["inet yakujo_test chain in"].value.as_deref().unwrap().contains("5432"));
    }

    #[test]
    fn this_host_has_interfaces_and_resolvers() {
        let (fact, items) = network(&Sources::of_this_host());
        let Some(Fact::NetInterfaces(interfaces)) = fact else { panic!("{:?}", items.coverage) };
        assert!(interfaces.interfaces.iter().any(|one| one.name == "lo"));
        assert!(items.items.contains_key("interface lo"));
    }

    proptest! {
        #[test]
        fn no_answer_makes_it_fail(text in "(\\{|\\}|\\[|\\]|\"nftables\"|\"rule\"|:|,|[0-9a-z\"]){0,30}") {
            let _ = read_ruleset(&text, &mut Items::of(Object::Firewall));
            if let Ok(value) = serde_json::from_str::<Value>(&text) {
                let _ = (read_interfaces(&value), read_routes(&value), words(&value, "dst"));
            }
        }
    }
}
