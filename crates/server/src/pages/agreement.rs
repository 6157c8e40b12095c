//! One proposal: what it says in full, and the decision on it. The page itself is the confirmation: it names the
//! object, and the button says what will be done.

use super::agreements;
use super::block::{Block, Cell, Field, Form, Input, Link, Tone};
use super::frame::{self, Page};
use super::visit::{Answer, Refusal, Visit};
use super::{comments, parameters, words};
use yakujo_contract::act::{AccountLine, Act, Matter};
use yakujo_contract::evidence::agreement::{Proposal, Stage};
use yakujo_contract::id::ProposalId;
use yakujo_contract::topic::Topic;

/// The page.
///
/// # Errors
/// Absent, where there is no such proposal.
pub async fn show(visit: Visit) -> Answer {
    let lang = visit.lang;
    let id: ProposalId = visit.part("proposal")?.parse().map_err(|_| Refusal::Absent)?;
    let proposal =
        visit.office.court().evidence().agreements.proposal(&id).cloned().ok_or(Refusal::Absent)?;
    let matter = proposal.matter().ok_or(Refusal::Absent)?;
    let mut page = Page::new("agreements", agreements::matter_name(lang, matter), "");
    page.trail = vec![Link::new(
        format!("{}/agreements", visit.base()),
        visit.of("申告と合意", "Declared and agreed"),
    )];
    let mut about = fields(&visit, &id, &proposal, matter);
    if let Matter::Account(AccountLine { owner: Some(owner), .. }) = matter {
        let everybody = visit.office.people.everybody().await?;
        let known = everybody.iter().find(|person| person.id == *owner);
        let name = known.map_or_else(|| owner.to_string(), super::people::name);
        about.insert(1, (visit.of("持ち主", "Owner").to_owned(), Cell::text(name)));
    }
    page.push(Block::Fields(about));
    if let Matter::Parameters { values, .. } = matter {
        page.push(parameters::proposed(&visit, values));
    }
    page.blocks.extend(super::agreement_pdf::button(&visit, &format!("/agreements/{id}/pdf")));
    decision(&visit, &id, &proposal, &mut page);
    comments::push(&visit, &mut page, &[(Topic::Proposal(id), String::new())]).await?;
    page.push(Block::Fold(
        visit.of("台帳に記録された形", "As it stands in the ledger").to_owned(),
        serde_json::to_string_pretty(matter)?,
    ));
    frame::show(&visit, &page)
}

fn fields(visit: &Visit, id: &ProposalId, proposal: &Proposal, matter: &Matter) -> Vec<(String, Cell)> {
    let lang = visit.lang;
    let mut fields = vec![
        (visit.of("内容", "What").to_owned(), Cell::text(agreements::summary(lang, matter))),
        (visit.of("状態", "Stage").to_owned(), Cell::text(words::stage(lang, proposal.stage()))),
        (visit.of("番号", "Id").to_owned(), Cell::code(id.as_str())),
    ];
    let entry = |number| super::block::entries(&visit.base(), &[number]);
    if let Some(proposed) = &proposal.proposed {
        let by = Cell::text(words::party(lang, proposed.value.0));
        let cells = vec![by, Cell::time(lang, proposed.stamp.received), entry(proposed.stamp.entry)];
        fields.push((visit.of("申告", "Declared").to_owned(), Cell::Many(cells)));
    }
    for (party, stamp) in &proposal.agreed {
        let cells = vec![
            Cell::text(words::party(lang, *party)),
            Cell::time(lang, stamp.received),
            entry(stamp.entry),
        ];
        fields.push((visit.of("合意", "Agreed").to_owned(), Cell::Many(cells)));
    }
    for (party, stamp) in &proposal.refused {
        let cells = vec![
            Cell::text(words::party(lang, *party)),
            Cell::time(lang, stamp.received),
            entry(stamp.entry),
        ];
        fields.push((visit.of("不同意", "Refused").to_owned(), Cell::Many(cells)));
    }
    if let Some(stamp) = proposal.ended {
        fields.push((
            visit.of("終了", "Ended").to_owned(),
            Cell::Many(vec![Cell::time(lang, stamp.received), entry(stamp.entry)]),
        ));
    }
    fields
}

fn decision(visit: &Visit, id: &ProposalId, proposal: &Proposal, page: &mut Page) {
    let Some(session) = &visit.session else { return };
    let role = session.person.role;
    let by = proposal.proposed.as_ref().map(|proposed| proposed.value.0);
    let agree = crate::decide::may(role, &Act::Agreed { proposal: id.clone() });
    let reason = || vec![Field::new("reason", visit.of("理由", "Reason"), Input::Lines(String::new()))];
    let form = |action: &str, fields, label: &str, class| {
        Block::Form(Form { class, ..visit.form(&format!("/agreements/{id}/{action}"), label, fields) })
    };
    let own = by == Some(role.party());
    match proposal.stage() {
        Stage::Open if !own && agree => {
            page.push(Block::Heading(visit.of("合意するかどうか", "Decide").to_owned()));
            let text = visit.of(
                "合意すると、この内容が取り決めとして台帳に記録され、判定に使われます。記録は消せません。改めるときは、新しい申告と合意が必要です。",
                "If you agree, this holds from now on and is used to judge. The entry cannot be removed; a change needs a new proposal.",
            );
            page.push(Block::note(Tone::Warn, "", text));
            page.push(form("agree", Vec::new(), visit.of("この内容に合意する", "Agree to this"), ""));
            page.push(Block::Sub(visit.of("合意しない場合", "If you do not agree").to_owned()));
            page.push(form("refuse", reason(), visit.of("合意しない", "Refuse"), "grave"));
        }
        Stage::Open if !own => {
            let text = visit.of(
                "合意するかどうかは、決裁者またはセキュリティ責任者が決めます。",
                "An approver or the security lead decides.",
            );
            page.push(Block::note(Tone::Plain, "", text));
        }
        Stage::Open | Stage::Agreed(_) => {
            let act = Act::Ended { proposal: id.clone(), reason: "x".to_owned() };
            let allowed = crate::decide::may_end(&visit.office.court(), id, role.party()).is_ok();
            if allowed && crate::decide::may(role, &act) {
                page.push(Block::Heading(visit.of("取り下げる・終わらせる", "Take back or end").to_owned()));
                page.push(form("end", reason(), visit.of("終わらせる", "End this"), "grave"));
            }
        }
        Stage::Refused | Stage::Ended => {}
    }
}

fn id(visit: &Visit) -> Result<ProposalId, Refusal> {
    visit.part("proposal")?.parse().map_err(|_| Refusal::Absent)
}

/// Agrees.
///
/// # Errors
/// When it is refused.
pub async fn agree(visit: Visit) -> Answer {
    let proposal = id(&visit)?;
    visit.act(Act::Agreed { proposal: proposal.clone() }).await?;
    visit.go(&format!("/agreements/{proposal}"))
}

/// Refuses.
///
/// # Errors
/// When it is refused.
pub async fn refuse(visit: Visit) -> Answer {
    let proposal = id(&visit)?;
    visit.act(Act::Refused { proposal: proposal.clone(), reason: visit.typed("reason").to_owned() }).await?;
    visit.go(&format!("/agreements/{proposal}"))
}

/// Takes back or ends.
///
/// # Errors
/// When it is refused.
pub async fn end(visit: Visit) -> Answer {
    let proposal = id(&visit)?;
    visit.act(Act::Ended { proposal: proposal.clone(), reason: visit.typed("reason").to_owned() }).await?;
    visit.go(&format!("/agreements/{proposal}"))
}
