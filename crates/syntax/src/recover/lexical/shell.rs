//! Error recovery for what is written as in a shell or in a template: programs as statements,
//! `if [ … ]; then`, `$(date)`, `${HOME:-x}` and `${{ … }}`.

use super::RecoveryLexer;
use crate::foreign::{self, PROGRAMS};
use crate::{errors, words};

/// The words that begin a block of the shell, and those that end it.
const BLOCKS: [(&str, &str); 5] = [
    ("if", "fi"),
    ("for", "done"),
    ("while", "done"),
    ("until", "done"),
    ("case", "esac"),
];

/// How far is looked ahead for the end of a block, in bytes.
const MAX_BLOCK: usize = 8_000;

impl RecoveryLexer<'_, '_> {
    /// `if [ -f x ]; then … fi` becomes one command.
    pub(super) fn shell_block(&mut self, at: usize, first: bool) -> Option<usize> {
        if !self.begins(first) {
            return None;
        }
        let rest = self.source.get(at..)?;
        if !BLOCKS.iter().any(|(opener, _)| rest.starts_with(opener)) {
            return None;
        }
        let rest = words::beginning_of(rest, MAX_BLOCK);
        let word = words::first_word(words::beginning(rest));
        let (_, last) = BLOCKS.into_iter().find(|(opener, _)| *opener == word)?;
        let head = words::first_line(rest);
        let behind = head.get(word.len()..)?.trim_start();
        let is_shell = match word {
            "if" => ["[ ", "[[ ", "test ", "! "]
                .iter()
                .any(|sign| behind.starts_with(sign)),
            "case" => head.trim_end().ends_with(" in"),
            _ => head.contains("; do") || rest.lines().nth(1)?.trim() == "do",
        };
        if !is_shell {
            return None;
        }
        let length = block_length(rest, word, last)?;
        let (text, end) = (rest.get(..length)?, at + length);
        let indent = " ".repeat(self.indent);
        let escaped = text
            .replace('\\', "\\\\")
            .replace("${", "\\${")
            .replace("\"\"\"", "\\\"\"\"");
        let escaped = if escaped.contains('\n') {
            escaped
        } else {
            format!("{indent}{escaped}").trim_start().to_owned()
        };
        let command = format!("run \"\"\"\n{indent}{escaped}\n{indent}\"\"\"");
        let span = self.repair.span(at, at + word.len());
        let all = self.repair.span(at, end);
        self.repair
            .diagnostics
            .push(errors::shell_block(span, all, word, &command));
        self.repair.edit(at, end, command);
        self.rewind(end);
        Some(end)
    }

    /// `kubectl apply -f x`: the line is put into quotes behind `run`.
    pub(super) fn program(&mut self, at: usize, first: bool) -> Option<usize> {
        if !self.begins(first) {
            return None;
        }
        let rest = self.source.get(at..)?;
        let word = words::beginning(rest).split([' ', '\t', '\n']).next()?;
        let is_path = word.starts_with("./");
        if !(is_path || word == "echo" || PROGRAMS.contains(&word)) {
            return None;
        }
        let line = words::first_line(rest);
        let sign = line.get(word.len()..)?.trim_start().chars().next()?;
        let known = match word {
            "echo" => sign.is_alphanumeric() || sign == '$',
            _ => !is_path || words::is_name(word.get(2..3)?),
        };
        if !known || !(sign.is_alphanumeric() || "-./~$\"'@".contains(sign)) {
            return None;
        }
        let (end, text) = self.rest_of_line(at, at)?;
        let quoted = format!("run {}", words::string_of(text));
        let span = self.repair.span(at, end);
        self.repair
            .diagnostics
            .push(errors::program(span, word, &quoted));
        self.repair.edit(at, end, quoted);
        Some(end)
    }

    /// `$(date)` outside of a string.
    pub(super) fn command_value(&mut self, at: usize) -> Option<usize> {
        let line = words::first_line(self.source.get(at + 1..)?);
        let mut depth = 0_usize;
        let length = line.find(|c| {
            match c {
                '(' => depth += 1,
                ')' => depth -= 1,
                _ => {}
            }
            depth == 0
        })?;
        let end = at + 1 + length + 1;
        let span = self.repair.span(at, end);
        let command = line.get(1..length)?;
        self.repair
            .diagnostics
            .push(errors::command_value(span, command));
        self.repair.edit(at, end, "\u{1}");
        Some(end)
    }

    /// An interpolation of a shell or of a template at `at`; returns where the text goes on.
    pub(super) fn foreign_interpolation(&mut self, at: usize) -> Option<usize> {
        let inside = words::first_line(self.source.get(at + 2..)?);
        if inside.starts_with('{') {
            return self.double_braces(at, inside);
        }
        let length = inside.find('}')?;
        let inside = inside.get(..length)?;
        let end = at + 2 + length + 1;
        let name_length = inside
            .find(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))
            .unwrap_or(inside.len());
        let (name, behind) = inside.split_at(name_length);
        let signs = [
            ":-", ":=", ":?", ":+", "##", "%%", "^^", ",,", "//", "#*", "%.",
        ];
        let special = name.is_empty()
            && ["@", "*", "#", "!", "?"].iter().any(|sign| {
                inside
                    .strip_prefix(sign)
                    .is_some_and(|rest| rest.is_empty() || words::is_name(rest))
            });
        if !special && (name.is_empty() || !signs.iter().any(|sign| behind.starts_with(sign))) {
            return None;
        }
        let default = behind
            .strip_prefix(":-")
            .or_else(|| behind.strip_prefix(":="));
        let value = match default {
            Some(text) if !text.contains(['"', '\\', '$']) => {
                Some(format!("${{env(\"{name}\", \"{text}\")}}"))
            }
            _ => behind
                .starts_with(":?")
                .then(|| format!("${{env(\"{name}\")}}")),
        };
        let span = self.repair.span(at, end);
        let written = self.source.get(at..end)?;
        self.repair
            .diagnostics
            .push(errors::shell_variable(span, written, value.as_deref()));
        self.repair.edit(at, end, " ");
        Some(end)
    }

    /// `${{ inputs.tag }}`
    fn double_braces(&mut self, at: usize, inside: &str) -> Option<usize> {
        let length = inside.find("}}")?;
        let inner = inside.get(1..length)?.trim();
        let path = |c: char| c.is_alphanumeric() || matches!(c, '.' | '_' | '-');
        if inner.is_empty() || !inner.chars().all(path) {
            return None;
        }
        let end = at + 2 + length + 2;
        let (scope, member) = inner.split_once('.').unwrap_or(("", inner));
        let value = match scope {
            "env" => format!("${{env(\"{member}\")}}"),
            "inputs" | "matrix" | "vars" | "params" => format!("${{{member}}}"),
            _ => format!("${{{inner}}}"),
        };
        let help = match scope {
            "env" | "matrix" => None,
            scope => foreign::ours(&foreign::SCOPES, scope).map(|help| help.replace("{}", member)),
        };
        let span = self.repair.span(at, end);
        self.repair
            .diagnostics
            .push(errors::double_braces(span, &value, help));
        self.repair.edit(at, end, " ");
        Some(end)
    }

    /// Whether a statement may begin here.
    pub(super) fn begins(&self, first: bool) -> bool {
        let before = self
            .bytes
            .get(..self.after)
            .and_then(|before| before.last());
        self.interpolations.is_empty() && (first || matches!(before, Some(b'{' | b'}')))
    }

    /// The rest of the line from `start` on, without a comment and without brackets that close
    /// what was opened before; and where it ends.
    pub(super) fn rest_of_line(&self, at: usize, start: usize) -> Option<(usize, &str)> {
        let line = self.source.get(at..self.line_end(at))?;
        let comment = line
            .find(" #")
            .map_or(line.len(), |length| length.max(start - at));
        let end = self.before_closers(start.saturating_sub(1), at + comment);
        let text = self.source.get(start..end)?.trim_end();
        Some((start + text.len(), text))
    }
}

/// How long a block of the shell is.
fn block_length(text: &str, opener: &str, last: &str) -> Option<usize> {
    let mut depth = 0_usize;
    let mut at = 0;
    for word in text.split([' ', '\t', '\r', '\n', ';', '}']) {
        if word == opener {
            depth += 1;
        } else if word == last {
            depth = depth.saturating_sub(1);
            if depth == 0 {
                return Some(at + word.len());
            }
        }
        at += word.len() + 1;
    }
    None
}
