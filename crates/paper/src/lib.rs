//! What leaves the portal as paper or as a workbook, and the workbooks that come in.
//!
//! Alone in a crate because of what it brings along: a typesetting system and readers of other people's files. It knows
//! nothing of contracts: it takes a [`Sheet`] (anything that serialises to one) and gives the bytes of an A4 PDF; it takes
//! a [`Book`] and gives the bytes of an XLSX file; it reads a workbook of the city and writes answers into it.
//!
//! The same input gives the same bytes: the instant on the file is part of the input, nothing here knows a clock.
//! What somebody typed is handed to the typesetter as values, never as markup, and to a workbook as text, never as a
//! formula.

mod archive;
mod book;
mod fill;
mod fonts;
mod print;
mod read;
mod sheet;

pub use book::{Book, BookCell, BookSheet, write_book};
pub use fill::{Answer, fill_book};
pub use fonts::{FontUsed, Fonts};
pub use print::{Missing, Printed, print};
pub use read::{Grid, ReadBook, read_book};
pub use sheet::{Annex, Block, Cell, Language, Pair, Seal, Sheet, Table, Tone, Width};

/// Why something could not be put on paper or read from a workbook.
#[derive(Debug, thiserror::Error)]
pub enum PaperError {
    /// No font of the list is on this machine.
    #[error(
        "no Japanese font was found under {0}: install the Debian package fonts-morisawa-bizud-gothic (and fonts-noto-cjk for rare characters)"
    )]
    NoFont(String),
    /// A font file.
    #[error("the font {0} cannot be read")]
    Font(String, #[source] std::io::Error),
    /// More than is put on paper.
    #[error("{what}: {found}, at most {limit} are taken")]
    TooLarge {
        /// Of what there is too much.
        what: &'static str,
        /// How much there is.
        found: u64,
        /// The limit.
        limit: u64,
    },
    /// What was handed in is no sheet or book.
    #[error("not in the format of this crate")]
    Shape(#[from] serde_json::Error),
    /// The typesetter refused.
    #[error("the sheet cannot be typeset: {0}")]
    Typeset(String),
    /// The workbook cannot be written.
    #[error("the workbook cannot be written")]
    Write(#[from] rust_xlsxwriter::XlsxError),
    /// The workbook cannot be read.
    #[error("the file is no workbook (XLSX) that can be read: {0}")]
    NotABook(String),
    /// The workbook does not hold what was asked for.
    #[error("the workbook has no {0}")]
    Absent(String),
}
