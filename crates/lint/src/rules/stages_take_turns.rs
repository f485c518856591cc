//! `stages-take-turns`: parallel stages that deploy several services. On one infrastructure they
//! wait for each other's locks; on several nobody sees what is deployed where at once. Stages whose
//! services or infrastructures are only known at run time are not reported.

use super::super::context::Context;
use super::super::rule::Rule;
use lockstep_base::diagnostic::suggest::or_list;
use lockstep_base::diagnostic::{Diagnostic, codes};
use lockstep_base::source::{Name, Span};
use lockstep_lang::ir::StmtKind;
use lockstep_plan::{BodySummary, Locals, Plan, TreeId, body};

pub(super) const RULE: Rule = Rule::new(codes::STAGES_TAKE_TURNS, "stages-take-turns", check);

fn check(context: &Context<'_>, found: &mut Vec<Diagnostic>) {
    for plan in context.plans {
        for (_, node) in plan.tree.iter() {
            if node.stmt.kind.has_strands() {
                let strands = body(node).iter();
                let strands: Vec<_> = strands.map(|id| stages(plan, *id)).collect();
                compare(plan, &strands, found);
            }
        }
    }
}

/// A stage, what it is called, and what it deploys.
struct StageTargets {
    name: Name,
    span: Span,
    sum: BodySummary,
}

/// The stages of a strand.
fn stages(plan: &Plan, id: TreeId) -> Vec<StageTargets> {
    let node = plan.tree.get(id);
    if let StmtKind::Stage { name, .. } = &node.stmt.kind {
        let sum = plan.walk().summary(body(node), &Locals::default());
        let stage = sum.ok().map(|sum| StageTargets {
            name: name.clone(),
            span: node.stmt.span,
            sum,
        });
        return stage.into_iter().collect();
    }
    let inner = node.bodies.iter().flat_map(|body| body.iter());
    inner.flat_map(|id| stages(plan, *id)).collect()
}

fn compare(plan: &Plan, strands: &[Vec<StageTargets>], found: &mut Vec<Diagnostic>) {
    for (at, strand) in strands.iter().enumerate() {
        let before = strands.iter().take(at).flatten();
        for first in before {
            for second in strand {
                found.extend(pair(plan, first, second).filter(|it| !found.contains(it)));
            }
        }
    }
}

fn pair(plan: &Plan, first: &StageTargets, second: &StageTargets) -> Option<Diagnostic> {
    if first.sum.services.len().max(second.sum.services.len()) < 2 {
        return None;
    }
    let shared = first.sum.targets.keys().filter(|target| {
        second.sum.targets.contains_key(*target) && plan.bound.facts.is_exclusive(**target)
    });
    let places = &plan.bound.program.infrastructures;
    let names: Vec<String> = shared
        .filter_map(|target| places.get(target.0 as usize))
        .map(|place| place.name.to_string())
        .collect();
    if names.is_empty() {
        let several = first.sum.services.len().min(second.sum.services.len()) > 1;
        return several.then(|| side_by_side(first, second));
    }
    let shown = match names.len() {
        0..4 => or_list(&names).replace(" or ", " and "),
        count => format!("{count} infrastructures"),
    };
    let message = format!(
        "stages `{}` and `{}` are parallel, but take turns at {shown}",
        first.name, second.name
    );
    Some(
        Diagnostic::warning(codes::STAGES_TAKE_TURNS, second.span, message)
            .here("waits until the other one has deployed there")
            .label(first.span, "or this one waits")
            .help(
                "put them one after the other, which says what happens; or one stage for each \
                 infrastructure, with all its services",
            ),
    )
}

/// Both deploy several services: nobody sees any more what is deployed where at the same time.
fn side_by_side(first: &StageTargets, second: &StageTargets) -> Diagnostic {
    let message = format!(
        "stages `{}` and `{}` are parallel, and both deploy several services",
        first.name, second.name
    );
    Diagnostic::warning(codes::STAGES_TAKE_TURNS, second.span, message)
        .here("one of them fails alone, while the other goes on")
        .label(first.span, "the other one")
        .help(
            "make one stage with a matrix of services and infrastructures, whose order is written \
             down; or put the stages one after the other",
        )
}
