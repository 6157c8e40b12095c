//! Which steps a person may take on a request now: the state machine is asked, on a copy, with a sample of each step. So
//! pages offer what the writer will accept, and nothing else.

use super::{Actor, may};
use jiff::Timestamp;
use yakujo_contract::act::{Act, Withheld};
use yakujo_contract::court::Court;
use yakujo_contract::evidence::latest::Stamp;
use yakujo_contract::id::{Digest, EntryNumber, PostId, RequestId};
use yakujo_contract::request::flow::{By, Progress, WhyNot};
use yakujo_contract::request::{Edition, Manner, Opinion, Outcome, Step};

/// A post, and whether the person holds it or stands in.
pub type Seat = (PostId, Manner);

/// A step that may be taken now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Possible {
    /// Its word in entries.
    pub word: &'static str,
    /// The seats it may be taken in; empty: it needs none.
    pub seats: Vec<Seat>,
}

/// Words of all steps, in the order pages offer them.
pub const WORDS: [&str; 15] = [
    "received",
    "approved",
    "signed",
    "consulted",
    "returned",
    "refused",
    "countersigned",
    "confirmed",
    "resubmitted",
    "done",
    "reported",
    "invoked",
    "consented",
    "revoked",
    "withdrawn",
];

/// The steps that this person may take now.
#[must_use]
pub fn possible(court: &Court, actor: &Actor, request: &RequestId, now: Timestamp) -> Vec<Possible> {
    let Some(progress) = court.evidence().requests.get(request).and_then(|known| known.progress.as_ref())
    else {
        return Vec::new();
    };
    let seats = court.evidence().offices.seats_of(&actor.person, now);
    let mut found = Vec::new();
    for word in WORDS {
        if needs_seat(word) {
            let allowed = |seat: &&Seat| {
                sample(word, progress, seat, now)
                    .is_some_and(|step| follows(court, actor, request, progress, &step, now))
            };
            let seats: Vec<Seat> = seats.iter().filter(allowed).cloned().collect();
            if !seats.is_empty() {
                found.push(Possible { word, seats });
            }
            continue;
        }
        let Some(post) = called_post(court, now) else { continue };
        let step = sample(word, progress, &post, now);
        if step.is_some_and(|step| follows(court, actor, request, progress, &step, now)) {
            found.push(Possible { word, seats: Vec::new() });
        }
    }
    found
}

/// Whether a step is taken in a post.
#[must_use]
pub fn needs_seat(word: &str) -> bool {
    matches!(word, "approved" | "signed" | "refused" | "countersigned" | "revoked")
}

/// A post that can be called now, for a sample of a call; steps that name no post do without.
fn called_post(court: &Court, now: Timestamp) -> Option<Seat> {
    let offices = &court.evidence().offices;
    let post = offices.posts().into_iter().find(|post| offices.is_occupied(post, now)).cloned();
    Some((post.or_else(|| "nobody".parse().ok())?, Manner::Own))
}

fn follows(
    court: &Court,
    actor: &Actor,
    request: &RequestId,
    progress: &Progress,
    step: &Step,
    now: Timestamp,
) -> bool {
    let act = Act::RequestStep { request: request.clone(), step: step.clone() };
    may(actor.role, &act) && outcome(court, actor, progress, step, now).is_ok()
}

/// What the state machine says of a step, on a copy.
///
/// # Errors
/// The [`WhyNot`].
pub fn outcome(
    court: &Court,
    actor: &Actor,
    progress: &Progress,
    step: &Step,
    now: Timestamp,
) -> Result<(), WhyNot> {
    let rules = court.evidence().rules_for(&progress.filled.scope.systems, now);
    let by = By { person: actor.person.clone(), party: actor.role.party() };
    let stamp = Stamp { seq: 0, observed: now, received: now, entry: EntryNumber(u64::MAX) };
    progress.clone().follow(rules, &by, stamp, step)
}

/// A step of this word as it would be taken at best.
#[must_use]
pub fn sample(word: &str, progress: &Progress, (post, manner): &Seat, now: Timestamp) -> Option<Step> {
    let (post, manner) = (post.clone(), *manner);
    let text = String::new;
    Some(match word {
        "received" => Step::Received,
        "consulted" => Step::Consulted { at: now, outcome: Outcome::Continues, record: text() },
        "signed" => Step::Signed { post, manner, opinion: Opinion::Agrees, remark: text() },
        "approved" => Step::Approved { post, manner, conditions: Vec::new(), window: None, scope: None },
        "refused" => Step::Refused { post, manner, reason: text() },
        "returned" => Step::Returned { reason: text() },
        "resubmitted" => Step::Resubmitted { filled: Box::new(progress.filled.clone()) },
        "withdrawn" => Step::Withdrawn { reason: text() },
        "revoked" => Step::Revoked { post, manner, reason: text() },
        "countersigned" if manner == Manner::Own => Step::Countersigned { post },
        "consented" => Step::Consented { at: now, post, who: nobodys_name()?, read_back: text() },
        "invoked" => {
            Step::Invoked { at: now, scope: progress.scope().clone(), reason: text(), because: None }
        }
        "done" => Step::Done { from: now, to: now, result: text() },
        "reported" => Step::Reported {
            edition: Edition::Further,
            fields: [].into(),
            attachments: Vec::new(),
            of_use: unreported_use(progress),
        },
        "confirmed" => Step::Confirmed { remark: text() },
        _ => return None,
    })
}

/// The first use of a standing approval that was not reported, from 1.
#[must_use]
pub fn unreported_use(progress: &Progress) -> Option<u32> {
    (1..).zip(&progress.uses).find(|(_, used)| used.reported.is_none()).map(|(number, _)| number)
}

fn nobodys_name() -> Option<Withheld> {
    Some(Withheld { digest: Digest::try_from("0".repeat(64)).ok()? })
}
