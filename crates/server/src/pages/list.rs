//! Lists: keyset paging that does not grow slower with the page, a filter, and the whole list as CSV or XLSX.
//!
//! CSV in CP932 cannot hold every character. What has a customary twin (〜 and ～) is replaced by it, the rest by 〓, and
//! every replacement is listed at the end of the file: nothing is lost in silence.

use super::block::{Block, Cell, Finder, Link, Table};
use super::visit::{Answer, Refusal, Visit};
use super::words::Lang;
use axum::body::Body;
use axum::http::{HeaderValue, header};
use axum::response::Response;
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Rows of a page.
pub const PAGE: usize = 100;
/// Rows of a download.
pub const WHOLE: usize = 100_000;

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
            "xlsx" => Format::Xlsx,
            _ => Format::Page,
        };
        Self {
            after: visit.asked("after").to_owned(),
            find: visit.asked("find").trim().chars().take(100).collect(),
            limit: if format == Format::Page { PAGE } else { WHOLE },
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
        let finder = Finder {
            action: visit.uri_path.clone(),
            name: "find",
            label: lang.of("しぼり込み", "Filter").to_owned(),
            hint: String::new(),
            find: wanted.find.clone(),
            hidden: self.keep.clone(),
            downloads: vec![
                download("xlsx", "Excel"),
                download("csv", "CSV"),
                download("csv932", lang.of("CSV（Shift_JIS）", "CSV (Shift_JIS)")),
            ],
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

    /// The download, if one is wanted.
    ///
    /// # Errors
    /// When the file cannot be made.
    pub fn download(&self, wanted: &Wanted, lang: Lang) -> Option<Answer> {
        let (bytes, kind, ending) = match wanted.format {
            Format::Page => return None,
            Format::Csv => (utf8(&self.table), "text/csv; charset=utf-8", "csv"),
            Format::Cp932 => (cp932(&csv_text(&self.table), lang), "text/csv; charset=Shift_JIS", "csv"),
            Format::Xlsx => match xlsx(&self.table) {
                Ok(bytes) => {
                    (bytes, "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "xlsx")
                }
                Err(error) => return Some(Err(Refusal::Failed(error.to_string()))),
            },
        };
        Some(attachment(bytes, kind, &format!("{}.{ending}", self.name)))
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

fn csv_text(table: &Table) -> String {
    let quoted = |text: &str| format!("\"{}\"", harmless(text).replace('"', "\"\""));
    let mut lines = vec![table.heads.iter().map(|head| quoted(head)).collect::<Vec<_>>().join(",")];
    for row in &table.rows {
        lines.push(row.iter().map(|cell| quoted(&cell.plain())).collect::<Vec<_>>().join(","));
    }
    lines.push(String::new());
    lines.join("\r\n")
}

fn utf8(table: &Table) -> Vec<u8> {
    format!("\u{feff}{}", csv_text(table)).into_bytes()
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

fn xlsx(table: &Table) -> Result<Vec<u8>, rust_xlsxwriter::XlsxError> {
    use rust_xlsxwriter::{Format as CellFormat, Workbook};
    let mut book = Workbook::new();
    let sheet = book.add_worksheet();
    let bold = CellFormat::new().set_bold();
    for (column, head) in (0_u16..).zip(&table.heads) {
        sheet.write_string_with_format(0, column, head, &bold)?;
    }
    for (row, cells) in (1_u32..).zip(&table.rows) {
        for (column, cell) in (0_u16..).zip(cells) {
            let text: String = cell.plain().chars().take(32_000).collect();
            sheet.write_string(row, column, text)?;
        }
    }
    sheet.set_freeze_panes(1, 0)?;
    book.save_to_buffer()
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
        assert!(xlsx(&table("=1+1")).is_ok());
    }

    #[test]
    fn csv_begins_with_a_byte_order_mark_and_quotes_quotes() {
        let csv = utf8(&table("a\"b"));
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
