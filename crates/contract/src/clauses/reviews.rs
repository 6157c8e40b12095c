//! The city's review of accounts and rights (棚卸し, 11.a, 11.b): when it is due, and what is said of it. No verdict rests
//! on it: that the city does not look is no breach of the contractor's.

use crate::case::Case;
use crate::parameter::ParameterId;
use crate::standing::{Sentence, jst};
use jiff::{SignedDuration, Timestamp};

const P27: ParameterId = ParameterId::new(27);

/// When the city's review of accounts and rights (棚卸し) is due: so many days (P-27 `review_d`) after its last one, or
/// after the first account was seen. None while there is nothing to review.
pub(crate) fn review_due(case: &Case<'_>) -> Option<Timestamp> {
    let last = case.evidence.access_reviews.get(case.system).map(|latest| latest.stamp.received);
    let hosts = || case.hosts().filter_map(|(_, host)| host);
    let first = || hosts().flat_map(|host| host.account_first_seen.values()).map(|seen| seen.received).min();
    let days = case.measure(P27, "review_d").value;
    if days == 0 {
        // A contract without this number sets no date.
        return None;
    }
    let due = last.or_else(first)?.checked_add(SignedDuration::from_hours(days.saturating_mul(24)));
    Some(due.unwrap_or(Timestamp::MAX))
}

/// The city's review: not looking is no breach of the contractor's, and is shown.
pub(super) fn reviewed(case: &Case<'_>) -> Sentence {
    let last = case.evidence.access_reviews.get(case.system).map(|latest| jst(latest.stamp.received));
    let Some(due) = review_due(case) else { return Sentence::new("", "") };
    let (ja, en) = match last {
        Some(last) => {
            (format!("市の棚卸しは {last} が最後で、"), format!("The city's last review was at {last}; "))
        }
        None => ("市の棚卸しはまだなく、".to_owned(), "The city has not reviewed them yet; ".to_owned()),
    };
    let which = if case.evidence.access_reviews.contains_key(case.system) { "次" } else { "初回" };
    let over = case.passed(due);
    let due = jst(due);
    match over {
        true => {
            Sentence::new(format!("{ja}期限 {due} を過ぎています。"), format!("{en}it was due at {due}."))
        }
        false => Sentence::new(
            format!("{ja}{which}の期限は {due} です。"),
            format!("{en}the next is due at {due}."),
        ),
    }
}
