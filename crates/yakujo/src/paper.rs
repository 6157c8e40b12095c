//! Gives the server its press: the server knows what is on a sheet and in a workbook, the crate `yakujo-paper` how it is
//! made. The tests of the server include this file.

use yakujo_paper::{Answer, Book, Fonts, PaperError, Sheet, fill_book, print, read_book, write_book};
use yakujo_server::pages::press::{Leaf, Press, Put, Unfit, install as hand_in};

/// Hands the press in. Where this machine has no Japanese font it prints nothing: the portal offers no PDF, and the log
/// says why.
pub fn install() {
    let print = match Fonts::of_this_machine() {
        Ok(_) => Some(sheet as fn(serde_json::Value) -> Result<Vec<u8>, String>),
        Err(error) => {
            tracing::warn!("no PDF will be made: {error}");
            None
        }
    };
    hand_in(Press { print, write, read, fill });
}

/// Prints a sheet.
pub fn sheet(sheet: serde_json::Value) -> Result<Vec<u8>, String> {
    let sheet: Sheet = serde_json::from_value(sheet).map_err(|error| error.to_string())?;
    let fonts = Fonts::of_this_machine().map_err(|error| error.to_string())?;
    let printed = print(&sheet, fonts).map_err(|error| error.to_string())?;
    if !printed.missing.is_empty() {
        tracing::warn!("{} characters of a PDF are in no font of this machine", printed.missing.len());
    }
    Ok(printed.bytes)
}

/// Writes a workbook.
pub fn write(book: serde_json::Value) -> Result<Vec<u8>, String> {
    let book: Book = serde_json::from_value(book).map_err(|error| error.to_string())?;
    write_book(&book).map_err(|error| error.to_string())
}

/// Reads a workbook that somebody brought.
fn read(bytes: &[u8]) -> Result<Vec<Leaf>, Unfit> {
    let book = read_book(bytes).map_err(unfit)?;
    Ok(book.sheets.into_iter().map(|grid| Leaf { name: grid.name, rows: grid.rows }).collect())
}

/// Writes texts into cells of a workbook that somebody brought.
fn fill(bytes: &[u8], sheet: &str, puts: &[Put]) -> Result<Vec<u8>, Unfit> {
    let answer = |put: &Put| Answer { row: put.row, column: put.column, text: put.text.clone() };
    let answers: Vec<Answer> = puts.iter().map(answer).collect();
    fill_book(bytes, sheet, &answers).map_err(unfit)
}

fn unfit(error: PaperError) -> Unfit {
    match error {
        PaperError::TooLarge { what, found, limit } => Unfit::TooLarge(format!("{what}: {found} > {limit}")),
        PaperError::Absent(what) => Unfit::NoRoom(what),
        other => Unfit::NoBook(other.to_string()),
    }
}
