//! `lockstep explain`: the page of an error code, or the list of all codes.

use std::fmt::Write;

use super::arguments::Explain;
use super::exit::Exit;
use super::output::Output;
use super::page;
use lockstep_base::diagnostic::codes::NO_SUCH_CODE;
use lockstep_base::diagnostic::render::{Ink, RenderStyle};
use lockstep_base::diagnostic::{Code, Diagnostic};
use lockstep_lint as lint;

pub(super) fn run(arguments: &Explain, output: &mut Output) -> Exit {
    let style = output.stdout_style();
    let Some(word) = &arguments.code else {
        output.print(&list(style));
        return Exit::Succeeded;
    };
    match find(word) {
        Some(code) => {
            output.print(&page::show(code.page(), style));
            Exit::Succeeded
        }
        None => output.refuse(
            &Diagnostic::without_place(NO_SUCH_CODE, format!("there is no code `{word}`"))
                .help("`lockstep explain` lists all codes"),
        ),
    }
}

/// The code that a word stands for: `E0101`, `e101` and `101` are the same. The name of a lint rule
/// works, too.
fn find(word: &str) -> Option<Code> {
    if let Some(rule) = lint::find(word) {
        return Some(rule.code);
    }
    if let Some(digits) = word.strip_prefix(['L', 'l']) {
        return Code::find(&format!("L{digits:0>4}"));
    }
    let digits = word.strip_prefix(['E', 'e']).unwrap_or(word);
    Code::find(&format!("E{digits:0>4}"))
}

/// All codes with their titles, by family.
fn list(style: RenderStyle) -> String {
    let mut out = String::new();
    let mut last = "";
    for code in Code::all() {
        let family = code.family();
        if family != last {
            let blank = if last.is_empty() { "" } else { "\n" };
            let _ = writeln!(out, "{blank}{}", style.paint(Ink::Bold, family));
            last = family;
        }
        let _ = writeln!(
            out,
            "  {}  {}",
            style.paint(Ink::Name, code.as_str()),
            code.title()
        );
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_may_be_written_short() {
        for word in ["E0101", "e0101", "E101", "101", "0101"] {
            assert_eq!(find(word).map(Code::as_str), Some("E0101"), "{word}");
        }
        for word in ["L0101", "l101", "L101", "unused-import"] {
            assert_eq!(find(word).map(Code::as_str), Some("L0101"), "{word}");
        }
        for word in ["", "E", "L", "L9999", "E01011", "x101", "0", "99999999"] {
            assert_eq!(find(word), None, "{word}");
        }
    }
}
