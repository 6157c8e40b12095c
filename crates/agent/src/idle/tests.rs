use super::*;
use crate::outbox::{Bound, Outbox};
use std::sync::Arc;

fn agreed(rows: &[(&str, i64)]) -> Agreed {
    rows.iter().map(|(key, value)| ((*key).to_owned(), *value)).collect()
}

#[test]
fn a_try_is_made_again_before_it_counts_no_more_and_sooner_where_it_could_not_be_made() {
    let (day, begun) = (24, Timestamp::from_second(1_795_000_000).unwrap());
    let last = |came_to| Some(Last { begun, came_to });
    let monthly = agreed(&[("try_d", 31)]);
    for (came_to, agreed, hours) in [
        (End::Tried, &monthly, 31 * day * 9 / 10),
        (End::NotTried, &monthly, day),
        (End::Waits, &monthly, day),
        (End::Tried, &Agreed::new(), 7 * day * 9 / 10),
        (End::NotTried, &agreed(&[("try_d", 1)]), day * 9 / 10),
    ] {
        let after = |hours: i64| begun + SignedDuration::from_hours(hours);
        assert!(!due(last(came_to), agreed, after(hours - 1)), "{came_to:?} {hours}");
        assert!(due(last(came_to), agreed, after(hours + 1)), "{came_to:?} {hours}");
    }
    assert!(due(None, &monthly, begun));
    assert!(due(last(End::Tried), &monthly, begun - SignedDuration::from_hours(1)), "the clock was set back");
}

#[test]
fn a_session_is_left_alone_for_a_minute_more_than_agreed_for_its_role() {
    let agreed = agreed(&[("admin_min", 10), ("staff_min", 0)]);
    assert_eq!(left_alone(&agreed, IdleRole::Admin), Some(Duration::from_secs(660)));
    assert_eq!(left_alone(&agreed, IdleRole::Staff), None);
    assert_eq!(left_alone(&agreed, IdleRole::Citizen), None);
}

#[tokio::test]
async fn a_wait_that_a_restart_cut_off_is_told_once_and_was_no_try() {
    let folder = tempfile::tempdir().unwrap();
    let outbox = Outbox::open(folder.path(), "run".into(), Bound::default()).await.unwrap();
    let outbox = Arc::new(outbox);
    let text = "[[idle_session]]\ntarget = \"door\"\nrole = \"admin\"\nssh = { account = \"a\", key = \"/k\", known_hosts = \"/h\" }\n";
    let file = crate::settings::parse(text).unwrap();
    let begun = Timestamp::from_second(1_795_000_000).unwrap();
    let place = Place {
        session: file.idle_sessions.first().cloned().unwrap(),
        file,
        clock: Arc::new(move || begun),
        notebook: Notebook::Outbox(outbox.clone(), watch::channel(0).0),
    };
    place.tell_a_wait_that_was_cut_off().await.unwrap();
    assert_eq!(outbox.take(10).await.unwrap(), [], "nothing waited");

    let waits = place.note(Last { begun, came_to: End::Waits });
    place.notebook.put_with(begun, &[], &[waits]).await.unwrap();
    for run in ["the next run", "the one after it"] {
        place.tell_a_wait_that_was_cut_off().await.unwrap();
        let told: Vec<Fact> = outbox.take(10).await.unwrap().into_iter().map(|told| told.fact).collect();
        let [Fact::ProbeSessionCut(told)] = &told[..] else { panic!("{run}: {told:?}") };
        assert!(!told.cut && told.idle_s == 0, "{told:?}");
        assert!(told.not_tried.as_deref().is_some_and(|why| why.contains("the agent ended")), "{told:?}");
        assert_eq!(place.last().await.unwrap(), Some(Last { begun, came_to: End::NotTried }), "{run}");
    }
}
