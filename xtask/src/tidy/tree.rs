//! The files of the repository in memory, so that a rule is a plain function and its samples are a few strings.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use anyhow::Context;
use walkdir::WalkDir;

use super::rust_text;

/// Folders that are never ours: build output, git, npm, the data folder of a trial run, and the work of others that we had to change.
const NOT_OURS: &[&str] = &["target", ".git", "node_modules", "data", "third_party"];

/// Lists that only shrink live here, and in the one file of the tests.
pub const LISTS: &str = "xtask/exceptions/";
/// Promises without a test that would fail when they are broken.
pub const UNPROVEN: &str = "tests/unproven.txt";

/// A file of Rust with its comments and strings blanked out, line for line.
pub struct RustFile {
    /// Path in the repository.
    pub path: String,
    /// As written.
    pub text: String,
    /// The same lines without comments and without the inside of strings.
    pub code: String,
    /// As `code`, and without items marked `#[cfg(test)]`.
    pub shipped: String,
}

/// All files of the repository.
#[derive(Default)]
pub struct Tree {
    texts: BTreeMap<String, String>,
    folders: BTreeSet<String>,
    /// Every earlier version of each list, newest first, as far as git knows.
    pub history: BTreeMap<String, Vec<String>>,
}

impl Tree {
    /// Reads the work tree and, where git is there, the earlier versions of the lists.
    ///
    /// # Errors
    /// A file cannot be read.
    pub fn load(root: &Path) -> anyhow::Result<Self> {
        let mut tree = Self::default();
        let ours = |entry: &walkdir::DirEntry| {
            entry.depth() != 1 || !NOT_OURS.contains(&entry.file_name().to_string_lossy().as_ref())
        };
        for entry in WalkDir::new(root).min_depth(1).into_iter().filter_entry(ours) {
            let entry = entry.context("reading the work tree")?;
            let path = entry.path().strip_prefix(root).context("a path outside the repository")?;
            let path = path.to_string_lossy().into_owned();
            if entry.file_type().is_file() {
                let bytes = std::fs::read(entry.path()).with_context(|| format!("reading {path}"))?;
                tree.insert(&path, String::from_utf8(bytes).unwrap_or_default());
            }
        }
        let lists: Vec<String> = tree.lists().map(str::to_owned).collect();
        for list in lists {
            let versions = earlier_versions(root, &list);
            tree.history.insert(list, versions);
        }
        Ok(tree)
    }

    /// A tree from samples.
    #[cfg(test)]
    #[must_use]
    pub fn of(files: &[(&str, &str)]) -> Self {
        let mut tree = Self::default();
        for (path, text) in files {
            tree.insert(path, (*text).to_owned());
        }
        tree
    }

    fn insert(&mut self, path: &str, text: String) {
        let parts = path.match_indices('/').filter_map(|(at, _)| path.get(..at));
        self.folders.extend(parts.map(str::to_owned));
        self.texts.insert(path.to_owned(), text);
    }

    /// How many files.
    #[must_use]
    pub fn len(&self) -> usize {
        self.texts.len()
    }

    /// Whether a file or a folder of this path exists.
    #[must_use]
    pub fn exists(&self, path: &str) -> bool {
        self.texts.contains_key(path) || self.folders.contains(path)
    }

    /// Whether something of this name lies at the top of the repository.
    #[must_use]
    pub fn has_at_top(&self, name: &str) -> bool {
        !name.is_empty() && self.exists(name)
    }

    /// The text of a file; empty for a file that is no text.
    #[must_use]
    pub fn text(&self, path: &str) -> Option<&str> {
        self.texts.get(path).map(String::as_str)
    }

    /// Every file whose path ends so.
    pub fn ending(&self, end: &str) -> impl Iterator<Item = (&str, &str)> {
        let files = self.texts.iter().map(|(path, text)| (path.as_str(), text.as_str()));
        files.filter(move |(path, _)| path.ends_with(end))
    }

    /// Every path.
    pub fn paths(&self) -> impl Iterator<Item = &str> {
        self.texts.keys().map(String::as_str)
    }

    /// Every Rust file, blanked.
    pub fn rust(&self) -> impl Iterator<Item = RustFile> {
        self.ending(".rs").map(|(path, text)| {
            let code = rust_text::without_comments_and_strings(text);
            let shipped = rust_text::without_tests(&code);
            RustFile { path: path.to_owned(), text: text.to_owned(), code, shipped }
        })
    }

    /// Every list that only shrinks.
    pub fn lists(&self) -> impl Iterator<Item = &str> {
        self.paths().filter(|path| (path.starts_with(LISTS) && path.ends_with(".txt")) || *path == UNPROVEN)
    }
}

/// The texts of a file in the commits that changed it, newest first; none without git or without history.
fn earlier_versions(root: &Path, path: &str) -> Vec<String> {
    let git = |arguments: &[&str]| {
        let output = Command::new("git").current_dir(root).args(arguments).output().ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
    };
    let commits =
        git(&["log", "--first-parent", "--format=%H", "--diff-filter=AM", "--", path]).unwrap_or_default();
    commits.lines().filter_map(|commit| git(&["show", &format!("{commit}:{path}")])).collect()
}
