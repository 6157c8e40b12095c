//! Reads a workbook of the city, as text, within limits.
//!
//! Cells are taken one by one: a reader that lays out the whole rectangle would take memory for a million rows when a
//! single cell stands in the last one.

use crate::{PaperError, archive};
use calamine::{DataRef, Reader, Xlsx};
use std::io::Cursor;

/// Sheets that are read.
const MAX_SHEETS: usize = 50;
/// Rows of a sheet.
pub const MAX_ROWS: u32 = 5_000;
/// Columns of a sheet.
pub const MAX_COLUMNS: u32 = 100;
/// Characters of all cells of the workbook.
const MAX_CHARACTERS: u64 = 8_000_000;

/// A workbook that was read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReadBook {
    /// Its sheets.
    pub sheets: Vec<Grid>,
}

/// One sheet: rows from the first, cells from column A; missing ones are empty.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Grid {
    /// The name on the tab.
    pub name: String,
    /// Rows.
    pub rows: Vec<Vec<String>>,
}

/// Reads a workbook.
///
/// # Errors
/// No workbook, or too large.
pub fn read_book(bytes: &[u8]) -> Result<ReadBook, PaperError> {
    archive::open(bytes)?;
    let mut file: Xlsx<_> =
        calamine::open_workbook_from_rs(Cursor::new(bytes)).map_err(|error| not_a_book(&error))?;
    let names = file.sheet_names();
    if names.len() > MAX_SHEETS {
        return Err(too_large(
            "sheets",
            names.len().try_into().unwrap_or(u64::MAX),
            MAX_SHEETS.try_into().unwrap_or(0),
        ));
    }
    let mut left = MAX_CHARACTERS;
    let mut book = ReadBook::default();
    for name in names {
        // A chart on a tab of its own has no cells.
        let Ok(mut cells) = file.worksheet_cells_reader(&name) else { continue };
        let mut grid = Grid { name, rows: Vec::new() };
        while let Some(cell) = cells.next_cell().map_err(|error| not_a_book(&error))? {
            let text = words(cell.get_value());
            if text.is_empty() {
                continue;
            }
            let length = u64::try_from(text.len()).unwrap_or(u64::MAX);
            left = left.checked_sub(length).ok_or(too_large(
                "characters",
                MAX_CHARACTERS.saturating_add(1),
                MAX_CHARACTERS,
            ))?;
            place(&mut grid, cell.get_position(), text)?;
        }
        book.sheets.push(grid);
    }
    Ok(book)
}

fn place(grid: &mut Grid, (row, column): (u32, u32), text: String) -> Result<(), PaperError> {
    if row >= MAX_ROWS {
        return Err(too_large("rows of a sheet", u64::from(row).saturating_add(1), MAX_ROWS.into()));
    }
    if column >= MAX_COLUMNS {
        return Err(too_large("columns of a sheet", u64::from(column).saturating_add(1), MAX_COLUMNS.into()));
    }
    let (row, column) =
        (usize::try_from(row).unwrap_or_default(), usize::try_from(column).unwrap_or_default());
    if grid.rows.len() <= row {
        grid.rows.resize(row.saturating_add(1), Vec::new());
    }
    let Some(cells) = grid.rows.get_mut(row) else { return Ok(()) };
    if cells.len() <= column {
        cells.resize(column.saturating_add(1), String::new());
    }
    if let Some(cell) = cells.get_mut(column) {
        *cell = text;
    }
    Ok(())
}

/// What a person sees in the cell, as near as the file tells.
fn words(value: &DataRef<'_>) -> String {
    match value {
        DataRef::Empty => String::new(),
        DataRef::Int(number) => number.to_string(),
        DataRef::Float(number) => number.to_string(),
        DataRef::String(text) | DataRef::DateTimeIso(text) | DataRef::DurationIso(text) => text.clone(),
        DataRef::SharedString(text) => (*text).to_owned(),
        DataRef::Bool(true) => "TRUE".to_owned(),
        DataRef::Bool(false) => "FALSE".to_owned(),
        DataRef::DateTime(moment) => {
            let (year, month, day, hour, minute, second, _) = moment.to_ymd_hms_milli();
            if (hour, minute, second) == (0, 0, 0) {
                format!("{year:04}-{month:02}-{day:02}")
            } else {
                format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}")
            }
        }
        DataRef::Error(error) => error.to_string(),
    }
}

fn not_a_book(error: &calamine::XlsxError) -> PaperError {
    PaperError::NotABook(error.to_string())
}

fn too_large(what: &'static str, found: u64, limit: u64) -> PaperError {
    PaperError::TooLarge { what, found, limit }
}
