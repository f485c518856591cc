//! Builtins of the shell that read an argument as the name of a variable, or as arithmetic.

use super::flow::{Flow, is_declaration};
use super::taint::Taint;
use super::{Finding, Reader, Use, is_assignment};
use crate::ir::command::tree::ShellWord;

/// Checks the words of a builtin.
pub fn check(flow: &mut Flow, name: &str, words: &[ShellWord], taints: &[Taint]) {
    let words = words.get(1..).unwrap_or_default();
    let taints = taints.get(1..).unwrap_or_default();
    let mut found: Vec<(usize, Use)> = Vec::new();
    match name {
        "let" => found.extend((0..words.len()).map(|at| (at, Use::Arithmetic))),
        "unset" | "getopts" => found.extend((0..words.len()).map(|at| (at, Use::Variable))),
        "read" => names(words, "dnNtuip", &mut found),
        "mapfile" | "readarray" => names(words, "dnOsucC", &mut found),
        "printf" | "test" | "[" | "wait" => {
            let option = if name == "wait" { "-p" } else { "-v" };
            for (at, word) in words.iter().enumerate() {
                if word.known() == Some(option) {
                    found.push((at + 1, Use::Variable));
                }
            }
        }
        _ if is_declaration(name) => {
            let integers = words.iter().filter_map(ShellWord::known).any(|text| {
                text.strip_prefix('-')
                    .is_some_and(|options| options.contains('i'))
            });
            for (at, word) in words.iter().enumerate() {
                if !is_assignment(word.head()) {
                    found.push((at, Use::Variable));
                } else if integers {
                    found.push((at, Use::Arithmetic));
                }
            }
        }
        _ => {}
    }
    for (at, used) in found {
        // What a variable holds may well be the name of another one.
        let Some(word) = words.get(at) else { continue };
        let direct = &word.values;
        let pieces: Vec<usize> = match used {
            Use::Arithmetic => taints.get(at).into_iter().flatten().copied().collect(),
            _ => direct.clone(),
        };
        flow.findings
            .extend(pieces.into_iter().map(|piece| Finding {
                piece,
                used,
                reader: Reader::Shell,
                direct: true,
            }));
    }
}

/// The operands are names; `options` take a further word.
fn names(words: &[ShellWord], options: &str, found: &mut Vec<(usize, Use)>) {
    let mut at = 0;
    while let Some(word) = words.get(at) {
        let takes = word.known().is_some_and(|text| {
            text.len() > 1
                && text.starts_with('-')
                && !text.starts_with("--")
                && text.ends_with(|last| options.contains(last))
        });
        if takes {
            at += 1;
        } else {
            found.push((at, Use::Variable));
        }
        at += 1;
    }
}
