//! The spine: a clause has a key, and the key is a file name in every layer, so that `git ls-files | grep c06` shows
//! judgement, collector, scenarios and guide.

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

/// The clauses of which a host itself can tell something.
const OBSERVED: &[&str] = &[
    "c02_malware",
    "c03_vulnerabilities",
    "c04_network",
    "c06_clocks",
    "c07_stops",
    "c09_capacity",
    "c11_access",
];

/// The classes of the list of vulnerabilities (3.4.b), in its order.
pub const VULNERABILITIES: &[&str] = &[
    "v01_sql_injection",
    "v02_os_command_injection",
    "v03_directory_traversal",
    "v04a_guessable_session_id",
    "v04b_session_id_leak",
    "v04c_cookie_attributes",
    "v04d_session_fixation",
    "v05_xss",
    "v06a_csrf",
    "v06b_clickjacking",
    "v07_mail_header_injection",
    "v08a_access_control",
    "v08b_authorisation",
    "v09_http_header_injection",
    "v10_eval_injection",
    "v11_race_condition",
    "v12_unintended_files",
    "v13_uploaded_scripts",
    "v14_cached_secrets",
    "v15_open_redirect",
    "v16_crawlers",
];

/// A layer: where the file of a key lies. `KEY` stands for the key (`c06_clocks`), `NUMBER` for its beginning
/// (`c06_`), where a clause may have several files.
struct Layer {
    name: &'static str,
    keys: &'static [&'static str],
    place: &'static str,
}

const LAYERS: &[Layer] = &[
    Layer { name: "judgement", keys: CLAUSES, place: "crates/contract/src/clauses/KEY.rs" },
    Layer { name: "collector", keys: OBSERVED, place: "crates/agent/src/collect/NUMBER" },
    Layer { name: "scenario", keys: CLAUSES, place: "tests/scenarios/NUMBER" },
    Layer { name: "guide", keys: CLAUSES, place: "docs/guides/KEY.md" },
    Layer { name: "reason", keys: VULNERABILITIES, place: "crates/server/src/security/KEY.rs" },
    Layer { name: "attack", keys: VULNERABILITIES, place: "crates/server/tests/it/KEY.rs" },
];

/// Every key in every layer, except what the list `spine_not_yet` names, which only shrinks.
#[must_use]
pub fn check(tree: &Tree) -> Vec<Finding> {
    let mut absent = Vec::new();
    for layer in LAYERS {
        let places = layer.keys.iter().map(|key| place(layer, key));
        absent.extend(places.filter(|place| !has_file(tree, place)).map(|path| {
            let message = format!("is missing: the layer `{}` has a file for every key", layer.name);
            (path.clone(), Finding { path, line: 0, message })
        }));
    }
    lists::excuse(tree, "spine_not_yet", absent)
}

fn place(layer: &Layer, key: &str) -> String {
    let number = key.split_inclusive('_').next().unwrap_or(key);
    layer.place.replace("KEY", key).replace("NUMBER", number)
}

/// A place that ends with `_` is the beginning of a file name.
fn has_file(tree: &Tree, place: &str) -> bool {
    tree.exists(place) || (place.ends_with('_') && tree.paths().any(|path| path.starts_with(place)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complete() -> Vec<String> {
        LAYERS.iter().flat_map(|layer| layer.keys.iter().map(|key| place(layer, key))).collect()
    }

    fn found(paths: &[String], list: &str) -> usize {
        let mut samples: Vec<(&str, &str)> = paths.iter().map(|path| (path.as_str(), "")).collect();
        samples.push(("xtask/exceptions/spine_not_yet.txt", list));
        check(&Tree::of(&samples)).len()
    }

    #[test]
    fn a_missing_file_of_a_key_is_found_and_a_complete_spine_is_silent() {
        assert_eq!(found(&complete(), ""), 0);
        assert_eq!(found(complete().get(1..).unwrap(), ""), 1);
    }

    #[test]
    fn one_of_several_files_of_a_clause_is_enough() {
        let longer = |path: String| if path.ends_with('_') { path + "overdue.txt" } else { path };
        let paths: Vec<String> = complete().into_iter().map(longer).collect();
        assert_eq!(found(&paths, ""), 0);
    }

    #[test]
    fn a_file_that_has_come_must_leave_the_list() {
        assert_eq!(found(&complete(), "tests/scenarios/c06_\n"), 1);
        let without =
            complete().into_iter().filter(|path| path != "tests/scenarios/c06_").collect::<Vec<_>>();
        assert_eq!(found(&without, "tests/scenarios/c06_\n"), 0);
    }
}
