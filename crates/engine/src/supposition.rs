//! What is supposed, in a foresight, of what only the run knows: which branch an `if` takes, and
//! where a deployment goes. The same question has the same answer wherever it comes up; who plays
//! the foresight plays it again with other answers.

use indexmap::IndexMap;

use super::broken::{Checked, NodeError};
use super::node::NodeId;
use super::run_event::Failure;
use super::{FailureClass, Machine};
use lockstep_base::node_path::NodePath;
use lockstep_base::source::Span;
use lockstep_base::value::Value;
use lockstep_lang::eval::{Expr, Halt};
use lockstep_lang::ir::{Block, Matrix};
use lockstep_plan::{Locals, ResolvedDeployment, TreeId};

/// The answers that are given: which of its alternatives each open question has. One that is not
/// among them has the first.
pub type Answers = IndexMap<TreeId, usize>;

/// Something that only the run knows, and that decides what happens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenQuestion {
    /// What it is.
    pub kind: OpenQuestionKind,
    /// The node that came to it first.
    pub node: NodePath,
    /// Where it stands.
    pub span: Span,
    /// How many alternatives there are.
    pub alternatives: usize,
    /// Which of them was supposed.
    pub supposed: usize,
}

/// What can be open before a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OpenQuestionKind {
    /// Which branch an `if` takes.
    Condition,
    /// Which cells a loop has.
    Cells,
    /// What is deployed, or where to.
    Deployment,
}

/// What is supposed, and what has come up.
#[derive(Debug, Clone, Default)]
pub struct Suppositions {
    answers: Answers,
    met: IndexMap<TreeId, OpenQuestion>,
}

impl Machine {
    /// Gives the answers to open questions, before a foresight begins.
    pub fn suppose(&mut self, answers: Answers) {
        self.suppositions.answers = answers;
    }

    /// The open questions that have come up, in their order.
    pub fn open_questions(&self) -> &IndexMap<TreeId, OpenQuestion> {
        &self.suppositions.met
    }

    /// What is supposed of a question that a node comes to.
    fn supposed(
        &mut self,
        id: NodeId,
        kind: OpenQuestionKind,
        alternatives: usize,
    ) -> Checked<usize> {
        let node = self.node(id)?;
        let (tree, span) = (node.tree, self.plan.tree.get(node.tree).stmt.span);
        let node = self.name_of(id)?;
        let answer = self.suppositions.answers.get(&tree).copied().unwrap_or(0);
        let supposed = answer.min(alternatives.saturating_sub(1));
        let known = self.suppositions.met.entry(tree);
        let question = known.or_insert(OpenQuestion {
            kind,
            node,
            span,
            alternatives,
            supposed,
        });
        question.alternatives = question.alternatives.max(alternatives);
        Ok(supposed)
    }

    /// What an expression is supposed to be that only the run knows.
    pub(super) fn supposed_value(&self, halt: Halt) -> Result<Value, Halt> {
        match halt {
            Halt::Unknown if self.run.supposes => Ok(Value::Unknown),
            halt => Err(halt),
        }
    }

    /// The branch that an `if` takes, by its place; one after the last where it takes none.
    pub(super) fn branch_taken(
        &mut self,
        id: NodeId,
        branches: &[(Expr, Block)],
    ) -> Result<usize, NodeError> {
        let mut possible = Vec::new();
        let mut last = branches.len();
        for (at, (condition, _)) in branches.iter().enumerate() {
            match self.value_of(id, condition)? {
                Value::Unknown => possible.push(at),
                Value::Bool(true) => {
                    last = at;
                    break;
                }
                _ => {}
            }
        }
        if possible.is_empty() {
            return Ok(last);
        }
        possible.push(last);
        let supposed = self.supposed(id, OpenQuestionKind::Condition, possible.len())?;
        Ok(possible.get(supposed).copied().unwrap_or(last))
    }

    /// Records a loop of which only the run knows the cells.
    pub(super) fn suppose_cells(&mut self, id: NodeId, matrix: &Matrix) -> Checked<()> {
        if !self.run.supposes {
            return Ok(());
        }
        let walk = Self::walk(&self.plan, &self.run);
        let (mut inside, mut is_open) = (self.node(id)?.locals.clone(), false);
        for axis in &matrix.axes {
            match walk.eval(&axis.list, &inside) {
                Err(Halt::Unknown) => is_open = true,
                Ok(value) => {
                    let first = value.as_list().and_then(|it| it.first().cloned());
                    inside = inside.bind(axis.slot, first.unwrap_or(Value::Unknown));
                }
                Err(Halt::Fault(_)) => return Ok(()),
            }
        }
        if let Some(filter) = &matrix.filter {
            is_open |= matches!(walk.eval(filter, &inside), Err(Halt::Unknown));
        }
        if is_open {
            self.supposed(id, OpenQuestionKind::Cells, 1)?;
        }
        Ok(())
    }

    /// What is deployed where to.
    pub(super) fn deployment_of(&mut self, id: NodeId) -> Result<ResolvedDeployment, NodeError> {
        let node = self.node(id)?;
        let (tree, locals) = (node.tree, node.locals.clone());
        let found = Self::walk(&self.plan, &self.run).deployment(tree, &locals);
        match found {
            Err(Halt::Unknown) if self.run.supposes => self.supposed_deployment(id, tree, &locals),
            found => found.map_err(|halt| self.fault(id, halt)),
        }
    }

    fn supposed_deployment(
        &mut self,
        id: NodeId,
        tree: TreeId,
        locals: &Locals,
    ) -> Result<ResolvedDeployment, NodeError> {
        let possible = Self::walk(&self.plan, &self.run).possible_deployments(tree, locals);
        let possible = possible.map_err(|halt| self.fault(id, halt))?;
        let supposed = self.supposed(id, OpenQuestionKind::Deployment, possible.len())?;
        match possible.into_iter().nth(supposed) {
            Some(found) => Ok(found),
            None => Err(self.nothing_to_deploy(id)?.into()),
        }
    }

    fn nothing_to_deploy(&self, id: NodeId) -> Checked<Failure> {
        let message = "no service of this file can be deployed to an infrastructure here";
        self.failure(id, FailureClass::Failed, message)
    }
}
