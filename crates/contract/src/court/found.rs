//! One finding as pages and the check of acts see it: what hosts told, or probes saw from outside, with what people said of
//! it and until when somebody has to. Judges weigh the same findings; the roll keeps them in order.

use super::Court;
use crate::case::Case;
use crate::clauses::c07_stops;
use crate::entry::Party;
use crate::finding::{Finding, Rule, Said, Settled};
use crate::id::{EntryNumber, FindingId};
use crate::occurrence::{End, When, short, where_and_when};
use crate::request::form::Form;
use crate::standing::Sentence;
use crate::terms::Terms;
use crate::thing::Object;
use crate::weigh;
use jiff::Timestamp;
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Arc;

/// One finding and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The finding.
    pub finding: Finding,
    /// In one clause.
    pub words: Sentence,
    /// What was said of it.
    pub said: Option<Said>,
    /// Where that leaves it.
    pub settled: Settled,
    /// Whose turn it is.
    pub turn: Option<Party>,
    /// Until when somebody has to say what it is.
    pub due: Timestamp,
}

impl Found {
    /// Nobody said what it is, and the time for that is over.
    #[must_use]
    pub fn is_late(&self, now: Timestamp) -> bool {
        matches!(self.settled, Settled::Open | Settled::Proposed(_)) && self.due < now
    }

    /// Where it stands in a list: the newest first, those of one second by id.
    #[must_use]
    pub fn place(&self) -> (Reverse<i64>, &FindingId) {
        (Reverse(self.finding.since.as_second()), &self.finding.id)
    }

    /// Whether it is a stop or a restriction that still lasts.
    #[must_use]
    pub fn is_running(&self) -> bool {
        matches!(self.finding.when, When::Lasting { end: End::Open, .. })
    }

    /// The newest entry about it that says what it is; while nobody said so, the first one it rests on.
    #[must_use]
    pub fn newest(&self) -> EntryNumber {
        let said = self.said.iter().flat_map(|said| [&said.city, &said.contractor, &said.closed]);
        let words = said.flatten().map(|word| word.stamp.entry);
        let first = self.finding.entries.first().copied();
        words.max().or(first).unwrap_or(EntryNumber(0))
    }

    /// Whether this id means it: the beginning of a stop moves while probes go on telling.
    #[must_use]
    pub fn answers_to(&self, id: &FindingId) -> bool {
        if self.finding.id == *id {
            return true;
        }
        let (Object::Target, When::Lasting { from, to, .. }) = (self.finding.object, self.finding.when)
        else {
            return false;
        };
        let (Some((own, _)), Some((other, nanos))) = (where_and_when(&self.finding.id), where_and_when(id))
        else {
            return false;
        };
        own == other && from.as_nanosecond() <= nanos && nanos <= to.as_nanosecond()
    }
}

impl Court {
    /// To whom a finding goes up that nobody classified in time: of the city the post that decides such matters by now,
    /// of the contractor its security lead.
    #[must_use]
    pub fn above(&self, found: &Found) -> Sentence {
        let form = match found.finding.rule {
            Rule::R01 | Rule::R02 => Form::F07,
            _ => Form::F09,
        };
        let systems = [found.finding.system.clone()].into();
        let rules = self.evidence.rules_for(&systems, self.now);
        let post = rules.offices.way(form, rules.importance, self.now).map(|route| &route.decides);
        let named = post.map(|post| rules.offices.name(post).unwrap_or(post.as_str()));
        Sentence::new(
            format!("{}（市）とセキュリティ責任者（受託者）", named.unwrap_or("決裁者")),
            format!("{} (city) and the security lead (contractor)", named.unwrap_or("whoever decides")),
        )
    }

    /// Whether an id of a finding names something this contract knows: a host, a target, a request, a document.
    #[must_use]
    pub fn is_ours(&self, id: &FindingId) -> bool {
        let begin = where_and_when(id).and_then(|(begin, _)| begin.rsplit_once('.'));
        let Some((_, place)) = begin.and_then(|(begin, _)| begin.split_once('.')) else { return false };
        let is_it = |name: &str| short(name) == place;
        let (evidence, places) = (&self.evidence, &self.places);
        places.values().flat_map(BTreeMap::keys).any(|host| is_it(host.as_str()))
            || evidence.hosts.keys().any(|host| is_it(host.as_str()))
            || evidence.agreements.targets().any(|watched| is_it(watched.target.target.as_str()))
            || evidence.requests.all().any(|(request, _)| is_it(request.as_str()))
            || evidence.documents.all().any(|(document, _)| is_it(document.as_str()))
    }

    /// One finding.
    #[must_use]
    pub fn finding(&self, terms: &Terms, id: &FindingId) -> Option<Arc<Found>> {
        self.roll(terms).get(id).map(Arc::clone)
    }
}

/// A finding with what was said of it.
pub(super) fn found(case: &Case<'_>, finding: Finding) -> Found {
    let said = c07_stops::said(case, &finding).cloned();
    let settled = said.as_ref().map_or(Settled::Open, Said::settled);
    let days = case.measure(weigh::P22, "emergency_bd").value;
    Found {
        words: weigh::words(case.evidence, &finding),
        turn: weigh::turn(&finding, settled),
        due: case.after_open_days(finding.since, days).at,
        said,
        settled,
        finding,
    }
}
