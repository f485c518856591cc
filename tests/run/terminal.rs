//! The live view on a terminal: it draws, and leaves a clean screen with the lasting lines.

use super::file;
use super::latches::latches;
use crate::support::program::run;
use crate::support::terminal::{Terminal, screen};

/// What stays on the screen are the lasting lines, then the failures and the ledger.
#[test]
fn what_lasts_stays_on_the_screen() {
    let pipeline = "pipeline p {
      stage one { matrix serial i in first.* parallel s in [a, b] { deploy s to i } }
      stage two { deploy c to second.k82 }
    }";
    let test = latches(pipeline)
        .file("fails/c@second.k82", "")
        .file("slow/a@first.one", "");
    let terminal = Terminal::start(test.command(), 80, 24);
    let (drawn, code) = terminal.end();
    assert_eq!(code, 1, "{drawn}");
    let shown = screen(&drawn).join("\n");
    for part in ["▸ p", "✓ one", "✗ two", "4 deployed, 1 rolled back"] {
        assert!(shown.contains(part), "no `{part}` in\n{shown}");
    }
    let (lasting, _) = shown
        .split_once(
            "

",
        )
        .expect("an empty line");
    for command in ["$ sh latch.sh", "$ echo undo"] {
        assert!(
            !lasting.contains(command),
            "`{command}` in
{shown}"
        );
    }
    // The tree was drawn while something ran, and every mode that was set was reset.
    assert!(drawn.contains("\u{1b}[J"), "nothing was redrawn");
    for (set, reset) in [
        ("\u{1b}[?7l", "\u{1b}[?7h"),
        ("\u{1b}[?2026h", "\u{1b}[?2026l"),
    ] {
        assert_eq!(drawn.matches(set).count(), drawn.matches(reset).count());
        assert!(drawn.rfind(set) < drawn.rfind(reset));
    }
    assert!(drawn.ends_with('\n'));
    let width = |line: &str| line.chars().count();
    assert!(shown.lines().all(|line| width(line) <= 80), "{shown}");
}

/// A terminal that only prints gets lines, without any escape sequence.
#[test]
fn a_dumb_terminal_gets_lines() {
    let test = file("pipeline p { run \"echo hello\" }").env("TERM", "dumb");
    let (drawn, code) = Terminal::start(test.command(), 80, 24).end();
    assert_eq!(code, 0, "{drawn}");
    assert!(!drawn.contains('\u{1b}'), "{drawn:?}");
    assert!(drawn.contains("hello"), "{drawn:?}");
}

/// Five hundred deployments do not fill more than the screen at any time.
#[test]
fn many_deployments_stay_within_the_screen() {
    let test = file(
        "kind k { deploy using put }
         service a: k {} service b: k {} service c: k {} service d: k {} service e: k {}
         environment prod { infrastructure eu: k {} }
         workflow put(s: service<k>, i: infrastructure<k>) { run \"sh put.sh\" }
         pipeline p {
           stage all {
             matrix n in range(0, 100) s in [a, b, c, d, e] max 20 { deploy s to prod.eu }
           }
         }",
    )
    .file("put.sh", "sleep 0.01\n");
    let (rows, columns) = (24, 80);
    let terminal = Terminal::start(test.command(), columns, rows);
    let (drawn, code) = terminal.end();
    assert_eq!(code, 0, "{drawn}");
    let tall = (drawn.split('\u{1b}'))
        .filter_map(|escape| {
            escape
                .strip_prefix('[')?
                .split_once('A')?
                .0
                .parse::<u16>()
                .ok()
        })
        .max();
    assert!(tall.is_some_and(|up| up < rows), "{tall:?} rows up");
    assert!(screen(&drawn).join("\n").contains("500 deployed"));
}

/// Without a terminal `auto` is plain, whatever the terminal of the questions is.
#[test]
fn without_a_terminal_nothing_is_redrawn() {
    let said = run(file("pipeline p { log \"hello\" }").command());
    assert!(!said.stdout.contains('\u{1b}'), "{}", said.stdout);
    assert!(said.stdout.contains("hello"));
}
