//! `lockstep import`.

use crate::support::Test;

const PIPELINE: &str = "\
pipeline:
  identifier: hello
  tags: {team: a}
  delegateSelectors: [linux]
  stages:
    - stage:
        identifier: greet
        type: Custom
        spec:
          execution:
            steps:
              - step:
                  identifier: say
                  type: ShellScript
                  spec:
                    shell: Bash
                    source: { type: Inline, spec: { script: echo hello } }
              - step: { identifier: ticket, type: JiraCreate, spec: { projectKey: A } }
";

const WORKFLOW: &str = "\
on: workflow_dispatch
jobs:
  greet:
    runs-on: ubuntu-latest
    steps:
      - run: echo hello
";

#[test]
fn a_pipeline_is_written_and_the_report_says_the_rest() {
    let test = Test::new().file("hello.yaml", PIPELINE);
    let said = test.args(["import", "harness", "hello.yaml"]).said();
    assert_eq!(
        said.stdout,
        "pipeline hello {\n  stage greet {\n    step say {\n      run 'echo hello'\n    }\n    \
         # not imported: step ticket of type JiraCreate: steps of this type have no counterpart\n  \
         }\n}\n"
    );
    let lines: Vec<&str> = said.stderr.lines().collect();
    assert_eq!(lines.len(), 4, "{}", said.stderr);
    assert!(lines[0].starts_with("dropped       hello.yaml:4:22   delegateSelectors"));
    assert!(lines[1].starts_with("not imported  hello.yaml:18:23  step ticket of type JiraCreate"));
    assert_eq!(lines[3], "1 not imported, 1 dropped");
    assert_eq!(said.code, 0);
}

#[test]
fn what_is_written_passes_check_and_nothing_is_overwritten() {
    let test = Test::new().file("greet.yml", WORKFLOW).args([
        "import",
        "github",
        "greet.yml",
        "--output",
        "greet.deploy",
    ]);
    let said = test.said();
    assert_eq!(
        (said.stdout.as_str(), said.code),
        ("", 0),
        "{}",
        said.stderr
    );
    let written = std::fs::read_to_string(test.path("greet.deploy")).expect("the new file");
    assert!(written.contains("run 'echo hello'"), "{written}");
    let again = test.said();
    assert_eq!(again.code, 2);
    assert!(
        again.stderr.contains("`greet.deploy` is there already"),
        "{}",
        again.stderr
    );
}

#[test]
fn what_cannot_be_read_is_refused_with_its_place() {
    for (text, says) in [
        ("pipeline: [\n", "bad.yaml:2:1"),
        ("a: b\n", "no pipeline"),
        ("pipeline: {a: 1, a: 2}\n", "bad.yaml:1:18"),
    ] {
        let test = Test::new().file("bad.yaml", text);
        let said = test.args(["import", "harness", "bad.yaml"]).said();
        assert_eq!((said.stdout.as_str(), said.code), ("", 2), "{text}");
        assert!(said.stderr.contains(says), "{text}: {}", said.stderr);
    }
    let said = Test::new().args(["import", "harness", "gone.yaml"]).said();
    assert_eq!(said.code, 2);
    assert!(
        said.stderr.contains("cannot read `gone.yaml`"),
        "{}",
        said.stderr
    );
}
