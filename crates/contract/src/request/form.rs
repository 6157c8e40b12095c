//! The table of forms: one row each, constant data. Pages, paper and checks are made from it; the columns are those of
//! the city's papers (obligations, section 6).
//!
//! F-10 is a list made of what was observed; F-25 and F-29 are proposals ([`crate::act::Matter`]): none of them is a
//! request.

mod rows;

use serde::{Deserialize, Serialize};

/// Whether something has to be filled in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ask {
    /// It has to be.
    Must,
    /// It may be.
    May,
    /// The form does not ask for it.
    Never,
}

/// When a field is filled in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// With the request.
    Ask,
    /// With the report.
    Result,
}

/// What a field holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// One line.
    Line,
    /// Several lines.
    Text,
    /// A number, as digits.
    Count,
    /// An instant: RFC 3339 in entries, Japanese time on pages.
    Moment,
    /// One of these: word, Japanese, English.
    Choice(&'static [(&'static str, &'static str, &'static str)]),
    /// May name people: the ledger holds its salted digest only.
    People,
    /// Filled in by the program from what is known (●); never stored.
    Auto,
}

/// One column of a form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field {
    /// Key in entries.
    pub key: &'static str,
    /// As printed.
    pub ja: &'static str,
    /// English.
    pub en: &'static str,
    /// What it holds.
    pub kind: Kind,
    /// When it is filled in.
    pub part: Part,
    /// Whether it has to be.
    pub need: Ask,
}

/// Which way a form goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Path {
    /// The contractor asks, a post of the city decides, before the act.
    Approval,
    /// The contractor asks, both talk; an agreed outcome or an approval is enough.
    Consultation,
    /// The contractor tells or presents, the city takes it in and confirms.
    Report,
    /// The city asks, the contractor delivers, the city confirms.
    Delivery,
}

/// One row of the table.
#[derive(Debug, Clone, Copy)]
pub struct FormRow {
    /// `F-07`.
    pub key: &'static str,
    /// The word in numbers: `停止`.
    pub word: &'static str,
    /// Title.
    pub ja: &'static str,
    /// Title.
    pub en: &'static str,
    /// Which way it goes.
    pub path: Path,
    /// Whether it has a window.
    pub window: Ask,
    /// Whether its scope names things.
    pub things: Ask,
    /// The duties it serves, by key.
    pub duties: &'static [&'static str],
    /// Its columns.
    pub fields: &'static [Field],
}

/// A form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Form {
    /// セキュリティ事案報告書
    #[serde(rename = "F-05")]
    F05,
    /// 復元協議書
    #[serde(rename = "F-06")]
    F06,
    /// 計画停止・運用制限申請書
    #[serde(rename = "F-07")]
    F07,
    /// 緊急停止・障害報告書
    #[serde(rename = "F-08")]
    F08,
    /// 変更管理票
    #[serde(rename = "F-09")]
    F09,
    /// 利用環境変更届
    #[serde(rename = "F-11")]
    F11,
    /// 容量・能力限界値開示書
    #[serde(rename = "F-13")]
    F13,
    /// 試験・検証結果報告
    #[serde(rename = "F-14")]
    F14,
    /// テストデータ届・実データ利用許可申請
    #[serde(rename = "F-15")]
    F15,
    /// 脆弱性情報・対策提示書
    #[serde(rename = "F-16")]
    F16,
    /// 障害対策明示書
    #[serde(rename = "F-17")]
    F17,
    /// ログ等提供依頼・提供書
    #[serde(rename = "F-19")]
    F19,
    /// 事前包括承認書
    #[serde(rename = "F-26")]
    F26,
}

impl Form {
    /// All, in order.
    pub const ALL: [Self; 13] = [
        Self::F05,
        Self::F06,
        Self::F07,
        Self::F08,
        Self::F09,
        Self::F11,
        Self::F13,
        Self::F14,
        Self::F15,
        Self::F16,
        Self::F17,
        Self::F19,
        Self::F26,
    ];

    /// Its row of the table.
    #[must_use]
    pub fn row(self) -> &'static FormRow {
        match self {
            Self::F05 => &rows::F05,
            Self::F06 => &rows::F06,
            Self::F07 => &rows::F07,
            Self::F08 => &rows::F08,
            Self::F09 => &rows::F09,
            Self::F11 => &rows::F11,
            Self::F13 => &rows::F13,
            Self::F14 => &rows::F14,
            Self::F15 => &rows::F15,
            Self::F16 => &rows::F16,
            Self::F17 => &rows::F17,
            Self::F19 => &rows::F19,
            Self::F26 => &rows::F26,
        }
    }

    /// The form with this key (`F-07`).
    #[must_use]
    pub fn from_key(key: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|form| form.row().key == key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::duty::DutyId;
    use std::collections::BTreeSet;

    #[test]
    fn every_form_has_its_own_key_word_and_fields_and_serves_duties_that_exist() {
        let mut seen = BTreeSet::new();
        for form in Form::ALL {
            let row = form.row();
            assert!(seen.insert(row.key) && seen.insert(row.word), "{}", row.key);
            assert_eq!(Form::from_key(row.key), Some(form));
            assert!(!row.word.contains('-') && !row.duties.is_empty(), "{}", row.key);
            row.duties.iter().for_each(|duty| assert!(DutyId::parse(duty).is_ok(), "{duty}"));
            let keys: BTreeSet<&str> = row.fields.iter().map(|field| field.key).collect();
            assert_eq!(keys.len(), row.fields.len(), "{}", row.key);
        }
    }
}
