//! Lists of what is not yet as it should be. They only shrink: every line of a list must stand in every earlier
//! version of it that git knows, and a line whose reason is gone must go too (each rule sees to that).

use std::collections::BTreeSet;

use super::Finding;
use super::tree::{LISTS, Tree};

/// The lines of a list: without comments and blank lines.
#[must_use]
pub fn lines(text: &str) -> BTreeSet<&str> {
    text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')).collect()
}

/// Drops the findings that a list excuses, and adds one for every line of the list that excuses nothing.
/// A finding is excused by its key, which is what the list writes in a line.
#[must_use]
pub fn excuse(tree: &Tree, list: &str, keyed: Vec<(String, Finding)>) -> Vec<Finding> {
    let path = format!("{LISTS}{list}.txt");
    let excused = lines(tree.text(&path).unwrap_or_default());
    let seen: BTreeSet<&str> = keyed.iter().map(|(key, _)| key.as_str()).collect();
    let needless = excused.iter().filter(|line| !seen.contains(*line)).map(|line| Finding {
        path: path.clone(),
        line: 0,
        message: format!("`{line}` is no longer needed: delete the line"),
    });
    let needless: Vec<Finding> = needless.collect();
    let open =
        keyed.into_iter().filter(|(key, _)| !excused.contains(key.as_str())).map(|(_, finding)| finding);
    open.chain(needless).collect()
}

/// Refuses a line that an earlier version of the list does not have.
#[must_use]
pub fn check(tree: &Tree) -> Vec<Finding> {
    let mut found = Vec::new();
    for list in tree.lists() {
        let versions = tree.history.get(list).map(Vec::as_slice).unwrap_or_default();
        let now = lines(tree.text(list).unwrap_or_default());
        let added = now.iter().filter(|line| versions.iter().any(|version| !lines(version).contains(*line)));
        found.extend(added.map(|line| Finding {
            path: list.to_owned(),
            line: 0,
            message: format!("`{line}` was added; this list only shrinks: repair the cause instead"),
        }));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_history(now: &str, versions: &[&str]) -> Vec<Finding> {
        let mut tree = Tree::of(&[("xtask/exceptions/long_files.txt", now)]);
        let versions = versions.iter().map(|text| (*text).to_owned()).collect();
        tree.history.insert("xtask/exceptions/long_files.txt".to_owned(), versions);
        check(&tree)
    }

    #[test]
    fn a_line_that_was_added_is_found_and_a_shorter_list_is_fine() {
        assert_eq!(with_history("# why\na\nb\n", &["a\n"]).len(), 1);
        assert!(with_history("a\n", &["a\nb\n", "a\nb\nc\n"]).is_empty());
    }

    #[test]
    fn a_line_that_went_and_came_back_is_found() {
        assert_eq!(with_history("a\n", &["a\n", "b\n", "a\nb\n"]).len(), 1);
    }

    #[test]
    fn a_new_list_may_hold_anything() {
        assert!(with_history("a\n", &[]).is_empty());
    }

    #[test]
    fn an_excuse_covers_its_finding_and_a_needless_one_is_found() {
        let tree = Tree::of(&[("xtask/exceptions/x.txt", "one\ntwo\n")]);
        let finding = |path: &str| Finding { path: path.to_owned(), line: 0, message: String::new() };
        let keyed = vec![("one".to_owned(), finding("a")), ("three".to_owned(), finding("b"))];
        let left = excuse(&tree, "x", keyed);
        assert_eq!(left.len(), 2);
        assert!(left.iter().any(|it| it.path == "b"));
        assert!(left.iter().any(|it| it.message.contains("`two` is no longer needed")));
    }
}
