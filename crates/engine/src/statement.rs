//! The properties of each kind of statement that the rules of the machine need. A new statement
//! does not compile until each of these questions has an answer.

use lockstep_base::source::Name;
use lockstep_lang::eval::Expr;
use lockstep_lang::ir::{Failing, HandlerVerdict, Stmt, StmtKind};

/// What a kind of statement is to the rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Traits {
    /// A deployment: a line in the ledger.
    pub is_deploy: bool,
    /// Its failure undoes what it did.
    pub rolls_back: bool,
    /// `rollback stage` ends here, and its deployments take their locks together.
    pub is_stage: bool,
    /// A `return` in it ends there.
    pub takes_returns: bool,
    /// It is done completely or not at all, so that a retried run need not do it again.
    pub is_unit: bool,
    /// What its body yields is its value.
    pub takes_yields: bool,
    /// What its body gives stays in it, but for signals.
    pub hides_values: bool,
    /// It has a value also where its failure was ignored.
    pub has_value_after_failure: bool,
    /// People are asked, and their answers are its value.
    pub is_approval: bool,
    /// A rollback passes it over.
    pub passed_over_in_rollback: bool,
    /// Its time limit begins with its body, not with its wait for a lock.
    pub arms_timeout_later: bool,
}

const PLAIN: Traits = Traits {
    is_deploy: false,
    rolls_back: false,
    is_stage: false,
    takes_returns: false,
    is_unit: false,
    takes_yields: false,
    hides_values: false,
    has_value_after_failure: false,
    is_approval: false,
    passed_over_in_rollback: false,
    arms_timeout_later: false,
};

/// What this kind of statement is to the rules.
pub(super) fn traits(kind: &StmtKind) -> Traits {
    match kind {
        StmtKind::Deploy { .. } => Traits {
            is_deploy: true,
            rolls_back: true,
            takes_returns: true,
            is_unit: true,
            arms_timeout_later: true,
            ..PLAIN
        },
        StmtKind::Stage { .. } => Traits {
            is_stage: true,
            ..PLAIN
        },
        StmtKind::Step { .. } => Traits {
            is_unit: true,
            takes_yields: true,
            ..PLAIN
        },
        StmtKind::Run(_) => Traits {
            is_unit: true,
            has_value_after_failure: true,
            ..PLAIN
        },
        StmtKind::Call(_) => Traits {
            takes_returns: true,
            hides_values: true,
            ..PLAIN
        },
        StmtKind::Action { .. } => Traits {
            is_unit: true,
            ..PLAIN
        },
        StmtKind::Approve { .. } => Traits {
            is_approval: true,
            passed_over_in_rollback: true,
            ..PLAIN
        },
        StmtKind::Barrier { .. } | StmtKind::Wait(_) => Traits {
            passed_over_in_rollback: true,
            ..PLAIN
        },
        StmtKind::Block(_)
        | StmtKind::Parallel(_)
        | StmtKind::Matrix(_)
        | StmtKind::Let(_)
        | StmtKind::If { .. }
        | StmtKind::Lock { .. }
        | StmtKind::Verify { .. }
        | StmtKind::Log(_)
        | StmtKind::Fail(_)
        | StmtKind::Return(_)
        | StmtKind::Yield(_)
        | StmtKind::On { .. }
        | StmtKind::Verdict(_) => PLAIN,
    }
}

/// A statement that needs no node of its own.
pub(super) enum InlineStatement<'a> {
    Let(&'a Expr),
    Yield(&'a Expr),
    Fail(&'a Failing),
    Return(Option<&'a Expr>),
    Log(&'a Expr),
    Verdict(&'a HandlerVerdict),
}

/// What is done without a node of its own: nothing for all other statements.
pub(super) fn on_the_spot(stmt: &Stmt) -> Option<InlineStatement<'_>> {
    Some(match &stmt.kind {
        StmtKind::Let(expr) => InlineStatement::Let(expr),
        StmtKind::Yield(expr) => InlineStatement::Yield(expr),
        StmtKind::Fail(failing) => InlineStatement::Fail(failing),
        StmtKind::Return(expr) => InlineStatement::Return(expr.as_ref()),
        StmtKind::Verdict(verdict) => InlineStatement::Verdict(verdict),
        StmtKind::Log(expr) if stmt.modifiers == Default::default() => InlineStatement::Log(expr),
        StmtKind::Log(_)
        | StmtKind::Block(_)
        | StmtKind::Stage { .. }
        | StmtKind::Parallel(_)
        | StmtKind::Matrix(_)
        | StmtKind::Deploy { .. }
        | StmtKind::Step { .. }
        | StmtKind::Run(_)
        | StmtKind::Call(_)
        | StmtKind::Action { .. }
        | StmtKind::If { .. }
        | StmtKind::Barrier { .. }
        | StmtKind::Lock { .. }
        | StmtKind::Approve { .. }
        | StmtKind::Wait(_)
        | StmtKind::Verify { .. }
        | StmtKind::On { .. } => return None,
    })
}

/// What a statement gives to the commands in it.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct GivenToCommands<'a> {
    /// Where they run: an infrastructure, or a connection.
    pub place: Option<&'a Expr>,
    /// Their folder.
    pub dir: Option<&'a Expr>,
    /// Variables of their environment.
    pub env: &'a [(Name, Expr)],
    /// How long they may take to end.
    pub grace: Option<&'a Expr>,
}

/// What a statement gives to the commands in it, where it gives them something.
pub(super) fn given(stmt: &Stmt) -> Option<GivenToCommands<'_>> {
    let grace = stmt.modifiers.grace.as_ref();
    match &stmt.kind {
        StmtKind::On {
            target, dir, env, ..
        } => Some(GivenToCommands {
            place: target.as_ref(),
            dir: dir.as_ref(),
            env,
            grace,
        }),
        StmtKind::Deploy { target, .. } => Some(GivenToCommands {
            place: Some(target),
            grace,
            ..GivenToCommands::default()
        }),
        StmtKind::Block(_)
        | StmtKind::Stage { .. }
        | StmtKind::Parallel(_)
        | StmtKind::Matrix(_)
        | StmtKind::Step { .. }
        | StmtKind::Run(_)
        | StmtKind::Call(_)
        | StmtKind::Action { .. }
        | StmtKind::Let(_)
        | StmtKind::If { .. }
        | StmtKind::Barrier { .. }
        | StmtKind::Lock { .. }
        | StmtKind::Approve { .. }
        | StmtKind::Wait(_)
        | StmtKind::Verify { .. }
        | StmtKind::Log(_)
        | StmtKind::Fail(_)
        | StmtKind::Return(_)
        | StmtKind::Yield(_)
        | StmtKind::Verdict(_) => grace.map(|grace| GivenToCommands {
            grace: Some(grace),
            ..GivenToCommands::default()
        }),
    }
}
