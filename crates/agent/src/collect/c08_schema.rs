//! 8.a, 8.b: the structure of data bases – tables, columns, indexes, functions, views, roles, grants – read by a role that
//! can read no row of any table.
//!
//! How a data base is asked: `databases.rs`.

use super::databases;
use crate::reading::{Items, Sources, hex};
use crate::settings::{Database, Product};
use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use yakujo_contract::change::Object;
use yakujo_contract::fact::state::Content;
use yakujo_contract::id::Digest;

/// Longest text of an object that is shown.
const MOST_LETTERS: usize = 2_000;

/// One line of an answer: rows of one object follow each other.
#[derive(Debug, Deserialize)]
struct Row {
    /// Kind of object.
    k: String,
    /// Its name.
    n: String,
    /// Part of what it is.
    #[serde(default)]
    t: Option<String>,
}

/// Reads the structure of every data base of the settings.
#[must_use]
pub fn collect(sources: &Sources) -> Vec<Items> {
    let databases = &sources.settings.databases;
    if databases.is_empty() {
        return Vec::new();
    }
    let mut all = Items::of(Object::Schema);
    for database in databases {
        if let Err(reason) = read(sources, database, &mut all) {
            all.missed(format!("{}: {reason}", database.name));
        }
    }
    vec![all]
}

fn read(sources: &Sources, database: &Database, all: &mut Items) -> Result<(), String> {
    match database.product {
        Product::Postgresql => {
            for name in databases::names(database) {
                let text = databases::ask(sources, database, name, POSTGRESQL)?;
                let place = format!("postgresql://{}/{name}/", database.name);
                enter(&text, &place, all)?;
            }
            Ok(())
        }
        Product::Mariadb => {
            let text = databases::ask(sources, database, "", MARIADB)?;
            enter(&text, &format!("mariadb://{}/", database.name), all)
        }
    }
}

/// Puts the rows of an answer together to objects.
fn enter(answer: &str, place: &str, all: &mut Items) -> Result<(), String> {
    let mut objects: BTreeMap<(String, String), String> = BTreeMap::new();
    for line in answer.lines().filter(|line| !line.is_empty()) {
        let row: Row =
            serde_json::from_str(line).map_err(|_| "an answer that is not understood".to_owned())?;
        let text = objects.entry((row.k, row.n)).or_default();
        if !text.is_empty() {
            text.push('\n');
        }
        text.push_str(row.t.as_deref().unwrap_or("?"));
    }
    if objects.is_empty() {
        return Err("no object may be seen: check the grants of the role".to_owned());
    }
    for ((kind, name), text) in objects {
        // The text of a function or a view may be long, and is nobody's business here.
        let is_shown = !["function", "view"].contains(&kind.as_str()) && text.chars().count() <= MOST_LETTERS;
        let digest = Digest::try_from(hex(&Sha256::digest(&text))).ok();
        let content = Content { digest, sealed: None, value: is_shown.then_some(text) };
        let name: String = format!("{place}{kind}/{name}").chars().take(1_000).collect();
        all.items.insert(name, content);
    }
    Ok(())
}

/// Everybody may read these catalogues of PostgreSQL; no row of a table is touched.
const POSTGRESQL: &str = "
WITH mine AS (SELECT oid, nspname FROM pg_namespace WHERE nspname !~ '^pg_' AND nspname <> 'information_schema')
SELECT json_build_object('k', k, 'n', n, 't', t) FROM (
 SELECT 'table' k, format('%I.%I', s.nspname, c.relname) n, 0 o, a.attnum::int p,
   format('%I %s%s%s', a.attname, format_type(a.atttypid, a.atttypmod),
     CASE WHEN a.attnotnull THEN ' not null' ELSE '' END, coalesce(' default ' || pg_get_expr(d.adbin, d.adrelid), '')) t
  FROM mine s JOIN pg_class c ON c.relnamespace = s.oid AND c.relkind IN ('r','p','f')
  JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
  LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
 UNION ALL SELECT 'table', format('%I.%I', s.nspname, c.relname), 1, 0,
   format('owner %s row security %s %s', pg_get_userbyid(c.relowner), c.relrowsecurity, c.relforcerowsecurity)
  FROM mine s JOIN pg_class c ON c.relnamespace = s.oid AND c.relkind IN ('r','p','f')
 UNION ALL SELECT 'table', format('%I.%I', s.nspname, c.relname), 2, 0, format('%I %s', k.conname, pg_get_constraintdef(k.oid))
  FROM mine s JOIN pg_class c ON c.relnamespace = s.oid JOIN pg_constraint k ON k.conrelid = c.oid
 UNION ALL SELECT 'table', format('%I.%I', s.nspname, c.relname), 3, 0, pg_get_triggerdef(g.oid)
  FROM mine s JOIN pg_class c ON c.relnamespace = s.oid JOIN pg_trigger g ON g.tgrelid = c.oid AND NOT g.tgisinternal
 UNION ALL SELECT 'table', tablename, 4, 0, format('policy %s %s %s %s %s', policyname, roles, cmd, qual, with_check)
  FROM (SELECT format('%I.%I', schemaname, tablename) tablename, policyname, roles, cmd, qual, with_check FROM pg_policies) q
 UNION ALL SELECT 'index', format('%I.%I', s.nspname, c.relname), 0, 0, pg_get_indexdef(c.oid)
  FROM mine s JOIN pg_class c ON c.relnamespace = s.oid AND c.relkind IN ('i','I')
 UNION ALL SELECT 'view', format('%I.%I', s.nspname, c.relname), 0, 0,
   format('owner %s %s', pg_get_userbyid(c.relowner), pg_get_viewdef(c.oid))
  FROM mine s JOIN pg_class c ON c.relnamespace = s.oid AND c.relkind IN ('v','m')
 UNION ALL SELECT 'sequence', format('%I.%I', s.nspname, c.relname), 0, 0, format('owner %s', pg_get_userbyid(c.relowner))
  FROM mine s JOIN pg_class c ON c.relnamespace = s.oid AND c.relkind = 'S'
 UNION ALL SELECT 'grant', format('%I.%I', s.nspname, c.relname), 0, 0, format('%s', (SELECT string_agg(x::text, ' ' ORDER BY x::text) FROM unnest(c.relacl) x))
  FROM mine s JOIN pg_class c ON c.relnamespace = s.oid AND c.relacl IS NOT NULL
 UNION ALL SELECT 'grant', format('%I.%I.%I', s.nspname, c.relname, a.attname), 0, 0, a.attacl::text
  FROM mine s JOIN pg_class c ON c.relnamespace = s.oid JOIN pg_attribute a ON a.attrelid = c.oid AND a.attacl IS NOT NULL
 UNION ALL SELECT 'function', format('%I.%I(%s)', s.nspname, f.proname, pg_get_function_identity_arguments(f.oid)), 0, 0,
   format('owner %s %s %s', pg_get_userbyid(f.proowner), f.proacl,
     CASE WHEN f.prokind = 'a' THEN 'aggregate' ELSE pg_get_functiondef(f.oid) END)
  FROM mine s JOIN pg_proc f ON f.pronamespace = s.oid
 UNION ALL SELECT 'schema', quote_ident(s.nspname), 0, 0, format('owner %s %s', pg_get_userbyid(m.nspowner), m.nspacl)
  FROM mine s JOIN pg_namespace m USING (oid)
 UNION ALL SELECT 'extension', quote_ident(extname), 0, 0, extversion FROM pg_extension
 UNION ALL SELECT 'role', quote_ident(r.rolname), 0, 0,
   format('super %s createrole %s createdb %s login %s replication %s bypassrls %s until %s settings %s member of %s',
     r.rolsuper, r.rolcreaterole, r.rolcreatedb, r.rolcanlogin, r.rolreplication, r.rolbypassrls, r.rolvaliduntil, r.rolconfig,
     (SELECT string_agg(pg_get_userbyid(m.roleid), ',' ORDER BY pg_get_userbyid(m.roleid)) FROM pg_auth_members m WHERE m.member = r.oid))
  FROM pg_roles r WHERE r.rolname !~ '^pg_'
 UNION ALL SELECT 'database', quote_ident(datname), 0, 0, format('owner %s %s', pg_get_userbyid(datdba), datacl)
  FROM pg_database WHERE datname = current_database()
) everything ORDER BY k, n, o, p, t";

/// What MariaDB shows of tables, views and routines to somebody with REFERENCES and SHOW VIEW, and of rights to somebody who
/// may read some columns of its own tables. Triggers are seen only with the right to make them: they are left out.
const MARIADB: &str = "
SET SESSION TRANSACTION READ ONLY;
SELECT JSON_OBJECT('k', 'table', 'n', CONCAT(table_schema, '.', table_name), 't',
  CONCAT_WS(' ', column_name, column_type, is_nullable, column_default, extra, character_set_name))
 FROM information_schema.columns WHERE table_schema NOT IN ('mysql','information_schema','performance_schema','sys')
 ORDER BY table_schema, table_name, ordinal_position;
SELECT JSON_OBJECT('k', 'table', 'n', CONCAT(table_schema, '.', table_name), 't', CONCAT_WS(' ', table_type, engine, table_collation))
 FROM information_schema.tables WHERE table_schema NOT IN ('mysql','information_schema','performance_schema','sys')
 ORDER BY table_schema, table_name;
SELECT JSON_OBJECT('k', 'index', 'n', CONCAT(table_schema, '.', table_name, '.', index_name), 't',
  CONCAT_WS(' ', seq_in_index, column_name, non_unique, sub_part, index_type))
 FROM information_schema.statistics WHERE table_schema NOT IN ('mysql','information_schema','performance_schema','sys')
 ORDER BY table_schema, table_name, index_name, seq_in_index;
SELECT JSON_OBJECT('k', 'table', 'n', CONCAT(table_schema, '.', table_name), 't',
  CONCAT_WS(' ', constraint_name, column_name, referenced_table_schema, referenced_table_name, referenced_column_name))
 FROM information_schema.key_column_usage WHERE table_schema NOT IN ('mysql','information_schema','performance_schema','sys')
 ORDER BY table_schema, table_name, constraint_name, ordinal_position;
SELECT JSON_OBJECT('k', 'view', 'n', CONCAT(table_schema, '.', table_name), 't', CONCAT_WS(' ', definer, security_type, view_definition))
 FROM information_schema.views WHERE table_schema NOT IN ('mysql','information_schema','performance_schema','sys')
 ORDER BY table_schema, table_name;
SELECT JSON_OBJECT('k', 'function', 'n', CONCAT(db, '.', name), 't', CONCAT_WS(' ', type, param_list, returns, definer, security_type, body))
 FROM mysql.proc WHERE db NOT IN ('mysql','information_schema','performance_schema','sys') ORDER BY db, name, type;
SELECT JSON_OBJECT('k', 'role', 'n', CONCAT(user, '@', host), 't',
  CONCAT_WS(' ', select_priv, insert_priv, update_priv, delete_priv, create_priv, drop_priv, grant_priv, super_priv, create_user_priv, is_role))
 FROM mysql.user ORDER BY user, host;
SELECT JSON_OBJECT('k', 'grant', 'n', CONCAT(user, '@', host, ' ', db), 't',
  CONCAT_WS(' ', select_priv, insert_priv, update_priv, delete_priv, create_priv, drop_priv, grant_priv, alter_priv, execute_priv))
 FROM mysql.db ORDER BY user, host, db;
SELECT JSON_OBJECT('k', 'grant', 'n', CONCAT(user, '@', host, ' ', db, '.', table_name), 't', CONCAT_WS(' ', table_priv, column_priv))
 FROM mysql.tables_priv ORDER BY user, host, db, table_name;
SELECT JSON_OBJECT('k', 'role', 'n', CONCAT(user, '@', host), 't', CONCAT_WS(' ', 'member of', role, admin_option))
 FROM mysql.roles_mapping ORDER BY user, host, role;";

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn rows_of_one_object_are_put_together_in_their_order() {
        let mut all = Items::of(Object::Schema);
        let answer = "{\"k\":\"table\",\"n\":\"a.b\",\"t\":\"id int\"}\n{\"k\":\"table\",\"n\":\"a.b\",\"t\":\"name text\"}\n\
            {\"k\":\"function\",\"n\":\"a.f()\",\"t\":\"body\"}\n";
        enter(answer, "postgresql://main/city/", &mut all).unwrap();
        assert_eq!(all.items["postgresql://main/city/table/a.b"].value.as_deref(), Some("id int\nname text"));
        assert_eq!(all.items["postgresql://main/city/function/a.f()"].value, None);
    }

    #[test]
    fn an_answer_that_is_empty_or_damaged_is_no_empty_data_base() {
        let mut all = Items::of(Object::Schema);
        assert!(enter("", "x", &mut all).is_err());
        assert!(enter("ERROR: x\n", "x", &mut all).is_err());
    }

    #[test]
    fn a_file_of_access_that_others_may_read_is_refused() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let access = folder.path().join("access");
        std::fs::write(&access, "[main]\n").unwrap();
        std::fs::set_permissions(&access, std::fs::Permissions::from_mode(0o640)).unwrap();
        let database =
            Database { product: Product::Postgresql, name: "main".to_owned(), access, databases: Vec::new() };
        let mut sources = Sources::of_this_host();
        sources.settings.databases = vec![database.clone()];
        let refused = read(&sources, &database, &mut Items::of(Object::Schema)).unwrap_err();
        assert!(refused.contains("chmod 600"), "{refused}");
    }

    proptest! {
        #[test]
        fn no_answer_makes_it_fail(answer in "(\\{\"k\":\"|\",\"n\":\"|\"\\}|\n|.{0,9}){0,12}") {
            let _ = enter(&answer, "x", &mut Items::of(Object::Schema));
        }
    }
}
