//! The steps a person may take on a request, each a small form, and what becomes of it: read, shown once more, recorded.

use super::block::{Block, Cell, Choice, Field, Form as Sheet, Input, Opened, Tone, Upload};
use super::frame::{self};
use super::request_fields::{consent_hint, moment_hint, thing_line, typed_moment};
use super::request_read::{self, Reading, Wrong};
use super::request_show::{self, Names, Seen};
use super::visit::{Answer, Refusal, Visit, refilled};
use super::words::{self, Lang};
use super::{board, request, request_details, request_new, request_words};
use crate::decide::possible::{Possible, Seat, possible};
use yakujo_contract::act::{Act, Withheld};
use yakujo_contract::id::{EntryNumber, PostId};
use yakujo_contract::request::form::Ask;
use yakujo_contract::request::{Manner, Opinion, Outcome, Scope, Step, Window};

/// Field of every form of a step: the newest entry of the request on the page it was on.
pub const NEWEST: &str = "newest";

/// The steps of the visitor on this request.
#[must_use]
pub fn of_visitor(visit: &Visit, seen: &Seen) -> Vec<Possible> {
    let Ok(actor) = visit.actor() else { return Vec::new() };
    possible(&visit.office.court(), &actor, &seen.id, visit.now)
}

/// What went wrong with one of the forms.
pub struct Mistake {
    /// The word of the step.
    pub word: String,
    /// Its wrong fields.
    pub wrong: Vec<Wrong>,
}

/// The forms of the steps that are possible now.
#[must_use]
pub fn blocks(visit: &Visit, seen: &Seen, mistake: Option<&Mistake>) -> Vec<Block> {
    let steps = of_visitor(visit, seen);
    let mut blocks = Vec::new();
    let mut links = Vec::new();
    for step in &steps {
        let href = |page: &str| format!("{}/requests/{}/{page}", visit.base(), seen.id);
        match step.word {
            "resubmitted" => {
                links.push((
                    href("edit"),
                    visit.of("直して再提出する", "Mend and hand in again").to_owned(),
                    "",
                ));
            }
            "reported" => {
                links.push((href("report"), visit.of("報告・提供する", "Report or deliver").to_owned(), ""));
            }
            _ => blocks.push(form(visit, seen, step, mistake)),
        }
    }
    if !links.is_empty() {
        blocks.insert(0, Block::Buttons(links));
    }
    if !blocks.is_empty() {
        let head = visit.of("行えること", "What you may do");
        blocks.insert(0, Block::Heading(head.to_owned()));
    }
    blocks
}

fn form(visit: &Visit, seen: &Seen, step: &Possible, mistake: Option<&Mistake>) -> Block {
    let mine = mistake.filter(|mistake| mistake.word == step.word);
    let fields = fields(visit, seen, step).into_iter().map(|field| {
        let field = if mine.is_some() { refilled(field, &visit.form) } else { field };
        let wrong = mine.and_then(|mistake| mistake.wrong.iter().find(|wrong| wrong.field == field.name));
        match wrong {
            Some(wrong) => field.wrong(&wrong.text),
            None => field,
        }
    });
    let (label, class) = verb(visit.lang, step.word);
    let path = format!("/requests/{}/step/{}", seen.id, step.word);
    let mut sheet = visit.form(&path, label, fields.collect());
    sheet.hidden.push((NEWEST.to_owned(), seen.newest.to_string()));
    let go = if step.word == "received" { "send" } else { "confirm" };
    let opened = if mine.is_some() { Opened::Yes } else { Opened::No };
    let sheet = Sheet { class, go, upload: Upload::No, ..sheet };
    Block::Opens(step.word, label.to_owned(), opened, sheet)
}

/// The verb of a step, and the class of its button.
#[must_use]
pub fn verb(lang: Lang, word: &str) -> (&'static str, &'static str) {
    match word {
        "received" => (lang.of("受け付ける", "Take in"), ""),
        "consulted" => (lang.of("協議を記録する", "Record a talk"), "second"),
        "signed" => (lang.of("回議・合議に答える", "Sign on the way"), ""),
        "approved" => (lang.of("承認する", "Approve"), ""),
        "refused" => (lang.of("不承認とする", "Refuse"), "grave"),
        "returned" => (lang.of("差し戻す", "Return"), "grave"),
        "withdrawn" => (lang.of("申請を取り下げる", "Withdraw"), "grave"),
        "revoked" => (lang.of("承認を取り消す", "Revoke the approval"), "grave"),
        "countersigned" => (lang.of("後閲する", "Countersign"), ""),
        "consented" => (lang.of("電話による了承を記録する", "Record a consent by telephone"), "second"),
        "invoked" => (lang.of("包括承認を発動する", "Use the standing approval"), ""),
        "done" => (lang.of("実施を記録する", "Record that it was done"), ""),
        "confirmed" => (lang.of("報告を確認する", "Confirm the report"), ""),
        "resubmitted" => (lang.of("再提出する", "Hand in again"), ""),
        _ => (lang.of("報告・提供する", "Report or deliver"), ""),
    }
}

fn name(word: &str, part: &str) -> String {
    format!("{word}-{part}")
}

fn seat_field(visit: &Visit, step: &Possible) -> Field {
    let choice = |(post, manner): &Seat| Choice {
        value: format!("{post}|{}", request_words::spelled(manner)),
        label: format!(
            "{}（{}）",
            request_show::post(visit, post),
            request_words::manner(visit.lang, *manner)
        ),
        chosen: step.seats.len() == 1,
    };
    let choices = step.seats.iter().map(choice).collect();
    Field::new(&name(step.word, "seat"), visit.of("どの職として", "In which post"), Input::OneOf(choices))
}

fn lines(visit: &Visit, word: &str, part: &str, ja: &str, en: &str) -> Field {
    Field::new(&name(word, part), visit.of(ja, en), Input::Lines(String::new()))
}

fn moment(visit: &Visit, word: &str, part: &str, ja: &str, en: &str) -> Field {
    Field::line(&name(word, part), visit.of(ja, en), "").hint(moment_hint(visit))
}

fn fields(visit: &Visit, seen: &Seen, step: &Possible) -> Vec<Field> {
    let word = step.word;
    let reason = || lines(visit, word, "reason", "理由", "Reason");
    match word {
        "consulted" => {
            let outcomes = [Outcome::Agreed, Outcome::Continues, Outcome::Failed].map(|outcome| {
                (request_words::spelled(&outcome), request_words::outcome(visit.lang, outcome).to_owned())
            });
            vec![
                moment(visit, word, "at", "協議した日時", "Talked at"),
                Field::one_of(&name(word, "outcome"), visit.of("結果", "Outcome"), outcomes),
                lines(visit, word, "record", "協議の内容と判断", "What was said"),
            ]
        }
        "signed" => {
            let opinions = [Opinion::Agrees, Opinion::Objects].map(|opinion| {
                (request_words::spelled(&opinion), request_words::opinion(visit.lang, opinion).to_owned())
            });
            vec![
                seat_field(visit, step),
                Field::one_of(&name(word, "opinion"), visit.of("意見", "Opinion"), opinions),
                lines(visit, word, "remark", "付言", "Remark").optional(),
            ]
        }
        "approved" => of_approval(visit, seen, step),
        "refused" | "revoked" => vec![seat_field(visit, step), reason()],
        "returned" | "withdrawn" => vec![reason()],
        "countersigned" => vec![seat_field(visit, step)],
        "consented" => of_consent(visit, word),
        "invoked" => of_use(visit, seen, word),
        "done" => vec![
            moment(visit, word, "from", "開始した日時", "Began"),
            moment(visit, word, "to", "終了した日時", "Ended"),
            lines(
                visit,
                word,
                "result",
                "結果（予定と違ったときは理由も）",
                "Result, and why it differs from the plan",
            ),
        ],
        "confirmed" => vec![lines(visit, word, "remark", "付言", "Remark").optional()],
        _ => Vec::new(),
    }
}

fn of_approval(visit: &Visit, seen: &Seen, step: &Possible) -> Vec<Field> {
    let word = step.word;
    let filled = &seen.progress.filled;
    let conditions =
        lines(visit, word, "conditions", "条件（1行に1つ）", "Conditions, one a line").optional();
    let hint = visit.of("条件がなければ空欄。", "Empty: none.");
    let mut fields = vec![seat_field(visit, step), conditions.hint(hint)];
    if filled.window.is_some() {
        let narrower = visit
            .of("申請より短くするときだけ入力します。", "Only where it is to be shorter than asked for.");
        let from = moment(visit, word, "from", "承認する開始", "Approved from").optional();
        let to = moment(visit, word, "to", "承認する終了", "Approved to").optional();
        let hint = |field: Field| {
            let example = field.hint.clone();
            field.hint(&format!("{narrower} {example}"))
        };
        fields.extend([hint(from), hint(to)]);
        let reserve = Field::line(
            &name(word, "reserve"),
            visit.of("承認する予備時間（分）", "Approved reserve, minutes"),
            "",
        );
        fields.push(reserve.optional());
    }
    if filled.scope.systems.len() > 1 {
        fields.push(systems_field(visit, &filled.scope, word));
    }
    if !filled.scope.things.is_empty() {
        let things: Vec<String> = filled.scope.things.iter().map(|thing| thing_line(visit, thing)).collect();
        let label =
            visit.of("承認する対象物（減らすときは行を消す）", "Approved things; remove lines to narrow");
        fields.push(Field::new(&name(word, "things"), label, Input::Lines(things.join("\n"))));
    }
    fields
}

fn systems_field(visit: &Visit, scope: &Scope, word: &str) -> Field {
    let names = board::system_names(visit);
    let choice = |id: &yakujo_contract::id::SystemId| Choice {
        value: id.to_string(),
        label: names.get(id).cloned().unwrap_or_else(|| id.to_string()),
        chosen: true,
    };
    let choices = scope.systems.iter().map(choice).collect();
    Field::new(&name(word, "systems"), visit.of("対象の情報システム", "Systems"), Input::AnyOf(choices))
        .optional()
}

/// The fields of a consent by telephone.
#[must_use]
pub fn of_consent(visit: &Visit, word: &str) -> Vec<Field> {
    let court = visit.office.court();
    let offices = &court.evidence().offices;
    let posts = offices
        .posts()
        .into_iter()
        .map(|post| (post.to_string(), offices.name(post).map_or_else(|| post.to_string(), str::to_owned)));
    let posts: Vec<(String, String)> = posts.collect();
    drop(court);
    vec![
        moment(visit, word, "at", "了承を得た日時", "Consented at").hint(consent_hint(visit)),
        Field::one_of(&name(word, "post"), visit.of("了承した職", "Post that consented"), posts),
        Field::line(&name(word, "who"), visit.of("電話の相手の氏名", "Who was on the telephone"), ""),
        lines(visit, word, "read_back", "復唱した内容", "What was read back"),
    ]
}

fn of_use(visit: &Visit, seen: &Seen, word: &str) -> Vec<Field> {
    let mut fields = vec![
        moment(visit, word, "at", "発動した日時", "From").hint(&typed_moment(visit.now)),
        lines(visit, word, "reason", "発動の理由", "Why"),
    ];
    if seen.progress.scope().systems.len() > 1 {
        fields.push(systems_field(visit, seen.progress.scope(), word));
    }
    let hosts = Field::line(&name(word, "hosts"), visit.of("対象のホスト", "Hosts"), "").optional();
    fields.push(hosts.hint(visit.of("空欄なら、承認された範囲のすべて。", "Empty: all that were approved.")));
    let because = Field::line(
        &name(word, "because"),
        visit.of("きっかけの記録（台帳の番号）", "Entry that set it off"),
        "",
    );
    fields.push(because.optional());
    fields
}

/// A step that was read, and texts kept outside.
struct ReadStep {
    step: Step,
    who: Option<String>,
}

fn read(visit: &Visit, seen: &Seen, word: &str) -> Result<ReadStep, Vec<Wrong>> {
    let mut reading = Reading::of(visit);
    let read = read_step(&mut reading, visit, seen, word);
    match read {
        Some(read) if reading.wrong.is_empty() => Ok(read),
        Some(_) | None => Err(reading.wrong),
    }
}

fn read_seat(reading: &mut Reading<'_>, visit: &Visit, word: &str) -> Option<Seat> {
    let field = name(word, "seat");
    let seat = visit.typed(&field).split_once('|').and_then(|(post, manner)| {
        Some((post.parse::<PostId>().ok()?, request_words::read_word::<Manner>(manner)?))
    });
    if seat.is_none() {
        reading.refuse(&field, "職を選んでください。", "Choose a post.");
    }
    seat
}

fn read_step(reading: &mut Reading<'_>, visit: &Visit, seen: &Seen, word: &str) -> Option<ReadStep> {
    let mut text = |part: &str, need| reading.text(&name(word, part), need);
    let step = match word {
        "received" => Step::Received,
        "returned" => Step::Returned { reason: text("reason", Ask::Must) },
        "withdrawn" => Step::Withdrawn { reason: text("reason", Ask::Must) },
        "confirmed" => Step::Confirmed { remark: text("remark", Ask::May) },
        "consulted" => {
            let record = text("record", Ask::Must);
            let at = reading.moment(&name(word, "at"), Ask::Must);
            let outcome = reading.word(&name(word, "outcome"), Ask::Must);
            Step::Consulted { at: at?, outcome: outcome?, record }
        }
        "done" => {
            let result = text("result", Ask::Must);
            let from = reading.moment(&name(word, "from"), Ask::Must);
            let to = reading.moment(&name(word, "to"), Ask::Must);
            Step::Done { from: from?, to: to?, result }
        }
        "consented" => return read_consent(reading, visit, word),
        "invoked" => {
            let reason = text("reason", Ask::Must);
            let at = reading.moment(&name(word, "at"), Ask::Must);
            let because = reading.number(&name(word, "because"), Ask::May).map(EntryNumber);
            Step::Invoked { at: at?, scope: narrowed(reading, visit, seen, word), reason, because }
        }
        _ => return read_seated(reading, visit, seen, word),
    };
    Some(ReadStep { step, who: None })
}

fn read_seated(reading: &mut Reading<'_>, visit: &Visit, seen: &Seen, word: &str) -> Option<ReadStep> {
    let seat = read_seat(reading, visit, word);
    let step = match word {
        "signed" => {
            let remark = reading.text(&name(word, "remark"), Ask::May);
            let opinion = reading.word(&name(word, "opinion"), Ask::Must);
            let (post, manner) = seat?;
            Step::Signed { post, manner, opinion: opinion?, remark }
        }
        "approved" => {
            let conditions = reading.text(&name(word, "conditions"), Ask::May);
            let conditions = conditions.lines().map(str::trim).filter(|line| !line.is_empty());
            let conditions = conditions.map(str::to_owned).take(20).collect();
            let window = narrowed_window(reading, visit, seen, word);
            let scope = narrowed(reading, visit, seen, word);
            let scope = (scope != seen.progress.filled.scope).then_some(scope);
            let (post, manner) = seat?;
            Step::Approved { post, manner, conditions, window, scope }
        }
        "refused" | "revoked" => {
            let reason = reading.text(&name(word, "reason"), Ask::Must);
            let (post, manner) = seat?;
            if word == "refused" {
                Step::Refused { post, manner, reason }
            } else {
                Step::Revoked { post, manner, reason }
            }
        }
        "countersigned" => Step::Countersigned { post: seat?.0 },
        _ => return None,
    };
    Some(ReadStep { step, who: None })
}

fn read_consent(reading: &mut Reading<'_>, visit: &Visit, word: &str) -> Option<ReadStep> {
    let read_back = reading.text(&name(word, "read_back"), Ask::Must);
    let who = reading.text(&name(word, "who"), Ask::Must);
    let at = reading.moment(&name(word, "at"), Ask::Must);
    let post = visit.typed(&name(word, "post")).parse().ok();
    if post.is_none() {
        reading.refuse(&name(word, "post"), "職を選んでください。", "Choose a post.");
    }
    // Takes the place of the digest that is made when the text is kept.
    let blank = Withheld { digest: "0".repeat(64).try_into().ok()? };
    let step = Step::Consented { at: at?, post: post?, who: blank, read_back };
    Some(ReadStep { step, who: Some(who) })
}

fn narrowed_window(reading: &mut Reading<'_>, visit: &Visit, seen: &Seen, word: &str) -> Option<Window> {
    let asked = seen.progress.filled.window?;
    let typed = ["from", "to", "reserve"].iter().any(|part| !visit.typed(&name(word, part)).is_empty());
    if !typed {
        return None;
    }
    let from = reading.moment(&name(word, "from"), Ask::May).unwrap_or(asked.from);
    let to = reading.moment(&name(word, "to"), Ask::May).unwrap_or(asked.to);
    let reserve_min = reading.number(&name(word, "reserve"), Ask::May).unwrap_or(asked.reserve_min);
    Some(Window { from, to, reserve_min })
}

fn narrowed(reading: &mut Reading<'_>, visit: &Visit, seen: &Seen, word: &str) -> Scope {
    let mut scope = seen.progress.scope().clone();
    let chosen: Vec<_> = visit.typed_all(&name(word, "systems")).filter_map(|id| id.parse().ok()).collect();
    if scope.systems.len() > 1 {
        scope.systems.retain(|system| chosen.contains(system));
        if scope.systems.is_empty() {
            reading.refuse(&name(word, "systems"), "一つ以上選んでください。", "Choose at least one.");
        }
    }
    if word == "approved" && !scope.things.is_empty() {
        scope.things = reading.things(&name(word, "things"), Ask::Must);
    }
    let hosts = if word == "invoked" { reading.hosts(&name(word, "hosts")) } else { [].into() };
    if !hosts.is_empty() {
        scope.hosts = hosts;
    }
    scope
}

/// Shows a step once more, or records it.
///
/// # Errors
/// Absent, where there is no such request or step.
pub async fn take(visit: Visit) -> Answer {
    let seen = request_show::found(&visit)?;
    let word = crate::decide::possible::WORDS
        .into_iter()
        .find(|word| visit.part("step").is_ok_and(|it| it == *word));
    let word = word.filter(|word| !matches!(*word, "resubmitted" | "reported")).ok_or(Refusal::Absent)?;
    let again = |wrong: Vec<Wrong>| Some(Mistake { word: word.to_owned(), wrong });
    if visit.typed("go") == "edit" {
        return request::answer(&visit, &seen, again(Vec::new()), "").await;
    }
    let read = match read(&visit, &seen, word) {
        Ok(read) => read,
        Err(wrong) => return request::answer(&visit, &seen, again(wrong), "").await,
    };
    if visit.typed("go") != "send" {
        return look(&visit, &seen, word, &read).await;
    }
    record(&visit, &seen, word, read).await
}

async fn look(visit: &Visit, seen: &Seen, word: &str, read: &ReadStep) -> Answer {
    // What cannot be taken is said before it is confirmed, not after.
    let not_now = {
        let court = visit.office.court();
        let actor = visit.actor()?;
        crate::decide::possible::outcome(&court, &actor, &seen.progress, &read.step, visit.now).err()
    };
    if let Some(why) = not_now {
        let text = request_words::why_not(visit.lang, &why);
        let mistake = Mistake { word: word.to_owned(), wrong: Vec::new() };
        return request::answer(visit, seen, Some(mistake), &text).await;
    }
    let (verb, class) = verb(visit.lang, word);
    let title = match visit.lang {
        Lang::Ja => format!("{} を「{}」", seen.number, verb),
        Lang::En => format!("{}: {verb}", seen.number),
    };
    let mut rows = vec![
        (visit.of("番号", "Number").to_owned(), Cell::text(seen.number.to_string())),
        (visit.of("件名", "Title").to_owned(), Cell::text(seen.progress.filled.title.as_str())),
        (visit.of("操作", "Step").to_owned(), Cell::text(request_words::step(visit.lang, &read.step))),
    ];
    let names = Names::of(visit, None).await?;
    rows.extend(request_details::details(visit, &names, &read.step));
    if let Some(who) = &read.who {
        let label = visit.of("電話の相手", "On the telephone");
        rows.retain(|(name, _)| name != label);
        rows.push((label.to_owned(), Cell::text(who.as_str())));
    }
    request_new::confirmation(visit, &title, rows, &[], verb, class)
}

async fn record(visit: &Visit, seen: &Seen, word: &str, mut read: ReadStep) -> Answer {
    let newest = visit.typed(NEWEST).parse().ok().map(EntryNumber).ok_or(Refusal::Absent)?;
    let mut kept = Vec::new();
    if let (Some(text), Step::Consented { who, .. }) = (&read.who, &mut read.step) {
        *who = visit.office.people.keep(text).await?;
        kept.push(who.clone());
    }
    let act = Act::RequestStep { request: seen.id.clone(), step: read.step };
    match visit.settle(act, Some(newest)).await? {
        Ok(_) => visit.go(&format!("/requests/{}", seen.id)),
        Err(refusal) => {
            request_read::forget(visit, &kept).await?;
            let mistake = Mistake { word: word.to_owned(), wrong: Vec::new() };
            let now = request_show::found(visit)?;
            let text = not_taken(visit, &now, &refusal).await?;
            request::answer(visit, &now, Some(mistake), &text).await
        }
    }
}

/// Why a step was not taken; where somebody was faster, with what he did.
///
/// # Errors
/// When the database fails.
pub async fn not_taken(
    visit: &Visit,
    now: &Seen,
    refusal: &crate::decide::Refusal,
) -> Result<String, Refusal> {
    let mut text = words::refusal(visit.lang, refusal);
    let last = now.request.steps().last();
    if let (crate::decide::Refusal::Stale, Some((stamp, by, step))) = (refusal, last) {
        let names = Names::of(visit, None).await?;
        let when = super::era::wareki(visit.lang, stamp.received);
        let (party, name) = (words::party(visit.lang, by.party), names.person(&by.person));
        let step = request_words::step(visit.lang, step);
        text.push_str(&match visit.lang {
            Lang::Ja => format!("最後の記録は、{when} の「{step}」です（{party} {name}）。"),
            Lang::En => format!(" The last entry: {step}, {when} ({party}, {name})."),
        });
    }
    Ok(text)
}

/// The page of a request as an answer to a form that could not be taken.
///
/// # Errors
/// When a template fails.
pub fn refused(visit: &Visit, page: &mut super::frame::Page, text: &str) -> Answer {
    if !text.is_empty() {
        page.blocks.insert(0, Block::note(Tone::Bad, "", text));
    }
    frame::show_wrong(visit, page)
}
