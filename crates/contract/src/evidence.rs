//! What is known: the entries, folded. The same entries give the same evidence in any arrival order: a newer reading
//! (by the host's own numbering) replaces an older one, acts fill slots of their own, and what they mean together is
//! worked out when it is asked for.

pub mod agreement;
pub mod backups;
pub mod clocks;
pub mod documents;
pub mod engine_offers;
pub mod environments;
pub mod flows;
pub mod host;
pub mod idle_cuts;
pub mod inventory;
pub mod latest;
pub mod log_ons;
pub mod occurrences;
pub mod offices;
pub mod orders;
pub mod outside;
pub mod requests;
pub mod usage;
pub mod vulnerabilities;
pub mod watching;

use crate::act::{Act, Importance, Matter, ReviewedAccount};
use crate::entry::{Author, Body, Entry, Party};
use crate::evidence::agreement::{Line, Stage};
use crate::fact::Fact;
use crate::fact::malware::IsolationCause;
use crate::fact::server::PortalCheck;
use crate::finding::Sayings;
use crate::id::{DeviceId, Digest, EntryNumber, HostId, PersonId, ProposalId, RequestId, SystemId};
use crate::occurrence::Key;
use crate::request::flow::{By, Rules};
use agreement::Agreements;
use documents::Documents;
use host::Host;
use jiff::Timestamp;
use latest::{Latest, Stamp, keep_newer};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use watching::Watching;

/// A person's role in the contract.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Holder {
    /// The role was taken up.
    pub entered: Latest<HeldRole>,
    /// It was left.
    pub left: Option<Stamp>,
}

/// A role held for a period.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct HeldRole {
    /// From.
    pub from: Timestamp,
    /// Until.
    pub until: Option<Timestamp>,
    /// The salted digest of the name; none while only the end is known.
    pub name: Option<Digest>,
}

impl Holder {
    /// When it ends or ended; none: no end is known.
    fn end(&self) -> Option<Timestamp> {
        let left = self.left.filter(|left| *left > self.entered.stamp).map(|left| left.received);
        left.into_iter().chain(self.entered.value.until).min()
    }
}

/// A device certificate.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Device {
    /// Issued: the host, and the end of the certificate.
    pub enrolled: Option<Latest<(HostId, Timestamp)>>,
    /// Refused since.
    pub revoked: Option<Stamp>,
}

/// A request to be shown something.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Disclosure {
    /// Asked: duty, system, due.
    pub asked: Option<Latest<(crate::duty::DutyId, SystemId, Timestamp)>>,
    /// Delivered.
    pub delivered: Option<Latest<()>>,
}

/// What an entry changed for the join of what happened with what was approved.
#[derive(Debug, Clone, Default)]
pub struct News {
    /// What happened on the host of the entry.
    pub happened: Vec<Key>,
    /// Requests that stand otherwise than before.
    pub requests: Vec<RequestId>,
}

/// What the city said of each account in a review.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessReview {
    /// They have to go.
    pub revoke: Vec<ReviewedAccount>,
    /// They were looked at and stay.
    pub kept: BTreeSet<ReviewedAccount>,
}

/// Everything known at one instant.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Evidence {
    /// Hosts that were heard of.
    pub hosts: BTreeMap<HostId, Host>,
    /// Proposals and agreements.
    pub agreements: Agreements,
    /// The register of documents.
    pub documents: Documents,
    /// Who holds which role.
    #[serde(with = "latest::pairs")]
    pub people: BTreeMap<(PersonId, crate::act::Role), Holder>,
    /// Device certificates.
    pub devices: BTreeMap<DeviceId, Device>,
    /// Requests for disclosure.
    pub disclosures: BTreeMap<ProposalId, Disclosure>,
    /// Posts of the city, deputies, routes.
    pub offices: offices::Offices,
    /// What happened on hosts.
    pub occurrences: occurrences::Occurrences,
    /// What people said of findings.
    pub sayings: Sayings,
    /// Requests, reports, presentations.
    pub requests: requests::Requests,
    /// Orders to agents.
    #[serde(default)]
    pub orders: orders::Orders,
    /// The city's last review of access, by system.
    pub access_reviews: BTreeMap<SystemId, Latest<AccessReview>>,
    /// The server's last try of its own doors.
    pub portal: Option<Latest<PortalCheck>>,
    /// What probes saw of their targets.
    pub watching: Watching,
    /// What users have to rely on, as probes saw it.
    pub environments: environments::Environments,
    /// Whether probes were cut when they idled.
    #[serde(default)]
    pub idle_cuts: idle_cuts::IdleCuts,
    /// What is known of vulnerabilities.
    #[serde(default)]
    pub vulnerabilities: vulnerabilities::Vulnerabilities,
    /// What the last entry changed for the join; taken at once.
    #[serde(skip)]
    news: News,
    /// Entries that were corrected later.
    pub corrected: BTreeSet<EntryNumber>,
}

impl Evidence {
    /// Takes one entry in.
    pub fn enter(&mut self, number: EntryNumber, entry: &Entry) {
        let stamp = Stamp {
            // A clock that is ahead must not make a reading live longer than it does.
            observed: entry.observed.min(entry.received),
            seq: entry.seq.unwrap_or(0),
            received: entry.received,
            entry: number,
        };
        match &entry.body {
            Body::Fact(fact) => {
                self.enter_fact(stamp, &entry.author, entry.host.as_ref(), fact);
                self.news.happened = self.occurrences.enter(stamp, entry);
            }
            Body::Act(act) => {
                self.enter_act(stamp, party(&entry.author), author_person(&entry.author), act);
            }
        }
    }

    /// What the last entry changed for the join.
    pub(crate) fn take_news(&mut self) -> News {
        std::mem::take(&mut self.news)
    }

    /// What a step on a request about these systems is judged by at an instant.
    #[must_use]
    pub fn rules_for(&self, systems: &BTreeSet<SystemId>, at: Timestamp) -> Rules<'_> {
        Rules { offices: &self.offices, importance: highest(&self.agreements, systems, at) }
    }

    /// When the record could know of a stop that probes saw.
    #[must_use]
    pub fn received_of(&self, stop: &crate::occurrence::Occurrence) -> Timestamp {
        stop.when.last().max(stop.stamp.received)
    }

    fn enter_fact(&mut self, stamp: Stamp, author: &Author, host: Option<&HostId>, fact: &Fact) {
        if let (Fact::PortalCheck(check), Author::Server) = (fact, author) {
            keep_newer(&mut self.portal, stamp, check.clone());
        }
        if *author == Author::Server {
            self.vulnerabilities.enter(stamp, host, fact);
        }
        // An agent speaks for its own host only.
        let foreign = matches!(author, Author::Agent(agent) if Some(agent) != host);
        if !foreign {
            self.watching.enter(stamp, author, fact);
            self.environments.enter(stamp, author, fact);
            self.idle_cuts.enter(stamp, author, fact);
        }
        if let Some(host) = host.filter(|_| !foreign) {
            self.enter_act_of_agent(stamp, host, fact);
            self.hosts.entry(host.clone()).or_default().enter(stamp, author, fact);
        }
    }

    /// What an agent did by an order, or by a standing approval: a use of the approval.
    fn enter_act_of_agent(&mut self, stamp: Stamp, host: &HostId, fact: &Fact) {
        match fact {
            Fact::OrderOutcome(outcome) => self.orders.came_of(stamp, host, outcome),
            Fact::IsolationState(state) if state.cause == Some(IsolationCause::Permit) => {
                if let Some(request) = state.approval.clone().filter(|_| state.isolated) {
                    self.requests.used(&request, stamp, host);
                    self.follow_request(&request);
                }
            }
            _ => {}
        }
    }

    fn enter_act(&mut self, stamp: Stamp, party: Party, person: Option<&PersonId>, act: &Act) {
        match act {
            Act::Proposed { proposal, .. }
            | Act::Agreed { proposal }
            | Act::Refused { proposal, .. }
            | Act::Ended { proposal, .. } => {
                self.enter_proposal(stamp, party, act);
                let matter = self.agreements.proposal(proposal).and_then(|known| known.matter());
                if let Some(Matter::System(_)) = matter {
                    self.follow_requests();
                }
            }
            Act::DocumentRegistered(_)
            | Act::DocumentApproved { .. }
            | Act::DocumentReviewed { .. }
            | Act::DocumentAcknowledged { .. }
            | Act::DocumentWithdrawn { .. } => self.documents.enter(stamp, party, person, act),
            Act::PersonEntered { .. } | Act::PersonLeft { .. } => {
                self.enter_person(stamp, act);
                self.enter_office(stamp, act);
            }
            Act::PostNamed { .. } => self.offices.enter(stamp, act),
            Act::PostTaken { .. }
            | Act::PostLeft { .. }
            | Act::DeputyNamed { .. }
            | Act::DeputyEnded { .. }
            | Act::RouteSet { .. } => {
                // Only the city says who sits on its posts.
                if party == Party::City {
                    self.enter_office(stamp, act);
                }
            }
            Act::RequestAsked { .. } | Act::RequestStep { .. } => {
                if let Some(person) = person {
                    self.enter_request(stamp, By { person: person.clone(), party }, act);
                }
            }
            Act::FindingClassified { finding, class, reason } => {
                self.sayings.classify(finding, stamp, party, *class, reason);
            }
            Act::FindingClosed { finding, reason } => self.sayings.close(finding, stamp, party, reason),
            Act::DeviceEnrolled { .. } | Act::DeviceRevoked { .. } => self.enter_device(stamp, act),
            Act::AccessReviewed { .. }
            | Act::DisclosureRequested { .. }
            | Act::DisclosureDelivered { .. } => self.enter_disclosure(stamp, party, act),
            Act::OrderIssued { order } => self.orders.give(stamp, order),
            Act::EntryCorrected { entry, .. } => {
                self.corrected.insert(EntryNumber(*entry));
            }
            Act::PersonLinked { .. }
            | Act::CommentMade { .. }
            | Act::BundleTaken { .. }
            | Act::HeadCosigned { .. }
            | Act::PersonalErased { .. } => {}
        }
    }

    /// Who sat on a post decides what an approval is worth: the requests are followed anew.
    fn enter_office(&mut self, stamp: Stamp, act: &Act) {
        self.offices.enter(stamp, act);
        self.follow_requests();
    }

    fn enter_proposal(&mut self, stamp: Stamp, party: Party, act: &Act) {
        match act {
            Act::Proposed { proposal, matter } => self.agreements.propose(proposal, stamp, party, matter),
            Act::Agreed { proposal } => self.agreements.agree(proposal, stamp, party),
            Act::Refused { proposal, .. } => self.agreements.refuse(proposal, stamp, party),
            Act::Ended { proposal, .. } => self.agreements.end(proposal, stamp, party),
            _ => {}
        }
    }

    fn follow_requests(&mut self) {
        let (offices, agreements) = (&self.offices, &self.agreements);
        self.news.requests =
            self.requests.follow_all(offices, |systems, at| highest(agreements, systems, at));
    }

    fn enter_request(&mut self, stamp: Stamp, by: By, act: &Act) {
        match act {
            Act::RequestAsked { request, number, filled } => {
                self.requests.ask(request, stamp, by, number, filled);
                self.follow_request(request);
            }
            Act::RequestStep { request, step } => {
                self.requests.step(request, stamp, by, step);
                self.follow_request(request);
            }
            _ => {}
        }
    }

    fn follow_request(&mut self, id: &RequestId) {
        let (offices, agreements) = (&self.offices, &self.agreements);
        self.requests.follow(id, offices, |systems, at| highest(agreements, systems, at));
        self.news.requests = vec![id.clone()];
    }

    fn enter_disclosure(&mut self, stamp: Stamp, party: Party, act: &Act) {
        match act {
            Act::AccessReviewed { system, revoke, kept, .. } if party == Party::City => {
                let review = AccessReview { revoke: revoke.clone(), kept: kept.iter().cloned().collect() };
                let slot = self.access_reviews.entry(system.clone());
                let reviewed = slot.or_insert_with(|| Latest::new(stamp, review.clone()));
                reviewed.replace(stamp, review);
            }
            Act::DisclosureRequested { request, duty, system, due, .. } if party == Party::City => {
                let empty = Disclosure { asked: None, delivered: None };
                let slot = self.disclosures.entry(request.clone()).or_insert(empty);
                keep_newer(&mut slot.asked, stamp, (*duty, system.clone(), *due));
            }
            Act::DisclosureDelivered { request, .. } if party == Party::Contractor => {
                let empty = Disclosure { asked: None, delivered: None };
                let slot = self.disclosures.entry(request.clone()).or_insert(empty);
                keep_newer(&mut slot.delivered, stamp, ());
            }
            // Said by the wrong party: on record, but no evidence.
            _ => {}
        }
    }

    /// When a person leaves or left the last role, as somebody with any account; none: nobody knows the person, or no end.
    pub fn leaves(&self, person: &PersonId) -> Option<Timestamp> {
        let own = self.people.iter().filter(|((id, _), _)| self.offices.same_human(person, id));
        own.map(|(_, holder)| holder.end())
            .reduce(|one, other| one.zip(other).map(|(one, other)| one.max(other)))?
    }

    /// The entry in which a person left last.
    pub fn told_of_leaving(&self, person: &PersonId) -> Option<EntryNumber> {
        let own = self.people.iter().filter(|((id, _), _)| self.offices.same_human(person, id));
        own.filter_map(|(_, holder)| holder.left).max().map(|left| left.entry)
    }

    fn enter_device(&mut self, stamp: Stamp, act: &Act) {
        match act {
            Act::DeviceEnrolled { device, host, not_after, .. } => {
                let slot =
                    self.devices.entry(device.clone()).or_insert(Device { enrolled: None, revoked: None });
                keep_newer(&mut slot.enrolled, stamp, (host.clone(), *not_after));
            }
            Act::DeviceRevoked { device, .. } => {
                let slot =
                    self.devices.entry(device.clone()).or_insert(Device { enrolled: None, revoked: None });
                slot.revoked = slot.revoked.max(Some(stamp));
            }
            _ => {}
        }
    }

    fn enter_person(&mut self, stamp: Stamp, act: &Act) {
        match act {
            Act::PersonEntered { person, role, from, until, name, .. } => {
                let held = HeldRole { from: *from, until: *until, name: Some(name.digest.clone()) };
                let slot = self.people.entry((person.clone(), *role));
                slot.and_modify(|holder| holder.entered.replace(stamp, held.clone()))
                    .or_insert_with(|| Holder { entered: Latest::new(stamp, held.clone()), left: None });
            }
            Act::PersonLeft { person, role, .. } => {
                let gone = HeldRole { from: stamp.observed, until: Some(stamp.observed), name: None };
                let slot = self.people.entry((person.clone(), *role));
                let holder = slot.or_insert_with(|| Holder { entered: Latest::new(stamp, gone), left: None });
                holder.left = holder.left.max(Some(stamp));
            }
            _ => {}
        }
    }
}

/// The highest rank of some systems at an instant; the highest of all while nobody said.
fn highest(agreements: &Agreements, systems: &BTreeSet<SystemId>, at: Timestamp) -> Importance {
    let rank = |system: &SystemId| {
        let known = |line: &Line<'_>| line.is_declared() && line.proposed.received <= at;
        let agreed = |line: &Line<'_>| matches!(line.stage, Stage::Agreed(stamp) if stamp.received <= at);
        let lines = agreements.of_system("system", system).filter(known);
        match lines.max_by_key(|line| (agreed(line), line.proposed))?.matter {
            Matter::System(system) => Some(system.importance),
            _ => None,
        }
    };
    systems.iter().map(|system| rank(system).unwrap_or(Importance::S)).min().unwrap_or(Importance::S)
}

/// The server acts for the contractor when it makes the first proposals of a new contract.
fn party(author: &Author) -> Party {
    match author {
        Author::Agent(_) | Author::Server => Party::Contractor,
        Author::Person { party, .. } => *party,
    }
}

fn author_person(author: &Author) -> Option<&PersonId> {
    match author {
        Author::Person { id, .. } => Some(id),
        Author::Agent(_) | Author::Server => None,
    }
}
