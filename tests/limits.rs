//! Programs that are very deep or very long: no command overflows its stack or computes for long;
//! what is too much is refused with a message.

use std::fmt::Write;
use std::path::Path;
use std::process::Command;

use serde_json::json;

use crate::support::editor::{Editor, address};
use crate::support::program::{Test, command, program, run};

/// How deep and how long they are.
const SIZE: usize = 2_000;
/// The processor time that a command may take, in seconds. It is generous: what is quadratic in
/// this size takes longer.
const MAX_SECONDS: u32 = 20;

/// A kind of program, by its size.
type Shape = (&'static str, fn(usize) -> String);

fn lines(count: usize, line: impl Fn(usize) -> String) -> String {
    (0..count).fold(String::new(), |mut text, at| {
        let _ = writeln!(text, "{}", line(at));
        text
    })
}

/// `before`, as often as `count`, the middle, and `after` as often.
fn nested(count: usize, before: &str, middle: &str, after: &str) -> String {
    format!("{}{middle}{}", before.repeat(count), after.repeat(count))
}

fn of_value(value: &str) -> String {
    format!("let x = {value}\npipeline p {{ log \"${{x}}\" }}\n")
}

fn of_body(body: &str) -> String {
    format!("input c = 1\npipeline p {{\n{body}\n}}\n")
}

/// Workflows that each call the next one.
fn chain(count: usize, head: &str, before: &str, after: &str, last: &str) -> String {
    let link = |at| format!("workflow w{at}(){head} {{ {before}w{}(){after} }}", at + 1);
    let start = match head {
        "" => "w0()",
        _ => "let y = w0() log \"${y}\"",
    };
    lines(count, link)
        + &format!("workflow w{count}(){head} {{ {last} }}\npipeline p {{ {start} }}\n")
}

const SHAPES: &[Shape] = &[
    ("globals", |n| {
        let link = |at| format!("let a{} = a{at}", at + 1);
        format!("let a0 = 1\n{}", lines(n, link)) + &format!("pipeline p {{ log \"${{a{n}}}\" }}\n")
    }),
    ("globals_backwards", |n| {
        let link = |at| format!("let a{} = \"${{a{}}}\"", n - at, n - at - 1);
        lines(n, link) + &format!("let a0 = \"x\"\npipeline p {{ log \"${{a{n}}}\" }}\n")
    }),
    ("growing_texts", |n| {
        let link = |at| format!("let a{} = \"${{a{at}}}${{a{at}}}\"", at + 1);
        format!(
            "let a0 = \"x\"\n{}pipeline p {{ log a{n} }}\n",
            lines(n, link)
        )
    }),
    ("locals", |n| {
        let link = |at| format!("let a{} = a{at}", at + 1);
        of_body(&format!("let a0 = c\n{}log \"${{a{n}}}\"", lines(n, link)))
    }),
    ("sum", |n| of_value(&format!("1{}", " + 1".repeat(n)))),
    ("sum_in_parentheses", |n| {
        of_value(&nested(n, "1 + (", "1", ")"))
    }),
    ("conditions", |n| {
        of_value(&format!("{}1", "if true then 1 else ".repeat(n)))
    }),
    ("negations", |n| {
        of_value(&format!("{}true", "not ".repeat(n)))
    }),
    ("fields", |n| {
        format!(
            "let r = {{ a: 1 }}\n{}",
            of_value(&format!("r{}", ".a".repeat(n)))
        )
    }),
    ("lists", |n| of_value(&nested(n, "[", "", "]"))),
    ("texts_in_texts", |n| {
        of_value(&nested(n, "\"${", "1", "}\""))
    }),
    ("calls", |n| of_value(&nested(n, "trim(", "\"a\"", ")"))),
    ("types", |n| {
        format!(
            "input x: {}\npipeline p {{ log \"x\" }}\n",
            nested(n, "[", "int", "]")
        )
    }),
    ("workflows", |n| chain(n, "", "", "", "log \"x\"")),
    ("results", |n| {
        chain(n, " -> int", "let x = ", " return x", "return 1")
    }),
    ("calls_twice", |n| {
        chain(n, "", "w0s() ", "", "log \"x\"") + "workflow w0s() { log \"y\" }\n"
    }),
    ("branches", |n| {
        let branch = |at| format!("if c == {at} {{ log \"{at}\" }} else ");
        of_body(&format!(
            "{}{{ log \"x\" }}",
            lines(n, branch).replace('\n', "")
        ))
    }),
    ("blocks", |n| {
        of_body(&nested(n, "serial { ", "log \"x\"", " }"))
    }),
    ("blocks_within_bounds", |_| {
        of_body(&nested(100, "serial { ", "log \"x\"", " }"))
    }),
    ("handlers", |n| {
        of_body(&nested(n, "run \"a\" on failure { ", "log \"x\"", " }"))
    }),
    ("undos", |n| {
        of_body(&nested(n, "run \"a\" undo { ", "log \"x\"", " }"))
    }),
    ("open_blocks", |n| {
        format!("pipeline p {{ {}", "parallel { ".repeat(n))
    }),
    ("open_texts", |n| format!("let x = {}", "\"${".repeat(n))),
    ("closing_brackets", |n| {
        format!("pipeline p {{ {}", "} ] ) ".repeat(n))
    }),
    ("commands_in_commands", |n| {
        of_body(&format!("run \"{}\"", nested(n, "echo $(", "x", ")")))
    }),
    ("pipelines", |n| {
        let w = "workflow w() { log \"x\" }\n";
        format!(
            "{w}{}",
            lines(n, |at| format!("pipeline p{at} {{ stage s {{ w() }} }}"))
        )
    }),
    ("declarations", |n| {
        let all = |at| format!("let a{at} = {at}\nworkflow w{at}() {{ log \"x\" }}");
        lines(n, all) + &of_body("log \"x\"")
    }),
    ("statements", |n| {
        of_body(&lines(n, |at| format!("step s{at} {{ log \"x\" }}")))
    }),
    ("unknown_names", |n| {
        lines(n, |at| format!("workflow w{at}() {{ x{at}() }}")) + &of_body("log \"x\"")
    }),
    ("cells", |n| {
        let axis = format!("in range(0, {n})");
        of_body(&format!(
            "matrix a {axis} b {axis} c {axis} {{ log \"x\" }}"
        ))
    }),
    ("dropped_cells", |n| {
        let axis = format!("in range(0, {n})");
        of_body(&format!(
            "matrix a {axis} b {axis} c {axis} where c > {n} {{ log \"x\" }}"
        ))
    }),
];

/// The program with a limit of its processor time.
fn limited(folder: &Path, args: &[&str]) -> Command {
    let mut shell = command("sh", folder);
    let script = format!("ulimit -t {MAX_SECONDS}; exec \"$0\" \"$@\"");
    shell.arg("-c").arg(script).arg(program()).args(args);
    shell
}

/// Whether the program ended by itself, with one of its own exit codes.
fn ends(folder: &Path, args: &[&str]) -> Result<(), String> {
    let said = run(limited(folder, args));
    match said.code {
        0..=5 if !said.stderr.contains("panicked") => Ok(()),
        code => {
            let last = said.stderr.lines().last().unwrap_or_default().to_string();
            Err(format!("lockstep {}: {code} {last}", args.join(" ")))
        }
    }
}

/// Runs the commands with the file of every shape that is chosen.
fn all_end(chosen: impl Fn(&str) -> bool, commands: &[&[&str]]) {
    let mut wrong = Vec::new();
    for (name, shape) in SHAPES.iter().filter(|(name, _)| chosen(name)) {
        // In a folder of its own: lint reads what else lies beside a file.
        let folder = tempfile::tempdir().expect("a folder");
        let file = format!("{name}.deploy");
        std::fs::write(folder.path().join(&file), shape(SIZE)).expect("the file is written");
        for args in commands {
            let (subcommand, options) = args.split_first().expect("a command");
            let args = [&[*subcommand, &*file], options].concat();
            wrong.extend(ends(folder.path(), &args).err());
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn deep_and_long_programs_are_checked_and_formatted() {
    all_end(|_| true, &[&["check"], &["fmt", "--check"]]);
}

#[test]
fn deep_and_long_programs_are_linted() {
    all_end(|_| true, &[&["lint"]]);
}

#[test]
fn deep_and_long_programs_are_planned() {
    all_end(|_| true, &[&["plan", "--format", "json"]]);
}

#[test]
fn deep_and_long_programs_are_drawn_and_tested() {
    let is_small = |name: &str| !name.contains("cells");
    let mermaid = ["plan", "--format", "mermaid"];
    let html = ["plan", "--format", "html"];
    all_end(is_small, &[&mermaid, &html, &["test"], &["inputs"]]);
}

#[test]
fn deep_and_long_programs_run() {
    let is_run = |name: &str| {
        [
            "globals",
            "sum",
            "workflows",
            "branches",
            "blocks_within_bounds",
            "statements",
        ]
        .contains(&name)
    };
    all_end(is_run, &[&["run", "--no-input"]]);
}

#[test]
fn an_editor_gets_answers_about_deep_and_long_programs() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut editor = Editor::new(folder.path(), &json!({}));
    for (name, shape) in SHAPES {
        let uri = address(&folder.path().join(format!("{name}.deploy")));
        editor.open(&uri, &shape(SIZE));
        let document = json!({ "uri": uri });
        for method in ["documentSymbol", "semanticTokens/full", "foldingRange"] {
            let asked = json!({ "textDocument": document });
            let answer = editor.ask(&format!("textDocument/{method}"), asked);
            assert!(answer.get("error").is_none(), "{name}: {answer}");
        }
        let start = json!({ "line": 0, "character": 0 });
        let range = json!({ "start": start, "end": { "line": 9, "character": 0 } });
        let asked = json!({ "textDocument": document, "range": range });
        let answer = editor.ask("textDocument/inlayHint", asked);
        assert!(answer.get("error").is_none(), "{name}: {answer}");
        editor.tell("textDocument/didClose", json!({ "textDocument": document }));
    }
    let _ = editor.ask("shutdown", serde_json::Value::Null);
    editor.tell("exit", serde_json::Value::Null);
    assert_eq!(editor.end(), 0);
}

#[test]
fn a_loop_with_too_many_cells_fails_before_its_first() {
    for head in ["matrix", "matrix max 7", "matrix tolerate 1"] {
        let cells = "a in range(0, 1000) b in range(0, 1000) c in range(0, 1000)";
        let (word, modifier) = head.split_once(' ').unwrap_or((head, ""));
        let text = format!("pipeline p {{ {word} {cells} {modifier} {{ log \"x\" }} }}\n");
        let said = Test::new().file("p.deploy", text).args(["run", "p.deploy"]);
        let said = said.said();
        assert_eq!(said.code, 1, "{head}: {}{}", said.stdout, said.stderr);
        assert!(said.stdout.contains("too many cells"), "{}", said.stdout);
    }
}

#[test]
fn locks_over_many_cells_are_proved() {
    // Compared with each other they would be some 10⁹ pairs.
    let one = "pipeline p {
  parallel a in range(0, 30000) { lock \"c\" { run \"x\" lock \"d\" limit 2 { run \"y\" } } }
}
";
    let columns = "pipeline p {
  matrix parallel a in range(0, 128) parallel b in range(0, 128) {
    lock \"c${b}\" { run \"y\" lock \"z\" limit 3 { run \"q\" } }
    barrier row[a]
  }
}
";
    for text in [one, columns] {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("p.deploy"), text).expect("the file is written");
        let said = run(limited(folder.path(), &["plan", "p.deploy"]));
        assert_eq!(said.code, 0, "{}{}", said.stdout, said.stderr);
    }
}
