//! Lowers `run` statements with their clauses.

use super::TreeBuilder;
use super::tail::StatementTail;
use crate::ast::{Expr, Run, StmtKind, StringLit, Variables};
use crate::errors;
use crate::grammar::{Pair, Parts, Rule};
use lockstep_base::source::Span;

impl<'t> TreeBuilder<'t> {
    /// `run "…"`, `query "…"`
    pub(super) fn run(
        &mut self,
        parts: &mut Parts<'_>,
        query: bool,
        tail: &mut StatementTail,
    ) -> Run {
        let mut run = Run {
            query,
            command: self.command(parts),
            using: None,
            dir: None,
            env: None,
            stdin: None,
            on: None,
        };
        for pair in parts.by_ref() {
            let span = self.span(&pair);
            match pair.rule() {
                Rule::run_using => {
                    let shell = self.name_of(&mut Parts::of(pair), "a shell after `using`");
                    self.once(run.using.replace(shell).is_some(), span, "using");
                }
                Rule::run_in => {
                    self.dir(pair, span, &mut run.dir);
                }
                Rule::run_on => {
                    let on = self.expr_of(&mut Parts::of(pair), "an infrastructure after `on`");
                    self.once(run.on.replace(on).is_some(), span, "on");
                }
                Rule::run_env => {
                    self.env(pair, span, &mut run.env);
                }
                Rule::run_stdin => {
                    let text = self.expr_of(&mut Parts::of(pair), "a text after `stdin`");
                    self.once(run.stdin.replace(text).is_some(), span, "stdin");
                }
                _ => {
                    self.tail_part(pair, "`run`", tail);
                }
            }
        }
        run
    }

    /// `with [on I] [in DIR] [env { K: v }] { … }`
    pub(super) fn with(
        &mut self,
        parts: &mut Parts<'_>,
        all: Span,
        tail: &mut StatementTail,
    ) -> StmtKind {
        let (mut on, mut dir, mut env) = (None, None, None);
        for pair in parts.by_ref() {
            let span = self.span(&pair);
            match pair.rule() {
                Rule::with_on => {
                    let target = self.expr_of(&mut Parts::of(pair), "an infrastructure after `on`");
                    self.once(on.replace(target).is_some(), span, "on");
                }
                Rule::run_in => self.dir(pair, span, &mut dir),
                Rule::run_env => self.env(pair, span, &mut env),
                _ => self.tail_part(pair, "`with`", tail),
            }
        }
        StmtKind::With {
            on,
            dir,
            env,
            body: tail.body.take().unwrap_or_else(|| self.no_block(all)),
        }
    }

    /// `in DIR`
    fn dir(&mut self, pair: Pair<'_>, span: Span, found: &mut Option<Expr>) {
        let dir = self.expr_of(&mut Parts::of(pair), "a directory after `in`");
        self.once(found.replace(dir).is_some(), span, "in");
    }

    /// `env { K: v }`
    fn env(&mut self, pair: Pair<'_>, span: Span, found: &mut Option<Variables>) {
        match Parts::of(pair).next() {
            Some(record) if record.rule() == Rule::record => {
                let place = self.span_exact(&record);
                let (entries, _) = self.record(record);
                self.once(found.is_some(), span, "env");
                let empty = || Variables {
                    entries: Vec::new(),
                    span: place,
                };
                let env = found.get_or_insert_with(empty);
                env.span = env.span.to(place);
                env.entries.extend(entries);
            }
            Some(missing) => self.missing(&missing, "`{` and variables after `env`"),
            None => {}
        }
    }

    /// Reports a clause that stands twice.
    pub(super) fn once(&mut self, twice: bool, span: Span, word: &str) {
        if twice {
            self.report(errors::twice(span, word));
        }
    }

    /// `run: make`, or nothing at all.
    fn missing_command(&mut self, pair: &Pair<'_>) {
        let at = pair.start();
        let rest = self.text.get(self.base + at..).unwrap_or("");
        let rest = crate::words::beginning(rest);
        let line = rest.split(['\n', '}']).next().unwrap_or("").trim_end();
        let command = line.strip_prefix(':').unwrap_or("").trim();
        if pair.text().is_empty() && !command.is_empty() && !command.starts_with(['"', '|', '>']) {
            let span = self.place(at, at + line.len());
            let quoted = format!(" {}", crate::words::string_of(command));
            self.repair(span, quoted.clone(), errors::command(span, Some(&quoted)));
        } else {
            self.missing(pair, "a command in quotes");
        }
    }

    fn command(&mut self, parts: &mut Parts<'_>) -> StringLit {
        let Some(pair) = parts.next() else {
            return empty_string(self.place(0, 0));
        };
        match pair.rule() {
            Rule::string => self.string(pair),
            Rule::bad_command => empty_string(self.bare_command(&pair)),
            _ => {
                self.missing_command(&pair);
                empty_string(self.after_last_word(pair.start()))
            }
        }
    }
}

pub(super) fn empty_string(span: Span) -> StringLit {
    StringLit {
        parts: Vec::new(),
        multiline: false,
        raw: false,
        span,
    }
}
