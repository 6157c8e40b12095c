//! People's acts: who may do what, checked before the entry is written.
//!
//! The check runs in the writer's turn, on the court as it stands then. Ids are made by the server, texts are bounded
//! at the door, and an auditor never acts.

pub mod possible;
mod posts;
pub mod requests;

use jiff::Timestamp;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use yakujo_contract::act::{Act, BaselineLine, Matter, Role, Ruling, SoftwareLine};
use yakujo_contract::court::Court;
use yakujo_contract::entry::{Author, Body, Entry, Party, SeenHead};
use yakujo_contract::evidence::agreement::Stage;
use yakujo_contract::finding::Settled;
use yakujo_contract::id::{EntryNumber, PersonId, PostId, ProbeId, ProposalId, SystemId};
use yakujo_contract::order::Order;
use yakujo_contract::order::allowed::{NotAllowed, allowed};
use yakujo_contract::target::Target;
use yakujo_contract::terms::Terms;
use yakujo_contract::topic::Topic;

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
    /// The newest entry about the request or the finding that the person had before his eyes: whoever decides on a page
    /// that is out of date is refused.
    pub newest: Option<EntryNumber>,
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
    /// Somebody was faster: what the person saw is no longer what there is.
    #[error("something has happened since this page was made: look at it again")]
    Stale,
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
    /// The step does not follow.
    #[error(transparent)]
    Step(yakujo_contract::request::flow::WhyNot),
    /// The order rests on nothing that allows it.
    #[error(transparent)]
    Order(#[from] NotAllowed),
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
            may_answer(court, proposal, decision.party())
        }
        Act::Ended { proposal, .. } => may_end(court, proposal, decision.party()),
        Act::DocumentRegistered(_)
        | Act::DocumentApproved { .. }
        | Act::DocumentAcknowledged { .. }
        | Act::DocumentReviewed { .. }
        | Act::DocumentWithdrawn { .. } => check_document(court, &decision.act),
        Act::DisclosureDelivered { request, .. } => {
            let asked = court.evidence().disclosures.get(request);
            let open = asked.is_some_and(|request| request.asked.is_some() && request.delivered.is_none());
            if open { Ok(()) } else { Err(Refusal::NoSuchThing) }
        }
        Act::DisclosureRequested { system, due, .. } => {
            known_system(court, system).and_then(|()| ahead(*due, now, "due"))
        }
        Act::AccessReviewed { system, .. } => known_system(court, system),
        Act::PersonEntered { role, from, until, .. } => check_period(*role, *from, *until, now),
        Act::CommentMade { about, .. } => known_topic(court, terms, about),
        Act::RequestAsked { request, filled, .. } => {
            requests::check_asked(court, decision, request, filled, now)
        }
        Act::RequestStep { request, step } => requests::check_step(court, decision, request, step, now),
        Act::PostTaken { .. }
        | Act::PostLeft { .. }
        | Act::DeputyNamed { .. }
        | Act::DeputyEnded { .. }
        | Act::RouteSet { .. } => posts::check(court, &decision.act, now),
        Act::FindingClassified { .. } | Act::FindingClosed { .. } => check_finding(court, terms, decision),
        Act::OrderIssued { order } => check_order(court, order, now),
        // What these refer to is looked up by the caller, in people.db and in the tree.
        Act::PostNamed { .. }
        | Act::PersonLinked { .. }
        | Act::PersonLeft { .. }
        | Act::DeviceEnrolled { .. }
        | Act::DeviceRevoked { .. }
        | Act::BundleTaken { .. }
        | Act::HeadCosigned { .. }
        | Act::PersonalErased { .. }
        | Act::EntryCorrected { .. } => Ok(()),
    }
}

fn ahead(instant: Timestamp, now: Timestamp, name: &str) -> Result<(), Refusal> {
    if instant > now { Ok(()) } else { Err(Refusal::Value(name.to_owned())) }
}

/// What is said is said of a finding. A violation is closed when it was dealt with; anything else is settled by its class.
fn check_finding(court: &Court, terms: &Terms, decision: &Decision) -> Result<(), Refusal> {
    let (Act::FindingClassified { finding, .. } | Act::FindingClosed { finding, .. }) = &decision.act else {
        return Ok(());
    };
    let found = court.finding(terms, finding).ok_or(Refusal::NoSuchThing)?;
    if decision.newest.is_some_and(|newest| newest != found.newest()) {
        return Err(Refusal::Stale);
    }
    let open = match decision.act {
        Act::FindingClosed { .. } => found.settled == Settled::Violation,
        _ => found.settled != Settled::Closed,
    };
    if open { Ok(()) } else { Err(Refusal::NotOpen) }
}

/// The other party answers a proposal, not the one who made it.
fn may_answer(court: &Court, proposal: &ProposalId, party: Party) -> Result<(), Refusal> {
    if open_proposal(court, proposal)? == party { Err(Refusal::OwnProposal) } else { Ok(()) }
}

/// An auditor's time always ends, and nobody's ends before it begins.
fn check_period(
    role: Role,
    from: Timestamp,
    until: Option<Timestamp>,
    now: Timestamp,
) -> Result<(), Refusal> {
    let ends_after = until.map_or(role != Role::Auditor, |until| until > from && until > now);
    if ends_after { Ok(()) } else { Err(Refusal::Value("until".to_owned())) }
}

fn check_document(court: &Court, act: &Act) -> Result<(), Refusal> {
    match act {
        Act::DocumentApproved { document, version } | Act::DocumentAcknowledged { document, version } => {
            let newest = court.evidence().documents.get(document).and_then(|known| known.in_use());
            let current = newest.is_some_and(|newest| newest.value.version == *version);
            if current { Ok(()) } else { Err(Refusal::NoSuchThing) }
        }
        Act::DocumentReviewed { document, .. } | Act::DocumentWithdrawn { document, .. } => {
            let known = court.evidence().documents.get(document).and_then(|known| known.in_use());
            known.map(|_| ()).ok_or(Refusal::NoSuchThing)
        }
        Act::DocumentRegistered(document) => {
            document.systems.iter().try_for_each(|system| known_system(court, system))
        }
        // Only acts about documents come here.
        _ => Ok(()),
    }
}

/// An order is new, well formed, dated now, and rests on what allows it.
fn check_order(court: &Court, order: &Order, now: Timestamp) -> Result<(), Refusal> {
    if court.evidence().orders.get(&order.order).is_some() {
        return Err(Refusal::Taken);
    }
    if order.text().is_err() || order.issued > now {
        return Err(Refusal::Value("order".to_owned()));
    }
    Ok(allowed(court.evidence(), order, now)?)
}

fn known_system(court: &Court, system: &SystemId) -> Result<(), Refusal> {
    if court.places().contains_key(system) { Ok(()) } else { Err(Refusal::NoSuchThing) }
}

/// Whether there is such a thing to talk about.
///
/// # Errors
/// [`Refusal::NoSuchThing`].
pub fn known_topic(court: &Court, terms: &Terms, topic: &Topic) -> Result<(), Refusal> {
    let known = match topic {
        Topic::Duty(duty, system) => {
            terms.duties.iter().any(|terms| terms.duty == *duty) && court.places().contains_key(system)
        }
        Topic::Proposal(id) => court.evidence().agreements.proposal(id).is_some(),
        Topic::Request(id) => court.evidence().requests.get(id).is_some(),
        Topic::Finding(id) => court.finding(terms, id).is_some(),
    };
    if known { Ok(()) } else { Err(Refusal::NoSuchThing) }
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
        // Who sits on the city's posts is the city's own matter.
        Act::PostNamed { .. }
        | Act::PostTaken { .. }
        | Act::PostLeft { .. }
        | Act::DeputyNamed { .. }
        | Act::DeputyEnded { .. }
        | Act::RouteSet { .. } => matches!(role, Role::CityApprover | Role::CitySecurity),
        Act::RequestAsked { .. } => city || contractor,
        Act::RequestStep { step, .. } => requests::may_step(role.party(), step),
        Act::FindingClassified { .. } => city || contractor,
        Act::FindingClosed { .. } => city,
        Act::DeviceEnrolled { .. } | Act::DeviceRevoked { .. } => contractor || role == Role::CitySecurity,
        // The city consents in the request; the contractor has it carried out.
        Act::OrderIssued { .. } => contractor,
        Act::AccessReviewed { .. } => city,
        Act::DisclosureRequested { .. } => city,
        Act::DisclosureDelivered { .. } => contractor,
        Act::CommentMade { .. } => city || contractor,
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
            | Matter::Asset(_)
            | Matter::Target(_)
            | Matter::Holidays(_)
            | Matter::Freeze(_)
            | Matter::Software(SoftwareLine { ruling: Ruling::Refused, .. })
            | Matter::Exemption { .. }
            | Matter::NotApplicable { .. } => {
                if party == Party::City {
                    Ok(())
                } else {
                    Err(Refusal::NotYours)
                }
            }
            // Ending what leaves changes out makes the contract stricter: either may.
            Matter::Software(_)
            | Matter::Flow(_)
            | Matter::Account(_)
            | Matter::Support(_)
            | Matter::Baseline(_)
            | Matter::Ignore(_) => Ok(()),
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
        Matter::Holidays(table) => {
            let within = |day: &jiff::civil::Date| (table.from..=table.until).contains(day);
            let right = table.from < table.until && table.days.len() <= 200 && table.days.keys().all(within);
            if right { Ok(()) } else { Err(Refusal::Value("days".to_owned())) }
        }
        Matter::Freeze(freeze) if freeze.until <= freeze.from => Err(Refusal::Value("until".to_owned())),
        Matter::Ignore(line) => {
            known(&line.system)?;
            // What leaves out everything is no list.
            let says_little = line.pattern.trim_matches(['*', '/', ' ']).is_empty();
            if says_little { Err(Refusal::Value("pattern".to_owned())) } else { Ok(()) }
        }
        Matter::Account(line) => {
            known(&line.system)?;
            let known = |owner: &PersonId| court.evidence().people.keys().any(|(person, _)| person == owner);
            let is_known = line.owner.as_ref().is_none_or(known);
            if is_known { Ok(()) } else { Err(Refusal::Value("owner".to_owned())) }
        }
        Matter::Baseline(line) => {
            known(&line.system)?;
            check_baseline(court, line)
        }
        Matter::Target(target) => {
            known(&target.system)?;
            check_target(court, target)
        }
        other => other.system().map_or(Ok(()), known),
    }
}

/// Only what the host told last is put before the other party: nobody agrees to a digest that no host ever had.
fn check_baseline(court: &Court, line: &BaselineLine) -> Result<(), Refusal> {
    let evidence = court.evidence();
    let is_there = evidence.agreements.place_of(&line.host).is_some_and(|place| place.system == line.system);
    let told = evidence.hosts.get(&line.host).and_then(|host| host.baseline.as_ref());
    let is_told = told.is_some_and(|told| {
        (told.stamp.observed, told.value.entries) == (line.seen, line.entries)
            && (&told.value.tree, &told.value.roots) == (&line.tree, &line.roots)
    });
    match (is_there, is_told) {
        (false, _) => Err(Refusal::Value("host".to_owned())),
        (true, false) => Err(Refusal::Value("tree".to_owned())),
        (true, true) => Ok(()),
    }
}

/// A probe goes where this line says: whatever it cannot do is refused before anybody agrees to it.
fn check_target(court: &Court, target: &Target) -> Result<(), Refusal> {
    target.check().map_err(|wrong| Refusal::Value(wrong.0.to_owned()))?;
    let known = |probe: &ProbeId| {
        let hosts = court.places().values().flat_map(|hosts| hosts.keys());
        *probe == ProbeId::server() || hosts.filter_map(ProbeId::of_host).any(|host| host == *probe)
    };
    if !target.probes.iter().all(known) {
        return Err(Refusal::Value("probes".to_owned()));
    }
    let certificate = target.authority.as_ref().map(|pem| CertificateDer::from_pem_slice(pem.as_bytes()));
    if matches!(certificate, Some(Err(_))) {
        return Err(Refusal::Value("authority".to_owned()));
    }
    Ok(())
}

/// A text of an act: not empty, not too long, plain.
///
/// # Errors
/// [`Refusal::Text`].
pub fn check_text(text: &str) -> Result<(), Refusal> {
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
        | Act::PostLeft { reason, .. }
        | Act::DeputyNamed { reason, .. }
        | Act::DeputyEnded { reason, .. }
        | Act::FindingClassified { reason, .. }
        | Act::FindingClosed { reason, .. }
        | Act::DeviceRevoked { reason, .. }
        | Act::PersonalErased { reason, .. }
        | Act::EntryCorrected { reason, .. } => vec![reason],
        Act::DocumentRegistered(document) => vec![&document.title, &document.version, &document.reason],
        Act::DocumentApproved { version, .. } | Act::DocumentAcknowledged { version, .. } => vec![version],
        Act::AccessReviewed { remark, .. } => vec![remark],
        Act::DisclosureRequested { detail, .. } => vec![detail],
        Act::HeadCosigned { key, .. } => vec![key],
        Act::PostNamed { name, .. } => vec![name],
        Act::Agreed { .. }
        | Act::PersonEntered { .. }
        | Act::PersonLinked { .. }
        | Act::PostTaken { .. }
        | Act::RouteSet { .. }
        // The form and its steps are checked where they are followed.
        | Act::RequestAsked { .. }
        | Act::RequestStep { .. }
        | Act::DeviceEnrolled { .. }
        | Act::OrderIssued { .. }
        | Act::DisclosureDelivered { .. }
        | Act::CommentMade { .. }
        | Act::BundleTaken { .. } => Vec::new(),
    }
}

fn matter_texts(matter: &Matter) -> Vec<&str> {
    match matter {
        Matter::Parameters { .. } | Matter::Host(_) | Matter::Baseline(_) => Vec::new(),
        Matter::System(system) => vec![&system.name],
        Matter::Flow(flow) => vec![&flow.purpose],
        Matter::Account(line) => vec![&line.account, &line.need],
        Matter::Software(line) => vec![&line.pattern, &line.reason],
        Matter::Limit(line) => vec![&line.resource, &line.at_limit],
        Matter::Asset(line) => vec![&line.asset, &line.place],
        Matter::DeviceNeed(need) => vec![&need.reason],
        Matter::Support(line) => vec![&line.product, &line.cycle, &line.basis],
        Matter::Target(target) => {
            let texts = target.expected.text.iter().chain(&target.expected.functions);
            std::iter::once(&target.name).chain(texts).map(String::as_str).collect()
        }
        Matter::Holidays(table) => table.days.values().map(String::as_str).collect(),
        Matter::Freeze(freeze) => vec![&freeze.reason],
        Matter::Ignore(line) => vec![&line.pattern, &line.reason],
        Matter::Exemption { reason, .. } | Matter::NotApplicable { reason, .. } => vec![reason],
    }
}
