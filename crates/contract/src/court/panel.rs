//! The verdicts on one duty of one system, put together.

use super::{Ruling, Turned};
use crate::act::Matter;
use crate::case::Case;
use crate::duty::{DutyId, MEASURES};
use crate::evidence::agreement::Line;
use crate::id::{EntryNumber, HostId, SystemId};
use crate::parameter::ParameterId;
use crate::standing::{EVIDENCE_SHOWN, EvidenceClass, Sentence, Standing, Tally, Verdict, jst};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Heard {
    verdict: Verdict,
    next: Option<Timestamp>,
}

/// One duty of one system.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Panel {
    hosts: BTreeMap<HostId, Heard>,
    by_severity: BTreeMap<u8, BTreeSet<HostId>>,
    own: Option<Verdict>,
    own_deadline: Option<Timestamp>,
    concluded: Option<Verdict>,
    at: Timestamp,
    since: Timestamp,
}

impl Panel {
    pub(super) fn new(now: Timestamp) -> Self {
        Self {
            hosts: BTreeMap::new(),
            by_severity: BTreeMap::new(),
            own: None,
            own_deadline: None,
            concluded: None,
            at: now,
            since: now,
        }
    }

    pub(super) fn hosts(&self) -> impl Iterator<Item = (&HostId, &Verdict)> {
        self.hosts.iter().map(|(host, heard)| (host, &heard.verdict))
    }

    pub(super) fn hear(&mut self, host: &HostId, verdict: Verdict, next: Option<Timestamp>) {
        self.forget(host);
        self.by_severity.entry(verdict.standing.severity()).or_default().insert(host.clone());
        self.hosts.insert(host.clone(), Heard { verdict, next });
    }

    pub(super) fn forget(&mut self, host: &HostId) {
        let Some(old) = self.hosts.remove(host) else { return };
        if let Some(same) = self.by_severity.get_mut(&old.verdict.standing.severity()) {
            same.remove(host);
        }
    }

    pub(super) fn deadline(&self, host: Option<&HostId>) -> Option<Timestamp> {
        match host {
            Some(host) => self.hosts.get(host)?.next,
            None => self.own_deadline,
        }
    }

    pub(super) fn set_own_deadline(&mut self, next: Option<Timestamp>) {
        self.own_deadline = next;
    }

    pub(super) fn set_own(&mut self, verdict: Verdict) {
        self.own = Some(verdict);
    }

    /// The system's own verdict, or the worst of its hosts with how many there are.
    pub(super) fn together(&self, system: &SystemId) -> Verdict {
        if let Some(own) = &self.own {
            return own.clone();
        }
        let worst = self.by_severity.iter().rev().find(|(_, hosts)| !hosts.is_empty());
        let Some((_, worst)) = worst else { return no_hosts(system) };
        let first = worst.first().and_then(|host| self.hosts.get(host));
        let Some(Heard { verdict: first, .. }) = first else { return no_hosts(system) };
        let mut verdict = first.clone();
        verdict.tally = self.tally();
        let total = self.hosts.len();
        if total > 1 {
            let count = worst.len();
            verdict.cause = Sentence::new(
                format!("{total}台中{count}台: {}", first.cause.ja),
                format!("{count} of {total} hosts: {}", first.cause.en),
            );
            let others = worst.iter().skip(1).take(EVIDENCE_SHOWN).filter_map(|host| self.hosts.get(host));
            let entries: Vec<EntryNumber> =
                others.filter_map(|heard| heard.verdict.evidence.first().copied()).collect();
            verdict = verdict.with_evidence(first.class.unwrap_or(EvidenceClass::E1), entries);
        }
        verdict
    }

    fn tally(&self) -> Tally {
        let count = |standing: &Standing| {
            let same = self.by_severity.get(&standing.severity()).map_or(0, BTreeSet::len);
            u32::try_from(same).unwrap_or(u32::MAX)
        };
        Tally {
            kept: count(&Standing::Kept),
            broken: count(&Standing::Broken),
            unknown: count(&Standing::Unknown),
        }
    }

    /// Keeps the verdict. None when nothing is new.
    pub(super) fn replace(&mut self, verdict: Verdict, now: Timestamp) -> Option<Turned> {
        if self.concluded.as_ref() == Some(&verdict) {
            return None;
        }
        let same = self.concluded.as_ref().is_some_and(|old| old.standing.word() == verdict.standing.word());
        if !same {
            self.since = now;
        }
        self.at = now;
        self.concluded = Some(verdict);
        Some(if same { Turned::No } else { Turned::Yes })
    }

    pub(super) fn ruling(&self, duty: DutyId, system: &SystemId) -> Ruling {
        let verdict = self.concluded.clone().unwrap_or_else(|| no_hosts(system));
        Ruling { duty, system: system.clone(), at: self.at, since: self.since, verdict, turned: Turned::No }
    }
}

fn no_hosts(system: &SystemId) -> Verdict {
    Verdict::unknown(
        Sentence::new(
            format!("{system} には、観測するホストが登録されていません。"),
            format!("No observed host is registered for {system}."),
        ),
        Sentence::new(
            "受託者は、対象ホストを登録し、エージェントを入れてください。",
            "The contractor registers the hosts and installs the agent.",
        ),
    )
}

/// Without agreement on the numbers that decide, neither 適合 nor 不適合 may be said.
pub(super) fn weaken(case: &Case<'_>, duty: DutyId, verdict: Verdict) -> Verdict {
    let numbers = |parameter: ParameterId| {
        MEASURES.iter().filter(move |number| number.duty == duty.key() && number.parameter == parameter)
    };
    let open = verdict
        .parameters
        .iter()
        .find(|parameter| numbers(**parameter).any(|number| !case.measure(**parameter, number.value).agreed));
    let (Some(open), Standing::Kept | Standing::Broken) = (open, &verdict.standing) else { return verdict };
    let (ja, en) = match verdict.standing {
        Standing::Kept => ("適合", "kept"),
        _ => ("不適合", "broken"),
    };
    let name = case.terms.parameters.get(open);
    let (name_ja, name_en) = name.map_or(("", ""), |terms| (terms.ja.as_str(), terms.en.as_str()));
    let cause = Sentence::new(
        format!("基準 {open}（{name_ja}）が未合意です。標準値で測れば{ja}です: {}", verdict.cause.ja),
        format!("{open} ({name_en}) is not agreed. By the proposed value it is {en}: {}", verdict.cause.en),
    );
    let next = Sentence::new(
        format!("双方は、基準 {open} を合意してください。"),
        format!("Both parties agree on {open}."),
    );
    Verdict { standing: Standing::Unknown, cause, next, ..verdict }
}

/// 対象外 and 例外承認中, where both parties agreed on them.
pub(super) fn with_exceptions(case: &Case<'_>, duty: DutyId, verdict: Verdict) -> Verdict {
    let agreements = &case.evidence.agreements;
    let concerns = |line: &Line<'_>| match line.matter {
        Matter::Exemption { duty: of, .. } | Matter::NotApplicable { duty: of, .. } => *of == duty,
        _ => false,
    };
    let agreed = |line: &Line<'_>| line.is_agreed() && concerns(line);
    if let Some(line) = agreements.of_system("not_applicable", case.system).find(|line| agreed(line)) {
        let Matter::NotApplicable { reason, .. } = line.matter else { return verdict };
        let cause = Sentence::new(
            format!("双方の合意により対象外です（{reason}）。"),
            format!("Not applicable by agreement ({reason})."),
        );
        let plain = Verdict::unknown(cause, Sentence::default());
        return Verdict { standing: Standing::NotApplicable, ..plain }
            .with_evidence(EvidenceClass::E3, [line.proposed.entry]);
    }
    if verdict.standing == Standing::Kept {
        return verdict;
    }
    for line in agreements.of_system("exemption", case.system).filter(agreed) {
        let Matter::Exemption { until, reason, .. } = line.matter else { continue };
        if case.passed(*until) {
            continue;
        }
        let until_jst = jst(*until);
        let cause = Sentence::new(
            format!("{until_jst} まで例外が承認されています（{reason}）。実態: {}", verdict.cause.ja),
            format!("An exception is granted until {until_jst} ({reason}). Underneath: {}", verdict.cause.en),
        );
        let exempt = Verdict { standing: Standing::Exempt(*until), cause, ..verdict };
        return exempt.with_evidence(EvidenceClass::E3, [line.proposed.entry]);
    }
    verdict
}
