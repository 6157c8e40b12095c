//! Two people at the same instant, through the running server: one of them is first. The other is told that somebody was,
//! and what he did; nothing of what he sent is in the ledger.

use super::site::Site;
use super::stage::{Fields, Ready, Stage};
use super::wire::Reply;
use std::sync::Arc;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use yakujo_contract::act::{Act, Role};
use yakujo_contract::id::RequestId;
use yakujo_contract::request::flow::State;
use yakujo_contract::request::form::Form;

/// How often a race is run: whoever comes first differs from time to time.
const ROUNDS: usize = 6;

/// What is said to whoever was not first.
const NOT_FIRST: &str = "この画面を開いた後に、別の操作が記録されました。記録は行われていません。";

/// One who takes a step.
type Runner = (Role, &'static str);

fn step(stage: &Stage, request: &RequestId, form: Form, (role, word): Runner) -> Ready {
    let tail = if word == "edit" { word.to_owned() } else { format!("step/{word}") };
    let path = format!("/c/main/requests/{request}/{tail}");
    Ready { path, fields: stage.step_fields(request, form, word, role), file: None }
}

/// Both take their steps on the same page at once. Returns the act that was first, and what the other was told.
async fn race(stage: &Stage, form: Form, state: State, runners: [Runner; 2]) -> (String, Reply) {
    let request = stage.town.sample(form, state).await;
    let [one, other] = runners.map(|runner| (step(stage, &request, form, runner), stage.browser(runner.0)));
    let before = stage.town.site.office("main").size();
    let (one, other) = tokio::join!(stage.send(&one.1, &one.0, &[]), stage.send(&other.1, &other.0, &[]));
    let left = stage.acts(before);
    assert_eq!(left.len(), 1, "{runners:?}: {left:?}");
    let (first, second) = if one.status == 303 { (one, other) } else { (other, one) };
    assert_eq!((first.status, second.status), (303, 422), "{runners:?}: {}", second.body);
    assert!(second.body.contains(NOT_FIRST), "{}", second.body);
    (left[0].clone(), second)
}

async fn races(form: Form, state: State, runners: [Runner; 2], named: [&str; 2]) {
    let stage = Stage::set(Site::start().await).await;
    for _ in 0..ROUNDS {
        let (first, told) = race(&stage, form, state, runners).await;
        let place = usize::from(!first.ends_with(word_of(runners[0].1)));
        let last = told.between("最後の記録は、", "。");
        assert!(last.contains(named[place]), "{first}: {last}");
    }
    stage.town.site.stop().await;
}

fn word_of(word: &str) -> &str {
    if word == "edit" { "resubmitted" } else { word }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_who_approve_at_once_one_approves() {
    let runners = [(Role::CityApprover, "approved"), (Role::CitySecurity, "approved")];
    races(Form::F07, State::Asked, runners, ["承認", "承認"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_approves_while_it_is_withdrawn_is_first_or_is_told() {
    let runners = [(Role::CityApprover, "approved"), (Role::Operator, "withdrawn")];
    races(Form::F07, State::Asked, runners, ["承認", "取下げ"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_standing_approval_is_used_or_revoked_first() {
    let runners = [(Role::Operator, "invoked"), (Role::CityApprover, "revoked")];
    races(Form::F26, State::Approved, runners, ["発動", "取消"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_consents_by_telephone_one_is_recorded() {
    let runners = [(Role::Operator, "consented"), (Role::SecurityLead, "consented")];
    races(Form::F07, State::Asked, runners, ["電話", "電話"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_approves_a_version_that_he_has_not_seen() {
    let stage = Stage::set(Site::start().await).await;
    for _ in 0..ROUNDS {
        let request = stage.town.sample(Form::F07, State::Asked).await;
        let approver = (Role::CityApprover, "approved");
        let approves = step(&stage, &request, Form::F07, approver);
        let reason = "直してください".to_owned();
        let returned = yakujo_contract::request::Step::Returned { reason };
        let returned = Act::RequestStep { request: request.clone(), step: returned };
        stage.town.act(Role::CityStaff, returned).await;
        let mends = step(&stage, &request, Form::F07, (Role::Operator, "edit"));
        let before = stage.town.site.office("main").size();
        let (city, contractor) = (stage.browser(approver.0), stage.browser(Role::Operator));
        let (approved, mended) =
            tokio::join!(stage.send(&city, &approves, &[]), stage.send(&contractor, &mends, &[]));
        assert_eq!((approved.status, mended.status), (422, 303), "{}", approved.body);
        assert!(approved.body.contains(NOT_FIRST), "{}", approved.body);
        assert_eq!(stage.acts(before), ["step resubmitted"]);
    }
    stage.town.site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_who_say_what_a_finding_is_one_is_heard_and_the_other_reads_it() {
    let stage = Stage::set(Site::start().await).await;
    for _ in 0..ROUNDS {
        let found = stage.finding().await;
        let path = format!("/c/main/findings/{}/classify", found.finding.id);
        let newest = found.newest().to_string();
        let says = |class: &str, reason: &str| {
            let fields = [("class", class), ("reason", reason), ("newest", newest.as_str())];
            let fields: Fields = fields.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
            Ready { path: path.clone(), fields, file: None }
        };
        let said = [says("violation", "依頼はありません"), says("justified", "電話で依頼しました")];
        let browsers = [Role::CityStaff, Role::CitySecurity].map(|role| stage.browser(role));
        let before = stage.town.site.office("main").size();
        let (one, other) =
            tokio::join!(stage.send(&browsers[0], &said[0], &[]), stage.send(&browsers[1], &said[1], &[]));
        assert_eq!(stage.acts(before), ["finding.classified"]);
        let (first, told, reason) = if one.status == 303 {
            (one, other, "依頼はありません")
        } else {
            (other, one, "電話で依頼しました")
        };
        assert_eq!((first.status, told.status), (303, 422), "{}", told.body);
        assert!(told.body.contains(NOT_FIRST), "{}", told.body);
        let said = told.between("市の分類", "</dd>");
        assert!(said.contains(reason), "the page shows what the other said: {said}");
    }
    stage.town.site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_approvals_over_the_network_are_one() {
    let stage = Arc::new(Stage::set(Site::start().await).await);
    let request = stage.town.sample(Form::F07, State::Asked).await;
    let before = stage.town.site.office("main").size();
    // Both ends of each connection are files of this one process, which commonly may open 1,024.
    let lines = Arc::new(Semaphore::new(300));
    let mut tries = JoinSet::new();
    for number in 0..1_000 {
        let role = if number % 2 == 0 { Role::CityApprover } else { Role::CitySecurity };
        let ready = step(&stage, &request, Form::F07, (role, "approved"));
        let (stage, lines) = (stage.clone(), lines.clone());
        tries.spawn(async move {
            let _line = lines.acquire().await.unwrap();
            stage.send(&stage.browser(role), &ready, &[]).await.status
        });
    }
    let statuses = tries.join_all().await;
    let taken = statuses.iter().filter(|status| **status == 303).count();
    let refused = statuses.iter().filter(|status| **status == 422).count();
    assert_eq!((taken, refused), (1, 999));
    assert_eq!(stage.acts(before), ["step approved"]);
    Arc::into_inner(stage).unwrap().town.site.stop().await;
}
