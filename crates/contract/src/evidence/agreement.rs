//! Proposals and what became of them. Declared = proposed; confirmed = agreed by the other party.

use super::latest::{Latest, Stamp, keep_newer};
use crate::act::{Freeze, HolidayTable, HostPlace, Matter, System};
use crate::change::Object;
use crate::entry::Party;
use crate::fact::network::{Beside, FlowPath};
use crate::id::{EntryNumber, HostId, ProposalId, SystemId, TargetId};
use crate::parameter::{ParameterId, Values};
use crate::target::Target;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// One proposal. Each act has a slot of its own, so that arrival order does not matter.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Proposal {
    /// Who proposed what.
    pub proposed: Option<Latest<(Party, Matter)>>,
    /// Who agreed, first.
    pub agreed: BTreeMap<Party, Stamp>,
    /// Who refused, first.
    pub refused: BTreeMap<Party, Stamp>,
    /// Taken back or ended.
    pub ended: Option<Stamp>,
}

/// Where a proposal stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Waits for the other party.
    Open,
    /// Agreed at this stamp.
    Agreed(Stamp),
    /// Refused.
    Refused,
    /// Taken back or ended.
    Ended,
}

impl Proposal {
    /// Where it stands. An agreement of the proposer's own party counts for nothing, an auditor's neither.
    #[must_use]
    pub fn stage(&self) -> Stage {
        if self.ended.is_some() { Stage::Ended } else { self.decided() }
    }

    /// Where it stood before somebody ended it.
    fn decided(&self) -> Stage {
        let Some(proposed) = &self.proposed else { return Stage::Open };
        let other = match proposed.value.0 {
            Party::City => Party::Contractor,
            Party::Contractor | Party::Auditor => Party::City,
        };
        match (self.agreed.get(&other), self.refused.get(&other)) {
            (Some(agreed), Some(refused)) if refused < agreed => Stage::Refused,
            (Some(agreed), _) => Stage::Agreed(*agreed),
            (None, Some(_)) => Stage::Refused,
            (None, None) => Stage::Open,
        }
    }

    /// Whether somebody had refused it at an instant.
    fn refused_by(&self, at: Timestamp) -> bool {
        self.stage() == Stage::Refused && self.refused.values().any(|stamp| stamp.received <= at)
    }

    /// The matter, once it is known.
    #[must_use]
    pub fn matter(&self) -> Option<&Matter> {
        self.proposed.as_ref().map(|latest| &latest.value.1)
    }
}

/// What a matter is about, for finding it quickly.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Place {
    matter: String,
    system: Option<SystemId>,
    host: Option<HostId>,
}

/// One line found: the proposal, its matter, and where it stands.
#[derive(Debug, Clone, Copy)]
pub struct Line<'a> {
    /// Id.
    pub id: &'a ProposalId,
    /// Proposed at.
    pub proposed: Stamp,
    /// What.
    pub matter: &'a Matter,
    /// Where it stands.
    pub stage: Stage,
}

impl Line<'_> {
    /// Agreed by both parties.
    #[must_use]
    pub fn is_agreed(&self) -> bool {
        matches!(self.stage, Stage::Agreed(_))
    }

    /// Which of several declarations of one thing counts: a newer one, but never before one that both parties agreed on.
    /// Otherwise the contractor could move a host, or call a network closed, by its own word.
    #[must_use]
    pub fn weight(&self) -> (bool, Stamp) {
        (self.is_agreed(), self.proposed)
    }

    /// Proposed and neither refused nor ended.
    #[must_use]
    pub fn is_declared(&self) -> bool {
        matches!(self.stage, Stage::Agreed(_) | Stage::Open)
    }
}

/// A target that both parties agreed on.
#[derive(Debug, Clone, Copy)]
pub struct Watched<'a> {
    /// What is tried.
    pub target: &'a Target,
    /// In force since.
    pub since: Stamp,
    /// Until somebody ended it.
    pub ended: Option<Stamp>,
}

/// How a communication stands to the lists of needed communication, the better answer the greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Need {
    /// No list is agreed.
    NoList,
    /// No line covers it.
    Unlisted,
    /// A line covers a part of what the other side is told to be.
    Perhaps,
    /// It is declared, and it is the other party's turn.
    Waiting,
    /// A line covers it.
    Listed,
}

/// All proposals.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Agreements {
    proposals: BTreeMap<ProposalId, Proposal>,
    #[serde(with = "crate::evidence::latest::pairs")]
    index: BTreeMap<Place, BTreeSet<ProposalId>>,
    by_parameter: BTreeMap<ParameterId, BTreeSet<ProposalId>>,
    places_of: BTreeMap<HostId, BTreeSet<ProposalId>>,
    targets: BTreeMap<TargetId, BTreeSet<ProposalId>>,
}

impl Matter {
    /// All words of [`Matter::word`], in the order pages list them.
    pub const WORDS: [&'static str; 17] = [
        "system",
        "host",
        "target",
        "flow",
        "account",
        "software",
        "limit",
        "asset",
        "device_need",
        "support",
        "holidays",
        "freeze",
        "ignore",
        "baseline",
        "exemption",
        "not_applicable",
        "parameters",
    ];

    /// The word used in `DutyRow::uses`, after `matter:`.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Parameters { .. } => "parameters",
            Self::System(_) => "system",
            Self::Host(_) => "host",
            Self::Flow(_) => "flow",
            Self::Account(_) => "account",
            Self::Software(_) => "software",
            Self::Limit(_) => "limit",
            Self::Asset(_) => "asset",
            Self::DeviceNeed(_) => "device_need",
            Self::Support(_) => "support",
            Self::Target(_) => "target",
            Self::Holidays(_) => "holidays",
            Self::Freeze(_) => "freeze",
            Self::Ignore(_) => "ignore",
            Self::Baseline(_) => "baseline",
            Self::Exemption { .. } => "exemption",
            Self::NotApplicable { .. } => "not_applicable",
        }
    }

    /// The system it is about, where it is about one.
    #[must_use]
    pub fn system(&self) -> Option<&SystemId> {
        match self {
            Self::Parameters { .. } | Self::Holidays(_) => None,
            Self::Freeze(freeze) => freeze.system.as_ref(),
            Self::Ignore(line) => Some(&line.system),
            Self::Baseline(line) => Some(&line.system),
            Self::System(system) => Some(&system.system),
            Self::Host(place) => Some(&place.system),
            Self::Flow(flow) => Some(&flow.system),
            Self::Account(line) => Some(&line.system),
            Self::Software(line) => line.system.as_ref(),
            Self::Limit(line) => Some(&line.system),
            Self::Asset(line) => Some(&line.system),
            Self::DeviceNeed(need) => Some(&need.system),
            Self::Support(line) => Some(&line.system),
            Self::Target(target) => Some(&target.system),
            Self::Exemption { system, .. } | Self::NotApplicable { system, .. } => system.as_ref(),
        }
    }

    /// The host it is about, where it is about one.
    #[must_use]
    pub fn host(&self) -> Option<&HostId> {
        match self {
            Self::Host(place) => Some(&place.host),
            Self::Flow(flow) => flow.host.as_ref(),
            Self::Account(line) => line.host.as_ref(),
            Self::Limit(line) => line.host.as_ref(),
            Self::Ignore(line) => line.host.as_ref(),
            Self::Baseline(line) => Some(&line.host),
            Self::Parameters { .. }
            | Self::System(_)
            | Self::Software(_)
            | Self::DeviceNeed(_)
            | Self::Asset(_)
            | Self::Support(_)
            | Self::Holidays(_)
            | Self::Freeze(_)
            | Self::Target(_)
            | Self::Exemption { .. }
            | Self::NotApplicable { .. } => None,
        }
    }
}

impl Agreements {
    pub(super) fn propose(&mut self, id: &ProposalId, stamp: Stamp, party: Party, matter: &Matter) {
        let slot = self.proposals.entry(id.clone()).or_default();
        if slot.proposed.is_some() {
            return;
        }
        keep_newer(&mut slot.proposed, stamp, (party, matter.clone()));
        let place = Place {
            matter: matter.word().to_owned(),
            system: matter.system().cloned(),
            host: matter.host().cloned(),
        };
        self.index.entry(place).or_default().insert(id.clone());
        if let Matter::Host(place) = matter {
            self.places_of.entry(place.host.clone()).or_default().insert(id.clone());
        }
        if let Matter::Target(target) = matter {
            self.targets.entry(target.target.clone()).or_default().insert(id.clone());
        }
        if let Matter::Parameters { values, .. } = matter {
            for parameter in values.keys() {
                self.by_parameter.entry(*parameter).or_default().insert(id.clone());
            }
        }
    }

    pub(super) fn agree(&mut self, id: &ProposalId, stamp: Stamp, party: Party) {
        keep_first(&mut self.proposals.entry(id.clone()).or_default().agreed, party, stamp);
    }

    pub(super) fn refuse(&mut self, id: &ProposalId, stamp: Stamp, party: Party) {
        keep_first(&mut self.proposals.entry(id.clone()).or_default().refused, party, stamp);
    }

    pub(super) fn end(&mut self, id: &ProposalId, stamp: Stamp, party: Party) {
        if party == Party::Auditor {
            return;
        }
        let ended = &mut self.proposals.entry(id.clone()).or_default().ended;
        *ended = Some(ended.map_or(stamp, |earlier| earlier.min(stamp)));
    }

    /// One proposal.
    #[must_use]
    pub fn proposal(&self, id: &ProposalId) -> Option<&Proposal> {
        self.proposals.get(id)
    }

    /// All proposals, by id.
    pub fn all(&self) -> impl Iterator<Item = (&ProposalId, &Proposal)> {
        self.proposals.iter()
    }

    fn line<'a>(&'a self, id: &'a ProposalId) -> Option<Line<'a>> {
        let proposal = self.proposals.get(id)?;
        let proposed = proposal.proposed.as_ref()?;
        Some(Line { id, proposed: proposed.stamp, matter: &proposed.value.1, stage: proposal.stage() })
    }

    fn at(
        &self,
        matter: &str,
        system: Option<&SystemId>,
        host: Option<&HostId>,
    ) -> impl Iterator<Item = Line<'_>> {
        let place = Place { matter: matter.to_owned(), system: system.cloned(), host: host.cloned() };
        self.index.get(&place).into_iter().flatten().filter_map(|id| self.line(id))
    }

    /// The lines of one matter that concern a system as a whole, or every system.
    pub fn of_system(&self, matter: &str, system: &SystemId) -> impl Iterator<Item = Line<'_>> {
        self.at(matter, Some(system), None).chain(self.at(matter, None, None))
    }

    /// The lines of one matter that concern a host: its own, its system's, and those of every system.
    pub fn of_host(&self, matter: &str, system: &SystemId, host: &HostId) -> impl Iterator<Item = Line<'_>> {
        self.at(matter, Some(system), Some(host)).chain(self.of_system(matter, system))
    }

    /// The lines of one matter, of any system and host.
    pub fn of_any(&self, matter: &str) -> impl Iterator<Item = Line<'_>> {
        self.index
            .iter()
            .filter(move |(place, _)| place.matter == matter)
            .flat_map(|(_, ids)| ids)
            .filter_map(|id| self.line(id))
    }

    /// Systems that were declared and not ended, the declaration of each that counts.
    #[must_use]
    pub fn systems(&self) -> BTreeMap<SystemId, Line<'_>> {
        let mut systems: BTreeMap<SystemId, Line<'_>> = BTreeMap::new();
        for line in self.of_any("system").filter(Line::is_declared) {
            let Matter::System(System { system, .. }) = line.matter else { continue };
            let newer = systems.get(system).is_none_or(|known| known.weight() < line.weight());
            if newer {
                systems.insert(system.clone(), line);
            }
        }
        systems
    }

    /// The declaration of where a host belongs that counts.
    #[must_use]
    pub fn place_line(&self, host: &HostId) -> Option<Line<'_>> {
        let lines = self.places_of.get(host).into_iter().flatten().filter_map(|id| self.line(id));
        lines.filter(Line::is_declared).max_by_key(Line::weight)
    }

    /// The place of a host, by the declaration that counts.
    #[must_use]
    pub fn place_of(&self, host: &HostId) -> Option<&HostPlace> {
        match self.place_line(host)?.matter {
            Matter::Host(place) => Some(place),
            _ => None,
        }
    }

    /// Hosts that were ever declared.
    pub fn declared_hosts(&self) -> impl Iterator<Item = &HostId> {
        self.places_of.keys()
    }

    /// Targets that were ever agreed, each by the declaration that counts: one in force before one that was ended.
    pub fn targets(&self) -> impl Iterator<Item = Watched<'_>> {
        self.targets.keys().filter_map(|target| self.target(target))
    }

    /// One target, as [`Agreements::targets`] has it.
    #[must_use]
    pub fn target(&self, target: &TargetId) -> Option<Watched<'_>> {
        let lines = self.targets.get(target).into_iter().flatten().filter_map(|id| self.watched(id));
        lines.max_by_key(|watched| (watched.ended.is_none(), watched.since))
    }

    fn watched(&self, id: &ProposalId) -> Option<Watched<'_>> {
        let proposal = self.proposals.get(id)?;
        let (_, Matter::Target(target)) = &proposal.proposed.as_ref()?.value else { return None };
        let Stage::Agreed(since) = proposal.decided() else { return None };
        let in_force = proposal.ended.is_none_or(|ended| since < ended);
        in_force.then_some(Watched { target, since, ended: proposal.ended })
    }

    /// The agreed tables of holidays, oldest first.
    #[must_use]
    pub fn holidays(&self) -> Vec<&HolidayTable> {
        let mut agreed: Vec<(Stamp, &HolidayTable)> = self
            .of_any("holidays")
            .filter_map(|line| match (line.stage, line.matter) {
                (Stage::Agreed(stamp), Matter::Holidays(table)) => Some((stamp, table)),
                _ => None,
            })
            .collect();
        agreed.sort_by_key(|(stamp, _)| *stamp);
        agreed.into_iter().map(|(_, table)| table).collect()
    }

    /// The agreed freeze that a period of a system touches.
    #[must_use]
    pub fn frozen(&self, system: &SystemId, from: Timestamp, to: Timestamp) -> Option<&Freeze> {
        self.of_system("freeze", system).filter(Line::is_agreed).find_map(|line| match line.matter {
            Matter::Freeze(freeze) if freeze.from < to && from < freeze.until => Some(freeze),
            _ => None,
        })
    }

    /// The agreement by which a change of this thing at this instant counts for nothing: one that was in force then, so that
    /// neither agreeing nor ending it later changes what was judged.
    #[must_use]
    pub fn ignored(
        &self,
        system: &SystemId,
        host: &HostId,
        object: Object,
        name: &str,
        at: Timestamp,
    ) -> Option<EntryNumber> {
        let lines = self.of_host("ignore", system, host).filter_map(|line| match line.matter {
            Matter::Ignore(ignore) if ignore.object == object && ignore.names(name) => Some(line.id),
            _ => None,
        });
        let in_force = lines.filter_map(|id| {
            let proposal = self.proposals.get(id)?;
            let ended = proposal.ended.is_some_and(|ended| ended.received <= at);
            let Stage::Agreed(stamp) = (Proposal { ended: None, ..proposal.clone() }).stage() else {
                return None;
            };
            (stamp.received <= at && !ended).then_some(stamp.entry)
        });
        in_force.min()
    }

    /// How a communication stood to the lists of needed communication when it was seen. What is agreed later explains
    /// nothing that was seen before.
    #[must_use]
    pub fn needed(&self, system: &SystemId, host: &HostId, seen: &FlowPath, at: Timestamp) -> Need {
        let mut need = Need::NoList;
        for line in self.of_host("flow", system, host) {
            let (Matter::Flow(flow), Some(proposal)) = (line.matter, self.proposals.get(line.id)) else {
                continue;
            };
            let over = proposal.ended.is_some_and(|ended| ended.received <= at)
                || flow.until.is_some_and(|until| until <= at);
            if over {
                continue;
            }
            let agreed = matches!(proposal.decided(), Stage::Agreed(stamp) if stamp.received <= at);
            let waits = line.proposed.received <= at && !agreed && !proposal.refused_by(at);
            need = need.max(match (seen.beside(flow), agreed) {
                (Beside::Within, true) => Need::Listed,
                (Beside::Within | Beside::Perhaps, false) if waits => Need::Waiting,
                (Beside::Perhaps, true) => Need::Perhaps,
                (Beside::Other, true) => Need::Unlisted,
                (_, false) => Need::NoList,
            });
        }
        need
    }

    /// The agreed values of a parameter and the instants from which they hold, oldest first.
    #[must_use]
    pub fn agreed_values(&self, parameter: ParameterId) -> Vec<(Timestamp, &Values, Stamp)> {
        let ids = self.by_parameter.get(&parameter).into_iter().flatten();
        let mut agreed: Vec<_> = ids
            .filter_map(|id| self.line(id))
            .filter_map(|line| {
                let Stage::Agreed(stamp) = line.stage else { return None };
                let Matter::Parameters { from, values } = line.matter else { return None };
                Some(((*from).max(stamp.received), values.get(&parameter)?, stamp))
            })
            .collect();
        agreed.sort_by_key(|(from, _, stamp)| (*from, *stamp));
        agreed
    }
}

fn keep_first(slots: &mut BTreeMap<Party, Stamp>, party: Party, stamp: Stamp) {
    let slot = slots.entry(party).or_insert(stamp);
    *slot = (*slot).min(stamp);
}
