//! Declaring a line: one typed form per kind of matter. What was typed stays when something of it cannot be read.

use super::agreements::kind_name;
use super::block::Link;
use super::block::{Block, Tone};
use super::frame::{self, Page};
use super::matter::{self, Misread};
use super::visit::{Answer, Refusal, Visit};
use yakujo_contract::act::{Act, Matter};

/// The form. Fields may be filled in by the query: pages of hosts lead here with what was observed.
///
/// # Errors
/// Absent, where there is no such kind of matter.
pub async fn show(visit: Visit) -> Answer {
    let word = word(&visit)?;
    frame::show(&visit, &page(&visit, word, None))
}

/// Declares.
///
/// # Errors
/// When the act is refused.
pub async fn propose(visit: Visit) -> Answer {
    let word = word(&visit)?;
    let matter = match matter::read(&visit, word) {
        Ok(matter) => matter,
        Err(misread) => return frame::show_wrong(&visit, &page(&visit, word, Some(misread))),
    };
    let proposal: yakujo_contract::id::ProposalId = crate::people::new_id('a')?.try_into()?;
    match visit.act(Act::Proposed { proposal: proposal.clone(), matter }).await {
        Ok(_) => visit.go(&format!("/agreements/{proposal}")),
        Err(Refusal::Wrong(text)) => {
            let mut page = page(&visit, word, None);
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

fn page(visit: &Visit, word: &'static str, misread: Option<Misread>) -> Page {
    let lang = visit.lang;
    let title = format!("{}{}", kind_name(lang, word), visit.of("を申告する", ": declare"));
    let lead = visit.of(
        "送ると台帳に記録され、相手方の合意待ちになります。合意されるまでは「申告あり・未合意」として扱われます。",
        "Sent, it stands in the ledger and waits for the other party. Until it agrees, it is declared only.",
    );
    let mut page = Page::new("agreements", title, lead);
    page.trail = vec![Link::new(format!("{}/agreements?of={word}", visit.base()), kind_name(lang, word))];
    let fields = visit.prefilled(matter::fields(visit, word)).into_iter().map(|field| match &misread {
        Some(Misread(name)) if *name == field.name => field.wrong(visit.of(
            "この欄を読み取れません。例のとおりに入力してください。",
            "This cannot be read. Write it like the example.",
        )),
        Some(_) | None => field,
    });
    let form =
        visit.form(&format!("/agreements/new/{word}"), visit.of("申告する", "Declare"), fields.collect());
    page.push(Block::Form(form));
    page
}
