//! What a check-sheet's rows are answered from the evidence. A row without a duty, and a duty without evidence, is
//! 未確認: never ○.

use super::board;
use super::checksheet_rows::Question;
use super::visit::Visit;
use super::words;
use crate::checksheets::{Checksheet, Marks, Pick};
use yakujo_contract::court::Ruling;
use yakujo_contract::standing::Standing;

/// Entries named in one cell.
const ENTRIES: usize = 5;

/// A question with its answer.
#[derive(Debug, Clone)]
pub struct Answered {
    /// The question.
    pub question: Question,
    /// What answers it; none: nobody has said.
    pub pick: Option<Pick>,
    /// How it stands.
    pub standing: Standing,
    /// Why: the duties, and the entries they rest on.
    pub evidence: String,
}

impl Answered {
    /// The answer in the city's words; empty where nothing is written.
    #[must_use]
    pub fn mark<'a>(&self, marks: &'a Marks) -> &'a str {
        if self.pick == Some(Pick::Leave) {
            return "";
        }
        match self.standing {
            Standing::Kept => &marks.kept,
            Standing::Broken => &marks.broken,
            Standing::Unknown => &marks.unknown,
            Standing::Exempt(_) => &marks.exempt,
            Standing::NotApplicable => &marks.not_applicable,
        }
    }
}

/// Every question of a sheet with its answer.
#[must_use]
pub fn answers(visit: &Visit, sheet: &Checksheet) -> Vec<Answered> {
    let rulings = board::rulings(visit);
    let answer = |question: &Question| {
        let pick = sheet.picks.get(&question.row).cloned();
        let (standing, evidence) = match &pick {
            None => {
                let text = visit.of("対応する義務が選ばれていません。", "No duty was chosen.");
                (Standing::Unknown, text.to_owned())
            }
            Some(Pick::Leave) => (Standing::Unknown, String::new()),
            Some(pick) => judged(visit, &rulings, pick),
        };
        Answered { question: question.clone(), pick, standing, evidence }
    };
    sheet.questions.iter().map(answer).collect()
}

fn judged(visit: &Visit, rulings: &[Ruling], pick: &Pick) -> (Standing, String) {
    let is_meant = |ruling: &&Ruling| match pick {
        Pick::Duty(duty) => ruling.duty == *duty,
        Pick::Clause(key) => ruling.duty.row().clause.key() == key,
        Pick::Leave => false,
    };
    let meant: Vec<&Ruling> = rulings.iter().filter(is_meant).collect();
    let worst = meant.iter().map(|ruling| proven(ruling)).max_by_key(Standing::severity);
    let Some(worst) = worst else {
        return (Standing::Unknown, visit.of("判定がまだありません。", "Nothing was judged yet.").to_owned());
    };
    let lines: Vec<String> = meant.iter().map(|ruling| line(visit, ruling)).collect();
    (worst, lines.join("\n"))
}

/// How it stands by its evidence: kept without a single entry is not proven.
fn proven(ruling: &Ruling) -> Standing {
    let verdict = &ruling.verdict;
    match &verdict.standing {
        Standing::Kept if verdict.evidence.is_empty() => Standing::Unknown,
        other => other.clone(),
    }
}

/// `6.a（main）○ 適合：台帳 #12、#15（E1）`
fn line(visit: &Visit, ruling: &Ruling) -> String {
    let verdict = &ruling.verdict;
    let standing = proven(ruling);
    let terms = visit.office.terms().duties.iter().find(|terms| terms.duty == ruling.duty);
    let label = terms.map_or_else(|| ruling.duty.to_string(), |terms| terms.label.clone());
    let (sign, word) = (words::sign(&standing), words::standing(visit.lang, &standing));
    let numbers: Vec<String> =
        verdict.evidence.iter().take(ENTRIES).map(|number| format!("#{number}")).collect();
    let class = verdict.class.map(|class| format!("（{class:?}）")).unwrap_or_default();
    let proof = if numbers.is_empty() {
        visit.of("証拠なし", "no evidence").to_owned()
    } else {
        format!("{} {}{class}", visit.of("台帳", "ledger"), numbers.join("、"))
    };
    let cause = visit.lang.of(&verdict.cause.ja, &verdict.cause.en);
    match standing {
        Standing::Kept => format!("{label}（{}）{sign} {word}：{proof}", ruling.system),
        _ => format!("{label}（{}）{sign} {word}：{proof}。{cause}", ruling.system),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::Timestamp;
    use yakujo_contract::court::Turned;
    use yakujo_contract::duty::DutyId;
    use yakujo_contract::id::EntryNumber;
    use yakujo_contract::standing::{Sentence, Verdict};

    fn ruling(verdict: Verdict) -> Ruling {
        Ruling {
            duty: DutyId::parse("6.a").unwrap(),
            system: "main".parse().unwrap(),
            at: Timestamp::UNIX_EPOCH,
            since: Timestamp::UNIX_EPOCH,
            verdict,
            turned: Turned::Yes,
        }
    }

    #[test]
    fn kept_without_an_entry_is_answered_as_unknown() {
        let mut verdict = Verdict::kept(Sentence::default());
        assert_eq!(proven(&ruling(verdict.clone())), Standing::Unknown);
        verdict.evidence.push(EntryNumber(12));
        assert_eq!(proven(&ruling(verdict)), Standing::Kept);
        let broken = Verdict::broken(Sentence::default(), Sentence::default());
        assert_eq!(proven(&ruling(broken)), Standing::Broken, "what is broken needs no proof to be said");
    }
}
