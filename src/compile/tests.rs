//! Compiles the files of `tests/corpus/check` and compares what is said about them, beside the
//! text it is said about.

use std::collections::HashMap;
use std::fmt::Write;

use super::{Compilation, compile};
use crate::diagnostic::Diagnostic;
use crate::source::{Sources, Span};
use crate::world::Files;

/// Files in memory. A file of the corpus can hold several, each after a line `#> NAME`.
struct Memory(HashMap<String, String>);

impl Memory {
    fn new(text: &str) -> Self {
        let mut files: HashMap<String, String> = HashMap::new();
        let mut name = String::from("main.deploy");
        for line in text.split_inclusive('\n') {
            match line.strip_prefix("#> ") {
                Some(next) => name = next.trim().to_owned(),
                None => files.entry(name.clone()).or_default().push_str(line),
            }
        }
        Self(files)
    }
}

impl Files for Memory {
    fn read(&self, path: &str) -> Result<String, String> {
        let found = self.0.get(path).cloned();
        found.ok_or_else(|| String::from("no such file"))
    }
}

fn compiled(text: &str) -> Compilation {
    compile(&Memory::new(text), "main.deploy")
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
fn shown(sources: &Sources, diagnostic: &Diagnostic) -> String {
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
    settings.set_snapshot_path("../../tests/corpus/check/snapshots");
    settings.set_omit_expression(true);
    settings.bind(|| {
        insta::glob!("../../tests/corpus/check", "*.deploy", |path| {
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
