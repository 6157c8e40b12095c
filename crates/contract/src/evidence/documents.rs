//! The register of documents (F-20).

use super::latest::{Latest, Stamp, keep_newer};
use crate::act::{Act, Document, ReviewOutcome};
use crate::entry::Party;
use crate::id::{DocumentId, PersonId};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// One document with everything that happened to it.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Registered {
    /// Newest version.
    pub newest: Option<Latest<Document>>,
    /// Versions the city approved.
    pub approved: BTreeMap<String, Stamp>,
    /// Newest review.
    pub reviewed: Option<Latest<(String, ReviewOutcome)>>,
    /// Who has read which version.
    #[serde(with = "super::latest::pairs")]
    pub read: BTreeMap<(String, PersonId), Stamp>,
    /// No longer used.
    pub withdrawn: Option<Stamp>,
}

impl Registered {
    /// The newest version, if the document is in use.
    #[must_use]
    pub fn in_use(&self) -> Option<&Latest<Document>> {
        let newest = self.newest.as_ref()?;
        let withdrawn = self.withdrawn.is_some_and(|stamp| stamp > newest.stamp);
        (!withdrawn).then_some(newest)
    }

    /// When the newest version was approved by the city.
    #[must_use]
    pub fn approval(&self) -> Option<Stamp> {
        self.approved.get(&self.in_use()?.value.version).copied()
    }
}

/// The register.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Documents {
    documents: BTreeMap<DocumentId, Registered>,
}

impl Documents {
    pub(super) fn enter(&mut self, stamp: Stamp, party: Party, person: Option<&PersonId>, act: &Act) {
        match act {
            Act::DocumentRegistered(document) => {
                keep_newer(&mut self.slot(&document.document).newest, stamp, document.clone());
            }
            Act::DocumentApproved { document, version } if party == Party::City => {
                let slot = self.slot(document).approved.entry(version.clone()).or_insert(stamp);
                *slot = (*slot).min(stamp);
            }
            Act::DocumentReviewed { document, version, outcome, .. } => {
                keep_newer(&mut self.slot(document).reviewed, stamp, (version.clone(), *outcome));
            }
            Act::DocumentAcknowledged { document, version } => {
                if let Some(person) = person {
                    let key = (version.clone(), person.clone());
                    let slot = self.slot(document).read.entry(key).or_insert(stamp);
                    *slot = (*slot).min(stamp);
                }
            }
            Act::DocumentWithdrawn { document, .. } => {
                let withdrawn = &mut self.slot(document).withdrawn;
                *withdrawn = (*withdrawn).max(Some(stamp));
            }
            _ => {}
        }
    }

    fn slot(&mut self, document: &DocumentId) -> &mut Registered {
        self.documents.entry(document.clone()).or_default()
    }

    /// Documents in use, by id.
    pub fn in_use(&self) -> impl Iterator<Item = (&DocumentId, &Registered, &Latest<Document>)> {
        self.documents.iter().filter_map(|(id, registered)| Some((id, registered, registered.in_use()?)))
    }

    /// Every document that was ever registered, by id.
    pub fn all(&self) -> impl Iterator<Item = (&DocumentId, &Registered)> {
        self.documents.iter().filter(|(_, registered)| registered.newest.is_some())
    }

    /// One document.
    #[must_use]
    pub fn get(&self, document: &DocumentId) -> Option<&Registered> {
        self.documents.get(document)
    }
}
