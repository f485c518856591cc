//! What a run may touch: its pipeline, by the file that declares it, and the infrastructures of its
//! plan. Whoever may not do something on one of them may not do it to the run.

use std::path::Path;

use lockstep_base::value::Value;
use lockstep_lang::ir::Program;
use lockstep_plan::{Locals, Plan, body};
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
    found.sort();
    found.dedup();
    found
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
