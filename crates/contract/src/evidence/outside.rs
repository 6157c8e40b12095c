//! How a host that is cut off looks from outside: what came of trying its doors. Its agent says that the rules are in force;
//! whoever is root there can take them away, and make the agent say anything.

use super::latest::Stamp;
use crate::fact::malware::{IsolationSeen, Untried};
use crate::standing::Sentence;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

/// Looks kept per host, of each kind.
const KEPT: usize = 200;
/// Doors that are named.
const NAMED: usize = 3;

/// What a look showed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum View {
    /// A door answered.
    Answers,
    /// Somebody refused at the address: the host, or something before it. Nobody can tell.
    Refuses,
    /// Every door that was tried is silent.
    Silent,
    /// Nothing can be said.
    Untried(Untried),
}

impl View {
    /// Of a look.
    #[must_use]
    pub fn of(seen: &IsolationSeen) -> Self {
        if !seen.answered.is_empty() {
            return Self::Answers;
        }
        match seen.untried {
            Some(why) => Self::Untried(why),
            None if !seen.refused.is_empty() => Self::Refuses,
            None if seen.tried.is_empty() => Self::Untried(Untried::NoDoor),
            None => Self::Silent,
        }
    }
}

/// Every look, oldest first.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Outside {
    #[serde(with = "super::latest::pairs")]
    looks: BTreeMap<Stamp, IsolationSeen>,
}

/// Looks one after another that showed the same.
#[derive(Debug, Clone)]
pub struct Run<'a> {
    /// The first.
    pub first: Stamp,
    /// The last.
    pub last: Stamp,
    /// What they showed.
    pub view: View,
    /// The last look.
    pub seen: &'a IsolationSeen,
    /// Doors that answered in any of them, or refused where none answered.
    pub doors: BTreeSet<SocketAddr>,
}

impl Outside {
    /// An answer is kept longer than what is told again every few minutes.
    pub(super) fn enter(&mut self, stamp: Stamp, seen: &IsolationSeen) {
        self.looks.insert(stamp, seen.clone());
        let alike = |known: &IsolationSeen| known.answered.is_empty() == seen.answered.is_empty();
        while self.looks.values().filter(|known| alike(known)).count() > KEPT {
            let oldest = self.looks.iter().find(|(_, known)| alike(known)).map(|(stamp, _)| *stamp);
            oldest.and_then(|stamp| self.looks.remove(&stamp));
        }
    }

    /// What was seen between two instants of the server, oldest first.
    #[must_use]
    pub fn runs(&self, from: Timestamp, to: Timestamp) -> Vec<Run<'_>> {
        let mut runs: Vec<Run<'_>> = Vec::new();
        for (stamp, seen) in &self.looks {
            if stamp.observed < from || stamp.observed > to {
                continue;
            }
            let view = View::of(seen);
            let doors = if view == View::Answers { &seen.answered } else { &seen.refused };
            match runs.last_mut().filter(|run| run.view == view) {
                Some(run) => {
                    (run.last, run.seen) = (*stamp, seen);
                    run.doors.extend(doors);
                }
                None => {
                    let doors = doors.iter().copied().collect();
                    runs.push(Run { first: *stamp, last: *stamp, view, seen, doors });
                }
            }
        }
        runs
    }
}

impl Run<'_> {
    /// The doors by name, the first few.
    #[must_use]
    pub fn named(&self) -> String {
        let names: Vec<String> = self.doors.iter().take(NAMED).map(ToString::to_string).collect();
        let more = if self.doors.len() > NAMED { " …" } else { "" };
        format!("{}{more}", names.join(", "))
    }

    /// What was seen, in one clause without a full stop.
    #[must_use]
    pub fn words(&self) -> Sentence {
        let doors = self.named();
        let tried = self.seen.tried.len();
        match self.view {
            View::Answers => Sentence::new(
                format!("外から応答があります（{doors}）"),
                format!("{doors} answers from outside"),
            ),
            View::Refuses => Sentence::new(
                format!(
                    "外からの接続が拒否されました（{doors}）。ホスト自身の応答か、途中の機器の応答かは分かりません"
                ),
                format!("{doors} refuses from outside: the host itself, or something before it"),
            ),
            View::Silent => Sentence::new(
                format!("サーバから {tried} か所を試し、応答がありません"),
                format!("the server tried {tried} doors, and none answers"),
            ),
            View::Untried(why) => {
                let why = reason(why);
                Sentence::new(
                    format!("外からは確かめられません（{}）", why.ja),
                    format!("it cannot be tried from outside ({})", why.en),
                )
            }
        }
    }
}

fn reason(why: Untried) -> Sentence {
    let (ja, en) = match why {
        Untried::SameMachine => ("サーバがこのホストで動いています", "the server runs on this host"),
        Untried::NoAddress => ("ホストの番号が分かりません", "its address is not known"),
        Untried::NotItsOwn => (
            "報告の届く番号がホスト自身のものと確かめられません",
            "the address its facts come from is not known to be its own",
        ),
        Untried::NoDoor => ("試せる待受けがありません", "no door of it is known"),
        Untried::NoNetwork => {
            ("サーバの側の回線が切れているおそれがあります", "the server's own network may be cut")
        }
    };
    Sentence::new(ja, en)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::EntryNumber;
    use serde_json::{Value, json};

    fn stamp(minute: i64) -> Stamp {
        let at = Timestamp::from_second(1_780_000_000 + minute * 60).unwrap();
        Stamp { seq: 0, observed: at, received: at, entry: EntryNumber(minute.unsigned_abs()) }
    }

    fn outside(looks: &[(i64, Value)]) -> Outside {
        let mut outside = Outside::default();
        for (minute, look) in looks {
            outside.enter(stamp(*minute), &serde_json::from_value(look.clone()).unwrap());
        }
        outside
    }

    fn silent() -> Value {
        json!({ "tried": ["192.0.2.9:22"] })
    }

    fn answers(door: &str) -> Value {
        json!({ "tried": ["192.0.2.9:22", "192.0.2.9:80"], "answered": [door] })
    }

    #[test]
    fn looks_that_show_the_same_are_one_run_in_any_order_of_arrival() {
        let looks = [
            (1, silent()),
            (2, answers("192.0.2.9:22")),
            (3, answers("192.0.2.9:80")),
            (4, silent()),
            (5, json!({ "tried": [], "untried": "no_network" })),
        ];
        let backwards: Vec<_> = looks.iter().rev().cloned().collect();
        for looks in [looks.to_vec(), backwards] {
            let outside = outside(&looks);
            let runs = outside.runs(stamp(1).observed, Timestamp::MAX);
            let views: Vec<_> =
                runs.iter().map(|run| (run.view, run.first.entry.0, run.last.entry.0)).collect();
            let wanted = [
                (View::Silent, 1, 1),
                (View::Answers, 2, 3),
                (View::Silent, 4, 4),
                (View::Untried(Untried::NoNetwork), 5, 5),
            ];
            assert_eq!(views, wanted);
            assert_eq!(runs[1].named(), "192.0.2.9:22, 192.0.2.9:80");
            assert_eq!(outside.runs(stamp(2).observed, stamp(2).observed).len(), 1);
        }
    }

    #[test]
    fn nothing_but_silence_of_doors_that_were_tried_is_silence() {
        let view = |look: Value| View::of(&serde_json::from_value(look).unwrap());
        assert_eq!(view(silent()), View::Silent);
        assert_eq!(view(json!({ "tried": [] })), View::Untried(Untried::NoDoor));
        assert_eq!(view(json!({ "tried": ["192.0.2.9:22"], "refused": ["192.0.2.9:22"] })), View::Refuses);
        let both =
            json!({ "tried": ["192.0.2.9:22"], "answered": ["192.0.2.9:22"], "untried": "no_network" });
        assert_eq!(view(both), View::Answers, "an answer is an answer, whatever else did not work");
    }

    #[test]
    fn an_answer_outlives_a_thousand_silences() {
        let mut looks = vec![(1, answers("192.0.2.9:22"))];
        looks.extend((2..1_000).map(|minute| (minute, silent())));
        let outside = outside(&looks);
        assert_eq!(outside.looks.len(), KEPT + 1);
        assert_eq!(outside.runs(Timestamp::MIN, Timestamp::MAX)[0].view, View::Answers);
    }
}
