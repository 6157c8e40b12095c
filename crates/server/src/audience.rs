//! Who may use a route: an argument of adding it, checked before its handler runs. Deny wins.

use yakujo_contract::act::Role;
use yakujo_contract::entry::Party;

/// Who may use a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Audience {
    /// Everybody, signed in or not. Tells nothing about a contract.
    Anyone,
    /// Every person of the contract, auditors included: reading.
    SignedIn,
    /// Both parties, auditors not: acts.
    Parties,
    /// The city's people.
    City,
    /// The city's approvers and security officers.
    CityDecides,
    /// The contractor's people.
    Contractor,
    /// Those who look after people and devices of their own party.
    Leads,
}

/// What a visitor is to the contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Caller {
    /// Not signed in.
    Nobody,
    /// Signed in, in this role.
    Person(Role),
}

impl Audience {
    /// Whether the caller belongs to it.
    #[must_use]
    pub fn admits(self, caller: Caller) -> bool {
        let Caller::Person(role) = caller else { return self == Self::Anyone };
        match self {
            Self::Anyone | Self::SignedIn => true,
            Self::Parties => role.party() != Party::Auditor,
            Self::City => role.party() == Party::City,
            Self::CityDecides => matches!(role, Role::CityApprover | Role::CitySecurity),
            Self::Contractor => role.party() == Party::Contractor,
            Self::Leads => matches!(role, Role::CityApprover | Role::CitySecurity | Role::SecurityLead),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_auditor_reads_and_never_acts() {
        let auditor = Caller::Person(Role::Auditor);
        assert!(Audience::SignedIn.admits(auditor));
        let acts =
            [Audience::Parties, Audience::City, Audience::CityDecides, Audience::Contractor, Audience::Leads];
        assert!(acts.into_iter().all(|audience| !audience.admits(auditor)));
    }

    #[test]
    fn whoever_is_not_signed_in_sees_only_what_is_for_anyone() {
        assert!(Audience::Anyone.admits(Caller::Nobody));
        assert!(!Audience::SignedIn.admits(Caller::Nobody));
        assert!(!Audience::Parties.admits(Caller::Nobody));
    }
}
