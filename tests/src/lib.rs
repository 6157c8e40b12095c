//! Stories: the whole, with the real programs. `City` is a server with its first contract in a folder of its own, and an
//! agent that observes the very machine the story runs on.

pub mod alone;
pub mod definitions;
pub mod machine;
pub mod package;

use anyhow::Context;
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};
use yakujo_contract::act::{Act, Environment, Matter};
use yakujo_contract::court::Ruling;
use yakujo_contract::duty::DutyId;
use yakujo_contract::entry::Entry;
use yakujo_contract::id::ProposalId;
use yakujo_contract::parameter::ParameterId;
use yakujo_contract::standing::Standing;
use yakujo_server::decide::Actor;
use yakujo_server::office::Office;
use yakujo_server::server::Running;
use yakujo_server::settings::Settings;

/// A server and, where the story wants one, an agent of this machine.
pub struct City {
    /// The data folder.
    pub data: PathBuf,
    /// The running server.
    pub server: Running,
    agent: Option<yakujo_agent::Handle>,
}

/// An agent that ends from one instruction to the next, without a word, when this is dropped.
pub struct Mortal {
    machine: Option<tokio::runtime::Runtime>,
    /// Dropped after its machine: dropped before, it would end in good order.
    _agent: yakujo_agent::Handle,
}

impl Drop for Mortal {
    fn drop(&mut self) {
        if let Some(machine) = self.machine.take() {
            machine.shutdown_background();
        }
    }
}

impl City {
    /// Starts a server on free ports.
    ///
    /// # Errors
    /// When it does not start.
    pub async fn start(data: &Path) -> anyhow::Result<Self> {
        Self::start_at(data, "127.0.0.1:0".parse()?).await
    }

    /// The same, on an address of its own.
    ///
    /// # Errors
    /// When it does not start.
    pub async fn start_at(data: &Path, listen: SocketAddr) -> anyhow::Result<Self> {
        // A second story in the same process finds the provider installed: that is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let settings = Settings {
            data: data.to_owned(),
            listen,
            clock: Arc::new(Timestamp::now),
            this_host: "this-host".to_owned(),
        };
        Ok(Self { data: data.to_owned(), server: Running::start(settings).await?, agent: None })
    }

    /// The first contract.
    ///
    /// # Errors
    /// When there is none.
    pub fn office(&self) -> anyhow::Result<Arc<Office>> {
        self.server.house.office("main").context("the first contract")
    }

    /// Enrols this machine's agent and starts it.
    ///
    /// # Errors
    /// When the agent is refused.
    pub async fn observe(&mut self) -> anyhow::Result<()> {
        let settings = self.enrolled().await?;
        self.agent = Some(yakujo_agent::start(settings).await?);
        Ok(())
    }

    /// As [`City::observe`], with an agent that acts on this machine: only in a machine of its own.
    ///
    /// # Errors
    /// When the agent is refused.
    pub async fn observe_and_act(&mut self) -> anyhow::Result<()> {
        let mut settings = self.enrolled().await?;
        settings.hand = Some(yakujo_agent::act::hand::Hand::Within(self.data.join("act")));
        // What an agent of the product starts is itself; this is a test that has it within.
        settings.sources.backup_program = built()?;
        self.agent = Some(yakujo_agent::start(settings).await?);
        Ok(())
    }

    /// As [`City::observe`], with an agent that is killed when the result is dropped.
    ///
    /// # Errors
    /// When the agent is refused.
    pub async fn observe_until_killed(&self) -> anyhow::Result<Mortal> {
        let settings = self.enrolled().await?;
        let machine = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let agent = machine.spawn(yakujo_agent::start(settings)).await??;
        Ok(Mortal { machine: Some(machine), _agent: agent })
    }

    /// Enrols this machine's agent through the portal's door, as an operator would; it is not started.
    ///
    /// # Errors
    /// When the agent is refused.
    pub async fn enrolled(&self) -> anyhow::Result<yakujo_agent::Settings> {
        self.enrolled_as("this-host", "main", self.data.join("agent")).await
    }

    /// As [`City::enrolled`], for a host of this name that serves this system; its agent has a folder of its own.
    ///
    /// # Errors
    /// When the agent is refused.
    pub async fn enrolled_as(
        &self,
        host: &str,
        system: &str,
        folder: PathBuf,
    ) -> anyhow::Result<yakujo_agent::Settings> {
        if !yakujo_agent::enrol::is_enrolled(&folder) {
            let office = self.office()?;
            let (host, system) = (host.parse()?, system.parse()?);
            let code = yakujo_server::console::enrol(&office, host, system, Environment::Production);
            let code = code.await.map_err(anyhow::Error::msg)?;
            let code = format!("{}@{}", &*code, self.server.house.authority.fingerprint());
            let (server, into) = (format!("https://{}", self.server.portal), folder.clone());
            tokio::task::spawn_blocking(move || yakujo_agent::enrol::enrol(&into, &server, &code)).await??;
        }
        Ok(yakujo_agent::Settings {
            folder,
            intake: Some(self.server.intake),
            sources: yakujo_agent::reading::Sources::of_this_host(),
            clock: Arc::new(Timestamp::now),
            home: yakujo_agent::Home::WithServer,
            hand: None,
        })
    }

    /// Stops the agent in good order.
    pub async fn stop_observing(&mut self) {
        if let Some(agent) = self.agent.take() {
            agent.stop().await;
        }
    }

    /// How a duty of the first system stands.
    ///
    /// # Errors
    /// When it is not judged.
    pub fn ruling(&self, duty: &str) -> anyhow::Result<Ruling> {
        self.ruling_of(duty, "main")
    }

    /// How a duty of a system stands.
    ///
    /// # Errors
    /// When it is not judged.
    pub fn ruling_of(&self, duty: &str, system: &str) -> anyhow::Result<Ruling> {
        let office = self.office()?;
        let ruling = office.court().ruling(DutyId::parse(duty)?, &system.parse()?);
        ruling.with_context(|| format!("{duty} of {system} is not judged"))
    }

    /// All entries of the ledger, the oldest first.
    ///
    /// # Errors
    /// When one cannot be read.
    pub fn entries(&self) -> anyhow::Result<Vec<Entry>> {
        let office = self.office()?;
        (0..office.size()).map(|number| Ok(Entry::from_bytes(&office.reader().entry(number)?)?)).collect()
    }

    /// Waits until something holds.
    ///
    /// # Errors
    /// When it does not within the patience.
    pub async fn until(
        &self,
        patience: Duration,
        what: &str,
        holds: impl Fn(&Self) -> anyhow::Result<bool>,
    ) -> anyhow::Result<()> {
        let began = Instant::now();
        while !holds(self)? {
            anyhow::ensure!(began.elapsed() < patience, "not within {patience:?}: {what}");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        Ok(())
    }

    /// The first person of a party, by the sign-in name.
    ///
    /// # Errors
    /// When there is nobody of this name.
    pub async fn actor(&self, login: &str) -> anyhow::Result<Option<Actor>> {
        let people = self.office()?.people.everybody().await?;
        let person = people.into_iter().find(|person| person.login == login).context("a first person")?;
        Ok(Some(Actor { person: person.id, role: person.role, post: None }))
    }

    /// The contractor proposes and the city agrees.
    ///
    /// # Errors
    /// When either is refused.
    pub async fn agree(&self, matter: Matter) -> anyhow::Result<()> {
        let office = self.office()?;
        let proposal: ProposalId = format!("story-{}", office.size()).parse()?;
        let proposed = Act::Proposed { proposal: proposal.clone(), matter };
        office.decide(self.actor("contractor").await?, proposed, None).await?;
        office.decide(self.actor("city").await?, Act::Agreed { proposal }, None).await?;
        Ok(())
    }

    /// Both parties agree on the proposed parameters, except this one.
    ///
    /// # Errors
    /// When either is refused.
    pub async fn agree_parameters(&self, parameter: u8, key: &str, value: i64) -> anyhow::Result<()> {
        self.agree_values(parameter, &[(key, value)]).await
    }

    /// The same, with several values of one parameter.
    ///
    /// # Errors
    /// When either is refused.
    pub async fn agree_values(&self, parameter: u8, own: &[(&str, i64)]) -> anyhow::Result<()> {
        let office = self.office()?;
        let terms = office.terms().parameters.iter();
        let mut values: BTreeMap<_, _> = terms.map(|(id, terms)| (*id, terms.defaults.clone())).collect();
        let changed = values.get_mut(&ParameterId::new(parameter)).context("no such parameter")?;
        changed.extend(own.iter().map(|(key, value)| ((*key).to_owned(), *value)));
        self.agree(Matter::Parameters { from: office.now(), values }).await
    }

    /// Waits until a duty of the first system stands so.
    ///
    /// # Errors
    /// When it does not within a minute; the error says how it stands instead.
    pub async fn until_stands(&self, duty: &str, standing: Standing) -> anyhow::Result<Duration> {
        let began = Instant::now();
        let stands = |city: &Self| Ok(city.ruling(duty)?.verdict.standing == standing);
        let reached = self.until(Duration::from_secs(60), duty, stands).await;
        let verdict = self.ruling(duty)?.verdict;
        reached.with_context(|| format!("{} is wanted, but: {}", standing.word(), verdict.cause.en))?;
        println!(
            "{duty} {} after {:.1} s: {}",
            standing.word(),
            began.elapsed().as_secs_f64(),
            verdict.cause.en
        );
        Ok(began.elapsed())
    }

    /// How a duty stood, one word for each turn, the oldest first, up to how it stands now.
    ///
    /// # Errors
    /// When the views do not answer, or do not follow the court.
    pub async fn history(&self, duty: &str) -> anyhow::Result<Vec<&'static str>> {
        let office = self.office()?;
        let began = Instant::now();
        loop {
            let now = self.ruling(duty)?.verdict.standing.word();
            let turns = office.views().turns(DutyId::parse(duty)?, None, Timestamp::MAX, 100).await?;
            let words: Vec<_> = turns.iter().rev().map(|turn| turn.verdict.standing.word()).collect();
            if words.last() == Some(&now) {
                return Ok(words);
            }
            // The court knows first; the views are written after it.
            anyhow::ensure!(began.elapsed() < Duration::from_secs(5), "{duty} is {now}, but: {words:?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Stops everything in good order.
    pub async fn stop(mut self) {
        self.stop_observing().await;
        self.server.stop().await;
    }
}

/// The product, as it was built beside this story.
///
/// # Errors
/// When it was not.
pub fn built() -> anyhow::Result<PathBuf> {
    let itself = std::env::current_exe()?;
    let program = itself.parent().and_then(Path::parent).map(|folder| folder.join("yakujo"));
    let program = program.filter(|program| program.exists());
    program.context("yakujo is not built beside this story: build the whole workspace")
}
