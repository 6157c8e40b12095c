//! Declaring a line: one typed form per kind of matter. What was typed stays when something of it cannot be read.

use super::agreements::kind_name;
use super::block::Link;
use super::block::{Block, Field, Tone};
use super::frame::{self, Page};
use super::matter::{self, Misread};
use super::visit::{Answer, Refusal, Visit};
use super::words;
use yakujo_contract::act::{Act, Matter};

/// The form. Fields may be filled in by the query: pages of hosts lead here with what was observed.
///
/// # Errors
/// Absent, where there is no such kind of matter.
pub async fn show(visit: Visit) -> Answer {
    let word = word(&visit)?;
    frame::show(&visit, &page(&visit, word, None).await?)
}

/// Declares.
///
/// # Errors
/// When the act is refused.
pub async fn propose(visit: Visit) -> Answer {
    let word = word(&visit)?;
    let matter = match matter::read(&visit, word) {
        Ok(matter) => matter,
        Err(misread) => return frame::show_wrong(&visit, &page(&visit, word, Some(misread)).await?),
    };
    let proposal: yakujo_contract::id::ProposalId = crate::people::new_id('a')?.try_into()?;
    match visit.act(Act::Proposed { proposal: proposal.clone(), matter }).await {
        Ok(_) => visit.go(&format!("/agreements/{proposal}")),
        Err(Refusal::Wrong(text)) => {
            let mut page = page(&visit, word, None).await?;
            page.blocks.insert(0, Block::note(Tone::Bad, "", text));
            frame::show_wrong(&visit, &page)
        }
        Err(other) => Err(other),
    }
}

fn word(visit: &Visit) -> Result<&'static str, Refusal> {
    let asked = visit.part("matter")?;
    let typed = Matter::WORDS.into_iter().filter(|word| *word != "parameters");
    typed.into_iter().find(|word| *word == asked).ok_or(Refusal::Absent)
}

async fn page(visit: &Visit, word: &'static str, misread: Option<Misread>) -> Result<Page, Refusal> {
    let lang = visit.lang;
    let title = format!("{}{}", kind_name(lang, word), visit.of("を申告する", ": declare"));
    let lead = visit.of(
        "送ると台帳に記録され、相手方の合意待ちになります。合意されるまでは「申告あり・未合意」として扱われます。",
        "Sent, it stands in the ledger and waits for the other party. Until it agrees, it is declared only.",
    );
    let mut page = Page::new("agreements", title, lead);
    page.trail = vec![Link::new(format!("{}/agreements?of={word}", visit.base()), kind_name(lang, word))];
    let mut fields = matter::fields(visit, word);
    if word == "account" {
        fields.push(owner(visit).await?);
    }
    let fields = visit.prefilled(fields).into_iter().map(|field| match &misread {
        Some(Misread(name)) if *name == field.name => field.wrong(visit.of(
            "この欄を読み取れません。例のとおりに入力してください。",
            "This cannot be read. Write it like the example.",
        )),
        Some(_) | None => field,
    });
    let form =
        visit.form(&format!("/agreements/new/{word}"), visit.of("申告する", "Declare"), fields.collect());
    page.push(Block::Form(form));
    Ok(page)
}

/// Whose account it is, of those who are there: when that person leaves, it has to go.
async fn owner(visit: &Visit) -> Result<Field, Refusal> {
    let everybody = visit.office.people.everybody().await?;
    let there = everybody.iter().filter(|person| person.is_active(visit.now));
    let there = there.map(|person| {
        let role = words::role(visit.lang, person.role);
        (person.id.to_string(), format!("{}（{role}）", super::people::name(person)))
    });
    let none = (String::new(), visit.of("登録しない", "Not said").to_owned());
    let field = Field::one_of("owner", visit.of("持ち主", "Owner"), std::iter::once(none).chain(there));
    Ok(field.optional().hint(visit.of(
        "個人用のとき、使う人を選びます。離任すると、猶予時間（P-27）のうちに廃止が必要になります。",
        "Whose it is, where one person uses it. Once that person leaves, it has to go within the time of P-27.",
    )))
}
