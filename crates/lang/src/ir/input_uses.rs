//! What each input of a program is for: the pipelines, stages and fields that its value can reach.

use std::collections::HashSet;

use super::visit::{Child, children, each_stmt};
use super::{Block, GlobalSource, Infrastructure, Pipeline, Program, Stmt, StmtKind, WorkflowUse};
use crate::eval::builtins::BuiltinBody;
use crate::eval::visit::each_part;
use crate::eval::{Expr, ExprKind, GlobalId};
use crate::pool::POOL_FIELD;
use lockstep_base::source::Name;
use lockstep_base::value::{Type, Value};

/// What uses an input.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct InputUses {
    /// The pipelines, each with its stages that use it.
    pub pipelines: Vec<(Name, Vec<Name>)>,
    /// The services of which a field is made from it.
    pub services: Vec<Name>,
}

/// What uses an input, by the source: it may be on a way that a run does not take.
pub fn input_uses(program: &Program, input: &Name) -> InputUses {
    let mut uses = InputUses::default();
    for pipeline in &program.pipelines {
        let mut reached = Reached::of(program);
        reached.pipeline(pipeline);
        if !reached.inputs.contains(input) {
            continue;
        }
        let mut stages = Vec::new();
        each_stmt(&pipeline.body, &mut |stmt| {
            if let StmtKind::Stage { name, .. } = &stmt.kind {
                let mut reached = Reached::of(program);
                reached.stmt(stmt);
                if reached.inputs.contains(input) {
                    stages.push(name.clone());
                }
            }
        });
        uses.pipelines.push((pipeline.name.clone(), stages));
    }
    for (at, service) in program.services.iter().enumerate() {
        let mut reached = Reached::of(program);
        reached.service(at);
        if reached.inputs.contains(input) {
            uses.services.push(service.name.clone());
        }
    }
    uses
}

/// The inputs that a pipeline can reach by its source, by their names.
pub fn needed_inputs(program: &Program, pipeline: u32) -> HashSet<Name> {
    let mut reached = Reached::of(program);
    if let Some(pipeline) = program.pipelines.get(pipeline as usize) {
        reached.pipeline(pipeline);
    }
    reached.inputs
}

/// The fields that `--set` can fix for a run, by their paths, with their types.
pub fn settable_fields(program: &Program) -> Vec<(String, Type)> {
    let mut fields = Vec::new();
    let mut add = |owner: &Name, field: &str, ty: &Type| {
        if can_be_given(ty) {
            fields.push((format!("{owner}.{field}"), ty.clone()));
        }
    };
    for service in &program.services {
        let kind = program.kinds.get(service.kind as usize);
        for (name, field) in kind.iter().flat_map(|kind| &kind.service) {
            add(&service.name, name, &field.ty);
        }
    }
    for place in &program.infrastructures {
        let kind = program.kinds.get(place.kind as usize);
        for (name, field) in kind.iter().flat_map(|kind| &kind.infrastructure) {
            add(&place.name, name, &field.ty);
        }
        let own = [
            ("id", Type::String),
            ("exclusive", Type::Bool),
            (POOL_FIELD, Type::optional(Type::String)),
        ];
        let declared = |name| kind.is_some_and(|kind| kind.infrastructure.contains_key(name));
        for (name, ty) in own.iter().filter(|(name, _)| !declared(*name)) {
            add(&place.name, name, ty);
        }
    }
    fields
}

/// Whether a value of a type can be written on a command line.
fn can_be_given(ty: &Type) -> bool {
    match ty {
        Type::Optional(of) | Type::List(of) | Type::Map(of) => can_be_given(of),
        Type::Secret | Type::Connection | Type::Nothing => false,
        _ => true,
    }
}

/// The inputs that can be reached from something.
struct Reached<'p> {
    program: &'p Program,
    inputs: HashSet<Name>,
    globals: HashSet<GlobalId>,
    workflows: HashSet<u32>,
    services: HashSet<usize>,
    places: HashSet<usize>,
    /// Whether what comes from data is reached.
    has_templates: bool,
    /// What is left to go through.
    open: Vec<&'p Expr>,
}

impl<'p> Reached<'p> {
    fn of(program: &'p Program) -> Self {
        Self {
            program,
            inputs: HashSet::new(),
            globals: HashSet::new(),
            workflows: HashSet::new(),
            services: HashSet::new(),
            places: HashSet::new(),
            has_templates: false,
            open: Vec::new(),
        }
    }

    fn pipeline(&mut self, pipeline: &'p Pipeline) {
        self.open
            .extend(pipeline.queue.iter().map(|queue| &queue.name));
        self.stmt(&pipeline.body);
    }

    fn stmt(&mut self, stmt: &'p Stmt) {
        let mut blocks: Vec<&'p Block> = Vec::new();
        self.one(stmt, &mut blocks);
        loop {
            if let Some(block) = blocks.pop() {
                for stmt in &block.stmts {
                    self.one(stmt, &mut blocks);
                }
            } else if let Some(expr) = self.open.pop() {
                self.expr(expr, &mut blocks);
            } else {
                return;
            }
        }
    }

    /// The fields of a service, without the workflow that deploys it.
    fn service(&mut self, at: usize) {
        self.fields_of(at);
        let mut blocks = Vec::new();
        while let Some(expr) = self.open.pop() {
            self.expr(expr, &mut blocks);
        }
    }

    fn one(&mut self, stmt: &'p Stmt, blocks: &mut Vec<&'p Block>) {
        children(stmt, &mut |child| match child {
            Child::Expr(expr) => self.open.push(expr),
            Child::Body(block) | Child::Handler(block) => blocks.push(block),
        });
        if let StmtKind::Call(used)
        | StmtKind::Deploy {
            using: Some(used), ..
        } = &stmt.kind
        {
            self.used(used, blocks);
        }
    }

    fn used(&mut self, used: &'p WorkflowUse, blocks: &mut Vec<&'p Block>) {
        self.open.extend(used.args.iter().flatten());
        let at = used.workflow.0;
        if let (Some(workflow), true) = (
            self.program.workflows.get(at as usize),
            self.workflows.insert(at),
        ) {
            let defaults = workflow.params.iter().filter_map(|it| it.default.as_ref());
            self.open.extend(defaults);
            blocks.push(&workflow.body);
        }
    }

    fn expr(&mut self, expr: &'p Expr, blocks: &mut Vec<&'p Block>) {
        each_part(expr, &mut |part| {
            if let ExprKind::Global(id) = &part.kind {
                self.global(*id, blocks);
            } else if let ExprKind::Call(function, _) = &part.kind
                && let BuiltinBody::Made(_) = function.0.call
            {
                self.templates(blocks);
            } else if let Some(value) = part.as_const() {
                self.value(value, blocks);
            }
        });
    }

    fn global(&mut self, id: GlobalId, blocks: &mut Vec<&'p Block>) {
        if !self.globals.insert(id) {
            return;
        }
        let Some(global) = self.program.globals.get(id.0 as usize) else {
            return;
        };
        match &global.source {
            GlobalSource::Let(value) => self.open.push(value),
            GlobalSource::Input { default, rule } => {
                self.inputs.insert(global.name.clone());
                // The services and infrastructures that it stands for where none is given.
                self.open.extend(default.as_deref());
                self.open.extend(rule);
                self.anything_of(&global.ty, blocks);
            }
        }
    }

    /// What can be given for an input of services, environments or infrastructures.
    fn anything_of(&mut self, ty: &Type, blocks: &mut Vec<&'p Block>) {
        let program = self.program;
        match ty {
            Type::List(of) | Type::Map(of) | Type::Optional(of) => self.anything_of(of, blocks),
            Type::Record(fields) => fields.values().for_each(|ty| self.anything_of(ty, blocks)),
            Type::Service(kind) => {
                for (at, service) in program.services.iter().enumerate() {
                    if kind
                        .as_ref()
                        .is_none_or(|it| program.is_of_kind(service.kind, it.id))
                    {
                        self.one_service(at, blocks);
                    }
                }
                self.templates(blocks);
            }
            Type::Infrastructure(_) | Type::Environment => {
                (0..program.infrastructures.len()).for_each(|at| self.place(at));
                self.templates(blocks);
            }
            _ => {}
        }
    }

    /// Everything that is declared for the elements of lists: what decides which there are, and
    /// their fields.
    fn templates(&mut self, blocks: &mut Vec<&'p Block>) {
        if std::mem::replace(&mut self.has_templates, true) {
            return;
        }
        let program = self.program;
        for template in &program.service_templates {
            self.open.extend(template.head());
            self.open.extend(template.declared.fields.values());
            self.kind_of(
                template.declared.kind,
                template.declared.using.as_ref(),
                blocks,
            );
        }
        for template in &program.infrastructure_templates {
            self.open.extend(template.head());
            let place = &template.declared;
            self.place_fields(place);
        }
    }

    /// What a service has from its kind: defaults, and the workflow that deploys it.
    fn kind_of(&mut self, kind: u32, own: Option<&'p WorkflowUse>, blocks: &mut Vec<&'p Block>) {
        let kind = self.program.kinds.get(kind as usize);
        let defaults = kind.into_iter().flat_map(|kind| kind.service.values());
        self.open
            .extend(defaults.filter_map(|field| field.default.as_ref()));
        if let Some(used) = own.or(kind.and_then(|kind| kind.deploy.as_ref())) {
            self.used(used, blocks);
        }
    }

    fn value(&mut self, value: &'p Value, blocks: &mut Vec<&'p Block>) {
        match value {
            Value::Service { id, .. } => self.one_service(id.0 as usize, blocks),
            Value::Infrastructure(id) => self.place(id.0 as usize),
            Value::Environment(id) => {
                let environment = self.program.environments.get(id.0 as usize);
                for place in environment.iter().flat_map(|it| &it.infrastructures) {
                    self.place(place.0 as usize);
                }
                if self.program.has_templates(*id) {
                    self.templates(blocks);
                }
                self.open
                    .extend(environment.into_iter().flat_map(|it| it.fields.values()));
            }
            Value::List(items) => items.iter().for_each(|item| self.value(item, blocks)),
            _ => {}
        }
    }

    fn one_service(&mut self, at: usize, blocks: &mut Vec<&'p Block>) {
        self.fields_of(at);
        let service = self.program.services.get(at);
        let kind = service.and_then(|it| self.program.kinds.get(it.kind as usize));
        let own = service.and_then(|it| it.using.as_ref());
        if let Some(used) = own.or(kind.and_then(|kind| kind.deploy.as_ref())) {
            self.used(used, blocks);
        }
    }

    fn fields_of(&mut self, at: usize) {
        let Some(service) = self.program.services.get(at) else {
            return;
        };
        if self.services.insert(at) {
            self.open.extend(service.fields.values());
            let kind = self.program.kinds.get(service.kind as usize);
            let defaults = kind.iter().flat_map(|kind| &kind.service);
            self.open.extend(
                defaults
                    .filter(|(name, _)| !service.fields.contains_key(*name))
                    .filter_map(|(_, field)| field.default.as_ref()),
            );
        }
    }

    fn place(&mut self, at: usize) {
        let Some(place) = self.program.infrastructures.get(at) else {
            return;
        };
        if !self.places.insert(at) {
            return;
        }
        self.place_fields(place);
    }

    fn place_fields(&mut self, place: &'p Infrastructure) {
        self.open.extend(place.fields.values());
        let kind = self.program.kinds.get(place.kind as usize);
        let defaults = kind
            .into_iter()
            .flat_map(|kind| kind.infrastructure.values());
        self.open
            .extend(defaults.filter_map(|field| field.default.as_ref()));
        let overrides = place.overrides.iter();
        let environment = self.program.environments.get(place.environment.0 as usize);
        self.open
            .extend(overrides.flat_map(|it| it.fields.values()));
        if let Some(environment) = environment {
            self.open.extend(environment.fields.values());
            let overrides = environment.overrides.iter();
            self.open
                .extend(overrides.flat_map(|it| it.fields.values()));
        }
    }
}
