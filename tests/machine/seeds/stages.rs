//! Statements 34 to 36: stages in parallel, and infrastructures that they share. And what the
//! product of statement 39 cannot do: carrying services on to a later stage.

use super::{Direction, WORLD, piped, play};
use crate::machine::play::Play;

#[test]
fn s34_parallel_groups_stages_and_one_outside_is_no_part_of_it() {
    let text = piped(
        "stage before { deploy S1 to E1.I1 }\n\
         parallel {\n\
           stage one { deploy S2 to E1.I1 }\n\
           stage two { deploy S2 to E1.I2 }\n\
         }\n\
         stage after { deploy S3 to E1.I1 }",
    );
    let direction = Direction::default().together("release/parallel/**", 2);
    let play = play(&text, &direction);
    play.assert_ended("succeeded");
    play.assert_overlap("release/parallel/one", "release/parallel/two");
    play.assert_before("release/before", "release/parallel/*");
    play.assert_before("release/parallel/*", "release/after");
}

const SHARED: &str = "parallel {\n\
                      stage one { matrix s in [S1, S2, S3] serial i in E1.* { deploy s to i } }\n\
                      stage two { matrix s in [S1, S2, S3] serial i in [E1.I2, E2.K82] { deploy s to i } }\n\
                      stage apart { parallel s in [S1, S2, S3] { deploy s to E2.K81 } }\n\
                      }";

fn shared(text: &str) -> Play {
    let direction = Direction::default().takes("**/one/**", 100);
    play(text, &direction.takes("**/apart/**", 150))
}

#[test]
fn s35_two_parallel_stages_on_one_infrastructure_run_one_after_the_other() {
    let play = shared(&piped(SHARED));
    play.assert_ended("succeeded");
    // First declared, first served. The second takes its infrastructures together.
    play.assert_before("**/one/**/deploy[*, E1.I2]", "**/two/**/deploy[*, *]");
    // Different infrastructures overlap.
    play.assert_overlap(
        "**/one/**/deploy[S1, E1.I1]",
        "**/apart/**/deploy[S1, E2.K81]",
    );
    // Its own deployments share a stage's locks.
    play.assert_overlap("**/one/**/deploy[S1, E1.I1]", "**/one/**/deploy[S2, E1.I1]");
    assert!(
        play.story()
            .contains("/deploy[S1, E1.I2] waits for E1.I2, E2.K82")
    );
}

#[test]
fn a10_an_infrastructure_can_opt_out() {
    let free = WORLD.replace(
        "{}\n  infrastructure I2: app {}",
        "{}\n  infrastructure I2: app { exclusive = false }",
    );
    assert_ne!(free, WORLD);
    let text = format!(
        "{free}pipeline release {{ parallel {{\n\
         stage one {{ deploy S1 to E1.I2 }}\n\
         stage two {{ deploy S2 to E1.I2 }}\n}} }}\n"
    );
    let play = play(
        &text,
        &Direction::default().together("**/deploy[*, E1.I2]/**", 2),
    );
    play.assert_ended("succeeded");
}

#[test]
fn s36_multi_service_stages_in_parallel_deploy_each_service_to_each_environment_in_parallel() {
    let text = piped(
        "parallel {\n\
         stage one { matrix parallel i in E1.* parallel s in [S1, S2, S3] { deploy s to i } }\n\
         stage two { matrix parallel i in E2.* parallel s in [S1, S2, S3] { deploy s to i } }\n}",
    );
    let play = play(
        &text,
        &Direction::default().together("**/deploy[*, *]/**", 12),
    );
    play.assert_ended("succeeded");
    assert_eq!(play.trace.width, 12);
}

/// 39 and A14: what the product cannot do is a matter of naming the earlier stage.
#[test]
fn a14_a_later_stage_carries_the_services_of_an_earlier_one_on() {
    let text = piped(
        "stage qa { parallel s in [S3, S1] { deploy s to E1.I1 } }\n\
         stage prod { matrix serial i in E2.* parallel s in qa.services { deploy s to i } }",
    );
    let play = play(&text, &Direction::default());
    let there: Vec<String> = play.statuses("release/prod/**/deploy[*, *]");
    assert_eq!(
        there,
        [
            "release/prod/matrix[E2.K82, S3]/deploy[S3, E2.K82] succeeded",
            "release/prod/matrix[E2.K82, S1]/deploy[S1, E2.K82] succeeded",
            "release/prod/matrix[E2.K81, S3]/deploy[S3, E2.K81] succeeded",
            "release/prod/matrix[E2.K81, S1]/deploy[S1, E2.K81] succeeded",
        ]
    );
}
