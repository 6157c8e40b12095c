//! What a city reads of old backups that were removed.

use super::site::Site;
use serde_json::{Value, json};
use yakujo_contract::act::Role;
use yakujo_contract::id::HostId;

fn retention(stage: &str, run: &str) -> Value {
    json!({ "kind": "backup.retention", "run": run, "stage": stage, "repository": "r-1", "job": "daily", "rank": "A",
        "generations": { "hourly": 0, "daily": 14, "weekly": 5, "monthly": 13 }, "kept": 28,
        "removed": (0..4).map(|n| format!("{n}abcdef0").repeat(8)).collect::<Vec<String>>(),
        "lost": [{ "snapshot": "fedcba98".repeat(8), "heard": "2026-11-20T17:12:00Z" }], "unknown": 2,
        "tool": "restic 0.14.0", "ended": "2026-11-22T03:00:00Z" })
}

async fn told(site: &Site, host: &HostId, fact: Value) {
    let fact = serde_json::from_value(fact).unwrap();
    site.office("main").state(Some(host.clone()), fact).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_removal_of_old_backups_is_shown_with_its_rule_what_went_and_what_is_missing() {
    let site = Site::start().await;
    let host = site.place_host("main", "db-7").await;
    let mut city = site.sign_in(&site.person("main", Role::CityStaff).await).await;
    let nothing = city.get("/c/main/backups?of=removed").await;
    assert!(nothing.body.contains("古い控えを削除した記録はありません"), "{}", nothing.body);
    told(&site, &host, retention("planned", "a")).await;
    let cut_short = city.get("/c/main/backups?of=removed").await;
    assert!(cut_short.body.contains("結果の記録なし"), "{}", cut_short.body);
    told(&site, &host, retention("done", "a")).await;
    let page = city.get("/c/main/backups?of=removed").await;
    for text in [
        "完了",
        "重要度 A",
        "時間 0、日 14、週 5、月 13",
        "28 件",
        "4 件",
        "0abcdef0",
        "ほか（台帳に全部）",
        "記録なしに消失",
        "fedcba98",
        "ほか台帳にないもの 2 件",
    ] {
        assert!(page.body.contains(text), "{text}: {}", page.body);
    }
    assert!(!page.body.contains("結果の記録なし") && !page.body.contains("3abcdef0"), "{}", page.body);
    let file = city.get("/c/main/backups?of=removed&format=csv").await;
    for n in 0..4 {
        assert!(file.body.contains(&format!("{n}abcdef0").repeat(8)), "{}", file.body);
    }
    site.stop().await;
}
