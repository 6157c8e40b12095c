//! Acts: what a person did. A closed enum, version 1.
//!
//! One mechanism serves every two-party agreement: somebody *proposes* a matter, the other party *agrees*. A proposal
//! alone is "declared"; an agreed one is "confirmed"; what agents see is "observed". The three stay apart.

mod matter;
mod register;

use crate::duty::DutyId;
use crate::id::{
    DeviceId, Digest, DocumentId, FindingId, HostId, PersonId, PostId, ProposalId, RequestId, SystemId,
};
use crate::order::Order;
use crate::request::form::Form;
use crate::request::{Filled, RequestNumber, Step};
use crate::topic::Topic;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

pub use matter::{
    AccountLine, AccountUse, AssetLine, BaselineLine, Confidentiality, DeviceNeed, Direction, Environment,
    Flow, Freeze, HolidayTable, HostPlace, IgnoreLine, Importance, LimitLine, Matter, Protocol, Ruling,
    Segment, SoftwareLine, SupportLine, System, Trit,
};
pub use register::{Document, DocumentKind, FindingClass, LoginMethod, ReviewOutcome, Role, Route, WorkType};

/// A text with personal data: the ledger holds the salted digest, the text lives outside and can be erased.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Withheld {
    /// SHA-256 of salt (32 bytes) followed by the UTF-8 text.
    pub digest: Digest,
}

/// An account of a host, as a review names it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReviewedAccount {
    /// Host.
    pub host: HostId,
    /// Account.
    pub account: String,
}

/// What a person did.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind")]
pub enum Act {
    /// Proposes a matter to the other party (declares it).
    #[serde(rename = "proposed")]
    Proposed {
        /// Id of the proposal.
        proposal: ProposalId,
        /// What.
        #[serde(flatten)]
        matter: Matter,
    },
    /// The other party agrees (confirms it).
    #[serde(rename = "agreed")]
    Agreed {
        /// Which.
        proposal: ProposalId,
    },
    /// The other party refuses.
    #[serde(rename = "refused")]
    Refused {
        /// Which.
        proposal: ProposalId,
        /// Why.
        reason: String,
    },
    /// The proposer takes it back, or either party ends an agreed line.
    #[serde(rename = "ended")]
    Ended {
        /// Which.
        proposal: ProposalId,
        /// Why.
        reason: String,
    },
    /// A document or a new version of it is registered.
    #[serde(rename = "document.registered")]
    DocumentRegistered(Document),
    /// The city accepts the version.
    #[serde(rename = "document.approved")]
    DocumentApproved {
        /// Which.
        document: DocumentId,
        /// Which version.
        version: String,
    },
    /// Somebody looked whether it is still right.
    #[serde(rename = "document.reviewed")]
    DocumentReviewed {
        /// Which.
        document: DocumentId,
        /// Which version.
        version: String,
        /// Result.
        outcome: ReviewOutcome,
        /// Why no revision is needed, or what was revised.
        reason: String,
    },
    /// A person of the audience has read it.
    #[serde(rename = "document.acknowledged")]
    DocumentAcknowledged {
        /// Which.
        document: DocumentId,
        /// Which version.
        version: String,
    },
    /// The document is no longer used.
    #[serde(rename = "document.withdrawn")]
    DocumentWithdrawn {
        /// Which.
        document: DocumentId,
        /// Why.
        reason: String,
    },
    /// A person takes up a role.
    #[serde(rename = "person.entered")]
    PersonEntered {
        /// Who.
        person: PersonId,
        /// Role.
        role: Role,
        /// Post of the city, where the role is one of a post.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        post: Option<PostId>,
        /// From.
        from: Timestamp,
        /// Until, always set for auditors.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        until: Option<Timestamp>,
        /// The name.
        name: Withheld,
        /// Another account of the same human being: he cannot approve what he asked for.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        same_as: Option<PersonId>,
    },
    /// A post of the city gets its name.
    #[serde(rename = "post.named")]
    PostNamed {
        /// Which.
        post: PostId,
        /// As the city calls it.
        name: String,
    },
    /// A person takes up a post.
    #[serde(rename = "post.taken")]
    PostTaken {
        /// Which.
        post: PostId,
        /// Who.
        person: PersonId,
        /// From.
        from: Timestamp,
        /// Until, where it is known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        until: Option<Timestamp>,
    },
    /// A person leaves a post.
    #[serde(rename = "post.left")]
    PostLeft {
        /// Which.
        post: PostId,
        /// Who.
        person: PersonId,
        /// Why.
        reason: String,
    },
    /// A person stands in for the holder of a post (代決者).
    #[serde(rename = "deputy.named")]
    DeputyNamed {
        /// The post.
        post: PostId,
        /// Who stands in.
        person: PersonId,
        /// From.
        from: Timestamp,
        /// Until.
        until: Timestamp,
        /// Why.
        reason: String,
    },
    /// He does so no longer.
    #[serde(rename = "deputy.ended")]
    DeputyEnded {
        /// The post.
        post: PostId,
        /// Who stood in.
        person: PersonId,
        /// Why.
        reason: String,
    },
    /// Which way a form goes inside the city (回議・合議・専決).
    #[serde(rename = "route.set")]
    RouteSet {
        /// The form.
        form: Form,
        /// For systems of one rank; absent: of every rank.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        importance: Option<Importance>,
        /// The way.
        route: Route,
    },
    /// Somebody asks, tells, or presents (F-05 … F-26).
    #[serde(rename = "request.asked")]
    RequestAsked {
        /// Id.
        request: RequestId,
        /// The number people use.
        number: RequestNumber,
        /// The form.
        filled: Box<Filled>,
    },
    /// One step on its way.
    #[serde(rename = "request.step")]
    RequestStep {
        /// Which.
        request: RequestId,
        /// What.
        #[serde(flatten)]
        step: Step,
    },
    /// Somebody says what a finding is.
    #[serde(rename = "finding.classified")]
    FindingClassified {
        /// Which.
        finding: FindingId,
        /// What it is.
        class: FindingClass,
        /// Why.
        reason: String,
    },
    /// The city accepts that a violation was dealt with.
    #[serde(rename = "finding.closed")]
    FindingClosed {
        /// Which.
        finding: FindingId,
        /// How.
        reason: String,
    },
    /// A person got a link to set password and authenticator anew, from somebody who looks after people.
    #[serde(rename = "person.linked")]
    PersonLinked {
        /// Who.
        person: PersonId,
        /// Role.
        role: Role,
    },
    /// A person leaves a role.
    #[serde(rename = "person.left")]
    PersonLeft {
        /// Who.
        person: PersonId,
        /// Role.
        role: Role,
        /// Why.
        reason: String,
    },
    /// A device certificate was issued.
    #[serde(rename = "device.enrolled")]
    DeviceEnrolled {
        /// Device.
        device: DeviceId,
        /// The host it speaks for.
        host: HostId,
        /// SHA-256 of the certificate.
        fingerprint: Digest,
        /// Certificate ends.
        not_after: Timestamp,
    },
    /// A device certificate is refused from now on.
    #[serde(rename = "device.revoked")]
    DeviceRevoked {
        /// Device.
        device: DeviceId,
        /// Why.
        reason: String,
    },
    /// An agent is ordered to do something that the city approved or consented to. In the ledger before it is handed out.
    #[serde(rename = "order.issued")]
    OrderIssued {
        /// The order, as it is signed.
        order: Box<Order>,
    },
    /// The city looked at accounts and rights of a system and signed off (11.b).
    #[serde(rename = "access.reviewed")]
    AccessReviewed {
        /// System.
        system: SystemId,
        /// What was found.
        remark: String,
        /// Accounts that have to go (11.a).
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        revoke: Vec<ReviewedAccount>,
        /// Accounts that were looked at and stay. What stands in neither list was not looked at.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        kept: Vec<ReviewedAccount>,
    },
    /// One party asks to be shown something (5.c, 9.b, 10.c).
    #[serde(rename = "disclosure.requested")]
    DisclosureRequested {
        /// Id.
        request: ProposalId,
        /// Duty.
        duty: DutyId,
        /// System.
        system: SystemId,
        /// What.
        detail: String,
        /// Until when.
        due: Timestamp,
    },
    /// It was handed over.
    #[serde(rename = "disclosure.delivered")]
    DisclosureDelivered {
        /// Id.
        request: ProposalId,
        /// Digest of what was handed over.
        digest: Digest,
    },
    /// A person said something to the other party. What is said inside one organisation is never in the ledger.
    #[serde(rename = "comment.made")]
    CommentMade {
        /// On what.
        about: Topic,
        /// What.
        text: Withheld,
    },
    /// A bundle was taken away.
    #[serde(rename = "bundle.taken")]
    BundleTaken {
        /// First entry.
        first: u64,
        /// Number of entries.
        count: u64,
        /// Tree size of its checkpoint.
        size: u64,
    },
    /// The city's witness cosigned a head.
    #[serde(rename = "head.cosigned")]
    HeadCosigned {
        /// Tree size.
        size: u64,
        /// Root, base64.
        root: String,
        /// Name of the witness key.
        key: String,
    },
    /// A text kept outside the ledger was erased.
    #[serde(rename = "personal.erased")]
    PersonalErased {
        /// Its salted digest.
        digest: Digest,
        /// Why.
        reason: String,
    },
    /// An earlier entry was wrong; it stays visible (見え消し).
    #[serde(rename = "entry.corrected")]
    EntryCorrected {
        /// Which.
        entry: u64,
        /// Why, and what is right.
        reason: String,
    },
}

impl Act {
    /// All kinds there are, in the words of `kind`.
    pub const KINDS: [&'static str; 33] = [
        "proposed",
        "agreed",
        "refused",
        "ended",
        "document.registered",
        "document.approved",
        "document.reviewed",
        "document.acknowledged",
        "document.withdrawn",
        "person.entered",
        "person.linked",
        "person.left",
        "post.named",
        "post.taken",
        "post.left",
        "deputy.named",
        "deputy.ended",
        "route.set",
        "request.asked",
        "request.step",
        "finding.classified",
        "finding.closed",
        "device.enrolled",
        "device.revoked",
        "order.issued",
        "access.reviewed",
        "disclosure.requested",
        "disclosure.delivered",
        "comment.made",
        "bundle.taken",
        "head.cosigned",
        "personal.erased",
        "entry.corrected",
    ];

    /// The word in the entry's `kind`.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Proposed { .. } => "proposed",
            Self::Agreed { .. } => "agreed",
            Self::Refused { .. } => "refused",
            Self::Ended { .. } => "ended",
            Self::DocumentRegistered(_) => "document.registered",
            Self::DocumentApproved { .. } => "document.approved",
            Self::DocumentReviewed { .. } => "document.reviewed",
            Self::DocumentAcknowledged { .. } => "document.acknowledged",
            Self::DocumentWithdrawn { .. } => "document.withdrawn",
            Self::PersonEntered { .. } => "person.entered",
            Self::PersonLinked { .. } => "person.linked",
            Self::PersonLeft { .. } => "person.left",
            Self::PostNamed { .. } => "post.named",
            Self::PostTaken { .. } => "post.taken",
            Self::PostLeft { .. } => "post.left",
            Self::DeputyNamed { .. } => "deputy.named",
            Self::DeputyEnded { .. } => "deputy.ended",
            Self::RouteSet { .. } => "route.set",
            Self::RequestAsked { .. } => "request.asked",
            Self::RequestStep { .. } => "request.step",
            Self::FindingClassified { .. } => "finding.classified",
            Self::FindingClosed { .. } => "finding.closed",
            Self::DeviceEnrolled { .. } => "device.enrolled",
            Self::DeviceRevoked { .. } => "device.revoked",
            Self::OrderIssued { .. } => "order.issued",
            Self::AccessReviewed { .. } => "access.reviewed",
            Self::DisclosureRequested { .. } => "disclosure.requested",
            Self::DisclosureDelivered { .. } => "disclosure.delivered",
            Self::CommentMade { .. } => "comment.made",
            Self::BundleTaken { .. } => "bundle.taken",
            Self::HeadCosigned { .. } => "head.cosigned",
            Self::PersonalErased { .. } => "personal.erased",
            Self::EntryCorrected { .. } => "entry.corrected",
        }
    }
}
