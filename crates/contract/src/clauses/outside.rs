//! A host that is cut off, seen from outside (2.1.e). Rules that its agent finds in force are the host's own word: root on the
//! host can take them away. A door that answers is a connection that nobody consented to; while the host is cut off, only
//! doors that were tried lately and are silent let the duty be 適合.

use super::containment::finding;
use crate::case::Case;
use crate::evidence::outside::{Run, View};
use crate::fact::malware::Untried;
use crate::finding::Finding;
use crate::id::{EntryNumber, HostId};
use crate::occurrence::{End, When};
use crate::reconcile::{Join, Missing};
use crate::standing::{EvidenceClass, Sentence, Verdict, jst};
use crate::thing::Object;
use jiff::SignedDuration;
use std::collections::BTreeSet;

/// The server tells every ten minutes what it sees; what it said three times as long ago is no view of now.
const SEEN_WITHIN: SignedDuration = SignedDuration::from_mins(30);

/// doors that answered while the host was cut off.
pub(super) fn answered(case: &Case<'_>) -> Vec<Finding> {
    let mut found = Vec::new();
    for (place, host) in case.hosts() {
        let Some(host) = host else { continue };
        for span in host.cut_off() {
            let runs = host.seen_during(&span);
            let last = runs.last().map(|run| run.first);
            let answers = runs.iter().filter(|run| run.view == View::Answers);
            found.extend(answers.map(|run| {
                let goes_on = span.over.is_none() && last == Some(run.first);
                one(case, &place.host, run, if goes_on { End::Open } else { End::Over })
            }));
        }
    }
    found
}

fn one(case: &Case<'_>, host: &HostId, run: &Run<'_>, end: End) -> Finding {
    let names: Vec<String> = run.doors.iter().map(ToString::to_string).collect();
    let first = names.first().map_or("", String::as_str);
    let when = When::Lasting { from: run.first.observed, to: run.last.observed, end };
    let join = Join::NotApproved(Missing::Request);
    let entries = BTreeSet::from([run.first.entry]);
    let found = finding(case, host, (Object::Listener, first), when, join, run.first.received, entries);
    Finding { count: u32::try_from(names.len()).unwrap_or(u32::MAX), names, ..found }
}

/// 未確認: the first host that is cut off now and was not seen to be silent from outside.
pub(super) fn doubtful(case: &Case<'_>) -> Option<Verdict> {
    case.hosts().find_map(|(place, host)| {
        let now = host?.cut_off_now()?;
        let run = host?.seen_from_outside();
        let Some(run) = run.filter(|run| !case.older_than(run.last.received, SEEN_WITHIN)) else {
            return Some(not_seen(&place.host, now.from.entry));
        };
        match run.view {
            // An answer is a finding: it weighs there, until somebody says what it was.
            View::Silent | View::Answers => None,
            View::Refuses | View::Untried(_) => Some(unclear(&place.host, &run)),
        }
    })
}

fn not_seen(host: &HostId, entry: EntryNumber) -> Verdict {
    Verdict::unknown(
        Sentence::new(
            format!("{host} は遮断中とエージェントが報告していますが、外から届かないことはまだ確かめられていません。"),
            format!("The agent of {host} says that it is cut off; nobody has tried it from outside lately."),
        ),
        Sentence::new(
            "サーバが30秒ごとに試します。10分を過ぎても変わらなければ、受託者はサーバの記録を確認してください。",
            "The server tries every 30 s. If this lasts for more than 10 minutes, the contractor looks at the server's log.",
        ),
    )
    .with_evidence(EvidenceClass::E1, [entry])
}

fn unclear(host: &HostId, run: &Run<'_>) -> Verdict {
    let (words, since) = (run.words(), jst(run.first.observed));
    Verdict::unknown(
        Sentence::new(
            format!("{host} は遮断中とエージェントが報告していますが、{}（{since} から）。", words.ja),
            format!("The agent of {host} says that it is cut off, but {} (since {since}).", words.en),
        ),
        next(run.view),
    )
    .with_evidence(EvidenceClass::E1, [run.first.entry])
}

fn next(view: View) -> Sentence {
    match view {
        View::Untried(Untried::NoNetwork) => Sentence::new(
            "受託者は、サーバの回線を確認してください。",
            "The contractor checks the server's network.",
        ),
        View::Answers | View::Refuses | View::Silent | View::Untried(_) => Sentence::new(
            "受託者は、別の機器から届かないことを確かめ、事案報告（F-05）に記録してください。",
            "The contractor tries from another machine, and puts what came of it into the report (F-05).",
        ),
    }
}

/// What outside views add to the words of a duty that is kept, and the entries they rest on.
pub(super) fn confirmed(case: &Case<'_>) -> (Sentence, Vec<EntryNumber>) {
    let (mut words, mut entries, mut unseen, mut seen) = (Sentence::default(), Vec::new(), 0_u32, 0_u32);
    for (place, host) in case.hosts() {
        let Some(host) = host else { continue };
        for span in host.cut_off() {
            // The first of those that say the same, so that the words do not change every ten minutes.
            let runs = host.seen_during(&span);
            let Some(run) = runs.iter().rev().find(|run| run.view == View::Silent) else {
                unseen = unseen.saturating_add(1);
                continue;
            };
            seen = seen.saturating_add(1);
            let (id, said, since) = (&place.host, run.words(), jst(run.first.observed));
            entries.push(run.first.entry);
            // The last of them is told, the others are counted.
            words = Sentence::new(
                format!("{id} は、{}（{since} から）。", said.ja),
                format!(" {id}: {} (since {since}).", said.en),
            );
        }
    }
    if seen > 1 {
        words.ja.push_str(&format!("外から届かないことは、遮断 {seen} 回で確かめています。"));
        words.en.push_str(&format!(" {seen} isolations were seen to be silent from outside."));
    }
    if unseen > 0 {
        words.ja.push_str(&format!("遮断 {unseen} 回では、外から届かないことは確かめられていません。"));
        words.en.push_str(&format!(" {unseen} isolations were not seen to be silent from outside."));
    }
    (words, entries)
}
