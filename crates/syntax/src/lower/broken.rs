//! Lowers what the error productions of the grammar have matched. What was probably meant becomes a
//! repair, after which the text is parsed again; everything else becomes one precise diagnostic.

use super::foreign::is_yaml;
use super::{MAX_DIAGNOSTICS, TreeBuilder};
use crate::ast::{Expr, ExprKind, Item};
use crate::grammar::{Pair, Parts, Rule};
use crate::recover::{Repair, RepairEdit};
use crate::words::{self, first_word};
use crate::{ast, errors};
use lockstep_base::diagnostic::Diagnostic;
use lockstep_base::source::Span;

/// Where a broken line stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BrokenLineContext {
    File,
    Block,
    Service,
    Environment,
    Infrastructure,
    Kind,
    KindPart,
    Test,
}

impl BrokenLineContext {
    /// The words that may begin a line here.
    fn words(self) -> &'static [&'static str] {
        match self {
            Self::File => &words::DECLARATIONS,
            Self::Block => &words::STATEMENTS,
            Self::Test => &words::TESTS,
            Self::Environment => &["infrastructure", "override"],
            Self::Infrastructure => &["override"],
            Self::Kind => &["service", "infrastructure", "deploy", "requires"],
            Self::Service | Self::KindPart => &[],
        }
    }

    /// What stands here.
    fn what(self) -> &'static str {
        match self {
            Self::File => "declaration",
            Self::Block => "statement",
            Self::Test => "statement of a test",
            Self::Kind => "part of a kind",
            _ => "field",
        }
    }
}

/// How many broken lines directly below each other are reported; a longer text is one mistake.
const MAX_REPORTED_LINES: usize = 3;

/// What stands before a broken line in the same body.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Before {
    /// Where it begins and ends in the piece, if there is something.
    range: Option<(usize, usize)>,
    /// Whether something was wrong with it.
    problems: bool,
    /// How many broken lines that could not be repaired stand directly above.
    broken: usize,
    /// Whether lines of YAML that stand directly above were reported.
    yaml: bool,
    /// Whether a word of another language was reported directly above.
    habit: bool,
}

impl<'t> TreeBuilder<'t> {
    /// The number of errors found up to now.
    pub(crate) fn report_broken(&self) -> usize {
        self.diagnostics.len() + self.repairs.len()
    }

    /// A mark to which [`Self::forget`] returns.
    pub(super) fn mark(&self) -> (usize, usize) {
        (self.diagnostics.len(), self.repairs.len())
    }

    /// Drops the errors found since the mark.
    pub(super) fn forget(&mut self, mark: (usize, usize)) {
        self.diagnostics.truncate(mark.0);
        self.repairs.truncate(mark.1);
    }

    /// What to remember of the piece `start..end`, before which there were `trouble` errors.
    pub(super) fn before(&self, start: usize, end: usize, trouble: usize) -> Before {
        Before {
            range: Some((start, self.trim(end).max(start))),
            problems: self.report_broken() > trouble,
            broken: 0,
            yaml: false,
            habit: false,
        }
    }

    /// Replaces `span` by `text` before the text is read again.
    pub(super) fn repair(&mut self, span: Span, text: impl Into<String>, diagnostic: Diagnostic) {
        self.repair_all(vec![(span, text.into())], diagnostic);
    }

    /// The same at several places.
    pub(super) fn repair_all(&mut self, edits: Vec<(Span, String)>, diagnostic: Diagnostic) {
        if self.repairs.len() >= MAX_DIAGNOSTICS {
            return;
        }
        let edits = edits.into_iter().map(|(span, text)| RepairEdit {
            start: span.start as usize,
            end: span.end as usize,
            text,
        });
        self.repairs.push(Repair {
            edits: edits.collect(),
            diagnostic,
        });
    }

    /// A line that is nothing known. Returns what to remember of it.
    pub(super) fn error_line(
        &mut self,
        pair: Pair<'_>,
        around: BrokenLineContext,
        before: Before,
    ) -> Before {
        let text = pair.text();
        let (start, end) = (pair.start(), pair.end());
        let trouble = self.report_broken();
        let word = first_word(text);
        let span = self.place(start, start + word.len());
        let same_line = before
            .range
            .is_some_and(|(_, end)| !self.text_of(end, start).contains('\n'));
        let yaml = !same_line
            && matches!(around, BrokenLineContext::File | BrokenLineContext::Block)
            && (is_yaml(text) || before.yaml && around == BrokenLineContext::File);
        if yaml {
            if !before.yaml {
                let line = text.lines().next().unwrap_or(text).trim_end();
                let span = self.place(start, start + line.len());
                self.report(errors::yaml(span, around == BrokenLineContext::File));
            }
            return Before {
                yaml: true,
                broken: before.broken + 1,
                ..self.before(start, end, trouble)
            };
        }
        if !same_line && self.habitual_line(text, span, around)
            || before.habit && matches!(word, "catch" | "except" | "rescue" | "finally" | "end")
        {
            return Before {
                habit: true,
                broken: before.broken + 1,
                ..self.before(start, end, trouble)
            };
        }
        let follows = same_line && before.problems;
        let repaired = self.foreign_line(text, span, word, (around, follows))
            || (same_line && self.forgotten_value(before, start))
            || (!follows && self.misspelt_line(text, start, around, same_line));
        // What is wrong inside of a text is reported already.
        let inside = whole_text(text).is_some_and(|quoted| quoted.contains('\u{1}'));
        let reported = inside || text.starts_with('\u{1}') || self.marked_before(start);
        if !repaired && !reported && !follows && before.broken < MAX_REPORTED_LINES {
            let all = self.span(&pair);
            self.unknown_line(text, (start, all), around, same_line);
        }
        self.inner_blocks(pair);
        Before {
            broken: if repaired { 0 } else { before.broken + 1 },
            ..self.before(start, end, trouble)
        }
    }

    pub(super) fn text_of(&self, start: usize, end: usize) -> &'t str {
        self.text
            .get(self.base + start..self.base + end)
            .unwrap_or("")
    }

    /// Whether a strange character was taken out of the line before `start`.
    pub(super) fn marked_before(&self, start: usize) -> bool {
        let above = self.text_of(0, start);
        let line = above.rfind('\n').map_or(0, |at| at + 1);
        let (from, to) = (self.place(line, line).start, self.place(start, start).start);
        let place = self.marks.partition_point(|mark| *mark < from);
        self.marks.get(place).is_some_and(|mark| *mark <= to)
    }

    /// Finds the mistakes in the blocks of broken text.
    fn inner_blocks(&mut self, pair: Pair<'_>) {
        for pair in Parts::of(pair) {
            if pair.rule() == Rule::block {
                self.block(pair);
            }
        }
    }

    /// Words that begin a line in other languages. What `follows` something wrong on its line may
    /// be a part of that.
    fn foreign_line(
        &mut self,
        text: &str,
        span: Span,
        word: &str,
        (around, follows): (BrokenLineContext, bool),
    ) -> bool {
        if around != BrokenLineContext::Block {
            let declares = matches!(
                around,
                BrokenLineContext::File | BrokenLineContext::Environment
            );
            let loops = matches!(word, "for" | "foreach" | "if");
            let behind = text.get(word.len()..).unwrap_or("").trim_start();
            if !declares || !loops || behind.starts_with(['=', ':']) {
                return false;
            }
            if !follows {
                self.report(errors::declared_for(span, word));
            }
            return true;
        }
        let rest = text.get(word.len()..).unwrap_or("").trim_start();
        match word {
            "elif" | "elsif" | "elseif" => {
                let help = "write `else if`";
                let diagnostic = errors::foreign_control(span, word, "else if", help);
                self.repair(span, "else if", diagnostic);
            }
            "for" | "foreach" => {
                let help = "write `serial x in LIST { … }` for one after the other, or \
                            `parallel x in LIST { … }` for all at once";
                let diagnostic = errors::foreign_control(span, word, "serial", help);
                let var = first_word(rest);
                let list = rest.get(var.len()..).unwrap_or("").trim_start();
                if words::is_name(var) && first_word(list) == "in" {
                    self.repair(span, "serial", diagnostic);
                } else {
                    self.report(diagnostic);
                }
            }
            "while" | "until" | "loop" | "repeat"
                if !rest.starts_with(['(', '=', '.']) || word == "while" =>
            {
                self.report(errors::endless(span, word));
            }
            "else" => self.report(errors::stray_else(span)),
            "undo" | "always" if rest.starts_with('{') => {
                self.report(errors::stray_handler(span, word));
            }
            "on" if first_word(rest) == "failure" => {
                self.report(errors::stray_handler(span, "on failure"));
            }
            "watch" if first_word(rest) == "every" => {
                self.report(errors::stray_handler(span, word));
            }
            "between" => self.report(errors::stray_between(span)),
            "atomic" | "once" | "timeout" | "max" | "batches" | "tolerate" if follows => {}
            "atomic" | "once" | "timeout" | "max" | "batches" | "tolerate" => {
                self.report(errors::stray_modifier(span, word));
            }
            "requires" if rest.starts_with(['"', '\'']) => {
                self.report(errors::stray_requires(span));
            }
            "env" | "in" if rest.starts_with(['{', '"', '\'']) => {
                self.report(errors::no_with(span, word));
            }
            _ => return false,
        }
        true
    }

    /// `let x =` at the end of a line, and on the next line the word of a statement that was
    /// taken for the value.
    fn forgotten_value(&mut self, before: Before, start: usize) -> bool {
        let Some((sibling, _)) = before.range else {
            return false;
        };
        let above = self.text_of(0, start);
        let line = above.rfind('\n').map_or(0, |at| at + 1);
        let word = above.get(line..).unwrap_or("").trim();
        let known = words::STATEMENTS.contains(&word) || words::DECLARATIONS.contains(&word);
        if !known || line <= sibling {
            return false;
        }
        let names = self.text_of(0, self.trim(line));
        if names.ends_with(',') {
            // The declaration was read as one more name of an import.
            let comma = self.place(names.len() - 1, names.len());
            let why = "no further name follows this comma";
            self.repair(comma, " ", errors::needless(comma, comma, ",", why));
            return true;
        }
        let blanks = above.len() - line - above.get(line..).unwrap_or("").trim_start().len();
        self.hole_before(line + blanks);
        true
    }

    /// Puts a hole before the word at `at`, where a value was forgotten.
    pub(super) fn hole_before(&mut self, at: usize) {
        let place = self.after_last_word(at);
        let diagnostic = errors::forgotten(place, self.text_of(0, self.trim(at)));
        let before = self.place(at, at);
        self.repair(before, "\u{1} ", diagnostic);
    }

    /// A line that can be repaired by one word.
    fn misspelt_line(
        &mut self,
        text: &str,
        start: usize,
        around: BrokenLineContext,
        same_line: bool,
    ) -> bool {
        let word = first_word(text);
        let end = start + word.len();
        let span = self.place(start, end);
        let rest = text.get(word.len()..).unwrap_or("");
        let next = rest.trim_start();
        if !words::is_name(word) {
            return false;
        }
        if same_line {
            return self.ending(word, start) || self.misspelt_tail(span, word, next, around);
        }
        let assigned = next.starts_with('=') && !next.starts_with("==");
        if assigned && matches!(around, BrokenLineContext::File | BrokenLineContext::Block) {
            let place = self.place(start, start);
            let above = words::ending_of(self.text_of(0, start), 2_000);
            if above.contains(&format!("let {word} ")) || above.contains(&format!("input {word}:"))
            {
                self.report(errors::set_again(span, word));
            } else {
                self.repair(place, "let ", errors::no_let(span, place, word));
            }
            return true;
        }
        if next.starts_with(['(', '.', '=', ':']) && around != BrokenLineContext::File {
            return self.lone_path(text, start, around);
        }
        if let Some(right) = words::suggest_keyword(word, around.words())
            .filter(|_| !next.is_empty() || around == BrokenLineContext::Block)
        {
            self.repair(
                span,
                right,
                errors::misspelt(span, word, right, around.what()),
            );
            return true;
        }
        let fields = matches!(
            around,
            BrokenLineContext::Service
                | BrokenLineContext::Environment
                | BrokenLineContext::Infrastructure
        );
        if fields && !next.is_empty() && !words::STATEMENTS.contains(&word) {
            let place = self.place(end, end);
            self.repair(place, " =", errors::no_sign(place, word, "="));
            return true;
        }
        self.lone_path(text, start, around)
    }

    /// A misspelt modifier, clause or handler behind a statement.
    fn misspelt_tail(
        &mut self,
        span: Span,
        word: &str,
        next: &str,
        around: BrokenLineContext,
    ) -> bool {
        if next.starts_with(['(', '.', '=']) {
            return false;
        }
        let mut known: Vec<&str> = around.words().to_vec();
        let mut what = around.what();
        if around == BrokenLineContext::Block {
            known = words::MODIFIERS.to_vec();
            known.extend([
                "using",
                "limit",
                "undo",
                "always",
                "watch",
                "between",
                "else",
                "every",
                "on failure",
            ]);
            what = "modifier or handler";
        }
        let Some(right) = words::suggest_keyword(word, &known) else {
            return false;
        };
        self.repair(span, right, errors::misspelt(span, word, right, what));
        true
    }

    /// `foo` or `ns.foo` alone, which should be a call.
    fn lone_path(&mut self, text: &str, start: usize, around: BrokenLineContext) -> bool {
        let path = text.trim_end();
        if around != BrokenLineContext::Block
            || !path.split('.').all(words::is_name)
            || path.split('.').count() > 2
        {
            return false;
        }
        if path.split('.').any(|word| words::RESERVED.contains(&word)) {
            return false;
        }
        let span = self.place(start, start + path.len());
        let place = self.place(start + path.len(), start + path.len());
        self.repair(place, "()", errors::no_call(span, place, path));
        true
    }

    fn unknown_line(
        &mut self,
        text: &str,
        (start, all): (usize, Span),
        around: BrokenLineContext,
        same_line: bool,
    ) {
        let word = first_word(text);
        let span = self.place(start, start + word.len());
        if word == "?" {
            self.report(errors::ternary(span));
            return;
        }
        if same_line {
            let next = text.get(word.len()..).unwrap_or("").trim_start();
            let assigned = next.starts_with('=').then_some("=");
            let found = whole_text(text).unwrap_or(word);
            let span = self.place(start, start + found.len());
            self.report(errors::unexpected(span, found, assigned.unwrap_or(found)));
            return;
        }
        let name = words::is_name(word);
        if name
            && text
                .get(word.len()..)
                .is_some_and(|rest| rest.starts_with('.'))
        {
            self.report(errors::callee(all));
            return;
        }
        let diagnostic = match around {
            BrokenLineContext::File if matches!(word, "infrastructure" | "override") => {
                errors::outside_environment(span, word)
            }
            BrokenLineContext::File if words::HANDLERS.contains(&word) => {
                errors::stray_handler(span, word)
            }
            BrokenLineContext::File if word == "requires" => errors::stray_requires(span),
            BrokenLineContext::File if words::STATEMENTS.contains(&word) => {
                errors::stray_statement(span, word)
            }
            BrokenLineContext::File => {
                errors::unknown(span, word, around.what(), errors::declarations())
            }
            BrokenLineContext::Block if name => errors::unknown(
                span,
                word,
                around.what(),
                format!(
                    "to run a program, write `run \"{word} …\"`; to call a workflow or an action, \
                     `{word}(…)`"
                ),
            ),
            BrokenLineContext::Block => errors::unknown(
                all,
                text,
                around.what(),
                String::from("a statement begins with a word, such as `run`, `deploy` or `log`"),
            ),
            BrokenLineContext::Test => errors::unknown(
                span,
                word,
                around.what(),
                String::from("a test has `given …`, `start PIPELINE` and `expect …`"),
            ),
            BrokenLineContext::Kind => errors::unknown(
                span,
                word,
                around.what(),
                String::from(
                    "a kind has `service { … }`, `infrastructure { … }` and \
                     `deploy using WORKFLOW`",
                ),
            ),
            BrokenLineContext::KindPart => errors::unknown(
                all,
                text,
                around.what(),
                String::from("a field is written `name: TYPE` or `name: TYPE = default`"),
            ),
            _ if words::STATEMENTS.contains(&word) => errors::stray_statement(span, word),
            _ => errors::unknown(
                all,
                text,
                around.what(),
                String::from("a field is written `name = value`"),
            ),
        };
        self.report(diagnostic);
    }

    /// Words in the head of a statement that are no modifier. `known` are the other words that
    /// could stand there, `keyword` is the statement's.
    pub(super) fn bad_head(&mut self, pair: Pair<'_>, keyword: &str, known: &[&str], quiet: bool) {
        let text = pair.text();
        let start = pair.start();
        let base = text.strip_prefix(':').map(str::trim);
        if let Some(base) = base.filter(|base| keyword == "kind" && words::is_name(base) && !quiet)
        {
            let end = start + text.trim_end().len();
            let span = self.place(start, end);
            // The name may stand directly before the colon.
            let right = format!(" extends {base}");
            self.repair(span, right.as_str(), errors::kind_base(span, &right));
            return;
        }
        if keyword == "kind" && text.starts_with(',') && !quiet {
            let gone = self.place(start, start + text.trim_end().len());
            self.repair(gone, " ", errors::one_base(gone, gone));
            return;
        }
        let word = first_word(text);
        let span = self.place(start, start + word.len());
        let rest = text.get(word.len()..).unwrap_or("");
        let loops = matches!(keyword, "serial" | "parallel" | "matrix");
        if quiet {
            // What comes before in this head has been reported.
        } else if word == "for" && loops {
            let end = start + text.len() - rest.trim_start().len();
            let gone = self.place(start, end);
            let help = "a loop is written `serial x in LIST { … }`";
            let diagnostic = errors::foreign_control(span, word, "", help);
            self.repair(gone, "", diagnostic);
        } else if word == "in" && loops {
            let place = self.after_last_word(start);
            self.report(errors::missing_part(place, "a variable before `in`"));
        } else if word == "between" && loops {
            self.report(errors::stray_between(span));
        } else if word == "keep" && keyword.is_empty() {
            self.keep_first(start);
        } else if self.habitual_head(text, start) {
            // It has been reported.
        } else if matches!(word, "then" | "do") {
            let help = "the body is written in `{ … }` directly after the head";
            let diagnostic = errors::foreign_control(span, word, "", help);
            self.repair(span, "", diagnostic);
        } else if words::MODIFIERS.contains(&word) && rest.starts_with('(') {
            let place = self.place(start + word.len(), start + word.len());
            self.repair(place, " ", errors::no_blank(place, word));
        } else if let Some(right) = self.suggest_in_head(word, known) {
            self.repair(span, right, errors::misspelt(span, word, right, "modifier"));
        } else if loops && keyword != "matrix" && words::is_name(word) {
            let place = self.place(start + word.len(), start + word.len());
            self.report(errors::no_list(place, keyword, word));
        } else {
            let all = self.span(&pair);
            if matches!(keyword, "kind" | "a declaration" | "a branch") {
                self.report(errors::before_body(all, text));
                self.inner_blocks(pair);
                return;
            }
            let help = match keyword {
                "with" => String::from(
                    "a place is written `on PLACE`, a folder `in \"DIR\"`, variables `env { … }`",
                ),
                _ => format!(
                    "allowed before the body: {}",
                    lockstep_base::diagnostic::suggest::or_list(&MODIFIERS_SHOWN)
                ),
            };
            self.report(errors::unknown(all, text, "modifier", help));
        }
        self.inner_blocks(pair);
    }

    fn suggest_in_head(&self, word: &str, known: &[&str]) -> Option<&'static str> {
        let candidates: Vec<&'static str> = words::MODIFIERS
            .into_iter()
            .chain(HEAD_WORDS.into_iter().filter(|word| known.contains(word)))
            .collect();
        words::suggest_keyword(word, &candidates)
    }

    /// Statements at the top level: the first of several is reported.
    pub(super) fn stray_stmt(&mut self, pair: Pair<'_>, before: Before) -> Before {
        let (start, end) = (pair.start(), pair.end());
        let trouble = self.report_broken();
        let word = first_word(pair.text());
        let span = self.place(start, start + word.len());
        let called = words::STATEMENTS.contains(&word);
        let rest = pair.text().get(word.len()..).unwrap_or("");
        let handler = word == "on" && first_word(rest.trim_start()) == "failure";
        if declares(pair) {
            self.report(errors::declared_for(span, word));
            let mark = self.mark();
            for inner in Parts::of(pair) {
                self.stmt(inner, Before::default());
            }
            self.forget(mark);
            return self.before(start, end, trouble);
        }
        if before.broken == 0 && !handler {
            let shown = if called {
                String::from(word)
            } else {
                format!("{word}(…)")
            };
            self.report(errors::stray_statement(span, &shown));
        }
        for inner in Parts::of(pair) {
            self.stmt(inner, Before::default());
        }
        Before {
            broken: before.broken + 1,
            ..self.before(start, end, trouble)
        }
    }

    /// A declaration in a block; it goes to the declarations of the file.
    pub(super) fn stray_item(&mut self, pair: Pair<'_>) {
        let start = pair.start();
        let word = first_word(pair.text());
        let span = self.place(start, start + word.len());
        self.report(errors::stray_declaration(span, word));
        let mut items: Vec<Item> = Vec::new();
        for inner in Parts::of(pair) {
            self.item(inner, &mut items, Before::default());
        }
        self.hoisted.extend(items);
    }

    /// `deploy x` without `to`: perhaps another word stands in its place.
    pub(super) fn no_target(&mut self, statement: &str, service: &Expr, at: usize) {
        if let ExprKind::Binary(ast::BinaryOp::In, op, _, _) = service.kind {
            self.repair(op, "to", errors::wrong_to(statement, op, "in"));
            return;
        }
        let before = self.text_of(0, at);
        let line = before.rfind('\n').map_or(0, |at| at + 1);
        if let Some(arrow) = before.get(line..).and_then(|line| line.find("->")) {
            let span = self.place(line + arrow, line + arrow + 2);
            self.repair(span, "to", errors::wrong_to(statement, span, "->"));
            return;
        }
        let rest = self.text.get(self.base + at..).unwrap_or("");
        let line = rest.trim_start_matches([' ', '\t']);
        let start = at + (rest.len() - line.len());
        let word = first_word(line);
        let wrong = ["on", "onto", "into", "at", "too", "ot", "tp", "t"];
        let sign = ["=>"].into_iter().find(|sign| line.starts_with(sign));
        let found = sign.or_else(|| wrong.into_iter().find(|wrong| *wrong == word));
        if let Some(found) = found {
            let span = self.place(start, start + found.len());
            self.repair(span, "to", errors::wrong_to(statement, span, found));
            return;
        }
        let place = self.after_last_word(at);
        self.report(errors::no_target(statement, place));
    }

    /// `run command`, where `command` is no string.
    pub(super) fn bare_command(&mut self, pair: &Pair<'_>) -> Span {
        let span = self.span(pair);
        self.report(errors::command(span, None));
        span
    }

    /// `=` in an expression: a comparison is meant, or the value before it was forgotten and this
    /// is already the next line.
    pub(super) fn bad_op(&mut self, pair: &Pair<'_>) {
        let at = pair.start();
        let above = self.text_of(0, at).trim_end();
        let name = words::last_word(above);
        let head = above.get(..above.len() - name.len()).unwrap_or("");
        let starts_line = head.trim_end_matches([' ', '\t']).ends_with('\n');
        if words::is_name(name) && starts_line && head.trim_end().ends_with('=') {
            self.hole_before(head.len());
            return;
        }
        let span = self.span_exact(pair);
        self.repair(span, "==", errors::assignment(span));
    }
}

/// Whether the body of an `if` at the top level begins with a declaration.
fn declares(stray: Pair<'_>) -> bool {
    let mut inner = Parts::of(stray).filter(|pair| pair.rule() == Rule::if_stmt);
    let mut blocks = (inner.by_ref().flat_map(Parts::of)).filter(|pair| pair.rule() == Rule::block);
    let first = blocks.next().and_then(|block| Parts::of(block).next());
    first.is_some_and(|first| first.rule() == Rule::stray_item)
}

const MODIFIERS_SHOWN: [&str; 9] = [
    "timeout",
    "grace",
    "retry",
    "max",
    "batches",
    "tolerate",
    "fail fast",
    "atomic",
    "once",
];

/// Further words that stand in some heads.
const HEAD_WORDS: [&str; 10] = [
    "where", "include", "serial", "parallel", "limit", "every", "using", "in", "on", "env",
];

/// The text in quotes on one line at the beginning of `line`.
fn whole_text(line: &str) -> Option<&str> {
    let inside = line.strip_prefix('"')?;
    let end = inside.find(['"', '\n'])?;
    inside[end..].starts_with('"').then(|| &line[..end + 2])
}
