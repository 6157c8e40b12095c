//! 電話による了承: at night somebody has to act, and has the city on the telephone. Eight fields on a telephone's screen
//! record the request and the consent in one go; the written form follows on the next open day, and turns red where it
//! does not.

use super::block::{Block, Choice, Field, Input, Link, Tone};
use super::frame::{self, Page};
use super::request_fields::{consent_hint, moment_hint, typed_moment};
use super::request_new::{self, id_of, nonce};
use super::request_read::{self, Reading, Wrong};
use super::visit::{Answer, Refusal, Visit};
use super::words::{self, Lang};
use super::{board, posts};
use crate::decide;
use jiff::Timestamp;
use std::collections::BTreeMap;
use yakujo_contract::act::{Act, Withheld};
use yakujo_contract::id::{PostId, RequestId};
use yakujo_contract::request::flow::WhyNot;
use yakujo_contract::request::form::{Ask, Form};
use yakujo_contract::request::{FieldValue, Filled, RequestNumber, Scope, Step, Window};

/// The form.
///
/// # Errors
/// When a template fails.
pub async fn show(visit: Visit) -> Answer {
    frame::show(&visit, &page(&visit, &[], "")?)
}

fn page(visit: &Visit, wrong: &[Wrong], text: &str) -> Result<Page, Refusal> {
    let lead = visit.of(
        "緊急・夜間に、電話で市の了承を得て行うときに使います。送ると、申請と了承の記録が同時に台帳に残ります。市が書面で確認するまで、正式な承認ではありません。",
        "Where the city consents by telephone. It records the request and the consent; the city confirms in writing.",
    );
    let title = visit.of("電話による了承を記録する", "Record a consent by telephone");
    let mut page = Page::new("requests/new", title, lead);
    let new = format!("{}/requests/new", visit.base());
    page.trail = vec![request_new::back(visit), Link::new(new, visit.of("新しい申請・報告", "New"))];
    if !text.is_empty() {
        page.push(Block::note(Tone::Bad, "", text));
    }
    let posts = posts::all(visit);
    if posts.is_empty() {
        let text = visit.of(
            "市の職がまだ登録されていないため、記録できません。市に登録を依頼してください。",
            "There are no posts of the city yet. Ask the city to enter them.",
        );
        page.push(Block::note(Tone::Bad, "", text));
        return Ok(page);
    }
    let fields = fields(visit, posts).into_iter().map(|field| {
        let found = wrong.iter().find(|wrong| wrong.field == field.name);
        found.map_or_else(|| field.clone(), |wrong| field.clone().wrong(&wrong.text))
    });
    let label = visit.of("了承を記録する", "Record the consent");
    let mut sheet = visit.form("/requests/call", label, visit.retyped(fields.collect()));
    sheet.hidden.extend(nonce(visit)?);
    page.push(Block::Form(sheet));
    Ok(page)
}

fn fields(visit: &Visit, posts: Vec<(PostId, String)>) -> Vec<Field> {
    let kinds = [
        ("F-07".to_owned(), visit.of("停止・運用の制限", "A stop or restriction").to_owned()),
        ("F-09".to_owned(), visit.of("変更", "A change").to_owned()),
    ];
    let systems = board::system_names(visit);
    let only = systems.len() == 1;
    let choice = |(id, label): (yakujo_contract::id::SystemId, String)| Choice {
        value: id.to_string(),
        label,
        chosen: only,
    };
    let systems = Input::AnyOf(systems.into_iter().map(choice).collect());
    let posts = posts.into_iter().map(|(post, name)| (post.to_string(), name));
    let things =
        Field::new("things", visit.of("変更する対象", "Things to change"), Input::Lines(String::new()));
    let until = Field::line("to", visit.of("終わる予定の日時", "Until"), "").hint(moment_hint(visit));
    let read_back =
        visit.of("復唱した内容（何を、なぜ、どこまで行うか）", "What was read back: what, why, how far");
    vec![
        Field::one_of("kind", visit.of("行うこと", "What"), kinds),
        Field::new("systems", visit.of("対象の情報システム", "Systems"), systems),
        things.optional().hint(visit.of(
            "変更のときは必ず、1行に1つ。例：ファイル /etc/nginx/nginx.conf",
            "For a change, one a line: file /etc/nginx/nginx.conf",
        )),
        until,
        Field::line("at", visit.of("了承を得た日時", "Consented at"), &typed_moment(visit.now))
            .hint(consent_hint(visit)),
        Field::one_of("post", visit.of("了承した職", "Post that consented"), posts),
        Field::line("who", visit.of("電話の相手の氏名", "Who was on the telephone"), ""),
        Field::new("read_back", read_back, Input::Lines(String::new())),
    ]
}

/// What was typed.
struct Call {
    filled: Filled,
    at: Timestamp,
    post: PostId,
    who: String,
    read_back: String,
}

fn read(visit: &Visit) -> Result<Call, Vec<Wrong>> {
    let mut reading = Reading::of(visit);
    let call = read_call(&mut reading, visit);
    match call {
        Some(call) if reading.wrong.is_empty() => Ok(call),
        Some(_) | None => Err(reading.wrong),
    }
}

fn read_call(reading: &mut Reading<'_>, visit: &Visit) -> Option<Call> {
    let form = match visit.typed("kind") {
        "F-07" => Some(Form::F07),
        "F-09" => Some(Form::F09),
        _ => None,
    };
    if form.is_none() {
        reading.refuse("kind", "一つ選んでください。", "Choose one.");
    }
    let things = if form == Some(Form::F09) { Ask::Must } else { Ask::Never };
    let scope = reading.scope("", things);
    let (at, to) = (reading.moment("at", Ask::Must), reading.moment("to", Ask::Must));
    let (who, read_back) = (reading.text("who", Ask::Must), reading.text("read_back", Ask::Must));
    let post: Option<PostId> = visit.typed("post").parse().ok();
    if post.is_none() {
        reading.refuse("post", "職を選んでください。", "Choose a post.");
    }
    let (post, at, to) = (post?, at?, to?);
    if !visit.office.court().evidence().offices.is_occupied(&post, at) {
        let text = super::request_words::why_not(visit.lang, &WhyNot::Vacant(post.clone()));
        reading.wrong.push(Wrong { field: "post".to_owned(), text });
    }
    if at >= to {
        reading.refuse("to", "了承を得た日時より後にしてください。", "It comes after the consent.");
    }
    if at > visit.now {
        reading.refuse("at", "まだ来ていない日時です。", "That is in the future.");
    }
    let filled = filled(visit, form?, scope, Window { from: at, to, reserve_min: 0 }, &read_back);
    if reading.wrong.is_empty()
        && let Err(why) = filled.check()
    {
        let text = super::request_words::not_filled(visit.lang, &why);
        reading.wrong.push(Wrong { field: "read_back".to_owned(), text });
    }
    Some(Call { filled, at, post, who, read_back })
}

/// The form as far as it is known on the telephone: the rest is written when the city asks for it.
fn filled(visit: &Visit, form: Form, scope: Scope, window: Window, read_back: &str) -> Filled {
    let later = visit.of("電話による了承のため、書面で補います。", "By telephone; to be written later.");
    let own: &[(&str, &str)] = if form == Form::F07 {
        &[
            ("class", "stop"),
            ("reason", read_back),
            ("impact", later),
            ("announced", later),
            ("roll_back", later),
        ]
    } else {
        &[
            ("class", "emergency"),
            ("before_after", read_back),
            ("reason", read_back),
            ("affects", "yes"),
            ("affects_because", later),
            ("risk", later),
            ("roll_back", later),
            ("stop", "no"),
            ("procedure", later),
        ]
    };
    let clear = |(key, text): &(&str, &str)| ((*key).to_owned(), FieldValue::Clear((*text).to_owned()));
    let mut fields: BTreeMap<String, FieldValue> = own.iter().map(clear).collect();
    if form == Form::F07 {
        fields.insert("give_up".to_owned(), FieldValue::Clear(window.to.to_string()));
    }
    let what = if form == Form::F07 {
        visit.of("緊急の停止", "Stop")
    } else {
        visit.of("緊急の変更", "Change")
    };
    let title = match visit.lang {
        Lang::Ja => format!("{what}（電話による了承）"),
        Lang::En => format!("{what}, consented to by telephone"),
    };
    Filled {
        form,
        title,
        scope,
        window: Some(window),
        limit: None,
        standing: None,
        fields,
        attachments: Vec::new(),
        links: [].into(),
        about: None,
    }
}

/// Records request and consent.
///
/// # Errors
/// When the database fails.
pub async fn record(visit: Visit) -> Answer {
    let call = match read(&visit) {
        Ok(call) => call,
        Err(wrong) => return frame::show_wrong(&visit, &page(&visit, &wrong, "")?),
    };
    let request = id_of(&visit, 'q')?;
    let number = RequestNumber::new("R0", call.filled.form, 1);
    let filled = Box::new(call.filled.clone());
    match visit.settle(Act::RequestAsked { request: request.clone(), number, filled }, None).await? {
        // The form was sent twice: the request is there, and so is the consent or soon will be.
        Ok(_) => consent(&visit, &request, call).await,
        Err(decide::Refusal::Taken) => visit.go(&format!("/requests/{request}")),
        Err(refusal) => {
            let text = words::refusal(visit.lang, &refusal);
            frame::show_wrong(&visit, &page(&visit, &[], &text)?)
        }
    }
}

async fn consent(visit: &Visit, request: &RequestId, call: Call) -> Answer {
    let who: Withheld = visit.office.people.keep(&call.who).await?;
    let step = Step::Consented { at: call.at, post: call.post, who: who.clone(), read_back: call.read_back };
    let act = Act::RequestStep { request: request.clone(), step };
    if visit.settle(act, None).await?.is_err() {
        // The page of the request offers to record it once more.
        request_read::forget(visit, &[who]).await?;
    }
    visit.go(&format!("/requests/{request}"))
}
