//! The check-sheets that parties fill in once a year (F-27): which file, what its rows ask, which duty answers each row.
//!
//! The file lies on the shelf under its digest. What people decided about its rows lies here, beside it, and not in the
//! ledger: it proves nothing by itself. Every answer names the duty and the entries it rests on, so that whoever reads
//! the filled sheet sees what a row was answered from.

use crate::pages::checksheet_rows::{Layout, Question};
use crate::settings::{private_folder, write_private};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use yakujo_contract::duty::DutyId;
use yakujo_contract::id::{Digest, PersonId};

/// Sheets of one contract; one a year for each contractor is usual.
pub const MOST: usize = 500;

/// What answers a row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pick {
    /// One duty.
    Duty(DutyId),
    /// All duties of a clause, by its key: the worst of them answers.
    Clause(String),
    /// Nothing: the row is no question, and nothing is written.
    Leave,
}

/// What is written for each standing, in the city's own words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Marks {
    /// 適合
    pub kept: String,
    /// 不適合
    pub broken: String,
    /// 未確認, and whatever has no duty.
    pub unknown: String,
    /// 例外承認中
    pub exempt: String,
    /// 対象外
    pub not_applicable: String,
}

impl Default for Marks {
    fn default() -> Self {
        let [kept, broken, unknown, exempt, not_applicable] =
            ["○", "×", "未確認", "△（例外承認中）", "－（対象外）"].map(str::to_owned);
        Self { kept, broken, unknown, exempt, not_applicable }
    }
}

/// Who did something, when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hand {
    /// Who; none: a program.
    pub person: Option<PersonId>,
    /// When.
    pub at: Timestamp,
}

/// A check-sheet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Checksheet {
    /// The file on the shelf; the name of the sheet, too.
    pub file: Digest,
    /// As a person called it.
    pub title: String,
    /// Who brought it.
    pub brought: Hand,
    /// Which columns are used.
    pub layout: Layout,
    /// The words of its row of headings: a sheet with the same ones is laid out alike.
    pub heads: Vec<String>,
    /// Its questions.
    pub questions: Vec<Question>,
    /// What answers each row; a row that is missing has no answer yet.
    pub picks: BTreeMap<u32, Pick>,
    /// What is written.
    pub marks: Marks,
    /// Who said that all this is right; none: nobody yet.
    pub settled: Option<Hand>,
}

/// Why a sheet could not be kept or found.
#[derive(Debug, thiserror::Error)]
pub enum ChecksheetError {
    /// The disk.
    #[error("{0} cannot be read or written")]
    File(PathBuf, #[source] std::io::Error),
    /// What lies there is no check-sheet.
    #[error("{0} is not in the format of this version: put it back from a backup, or remove it")]
    Shape(PathBuf, #[source] serde_json::Error),
}

/// The check-sheets of one contract.
pub struct Checksheets {
    folder: PathBuf,
}

impl Checksheets {
    /// In a contract's folder.
    #[must_use]
    pub fn of(contract: &Path) -> Self {
        Self { folder: contract.join("checksheets") }
    }

    /// Keeps a sheet, in place of what was known of the same file. It is on the disk when this returns.
    ///
    /// # Errors
    /// [`ChecksheetError`].
    pub fn keep(&self, sheet: &Checksheet) -> Result<(), ChecksheetError> {
        let file = self.place(&sheet.file);
        let failed = |error| ChecksheetError::File(file.clone(), error);
        let text =
            serde_json::to_vec_pretty(sheet).map_err(|error| ChecksheetError::Shape(file.clone(), error))?;
        private_folder(&self.folder).map_err(failed)?;
        write_private(&file, &text).map_err(failed)
    }

    /// A sheet; none: there is no such one.
    ///
    /// # Errors
    /// [`ChecksheetError`].
    pub fn get(&self, file: &Digest) -> Result<Option<Checksheet>, ChecksheetError> {
        let file = self.place(file);
        if !file.exists() {
            return Ok(None);
        }
        read(&file).map(Some)
    }

    /// All, the newest first.
    ///
    /// # Errors
    /// [`ChecksheetError`].
    pub fn all(&self) -> Result<Vec<Checksheet>, ChecksheetError> {
        let failed = |error| ChecksheetError::File(self.folder.clone(), error);
        if !self.folder.exists() {
            return Ok(Vec::new());
        }
        let mut all = Vec::new();
        for found in std::fs::read_dir(&self.folder).map_err(failed)? {
            let path = found.map_err(failed)?.path();
            if path.extension().is_some_and(|ending| ending == "json") {
                all.push(read(&path)?);
            }
        }
        all.sort_by(|a, b| b.brought.at.cmp(&a.brought.at).then_with(|| a.file.cmp(&b.file)));
        Ok(all)
    }

    fn place(&self, file: &Digest) -> PathBuf {
        self.folder.join(format!("{}.json", file.as_str()))
    }
}

fn read(file: &Path) -> Result<Checksheet, ChecksheetError> {
    let bytes = std::fs::read(file).map_err(|error| ChecksheetError::File(file.to_owned(), error))?;
    serde_json::from_slice(&bytes).map_err(|error| ChecksheetError::Shape(file.to_owned(), error))
}
