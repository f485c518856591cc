//! `idle-across`: an `across stage` or `across pipeline` without which the same strands would meet.
//! Says nothing of barriers in workflows: other callers may need it.

use super::super::context::{Context, ROOT_FILE};
use super::super::rule::Rule;
use lockstep_base::diagnostic::{Diagnostic, codes};
use lockstep_base::source::Span;
use lockstep_lang::ir::StmtKind;
use lockstep_plan::{BarrierScope, Plan};
use lockstep_syntax::ast;

pub(super) const RULE: Rule = Rule::new(codes::IDLE_ACROSS, "idle-across", check);

fn check(context: &Context<'_>, found: &mut Vec<Diagnostic>) {
    for plan in context.plans {
        let idle = plan.meetings.iter().filter(|it| it.across_is_idle);
        for meeting in idle {
            found.extend(finding(context, plan, meeting).filter(|it| !found.contains(it)));
        }
    }
}

fn finding(context: &Context<'_>, plan: &Plan, meeting: &BarrierScope) -> Option<Diagnostic> {
    let spans: Option<Vec<Span>> = meeting
        .spots
        .iter()
        .map(|spot| {
            let mut around = plan.tree.outwards(*spot);
            let in_workflow = around.any(|it| {
                let kind = &plan.tree.get(it).stmt.kind;
                matches!(kind, StmtKind::Call(_)) || kind.deploys()
            });
            let stmt = &plan.tree.get(*spot).stmt;
            let written = context.written(stmt).filter(|_| !in_workflow)?;
            let ast::StmtKind::Barrier {
                across: Some((_, span)),
                ..
            } = &written.kind
            else {
                return None;
            };
            Some(*span).filter(|span| span.file == ROOT_FILE)
        })
        .collect();
    let spans = spans?;
    let (first, others) = spans.split_first()?;
    let message = format!("`{}` makes no difference here", context.text(*first));
    let mut diagnostic = Diagnostic::warning(codes::IDLE_ACROSS, *first, message)
        .here("without it the same strands meet");
    for other in others {
        diagnostic = diagnostic.label(*other, "likewise");
    }
    Some(diagnostic.help("remove it wherever this barrier is written"))
}
