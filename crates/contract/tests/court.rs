//! The court over time: since when, why, and what the passing of time alone may change.
#![expect(clippy::unwrap_used, clippy::panic, reason = "what a test needs fails like the test")]

use jiff::{SignedDuration, Timestamp};
use yakujo_contract::court::Court;
use yakujo_contract::duty::DutyId;
use yakujo_contract::entry::Entry;
use yakujo_contract::id::EntryNumber;
use yakujo_contract::terms::{DutyTerms, ParameterTerms, Terms};

fn terms() -> Terms {
    let mut terms = Terms::default();
    for duty in DutyId::all() {
        terms.duties.push(DutyTerms {
            duty,
            label: duty.key().into(),
            ja: "文".into(),
            en: "text".into(),
            guide_ja: String::new(),
            guide_en: String::new(),
        });
    }
    let values = [("breach_ms".to_owned(), 5_000), ("warn_ms".to_owned(), 1_000)].into_iter().collect();
    let p18 = "P-18".to_owned().try_into().unwrap();
    terms.parameters.insert(
        p18,
        ParameterTerms {
            ja: "時刻".into(),
            en: "clock".into(),
            defaults: values,
            ..ParameterTerms::default()
        },
    );
    terms
}

fn at(minute: i64) -> Timestamp {
    "2026-11-22T00:00:00Z".parse::<Timestamp>().unwrap() + SignedDuration::from_mins(minute)
}

struct Story {
    terms: Terms,
    court: Court,
    next: u64,
    seq: u64,
}

impl Story {
    fn begin() -> Self {
        let mut story = Self { terms: terms(), court: Court::default(), next: 0, seq: 0 };
        let system = r#"{"kind":"proposed","proposal":"s1","matter":"system","system":"main","name":"台帳","importance":"B","segment":"internet","internet_facing":"no"}"#;
        story.act(0, "contractor", system);
        let host = r#"{"kind":"proposed","proposal":"h1","matter":"host","host":"web-1","system":"main","environment":"production"}"#;
        story.act(0, "contractor", host);
        story
    }

    fn enter(&mut self, text: &str) {
        let entry = Entry::from_bytes(text.as_bytes()).unwrap_or_else(|error| panic!("{error:?}: {text}"));
        let _ = self.court.enter(&self.terms, EntryNumber(self.next), &entry);
        self.next += 1;
    }

    fn act(&mut self, minute: i64, party: &str, act: &str) {
        let now = at(minute);
        let author = format!(r#"{{"person":{{"id":"p-{party}","party":"{party}"}}}}"#);
        self.enter(&format!(
            r#"{{"v":1,"author":{author},"observed":"{now}","received":"{now}","act":{act}}}"#
        ));
    }

    fn fact(&mut self, minute: i64, fact: &str) {
        let now = at(minute);
        self.seq += 1;
        let seq = self.seq;
        self.enter(&format!(
            r#"{{"v":1,"author":{{"agent":"web-1"}},"host":"web-1","seq":{seq},"observed":"{now}","received":"{now}","fact":{fact}}}"#
        ));
    }

    fn clock(&mut self, minute: i64, offset_us: i64) {
        self.fact(minute, &format!(
            r#"{{"kind":"clock.state","daemon":"chrony","says_synchronised":true,"kernel_unsynchronised":false,"sources":[],"measured_offset_us":{offset_us}}}"#
        ));
    }

    fn agree_p18(&mut self, minute: i64, by: [&str; 2]) {
        let from = at(0);
        let matter = format!(
            r#"{{"kind":"proposed","proposal":"p18","matter":"parameters","from":"{from}","values":{{"P-18":{{"good_ms":500,"warn_ms":1000,"breach_ms":5000}}}}}}"#
        );
        self.act(minute, by[0], &matter);
        self.act(minute, by[1], r#"{"kind":"agreed","proposal":"p18"}"#);
    }

    fn standing(&mut self, minute: i64, duty: &str) -> (String, Timestamp, String) {
        let _ = self.court.advance(&self.terms, at(minute));
        let ruling = self.court.ruling(DutyId::parse(duty).unwrap(), &"main".parse().unwrap()).unwrap();
        (ruling.verdict.standing.word().to_owned(), ruling.since, ruling.verdict.cause.en)
    }
}

#[test]
fn a_clock_is_kept_broken_and_kept_again_each_since_its_instant() {
    let mut story = Story::begin();
    assert_eq!(story.standing(0, "6.a").0, "unknown");
    story.agree_p18(1, ["contractor", "city"]);
    story.clock(2, 400);
    assert_eq!(story.standing(3, "6.a").0, "kept");
    story.clock(4, -9_000_000);
    let (word, since, cause) = story.standing(5, "6.a");
    assert_eq!((word.as_str(), since), ("broken", at(4)), "{cause}");
    assert!(cause.contains("9000 ms"), "{cause}");
    story.clock(6, 0);
    assert_eq!(story.standing(7, "6.a"), ("kept".into(), at(6), "The clock of web-1 is 0 ms off.".into()));
}

#[test]
fn without_agreement_on_the_number_nothing_is_kept_and_nothing_broken() {
    let mut story = Story::begin();
    for offset_us in [0, 9_000_000] {
        story.clock(2, offset_us);
        let (word, _, cause) = story.standing(3, "6.a");
        assert_eq!(word, "unknown");
        assert!(cause.contains("P-18"), "{cause}");
    }
}

#[test]
fn nobody_agrees_with_his_own_proposal() {
    let mut story = Story::begin();
    story.agree_p18(1, ["contractor", "contractor"]);
    story.clock(2, 0);
    assert_eq!(story.standing(3, "6.a").0, "unknown");
}

#[test]
fn a_silent_host_is_unknown_since_the_very_instant_it_became_stale() {
    let mut story = Story::begin();
    story.agree_p18(1, ["city", "contractor"]);
    story.clock(2, 0);
    assert_eq!(story.standing(31, "6.a").0, "kept");
    let (word, since, _) = story.standing(600, "6.a");
    assert_eq!((word.as_str(), since), ("unknown", at(32)));
    story.clock(601, 0);
    assert_eq!(story.standing(601, "6.a").0, "kept");
}

#[test]
fn an_exception_ends_by_itself_and_the_breach_is_there_again() {
    let mut story = Story::begin();
    story.agree_p18(1, ["city", "contractor"]);
    story.clock(2, 9_000_000);
    let until = at(20);
    let exemption = format!(
        r#"{{"kind":"proposed","proposal":"e1","matter":"exemption","duty":"6.a","until":"{until}","reason":"更改待ち"}}"#
    );
    story.act(3, "contractor", &exemption);
    assert_eq!(story.standing(4, "6.a").0, "broken", "a proposal alone excuses nothing");
    story.act(5, "city", r#"{"kind":"agreed","proposal":"e1"}"#);
    assert_eq!(story.standing(6, "6.a").0, "exempt");
    let (word, since, _) = story.standing(21, "6.a");
    assert_eq!((word.as_str(), since), ("broken", until));
}

#[test]
fn communication_on_a_list_is_told_every_day_and_does_not_pile_up_while_what_is_on_none_stays() {
    let mut story = Story::begin();
    let line = r#"{"kind":"proposed","proposal":"f1","matter":"flow","system":"main","direction":"out","protocol":"tcp","port":443,"purpose":"更新"}"#;
    story.act(1, "contractor", line);
    story.act(1, "city", r#"{"kind":"agreed","proposal":"f1"}"#);
    let day = 24 * 60;
    let told = |story: &mut Story, minute: i64, port: u16, peers: std::ops::Range<u8>| {
        let now = at(minute);
        let one = |last: u8| {
            format!(
                r#"{{"path":{{"direction":"out","protocol":"tcp","port":{port},"peer":"10.0.0.{last}/32"}},"from":"{now}","to":"{now}"}}"#
            )
        };
        let flows = peers.map(one).collect::<Vec<_>>().join(",");
        story.fact(minute, &format!(r#"{{"kind":"net.flow","seen_by":"sockets","flows":[{flows}]}}"#));
    };
    told(&mut story, 5, 22, 1..2);
    for today in 0..100 {
        told(&mut story, today * day + 10, 443, 0..100);
    }
    let main = "main".parse().unwrap();
    let kept = story.court.occurrences(&main).count();
    assert!(kept <= 3 * 100 + 1, "{kept} of 10,000 are kept");
    let on_none =
        story.court.occurrences(&main).filter(|(_, it, _)| it.name.starts_with("out tcp 22")).count();
    assert_eq!(on_none, 1, "it is a finding, and waits for somebody");
}
