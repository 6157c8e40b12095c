//! What the outbox promises, as tests.

use super::*;
use yakujo_contract::fact::agent::AgentStop;
use yakujo_contract::fact::host::{CapacitySample, ClockStep, ServiceChange, Turn};
use yakujo_contract::fact::state::Seen;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_700_000_000 + second).unwrap()
}

fn change(n: i64) -> Fact {
    Fact::ServiceChange(ServiceChange {
        service: format!("unit-{n}"),
        change: Turn::Started,
        at: at(n),
        since: None,
        seen: Seen::Running,
    })
}

fn sample(n: i64) -> Fact {
    let coverage = yakujo_contract::fact::Coverage { reason: "x".repeat(2_000), ..Default::default() };
    Fact::CapacitySample(CapacitySample { from: at(n), to: at(n), resources: vec![], coverage })
}

async fn open(folder: &Path, bound: Bound) -> Outbox {
    Outbox::open(folder, "run".into(), bound).await.unwrap()
}

async fn everything(outbox: &Outbox) -> Vec<Numbered> {
    let mut all = Vec::new();
    loop {
        let batch = outbox.take(BATCH_FACTS).await.unwrap();
        let Some(last) = batch.last().map(|fact| fact.seq) else { return all };
        all.extend(batch);
        outbox.acked(last).await.unwrap();
    }
}

#[tokio::test]
async fn numbers_have_no_gap_and_go_on_after_everything_was_delivered_and_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let outbox = open(folder.path(), Bound::default()).await;
    outbox.put(at(1), &[change(1), change(2)]).await.unwrap();
    assert_eq!(everything(&outbox).await.len(), 2);
    outbox.close().await;
    let outbox = open(folder.path(), Bound::default()).await;
    outbox.put(at(2), &[change(3)]).await.unwrap();
    let taken = outbox.take(10).await.unwrap();
    assert_eq!(taken.iter().map(|fact| fact.seq).collect::<Vec<_>>(), [3]);
    assert_eq!(taken[0].fact, change(3));
}

#[tokio::test]
async fn what_was_not_acknowledged_is_taken_again() {
    let folder = tempfile::tempdir().unwrap();
    let outbox = open(folder.path(), Bound::default()).await;
    outbox.put(at(1), &[change(1), change(2), change(3)]).await.unwrap();
    outbox.take(10).await.unwrap();
    outbox.acked(1).await.unwrap();
    let again: Vec<u64> = outbox.take(10).await.unwrap().iter().map(|fact| fact.seq).collect();
    assert_eq!(again, [2, 3]);
}

#[tokio::test]
async fn a_batch_stays_below_its_size() {
    let folder = tempfile::tempdir().unwrap();
    let outbox = open(folder.path(), Bound::default()).await;
    let facts: Vec<Fact> = (0..700).map(sample).collect();
    outbox.put(at(1), &facts).await.unwrap();
    let batch = outbox.take(BATCH_FACTS).await.unwrap();
    assert!(serde_json::to_vec(&batch).unwrap().len() <= 1024 * 1024, "larger than the server takes");
    assert!(batch.len() < 500);
}

#[tokio::test]
async fn beyond_the_bound_the_oldest_unimportant_facts_become_a_declared_loss_without_a_gap() {
    let folder = tempfile::tempdir().unwrap();
    let bound = Bound { bytes: 100_000, ..Bound::default() };
    let outbox = open(folder.path(), bound).await;
    let step = Fact::ClockStep(ClockStep { moved_ms: 5 });
    let mut put = 0_u64;
    for n in 0..100 {
        outbox.put(at(n), &[sample(n), step.clone()]).await.unwrap();
        put += 2;
        if n == 3 {
            // Offered but never acknowledged: the server may have these four.
            outbox.take(4).await.unwrap();
        }
    }
    let all = everything(&outbox).await;
    let seqs: Vec<u64> = all.iter().map(|fact| fact.seq).collect();
    assert_eq!(seqs, (1..=all.len() as u64).collect::<Vec<_>>(), "gapless");
    assert_eq!(all[0].fact, sample(0), "offered facts stay as they are");
    let mut lost = 0;
    let mut declarations = 0;
    for fact in &all {
        if let Fact::AgentLoss(loss) = &fact.fact {
            lost += loss.count;
            declarations += 1;
            assert_eq!(loss.kinds.values().sum::<u64>(), loss.count);
            assert_eq!(loss.reason, "outbox limit");
        }
    }
    assert!(lost > 0);
    assert_eq!(all.iter().filter(|fact| fact.fact == step).count(), 100, "important facts are never dropped");
    assert_eq!(
        all.len() as u64 - declarations + lost,
        put,
        "sent and declared lost make exactly what was put in"
    );
}

#[tokio::test]
async fn facts_older_than_the_bound_become_a_declared_loss() {
    let folder = tempfile::tempdir().unwrap();
    let outbox = open(folder.path(), Bound::default()).await;
    outbox.put(at(0), &[change(1)]).await.unwrap();
    outbox.put(at(31 * 24 * 3600), &[change(2)]).await.unwrap();
    let all = everything(&outbox).await;
    assert!(
        matches!(&all[0].fact, Fact::AgentLoss(loss) if loss.count == 1 && loss.kinds.contains_key("service.change"))
    );
    assert_eq!(all[1].fact, change(2));
}

#[tokio::test]
async fn what_did_not_fit_is_declared_when_there_is_space_again() {
    let folder = tempfile::tempdir().unwrap();
    let outbox = open(folder.path(), Bound { bytes: 400, ..Bound::default() }).await;
    let stop = |text: &str| Fact::AgentStop(AgentStop { reason: text.to_owned() });
    outbox.put(at(1), &[stop(&"a".repeat(300))]).await.unwrap();
    assert!(matches!(outbox.put(at(2), &[stop(&"b".repeat(300))]).await, Err(OutboxError::Full)));
    assert_eq!(everything(&outbox).await.len(), 1);
    outbox.put(at(3), &[stop("c")]).await.unwrap();
    let all = everything(&outbox).await;
    assert!(matches!(&all[0].fact, Fact::AgentLoss(loss) if loss.count == 1 && loss.from == at(2)));
    assert_eq!(all[1].fact, stop("c"));
    assert_eq!(all[0].seq, 2);
}

#[tokio::test]
async fn a_set_back_outbox_gives_new_numbers_and_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let outbox = open(folder.path(), Bound::default()).await;
    for second in 1..=5 {
        outbox.put(at(second), &[change(second)]).await.unwrap();
    }
    // The server holds 1 and 2 as they are here, and others up to 9.
    outbox.move_behind(2, 9).await.unwrap();
    outbox.put(at(6), &[change(6)]).await.unwrap();
    let mut all = everything(&outbox).await;
    let loss = all.remove(0);
    assert!(loss.seq == 10 && matches!(&loss.fact, Fact::AgentLoss(loss) if loss.count == 0), "{loss:?}");
    let seen: Vec<(u64, Fact)> = all.into_iter().map(|fact| (fact.seq, fact.fact)).collect();
    assert_eq!(seen, vec![(11, change(3)), (12, change(4)), (13, change(5)), (14, change(6))]);
}

#[tokio::test]
async fn an_empty_outbox_that_was_set_back_goes_on_at_a_free_number() {
    let folder = tempfile::tempdir().unwrap();
    let outbox = open(folder.path(), Bound::default()).await;
    outbox.put(at(1), &[change(1)]).await.unwrap();
    outbox.move_behind(1, 499).await.unwrap();
    outbox.put(at(2), &[change(2)]).await.unwrap();
    assert_eq!(everything(&outbox).await[0].seq, 500);
}

/// Not a test of its own: the child that the next test kills. It prints each number whose fact is on the disk.
#[tokio::test]
async fn child_that_fills_an_outbox_until_it_is_killed() {
    let Some(folder) = std::env::var_os("YAKUJO_OUTBOX_CHILD") else { return };
    let outbox = open(Path::new(&folder), Bound::default()).await;
    loop {
        let (_, next) = outbox.depth().await.unwrap();
        let signed = i64::try_from(next).unwrap();
        outbox.put(at(signed), &[change(signed)]).await.unwrap();
        use std::io::Write;
        let mut out = std::io::stderr();
        out.write_all(format!("stored {next}\n").as_bytes()).unwrap();
    }
}

#[tokio::test]
async fn twenty_times_killed_it_loses_no_fact_it_took_in() {
    use std::io::{BufRead, BufReader};
    let folder = tempfile::tempdir().unwrap();
    let mut highest = 0_u64;
    for round in 0..20_u64 {
        let mut child = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "outbox::tests::child_that_fills_an_outbox_until_it_is_killed", "--nocapture"])
            .env("YAKUJO_OUTBOX_CHILD", folder.path())
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        // Killed while it writes, after a different number of facts each time.
        for line in lines.by_ref().take(usize::try_from(5 + round * 3 % 17).unwrap()) {
            highest = line.unwrap().trim_start_matches("stored ").parse().unwrap_or(highest).max(highest);
        }
        child.kill().unwrap();
        child.wait().unwrap();
        for line in lines.map_while(Result::ok) {
            highest = line.trim_start_matches("stored ").parse().unwrap_or(highest).max(highest);
        }
    }
    let outbox = open(folder.path(), Bound::default()).await;
    let all = everything(&outbox).await;
    assert!(highest > 100, "the child did work");
    assert!(all.len() as u64 >= highest, "{} facts, but {highest} were acknowledged", all.len());
    for (expected, fact) in (1_u64..).zip(&all) {
        assert_eq!(fact.seq, expected);
        assert_eq!(fact.fact, change(i64::try_from(expected).unwrap()));
    }
}

#[tokio::test]
async fn what_could_not_be_taken_in_is_declared_once_though_the_process_ended_in_between() {
    let folder = tempfile::tempdir().unwrap();
    let stop = |n: usize| Fact::AgentStop(AgentStop { reason: format!("{n}{}", "x".repeat(100)) });
    let declared = |all: &[Numbered]| {
        let lost = all.iter().filter_map(|numbered| match &numbered.fact {
            Fact::AgentLoss(loss) => Some((loss.count, loss.kinds.clone())),
            _ => None,
        });
        lost.collect::<Vec<_>>()
    };
    let full = open(folder.path(), Bound { bytes: 10, ..Bound::default() }).await;
    assert!(full.put(at(1), &[stop(1), stop(2)]).await.is_err());
    assert!(full.put(at(2), &[stop(3)]).await.is_err());
    // Killed: nothing is closed.
    let again = open(folder.path(), Bound::default()).await;
    again.put(at(3), &[stop(4)]).await.unwrap();
    let taken = again.take(10).await.unwrap();
    assert_eq!(declared(&taken), [(3, [("agent.stop".to_owned(), 3)].into())], "{taken:?}");
    let once_more = open(folder.path(), Bound { bytes: 1_000, ..Bound::default() }).await;
    once_more.put(at(4), &[stop(5)]).await.unwrap();
    assert_eq!(declared(&once_more.take(10).await.unwrap()).len(), 1, "declared once");
    assert!(once_more.put(at(5), &[Fact::AgentStop(AgentStop { reason: "x".repeat(2_000) })]).await.is_err());
    let last = open(folder.path(), Bound::default()).await;
    last.put(at(6), &[stop(6)]).await.unwrap();
    assert_eq!(declared(&last.take(10).await.unwrap()).len(), 2, "the next loss is another one");
}

#[tokio::test]
async fn a_new_outbox_goes_on_behind_the_numbers_the_server_has_and_says_that_something_is_lost() {
    let folder = tempfile::tempdir().unwrap();
    let outbox = open(folder.path(), Bound::default()).await;
    outbox.put(at(1), &[change(1), change(2), change(3)]).await.unwrap();
    outbox.move_behind(0, 2).await.unwrap();
    outbox.put(at(2), &[change(4)]).await.unwrap();
    let taken = outbox.take(10).await.unwrap();
    assert_eq!(taken.iter().map(|fact| fact.seq).collect::<Vec<_>>(), [3, 4, 5, 6, 7]);
    assert!(matches!(&taken[0].fact, Fact::AgentLoss(loss) if loss.count == 0), "{:?}", taken[0]);
    let changes: Vec<Fact> = taken.iter().skip(1).map(|fact| fact.fact.clone()).collect();
    assert_eq!(changes, [change(1), change(2), change(3), change(4)]);
}

#[tokio::test]
async fn malware_that_may_have_run_is_a_suspicion_that_outlives_the_agent_and_what_was_held_in_time_is_none()
{
    let folder = tempfile::tempdir().unwrap();
    let found = |action: &str, result: &str| -> Fact {
        let fact = serde_json::json!({ "kind": "av.detection", "path": "/srv/x", "digest": "ab".repeat(32), "size": 1,
            "owner": 0, "signature": "x", "trigger": "access", "action": action, "result": result });
        serde_json::from_value(fact).unwrap()
    };
    let held = |meta: &str| -> Fact {
        let fact = serde_json::json!({ "kind": "quarantine.item", "item": "q-1", "from": "/srv/x",
            "digest": "ab".repeat(32), "size": 1, "meta": meta, "result": "done" });
        serde_json::from_value(fact).unwrap()
    };
    for (fact, suspected) in [
        (found("quarantined", "done"), false),
        (found("denied", "done"), false),
        (held("0644 33 33"), false),
        (held("0755 33 33"), true),
        (found("none", "done"), true),
        (found("quarantined", "failed"), true),
    ] {
        let outbox = open(folder.path(), Bound::default()).await;
        let mut told = outbox.suspected();
        outbox.put(at(1), std::slice::from_ref(&fact)).await.unwrap();
        assert_eq!(told.has_changed().unwrap(), suspected, "{fact:?}");
        told.mark_unchanged();
        outbox.close().await;
        let outbox = open(folder.path(), Bound::default()).await;
        assert_eq!(outbox.recall(SUSPECTED_KEY).await.unwrap().is_some(), suspected, "{fact:?}");
        outbox.put_with(at(2), &[], &[(SUSPECTED_KEY.to_owned(), None)]).await.unwrap();
        outbox.close().await;
    }
}
