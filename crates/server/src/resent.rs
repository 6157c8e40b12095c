//! A form that is sent twice is taken once. People press a button again before the page has changed, and browsers send a
//! form again after a line broke: the second one waits for the first and leads where the first one led, so that what was
//! asked for stands in the ledger once, and the person sees what became of it.
//!
//! The same form is one of the same session, path, fields and file, byte for byte. Every page says how many forms of the
//! session were taken when it was made: whoever does the same thing again on a page made later does it twice, on purpose.
//! Kept in memory, as digests; after a restart a form that waits on an old page is taken as a new one.

use crate::pages::visit::Visit;
use axum::http::HeaderValue;
use sha2::{Digest as _, Sha256};
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Field of every form of somebody who is signed in: how many forms of the session were taken when the page was made.
pub const TAKEN: &str = "taken";

/// Forms of one session that are remembered: whoever presses twice does so at once.
const FORMS: usize = 16;
/// Sessions that are remembered.
const SESSIONS: usize = 10_000;

/// Where a form led, once it was taken. Whoever holds the lock is taking it.
pub type Led = Arc<tokio::sync::Mutex<Option<HeaderValue>>>;

#[derive(Default)]
struct Own {
    taken: u64,
    forms: VecDeque<([u8; 32], Led)>,
}

/// The forms that were taken, by session.
#[derive(Default)]
pub struct Resent(Mutex<BTreeMap<String, Own>>);

impl Resent {
    fn sessions(&self) -> MutexGuard<'_, BTreeMap<String, Own>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many forms of a session were taken.
    #[must_use]
    pub fn taken(&self, session: &str) -> u64 {
        self.sessions().get(session).map_or(0, |own| own.taken)
    }

    /// The place of a form, the same one for the same form.
    #[must_use]
    pub fn place(&self, session: &str, form: [u8; 32]) -> Led {
        let mut sessions = self.sessions();
        if sessions.len() >= SESSIONS && !sessions.contains_key(session) {
            sessions.clear();
        }
        let own = sessions.entry(session.to_owned()).or_default();
        if let Some((_, led)) = own.forms.iter().find(|(known, _)| *known == form) {
            return led.clone();
        }
        own.forms.truncate(FORMS - 1);
        let led = Led::default();
        own.forms.push_front((form, led.clone()));
        led
    }

    /// One more form of a session was taken.
    pub fn count(&self, session: &str) {
        let mut sessions = self.sessions();
        let own = sessions.entry(session.to_owned()).or_default();
        own.taken = own.taken.saturating_add(1);
    }
}

/// The digest of a form of one of our pages; none where it does not say which page it was on, or nobody is signed in.
#[must_use]
pub fn digest(visit: &Visit) -> Option<[u8; 32]> {
    if visit.session.is_none() || visit.typed(TAKEN).is_empty() {
        return None;
    }
    let mut hash = Sha256::new();
    let mut part = |bytes: &[u8]| {
        hash.update(bytes.len().to_be_bytes());
        hash.update(bytes);
    };
    part(visit.uri_path.as_bytes());
    for (name, value) in &visit.form {
        part(name.as_bytes());
        part(value.as_bytes());
    }
    if let Some(file) = &visit.file {
        part(&file.bytes);
    }
    Some(hash.finalize().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_form_has_one_place_and_other_sessions_have_their_own() {
        let resent = Resent::default();
        let first = resent.place("one", [1; 32]);
        assert!(Arc::ptr_eq(&first, &resent.place("one", [1; 32])));
        assert!(!Arc::ptr_eq(&first, &resent.place("one", [2; 32])));
        assert!(!Arc::ptr_eq(&first, &resent.place("two", [1; 32])));
        resent.count("one");
        assert_eq!((resent.taken("one"), resent.taken("two")), (1, 0));
    }

    #[test]
    fn what_lies_long_ago_is_forgotten() {
        let resent = Resent::default();
        let first = resent.place("one", [0; 32]);
        for number in 1..=u8::try_from(FORMS).unwrap() {
            assert!(!Arc::ptr_eq(&first, &resent.place("one", [number; 32])));
        }
        assert!(!Arc::ptr_eq(&first, &resent.place("one", [0; 32])));
    }
}
