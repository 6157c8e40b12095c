//! 月次報告: a list of months; of each the two papers (F-24, F-23), as a page and as a file. The same files can be made from
//! a bundle on another machine (`yakujo report`), byte for byte.

use super::block::{Block, Cell, Link, Table, Tone};
use super::frame::{self, Page};
use super::list::{self, List, Wanted};
use super::report_face::{self as face, Part, Which};
use super::visit::{Answer, Refusal, Visit};
use super::words::Lang;
use super::{first, press};
use crate::monthly::Stage;
use axum::http::{HeaderValue, header};
use jiff::Timestamp;
use std::sync::Arc;
use std::time::Duration;
use yakujo_contract::entry::Entry;
use yakujo_contract::report::{Month, Report};

/// Rows of one table on a page; all of them are in the files.
const ON_PAGE: usize = 100;
/// A report that is made so soon is shown at once.
const PATIENCE: Duration = Duration::from_secs(2);
const STEP: Duration = Duration::from_millis(50);

/// The list of months.
///
/// # Errors
/// When the ledger cannot be read.
pub async fn show(visit: Visit) -> Answer {
    let wanted = Wanted::of(&visit);
    let newest = Month::of(visit.now);
    let all = months(begun(&visit)?, newest);
    let key = |month: &Month| {
        let (year, number) = month.parts();
        format!("{:08}", 99_999_999_i32.saturating_sub(i32::from(year) * 100 + i32::from(number)))
    };
    let (rows, next) = wanted.take(all.into_iter(), key, |month| row(&visit, *month, newest));
    let heads = [
        visit.of("月", "Month"),
        visit.of("状態", "State"),
        Which::F24.title(visit.lang),
        Which::F23.title(visit.lang),
    ];
    let table = Table {
        caption: visit.of("月次報告の一覧（新しい順）", "Monthly reports, newest first").to_owned(),
        heads: heads.map(str::to_owned).to_vec(),
        rows,
        empty: visit.of("該当する月はありません。", "There are none.").to_owned(),
    };
    let list = List { name: "reports", table, next, keep: Vec::new() };
    if let Some(download) = list.download(&visit, &wanted).await {
        return download;
    }
    let lead = visit.of(
        "台帳の記録だけから作る月ごとの報告です。観測していないことは「0件」ではなく「未観測」と書きます。",
        "Made of the entries of the ledger alone. What nobody watched is not called none.",
    );
    let mut page = Page::new("reports", visit.of("月次報告", "Monthly reports"), lead);
    page.blocks.extend(list.blocks(&visit, &wanted));
    frame::show(&visit, &page)
}

/// When the ledger began.
fn begun(visit: &Visit) -> Result<Timestamp, Refusal> {
    if visit.office.size() == 0 {
        return Ok(visit.now);
    }
    Ok(Entry::from_bytes(&visit.office.reader().entry(0)?)?.received)
}

/// From the newest back to the first.
fn months(begun: Timestamp, newest: Month) -> Vec<Month> {
    let first = Month::of(begun).min(newest);
    let mut all = vec![newest];
    while let Some(month) = all.last().filter(|month| **month > first).map(|month| month.before()) {
        all.push(month);
    }
    all
}

fn row(visit: &Visit, month: Month, newest: Month) -> Vec<Cell> {
    let state = if month == newest { visit.of("途中", "running") } else { visit.of("確定", "over") };
    let link = |which: Which| {
        let words = format!("{} {}", face::month(visit.lang, month), visit.of("を見る", ""));
        Cell::link(format!("{}/reports/{month}?form={}", visit.base(), which.word()), words.trim().to_owned())
    };
    vec![Cell::text(face::month(visit.lang, month)), Cell::text(state), link(Which::F24), link(Which::F23)]
}

/// One month.
///
/// # Errors
/// Absent, where the ledger has no such month; when it cannot be made.
pub async fn one(visit: Visit) -> Answer {
    let month: Month = visit.part("month")?.parse().map_err(|_| Refusal::Absent)?;
    if month > Month::of(visit.now) || month < Month::of(begun(&visit)?) {
        return Err(Refusal::Absent);
    }
    let which = Which::of(visit.asked("form")).unwrap_or(Which::F24);
    let report = match soon(&visit, month).await {
        Stage::Ready(report) => report,
        Stage::Making(read, of) => return making(&visit, month, (read, of)),
        Stage::Failed(why) => return Err(Refusal::Failed(why)),
    };
    match visit.asked("format") {
        "" => shown(&visit, &report, which),
        format => file(&visit, &report, which, format).await,
    }
}

/// The report, if it is there within the patience of a reader.
async fn soon(visit: &Visit, month: Month) -> Stage {
    let mut waited = Duration::ZERO;
    loop {
        let stage = visit.office.monthly.of(&visit.office, month, visit.now);
        if !matches!(stage, Stage::Making(..)) || waited >= PATIENCE {
            return stage;
        }
        tokio::time::sleep(STEP).await;
        waited = waited.saturating_add(STEP);
    }
}

/// It takes longer: the page looks again by itself.
fn making(visit: &Visit, month: Month, (read, of): (u64, u64)) -> Answer {
    let lead = match visit.lang {
        Lang::Ja => {
            format!("台帳の記録 {of} 件のうち {read} 件を読みました。この画面は5秒ごとに自動で更新されます。")
        }
        Lang::En => format!("{read} of {of} entries are read. This page looks again every 5 seconds."),
    };
    let title = match visit.lang {
        Lang::Ja => format!("{} の報告を作成しています", face::month(visit.lang, month)),
        Lang::En => format!("The report of {month} is being made"),
    };
    let mut page = Page::new("reports", title, lead);
    page.trail = trail(visit);
    let mut response = frame::show(visit, &page)?;
    response.headers_mut().insert(header::REFRESH, HeaderValue::from_static("5"));
    Ok(response)
}

fn trail(visit: &Visit) -> Vec<Link> {
    vec![Link::new(format!("{}/reports", visit.base()), visit.of("月次報告", "Monthly reports"))]
}

fn shown(visit: &Visit, report: &Arc<Report>, which: Which) -> Answer {
    let lang = visit.lang;
    let path = format!("{}/reports/{}", visit.base(), report.month);
    let title = format!("{} {}", face::month(lang, report.month), which.title(lang));
    let mut page = Page::new("reports", title, face::counted(report, lang));
    page.trail = trail(visit);
    let tab =
        |one: Which| Link::new(format!("{path}?form={}", one.word()), one.title(lang)).here_if(one == which);
    page.push(Block::Tabs(Which::ALL.into_iter().map(tab).collect()));
    page.push(Block::Buttons(downloads(visit, &path, which)));
    if !report.is_whole() {
        let head = visit.of("この月はまだ終わっていません", "The month is not over");
        let text = visit.of(
            "ここまでの記録から作った途中の報告です。月が終わると内容が確定します。",
            "Made of what is known so far. It will not change any more once the month is over.",
        );
        page.push(Block::Note(Tone::Plain, head.to_owned(), text.to_owned()));
    }
    let about = face::about(report, lang).into_iter().map(|(name, value)| (name, Cell::text(value)));
    page.push(Block::Fields(about.collect()));
    if which == Which::F24 {
        page.push(Block::Figures(figures(report, lang)));
    }
    let parts = match which {
        Which::F24 => vec![face::standings_on_page(report, lang)],
        Which::F23 => face::parts(report, which, lang),
    };
    parts.into_iter().for_each(|part| page.blocks.extend(on_page(visit, part)));
    frame::show(visit, &page)
}

fn downloads(visit: &Visit, path: &str, which: Which) -> Vec<(String, String, &'static str)> {
    let button = |format: &str, words: &str| {
        (format!("{path}?form={}&format={format}", which.word()), words.to_owned(), "second")
    };
    let mut all = Vec::new();
    if press::can_print() {
        all.push(button("pdf", "PDF"));
    }
    if press::can_write() {
        all.push(button("xlsx", "Excel"));
    }
    all.push(button("csv", "CSV"));
    all.push(button("csv932", visit.of("CSV（Shift_JIS）", "CSV (Shift_JIS)")));
    all.push(button("json", "JSON"));
    all
}

fn figures(report: &Report, lang: Lang) -> Vec<super::block::Figure> {
    let count = |word: &str| report.duties.iter().filter(|line| line.standing.word() == word).count();
    vec![
        first::figure(count("kept"), lang.of("適合", "kept")),
        first::figure(count("broken"), lang.of("不適合", "broken")),
        first::figure(count("unknown"), lang.of("未確認", "unknown")),
        first::figure(count("exempt"), lang.of("例外承認中", "exempt")),
        first::figure(count("not_applicable"), lang.of("対象外", "not applicable")),
    ]
}

fn on_page(visit: &Visit, part: Part) -> Vec<Block> {
    let mut table = part.table;
    let more = table.rows.len().saturating_sub(ON_PAGE);
    table.rows.truncate(ON_PAGE);
    part.heading.clone_into(&mut table.caption);
    let mut blocks = vec![Block::Heading(part.heading)];
    blocks.extend(part.notes.into_iter().map(Block::Text));
    if !table.rows.is_empty() {
        blocks.push(Block::Table(table));
    }
    if more > 0 {
        blocks.push(Block::Text(match visit.lang {
            Lang::Ja => format!("ほかに {more} 行あります。Excel か CSV で取り出してください。"),
            Lang::En => format!("{more} more rows are in the files."),
        }));
    }
    blocks
}

async fn file(visit: &Visit, report: &Report, which: Which, format: &str) -> Answer {
    let lang = visit.lang;
    let name = format!("{}-{}", which.word(), report.month);
    let (bytes, kind, ending) = match format {
        "pdf" => (press::print(face::sheet(report, which, lang)).await?, "application/pdf", "pdf"),
        "xlsx" => (press::write(face::book(report, which, lang)).await?, list::XLSX, "xlsx"),
        "csv" => (list::with_mark(&face::csv(report, which, lang)), "text/csv; charset=utf-8", "csv"),
        "csv932" => {
            (list::cp932(&face::csv(report, which, lang), lang), "text/csv; charset=Shift_JIS", "csv")
        }
        "json" => (face::json(report)?, "application/json", "json"),
        _ => return Err(Refusal::Absent),
    };
    list::attachment(bytes, kind, &format!("{name}.{ending}"))
}
