//! People, their credentials and sessions, devices, and the texts with personal data: `people.db`.
//!
//! Kept apart from the ledger on purpose: what stands here can be changed and erased. It is the one database that
//! cannot be rebuilt. Secrets are stored as digests (links, sessions, codes) or as argon2id hashes (passwords); the
//! secret of a TOTP device has to be stored as it is, in a file only the server may read.
//!
//! What is erased is gone from the files, too: freed bytes are overwritten, and the log is emptied after an erasure. A
//! name stands in one place, the kept text whose digest the ledger holds.

mod columns;
pub mod comments;
pub mod devices;
pub mod drafts;
pub mod known;
pub mod links;
pub mod mail;
pub mod notices;
pub mod passwords;
pub mod personal;
pub mod queue;
pub mod sessions;
pub mod throttle;
pub mod webhooks;

use jiff::Timestamp;
use sha2::{Digest as _, Sha256};
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteRow, SqliteSynchronous,
};
use sqlx::{Row, SqliteConnection};
use std::path::Path;
use yakujo_contract::act::{Role, Withheld};
use yakujo_contract::fact::server::{CloseReason, SessionClose};
use yakujo_contract::id::{NotAnId, PersonId};
use zeroize::Zeroizing;

/// Everything that `people.db` holds of one contract.
pub struct People {
    pool: SqlitePool,
    contract: String,
    throttle: throttle::Throttle,
    hashing: tokio::sync::Semaphore,
}

/// Why something about people could not be done.
#[derive(Debug, thiserror::Error)]
pub enum PeopleError {
    /// The database failed.
    #[error("people.db cannot be used")]
    Database(#[from] sqlx::Error),
    /// The operating system gave no random bytes.
    #[error("no random bytes from the operating system")]
    Random,
    /// A row does not hold what it should.
    #[error("people.db holds a damaged row: {0}")]
    Damaged(String),
    /// Nobody with this id or login.
    #[error("no such person")]
    NoSuchPerson,
    /// The login is taken.
    #[error("the sign-in name `{0}` is taken: choose another")]
    LoginTaken(String),
    /// The login has other characters.
    #[error("a sign-in name is 2 to 32 of a-z, 0-9, '-', '.'")]
    LoginForm,
    /// Hashing failed.
    #[error("the password could not be hashed")]
    Hashing,
}

impl From<NotAnId> for PeopleError {
    fn from(error: NotAnId) -> Self {
        Self::Damaged(error.to_string())
    }
}

/// One person of the contract.
#[derive(Debug, Clone)]
pub struct Person {
    /// Id in the ledger.
    pub id: PersonId,
    /// Sign-in name.
    pub login: String,
    /// Role.
    pub role: Role,
    /// Post, for an approver of the city.
    pub post: Option<String>,
    /// From.
    pub from: Timestamp,
    /// Until.
    pub until: Option<Timestamp>,
    /// Left.
    pub left: Option<Timestamp>,
    /// Name; none after it was erased.
    pub name: Option<String>,
    /// A password is set.
    pub has_password: bool,
    /// A TOTP device is set.
    pub has_totp: bool,
    /// Last sign-in.
    pub last_sign_in: Option<Timestamp>,
}

impl Person {
    /// May sign in at this instant. An auditor is let in for a period only: without an end, not at all.
    #[must_use]
    pub fn is_active(&self, now: Timestamp) -> bool {
        let bounded = self.role != Role::Auditor || self.until.is_some();
        bounded && self.left.is_none() && self.from <= now && self.until.is_none_or(|until| now < until)
    }
}

/// Somebody to be entered.
#[derive(Debug, Clone)]
pub struct NewPerson {
    /// Id, made by [`new_id`].
    pub id: PersonId,
    /// Sign-in name.
    pub login: String,
    /// Name.
    pub name: String,
    /// Role.
    pub role: Role,
    /// Post.
    pub post: Option<String>,
    /// From.
    pub from: Timestamp,
    /// Until.
    pub until: Option<Timestamp>,
}

impl People {
    /// Opens `people.db`, making it where it is missing.
    ///
    /// # Errors
    /// When the file cannot be opened or is no such database.
    pub async fn open(file: &Path) -> Result<Self, PeopleError> {
        let options = SqliteConnectOptions::new()
            .filename(file)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .pragma("secure_delete", "ON");
        let pool = SqlitePoolOptions::new().max_connections(4).connect_with(options).await?;
        crate::settings::only_for_owner(file).map_err(sqlx::Error::Io)?;
        let folder = file.parent().and_then(Path::file_name);
        let people = Self {
            pool,
            contract: folder.map(|name| name.to_string_lossy().into_owned()).unwrap_or_default(),
            throttle: throttle::Throttle::default(),
            hashing: tokio::sync::Semaphore::new(2),
        };
        people.prepare().await?;
        Ok(people)
    }

    /// Tables as they are now, and without those whose entry was cut short before its end.
    async fn prepare(&self) -> Result<(), PeopleError> {
        let old = sqlx::query("SELECT 1 FROM pragma_table_info('person') WHERE name = 'name'");
        if old.fetch_optional(&self.pool).await?.is_some() {
            sqlx::raw_sql(include_str!("upgrade.sql")).execute(&self.pool).await?;
        }
        sqlx::raw_sql(include_str!("schema.sql")).execute(&self.pool).await?;
        self.add_columns().await?;
        let unfinished = sqlx::query("SELECT id FROM person WHERE entered = 0").fetch_all(&self.pool).await?;
        for row in &unfinished {
            self.withdraw(&row.try_get::<String, _>("id")?.try_into()?).await?;
        }
        Ok(())
    }

    /// Reserves the sign-in name and keeps the name; returns what goes into the ledger. The person is entered with the
    /// first link ([`People::grant_link`]), after the ledger took the entry.
    ///
    /// # Errors
    /// When the login is taken or malformed: then nothing is kept.
    pub async fn add_person(&self, person: &NewPerson) -> Result<Withheld, PeopleError> {
        if !is_login(&person.login) {
            return Err(PeopleError::LoginForm);
        }
        let mut change = self.pool.begin().await?;
        let name = personal::keep(&mut change, &person.name).await?;
        let added = sqlx::query(
            "INSERT INTO person (id, login, role, post, valid_from, valid_until, name_digest)
             VALUES (?, ?, ?, ?, ?, ?, ?)",
        )
        .bind(person.id.as_str())
        .bind(&person.login)
        .bind(role_word(person.role))
        .bind(&person.post)
        .bind(person.from.as_millisecond())
        .bind(person.until.map(Timestamp::as_millisecond))
        .bind(name.digest.as_str())
        .execute(&mut *change)
        .await;
        match added {
            Err(sqlx::Error::Database(error)) if error.is_unique_violation() => {
                return Err(PeopleError::LoginTaken(person.login.clone()));
            }
            other => other?,
        };
        change.commit().await?;
        Ok(name)
    }

    /// Takes back somebody whom the ledger did not take.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn withdraw(&self, id: &PersonId) -> Result<(), PeopleError> {
        let mut change = self.pool.begin().await?;
        for statement in [
            "DELETE FROM personal WHERE digest = (SELECT name_digest FROM person WHERE id = ? AND entered = 0)",
            "DELETE FROM person WHERE id = ? AND entered = 0",
        ] {
            sqlx::query(statement).bind(id.as_str()).execute(&mut *change).await?;
        }
        change.commit().await?;
        self.scrub().await
    }

    /// One person.
    ///
    /// # Errors
    /// When there is none.
    pub async fn person(&self, id: &PersonId) -> Result<Person, PeopleError> {
        let row = sqlx::query("SELECT * FROM somebody WHERE id = ?")
            .bind(id.as_str())
            .fetch_optional(&self.pool)
            .await?;
        person(&row.ok_or(PeopleError::NoSuchPerson)?)
    }

    /// The person with this sign-in name.
    ///
    /// # Errors
    /// When there is none.
    pub async fn by_login(&self, login: &str) -> Result<Person, PeopleError> {
        let row = sqlx::query("SELECT * FROM somebody WHERE login = ?")
            .bind(login)
            .fetch_optional(&self.pool)
            .await?;
        person(&row.ok_or(PeopleError::NoSuchPerson)?)
    }

    /// Everybody, by sign-in name.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn everybody(&self) -> Result<Vec<Person>, PeopleError> {
        let rows = sqlx::query("SELECT * FROM somebody ORDER BY login").fetch_all(&self.pool).await?;
        rows.iter().map(person).collect()
    }

    /// The person leaves: sessions end, links, devices and recovery codes become useless, the address for mail is gone.
    /// Returns the sessions that ended: the caller states them.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn leave(&self, id: &PersonId, now: Timestamp) -> Result<Vec<SessionClose>, PeopleError> {
        let mut change = self.pool.begin().await?;
        sqlx::query(
            "UPDATE person SET left_at = ?, password = NULL, totp = NULL WHERE id = ? AND left_at IS NULL",
        )
        .bind(now.as_millisecond())
        .bind(id.as_str())
        .execute(&mut *change)
        .await?;
        let closed = forget_credentials(&mut change, id).await?;
        for statement in [
            "DELETE FROM draft WHERE person = ?",
            "DELETE FROM mail_choice WHERE person = ?",
            "DELETE FROM delivery WHERE channel = 'mail' AND recipient = ?",
        ] {
            sqlx::query(statement).bind(id.as_str()).execute(&mut *change).await?;
        }
        change.commit().await?;
        self.scrub().await?;
        Ok(closed)
    }

    /// Erases name and sign-in name of a person who has left; the ledger keeps the salted digest of the name.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn erase_name(&self, id: &PersonId) -> Result<(), PeopleError> {
        let mut change = self.pool.begin().await?;
        for statement in [
            "DELETE FROM personal WHERE digest =
                 (SELECT name_digest FROM person WHERE id = ? AND left_at IS NOT NULL)",
            "UPDATE person SET name_digest = NULL, login = id WHERE id = ? AND left_at IS NOT NULL",
        ] {
            sqlx::query(statement).bind(id.as_str()).execute(&mut *change).await?;
        }
        change.commit().await?;
        self.scrub().await
    }

    /// Leaves nothing of what was erased in the files: `secure_delete` overwrites what is freed, but the log keeps the
    /// pages as they were before, until it is emptied.
    async fn scrub(&self) -> Result<(), PeopleError> {
        // A page that is being read at this instant keeps the log from being emptied; reading takes milliseconds.
        for _ in 0..50 {
            let row = sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").fetch_one(&self.pool).await?;
            if row.try_get::<i64, _>(0)? == 0 {
                return Ok(());
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        tracing::warn!("the log of people.db is in use: what was erased leaves it with the next erasure");
        Ok(())
    }

    /// Copies the database to a new file while it is in use.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub async fn copy_to(&self, file: &Path) -> Result<(), PeopleError> {
        let target = file.to_string_lossy().into_owned();
        sqlx::query("VACUUM INTO ?").bind(target).execute(&self.pool).await?;
        crate::settings::only_for_owner(file).map_err(sqlx::Error::Io)?;
        Ok(())
    }
}

/// Ends sessions and makes links, known devices and recovery codes useless. Returns the sessions that ended.
async fn forget_credentials(
    change: &mut SqliteConnection,
    id: &PersonId,
) -> Result<Vec<SessionClose>, PeopleError> {
    let ended = sqlx::query("DELETE FROM session WHERE person = ? RETURNING name").bind(id.as_str());
    let ended = ended.fetch_all(&mut *change).await?;
    for statement in [
        "DELETE FROM link WHERE person = ?",
        "DELETE FROM known_device WHERE person = ?",
        "DELETE FROM recovery WHERE person = ?",
    ] {
        sqlx::query(statement).bind(id.as_str()).execute(&mut *change).await?;
    }
    let close = |row: &SqliteRow| {
        let session = row.try_get("name")?;
        Ok(SessionClose { person: id.clone(), session, reason: CloseReason::Revoked })
    };
    ended.iter().map(close).collect()
}

fn person(row: &SqliteRow) -> Result<Person, PeopleError> {
    let role: String = row.try_get("role")?;
    Ok(Person {
        id: row.try_get::<String, _>("id")?.try_into()?,
        login: row.try_get("login")?,
        role: role_from(&role).ok_or_else(|| PeopleError::Damaged(format!("role {role}")))?,
        post: row.try_get("post")?,
        from: instant(row.try_get("valid_from")?)?,
        until: row.try_get::<Option<i64>, _>("valid_until")?.map(instant).transpose()?,
        left: row.try_get::<Option<i64>, _>("left_at")?.map(instant).transpose()?,
        name: row.try_get("name")?,
        has_password: row.try_get::<Option<String>, _>("password")?.is_some(),
        has_totp: row.try_get::<Option<Vec<u8>>, _>("totp")?.is_some(),
        last_sign_in: row.try_get::<Option<i64>, _>("last_sign_in")?.map(instant).transpose()?,
    })
}

/// 2 to 32 of a-z, 0-9, '-', '.'.
#[must_use]
pub fn is_login(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '.';
    (2..=32).contains(&text.len()) && text.chars().all(plain)
}

/// The word of a role in databases, forms and commands.
#[must_use]
pub fn role_word(role: Role) -> &'static str {
    match role {
        Role::CityStaff => "city_staff",
        Role::CityApprover => "city_approver",
        Role::CitySecurity => "city_security",
        Role::Operator => "operator",
        Role::SecurityLead => "security_lead",
        Role::Auditor => "auditor",
    }
}

/// The role with this word.
#[must_use]
pub fn role_from(word: &str) -> Option<Role> {
    Role::ALL.into_iter().find(|role| role_word(*role) == word)
}

fn instant(milliseconds: i64) -> Result<Timestamp, PeopleError> {
    Timestamp::from_millisecond(milliseconds).map_err(|error| PeopleError::Damaged(error.to_string()))
}

/// Random bytes of the operating system, wiped after use.
///
/// # Errors
/// When there are none.
pub fn random<const N: usize>() -> Result<Zeroizing<[u8; N]>, PeopleError> {
    let mut bytes = Zeroizing::new([0_u8; N]);
    getrandom::fill(&mut *bytes).map_err(|_| PeopleError::Random)?;
    Ok(bytes)
}

/// A secret as text: 32 random bytes, base64url without padding.
///
/// # Errors
/// When there are no random bytes.
pub fn new_secret() -> Result<Zeroizing<String>, PeopleError> {
    use base64::Engine as _;
    let bytes = random::<32>()?;
    Ok(Zeroizing::new(base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(*bytes)))
}

/// A fresh id: a letter for what it names, and 16 random hexadecimal digits.
///
/// # Errors
/// When there are no random bytes.
pub fn new_id(letter: char) -> Result<String, PeopleError> {
    Ok(format!("{letter}-{}", hex(&*random::<8>()?)))
}

/// What is stored of a secret.
fn digest(secret: &str) -> Vec<u8> {
    Sha256::digest(secret.as_bytes()).to_vec()
}

/// Lower-case hexadecimal digits.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::notices::pacing::Pacing;

    pub(crate) async fn people() -> (tempfile::TempDir, People) {
        let folder = tempfile::tempdir().unwrap();
        let people = People::open(&folder.path().join("people.db")).await.unwrap();
        (folder, people)
    }

    pub(crate) fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_795_000_000 + second).unwrap()
    }

    pub(crate) async fn tanaka(people: &People, role: Role) -> PersonId {
        let id: PersonId = new_id('p').unwrap().try_into().unwrap();
        let person = NewPerson {
            id: id.clone(),
            login: "tanaka".into(),
            name: "田中 太郎".into(),
            role,
            post: None,
            from: at(0),
            until: None,
        };
        people.add_person(&person).await.unwrap();
        id
    }

    fn named(login: &str, name: &str) -> NewPerson {
        NewPerson {
            id: new_id('p').unwrap().try_into().unwrap(),
            login: login.into(),
            name: name.into(),
            role: Role::Operator,
            post: None,
            from: at(0),
            until: None,
        }
    }

    #[tokio::test]
    async fn a_login_belongs_to_one_person_and_is_plain() {
        let (_folder, people) = people().await;
        let id = tanaka(&people, Role::CityStaff).await;
        assert!(matches!(people.add_person(&named("tanaka", "別人")).await, Err(PeopleError::LoginTaken(_))));
        assert!(matches!(
            people.add_person(&named("Tanaka 太郎", "別人")).await,
            Err(PeopleError::LoginForm)
        ));
        assert_eq!(people.person(&id).await.unwrap().name.as_deref(), Some("田中 太郎"));
    }

    #[tokio::test]
    async fn of_many_who_are_entered_with_one_login_at_once_one_is_and_nothing_of_the_others_is_kept() {
        let (_folder, people) = people().await;
        let people = std::sync::Arc::new(people);
        let mut tries = tokio::task::JoinSet::new();
        for number in 0..10 {
            let people = people.clone();
            tries.spawn(async move { people.add_person(&named("suzuki", &format!("鈴木 {number}"))).await });
        }
        let results = tries.join_all().await;
        assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1);
        assert!(results.iter().flat_map(Result::as_ref).count() == 1);
        let others = results.iter().filter_map(|result| result.as_ref().err());
        assert!(others.into_iter().all(|error| matches!(error, PeopleError::LoginTaken(_))), "{results:?}");
        let kept = sqlx::query("SELECT count(*) FROM personal").fetch_one(&people.pool).await.unwrap();
        assert_eq!(kept.get::<i64, _>(0), 1);
    }

    #[tokio::test]
    async fn somebody_whose_entry_was_cut_short_is_not_there_after_the_restart() {
        let (folder, people) = people().await;
        let id = tanaka(&people, Role::CityStaff).await;
        people.grant_link(&id, at(0), jiff::SignedDuration::from_hours(1)).await.unwrap();
        people.add_person(&named("suzuki", "鈴木 花子")).await.unwrap();
        people.pool.close().await;
        let again = People::open(&folder.path().join("people.db")).await.unwrap();
        let logins: Vec<_> =
            again.everybody().await.unwrap().into_iter().map(|person| person.login).collect();
        assert_eq!(logins, ["tanaka"]);
        again.add_person(&named("suzuki", "鈴木 花子")).await.unwrap();
    }

    #[tokio::test]
    async fn an_auditor_without_an_end_is_never_active() {
        let (_folder, people) = people().await;
        let id = tanaka(&people, Role::Auditor).await;
        let mut auditor = people.person(&id).await.unwrap();
        assert!(!auditor.is_active(at(1)));
        auditor.until = Some(at(10));
        assert!(auditor.is_active(at(9)) && !auditor.is_active(at(10)));
    }

    /// Whether any file of the database holds these bytes.
    pub(crate) fn is_in_the_files(folder: &Path, bytes: &[u8]) -> bool {
        let mut files =
            std::fs::read_dir(folder).unwrap().map(|file| std::fs::read(file.unwrap().path()).unwrap());
        files.any(|file| file.windows(bytes.len()).any(|window| window == bytes))
    }

    #[tokio::test]
    async fn what_is_erased_of_somebody_who_left_is_in_no_byte_of_the_files() {
        let (folder, people) = people().await;
        let id = tanaka(&people, Role::Operator).await;
        people.choose_address(&id, "tanaka@example.jp", at(0)).await.unwrap();
        for number in 0..300 {
            let filler = "長い名前".repeat(20);
            people.add_person(&named(&format!("a{number}"), &format!("{filler}{number}"))).await.unwrap();
        }
        people.grant_link(&id, at(0), jiff::SignedDuration::from_hours(1)).await.unwrap();
        let row = sqlx::query("SELECT totp FROM link").fetch_one(&people.pool).await.unwrap();
        let totp: Vec<u8> = row.get("totp");
        let name = "田中 太郎".as_bytes();
        assert!(is_in_the_files(folder.path(), name) && is_in_the_files(folder.path(), &totp));
        people.erase_name(&id).await.unwrap();
        assert!(people.person(&id).await.unwrap().name.is_some(), "not while the person is active");
        people.leave(&id, at(5)).await.unwrap();
        assert!(!is_in_the_files(folder.path(), &totp), "the secret of the authenticator");
        people.erase_name(&id).await.unwrap();
        let gone = people.person(&id).await.unwrap();
        assert_eq!((gone.name.as_deref(), gone.left), (None, Some(at(5))));
        assert!(!gone.is_active(at(6)));
        assert!(!is_in_the_files(folder.path(), name), "the name");
        assert!(!is_in_the_files(folder.path(), b"tanaka@example.jp"), "the address");
        assert!(!is_in_the_files(folder.path(), b"tanaka"), "the sign-in name");
    }

    #[tokio::test]
    async fn a_database_of_the_first_version_is_opened_and_its_names_stand_in_one_place() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("people.db");
        let options = SqliteConnectOptions::new().filename(&file).create_if_missing(true);
        let old = SqlitePoolOptions::new().connect_with(options).await.unwrap();
        sqlx::raw_sql(include_str!("schema_v1.sql")).execute(&old).await.unwrap();
        old.close().await;
        let people = People::open(&file).await.unwrap();
        assert_eq!(people.by_login("tanaka").await.unwrap().name.as_deref(), Some("田中 太郎"));
        let id = people.by_login("tanaka").await.unwrap().id;
        let pacing = Pacing { morning: None, opened: None };
        assert_eq!(people.letters(pacing, at(5), 10).await.unwrap().len(), 1, "what waited still waits");
        people.leave(&id, at(5)).await.unwrap();
        people.erase_name(&id).await.unwrap();
        for gone in ["田中 太郎", "tanaka@example.jp"] {
            assert!(!is_in_the_files(folder.path(), gone.as_bytes()), "{gone}");
        }
    }
}
