//! `lockstep test`: the corpus with all its output, the tests of the examples and the standard
//! library, and the formats for tools.

use std::path::Path;

use regex::Regex;
use serde_json::{Value, json};

use crate::support::Test;
use crate::support::program::{Said, command, program, run};

/// The output for one file, without how long it took.
fn said(path: &Path, args: &[&str]) -> Said {
    let mut test = command(program(), path.parent().expect("a folder"));
    test.arg("test").arg(path.file_name().expect("a name"));
    let said = run({
        test.args(args);
        test
    });
    let took = Regex::new(r" in \d+\.\d+s\n").expect("a pattern");
    Said {
        stdout: took.replace_all(&said.stdout, " in [TIME]\n").into_owned(),
        ..said
    }
}

#[test]
fn corpus() {
    insta::glob!("corpus/test", "*.deploy", |path| {
        let said = said(path, &[]);
        assert_eq!(said.stderr, "");
        let all = format!("{}=> {}\n", said.stdout, said.code);
        insta::with_settings!({
            snapshot_path => "corpus/test/snapshots",
            prepend_module_to_snapshot => false,
            omit_expression => true,
        }, {
            insta::assert_snapshot!("what_is_said", all);
        });
    });
}

#[test]
fn examples_and_library_pass_their_tests() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut test = command(program(), root);
    test.args(["test", "examples", "tests/library"]);
    let said = run(test);
    assert_eq!(said.code, 0, "{}{}", said.stdout, said.stderr);
    for example in ["shop", "orders", "barriers", "regions"] {
        let file = format!("examples/{example}/{example}.deploy\n✓ ");
        assert!(said.stdout.contains(&file), "{}", said.stdout);
    }
}

const RACE: &str = "pipeline p { parallel { step one { run \"a\" } \
    serial { run \"b\" step two { run \"c\" } } } }\n\
    test \"one is first\" { start p expect \"**/one\" before \"**/two\" }\n";

#[test]
fn a_seed_leads_to_the_same_schedule_again() {
    let test = |seed: &str| {
        Test::new().file("race.deploy", RACE).args([
            "test",
            "--schedules",
            "1",
            "--seed",
            seed,
            "--format",
            "json",
        ])
    };
    let ended: Vec<i32> = (0..8)
        .map(|seed| test(&seed.to_string()).said().code)
        .collect();
    assert!(ended.contains(&0) && ended.contains(&1), "{ended:?}");
    let again: Vec<i32> = (0..8)
        .map(|seed| test(&seed.to_string()).said().code)
        .collect();
    assert_eq!(ended, again);
}

#[test]
fn tools_are_told_in_their_format() {
    let test = Test::new()
        .file("race.deploy", RACE)
        .args(["test", "--format", "json"]);
    let said = test.said();
    let found: Value = serde_json::from_str(&said.stdout).expect("JSON");
    assert_eq!(
        (&found["passed"], &found["failed"], said.code),
        (&json!(0), &json!(1), 1)
    );
    let one = &found["tests"][0];
    assert_eq!(
        (&one["name"], &one["line"]),
        (&json!("one is first"), &json!(2))
    );
    assert_eq!((&one["schedules"], &one["all"]), (&json!(3), &json!(true)));
    let finding = &one["findings"][0];
    assert_eq!(finding["code"], "E0740");
    assert!(
        finding["schedule"]["failing"]
            .as_u64()
            .is_some_and(|it| it < 3)
    );
    assert_eq!(finding["schedule"]["events"][0]["event"], "node-started");

    let test = Test::new()
        .file("race.deploy", RACE)
        .args(["test", "--format", "junit"]);
    let said = test.said();
    let text = &said.stdout;
    assert!(
        text.starts_with("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites "),
        "{text}"
    );
    assert!(
        text.contains(" tests=\"1\" failures=\"1\" errors=\"0\" "),
        "{text}"
    );
    assert!(
        text.contains("<failure type=\"E0740\" message=\"`p/parallel/"),
        "{text}"
    );
    assert!(text.ends_with("  </testsuite>\n</testsuites>\n"), "{text}");
}

/// Tools get their format also where no test can be run.
#[test]
fn tools_are_told_what_cannot_be_tested() {
    let broken = "pipeline p { log x }\ntest \"t\" { start p expect p succeeded }\n";
    let said = |format: &str, file: &str, text: &str| {
        let test = Test::new().file("a.deploy", text);
        let said = test.args(["test", file, "--format", format]).said();
        assert_eq!(said.code, 2, "{}", said.stdout);
        assert!(said.stderr.contains("error[E0"), "{}", said.stderr);
        said.stdout
    };
    for (file, text, suite, code) in [
        ("a.deploy", broken, "a.deploy", "E0201"),
        ("nowhere.deploy", broken, "lockstep test", "E0703"),
        ("a.deploy", "pipeline p {}", "lockstep test", "E0745"),
    ] {
        let xml = said("junit", file, text);
        assert!(xml.starts_with("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites "));
        assert!(
            xml.contains(" tests=\"1\" failures=\"0\" errors=\"1\" "),
            "{xml}"
        );
        assert!(
            xml.contains(&format!("<testsuite name=\"{suite}\" ")),
            "{xml}"
        );
        assert!(
            xml.contains(&format!("<error type=\"{code}\" message=\"")),
            "{xml}"
        );
        assert!(xml.ends_with("  </testsuite>\n</testsuites>\n"), "{xml}");
        let found: Value = serde_json::from_str(&said("json", file, text)).expect("JSON");
        assert_eq!(
            (&found["tests"], &found["errors"][0]["code"]),
            (&json!([]), &json!(code))
        );
    }
    assert_eq!(said("text", "a.deploy", broken), "");
}

#[test]
fn what_cannot_be_tested_is_refused() {
    let said = Test::new()
        .file("race.deploy", RACE)
        .args(["test", "--filter", "tow is first"])
        .said();
    assert_eq!((said.stdout.as_str(), said.code), ("", 2));
    assert!(
        said.stderr.contains("did you mean `one is first`?"),
        "{}",
        said.stderr
    );
    let said = Test::new()
        .file("a.deploy", RACE)
        .file("sub/b.deploy", "pipelin p {}\n")
        .args(["test", "a.deploy", "sub"])
        .said();
    assert_eq!((said.stdout.as_str(), said.code), ("", 2));
    assert!(
        said.stderr.contains("[sub/b.deploy:1:1]"),
        "{}",
        said.stderr
    );
}

#[test]
fn a_run_can_be_verified() {
    let test = Test::new()
        .file(
            "p.deploy",
            "pipeline p { run \"true\" parallel x in [1, 2] { run \"true\" } }\n",
        )
        .args(["run", "--format", "json"]);
    assert_eq!(test.said().code, 0);
    let verify = |args: &[&str]| {
        let mut command = command(program(), &test.path(""));
        command.arg("verify").args(args);
        run(command)
    };
    let said = verify(&[]);
    assert!(
        said.stdout.contains(" conforms to its plan: 6 nodes, "),
        "{said:?}"
    );
    assert_eq!(said.code, 0);
    let said = verify(&["--format", "json"]);
    let found: Value = serde_json::from_str(&said.stdout).expect("JSON");
    assert_eq!(
        (&found["kept"], &found["ended"]),
        (&json!(true), &json!(true))
    );
    assert_eq!(found["violations"], json!([]));
    let said = verify(&["r-nothing"]);
    assert_eq!((said.stdout.as_str(), said.code), ("", 2));
}
