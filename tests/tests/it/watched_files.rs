//! A file is edited: while the agent runs, and while it is stopped. Both arrive in the ledger, and say which was which.

use anyhow::Context;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::Duration;
use yakujo_contract::change::{Change, Object, changes};
use yakujo_contract::entry::Entry;
use yakujo_contract::fact::state::Seen;
use yakujo_stories::City;

const MINUTE: Duration = Duration::from_secs(60);

/// The changes of one file that the ledger shows, oldest first.
fn changes_of(city: &City, path: &Path) -> anyhow::Result<Vec<Change>> {
    let mut all: Vec<Change> = city.entries()?.iter().flat_map(changes).collect();
    all.retain(|change| change.object == Object::File && Path::new(&change.name) == path);
    Ok(all)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edit_is_in_the_ledger_within_a_minute_and_one_behind_the_back_of_the_agent_is_found_at_its_start()
-> anyhow::Result<()> {
    let folder = tempfile::tempdir_in("/var/tmp")?;
    // Of what not everybody may read the ledger has no digest that could be compared.
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755))?;
    let data = folder.path().join("data");
    let site = folder.path().join("site");
    std::fs::create_dir_all(&site)?;
    let page = site.join("index.html");
    std::fs::write(&page, "one")?;
    let mut city = City::start(&data).await?;
    let agent = data.join("agent");
    std::fs::create_dir_all(&agent)?;
    std::fs::write(agent.join("agent.toml"), format!("watch = [\"{}\"]\n", site.display()))?;
    city.observe().await?;
    let has_baseline = |city: &City| {
        let is_baseline =
            |entry: &Entry| entry.fact().is_some_and(|fact| fact.kind() == "integrity.baseline");
        Ok(city.entries()?.iter().any(is_baseline))
    };
    city.until(MINUTE * 4, "the baseline is told", has_baseline).await?;
    std::fs::write(&page, "two")?;
    city.until(MINUTE, "the edit is told", |city| Ok(!changes_of(city, &page)?.is_empty())).await?;
    city.stop_observing().await;
    std::fs::write(&page, "three")?;
    city.observe().await?;
    city.until(MINUTE, "the second edit is told", |city| Ok(changes_of(city, &page)?.len() > 1)).await?;
    let told = changes_of(&city, &page)?;
    let (first, second) = (told.first().context("one")?, told.get(1).context("two")?);
    assert_eq!((first.seen, second.seen), (Seen::Running, Seen::WhileAway));
    assert!(first.digest_after.is_some());
    assert_eq!(first.digest_after, second.digest_before, "nothing is missing between them");
    assert!(first.window.latest <= second.window.latest);
    city.stop().await;
    Ok(())
}
