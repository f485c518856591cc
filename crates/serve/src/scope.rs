//! What a run may touch: its pipeline, by the file that declares it, and the infrastructures of its
//! plan. Whoever may not do something on one of them may not do it to the run.

use std::path::Path;

use lockstep_base::value::Value;
use lockstep_lang::ir::{Program, StmtKind};
use lockstep_plan::{EvalScope, Locals, NodeKind, Plan, body};
use lockstep_store::{Store, StoredRun};

use crate::database::RunScope;

/// The infrastructures that a plan may deploy to, sorted: those that are known, and those of which
/// only the run knows whether they are among them.
pub(crate) fn targets(plan: &Plan) -> Vec<String> {
    let program = &plan.bound.program;
    let walk = plan.walk();
    let whole = body(plan.tree.get(plan.tree.root()));
    let Ok(sum) = walk.summary(whole, &Locals::default()) else {
        // What cannot be foreseen may be any of them.
        return all(program, |_| true);
    };
    let is_open = |kind: u32| {
        let mut open = sum.open_kinds.iter();
        open.any(|open| open.is_none_or(|open| program.is_of_kind(kind, open)))
    };
    let mut found = all(program, is_open);
    let named = sum.targets.keys().chain(&sum.open_targets);
    for target in named.chain(&sum.named_targets) {
        found.push(walk.display(&Value::Infrastructure(*target)));
    }
    match commanded(plan) {
        Some(places) => found.extend(places),
        None => return all(program, |_| true),
    }
    found.sort();
    found.dedup();
    found
}

/// The infrastructures on which commands run outside of deployments; nothing where only the run
/// knows on which.
fn commanded(plan: &Plan) -> Option<Vec<String>> {
    let locals = Locals::default();
    let scope = EvalScope {
        program: &plan.bound.program,
        facts: &plan.bound.facts,
        locals: &locals,
        run: None,
    };
    let mut found = Vec::new();
    for (id, node) in plan.tree.iter() {
        let place = match &node.stmt.kind {
            StmtKind::On { target, .. } => target.as_ref(),
            StmtKind::Run(command) => command.on.as_ref(),
            _ => None,
        };
        let mut around = plan.tree.outwards(id);
        let is_deployed = around.any(|id| plan.tree.get(id).kind == NodeKind::Deploy);
        let Some(place) = place.filter(|_| !is_deployed) else {
            continue;
        };
        match scope.eval(place) {
            Ok(value) => found.push(value),
            // It goes by a loop: all that the loops around it go over.
            Err(_) => {
                let before = found.len();
                for id in plan.tree.outwards(id) {
                    let StmtKind::Matrix(matrix) = &plan.tree.get(id).stmt.kind else {
                        continue;
                    };
                    for axis in &matrix.axes {
                        let list = scope.eval(&axis.list).ok()?;
                        let elements = list.as_list().unwrap_or_default().iter();
                        let places = elements.filter(|it| matches!(it, Value::Infrastructure(_)));
                        found.extend(places.cloned());
                    }
                    for added in matrix.include.iter().flatten() {
                        let value = scope.eval(added).ok()?;
                        found.extend(
                            Some(value).filter(|it| matches!(it, Value::Infrastructure(_))),
                        );
                    }
                }
                if found.len() == before {
                    return None;
                }
            }
        }
    }
    let walk = plan.walk();
    Some(found.iter().map(|value| walk.display(value)).collect())
}

fn all(program: &Program, is_of: impl Fn(u32) -> bool) -> Vec<String> {
    let all = program.infrastructures.iter();
    let fitting = all.filter(|it| is_of(it.kind));
    fitting.map(|it| it.name.to_string()).collect()
}

/// What a run of the state directory may touch, which may have been started without the server.
pub(crate) fn of_stored(store: &Store, run: &StoredRun, served: &Path) -> RunScope {
    let file = Path::new(&run.folder).join(&run.file);
    let file = std::fs::canonicalize(&file).unwrap_or(file);
    let file = file.strip_prefix(served).unwrap_or(&file);
    let plan = store
        .bound(run)
        .ok()
        .and_then(|bound| Plan::new(bound).ok());
    RunScope {
        pipeline: format!("{}/{}", file.display(), run.pipeline),
        // A run of another version is a matter for those who may do everything.
        targets: plan.map_or_else(|| vec![String::from("*")], |plan| targets(&plan)),
    }
}
