//! What the collector has to ask over a network, and what it needs a right for that changes something: data bases, this host's
//! own doors, time sources, the rules of the firewall. Each question is answered by a process of its own, which has what this one
//! question needs and ends with it ([`crate::parts::confine::reach`]). So what reads everything reaches nobody.
//!
//! Where the agent is not in parts, the same is done within.

use crate::collect::{c04_certificates, c04_segment, c04_tls, c06_clocks, databases};
use crate::reading::Sources;
use crate::settings::Database;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::io::{Error, Read as _, Result as IoResult};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

/// Longer than any question takes.
const PATIENCE: Duration = Duration::from_secs(60);
/// Longest answer, bytes: as much as is read of any program, written as JSON.
const LONGEST: u64 = 32 << 20;

/// What is asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Question {
    /// Statements that only read, for a data base of the settings.
    Database {
        /// Which.
        database: Database,
        /// The one in it, for PostgreSQL.
        name: String,
        /// What it is asked.
        statements: String,
    },
    /// The certificates that a door of this host shows.
    Certificates {
        /// Its port.
        port: u16,
    },
    /// The versions of TLS that a door of this host accepts.
    Versions {
        /// Its port.
        port: u16,
    },
    /// What chronyd says: how it follows, and whom.
    Chrony,
    /// How far this clock is from these sources.
    Times(Vec<String>),
    /// The rules of the firewall.
    Rules,
}

/// The answer to a question, or in plain English why there is none.
pub type Answer = Result<Value, String>;

/// Asks whoever may: the process that is started for it, or this one. Blocking.
pub(crate) fn ask<T: DeserializeOwned>(sources: &Sources, question: &Question) -> Result<T, String> {
    let answer = match &sources.reach_socket {
        Some(socket) => call(socket, question)
            .map_err(|error| format!("the part that asks over the network does not answer: {error}"))?,
        None => answer(sources, question),
    };
    serde_json::from_value(answer?).map_err(|error| error.to_string())
}

fn call(socket: &Path, question: &Question) -> IoResult<Answer> {
    let mut stream = UnixStream::connect(socket)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    serde_json::to_writer(&mut stream, question)?;
    stream.shutdown(Shutdown::Write)?;
    let mut text = Vec::new();
    stream.take(LONGEST).read_to_end(&mut text)?;
    if text.is_empty() {
        return Err(Error::other("what it says of it stands in the log"));
    }
    Ok(serde_json::from_slice(&text)?)
}

/// Answers one question.
///
/// # Errors
/// A sentence for the operator.
pub fn answer(sources: &Sources, question: &Question) -> Answer {
    match question {
        Question::Database { database, name, statements } => {
            // Whom it may be asked of is the operator's word, not the asker's.
            if !sources.settings.databases.contains(database) {
                return Err("the settings name no such data base any more: restart the agent".to_owned());
            }
            told(databases::answer(database, name, statements)?)
        }
        Question::Certificates { port } => told(c04_certificates::shown(*port)),
        Question::Versions { port } => told(c04_tls::accepted(*port)?),
        Question::Chrony => told(c06_clocks::chrony_says(sources)),
        Question::Times(named) => told(c06_clocks::exchanges(named)),
        Question::Rules => told(c04_segment::rules()?),
    }
}

fn told<T: Serialize>(answer: T) -> Answer {
    serde_json::to_value(answer).map_err(|error| error.to_string())
}
