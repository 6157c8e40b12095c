//! Whether an idle session is really cut (4.2.a): one is opened and left alone for as long as agreed and a minute more, beside a
//! second one that is used all the while. Only where the first has ended and the second lives was it the idleness: a restart of
//! the server, a way that is cut, or a door that closes show nothing. What could not be tried is told as that.
//!
//! ```text
//! open, open, ask both          both live: somebody could log in
//! every minute: use the second  it lives: the way and the account work
//! after the agreed time         ask the first, then the second once more
//! ```

mod open;
mod piped;

use crate::outbox::{Note, OutboxError, remembered};
use crate::parts::link::Link;
use crate::parts::{Notebook, Part};
use crate::probing::{AGREED_KEY, Agreed, Clock, TARGETS_KEY};
use crate::settings::{AgentFile, IdleRole, IdleSession};
use jiff::{SignedDuration, Timestamp};
use open::Session;
use serde::{Deserialize, Serialize};
use std::path::Path;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};
use yakujo_contract::fact::Fact;
use yakujo_contract::fact::probe::ProbeSessionCut;
use yakujo_contract::target::Target;
use yakujo_probe::session::Asked;

/// What is due is looked for so often.
const LOOK_EVERY: Duration = Duration::from_secs(60);
/// The session is left alone for so much longer than agreed.
const LONGER: Duration = Duration::from_secs(60);
/// What could not be tried is tried again after so long.
const AGAIN: SignedDuration = SignedDuration::from_hours(24);
/// Days a try counts where the contract has no number of its own.
const LIVES_D: i64 = 7;
/// The other session is used so often at least.
const USED_EVERY: Duration = Duration::from_secs(60);

/// The last try, as it outlives a run of the agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Last {
    begun: Timestamp,
    came_to: End,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum End {
    /// It waits, or the agent ended while it did.
    Waits,
    Tried,
    NotTried,
}

/// What left alone showed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shown {
    Cut,
    /// A new log-in was asked for, and then the old token was taken again.
    TokenTaken,
    NotCut,
}

/// Tries every session of the settings when it is due, until the end.
pub(crate) fn start(
    file: &AgentFile,
    clock: &Clock,
    notebook: &Notebook,
    ended: &watch::Receiver<()>,
) -> Vec<JoinHandle<()>> {
    let sessions = file.idle_sessions.iter().cloned();
    sessions
        .map(|session| {
            let place =
                Place { session, file: file.clone(), clock: clock.clone(), notebook: notebook.clone() };
            tokio::spawn(place.try_until(ended.clone()))
        })
        .collect()
}

/// Tries one session now, and has the keeper of the running agent record what came of it.
///
/// # Errors
/// Words for the operator: no such session in the settings, or no agent runs.
pub async fn try_now(
    folder: &Path,
    (target, role): (&str, &str),
    seconds: Option<u32>,
    clock: Clock,
) -> Result<ProbeSessionCut, String> {
    let file = crate::settings::load(folder).map_err(|error| error.to_string())?;
    let is_meant = |session: &&IdleSession| session.target == target && session.role.word() == role;
    let session = file.idle_sessions.iter().find(is_meant).cloned();
    let session =
        session.ok_or_else(|| format!("agent.toml has no `idle_session` of {target} for {role}"))?;
    // Ended from the beginning: an agent that does not run is not waited for.
    let (end, ended) = watch::channel(());
    end.send_replace(());
    let link = Link::new(folder, Part::Save, ended).map_err(|error| error.to_string())?;
    let place = Place { session, file, clock, notebook: Notebook::Keeper(link) };
    let idle = seconds.map(|seconds| Duration::from_secs(seconds.into()));
    place.tried_and_told(idle).await.map_err(|error| format!("the agent does not answer: {error}"))
}

/// One session of the settings.
struct Place {
    session: IdleSession,
    file: AgentFile,
    clock: Clock,
    notebook: Notebook,
}

impl Place {
    async fn try_until(self, mut ended: watch::Receiver<()>) {
        if let Err(error) = self.tell_a_wait_that_was_cut_off().await {
            tracing::warn!("{}: that a wait was cut off could not be told: {error}", self.session.target);
        }
        loop {
            tokio::select! {
                _ = ended.changed() => return,
                () = sleep(LOOK_EVERY) => {}
            }
            let tried = async {
                if self.is_due().await? { self.tried_and_told(None).await.map(drop) } else { Ok(()) }
            };
            let tried: Result<(), OutboxError> = tokio::select! {
                // What waits is told as cut off by the next run.
                _ = ended.changed() => return,
                tried = tried => tried,
            };
            if let Err(error) = tried {
                tracing::warn!("{}: whether it is cut could not be recorded: {error}", self.session.target);
            }
        }
    }

    fn key(&self) -> String {
        format!("idle.{}.{}", self.session.target, self.session.role.word())
    }

    async fn last(&self) -> Result<Option<Last>, OutboxError> {
        Ok(remembered(self.notebook.recall(&self.key()).await?.as_deref()))
    }

    fn note(&self, last: Last) -> Note {
        (self.key(), serde_json::to_string(&last).ok())
    }

    async fn agreed(&self) -> Result<Agreed, OutboxError> {
        Ok(remembered(self.notebook.recall(AGREED_KEY).await?.as_deref()))
    }

    async fn target(&self) -> Result<Option<Target>, OutboxError> {
        let targets: Vec<Target> = remembered(self.notebook.recall(TARGETS_KEY).await?.as_deref());
        Ok(targets.into_iter().find(|target| target.target.as_str() == self.session.target))
    }

    async fn tell_a_wait_that_was_cut_off(&self) -> Result<(), OutboxError> {
        let Some(last) = self.last().await?.filter(|last| last.came_to == End::Waits) else { return Ok(()) };
        let why = "the agent ended while the session was left alone".to_owned();
        let fact = Fact::ProbeSessionCut(not_tried(&self.session, why));
        let note = self.note(Last { came_to: End::NotTried, ..last });
        self.notebook.put_with((self.clock)(), &[fact], &[note]).await
    }

    /// Whether it is time, of a target that both parties agreed on and of minutes that the server told.
    async fn is_due(&self) -> Result<bool, OutboxError> {
        let agreed = self.agreed().await?;
        if self.target().await?.is_none() || left_alone(&agreed, self.session.role).is_none() {
            return Ok(false);
        }
        Ok(due(self.last().await?, &agreed, (self.clock)()))
    }

    async fn tried_and_told(&self, idle: Option<Duration>) -> Result<ProbeSessionCut, OutboxError> {
        let (agreed, target) = (self.agreed().await?, self.target().await?);
        let begun = (self.clock)();
        let waits = self.note(Last { begun, came_to: End::Waits });
        self.notebook.put_with(begun, &[], &[waits]).await?;
        let fact = match (target, idle.or_else(|| left_alone(&agreed, self.session.role))) {
            (None, _) => not_tried(&self.session, "the target is not agreed for this probe".to_owned()),
            (_, None) => not_tried(&self.session, "the server has not told the agreed minutes".to_owned()),
            (Some(target), Some(idle)) => tried(&self.session, &self.file, &target, idle).await,
        };
        let came_to = if fact.not_tried.is_some() { End::NotTried } else { End::Tried };
        let note = self.note(Last { begun, came_to });
        self.notebook.put_with((self.clock)(), &[Fact::ProbeSessionCut(fact.clone())], &[note]).await?;
        Ok(fact)
    }
}

/// How long a session of a role is left alone; none where that is not known.
fn left_alone(agreed: &Agreed, role: IdleRole) -> Option<Duration> {
    let minutes = agreed.get(role.minutes()).and_then(|minutes| u64::try_from(*minutes).ok())?;
    (minutes > 0).then(|| Duration::from_secs(minutes.saturating_mul(60)).saturating_add(LONGER))
}

/// Before the last try counts no more; what could not be tried, sooner.
fn due(last: Option<Last>, agreed: &Agreed, now: Timestamp) -> bool {
    let Some(last) = last.filter(|last| last.begun <= now) else { return true };
    let days = agreed.get("try_d").copied().filter(|days| *days > 0).unwrap_or(LIVES_D);
    let every = SignedDuration::from_mins(days.saturating_mul(24 * 60) / 10 * 9);
    let pause = match last.came_to {
        End::Tried => every,
        End::Waits | End::NotTried => AGAIN.min(every),
    };
    now.duration_since(last.begun) >= pause
}

fn not_tried(session: &IdleSession, why: String) -> ProbeSessionCut {
    let (target, role) = (session.target.clone(), session.role.word().to_owned());
    let why = why.chars().filter(|letter| !letter.is_control()).take(200).collect();
    ProbeSessionCut { target, role, idle_s: 0, cut: false, old_token_refused: false, not_tried: Some(why) }
}

/// Opens a session, leaves it alone for so long, and says what that showed.
pub async fn tried(
    session: &IdleSession,
    file: &AgentFile,
    target: &Target,
    idle: Duration,
) -> ProbeSessionCut {
    let opened = match Session::two(session, file, target).await {
        Ok(two) => left_and_used(two, idle).await,
        Err(why) => Err(why),
    };
    match opened {
        Ok((shown, left)) => ProbeSessionCut {
            target: session.target.clone(),
            role: session.role.word().to_owned(),
            idle_s: u32::try_from(left.as_secs()).unwrap_or(u32::MAX),
            cut: shown != Shown::NotCut,
            old_token_refused: shown == Shown::Cut,
            not_tried: None,
        },
        Err(why) => not_tried(session, why),
    }
}

/// Leaves the first alone and uses the second. What it showed, and for how long it was left alone.
async fn left_and_used(
    (mut left, mut used): (Session, Session),
    idle: Duration,
) -> Result<(Shown, Duration), String> {
    // Whoever logs in twice may lose the first session: that is no cut.
    alive("the session to be left alone", left.ask().await)?;
    let began = Instant::now();
    let step = (idle / 4).clamp(Duration::from_millis(500), USED_EVERY);
    while began.elapsed() < idle {
        sleep(step.min(idle.saturating_sub(began.elapsed()))).await;
        alive("the session that was used", used.ask().await)?;
    }
    let after = began.elapsed();
    let first = left.ask().await;
    alive("the session that was used", used.ask().await)?;
    let shown = match first {
        Asked::Alive => Shown::NotCut,
        Asked::Ended => match left.ask().await {
            Asked::Ended => Shown::Cut,
            Asked::Alive => Shown::TokenTaken,
            Asked::Unclear(why) => return Err(why),
        },
        Asked::Unclear(why) => return Err(why),
    };
    Ok((shown, after))
}

fn alive(which: &str, asked: Asked) -> Result<(), String> {
    match asked {
        Asked::Alive => Ok(()),
        Asked::Ended => Err(format!("{which} ended")),
        Asked::Unclear(why) => Err(format!("{which}: {why}")),
    }
}

#[cfg(test)]
mod tests;
