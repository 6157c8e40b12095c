//! Lists: keyset paging that does not grow slower with the page, a filter, and the whole list as XLSX, CSV or PDF.
//!
//! CSV in CP932 cannot hold every character. What has a customary twin (〜 and ～) is replaced by it, the rest by 〓, and
//! every replacement is listed at the end of the file: nothing is lost in silence.

use super::block::{Block, Cell, Finder, Link, Table};
use super::visit::{Answer, Refusal, Visit};
use super::words::Lang;
use super::{era, paper, press};
use axum::body::Body;
use axum::http::{HeaderValue, header};
use axum::response::Response;
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Rows of a page.
pub const PAGE: usize = 100;
/// Rows of a download that programs read.
pub const WHOLE: usize = 100_000;
/// Rows of a download that people read on paper: some 80 pages.
pub const PAPER: usize = 3_000;

/// What a workbook is called on the wire.
pub const XLSX: &str = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";

/// How the list is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// On a page.
    Page,
    /// CSV, UTF-8 with byte order mark.
    Csv,
    /// CSV, CP932.
    Cp932,
    /// Excel.
    Xlsx,
    /// A4 pages.
    Pdf,
}

impl Format {
    /// The most rows.
    #[must_use]
    pub fn limit(self) -> usize {
        match self {
            Self::Page => PAGE,
            Self::Csv | Self::Cp932 | Self::Xlsx => WHOLE,
            Self::Pdf => PAPER,
        }
    }
}

/// What part of the list is wanted.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// Rows after this key; empty: from the beginning.
    pub after: String,
    /// Filter; empty: everything.
    pub find: String,
    /// At most so many rows.
    pub limit: usize,
    /// How.
    pub format: Format,
}

impl Wanted {
    /// Reads the wish from the query.
    #[must_use]
    pub fn of(visit: &Visit) -> Self {
        let format = match visit.asked("format") {
            "csv" => Format::Csv,
            "csv932" => Format::Cp932,
            "xlsx" if press::can_write() => Format::Xlsx,
            "pdf" if press::can_print() => Format::Pdf,
            _ => Format::Page,
        };
        Self {
            after: visit.asked("after").to_owned(),
            find: visit.asked("find").trim().chars().take(100).collect(),
            limit: format.limit(),
            format,
        }
    }

    /// Takes the wanted rows out of a list that is in memory: rows with their keys, in order.
    pub fn take<R>(
        &self,
        rows: impl Iterator<Item = R>,
        key: impl Fn(&R) -> String,
        cells: impl Fn(&R) -> Vec<Cell>,
    ) -> (Vec<Vec<Cell>>, Option<String>) {
        let needle = self.find.to_lowercase();
        let mut taken = Vec::new();
        let mut last = String::new();
        for row in rows {
            let at = key(&row);
            if !self.after.is_empty() && at <= self.after {
                continue;
            }
            let cells = cells(&row);
            if !needle.is_empty() && !cells.iter().any(|cell| cell.plain().to_lowercase().contains(&needle)) {
                continue;
            }
            if taken.len() == self.limit {
                return (taken, Some(last));
            }
            taken.push(cells);
            last = at;
        }
        (taken, None)
    }
}

/// A list that was fetched.
pub struct List {
    /// File name of downloads, without ending: a-z and '-'.
    pub name: &'static str,
    /// Its rows.
    pub table: Table,
    /// The key after which it goes on.
    pub next: Option<String>,
    /// Query fields that name the list (tabs), kept by filter and paging.
    pub keep: Vec<(String, String)>,
}

impl List {
    /// The blocks of a page: filter box, table, pager.
    #[must_use]
    pub fn blocks(self, visit: &Visit, wanted: &Wanted) -> Vec<Block> {
        let lang = visit.lang;
        let kept: String = self.keep.iter().fold(String::new(), |mut text, (name, value)| {
            let _infallible = write!(text, "&{name}={}", escape(value));
            text
        });
        let find =
            if wanted.find.is_empty() { String::new() } else { format!("&find={}", escape(&wanted.find)) };
        let download = |format: &str, words: &str| {
            Link::new(format!("{}?format={format}{find}{kept}", visit.uri_path), words)
        };
        let mut downloads = Vec::new();
        if press::can_write() {
            downloads.push(download("xlsx", "Excel"));
        }
        downloads.push(download("csv", "CSV"));
        downloads.push(download("csv932", lang.of("CSV（Shift_JIS）", "CSV (Shift_JIS)")));
        if press::can_print() {
            downloads.push(download("pdf", "PDF"));
        }
        let finder = Finder {
            action: visit.uri_path.clone(),
            name: "find",
            label: lang.of("しぼり込み", "Filter").to_owned(),
            hint: String::new(),
            find: wanted.find.clone(),
            hidden: self.keep.clone(),
            downloads,
            selects: Vec::new(),
        };
        let mut links = Vec::new();
        if !wanted.after.is_empty() {
            let first = lang.of("先頭へ", "To the beginning");
            links.push(Link::new(format!("{}?from=first{find}{kept}", visit.uri_path), first));
        }
        if let Some(next) = &self.next {
            let href = format!("{}?after={}{find}{kept}", visit.uri_path, escape(next));
            links.push(Link::new(href, lang.of("次の100件へ", "Next 100")));
        }
        let shown = format!("{} {}", self.table.rows.len(), lang.of("件を表示", "shown"));
        vec![Block::Finder(finder), Block::Table(self.table), Block::Pager(shown, links)]
    }

    /// The download, if one is wanted. A list that is longer than a file takes is refused: half a list is no list.
    ///
    /// # Errors
    /// When it is too long, or the file cannot be made.
    pub async fn download(&self, visit: &Visit, wanted: &Wanted) -> Option<Answer> {
        self.download_with(visit, wanted, Vec::new()).await
    }

    /// The same, with lines above the rows of a workbook or a sheet.
    ///
    /// # Errors
    /// When it is too long, or the file cannot be made.
    pub async fn download_with(&self, visit: &Visit, wanted: &Wanted, said: Vec<String>) -> Option<Answer> {
        if wanted.format == Format::Page {
            return None;
        }
        if self.next.is_some() {
            return Some(Err(Refusal::Wrong(too_long(visit.lang, wanted))));
        }
        Some(self.file(visit, wanted, said).await)
    }

    async fn file(&self, visit: &Visit, wanted: &Wanted, said: Vec<String>) -> Answer {
        let table = &self.table;
        let notes = [notes(visit, wanted, table), said].concat();
        let (bytes, kind, ending) = match wanted.format {
            Format::Page => return Err(Refusal::Absent),
            Format::Csv => (with_mark(&csv_text(table)), "text/csv; charset=utf-8", "csv"),
            Format::Cp932 => (cp932(&csv_text(table), visit.lang), "text/csv; charset=Shift_JIS", "csv"),
            Format::Xlsx => {
                let book = paper::book_of(visit, table, &notes);
                (press::write(book).await?, XLSX, "xlsx")
            }
            Format::Pdf => {
                let sheet = paper::of_list(visit, table, &notes);
                (press::print(sheet).await?, "application/pdf", "pdf")
            }
        };
        let name = format!("{}-{}-{}.{ending}", visit.office.id(), self.name, era::day(Lang::En, visit.now));
        attachment(bytes, kind, &name)
    }
}

/// What stands above the rows of a workbook or a sheet: which contract, which part of the list, as of when.
fn notes(visit: &Visit, wanted: &Wanted, table: &Table) -> Vec<String> {
    let rows = table.rows.len();
    let at = era::exact(visit.now);
    let terms = visit.office.title(visit.lang);
    let mut notes = vec![match visit.lang {
        Lang::Ja => format!("契約：{terms}　{at} 現在　{rows}件"),
        Lang::En => format!("Contract: {terms}, as of {at}, {rows} rows"),
    }];
    if !wanted.find.is_empty() {
        notes.push(match visit.lang {
            Lang::Ja => format!("しぼり込み：{}", wanted.find),
            Lang::En => format!("Filter: {}", wanted.find),
        });
    }
    notes
}

/// Why a list is not given as one file, and what to do.
fn too_long(lang: Lang, wanted: &Wanted) -> String {
    let most = wanted.limit;
    match (lang, wanted.format) {
        (Lang::Ja, Format::Pdf) => format!(
            "PDFにできるのは{most}件までです。しぼり込んでから保存するか、ExcelまたはCSVで保存してください。"
        ),
        (Lang::Ja, _) => {
            format!("1つのファイルにできるのは{most}件までです。しぼり込んでから保存してください。")
        }
        (Lang::En, Format::Pdf) => {
            format!("A PDF takes up to {most} rows. Filter the list first, or save it as Excel or CSV.")
        }
        (Lang::En, _) => format!("A file takes up to {most} rows. Filter the list first."),
    }
}

/// A file to be saved. The name is the server's own: nothing a visitor typed reaches a header.
///
/// # Errors
/// When the name is no header text.
pub fn attachment(content: impl Into<Body>, kind: &'static str, name: &str) -> Answer {
    let safe: String = name.chars().filter(|c| c.is_ascii_alphanumeric() || "-_.".contains(*c)).collect();
    let mut response = Response::new(content.into());
    let disposition = HeaderValue::from_str(&format!("attachment; filename=\"{safe}\""));
    let disposition = disposition.map_err(|error| Refusal::Failed(error.to_string()))?;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    response.headers_mut().insert(header::CONTENT_DISPOSITION, disposition);
    Ok(response)
}

/// Percent-encodes a value of a query.
#[must_use]
pub fn escape(value: &str) -> String {
    value.bytes().fold(String::new(), |mut text, byte| {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            text.push(char::from(byte));
        } else {
            let _infallible = write!(text, "%{byte:02X}");
        }
        text
    })
}

/// A cell that a spreadsheet would take for a formula is quoted.
fn harmless(text: &str) -> String {
    let risky = text.starts_with(['=', '+', '-', '@', '\t', '\r', '＝', '＋', '－', '＠'])
        && text.chars().count() > 1;
    if risky { format!("'{text}") } else { text.to_owned() }
}

/// A text as a cell of CSV.
#[must_use]
pub fn quoted(text: &str) -> String {
    format!("\"{}\"", harmless(text).replace('"', "\"\""))
}

/// A table as lines of CSV.
#[must_use]
pub fn csv_text(table: &Table) -> String {
    let mut lines = vec![table.heads.iter().map(|head| quoted(head)).collect::<Vec<_>>().join(",")];
    for row in &table.rows {
        lines.push(row.iter().map(|cell| quoted(&cell.plain())).collect::<Vec<_>>().join(","));
    }
    lines.push(String::new());
    lines.join("\r\n")
}

/// UTF-8 with its byte order mark: Excel takes it for something else without.
#[must_use]
pub fn with_mark(text: &str) -> Vec<u8> {
    format!("\u{feff}{text}").into_bytes()
}

/// Customary twins of characters that CP932 lacks.
const TWINS: [(char, &str); 10] = [
    ('〜', "～"),
    ('—', "―"),
    ('‖', "∥"),
    ('−', "－"),
    ('¥', "￥"),
    ('㋿', "令和"),
    ('剝', "剥"),
    ('塡', "填"),
    ('頰', "頬"),
    ('𠮟', "叱"),
];

/// Writes CP932 and appends what was replaced, how often.
#[must_use]
pub fn cp932(text: &str, lang: Lang) -> Vec<u8> {
    let mut losses: BTreeMap<(char, String), usize> = BTreeMap::new();
    let mut plain = String::with_capacity(text.len());
    for c in text.chars() {
        let substitute = if let Some((_, twin)) = TWINS.iter().find(|(from, _)| *from == c) {
            (*twin).to_owned()
        } else if encoding_rs::SHIFT_JIS.encode(c.encode_utf8(&mut [0; 4])).2 {
            "〓".to_owned()
        } else {
            plain.push(c);
            continue;
        };
        plain.push_str(&substitute);
        *losses.entry((c, substitute)).or_default() += 1;
    }
    if !losses.is_empty() {
        let head = lang.of("置き換えた文字", "replaced characters");
        let _infallible = write!(plain, "\r\n\"{head}\"\r\n");
        for ((c, substitute), times) in &losses {
            let _infallible = write!(plain, "\"U+{:04X}\",\"{substitute}\",\"{times}\"\r\n", u32::from(*c));
        }
    }
    encoding_rs::SHIFT_JIS.encode(&plain).0.into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(text: &str) -> Table {
        Table { heads: vec!["名前".into()], rows: vec![vec![Cell::text(text)]], ..Table::default() }
    }

    #[test]
    fn a_formula_does_not_run_in_a_spreadsheet() {
        for text in ["=1+1", "+cmd", "-2+3", "@SUM(A1)", "\t=1", "＝1"] {
            let csv = csv_text(&table(text));
            assert!(csv.contains(&format!("\"'{text}\"")), "{csv}");
        }
        assert!(csv_text(&table("－")).contains("\"－\""), "the sign of 未確認 is no formula");
    }

    #[test]
    fn csv_begins_with_a_byte_order_mark_and_quotes_quotes() {
        let csv = with_mark(&csv_text(&table("a\"b")));
        assert!(csv.starts_with(&[0xEF, 0xBB, 0xBF]));
        assert!(String::from_utf8(csv).unwrap().ends_with("\"a\"\"b\"\r\n"));
    }

    #[test]
    fn cp932_loses_nothing_in_silence() {
        let bytes = cp932("髙橋〜𠮷", Lang::Ja);
        let (text, _, bad) = encoding_rs::SHIFT_JIS.decode(&bytes);
        assert!(!bad && !text.contains("&#"), "{text}");
        assert!(text.starts_with("髙橋～〓"), "{text}");
        assert!(text.contains("U+20BB7") && text.contains("U+301C"), "{text}");
        assert!(!String::from_utf8_lossy(&cp932("abc", Lang::Ja)).contains("U+"));
    }

    #[test]
    fn paging_by_key_shows_every_row_once() {
        let keys: Vec<String> = (0..250).map(|number| format!("{number:04}")).collect();
        let mut wanted =
            Wanted { after: String::new(), find: String::new(), limit: PAGE, format: Format::Page };
        let mut seen = Vec::new();
        loop {
            let (rows, next) =
                wanted.take(keys.iter(), |key| (*key).clone(), |key| vec![Cell::text(key.as_str())]);
            seen.extend(rows.iter().map(|row| row[0].plain()));
            match next {
                Some(next) => wanted.after = next,
                None => break,
            }
        }
        assert_eq!(seen, keys);
    }
}
