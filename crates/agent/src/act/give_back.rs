//! Gives an item of the quarantine back, or removes it for good, by order. The quarantine lies in the folder of the agent
//! beside the hand's own; the hand trusts its notes only where both are the same account's, so that nobody gains rights by
//! writing one.

use super::ActError;
use super::desk::Desk;
use crate::malware::clam::VAULT;
use crate::malware::vault::Vault;
use crate::watch::file::path_of;
use jiff::Timestamp;
use std::path::{Path, PathBuf};
use yakujo_contract::fact::Fact;
use yakujo_contract::fact::malware::Done;
use yakujo_contract::id::ProposalId;
use yakujo_contract::order::Order;

/// The agent's folder beside the hand's.
const AGENT: &str = "agent";

/// Where the quarantine of this host lies.
pub(super) fn vault_beside(folder: &Path) -> PathBuf {
    folder.parent().unwrap_or(folder).join(AGENT).join(VAULT)
}

/// The folders that are touched when this item goes back: the quarantine, and where the item lay.
pub(super) fn folders(folder: &Path, item: &str) -> Vec<PathBuf> {
    let path = vault_beside(folder);
    let note = Vault::open(&path).and_then(|vault| vault.note(item));
    let origin = note.ok().and_then(|note| path_of(&note.from).parent().map(Path::to_owned));
    std::iter::once(path).chain(origin).collect()
}

/// Removes it for good; what stands beside it stays. That it is gone is told by what came of the order.
///
/// # Errors
/// A sentence that says why it is still there.
pub(super) fn remove(desk: &Desk, item: &str) -> Result<(), String> {
    let vault =
        Vault::open(&vault_beside(&desk.path(""))).map_err(|error| format!("the quarantine: {error}"))?;
    vault.remove(item).map_err(|error| error.to_string())
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
    let vault = match Vault::open(&vault_beside(&desk.path(""))) {
        Ok(vault) => vault,
        Err(error) => return Ok(Err(format!("the quarantine: {error}"))),
    };
    let Ok(approval) = ProposalId::try_from(order.request.to_string()) else {
        return Ok(Err("the number of the request is no number of an approval".to_owned()));
    };
    let told = vault.give_back(item, order.order.as_str(), &approval);
    let result = if told.result == Done::Done { Ok(()) } else { Err(told.reason.clone()) };
    desk.tell(now, Fact::QuarantineRestore(told))?;
    Ok(result)
}
