mod decisions;
mod receivers;
mod sending;
mod whole;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::decide::{RunAbout, RunMemory};
use super::deliver::Delivery;
use super::message::Message;

/// `2026-03-14T09:26:53Z`
fn moment() -> Timestamp {
    Timestamp::from_second(1_773_480_413).unwrap()
}

fn about() -> RunAbout {
    RunAbout {
        run: String::from("r-7f3a2c"),
        pipeline: String::from("shop.deploy/ship"),
        user: String::from("ada"),
        url: String::from("https://deploy.example.com/runs/r-7f3a2c"),
    }
}

/// What is said of events, which are written as `lockstep run --format json` writes them.
fn said(events: &Value, memory: &mut RunMemory) -> Vec<Message> {
    let events: Vec<_> = serde_json::from_value(events.clone()).unwrap();
    about().of_events(&events, moment(), memory)
}

/// A message with texts that mean something to Slack, Teams and mail.
fn hostile() -> Message {
    let mut memory = RunMemory::default();
    let events = json!([
        { "event": "node-finished", "node": "ship/web on live.eu", "kind": "deploy",
          "status": "failed",
          "failure": { "class": "exit", "message": "exit code 3\r\nBcc: <!channel> & *all*",
                       "node": "ship/web on live.eu/push", "span": null },
          "deployment": { "service": "web", "target": "live.eu", "before": "v1", "after": null } },
        { "event": "run-finished", "status": "failed",
          "failure": { "class": "exit", "message": "see [this](https://evil.example)\u{202e}",
                       "node": "ship/web on live.eu/push", "span": null } },
    ]);
    said(&events, &mut memory).pop().unwrap()
}

fn delivery(message: Message) -> Delivery {
    Delivery {
        number: 1,
        id: String::from("r-7f3a2c.7-0.0123456789abcdef"),
        root: String::from("r-7f3a2c.0123456789abcdef"),
        message,
        is_first: true,
        thread: None,
        attempts: 1,
        at: moment().into(),
    }
}
