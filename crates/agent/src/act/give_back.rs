//! Gives an item of the quarantine back, or removes it for good, by order. The hand trusts the notes of a quarantine only where
//! it is its own account's ([`quarantine::places`]), so that nobody gains rights by writing one.

use super::desk::Desk;
use super::{ActError, quarantine};
use crate::malware::vault::{Place, Records, Vault};
use crate::watch::file::path_of;
use jiff::Timestamp;
use std::path::{Path, PathBuf};
use yakujo_contract::fact::Fact;
use yakujo_contract::fact::malware::Done;
use yakujo_contract::id::ProposalId;
use yakujo_contract::order::Order;

/// The agent's folder beside the hand's.
pub(super) const AGENT: &str = "agent";

/// The folders that are touched when this item goes back: the quarantine, and where the item lay.
pub(super) fn folders(folder: &Path, item: &str) -> Vec<PathBuf> {
    let mut folders = quarantine::places(folder);
    let notes = folders.iter().filter_map(|place| Records::at(place).note(item).ok());
    let origins: Vec<PathBuf> =
        notes.filter_map(|note| path_of(&note.from).parent().map(Path::to_owned)).collect();
    folders.extend(origins);
    folders
}

/// The one place of the quarantine that holds this item; the first where none does.
fn holding(desk: &Desk, item: &str) -> Result<Vault, String> {
    let mut vaults =
        quarantine::vaults(&desk.path("")).map_err(|error| format!("the quarantine: {error}"))?;
    let holds = |vault: &Vault| {
        vault.records.note(item).is_ok_and(|note| matches!(note.place, Place::Held | Place::Coming))
    };
    let mut at = vaults.iter().enumerate().filter(|(_, vault)| holds(vault)).map(|(at, _)| at);
    let (found, second) = (at.next().unwrap_or(0), at.next());
    if second.is_some() {
        return Err("two places of the quarantine hold an item of this name: ask the contractor".to_owned());
    }
    Ok(vaults.swap_remove(found))
}

/// Removes it for good; what stands beside it stays. That it is gone is told by what came of the order.
///
/// # Errors
/// A sentence that says why it is still there.
pub(super) fn remove(desk: &Desk, item: &str) -> Result<(), String> {
    holding(desk, item)?.remove(item).map_err(|error| error.to_string())
}

/// Gives it back, and tells.
///
/// # Errors
/// When the fact cannot be kept; what did not work is told, not an error.
pub(super) fn give_back(
    desk: &Desk,
    order: &Order,
    item: &str,
    now: Timestamp,
) -> Result<Result<(), String>, ActError> {
    let vault = match holding(desk, item) {
        Ok(vault) => vault,
        Err(why) => return Ok(Err(why)),
    };
    let Ok(approval) = ProposalId::try_from(order.request.to_string()) else {
        return Ok(Err("the number of the request is no number of an approval".to_owned()));
    };
    let told = vault.give_back(item, order.order.as_str(), &approval);
    let result = if told.result == Done::Done { Ok(()) } else { Err(told.reason.clone()) };
    desk.tell(now, Fact::QuarantineRestore(told))?;
    Ok(result)
}
