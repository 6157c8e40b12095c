//! What an operator types on the server's own machine while the server runs: one line of JSON each way over a Unix
//! socket in the data folder, which only its owner may enter. The same functions as the pages, the same ledger.

use crate::causes::with_causes;
use crate::office::{ONE_TIME_LIVES, Office};
use crate::people::{PeopleError, role_from, role_word};
use crate::server::House;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{UnixListener, UnixStream};
use yakujo_contract::act::{Act, Environment, HostPlace, Matter};
use yakujo_contract::fact::Fact;
use yakujo_contract::fact::backup::{BackupCheck, BackupRetention, KeyHolder};
use yakujo_contract::id::{DeviceId, HostId, SystemId};

/// Name of the socket in the data folder.
pub const SOCKET: &str = "console.sock";
/// Longest request, bytes.
const MAX_LINE: u64 = 64 * 1024;

/// What is asked.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "ask", rename_all = "snake_case", deny_unknown_fields)]
pub enum Ask {
    /// Who can sign in.
    Users,
    /// Enter a person.
    UserAdd {
        /// Sign-in name.
        login: String,
        /// Name.
        name: String,
        /// Role, by its word.
        role: String,
        /// Post.
        post: Option<String>,
        /// Until.
        until: Option<Timestamp>,
    },
    /// A new one-time link.
    UserLink {
        /// Sign-in name.
        login: String,
    },
    /// Observed hosts and their devices.
    Hosts,
    /// A one-time code for a host.
    HostEnrol {
        /// Host.
        host: String,
        /// System it serves.
        system: String,
        /// Environment, by its word.
        environment: Environment,
    },
    /// Refuse a device.
    HostRevoke {
        /// Device.
        device: String,
        /// Why.
        reason: String,
    },
    /// Enter that old backups are removed, or were.
    BackupRetained {
        /// Whose they are.
        host: HostId,
        /// What is told of it.
        retention: BackupRetention,
    },
    /// Enter how a try of the city's key ended.
    CityKeyTried {
        /// Whose repository it is.
        host: HostId,
        /// The try.
        check: BackupCheck,
    },
    /// Publish a checkpoint of everything that is durable.
    Publish,
    /// Copy what cannot be copied as files.
    CopyPeople {
        /// File to write.
        to: PathBuf,
    },
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Request {
    contract: String,
    #[serde(flatten)]
    ask: serde_json::Value,
}

/// The answer: a value, or why not.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// Done.
    Done(serde_json::Value),
    /// Not done; the text says what to do.
    Failed(String),
}

/// A row of [`Ask::Users`].
#[derive(Debug, Serialize, Deserialize)]
pub struct UserRow {
    /// Sign-in name.
    pub login: String,
    /// Name; none after it was erased.
    pub name: Option<String>,
    /// Role.
    pub role: String,
    /// Password and device are set.
    pub ready: bool,
    /// Left.
    pub left: Option<Timestamp>,
    /// Last sign-in.
    pub last_sign_in: Option<Timestamp>,
}

/// A row of [`Ask::Hosts`].
#[derive(Debug, Serialize, Deserialize)]
pub struct HostRow {
    /// Host.
    pub host: String,
    /// System it serves.
    pub system: Option<String>,
    /// Last report.
    pub last: Option<Timestamp>,
    /// Its devices in force.
    pub devices: Vec<String>,
}

/// Listens until the server ends.
///
/// # Errors
/// When the socket cannot be made.
pub async fn listen(house: Arc<House>, data: &Path) -> std::io::Result<()> {
    let socket = data.join(SOCKET);
    if socket.exists() {
        std::fs::remove_file(&socket)?;
    }
    let listener = UnixListener::bind(&socket)?;
    crate::settings::only_for_owner(&socket)?;
    loop {
        let (stream, _) = listener.accept().await?;
        let house = house.clone();
        tokio::spawn(async move {
            if let Err(error) = serve(&house, stream).await {
                tracing::debug!("a console went away: {error}");
            }
        });
    }
}

async fn serve(house: &House, stream: UnixStream) -> std::io::Result<()> {
    let (read, mut write) = stream.into_split();
    let mut line = String::new();
    BufReader::new(read.take(MAX_LINE)).read_line(&mut line).await?;
    let answer = match answer(house, &line).await {
        Ok(done) => Answer::Done(done),
        Err(reason) => Answer::Failed(reason),
    };
    let mut text = serde_json::to_string(&answer)?;
    text.push('\n');
    write.write_all(text.as_bytes()).await
}

/// A request as one line.
///
/// # Errors
/// When it cannot be written as JSON.
pub fn line(contract: &str, ask: &Ask) -> serde_json::Result<String> {
    let request = Request { contract: contract.to_owned(), ask: serde_json::to_value(ask)? };
    Ok(serde_json::to_string(&request)? + "\n")
}

async fn answer(house: &House, line: &str) -> Result<serde_json::Value, String> {
    let mut request: serde_json::Value = serde_json::from_str(line).map_err(|error| error.to_string())?;
    let contract = request.as_object_mut().and_then(|fields| fields.remove("contract"));
    let contract = contract.as_ref().and_then(serde_json::Value::as_str).unwrap_or_default();
    let ask: Ask = serde_json::from_value(request).map_err(|error| error.to_string())?;
    let office =
        house.office(contract).ok_or_else(|| format!("there is no contract `{contract}` on this server"))?;
    perform(house, &office, ask).await
}

async fn perform(house: &House, office: &Office, ask: Ask) -> Result<serde_json::Value, String> {
    match ask {
        Ask::Users => value(users(office).await.map_err(words)?),
        Ask::UserAdd { login, name, role, post, until } => {
            let role = role_from(&role).ok_or_else(|| format!("`{role}` is no role"))?;
            if role == yakujo_contract::act::Role::Auditor && until.is_none() {
                return Err("an auditor needs an end: add --until".to_owned());
            }
            let post = post.map(TryInto::try_into).transpose().map_err(words)?;
            let secret = office.enter_person(None, &login, &name, role, post, until).await.map_err(words)?;
            value(link(house, office, &secret))
        }
        Ask::UserLink { login } => {
            let person = office.people.by_login(&login).await.map_err(words)?;
            let act = Act::PersonLinked { person: person.id.clone(), role: person.role };
            office.decide(None, act, None).await.map_err(words)?;
            let secret =
                office.people.grant_link(&person.id, office.now(), ONE_TIME_LIVES).await.map_err(words)?;
            value(link(house, office, &secret))
        }
        Ask::Hosts => value(hosts(office).await.map_err(words)?),
        Ask::HostEnrol { host, system, environment } => {
            let (host, system): (HostId, SystemId) =
                (host.parse().map_err(words)?, system.parse().map_err(words)?);
            let code = enrol(office, host, system, environment).await?;
            value(format!("{}@{}", &*code, house.authority.fingerprint()))
        }
        Ask::HostRevoke { device, reason } => {
            let device: DeviceId = device.parse().map_err(words)?;
            revoke(office, &device, reason).await?;
            value(device)
        }
        Ask::BackupRetained { host, retention } => {
            state(office, host, Fact::BackupRetention(retention)).await
        }
        Ask::CityKeyTried { host, check } if check.key == KeyHolder::City => {
            state(office, host, Fact::BackupCheck(check)).await
        }
        Ask::CityKeyTried { .. } => Err("this is no try of the city's key".to_owned()),
        Ask::Publish => value(office.publish().await.map_err(words)?),
        Ask::CopyPeople { to } => {
            office.people.copy_to(&to).await.map_err(words)?;
            value(to)
        }
    }
}

/// Enters what a command on this machine did to the backups of a host.
async fn state(office: &Office, host: HostId, fact: Fact) -> Result<serde_json::Value, String> {
    if !office.court().evidence().hosts.contains_key(&host) {
        return Err(format!("nothing was ever heard of a host `{host}`"));
    }
    value(office.state(Some(host), fact).await.map_err(words)?)
}

fn words(error: impl std::error::Error) -> String {
    with_causes(&error)
}

fn value(value: impl Serialize) -> Result<serde_json::Value, String> {
    serde_json::to_value(value).map_err(words)
}

/// The address of a one-time link.
#[must_use]
pub fn link(house: &House, office: &Office, secret: &str) -> String {
    format!("https://{}/c/{}/link/{secret}", house.portal, office.id())
}

async fn users(office: &Office) -> Result<Vec<UserRow>, PeopleError> {
    let people = office.people.everybody().await?;
    let row = |person: crate::people::Person| UserRow {
        login: person.login,
        name: person.name,
        role: role_word(person.role).to_owned(),
        ready: person.has_password && person.has_totp,
        left: person.left,
        last_sign_in: person.last_sign_in,
    };
    Ok(people.into_iter().map(row).collect())
}

async fn hosts(office: &Office) -> Result<Vec<HostRow>, PeopleError> {
    let devices = office.people.devices().await?;
    let now = office.now();
    let court = office.court();
    let evidence = court.evidence();
    let mut ids: std::collections::BTreeSet<&HostId> = evidence.hosts.keys().collect();
    ids.extend(court.places().values().flat_map(std::collections::BTreeMap::keys));
    let row = |id: &HostId| HostRow {
        host: id.to_string(),
        system: evidence.agreements.place_of(id).map(|place| place.system.to_string()),
        last: evidence.hosts.get(id).and_then(|host| host.last_received).map(|stamp| stamp.received),
        devices: devices
            .iter()
            .filter(|device| device.host == *id && device.is_in_force(now))
            .map(|device| device.id.to_string())
            .collect(),
    };
    Ok(ids.into_iter().map(row).collect())
}

/// Declares the place of a host where it is new, and issues a one-time code for its agent.
///
/// # Errors
/// Words for the operator.
pub async fn enrol(
    office: &Office,
    host: HostId,
    system: SystemId,
    environment: Environment,
) -> Result<zeroize::Zeroizing<String>, String> {
    let known = office.court().evidence().agreements.place_of(&host).map(|place| place.system.clone());
    if known.as_ref() != Some(&system) {
        let proposal = crate::people::new_id('a').map_err(words)?.try_into().map_err(words)?;
        let matter = Matter::Host(HostPlace { host: host.clone(), system, environment });
        office.decide(None, Act::Proposed { proposal, matter }, None).await.map_err(words)?;
    }
    office.people.issue_enrolment(&host, office.now(), ONE_TIME_LIVES).await.map_err(words)
}

/// Refuses a device from now on.
///
/// # Errors
/// Words for the operator.
pub async fn revoke(office: &Office, device: &DeviceId, reason: String) -> Result<(), String> {
    let devices = office.people.devices().await.map_err(words)?;
    if !devices.iter().any(|known| known.id == *device) {
        return Err("there is no such device".to_owned());
    }
    office.decide(None, Act::DeviceRevoked { device: device.clone(), reason }, None).await.map_err(words)?;
    office.end_device(device, &devices).await.map_err(words)
}
