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
    row!(Get, "/c/{contract}/backups", SignedIn, pages::backups::show),
    row!(Get, "/c/{contract}/feeds", SignedIn, pages::feeds::show),
    row!(Get, "/c/{contract}/hosts", SignedIn, pages::hosts::show),
    row!(Get, "/c/{contract}/hosts/{host}", SignedIn, pages::host::show),
    row!(Get, "/c/{contract}/hosts/new", Contractor, pages::devices::form),
    row!(Post, "/c/{contract}/hosts/new", Contractor, pages::devices::add),
    row!(Get, "/c/{contract}/hosts/{host}/devices", SignedIn, pages::devices::show),
    row!(Post, "/c/{contract}/hosts/{host}/enrol", Contractor, pages::devices::enrol),
    row!(Post, "/c/{contract}/hosts/{host}/revoke", Parties, pages::devices::revoke),
    row!(Get, "/c/{contract}/guide/{clause}", SignedIn, pages::guide::show),
    row!(Get, "/c/{contract}/targets", SignedIn, pages::targets::show),
    row!(Get, "/c/{contract}/targets/{target}", SignedIn, pages::target::show),
    row!(Get, "/c/{contract}/systems", SignedIn, pages::systems::show),
    row!(Get, "/c/{contract}/systems/{system}", SignedIn, pages::system::show),
    row!(Post, "/c/{contract}/systems/{system}/review", City, pages::system::review),
    row!(Get, "/c/{contract}/agreements", SignedIn, pages::agreements::show),
    row!(Get, "/c/{contract}/agreements/new/{matter}", Parties, pages::propose::show),
    row!(Post, "/c/{contract}/agreements/new/{matter}", Parties, pages::propose::propose),
    row!(Get, "/c/{contract}/agreements/{proposal}", SignedIn, pages::agreement::show),
    row!(Get, "/c/{contract}/agreements/{proposal}/pdf", SignedIn, pages::agreement_pdf::show),
    row!(Post, "/c/{contract}/agreements/{proposal}/agree", Parties, pages::agreement::agree),
    row!(Post, "/c/{contract}/agreements/{proposal}/refuse", Parties, pages::agreement::refuse),
    row!(Post, "/c/{contract}/agreements/{proposal}/end", Parties, pages::agreement::end),
    row!(Post, "/c/{contract}/comments", Parties, pages::comments::make),
    row!(Get, "/c/{contract}/comments/{comment}", SignedIn, pages::comments::show),
    row!(Post, "/c/{contract}/comments/{comment}/erase", Leads, pages::comments::erase),
    row!(Get, "/c/{contract}/notices", SignedIn, pages::notices::show),
    row!(Post, "/c/{contract}/notices/read", Parties, pages::notices::read),
    row!(Get, "/c/{contract}/account/mail", SignedIn, pages::mail::show),
    row!(Post, "/c/{contract}/account/mail", Parties, pages::mail::address),
    row!(Post, "/c/{contract}/account/mail/code", Parties, pages::mail::code),
    row!(Post, "/c/{contract}/account/mail/pace", Parties, pages::mail::pace),
    row!(Post, "/c/{contract}/account/mail/kinds", Parties, pages::mail::kinds),
    row!(Get, "/c/{contract}/deliveries", Leads, pages::deliveries::show),
    row!(Post, "/c/{contract}/deliveries/again", Leads, pages::deliveries::again),
    row!(Post, "/c/{contract}/deliveries/drop", Leads, pages::deliveries::give_up),
    row!(Get, "/c/{contract}/webhooks", Leads, pages::webhooks::show),
    row!(Post, "/c/{contract}/webhooks", Leads, pages::webhooks::add),
    row!(Post, "/c/{contract}/webhooks/{webhook}/remove", Leads, pages::webhooks::remove),
    row!(Get, "/c/{contract}/requests", SignedIn, pages::requests::show),
    row!(Get, "/c/{contract}/requests/new", Parties, pages::request_new::choose),
    row!(Get, "/c/{contract}/requests/new/{form}", Parties, pages::request_new::show),
    row!(Post, "/c/{contract}/requests/new/{form}", Parties, pages::request_new::ask),
    row!(Post, "/c/{contract}/requests/drafts/{draft}/drop", Parties, pages::request_new::drop_draft),
    row!(Get, "/c/{contract}/requests/call", Contractor, pages::request_call::show),
    row!(Post, "/c/{contract}/requests/call", Contractor, pages::request_call::record),
    row!(Get, "/c/{contract}/requests/{request}", SignedIn, pages::request::show),
    row!(Get, "/c/{contract}/requests/{request}/slip", SignedIn, pages::request_slip::show),
    row!(Get, "/c/{contract}/requests/{request}/pdf", SignedIn, pages::request_pdf::show),
    row!(Get, "/c/{contract}/requests/{request}/file/{digest}", SignedIn, pages::request::file),
    row!(Get, "/c/{contract}/requests/{request}/edit", Parties, pages::request_edit::edit),
    row!(Post, "/c/{contract}/requests/{request}/edit", Parties, pages::request_edit::resubmit),
    row!(Get, "/c/{contract}/requests/{request}/report", Contractor, pages::request_edit::report),
    row!(Post, "/c/{contract}/requests/{request}/report", Contractor, pages::request_edit::deliver),
    row!(Post, "/c/{contract}/requests/{request}/order", Contractor, pages::request_orders::give),
    row!(Post, "/c/{contract}/requests/{request}/step/{step}", Parties, pages::request_steps::take),
    row!(Get, "/c/{contract}/findings", SignedIn, pages::findings::show),
    row!(Get, "/c/{contract}/findings/{finding}", SignedIn, pages::finding::show),
    row!(Post, "/c/{contract}/findings/{finding}/classify", Parties, pages::finding::classify),
    row!(Post, "/c/{contract}/findings/{finding}/close", City, pages::finding::close),
    row!(Get, "/c/{contract}/changes", SignedIn, pages::changes::show),
    row!(Get, "/c/{contract}/reports", SignedIn, pages::reports::show),
    row!(Get, "/c/{contract}/reports/{month}", SignedIn, pages::reports::one),
    row!(Get, "/c/{contract}/posts", SignedIn, pages::posts::show),
    row!(Post, "/c/{contract}/posts/new", CityDecides, pages::post_acts::name),
    row!(Post, "/c/{contract}/posts/route", CityDecides, pages::post_acts::route),
    row!(Get, "/c/{contract}/posts/move", CityDecides, pages::posts_move::form),
    row!(Post, "/c/{contract}/posts/move", CityDecides, pages::posts_move::moved),
    row!(Get, "/c/{contract}/posts/handover", City, pages::posts_move::handover),
    row!(Get, "/c/{contract}/posts/{post}", SignedIn, pages::posts::one),
    row!(Post, "/c/{contract}/posts/{post}/act/{act}", CityDecides, pages::post_acts::take),
    row!(Get, "/c/{contract}/documents", SignedIn, pages::documents::show),
    row!(Get, "/c/{contract}/documents/new", Contractor, pages::documents::form),
    row!(Post, "/c/{contract}/documents/new", Contractor, pages::documents::register),
    row!(Get, "/c/{contract}/documents/{document}", SignedIn, pages::document::show),
    row!(Get, "/c/{contract}/documents/{document}/file", SignedIn, pages::document::file),
    row!(Post, "/c/{contract}/documents/{document}/read", Parties, pages::document::read),
    row!(Post, "/c/{contract}/documents/{document}/approve", CityDecides, pages::document::approve),
    row!(Post, "/c/{contract}/documents/{document}/review", Contractor, pages::document::review),
    row!(Post, "/c/{contract}/documents/{document}/withdraw", Contractor, pages::document::withdraw),
    row!(Get, "/c/{contract}/checksheets", SignedIn, pages::checksheets::show),
    row!(Post, "/c/{contract}/checksheets", Parties, pages::checksheets::bring),
    row!(Get, "/c/{contract}/checksheets/{sheet}", SignedIn, pages::checksheet::show),
    row!(Post, "/c/{contract}/checksheets/{sheet}", Parties, pages::checksheet::settle),
    row!(Post, "/c/{contract}/checksheets/{sheet}/columns", Parties, pages::checksheet::lay_out),
    row!(Get, "/c/{contract}/checksheets/{sheet}/file", SignedIn, pages::checksheet::file),
    row!(Get, "/c/{contract}/disclosures", SignedIn, pages::disclosures::show),
    row!(Post, "/c/{contract}/disclosures", City, pages::disclosures::ask),
    row!(Get, "/c/{contract}/disclosures/{disclosure}", Contractor, pages::disclosures::form),
    row!(Post, "/c/{contract}/disclosures/{disclosure}", Contractor, pages::disclosures::deliver),
    row!(Get, "/c/{contract}/disclosures/{disclosure}/file", SignedIn, pages::disclosures::file),
    row!(Get, "/c/{contract}/parameters", SignedIn, pages::parameters::show),
    row!(Get, "/c/{contract}/parameters/pdf", SignedIn, pages::agreement_pdf::parameters),
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
        // The reader of forms with files has a limit of its own, far below what the door lets through.
        .layer(DefaultBodyLimit::max(door::FILE))
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
        .route("/intake/v1/targets", on(MethodFilter::POST, intake::targets))
        .route("/intake/v1/orders", on(MethodFilter::POST, intake::orders))
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
