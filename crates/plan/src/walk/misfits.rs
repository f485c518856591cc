//! Deployments of a plan that cannot be, where the types could not say it: a service and an
//! infrastructure of different kinds, by a workflow's parameters or a list, and names that data has
//! not.

use std::sync::Mutex;

use super::{PlanWalk, TreeId};
use crate::{Locals, Plan, body};
use lockstep_base::diagnostic::{Diagnostic, codes};
use lockstep_lang::eval::Halt;
use lockstep_lang::ir::StmtKind;

/// The misfits that a walk has come to.
#[derive(Debug, Default)]
pub struct Misfits(Mutex<Vec<(TreeId, Diagnostic)>>);

impl Plan {
    /// All of its misfits that are known before the run, one for each statement.
    pub fn misfits(&self) -> Vec<Diagnostic> {
        let found = Misfits::default();
        // Nothing else has any, and there may be a million cells.
        let mut suspects = self.tree.iter().filter_map(|(id, node)| {
            let (StmtKind::Deploy { .. } | StmtKind::Call(_)) = &node.stmt.kind else {
                return None;
            };
            Some(id)
        });
        if suspects.next().is_none() {
            return Vec::new();
        }
        let walk = PlanWalk {
            misfits: Some(&found),
            ..self.walk()
        };
        // Another mistake ends the walk; it is told by whoever comes to it.
        let _ = walk.summary(body(self.tree.get(self.tree.root())), &Locals::default());
        let found = found.0.into_inner().unwrap_or_default();
        found.into_iter().map(|(_, misfit)| misfit).collect()
    }
}

impl PlanWalk<'_> {
    /// Notes a deployment that cannot be, if that is why it cannot, and somebody wants to know.
    pub(super) fn note_misfit(&self, id: TreeId, why: &Halt) -> bool {
        let (Some(found), Halt::Fault(misfit)) = (self.misfits, why) else {
            return false;
        };
        // Other mistakes may stand behind a condition that only the run knows and that excludes
        // them.
        if ![codes::KINDS, codes::UNKNOWN].contains(&misfit.code) {
            return false;
        }
        if let Ok(mut found) = found.0.lock()
            && !found.iter().any(|(at, _)| *at == id)
        {
            found.push((id, self.with_calls(id, (**misfit).clone())));
        }
        true
    }

    /// The same with the calls by which a run comes to it.
    pub(super) fn with_calls(&self, id: TreeId, mut misfit: Diagnostic) -> Diagnostic {
        let mut at = self.tree.get(id).parent;
        while let Some(around) = at {
            let node = self.tree.get(around);
            if let StmtKind::Call(_) = &node.stmt.kind {
                misfit = misfit.label(node.stmt.span, "called here");
            }
            at = node.parent;
        }
        misfit
    }
}
