//! 3.5.a: until when the software in use is supported. Dates come from a table that can be replaced as a file; those of
//! Debian and Ubuntu come from the host's own `distro-info-data` where it is installed.
//!
//! A package of the distribution is supported by the distribution, whatever its upstream does; for other packages
//! upstream's dates count.

use crate::collect::c03_software::{Installed, Inventory, parse_os_release};
use crate::reading::{Sources, read_text};
use jiff::Timestamp;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use yakujo_contract::fact::software::{Phase, ProductSupport, SupportPhase};

/// The shipped table.
const SHIPPED: &str = include_str!("../../../../contracts/support.toml");

/// A table of dates.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Table {
    /// Name of the table.
    pub name: String,
    /// Day of its making, `YYYY-MM-DD`.
    pub date: String,
    /// The rows.
    #[serde(rename = "product")]
    pub products: Vec<Row>,
}

/// One cycle of a product.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Row {
    /// `debian`, `postgresql` …
    pub name: String,
    /// `12`, `8.2` …
    pub cycle: String,
    /// Last day of full support.
    #[serde(default)]
    pub full: Option<String>,
    /// Last day of support that costs nothing.
    #[serde(default)]
    pub free: Option<String>,
    /// Last day of support that is paid for.
    #[serde(default)]
    pub paid: Option<String>,
    /// Where the dates come from.
    pub basis: String,
}

/// Reads a table.
///
/// # Errors
/// A sentence with the line.
pub fn parse_table(text: &str) -> Result<Table, String> {
    let table: Table =
        toml::from_str(text).map_err(|error| format!("the table of support dates: {error}"))?;
    for row in &table.products {
        for date in [&row.full, &row.free, &row.paid].into_iter().flatten() {
            if end_of(date).is_none() {
                return Err(format!(
                    "the table of support dates: {} {}: `{date}` is not a day (YYYY-MM-DD)",
                    row.name, row.cycle
                ));
            }
        }
    }
    Ok(table)
}

/// The table in force: the replaced one where it is there.
///
/// # Errors
/// A sentence that says what is wrong with the file.
pub fn table(sources: &Sources) -> Result<Table, String> {
    match &sources.support_table {
        Some(path) if path.exists() => {
            let text = read_text(path).map_err(|error| format!("{}: {error}", path.display()))?;
            parse_table(&text)
        }
        Some(_) | None => parse_table(SHIPPED),
    }
}

/// The last instant of a day (end of the day in UTC).
fn end_of(day: &str) -> Option<Timestamp> {
    format!("{day}T23:59:59Z").parse().ok()
}

/// Cycles of the lines of a `distro-info-data` table.
#[must_use]
pub fn parse_distro_info(name: &str, text: &str) -> Vec<Row> {
    let mut lines = text.lines();
    let header: Vec<&str> = lines.next().unwrap_or_default().split(',').collect();
    let row = |line: &str| {
        let values: BTreeMap<&str, &str> = header.iter().copied().zip(line.split(',')).collect();
        let day =
            |key: &str| values.get(key).filter(|day| end_of(day).is_some()).map(|day| (*day).to_owned());
        let cycle = values.get("version")?.split(' ').next()?.to_owned();
        let (free, paid) =
            if name == "debian" { (day("eol-lts"), day("eol-elts")) } else { (None, day("eol-esm")) };
        let full = day("eol");
        let free = free.or_else(|| full.clone());
        Some(Row {
            name: name.to_owned(),
            cycle,
            full,
            free,
            paid,
            basis: "distro-info-data of this host".to_owned(),
        })
    };
    lines.take(1_000).filter_map(row).collect()
}

/// Products in use and how they are supported.
///
/// # Errors
/// A sentence that says what could not be read.
pub fn read(
    sources: &Sources,
    inventory: Option<&Inventory>,
    now: Timestamp,
) -> Result<SupportPhase, String> {
    let table = table(sources)?;
    let text = sources.read("/etc/os-release").or_else(|_| sources.read("/usr/lib/os-release"));
    let release = parse_os_release(&text.map_err(|error| format!("/etc/os-release: {error}"))?);
    let value = |key: &str| release.get(key).cloned().unwrap_or_default();
    let (os, version) = (value("ID"), value("VERSION_ID"));
    let mut rows = table.products.clone();
    if let Ok(text) = sources.read(&format!("/usr/share/distro-info/{os}.csv")) {
        let known = parse_distro_info(&os, &text);
        rows.retain(|row| row.name != os || !known.iter().any(|newer| newer.cycle == row.cycle));
        rows.extend(known);
    }
    let system = supported(&rows, &os, &system_cycle(&rows, &os, &version), now);
    let mut products = vec![system.clone()];
    for (product, cycle, by_distribution) in inventory.map(products_of).unwrap_or_default() {
        let mut found = supported(&rows, &product, &cycle, now);
        if by_distribution {
            // The distribution mends it as long as it is itself supported.
            found.basis = format!("package of {os} {version}: {}", system.basis);
            (found.phase, found.full_until, found.until) = (system.phase, system.full_until, system.until);
        }
        products.push(found);
    }
    Ok(SupportPhase { products, table: format!("{} {}", table.name, table.date) })
}

/// `9.4` of a system whose cycles are `9`.
fn system_cycle(rows: &[Row], os: &str, version: &str) -> String {
    let known = |cycle: &str| rows.iter().any(|row| row.name == os && row.cycle == cycle);
    let major = version.split('.').next().unwrap_or(version);
    if !known(version) && known(major) { major.to_owned() } else { version.to_owned() }
}

fn supported(rows: &[Row], product: &str, cycle: &str, now: Timestamp) -> ProductSupport {
    let (product, cycle) = (product.to_owned(), cycle.to_owned());
    let Some(row) = rows.iter().find(|row| row.name == product && row.cycle == cycle) else {
        let basis = "not in the table".to_owned();
        return ProductSupport {
            product,
            cycle,
            phase: Phase::NotListed,
            full_until: None,
            until: None,
            basis,
        };
    };
    let instant = |day: &Option<String>| day.as_deref().and_then(end_of);
    let (full_until, free, paid) = (instant(&row.full), instant(&row.free), instant(&row.paid));
    let until = free.or(full_until);
    let phase = if full_until.is_some_and(|end| now <= end) {
        Phase::Full
    } else if until.is_some_and(|end| now <= end) {
        Phase::Lts
    } else if paid.is_some_and(|end| now <= end) {
        Phase::Extended
    } else {
        Phase::Ended
    };
    ProductSupport { product, cycle, phase, full_until, until, basis: row.basis.clone() }
}

/// Products of the contract's kind among the packages: name, cycle, and whether the distribution supports them.
#[must_use]
pub fn products_of(inventory: &Inventory) -> Vec<(String, String, bool)> {
    let mut found = BTreeSet::new();
    for installed in &inventory.packages {
        if let Some((product, cycle)) = product_of(installed) {
            found.insert((product, cycle, installed.by_distribution));
        }
    }
    found.into_iter().take(100).collect()
}

fn product_of(installed: &Installed) -> Option<(String, String)> {
    let name = installed.package.name.split(':').next()?;
    let version = upstream(&installed.package.version);
    let of = |product: &str, cycle: String| Some((product.to_owned(), cycle));
    let number = |rest: &str| {
        rest.starts_with(|c: char| c.is_ascii_digit()) && rest.chars().all(|c| c.is_ascii_digit() || c == '.')
    };
    if let Some(cycle) = name.strip_prefix("postgresql-").filter(|rest| number(rest)) {
        return of("postgresql", cycle.to_owned());
    }
    if let Some(cycle) =
        name.strip_prefix("php").and_then(|rest| rest.strip_suffix("-common")).filter(|rest| number(rest))
    {
        return of("php", cycle.to_owned());
    }
    if let Some(rest) = name.strip_prefix("openjdk-") {
        return of("java", rest.split('-').next().filter(|rest| number(rest))?.to_owned());
    }
    match name {
        "mariadb-server" | "mariadb-server-core" => of("mariadb", first(version, 2)),
        "postgresql-server" => of("postgresql", first(version, 1)),
        "python3-minimal" | "python3.11-minimal" | "python3.12-minimal" | "python3.13-minimal" => {
            of("python", first(version, 2))
        }
        "openssl" | "openssl-libs" => of("openssl", first(version, 2)),
        "nodejs" => of("nodejs", first(version, 1)),
        "nginx" | "nginx-common" => of("nginx", first(version, 2)),
        "apache2" | "apache2-bin" | "httpd" => of("apache", first(version, 2)),
        _ => None,
    }
}

/// A version without epoch and revision.
fn upstream(version: &str) -> &str {
    let version = version.split_once(':').map_or(version, |(_, rest)| rest);
    version.split(['-', '+', '~']).next().unwrap_or(version)
}

fn first(version: &str, words: usize) -> String {
    version.split('.').take(words).collect::<Vec<_>>().join(".")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collect::c03_software::parse_status;
    use proptest::prelude::*;

    const STATUS: &str = "Package: nodejs\nStatus: install ok installed\nVersion: 18.20.4+dfsg-1~deb12u1\n\
        Maintainer: x <pkg@alioth-lists.debian.net>\n\nPackage: postgresql-11\nStatus: install ok installed\n\
        Version: 11.22-1.pgdg120+1\nMaintainer: x <team@debian.org>\n";

    fn read_at(day: &str) -> SupportPhase {
        let tree = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(tree.path().join("etc")).unwrap();
        std::fs::write(tree.path().join("etc/os-release"), "ID=debian\nVERSION_ID=\"12\"\n").unwrap();
        let inventory = Inventory { packages: parse_status(STATUS), ..Inventory::default() };
        read(&Sources::under(tree.path()), Some(&inventory), end_of(day).unwrap()).unwrap()
    }

    #[test]
    fn the_phase_of_a_system_follows_the_dates() {
        for (day, phase) in [
            ("2026-07-11", Phase::Full),
            ("2026-07-12", Phase::Lts),
            ("2028-07-01", Phase::Extended),
            ("2034-01-01", Phase::Ended),
        ] {
            assert_eq!(read_at(day).products[0].phase, phase, "{day}");
        }
    }

    #[test]
    fn a_package_of_the_distribution_lives_as_long_as_the_distribution_and_others_as_upstream_says() {
        let found = read_at("2026-11-22");
        let phase = |name: &str| found.products.iter().find(|product| product.product == name).unwrap().phase;
        assert_eq!(phase("nodejs"), Phase::Lts);
        assert_eq!(phase("postgresql"), Phase::Ended);
    }

    #[test]
    fn a_product_without_dates_is_said_to_be_not_listed() {
        let rows = parse_table(SHIPPED).unwrap().products;
        assert_eq!(supported(&rows, "plan9", "4", Timestamp::UNIX_EPOCH).phase, Phase::NotListed);
    }

    #[test]
    fn every_shipped_row_has_a_date_and_its_source_and_a_wrong_day_is_refused() {
        let table = parse_table(SHIPPED).unwrap();
        assert!(
            table
                .products
                .iter()
                .all(|row| !row.basis.is_empty() && (row.full.is_some() || row.free.is_some()))
        );
        let wrong = SHIPPED.replacen("2026-07-11", "2026-13-40", 1);
        assert!(parse_table(&wrong).unwrap_err().contains("2026-13-40"));
    }

    proptest! {
        #[test]
        fn no_table_makes_it_panic(text in ".{0,200}", rows in "(version,eol\n)?([0-9 A-Z]{0,6},[0-9-]{0,10}\n){0,4}") {
            let _ = (parse_table(&text), parse_distro_info("debian", &text), parse_distro_info("ubuntu", &rows));
        }
    }
}
