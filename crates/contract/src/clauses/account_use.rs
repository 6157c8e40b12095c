//! Who uses an account, as far as the host tells (11.a): when somebody last came in with it, and whether the keys of
//! several people open it.

use crate::case::HostCase;
use crate::evidence::host::Complete;
use crate::fact::host::Account;
use crate::id::EntryNumber;
use jiff::{SignedDuration, Timestamp};
use std::collections::{BTreeMap, BTreeSet};

/// How long an account was not used.
pub(super) enum Rest {
    /// Not too long, as far as is known.
    Short,
    /// Too long. When it was used last; none: never since it was first seen.
    Long(Option<Timestamp>),
    /// Nothing tells of log-ons.
    NotWatched,
    /// Lines of the log are missing within that time.
    Gap,
    /// A role of a data base that was not seen in use, which nothing remembers.
    NotSeen,
}

/// How long an account of these was not used, measured by a limit. Where no use is known it counts from when the account
/// was first seen, and never from before anything told of log-ons.
pub(super) fn rest(
    case: &HostCase<'_>,
    accounts: &Complete<'_, Account>,
    account: &Account,
    limit: SignedDuration,
) -> Rest {
    // A log-on that lies ahead would never grow old.
    let listed = account.last_login.map(|used| used.min(accounts.first.received));
    let used = listed.max(case.host.log_ons.of(&account.name).map(|(used, _)| used));
    if used.is_some_and(|used| !case.case.older_than(used, limit)) {
        return Rest::Short;
    }
    if account.database().is_some() {
        return Rest::NotSeen;
    }
    let Some(watched) = watched_since(case, accounts, limit) else { return Rest::NotWatched };
    let seen = case.host.account_first_seen.get(&account.name).map_or(watched, |first| first.received);
    let resting = used.unwrap_or_else(|| seen.max(watched));
    if !case.case.older_than(resting, limit) {
        return Rest::Short;
    }
    // A list of last log-ons has no gaps.
    let gap = case.host.log_ons.gap_until().filter(|_| watched != Timestamp::MIN);
    if gap.is_some_and(|gap| !case.case.older_than(gap, limit)) { Rest::Gap } else { Rest::Long(used) }
}

/// Since when something tells of log-ons; none: nothing does now. A list of last log-ons tells of the time before it was
/// read, too, where somebody stands in it who had come lately: one that is left over from an older system is written by nobody.
fn watched_since(
    case: &HostCase<'_>,
    accounts: &Complete<'_, Account>,
    limit: SignedDuration,
) -> Option<Timestamp> {
    let of_the_host = accounts.items.iter().filter(|account| account.database().is_none());
    let mut used = of_the_host.filter_map(|account| account.last_login);
    if used.any(|used| accounts.first.received.duration_since(used) <= limit) {
        return Some(Timestamp::MIN);
    }
    case.fresh("logins").ok()?;
    case.host.log_ons.since()
}

/// The entry that tells of the last use of an account.
pub(super) fn told_in(case: &HostCase<'_>, account: &str) -> Option<EntryNumber> {
    case.host.log_ons.of(account).map(|(_, entry)| entry)
}

/// Of accounts that belong to one person each, those that a key of another of them opens.
pub(super) fn shared_keys<'a>(persons: &[&'a Account]) -> BTreeSet<&'a str> {
    let mut opens: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for account in persons {
        for key in &account.keys {
            opens.entry(key).or_default().insert(&account.name);
        }
    }
    opens.into_values().filter(|names| names.len() > 1).flatten().collect()
}
