//! 関係者: who acts for which party, in which role and post, since when and until when. Each party looks after its own.

use super::block::{Block, Cell, Field, Table, Tone};
use super::frame::{self, Page};
use super::list::{List, Wanted};
use super::person;
use super::visit::{Answer, Refusal, Visit};
use super::{era, words};
use crate::audience::Audience;
use crate::decide::may;
use crate::entering::Entered;
use crate::office::OfficeError;
use crate::people::{PeopleError, Person, role_from, role_word};
use jiff::Timestamp;
use yakujo_contract::act::{Act, Role, Withheld};
use yakujo_contract::id::{Digest, PersonId, PostId};

/// The page.
///
/// # Errors
/// When the database fails.
pub async fn show(visit: Visit) -> Answer {
    let wanted = Wanted::of(&visit);
    let mut people = visit.office.people.everybody().await?;
    people.sort_by_key(|person| (role_word(person.role), person.id.clone()));
    let (rows, next) = wanted.take(
        people.iter(),
        |person| format!("{}|{}", role_word(person.role), person.id),
        |person| row(&visit, person),
    );
    let heads = [
        visit.of("氏名", "Name"),
        visit.of("役割", "Role"),
        visit.of("職", "Post"),
        visit.of("状態", "State"),
        visit.of("開始", "From"),
        visit.of("終了", "Until"),
        visit.of("最後のサインイン", "Last sign-in"),
    ];
    let table = Table {
        caption: visit.of("関係者の一覧", "People").to_owned(),
        heads: heads.into_iter().map(str::to_owned).collect(),
        rows,
        empty: visit.of("該当する人はいません。", "There is nobody.").to_owned(),
    };
    let list = List { name: "people", table, next, keep: Vec::new() };
    if let Some(download) = list.download(&visit, &wanted).await {
        return download;
    }
    let lead = visit.of(
        "市、受託者、監査人のうち、この契約に関わる人です。それぞれの側が、自分の側の人を登録します。",
        "Everybody of this contract. Each party looks after its own people.",
    );
    let mut page = Page::new("people", visit.of("関係者", "People"), lead);
    if visit.may(Audience::Leads) {
        let href = format!("{}/people/new", visit.base());
        page.push(Block::Buttons(vec![(
            href,
            visit.of("人を登録する", "Enter a person").to_owned(),
            "second",
        )]));
    }
    page.blocks.extend(list.blocks(&visit, &wanted));
    frame::show(&visit, &page)
}

fn row(visit: &Visit, person: &Person) -> Vec<Cell> {
    let lang = visit.lang;
    vec![
        Cell::link(format!("{}/people/{}", visit.base(), person.id), name(person)),
        Cell::text(words::role(lang, person.role)),
        Cell::text(person.post.clone().unwrap_or_else(|| "－".to_owned())),
        Cell::Tag(state(visit, person).to_owned()),
        Cell::time(lang, person.from),
        Cell::maybe_time(lang, person.left.or(person.until)),
        Cell::maybe_time(lang, person.last_sign_in),
    ]
}

/// The name, or the id in the ledger once the name was erased.
#[must_use]
pub fn name(person: &Person) -> String {
    person.name.clone().unwrap_or_else(|| person.id.to_string())
}

/// Whether somebody can sign in, in one word.
#[must_use]
pub fn state(visit: &Visit, person: &Person) -> &'static str {
    if person.left.is_some() {
        visit.lang.of("離任", "Left")
    } else if !person.is_active(visit.now) {
        visit.lang.of("期間外", "Outside the period")
    } else if person.has_password {
        visit.lang.of("利用中", "Active")
    } else {
        visit.lang.of("初回サインイン前", "Not signed in yet")
    }
}

/// The roles that the visitor may give.
fn roles(visit: &Visit) -> Vec<Role> {
    let Ok(session) = visit.session() else { return Vec::new() };
    let own = session.person.role;
    let enter = |role: &Role| {
        let Ok(digest) = Digest::try_from("0".repeat(64)) else { return false };
        let act = Act::PersonEntered {
            person: session.person.id.clone(),
            role: *role,
            post: None,
            from: visit.now,
            until: None,
            name: Withheld { digest },
            same_as: None,
        };
        may(own, &act)
    };
    Role::ALL.into_iter().filter(enter).collect()
}

/// The form.
///
/// # Errors
/// When a template fails.
pub async fn form(visit: Visit) -> Answer {
    frame::show(&visit, &form_page(&visit, "").await?)
}

async fn form_page(visit: &Visit, wrong: &str) -> Result<Page, Refusal> {
    let lead = visit.of(
        "登録すると、本人が最初のサインインに使うリンクが一度だけ表示されます。氏名は台帳の外に保管され、離任後に消せます。",
        "A link for the first sign-in is shown once. The name is kept outside the ledger and can be erased later.",
    );
    let mut page = Page::new("people", visit.of("人を登録する", "Enter a person"), lead);
    page.trail =
        vec![super::block::Link::new(format!("{}/people", visit.base()), visit.of("関係者", "People"))];
    if !wrong.is_empty() {
        page.push(Block::note(Tone::Bad, "", wrong));
    }
    let choices = roles(visit)
        .into_iter()
        .map(|role| (role_word(role).to_owned(), words::role(visit.lang, role).to_owned()));
    let mut fields = vec![
        Field::line("name", visit.of("氏名", "Name"), ""),
        Field::line("login", visit.of("サインイン名", "Sign-in name"), "").hint(visit.of(
            "半角の英小文字・数字・ハイフン・点で、2〜32文字。例：tanaka",
            "2 to 32 of a-z, 0-9, '-', '.'",
        )),
        Field::one_of("role", visit.of("役割", "Role"), choices),
        Field::line("until", visit.of("終了", "Until"), "").optional().hint(
            visit.of("監査人は必ず入力します。例：R9.3.31", "Always for an auditor, for example 2027-03-31"),
        ),
    ];
    let none = (String::new(), visit.of("なし", "None").to_owned());
    if visit.may(Audience::City) {
        let posts = super::posts::all(visit).into_iter().map(|(post, name)| (post.to_string(), name));
        let post = Field::one_of("post", visit.of("職", "Post"), std::iter::once(none.clone()).chain(posts));
        fields.insert(
            3,
            post.optional().hint(visit.of(
                "決裁者が、いまから就く職です。職は「職と代決」で先に登録します。",
                "The post that an approver takes from now on; posts are entered first.",
            )),
        );
    }
    let known = visit.office.people.everybody().await?;
    let known = known.iter().filter(|person| person.left.is_none());
    let known = known.map(|person| {
        (person.id.to_string(), format!("{}（{}）", name(person), words::role(visit.lang, person.role)))
    });
    let same = visit.of("同じ方の別アカウント", "Another account of the same person");
    let same = Field::one_of("same_as", same, std::iter::once(none).chain(known)).optional();
    fields.push(same.hint(visit.of(
        "すでにアカウントを持つ方に、別の役割のアカウントを作るときだけ選びます。自分の申請を自分で承認することを防ぎます。",
        "Only where somebody gets a second account. Nobody approves what he asked for himself.",
    )));
    let fields = visit.retyped(fields);
    let label = visit.of("登録してリンクを発行する", "Enter and issue a link");
    page.push(Block::Form(visit.form("/people/new", label, fields)));
    Ok(page)
}

/// Enters a person and shows the link.
///
/// # Errors
/// When a field cannot be read, or the act is refused.
pub async fn enter(visit: Visit) -> Answer {
    match entered(&visit).await {
        Ok(secret) => person::show_link(&visit, visit.typed("name"), &secret),
        Err(Refusal::Wrong(text)) => frame::show_wrong(&visit, &form_page(&visit, &text).await?),
        Err(other) => Err(other),
    }
}

async fn entered(visit: &Visit) -> Result<zeroize::Zeroizing<String>, Refusal> {
    let wrong = |ja: &str, en: &str| Refusal::Wrong(visit.of(ja, en).to_owned());
    let role = role_from(visit.typed("role")).filter(|role| roles(visit).contains(role));
    let role = role.ok_or_else(|| wrong("役割を選んでください。", "Choose a role."))?;
    if visit.typed("name").is_empty() || visit.typed("name").chars().count() > 100 {
        return Err(wrong("氏名を100文字以内で入力してください。", "A name has 1 to 100 characters."));
    }
    let post: Option<PostId> = match visit.typed("post") {
        "" => None,
        post => Some(post.parse().map_err(|_| wrong("職を選び直してください。", "Choose the post again."))?),
    };
    let until: Option<Timestamp> = match visit.typed("until") {
        "" => None,
        until => Some(era::read(until).ok_or_else(|| {
            wrong("終了の日付を読み取れません。例：R9.3.31", "The end cannot be read: 2027-03-31")
        })?),
    };
    let same_as: Option<PersonId> = match visit.typed("same_as") {
        "" => None,
        same => {
            let chosen: PersonId =
                same.parse().map_err(|_| wrong("人を選び直してください。", "Choose the person again."))?;
            visit.office.people.person(&chosen).await?;
            Some(chosen)
        }
    };
    let (login, name) = (visit.typed("login"), visit.typed("name"));
    let entered = Entered { login, name, role, post, until, same_as };
    let entered = visit.office.enter_somebody(Some(visit.actor()?), entered);
    entered.await.map_err(|error| match error {
        OfficeError::People(PeopleError::LoginTaken(_)) => {
            wrong("このサインイン名は使われています。", "The sign-in name is taken.")
        }
        OfficeError::People(PeopleError::LoginForm) => wrong(
            "サインイン名は半角の英小文字・数字・ハイフン・点で、2〜32文字です。",
            "A sign-in name is 2 to 32 of a-z, 0-9, '-', '.'.",
        ),
        OfficeError::First(refusal) => Refusal::Wrong(words::refusal(visit.lang, &refusal)),
        other => Refusal::from(other),
    })
}
