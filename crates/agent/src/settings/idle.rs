//! Sessions that are left alone to see whether they are cut: `[[idle_session]]` of `agent.toml`.

use super::{AgentFile, MOST, plain_name, plain_path};
use serde::Deserialize;
use std::path::PathBuf;

/// A session that is opened and left alone, once a month.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IdleSession {
    /// The agreed target it is opened at; both parties named this host as one of its probes.
    pub target: String,
    /// Whose session it is like: the agreed minutes are those of this role (P-11).
    pub role: IdleRole,
    /// By SSH.
    #[serde(default)]
    pub ssh: Option<SshDoor>,
    /// In a web application.
    #[serde(default)]
    pub web: Option<WebDoor>,
    /// In a data base, by the name of its `[[database]]`.
    #[serde(default)]
    pub database: Option<String>,
}

/// A role of P-11.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IdleRole {
    /// Privileged.
    Admin,
    /// With data of residents.
    Resident,
    /// Of the city's staff.
    Staff,
    /// A citizen.
    Citizen,
}

impl IdleRole {
    /// All.
    pub const ALL: [Self; 4] = [Self::Admin, Self::Resident, Self::Staff, Self::Citizen];

    /// The word in facts.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::Resident => "resident",
            Self::Staff => "staff",
            Self::Citizen => "citizen",
        }
    }

    /// The value of P-11 with its minutes.
    #[must_use]
    pub fn minutes(self) -> &'static str {
        match self {
            Self::Admin => "admin_min",
            Self::Resident => "resident_min",
            Self::Staff => "staff_min",
            Self::Citizen => "citizen_min",
        }
    }
}

/// How to log in by SSH.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SshDoor {
    /// The account.
    pub account: String,
    /// File with its private key, readable by its owner alone.
    pub key: PathBuf,
    /// File with the key of the host, as `known_hosts`, under the name or address of the target.
    pub known_hosts: PathBuf,
}

/// How to sign in to a web application.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WebDoor {
    /// Path of a page that only somebody sees who signed in.
    pub page: String,
    /// Words on it that stand on no page to sign in.
    pub text: String,
    /// Path of the page to sign in; absent: the file of access has cookies.
    #[serde(default)]
    pub sign_in: Option<String>,
    /// File with the fields of the form (`[fields]`) or two cookies of two sessions (`cookies`), readable by its owner alone.
    pub access: PathBuf,
}

/// Checks what the types cannot.
///
/// # Errors
/// A sentence that says what is wrong.
pub(super) fn check(file: &AgentFile) -> Result<(), String> {
    let sessions = &file.idle_sessions;
    if sessions.len() > MOST {
        return Err(format!("a list has more than {MOST} lines"));
    }
    for (number, session) in sessions.iter().enumerate() {
        let same = |other: &IdleSession| other.target == session.target && other.role == session.role;
        if sessions.iter().take(number).any(same) {
            return Err(format!(
                "`idle_session` of {} for {} is given twice",
                session.target,
                session.role.word()
            ));
        }
        if session.target.parse::<yakujo_contract::id::TargetId>().is_err() {
            return Err(format!("`{}` is no id of a target", session.target));
        }
        match (&session.ssh, &session.web, &session.database) {
            (Some(ssh), None, None) if plain_name(&ssh.account) => {
                plain_path(&ssh.key.to_string_lossy())?;
                plain_path(&ssh.known_hosts.to_string_lossy())?;
            }
            (None, Some(web), None) if is_page(&web.page) && web.sign_in.as_deref().is_none_or(is_page) => {
                plain_path(&web.access.to_string_lossy())?;
                if web.text.trim().is_empty() {
                    return Err("`text` of a page to look for is empty".to_owned());
                }
            }
            (None, None, Some(name)) if file.databases.iter().any(|database| database.name == *name) => {}
            _ => {
                return Err(format!(
                    "`idle_session` of {} has one of `ssh` (with a plain account), `web` (with paths that begin with /) and \
                     `database` (named above)",
                    session.target
                ));
            }
        }
    }
    Ok(())
}

fn is_page(path: &str) -> bool {
    path.starts_with('/') && path.len() <= 1_000 && path.bytes().all(|byte| byte.is_ascii_graphic())
}
