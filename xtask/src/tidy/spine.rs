//! The spine: a clause has a key, and the key is a file name in every layer, so that `git ls-files | grep c06` shows
//! promise, judgement, collector, page, template, story and guide. The same for the 16 classes of weakness.

use super::Finding;
use super::lists;
use super::tree::Tree;

/// The clauses of the contract, in its order.
pub const CLAUSES: &[&str] = &[
    "c01_procedures",
    "c02_malware",
    "c03_vulnerabilities",
    "c04_network",
    "c05_logs",
    "c06_clocks",
    "c07_stops",
    "c08_changes",
    "c09_capacity",
    "c10_backups",
    "c11_access",
    "c12_environments",
    "c13_entry",
    "c14_surveillance",
];

/// A layer: where the file of a key lies. `KEY` stands for the key.
struct Layer {
    name: &'static str,
    keys: &'static [&'static str],
    place: &'static str,
}

const LAYERS: &[Layer] =
    &[Layer { name: "judgement", keys: CLAUSES, place: "crates/contract/src/clauses/KEY.rs" }];

/// Every key in every layer, except what the list `spine_not_yet` names, which only shrinks.
#[must_use]
pub fn check(tree: &Tree) -> Vec<Finding> {
    let mut absent = Vec::new();
    for layer in LAYERS {
        let files = layer.keys.iter().map(|key| layer.place.replace("KEY", key));
        absent.extend(files.filter(|path| !tree.exists(path)).map(|path| {
            let message = format!("is missing: the layer `{}` has one file per key", layer.name);
            (path.clone(), Finding { path, line: 0, message })
        }));
    }
    lists::excuse(tree, "spine_not_yet", absent)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complete() -> Vec<String> {
        let files = LAYERS.iter().flat_map(|it| it.keys.iter().map(|key| it.place.replace("KEY", key)));
        files.collect()
    }

    #[test]
    fn a_missing_file_of_a_key_is_found_and_a_complete_spine_is_silent() {
        let all = complete();
        let samples: Vec<(&str, &str)> = all.iter().map(|path| (path.as_str(), "")).collect();
        assert!(check(&Tree::of(&samples)).is_empty());
        assert_eq!(check(&Tree::of(samples.get(1..).unwrap())).len(), 1);
    }

    #[test]
    fn a_file_that_has_come_must_leave_the_list() {
        let all = complete();
        let list = format!("{}\n", all.first().unwrap());
        let mut samples: Vec<(&str, &str)> = all.iter().map(|path| (path.as_str(), "")).collect();
        samples.push(("xtask/exceptions/spine_not_yet.txt", &list));
        assert_eq!(check(&Tree::of(&samples)).len(), 1);
    }
}
