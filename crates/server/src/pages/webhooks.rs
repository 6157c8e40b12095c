//! Webhooks of one's own party: where notices go besides the portal. The secret is shown once.

use super::block::{Block, Cell, Field, Table};
use super::frame::{self, Page};
use super::visit::{Answer, Refusal, Visit};
use crate::notices::pacing::Pace;
use crate::notices::webhook::is_address;
use crate::people::hex;

/// The page.
///
/// # Errors
/// When the database fails.
pub async fn show(visit: Visit) -> Answer {
    let page = page(&visit).await?;
    frame::show(&visit, &page)
}

async fn page(visit: &Visit) -> Result<Page, Refusal> {
    let lead = visit.of(
        "お知らせを、自組織のシステム（チャットや監視など）へ署名付きで送ります。送る内容は、種類・番号・画面の場所だけです。",
        "Notices go, signed, to a system of your own. They hold kind, number and place only.",
    );
    let mut page = Page::new("webhooks", visit.of("お知らせの送信先", "Webhooks"), lead);
    let party = visit.session()?.person.role.party();
    let rows = visit.office.people.webhooks(party).await?.into_iter().map(|webhook| {
        let state = match (webhook.given_up, webhook.waiting) {
            (0, 0) => visit.of("正常", "Fine").to_owned(),
            (given_up, waiting) => match visit.lang {
                super::words::Lang::Ja => format!("待ち {waiting} 件、断念 {given_up} 件：{}", webhook.why),
                super::words::Lang::En => format!("{waiting} wait, {given_up} given up: {}", webhook.why),
            },
        };
        let remove = format!("/webhooks/{}/remove", webhook.id);
        vec![
            Cell::code(webhook.url),
            Cell::time(visit.lang, webhook.made),
            Cell::text(word(visit, webhook.pace)),
            Cell::text(state),
            Cell::Act(visit.button(&remove, visit.of("やめる", "Remove"), "second")),
        ]
    });
    let heads = [
        visit.of("送信先", "Address"),
        visit.of("登録", "Since"),
        visit.of("頻度", "How often"),
        visit.of("送信の状態", "State"),
        visit.of("操作", "Action"),
    ];
    page.push(Block::Table(Table {
        caption: visit.of("自組織の送信先", "Webhooks of your party").to_owned(),
        heads: heads.into_iter().map(str::to_owned).collect(),
        rows: rows.collect(),
        empty: visit.of("送信先はありません。", "There is none.").to_owned(),
    }));
    page.push(Block::Heading(visit.of("送信先を加える", "Add one").to_owned()));
    let url = Field::line("url", visit.of("URL", "URL"), "").hint(visit.of(
        "https で始まるものだけです。署名の確かめ方は運用の手引きにあります。",
        "https only. The operator's guide tells how to verify the signature.",
    ));
    let paces = PACES.map(|pace| (pace.word().to_owned(), word(visit, pace).to_owned()));
    let pace = Field::one_of("pace", visit.of("頻度", "How often"), paces).refill(&[PACES[0].word()]);
    page.push(Block::Form(visit.form("/webhooks", visit.of("加える", "Add"), vec![url, pace])));
    page.push(Block::Buttons(vec![(
        format!("{}/deliveries", visit.base()),
        visit.of("送信の状況を見る", "How sending goes").to_owned(),
        "second",
    )]));
    Ok(page)
}

/// How often a system of one's own may want notices.
const PACES: [Pace; 3] = [Pace::AtOnce, Pace::Hours, Pace::Digest];

/// The words for how often notices are sent.
#[must_use]
pub fn word(visit: &Visit, pace: Pace) -> &'static str {
    match pace {
        Pace::AtOnce => visit.lang.of("その都度（夜間・閉庁日も）", "At once, day and night"),
        Pace::Hours => visit.lang.of(
            "開庁時間内はその都度、夜間・閉庁日の分は次の開庁時にまとめて（至急はその都度）",
            "At once in open hours, the rest together at the next opening, urgent ones at once",
        ),
        Pace::Digest => visit
            .lang
            .of("開庁日の朝にまとめて（至急はその都度）", "Together on open mornings, urgent ones at once"),
        Pace::None => visit.lang.of("送らない", "Never"),
    }
}

/// Adds one and shows its secret.
///
/// # Errors
/// When the address cannot be taken.
pub async fn add(visit: Visit) -> Answer {
    let url = visit.typed("url").to_owned();
    if !is_address(&url) {
        let text = visit.of(
            "送信先は https:// で始まるURLで入力してください。",
            "Give an address that begins with https://.",
        );
        return Err(Refusal::Wrong(text.to_owned()));
    }
    let pace = PACES.into_iter().find(|pace| pace.word() == visit.typed("pace")).unwrap_or(PACES[0]);
    let party = visit.session()?.person.role.party();
    let Some(secret) = visit.office.people.add_webhook(party, &url, pace, visit.now).await? else {
        let text = visit.of(
            "同じ送信先がすでにあるか、送信先が10件あります。一覧を確かめてください。",
            "This address is there already, or there are ten. Look at the list.",
        );
        return Err(Refusal::Wrong(text.to_owned()));
    };
    let mut page = page(&visit).await?;
    let shown = visit.of(
        "送信先を加えました。次の鍵（16進数）で署名を確かめます。鍵はもう一度は表示しません。",
        "Added. Verify signatures with this key (hexadecimal). It is not shown again.",
    );
    page.blocks.insert(0, Block::Fields(vec![(shown.to_owned(), Cell::code(hex(&secret)))]));
    frame::show(&visit, &page)
}

/// Removes one.
///
/// # Errors
/// When the database fails.
pub async fn remove(visit: Visit) -> Answer {
    let party = visit.session()?.person.role.party();
    visit.office.people.remove_webhook(party, visit.part("webhook")?).await?;
    visit.go("/webhooks")
}
