//! 承認されたが未実施: what was approved, whose time is over, and of which nothing was seen. No breach of anything; but
//! somebody says why, or the city believes that its system was repaired when it was not.
//!
//! Said only where it would have been seen: all the time by a probe, or by an agent that looks at such things and has
//! spoken since.

use crate::case::{Case, HostCase};
use crate::clauses::c07_stops::threshold;
use crate::entry::Party;
use crate::evidence::host::Host;
use crate::finding::{Finding, Rule};
use crate::id::RequestId;
use crate::occurrence::{End, When, finding_id};
use crate::reconcile::{Join, NEAR};
use crate::request::flow::{Progress, State};
use crate::request::form::Form;
use crate::request::{Scope, Window};
use crate::thing::Object;
use jiff::Timestamp;

/// Approved work of one system of which nothing was seen.
pub(super) fn findings(case: &Case<'_>) -> Vec<Finding> {
    let mut found = Vec::new();
    for (id, progress, window) in approved(case) {
        // What agents and probes saw may be on its way for a while.
        let known = window.last().saturating_add(NEAR).unwrap_or(Timestamp::MAX);
        if case.passed(known) && would_be_seen(case, progress, window) && !was_seen(case, id, window) {
            found.push(undone(case, id, progress, window));
        }
    }
    found
}

/// Work that was approved and has a time.
fn approved<'a>(case: &Case<'a>) -> impl Iterator<Item = (&'a RequestId, &'a Progress, Window)> {
    case.evidence.requests.of_system(case.system).filter_map(|(id, request)| {
        let progress = request.progress.as_ref()?;
        let stands = matches!(progress.state, State::Approved | State::Done | State::Reported);
        let window = progress.window().filter(|_| stands && progress.approved.is_some())?;
        Some((id, progress, window))
    })
}

fn undone(case: &Case<'_>, id: &RequestId, progress: &Progress, window: Window) -> Finding {
    let entries = progress.approved.iter().map(|decided| decided.stamp.entry).collect();
    Finding {
        id: finding_id(Rule::R19, id.as_str(), Object::Target, window.from),
        rule: Rule::R19,
        system: case.system.clone(),
        host: None,
        object: Object::Target,
        names: vec![id.to_string()],
        count: 1,
        join: Join::NotDone(id.clone()),
        when: When::Lasting { from: window.from, to: window.last(), end: End::Over },
        since: window.last(),
        entries,
        by: None,
        against: Party::Contractor,
    }
}

/// Whether what was approved would have been seen, had it been done.
fn would_be_seen(case: &Case<'_>, progress: &Progress, window: Window) -> bool {
    match progress.form() {
        Form::F07 => is_probed(case, window),
        Form::F09 => is_looked_at(case, progress.scope(), window),
        _ => false,
    }
}

/// Every agreed target of the system was watched all the time.
fn is_probed(case: &Case<'_>, window: Window) -> bool {
    let all = case.evidence.agreements.targets();
    let mut own = all.filter(|watched| watched.target.system == *case.system && watched.ended.is_none());
    let whole = |watched: &crate::evidence::agreement::Watched<'_>| {
        watched.since.received <= window.from
            && case.evidence.gaps_of(watched, window.from, window.last(), 1).is_empty()
    };
    let Some(first) = own.next() else { return false };
    whole(&first) && own.all(|watched| whole(&watched))
}

/// What agents look at on every host. Files are not among them: which are watched is the host's own matter.
const LOOKED_AT: [Object; 8] = [
    Object::Package,
    Object::Service,
    Object::Account,
    Object::Privilege,
    Object::Listener,
    Object::Firewall,
    Object::Job,
    Object::Kernel,
];

fn is_looked_at(case: &Case<'_>, scope: &Scope, window: Window) -> bool {
    if scope.things.is_empty() || !scope.things.iter().all(|thing| LOOKED_AT.contains(&thing.object)) {
        return false;
    }
    let silent = Host::default();
    let mut hosts = case
        .hosts()
        .filter(|(place, _)| scope.hosts.is_empty() || scope.hosts.contains(&place.host))
        .map(|(place, host)| HostCase { case, place, host: host.unwrap_or(&silent) });
    let speaks = |one: &HostCase<'_>| {
        let since = one.host.last_received.is_some_and(|last| last.received > window.last());
        let before = one.host.first_received.is_some_and(|first| first <= window.from);
        let lost = [one.host.loss.as_ref().map(|it| it.stamp), one.host.gap.as_ref().map(|it| it.stamp)];
        let lost = lost.into_iter().flatten().any(|stamp| stamp.received >= window.from);
        since && before && !lost && one.alive().is_ok()
    };
    let Some(first) = hosts.next() else { return false };
    speaks(&first) && hosts.all(|one| speaks(&one))
}

/// Whether anything was joined with this request.
fn was_seen(case: &Case<'_>, id: &RequestId, window: Window) -> bool {
    let from = window.from.checked_sub(NEAR).unwrap_or(Timestamp::MIN);
    let to = window.last().saturating_add(NEAR).unwrap_or(Timestamp::MAX);
    let on_host = case.hosts().any(|(place, _)| {
        let mut happened = case.evidence.occurrences.between(&place.host, from, to);
        happened.any(|(key, _)| case.joins.of(&place.host, key).and_then(Join::request) == Some(id))
    });
    let stops = || case.evidence.outages_of(case.system, threshold(case));
    on_host || stops().iter().any(|stop| stop.from <= window.last() && stop.seen_to >= window.from)
}
