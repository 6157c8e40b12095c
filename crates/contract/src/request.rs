//! Requests: what one party asks, tells, or presents to the other before or after it acts (F-05 … F-26).
//!
//! One state machine serves them all ([`flow`]); what a form asks for stands in one table ([`form`]). A request is typed
//! where a machine must decide (scope, window, limit, who decided); everything else is text in the form's own fields.

pub mod auto;
pub mod clock;
mod contained;
mod filling;
pub mod flow;
pub mod forecast;
pub mod form;
mod progress;

pub use filling::{LONGEST_FIELD, NotFilled, check_fields};

use crate::act::{Environment, Withheld};
use crate::id::{Digest, EntryNumber, HostId, PostId, RequestId, SystemId};
use crate::thing::{Object, Thing};
use form::Form;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// The number people use (受付番号): `R8-停止-0012`: fiscal year, word of the form, number within both.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RequestNumber {
    year: String,
    word: String,
    count: u32,
}

impl RequestNumber {
    /// The number of a form in a fiscal year (`R8`).
    #[must_use]
    pub fn new(year: &str, form: Form, count: u32) -> Self {
        Self { year: year.to_owned(), word: form.row().word.to_owned(), count }
    }

    /// Fiscal year, as `R8`.
    #[must_use]
    pub fn year(&self) -> &str {
        &self.year
    }

    /// Number within year and form, from 1.
    #[must_use]
    pub fn count(&self) -> u32 {
        self.count
    }

    /// Whether it is a number of this form.
    #[must_use]
    pub fn is_of(&self, form: Form) -> bool {
        self.word == form.row().word
    }
}

impl std::fmt::Display for RequestNumber {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}-{}-{:04}", self.year, self.word, self.count)
    }
}

impl From<RequestNumber> for String {
    fn from(number: RequestNumber) -> String {
        number.to_string()
    }
}

/// The text is no number of a request.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a number of a request: they look like R8-停止-0012")]
pub struct NotANumber(String);

impl TryFrom<String> for RequestNumber {
    type Error = NotANumber;
    fn try_from(text: String) -> Result<Self, NotANumber> {
        let wrong = || NotANumber(text.chars().take(80).collect());
        let mut parts = text.split('-');
        let (Some(year), Some(word), Some(count), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(wrong());
        };
        let known = Form::ALL.iter().any(|form| form.row().word == word);
        let year_is_plain = (2..=4).contains(&year.len()) && year.chars().all(|c| c.is_ascii_alphanumeric());
        let count = count.parse::<u32>().map_err(|_| wrong())?;
        let number = Self { year: year.to_owned(), word: word.to_owned(), count };
        // Only the spelling this type writes is read: two spellings of one number would be two numbers.
        if known && year_is_plain && count > 0 && number.to_string() == text {
            Ok(number)
        } else {
            Err(wrong())
        }
    }
}

/// What is asked for or told about.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scope {
    /// Systems; never empty.
    pub systems: BTreeSet<SystemId>,
    /// Hosts; empty: every host of the systems.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub hosts: BTreeSet<HostId>,
    /// One environment; absent: every.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environment: Option<Environment>,
    /// Things; empty: the systems as a whole. A change or a release names its things.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub things: BTreeSet<Thing>,
}

impl Scope {
    /// Whether a place lies within: the things are asked for by [`Scope::thing`].
    #[must_use]
    pub fn covers_place(
        &self,
        system: &SystemId,
        host: Option<&HostId>,
        environment: Option<Environment>,
    ) -> bool {
        let host_fits = self.hosts.is_empty() || host.is_some_and(|host| self.hosts.contains(host));
        let environment_fits = self.environment.is_none() || self.environment == environment;
        self.systems.contains(system) && host_fits && environment_fits
    }

    /// The line that names a thing, where the scope names things at all.
    #[must_use]
    pub fn thing(&self, object: Object, name: &str) -> Option<&Thing> {
        self.things.iter().find(|thing| thing.covers(object, name))
    }

    /// Everything of the other lies within this one: what an approval may narrow, but never widen.
    #[must_use]
    pub fn contains(&self, narrower: &Self) -> bool {
        let hosts =
            self.hosts.is_empty() || (!narrower.hosts.is_empty() && narrower.hosts.is_subset(&self.hosts));
        let things = self.things.is_empty()
            || (!narrower.things.is_empty() && narrower.things.is_subset(&self.things));
        let environment = self.environment.is_none() || self.environment == narrower.environment;
        narrower.systems.is_subset(&self.systems) && hosts && things && environment
    }
}

/// When.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Window {
    /// Begins.
    pub from: Timestamp,
    /// Ends, without reserve.
    pub to: Timestamp,
    /// Reserve after the end (予備時間), minutes.
    #[serde(default)]
    pub reserve_min: u32,
}

impl Window {
    /// The end with reserve.
    #[must_use]
    pub fn last(&self) -> Timestamp {
        let reserve = SignedDuration::from_mins(i64::from(self.reserve_min));
        self.to.saturating_add(reserve).unwrap_or(Timestamp::MAX)
    }

    /// Everything of the other lies within this one.
    #[must_use]
    pub fn contains(&self, narrower: &Self) -> bool {
        self.from <= narrower.from && narrower.last() <= self.last()
    }
}

/// What sets a standing approval (F-26) off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Trigger {
    /// 不正プログラムの実行が疑われる
    MalwareSuspected,
    /// 改ざんが確認された
    TamperConfirmed,
    /// 障害の復旧に必要
    FailureRepair,
    /// クラウド等の提供者の停止
    ProviderOutage,
    /// 標準変更（定義ファイル・OSの更新など）
    StandardChange,
}

impl Trigger {
    /// All, in the order pages list them.
    pub const ALL: [Self; 5] = [
        Self::MalwareSuspected,
        Self::TamperConfirmed,
        Self::FailureRepair,
        Self::ProviderOutage,
        Self::StandardChange,
    ];
}

/// What a standing approval allows (事前包括承認).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StandingTerms {
    /// What sets it off.
    pub trigger: Trigger,
    /// Longest duration of one use, minutes.
    pub longest_min: u32,
    /// How often it may be used.
    pub uses: u32,
    /// Report due after each use, hours.
    pub report_h: u32,
}

/// A value of a field: clear, or withheld because it may name people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum FieldValue {
    /// In the ledger.
    Clear(String),
    /// Outside, by its salted digest.
    Withheld(Withheld),
}

/// A document that belongs to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Attachment {
    /// Name of the file.
    pub name: String,
    /// SHA-256 of the content.
    pub digest: Digest,
    /// Bytes.
    pub bytes: u64,
}

/// What a form says, in one version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Filled {
    /// The form.
    pub form: Form,
    /// What it is called, in one line.
    pub title: String,
    /// About what.
    pub scope: Scope,
    /// When, where the form asks for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window: Option<Window>,
    /// How often the act may happen within the window; absent: any number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    /// What a standing approval allows (F-26 only).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub standing: Option<StandingTerms>,
    /// The form's own fields, by key.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub fields: BTreeMap<String, FieldValue>,
    /// Documents.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attachments: Vec<Attachment>,
    /// Other requests it belongs to.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub links: BTreeSet<RequestId>,
    /// The entry it answers: a detection (F-05), an outage (F-08), a vulnerability (F-16).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub about: Option<EntryNumber>,
}

/// How an approver came to decide.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Manner {
    /// The holder of the post (決裁・専決).
    Own,
    /// A deputy for the holder (代決); the holder looks at it later (後閲).
    Deputy,
}

/// What somebody on the way to a decision thinks (回議・合議).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Opinion {
    /// 同意
    Agrees,
    /// 異議
    Objects,
}

/// What came of a consultation (協議).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// 協議が調った
    Agreed,
    /// 継続
    Continues,
    /// 不調
    Failed,
}

/// Which report of several (F-05).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Edition {
    /// 速報 (the request itself), or the only one.
    First,
    /// 続報
    Further,
    /// 確報
    Final,
}

/// One step on the way of a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "step", rename_all = "snake_case")]
pub enum Step {
    /// The other party took it in (受付).
    Received,
    /// Both talked; the city records it (協議).
    Consulted {
        /// When they talked.
        at: Timestamp,
        /// What came of it.
        outcome: Outcome,
        /// What was said, in a sentence.
        record: String,
    },
    /// Somebody on the way agrees or objects (回議・合議).
    Signed {
        /// In which post.
        post: PostId,
        /// Own or as a deputy.
        manner: Manner,
        /// What he thinks.
        opinion: Opinion,
        /// Why.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        remark: String,
    },
    /// The city allows it.
    Approved {
        /// In which post.
        post: PostId,
        /// Own or as a deputy.
        manner: Manner,
        /// Conditions (条件付承認); empty: none.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        conditions: Vec<String>,
        /// A narrower window than asked for.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        window: Option<Window>,
        /// A narrower scope than asked for.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        scope: Option<Scope>,
    },
    /// The city does not allow it.
    Refused {
        /// In which post.
        post: PostId,
        /// Own or as a deputy.
        manner: Manner,
        /// Why.
        reason: String,
    },
    /// Back to the asker, to be mended (差戻し).
    Returned {
        /// Why.
        reason: String,
    },
    /// A mended version.
    Resubmitted {
        /// The whole form, anew.
        filled: Box<Filled>,
    },
    /// The asker takes it back (取下げ).
    Withdrawn {
        /// Why.
        reason: String,
    },
    /// The city takes its approval back, from now on (取消し).
    Revoked {
        /// In which post.
        post: PostId,
        /// Own or as a deputy.
        manner: Manner,
        /// Why.
        reason: String,
    },
    /// The holder of the post has seen what his deputy decided (後閲).
    Countersigned {
        /// In which post.
        post: PostId,
    },
    /// The city consented by telephone; the contractor records it. Becomes nothing unless the city confirms in writing.
    Consented {
        /// When, on the telephone.
        at: Timestamp,
        /// The post that consented.
        post: PostId,
        /// Who was on the telephone, withheld.
        who: Withheld,
        /// What was read back (復唱).
        read_back: String,
    },
    /// A standing approval is used.
    Invoked {
        /// From when.
        at: Timestamp,
        /// The systems and hosts of this use.
        scope: Scope,
        /// Why.
        reason: String,
        /// The entry that set it off, where a program saw it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        because: Option<EntryNumber>,
    },
    /// It was done (実施).
    Done {
        /// Began.
        from: Timestamp,
        /// Ended.
        to: Timestamp,
        /// What came of it, and why it differs from the plan.
        result: String,
    },
    /// The contractor reports or delivers (完了報告・続報・確報・提供).
    Reported {
        /// Which.
        edition: Edition,
        /// The fields of the form that are filled in now.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        fields: BTreeMap<String, FieldValue>,
        /// What was handed over.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        attachments: Vec<Attachment>,
        /// Which use of a standing approval, from 1.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        of_use: Option<u32>,
    },
    /// The other party has looked at the report and accepts it (確認).
    Confirmed {
        /// Remark.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        remark: String,
    },
}

impl Step {
    /// The word in entries.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Received => "received",
            Self::Consulted { .. } => "consulted",
            Self::Signed { .. } => "signed",
            Self::Approved { .. } => "approved",
            Self::Refused { .. } => "refused",
            Self::Returned { .. } => "returned",
            Self::Resubmitted { .. } => "resubmitted",
            Self::Withdrawn { .. } => "withdrawn",
            Self::Revoked { .. } => "revoked",
            Self::Countersigned { .. } => "countersigned",
            Self::Consented { .. } => "consented",
            Self::Invoked { .. } => "invoked",
            Self::Done { .. } => "done",
            Self::Reported { .. } => "reported",
            Self::Confirmed { .. } => "confirmed",
        }
    }
}
