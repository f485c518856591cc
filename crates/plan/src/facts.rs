//! What is known before the run: the value of every input, `let` and field, and what `env` and
//! `file` read.

use std::cell::{Cell, RefCell};
use std::sync::Arc;

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use super::locals::Locals;
use lockstep_base::diagnostic::{Diagnostic, codes};
use lockstep_base::source::{FileId, Name, Span};
use lockstep_base::value::{EnvironmentId, InfrastructureId, ServiceId, Value};
use lockstep_base::world::{EnvironmentVariables, FileError, Files};
use lockstep_lang::eval::{self, Expr, ExprKind, GlobalId, Halt, RunField, Scope, Slot};
use lockstep_lang::ir::{GlobalSource, KindField, Override, Program};

/// The fields of one declaration.
pub type FieldValues = IndexMap<Name, Value>;

/// All values that are known before the run; stored with it.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Facts {
    /// Inputs and top-level `let`s, at their places in the program's table.
    pub globals: Vec<Value>,
    /// The fields of each service, with its kind's defaults.
    pub services: Vec<FieldValues>,
    /// The fields of each environment.
    pub environments: Vec<FieldValues>,
    /// The fields of each infrastructure, with its environment's and its kind's.
    pub infrastructures: Vec<FieldValues>,
    /// For each infrastructure, the fields that services have only there.
    pub overrides: Vec<IndexMap<ServiceId, FieldValues>>,
    /// Fields fixed for this run on the command line; they beat overrides.
    pub fixed: IndexMap<ServiceId, FieldValues>,
    /// All fields that are fixed so, by their paths: `web.image`, `prod.eu.host`.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub set: IndexMap<Name, Value>,
    /// Variables of the caller's environment that the program reads.
    pub env: IndexMap<Name, Option<Name>>,
    /// Files that the program reads, by folder-giving source and path.
    pub files: Vec<(FileId, Name, Result<Name, FileError>)>,
}

/// Facts about one run, for `run.id` and its like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunFacts {
    /// The run's id.
    pub id: Name,
    /// Who started it.
    pub user: Name,
    /// When; expressions see it in RFC 3339, in UTC with milliseconds.
    pub started_at: jiff::Timestamp,
    /// The folder for the files of its secrets; the same whenever it goes on.
    pub secret_folder: Name,
}

impl RunFacts {
    /// The facts of a run whose temporary files are in `/tmp`.
    pub fn new(id: Name, user: Name, started_at: jiff::Timestamp) -> Self {
        let unplaced = Self {
            id,
            user,
            started_at,
            secret_folder: "".into(),
        };
        unplaced.with_temporary_files_in("/tmp")
    }

    /// The same run with its temporary files in another folder.
    #[must_use]
    pub fn with_temporary_files_in(mut self, folder: &str) -> Self {
        // An id is that of one run in its state directory; with the time it is in all of them.
        let since = self.started_at.as_millisecond();
        let folder = folder.trim_end_matches('/');
        self.secret_folder = format!("{folder}/lockstep.{}.{since:x}", self.id).into();
        self
    }
}

/// What a statement's expressions see: the facts, the locals around it and, while running, the
/// run.
#[derive(Clone, Copy)]
pub struct EvalScope<'a> {
    /// The program.
    pub program: &'a Program,
    /// What is known before the run.
    pub facts: &'a Facts,
    /// The locals.
    pub locals: &'a Locals,
    /// The run, if one is in progress.
    pub run: Option<&'a RunFacts>,
}

impl EvalScope<'_> {
    /// The value of an expression.
    pub fn eval(&self, expr: &Expr) -> Result<Value, Halt> {
        match expr.as_const() {
            Some(value) => Ok(value.clone()),
            None => eval::eval(expr, self),
        }
    }
}

impl Scope for EvalScope<'_> {
    fn local(&self, slot: Slot) -> Result<Value, Halt> {
        self.locals.get(slot).cloned().ok_or(Halt::Unknown)
    }

    fn global(&self, id: GlobalId) -> Result<Value, Halt> {
        self.facts
            .globals
            .get(id.0 as usize)
            .cloned()
            .ok_or(Halt::Unknown)
    }

    fn field(&self, of: &Value, name: &Name, span: Span) -> Result<Value, Halt> {
        let found = match of {
            Value::Service { id, at } => self.facts.service_field(*id, *at, name),
            Value::Environment(id) => self.facts.environments.get(id.0 as usize),
            Value::Infrastructure(id) => self.facts.infrastructures.get(id.0 as usize),
            _ => None,
        }
        .and_then(|fields| fields.get(name).cloned());
        found
            .or_else(|| built_in_field(self.program, of, name))
            .ok_or_else(|| no_field(self.program, of, name, span).into())
    }

    fn infrastructures(&self, of: EnvironmentId) -> Vec<Value> {
        infrastructures_of(self.program, of)
    }

    fn display(&self, value: &Value) -> String {
        display(self.program, value)
    }

    fn run(&self, field: RunField) -> Result<Value, Halt> {
        let run = self.run.ok_or(Halt::Unknown)?;
        Ok(Value::String(match field {
            RunField::Id => run.id.clone(),
            RunField::User => run.user.clone(),
            RunField::StartedAt => format!("{:.3}", run.started_at).into(),
            RunField::SecretFolder => run.secret_folder.clone(),
        }))
    }

    fn env(&self, name: &str) -> Result<Option<Name>, Halt> {
        self.facts.env.get(name).cloned().ok_or(Halt::Unknown)
    }

    fn file(&self, from: FileId, path: &str) -> Result<Result<Name, FileError>, Halt> {
        let found = self
            .facts
            .files
            .iter()
            .find(|(file, name, _)| *file == from && **name == *path);
        found.map(|(.., text)| text.clone()).ok_or(Halt::Unknown)
    }
}

impl Facts {
    /// Whether deployments to an infrastructure hold a lock.
    pub fn is_exclusive(&self, target: InfrastructureId) -> bool {
        let fields = self.infrastructures.get(target.0 as usize);
        fields.and_then(|fields| fields.get("exclusive")) != Some(&Value::Bool(false))
    }

    /// The field set of a service in which `name` has its value, given where it is deployed to.
    fn service_field(
        &self,
        id: ServiceId,
        at: Option<InfrastructureId>,
        name: &Name,
    ) -> Option<&FieldValues> {
        let fixed = self.fixed.get(&id);
        let there = at.and_then(|at| self.overrides.get(at.0 as usize)?.get(&id));
        let own = self.services.get(id.0 as usize);
        [fixed, there, own]
            .into_iter()
            .flatten()
            .find(|fields| fields.contains_key(name))
    }
}

/// `.name`, `.kind`, `.id` and the other fields that every declaration has.
fn built_in_field(program: &Program, of: &Value, name: &str) -> Option<Value> {
    match of {
        Value::Service { id, .. } => {
            let service = program.services.get(id.0 as usize)?;
            match name {
                "name" => Some(Value::String(service.name.clone())),
                "kind" => Some(Value::String(
                    program.kinds.get(service.kind as usize)?.name.clone(),
                )),
                _ => None,
            }
        }
        Value::Environment(id) => {
            let environment = program.environments.get(id.0 as usize)?;
            match name {
                "name" => Some(Value::String(environment.name.clone())),
                _ => environment.infrastructures.iter().copied().find_map(|id| {
                    let full = &program.infrastructures.get(id.0 as usize)?.name;
                    let short = full.rsplit_once('.').map_or(&**full, |(_, short)| short);
                    (short == name).then_some(Value::Infrastructure(id))
                }),
            }
        }
        Value::Infrastructure(id) => {
            let infrastructure = program.infrastructures.get(id.0 as usize)?;
            match name {
                "name" => Some(Value::String(infrastructure.name.clone())),
                "id" => Some(Value::String(infrastructure.name.clone())),
                "environment" => Some(Value::Environment(infrastructure.environment)),
                "kind" => Some(Value::String(
                    program
                        .kinds
                        .get(infrastructure.kind as usize)?
                        .name
                        .clone(),
                )),
                "connect" => Some(Value::map([("type", Value::string("local"))])),
                "exclusive" => Some(Value::Bool(true)),
                _ => None,
            }
        }
        _ => None,
    }
}

fn infrastructures_of(program: &Program, of: EnvironmentId) -> Vec<Value> {
    program
        .environments
        .get(of.0 as usize)
        .map(|environment| {
            environment
                .infrastructures
                .iter()
                .map(|id| Value::Infrastructure(*id))
                .collect()
        })
        .unwrap_or_default()
}

/// A value as a person would name it: the names of services and places, the text of the rest.
pub fn display(program: &Program, value: &Value) -> String {
    let name = match value {
        Value::Service { id, .. } => program.services.get(id.0 as usize).map(|it| &it.name),
        Value::Environment(id) => program.environments.get(id.0 as usize).map(|it| &it.name),
        Value::Infrastructure(id) => program
            .infrastructures
            .get(id.0 as usize)
            .map(|it| &it.name),
        Value::Secret(_) => return String::from("***"),
        _ => return lockstep_base::value::text::display(value, &|part| display(program, part)),
    };
    name.map_or_else(String::new, ToString::to_string)
}

fn no_field(program: &Program, of: &Value, name: &str, span: Span) -> Diagnostic {
    let owner = display(program, of);
    Diagnostic::error(
        codes::NO_FIELD,
        span,
        format!("`{owner}` has no value for `{name}`"),
    )
    .help(format!("give `{name}` where `{owner}` is declared"))
}

/// Evaluates everything that is declared, each thing once and in whatever order it is needed.
/// All mistakes are reported.
pub struct FactFinder<'a> {
    program: &'a Program,
    outside: (&'a dyn EnvironmentVariables, &'a dyn Files),
    globals: RefCell<Vec<GlobalState>>,
    fields: RefCell<IndexMap<(FieldOwner, Name), GlobalState>>,
    read: RefCell<Facts>,
    faults: RefCell<Vec<Diagnostic>>,
    /// The deployment whose fields are evaluated: in a field of its service, the service's other
    /// fields are those of the same deployment.
    place: Cell<Option<DeploymentPlace>>,
    /// Fields of services that have another value at a place, because they are made from others.
    placed: RefCell<IndexMap<(DeploymentPlace, Name), GlobalState>>,
    /// Values given for inputs, and fields fixed for this run.
    given: GivenValues,
}

/// What a service is deployed to.
type DeploymentPlace = (InfrastructureId, ServiceId);

/// What the caller fixes for one run.
#[derive(Debug, Clone, Default)]
pub struct GivenValues {
    /// Inputs.
    pub inputs: IndexMap<GlobalId, Value>,
    /// Inputs as expressions of the program.
    pub written: IndexMap<GlobalId, Expr>,
    /// Fields.
    pub fields: IndexMap<(FieldOwner, Name), Value>,
}

/// Whose field it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FieldOwner {
    /// A service's, wherever it goes.
    Service(ServiceId),
    /// An environment's.
    Environment(EnvironmentId),
    /// An infrastructure's.
    Infrastructure(InfrastructureId),
    /// A service's at one infrastructure.
    Override(InfrastructureId, ServiceId),
}

impl FieldOwner {
    /// What it is called on the command line.
    fn name(self, program: &Program) -> Option<&Name> {
        match self {
            Self::Service(id) | Self::Override(_, id) => {
                program.services.get(id.0 as usize).map(|it| &it.name)
            }
            Self::Environment(id) => program.environments.get(id.0 as usize).map(|it| &it.name),
            Self::Infrastructure(id) => program
                .infrastructures
                .get(id.0 as usize)
                .map(|it| &it.name),
        }
    }
}

#[derive(Debug, Clone)]
enum GlobalState {
    Untouched,
    Underway,
    Known(Value),
    /// It failed, and that has been reported.
    Lost,
}

impl<'a> FactFinder<'a> {
    /// A finder for one program.
    pub fn new(
        program: &'a Program,
        given: GivenValues,
        environment: &'a dyn EnvironmentVariables,
        files: &'a dyn Files,
    ) -> Self {
        Self {
            program,
            outside: (environment, files),
            globals: RefCell::new(vec![GlobalState::Untouched; program.globals.len()]),
            fields: RefCell::default(),
            read: RefCell::default(),
            faults: RefCell::default(),
            place: Cell::default(),
            placed: RefCell::default(),
            given,
        }
    }

    /// Evaluates all of it.
    pub fn facts(self) -> Result<Facts, Vec<Diagnostic>> {
        let program = self.program;
        let mut facts = Facts::default();
        for ((owner, field), value) in &self.given.fields {
            if let Some(owner) = owner.name(program) {
                let path = format!("{owner}.{field}");
                facts.set.insert(path.into(), value.clone());
            }
        }
        for at in 0..program.globals.len() {
            let value = self.global(GlobalId(at as u32));
            facts.globals.push(value.unwrap_or(Value::None));
        }
        for (at, service) in program.services.iter().enumerate() {
            let id = ServiceId(at as u32);
            let kind = program.kinds.get(service.kind as usize);
            let names = service
                .fields
                .keys()
                .chain(kind.iter().flat_map(|kind| kind.service.keys()));
            facts
                .services
                .push(self.collect(FieldOwner::Service(id), names));
            let fixed = self.given.fields.iter().filter(
                |((owner, _), _)| matches!(owner, FieldOwner::Service(fixed) if *fixed == id),
            );
            let fixed: FieldValues = fixed
                .map(|((_, name), value)| (name.clone(), value.clone()))
                .collect();
            if !fixed.is_empty() {
                facts.fixed.insert(id, fixed);
            }
        }
        for (at, environment) in program.environments.iter().enumerate() {
            let owner = FieldOwner::Environment(EnvironmentId(at as u32));
            facts
                .environments
                .push(self.collect(owner, environment.fields.keys()));
        }
        for (at, infrastructure) in program.infrastructures.iter().enumerate() {
            let id = InfrastructureId(at as u32);
            let environment = program
                .environments
                .get(infrastructure.environment.0 as usize);
            let kind = program.kinds.get(infrastructure.kind as usize);
            let names = infrastructure
                .fields
                .keys()
                .chain(
                    environment
                        .iter()
                        .flat_map(|environment| environment.fields.keys()),
                )
                .chain(kind.iter().flat_map(|kind| kind.infrastructure.keys()));
            facts
                .infrastructures
                .push(self.collect(FieldOwner::Infrastructure(id), names));
            facts.overrides.push(self.overrides(id));
        }
        self.read_outside();
        let faults = self.faults.into_inner();
        if !faults.is_empty() {
            return Err(faults);
        }
        let read = self.read.into_inner();
        Ok(Facts {
            env: read.env,
            files: read.files,
            ..facts
        })
    }

    fn collect<'n>(&self, owner: FieldOwner, names: impl Iterator<Item = &'n Name>) -> FieldValues {
        let mut fields = FieldValues::new();
        for name in names {
            if !fields.contains_key(name)
                && let Some(value) = self.field_value(owner, name)
            {
                fields.insert(name.clone(), value);
            }
        }
        fields
    }

    /// The infrastructure's overrides, then its environment's where the former are silent.
    fn overrides(&self, id: InfrastructureId) -> IndexMap<ServiceId, FieldValues> {
        let mut all: IndexMap<ServiceId, FieldValues> = IndexMap::new();
        for with in self.override_lists(id).into_iter().flatten() {
            let fields = all.entry(with.service).or_default();
            for name in with.fields.keys() {
                let owner = FieldOwner::Override(id, with.service);
                if !fields.contains_key(name)
                    && let Some(value) = self.field_value(owner, name)
                {
                    fields.insert(name.clone(), value);
                }
            }
        }
        for (service, fields) in &mut all {
            for name in self.made_from_others(*service) {
                if !fields.contains_key(&name)
                    && let Some(value) = self.field_at((id, *service), &name)
                {
                    fields.insert(name, value);
                }
            }
        }
        all
    }

    /// The fields of a service that are made from others of its own, and could be evaluated.
    fn made_from_others(&self, id: ServiceId) -> Vec<Name> {
        let Some(service) = self.program.services.get(id.0 as usize) else {
            return Vec::new();
        };
        let owner = FieldOwner::Service(id);
        let is_made = |(_, expr): &(&Name, &Expr)| reads_fields_of(expr, id);
        let names = service.fields.iter().filter(is_made).map(|(name, _)| name);
        names
            .filter(|name| self.field_value(owner, name).is_some())
            .cloned()
            .collect()
    }

    /// A field of a service as it is where the service is deployed to.
    fn field_at(&self, place: DeploymentPlace, name: &Name) -> Option<Value> {
        let (to, service) = place;
        let own = FieldOwner::Service(service);
        let there = FieldOwner::Override(to, service);
        if let Some(fixed) = self.given.fields.get(&(own, name.clone())) {
            return Some(fixed.clone());
        }
        if self.field_expr(there, name).is_some() {
            return self.field_value(there, name);
        }
        let Some(expr) = self.field_expr(own, name) else {
            return self.field_value(own, name);
        };
        if !reads_fields_of(expr, service) {
            return self.field_value(own, name);
        }
        let key = (place, name.clone());
        let state = self.placed.borrow().get(&key).cloned();
        match state.unwrap_or(GlobalState::Untouched) {
            GlobalState::Known(value) => return Some(value),
            // A circle has been reported for the service itself.
            GlobalState::Lost | GlobalState::Underway => return None,
            GlobalState::Untouched => {}
        }
        let begin = (key.clone(), GlobalState::Underway);
        self.placed.borrow_mut().insert(begin.0, begin.1);
        let value = self.value_at(Some(place), expr);
        let state = value.clone().map_or(GlobalState::Lost, GlobalState::Known);
        self.placed.borrow_mut().insert(key, state);
        value
    }

    fn override_lists(&self, id: InfrastructureId) -> [&'a [Override]; 2] {
        let program = self.program;
        let Some(infrastructure) = program.infrastructures.get(id.0 as usize) else {
            return [&[], &[]];
        };
        let environment = program
            .environments
            .get(infrastructure.environment.0 as usize);
        [
            &infrastructure.overrides,
            environment.map_or(&[], |it| it.overrides.as_slice()),
        ]
    }

    /// The expression that gives a field, in the order in which declarations beat each other.
    fn field_expr(&self, owner: FieldOwner, name: &Name) -> Option<&'a Expr> {
        let program = self.program;
        let default = |field: &'a KindField| field.default.as_ref();
        match owner {
            FieldOwner::Service(id) => {
                let service = program.services.get(id.0 as usize)?;
                let kind = program.kinds.get(service.kind as usize)?;
                service
                    .fields
                    .get(name)
                    .or_else(|| kind.service.get(name).and_then(default))
            }
            FieldOwner::Environment(id) => {
                program.environments.get(id.0 as usize)?.fields.get(name)
            }
            FieldOwner::Infrastructure(id) => {
                let infrastructure = program.infrastructures.get(id.0 as usize)?;
                let environment = program
                    .environments
                    .get(infrastructure.environment.0 as usize)?;
                let kind = program.kinds.get(infrastructure.kind as usize)?;
                let given = infrastructure.fields.get(name);
                given
                    .or_else(|| environment.fields.get(name))
                    .or_else(|| kind.infrastructure.get(name).and_then(default))
            }
            FieldOwner::Override(id, service) => self
                .override_lists(id)
                .into_iter()
                .flatten()
                .filter(|with| with.service == service)
                .find_map(|with| with.fields.get(name)),
        }
    }

    /// A field's value; `none` where it is optional and not given, nothing where it failed.
    fn field_value(&self, owner: FieldOwner, name: &Name) -> Option<Value> {
        if let Some(value) = self.given.fields.get(&(owner, name.clone())) {
            return Some(value.clone());
        }
        let key = (owner, name.clone());
        let state = self.fields.borrow().get(&key).cloned();
        match state.unwrap_or(GlobalState::Untouched) {
            GlobalState::Known(value) => return Some(value),
            GlobalState::Lost => return None,
            GlobalState::Underway => {
                let span = self.field_expr(owner, name).map(|expr| expr.span)?;
                self.fault(depends_on_itself(span, name));
                return None;
            }
            GlobalState::Untouched => {}
        }
        let Some(expr) = self.field_expr(owner, name) else {
            return Some(Value::None);
        };
        self.fields
            .borrow_mut()
            .insert(key.clone(), GlobalState::Underway);
        let value = self.value(expr);
        let state = value.clone().map_or(GlobalState::Lost, GlobalState::Known);
        self.fields.borrow_mut().insert(key, state);
        value
    }

    fn global(&self, id: GlobalId) -> Option<Value> {
        let global = self.program.globals.get(id.0 as usize)?;
        let state = self.globals.borrow().get(id.0 as usize).cloned()?;
        match state {
            GlobalState::Known(value) => return Some(value),
            GlobalState::Lost => return None,
            GlobalState::Underway => {
                self.fault(depends_on_itself(global.span, &global.name));
                return None;
            }
            GlobalState::Untouched => {}
        }
        self.set_global(id, GlobalState::Underway);
        let given = self.given.inputs.get(&id).cloned();
        let written = self.given.written.get(&id);
        let given = given.or_else(|| written.and_then(|written| self.value(written)));
        let value = match (&global.source, given) {
            (_, Some(given)) => Some(given),
            _ if written.is_some() => None,
            (
                GlobalSource::Let(expr)
                | GlobalSource::Input {
                    default: Some(expr),
                    ..
                },
                None,
            ) => self.value(expr),
            // A missing input has been reported where inputs are bound.
            (GlobalSource::Input { default: None, .. }, None) => None,
        };
        self.set_global(
            id,
            value.clone().map_or(GlobalState::Lost, GlobalState::Known),
        );
        value
    }

    fn set_global(&self, id: GlobalId, state: GlobalState) {
        if let Some(slot) = self.globals.borrow_mut().get_mut(id.0 as usize) {
            *slot = state;
        }
    }

    fn value(&self, expr: &Expr) -> Option<Value> {
        self.value_at(None, expr)
    }

    fn value_at(&self, place: Option<DeploymentPlace>, expr: &Expr) -> Option<Value> {
        let around = self.place.replace(place);
        let value = eval::eval(expr, self);
        self.place.set(around);
        match value {
            Ok(value) => Some(value),
            Err(Halt::Unknown) => None,
            Err(Halt::Fault(diagnostic)) => {
                self.fault(*diagnostic);
                None
            }
        }
    }

    fn fault(&self, diagnostic: Diagnostic) {
        self.faults.borrow_mut().push(diagnostic);
    }

    /// Reads what `env(…)` and `file(…)` in bodies need, where that is known now.
    fn read_outside(&self) {
        for call in lockstep_lang::ir::outside_calls(self.program) {
            // Its value is not wanted, only what it reads; mistakes in it show when it runs.
            let _ = eval::eval(call, self);
        }
    }
}

/// Whether an expression names a field of this service.
fn reads_fields_of(expr: &Expr, service: ServiceId) -> bool {
    let mut reads = false;
    eval::visit::each_part(expr, &mut |part| {
        if let ExprKind::Field(of, _) = &part.kind {
            let of = of.as_const();
            reads |= matches!(of, Some(Value::Service { id, .. }) if *id == service);
        }
    });
    reads
}

fn depends_on_itself(span: Span, name: &str) -> Diagnostic {
    Diagnostic::error(
        codes::DEPENDS_ON_ITSELF,
        span,
        format!("the value of `{name}` depends on itself"),
    )
}

impl Scope for FactFinder<'_> {
    fn local(&self, _: Slot) -> Result<Value, Halt> {
        Err(Halt::Unknown)
    }

    fn global(&self, id: GlobalId) -> Result<Value, Halt> {
        self.global(id).ok_or(Halt::Unknown)
    }

    fn field(&self, of: &Value, name: &Name, span: Span) -> Result<Value, Halt> {
        let owner = match of {
            Value::Service { id, .. } => FieldOwner::Service(*id),
            Value::Environment(id) => FieldOwner::Environment(*id),
            Value::Infrastructure(id) => FieldOwner::Infrastructure(*id),
            _ => return Err(no_field(self.program, of, name, span).into()),
        };
        let declared = self.field_expr(owner, name).is_some()
            || self.given.fields.contains_key(&(owner, name.clone()));
        if !declared && let Some(value) = built_in_field(self.program, of, name) {
            return Ok(value);
        }
        let value = match (owner, self.place.get()) {
            (FieldOwner::Service(id), Some(place)) if place.1 == id => self.field_at(place, name),
            (_, None | Some(_)) => self.field_value(owner, name),
        };
        value.ok_or(Halt::Unknown)
    }

    fn infrastructures(&self, of: EnvironmentId) -> Vec<Value> {
        infrastructures_of(self.program, of)
    }

    fn display(&self, value: &Value) -> String {
        display(self.program, value)
    }

    fn run(&self, _: RunField) -> Result<Value, Halt> {
        Err(Halt::Unknown)
    }

    fn env(&self, name: &str) -> Result<Option<Name>, Halt> {
        let mut read = self.read.borrow_mut();
        if let Some(text) = read.env.get(name) {
            return Ok(text.clone());
        }
        let text: Option<Name> = self.outside.0.var(name).ok().map(Arc::from);
        read.env.insert(Name::from(name), text.clone());
        Ok(text)
    }

    fn file(&self, from: FileId, path: &str) -> Result<Result<Name, FileError>, Halt> {
        let mut read = self.read.borrow_mut();
        let known = read
            .files
            .iter()
            .find(|(file, name, _)| *file == from && **name == *path);
        if let Some((.., text)) = known {
            return Ok(text.clone());
        }
        let importer = self
            .program
            .sources
            .get(from)
            .map_or("", |source| &source.name);
        let text = self
            .outside
            .1
            .read(&resolve_beside(importer, path))
            .map(Name::from);
        read.files.push((from, Name::from(path), text.clone()));
        Ok(text)
    }
}

/// `path` as seen from the folder of the file `importer`.
pub fn resolve_beside(importer: &str, path: &str) -> String {
    match importer.rsplit_once('/') {
        Some((folder, _)) if !path.starts_with('/') => format!("{folder}/{path}"),
        _ => path.to_string(),
    }
}
