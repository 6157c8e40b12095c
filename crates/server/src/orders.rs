//! Orders to agents: signed with a key of this contract's own, in the ledger before they are handed out, and only what the
//! city approved or consented to. The permits of standing approvals are given by the server itself; everything else by a
//! person of the contractor, on the page of the request it rests on.

use crate::decide::{Actor, Refusal};
use crate::office::{Office, OfficeError};
use crate::settings::write_private;
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use yakujo_contract::act::Act;
use yakujo_contract::entry::SeenHead;
use yakujo_contract::id::{HostId, OrderId, RequestId};
use yakujo_contract::order::{ORDER_LIVES, Order, Work, allowed};
use yakujo_ledger::note::{Note, SigningKey};

/// The key, in the folder of its contract.
const KEY: &str = "orders.key";
/// Orders handed out at once.
const AT_ONCE: usize = 50;

/// What signs orders, and what was handed out since the start.
pub struct Orders {
    key: SigningKey,
    /// When a host last fetched an order; told on pages, never judged.
    fetched: Mutex<BTreeMap<OrderId, Timestamp>>,
}

impl Orders {
    /// Reads the key, or makes it at the first start.
    ///
    /// # Errors
    /// When it cannot be read, or others may read it.
    pub fn open(folder: &Path) -> Result<Self, OfficeError> {
        let path = folder.join(KEY);
        let failed = |error| OfficeError::File(path.clone(), error);
        if !path.exists() {
            let seed = crate::people::random::<32>()?;
            let name = format!("yakujo-orders/{}", crate::people::new_id('k')?);
            let key = SigningKey::from_seed(&name, &seed)?;
            write_private(&path, key.to_secret_text().as_bytes()).map_err(failed)?;
        }
        let mode = std::fs::metadata(&path).map_err(failed)?.permissions().mode();
        if mode & 0o077 != 0 {
            let text = "others may read the key of orders: make a new one, or chmod 0600 it";
            return Err(failed(std::io::Error::other(text)));
        }
        let text = zeroize::Zeroizing::new(std::fs::read_to_string(&path).map_err(failed)?);
        Ok(Self { key: SigningKey::parse(&text)?, fetched: Mutex::default() })
    }

    /// The public half, as agents pin it.
    #[must_use]
    pub fn public(&self) -> String {
        self.key.verifier().to_string()
    }

    /// When a host last fetched an order, as far as this run of the server knows.
    #[must_use]
    pub fn fetched(&self, order: &OrderId) -> Option<Timestamp> {
        self.fetched.lock().unwrap_or_else(PoisonError::into_inner).get(order).copied()
    }

    /// The signed note of an order.
    fn signed(&self, order: &Order) -> Option<String> {
        let mut note = Note::unsigned(&order.text().ok()?).ok()?;
        self.key.sign(&mut note).ok()?;
        Some(note.to_string())
    }
}

/// Gives an order: it is in the ledger when this returns, and goes out when its host asks next.
///
/// # Errors
/// The [`Refusal`].
pub async fn give(
    office: &Office,
    actor: Option<Actor>,
    (host, request, work): (HostId, RequestId, Work),
    seen: Option<SeenHead>,
) -> Result<OrderId, Refusal> {
    let id = crate::people::new_id('o').map_err(|error| Refusal::NotStored(error.to_string()))?;
    let order: OrderId = id.parse().map_err(|_| Refusal::Taken)?;
    let issued = office.now();
    let expires = match &work {
        Work::Permit(permit) => permit.until,
        Work::EndPermit { .. }
        | Work::Isolate { .. }
        | Work::Reconnect {}
        | Work::GiveBack { .. }
        | Work::Remove { .. }
        | Work::Restore { .. } => issued.saturating_add(ORDER_LIVES).unwrap_or(Timestamp::MAX),
    };
    let given = Order { order: order.clone(), host, request, issued, expires, work };
    office.decide(actor, Act::OrderIssued { order: Box::new(given) }, seen).await?;
    Ok(order)
}

/// What a host is handed now. Permits that it lacks, or that have to end, are given first.
///
/// # Errors
/// When the ledger does not take them.
pub async fn hand_out(office: &Office, host: &HostId) -> Result<Vec<String>, Refusal> {
    let due = allowed::due(office.court().evidence(), host, office.now());
    for (request, work) in due {
        match give(office, None, (host.clone(), request, work), None).await {
            // Another question of the same host was faster, or the approval ended in between.
            Ok(_) | Err(Refusal::Order(_)) => {}
            Err(refusal) => return Err(refusal),
        }
    }
    let now = office.now();
    let waiting: Vec<Order> = {
        let court = office.court();
        let waiting = court.evidence().orders.waiting(host, now);
        waiting.into_iter().take(AT_ONCE).map(|given| given.order.clone()).collect()
    };
    let orders = office.orders();
    let mut fetched = orders.fetched.lock().unwrap_or_else(PoisonError::into_inner);
    for order in &waiting {
        fetched.entry(order.order.clone()).or_insert(now);
    }
    // What was fetched long ago was told by its host, or has expired.
    let long_ago = now.saturating_sub(SignedDuration::from_hours(24 * 30)).unwrap_or(Timestamp::MIN);
    fetched.retain(|_, at| *at > long_ago);
    Ok(waiting.iter().filter_map(|order| orders.signed(order)).collect())
}
