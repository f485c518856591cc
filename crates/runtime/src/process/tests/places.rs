//! Injection tests: every place where a value may stand, with values that would break out of it if
//! they could: through the analysis, a real shell and a real program, which must see exactly the
//! value.

use super::*;
use lockstep_lang::eval::{Expr, ExprKind, Slot};
use lockstep_lang::ir::command::notation::pieces;
use lockstep_lang::ir::command::{Form, analyse, invoke};

/// Texts that mean something to shells, programs or terminals.
const NASTY: &[&str] = &[
    "",
    " ",
    "  two  spaces  ",
    "\t",
    "\n",
    "\n\n",
    "a\nb",
    "trailing\n",
    "\r\n",
    "a\rb",
    "'",
    "''",
    "'a'",
    "\"",
    "\"\"",
    "\"a\"",
    "`",
    "`id`",
    "$",
    "$$",
    "$(",
    "$(id)",
    "${",
    "${HOME}",
    "$HOME",
    "$((1+1))",
    "$1",
    "$@",
    "\\",
    "\\\\",
    "\\n",
    "\\'",
    "\\\"",
    "a\\",
    "\\$HOME",
    "*",
    "?",
    "[a-z]",
    "*.rs",
    "/*",
    "~",
    "~root",
    "~/x",
    "-",
    "--",
    "-n",
    "-e",
    "--help",
    "-rf",
    "#",
    "# x",
    "a#b",
    "!",
    "!!",
    "!x",
    ";",
    "; id",
    "&",
    "&& id",
    "|",
    "| id",
    "||",
    "<",
    ">",
    "> f",
    "<<EOF",
    "EOF",
    "\nEOF\n",
    "(",
    ")",
    "()",
    "(id)",
    "{",
    "}",
    "{a,b}",
    "{1..3}",
    "}; id; {",
    "a=b",
    "=",
    "=a",
    "%",
    "%s",
    "%n",
    "%%",
    "a%20b",
    "\\x41",
    "\u{1b}[31m",
    "\u{7f}",
    "\u{1}",
    "\u{81}",
    "\u{88}",
    "é",
    "ü\u{308}",
    "日本語",
    "🚀",
    "👩‍👩‍👧",
    "\u{202e}abc",
    "\u{feff}",
    "\u{a0}",
    "\u{2028}",
    "ā",
    "Ё",
    "ＡＢ",
    "' or '1'='1",
    "\"; id; \"",
    "'; id; '",
    "`id`; $(id)",
    "a b  c\td\ne",
    "esac",
    "done",
    "fi",
    "then",
    ";;",
    "in",
    "yes",
    "[",
    "]",
    "[[",
    "]]",
    "a[$(id)]",
    "x[`id`]",
    "0x10",
    "-1",
    "1e3",
    "true",
    "../../etc/passwd",
    "/dev/null",
    ".",
    "..",
    "*)",
    "a|b",
    "@(a)",
    "+(x)",
    "\\*",
    "[!a]",
    "[^a]",
    "a]b",
    "${x:-`id`}",
    "$'\\n'",
    "$\"x\"",
    "LOCKSTEP_VALUE_1",
    "${LOCKSTEP_VALUE_1}",
    "\u{0}",
];

/// At least 300 different values; none contains a NUL, which no argument can.
pub(super) fn values() -> Vec<String> {
    let mut values: Vec<String> = NASTY.iter().map(|text| String::from(*text)).collect();
    values.retain(|text| !text.contains('\0'));
    let mut seed = 0x2545_F491_4F6C_DD1D_u64;
    let mut random = |below: usize| {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        (seed % below as u64) as usize
    };
    while values.len() < 330 {
        let parts = 1 + random(5);
        let text: String = (0..parts).map(|_| NASTY[random(NASTY.len() - 1)]).collect();
        if !values.contains(&text) {
            values.push(text);
        }
    }
    values.push("long ".repeat(2_000));
    values.push("'\"`$(x)\\\n*".repeat(500));
    values
}

/// Whether a value can name a file.
fn names_a_file(text: &str) -> bool {
    !text.contains('/') && !["", ".", "..", "show"].contains(&text) && text.len() < 200
}

/// A template with `‹x›` where the value stands, and what `show` must then be given: `‹x›` there
/// stands for the value.
type ShellTemplate = (&'static str, &'static [&'static str]);

const DIRECT: &[ShellTemplate] = &[
    ("./show ‹x›", &["‹x›"]),
    ("./show pre‹x›post", &["pre‹x›post"]),
    ("./show \"a ‹x› b\"", &["a ‹x› b"]),
    ("./show 'q q'‹x›\\ \"‹x›\"", &["q q‹x› ‹x›"]),
    ("./show --flag=‹x› -- ‹x›", &["--flag=‹x›", "--", "‹x›"]),
];

/// For every shell.
const SCRIPTS: &[ShellTemplate] = &[
    ("./show ‹x›", &["‹x›"]),
    ("./show pre‹x›post'q'‹x›", &["pre‹x›postq‹x›"]),
    ("./show \"pre ‹x› post\"", &["pre ‹x› post"]),
    ("./show $(printf a)‹x›\"$(printf b)‹x›\"", &["a‹x›b‹x›"]),
    ("./show \"$(printf '%s.' ‹x›)\"", &["‹x›."]),
    ("./show \"$(printf '%s.' \"‹x›\")\"", &["‹x›."]),
    (
        "./show \"$(printf '%s.' \"$(printf '%s.' ‹x›)\")\"",
        &["‹x›.."],
    ),
    ("./show \"$(cat <<EOF\n<‹x›>\nEOF\n)\"", &["<‹x›>"]),
    (
        "./show \"$(cat <<-EOF\n\t<\"‹x›\">'‹x›'\n\tEOF\n)\"",
        &["<\"‹x›\">'‹x›'"],
    ),
    (
        "./show \"$(cat <<EOF\n${u-<‹x›>}$(printf '%s.' ‹x›)\nEOF\n)\"",
        &["<‹x›>‹x›."],
    ),
    ("./show \"${u-‹x›}\"", &["‹x›"]),
    ("./show ${u-‹x›}", &["‹x›"]),
    ("./show \"${u:-pre \"‹x›\" post}\"", &["pre ‹x› post"]),
    ("./show ${u:-\"‹x›\"}", &["‹x›"]),
    ("s=1; ./show \"${s+‹x›}\" ${s:+‹x›}", &["‹x›", "‹x›"]),
    ("unset n; : \"${n=‹x›}\"; ./show \"$n\"", &["‹x›"]),
    (
        "p=‹x›tail; ./show \"${p#‹x›}\" ${p#‹x›} \"${p##\"‹x›\"}\"",
        &["tail", "tail", "tail"],
    ),
    (
        "p=head‹x›; ./show \"${p%‹x›}\" ${p%%‹x›}",
        &["head", "head"],
    ),
    ("a=‹x›; ./show \"$a\"", &["‹x›"]),
    (
        "a=\"b ‹x›\" c=‹x›d; ./show \"$a\" \"$c\"",
        &["b ‹x›", "‹x›d"],
    ),
    ("a=‹x› sh -c './show \"$a\"'", &["‹x›"]),
    ("export a=‹x›; ./show \"$a\"", &["‹x›"]),
    (
        "case ‹x› in ‹x›) ./show yes;; *) ./show no;; esac",
        &["yes"],
    ),
    (
        "case \"‹x›\" in a\"‹x›\") ./show no;; (\"‹x›\") ./show yes;; esac",
        &["yes"],
    ),
    ("case pre‹x› in (other|pre‹x›) ./show ‹x›;; esac", &["‹x›"]),
    (
        "for a in ‹x› b\"‹x›\"; do ./show \"$a\"; done",
        &["‹x›", "b‹x›"],
    ),
    ("set -- ‹x› y; ./show \"$@\"", &["‹x›", "y"]),
    ("if [ ‹x› = ‹x› ]; then ./show yes; fi", &["yes"]),
    ("f() { ./show \"$@\" ‹x›; }; f ‹x›", &["‹x›", "‹x›"]),
    ("printf '%s' ‹x› | { cat; printf '\\0'; }", &["‹x›"]),
    (
        "( ./show ‹x› ); { ./show ‹x›; }; if ./show ‹x›; then :; fi",
        &["‹x›", "‹x›", "‹x›"],
    ),
    ("sh -c './show \"$1\"' sh ‹x›", &["‹x›"]),
    ("b=z; ./show \"$b‹x›\" $b‹x›", &["z‹x›", "z‹x›"]),
    ("./show ‹x› # and ‹x›", &["‹x›"]),
    (
        "! ./show ‹x› || ./show ‹x› && ./show \\\n  ‹x›",
        &["‹x›", "‹x›", "‹x›"],
    ),
    (
        "while ./show ‹x›; do break; done; until ./show ‹x›; do :; done",
        &["‹x›", "‹x›"],
    ),
    ("set -- ‹x›; eval './show \"$1\"'", &["‹x›"]),
];

/// Only for `bash`.
const BASH: &[ShellTemplate] = &[
    (
        "a=(‹x› y); a+=(\"b ‹x›\"); ./show \"${a[@]}\"",
        &["‹x›", "y", "b ‹x›"],
    ),
    ("declare -A m=([k]=‹x›); ./show \"${m[k]}\"", &["‹x›"]),
    (
        "if [[ ‹x› == ‹x› && -n a‹x› ]]; then ./show yes; fi",
        &["yes"],
    ),
    ("if [[ a‹x›b =~ ^a‹x›b$ ]]; then ./show yes; fi", &["yes"]),
    ("if [[ ‹x›b == @(a|‹x›b) ]]; then ./show yes; fi", &["yes"]),
    (
        "cat <<< .‹x›. | { IFS= read -r -d '' a || true; ./show \"$a\"; }",
        &[".‹x›.\n"],
    ),
    (
        "a=-‹x›-; ./show \"${a/-‹x›-/Q}\" \"${a/\"-‹x›\"/Q}\"",
        &["Q", "Q-"],
    ),
    (
        "a=b; ./show \"${a/b/‹x›}\" \"${a/b/-\"‹x›\"}\"",
        &["‹x›", "-‹x›"],
    ),
    (
        "IFS= read -r -d '' a < <(printf '%s\\0' ‹x›); ./show \"$a\"",
        &["‹x›"],
    ),
    (
        "printf -v a '%s' ‹x›; ./show \"$a\"; local=‹x›; ./show \"$local\"",
        &["‹x›", "‹x›"],
    ),
    (
        "f() { local a=‹x› b=\"‹x›\"; ./show \"$a\" \"$b\"; }; f",
        &["‹x›", "‹x›"],
    ),
    ("./show {‹x›,b}", &["‹x›", "b"]),
];

/// For values that can name a file.
const FILES: &[ShellTemplate] = &[
    (
        "printf hi > ‹x›; ./show \"$(cat < ‹x›)\"; rm -- ‹x›",
        &["hi"],
    ),
    (
        "printf hi 2>&1 >>\"‹x›\"; ./show \"$(cat 0<./‹x›)\"; rm ./‹x›",
        &["hi"],
    ),
];

/// A bench with `show` in its folder, which writes its arguments with a NUL behind each.
fn bench() -> ProcessFixture {
    use std::os::unix::fs::PermissionsExt as _;
    let bench = ProcessFixture::new();
    let show = bench.folder.path().join("show");
    std::fs::write(&show, "#!/bin/sh\n[ $# = 0 ] || printf '%s\\0' \"$@\"\n").unwrap();
    std::fs::set_permissions(&show, std::fs::Permissions::from_mode(0o755)).unwrap();
    bench
}

/// Runs a command with these values, one for each `‹…›` in it, and returns what `show` was given.
async fn shown(
    bench: &ProcessFixture,
    text: &str,
    bash: bool,
    values: &[Value],
    direct: bool,
) -> Vec<String> {
    let form = analyse(&pieces(text), bash, &Default::default())
        .unwrap_or_else(|problems| panic!("{text}: {problems:?}"))
        .form;
    assert_eq!(matches!(form, Form::Direct(_)), direct, "{text}");
    let mut value = |expr: &Expr| match expr.kind {
        ExprKind::Local(Slot(slot)) => Ok(values[slot as usize].clone()),
        _ => panic!("only locals are made here"),
    };
    let text_of = |value: &Value| String::from(value.as_str().expect("a text"));
    let invocation = invoke(&form, &mut value, &text_of).expect("values for all");
    let (ended, _) = bench.run(bench.spawn(invocation)).await;
    let CommandResult::Exited { stdout, .. } = &ended else {
        panic!("{text}: {ended:?}");
    };
    let mut all: Vec<String> = stdout.text.split('\0').map(String::from).collect();
    assert_eq!(all.pop().as_deref(), Some(""), "{text}");
    all
}

/// Runs a place with many values at once, each in a copy of its own.
async fn check(
    bench: &ProcessFixture,
    place: &ShellTemplate,
    values: &[String],
    bash: bool,
    direct: bool,
) {
    let (template, wanted) = place;
    let holes = template.matches("‹x›").count();
    for chunk in values.chunks(30) {
        // A direct command is one list of words: the copies are further words.
        let words = template.strip_prefix("./show").unwrap_or(template);
        let text = match direct {
            true => format!("./show{}", words.repeat(chunk.len())),
            false => format!("{template}\n").repeat(chunk.len()),
        };
        let each = |text: &String| std::iter::repeat_n(Value::string(text.as_str()), holes);
        let filled: Vec<Value> = chunk.iter().flat_map(each).collect();
        let got = shown(bench, &text, bash, &filled, direct).await;
        let want: Vec<String> = (chunk.iter())
            .flat_map(|text| wanted.iter().map(move |want| want.replace("‹x›", text)))
            .collect();
        for (got, want) in got.iter().zip(&want) {
            assert_eq!(got, want, "{template} with bash: {bash}");
        }
        assert_eq!(got.len(), want.len(), "{template}");
    }
}

#[tokio::test]
async fn a_direct_command_sees_exactly_the_values() {
    let (bench, values) = (bench(), values());
    assert!(values.len() >= 300);
    for place in DIRECT {
        check(&bench, place, &values, false, true).await;
    }
}

/// The same script with `show` as a function, which spares a process for each value.
fn with_function(template: &str) -> String {
    let script = template.replace("./show", "show");
    format!("show() {{ [ $# = 0 ] || printf '%s\\0' \"$@\"; }}; {script}")
}

/// Runs a place with a few values through programs, and with all (in `bash`, where starting the
/// processes of substitutions takes longer, with some) through a function.
async fn check_script(
    bench: &ProcessFixture,
    place: &ShellTemplate,
    values: &[String],
    bash: bool,
) {
    let few: Vec<String> = values.iter().step_by(9).cloned().collect();
    // The first of them would need no shell but for this.
    let template: &'static str = String::leak(format!(":; {}", place.0));
    check(bench, &(template, place.1), &few, bash, false).await;
    if !template.contains("sh -c") {
        let template: &'static str = String::leak(with_function(place.0));
        let all: Vec<String> = (values.iter().step_by(if bash { 4 } else { 1 }))
            .cloned()
            .collect();
        check(bench, &(template, place.1), &all, bash, false).await;
    }
}

#[tokio::test]
async fn a_script_sees_exactly_the_values() {
    let (bench, values) = (bench(), values());
    for place in SCRIPTS {
        check_script(&bench, place, &values, false).await;
    }
}

#[tokio::test]
async fn a_script_for_bash_sees_exactly_the_values() {
    let (bench, values) = (bench(), values());
    for place in SCRIPTS.iter().chain(BASH) {
        check_script(&bench, place, &values, true).await;
    }
}

#[tokio::test]
async fn values_name_files() {
    let (bench, mut values) = (bench(), values());
    values.retain(|text| names_a_file(text));
    assert!(values.len() > 200);
    for place in FILES {
        for bash in [false, true] {
            check_script(&bench, place, &values, bash).await;
        }
    }
    // Nothing was made by another name.
    let left = std::fs::read_dir(bench.folder.path()).unwrap();
    let left: Vec<String> = left
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .filter(|name| name != "show" && !name.starts_with("lockstep-"))
        .collect();
    assert!(left.is_empty(), "{left:?}");
}

#[tokio::test]
async fn lists_become_one_argument_for_each_element() {
    let (bench, values) = (bench(), values());
    for chunk in values.chunks(60).chain([&[][..]]) {
        let list = [Value::list(
            chunk.iter().map(|text| Value::string(text.as_str())),
        )];
        let mut want: Vec<String> = chunk.to_vec();
        assert_eq!(shown(&bench, "./show ‹x*›", false, &list, true).await, want);
        for bash in [false, true] {
            let text = "for a in ‹x*›; do ./show \"$a\"; done; ./show ‹x*› 'z'";
            let lists = [list[0].clone(), list[0].clone()];
            let mut twice = want.clone();
            twice.append(&mut want.clone());
            twice.push(String::from("z"));
            assert_eq!(shown(&bench, text, bash, &lists, false).await, twice);
        }
        let text = "a=(‹x*›); ./show \"${a[@]}\" y";
        want.push(String::from("y"));
        assert_eq!(shown(&bench, text, true, &list, false).await, want);
    }
}

#[tokio::test]
async fn long_values_arrive_or_are_refused_clearly() {
    let bench = bench();
    let long = Value::string("é".repeat(60_000));
    let longer = Value::string("x".repeat(200_000));
    for text in ["./show ‹x›", ":; ./show ‹x›"] {
        let direct = !text.starts_with(':');
        let got = shown(&bench, text, false, std::slice::from_ref(&long), direct).await;
        assert_eq!(got, [long.as_str().unwrap()]);
        let form = analyse(&pieces(text), false, &Default::default())
            .unwrap()
            .form;
        let invocation = invoke(&form, &mut |_| Ok(longer.clone()), &|value| {
            String::from(value.as_str().unwrap())
        });
        let (ended, _) = bench.run(bench.spawn(invocation.unwrap())).await;
        let (_, message, _) = failure(&ended);
        assert!(message.starts_with("a text of 2000"), "{message}");
    }
}
