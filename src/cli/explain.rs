//! `lockstep explain`: the page of an error code, or the list of all codes.
//! It does not know where a code is raised.

use std::fmt::Write;

use super::arguments::Explain;
use super::exit::Exit;
use super::output::Output;
use super::page;
use crate::diagnostic::codes::NO_SUCH_CODE;
use crate::diagnostic::render::{Ink, Style};
use crate::diagnostic::{Code, Diagnostic};

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

/// The code that a person means: `E0101`, `e101` and `101` are the same.
fn find(word: &str) -> Option<Code> {
    let digits = word.strip_prefix(['E', 'e']).unwrap_or(word);
    Code::find(&format!("E{digits:0>4}"))
}

/// All codes with their titles, by family.
fn list(style: Style) -> String {
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
        for word in ["", "E", "E01011", "x101", "0", "99999999"] {
            assert_eq!(find(word), None, "{word}");
        }
    }
}
