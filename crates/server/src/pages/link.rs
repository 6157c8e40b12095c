//! One-time link: a new password, an authenticator, recovery codes; one form, used up at once.

use super::block::{Block, Cell, Field, Form, Input, Tone, Upload};
use super::era;
use super::frame::{self, Page};
use super::sign_in::set_known_device;
use super::visit::{Answer, Refusal, Visit};
use super::words;
use crate::people::links::{LinkError, Opened, Redeemed};
use yakujo_contract::fact::Fact;

/// The form.
///
/// # Errors
/// When the database fails.
pub async fn show(visit: Visit) -> Answer {
    match visit.office.people.open_link(visit.part("secret")?, visit.now).await {
        Ok(opened) => frame::show(&visit, &form(&visit, &opened, "", "")?),
        Err(error) => refused(&visit, error),
    }
}

/// Uses the link up.
///
/// # Errors
/// When the database fails.
pub async fn redeem(visit: Visit) -> Answer {
    let secret = visit.part("secret")?;
    let people = &visit.office.people;
    let opened = match people.open_link(secret, visit.now).await {
        Ok(opened) => opened,
        Err(error) => return refused(&visit, error),
    };
    let password = super::visit::find(&visit.form, "password");
    if password != super::visit::find(&visit.form, "again") {
        let wrong = visit.of("2回の入力が一致しません。", "The two passwords differ.");
        return frame::show_wrong(&visit, &form(&visit, &opened, wrong, "")?);
    }
    let code = era::half_width(visit.typed("code"));
    match people.redeem_link(secret, password, &code, visit.now).await {
        Ok(redeemed) => set(&visit, redeemed).await,
        Err(LinkError::Weak(weak)) => {
            frame::show_wrong(&visit, &form(&visit, &opened, words::weak(visit.lang, weak), "")?)
        }
        Err(LinkError::WrongCode) => {
            let wrong = visit.of(
                "確認コードが違います。いま表示されている6桁を入力してください。端末の時刻も確かめてください。",
                "The code is wrong. Type the six digits shown now, and check the clock of your device.",
            );
            frame::show_wrong(&visit, &form(&visit, &opened, "", wrong)?)
        }
        Err(error) => refused(&visit, error),
    }
}

/// States which sessions ended, and shows the recovery codes.
async fn set(visit: &Visit, redeemed: Redeemed) -> Answer {
    for close in redeemed.closed {
        visit.office.state(None, Fact::SessionClose(close)).await?;
    }
    let codes = redeemed.codes.iter().map(|code| code.to_string()).collect();
    let mut response = frame::show(visit, &done(visit, codes))?;
    set_known_device(response.headers_mut(), visit, &redeemed.device);
    Ok(response)
}

fn refused(visit: &Visit, error: LinkError) -> Answer {
    match error {
        LinkError::People(error) => Err(Refusal::from(error)),
        LinkError::Invalid | LinkError::Weak(_) | LinkError::WrongCode => {
            let text = visit.of(
                "このリンクは使えません。期限が過ぎたか、すでに使われています。発行した人に、新しいリンクを頼んでください。",
                "This link does not work (any more). Ask whoever sent it for a new one.",
            );
            let mut page = Page::new("", visit.of("リンクが使えません", "The link does not work"), "");
            page.push(Block::note(Tone::Bad, "", text));
            frame::show_wrong(visit, &page)
        }
    }
}

fn steps(visit: &Visit, current: usize) -> Block {
    let steps = [
        visit.of("パスワードと認証アプリ", "Password and authenticator"),
        visit.of("回復コードの控え", "Recovery codes"),
        visit.of("サインイン", "Sign in"),
    ];
    Block::Steps(steps.into_iter().map(str::to_owned).collect(), current)
}

fn form(visit: &Visit, opened: &Opened, wrong_password: &str, wrong_code: &str) -> Result<Page, Refusal> {
    let name = opened.person.name.as_deref().unwrap_or(&opened.person.login);
    let title = visit.of("はじめてのサインインの準備", "Prepare to sign in");
    let mut page = Page::new("", title, "");
    page.push(steps(visit, 0));
    page.push(Block::Fields(vec![
        (visit.of("氏名", "Name").to_owned(), Cell::text(name)),
        (visit.of("役割", "Role").to_owned(), Cell::text(words::role(visit.lang, opened.person.role))),
    ]));
    page.push(Block::Heading(visit.of("認証アプリに登録する", "Register your authenticator").to_owned()));
    page.push(Block::Text(
        visit
            .of(
                "認証アプリで次の図を読み取ってください。読み取れないときは、下の文字を入力してください。",
                "Scan this with your authenticator, or type the characters below.",
            )
            .to_owned(),
    ));
    page.push(qr(visit, &opened.address)?);
    page.push(Block::Pre(in_fours(&opened.secret)));
    page.push(Block::Heading(visit.of("パスワードを決める", "Choose a password").to_owned()));
    let hint = visit.of(
        "12文字以上です。関係のない単語をいくつか並べると、長くても覚えやすくなります。",
        "At least 12 characters. Several unrelated words are long and easy to remember.",
    );
    let login = Input::Line(opened.person.login.clone(), "username");
    let fields = vec![
        Field::new("login", visit.of("サインイン名（変えられません）", "Sign-in name (fixed)"), login),
        Field::new("password", visit.of("パスワード", "Password"), Input::Secret("new-password"))
            .hint(hint)
            .wrong(wrong_password),
        Field::new(
            "again",
            visit.of("パスワード（もう一度）", "Password again"),
            Input::Secret("new-password"),
        ),
        Field::new(
            "code",
            visit.of("認証アプリの6桁", "Six digits of the authenticator"),
            Input::Digits("one-time-code"),
        )
        .wrong(wrong_code),
    ];
    page.push(Block::Form(Form {
        action: visit.uri_path.clone(),
        csrf: visit.csrf.clone(),
        hidden: Vec::new(),
        fields,
        label: visit.of("設定する", "Set").to_owned(),
        class: "",
        upload: Upload::No,
        go: "",
        further: Vec::new(),
    }));
    Ok(page)
}

/// Groups of four are easier to type; authenticators pass over the spaces.
fn in_fours(secret: &str) -> String {
    let fours: Vec<&str> =
        secret.as_bytes().chunks(4).filter_map(|four| std::str::from_utf8(four).ok()).collect();
    fours.join(" ")
}

fn done(visit: &Visit, codes: Vec<String>) -> Page {
    let title = visit.of("回復コードを控えてください", "Keep your recovery codes");
    let lead = visit.of(
        "認証アプリを使えなくなったとき、確認コードの代わりに1回ずつ使えます。二度と表示しません。印刷して、安全な場所に保管してください。",
        "Each works once instead of a code when you have lost your authenticator. They are not shown again: print them and keep them safe.",
    );
    let mut page = Page::new("", title, lead);
    page.push(steps(visit, 1));
    page.push(Block::Codes(codes));
    let sign_in = format!("{}/sign-in?after=set", visit.base());
    page.push(Block::Buttons(vec![(
        sign_in,
        visit.of("サインインへ進む", "Go on to sign in").to_owned(),
        "",
    )]));
    page
}

fn qr(visit: &Visit, text: &str) -> Result<Block, Refusal> {
    let code = qrcode::QrCode::new(text.as_bytes())?;
    let width = code.width();
    let mut path = String::new();
    for (index, color) in code.to_colors().into_iter().enumerate() {
        if color == qrcode::Color::Dark {
            let (x, y) = (index % width + 4, index / width + 4);
            path.push_str(&format!("M{x} {y}h1v1h-1z"));
        }
    }
    let words = visit.of("認証アプリに登録するためのQRコード", "QR code for your authenticator");
    Ok(Block::Qr(path, width + 8, words.to_owned()))
}
