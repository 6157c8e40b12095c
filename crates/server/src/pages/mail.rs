//! メールでのお知らせ: a person's own address, proved by a code that was mailed there, and how often mail comes.

use super::block::{Block, Cell, Field, Input, Link, Tone};
use super::frame::{self, Page};
use super::visit::{Answer, Refusal, Visit};
use super::webhooks::word;
use crate::audience::Audience;
use crate::notices::mail;
use crate::notices::pacing::Pace;
use crate::notices::plan::Kind;
use crate::people::mail::Choice;

/// The page.
///
/// # Errors
/// When the database fails.
pub async fn show(visit: Visit) -> Answer {
    let choice = visit.office.people.mail_choice(&visit.session()?.person.id).await?;
    let lead = visit.of(
        "メールには、種類・要旨の一文・画面の場所だけを書きます（判定・所見・ホストについては種類と場所だけ）。内容の確認と承認には、サインインが必要です。",
        "A mail holds one sentence and the place; of standings, findings and hosts only that there is something. Reading and approving need a sign-in.",
    );
    let mut page = Page::new("account", visit.of("メールでのお知らせ", "Notices by mail"), lead);
    page.trail =
        vec![Link::new(format!("{}/account", visit.base()), visit.of("自分のアカウント", "Own account"))];
    if let Some(choice) = &choice {
        page.push(Block::Fields(state(&visit, choice)));
    }
    if !visit.may(Audience::Parties) {
        return frame::show(&visit, &page);
    }
    if let Some(choice) = &choice {
        if choice.verified.is_none() {
            let text = visit
                .of("宛先に届いた8桁の番号を入力してください。", "Type the eight digits that were mailed.");
            page.push(Block::note(
                Tone::Warn,
                visit.of("宛先はまだ確かめられていません", "Not proved yet"),
                text,
            ));
            let code = Field::new("code", visit.of("番号", "Code"), Input::Digits("one-time-code"));
            let label = visit.of("宛先を確かめる", "Prove the address");
            page.push(Block::Form(visit.form("/account/mail/code", label, vec![code])));
        }
        let paces = Pace::ALL.map(|pace| (pace.word().to_owned(), word(&visit, pace).to_owned()));
        let field = Field::one_of("pace", visit.of("頻度", "How often"), paces).refill(&[choice.pace.word()]);
        page.push(Block::Form(visit.form(
            "/account/mail/pace",
            visit.of("頻度を変える", "Change"),
            vec![field],
        )));
        let label = visit.of("種類を変える", "Change which");
        page.push(Block::Form(visit.form("/account/mail/kinds", label, vec![boxes(&visit, choice)])));
    }
    page.push(Block::Heading(visit.of("宛先を登録する", "Register an address").to_owned()));
    let field =
        Field::new("address", visit.of("メールアドレス", "Address"), Input::Line(String::new(), "email"));
    page.push(Block::Form(visit.form("/account/mail", visit.of("番号を送る", "Send a code"), vec![field])));
    frame::show(&visit, &page)
}

/// What comes by mail: a box per kind.
fn boxes(visit: &Visit, choice: &Choice) -> Field {
    let all = Kind::ALL.map(|kind| {
        let (ja, en) = kind.name();
        (kind.word().to_owned(), visit.of(ja, en).to_owned())
    });
    let wanted: Vec<&str> =
        Kind::ALL.into_iter().filter(|kind| !choice.muted.contains(kind)).map(Kind::word).collect();
    let hint = visit.of(
        "選ばなかった種類は、至急のものを除き、メールを送りません（画面のお知らせには残ります）。",
        "The others are not mailed unless they are urgent; they stay in the portal.",
    );
    Field::any_of("kind", visit.of("受け取る種類", "Which"), all).refill(&wanted).optional().hint(hint)
}

fn state(visit: &Visit, choice: &Choice) -> Vec<(String, Cell)> {
    let failures = match (choice.waiting, choice.given_up) {
        (_, 0) if choice.why.is_empty() => visit.of("正常", "Fine").to_owned(),
        (waiting, given_up) => match visit.lang {
            super::words::Lang::Ja => format!("待ち {waiting} 件、断念 {given_up} 件：{}", choice.why),
            super::words::Lang::En => format!("{waiting} wait, {given_up} given up: {}", choice.why),
        },
    };
    vec![
        (visit.of("宛先", "Address").to_owned(), Cell::text(choice.address.as_str())),
        (visit.of("宛先の確認", "Proved").to_owned(), Cell::maybe_time(visit.lang, choice.verified)),
        (visit.of("頻度", "How often").to_owned(), Cell::text(word(visit, choice.pace))),
        (visit.of("送信の状態", "State").to_owned(), Cell::text(failures)),
    ]
}

/// Names an address; a code goes there.
///
/// # Errors
/// When it is no address, a code was sent just now, or no mail can be sent.
pub async fn address(visit: Visit) -> Answer {
    let wrong = |ja: &str, en: &str| Refusal::Wrong(visit.of(ja, en).to_owned());
    let address = visit.typed("address").trim().to_owned();
    if mail::address(&address).is_none() {
        return Err(wrong("メールアドレスとして読み取れません。", "This is no address of mail."));
    }
    let person = visit.session()?.person.id.clone();
    let Some(code) = visit.office.people.choose_address(&person, &address, visit.now).await? else {
        return Err(wrong("1分たってから、もう一度お試しください。", "Try again in a minute."));
    };
    if let Err(error) = mail::send_code(&visit.office, &address, &code).await {
        // Not the words of the other server: they may name the address.
        let kind = match error {
            mail::MailError::File(why) => why,
            mail::MailError::Refused(_) => "refused for good".to_owned(),
            mail::MailError::Later(_) => "not now".to_owned(),
        };
        tracing::warn!("a code could not be mailed: {kind}");
        return Err(wrong(
            "メールを送れませんでした。運用担当へ、メールの設定（mail.toml）を確かめるよう連絡してください。",
            "The mail could not be sent. Ask the operator to look at mail.toml.",
        ));
    }
    visit.go("/account/mail")
}

/// The code came back.
///
/// # Errors
/// When it is not the right one.
pub async fn code(visit: Visit) -> Answer {
    let person = visit.session()?.person.id.clone();
    if visit.office.people.verify_address(&person, visit.typed("code").trim(), visit.now).await? {
        return visit.go("/account/mail");
    }
    let text = visit.of(
        "番号が違うか、期限が切れています。番号を送り直してください。",
        "The code is wrong or too old. Send a new one.",
    );
    Err(Refusal::Wrong(text.to_owned()))
}

/// How often.
///
/// # Errors
/// When there is no such pace.
pub async fn pace(visit: Visit) -> Answer {
    let pace = Pace::of(visit.typed("pace")).ok_or_else(|| {
        Refusal::Wrong(visit.of("受け取り方を選んでください。", "Choose how often.").to_owned())
    })?;
    visit.office.people.choose_pace(&visit.session()?.person.id, pace).await?;
    visit.go("/account/mail")
}

/// Which kinds.
///
/// # Errors
/// When the database fails.
pub async fn kinds(visit: Visit) -> Answer {
    let wanted: Vec<&str> = visit.typed_all("kind").collect();
    let muted: Vec<Kind> = Kind::ALL.into_iter().filter(|kind| !wanted.contains(&kind.word())).collect();
    visit.office.people.mute(&visit.session()?.person.id, &muted).await?;
    visit.go("/account/mail")
}
