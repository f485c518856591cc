//! Which axes are alike: those whose values are only named, and no others.

use super::super::symmetry::tests::plan;
use super::alike_axes;

const WORLD: &str = "
kind app { service { v: string = \"1\" } deploy using roll }
service a: app { v = \"2\" }
service b: app {}
environment e { infrastructure x: app {} infrastructure y: app {} }
";

/// How many axes of a pipeline are alike whose deployments have this workflow.
fn count(workflow: &str, pipeline: &str) -> usize {
    let params = "(s: service<app>, i: infrastructure<app>)";
    let text = format!("{WORLD}workflow roll{params} {{ {workflow} }}\npipeline p {pipeline}");
    match plan(&text) {
        Ok(plan) => alike_axes(&plan).len(),
        Err(said) => panic!("{said}\n{text}"),
    }
}

const MATRIX: &str = "{ matrix parallel i in e.* parallel s in [a, b] { deploy s to i } }";

#[test]
fn values_that_are_only_named_are_alike() {
    let all_named = [
        "run \"/bin/do ${s.v} ${i.name}\"",
        "step put { run \"/bin/do ${s.v}\" } undo { run \"/bin/undo ${s.name}\" }",
        "let t = \"${s.v}-${i.name}\" run \"/bin/do ${t}\"",
        "log \"${s.name}\" run \"/bin/do\" on failure { log \"${failure.message}\" ignore }",
        "let r = run \"/bin/look ${s.v}\" if r.stdout == \"1\" { run \"/bin/do\" }",
        "with env { V: s.v } { run \"/bin/do\" timeout 1m }",
    ];
    for workflow in all_named {
        assert_eq!(count(workflow, MATRIX), 2, "{workflow}");
    }
}

#[test]
fn values_that_decide_something_are_not() {
    let by_service = [
        "if s.v == \"1\" { run \"/bin/do\" }",
        "let t = \"${s.v}\" if t == \"1\" { run \"/bin/do\" }",
        "run \"/bin/do\" undo { if s.v == \"1\" { run \"/bin/undo\" } }",
        "step put { run \"/bin/do ${int(s.v)}\" }",
        "step put { run \"/bin/do\" } on failure { fail \"${s.name} failed\" }",
        "parallel x in range(0, int(s.v)) { run \"/bin/do\" }",
    ];
    for workflow in by_service {
        assert!(count(workflow, MATRIX) < 2, "{workflow}");
    }
    // What is told of a failure names cells of all axes.
    let all = "if outcome.status == \"failed\" { run \"/bin/tell\" }";
    let pipeline = format!("{MATRIX} always {{ {all} }}");
    assert_eq!(count("run \"/bin/do\"", &pipeline), 0);
}

#[test]
fn cells_that_wait_for_each_other_are_not_alike() {
    let run = "run \"/bin/do\"";
    assert_eq!(count("lock \"l\" { run \"/bin/do\" }", MATRIX), 0);
    assert_eq!(count("run \"/bin/do\" barrier met", MATRIX), 0);
    for modifier in ["max 1", "max 3", "batches [1, 2]", "tolerate 1"] {
        let pipeline = MATRIX.replace(" { deploy", &format!(" {modifier} {{ deploy"));
        assert_eq!(count(run, &pipeline), 0, "{modifier}");
    }
    let serial = MATRIX.replace("parallel s", "serial s");
    assert_eq!(count(run, &serial), 1);
    let some = MATRIX.replace(" { deploy", " where s.v == \"1\" { deploy");
    assert_eq!(count(run, &some), 0);
    // Each cell has a stage of its own, and they want the same locks.
    let stages = "{ parallel s in [a, b] { stage g { parallel i in e.* { deploy s to i } } } }";
    assert_eq!(count(run, stages), 0);
}
