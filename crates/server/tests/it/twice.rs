//! Double submit: each form of the portal, sent twice at the same instant, does what it says once. Whoever pressed twice is
//! led where the first press led.

use super::actions::{Action, actions};
use super::cells::{browser_for, leaves, may};
use super::site::Site;
use super::stage::Stage;
use super::wire::Reply;
use yakujo_contract::act::Role;
use yakujo_server::resent::TAKEN;

/// Forms whose answer is shown once, a code, a link or a file: each answer is another one, and stands in the ledger.
const EACH_ANSWER_COUNTS: [&str; 2] = ["/bundle", "/people/{person}/link"];
/// Forms whose first answer shows a secret, and what the others say instead.
const THE_FIRST_ONE_SHOWS: [(&str, &str); 2] =
    [("/people/new", "このサインイン名は使われています"), ("/webhooks", "同じ送信先がすでにあるか")];
/// Forms that end what they are sent with, or change nothing that could be done twice.
const NOTHING_TO_REPEAT: [&str; 2] = ["/sign-out", "/extend"];

/// Sends a form many times at once, as a browser whose button is pressed again and again.
async fn pressed(stage: &Stage, action: Action, role: Role) -> (Vec<Reply>, Vec<String>) {
    let browser = browser_for(stage, action, role).await;
    let ready = stage.ready(action, role).await;
    let before = stage.town.site.office("main").size();
    let marks = [(TAKEN, "0")];
    let one = || stage.send(&browser, &ready, &marks);
    let (first, second, third) = tokio::join!(one(), one(), one());
    (vec![first, second, third], stage.acts(before))
}

fn wrong(action: Action, replies: &[Reply], left: &[String]) -> Option<String> {
    let once = leaves(action);
    let times = if EACH_ANSWER_COUNTS.contains(&action.tail) { replies.len() } else { 1 };
    let wanted = vec![once; times].concat();
    let led: Vec<&str> = replies.iter().map(|reply| reply.header("location")).collect();
    let statuses: Vec<u16> = replies.iter().map(|reply| reply.status).collect();
    let clear = match THE_FIRST_ONE_SHOWS.iter().find(|(tail, _)| *tail == action.tail) {
        Some((_, words)) => {
            let told = replies.iter().filter(|reply| reply.status == 422 && reply.body.contains(words));
            statuses.contains(&200) && told.count() == 2
        }
        None => statuses.iter().all(|status| *status == statuses[0]) && led.iter().all(|it| *it == led[0]),
    };
    (left != wanted || !clear).then(|| format!("{action:?}: {statuses:?} {led:?} left {left:?}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn every_form_that_is_sent_three_times_at_once_is_taken_once() {
    let stage = Stage::set(Site::start().await).await;
    let (mut tried, mut all) = (0, Vec::new());
    for action in actions().into_iter().filter(|action| !NOTHING_TO_REPEAT.contains(&action.tail)) {
        let role = Role::ALL.into_iter().find(|role| may(action, *role)).unwrap();
        let (replies, left) = pressed(&stage, action, role).await;
        tried += 1;
        all.extend(wrong(action, &replies, &left));
    }
    assert!(all.is_empty(), "{} of {tried}: {all:#?}", all.len());
    stage.town.site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_said_again_on_a_later_page_is_said_twice() {
    let stage = Stage::set(Site::start().await).await;
    let mut browser = stage.browser(Role::CityStaff);
    let before = stage.town.site.office("main").size();
    for _ in 0..2 {
        let page = browser.get("/c/main/duty/9.b").await;
        let taken = page.between("name=\"taken\" value=\"", "\"").to_owned();
        let fields = [("about", "duty/9.b/main"), ("scope", "shared"), ("text", "了解"), (TAKEN, &taken)];
        assert_eq!(browser.post("/c/main/comments", &fields).await.status, 303);
        // The very same form once more, as after a step back in the browser.
        assert_eq!(browser.post("/c/main/comments", &fields).await.status, 303);
    }
    assert_eq!(stage.acts(before), ["comment.made", "comment.made"]);
    stage.town.site.stop().await;
}
