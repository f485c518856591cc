//! Compiles the files of `tests/corpus/check` and compares the diagnostics with those written in
//! the files.

use std::collections::HashMap;
use std::fmt::Write;

use proptest::prelude::*;

use super::{Compilation, compile, dump};
use lockstep_base::diagnostic::Diagnostic;
use lockstep_base::source::{Sources, Span};
use lockstep_base::world::{FileError, Files};

/// Files in memory. A file of the corpus can hold several, each after a line `#> NAME`; a line
/// `#> LINK -> FOLDER` makes a link.
struct CorpusFiles {
    files: HashMap<String, String>,
    links: Vec<(String, String)>,
}

impl CorpusFiles {
    fn new(text: &str) -> Self {
        let mut files: HashMap<String, String> = HashMap::new();
        let mut links = Vec::new();
        let mut name = String::from("main.deploy");
        for line in text.split_inclusive('\n') {
            let next = line.strip_prefix("#> ").map(str::trim);
            match next.map(|next| (next, next.split_once(" -> "))) {
                Some((_, Some((link, to)))) => links.push((link.to_owned(), to.to_owned())),
                Some((next, None)) => name = next.to_owned(),
                None => files.entry(name.clone()).or_default().push_str(line),
            }
        }
        Self { files, links }
    }
}

impl Files for CorpusFiles {
    fn read(&self, path: &str) -> Result<String, FileError> {
        let found = self.real(path).and_then(|path| self.files.get(&path));
        found.cloned().ok_or(FileError::NotFound)
    }

    fn real(&self, path: &str) -> Option<String> {
        let followed = self
            .links
            .iter()
            .find_map(|(link, to)| Some(format!("{to}{}", path.strip_prefix(link.as_str())?)));
        let real = followed.unwrap_or_else(|| path.to_owned());
        self.files.contains_key(&real).then_some(real)
    }
}

pub(super) fn compiled(text: &str) -> Compilation {
    compile(&CorpusFiles::new(text), "main.deploy")
}

fn place(sources: &Sources, span: Span) -> String {
    let place = sources.place(span);
    let text: String = sources.text(span).chars().take(60).collect();
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    format!(
        "{} `{text}`",
        place.strip_prefix("main.deploy:").unwrap_or(&place)
    )
}

/// A diagnostic as plain text: what snapshots hold.
pub(super) fn shown(sources: &Sources, diagnostic: &Diagnostic) -> String {
    let mut text = String::new();
    let mut labels = diagnostic.labels.iter();
    let first = labels.next().expect("a primary label");
    let _ = writeln!(
        text,
        "{} {} {}",
        diagnostic.code,
        place(sources, first.span),
        if first.text.is_empty() {
            String::new()
        } else {
            format!("({})", first.text)
        }
    );
    let _ = writeln!(text, "    {}", diagnostic.message);
    for label in labels {
        let _ = writeln!(
            text,
            "    at {} ({})",
            place(sources, label.span),
            label.text
        );
    }
    if let Some(help) = &diagnostic.help {
        let _ = writeln!(text, "    help: {help}");
    }
    for fix in &diagnostic.fixes {
        for (span, with) in &fix.edits {
            let _ = writeln!(
                text,
                "    fix: {}: {} -> `{with}`",
                fix.title,
                place(sources, *span)
            );
        }
    }
    text.lines()
        .map(str::trim_end)
        .collect::<Vec<_>>()
        .join("\n")
        + "\n"
}

fn report(compilation: &Compilation) -> String {
    if compilation.diagnostics.is_empty() {
        return String::from("no diagnostics\n");
    }
    compilation
        .diagnostics
        .iter()
        .map(|diagnostic| shown(&compilation.sources, diagnostic))
        .collect()
}

#[test]
fn what_is_said_about_the_corpus() {
    let mut settings = insta::Settings::clone_current();
    settings.set_prepend_module_to_snapshot(false);
    settings.set_snapshot_path("../../../../tests/corpus/check/snapshots");
    settings.set_omit_expression(true);
    settings.bind(|| {
        insta::glob!("../../../../tests/corpus/check", "*.deploy", |path| {
            let text = std::fs::read_to_string(path).expect("a file of the corpus");
            let compilation = compiled(&text);
            assert_eq!(
                compilation.program.is_some(),
                compilation.diagnostics.is_empty()
            );
            insta::assert_snapshot!(report(&compilation));
        });
    });
}

#[test]
fn a_file_with_mistakes_gives_one_message_for_each() {
    let text = include_str!("../../../../tests/corpus/check/eight.deploy");
    let codes: Vec<String> = compiled(text)
        .diagnostics
        .iter()
        .map(|diagnostic| diagnostic.code.to_string())
        .collect();
    assert_eq!(codes.len(), 8, "{codes:?}");
}

#[test]
fn what_the_corpus_is_lowered_to() {
    let mut settings = insta::Settings::clone_current();
    settings.set_prepend_module_to_snapshot(false);
    settings.set_snapshot_path("../../../../tests/corpus/lower/snapshots");
    settings.set_omit_expression(true);
    settings.bind(|| {
        insta::glob!("../../../../tests/corpus/lower", "*.deploy", |path| {
            let text = std::fs::read_to_string(path).expect("a file of the corpus");
            let compilation = compiled(&text);
            let lowered = match &compilation.program {
                Some(program) => dump::program(program),
                None => report(&compilation),
            };
            insta::assert_snapshot!(lowered);
        });
    });
}

/// Texts that are nearly programs: what people have on the screen while they type.
fn damaged() -> impl Strategy<Value = String> {
    let texts = [
        include_str!("../../../../tests/corpus/check/everything.deploy"),
        include_str!("../../../../tests/corpus/check/structure.deploy"),
        include_str!("../../../../tests/corpus/check/places.deploy"),
        include_str!("../../../../tests/corpus/check/types.deploy"),
        include_str!("../../../../tests/corpus/check/cycles.deploy"),
        include_str!("../../../../tests/corpus/check/sections.deploy"),
    ];
    let words: Vec<String> = texts
        .iter()
        .flat_map(|text| text.split_whitespace())
        .map(String::from)
        .collect();
    let change = (
        any::<prop::sample::Index>(),
        any::<prop::sample::Index>(),
        0..4,
    );
    (
        prop::sample::select(texts.to_vec()),
        prop::collection::vec(change, 1..12),
    )
        .prop_map(move |(text, changes)| {
            let mut found: Vec<&str> = text.split_inclusive(char::is_whitespace).collect();
            for (at, other, kind) in changes {
                let at = at.index(found.len());
                match kind {
                    0 => {
                        found.remove(at);
                    }
                    1 => found.insert(at, &words[other.index(words.len())]),
                    2 => found[at] = &words[other.index(words.len())],
                    _ => {
                        let other = other.index(found.len());
                        found.swap(at, other);
                    }
                }
                if found.is_empty() {
                    break;
                }
            }
            found.concat()
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn nothing_panics_and_errors_leave_no_program(text in damaged()) {
        let compilation = compiled(&text);
        prop_assert_eq!(compilation.program.is_some(), compilation.diagnostics.is_empty());
        for diagnostic in &compilation.diagnostics {
            prop_assert!(!diagnostic.labels.is_empty());
            prop_assert!(!shown(&compilation.sources, diagnostic).is_empty());
        }
    }
}

#[test]
fn a_program_can_be_stored() {
    let text = include_str!("../../../../tests/corpus/check/everything.deploy");
    let program = compiled(text).program.expect("a program");
    let stored = serde_json::to_string(&program).expect("JSON");
    let read: crate::ir::Program = serde_json::from_str(&stored).expect("a program");
    assert_eq!(read, program);
}

/// `count` lines made by `line`, then a pipeline.
fn many(count: usize, line: impl Fn(usize) -> String) -> String {
    let mut text: String = (0..count).map(line).collect();
    text.push_str("pipeline release { log \"x\" }\n");
    text
}

#[test]
fn long_chains_are_followed_without_recursion() {
    let count = 3_000;
    let lets = many(count, |at| match at + 1 == count {
        true => format!("let a{at} = 1\n"),
        false => format!("let a{at} = a{} + 1\n", at + 1),
    });
    assert_eq!(compiled(&lets).diagnostics, []);
    let circle = many(count, |at| format!("let a{at} = a{}\n", (at + 1) % count));
    assert_eq!(compiled(&circle).diagnostics.len(), 1);
    let calls = many(count, |at| {
        format!("workflow w{at}() {{ w{}() }}\n", (at + 1) % count)
    });
    assert_eq!(compiled(&calls).diagnostics.len(), 1);
    let kind = "kind k { service { x: int } infrastructure { } }\n";
    let fields = many(count, |at| match at + 1 == count {
        true => format!("service s{at}: k {{ x = 1 }}\n"),
        false => format!(
            "service s{at}: k {{ x = s{}.x + s{}.x - 1 }}\n",
            at + 1,
            at + 1
        ),
    });
    assert_eq!(compiled(&format!("{kind}{fields}")).diagnostics, []);
}

#[test]
fn long_and_deep_expressions_are_read() {
    let sum = vec!["1"; 90].join(" + ");
    assert_eq!(
        report(&compiled(&format!("let a = {sum}\n"))),
        "no diagnostics\n"
    );
    for (open, close) in [
        ("(", ")"),
        ("[", "]"),
        ("{ a: ", "}"),
        ("not ", ""),
        ("-", ""),
    ] {
        let deep = format!(
            "let a = {}true{}\n",
            open.repeat(5_000),
            close.repeat(5_000)
        );
        assert!(!compiled(&deep).diagnostics.is_empty(), "{open}");
    }
}
