//! One person: a new link, the end of the role, and after that the erasure of the name.

use super::block::{Block, Cell, Field, Form, Input, Link, Tone};
use super::frame::{self, Page};
use super::people::{name, state};
use super::visit::{Answer, Refusal, Visit};
use super::words;
use crate::audience::Audience;
use crate::decide::may;
use crate::office::ONE_TIME_LIVES;
use crate::people::Person;
use yakujo_contract::act::{Act, Role};
use yakujo_contract::fact::Fact;
use yakujo_contract::id::PersonId;

async fn found(visit: &Visit) -> Result<Person, Refusal> {
    let id: PersonId = visit.part("person")?.parse().map_err(|_| Refusal::Absent)?;
    visit.office.people.person(&id).await.map_err(|_| Refusal::Absent)
}

fn leaving(person: &Person, reason: &str) -> Act {
    Act::PersonLeft { person: person.id.clone(), role: person.role, reason: reason.to_owned() }
}

/// The visitor looks after this person.
fn is_own(visit: &Visit, person: &Person) -> bool {
    visit.session().is_ok_and(|session| may(session.person.role, &leaving(person, "")))
}

/// Somebody the visitor looks after; anybody else does not exist for this purpose.
async fn own(visit: &Visit) -> Result<Person, Refusal> {
    let person = found(visit).await?;
    if is_own(visit, &person) { Ok(person) } else { Err(Refusal::Absent) }
}

/// The page.
///
/// # Errors
/// Absent, where there is no such person.
pub async fn show(visit: Visit) -> Answer {
    let lang = visit.lang;
    let person = found(&visit).await?;
    let mut page = Page::new("people", name(&person), "");
    page.trail = vec![Link::new(format!("{}/people", visit.base()), visit.of("関係者", "People"))];
    let mut fields = vec![
        (visit.of("役割", "Role").to_owned(), Cell::text(words::role(lang, person.role))),
        (
            visit.of("職", "Post").to_owned(),
            Cell::text(person.post.clone().unwrap_or_else(|| "－".to_owned())),
        ),
        (visit.of("状態", "State").to_owned(), Cell::Tag(state(&visit, &person).to_owned())),
        (visit.of("開始", "From").to_owned(), Cell::time(lang, person.from)),
        (visit.of("終了", "Until").to_owned(), Cell::maybe_time(lang, person.until)),
        (visit.of("離任", "Left").to_owned(), Cell::maybe_time(lang, person.left)),
        (
            visit.of("最後のサインイン", "Last sign-in").to_owned(),
            Cell::maybe_time(lang, person.last_sign_in),
        ),
        (visit.of("ID（台帳での名）", "Id in the ledger").to_owned(), Cell::code(person.id.as_str())),
    ];
    if is_own(&visit, &person) {
        fields.insert(
            0,
            (visit.of("サインイン名", "Sign-in name").to_owned(), Cell::code(person.login.as_str())),
        );
    }
    page.push(Block::Fields(fields));
    let entries = format!("{}/ledger?person={}", visit.base(), person.id);
    page.push(Block::Buttons(vec![(
        entries,
        visit.of("この人の行為の記録を見る", "Entries of this person").to_owned(),
        "second",
    )]));
    if visit.may(Audience::Leads) && is_own(&visit, &person) {
        actions(&visit, &person, &mut page);
    }
    frame::show(&visit, &page)
}

fn actions(visit: &Visit, person: &Person, page: &mut Page) {
    let path = |action: &str| format!("/people/{}/{action}", person.id);
    if person.left.is_some() {
        if person.name.is_some() {
            page.push(Block::Heading(visit.of("氏名の消去", "Erase the name").to_owned()));
            let text = visit.of(
                "氏名をサーバから消します。台帳の行為の記録は残り、検証もできますが、誰の名かは分からなくなります。元に戻せません。",
                "The name is removed from the server. The entries stay and verify, without the name. This cannot be undone.",
            );
            page.push(Block::note(Tone::Warn, "", text));
            let fields = vec![Field::new("reason", visit.of("理由", "Reason"), Input::Lines(String::new()))];
            let form = visit.form(&path("erase"), visit.of("氏名を消去する", "Erase the name"), fields);
            page.push(Block::Form(Form { class: "grave", ..form }));
        }
        return;
    }
    page.push(Block::Heading(visit.of("サインインのリンク", "Link to sign in").to_owned()));
    let text = visit.of(
        "パスワードや認証アプリをなくしたとき、または最初のリンクの期限が過ぎたときに発行します。前のリンクは使えなくなります。誰が誰に発行したかは台帳に記録されます。",
        "For somebody who lost password or authenticator, or whose first link expired. Earlier links stop working. Who issued it for whom is recorded in the ledger.",
    );
    page.push(Block::Text(text.to_owned()));
    let label = visit.of("新しいリンクを発行する", "Issue a new link");
    page.push(Block::Form(Form { class: "second", ..visit.form(&path("link"), label, Vec::new()) }));
    page.push(Block::Heading(visit.of("離任", "End of the role").to_owned()));
    let text = visit.of(
        "異動・退職などで役割を終えるとき。すぐにサインインできなくなり、開いている接続も切れます。",
        "When the role ends. The person is signed out at once and cannot sign in any more.",
    );
    page.push(Block::note(Tone::Warn, "", text));
    let fields = vec![
        Field::new("reason", visit.of("理由", "Reason"), Input::Lines(String::new()))
            .hint(visit.of("例：4月1日付け異動", "For example: transfer on 1 April")),
    ];
    let form = visit.form(&path("leave"), visit.of("離任を記録する", "Record the end"), fields);
    page.push(Block::Form(Form { class: "grave", ..form }));
}

/// A new link.
///
/// # Errors
/// Absent, where the visitor does not look after the person.
pub async fn link(visit: Visit) -> Answer {
    let person = own(&visit).await?;
    if person.left.is_some() {
        return Err(Refusal::Absent);
    }
    visit.act(Act::PersonLinked { person: person.id.clone(), role: person.role }).await?;
    let secret = visit.office.people.grant_link(&person.id, visit.now, ONE_TIME_LIVES).await?;
    show_link(&visit, &name(&person), &secret)
}

/// The page with a link. It is shown once.
///
/// # Errors
/// When a template fails.
pub fn show_link(visit: &Visit, name: &str, secret: &str) -> Answer {
    let mut page =
        Page::new("people", visit.of("サインインのリンクを渡してください", "Hand over this link"), "");
    page.trail = vec![Link::new(format!("{}/people", visit.base()), visit.of("関係者", "People"))];
    let text = visit.of(
        "このリンクは24時間、1回だけ使えます。本人にだけ渡してください。この画面を閉じると、二度と表示されません。",
        "It works once within 24 hours. Hand it only to the person. It is not shown again.",
    );
    page.push(Block::note(Tone::Warn, name, text));
    page.push(Block::Pre(format!("https://{}{}/link/{secret}", visit.host, visit.base())));
    page.push(Block::Buttons(vec![(
        format!("{}/people", visit.base()),
        visit.of("一覧へ戻る", "Back to the list").to_owned(),
        "second",
    )]));
    frame::show(visit, &page)
}

/// The role ends.
///
/// # Errors
/// When it is refused.
pub async fn leave(visit: Visit) -> Answer {
    let person = own(&visit).await?;
    if person.left.is_some() {
        return Err(Refusal::Absent);
    }
    if is_last(&visit, &person).await? {
        let text = visit.of(
            "この側で人を登録できる最後の一人です。先に、後任の決裁者またはセキュリティ責任者を登録し、サインインを確かめてください。",
            "The last one who can enter people of this party. Enter the successor first, and see that he can sign in.",
        );
        return Err(Refusal::Wrong(text.to_owned()));
    }
    visit.act(leaving(&person, visit.typed("reason"))).await?;
    for closed in visit.office.people.leave(&person.id, visit.now).await? {
        visit.office.state(None, Fact::SessionClose(closed)).await?;
    }
    visit.go(&format!("/people/{}", person.id))
}

/// Nobody else of the party could look after its people.
async fn is_last(visit: &Visit, leaving: &Person) -> Result<bool, Refusal> {
    let leads = |role: Role| Audience::Leads.admits(crate::audience::Caller::Person(role));
    let people = visit.office.people.everybody().await?;
    let another = people.iter().any(|other| {
        other.id != leaving.id
            && other.role.party() == leaving.role.party()
            && leads(other.role)
            && other.has_password
            && other.is_active(visit.now)
    });
    Ok(leads(leaving.role) && !another)
}

/// Erases the name of somebody who left. The ledger says that it was done, and why, before it is done.
///
/// # Errors
/// When it is refused.
pub async fn erase(visit: Visit) -> Answer {
    let person = own(&visit).await?;
    if person.left.is_none() || person.name.is_none() {
        return Err(Refusal::Absent);
    }
    let digest = {
        let court = visit.office.court();
        let holder = court.evidence().people.get(&(person.id.clone(), person.role));
        holder.and_then(|holder| holder.entered.value.name.clone()).ok_or(Refusal::Absent)?
    };
    visit
        .act(Act::PersonalErased { digest: digest.clone(), reason: visit.typed("reason").to_owned() })
        .await?;
    visit.office.people.erase_name(&person.id).await?;
    visit.go(&format!("/people/{}", person.id))
}
