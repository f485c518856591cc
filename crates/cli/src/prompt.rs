//! Prompts the person at the terminal for an input, again until the value is valid. The caller
//! validates.

use std::io::{BufRead, IsTerminal};

use super::output::Output;
use lockstep_base::diagnostic::render::{Ink, clean};
use lockstep_base::source::Sources;
use lockstep_lang::ir::{Global, GlobalSource};

/// Whether prompting is possible: both the questions and the answers need a terminal.
pub(super) fn is_possible() -> bool {
    std::io::stdin().is_terminal() && std::io::stderr().is_terminal()
}

/// The text that is entered for an input; nothing if the person ends the input instead.
pub(super) fn ask(
    sources: &Sources,
    input: &Global,
    fits: &dyn Fn(&str) -> Result<(), String>,
    output: &mut Output,
) -> Option<String> {
    output.complain(&question(sources, input, output));
    loop {
        let style = output.stderr_style();
        output.complain(&format!(
            "{}: ",
            style.paint(Ink::Bold, &clean(&input.name))
        ));
        let mut line = String::new();
        // A terminal that cannot be read counts as disconnected.
        let read = std::io::stdin().lock().read_line(&mut line).unwrap_or(0);
        if read == 0 {
            output.complain("\n");
            return None;
        }
        let text = line.strip_suffix('\n').unwrap_or(&line);
        let text = text.strip_suffix('\r').unwrap_or(text);
        match fits(text) {
            Ok(()) => return Some(text.to_string()),
            Err(why) => {
                let why = style.paint(Ink::Warning, &clean(&why));
                output.complain(&format!("  {why}\n"));
            }
        }
    }
}

/// Whether the person says yes. The end of the input is a no.
pub(super) fn confirm(text: &str, output: &mut Output) -> bool {
    loop {
        output.complain(&format!("{text} (yes or no) "));
        let mut line = String::new();
        // A terminal that cannot be read counts as disconnected.
        let read = std::io::stdin().lock().read_line(&mut line).unwrap_or(0);
        match line.trim().to_lowercase().as_str() {
            "y" | "yes" => return true,
            "n" | "no" => return false,
            _ if read == 0 => {
                output.complain("\n");
                return false;
            }
            _ => {}
        }
    }
}

/// The question: the input's name, type, documentation and constraint.
fn question(sources: &Sources, input: &Global, output: &Output) -> String {
    let style = output.stderr_style();
    let name = style.paint(Ink::Bold, &clean(&input.name));
    let mut text = format!("\nInput {name}: {}\n", clean(&input.ty.to_string()));
    let doc = input.doc.iter().flat_map(|doc| doc.lines());
    let mut lines: Vec<String> = doc.map(String::from).collect();
    if let GlobalSource::Input {
        rule: Some(rule), ..
    } = &input.source
    {
        lines.push(format!("where {}", sources.text(rule.span)));
    }
    for line in lines {
        let line = style.paint(Ink::Dim, &clean(line.trim()));
        text.push_str(&format!("  {line}\n"));
    }
    text
}
