//! The files of `docs/from-other-tools.md` are run, with programs that stand in for those that they
//! name: `programs.sh` knows their arguments, and what has been called is compared.

use std::collections::BTreeSet;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::sync::atomic::{AtomicBool, Ordering};

use crate::support::Test;
use crate::support::markdown::blocks;
use crate::support::program::{Said, run};

const PAGE: &str = include_str!("../../docs/from-other-tools.md");
const PROGRAM: &str = include_str!("programs.sh");

/// What is found in the search path.
const IN_PATH: [&str; 11] = [
    "apt-get",
    "cloud",
    "curl",
    "docker",
    "dpkg-query",
    "kubectl",
    "lb",
    "make",
    "promtool",
    "ssh",
    "systemctl",
];
/// What stands beside the file.
const BESIDE: [&str; 6] = [
    "check.sh",
    "clean-up.sh",
    "login.sh",
    "ship.sh",
    "tell-the-team.sh",
    "test.sh",
];

/// A folder with the files of the page, what they need beside them, and the stand-ins.
fn page() -> Test {
    let mut test = Test::new()
        .file("programs/terraform", PROGRAM)
        .file("services/api", "")
        .file("services/web", "")
        .file("shop/index.txt", "shop\n")
        .file("network/main.tf", "")
        .file("cluster/main.tf", "")
        .file(
            ".lockstep/groups.toml",
            "release-managers = [\"ada\", \"grace\"]\n",
        );
    let program = test.path("programs/terraform");
    let executable = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(&program, executable).expect("it is executable");
    for name in IN_PATH {
        symlink(&program, test.path(&format!("programs/{name}"))).expect("a link");
    }
    for name in BESIDE {
        symlink(&program, test.path(name)).expect("a link");
    }
    for block in blocks(PAGE).expect("a page") {
        if let Some(name) = block.file() {
            test = test.file(name, &block.text);
        }
    }
    let path = std::env::var("PATH").expect("a path");
    let path = format!("{}:{path}", test.path("programs").display());
    let calls = test.path("calls").display().to_string();
    test.env("PATH", &path).env("CALLS", &calls)
}

/// Runs a file of the page; two others agree to whatever it asks. What it has called is told too, in
/// the order of the alphabet, since much happens at once.
fn ran(name: &str, args: &[&str], env: &[(&str, &str)]) -> (Said, String) {
    let test = page().env("USER", "linus");
    let ended = AtomicBool::new(false);
    let said = std::thread::scope(|scope| {
        for who in ["ada", "grace"] {
            let (test, ended) = (&test, &ended);
            scope.spawn(move || {
                while !ended.load(Ordering::Relaxed) {
                    let mut answer = test.command();
                    answer.args(["approve", "--yes", "--as", who]);
                    run(answer);
                }
            });
        }
        let mut command = test.command();
        command.args(["run", name]).args(args);
        command.envs(env.iter().copied());
        let said = run(command);
        ended.store(true, Ordering::Relaxed);
        said
    });
    let calls = std::fs::read_to_string(test.path("calls")).unwrap_or_default();
    let mut calls: Vec<&str> = calls.lines().collect();
    calls.sort_unstable();
    (said, calls.join("\n"))
}

/// A file, its arguments, and the variables that it is given.
type ShownRun = (
    &'static str,
    &'static [&'static str],
    &'static [(&'static str, &'static str)],
);

/// Each file with the arguments that it is run with, and the variables.
const RUNS: [ShownRun; 10] = [
    ("actions.deploy", &[], &[]),
    ("ansible.deploy", &[], &[]),
    ("capistrano.deploy", &[], &[]),
    ("harness.deploy", &[], &[]),
    (
        "jenkins.deploy",
        &["-i", "target=prod"],
        &[("DEPLOY_PASSWORD", "pass-4711")],
    ),
    ("kamal.deploy", &[], &[]),
    ("rollouts.deploy", &["-i", "look-for=20ms"], &[]),
    ("spinnaker.deploy", &[], &[]),
    ("terraform.deploy", &[], &[]),
    ("workflows.deploy", &[], &[]),
];

#[test]
fn the_files_of_the_page_run() {
    let named = blocks(PAGE).expect("a page");
    let named = named.iter().filter(|block| block.is("deploy"));
    let named: BTreeSet<&str> = named.filter_map(|block| block.file()).collect();
    // It asks the internet.
    let apart = ["script.deploy"];
    let known = RUNS.iter().map(|(name, ..)| *name).chain(apart);
    assert_eq!(named, known.collect());
    let mut all = String::new();
    for (name, args, env) in RUNS {
        let (said, calls) = ran(name, args, env);
        assert_eq!(said.code, 0, "{name}\n{}{}", said.stdout, said.stderr);
        let mut counted: Vec<(&str, usize)> = Vec::new();
        for call in calls.lines() {
            match counted.last_mut() {
                Some((last, count)) if *last == call => *count += 1,
                _ => counted.push((call, 1)),
            }
        }
        all += &format!("{name}\n");
        for (call, count) in counted {
            // How often something is looked at depends on the time.
            let often = if call.starts_with("promtool") || count == 1 {
                ""
            } else {
                "  (again)"
            };
            all += &format!("  {call}{often}\n");
        }
    }
    insta::assert_snapshot!(all);
}

#[test]
fn what_fails_is_taken_back() {
    let (said, calls) = ran("ansible.deploy", &[], &[("WEB_2_IS_BAD", "1")]);
    assert_eq!(said.code, 1, "{}{}", said.stdout, said.stderr);
    for taken_back in ["apt-get install -y shop=1.7", "lb add web-2.example.com"] {
        assert!(calls.contains(taken_back), "{calls}");
    }
    let look = ["-i", "look-for=20ms"];
    let (said, calls) = ran("rollouts.deploy", &look, &[("ERROR_RATE", "0.2")]);
    assert_eq!(said.code, 1, "{}{}", said.stdout, said.stderr);
    for taken_back in ["kubectl rollout undo deployment/web-canary", "\"weight\":0"] {
        assert!(calls.contains(taken_back), "{calls}");
    }
}
