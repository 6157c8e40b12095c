//! What may be ordered at all: each order rests on a request, and on what became of it. The door and the pages ask here.

use super::{ORDER_LIVES, Order, Permit, Permitted, Work};
use crate::act::HostPlace;
use crate::evidence::Evidence;
use crate::evidence::requests::Grant;
use crate::fact::malware::Done;
use crate::id::{Digest, HostId, RequestId};
use crate::request::flow::{Progress, State};
use crate::request::form::Form;
use crate::request::{FieldValue, Outcome, StandingTerms, Trigger};
use crate::thing::{Content, Object};
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeSet;

/// Forms whose approval is a consent to connect a host again.
const RECONNECTS: [Form; 3] = [Form::F06, Form::F07, Form::F09];

/// Contents a host is asked for at once.
const MOST_SOUGHT: usize = 32;

/// Why an order may not be given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotAllowed {
    /// The host does not belong to any system.
    #[error("the host belongs to no system")]
    Host,
    /// The request is not there, or is not of a form that such an order rests on.
    #[error("such an order rests on another form")]
    Form,
    /// The city has not approved it, not consented, or not for this host and this time.
    #[error("the city has not approved or consented to it, for this host and for now")]
    Consent,
    /// The content is not the one both talked about.
    #[error("the restoration that was talked about (F-06) does not name this file with this content")]
    Content,
    /// More than was approved.
    #[error("the order allows more than the standing approval")]
    Wider,
    /// There is nothing to be done.
    #[error("there is nothing of that kind on the host")]
    Nothing,
}

/// Whether this order may be given now.
///
/// # Errors
/// The first [`NotAllowed`].
pub fn allowed(evidence: &Evidence, order: &Order, now: Timestamp) -> Result<(), NotAllowed> {
    let place = evidence.agreements.place_of(&order.host).ok_or(NotAllowed::Host)?;
    let progress = progress(evidence, &order.request).ok_or(NotAllowed::Form)?;
    match &order.work {
        Work::Permit(permit) => {
            let most = permit_of(progress, place, now).ok_or(NotAllowed::Consent)?;
            let within = permit.trigger == most.trigger
                && permit.acts.is_subset(&most.acts)
                && permit.longest_min <= most.longest_min
                && permit.uses <= most.uses
                && permit.from >= most.from
                && permit.until <= most.until;
            // Two at once would be twice as many uses.
            let held = !evidence.orders.open_permits(&order.host, &order.request, now).is_empty();
            match (within, held) {
                (true, false) => Ok(()),
                (true, true) => Err(NotAllowed::Nothing),
                (false, _) => Err(NotAllowed::Wider),
            }
        }
        Work::EndPermit { permit } => {
            let given = evidence.orders.get(permit).is_some_and(|given| given.order.request == order.request);
            if given { Ok(()) } else { Err(NotAllowed::Nothing) }
        }
        Work::Isolate { until } => may_isolate(progress, place, *until, now),
        Work::Reconnect {} => may_reconnect(evidence, &order.request, place, now),
        Work::GiveBack { item } | Work::Remove { item } => {
            let held = held_items(evidence, &order.host);
            if !held.contains(&item.as_str()) {
                return Err(NotAllowed::Nothing);
            }
            if is_agreed_incident(progress, place) { Ok(()) } else { Err(NotAllowed::Consent) }
        }
        Work::Restore { path, digest } => may_restore(evidence, &order.request, place, (path, digest), now),
    }
}

fn progress<'a>(evidence: &'a Evidence, request: &RequestId) -> Option<&'a Progress> {
    evidence.requests.get(request)?.progress.as_ref()
}

/// What a standing approval of malware allows on a host from now on; none where it allows nothing.
#[must_use]
pub fn permit_of(progress: &Progress, place: &HostPlace, now: Timestamp) -> Option<Permit> {
    let terms: &StandingTerms = progress.filled.standing.as_ref()?;
    let window = progress.window()?;
    let used = u32::try_from(progress.uses.len()).unwrap_or(u32::MAX);
    let counts = progress.form() == Form::F26
        && progress.state == State::Approved
        && terms.trigger == Trigger::MalwareSuspected
        && progress.scope().covers_place(&place.system, Some(&place.host), Some(place.environment))
        && window.last() > now
        && used < terms.uses;
    counts.then(|| Permit {
        trigger: terms.trigger,
        acts: [Permitted::Quarantine, Permitted::Isolate].into(),
        longest_min: terms.longest_min,
        uses: terms.uses.saturating_sub(used),
        from: window.from,
        until: window.last(),
    })
}

/// At once and by hand: under the standing approval, or under an approval of a stop or a change.
fn may_isolate(
    progress: &Progress,
    place: &HostPlace,
    until: Timestamp,
    now: Timestamp,
) -> Result<(), NotAllowed> {
    let (longest, last) = match permit_of(progress, place, now) {
        Some(permit) => (SignedDuration::from_mins(i64::from(permit.longest_min)), permit.until),
        None if progress.form() == Form::F07 => {
            let covers =
                progress.scope().covers_place(&place.system, Some(&place.host), Some(place.environment));
            let window = progress.window().ok_or(NotAllowed::Consent)?;
            if progress.state != State::Approved || !covers || now < window.from || now > window.last() {
                return Err(NotAllowed::Consent);
            }
            (ORDER_LIVES, window.last())
        }
        None if progress.form() == Form::F26 => return Err(NotAllowed::Consent),
        None => return Err(NotAllowed::Form),
    };
    let most = now.saturating_add(longest).unwrap_or(Timestamp::MAX).min(last);
    if until <= most { Ok(()) } else { Err(NotAllowed::Wider) }
}

/// The city consented in the report of the incident, or approved a restoration, a stop or a change of it.
fn may_reconnect(
    evidence: &Evidence,
    request: &RequestId,
    place: &HostPlace,
    now: Timestamp,
) -> Result<(), NotAllowed> {
    let host = evidence.hosts.get(&place.host);
    let newest = host.and_then(|host| host.isolations.last_key_value());
    if !newest.is_some_and(|(_, state)| state.isolated) {
        return Err(NotAllowed::Nothing);
    }
    let progress = progress(evidence, request).ok_or(NotAllowed::Form)?;
    if progress.form() == Form::F05 {
        return if is_agreed_incident(progress, place) { Ok(()) } else { Err(NotAllowed::Consent) };
    }
    if !RECONNECTS.contains(&progress.form()) {
        return Err(NotAllowed::Form);
    }
    let mut grants = evidence.requests.grants(&place.system, &RECONNECTS);
    let given = grants.any(|grant| grant.request == request && counts(&grant, place, now));
    if given { Ok(()) } else { Err(NotAllowed::Consent) }
}

/// Both talked about the incident and the city agreed, or it accepted the report.
fn is_agreed_incident(progress: &Progress, place: &HostPlace) -> bool {
    let malware = FieldValue::Clear("malware".to_owned());
    let agreed = progress.consulted.is_some_and(|(_, outcome)| outcome == Outcome::Agreed);
    progress.form() == Form::F05
        && progress.filled.fields.get("class") == Some(&malware)
        && progress.filled.scope.covers_place(&place.system, Some(&place.host), Some(place.environment))
        && (agreed || progress.state == State::Confirmed)
}

/// Consent by telephone that nobody confirmed in writing lets nothing be done by a machine.
fn counts(grant: &Grant<'_>, place: &HostPlace, now: Timestamp) -> bool {
    grant.ground == crate::evidence::requests::Ground::Decision
        && grant.scope.covers_place(&place.system, Some(&place.host), Some(place.environment))
        && grant.since <= now
        && grant.until.is_none_or(|until| until > now)
        && grant.window.is_none_or(|window| window.from <= now && now <= window.last())
}

fn may_restore(
    evidence: &Evidence,
    request: &RequestId,
    place: &HostPlace,
    (path, digest): (&str, &Digest),
    now: Timestamp,
) -> Result<(), NotAllowed> {
    if progress(evidence, request).is_none_or(|progress| progress.form() != Form::F06) {
        return Err(NotAllowed::Form);
    }
    let grants = evidence.requests.grants(&place.system, &[Form::F06]);
    let given: Vec<Grant<'_>> =
        grants.filter(|grant| grant.request == request && counts(grant, place, now)).collect();
    if given.is_empty() {
        return Err(NotAllowed::Consent);
    }
    // A file without a digest says where, but not what is right: nothing is restored by that.
    let named = given.iter().any(|grant| {
        let mut things = grant.scope.things.iter().filter(|thing| thing.covers(Object::File, path));
        things.any(|thing| thing.allows(Some(digest)) == Content::Same)
    });
    if named { Ok(()) } else { Err(NotAllowed::Content) }
}

/// The items a host has in its quarantine, as its agent told: neither given back nor removed.
#[must_use]
pub fn held_items<'a>(evidence: &'a Evidence, host: &HostId) -> Vec<&'a str> {
    let removed = evidence.orders.removed(host);
    let Some(host) = evidence.hosts.get(host) else { return Vec::new() };
    let gone = |item: &str| {
        let mut released = host.released.values();
        removed.contains(item) || released.any(|one| one.item == item && one.result == Done::Done)
    };
    let items = host.quarantined.values().filter(|item| item.result == Done::Done);
    items.map(|item| item.item.as_str()).filter(|item| !gone(item)).collect()
}

/// What may be ordered by hand on a request now, host by host. Each is asked for anew when it is given.
#[must_use]
pub fn offers(evidence: &Evidence, request: &RequestId, now: Timestamp) -> Vec<(HostId, Work)> {
    let Some(progress) = progress(evidence, request) else { return Vec::new() };
    let mut offers = Vec::new();
    for host in evidence.agreements.declared_hosts() {
        let Some(place) = evidence.agreements.place_of(host) else { continue };
        if !progress.scope().covers_place(&place.system, Some(host), Some(place.environment)) {
            continue;
        }
        let works = may_be_wanted(evidence, progress, place, now).into_iter().filter(|work| {
            // Neither the id nor the instants matter to whether it is allowed.
            let order = order_like(host, request, work, now);
            order.is_some_and(|order| allowed(evidence, &order, now).is_ok())
        });
        offers.extend(works.map(|work| (host.clone(), work)));
    }
    offers
}

fn order_like(host: &HostId, request: &RequestId, work: &Work, now: Timestamp) -> Option<Order> {
    let order = "offer".parse().ok()?;
    let (host, request, work) = (host.clone(), request.clone(), work.clone());
    Some(Order { order, host, request, issued: now, expires: now, work })
}

fn may_be_wanted(evidence: &Evidence, progress: &Progress, place: &HostPlace, now: Timestamp) -> Vec<Work> {
    let host = evidence.hosts.get(&place.host);
    let isolated = host.and_then(|host| host.isolations.last_key_value()).is_some_and(|(_, it)| it.isolated);
    let mut works = Vec::new();
    if isolated {
        works.push(Work::Reconnect {});
    } else if matches!(progress.form(), Form::F26 | Form::F07) {
        let longest = permit_of(progress, place, now)
            .map_or(ORDER_LIVES, |permit| SignedDuration::from_mins(i64::from(permit.longest_min)));
        let last = progress.window().map_or(Timestamp::MAX, |window| window.last());
        let until = now.saturating_add(longest).unwrap_or(Timestamp::MAX).min(last);
        works.push(Work::Isolate { until });
    }
    if progress.form() == Form::F05 {
        for item in held_items(evidence, &place.host) {
            works.push(Work::GiveBack { item: item.to_owned() });
            works.push(Work::Remove { item: item.to_owned() });
        }
    }
    if progress.form() == Form::F06 {
        let files = progress.scope().things.iter().filter(|thing| thing.object == Object::File);
        works.extend(files.filter_map(|thing| {
            let digest = thing.digest.clone()?;
            Some(Work::Restore { path: thing.name.clone(), digest })
        }));
    }
    works
}

/// The permits a host does not have yet, and those that have to end: what standing approvals make of a host now.
#[must_use]
pub fn due(evidence: &Evidence, host: &HostId, now: Timestamp) -> Vec<(RequestId, Work)> {
    let Some(place) = evidence.agreements.place_of(host) else { return Vec::new() };
    let mut due = Vec::new();
    for (id, request) in evidence.requests.of_system(&place.system) {
        let Some(progress) = request.progress.as_ref().filter(|progress| progress.form() == Form::F26) else {
            continue;
        };
        let open = evidence.orders.open_permits(host, id, now);
        match permit_of(progress, place, now) {
            Some(permit) if open.is_empty() => due.push((id.clone(), Work::Permit(permit))),
            Some(_) => {}
            None => due.extend(open.into_iter().map(|permit| (id.clone(), Work::EndPermit { permit }))),
        }
    }
    due
}

/// The contents that restorations (F-06) of a host ask for while they are talked about or agreed: its agent says whether it
/// could put them back, so that the city knows before it answers.
#[must_use]
pub fn sought(evidence: &Evidence, host: &HostId) -> BTreeSet<(String, Digest)> {
    let Some(place) = evidence.agreements.place_of(host) else { return BTreeSet::new() };
    let talked_about = |progress: &&Progress| {
        let open = progress.state.is_open() || progress.state == State::Approved;
        let covers = progress.scope().covers_place(&place.system, Some(host), Some(place.environment));
        progress.form() == Form::F06 && open && covers
    };
    let requests = evidence.requests.of_system(&place.system);
    let restorations = requests.filter_map(|(_, request)| request.progress.as_ref()).filter(talked_about);
    let things = restorations.flat_map(|progress| &progress.scope().things);
    let files = things.filter(|thing| thing.object == Object::File);
    files.filter_map(|thing| Some((thing.name.clone(), thing.digest.clone()?))).take(MOST_SOUGHT).collect()
}
