//! 11.a: the roles of data bases, as accounts beside those of the host. Who was connected is remembered nowhere: what is told of
//! use is only that somebody was there while this looked.
//!
//! How a data base is asked: `databases.rs`. That the definition of a role changed is told with the structure (`c08_schema.rs`).

use super::databases;
use crate::reading::{Sources, from_unix};
use crate::settings::{Database, Product};
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use yakujo_contract::fact::host::{Account, Login};

/// Data bases are asked so often; the accounts of the host are read more often.
const EVERY: SignedDuration = SignedDuration::from_secs(60);
const DAY: i64 = 86_400;
/// Most letters of a name, most groups of a role.
const MOST_LETTERS: usize = 256;
const MOST_GROUPS: usize = 100;

/// What was seen of the roles last.
#[derive(Debug, Default)]
pub struct Roles {
    asked: Option<Timestamp>,
    /// The roles, named with their place: `postgresql://main/yamada`.
    pub accounts: Vec<Account>,
    /// The data bases whose roles are not known, and why.
    pub missed: Vec<String>,
}

/// One line of an answer.
#[derive(Debug, Deserialize)]
struct Row {
    name: String,
    oid: u32,
    login: Flag,
    privileged: Flag,
    /// Somebody is connected.
    used: Flag,
    /// The password ends, seconds since 1970.
    #[serde(default)]
    until: Option<i64>,
    #[serde(default)]
    groups: Option<Vec<String>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
enum Flag {
    Y,
    N,
}

impl Roles {
    /// Asks the data bases of the settings, where that is due.
    pub fn look(&mut self, sources: &Sources, now: Timestamp) {
        let is_recent = |asked: Timestamp| asked <= now && now.duration_since(asked) < EVERY;
        if self.asked.is_some_and(is_recent) {
            return;
        }
        *self = Self { asked: Some(now), ..Self::default() };
        for database in &sources.settings.databases {
            match read(sources, database, now) {
                Ok(accounts) => self.accounts.extend(accounts),
                Err(reason) => self.missed.push(format!("{}: {reason}", database.name)),
            }
        }
    }
}

fn read(sources: &Sources, database: &Database, now: Timestamp) -> Result<Vec<Account>, String> {
    let (scheme, statements) = match database.product {
        Product::Postgresql => ("postgresql", POSTGRESQL),
        Product::Mariadb => ("mariadb", MARIADB),
    };
    let answer = databases::ask(sources, database, databases::first(database), statements)?;
    understood(&answer, &format!("{scheme}://{}/", database.name), now)
}

fn understood(answer: &str, place: &str, now: Timestamp) -> Result<Vec<Account>, String> {
    let mut accounts = Vec::new();
    for line in answer.lines().filter(|line| !line.is_empty()) {
        let row: Row =
            serde_json::from_str(line).map_err(|_| "an answer that is not understood".to_owned())?;
        accounts.push(account(row, place, now));
    }
    if accounts.is_empty() {
        return Err("no role may be seen: check the grants of the agent's own".to_owned());
    }
    Ok(accounts)
}

fn account(row: Row, place: &str, now: Timestamp) -> Account {
    // To the day: a program that is always connected is no news every minute.
    let today = from_unix(now.as_second().saturating_sub(now.as_second().rem_euclid(DAY)));
    let mut groups = row.groups.unwrap_or_default();
    groups.truncate(MOST_GROUPS);
    Account {
        name: format!("{place}{}", row.name).chars().take(MOST_LETTERS).collect(),
        uid: row.oid,
        login: if row.login == Flag::Y { Login::Possible } else { Login::None },
        groups,
        privileged: row.privileged == Flag::Y,
        keys: Vec::new(),
        last_login: today.filter(|_| row.used == Flag::Y),
        expires: row.until.and_then(from_unix),
        shell: String::new(),
        home: String::new(),
        password_set: None,
    }
}

/// Everybody may read these catalogues of PostgreSQL, and who is connected, though not what is done. A program of the server's own
/// that is in no data base is nobody who came.
const POSTGRESQL: &str = "
SELECT json_build_object('name', r.rolname, 'oid', r.oid::bigint,
 'login', CASE WHEN r.rolcanlogin THEN 'Y' ELSE 'N' END,
 'privileged', CASE WHEN EXISTS (SELECT 1 FROM pg_roles s WHERE pg_has_role(r.oid, s.oid, 'MEMBER')
   AND (s.rolsuper OR s.rolcreaterole OR s.rolbypassrls OR s.rolreplication
    OR s.rolname IN ('pg_execute_server_program', 'pg_read_server_files', 'pg_write_server_files'))) THEN 'Y' ELSE 'N' END,
 'used', CASE WHEN EXISTS (SELECT 1 FROM pg_stat_activity a
   WHERE a.usesysid = r.oid AND a.datid IS NOT NULL) THEN 'Y' ELSE 'N' END,
 'until', CASE WHEN isfinite(r.rolvaliduntil) THEN extract(epoch FROM r.rolvaliduntil)::bigint END,
 'groups', (SELECT json_agg(pg_get_userbyid(m.roleid) ORDER BY m.roleid) FROM pg_auth_members m WHERE m.member = r.oid))
FROM pg_roles r WHERE r.rolname !~ '^pg_' ORDER BY r.rolname";

/// The same of MariaDB, by the columns that the structure is read from. The account that owns its own views is locked for ever.
const MARIADB: &str = "
SET SESSION TRANSACTION READ ONLY;
SELECT JSON_OBJECT('name', CONCAT(u.user, '@', u.host), 'oid', 0,
 'login', IF(u.is_role = 'Y' OR u.user = 'mariadb.sys', 'N', 'Y'),
 'privileged', IF('Y' IN (u.super_priv, u.grant_priv, u.create_user_priv) OR EXISTS (
   SELECT 1 FROM mysql.roles_mapping m JOIN mysql.user g ON g.user = m.role AND g.is_role = 'Y'
   WHERE m.user = u.user AND m.host = u.host AND 'Y' IN (g.super_priv, g.grant_priv, g.create_user_priv)), 'Y', 'N'),
 'used', IF(EXISTS (SELECT 1 FROM information_schema.processlist p WHERE p.user = u.user), 'Y', 'N'))
FROM mysql.user u ORDER BY u.user, u.host";

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_role_is_an_account_that_is_named_with_its_place() {
        let now = Timestamp::from_second(1_795_000_000).unwrap();
        let answer = "{\"name\":\"yamada\",\"oid\":16384,\"login\":\"Y\",\"privileged\":\"N\",\"used\":\"Y\",\
            \"until\":null,\"groups\":[\"staff\"]}\n";
        let accounts = understood(answer, "postgresql://main/", now).unwrap();
        let [yamada] = &accounts[..] else { panic!("{accounts:?}") };
        assert_eq!(
            (yamada.name.as_str(), yamada.database()),
            ("postgresql://main/yamada", Some("postgresql://main"))
        );
        assert!(yamada.can_log_in() && !yamada.privileged && yamada.last_login.unwrap() <= now);
        assert!(understood("", "x", now).is_err(), "an empty answer is no data base without roles");
        assert!(understood("ERROR", "x", now).is_err());
    }

    #[test]
    fn a_data_base_that_does_not_answer_is_told() {
        let mut sources = Sources::of_this_host();
        let text = "[[database]]\nproduct = \"postgresql\"\nname = \"main\"\naccess = \"/nowhere\"\n";
        sources.settings = crate::settings::parse(text).unwrap();
        let mut roles = Roles::default();
        roles.look(&sources, Timestamp::UNIX_EPOCH);
        assert!(roles.accounts.is_empty());
        assert!(
            matches!(&roles.missed[..], [why] if why.starts_with("main: the file of access")),
            "{roles:?}"
        );
    }

    proptest! {
        #[test]
        fn no_answer_makes_it_fail(answer in "(\\{\"name\":\"|\",\"oid\":\"|\"\\}|\n|.{0,9}){0,12}") {
            let _ = understood(&answer, "x", Timestamp::UNIX_EPOCH);
        }
    }
}
