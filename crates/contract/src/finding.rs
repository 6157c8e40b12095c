//! Findings: what joining observed facts with approvals brought to light, and what people said of it. Each is a candidate
//! until a named person classifies it; both parties may comment, neither may delete.

use crate::act::FindingClass;
use crate::entry::Party;
use crate::evidence::latest::{Latest, Stamp, keep_newer};
use crate::id::{EntryNumber, FindingId, HostId, RequestId, SystemId};
use crate::occurrence::When;
use crate::reconcile::Join;
use crate::thing::Object;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A rule of reconciliation (obligations, section 7).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Rule {
    /// Stops.
    #[serde(rename = "R-01")]
    R01,
    /// Restrictions.
    #[serde(rename = "R-02")]
    R02,
    /// Changes.
    #[serde(rename = "R-03")]
    R03,
    /// Releases.
    #[serde(rename = "R-04")]
    R04,
    /// Reports of malware.
    #[serde(rename = "R-05")]
    R05,
    /// Restoring.
    #[serde(rename = "R-06")]
    R06,
    /// Media and devices.
    #[serde(rename = "R-09")]
    R09,
    /// Accounts and rights.
    #[serde(rename = "R-10")]
    R10,
    /// Listening sockets and firewall rules.
    #[serde(rename = "R-11")]
    R11,
    /// Test data.
    #[serde(rename = "R-17")]
    R17,
    /// Use of an approval.
    #[serde(rename = "R-19")]
    R19,
    /// Approvals that are void.
    #[serde(rename = "R-20")]
    R20,
    /// Silent agents.
    #[serde(rename = "R-22")]
    R22,
    /// Requests without an answer.
    #[serde(rename = "R-23")]
    R23,
    /// Procedures older than the last change.
    #[serde(rename = "R-24")]
    R24,
}

/// One row of the table.
#[derive(Debug, Clone, Copy)]
pub struct RuleRow {
    /// `R-01`.
    pub key: &'static str,
    /// What a finding of it is called.
    pub ja: &'static str,
    /// The same.
    pub en: &'static str,
    /// The duties it weighs on, by key.
    pub duties: &'static [&'static str],
}

const fn row(
    key: &'static str,
    ja: &'static str,
    en: &'static str,
    duties: &'static [&'static str],
) -> RuleRow {
    RuleRow { key, ja, en, duties }
}

/// The duties about changes.
const CHANGES: &[&str] = &["8.a", "8.b"];

impl Rule {
    /// All, in order.
    pub const ALL: [Self; 15] = [
        Self::R01,
        Self::R02,
        Self::R03,
        Self::R04,
        Self::R05,
        Self::R06,
        Self::R09,
        Self::R10,
        Self::R11,
        Self::R17,
        Self::R19,
        Self::R20,
        Self::R22,
        Self::R23,
        Self::R24,
    ];

    /// The rule that an id of a finding names.
    #[must_use]
    pub fn of_id(id: &FindingId) -> Option<Self> {
        let (word, _) = id.as_str().split_once('.')?;
        Self::ALL.into_iter().find(|rule| rule.word() == word)
    }

    /// How ids spell it: `r01`.
    #[must_use]
    pub fn word(self) -> String {
        self.row().key.to_ascii_lowercase().replace('-', "")
    }

    /// Its row of the table.
    #[must_use]
    pub fn row(self) -> &'static RuleRow {
        match self {
            Self::R01 => &const { row("R-01", "無断停止候補", "Stop without approval", &["7.a"]) },
            Self::R02 => {
                &const { row("R-02", "無承認の運用制限候補", "Restriction without approval", &["7.a"]) }
            }
            Self::R03 => {
                &const {
                    row("R-03", "無申請変更候補", "Change without a ticket", &["8.a", "8.b", "12.2.a"])
                }
            }
            Self::R04 => {
                &const { row("R-04", "未承認リリース・版相違", "Release without approval", &["12.1.b"]) }
            }
            Self::R05 => {
                &const {
                    row(
                        "R-05",
                        "報告・隔離・遮断の遅延",
                        "Late report or containment",
                        &["2.1.c", "2.1.d", "2.1.e"],
                    )
                }
            }
            Self::R06 => &const { row("R-06", "協議前復元", "Restored before it was discussed", &["2.1.f"]) },
            Self::R09 => {
                &const { row("R-09", "無断搬出入", "Device brought in or out", &["8.a", "8.b", "13.a"]) }
            }
            Self::R10 => {
                &const {
                    row("R-10", "無申請のアカウント・権限", "Account or right without a ticket", CHANGES)
                }
            }
            Self::R11 => {
                &const {
                    row(
                        "R-11",
                        "不要な通信",
                        "Communication on no list and no ticket",
                        &["4.5.b", "8.a", "8.b"],
                    )
                }
            }
            Self::R17 => {
                &const { row("R-17", "実データ混入候補", "Real data among test data", &["12.1.d"]) }
            }
            Self::R19 => {
                &const {
                    row("R-19", "承認の目的外・期限外使用", "Approval used beyond its terms", &["7.a", "8.a"])
                }
            }
            Self::R20 => &const { row("R-20", "承認無効", "Void approval", &["7.a", "8.a"]) },
            Self::R22 => &const { row("R-22", "未確認資産", "Asset nobody watches", &["8.a"]) },
            Self::R23 => &const { row("R-23", "回答遅延", "Late answer", &[]) },
            Self::R24 => &const { row("R-24", "手順書陳腐化", "Procedure out of date", &["1.b"]) },
        }
    }
}

/// One finding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// Id.
    pub id: FindingId,
    /// The rule.
    pub rule: Rule,
    /// The system.
    pub system: SystemId,
    /// The host, where it is about one.
    pub host: Option<HostId>,
    /// What kind of thing.
    pub object: Object,
    /// Names of the things, the first few.
    pub names: Vec<String>,
    /// How many things there are.
    pub count: u32,
    /// What the join says.
    pub join: Join,
    /// When it happened.
    pub when: When,
    /// When the record heard of it.
    pub since: Timestamp,
    /// The first entries that say so.
    pub entries: Vec<EntryNumber>,
    /// Who did it, where the host said so.
    pub by: Option<crate::fact::state::Actor>,
    /// Whose matter it is: the party that has to act, by R-23 either.
    pub against: Party,
}

impl Finding {
    /// The request it was joined with.
    #[must_use]
    pub fn request(&self) -> Option<&RequestId> {
        self.join.request()
    }
}

/// What people said of one finding.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Said {
    /// The city's last word.
    pub city: Option<Word>,
    /// The contractor's last word.
    pub contractor: Option<Word>,
    /// The contractor said that it was a violation: that stays said.
    pub admitted: Option<Stamp>,
    /// The city closed it.
    pub closed: Option<Word>,
}

/// A word with its reason. Of a closing the class is what it was before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Word {
    /// When and where.
    pub stamp: Stamp,
    /// What it is.
    pub class: Option<FindingClass>,
    /// Why.
    pub reason: String,
}

/// Where a finding stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Settled {
    /// Nobody said what it is.
    Open,
    /// The contractor said that it is no violation; the city has not answered.
    Proposed(FindingClass),
    /// A violation: the contractor admits it, or the city says so.
    Violation,
    /// No violation, by the city's word.
    Excused(FindingClass),
    /// The city closed it.
    Closed,
}

impl Said {
    /// Where the finding stands. The city's last word counts; an admission counts at once; what the contractor says for
    /// itself is a proposal.
    pub fn settled(&self) -> Settled {
        if self.closed.is_some() {
            return Settled::Closed;
        }
        match self.city.as_ref().and_then(|word| word.class) {
            Some(FindingClass::Violation) => return Settled::Violation,
            Some(class) => return Settled::Excused(class),
            None => {}
        }
        if self.admitted.is_some() {
            return Settled::Violation;
        }
        match self.contractor.as_ref().and_then(|word| word.class) {
            Some(class) => Settled::Proposed(class),
            None => Settled::Open,
        }
    }
}

/// What people said of findings, by id.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Sayings {
    said: BTreeMap<FindingId, Said>,
}

impl Sayings {
    pub(crate) fn classify(
        &mut self,
        id: &FindingId,
        stamp: Stamp,
        party: Party,
        class: FindingClass,
        reason: &str,
    ) {
        let word = Word { stamp, class: Some(class), reason: reason.to_owned() };
        match party {
            Party::City => newer(&mut self.slot(id).city, word),
            Party::Contractor => {
                if class == FindingClass::Violation {
                    let admitted = &mut self.slot(id).admitted;
                    *admitted = Some(admitted.map_or(stamp, |first| first.min(stamp)));
                }
                newer(&mut self.slot(id).contractor, word);
            }
            // An auditor reads only.
            Party::Auditor => {}
        }
    }

    pub(crate) fn close(&mut self, id: &FindingId, stamp: Stamp, party: Party, reason: &str) {
        if party == Party::City {
            newer(&mut self.slot(id).closed, Word { stamp, class: None, reason: reason.to_owned() });
        }
    }

    fn slot(&mut self, id: &FindingId) -> &mut Said {
        self.said.entry(id.clone()).or_default()
    }

    /// What was said of a finding.
    #[must_use]
    pub fn of(&self, id: &FindingId) -> Option<&Said> {
        self.said.get(id)
    }

    /// Words on findings of one rule and place, whose instants lie within a period: a stop keeps its classification when
    /// its beginning moves because another probe tells of it later.
    #[must_use]
    pub fn within(&self, begin: &str, from: Timestamp, to: Timestamp) -> Option<&Said> {
        let first: FindingId = begin.parse().ok()?;
        let of_place = self.said.range(first..);
        let mut of_place = of_place.take_while(|(id, _)| id.as_str().starts_with(begin));
        of_place.find_map(|(id, said)| {
            let nanos: i128 = id.as_str().strip_prefix(begin)?.parse().ok()?;
            let inside = from.as_nanosecond() <= nanos && nanos <= to.as_nanosecond();
            inside.then_some(said)
        })
    }
}

fn newer(slot: &mut Option<Word>, word: Word) {
    let mut kept = slot.take().map(|word| Latest::new(word.stamp, word));
    keep_newer(&mut kept, word.stamp, word);
    *slot = kept.map(|latest| latest.value);
}
