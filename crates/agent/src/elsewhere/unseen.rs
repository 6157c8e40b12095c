//! Protection against malware that this agent neither is nor asks: unknown, unless the product writes what it sees into a file.

use crate::malware::{Look, Memory, Product};
use crate::reading::Sources;
use jiff::Timestamp;
use std::collections::BTreeSet;
use yakujo_contract::fact::malware::{AvEngine, DaemonState, RealTime};

/// What is told of it.
const REASON: &str = "what protects this system is not seen: name the file with the results of its product in `import` of `[malware]`";

/// Whatever protects the host.
#[derive(Debug)]
struct Unseen(Memory);

/// The product this agent itself works with: none.
pub(crate) fn own(_: &Sources, memory: Memory, _: &BTreeSet<String>) -> Box<dyn Product> {
    Box::new(Unseen(memory))
}

impl Product for Unseen {
    fn look(&mut self, _: Timestamp) -> Look {
        let engine = AvEngine {
            product: "unknown".to_owned(),
            engine_version: String::new(),
            definition_version: None,
            definition_time: None,
            databases: Vec::new(),
            daemon: DaemonState::Unreadable,
            real_time: RealTime::Unreadable,
            exclusions: Vec::new(),
            not_protection: Vec::new(),
            reason: REASON.to_owned(),
        };
        Look { engine: Some(engine), facts: Vec::new(), reason: REASON.to_owned() }
    }

    fn memory(&self) -> Memory {
        self.0.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_protection_that_nobody_names_is_unknown_and_neither_there_nor_absent() {
        let mut product = own(&Sources::of_this_host(), Memory::default(), &BTreeSet::new());
        let look = product.look(Timestamp::UNIX_EPOCH);
        let engine = look.engine.unwrap();
        assert_eq!((engine.daemon, engine.real_time), (DaemonState::Unreadable, RealTime::Unreadable));
        assert!(!engine.reason.is_empty() && !look.reason.is_empty());
        assert_eq!(product.memory(), Memory::default());
    }
}
