//! The properties of each kind of statement that planning, verification, checking and linting need.
//! Every question is answered for every statement by name, so that a new one does not compile
//! before it has answers.

#![deny(clippy::wildcard_enum_match_arm)]

use super::{Block, CommandTemplate, HandlerVerdict, Matrix, StmtKind, WorkflowId};
use crate::eval::Expr;

/// Into what a statement divides its body.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Fork<'a> {
    /// Each statement of its body is a strand.
    Children(&'a Block),
    /// The body runs once for each cell of a matrix.
    Cells(&'a Matrix),
}

impl StmtKind {
    /// Whether nothing behind it in its body is done: it returns, or it fails.
    pub fn ends_body(&self) -> bool {
        match self {
            Self::Fail(_) | Self::Return(_) => true,
            Self::Block(_)
            | Self::Stage { .. }
            | Self::Parallel(_)
            | Self::Matrix(_)
            | Self::Deploy { .. }
            | Self::Step { .. }
            | Self::Run(_)
            | Self::Call(_)
            | Self::Action { .. }
            | Self::Let(_)
            | Self::If { .. }
            | Self::Barrier { .. }
            | Self::Lock { .. }
            | Self::Approve { .. }
            | Self::Wait(_)
            | Self::Verify { .. }
            | Self::Log(_)
            | Self::Yield(_)
            | Self::On { .. }
            | Self::Verdict(_) => false,
        }
    }

    /// Whether it deploys: it needs the lock of its infrastructure, and what it did is undone when
    /// it fails.
    pub fn deploys(&self) -> bool {
        match self {
            Self::Deploy { .. } => true,
            Self::Block(_)
            | Self::Stage { .. }
            | Self::Parallel(_)
            | Self::Matrix(_)
            | Self::Step { .. }
            | Self::Run(_)
            | Self::Call(_)
            | Self::Action { .. }
            | Self::Let(_)
            | Self::If { .. }
            | Self::Barrier { .. }
            | Self::Lock { .. }
            | Self::Approve { .. }
            | Self::Wait(_)
            | Self::Verify { .. }
            | Self::Log(_)
            | Self::Fail(_)
            | Self::Return(_)
            | Self::Yield(_)
            | Self::On { .. }
            | Self::Verdict(_) => false,
        }
    }

    /// Whether it takes the locks of all infrastructures that are deployed to in it, and gives them
    /// back at its end.
    pub fn holds_infrastructures(&self) -> bool {
        match self {
            Self::Stage { .. } => true,
            Self::Block(_)
            | Self::Parallel(_)
            | Self::Matrix(_)
            | Self::Deploy { .. }
            | Self::Step { .. }
            | Self::Run(_)
            | Self::Call(_)
            | Self::Action { .. }
            | Self::Let(_)
            | Self::If { .. }
            | Self::Barrier { .. }
            | Self::Lock { .. }
            | Self::Approve { .. }
            | Self::Wait(_)
            | Self::Verify { .. }
            | Self::Log(_)
            | Self::Fail(_)
            | Self::Return(_)
            | Self::Yield(_)
            | Self::On { .. }
            | Self::Verdict(_) => false,
        }
    }

    /// Into what its body is divided, where it runs as more than one strand or more than once.
    pub fn fork(&self) -> Option<Fork<'_>> {
        match self {
            Self::Parallel(body) => Some(Fork::Children(body)),
            Self::Matrix(matrix) => Some(Fork::Cells(matrix)),
            Self::Block(_)
            | Self::Stage { .. }
            | Self::Deploy { .. }
            | Self::Step { .. }
            | Self::Run(_)
            | Self::Call(_)
            | Self::Action { .. }
            | Self::Let(_)
            | Self::If { .. }
            | Self::Barrier { .. }
            | Self::Lock { .. }
            | Self::Approve { .. }
            | Self::Wait(_)
            | Self::Verify { .. }
            | Self::Log(_)
            | Self::Fail(_)
            | Self::Return(_)
            | Self::Yield(_)
            | Self::On { .. }
            | Self::Verdict(_) => None,
        }
    }

    /// Whether the statements of its body are concurrent strands of their own.
    pub fn has_strands(&self) -> bool {
        matches!(self.fork(), Some(Fork::Children(_)))
    }

    /// The loop or matrix: what has cells.
    pub fn matrix(&self) -> Option<&Matrix> {
        match self.fork()? {
            Fork::Cells(matrix) => Some(matrix),
            Fork::Children(_) => None,
        }
    }

    /// Whether the program says how long it takes at least.
    pub fn takes_written_time(&self) -> bool {
        match self {
            Self::Wait(_) | Self::Verify { .. } => true,
            Self::Block(_)
            | Self::Stage { .. }
            | Self::Parallel(_)
            | Self::Matrix(_)
            | Self::Deploy { .. }
            | Self::Step { .. }
            | Self::Run(_)
            | Self::Call(_)
            | Self::Action { .. }
            | Self::Let(_)
            | Self::If { .. }
            | Self::Barrier { .. }
            | Self::Lock { .. }
            | Self::Approve { .. }
            | Self::Log(_)
            | Self::Fail(_)
            | Self::Return(_)
            | Self::Yield(_)
            | Self::On { .. }
            | Self::Verdict(_) => false,
        }
    }

    /// Whether it does its body again although nothing in it has failed, as the same node.
    pub fn repeats_its_body(&self) -> bool {
        match self {
            Self::Verify { .. } => true,
            Self::Block(_)
            | Self::Stage { .. }
            | Self::Parallel(_)
            | Self::Matrix(_)
            | Self::Deploy { .. }
            | Self::Step { .. }
            | Self::Run(_)
            | Self::Call(_)
            | Self::Action { .. }
            | Self::Let(_)
            | Self::If { .. }
            | Self::Barrier { .. }
            | Self::Lock { .. }
            | Self::Approve { .. }
            | Self::Wait(_)
            | Self::Log(_)
            | Self::Fail(_)
            | Self::Return(_)
            | Self::Yield(_)
            | Self::On { .. }
            | Self::Verdict(_) => false,
        }
    }

    /// Whether its body continues in the same strand and workflow, once, and is followed by what
    /// comes behind it.
    pub fn continues_inside(&self) -> bool {
        match self {
            Self::Block(_) | Self::Step { .. } | Self::If { .. } | Self::On { .. } => true,
            Self::Stage { .. }
            | Self::Parallel(_)
            | Self::Matrix(_)
            | Self::Deploy { .. }
            | Self::Run(_)
            | Self::Call(_)
            | Self::Action { .. }
            | Self::Let(_)
            | Self::Barrier { .. }
            | Self::Lock { .. }
            | Self::Approve { .. }
            | Self::Wait(_)
            | Self::Verify { .. }
            | Self::Log(_)
            | Self::Fail(_)
            | Self::Return(_)
            | Self::Yield(_)
            | Self::Verdict(_) => false,
        }
    }

    /// Whether its name alone does not identify a strand; the first named statement in it does.
    pub fn is_anonymous(&self) -> bool {
        match self {
            Self::Block(_)
            | Self::Matrix(_)
            | Self::If { .. }
            | Self::Lock { .. }
            | Self::On { .. } => true,
            Self::Stage { .. }
            | Self::Parallel(_)
            | Self::Deploy { .. }
            | Self::Step { .. }
            | Self::Run(_)
            | Self::Call(_)
            | Self::Action { .. }
            | Self::Let(_)
            | Self::Barrier { .. }
            | Self::Approve { .. }
            | Self::Wait(_)
            | Self::Verify { .. }
            | Self::Log(_)
            | Self::Fail(_)
            | Self::Return(_)
            | Self::Yield(_)
            | Self::Verdict(_) => false,
        }
    }

    /// Whether it does its body again and again, without a failure.
    pub fn repeats_body(&self) -> bool {
        match self {
            Self::Verify { .. } => true,
            Self::Block(_)
            | Self::Stage { .. }
            | Self::Parallel(_)
            | Self::Matrix(_)
            | Self::Deploy { .. }
            | Self::Step { .. }
            | Self::Run(_)
            | Self::Call(_)
            | Self::Action { .. }
            | Self::Let(_)
            | Self::If { .. }
            | Self::Barrier { .. }
            | Self::Lock { .. }
            | Self::Approve { .. }
            | Self::Wait(_)
            | Self::Log(_)
            | Self::Fail(_)
            | Self::Return(_)
            | Self::Yield(_)
            | Self::On { .. }
            | Self::Verdict(_) => false,
        }
    }

    /// Whether a condition says which of its bodies is done, if one is.
    pub fn is_branch(&self) -> bool {
        match self {
            Self::If { .. } => true,
            Self::Block(_)
            | Self::Stage { .. }
            | Self::Parallel(_)
            | Self::Matrix(_)
            | Self::Deploy { .. }
            | Self::Step { .. }
            | Self::Run(_)
            | Self::Call(_)
            | Self::Action { .. }
            | Self::Let(_)
            | Self::Verify { .. }
            | Self::Barrier { .. }
            | Self::Lock { .. }
            | Self::Approve { .. }
            | Self::Wait(_)
            | Self::Log(_)
            | Self::Fail(_)
            | Self::Return(_)
            | Self::Yield(_)
            | Self::On { .. }
            | Self::Verdict(_) => false,
        }
    }

    /// The expression whose value it binds when it is reached. What others bind is known when they
    /// have ended.
    pub fn bound_value(&self) -> Option<&Expr> {
        match self {
            Self::Let(value) => Some(value),
            Self::Block(_)
            | Self::Stage { .. }
            | Self::Parallel(_)
            | Self::Matrix(_)
            | Self::Deploy { .. }
            | Self::Step { .. }
            | Self::Run(_)
            | Self::Call(_)
            | Self::Action { .. }
            | Self::If { .. }
            | Self::Barrier { .. }
            | Self::Lock { .. }
            | Self::Approve { .. }
            | Self::Wait(_)
            | Self::Verify { .. }
            | Self::Log(_)
            | Self::Fail(_)
            | Self::Return(_)
            | Self::Yield(_)
            | Self::On { .. }
            | Self::Verdict(_) => None,
        }
    }

    /// The command that it runs.
    pub fn command(&self) -> Option<&CommandTemplate> {
        match self {
            Self::Run(command) => Some(command),
            Self::Block(_)
            | Self::Stage { .. }
            | Self::Parallel(_)
            | Self::Matrix(_)
            | Self::Deploy { .. }
            | Self::Step { .. }
            | Self::Call(_)
            | Self::Action { .. }
            | Self::Let(_)
            | Self::If { .. }
            | Self::Barrier { .. }
            | Self::Lock { .. }
            | Self::Approve { .. }
            | Self::Wait(_)
            | Self::Verify { .. }
            | Self::Log(_)
            | Self::Fail(_)
            | Self::Return(_)
            | Self::Yield(_)
            | Self::On { .. }
            | Self::Verdict(_) => None,
        }
    }

    /// The workflow that it names, where it calls or deploys by one.
    pub fn named_workflow(&self) -> Option<WorkflowId> {
        match self {
            Self::Call(using) => Some(using.workflow),
            Self::Deploy { using, .. } => using.as_ref().map(|using| using.workflow),
            Self::Block(_)
            | Self::Stage { .. }
            | Self::Parallel(_)
            | Self::Matrix(_)
            | Self::Step { .. }
            | Self::Run(_)
            | Self::Action { .. }
            | Self::Let(_)
            | Self::If { .. }
            | Self::Barrier { .. }
            | Self::Lock { .. }
            | Self::Approve { .. }
            | Self::Wait(_)
            | Self::Verify { .. }
            | Self::Log(_)
            | Self::Fail(_)
            | Self::Return(_)
            | Self::Yield(_)
            | Self::On { .. }
            | Self::Verdict(_) => None,
        }
    }

    /// Where the commands in it run, if it says so: an infrastructure, or a connection.
    pub fn place(&self) -> Option<&Expr> {
        match self {
            Self::On { target, .. } => target.as_ref(),
            Self::Deploy { target, .. } => Some(target),
            Self::Block(_)
            | Self::Stage { .. }
            | Self::Parallel(_)
            | Self::Matrix(_)
            | Self::Step { .. }
            | Self::Run(_)
            | Self::Call(_)
            | Self::Action { .. }
            | Self::Let(_)
            | Self::If { .. }
            | Self::Barrier { .. }
            | Self::Lock { .. }
            | Self::Approve { .. }
            | Self::Wait(_)
            | Self::Verify { .. }
            | Self::Log(_)
            | Self::Fail(_)
            | Self::Return(_)
            | Self::Yield(_)
            | Self::Verdict(_) => None,
        }
    }

    /// What it decides about a failure, as the last statement of a handler.
    pub fn verdict(&self) -> Option<&HandlerVerdict> {
        match self {
            Self::Verdict(verdict) => Some(verdict),
            Self::Block(_)
            | Self::Stage { .. }
            | Self::Parallel(_)
            | Self::Matrix(_)
            | Self::Deploy { .. }
            | Self::Step { .. }
            | Self::Run(_)
            | Self::Call(_)
            | Self::Action { .. }
            | Self::Let(_)
            | Self::If { .. }
            | Self::Barrier { .. }
            | Self::Lock { .. }
            | Self::Approve { .. }
            | Self::Wait(_)
            | Self::Verify { .. }
            | Self::Log(_)
            | Self::Fail(_)
            | Self::Return(_)
            | Self::Yield(_)
            | Self::On { .. } => None,
        }
    }
}
