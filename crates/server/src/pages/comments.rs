//! Comments on a thing: what the parties say to each other, and what each says inside its own organisation (社内・庁内).
//! Any page includes them with [`push`]. Nothing is changed or taken back: a further comment puts it right, and both
//! stay. Whoever leads a party can erase a text of his own party, for personal data; that it was said stays.

use super::block::{Block, Cell, Field, Form, Input, Link, Remark, Tone};
use super::frame::{self, Page};
use super::visit::{Answer, Refusal, Visit};
use super::words;
use crate::audience::Audience;
use crate::decide::{self, known_topic};
use crate::office::OfficeError;
use crate::people::comments::Remark as Internal;
use crate::views::comments::Comment;
use jiff::Timestamp;
use std::collections::BTreeMap;
use yakujo_contract::act::Act;
use yakujo_contract::entry::Party;
use yakujo_contract::id::PersonId;
use yakujo_contract::topic::Topic;

/// Comments shown at once, of each thing.
const SHOWN: u32 = 100;

/// Who is to read it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scope {
    Internal,
    Shared,
}

/// One comment, from wherever it is kept.
struct Said {
    scope: Scope,
    /// The last part of its path.
    key: String,
    about: Topic,
    person: PersonId,
    party: Party,
    at: Timestamp,
    text: Option<String>,
}

/// Adds the comments on these things, with the form for a further one. Each thing with its name, told where there are
/// several.
///
/// # Errors
/// When a database fails.
pub async fn push(visit: &Visit, page: &mut Page, topics: &[(Topic, String)]) -> Result<(), Refusal> {
    let before = visit.asked("comments").parse().unwrap_or(Timestamp::MAX);
    let mut all = Vec::new();
    let mut more = None;
    for (topic, _) in topics {
        let said = of_topic(visit, topic, before).await?;
        more = more.max(said.1);
        all.extend(said.0);
    }
    all.sort_by(|one, other| (one.at, &one.key).cmp(&(other.at, &other.key)));
    let names = names(visit, &all).await?;
    let several = topics.len() > 1;
    let label = |topic: &Topic| {
        let known = topics.iter().find(|(other, _)| several && other == topic);
        known.map_or_else(String::new, |(_, label)| label.clone())
    };
    let remarks = all.iter().map(|said| remark(visit, said, &names, label(&said.about))).collect();
    page.push(Block::Comments(visit.of("コメント", "Comments").to_owned(), remarks));
    if let Some(oldest) = more {
        let href = format!("{}?comments={oldest}", visit.uri_path);
        let text = visit.of("これより前のコメントを見る", "Earlier comments");
        page.push(Block::Buttons(vec![(href, text.to_owned(), "second")]));
    }
    if visit.may(Audience::Parties) && !topics.is_empty() {
        page.push(Block::Form(form(visit, topics)));
    }
    Ok(())
}

/// The comments on one thing that the visitor may read, and whether there are earlier ones: before which instant.
async fn of_topic(
    visit: &Visit,
    topic: &Topic,
    before: Timestamp,
) -> Result<(Vec<Said>, Option<Timestamp>), Refusal> {
    let shared = visit.office.views().comments(topic, before, SHOWN).await?;
    let own = visit.session()?.person.role.party();
    let internal = visit.office.people.remarks(own, topic, before, SHOWN).await?;
    let full = |count: usize| u32::try_from(count).is_ok_and(|count| count >= SHOWN);
    let more = full(shared.len()) || full(internal.len());
    let mut all: Vec<Said> = internal.into_iter().map(|remark| of_own(own, remark)).collect();
    for comment in shared {
        all.push(of_both(visit, comment).await?);
    }
    all.sort_by_key(|said| std::cmp::Reverse(said.at));
    // Of two sources only what both reach back to is shown: what lies before comes with the next page.
    all.truncate(usize::try_from(SHOWN).unwrap_or(usize::MAX));
    let oldest = all.last().map(|said| said.at).filter(|_| more);
    Ok((all, oldest))
}

fn of_own(party: Party, remark: Internal) -> Said {
    let Internal { id, about, person, at, text } = remark;
    Said { scope: Scope::Internal, key: id, about, person, party, at, text }
}

async fn of_both(visit: &Visit, comment: Comment) -> Result<Said, Refusal> {
    let text = visit.office.people.withheld(&comment.digest).await?.map(|(_, text)| text);
    let Comment { number, about, person, party, at, .. } = comment;
    Ok(Said { scope: Scope::Shared, key: number.to_string(), about, person, party, at, text })
}

async fn names(visit: &Visit, all: &[Said]) -> Result<BTreeMap<PersonId, String>, Refusal> {
    let mut names = BTreeMap::new();
    for said in all {
        if !names.contains_key(&said.person) {
            let known = visit.office.people.person(&said.person).await.ok();
            let name = known.and_then(|person| person.name).unwrap_or_else(|| said.person.to_string());
            names.insert(said.person.clone(), name);
        }
    }
    Ok(names)
}

fn remark(visit: &Visit, said: &Said, names: &BTreeMap<PersonId, String>, label: String) -> Remark {
    let lang = visit.lang;
    let mut meta = vec![Cell::Tag(scope_words(visit, said.scope, said.party))];
    if !label.is_empty() {
        meta.push(Cell::text(label));
    }
    meta.push(Cell::time(lang, said.at));
    let page = format!("{}/comments/{}", visit.base(), said.key);
    if said.scope == Scope::Shared {
        let entry = format!("{}/ledger/{}", visit.base(), said.key);
        meta.push(Cell::link(entry, format!("{} #{}", lang.of("台帳", "Ledger"), said.key)));
    }
    meta.push(Cell::link(page, lang.of("このコメント", "This comment")));
    Remark {
        class: match said.scope {
            Scope::Internal => "internal",
            Scope::Shared => "shared",
        },
        who: format!(
            "{} {}",
            words::party(lang, said.party),
            names.get(&said.person).map_or("", String::as_str)
        ),
        meta,
        text: said.text.clone().unwrap_or_else(|| {
            let erased = lang.of("（この文は消去されました。）", "(This text was erased.)");
            erased.to_owned()
        }),
    }
}

fn scope_words(visit: &Visit, scope: Scope, own: Party) -> String {
    let text = match (scope, own) {
        (Scope::Shared, _) => visit.of("双方に見える", "Both parties see it"),
        (Scope::Internal, Party::City) => visit.of("市の中だけ", "The city alone sees it"),
        (Scope::Internal, _) => visit.of("受託者の中だけ", "The contractor alone sees it"),
    };
    text.to_owned()
}

fn fields(visit: &Visit, topics: &[(Topic, String)]) -> Vec<Field> {
    let own = visit.party().unwrap_or(Party::Auditor);
    let scopes = [("internal", Scope::Internal), ("shared", Scope::Shared)];
    let scopes = scopes.map(|(word, scope)| (word.to_owned(), scope_words(visit, scope, own)));
    let mut fields = Vec::new();
    if topics.len() > 1 {
        let abouts = topics.iter().map(|(topic, label)| (topic.to_string(), label.clone()));
        fields.push(Field::one_of("about", visit.of("何についてか", "About"), abouts));
    }
    let hint = visit.of(
        "書いた後は変えられません。誤りは、続けて書くコメントで正してください。双方に見えるコメントは、書いたことが台帳に残り、文はサーバに保管されます。",
        "A comment cannot be changed: put it right with a further one. That you wrote to both parties is recorded in the ledger; the text is kept on the server.",
    );
    fields.push(Field::one_of("scope", visit.of("だれに見せるか", "Who sees it"), scopes));
    fields.push(Field::new("text", visit.of("コメント", "Comment"), Input::Lines(String::new())).hint(hint));
    fields
}

fn form(visit: &Visit, topics: &[(Topic, String)]) -> Form {
    let label = visit.of("コメントを書く", "Write the comment");
    let mut form = Form { class: "second", ..visit.form("/comments", label, fields(visit, topics)) };
    if let [(topic, _)] = topics {
        form.hidden.push(("about".to_owned(), topic.to_string()));
    }
    form
}

/// Where a thing is shown.
#[must_use]
pub fn place(topic: &Topic) -> String {
    match topic {
        Topic::Duty(duty, _) => format!("/duty/{duty}"),
        Topic::Proposal(id) => format!("/agreements/{id}"),
        Topic::Request(id) => format!("/requests/{id}"),
        Topic::Finding(id) => format!("/findings/{id}"),
    }
}

/// Takes a comment.
///
/// # Errors
/// Absent, where there is no such thing; with a page to put it right, where the comment cannot be taken.
pub async fn make(visit: Visit) -> Answer {
    let topic: Topic = visit.typed("about").parse().map_err(|_| Refusal::Absent)?;
    known_topic(&visit.office.court(), visit.office.terms(), &topic).map_err(|_| Refusal::Absent)?;
    let text = visit.typed("text");
    let taken = match visit.typed("scope") {
        "internal" => within(&visit, &topic, text).await,
        "shared" => to_both(&visit, &topic, text).await,
        _ => {
            let wrong = visit.of("だれに見せるかを選んでください。", "Choose who sees it.");
            Err(Refusal::Wrong(wrong.to_owned()))
        }
    };
    match taken {
        Ok(()) => visit.go(&format!("{}#comments", place(&topic))),
        Err(Refusal::Wrong(wrong)) => again(&visit, topic, &wrong),
        Err(other) => Err(other),
    }
}

async fn within(visit: &Visit, topic: &Topic, text: &str) -> Result<(), Refusal> {
    let refused = |refusal| Refusal::Wrong(words::refusal(visit.lang, &refusal));
    decide::check_text(text).map_err(refused)?;
    let person = &visit.session()?.person;
    visit.office.people.remark(person.role.party(), &person.id, topic, text, visit.now).await?;
    Ok(())
}

async fn to_both(visit: &Visit, topic: &Topic, text: &str) -> Result<(), Refusal> {
    let seen = visit.seen_before()?;
    match visit.office.say(visit.actor()?, topic.clone(), text, Some(seen)).await {
        Ok(_) => Ok(()),
        Err(OfficeError::First(refusal)) => Err(Refusal::Wrong(words::refusal(visit.lang, &refusal))),
        Err(other) => Err(other.into()),
    }
}

/// What was typed, with what is wrong with it.
fn again(visit: &Visit, topic: Topic, wrong: &str) -> Answer {
    let mut page = Page::new("", visit.of("コメント", "Comment"), "");
    page.trail = vec![Link::new(format!("{}{}", visit.base(), place(&topic)), visit.of("元の画面", "Back"))];
    page.push(Block::note(Tone::Bad, "", wrong));
    let mut form = form(visit, &[(topic, String::new())]);
    form.fields = visit.retyped(form.fields);
    page.push(Block::Form(form));
    frame::show_wrong(visit, &page)
}

/// A comment the visitor may read.
async fn found(visit: &Visit) -> Result<(Said, Option<Comment>), Refusal> {
    let key = visit.part("comment")?;
    if let Ok(number) = key.parse::<u64>() {
        let comment = visit.office.views().comment(number).await?.ok_or(Refusal::Absent)?;
        return Ok((of_both(visit, comment.clone()).await?, Some(comment)));
    }
    let own = visit.session()?.person.role.party();
    let remark = visit.office.people.one_remark(own, key).await?.ok_or(Refusal::Absent)?;
    Ok((of_own(own, remark), None))
}

/// One comment.
///
/// # Errors
/// Absent, where there is none the visitor may read.
pub async fn show(visit: Visit) -> Answer {
    let (said, _) = found(&visit).await?;
    let names = names(&visit, std::slice::from_ref(&said)).await?;
    let mut page = Page::new("", visit.of("コメント", "Comment"), "");
    let back = format!("{}{}", visit.base(), place(&said.about));
    page.trail = vec![Link::new(back, visit.of("元の画面", "Where it was said"))];
    let about = said.about.to_string();
    page.push(Block::Comments(
        visit.of("コメント", "Comment").to_owned(),
        vec![remark(&visit, &said, &names, about)],
    ));
    if may_erase(&visit, &said) && said.text.is_some() {
        page.push(Block::Heading(visit.of("文の消去", "Erase the text").to_owned()));
        let text = visit.of(
            "個人情報など、残してはならないことが書かれたときに使います。文だけをサーバから消します。だれがいつ書いたかは残ります。元に戻せません。",
            "For personal data that must not stay. The text is removed from the server; who wrote it and when stays. This cannot be undone.",
        );
        page.push(Block::note(Tone::Warn, "", text));
        let fields = vec![Field::new("reason", visit.of("理由", "Reason"), Input::Lines(String::new()))];
        let path = format!("/comments/{}/erase", said.key);
        let form = visit.form(&path, visit.of("文を消去する", "Erase the text"), fields);
        page.push(Block::Form(Form { class: "grave", ..form }));
    }
    frame::show(&visit, &page)
}

fn may_erase(visit: &Visit, said: &Said) -> bool {
    visit.may(Audience::Leads) && visit.party() == Some(said.party)
}

/// Erases a text of the own party. Of what both parties see, the ledger says so before it is done.
///
/// # Errors
/// Absent, where there is none the visitor may read; refused, where it is the other party's.
pub async fn erase(visit: Visit) -> Answer {
    let (said, shared) = found(&visit).await?;
    if !may_erase(&visit, &said) {
        let refusal = decide::Refusal::NotYours;
        return Err(Refusal::Wrong(words::refusal(visit.lang, &refusal)));
    }
    match shared {
        Some(comment) if said.text.is_some() => {
            let reason = visit.typed("reason").to_owned();
            visit.act(Act::PersonalErased { digest: comment.digest.clone(), reason }).await?;
            visit.office.people.erase(&comment.digest).await?;
        }
        Some(_) => {}
        None => visit.office.people.erase_remark(said.party, &said.key, visit.now).await?,
    }
    visit.go(&format!("/comments/{}", said.key))
}
