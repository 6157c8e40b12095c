//! 送信の状況: what of the own party's notices has not arrived by mail or webhook, why, and what to do about it. The
//! notices themselves are in the portal, whatever becomes of mails.

use super::block::{Block, Cell, Form, Further, Link, Table, Tone, Upload};
use super::era;
use super::frame::{self, Page};
use super::list::{List, Wanted};
use super::visit::{Answer, Refusal, Visit};
use super::words::Lang;
use crate::audience::Audience;
use crate::people::queue::{Backlog, Channel, Queued};

/// Rows shown or exported at most.
const MOST: u32 = 2_000;

/// The page.
///
/// # Errors
/// When the database fails.
pub async fn show(visit: Visit) -> Answer {
    let wanted = Wanted::of(&visit);
    let party = visit.session()?.person.role.party();
    let all = visit.office.people.queue(party, MOST).await?;
    let key = |queued: &Queued| {
        let rank = (queued.due.is_some(), queued.failing.is_none());
        format!("{}{}{:020}", u8::from(rank.0), u8::from(rank.1), queued.number)
    };
    let (rows, next) = wanted.take(all.iter(), |queued| key(queued), |queued| row(&visit, queued));
    let table = Table {
        caption: visit.of("まだ届いていないお知らせ", "Notices that have not arrived").to_owned(),
        heads: heads(&visit),
        rows,
        empty: visit.of("すべて届いています（0件）。", "Everything has arrived (0).").to_owned(),
    };
    let list = List { name: "deliveries", table, next, keep: Vec::new() };
    if let Some(download) = list.download(&visit, &wanted).await {
        return download;
    }
    let lead = visit.of(
        "自組織あてのお知らせのうち、メールと送信先（webhook）にまだ届いていないものです。お知らせそのものは、画面の「お知らせ」にすべてあります。",
        "Notices for your party that have not arrived by mail or webhook. All of them are in the portal.",
    );
    let mut page = Page::new("notices", visit.of("送信の状況", "How sending goes"), lead);
    page.trail = vec![back(&visit)];
    for backlog in visit.office.people.backlog(party).await? {
        page.push(state(&visit, &backlog));
    }
    let failed = all.iter().any(|queued| queued.failing.is_some());
    let given_up = all.iter().any(|queued| queued.due.is_none());
    let mut acts = Vec::new();
    if failed {
        acts.push(visit.button("/deliveries/again", visit.of("もう一度送る", "Send again"), ""));
    }
    if given_up {
        let label = visit.of("断念したものを一覧から除く", "Forget what was given up");
        acts.push(visit.button("/deliveries/drop", label, "second"));
    }
    if !acts.is_empty() {
        page.push(Block::Acts(acts));
    }
    page.blocks.extend(list.blocks(&visit, &wanted));
    frame::show(&visit, &page)
}

fn back(visit: &Visit) -> Link {
    Link::new(format!("{}/notices", visit.base()), visit.of("お知らせ", "Notices"))
}

fn heads(visit: &Visit) -> Vec<String> {
    let heads = [
        visit.of("方法", "How"),
        visit.of("宛先", "To"),
        visit.of("お知らせ", "Notice"),
        visit.of("いつの出来事", "Of"),
        visit.of("状態", "State"),
        visit.of("直前の失敗", "Last error"),
    ];
    heads.map(str::to_owned).to_vec()
}

fn channel(visit: &Visit, channel: Channel) -> &'static str {
    match channel {
        Channel::Mail => visit.lang.of("メール", "Mail"),
        Channel::Webhook => visit.lang.of("送信先（webhook）", "Webhook"),
    }
}

fn row(visit: &Visit, queued: &Queued) -> Vec<Cell> {
    let notice = &queued.kept.notice;
    let state = match (queued.due, queued.failing, visit.lang) {
        (None, _, Lang::Ja) => format!("断念（{}回）", queued.tries),
        (None, _, Lang::En) => format!("Given up after {} tries", queued.tries),
        (Some(_), None, _) => visit.of("送る時刻を待っています", "Waits for its hour").to_owned(),
        (Some(due), Some(_), Lang::Ja) => {
            format!("失敗 {}回、次は {} 以後", queued.tries, era::wareki(Lang::Ja, due.max(visit.now)))
        }
        (Some(due), Some(_), Lang::En) => {
            format!("Failed {} times, next after {}", queued.tries, era::wareki(Lang::En, due.max(visit.now)))
        }
    };
    vec![
        Cell::text(channel(visit, queued.channel)),
        Cell::code(queued.to.as_str()),
        Cell::link(
            format!("{}{}", visit.base(), notice.link),
            visit.of(&notice.sentence.ja, &notice.sentence.en),
        ),
        Cell::text(era::wareki(visit.lang, notice.at)),
        Cell::text(state),
        if queued.why.is_empty() { Cell::text("－") } else { Cell::Small(queued.why.clone()) },
    ]
}

/// One channel: how many, since when, why, and what to do.
fn state(visit: &Visit, backlog: &Backlog) -> Block {
    let name = channel(visit, backlog.channel);
    let tone = if backlog.is_trouble(visit.now) { Tone::Bad } else { Tone::Plain };
    let since = backlog.since.map(|at| era::wareki(visit.lang, at)).unwrap_or_default();
    let mut text = match visit.lang {
        Lang::Ja => format!("待ち {} 件（最も古いもの：{since}）。", backlog.waiting),
        Lang::En => format!("{} wait, the oldest since {since}.", backlog.waiting),
    };
    if backlog.waiting == 0 {
        text.clear();
    }
    if let Some(failing) = backlog.failing_since {
        let at = era::wareki(visit.lang, failing);
        text.push_str(&match visit.lang {
            Lang::Ja => format!("うち {} 件は {at} から送れていません。", backlog.failing),
            Lang::En => format!(" {} fail since {at}.", backlog.failing),
        });
    }
    if backlog.given_up > 0 {
        text.push_str(&match visit.lang {
            Lang::Ja => format!("断念 {} 件。", backlog.given_up),
            Lang::En => format!(" {} given up.", backlog.given_up),
        });
    }
    if tone == Tone::Bad {
        text.push_str(match backlog.channel {
            Channel::Mail => visit.of(
                "運用担当へ、メールの設定（mail.toml）とメールサーバを確かめるよう連絡してください。直ったら「もう一度送る」を押してください。",
                " Ask the operator to look at mail.toml and the mail server; then send again.",
            ),
            Channel::Webhook => visit.of(
                "受け取る側が動いているか、証明書が正しいかを確かめてください。直ったら「もう一度送る」を押してください。",
                " Look whether the receiver runs and its certificate is right; then send again.",
            ),
        });
    }
    Block::note(tone, name, text)
}

/// A note for a page that everybody opens, where the visitor's own mail has not arrived for long or, for those who lead,
/// anything of their party. Nothing where all is well.
///
/// # Errors
/// When the database fails.
pub async fn trouble(visit: &Visit) -> Result<Vec<Block>, Refusal> {
    let person = &visit.session()?.person;
    let own = visit.office.people.own_backlog(&person.id).await?.filter(|own| own.is_trouble(visit.now));
    let mut blocks: Vec<Block> = own.iter().map(|own| note(visit, own, Whose::Own)).collect();
    if visit.may(Audience::Leads) {
        let all = visit.office.people.backlog(person.role.party()).await?;
        let bad: Vec<&Backlog> = all.iter().filter(|backlog| backlog.is_trouble(visit.now)).collect();
        blocks.extend(bad.iter().map(|backlog| note(visit, backlog, Whose::Party)));
        if !bad.is_empty() {
            let label = visit.of("送信の状況を見る", "How sending goes").to_owned();
            blocks.push(Block::Buttons(vec![(format!("{}/deliveries", visit.base()), label, "second")]));
        }
    }
    Ok(blocks)
}

#[derive(Clone, Copy)]
enum Whose {
    Own,
    Party,
}

fn note(visit: &Visit, backlog: &Backlog, whose: Whose) -> Block {
    let count = backlog.failing.saturating_add(backlog.given_up);
    let name = channel(visit, backlog.channel);
    let (whose_ja, whose_en) = match whose {
        Whose::Own => ("あなた", "you"),
        Whose::Party => ("あなたの組織", "your party"),
    };
    let since = backlog.failing_since.map(|at| era::wareki(visit.lang, at));
    let text = match (visit.lang, since) {
        (Lang::Ja, Some(since)) => format!(
            "{whose_ja}あての{name}が {since} から届いていません（{count}件）。届くまでは、この画面の「お知らせ」を見てください。"
        ),
        (Lang::Ja, None) => format!(
            "{whose_ja}あての{name} {count}件の送信を断念しました。内容は、この画面の「お知らせ」にあります。"
        ),
        (Lang::En, Some(since)) => {
            format!("{name} to {whose_en} fails since {since} ({count}). Look at the notices of the portal.")
        }
        (Lang::En, None) => {
            format!("{name} to {whose_en} was given up ({count}). The notices are in the portal.")
        }
    };
    Block::note(Tone::Bad, visit.of("お知らせが届いていません", "Notices do not arrive"), text)
}

/// Asks first, then tries everything again that failed.
///
/// # Errors
/// When the database fails.
pub async fn again(visit: Visit) -> Answer {
    let party = visit.session()?.person.role.party();
    if visit.typed("go") == "send" {
        visit.office.people.try_again(party).await?;
        return visit.go("/deliveries");
    }
    let title = visit.of("届いていないお知らせをもう一度送ります", "Send again what has not arrived");
    let lead = visit.of(
        "失敗したものと断念したものを、すぐにもう一度送ります。相手に二度届くことがあります。",
        "What failed and what was given up is sent again now. It may arrive twice.",
    );
    confirm(&visit, title, lead, visit.of("もう一度送る", "Send again")).await
}

/// Asks first, then forgets what was given up.
///
/// # Errors
/// When the database fails.
pub async fn give_up(visit: Visit) -> Answer {
    let party = visit.session()?.person.role.party();
    if visit.typed("go") == "send" {
        visit.office.people.drop_given_up(party).await?;
        return visit.go("/deliveries");
    }
    let title = visit.of("断念したものを一覧から除きます", "Forget what was given up");
    let lead = visit.of(
        "もう送りません。お知らせそのものは、画面の「お知らせ」に残ります。",
        "It is not sent any more. The notices themselves stay in the portal.",
    );
    confirm(&visit, title, lead, visit.of("一覧から除く", "Forget")).await
}

async fn confirm(visit: &Visit, title: &str, lead: &str, verb: &str) -> Answer {
    let mut page = Page::new("notices", title, lead);
    page.trail =
        vec![Link::new(format!("{}/deliveries", visit.base()), visit.of("送信の状況", "How sending goes"))];
    let party = visit.session()?.person.role.party();
    let rows = visit.office.people.backlog(party).await?.into_iter().map(|backlog| {
        let text = match visit.lang {
            Lang::Ja => format!("失敗 {} 件、断念 {} 件", backlog.failing, backlog.given_up),
            Lang::En => format!("{} fail, {} given up", backlog.failing, backlog.given_up),
        };
        (channel(visit, backlog.channel).to_owned(), Cell::text(text))
    });
    page.push(Block::Fields(rows.collect()));
    page.push(Block::Form(Form {
        action: visit.uri_path.clone(),
        csrf: visit.csrf.clone(),
        hidden: visit.marks(),
        fields: Vec::new(),
        label: verb.to_owned(),
        class: "",
        upload: Upload::No,
        go: "send",
        further: Vec::<Further>::new(),
    }));
    frame::show(visit, &page)
}
