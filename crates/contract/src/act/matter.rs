//! Matters: what one party declares and the other agrees to.

use crate::change::Object;
use crate::duty::DutyId;
use crate::id::{Digest, HostId, PersonId, SystemId};
use crate::parameter::{ParameterId, Values};
use crate::target::Target;
use ipnet::IpNet;
use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

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
    /// The system whose hosts may communicate so.
    pub system: SystemId,
    /// One host only; absent: every host of the system.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<HostId>,
    /// `tcp` or `udp`.
    pub protocol: Protocol,
    /// Port: of the host where others come in, of the other side where the host goes out.
    pub port: u16,
    /// Whether others come in, or the host goes out.
    #[serde(default, skip_serializing_if = "Direction::is_in")]
    pub direction: Direction,
    /// The other side; absent: anybody.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peer: Option<IpNet>,
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

impl Protocol {
    /// The word in entries.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
        }
    }

    /// What people call it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Tcp => "TCP",
            Self::Udp => "UDP",
        }
    }
}

/// Which side begins, seen from the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// Others come in.
    #[default]
    In,
    /// The host goes out.
    Out,
}

impl Direction {
    /// The word in entries.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::In => "in",
            Self::Out => "out",
        }
    }

    /// True where others come in.
    #[must_use]
    pub fn is_in(&self) -> bool {
        *self == Self::In
    }
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
    /// Login name; of a role of a data base with its place (`postgresql://main/yamada`).
    pub account: String,
    /// Whose it is, where it is one person's: when that person leaves, it has to go.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<PersonId>,
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

/// The holidays of a period. They replace what the contract file says of the same days.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HolidayTable {
    /// First day the table knows.
    pub from: Date,
    /// Last day the table knows.
    pub until: Date,
    /// The holidays by day.
    pub days: BTreeMap<Date, String>,
}

/// A period in which nothing is changed without need: elections, tax notices.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Freeze {
    /// One system; absent: every system.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub system: Option<SystemId>,
    /// From.
    pub from: Timestamp,
    /// Until.
    pub until: Timestamp,
    /// Why.
    pub reason: String,
}

/// Changes that are no changes: machine-made files and the like (8.b). They are recorded as any other and left out only
/// where they are joined with approvals, and only while both parties agree.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IgnoreLine {
    /// The system.
    pub system: SystemId,
    /// One host only; absent: every host of the system.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<HostId>,
    /// What kind of thing.
    pub object: Object,
    /// Its name; `*` stands for any letters.
    pub pattern: String,
    /// Why.
    pub reason: String,
}

impl IgnoreLine {
    /// The pattern names this.
    #[must_use]
    pub fn names(&self, name: &str) -> bool {
        let mut parts = self.pattern.split('*');
        let Some(mut rest) = parts.next().and_then(|first| name.strip_prefix(first)) else { return false };
        let mut parts: Vec<&str> = parts.collect();
        let Some(last) = parts.pop() else { return rest.is_empty() };
        for part in parts {
            match rest.split_once(part) {
                Some((_, after)) => rest = after,
                None => return false,
            }
        }
        rest.ends_with(last)
    }
}

/// The watched files of a host as both parties take them to be right (2.1.f): what changes from then on is compared with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BaselineLine {
    /// The system.
    pub system: SystemId,
    /// The host.
    pub host: HostId,
    /// When the host saw its files so.
    pub seen: Timestamp,
    /// Digest over all of them, as the host told it.
    pub tree: Digest,
    /// How many they are.
    pub entries: u64,
    /// The watched trees.
    pub roots: Vec<String>,
}

/// How confidential an asset is (機密性), by the city's own classes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Confidentiality {
    /// 機密性1: may be public.
    #[serde(rename = "1")]
    Low,
    /// 機密性2: not meant for the public.
    #[serde(rename = "2")]
    Middle,
    /// 機密性3: secret, personal data of residents.
    #[serde(rename = "3")]
    High,
}

/// One line of the register of assets (情報資産台帳, F-22), as far as backups need it (10.a, 10.b).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AssetLine {
    /// The system.
    pub system: SystemId,
    /// Its name; backup jobs name it so.
    pub asset: String,
    /// Medium and where it lies.
    pub place: String,
    /// How confidential it is.
    pub confidentiality: Confidentiality,
    /// Whether personal data is in it.
    pub personal: Trit,
    /// Whether work stops without it (業務継続): then it is backed up.
    pub continuity: Trit,
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
    /// An asset.
    Asset(AssetLine),
    /// Device authentication needed or not.
    DeviceNeed(DeviceNeed),
    /// Extended support.
    Support(SupportLine),
    /// Something that probes try.
    Target(Target),
    /// Holidays of a period, as the law sets them (P-37): newer than those of the contract file.
    Holidays(HolidayTable),
    /// A period in which nothing is changed without need (変更凍結期間).
    Freeze(Freeze),
    /// Changes that are no changes.
    Ignore(IgnoreLine),
    /// The watched files of a host as they are right.
    Baseline(BaselineLine),
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
