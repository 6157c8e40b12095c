//! Takes in a signed order: whose it is, whether it counts here and now, and for the first time; then carries it out.

use super::desk::{Desk, HeldPermit, Isolation, Pinned, outcome};
use super::{ActError, Elsewhere, QuarantinePermit};
use super::{give_back, hold, isolate, restore};
use crate::known_good::Wanted;
use jiff::{SignedDuration, Timestamp};
use std::fs::File;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use yakujo_contract::fact::Fact;
use yakujo_contract::fact::agent::{OrderOutcome, OrderResult};
use yakujo_contract::fact::integrity::KnownGood;
use yakujo_contract::fact::malware::IsolationCause;
use yakujo_contract::id::{OrderId, RequestId};
use yakujo_contract::order::{NotCarriedOut, Order, Permitted, Work};
use yakujo_contract::request::Trigger;
use yakujo_ledger::note::{Note, VerifierKey};

/// The order in a note that the pinned key signed, and it alone.
pub(super) fn signed(note: &str, pinned: &Pinned) -> Result<Order, NotCarriedOut> {
    let key = VerifierKey::parse(&pinned.key).map_err(|_| NotCarriedOut::Signature)?;
    let note = Note::parse(note).map_err(|_| NotCarriedOut::Shape)?;
    let text = key.signed_alone(&note).ok_or(NotCarriedOut::Signature)?;
    Order::parse(text)
}

/// What comes with an order: the addresses that stay open, and the content of a restoration, if that was sought.
type With<'a> = (&'a [SocketAddr], &'a Elsewhere, Option<OwnedFd>);

/// Carries out an order, or tells why not. An order that needs a content which nobody has sought yet is not used up by
/// that: the content is returned.
pub(super) fn carry_out(
    desk: &Desk,
    note: &str,
    (peers, elsewhere, file): With<'_>,
    now: Timestamp,
) -> Result<Option<Wanted>, ActError> {
    let nobody = "this host has no key of orders yet";
    let Some(pinned) = desk.pinned()? else { return refuse(desk, None, nobody, now) };
    let order = match signed(note, &pinned) {
        Ok(order) => order,
        Err(why) => return refuse(desk, None, &why.to_string(), now),
    };
    if let Err(why) = order.is_for(&pinned.host, now) {
        return refuse(desk, Some(&order), &why.to_string(), now);
    }
    let mut content = Err(String::new());
    if let Work::Restore { path, digest } = &order.work
        && !desk.is_used(&order)
    {
        let wanted = Wanted { path: path.clone(), digest: digest.clone() };
        match content_of(desk, &wanted, elsewhere, file)? {
            Some(found) => content = found,
            None => return Ok(Some(wanted)),
        }
    }
    if let Err(why) = desk.claim(&order)? {
        return refuse(desk, Some(&order), &why.to_string(), now);
    }
    let done = work(desk, &order, (peers, content), now)?;
    desk.settle(&order, done, now)?;
    Ok(None)
}

/// A content with where it comes from, or why it is not to be had.
type Sought = Result<(File, KnownGood), String>;

/// The content of a restoration: what is held before what was found elsewhere. None: it is to be sought.
fn content_of(
    desk: &Desk,
    wanted: &Wanted,
    elsewhere: &Elsewhere,
    file: Option<OwnedFd>,
) -> Result<Option<Sought>, ActError> {
    if let Some(held) = hold::content(desk, wanted)? {
        return Ok(Some(Ok((held, KnownGood::Store))));
    }
    Ok(match (elsewhere, file) {
        (Elsewhere::Found(source), Some(file)) => Some(Ok((file.into(), source.clone()))),
        (Elsewhere::Nowhere(reason), _) => Some(Err(reason.clone())),
        (Elsewhere::Found(_), None) | (Elsewhere::NotSought, _) => None,
    })
}

fn refuse(
    desk: &Desk,
    order: Option<&Order>,
    reason: &str,
    now: Timestamp,
) -> Result<Option<Wanted>, ActError> {
    let refused = match order {
        Some(order) => outcome(order, OrderResult::Refused, reason),
        // What is not signed is not believed, not even its number.
        None => OrderOutcome {
            order: None,
            request: None,
            work: String::new(),
            result: OrderResult::Refused,
            reason: reason.to_owned(),
            path: None,
            digest: None,
            before: None,
            source: None,
        },
    };
    desk.tell(now, Fact::OrderOutcome(refused)).map(|()| None)
}

fn work(
    desk: &Desk,
    order: &Order,
    (peers, content): (&[SocketAddr], Sought),
    now: Timestamp,
) -> Result<OrderOutcome, ActError> {
    let done = || outcome(order, OrderResult::Done, "");
    let failed = |reason: &str| outcome(order, OrderResult::Failed, reason);
    Ok(match &order.work {
        Work::Permit(permit) => {
            let (order, request) = (order.order.clone(), order.request.clone());
            desk.keep_permit(&HeldPermit { order, request, permit: permit.clone(), uses: Vec::new() })?;
            done()
        }
        Work::EndPermit { permit } => {
            desk.end_permit(permit)?;
            done()
        }
        Work::Isolate { until } => {
            if desk.isolation()?.is_some() {
                failed("the host is cut off already")
            } else {
                let rests_on = (&order.order, &order.request);
                let wanted = wanted(rests_on, *until, peers, IsolationCause::Order, now);
                isolate::begin(desk, wanted, now)?.map_or_else(|why| failed(&why), |()| done())
            }
        }
        Work::Reconnect {} => isolate::end(desk, order, now)?.map_or_else(|why| failed(&why), |()| done()),
        Work::GiveBack { item } => {
            give_back::give_back(desk, order, item, now)?.map_or_else(|why| failed(&why), |()| done())
        }
        Work::Remove { item } => give_back::remove(desk, item).map_or_else(|why| failed(&why), |()| done()),
        Work::Restore { path, digest } => {
            let about = hold::about(desk, path, digest)?;
            let (restored, source) = match content {
                Ok((content, source)) => (restore::restore(path, digest, content, about), Some(source)),
                Err(reason) => (Err(reason), None),
            };
            match restored {
                Ok(before) => OrderOutcome { before, digest: Some(digest.clone()), source, ..done() },
                Err(why) => OrderOutcome { source, ..failed(&why) },
            }
        }
    })
}

fn wanted(
    (order, request): (&OrderId, &RequestId),
    until: Timestamp,
    peers: &[SocketAddr],
    cause: IsolationCause,
    now: Timestamp,
) -> Isolation {
    Isolation {
        order: order.clone(),
        request: request.clone(),
        since: now,
        until,
        peers: peers.to_vec(),
        rules: isolate::nothing(),
        blocked_before: 0,
        told: now,
        untold: Some(cause),
    }
}

/// The permit under which malware may be put into the quarantine now. That is no use of it: nothing is cut off or stopped,
/// and everything can be given back.
pub(super) fn quarantine(desk: &Desk, now: Timestamp) -> Result<Option<QuarantinePermit>, ActError> {
    let counts = |held: &HeldPermit| {
        let permit = &held.permit;
        let fits =
            permit.trigger == Trigger::MalwareSuspected && permit.acts.contains(&Permitted::Quarantine);
        fits && permit.from <= now && now < permit.until
    };
    let longest = desk.permits()?.into_iter().filter(counts).max_by_key(|held| held.permit.until);
    Ok(longest.map(|held| QuarantinePermit { request: held.request, until: held.permit.until }))
}

/// A permit for this act that counts now and has a use left.
fn usable(desk: &Desk, act: Permitted, now: Timestamp) -> Result<Option<HeldPermit>, ActError> {
    let permits = desk.permits()?.into_iter().find(|held| {
        let permit = &held.permit;
        let left = u32::try_from(held.uses.len()).is_ok_and(|used| used < permit.uses);
        let fits = permit.trigger == Trigger::MalwareSuspected && permit.acts.contains(&act);
        fits && left && permit.from <= now && now < permit.until
    });
    Ok(permits)
}

/// Malware may have run: the host is cut off, where a standing approval allows it. Without one, nothing is done.
pub(super) fn use_permit(desk: &Desk, peers: &[SocketAddr], now: Timestamp) -> Result<(), ActError> {
    if desk.isolation()?.is_some() {
        return Ok(());
    }
    let Some(mut held) = usable(desk, Permitted::Isolate, now)? else { return Ok(()) };
    // The use is on the disk before it is made.
    held.uses.push(now);
    desk.keep_permit(&held)?;
    let longest = SignedDuration::from_mins(i64::from(held.permit.longest_min));
    let until = now.saturating_add(longest).unwrap_or(Timestamp::MAX).min(held.permit.until);
    let rests_on = (&held.order, &held.request);
    let wanted = wanted(rests_on, until, peers, IsolationCause::Permit, now);
    if let Err(reason) = isolate::insist(desk, wanted, now)? {
        let failed = OrderOutcome {
            order: Some(held.order),
            request: Some(held.request),
            work: "isolate".to_owned(),
            result: OrderResult::Failed,
            reason,
            path: None,
            digest: None,
            before: None,
            source: None,
        };
        desk.tell(now, Fact::OrderOutcome(failed))?;
    }
    Ok(())
}
