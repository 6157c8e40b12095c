//! Requests, posts and findings for the pages to show: left there through the office, so that walks have something of each
//! kind to look at.

use anyhow::Context;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use yakujo_contract::act::{Act, Environment, HostPlace, Matter};
use yakujo_contract::court::found::Found;
use yakujo_contract::entry::Party;
use yakujo_contract::fact::vulnerability::VulnStatus;
use yakujo_contract::id::HostId;
use yakujo_server::decide::Actor;
use yakujo_server::office::Office;
use yakujo_server::shelf::Shelf;
use yakujo_server::views::concerns::{Compared, Concern, Counts};
use yakujo_server::writer::NumberedFact;
use yakujo_stories::City;

/// Lets somebody of the office act.
///
/// # Errors
/// When he may not.
pub async fn act(office: &Office, login: &str, act: Value) -> anyhow::Result<()> {
    let person = office.people.by_login(login).await?;
    let actor = Actor { person: person.id, role: person.role, post: None };
    let act: Act = serde_json::from_value(act.clone()).with_context(|| act.to_string())?;
    office.decide(Some(actor), act, None).await?;
    Ok(())
}

/// A host of which nobody agreed anything told of a change: somebody has to say what it was.
///
/// # Errors
/// When the ledger refuses.
pub async fn unasked_change(city: &City) -> anyhow::Result<()> {
    let office = city.office()?;
    let host: HostId = "jobs-1".parse()?;
    let place =
        HostPlace { host: host.clone(), system: "main".parse()?, environment: Environment::Production };
    city.agree(Matter::Host(place)).await?;
    let now = Timestamp::now();
    let fact = json!({ "kind": "state.change", "part": { "index": 0, "of": 1, "set": "ab".repeat(32) },
        "object": "job", "until": now,
        "items": [{ "name": "/etc/cron.d/report", "after": { "digest": "cd".repeat(32), "value": "0 3 * * *" } }] });
    let told = NumberedFact { seq: 1, observed: now, fact: serde_json::from_value(fact)? };
    office.store_facts(host, 1, vec![told]).await?;
    Ok(())
}

/// A service of that host stopped just now.
///
/// # Errors
/// When the ledger refuses.
pub async fn service_stopped(city: &City, seq: u64) -> anyhow::Result<()> {
    let now = Timestamp::now();
    // As an agent tells it: between two looks, which lie on each other here.
    let fact = json!({ "kind": "service.change", "service": "nginx.service", "change": "stopped", "at": now, "since": now });
    let told = NumberedFact { seq, observed: now, fact: serde_json::from_value(fact)? };
    city.office()?.store_facts("jobs-1".parse()?, 1, vec![told]).await?;
    Ok(())
}

/// Of two findings the contractor has said of one what it was: either side has one to look at.
async fn one_explained(city: &City, office: &Office) -> anyhow::Result<()> {
    service_stopped(city, 2).await?;
    let waits = |found: &Arc<Found>| found.turn == Some(Party::Contractor);
    let open = |office: &Office| {
        let found = office.court().roll(office.terms()).all().to_vec();
        found.into_iter().filter(waits).map(|found| found.finding.id.clone()).collect::<Vec<_>>()
    };
    city.until(Duration::from_secs(60), "two findings", |_| Ok(open(office).len() >= 2)).await?;
    let finding = open(office).first().context("a finding")?.clone();
    let said = json!({ "kind": "finding.classified", "finding": finding, "class": "justified", "reason": "電話で依頼を受けました。" });
    act(office, "contractor", said).await
}

/// Two assets, of which one is backed up by a host that also met malware.
async fn backed_up(city: &City, office: &Office) -> anyhow::Result<()> {
    for (asset, place) in [("住民記録データベース", "庁舎サーバ室"), ("証明書発行の帳票", "データセンター")]
    {
        let line = json!({ "matter": "asset", "system": "main", "asset": asset, "place": place,
            "confidentiality": "3", "personal": "yes", "continuity": "yes" });
        city.agree(serde_json::from_value(line)?).await?;
    }
    let now = Timestamp::now();
    let (began, repository) = (now.checked_sub(SignedDuration::from_mins(42))?, "ab".repeat(32));
    let facts = [
        json!({ "kind": "backup.run", "job": "resident-daily", "asset": "住民記録データベース",
            "snapshot": "cd".repeat(32), "files": 12, "bytes": 48_318_382_080_u64, "rows": 1_284_311,
            "added": 93_323_264, "repository": repository, "medium": "object_store", "encrypted": true,
            "started": began, "ended": now, "result": "done", "tool": "restic 0.14.0" }),
        json!({ "kind": "backup.check", "repository": repository, "job": "resident-daily", "tool": "restic 0.14.0",
            "read_percent": 5, "errors": 0, "ended": now }),
        json!({ "kind": "backup.check", "repository": repository, "job": "resident-daily", "key": "city",
            "tool": "restic 0.14.0", "read_percent": 0, "errors": 0, "ended": now }),
        json!({ "kind": "backup.restore_drill", "job": "resident-daily", "snapshot": "cd".repeat(32),
            "tool": "restic 0.14.0", "files_compared": 12, "tables_compared": 31, "mismatches": 0,
            "took_s": 1_260, "ended": now }),
        json!({ "kind": "av.detection", "path": "/srv/www/upload/x.php", "digest": "ef".repeat(32), "size": 68,
            "owner": 33, "signature": "Eicar-Test-Signature", "trigger": "access", "action": "quarantined",
            "result": "done" }),
    ];
    let told = (3..)
        .zip(facts)
        .map(|(seq, fact)| Ok(NumberedFact { seq, observed: now, fact: serde_json::from_value(fact)? }));
    let told = told.collect::<anyhow::Result<Vec<_>>>()?;
    office.store_facts("jobs-1".parse()?, 1, told).await?;
    Ok(())
}

/// A feed that is old, and what of it concerns a host.
async fn compared(office: &Office) -> anyhow::Result<()> {
    let imported = json!({ "kind": "feed.imported", "name": "kev", "upstream_time": "2026-11-01T00:00:00Z", "serial": 42,
        "digest": "ab".repeat(32), "checks": ["signature"] });
    office.state(None, serde_json::from_value(imported)?).await?;
    let compared = Compared {
        serial: 42,
        inventory: 1,
        at: Timestamp::now(),
        untold: None,
        counts: Counts { exploited: 1, update: 1, unknown: 1, fixed: 1_204, ..Counts::default() },
    };
    let known = Concern {
        place: "1".to_owned(),
        id: Some("CVE-2026-1001".to_owned()),
        source: "openssl".to_owned(),
        version: "3.0.15-1~deb12u1".to_owned(),
        status: VulnStatus::UpdateAvailable,
        fixed_version: Some("3.0.17-1~deb12u2".to_owned()),
        note: Some("no-dsa: Minor issue; can be fixed via point release".to_owned()),
        exploited: Some(true),
        epss_millionths: Some(412_000),
    };
    let unknown = Concern {
        place: "2".to_owned(),
        id: None,
        source: "golang-github-somebody-something-dev".to_owned(),
        status: VulnStatus::UnknownToFeed,
        fixed_version: None,
        note: None,
        exploited: None,
        epss_millionths: None,
        ..known.clone()
    };
    Ok(office.views().compare(&"jobs-1".parse()?, &compared, &[known, unknown]).await?)
}

/// A post, a stop that was asked for with a document, a failure that was reported, a delivery that was given back, one that
/// waits, two findings, backups, and a feed.
///
/// # Errors
/// When the ledger refuses.
pub async fn something_of_each(city: &City) -> anyhow::Result<()> {
    let office = city.office()?;
    unasked_change(city).await?;
    one_explained(city, &office).await?;
    backed_up(city, &office).await?;
    compared(&office).await?;
    act(&office, "city", json!({ "kind": "post.named", "post": "kachou", "name": "情報政策課長" })).await?;
    let digest = Shelf::of(office.folder()).keep("停止の手順".as_bytes())?;
    let from = Timestamp::now().checked_add(SignedDuration::from_hours(24 * 21))?;
    let to = from.checked_add(SignedDuration::from_hours(2))?;
    let stop = json!({ "form": "F-07", "title": "定期保守による停止", "scope": { "systems": ["main"] },
        "window": { "from": from, "to": to, "reserve_min": 30 },
        "attachments": [{ "name": "停止手順", "digest": digest, "bytes": 15 }],
        "fields": { "class": "stop", "reason": "保守のため", "impact": "窓口の業務", "announced": "前日に掲示",
            "give_up": to, "roll_back": "前の版に戻す。30分" } });
    let failure = json!({ "form": "F-08", "title": "窓口端末の障害", "scope": { "systems": ["main"] },
        "fields": { "impact": "窓口1か所", "first_aid": "再起動した" } });
    let delivery = |title: &str| json!({ "form": "F-19", "title": title, "scope": { "systems": ["main"] }, "fields": delivery_fields() });
    for (number, who, id, form) in [
        (1, "contractor", "q-stop", stop),
        (1, "contractor", "q-failure", failure),
        (1, "city", "q-logs", delivery("10月のアクセスログの提供")),
        (2, "city", "q-waits", delivery("11月のアクセスログの提供")),
    ] {
        let asked = json!({ "kind": "request.asked", "request": id, "number": format!("R8-停止-{number:04}"), "filled": form });
        act(&office, who, asked).await?;
    }
    let back = json!({ "kind": "request.step", "request": "q-stop", "step": "returned", "reason": "代替手段を書いてください。" });
    act(&office, "city", back).await?;
    let back = json!({ "kind": "request.step", "request": "q-logs", "step": "returned", "reason": "期間を書いてください。" });
    act(&office, "contractor", back).await
}

fn delivery_fields() -> Value {
    use yakujo_contract::request::form::{Ask, Form, Kind, Part};
    let must = Form::F19.row().fields.iter().filter(|it| it.part == Part::Ask && it.need == Ask::Must);
    let value = |kind: Kind| match kind {
        Kind::Choice(choices) => choices.first().map_or_else(String::new, |it| it.0.to_owned()),
        Kind::Moment => Timestamp::now().to_string(),
        Kind::Count => "1".to_owned(),
        Kind::Line | Kind::Text | Kind::People | Kind::Auto => "10月分".to_owned(),
    };
    must.map(|field| (field.key.to_owned(), json!(value(field.kind))))
        .collect::<serde_json::Map<_, _>>()
        .into()
}
