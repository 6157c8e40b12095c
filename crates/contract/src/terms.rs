//! The contract file: clauses, duties, parameters and the list of vulnerabilities as one city words and numbers them.
//!
//! Another city's numbering, a subset or its own wording is another file, not another build. Programs know a duty by
//! its key (`6.a`); the file says what the city calls it.

mod file;

use crate::calendar::Calendar;
use crate::duty::{Clause, DutyId};
use crate::parameter::{ParameterId, Values};
use std::collections::BTreeMap;
use std::ops::RangeInclusive;

/// Largest contract file, bytes.
pub const MAX_BYTES: usize = 1 << 20;

/// One contract, as its file states it.
#[derive(Debug, Clone, Default)]
pub struct Terms {
    /// Title.
    pub title_ja: String,
    /// Title.
    pub title_en: String,
    /// The city, as it signs; empty: the file does not say.
    pub city: String,
    /// The contractor, as it signs; empty: the file does not say.
    pub contractor: String,
    /// Open days and hours of the city (P-37).
    pub calendar: Calendar,
    /// The clauses, in the order of the file.
    pub clauses: Vec<ClauseTerms>,
    /// The duties in force, in the order of the file.
    pub duties: Vec<DutyTerms>,
    /// The parameters with their proposed values.
    pub parameters: BTreeMap<ParameterId, ParameterTerms>,
    /// The list of vulnerabilities (3.4.b).
    pub vulnerabilities: Vec<Vulnerability>,
}

/// One clause as the city numbers it.
#[derive(Debug, Clone)]
pub struct ClauseTerms {
    /// Which.
    pub clause: Clause,
    /// Its number in the contract.
    pub number: String,
    /// Title.
    pub ja: String,
    /// Title.
    pub en: String,
}

/// One duty as the city words it.
#[derive(Debug, Clone)]
pub struct DutyTerms {
    /// Which.
    pub duty: DutyId,
    /// What the city calls it.
    pub label: String,
    /// The sentence of the contract.
    pub ja: String,
    /// Its gloss.
    pub en: String,
    /// What is looked at, and who does what.
    pub guide_ja: String,
    /// What is looked at, and who does what.
    pub guide_en: String,
}

/// One parameter.
#[derive(Debug, Clone, Default)]
pub struct ParameterTerms {
    /// Name.
    pub ja: String,
    /// Name.
    pub en: String,
    /// What it may differ by (segment, rank, role …).
    pub by: String,
    /// Where the proposed value comes from.
    pub basis: String,
    /// The values it consists of.
    pub fields: Vec<Field>,
    /// Values proposed until both parties agree.
    pub defaults: Values,
}

/// One value of a parameter.
#[derive(Debug, Clone)]
pub struct Field {
    /// Key.
    pub key: String,
    /// Name.
    pub ja: String,
    /// Name.
    pub en: String,
    /// Unit, as people read it.
    pub unit: String,
    /// What may be agreed.
    pub range: RangeInclusive<i64>,
}

impl ParameterTerms {
    /// What may be agreed for this key.
    #[must_use]
    pub fn range(&self, key: &str) -> Option<&RangeInclusive<i64>> {
        self.fields.iter().find(|field| field.key == key).map(|field| &field.range)
    }
}

/// One row of the list of vulnerabilities.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vulnerability {
    /// File key: `v01_sql_injection`.
    pub key: String,
    /// Number in the list, 1 to 16.
    pub number: u8,
    /// Name.
    pub ja: String,
    /// Name.
    pub en: String,
    /// CWE numbers.
    pub cwe: Vec<u32>,
    /// Chapter of 『安全なウェブサイトの作り方』; empty: none.
    pub chapter: String,
    /// Letter of 『ウェブ健康診断仕様』; empty: none.
    pub letter: String,
}

/// What is wrong with a contract file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {reason}")]
pub struct TermsError {
    /// From 1.
    pub line: usize,
    /// What, and what is expected.
    pub reason: String,
}

impl Terms {
    /// The text of the standard terms.
    pub const STANDARD: &'static str = include_str!("../../../contracts/standard.toml");

    /// The standard terms.
    #[must_use]
    pub fn standard() -> Self {
        Self::parse(Self::STANDARD).expect("the standard terms are read by a test")
    }

    /// Reads a contract file.
    ///
    /// # Errors
    /// The first mistake, with its line and what is expected.
    pub fn parse(text: &str) -> Result<Self, TermsError> {
        file::parse(text)
    }

    /// A duty as the city words it; none if it is not in this contract.
    #[must_use]
    pub fn duty(&self, duty: DutyId) -> Option<&DutyTerms> {
        self.duties.iter().find(|terms| terms.duty == duty)
    }

    /// A clause as the city numbers it; none if it is not in this contract.
    #[must_use]
    pub fn clause(&self, clause: Clause) -> Option<&ClauseTerms> {
        self.clauses.iter().find(|terms| terms.clause == clause)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_standard_terms_hold_all_clauses_duties_parameters_and_vulnerabilities() {
        let terms = Terms::standard();
        assert_eq!(terms.clauses.len(), 14);
        assert!(terms.duties.iter().map(|terms| terms.duty).eq(DutyId::all()));
        assert!(terms.parameters.keys().copied().eq((1..=37).map(ParameterId::new)));
        assert_eq!(terms.vulnerabilities.len(), 21);
        assert_eq!(terms.vulnerabilities.iter().map(|v| v.number).max(), Some(16));
        for duty in &terms.duties {
            for text in [&duty.ja, &duty.en, &duty.guide_ja, &duty.guide_en] {
                assert!(!text.is_empty(), "{} lacks a text", duty.duty);
            }
        }
    }

    #[test]
    fn a_file_may_name_the_parties() {
        let standard = Terms::standard();
        assert_eq!((standard.city, standard.contractor), (String::new(), String::new()));
        let small = Terms::parse(include_str!("../../../contracts/example-small.toml")).unwrap();
        assert_eq!(small.city, "霧沢市");
        assert_eq!(small.contractor, "霧沢システム保守株式会社");
    }

    #[test]
    fn a_wrong_file_is_refused_with_line_and_reason() {
        let standard = Terms::STANDARD;
        let wrong = |from: &str, to: &str| {
            let (before, _) = standard.split_once(from).unwrap_or_else(|| panic!("{from}"));
            let line = before.lines().count().max(1) + usize::from(before.ends_with('\n'));
            (line, Terms::parse(&standard.replacen(from, to, 1)).unwrap_err())
        };
        for (from, to, reason) in [
            ("key = \"6.a\"", "key = \"6.z\"", "is not a duty"),
            ("key = \"1.b\"", "key = \"1.a\"", "twice"),
            ("clause = \"c06_clocks\"", "clause = \"c07_stops\"", "belongs to"),
            ("default = 500, min = 1", "default = 0, min = 1", "outside"),
            ("default = 500, min = 1, max = 5000", "default = 500, min = 5001, max = 5000", "above max"),
            ("key = \"good_ms\"", "key = \"breach_ms\"", "twice"),
            ("key = \"warn_ms\"", "key = \"warm_ms\"", "warn_ms, which is not in this file"),
            ("id = \"P-18\"", "id = \"P-1\"", "P-01"),
            ("id = \"P-18\"", "id = \"P-17\"", "twice"),
            ("date = \"2026-01-12\"", "date = \"2026-13-12\"", "date"),
            ("date = \"2026-01-12\"", "date = \"2026-01-01\"", "twice"),
            ("date = \"2026-01-12\"", "date = \"2028-01-10\"", "after holidays_until"),
            ("\"12-30\"", "\"12-29\"", "twice"),
            ("\"12-30\"", "\"12-32\"", "no day"),
            ("close = \"17:15\"", "close = \"08:15\"", "after opening time"),
            ("open = \"08:30\"", "open = \"8.30\"", "time of day"),
            ("number = 7\n", "number = 0\n", "not 1 to 16"),
            ("number = 7\n", "number = 17\n", "not 1 to 16"),
            ("number = 7\n", "number = 8\n", "v08"),
            ("key = \"v06b_clickjacking\"", "key = \"v06a_csrf\"", "twice"),
            (
                "ja = \"クリックジャッキング\"",
                "ja = \"クロスサイト・リクエスト・フォージェリ (CSRF)\"",
                "twice",
            ),
            ("format = \"yakujo-contract/v1\"", "format = \"yakujo-contract/v2\"", "yakujo-contract/v1"),
            ("guide_en = ", "guide_fr = ", "guide_fr"),
        ] {
            let (line, error) = wrong(from, to);
            assert!(error.reason.contains(reason), "{from}: {error}");
            // A missing parameter is told at its duty, a name at its row.
            let elsewhere = reason.contains("not in this file") || to.starts_with("ja = ");
            assert!(elsewhere || error.line.abs_diff(line) <= 2, "{from}: expected line {line}: {error}");
        }
        assert!(Terms::parse("").is_err());
        assert!(Terms::parse(&" ".repeat(MAX_BYTES + 1)).unwrap_err().reason.contains("bytes"));
    }
}
