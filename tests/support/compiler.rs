//! The compiler over files in memory. It does not know the file system.

use std::collections::BTreeMap;

use lockstep::diagnostic::render::{Style, render};
use lockstep::diagnostic::{Code, Diagnostic, Severity};
use lockstep::source::Sources;
use lockstep::syntax;

/// Files by name.
pub type Files = BTreeMap<String, String>;

/// What the compiler said about a file.
pub struct Verdict {
    pub diagnostics: Vec<Diagnostic>,
    sources: Sources,
}

impl Verdict {
    /// The codes, each once.
    pub fn codes(&self) -> Vec<Code> {
        let mut codes: Vec<Code> = self.diagnostics.iter().map(|wrong| wrong.code).collect();
        codes.sort();
        codes.dedup();
        codes
    }

    /// Whether one of them is an error.
    pub fn has_errors(&self) -> bool {
        let mut all = self.diagnostics.iter();
        all.any(|wrong| wrong.severity == Severity::Error)
    }

    /// All of it as a person would see it.
    pub fn shown(&self) -> String {
        render(&self.diagnostics, &self.sources, Style::PLAIN)
    }
}

/// Compiles the file `main` among these.
pub fn compile(files: &Files, main: &str) -> Verdict {
    let mut sources = Sources::default();
    let text = files.get(main).map_or("", String::as_str);
    let file = sources.add(main, text);
    Verdict {
        diagnostics: syntax::parse(file, text).diagnostics,
        sources,
    }
}

/// Only reads the text, as declarations or else as statements; names need not exist.
pub fn read(text: &str) -> Verdict {
    let alone = compile(
        &Files::from([(String::from("page"), text.to_string())]),
        "page",
    );
    let wrapped = format!("pipeline page {{\n{text}\n}}\n");
    let inside = compile(&Files::from([(String::from("page"), wrapped)]), "page");
    match alone.has_errors() {
        true => inside,
        false => alone,
    }
}
