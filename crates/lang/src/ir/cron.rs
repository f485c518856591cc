//! The five fields of a schedule, as cron reads them: minute, hour, day of the month, month and day
//! of the week. When that is in a time zone is said by `lockstep_plan::schedule`.

use jiff::civil::Date;

/// The minutes of civil time that five fields name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cron {
    minutes: u64,
    hours: u64,
    days: u64,
    months: u64,
    weekdays: u64,
    /// Whether the day of the month is `*`, or begins so.
    every_day: bool,
    /// Whether the day of the week is `*`, or begins so.
    every_weekday: bool,
}

/// One of the five fields.
struct CronField {
    what: &'static str,
    least: u32,
    most: u32,
    names: &'static [&'static str],
}

const MONTHS: [&str; 12] = [
    "JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC",
];

const WEEKDAYS: [&str; 7] = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];

const FIELDS: [CronField; 5] = [
    CronField {
        what: "minute",
        least: 0,
        most: 59,
        names: &[],
    },
    CronField {
        what: "hour",
        least: 0,
        most: 23,
        names: &[],
    },
    CronField {
        what: "day of the month",
        least: 1,
        most: 31,
        names: &[],
    },
    CronField {
        what: "month",
        least: 1,
        most: 12,
        names: &MONTHS,
    },
    CronField {
        what: "day of the week",
        least: 0,
        most: 7,
        names: &WEEKDAYS,
    },
];

impl Cron {
    /// The five fields of a text; or what is wrong, as a sentence without a full stop.
    pub fn parse(text: &str) -> Result<Self, String> {
        if let Some(word) = text.trim().strip_prefix('@') {
            let meant = match word.to_ascii_lowercase().as_str() {
                "yearly" | "annually" => "0 0 1 1 *",
                "monthly" => "0 0 1 * *",
                "weekly" => "0 0 * * 0",
                "daily" | "midnight" => "0 0 * * *",
                "hourly" => "0 * * * *",
                _ => return Err(format!("`@{word}` is no time: write five fields")),
            };
            return Err(format!("`@{word}` is written `{meant}`"));
        }
        let parts: Vec<&str> = text.split_whitespace().collect();
        let [minute, hour, day, month, weekday] = parts.as_slice() else {
            let count = parts.len();
            return Err(format!(
                "five fields are wanted (minute, hour, day of the month, month, day of the week), \
                 but there are {count}"
            ));
        };
        let [minutes, hours, days, months, weekdays] = &FIELDS;
        let weekdays = weekdays.read(weekday)?;
        Ok(Self {
            minutes: minutes.read(minute)?,
            hours: hours.read(hour)?,
            days: days.read(day)?,
            months: months.read(month)?,
            // 7 is Sunday, too.
            weekdays: weekdays & 0x7f | weekdays >> 7 & 1,
            every_day: day.starts_with('*'),
            every_weekday: weekday.starts_with('*'),
        })
    }

    /// Whether a day is among those that are named. Where both the day of the month and that of the
    /// week are restricted, one of them is enough.
    pub fn has_day(&self, date: Date) -> bool {
        let day = has(self.days, u32::from(date.day().unsigned_abs()));
        let weekday = date.weekday().to_sunday_zero_offset();
        let weekday = has(self.weekdays, u32::from(weekday.unsigned_abs()));
        let fits = match self.every_day || self.every_weekday {
            true => day && weekday,
            false => day || weekday,
        };
        fits && has(self.months, u32::from(date.month().unsigned_abs()))
    }

    /// The hours and minutes of each such day, in order.
    pub fn times(&self) -> impl DoubleEndedIterator<Item = (i8, i8)> {
        let hours = (0..24i8).filter(|hour| has(self.hours, u32::from(hour.unsigned_abs())));
        hours.flat_map(|hour| {
            let minutes = 0..60i8;
            minutes
                .filter(|minute| has(self.minutes, u32::from(minute.unsigned_abs())))
                .map(move |minute| (hour, minute))
        })
    }

    /// Whether there is such a day at all: there is no 30 February.
    pub fn comes(&self) -> bool {
        const LONGEST: [u32; 12] = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
        let either = !self.every_day && !self.every_weekday;
        let exists = |month: u32, longest: u32| {
            has(self.months, month) && (1..=longest).any(|day| has(self.days, day))
        };
        either
            || (1..)
                .zip(LONGEST)
                .any(|(month, longest)| exists(month, longest))
    }
}

fn has(set: u64, number: u32) -> bool {
    set >> number & 1 == 1
}

impl CronField {
    /// The numbers of a field, as bits: a list of numbers, ranges and steps.
    fn read(&self, text: &str) -> Result<u64, String> {
        let mut set = 0;
        for part in text.split(',') {
            let (range, step) = match part.split_once('/') {
                Some((range, step)) => (range, Some(self.step(step, part)?)),
                None => (part, None),
            };
            let (first, last) = match (range, range.split_once('-')) {
                ("*", _) => (self.least, self.most),
                (_, Some((first, last))) => (self.number(first)?, self.last(last)?),
                (one, None) => {
                    let number = self.number(one)?;
                    if let Some(step) = step {
                        let most = if self.most == 7 { 6 } else { self.most };
                        return Err(format!(
                            "in the {}, `{part}` has a step without a range: write \
                             `{number}-{most}/{step}`",
                            self.what
                        ));
                    }
                    (number, number)
                }
            };
            if first > last {
                return Err(format!(
                    "in the {}, the range `{range}` ends before it begins",
                    self.what
                ));
            }
            let step = usize::try_from(step.unwrap_or(1)).unwrap_or(usize::MAX);
            // What `*` says of 7 it has said of 0.
            let all = (first..=last).filter(|number| range != "*" || *number < 7 || self.most != 7);
            for number in all.step_by(step) {
                set |= 1 << number;
            }
        }
        Ok(set)
    }

    fn step(&self, text: &str, part: &str) -> Result<u32, String> {
        match digits(text) {
            Some(step) if step > 0 => Ok(step),
            _ => Err(format!(
                "in the {}, the step of `{part}` is no number above 0",
                self.what
            )),
        }
    }

    /// The end of a range, where Sunday comes behind Saturday.
    fn last(&self, text: &str) -> Result<u32, String> {
        let number = self.number(text)?;
        Ok(match (self.most, number) {
            (7, 0) if digits(text).is_none() => 7,
            _ => number,
        })
    }

    fn number(&self, text: &str) -> Result<u32, String> {
        let (what, least, most) = (self.what, self.least, self.most);
        let named = self
            .names
            .iter()
            .position(|name| name.eq_ignore_ascii_case(text));
        if let Some(at) = named.and_then(|at| u32::try_from(at).ok()) {
            // Months begin with 1.
            return Ok(at + least);
        }
        match digits(text) {
            Some(number) if (least..=most).contains(&number) => Ok(number),
            Some(number) => Err(format!("the {what} is {least} to {most}, not {number}")),
            None if text.is_empty() => Err(format!("in the {what}, a number is missing")),
            None => {
                let names = match self.names {
                    [first, .., last] => format!(" or a name from `{first}` to `{last}`"),
                    _ => String::new(),
                };
                Err(format!(
                    "`{text}` is no {what}: it is {least} to {most}{names}"
                ))
            }
        }
    }
}

/// A number without a sign.
fn digits(text: &str) -> Option<u32> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| plain)
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    fn days_of(cron: &str) -> Vec<Date> {
        let cron = Cron::parse(cron).expect("a schedule");
        let days = (0..366).filter_map(|at| {
            let day = date(2024, 1, 1).checked_add(jiff::Span::new().days(at));
            day.ok().filter(|day| cron.has_day(*day))
        });
        days.collect()
    }

    fn times_of(cron: &str) -> Vec<(i8, i8)> {
        Cron::parse(cron).expect("a schedule").times().collect()
    }

    #[test]
    fn lists_ranges_and_steps() {
        assert_eq!(times_of("30 3 * * *"), [(3, 30)]);
        assert_eq!(
            times_of("0,30 9-10 * * *"),
            [(9, 0), (9, 30), (10, 0), (10, 30)]
        );
        assert_eq!(times_of("*/20 0 * * *"), [(0, 0), (0, 20), (0, 40)]);
        assert_eq!(times_of("10-50/20 0 * * *"), [(0, 10), (0, 30), (0, 50)]);
        assert_eq!(times_of("* * * * *").len(), 24 * 60);
    }

    #[test]
    fn sunday_is_0_and_7_and_behind_saturday() {
        let sundays = days_of("0 0 * * 0");
        assert_eq!(sundays.len(), 52);
        assert_eq!(sundays.first(), Some(&date(2024, 1, 7)));
        assert_eq!(days_of("0 0 * * 7"), sundays);
        assert_eq!(days_of("0 0 * * sun"), sundays);
        assert_eq!(days_of("0 0 * * FRI-SUN"), days_of("0 0 * * 0,5,6"));
        assert_eq!(days_of("0 0 * * 5-7"), days_of("0 0 * * 0,5,6"));
        assert_eq!(days_of("0 0 * * */2"), days_of("0 0 * * 0,2,4,6"));
        assert_eq!(days_of("0 0 * JAN-MAR *").len(), 91);
    }

    #[test]
    fn one_of_two_restricted_days_is_enough() {
        // Friday, or the 13th.
        let both = days_of("0 0 13 9 5");
        let expected = [6, 13, 20, 27].map(|day| date(2024, 9, day));
        assert_eq!(both, expected);
        let both = days_of("0 0 14 9 5");
        assert_eq!(both.len(), 5);
        // A field that begins with `*` restricts, and the other one, too.
        assert_eq!(
            days_of("0 0 */2 9 5"),
            [13, 27].map(|day| date(2024, 9, day))
        );
    }

    #[test]
    fn what_never_comes() {
        for (cron, comes) in [
            ("0 0 30 2 *", false),
            ("0 0 31 4,6,9,11 *", false),
            ("0 0 30 2 */2", false),
            ("0 0 29 2 *", true),
            ("0 0 31 4,5 *", true),
            ("0 0 30 2 1", true),
        ] {
            assert_eq!(
                Cron::parse(cron).map(|cron| cron.comes()),
                Ok(comes),
                "{cron}"
            );
        }
    }

    #[test]
    fn mistakes_say_which_field_is_wrong() {
        let mistakes = [
            "0 3 * *",
            "0 0 3 * * 1",
            "",
            "60 * * * *",
            "0 24 * * *",
            "0 0 0 * *",
            "0 0 * 13 *",
            "0 0 * * 8",
            "0 0 * * MO",
            "0 0 * * 5-1",
            "*/0 * * * *",
            "5/10 * * * *",
            "0 0 * * 1,",
            "0 -1 * * *",
            "+5 * * * *",
            "@daily",
            "@reboot",
        ];
        let said = mistakes.map(|cron| {
            let error = Cron::parse(cron).expect_err(cron);
            format!("{cron:?}: {error}")
        });
        insta::assert_snapshot!(said.join("\n"));
    }
}
