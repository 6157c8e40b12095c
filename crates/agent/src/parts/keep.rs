//! The keeper: what was seen waits here and goes to the server, orders come from it and go to the part that acts, and what both
//! parties agreed on is tried from here. It can do nothing else ([`super::confine`]).

use crate::act::{Permitted, follow};
use crate::deliver::Line;
use crate::outbox::{Bound, Outbox, OutboxError};
use crate::{Settings, StartError, deliver_until, probing, reading, system};
use sha2::{Digest as _, Sha256};
use std::io::Read as _;
use std::sync::Arc;
use tokio::sync::watch as signal;
use tokio::task::JoinHandle;
use yakujo_contract::fact::Fact;
use yakujo_contract::fact::agent::{AgentStart, AgentUpdate};
use yakujo_contract::fact::malware::Done;
use yakujo_contract::id::Digest;

/// Under this key the outbox keeps which version of the agent ran last.
const VERSION_KEY: &str = "agent.version";
/// Under this key it keeps the name of this run.
pub(super) const EPOCH_KEY: &str = "agent.epoch";

/// A running keeper.
pub(crate) struct Keeper {
    /// Where what is seen is kept.
    pub outbox: Arc<Outbox>,
    /// Tells that there is something to deliver.
    pub news: signal::Sender<u64>,
    /// Under which permit malware may be moved.
    pub permitted: Permitted,
    /// What runs until the end.
    pub tasks: Vec<JoinHandle<()>>,
}

impl Keeper {
    /// Starts it within this process.
    pub(crate) async fn start(settings: &Settings, ended: &signal::Receiver<()>) -> Result<Self, StartError> {
        let mut bytes = [0_u8; 8];
        getrandom::fill(&mut bytes).map_err(|_| StartError::Random)?;
        // Later runs sort after earlier ones: the server tells a restart from a second agent by it.
        let epoch = format!("{:013}-{}", (settings.clock)().as_millisecond(), reading::hex(&bytes));
        let line = Line::open(&settings.folder, settings.intake)?;
        let outbox = Arc::new(Outbox::open(&settings.folder, epoch.clone(), Bound::default()).await?);
        let mut facts = vec![started(epoch.clone())];
        facts.extend(update(&outbox).await?);
        let version = (VERSION_KEY.to_owned(), Some(env!("CARGO_PKG_VERSION").to_owned()));
        let notes = [version, (EPOCH_KEY.to_owned(), Some(epoch))];
        outbox.put_with((settings.clock)(), &facts, &notes).await?;
        let (quarantine, permitted) = signal::channel(None);
        let (observed, news) = signal::channel(0_u64);
        let clock = settings.clock.clone();
        let probing =
            probing::probe_until(clock, line.clone(), outbox.clone(), observed.clone(), ended.clone());
        let mut tasks = vec![tokio::spawn(probing)];
        tasks.extend(follow::start(settings, &line, &outbox, (&observed, quarantine), ended));
        tasks.push(tokio::spawn(deliver_until(line, outbox.clone(), news, ended.clone())));
        Ok(Self { outbox, news: observed, permitted, tasks })
    }
}

/// That the agent began to observe, in the run of this name.
pub(super) fn started(epoch: String) -> Fact {
    Fact::AgentStart(AgentStart {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        epoch,
        rights: system::rights().to_owned(),
    })
}

/// That another version of the agent ran here before, up or down.
async fn update(outbox: &Outbox) -> Result<Option<Fact>, OutboxError> {
    let after = env!("CARGO_PKG_VERSION");
    let Some(before) = outbox.recall(VERSION_KEY).await?.filter(|before| before != after) else {
        return Ok(None);
    };
    let read = tokio::task::spawn_blocking(digest_of_program).await;
    let digest = read.ok().flatten().and_then(|text| Digest::try_from(text).ok());
    let Some(digest) = digest else { return Ok(None) };
    let update = AgentUpdate { before, after: after.to_owned(), digest, result: Done::Done };
    Ok(Some(Fact::AgentUpdate(update)))
}

/// SHA-256 of the program that runs.
fn digest_of_program() -> Option<String> {
    let mut program = system::own_program().ok()?;
    let mut sha = Sha256::new();
    let mut buffer = vec![0_u8; 64 * 1024];
    loop {
        match program.read(&mut buffer).ok()? {
            0 => break,
            count => sha.update(buffer.get(..count).unwrap_or_default()),
        }
    }
    Some(reading::hex(&sha.finalize()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::Timestamp;

    #[tokio::test]
    async fn another_version_of_the_agent_is_told_once_up_and_down() {
        let folder = tempfile::tempdir().unwrap();
        let outbox = Outbox::open(folder.path(), "run".to_owned(), Bound::default()).await.unwrap();
        assert_eq!(update(&outbox).await.unwrap(), None, "the first version replaces none");
        for before in ["0.0.1", "99.0.0"] {
            let version = [(VERSION_KEY.to_owned(), Some(before.to_owned()))];
            outbox.put_with(Timestamp::UNIX_EPOCH, &[], &version).await.unwrap();
            let told = update(&outbox).await.unwrap();
            let Some(Fact::AgentUpdate(told)) = told else { panic!("{told:?}") };
            assert_eq!((told.before.as_str(), told.after.as_str()), (before, env!("CARGO_PKG_VERSION")));
        }
    }
}
