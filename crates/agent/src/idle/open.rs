//! How the sessions are opened: by SSH, in a web application, in a data base.

use super::piped::{Piped, Words};
use crate::collect::databases;
use crate::settings::{AgentFile, IdleSession, Product, SshDoor, WebDoor};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use yakujo_contract::target::{Means, Place, Target};
use yakujo_probe::session::{Asked, Inside, WebSession, addresses};

/// Largest file of access, bytes.
const MOST_BYTES: u64 = 64 * 1024;

/// A session that is open.
#[derive(Debug)]
pub enum Session {
    Piped(Option<Piped>),
    Web(Box<WebSession>),
}

/// A file of access to a web application.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Access {
    #[serde(default)]
    fields: BTreeMap<String, String>,
    #[serde(default)]
    cookies: Vec<String>,
}

impl Session {
    /// Opens the session that is left alone, and the one that is used; both answer.
    ///
    /// # Errors
    /// Why not, for people.
    pub async fn two(
        session: &IdleSession,
        file: &AgentFile,
        target: &Target,
    ) -> Result<(Self, Self), String> {
        if let Some(web) = &session.web {
            return two_of_web(web, target).await;
        }
        let (first, second, words) = if let Some(ssh) = &session.ssh {
            let first = by_ssh(ssh, target).await?;
            (first, by_ssh(ssh, target).await?, (|number| format!("echo yak$(({number}*7))\n")) as Words)
        } else {
            let named = |name: &String| file.databases.iter().find(|database| database.name == *name);
            let database = session.database.as_ref().and_then(named).ok_or("no such data base")?;
            let words: Words = match database.product {
                Product::Postgresql => |number| format!("SELECT 'yak' || ({number}*7);\n"),
                Product::Mariadb => |number| format!("SELECT CONCAT('yak', {number}*7);\n"),
            };
            (databases::session(database)?, databases::session(database)?, words)
        };
        let opened = tokio::task::spawn_blocking(move || {
            Ok::<_, String>((Piped::open(first, words)?, Piped::open(second, words)?))
        });
        let (left, used) = opened.await.map_err(|error| error.to_string())??;
        Ok((Self::Piped(Some(left)), Self::Piped(Some(used))))
    }

    /// Asks whether it lives; that is use of it.
    pub async fn ask(&mut self) -> Asked {
        let slot = match self {
            Self::Web(web) => return web.ask().await,
            Self::Piped(slot) => slot,
        };
        let Some(mut piped) = slot.take() else { return Asked::Unclear("the probe lost it".to_owned()) };
        let asked = tokio::task::spawn_blocking(move || {
            let asked = piped.ask();
            (piped, asked)
        });
        match asked.await {
            Ok((piped, asked)) => {
                *slot = Some(piped);
                asked
            }
            Err(error) => Asked::Unclear(error.to_string()),
        }
    }
}

/// `ssh` with nothing of anybody's settings: the key that was given, the host key that was given, no forwarding, a terminal.
async fn by_ssh(door: &SshDoor, target: &Target) -> Result<Command, String> {
    match target.means {
        Means::Tcp => {}
        Means::Http | Means::Https | Means::Icmp => return Err("the target is no door of sshd".to_owned()),
    }
    let (endpoint, addresses) = addresses(target).await?;
    let address = addresses.first().ok_or("the name leads nowhere")?;
    let name = match &endpoint.host {
        Place::Name(name) => name.clone(),
        Place::Address(address) => address.to_string(),
    };
    let mut command = Command::new("/usr/bin/ssh");
    command.args(["-F", "none", "-tt", "-a", "-x", "-e", "none"]);
    for option in [
        "BatchMode=yes",
        "IdentitiesOnly=yes",
        "PreferredAuthentications=publickey",
        "StrictHostKeyChecking=yes",
        "GlobalKnownHostsFile=none",
        "UpdateHostKeys=no",
        "ConnectTimeout=10",
        "ServerAliveInterval=0",
        "ControlPath=none",
        "ClearAllForwardings=yes",
        "PermitLocalCommand=no",
        "LogLevel=ERROR",
    ] {
        command.args(["-o", option]);
    }
    command.arg("-o").arg(format!("UserKnownHostsFile={}", door.known_hosts.display()));
    command.arg("-o").arg(format!("HostKeyAlias={name}"));
    command.arg("-i").arg(&door.key);
    command.args(["-p", &endpoint.port.to_string(), "-l", &door.account, "--", &address.to_string()]);
    Ok(command)
}

async fn two_of_web(door: &WebDoor, target: &Target) -> Result<(Session, Session), String> {
    let access = read_access(&door.access)?;
    let inside = || Inside { page: door.page.clone(), text: door.text.clone() };
    let (mut left, mut used) = match (&door.sign_in, &access.cookies[..]) {
        (Some(form), []) => (
            WebSession::sign_in(target, inside(), form, &access.fields).await?,
            WebSession::sign_in(target, inside(), form, &access.fields).await?,
        ),
        (None, [left, used]) if left != used => {
            (WebSession::of_cookies(target, inside(), left)?, WebSession::of_cookies(target, inside(), used)?)
        }
        _ => {
            return Err(
                "the file of access has `fields` for `sign_in`, or two `cookies` without it".to_owned()
            );
        }
    };
    for session in [&mut left, &mut used] {
        match session.ask().await {
            Asked::Alive => {}
            Asked::Ended => {
                return Err("it could not be signed in to, or a second time ends the first".to_owned());
            }
            Asked::Unclear(why) => return Err(why),
        }
    }
    Ok((Session::Web(Box::new(left)), Session::Web(Box::new(used))))
}

fn read_access(path: &Path) -> Result<Access, String> {
    let about = std::fs::metadata(path).map_err(|error| format!("the file of access: {error}"))?;
    if !about.is_file() || about.len() > MOST_BYTES {
        return Err("the file of access is no file, or too large".to_owned());
    }
    databases::is_private(&about)?;
    let text = std::fs::read_to_string(path).map_err(|error| format!("the file of access: {error}"))?;
    // What stands in it is nobody's business: the reason says no word of it.
    toml::from_str(&text).map_err(|_| "the file of access is not understood".to_owned())
}
