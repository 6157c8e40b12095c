//! One target over time: tries of one result are a run, and a run is told in facts that continue each other.

use jiff::{SignedDuration, Timestamp};
use yakujo_contract::fact::Fact;
use yakujo_contract::fact::probe::{Availability, Fault, ProbeAvailability};
use yakujo_contract::outage::{RETRY_S, TRY_LASTS_S};
use yakujo_contract::target::Target;

/// Answers that are remembered for the percentile.
const SPEEDS: usize = 64;
/// A target that turned so often within an hour is told as unsteady.
const TURNS: usize = 30;
const HOUR: SignedDuration = SignedDuration::from_hours(1);
/// An unsteady target is well again after so long without trouble,
const WELL_AFTER: SignedDuration = SignedDuration::from_mins(10);
/// and in other trouble than that after so long.
const WORSE_AFTER: SignedDuration = SignedDuration::from_secs(60);

/// Trouble of this age is told again after so long.
#[must_use]
pub fn told_every(age: SignedDuration) -> SignedDuration {
    match age.as_mins() {
        // A threshold may be as short as ten seconds: every try is told.
        ..5 => SignedDuration::ZERO,
        5..60 => SignedDuration::from_secs(60),
        _ => SignedDuration::from_mins(5),
    }
}

/// What one try gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct State {
    /// How it stood.
    pub is: Availability,
    /// Speed of the answer.
    pub ms: Option<u32>,
    /// What was wrong.
    pub why: Option<(Fault, String)>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Steadiness {
    Steady,
    ComesAndGoes,
}

/// One target.
pub struct Track {
    /// What is tried.
    pub target: Target,
    /// When; none while a try is on its way.
    pub due: Option<Timestamp>,
    run: Option<Run>,
    /// How the last run stood.
    stood: Option<Availability>,
    turns: Vec<Timestamp>,
    steadiness: Steadiness,
    /// Since when no try was well.
    trouble_since: Option<Timestamp>,
    /// The last try that was not well.
    last_trouble: Option<Timestamp>,
}

/// Tries of one result in a row.
struct Run {
    is: Availability,
    began: Timestamp,
    /// All up to here is told.
    told: Timestamp,
    last: Timestamp,
    tries: u32,
    failed: u32,
    speeds: Vec<u32>,
    why: Option<(Fault, String)>,
}

impl Track {
    /// A target nobody tried yet.
    #[must_use]
    pub fn new(target: Target, due: Timestamp) -> Self {
        Self {
            target,
            due: Some(due),
            run: None,
            stood: None,
            turns: Vec::new(),
            steadiness: Steadiness::Steady,
            trouble_since: None,
            last_trouble: None,
        }
    }

    /// The next try is due so many seconds after this one began.
    pub fn again(&mut self, begun: Timestamp, pause_s: u32) {
        self.due = begun.checked_add(SignedDuration::from_secs(i64::from(pause_s))).ok();
    }

    /// A try gave this. Returns what is worth telling at once.
    pub fn stood(&mut self, at: Timestamp, state: State) -> Vec<Fact> {
        let mut facts = Vec::new();
        let state = self.steadied(at, state);
        // Longer than two pauses: nobody tried in between, whatever the reason.
        let pause = self.target.every_s.max(RETRY_S).saturating_add(TRY_LASTS_S);
        let slack = SignedDuration::from_secs(i64::from(pause).saturating_mul(2));
        let breaks = |run: &Run| run.is != state.is || at.duration_since(run.last) > slack || at < run.last;
        if self.run.as_ref().is_some_and(breaks) {
            facts.extend(self.close());
        }
        let failed = u32::from(state.is != Availability::Up);
        let Some(run) = &mut self.run else {
            // Blindness of the probe ends a run too; that is no turn of the target.
            if self.stood.replace(state.is) != Some(state.is) {
                self.turns.push(at);
            }
            let run = Run {
                is: state.is,
                began: at,
                told: at,
                last: at,
                tries: 1,
                failed,
                speeds: state.ms.into_iter().collect(),
                why: state.why,
            };
            self.run = Some(run);
            facts.extend(self.tell(at));
            return facts;
        };
        run.last = at;
        run.tries = run.tries.saturating_add(1);
        run.failed = run.failed.saturating_add(failed);
        run.speeds.extend(state.ms);
        let more = run.speeds.len().saturating_sub(SPEEDS);
        run.speeds.drain(..more);
        let age = at.duration_since(run.began);
        if run.is != Availability::Up && at.duration_since(run.told) >= told_every(age) {
            facts.extend(self.tell(at));
        }
        facts
    }

    /// A target that comes and goes all the time would fill the ledger: it is told as restricted until it is steady.
    fn steadied(&mut self, at: Timestamp, state: State) -> State {
        let hour_ago = at.checked_sub(HOUR).unwrap_or(at);
        self.turns.retain(|turn| *turn > hour_ago);
        let quiet = self.last_trouble.is_none_or(|last| at.duration_since(last) >= WELL_AFTER);
        self.trouble_since = match state.is {
            Availability::Up => None,
            Availability::Restricted | Availability::Down => {
                self.last_trouble = Some(at);
                self.trouble_since.or(Some(at))
            }
        };
        let steady = match self.trouble_since {
            None => quiet,
            Some(since) => at.duration_since(since) >= WORSE_AFTER,
        };
        if self.turns.len() >= TURNS {
            self.turns.clear();
            self.steadiness = Steadiness::ComesAndGoes;
        }
        if steady {
            self.steadiness = Steadiness::Steady;
        }
        if self.steadiness == Steadiness::Steady {
            return state;
        }
        let why = Some((Fault::Unsteady, "comes and goes".to_owned()));
        State { is: Availability::Restricted, ms: state.ms, why }
    }

    /// The speed, where the target stood as promised all the time between two instants; then it is told.
    pub fn well(&mut self, since: Timestamp, until: Timestamp) -> Option<u32> {
        let run = self.run.as_mut()?;
        let alive =
            until.duration_since(run.last) <= SignedDuration::from_secs(i64::from(self.target.every_s) * 2);
        if run.is != Availability::Up || run.told > since || !alive {
            return None;
        }
        let p95 = percentile(&mut run.speeds).unwrap_or_default();
        run.told = until;
        (run.tries, run.failed) = (0, 0);
        Some(p95)
    }

    /// Tells the run up to an instant.
    pub fn tell(&mut self, until: Timestamp) -> Option<Fact> {
        let target = self.target.target.clone();
        let run = self.run.as_mut()?;
        let to = if run.is == Availability::Up { until } else { until.min(run.last) };
        if to < run.told || run.tries == 0 {
            return None;
        }
        let p95_ms = percentile(&mut run.speeds);
        let (why, detail) = match &run.why {
            Some((fault, detail)) => (Some(*fault), detail.clone()),
            None => (None, String::new()),
        };
        let (tries, failed) = (std::mem::take(&mut run.tries), std::mem::take(&mut run.failed));
        let from = std::mem::replace(&mut run.told, to);
        let state = run.is;
        let fact = ProbeAvailability { target, state, from, to, tries, failed, p95_ms, why, detail };
        Some(Fact::ProbeAvailability(fact))
    }

    /// The run ends here: what was not told is told.
    pub fn close(&mut self) -> Option<Fact> {
        let last = self.run.as_ref()?.last;
        let fact = self.tell(last);
        self.run = None;
        fact
    }
}

/// The 95th percentile of what was collected, which is forgotten.
fn percentile(speeds: &mut Vec<u32>) -> Option<u32> {
    speeds.sort_unstable();
    let place = speeds.len().saturating_mul(95).div_ceil(100).saturating_sub(1);
    let found = speeds.get(place).copied();
    speeds.clear();
    found
}
