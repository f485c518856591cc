//! Effects of the statements of a program, including those of the workflows that they call: which
//! commands and failures can occur, and whether there is something to undo.

#![deny(clippy::wildcard_enum_match_arm)]

use std::cell::OnceCell;
use std::collections::HashSet;

use super::shell;
use lockstep_base::source::Span;
use lockstep_base::value::Value;
use lockstep_lang::eval::ExprKind;
use lockstep_lang::ir::visit::each_stmt;
use lockstep_lang::ir::{
    Block, FailureClass, HandlerVerdict, Program, Stmt, StmtKind, Workflow, WorkflowId,
};

/// The effects of a part of the program.
#[derive(Debug, Clone, Default)]
pub struct EffectSet {
    /// The first command or call that talks to another machine, and its name.
    pub network: Option<(Span, String)>,
    /// The first statement marked `once`, which is not idempotent.
    pub once: Option<Span>,
    /// Whether something in it can be rolled back.
    pub undo: bool,
    /// Whether it contains a command or an action that may change something.
    pub acts: bool,
    /// Whether something in it can fail, other than by an error in an expression.
    pub fails: bool,
    /// The classes of failures that can occur.
    classes: u16,
}

impl EffectSet {
    /// Whether failures of this class can occur.
    pub fn has(&self, class: FailureClass) -> bool {
        self.classes & bit(class) != 0
    }

    fn with(mut self, classes: &[FailureClass]) -> Self {
        for class in classes {
            self.classes |= bit(*class);
        }
        self
    }

    fn add(&mut self, other: &Self) {
        self.network = self.network.take().or_else(|| other.network.clone());
        self.once = self.once.or(other.once);
        self.undo |= other.undo;
        self.acts |= other.acts;
        self.fails |= other.fails;
        self.classes |= other.classes;
    }
}

fn bit(class: FailureClass) -> u16 {
    let place = FailureClass::ALL.iter().position(|other| *other == class);
    1 << place.unwrap_or_default()
}

/// The effects of a program's statements.
#[derive(Debug, Default)]
pub struct Effects<'a> {
    program: Option<&'a Program>,
    workflows: Vec<OnceCell<EffectSet>>,
}

impl<'a> Effects<'a> {
    /// The effects of this program, computed on demand.
    pub fn of(program: Option<&'a Program>) -> Self {
        let count = program.map_or(0, |program| program.workflows.len());
        Self {
            program,
            workflows: vec![OnceCell::new(); count],
        }
    }

    /// The effects of a workflow. Those that it uses come first, so that a long chain of calls
    /// needs no deep stack.
    pub fn workflow(&self, id: WorkflowId) -> EffectSet {
        let mut open = vec![id];
        let mut entered = HashSet::new();
        while let Some(id) = open.pop() {
            let Some((workflow, cell)) = self.entry(id) else {
                continue;
            };
            if cell.get().is_some() {
                continue;
            }
            if entered.insert(id) {
                open.push(id);
                open.extend(self.used(&workflow.body));
            } else {
                // All that it uses is known now.
                let effects = self.block(&workflow.body);
                cell.get_or_init(|| effects);
            }
        }
        self.known(id)
    }

    fn entry(&self, id: WorkflowId) -> Option<(&'a Workflow, &OnceCell<EffectSet>)> {
        let place = id.0 as usize;
        let workflow = self.program?.workflows.get(place)?;
        Some((workflow, self.workflows.get(place)?))
    }

    /// The effects of a workflow, if they have been computed.
    fn known(&self, id: WorkflowId) -> EffectSet {
        let known = self.entry(id).and_then(|(_, cell)| cell.get());
        known.cloned().unwrap_or_default()
    }

    /// The workflows that the statements of a block use.
    fn used(&self, block: &Block) -> Vec<WorkflowId> {
        let mut found = Vec::new();
        for stmt in &block.stmts {
            each_stmt(stmt, &mut |stmt| {
                if let StmtKind::Call(using) = &stmt.kind {
                    found.push(using.workflow);
                }
                found.extend(self.deployers(stmt));
            });
        }
        found
    }

    /// The effects of a block.
    pub fn block(&self, block: &Block) -> EffectSet {
        let mut sum = EffectSet::default();
        for stmt in &block.stmts {
            sum.add(&self.stmt(stmt));
        }
        sum
    }

    /// The effects of a statement, its handlers included.
    pub fn stmt(&self, stmt: &Stmt) -> EffectSet {
        let mut sum = self.body(stmt);
        let handlers = &stmt.handlers;
        for handler in &handlers.on_failure {
            sum.add(&self.block(&handler.body));
        }
        handlers
            .always
            .iter()
            .for_each(|it| sum.add(&self.block(it)));
        sum.undo |= handlers.undo.is_some() || handlers.no_undo.is_some();
        sum
    }

    /// The effects of a statement without its handlers.
    pub fn body(&self, stmt: &Stmt) -> EffectSet {
        use FailureClass as Class;
        let mut sum = match &stmt.kind {
            StmtKind::Run(command) => EffectSet {
                network: shell::network(command).map(|name| (stmt.span, name)),
                acts: !command.query && !shell::only_looks(command),
                fails: true,
                ..EffectSet::default()
            }
            .with(&[
                Class::Exit,
                Class::Signal,
                Class::Connection,
                Class::Authentication,
            ]),
            StmtKind::Action { action, .. } => {
                let action = self.program.and_then(|it| it.actions.get(*action as usize));
                let name = action.map_or("", |action| &action.name);
                let http = name.starts_with("http.");
                EffectSet {
                    network: http.then(|| (stmt.span, name.to_string())),
                    acts: name != "http.get",
                    fails: true,
                    ..EffectSet::default()
                }
                .with(&[
                    Class::Exit,
                    Class::Signal,
                    Class::Timeout,
                    Class::Connection,
                    Class::Authentication,
                ])
            }
            StmtKind::Call(using) => self.workflow(using.workflow),
            StmtKind::Deploy { .. } => {
                let mut sum = EffectSet {
                    fails: true,
                    ..EffectSet::default()
                }
                .with(&[Class::Deadlock, Class::Superseded]);
                for workflow in self.deployers(stmt) {
                    sum.add(&self.workflow(workflow));
                }
                sum
            }
            StmtKind::Barrier { .. } => failing(Class::Barrier),
            StmtKind::Lock { .. } => failing(Class::Deadlock),
            StmtKind::Approve { .. } => failing(Class::Approval),
            StmtKind::Verify { .. } => failing(Class::Verification),
            StmtKind::Fail(said) => failing(said.class.unwrap_or(Class::Failed)),
            StmtKind::Verdict(HandlerVerdict::Ask { .. }) => failing(Class::Approval),
            StmtKind::Block(_)
            | StmtKind::Stage { .. }
            | StmtKind::Parallel(_)
            | StmtKind::Matrix(_)
            | StmtKind::Step { .. }
            | StmtKind::Let(_)
            | StmtKind::If { .. }
            | StmtKind::Wait(_)
            | StmtKind::Log(_)
            | StmtKind::Return(_)
            | StmtKind::Yield(_)
            | StmtKind::On { .. }
            | StmtKind::Verdict(
                HandlerVerdict::Ignore
                | HandlerVerdict::Rollback(_)
                | HandlerVerdict::Abort
                | HandlerVerdict::Retry(_),
            ) => EffectSet::default(),
        };
        for block in stmt.bodies() {
            sum.add(&self.block(block));
        }
        let between = stmt.kind.matrix().and_then(|it| it.between.as_ref());
        if let Some(between) = between {
            sum.add(&self.block(&between.body));
        }
        if stmt.handlers.watch.is_some() {
            sum.fails = true;
            sum = sum.with(&[Class::Verification]);
        }
        if stmt.modifiers.timeout.is_some() {
            sum.fails = true;
            sum = sum.with(&[Class::Timeout]);
        }
        if stmt.modifiers.once {
            sum.once = Some(stmt.span);
            sum = sum.with(&[Class::Interrupted]);
        }
        sum
    }

    /// The workflows that a `deploy` may use.
    pub fn deployers(&self, stmt: &Stmt) -> Vec<WorkflowId> {
        let (Some(program), StmtKind::Deploy { service, using, .. }) = (self.program, &stmt.kind)
        else {
            return Vec::new();
        };
        if let Some(using) = using {
            return vec![using.workflow];
        }
        let mut found = Vec::new();
        // What comes from data has no number yet, which no constant has.
        let templates = program.service_templates.iter().map(|it| &it.declared);
        for (at, declared) in program.services.iter().chain(templates).enumerate() {
            if let ExprKind::Const(Value::Service { id, .. }) = &service.kind
                && id.0 as usize != at
            {
                continue;
            }
            let kind = program.kinds.get(declared.kind as usize);
            let using = declared.using.as_ref();
            if let Some(using) = using.or_else(|| kind?.deploy.as_ref())
                && !found.contains(&using.workflow)
            {
                found.push(using.workflow);
            }
        }
        found
    }
}

fn failing(class: FailureClass) -> EffectSet {
    EffectSet {
        fails: true,
        ..EffectSet::default()
    }
    .with(&[class])
}
