//! What is installed on a host: the newest whole list of packages, and what changed after it.

use super::host::{Complete, Listed};
use super::latest::{Latest, Stamp, keep_newer};
use crate::fact::software::{Package, PackageChange, PackageSet};
use crate::id::EntryNumber;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Where a package comes from, as its host says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// The distributor of the system.
    Distributor,
    /// Somebody else.
    Elsewhere,
    /// Nobody looked.
    Unknown,
}

/// Installed packages: the newest whole list, and what changed after it.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Inventory {
    packages: BTreeMap<String, Latest<Option<Package>>>,
    sets: Listed<()>,
    /// Changes after the whole list: the digests before and after each.
    #[serde(with = "super::latest::pairs")]
    changes: BTreeMap<Stamp, (String, String)>,
    /// Statements that say where their packages come from.
    #[serde(default)]
    with_origins: BTreeSet<Stamp>,
    /// Packages from elsewhere, by name, with the newest statement that says so.
    #[serde(default)]
    elsewhere: BTreeMap<String, Stamp>,
    /// The package manager.
    pub manager: Option<Latest<String>>,
    /// The newest statement.
    pub newest: Option<Stamp>,
}

impl Inventory {
    pub(super) fn enter_set(&mut self, stamp: Stamp, set: &PackageSet) {
        self.newest = self.newest.max(Some(stamp));
        keep_newer(&mut self.manager, stamp, set.manager.clone());
        for package in &set.packages {
            self.put(stamp, &package.name, Some(package));
        }
        self.origins(stamp, set.elsewhere.as_ref());
        self.sets.enter(stamp, &set.part, &[], &set.coverage);
        if let Some(first) = self.whole_list().map(|list| list.first) {
            self.changes.retain(|stamp, _| *stamp > first);
            self.with_origins.retain(|stamp| *stamp >= first);
            self.elsewhere.retain(|_, stamp| *stamp >= first);
        }
    }

    pub(super) fn enter_change(&mut self, stamp: Stamp, change: &PackageChange) {
        self.newest = self.newest.max(Some(stamp));
        for package in &change.present {
            self.put(stamp, &package.name, Some(package));
        }
        for name in &change.removed {
            self.put(stamp, name, None);
        }
        self.origins(stamp, change.elsewhere.as_ref());
        self.changes.insert(stamp, (change.before.clone(), change.after.clone()));
    }

    fn origins(&mut self, stamp: Stamp, elsewhere: Option<&Vec<String>>) {
        let Some(names) = elsewhere else { return };
        self.with_origins.insert(stamp);
        for name in names {
            let newest = self.elsewhere.entry(name.clone()).or_insert(stamp);
            *newest = stamp.max(*newest);
        }
    }

    /// Where an installed package comes from: as the statement says that told of its version.
    #[must_use]
    pub fn origin_of(&self, name: &str) -> Origin {
        let Some(told) = self.packages.get(name).map(|latest| latest.stamp) else { return Origin::Unknown };
        match self.elsewhere.get(name) {
            Some(stamp) if *stamp == told => Origin::Elsewhere,
            _ if self.with_origins.contains(&told) => Origin::Distributor,
            _ => Origin::Unknown,
        }
    }

    /// Every change since the whole list arrived: each begins where the one before it ended.
    #[must_use]
    pub fn is_unbroken(&self) -> bool {
        let Some(list) = self.whole_list() else { return false };
        let mut digest = list.set;
        for (_, (before, after)) in self.changes.range(list.first..) {
            if before != digest {
                return false;
            }
            digest = after;
        }
        true
    }

    fn put(&mut self, stamp: Stamp, name: &str, package: Option<&Package>) {
        match self.packages.get_mut(name) {
            Some(latest) => latest.replace(stamp, package.cloned()),
            None => {
                self.packages.insert(name.to_owned(), Latest::new(stamp, package.cloned()));
            }
        }
    }

    /// The newest whole list; none while no whole list has arrived. Its packages are those of [`Inventory::installed`].
    #[must_use]
    pub fn whole_list(&self) -> Option<Complete<'_, ()>> {
        self.sets.newest()
    }

    /// The installed packages, each with the entry that says so.
    pub fn installed(&self) -> impl Iterator<Item = (&Package, EntryNumber)> {
        let since = self.whole_list().map(|list| list.first);
        self.packages.values().filter_map(move |latest| {
            let package = latest.value.as_ref()?;
            since.is_none_or(|since| latest.stamp >= since).then_some((package, latest.stamp.entry))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fact::{Coverage, Part};
    use jiff::Timestamp;

    fn stamp(seq: u64) -> Stamp {
        let at = Timestamp::UNIX_EPOCH;
        Stamp { seq, observed: at, received: at, entry: EntryNumber(seq) }
    }

    fn package(name: &str) -> Package {
        Package { name: name.to_owned(), version: "1".to_owned(), source: None, source_version: None }
    }

    #[test]
    fn a_package_comes_from_where_the_statement_says_that_told_its_version() {
        let mut inventory = Inventory::default();
        let set = PackageSet {
            part: Part { index: 0, of: 1, set: "s".to_owned() },
            manager: "dpkg".to_owned(),
            packages: vec![package("own"), package("debians")],
            elsewhere: Some(vec!["own".to_owned()]),
            coverage: Coverage::default(),
        };
        inventory.enter_set(stamp(1), &set);
        assert_eq!(inventory.origin_of("own"), Origin::Elsewhere);
        assert_eq!(inventory.origin_of("debians"), Origin::Distributor);
        assert_eq!(inventory.origin_of("none"), Origin::Unknown);
        let change = |present: &str, elsewhere: Option<Vec<String>>| PackageChange {
            present: vec![package(present)],
            elsewhere,
            removed: Vec::new(),
            before: "s".to_owned(),
            after: "t".to_owned(),
            was: Vec::new(),
            since: None,
            at: None,
            seen: crate::fact::state::Seen::Running,
            by: None,
        };
        inventory.enter_change(stamp(2), &change("debians", None));
        assert_eq!(inventory.origin_of("debians"), Origin::Unknown, "an older agent does not say");
        inventory.enter_change(stamp(3), &change("own", Some(Vec::new())));
        assert_eq!(inventory.origin_of("own"), Origin::Distributor);
        // What arrives late is no news.
        inventory.enter_set(stamp(1), &set);
        assert_eq!(inventory.origin_of("own"), Origin::Distributor);
    }
}
