//! A [`Book`] becomes the bytes of an XLSX file: text stays text, whatever it looks like.

use crate::PaperError;
use rust_xlsxwriter::{DocProperties, ExcelDateTime, Format, FormatAlign, FormatBorder, Workbook, Worksheet};
use serde::{Deserialize, Serialize};

/// Rows of a sheet in XLSX, its headings among them.
pub const MAX_ROWS: u64 = 1_048_576;
/// Columns of one sheet.
const MAX_COLUMNS: u64 = 256;
/// Sheets of a book.
const MAX_SHEETS: u64 = 100;
/// Characters of a cell in XLSX.
const MAX_CELL: usize = 32_767;
/// Characters of a sheet's name in XLSX.
const MAX_NAME: usize = 31;

/// A workbook.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Book {
    /// Title, for the properties of the file.
    pub title: String,
    /// Who made it, for the properties of the file.
    #[serde(default)]
    pub author: String,
    /// The instant written into the file, RFC 3339: the same input gives the same bytes.
    pub made: String,
    /// Its sheets.
    pub sheets: Vec<BookSheet>,
}

/// One sheet of a workbook.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BookSheet {
    /// Its name on the tab.
    pub name: String,
    /// Lines above the headings.
    #[serde(default)]
    pub notes: Vec<String>,
    /// Headings.
    pub heads: Vec<String>,
    /// Rows.
    pub rows: Vec<Vec<BookCell>>,
}

/// A cell of a workbook.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BookCell {
    /// Text, never a formula.
    Text(String),
    /// A whole number that can be added up.
    Number(i64),
}

/// Writes a workbook.
///
/// # Errors
/// Too much in it, or the writer fails.
pub fn write_book(book: &Book) -> Result<Vec<u8>, PaperError> {
    bounded(book)?;
    let made: jiff::Timestamp =
        book.made.parse().map_err(|_| PaperError::Absent("instant at which it was made".to_owned()))?;
    let mut file = Workbook::new();
    let made = ExcelDateTime::from_timestamp(made.as_second())?;
    let about = DocProperties::new().set_title(&book.title).set_author(&book.author);
    file.set_properties(&about.set_creation_datetime(&made));
    let mut names: Vec<String> = Vec::new();
    for sheet in &book.sheets {
        let name = tab(&sheet.name, &names);
        let page = file.add_worksheet();
        page.set_name(&name)?;
        names.push(name);
        write_sheet(page, sheet)?;
    }
    Ok(file.save_to_buffer()?)
}

fn bounded(book: &Book) -> Result<(), PaperError> {
    let count = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
    let check = |what, found, limit| {
        if found > limit { Err(PaperError::TooLarge { what, found, limit }) } else { Ok(()) }
    };
    check("sheets of a workbook", count(book.sheets.len()), MAX_SHEETS)?;
    for sheet in &book.sheets {
        let rows = sheet.rows.len().saturating_add(sheet.notes.len()).saturating_add(1);
        check("rows of a sheet", count(rows), MAX_ROWS)?;
        let widest = sheet.rows.iter().map(Vec::len).max().unwrap_or_default().max(sheet.heads.len());
        check("columns of a sheet", count(widest), MAX_COLUMNS)?;
    }
    Ok(())
}

fn write_sheet(page: &mut Worksheet, sheet: &BookSheet) -> Result<(), PaperError> {
    let line = Format::new().set_border(FormatBorder::Thin).set_text_wrap().set_align(FormatAlign::Top);
    let head = line.clone().set_bold().set_background_color(0x00E8_E8E8);
    let mut row = 0_u32;
    for note in &sheet.notes {
        page.write_string(row, 0, cut(note))?;
        row = row.saturating_add(1);
    }
    for (column, text) in (0_u16..).zip(&sheet.heads) {
        page.write_string_with_format(row, column, cut(text), &head)?;
        page.set_column_width(column, width(sheet, usize::from(column)))?;
    }
    page.set_freeze_panes(row.saturating_add(1), 0)?;
    let last = row.saturating_add(u32::try_from(sheet.rows.len()).unwrap_or(u32::MAX));
    if let Some(right) = u16::try_from(sheet.heads.len()).ok().and_then(|columns| columns.checked_sub(1)) {
        page.autofilter(row, 0, last, right)?;
    }
    page.set_repeat_rows(row, row)?;
    page.set_paper_size(9).set_landscape().set_print_fit_to_pages(1, 0);
    for cells in &sheet.rows {
        row = row.saturating_add(1);
        for (column, cell) in (0_u16..).zip(cells) {
            match cell {
                BookCell::Text(text) => page.write_string_with_format(row, column, cut(text), &line)?,
                BookCell::Number(number) =>
                {
                    #[expect(
                        clippy::cast_precision_loss,
                        reason = "Excel keeps every number as one; counts are far below 2^53"
                    )]
                    page.write_number_with_format(row, column, *number as f64, &line)?
                }
            };
        }
    }
    Ok(())
}

/// What Excel cannot hold in one cell is cut, visibly.
fn cut(text: &str) -> String {
    let plain = text.chars().filter(|c| !c.is_control() || *c == '\n');
    if text.len() <= MAX_CELL {
        return plain.collect();
    }
    // Excel counts in UTF-16.
    let mut room = MAX_CELL.saturating_sub(20);
    let mut kept = String::new();
    for c in plain {
        let Some(left) = room.checked_sub(c.len_utf16()) else {
            kept.push_str("…（以下略）");
            break;
        };
        room = left;
        kept.push(c);
    }
    kept
}

/// As wide as the longest of the first cells, within reason.
fn width(sheet: &BookSheet, column: usize) -> u32 {
    let measure = |text: &str| -> u32 {
        let line = text.lines().map(|line| line.chars().map(|c| if c.is_ascii() { 1_u32 } else { 2 }).sum());
        line.max().unwrap_or(0)
    };
    let cells = sheet.rows.iter().take(200).filter_map(|row| row.get(column)).map(|cell| match cell {
        BookCell::Text(text) => measure(text),
        BookCell::Number(number) => measure(&number.to_string()),
    });
    let head = sheet.heads.get(column).map_or(0, |head| measure(head));
    cells.max().unwrap_or(0).max(head).saturating_add(2).clamp(6, 60)
}

/// A name that Excel takes, different from the others.
fn tab(name: &str, taken: &[String]) -> String {
    let plain: String = name
        .chars()
        .map(|c| if "[]:*?/\\'".contains(c) || c.is_control() { '・' } else { c })
        .take(MAX_NAME)
        .collect();
    let plain = if plain.trim().is_empty() { "Sheet".to_owned() } else { plain };
    let same = |one: &String, other: &str| one.to_lowercase() == other.to_lowercase();
    let mut wanted = plain.clone();
    let mut number = 2_u32;
    while taken.iter().any(|name| same(name, &wanted)) {
        let ending = format!(" {number}");
        let room = MAX_NAME.saturating_sub(ending.len());
        wanted = plain.chars().take(room).chain(ending.chars()).collect();
        number = number.saturating_add(1);
    }
    wanted
}
