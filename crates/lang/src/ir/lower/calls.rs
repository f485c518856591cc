//! The call graph of workflows: rejects recursive workflows and deployments inside other
//! deployments.

use std::collections::{HashMap, HashSet, VecDeque};

use crate::ir::Program;
use lockstep_base::diagnostic::Diagnostics;
use lockstep_base::source::Span;
use lockstep_syntax::ast::StmtKind as Form;

use super::errors;

/// The calls and deployments that were found.
#[derive(Debug, Default)]
pub(super) struct Calls {
    /// Caller, callee and place.
    calls: Vec<(u32, u32, Span)>,
    /// The workflow around a deployment, and its place.
    deployments: Vec<(u32, Span)>,
    /// Workflows that execute deployments, and where they are named.
    used: Vec<(u32, Span)>,
    /// Workflows that deploy something, directly or through others.
    deploying: HashSet<u32>,
    /// What stands in workflows that may not stand everywhere.
    placed: Vec<(u32, Placed, Span)>,
    /// The calls at places where not everything may stand.
    barred: Vec<(u32, Span, PlaceBar)>,
}

/// What may not stand everywhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Placed {
    Stage,
    Deployment,
    Barrier,
    Lock,
    Approval,
}

impl Placed {
    /// What a statement is, if it may not stand everywhere.
    pub fn of(form: &Form) -> Option<Self> {
        match form {
            Form::Stage { .. } => Some(Self::Stage),
            Form::Deploy { .. } => Some(Self::Deployment),
            Form::Barrier { .. } => Some(Self::Barrier),
            Form::Lock { .. } => Some(Self::Lock),
            Form::Approve { .. } => Some(Self::Approval),
            Form::Serial { .. }
            | Form::Parallel { .. }
            | Form::Loop { .. }
            | Form::Matrix { .. }
            | Form::Step { .. }
            | Form::Run(_)
            | Form::Transfer(_)
            | Form::Call(_)
            | Form::Let { .. }
            | Form::If { .. }
            | Form::Wait(_)
            | Form::Verify { .. }
            | Form::Log(_)
            | Form::Fail { .. }
            | Form::Return(_)
            | Form::Yield(_)
            | Form::On { .. }
            | Form::With { .. }
            | Form::Ignore
            | Form::Rollback(_)
            | Form::Abort
            | Form::Retry(_)
            | Form::Ask { .. }
            | Form::Error => None,
        }
    }

    /// What it is, for people.
    pub fn words(self) -> &'static str {
        match self {
            Self::Stage => "a stage",
            Self::Deployment => "a deployment",
            Self::Barrier => "a barrier",
            Self::Lock => "a lock",
            Self::Approval => "an approval",
        }
    }
}

/// A place where not everything may stand.
#[derive(Debug, Clone, Copy)]
pub(super) struct PlaceBar {
    /// What it is, for people.
    pub words: &'static str,
    /// Where it is.
    pub span: Span,
    bars: &'static [Placed],
    /// Whether a workflow with something barred is never right there: then that is one mistake, in
    /// however many such places it is called.
    at_callee: bool,
}

impl PlaceBar {
    /// `watch`: it only looks.
    pub fn watch(span: Span) -> Self {
        use Placed::{Approval, Barrier, Deployment, Lock, Stage};
        let bars = &[Stage, Deployment, Barrier, Lock, Approval];
        Self::new("`watch`", span, bars)
    }

    fn new(words: &'static str, span: Span, bars: &'static [Placed]) -> Self {
        Self {
            words,
            span,
            bars,
            at_callee: false,
        }
    }

    /// A deployment, which a workflow carries out: it is made for that, and has no stage.
    pub fn deployment(span: Span) -> Self {
        Self {
            at_callee: true,
            ..Self::stages("a deployment", span)
        }
    }

    /// `between`: a part of the loop that holds nothing of its own.
    pub fn between(span: Span) -> Self {
        use Placed::{Barrier, Deployment, Lock, Stage};
        let bars = &[Stage, Deployment, Barrier, Lock];
        Self::new("`between`", span, bars)
    }

    /// Where no stage may stand.
    pub fn stages(words: &'static str, span: Span) -> Self {
        Self::new(words, span, &[Placed::Stage])
    }

    /// Whether something may not stand there.
    pub fn bars(&self, what: Placed) -> bool {
        self.bars.contains(&what)
    }
}

impl Calls {
    /// A workflow is called; those that pipelines call are of no matter here.
    pub fn call(&mut self, from: Option<u32>, to: u32, at: Span) {
        self.calls.extend(from.map(|from| (from, to, at)));
    }

    /// There is a deployment; those in pipelines are of no matter here.
    pub fn deployment(&mut self, within: Option<u32>, at: Span) {
        self.deployments.extend(within.map(|within| (within, at)));
    }

    /// Something stands in a workflow that may not stand everywhere.
    pub fn placed(&mut self, within: Option<u32>, what: Placed, at: Span) {
        self.placed.extend(within.map(|within| (within, what, at)));
    }

    /// A workflow is called where not everything may stand.
    pub fn barred(&mut self, to: u32, at: Span, bar: PlaceBar) {
        self.barred.push((to, at, bar));
    }

    /// Supposes that these workflows deploy something.
    pub fn suppose(&mut self, deploying: &HashSet<u32>) {
        self.deploying.extend(deploying);
    }

    /// The workflows that deploy something, directly or through others.
    pub fn into_deploying(self) -> HashSet<u32> {
        self.deploying
    }

    /// Finds which workflows deploy something, directly or through others. Must be called after all
    /// workflows are lowered.
    pub fn settle(&mut self) {
        let mut callers: HashMap<u32, Vec<u32>> = HashMap::new();
        for (from, to, _) in &self.calls {
            callers.entry(*to).or_default().push(*from);
        }
        let mut open: Vec<u32> = self.deployments.iter().map(|(within, _)| *within).collect();
        while let Some(here) = open.pop() {
            if self.deploying.insert(here) {
                open.extend(callers.get(&here).into_iter().flatten());
            }
        }
    }

    /// Whether a workflow, or one that it calls, deploys something.
    pub fn deploys(&self, workflow: u32) -> bool {
        self.deploying.contains(&workflow)
    }

    /// Records that a workflow executes deployments.
    pub fn used(&mut self, workflow: u32, at: Span) {
        self.used.push((workflow, at));
    }
}

/// A call: the callee and the place.
type CallEdges = Vec<Vec<(usize, Span)>>;

/// Reports workflows that call themselves, and deployments inside deployments.
pub(super) fn check(program: &Program, calls: &Calls, diagnostics: &mut Diagnostics) {
    let mut edges: CallEdges = vec![Vec::new(); program.workflows.len()];
    for (from, to, at) in &calls.calls {
        if let Some(from) = edges.get_mut(*from as usize) {
            from.push((*to as usize, *at));
        }
    }
    let name = |workflow: usize| {
        program
            .workflows
            .get(workflow)
            .map_or("", |workflow| &*workflow.name)
    };
    recursion(&edges, &name, diagnostics);
    nested(calls, &edges, &name, diagnostics);
    barred(calls, &edges, &name, diagnostics);
}

#[derive(Clone, Copy, PartialEq)]
enum CallMark {
    New,
    Open,
    Done,
}

fn recursion<'p>(
    edges: &CallEdges,
    name: &dyn Fn(usize) -> &'p str,
    diagnostics: &mut Diagnostics,
) {
    let mut marks = vec![CallMark::New; edges.len()];
    for start in 0..edges.len() {
        if marks[start] != CallMark::New {
            continue;
        }
        marks[start] = CallMark::Open;
        let mut stack = vec![(start, 0)];
        while let Some((here, next)) = stack.last_mut() {
            let here = *here;
            let Some((target, _)) = edges[here].get(*next).copied() else {
                marks[here] = CallMark::Done;
                stack.pop();
                continue;
            };
            *next += 1;
            match marks.get(target) {
                Some(CallMark::New) => {
                    marks[target] = CallMark::Open;
                    stack.push((target, 0));
                }
                Some(CallMark::Open) => {
                    let from = stack.iter().position(|(node, _)| *node == target);
                    let links: Vec<(&str, Span)> = stack[from.unwrap_or(0)..]
                        .iter()
                        .map(|(node, next)| (name(*node), edges[*node][next - 1].1))
                        .collect();
                    diagnostics.push(errors::recursion(&links));
                }
                _ => {}
            }
        }
    }
}

/// Reports calls of workflows in which, or in one that they call, something stands that may not
/// stand at the place of the call.
fn barred<'p>(
    calls: &Calls,
    edges: &CallEdges,
    name: &dyn Fn(usize) -> &'p str,
    diagnostics: &mut Diagnostics,
) {
    let mut told: HashSet<(u32, Span)> = HashSet::new();
    for (to, at, bar) in &calls.barred {
        let mut seen = HashSet::from([*to as usize]);
        let mut open = VecDeque::from([*to as usize]);
        while let Some(here) = open.pop_front() {
            let found = calls
                .placed
                .iter()
                .find(|(within, what, _)| *within as usize == here && bar.bars(*what));
            if let Some((_, what, inside)) = found {
                if bar.at_callee && !told.insert((*to, *inside)) {
                    break;
                }
                let callee = name(*to as usize);
                diagnostics.push(errors::barred_call(*at, callee, *what, *inside, bar));
                break;
            }
            for (target, _) in edges.get(here).into_iter().flatten() {
                if seen.insert(*target) {
                    open.push_back(*target);
                }
            }
        }
    }
}

/// From every workflow that executes deployments, the deployments that it reaches; each is reported
/// once, with the shortest path to it.
fn nested<'p>(
    calls: &Calls,
    edges: &CallEdges,
    name: &dyn Fn(usize) -> &'p str,
    diagnostics: &mut Diagnostics,
) {
    let mut came: Vec<Option<(Option<usize>, Span)>> = vec![None; edges.len()];
    let mut open: VecDeque<usize> = VecDeque::new();
    for (workflow, at) in &calls.used {
        let workflow = *workflow as usize;
        if came.get(workflow).is_some_and(Option::is_none) {
            came[workflow] = Some((None, *at));
            open.push_back(workflow);
        }
    }
    while let Some(here) = open.pop_front() {
        for (target, at) in &edges[here] {
            if came.get(*target).is_some_and(Option::is_none) {
                came[*target] = Some((Some(here), *at));
                open.push_back(*target);
            }
        }
    }
    for (within, at) in &calls.deployments {
        let mut way: Vec<(&str, Span)> = Vec::new();
        let mut here = Some(*within as usize);
        while let Some(workflow) = here {
            let Some(Some((before, span))) = came.get(workflow) else {
                way.clear();
                break;
            };
            way.push((name(workflow), *span));
            here = *before;
        }
        if !way.is_empty() {
            way.reverse();
            diagnostics.push(errors::nested_deployment(*at, &way));
        }
    }
}
