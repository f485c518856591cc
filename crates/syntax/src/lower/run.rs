//! Lowers `run` statements with their clauses.

use super::TreeBuilder;
use super::tail::StatementTail;
use crate::ast::{Run, StringLit, Variables};
use crate::errors;
use crate::grammar::{Pair, Parts, Rule};
use lockstep_base::source::Span;

impl<'t> TreeBuilder<'t> {
    pub(super) fn run(&mut self, parts: &mut Parts<'_>, tail: &mut StatementTail) -> Run {
        let mut run = Run {
            command: self.command(parts),
            using: None,
            dir: None,
            env: None,
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
                    let dir = self.expr_of(&mut Parts::of(pair), "a directory after `in`");
                    self.once(run.dir.replace(dir).is_some(), span, "in");
                }
                Rule::run_on => {
                    let on = self.expr_of(&mut Parts::of(pair), "an infrastructure after `on`");
                    self.once(run.on.replace(on).is_some(), span, "on");
                }
                Rule::run_env => {
                    let mut inner = Parts::of(pair);
                    match inner.next() {
                        Some(record) if record.rule() == Rule::record => {
                            let place = self.span_exact(&record);
                            let (entries, _) = self.record(record);
                            self.once(run.env.is_some(), span, "env");
                            let empty = || Variables {
                                entries: Vec::new(),
                                span: place,
                            };
                            let env = run.env.get_or_insert_with(empty);
                            env.span = env.span.to(place);
                            env.entries.extend(entries);
                        }
                        Some(missing) => self.missing(&missing, "`{` and variables after `env`"),
                        None => {}
                    }
                }
                _ => {
                    self.tail_part(pair, "`run`", tail);
                }
            }
        }
        run
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

fn empty_string(span: Span) -> StringLit {
    StringLit {
        parts: Vec::new(),
        multiline: false,
        span,
    }
}
