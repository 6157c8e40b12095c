//! What programs saw happen, in the one form in which it is joined with approvals: a change, a boot, a stop, a release.
//!
//! The forms of facts stay outside: a [`Change`] or an [`Outage`] becomes an occurrence here and nowhere else.

use crate::change::{Beside, Change, Effect};
use crate::evidence::latest::Stamp;
use crate::fact::integrity::Explanation;
use crate::fact::probe::Availability;
use crate::fact::state::Actor;
use crate::finding::Rule;
use crate::id::{Digest, EntryNumber, FindingId, HostId};
use crate::outage::{Outage, Weight};
use crate::thing::Object;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// When it happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum When {
    /// At one instant between two; nobody can say when exactly.
    Between {
        /// Not before; absent: not known.
        earliest: Option<Timestamp>,
        /// Not after.
        latest: Timestamp,
    },
    /// All the time from one instant to another.
    Lasting {
        /// From.
        from: Timestamp,
        /// Until, as far as it was seen.
        to: Timestamp,
        /// Whether it is over.
        end: End,
    },
}

/// Whether something that lasts is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum End {
    /// It is.
    Over,
    /// It lasts.
    Open,
}

/// An instant nobody knows lies at most so long before the one it was noticed at.
const UNKNOWN_REACHES: SignedDuration = SignedDuration::from_hours(31 * 24);

impl When {
    /// It began at the earliest.
    #[must_use]
    pub fn first(&self) -> Timestamp {
        match *self {
            Self::Between { earliest: Some(earliest), .. } => earliest,
            Self::Between { earliest: None, latest } => {
                latest.checked_sub(UNKNOWN_REACHES).unwrap_or(Timestamp::MIN)
            }
            Self::Lasting { from, .. } => from,
        }
    }

    /// It was over, or was last seen.
    #[must_use]
    pub fn last(&self) -> Timestamp {
        match *self {
            Self::Between { latest, .. } => latest,
            Self::Lasting { to, .. } => to,
        }
    }

    /// The instant that names it: of a stop its beginning, of a change the instant it was noticed.
    #[must_use]
    pub fn mark(&self) -> Timestamp {
        match *self {
            Self::Between { latest, .. } => latest,
            Self::Lasting { from, .. } => from,
        }
    }
}

/// How sure it is that it happened at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sure {
    /// It happened.
    Yes,
    /// One probe alone saw it.
    OneProbe,
    /// What happened before cannot be told: the baseline was lost.
    BaselineLost,
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Occurrence {
    /// The rule it is joined by.
    pub rule: Rule,
    /// On which host; absent for what was seen from outside.
    pub host: Option<HostId>,
    /// What kind of thing.
    pub object: Object,
    /// Its name.
    pub name: String,
    /// What happened to it; absent for stops.
    pub effect: Option<Effect>,
    /// When.
    pub when: When,
    /// Content before.
    pub digest_before: Option<Digest>,
    /// Content after.
    pub digest_after: Option<Digest>,
    /// Of a watched file: what else is known of it before and after.
    #[serde(default)]
    pub beside: (Option<Beside>, Option<Beside>),
    /// Version or value before and after, where they are short.
    pub texts: (Option<String>, Option<String>),
    /// Who did it, where the host said so.
    pub by: Option<Actor>,
    /// What explains it besides an approval.
    pub explained_by: Explanation,
    /// How sure it is.
    pub sure: Sure,
    /// The first entry that says so.
    pub stamp: Stamp,
    /// The entries that say so.
    pub entries: BTreeSet<EntryNumber>,
}

/// Its place among the occurrences of a host.
pub type Key = (Timestamp, Object, String);

impl Occurrence {
    /// Its place among the occurrences of its host.
    #[must_use]
    pub fn key(&self) -> Key {
        (self.when.mark(), self.object, self.name.clone())
    }

    /// What its thing was before. None: not known.
    #[must_use]
    pub fn before(&self) -> Option<State<'_>> {
        match self.effect {
            Some(Effect::Added) => Some(State::Absent),
            _ => state(self.digest_before.as_ref(), self.beside.0.as_ref()),
        }
    }

    /// What its thing was after. None: not known.
    #[must_use]
    pub fn after(&self) -> Option<State<'_>> {
        match self.effect {
            Some(Effect::Removed) => Some(State::Absent),
            _ => state(self.digest_after.as_ref(), self.beside.1.as_ref()),
        }
    }

    /// A change. None for what needs no approval: a service that starts again.
    #[must_use]
    pub fn of_change(change: Change, stamp: Stamp) -> Option<Self> {
        if change.object == Object::Service && change.effect == Effect::Started {
            return None;
        }
        let sure = if change.object == Object::Baseline { Sure::BaselineLost } else { Sure::Yes };
        Some(Self {
            rule: rule_of(change.object),
            host: Some(change.host),
            object: change.object,
            name: change.name,
            effect: Some(change.effect),
            when: When::Between { earliest: change.window.earliest, latest: change.window.latest },
            digest_before: change.digest_before,
            digest_after: change.digest_after,
            beside: (change.beside_before, change.beside_after),
            texts: (change.text_before, change.text_after),
            by: change.by,
            explained_by: change.explained_by,
            sure,
            stamp,
            entries: BTreeSet::from([stamp.entry]),
        })
    }

    /// A stop or a restriction that probes saw; none for a blip.
    #[must_use]
    pub fn of_outage(outage: &Outage) -> Option<Self> {
        let sure = match outage.weight {
            Weight::Agreed => Sure::Yes,
            Weight::OneProbe => Sure::OneProbe,
            Weight::Blip => return None,
        };
        let rule = match outage.state {
            Availability::Down => Rule::R01,
            Availability::Restricted => Rule::R02,
            Availability::Up => return None,
        };
        let end = if outage.to.is_some() { End::Over } else { End::Open };
        let entry = outage.entries.first().copied().unwrap_or(EntryNumber(0));
        Some(Self {
            rule,
            host: None,
            object: Object::Target,
            name: outage.target.to_string(),
            effect: None,
            when: When::Lasting { from: outage.from, to: outage.seen_to, end },
            digest_before: None,
            digest_after: None,
            beside: (None, None),
            texts: (None, None),
            by: None,
            explained_by: Explanation::None,
            sure,
            stamp: Stamp { seq: 0, observed: outage.from, received: outage.from, entry },
            entries: outage.entries.clone(),
        })
    }
}

/// What a thing was at one instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State<'a> {
    /// Nothing was there.
    Absent,
    /// It had this content, and a watched file this mode and these owners.
    There(Content<'a>, Option<&'a Beside>),
}

/// What was in it. A sealed content never equals one that everybody may read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Content<'a> {
    /// SHA-256 of it.
    Open(&'a Digest),
    /// Its digest with the secret of the host.
    Sealed(&'a Digest),
}

fn state<'a>(digest: Option<&'a Digest>, beside: Option<&'a Beside>) -> Option<State<'a>> {
    let sealed = || beside.and_then(|beside| beside.sealed.as_ref()).map(Content::Sealed);
    let content = digest.map(Content::Open).or_else(sealed)?;
    Some(State::There(content, beside))
}

/// The rule by which a thing of this kind is joined.
#[must_use]
pub fn rule_of(object: Object) -> Rule {
    match object {
        Object::Target | Object::Boot | Object::Service => Rule::R01,
        Object::Release => Rule::R04,
        Object::Device => Rule::R09,
        Object::Account | Object::Privilege => Rule::R10,
        Object::Listener | Object::Flow | Object::Firewall => Rule::R11,
        Object::TestData => Rule::R17,
        Object::Kernel
        | Object::Package
        | Object::Container
        | Object::Image
        | Object::File
        | Object::Job
        | Object::Network
        | Object::Certificate
        | Object::Dns
        | Object::Schema
        | Object::Environment
        | Object::HostKey
        | Object::Parameter
        | Object::Baseline
        | Object::Watch => Rule::R03,
    }
}

/// The id of a finding: rule, place, kind, and the instant that names it. It is made of what was seen, so that the same
/// entries give the same id in any order.
#[must_use]
pub fn finding_id(rule: Rule, place: &str, object: Object, mark: Timestamp) -> FindingId {
    let rule = rule.word();
    let instant = mark.as_nanosecond();
    let text = format!("{rule}.{}.{}.{instant}", short(place), object.word());
    text.parse().unwrap_or_else(|_| unreachable_id(&rule, instant))
}

/// What an id of a finding says of where (rule, place, object) and of when (nanoseconds since 1970).
#[must_use]
pub fn where_and_when(id: &FindingId) -> Option<(&str, i128)> {
    let (begin, nanos) = id.as_str().rsplit_once('.')?;
    Some((begin, nanos.parse().ok()?))
}

/// Where a name holds letters that ids have not.
fn unreachable_id(rule: &str, instant: i128) -> FindingId {
    format!("{rule}..{instant}").parse().expect("a rule and a number are within the letters of ids")
}

/// A place that fits into an id: as it is, or its beginning with a number made of all of it.
pub(crate) fn short(place: &str) -> String {
    const FITS: usize = 26;
    if place.len() <= FITS {
        return place.to_owned();
    }
    let mixed = place
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |sum, byte| (sum ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    let begin: String = place.chars().take(9).collect();
    format!("{begin}-{mixed:016x}")
}
