//! Every form that people can send, as the code has them: a route that is added, or a step, is in the list by itself.

use yakujo_contract::act::Matter;
use yakujo_contract::request::flow::State;
use yakujo_contract::request::form::Form;
use yakujo_server::routes::{ROUTES, Verb};

/// One form that people can send: a route, and which of the things it is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Action {
    /// The path without the contract.
    pub tail: &'static str,
    /// Which step, act, matter, form, or whose.
    pub variant: &'static str,
}

/// Routes for those who are not signed in yet.
const ON_THE_WAY_IN: [&str; 2] = ["/sign-in", "/link/{secret}"];

/// Every form of the code: its routes, and the lists that its routes read a part of their path by.
pub fn actions() -> Vec<Action> {
    let posts = ROUTES.iter().filter(|route| route.verb == Verb::Post);
    let tails = posts.map(|route| route.path.strip_prefix("/c/{contract}").unwrap());
    let tails = tails.filter(|tail| !ON_THE_WAY_IN.contains(tail));
    let mut all: Vec<Action> = tails
        .flat_map(|tail| variants(tail).into_iter().map(move |variant| Action { tail, variant }))
        .collect();
    // What ends a session comes last: it is tried in a session of its own, and time passes until that begins.
    all.sort_by_key(|action| ["/sign-out", "/account/end"].contains(&action.tail));
    all
}

const WHOSE: [&str; 2] = ["of the city", "of the contractor"];
const TALKS: [&str; 8] = [
    "duty internal",
    "duty shared",
    "proposal internal",
    "proposal shared",
    "request internal",
    "request shared",
    "finding internal",
    "finding shared",
];

fn variants(tail: &str) -> Vec<&'static str> {
    match tail {
        "/requests/{request}/step/{step}" => yakujo_server::decide::possible::WORDS
            .into_iter()
            // These two have pages of their own.
            .filter(|word| !["resubmitted", "reported"].contains(word))
            .collect(),
        "/posts/{post}/act/{act}" => yakujo_server::pages::post_acts::ACTS.to_vec(),
        "/agreements/new/{matter}" => {
            Matter::WORDS.into_iter().filter(|word| *word != "parameters").collect()
        }
        "/requests/new/{form}" => Form::ALL.iter().map(|form| form.row().key).collect(),
        "/comments" => TALKS.to_vec(),
        "/comments/{comment}/erase"
        | "/agreements/{proposal}/agree"
        | "/agreements/{proposal}/refuse"
        | "/agreements/{proposal}/end" => WHOSE.to_vec(),
        _ => vec![""],
    }
}

/// Which form, in which state, lets this step be taken by whoever may.
pub fn wants(word: &str) -> (Form, State) {
    match word {
        "signed" => (Form::F09, State::Asked),
        "invoked" => (Form::F26, State::Approved),
        "revoked" | "countersigned" | "done" => (Form::F07, State::Approved),
        "confirmed" => (Form::F07, State::Reported),
        "received" | "consulted" | "approved" | "refused" | "returned" | "withdrawn" | "consented" => {
            (Form::F07, State::Asked)
        }
        other => panic!("say when the step {other} can be taken"),
    }
}
