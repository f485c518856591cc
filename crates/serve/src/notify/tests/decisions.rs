//! What is said of what happens, and what is not.

use lockstep_engine::run_event::Status;
use serde_json::json;

use super::super::decide::RunMemory;
use super::super::message::AnswerText;
use super::super::outbox::pause_ms;
use super::super::text;
use super::{about, hostile, moment, said};
use crate::settings::NotifyEvent;

fn one(events: &serde_json::Value) -> Option<serde_json::Value> {
    let mut all = said(events, &mut RunMemory::default());
    assert!(all.len() <= 1, "{all:?}");
    all.pop().map(|it| serde_json::to_value(it).unwrap())
}

#[test]
fn a_start_says_who_started_what() {
    let started = json!([{ "event": "run-started", "run": "r-7f3a2c", "pipeline": "ship" }]);
    assert_eq!(
        one(&started).unwrap(),
        json!({
            "event": "started",
            "run": "r-7f3a2c",
            "pipeline": "shop.deploy/ship",
            "user": "ada",
            "at": "2026-03-14T09:26:53.000Z",
            "url": "https://deploy.example.com/runs/r-7f3a2c",
        })
    );
}

#[test]
fn an_approval_says_what_is_asked_of_whom_and_once() {
    let asks = |yes: &[&str]| {
        json!([{
            "event": "node-waiting", "node": "ship/approve", "kind": "approve",
            "waiting": { "for": "approval", "question": "Ship it?", "choices": ["yes", "no"],
                         "by": ["managers"], "count": 2, "yes": yes },
        }])
    };
    let said = one(&asks(&[])).unwrap();
    assert_eq!(said["event"], "waiting");
    assert_eq!(
        said["question"],
        json!({
            "node": "ship/approve", "text": "Ship it?", "by": ["managers"], "count": 2,
            "choices": ["yes", "no"],
        })
    );
    // The second of two is asked the same question.
    assert_eq!(one(&asks(&["grace"])), None);
    let time = json!([{ "event": "node-waiting", "node": "ship/wait", "kind": "wait",
                        "waiting": { "for": "time", "after_ms": 1 } }]);
    assert_eq!(one(&time), None);
}

#[test]
fn an_end_says_why_which_deployments_and_who_answered() {
    let failed = |status: &str, failure: &str| {
        json!({
            "event": "node-finished", "node": "ship/web on live.eu", "kind": "deploy",
            "status": status,
            "failure": { "class": "exit", "message": failure, "node": "n", "span": null },
            "deployment": { "service": "web", "target": "live.eu", "before": null, "after": null },
        })
    };
    let end = |status: &str| {
        json!([{
            "event": "run-finished", "status": status,
            "failure": { "class": "exit", "message": "exit code 3", "node": "ship/web/push",
                         "span": null },
        }])
    };
    let mut memory = RunMemory::default();
    assert_eq!(said(&json!([failed("failed", "first")]), &mut memory), []);
    assert_eq!(said(&json!([failed("failed", "second")]), &mut memory), []);
    let given = AnswerText {
        node: String::from("ship/approve"),
        answer: String::from("yes"),
        by: String::from("grace"),
        comment: Some(String::from("looks\u{1b}[31m good")),
    };
    let answered = about().of_answer(&given, moment(), &mut memory);
    assert_eq!(answered.event, NotifyEvent::Answered);
    // A restart of the server loses nothing of it.
    let text = serde_json::to_string(&memory).unwrap();
    let mut memory: RunMemory = serde_json::from_str(&text).unwrap();
    let said = said(&end("failed"), &mut memory).pop().unwrap();
    assert!(memory.has_ended);
    let facts = said.facts();
    let shown: Vec<String> = facts
        .iter()
        .map(|(name, value)| format!("{name}: {value}"))
        .collect();
    assert_eq!(
        shown,
        [
            "Run: r-7f3a2c",
            "Started by: ada",
            "At: 2026-03-14T09:26:53.000Z",
            "Failed deployment: web on live.eu: second",
            "Failure: exit code 3",
            "Failed node: ship/web/push",
            "Answered: yes by grace: looks[31m good (ship/approve)",
        ]
    );
    assert_eq!(said.subject(), "shop.deploy/ship has failed (r-7f3a2c)");
}

#[test]
fn a_deployment_that_succeeds_later_has_not_failed() {
    let line = |status: &str| {
        json!([{
            "event": "node-finished", "node": "a", "kind": "deploy", "status": status,
            "deployment": { "service": "web", "target": "eu", "before": null, "after": null },
        }])
    };
    let mut memory = RunMemory::default();
    said(&line("failed"), &mut memory);
    said(&line("succeeded"), &mut memory);
    let end = said(
        &json!([{ "event": "run-finished", "status": "failed" }]),
        &mut memory,
    );
    assert_eq!(end[0].deployments, []);
}

#[test]
fn each_end_has_its_event() {
    let said = |status: &str| {
        let end = json!([{ "event": "run-finished", "status": status }]);
        one(&end).map(|it| it["event"].as_str().unwrap().to_owned())
    };
    for (status, event) in [
        ("succeeded", "succeeded"),
        ("ignored", "succeeded"),
        ("failed", "failed"),
        ("rolled-back", "failed"),
        ("rollback-failed", "rollback-failed"),
        ("cancelled", "cancelled"),
        ("superseded", "superseded"),
    ] {
        assert_eq!(said(status).as_deref(), Some(event), "{status}");
    }
    let mut memory = RunMemory::default();
    let why = "a newer run has taken its place";
    let unstarted = about().of_unstarted(Status::Superseded, why, moment(), &mut memory);
    let unstarted = unstarted.unwrap();
    assert_eq!(unstarted.event, NotifyEvent::Superseded);
    assert_eq!(unstarted.failure.unwrap().message, why);
}

#[test]
fn texts_are_short_and_show_what_they_are() {
    assert_eq!(text::line("a\r\nb\u{7}c\u{202e}d", 10), "a  b cd");
    assert_eq!(text::lines("a\r\nb\u{1b}c", 10), "a\nbc");
    assert_eq!(text::line("abcdef", 6), "abcdef");
    assert_eq!(text::line("abcdefg", 6), "abcde…");
    let message = hostile();
    assert_eq!(
        message.deployments[0].message,
        "exit code 3\nBcc: <!channel> & *all*"
    );
    assert_eq!(
        message.failure.unwrap().message,
        "see [this](https://evil.example)"
    );
    let long = "ä".repeat(5_000);
    let events = json!([{ "event": "node-waiting", "node": long, "kind": "approve",
        "waiting": { "for": "approval", "question": long, "by": vec![long.clone(); 50] } }]);
    let asked = said(&events, &mut RunMemory::default()).pop().unwrap();
    assert!(serde_json::to_string(&asked).unwrap().len() < 10_000);
}

#[test]
fn pauses_grow_up_to_a_quarter_of_an_hour() {
    let pauses: Vec<i64> = [1, 2, 3, 9, 10, 60, i64::MAX]
        .map(|it| pause_ms(it) / 1_000)
        .into();
    assert_eq!(pauses, [2, 4, 8, 512, 900, 900, 900]);
}
