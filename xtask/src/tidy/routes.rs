//! Who may use a route is part of the route. The table of the server is the only place where routes are added, and a
//! row that does not name its audience does not exist.

use super::Finding;
use super::rust_text::without_comments_and_strings;
use super::tree::{RustFile, Tree};

/// The one table.
const TABLE: &str = "crates/server/src/routes.rs";

/// Where the audiences are declared.
const AUDIENCES: &str = "crates/server/src/audience.rs";

/// Ways to add a route past the table.
const BYPASSES: &[&str] = &[".route(", ".route_service(", ".nest(", ".nest_service(", ".fallback_service("];

/// Rows without audience, and routes outside the table.
#[must_use]
pub fn check(tree: &Tree) -> Vec<Finding> {
    let mut found = Vec::new();
    for file in tree.rust().filter(|file| file.path.starts_with("crates/")) {
        match file.path == TABLE {
            true => {
                found.extend(rows_without_audience(&file));
                found.extend(rows_of_nobody(&file, &audiences(tree)));
            }
            false => found.extend(bypasses(&file)),
        }
    }
    found
}

fn bypasses(file: &RustFile) -> Vec<Finding> {
    let mut found = Vec::new();
    for (number, line) in (1..).zip(file.shipped.lines()) {
        found.extend(BYPASSES.iter().filter(|way| line.contains(**way)).map(|way| Finding {
            path: file.path.clone(),
            line: number,
            message: format!("`{way}…)` outside {TABLE}: add a row there, with its audience"),
        }));
    }
    found
}

/// A row is a `Route { … }` value; its audience is a field of it.
fn rows_without_audience(file: &RustFile) -> Vec<Finding> {
    let mut found = Vec::new();
    for (at, _) in file.shipped.match_indices("Route {") {
        let before = file.shipped.get(..at).unwrap_or_default();
        let declares = ["struct ", "impl ", "for "].iter().any(|word| before.ends_with(word));
        let row = file.shipped.get(at..).and_then(|rest| rest.split('}').next()).unwrap_or_default();
        if !declares && !row.contains("audience") {
            let line = before.matches('\n').count() + 1;
            let message = "a route without `audience`: say who may use it".to_owned();
            found.push(Finding { path: file.path.clone(), line, message });
        }
    }
    found
}

/// The variants of `enum Audience`.
fn audiences(tree: &Tree) -> Vec<String> {
    let code = without_comments_and_strings(tree.text(AUDIENCES).unwrap_or_default());
    let body =
        code.split("enum Audience {").nth(1).and_then(|rest| rest.split('}').next()).unwrap_or_default();
    body.split(',').map(|variant| variant.trim().to_owned()).filter(|variant| !variant.is_empty()).collect()
}

/// A row is `row!(Verb, "path", Audience, handler)`; its third word must be one of the audiences.
fn rows_of_nobody(file: &RustFile, audiences: &[String]) -> Vec<Finding> {
    let mut found = Vec::new();
    for (number, line) in (1..).zip(file.shipped.lines()) {
        let Some(row) = line.trim_start().strip_prefix("row!(") else { continue };
        let audience = row.split(',').nth(2).unwrap_or_default().trim();
        if !audiences.iter().any(|known| known == audience) {
            let message = format!("`{audience}` is no audience: say who may use this route");
            found.push(Finding { path: file.path.clone(), line: number, message });
        }
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
    fn a_row_without_audience_is_found() {
        assert_eq!(count(TABLE, "const A: Route = Route { path: \"/a\", methods: GET };\n"), 1);
        assert_eq!(count(TABLE, "const A: Route = Route { path: \"/a\", audience: Audience::City };\n"), 0);
        assert_eq!(count(TABLE, "pub struct Route {\n  path: &'static str,\n}\nimpl Route {\n}\n"), 0);
    }

    #[test]
    fn a_row_whose_audience_is_not_declared_is_found() {
        let declared = (AUDIENCES, "pub enum Audience {\n    /// All.\n    Anyone,\n    City,\n}\n");
        let rows = |text: &str| check(&Tree::of(&[declared, (TABLE, text)])).len();
        assert_eq!(rows("    row!(Get, \"/c/{contract}\", Anyone, pages::first::show),\n"), 0);
        assert_eq!(rows("    row!(Get, \"/c/{contract}\", pages::first::show),\n"), 1);
        assert_eq!(rows("    row!(Get, \"/c/{contract}\", Everybody, pages::first::show),\n"), 1);
    }

    #[test]
    fn a_route_outside_the_table_is_found_except_in_tests() {
        assert_eq!(count("crates/server/src/pages/board.rs", "router.route(\"/x\", get(x))\n"), 1);
        let test = "#[cfg(test)]\nmod tests {\n  fn a() { router.route(x) }\n}\n";
        assert_eq!(count("crates/server/src/pages/board.rs", test), 0);
    }
}
