//! What is known: the entries, folded. The same entries give the same evidence in any arrival order: a newer reading
//! (by the host's own numbering) replaces an older one, acts fill slots of their own, and what they mean together is
//! worked out when it is asked for.

pub mod agreement;
pub mod documents;
pub mod host;
pub mod latest;

use crate::act::Act;
use crate::entry::{Author, Body, Entry, Party};
use crate::fact::Fact;
use crate::fact::server::PortalCheck;
use crate::id::{DeviceId, Digest, EntryNumber, HostId, PersonId, ProposalId, SystemId};
use agreement::Agreements;
use documents::Documents;
use host::Host;
use jiff::Timestamp;
use latest::{Latest, Stamp, keep_newer};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

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
    /// The city's last review of access, by system.
    pub access_reviews: BTreeMap<SystemId, Latest<()>>,
    /// The server's last try of its own doors.
    pub portal: Option<Latest<PortalCheck>>,
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
            Body::Fact(fact) => self.enter_fact(stamp, &entry.author, entry.host.as_ref(), fact),
            Body::Act(act) => self.enter_act(stamp, party(&entry.author), author_person(&entry.author), act),
        }
    }

    fn enter_fact(&mut self, stamp: Stamp, author: &Author, host: Option<&HostId>, fact: &Fact) {
        if let (Fact::PortalCheck(check), Author::Server) = (fact, author) {
            keep_newer(&mut self.portal, stamp, check.clone());
        }
        // An agent speaks for its own host only.
        let foreign = matches!(author, Author::Agent(agent) if Some(agent) != host);
        if let Some(host) = host.filter(|_| !foreign) {
            self.hosts.entry(host.clone()).or_default().enter(stamp, author, fact);
        }
    }

    fn enter_act(&mut self, stamp: Stamp, party: Party, person: Option<&PersonId>, act: &Act) {
        match act {
            Act::Proposed { proposal, matter } => self.agreements.propose(proposal, stamp, party, matter),
            Act::Agreed { proposal } => self.agreements.agree(proposal, stamp, party),
            Act::Refused { proposal, .. } => self.agreements.refuse(proposal, stamp, party),
            Act::Ended { proposal, .. } => self.agreements.end(proposal, stamp, party),
            Act::DocumentRegistered(_)
            | Act::DocumentApproved { .. }
            | Act::DocumentReviewed { .. }
            | Act::DocumentAcknowledged { .. }
            | Act::DocumentWithdrawn { .. } => self.documents.enter(stamp, party, person, act),
            Act::PersonEntered { .. } | Act::PersonLeft { .. } => self.enter_person(stamp, act),
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
            Act::AccessReviewed { system, .. } if party == Party::City => {
                let slot = self.access_reviews.entry(system.clone());
                slot.and_modify(|latest| latest.replace(stamp, ())).or_insert_with(|| Latest::new(stamp, ()));
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
            Act::EntryCorrected { entry, .. } => {
                self.corrected.insert(EntryNumber(*entry));
            }
            // Said by the wrong party: on record, but no evidence.
            Act::AccessReviewed { .. }
            | Act::DisclosureRequested { .. }
            | Act::DisclosureDelivered { .. } => {}
            Act::PersonLinked { .. }
            | Act::BundleTaken { .. }
            | Act::HeadCosigned { .. }
            | Act::PersonalErased { .. } => {}
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
