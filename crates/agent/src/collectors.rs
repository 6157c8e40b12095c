//! The collectors by name: what the agent of any system looks at, or says that it does not.

use jiff::Timestamp;
use yakujo_contract::fact::Fact;
use yakujo_contract::fact::host::ClockStep;

/// Name of a collector and seconds between its runs.
pub const COLLECTORS: [(&str, i64); 26] = [
    // First: what it tells of the time of a change is as narrow as its own turn is early.
    ("files", 1),
    ("boots", 15),
    ("clock", 15),
    ("listeners", 10),
    ("accounts", 15),
    // What was found is told at once; the engine itself is asked every quarter of a minute.
    ("malware", 1),
    ("capacity", 15),
    // Whether anything changed is seen by one look at a file; what is told is as narrow in time as these looks.
    ("packages", 1),
    ("certificates", 300),
    ("containers", 10),
    ("devices", 5),
    ("firewall", 30),
    ("flows", 10),
    ("identity", 600),
    ("jobs", 30),
    ("kernel", 60),
    ("logins", 15),
    ("network", 30),
    ("releases", 1),
    ("schema", 60),
    ("sessions", 600),
    ("stale", 300),
    ("support", 24 * 3600),
    ("test_data", 60),
    // Doors log what they refuse: once a day is enough.
    ("tls", 24 * 3600),
    // apt is asked once a day; what it says is taken up as soon as it does.
    ("updates", 5),
];

/// A jump of the wall clock against the monotonic one worth a fact, ms.
const STEP_MS: i64 = 500;

/// Whether a collector's outcome changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcomes {
    /// As before.
    Same,
    /// Something can be read now that could not, or the other way round.
    Changed,
}

/// A jump of the wall clock: `monotonic_ms` is a clock that never jumps, `drift_ms` how far they were apart.
pub(crate) fn step(drift_ms: &mut Option<i64>, now: Timestamp, monotonic_ms: i64) -> Option<Fact> {
    let drift = now.as_millisecond().saturating_sub(monotonic_ms);
    let before = drift_ms.replace(drift)?;
    let moved_ms = drift.saturating_sub(before);
    (moved_ms.abs() >= STEP_MS).then_some(Fact::ClockStep(ClockStep { moved_ms }))
}
