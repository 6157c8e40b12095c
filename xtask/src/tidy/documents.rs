//! The map is true: a path that a Markdown file mentions exists.

use super::Finding;
use super::tree::Tree;

/// Links that lead out of the repository.
const OUTWARD: &[&str] = &["http://", "https://", "mailto:", "#"];

/// Signs that a path is a pattern or a placeholder; then only the part before them must exist.
const PATTERN: &[char] = &['*', '<', '{', '…', '?', '$'];

/// Every link and every path in backticks.
#[must_use]
pub fn check(tree: &Tree) -> Vec<Finding> {
    tree.ending(".md").flat_map(|(path, text)| document(tree, path, text)).collect()
}

fn document(tree: &Tree, path: &str, text: &str) -> Vec<Finding> {
    let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
    let mut found = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let links = links(line).filter(|target| !OUTWARD.iter().any(|out| target.starts_with(out)));
        let links = links.map(|target| resolved(folder, target));
        let quoted = quoted(line).filter_map(|word| as_path(tree, word)).map(str::to_owned);
        let absent = links.chain(quoted).filter(|target| !target.is_empty() && !tree.exists(target));
        found.extend(absent.map(|target| Finding {
            path: path.to_owned(),
            line: number,
            message: format!("`{target}` does not exist"),
        }));
    }
    found
}

/// The targets of `[text](target)` and `![text](target)`.
fn links(line: &str) -> impl Iterator<Item = &str> {
    line.split("](").skip(1).filter_map(|rest| rest.split(')').next()).map(str::trim)
}

/// What stands between single backticks.
fn quoted(line: &str) -> impl Iterator<Item = &str> {
    line.split('`').skip(1).step_by(2)
}

/// A quoted word that looks like a path of the repository: its first part lies at the top.
fn as_path<'a>(tree: &Tree, word: &'a str) -> Option<&'a str> {
    let word = word.strip_prefix("./").unwrap_or(word);
    let word = word.split(':').next().unwrap_or(word).trim_end_matches('/');
    if word.contains(char::is_whitespace) || word.starts_with('/') {
        return None;
    }
    let first = word.split('/').next().unwrap_or_default();
    let at_top = word.contains('/') && tree.has_at_top(first);
    let document = !word.contains('/') && word.ends_with(".md") && word.starts_with(char::is_uppercase);
    (at_top || document).then(|| before_pattern(word))
}

/// `docs/pictures/*.png` must only have its folder.
fn before_pattern(word: &str) -> &str {
    match word.find(PATTERN) {
        None => word,
        Some(at) => word.get(..at).unwrap_or_default().rsplit_once('/').map_or("", |(folder, _)| folder),
    }
}

/// A link is relative to the document's folder; its anchor is not looked at.
fn resolved(folder: &str, target: &str) -> String {
    let target = target.split('#').next().unwrap_or_default();
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            name => parts.push(name),
        }
    }
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(text: &str) -> usize {
        let files = [("docs/a.md", text), ("docs/b.md", ""), ("crates/c/src/lib.rs", ""), ("README.md", "")];
        check(&Tree::of(&files)).len()
    }

    #[test]
    fn an_absent_path_is_found_in_links_and_in_backticks() {
        assert_eq!(count("[b](gone.md)\n"), 1);
        assert_eq!(count("![b](../docs/pictures/gone.png)\n"), 1);
        assert_eq!(count("`crates/c/src/gone.rs`\n"), 1);
        assert_eq!(count("`GONE.md`\n"), 1);
        assert_eq!(count("`crates/gone/*.rs`\n"), 1);
    }

    #[test]
    fn what_exists_and_what_is_no_path_is_silent() {
        assert_eq!(count("[b](b.md#part) [c](../README.md) [d](https://example.jp/x) [e](#here)\n"), 0);
        assert_eq!(count("`crates/c/src/lib.rs:12` `crates/c/src/` `crates/c/src/*.rs` `README.md`\n"), 0);
        assert_eq!(count("`/intake/v1/facts` `cargo run --release -- up` `DIR/server.toml` `c06`\n"), 0);
    }
}
