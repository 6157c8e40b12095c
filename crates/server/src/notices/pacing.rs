//! When a notice goes out: what is urgent at any hour, the rest as each recipient chose. Nights, weekends and holidays
//! are quiet; what is made in them is gathered and goes out together when the city opens.

use super::plan::Urgency;
use jiff::Timestamp;
use yakujo_contract::calendar::{Calendar, japan};

/// How often somebody wants notices sent. What is urgent is sent at once, whatever was chosen, but to those who want none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// At once, day and night.
    AtOnce,
    /// At once while the city is open; what is made at other times together at its opening.
    Hours,
    /// Together, when the city opens.
    Digest,
    /// Never.
    None,
}

impl Pace {
    /// All, in the order pages list them.
    pub const ALL: [Self; 4] = [Self::Digest, Self::Hours, Self::AtOnce, Self::None];

    /// The word in the database and in forms.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::AtOnce => "at_once",
            Self::Hours => "hours",
            Self::Digest => "digest",
            Self::None => "none",
        }
    }

    /// The pace of a word.
    #[must_use]
    pub fn of(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|pace| pace.word() == word)
    }
}

/// The instants that decide what may go out now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pacing {
    /// The last opening of the city that has come.
    pub morning: Option<Timestamp>,
    /// The same, where the city is open now.
    pub opened: Option<Timestamp>,
}

impl Pacing {
    /// As it is at this instant.
    #[must_use]
    pub fn at(calendar: &Calendar, now: Timestamp) -> Self {
        let morning = last_opening(calendar, now);
        let local = now.to_zoned(japan());
        let is_open = calendar.is_open_day(local.date())
            && calendar.open <= local.time()
            && local.time() < calendar.close;
        Self { morning, opened: morning.filter(|_| is_open) }
    }

    /// Whether a notice that may go out goes together with the others.
    #[must_use]
    pub fn gathers(&self, pace: Pace, urgency: Urgency, made: Timestamp) -> bool {
        let plain = urgency == Urgency::Plain;
        match pace {
            Pace::AtOnce | Pace::None => false,
            Pace::Hours => plain && self.opened.is_some_and(|opened| made < opened),
            Pace::Digest => plain,
        }
    }
}

/// The opening of the last open day that has come.
fn last_opening(calendar: &Calendar, now: Timestamp) -> Option<Timestamp> {
    let mut day = now.to_zoned(japan()).date();
    for _ in 0..31 {
        let opening = day.to_datetime(calendar.open).to_zoned(japan()).ok()?.timestamp();
        if opening <= now && calendar.is_open_day(day) {
            return Some(opening);
        }
        day = day.yesterday().ok()?;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn the_morning_is_the_opening_of_an_open_day_and_nights_and_holidays_are_quiet() {
        let calendar = &yakujo_contract::terms::Terms::standard().calendar;
        // A Tuesday before and after 8:30 JST; the Monday before was 勤労感謝の日, the evening ends at 17:15.
        let (tuesday, thursday) = (at("2026-11-23T23:30:00Z"), at("2026-11-19T23:30:00Z"));
        for (now, morning, is_open) in [
            ("2026-11-23T23:30:00Z", tuesday, true),
            ("2026-11-23T23:29:59Z", thursday, false),
            ("2026-11-24T08:14:59Z", tuesday, true),
            ("2026-11-24T08:15:00Z", tuesday, false),
            ("2026-11-24T18:00:00Z", tuesday, false),
            ("2026-11-21T03:00:00Z", thursday, false),
        ] {
            let pacing = Pacing::at(calendar, at(now));
            assert_eq!(pacing.morning, Some(morning), "{now}");
            assert_eq!(pacing.opened, Some(morning).filter(|_| is_open), "{now}");
        }
    }

    #[test]
    fn what_is_urgent_is_never_gathered_and_what_is_made_in_the_open_hours_goes_alone() {
        let opened = at("2026-11-23T23:30:00Z");
        let pacing = Pacing { morning: Some(opened), opened: Some(opened) };
        let (night, day) = (at("2026-11-23T18:00:00Z"), at("2026-11-24T01:00:00Z"));
        for pace in Pace::ALL {
            assert!(!pacing.gathers(pace, Urgency::Urgent, night), "{pace:?}");
        }
        assert!(pacing.gathers(Pace::Hours, Urgency::Plain, night));
        assert!(!pacing.gathers(Pace::Hours, Urgency::Plain, day));
        assert!(pacing.gathers(Pace::Digest, Urgency::Plain, day));
        assert!(!pacing.gathers(Pace::AtOnce, Urgency::Plain, night));
    }
}
