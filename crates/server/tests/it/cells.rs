//! Role × organisation × action: every form of the code is sent by every role of both parties, by every role of another
//! contract, and by nobody. It is taken by those who may, leaves exactly its acts, and for everybody else nothing happens.
//!
//! Actions come from the code: its routes, and the lists by which they read their paths. Who may stands here once more, in
//! words of its own: a route, a step, a form or an act that is new has no cell until somebody says whose it is.

use super::actions::{Action, actions, wants};
use super::browser::{Browser, OWN_FORM};
use super::matrix::{Cell, allowed};
use super::site::Site;
use super::stage::Stage;
use super::wire::Reply;
use std::collections::BTreeSet;
use yakujo_contract::act::{Act, Role};
use yakujo_contract::entry::Party;
use yakujo_contract::request::Step;
use yakujo_contract::request::form::{Form, Path};
use yakujo_server::decide::possible::WORDS;
use yakujo_server::routes::{ROUTES, Verb};

/// Acts to which no form of the portal leads: an agent enrols with a code of its own.
const NOT_BY_A_FORM: [&str; 1] = ["device.enrolled"];

/// Forms that are answered only where something stands outside: here, without a mail server, they say what is missing.
const SAYS_WHAT_IS_MISSING: [&str; 2] = ["/account/mail", "/account/mail/code"];

/// What the contract says of a cell.
pub fn may(action: Action, role: Role) -> bool {
    let party = role.party();
    let (city, contractor) = (party == Party::City, party == Party::Contractor);
    let decides = [Role::CityApprover, Role::CitySecurity].contains(&role);
    let leads = decides || role == Role::SecurityLead;
    match action.tail {
        "/sign-out" | "/extend" | "/account/end" | "/account/link" => true,
        "/agreements/new/{matter}"
        | "/bundle"
        | "/checksheets"
        | "/checksheets/{sheet}"
        | "/checksheets/{sheet}/columns"
        | "/comments"
        | "/documents/{document}/read"
        | "/findings/{finding}/classify"
        | "/ledger/{number}/correct"
        | "/notices/read"
        | "/account/mail"
        | "/account/mail/code"
        | "/account/mail/kinds"
        | "/account/mail/pace"
        | "/parameters/propose"
        | "/requests/drafts/{draft}/drop" => city || contractor,
        "/bundle/cosigned" | "/disclosures" | "/findings/{finding}/close" | "/systems/{system}/review" => {
            city
        }
        "/disclosures/{disclosure}"
        | "/documents/new"
        | "/documents/{document}/review"
        | "/documents/{document}/withdraw"
        | "/hosts/new"
        | "/hosts/{host}/enrol"
        | "/requests/call"
        | "/requests/{request}/edit"
        | "/requests/{request}/order"
        | "/requests/{request}/report" => contractor,
        "/hosts/{host}/revoke" => contractor || role == Role::CitySecurity,
        "/documents/{document}/approve"
        | "/posts/new"
        | "/posts/route"
        | "/posts/move"
        | "/posts/{post}/act/{act}" => decides,
        "/deliveries/again"
        | "/deliveries/drop"
        | "/people/new"
        | "/people/{person}/link"
        | "/people/{person}/leave"
        | "/people/{person}/erase"
        | "/webhooks"
        | "/webhooks/{webhook}/remove" => leads,
        _ => may_about(action, role),
    }
}

/// Where it depends on what the form is about.
fn may_about(action: Action, role: Role) -> bool {
    let party = role.party();
    let leads = [Role::CityApprover, Role::CitySecurity, Role::SecurityLead].contains(&role);
    let owner = if action.variant == "of the city" { Party::City } else { Party::Contractor };
    match action.tail {
        // Each erases what his own party said, and takes back what it proposed; the other party answers it.
        "/comments/{comment}/erase" => leads && party == owner,
        "/agreements/{proposal}/end" => party == owner,
        "/agreements/{proposal}/agree" | "/agreements/{proposal}/refuse" => leads && party != owner,
        "/requests/new/{form}" => party == asks(action.variant),
        "/requests/{request}/step/{step}" => {
            let (form, state) = wants(action.variant);
            allowed(&Cell { role, form, state, word: action.variant })
        }
        other => panic!("say who may send {other}"),
    }
}

/// Whose form it is.
fn asks(form: &str) -> Party {
    let path = Form::from_key(form).unwrap().row().path;
    if path == Path::Delivery { Party::City } else { Party::Contractor }
}

/// The acts that the form leaves in the ledger.
pub fn leaves(action: Action) -> Vec<String> {
    let words: &[&str] = match action.tail {
        "/hosts/new" | "/agreements/new/{matter}" | "/parameters/propose" => &["proposed"],
        "/agreements/{proposal}/agree" => &["agreed"],
        "/agreements/{proposal}/refuse" => &["refused"],
        "/agreements/{proposal}/end" => &["ended"],
        "/hosts/{host}/revoke" => &["device.revoked"],
        "/systems/{system}/review" => &["access.reviewed"],
        "/comments" if action.variant.ends_with("shared") => &["comment.made"],
        "/comments/{comment}/erase" | "/people/{person}/erase" => &["personal.erased"],
        "/requests/new/{form}" => &["request.asked"],
        "/requests/call" => &["request.asked", "step consented"],
        "/requests/{request}/edit" => &["step resubmitted"],
        "/requests/{request}/report" => &["step reported"],
        "/requests/{request}/order" => &["order.issued"],
        "/requests/{request}/step/{step}" => return vec![format!("step {}", action.variant)],
        "/findings/{finding}/classify" => &["finding.classified"],
        "/findings/{finding}/close" => &["finding.closed"],
        "/posts/new" => &["post.named"],
        "/posts/route" => &["route.set"],
        "/posts/move" => &["post.left", "post.taken"],
        "/posts/{post}/act/{act}" => match action.variant {
            "take" => &["post.taken"],
            "leave" => &["post.left"],
            "deputy" => &["deputy.named"],
            "end" => &["deputy.ended"],
            "name" => &["post.named"],
            other => panic!("say what {other} leaves"),
        },
        "/documents/new" => &["document.registered"],
        "/documents/{document}/read" => &["document.acknowledged"],
        "/documents/{document}/approve" => &["document.approved"],
        "/documents/{document}/review" => &["document.reviewed"],
        "/documents/{document}/withdraw" => &["document.withdrawn"],
        "/disclosures" => &["disclosure.requested"],
        "/disclosures/{disclosure}" => &["disclosure.delivered"],
        "/ledger/{number}/correct" => &["entry.corrected"],
        "/bundle" => &["bundle.taken"],
        "/bundle/cosigned" => &["head.cosigned"],
        "/people/new" => &["person.entered"],
        "/people/{person}/link" => &["person.linked"],
        "/people/{person}/leave" => &["person.left"],
        // What one organisation says inside, and what concerns one's own account and files, is not in the ledger.
        _ => &[],
    };
    words.iter().map(|word| (*word).to_owned()).collect()
}

/// A session of its own for what ends one.
pub async fn browser_for(stage: &Stage, action: Action, role: Role) -> Browser {
    if ["/sign-out", "/account/end"].contains(&action.tail) {
        return stage.fresh(role).await;
    }
    stage.browser(role)
}

/// Sends a form once; what it comes to, where that is not what the contract says.
async fn try_cell(stage: &Stage, action: Action, role: Role) -> Result<bool, String> {
    let browser = browser_for(stage, action, role).await;
    let ready = stage.ready(action, role).await;
    let before = stage.town.site.office("main").size();
    let reply = stage.send(&browser, &ready, &[]).await;
    let (left, may) = (stage.acts(before), may(action, role));
    let taken = [200, 204, 303].contains(&reply.status);
    let missing = SAYS_WHAT_IS_MISSING.contains(&action.tail);
    let wanted = if may { leaves(action) } else { Vec::new() };
    let as_said = if missing && may { reply.status == 422 } else { taken == may };
    let refused = taken || [404, 422].contains(&reply.status);
    if as_said && refused && left == wanted {
        return Ok(may);
    }
    let text: String = reply.between("<div class=\"note bad\"", "</div>").chars().take(300).collect();
    Err(format!("{role:?} {action:?}: may {may}, but {} and {left:?}: {text}", reply.status))
}

#[tokio::test(flavor = "multi_thread")]
async fn every_form_is_taken_from_those_who_may_and_from_nobody_else() {
    let stage = Stage::set(Site::start().await).await;
    let (mut tried, mut taken, mut wrong) = (0, 0, Vec::new());
    for action in actions() {
        for role in Role::ALL {
            tried += 1;
            match try_cell(&stage, action, role).await {
                Ok(may) => taken += usize::from(may),
                Err(text) => wrong.push(text),
            }
        }
    }
    println!("{tried} cells, {taken} taken");
    assert!(wrong.is_empty(), "{} of {tried} cells: {wrong:#?}", wrong.len());
    stage.town.site.stop().await;
}

fn looks(reply: &Reply, path: &str) -> Reply {
    Reply { body: reply.body.replace(path, "PATH"), ..reply.clone() }
}

#[tokio::test(flavor = "multi_thread")]
async fn for_the_people_of_another_contract_and_for_nobody_no_form_exists() {
    let site = Site::with(&["main", "other"]).await;
    let mut outside = Vec::new();
    for role in Role::ALL {
        let person = site.person("other", role).await;
        outside.push((format!("{role:?} of the other contract"), site.sign_in(&person).await));
        for (_, browser) in &mut outside {
            browser.get("/c/other").await;
        }
    }
    let mut stranger = site.stranger();
    stranger.get("/c/main/sign-in").await;
    outside.push(("nobody".to_owned(), stranger));
    let stage = Stage::set(site).await;
    let absent = "/c/main/nothing/is/here";
    for action in actions() {
        let ready = stage.ready(action, Role::CityStaff).await;
        let before = stage.town.site.office("main").size();
        for (who, browser) in &outside {
            let reply = stage.send(browser, &ready, &[]).await;
            let body = browser.form(&browser.csrf, &[]);
            let nothing = browser.send("POST", absent, OWN_FORM, &body).await;
            // The head of an uploaded form is read by another part of the test's browser: it keeps no line of its own.
            let (one, other) = (looks(&reply, &ready.path), looks(&nothing, absent));
            assert_eq!((one.status, &one.body), (other.status, &other.body), "{who} {action:?}");
        }
        assert_eq!(stage.acts(before), Vec::<String>::new(), "{action:?}");
    }
    stage.town.site.stop().await;
}

#[test]
fn every_act_and_every_step_of_the_code_has_a_form() {
    let left: BTreeSet<String> = actions().into_iter().flat_map(leaves).collect();
    let steps: BTreeSet<&str> = left.iter().filter_map(|word| word.strip_prefix("step ")).collect();
    assert_eq!(steps, WORDS.into(), "the steps that pages know");
    assert_eq!(steps, variants_of_step().iter().map(String::as_str).collect(), "the steps of the contract");
    let acts = Act::KINDS.into_iter().filter(|kind| *kind != "request.step");
    let by_form: BTreeSet<&str> = acts.filter(|kind| !NOT_BY_A_FORM.contains(kind)).collect();
    let found: BTreeSet<&str> =
        left.iter().map(String::as_str).filter(|it| !it.starts_with("step ")).collect();
    assert_eq!(found, by_form);
}

/// The steps of the enum itself, as it names them when it is given none of them.
fn variants_of_step() -> Vec<String> {
    let error = serde_json::from_str::<Step>(r#"{"step":"no such step"}"#).unwrap_err().to_string();
    let (_, expected) = error.split_once("expected one of").unwrap();
    expected.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

/// Pages for everybody of the contract, auditors included.
const FOR_ALL: [&str; 47] = [
    "",
    "/account",
    "/account/mail",
    "/agreements",
    "/agreements/{proposal}",
    "/agreements/{proposal}/pdf",
    "/backups",
    "/board",
    "/bundle",
    "/changes",
    "/checksheets",
    "/checksheets/{sheet}",
    "/checksheets/{sheet}/file",
    "/clause/{clause}",
    "/comments/{comment}",
    "/disclosures",
    "/disclosures/{disclosure}/file",
    "/documents",
    "/documents/{document}",
    "/documents/{document}/file",
    "/duty/{duty}",
    "/feeds",
    "/findings",
    "/findings/{finding}",
    "/guide/{clause}",
    "/hosts",
    "/hosts/{host}",
    "/hosts/{host}/devices",
    "/ledger",
    "/ledger/{number}",
    "/notices",
    "/parameters",
    "/parameters/pdf",
    "/people",
    "/people/{person}",
    "/posts",
    "/posts/{post}",
    "/reports",
    "/reports/{month}",
    "/requests",
    "/requests/{request}",
    "/requests/{request}/file/{digest}",
    "/requests/{request}/pdf",
    "/requests/{request}/slip",
    "/systems",
    "/systems/{system}",
    "/targets",
];

/// Whether a page is for a role.
fn may_read(tail: &str, role: Role) -> bool {
    let party = role.party();
    let (city, contractor) = (party == Party::City, party == Party::Contractor);
    let decides = [Role::CityApprover, Role::CitySecurity].contains(&role);
    match tail {
        "/sign-in" | "/link/{secret}" | "/targets/{target}" => true,
        "/agreements/new/{matter}"
        | "/parameters/propose"
        | "/requests/new"
        | "/requests/new/{form}"
        | "/requests/{request}/edit" => city || contractor,
        "/disclosures/{disclosure}"
        | "/documents/new"
        | "/hosts/new"
        | "/requests/call"
        | "/requests/{request}/report" => contractor,
        "/posts/handover" => city,
        "/posts/move" => decides,
        "/deliveries" | "/people/new" | "/webhooks" => decides || role == Role::SecurityLead,
        other => {
            assert!(FOR_ALL.contains(&other), "say who may read {other}");
            true
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_page_is_shown_to_those_who_may_read_it_and_to_nobody_else() {
    let stage = Stage::set(Site::start().await).await;
    let site = &stage.town.site;
    for route in ROUTES.iter().filter(|route| route.verb == Verb::Get) {
        let tail = route.path.strip_prefix("/c/{contract}").unwrap();
        let path = super::walk::concrete(site, route.path);
        for role in Role::ALL {
            let reply = stage.browser(role).send("GET", &path, &[], "").await;
            let shown = reply.status != 404;
            assert_eq!(shown, may_read(tail, role), "{role:?} {path}: {}", reply.status);
        }
    }
    stage.town.site.stop().await;
}
