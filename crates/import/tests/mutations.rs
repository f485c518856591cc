//! What is no good file must not stop an import, and nothing in a good one may be lost. Samples are
//! changed at random places (the same ones each time), and at every place of every sample a key is
//! added that nobody knows.
//!
//! `LOCKSTEP_IMPORT_MUTATIONS=1000` changes each sample so many times.

#![allow(
    clippy::disallowed_methods,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test stops as it likes, and reads its samples"
)]

mod support;

use std::path::{Path, PathBuf};

use lockstep_base::diagnostic::Severity;
use lockstep_import::{Imported, SourceFile, github, harness};
use lockstep_lang::compile::compile;
use support::{NoVariables, OneFile, files};

type Import = fn(&[SourceFile]) -> Imported;

fn samples() -> Vec<(PathBuf, Import)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/samples");
    let mut found: Vec<(PathBuf, Import)> = Vec::new();
    for (folder, import) in [("harness", harness as Import), ("github", github as Import)] {
        let entries = std::fs::read_dir(root.join(folder))
            .unwrap()
            .map(|it| it.unwrap().path());
        let yaml = entries.filter(|it| it.extension().is_some_and(|it| it == "yaml"));
        found.extend(yaml.map(|it| (it, import)));
    }
    found.sort_by(|one, other| one.0.cmp(&other.0));
    assert!(found.len() > 50);
    found
}

/// Errors of `check`.
fn errors(text: &str) -> Vec<String> {
    let files = OneFile(text);
    let compiled = compile(&files, "imported.deploy");
    let mut found = compiled.diagnostics;
    if let Some(program) = &compiled.program {
        found.extend(lockstep_verify::check(program, &NoVariables, &files));
    }
    found.retain(|it| it.severity == Severity::Error);
    found.into_iter().map(|it| it.message).collect()
}

/// Numbers that are the same in every run.
struct Chance(u64);

impl Chance {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963);
        (self.0 >> 33) as usize % limit.max(1)
    }
}

/// Texts that a value or a key may be by mistake.
const ODD: [&str; 22] = [
    "",
    "~",
    "[]",
    "{}",
    "[[[[a]]]]",
    "{a: {b: [c]}}",
    "<+input>",
    "<+",
    "<+a.b>",
    "${{",
    "${{ x }}",
    "'''",
    "\"\"\"",
    "-1",
    "99999999999999999999",
    "true",
    "in",
    "\"\\u0007\"",
    "&a b",
    "*a",
    "|",
    "<+<+<+a>>>",
];

fn mutated(text: &str, chance: &mut Chance) -> String {
    let mut lines: Vec<String> = text.lines().map(ToString::to_string).collect();
    for _ in 0..=chance.below(3) {
        let at = chance.below(lines.len());
        let other = chance.below(lines.len());
        match chance.below(8) {
            0 => {
                lines.remove(at);
            }
            1 => {
                let line = lines[at].clone();
                lines.insert(other, line);
            }
            2 => lines[at].insert_str(0, "  "),
            3 => lines[at] = lines[at].strip_prefix("  ").unwrap_or_default().to_string(),
            4 => lines.swap(at, other),
            5 => lines.truncate(at),
            6 => {
                let line = &mut lines[at];
                let place = line
                    .char_indices()
                    .nth(chance.below(line.chars().count() + 1));
                let place = place.map_or(line.len(), |it| it.0);
                line.insert_str(place, ODD[chance.below(ODD.len())]);
            }
            _ => {
                if let Some((key, _)) = lines[at].clone().split_once(": ") {
                    lines[at] = format!("{key}: {}", ODD[chance.below(ODD.len())]);
                }
            }
        }
        if lines.is_empty() {
            break;
        }
    }
    lines.join("\n")
}

#[test]
fn broken_files_end_in_a_report_and_never_in_a_panic() {
    let rounds = std::env::var("LOCKSTEP_IMPORT_MUTATIONS");
    let rounds: u64 = rounds.ok().and_then(|it| it.parse().ok()).unwrap_or(8);
    let mut wrong = Vec::new();
    let mut read = 0;
    for (path, import) in samples() {
        let text = std::fs::read_to_string(&path).unwrap();
        for round in 0..rounds {
            let changed = mutated(&text, &mut Chance(round * 7919 + text.len() as u64));
            let imported = std::panic::catch_unwind(|| import(&files("sample.yaml", &changed)));
            let Ok(imported) = imported else {
                wrong.push(format!(
                    "{} round {round}: panic\n{changed}",
                    path.display()
                ));
                continue;
            };
            if imported.is_unreadable() {
                continue;
            }
            read += 1;
            let errors = errors(&imported.text);
            if !errors.is_empty() {
                wrong.push(format!(
                    "{} round {round}: {errors:?}\n{changed}",
                    path.display()
                ));
            }
            if imported.notes.iter().any(|it| it.what == "all of it") {
                wrong.push(format!(
                    "{} round {round}: nothing\n{changed}",
                    path.display()
                ));
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "{} wrong, the first:\n{}",
        wrong.len(),
        wrong[0]
    );
    // Most of the changes must leave something to import, or this would test the reader alone.
    assert!(read > 40, "{read} could be read");
}

/// Where a line may get a neighbour: its indentation, where it is an entry of a block mapping.
fn entry(line: &str) -> Option<String> {
    let inner = line.trim_start();
    let mut indent = " ".repeat(line.len() - inner.len());
    let mut rest = inner;
    while let Some(item) = rest.strip_prefix("- ") {
        indent.push_str("  ");
        rest = item;
    }
    let (key, _) = rest.split_once(':')?;
    let plain = !key.is_empty()
        && key
            .chars()
            .all(|it| it.is_ascii_alphanumeric() || "-_".contains(it));
    (plain && rest.len() == inner.len()).then_some(indent)
}

#[test]
fn a_key_that_nobody_knows_is_reported_wherever_it_stands() {
    let mut lost = Vec::new();
    let mut places = 0;
    for (path, import) in samples() {
        let text = std::fs::read_to_string(&path).unwrap();
        if text.contains("# plan: unreadable") {
            continue;
        }
        let lines: Vec<&str> = text.lines().collect();
        for (at, line) in lines.iter().enumerate() {
            let Some(indent) = entry(line) else { continue };
            let mut changed: Vec<String> = lines.iter().map(ToString::to_string).collect();
            changed.insert(at, format!("{indent}zz-unknown: zz-value"));
            let imported = import(&files("sample.yaml", &changed.join("\n")));
            // In a script it is a line of the script.
            if imported.is_unreadable() || imported.text.contains("\nzz-unknown: zz-value") {
                continue;
            }
            places += 1;
            let said = imported
                .notes
                .iter()
                .any(|it| it.what.contains("zz-unknown"));
            // What is left out or reported as a whole is reported with all that is in it.
            let whole = |it: &&lockstep_import::Note| (it.line as usize) <= at + 1;
            let kept = imported.text.contains("zz-");
            if !said && !kept && !is_in_reported(&imported, &lines, at, &whole) {
                lost.push(format!("{}:{}: {line}", path.display(), at + 1));
            }
        }
    }
    assert!(places > 500, "{places} places");
    assert!(
        lost.is_empty(),
        "{} of {places} lost:\n{}",
        lost.len(),
        lost.join("\n")
    );
}

/// Whether a block around a line is reported as a whole.
fn is_in_reported(
    imported: &Imported,
    lines: &[&str],
    at: usize,
    whole: &dyn Fn(&&lockstep_import::Note) -> bool,
) -> bool {
    let depth = |line: &str| line.len() - line.trim_start().trim_start_matches("- ").len();
    let first = lines[..at]
        .iter()
        .rposition(|it| it.starts_with("# file: "));
    let offset = first.map_or(0, |it| it + 1);
    let mut inner = depth(lines[at]);
    for place in (offset..at).rev() {
        let line = lines[place];
        if line.trim().is_empty() || depth(line) >= inner {
            continue;
        }
        inner = depth(line);
        let number = (place - offset + 1) as u32;
        let around = |note: &&lockstep_import::Note| {
            note.line == number || note.line == number + 1 && line.trim_end().ends_with(':')
        };
        if imported.notes.iter().filter(whole).any(|it| around(&it)) {
            return true;
        }
    }
    false
}
