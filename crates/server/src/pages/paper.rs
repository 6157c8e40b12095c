//! Pages and lists as paper: what stands on a sheet, as plain values for the press.

use super::block::{Block, Cell, Table, Tone};
use super::frame::Page;
use super::visit::{Answer, Visit};
use super::words::Lang;
use super::{list, press};
use jiff::Timestamp;
use serde_json::{Value, json};

/// The PDF as a download.
///
/// # Errors
/// Absent, where there is no printer; what the printer says is wrong.
pub async fn answer(sheet: Value, name: &str) -> Answer {
    let bytes = press::print(sheet).await?;
    list::attachment(bytes, "application/pdf", &format!("{name}.pdf"))
}

/// A whole list as a sheet.
#[must_use]
pub fn of_list(visit: &Visit, table: &Table, notes: &[String]) -> Value {
    let untitled = Table { caption: String::new(), ..table.clone() };
    let mut blocks: Vec<Value> = notes.iter().map(|note| json!({ "kind": "text", "text": note })).collect();
    blocks.push(of_table(&untitled));
    json!({
        "language": visit.lang.code(),
        "title": table.caption,
        "author": visit.office.title(visit.lang),
        "blocks": blocks,
        "footer": footer(visit),
        "made": whole_second(visit.now),
    })
}

/// A whole list as a workbook: its notes above the headings, numbers as numbers, everything else as text.
#[must_use]
pub fn book_of(visit: &Visit, table: &Table, notes: &[String]) -> Value {
    json!({
        "title": table.caption,
        "author": visit.office.title(visit.lang),
        "made": whole_second(visit.now),
        "sheets": [leaf(&table.caption, notes, table)],
    })
}

/// A table as a leaf of a workbook, with lines above its headings.
#[must_use]
pub fn leaf(name: &str, notes: &[impl serde::Serialize], table: &Table) -> Value {
    let cell = |cell: &Cell| match cell {
        Cell::Number(text) => match text.parse::<i64>() {
            Ok(number) => json!({ "number": number }),
            Err(_) => json!({ "text": text }),
        },
        // In a workbook moments are sorted and filtered: one line.
        Cell::Time { shown, .. } => json!({ "text": shown }),
        other => json!({ "text": lines(other) }),
    };
    let rows: Vec<Vec<Value>> = table.rows.iter().map(|row| row.iter().map(cell).collect()).collect();
    json!({ "name": name, "notes": notes, "heads": table.heads, "rows": rows })
}

/// A page as a sheet: what can be read stays, what can be pressed goes.
#[must_use]
pub fn of_page(visit: &Visit, page: &Page, number: &str) -> Value {
    let seals: Vec<Value> = page
        .blocks
        .iter()
        .filter_map(|block| match block {
            Block::Seals(seals) => Some(seals),
            _ => None,
        })
        .flatten()
        .map(|title| json!({ "title": title }))
        .collect();
    let mut blocks: Vec<Value> = Vec::new();
    if !page.lead.is_empty() {
        blocks.push(json!({ "kind": "text", "text": page.lead }));
    }
    blocks.extend(page.blocks.iter().filter_map(of_block));
    json!({
        "language": visit.lang.code(),
        "title": page.title,
        "number": number,
        "author": visit.office.title(visit.lang),
        "seals": seals,
        "blocks": blocks,
        "footer": footer(visit),
        "made": whole_second(visit.now),
    })
}

/// A sheet with a 決裁欄 of its own.
#[must_use]
pub fn sealed(mut sheet: Value, seals: Value) -> Value {
    if let Some(parts) = sheet.as_object_mut() {
        parts.insert("seals".to_owned(), seals);
    }
    sheet
}

/// When and by whom it was printed, and the head of the ledger it can be compared with.
fn footer(visit: &Visit) -> Vec<String> {
    let head = visit.office.seen_head();
    let by = visit.session.as_ref().map_or("", |session| session.person.login.as_str());
    let at = super::era::exact(visit.now);
    let root: String = head.root.chars().take(16).collect();
    match visit.lang {
        Lang::Ja => vec![
            format!("印刷日時 {at}　印刷者 {by}"),
            format!("台帳の照合値 {}件 {root}　原本は約定の台帳にあります。", head.size),
        ],
        Lang::En => vec![
            format!("Printed {at} by {by}"),
            format!("Head of the ledger: {} entries, {root}. The original is in the ledger.", head.size),
        ],
    }
}

/// The instant written into a file: without fractions, as PDF knows none.
#[must_use]
pub fn whole_second(at: Timestamp) -> String {
    Timestamp::from_second(at.as_second()).unwrap_or(at).to_string()
}

/// A piece of a page on paper; none for what only makes sense on a screen.
#[must_use]
pub fn of_block(block: &Block) -> Option<Value> {
    Some(match block {
        Block::Heading(text) => json!({ "kind": "heading", "text": text }),
        Block::Sub(text) => json!({ "kind": "sub", "text": text }),
        Block::Text(text) | Block::Pre(text) => json!({ "kind": "text", "text": text }),
        Block::Note(tone, head, text) => {
            let tone = match tone {
                Tone::Plain | Tone::Good => "plain",
                Tone::Warn | Tone::Bad => "warn",
            };
            json!({ "kind": "notice", "tone": tone, "head": head, "text": text })
        }
        Block::Quote(text, source) => json!({ "kind": "quote", "text": text, "source": source }),
        Block::Fields(rows) => {
            let pairs: Vec<Value> =
                rows.iter().map(|(name, cell)| json!({ "name": name, "value": lines(cell) })).collect();
            json!({ "kind": "fields", "pairs": pairs })
        }
        Block::Figures(figures) => {
            let pairs: Vec<Value> =
                figures.iter().map(|it| json!({ "name": it.of, "value": it.number })).collect();
            json!({ "kind": "fields", "pairs": pairs })
        }
        Block::Table(table) if !table.heads.is_empty() => of_table(table),
        Block::Codes(items) => json!({ "kind": "list", "items": items }),
        Block::Table(_)
        | Block::Finder(_)
        | Block::Pager(..)
        | Block::Fold(..)
        | Block::Form(_)
        | Block::Opens(..)
        | Block::Buttons(_)
        | Block::Acts(_)
        | Block::Tabs(_)
        | Block::Duty(_)
        | Block::Comments(..)
        | Block::Trend(..)
        | Block::Steps(..)
        | Block::Qr(..)
        | Block::Seals(_) => return None,
    })
}

/// A table on paper.
#[must_use]
pub fn of_table(table: &Table) -> Value {
    let rows: Vec<Vec<Value>> = table
        .rows
        .iter()
        .map(|row| {
            let cells = row.iter().map(of_cell).chain(std::iter::repeat_with(|| json!({ "text": "" })));
            cells.take(table.heads.len()).collect()
        })
        .collect();
    let widths = widths(table);
    json!({
        "kind": "table",
        "caption": table.caption,
        "heads": table.heads,
        "widths": widths,
        "rows": rows,
        "empty": table.empty,
    })
}

/// Short columns take what they need, long ones a larger share of what is left.
fn widths(table: &Table) -> Vec<&'static str> {
    let measure = |text: &str| -> usize {
        let one = |line: &str| line.chars().map(|c| if c.is_ascii() { 1_usize } else { 2 }).sum::<usize>();
        text.lines().map(one).max().unwrap_or_default()
    };
    let longest = |column: usize| {
        let cells = table.rows.iter().filter_map(|row| row.get(column)).map(|cell| measure(&lines(cell)));
        cells.max().unwrap_or_default()
    };
    let of_moments = |column: usize| {
        let mut cells = table.rows.iter().filter_map(|row| row.get(column)).peekable();
        cells.peek().is_some() && cells.all(is_moment)
    };
    let width = |(column, head): (usize, &String)| match longest(column) {
        _ if of_moments(column) => "content",
        0..=12 if measure(head) <= 12 => "content",
        0..=48 => "share",
        _ => "wide",
    };
    let mut widths: Vec<&str> = table.heads.iter().enumerate().map(width).collect();
    // A table is as wide as the page.
    if widths.iter().all(|width| *width == "content") {
        widths.fill("share");
    }
    widths
}

/// A moment, with or without words on it.
fn is_moment(cell: &Cell) -> bool {
    match cell {
        Cell::Time { .. } => true,
        Cell::Many(cells) => cells.first().is_some_and(is_moment),
        _ => false,
    }
}

fn of_cell(cell: &Cell) -> Value {
    match cell {
        // `令和8年11月22日（日）` over `14時05分`: a day is not parted.
        _ if is_moment(cell) => {
            json!({ "text": lines(cell).replace('）', "）\n").replace("\n\n", "\n").trim_end() })
        }
        Cell::Number(number) => json!({ "number": number }),
        Cell::Code(text) => json!({ "code": text }),
        Cell::Chip(_) => json!({ "strong": lines(cell) }),
        Cell::Text(_)
        | Cell::Small(_)
        | Cell::Tag(_)
        | Cell::Link { .. }
        | Cell::Time { .. }
        | Cell::Act(_)
        | Cell::Many(_) => json!({ "text": lines(cell) }),
    }
}

/// The text of a cell, one line for each of its parts; moments as a person of the city reads them.
fn lines(cell: &Cell) -> String {
    match cell {
        // `2026-11-22` over `14:05:03 JST`: a column need not be wider than that.
        Cell::Time { shown, .. } if shown.is_ascii() => shown.replacen(' ', "\n", 1),
        // Short names stand beside each other: duties, forms.
        Cell::Many(cells)
            if cells.iter().all(|cell| matches!(cell, Cell::Link { text, .. } if text.len() <= 6)) =>
        {
            let names: Vec<String> = cells.iter().map(Cell::plain).collect();
            names.join("、")
        }
        Cell::Many(cells) => {
            let texts: Vec<String> = cells.iter().map(lines).filter(|text| !text.is_empty()).collect();
            texts.join("\n")
        }
        other => other.plain(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_be_pressed_is_not_printed() {
        assert!(of_block(&Block::Buttons(vec![(String::new(), "押す".to_owned(), "")])).is_none());
        assert!(of_block(&Block::Comments("内部".to_owned(), Vec::new())).is_none(), "comments stay inside");
    }

    #[test]
    fn a_column_of_moments_is_as_wide_as_they_are_and_never_less() {
        let moment = Cell::time(Lang::Ja, Timestamp::UNIX_EPOCH);
        let long = Cell::text("理由".repeat(40));
        let table = Table {
            heads: vec!["いつから".to_owned(), "理由".to_owned()],
            rows: vec![vec![moment.clone(), long]],
            ..Table::default()
        };
        let of = of_table(&table);
        assert_eq!(of["widths"], json!(["content", "wide"]));
        assert_eq!(of["rows"][0][0]["text"], "1970-01-01\n09:00:00 JST");
    }

    #[test]
    fn a_row_that_is_too_short_is_filled_up() {
        let table = Table {
            heads: vec!["a".to_owned(), "b".to_owned()],
            rows: vec![vec![Cell::text("1")]],
            ..Table::default()
        };
        assert_eq!(of_table(&table)["rows"][0].as_array().map(Vec::len), Some(2));
    }
}
