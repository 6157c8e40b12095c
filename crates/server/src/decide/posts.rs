//! Posts at the door: who is put on one exists, and periods end after they begin.

use super::Refusal;
use jiff::Timestamp;
use yakujo_contract::act::Act;
use yakujo_contract::court::Court;
use yakujo_contract::entry::Party;
use yakujo_contract::id::{PersonId, PostId};

/// Whether the act may become an entry now.
pub(super) fn check(court: &Court, act: &Act, now: Timestamp) -> Result<(), Refusal> {
    match act {
        Act::PostTaken { person, from, until, .. } => {
            known_person(court, person, Party::City)?;
            if until.is_none_or(|until| until > *from) {
                Ok(())
            } else {
                Err(Refusal::Value("until".to_owned()))
            }
        }
        Act::DeputyNamed { post, person, from, until, .. } => {
            known_person(court, person, Party::City)?;
            known_post(court, post)?;
            if until > from && *until > now { Ok(()) } else { Err(Refusal::Value("until".to_owned())) }
        }
        Act::PostLeft { post, person, .. } => {
            let holds = court.evidence().offices.holds(person, post, now);
            if holds { Ok(()) } else { Err(Refusal::NoSuchThing) }
        }
        Act::DeputyEnded { post, person, .. } => {
            let stands_in = court.evidence().offices.stands_in(person, post, now);
            if stands_in { Ok(()) } else { Err(Refusal::NoSuchThing) }
        }
        Act::RouteSet { route, .. } => {
            let posts = route.before.iter().chain(&route.concur).chain([&route.decides]);
            posts.into_iter().try_for_each(|post| known_post(court, post))
        }
        // Only acts about posts come here.
        _ => Ok(()),
    }
}

fn known_person(court: &Court, person: &PersonId, party: Party) -> Result<(), Refusal> {
    let mut roles = court.evidence().people.iter().filter(|((known, _), _)| known == person);
    let known = roles.any(|((_, role), holder)| role.party() == party && holder.left.is_none());
    if known { Ok(()) } else { Err(Refusal::NoSuchThing) }
}

fn known_post(court: &Court, post: &PostId) -> Result<(), Refusal> {
    if court.evidence().offices.posts().contains(post) { Ok(()) } else { Err(Refusal::NoSuchThing) }
}
