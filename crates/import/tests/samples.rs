//! The samples: each is imported, its text and its notes are a snapshot beside it, the text passes
//! `check`, and its plan is what the sample's first lines say.
//!
//! ```yaml
//! # inputs: version=v2; region=eu
//! # plan: 4 deployments, 2 at once, order: {web@qa.one, api@qa.one} < {web@qa.two, api@qa.two}
//! # file: other.yaml
//! ```
//!
//! `# refused: 1` says how many statements the compiler or the proof refuses, so
//! that they become comments.
//! `# file:` begins another file. `# plan: not planned` stands in samples whose services or places are
//! chosen by inputs that no declaration fits.

#![allow(
    clippy::disallowed_methods,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test stops as it likes, and reads its samples"
)]

mod support;

use std::fmt::Write;
use std::path::Path;

use lockstep_base::diagnostic::Severity;
use lockstep_import::{Imported, NoteKind, SourceFile, github, harness};
use lockstep_lang::compile::compile;
use lockstep_lang::ir::{Order, Program};
use lockstep_outline::{Item, ItemKind, Outline};
use lockstep_plan::{InputValue, RunRequest, bind};
use support::{NoVariables, OneFile, files};

/// The value of a comment in the first lines of a sample.
fn said<'t>(text: &'t str, key: &str) -> Option<&'t str> {
    let comments = text.lines().take_while(|line| line.starts_with('#'));
    comments
        .filter_map(|line| {
            line.strip_prefix("# ")?
                .strip_prefix(key)?
                .strip_prefix(": ")
        })
        .next()
}

/// The program of an imported text, which `check` accepts.
fn checked(text: &str) -> Program {
    let files = OneFile(text);
    let compiled = compile(&files, "imported.deploy");
    assert!(
        compiled.diagnostics.is_empty(),
        "{:#?}\n{text}",
        compiled.diagnostics
    );
    let program = compiled.program.unwrap();
    let found = lockstep_verify::check(&program, &NoVariables, &files);
    let errors: Vec<_> = found
        .iter()
        .filter(|it| it.severity == Severity::Error)
        .collect();
    assert!(errors.is_empty(), "{errors:#?}\n{text}");
    program
}

/// The outline of the only pipeline, with the inputs of the sample.
fn outline(program: &Program, text: &str, inputs: &str) -> Outline {
    let mut asked = RunRequest::default();
    for (name, value) in inputs.split(';').filter_map(|it| it.trim().split_once('=')) {
        asked
            .inputs
            .insert(name.into(), InputValue::Text(value.into()));
    }
    let files = OneFile(text);
    let bound = bind(program, &asked, &NoVariables, &files);
    let plan = lockstep_verify::proved(bound.unwrap_or_else(|it| panic!("{it:#?}\n{text}")));
    Outline::of(&plan.unwrap_or_else(|it| panic!("{it:#?}\n{text}")))
}

/// What an item does, in one line: `a < b` one after the other, `{a, b}` side by side.
fn order(item: &Item) -> Option<String> {
    if let Some(deploy) = &item.deploy {
        return Some(format!("{}@{}", deploy.service, deploy.target));
    }
    let inner = all(&item.items, item.order);
    match item.kind {
        ItemKind::Step => {
            let name = item.label.split(' ').next().unwrap_or_default();
            match inner.filter(|it| it.contains(['@', '<', '{', '('])) {
                Some(inner) => Some(format!("{name}({inner})")),
                None => Some(name.to_string()),
            }
        }
        ItemKind::Cell if item.deployments.most == Some(0) => {
            let path = item
                .path
                .as_ref()
                .map(ToString::to_string)
                .unwrap_or_default();
            let cell = path
                .rsplit('[')
                .next()
                .unwrap_or_default()
                .trim_end_matches(']');
            Some(format!("[{cell}]{}", inner.unwrap_or_default()))
        }
        ItemKind::Approve => Some("approve".into()),
        ItemKind::Barrier => Some(format!("barrier {}", item.label)),
        ItemKind::Wait => Some("wait".into()),
        _ => inner,
    }
}

fn all(items: &[Item], together: Option<Order>) -> Option<String> {
    let parts: Vec<String> = items.iter().filter_map(order).collect();
    match (parts.as_slice(), together) {
        ([], _) => None,
        ([one], _) => Some(one.clone()),
        (parts, Some(Order::Parallel)) => {
            // What is side by side in something that is side by side is all side by side.
            let flat = parts.iter().map(|it| match it.strip_prefix('{') {
                Some(inner) if it.ends_with('}') && !it.contains('<') => &inner[..inner.len() - 1],
                _ => it,
            });
            Some(format!("{{{}}}", flat.collect::<Vec<_>>().join(", ")))
        }
        (parts, _) => Some(parts.join(" < ")),
    }
}

fn planned(outline: &Outline) -> String {
    let count = outline.deployments.least;
    let width = match count {
        0 => outline.width.commands,
        _ => outline.width.deployments,
    };
    let width = width.map_or("?".into(), |it| it.to_string());
    let order = all(&outline.items, Some(Order::Serial)).unwrap_or_default();
    format!("{count} deployments, {width} at once, order: {order}")
}

fn report(imported: &Imported) -> String {
    let mut out = format!("{}\n--- notes\n", imported.text);
    for note in &imported.notes {
        let kind = note.kind.word();
        let (line, column) = (note.line, note.column);
        writeln!(
            out,
            "{}:{line}:{column}: {kind}: {}: {}",
            note.file, note.what, note.why
        )
        .unwrap();
        if !note.advice.is_empty() {
            writeln!(out, "    {}", note.advice).unwrap();
        }
    }
    out
}

fn sample(path: &Path, import: fn(&[SourceFile]) -> Imported) {
    let text = std::fs::read_to_string(path).unwrap();
    let name = path.file_name().unwrap().to_str().unwrap();
    let imported = import(&files(name, &text));
    let folder = path.parent().unwrap().to_path_buf();
    insta::with_settings!({
        snapshot_path => folder,
        snapshot_suffix => "",
        prepend_module_to_snapshot => false,
        omit_expression => true,
    }, {
        insta::assert_snapshot!(path.file_stem().unwrap().to_str().unwrap(), report(&imported));
    });
    let plan = said(&text, "plan").unwrap_or_else(|| panic!("{name} says nothing of its plan"));
    if plan == "unreadable" {
        assert!(imported.is_unreadable());
        return;
    }
    assert!(!imported.is_unreadable());
    // An import is to know what it writes: only a few samples are about what cannot be.
    let notes = imported.notes.iter();
    let taken: Vec<_> = notes.filter(|it| it.kind == NoteKind::Refused).collect();
    let refused = said(&text, "refused").map_or(0, |it| it.parse().unwrap());
    assert_eq!(taken.len(), refused, "{name}: {taken:#?}");
    let formatted = lockstep_format::format_text(&imported.text).unwrap();
    assert_eq!(formatted, imported.text, "{name} is not formatted");
    let comments = imported.text.matches("# not imported").count();
    let reported = imported
        .notes
        .iter()
        .filter(|it| it.kind == NoteKind::NotImported)
        .count();
    assert!(
        reported == 0 || comments > 0,
        "{name}: reported, and no comment in the text"
    );
    let program = checked(&imported.text);
    if plan != "not planned" {
        let inputs = said(&text, "inputs").unwrap_or_default();
        assert_eq!(
            planned(&outline(&program, &imported.text, inputs)),
            plan,
            "{name}"
        );
    }
}

/// All samples of a folder, so that one that is wrong does not hide the others.
fn samples(folder: &str, import: fn(&[SourceFile]) -> Imported) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/samples")
        .join(folder);
    let entries = std::fs::read_dir(folder)
        .unwrap()
        .map(|it| it.unwrap().path());
    let mut paths: Vec<_> = entries
        .filter(|it| it.extension().is_some_and(|it| it == "yaml"))
        .collect();
    paths.sort();
    assert!(paths.len() >= 15);
    let wrong: Vec<_> = (paths.iter())
        .filter(|path| std::panic::catch_unwind(|| sample(path, import)).is_err())
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn harness_samples() {
    samples("harness", harness);
}

#[test]
fn github_samples() {
    samples("github", github);
}
