//! What `check` says of a file is the same after `fmt`, whatever is wrong with it: the same codes,
//! each about the same words. The files are mutants of the corpus; `LOCKSTEP_FORMAT_CASES=100000`
//! tries so many, `LOCKSTEP_FORMAT_SEED=7` that one.

use lockstep_format::format_text;

use super::cases;
use super::damage::mutant;
use crate::support::compiler::{Files, compile};
use crate::tidy::files;

/// Longer files only cost time.
const MAX_BYTES: usize = 4_000;

/// What is said of a text: each code, with the words that it is about.
fn told(text: &str) -> Vec<(String, String)> {
    let files = Files::from([(String::from("page.deploy"), String::from(text))]);
    let verdict = compile(&files, "page.deploy");
    let words = |span| {
        let kept = |it: &char| !it.is_ascii_whitespace() && *it != ',';
        let own = verdict.sources().text(span).chars();
        own.filter(kept).collect::<String>()
    };
    let told = verdict.diagnostics.iter().map(|it| {
        let about = it.span().map(words).unwrap_or_default();
        (it.code.as_str().to_string(), about)
    });
    told.collect()
}

#[test]
fn broken_files_are_told_the_same() {
    let all = files(
        &["tests/corpus", "examples", "crates/syntax/src/tests"],
        "deploy",
    );
    let all: Vec<String> = all
        .into_iter()
        .map(|file| file.text)
        .filter(|text| text.len() < MAX_BYTES)
        .collect();
    assert!(all.len() > 100, "{} files", all.len());
    let one = std::env::var("LOCKSTEP_FORMAT_SEED").ok();
    let seeds = match one.and_then(|it| it.parse::<u64>().ok()) {
        Some(seed) => seed..seed + 1,
        None => 0..cases(600),
    };
    let count = seeds.end - seeds.start;
    let (mut changed, mut wrong) = (0, Vec::new());
    for seed in seeds {
        let place = |step: u64| (seed.wrapping_mul(step) % all.len() as u64) as usize;
        let text = mutant(&all[place(7_919)], &all[place(104_729)], seed);
        let formatted = format_text(&text).expect("it is formatted");
        changed += u64::from(formatted != text);
        let (before, after) = (told(&text), told(&formatted));
        if before != after {
            wrong.push((text.len(), seed, text, formatted, before, after));
        }
    }
    wrong.sort();
    let shown = wrong
        .iter()
        .take(3)
        .map(|(_, seed, text, formatted, before, after)| {
            format!("seed {seed}: {before:?}\n{text}\n--- formatted: {after:?}\n{formatted}")
        });
    let shown: Vec<String> = shown.collect();
    assert!(
        wrong.is_empty(),
        "{} of {count} are told otherwise\n{}",
        wrong.len(),
        shown.join("\n")
    );
    assert!(
        changed * 3 > count || count == 1,
        "only {changed} of {count} are changed"
    );
}

/// What stands on one line with something that cannot be read stays there.
#[test]
fn unread_lines_stay() {
    for text in [
        "pipeline p { run 1 }\n",
        "pipeline p {\n  log  \"a\" %% log  \"b\"\n}\n",
        "let  a = 1 ]\nlet b = 2\n",
        "] let  a = 1\n",
        "service  s: k { x = 1 ! y = 2 }\n",
    ] {
        assert_eq!(format_text(text).as_deref(), Ok(text));
    }
    let around = "pipeline p {\nlog   \"a\"\n  log  \"b\" $\nlog   \"c\"\n}\n";
    let formatted = "pipeline p {\n  log \"a\"\n  log  \"b\" $\n  log \"c\"\n}\n";
    assert_eq!(format_text(around).as_deref(), Ok(formatted));
}
