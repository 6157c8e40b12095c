//! What is on a sheet: pieces that can be printed in black and white, and nothing that could be code.

use serde::{Deserialize, Serialize};

/// One document of A4 pages.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sheet {
    /// Language of the words on it.
    pub language: Language,
    /// Title.
    pub title: String,
    /// 受付番号; empty: none.
    #[serde(default)]
    pub number: String,
    /// Who made it, for the properties of the file.
    #[serde(default)]
    pub author: String,
    /// 決裁欄, top right.
    #[serde(default)]
    pub seals: Vec<Seal>,
    /// 宛先, 提出者, 契約件名 … under the title.
    #[serde(default)]
    pub parties: Vec<Pair>,
    /// The body.
    pub blocks: Vec<Block>,
    /// Lines at the foot of every page: 印刷日時, where the original is, the head of the ledger.
    #[serde(default)]
    pub footer: Vec<String>,
    /// The instant written into the file, RFC 3339: the same input gives the same bytes.
    pub made: String,
}

/// Language of the words on a sheet.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Language {
    /// 日本語
    #[default]
    Ja,
    /// English
    En,
}

/// One box of a 決裁欄.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Seal {
    /// 課長
    pub title: String,
    /// What stands in the box: name, date, 代決. Empty: room for a seal.
    #[serde(default)]
    pub text: String,
}

/// A name and a value.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pair {
    /// Name.
    pub name: String,
    /// Value; several lines are possible.
    pub value: String,
}

/// A piece of the body.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Block {
    /// A section begins.
    Heading {
        /// Its words.
        text: String,
    },
    /// A part of a section begins.
    Sub {
        /// Its words.
        text: String,
    },
    /// A paragraph.
    Text {
        /// Its words.
        text: String,
    },
    /// A list of points.
    List {
        /// The points.
        items: Vec<String>,
    },
    /// Names and values.
    Fields {
        /// The pairs.
        pairs: Vec<Pair>,
    },
    /// A table whose heading is repeated on every page.
    Table(Table),
    /// A box to be noticed.
    Notice {
        /// How it sounds.
        tone: Tone,
        /// Heading; may be empty.
        head: String,
        /// Words.
        text: String,
    },
    /// The contract speaks.
    Quote {
        /// Its words.
        text: String,
        /// Where from; may be empty.
        source: String,
    },
    /// Attached documents.
    Annexes {
        /// Headings of the four columns: number, name, size, SHA-256.
        heads: [String; 4],
        /// The documents.
        annexes: Vec<Annex>,
    },
}

/// An attached document.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Annex {
    /// Its name.
    pub name: String,
    /// Its size in words.
    pub size: String,
    /// SHA-256, in hexadecimal.
    pub sha256: String,
}

/// A table.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Table {
    /// What it shows; may be empty.
    #[serde(default)]
    pub caption: String,
    /// Headings.
    pub heads: Vec<String>,
    /// How wide the columns are: as many as there are headings, or none.
    #[serde(default)]
    pub widths: Vec<Width>,
    /// Rows of as many cells.
    pub rows: Vec<Vec<Cell>>,
    /// Said instead of an empty table.
    #[serde(default)]
    pub empty: String,
}

/// How wide a column is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Width {
    /// As wide as its content.
    #[default]
    Content,
    /// Its share of what is left.
    Share,
    /// Three times that share.
    Wide,
}

/// A cell of a table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cell {
    /// Words.
    Text(String),
    /// A number: to the right.
    Number(String),
    /// A digest, a name of a program: may be broken anywhere.
    Code(String),
    /// A verdict: bold, never colour alone.
    Strong(String),
}

/// How a notice sounds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tone {
    /// For your knowledge.
    #[default]
    Plain,
    /// Mind this: a thick frame.
    Warn,
}
