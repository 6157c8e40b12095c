//! The table of routes: method, path, who may use it, what it carries, what answers. Nothing else adds a route.
//!
//! One door stands before every handler. In this order: the contract of the path, the language, the session of the
//! cookie, the audience, the body with its limit, the token of a form and where it came from. A route that is not for
//! the visitor looks exactly like one that does not exist, whatever the method.

use crate::audience::Audience;
use crate::intake;
use crate::pages;
use crate::pages::door::{self, Portal};
use crate::pages::frame;
use crate::pages::visit::{Answer, Visit};
use crate::server::House;
use axum::Router;
use axum::extract::{DefaultBodyLimit, RawPathParams, Request, State};
use axum::response::Response;
use axum::routing::{MethodFilter, MethodRouter, on};
use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

/// The method of a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    /// Shows.
    Get,
    /// Changes.
    Post,
}

/// A handler at work.
pub type Pending = Pin<Box<dyn Future<Output = Answer> + Send>>;

/// One row of the table.
pub struct Route {
    /// Method.
    pub verb: Verb,
    /// Path.
    pub path: &'static str,
    /// Who may use it.
    pub audience: Audience,
    /// What answers.
    pub handler: fn(Visit) -> Pending,
}

macro_rules! row {
    ($verb:ident, $path:literal, $audience:ident, $handler:path) => {
        Route {
            verb: Verb::$verb,
            path: $path,
            audience: Audience::$audience,
            handler: |visit| Box::pin($handler(visit)),
        }
    };
}

/// Every route of the portal for people.
pub static ROUTES: &[Route] = &[
    row!(Get, "/c/{contract}/sign-in", Anyone, pages::sign_in::show),
    row!(Post, "/c/{contract}/sign-in", Anyone, pages::sign_in::sign_in),
    row!(Get, "/c/{contract}/link/{secret}", Anyone, pages::link::show),
    row!(Post, "/c/{contract}/link/{secret}", Anyone, pages::link::redeem),
    row!(Post, "/c/{contract}/sign-out", SignedIn, pages::account::sign_out),
    row!(Post, "/c/{contract}/extend", SignedIn, pages::account::extend),
    row!(Get, "/c/{contract}", SignedIn, pages::first::show),
    row!(Get, "/c/{contract}/board", SignedIn, pages::board::show),
    row!(Get, "/c/{contract}/clause/{clause}", SignedIn, pages::clause::show),
    row!(Get, "/c/{contract}/duty/{duty}", SignedIn, pages::duty::show),
    row!(Get, "/c/{contract}/hosts", SignedIn, pages::hosts::show),
    row!(Get, "/c/{contract}/hosts/{host}", SignedIn, pages::host::show),
    row!(Get, "/c/{contract}/hosts/new", Contractor, pages::devices::form),
    row!(Post, "/c/{contract}/hosts/new", Contractor, pages::devices::add),
    row!(Get, "/c/{contract}/hosts/{host}/devices", SignedIn, pages::devices::show),
    row!(Post, "/c/{contract}/hosts/{host}/enrol", Contractor, pages::devices::enrol),
    row!(Post, "/c/{contract}/hosts/{host}/revoke", Parties, pages::devices::revoke),
    row!(Get, "/c/{contract}/guide/{clause}", SignedIn, pages::guide::show),
    row!(Get, "/c/{contract}/systems", SignedIn, pages::systems::show),
    row!(Get, "/c/{contract}/systems/{system}", SignedIn, pages::system::show),
    row!(Post, "/c/{contract}/systems/{system}/review", City, pages::system::review),
    row!(Get, "/c/{contract}/agreements", SignedIn, pages::agreements::show),
    row!(Get, "/c/{contract}/agreements/new/{matter}", Parties, pages::propose::show),
    row!(Post, "/c/{contract}/agreements/new/{matter}", Parties, pages::propose::propose),
    row!(Get, "/c/{contract}/agreements/{proposal}", SignedIn, pages::agreement::show),
    row!(Post, "/c/{contract}/agreements/{proposal}/agree", Parties, pages::agreement::agree),
    row!(Post, "/c/{contract}/agreements/{proposal}/refuse", Parties, pages::agreement::refuse),
    row!(Post, "/c/{contract}/agreements/{proposal}/end", Parties, pages::agreement::end),
    row!(Get, "/c/{contract}/documents", SignedIn, pages::documents::show),
    row!(Get, "/c/{contract}/documents/new", Contractor, pages::documents::form),
    row!(Post, "/c/{contract}/documents/new", Contractor, pages::documents::register),
    row!(Get, "/c/{contract}/documents/{document}", SignedIn, pages::document::show),
    row!(Get, "/c/{contract}/documents/{document}/file", SignedIn, pages::document::file),
    row!(Post, "/c/{contract}/documents/{document}/read", Parties, pages::document::read),
    row!(Post, "/c/{contract}/documents/{document}/approve", CityDecides, pages::document::approve),
    row!(Post, "/c/{contract}/documents/{document}/review", Contractor, pages::document::review),
    row!(Post, "/c/{contract}/documents/{document}/withdraw", Contractor, pages::document::withdraw),
    row!(Get, "/c/{contract}/disclosures", SignedIn, pages::disclosures::show),
    row!(Post, "/c/{contract}/disclosures", City, pages::disclosures::ask),
    row!(Get, "/c/{contract}/disclosures/{request}", Contractor, pages::disclosures::form),
    row!(Post, "/c/{contract}/disclosures/{request}", Contractor, pages::disclosures::deliver),
    row!(Get, "/c/{contract}/disclosures/{request}/file", SignedIn, pages::disclosures::file),
    row!(Get, "/c/{contract}/parameters", SignedIn, pages::parameters::show),
    row!(Get, "/c/{contract}/parameters/propose", Parties, pages::parameters::form),
    row!(Post, "/c/{contract}/parameters/propose", Parties, pages::parameters::propose),
    row!(Get, "/c/{contract}/ledger", SignedIn, pages::ledger::show),
    row!(Get, "/c/{contract}/ledger/{number}", SignedIn, pages::ledger_entry::show),
    row!(Post, "/c/{contract}/ledger/{number}/correct", Parties, pages::ledger_entry::correct),
    row!(Get, "/c/{contract}/bundle", SignedIn, pages::bundle::show),
    row!(Post, "/c/{contract}/bundle", Parties, pages::bundle::take),
    row!(Post, "/c/{contract}/bundle/cosigned", City, pages::bundle::cosigned),
    row!(Get, "/c/{contract}/people", SignedIn, pages::people::show),
    row!(Get, "/c/{contract}/people/new", Leads, pages::people::form),
    row!(Post, "/c/{contract}/people/new", Leads, pages::people::enter),
    row!(Get, "/c/{contract}/people/{person}", SignedIn, pages::person::show),
    row!(Post, "/c/{contract}/people/{person}/link", Leads, pages::person::link),
    row!(Post, "/c/{contract}/people/{person}/leave", Leads, pages::person::leave),
    row!(Post, "/c/{contract}/people/{person}/erase", Leads, pages::person::erase),
    row!(Get, "/c/{contract}/account", SignedIn, pages::account::show),
    row!(Post, "/c/{contract}/account/end", SignedIn, pages::account::end),
    row!(Post, "/c/{contract}/account/link", SignedIn, pages::account::renew),
];

/// The router of the portal for people.
pub fn router(portal: Arc<Portal>) -> Router {
    let mut paths: BTreeMap<&'static str, MethodRouter<Arc<Portal>>> = BTreeMap::new();
    for route in ROUTES {
        let filter = match route.verb {
            Verb::Get => MethodFilter::GET,
            Verb::Post => MethodFilter::POST,
        };
        let answer = move |State(portal): State<Arc<Portal>>, params: RawPathParams, request: Request| async move {
            door::enter(&portal, route, &params, request).await
        };
        let entry = paths.remove(route.path).unwrap_or_default();
        paths.insert(route.path, entry.merge(on(filter, answer)));
    }
    let mut router = Router::new();
    for (path, methods) in paths {
        router = router.route(path, methods);
    }
    router = router.route("/static/{digest}/{name}", on(MethodFilter::GET, door::asset));
    router = router.route("/", on(MethodFilter::GET, door::first));
    router
        .fallback(door::absent)
        .method_not_allowed_fallback(door::absent)
        .layer(axum::middleware::map_response(|mut response: Response| async move {
            frame::secure(response.headers_mut());
            response
        }))
        .with_state(portal)
}
/// The doors of programs. Audience: devices, whose certificate the handshake has proved; enrolment alone is for anyone
/// who holds a one-time code.
pub fn intake(house: Arc<House>) -> Router {
    Router::new()
        .route("/intake/v1/facts", on(MethodFilter::POST, intake::facts))
        .route("/intake/v1/pulse", on(MethodFilter::POST, intake::pulse))
        .layer(DefaultBodyLimit::max(intake::MAX_BODY))
        .with_state(house)
}

/// Enrolment, on the portal's door. Audience: anyone who holds a one-time code.
pub fn enrolment(house: Arc<House>) -> Router {
    Router::new()
        .route("/enrol/v1", on(MethodFilter::POST, intake::enrol))
        .layer(DefaultBodyLimit::max(intake::MAX_BODY))
        .with_state(house)
}
