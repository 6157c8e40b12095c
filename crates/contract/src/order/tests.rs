use super::*;
use proptest::prelude::*;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_795_000_000 + second).unwrap()
}

fn order(work: Work) -> Order {
    let expires = if matches!(work, Work::Permit(_)) { at(86_400 * 300) } else { at(3_600) };
    Order {
        order: "o-1".parse().unwrap(),
        host: "web-1".parse().unwrap(),
        request: "q-1".parse().unwrap(),
        issued: at(0),
        expires,
        work,
    }
}

fn works() -> Vec<Work> {
    let permit = Permit {
        trigger: Trigger::MalwareSuspected,
        acts: [Permitted::Quarantine, Permitted::Isolate].into(),
        longest_min: 60,
        uses: 3,
        from: at(0),
        until: at(86_400 * 300),
    };
    vec![
        Work::Permit(permit),
        Work::EndPermit { permit: "o-0".parse().unwrap() },
        Work::Isolate { until: at(600) },
        Work::Reconnect {},
        Work::GiveBack { item: "q-1".to_owned() },
        Work::Remove { item: "q-1".to_owned() },
        Work::Restore {
            path: "/srv/www/市民 課/index.html".to_owned(),
            digest: "ab".repeat(32).try_into().unwrap(),
        },
    ]
}

#[test]
fn every_order_is_read_as_it_was_written_and_in_no_other_spelling() {
    for work in works() {
        let order = order(work);
        let text = order.text().unwrap();
        assert_eq!(Order::parse(&text), Ok(order));
        for other in [
            text.replacen("{", "{ ", 1),
            text.replacen("\"order\"", "\"more\":1,\"order\"", 1),
            text.replacen("v1\n", "v1\n\n", 1),
            format!("{text}\n"),
            text.trim_end().to_owned(),
            text.replacen("yakujo-order", "yakujo-entry", 1),
        ] {
            assert_eq!(Order::parse(&other), Err(NotCarriedOut::Shape), "{other}");
        }
        let newer = text.replacen("/v1", "/v2", 1);
        assert_eq!(Order::parse(&newer), Err(NotCarriedOut::Version));
    }
}

#[test]
fn what_no_order_may_say_is_not_written() {
    let bad = |work| assert_eq!(order(work).text(), Err(NotCarriedOut::Shape));
    let digest: Digest = "ab".repeat(32).try_into().unwrap();
    for path in ["etc/passwd", "/srv/../etc/passwd", "/srv//x", "/srv/", "/", "/a\nb", "/srv/./x"] {
        bad(Work::Restore { path: path.to_owned(), digest: digest.clone() });
    }
    for item in ["", "../x", "a/b", ".hidden", "a b"] {
        bad(Work::GiveBack { item: item.to_owned() });
        bad(Work::Remove { item: item.to_owned() });
    }
    bad(Work::Isolate { until: at(0) });
    let long = Order { expires: at(86_401), ..order(Work::Reconnect {}) };
    assert_eq!(long.text(), Err(NotCarriedOut::Shape), "only a permit lives longer than a day");
    let over = Order { expires: at(0), ..order(Work::Reconnect {}) };
    assert_eq!(over.text(), Err(NotCarriedOut::Shape));
}

#[test]
fn an_order_counts_for_its_host_and_its_time() {
    let (order, own, other) =
        (order(Work::Reconnect {}), "web-1".parse().unwrap(), "web-2".parse::<HostId>().unwrap());
    assert_eq!(order.is_for(&own, at(0)), Ok(()));
    assert_eq!(order.is_for(&other, at(0)), Err(NotCarriedOut::OtherHost));
    assert_eq!(order.is_for(&own, at(3_600)), Err(NotCarriedOut::Expired));
    assert_eq!(order.is_for(&own, at(-601)), Err(NotCarriedOut::TooEarly));
}

proptest! {
    #[test]
    fn no_text_makes_the_reader_fail(text in "(yakujo-order/v[12]\n)?(\\{|\"order\":|\"o-1\"|,|\\}|\n|.){0,40}") {
        let _ = Order::parse(&text);
    }

    #[test]
    fn a_changed_letter_is_another_order_or_none(which in 0_usize..6, place in any::<prop::sample::Index>(), letter in 32_u8..127) {
        let order = order(works().swap_remove(which));
        let text = order.text().unwrap();
        let place = place.index(text.chars().count());
        let other: String = text.chars().enumerate().map(|(at, c)| if at == place { char::from(letter) } else { c }).collect();
        prop_assume!(other != text);
        if let Ok(read) = Order::parse(&other) {
            prop_assert!(read != order);
        }
    }
}
