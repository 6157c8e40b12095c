//! Who may use a route is part of the route. The table of the server is the only place where routes are added, and a
//! row that does not name its audience does not exist.

use super::Finding;
use super::tree::{RustFile, Tree};

/// The one table.
const TABLE: &str = "crates/server/src/routes.rs";

/// Ways to add a route past the table.
const BYPASSES: &[&str] = &[".route(", ".route_service(", ".nest(", ".nest_service(", ".fallback_service("];

/// Rows without audience, and routes outside the table.
#[must_use]
pub fn check(tree: &Tree) -> Vec<Finding> {
    let mut found = Vec::new();
    for file in tree.rust().filter(|file| file.path.starts_with("crates/")) {
        match file.path == TABLE {
            true => found.extend(rows_without_audience(&file)),
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
    fn a_route_outside_the_table_is_found_except_in_tests() {
        assert_eq!(count("crates/server/src/pages/board.rs", "router.route(\"/x\", get(x))\n"), 1);
        let test = "#[cfg(test)]\nmod tests {\n  fn a() { router.route(x) }\n}\n";
        assert_eq!(count("crates/server/src/pages/board.rs", test), 0);
    }
}
