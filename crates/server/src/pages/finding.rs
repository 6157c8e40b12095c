//! One finding: what was observed, what it was joined with, what both sides say of it, and what is missing.

use super::block::{self, Block, Cell, Field, Input, Link, Tone};
use super::frame::{self, Page};
use super::request_steps::NEWEST;
use super::visit::{Answer, Refusal, Visit};
use super::words::{self, Lang};
use super::{board, comments, era, finding_gone, finding_words, request_show};
use crate::audience::Audience;
use std::sync::Arc;
use yakujo_contract::act::{Act, FindingClass};
use yakujo_contract::court::found::Found;
use yakujo_contract::entry::Party;
use yakujo_contract::finding::{Said, Settled, Word};
use yakujo_contract::id::{EntryNumber, FindingId};
use yakujo_contract::topic::Topic;

fn id_of(visit: &Visit) -> Result<FindingId, Refusal> {
    visit.part("finding")?.parse().map_err(|_| Refusal::Absent)
}

fn found(visit: &Visit) -> Result<Arc<Found>, Refusal> {
    let id = id_of(visit)?;
    visit.office.court().finding(visit.office.terms(), &id).ok_or(Refusal::Absent)
}

/// The page.
///
/// # Errors
/// Absent, where there can be no such finding.
pub async fn show(visit: Visit) -> Answer {
    match found(&visit) {
        Ok(found) => frame::show(&visit, &page(&visit, &found, "").await?),
        Err(_) => frame::show(&visit, &finding_gone::page(&visit, &id_of(&visit)?)?),
    }
}

async fn page(visit: &Visit, found: &Found, wrong: &str) -> Result<Page, Refusal> {
    let lang = visit.lang;
    let rule = found.finding.rule.row();
    let mut page = Page::new("findings", lang.of(rule.ja, rule.en), lang.say(&found.words));
    page.trail = vec![Link::new(format!("{}/findings", visit.base()), visit.of("所見", "Findings"))];
    if !wrong.is_empty() {
        page.push(Block::note(Tone::Bad, "", wrong));
    }
    page.push(state(visit, found));
    page.push(Block::Fields(observed(visit, found)));
    page.push(Block::Heading(visit.of("双方の説明", "What both sides say").to_owned()));
    page.push(Block::Fields(said(visit, found.said.as_ref())));
    acts(visit, found, &mut page);
    let topic = Topic::Finding(found.finding.id.clone());
    comments::push(visit, &mut page, &[(topic, String::new())]).await?;
    Ok(page)
}

/// Where it stands, whose turn it is, until when; loud once it is late.
fn state(visit: &Visit, found: &Found) -> Block {
    let lang = visit.lang;
    let chip = finding_words::settled(lang, found.settled);
    let due = era::wareki(lang, found.due);
    let text = match (found.turn, found.is_late(visit.now), found.settled) {
        (_, true, _) => late(visit, found, &due),
        (Some(party), false, Settled::Open | Settled::Proposed(_)) => {
            let party = words::party(lang, party);
            match lang {
                Lang::Ja => format!("次は「{party}」の番です。分類の期限は {due} です。"),
                Lang::En => format!("It is the turn of: {party}. To be classified by {due}."),
            }
        }
        (_, false, Settled::Violation) => visit
            .of(
                "受託者は是正と再発防止を報告し、市は処置を確かめて終結します。",
                "The contractor mends and reports; the city looks at it and closes.",
            )
            .to_owned(),
        (_, false, _) => visit.of("これ以上の手続はありません。", "Nothing more follows.").to_owned(),
    };
    let tone = match found.settled {
        _ if found.is_late(visit.now) => Tone::Bad,
        Settled::Violation => Tone::Bad,
        Settled::Open | Settled::Proposed(_) => Tone::Warn,
        Settled::Excused(_) | Settled::Closed => Tone::Plain,
    };
    Block::note(tone, format!("{} {}", chip.sign, chip.word), text)
}

fn late(visit: &Visit, found: &Found, due: &str) -> String {
    let above = visit.office.court().above(found);
    match visit.lang {
        Lang::Ja => format!("分類の期限 {due} を過ぎ、{}に上げられました。", above.ja),
        Lang::En => format!("It was to be classified by {due} and went up to {}.", above.en),
    }
}

fn observed(visit: &Visit, found: &Found) -> Vec<(String, Cell)> {
    let lang = visit.lang;
    let finding = &found.finding;
    let base = visit.base();
    let system = board::system_names(visit).get(&finding.system).cloned();
    let label = |ja, en| visit.lang.of(ja, en).to_owned();
    let mut join = vec![Cell::Chip(finding_words::join(lang, &finding.join))];
    let because = finding_words::because(lang, &finding.join);
    if !because.is_empty() {
        join.push(Cell::text(because));
    }
    let mut names: Vec<Cell> = finding.names.iter().map(|name| Cell::code(name.as_str())).collect();
    let more = usize::try_from(finding.count).unwrap_or(usize::MAX).saturating_sub(names.len());
    if more > 0 {
        names.push(Cell::Small(match lang {
            Lang::Ja => format!("ほか {more} 件"),
            Lang::En => format!("and {more} more"),
        }));
    }
    let rule = finding.rule.row();
    let duty = |duty: &&str| Cell::link(format!("{base}/duty/{duty}"), *duty);
    let mut rows = vec![
        (label("突合の結果", "Join"), Cell::Many(join)),
        (label("いつ", "When"), finding_words::when(lang, &finding.when)),
        (label("情報システム", "System"), Cell::text(system.unwrap_or_else(|| finding.system.to_string()))),
        (label("種類", "Kind"), Cell::text(lang.of(finding.object.name().0, finding.object.name().1))),
        (label("対象", "Things"), Cell::Many(names)),
        (label("行った人・プログラム", "Done by"), finding_words::actor(visit, finding.by.as_ref())),
        (label("関係する義務", "Duties"), Cell::Many(rule.duties.iter().map(duty).collect())),
        (label("規則", "Rule"), Cell::text(rule.key)),
        (label("証拠", "Entries"), block::entries(&base, &finding.entries)),
    ];
    if let Some(host) = &finding.host {
        let link = Cell::link(format!("{base}/hosts/{host}"), host.as_str());
        rows.insert(3, (label("ホスト", "Host"), link));
    }
    if let Some(request) = finding.request() {
        let link = request_show::links(visit, std::iter::once(request));
        rows.insert(1, (label("突き合わせた申請", "Joined with"), link));
    }
    rows
}

/// What both sides said of a finding.
pub(super) fn said(visit: &Visit, said: Option<&Said>) -> Vec<(String, Cell)> {
    let none = || Cell::text(visit.of("まだありません。", "Nothing yet."));
    let cell = |word: Option<&Word>| {
        let Some(word) = word else { return none() };
        let class = word.class.map(|class| Cell::Tag(finding_words::class(visit.lang, class).to_owned()));
        let mut cells: Vec<Cell> = class.into_iter().collect();
        cells.push(Cell::text(word.reason.as_str()));
        cells.push(request_show::moment(visit.lang, word.stamp.received));
        cells.push(block::entries(&visit.base(), &[word.stamp.entry]));
        Cell::Many(cells)
    };
    let said = said.cloned().unwrap_or_default();
    let mut rows = vec![
        (visit.of("受託者の説明", "The contractor").to_owned(), cell(said.contractor.as_ref())),
        (visit.of("市の分類", "The city").to_owned(), cell(said.city.as_ref())),
    ];
    if said.closed.is_some() {
        rows.push((visit.of("処置の終結", "Closed").to_owned(), cell(said.closed.as_ref())));
    }
    rows
}

fn acts(visit: &Visit, found: &Found, page: &mut Page) {
    if !visit.may(Audience::Parties) || found.settled == Settled::Closed {
        return;
    }
    let path = |act: &str| format!("/findings/{}/{act}", found.finding.id);
    let choices = FindingClass::ALL.map(|class| {
        (super::request_words::spelled(&class), finding_words::class(visit.lang, class).to_owned())
    });
    let fields = vec![
        Field::one_of("class", visit.of("分類", "Class"), choices),
        Field::new("reason", visit.of("理由と根拠", "Why"), Input::Lines(String::new())),
    ];
    let label = if visit.party() == Some(Party::City) {
        visit.of("分類を決める", "Decide what it is")
    } else {
        visit.of("分類を説明する", "Say what it was")
    };
    let newest = (NEWEST.to_owned(), found.newest().to_string());
    let mut sheet = visit.form(&path("classify"), label, visit.retyped(fields));
    sheet.hidden.push(newest.clone());
    page.push(Block::Form(sheet));
    if found.settled == Settled::Violation && visit.may(Audience::City) {
        let reason = visit.of("確かめた処置", "What was done about it");
        let fields = vec![Field::new("remark", reason, Input::Lines(String::new()))];
        let label = visit.of("処置を終結する", "Close it");
        let mut form = visit.form(&path("close"), label, visit.retyped(fields));
        form.hidden.push(newest);
        page.push(Block::Form(block::Form { class: "second", ..form }));
    }
}

/// Says what it is.
///
/// # Errors
/// Absent, where there is no such finding.
pub async fn classify(visit: Visit) -> Answer {
    let found = found(&visit)?;
    let class = super::request_words::read_word::<FindingClass>(visit.typed("class"));
    let Some(class) = class else {
        let text = visit.of("分類を選んでください。", "Choose a class.");
        return frame::show_wrong(&visit, &page(&visit, &found, text).await?);
    };
    let reason = visit.typed("reason").to_owned();
    done(&visit, &found, Act::FindingClassified { finding: found.finding.id.clone(), class, reason }).await
}

/// Closes a violation that was dealt with.
///
/// # Errors
/// Absent, where there is no such finding.
pub async fn close(visit: Visit) -> Answer {
    let found = found(&visit)?;
    let reason = visit.typed("remark").to_owned();
    done(&visit, &found, Act::FindingClosed { finding: found.finding.id.clone(), reason }).await
}

/// Where somebody was faster, the page shows what he said.
async fn done(visit: &Visit, found: &Found, act: Act) -> Answer {
    let newest = visit.typed(NEWEST).parse().ok().map(EntryNumber);
    match visit.settle(act, newest).await? {
        Ok(_) => visit.go(&format!("/findings/{}", found.finding.id)),
        Err(refusal) => {
            let text = words::refusal(visit.lang, &refusal);
            let now = self::found(visit)?;
            frame::show_wrong(visit, &page(visit, &now, &text).await?)
        }
    }
}
