//! Statements 14 to 18: what a failure stops, and what it does not.

use super::{Direction, cell, command, play, staged};
use crate::machine::play::Play;

fn failing(axes: &str, service: &str, target: &str) -> Play {
    let text = staged(&format!("matrix {axes} {{ deploy s to i }}"));
    let direction = Direction::default()
        .takes("**", 50)
        .takes(&command(service, target), 20)
        .fails(&command(service, target));
    let play = play(&text, &direction);
    play.assert_status(&cell(service, target), "rolled-back");
    play.assert_status("release/prod", "failed");
    play.assert_ended("failed");
    play
}

#[test]
fn s14_services_serial_the_first_fails_and_the_second_never_starts() {
    let play = failing(
        "serial s in [S1, S2, S3] serial i in [E1.I1]",
        "S1",
        "E1.I1",
    );
    for service in ["S2", "S3"] {
        play.assert_never_started(&cell(service, "E1.I1"));
        play.assert_status(&cell(service, "E1.I1"), "skipped");
    }
}

#[test]
fn s15_services_serial_what_was_done_before_the_failure_is_kept() {
    let play = failing(
        "serial i in [E1.I1] serial s in [S2, S1, S3]",
        "S1",
        "E1.I1",
    );
    play.assert_status(&cell("S2", "E1.I1"), "succeeded");
    play.assert_never_started("**/deploy[S2, E1.I1]/install/undo");
    play.assert_status(&cell("S3", "E1.I1"), "skipped");
}

#[test]
fn s16_services_parallel_one_fails_alone() {
    let play = failing(
        "serial i in [E1.I1] parallel s in [S1, S2, S3]",
        "S1",
        "E1.I1",
    );
    for service in ["S2", "S3"] {
        play.assert_status(&cell(service, "E1.I1"), "succeeded");
        play.assert_never_started(&format!("**/deploy[{service}, E1.I1]/install/undo"));
    }
    // They were still running when it failed, and ran to their own end.
    play.assert_overlap(&cell("S1", "E1.I1"), &cell("S2", "E1.I1"));
}

#[test]
fn s17_one_workflow_on_several_infrastructures_is_as_many_runs() {
    let play = failing("s in [S1] parallel i in [E1.*, E2.*]", "S1", "E2.K82");
    for target in ["E1.I1", "E1.I2", "E2.K81"] {
        play.assert_status(&cell("S1", target), "succeeded");
        play.assert_never_started(&format!("**/deploy[S1, {target}]/install/undo"));
    }
}

#[test]
fn s17_the_failing_one_applies_its_own_failure_strategy() {
    let text = staged(
        "matrix parallel i in E1.* parallel s in [S1, S2, S3] {\n\
         deploy s to i on failure { log \"strategy of ${s.name} on ${i.name}\" }\n}",
    );
    let play = play(&text, &Direction::default().fails(&command("S2", "E1.I2")));
    assert_eq!(play.logged(), ["strategy of S2 on E1.I2"]);
    play.assert_status(&cell("S2", "E1.I2"), "rolled-back");
}

#[test]
fn s18_any_failed_member_makes_stage_and_pipeline_fail() {
    for (service, target) in [("S1", "E1.I1"), ("S3", "E1.I2"), ("S2", "E1.I1")] {
        failing(
            "parallel i in E1.* parallel s in [S1, S2, S3]",
            service,
            target,
        );
    }
}

/// What becomes of the other three cells when only S1@I1 fails.
#[test]
fn s14_to_s18_the_four_rows_of_end_states() {
    const NOT: &str = "skipped";
    const KEPT: &str = "succeeded";
    for (says, axes, [s2i1, s1i2, s2i2]) in [
        (
            "serial / serial",
            "serial i in E1.* serial s in [S1, S2]",
            [NOT, NOT, NOT],
        ),
        (
            "parallel / serial",
            "serial i in E1.* parallel s in [S1, S2]",
            [KEPT, NOT, NOT],
        ),
        (
            "serial / parallel, in waves",
            "serial s in [S1, S2] parallel i in E1.*",
            [NOT, KEPT, KEPT],
        ),
        (
            "serial / parallel, in lanes",
            "parallel i in E1.* serial s in [S1, S2]",
            [NOT, KEPT, KEPT],
        ),
        (
            "parallel / parallel",
            "parallel i in E1.* parallel s in [S1, S2]",
            [KEPT, KEPT, KEPT],
        ),
        (
            "parallel / parallel, the other way round",
            "parallel s in [S1, S2] parallel i in E1.*",
            [KEPT, KEPT, KEPT],
        ),
    ] {
        let play = failing(axes, "S1", "E1.I1");
        let others = [
            ("S2", "E1.I1", s2i1),
            ("S1", "E1.I2", s1i2),
            ("S2", "E1.I2", s2i2),
        ];
        for (service, target, wanted) in others {
            assert_eq!(
                play.status(&cell(service, target)),
                wanted,
                "{says}: {service}@{target}"
            );
            if wanted == NOT {
                play.assert_never_started(&cell(service, target));
            }
            play.assert_never_started(&format!("**/deploy[{service}, {target}]/install/undo"));
        }
    }
}

/// A6: no new cell of a later wave starts, and those that run go on to their end.
#[test]
fn a6_running_cells_finish_and_queued_ones_are_skipped() {
    let play = failing(
        "serial i in E1.* parallel s in [S1, S2, S3] max 2",
        "S1",
        "E1.I1",
    );
    play.assert_status(&cell("S2", "E1.I1"), "succeeded");
    // Of the same wave, though it had to wait for a slot: it is not of a later one.
    play.assert_status(&cell("S3", "E1.I1"), "succeeded");
    for service in ["S1", "S2", "S3"] {
        play.assert_status(&cell(service, "E1.I2"), "skipped");
    }
}
