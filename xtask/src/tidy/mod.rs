//! The rules of the house: what the compiler and clippy do not see. One row per rule; each rule is a function from
//! the tree of files to findings and has a rotten and a healthy sample among its tests.

mod documents;
mod layers;
mod lists;
mod purity;
mod routes;
mod rust_text;
mod shape;
mod spine;
pub mod tree;
mod words;

use std::fmt;

use tree::Tree;

/// One thing that is wrong, where, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// Path in the repository.
    pub path: String,
    /// From 1; 0 when the whole file is meant.
    pub line: usize,
    /// What is wrong and what to do.
    pub message: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(out, "{}: {}", self.path, self.message),
            line => write!(out, "{}:{line}: {}", self.path, self.message),
        }
    }
}

/// A rule: its name as printed, and the function that applies it.
pub struct Rule {
    /// As printed before a finding.
    pub name: &'static str,
    /// From the tree to what is wrong in it.
    pub check: fn(&Tree) -> Vec<Finding>,
}

/// All rules.
pub const RULES: &[Rule] = &[
    Rule { name: "arrows between crates go one way", check: layers::check },
    Rule { name: "contract and ledger are pure", check: purity::check },
    Rule { name: "the key of a clause or class is a file name in every layer", check: spine::check },
    Rule { name: "files and functions are short", check: shape::sizes },
    Rule { name: "forbidden names", check: shape::names },
    Rule { name: "refused words", check: words::check },
    Rule { name: "every path in a document exists", check: documents::check },
    Rule { name: "every route declares its audience", check: routes::check },
    Rule { name: "lists only shrink", check: lists::check },
];

/// Applies every rule.
#[must_use]
pub fn findings(tree: &Tree) -> Vec<Finding> {
    let mut all = Vec::new();
    for rule in RULES {
        let named = (rule.check)(tree).into_iter();
        all.extend(named.map(|it| Finding { message: format!("{} [{}]", it.message, rule.name), ..it }));
    }
    all.sort();
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_names_file_line_and_rule() {
        let tree = Tree::of(&[("crates/server/src/utils.rs", "fn a() {}\n")]);
        let shown: Vec<String> = findings(&tree).iter().map(ToString::to_string).collect();
        let own = shown.iter().find(|line| line.contains("[forbidden names]")).unwrap();
        assert!(own.starts_with("crates/server/src/utils.rs: "), "{own}");
    }

    #[test]
    fn rules_have_distinct_names() {
        let mut names: Vec<&str> = RULES.iter().map(|rule| rule.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), RULES.len());
    }
}
