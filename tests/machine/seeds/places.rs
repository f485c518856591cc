//! Statements 27 to 33, 40 and 41: environments, groups, lists of infrastructures, inputs. The
//! limits of the product that is described there (one group, template variables, a single
//! environment) are not copied: what they allow works, and more.

use super::{Direction, WORLD, play, staged};
use crate::machine::play::{Play, try_plan};

/// Where deployments went, in the order of the story.
fn targets(play: &Play) -> Vec<String> {
    let path = |line: String| line.rsplit_once(' ').map(|(path, _)| path.to_string());
    let target = |path: String| {
        let (_, end) = path.rsplit_once(", ")?;
        Some(end.trim_end_matches(']').to_string())
    };
    let nodes = play.statuses("**/deploy[S1, *]");
    nodes
        .into_iter()
        .filter_map(path)
        .filter_map(target)
        .collect()
}

#[test]
fn s27_each_environment_gives_one_or_more_infrastructures_or_all() {
    for (list, wanted) in [
        ("[E1.I2, E2.*]", ["E1.I2", "E2.K82", "E2.K81"].as_slice()),
        ("[E1.*, E2.K81]", &["E1.I1", "E1.I2", "E2.K81"]),
        ("[E1.I1, E2.K82]", &["E1.I1", "E2.K82"]),
        ("E2.*", &["E2.K82", "E2.K81"]),
    ] {
        let text = staged(&format!(
            "matrix serial i in {list} s in [S1, S2, S3] {{ deploy s to i }}"
        ));
        assert_eq!(
            targets(&play(&text, &Direction::default())),
            wanted,
            "{list}"
        );
    }
}

#[test]
fn s28_a_group_with_a_subset_of_environments_and_of_infrastructures() {
    let stage = |list: &str| format!("stage prod {{ serial i in {list} {{ deploy S1 to i }} }}");
    let text = |list: &str| {
        let groups = "group some = [E1.*, E2.K81]\ngroup rest = [E2.K82]\n";
        format!("{WORLD}{groups}pipeline release {{ {} }}\n", stage(list))
    };
    let three = targets(&play(&text("some"), &Direction::default()));
    assert_eq!(three, ["E1.I1", "E1.I2", "E2.K81"]);
    let narrowed = "[i for i in some if i.environment == E1]";
    let two = targets(&play(&text(narrowed), &Direction::default()));
    assert_eq!(two, ["E1.I1", "E1.I2"]);
    // More than one group in a stage works too.
    let four = targets(&play(&text("some + rest"), &Direction::default()));
    assert_eq!(four, ["E1.I1", "E1.I2", "E2.K81", "E2.K82"]);
}

#[test]
fn s29_several_services_to_one_infrastructure_need_no_axis_for_it() {
    let text = staged("parallel s in [S1, S2, S3] { deploy s to E1.I1 }");
    let direction = Direction::default().together("**/deploy[*, E1.I1]/**", 3);
    play(&text, &direction).assert_ended("succeeded");
}

fn with_input() -> String {
    let ids = WORLD
        .replace(
            "infrastructure I1: app {}",
            "infrastructure I1: app { id = \"k8s1\" }",
        )
        .replace(
            "infrastructure I2: app {}",
            "infrastructure I2: app { id = \"k8s2\" }",
        );
    format!(
        "{ids}\ninput targets: [infrastructure<app>]\n\
         pipeline release {{ stage prod {{ parallel i in targets {{ deploy S1 to i }} }} }}\n"
    )
}

fn given(targets: &str) -> Direction {
    Direction::default().input("targets", targets)
}

#[test]
fn s30_s32_several_infrastructures_as_one_value_by_names_or_ids_and_they_start_together() {
    for list in ["k8s1,k8s2", "E1.I1,E1.I2", "E1.*", " k8s1 , k8s2 "] {
        let direction = given(list).together("**/deploy[S1, *]/**", 2);
        let play = play(&with_input(), &direction);
        play.assert_ended("succeeded");
        assert_eq!(targets(&play), ["E1.I1", "E1.I2"], "{list}");
    }
}

/// A13, A16: wrong and missing values are reported before anything runs.
#[test]
fn a13_a16_empty_unknown_repeated_and_missing_entries_are_refused() {
    let said = |inputs: &[(String, String)]| try_plan(&with_input(), inputs).expect_err("refused");
    for (list, wanted) in [
        ("k8s1,,k8s2", "empty"),
        ("k8s1,k8s3", "k8s3"),
        ("k8s1,E1.I1", "twice"),
        ("E1.*,E1.I2", "twice"),
    ] {
        let said = said(&given(list).inputs);
        assert!(said.contains(wanted), "{list}: {said}");
    }
    assert!(said(&[]).contains("targets"));
}

/// 31 and 33 are limits of template variables; what they allow is a parameter, and phases may
/// share one or have several.
#[test]
fn s31_s33_phases_of_one_workflow_share_the_infrastructure_or_have_their_own() {
    let workflow = "workflow phases(s: service<app>, i: infrastructure<app>, \
                    other: infrastructure<app> = E2.K81) {\n\
                    step canary { run \"canary on ${i.name}\" }\n\
                    step rest { run \"rest on ${i.name} beside ${other.name}\" }\n}\n";
    let body = "stage prod { serial i in E1.* { deploy S1 to i using phases } }";
    let text = format!("{WORLD}{workflow}pipeline release {{ {body} }}\n");
    let play = play(&text, &Direction::default());
    assert_eq!(
        play.commands(),
        [
            "canary on E1.I1",
            "rest on E1.I1 beside E2.K81",
            "canary on E1.I2",
            "rest on E1.I2 beside E2.K81"
        ]
    );
}

#[test]
fn s40_only_services_of_the_deployment_type_may_be_chosen() {
    let other = "kind other { deploy using install-other }\n\
                 workflow install-other(s: service<other>, i: infrastructure<other>) {}\n\
                 service odd: other {}\n";
    let direct = format!("{WORLD}{other}pipeline p {{ deploy odd to E1.I1 }}");
    let said = try_plan(&direct, &[]).expect_err("refused");
    assert!(said.contains("E0312"), "{said}");
}

#[test]
fn s41_inputs_of_a_service_are_seen_in_the_stage_and_can_be_fixed_there() {
    let text = r#"
input tag: string
service S1: app { tag = tag }
service S2: app { tag = tag }
environment E1 {
  override S2 { tag = "fixed" }
  infrastructure I1: app {}
}
kind app { service { tag: string } deploy using install }
workflow install(s: service<app>, i: infrastructure<app>) { run "install ${s.name} ${s.tag}" }
pipeline release { stage prod { serial s in [S1, S2] { deploy s to E1.I1 } } }
"#;
    let said = try_plan(text, &[]).expect_err("refused");
    assert!(said.contains("tag"), "{said}");
    let play = play(text, &Direction::default().input("tag", "v7"));
    assert_eq!(play.commands(), ["install S1 v7", "install S2 fixed"]);
}
