//! `lint --fix`: applies safe fixes to a text until no new ones appear (a fixed point), and checks
//! that the compiled program is still the same. The caller writes the text to disk.

mod equivalence;
mod failing_lets;

use lockstep_base::diagnostic::{Diagnostic, Severity};
use lockstep_base::source::Span;
use lockstep_base::world::{FileError, Files};
use lockstep_lang::compile::{Compilation, compile};

use super::config::Config;
use super::context::ROOT_FILE;
use super::rule;

/// The maximum number of rounds. Each round leaves fewer findings, so few are needed; of a chain of
/// declarations that only use each other, each takes one away.
const MAX_FIX_ROUNDS: usize = 100;

/// A text after its safe fixes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FixedText {
    /// The new text; the old one if nothing was fixed.
    pub text: String,
    /// What was fixed, in order.
    pub done: Vec<String>,
    /// Why fixes that were found have not been applied.
    pub refused: Option<String>,
}

/// A file system in which one file has another text.
struct ReplacedFile<'a> {
    files: &'a dyn Files,
    path: &'a str,
    text: &'a str,
}

impl Files for ReplacedFile<'_> {
    fn read(&self, path: &str) -> Result<String, FileError> {
        match path == self.path {
            true => Ok(self.text.to_string()),
            false => self.files.read(path),
        }
    }

    fn real(&self, path: &str) -> Option<String> {
        self.files.real(path)
    }

    fn folder(&self, name: &str) -> Option<String> {
        self.files.folder(name)
    }
}

/// Fixes the file at `path`, whose text is `text`. Only fixes of rules that are safe are applied,
/// and only those whose result compiles to the same program.
pub fn fix(files: &dyn Files, path: &str, text: &str, config: &Config) -> FixedText {
    let mut fixed = FixedText {
        text: text.to_string(),
        done: Vec::new(),
        refused: None,
    };
    let mut before = compiled(files, path, text);
    for _ in 0..MAX_FIX_ROUNDS {
        let findings = super::lint(&before, None, config);
        let chosen = choose(&findings);
        let all: Vec<&ChosenFix> = chosen.iter().collect();
        // First all fixes together; if that changes the program, the first one that is right alone.
        let alone = chosen.iter().map(|fix| vec![fix]);
        let tries = std::iter::once(all)
            .chain(alone)
            .filter(|fixes| !fixes.is_empty());
        let mut done = None;
        for fixes in tries {
            let text = apply(&fixed.text, &fixes);
            let after = compiled(files, path, &text);
            match equivalence::first_difference(&before, &after) {
                None => {
                    done = Some((fixes, text, after));
                    break;
                }
                Some(why) => fixed.refused = Some(why),
            }
        }
        let Some((fixes, text, after)) = done else {
            break;
        };
        fixed.refused = None;
        fixed.done.extend(fixes.iter().map(|fix| fix.title.clone()));
        fixed.text = text;
        before = after;
    }
    fixed
}

fn compiled(files: &dyn Files, path: &str, text: &str) -> Compilation {
    compile(&ReplacedFile { files, path, text }, path)
}

/// A fix that is to be applied.
#[derive(Debug)]
struct ChosenFix {
    title: String,
    edits: Vec<(Span, String)>,
}

/// The safe fixes that can be applied together: of those that overlap, the first.
fn choose(findings: &[Diagnostic]) -> Vec<ChosenFix> {
    let mut chosen: Vec<ChosenFix> = Vec::new();
    let mut taken: Vec<Span> = Vec::new();
    for finding in findings {
        let safe = rule::find(finding.code.as_str()).is_some_and(|rule| rule.safe);
        let Some(fix) = finding.fixes.first().filter(|_| safe) else {
            continue;
        };
        let free = |span: &Span| {
            let clashes = |other: &Span| {
                span.start < other.end && other.start < span.end || span.start == other.start
            };
            span.file == ROOT_FILE && !taken.iter().any(clashes)
        };
        if fix.edits.iter().all(|(span, _)| free(span)) {
            taken.extend(fix.edits.iter().map(|(span, _)| *span));
            chosen.push(ChosenFix {
                title: fix.title.clone(),
                edits: fix.edits.clone(),
            });
        }
    }
    chosen
}

/// The text with all these edits, which do not overlap.
fn apply(text: &str, chosen: &[&ChosenFix]) -> String {
    let mut edits: Vec<&(Span, String)> = chosen.iter().flat_map(|fix| &fix.edits).collect();
    edits.sort_by_key(|(span, _)| span.start);
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    for (span, with) in edits {
        out.push_str(text.get(at..span.start as usize).unwrap_or_default());
        out.push_str(with);
        at = span.end as usize;
        // A removal must not leave two blank lines in a row, nor one at the top.
        let blank = out.is_empty() || out.ends_with("\n\n");
        if with.is_empty() && blank && text.get(at..).is_some_and(|rest| rest.starts_with('\n')) {
            at += 1;
        }
    }
    out.push_str(text.get(at..).unwrap_or_default());
    out
}

/// Whether a diagnostic is an error.
fn is_error(diagnostic: &&Diagnostic) -> bool {
    diagnostic.severity == Severity::Error
}
