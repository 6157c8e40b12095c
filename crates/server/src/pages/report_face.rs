//! The face of a monthly report: the same tables on the page, as PDF, as workbook, as CSV. Whoever makes a report from the
//! city's own bundle gets the same bytes, so nothing here asks who looks, when, or where.

use super::block::{Cell, Table};
use super::list;
use super::words::Lang;
use super::{era, paper};
use serde_json::{Value, json};
use std::fmt::Write as _;
use yakujo_contract::report::{self, DutyLine, Observed, Report, Section, Spent};

/// Rows of one table on paper: a sheet takes 10,000 of all its tables, and there are 16 of these.
const ON_PAPER: usize = 400;

/// Which of the two papers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    /// 月次適合報告: how every duty stood.
    F24,
    /// 月報: what happened.
    F23,
}

impl Which {
    /// Both, the one for those who decide first.
    pub const ALL: [Self; 2] = [Self::F24, Self::F23];

    /// In addresses and on the command line.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::F24 => "f24",
            Self::F23 => "f23",
        }
    }

    /// Reads the word.
    #[must_use]
    pub fn of(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|which| which.word() == word)
    }

    /// Its title.
    #[must_use]
    pub fn title(self, lang: Lang) -> &'static str {
        match self {
            Self::F24 => lang.of("月次適合報告（F-24）", "Monthly report on duties (F-24)"),
            Self::F23 => lang.of("月報（F-23）", "Monthly report of work (F-23)"),
        }
    }
}

/// One table of a report, with what has to be known to read it.
pub struct Part {
    /// Its heading; short enough for the tab of a workbook.
    pub heading: String,
    /// Sentences above the table.
    pub notes: Vec<String>,
    /// Whether anybody watched.
    pub observed: Observed,
    /// The table.
    pub table: Table,
}

/// `令和8年10月`, or `2026-10`.
#[must_use]
pub fn month(lang: Lang, month: report::Month) -> String {
    match lang {
        Lang::En => month.to_string(),
        Lang::Ja => {
            let day = era::day(lang, month.begin());
            let end = day.find('月').map_or(day.len(), |at| at.saturating_add('月'.len_utf8()));
            day.get(..end).unwrap_or(&day).to_owned()
        }
    }
}

/// The lines that say what the report is about and what it was made of.
#[must_use]
pub fn about(report: &Report, lang: Lang) -> Vec<(String, String)> {
    let pair = |ja: &str, en: &str, value: String| (lang.of(ja, en).to_owned(), value);
    let stage = if report.is_whole() {
        lang.of("確定", "the month is over").to_owned()
    } else {
        match lang {
            Lang::Ja => format!("途中（{} まで）", era::exact(report.until)),
            Lang::En => format!("still running (until {})", era::exact(report.until)),
        }
    };
    let entries = match lang {
        Lang::Ja => format!("台帳の最初の {} 件（照合値 {}）", report.entries, report.root),
        Lang::En => format!("the first {} entries of the ledger, root {}", report.entries, report.root),
    };
    let terms: String = report.terms.chars().take(16).collect();
    let terms = match lang {
        Lang::Ja => format!("契約ファイル（SHA-256 の先頭 {terms}）"),
        Lang::En => format!("the contract file (SHA-256 begins with {terms})"),
    };
    vec![
        pair("契約件名", "Contract", lang.say(&report.contract)),
        pair("対象期間", "Month", month(lang, report.month)),
        pair("状態", "State", stage),
        pair("作成の元", "Made of", entries),
        pair("判定の基準", "Judged by", terms),
    ]
}

/// The tables of one of the papers.
#[must_use]
pub fn parts(report: &Report, which: Which, lang: Lang) -> Vec<Part> {
    match which {
        Which::F24 => vec![standings(report, lang)],
        Which::F23 => report.sections.iter().map(|section| of_section(section, lang)).collect(),
    }
}

fn standings(report: &Report, lang: Lang) -> Part {
    let heads = [
        lang.of("義務", "Duty"),
        lang.of("システム", "System"),
        lang.of("判定", "Standing"),
        lang.of("いつから", "Since"),
        lang.of("根拠", "Class"),
        lang.of("根拠件数", "Entries"),
        lang.of("不適合になった回数", "Times broken"),
        lang.of("適合の時間", "Kept"),
        lang.of("不適合の時間", "Broken"),
        lang.of("未確認の時間", "Unknown"),
        lang.of("例外の時間", "Exempt"),
        lang.of("期限超過", "Overdue"),
        lang.of("理由", "Why"),
        lang.of("次に行うこと", "What next"),
        lang.of("市の所見", "Remarks of the city"),
    ];
    let row = |line: &DutyLine| {
        let class = class(line);
        vec![
            Cell::text(line.label.as_str()),
            Cell::text(line.system.to_string()),
            Cell::standing(lang, &line.standing),
            Cell::text(era::exact(line.since)),
            Cell::text(class),
            Cell::number(line.evidence),
            Cell::number(line.broken),
            Cell::text(hours(lang, line.spent.kept)),
            Cell::text(hours(lang, line.spent.broken)),
            Cell::text(hours(lang, line.spent.unknown)),
            Cell::text(hours(lang, line.spent.exempt)),
            Cell::number(line.late),
            Cell::text(lang.say(&line.cause)),
            Cell::text(lang.say(&line.next)),
            Cell::text(""),
        ]
    };
    Part {
        heading: lang.of("義務ごとの判定", "Duties").to_owned(),
        notes: vec![counted(report, lang)],
        observed: Observed::Whole,
        table: Table {
            caption: String::new(),
            heads: heads.map(str::to_owned).to_vec(),
            rows: report.duties.iter().map(row).collect(),
            empty: lang.of("情報システムが登録されていません。", "No system is registered.").to_owned(),
        },
    }
}

/// `E1` … `E5`, or none.
fn class(line: &DutyLine) -> String {
    line.class.map_or_else(|| "－".to_owned(), |class| format!("{class:?}"))
}

/// The same for a screen: what belongs together in one cell, so that it fits a desk.
#[must_use]
pub fn standings_on_page(report: &Report, lang: Lang) -> Part {
    let heads = [
        lang.of("義務", "Duty"),
        lang.of("判定", "Standing"),
        lang.of("根拠・件数", "Class, entries"),
        lang.of("月内の経過", "In the month"),
        lang.of("期限超過", "Overdue"),
        lang.of("理由と次に行うこと", "Why, and what next"),
    ];
    let row = |line: &DutyLine| {
        let class = class(line);
        let spent = course(&line.spent, lang);
        vec![
            Cell::Many(vec![Cell::text(line.label.as_str()), Cell::Small(line.system.to_string())]),
            Cell::standing(lang, &line.standing),
            Cell::Many(vec![Cell::text(class), Cell::Small(pieces(lang, line.evidence))]),
            Cell::Many(spent.lines().map(|text| Cell::Small(text.to_owned())).collect()),
            Cell::number(line.late),
            Cell::Many(vec![Cell::text(lang.say(&line.cause)), Cell::Small(lang.say(&line.next))]),
        ]
    };
    let rows = report.duties.iter().map(row).collect();
    let whole = standings(report, lang);
    Part { table: Table { heads: heads.map(str::to_owned).to_vec(), rows, ..whole.table }, ..whole }
}

/// How many duties stood how at the end, in one sentence.
#[must_use]
pub fn counted(report: &Report, lang: Lang) -> String {
    let count = |word: &str| report.duties.iter().filter(|line| line.standing.word() == word).count();
    let counts = [count("kept"), count("broken"), count("unknown"), count("exempt"), count("not_applicable")];
    let [kept, broken, unknown, exempt, none] = counts;
    match lang {
        Lang::Ja => format!(
            "期末の判定: 適合 {kept}、不適合 {broken}、未確認 {unknown}、例外承認中 {exempt}、対象外 {none}。"
        ),
        Lang::En => format!(
            "At the end: {kept} kept, {broken} broken, {unknown} unknown, {exempt} exempt, {none} not applicable."
        ),
    }
}

/// A length of time as people say it: `3日4時間`, `25分`.
fn hours(lang: Lang, seconds: i64) -> String {
    let minutes = seconds.saturating_add(30) / 60;
    let (days, hours, rest) = (minutes / 1_440, minutes / 60 % 24, minutes % 60);
    match (lang, minutes) {
        (_, 0) if seconds == 0 => "0".to_owned(),
        (Lang::Ja, ..60) => format!("{rest}分"),
        (Lang::Ja, 60..1_440) => format!("{hours}時間{rest}分"),
        (Lang::Ja, _) => format!("{days}日{hours}時間"),
        (Lang::En, ..60) => format!("{rest} min"),
        (Lang::En, 60..1_440) => format!("{hours} h {rest} min"),
        (Lang::En, _) => format!("{days} d {hours} h"),
    }
}

fn of_section(section: &Section, lang: Lang) -> Part {
    let rows: Vec<Vec<Cell>> =
        section.rows.iter().map(|row| row.iter().map(|cell| of_cell(cell, lang)).collect()).collect();
    let mut notes = vec![watched(section, lang)];
    notes.push(lang.say(&section.note));
    if section.more > 0 {
        notes.push(match lang {
            Lang::Ja => format!("ほかに {} 件あり、ここには載せていません。", section.more),
            Lang::En => format!("{} more are not listed here.", section.more),
        });
    }
    notes.retain(|note| !note.is_empty());
    Part {
        heading: lang.say(&section.title),
        notes,
        observed: section.observed,
        table: Table {
            caption: String::new(),
            heads: section.columns.iter().map(|column| lang.say(column)).collect(),
            rows,
            empty: nothing(section.observed, lang).to_owned(),
        },
    }
}

/// 0 件 is said only where somebody watched.
fn nothing(observed: Observed, lang: Lang) -> &'static str {
    match observed {
        Observed::Whole => lang.of("0件", "None (0)"),
        Observed::Partly => {
            lang.of("観測した範囲では0件（期間の一部は未観測）", "None where it was watched (partly)")
        }
        Observed::No => lang.of("未観測（0件とは言えません）", "Not observed (this does not mean none)"),
    }
}

fn watched(section: &Section, lang: Lang) -> String {
    let count = u64::try_from(section.rows.len()).unwrap_or(u64::MAX).saturating_add(section.more);
    match (lang, section.observed) {
        (_, observed) if count == 0 => nothing(observed, lang).to_owned(),
        (Lang::Ja, Observed::Whole) => format!("{count}件。"),
        (Lang::En, Observed::Whole) => format!("{count}."),
        (Lang::Ja, Observed::Partly | Observed::No) => format!("{count}件（期間又は対象の一部は未観測）。"),
        (Lang::En, Observed::Partly | Observed::No) => format!("{count} (not watched as a whole)."),
    }
}

fn of_cell(cell: &report::Cell, lang: Lang) -> Cell {
    match cell {
        report::Cell::Plain(text) => Cell::text(text.as_str()),
        report::Cell::Both(sentence) => Cell::text(lang.say(sentence)),
        report::Cell::At(at) => Cell::text(era::exact(*at)),
        report::Cell::Number(number) => Cell::number(number),
    }
}

/// The workbook, as [`super::press`] takes it: a leaf for each table.
#[must_use]
pub fn book(report: &Report, which: Which, lang: Lang) -> Value {
    let head: Vec<String> = std::iter::once(which.title(lang).to_owned())
        .chain(about(report, lang).into_iter().map(|(name, value)| format!("{name}: {value}")))
        .collect();
    let leaf = |part: &Part| {
        let notes: Vec<&String> = head.iter().chain(&part.notes).collect();
        paper::leaf(&part.heading, &notes, &part.table)
    };
    let leaves: Vec<Value> = parts(report, which, lang).iter().map(leaf).collect();
    json!({
        "title": which.title(lang),
        "author": lang.say(&report.contract),
        "made": paper::whole_second(report.until),
        "sheets": leaves,
    })
}

/// All tables one under the other.
#[must_use]
pub fn csv(report: &Report, which: Which, lang: Lang) -> String {
    let mut text = String::new();
    let _infallible = write!(text, "{}\r\n", list::quoted(which.title(lang)));
    for (name, value) in about(report, lang) {
        let _infallible = write!(text, "{},{}\r\n", list::quoted(&name), list::quoted(&value));
    }
    for part in parts(report, which, lang) {
        let _infallible = write!(text, "\r\n{}\r\n", list::quoted(&part.heading));
        for note in &part.notes {
            let _infallible = write!(text, "{}\r\n", list::quoted(note));
        }
        if !part.table.rows.is_empty() {
            text.push_str(&list::csv_text(&part.table));
        }
    }
    text
}

/// The report for programs.
///
/// # Errors
/// When it cannot be written.
pub fn json(report: &Report) -> Result<Vec<u8>, serde_json::Error> {
    let mut bytes = serde_json::to_vec_pretty(report)?;
    bytes.push(b'\n');
    Ok(bytes)
}

/// The sheet of A4 pages.
#[must_use]
pub fn sheet(report: &Report, which: Which, lang: Lang) -> Value {
    let seals: Vec<Value> = match lang {
        Lang::Ja => ["決裁者", "係長", "担当"].iter().map(|title| json!({ "title": title })).collect(),
        Lang::En => Vec::new(),
    };
    let parties: Vec<Value> = about(report, lang)
        .into_iter()
        .map(|(name, value)| json!({ "name": name, "value": value }))
        .collect();
    let blocks = match which {
        Which::F24 => duties_on_paper(report, lang),
        Which::F23 => sections_on_paper(report, lang),
    };
    json!({
        "language": lang.code(),
        "title": which.title(lang),
        "number": report.month.to_string(),
        "author": lang.say(&report.contract),
        "seals": seals,
        "parties": parties,
        "blocks": blocks,
        "footer": footer(report, lang),
        "made": paper::whole_second(report.until),
    })
}

fn footer(report: &Report, lang: Lang) -> Vec<String> {
    match lang {
        Lang::Ja => vec![format!(
            "約定の台帳 {} 件から作成。市は、持ち出した証拠から yakujo report --month {} で同じものを作り、照合できます。",
            report.entries, report.month
        )],
        Lang::En => vec![format!(
            "Made of {} entries of the ledger. The city makes the same from its bundle: yakujo report --month {}.",
            report.entries, report.month
        )],
    }
}

fn text(text: impl Into<String>) -> Value {
    json!({ "kind": "text", "text": text.into() })
}

/// One row for each duty, in columns that can be read on paper.
fn duties_on_paper(report: &Report, lang: Lang) -> Vec<Value> {
    let heads = [
        lang.of("義務", "Duty"),
        lang.of("システム", "System"),
        lang.of("判定", "Standing"),
        lang.of("根拠・件数", "Class, entries"),
        lang.of("月内の経過", "In the month"),
        lang.of("期限超過", "Overdue"),
        lang.of("理由", "Why"),
        lang.of("市の所見", "Remarks of the city"),
    ];
    let row = |line: &DutyLine| {
        let class = class(line);
        let chip = Cell::standing(lang, &line.standing).plain();
        json!([
            { "text": line.label },
            { "code": line.system.to_string() },
            { "strong": chip },
            { "text": format!("{class}\n{}", pieces(lang, line.evidence)) },
            { "text": course(&line.spent, lang) },
            { "number": line.late.to_string() },
            { "text": lang.say(&line.cause) },
            { "text": "" },
        ])
    };
    let rows: Vec<Value> = report.duties.iter().map(row).collect();
    let widths = ["content", "content", "content", "content", "content", "content", "wide", "share"];
    vec![
        text(counted(report, lang)),
        json!({
            "kind": "table",
            "caption": "",
            "heads": heads,
            "widths": widths,
            "rows": rows,
            "empty": lang.of("情報システムが登録されていません。", "No system is registered."),
        }),
    ]
}

fn pieces(lang: Lang, count: u32) -> String {
    match lang {
        Lang::Ja => format!("{count}件"),
        Lang::En => count.to_string(),
    }
}

/// How long it stood how, what did not occur left out.
fn course(spent: &Spent, lang: Lang) -> String {
    let stands = [
        (lang.of("適合", "kept"), spent.kept),
        (lang.of("不適合", "broken"), spent.broken),
        (lang.of("未確認", "unknown"), spent.unknown),
        (lang.of("例外", "exempt"), spent.exempt),
        (lang.of("対象外", "not applicable"), spent.not_applicable),
    ];
    let lines: Vec<String> = stands
        .into_iter()
        .filter(|(_, seconds)| *seconds > 0)
        .map(|(word, seconds)| format!("{word} {}", hours(lang, seconds)))
        .collect();
    lines.join("\n")
}

fn sections_on_paper(report: &Report, lang: Lang) -> Vec<Value> {
    let mut blocks = Vec::new();
    for mut part in parts(report, Which::F23, lang) {
        blocks.push(json!({ "kind": "heading", "text": part.heading }));
        blocks.extend(part.notes.iter().map(text));
        let more = part.table.rows.len().saturating_sub(ON_PAPER);
        part.table.rows.truncate(ON_PAPER);
        if more > 0 {
            blocks.push(text(match lang {
                Lang::Ja => format!(
                    "紙面には先頭の {ON_PAPER} 行を載せます。残る {more} 行は Excel と CSV にあります。"
                ),
                Lang::En => {
                    format!("The first {ON_PAPER} rows; {more} more are in the workbook and the CSV.")
                }
            }));
        }
        if !part.table.rows.is_empty() {
            blocks.push(paper::of_table(&part.table));
        }
    }
    blocks
}
