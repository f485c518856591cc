//! Which infrastructures have windows, and who has been told that they are open: nobody deploys
//! there before.

use std::sync::Arc;

use super::hash::{FastMap, FastSet};
use lockstep_base::node_path::{NodePath, is_in};
use lockstep_base::source::Name;
use lockstep_base::value::InfrastructureId;
use lockstep_plan::Plan;

/// Who may deploy to the infrastructures that have windows.
#[derive(Debug, Clone, Default)]
pub(super) struct OpenWindows {
    /// The infrastructures that have windows.
    windowed: Arc<FastSet<Name>>,
    /// The stages, and what else holds locks, that may deploy to each of them.
    open: FastMap<Name, FastSet<NodePath>>,
}

impl OpenWindows {
    /// Nobody has been told of any.
    pub(super) fn of(plan: &Plan) -> Self {
        let program = &plan.bound.program;
        if program.windows.is_empty() {
            return Self::default();
        }
        let places = program.infrastructures.iter().enumerate();
        let windowed = places.filter(|(at, _)| {
            let id = InfrastructureId(u32::try_from(*at).unwrap_or(u32::MAX));
            program.window_of(id).is_some()
        });
        Self {
            windowed: Arc::new(windowed.map(|(_, it)| it.name.clone()).collect()),
            open: FastMap::default(),
        }
    }

    /// The windows of infrastructures are open for a stage.
    pub(super) fn open(&mut self, holder: &NodePath, targets: &[Name]) {
        for target in targets {
            let open = self.open.entry(target.clone()).or_default();
            open.insert(holder.clone());
        }
    }

    /// Whether a deployment to an infrastructure may begin: what it is in has been told.
    pub(super) fn are_open(&self, target: &Name, deployment: &NodePath) -> bool {
        if !self.windowed.contains(target) {
            return true;
        }
        let is_told = |it: &FastSet<NodePath>| it.iter().any(|holder| is_in(deployment, holder));
        self.open.get(target).is_some_and(is_told)
    }
}
