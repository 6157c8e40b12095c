//! Ask first, by the keyboard alone: the contractor asks for a stop, the city returns it, the contractor hands it in again,
//! a deputy of the city approves it with a condition, the stop overruns, the finding is classified, the report is
//! confirmed, and the whole is printed.

use crate::asked::{act, service_stopped, unasked_change};
use crate::bystanders::{AMONG_THE_CITY, Bystanders, Eye, link_of, looks, looks_at_finding};
use crate::chromium::{Browser, Script, beside, story_of};
use crate::keyboard::{Stop, tab_to};
use crate::person::Person;
use crate::walk::first_link;
use anyhow::{Context, ensure};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan as _};
use serde_json::json;
use std::time::{Duration, Instant};
use thirtyfour::{Key, TypingData};
use yakujo_contract::act::Role;
use yakujo_stories::City;

/// By how much the service goes down too late: the clock of a host that nobody measured is believed to ten seconds.
const TOO_LATE: SignedDuration = SignedDuration::from_secs(13);

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_is_asked_for_returned_approved_by_a_deputy_overrun_classified_and_confirmed()
-> anyhow::Result<()> {
    story_of(&["main", "other"], Script::On, async |city, contractors| {
        unasked_change(city).await?;
        let (deputy, holder) = seats(city).await?;
        beside(city, async |citys| {
            Person::prepare(contractors, "contractor", &first_link(city, "contractor")?)
                .await?
                .sign_in(contractors)
                .await?;
            Person::prepare(citys, "suzuki", &deputy).await?.sign_in(citys).await?;
            beside(city, async |third| {
                let bystanders = Bystanders::arrive(city, third, &holder).await?;
                tell(city, contractors, citys, bystanders).await
            })
            .await
        })
        .await
    })
    .await
}

/// The story, with everybody at a browser of his own.
async fn tell(
    city: &City,
    contractor: &Browser,
    deputy: &Browser,
    mut bystanders: Bystanders<'_>,
) -> anyhow::Result<()> {
    let began = Instant::now();
    let from = ask(contractor).await?;
    let request = contractor.path().await?;
    let request = request.as_str();
    everybody(contractor, deputy, &mut bystanders, request, "asked").await?;
    let pace = returned(deputy, request).await?;
    everybody(contractor, deputy, &mut bystanders, request, "returned").await?;
    again(contractor, request).await?;
    everybody(contractor, deputy, &mut bystanders, request, "resubmitted").await?;
    let end = approved(deputy, request, pace).await?;
    service_stopped(city, 2).await?;
    everybody(contractor, deputy, &mut bystanders, request, "approved").await?;
    overrun(city, end).await?;
    let finding = explained(contractor).await?;
    looks_at_finding(deputy, Eye::Deputy, &finding, &["交換に手間取り"], false).await?;
    bystanders.look_at_finding(&finding, &["交換に手間取り"], false).await?;
    done(contractor, request, from).await?;
    everybody(contractor, deputy, &mut bystanders, request, "done").await?;
    reported(contractor, request).await?;
    everybody(contractor, deputy, &mut bystanders, request, "reported").await?;
    decided(deputy, &finding).await?;
    let said = ["交換に手間取り", "超過を確かめました。", "違反"];
    looks_at_finding(contractor, Eye::Contractor, &finding, &said, true).await?;
    bystanders.look_at_finding(&finding, &said, true).await?;
    confirmed(deputy, request).await?;
    everybody(contractor, deputy, &mut bystanders, request, "confirmed").await?;
    countersigned(bystanders.become_holder().await?, request).await?;
    everybody(contractor, deputy, &mut bystanders, request, "countersigned").await?;
    printed(deputy, request).await?;
    println!("told in {:.0} s, {} pages of bystanders", began.elapsed().as_secs_f64(), bystanders.pages());
    Ok(())
}

/// Those who act look at what is offered to them, then those who look on.
async fn everybody(
    contractor: &Browser,
    deputy: &Browser,
    bystanders: &mut Bystanders<'_>,
    request: &str,
    after: &str,
) -> anyhow::Result<()> {
    let began = Instant::now();
    looks(contractor, Eye::Contractor, request, after).await?;
    looks(deputy, Eye::Deputy, request, after).await?;
    bystanders.look(request, after).await?;
    println!("{after}: looked at in {:.0} s", began.elapsed().as_secs_f64());
    Ok(())
}

/// The head of the section, and Suzuki who stands in today: their links.
async fn seats(city: &City) -> anyhow::Result<(String, String)> {
    let office = city.office()?;
    let (suzuki, deputy) = link_of(city, &office, "suzuki", Role::CityStaff).await?;
    let (sato, holder) = link_of(city, &office, "holder", Role::CityApprover).await?;
    let now = office.now();
    let until = now.checked_add(SignedDuration::from_hours(8))?;
    for one in [
        json!({ "kind": "post.named", "post": "kachou", "name": "情報政策課長" }),
        json!({ "kind": "post.taken", "post": "kachou", "person": sato, "from": now }),
        json!({ "kind": "deputy.named", "post": "kachou", "person": suzuki, "from": now, "until": until, "reason": "出張" }),
    ] {
        act(&office, "city", one).await?;
    }
    Ok((deputy, holder))
}

/// Types into a field, found by the tabulator.
async fn write(browser: &Browser, id: &str, text: &str) -> anyhow::Result<()> {
    tab_to(browser, |stop| stop.id == id).await.with_context(|| id.to_owned())?;
    browser.keys(text).await
}

/// Presses a button, a link or the heading of a form that opens.
async fn press(browser: &Browser, name: &str) -> anyhow::Result<()> {
    tab_to(browser, |stop| stop.name == name).await.with_context(|| name.to_owned())?;
    browser.keys(Key::Enter).await
}

/// Waits until the page says so.
async fn until(browser: &Browser, words: &str) -> anyhow::Result<()> {
    let asked = format!("return document.body.innerText.includes({})", serde_json::to_string(words)?);
    for _ in 0..200 {
        if browser.run(&asked).await.is_ok_and(|it| it == true) {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    anyhow::bail!("the page does not say {words}")
}

async fn says(browser: &Browser, words: &str) -> anyhow::Result<bool> {
    let asked = format!("return document.body.innerText.includes({})", serde_json::to_string(words)?);
    Ok(browser.run(&asked).await? == true)
}

fn minute(instant: Timestamp) -> String {
    instant.to_zoned(TimeZone::fixed(jiff::tz::offset(9))).strftime("%Y-%m-%d %H:%M").to_string()
}

/// The contractor asks. Returns when the stop is to begin.
async fn ask(browser: &Browser) -> anyhow::Result<Timestamp> {
    browser.go("/c/main/requests/new/F-07").await?;
    let from = Timestamp::now();
    let end = from.checked_add(1.hour())?;
    write(browser, "f-title", "ディスク交換による停止").await?;
    tab_to(browser, |stop| stop.id == "f-systems-main").await?;
    browser.keys(Key::Space).await?;
    write(browser, "f-from", &minute(from)).await?;
    write(browser, "f-to", &minute(end)).await?;
    tab_to(browser, |stop| stop.id == "f-x-class").await?;
    browser.keys(Key::Down).await?;
    write(browser, "f-x-reason", "ディスクの交換").await?;
    write(browser, "f-x-impact", "窓口の証明書発行").await?;
    write(browser, "f-x-announced", "前日に庁内で掲示").await?;
    write(browser, "f-x-give_up", &minute(end)).await?;
    write(browser, "f-x-roll_back", "元のディスクに戻す。10分").await?;
    press(browser, "確認画面へ進む").await?;
    until(browser, "内容を確かめてください").await?;
    press(browser, "提出する").await?;
    until(browser, "提出済（受付待ち）").await?;
    Ok(from)
}

/// The city returns it, and talks about it among itself. Returns how long returning took.
async fn returned(browser: &Browser, request: &str) -> anyhow::Result<Duration> {
    browser.go(request).await?;
    let began = Instant::now();
    press(browser, "差し戻す").await?;
    write(browser, "f-returned-reason", "代替手段を書いてください。").await?;
    press(browser, "差し戻す").await?;
    until(browser, "内容を確かめてください").await?;
    press(browser, "差し戻す").await?;
    until(browser, "次は「受託者」の番です").await?;
    let pace = began.elapsed();
    tab_to(browser, |stop| stop.id == "f-scope").await?;
    browser.keys(Key::Down).await?;
    write(browser, "f-text", AMONG_THE_CITY).await?;
    press(browser, "コメントを書く").await?;
    until(browser, AMONG_THE_CITY).await?;
    Ok(pace)
}

async fn again(browser: &Browser, request: &str) -> anyhow::Result<()> {
    browser.go(request).await?;
    ensure!(says(browser, "代替手段を書いてください。").await?, "the reason is shown");
    press(browser, "直して再提出する").await?;
    write(browser, "f-x-substitute", "隣の窓口で受け付ける。").await?;
    press(browser, "確認画面へ進む").await?;
    until(browser, "内容を確かめてください").await?;
    press(browser, "再提出する").await?;
    until(browser, "第2版").await
}

/// The deputy approves less than was asked for: the stop has to end soon. How soon depends on how fast this machine is
/// today: what he did before took `pace`. Returns when it has to end.
async fn approved(browser: &Browser, request: &str, pace: Duration) -> anyhow::Result<Timestamp> {
    browser.go(request).await?;
    let room = (pace * 6).clamp(Duration::from_secs(40), Duration::from_secs(240));
    let end = Timestamp::now().checked_add(room)?.round(jiff::Unit::Second)?;
    press(browser, "承認する").await?;
    write(browser, "f-approved-conditions", "終了後、すぐに電話で報告すること。").await?;
    write(browser, "f-approved-to", &end.to_string()).await?;
    press(browser, "承認する").await?;
    until(browser, "内容を確かめてください").await?;
    press(browser, "承認する").await?;
    until(browser, "後閲待ち").await?;
    ensure!(Timestamp::now() < end, "{room:?} were too short on this machine today");
    Ok(end)
}

/// The service goes down again after the time that was approved is over.
async fn overrun(city: &City, end: Timestamp) -> anyhow::Result<()> {
    let left = end.checked_add(TOO_LATE)?.duration_since(Timestamp::now());
    tokio::time::sleep(Duration::try_from(left).unwrap_or_default()).await;
    service_stopped(city, 3).await
}

/// The link to the finding, not the table it stands in.
fn overrun_found(stop: &Stop) -> bool {
    stop.href.contains("/findings/") && stop.name.contains("承認時間外")
}

/// The contractor says what it was. Returns the finding.
async fn explained(browser: &Browser) -> anyhow::Result<String> {
    browser.go("/c/main/findings?of=all").await?;
    until(browser, "時間外").await?;
    tab_to(browser, overrun_found).await?;
    browser.keys(Key::Enter).await?;
    until(browser, "双方の説明").await?;
    let finding = browser.path().await?;
    classify(browser, Key::Down + Key::Down, "交換に手間取り、予定より遅れました。", "分類を説明する")
        .await?;
    Ok(finding)
}

async fn classify(browser: &Browser, choose: TypingData, why: &str, button: &str) -> anyhow::Result<()> {
    tab_to(browser, |stop| stop.id == "f-class").await?;
    browser.keys(choose).await?;
    write(browser, "f-reason", why).await?;
    press(browser, button).await?;
    until(browser, why).await
}

async fn done(browser: &Browser, request: &str, from: Timestamp) -> anyhow::Result<()> {
    browser.go(request).await?;
    press(browser, "実施を記録する").await?;
    write(browser, "f-done-from", &from.to_string()).await?;
    write(browser, "f-done-to", &Timestamp::now().to_string()).await?;
    write(browser, "f-done-result", "交換した。予定を超過した。").await?;
    press(browser, "実施を記録する").await?;
    until(browser, "内容を確かめてください").await?;
    press(browser, "実施を記録する").await?;
    until(browser, "実施済（報告待ち）").await
}

async fn reported(browser: &Browser, request: &str) -> anyhow::Result<()> {
    browser.go(request).await?;
    press(browser, "報告・提供する").await?;
    write(browser, "f-x-checked", "窓口の発行を確かめた。").await?;
    press(browser, "確認画面へ進む").await?;
    until(browser, "内容を確かめてください").await?;
    press(browser, "報告・提供する").await?;
    until(browser, "報告済（確認待ち）").await
}

async fn decided(browser: &Browser, finding: &str) -> anyhow::Result<()> {
    browser.go("/c/main/findings?of=all").await?;
    tab_to(browser, overrun_found).await?;
    browser.keys(Key::Enter).await?;
    until(browser, "交換に手間取り").await?;
    ensure!(browser.path().await? == finding, "the city looks at another finding");
    classify(browser, Key::Down.into(), "超過を確かめました。", "分類を決める").await?;
    ensure!(says(browser, "違反").await?, "the class is shown");
    Ok(())
}

async fn confirmed(browser: &Browser, request: &str) -> anyhow::Result<()> {
    browser.go(request).await?;
    press(browser, "報告を確認する").await?;
    press(browser, "報告を確認する").await?;
    until(browser, "内容を確かめてください").await?;
    press(browser, "報告を確認する").await?;
    until(browser, "確認済").await
}

/// The holder of the post looks at what his deputy decided.
async fn countersigned(browser: &Browser, request: &str) -> anyhow::Result<()> {
    browser.go(request).await?;
    ensure!(says(browser, "後閲待ち").await?, "it waits for the holder");
    press(browser, "後閲する").await?;
    press(browser, "後閲する").await?;
    until(browser, "内容を確かめてください").await?;
    press(browser, "後閲する").await?;
    until(browser, "確認済").await?;
    ensure!(!says(browser, "後閲待ち").await?, "it still waits");
    Ok(())
}

/// The deputy saves the PDF, and a reader of PDFs reads it.
async fn printed(browser: &Browser, request: &str) -> anyhow::Result<()> {
    browser.go(request).await?;
    let heading = browser.texts("h1").await?.concat();
    let number = heading.split_whitespace().next().context("the number")?.to_owned();
    press(browser, "PDFで保存する（A4）").await?;
    let paper = browser.saved(".pdf").await?;
    ensure!(paper.starts_with(b"%PDF"), "no paper");
    let sheet = tempfile::NamedTempFile::new()?;
    std::fs::write(sheet.path(), paper)?;
    let text = std::process::Command::new("pdftotext").arg(sheet.path()).arg("-").output()?;
    let text = String::from_utf8(text.stdout)?.replace(char::is_whitespace, "");
    let condition = "終了後、すぐに電話で報告すること。";
    for words in
        [&number, "ディスク交換による停止", condition, "suzuki太郎", "代決", "後閲", "holder太郎", "確認済"]
    {
        ensure!(text.contains(words), "{words} is not on paper: {text}");
    }
    ensure!(!text.contains("後閲待ち"), "what was seen waits on paper");
    ensure!(!text.contains("課長に口頭で"), "what the city said among itself is on paper");
    Ok(())
}
