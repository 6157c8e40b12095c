//! Blocks about communication (4.5.b).

use super::{Line, Read, both, digest, fact};
use crate::fact::network::FlowPath;
use jiff::Timestamp;
use serde_json::{Value, json};

/// `out/tcp/443/192.0.2.7` as the ledger spells it. A network is written with a `:` before its length.
pub(super) fn spelled(name: &str) -> String {
    name.replacen('/', " ", 3).replace(':', "/")
}

fn path(name: &str) -> Read<FlowPath> {
    let name = spelled(name);
    FlowPath::from_name(&name).ok_or_else(|| format!("`{name}` is no communication"))
}

/// `change HOST flow out/tcp/443/192.0.2.7 TIME [since=]`; `none` as name: there is none.
pub(super) fn seen(name: &str, since: Timestamp, at: Timestamp) -> Read<Value> {
    let flows = match name {
        "none" => json!([]),
        name => json!([{ "path": path(name)?, "from": since, "to": at }]),
    };
    Ok(json!({ "kind": "net.flow", "seen_by": "sockets", "flows": flows }))
}

/// What is needed, and what listens.
pub(super) fn list(line: &Line<'_>) -> Read<Vec<Value>> {
    match line.word(0)? {
        "needs" => needs(line),
        "tls" => tls(line),
        "wall" => wall(line),
        _ => doors(line),
    }
}

/// `needs SYSTEM out/tcp/443/192.0.2.7 TIME [hosts=web-1] [until=] [anybody=yes]`: a line of the list that both agreed on.
fn needs(line: &Line<'_>) -> Read<Vec<Value>> {
    let (system, name, at) = (line.word(1)?, line.word(2)?, line.when(3)?);
    let FlowPath { direction, protocol, port, peer } = path(name)?;
    let mut matter = json!({ "matter": "flow", "system": system, "direction": direction, "protocol": protocol,
        "port": port, "purpose": "業務" });
    if let Some(matter) = matter.as_object_mut() {
        if line.pair("anybody").is_none() {
            matter.insert("peer".to_owned(), json!(peer));
        }
        if let Some(host) = line.pair("hosts") {
            matter.insert("host".to_owned(), json!(host));
        }
        if let Some(until) = line.time("until")? {
            matter.insert("until".to_owned(), json!(until));
        }
    }
    let id = format!("flow-{system}-{}-{}", name.replace(['/', '*'], "."), at.as_second());
    Ok(both(&id, at, matter))
}

/// `doors HOST 443,22 TIME`: what listens.
fn doors(line: &Line<'_>) -> Read<Vec<Value>> {
    let (host, ports, at) = (line.word(1)?, line.word(2)?, line.when(3)?);
    let one = |port: &str| {
        let port: u16 = port.parse().map_err(|_| format!("`{port}` is no port"))?;
        Ok(json!({ "protocol": "tcp", "address": "0.0.0.0", "port": port, "uid": 0 }))
    };
    let listeners: Vec<Value> = ports.split(',').map(one).collect::<Read<_>>()?;
    let part = json!({ "index": 0, "of": 1, "set": digest("dd") });
    Ok(vec![fact(host, at, at, json!({ "kind": "net.listener", "part": part, "listeners": listeners }))])
}

/// `tls HOST PORT TIME [lowest=2] [ends=TIME]`: the versions of TLS a door accepts, and the end of its certificate; `plain` as
/// lowest: none.
fn tls(line: &Line<'_>) -> Read<Vec<Value>> {
    let (host, port, at) = (line.word(1)?, line.word(2)?, line.when(3)?);
    let port: u16 = port.parse().map_err(|_| format!("`{port}` is no port"))?;
    let lowest = match line.pair("lowest").unwrap_or("2") {
        "plain" => None,
        minor => Some(minor.parse::<u8>().map_err(|_| format!("`{minor}` is the x of 1.x"))?),
    };
    let highest = lowest.map(|_| 3);
    Ok(vec![fact(
        host,
        at,
        at,
        json!({ "kind": "tls.endpoint", "host": "127.0.0.1", "port": port,
        "lowest_minor": lowest, "highest_minor": highest, "suites": [], "not_after": line.time("ends")? }),
    )])
}

/// `wall HOST drop|accept TIME`: what the firewall does by default with what comes in.
fn wall(line: &Line<'_>) -> Read<Vec<Value>> {
    let (host, input, at) = (line.word(1)?, line.word(2)?, line.when(3)?);
    let defaults = json!({ "input": input, "output": "accept", "forward": "accept" });
    Ok(vec![fact(
        host,
        at,
        at,
        json!({ "kind": "net.firewall", "product": "nftables", "ruleset": digest("fa"),
        "defaults": defaults, "database_rules": [], "owners": [] }),
    )])
}
