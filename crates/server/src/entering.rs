//! Entering a person: the sign-in name and the entry in the ledger come to be together, or neither does.

use crate::decide::Actor;
use crate::office::{ONE_TIME_LIVES, Office, OfficeError};
use crate::people::{NewPerson, PeopleError};
use jiff::Timestamp;
use yakujo_contract::act::{Act, Role};
use yakujo_contract::id::{PersonId, PostId};

/// Somebody who is entered.
pub struct Entered<'a> {
    /// Sign-in name.
    pub login: &'a str,
    /// Name.
    pub name: &'a str,
    /// Role.
    pub role: Role,
    /// Post, for an approver of the city.
    pub post: Option<PostId>,
    /// Until.
    pub until: Option<Timestamp>,
    /// Another account of the same human being.
    pub same_as: Option<PersonId>,
}

impl Office {
    /// Enters a person into ledger and database; returns the secret of the first sign-in link.
    ///
    /// # Errors
    /// When the act is refused or the login is taken.
    pub async fn enter_person(
        &self,
        actor: Option<Actor>,
        login: &str,
        name: &str,
        role: Role,
        post: Option<PostId>,
        until: Option<Timestamp>,
    ) -> Result<zeroize::Zeroizing<String>, OfficeError> {
        let entered = Entered { login, name, role, post, until, same_as: None };
        self.enter_somebody(actor, entered).await
    }

    /// The same, where it may be another account of somebody who is known.
    ///
    /// # Errors
    /// When the act is refused or the login is taken.
    pub async fn enter_somebody(
        &self,
        actor: Option<Actor>,
        entered: Entered<'_>,
    ) -> Result<zeroize::Zeroizing<String>, OfficeError> {
        let Entered { login, name, role, post, until, same_as } = entered;
        let now = self.now();
        let id: PersonId = crate::people::new_id('p')?.try_into().map_err(PeopleError::from)?;
        let person = NewPerson {
            id: id.clone(),
            login: login.to_owned(),
            name: name.to_owned(),
            role,
            post: post.as_ref().map(ToString::to_string),
            from: now,
            until,
        };
        // The sign-in name is reserved first: of two who enter it at once, one gets an entry in the ledger.
        let name = self.people.add_person(&person).await?;
        let act = Act::PersonEntered { person: id.clone(), role, post, from: now, until, name, same_as };
        if let Err(refusal) = self.decide(actor, act, None).await {
            self.people.withdraw(&id).await?;
            return Err(refusal.into());
        }
        Ok(self.people.grant_link(&id, now, ONE_TIME_LIVES).await?)
    }
}
