//! The live view as it looks, and that it is drawn in place.

use std::sync::{Arc, Mutex};

use crate::cell_counts::CellCounts;
use crate::deployment_counts::DeploymentCounts;
use crate::event_script::{self, EventScript};
use crate::{LiveObserver, RunObserver, Style};
use lockstep_engine::run_event::{
    ApprovalProgress, LockQueuePosition, NodeKind, Status, WaitReason,
};
use lockstep_outline::PlannedWork;

use super::board::RunBoard;
use super::frame::{ScreenSize, frame};

/// The run as far as it is written, two seconds later.
fn played(script: &EventScript, style: Style) -> impl Fn(usize, usize) -> Vec<String> {
    played_with(script, style, ("release/prod", 500, 0))
}

/// The same, where a stage has so many deployments and cells.
fn played_with(
    script: &EventScript,
    style: Style,
    (stage, deployments, cells): (&'static str, u64, u64),
) -> impl Fn(usize, usize) -> Vec<String> {
    let (mut board, mut tally) = (RunBoard::new(style), DeploymentCounts::default());
    board.expect(&PlannedWork {
        path: stage.into(),
        deployments,
        cells,
    });
    let mut cells = CellCounts::default();
    for event in &script.events {
        tally.event(event);
        cells.event(event);
        board.event(event);
    }
    let now = script.now() + 2_000;
    move |width, height| {
        let frame = frame(
            &board,
            (&tally, &cells),
            style,
            ScreenSize { width, height },
            now,
        );
        assert!(frame.len() <= height.saturating_sub(3).max(1));
        for line in &frame {
            assert!(line.width() <= width, "{line:?}");
        }
        frame.iter().map(|line| line.paint(style)).collect()
    }
}

fn shot(script: &EventScript, width: usize, height: usize) -> String {
    played(script, Style::PLAIN)(width, height).join("\n")
}

#[test]
fn cells_count_where_nothing_is_deployed() {
    let mut script = EventScript::default();
    script
        .start("loops", NodeKind::Pipeline)
        .start("loops/hosts", NodeKind::Stage);
    for (host, status) in [("h1", Status::Succeeded), ("h2", Status::Failed)] {
        let cell = format!("loops/hosts/parallel[{host}]");
        script
            .start(&cell, NodeKind::Cell)
            .start(&format!("{cell}/parallel[1]"), NodeKind::Cell)
            .end(&format!("{cell}/parallel[1]"), NodeKind::Cell, status)
            .end(&cell, NodeKind::Cell, status);
    }
    script
        .start("loops/hosts/parallel[h3]", NodeKind::Cell)
        .start_with("loops/hosts/parallel[h3]/run", NodeKind::Run, "sleep 1");
    let shown = played_with(&script, Style::PLAIN, ("loops/hosts", 0, 5))(60, 24).join("\n");
    insta::assert_snapshot!(shown);
}

#[test]
fn five_hundred_cells_fit_on_any_screen() {
    let script = event_script::many();
    insta::assert_snapshot!("many_80x24", shot(&script, 80, 24));
    insta::assert_snapshot!("many_40x10", shot(&script, 40, 10));
    insta::assert_snapshot!("many_200x50", shot(&script, 200, 50));
    let played = played(&script, Style::PLAIN);
    for width in 0..90 {
        for height in 0..30 {
            played(width, height);
        }
    }
}

#[test]
fn a_failing_stage_shows_what_is_taken_back() {
    insta::assert_snapshot!("failing_80x24", shot(&event_script::failing(None), 80, 24));
    insta::assert_snapshot!("atomic_80x24", {
        let mut script = event_script::atomic();
        // While the stage rolls back.
        script.events.truncate(script.events.len() - 4);
        shot(&script, 80, 24)
    });
}

#[test]
fn every_kind_of_waiting_is_told() {
    let mut script = EventScript::new();
    script
        .wait(
            "release/eu",
            NodeKind::Stage,
            WaitReason::Lock {
                names: event_script::names(&["prod.eu", "prod.us"]),
                queue: LockQueuePosition::default(),
            },
        )
        .start("release/us", NodeKind::Stage)
        .wait(
            "release/us/approve",
            NodeKind::Approve,
            WaitReason::Approval {
                question: "Ship v2 to production?".into(),
                choices: vec!["yes".into(), "no".into()],
                within_ms: Some(3_600_000),
                progress: ApprovalProgress::default(),
            },
        )
        .wait(
            "release/us/wait",
            NodeKind::Wait,
            WaitReason::Time { after_ms: 300_000 },
        )
        .wait(
            "release/us/smoke",
            NodeKind::Step,
            WaitReason::Retry {
                attempt: 2,
                of: 4,
                after_ms: 3_000,
                failure: None,
            },
        )
        .wait(
            "release/us/parallel/1/barrier",
            NodeKind::Barrier,
            WaitReason::Barrier {
                name: "BE".into(),
                arrived: 1,
                expected: 2,
            },
        )
        .start_with("release/us/build/run", NodeKind::Run, "set -e\nmake all");
    insta::assert_snapshot!("waiting_80x24", shot(&script, 80, 24));
    let ascii = Style {
        color: false,
        unicode: false,
    };
    let ascii = played(&script, ascii)(60, 24).join("\n");
    assert!(ascii.is_ascii(), "{ascii}");
}

#[test]
fn what_has_ended_is_forgotten() {
    for (script, left) in [
        (event_script::success(), 0),
        (event_script::failed(None), 2),
        (event_script::stuck(), 2),
    ] {
        let mut board = RunBoard::new(Style::PLAIN);
        for event in &script.events {
            board.event(event);
        }
        assert_eq!(board.with_history(), (0, left));
    }
}

#[test]
fn a_step_that_ends_well_in_the_end_has_not_failed() {
    let mut script = EventScript::new();
    let why = event_script::failure(
        "release/a/run",
        lockstep_lang::ir::FailureClass::Exit,
        "exited with 1",
    );
    script
        .start("release/a", NodeKind::Step)
        .start("release/a/run", NodeKind::Run)
        .fail("release/a/run", NodeKind::Run, &why);
    assert!(shot(&script, 80, 24).contains("exited with 1"));
    script
        .start("release/a", NodeKind::Step)
        .start("release/a/other", NodeKind::Run)
        .end("release/a/other", NodeKind::Run, Status::Succeeded)
        .end("release/a", NodeKind::Step, Status::Succeeded);
    assert!(!shot(&script, 80, 24).contains("exited with 1"));
}

/// A minimal terminal emulator for the sequences that the tree is drawn with.
#[derive(Default)]
struct Screen {
    rows: Vec<String>,
    row: usize,
}

impl Screen {
    fn write(&mut self, text: &str) {
        let mut chars = text.chars();
        while let Some(c) = chars.next() {
            self.rows
                .resize(self.rows.len().max(self.row + 1), String::new());
            match c {
                '\n' => self.row += 1,
                '\r' => {}
                '\u{1b}' => {
                    assert_eq!(chars.next(), Some('['));
                    let code: String = chars
                        .by_ref()
                        .take_while(|c| !c.is_ascii_alphabetic())
                        .collect();
                    // The letter is parsed with the digits; here it follows them.
                    if let Ok(up) = code.parse::<usize>() {
                        self.row = self.row.checked_sub(up).expect("not above the screen");
                    } else if code.is_empty() {
                        self.rows.truncate(self.row);
                        self.rows.push(String::new());
                    }
                }
                c => self.rows[self.row].push(c),
            }
        }
    }
}

#[derive(Clone, Default)]
struct TestTerminal(Arc<Mutex<Screen>>);

impl std::io::Write for TestTerminal {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let text = std::str::from_utf8(bytes).expect("whole characters");
        self.0.lock().expect("no one panics").write(text);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn what_lasts_scrolls_above_and_the_tree_goes_in_the_end() {
    let terminal = TestTerminal::default();
    let mut live = LiveObserver::new(terminal.clone(), Style::PLAIN, || (80, 24));
    let screen = || terminal.0.lock().expect("no one panics").rows.join("\n");
    let script = event_script::success();
    for event in &script.events[..12] {
        live.event(event).expect("a terminal that works");
    }
    insta::assert_snapshot!("screen_midway", screen());
    live.pause().expect("a terminal that works");
    assert!(!screen().contains("running"));
    for event in &script.events[12..] {
        live.event(event).expect("a terminal that works");
    }
    live.proceed().expect("a terminal that works");
    live.finish().expect("a terminal that works");
    insta::assert_snapshot!("screen_end", screen());
}
