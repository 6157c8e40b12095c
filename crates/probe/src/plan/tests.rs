use super::*;
use proptest::prelude::*;
use yakujo_contract::fact::probe::ProbeAvailability;
use yakujo_contract::target::{Expected, Means};

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_795_000_000 + second).unwrap()
}

fn target(id: &str, every_s: u32) -> Target {
    Target {
        target: id.parse().unwrap(),
        system: "main".parse().unwrap(),
        name: id.to_owned(),
        means: Means::Tcp,
        address: "192.0.2.1:80".to_owned(),
        expected: Expected::default(),
        authority: None,
        reference: None,
        every_s,
        probes: vec!["server".parse().unwrap()],
    }
}

fn down() -> Attempt {
    Attempt::Down { fault: Fault::Refused, detail: "refused".to_owned() }
}

/// Lets a planner work for so long: each second what is due is tried, and answers at once.
fn work(
    planner: &mut Planner,
    seconds: std::ops::Range<i64>,
    answer: impl Fn(&TargetId, i64) -> Attempt,
) -> Vec<(i64, Fact)> {
    let mut facts = Vec::new();
    for second in seconds {
        for due in planner.due(at(second)) {
            planner.tried(&due.target, at(second), answer(&due.target, second));
        }
        facts.extend(planner.facts(at(second)).into_iter().map(|fact| (second, fact)));
    }
    facts
}

fn availability(facts: &[(i64, Fact)]) -> Vec<(i64, &ProbeAvailability)> {
    let found = facts.iter().filter_map(|(second, fact)| match fact {
        Fact::ProbeAvailability(stood) => Some((*second, stood)),
        _ => None,
    });
    found.collect()
}

fn watches(facts: &[(i64, Fact)]) -> Vec<&ProbeWatch> {
    let found = facts.iter().filter_map(|(_, fact)| match fact {
        Fact::ProbeWatch(watch) => Some(watch),
        _ => None,
    });
    found.collect()
}

#[test]
fn what_stands_costs_one_fact_in_five_minutes_for_all_targets() {
    let mut planner = Planner::default();
    let targets: Vec<Target> = (0..1_000).map(|index| target(&format!("t-{index}"), 60)).collect();
    planner.assign(&targets, at(0));
    let facts = work(&mut planner, 0..3_600, |_, _| Attempt::Up(7));
    let watches = watches(&facts);
    assert_eq!(availability(&facts).len(), 2_000, "each the first time, and up to the first round");
    assert_eq!(watches.len(), 2 * 10, "two parts, eleven rounds but the first");
    assert!(watches.iter().all(|watch| watch.up.len() == 500 && watch.up.values().all(|p95| *p95 == 7)));
    assert!(
        watches.chunks(2).is_sorted_by(|one, next| one[0].to == next[0].from),
        "they continue each other"
    );
}

#[test]
fn a_stop_is_told_at_once_as_it_lasts_and_when_it_ends() {
    let mut planner = Planner::default();
    planner.assign(&[target("web", 20)], at(0));
    let facts = work(&mut planner, 0..2_000, |_, second| match second {
        100..160 => down(),
        _ => Attempt::Up(5),
    });
    let all = availability(&facts);
    let stop: Vec<_> = all.iter().filter(|(_, stood)| stood.state == Availability::Down).collect();
    let (first, last) = (stop.first().unwrap(), stop.last().unwrap());
    assert_eq!(at(first.0), first.1.from, "told at the first try that failed");
    assert!(first.1.from.duration_since(at(100)).as_secs() < 20);
    assert!(at(160).duration_since(last.1.to).as_secs() <= 10, "tried every ten seconds while it lasts");
    assert!(stop.windows(2).all(|pair| pair[0].1.to == pair[1].1.from), "each continues the one before");
    let failed: u32 = stop.iter().map(|(_, stood)| stood.failed).sum();
    assert_eq!(i64::from(failed), last.1.to.duration_since(first.1.from).as_secs() / 10 + 1);
    let back = all.iter().find(|(second, stood)| *second > 160 && stood.state == Availability::Up).unwrap();
    assert!(back.0 < 172 && back.1.from == back.1.to);
}

#[test]
fn a_blip_is_told_too() {
    let mut planner = Planner::default();
    planner.assign(&[target("web", 20)], at(0));
    let facts =
        work(
            &mut planner,
            0..200,
            |_, second| if (100..110).contains(&second) { down() } else { Attempt::Up(5) },
        );
    let stop: Vec<_> =
        availability(&facts).into_iter().filter(|(_, stood)| stood.state == Availability::Down).collect();
    assert!(stop.len() <= 1);
    if let Some((_, blip)) = stop.first() {
        assert_eq!((blip.from, blip.tries, blip.why), (blip.to, 1, Some(Fault::Refused)));
    }
}

#[test]
fn what_comes_and_goes_all_day_does_not_fill_the_ledger() {
    let mut planner = Planner::default();
    planner.assign(&[target("web", 10)], at(0));
    let day = 24 * 3_600;
    let facts =
        work(&mut planner, 0..day, |_, second| if second / 15 % 2 == 0 { down() } else { Attempt::Up(5) });
    assert!(facts.len() < 1_500, "{}", facts.len());
    let unsteady =
        availability(&facts).iter().filter(|(_, stood)| stood.why == Some(Fault::Unsteady)).count();
    assert!(unsteady > 100);
    let calm = work(&mut planner, day..day + 7_200, |_, _| Attempt::Up(5));
    assert_eq!(
        availability(&calm).last().unwrap().1.state,
        Availability::Up,
        "it is well again when it is steady"
    );
    let gone = work(&mut planner, day + 7_200..day + 9_000, |_, _| down());
    assert_eq!(availability(&gone).last().unwrap().1.state, Availability::Down);
}

#[test]
fn a_week_of_a_stop_is_told_seldom_in_the_end() {
    let mut planner = Planner::default();
    planner.assign(&[target("web", 10)], at(0));
    let facts = work(&mut planner, 0..7 * 24 * 3_600, |_, _| down());
    assert!(facts.len() < 2_200, "{}", facts.len());
}

#[test]
fn while_the_probe_is_cut_off_it_says_so_and_nothing_of_its_targets() {
    let mut planner = Planner::default();
    planner.assign(&[target("web", 20), target("db", 20)], at(0));
    let _ = work(&mut planner, 0..100, |_, _| Attempt::Up(5));
    let mut facts = Vec::new();
    for second in 100..400 {
        for due in planner.due(at(second)) {
            planner.was_blind(&due.target, at(second), Blindness::NoNetwork);
        }
        facts.extend(planner.facts(at(second)).into_iter().map(|fact| (second, fact)));
    }
    planner.sees();
    facts.extend(work(&mut planner, 400..420, |_, _| Attempt::Up(5)));
    assert!(availability(&facts).iter().all(|(_, stood)| stood.state == Availability::Up));
    let blind: Vec<&ProbeBlind> = facts
        .iter()
        .filter_map(|(_, fact)| match fact {
            Fact::ProbeBlind(blind) => Some(blind),
            _ => None,
        })
        .collect();
    assert!(blind.first().unwrap().from < at(120) && blind.last().unwrap().to >= at(388));
    assert!(blind.windows(2).all(|pair| pair[0].to == pair[1].from));
    assert!(blind.len() < 80, "{}", blind.len());
    assert!(watches(&facts).iter().all(|watch| watch.up.is_empty()), "nobody watched through the cut");
}

#[test]
fn a_probe_that_slept_does_not_say_that_all_was_well() {
    let mut planner = Planner::default();
    planner.assign(&[target("web", 20)], at(0));
    let mut facts = work(&mut planner, 0..1_000, |_, _| Attempt::Up(5));
    facts.extend(work(&mut planner, 5_000..6_000, |_, _| Attempt::Up(5)));
    for (from, to) in facts.iter().filter_map(|(_, fact)| match fact {
        Fact::ProbeAvailability(stood) => Some((stood.from, stood.to)),
        Fact::ProbeWatch(watch) if !watch.up.is_empty() => Some((watch.from, watch.to)),
        _ => None,
    }) {
        assert!(to <= at(1_000) || from >= at(4_900), "{from} {to}");
    }
}

#[test]
fn what_cannot_be_tried_is_said_each_time() {
    let mut planner = Planner::default();
    planner.assign(&[target("router", 20)], at(0));
    let facts = work(&mut planner, 0..700, |_, _| Attempt::Cannot("echo is not allowed".to_owned()));
    let told = watches(&facts);
    assert_eq!(told.len(), 3, "at once, and with every round");
    assert!(told.iter().all(|watch| watch.up.is_empty() && watch.cannot.len() == 1));
}

#[test]
fn a_target_that_is_no_longer_agreed_is_no_longer_tried() {
    let mut planner = Planner::default();
    planner.assign(&[target("web", 20), target("db", 20)], at(0));
    let _ = work(&mut planner, 0..30, |_, _| Attempt::Up(5));
    planner.assign(&[target("web", 30)], at(30));
    let mut tried = Vec::new();
    for second in 30..200 {
        tried.extend(planner.due(at(second)).into_iter().map(|due| due.target.to_string()));
    }
    assert_eq!(tried, ["web"], "until its result is in");
}

#[test]
fn blindness_of_the_probe_is_no_turn_of_the_target() {
    let mut planner = Planner::default();
    planner.assign(&[target("web", 10)], at(0));
    let mut facts = Vec::new();
    let mut tries = 0;
    for second in 0..1_500 {
        for due in planner.due(at(second)) {
            tries += 1;
            match tries {
                5 | 45 | 85 => planner.tried(&due.target, at(second), down()),
                _ if tries % 2 == 0 => planner.was_blind(&due.target, at(second), Blindness::NoNetwork),
                _ => planner.tried(&due.target, at(second), Attempt::Up(1)),
            }
        }
        facts.extend(planner.facts(at(second)).into_iter().map(|fact| (second, fact)));
    }
    assert!(tries > 120, "{tries} tries, every other one blind, are more than an unsteady target needs");
    let told = availability(&facts);
    assert!(told.iter().all(|(_, stood)| stood.state != Availability::Restricted), "{told:#?}");
}

proptest! {
    /// What is told of a target never overlaps, is in order, and says what was answered.
    #[test]
    fn the_facts_of_one_target_tell_its_tries_and_nothing_else(
        answers in proptest::collection::vec(0_u8..4, 1..60), every in 10_u32..60,
    ) {
        let mut planner = Planner::default();
        planner.assign(&[target("web", every)], at(0));
        let mut truth: Vec<(Timestamp, Availability)> = Vec::new();
        let mut told: Vec<(Timestamp, Timestamp, Availability)> = Vec::new();
        let mut next = answers.iter();
        for second in 0..3_600 {
            for due in planner.due(at(second)) {
                let Some(answer) = next.next() else { break };
                match answer {
                    0 | 1 => {
                        truth.push((at(second), Availability::Up));
                        planner.tried(&due.target, at(second), Attempt::Up(1));
                    }
                    2 => {
                        truth.push((at(second), Availability::Down));
                        planner.tried(&due.target, at(second), down());
                    }
                    _ => planner.was_blind(&due.target, at(second), Blindness::NoNetwork),
                }
            }
            for fact in planner.facts(at(second)) {
                match fact {
                    Fact::ProbeAvailability(stood) => told.push((stood.from, stood.to, stood.state)),
                    Fact::ProbeWatch(watch) if !watch.up.is_empty() => told.push((watch.from, watch.to, Availability::Up)),
                    _ => {}
                }
            }
        }
        prop_assume!(truth.windows(2).filter(|pair| pair[0].1 != pair[1].1).count() < 25);
        for (from, to, state) in told {
            for (tried, answered) in truth.iter().filter(|(tried, _)| *tried >= from && *tried <= to) {
                prop_assert_eq!(*answered, state, "{} in {}..{}", tried, from, to);
            }
        }
    }
}
