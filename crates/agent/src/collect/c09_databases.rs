//! 9.a, 9.b: size and connections of the data bases of the settings, read by a role that can read no row.
//!
//! The size of a data base has a limit of its own nowhere: it is told with the limit 0, which means that none is set.

use super::databases;
use crate::reading::Sources;
use crate::settings::{Database, Product};
use serde::Deserialize;
use yakujo_contract::fact::Coverage;
use yakujo_contract::fact::host::ResourceUse;

/// Data bases of one server.
const MOST_ROWS: usize = 200;

/// One resource of a data base.
#[derive(Debug, Deserialize)]
struct Row {
    /// `connections` or `database`.
    k: String,
    /// Name of the data base; empty: the whole server.
    n: String,
    /// Used.
    u: u64,
    /// The limit; 0: none is set.
    l: u64,
}

/// Only what this role may connect to has a size for it. Whose a session of somebody else is, it may not see, but how many
/// there are in each data base; sessions without a data base belong to the server itself.
const POSTGRESQL: &str = "SELECT json_build_object('k', k, 'n', n, 'u', u, 'l', l) FROM (
 SELECT 'connections' k, '' n, (SELECT COALESCE(sum(numbackends), 0)::bigint FROM pg_stat_database WHERE datid <> 0) u,
  current_setting('max_connections')::bigint l
 UNION ALL SELECT 'database', datname, pg_database_size(oid), 0 FROM pg_database
  WHERE datallowconn AND NOT datistemplate AND has_database_privilege(oid, 'CONNECT')) everything ORDER BY k, n";

/// Sizes are those of the tables this user may see.
const MARIADB: &str = "SELECT JSON_OBJECT('k', 'connections', 'n', '', 'u', CAST(variable_value AS UNSIGNED), 'l', @@GLOBAL.max_connections)
 FROM information_schema.global_status WHERE variable_name = 'THREADS_CONNECTED';
SELECT JSON_OBJECT('k', 'database', 'n', table_schema, 'u', CAST(SUM(COALESCE(data_length, 0) + COALESCE(index_length, 0)) AS UNSIGNED), 'l', 0)
 FROM information_schema.tables WHERE table_schema NOT IN ('mysql','information_schema','performance_schema','sys')
 GROUP BY table_schema ORDER BY table_schema;";

/// Size and connections of every data base, and what could not be read.
#[must_use]
pub fn collect(sources: &Sources) -> (Vec<ResourceUse>, Coverage) {
    let (mut resources, mut coverage) = (Vec::new(), Coverage::default());
    for database in &sources.settings.databases {
        match read(sources, database) {
            Ok(rows) => resources.extend(rows),
            Err(reason) => {
                coverage.unreadable = coverage.unreadable.saturating_add(1);
                coverage.reason = format!("{}: {reason}", database.name);
            }
        }
    }
    (resources, coverage)
}

fn read(sources: &Sources, database: &Database) -> Result<Vec<ResourceUse>, String> {
    let name = databases::names(database).first().copied().unwrap_or_default();
    let statements = match database.product {
        Product::Postgresql => POSTGRESQL,
        Product::Mariadb => MARIADB,
    };
    parse(&databases::ask(sources, database, name, statements)?, &database.name)
}

fn parse(answer: &str, database: &str) -> Result<Vec<ResourceUse>, String> {
    let mut resources = Vec::new();
    for line in answer.lines().filter(|line| !line.is_empty()).take(MOST_ROWS) {
        let row: Row =
            serde_json::from_str(line).map_err(|_| "an answer that is not understood".to_owned())?;
        let resource: String = match row.n.as_str() {
            "" => format!("{}:{database}", row.k),
            name => format!("{}:{database}/{name}", row.k),
        };
        let resource = resource.chars().take(200).collect();
        resources.push(ResourceUse {
            resource,
            limit: row.l,
            min: row.u,
            mean: row.u,
            p95: row.u,
            max: row.u,
        });
    }
    if resources.is_empty() {
        return Err("neither size nor connections were told".to_owned());
    }
    Ok(resources)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn rows_become_resources_by_name() {
        let answer = "{\"k\":\"connections\",\"n\":\"\",\"u\":3,\"l\":100}\n{\"k\":\"database\",\"n\":\"city\",\"u\":8000,\"l\":0}\n";
        let told: Vec<(String, u64, u64)> = parse(answer, "main")
            .unwrap()
            .into_iter()
            .map(|row| (row.resource, row.max, row.limit))
            .collect();
        let expected = [("connections:main".to_owned(), 3, 100), ("database:main/city".to_owned(), 8_000, 0)];
        assert_eq!(told, expected);
        assert!(parse("", "main").is_err() && parse("ERROR\n", "main").is_err());
    }

    proptest! {
        #[test]
        fn no_answer_makes_it_fail(answer in "(\\{\"k\":\"|\",\"n\":\"|\",\"u\":|1|-|\\}|\n|.{0,9}){0,12}") {
            let _ = parse(&answer, "x");
        }
    }
}
