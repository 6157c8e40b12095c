//! 手引き: what is observed, what is agreed, what decides, for each clause: the pages of `docs/guides`, as they are.

use super::block::{Block, Cell, Link, Table};
use super::frame::{self, Page, Speaks};
use super::visit::{Answer, Refusal, Visit};
use super::words;
use pulldown_cmark::{Event, HeadingLevel, Options, Parser, Tag, TagEnd};
use yakujo_contract::duty::Clause;

fn text(clause: Clause) -> &'static str {
    match clause {
        Clause::C01Procedures => include_str!("../../../../docs/guides/c01_procedures.md"),
        Clause::C02Malware => include_str!("../../../../docs/guides/c02_malware.md"),
        Clause::C03Vulnerabilities => include_str!("../../../../docs/guides/c03_vulnerabilities.md"),
        Clause::C04Network => include_str!("../../../../docs/guides/c04_network.md"),
        Clause::C05Logs => include_str!("../../../../docs/guides/c05_logs.md"),
        Clause::C06Clocks => include_str!("../../../../docs/guides/c06_clocks.md"),
        Clause::C07Stops => include_str!("../../../../docs/guides/c07_stops.md"),
        Clause::C08Changes => include_str!("../../../../docs/guides/c08_changes.md"),
        Clause::C09Capacity => include_str!("../../../../docs/guides/c09_capacity.md"),
        Clause::C10Backups => include_str!("../../../../docs/guides/c10_backups.md"),
        Clause::C11Access => include_str!("../../../../docs/guides/c11_access.md"),
        Clause::C12Environments => include_str!("../../../../docs/guides/c12_environments.md"),
        Clause::C13Entry => include_str!("../../../../docs/guides/c13_entry.md"),
        Clause::C14Surveillance => include_str!("../../../../docs/guides/c14_surveillance.md"),
    }
}

/// The page.
///
/// # Errors
/// Absent, where the contract has no such clause.
pub async fn show(visit: Visit) -> Answer {
    let clause = Clause::from_key(visit.part("clause")?).ok_or(Refusal::Absent)?;
    let name = format!("{}. {}", words::clause_number(clause), words::clause(visit.lang, clause));
    let mut page = Page::new("board", format!("{name}{}", visit.of("の手引き", ": guide")), "");
    page.trail = vec![
        Link::new(format!("{}/board", visit.base()), visit.of("契約の判定表", "Board")),
        Link::new(format!("{}/clause/{}", visit.base(), clause.key()), name),
    ];
    if visit.lang == words::Lang::En {
        page.lead = "The guides are written in Japanese.".to_owned();
    }
    page.speaks = Speaks::Japanese;
    page.blocks.extend(blocks(text(clause)));
    frame::show(&visit, &page)
}

#[derive(Default)]
struct Reading {
    blocks: Vec<Block>,
    text: String,
    table: Table,
    row: Vec<Cell>,
    quoted: bool,
    listed: bool,
}

/// Markdown as pieces of a page: headings, paragraphs, lists, quotations, tables. Links lose their target, which is a
/// file of the repository.
fn blocks(markdown: &str) -> Vec<Block> {
    let mut reading = Reading::default();
    for event in Parser::new_ext(markdown, Options::ENABLE_TABLES) {
        match event {
            Event::Text(words) | Event::Code(words) => reading.text.push_str(&words),
            Event::SoftBreak if reading.text.is_ascii() => reading.text.push(' '),
            Event::Start(tag) => reading.begin(&tag),
            Event::End(tag) => reading.end(tag),
            _ => {}
        }
    }
    reading.blocks
}

impl Reading {
    fn begin(&mut self, tag: &Tag<'_>) {
        match tag {
            Tag::BlockQuote(_) => self.quoted = true,
            Tag::Item => self.listed = true,
            Tag::Table(_) => self.table = Table::default(),
            _ => {}
        }
    }

    fn end(&mut self, tag: TagEnd) {
        match tag {
            // The page has a title already.
            TagEnd::Heading(HeadingLevel::H1) => self.text.clear(),
            TagEnd::Heading(_) => {
                let text = self.take();
                self.blocks.push(Block::Heading(text));
            }
            TagEnd::Paragraph => self.paragraph(),
            TagEnd::BlockQuote(_) => self.quoted = false,
            TagEnd::Item => {
                self.paragraph();
                self.listed = false;
            }
            TagEnd::TableCell => {
                let text = self.take();
                self.row.push(Cell::text(text));
            }
            TagEnd::TableHead => {
                self.table.heads = std::mem::take(&mut self.row).iter().map(Cell::plain).collect();
            }
            TagEnd::TableRow => {
                let row = std::mem::take(&mut self.row);
                self.table.rows.push(row);
            }
            TagEnd::Table => {
                let mut table = std::mem::take(&mut self.table);
                table.caption = table.heads.join("・");
                self.blocks.push(Block::Table(table));
            }
            _ => {}
        }
    }

    fn paragraph(&mut self) {
        let text = self.take();
        if text.is_empty() {
            return;
        }
        self.blocks.push(match (self.quoted, self.listed) {
            (true, _) => Block::Quote(text, String::new()),
            (false, true) => Block::Text(format!("・{text}")),
            (false, false) => Block::Text(text),
        });
    }

    fn take(&mut self) -> String {
        std::mem::take(&mut self.text).trim().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_clause_has_a_guide_with_more_than_a_title() {
        for clause in Clause::ALL {
            assert!(blocks(text(clause)).len() > 1, "{clause:?}");
        }
    }

    #[test]
    fn tables_lists_and_quotations_become_pieces_of_a_page() {
        let made = blocks("# t\n\n> 引用\n\n- 一\n- 二\n\n| a | b |\n|---|---|\n| 1 | 2 |\n");
        let [Block::Quote(quote, _), Block::Text(one), Block::Text(_), Block::Table(table)] = made.as_slice()
        else {
            panic!("{made:?}")
        };
        assert_eq!((quote.as_str(), one.as_str()), ("引用", "・一"));
        assert_eq!((table.heads.len(), table.rows.len()), (2, 1));
    }
}
