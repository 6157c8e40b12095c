//! Words that may not stand in the repository: code that is not checked, work that is not done, folders of the
//! machine somebody happened to use.

use super::Finding;
use super::lists;
use super::rust_text::has_word;
use super::tree::{RustFile, Tree};

/// In code, outside comments and strings.
const IN_CODE: &[(&str, &str)] = &[
    ("unsafe", "no unsafe code: find a crate that is kept and wraps it"),
    ("todo!", "finish it, or do not begin it"),
    ("unimplemented!", "finish it, or do not begin it"),
    ("dbg!", "a trace for yourself"),
    ("#[ignore", "a test that is not run proves nothing: make a short form, and a soak for the long one"),
];

/// Silenced lints; the list `silenced` excuses a file (test support that every program uses in part).
const SILENCED: &[&str] = &["#[allow(", "#![allow("];

/// Anywhere in a text file.
const ANYWHERE: &[(&str, &str)] = &[
    ("TODO", "finish it, or write what is missing into a document"),
    ("FIXME", "repair it, or write what is wrong into a document"),
    ("XXX", "repair it, or write what is wrong into a document"),
];

/// Folders of somebody's machine; `machine_paths` excuses a file that must name one.
const MACHINE: &[&str] = &["/root/", "/work/", "/home/"];

/// Text files that people write.
const WRITTEN: &[&str] =
    &[".rs", ".toml", ".md", ".html", ".css", ".js", ".mjs", ".sql", ".txt", ".service", ".yml", ".ci/run"];

/// The rules quote what they refuse.
const RULES_THEMSELVES: &str = "xtask/src/tidy/";

/// All refused words.
#[must_use]
pub fn check(tree: &Tree) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut silenced = Vec::new();
    for file in tree.rust().filter(|file| !file.path.starts_with(RULES_THEMSELVES)) {
        found.extend(in_code(&file));
        silenced.extend(first_silenced(&file));
    }
    found.extend(lists::excuse(tree, "silenced", silenced));
    let mut machine = Vec::new();
    for (path, text) in WRITTEN.iter().flat_map(|end| tree.ending(end)) {
        if path.starts_with(RULES_THEMSELVES) || path.starts_with(super::tree::LISTS) {
            continue;
        }
        found.extend(anywhere(path, text));
        machine.extend(machine_path(path, text));
    }
    found.extend(lists::excuse(tree, "machine_paths", machine));
    found
}

fn in_code(file: &RustFile) -> Vec<Finding> {
    let mut found = Vec::new();
    for (number, line) in (1..).zip(file.code.lines()) {
        found.extend(IN_CODE.iter().filter(|(word, _)| has_word(line, word)).map(|(word, advice)| Finding {
            path: file.path.clone(),
            line: number,
            message: format!("`{word}`: {advice}"),
        }));
    }
    found
}

/// The first silenced lint of a file; the file is the key of the excuse.
fn first_silenced(file: &RustFile) -> Option<(String, Finding)> {
    let number =
        (1..).zip(file.code.lines()).find(|(_, line)| SILENCED.iter().any(|word| line.contains(word)))?.0;
    let message = "silence a lint with #[expect(…, reason = \"…\")]".to_owned();
    Some((file.path.clone(), Finding { path: file.path.clone(), line: number, message }))
}

fn anywhere(path: &str, text: &str) -> Vec<Finding> {
    let mut found = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        found.extend(ANYWHERE.iter().filter(|(word, _)| has_word(line, word)).map(|(word, advice)| {
            Finding { path: path.to_owned(), line: number, message: format!("`{word}`: {advice}") }
        }));
    }
    found
}

/// The first line of a file that names such a folder; the file is the key of the excuse.
fn machine_path(path: &str, text: &str) -> Option<(String, Finding)> {
    let (number, word) = (1..).zip(text.lines()).find_map(|(number, line)| {
        let word = MACHINE.iter().find(|word| has_own_path(line, word))?;
        Some((number, word))
    })?;
    let message = format!("`{word}` is a folder of somebody's machine");
    Some((path.to_owned(), Finding { path: path.to_owned(), line: number, message }))
}

/// Whether the folder begins a path (`/home/…`), not continues one (`https://example/home/`, `x/work/`).
fn has_own_path(line: &str, folder: &str) -> bool {
    line.match_indices(folder).any(|(at, _)| {
        let before = line.get(..at).and_then(|it| it.chars().next_back());
        !before.is_some_and(|it| it.is_alphanumeric() || matches!(it, '/' | '.' | '_' | '-' | '}'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(path: &str, text: &str) -> usize {
        check(&Tree::of(&[(path, text)])).len()
    }

    #[test]
    fn unchecked_code_is_found_and_talk_about_it_is_not() {
        assert_eq!(count("crates/a/src/b.rs", "unsafe { call() }\n"), 1);
        assert_eq!(count("crates/a/src/b.rs", "#[allow(dead_code)]\n"), 1);
        assert_eq!(count("crates/a/src/b.rs", "#[ignore = \"slow\"]\n"), 1);
        assert_eq!(count("crates/a/src/b.rs", "// no unsafe here\n#![deny(unsafe_code)]\n"), 0);
    }

    #[test]
    fn unfinished_work_is_found_in_code_and_documents() {
        assert_eq!(count("crates/a/src/b.rs", "// TODO later\n"), 1);
        assert_eq!(count("docs/x.md", "FIXME\n"), 1);
        assert_eq!(count("docs/x.md", "the field MASTODON\n"), 0);
    }

    #[test]
    fn folders_of_a_machine_are_found_unless_the_file_is_excused() {
        assert_eq!(count("crates/a/src/b.rs", "let a = \"/home/somebody\";\n"), 1);
        assert_eq!(count("docs/x.md", "https://example.jp/home/\n"), 0);
        let list = ("xtask/exceptions/machine_paths.txt", "crates/a/src/b.rs\n");
        let tree = Tree::of(&[("crates/a/src/b.rs", "let a = \"/home/somebody\";\n"), list]);
        assert!(check(&tree).is_empty());
    }
}
