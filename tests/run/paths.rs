//! Values of type `path`: the same file for everybody, whoever names it and wherever the program is
//! called, before and after a run was broken off, and in another checkout.

use std::path::Path;

use super::durable::says;
use crate::support::Test;
use crate::support::program::{Said, command, program, run};
use crate::support::running::{Running, text_of, until};

/// An imported file in a folder of its own, which names files and is handed some.
const PART: &str = r#"
from "std/release" import release
let dist: path = "dist"
let written = "dist"
function page(name: string) -> path = "pages/${name}"
workflow say(what: string, given: path, own: path = "dist") {
  run "sh -c 'printf \"%s %s %s\\n\" \"$0\" \"$1\" \"$2\" >> log' ${what} ${given} ${own}" in root
}
input root: string
service site: release { source = "dist", version = "v1" }
"#;

const MAIN: &str = r#"
import "deploy/part.deploy" as part
type site = { root: path, pages: [path], icon: path? }
input dir: path = "default"
input several: [path] = []
input maybe: path? = none
let typed: site = from-json("{\"root\": \".\", \"pages\": [\"a\", \"/b/../c/\"]}")
let mixed: [path] = ["a", part.dist]
let late: path = part.written
environment here { infrastructure disk: release { root = "out" } }
from "std/release" import release
pipeline p {
  part.say("literal", "dist")
  part.say("imported", part.dist)
  part.say("function", part.page("x"), own: part.page("../y"))
  part.say("input", dir)
  part.say("late", late)
  part.say("json", typed.root, own: typed.pages[1])
  part.say("list", mixed[0], own: mixed[1])
  part.say("optional", typed.icon ?? maybe ?? "none")
  parallel one in several { part.say("several", one) }
}
pipeline ship { stage s { deploy part.site to here.disk } }
"#;

fn files() -> Test {
    Test::new()
        .file("project/main.deploy", MAIN)
        .file("project/deploy/part.deploy", PART)
        .file("project/deploy/dist/index.html", "hello\n")
        .file("caller/values.json", "{\"several\": [\"one\"]}")
}

/// Calls the program in a folder of a test.
fn says_in(test: &Test, folder: &str, words: &[&str]) -> Said {
    let mut call = command(program(), &test.path(folder));
    call.args(words);
    run(call)
}

/// What was logged, with `~` for the test's folder.
fn logged(test: &Test) -> Vec<String> {
    let root = real(&test.path(""));
    let text = text_of(&test.path("log")).replace(&root, "~");
    text.lines().map(String::from).collect()
}

fn real(path: &Path) -> String {
    let path = std::fs::canonicalize(path).expect("it is there");
    path.display().to_string()
}

#[test]
fn a_path_is_relative_to_the_file_in_which_it_is_written() {
    let test = files();
    let root = format!("root={}", test.path("").display());
    let run = ["run", "../project/main.deploy", "p", "-i", &root];
    let given = ["-i", "dir=../x/./y/", "--inputs", "values.json"];
    let said = says_in(&test, "caller", &[&run[..], &given].concat());
    assert_eq!(said.code, 0, "{said:?}");
    assert_eq!(
        logged(&test),
        [
            "literal ~/project/dist ~/project/deploy/dist",
            "imported ~/project/deploy/dist ~/project/deploy/dist",
            "function ~/project/deploy/pages/x ~/project/deploy/y",
            "input ~/x/y ~/project/deploy/dist",
            "late ~/project/dist ~/project/deploy/dist",
            "json ~/project /c",
            "list ~/project/a ~/project/deploy/dist",
            "optional ~/project/none ~/project/deploy/dist",
            "several ~/caller/one ~/project/deploy/dist",
        ]
    );
}

#[test]
fn a_default_is_relative_to_its_file_wherever_the_caller_is() {
    let test = files();
    let root = format!("root={}", test.path("").display());
    for folder in ["caller", "project", ""] {
        let file = match folder {
            "" => "project/main.deploy",
            _ => "../project/main.deploy",
        };
        let said = says_in(&test, folder, &["run", file, "p", "-i", &root]);
        assert_eq!(said.code, 0, "{said:?}");
    }
    let mut lines = logged(&test);
    lines.retain(|line| line.starts_with("input"));
    assert_eq!(lines, ["input ~/project/default ~/project/deploy/dist"; 3]);
}

#[test]
fn the_library_takes_the_folder_that_an_imported_file_names() {
    let test = files().file("caller/other/index.html", "other\n");
    let run = ["run", "../project/main.deploy", "ship", "-i", "root=x"];
    let said = says_in(&test, "caller", &run);
    assert_eq!(said.code, 0, "{said:?}");
    let page = test.path("project/out/site/current/index.html");
    assert_eq!(text_of(&page), "hello\n");
    assert!(said.stdout.contains("send deploy/dist to out/"), "{said:?}");
    // What the caller sets is in the caller's folder.
    let set = ["--set", "site.source=other", "--set", "site.version=v2"];
    let said = says_in(&test, "caller", &[&run[..], &set].concat());
    assert_eq!(said.code, 0, "{said:?}");
    assert_eq!(text_of(&page), "other\n");
}

#[test]
fn an_empty_path_is_never_the_folder() {
    let test = files();
    let main = ["run", "project/main.deploy", "p", "-i", "root=x"];
    for given in ["dir=", "several=[\"\"]", "maybe="] {
        let said = says(&test, &[&main[..], &["-i", given]].concat());
        assert_eq!(said.code, 2, "{said:?}");
        assert!(said.stderr.contains("this path is empty"), "{said:?}");
    }
    let text =
        "pipeline p {\n  let found = run \"true\"\n  let p: path = found.stdout\n  log p\n}\n";
    let test = test.file("late.deploy", text);
    let said = says(&test, &["run", "late.deploy"]);
    assert_eq!(said.code, 1, "{said:?}");
    assert!(said.stdout.contains("this path is empty"), "{said:?}");
}

const WAITS: &str = r#"
input dir: path
pipeline p {
  step one { run "sh -c 'printf \"%s\\n\" \"$0\" >> log' ${dir}" }
  run "sh wait.sh"
  let made = run "printf %s made"
  let there: path = made.stdout
  step two { run "sh -c 'printf \"%s\\n%s\\n\" \"$0\" \"$1\" >> log' ${dir} ${there}" }
}
"#;

#[test]
fn a_run_that_was_broken_off_goes_on_with_its_paths() {
    let wait = "touch ../waits; until [ -e ../go ]; do sleep 0.02; done\n";
    let test = Test::new()
        .file("project/main.deploy", WAITS)
        .file("project/wait.sh", wait)
        .folder("caller")
        .folder("elsewhere");
    let mut call = command(program(), &test.path("caller"));
    call.args(["run", "../project/main.deploy", "-i", "dir=in"]);
    let running = Running::start(call);
    until("it waits", || test.path("waits").exists());
    running.signal("KILL");
    running.end();
    std::fs::write(test.path("go"), "").unwrap();
    let resume = ["resume", "--state", "../project/.lockstep"];
    let said = says_in(&test, "elsewhere", &resume);
    assert_eq!(said.code, 0, "{said:?}");
    let root = real(&test.path(""));
    let log = text_of(&test.path("project/log")).replace(&root, "~");
    assert_eq!(log, "~/caller/in\n~/caller/in\n~/project/made\n");
}

#[test]
fn a_plan_goes_along_to_another_checkout() {
    let text = "input dir: path = \"a\"\nlet text: string = file(dir)\n\
                pipeline p {\n  run \"sh -c 'printf \\\"%s %s\\\\n\\\" \\\"$0\\\" \\\"$1\\\" > log' ${dir} ${text}\"\n}\n";
    let test = Test::new();
    for checkout in ["one/project", "two/project"] {
        std::fs::create_dir_all(test.path(checkout)).unwrap();
        std::fs::write(test.path(checkout).join("main.deploy"), text).unwrap();
        std::fs::write(test.path(checkout).join("a"), "same").unwrap();
    }
    let plan = ["plan", "main.deploy", "--out", "../../plan.json"];
    let said = says_in(&test, "one/project", &plan);
    assert_eq!(said.code, 0, "{said:?}");
    // The same plan is shown in every checkout.
    assert!(said.stdout.contains("run sh -c"), "{said:?}");
    assert_eq!(
        said.stdout,
        says_in(&test, "two/project", &plan[..2]).stdout
    );
    let planned = ["run", "--plan", "../../plan.json"];
    let said = says_in(&test, "two/project", &planned);
    assert_eq!(said.code, 0, "{said:?}");
    let log = text_of(&test.path("two/project/log"));
    assert_eq!(log, format!("{}/a same\n", real(&test.path("two/project"))));
    std::fs::write(test.path("two/project/a"), "other").unwrap();
    let said = says_in(&test, "two/project", &planned);
    assert_eq!(said.code, 2, "{said:?}");
    assert!(said.stderr.contains("has another text"), "{said:?}");
}

#[test]
fn cells_are_called_the_same_in_every_checkout() {
    let text = "let all: [path] = [\"a\", \"b/c\", \"/d\"]\n\
                pipeline p {\n  parallel one in all { run \"test -n ${one}\" }\n}\n\
                test \"names\" {\n  given \"p/parallel[a]/run\" fails\n  start p\n  expect \"p/parallel[b%2Fc]/run\" succeeded\n  \
                expect \"p/parallel[%2Fd]/run\" succeeded\n  expect p failed\n}\n\
                test \"a command with a path\" {\n  given run \"test -n b/c\" fails\n  start p\n  expect p failed\n}\n";
    let test = Test::new().file("main.deploy", text);
    let said = says(&test, &["test", "main.deploy"]);
    assert_eq!(said.code, 0, "{said:?}");
}
