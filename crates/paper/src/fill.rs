//! Writes answers into a workbook of the city: its cells, its look and everything else in the file stay as they are.
//!
//! No library that reads a workbook into its own model and writes it again keeps everything of it. So only the cells that
//! get an answer are exchanged in the text of their sheet; every other byte of the sheet and every other part of the file
//! is copied.

use crate::PaperError;
use crate::archive::{self, Archive};
use quick_xml::events::{BytesStart, Event};
use quick_xml::{Reader, XmlVersion};
use std::collections::BTreeMap;
use std::io::{Cursor, Write};
use std::ops::Range;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

/// Most answers of one call.
const MAX_ANSWERS: usize = 200_000;
/// Excel's last column.
const LAST_COLUMN: u32 = 16_384;

/// What is to stand in a cell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// Row, from 0.
    pub row: u32,
    /// Column, from 0.
    pub column: u32,
    /// Text.
    pub text: String,
}

/// Fills answers into one sheet of a workbook.
///
/// # Errors
/// No workbook, no such sheet or row, a formula where an answer should stand.
pub fn fill_book(bytes: &[u8], sheet: &str, answers: &[Answer]) -> Result<Vec<u8>, PaperError> {
    if answers.len() > MAX_ANSWERS {
        let found = u64::try_from(answers.len()).unwrap_or(u64::MAX);
        return Err(PaperError::TooLarge { what: "answers", found, limit: 200_000 });
    }
    let mut archive = archive::open(bytes)?;
    let path = path_of(&mut archive, sheet)?;
    let exchanged = exchanged(&mut archive, &path, answers)?;
    let mut written = ZipWriter::new(Cursor::new(Vec::new()));
    for index in 0..archive.len() {
        let part = archive.by_index_raw(index).map_err(|error| archive::unreadable(&error))?;
        let name = part.name().map(|name| name.into_owned()).unwrap_or_default();
        let Some(text) = exchanged.get(&name) else {
            written.raw_copy_file(part).map_err(|error| archive::unreadable(&error))?;
            continue;
        };
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Deflated)
            .last_modified_time(part.last_modified().unwrap_or_default());
        written.start_file(name, options).map_err(|error| archive::unreadable(&error))?;
        written.write_all(text.as_bytes()).map_err(|error| PaperError::NotABook(error.to_string()))?;
    }
    let file = written.finish().map_err(|error| archive::unreadable(&error))?;
    Ok(file.into_inner())
}

/// The parts that change: the sheet with its answers, and wherever a formula stands, because its result was that of
/// the unanswered sheet. Excel and LibreOffice work it out anew where no result stands.
fn exchanged(
    archive: &mut Archive<'_>,
    path: &str,
    answers: &[Answer],
) -> Result<BTreeMap<String, String>, PaperError> {
    let names: Vec<String> = archive.file_names().filter_map(|name| Some(name.ok()?.into_owned())).collect();
    let sheets = names.iter().filter(|name| name.starts_with("xl/worksheets/") && name.ends_with(".xml"));
    let mut exchanged = BTreeMap::new();
    let mut formulas = Formula::No;
    for name in sheets {
        let text = archive::text(archive, name)?;
        let filled = fill_sheet(&text, if name == path { answers } else { &[] })?;
        if filled.formula == Formula::Yes {
            formulas = Formula::Yes;
        }
        if filled.text != text {
            exchanged.insert(name.clone(), filled.text);
        }
    }
    if formulas == Formula::Yes {
        let book = archive::text(archive, "xl/workbook.xml")?;
        exchanged.insert("xl/workbook.xml".to_owned(), calculated_anew(&book)?);
    }
    Ok(exchanged)
}

/// Tells Excel to work every formula out when it opens the workbook.
fn calculated_anew(book: &str) -> Result<String, PaperError> {
    let mut reader = Reader::from_str(book);
    loop {
        let before = position(&reader);
        let event = reader.read_event().map_err(|error| broken(&error))?;
        match event {
            Event::Start(tag) | Event::Empty(tag) if tag.local_name().as_ref() == "calcPr" => {
                if attribute(&tag, "fullCalcOnLoad")?.is_some() {
                    return Ok(book.to_owned());
                }
                let name_end = before.saturating_add(1).saturating_add(tag.name().as_ref().len());
                let (head, rest) = (book.get(..name_end), book.get(name_end..));
                return Ok(format!(
                    "{} fullCalcOnLoad=\"1\"{}",
                    head.unwrap_or_default(),
                    rest.unwrap_or_default()
                ));
            }
            // Without that element Excel decides for itself; it works out what has no result.
            Event::Eof => return Ok(book.to_owned()),
            _ => {}
        }
    }
}

/// The part in which a sheet lies.
fn path_of(archive: &mut Archive<'_>, sheet: &str) -> Result<String, PaperError> {
    let absent = || PaperError::Absent(format!("sheet {sheet}"));
    let book = archive::text(archive, "xl/workbook.xml")?;
    let id = find(&book, "sheet", ("name", sheet), "id")?.ok_or_else(absent)?;
    let relations = archive::text(archive, "xl/_rels/workbook.xml.rels")?;
    let target = find(&relations, "Relationship", ("Id", &id), "Target")?.ok_or_else(absent)?;
    Ok(match target.strip_prefix('/') {
        Some(whole) => whole.to_owned(),
        None => format!("xl/{target}"),
    })
}

/// The wanted attribute of the first element of this name whose other attribute has this value.
fn find(
    text: &str,
    element: &str,
    (name, value): (&str, &str),
    wanted: &str,
) -> Result<Option<String>, PaperError> {
    let mut reader = Reader::from_str(text);
    loop {
        match reader.read_event().map_err(|error| broken(&error))? {
            Event::Start(tag) | Event::Empty(tag)
                if tag.local_name().as_ref() == element
                    && attribute(&tag, name)?.as_deref() == Some(value) =>
            {
                return attribute(&tag, wanted);
            }
            Event::Eof => return Ok(None),
            _ => {}
        }
    }
}

fn attribute(tag: &BytesStart<'_>, name: &str) -> Result<Option<String>, PaperError> {
    for attribute in tag.attributes() {
        let attribute = attribute.map_err(|error| PaperError::NotABook(error.to_string()))?;
        if attribute.key.local_name().as_ref() == name {
            let value =
                attribute.normalized_value(XmlVersion::Implicit1_0).map_err(|error| broken(&error))?;
            return Ok(Some(value.into_owned()));
        }
    }
    Ok(None)
}

fn broken(error: &quick_xml::Error) -> PaperError {
    PaperError::NotABook(error.to_string())
}

/// Where a cell stands in the text of its sheet.
struct CellAt {
    column: u32,
    range: Range<usize>,
    style: Option<String>,
    formula: Formula,
    /// Where the result of the formula stands.
    result: Option<Range<usize>>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Formula {
    Yes,
    No,
}

/// Where a row stands in the text of its sheet.
struct RowAt {
    /// The name of its tag with the prefix: the cells get the same prefix.
    prefix: String,
    cells: Vec<CellAt>,
    /// Where its end tag begins; none: it has no content at all.
    end: Option<usize>,
}

/// A sheet with its answers.
struct Filled {
    text: String,
    formula: Formula,
}

fn fill_sheet(text: &str, answers: &[Answer]) -> Result<Filled, PaperError> {
    let rows = rows_of(text)?;
    let mut edits: BTreeMap<(usize, u32), (usize, String)> = BTreeMap::new();
    let cells = rows.values().flat_map(|row| &row.cells);
    for cell in cells.clone().filter(|cell| cell.formula == Formula::Yes) {
        if let Some(result) = &cell.result {
            edits.insert((result.start, cell.column), (result.end, String::new()));
        }
    }
    let formula =
        if cells.clone().any(|cell| cell.formula == Formula::Yes) { Formula::Yes } else { Formula::No };
    for answer in answers {
        let absent = || PaperError::Absent(format!("row {}", answer.row.saturating_add(1)));
        let row = rows.get(&answer.row).ok_or_else(absent)?;
        let here = row.cells.iter().find(|cell| cell.column == answer.column);
        if here.is_some_and(|cell| cell.formula == Formula::Yes) {
            let cell = name_of(answer.row, answer.column);
            return Err(PaperError::Absent(format!("room for an answer in {cell}: a formula stands there")));
        }
        let left = row.cells.iter().filter(|cell| cell.column < answer.column);
        let style = match here {
            Some(cell) => cell.style.clone(),
            // A new cell looks like its neighbour.
            None => left.max_by_key(|cell| cell.column).and_then(|cell| cell.style.clone()),
        };
        let next =
            row.cells.iter().filter(|cell| cell.column > answer.column).map(|cell| cell.range.start).min();
        let range = match (here, next, row.end) {
            (Some(cell), _, _) => cell.range.clone(),
            (None, Some(next), _) => next..next,
            (None, None, Some(end)) => end..end,
            (None, None, None) => return Err(absent()),
        };
        let cell = cell_text(&row.prefix, answer, style.as_deref());
        edits.insert((range.start, answer.column), (range.end, cell));
    }
    let mut filled = String::with_capacity(text.len().saturating_mul(2));
    let mut at = 0_usize;
    for ((start, _), (end, cell)) in edits {
        filled.push_str(text.get(at..start).unwrap_or_default());
        filled.push_str(&cell);
        at = end;
    }
    filled.push_str(text.get(at..).unwrap_or_default());
    Ok(Filled { text: filled, formula })
}

fn cell_text(prefix: &str, answer: &Answer, style: Option<&str>) -> String {
    let name = name_of(answer.row, answer.column);
    let style = style.map(|style| format!(" s=\"{}\"", quick_xml::escape::escape(style))).unwrap_or_default();
    let plain: String = answer.text.chars().filter(|c| !c.is_control() || *c == '\n').take(32_000).collect();
    let text = quick_xml::escape::escape(plain.as_str());
    format!(
        "<{prefix}c r=\"{name}\"{style} t=\"inlineStr\"><{prefix}is><{prefix}t xml:space=\"preserve\">{text}</{prefix}t></{prefix}is></{prefix}c>"
    )
}

/// Every row of the sheet and where its cells stand.
fn rows_of(text: &str) -> Result<BTreeMap<u32, RowAt>, PaperError> {
    let mut reader = Reader::from_str(text);
    let mut rows = BTreeMap::new();
    let mut open: Option<(u32, RowAt)> = None;
    let mut cell: Option<CellAt> = None;
    let mut result_from = 0_usize;
    let mut next_row = 0_u32;
    loop {
        let before = position(&reader);
        let event = reader.read_event().map_err(|error| broken(&error))?;
        let after = position(&reader);
        match event {
            Event::Eof => return Ok(rows),
            Event::Start(tag) if tag.local_name().as_ref() == "row" => {
                let number = row_number(&tag)?.unwrap_or(next_row);
                next_row = number.saturating_add(1);
                let whole = tag.name().as_ref().to_owned();
                let prefix = whole.strip_suffix("row").unwrap_or_default().to_owned();
                open = Some((number, RowAt { prefix, cells: Vec::new(), end: None }));
            }
            Event::Empty(tag) if tag.local_name().as_ref() == "row" => {
                next_row = row_number(&tag)?.unwrap_or(next_row).saturating_add(1);
            }
            Event::End(tag) if tag.local_name().as_ref() == "row" => {
                if let Some((number, mut row)) = open.take() {
                    row.end = Some(before);
                    rows.insert(number, row);
                }
            }
            Event::Start(tag) if tag.local_name().as_ref() == "c" => {
                cell = Some(cell_at(&tag, before..after, open.as_ref())?);
            }
            Event::Empty(tag) if tag.local_name().as_ref() == "c" => {
                let whole = cell_at(&tag, before..after, open.as_ref())?;
                if let Some((_, row)) = &mut open {
                    row.cells.push(whole);
                }
            }
            Event::Start(tag) | Event::Empty(tag) if tag.local_name().as_ref() == "f" => {
                if let Some(cell) = &mut cell {
                    cell.formula = Formula::Yes;
                }
            }
            Event::Start(tag) if tag.local_name().as_ref() == "v" => result_from = before,
            Event::End(tag) if tag.local_name().as_ref() == "v" => {
                if let Some(cell) = &mut cell {
                    cell.result = Some(result_from..after);
                }
            }
            Event::End(tag) if tag.local_name().as_ref() == "c" => {
                if let (Some(mut whole), Some((_, row))) = (cell.take(), &mut open) {
                    whole.range.end = after;
                    row.cells.push(whole);
                }
            }
            _ => {}
        }
    }
}

fn position(reader: &Reader<&[u8]>) -> usize {
    usize::try_from(reader.buffer_position()).unwrap_or(usize::MAX)
}

fn row_number(tag: &BytesStart<'_>) -> Result<Option<u32>, PaperError> {
    let number = attribute(tag, "r")?.and_then(|text| text.parse::<u32>().ok());
    Ok(number.and_then(|number| number.checked_sub(1)))
}

fn cell_at(
    tag: &BytesStart<'_>,
    range: Range<usize>,
    row: Option<&(u32, RowAt)>,
) -> Result<CellAt, PaperError> {
    let named = attribute(tag, "r")?.and_then(|name| column_of(&name));
    let last = row.and_then(|(_, row)| row.cells.last()).map(|cell| cell.column.saturating_add(1));
    let column = named.or(last).unwrap_or(0);
    Ok(CellAt { column, range, style: attribute(tag, "s")?, formula: Formula::No, result: None })
}

/// The column of a cell's name: `C7` is 2.
fn column_of(name: &str) -> Option<u32> {
    let mut letters = name.chars().take_while(char::is_ascii_alphabetic);
    let number = letters.try_fold(0_u32, |number, letter| {
        let digit = u32::from(letter.to_ascii_uppercase()).checked_sub(u32::from('A'))?.checked_add(1)?;
        number.checked_mul(26)?.checked_add(digit).filter(|number| *number <= LAST_COLUMN)
    })?;
    number.checked_sub(1)
}

/// The name of a cell: row 6, column 2 is `C7`.
fn name_of(row: u32, column: u32) -> String {
    let mut letters = Vec::new();
    let mut left = column.saturating_add(1);
    while left > 0 {
        let digit = left.saturating_sub(1).checked_rem(26).unwrap_or_default();
        letters.push(char::from_u32(u32::from('A').saturating_add(digit)).unwrap_or('A'));
        left = left.saturating_sub(1).checked_div(26).unwrap_or_default();
    }
    let name: String = letters.iter().rev().collect();
    format!("{name}{}", row.saturating_add(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_named_as_excel_names_them() {
        for (column, name) in
            [(0, "A1"), (25, "Z1"), (26, "AA1"), (701, "ZZ1"), (702, "AAA1"), (16_383, "XFD1")]
        {
            assert_eq!(name_of(0, column), name);
            assert_eq!(column_of(name), Some(column));
        }
        assert_eq!(column_of("XFE1"), None);
        assert_eq!(column_of("7"), None);
    }

    #[test]
    fn a_workbook_with_formulas_is_calculated_anew() {
        let book = "<workbook><x:calcPr calcId=\"1\"/></workbook>";
        let anew = calculated_anew(book).unwrap();
        assert_eq!(anew, "<workbook><x:calcPr fullCalcOnLoad=\"1\" calcId=\"1\"/></workbook>");
        assert_eq!(calculated_anew(&anew).unwrap(), anew);
        assert_eq!(calculated_anew("<workbook/>").unwrap(), "<workbook/>");
    }

    #[test]
    fn the_result_of_a_formula_goes_and_the_formula_stays() {
        let sheet = "<sheetData><row r=\"1\"><c r=\"A1\"><f>1+1</f><v>2</v></c><c r=\"B1\"><v>3</v></c></row></sheetData>";
        let filled = fill_sheet(sheet, &[]).unwrap();
        assert_eq!(filled.text, sheet.replace("<v>2</v>", ""));
    }
}
