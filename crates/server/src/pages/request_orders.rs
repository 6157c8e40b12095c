//! What agents were ordered to do on the ground of a request, what became of it, and what may be ordered now.

use super::block::{self, Block, Cell, Chip, Field, Form as Sheet, Table, Tone, Upload};
use super::request_show::{self, Seen};
use super::visit::{Answer, Visit};
use super::words::{self, Lang};
use super::{request, request_new};
use crate::audience::Audience;
use yakujo_contract::evidence::orders::Given;
use yakujo_contract::fact::agent::OrderResult;
use yakujo_contract::id::HostId;
use yakujo_contract::order::Work;
use yakujo_contract::order::allowed::{self, NotAllowed};

/// The field that names what is ordered.
const ORDER: &str = "order";

/// The orders of a request, and the form for a new one where one is allowed.
#[must_use]
pub fn blocks(visit: &Visit, seen: &Seen) -> Vec<Block> {
    let court = visit.office.court();
    let evidence = court.evidence();
    let given = evidence.orders.of_request(&seen.id);
    let offers = if visit.may(Audience::Contractor) {
        allowed::offers(evidence, &seen.id, visit.now)
    } else {
        Vec::new()
    };
    if given.is_empty() && offers.is_empty() {
        return Vec::new();
    }
    let rows = given.iter().map(|given| row(visit, evidence, given)).collect();
    drop(court);
    let heads = [
        visit.of("指令", "Order"),
        visit.of("ホスト", "Host"),
        visit.of("発行", "Issued"),
        visit.of("期限", "Counts until"),
        visit.of("状態", "State"),
        visit.of("証拠", "Entries"),
    ];
    let mut blocks = vec![
        Block::Heading(visit.of("エージェントへの指令", "Orders to agents").to_owned()),
        Block::Table(Table {
            caption: visit
                .of("この番号に基づく指令（古い順）", "Orders on this ground, oldest first")
                .to_owned(),
            heads: heads.into_iter().map(str::to_owned).collect(),
            rows,
            empty: visit.of("指令はまだありません。", "There is none yet.").to_owned(),
        }),
    ];
    if !offers.is_empty() {
        blocks.push(Block::Form(form(visit, seen, &offers)));
    }
    blocks
}

fn form(visit: &Visit, seen: &Seen, offers: &[(HostId, Work)]) -> Sheet {
    let choice = |(host, work): &(HostId, Work)| {
        let value = serde_json::to_string(&(host, work)).unwrap_or_default();
        (value, format!("{host}：{}", what(visit, work)))
    };
    let label = visit.of("指令の内容", "What is ordered");
    let fields = vec![Field::one_of(ORDER, label, offers.iter().map(choice))];
    let verb = visit.of("指令を確かめる", "Look at the order");
    let path = format!("/requests/{}/order", seen.id);
    Sheet { class: "grave", go: "confirm", upload: Upload::No, ..visit.form(&path, verb, fields) }
}

/// What an order tells an agent to do, in a sentence.
#[must_use]
pub fn what(visit: &Visit, work: &Work) -> String {
    let lang = visit.lang;
    let until = |at| super::era::wareki(lang, at);
    match (work, lang) {
        (Work::Permit(permit), Lang::Ja) => format!(
            "包括承認の許可（隔離・遮断、1回{}分まで、{}回、{}まで）",
            permit.longest_min,
            permit.uses,
            until(permit.until)
        ),
        (Work::Permit(permit), Lang::En) => format!(
            "Permit of the standing approval (quarantine and isolation, {} min each, {} uses, until {})",
            permit.longest_min,
            permit.uses,
            until(permit.until)
        ),
        (Work::EndPermit { permit }, Lang::Ja) => format!("許可 {permit} の終了"),
        (Work::EndPermit { permit }, Lang::En) => format!("End of the permit {permit}"),
        (Work::Isolate { until: at }, Lang::Ja) => format!("ネットワークからの遮断（{}まで）", until(*at)),
        (Work::Isolate { until: at }, Lang::En) => format!("Cut off from the network until {}", until(*at)),
        (Work::Reconnect {}, _) => lang.of("遮断の解除", "Connect again").to_owned(),
        (Work::GiveBack { item }, Lang::Ja) => format!("隔離した {item} を元の場所へ戻す"),
        (Work::GiveBack { item }, Lang::En) => format!("Give {item} back from the quarantine"),
        (Work::Remove { item }, Lang::Ja) => format!("隔離した {item} を完全に消去する（元に戻せません）"),
        (Work::Remove { item }, Lang::En) => format!("Remove {item} from the quarantine for good"),
        (Work::Restore { path, digest }, Lang::Ja) => {
            format!("{path} の復元（SHA-256 {}…）", short(digest.as_str()))
        }
        (Work::Restore { path, digest }, Lang::En) => {
            format!("Restore {path} (SHA-256 {}…)", short(digest.as_str()))
        }
    }
}

fn short(digest: &str) -> &str {
    digest.get(..12).unwrap_or(digest)
}

fn row(visit: &Visit, evidence: &yakujo_contract::evidence::Evidence, given: &Given) -> Vec<Cell> {
    let (lang, order) = (visit.lang, &given.order);
    let outcome = evidence.orders.outcome(order);
    let mut entries = vec![given.stamp.entry];
    entries.extend(outcome.map(|outcome| outcome.stamp.entry));
    let fetched = visit.office.orders().fetched(&order.order);
    let (class, sign, word) = match outcome.map(|outcome| outcome.value.result) {
        Some(OrderResult::Done) => ("kept", "○", lang.of("実行済み", "Carried out")),
        Some(OrderResult::Refused) => ("broken", "×", lang.of("エージェントが拒否", "Refused by the agent")),
        Some(OrderResult::Failed) => ("broken", "×", lang.of("失敗", "Failed")),
        None if order.expires <= visit.now => {
            ("unknown", "？", lang.of("期限切れ（結果は届いていません）", "Expired, no word of it"))
        }
        None if fetched.is_some() => ("wait", "◇", lang.of("受渡し済み（結果待ち）", "Handed out")),
        None => ("wait", "◇", lang.of("受渡し待ち", "Waits for the agent")),
    };
    let mut state = vec![Cell::Chip(Chip { class, sign, word: word.to_owned(), href: String::new() })];
    state.extend(outcome.and_then(|it| it.value.digest.as_ref()).map(|digest| {
        let text = lang.of("照合：", "Read again: ");
        Cell::Small(format!("{text}{}…", short(digest.as_str())))
    }));
    let source = outcome.and_then(|it| it.value.source.as_ref());
    state.extend(source.map(|source| Cell::Small(super::known_good::whence(lang, source))));
    let reason = outcome.map(|outcome| outcome.value.reason.as_str()).filter(|reason| !reason.is_empty());
    state.extend(reason.map(|reason| Cell::Small(reason.to_owned())));
    vec![
        Cell::text(what(visit, &order.work)),
        Cell::link(format!("{}/hosts/{}", visit.base(), order.host), order.host.as_str()),
        Cell::time(lang, order.issued),
        Cell::time(lang, order.expires),
        Cell::Many(state),
        block::entries(&visit.base(), &entries),
    ]
}

/// Shows an order once more, or gives it.
///
/// # Errors
/// Absent, where there is no such request.
pub async fn give(visit: Visit) -> Answer {
    let seen = request_show::found(&visit)?;
    if visit.typed("go") == "edit" {
        return visit.go(&format!("/requests/{}", seen.id));
    }
    let typed: Result<(HostId, Work), _> = serde_json::from_str(visit.typed(ORDER));
    let Ok((host, work)) = typed else {
        let text = visit.of("指令の内容を選んでください。", "Choose what is ordered.");
        return request::answer(&visit, &seen, None, text).await;
    };
    if visit.typed("go") != "send" {
        return look(&visit, &seen, &host, &work);
    }
    let wanted = (host, seen.id.clone(), work);
    let given = crate::orders::give(&visit.office, Some(visit.actor()?), wanted, Some(visit.seen_before()?));
    match given.await {
        Ok(_) => visit.go(&format!("/requests/{}", seen.id)),
        Err(refusal) => {
            let text = words::refusal(visit.lang, &refusal);
            request::answer(&visit, &request_show::found(&visit)?, None, &text).await
        }
    }
}

fn look(visit: &Visit, seen: &Seen, host: &HostId, work: &Work) -> Answer {
    let title = match visit.lang {
        Lang::Ja => format!("{} に基づく指令", seen.number),
        Lang::En => format!("An order on the ground of {}", seen.number),
    };
    let rows = vec![
        (visit.of("番号", "Number").to_owned(), Cell::text(seen.number.to_string())),
        (visit.of("件名", "Title").to_owned(), Cell::text(seen.progress.filled.title.as_str())),
        (visit.of("ホスト", "Host").to_owned(), Cell::text(host.as_str())),
        (visit.of("指令", "Order").to_owned(), Cell::text(what(visit, work))),
    ];
    request_new::confirmation(visit, &title, rows, &[], visit.of("指令を出す", "Give the order"), "grave")
}

/// Why an order may not be given, in words for people.
#[must_use]
pub fn why_not(lang: Lang, why: NotAllowed) -> &'static str {
    match why {
        NotAllowed::Host => lang.of(
            "そのホストは、どの情報システムにも属していません。",
            "The host belongs to no system.",
        ),
        NotAllowed::Form => lang.of(
            "この様式に基づいて、その指令は出せません。",
            "Such an order rests on another form.",
        ),
        NotAllowed::Consent => lang.of(
            "市の承認または同意がないため、指令は出せません。協議・承認の記録を確かめてください。",
            "The city has not approved or consented to it. Look at the record of the talk or the decision.",
        ),
        NotAllowed::Content => lang.of(
            "協議した復元（F-06）に、このファイルとこの内容（SHA-256）が書かれていません。対象物の行の最後に、復元する内容のSHA-256を書いて再提出してください。",
            "The restoration (F-06) does not name this file with this content. Hand it in again with the SHA-256 at the end of the line.",
        ),
        NotAllowed::Wider => lang.of(
            "承認された範囲・時間・回数を超えています。",
            "It is more than was approved.",
        ),
        NotAllowed::Nothing => lang.of(
            "そのホストには、いま、この指令の対象がありません。",
            "There is nothing of that kind on the host now.",
        ),
    }
}

/// The note on the page of a standing approval: what agents may do by themselves, and until when.
#[must_use]
pub fn standing_note(visit: &Visit, seen: &Seen) -> Option<Block> {
    seen.progress.filled.standing.as_ref()?;
    let text = visit.of(
        "承認されると、対象のホストのエージェントに、署名した許可が渡ります。サーバに届かない間も、許可の期限・回数・時間の範囲で、隔離と遮断を自動で行います。取り消すと、次の通信で許可が終わります。",
        "Once approved, the agents of the hosts get a signed permit. Within its time, uses and length they quarantine and isolate by themselves, also while the server is away. Revoking ends it at the agent's next contact.",
    );
    Some(Block::note(Tone::Plain, "", text))
}
