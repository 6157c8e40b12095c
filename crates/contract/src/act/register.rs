//! What acts are about besides matters: documents, roles, routes, findings.

use crate::entry::Party;
use crate::id::{Digest, DocumentId, PostId, SystemId};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

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

/// A way to log in by SSH, as a sheet of authentication methods (F-12) declares it and as hosts are seen to accept it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LoginMethod {
    /// 公開鍵
    PublicKey,
    /// パスワード
    Password,
    /// 対話型（ワンタイムパスワード等）
    KeyboardInteractive,
    /// GSSAPI (Kerberos)
    Gssapi,
    /// ホスト認証
    HostBased,
}

impl LoginMethod {
    /// All, in the order of pages.
    pub const ALL: [Self; 5] =
        [Self::PublicKey, Self::Password, Self::KeyboardInteractive, Self::Gssapi, Self::HostBased];

    /// The word in facts and acts.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::PublicKey => "public_key",
            Self::Password => "password",
            Self::KeyboardInteractive => "keyboard_interactive",
            Self::Gssapi => "gssapi",
            Self::HostBased => "host_based",
        }
    }

    /// What people call it, in Japanese and in English.
    #[must_use]
    pub fn name(self) -> (&'static str, &'static str) {
        match self {
            Self::PublicKey => ("公開鍵", "public key"),
            Self::Password => ("パスワード", "password"),
            Self::KeyboardInteractive => {
                ("対話型（ワンタイムパスワード等）", "keyboard-interactive (one-time passwords)")
            }
            Self::Gssapi => ("GSSAPI（Kerberos）", "GSSAPI (Kerberos)"),
            Self::HostBased => ("ホスト認証", "host-based"),
        }
    }
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
    /// The ways to log in by SSH that a sheet of authentication methods declares.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub methods: BTreeSet<LoginMethod>,
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

/// Which way a form goes inside the city.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Route {
    /// Posts that sign one after another before the decision (回議).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub before: Vec<PostId>,
    /// Posts of other sections that have to concur, in any order (合議).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub concur: Vec<PostId>,
    /// The post that decides (決裁・専決).
    pub decides: PostId,
}

/// What a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FindingClass {
    /// 違反
    Violation,
    /// 正当
    Justified,
    /// 誤検知
    Mistaken,
    /// 市起因
    CausedByCity,
    /// 不可抗力
    ForceMajeure,
}

impl FindingClass {
    /// All, in the order pages list them.
    pub const ALL: [Self; 5] =
        [Self::Violation, Self::Justified, Self::Mistaken, Self::CausedByCity, Self::ForceMajeure];
}
