//! The contract and the ledger compute; they do not look anything up. No files, no network, no clock, no chance, no
//! async: time and chance are parameters, so that anybody can repeat a judgement.

use super::Finding;
use super::rust_text::has_word;
use super::tree::{RustFile, Tree};

/// Words that betray an input or an output. Addresses of `std::net` are values and free.
const WORDS: &[&str] = &[
    "std::fs",
    "TcpStream",
    "TcpListener",
    "UdpSocket",
    "ToSocketAddrs",
    "std::env",
    "std::process",
    "SystemTime::now",
    "Instant::now",
    "Timestamp::now",
    "Zoned::now",
    "tokio",
    "rand",
    "getrandom",
    "async ",
];

/// What a grouped `use std::{…}` would hide.
const GROUPED: &[&str] = &["fs", "env", "process"];

/// Where purity is promised.
const PURE: &[&str] = &["crates/contract/src/", "crates/ledger/src/", "crates/inspect/src/"];

/// The ledger's one door to files, and programs that are built from the pure parts.
const DOORS: &[&str] = &["crates/ledger/src/files.rs", "crates/ledger/src/files/", "crates/ledger/src/bin/"];

/// Every shipped line of the pure crates.
#[must_use]
pub fn check(tree: &Tree) -> Vec<Finding> {
    tree.rust().filter(is_pure).flat_map(|file| file_findings(&file)).collect()
}

fn is_pure(file: &RustFile) -> bool {
    let starts = |prefixes: &[&str]| prefixes.iter().any(|prefix| file.path.starts_with(prefix));
    starts(PURE) && !starts(DOORS) && !file.path.ends_with("/tests.rs") && !file.path.contains("/tests/")
}

fn file_findings(file: &RustFile) -> Vec<Finding> {
    let mut found = Vec::new();
    for (number, line) in (1..).zip(file.shipped.lines()) {
        let words = WORDS.iter().copied().filter(|word| has_word(line, word));
        let grouped = GROUPED.iter().copied().filter(|word| line.contains("std::{") && has_word(line, word));
        found.extend(words.chain(grouped).map(|word| Finding {
            path: file.path.clone(),
            line: number,
            message: format!("`{}` in a pure crate: take it as a parameter", word.trim()),
        }));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(path: &str, text: &str) -> usize {
        check(&Tree::of(&[(path, text)])).len()
    }

    #[test]
    fn a_clock_a_file_and_async_are_found_in_the_contract() {
        assert_eq!(count("crates/contract/src/court.rs", "let at = Timestamp::now();\n"), 1);
        assert_eq!(count("crates/contract/src/court.rs", "use std::fs;\n"), 1);
        assert_eq!(count("crates/contract/src/court.rs", "use std::{fmt, fs};\n"), 1);
        assert_eq!(count("crates/ledger/src/tree.rs", "pub async fn a() {}\n"), 1);
        assert_eq!(count("crates/ledger/src/tree.rs", "use std::net::TcpStream;\n"), 1);
    }

    #[test]
    fn comments_strings_tests_and_the_file_module_are_free() {
        let healthy = "// std::fs\nlet a = \"tokio\";\n#[cfg(test)]\nmod tests {\n    use std::fs;\n}\n";
        assert_eq!(count("crates/contract/src/court.rs", healthy), 0);
        assert_eq!(count("crates/ledger/src/files/wal.rs", "use std::fs;\n"), 0);
        assert_eq!(count("crates/ledger/src/bin/yakujo-verify.rs", "use std::fs;\n"), 0);
        assert_eq!(count("crates/server/src/lib.rs", "use std::fs;\n"), 0);
        assert_eq!(count("crates/contract/src/fact.rs", "use std::net::IpAddr;\n"), 0);
    }
}
