//! What users rely on changes for real: the name of a real nginx leads elsewhere, its form asks for something else, and
//! the city sees that nobody had asked it (12.2.a).

use crate::stops::town;
use anyhow::ensure;
use std::path::Path;
use yakujo_contract::act::Matter;
use yakujo_contract::standing::Standing;
use yakujo_contract::target::{Expected, Means, Target};
use yakujo_contract::thing::Object;
use yakujo_stories::City;
use yakujo_stories::alone::alone;

const NAME: &str = "portal.example.jp";

/// Where the name leads, in this private machine.
fn leads_to(address: &str) -> anyhow::Result<()> {
    Ok(std::fs::write("/etc/hosts", format!("127.0.0.1 localhost\n{address} {NAME}\n"))?)
}

fn page() -> anyhow::Result<Target> {
    Ok(Target {
        target: "web".parse()?,
        system: "main".parse()?,
        name: "窓口".to_owned(),
        means: Means::Http,
        address: format!("http://{NAME}:8080/index.html"),
        expected: Expected { text: Some("住民ポータル".to_owned()), ..Expected::default() },
        authority: None,
        reference: None,
        every_s: 10,
        probes: vec!["server".parse()?],
    })
}

async fn begin(folder: &Path) -> anyhow::Result<City> {
    City::start_at(&folder.join("data"), "10.77.0.1:0".parse()?).await
}

fn names(city: &City) -> anyhow::Result<Vec<(Object, String)>> {
    let office = city.office()?;
    let found = office.court().roll(office.terms()).all().to_vec();
    Ok(found.into_iter().map(|it| (it.finding.object, it.finding.names.join(" "))).collect())
}

#[test]
fn a_name_that_leads_elsewhere_and_another_form_are_seen_and_nobody_had_asked() -> anyhow::Result<()> {
    let test = "environment::a_name_that_leads_elsewhere_and_another_form_are_seen_and_nobody_had_asked";
    alone(test, || async {
        let folder = tempfile::tempdir()?;
        town::cables()?;
        town::run("ip -n sys addr add 10.77.0.11/24 dev eth0")?;
        let (mut nginx, file) = town::nginx(folder.path(), 8080)?;
        let everywhere = std::fs::read_to_string(&file)?.replace("10.77.0.10:8080", "8080");
        std::fs::write(&file, everywhere)?;
        let form = |field: &str| format!("<h1>住民ポータル</h1><form><input name={field} value=1></form>");
        town::write_page(&file, Some(&form("user")))?;
        town::run(&format!("chmod a+rx {}", folder.path().display()))?;
        nginx.stop()?;
        nginx.again()?;
        leads_to(town::SYSTEM)?;

        let city = begin(folder.path()).await?;
        city.agree_parameters(20, "stop_s", 10).await?;
        city.agree(Matter::Target(page()?)).await?;
        city.until_stands("12.2.a", Standing::Kept).await?;
        city.stop().await;

        // Nothing changed: the next start of the probe tells the same.
        let city = begin(folder.path()).await?;
        city.until_stands("12.2.a", Standing::Kept).await?;
        ensure!(names(&city)?.is_empty(), "{:?}", names(&city)?);
        city.stop().await;

        leads_to("10.77.0.11")?;
        town::write_page(&file, Some(&form("one_time_password")))?;
        let city = begin(folder.path()).await?;
        city.until_stands("12.2.a", Standing::Broken).await?;
        let found = names(&city)?;
        ensure!(found.contains(&(Object::Dns, NAME.to_owned())), "{found:?}");
        ensure!(found.contains(&(Object::Environment, format!("{NAME}/forms"))), "{found:?}");
        city.stop().await;
        Ok(())
    })
}
