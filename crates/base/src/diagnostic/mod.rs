//! Diagnostics as data: a code, a severity, a message, labelled source locations, help and fixes.
//! How they are shown is the job of [`render`].
//!
//! Diagnostics are made by named constructors next to the rule that finds them, not by one large
//! enum. Texts follow one order: what is wrong (message), where (the primary label), why (further
//! labels), what to do (help). Messages are lower case, without a full stop, with the user's own
//! text in backticks.

pub mod codes;
mod github;
mod json;
#[cfg(feature = "render")]
pub mod render;
mod sarif;
pub mod suggest;

use serde::Serialize;

use crate::source::Span;
pub use codes::Code;
pub use github::github;
pub use json::json;
pub use sarif::sarif;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Nothing runs until it is fixed.
    Error,
    /// It runs, but probably not as meant.
    Warning,
}

impl std::fmt::Display for Severity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Error => "error",
            Self::Warning => "warning",
        })
    }
}

/// A place in the source, with a few words about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Label {
    /// Where.
    pub span: Span,
    /// The text of the label; may be empty.
    pub text: String,
}

/// A change of the source that fixes a diagnostic.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Fix {
    /// What it does, as an editor would offer it: `` change to `prod.eu` ``.
    pub title: String,
    /// The texts to put in place of the spans.
    pub edits: Vec<(Span, String)>,
}

/// One diagnostic: a mistake or an advice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Diagnostic {
    /// Its stable code.
    pub code: Code,
    /// How bad it is.
    pub severity: Severity,
    /// What is wrong.
    pub message: String,
    /// Where, the primary place first.
    pub labels: Vec<Label>,
    /// What to do about it.
    pub help: Option<String>,
    /// Changes that fix it.
    pub fixes: Vec<Fix>,
}

impl Diagnostic {
    /// An error at `span`.
    pub fn error(code: Code, span: Span, message: impl Into<String>) -> Self {
        let label = Label {
            span,
            text: String::new(),
        };
        Self {
            code,
            severity: Severity::Error,
            message: message.into(),
            labels: vec![label],
            help: None,
            fixes: Vec::new(),
        }
    }

    /// A warning at `span`.
    pub fn warning(code: Code, span: Span, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Warning,
            ..Self::error(code, span, message)
        }
    }

    /// An error that has no place in a source, such as a mistake in the use of the program.
    pub fn without_place(code: Code, message: impl Into<String>) -> Self {
        Self {
            code,
            severity: Severity::Error,
            message: message.into(),
            labels: Vec::new(),
            help: None,
            fixes: Vec::new(),
        }
    }

    /// Sets the text at the primary location.
    pub fn here(mut self, text: impl Into<String>) -> Self {
        if let Some(label) = self.labels.first_mut() {
            label.text = text.into();
        }
        self
    }

    /// Adds a further location.
    pub fn label(mut self, span: Span, text: impl Into<String>) -> Self {
        self.labels.push(Label {
            span,
            text: text.into(),
        });
        self
    }

    /// Sets the help: what to do.
    pub fn help(mut self, text: impl Into<String>) -> Self {
        self.help = Some(text.into());
        self
    }

    /// Sets the help, if there is any.
    pub fn help_opt(mut self, text: Option<String>) -> Self {
        self.help = text.or(self.help);
        self
    }

    /// Offers a change that replaces `span` by `text`.
    pub fn fix(mut self, title: impl Into<String>, span: Span, text: impl Into<String>) -> Self {
        self.fixes.push(Fix {
            title: title.into(),
            edits: vec![(span, text.into())],
        });
        self
    }

    /// Says which of `candidates` were probably meant by `word`, which stands at `place`, and
    /// offers each of them as a change of this word alone. Changes nothing where none is close.
    pub fn suggest<'a>(
        mut self,
        word: &str,
        place: Span,
        candidates: impl IntoIterator<Item = &'a str>,
    ) -> Self {
        let near = suggest::closest(word, candidates);
        if !near.is_empty() {
            self.help = Some(format!("did you mean {}?", suggest::or_list(&near)));
        }
        for name in near {
            self = self.fix(format!("change to `{name}`"), place, name);
        }
        self
    }

    /// What to do about it, for people: the help, or else what the first fix does.
    pub fn remedy(&self) -> Option<&str> {
        let fix = self.fixes.first().map(|fix| fix.title.as_str());
        self.help.as_deref().or(fix)
    }

    /// The primary place.
    pub fn span(&self) -> Option<Span> {
        self.labels.first().map(|label| label.span)
    }
}

/// The sink that collects diagnostics: every stage of the compiler adds to it and continues.
#[derive(Debug, Clone, Default)]
pub struct Diagnostics(Vec<Diagnostic>);

impl Diagnostics {
    /// Adds one.
    pub fn push(&mut self, diagnostic: Diagnostic) {
        self.0.push(diagnostic);
    }

    /// Adds many.
    pub fn extend(&mut self, diagnostics: impl IntoIterator<Item = Diagnostic>) {
        self.0.extend(diagnostics);
    }

    /// Whether one of them is an error.
    pub fn has_errors(&self) -> bool {
        self.0
            .iter()
            .any(|diagnostic| diagnostic.severity == Severity::Error)
    }

    /// Whether there is one with this code.
    pub fn has(&self, code: Code) -> bool {
        self.0.iter().any(|diagnostic| diagnostic.code == code)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All of them in source order, each once.
    pub fn into_sorted(mut self) -> Vec<Diagnostic> {
        self.0
            .sort_by_key(|diagnostic| (diagnostic.span(), diagnostic.code));
        self.0.dedup();
        self.0
    }
}

#[cfg(test)]
mod tests;
