//! Sign-in and sessions. The cut is on the server (4.2.a): a cookie past its time opens nothing.

use super::links::step_of;
use super::{People, PeopleError, Person, digest, hex, is_login, known, new_secret, person, random};
use jiff::{SignedDuration, Timestamp};
use sqlx::Row;
use subtle::ConstantTimeEq;
use yakujo_contract::act::Role;
use yakujo_contract::fact::server::CloseReason;
use yakujo_contract::id::PersonId;
use zeroize::Zeroizing;

/// How long sessions live (P-11).
#[derive(Debug, Clone, Copy)]
pub struct SessionLimits {
    /// Idle cut for those with special rights (approvers, security leads, auditors).
    pub privileged: SignedDuration,
    /// Idle cut for everybody else.
    pub staff: SignedDuration,
    /// End of every session, used or not.
    pub absolute: SignedDuration,
}

impl SessionLimits {
    fn idle(&self, role: Role) -> SignedDuration {
        match role {
            Role::CityStaff | Role::Operator => self.staff,
            Role::CityApprover | Role::CitySecurity | Role::SecurityLead | Role::Auditor => self.privileged,
        }
    }
}

/// Whether a request counts as use. Polling does not (4.2.a).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Touch {
    /// A person did something.
    Use,
    /// A page asked by itself.
    Poll,
}

/// A running session.
#[derive(Debug, Clone)]
pub struct Session {
    /// Short name for the ledger; not the secret.
    pub name: String,
    /// Whose.
    pub person: Person,
    /// Token that every form carries.
    pub csrf: String,
    /// Cut at this instant unless it is used.
    pub idle_ends: Timestamp,
    /// Ends at this instant in any case.
    pub absolute_ends: Timestamp,
    /// Address it came from.
    pub address: String,
    /// Began.
    pub created: Timestamp,
}

impl Session {
    /// Compares a form's token in constant time.
    #[must_use]
    pub fn has_csrf(&self, token: &str) -> bool {
        self.csrf.as_bytes().ct_eq(token.as_bytes()).into()
    }
}

/// A session that has just begun: the only moment its secret is known.
pub struct NewSession {
    /// For the cookie.
    pub secret: Zeroizing<String>,
    /// For the cookie of the device, which is known from now on.
    pub device: Zeroizing<String>,
    /// The session.
    pub session: Session,
    /// `password+totp` or `password+recovery`.
    pub method: &'static str,
}

/// Why a sign-in was refused.
#[derive(Debug, thiserror::Error)]
pub enum SignInError {
    /// Name, password or code is wrong, or the person may not sign in. Which of these is nobody's business.
    #[error("sign-in refused")]
    Refused {
        /// Whose account, where there is one; for the ledger only.
        person: Option<PersonId>,
        /// Failures in a row from this address.
        count: u32,
    },
    /// Too many failures: not before this instant.
    #[error("too many tries: wait")]
    Throttled(Timestamp),
    /// The database failed.
    #[error(transparent)]
    People(#[from] PeopleError),
}

impl From<sqlx::Error> for SignInError {
    fn from(error: sqlx::Error) -> Self {
        Self::People(error.into())
    }
}

/// What somebody types to sign in.
pub struct Credentials<'a> {
    /// Sign-in name.
    pub login: &'a str,
    /// Password.
    pub password: &'a str,
    /// Code of the device, or a recovery code.
    pub code: &'a str,
    /// Address of the caller.
    pub address: &'a str,
    /// The cookie of his device; empty: none.
    pub device: &'a str,
}

impl People {
    /// Signs in. Unknown names take as long as known ones and get the same answer.
    ///
    /// # Errors
    /// Any [`SignInError`].
    pub async fn sign_in(
        &self,
        credentials: &Credentials<'_>,
        limits: &SessionLimits,
        now: Timestamp,
    ) -> Result<NewSession, SignInError> {
        let mut login = credentials.login.trim().to_ascii_lowercase();
        if !is_login(&login) {
            // Nobody has it; it is counted all the same, and not at its full length.
            login.clear();
        }
        let origin = self.origin(&login, credentials.device, credentials.address, now).await?;
        let count = self.throttle.count(&login, origin, now).map_err(SignInError::Throttled)?;
        let row = sqlx::query("SELECT * FROM somebody WHERE login = ?")
            .bind(&login)
            .fetch_optional(&self.pool)
            .await?;
        let hash: Option<String> = row.as_ref().map(|row| row.try_get("password")).transpose()?.flatten();
        let right = self.verify(credentials.password, hash).await?;
        let known = row.as_ref().map(person).transpose()?;
        let mut method = None;
        if let (Some(row), Some(person)) = (&row, &known)
            && right
            && person.is_active(now)
        {
            let totp: Option<Vec<u8>> = row.try_get("totp")?;
            method = self
                .second_factor(person, &Zeroizing::new(totp.unwrap_or_default()), credentials.code, now)
                .await?;
        }
        match (known, method) {
            (Some(person), Some(method)) => {
                self.throttle.succeeded(&login, origin);
                let begun = self.begin(person, credentials, limits, now).await?;
                Ok(NewSession { method, ..begun })
            }
            (known, _) => Err(SignInError::Refused { person: known.map(|person| person.id), count }),
        }
    }

    /// A code of the device counts once; a recovery code counts once and for all.
    async fn second_factor(
        &self,
        person: &Person,
        totp: &[u8],
        code: &str,
        now: Timestamp,
    ) -> Result<Option<&'static str>, SignInError> {
        if !totp.is_empty()
            && let Some(step) = step_of(totp, &person.login, code, now)?
        {
            let fresh = sqlx::query("UPDATE person SET totp_step = ? WHERE id = ? AND totp_step < ?")
                .bind(step)
                .bind(person.id.as_str())
                .bind(step)
                .execute(&self.pool)
                .await?;
            return Ok((fresh.rows_affected() == 1).then_some("password+totp"));
        }
        let used =
            sqlx::query("UPDATE recovery SET used = ? WHERE digest = ? AND person = ? AND used IS NULL")
                .bind(now.as_millisecond())
                .bind(digest(&code.trim().to_ascii_lowercase()))
                .bind(person.id.as_str())
                .execute(&self.pool)
                .await?;
        Ok((used.rows_affected() == 1).then_some("password+recovery"))
    }

    async fn begin(
        &self,
        person: Person,
        credentials: &Credentials<'_>,
        limits: &SessionLimits,
        now: Timestamp,
    ) -> Result<NewSession, PeopleError> {
        let (secret, csrf) = (new_secret()?, new_secret()?);
        let name = format!("s-{}", hex(&*random::<6>()?));
        let mut change = self.pool.begin().await?;
        sqlx::query("INSERT INTO session (digest, name, person, csrf, address, created, used) VALUES (?, ?, ?, ?, ?, ?, ?)")
            .bind(digest(&secret))
            .bind(&name)
            .bind(person.id.as_str())
            .bind(csrf.as_str())
            .bind(credentials.address)
            .bind(now.as_millisecond())
            .bind(now.as_millisecond())
            .execute(&mut *change)
            .await?;
        let seen = sqlx::query("UPDATE person SET last_sign_in = ? WHERE id = ?");
        seen.bind(now.as_millisecond()).bind(person.id.as_str()).execute(&mut *change).await?;
        let device = known::remember(&mut change, &person.id, credentials.device, now).await?;
        change.commit().await?;
        let session = Session {
            name,
            csrf: csrf.to_string(),
            idle_ends: after(now, limits.idle(person.role)),
            absolute_ends: after(now, limits.absolute),
            address: credentials.address.to_owned(),
            created: now,
            person,
        };
        Ok(NewSession { secret, device, session, method: "" })
    }

    /// The session of a cookie, if it still runs.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn session(
        &self,
        secret: &str,
        touch: Touch,
        limits: &SessionLimits,
        now: Timestamp,
    ) -> Result<Option<Session>, PeopleError> {
        let row = sqlx::query(SESSION_WITH_PERSON_BY_DIGEST)
            .bind(digest(secret))
            .fetch_optional(&self.pool)
            .await?;
        let Some(row) = row else { return Ok(None) };
        let mut session = session(&row, limits)?;
        if !session.person.is_active(now) || session.idle_ends <= now || session.absolute_ends <= now {
            return Ok(None);
        }
        if touch == Touch::Use {
            let used = sqlx::query("UPDATE session SET used = ? WHERE digest = ?");
            used.bind(now.as_millisecond()).bind(digest(secret)).execute(&self.pool).await?;
            session.idle_ends = after(now, limits.idle(session.person.role));
        }
        Ok(Some(session))
    }

    /// The running sessions of a person.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn sessions_of(
        &self,
        id: &PersonId,
        limits: &SessionLimits,
    ) -> Result<Vec<Session>, PeopleError> {
        let rows = sqlx::query(SESSIONS_OF_PERSON).bind(id.as_str()).fetch_all(&self.pool).await?;
        rows.iter().map(|row| session(row, limits)).collect()
    }

    /// Ends a session of a person by its name. False when there is none.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn end_session(&self, id: &PersonId, name: &str) -> Result<bool, PeopleError> {
        let ended = sqlx::query("DELETE FROM session WHERE name = ? AND person = ?");
        Ok(ended.bind(name).bind(id.as_str()).execute(&self.pool).await?.rows_affected() == 1)
    }

    /// Takes out the sessions whose time is over, so that the cut can be recorded; links whose time is over go, too.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn take_expired(
        &self,
        limits: &SessionLimits,
        now: Timestamp,
    ) -> Result<Vec<(Session, CloseReason)>, PeopleError> {
        let links = sqlx::query("DELETE FROM link WHERE expires <= ?").bind(now.as_millisecond());
        links.execute(&self.pool).await?;
        let rows = sqlx::query(ALL_SESSIONS).fetch_all(&self.pool).await?;
        let mut expired = Vec::new();
        for row in &rows {
            let session = session(row, limits)?;
            let reason = if !session.person.is_active(now) {
                CloseReason::Revoked
            } else if session.absolute_ends <= now {
                CloseReason::Absolute
            } else if session.idle_ends <= now {
                CloseReason::Idle
            } else {
                continue;
            };
            if self.end_session(&session.person.id, &session.name).await? {
                expired.push((session, reason));
            }
        }
        Ok(expired)
    }
}

const SESSION_WITH_PERSON_BY_DIGEST: &str =
    "SELECT somebody.*, session.name AS session_name, csrf, address, created, used
     FROM session JOIN somebody ON somebody.id = session.person WHERE session.digest = ?";
const SESSIONS_OF_PERSON: &str =
    "SELECT somebody.*, session.name AS session_name, csrf, address, created, used
     FROM session JOIN somebody ON somebody.id = session.person WHERE session.person = ? ORDER BY created";
const ALL_SESSIONS: &str = "SELECT somebody.*, session.name AS session_name, csrf, address, created, used
     FROM session JOIN somebody ON somebody.id = session.person";

fn session(row: &sqlx::sqlite::SqliteRow, limits: &SessionLimits) -> Result<Session, PeopleError> {
    let person = person(row)?;
    let created = super::instant(row.try_get("created")?)?;
    let used = super::instant(row.try_get("used")?)?;
    Ok(Session {
        name: row.try_get("session_name")?,
        csrf: row.try_get("csrf")?,
        idle_ends: after(used, limits.idle(person.role)),
        absolute_ends: after(created, limits.absolute),
        address: row.try_get("address")?,
        created,
        person,
    })
}

fn after(instant: Timestamp, duration: SignedDuration) -> Timestamp {
    instant.saturating_add(duration).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::super::links::{LinkError, device};
    use super::super::tests::{at, people, tanaka};
    use super::super::throttle::Origin;
    use super::*;

    const LIMITS: SessionLimits = SessionLimits {
        privileged: SignedDuration::from_mins(10),
        staff: SignedDuration::from_mins(30),
        absolute: SignedDuration::from_hours(12),
    };
    const PASSWORD: &str = "窓口の朝は紅茶と新聞から";

    /// A person with password and device; returns the secret of the device and the recovery codes.
    async fn ready(people: &People, role: Role) -> (PersonId, Vec<u8>, Vec<Zeroizing<String>>) {
        let id = tanaka(people, role).await;
        let link = people.grant_link(&id, at(0), SignedDuration::from_hours(24)).await.unwrap();
        let row = sqlx::query("SELECT totp FROM link").fetch_one(&people.pool).await.unwrap();
        let totp: Vec<u8> = row.get("totp");
        let redeemed = people.redeem_link(&link, PASSWORD, &code(&totp, 0), at(0)).await.unwrap();
        (id, totp, redeemed.codes)
    }

    fn code(totp: &[u8], second: i64) -> String {
        device(totp, "tanaka").unwrap().generate(at(second).as_second().try_into().unwrap()).to_string()
    }

    fn typed<'a>(password: &'a str, code: &'a str) -> Credentials<'a> {
        Credentials { login: "Tanaka ", password, code, address: "10.0.0.1", device: "" }
    }

    #[tokio::test]
    async fn password_and_code_open_a_session_and_each_code_counts_once() {
        let (_folder, people) = people().await;
        let (_, totp, _) = ready(&people, Role::CityStaff).await;
        let code = code(&totp, 100);
        let begun = people.sign_in(&typed(PASSWORD, &code), &LIMITS, at(100)).await.unwrap();
        assert!(people.session(&begun.secret, Touch::Use, &LIMITS, at(101)).await.unwrap().is_some());
        let again = people.sign_in(&typed(PASSWORD, &code), &LIMITS, at(102)).await;
        assert!(matches!(again, Err(SignInError::Refused { .. })), "the code was used");
        assert!(people.session("another secret", Touch::Use, &LIMITS, at(101)).await.unwrap().is_none());
    }

    #[tokio::test]
    async fn two_at_once_with_one_code_open_one_session() {
        let (_folder, people) = people().await;
        let (_, totp, _) = ready(&people, Role::CityStaff).await;
        let code = code(&totp, 100);
        let (a, b) = (typed(PASSWORD, &code), typed(PASSWORD, &code));
        let (one, two) =
            tokio::join!(people.sign_in(&a, &LIMITS, at(100)), people.sign_in(&b, &LIMITS, at(100)));
        assert_eq!(usize::from(one.is_ok()) + usize::from(two.is_ok()), 1);
    }

    #[tokio::test]
    async fn an_idle_session_is_cut_and_polling_does_not_keep_it() {
        let (_folder, people) = people().await;
        let (_, totp, _) = ready(&people, Role::CityStaff).await;
        let begun = people.sign_in(&typed(PASSWORD, &code(&totp, 100)), &LIMITS, at(100)).await.unwrap();
        for minute in [10, 20, 29] {
            let polled =
                people.session(&begun.secret, Touch::Poll, &LIMITS, at(100 + minute * 60)).await.unwrap();
            assert_eq!(polled.unwrap().idle_ends, at(100 + 30 * 60));
        }
        assert!(
            people.session(&begun.secret, Touch::Use, &LIMITS, at(100 + 30 * 60)).await.unwrap().is_none()
        );
        let expired = people.take_expired(&LIMITS, at(100 + 31 * 60)).await.unwrap();
        assert_eq!(expired.len(), 1);
        assert_eq!(expired[0].1, CloseReason::Idle);
        assert!(people.take_expired(&LIMITS, at(100 + 31 * 60)).await.unwrap().is_empty());
    }

    #[tokio::test]
    async fn use_extends_a_session_but_never_beyond_its_absolute_end() {
        let (_folder, people) = people().await;
        let (_, totp, _) = ready(&people, Role::CityApprover).await;
        let begun = people.sign_in(&typed(PASSWORD, &code(&totp, 100)), &LIMITS, at(100)).await.unwrap();
        let mut second = 100;
        while second + 540 < 100 + 12 * 3600 {
            second += 540;
            let running = people.session(&begun.secret, Touch::Use, &LIMITS, at(second)).await.unwrap();
            assert_eq!(running.expect("used every nine minutes").idle_ends, at(second + 600));
        }
        assert!(
            people.session(&begun.secret, Touch::Use, &LIMITS, at(100 + 12 * 3600)).await.unwrap().is_none()
        );
    }

    #[tokio::test]
    async fn wrong_name_wrong_password_and_wrong_code_look_the_same() {
        let (_folder, people) = people().await;
        let (id, totp, _) = ready(&people, Role::Operator).await;
        let right = code(&totp, 100);
        let nobody = Credentials { login: "nobody", ..typed(PASSWORD, &right) };
        for (credentials, whose) in [
            (nobody, None),
            (typed("falsches Kennwort", &right), Some(&id)),
            (typed(PASSWORD, "000000"), Some(&id)),
        ] {
            let Err(error) = people.sign_in(&credentials, &LIMITS, at(100)).await else {
                panic!("signed in")
            };
            assert_eq!(error.to_string(), "sign-in refused");
            assert!(matches!(error, SignInError::Refused { person, .. } if person.as_ref() == whose));
        }
    }

    #[tokio::test]
    async fn a_recovery_code_opens_once() {
        let (_folder, people) = people().await;
        let (_, _, codes) = ready(&people, Role::Operator).await;
        assert_eq!(codes.len(), 10);
        assert!(people.sign_in(&typed(PASSWORD, &codes[0]), &LIMITS, at(100)).await.is_ok());
        assert!(people.sign_in(&typed(PASSWORD, &codes[0]), &LIMITS, at(101)).await.is_err());
        assert!(people.sign_in(&typed(PASSWORD, &codes[1]), &LIMITS, at(101)).await.is_ok());
    }

    #[tokio::test]
    async fn a_link_is_used_up_by_one_of_two_who_open_it_at_once() {
        let (_folder, people) = people().await;
        let id = tanaka(&people, Role::CityStaff).await;
        let link = people.grant_link(&id, at(0), SignedDuration::from_hours(24)).await.unwrap();
        let row = sqlx::query("SELECT totp FROM link").fetch_one(&people.pool).await.unwrap();
        let totp: Vec<u8> = row.get("totp");
        let right = code(&totp, 5);
        let (one, two) = tokio::join!(
            people.redeem_link(&link, PASSWORD, &right, at(5)),
            people.redeem_link(&link, "another good passphrase", &right, at(5))
        );
        assert_eq!(usize::from(one.is_ok()) + usize::from(two.is_ok()), 1);
        assert!(matches!(people.open_link(&link, at(6)).await, Err(LinkError::Invalid)));
    }

    #[tokio::test]
    async fn an_expired_link_and_the_link_of_somebody_who_left_open_nothing() {
        let (_folder, people) = people().await;
        let id = tanaka(&people, Role::CityStaff).await;
        let link = people.grant_link(&id, at(0), SignedDuration::from_hours(1)).await.unwrap();
        assert!(people.open_link(&link, at(3599)).await.is_ok());
        assert!(matches!(people.open_link(&link, at(3600)).await, Err(LinkError::Invalid)));
        let link = people.grant_link(&id, at(0), SignedDuration::from_hours(1)).await.unwrap();
        people.leave(&id, at(1)).await.unwrap();
        assert!(matches!(people.open_link(&link, at(2)).await, Err(LinkError::Invalid)));
    }

    #[tokio::test]
    async fn whoever_leaves_is_out_at_once() {
        let (_folder, people) = people().await;
        let (id, totp, _) = ready(&people, Role::Operator).await;
        let begun = people.sign_in(&typed(PASSWORD, &code(&totp, 100)), &LIMITS, at(100)).await.unwrap();
        let closed = people.leave(&id, at(101)).await.unwrap();
        assert_eq!(closed.len(), 1);
        assert_eq!((&closed[0].person, &closed[0].session), (&id, &begun.session.name));
        assert!(people.session(&begun.secret, Touch::Use, &LIMITS, at(102)).await.unwrap().is_none());
        assert!(people.sign_in(&typed(PASSWORD, &code(&totp, 200)), &LIMITS, at(200)).await.is_err());
    }

    #[tokio::test]
    async fn of_many_tries_at_once_only_the_free_ones_are_verified() {
        let (_folder, people) = people().await;
        let (_, totp, _) = ready(&people, Role::CityStaff).await;
        let people = std::sync::Arc::new(people);
        let mut tries = tokio::task::JoinSet::new();
        for number in 0..40 {
            let people = people.clone();
            tries.spawn(async move {
                let wrong = format!("falsches Kennwort {number}");
                people.sign_in(&typed(&wrong, "000000"), &LIMITS, at(100)).await
            });
        }
        let results = tries.join_all().await;
        let verified = results.iter().filter(|r| matches!(r, Err(SignInError::Refused { .. }))).count();
        let waiting = results.iter().filter(|r| matches!(r, Err(SignInError::Throttled(_)))).count();
        assert_eq!((verified, waiting), (4, 36));
        let code = code(&totp, 100);
        let right = people.sign_in(&typed(PASSWORD, &code), &LIMITS, at(100)).await;
        assert!(matches!(right, Err(SignInError::Throttled(_))), "nor is the right one at this instant");
        let elsewhere = Credentials { address: "10.0.0.2", ..typed(PASSWORD, &code) };
        assert!(people.sign_in(&elsewhere, &LIMITS, at(100)).await.is_ok());
    }

    #[tokio::test]
    async fn the_owner_signs_in_on_his_device_while_others_guess_at_his_name_from_everywhere() {
        let (_folder, people) = people().await;
        let (_, totp, _) = ready(&people, Role::CityStaff).await;
        let first = people.sign_in(&typed(PASSWORD, &code(&totp, 100)), &LIMITS, at(100)).await.unwrap();
        people.end_session(&first.session.person.id, &first.session.name).await.unwrap();
        for number in 0..40 {
            let address = format!("10.1.{number}.1");
            let guess = Credentials { address: &address, ..typed("falsches Kennwort", "000000") };
            assert!(people.sign_in(&guess, &LIMITS, at(200)).await.is_err());
        }
        let right = code(&totp, 200);
        let stranger = people.sign_in(&typed(PASSWORD, &right), &LIMITS, at(200)).await;
        assert!(matches!(stranger, Err(SignInError::Throttled(_))), "without his device he waits");
        let known = Credentials { device: &first.device, ..typed(PASSWORD, &right) };
        let second = people.sign_in(&known, &LIMITS, at(200)).await.unwrap();
        assert_ne!(*first.device, *second.device, "the cookie of the device changes each time");
        let (right, still) = (code(&totp, 300), "10.0.0.1");
        let signed_in = Credentials { address: still, ..typed(PASSWORD, &right) };
        assert!(people.sign_in(&signed_in, &LIMITS, at(300)).await.is_ok(), "he is signed in from here");
    }

    #[tokio::test]
    async fn the_device_of_one_person_is_a_stranger_to_the_account_of_another() {
        let (_folder, people) = people().await;
        let (_, totp, _) = ready(&people, Role::CityStaff).await;
        let begun = people.sign_in(&typed(PASSWORD, &code(&totp, 100)), &LIMITS, at(100)).await.unwrap();
        let origin = people.origin("tanaka", &begun.device, "10.9.9.9", at(101)).await.unwrap();
        assert_eq!(origin, Origin::Device(&begun.device));
        let other = people.origin("suzuki", &begun.device, "10.9.9.9", at(101)).await.unwrap();
        assert_eq!(other, Origin::Stranger("10.9.9.9"));
        let years = at(200 * 24 * 3600);
        let late = people.origin("tanaka", &begun.device, "10.9.9.9", years).await.unwrap();
        assert_eq!(late, Origin::Stranger("10.9.9.9"));
    }

    #[tokio::test]
    async fn a_redeemed_link_tells_which_sessions_it_ended_and_leaves_nothing_of_itself() {
        let (_folder, people) = people().await;
        let (id, totp, _) = ready(&people, Role::CityStaff).await;
        let begun = people.sign_in(&typed(PASSWORD, &code(&totp, 100)), &LIMITS, at(100)).await.unwrap();
        let link = people.grant_link(&id, at(200), SignedDuration::from_hours(1)).await.unwrap();
        let row = sqlx::query("SELECT totp FROM link").fetch_one(&people.pool).await.unwrap();
        let fresh: Vec<u8> = row.get("totp");
        let redeemed = people.redeem_link(&link, PASSWORD, &code(&fresh, 200), at(200)).await.unwrap();
        let names: Vec<_> = redeemed.closed.iter().map(|closed| closed.session.as_str()).collect();
        assert_eq!(names, [begun.session.name.as_str()]);
        let links = sqlx::query("SELECT 1 FROM link").fetch_all(&people.pool).await.unwrap();
        assert!(links.is_empty());
        let origin = people.origin("tanaka", &begun.device, "10.9.9.9", at(201)).await.unwrap();
        assert_eq!(origin, Origin::Stranger("10.9.9.9"), "earlier devices are forgotten");
        let origin = people.origin("tanaka", &redeemed.device, "10.9.9.9", at(201)).await.unwrap();
        assert_eq!(origin, Origin::Device(&redeemed.device));
    }
}
