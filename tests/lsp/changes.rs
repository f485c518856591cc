//! Every change that an editor offers in the files of the corpora is applied: all comments stay,
//! what it fixes is gone, and a file that compiled still does.

use std::collections::BTreeMap;

use lockstep_base::diagnostic::{Diagnostic, Severity};
use lockstep_base::source::FileId;
use lockstep_base::world;
use lockstep_ide::actions::{Action, ActionKind, actions, is_right};
use lockstep_ide::{CheckedFile, ROOT_FILE, TreeCache};
use lockstep_lang::compile::{EditorRequest, compile};
use lockstep_lint::{self as lint, Config};
use lockstep_syntax::lexer::{TokenKind, tokens};

use crate::tidy::files;

const PATH: &str = "a.deploy";

/// A folder with one file.
struct Alone<'t>(&'t str);

impl world::Files for Alone<'_> {
    fn read(&self, path: &str) -> Result<String, world::FileError> {
        match path.strip_prefix("./").unwrap_or(path) {
            PATH => Ok(self.0.to_owned()),
            _ => Err(world::FileError::NotFound),
        }
    }
}

/// What is wrong with a text: errors and findings, as code and message.
fn wrong(text: &str) -> (Vec<Diagnostic>, bool) {
    let compilation = compile(&Alone(text), PATH);
    let mut all = compilation.diagnostics.clone();
    all.extend(lint::lint(&compilation, None, &Config::default()));
    let compiles = compilation.program.is_some();
    (all, compiles)
}

/// How often each mistake is there.
fn counted(found: &[Diagnostic]) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for one in found {
        *counts
            .entry(format!("{} {}", one.code, one.message))
            .or_default() += 1;
    }
    counts
}

fn comments(text: &str) -> Vec<&str> {
    let all = tokens(text).into_iter();
    let mut found: Vec<&str> = all
        .filter(|token| token.kind == TokenKind::Comment)
        // `${#x}` is of a shell.
        .filter(|token| !text[..token.start].ends_with("${"))
        .map(|token| token.text(text).trim_end())
        .collect();
    found.sort_unstable();
    found
}

/// What is wrong with a change.
fn complaint(text: &str, before: &[Diagnostic], compiled: bool, action: &Action) -> Option<String> {
    let after = action.apply(text);
    let gone = |line: &&str| !comments(&after).contains(line);
    if let Some(comment) = comments(text).into_iter().find(gone) {
        let is_suppression = comment.contains("lockstep: allow");
        if !is_suppression {
            return Some(format!("the comment `{comment}` is lost"));
        }
    }
    let (found, compiles) = wrong(&after);
    if compiled && !compiles {
        return Some(String::from("it does not compile any more"));
    }
    let (had, has) = (counted(before), counted(&found));
    let fixed = action.diagnostic.and_then(|place| before.get(place))?;
    let key = format!("{} {}", fixed.code, fixed.message);
    if has.get(&key) >= had.get(&key) {
        return Some(format!("`{key}` is still there"));
    }
    let errors = |found: &[Diagnostic]| {
        let errors = found.iter().filter(|it| it.severity == Severity::Error);
        errors.count()
    };
    let is_syntax = |found: &[Diagnostic]| {
        found
            .iter()
            .any(|it| it.code.to_string().starts_with("E01"))
    };
    // What a mistake of the syntax has hidden may come to light.
    (errors(&found) > errors(before) && !is_syntax(before))
        .then(|| String::from("there are more errors than before"))
}

#[test]
fn every_change_keeps_comments_and_does_what_it_says() {
    let memory = TreeCache::default();
    let reader = |file: FileId, text: &str| memory.read(file, text);
    let (mut tried, mut complaints) = (0, Vec::new());
    for file in files(
        &[
            "tests/corpus/check",
            "tests/corpus/lint",
            "examples",
            "crates/syntax/src/tests/samples",
        ],
        "deploy",
    ) {
        let text = &file.text;
        let (before, compiled) = wrong(text);
        let checked = CheckedFile::new(&Alone(text), PATH, &reader, EditorRequest::default());
        for finding in &before {
            let Some(span) = finding.span().filter(|span| span.file == ROOT_FILE) else {
                continue;
            };
            for action in actions(&checked, ROOT_FILE, span.start..span.end, &[], &before, &[]) {
                tried += 1;
                if let Some(complaint) = complaint(text, &before, compiled, &action) {
                    let line = text[..span.start as usize].matches('\n').count() + 1;
                    let title = &action.title;
                    complaints.push(format!("{}:{line}: {title}: {complaint}", file.path));
                }
            }
        }
        // What is selected can become a workflow: each statement by itself.
        for (start, line) in lines(text).filter(|(_, line)| line.starts_with("    ")) {
            let start = start + (line.len() - line.trim_start().len()) as u32;
            let range = start..start + line.trim().len() as u32;
            for action in actions(&checked, ROOT_FILE, range, &[], &[], &[]) {
                assert_eq!(action.kind, ActionKind::Extract);
                let (after, look) = (action.apply(text), EditorRequest::default());
                if !is_right(
                    &checked,
                    &CheckedFile::new(&Alone(&after), PATH, &reader, look),
                ) {
                    continue;
                }
                tried += 1;
                if let Some(complaint) = complaint(text, &before, compiled, &action) {
                    complaints.push(format!("{}: {}: {complaint}", file.path, action.title));
                }
            }
        }
    }
    complaints.dedup();
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
    assert!(tried > 500, "only {tried} changes were tried");
}

/// The lines with their beginnings.
fn lines(text: &str) -> impl Iterator<Item = (u32, &str)> {
    let mut at = 0;
    text.split_inclusive('\n').map(move |line| {
        let start = at;
        at += line.len() as u32;
        (start, line)
    })
}
