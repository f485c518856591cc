//! Suppression comments: `# lockstep: allow(rule) reason`, above a line or at its end; removes
//! suppressed findings and reports suppressions that are useless.

use std::collections::HashMap;

use super::config::{self, Config, Level};
use super::context::{Context, ROOT_FILE};
use super::rule::{self, Rule};
use super::text::line_starts;
use super::tree;
use lockstep_base::diagnostic::{Code, Diagnostic, codes};
use lockstep_base::source::{FileId, Span};
use lockstep_syntax::ast;
use lockstep_syntax::lexer::trivia_at;

/// The marker at the beginning of such a comment, after its `#`.
const SUPPRESSION_PREFIX: &str = "lockstep:";

/// Whether a comment is meant for people: it has words, and suppresses nothing.
pub fn is_reason(comment: &str) -> bool {
    let text = comment.trim_start_matches('#').trim();
    !text.is_empty() && !text.starts_with(SUPPRESSION_PREFIX)
}

/// A comment that suppresses findings.
struct Allow {
    /// The whole comment.
    span: Span,
    /// The rules, each with its span in the comment.
    rules: Vec<(&'static Rule, Span)>,
    /// The lines, from 0, on which it suppresses: its own or the next one with code.
    line: usize,
    /// Whether a reason is given.
    reason: bool,
    /// For each rule whether it has suppressed something.
    used: Vec<bool>,
}

/// The suppressions of a file.
#[derive(Default)]
struct FileAllows {
    /// Where its lines begin.
    lines: Vec<usize>,
    allows: Vec<Allow>,
    /// Its statements and declarations; none where nothing is suppressed.
    statements: Vec<EnclosedSpan>,
}

/// A statement or a declaration, with the index of the one around it.
struct EnclosedSpan {
    span: Span,
    around: Option<usize>,
}

/// The statements and declarations of a file in the order of their beginnings, outer ones first.
fn enclosed_spans(file: &ast::File) -> Vec<EnclosedSpan> {
    let mut spans: Vec<Span> = file.items.iter().map(|item| item.span).collect();
    tree::each_stmt_of(file, &mut |stmt| spans.push(stmt.span));
    spans.sort_by_key(|span| (span.start, std::cmp::Reverse(span.end)));
    let mut found: Vec<EnclosedSpan> = Vec::with_capacity(spans.len());
    for span in spans {
        let before = found.len().checked_sub(1);
        let around = innermost(&found, before, span);
        found.push(EnclosedSpan { span, around });
    }
    found
}

/// The innermost one that holds a span, of one that begins before it and those around that.
fn innermost(all: &[EnclosedSpan], mut at: Option<usize>, span: Span) -> Option<usize> {
    while let Some(enclosed) = at.and_then(|at| all.get(at)) {
        if span.end <= enclosed.span.end {
            break;
        }
        at = enclosed.around;
    }
    at
}

impl FileAllows {
    /// The start of the innermost statement, else of the declaration, that holds a span.
    fn statement_start(&self, span: Span) -> u32 {
        let all = &self.statements;
        let after = all.partition_point(|it| it.span.start <= span.start);
        let holds = innermost(all, after.checked_sub(1), span);
        let holds = holds.and_then(|at| all.get(at));
        holds.map_or(span.start, |enclosed| enclosed.span.start)
    }

    /// Whether findings of this code are suppressed at a place; records what suppresses them.
    fn takes(&mut self, code: Code, span: Span) -> bool {
        if self.allows.is_empty() {
            return false;
        }
        let line = |at: u32| line_of(&self.lines, at as usize);
        let (own, first) = (line(span.start), line(self.statement_start(span)));
        let mut taken = false;
        for line in [own, first] {
            // They are in the order of their lines.
            let from = self.allows.partition_point(|allow| allow.line < line);
            let there = self.allows.iter_mut().skip(from);
            for allow in there.take_while(|allow| allow.line == line) {
                taken |= allow.takes(code);
            }
        }
        taken
    }
}

/// Drops the findings that are suppressed, and adds those about the suppressions themselves.
pub fn apply(context: &Context<'_>, found: Vec<Diagnostic>, config: &Config) -> Vec<Diagnostic> {
    let mut files: HashMap<FileId, FileAllows> = HashMap::new();
    let mut said = Vec::new();
    for file in 0..context.modules().files.len() {
        let file = FileId(file as u32);
        files.insert(file, read(context, file, &mut said));
    }
    let mut kept = Vec::new();
    for finding in found {
        let Some(span) = finding.span() else {
            continue;
        };
        let wide = rule::find(finding.code.as_str()).is_some_and(|rule| rule.wide);
        if span.file != ROOT_FILE && (!wide || context.is_library(span)) {
            continue;
        }
        let own = files.get_mut(&span.file);
        let suppressed = own.is_some_and(|own| own.takes(finding.code, span));
        if !suppressed {
            kept.push(finding);
        }
    }
    let own = files.remove(&ROOT_FILE).unwrap_or_default();
    for allow in &own.allows {
        said.extend(allow.complaints(context, config));
    }
    said.retain(|finding| {
        rule::find(finding.code.as_str()).is_some_and(|rule| config.level(rule) != Level::Off)
    });
    kept.extend(said);
    kept
}

impl Allow {
    /// Whether it suppresses findings of this code; records that it did.
    fn takes(&mut self, code: Code) -> bool {
        let place = self.rules.iter().position(|(rule, _)| rule.code == code);
        if let Some(used) = place.and_then(|place| self.used.get_mut(place)) {
            *used = true;
        }
        place.is_some()
    }

    /// The findings about the suppression itself, once all other findings are known.
    fn complaints(&self, context: &Context<'_>, config: &Config) -> Vec<Diagnostic> {
        let mut found = Vec::new();
        if !self.reason && !self.rules.is_empty() {
            found.push(
                Diagnostic::warning(
                    codes::ALLOW_WITHOUT_REASON,
                    self.span,
                    "a finding is suppressed without a reason",
                )
                .here("nothing says why")
                .help("say why it is fine after the bracket: `# lockstep: allow(…) reason`"),
            );
        }
        let idle = |rule: &Rule| {
            config.level(rule) != Level::Off
                && context.allows(rule.needs)
                && !(rule.wide && context.is_library_file())
        };
        let mut unused = Vec::new();
        for ((rule, span), used) in self.rules.iter().zip(&self.used) {
            if !used && idle(rule) {
                unused.push((*rule, *span));
            }
        }
        let all = unused.len() == self.rules.len();
        for (rule, span) in unused {
            let message = format!("nothing here is reported as `{}`", rule.name);
            let finding =
                Diagnostic::warning(codes::ALLOW_NOTHING, span, message).here("suppresses nothing");
            found.push(match (all, context.source()) {
                (true, Some(source)) => {
                    let whole = super::text::whole(&source.text, self.span);
                    finding.fix("remove the comment", whole, "")
                }
                _ => finding.help("take the rule out of the brackets"),
            });
        }
        found
    }
}

/// The line, from 0, of a byte.
fn line_of(starts: &[usize], at: usize) -> usize {
    starts
        .partition_point(|start| *start <= at)
        .saturating_sub(1)
}

/// The suppressions of a file; malformed ones are reported in `said`.
fn read(context: &Context<'_>, file: FileId, said: &mut Vec<Diagnostic>) -> FileAllows {
    let (Some(source), Some(module)) = (
        context.modules().sources.get(file),
        context.modules().files.get(file.0 as usize),
    ) else {
        return FileAllows::default();
    };
    let starts = line_starts(&source.text);
    let mut allows = Vec::new();
    for comment in module.comments.iter() {
        let text = context.text(comment.span);
        let after = text.trim_start_matches('#').trim_start();
        let Some(rest) = after.strip_prefix(SUPPRESSION_PREFIX) else {
            continue;
        };
        let at = comment.span.end as usize - rest.len();
        let mut problems = Vec::new();
        let (rules, reason) = parse(rest, at, file, comment.span, &mut problems);
        if file == ROOT_FILE {
            said.append(&mut problems);
        }
        allows.push(Allow {
            span: comment.span,
            used: vec![false; rules.len()],
            rules,
            line: target(&source.text, &starts, comment.span),
            reason,
        });
    }
    let statements = match allows.is_empty() {
        true => Vec::new(),
        false => enclosed_spans(&module.ast),
    };
    FileAllows {
        lines: starts,
        allows,
        statements,
    }
}

/// The line that a suppression applies to: its own, or the next one with code if the comment is
/// alone on its line.
fn target(text: &str, starts: &[usize], comment: Span) -> usize {
    let own = line_of(starts, comment.start as usize);
    let before = text.get(starts.get(own).copied().unwrap_or(0)..comment.start as usize);
    if !before.is_some_and(|before| before.trim().is_empty()) {
        return own;
    }
    let mut at = comment.end as usize;
    while let Some(trivia) = trivia_at(text, at) {
        at = trivia.end;
    }
    if at < text.len() {
        line_of(starts, at)
    } else {
        own
    }
}

/// The rules between the brackets, and whether a reason follows. `at` is where `rest` begins.
fn parse(
    rest: &str,
    at: usize,
    file: FileId,
    comment: Span,
    said: &mut Vec<Diagnostic>,
) -> (Vec<(&'static Rule, Span)>, bool) {
    let inside = rest.trim_start().strip_prefix("allow").map(str::trim_start);
    let inside = inside.and_then(|it| it.strip_prefix('('));
    let Some((names, reason)) = inside.and_then(|inside| inside.split_once(')')) else {
        said.push(
            Diagnostic::warning(
                codes::ALLOW_UNKNOWN,
                comment,
                "this comment is not a valid suppression",
            )
            .here("suppresses nothing")
            .help("write `# lockstep: allow(RULE) reason`"),
        );
        return (Vec::new(), true);
    };
    let mut rules = Vec::new();
    let mut from = at + rest.len() - reason.len() - 1 - names.len();
    for name in names.split(',') {
        let word = name.trim();
        let start = from + (name.len() - name.trim_start().len());
        let span = Span::new(file, start, start + word.len());
        from += name.len() + 1;
        match rule::find(word) {
            Some(rule) => rules.push((rule, span)),
            None => said.push(
                Diagnostic::warning(
                    codes::ALLOW_UNKNOWN,
                    if word.is_empty() { comment } else { span },
                    match word.is_empty() {
                        true => String::from("no rule is named"),
                        false => format!("there is no rule `{word}`"),
                    },
                )
                .here("suppresses nothing")
                .help(
                    config::near(word)
                        .unwrap_or_else(|| String::from("`lockstep lint --rules` lists all rules")),
                ),
            ),
        }
    }
    (rules, !reason.trim().is_empty())
}
