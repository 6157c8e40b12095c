//! Protection against malware that this agent neither is nor asks: unknown, unless the product writes what it sees into a file.

use crate::malware::{Look, Memory, Product};
use crate::reading::Sources;
use jiff::Timestamp;
use std::collections::BTreeSet;

/// Why nothing is told of it.
pub(crate) const REASON: &str =
    "seen on Linux only; name the file with the results of the product in `import` of `[malware]`";

/// Whatever protects the host.
#[derive(Debug)]
struct Unseen(Memory);

/// The product this agent itself works with: none.
pub(crate) fn own(_: &Sources, memory: Memory, _: &BTreeSet<String>) -> Box<dyn Product> {
    Box::new(Unseen(memory))
}

impl Product for Unseen {
    /// Neither that there is protection nor that there is none.
    fn look(&mut self, _: Timestamp) -> Look {
        Look { reason: REASON.to_owned(), ..Look::default() }
    }

    fn memory(&self) -> Memory {
        self.0.clone()
    }
}
