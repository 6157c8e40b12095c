//! お知らせ: what happened that concerns one's own party, newest first, with what one has not read yet.

use super::block::{Act as Button, Block, Cell, Table};
use super::frame::{self, Page};
use super::list::{List, Wanted};
use super::visit::{Answer, Visit};
use super::{deliveries, era};
use crate::audience::Audience;
use crate::notices::plan::Urgency;
use crate::people::notices::Kept;

/// Notices shown or exported at most: what is older is found in the lists it tells of.
const MOST: u32 = 2_000;

/// The page.
///
/// # Errors
/// When the database fails.
pub async fn show(visit: Visit) -> Answer {
    let wanted = Wanted::of(&visit);
    let session = visit.session()?;
    let all = visit.office.people.notices(&session.person.id, session.person.role, None, MOST).await?;
    let newest = all.first().map(|kept| kept.number);
    let unread = all.iter().filter(|kept| !kept.read).count();
    let key = |kept: &Kept| format!("{:020}", i64::MAX - kept.number);
    let (rows, next) = wanted.take(all.into_iter(), key, |kept| row(&visit, kept));
    let heads = [
        visit.of("日時", "When"),
        visit.of("種類", "Kind"),
        visit.of("お知らせ", "Notice"),
        visit.of("状態", "State"),
    ];
    let table = Table {
        caption: visit.of("お知らせの一覧", "Notices").to_owned(),
        heads: heads.into_iter().map(str::to_owned).collect(),
        rows,
        empty: visit.of("お知らせはまだありません。", "There is no notice yet.").to_owned(),
    };
    let list = List { name: "notices", table, next, keep: Vec::new() };
    if let Some(download) = list.download(&visit, &wanted).await {
        return download;
    }
    let lead = visit.of(
        "あなたの組織に関わる出来事です。お知らせを開いても、承認や確認をしたことにはなりません。",
        "What concerns your organisation. To open a notice approves nothing.",
    );
    let mut page = Page::new("notices", visit.of("お知らせ", "Notices"), lead);
    page.blocks.extend(deliveries::trouble(&visit).await?);
    if let (Some(newest), true) = (newest, unread > 0) {
        page.push(Block::Acts(vec![mark(
            &visit,
            visit.of("すべて既読にする", "Mark all as read"),
            "upto",
            newest,
        )]));
    }
    page.blocks.extend(list.blocks(&visit, &wanted));
    let base = visit.base();
    let mut ways =
        vec![(format!("{base}/account/mail"), visit.of("メールで受け取る", "By mail").to_owned(), "second")];
    if visit.may(Audience::Leads) {
        let label = visit.of("自組織のシステムへ送る", "To a system of your own").to_owned();
        ways.push((format!("{base}/webhooks"), label, "second"));
        let label = visit.of("送信の状況", "How sending goes").to_owned();
        ways.push((format!("{base}/deliveries"), label, "second"));
    }
    page.push(Block::Buttons(ways));
    frame::show(&visit, &page)
}

fn row(visit: &Visit, kept: &Kept) -> Vec<Cell> {
    let notice = &kept.notice;
    let (ja, en) = notice.kind.name();
    let sentence = visit.of(&notice.sentence.ja, &notice.sentence.en);
    let state = match (kept.read, notice.urgency) {
        (true, _) => Cell::text(visit.of("既読", "Read")),
        (false, urgency) => Cell::Many(vec![
            Cell::Tag(match urgency {
                Urgency::Plain => visit.of("未読", "Unread").to_owned(),
                Urgency::Urgent => visit.of("未読・至急", "Unread, urgent").to_owned(),
            }),
            Cell::Act(mark(visit, visit.of("既読にする", "Mark as read"), "notice", kept.number)),
        ]),
    };
    let open = format!("{}{}", visit.base(), notice.link);
    vec![
        Cell::text(era::wareki(visit.lang, notice.at)),
        Cell::text(visit.of(ja, en)),
        Cell::link(open, sentence),
        state,
    ]
}

fn mark(visit: &Visit, label: &str, name: &str, number: i64) -> Button {
    let mut button = visit.button("/notices/read", label, "second");
    button.hidden.push((name.to_owned(), number.to_string()));
    button
}

/// Marks one as read, or everything up to what stood on the page.
///
/// # Errors
/// When the number cannot be read.
pub async fn read(visit: Visit) -> Answer {
    let person = &visit.session()?.person.id;
    if let Ok(one) = visit.typed("notice").parse() {
        visit.office.people.read_notice(person, one).await?;
    } else if let Ok(upto) = visit.typed("upto").parse() {
        visit.office.people.read_notices(person, upto).await?;
    }
    visit.go("/notices")
}
