//! Expressions that cannot have a value, where all that they are made of is known before the run: a
//! division by an input that is 0, an element that a list has not.
//!
//! Only what a run that goes well comes to counts. What stands behind a condition that only the run
//! knows may be excluded by it, and handlers are for what has failed.

use std::collections::HashSet;

use super::{PlanWalk, TreeId, body};
use crate::tree::{PlanNode, PlanSequence};
use crate::{Locals, Plan};
use lockstep_base::diagnostic::{Code, Diagnostic};
use lockstep_base::source::Span;
use lockstep_base::value::Value;
use lockstep_lang::eval::{Expr, Halt};
use lockstep_lang::ir::{StmtKind, visit};

/// So many statements are looked at, each cell's on its own; the rest is left to the run.
const MAX_STATEMENTS: u32 = 20_000;
/// So many cells of one loop are looked at, so that a large one leaves something for what follows.
const MAX_CELLS: u32 = 1_000;

impl Plan {
    /// The expressions that have no value whatever the run will find out, each once.
    pub fn known_faults(&self) -> Vec<Diagnostic> {
        let mut search = FaultSearch {
            walk: self.walk(),
            left: MAX_STATEMENTS,
            seen: HashSet::new(),
            found: Vec::new(),
        };
        search.sequence(body(self.tree.get(self.tree.root())), Locals::default());
        search.found
    }
}

/// Where the statements of a body lead.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reach {
    /// To what follows.
    Next,
    /// To the end of the workflow, by a `return`.
    Returned,
    /// Nowhere: a `fail`, or nothing more is looked at.
    Ended,
}

struct FaultSearch<'a> {
    walk: PlanWalk<'a>,
    left: u32,
    seen: HashSet<(Code, Span)>,
    found: Vec<Diagnostic>,
}

impl FaultSearch<'_> {
    fn sequence(&mut self, sequence: &PlanSequence, mut locals: Locals) -> Reach {
        for id in sequence.iter() {
            let reach = self.statement(*id, &mut locals);
            if reach != Reach::Next {
                return reach;
            }
        }
        Reach::Next
    }

    fn statement(&mut self, id: TreeId, locals: &mut Locals) -> Reach {
        if self.left == 0 {
            return Reach::Ended;
        }
        self.left -= 1;
        let node = self.walk.tree.get(id);
        let (reach, value) = match node.stmt.kind.bound_value() {
            Some(value) => (Reach::Next, self.evaluate(id, value, locals)),
            None => {
                let reach = self.inside(id, node, locals);
                let is_bound = node.stmt.bind.is_some();
                let value = is_bound.then(|| self.walk.call_value(id, locals));
                (reach, value.flatten())
            }
        };
        if let Some(always) = &node.always {
            self.sequence(always, locals.clone());
        }
        if let Some(slot) = node.stmt.bind {
            *locals = match value {
                Some(value) => locals.bind(slot, value),
                None => locals.bind_unknown(slot),
            };
        }
        reach
    }

    fn inside(&mut self, id: TreeId, node: &PlanNode, locals: &Locals) -> Reach {
        if let StmtKind::If { branches, .. } = &node.stmt.kind {
            let conditions = branches.iter().map(|(condition, _)| condition);
            return self.choice(id, node, conditions, locals);
        }
        // What an expression of a statement sees that is not here, such as the axes of a loop, is
        // unknown here.
        visit::own(&node.stmt, &mut |expr| {
            self.evaluate(id, expr, locals);
        });
        match &node.stmt.kind {
            StmtKind::Fail(_) => Reach::Ended,
            StmtKind::Return(_) => Reach::Returned,
            StmtKind::Parallel(_) => {
                let mut all = Reach::Next;
                for strand in node.bodies.iter().flat_map(|strands| strands.iter()) {
                    if self.statement(*strand, &mut locals.clone()) == Reach::Ended {
                        all = Reach::Ended;
                    }
                }
                all
            }
            StmtKind::Matrix(matrix) => {
                let (walk, mut reach, mut left) = (self.walk, Reach::Next, MAX_CELLS);
                let each = walk.each_cell(matrix, locals, &mut |cell| {
                    reach = self.sequence(body(node), cell.locals.clone());
                    left -= 1;
                    match (reach, left) {
                        (Reach::Next, 1..) => Ok(()),
                        _ => Err(Halt::Unknown),
                    }
                });
                match (self.note(id, each), reach) {
                    // Other cells were not looked at.
                    (None, Reach::Next) => self.behind_unknown(node),
                    _ => reach,
                }
            }
            StmtKind::Call(using) => {
                let inside = self.walk.call(using, locals);
                match self.note(id, inside) {
                    Some(inside) => self.workflow(body(node), inside),
                    None => Reach::Next,
                }
            }
            StmtKind::Deploy { .. } => {
                let deployment = self.walk.deployment(id, locals);
                match self.note(id, deployment) {
                    Some(found) => self.workflow(&found.body, found.locals),
                    None => Reach::Next,
                }
            }
            StmtKind::Block(_)
            | StmtKind::Stage { .. }
            | StmtKind::Step { .. }
            | StmtKind::Run(_)
            | StmtKind::Action { .. }
            | StmtKind::Let(_)
            | StmtKind::If { .. }
            | StmtKind::Barrier { .. }
            | StmtKind::Lock { .. }
            | StmtKind::Approve { .. }
            | StmtKind::Wait(_)
            | StmtKind::Verify { .. }
            | StmtKind::Log(_)
            | StmtKind::Yield(_)
            | StmtKind::On { .. }
            | StmtKind::Verdict(_) => self.sequence(body(node), locals.clone()),
        }
    }

    /// The body of a workflow: a `return` ends only that.
    fn workflow(&mut self, body: &PlanSequence, locals: Locals) -> Reach {
        match self.sequence(body, locals) {
            Reach::Ended => Reach::Ended,
            Reach::Next | Reach::Returned => Reach::Next,
        }
    }

    /// The branch that is taken, where that is known.
    fn choice<'e>(
        &mut self,
        id: TreeId,
        node: &PlanNode,
        conditions: impl Iterator<Item = &'e Expr>,
        locals: &Locals,
    ) -> Reach {
        let mut at = 0;
        for condition in conditions {
            match self.evaluate(id, condition, locals) {
                Some(Value::Bool(false)) => at += 1,
                Some(_) => break,
                None => return self.behind_unknown(node),
            }
        }
        let taken = node.bodies.get(at);
        taken.map_or(Reach::Next, |body| self.sequence(body, locals.clone()))
    }

    /// Where a statement leads of whose bodies only the run knows which are done: a `return` in one
    /// of them leaves open whether what follows is reached. A run that goes well fails in none.
    fn behind_unknown(&self, node: &PlanNode) -> Reach {
        match node.bodies.iter().any(|body| self.may_return(body)) {
            true => Reach::Ended,
            false => Reach::Next,
        }
    }

    fn may_return(&self, body: &PlanSequence) -> bool {
        body.iter().any(|id| {
            let node = self.walk.tree.get(*id);
            if let StmtKind::Return(_) = &node.stmt.kind {
                return true;
            }
            // A workflow that is called returns to its caller.
            if let StmtKind::Call(_) = &node.stmt.kind {
                return false;
            }
            node.bodies.iter().any(|body| self.may_return(body))
        })
    }

    fn evaluate(&mut self, id: TreeId, expr: &Expr, locals: &Locals) -> Option<Value> {
        let value = self.walk.eval(expr, locals);
        self.note(id, value)
    }

    /// What was found; a fault is noted, once for its place in the source.
    fn note<T>(&mut self, id: TreeId, found: Result<T, Halt>) -> Option<T> {
        match found {
            Ok(found) => Some(found),
            Err(Halt::Unknown) => None,
            Err(Halt::Fault(fault)) => {
                let place = fault.span().map(|span| (fault.code, span));
                if place.is_none_or(|place| self.seen.insert(place)) {
                    self.found.push(self.walk.with_calls(id, *fault));
                }
                None
            }
        }
    }
}
