//! Lowers lines, heads and calls that are written as in other languages, by the tables of
//! `crate::foreign`.

use super::TreeBuilder;
use super::broken::BrokenLineContext;
use crate::ast::*;
use crate::errors;
use crate::foreign::{self, habit_of};
use crate::grammar::Pair;
use crate::words::{self, first_word};
use lockstep_base::source::Span;

/// Whether a line is a key or an element of a list, as in YAML.
pub(super) fn is_yaml(text: &str) -> bool {
    if text.starts_with("- ") {
        return true;
    }
    let word = first_word(text);
    let key = text
        .get(word.len()..)
        .and_then(|rest| rest.strip_prefix(':'));
    words::is_name(word)
        && key.is_some_and(|value| value.is_empty() || value.starts_with([' ', '\r', '\n']))
}

impl<'t> TreeBuilder<'t> {
    /// A line whose first word is in the tables. Returns whether it was reported.
    pub(super) fn habitual_line(
        &mut self,
        text: &str,
        span: Span,
        around: BrokenLineContext,
    ) -> bool {
        let word = first_word(text);
        let table: &[foreign::Habit] = match around {
            BrokenLineContext::File => &foreign::DECLARATIONS,
            BrokenLineContext::Block => &foreign::STATEMENTS,
            _ => return false,
        };
        let next = text.get(word.len()..).unwrap_or("").trim_start();
        if next.starts_with('=') || next.starts_with('(') && word != "switch" && word != "assert" {
            return false;
        }
        let Some(habit) = habit_of(table, word) else {
            return false;
        };
        self.report(errors::habit(span, habit));
        true
    }

    /// Words of other languages in a head, whose text begins at `start`. Returns whether they
    /// were reported.
    pub(super) fn habitual_head(&mut self, text: &str, start: usize) -> bool {
        let word = first_word(text);
        let span = self.place(start, start + word.len());
        if text.starts_with(',') {
            let why = "the parts of a head are not separated by commas";
            self.repair(span, " ", errors::needless(span, span, ",", why));
            return true;
        }
        if text.starts_with(':') {
            let why = "a body does not begin with `:`";
            self.repair(span, " ", errors::needless(span, span, ":", why));
            return true;
        }
        if let Some(habit) = habit_of(&foreign::HEADS, word) {
            let rest = self.text.get(self.base + start..).unwrap_or("");
            let line = words::first_line(rest);
            let length = line
                .rfind('{')
                .filter(|at| line.get(..*at).is_some_and(|head| !head.contains('}')));
            let length = length.or_else(|| line.find('{')).unwrap_or(line.len());
            let gone = self.place(start, start + length);
            let written = self.place(
                start,
                start + line.get(..length).unwrap_or("").trim_end().len(),
            );
            let diagnostic = errors::habit(written, habit).fix("leave it out", gone, "");
            self.repair(gone, "", diagnostic);
            return true;
        }
        self.two_words(text, start)
    }

    /// `pipeline my pipeline {`
    fn two_words(&mut self, text: &str, start: usize) -> bool {
        let text = words::beginning(text);
        let more: Vec<&str> = text.split_whitespace().collect();
        let above = self.text_of(0, start).trim_end();
        let name = words::last_word(above);
        let head = above
            .get(..above.len() - name.len())
            .unwrap_or("")
            .trim_end();
        let named = ["pipeline", "stage", "step", "environment", "kind"];
        let known = named.contains(&words::last_word(head)) && words::is_name(name);
        let is_part = |word: &&str| words::is_name(word) && *word != words::CURSOR_MARKER;
        if !known || !more.iter().all(is_part) {
            return false;
        }
        let joined = format!("{name}-{}", more.join("-"));
        let from = above.len() - name.len();
        let span = self.place(from, start + text.trim_end().len());
        self.repair(span, joined.clone(), errors::two_words(span, &joined));
        true
    }

    /// What stands where a value is missing: a `:`, or a word that says nothing. Returns whether
    /// it was repaired.
    pub(super) fn filler_at(&mut self, at: usize) -> bool {
        let above = self.text_of(0, at).trim_end();
        let keyword = words::last_word(above);
        let rest = self.text.get(self.base + at..).unwrap_or("");
        let rest = words::beginning(rest);
        let word = first_word(rest);
        let lists: [&[&str]; 3] = [&words::STATEMENTS, &words::MODIFIERS, &words::CLAUSES];
        let known = lists.iter().any(|list| list.contains(&keyword)) || keyword == "every";
        let behind = rest.get(word.len()..).unwrap_or("");
        let value = words::first_line(behind).trim();
        if known && (word == ":" || word == "=") && !value.is_empty() {
            let span = self.place(at, at + 1);
            if keyword == "run" && !value.starts_with('"') {
                return false;
            }
            self.repair(span, " ", errors::sign_behind(span, keyword, word));
            return true;
        }
        if foreign::FILLERS.contains(&(keyword, word)) {
            let span = self.place(at, at + word.len());
            let gone = self.place(
                at,
                at + word.len() + behind.len() - behind.trim_start().len(),
            );
            let why = format!("`{keyword}` is followed by its value directly");
            self.repair(gone, "", errors::needless(span, gone, word, &why));
            return true;
        }
        false
    }

    /// `retry 3 times`: returns whether the word was taken out.
    pub(super) fn ending(&mut self, word: &str, start: usize) -> bool {
        let above = self.text_of(0, start).trim_end();
        let mut before = words::ending(above).split_whitespace().rev();
        let value = before.next().unwrap_or("");
        let keyword = before.next().unwrap_or("");
        if !foreign::ENDINGS.contains(&(keyword, word)) {
            return false;
        }
        let span = self.place(start, start + word.len());
        let gone = self.place(above.len(), start + word.len());
        let why = format!("the value of `{keyword}` stands alone: `{keyword} {value}`");
        self.repair(gone, "", errors::needless(span, gone, word, &why));
        true
    }

    /// A call behind a value: `"x".upper()`. What it is read as: a call of the function.
    pub(super) fn method(&mut self, callee: &Expr, args: &Pair<'_>) -> Option<Expr> {
        let ExprKind::Field(of, name) = &callee.kind else {
            return None;
        };
        if matches!(of.kind, ExprKind::Name(_) | ExprKind::Error) {
            return None;
        }
        let function = foreign::ours(&foreign::FUNCTIONS, &name.name).unwrap_or(&name.name);
        let before = Span {
            end: of.span.start,
            ..of.span
        };
        let open = self.place(args.start(), args.start() + 1);
        let none = args
            .text()
            .trim_start_matches('(')
            .trim_start()
            .starts_with(')');
        let between = Span {
            start: of.span.end,
            end: open.end,
            ..of.span
        };
        let edits = vec![
            (before, format!("{function}(")),
            (between, String::from(if none { "" } else { ", " })),
        ];
        self.report(errors::method(name.span, function, edits));
        Some(Expr {
            kind: ExprKind::Error,
            span: callee.span,
        })
    }

    /// `LIST.map(x => …)`. Returns whether it was reported.
    pub(super) fn lambda(&mut self, callee: &Expr, args: &Pair<'_>) -> bool {
        let text = args.text();
        let Some(arrow) = text.find("=>") else {
            return false;
        };
        let var = text
            .get(1..arrow)
            .unwrap_or("")
            .trim()
            .trim_matches(['(', ')']);
        let body = text.get(arrow + 2..text.len() - 1).unwrap_or("").trim();
        let name = match &callee.kind {
            ExprKind::Field(_, name) => &*name.name,
            _ => "",
        };
        let right = match name {
            _ if !words::is_name(var) || body.is_empty() || body.contains('\n') => None,
            "map" => Some(format!("[{body} for {var} in LIST]")),
            "filter" => Some(format!("[{var} for {var} in LIST if {body}]")),
            _ => None,
        };
        let span = self.place(args.start() + 1, args.end() - 1);
        self.report(errors::lambda(span, right.as_deref()));
        true
    }
}
