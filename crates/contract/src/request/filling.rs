//! Whether a form is filled in as its row of the table asks. Checked once, where it is asked; judges read what passed.

use super::form::{self, Form};
use super::{FieldValue, Filled};
use crate::thing::{Object, Thing};
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;

/// Why what was filled in is no request.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotFilled {
    /// A field of the form is missing.
    #[error("the field `{0}` is missing")]
    Missing(&'static str),
    /// The form has no such field.
    #[error("the form has no field `{0}`")]
    Unknown(String),
    /// No such choice, no number, or no instant (RFC 3339).
    #[error("`{0}` is no choice, number or instant of this field")]
    Choice(&'static str),
    /// The scope names no system, or too many things.
    #[error("the scope is empty or too large")]
    Scope,
    /// A release is named without the digest of what was tested.
    #[error("a release is named with the digest of what was tested")]
    Digest,
    /// The form needs a window, or has none, or it ends before it begins.
    #[error("the window is missing, or ends before it begins")]
    Window,
    /// A standing approval needs its terms; another form has none.
    #[error("the terms of a standing approval are missing or wrong")]
    Standing,
    /// A text is too long or holds control characters.
    #[error("a text is empty, too long, or holds control characters")]
    Text,
}

/// Longest text of a field, in characters.
pub const LONGEST_FIELD: usize = 1_500;
/// Things of a scope at most.
const MOST_THINGS: usize = 200;
/// A standing approval lives a year at most (F-26).
const STANDING_LIVES: SignedDuration = SignedDuration::from_hours(24 * 366);

impl Filled {
    /// Whether the form is filled in as its row of the table asks.
    ///
    /// # Errors
    /// The first [`NotFilled`].
    pub fn check(&self) -> Result<(), NotFilled> {
        let row = self.form.row();
        check_text(&self.title)?;
        self.check_scope()?;
        match (&self.window, row.window) {
            (Some(window), form::Ask::Must | form::Ask::May) if window.from < window.to => {}
            (None, form::Ask::May | form::Ask::Never) => {}
            (Some(_) | None, form::Ask::Must | form::Ask::May | form::Ask::Never) => {
                return Err(NotFilled::Window);
            }
        }
        self.check_standing()?;
        if self.limit == Some(0) || self.attachments.len() > 20 || self.links.len() > 50 {
            return Err(NotFilled::Scope);
        }
        self.attachments.iter().try_for_each(|attachment| check_text(&attachment.name))?;
        check_fields(self.form, form::Part::Ask, &self.fields)
    }

    fn check_scope(&self) -> Result<(), NotFilled> {
        let scope = &self.scope;
        let named = !scope.things.is_empty() || self.form.row().things != form::Ask::Must;
        let small = scope.things.len() <= MOST_THINGS && scope.hosts.len() <= 1_000;
        let plain = |thing: &Thing| {
            let long = thing.name.chars().count() > crate::thing::LONGEST_PATTERN;
            let bare = thing.name.trim_end_matches('*').is_empty();
            !long && !bare && !thing.name.chars().any(char::is_control)
        };
        let right = !scope.systems.is_empty() && named && small && scope.things.iter().all(plain);
        // A version that may have any content is no version that was tested.
        let tested = |thing: &Thing| thing.object != Object::Release || thing.digest.is_some();
        match (right, self.form == Form::F14 && !scope.things.iter().all(tested)) {
            (true, false) => Ok(()),
            (true, true) => Err(NotFilled::Digest),
            (false, _) => Err(NotFilled::Scope),
        }
    }

    fn check_standing(&self) -> Result<(), NotFilled> {
        let is_standing = self.form == Form::F26;
        match (&self.standing, &self.window) {
            (None, _) if !is_standing => Ok(()),
            (Some(terms), Some(window)) if is_standing => {
                let short = window.to.duration_since(window.from) <= STANDING_LIVES;
                let right = terms.longest_min > 0 && terms.uses > 0 && terms.report_h > 0 && short;
                if right { Ok(()) } else { Err(NotFilled::Standing) }
            }
            (Some(_) | None, _) => Err(NotFilled::Standing),
        }
    }
}

impl Filled {
    /// The text of a field, where it stands in the ledger.
    #[must_use]
    pub fn text(&self, key: &str) -> Option<&str> {
        match self.fields.get(key)? {
            FieldValue::Clear(text) => Some(text),
            FieldValue::Withheld(_) => None,
        }
    }

    /// The instant of a field.
    #[must_use]
    pub fn moment(&self, key: &str) -> Option<Timestamp> {
        self.text(key)?.parse().ok()
    }

    /// The number of a field.
    #[must_use]
    pub fn count(&self, key: &str) -> Option<u32> {
        self.text(key)?.parse().ok()
    }
}

/// Whether fields are those of this part of the form: none missing, none unknown, none too long.
///
/// # Errors
/// The first [`NotFilled`].
pub fn check_fields(
    form: Form,
    part: form::Part,
    fields: &BTreeMap<String, FieldValue>,
) -> Result<(), NotFilled> {
    let own =
        || form.row().fields.iter().filter(|field| field.part == part && field.kind != form::Kind::Auto);
    for field in own().filter(|field| field.need == form::Ask::Must) {
        if !fields.contains_key(field.key) {
            return Err(NotFilled::Missing(field.key));
        }
    }
    for (key, value) in fields {
        let field = own().find(|field| field.key == key).ok_or_else(|| NotFilled::Unknown(key.clone()))?;
        let FieldValue::Clear(text) = value else { continue };
        check_text(text)?;
        check_kind(field, text)?;
    }
    Ok(())
}

/// Choices, numbers and instants are what judges read: they are checked here once.
fn check_kind(field: &form::Field, text: &str) -> Result<(), NotFilled> {
    let right = match field.kind {
        form::Kind::Choice(choices) => choices.iter().any(|(word, _, _)| *word == text),
        form::Kind::Count => text.parse::<u32>().is_ok(),
        form::Kind::Moment => text.parse::<Timestamp>().is_ok(),
        form::Kind::Line => !text.contains('\n'),
        form::Kind::Text | form::Kind::People => true,
        form::Kind::Auto => false,
    };
    if right { Ok(()) } else { Err(NotFilled::Choice(field.key)) }
}

fn check_text(text: &str) -> Result<(), NotFilled> {
    let control = |c: char| c.is_control() && c != '\n';
    let right =
        !text.trim().is_empty() && text.chars().count() <= LONGEST_FIELD && !text.chars().any(control);
    if right { Ok(()) } else { Err(NotFilled::Text) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::{Scope, Window};

    #[test]
    fn a_release_that_was_tested_is_named_with_its_digest() {
        let value = |kind| match kind {
            form::Kind::Choice(choices) => choices.first().unwrap().0,
            form::Kind::Count => "1",
            _ => "x",
        };
        let must = Form::F14
            .row()
            .fields
            .iter()
            .filter(|it| it.part == form::Part::Ask && it.need == form::Ask::Must);
        let fields: BTreeMap<_, _> =
            must.map(|it| (it.key.to_owned(), FieldValue::Clear(value(it.kind).to_owned()))).collect();
        let with = |digest| Filled {
            form: Form::F14,
            title: "試験の結果".to_owned(),
            scope: Scope {
                systems: ["main".parse().unwrap()].into(),
                things: [Thing { object: Object::Release, name: "portal".to_owned(), digest }].into(),
                ..Scope::default()
            },
            window: Some(Window { from: Timestamp::UNIX_EPOCH, to: Timestamp::MAX, reserve_min: 0 }),
            limit: None,
            standing: None,
            fields: fields.clone(),
            attachments: Vec::new(),
            links: [].into(),
            about: None,
        };
        assert_eq!(with(Some("ab".repeat(32).try_into().unwrap())).check(), Ok(()));
        assert_eq!(with(None).check(), Err(NotFilled::Digest));
    }
}
