//! One check-sheet: what answers each of its rows, said by a person and remembered, and the city's own workbook filled
//! with it.

use super::block::{Block, Cell, Choice, Field, Form, Input, Opened, Table, Tone};
use super::checksheet_answers::{Answered, answers};
use super::checksheet_rows::{self as rows, Layout, Question};
use super::frame::{self, Page};
use super::list::{List, Wanted};
use super::press::{self, Put};
use super::visit::{Answer, Refusal, Visit};
use super::words::{self, Lang};
use super::{checksheets, duty, era, list};
use crate::audience::Audience;
use crate::checksheets::{Checksheet, Checksheets, Hand, Marks, Pick};
use crate::shelf::Shelf;
use std::collections::BTreeSet;
use yakujo_contract::duty::{Clause, DutyId};
use yakujo_contract::id::Digest;

/// The page.
///
/// # Errors
/// Absent, where there is no such sheet.
pub async fn show(visit: Visit) -> Answer {
    let sheet = found(&visit).await?;
    page(&visit, &sheet, "").await
}

async fn found(visit: &Visit) -> Result<Checksheet, Refusal> {
    let file: Digest = visit.part("sheet")?.to_owned().try_into().map_err(|_| Refusal::Absent)?;
    let sheets = Checksheets::of(visit.office.folder());
    tokio::task::spawn_blocking(move || sheets.get(&file)).await??.ok_or(Refusal::Absent)
}

async fn page(visit: &Visit, sheet: &Checksheet, wrong: &str) -> Answer {
    let wanted = Wanted::of(visit);
    let answered = answers(visit, sheet);
    let (rows, next) =
        wanted.take(answered.iter(), |one| format!("{:07}", one.question.row), |one| row(visit, sheet, one));
    let table = Table {
        caption: sheet.title.clone(),
        heads: heads(visit),
        rows,
        empty: visit
            .of("質問が見つかりません。列の指定を直してください。", "No question was found.")
            .to_owned(),
    };
    let list = List { name: "checksheet", table, next, keep: Vec::new() };
    if let Some(download) = list.download(visit, &wanted).await {
        return download;
    }
    let mut page = Page::new("checksheets", sheet.title.as_str(), "");
    page.trail = vec![checksheets::back(visit)];
    if !wrong.is_empty() {
        page.push(Block::note(Tone::Bad, "", wrong));
    }
    stage(visit, sheet, &answered, &mut page);
    page.push(Block::Fields(about(visit, sheet).await?));
    page.blocks.extend(list.blocks(visit, &wanted));
    if visit.may(Audience::Parties) {
        let opened = if sheet.settled.is_none() || !wrong.is_empty() { Opened::Yes } else { Opened::No };
        let head = visit.of("対応づけと回答の言葉", "Duties of the rows, and the words of the answers");
        page.push(Block::Opens("duties", head.to_owned(), opened, mapping(visit, sheet)));
        let opened = if sheet.questions.is_empty() { Opened::Yes } else { Opened::No };
        let head = visit.of("列の指定を直す", "Which columns these are");
        page.push(Block::Opens("columns", head.to_owned(), opened, columns(visit, sheet)));
    }
    if wrong.is_empty() { frame::show(visit, &page) } else { frame::show_wrong(visit, &page) }
}

/// What is to be done next.
fn stage(visit: &Visit, sheet: &Checksheet, answered: &[Answered], page: &mut Page) {
    let open = answered.iter().filter(|one| one.pick.is_none()).count();
    if open > 0 {
        let text = match visit.lang {
            Lang::Ja => format!(
                "対応する義務を選んでいない質問が{open}件あります。回答は「{}」になります。",
                sheet.marks.unknown
            ),
            Lang::En => format!("{open} questions have no duty: their answer is “{}”.", sheet.marks.unknown),
        };
        page.push(Block::note(Tone::Warn, "", text));
    }
    if sheet.settled.is_none() {
        let text = visit.of(
            "質問と義務の対応づけは、言葉と過去の対応からの提案です。確かめて確定すると、回答を書き入れたExcelを保存できます。",
            "The duties of the rows are proposed from their words and from earlier sheets. Look at them and settle them; then the filled workbook can be saved.",
        );
        page.push(Block::note(Tone::Plain, "", text));
        return;
    }
    if press::can_write() {
        let href = format!("{}/checksheets/{}/file", visit.base(), sheet.file.as_str());
        let words = visit.of("回答を書き入れたExcelを保存する", "Save the filled workbook").to_owned();
        page.push(Block::Buttons(vec![(href, words, "")]));
    }
}

async fn about(visit: &Visit, sheet: &Checksheet) -> Result<Vec<(String, Cell)>, Refusal> {
    let everybody = visit.office.people.everybody().await?;
    let hand = |hand: &Hand| {
        let name = everybody.iter().find(|person| Some(&person.id) == hand.person.as_ref());
        let name = name.map_or_else(|| "－".to_owned(), super::people::name);
        Cell::Many(vec![Cell::text(name), Cell::time(visit.lang, hand.at)])
    };
    let mut rows = vec![
        (visit.of("取り込んだ人", "Brought in by").to_owned(), hand(&sheet.brought)),
        (
            visit.of("ファイルの照合値（SHA-256）", "SHA-256 of the file").to_owned(),
            Cell::code(sheet.file.as_str()),
        ),
        (visit.of("シート", "Tab").to_owned(), Cell::text(sheet.layout.tab.as_str())),
    ];
    if let Some(settled) = &sheet.settled {
        rows.push((visit.of("対応づけを確定した人", "Settled by").to_owned(), hand(settled)));
    }
    Ok(rows)
}

fn heads(visit: &Visit) -> Vec<String> {
    let heads = [
        visit.of("行", "Row"),
        visit.of("質問", "Question"),
        visit.of("義務", "Duty"),
        visit.of("回答", "Answer"),
        visit.of("根拠", "Evidence"),
    ];
    heads.into_iter().map(str::to_owned).collect()
}

fn row(visit: &Visit, sheet: &Checksheet, one: &Answered) -> Vec<Cell> {
    let number = Cell::number(one.question.row.saturating_add(1));
    let question = match one.question.section.as_str() {
        "" => Cell::text(one.question.text.as_str()),
        section => Cell::Many(vec![Cell::Small(section.to_owned()), Cell::text(one.question.text.as_str())]),
    };
    let duty = match &one.pick {
        None => Cell::Tag(visit.of("選ばれていません", "None chosen").to_owned()),
        Some(pick) => Cell::text(pick_words(visit, pick)),
    };
    let answer = one.mark(&sheet.marks);
    vec![number, question, duty, Cell::text(answer), Cell::text(one.evidence.as_str())]
}

fn pick_words(visit: &Visit, pick: &Pick) -> String {
    match pick {
        Pick::Duty(id) => duty::title(visit, *id),
        Pick::Clause(key) => {
            Clause::from_key(key).map_or_else(String::new, |clause| clause_words(visit, clause))
        }
        Pick::Leave => visit.of("書き入れない", "Nothing is written").to_owned(),
    }
}

fn clause_words(visit: &Visit, clause: Clause) -> String {
    let (number, name) = (words::clause_number(clause), words::clause(visit.lang, clause));
    match visit.lang {
        Lang::Ja => format!("{number} {name} の全部（最も悪い判定）"),
        Lang::En => format!("{number} {name}: all of it, the worst counts"),
    }
}

/// The words of the five answers: field, label, value.
fn marks(visit: &Visit, marks: &Marks) -> [(&'static str, String, String); 5] {
    let label = |ja: &str, en: &str| match visit.lang {
        Lang::Ja => format!("「{ja}」のときの回答"),
        Lang::En => format!("Answer where {en}"),
    };
    [
        ("kept", label("適合", "kept"), marks.kept.clone()),
        ("broken", label("不適合", "broken"), marks.broken.clone()),
        ("unknown", label("未確認", "unknown"), marks.unknown.clone()),
        ("exempt", label("例外承認中", "exempt"), marks.exempt.clone()),
        ("not_applicable", label("対象外", "not applicable"), marks.not_applicable.clone()),
    ]
}

fn mapping(visit: &Visit, sheet: &Checksheet) -> Form {
    let mut fields: Vec<Field> = marks(visit, &sheet.marks)
        .iter()
        .map(|(name, label, value)| Field::line(name, label, value))
        .collect();
    let in_force = checksheets::in_force(visit);
    fields.extend(sheet.questions.iter().map(|question| {
        let chosen = sheet.picks.get(&question.row).map_or_else(String::new, spelled);
        let choices = choices(visit, &in_force, &chosen);
        let number = question.row.saturating_add(1);
        let label = match visit.lang {
            Lang::Ja => format!("{number}行：{}", question.text),
            Lang::En => format!("Row {number}: {}", question.text),
        };
        let field = Field::new(&format!("row-{}", question.row), &label, Input::OneOf(choices)).optional();
        field.hint(&question.section)
    }));
    let label = visit.of("この対応で確定する", "Settle this");
    visit.form(&format!("/checksheets/{}", sheet.file.as_str()), label, visit.retyped(fields))
}

fn choices(visit: &Visit, in_force: &BTreeSet<DutyId>, chosen: &str) -> Vec<Choice> {
    let none = visit.of("対応する義務なし（未確認のまま）", "No duty: stays unknown").to_owned();
    let leave = visit.of("質問ではない（書き入れない）", "No question: nothing is written").to_owned();
    let mut all = vec![(String::new(), none), (spelled(&Pick::Leave), leave)];
    for clause in Clause::ALL {
        let duties: Vec<&DutyId> = in_force.iter().filter(|duty| duty.row().clause == clause).collect();
        if duties.len() > 1 {
            all.push((spelled(&Pick::Clause(clause.key().to_owned())), clause_words(visit, clause)));
        }
        all.extend(duties.into_iter().map(|id| {
            let terms = visit.office.terms().duties.iter().find(|terms| terms.duty == *id);
            let (ja, en) = terms.map_or(("", ""), |terms| (terms.ja.as_str(), terms.en.as_str()));
            let text: String = visit.lang.of(ja, en).chars().take(28).collect();
            (spelled(&Pick::Duty(*id)), format!("{} {text}…", terms.map_or("", |terms| terms.label.as_str())))
        }));
    }
    let choice = |(value, label): (String, String)| Choice { chosen: value == chosen, value, label };
    all.into_iter().map(choice).collect()
}

fn spelled(pick: &Pick) -> String {
    match pick {
        Pick::Duty(duty) => duty.key().to_owned(),
        Pick::Clause(key) => key.clone(),
        Pick::Leave => "leave".to_owned(),
    }
}

fn picked(text: &str, in_force: &BTreeSet<DutyId>) -> Result<Option<Pick>, Refusal> {
    Ok(match text {
        "" => None,
        "leave" => Some(Pick::Leave),
        key if Clause::from_key(key).is_some() => Some(Pick::Clause(key.to_owned())),
        key => {
            let duty = DutyId::parse(key).ok().filter(|duty| in_force.contains(duty));
            Some(Pick::Duty(duty.ok_or(Refusal::Absent)?))
        }
    })
}

/// Settles what answers each row.
///
/// # Errors
/// Absent, where there is no such sheet or duty.
pub async fn settle(visit: Visit) -> Answer {
    let mut sheet = found(&visit).await?;
    let in_force = checksheets::in_force(&visit);
    sheet.marks = match typed_marks(&visit) {
        Ok(marks) => marks,
        Err(text) => return page(&visit, &sheet, &text).await,
    };
    sheet.picks.clear();
    for Question { row, .. } in &sheet.questions {
        if let Some(pick) = picked(visit.typed(&format!("row-{row}")), &in_force)? {
            sheet.picks.insert(*row, pick);
        }
    }
    sheet.settled = Some(Hand { person: Some(visit.session()?.person.id.clone()), at: visit.now });
    let file = sheet.file.clone();
    checksheets::keep(&visit, sheet).await?;
    visit.go(&format!("/checksheets/{}", file.as_str()))
}

/// The words of the answers; why they cannot be taken. ○ must never be mistaken for anything else.
fn typed_marks(visit: &Visit) -> Result<Marks, String> {
    let word =
        |name: &str| -> String { visit.typed(name).chars().filter(|c| !c.is_control()).take(60).collect() };
    let [kept, broken, unknown, exempt, not_applicable] =
        ["kept", "broken", "unknown", "exempt", "not_applicable"].map(word);
    let marks = Marks { kept, broken, unknown, exempt, not_applicable };
    let others = [&marks.broken, &marks.unknown, &marks.exempt, &marks.not_applicable];
    if marks.kept.is_empty() || others.iter().any(|other| other.is_empty()) {
        return Err(visit
            .of("回答の言葉を5つとも入力してください。", "Fill in all five answers.")
            .to_owned());
    }
    if others.contains(&&marks.kept) {
        let text = visit.of(
            "「適合」のときの回答と同じ言葉は、ほかの判定に使えません。",
            "No other standing may be answered with the word for “kept”.",
        );
        return Err(text.to_owned());
    }
    Ok(marks)
}

fn columns(visit: &Visit, sheet: &Checksheet) -> Form {
    let layout = &sheet.layout;
    let letter = |column: u32| rows::letters(column);
    let fields = vec![
        Field::line("tab", visit.of("シートの名前", "Name of the tab"), &layout.tab),
        Field::line(
            "head",
            visit.of("見出しの行", "Row of the headings"),
            &layout.head.saturating_add(1).to_string(),
        ),
        Field::line("question", visit.of("質問の列", "Column of the questions"), &letter(layout.question))
            .hint(visit.of("例：C", "For example C")),
        Field::line("answer", visit.of("回答の列", "Column of the answers"), &letter(layout.answer)),
        Field::line(
            "evidence",
            visit.of("根拠を書く列", "Column for the evidence"),
            &letter(layout.evidence),
        ),
        Field::line("day", visit.of("判定の日を書く列", "Column for the day"), &letter(layout.day)),
    ];
    let label = visit.of("この列で読み直す", "Read again");
    visit.form(&format!("/checksheets/{}/columns", sheet.file.as_str()), label, visit.retyped(fields))
}

/// Reads the workbook again with other columns.
///
/// # Errors
/// Absent, where there is no such sheet.
pub async fn lay_out(visit: Visit) -> Answer {
    let mut sheet = found(&visit).await?;
    let Some(layout) = typed_layout(&visit) else {
        let text = visit.of(
            "列はAからCVまでの文字で、見出しの行は数で入力してください。質問・回答・根拠・日の列は、それぞれ別の列にしてください。",
            "Columns are letters from A to CV, each another one; the row is a number.",
        );
        return page(&visit, &sheet, text).await;
    };
    let leaves = press::read(&visit, file_of(&visit, &sheet).await?).await?;
    let Some(heads) = checksheets::heads_at(&leaves, &layout) else {
        let text = visit.of("そのシートまたは行がありません。", "There is no such tab or row.");
        return page(&visit, &sheet, text).await;
    };
    sheet.questions =
        checksheets::questions(&leaves, &layout).ok_or_else(|| checksheets::too_many(&visit))?;
    let known = checksheets::all(&visit).await?;
    sheet.picks = checksheets::picks(&sheet.questions, &known, &checksheets::in_force(&visit));
    (sheet.heads, sheet.layout, sheet.settled) = (heads, layout, None);
    let file = sheet.file.clone();
    checksheets::keep(&visit, sheet).await?;
    visit.go(&format!("/checksheets/{}", file.as_str()))
}

fn typed_layout(visit: &Visit) -> Option<Layout> {
    let column = |name: &str| rows::column(&era::half_width(visit.typed(name)));
    let head: u32 = era::half_width(visit.typed("head")).trim().parse().ok()?;
    let layout = Layout {
        tab: visit.typed("tab").to_owned(),
        head: head.checked_sub(1)?,
        question: column("question")?,
        answer: column("answer")?,
        evidence: column("evidence")?,
        day: column("day")?,
    };
    let columns = BTreeSet::from([layout.question, layout.answer, layout.evidence, layout.day]);
    (columns.len() == 4).then_some(layout)
}

async fn file_of(visit: &Visit, sheet: &Checksheet) -> Result<Vec<u8>, Refusal> {
    let (shelf, digest) = (Shelf::of(visit.office.folder()), sheet.file.clone());
    Ok(tokio::task::spawn_blocking(move || shelf.take(&digest)).await??)
}

/// The city's workbook with the answers.
///
/// # Errors
/// Absent, where there is no such sheet, or nobody has settled it.
pub async fn file(visit: Visit) -> Answer {
    let sheet = found(&visit).await?;
    if sheet.settled.is_none() {
        let text =
            visit.of("対応づけを確定してから保存してください。", "Settle the duties of the rows first.");
        return Err(Refusal::Wrong(text.to_owned()));
    }
    let puts = puts(&visit, &sheet);
    let bytes = file_of(&visit, &sheet).await?;
    let filled = press::fill(&visit, bytes, sheet.layout.tab.clone(), puts).await?;
    let day = era::day(Lang::En, visit.now);
    let short: String = sheet.file.as_str().chars().take(8).collect();
    list::attachment(filled, list::XLSX, &format!("{}-checksheet-{short}-{day}.xlsx", visit.office.id()))
}

/// What is written where: answers, evidence, the day, and headings over columns that had none.
fn puts(visit: &Visit, sheet: &Checksheet) -> Vec<Put> {
    let layout = &sheet.layout;
    let put = |row, column, text: &str| Put { row, column, text: text.to_owned() };
    let has_head = |column: u32| {
        let text = usize::try_from(column).ok().and_then(|column| sheet.heads.get(column));
        text.is_some_and(|text| !text.trim().is_empty())
    };
    let mut puts = Vec::new();
    for (column, words) in [(layout.evidence, "根拠（約定の台帳）"), (layout.day, "判定の時点")]
    {
        if !has_head(column) {
            puts.push(put(layout.head, column, words));
        }
    }
    let now = era::wareki(Lang::Ja, visit.now);
    for one in answers(visit, sheet) {
        if one.pick == Some(Pick::Leave) {
            continue;
        }
        let row = one.question.row;
        puts.push(put(row, layout.answer, one.mark(&sheet.marks)));
        puts.push(put(row, layout.evidence, &one.evidence));
        puts.push(put(row, layout.day, &now));
    }
    puts
}
