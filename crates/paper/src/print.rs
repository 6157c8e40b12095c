//! A [`Sheet`] becomes the bytes of a PDF.
//!
//! The typesetter gets a constant template and, as its only file, the sheet as JSON: what somebody typed arrives as
//! strings, and strings are never read as markup. It reaches no disk, no network, no clock.

use crate::sheet::{Block, Cell, Language, Sheet};
use crate::{FontUsed, Fonts, PaperError};
use jiff::Timestamp;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;
use typst::diag::{FileError, FileResult, SourceDiagnostic};
use typst::foundations::{Bytes, Datetime, Duration, Smart};
use typst::layout::{Frame, FrameItem};
use typst::syntax::{FileId, RootedPath, Source, VirtualPath, VirtualRoot};
use typst::text::{Font, FontBook};
use typst::utils::LazyHash;
use typst::{Library, LibraryExt, World};
use typst_layout::PagedDocument;
use typst_pdf::{PdfOptions, PdfStandard, PdfStandards};

/// Most characters on one document.
const MAX_CHARACTERS: u64 = 4_000_000;
/// Most rows of all its tables.
const MAX_ROWS: u64 = 10_000;
/// Most columns of a table.
const MAX_COLUMNS: u64 = 24;
/// Stands for a character that no font can write, as in CP932 files.
const MISSING: char = '〓';
/// Kinds of missing characters that are listed on the sheet.
const MISSING_LISTED: usize = 40;

/// A character that no font of this machine can write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missing {
    /// The character.
    pub character: char,
    /// How often it occurs.
    pub times: u64,
}

/// A document that was printed.
#[derive(Debug, Clone)]
pub struct Printed {
    /// The PDF.
    pub bytes: Vec<u8>,
    /// Number of pages.
    pub pages: usize,
    /// What could not be written; it stands as 〓, and the sheet says so itself.
    pub missing: Vec<Missing>,
    /// What it was typeset with; also among the keywords of the file. The same sheet gives the same bytes wherever
    /// these are the same, and with other ones it does not.
    pub fonts: Vec<FontUsed>,
}

/// Prints a sheet.
///
/// # Errors
/// No font, too much on it, or the typesetter refuses.
pub fn print(sheet: &Sheet, fonts: &Fonts) -> Result<Printed, PaperError> {
    bounded(sheet)?;
    let made: Timestamp = sheet.made.parse().map_err(|_| PaperError::Typeset("no instant".to_owned()))?;
    let mut value = serde_json::to_value(sheet)?;
    let mut missing = BTreeMap::new();
    clean(&mut value, fonts, &mut missing);
    if let Value::Object(fields) = &mut value {
        fields.insert("fonts".to_owned(), json!(fonts.families()));
        fields.insert("missing".to_owned(), json!(about_missing(sheet.language, &missing)));
        fields.insert("wide".to_owned(), json!(is_wide(sheet)));
    }
    let press = Press { fonts, sheet: Bytes::new(serde_json::to_vec(&value)?) };
    let typeset = typst::compile::<PagedDocument>(&press);
    let mut document = typeset.output.map_err(|errors| refused(&errors))?;
    let mut used = BTreeSet::new();
    document.pages().iter().for_each(|page| used_in(&page.frame, fonts, &mut used));
    document.info_mut().keywords = used.iter().map(|font| font.to_string().into()).collect();
    let pages = document.pages().len();
    let bytes = typst_pdf::pdf(&document, &options(made)?).map_err(|errors| refused(&errors))?;
    // What the typesetter remembers of this sheet helps no other.
    typst::comemo::evict(0);
    let missing = missing.into_iter().map(|(character, times)| Missing { character, times }).collect();
    Ok(Printed { bytes, pages, missing, fonts: used.into_iter().collect() })
}

/// Adds the fonts of all texts of a frame.
fn used_in(frame: &Frame, fonts: &Fonts, used: &mut BTreeSet<FontUsed>) {
    for (_, item) in frame.items() {
        match item {
            FrameItem::Group(group) => used_in(&group.frame, fonts, used),
            FrameItem::Text(text) => used.extend(fonts.used(text.font.font())),
            FrameItem::Shape(..) | FrameItem::Image(..) | FrameItem::Link(..) | FrameItem::Tag(_) => {}
        }
    }
}

fn options(made: Timestamp) -> Result<PdfOptions, PaperError> {
    let civil = made.to_zoned(jiff::tz::TimeZone::UTC).datetime();
    let part = |number: i8| u8::try_from(number).unwrap_or_default();
    let date = Datetime::from_ymd_hms(
        i32::from(civil.year()),
        part(civil.month()),
        part(civil.day()),
        part(civil.hour()),
        part(civil.minute()),
        part(civil.second()),
    );
    // PDF/A-2a: everything embedded, every glyph with its character, tagged. What is filed must be readable in 30 years.
    let standards = PdfStandards::new(&[PdfStandard::A_2a])
        .map_err(|error| PaperError::Typeset(error.message().to_string()))?;
    Ok(PdfOptions {
        creator: Smart::Custom(Some("Yakujo".to_owned())),
        timestamp: date.map(typst_pdf::Timestamp::new_utc),
        standards,
        ..PdfOptions::default()
    })
}

fn refused(errors: &[SourceDiagnostic]) -> PaperError {
    let words: Vec<String> = errors.iter().map(|error| error.message.to_string()).collect();
    PaperError::Typeset(words.join("; "))
}

/// Tables of many columns need the page turned.
fn is_wide(sheet: &Sheet) -> bool {
    sheet.blocks.iter().any(|block| matches!(block, Block::Table(table) if table.heads.len() > 9))
}

fn bounded(sheet: &Sheet) -> Result<(), PaperError> {
    let count = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
    let check = |what, found, limit| {
        if found > limit { Err(PaperError::TooLarge { what, found, limit }) } else { Ok(()) }
    };
    let mut rows = 0_u64;
    for block in &sheet.blocks {
        let Block::Table(table) = block else { continue };
        rows = rows.saturating_add(count(table.rows.len()));
        check("columns of a table", count(table.heads.len()), MAX_COLUMNS)?;
        if table.rows.iter().any(|row| row.len() != table.heads.len()) || table.heads.is_empty() {
            return Err(PaperError::Typeset(format!("rows of another width in {}", table.caption)));
        }
        if !table.widths.is_empty() && table.widths.len() != table.heads.len() {
            return Err(PaperError::Typeset(format!("widths of other columns in {}", table.caption)));
        }
    }
    check("rows", rows, MAX_ROWS)?;
    check("characters", count(characters(sheet)), MAX_CHARACTERS)
}

fn characters(sheet: &Sheet) -> usize {
    let cells = |table: &crate::Table| -> usize {
        let length = |cell: &Cell| match cell {
            Cell::Text(text) | Cell::Number(text) | Cell::Code(text) | Cell::Strong(text) => text.len(),
        };
        table.rows.iter().flatten().map(length).sum()
    };
    let pairs = |pairs: &[crate::Pair]| -> usize {
        pairs.iter().map(|pair| pair.name.len().saturating_add(pair.value.len())).sum()
    };
    let of = |block: &Block| match block {
        Block::Heading { text } | Block::Sub { text } | Block::Text { text } => text.len(),
        Block::List { items } => items.iter().map(String::len).sum(),
        Block::Fields { pairs: all } => pairs(all),
        Block::Table(table) => cells(table),
        Block::Notice { head, text, .. } => head.len().saturating_add(text.len()),
        Block::Quote { text, source } => text.len().saturating_add(source.len()),
        Block::Annexes { annexes, .. } => annexes.iter().map(|annex| annex.name.len()).sum(),
    };
    let body: usize = sheet.blocks.iter().map(of).sum();
    body.saturating_add(pairs(&sheet.parties)).saturating_add(sheet.title.len())
}

/// Characters that choose a form or join others: they need no glyph of their own.
fn is_silent(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200d}' | '\u{2060}' | '\u{feff}' | '\u{fe00}'..='\u{fe0f}')
}

/// Ideographic variation selectors: the form they ask for is in no font of the list but the last.
fn is_variant(c: char) -> bool {
    matches!(c, '\u{e0100}'..='\u{e01ef}')
}

/// Takes out what cannot be written, and counts it.
fn clean(value: &mut Value, fonts: &Fonts, missing: &mut BTreeMap<char, u64>) {
    match value {
        Value::String(text) => {
            if text.bytes().all(|byte| (b' '..=b'~').contains(&byte)) {
                return;
            }
            *text = text.chars().filter_map(|c| writable(c, fonts, missing)).collect();
        }
        Value::Array(values) => values.iter_mut().for_each(|value| clean(value, fonts, missing)),
        Value::Object(fields) => fields.values_mut().for_each(|value| clean(value, fonts, missing)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn writable(c: char, fonts: &Fonts, missing: &mut BTreeMap<char, u64>) -> Option<char> {
    match c {
        '\n' => return Some(c),
        '\t' | '\u{a0}' => return Some(' '),
        _ if c.is_control() => return None,
        _ if is_silent(c) => return None,
        _ if !is_variant(c) && !is_private(c) && fonts.can_write(c) => return Some(c),
        _ => {}
    }
    let times = missing.entry(c).or_default();
    *times = times.saturating_add(1);
    (!is_variant(c)).then_some(MISSING)
}

/// 外字: what is at such a place differs from machine to machine, so no font here may guess it.
fn is_private(c: char) -> bool {
    matches!(c, '\u{e000}'..='\u{f8ff}' | '\u{f0000}'..)
}

/// The sentence at the end of the sheet; empty: nothing is missing.
fn about_missing(language: Language, missing: &BTreeMap<char, u64>) -> String {
    if missing.is_empty() {
        return String::new();
    }
    let one = |(c, times): (&char, &u64)| match language {
        Language::Ja => format!("U+{:04X}（{times}か所）", u32::from(*c)),
        Language::En => format!("U+{:04X} ({times}×)", u32::from(*c)),
    };
    let list: Vec<String> = missing.iter().take(MISSING_LISTED).map(one).collect();
    let more = if missing.len() > MISSING_LISTED { " …" } else { "" };
    match language {
        Language::Ja => format!(
            "この書面の書体では書けない文字があり、〓で示すか、標準の字形にしています：{}{more}",
            list.join("、")
        ),
        Language::En => format!(
            "Some characters cannot be written in the fonts of this sheet; they stand as 〓 or in their standard form: {}{more}",
            list.join(", ")
        ),
    }
}

/// The whole world of the typesetter: the template, the sheet, the fonts.
struct Press<'a> {
    fonts: &'a Fonts,
    sheet: Bytes,
}

static LIBRARY: LazyLock<LazyHash<Library>> = LazyLock::new(|| LazyHash::new(Library::default()));
static TEMPLATE: LazyLock<Option<Source>> =
    LazyLock::new(|| Some(Source::new(file("/sheet.typ")?, include_str!("sheet.typ").to_owned())));
static SHEET: LazyLock<Option<FileId>> = LazyLock::new(|| file("/sheet.json"));

fn file(name: &str) -> Option<FileId> {
    Some(RootedPath::new(VirtualRoot::Project, VirtualPath::new(name).ok()?).intern())
}

fn absent() -> FileError {
    FileError::Other(Some("there is no such file here".into()))
}

impl World for Press<'_> {
    fn library(&self) -> &LazyHash<Library> {
        &LIBRARY
    }

    fn book(&self) -> &LazyHash<FontBook> {
        self.fonts.book()
    }

    fn main(&self) -> FileId {
        #[expect(clippy::expect_used, reason = "a constant name is a path")]
        TEMPLATE.as_ref().expect("the template has a constant name").id()
    }

    fn source(&self, id: FileId) -> FileResult<Source> {
        TEMPLATE.clone().filter(|template| template.id() == id).ok_or_else(absent)
    }

    fn file(&self, id: FileId) -> FileResult<Bytes> {
        if *SHEET == Some(id) { Ok(self.sheet.clone()) } else { Err(absent()) }
    }

    fn font(&self, index: usize) -> Option<Font> {
        self.fonts.font(index)
    }

    fn today(&self, _offset: Option<Duration>) -> Option<Datetime> {
        None
    }
}
