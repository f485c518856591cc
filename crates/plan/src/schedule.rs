//! When a schedule fires: five fields of cron in a time zone. No clock: the time is handed in.
//!
//! Each minute that the fields name is the clock's in the zone, and counts once. One that the clock
//! skips comes right behind what it skips; of one that it shows twice, the first counts.

use jiff::civil::Date;
use jiff::tz::{AmbiguousOffset, Offset, TimeZone};
use jiff::{Span, Timestamp};

use lockstep_lang::ir::cron::Cron;
use lockstep_lang::ir::{Missed, time_zone};

/// How many days are looked at for the next time: in 400 years the calendar repeats.
const MAX_DAYS: usize = 146_097;

/// How many missed times are caught up with at most, the latest ones.
pub const MAX_MISSED: usize = 1_000;

/// How long after its time a run is not late, in seconds.
pub const ON_TIME_SECONDS: i64 = 60;

/// A schedule.
#[derive(Debug, Clone)]
pub struct Schedule {
    cron: Cron,
    zone: TimeZone,
}

impl Schedule {
    /// The schedule of five fields in the time zone of a name.
    ///
    /// # Errors
    ///
    /// What is wrong, as a sentence without a full stop. A program that has been checked has no
    /// such schedule.
    pub fn parse(cron: &str, zone: &str) -> Result<Self, String> {
        let cron = Cron::parse(cron)?;
        let zone = time_zone(zone).ok_or_else(|| format!("there is no time zone `{zone}`"))?;
        Ok(Self { cron, zone })
    }

    /// The first time after another; nothing for one that never comes.
    pub fn next_after(&self, after: Timestamp) -> Option<Timestamp> {
        let first = self.zone.to_datetime(after).date();
        let mut day = Some(first);
        for _ in 0..MAX_DAYS {
            let date = day?;
            let found = self.on(date).find(|time| *time > after);
            if found.is_some() {
                return found;
            }
            day = another(date, 1);
        }
        None
    }

    /// The times since it was last asked, with the present one, for which a run is to start now:
    /// each once, the earliest first.
    ///
    /// Late is a time that was a minute ago or more. With [`Missed::Once`] there is one run for all
    /// of them, at the time of the latest; with [`Missed::All`] one for each of the latest
    /// [`MAX_MISSED`]; with [`Missed::Skip`] none for what is late.
    pub fn due(&self, asked_last: Timestamp, now: Timestamp, missed: Missed) -> Vec<Timestamp> {
        let most = match missed {
            Missed::Once => 1,
            Missed::All | Missed::Skip => MAX_MISSED,
        };
        let late = now.as_second().saturating_sub(ON_TIME_SECONDS);
        let since = match missed {
            Missed::Skip => asked_last.max(Timestamp::from_second(late).unwrap_or(asked_last)),
            Missed::Once | Missed::All => asked_last,
        };
        self.latest(since, now, most)
    }

    /// The latest times after one and up to another, the earliest first.
    fn latest(&self, after: Timestamp, upto: Timestamp, most: usize) -> Vec<Timestamp> {
        let mut found: Vec<Timestamp> = Vec::new();
        // A clock that goes back over midnight has shown the next day already.
        let last = self.zone.to_datetime(upto).date();
        let mut day = another(last, 1).or(Some(last));
        let earliest = another(self.zone.to_datetime(after).date(), -1);
        while let Some(date) = day {
            if earliest.is_some_and(|earliest| date < earliest) {
                break;
            }
            for time in self.on(date).rev() {
                if time <= after {
                    found.reverse();
                    return found;
                }
                if time <= upto && found.last() != Some(&time) {
                    found.push(time);
                }
                if found.len() == most {
                    found.reverse();
                    return found;
                }
            }
            day = another(date, -1);
        }
        found.reverse();
        found
    }

    /// The times of a day of the calendar, none before the one before it.
    fn on(&self, date: Date) -> impl DoubleEndedIterator<Item = Timestamp> {
        let day = self.cron.has_day(date).then_some(date);
        day.into_iter().flat_map(move |date| {
            let times = self.cron.times();
            times.filter_map(move |(hour, minute)| self.at(date, hour, minute))
        })
    }

    /// When the clock shows a time: the first of two, and the end of what it skips.
    fn at(&self, date: Date, hour: i8, minute: i8) -> Option<Timestamp> {
        let shown = date.at(hour, minute, 0, 0);
        let at = |offset: Offset| offset.to_timestamp(shown).ok();
        match self.zone.to_ambiguous_timestamp(shown).offset() {
            AmbiguousOffset::Unambiguous { offset } => at(offset),
            AmbiguousOffset::Fold { before, .. } => at(before),
            AmbiguousOffset::Gap { after, .. } => {
                let mut changes = self.zone.following(at(after)?);
                let change = changes.find(|change| change.offset() == after);
                change.map(|change| change.timestamp())
            }
        }
    }
}

fn another(date: Date, days: i64) -> Option<Date> {
    date.checked_add(Span::new().days(days)).ok()
}

#[cfg(test)]
mod tests;
