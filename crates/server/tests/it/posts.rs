//! Posts of the city on its pages: who sits where, who stands in, and that an approval needs somebody on a post.

use super::browser::Browser;
use super::site::Site;
use jiff::SignedDuration;
use yakujo_contract::act::Role;
use yakujo_contract::id::PostId;

fn post() -> PostId {
    "kachou".parse().unwrap()
}

async fn id_of(site: &Site, login: &str) -> String {
    site.office("main").people.by_login(login).await.unwrap().id.to_string()
}

async fn city(site: &Site) -> Browser {
    site.sign_in(&site.person("main", Role::CityApprover).await).await
}

#[tokio::test(flavor = "multi_thread")]
async fn without_anybody_on_a_post_nobody_can_approve_and_the_request_says_where_to_enter_one() {
    let site = Site::start().await;
    let mut browser = city(&site).await;
    let page = browser.get("/c/main/requests/q-1").await;
    assert!(page.body.contains("決裁できる職がありません") && page.body.contains("/c/main/posts\""));
    assert!(!page.body.contains("step/approved"), "approving is not offered");
    let approver = id_of(&site, "city.approver-main").await;
    browser.get("/c/main/posts/kachou").await;
    let taken = browser.post("/c/main/posts/kachou/act/take", &[("take-person", &approver)]).await;
    assert_eq!(taken.status, 303, "{}", taken.body);
    let page = browser.get("/c/main/requests/q-1").await;
    assert!(!page.body.contains("決裁できる職がありません"));
    assert!(page.body.contains("step/received"), "it is taken in first");
    browser
        .post("/c/main/requests/q-1/step/received", &[("go", "send"), ("newest", &newest(&page.body))])
        .await;
    let page = browser.get("/c/main/requests/q-1").await;
    assert!(page.body.contains("step/approved"), "{}", page.body);
    site.stop().await;
}

fn newest(page: &str) -> String {
    let after = page.split("name=\"newest\" value=\"").nth(1).unwrap();
    after.split('"').next().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deputy_stands_in_until_the_end_of_the_last_day_and_no_longer() {
    let site = Site::start().await;
    let mut browser = city(&site).await;
    let staff = site.person("main", Role::CityStaff).await;
    let deputy = id_of(&site, &staff.login).await;
    browser.get("/c/main/posts/kachou").await;
    let none = browser
        .post("/c/main/posts/kachou/act/deputy", &[("deputy-person", &deputy), ("deputy-reason", "出張")])
        .await;
    assert!(none.status == 422 && none.body.contains("終わりを入力"), "no deputy without a period");
    let last = site.clock.now() + SignedDuration::from_hours(48);
    let day = last.to_zoned(jiff::tz::TimeZone::fixed(jiff::tz::offset(9))).date();
    let fields =
        [("deputy-person", deputy.as_str()), ("deputy-until", &day.to_string()), ("deputy-reason", "出張")];
    assert_eq!(browser.post("/c/main/posts/kachou/act/deputy", &fields).await.status, 303);
    let person = deputy.parse().unwrap();
    let stands_in = |at| site.office("main").court().evidence().offices.stands_in(&person, &post(), at);
    let midnight = day.to_zoned(jiff::tz::TimeZone::fixed(jiff::tz::offset(9))).unwrap().timestamp();
    let end = midnight + SignedDuration::from_hours(24);
    assert!(stands_in(end - SignedDuration::from_secs(1)) && !stands_in(end));
    let page = browser.get("/c/main/posts/kachou").await;
    assert!(page.body.contains("city.staff-main") && page.body.contains("在任"));
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_move_of_a_coming_day_leaves_the_holder_on_his_post_until_then() {
    let site = Site::start().await;
    let mut browser = city(&site).await;
    let (old, new) = (id_of(&site, "city.approver-main").await, id_of(&site, "city").await);
    browser.get("/c/main/posts/kachou").await;
    browser.post("/c/main/posts/kachou/act/take", &[("take-person", &old)]).await;
    let day = site.clock.now() + SignedDuration::from_hours(24 * 10);
    let (day, seat) = (day.to_string(), format!("to-kachou-{old}"));
    let fields = [("from", day.as_str()), ("reason", "定期異動"), (&seat, new.as_str()), ("go", "confirm")];
    browser.get("/c/main/posts/move").await;
    let before = site.entries("main", 0).len();
    let look = browser.post("/c/main/posts/move", &fields).await;
    assert!(look.status == 200 && look.body.contains("異動を記録します"), "{}", look.body);
    assert_eq!(site.entries("main", 0).len(), before, "nothing is recorded before it is confirmed");
    let sent = [fields.as_slice(), &[("go", "send")]].concat();
    let sent: Vec<_> = sent.into_iter().filter(|pair| *pair != ("go", "confirm")).collect();
    assert_eq!(browser.post("/c/main/posts/move", &sent).await.status, 303);
    let day: jiff::Timestamp = day.parse().unwrap();
    let holds = |person: &str, at| {
        site.office("main").court().evidence().offices.holds(&person.parse().unwrap(), &post(), at)
    };
    assert!(holds(&old, site.clock.now()) && !holds(&new, site.clock.now()));
    assert!(!holds(&old, day) && holds(&new, day));
    let list = browser.get("/c/main/posts/handover").await;
    assert!(list.body.contains("定期保守による停止"), "what is open is handed over");
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_account_of_the_same_person_is_named_when_it_is_made() {
    let site = Site::start().await;
    let mut browser = city(&site).await;
    let first = id_of(&site, "contractor").await;
    browser.get("/c/main/people/new").await;
    let fields = [
        ("name", "兼務 太郎"),
        ("login", "kenmu"),
        ("role", "city_approver"),
        ("post", "kachou"),
        ("same_as", &first),
    ];
    let reply = browser.post("/c/main/people/new", &fields).await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    let second = id_of(&site, "kenmu").await.parse().unwrap();
    let office = site.office("main");
    let offices = office.court().evidence().offices.clone();
    assert!(offices.same_human(&first.parse().unwrap(), &second));
    assert!(offices.holds(&second, &post(), site.clock.now()));
    site.stop().await;
}
