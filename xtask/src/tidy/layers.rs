//! Which crate may know which: the arrows of ARCHITECTURE.md, read from the manifests.

use super::Finding;
use super::tree::Tree;

/// A crate and the crates of ours it may depend on.
const ARROWS: &[(&str, &[&str])] = &[
    ("yakujo-contract", &[]),
    ("yakujo-ledger", &[]),
    ("yakujo-inspect", &[]),
    ("yakujo-paper", &[]),
    ("yakujo-logs", &[]),
    ("yakujo-probe", &["yakujo-contract"]),
    ("yakujo-backup", &["yakujo-contract"]),
    ("yakujo-feed", &["yakujo-contract"]),
    ("yakujo-agent", &["yakujo-contract", "yakujo-inspect", "yakujo-ledger", "yakujo-probe"]),
    ("yakujo-gateway", &["yakujo-contract", "yakujo-ledger"]),
    ("yakujo-diagnose", &["yakujo-contract", "yakujo-ledger"]),
    (
        "yakujo-server",
        &["yakujo-contract", "yakujo-feed", "yakujo-inspect", "yakujo-ledger", "yakujo-logs", "yakujo-probe"],
    ),
    ("yakujo", EVERYTHING),
    ("yakujo-stories", EVERYTHING),
    ("xtask", &[]),
];

const EVERYTHING: &[&str] = &[
    "yakujo-contract",
    "yakujo-ledger",
    "yakujo-inspect",
    "yakujo-logs",
    "yakujo-paper",
    "yakujo-probe",
    "yakujo-backup",
    "yakujo-feed",
    "yakujo-agent",
    "yakujo-gateway",
    "yakujo-diagnose",
    "yakujo-server",
];

/// Tables of a manifest that name dependencies.
const TABLES: &[&str] = &["dependencies", "build-dependencies", DEV];
const DEV: &str = "dev-dependencies";

/// What only the tests of a crate may know: the real part where the crate itself takes whatever is handed in.
const TESTS: &[(&str, &str)] = &[("yakujo-server", "yakujo-paper")];

/// Every manifest against the arrows.
#[must_use]
pub fn check(tree: &Tree) -> Vec<Finding> {
    tree.ending("/Cargo.toml").flat_map(|(path, text)| manifest(path, text)).collect()
}

fn manifest(path: &str, text: &str) -> Vec<Finding> {
    let finding = |message: String| Finding { path: path.to_owned(), line: 0, message };
    let Ok(table) = text.parse::<toml::Table>() else {
        return vec![finding("is not readable as TOML".to_owned())];
    };
    let name =
        table.get("package").and_then(|it| it.get("name")).and_then(toml::Value::as_str).unwrap_or_default();
    let Some((_, allowed)) = ARROWS.iter().find(|(own, _)| *own == name) else {
        return vec![finding(format!(
            "crate `{name}` has no row in xtask/src/tidy/layers.rs: say what it may know"
        ))];
    };
    let may = |kind: &str, dependency: &str| {
        allowed.contains(&dependency) || (kind == DEV && TESTS.contains(&(name, dependency)))
    };
    let mut wrong = Vec::new();
    for kind in TABLES {
        let ours = dependencies(&table, kind).into_iter().filter(|it| it.starts_with("yakujo"));
        wrong.extend(ours.filter(|dependency| !may(kind, dependency)));
    }
    wrong.iter().map(|dependency| finding(format!("`{name}` may not depend on `{dependency}`"))).collect()
}

/// The names in one kind of table, under `[target.…]` too.
fn dependencies(table: &toml::Table, kind: &str) -> Vec<String> {
    let names =
        |it: &toml::Value| it.as_table().map(|it| it.keys().cloned().collect::<Vec<_>>()).unwrap_or_default();
    let mut all = table.get(kind).map(names).unwrap_or_default();
    let targets = table.get("target").and_then(toml::Value::as_table);
    for target in targets.into_iter().flat_map(toml::Table::values) {
        all.extend(target.get(kind).map(names).unwrap_or_default());
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_contract(rest: &str) -> Vec<Finding> {
        let text = format!("[package]\nname = \"yakujo-contract\"\n{rest}");
        check(&Tree::of(&[("crates/contract/Cargo.toml", text.as_str())]))
    }

    #[test]
    fn the_contract_knows_none_of_ours_in_any_table() {
        assert_eq!(with_contract("[dependencies]\nyakujo-ledger.workspace = true\n").len(), 1);
        assert_eq!(with_contract("[dev-dependencies]\nyakujo-server = { path = \"x\" }\n").len(), 1);
        assert_eq!(with_contract("[target.'cfg(unix)'.dependencies]\nyakujo-agent = \"1\"\n").len(), 1);
        assert!(with_contract("[dependencies]\nserde.workspace = true\n").is_empty());
    }

    #[test]
    fn what_tests_alone_may_know_the_crate_itself_may_not() {
        let of = |kind: &str| {
            let text =
                format!("[package]\nname = \"yakujo-server\"\n[{kind}]\nyakujo-paper.workspace = true\n");
            check(&Tree::of(&[("crates/server/Cargo.toml", text.as_str())])).len()
        };
        assert_eq!((of("dependencies"), of(DEV)), (1, 0));
    }

    #[test]
    fn a_crate_without_a_row_is_found() {
        let tree = Tree::of(&[("crates/new/Cargo.toml", "[package]\nname = \"yakujo-new\"\n")]);
        assert_eq!(check(&tree).len(), 1);
    }

    #[test]
    fn arrows_never_form_a_circle() {
        for (name, allowed) in ARROWS {
            for next in *allowed {
                let back = ARROWS.iter().find(|(own, _)| own == next).unwrap().1;
                assert!(!back.contains(name), "{name} and {next} know each other");
            }
        }
    }
}
