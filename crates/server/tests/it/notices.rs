//! Notices: the other party is told of what was done, once, and what one has read stays read.

use super::browser::Browser;
use super::site::Site;
use std::time::Duration;
use yakujo_contract::act::Role;
use yakujo_server::writer::NumberedFact;

/// The page, once the planner has told this.
async fn told(browser: &mut Browser, what: &str) -> String {
    for _ in 0..100 {
        let page = browser.get("/c/main/notices").await;
        if page.body.contains(what) {
            return page.body;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("nobody is told: {what}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_other_party_is_told_of_a_request_and_the_own_one_is_not() {
    let site = Site::start().await;
    let city = site.person("main", Role::CityStaff).await;
    let mut city = site.sign_in(&city).await;
    let mut contractor = site.contractor().await;
    let page = told(&mut city, "計画停止・運用制限申請書（R").await;
    assert!(page.contains("/requests/q-1"), "the notice leads to the request");
    assert!(page.contains("お知らせ 未読"), "the header counts what is not read");
    let own = contractor.get("/c/main/notices").await;
    assert!(!own.body.contains("計画停止・運用制限申請書（R"), "nobody is told of what he did himself");

    let notice = page.split_once("name=\"upto\" value=\"").unwrap().1.split_once('"').unwrap().0.to_owned();
    city.get("/c/main/notices").await;
    let reply = city.post("/c/main/notices/read", &[("upto", &notice)]).await;
    assert_eq!(reply.status, 303);
    let page = city.get("/c/main/notices").await;
    assert!(!page.body.contains("お知らせ 未読") && page.body.contains("既読"));
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_tells_nothing_twice_and_nothing_too_little() {
    let site = Site::start().await;
    let office = site.office("main");
    let person = site.person("main", Role::CityStaff).await;
    let mut city = site.sign_in(&person).await;
    told(&mut city, "計画停止・運用制限申請書（R").await;
    let id = office.people.by_login(&person.login).await.unwrap().id;
    let count = async || office.people.notices(&id, Role::CityStaff, None, 2_000).await.unwrap().len();
    let before = count().await;
    // As after a crash: the cursor stands where it stood before the last notices were kept.
    office.people.keep_notices(yakujo_server::people::notices::Cursor::Entries, 0, &[]).await.unwrap();
    yakujo_server::notices::plan_all(&office).await.unwrap();
    let after = count().await;
    assert!(after >= before);
    yakujo_server::notices::plan_all(&office).await.unwrap();
    office.people.keep_notices(yakujo_server::people::notices::Cursor::Entries, 0, &[]).await.unwrap();
    yakujo_server::notices::plan_all(&office).await.unwrap();
    assert_eq!(count().await, after, "the same matter is told once");
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deadline_is_told_before_it_passes_to_whom_it_is_and_once_over_to_both() {
    let site = Site::start().await;
    let office = site.office("main");
    let city = site.person("main", Role::CityStaff).await;
    let lead = site.person("main", Role::SecurityLead).await;
    let id = async |person: &super::site::Person| office.people.by_login(&person.login).await.unwrap().id;
    let (city_id, lead_id) = (id(&city).await, id(&lead).await);
    let told = async |id, role: Role| {
        let all = office.people.notices(id, role, None, 2_000).await.unwrap();
        let due = all.into_iter().filter(|kept| kept.notice.kind.word() == "due");
        due.map(|kept| kept.notice.sentence.ja).filter(|text| text.contains("市の回答")).collect::<Vec<_>>()
    };
    yakujo_server::notices::plan_dues(&office).await.unwrap();
    assert!(told(&city_id, Role::CityStaff).await.is_empty(), "there is time");

    // The site's clock is moved: to the last open day before the answer is due, then past it.
    let due = {
        let court = office.court();
        let (_, request) = court.evidence().requests.all().next().unwrap();
        court.clocks(office.terms(), request.progress.as_ref().unwrap())[0].due.at
    };
    site.clock.pass(due.duration_since(site.clock.now()) - jiff::SignedDuration::from_hours(12));
    yakujo_server::notices::plan_dues(&office).await.unwrap();
    yakujo_server::notices::plan_dues(&office).await.unwrap();
    let near = told(&city_id, Role::CityStaff).await;
    assert!(near.len() == 1 && near[0].contains("近づいています"), "{near:?}");
    assert!(told(&lead_id, Role::SecurityLead).await.is_empty(), "it is the city's turn");

    site.clock.pass(jiff::SignedDuration::from_hours(13));
    yakujo_server::notices::plan_dues(&office).await.unwrap();
    yakujo_server::notices::plan_dues(&office).await.unwrap();
    let over = told(&lead_id, Role::SecurityLead).await;
    assert!(over.len() == 1 && over[0].contains("市の番"), "the city's delay is told as plainly: {over:?}");
    assert_eq!(told(&city_id, Role::CityStaff).await.len(), 2);
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_classified_in_time_goes_up_to_the_head_of_department_and_the_list_says_so() {
    let site = Site::start().await;
    let office = site.office("main");
    let mut people = std::collections::BTreeMap::new();
    for role in [Role::CityStaff, Role::CityApprover, Role::Operator, Role::SecurityLead] {
        let person = site.person("main", role).await;
        let id = office.people.by_login(&person.login).await.unwrap().id;
        people.insert(yakujo_server::people::role_word(role), (role, person, id));
    }
    // The head of department decides changes: so what was changed without a word goes up to him.
    let decides = "kachou".parse().unwrap();
    let route = yakujo_contract::act::Route { before: Vec::new(), concur: Vec::new(), decides };
    let form = yakujo_contract::request::form::Form::F09;
    let act = yakujo_contract::act::Act::RouteSet { form, importance: None, route };
    office.decide(site.actor("main", "city").await, act, None).await.unwrap();
    let (_, staff, _) = &people["city_staff"];
    let page = site.sign_in(staff).await.get("/c/main/findings?of=above").await;
    assert!(page.body.contains("該当する所見はありません"), "there is time: {}", page.body);

    let found = office.court().roll(office.terms()).all().first().unwrap().clone();
    let (due, link) = (found.due, format!("/findings/{}", found.finding.id));
    site.clock.pass(due.duration_since(site.clock.now()) + jiff::SignedDuration::from_secs(1));
    yakujo_server::notices::plan_dues(&office).await.unwrap();
    yakujo_server::notices::plan_dues(&office).await.unwrap();
    let words = "情報政策課長（市）とセキュリティ責任者（受託者）に上げられました。";
    for (role, person, id) in people.values() {
        let all = office.people.notices(id, *role, None, 2_000).await.unwrap();
        let up = all.iter().filter(|kept| kept.notice.sentence.ja.contains(words));
        let links: Vec<&str> = up.map(|kept| kept.notice.link.as_str()).collect();
        let leads = [Role::CityApprover, Role::SecurityLead].contains(role);
        assert_eq!(links.contains(&link.as_str()), leads, "{role:?}: {links:?}");
        let each: std::collections::BTreeSet<&str> = links.iter().copied().collect();
        assert_eq!(each.len(), links.len(), "{role:?}: once each");
        let mut browser = site.sign_in(person).await;
        let page = browser.get("/c/main/notices").await;
        assert_eq!(page.body.contains(words), leads, "{role:?}");
        let list = browser.get("/c/main/findings?of=above").await;
        assert!(list.body.contains("期限超過"), "{role:?}");
        assert!(
            list.body.contains("上申先：情報政策課長（市）とセキュリティ責任者（受託者）"),
            "{}",
            list.body
        );
    }
    let unread = async |role: &str| {
        let (role, _, id) = &people[role];
        office.people.unread(id, *role).await.unwrap()
    };
    assert!(unread("city_approver").await > unread("city_staff").await, "who is not told has none to read");
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_finding_is_told_though_no_standing_turns() {
    let site = Site::start().await;
    let office = site.office("main");
    let city = site.person("main", Role::CityStaff).await;
    let id = office.people.by_login(&city.login).await.unwrap().id;
    let count = async || {
        yakujo_server::notices::plan_dues(&office).await.unwrap();
        let all = office.people.notices(&id, Role::CityStaff, None, 2_000).await.unwrap();
        all.iter().filter(|kept| kept.notice.kind.word() == "finding").count()
    };
    let before = count().await;
    site.clock.pass(jiff::SignedDuration::from_mins(5));
    super::mail::another_job(&site).await;
    assert_eq!(count().await, before + 1);
    assert_eq!(count().await, before + 1, "once");
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_citys_quarterly_review_of_accounts_is_told_before_it_is_due_and_counts_anew_once_it_is_signed() {
    let site = Site::start().await;
    let office = site.office("main");
    let city = site.person("main", Role::CityStaff).await;
    let id = office.people.by_login(&city.login).await.unwrap().id;
    let told = async || {
        yakujo_server::notices::plan_dues(&office).await.unwrap();
        let all = office.people.notices(&id, Role::CityStaff, None, 2_000).await.unwrap();
        let texts = all.into_iter().map(|kept| kept.notice.sentence.ja);
        texts.filter(|text| text.contains("main のアカウントと権限の棚卸し")).collect::<Vec<_>>()
    };
    let host = site.place_host("main", "books-1").await;
    let set = serde_json::json!({ "kind": "account.set", "part": { "index": 0, "of": 1, "set": "11".repeat(32) },
        "accounts": [{ "name": "yamada", "uid": 1000, "login": "possible", "groups": [], "privileged": false, "keys": [] }] });
    let fact = serde_json::from_value(set).unwrap();
    let seen = NumberedFact { seq: 1, observed: site.clock.now(), fact };
    office.store_facts(host.clone(), 1, vec![seen]).await.unwrap();
    site.heard("main", &host, 1).await;
    let due = || office.court().review_due(office.terms(), &"main".parse().unwrap()).unwrap();
    assert!(told().await.is_empty(), "there is time");
    let first = due();
    let days = |days: i64| jiff::SignedDuration::from_hours(24 * days);
    site.clock.pass(first.duration_since(site.clock.now()) - days(13));
    let near = told().await;
    assert!(near.len() == 1 && near[0].contains("近づいています"), "{near:?}");

    // Signed off: the next one counts from here.
    let system = "main".parse().unwrap();
    let act = yakujo_contract::act::Act::AccessReviewed {
        system,
        remark: "確認した".to_owned(),
        revoke: Vec::new(),
        kept: Vec::new(),
    };
    office.decide(site.actor("main", "city").await, act, None).await.unwrap();
    assert!(due() > first + days(70), "a quarter after the review: {}", due());
    assert_eq!(told().await.len(), 1, "nothing new is told");
    let page = site.sign_in(&city).await.get("/c/main/systems/main").await;
    assert!(page.body.contains("次の棚卸しの期限") && !page.body.contains("（過ぎています）"));

    site.clock.pass(due().duration_since(site.clock.now()) + days(1));
    let over = told().await;
    assert!(over.iter().any(|text| text.contains("過ぎました（市の番）")), "{over:?}");
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_of_a_host_that_is_cut_off_is_told_once_to_both_and_again_after_a_silence() {
    let site = Site::start().await;
    let (office, host): (_, yakujo_contract::id::HostId) = (site.office("main"), "web-1".parse().unwrap());
    let fact =
        |value: serde_json::Value| serde_json::from_value::<yakujo_contract::fact::Fact>(value).unwrap();
    let isolated =
        fact(serde_json::json!({ "kind": "isolation.state", "isolated": true, "allowed_peers": [],
        "ruleset": "ab".repeat(32), "blocked_packets": 0, "verified_at": site.clock.now(),
        "unreachable_from_outside": "unsaid" }));
    let told = NumberedFact { seq: 1, observed: site.clock.now(), fact: isolated };
    office.store_facts(host.clone(), 1, vec![told]).await.unwrap();
    // The server itself knows no address of this host, and says so once.
    for _ in 0..200 {
        let looked =
            office.court().evidence().hosts.get(&host).is_some_and(|it| it.seen_from_outside().is_some());
        if looked {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let door = ["192.0.2.9:22"];
    let silent = || fact(serde_json::json!({ "kind": "isolation.seen", "tried": door }));
    let answers = || fact(serde_json::json!({ "kind": "isolation.seen", "tried": door, "answered": door }));
    for seen in [silent(), answers(), answers(), silent(), answers()] {
        site.clock.pass(jiff::SignedDuration::from_mins(1));
        office.state(Some(host.clone()), seen).await.unwrap();
    }
    let words = "遮断中のホスト web-1 が外から応答しました";
    let city = site.person("main", Role::CityStaff).await;
    for mut browser in [site.sign_in(&city).await, site.contractor().await] {
        let mut count = 0;
        for _ in 0..100 {
            count = browser.get("/c/main/notices").await.body.matches(words).count();
            if count == 2 {
                break;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        assert_eq!(count, 2);
    }
    site.stop().await;
}
