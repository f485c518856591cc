//! Random pipelines, and the scripts that they run. Each script notes in `log` what it does, for
//! which run, and where it finds what may not be.

use std::fmt::Write as _;
use std::path::Path;

use super::Chance;

/// `sh do NAME MS [leave]`: takes its time, and may start a child in a session of its own, which is
/// there as long as the command is.
const DO: &str = r#"
echo "start $1 $LOCKSTEP_RUN_ID" >> log
if [ "$3" = child ]; then setsid sleep 30 </dev/null >/dev/null 2>&1 & fi
sleep 0.$2
[ "$3" != fails ] || { echo "fail $1 $LOCKSTEP_RUN_ID" >> log; exit 3; }
[ "$3" != child ] || kill $!
echo "end $1 $LOCKSTEP_RUN_ID" >> log
"#;

/// `sh hold LOCK NAME MS`: looks whether somebody else holds the lock.
const HOLD: &str = r#"
alive() { grep -qs 'State:.[^ZX]' "/proc/$1/status"; }
if [ -s "held-$1" ] && read -r pid run < "held-$1" && alive "$pid"; then
  case $1$run in
    # The deployments of one stage share the locks of its places.
    place-*"$LOCKSTEP_RUN_ID") ;;
    *) echo "WRONG $1 is held by $run, and by $LOCKSTEP_RUN_ID" >> log ;;
  esac
fi
echo "$$ $LOCKSTEP_RUN_ID" > "held-$1.$$"; mv "held-$1.$$" "held-$1"
echo "start $2 $LOCKSTEP_RUN_ID" >> log
sleep 0.$3
rm -f "held-$1"
echo "end $2 $LOCKSTEP_RUN_ID" >> log
"#;

/// Writes a random pipeline and the scripts.
pub(crate) fn write(folder: &Path, chance: &mut Chance) {
    let mut text = String::from(
        r#"
kind base { infrastructure { note: string = "at ${name}" } }
kind app extends base { service { label: string = "label-${name}" } deploy using put }
service "${name}": app for name in ["a", "b"] {}
environment e {
  infrastructure i: app {}
  infrastructure "${name}": app for name in ["j"] {}
}
function shorter(n: int) -> int = if n > 1 then n - 1 else n
workflow put(s: service<app>, t: infrastructure<app>) {
  step put {
    let put = run "sh hold place-${t.name} put-${s.name}-${t.name} 04" env { LABEL: s.label }
    if put.code != 0 { fail "it is held" as verification }
  } undo {
    run "sh do undo-${s.name}-${t.name} 02 ${if put == none then "unknown" else "known"}"
  }
  query "sh do check-${s.name}-${t.name} 03"
}
workflow promote(name: string) {
  stage promote { run "sh do ${name} 02" }
}
"#,
    );
    // Runs of a queue go one after the other; of those that wait, sometimes the last one only.
    let queue = ["", "", " queue \"q\"", " queue \"q\" keep latest"][chance.below(4) as usize];
    let _ = writeln!(text, "pipeline p{queue} {{");
    if !queue.is_empty() {
        text.push_str("  run \"sh hold queue first 05\"\n");
    }
    let mut names = 0;
    for stage in 0..=chance.below(2) {
        let _ = writeln!(text, "  stage s{stage} {{");
        for _ in 0..=chance.below(4) {
            statement(&mut text, chance, &mut names, 2);
        }
        text.push_str("  }\n");
        if chance.once_in(3) {
            let _ = writeln!(text, "  let c{stage} = promote(\"promote-{stage}\")");
        }
    }
    if !queue.is_empty() {
        text.push_str("  run \"sh hold queue last 02\"\n");
    }
    if chance.once_in(3) {
        text.push_str("  return\n");
    }
    text.push_str("} always { run \"sh do always 01 ${outcome.status}\" }\n");
    for (name, text) in [("main.deploy", text.as_str()), ("do", DO), ("hold", HOLD)] {
        std::fs::write(folder.join(name), text).expect("a file");
    }
    std::fs::create_dir(folder.join("tmp")).expect("a folder");
    if chance.once_in(3) {
        std::fs::create_dir(folder.join("state")).expect("a folder");
    }
}

/// A statement, at most so deep.
fn statement(text: &mut String, chance: &mut Chance, names: &mut u32, depth: u32) {
    *names += 1;
    let (name, ms) = (format!("n{names}"), 1 + chance.below(9));
    let nested = depth > 0;
    let _ = match chance.below(if nested { 22 } else { 16 }) {
        0 | 1 => writeln!(
            text,
            "step {name} {{ run \"sh do {name} 0{ms}\" }} undo {{ run \"sh do undo-{name} 01\" }}"
        ),
        2 => writeln!(text, "run \"sh do {name} {ms} child\""),
        3 => writeln!(
            text,
            "run \"sh do {name} {ms} child\" timeout 100ms on failure {{ ignore }}"
        ),
        4 => writeln!(
            text,
            "step {name} once {{ run \"sh do once-{name} 0{ms}\" }} on failure(interrupted) {{ ignore }}"
        ),
        5 => writeln!(
            text,
            "lock \"l{}\" {{ run \"sh hold l{0} {name} 0{ms}\" }}",
            chance.below(2)
        ),
        6 => writeln!(
            text,
            "run \"sh do {name} 01 fails\" retry 1 on failure {{ ignore }}"
        ),
        7 => writeln!(text, "wait {}ms", ms * 10),
        8 => writeln!(
            text,
            "run \"sh do {name} 0{ms}\" stdin 'a text' quiet grace 2s"
        ),
        9 => writeln!(
            text,
            "serial {{ run \"sh do {name} {ms} child\" }} watch every 20ms \
             {{ query \"sh do look-{name} 01\" }}"
        ),
        10 => writeln!(
            text,
            "lock [\"l1\", \"l0\"] {{ run \"sh hold l0 {name} 0{ms}\" }}"
        ),
        11 => writeln!(
            text,
            "step {name} {{ run \"sh do {name} 0{ms}\" }} undo none \"it stays\""
        ),
        12 => writeln!(
            text,
            "fail \"as planned\" as verification on failure(verification) {{ ignore }}"
        ),
        13 => writeln!(
            text,
            "let {name} = run \"sh do {name} 01 fails\" on failure {{ ignore }}\n\
             if {name} != none {{ if {name}.code == 0 {{ run \"sh do never-{name} 01\" }} }}"
        ),
        14 => writeln!(
            text,
            "with env {{ WITH: \"{name}\" }} {{ run 'sh do {name} 0{ms}' }}"
        ),
        15 => writeln!(
            text,
            "run \"sh do {name} 0{ms}\" always {{ run \"sh do end-{name} 01 ${{outcome.status}}\" }}"
        ),
        16 => {
            let keyword = ["parallel", "parallel fail fast", "serial"][chance.below(3) as usize];
            let _ = writeln!(text, "{keyword} {{");
            for _ in 0..2 + chance.below(2) {
                statement(text, chance, names, depth - 1);
            }
            writeln!(text, "}}")
        }
        17 => {
            text.push_str("serial { serial atomic {\n");
            statement(text, chance, names, depth - 1);
            writeln!(
                text,
                "step {name} {{ run \"sh do {name} 0{ms}\" }} undo {{ run \"sh do undo-{name} 01\" }}\n\
                 fail \"as planned\" }} }} on failure {{ ignore }}"
            )
        }
        18 | 19 => writeln!(
            text,
            "matrix parallel t in e.* serial s in app.* by s.name {{ deploy s to t }}"
        ),
        20 => writeln!(
            text,
            "parallel k in range(0, {}) by \"same\" batches [1, 2] between \
             {{ run \"sh do between-{name} 01\" }} {{ run \"sh do {name} 0${{shorter({ms})}}\" }}",
            2 + ms
        ),
        _ => writeln!(
            text,
            "parallel k in range(0, {}) {{ run \"sh do {name} 0{ms}\" }}",
            2 + ms
        ),
    };
}
