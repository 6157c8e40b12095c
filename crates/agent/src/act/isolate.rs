//! Cuts the host off from the network by a table of its own in nftables, and sees to it that it stays cut off.
//!
//! The table stands before all others (priority −400) and drops whatever comes in, goes out, or is passed on, except the
//! loopback and the connections this host opens to the server's intake. Connections that exist are cut as well. It does not
//! stop root on this host from taking the table away: that is why it is looked at every few seconds, and why the server
//! looks from outside. Packets sent below the network layer (`AF_PACKET`) are not stopped.

use super::desk::{Desk, Isolation};
use super::{ActError, Released};
use crate::reading::digest_of;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use std::io::{Read as _, Write as _};
use std::net::{IpAddr, SocketAddr};
use std::process::{Command, Stdio};
use yakujo_contract::act::Trit;
use yakujo_contract::fact::Fact;
use yakujo_contract::fact::malware::{IsolationCause, IsolationState};
use yakujo_contract::id::Digest;
use yakujo_contract::order::Order;

/// The program that speaks to the kernel.
pub(super) const NFT: &str = "/usr/sbin/nft";
/// The table nobody else touches.
const TABLE: &str = "yakujo_isolate";
/// Both parties are told so often that it is in force.
const TOLD_EVERY: SignedDuration = SignedDuration::from_mins(5);
/// It ends a little before its time, never after it.
const BEFORE_THE_END: SignedDuration = SignedDuration::from_secs(10);
/// Most output of the program that is read.
const MOST_OUTPUT: u64 = 8 << 20;

/// The rules as the kernel lists them.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Listed {
    digest: Digest,
    blocked: u64,
}

/// The digest of no rules.
pub(super) fn nothing() -> Digest {
    digest(&json!([]))
}

#[expect(clippy::expect_used, reason = "SHA-256 in hexadecimal digits is a digest")]
fn digest(value: &Value) -> Digest {
    Digest::try_from(digest_of(value)).expect("SHA-256 in hexadecimal digits is a digest")
}

/// Cuts off and tells. The inner error says why it did not work.
pub(super) fn begin(desk: &Desk, wanted: Isolation, now: Timestamp) -> Result<Result<(), String>, ActError> {
    let put = insist(desk, wanted, now)?;
    // Rules may be in force of which nobody could say so. Where not even that ends them, the next look finishes what was begun.
    if put.is_err() && load(&without()).is_ok() {
        desk.keep_isolation(None)?;
    }
    Ok(put)
}

/// Cuts off and tells, as [`begin`]; what does not work is tried again by every look until it is over.
pub(super) fn insist(desk: &Desk, wanted: Isolation, now: Timestamp) -> Result<Result<(), String>, ActError> {
    // On the disk first: whatever stops this process now, the next look finishes what was begun.
    desk.keep_isolation(Some(&wanted))?;
    put_in_force(desk, wanted, now)
}

/// Puts the rules in force and tells it, with what brought it about where that was not told yet.
fn put_in_force(
    desk: &Desk,
    mut isolation: Isolation,
    now: Timestamp,
) -> Result<Result<(), String>, ActError> {
    let listed = match apply(&isolation.peers) {
        Ok(listed) => listed,
        Err(why) => return Ok(Err(why)),
    };
    let cause = isolation.untold.unwrap_or(IsolationCause::Reapplied);
    tell(desk, &isolation, &listed, Some(cause), now)?;
    (isolation.rules, isolation.told, isolation.untold) = (listed.digest, now, None);
    desk.keep_isolation(Some(&isolation))?;
    Ok(Ok(()))
}

/// Ends by an order of the server, and tells.
pub(super) fn end(desk: &Desk, order: &Order, now: Timestamp) -> Result<Result<(), String>, ActError> {
    let Some(mut isolation) = desk.isolation()? else {
        return Ok(Err("the host is not cut off".to_owned()));
    };
    (isolation.order, isolation.request) = (order.order.clone(), order.request.clone());
    release(desk, &isolation, IsolationCause::Order, now)
}

fn release(
    desk: &Desk,
    isolation: &Isolation,
    cause: IsolationCause,
    now: Timestamp,
) -> Result<Result<(), String>, ActError> {
    let last = list().ok().flatten();
    if let Err(why) = load(&without()) {
        return Ok(Err(why));
    }
    desk.keep_isolation(None)?;
    let blocked = last.map_or(0, |last| last.blocked).saturating_add(isolation.blocked_before);
    desk.tell(
        now,
        Fact::IsolationState(IsolationState {
            isolated: false,
            order: Some(isolation.order.to_string()),
            approval: Some(isolation.request.clone()),
            cause: Some(cause),
            allowed_peers: Vec::new(),
            ruleset: nothing(),
            blocked_packets: blocked,
            verified_at: now,
            unreachable_from_outside: Trit::Unsaid,
        }),
    )?;
    Ok(Ok(()))
}

/// By local root, by hand.
pub(super) fn break_glass(desk: &Desk, now: Timestamp) -> Result<Released, ActError> {
    let Some(isolation) = desk.isolation()? else { return Ok(Released::WasNot) };
    match release(desk, &isolation, IsolationCause::BreakGlass, now)? {
        Ok(()) => Ok(Released::Yes),
        Err(why) => Err(ActError::File(NFT.into(), std::io::Error::other(why))),
    }
}

/// Looks whether it is in force, and ends it when its time is over.
pub(super) fn look(desk: &Desk, now: Timestamp) -> Result<(), ActError> {
    let Some(mut isolation) = desk.isolation()? else { return Ok(()) };
    if now.saturating_add(BEFORE_THE_END).unwrap_or(Timestamp::MAX) >= isolation.until {
        if let Err(why) = release(desk, &isolation, IsolationCause::TimeLimit, now)? {
            tracing::error!("the isolation cannot be ended: {why}");
        }
        return Ok(());
    }
    let listed = match list() {
        Ok(listed) => listed,
        Err(why) => {
            tracing::error!("whether the host is still cut off cannot be seen: {why}");
            return Ok(());
        }
    };
    match listed {
        Some(listed) if listed.digest == isolation.rules => {
            if now.duration_since(isolation.told) >= TOLD_EVERY {
                isolation.told = now;
                desk.keep_isolation(Some(&isolation))?;
                tell(desk, &isolation, &listed, None, now)?;
            }
        }
        changed => {
            let before = changed.map_or(0, |changed| changed.blocked);
            isolation.blocked_before = isolation.blocked_before.saturating_add(before);
            if let Err(why) = put_in_force(desk, isolation, now)? {
                tracing::error!("the host cannot be cut off again: {why}");
            }
        }
    }
    Ok(())
}

/// Tries the rules without putting them in force. Only what the kernel would take is told.
pub(super) fn ready(desk: &Desk, peers: &[SocketAddr], now: Timestamp) -> Result<(), ActError> {
    if desk.isolation()?.is_some() {
        return Ok(());
    }
    let rules = with(peers);
    if let Err(why) = nft(&["-c", "-j", "-f", "-"], &json!({ "nftables": rules }).to_string()) {
        tracing::warn!("this host could not be cut off: {why}");
        return Ok(());
    }
    desk.tell(
        now,
        Fact::IsolationState(IsolationState {
            isolated: false,
            order: None,
            approval: None,
            cause: None,
            allowed_peers: peers.iter().map(ToString::to_string).collect(),
            ruleset: digest(&Value::Array(rules)),
            blocked_packets: 0,
            verified_at: now,
            unreachable_from_outside: Trit::Unsaid,
        }),
    )
}

fn tell(
    desk: &Desk,
    isolation: &Isolation,
    listed: &Listed,
    cause: Option<IsolationCause>,
    now: Timestamp,
) -> Result<(), ActError> {
    desk.tell(
        now,
        Fact::IsolationState(IsolationState {
            isolated: true,
            order: Some(isolation.order.to_string()),
            approval: Some(isolation.request.clone()),
            cause,
            allowed_peers: isolation.peers.iter().map(ToString::to_string).collect(),
            ruleset: listed.digest.clone(),
            blocked_packets: isolation.blocked_before.saturating_add(listed.blocked),
            verified_at: now,
            unreachable_from_outside: Trit::Unsaid,
        }),
    )
}

/// Puts the rules in force in one step: either all of them are, or none.
fn apply(peers: &[SocketAddr]) -> Result<Listed, String> {
    load(&with(peers))?;
    list()?.ok_or_else(|| "the rules are not there after they were put in force".to_owned())
}

/// Hands rules to the kernel.
fn load(rules: &[Value]) -> Result<(), String> {
    nft(&["-j", "-f", "-"], &json!({ "nftables": rules }).to_string()).map(drop)
}

/// The table taken away, whether it was there or not.
fn without() -> Vec<Value> {
    let table = json!({ "table": { "family": "inet", "name": TABLE } });
    vec![json!({ "add": table.clone() }), json!({ "delete": table })]
}

/// The table anew, with all its rules.
fn with(peers: &[SocketAddr]) -> Vec<Value> {
    let mut all = without();
    all.push(json!({ "add": { "table": { "family": "inet", "name": TABLE } } }));
    for hook in ["input", "output", "forward"] {
        all.push(
            json!({ "add": { "chain": { "family": "inet", "table": TABLE, "name": hook, "type": "filter",
            "hook": hook, "prio": -400, "policy": "drop" } } }),
        );
    }
    let mut rule = |chain: &str, expr: Vec<Value>| {
        all.push(
            json!({ "add": { "rule": { "family": "inet", "table": TABLE, "chain": chain, "expr": expr } } }),
        );
    };
    let is = |left: Value, right: Value| json!({ "match": { "op": "==", "left": left, "right": right } });
    let meta = |key: &str| json!({ "meta": { "key": key } });
    let field = |protocol: &str, field: &str| json!({ "payload": { "protocol": protocol, "field": field } });
    let accept = || json!({ "accept": null });
    rule("input", vec![is(meta("iifname"), json!("lo")), accept()]);
    rule("output", vec![is(meta("oifname"), json!("lo")), accept()]);
    for peer in peers {
        let family = if peer.is_ipv4() { "ip" } else { "ip6" };
        let (address, port) = (json!(peer.ip().to_string()), json!(peer.port()));
        // Answers only: nobody opens a connection to this host from there.
        let flags = json!({ "&": [field("tcp", "flags"), ["fin", "syn", "rst", "ack"]] });
        let not_opening = json!({ "match": { "op": "!=", "left": flags, "right": "syn" } });
        let from = vec![
            is(field(family, "saddr"), address.clone()),
            is(field("tcp", "sport"), port.clone()),
            not_opening,
            accept(),
        ];
        rule("input", from);
        rule("output", vec![is(field(family, "daddr"), address), is(field("tcp", "dport"), port), accept()]);
    }
    if peers.iter().any(|peer| matches!(peer.ip(), IpAddr::V6(_))) {
        // Without these no neighbour is found, the server's included.
        let neighbours = json!({ "set": ["nd-neighbor-solicit", "nd-neighbor-advert"] });
        for chain in ["input", "output"] {
            rule(chain, vec![is(field("icmpv6", "type"), neighbours.clone()), accept()]);
        }
    }
    for chain in ["input", "output", "forward"] {
        rule(chain, vec![json!({ "counter": null }), json!({ "drop": null })]);
    }
    all
}

/// The rules in force, without what changes by itself; none where there is no table.
fn list() -> Result<Option<Listed>, String> {
    let tables = nft(&["-j", "list", "tables"], "")?;
    let tables: Value = serde_json::from_str(&tables).map_err(|error| error.to_string())?;
    let is_own = |item: &Value| {
        item.pointer("/table/name").and_then(Value::as_str) == Some(TABLE)
            && item.pointer("/table/family").and_then(Value::as_str) == Some("inet")
    };
    let there =
        tables.get("nftables").and_then(Value::as_array).is_some_and(|items| items.iter().any(is_own));
    if !there {
        return Ok(None);
    }
    let text = nft(&["-j", "list", "table", "inet", TABLE], "")?;
    let mut listing: Value = serde_json::from_str(&text).map_err(|error| error.to_string())?;
    let items = listing.get_mut("nftables").and_then(Value::as_array_mut);
    let items = items.ok_or_else(|| "the listing of the rules cannot be read".to_owned())?;
    items.retain(|item| item.get("metainfo").is_none());
    let mut blocked = 0_u64;
    items.iter_mut().for_each(|item| settle(item, &mut blocked));
    Ok(Some(Listed { digest: digest(&listing), blocked }))
}

/// Takes out handles and counts, and adds the counts up.
fn settle(value: &mut Value, blocked: &mut u64) {
    match value {
        Value::Object(fields) => {
            fields.remove("handle");
            if let Some(counter) = fields.get_mut("counter") {
                let packets = counter.get("packets").and_then(Value::as_u64).unwrap_or(0);
                *blocked = blocked.saturating_add(packets);
                *counter = Value::Null;
            }
            fields.values_mut().for_each(|field| settle(field, blocked));
        }
        Value::Array(items) => items.iter_mut().for_each(|item| settle(item, blocked)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Runs the program with a text on its standard input.
fn nft(arguments: &[&str], input: &str) -> Result<String, String> {
    let failed = |error: std::io::Error| format!("{NFT}: {error}");
    let mut child = Command::new(NFT)
        .args(arguments)
        .env_clear()
        .env("LC_ALL", "C")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(failed)?;
    if let Some(mut pipe) = child.stdin.take() {
        pipe.write_all(input.as_bytes()).map_err(failed)?;
    }
    let mut text = String::new();
    if let Some(pipe) = child.stdout.take() {
        pipe.take(MOST_OUTPUT).read_to_string(&mut text).map_err(failed)?;
    }
    let mut said = String::new();
    if let Some(pipe) = child.stderr.take() {
        pipe.take(4_096).read_to_string(&mut said).map_err(failed)?;
    }
    let status = child.wait().map_err(failed)?;
    if status.success() {
        Ok(text)
    } else {
        Err(format!("{NFT}: {}", said.lines().next().unwrap_or("failed")))
    }
}
