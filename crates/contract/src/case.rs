//! What a judge may look at: the evidence on one duty of one system, at one instant.
//!
//! A judge never sees the instant itself. It asks whether an instant has passed, and the case notes the next instant
//! at which the answer will differ: so the court knows when to judge again, and time is never polled.

use crate::act::{HostPlace, Importance, Matter, Segment, System, Trit};
use crate::calendar::{Calendar, Due};
use crate::court::joins::Joins;
use crate::evidence::Evidence;
use crate::evidence::agreement::Line;
use crate::evidence::host::Host;
use crate::fact::Coverage;
use crate::fact::agent::RunOutcome;
use crate::id::{EntryNumber, HostId, SystemId};
use crate::parameter::ParameterId;
use crate::request::RequestNumber;
use crate::request::flow::Progress;
use crate::request::form::Form;
use crate::standing::{EvidenceClass, Sentence, Verdict};
use crate::terms::Terms;
use jiff::{SignedDuration, Timestamp};
use std::borrow::Cow;
use std::cell::Cell;
use std::collections::BTreeMap;

/// The evidence on one system at one instant.
pub struct Case<'a> {
    /// The contract.
    pub terms: &'a Terms,
    /// Everything known.
    pub evidence: &'a Evidence,
    /// What was joined of what happened on hosts.
    pub joins: &'a Joins,
    /// The system.
    pub system: &'a SystemId,
    places: &'a BTreeMap<HostId, HostPlace>,
    at: Timestamp,
    next: Cell<Option<Timestamp>>,
}

/// The city's calendar.
pub const P37: ParameterId = ParameterId::new(37);

/// A number to measure by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Measure {
    /// The number, in the unit of the contract file.
    pub value: i64,
    /// Both parties agreed on it; otherwise it is the proposed value of the contract file.
    pub agreed: bool,
    /// The entry of the agreement.
    pub entry: Option<EntryNumber>,
}

impl<'a> Case<'a> {
    /// A case at an instant. `places` are the hosts of the system.
    #[must_use]
    pub fn new(
        terms: &'a Terms,
        (evidence, joins): (&'a Evidence, &'a Joins),
        system: &'a SystemId,
        places: &'a BTreeMap<HostId, HostPlace>,
        at: Timestamp,
    ) -> Self {
        Self { terms, evidence, joins, system, places, at, next: Cell::new(None) }
    }

    /// Whether the instant lies behind. The only way to ask about time.
    #[must_use]
    pub fn passed(&self, instant: Timestamp) -> bool {
        if self.at >= instant {
            return true;
        }
        let earlier = self.next.get().is_none_or(|next| instant < next);
        if earlier {
            self.next.set(Some(instant));
        }
        false
    }

    /// Whether something of this instant is older than the limit.
    #[must_use]
    pub fn older_than(&self, instant: Timestamp, limit: SignedDuration) -> bool {
        self.passed(instant.saturating_add(limit).unwrap_or(Timestamp::MAX))
    }

    /// The next instant at which an answer of [`Case::passed`] will differ.
    #[must_use]
    pub fn next_change(&self) -> Option<Timestamp> {
        self.next.get()
    }

    /// The city's calendar, with the holidays both parties agreed on.
    #[must_use]
    pub fn calendar(&self) -> Cow<'a, Calendar> {
        let tables = self.evidence.agreements.holidays();
        if tables.is_empty() {
            return Cow::Borrowed(&self.terms.calendar);
        }
        Cow::Owned(self.terms.calendar.with(&tables))
    }

    /// When so many open days of the city have passed, by the hours both parties agreed on (P-37).
    pub fn after_open_days(&self, from: Timestamp, open_days: i64) -> Due {
        let calendar = self.calendar();
        let agreed = self.measure(P37, "close_min");
        let close = calendar.close.duration_since(jiff::civil::Time::midnight()).as_mins();
        calendar.after_open_days(from, open_days, if agreed.agreed { agreed.value } else { close })
    }

    /// The first host that says nothing, as a verdict: what happens there is not known.
    #[must_use]
    pub fn silent_host(&self) -> Option<Box<Verdict>> {
        let silent = Host::default();
        let mut hosts = self.hosts();
        hosts.find_map(|(place, host)| {
            HostCase { case: self, place, host: host.unwrap_or(&silent) }.alive().err()
        })
    }

    /// The hosts of the system that were declared; the host is absent while nothing was heard of it.
    pub fn hosts(&self) -> impl Iterator<Item = (&'a HostPlace, Option<&'a Host>)> {
        let evidence = self.evidence;
        self.places.values().map(move |place| (place, evidence.hosts.get(&place.host)))
    }

    /// The requests of a form about this system, with their numbers.
    pub fn requests(&self, form: Form) -> impl Iterator<Item = (&'a RequestNumber, &'a Progress)> {
        let requests = self.evidence.requests.of_system(self.system);
        requests.filter_map(move |(_, request)| {
            let progress = request.progress.as_ref().filter(|progress| progress.form() == form)?;
            Some((request.number.as_ref()?, progress))
        })
    }

    /// The system as both parties agreed, else as it was declared.
    #[must_use]
    pub fn system_line(&self) -> Option<&'a System> {
        let lines = self.evidence.agreements.of_system("system", self.system).filter(Line::is_declared);
        match lines.max_by_key(Line::weight)?.matter {
            Matter::System(system) => Some(system),
            _ => None,
        }
    }

    /// The importance of the system; the highest while nobody said.
    #[must_use]
    pub fn importance(&self) -> Importance {
        self.system_line().map_or(Importance::S, |system| system.importance)
    }

    /// The network of the system; the strictest rules (Internet) while nobody said.
    #[must_use]
    pub fn segment(&self) -> Segment {
        self.system_line().map_or(Segment::Internet, |system| system.segment)
    }

    /// Whether the system can be reached from the Internet.
    #[must_use]
    pub fn internet_facing(&self) -> Trit {
        self.system_line().map_or(Trit::Unsaid, |system| system.internet_facing)
    }

    /// A number to measure by: the agreed value in force, else the proposed one.
    ///
    /// A value outside the range of the contract file counts as not agreed: the contract does not allow it.
    #[must_use]
    pub fn measure(&self, parameter: ParameterId, key: &str) -> Measure {
        let terms = self.terms.parameters.get(&parameter);
        let allowed =
            |value: &i64| terms.and_then(|terms| terms.range(key)).is_none_or(|range| range.contains(value));
        let agreed = self.evidence.agreements.agreed_values(parameter);
        let in_force = agreed
            .iter()
            .rev()
            .find(|(from, values, _)| values.get(key).is_some_and(allowed) && self.passed(*from));
        if let Some((_, values, stamp)) = in_force {
            let value = values.get(key).copied().unwrap_or_default();
            return Measure { value, agreed: true, entry: Some(stamp.entry) };
        }
        let default = terms.and_then(|terms| terms.defaults.get(key));
        Measure { value: default.copied().unwrap_or_default(), agreed: false, entry: None }
    }
}

/// The evidence on one host of a system.
pub struct HostCase<'a> {
    /// The case of the system.
    pub case: &'a Case<'a>,
    /// Where the host stands.
    pub place: &'a HostPlace,
    /// What is known of it.
    pub host: &'a Host,
}

/// A host that says nothing for so long is silent, whatever it said before.
const SILENT_AFTER_S: i64 = 30 * 60;

/// How lately a collector must have looked: the table of support dates is read and doors are tried once a day, everything else
/// is looked at all the time.
fn looks_within(collector: &str) -> SignedDuration {
    match collector {
        "support" | "tls" => SignedDuration::from_hours(48),
        _ => SignedDuration::from_hours(1),
    }
}

impl<'a> HostCase<'a> {
    /// The host's id.
    #[must_use]
    pub fn id(&self) -> &'a HostId {
        &self.place.host
    }

    /// The agent lives and says so.
    ///
    /// # Errors
    /// 未確認, with since when nothing is heard.
    pub fn alive(&self) -> Result<(), Box<Verdict>> {
        let host = self.host;
        let Some(last) = host.last_received else { return Err(Box::new(self.never_heard())) };
        if let Some(silence) = &host.silence {
            let back = host.heard.as_ref().is_some_and(|heard| heard.stamp > silence.stamp);
            let spoke = last.received > silence.stamp.received;
            if !back && !spoke {
                return Err(Box::new(self.silent(silence.value.since, silence.stamp.entry)));
            }
        }
        if let Some(stopped) = &host.stopped {
            let restarted = host.started.as_ref().is_some_and(|start| start.stamp > stopped.stamp);
            if !restarted {
                return Err(Box::new(self.silent(stopped.stamp.observed, stopped.stamp.entry)));
            }
        }
        let every =
            host.beat.as_ref().map_or(SILENT_AFTER_S, |beat| i64::from(beat.value.every_s).saturating_mul(3));
        let limit = SignedDuration::from_secs(every.max(SILENT_AFTER_S));
        if self.case.older_than(last.received, limit) {
            return Err(Box::new(self.silent(last.received, last.entry)));
        }
        Ok(())
    }

    /// The collector's last run went well enough, and lately enough, to be believed.
    ///
    /// Readings are sent when they change, so an old one is good while the beats say that its collector still looks.
    ///
    /// # Errors
    /// 未確認: the agent is silent, or the collector could not read, with its reason, or it looks no more.
    pub fn fresh(&self, collector: &str) -> Result<(), Box<Verdict>> {
        self.alive()?;
        let Some(beat) = &self.host.beat else { return Ok(()) };
        let Some(run) = beat.value.collectors.get(collector) else {
            return Err(Box::new(self.looks_no_more(collector, beat.stamp.entry)));
        };
        if run.outcome == RunOutcome::Failed {
            return Err(Box::new(self.cannot_read(collector, &run.reason, beat.stamp.entry)));
        }
        // Both instants are by the host's clock; their distance counts from when the server had the beat.
        let age = beat.stamp.observed.duration_since(run.ran).max(SignedDuration::ZERO);
        let ran = beat.stamp.received.checked_sub(age).unwrap_or(Timestamp::MIN);
        if self.case.older_than(ran, looks_within(collector)) {
            return Err(Box::new(self.looks_no_more(collector, beat.stamp.entry)));
        }
        Ok(())
    }

    /// As [`HostCase::fresh`] of each of these. Which beat said so changes all the time; that it was said does not, so none is
    /// named.
    ///
    /// # Errors
    /// 未確認, as there.
    pub fn looks(&self, collectors: &[&str]) -> Result<(), Box<Verdict>> {
        let looked = collectors.iter().try_for_each(|collector| self.fresh(collector));
        looked.map_err(|unknown| Box::new(Verdict::unknown(unknown.cause, unknown.next)))
    }

    fn cannot_read(&self, collector: &str, reason: &str, beat: EntryNumber) -> Verdict {
        let id = self.id();
        let cause = Sentence::new(
            format!("{id} の「{collector}」を読み取れません（{reason}）。"),
            format!("`{collector}` of {id} cannot be read ({reason})."),
        );
        let next = Sentence::new(
            "受託者は、エージェントに必要な権限を与えてください。",
            "The contractor gives the agent the right it needs.",
        );
        Verdict::unknown(cause, next).with_evidence(EvidenceClass::E1, [beat])
    }

    fn looks_no_more(&self, collector: &str, beat: EntryNumber) -> Verdict {
        let id = self.id();
        let cause = Sentence::new(
            format!("{id} のエージェントは動いていますが、「{collector}」を見ていません。"),
            format!("The agent of {id} works but does not look at `{collector}`."),
        );
        let next = Sentence::new(
            "受託者は、エージェントを起動し直してください。",
            "The contractor restarts the agent.",
        );
        Verdict::unknown(cause, next).with_evidence(EvidenceClass::E1, [beat])
    }

    /// A reading that could not see everything is no ground for 適合.
    ///
    /// # Errors
    /// 未確認, with what is missing and why.
    pub fn whole(
        &self,
        what: Sentence,
        coverage: &Coverage,
        entries: &[EntryNumber],
    ) -> Result<(), Box<Verdict>> {
        if coverage.is_complete() {
            return Ok(());
        }
        let (id, missed) = (self.id(), coverage.unreadable.saturating_add(coverage.skipped));
        let reason = &coverage.reason;
        let cause = Sentence::new(
            format!("{id} の{}のうち {missed} 件を読み取れていません（{reason}）。", what.ja),
            format!("{missed} of the {} of {id} could not be read ({reason}).", what.en),
        );
        let next = Sentence::new(
            "受託者は、エージェントに必要な権限を与えてください。",
            "The contractor gives the agent the right it needs.",
        );
        let entries = entries.iter().copied();
        Err(Box::new(Verdict::unknown(cause, next).with_evidence(EvidenceClass::E1, entries)))
    }

    /// 未確認 because no reading of this kind ever came.
    pub fn not_observed(&self, what_ja: &str, what_en: &str) -> Verdict {
        let id = self.id();
        Verdict::unknown(
            Sentence::new(
                format!("{id} の{what_ja}がまだ観測されていません。"),
                format!("The {what_en} of {id} has not been observed yet."),
            ),
            Sentence::new(
                "受託者は、エージェントの稼働と権限を確認してください。",
                "The contractor checks that the agent runs and has the rights it needs.",
            ),
        )
    }

    fn never_heard(&self) -> Verdict {
        let id = self.id();
        Verdict::unknown(
            Sentence::new(
                format!("{id} からはまだ一度も報告がありません。"),
                format!("Nothing was ever heard of {id}."),
            ),
            Sentence::new(
                "受託者は、このホストにエージェントを入れてください。",
                "The contractor installs the agent on this host.",
            ),
        )
    }

    fn silent(&self, since: Timestamp, entry: EntryNumber) -> Verdict {
        let id = self.id();
        let since_jst = crate::standing::jst(since);
        Verdict::unknown(
            Sentence::new(
                format!("{id} から {since_jst} 以降、報告がありません。"),
                format!("{id} has been silent since {since_jst}."),
            ),
            Sentence::new(
                "受託者は、ホスト・回線・エージェントを確認してください。",
                "The contractor checks the host, the line and the agent.",
            ),
        )
        .with_evidence(EvidenceClass::E1, [entry])
    }
}
