use std::collections::HashSet;

use jiff::civil::DateTime;
use proptest::prelude::*;

use super::*;

fn time(text: &str) -> Timestamp {
    text.parse().expect("a time")
}

fn schedule(cron: &str, zone: &str) -> Schedule {
    Schedule::parse(cron, zone).expect("a schedule")
}

/// The first times after one, as the clock of the zone and its offset show them.
fn next(cron: &str, zone: &str, after: &str, count: usize) -> Vec<String> {
    let schedule = schedule(cron, zone);
    let mut at = time(after);
    let mut found = Vec::new();
    while found.len() < count {
        at = schedule.next_after(at).expect("another time");
        let shown = at.to_zoned(schedule.zone.clone());
        found.push(shown.strftime("%Y-%m-%d %H:%M %:z").to_string());
    }
    found
}

#[test]
fn the_time_of_a_zone() {
    assert_eq!(
        next("0 3 * * 1-5", "Europe/Berlin", "2026-01-02T12:00:00Z", 2),
        ["2026-01-05 03:00 +01:00", "2026-01-06 03:00 +01:00"]
    );
    assert_eq!(
        next("0 0 29 2 *", "UTC", "2097-01-01T00:00:00Z", 1),
        ["2104-02-29 00:00 +00:00"]
    );
}

#[test]
fn a_skipped_time_comes_right_after_and_once() {
    let zone = "Europe/Berlin";
    assert_eq!(
        next("30 2 * * *", zone, "2026-03-28T02:00:00Z", 2),
        ["2026-03-29 03:00 +02:00", "2026-03-30 02:30 +02:00"]
    );
    // 2:00 to 2:45 and 3:00 itself are one.
    assert_eq!(
        next("*/15 * * * *", zone, "2026-03-29T00:40:00Z", 3),
        [
            "2026-03-29 01:45 +01:00",
            "2026-03-29 03:00 +02:00",
            "2026-03-29 03:15 +02:00",
        ]
    );
    // Half an hour is skipped.
    assert_eq!(
        next(
            "15 2 * * *",
            "Australia/Lord_Howe",
            "2026-10-03T12:00:00Z",
            2
        ),
        ["2026-10-04 02:30 +11:00", "2026-10-05 02:15 +11:00"]
    );
    // A whole day is.
    assert_eq!(
        next("0 12 * * *", "Pacific/Apia", "2011-12-29T00:00:00Z", 3),
        [
            "2011-12-29 12:00 -10:00",
            "2011-12-31 00:00 +14:00",
            "2011-12-31 12:00 +14:00",
        ]
    );
}

#[test]
fn a_repeated_time_comes_the_first_time() {
    let zone = "Europe/Berlin";
    assert_eq!(
        next("30 2 * * *", zone, "2026-10-24T12:00:00Z", 2),
        ["2026-10-25 02:30 +02:00", "2026-10-26 02:30 +01:00"]
    );
    assert_eq!(
        next("30 * * * *", zone, "2026-10-24T23:00:00Z", 3),
        [
            "2026-10-25 01:30 +02:00",
            "2026-10-25 02:30 +02:00",
            "2026-10-25 03:30 +01:00",
        ]
    );
}

#[test]
fn what_never_comes_ends() {
    let never = schedule("0 0 30 2 *", "UTC");
    assert_eq!(never.next_after(time("2026-01-01T00:00:00Z")), None);
}

#[test]
fn missed_times() {
    let schedule = schedule("0 * * * *", "UTC");
    let [last, now] = ["2026-01-01T09:30:00Z", "2026-01-01T12:00:20Z"].map(time);
    let due = |now, missed| {
        let due = schedule.due(last, now, missed);
        due.iter().map(ToString::to_string).collect::<Vec<String>>()
    };
    assert_eq!(due(now, Missed::Once), ["2026-01-01T12:00:00Z"]);
    assert_eq!(due(now, Missed::Skip), ["2026-01-01T12:00:00Z"]);
    assert_eq!(
        due(now, Missed::All),
        [
            "2026-01-01T10:00:00Z",
            "2026-01-01T11:00:00Z",
            "2026-01-01T12:00:00Z"
        ]
    );
    let late = time("2026-01-01T12:01:00Z");
    assert_eq!(due(late, Missed::Once), ["2026-01-01T12:00:00Z"]);
    assert!(due(late, Missed::Skip).is_empty());
    let before = time("2026-01-01T09:59:59Z");
    assert!(due(before, Missed::All).is_empty());
    // The time at which it was asked last is not due again.
    assert!(
        schedule
            .due(time("2026-01-01T12:00:00Z"), now, Missed::All)
            .is_empty()
    );
    // A clock that was set back.
    assert!(schedule.due(now, last, Missed::All).is_empty());
}

#[test]
fn what_is_caught_up_with_is_bounded() {
    let schedule = schedule("* * * * *", "UTC");
    let [last, now] = ["2020-01-01T00:00:00Z", "2026-01-01T00:00:00Z"].map(time);
    let due = schedule.due(last, now, Missed::All);
    assert_eq!(due.len(), MAX_MISSED);
    assert_eq!(due.last(), Some(&now));
}

/// The minutes of a span in which a schedule fires, by looking at the clock each minute.
fn watched(schedule: &Schedule, from: Timestamp, upto: Timestamp) -> Vec<Timestamp> {
    let minute = Span::new().minutes(1);
    let times: HashSet<(i8, i8)> = schedule.cron.times().collect();
    let fires = |shown: DateTime| {
        times.contains(&(shown.hour(), shown.minute())) && schedule.cron.has_day(shown.date())
    };
    let mut found = Vec::new();
    let mut seen: HashSet<DateTime> = HashSet::new();
    // What was shown before the span may be shown again in it.
    let mut at = from - Span::new().hours(30);
    let mut expected = schedule.zone.to_datetime(at);
    while at <= upto {
        let shown = schedule.zone.to_datetime(at);
        let mut due = false;
        // What the clock has skipped since the last minute.
        while expected < shown {
            due |= seen.insert(expected) && fires(expected);
            expected += minute;
        }
        due |= seen.insert(shown) && fires(shown);
        expected = shown + minute;
        if due && at > from {
            found.push(at);
        }
        at += minute;
    }
    found
}

/// Zones, each with a moment near a change of its clocks.
const CHANGES: [(&str, &str); 12] = [
    ("Europe/Berlin", "2026-03-29T01:00:00Z"),
    ("Europe/Berlin", "2026-10-25T01:00:00Z"),
    ("America/New_York", "2026-03-08T07:00:00Z"),
    ("America/New_York", "2026-11-01T06:00:00Z"),
    ("Australia/Lord_Howe", "2026-04-04T15:00:00Z"),
    ("Australia/Lord_Howe", "2026-10-03T15:30:00Z"),
    ("Pacific/Apia", "2011-12-30T10:00:00Z"),
    ("Pacific/Kwajalein", "1993-08-21T12:00:00Z"),
    // Clocks that were set back at one minute past midnight.
    ("America/St_Johns", "2010-11-07T02:31:00Z"),
    ("Africa/Casablanca", "2026-02-15T02:00:00Z"),
    ("America/Sao_Paulo", "2018-11-04T03:00:00Z"),
    ("Asia/Kathmandu", "2026-06-01T00:00:00Z"),
];

fn any_field(least: u32, most: u32) -> impl Strategy<Value = String> {
    prop_oneof![
        3 => Just(String::from("*")),
        3 => (least..=most).prop_map(|it| it.to_string()),
        1 => (least..=most, least..=most).prop_map(|(a, b)| format!("{a},{b}")),
        1 => (least..=most, least..=most).prop_map(|(a, b)| format!("{}-{}", a.min(b), a.max(b))),
        1 => (2u32..=most.max(3)).prop_map(|step| format!("*/{step}")),
    ]
}

prop_compose! {
    fn any_cron()(
        minute in any_field(0, 59),
        hour in any_field(0, 3),
        day in prop_oneof![4 => Just(String::from("*")), 1 => any_field(1, 31)],
        weekday in prop_oneof![4 => Just(String::from("*")), 1 => any_field(0, 7)],
    ) -> String {
        format!("{minute} {hour} {day} * {weekday}")
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn as_somebody_would_who_watches_the_clock(
        cron in any_cron(),
        change in 0..CHANGES.len(),
        early in 0i64..2_000,
    ) {
        let (zone, near) = CHANGES[change];
        let schedule = schedule(&cron, zone);
        let from = time(near) - Span::new().minutes(early);
        let upto = time(near) + Span::new().hours(40);
        let expected = watched(&schedule, from, upto);

        let mut found = Vec::new();
        let mut at = from;
        while let Some(next) = schedule.next_after(at).filter(|next| *next <= upto) {
            found.push(next);
            at = next;
        }
        prop_assert_eq!(&found, &expected, "{} in {} by the next", &cron, zone);
        let most = expected.len().saturating_sub(MAX_MISSED);
        let due = schedule.due(from, upto, Missed::All);
        prop_assert_eq!(&due[..], &expected[most..], "{} in {} by all", &cron, zone);
        let last: Vec<Timestamp> = expected.last().copied().into_iter().collect();
        prop_assert_eq!(schedule.due(from, upto, Missed::Once), last);
    }
}
