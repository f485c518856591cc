//! The mistakes of newcomers in `tests/corpus/check/newcomer`: each file has a single one, which
//! gives one message with a remedy. The snapshots show the source and the message together. Where
//! the message offers a change, the changed file has no mistake.

use std::fmt::Write;

use super::tests::{compiled, shown};
use lockstep_base::diagnostic::Fix;

/// Mistakes whose change leads to the next question, which only the person can answer: what the
/// changed file lacks then.
const UNANSWERED: [(&str, &str); 1] = [("name-emoji", "expected the pipeline's name")];

/// The text with a change.
fn fixed(text: &str, fix: &Fix) -> String {
    let mut text = text.to_owned();
    let mut edits = fix.edits.clone();
    // What is put in at one place stays in its order.
    edits.reverse();
    edits.sort_by_key(|(span, _)| std::cmp::Reverse((span.start, span.end)));
    for (span, with) in edits {
        text.replace_range(span.range(), &with);
    }
    text
}

#[test]
fn a_mistake_of_a_newcomer_gives_one_message_with_a_remedy() {
    let mut wrong = String::new();
    let mut files = 0;
    let mut settings = insta::Settings::clone_current();
    settings.set_prepend_module_to_snapshot(false);
    settings.set_snapshot_path("../../../../tests/corpus/check/newcomer/snapshots");
    settings.set_omit_expression(true);
    settings.bind(|| {
        insta::glob!(
            "../../../../tests/corpus/check/newcomer",
            "*.deploy",
            |path| {
                let name = path.file_stem().unwrap_or_default().to_string_lossy();
                let text = std::fs::read_to_string(path).expect("a file of the corpus");
                files += 1;
                let compilation = compiled(&text);
                let mut out = format!("{}\n----\n", text.trim_end());
                for diagnostic in &compilation.diagnostics {
                    out.push_str(&shown(&compilation.sources, diagnostic));
                    if diagnostic.remedy().is_none() {
                        let _ = writeln!(wrong, "{name}: no remedy for {}", diagnostic.message);
                    }
                    for fix in &diagnostic.fixes {
                        let after = fixed(&text, fix);
                        let left = compiled(&after).diagnostics;
                        let unanswered = UNANSWERED.iter().find(|(file, _)| *file == name);
                        let as_known = match (unanswered, left.as_slice()) {
                            (None, []) => true,
                            (Some((_, message)), [one]) => one.message == *message,
                            _ => false,
                        };
                        if !as_known {
                            let left: Vec<&str> = left.iter().map(|one| &*one.message).collect();
                            let _ =
                                writeln!(wrong, "{name}: `{}` leaves {left:?}\n{after}", fix.title);
                        }
                    }
                }
                if compilation.diagnostics.len() != 1 {
                    let messages: Vec<&str> = compilation
                        .diagnostics
                        .iter()
                        .map(|one| &*one.message)
                        .collect();
                    let _ = writeln!(wrong, "{name}: {} messages {messages:?}", messages.len());
                }
                insta::assert_snapshot!(out);
            }
        );
    });
    assert!(wrong.is_empty(), "{wrong}");
    assert!(files >= 60, "{files} files");
}
