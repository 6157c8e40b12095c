//! One request of a browser, parsed once at the door: who asks, in which language, what was typed. Handlers get this
//! and nothing else.

use super::block::{Act as Button, Field, Form, Upload};
use super::words::{self, Lang};
use crate::audience::{Audience, Caller};
use crate::causes::with_causes;
use crate::decide::{self, Actor, Decision};
use crate::office::Office;
use crate::people::sessions::Session;
use crate::resent::TAKEN;
use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::sync::Arc;
use yakujo_contract::act::Act;
use yakujo_contract::entry::{Party, SeenHead};
use yakujo_contract::id::{EntryNumber, PostId};

/// Field of every form: the size of the ledger's head on the page it was on.
pub const SEEN: &str = "seen";

/// A file that came with a form.
#[derive(Debug, Clone)]
pub struct Attachment {
    /// The bytes. The name a browser gave it is not used for anything.
    pub bytes: Vec<u8>,
}

/// One request.
pub struct Visit {
    /// The contract it is about.
    pub office: Arc<Office>,
    /// Who asks, once signed in.
    pub session: Option<Session>,
    /// The language.
    pub lang: Lang,
    /// When.
    pub now: Timestamp,
    /// From which address.
    pub address: String,
    /// The name and port under which the visitor reached the portal.
    pub host: String,
    /// Fingerprint of this server's certification authority, which agents pin.
    pub authority: Arc<str>,
    /// The path, without query.
    pub uri_path: String,
    /// Parts of the path.
    pub path: BTreeMap<String, String>,
    /// The query.
    pub query: Vec<(String, String)>,
    /// Fields of a form.
    pub form: Vec<(String, String)>,
    /// The file of a form.
    pub file: Option<Attachment>,
    /// The token that forms of this visitor carry.
    pub csrf: String,
    /// Notices this person has not read.
    pub unread: u32,
    /// The secret of the session's cookie; empty: none.
    pub cookie: String,
}

/// Why there is no page.
#[derive(Debug)]
pub enum Refusal {
    /// Absent, or not for this visitor: the same page.
    Absent,
    /// What was typed cannot be taken, with what to do about it.
    Wrong(String),
    /// The server failed; the words are for its log only.
    Failed(String),
}

/// What a handler gives back.
pub type Answer = Result<Response, Refusal>;

impl<E: std::error::Error> From<E> for Refusal {
    fn from(error: E) -> Self {
        Self::Failed(with_causes(&error))
    }
}

impl Visit {
    /// What the visitor is to the contract.
    #[must_use]
    pub fn caller(&self) -> Caller {
        self.session.as_ref().map_or(Caller::Nobody, |session| Caller::Person(session.person.role))
    }

    /// Whether the visitor may use routes of this audience: pages show no button that leads nowhere.
    #[must_use]
    pub fn may(&self, audience: Audience) -> bool {
        audience.admits(self.caller())
    }

    /// The person who is signed in.
    ///
    /// # Errors
    /// Absent, where nobody is: the route's audience should have said so before.
    pub fn session(&self) -> Result<&Session, Refusal> {
        self.session.as_ref().ok_or(Refusal::Absent)
    }

    /// The party of the person who is signed in.
    #[must_use]
    pub fn party(&self) -> Option<Party> {
        self.session.as_ref().map(|session| session.person.role.party())
    }

    /// The beginning of every path of this contract.
    #[must_use]
    pub fn base(&self) -> String {
        format!("/c/{}", self.office.id())
    }

    /// A field of the query; empty when it is missing.
    #[must_use]
    pub fn asked(&self, name: &str) -> &str {
        find(&self.query, name)
    }

    /// A field of the form; empty when it is missing.
    #[must_use]
    pub fn typed(&self, name: &str) -> &str {
        find(&self.form, name).trim()
    }

    /// All values of a field of the form.
    pub fn typed_all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.form.iter().filter(move |(other, _)| other == name).map(|(_, value)| value.trim())
    }

    /// What was typed, or what the query fills in before anything was typed.
    #[must_use]
    pub fn given(&self) -> &[(String, String)] {
        if self.form.is_empty() { &self.query } else { &self.form }
    }

    /// The field that binds an act to the head of the ledger on this page.
    #[must_use]
    pub fn seen(&self) -> (String, String) {
        (SEEN.to_owned(), self.office.seen_head().size.to_string())
    }

    /// What every form carries: the head, and how many forms of this session were taken before.
    #[must_use]
    pub fn marks(&self) -> Vec<(String, String)> {
        let taken = self.session.as_ref().map(|session| self.office.resent.taken(&session.name));
        std::iter::once(self.seen()).chain(taken.map(|taken| (TAKEN.to_owned(), taken.to_string()))).collect()
    }

    /// A form that posts to a path of this contract.
    #[must_use]
    pub fn form(&self, path: &str, label: &str, fields: Vec<Field>) -> Form {
        Form {
            action: format!("{}{path}", self.base()),
            csrf: self.csrf.clone(),
            hidden: self.marks(),
            fields,
            label: label.to_owned(),
            class: "",
            upload: Upload::No,
            go: "",
            further: Vec::new(),
        }
    }

    /// A button that posts to a path of this contract at once.
    #[must_use]
    pub fn button(&self, path: &str, label: &str, class: &'static str) -> Button {
        Button {
            action: format!("{}{path}", self.base()),
            csrf: self.csrf.clone(),
            hidden: self.marks(),
            label: label.to_owned(),
            class,
        }
    }

    /// Fields filled in again with what was typed into them.
    #[must_use]
    pub fn retyped(&self, fields: Vec<Field>) -> Vec<Field> {
        fields.into_iter().map(|field| refilled(field, &self.form)).collect()
    }

    /// Fields filled in with what was typed, or by the query before anything was typed.
    #[must_use]
    pub fn prefilled(&self, fields: Vec<Field>) -> Vec<Field> {
        fields.into_iter().map(|field| refilled(field, self.given())).collect()
    }

    /// A part of the path.
    ///
    /// # Errors
    /// Absent, where the route has no such part.
    pub fn part(&self, name: &str) -> Result<&str, Refusal> {
        self.path.get(name).map(String::as_str).ok_or(Refusal::Absent)
    }

    /// Picks one of two texts.
    #[must_use]
    pub fn of<'a>(&self, ja: &'a str, en: &'a str) -> &'a str {
        self.lang.of(ja, en)
    }

    /// Does an act of the person who is signed in, bound to the head of the ledger that stood on the page the form was
    /// on. When this returns, the entry is durable and in force.
    ///
    /// # Errors
    /// What the refusal means for the person.
    pub async fn act(&self, act: Act) -> Result<EntryNumber, Refusal> {
        let settled = self.settle(act, None).await?;
        settled.map_err(|refusal| Refusal::Wrong(words::refusal(self.lang, &refusal)))
    }

    /// The same, while the newest entry about a request is still the one the person saw. Says why not.
    ///
    /// # Errors
    /// When the page is so old that the head it names is gone.
    pub async fn settle(
        &self,
        act: Act,
        newest: Option<EntryNumber>,
    ) -> Result<Result<EntryNumber, decide::Refusal>, Refusal> {
        let seen = self.seen_before()?;
        let decision = Decision { actor: Some(self.actor()?), act, seen: Some(seen), newest };
        Ok(self.office.settle(decision).await)
    }

    /// The head of the ledger that stood on the page the form was on.
    ///
    /// # Errors
    /// When the form does not say which, or the ledger never had it.
    pub fn seen_before(&self) -> Result<SeenHead, Refusal> {
        let seen = self.typed(SEEN).parse().ok().and_then(|size| self.office.head_of_size(size));
        seen.ok_or_else(|| {
            let text = self.of(
                "画面が古いため受け付けられません。画面を開き直して、もう一度行ってください。",
                "The page is out of date. Open it again and repeat.",
            );
            Refusal::Wrong(text.to_owned())
        })
    }

    /// Who acts.
    ///
    /// # Errors
    /// Absent, where nobody is signed in.
    pub fn actor(&self) -> Result<Actor, Refusal> {
        let person = &self.session()?.person;
        let post = person.post.as_deref().map(str::parse::<PostId>).transpose()?;
        Ok(Actor { person: person.id.clone(), role: person.role, post })
    }

    /// Goes on to another page of this contract. The target is made by the server, never by the visitor.
    ///
    /// # Errors
    /// When the path is no header text.
    pub fn go(&self, path: &str) -> Answer {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::SEE_OTHER;
        let target = HeaderValue::from_str(&format!("{}{path}", self.base()))?;
        response.headers_mut().insert(header::LOCATION, target);
        Ok(response)
    }
}

/// A field filled in with what was given under its name.
#[must_use]
pub fn refilled(field: Field, given: &[(String, String)]) -> Field {
    let of_field = given.iter().filter(|(name, _)| *name == field.name);
    let values: Vec<&str> = of_field.map(|(_, value)| value.trim()).collect();
    if values.is_empty() { field } else { field.refill(&values) }
}

/// The first value of a name.
#[must_use]
pub fn find<'a>(fields: &'a [(String, String)], name: &str) -> &'a str {
    fields.iter().find(|(other, _)| other == name).map_or("", |(_, value)| value.as_str())
}

/// Reads `a=b&c=d`.
#[must_use]
pub fn fields(text: &str) -> Vec<(String, String)> {
    let pairs = text.split('&').filter(|pair| !pair.is_empty()).take(2_000);
    let split = |pair: &str| match pair.split_once('=') {
        Some((name, value)) => (decode(name), decode(value)),
        None => (decode(pair), String::new()),
    };
    pairs.map(split).collect()
}

fn decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        match byte {
            b'+' => bytes.push(b' '),
            b'%' => {
                let mut ahead = rest.clone();
                let digits =
                    [ahead.next(), ahead.next()].map(|digit| digit.and_then(|d| char::from(d).to_digit(16)));
                match digits {
                    [Some(high), Some(low)] => {
                        bytes.push(u8::try_from(high * 16 + low).unwrap_or(b'?'));
                        rest = ahead;
                    }
                    _ => bytes.push(byte),
                }
            }
            other => bytes.push(other),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_decoded_once() {
        let read = fields("a=%E5%B8%82+x&b=%2541&c&a=2&d=%zz");
        assert_eq!(find(&read, "a"), "市 x");
        assert_eq!(find(&read, "b"), "%41");
        assert_eq!((find(&read, "c"), find(&read, "d"), find(&read, "e")), ("", "%zz", ""));
    }
}
