//! What a run may touch: its pipeline, by the file that declares it, and the infrastructures of its
//! plan. Whoever may not do something on one of them may not do it to the run. Where only the run
//! knows a list of infrastructures, it is told on which its user may run nothing.

use std::path::Path;

use lockstep_access::Right;
use lockstep_base::value::Value;
use lockstep_lang::ir::{GlobalSource, Program, StmtKind};
use lockstep_plan::{EvalScope, Locals, NodeKind, Plan, PlanWalk, TreeId, body, needed_inputs};
use lockstep_store::{Store, StoredRun};

use crate::database::RunScope;
use crate::http::caller::Caller;
use crate::http::problem::Problem;

/// What a run may touch, as far as its plan knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ForeseenScope {
    /// What it touches: whoever starts it needs the right to run on all of it.
    pub(crate) known: RunScope,
    /// Other infrastructures of which only the run knows whether it touches them.
    pub(crate) open: Vec<String>,
    /// All infrastructures of its program.
    all: Vec<String>,
}

/// What a run may touch that somebody starts, and what it may not.
pub(crate) struct PermittedScope {
    pub(crate) scope: RunScope,
    /// The infrastructures on which its user may not run anything.
    pub(crate) denied: Vec<String>,
}

impl ForeseenScope {
    pub(crate) fn of(pipeline: String, plan: &Plan) -> Self {
        let mut targets = targets(plan);
        targets.known.sort();
        targets.known.dedup();
        (targets.open).retain(|open| targets.known.binary_search(open).is_err());
        Self {
            known: RunScope {
                pipeline,
                targets: targets.known,
            },
            open: targets.open,
            all: all(&plan.bound.program, |_| true),
        }
    }

    /// What a run may touch of which nothing else is known.
    fn anything(pipeline: String) -> Self {
        Self {
            known: RunScope {
                pipeline,
                // A matter for those who may do everything.
                targets: vec![String::from("*")],
            },
            open: Vec::new(),
            all: Vec::new(),
        }
    }

    /// All that a run may turn out to touch, whoever has started it.
    pub(crate) fn whole(mut self) -> RunScope {
        self.known.targets.append(&mut self.open);
        self.known.targets.sort();
        self.known
    }

    /// What a run of the caller may touch, who needs the right to run on all that is known of it.
    /// What turns out only in the run is judged there by what is denied.
    pub(crate) fn run_by(self, caller: &Caller) -> Result<PermittedScope, Problem> {
        caller.require(Right::Run, &self.known)?;
        let may = |name: &String| caller.on_target(Right::Run, name);
        let mut scope = self.known;
        scope.targets.extend(self.open.into_iter().filter(may));
        scope.targets.sort();
        Ok(PermittedScope {
            scope,
            denied: self.all.into_iter().filter(|name| !may(name)).collect(),
        })
    }
}

/// The infrastructures that a plan may touch.
#[derive(Default)]
struct PlanTargets {
    /// Those that it touches, or takes the locks of.
    known: Vec<String>,
    /// Those of which only the run knows whether they are among them.
    open: Vec<String>,
}

fn targets(plan: &Plan) -> PlanTargets {
    let program = &plan.bound.program;
    let mut found = PlanTargets::default();
    let walk = plan.walk();
    let whole = body(plan.tree.get(plan.tree.root()));
    match walk.summary(whole, &Locals::default()) {
        Ok(sum) => {
            let name = |target: &_| walk.display(&Value::Infrastructure(*target));
            let is_open = |kind: u32| {
                let mut open = sum.open_kinds.iter();
                open.any(|open| open.is_none_or(|open| program.is_of_kind(kind, open)))
            };
            let named = sum.targets.keys().chain(&sum.named_targets);
            found.known.extend(named.map(name));
            found.open.extend(all(program, is_open));
            found.open.extend(sum.open_targets.iter().map(name));
        }
        // What cannot be foreseen may be any of them.
        Err(_) => found.open = all(program, |_| true),
    }
    add_places(plan, &mut found);
    add_chosen(plan, &mut found);
    found.open.sort();
    found.open.dedup();
    found
}

/// Adds the infrastructures on which commands run: those that are written, and those that a loop
/// goes over.
fn add_places(plan: &Plan, found: &mut PlanTargets) {
    let locals = Locals::default();
    let scope = EvalScope {
        program: &plan.bound.program,
        facts: &plan.bound.facts,
        locals: &locals,
        run: None,
    };
    let walk = plan.walk();
    for (id, node) in plan.tree.iter() {
        let place = match &node.stmt.kind {
            StmtKind::On { target, .. } => target.as_ref(),
            StmtKind::Run(command) => command.on.as_ref(),
            _ => None,
        };
        let Some(place) = place else {
            continue;
        };
        match scope.eval(place) {
            Ok(value) => add(&walk, &value, &mut found.known),
            // In a deployment it is nearly always the infrastructure that is deployed to.
            Err(_) if is_deployed(plan, id) => {}
            Err(_) => match looped_over(plan, id, &scope) {
                Some(values) => (values.iter()).for_each(|it| add(&walk, it, &mut found.known)),
                None => found.open.extend(all(&plan.bound.program, |_| true)),
            },
        }
    }
}

/// Adds the infrastructures that inputs choose, whatever the pipeline does with them: it may well
/// use their fields alone.
fn add_chosen(plan: &Plan, found: &mut PlanTargets) {
    let used = needed_inputs(&plan.bound.program, plan.bound.pipeline);
    let globals = plan.bound.program.globals.iter();
    let walk = plan.walk();
    for (global, value) in globals.zip(&plan.bound.facts.globals) {
        let is_input = matches!(global.source, GlobalSource::Input { .. });
        if is_input && used.contains(&global.name) {
            add(&walk, value, &mut found.known);
            for value in value.as_list().unwrap_or_default() {
                add(&walk, value, &mut found.known);
            }
        }
    }
}

fn add(walk: &PlanWalk<'_>, value: &Value, to: &mut Vec<String>) {
    if matches!(value, Value::Infrastructure(_)) {
        to.push(walk.display(value));
    }
}

fn is_deployed(plan: &Plan, id: TreeId) -> bool {
    let mut around = plan.tree.outwards(id);
    around.any(|id| plan.tree.get(id).kind == NodeKind::Deploy)
}

/// The infrastructures that the loops around a statement go over; nothing where they go over none,
/// or only the run knows over which.
fn looped_over(plan: &Plan, id: TreeId, scope: &EvalScope<'_>) -> Option<Vec<Value>> {
    let mut found = Vec::new();
    for id in plan.tree.outwards(id) {
        let StmtKind::Matrix(matrix) = &plan.tree.get(id).stmt.kind else {
            continue;
        };
        for axis in &matrix.axes {
            let list = scope.eval(&axis.list).ok()?;
            found.extend(list.as_list().unwrap_or_default().iter().cloned());
        }
        for added in matrix.include.iter().flatten() {
            found.push(scope.eval(added).ok()?);
        }
    }
    found.retain(|value| matches!(value, Value::Infrastructure(_)));
    (!found.is_empty()).then_some(found)
}

fn all(program: &Program, is_of: impl Fn(u32) -> bool) -> Vec<String> {
    let all = program.infrastructures.iter();
    let fitting = all.filter(|it| is_of(it.kind));
    fitting.map(|it| it.name.to_string()).collect()
}

/// What a run of the state directory may touch, which may have been started without the server.
pub(crate) fn of_stored(store: &Store, run: &StoredRun, served: &Path) -> ForeseenScope {
    let file = Path::new(&run.folder).join(&run.file);
    let file = std::fs::canonicalize(&file).unwrap_or(file);
    let file = file.strip_prefix(served).unwrap_or(&file);
    let pipeline = format!("{}/{}", file.display(), run.pipeline);
    let plan = store
        .bound(run)
        .ok()
        .and_then(|bound| Plan::new(bound).ok());
    match plan {
        Some(plan) => ForeseenScope::of(pipeline, &plan),
        // It is of another version.
        None => ForeseenScope::anything(pipeline),
    }
}
