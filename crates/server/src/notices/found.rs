//! New findings: told when they are found, whatever the standing of the duty was before. A second stop of a system whose
//! first one is not classified yet turns no standing, and a stop that lasts cannot wait for the morning.

use super::plan::{Circle, Kind, Notice, Urgency};
use jiff::Timestamp;
use std::collections::BTreeSet;
use std::sync::Arc;
use yakujo_contract::court::found::Found;
use yakujo_contract::entry::Party;
use yakujo_contract::finding::{Rule, Settled};
use yakujo_contract::id::FindingId;
use yakujo_contract::reconcile::Join;
use yakujo_contract::standing::Sentence;

/// Findings told one by one at most; more at once are one notice that leads to the list.
const MOST: usize = 5;

/// What is new: the notices for both parties, and the ids that count as told from now on.
#[must_use]
pub fn notices(
    all: &[Arc<Found>],
    told: &BTreeSet<FindingId>,
    now: Timestamp,
) -> (Vec<Notice>, Vec<FindingId>) {
    let is_told =
        |found: &Found| told.contains(&found.finding.id) || told.iter().any(|id| found.answers_to(id));
    let against = all.iter().map(Arc::as_ref).filter(|found| is_against(found));
    let new: Vec<&Found> = against.filter(|found| !is_told(found)).collect();
    let ids = new.iter().map(|found| found.finding.id.clone()).collect();
    let open = new.into_iter().filter(|found| found.settled == Settled::Open && found.turn.is_some());
    let (urgent, plain): (Vec<&Found>, Vec<&Found>) =
        open.partition(|found| urgency(found) == Urgency::Urgent);
    let mut notices: Vec<Notice> = urgent.iter().flat_map(|found| one(found, Urgency::Urgent, now)).collect();
    if plain.len() > MOST {
        notices.extend(many(&plain, now));
    } else {
        notices.extend(plain.iter().flat_map(|found| one(found, Urgency::Plain, now)));
    }
    (notices, ids)
}

/// Whether it is not as approved, or may not be: what is as approved, or waits for its written confirmation, is no news.
fn is_against(found: &Found) -> bool {
    match found.finding.join {
        Join::NotApproved(_)
        | Join::OutsideWindow { .. }
        | Join::OutsideScope { .. }
        | Join::Undecided { .. }
        | Join::Late { .. } => true,
        Join::AsApproved(_) | Join::Waiting { .. } | Join::NotSubject(_) | Join::NotDone(_) => false,
    }
}

/// A stop or restriction that lasts, and containment that is late: hours count.
fn urgency(found: &Found) -> Urgency {
    match found.finding.rule {
        Rule::R01 | Rule::R02 if found.is_running() => Urgency::Urgent,
        Rule::R05 => Urgency::Urgent,
        _ => Urgency::Plain,
    }
}

fn one(found: &Found, urgency: Urgency, now: Timestamp) -> [Notice; 2] {
    let (rule, system) = (found.finding.rule.row(), &found.finding.system);
    let sentence = Sentence::new(
        format!("所見（{}、{system}）があります。", rule.ja),
        format!("There is a finding ({}, {system}).", rule.en),
    );
    let id = &found.finding.id;
    both(&format!("found/{id}"), urgency, &sentence, &format!("/findings/{id}"), now)
}

fn many(found: &[&Found], now: Timestamp) -> [Notice; 2] {
    let count = found.len();
    let sentence = Sentence::new(
        format!("新しい所見が {count} 件あります。"),
        format!("There are {count} new findings."),
    );
    let first = found.first().map(|found| found.finding.id.to_string()).unwrap_or_default();
    both(&format!("founds/{first}"), Urgency::Plain, &sentence, "/findings?of=open", now)
}

fn both(key: &str, urgency: Urgency, sentence: &Sentence, link: &str, now: Timestamp) -> [Notice; 2] {
    [Party::City, Party::Contractor].map(|party| Notice {
        key: key.to_owned(),
        party,
        circle: Circle::All,
        kind: Kind::Finding,
        urgency,
        sentence: sentence.clone(),
        link: link.to_owned(),
        at: now,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use yakujo_contract::finding::Finding;
    use yakujo_contract::occurrence::{End, When, finding_id};
    use yakujo_contract::reconcile::Missing;
    use yakujo_contract::thing::Object;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn stop(rule: Rule, from: i64, to: i64, end: End, join: Join) -> Arc<Found> {
        let (from, to) = (at(from), at(to));
        let finding = Finding {
            id: finding_id(rule, "web", Object::Target, from),
            rule,
            system: "main".parse().unwrap(),
            host: None,
            object: Object::Target,
            names: vec!["web".to_owned()],
            count: 1,
            join,
            when: When::Lasting { from, to, end },
            since: to,
            entries: Vec::new(),
            by: None,
            against: Party::Contractor,
        };
        Arc::new(Found {
            words: Sentence::new("止まっている", "It stands still"),
            said: None,
            settled: Settled::Open,
            turn: Some(Party::Contractor),
            due: at(1_000_000),
            finding,
        })
    }

    fn unapproved(from: i64, end: End) -> Arc<Found> {
        stop(Rule::R01, from, from + 600, end, Join::NotApproved(Missing::Request))
    }

    #[test]
    fn a_stop_that_lasts_is_urgent_for_both_and_one_that_is_over_is_not() {
        let all = [unapproved(1_000, End::Open), unapproved(9_000, End::Over)];
        let (notices, ids) = notices(&all, &BTreeSet::new(), at(10_000));
        let told: Vec<_> = notices.iter().map(|notice| (notice.party, notice.urgency)).collect();
        let (urgent, plain) = (Urgency::Urgent, Urgency::Plain);
        let (city, contractor) = (Party::City, Party::Contractor);
        assert_eq!(told, [(city, urgent), (contractor, urgent), (city, plain), (contractor, plain)]);
        assert_eq!(ids.len(), 2);
    }

    #[test]
    fn each_is_told_once_also_when_its_beginning_moves_and_another_one_is_told_too() {
        let (_, ids) = notices(&[unapproved(1_000, End::Open)], &BTreeSet::new(), at(2_000));
        let told: BTreeSet<FindingId> = ids.into_iter().collect();
        let (again, _) = notices(&[unapproved(940, End::Open)], &told, at(2_060));
        assert!(again.is_empty(), "the other probe tells that it began a minute earlier");
        let (second, _) = notices(&[unapproved(5_000, End::Open)], &told, at(5_060));
        assert_eq!(second.len(), 2);
    }

    #[test]
    fn what_is_as_approved_is_no_news_until_it_is_not() {
        let request: yakujo_contract::id::RequestId = "q-1".parse().unwrap();
        let waits = Join::Waiting { request: request.clone(), recorded: at(0) };
        for join in [waits, Join::AsApproved(request.clone())] {
            let (none, ids) =
                notices(&[stop(Rule::R01, 1_000, 1_600, End::Open, join)], &BTreeSet::new(), at(2_000));
            assert!(none.is_empty() && ids.is_empty());
        }
        let late = Join::OutsideWindow { request, by_s: 60 };
        let (told, _) =
            notices(&[stop(Rule::R01, 1_000, 1_600, End::Open, late)], &BTreeSet::new(), at(2_000));
        assert_eq!(told.len(), 2);
    }

    #[test]
    fn many_at_once_are_one_notice_but_for_the_urgent_ones() {
        let mut all: Vec<Arc<Found>> = (0..20).map(|hour| unapproved(hour * 3_600, End::Over)).collect();
        all.push(unapproved(100 * 3_600, End::Open));
        let (told, ids) = notices(&all, &BTreeSet::new(), at(101 * 3_600));
        assert_eq!((told.len(), ids.len()), (4, 21));
        assert_eq!(told.iter().filter(|notice| notice.urgency == Urgency::Urgent).count(), 2);
        assert!(told.iter().any(|notice| notice.sentence.ja.contains("20 件")));
    }
}
