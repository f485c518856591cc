//! The log and the ledger as they look.

use lockstep_base::source::{Sources, Span};
use lockstep_engine::run_event::{NodeKind, RunEvent, Status, WaitReason};
use lockstep_lang::ir::FailureClass;

use super::deployment_counts::DeploymentCounts;
use super::event_formatter::EventFormatter;
use super::event_script::{self, EventScript, cell, failure};
use super::{
    JsonObserver, LedgerFormat, LogsCommand, PlainObserver, RunObserver, RunSummary, Style,
};

fn plain(script: &EventScript, style: Style) -> String {
    let mut out = Vec::new();
    let mut plain = PlainObserver::new(&mut out, style);
    for event in &script.events {
        plain.event(event).expect("a vector takes everything");
    }
    plain.finish().expect("a vector takes everything");
    String::from_utf8(out).expect("text")
}

fn summary(script: &EventScript) -> RunSummary {
    let mut summary = RunSummary::new();
    for event in &script.events {
        summary.take(event);
    }
    summary
}

fn ledger(script: &EventScript, ledger: &LedgerFormat<'_>) -> String {
    let mut out = Vec::new();
    ledger
        .print(&mut out, &summary(script))
        .expect("a vector takes everything");
    String::from_utf8(out).expect("text")
}

fn plainly(script: &EventScript) -> String {
    let how = LedgerFormat {
        style: Style::PLAIN,
        next: vec!["lockstep retry r-7f3a".into()],
        logs: Some(LogsCommand {
            run: "r-7f3a".into(),
            state: String::new(),
        }),
        ..LedgerFormat::default()
    };
    ledger(script, &how)
}

#[test]
fn the_log_reads_well() {
    insta::assert_snapshot!(
        "plain_success",
        plain(&event_script::success(), Style::PLAIN)
    );
    insta::assert_snapshot!(
        "plain_failed",
        plain(&event_script::failed(None), Style::PLAIN)
    );
    insta::assert_snapshot!("plain_stuck", plain(&event_script::stuck(), Style::PLAIN));
    insta::assert_snapshot!(
        "plain_cancelled",
        plain(&event_script::cancelled(), Style::PLAIN)
    );
    insta::assert_snapshot!("plain_atomic", plain(&event_script::atomic(), Style::PLAIN));
}

#[test]
fn the_ledger_reads_well() {
    insta::assert_snapshot!("ledger_success", plainly(&event_script::success()));
    insta::assert_snapshot!("ledger_stuck", plainly(&event_script::stuck()));
    insta::assert_snapshot!("ledger_cancelled", plainly(&event_script::cancelled()));
    insta::assert_snapshot!("ledger_atomic", plainly(&event_script::atomic()));
    insta::assert_snapshot!("ledger_many", plainly(&event_script::many()));
}

#[test]
fn a_failure_names_its_place_in_the_source() {
    let mut sources = Sources::default();
    let file = sources.add("shop.deploy", "# one\n  run \"x\"\n");
    let how = LedgerFormat {
        style: Style::PLAIN,
        sources: Some(&sources),
        ..LedgerFormat::default()
    };
    let script = event_script::failed(Some(Span::new(file, 8, 15)));
    insta::assert_snapshot!("ledger_failed", ledger(&script, &how));
}

#[test]
fn an_ascii_report_is_ascii() {
    let style = Style {
        color: false,
        unicode: false,
    };
    let how = LedgerFormat {
        style,
        ..LedgerFormat::default()
    };
    for script in [
        event_script::success(),
        event_script::stuck(),
        event_script::many(),
    ] {
        assert!(plain(&script, style).is_ascii());
        assert!(ledger(&script, &how).is_ascii());
    }
}

#[test]
fn a_narrow_ledger_stays_in_its_columns() {
    let how = LedgerFormat {
        style: Style::PLAIN,
        width: Some(60),
        ..LedgerFormat::default()
    };
    let mut script = EventScript::new();
    let node = event_script::cell(
        "a-service-with-a-rather-long-name",
        "production.europe-west-4",
    );
    script
        .start(&node, NodeKind::Deploy)
        .finish(
            &node,
            NodeKind::Deploy,
            Status::Succeeded,
            None,
            Some(("sha256:0123456789abcdef", "sha256:fedcba9876543210")),
        )
        .run_ends(Status::Succeeded, None);
    insta::assert_snapshot!("ledger_narrow", ledger(&script, &how));
}

#[test]
fn an_event_is_one_flat_line_of_json() {
    let script = event_script::stuck();
    let mut out = Vec::new();
    let mut json = JsonObserver::new(&mut out);
    for event in &script.events {
        json.event(event).expect("a vector takes everything");
    }
    json.finish().expect("a vector takes everything");
    drop(json);
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
    insta::assert_snapshot!("ledger_stopped", plainly(&event_script::failing(None)));
}

#[test]
fn what_ended_well_is_forgotten() {
    let mut script = EventScript::new();
    for at in 0..100 {
        let node = format!("release/parallel[{at}]");
        let run = format!("{node}/run");
        let barrier = WaitReason::Barrier {
            name: "BE".into(),
            arrived: 1,
            expected: 2,
        };
        script
            .start(&node, NodeKind::Cell)
            .wait(&format!("{node}/barrier"), NodeKind::Barrier, barrier)
            .end(
                &format!("{node}/barrier"),
                NodeKind::Barrier,
                Status::Succeeded,
            )
            .start_with(&run, NodeKind::Run, "make")
            .out(&run, "made")
            .end(&run, NodeKind::Run, Status::Succeeded)
            .end(&node, NodeKind::Cell, Status::Succeeded);
    }
    assert_eq!(summary(&script).with_history(), 0);
    assert_eq!(summary(&script).rows().len(), 0);
    let (mut narrator, tally) = (
        EventFormatter::new(Style::PLAIN),
        DeploymentCounts::default(),
    );
    for event in &script.events {
        narrator.format_event(event, &tally).count();
    }
    assert_eq!(narrator.replayed(), 0);
}

#[test]
fn what_was_mended_is_no_failure() {
    let mut script = EventScript::new();
    let why = failure("release/a/run", FailureClass::Exit, "exited with 1");
    script
        .start("release/a", NodeKind::Step)
        .start("release/a/run", NodeKind::Run)
        .out("release/a/run", "no luck")
        .fail("release/a/run", NodeKind::Run, &why);
    assert_eq!(summary(&script).unresolved_failures().len(), 1);
    let mut ignored = EventScript::default();
    ignored.events.clone_from(&script.events);
    script.end("release/a", NodeKind::Step, Status::Succeeded);
    assert_eq!(summary(&script).with_history(), 0);
    ignored
        .finish(
            "release/a",
            NodeKind::Step,
            Status::Ignored,
            Some(&why),
            None,
        )
        .end("release", NodeKind::Pipeline, Status::Succeeded)
        .run_ends(Status::Succeeded, None);
    insta::assert_snapshot!("ledger_ignored", plainly(&ignored));
}

/// All events as lines of their own, nothing of which is made for several at once.
fn one_by_one(script: &EventScript, style: Style) -> String {
    let mut narrator = EventFormatter::new(style).with_details();
    let mut tally = DeploymentCounts::default();
    let mut out = String::new();
    for event in &script.events {
        tally.event(event);
        for (_, line) in narrator.format_event(event, &tally) {
            out.push_str(&line.paint(style));
            out.push('\n');
        }
    }
    out
}

/// Two commands, one of them in a `verify`, that write all kinds of lines.
fn writers() -> EventScript {
    let mut script = EventScript::new();
    let (build, check) = ("release/build/run", "release/check/verify/run");
    let texts = [
        String::from("compiling"),
        String::new(),
        String::from("   "),
        String::from("blanks at the end  "),
        String::from("\u{1b}[31mred\u{1b}[0m\tand 50%\r100%"),
        String::from("日本 é\u{202e}"),
        "x".repeat(2_000),
        "é".repeat(960),
        "é".repeat(990),
    ];
    script.start(build, NodeKind::Run);
    for round in 0..2 {
        script
            .start("release/check/verify", NodeKind::Verify)
            .start(check, NodeKind::Run);
        for text in &texts {
            script.out(build, text).pass(180).out(build, text);
            script.out(check, text).out(check, text);
        }
        script.end(check, NodeKind::Run, Status::Succeeded);
        script.start(check, NodeKind::Run).out(check, "once more");
        script.end(check, NodeKind::Run, Status::Succeeded);
        script.end("release/check/verify", NodeKind::Verify, Status::Succeeded);
        if round == 0 {
            // A long name moves what stands behind names.
            let step = "release/a-step-with-a-rather-long-name";
            script.start(step, NodeKind::Step).out(build, "moved");
        }
    }
    script
}

#[test]
fn lines_of_commands_are_the_same_together_and_one_by_one() {
    let color = Style {
        color: true,
        unicode: true,
    };
    for style in [Style::PLAIN, color, Style::default()] {
        for script in [writers(), event_script::failed(None)] {
            assert_eq!(plain(&script, style), one_by_one(&script, style));
        }
    }
}

#[test]
fn what_stands_before_the_lines_of_a_command_is_made_once_a_second() {
    let mut script = EventScript::new();
    let run = "release/build/run";
    script.start(run, NodeKind::Run);
    for _ in 0..3_000 {
        script.out(run, "compiling").pass(1);
    }
    let mut narrator = EventFormatter::new(Style::PLAIN).with_details();
    let tally = DeploymentCounts::default();
    let mut out = String::new();
    for event in &script.events {
        if !narrator.paint_output(event, &mut out) {
            narrator.format_event(event, &tally).for_each(drop);
        }
    }
    assert_eq!(narrator.output_starts, 3);
    assert_eq!(out.lines().count(), 3_000);
}

#[test]
fn a_timeout_shows_the_output_of_what_it_stopped() {
    let mut script = EventScript::new();
    let run = "release/build/run";
    let why = failure(
        "release/build",
        FailureClass::Timeout,
        "took longer than 5m",
    );
    let stopped = failure(run, FailureClass::Cancelled, "stopped");
    script
        .start("release/build", NodeKind::Step)
        .start(run, NodeKind::Run)
        .out(run, "\u{1b}[31mlinking\u{1b}[0m …")
        .finish(run, NodeKind::Run, Status::Cancelled, Some(&stopped), None)
        .fail("release/build", NodeKind::Step, &why)
        .fail("release", NodeKind::Pipeline, &why)
        .run_ends(Status::Failed, Some(&why));
    insta::assert_snapshot!("ledger_timeout", plainly(&script));
}

#[test]
fn many_of_a_kind_are_told_together() {
    let mut script = EventScript::new();
    script.start("release/prod", NodeKind::Stage);
    let broken = "broken by `payments`, which failed: exit";
    for at in 0..500 {
        let node = cell("checkout", &format!("store-{at:03}"));
        let barrier = format!("{node}/barrier");
        let why = failure(&barrier, FailureClass::Barrier, broken);
        if at % 100 == 7 {
            script
                .start(&node, NodeKind::Deploy)
                .start(&barrier, NodeKind::Barrier)
                .fail(&barrier, NodeKind::Barrier, &why)
                .finish(
                    &node,
                    NodeKind::Deploy,
                    Status::RolledBack,
                    Some(&why),
                    None,
                );
        } else if at < 450 {
            script.deploy(&node, 1_000 + at);
        } else {
            script.end(&node, NodeKind::Deploy, Status::Skipped);
        }
    }
    script.run_ends(Status::Failed, None);
    insta::assert_snapshot!("ledger_one_service", plainly(&script));
}

#[test]
fn deployments_of_two_stages_are_told_apart() {
    let mut script = EventScript::new();
    for stage in ["canary", "full"] {
        let node = format!("release/{stage}/deploy[checkout, prod.eu]");
        script
            .start(&format!("release/{stage}"), NodeKind::Stage)
            .deploy(&node, 2_000);
    }
    script.run_ends(Status::Succeeded, None);
    insta::assert_snapshot!("ledger_twice", plainly(&script));
}

#[test]
fn a_verification_shows_its_first_round() {
    let (verify, run) = ("release/verify", "release/verify/run");
    let mut script = EventScript::new();
    script.start(verify, NodeKind::Verify);
    for round in 0..3 {
        script
            .start_with(run, NodeKind::Run, "check")
            .out(run, &format!("round {round}"))
            .end(run, NodeKind::Run, Status::Succeeded);
    }
    let why = failure(run, FailureClass::Exit, "exited with 1");
    script
        .start_with(run, NodeKind::Run, "check")
        .fail(run, NodeKind::Run, &why)
        .fail(verify, NodeKind::Verify, &why);
    let shown = plain(&script, Style::PLAIN);
    assert_eq!(shown.matches("$ check").count(), 1, "{shown}");
    assert!(
        shown.contains("round 0") && !shown.contains("round 1"),
        "{shown}"
    );
    assert!(shown.contains("exited with 1"), "{shown}");
}
