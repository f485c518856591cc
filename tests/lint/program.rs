//! `lockstep lint` as a program: which files, which formats, which exit codes, what is written.

use serde_json::Value;

use crate::support::program::Test;

const IGNORES: &str = "pipeline ship {\n  run \"ship.sh\" on failure { ignore }\n}\n";
const UNUSED: &str = "pipeline ship {\n  let x = 1\n  run \"ship.sh\"\n}\n";
const FINE: &str = "pipeline ship {\n  run \"ship.sh\"\n}\n";

#[test]
fn a_file_without_findings_is_fine() {
    Test::new()
        .file("ship.deploy", FINE)
        .args(["lint"])
        .stdout("ship.deploy is fine\n")
        .exits(0);
}

#[test]
fn warnings_are_no_failure_unless_they_are_denied() {
    let test = || Test::new().file("ship.deploy", IGNORES);
    let said = test().args(["lint"]).said();
    assert_eq!((said.code, said.stderr.as_str()), (0, ""));
    assert!(said.stdout.ends_with("\n1 warning\n"), "{}", said.stdout);
    assert_eq!(test().args(["lint", "--deny-warnings"]).said().code, 1);
    let error = test()
        .file("lockstep.toml", "[lint]\nunexplained-ignore = \"error\"\n")
        .args(["lint"])
        .said();
    assert_eq!(error.code, 1);
    assert!(
        error.stdout.starts_with("error[L0305]: "),
        "{}",
        error.stdout
    );
    let off = test().file("lockstep.toml", "[lint]\nL0305 = \"off\"\n");
    off.args(["lint", "--deny-warnings"])
        .stdout("ship.deploy is fine\n")
        .exits(0);
}

#[test]
fn mistakes_of_the_compiler_come_first_and_the_rest_is_still_looked_at() {
    let text = "pipeline ship {\n  log nothing\n  fail \"a\"\n  log \"b\"\n}\n";
    let said = Test::new().file("ship.deploy", text).args(["lint"]).said();
    assert_eq!(said.code, 2);
    let codes: Vec<&str> = (said.stdout.lines())
        .filter_map(|line| line.split_once("]: ").map(|(code, _)| code))
        .collect();
    assert_eq!(codes, ["error[E0201", "warning[L0201"], "{}", said.stdout);
    let stuck = "pipeline ship {\n  barrier alone\n}\n";
    let said = Test::new().file("ship.deploy", stuck).args(["lint"]).said();
    assert_eq!(said.code, 2);
    assert!(said.stdout.starts_with("error[E0801]"), "{}", said.stdout);
}

#[test]
fn several_files_and_folders_are_looked_at_together() {
    let test = |args: &[&str]| {
        let test = Test::new()
            .file("a.deploy", IGNORES)
            .file("sub/b.deploy", IGNORES)
            .file("sub/c.deploy", FINE);
        let said = test.args(args.iter().copied()).said();
        let report: Value = serde_json::from_str(&said.stdout).expect("JSON");
        let found = report["diagnostics"].as_array().expect("a list").clone();
        let files = found
            .iter()
            .map(|it| it["file"].as_str().unwrap_or_default().to_string());
        files.collect::<Vec<String>>()
    };
    assert_eq!(
        test(&["lint", "--format", "json"]),
        ["a.deploy", "sub/b.deploy"]
    );
    assert_eq!(test(&["lint", "sub", "--format", "json"]), ["sub/b.deploy"]);
    assert_eq!(
        test(&[
            "lint",
            "a.deploy",
            "sub/b.deploy",
            "sub",
            "--format",
            "json"
        ]),
        ["a.deploy", "sub/b.deploy"]
    );
}

#[test]
fn what_other_files_use_is_used() {
    let library = "secret token = env(\"TOKEN\")\nlet registry = \"r\"\nlet place = \"${registry}/x\"\n\
                   let idle = 1\nworkflow hello(who: string) { run \"hello\" env { A: who, T: token } }\n\n\
                   pipeline own { run \"true\" }\n";
    let test = || {
        Test::new()
            .file("lockstep.toml", "")
            .file("lib/tools.deploy", library)
            .file(
                "main.deploy",
                "import \"./lib/tools.deploy\" as tools\nfrom \"./lib/tools.deploy\" import hello as hi\n\n\
                 pipeline main { hi(tools.place) }\n",
            )
    };
    for named in [&["lint"][..], &["lint", "lib/tools.deploy"]] {
        let said = test().args(named.iter().copied()).said();
        let found = said.stdout.matches("warning[").count();
        assert_eq!(found, 1, "{}", said.stdout);
        assert!(said.stdout.contains("`idle` is never used"));
    }
    // Unused declarations are removed, also where their last use is removed first.
    let chain = test().file(
        "main.deploy",
        "import \"./lib/tools.deploy\" as tools\n\nlet unread = tools.place\n\n\
         pipeline main { log \"x\" }\n",
    );
    let chain = chain.args(["lint", "--fix"]);
    let said = chain.said();
    let read = |path: &str| std::fs::read_to_string(chain.path(path)).expect("the file");
    let fixed = read("lib/tools.deploy");
    assert!(!fixed.contains("let "), "{}{fixed}", said.stdout);
    assert_eq!(read("main.deploy"), "pipeline main { log \"x\" }\n");
}

#[test]
fn what_cannot_be_read_is_said() {
    let said = Test::new().args(["lint"]).said();
    assert_eq!(said.code, 2);
    assert!(
        said.stderr
            .starts_with("error[E0701]: there is no `.deploy` file"),
        "{}",
        said.stderr
    );
    let said = Test::new()
        .file("ship.deploy", FINE)
        .args(["lint", "shop.deploy"])
        .said();
    assert_eq!(said.code, 2);
    assert!(
        said.stderr.contains("did you mean `ship.deploy`?"),
        "{}",
        said.stderr
    );
}

#[test]
fn inputs_let_rules_see_more() {
    let text = "## How many.\ninput count: int\n\npipeline ship {\n  \
                parallel x in range(0, count) { run \"ship.sh ${x}\" }\n}\n";
    let test = |args: &[&str]| {
        let test = Test::new().file("ship.deploy", text);
        test.args(args.iter().copied()).said().stdout
    };
    assert_eq!(test(&["lint"]), "ship.deploy is fine\n");
    assert_eq!(test(&["lint", "-i", "count=50"]), "ship.deploy is fine\n");
    assert!(test(&["lint", "-i", "count=51"]).starts_with("warning[L0502]: 51 cells run at once"));
}

#[test]
fn the_formats_for_tools_hold_the_findings() {
    let test = |format: &str| {
        let test = Test::new().file("ship.deploy", UNUSED);
        test.args(["lint", "--format", format]).said().stdout
    };
    let github = test("github");
    assert_eq!(
        github,
        "::warning file=ship.deploy,line=2,endLine=2,col=7,endColumn=8,title=L0104::`x` is never \
         read%0Ause it, or leave `let x =` out\n"
    );
    let json: Value = serde_json::from_str(&test("json")).expect("JSON");
    assert_eq!(json["warnings"], 1);
    assert_eq!(json["diagnostics"][0]["code"], "L0104");
    assert_eq!(json["diagnostics"][0]["fixes"][0]["edits"][0]["text"], "");
    let sarif: Value = serde_json::from_str(&test("sarif")).expect("SARIF");
    sarif_is_valid(&sarif);
    let result = &sarif["runs"][0]["results"][0];
    assert_eq!(
        (&result["ruleId"], &result["level"]),
        (&"L0104".into(), &"warning".into())
    );
}

/// Checks the written parts against the SARIF 2.1.0 schema.
fn sarif_is_valid(log: &Value) {
    assert_eq!(log["version"], "2.1.0");
    let runs = log["runs"].as_array().expect("runs");
    assert_eq!(runs.len(), 1);
    let rules = runs[0]["tool"]["driver"]["rules"]
        .as_array()
        .expect("rules");
    assert!(runs[0]["tool"]["driver"]["name"].is_string());
    for rule in rules {
        assert!(rule["id"].is_string() && rule["shortDescription"]["text"].is_string());
        assert!(
            rule["help"]["text"]
                .as_str()
                .is_some_and(|text| !text.is_empty())
        );
    }
    let results = runs[0]["results"].as_array().expect("results");
    assert!(!results.is_empty());
    for result in results {
        let index = result["ruleIndex"].as_u64().expect("a place") as usize;
        assert_eq!(rules[index]["id"], result["ruleId"]);
        assert!(["warning", "error", "note", "none"].contains(&result["level"].as_str().unwrap()));
        assert!(
            result["message"]["text"]
                .as_str()
                .is_some_and(|text| !text.is_empty())
        );
        for place in result["locations"].as_array().expect("locations") {
            region_is_valid(&place["physicalLocation"]["region"]);
            assert!(place["physicalLocation"]["artifactLocation"]["uri"].is_string());
        }
        for fix in result["fixes"].as_array().expect("fixes") {
            let changes = fix["artifactChanges"].as_array().expect("changes");
            assert!(!changes.is_empty());
            for change in changes {
                assert!(change["artifactLocation"]["uri"].is_string());
                for replacement in change["replacements"].as_array().expect("replacements") {
                    region_is_valid(&replacement["deletedRegion"]);
                    assert!(replacement["insertedContent"]["text"].is_string());
                }
            }
        }
    }
}

fn region_is_valid(region: &Value) {
    for key in ["startLine", "startColumn", "endLine", "endColumn"] {
        assert!(
            region[key].as_u64().is_some_and(|place| place >= 1),
            "{region}"
        );
    }
}

#[test]
fn fixes_are_written_and_said() {
    let test = Test::new()
        .file("ship.deploy", UNUSED)
        .args(["lint", "--fix"]);
    let said = test.said();
    assert_eq!((said.code, said.stderr.as_str()), (0, ""));
    assert_eq!(
        said.stdout,
        "ship.deploy\n  remove `x`\n\nship.deploy is fine\n"
    );
    let text = std::fs::read_to_string(test.path("ship.deploy")).expect("the file");
    assert_eq!(text, FINE);
    let left: Vec<_> = std::fs::read_dir(test.path(""))
        .expect("the folder")
        .collect();
    assert_eq!(left.len(), 1, "{left:?}");
}

#[test]
fn a_link_stays_a_link_and_rights_stay() {
    use std::os::unix::fs::PermissionsExt;
    let test = Test::new().file("real/ship.deploy", UNUSED);
    let real = test.path("real/ship.deploy");
    std::fs::set_permissions(&real, PermissionsExt::from_mode(0o640)).expect("rights");
    std::os::unix::fs::symlink(&real, test.path("link.deploy")).expect("a link");
    let test = test.args(["lint", "--fix", "link.deploy"]);
    assert_eq!(test.said().code, 0);
    assert!(test.path("link.deploy").is_symlink());
    assert_eq!(std::fs::read_to_string(&real).expect("the file"), FINE);
    let mode = std::fs::metadata(&real)
        .expect("rights")
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o640);
}

#[test]
fn a_file_that_may_not_be_written_stays() {
    use std::os::unix::fs::PermissionsExt;
    let test = Test::new()
        .file("ship.deploy", UNUSED)
        .args(["lint", "--fix"]);
    let path = test.path("ship.deploy");
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o440)).expect("rights");
    let said = test.said();
    assert_eq!(said.code, 2);
    assert!(
        said.stderr
            .starts_with("error[E0750]: cannot write `ship.deploy`"),
        "{}",
        said.stderr
    );
    assert_eq!(std::fs::read_to_string(&path).expect("the file"), UNUSED);
}

#[test]
fn the_rules_are_listed_with_their_levels() {
    let test = Test::new().file("lockstep.toml", "[lint]\nunused-import = \"error\"\n");
    let said = test.args(["lint", "--rules"]).said();
    assert_eq!(said.code, 0);
    let row = |code: &str| {
        said.stdout
            .lines()
            .find(|line| line.contains(code))
            .unwrap_or_default()
    };
    assert!(row("L0101").contains("unused-import") && row("L0101").contains("  error  "));
    assert!(row("L0102").contains("  warn   ") && row("L0507").contains("  off    "));
    assert_eq!(
        said.stdout
            .lines()
            .filter(|line| line.starts_with("  L0"))
            .count(),
        lockstep_lint::rules().len()
    );
}

#[test]
fn rules_are_explained_by_name() {
    let by_name = Test::new().args(["explain", "unused-import"]).said();
    let by_code = Test::new().args(["explain", "l101"]).said();
    assert_eq!(by_name.code, 0);
    assert_eq!(by_name.stdout, by_code.stdout);
    assert!(by_name.stdout.starts_with("L0101: "), "{}", by_name.stdout);
}
