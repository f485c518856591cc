//! `unexplained-ignore`: a failure that is ignored without a comment about why.

use super::super::context::Context;
use super::super::rule::{Rule, RuleInput};
use super::super::tree::{self, BlockRole};
use lockstep_base::diagnostic::{Diagnostic, codes};
use lockstep_base::source::Span;
use lockstep_syntax::ast::{Block, StmtKind};

pub(super) const RULE: Rule =
    Rule::new(codes::UNEXPLAINED_IGNORE, "unexplained-ignore", check).needs(RuleInput::Syntax);

fn check(context: &Context<'_>, found: &mut Vec<Diagnostic>) {
    let Some(module) = context.module() else {
        return;
    };
    tree::each_block(&module.ast, &mut |role, block| {
        if role == BlockRole::Failure {
            found.extend(in_handler(context, block));
        }
    });
}

fn in_handler(context: &Context<'_>, block: &Block) -> Option<Diagnostic> {
    let last = block.stmts.last()?;
    if !matches!(last.kind, StmtKind::Ignore) {
        return None;
    }
    let says = |kind: &StmtKind| matches!(kind, StmtKind::Log(_));
    let explained = block.stmts.iter().any(|stmt| says(&stmt.kind))
        || context.has_comment(block.span)
        || comment_behind(context, block.span)
        || comment_above(context, block.span);
    if explained {
        return None;
    }
    Some(
        Diagnostic::warning(
            codes::UNEXPLAINED_IGNORE,
            last.span,
            "a failure is ignored, and nothing says why",
        )
        .here("the run continues as if nothing had happened")
        .help("say why in a comment above it, or to those who watch with `log`"),
    )
}

/// Whether a comment follows on the line on which a handler ends.
fn comment_behind(context: &Context<'_>, block: Span) -> bool {
    let text = context.source().map_or("", |source| &source.text);
    let rest = text.get(block.end as usize..).unwrap_or_default();
    let line = rest.lines().next().unwrap_or_default();
    let end = block.end as usize + line.len();
    context.has_comment(Span::new(block.file, block.end as usize, end))
}

/// Whether a comment is on the line above the one on which a handler begins.
fn comment_above(context: &Context<'_>, block: Span) -> bool {
    let text = context.source().map_or("", |source| &source.text);
    let before = text.get(..block.start as usize).unwrap_or_default();
    let own = before.rfind('\n').unwrap_or(0);
    let above = before.get(..own).unwrap_or_default();
    let start = above.rfind('\n').map_or(0, |at| at + 1);
    above[start..].trim_start().starts_with('#')
        && context.has_comment(Span::new(block.file, start, own))
}
