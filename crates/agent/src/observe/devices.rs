//! Devices that came or went, also while the agent was away. What is there at the very first look is where comparing begins.

use crate::collect::c13_devices::{self, Device};
use crate::outbox::Note;
use crate::reading::{Reading, Sources};
use jiff::Timestamp;
use std::collections::BTreeMap;
use yakujo_contract::fact::Fact;
use yakujo_contract::fact::host::{DevicePlugged, Presence};

/// Under this key the outbox keeps what outlives a run.
pub const DEVICES_KEY: &str = "devices";

/// What was plugged in.
#[derive(Debug, Default)]
pub struct Devices {
    known: Option<BTreeMap<String, Device>>,
    is_noted: bool,
}

impl Devices {
    /// What an earlier run knew.
    #[must_use]
    pub fn from(kept: Option<&str>) -> Self {
        Self { known: kept.and_then(|text| serde_json::from_str(text).ok()), is_noted: true }
    }

    /// What the next run should know, since this was last asked.
    pub fn notes(&mut self) -> Vec<Note> {
        if std::mem::replace(&mut self.is_noted, true) {
            return Vec::new();
        }
        vec![(DEVICES_KEY.to_owned(), serde_json::to_string(&self.known).ok())]
    }

    /// Compares what is there with what was.
    pub fn look(&mut self, sources: &Sources, now: Timestamp) -> Reading {
        let Some(there) = c13_devices::devices(sources) else {
            return Reading::failed("/sys cannot be read, so devices are not seen");
        };
        let mut facts = Vec::new();
        if let Some(known) = &self.known {
            let gone = known.iter().filter(|(key, _)| !there.contains_key(*key));
            facts.extend(gone.map(|(_, device)| plugged(device, Presence::Went, now)));
            let new = there.iter().filter(|(key, _)| !known.contains_key(*key));
            facts.extend(new.map(|(_, device)| plugged(device, Presence::Appeared, now)));
        }
        self.is_noted &= self.known.as_ref() == Some(&there);
        self.known = Some(there);
        Reading::of(facts, String::new())
    }
}

fn plugged(device: &Device, change: Presence, at: Timestamp) -> Fact {
    let Device { class, product, serial, bytes } = device.clone();
    Fact::DevicePlugged(DevicePlugged { class, product, serial, bytes, change, at })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_medium_that_comes_or_goes_is_told_once_also_after_a_restart() {
        let tree = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(tree.path().join("sys/block")).unwrap();
        let disk = tree.path().join("sys/block/sdb");
        let sources = Sources::under(tree.path());
        let now = Timestamp::from_second(1_795_000_000).unwrap();
        let mut devices = Devices::default();
        assert!(devices.look(&sources, now).facts.is_empty(), "the first look is where comparing begins");
        std::fs::create_dir_all(disk.join("device")).unwrap();
        std::fs::write(disk.join("size"), "2000\n").unwrap();
        let facts = devices.look(&sources, now).facts;
        assert!(matches!(&facts[..], [Fact::DevicePlugged(told)] if told.change == Presence::Appeared));
        assert!(devices.look(&sources, now).facts.is_empty());
        let notes = devices.notes();
        assert!(devices.notes().is_empty());
        std::fs::remove_dir_all(&disk).unwrap();
        let mut later = Devices::from(notes.first().and_then(|(_, text)| text.as_deref()));
        let facts = later.look(&sources, now).facts;
        assert!(
            matches!(&facts[..], [Fact::DevicePlugged(told)]
            if told.change == Presence::Went && told.bytes == Some(1_024_000)),
            "{facts:?}"
        );
    }
}
