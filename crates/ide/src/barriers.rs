//! Which barriers are the same: those of one name at which strands of one block can meet. A group
//! is found by the source alone, and is never smaller than what meets in a run.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use lockstep_base::source::{Name, Span};
use lockstep_lang::ir::{Block, Program, Stmt, StmtKind};
use lockstep_plan::called_workflows;
use lockstep_syntax::ast::{AcrossScope, Order};

/// The heads of the barriers that are the same.
pub type BarrierGroup = BTreeSet<Span>;

/// All groups of barriers of a program, if each barrier is called what `name` says of its head and
/// its own name.
pub fn groups(program: &Program, name: &dyn Fn(Span, &Name) -> Name) -> BTreeSet<BarrierGroup> {
    let mut finder = GroupFinder {
        program,
        name,
        workflows: HashMap::new(),
        joined: Vec::new(),
        all: BTreeSet::new(),
    };
    for workflow in called_first(program) {
        if let Some(declared) = program.workflows.get(workflow) {
            let passed = finder.block(&declared.body);
            finder.workflows.insert(workflow, passed);
        }
    }
    for pipeline in &program.pipelines {
        let mut passed = finder.stmt(&pipeline.body);
        finder.join_stage(&mut passed);
        finder.join(passed.of_pipeline);
    }
    finder.groups()
}

/// The workflows by place, those that are called before those that call them.
fn called_first(program: &Program) -> Vec<usize> {
    let mut seen = HashSet::new();
    let mut found = Vec::new();
    for root in 0..program.workflows.len() {
        let mut open = vec![(root, false)];
        while let Some((workflow, is_done)) = open.pop() {
            if is_done {
                found.push(workflow);
                continue;
            }
            if !seen.insert(workflow) {
                continue;
            }
            open.push((workflow, true));
            let body = program.workflows.get(workflow).map(|it| &it.body);
            let mut stmts: Vec<&Stmt> = body
                .into_iter()
                .flat_map(|body| body.stmts.iter().map(|stmt| &**stmt))
                .collect();
            while let Some(stmt) = stmts.pop() {
                let called = called_workflows(program, stmt).into_iter();
                open.extend(called.map(|it| (it.0 as usize, false)));
                for block in stmt.blocks() {
                    stmts.extend(block.stmts.iter().map(|stmt| &**stmt));
                }
            }
        }
    }
    found
}

/// The barriers that a strand passes, by name, of which it is open where it meets others.
#[derive(Debug, Clone, Default)]
struct PassedBarriers {
    plain: BTreeMap<Name, BTreeSet<Span>>,
    of_stage: BTreeMap<Name, BTreeSet<Span>>,
    of_pipeline: BTreeMap<Name, BTreeSet<Span>>,
}

impl PassedBarriers {
    fn add(&mut self, other: Self) {
        let pairs = [
            (&mut self.plain, other.plain),
            (&mut self.of_stage, other.of_stage),
            (&mut self.of_pipeline, other.of_pipeline),
        ];
        for (own, other) in pairs {
            for (name, heads) in other {
                own.entry(name).or_default().extend(heads);
            }
        }
    }
}

struct GroupFinder<'p> {
    program: &'p Program,
    name: &'p dyn Fn(Span, &Name) -> Name,
    /// What the workflows pass that have been looked at.
    workflows: HashMap<usize, PassedBarriers>,
    /// Barriers that meet.
    joined: Vec<BTreeSet<Span>>,
    all: BTreeSet<Span>,
}

impl GroupFinder<'_> {
    fn block(&mut self, block: &Block) -> PassedBarriers {
        let mut passed = PassedBarriers::default();
        for stmt in &block.stmts {
            passed.add(self.stmt(stmt));
        }
        passed
    }

    fn stmt(&mut self, stmt: &Stmt) -> PassedBarriers {
        match &stmt.kind {
            StmtKind::Barrier { name, across, .. } => {
                self.all.insert(stmt.span);
                let mut passed = PassedBarriers::default();
                let of = match across {
                    None => &mut passed.plain,
                    Some(AcrossScope::Stage) => &mut passed.of_stage,
                    Some(AcrossScope::Pipeline) => &mut passed.of_pipeline,
                };
                let name = (self.name)(stmt.span, name);
                of.entry(name).or_default().insert(stmt.span);
                passed
            }
            StmtKind::Parallel(block) => {
                let strands = block.stmts.iter().map(|stmt| self.stmt(stmt)).collect();
                self.meet(strands)
            }
            StmtKind::Matrix(matrix) => {
                let cell = self.block(&matrix.body);
                match matrix.axes.iter().any(|axis| axis.order == Order::Parallel) {
                    true => self.meet(vec![cell.clone(), cell]),
                    false => cell,
                }
            }
            StmtKind::Stage { body, .. } => {
                let mut passed = self.block(body);
                self.join_stage(&mut passed);
                passed
            }
            _ => {
                let mut passed = PassedBarriers::default();
                for body in stmt.bodies() {
                    passed.add(self.block(body));
                }
                for workflow in called_workflows(self.program, stmt) {
                    let of_workflow = self.workflows.get(&(workflow.0 as usize)).cloned();
                    passed.add(of_workflow.unwrap_or_default());
                }
                passed
            }
        }
    }

    /// What strands pass beside each other: what two of them pass is met here.
    fn meet(&mut self, strands: Vec<PassedBarriers>) -> PassedBarriers {
        let mut counts: HashMap<Name, usize> = HashMap::new();
        for name in strands.iter().flat_map(|strand| strand.plain.keys()) {
            *counts.entry(name.clone()).or_default() += 1;
        }
        let mut passed = PassedBarriers::default();
        for strand in strands {
            passed.add(strand);
        }
        let is_met = |name: &Name| counts.get(name).is_some_and(|count| *count > 1);
        let (met, open) = std::mem::take(&mut passed.plain)
            .into_iter()
            .partition(|(name, _)| is_met(name));
        passed.plain = open;
        self.join(met);
        passed
    }

    fn join_stage(&mut self, passed: &mut PassedBarriers) {
        self.join(std::mem::take(&mut passed.of_stage));
    }

    fn join(&mut self, met: BTreeMap<Name, BTreeSet<Span>>) {
        self.joined.extend(met.into_values());
    }

    /// The groups: what is joined with the same is one.
    fn groups(self) -> BTreeSet<BarrierGroup> {
        let alone = self.all.iter().map(|head| BTreeSet::from([*head]));
        let mut groups: Vec<BarrierGroup> = Vec::new();
        let mut group_of: HashMap<Span, usize> = HashMap::new();
        for mut joined in self.joined.into_iter().chain(alone) {
            let known: BTreeSet<usize> = joined
                .iter()
                .filter_map(|head| group_of.get(head).copied())
                .collect();
            for place in known {
                if let Some(group) = groups.get_mut(place) {
                    joined.append(group);
                }
            }
            for head in &joined {
                group_of.insert(*head, groups.len());
            }
            groups.push(joined);
        }
        groups.into_iter().filter(|it| !it.is_empty()).collect()
    }
}
