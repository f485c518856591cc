//! Lowers modifiers such as `retry` and `timeout`, and contains the table of which statement may
//! have which.

use crate::eval::{Expr, ExprKind, ListItem};
use crate::ir::{Modifiers, Order, Retry};
use lockstep_base::source::Span;
use lockstep_base::value::Type;
use lockstep_syntax::ast::{self, ExprKind as Form, ModifierKind, StmtKind};

use super::body::BodyContext;
use super::constants::{GrowingPauses, ValueRange};
use super::{ProgramLowering, errors};

/// What kind of statement it is, as far as modifiers and handlers depend on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ModifierTarget {
    Pipeline,
    Stage,
    Serial,
    Parallel,
    SerialLoop,
    ParallelLoop,
    Matrix,
    Deploy,
    Step,
    Run,
    Transfer,
    Workflow,
    Action,
    Barrier,
    Lock,
    Approve,
    Verify,
    On,
    With,
    Wait,
    Let,
    If,
    Log,
    Fail,
    Return,
    Yield,
    Verdict,
}

impl ModifierTarget {
    /// The kind of a statement that is no call.
    pub fn of(stmt: &ast::Stmt) -> Self {
        match &stmt.kind {
            StmtKind::Stage { .. } => Self::Stage,
            StmtKind::Serial { .. } => Self::Serial,
            StmtKind::Parallel { .. } => Self::Parallel,
            StmtKind::Loop { axis, .. } => match axis.order {
                Some((Order::Serial, _)) => Self::SerialLoop,
                Some((Order::Parallel, _)) | None => Self::ParallelLoop,
            },
            StmtKind::Matrix { .. } => Self::Matrix,
            StmtKind::Deploy { .. } => Self::Deploy,
            StmtKind::Step { .. } => Self::Step,
            StmtKind::Run(_) => Self::Run,
            StmtKind::Transfer(_) => Self::Transfer,
            StmtKind::Call(_) => Self::Workflow,
            StmtKind::Barrier { .. } => Self::Barrier,
            StmtKind::Lock { .. } => Self::Lock,
            StmtKind::Approve { .. } => Self::Approve,
            StmtKind::Verify { .. } => Self::Verify,
            StmtKind::On { .. } => Self::On,
            StmtKind::With { .. } => Self::With,
            StmtKind::Wait(_) => Self::Wait,
            StmtKind::Let { .. } => Self::Let,
            StmtKind::If { .. } => Self::If,
            StmtKind::Log(_) => Self::Log,
            StmtKind::Fail { .. } => Self::Fail,
            StmtKind::Return(_) => Self::Return,
            StmtKind::Yield(_) => Self::Yield,
            StmtKind::Ignore
            | StmtKind::Rollback(_)
            | StmtKind::Abort
            | StmtKind::Retry(_)
            | StmtKind::Ask { .. }
            | StmtKind::Error => Self::Verdict,
        }
    }

    /// The statement for people, with its article.
    pub fn with_article(self) -> &'static str {
        match self {
            Self::Pipeline => "a pipeline",
            Self::Stage => "a stage",
            Self::Serial => "a `serial` block",
            Self::Parallel => "a `parallel` block",
            Self::SerialLoop => "a `serial` loop",
            Self::ParallelLoop => "a `parallel` loop",
            Self::Matrix => "a matrix",
            Self::Deploy => "a deployment",
            Self::Step => "a step",
            Self::Run => "a command",
            Self::Transfer => "a transfer of files",
            Self::Workflow => "a workflow call",
            Self::Action => "an action call",
            Self::Barrier => "a barrier",
            Self::Lock => "a `lock` block",
            Self::Approve => "an approval",
            Self::Verify => "a `verify` block",
            Self::On => "an `on` block",
            Self::With => "a `with` block",
            Self::Wait => "`wait`",
            Self::Let => "`let` of an expression",
            Self::If => "`if`",
            Self::Log => "`log`",
            Self::Fail => "`fail`",
            Self::Return => "`return`",
            Self::Yield => "`yield`",
            Self::Verdict => "a verdict",
        }
    }

    /// Whether it has a body that can be looked at while it runs.
    pub fn has_body(self) -> bool {
        match self {
            Self::Pipeline
            | Self::Stage
            | Self::Serial
            | Self::Parallel
            | Self::SerialLoop
            | Self::ParallelLoop
            | Self::Matrix
            | Self::Deploy
            | Self::Step
            | Self::Workflow
            | Self::Lock
            | Self::Verify
            | Self::On
            | Self::With => true,
            Self::Run
            | Self::Transfer
            | Self::Action
            | Self::Barrier
            | Self::Approve
            | Self::Wait
            | Self::Let
            | Self::If
            | Self::Log
            | Self::Fail
            | Self::Return
            | Self::Yield
            | Self::Verdict => false,
        }
    }

    /// Whether it can have handlers: it does something that can fail.
    pub fn can_fail(self) -> bool {
        !matches!(
            self,
            Self::Let
                | Self::If
                | Self::Log
                | Self::Fail
                | Self::Return
                | Self::Yield
                | Self::Verdict
        )
    }
}

/// A row of the table: the modifier, and the statements that may have it.
struct ModifierRow {
    word: &'static str,
    on: &'static [&'static [ModifierTarget]],
    /// The statements for people.
    places: &'static str,
}

use ModifierTarget::{
    Action, Approve, Barrier, Deploy, Lock, Matrix, On, Parallel, ParallelLoop, Pipeline, Run,
    Serial, SerialLoop, Stage, Step, Transfer, Verify, With, Workflow,
};

/// What has a body and does nothing by itself.
const BLOCKS: &[ModifierTarget] = &[
    Pipeline,
    Stage,
    Serial,
    Parallel,
    SerialLoop,
    ParallelLoop,
    Matrix,
];
/// What does something.
const WORK: &[ModifierTarget] = &[
    Deploy, Step, Run, Transfer, Workflow, Action, Lock, Verify, On, With,
];
/// What runs several strands side by side.
const CONCURRENT: &[ModifierTarget] = &[Parallel, ParallelLoop, Matrix];

const TIMEOUT: ModifierRow = ModifierRow {
    word: "timeout",
    on: &[BLOCKS, WORK, &[Barrier, Approve]],
    places: "blocks, deployments, steps, commands, transfers, calls, barriers and approvals",
};
const GRACE: ModifierRow = ModifierRow {
    word: "grace",
    on: &[BLOCKS, WORK],
    places: "what runs commands: blocks, deployments, steps, commands, transfers and calls",
};
const RETRY: ModifierRow = ModifierRow {
    word: "retry",
    on: &[BLOCKS, WORK],
    places: "blocks, deployments, steps, commands, transfers and calls",
};
const MAX: ModifierRow = ModifierRow {
    word: "max",
    on: &[CONCURRENT],
    places: "`parallel` blocks and loops, and matrices",
};
const BATCHES: ModifierRow = ModifierRow {
    word: "batches",
    on: &[&[ParallelLoop, Matrix]],
    places: "`parallel` loops and matrices",
};
const TOLERATE: ModifierRow = ModifierRow {
    word: "tolerate",
    on: &[&[SerialLoop, ParallelLoop, Matrix]],
    places: "loops and matrices",
};
const FAIL_FAST: ModifierRow = ModifierRow {
    word: "fail fast",
    on: &[CONCURRENT],
    places: "`parallel` blocks and loops, and matrices",
};
const ATOMIC: ModifierRow = ModifierRow {
    word: "atomic",
    on: &[BLOCKS],
    places: "pipelines, stages, `serial` and `parallel` blocks and loops, and matrices",
};
const ONCE: ModifierRow = ModifierRow {
    word: "once",
    on: &[&[Step, Run, Action]],
    places: "steps, commands and action calls",
};
const QUIET: ModifierRow = ModifierRow {
    word: "quiet",
    on: &[&[Run]],
    places: "commands",
};

fn row(kind: &ModifierKind) -> Option<&'static ModifierRow> {
    Some(match kind {
        ModifierKind::Timeout(_) => &TIMEOUT,
        ModifierKind::Grace(_) => &GRACE,
        ModifierKind::Retry { .. } => &RETRY,
        ModifierKind::Max(_) => &MAX,
        ModifierKind::Batches { .. } => &BATCHES,
        ModifierKind::Tolerate(_) => &TOLERATE,
        ModifierKind::FailFast => &FAIL_FAST,
        ModifierKind::Atomic => &ATOMIC,
        ModifierKind::Once => &ONCE,
        ModifierKind::Quiet => &QUIET,
        ModifierKind::Error => return None,
    })
}

impl ProgramLowering<'_> {
    pub(super) fn modifiers(
        &mut self,
        body: &mut BodyContext,
        modifiers: &[ast::Modifier],
        fits: ModifierTarget,
    ) -> Modifiers {
        let mut found = Modifiers::default();
        let mut seen: Vec<(&str, Span)> = Vec::new();
        for modifier in modifiers {
            let Some(row) = row(&modifier.kind) else {
                continue;
            };
            if let Some((_, first)) = seen.iter().find(|(word, _)| *word == row.word) {
                self.check
                    .report(errors::modifier_twice(row.word, modifier.span, *first));
            } else if !row.on.iter().any(|group| group.contains(&fits)) {
                let error = errors::modifier(row.word, modifier.span, fits, row.places);
                self.check.report(error);
            }
            seen.push((row.word, modifier.span));
            self.modifier(body, &modifier.kind, &mut found);
        }
        found
    }

    fn modifier(&mut self, body: &mut BodyContext, kind: &ModifierKind, found: &mut Modifiers) {
        match kind {
            ModifierKind::Timeout(time) => {
                let (of, range) = (&Type::Duration, ValueRange::Positive);
                found.timeout = Some(self.bounded(body, time, of, range, "`timeout`"));
            }
            ModifierKind::Grace(time) => {
                let (of, range) = (&Type::Duration, ValueRange::NotNegative);
                found.grace = Some(self.bounded(body, time, of, range, "`grace`"));
            }
            ModifierKind::Retry { times, every, upto } => {
                let range = ValueRange::NotNegative;
                let times = self.bounded(body, times, &Type::Int, range, "`retry`");
                let mut pause = |pause: &ast::Expr, name| {
                    let pause = self.value(body, pause, &Type::Duration, name);
                    self.bound(&pause, range, "the pause between retries");
                    pause
                };
                let every = every.as_ref().map(|every| pause(every, "`every`"));
                let upto = upto.as_ref().map(|upto| pause(upto, "the longest pause"));
                if let (Some(first), Some(longest)) = (&every, &upto) {
                    self.bounded.pauses.push(GrowingPauses {
                        first: first.clone(),
                        longest: longest.clone(),
                    });
                }
                found.retry = Some(Retry { times, every, upto });
            }
            ModifierKind::Max(max) => {
                let (of, range) = (&Type::Int, ValueRange::AtLeastOne);
                found.max = Some(self.bounded(body, max, of, range, "`max`"));
            }
            // What is done between them is a part of the loop.
            ModifierKind::Batches { sizes, between: _ } => {
                found.batches = Some(self.batches(body, sizes));
            }
            ModifierKind::Tolerate(tolerate) => {
                let tolerate = self.count_or_share(body, tolerate, "`tolerate`");
                self.bound(&tolerate, ValueRange::NotNegative, "`tolerate`");
                found.tolerate = Some(tolerate);
            }
            ModifierKind::FailFast => found.fail_fast = true,
            ModifierKind::Atomic => found.atomic = true,
            ModifierKind::Once => found.once = true,
            ModifierKind::Quiet => found.quiet = true,
            ModifierKind::Error => {}
        }
    }

    /// A value of a type and within a range.
    fn bounded(
        &mut self,
        body: &mut BodyContext,
        value: &ast::Expr,
        of: &Type,
        range: ValueRange,
        name: &'static str,
    ) -> Expr {
        let value = self.value(body, value, of, name);
        self.bound(&value, range, name);
        value
    }

    /// A list of sizes; written out, counts and shares may be mixed in it.
    fn batches(&mut self, body: &mut BodyContext, batches: &ast::Expr) -> Expr {
        match &batches.kind {
            Form::Paren(inner) => self.batches(body, inner),
            Form::List(items) if items.is_empty() => {
                self.check.report(errors::no_batches(batches.span));
                crate::types::poison(batches.span)
            }
            Form::List(items) => {
                let items = items.iter().map(|item| {
                    let value = self.count_or_share(body, item, "a size of `batches`");
                    self.bound(&value, ValueRange::Positive, "a size of `batches`");
                    ListItem {
                        value,
                        spread: false,
                    }
                });
                Expr {
                    kind: ExprKind::List(items.collect()),
                    span: batches.span,
                }
            }
            Form::None
            | Form::Bool(_)
            | Form::Int(_)
            | Form::Float(_)
            | Form::Percent(_)
            | Form::Duration(_)
            | Form::String(_)
            | Form::Name(_)
            | Form::Record(_)
            | Form::Error
            | Form::Field(..)
            | Form::Star(_)
            | Form::Maybe(_)
            | Form::Index(..)
            | Form::Unary(..)
            | Form::Binary(..)
            | Form::If(..)
            | Form::Comprehension { .. }
            | Form::Call(..) => {
                let typed = self.check.expr(&mut body.locals, batches, None);
                match &typed.ty {
                    Type::List(of) if matches!(**of, Type::Int | Type::Percent | Type::Any) => {
                        typed.expr
                    }
                    Type::Any => typed.expr,
                    _ => {
                        let want = Type::list(Type::Int);
                        self.check.fit(typed, &want, "`batches`", None)
                    }
                }
            }
        }
    }

    /// An int or a percent.
    fn count_or_share(&mut self, body: &mut BodyContext, expr: &ast::Expr, what: &str) -> Expr {
        let typed = self.check.expr(&mut body.locals, expr, None);
        match typed.ty {
            Type::Percent => typed.expr,
            _ => self.check.fit(typed, &Type::Int, what, None),
        }
    }
}
