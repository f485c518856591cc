//! What may be deployed where, and who may come to a barrier, where only the run knows it.

use indexmap::IndexSet;

use super::{BarrierKey, BarrierName, BodySummary, PlanNode, PlanWalk, TreeId};
use crate::Locals;
use lockstep_base::value::{InfrastructureId, Type, Value};
use lockstep_lang::eval::ExprKind;
use lockstep_lang::eval::builtins::BuiltinBody;
use lockstep_lang::ir::StmtKind;

impl PlanWalk<'_> {
    /// Adds what comes of a loop or deployment once it is known, for those who meet around it.
    pub(super) fn add_later(&self, id: TreeId, any: BodySummary, sum: &mut BodySummary) {
        sum.unsure = true;
        let around = |meeting: u32| {
            let block = self.tree.meeting_block(meeting);
            let mut outer = self.tree.outwards(id).skip(1);
            block.is_some_and(|block| outer.any(|it| it == block))
        };
        sum.open_kinds.extend(any.open_kinds);
        sum.open_targets.extend(any.open_targets);
        sum.open_targets.extend(any.targets.keys().copied());
        sum.named_targets.extend(any.named_targets);
        for barrier in any.barriers.into_keys().filter(|it| around(it.meeting)) {
            let later = BarrierName {
                key: BarrierKey::Later,
                ..barrier
            };
            sum.barriers.entry(later).or_insert(1);
        }
    }

    /// The infrastructures of which a deployment goes to one, where it names them:
    /// `deploy web to prod[found.stdout]`.
    pub fn named_targets(&self, node: &PlanNode, locals: &Locals) -> Option<Vec<InfrastructureId>> {
        let StmtKind::Deploy { target, .. } = &node.stmt.kind else {
            return None;
        };
        let named = match (self.eval(target, locals), &target.kind) {
            (Ok(known), _) => Value::list([known]),
            (Err(_), ExprKind::Call(function, args)) => match (&function.0.call, args.first()) {
                (BuiltinBody::Named, Some(list)) => self.eval(list, locals).ok()?,
                (_, _) => return None,
            },
            (Err(_), _) => return None,
        };
        let Value::List(named) = named else {
            return None;
        };
        let mut found = Vec::new();
        for value in named.iter() {
            if let Value::Infrastructure(id) = value {
                found.push(*id);
            }
        }
        Some(found)
    }

    /// The kinds of the infrastructures that a deployment may turn out to deploy to.
    pub(super) fn kinds_of_targets(&self, node: &PlanNode) -> impl Iterator<Item = Option<u32>> {
        let program = &self.bound.program;
        node.workflows.iter().map(|(id, _)| {
            let target = program.workflows.get(id.0 as usize)?.params.get(1)?;
            let Type::Infrastructure(kind) = &target.ty else {
                return None;
            };
            kind.as_ref().map(|it| it.id)
        })
    }

    /// The infrastructures to which something of a body may be deployed: those that are known, and
    /// those that the run may turn out to mean.
    pub fn possible_targets(&self, sum: &BodySummary) -> IndexSet<InfrastructureId> {
        let all = self.bound.program.infrastructures.iter().enumerate();
        let open = all.filter(|(_, it)| {
            let mut kinds = sum.open_kinds.iter();
            kinds.any(|kind| kind.is_none_or(|kind| self.bound.program.is_of_kind(it.kind, kind)))
        });
        let open = open.map(|(at, _)| InfrastructureId(at as u32));
        let known = sum.targets.keys().chain(&sum.named_targets);
        let known = known.chain(&sum.open_targets);
        known.copied().chain(open).collect()
    }
}
