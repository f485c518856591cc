//! `lockstep check`.

use crate::support::Test;

const FINE: &str = "pipeline release {\n  log \"hello\"\n}\n";

#[test]
fn a_good_file_gets_one_quiet_line() {
    let shop = "service a: k {\n}\nservice b: k {\n}\nkind k {\n}\n\
                environment prod {\n  infrastructure eu: k {\n  }\n}\n";
    Test::new()
        .file("shop.deploy", format!("{FINE}{shop}"))
        .args(["check"])
        .stdout("shop.deploy is fine: 1 pipeline, 2 services, 1 infrastructure\n")
        .exits(0);
}

#[test]
fn mistakes_are_shown_in_their_place() {
    let test = |format: &str| {
        Test::new()
            .file("shop.deploy", format!("pipelin a {{\n}}\n{FINE}"))
            .args(["check", "--format", format])
    };
    let said = test("text").said();
    assert_eq!((said.stderr.as_str(), said.code), ("", 2));
    assert!(said.stdout.starts_with("error[E0101]: "), "{}", said.stdout);
    assert!(said.stdout.contains("[shop.deploy:1:1]"), "{}", said.stdout);
    assert!(said.stdout.ends_with("\n\n1 error\n"), "{}", said.stdout);
    let said = test("github").said();
    assert_eq!((said.stderr.as_str(), said.code), ("", 2));
    assert!(
        said.stdout.starts_with("::error file=shop.deploy,line=1,"),
        "{}",
        said.stdout
    );
    let said = test("json").said();
    let json: serde_json::Value = serde_json::from_str(&said.stdout).expect("JSON");
    assert_eq!(json["diagnostics"][0]["line"], 1);
    assert_eq!(said.code, 2);
}

#[test]
fn a_good_file_is_an_empty_list_for_tools() {
    let said = Test::new()
        .file("shop.deploy", FINE)
        .args(["check", "--format", "json"])
        .said();
    let json: serde_json::Value = serde_json::from_str(&said.stdout).expect("JSON");
    assert_eq!((&json["errors"], said.code), (&serde_json::json!(0), 0));
    Test::new()
        .file("shop.deploy", FINE)
        .args(["check", "--format", "github"])
        .exits(0);
}

#[test]
fn an_old_terminal_gets_ascii() {
    let said = Test::new()
        .file("shop.deploy", "pipelin a {\n}\n")
        .env("LC_ALL", "C")
        .args(["check"])
        .said();
    assert!(said.stdout.is_ascii(), "{}", said.stdout);
}

#[test]
fn a_folder_without_a_file_is_refused() {
    Test::new()
        .folder("folder.deploy")
        .file(".hidden.deploy", FINE)
        .file("notes.txt", "")
        .args(["check"])
        .stderr(
            "error[E0701]: there is no `.deploy` file in this folder\n  \
             help: name a file, or go to its folder; `lockstep new` makes an example\n",
        )
        .exits(2);
}

#[test]
fn a_folder_with_several_files_is_refused() {
    Test::new()
        .file("b.deploy", FINE)
        .file("a.deploy", FINE)
        .args(["check"])
        .stderr(
            "error[E0702]: there are 2 `.deploy` files in this folder\n  \
             help: name one of them, here or in `lockstep.toml`: `a.deploy` or `b.deploy`\n",
        )
        .exits(2);
}

#[test]
fn a_file_that_cannot_be_read_is_refused() {
    let said = |path: &str| {
        let said = Test::new()
            .file("shop/release.deploy", FINE)
            .file("latin.deploy", b"log \"\xe9\"")
            .folder("empty")
            .args(["check", path])
            .said();
        assert_eq!((said.stdout.as_str(), said.code), ("", 2));
        said.stderr
    };
    assert_eq!(
        said("gone.deploy"),
        "error[E0703]: cannot read `gone.deploy`: no such file\n"
    );
    assert_eq!(
        said("shop/relaese.deploy"),
        "error[E0703]: cannot read `shop/relaese.deploy`: no such file\n  \
         help: did you mean `shop/release.deploy`?\n"
    );
    assert_eq!(
        said("empty"),
        "error[E0701]: there is no `.deploy` file in `empty`\n  \
         help: name a file, or a folder with one; `lockstep new` makes an example\n"
    );
    assert_eq!(
        said("latin.deploy"),
        "error[E0703]: cannot read `latin.deploy`: is not UTF-8 (byte 6)\n"
    );
    assert_eq!(
        said("latin.deploy/x"),
        "error[E0703]: cannot read `latin.deploy/x`: no such file\n"
    );
}

#[test]
fn several_files_and_folders_are_checked() {
    let test = || {
        Test::new()
            .file("a.deploy", FINE)
            .file("b.deploy", FINE)
            .file("deep/c.deploy", FINE)
    };
    let fine = |name: &str| format!("{name} is fine: 1 pipeline, 0 services, 0 infrastructures\n");
    let all = ["a.deploy", "b.deploy", "deep/c.deploy"].map(fine).concat();
    let two = ["a.deploy", "b.deploy"].map(fine).concat();
    test().args(["check", "."]).stdout(all).exits(0);
    test()
        .args(["check", "deep"])
        .stdout(fine("deep/c.deploy"))
        .exits(0);
    let named = test().args(["check", "a.deploy", "b.deploy"]);
    named.stdout(two).exits(0);
    // What is wrong in one does not hide what is wrong in another.
    let said = test()
        .file("a.deploy", "pipeline p { run 1 }")
        .file("deep/c.deploy", "pipeline p { run 2 }")
        .args(["check", ".", "--format", "json"])
        .said();
    let json: serde_json::Value = serde_json::from_str(&said.stdout).expect("JSON");
    assert_eq!((&json["errors"], said.code), (&serde_json::json!(2), 2));
    assert_eq!(json["diagnostics"][1]["file"], "deep/c.deploy");
}

/// A file that others import is not one to choose from; if none has a pipeline, all are.
#[test]
fn a_library_beside_the_only_file_is_no_choice() {
    let library = "workflow f() { log \"f\" }\n";
    let main = "from \"./lib.deploy\" import f\npipeline p { f() }\n";
    for command in ["check", "plan", "run", "inputs"] {
        let test = Test::new()
            .file("lib.deploy", library)
            .file("main.deploy", main)
            .args([command]);
        let said = test.said();
        assert_eq!((said.stderr.as_str(), said.code), ("", 0), "{command}");
    }
    let test = |more: &str| {
        Test::new()
            .file("lib.deploy", library)
            .file("main.deploy", main)
            .file("more.deploy", more)
            .args(["plan"])
    };
    test(FINE)
        .stderr(
            "error[E0702]: there are 2 `.deploy` files with pipelines in this folder\n  \
             help: name one of them, here or in `lockstep.toml`: `main.deploy` or `more.deploy`\n",
        )
        .exits(2);
    // What cannot be read well may have been one.
    test("pipelin q {")
        .stderr(
            "error[E0702]: there are 2 `.deploy` files with pipelines in this folder\n  \
             help: name one of them, here or in `lockstep.toml`: `main.deploy` or `more.deploy`\n",
        )
        .exits(2);
    Test::new()
        .file("a.deploy", library)
        .file("b.deploy", library)
        .args(["plan"])
        .stderr(
            "error[E0702]: there are 2 `.deploy` files in this folder\n  \
             help: name one of them, here or in `lockstep.toml`: `a.deploy` or `b.deploy`\n",
        )
        .exits(2);
}

/// Code hosts want the paths from the root of the checkout.
#[test]
fn code_hosts_get_paths_from_the_root_of_the_checkout() {
    let said = |format: &str, root: &str, told: &str| {
        let test = Test::new()
            .folder(root)
            .file("shop/lib/bad.deploy", "workflow f() { run 1 }")
            .file(
                "shop/eu/main.deploy",
                "from \"../lib/bad.deploy\" import f\npipeline p { f() }",
            );
        let folder = test.path("shop/eu");
        let mut command =
            crate::support::program::command(crate::support::program::program(), &folder);
        command.args(["check", "--format", format]);
        if !told.is_empty() {
            command.env("GITHUB_WORKSPACE", test.path(told));
        }
        crate::support::program::run(command).stdout
    };
    let github = |root, told| said("github", root, told);
    assert!(github(".git", "").starts_with("::error file=shop/lib/bad.deploy,line=1,"));
    assert!(github("x", ".").starts_with("::error file=shop/lib/bad.deploy,line=1,"));
    assert!(github(".git", "shop").starts_with("::error file=lib/bad.deploy,line=1,"));
    assert!(github("x", "").starts_with("::error file=../lib/bad.deploy,line=1,"));
    let sarif = said("sarif", ".git", "");
    assert!(
        sarif.contains("\"uri\": \"shop/lib/bad.deploy\""),
        "{sarif}"
    );
    // For tools that are started in the same folder it stays as it was.
    assert!(said("json", ".git", "").contains("\"../lib/bad.deploy\""));
}

#[test]
fn tools_are_told_in_their_format() {
    let said = |format: &str| {
        let said = Test::new()
            .args(["check", "gone.deploy", "--format", format])
            .said();
        assert_eq!((said.stderr.as_str(), said.code), ("", 2));
        said.stdout
    };
    let json: serde_json::Value = serde_json::from_str(&said("json")).expect("JSON");
    assert_eq!(json["diagnostics"][0]["code"], "E0703");
    let sarif: serde_json::Value = serde_json::from_str(&said("sarif")).expect("JSON");
    assert_eq!(sarif["runs"][0]["results"][0]["ruleId"], "E0703");
    assert_eq!(
        said("github"),
        "::error title=E0703::cannot read `gone.deploy`: no such file\n"
    );
}

/// What a run would need when it is planned is looked for, whatever the inputs are.
#[test]
fn a_file_that_is_not_there_is_a_warning() {
    let file = "input v: string\nlet notes = file(\"NOTES\")\n\
                pipeline p { run \"echo ${file(\"x/CHANGES\")} ${v}\" log notes }\n";
    let said = Test::new().file("main.deploy", file).args(["check"]).said();
    assert_eq!(said.code, 0, "{}", said.stdout);
    for path in ["NOTES", "x/CHANGES"] {
        let words = format!("warning[E0409]: the file `{path}` is not there");
        assert!(said.stdout.contains(&words), "{}", said.stdout);
    }
    let there = Test::new()
        .file("main.deploy", file)
        .file("NOTES", "")
        .file("x/CHANGES", "")
        .args(["check"]);
    assert!(there.said().stdout.starts_with("main.deploy is fine"));
}
