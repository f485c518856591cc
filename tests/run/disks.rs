//! A disk that becomes full under a run, or is read-only: the run stops properly, and is resumed
//! when there is space. The disk is a small one in memory, in a mount namespace of its own; where a
//! user may not create one, nothing is tested.

use super::{file, latches::log};
use crate::support::program::{command, program, run};

const FILLS: &str = r#"
pipeline p {
  parallel {
    run "sh stay.sh"
    serial n in range(0, 40) {
      run "sh -c 'echo $0 >> log; head -c 20000 /dev/zero | tr \"\\0\" x; echo' ${n}"
    }
  }
}
"#;

const STAY: &str = "echo $$ > pid; until [ -e go ]; do sleep 0.02; done\n";

/// Prints the output of each command, and how it ends.
const SCRIPT: &str = r#"
mkdir disk
mount -t tmpfs -o size=400k none disk || { echo cannot; exit; }
is() { "$LOCKSTEP" "$@" --state disk/s > out 2>&1; echo "$1 $?"; grep -a -E "^(error|!|✓|  lock)" out; }
is run main.deploy --format plain
[ -e /proc/$(cat pid) ] && echo left
mount -o remount,ro disk
is resume
is show
is runs
mount -o remount,rw,size=8m disk
: > go
is resume --format plain
"#;

#[test]
#[cfg(target_os = "linux")]
fn a_run_stops_when_its_disk_is_full_and_goes_on_when_there_is_room() {
    let test = file(FILLS).file("stay.sh", STAY).file("script.sh", SCRIPT);
    let mut names = command("unshare", &test.path(""));
    names.args(["--user", "--map-root-user", "--mount", "sh", "script.sh"]);
    let said = run({
        names.env("LOCKSTEP", program()).env("USER", "ada");
        names
    });
    if !said.stdout.starts_with("run ") {
        println!("no disk can be made here: {}{}", said.stdout, said.stderr);
        return;
    }
    let id = regex::Regex::new("r-[0-9a-z]{6}").expect("a pattern");
    let time = regex::Regex::new(r"[0-9.]+s\b").expect("a pattern");
    let shown = said
        .stdout
        .replace(&test.path("").display().to_string(), "[FOLDER]/");
    let shown = id.replace_all(&shown, "r-[id]");
    insta::assert_snapshot!(time.replace_all(&shown, "[_]"));
    let mut numbers = log(&test);
    // At most what was in flight has run a second time.
    assert!(numbers.len() <= 41, "{numbers:?}");
    numbers.dedup();
    let wanted: Vec<String> = (0..40).map(|n| n.to_string()).collect();
    assert_eq!(numbers, wanted);
}
