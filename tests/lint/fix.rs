//! What `--fix` changes: before and after, and what it never changes.

use std::collections::BTreeMap;

use lockstep_base::world;
use lockstep_lint::{self as lint, Config, FixedText};

use crate::tidy::files;

struct Memory(BTreeMap<String, String>);

impl world::Files for Memory {
    fn read(&self, path: &str) -> Result<String, world::FileError> {
        let text = self.0.get(path.strip_prefix("./").unwrap_or(path));
        text.cloned().ok_or(world::FileError::NotFound)
    }
}

fn fix(others: &[(&str, &str)], text: &str) -> FixedText {
    let others = others
        .iter()
        .map(|(name, text)| (name.to_string(), text.to_string()));
    let mut files: BTreeMap<String, String> = others.collect();
    files.insert(String::from("a.deploy"), text.to_string());
    lint::fix(&Memory(files), "a.deploy", text, &Config::default())
}

#[track_caller]
fn becomes(before: &str, after: &str) {
    let fixed = fix(&[], before);
    assert_eq!(fixed.refused, None);
    assert_eq!(fixed.text, after);
}

#[test]
fn imports_are_taken_out() {
    becomes(
        "from \"std/health\" import http-ok, port-open, file-there as there\n\n\
         pipeline a {\n  port-open(\"localhost\", 80)\n}\n",
        "from \"std/health\" import port-open\n\n\
         pipeline a {\n  port-open(\"localhost\", 80)\n}\n",
    );
    becomes(
        "# About the file.\n\nimport \"std/health\" as health\nfrom \"std/release\" import place\n\n\
         pipeline a {\n  log \"a\"\n}\n",
        "# About the file.\n\npipeline a {\n  log \"a\"\n}\n",
    );
}

#[test]
fn values_are_taken_out_and_their_effects_stay() {
    becomes(
        "action page(text: string) -> bool\n\npipeline a {\n  let x = run \"x\" timeout 1s\n  \
         let y = page(\"y\")\n  let z = 1\n  log \"a\"\n}\n",
        "action page(text: string) -> bool\n\npipeline a {\n  run \"x\" timeout 1s\n  \
         page(\"y\")\n  log \"a\"\n}\n",
    );
}

#[test]
fn what_is_only_used_by_what_goes_goes_too() {
    becomes(
        "from \"std/health\" import http-ok\n\n## One.\nlet one = 1\n\nlet two = one + 1\n\n\
         workflow look() {\n  let three = two\n  run \"look\"\n}\n\n\
         pipeline a {\n  let x = 1\n  let y = x + 1\n  let z = y\n  look()\n}\n",
        "workflow look() {\n  run \"look\"\n}\n\npipeline a {\n  look()\n}\n",
    );
}

#[test]
fn an_import_that_brings_inputs_stays() {
    let other = "input tag: string = \"v1\"\nworkflow look() { run \"look ${tag}\" }\n";
    let text = "import \"./other.deploy\" as other\n\npipeline a {\n  let x = 1\n  log \"a\"\n}\n";
    let fixed = fix(&[("other.deploy", other)], text);
    // Without the import a caller could not give the input any more; everything else is fixed.
    assert_eq!(
        fixed.text,
        "import \"./other.deploy\" as other\n\npipeline a {\n  log \"a\"\n}\n"
    );
    assert_eq!(
        fixed.refused.as_deref(),
        Some("the program would not be the same")
    );
}

/// Without it a run that fails would succeed: what may fail is evaluated though nothing reads it.
#[test]
fn a_value_that_may_fail_stays() {
    let declared = [
        "env(\"NOT_SET\")",
        "file(\"./not-there\")",
        "1 / n",
        "from-json(t).a",
        "int(t)",
        "[1, 2][n]",
        "n + 1",
    ];
    for value in declared {
        let text = format!(
            "## A number.\ninput n: int = 0\n\n## A text.\ninput t: string = \"\"\n\n\
             let x = {value}\n\npipeline a {{\n  log \"a\"\n}}\n"
        );
        assert_eq!(fix(&[], &text).text, text, "{value}");
    }
    let inside = [
        "1 / n",
        "from-json(r.stdout)",
        "int(r.stdout)",
        "split(r.stdout, \",\")[1]",
        "r.outputs[\"digest\"]",
        "\"${from-json(r.stdout)}\"",
    ];
    for value in inside {
        let text = format!(
            "## A number.\ninput n: int = 0\n\npipeline a {{\n  let r = run \"x\"\n  \
             let x = {value}\n  log \"${{r.code}} ${{n}}\"\n}}\n"
        );
        assert_eq!(fix(&[], &text).text, text, "{value}");
    }
    for value in [
        "1 + 2",
        "n",
        "[n, 2]",
        "n == 1",
        "if n > 2 then 1 else 2",
        "{ a: n }",
    ] {
        let with = |line: &str| {
            format!("## A number.\ninput n: int = 0\n\npipeline a {{\n{line}  log \"${{n}}\"\n}}\n")
        };
        let text = with(&format!("  let x = {value}\n"));
        assert_eq!(fix(&[], &text).text, with(""), "{value}");
    }
}

/// What holds a mistake may be what was to be used: it is for its writer to decide.
#[test]
fn what_has_a_mistake_is_not_removed() {
    for text in [
        "let tag = None\npipeline p {\n  run \"make\"\n}\n",
        "let tag = 1 + \"a\"\npipeline p {\n  run \"make\"\n}\n",
        "workflow w() {\n  run \"make ${tag}\"\n}\npipeline p {\n  run \"make\"\n}\n",
        "from \"./b.deploy\" import gone\npipeline p {\n  run \"make\"\n}\n",
    ] {
        let others = [("b.deploy", "let x = 1\n")];
        assert_eq!(fix(&others, text).text, text);
    }
}

#[test]
fn suppressions_of_nothing_go_and_others_hold() {
    becomes(
        "pipeline a {\n  # lockstep: allow(unused-value) for nothing\n  log \"a\"\n  \
         # lockstep: allow(unused-value) kept for the log\n  let x = run \"x\"\n}\n",
        "pipeline a {\n  log \"a\"\n  \
         # lockstep: allow(unused-value) kept for the log\n  let x = run \"x\"\n}\n",
    );
}

#[test]
fn rules_that_are_off_mend_nothing() {
    let text = "pipeline a {\n  let x = 1\n  log \"a\"\n}\n";
    let mut config = Config::default();
    config
        .set("unused-value", lint::Level::Off)
        .expect("a rule");
    let files = Memory(BTreeMap::from([("a.deploy".to_string(), text.to_string())]));
    assert_eq!(lint::fix(&files, "a.deploy", text, &config).text, text);
}

/// For all available files: fixes reach a fixed point, a second call changes nothing, and no file
/// that compiles stops compiling.
#[test]
fn fixes_are_stable() {
    let mut looked = 0;
    for file in files(
        &[
            "tests/corpus",
            "examples",
            "stdlib",
            "crates/syntax/src/tests/samples",
        ],
        "deploy",
    ) {
        let fixed = fix(&[], &file.text);
        let again = fix(&[], &fixed.text);
        assert_eq!(again.text, fixed.text, "{}", file.path);
        assert_eq!(again.done, [""; 0], "{}", file.path);
        let errors = |text: &str| {
            let verdict = crate::support::compiler::compile(
                &BTreeMap::from([("a.deploy".to_string(), text.to_string())]),
                "a.deploy",
            );
            verdict.has_errors()
        };
        looked += usize::from(!fixed.done.is_empty());
        assert!(errors(&file.text) || !errors(&fixed.text), "{}", file.path);
    }
    assert!(looked > 10, "only {looked} files were fixed");
}

/// Unfinished code that a person is typing does not make `lint` fail.
#[test]
fn any_beginning_of_a_file_can_be_looked_at() {
    let config = Config::default();
    for file in files(
        &[
            "tests/corpus/lint",
            "crates/syntax/src/tests/samples",
            "examples",
        ],
        "deploy",
    ) {
        let text = &file.text;
        for end in (0..text.len())
            .step_by(61)
            .filter(|at| text.is_char_boundary(*at))
        {
            let files = Memory(BTreeMap::from([("a".to_string(), text[..end].to_string())]));
            let compilation = lockstep_lang::compile::compile(&files, "a");
            for finding in lint::lint(&compilation, None, &config) {
                let span = finding.span().expect("a place");
                assert!(
                    text[..end].get(span.range()).is_some(),
                    "{} {end}",
                    file.path
                );
            }
        }
    }
}
