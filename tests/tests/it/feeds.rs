//! What is known of vulnerabilities on its way to the city: put together and signed where the Internet is reached, brought in by
//! the command, compared with what a real agent told of its host, and read on the pages.

use crate::malware::hosts::{Host, Tree};
use crate::town_hall::TownHall;
use anyhow::{Context, ensure};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};
use yakujo_contract::act::Role;
use yakujo_contract::fact::Fact;
use yakujo_contract::fact::vulnerability::{FeedImported, VulnMatch, VulnStatus};
use yakujo_contract::standing::Standing::Unknown;
use yakujo_stories::City;

const HOST: &str = "counter";
const FEEDS: &str = "/c/main/feeds";
const TAB: &str = "/c/main/hosts/counter?tab=vulnerabilities";
const RELEASE: &str = "ID=debian\nVERSION_ID=\"12\"\nVERSION_CODENAME=bookworm\n";
const DEBIAN: &str = "Debian Security <team@tracker.debian.org>";

/// dpkg's own list, with one package of Debian's in this version and one of somebody else.
fn packages(openssl: &str) -> String {
    let stanza = |name: &str, version: &str, maintainer: &str, source: &str| {
        format!(
            "Package: {name}\nStatus: install ok installed\nMaintainer: {maintainer}\nArchitecture: amd64\n{source}Version: {version}\n\n"
        )
    };
    [
        stanza("libssl3", openssl, DEBIAN, "Source: openssl\n"),
        stanza("own-tool", "1.0", "Somebody <somebody@example.com>", ""),
    ]
    .concat()
}

/// The desk where bundles are made.
struct Desk {
    folder: PathBuf,
    data: PathBuf,
}

impl Desk {
    fn yakujo(&self, arguments: &[&str]) -> anyhow::Result<i32> {
        let mut command = Command::new(yakujo_stories::built()?);
        command.arg("--data").arg(&self.data).arg("feed").args(arguments).current_dir(&self.folder);
        command.status()?.code().context("an exit code")
    }

    /// What upstream published at an instant.
    fn published(&self, at: Timestamp) -> anyhow::Result<()> {
        let issue = |state: serde_json::Value| json!({ "releases": { "bookworm": state } });
        let tracker = json!({ "openssl": {
            "CVE-2026-1001": issue(json!({ "status": "resolved", "fixed_version": "3.0.17-1", "urgency": "high" })),
            "CVE-2026-1002": issue(json!({ "status": "open", "urgency": "low" })),
            "CVE-2026-1003": issue(json!({ "status": "resolved", "fixed_version": "3.0.14-1", "urgency": "low" })),
            "CVE-2026-1004": issue(json!({ "status": "open", "urgency": "unimportant" })),
        } });
        let kev = json!({ "dateReleased": at, "vulnerabilities": [{ "cveID": "CVE-2026-1001" }] });
        let plan = format!(
            "usable_days = 30\n\
             [[part]]\nkind = \"debian_tracker\"\nfile = \"tracker.json\"\nsource = \"s\"\nupstream_time = \"{at}\"\nlicence = \"l\"\n\
             [[part]]\nkind = \"kev\"\nfile = \"kev.json\"\nsource = \"s\"\nlicence = \"CC0-1.0\"\n"
        );
        for (name, text) in
            [("tracker.json", tracker.to_string()), ("kev.json", kev.to_string()), ("plan.toml", plan)]
        {
            std::fs::write(self.folder.join(name), text)?;
        }
        Ok(())
    }

    fn import(&self, serial: u32, who: &[&str]) -> anyhow::Result<i32> {
        let bundle = format!("yakujo-feeds-{serial}.akb");
        self.yakujo(&[&["import", &bundle, "--maker", "maker.pub"], who].concat())
    }
}

fn facts(city: &City) -> anyhow::Result<(Vec<FeedImported>, Vec<VulnMatch>)> {
    let (mut imported, mut found) = (Vec::new(), Vec::new());
    for entry in city.entries()? {
        match entry.fact() {
            Some(Fact::FeedImported(fact)) => imported.push(fact.clone()),
            Some(Fact::VulnMatch(fact)) => found.push(fact.clone()),
            _ => {}
        }
    }
    Ok((imported, found))
}

async fn observed(city: &City, folder: &Path) -> anyhow::Result<(PathBuf, Host)> {
    let tree = Tree::plant(folder.join("host"))?;
    std::fs::write(tree.path.join("etc/os-release"), RELEASE)?;
    let status = tree.path.join("var/lib/dpkg/status");
    std::fs::write(&status, packages("3.0.15-1"))?;
    Ok((status, tree.observe(city, HOST, None).await?))
}

/// An old bundle, without a word of who brings it in: the city sees how old it is, and what concerns the host.
async fn first(city: &City, hall: &TownHall, desk: &Desk, host: &Host) -> anyhow::Result<()> {
    ensure!(hall.page(FEEDS)?.contains("まだ取り込んでいません"));
    desk.published(Timestamp::now() - SignedDuration::from_hours(24 * 5))?;
    ensure!(desk.yakujo(&["key", "--output", "."])? == 0);
    ensure!(desk.yakujo(&["build", "plan.toml", "--key", "maker.key", "--first", "--output", "."])? == 0);
    ensure!(desk.import(1, &[])? == 0);
    let began = Instant::now();
    hall.until_shown(FEEDS, &["悪用が確認された脆弱性（KEV）", "72時間を超過", "記録なし"], began).await?;
    host.until(city, "3.2.a", &Unknown, "72 時間を過ぎています").await?;
    hall.until_shown(TAB, &["CVE-2026-1001", "悪用あり・未解決", "修正版あり（未適用）", "3.0.17-1"], began)
        .await?;
    hall.until_shown(TAB, &["CVE-2026-1002", "未修正（修正版なし）"], began).await?;
    hall.until_shown(TAB, &["CVE-2026-1004", "配布元は修正しない", "unimportant"], began).await?;
    hall.until_shown(TAB, &["own-tool", "この情報では分からない"], began).await?;
    let page = hall.page(TAB)?;
    ensure!(
        page.contains("修正済み 1 件") && !page.contains("CVE-2026-1003"),
        "what is fixed is counted: {page}"
    );
    host.until(
        city,
        "3.1.a",
        &Unknown,
        "悪用が確認されている脆弱性が 1 件残っています（openssl 3.0.15-1 の CVE-2026-1001",
    )
    .await?;
    let csv = hall.page(&format!("{TAB}&format=csv"))?;
    ensure!(csv.contains("CVE-2026-1001") && csv.contains("own-tool"), "the list goes with the city: {csv}");
    Ok(())
}

/// A new one, with who brought it in and who looked at it, too; an older one is refused and nothing changes.
async fn second(city: &City, hall: &TownHall, desk: &Desk, host: &Host) -> anyhow::Result<()> {
    desk.published(Timestamp::now())?;
    let after = "yakujo-feeds-1.akb";
    ensure!(
        desk.yakujo(&["build", "plan.toml", "--key", "maker.key", "--after", after, "--output", "."])? == 0
    );
    ensure!(desk.import(2, &["--by", "contractor", "--confirmed-by", "contractor"])? != 0, "nobody is two");
    ensure!(desk.import(2, &["--by", "contractor", "--confirmed-by", "city"])? == 0);
    ensure!(desk.import(1, &["--by", "contractor"])? == 3, "not back");
    host.until(
        city,
        "3.2.a",
        &Unknown,
        "取り込んでいます。悪用が確認されている脆弱性で機器に残っているものは 1 件",
    )
    .await?;
    // The feeds of a bundle are told one after the other.
    let are_told = |city: &City| Ok(facts(city)?.0.len() >= 4);
    city.until(Duration::from_secs(60), "both feeds of both bundles", are_told).await?;
    let (imported, found) = facts(city)?;
    let people: Vec<_> =
        imported.iter().map(|it| (it.serial, it.importer.is_some(), it.confirmer.is_some())).collect();
    ensure!(
        people == [(1, false, false), (1, false, false), (2, true, true), (2, true, true)],
        "{imported:?}"
    );
    ensure!(imported.iter().all(|it| !it.checks.is_empty()));
    ensure!(found.len() == 1, "what did not change is not told again: {found:?}");
    ensure!(!hall.page(FEEDS)?.contains("72時間を超過"));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_known_of_vulnerabilities_is_brought_in_compared_and_read_by_the_city() -> anyhow::Result<()>
{
    let folder = tempfile::tempdir()?;
    let folder = folder.path().canonicalize()?;
    let city = City::start(&folder.join("office")).await?;
    let hall = TownHall::visitor(&city, ("mori", "森 遥"), Role::CityStaff).await?;
    let desk = Desk { folder: folder.join("desk"), data: city.data.clone() };
    std::fs::create_dir(&desk.folder)?;
    let (status, host) = observed(&city, &folder).await?;
    first(&city, &hall, &desk, &host).await?;
    second(&city, &hall, &desk, &host).await?;

    // The fixed version is installed: that is seen within a minute, and stands in the ledger.
    let began = Instant::now();
    std::fs::write(&status, packages("3.0.17-1"))?;
    hall.until_shown(TAB, &["CVE-2026-1001", "悪用あり", "修正済み"], began).await?;
    host.until(&city, "3.1.a", &Unknown, "合意した一覧にありません").await?;
    let (_, found) = facts(&city)?;
    let states: Vec<_> = found.iter().map(|it| (it.version.as_str(), it.status)).collect();
    ensure!(
        states == [("3.0.15-1", VulnStatus::UpdateAvailable), ("3.0.17-1", VulnStatus::Fixed)],
        "{states:?}"
    );
    host.stop().await;
    city.stop().await;
    Ok(())
}
