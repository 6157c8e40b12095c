//! Facts of places: doors and the equipment that watches them. Pictures never enter.

use crate::act::Withheld;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// `door.event` (13.a, R-08).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DoorEvent {
    /// The area.
    pub area: String,
    /// The door.
    pub door: String,
    /// The card or key, withheld: it points at a person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub badge: Option<Withheld>,
    /// What happened.
    pub event: Door,
    /// When, by the controller's clock.
    pub at: Timestamp,
}

/// What happened at a door.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Door {
    /// Somebody went in.
    Entered,
    /// Somebody went out.
    Left,
    /// Somebody was refused.
    Refused,
    /// It was forced.
    Forced,
    /// It stood open too long.
    HeldOpen,
}

/// `site.health` (14.a, R-21).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SiteHealth {
    /// The site.
    pub site: String,
    /// The piece of equipment.
    pub device: String,
    /// `camera`, `recorder` or `door`.
    pub class: String,
    /// It answered.
    pub answers: bool,
    /// Its last picture or event.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<Timestamp>,
    /// Seconds of the last day that were not recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gap_s: Option<u32>,
    /// Days its store reaches back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kept_d: Option<u32>,
    /// Its clock minus ours, ms (6.a).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clock_offset_ms: Option<i64>,
}
