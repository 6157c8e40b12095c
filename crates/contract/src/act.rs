//! Acts: what a person did. A closed enum, version 1.
//!
//! One mechanism serves every two-party agreement: somebody *proposes* a matter, the other party *agrees*. A proposal
//! alone is "declared"; an agreed one is "confirmed"; what agents see is "observed". The three stay apart.

use crate::duty::DutyId;
use crate::entry::Party;
use crate::id::{DeviceId, Digest, DocumentId, HostId, PersonId, PostId, ProposalId, SystemId};
use crate::parameter::{ParameterId, Values};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A text with personal data: the ledger holds the salted digest, the text lives outside and can be erased.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Withheld {
    /// SHA-256 of salt (32 bytes) followed by the UTF-8 text.
    pub digest: Digest,
}

/// 業務の重要度 of a system.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Importance {
    /// Residents, taxes, welfare, disasters, elections.
    S,
    /// Core work of the staff.
    A,
    /// Everything else.
    B,
}

/// Which network a system lives in (三層の対策).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Segment {
    /// インターネット接続系
    Internet,
    /// LGWAN接続系
    Lgwan,
    /// マイナンバー利用事務系
    MyNumber,
}

impl Segment {
    /// True where no definition or feed can be fetched from the Internet.
    #[must_use]
    pub fn is_closed(self) -> bool {
        match self {
            Self::Internet => false,
            Self::Lgwan | Self::MyNumber => true,
        }
    }
}

/// Where a host belongs (clause 12).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Environment {
    /// 運用環境
    Production,
    /// テスト環境
    Test,
    /// Machines of the contractor used for maintenance.
    Maintenance,
}

/// One information system of the contract.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct System {
    /// Id.
    pub system: SystemId,
    /// Name as the city calls it.
    pub name: String,
    /// Importance of the work it serves.
    pub importance: Importance,
    /// Its network.
    pub segment: Segment,
    /// Reachable from the Internet (2.2, 3.4.b, 4.5).
    pub internet_facing: Trit,
}

/// Yes, no, or not yet said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Trit {
    /// Yes.
    Yes,
    /// No.
    No,
    /// Nobody said.
    Unsaid,
}

/// A host and the system it serves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HostPlace {
    /// The host.
    pub host: HostId,
    /// Its system.
    pub system: SystemId,
    /// Its environment.
    pub environment: Environment,
}

/// One line of the list of needed communication (通信要件一覧, 4.5.b, R-11).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Flow {
    /// The system whose hosts may listen.
    pub system: SystemId,
    /// One host only; absent: every host of the system.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<HostId>,
    /// `tcp` or `udp`.
    pub protocol: Protocol,
    /// Port.
    pub port: u16,
    /// Why it is needed.
    pub purpose: String,
    /// Temporary openings end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
}

/// Transport protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Protocol {
    /// TCP
    Tcp,
    /// UDP
    Udp,
}

/// What an account is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AccountUse {
    /// One named person.
    Person,
    /// A program.
    Service,
    /// Several persons (needs a reason at each use).
    Shared,
    /// Break-glass.
    Emergency,
}

/// One line of the ledger of accounts (11.a, R-10).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AccountLine {
    /// The system.
    pub system: SystemId,
    /// One host only; absent: every host of the system.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<HostId>,
    /// Login name.
    pub account: String,
    /// What it is for.
    #[serde(rename = "use")]
    pub use_: AccountUse,
    /// May it act with privilege (root, sudo)?
    pub privileged: Trit,
    /// Why it is needed.
    pub need: String,
    /// Valid from.
    pub from: Timestamp,
    /// Valid until, where it ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
}

/// Allowed or refused software (3.1.a).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SoftwareLine {
    /// The system; absent: every system of the contract.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub system: Option<SystemId>,
    /// Package name; a trailing `*` stands for any ending.
    pub pattern: String,
    /// Allowed or refused.
    pub ruling: Ruling,
    /// Why.
    pub reason: String,
}

/// Allowed or refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ruling {
    /// 利用可
    Allowed,
    /// 利用禁止
    Refused,
}

/// A declared limit of capacity (9.a, F-13).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LimitLine {
    /// The system.
    pub system: SystemId,
    /// One host only; absent: every host of the system.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<HostId>,
    /// `disk:/path`, `memory`, `cpu` …: the resource names of `capacity.sample`.
    pub resource: String,
    /// The limit, in the resource's own unit (bytes, cores, count).
    pub limit: u64,
    /// What happens at the limit.
    pub at_limit: String,
}

/// The decision whether a system needs device authentication (4.4.a).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeviceNeed {
    /// The system.
    pub system: SystemId,
    /// Needed or not.
    pub needed: Trit,
    /// Why.
    pub reason: String,
}

/// Paid support beyond the maker's date, or a dated plan to leave (3.5.a).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SupportLine {
    /// The system.
    pub system: SystemId,
    /// Product as in `support.phase`.
    pub product: String,
    /// Cycle as in `support.phase`.
    pub cycle: String,
    /// Supported until, by whose contract.
    pub until: Timestamp,
    /// Contract or document that says so.
    pub basis: String,
}

/// What is proposed and agreed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "matter", rename_all = "snake_case", deny_unknown_fields)]
pub enum Matter {
    /// Values of parameters, from an instant on (F-29).
    Parameters {
        /// In force from.
        from: Timestamp,
        /// The values.
        values: BTreeMap<ParameterId, Values>,
    },
    /// A system.
    System(System),
    /// The place of a host.
    Host(HostPlace),
    /// A needed communication.
    Flow(Flow),
    /// An account.
    Account(AccountLine),
    /// Software allowed or refused.
    Software(SoftwareLine),
    /// A limit of capacity.
    Limit(LimitLine),
    /// Device authentication needed or not.
    DeviceNeed(DeviceNeed),
    /// Extended support.
    Support(SupportLine),
    /// An exception with an end (F-25).
    Exemption {
        /// The duty.
        duty: DutyId,
        /// One system; absent: all.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        system: Option<SystemId>,
        /// Until when.
        until: Timestamp,
        /// Why, and which substitute measure.
        reason: String,
    },
    /// 対象外.
    NotApplicable {
        /// The duty.
        duty: DutyId,
        /// One system; absent: all.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        system: Option<SystemId>,
        /// Why.
        reason: String,
    },
}

/// What kind of document (F-20 and others).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DocumentKind {
    /// 操作手順書
    Procedure,
    /// 障害対策明示書 (F-17)
    FailureMeasures,
    /// 認証方式届 (F-12)
    AuthenticationSheet,
    /// バックアップ手順 (F-18)
    BackupPlan,
    /// Anything else that is registered.
    Other,
}

/// Work that a procedure describes (1.a). Observed work is mapped to these.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WorkType {
    /// 起動・停止
    StartStop,
    /// ソフトウェア更新
    Patching,
    /// アカウントの発行・廃止
    Accounts,
    /// バックアップ・復元
    Backup,
    /// ログの取得
    LogExtraction,
    /// 障害・事案の初動
    IncidentResponse,
    /// 媒体の取扱い
    Media,
    /// サーバ室での作業
    ServerRoom,
    /// 設定の変更
    Configuration,
    /// その他
    Other,
}

/// A role of a person in the portal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// 市 担当
    CityStaff,
    /// 市 決裁者
    CityApprover,
    /// 市 セキュリティ責任者
    CitySecurity,
    /// 受託者 運用担当
    Operator,
    /// 受託者 セキュリティ責任者
    SecurityLead,
    /// 監査人
    Auditor,
}

impl Role {
    /// All roles, in the order they are listed on pages.
    pub const ALL: [Self; 6] = [
        Self::CityStaff,
        Self::CityApprover,
        Self::CitySecurity,
        Self::Operator,
        Self::SecurityLead,
        Self::Auditor,
    ];

    /// The party the role belongs to.
    #[must_use]
    pub fn party(self) -> Party {
        match self {
            Self::CityStaff | Self::CityApprover | Self::CitySecurity => Party::City,
            Self::Operator | Self::SecurityLead => Party::Contractor,
            Self::Auditor => Party::Auditor,
        }
    }
}

/// A document of the register.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Document {
    /// Id.
    pub document: DocumentId,
    /// Title.
    pub title: String,
    /// Kind.
    #[serde(rename = "document_kind")]
    pub kind: DocumentKind,
    /// The systems it is about; empty: all.
    pub systems: Vec<SystemId>,
    /// The work it describes.
    pub work: Vec<WorkType>,
    /// Version as printed on it.
    pub version: String,
    /// Digest of the file.
    pub digest: Digest,
    /// Who needs it.
    pub audience: Vec<Role>,
    /// Why this version was made.
    pub reason: String,
}

/// What a review of a document found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReviewOutcome {
    /// A new version follows or is in force.
    Revised,
    /// No revision needed.
    NoChange,
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
    /// The city looked at accounts and rights of a system and signed off (11.b).
    #[serde(rename = "access.reviewed")]
    AccessReviewed {
        /// System.
        system: SystemId,
        /// What was found.
        remark: String,
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
    pub const KINDS: [&'static str; 21] = [
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
        "device.enrolled",
        "device.revoked",
        "access.reviewed",
        "disclosure.requested",
        "disclosure.delivered",
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
            Self::DeviceEnrolled { .. } => "device.enrolled",
            Self::DeviceRevoked { .. } => "device.revoked",
            Self::AccessReviewed { .. } => "access.reviewed",
            Self::DisclosureRequested { .. } => "disclosure.requested",
            Self::DisclosureDelivered { .. } => "disclosure.delivered",
            Self::BundleTaken { .. } => "bundle.taken",
            Self::HeadCosigned { .. } => "head.cosigned",
            Self::PersonalErased { .. } => "personal.erased",
            Self::EntryCorrected { .. } => "entry.corrected",
        }
    }
}
