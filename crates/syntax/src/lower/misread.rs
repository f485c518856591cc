//! Finds what is read as something else because it lacks its brackets or stands in another order:
//! parts before the head, lists without `[ ]`, bodies without `{ }`, commands as values.

use std::collections::HashSet;

use super::TreeBuilder;
use crate::ast::Expr;
use crate::grammar::{Pair, Parts, Rule};
use crate::lexer::{self, TokenKind};
use crate::{errors, words};

/// How far is looked ahead, in bytes.
const MAX_LINE: usize = 600;

/// A word, a sign, a whole text or a whole bracket.
#[derive(Debug, Clone, Copy)]
struct Unit<'t> {
    start: usize,
    end: usize,
    text: &'t str,
}

impl Unit<'_> {
    fn begins(self, signs: &[char]) -> bool {
        self.text.starts_with(signs)
    }

    /// Whether it begins another part of the statement.
    fn is_part(self) -> bool {
        takes_value(self.text) || ends_value(self.text)
    }
}

/// Whether a value follows a word in the tail of a statement.
fn takes_value(word: &str) -> bool {
    words::CLAUSES.contains(&word)
        || matches!(word, "as" | "every" | "keep")
        || words::MODIFIERS.contains(&word) && !ends_value(word)
}

/// Whether a word stands alone in the tail of a statement, or begins a handler.
fn ends_value(word: &str) -> bool {
    matches!(word, "fail" | "atomic" | "once" | "quiet" | "between") || begins_handler(word)
}

fn begins_handler(word: &str) -> bool {
    matches!(word, "undo" | "always" | "watch")
}

/// The units at the beginning of a text, up to the end of the line or a bracket that closes what
/// is around it; and where a unit begins that does not end there.
fn units(text: &str) -> (Vec<Unit<'_>>, Option<usize>) {
    let text = words::beginning_of(text, MAX_LINE);
    let mut found: Vec<Unit<'_>> = Vec::new();
    let mut depth = 0_usize;
    let (mut start, mut end) = (0, 0);
    // Whether the token continues the text before it.
    let mut joined = false;
    for token in lexer::next_tokens(text) {
        let written = token.text(text);
        let between = text.get(end..token.start).unwrap_or("");
        if depth == 0 && (between.contains('\n') || token.kind == TokenKind::Comment) {
            return (found, None);
        }
        end = token.end;
        if depth == 0 {
            let goes_on = written == "${" || joined && token.kind == TokenKind::Text;
            start = match goes_on {
                true => found.pop().map_or(token.start, |before| before.start),
                false => token.start,
            };
        }
        joined = false;
        match written {
            "(" | "[" | "{" | "${" => depth += 1,
            ")" | "]" | "}" if depth == 0 => return (found, None),
            ")" | "]" | "}" => {
                depth -= 1;
                joined = depth == 0 && text.get(start..).is_some_and(|text| text.starts_with('"'));
            }
            _ => {}
        }
        if depth == 0 {
            let text = text.get(start..end).unwrap_or("");
            found.push(Unit { start, end, text });
        }
    }
    (found, (depth > 0).then_some(start))
}

/// Whether a text is several values.
fn is_several(text: &str) -> bool {
    units(text).0.iter().any(|unit| unit.text == ",")
}

fn with_article(word: &str) -> String {
    let article = if word.starts_with('i') { "an" } else { "a" };
    format!("{article} {word}")
}

impl<'t> TreeBuilder<'t> {
    fn units_at(&self, at: usize) -> (Vec<Unit<'t>>, Option<usize>) {
        units(self.text.get(self.base + at..).unwrap_or(""))
    }

    /// `approve count 2 "ship?"`: the text that must be first stands behind other parts. `start`
    /// is the place of the keyword.
    pub(super) fn head_first(&mut self, start: usize) {
        let statement = self.text.get(self.base + start..).unwrap_or("");
        let word = words::first_word(statement);
        let behind = statement
            .get(word.len()..)
            .unwrap_or("")
            .trim_start_matches(' ');
        if !behind.starts_with(|sign: char| sign.is_ascii_alphabetic()) {
            return;
        }
        let (units, _) = self.units_at(start);
        let [keyword, part, behind @ ..] = units.as_slice() else {
            return;
        };
        if !takes_value(part.text) && !ends_value(part.text) || begins_handler(part.text) {
            return;
        }
        let mut before = part;
        for unit in behind {
            let statement = words::STATEMENTS.contains(&unit.text) && !unit.is_part();
            if statement || begins_handler(unit.text) || unit.begins(&['.', '=', ',']) {
                return;
            }
            if unit.begins(&['"', '\'']) && !takes_value(before.text) {
                let place = |from: usize, to: usize| self.place(start + from, start + to);
                let edits = vec![
                    (place(part.start, part.start), format!("{} ", unit.text)),
                    (place(before.end, unit.end), String::new()),
                ];
                let parts = self.text_of(start + part.start, start + before.end);
                let right = format!("{} {} {parts}", keyword.text, unit.text);
                let (text, part) = (place(unit.start, unit.end), place(part.start, part.end));
                let what = format!("the text of `{}`", keyword.text);
                let error = errors::head_first(text, part, &what, &right, edits.clone());
                self.repair_all(edits, error);
                return;
            }
            before = unit;
        }
    }

    /// `fail as "x"`, `fail timeout "x"`: the class stands behind the text.
    pub(super) fn class_first(&mut self, start: usize) {
        let (units, _) = self.units_at(start);
        let [keyword, class, text, ..] = units.as_slice() else {
            return;
        };
        let is_class = words::is_name(class.text) && !words::RESERVED.contains(&class.text);
        if !text.begins(&['"', '\'']) || !is_class {
            return;
        }
        let place = |from: usize, to: usize| self.place(start + from, start + to);
        let at = place(class.start, class.end);
        let gone = (place(class.start, text.start), String::new());
        if class.text == "as" {
            self.repair_all(vec![gone.clone()], errors::no_class(at, text.text, gone.0));
            return;
        }
        let behind = format!(" as {}", class.text);
        let right = format!("{} {}{behind}", keyword.text, text.text);
        let edits = vec![gone, (place(text.end, text.end), behind)];
        let text = place(text.start, text.end);
        let error = errors::head_first(text, at, "the text of `fail`", &right, edits.clone());
        self.repair_all(edits, error);
    }

    /// `barrier across stage a`: the name stands behind the clause.
    pub(super) fn barrier_name_last(&mut self, start: usize) {
        let (units, _) = self.units_at(start);
        let [_, across, scope, name, ..] = units.as_slice() else {
            return;
        };
        let known = across.text == "across" && matches!(scope.text, "stage" | "pipeline");
        if !known || !words::is_name(name.text) {
            return;
        }
        let place = |from: usize, to: usize| self.place(start + from, start + to);
        let edits = vec![
            (place(across.start, across.start), format!("{} ", name.text)),
            (place(scope.end, name.end), String::new()),
        ];
        let right = format!("barrier {} across {}", name.text, scope.text);
        let (name, clause) = (place(name.start, name.end), place(across.start, scope.end));
        let what = "the name of a barrier";
        let error = errors::head_first(name, clause, what, &right, edits.clone());
        self.repair_all(edits, error);
    }

    /// `service for x in LIST "${x}": KIND { … }`: the name stands behind the list. `start` is the
    /// place of the keyword. Returns whether it was repaired.
    pub(super) fn name_behind_list(&mut self, start: usize) -> bool {
        let (units, _) = self.units_at(start);
        let [keyword, each, variable, rest @ ..] = units.as_slice() else {
            return false;
        };
        if each.text != "for" || !words::is_name(variable.text) {
            return false;
        }
        let Some(at) = rest.iter().position(|unit| unit.begins(&['"'])) else {
            return false;
        };
        let Some(name) = rest.get(at) else {
            return false;
        };
        let last = match rest.get(at + 1..) {
            Some([colon, kind, ..]) if colon.text == ":" && words::is_name(kind.text) => kind,
            _ => name,
        };
        let head = self.text_of(start + name.start, start + last.end);
        let list = self
            .text_of(start + each.start, start + name.start)
            .trim_end();
        let right = format!("{} {head} {list}", keyword.text);
        let place = |from: usize, to: usize| self.place(start + from, start + to);
        let edits = vec![
            (place(each.start, each.start), format!("{head} ")),
            (place(each.start + list.len(), last.end), String::new()),
        ];
        let what = format!("the name of {}", with_article(keyword.text));
        let error = errors::head_first(
            place(name.start, name.end),
            place(each.start, each.start + list.len()),
            &what,
            &right,
            edits.clone(),
        );
        self.repair_all(edits, error);
        true
    }

    /// `keep latest queue "x"` in the head of a pipeline, which begins at `start`.
    pub(super) fn keep_first(&mut self, start: usize) {
        let (units, _) = self.units_at(start);
        let place = |from: usize, to: usize| self.place(start + from, start + to);
        let keep = place(0, "keep".len());
        match units.as_slice() {
            [_, which, queue, name, ..]
                if matches!(which.text, "all" | "latest")
                    && queue.text == "queue"
                    && name.begins(&['"', '\'']) =>
            {
                let behind = format!(" keep {}", which.text);
                let edits = vec![
                    (place(0, queue.start), String::new()),
                    (place(name.end, name.end), behind),
                ];
                let error = errors::keep_first(keep, edits.clone());
                self.repair_all(edits, error);
            }
            _ => self.report(errors::keep_first(keep, Vec::new())),
        }
    }

    /// `approve("go?") by ["ops"]`: a statement that is written like a call, where no workflow or
    /// action of its name is declared or imported.
    pub(super) fn statement_as_call(&mut self, start: usize) {
        let (units, _) = self.units_at(start);
        let [word, args, ..] = units.as_slice() else {
            return;
        };
        let takes_text = matches!(
            word.text,
            "run" | "query" | "log" | "fail" | "approve" | "wait"
        );
        let inner = args
            .text
            .strip_prefix('(')
            .and_then(|text| text.strip_suffix(')'));
        let Some(inner) = inner.filter(|_| takes_text) else {
            return;
        };
        let value = inner.trim();
        let quoted = value.starts_with(['"', '\'']);
        let command = matches!(word.text, "run" | "query");
        if value.is_empty() || is_several(value) || command && !quoted {
            return;
        }
        if self.is_declared(word.text) {
            return;
        }
        let place = |from: usize, to: usize| self.place(start + from, start + to);
        let lead = inner.len() - inner.trim_start().len();
        let edits = vec![
            (place(word.end, args.start + 1 + lead), String::from(" ")),
            (
                place(args.start + 1 + lead + value.len(), args.end),
                String::new(),
            ),
        ];
        let right = format!("{} {value}", word.text);
        let span = place(args.start, args.end);
        let error = errors::statement_as_call(span, word.text, &right, edits.clone());
        self.repair_all(edits, error);
    }

    /// Whether the file declares or imports a workflow, an action or a function by the word of a
    /// statement.
    fn is_declared(&mut self, word: &str) -> bool {
        let text = self.text;
        let declared = self.declared_words.get_or_insert_with(|| {
            let mut before = "";
            let mut found = HashSet::new();
            for token in lexer::tokens(text) {
                let written = token.text(text);
                // `from "a.deploy" import b, run as log`; a comma may also stand elsewhere, and
                // then a message is less precise.
                let names = matches!(
                    before,
                    "workflow" | "action" | "function" | "import" | "as" | ","
                );
                if names && words::STATEMENTS.contains(&written) {
                    found.insert(written);
                }
                before = written;
            }
            found
        });
        declared.contains(word)
    }

    /// A list that must stand next; its brackets may be missing.
    pub(super) fn list_of(&mut self, parts: &mut Parts<'_>, what: &str) -> Expr {
        let trouble = self.report_broken();
        let Some(pair) = parts.next() else {
            return self.no_expr(self.place(0, 0));
        };
        let (start, end) = (pair.start(), pair.end());
        let missing = pair.rule() == Rule::missing;
        let known = if missing {
            self.list_in_braces(start)
        } else {
            self.list_without_brackets(start, end)
        };
        if known && missing {
            return self.no_expr(self.after_last_word(start));
        }
        let list = self.expr_or_missing(pair, what);
        if known || self.report_broken() > trouble {
            return self.no_expr(list.span);
        }
        list
    }

    /// `batches 1, 10% {`, whose first value was read at `start..end`.
    fn list_without_brackets(&mut self, start: usize, end: usize) -> bool {
        if self.text_of(end, end + 1) != "," {
            return false;
        }
        let (units, open) = self.units_at(end);
        let [_, elements @ ..] = units.as_slice() else {
            return false;
        };
        let count = elements
            .iter()
            .take_while(|unit| !unit.is_part() && !unit.begins(&['{']))
            .count();
        let Some(last) = elements.get(..count).and_then(<[Unit<'_>]>::last) else {
            return false;
        };
        let cut = open.is_some() && count == elements.len() && !self.opens_body(end, open);
        if cut {
            return false;
        }
        let place = |at: usize| self.place(at, at);
        let edits = vec![
            (place(start), String::from("[")),
            (place(end + last.end), String::from("]")),
        ];
        let span = self.place(start, end + last.end);
        let error = errors::list_brackets(span, edits.clone());
        self.repair_all(edits, error);
        true
    }

    fn opens_body(&self, from: usize, open: Option<usize>) -> bool {
        open.is_some_and(|open| self.text_of(from + open, from + open + 1) == "{")
    }

    /// `batches {1, 10%} {`
    fn list_in_braces(&mut self, at: usize) -> bool {
        let (units, open) = self.units_at(at);
        let Some(braces) = units.first().filter(|unit| unit.begins(&['{'])) else {
            return false;
        };
        let body =
            units.get(1).is_some_and(|unit| unit.begins(&['{'])) || self.opens_body(at, open);
        if !body || !braces.text.contains(',') {
            return false;
        }
        self.wrong_brackets(at, at + braces.end);
        true
    }

    /// A list between brackets of another kind.
    fn wrong_brackets(&mut self, start: usize, end: usize) {
        let edits = vec![
            (self.place(start, start + 1), String::from("[")),
            (self.place(end - 1, end), String::from("]")),
        ];
        let error = errors::list_brackets(self.place(start, end), edits.clone());
        self.repair_all(edits, error);
    }

    /// `[x: int]` where a type stands.
    pub(super) fn record_in_brackets(&mut self, start: usize, end: usize) {
        let edits = vec![
            (self.place(start, start + 1), String::from("{")),
            (self.place(end - 1, end), String::from("}")),
        ];
        let error = errors::record_braces(self.place(start, end), edits.clone());
        self.repair_all(edits, error);
    }

    /// `(a, b)`: returns whether it was repaired.
    pub(super) fn list_in_parens(&mut self, start: usize, end: usize, junk: &Pair<'_>) -> bool {
        let behind = self.text.get(self.base + end..).unwrap_or("");
        if !junk.text().starts_with(',') || behind.trim_start_matches(' ').starts_with('=') {
            return false;
        }
        self.wrong_brackets(start, end);
        true
    }

    /// The name `name` where a value must stand, if it begins a statement: a command is taken out,
    /// and the parts of an effect whose text is not first change places.
    pub(super) fn effect_as_value(&mut self, name: &Pair<'_>) -> Option<Expr> {
        if !matches!(name.text(), "run" | "query" | "approve") {
            return None;
        }
        let at = name.start();
        // On a line of its own it is the next statement, and the value is missing.
        let before = self.text.get(..self.base + at).unwrap_or("");
        if before[before.trim_end().len()..].contains('\n') {
            return None;
        }
        self.head_first(at);
        self.statement_as_call(at);
        let (units, _) = self.units_at(at);
        let (word, text) = (units.first()?, units.get(1)?);
        if !matches!(word.text, "run" | "query") || !text.begins(&['"', '\'']) {
            return None;
        }
        let span = self.place(at, at + text.end);
        let error = match self.in_secret {
            true => errors::secret_of_command(span, self.text_of(at, at + text.end)),
            false => errors::command_as_value(span, word.text),
        };
        self.repair(span, "\u{1}", error);
        // The text behind the name may be outside of what is being lowered.
        Some(self.no_expr(self.place(at, at + word.end)))
    }

    /// The braces at `at`, if they stand there and end on their line.
    pub(super) fn block_at(&self, at: usize) -> Option<(usize, usize)> {
        let (units, _) = self.units_at(at);
        let first = units.first().filter(|unit| unit.begins(&['{']))?;
        Some((at + first.start, at + first.end))
    }

    /// `undo run "x"`, `between approve "go?" { … }`: a statement at `at` stands where a body
    /// must, which it gets. Returns whether it was repaired.
    pub(super) fn bare_statement(&mut self, at: usize, what: &str) -> bool {
        let (units, open) = self.units_at(at);
        let first = units.first().map_or("", |unit| unit.text);
        let above = self.text_of(self.trim(at), at);
        if above.contains('\n') || !words::STATEMENTS.contains(&first) || first == "on" {
            return false;
        }
        let end = if what == "`between`" {
            let closed = units.iter().rposition(|unit| unit.begins(&['{']));
            let count = match open {
                Some(_) => units.len(),
                None => closed.unwrap_or(0),
            };
            units.get(..count).and_then(<[Unit<'_>]>::last)
        } else if open.is_none() {
            let handler = |pair: &[Unit<'_>]| {
                begins_handler(pair[0].text) || pair[0].text == "on" && pair[1].text == "failure"
            };
            let next = units.windows(2).position(handler);
            units
                .get(..next.unwrap_or(units.len()))
                .and_then(<[Unit<'_>]>::last)
        } else {
            None
        };
        let Some(end) = end.map(|unit| at + unit.end) else {
            return false;
        };
        let place = self.after_last_word(at);
        let edits = vec![
            (self.place(at, at), String::from("{ ")),
            (self.place(end, end), String::from(" }")),
        ];
        let error = errors::no_body(place, what, "its statements");
        let error = errors::with_braces(error, edits.clone());
        self.repair_all(edits, error);
        true
    }
}
