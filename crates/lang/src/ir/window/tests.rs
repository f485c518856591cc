//! The arithmetic of windows against a clock that is looked at once a minute.

use super::*;
use lockstep_base::source::FileId;
use proptest::prelude::*;

fn window(open: &[&str], except: &[&str], zone: &str) -> Window {
    let open = open.iter().flat_map(|text| read_open(text).unwrap());
    Window {
        name: "w".into(),
        doc: None,
        span: Span::new(FileId(0), 0, 0),
        open: open.collect(),
        except: except.iter().map(|it| read_except(it).unwrap()).collect(),
        zone: zone.into(),
        outside: OutsideWindow::Wait,
    }
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// Whether the window is open, by what the clock on the wall shows.
fn looks_open(window: &Window, at: Timestamp) -> bool {
    let shown = at.to_zoned(TimeZone::get(&window.zone).unwrap()).datetime();
    let day = |of: DateTime| of.date().weekday().to_monday_zero_offset();
    let minute = u32::try_from(shown.hour()).unwrap() * 60 + u32::try_from(shown.minute()).unwrap();
    let yesterday = shown.date().yesterday().unwrap().to_datetime(shown.time());
    let in_times = window.open.iter().any(|times| {
        let on = |of: DateTime| times.days & (1 << day(of)) != 0;
        match times.to > times.from {
            true => on(shown) && times.from <= minute && minute < times.to,
            false => (on(shown) && minute >= times.from) || (on(yesterday) && minute < times.to),
        }
    });
    let wall = wall_seconds(shown);
    let excepted = window
        .except
        .iter()
        .any(|it| it.from <= wall && wall < it.to);
    in_times && !excepted
}

fn minutes_later(at: Timestamp, minutes: i64) -> Timestamp {
    Timestamp::from_second(at.as_second() + minutes * 60).unwrap()
}

#[test]
fn office_hours_open_and_close_as_written() {
    let office = window(&["mon-fri 09:00-16:00"], &[], "Europe/Berlin");
    let monday = at("2026-12-07T08:00:00Z");
    assert_eq!(office.open_until(monday), Some(at("2026-12-07T15:00:00Z")));
    let sunday = at("2026-12-06T12:00:00Z");
    assert_eq!(office.open_until(sunday), None);
    assert_eq!(office.next_open_for(sunday, 60_000), Some(monday));
    // Too late on Monday for what needs an hour.
    let late = at("2026-12-07T14:30:00Z");
    let hour = 60 * 60_000;
    assert_eq!(
        office.next_open_for(late, hour),
        Some(at("2026-12-08T08:00:00Z"))
    );
    assert_eq!(office.next_open_for(late, hour / 2), Some(late));
    assert_eq!(office.next_open_for(late, 8 * hour), None);
    assert_eq!(
        in_zone(monday, "Europe/Berlin"),
        "Mon 2026-12-07 09:00 Europe/Berlin"
    );
}

#[test]
fn entries_unite_and_adjoining_ones_are_one_stretch() {
    let night = window(&["fri 22:00-24:00", "sat 00:00-02:00"], &[], "UTC");
    let friday = at("2026-12-04T22:00:00Z");
    assert_eq!(night.open_until(friday), Some(at("2026-12-05T02:00:00Z")));
    assert_eq!(night.week().longest_ms(), Some(4 * 60 * 60_000));
    let over = window(&["fri 22:00-02:00"], &[], "UTC");
    assert_eq!(over.open_until(friday), Some(at("2026-12-05T02:00:00Z")));
    let sunday = window(&["sun 22:00-02:00"], &[], "UTC");
    assert_eq!(sunday.week().longest_ms(), Some(4 * 60 * 60_000));
    let always = window(&["daily"], &[], "UTC");
    assert_eq!(always.week().longest_ms(), None);
    assert_eq!(always.open_until(friday), Some(Timestamp::MAX));
}

#[test]
fn exceptions_are_inclusive_days_or_times() {
    let freeze = window(&["daily"], &["2026-12-20 .. 2027-01-06"], "UTC");
    assert_eq!(
        freeze.open_until(at("2026-12-10T00:00:00Z")),
        Some(at("2026-12-20T00:00:00Z"))
    );
    let within = at("2026-12-31T12:00:00Z");
    assert_eq!(
        freeze.next_open_for(within, 1),
        Some(at("2027-01-07T00:00:00Z"))
    );
    let times = window(&["daily"], &["2026-12-20 18:00 .. 2027-01-02 06:00"], "UTC");
    assert_eq!(
        times.next_open_for(within, 1),
        Some(at("2027-01-02T06:00:00Z"))
    );
    let day = window(&["daily"], &["2026-12-31"], "UTC");
    assert_eq!(
        day.next_open_for(within, 1),
        Some(at("2027-01-01T00:00:00Z"))
    );
}

#[test]
fn an_hour_that_is_skipped_is_never_open_and_one_that_is_repeated_twice() {
    let early = window(&["daily 02:00-03:00"], &[], "Europe/Berlin");
    let before = at("2026-03-28T12:00:00Z");
    // 2026-03-29 has no such hour.
    assert_eq!(
        early.next_open_for(before, 1),
        Some(at("2026-03-30T00:00:00Z"))
    );
    let autumn = at("2026-10-25T00:00:00Z");
    assert_eq!(early.open_until(autumn), Some(at("2026-10-25T02:00:00Z")));
    let half = window(&["daily 02:00-02:30"], &[], "Europe/Berlin");
    assert_eq!(half.open_until(autumn), Some(at("2026-10-25T00:30:00Z")));
    let again = minutes_later(autumn, 45);
    assert_eq!(
        half.next_open_for(again, 1),
        Some(at("2026-10-25T01:00:00Z"))
    );
}

#[test]
fn several_windows_must_be_open_together() {
    let berlin = window(&["mon-fri 09:00-17:00"], &[], "Europe/Berlin");
    let york = window(&["mon-fri 09:00-17:00"], &[], "America/New_York");
    let both = [&berlin, &york];
    let monday = at("2026-12-07T00:00:00Z");
    let hour = 60 * 60_000;
    assert_eq!(
        next_open_for(&both, monday, hour),
        Some(at("2026-12-07T14:00:00Z"))
    );
    assert_eq!(
        open_until(&both, at("2026-12-07T14:00:00Z")),
        Some(at("2026-12-07T16:00:00Z"))
    );
    // Three weeks in spring only: one zone sets its clocks before the other.
    let spring = at("2027-03-15T13:00:00Z");
    assert_eq!(next_open_for(&both, monday, 3 * hour), Some(spring));
    assert_eq!(next_open_for(&both, monday, 4 * hour), None);
}

#[test]
fn what_cannot_be_read_is_pointed_at() {
    let wrong = |text: &str| read_open(text).unwrap_err();
    assert_eq!(wrong("mon-fry 09:00-16:00").at, 4..7);
    assert_eq!(
        wrong("mon-fry 09:00-16:00").help.as_deref(),
        Some("did you mean `fri`?")
    );
    assert_eq!(
        wrong("monday 09:00-16:00").help.as_deref(),
        Some("did you mean `mon`?")
    );
    assert_eq!(wrong("mon 09:00-25:00").at, 10..15);
    assert_eq!(wrong("mon 24:00-25:00").at, 4..9);
    assert_eq!(wrong("mon 09:00").at, 4..9);
    assert_eq!(wrong("mon 09:00-09:00").at, 4..15);
    assert_eq!(wrong("mon 09:00-10:00 CET").at, 16..19);
    assert!(read_open("").is_err() && read_open(" ").is_err() && read_open("mon -").is_err());
    assert_eq!(
        read_except("2026-12-20 .. 2026-13-06").unwrap_err().at,
        14..24
    );
    assert!(read_except("2027-01-06 .. 2026-12-20").is_err());
    assert!(read_except("2026-12-20 18:00").is_err() && read_except("").is_err());
    let close = similar_zones("Europe/Berlim").unwrap();
    assert!(close.starts_with("did you mean `Europe/Berlin`"), "{close}");
    assert_eq!(
        similar_zones("Berlin").as_deref(),
        Some("did you mean `Europe/Berlin`?")
    );
}

const ZONES: [&str; 6] = [
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",
    "Asia/Kathmandu",
    "Pacific/Apia",
];

/// Days around which one of these zones sets its clocks, and one around which none does.
const DAYS_OF_CHANGE: [&str; 7] = [
    "2026-03-27",
    "2026-10-23",
    "2026-03-06",
    "2026-11-01",
    "2011-12-28",
    "2026-04-03",
    "2026-07-01",
];

prop_compose! {
    fn times()(days in 1_u8..0x80, from in 0_u32..DAY, to in 0_u32..=DAY) -> OpenTimes {
        let to = if to == from { DAY } else { to };
        OpenTimes { days, from: from.min(DAY - 1), to }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Around the days on which clocks are set, and on others.
    #[test]
    fn it_is_what_a_look_at_the_clock_once_a_minute_shows(
        open in prop::collection::vec(times(), 1..4),
        except in prop::collection::vec((0_i64..10_000, 1_i64..3_000), 0..3),
        zone in prop::sample::select(&ZONES[..]),
        base in prop::sample::select(&DAYS_OF_CHANGE[..]),
        start in 0_i64..2_000,
        needs in 1_i64..900,
    ) {
        let day = format!("{base}T00:00:00Z");
        let first = minutes_later(at(&day), start);
        let wall = wall_seconds(at(&day).to_zoned(TimeZone::UTC).datetime());
        let window = Window {
            open,
            except: except.iter().map(|(from, length)| {
                let from = wall + from * 60;
                ClosedTime { from, to: from + length * 60 }
            }).collect(),
            ..window(&["daily"], &[], zone)
        };
        let horizon = 14 * 24 * 60;
        let looks = |minute: i64| looks_open(&window, minutes_later(first, minute));
        // When it closes.
        let closes = (0..horizon).find(|minute| !looks(*minute));
        match (window.open_until(first), closes) {
            (found, Some(0)) => prop_assert_eq!(found, None),
            (found, Some(minute)) => prop_assert_eq!(found, Some(minutes_later(first, minute))),
            (found, None) => prop_assert!(found > Some(minutes_later(first, horizon - 1))),
        }
        // When it stays open for so long.
        let mut open_since: Option<i64> = None;
        let mut suits = None;
        for minute in 0..horizon {
            match looks(minute) {
                true => {
                    let since = *open_since.get_or_insert(minute);
                    if minute + 1 - since >= needs {
                        suits = Some(since);
                        break;
                    }
                }
                false => open_since = None,
            }
        }
        let found = window.next_open_for(first, u64::try_from(needs * 60_000).unwrap());
        match suits {
            Some(minute) => prop_assert_eq!(found, Some(minutes_later(first, minute))),
            None => {
                let late = minutes_later(first, horizon - 2 * needs);
                prop_assert!(found.is_none_or(|it| it >= late));
            }
        }
    }
}
