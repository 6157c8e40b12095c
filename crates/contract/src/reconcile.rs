//! The join: what programs saw happen, beside what was approved before.
//!
//! Pure, and one occurrence at a time. An approval allows what it covers in place, thing, content, time and number, and
//! nothing else; it has to be decided before the act began, whatever is decided afterwards. Where it cannot be told, the
//! answer is 判定不能, in nobody's favour.

mod consecutive;

use crate::act::Environment;
use crate::evidence::requests::{Grant, Ground};
use crate::id::{HostId, RequestId, SystemId};
use crate::occurrence::{Occurrence, Sure, When};
use crate::request::form::Form;
use crate::request::{FieldValue, Trigger};
use crate::thing::{Content, Object};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// What the join says of one occurrence.
#[must_use]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Join {
    /// 承認どおり
    AsApproved(RequestId),
    /// Consented to by telephone: waits for the written confirmation.
    Waiting {
        /// The request.
        request: RequestId,
        /// The consent was recorded at.
        recorded: Timestamp,
    },
    /// No approval is needed, or what explains it was agreed before.
    NotSubject(Why),
    /// 承認なし
    NotApproved(Missing),
    /// 時間外
    OutsideWindow {
        /// The request.
        request: RequestId,
        /// Seconds outside the window.
        by_s: i64,
    },
    /// 範囲外
    OutsideScope {
        /// The request.
        request: RequestId,
        /// Where it went beyond.
        beyond: Beyond,
    },
    /// 判定不能
    Undecided {
        /// Why.
        doubt: Doubt,
        /// The request that may cover it.
        request: Option<RequestId>,
    },
    /// 承認されたが未実施
    NotDone(RequestId),
    /// A date has passed: a report, an answer, a confirmation.
    Late {
        /// The request, where there is one.
        request: Option<RequestId>,
        /// It was due at.
        due: Timestamp,
    },
}

/// Why no approval is needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// The transaction of a package brought its own file along.
    Package,
    /// The line of an agreed list covers it: an account, a communication.
    Agreed,
    /// No list of needed communication was agreed when it was seen: 4.5.b says so.
    NoList,
    /// It was declared, and waits for the other party.
    Declared,
    /// A line allows some of those the other side may be.
    PeerNotTold,
    /// Both parties agreed not to look at it.
    Ignored,
    /// A host of the test environment, as both agreed.
    TestHost,
    /// The first baseline of a host is its beginning.
    Beginning,
}

/// Why there is no approval.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Missing {
    /// None was asked for.
    Request,
    /// It was given after the act had begun.
    AfterTheFact(RequestId),
    /// It had been taken back.
    Revoked(RequestId),
}

/// Where an act went beyond its approval.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Beyond {
    /// Another host or environment.
    Place,
    /// Another thing.
    Thing,
    /// Another content.
    Content,
    /// A stop where a restriction was approved; real data where made-up ones were declared.
    Class,
    /// More often than approved.
    Limit,
    /// A standing approval, used more often than agreed.
    Uses,
    /// A use of a standing approval that was recorded too late.
    RecordedLate,
}

/// Why it cannot be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Doubt {
    /// The interval in which it happened lies across an edge of the approval.
    Time,
    /// The clock of the host cannot be believed.
    Clock,
    /// Which content it is now could not be seen.
    Content,
    /// One probe alone saw it.
    OneProbe,
    /// The baseline was lost.
    BaselineLost,
    /// Nobody watches: what happened, if anything did, cannot be known.
    NotWatched,
}

impl Join {
    /// The request it was joined with.
    #[must_use]
    pub fn request(&self) -> Option<&RequestId> {
        match self {
            Self::AsApproved(request)
            | Self::NotDone(request)
            | Self::Waiting { request, .. }
            | Self::OutsideWindow { request, .. }
            | Self::OutsideScope { request, .. }
            | Self::NotApproved(Missing::AfterTheFact(request) | Missing::Revoked(request)) => Some(request),
            Self::Undecided { request, .. } | Self::Late { request, .. } => request.as_ref(),
            Self::NotApproved(Missing::Request) | Self::NotSubject(_) => None,
        }
    }

    /// Whether there is nothing to find.
    #[must_use]
    pub fn is_covered(&self) -> bool {
        matches!(self, Self::AsApproved(_) | Self::NotSubject(_))
    }

    /// How much better one answer is than another, where several approvals lie near: what is covered by one is covered;
    /// what one may cover is not decided; what is nearest to an approval tells most.
    fn rank(&self) -> u8 {
        match self {
            Self::AsApproved(_) | Self::NotSubject(_) => 0,
            Self::Waiting { .. } => 1,
            Self::Undecided { .. } => 2,
            Self::OutsideWindow { .. } => 3,
            Self::NotApproved(Missing::AfterTheFact(_) | Missing::Revoked(_)) => 4,
            Self::OutsideScope { .. } => 5,
            Self::NotApproved(Missing::Request) | Self::NotDone(_) | Self::Late { .. } => 6,
        }
    }

    /// The better answer is the smaller one: by its rank, and outside a window by how far.
    fn nearness(&self) -> (u8, i64) {
        match self {
            Self::OutsideWindow { by_s, .. } => (self.rank(), *by_s),
            _ => (self.rank(), 0),
        }
    }

    /// How grave it is: of several things of one transaction the gravest stands for all.
    #[must_use]
    pub fn gravity(&self) -> u8 {
        match self {
            Self::NotApproved(_) => 6,
            Self::OutsideScope { .. } => 5,
            Self::OutsideWindow { .. } => 4,
            Self::Late { .. } => 3,
            Self::Undecided { .. } => 2,
            Self::Waiting { .. } => 1,
            Self::AsApproved(_) | Self::NotSubject(_) | Self::NotDone(_) => 0,
        }
    }
}

/// Where an occurrence belongs.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    /// The system.
    pub system: &'a SystemId,
    /// The host.
    pub host: Option<&'a HostId>,
    /// Its environment.
    pub environment: Option<Environment>,
}

/// One question: may this have happened?
pub struct Question<'a> {
    /// What happened.
    pub occurrence: &'a Occurrence,
    /// Where it belongs.
    pub place: Place<'a>,
    /// Its instants may be off by so much.
    pub tolerance: SignedDuration,
    /// How often the same thing happened before, since an instant.
    pub earlier: &'a dyn Fn(Timestamp) -> u32,
}

/// A clock is off by so much at most, or it decides nothing: up to here the doubt is in favour of whoever acted.
pub(crate) const GENEROUS: SignedDuration = SignedDuration::from_secs(60);
/// An act of the right scope so near to a window is 時間外; farther away it is 承認なし.
pub const NEAR: SignedDuration = SignedDuration::from_hours(24);

/// The forms that can allow a thing of this kind.
#[must_use]
pub fn forms_for(object: Object) -> &'static [Form] {
    match object {
        Object::Target => &[Form::F07, Form::F26],
        Object::Boot | Object::Service => &[Form::F07, Form::F09, Form::F26],
        Object::Release => &[Form::F14],
        Object::TestData => &[Form::F15],
        Object::Environment => &[Form::F11],
        Object::File => &[Form::F09, Form::F06, Form::F26],
        Object::Kernel
        | Object::Package
        | Object::Container
        | Object::Image
        | Object::Job
        | Object::Account
        | Object::Privilege
        | Object::Listener
        | Object::Flow
        | Object::Firewall
        | Object::Network
        | Object::Certificate
        | Object::Dns
        | Object::Schema
        | Object::HostKey
        | Object::Parameter
        | Object::Device
        | Object::Baseline
        | Object::Watch => &[Form::F09, Form::F26],
    }
}

/// The forms that can allow what users meet to change (12.2.a).
pub const FOR_USERS: [Form; 3] = [Form::F11, Form::F09, Form::F26];

/// Joins one occurrence with the approvals that lie near.
pub fn join<'a>(question: &Question<'_>, grants: impl Iterator<Item = Grant<'a>>) -> Join {
    let grants: Vec<Grant<'a>> = grants.collect();
    let answers = grants.iter().filter_map(|grant| weigh(question, grant));
    let one = answers.min_by_key(Join::nearness).unwrap_or(Join::NotApproved(Missing::Request));
    let best = match consecutive::join(question, &grants) {
        Some(several) if several.nearness() < one.nearness() => several,
        Some(_) | None => one,
    };
    match (question.occurrence.sure, best) {
        (_, covered @ (Join::AsApproved(_) | Join::NotSubject(_) | Join::Waiting { .. })) => covered,
        (Sure::OneProbe, other) => {
            Join::Undecided { doubt: Doubt::OneProbe, request: other.request().cloned() }
        }
        (Sure::BaselineLost, other) => {
            Join::Undecided { doubt: Doubt::BaselineLost, request: other.request().cloned() }
        }
        (Sure::Yes, other) => other,
    }
}

/// How an occurrence stands to the scope of an approval.
enum Fit {
    Within,
    ContentNotSeen,
    Outside(Beyond),
    /// The approval is about other kinds of things.
    NotAbout,
}

/// How an occurrence stands to the time of an approval.
enum Timing {
    Within,
    Outside { by_s: i64 },
    Far,
    AfterTheFact,
    Revoked,
    Doubtful(Doubt),
}

fn weigh(question: &Question<'_>, grant: &Grant<'_>) -> Option<Join> {
    let request = grant.request.clone();
    match (fit(question, grant), timing(question, grant)) {
        (Fit::Within, Timing::Within) => Some(number(question, grant)),
        (Fit::ContentNotSeen, Timing::Within) => {
            Some(Join::Undecided { doubt: Doubt::Content, request: Some(request) })
        }
        (Fit::Within | Fit::ContentNotSeen, Timing::Doubtful(doubt)) => {
            Some(Join::Undecided { doubt, request: Some(request) })
        }
        (Fit::Within | Fit::ContentNotSeen, Timing::Outside { by_s }) => {
            Some(Join::OutsideWindow { request, by_s })
        }
        (Fit::Within | Fit::ContentNotSeen, Timing::AfterTheFact) => {
            Some(Join::NotApproved(Missing::AfterTheFact(request)))
        }
        (Fit::Within | Fit::ContentNotSeen, Timing::Revoked) => {
            Some(Join::NotApproved(Missing::Revoked(request)))
        }
        (Fit::Outside(beyond), Timing::Within | Timing::Doubtful(_)) => {
            Some(Join::OutsideScope { request, beyond })
        }
        (Fit::NotAbout, _)
        | (Fit::Outside(_), Timing::Outside { .. } | Timing::AfterTheFact | Timing::Revoked)
        | (_, Timing::Far) => None,
    }
}

fn fit(question: &Question<'_>, grant: &Grant<'_>) -> Fit {
    let (occurrence, place, scope) = (question.occurrence, question.place, grant.scope);
    let named = scope.thing(occurrence.object, &occurrence.name);
    // A target is no host: where hosts are named, it has to be named as well.
    let named_target = occurrence.host.is_none() && named.is_some() && scope.systems.contains(place.system);
    if !named_target && !scope.covers_place(place.system, place.host, place.environment) {
        return Fit::Outside(Beyond::Place);
    }
    if let Some(beyond) = class(occurrence, grant) {
        return Fit::Outside(beyond);
    }
    match named {
        Some(thing) => match thing.allows(occurrence.digest_after.as_ref()) {
            Content::Any | Content::Same => Fit::Within,
            Content::Other => Fit::Outside(Beyond::Content),
            Content::NotSeen => Fit::ContentNotSeen,
        },
        None if scope.things.is_empty() && by_default(occurrence.object, grant) => Fit::Within,
        None if is_kept_there(occurrence, grant) => Fit::Within,
        None if is_of_another_kind(occurrence.object, grant) => Fit::NotAbout,
        None => Fit::Outside(Beyond::Thing),
    }
}

/// To cut a host off is no approval that some file was tampered with meanwhile, not even one that was exceeded.
fn is_of_another_kind(object: Object, grant: &Grant<'_>) -> bool {
    let kinds = || grant.scope.things.iter().map(|thing| thing.object);
    grant.form == Form::F26 && kinds().all(|kind| kind != object)
}

fn is_kept_there(occurrence: &Occurrence, grant: &Grant<'_>) -> bool {
    let mut things = grant.scope.things.iter();
    things.any(|thing| thing.is_kept_in(occurrence.object, &occurrence.name))
}

/// What a scope without names covers: of a stop, everything that stops with the system; of a standing approval, what its
/// trigger is about. A change names its things.
fn by_default(object: Object, grant: &Grant<'_>) -> bool {
    let stops = [Object::Target, Object::Service, Object::Boot];
    match (grant.form, &grant.ground) {
        (Form::F26, Ground::Standing { terms, .. }) => match terms.trigger {
            Trigger::MalwareSuspected => {
                stops.contains(&object) || matches!(object, Object::Firewall | Object::Network)
            }
            Trigger::TamperConfirmed => stops.contains(&object) || object == Object::File,
            Trigger::FailureRepair => stops.contains(&object),
            Trigger::ProviderOutage => object == Object::Target,
            Trigger::StandardChange => matches!(object, Object::Package | Object::Kernel),
        },
        (Form::F07, _) => stops.contains(&object),
        (Form::F11, _) => matches!(object, Object::Environment | Object::Certificate | Object::Dns),
        _ => false,
    }
}

/// A stop is more than the restriction that was asked for.
fn class(occurrence: &Occurrence, grant: &Grant<'_>) -> Option<Beyond> {
    let stopped = occurrence.rule == crate::finding::Rule::R01;
    let origin = grant.fields.get("origin");
    // Data that were declared as made up are not allowed to be real.
    if grant.form == Form::F15 && origin != Some(&FieldValue::Clear("real".to_owned())) {
        return Some(Beyond::Class);
    }
    let Some(FieldValue::Clear(class)) = grant.fields.get("class") else { return None };
    let restriction = matches!(class.as_str(), "degraded" | "slow" | "read_only");
    (grant.form == Form::F07 && stopped && restriction).then_some(Beyond::Class)
}

/// Whether it happened more often than approved.
fn number(question: &Question<'_>, grant: &Grant<'_>) -> Join {
    let request = grant.request.clone();
    let beyond = match &grant.ground {
        Ground::Standing { number, terms } if *number > terms.uses => Some(Beyond::Uses),
        Ground::Standing { terms, .. } => {
            let limit = SignedDuration::from_hours(i64::from(terms.report_h));
            let from = grant.window.map_or(grant.since, |window| window.from);
            let late = grant.recorded.duration_since(from) > limit;
            late.then_some(Beyond::RecordedLate)
        }
        Ground::Decision | Ground::Telephone { .. } => grant.limit.and_then(|limit| {
            let from = grant.window.map_or(grant.since, |window| window.from);
            ((question.earlier)(minus(from, question.tolerance)) >= limit).then_some(Beyond::Limit)
        }),
    };
    match (beyond, &grant.ground) {
        (Some(beyond), _) => Join::OutsideScope { request, beyond },
        (None, Ground::Telephone { recorded }) => Join::Waiting { request, recorded: *recorded },
        (None, Ground::Decision | Ground::Standing { .. }) => Join::AsApproved(request),
    }
}

/// So long before an instant.
#[must_use]
pub(crate) fn minus(instant: Timestamp, by: SignedDuration) -> Timestamp {
    instant.checked_sub(by).unwrap_or(Timestamp::MIN)
}

/// So long after an instant.
#[must_use]
pub(crate) fn plus(instant: Timestamp, by: SignedDuration) -> Timestamp {
    instant.checked_add(by).unwrap_or(Timestamp::MAX)
}

/// From when to when the approval allowed anything, and when it was decided.
struct Span {
    from: Timestamp,
    end: Timestamp,
    revoked: Option<Timestamp>,
    decided: Timestamp,
}

fn timing(question: &Question<'_>, grant: &Grant<'_>) -> Timing {
    let last = grant.window.map_or(Timestamp::MAX, |window| window.last());
    let revoked = grant.until.filter(|until| *until < last);
    let span = Span {
        from: grant.window.map_or(Timestamp::MIN, |window| window.from),
        end: revoked.unwrap_or(last),
        revoked,
        decided: grant.since,
    };
    let when = question.occurrence.when;
    match when {
        When::Between { .. } => at_one_instant(when.first(), when.last(), &span, question.tolerance),
        When::Lasting { from, to, .. } => all_the_time(from, to, &span, question.tolerance),
    }
}

/// It happened at one instant between two.
fn at_one_instant(first: Timestamp, last: Timestamp, span: &Span, tolerance: SignedDuration) -> Timing {
    let believed = tolerance <= GENEROUS;
    // A clock that is believed gives its doubt to whoever acted; of another one nothing is sure within its doubt.
    let (inner, outer) = if believed { (tolerance, tolerance) } else { (-tolerance, tolerance) };
    let within = first >= minus(span.from, inner) && last <= plus(span.end, inner);
    let before = last < minus(span.from, outer);
    let after = first > plus(span.end, outer);
    if before || after {
        if after && span.revoked.is_some() {
            return Timing::Revoked;
        }
        let by = if before { span.from.duration_since(last) } else { first.duration_since(span.end) };
        return if by <= NEAR { Timing::Outside { by_s: by.as_secs() } } else { Timing::Far };
    }
    let decided_before = first >= minus(span.decided, inner);
    if last < minus(span.decided, outer) {
        return Timing::AfterTheFact;
    }
    if within && decided_before {
        return Timing::Within;
    }
    Timing::Doubtful(if believed { Doubt::Time } else { Doubt::Clock })
}

/// It lasted from one instant to another.
fn all_the_time(from: Timestamp, to: Timestamp, span: &Span, tolerance: SignedDuration) -> Timing {
    let before = to < minus(span.from, tolerance);
    let after = from > plus(span.end, tolerance);
    if before || after {
        if after && span.revoked.is_some() {
            return Timing::Revoked;
        }
        let by = if before { span.from.duration_since(to) } else { from.duration_since(span.end) };
        let all = to.duration_since(from).as_secs();
        return if by <= NEAR { Timing::Outside { by_s: all } } else { Timing::Far };
    }
    if from < minus(span.decided, tolerance) {
        return Timing::AfterTheFact;
    }
    let early = span.from.duration_since(from).max(SignedDuration::ZERO);
    let late = to.duration_since(span.end).max(SignedDuration::ZERO);
    if early <= tolerance && late <= tolerance {
        let sure = tolerance <= GENEROUS;
        return if sure { Timing::Within } else { Timing::Doubtful(Doubt::Clock) };
    }
    Timing::Outside { by_s: early.saturating_add(late).as_secs() }
}
