//! Deployment windows: when may be deployed. The arithmetic of opening times, exceptions and time
//! zones is here, and nowhere else. Must not ask what time it is.
//!
//! A moment is in a window if the clock on the wall of its zone shows a time that is in one of the
//! opening times and in no exception. So an hour that a zone skips is never open, and one that it
//! repeats is open twice.

mod read;
mod state;
#[cfg(test)]
mod tests;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use lockstep_base::source::{Name, Span};
pub use read::{Misread, read_except, read_open, similar_zones};
pub use state::WindowState;

/// Minutes of a day.
const DAY: u32 = 24 * 60;
/// Minutes of a week.
const WEEK: usize = 7 * DAY as usize;
/// Seconds of a day.
const DAY_SECONDS: i64 = 24 * 60 * 60;
/// Behind the last exception it is looked so far ahead: what does not come in a year never comes.
const HORIZON: i64 = 370 * DAY_SECONDS;
/// So often it is looked for a time that suits several windows.
const MAX_ROUNDS: usize = 1_000;

/// A window of the program, by its place in the program's table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct WindowId(pub u32);

/// When may be deployed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    /// Its name.
    pub name: Name,
    /// Its documentation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub doc: Option<Name>,
    /// Where its name stands.
    pub span: Span,
    /// When it is open.
    pub open: Vec<OpenTimes>,
    /// When it is closed all the same.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub except: Vec<ClosedTime>,
    /// The time zone, by its name in the IANA database.
    pub zone: Name,
    /// What becomes of what comes while it is closed.
    pub outside: OutsideWindow,
}

/// Times of a week at which a window opens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenTimes {
    /// The days: bit 0 is Monday.
    pub days: u8,
    /// From this minute of the day on.
    pub from: u32,
    /// Up to this one, which is not in it; where it is not later, that of the next day.
    pub to: u32,
}

/// A time at which a window is closed: seconds on the clock of its zone, counted from 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClosedTime {
    /// From here on.
    pub from: i64,
    /// Up to here, which is not in it.
    pub to: i64,
}

/// What becomes of what comes while a window is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OutsideWindow {
    /// It waits until the window opens.
    #[default]
    Wait,
    /// It fails.
    Refuse,
}

impl OutsideWindow {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Wait, Self::Refuse];

    /// The word of the language.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Wait => "wait",
            Self::Refuse => "refuse",
        }
    }
}

impl OpenTimes {
    /// How long it is open from its beginning on, in minutes.
    fn length(self) -> u32 {
        match self.to > self.from {
            true => self.to - self.from,
            false => self.to + DAY - self.from,
        }
    }

    fn has_day(self, day: i64) -> bool {
        // 1970-01-01 was a Thursday.
        self.days & (1 << (day + 3).rem_euclid(7)) != 0
    }
}

impl Window {
    /// When it closes, if it is open at a time. One that is open for more than a year never closes.
    pub fn open_until(&self, at: Timestamp) -> Option<Timestamp> {
        let zone = self.zone();
        let (start, limit) = (at.as_second(), self.horizon(at));
        let mut part = OffsetPart::at(&zone, start);
        if !self.is_open(start + part.offset) {
            return None;
        }
        let mut clock = start;
        while clock < limit {
            clock = self.step(&zone, &mut part, clock);
            if !self.is_open(clock + part.offset) {
                return Some(timestamp(clock));
            }
        }
        Some(Timestamp::MAX)
    }

    /// The first time from `at` on at which it stays open for so many milliseconds.
    pub fn next_open_for(&self, at: Timestamp, needs_ms: u64) -> Option<Timestamp> {
        let limit = self.horizon(at);
        let mut from = at;
        while from.as_second() < limit {
            let opens = self.opens_at(from)?;
            let closes = self.open_until(opens)?;
            if fits(opens, closes, needs_ms) {
                return Some(opens);
            }
            from = closes;
        }
        None
    }

    /// The first time from `at` on at which it is open.
    fn opens_at(&self, at: Timestamp) -> Option<Timestamp> {
        let zone = self.zone();
        let (mut clock, limit) = (at.as_second(), self.horizon(at));
        let mut part = OffsetPart::at(&zone, clock);
        if self.is_open(clock + part.offset) {
            return Some(at);
        }
        while clock < limit {
            clock = self.step(&zone, &mut part, clock);
            if self.is_open(clock + part.offset) {
                return Some(timestamp(clock));
            }
        }
        None
    }

    /// The next second at which it may open or close: there it does, or the clocks are set.
    fn step(&self, zone: &TimeZone, part: &mut OffsetPart, clock: i64) -> i64 {
        let next = self.next_change(clock + part.offset) - part.offset;
        let next = next.min(part.end);
        if next >= part.end {
            *part = OffsetPart::at(zone, next);
        }
        next
    }

    /// The zone; one that this program does not know any more is UTC.
    fn zone(&self) -> TimeZone {
        TimeZone::get(&self.zone).unwrap_or(TimeZone::UTC)
    }

    fn horizon(&self, at: Timestamp) -> i64 {
        let last = self.except.iter().map(|it| it.to).max();
        let last = last.unwrap_or(i64::MIN).max(at.as_second());
        last.saturating_add(HORIZON).min(Timestamp::MAX.as_second())
    }

    /// Whether it is open when the clock on the wall shows so many seconds since 1970.
    fn is_open(&self, wall: i64) -> bool {
        let (day, minute) = (
            wall.div_euclid(DAY_SECONDS),
            wall.rem_euclid(DAY_SECONDS) / 60,
        );
        let minute = u32::try_from(minute).unwrap_or(0);
        let opens = |it: &OpenTimes| {
            let today = it.has_day(day) && (it.from..it.from + it.length()).contains(&minute);
            let before = it.from + it.length();
            today || it.has_day(day - 1) && minute + DAY < before
        };
        self.open.iter().any(opens)
            && !(self.except.iter()).any(|it| (it.from..it.to).contains(&wall))
    }

    /// When the clock on the wall shows a time at which it may open or close, after this one, and
    /// does so; where it does neither within a day or two, some time before it does.
    fn next_change(&self, wall: i64) -> i64 {
        let state = self.is_open(wall);
        let day = wall.div_euclid(DAY_SECONDS);
        let mut edges: Vec<i64> = Vec::new();
        for day in day - 1..=day + 1 {
            for times in self.open.iter().filter(|it| it.has_day(day)) {
                let from = day * DAY_SECONDS + i64::from(times.from) * 60;
                edges.extend([from, from + i64::from(times.length()) * 60]);
            }
        }
        edges.extend(self.except.iter().flat_map(|it| [it.from, it.to]));
        let last = (day + 2) * DAY_SECONDS;
        edges.retain(|edge| *edge > wall && *edge < last);
        edges.sort_unstable();
        let found = edges.into_iter().find(|edge| self.is_open(*edge) != state);
        found.unwrap_or(last)
    }

    /// The minutes of a week at which it is open, whatever the exceptions say.
    pub fn week(&self) -> WindowWeek {
        let mut open = vec![false; WEEK];
        for times in &self.open {
            for day in (0..7).filter(|day| times.days & (1 << day) != 0) {
                let from = day * DAY as usize + times.from as usize;
                for minute in from..from + times.length() as usize {
                    open[minute % WEEK] = true;
                }
            }
        }
        WindowWeek(open)
    }
}

/// The minutes of a week at which may be deployed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WindowWeek(Vec<bool>);

impl WindowWeek {
    /// Those that are in the other one, too.
    #[must_use]
    pub fn and(mut self, other: &Self) -> Self {
        let both = self.0.iter_mut().zip(&other.0);
        both.for_each(|(own, other)| *own &= other);
        self
    }

    /// How long it is open at a stretch at most, in milliseconds; nothing where it always is.
    pub fn longest_ms(&self) -> Option<u64> {
        if self.0.iter().all(|open| *open) {
            return None;
        }
        let (mut longest, mut length) = (0_u64, 0_u64);
        // A stretch may go over the end of the week.
        for open in self.0.iter().chain(&self.0) {
            length = if *open { length + 1 } else { 0 };
            longest = longest.max(length);
        }
        Some(longest * 60_000)
    }
}

/// When several windows are open together.
pub fn open_until(windows: &[&Window], at: Timestamp) -> Option<Timestamp> {
    let mut until = Timestamp::MAX;
    for window in windows {
        until = until.min(window.open_until(at)?);
    }
    Some(until)
}

/// The first time from `at` on at which several windows stay open together for so many
/// milliseconds.
pub fn next_open_for(windows: &[&Window], at: Timestamp, needs_ms: u64) -> Option<Timestamp> {
    let mut from = at;
    for _ in 0..MAX_ROUNDS {
        let mut latest = from;
        for window in windows {
            latest = latest.max(window.next_open_for(from, needs_ms)?);
        }
        if latest == from {
            return Some(from);
        }
        from = latest;
    }
    None
}

/// Whether so many milliseconds fit between two times.
pub fn fits(from: Timestamp, to: Timestamp, needs_ms: u64) -> bool {
    let room = to.as_millisecond().saturating_sub(from.as_millisecond());
    to == Timestamp::MAX || u64::try_from(room).is_ok_and(|room| room >= needs_ms)
}

/// A time as people in the zone of a window read it: `Mon 2026-12-07 09:00 Europe/Berlin`.
pub fn in_zone(at: Timestamp, zone: &str) -> String {
    let known = TimeZone::get(zone).unwrap_or(TimeZone::UTC);
    let zoned = at.to_zoned(known);
    format!("{} {zone}", zoned.strftime("%a %Y-%m-%d %H:%M"))
}

/// A stretch of time in which a zone has one offset from UTC, in seconds.
struct OffsetPart {
    offset: i64,
    end: i64,
}

impl OffsetPart {
    fn at(zone: &TimeZone, second: i64) -> Self {
        let at = timestamp(second);
        let next = zone.following(at).next();
        Self {
            offset: i64::from(zone.to_offset(at).seconds()),
            end: next.map_or(i64::MAX, |next| next.timestamp().as_second()),
        }
    }
}

fn timestamp(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap_or(Timestamp::MAX)
}

/// What the clock on the wall shows, in seconds since 1970.
fn wall_seconds(shown: DateTime) -> i64 {
    let zoned = shown.to_zoned(TimeZone::UTC);
    zoned.map_or(i64::MAX, |it| it.timestamp().as_second())
}
