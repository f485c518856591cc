//! `lockstep completions`, `lockstep man`, and the hooks that call the program.

use std::process::Command;

use crate::support::Test;
use crate::support::program::program;

#[test]
fn every_shell_gets_its_script() {
    for (shell, sign) in [
        ("bash", "-F _lockstep lockstep"),
        ("zsh", "#compdef lockstep"),
        ("fish", "complete -c lockstep"),
        ("elvish", "edit:completion:arg-completer[lockstep]"),
        ("powershell", "Register-ArgumentCompleter"),
    ] {
        let said = Test::new().args(["completions", shell]).said();
        assert_eq!((said.stderr.as_str(), said.code), ("", 0), "{shell}");
        assert!(said.stdout.contains(sign), "{shell}: {}", said.stdout);
    }
}

const SHOP: &str = "\
## The version to ship.
input version: string
input mode: \"slow\" | \"fast\" = \"slow\"
input targets: [infrastructure] = prod.*

kind app {
  service { image: string = \"x\" }
  infrastructure { host: string = \"h\" }
}
service web: app {}
environment prod {
  infrastructure eu: app {}
  infrastructure us: app {}
}

## Ships it.
pipeline ship {
  stage first { step one { run \"true\" } }
  parallel place in targets { run \"true\" }
}
pipeline sweep { run \"true\" }
";

/// The completions of the program after these words, in a folder with a file.
fn offered(words: &[&str]) -> Vec<String> {
    let test = Test::new()
        .file("shop.deploy", SHOP)
        .file("given.yaml", "version: v1\n")
        .file("notes.txt", "")
        .folder("more")
        .args(["complete", "--"].iter().chain(words).copied());
    let said = test.said();
    assert_eq!((said.stderr.as_str(), said.code), ("", 0), "{words:?}");
    said.stdout.lines().map(String::from).collect()
}

#[test]
fn what_could_stand_at_the_cursor_is_offered() {
    let first = |words: &[&str]| -> Vec<String> {
        let values = offered(words).into_iter();
        let value = |line: String| line.split('\t').next().unwrap_or("").to_string();
        values.map(value).collect()
    };
    assert_eq!(offered(&["ru"]), ["run\tRun a pipeline", "runs\tList runs"]);
    assert_eq!(
        first(&["run", ""]),
        ["more/", "shop.deploy", "ship", "sweep"]
    );
    assert_eq!(offered(&["plan", "shop.deploy", "sh"]), ["ship\tShips it."]);
    assert_eq!(first(&["run", "--format", "p"]), ["plain"]);
    assert_eq!(first(&["run", "--format=p"]), ["--format=plain"]);
    assert_eq!(
        offered(&["run", "-i", "v"]),
        ["version=\tstring: The version to ship."]
    );
    assert_eq!(
        first(&["run", "-i", "version=v1", "-i", ""]),
        ["mode=", "targets="]
    );
    assert_eq!(first(&["run", "-i", "mode="]), ["mode=slow", "mode=fast"]);
    assert_eq!(
        first(&["run", "-itargets=prod.eu,"]),
        ["-itargets=prod.eu,prod.us", "-itargets=prod.eu,prod.*"]
    );
    assert_eq!(first(&["run", "--inputs", ""]), ["given.yaml", "more/"]);
    assert_eq!(
        first(&["plan", "ship", "--set", ""]),
        ["web.image=", "prod.eu.host=", "prod.us.host="]
    );
    assert_eq!(
        first(&["plan", "ship", "-i", "version=v1", "--if-fails", "ship/"]),
        [
            "ship/first",
            "ship/parallel[prod.eu]",
            "ship/parallel[prod.us]"
        ]
    );
    assert_eq!(
        first(&["explain", "unused-i"]),
        ["unused-import", "unused-input"]
    );
    assert_eq!(first(&["completions", "z"]), ["zsh"]);
    // Where nothing is known nothing is printed.
    let nothing: [&[&str]; 4] = [
        &["logs", "r"],
        &["run", "nowhere.deploy", "x"],
        &["zzz"],
        &[],
    ];
    for words in nothing {
        assert_eq!(first(words), [""; 0], "{words:?}");
    }
}

#[test]
fn runs_and_their_nodes_are_offered() {
    let test = Test::new().file("shop.deploy", SHOP);
    let run = |words: &[&str]| {
        let mut command = test.command();
        command.args(words);
        let output = command.output().expect("it runs");
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    run(&[
        "run",
        "shop.deploy",
        "sweep",
        "-i",
        "version=v1",
        "--format",
        "plain",
    ]);
    let offered = run(&["complete", "--", "show", "r-"]);
    let (id, what) = offered.trim().split_once('\t').expect("a run");
    assert_eq!(what, "sweep, succeeded");
    assert_eq!(
        run(&["complete", "--", "logs", id, "sweep/"]),
        "sweep/run\n"
    );
    for command in ["resume", "retry", "cancel"] {
        assert_eq!(run(&["complete", "--", command, "r-"]), "", "{command}");
    }
}

/// What a shell prints when it runs its own completion script and then `ask`; nothing if the shell
/// is not installed.
fn asked(shell: &str, flags: &[&str], ask: &str) -> Option<String> {
    let test = Test::new().file("shop.deploy", SHOP);
    let script = test.path("script");
    let written = Test::new().args(["completions", shell]).said().stdout;
    std::fs::write(&script, written).expect("it is written");
    let known = std::env::var_os("PATH").unwrap_or_default();
    let own = program().parent().expect("a folder").to_path_buf();
    let paths = std::iter::once(own).chain(std::env::split_paths(&known));
    let output = Command::new(shell)
        .args(flags)
        .args(["-c", ask])
        .current_dir(test.path(""))
        .env("PATH", std::env::join_paths(paths).expect("paths"))
        .env("SCRIPT", &script)
        .output();
    let Ok(output) = output else {
        eprintln!("skipped: there is no {shell}");
        return None;
    };
    assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{shell}");
    Some(String::from_utf8_lossy(&output.stdout).into_owned())
}

#[test]
fn bash_completes() {
    let ask = "compopt() { echo \"compopt $*\"; }
        source \"$SCRIPT\"
        for COMP_LINE in 'lockstep run -i mode=s' 'lockstep plan -i ver' 'A=1 lockstep fmt --ch' \\
            \"lockstep plan ship -i version=1 --if-fails 'ship/parallel[prod.e\" \\
            'lockstep plan ship -i version=1 --if-fails ship/parallel\\[prod.e'; do
            COMP_POINT=${#COMP_LINE}
            _lockstep lockstep
            printf '%s\n' \"${COMPREPLY[@]}\"
        done";
    if let Some(said) = asked("bash", &["--norc"], ask) {
        let wanted = "slow\ncompopt -o nospace\nversion=\n--check\nship/parallel[prod.eu]\n\
                      ship/parallel\\[prod.eu\\]\n";
        assert_eq!(said, wanted);
    }
}

#[test]
fn zsh_completes() {
    let ask = "compdef() { : }
        _describe() { print -l -- done $done more $more }
        source $SCRIPT
        ask() { words=(\"$@\"); CURRENT=$#; PREFIX=${@[-1]}; _lockstep }
        ask lockstep run -i mode=s
        ask lockstep plan -i ver
        ask lockstep run \"'shop.deploy'\" ''";
    if let Some(said) = asked("zsh", &["-f"], ask) {
        let wanted = "done\nmode=slow\nmore\ndone\nmore\nversion=:string: The version to ship.\n\
                      done\nship:Ships it.\nsweep:pipeline\nmore\n";
        assert_eq!(said, wanted);
    }
}

#[test]
fn fish_completes() {
    let ask = "source $SCRIPT
        complete -C 'lockstep run -i mode=s'
        complete -C 'lockstep plan -i ver'
        complete -C \"lockstep run 'shop.deploy' \"";
    if let Some(said) = asked("fish", &["--no-config"], ask) {
        let wanted = "mode=slow\nversion=\tstring: The version to ship.\n\
                      ship\tShips it.\nsweep\tpipeline\n";
        assert_eq!(said, wanted);
    }
}

#[test]
fn manual_pages_are_written() {
    let test = Test::new().args(["man", "--out", "pages"]);
    let said = test.said();
    assert_eq!(
        (said.stdout.as_str(), said.stderr.as_str(), said.code),
        ("", "", 0)
    );
    for page in ["lockstep.1", "lockstep-fmt.1", "lockstep-run.1"] {
        let text = std::fs::read_to_string(test.path("pages").join(page)).expect(page);
        assert!(text.contains(".SH NAME"), "{page}: {text}");
    }
    Test::new()
        .file("pages", "")
        .args(["man", "--out", "pages"])
        .stderr("error[E0750]: cannot write `pages`: file exists\n")
        .exits(2);
}

#[test]
fn hooks_call_the_program() {
    #[derive(serde::Deserialize)]
    struct Hook {
        id: String,
        entry: String,
        language: String,
        files: String,
    }
    let text = include_str!("../../.pre-commit-hooks.yaml");
    let hooks: Vec<Hook> = serde_yaml_ng::from_str(text).expect("YAML");
    assert_eq!(hooks.len(), 2);
    for hook in hooks {
        assert_eq!(hook.language, "rust", "{}", hook.id);
        let files = regex::Regex::new(&hook.files).expect("a pattern");
        assert!(files.is_match("a/b.deploy") && !files.is_match("a.deploy.bak"));
        let words = hook.entry.strip_prefix("lockstep ").expect("the program");
        Test::new()
            .file("a.deploy", "pipeline a { log \"a\" }\n")
            .file("b.deploy", "pipeline b { log \"b\" }\n")
            .args(words.split(' ').chain(["a.deploy", "b.deploy"]))
            .stdout(match words {
                "fmt" => "2 files unchanged\n",
                _ => "2 files are fine\n",
            })
            .exits(0);
    }
}
