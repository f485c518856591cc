//! The log and the ledger as they look.

use crate::engine::notice::{RunEvent, Status};
use crate::source::{Sources, Span};

use super::script::{self, Script};
use super::{Json, Ledger, Plain, Report, Style, Summary};

fn plain(script: &Script, style: Style) -> String {
    let mut out = Vec::new();
    let mut plain = Plain::new(&mut out, style);
    for event in &script.events {
        plain.event(event).expect("a vector takes everything");
    }
    plain.finish().expect("a vector takes everything");
    String::from_utf8(out).expect("text")
}

fn summary(script: &Script) -> Summary {
    let mut summary = Summary::new();
    for event in &script.events {
        summary.take(event);
    }
    summary
}

fn ledger(script: &Script, ledger: &Ledger<'_>) -> String {
    let mut out = Vec::new();
    ledger
        .print(&mut out, &summary(script))
        .expect("a vector takes everything");
    String::from_utf8(out).expect("text")
}

fn plainly(script: &Script) -> String {
    let how = Ledger {
        style: Style::PLAIN,
        next: vec!["lockstep retry r-7f3a".into()],
        ..Ledger::default()
    };
    ledger(script, &how)
}

#[test]
fn the_log_reads_well() {
    insta::assert_snapshot!("plain_success", plain(&script::success(), Style::PLAIN));
    insta::assert_snapshot!("plain_failed", plain(&script::failed(None), Style::PLAIN));
    insta::assert_snapshot!("plain_stuck", plain(&script::stuck(), Style::PLAIN));
    insta::assert_snapshot!("plain_cancelled", plain(&script::cancelled(), Style::PLAIN));
    insta::assert_snapshot!("plain_atomic", plain(&script::atomic(), Style::PLAIN));
}

#[test]
fn the_ledger_reads_well() {
    insta::assert_snapshot!("ledger_success", plainly(&script::success()));
    insta::assert_snapshot!("ledger_stuck", plainly(&script::stuck()));
    insta::assert_snapshot!("ledger_cancelled", plainly(&script::cancelled()));
    insta::assert_snapshot!("ledger_atomic", plainly(&script::atomic()));
    insta::assert_snapshot!("ledger_many", plainly(&script::many()));
}

#[test]
fn a_failure_names_its_place_in_the_source() {
    let mut sources = Sources::default();
    let file = sources.add("shop.deploy", "# one\n  run \"x\"\n");
    let how = Ledger {
        style: Style::PLAIN,
        sources: Some(&sources),
        ..Ledger::default()
    };
    let script = script::failed(Some(Span::new(file, 8, 15)));
    insta::assert_snapshot!("ledger_failed", ledger(&script, &how));
}

#[test]
fn an_ascii_report_is_ascii() {
    let style = Style {
        color: false,
        unicode: false,
    };
    let how = Ledger {
        style,
        ..Ledger::default()
    };
    for script in [script::success(), script::stuck(), script::many()] {
        assert!(plain(&script, style).is_ascii());
        assert!(ledger(&script, &how).is_ascii());
    }
}

#[test]
fn a_narrow_ledger_stays_in_its_columns() {
    let how = Ledger {
        style: Style::PLAIN,
        width: Some(60),
        ..Ledger::default()
    };
    let mut script = Script::new();
    let node = script::cell(
        "a-service-with-a-rather-long-name",
        "production.europe-west-4",
    );
    script
        .start(&node, crate::engine::notice::NodeKind::Deploy)
        .finish(
            &node,
            crate::engine::notice::NodeKind::Deploy,
            Status::Succeeded,
            None,
            Some(("sha256:0123456789abcdef", "sha256:fedcba9876543210")),
        )
        .run_ends(Status::Succeeded, None);
    insta::assert_snapshot!("ledger_narrow", ledger(&script, &how));
}

#[test]
fn an_event_is_one_flat_line_of_json() {
    let script = script::stuck();
    let mut out = Vec::new();
    let mut json = Json::new(&mut out);
    for event in &script.events {
        json.event(event).expect("a vector takes everything");
    }
    let text = String::from_utf8(out).expect("text");
    let back: Vec<RunEvent> = text
        .lines()
        .map(|line| serde_json::from_str(line).expect("an event"))
        .collect();
    assert_eq!(back, script.events);
    let first: Vec<&str> = text.lines().skip(18).take(3).collect();
    insta::assert_snapshot!("json", first.join("\n"));
}

#[test]
fn a_run_that_stops_without_an_end_says_what_is_unfinished() {
    insta::assert_snapshot!("ledger_stopped", plainly(&script::failing(None)));
}
