//! Statements 19 to 26: barriers between branches that run in parallel.

use super::{Direction, WORLD, play};
use crate::machine::play::Play;

const WORKFLOWS: &str = r#"
workflow backend(s: service<app>, i: infrastructure<app>) {
  install(s, i)
  barrier BE
  barrier FE
}

workflow frontend(s: service<app>, i: infrastructure<app>) {
  barrier BE
  install(s, i)
  barrier FE
}

workflow swapped(s: service<app>, i: infrastructure<app>) {
  install(s, i)
  barrier FE
  barrier BE
}
"#;

const BACKEND: &str = "deploy S1 to E1.I1 using backend";
const FRONTEND: &str = "deploy S2 to E1.I2 using frontend";
const BE: &str = "**/deploy[S1, E1.I1]";
const FE: &str = "**/deploy[S2, E1.I2]";

fn together(first: &str, second: &str) -> String {
    let body = format!("stage prod {{ parallel {{\n{first}\n{second}\n}} }}");
    format!("{WORLD}{WORKFLOWS}\npipeline release {{\n{body}\n}}\n")
}

fn works(text: &str) -> Play {
    let direction = Direction::default().takes(&format!("{BE}/**"), 200);
    let play = play(text, &direction.takes(&format!("{FE}/**"), 70));
    play.assert_ended("succeeded");
    play
}

#[test]
fn s19_s20_s21_backend_then_frontend_and_the_backend_ends_after_it() {
    let play = works(&together(BACKEND, FRONTEND));
    play.assert_before(&format!("{BE}/install"), &format!("{FE}/install"));
    // Both run: the backend waits for the frontend, and no time is lost.
    play.assert_overlap(BE, FE);
    assert_eq!(play.trace.ended_at, 270);
}

#[test]
fn s22_a_failing_frontend_rolls_its_waiting_backend_back_and_says_why() {
    let direction = Direction::default().fails("**/deploy[S2, *]/install/install/run");
    let play = play(&together(BACKEND, FRONTEND), &direction);
    play.assert_ended("failed");
    play.assert_status(BE, "rolled-back");
    play.assert_status(FE, "rolled-back");
    let why = play.failure(BE);
    assert!(
        why.starts_with("barrier: barrier `FE` was broken: "),
        "{why}"
    );
    let frontend = "deploy[S2, E1.I2]/install/install/run` failed: exit code 1";
    assert!(why.ends_with(frontend), "{why}");
    // The failure of the frontend is its own, not that of the barrier.
    assert_eq!(play.failure(FE), "exit: exit code 1");
}

#[test]
fn s22_a_failing_backend_keeps_the_frontend_from_starting() {
    let direction = Direction::default().fails("**/deploy[S1, *]/install/install/run");
    let play = play(&together(BACKEND, FRONTEND), &direction);
    play.assert_never_started(&format!("{FE}/install"));
    play.assert_status(BE, "rolled-back");
    assert!(play.failure(FE).contains("barrier `BE` was broken"));
}

#[test]
fn s23_swapped_barriers_end_with_a_message_instead_of_hanging() {
    let text = together("deploy S1 to E1.I1 using swapped", FRONTEND);
    let play = play(&text, &Direction::default());
    play.assert_ended("failed");
    let said = |path: &str| play.failure(path);
    let (backend, frontend) = (
        said(&format!("{BE}/barrier[FE]")),
        said(&format!("{FE}/barrier[BE]")),
    );
    assert_eq!(
        backend,
        "barrier: deadlock: no other strand can arrive at barrier `FE`: \
         `release/prod/parallel/deploy[S2, E1.I2]` waits at barrier `BE`"
    );
    assert_eq!(
        frontend,
        "barrier: deadlock: no other strand can arrive at barrier `BE`: \
         `release/prod/parallel/deploy[S1, E1.I1]` waits at barrier `FE`"
    );
    play.assert_status(BE, "rolled-back");
}

#[test]
fn s24_the_order_in_which_branches_are_written_does_not_matter() {
    let one = works(&together(BACKEND, FRONTEND));
    let other = works(&together(FRONTEND, BACKEND));
    for play in [&one, &other] {
        play.assert_before(&format!("{BE}/install"), &format!("{FE}/install"));
    }
    assert_eq!(one.trace.ended_at, other.trace.ended_at);
    let direction = Direction::default().fails("**/deploy[S2, *]/install/install/run");
    let play = play(&together(FRONTEND, BACKEND), &direction);
    play.assert_status(BE, "rolled-back");
}

const REGIONS: &str = r#"
workflow held(s: service<app>, i: infrastructure<app>) {
  install(s, i)
  barrier everywhere
}
"#;

#[test]
fn s25_one_region_fails_and_every_region_returns_to_its_previous_version() {
    let body = "stage prod { matrix parallel i in [E1.*, E2.*] parallel s in [S1, S2, S3] {\n\
                deploy s to i using held\n} }";
    let text = format!("{WORLD}{REGIONS}\npipeline release {{ {body} }}\n");
    let direction = Direction::default()
        .takes("**/deploy[*, E2.K81]/**", 300)
        .fails("**/deploy[S3, E2.K81]/install/install/run");
    let play = play(&text, &direction);
    play.assert_ended("failed");
    let all = play.statuses("**/deploy[*, *]");
    assert_eq!(all.len(), 12);
    assert!(
        all.iter().all(|line| line.ends_with(" rolled-back")),
        "{all:#?}"
    );
}

/// A7: a failure propagates to a peer only while they still have a barrier in common.
#[test]
fn a7_past_the_last_barrier_a_deployment_is_isolated() {
    let workflow = "workflow after(s: service<app>, i: infrastructure<app>) {\n\
                    install(s, i) barrier everywhere run \"smoke test\" }\n";
    let body = "stage prod { parallel s in [S1, S2, S3] { deploy s to E1.I1 using after } }";
    let text = format!("{WORLD}{workflow}\npipeline release {{ {body} }}\n");
    let direction = Direction::default().fails("**/deploy[S1, E1.I1]/run");
    let play = play(&text, &direction.takes("**/deploy[S2, E1.I1]/run", 100));
    play.assert_status("**/deploy[S1, E1.I1]", "rolled-back");
    play.assert_status("**/deploy[S2, E1.I1]", "succeeded");
    play.assert_status("**/deploy[S3, E1.I1]", "succeeded");
}

#[test]
fn s26_all_services_are_deployed_before_the_integration_tests() {
    let joined = "stage prod {\n\
                  parallel s in [S1, S2, S3] { deploy s to E1.I1 }\n\
                  step tests { run \"integration tests\" }\n}";
    let beside = "stage prod { parallel {\n\
                  parallel s in [S1, S2, S3] { deploy s to E1.I1 using held }\n\
                  serial { barrier everywhere step tests { run \"integration tests\" } }\n} }";
    for body in [joined, beside] {
        // Some meet inside of a loop, and another one beside it.
        let text = format!("{WORLD}{REGIONS}\npipeline release {{ {body} }}\n");
        let text = text.replace("barrier everywhere", "barrier everywhere across stage");
        let direction = Direction::default().takes("**/deploy[S2, *]/**", 300);
        let play = play(&text, &direction);
        play.assert_ended("succeeded");
        play.assert_before("**/deploy[*, *]/install", "**/tests");
    }
}
