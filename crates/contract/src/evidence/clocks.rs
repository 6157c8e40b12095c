//! How far the clock of a host could be believed when it said something: an act is placed within or outside a window by
//! that clock, and whoever can act can often set it.

use super::latest::Stamp;
use jiff::SignedDuration;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::ops::Bound;

/// A clock that is called good is within this (P-18); none is known better.
const AT_BEST: SignedDuration = SignedDuration::from_millis(500);
/// A clock nobody measured may be off by the most that is no breach (P-18).
const NOT_MEASURED: SignedDuration = SignedDuration::from_secs(5);
/// A clock found wrong so soon afterwards was wrong before as well.
const SOON: SignedDuration = SignedDuration::from_mins(15);
/// Marks kept.
const MOST_MARKS: usize = 2_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Mark {
    Good,
    Off(SignedDuration),
    Stepped(SignedDuration),
}

/// What the clock of a host was found to be, by the host's own numbering. Of many good readings in a row the first stands
/// for all.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Clocks {
    #[serde(with = "super::latest::pairs")]
    marks: BTreeMap<Stamp, Mark>,
}

impl Clocks {
    pub(super) fn measured(&mut self, stamp: Stamp, offset_us: Option<i64>) {
        let Some(offset) = offset_us.map(|us| SignedDuration::from_micros(us).abs()) else { return };
        if offset > AT_BEST {
            return self.put(stamp, Mark::Off(offset));
        }
        let before = self.marks.range(..stamp).next_back().map(|(_, mark)| *mark);
        if before == Some(Mark::Good) {
            return;
        }
        let after = self.marks.range(stamp..).next().map(|(stamp, mark)| (*stamp, *mark));
        if let Some((later, Mark::Good)) = after {
            self.marks.remove(&later);
        }
        self.put(stamp, Mark::Good);
    }

    pub(super) fn stepped(&mut self, stamp: Stamp, moved_ms: i64) {
        let moved = SignedDuration::from_millis(moved_ms).abs();
        if moved > AT_BEST {
            self.put(stamp, Mark::Stepped(moved));
        }
    }

    fn put(&mut self, stamp: Stamp, mark: Mark) {
        self.marks.insert(stamp, mark);
        while self.marks.len() > MOST_MARKS {
            self.marks.pop_first();
        }
    }

    /// By how much the clock was set after something was told, all steps together, and the last word of it.
    #[must_use]
    pub fn moved_after(&self, stamp: Stamp) -> Option<(SignedDuration, Stamp)> {
        let later = self.marks.range((Bound::Excluded(stamp), Bound::Unbounded));
        later.fold(None, |moved, (stamp, mark)| match mark {
            Mark::Stepped(by) => {
                let before = moved.map_or(SignedDuration::ZERO, |(before, _)| before);
                Some((by.saturating_add(before), *stamp))
            }
            Mark::Good | Mark::Off(_) => moved,
        })
    }

    /// By how much an instant that the host told may be off: twice what its clock was off.
    #[must_use]
    pub fn tolerance(&self, stamp: Stamp) -> SignedDuration {
        let mut moved = SignedDuration::ZERO;
        let mut base = NOT_MEASURED;
        for (_, mark) in self.marks.range(..=stamp).rev() {
            match mark {
                Mark::Good => base = AT_BEST,
                Mark::Off(offset) => base = *offset,
                Mark::Stepped(by) => {
                    moved = moved.saturating_add(*by);
                    continue;
                }
            }
            break;
        }
        let next = self.marks.range(stamp..).find(|(later, _)| **later > stamp);
        if let Some((later, Mark::Off(offset))) = next
            && later.received.duration_since(stamp.received) <= SOON
        {
            base = base.max(*offset);
        }
        let off = base.saturating_add(moved);
        off.saturating_add(off)
    }
}
