//! People's acts: who may do what, checked before the entry is written.
//!
//! The check runs in the writer's turn, on the court as it stands then. Ids are made by the server, texts are bounded
//! at the door, and an auditor never acts.

use jiff::Timestamp;
use yakujo_contract::act::{Act, Matter, Role, Ruling, SoftwareLine};
use yakujo_contract::court::Court;
use yakujo_contract::entry::{Author, Body, Entry, Party, SeenHead};
use yakujo_contract::evidence::agreement::Stage;
use yakujo_contract::id::{PersonId, PostId, ProposalId, SystemId};
use yakujo_contract::terms::Terms;

/// Longest text of an act, in characters.
pub const LONGEST_TEXT: usize = 2_000;

/// Who acts.
#[derive(Debug, Clone)]
pub struct Actor {
    /// Who.
    pub person: PersonId,
    /// In which role.
    pub role: Role,
    /// In which post.
    pub post: Option<PostId>,
}

/// An act that wants to become an entry.
#[derive(Debug, Clone)]
pub struct Decision {
    /// Who; none: the server itself, at the first start of a contract.
    pub actor: Option<Actor>,
    /// What.
    pub act: Act,
    /// The tree head the person had before his eyes.
    pub seen: Option<SeenHead>,
}

/// Why an act is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The role may not do this.
    #[error("this role may not do this")]
    NotYours,
    /// The proposal is not known.
    #[error("there is no such proposal")]
    NoSuchProposal,
    /// Somebody was faster, or it was taken back.
    #[error("the proposal is no longer open: look at it again")]
    NotOpen,
    /// Proposer and agreer are of one party.
    #[error("the other party has to agree, not the one who proposed")]
    OwnProposal,
    /// The id exists.
    #[error("the id is taken: try again")]
    Taken,
    /// A text is empty, too long, or holds control characters.
    #[error("a text is empty, longer than {LONGEST_TEXT} characters, or holds control characters")]
    Text,
    /// What it refers to does not exist.
    #[error("what the act refers to does not exist (any more)")]
    NoSuchThing,
    /// A value is outside its range, or a date in the past.
    #[error("a value is outside its range: {0}")]
    Value(String),
    /// The ledger refused.
    #[error("not stored: {0}")]
    NotStored(String),
}

impl Decision {
    pub(crate) fn into_entry(self, received: Timestamp) -> Entry {
        let author = match self.actor {
            Some(Actor { person, role, post }) => Author::Person { id: person, party: role.party(), post },
            None => Author::Server,
        };
        Entry {
            v: 1,
            author,
            host: None,
            seq: None,
            observed: received,
            received,
            seen: self.seen,
            body: Body::Act(self.act),
        }
    }

    fn party(&self) -> Party {
        self.actor.as_ref().map_or(Party::Contractor, |actor| actor.role.party())
    }
}

/// Whether the act may become an entry now.
///
/// # Errors
/// The [`Refusal`].
pub fn check(court: &Court, terms: &Terms, decision: &Decision, now: Timestamp) -> Result<(), Refusal> {
    if let Some(actor) = &decision.actor
        && !may(actor.role, &decision.act)
    {
        return Err(Refusal::NotYours);
    }
    texts(&decision.act).into_iter().try_for_each(check_text)?;
    let agreements = &court.evidence().agreements;
    match &decision.act {
        Act::Proposed { proposal, matter } => {
            if agreements.proposal(proposal).is_some() {
                return Err(Refusal::Taken);
            }
            check_matter(court, terms, matter, now)
        }
        Act::Agreed { proposal } | Act::Refused { proposal, .. } => {
            let proposed_by = open_proposal(court, proposal)?;
            if proposed_by == decision.party() {
                return Err(Refusal::OwnProposal);
            }
            Ok(())
        }
        Act::Ended { proposal, .. } => may_end(court, proposal, decision.party()),
        Act::DocumentApproved { document, version } | Act::DocumentAcknowledged { document, version } => {
            let newest = court.evidence().documents.get(document).and_then(|known| known.in_use());
            let current = newest.is_some_and(|newest| newest.value.version == *version);
            if current { Ok(()) } else { Err(Refusal::NoSuchThing) }
        }
        Act::DocumentReviewed { document, .. } | Act::DocumentWithdrawn { document, .. } => {
            let known = court.evidence().documents.get(document).and_then(|known| known.in_use());
            known.map(|_| ()).ok_or(Refusal::NoSuchThing)
        }
        Act::DisclosureDelivered { request, .. } => {
            let asked = court.evidence().disclosures.get(request);
            let open = asked.is_some_and(|request| request.asked.is_some() && request.delivered.is_none());
            if open { Ok(()) } else { Err(Refusal::NoSuchThing) }
        }
        Act::DisclosureRequested { system, due, .. } => {
            known_system(court, system)?;
            if *due > now { Ok(()) } else { Err(Refusal::Value("due".to_owned())) }
        }
        Act::AccessReviewed { system, .. } => known_system(court, system),
        Act::DocumentRegistered(document) => {
            document.systems.iter().try_for_each(|system| known_system(court, system))
        }
        Act::PersonEntered { role, from, until, .. } => {
            let ends_after = until.map_or(*role != Role::Auditor, |until| until > *from && until > now);
            if ends_after { Ok(()) } else { Err(Refusal::Value("until".to_owned())) }
        }
        // What these refer to is looked up by the caller, in people.db and in the tree.
        Act::PersonLinked { .. }
        | Act::PersonLeft { .. }
        | Act::DeviceEnrolled { .. }
        | Act::DeviceRevoked { .. }
        | Act::BundleTaken { .. }
        | Act::HeadCosigned { .. }
        | Act::PersonalErased { .. }
        | Act::EntryCorrected { .. } => Ok(()),
    }
}

fn known_system(court: &Court, system: &SystemId) -> Result<(), Refusal> {
    if court.places().contains_key(system) { Ok(()) } else { Err(Refusal::NoSuchThing) }
}

/// Who may do what. Exhaustive on purpose: a new act does not compile until somebody decides whose it is.
pub fn may(role: Role, act: &Act) -> bool {
    let city = role.party() == Party::City;
    let contractor = role.party() == Party::Contractor;
    let decides = matches!(role, Role::CityApprover | Role::CitySecurity | Role::SecurityLead);
    match act {
        Act::Proposed { .. } | Act::Ended { .. } => city || contractor,
        // The city's agreement binds it: staff prepare, approvers decide. The same on the contractor's side.
        Act::Agreed { .. } | Act::Refused { .. } => decides,
        Act::DocumentRegistered(_) | Act::DocumentReviewed { .. } | Act::DocumentWithdrawn { .. } => {
            contractor
        }
        Act::DocumentApproved { .. } => matches!(role, Role::CityApprover | Role::CitySecurity),
        Act::DocumentAcknowledged { .. } => city || contractor,
        Act::PersonEntered { role: entered, .. }
        | Act::PersonLinked { role: entered, .. }
        | Act::PersonLeft { role: entered, .. } => {
            // Each party looks after its own people; auditors are let in by the city.
            let own = entered.party() == role.party() || (entered.party() == Party::Auditor && city);
            own && decides
        }
        Act::DeviceEnrolled { .. } | Act::DeviceRevoked { .. } => contractor || role == Role::CitySecurity,
        Act::AccessReviewed { .. } => city,
        Act::DisclosureRequested { .. } => city,
        Act::DisclosureDelivered { .. } => contractor,
        Act::BundleTaken { .. } => true,
        Act::HeadCosigned { .. } => city,
        Act::PersonalErased { .. } => decides,
        Act::EntryCorrected { .. } => city || contractor,
    }
}

fn open_proposal(court: &Court, id: &ProposalId) -> Result<Party, Refusal> {
    let proposal = court.evidence().agreements.proposal(id).ok_or(Refusal::NoSuchProposal)?;
    let proposed = proposal.proposed.as_ref().ok_or(Refusal::NoSuchProposal)?;
    match proposal.stage() {
        Stage::Open => Ok(proposed.value.0),
        Stage::Agreed(_) | Stage::Refused | Stage::Ended => Err(Refusal::NotOpen),
    }
}

/// An open proposal is taken back by its own party. An agreed line of the contractor's ledgers is ended by either; what
/// both agreed on as a rule (parameters, exceptions, 対象外) is changed by a new proposal.
///
/// # Errors
/// The [`Refusal`].
pub fn may_end(court: &Court, id: &ProposalId, party: Party) -> Result<(), Refusal> {
    let proposal = court.evidence().agreements.proposal(id).ok_or(Refusal::NoSuchProposal)?;
    let proposed = proposal.proposed.as_ref().ok_or(Refusal::NoSuchProposal)?;
    match proposal.stage() {
        Stage::Open if proposed.value.0 == party => Ok(()),
        Stage::Open => Err(Refusal::NotYours),
        Stage::Agreed(_) => match &proposed.value.1 {
            Matter::Parameters { .. } => Err(Refusal::NotOpen),
            // Without these, less is judged, or less strictly: the contractor cannot end them alone. An exception or
            // 対象外 only makes the contract stricter when it ends: the city may, at any time.
            Matter::System(_)
            | Matter::Host(_)
            | Matter::DeviceNeed(_)
            | Matter::Limit(_)
            | Matter::Software(SoftwareLine { ruling: Ruling::Refused, .. })
            | Matter::Exemption { .. }
            | Matter::NotApplicable { .. } => {
                if party == Party::City {
                    Ok(())
                } else {
                    Err(Refusal::NotYours)
                }
            }
            Matter::Software(_) | Matter::Flow(_) | Matter::Account(_) | Matter::Support(_) => Ok(()),
        },
        Stage::Refused | Stage::Ended => Err(Refusal::NotOpen),
    }
}

fn check_matter(court: &Court, terms: &Terms, matter: &Matter, now: Timestamp) -> Result<(), Refusal> {
    let known = |system| known_system(court, system);
    match matter {
        Matter::Parameters { values, .. } => {
            for (parameter, values) in values {
                let known = terms.parameters.get(parameter).ok_or(Refusal::NoSuchThing)?;
                for (key, value) in values {
                    let range = known.range(key).ok_or(Refusal::NoSuchThing)?;
                    if !range.contains(value) {
                        return Err(Refusal::Value(format!("{parameter} {key}")));
                    }
                }
            }
            Ok(())
        }
        Matter::Exemption { until, system, .. } => {
            if *until <= now {
                return Err(Refusal::Value("until".to_owned()));
            }
            system.as_ref().map_or(Ok(()), known)
        }
        Matter::System(_) => Ok(()),
        other => other.system().map_or(Ok(()), known),
    }
}

fn check_text(text: &str) -> Result<(), Refusal> {
    let control = |c: char| c.is_control() && c != '\n';
    if text.trim().is_empty() || text.chars().count() > LONGEST_TEXT || text.chars().any(control) {
        return Err(Refusal::Text);
    }
    Ok(())
}

fn texts(act: &Act) -> Vec<&str> {
    match act {
        Act::Proposed { matter, .. } => matter_texts(matter),
        Act::Refused { reason, .. }
        | Act::Ended { reason, .. }
        | Act::DocumentReviewed { reason, .. }
        | Act::DocumentWithdrawn { reason, .. }
        | Act::PersonLeft { reason, .. }
        | Act::DeviceRevoked { reason, .. }
        | Act::PersonalErased { reason, .. }
        | Act::EntryCorrected { reason, .. } => vec![reason],
        Act::DocumentRegistered(document) => vec![&document.title, &document.version, &document.reason],
        Act::DocumentApproved { version, .. } | Act::DocumentAcknowledged { version, .. } => vec![version],
        Act::AccessReviewed { remark, .. } => vec![remark],
        Act::DisclosureRequested { detail, .. } => vec![detail],
        Act::HeadCosigned { key, .. } => vec![key],
        Act::Agreed { .. }
        | Act::PersonEntered { .. }
        | Act::PersonLinked { .. }
        | Act::DeviceEnrolled { .. }
        | Act::DisclosureDelivered { .. }
        | Act::BundleTaken { .. } => Vec::new(),
    }
}

fn matter_texts(matter: &Matter) -> Vec<&str> {
    match matter {
        Matter::Parameters { .. } | Matter::Host(_) => Vec::new(),
        Matter::System(system) => vec![&system.name],
        Matter::Flow(flow) => vec![&flow.purpose],
        Matter::Account(line) => vec![&line.account, &line.need],
        Matter::Software(line) => vec![&line.pattern, &line.reason],
        Matter::Limit(line) => vec![&line.resource, &line.at_limit],
        Matter::DeviceNeed(need) => vec![&need.reason],
        Matter::Support(line) => vec![&line.product, &line.cycle, &line.basis],
        Matter::Exemption { reason, .. } | Matter::NotApplicable { reason, .. } => vec![reason],
    }
}
