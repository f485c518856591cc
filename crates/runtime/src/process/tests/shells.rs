//! The word analysis against real shells, on random texts: what it calls plain words a shell must
//! see as the same words, what it calls unclosed a shell must refuse, and in random scripts, also
//! damaged ones, a value must arrive whatever stands around it.

use super::*;
use lockstep_base::diagnostic::codes;
use lockstep_lang::ir::command::notation::pieces;
use lockstep_lang::ir::command::{CommandPiece, CommandWord, Form, ScriptPart, TextPart, analyse};

/// A pseudo-random generator with the same sequence in every run.
struct Dice(u64);

impl Dice {
    fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    fn below(&mut self, below: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        ((self.0 >> 11) % below as u64) as usize
    }

    fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[self.below(from.len())]
    }
}

/// How many cases: more if `LOCKSTEP_CASES` is set.
fn cases(usual: u64) -> u64 {
    let wanted = std::env::var("LOCKSTEP_CASES").ok();
    wanted.and_then(|cases| cases.parse().ok()).unwrap_or(usual)
}

/// A bench with `show` on its path, which writes its arguments, each in `<>`.
fn bench() -> ProcessFixture {
    use std::os::unix::fs::PermissionsExt as _;
    let bench = ProcessFixture::new();
    let show = bench.folder.path().join("show");
    std::fs::write(&show, "#!/bin/sh\n[ $# = 0 ] || printf '<%s>\\n' \"$@\"\n").unwrap();
    std::fs::set_permissions(&show, std::fs::Permissions::from_mode(0o755)).unwrap();
    bench
}

/// Runs words and returns the output and the exit code; nothing if it does not end.
async fn run(bench: &ProcessFixture, invocation: Invocation) -> Option<(String, Option<i32>)> {
    let mut spawn = bench.spawn(invocation);
    let path = std::env::var("PATH").unwrap();
    let path = format!("{}:{path}", bench.folder.path().display());
    spawn.env = vec![("PATH".into(), Value::string(path))];
    let run = tokio::time::timeout(Duration::from_secs(3), bench.run(spawn)).await;
    match run.ok()?.0 {
        CommandResult::Exited { stdout, .. } => Some((stdout.text, Some(0))),
        // Whether a reader is gone before its writer has written is a race.
        CommandResult::Failed {
            code: Some(141), ..
        } => None,
        CommandResult::Failed { stdout, code, .. } => Some((stdout.text, code)),
    }
}

fn invocation(bash: bool, script: &str, value: &str) -> Invocation {
    Invocation::Shell {
        bash,
        script: script.into(),
        variables: vec![("V".into(), Value::string(value))],
    }
}

#[tokio::test]
async fn plain_words_are_what_a_shell_makes_of_them() {
    const PARTS: &[&str] = &[
        "a", "b ", " ", "  ", "\t", "'", "\"", "\\", "'a b'", "\"a b\"", "\\ ", "\\\n", "\\'",
        "\\\"", "''", "\"\"", "é", "%", "=", "-n", "#", "{}", "!", "@", ",", ":", "x=1", "'#'",
        "\"\\$\"", "'$'", "\\\\", "\"\\\\\"", "\"\\a\"", "\n", "[", "~", "*", "$", "if", "then",
        "^", "+", "]", ".", "\r", "\u{a0}",
    ];
    let bench = bench();
    let mut plain = 0;
    for seed in 0..cases(600) {
        let mut dice = Dice::new(seed + 1);
        let text: String = (0..1 + dice.below(9)).map(|_| dice.pick(PARTS)).collect();
        let text = format!("show {text}");
        match analyse(&pieces(&text), false, &Default::default()).map(|found| found.form) {
            Ok(Form::Transfer(_)) => panic!("no text is a transfer"),
            Ok(Form::Direct(words)) => {
                plain += 1;
                let words: Vec<String> = (words.iter())
                    .map(|word| match word {
                        CommandWord::One(parts) => (parts.iter())
                            .map(|part| match part {
                                TextPart::Text(text) => &**text,
                                TextPart::Value(_) => panic!("there are no values"),
                            })
                            .collect(),
                        CommandWord::Spread(_) => panic!("there are no values"),
                    })
                    .collect();
                let ours = run(&bench, Invocation::Direct(words)).await;
                let theirs = run(&bench, sh(&text)).await;
                assert_eq!(ours, theirs, "{text:?}");
            }
            Ok(Form::Shell { .. }) => {}
            Err(problems) => assert_refused_by_shells(&text, &problems),
        }
    }
    assert!(plain > 100, "{plain} of them were plain words");
}

/// What is reported as unclosed a shell must refuse, too.
fn assert_refused_by_shells(text: &str, problems: &[lockstep_base::diagnostic::Diagnostic]) {
    let unclosed = problems
        .iter()
        .find(|problem| problem.code == codes::COMMAND_UNCLOSED);
    // Shells take a here-document that nothing ends, and what follows a parameter that no shell
    // can expand is read in many ways.
    let odd = regex::Regex::new(r"\$\{\w*[^\w:=?+#%}-]").unwrap();
    let Some(problem) = unclosed.filter(|problem| {
        !problem.message.contains("here-document")
            // `dash` finds out what is no arithmetic only when it calculates.
            && !problem.message.contains("begins arithmetic")
            && !odd.is_match(text)
            // `dash` takes an operator for a pattern, and `[[` for a program.
            && !text.contains("(<")
            && !text.contains("[[")
    }) else {
        return;
    };
    let accepted = (std::process::Command::new("sh").args(["-n", "-c", text]))
        .output()
        .unwrap()
        .status
        .success();
    assert!(!accepted, "{text:?}: {}", problem.message);
}

/// A random word; `‹x›` in it where `value` is set, exactly once.
fn word(dice: &mut Dice, depth: usize, value: &mut bool) -> String {
    let here = std::mem::take(value);
    let x = if here { "‹x›" } else { "k" };
    let inner = |dice: &mut Dice| {
        let mut value = here;
        command(dice, depth.saturating_sub(1), &mut value)
    };
    let form = if depth == 0 {
        dice.below(7)
    } else {
        dice.below(16)
    };
    match form {
        0 => String::from(x),
        1 => format!("a{x}"),
        2 => format!("\"{x}\""),
        3 => format!("\"b  {x} 'c'\""),
        4 => format!("'d'{x}\\ e"),
        5 => format!("${{u-{x}}}"),
        6 => format!("\"${{u-{x}}}\""),
        7 | 8 => format!("\"$({})\"", inner(dice)),
        9 => format!("\"p $({}) q\"", inner(dice)),
        10 => format!("\"${{u-$({})}}\"", inner(dice)),
        11 => format!("\"`printf y`{x}\""),
        12 => format!("\"$((1 + 2)){x}\""),
        13 => format!("$w{x}\"$w\""),
        14 => format!("\"${{u-\"m  {x}\"}}\""),
        _ => format!("\"${{w#{x}}}${{u:+z}}\""),
    }
}

/// A random command in the same way.
fn command(dice: &mut Dice, depth: usize, value: &mut bool) -> String {
    let form = if depth == 0 { 0 } else { dice.below(14) };
    let deeper = |dice: &mut Dice, value: &mut bool| command(dice, depth - 1, value);
    match form {
        0..=2 => format!("show {} 'l'", word(dice, depth, value)),
        3 => format!("show k; {}", deeper(dice, value)),
        4 => format!("{} | cat", deeper(dice, value)),
        5 => format!("( {} )", deeper(dice, value)),
        6 => format!("{{ {}; }}", deeper(dice, value).replace("\nE\n", "\nE\n: ")),
        7 => format!("if show i; then {}\nfi", deeper(dice, value)),
        8 => format!("case {} in *) show c;; esac", word(dice, depth, value)),
        9 => format!(
            "for a in {} n; do show \"$a\"\ndone",
            word(dice, depth, value)
        ),
        10 => format!("show h && cat <<E\n{}\nE\n", word(dice, depth, value)),
        11 => format!("f() {{ {}\n}}; f", deeper(dice, value)),
        12 => format!("a={}; show \"$a\" # it's\n", word(dice, depth, value)),
        _ => format!("case k in (j) ;; k) {}\n;; esac", deeper(dice, value)),
    }
}

/// Damages a text at a place or two.
fn damaged(dice: &mut Dice, text: &str) -> String {
    const NOISE: &[&str] = &[
        "'", "\"", "\\", "$", "`", "(", ")", "{", "}", ";", "|", "&&", "#", "<", " ", "\n", "$(",
        "${", "}\"", "\"$(", "<<E\n", "\nE\n", "$((", "))", ";;", "esac", "[[ ", " ]]", "$'", "=",
        "~", "a=",
    ];
    let mut chars: Vec<char> = text.chars().collect();
    for _ in 0..1 + dice.below(2) {
        let at = dice.below(chars.len());
        match dice.below(3) {
            0 if !matches!(chars[at], '‹' | 'x' | '›') => {
                chars.remove(at);
            }
            1 if !matches!(chars[at], '‹' | 'x' | '›') => {
                chars.splice(at..=at, dice.pick(NOISE).chars());
            }
            _ if !matches!(chars[at], 'x' | '›') => {
                chars.splice(at..at, dice.pick(NOISE).chars());
            }
            _ => {}
        }
    }
    chars.into_iter().collect()
}

/// The script as it is run, with `V` for the value; and with the quotes around it the other way.
fn emitted(form: &Form) -> (String, String) {
    let write = |flip: bool| match form {
        Form::Shell { script, .. } => (script.iter())
            .map(|part| match part {
                ScriptPart::Text(text) => text.to_string(),
                ScriptPart::Bare(_) if !flip => String::from("\"${V}\""),
                ScriptPart::Quoted(_) if flip => String::from("\"${V}\""),
                _ => String::from("${V}"),
            })
            .collect(),
        Form::Transfer(_) => panic!("no text is a transfer"),
        Form::Direct(words) => (words.iter())
            .map(|word| {
                let CommandWord::One(parts) = word else {
                    panic!("there is no list")
                };
                let part = |part: &TextPart| match part {
                    TextPart::Text(text) => format!("'{}'", text.replace('\'', "'\\''")),
                    TextPart::Value(_) => String::from("\"${V}\""),
                };
                // An empty word is a word.
                std::iter::once(String::from("''"))
                    .chain(parts.iter().map(part))
                    .collect::<String>()
            })
            .collect::<Vec<_>>()
            .join(" "),
    };
    (write(false), write(true))
}

/// Runs a script with a value and without the analysis, and compares. Returns whether there was
/// anything to compare.
async fn compare(bench: &ProcessFixture, text: &str, bash: bool, whole: bool) -> bool {
    let parts = pieces(text);
    let values = (parts.iter()).filter(|piece| matches!(piece, CommandPiece::Value { .. }));
    // The number of a process differs each time, and background commands write at any time.
    let beside = text.replace("&&", "").contains('&');
    if values.count() != 1 || text.contains("$$") || text.contains("$!") || beside {
        return false;
    }
    let form = match analyse(&parts, bash, &Default::default()) {
        Ok(found) => found.form,
        Err(problems) => {
            if !bash {
                assert_refused_by_shells(&text.replace("‹x›", ".Zz9."), &problems);
            }
            return false;
        }
    };
    let (script, flipped) = emitted(&form);
    // The blanks and the text without special characters show whether it is parsed as it would be
    // had the value been written there.
    let prelude = "w=.Zz9.kk; ";
    let written = format!("{prelude}{}", text.replace("‹x›", ".Zz9."));
    let script = format!("{prelude}{script}");
    let flipped = format!("{prelude}{flipped}");
    let Some(theirs) = run(bench, invocation(bash, &written, "")).await else {
        return false;
    };
    let Some(ours) = run(bench, invocation(bash, &script, ".Zz9.")).await else {
        return false;
    };
    assert_eq!(ours, theirs, "{text:?} as {script:?}, bash: {bash}");
    // A value that would break out if it could. Where the script itself may split a text, it has
    // no blanks.
    let value = match whole {
        true => "$(echo  no) '\"\\*\n? `echo no`;#",
        false => "$(id)'\"\\`id`;&|#){}",
    };
    if !text.contains("${w#") {
        let Some(ours) = run(bench, invocation(bash, &script, value)).await else {
            return false;
        };
        let want = (theirs.0.replace(".Zz9.", value), theirs.1);
        // `w` itself is not the value.
        let want = (want.0.replace(&format!("{value}kk"), ".Zz9.kk"), want.1);
        assert_eq!(ours, want, "{text:?} as {script:?}, bash: {bash}");
    }
    // With the quotes the other way it must not arrive any better.
    let count = |run: &Option<(String, Option<i32>)>| {
        (run.as_ref()).map_or(0, |(out, _)| out.matches("x  y").count())
    };
    let ours = run(bench, invocation(bash, &script, "x  y")).await;
    let other = run(bench, invocation(bash, &flipped, "x  y")).await;
    assert!(
        ours.is_none() || count(&ours) >= count(&other),
        "{text:?} as {script:?}, bash: {bash}: {ours:?} and {other:?}"
    );
    true
}

async fn random_scripts(bash: bool) {
    let bench = bench();
    let mut told = [0, 0];
    for seed in 0..cases(40) {
        let mut dice = Dice::new(seed + 7_000);
        let text = command(&mut dice, 3, &mut true);
        told[0] += usize::from(compare(&bench, &text, bash, true).await);
        for _ in 0..3 {
            let text = damaged(&mut dice, &text);
            if bash && text.contains('`') {
                // For what is not closed inside backticks `bash` may search after them.
                continue;
            }
            told[1] += usize::from(compare(&bench, &text, bash, false).await);
        }
    }
    assert!(
        told[0] > 15 && told[1] > 15,
        "{told:?} of them told anything"
    );
}

#[tokio::test]
async fn values_arrive_in_random_scripts() {
    random_scripts(false).await;
}

#[tokio::test]
async fn values_arrive_in_random_scripts_for_bash() {
    random_scripts(true).await;
}
