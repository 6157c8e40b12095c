//! The press: makes the bytes of a PDF and of a workbook, and opens the workbooks that come in. Whoever starts the
//! program hands it in; the server only describes what is to be made.

use super::visit::{Refusal, Visit};
use serde_json::Value;
use std::sync::OnceLock;

/// Makes bytes of what is described in JSON.
pub type Make = fn(Value) -> Result<Vec<u8>, String>;
/// Puts texts into one sheet of a workbook.
pub type Fill = fn(&[u8], &str, &[Put]) -> Result<Vec<u8>, Unfit>;

/// What the server lets others make.
#[derive(Debug, Clone, Copy)]
pub struct Press {
    /// Prints a sheet, described as `yakujo_paper::Sheet` in JSON, as a PDF; none: this machine has no Japanese font.
    pub print: Option<Make>,
    /// Writes a workbook, described as `yakujo_paper::Book` in JSON, as XLSX.
    pub write: Make,
    /// Reads a workbook that somebody brought.
    pub read: fn(&[u8]) -> Result<Vec<Leaf>, Unfit>,
    /// Puts texts into cells of one sheet of such a workbook, and leaves everything else of it as it is.
    pub fill: Fill,
}

/// One sheet of a workbook that somebody brought: rows of cells from A1, as text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Leaf {
    /// The name on the tab.
    pub name: String,
    /// Its rows; what is empty at the end may be missing.
    pub rows: Vec<Vec<String>>,
}

/// A text for a cell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Put {
    /// Row, from 0.
    pub row: u32,
    /// Column, from 0.
    pub column: u32,
    /// Text.
    pub text: String,
}

/// Why a workbook that somebody brought cannot be used; the words are for a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unfit {
    /// It is no workbook.
    NoBook(String),
    /// It is larger than what is read.
    TooLarge(String),
    /// There is no place for a text where one should stand.
    NoRoom(String),
}

static PRESS: OnceLock<Press> = OnceLock::new();

/// Hands in the press. The first one stays.
pub fn install(press: Press) {
    if PRESS.set(press).is_err() {
        tracing::debug!("a press was handed in already");
    }
}

/// Whether PDFs can be made: pages offer no download that nobody makes.
#[must_use]
pub fn can_print() -> bool {
    PRESS.get().is_some_and(|press| press.print.is_some())
}

/// Whether workbooks can be made.
#[must_use]
pub fn can_write() -> bool {
    PRESS.get().is_some()
}

fn press() -> Result<Press, Refusal> {
    PRESS.get().copied().ok_or(Refusal::Absent)
}

/// Prints a sheet without holding up those who read pages.
///
/// # Errors
/// Absent, where there is no printer; what the printer says is wrong.
pub async fn print(sheet: Value) -> Result<Vec<u8>, Refusal> {
    let print = press()?.print.ok_or(Refusal::Absent)?;
    tokio::task::spawn_blocking(move || print(sheet)).await?.map_err(Refusal::Failed)
}

/// Writes a workbook.
///
/// # Errors
/// Absent, where there is no press; what it says is wrong.
pub async fn write(book: Value) -> Result<Vec<u8>, Refusal> {
    let write = press()?.write;
    tokio::task::spawn_blocking(move || write(book)).await?.map_err(Refusal::Failed)
}

/// Reads a workbook that somebody brought.
///
/// # Errors
/// What the person can do about it.
pub async fn read(visit: &Visit, bytes: Vec<u8>) -> Result<Vec<Leaf>, Refusal> {
    let read = press()?.read;
    tokio::task::spawn_blocking(move || read(&bytes)).await?.map_err(|unfit| wrong(visit, &unfit))
}

/// Puts texts into cells of a workbook that somebody brought.
///
/// # Errors
/// What the person can do about it.
pub async fn fill(visit: &Visit, bytes: Vec<u8>, sheet: String, puts: Vec<Put>) -> Result<Vec<u8>, Refusal> {
    let fill = press()?.fill;
    let filled = tokio::task::spawn_blocking(move || fill(&bytes, &sheet, &puts)).await?;
    filled.map_err(|unfit| wrong(visit, &unfit))
}

fn wrong(visit: &Visit, unfit: &Unfit) -> Refusal {
    tracing::info!("a workbook cannot be used: {unfit:?}");
    let text = match unfit {
        Unfit::NoBook(_) => visit.of(
            "Excelのブック（.xlsx）として読めません。パスワードを外し、Excelで「Excelブック（.xlsx）」として保存し直してください。",
            "This is no Excel workbook (.xlsx) that can be read. Take its password off and save it again as .xlsx.",
        ),
        Unfit::TooLarge(_) => visit.of(
            "ファイルが大きすぎます。シート50枚、1シート5,000行、100列までのブックにしてください。",
            "The workbook is too large: up to 50 sheets, 5,000 rows and 100 columns each.",
        ),
        Unfit::NoRoom(_) => visit.of(
            "回答欄に計算式があるか、回答する行がありません。回答を書く列を選び直してください。",
            "A formula stands where an answer should, or the row is missing. Choose another column for the answers.",
        ),
    };
    Refusal::Wrong(text.to_owned())
}
