//! What may be used in a few places only, and what nowhere.
//! It does not know the directions between rooms; `layers` does.

use super::code::{bare, paths, shipped};
use super::{files, none};

/// One rule: what is looked for, and where it may stand.
struct Ban {
    /// Paths such as `tokio::` or `std::fs`, looked for with groups spread out.
    paths: &'static [&'static str],
    /// Texts in code.
    texts: &'static [&'static str],
    /// Starts of paths of files where it is allowed.
    allowed: &'static [&'static str],
    /// Whether tests are looked at too.
    also_tests: bool,
    /// Code that must be found.
    sample: &'static str,
    /// Code that must not.
    fine: &'static str,
}

const BANS: &[Ban] = &[
    Ban {
        paths: &["tokio"],
        texts: &[],
        allowed: &["src/runtime", "src/cli"],
        also_tests: false,
        sample: "use tokio::sync::mpsc;",
        fine: "use crate::tokio_like; // tokio::spawn",
    },
    Ban {
        paths: &[
            "std::fs",
            "std::env",
            "std::process",
            "std::net",
            "std::thread",
        ],
        texts: &[],
        allowed: &["src/runtime", "src/lsp", "src/cli", "src/main.rs"],
        also_tests: false,
        sample: "use std::{fmt, process::{Child, Command}};",
        fine: "use std::fmt; let version = env!(\"CARGO_PKG_VERSION\");",
    },
    Ban {
        paths: &[],
        texts: &["SystemTime", "Instant", "Timestamp::now", "Zoned::now"],
        allowed: &["src/runtime", "src/cli"],
        also_tests: false,
        sample: "let now = std::time::Instant::now();",
        fine: "let instantly = InstantCoffee; let span = std::time::Duration::ZERO;",
    },
    Ban {
        paths: &["miette"],
        texts: &[],
        allowed: &[
            "src/diagnostic/render.rs",
            "src/diagnostic/render/",
            "src/cli",
        ],
        also_tests: true,
        sample: "impl miette::Diagnostic for Mistake {}",
        fine: "// miette::Diagnostic",
    },
    Ban {
        paths: &["pest", "pest_derive"],
        texts: &[],
        allowed: &["src/syntax"],
        also_tests: true,
        sample: "use pest::iterators::Pair;",
        fine: "struct Pest;",
    },
    Ban {
        paths: &["clap", "indicatif", "rustix::termios"],
        texts: &[],
        allowed: &["src/cli"],
        also_tests: true,
        sample: "#[derive(clap::Args)]",
        fine: "let clapped = true;",
    },
    Ban {
        paths: &["std::io::stdout", "std::io::stderr"],
        texts: &["println!", "print!", "eprintln!", "eprint!"],
        allowed: &["src/cli"],
        also_tests: false,
        sample: "eprintln!(\"x\");",
        fine: "writeln!(out, \"println!\")",
    },
    Ban {
        paths: &[],
        texts: &["todo!", "unimplemented!", "dbg!"],
        allowed: &[],
        also_tests: true,
        sample: "fn later() { todo!() }",
        fine: "let todo = 1; // todo!",
    },
    PANICS,
];

/// What stops the program. Only our own mistakes may, and only where a type cannot rule them out.
const PANICS: Ban = Ban {
    paths: &[],
    texts: &[".unwrap()", ".expect(\"", "panic!", "unreachable!"],
    allowed: &[],
    also_tests: false,
    sample: "let first = list.first().unwrap();",
    fine: "let first = list.first().unwrap_or(&0); parser.expect(Rule::name);",
};

/// How many of [`PANICS`] a file has. These numbers only ever go down.
const KNOWN_PANICS: &[(&str, usize)] = &[];

/// Drops the known panics of a file, and complains where there are fewer than are known.
fn forgive(path: &str, complaints: Vec<String>, known: &[(&str, usize)]) -> Vec<String> {
    let known = known.iter().find(|(file, _)| *file == path);
    let known = known.map_or(0, |(_, count)| *count);
    let is_panic = |complaint: &String| {
        let mut texts = PANICS.texts.iter();
        texts.any(|text| complaint.ends_with(&format!("`{text}` may not stand here")))
    };
    match complaints.iter().filter(|wrong| is_panic(wrong)).count() {
        count if count == known => complaints.into_iter().filter(|it| !is_panic(it)).collect(),
        count if count < known => vec![format!("{path}: only {count} of {known} known panics")],
        _ => complaints,
    }
}

/// What is wrong in one file.
fn complaints(ban: &Ban, path: &str, text: &str) -> Vec<String> {
    if ban.allowed.iter().any(|start| path.starts_with(start)) {
        return Vec::new();
    }
    let code = match ban.also_tests {
        true => bare(text),
        false => shipped(text),
    };
    let mut lines = Vec::new();
    for wanted in ban.paths {
        let (root, rest) = wanted.split_once("::").unwrap_or((wanted, ""));
        let here = |path: &str| {
            let rest_of = path.strip_prefix(rest);
            rest_of.is_some_and(|more| rest.is_empty() || more.is_empty() || more.starts_with("::"))
        };
        let found = paths(&code, root)
            .into_iter()
            .filter(|(_, path)| here(path));
        lines.extend(found.map(|(line, _)| (line, *wanted)));
    }
    for wanted in ban.texts {
        // Literals are blank in bare code, so a text that ends in a quote is looked for without.
        let (text, quoted) = match wanted.strip_suffix('"') {
            Some(text) => (text, true),
            None => (*wanted, false),
        };
        for (at, _) in code.match_indices(text) {
            let is_word =
                |char: Option<char>| char.is_some_and(|char| char.is_alphanumeric() || char == '_');
            let before = !text.starts_with('.') && is_word(code[..at].chars().next_back());
            let after = text.ends_with(char::is_alphanumeric)
                && is_word(code[at + text.len()..].chars().next());
            let argument = code[at + text.len()..].chars().find(|char| *char != '\n');
            if !before && !after && (!quoted || argument == Some(' ')) {
                lines.push((code[..at].matches('\n').count() + 1, *wanted));
            }
        }
    }
    lines
        .into_iter()
        .map(|(line, wanted)| format!("{path}:{line}: `{wanted}` may not stand here"))
        .collect()
}

#[test]
fn nothing_stands_where_it_may_not() {
    let all = files(&["src"], "rs");
    let found = all.iter().flat_map(|file| {
        let bans = BANS.iter().filter(|ban| ban.also_tests || !file.is_test);
        let found = bans.flat_map(|ban| complaints(ban, &file.path, &file.text));
        forgive(&file.path, found.collect(), KNOWN_PANICS)
    });
    none(found.collect());
}

#[test]
fn every_ban_finds_its_sample() {
    for ban in BANS {
        let found = complaints(ban, "src/plan/mod.rs", ban.sample);
        assert!(!found.is_empty(), "not found: {}", ban.sample);
        assert_eq!(
            complaints(ban, "src/plan/mod.rs", ban.fine),
            [""; 0],
            "{}",
            ban.fine
        );
        let in_a_test = format!("#[cfg(test)]\nmod tests {{ {} }}", ban.sample);
        let found = complaints(ban, "src/plan/mod.rs", &in_a_test);
        assert_eq!(!found.is_empty(), ban.also_tests, "{in_a_test}");
        for start in ban.allowed {
            assert_eq!(complaints(ban, start, ban.sample), [""; 0], "{start}");
        }
    }
}

#[test]
fn known_panics_are_counted() {
    let known = [("src/a.rs", 1)];
    let count =
        |path: &str, text: &str| forgive(path, complaints(&PANICS, path, text), &known).len();
    assert_eq!(count("src/a.rs", "a.unwrap()"), 0);
    assert_eq!(count("src/a.rs", "a.unwrap(); panic!()"), 2);
    assert_eq!(count("src/a.rs", "a"), 1);
    assert_eq!(count("src/b.rs", "a.unwrap()"), 1);
    assert_eq!(count("src/b.rs", "a"), 0);
}
