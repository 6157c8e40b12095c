//! How far a request has come: states, and what is remembered of each step.

use super::{Attachment, Edition, FieldValue, Filled, Manner, NotFilled, Opinion, Outcome, Scope, Window};
use crate::act::Importance;
use crate::entry::Party;
use crate::evidence::latest::Stamp;
use crate::evidence::offices::Offices;
use crate::id::{EntryNumber, PersonId, PostId};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A call is recorded so soon; it is confirmed in writing on the next open day.
const RECORDED_WITHIN: SignedDuration = SignedDuration::from_hours(24);

/// Where a request stands.
#[must_use]
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// 提出済
    Asked,
    /// 受付済
    Received,
    /// 協議済・協議中
    Consulted,
    /// 差戻し
    Returned,
    /// 承認（条件付を含む）
    Approved,
    /// 不承認
    Refused,
    /// 取下げ
    Withdrawn,
    /// 承認取消し
    Revoked,
    /// 実施済
    Done,
    /// 報告済
    Reported,
    /// 確認済
    Confirmed,
}

impl State {
    /// All, in the order of the way.
    pub const ALL: [Self; 11] = [
        Self::Asked,
        Self::Received,
        Self::Consulted,
        Self::Returned,
        Self::Approved,
        Self::Refused,
        Self::Withdrawn,
        Self::Revoked,
        Self::Done,
        Self::Reported,
        Self::Confirmed,
    ];

    /// What people call it, in Japanese and in English.
    #[must_use]
    pub fn name(self) -> (&'static str, &'static str) {
        match self {
            Self::Asked => ("提出済（受付待ち）", "Handed in"),
            Self::Received => ("受付済", "Taken in"),
            Self::Consulted => ("協議中", "Under discussion"),
            Self::Returned => ("差戻し", "Returned"),
            Self::Approved => ("承認", "Approved"),
            Self::Refused => ("不承認", "Refused"),
            Self::Withdrawn => ("取下げ", "Withdrawn"),
            Self::Revoked => ("承認取消し", "Approval revoked"),
            Self::Done => ("実施済（報告待ち）", "Done, report due"),
            Self::Reported => ("報告済（確認待ち）", "Reported"),
            Self::Confirmed => ("確認済", "Confirmed"),
        }
    }

    /// Waits for a decision.
    #[must_use]
    pub fn is_open(self) -> bool {
        matches!(self, Self::Asked | Self::Received | Self::Consulted)
    }

    /// Nothing more can follow.
    #[must_use]
    pub fn is_over(self) -> bool {
        matches!(self, Self::Refused | Self::Withdrawn | Self::Revoked | Self::Confirmed)
    }
}

/// Who takes a step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct By {
    /// Who.
    pub person: PersonId,
    /// For which party.
    pub party: Party,
}

/// What a step is judged by: posts on that day, and the rank of the systems.
#[derive(Clone, Copy)]
pub struct Rules<'a> {
    /// Posts, deputies, routes.
    pub offices: &'a Offices,
    /// The highest rank of the systems asked for.
    pub importance: Importance,
}

/// A decision of the city.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decided {
    /// When and where.
    pub stamp: Stamp,
    /// Who.
    pub by: PersonId,
    /// In which post.
    pub post: PostId,
    /// Own or as a deputy.
    pub manner: Manner,
    /// Conditions.
    pub conditions: Vec<String>,
    /// The narrower window, where there is one.
    pub window: Option<Window>,
    /// The narrower scope, where there is one.
    pub scope: Option<Scope>,
    /// The holder has seen what his deputy decided.
    pub countersigned: Option<Stamp>,
}

/// Consent by telephone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Consent {
    /// Recorded when and where.
    pub stamp: Stamp,
    /// On the telephone at.
    pub at: Timestamp,
    /// The post that consented.
    pub post: PostId,
}

impl Consent {
    /// From when on it counts: from the call, where it was recorded soon after. Recorded later it counts from then on, so that
    /// no call that nobody wrote down allows afterwards what was done long ago.
    #[must_use]
    pub fn counts_from(&self) -> Timestamp {
        let is_late = self.stamp.received.duration_since(self.at) > RECORDED_WITHIN;
        if is_late { self.stamp.received } else { self.at }
    }
}

/// One use of a standing approval.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Use {
    /// Recorded when and where.
    pub stamp: Stamp,
    /// From.
    pub at: Timestamp,
    /// Of what.
    pub scope: Scope,
    /// What set it off.
    pub because: Option<EntryNumber>,
    /// Reported.
    pub reported: Option<Stamp>,
}

/// One report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// When and where.
    pub stamp: Stamp,
    /// Which.
    pub edition: Edition,
    /// Fields.
    pub fields: BTreeMap<String, FieldValue>,
    /// Documents.
    pub attachments: Vec<Attachment>,
}

/// How far a request has come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// Where it stands.
    pub state: State,
    /// Since.
    pub since: Stamp,
    /// First asked.
    pub asked: Stamp,
    /// The newest version was handed in.
    pub handed_in: Stamp,
    /// Who asked.
    pub by: By,
    /// The form, newest version.
    pub filled: Filled,
    /// Version, from 1.
    pub version: u32,
    /// First taken in.
    pub received: Option<Stamp>,
    /// The last talk.
    pub consulted: Option<(Stamp, Outcome)>,
    /// Who signed on the way.
    pub signed: BTreeMap<PostId, (Stamp, Opinion)>,
    /// The approval.
    pub approved: Option<Decided>,
    /// Taken back.
    pub revoked: Option<Stamp>,
    /// Consent by telephone.
    pub consent: Option<Consent>,
    /// Uses of a standing approval.
    pub uses: Vec<Use>,
    /// Done from, to.
    pub done: Option<(Stamp, Timestamp, Timestamp)>,
    /// Reports.
    pub reports: Vec<Report>,
}

/// Why a step is not allowed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WhyNot {
    /// The other party takes this step.
    #[error("the other party takes this step")]
    OtherParty,
    /// Not in this state.
    #[error("this step does not follow here: the request is {0:?}")]
    NotNow(State),
    /// Not with this form.
    #[error("this form does not go this way")]
    NotThisForm,
    /// The person neither holds the post nor stands in for it on that day.
    #[error("the post was not occupied by this person on that day")]
    NoPost,
    /// That a talk was settled is said by the post that decides, and by nobody else.
    #[error("that the talk was settled is recorded by who holds the deciding post on that day")]
    NotSettledBy,
    /// Nobody held the post, nor stood in for it, when it is said to have consented.
    #[error("nobody held the post {0} at the time of the call")]
    Vacant(PostId),
    /// Requester and approver are one human being.
    #[error("nobody decides on his own request")]
    OwnRequest,
    /// Another post decides on this form.
    #[error("another post decides: {0}")]
    OtherPost(PostId),
    /// Somebody on the way has not agreed yet.
    #[error("{0} has not agreed yet")]
    Unsigned(PostId),
    /// More than was asked for.
    #[error("an approval may be narrower than the request, not wider")]
    Wider,
    /// An instant that lies ahead, or ends before it begins.
    #[error("the instant lies ahead, or the end before the beginning")]
    Instant,
    /// No use of this number, or it was reported before.
    #[error("there is no such use of the standing approval")]
    NoSuchUse,
    /// Not filled in as the form asks.
    #[error(transparent)]
    NotFilled(#[from] NotFilled),
}
