//! Files that are made to be difficult end in bounded time, without a panic.

#![allow(
    clippy::unwrap_used,
    reason = "a test stops where something is not as it should be"
)]

use std::fmt::Write;

use lockstep_import::{SourceFile, github, harness};

fn file(text: String) -> Vec<SourceFile> {
    vec![SourceFile {
        path: "hostile.yaml".into(),
        text,
    }]
}

/// A pipeline with these steps.
fn pipeline(steps: &str) -> String {
    format!(
        "pipeline:\n  identifier: p\n  stages:\n    - stage:\n        identifier: s\n        \
         type: Custom\n        spec:\n          execution:\n            steps:\n{steps}"
    )
}

#[test]
fn nesting_has_a_limit() {
    for text in [
        "[".repeat(100_000),
        "{a: ".repeat(100_000),
        "- ".repeat(50_000),
    ] {
        let imported = harness(&file(text.clone()));
        assert!(imported.is_unreadable());
        assert!(imported.notes[0].line > 0 && imported.notes[0].column > 0);
        assert!(github(&file(text)).is_unreadable());
    }
    let nested = format!("<+{}>", "(".repeat(50_000));
    let step = format!(
        "              - step: {{identifier: a, type: Wait, spec: {{duration: 1s}}, when: \
         {{stageStatus: All, condition: \"{nested}\"}}}}\n"
    );
    assert!(!harness(&file(pipeline(&step))).is_unreadable());
}

#[test]
fn templates_in_themselves_end() {
    let mut steps = String::new();
    for number in 0..10 {
        let step = "identifier: a, template: {templateRef: t}";
        writeln!(steps, "              - step: {{{step}, name: n{number}}}").unwrap();
    }
    let template = steps.replace("              - ", "      - ");
    let text = format!(
        "{}---\ntemplate:\n  identifier: t\n  versionLabel: v1\n  type: StepGroup\n  spec:\n    \
         steps:\n{template}",
        pipeline(&steps)
    );
    assert!(!harness(&file(text)).is_unreadable());
}

#[test]
fn many_steps_and_many_jobs_end() {
    let mut steps = String::new();
    for _ in 0..400 {
        let source = "source: {type: Inline, spec: {script: 'echo <+pipeline.name>'}}";
        let spec = format!("spec: {{shell: Bash, {source}}}");
        writeln!(
            steps,
            "              - step: {{identifier: a, type: ShellScript, {spec}}}"
        )
        .unwrap();
    }
    let imported = harness(&file(pipeline(&steps)));
    assert_eq!(imported.text.matches("step a").count(), 400);
    let mut jobs = String::from("on: workflow_dispatch\njobs:\n");
    for job in 0..300 {
        let needs = if job == 0 {
            String::new()
        } else {
            format!("needs: [j{}], ", job - 1)
        };
        writeln!(jobs, "  j{job}: {{{needs}steps: [{{run: ./a.sh}}]}}").unwrap();
    }
    let imported = github(&file(jobs));
    assert_eq!(imported.text.matches("stage j").count(), 300);
}
