//! Stories: the whole, with the real programs. `City` is a server with its first contract in a folder of its own, and an
//! agent that observes the very machine the story runs on.

use anyhow::Context;
use jiff::Timestamp;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};
use yakujo_contract::act::Environment;
use yakujo_contract::court::Ruling;
use yakujo_contract::duty::DutyId;
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

impl City {
    /// Starts a server on free ports.
    ///
    /// # Errors
    /// When it does not start.
    pub async fn start(data: &Path) -> anyhow::Result<Self> {
        // A second story in the same process finds the provider installed: that is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let settings = Settings {
            data: data.to_owned(),
            listen: "127.0.0.1:0".parse()?,
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

    /// Enrols this machine's agent through the portal's door, as an operator would, and starts it.
    ///
    /// # Errors
    /// When the agent is refused.
    pub async fn observe(&mut self) -> anyhow::Result<()> {
        let folder = self.data.join("agent");
        if !yakujo_agent::enrol::is_enrolled(&folder) {
            let office = self.office()?;
            let code = yakujo_server::console::enrol(
                &office,
                "this-host".parse()?,
                "main".parse()?,
                Environment::Production,
            );
            let code = code.await.map_err(anyhow::Error::msg)?;
            let code = format!("{}@{}", &*code, self.server.house.authority.fingerprint());
            let (server, into) = (format!("https://{}", self.server.portal), folder.clone());
            tokio::task::spawn_blocking(move || yakujo_agent::enrol::enrol(&into, &server, &code)).await??;
        }
        let settings = yakujo_agent::Settings {
            folder,
            intake: Some(self.server.intake),
            sources: yakujo_agent::reading::Sources::of_this_host(),
            clock: Arc::new(Timestamp::now),
            home: yakujo_agent::Home::WithServer,
        };
        self.agent = Some(yakujo_agent::start(settings).await?);
        Ok(())
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
        let office = self.office()?;
        let ruling = office.court().ruling(DutyId::parse(duty)?, &"main".parse()?);
        ruling.with_context(|| format!("{duty} is not judged"))
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

    /// Stops everything in good order.
    pub async fn stop(mut self) {
        self.stop_observing().await;
        self.server.stop().await;
    }
}
