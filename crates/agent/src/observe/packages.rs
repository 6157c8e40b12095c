//! Package transactions: what differs between two readings of the package database, also across restarts of the agent.

use crate::collect::c03_software::{self, Inventory};
use crate::outbox::Note;
use crate::reading::{Reading, Sources, digest_of, read_text};
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::MetadataExt;
use yakujo_contract::fact::Fact;
use yakujo_contract::fact::software::{Package, PackageChange};
use yakujo_contract::fact::state::{Actor, Seen};

/// Under these keys the outbox keeps what outlives a run.
pub const PACKAGE_KEY: &str = "package:";
/// See [`PACKAGE_KEY`].
pub const LOOKED_KEY: &str = "packages.looked";
const HISTORY: &str = "/var/log/apt/history.log";
/// Packages in one fact, so that it fits into an entry (names and versions have at most 256 letters).
const STEP: usize = 25;

/// What was installed.
#[derive(Debug, Default)]
pub struct Packages {
    before: Option<BTreeMap<String, Package>>,
    inventory: Option<Inventory>,
    stamp: Option<(i64, i64, u64)>,
    looked: Option<Timestamp>,
    /// Packages dpkg touched, as it names them.
    news: BTreeSet<String>,
    seen: Seen,
    notes: Vec<Note>,
}

impl Packages {
    /// What an earlier run knew.
    #[must_use]
    pub fn from(packages: &[(String, String)], looked: Option<&str>) -> Self {
        let read = |(name, text): &(String, String)| Some((name.clone(), serde_json::from_str(text).ok()?));
        let before: BTreeMap<String, Package> = packages.iter().filter_map(read).collect();
        Self {
            before: (!before.is_empty()).then_some(before),
            looked: looked.and_then(|text| text.parse().ok()),
            seen: Seen::WhileAway,
            ..Self::default()
        }
    }

    /// What the next run should know, since this was last asked.
    pub fn notes(&mut self) -> Vec<Note> {
        let mut notes = std::mem::take(&mut self.notes);
        if let Some(looked) = self.looked {
            notes.push((LOOKED_KEY.to_owned(), Some(looked.to_string())));
        }
        notes
    }

    /// The packages, once they were read.
    #[must_use]
    pub fn inventory(&self) -> Option<&Inventory> {
        self.inventory.as_ref()
    }

    /// Reads the package database where it changed. `news` are the packages dpkg's log named since the last time.
    pub fn look(&mut self, sources: &Sources, news: BTreeSet<String>, now: Timestamp) -> Reading {
        self.news.extend(news);
        let stamp = c03_software::stamp(sources);
        if let Some(known) = self.inventory.as_ref().filter(|_| stamp == self.stamp && self.news.is_empty()) {
            let reason = known.coverage.reason.clone();
            self.looked = Some(now);
            return Reading::of(Vec::new(), reason);
        }
        let inventory = match c03_software::read(sources) {
            Ok(inventory) => inventory,
            Err(reason) => return Reading::failed(reason),
        };
        let mut facts = self.changes(sources, &inventory, now);
        if self.inventory.is_none() {
            facts.extend(c03_software::whole(&inventory).0);
        }
        let reason = inventory.coverage.reason.clone();
        self.inventory = Some(inventory);
        self.stamp = stamp;
        self.looked = Some(now);
        self.seen = Seen::Running;
        Reading::of(facts, reason)
    }

    fn changes(&mut self, sources: &Sources, inventory: &Inventory, now: Timestamp) -> Vec<Fact> {
        let named =
            |installed: &c03_software::Installed| (installed.package.name.clone(), installed.package.clone());
        let after: BTreeMap<String, Package> = inventory.packages.iter().map(named).collect();
        let news = std::mem::take(&mut self.news);
        let before = self.before.replace(after.clone());
        self.note(before.as_ref(), &after);
        let Some(before) = before else { return Vec::new() };
        let again = |package: &Package| {
            let name = package.name.as_str();
            news.iter().any(|news| news == name || news.split(':').next() == Some(name))
        };
        let present: Vec<Package> = after
            .values()
            .filter(|package| before.get(&package.name) != Some(package) || again(package))
            .cloned()
            .collect();
        let removed: Vec<String> = before.keys().filter(|name| !after.contains_key(*name)).cloned().collect();
        let at =
            changed_at(sources).filter(|at| *at <= now && self.looked.is_none_or(|looked| looked <= *at));
        let told = Told { since: self.looked, at, seen: self.seen };
        told.steps((sources, inventory), before, &present, &removed)
    }

    fn note(&mut self, before: Option<&BTreeMap<String, Package>>, after: &BTreeMap<String, Package>) {
        let was = |name: &str| before.and_then(|before| before.get(name));
        for (name, package) in after.iter().filter(|(name, package)| was(name) != Some(package)) {
            self.notes.push((format!("{PACKAGE_KEY}{name}"), serde_json::to_string(package).ok()));
        }
        for name in before.into_iter().flat_map(BTreeMap::keys).filter(|name| !after.contains_key(*name)) {
            self.notes.push((format!("{PACKAGE_KEY}{name}"), None));
        }
    }
}

/// When and how a transaction was seen.
struct Told {
    since: Option<Timestamp>,
    at: Option<Timestamp>,
    seen: Seen,
}

impl Told {
    /// The transaction as facts, each of which begins where the one before it ended.
    fn steps(
        &self,
        (sources, inventory): (&Sources, &Inventory),
        mut list: BTreeMap<String, Package>,
        present: &[Package],
        removed: &[String],
    ) -> Vec<Fact> {
        let mut facts = Vec::new();
        let (history, foreign) = (history(sources, self.since), inventory.foreign());
        let (mut present, mut removed) = (present.chunks(STEP), removed.chunks(STEP));
        loop {
            let (new, gone) = (present.next().unwrap_or_default(), removed.next().unwrap_or_default());
            if new.is_empty() && gone.is_empty() {
                return facts;
            }
            let before = digest_of(&list.values().collect::<Vec<_>>());
            let names = || new.iter().map(|package| &package.name).chain(gone);
            let was = names().filter_map(|name| list.get(name)).cloned().collect();
            let by = history
                .as_ref()
                .and_then(|text| asked_by(text, &names().map(String::as_str).collect::<Vec<_>>()));
            for package in new {
                list.insert(package.name.clone(), package.clone());
            }
            list.retain(|name, _| !gone.contains(name));
            facts.push(Fact::PackageChange(PackageChange {
                present: new.to_vec(),
                elsewhere: c03_software::from_elsewhere(new, &foreign),
                removed: gone.to_vec(),
                before,
                after: digest_of(&list.values().collect::<Vec<_>>()),
                was,
                since: self.since,
                at: self.at,
                seen: self.seen,
                by,
            }));
        }
    }
}

/// When the package database was last written.
fn changed_at(sources: &Sources) -> Option<Timestamp> {
    let (seconds, nanoseconds, _) = c03_software::stamp(sources)?;
    Timestamp::new(seconds, i32::try_from(nanoseconds).ok()?).ok()
}

/// What apt wrote down, if it wrote since the last look.
fn history(sources: &Sources, since: Option<Timestamp>) -> Option<String> {
    let path = sources.path(HISTORY);
    let written = Timestamp::from_second(std::fs::metadata(&path).ok()?.mtime()).ok()?;
    // Its time has no fractions.
    let from = since?.as_second();
    if written.as_second() < from { None } else { read_text(&path).ok() }
}

/// Who asked apt for these packages: the newest of its notes, where it names all of them.
#[must_use]
pub fn asked_by(history: &str, packages: &[&str]) -> Option<Actor> {
    let newest = history.trim_end().rsplit("\n\n").next()?;
    let value = |key: &str| newest.lines().find_map(|line| line.strip_prefix(key)).map(str::trim);
    let lists = ["Install: ", "Reinstall: ", "Upgrade: ", "Downgrade: ", "Remove: ", "Purge: "];
    let named: BTreeSet<&str> = lists
        .iter()
        .filter_map(|key| value(key))
        .flat_map(|list| list.split("), "))
        .filter_map(|one| one.split([':', ' ']).next())
        .collect();
    if !packages.iter().all(|package| named.contains(package.split(':').next().unwrap_or(package))) {
        return None;
    }
    let exe = value("Commandline: ").map(|line| line.chars().take(200).collect());
    // `name (1000)`
    let asked = value("Requested-By: ").and_then(|text| text.trim_end_matches(')').rsplit_once(" ("));
    Some(Actor {
        exe,
        uid: asked.and_then(|(_, uid)| uid.parse().ok()),
        account: asked.map(|(name, _)| name.to_owned()),
        ..Actor::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const HISTORY_SAMPLE: &str = "Start-Date: 2026-11-22  12:00:00\nCommandline: apt-get install old\nInstall: old:amd64 (1)\n\
        End-Date: 2026-11-22  12:00:01\n\nStart-Date: 2026-11-23  09:30:08\nCommandline: apt-get install -y nginx\n\
        Requested-By: hanako (1000)\nInstall: nginx:amd64 (1.22, automatic), libx:amd64 (2)\nEnd-Date: x\n";

    #[test]
    fn who_asked_apt_is_told_only_for_what_the_newest_note_names() {
        let actor = asked_by(HISTORY_SAMPLE, &["nginx", "libx:amd64"]).unwrap();
        assert_eq!((actor.account.as_deref(), actor.uid), (Some("hanako"), Some(1000)));
        assert_eq!(actor.exe.as_deref(), Some("apt-get install -y nginx"));
        assert_eq!(asked_by(HISTORY_SAMPLE, &["old"]), None, "that was another transaction");
        assert_eq!(asked_by(HISTORY_SAMPLE, &["nginx", "by-dpkg"]), None);
    }

    fn package(name: &str, version: &str) -> Package {
        Package { name: name.to_owned(), version: version.to_owned(), source: None, source_version: None }
    }

    #[test]
    fn a_large_transaction_is_a_chain_of_facts_that_lose_nothing() {
        let tree = tempfile::tempdir().unwrap();
        let before: BTreeMap<String, Package> =
            (0..300).map(|n| (format!("p{n:03}"), package(&format!("p{n:03}"), "1"))).collect();
        let present: Vec<Package> = (0..120).map(|n| package(&format!("p{n:03}"), "2")).collect();
        let removed: Vec<String> = (200..300).map(|n| format!("p{n:03}")).collect();
        let told = Told { since: None, at: None, seen: Seen::Running };
        let around = (&Sources::under(tree.path()), &Inventory::default());
        let facts = told.steps(around, before.clone(), &present, &removed);
        let mut digest = digest_of(&before.values().collect::<Vec<_>>());
        let mut names = BTreeSet::new();
        for fact in &facts {
            let Fact::PackageChange(change) = fact else { panic!("{fact:?}") };
            assert_eq!(change.before, digest);
            digest.clone_from(&change.after);
            assert_eq!(change.was.len(), change.present.len() + change.removed.len());
            names.extend(change.present.iter().map(|package| package.name.clone()));
            names.extend(change.removed.iter().cloned());
        }
        assert_eq!(names.len(), 220);
        let after: Vec<Package> = before
            .keys()
            .take(200)
            .map(|name| package(name, if name.as_str() < "p120" { "2" } else { "1" }))
            .collect();
        assert_eq!(digest, digest_of(&after));
    }

    #[test]
    fn the_largest_names_still_fit_into_an_entry() {
        let tree = tempfile::tempdir().unwrap();
        let long = "n".repeat(250);
        let full = |n: usize| Package {
            source: Some(long.clone()),
            source_version: Some(long.clone()),
            ..package(&format!("{n:03}{long}"), &long)
        };
        let present: Vec<Package> = (0..60).map(full).collect();
        let before: BTreeMap<String, Package> =
            present.iter().map(|package| (package.name.clone(), package.clone())).collect();
        let told = Told { since: None, at: None, seen: Seen::Running };
        let foreign =
            |package: &Package| c03_software::Installed { package: package.clone(), by_distribution: false };
        let inventory = Inventory { packages: present.iter().map(foreign).collect(), ..Inventory::default() };
        for fact in told.steps((&Sources::under(tree.path()), &inventory), before, &present, &[]) {
            assert!(serde_json::to_vec(&fact).unwrap().len() < 60_000);
            let Fact::PackageChange(change) = fact else { panic!("{fact:?}") };
            let is_whole = change.elsewhere.is_none_or(|named| named.len() == 10);
            assert!(is_whole, "more than fit are not half named");
        }
    }

    proptest! {
        #[test]
        fn no_note_of_apt_makes_the_reader_fail(text in "(Install: |Requested-By: |[a-z():, 0-9]{0,9}|\n){0,20}") {
            let _ = asked_by(&text, &["a"]);
        }
    }
}
