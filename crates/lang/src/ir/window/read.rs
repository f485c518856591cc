//! Reads the texts of a window: opening times, exceptions, and names of time zones.

use std::ops::Range;

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::TimeZoneDatabase;

use super::{ClosedTime, DAY, OpenTimes, wall_seconds};
use lockstep_base::diagnostic::suggest;

/// The days as they are written, from Monday on.
const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

/// What is wrong with a text, and which bytes of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Misread {
    /// The bytes.
    pub at: Range<usize>,
    /// What is wrong, as a message.
    pub message: String,
    /// What to do.
    pub help: Option<String>,
}

impl Misread {
    fn new(at: Range<usize>, message: String, help: impl Into<Option<String>>) -> Self {
        let help = help.into();
        Self { at, message, help }
    }
}

/// Reads `mon-fri 09:00-16:00`: days, times, or both.
///
/// # Errors
///
/// What cannot be read.
pub fn read_open(text: &str) -> Result<Vec<OpenTimes>, Misread> {
    let words = words(text);
    let (days, times) = match words.as_slice() {
        [] => {
            let message = String::from("an opening time is empty");
            return Err(Misread::new(0..text.len(), message, open_form()));
        }
        [only] if is_time_like(&text[only.clone()]) => (None, Some(only.clone())),
        [days] => (Some(days.clone()), None),
        [days, times] => (Some(days.clone()), Some(times.clone())),
        [_, _, third, ..] => {
            let message = format!(
                "nothing is expected behind the times: `{}`",
                &text[third.start..]
            );
            return Err(Misread::new(third.start..text.len(), message, open_form()));
        }
    };
    let days = days.map_or(Ok(0x7F), |at| read_days(text, at))?;
    let Some(times) = times else {
        return Ok(vec![OpenTimes {
            days,
            from: 0,
            to: DAY,
        }]);
    };
    let mut found = Vec::new();
    for part in split(text, times, ',') {
        let (from, to) = read_times(text, part)?;
        found.push(OpenTimes { days, from, to });
    }
    Ok(found)
}

fn open_form() -> String {
    String::from("write days and times: `mon-fri 09:00-16:00`, `sat,sun`, `daily 22:00-02:00`")
}

fn is_time_like(word: &str) -> bool {
    word.contains(':') || word.starts_with(|first: char| first.is_ascii_digit())
}

fn read_days(text: &str, at: Range<usize>) -> Result<u8, Misread> {
    if matches!(&text[at.clone()], "*" | "daily") {
        return Ok(0x7F);
    }
    let mut days = 0;
    for part in split(text, at, ',') {
        let ends: Vec<Range<usize>> = split(text, part.clone(), '-').collect();
        match ends.as_slice() {
            [only] => days |= 1 << read_day(text, only.clone())?,
            [first, last] => {
                let last = read_day(text, last.clone())?;
                let mut day = read_day(text, first.clone())?;
                days |= 1 << day;
                while day != last {
                    day = (day + 1) % 7;
                    days |= 1 << day;
                }
            }
            _ => {
                let message = format!("`{}` is no range of days", &text[part.clone()]);
                return Err(Misread::new(part, message, open_form()));
            }
        }
    }
    Ok(days)
}

fn read_day(text: &str, at: Range<usize>) -> Result<usize, Misread> {
    let word = &text[at.clone()];
    if let Some(day) = DAYS.iter().position(|day| *day == word) {
        return Ok(day);
    }
    let message = format!("there is no day `{word}`");
    let folded = word.to_lowercase();
    let starts = DAYS.iter().find(|day| folded.starts_with(**day));
    let help = match starts {
        Some(day) => format!("did you mean `{day}`?"),
        None => suggest::did_you_mean(word, DAYS.iter().copied().chain(["daily"]))
            .unwrap_or_else(|| format!("the days are {}", DAYS.join(", "))),
    };
    Err(Misread::new(at, message, help))
}

/// `09:00-16:00`, in minutes of the day.
fn read_times(text: &str, at: Range<usize>) -> Result<(u32, u32), Misread> {
    let ends: Vec<Range<usize>> = split(text, at.clone(), '-').collect();
    let [from, to] = ends.as_slice() else {
        let message = format!("`{}` does not say from when to when", &text[at.clone()]);
        return Err(Misread::new(at, message, open_form()));
    };
    let from = read_minute(text, from.clone(), false)?;
    let end = read_minute(text, to.clone(), true)?;
    if from == end {
        let message = String::from("a window that closes when it opens is never open");
        let help = String::from("for the whole day write the days alone, or `00:00-24:00`");
        return Err(Misread::new(at, message, help));
    }
    Ok((from, end))
}

fn read_minute(text: &str, at: Range<usize>, is_end: bool) -> Result<u32, Misread> {
    let word = &text[at.clone()];
    let found = word.split_once(':').and_then(|(hour, minute)| {
        let digits = |part: &str, most| {
            let plain = (1..=most).contains(&part.len());
            let plain = plain && part.bytes().all(|it| it.is_ascii_digit());
            plain.then(|| part.parse::<u32>().ok()).flatten()
        };
        let hour = digits(hour, 2)?;
        let minute = digits(minute, 2).filter(|it| minute.len() == 2 && *it < 60)?;
        let all = hour * 60 + minute;
        (all < DAY || is_end && all == DAY).then_some(all)
    });
    let help = "times are from `00:00` to `23:59`; a window may close at `24:00`";
    found.ok_or_else(|| {
        Misread::new(
            at,
            format!("`{word}` is no time of day"),
            String::from(help),
        )
    })
}

/// Reads `2026-12-20 .. 2027-01-06`: a day, or two days or times.
///
/// # Errors
///
/// What cannot be read.
pub fn read_except(text: &str) -> Result<ClosedTime, Misread> {
    let whole = trimmed(text, 0..text.len());
    let found = match text.find("..") {
        None => {
            let (from, to) = read_end(text, whole.clone())?;
            let Some(to) = to else {
                let message = String::from("an exception that begins must end");
                let help = format!("write `{0} .. {0}`, with its end", &text[whole.clone()]);
                return Err(Misread::new(whole, message, help));
            };
            ClosedTime { from, to }
        }
        Some(dots) => {
            let (from, _) = read_end(text, trimmed(text, 0..dots))?;
            let (to, behind) = read_end(text, trimmed(text, dots + 2..text.len()))?;
            let to = behind.unwrap_or(to);
            ClosedTime { from, to }
        }
    };
    if found.to <= found.from {
        let message = String::from("an exception ends before it begins");
        return Err(Misread::new(whole, message, String::from("swap the two")));
    }
    Ok(found)
}

/// A day or a time; for a day also when it is over.
fn read_end(text: &str, at: Range<usize>) -> Result<(i64, Option<i64>), Misread> {
    let word = &text[at.clone()];
    if let Ok(date) = word.parse::<Date>()
        && word.len() == "2026-12-20".len()
    {
        let from = wall_seconds(date.to_datetime(Time::midnight()));
        return Ok((from, Some(from + 24 * 60 * 60)));
    }
    let form = word.len() == "2026-12-20 18:00".len();
    if let Ok(time) = DateTime::strptime("%Y-%m-%d %H:%M", word)
        && form
    {
        return Ok((wall_seconds(time), None));
    }
    let message = match word.is_empty() {
        true => String::from("an exception is a day, or from one time to another"),
        false => format!("there is no day `{word}`"),
    };
    let help =
        "write `2026-12-24`, `2026-12-20 .. 2027-01-06` or `2026-12-20 18:00 .. 2027-01-02 06:00`";
    Err(Misread::new(at, message, String::from(help)))
}

/// The names of time zones that are like a name that is none.
pub fn similar_zones(name: &str) -> Option<String> {
    let known: Vec<String> = TimeZoneDatabase::bundled()
        .available()
        .map(|zone| zone.as_str().to_owned())
        .collect();
    let close = suggest::did_you_mean(name, known.iter().map(String::as_str));
    close.or_else(|| {
        // `Berlin`, which is a part of one.
        let folded = name.to_lowercase().replace(' ', "_");
        let of = known.iter().find(|zone| {
            let city = zone.rsplit('/').next().unwrap_or_default();
            city.eq_ignore_ascii_case(&folded)
        });
        of.map(|zone| format!("did you mean `{zone}`?"))
    })
}

/// The words of a text.
fn words(text: &str) -> Vec<Range<usize>> {
    let mut found: Vec<Range<usize>> = Vec::new();
    for (at, letter) in text.char_indices() {
        let end = at + letter.len_utf8();
        match found.last_mut() {
            _ if letter.is_whitespace() => {}
            Some(last) if last.end == at => last.end = end,
            _ => found.push(at..end),
        }
    }
    found
}

fn split(text: &str, at: Range<usize>, sign: char) -> impl Iterator<Item = Range<usize>> {
    let start = at.start;
    let parts = text[at].split(sign).scan(start, move |next, part| {
        let from = *next;
        *next += part.len() + sign.len_utf8();
        Some(from..from + part.len())
    });
    parts.collect::<Vec<_>>().into_iter()
}

fn trimmed(text: &str, at: Range<usize>) -> Range<usize> {
    let part = &text[at.clone()];
    let start = at.start + (part.len() - part.trim_start().len());
    start..start + part.trim().len()
}
