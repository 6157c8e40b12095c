//! How the duties stand, as a table for people and as JSON for programs.

use jiff::Timestamp;
use serde::Serialize;
use std::collections::BTreeMap;
use yakujo_contract::court::{Court, Ruling};
use yakujo_contract::duty::DutyId;
use yakujo_contract::standing::{Standing, jst};
use yakujo_contract::terms::Terms;

/// The shape of `status --json` and `replay --json`.
#[derive(Debug, Serialize)]
pub struct Standings {
    at: Timestamp,
    contract: String,
    duties: Vec<DutyStanding>,
}

#[derive(Debug, Serialize)]
struct DutyStanding {
    id: &'static str,
    clause: u8,
    standing: &'static str,
    since: Option<Timestamp>,
    reason: String,
    reason_en: String,
    next: String,
    next_en: String,
    evidence: Vec<u64>,
    evidence_total: u32,
    class: Option<String>,
    parameters: Vec<String>,
    systems: Vec<SystemStanding>,
}

#[derive(Debug, Serialize)]
struct SystemStanding {
    system: String,
    standing: &'static str,
    since: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<Timestamp>,
    reason: String,
    reason_en: String,
    evidence: Vec<u64>,
    class: Option<String>,
}

impl Standings {
    /// All duties of the contract file; the worst system stands for the duty.
    pub fn of(terms: &Terms, court: &Court, contract: &str, at: Timestamp) -> Self {
        let mut by_duty: BTreeMap<DutyId, Vec<Ruling>> = BTreeMap::new();
        for ruling in court.rulings() {
            by_duty.entry(ruling.duty).or_default().push(ruling);
        }
        let duties = terms.duties.iter().map(|duty| {
            let rulings = by_duty.remove(&duty.duty).unwrap_or_default();
            duty_standing(duty.duty, &rulings)
        });
        Self { at, contract: contract.to_owned(), duties: duties.collect() }
    }

    /// For people: one line per duty, the cause below where something is wrong.
    pub fn print(&self) {
        println!("{}  {}", self.contract, jst(self.at));
        for duty in &self.duties {
            let since = duty.since.map(jst).unwrap_or_default();
            println!("{:<7} {}  {:<24} {}", duty.id, symbol(duty.standing), since, duty.reason);
            if duty.standing != "kept" && !duty.next.is_empty() {
                println!("{:<7}    → {}", "", duty.next);
            }
        }
        let count = |word: &str| self.duties.iter().filter(|duty| duty.standing == word).count();
        println!(
            "適合 {}  不適合 {}  未確認 {}  例外承認中 {}  対象外 {}",
            count("kept"),
            count("broken"),
            count("unknown"),
            count("exempt"),
            count("not_applicable")
        );
    }
}

fn symbol(word: &str) -> &'static str {
    match word {
        "kept" => "○ 適合    ",
        "broken" => "× 不適合  ",
        "exempt" => "△ 例外承認",
        "not_applicable" => "／ 対象外  ",
        _ => "－ 未確認  ",
    }
}

fn duty_standing(duty: DutyId, rulings: &[Ruling]) -> DutyStanding {
    let clause = yakujo_contract::duty::Clause::ALL.iter().position(|clause| *clause == duty.row().clause);
    let clause = clause.and_then(|index| u8::try_from(index.saturating_add(1)).ok()).unwrap_or_default();
    let worst = rulings.iter().max_by_key(|ruling| ruling.verdict.standing.severity());
    let Some(worst) = worst else { return without_system(duty, clause) };
    let verdict = &worst.verdict;
    DutyStanding {
        id: duty.key(),
        clause,
        standing: verdict.standing.word(),
        since: Some(worst.since),
        reason: verdict.cause.ja.clone(),
        reason_en: verdict.cause.en.clone(),
        next: verdict.next.ja.clone(),
        next_en: verdict.next.en.clone(),
        evidence: verdict.evidence.iter().map(|entry| entry.0).collect(),
        evidence_total: verdict.evidence_total,
        class: verdict.class.map(|class| format!("{class:?}")),
        parameters: verdict.parameters.iter().map(ToString::to_string).collect(),
        systems: rulings.iter().map(system_standing).collect(),
    }
}

fn without_system(duty: DutyId, clause: u8) -> DutyStanding {
    DutyStanding {
        id: duty.key(),
        clause,
        standing: Standing::Unknown.word(),
        since: None,
        reason: "情報システムが登録されていません。".to_owned(),
        reason_en: "No information system is registered.".to_owned(),
        next: "受託者は、対象の情報システムを届け出てください。".to_owned(),
        next_en: "The contractor declares the system.".to_owned(),
        evidence: Vec::new(),
        evidence_total: 0,
        class: None,
        parameters: Vec::new(),
        systems: Vec::new(),
    }
}

fn system_standing(ruling: &Ruling) -> SystemStanding {
    let verdict = &ruling.verdict;
    let until = match &verdict.standing {
        Standing::Exempt(until) => Some(*until),
        _ => None,
    };
    SystemStanding {
        system: ruling.system.to_string(),
        standing: verdict.standing.word(),
        since: ruling.since,
        until,
        reason: verdict.cause.ja.clone(),
        reason_en: verdict.cause.en.clone(),
        evidence: verdict.evidence.iter().map(|entry| entry.0).collect(),
        class: verdict.class.map(|class| format!("{class:?}")),
    }
}
