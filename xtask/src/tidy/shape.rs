//! Short files, short functions, honest names.

use super::Finding;
use super::lists;
use super::rust_text;
use super::tree::{RustFile, Tree};

const LONGEST_FILE: usize = 600;
const LONGEST_FUNCTION: usize = 60;
const LONGEST_MAIN: usize = 100;

/// Documents that must stay a page or a few.
const LONGEST_DOCUMENTS: &[(&str, usize)] = &[("ARCHITECTURE.md", 200)];

/// Names that say nothing.
const FORBIDDEN: &[&str] = &[
    "common", "core", "utils", "util", "helpers", "helper", "misc", "manager", "service", "handler2", "data",
    "info",
];

/// Endings of type names that say nothing either.
const FORBIDDEN_ENDINGS: &[&str] = &["Manager", "Utils", "Helper", "Helpers"];

/// Keywords after which a name is declared.
const DECLARATIONS: &[&str] = &["mod ", "struct ", "enum ", "trait ", "type "];

/// Lengths of files, functions, `main.rs` and some documents; `long_files` and `long_functions` excuse.
#[must_use]
pub fn sizes(tree: &Tree) -> Vec<Finding> {
    let mut files = Vec::new();
    let mut functions = Vec::new();
    let mut found = documents(tree);
    for file in tree.rust() {
        files.extend(long_file(&file));
        functions.extend(long_functions(&file));
        found.extend(long_main(&file));
    }
    found.extend(lists::excuse(tree, "long_files", files));
    found.extend(lists::excuse(tree, "long_functions", functions));
    found
}

fn long_file(file: &RustFile) -> Option<(String, Finding)> {
    let lines = file.text.lines().count();
    let message = format!("{lines} lines; at most {LONGEST_FILE}: split by what it is about");
    let finding = Finding { path: file.path.clone(), line: 0, message };
    (lines > LONGEST_FILE).then(|| (file.path.clone(), finding))
}

fn long_functions(file: &RustFile) -> Vec<(String, Finding)> {
    let mut found = Vec::new();
    for function in rust_text::functions(&file.code) {
        let lines = function.last - function.first + 1;
        if lines > LONGEST_FUNCTION {
            let message = format!("`{}` has {lines} lines; at most {LONGEST_FUNCTION}", function.name);
            let finding = Finding { path: file.path.clone(), line: function.first, message };
            found.push((format!("{}::{}", file.path, function.name), finding));
        }
    }
    found
}

fn long_main(file: &RustFile) -> Option<Finding> {
    let lines = file.text.lines().count();
    let message = format!("{lines} lines; a main is a tour of at most {LONGEST_MAIN}");
    let is_main = file.path.ends_with("src/main.rs");
    (is_main && lines > LONGEST_MAIN).then(|| Finding { path: file.path.clone(), line: 0, message })
}

fn documents(tree: &Tree) -> Vec<Finding> {
    let mut found = Vec::new();
    for (path, most) in LONGEST_DOCUMENTS {
        let lines = tree.text(path).unwrap_or_default().lines().count();
        if lines > *most {
            let message = format!("{lines} lines; at most {most}");
            found.push(Finding { path: (*path).to_owned(), line: 0, message });
        }
    }
    found
}

/// Names of files, modules and types.
#[must_use]
pub fn names(tree: &Tree) -> Vec<Finding> {
    let mut found = Vec::new();
    for file in tree.rust() {
        let folder_or_stem = file.path.trim_end_matches(".rs").trim_end_matches("/mod");
        let name = folder_or_stem.rsplit('/').next().unwrap_or_default();
        if is_forbidden(name) {
            let message = format!("a file named `{name}` says nothing: name it after what it holds");
            found.push(Finding { path: file.path.clone(), line: 0, message });
        }
        for (number, line) in (1..).zip(file.code.lines()) {
            found.extend(declared(line).filter(|name| is_forbidden(name)).map(|name| Finding {
                path: file.path.clone(),
                line: number,
                message: format!("the name `{name}` says nothing: name it after what it is"),
            }));
        }
    }
    found
}

/// The name a line declares. An associated type (indented) bears the name its trait gave it.
fn declared(line: &str) -> Option<&str> {
    if line.starts_with(' ') && line.trim_start().starts_with("type ") {
        return None;
    }
    let words = line.trim_start();
    let words = words.strip_prefix("pub ").unwrap_or(words);
    let words =
        words.strip_prefix("pub(crate) ").or_else(|| words.strip_prefix("pub(super) ")).unwrap_or(words);
    let rest = DECLARATIONS.iter().find_map(|keyword| words.strip_prefix(keyword))?;
    rest.split(|it: char| !it.is_alphanumeric() && it != '_').next()
}

fn is_forbidden(name: &str) -> bool {
    FORBIDDEN.contains(&name.to_lowercase().as_str())
        || FORBIDDEN_ENDINGS.iter().any(|end| name.ends_with(end))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn function_of(lines: usize) -> String {
        format!("fn long() {{\n{}}}\n", "    call();\n".repeat(lines - 2))
    }

    #[test]
    fn sixty_lines_pass_and_sixty_one_do_not() {
        let healthy = Tree::of(&[("crates/a/src/b.rs", &function_of(60))]);
        let rotten = Tree::of(&[("crates/a/src/b.rs", &function_of(61))]);
        assert!(sizes(&healthy).is_empty());
        assert_eq!(sizes(&rotten).len(), 1);
    }

    #[test]
    fn a_listed_function_is_excused_and_a_needless_line_is_found() {
        let list = ("xtask/exceptions/long_functions.txt", "crates/a/src/b.rs::long\n");
        let (long, short) = (function_of(61), function_of(10));
        assert!(sizes(&Tree::of(&[("crates/a/src/b.rs", &long), list])).is_empty());
        assert_eq!(sizes(&Tree::of(&[("crates/a/src/b.rs", &short), list])).len(), 1);
    }

    #[test]
    fn long_files_mains_and_maps_are_found() {
        let file = |path: &str, lines: usize| sizes(&Tree::of(&[(path, &"// x\n".repeat(lines))])).len();
        assert_eq!(file("crates/a/src/b.rs", 600), 0);
        assert_eq!(file("crates/a/src/b.rs", 601), 1);
        assert_eq!(file("crates/a/src/main.rs", 100), 0);
        assert_eq!(file("crates/a/src/main.rs", 101), 1);
        assert_eq!(file("ARCHITECTURE.md", 200), 0);
        assert_eq!(file("ARCHITECTURE.md", 201), 1);
    }

    #[test]
    fn names_that_say_nothing_are_found_in_files_modules_and_types() {
        let count = |path: &str, text: &str| names(&Tree::of(&[(path, text)])).len();
        assert_eq!(count("crates/a/src/utils.rs", ""), 1);
        assert_eq!(count("crates/a/src/common/mod.rs", ""), 1);
        assert_eq!(count("crates/a/src/b.rs", "pub struct Info;\n"), 1);
        assert_eq!(count("crates/a/src/b.rs", "    pub(crate) mod helpers {\n"), 1);
        assert_eq!(count("crates/a/src/b.rs", "struct HostManager {\n"), 1);
        assert_eq!(count("crates/a/src/b.rs", "struct Hosts { data: u8 }\n// struct Info;\n"), 0);
        assert_eq!(count("crates/a/src/b.rs", "    type Service = TlsStream;\n"), 0);
    }
}
