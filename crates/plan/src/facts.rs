//! What is known before the run: the value of every input, `let` and field, and what `env` and
//! `file` read.

mod optional_secrets;

use std::cell::{Cell, RefCell};
use std::sync::Arc;

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use super::declared::{
    all_infrastructures_of, built_in_field, display, infrastructures_of, made_of, no_field,
};
use super::deployed::{self, DeployedVersion};
use super::locals::Locals;
use super::paths;
use super::run_facts::RunFacts;
use lockstep_base::diagnostic::{Diagnostic, codes};
use lockstep_base::source::{FileId, Name, Span};
use lockstep_base::value::{EnvironmentId, InfrastructureId, ServiceId, Value};
use lockstep_base::world::{EnvironmentVariables, FileError, Files};
use lockstep_lang::eval::builtins::MadeSort;
use lockstep_lang::eval::{self, Expr, ExprKind, GlobalId, Halt, RunField, Scope, Slot};
use lockstep_lang::ir::{GlobalSource, KindField, Override, Program, asks_ledger, has_paths};
use lockstep_lang::pool::POOL_FIELD;

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
    /// Which of the secrets that may be missing are there, by their places in the program's table;
    /// nothing else is known of them.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub optional_secrets: IndexMap<u32, bool>,
    /// Files that the program reads, by folder-giving source and path.
    pub files: Vec<(FileId, Name, Result<Name, FileError>)>,
    /// The absolute folder of each source file, where the program has paths.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub folders: Vec<Name>,
    /// What the ledger said was deployed where, if the program asks and somebody answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deployed: Option<Vec<DeployedVersion>>,
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

    fn star(&self, of: EnvironmentId) -> Result<Vec<Value>, Halt> {
        all_infrastructures_of(self.program, of)
    }

    fn made(&self, sort: MadeSort, template: u32) -> Result<Vec<Value>, Halt> {
        made_of(self.program, sort, template)
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
            RunField::Scratch => run.scratch.clone(),
            RunField::SecretFolder => run.secret_folder.clone(),
        }))
    }

    fn env(&self, name: &str) -> Result<Option<Name>, Halt> {
        self.facts.env.get(name).cloned().ok_or(Halt::Unknown)
    }

    fn has_secret(&self, secret: u32) -> Result<bool, Halt> {
        let known = self.facts.optional_secrets.get(&secret);
        known.copied().ok_or(Halt::Unknown)
    }

    fn file(&self, from: FileId, path: &str) -> Result<Result<Name, FileError>, Halt> {
        let found = self
            .facts
            .files
            .iter()
            .find(|(file, name, _)| *file == from && **name == *path);
        found.map(|(.., text)| text.clone()).ok_or(Halt::Unknown)
    }

    fn folder(&self, of: FileId) -> Result<Name, Halt> {
        let folder = self.facts.folders.get(of.0 as usize);
        folder.cloned().ok_or(Halt::Unknown)
    }

    fn deployed(&self, service: &Value, target: &Value) -> Result<Value, Halt> {
        let all = self.facts.deployed.as_ref().ok_or(Halt::Unknown)?;
        let (service, target) = (self.display(service), self.display(target));
        Ok(deployed::find(all, &service, &target))
    }
}

impl Facts {
    /// Whether deployments to an infrastructure hold a lock.
    pub fn is_exclusive(&self, target: InfrastructureId) -> bool {
        let fields = self.infrastructures.get(target.0 as usize);
        fields.and_then(|fields| fields.get("exclusive")) != Some(&Value::Bool(false))
    }

    /// The pool of an infrastructure, if it has one.
    pub fn pool_of(&self, target: InfrastructureId) -> Option<&Name> {
        match self
            .infrastructures
            .get(target.0 as usize)?
            .get(POOL_FIELD)?
        {
            Value::String(pool) => Some(pool),
            _ => None,
        }
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

/// Evaluates everything that is declared, each thing once and in whatever order it is needed.
/// All mistakes are reported.
pub struct FactFinder<'a> {
    program: &'a Program,
    outside: (&'a dyn EnvironmentVariables, &'a dyn Files),
    globals: RefCell<Vec<GlobalState>>,
    fields: RefCell<IndexMap<(FieldOwner, Name), GlobalState>>,
    read: RefCell<Outside>,
    /// The folders of source files that paths are relative to.
    folders: RefCell<IndexMap<FileId, Name>>,
    /// Whether the secrets that may be missing are there; nothing while that is being found.
    optional_secrets: RefCell<IndexMap<u32, Option<bool>>>,
    faults: RefCell<Vec<Diagnostic>>,
    /// The deployment whose fields are evaluated: in a field of its service, the service's other
    /// fields are those of the same deployment.
    place: Cell<Option<DeploymentPlace>>,
    /// Fields of services that have another value at a place, because they are made from others.
    placed: RefCell<IndexMap<(DeploymentPlace, Name), GlobalState>>,
    /// Values given for inputs, and fields fixed for this run.
    given: GivenValues,
}

/// What has been read of the caller's environment and of files.
#[derive(Debug, Default)]
pub struct Outside {
    env: IndexMap<Name, Option<Name>>,
    files: Vec<(FileId, Name, Result<Name, FileError>)>,
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
    /// What is deployed where.
    pub deployed: Option<Vec<DeployedVersion>>,
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
            folders: RefCell::default(),
            optional_secrets: RefCell::default(),
            faults: RefCell::default(),
            place: Cell::default(),
            placed: RefCell::default(),
            given,
        }
    }

    /// The same with what another has read.
    pub fn having_read(self, outside: Outside) -> Self {
        self.read.replace(outside);
        self
    }

    /// What it has read.
    pub fn into_outside(self) -> Outside {
        self.read.into_inner()
    }

    /// A value as a person would name it.
    pub fn shown(&self, value: &Value) -> String {
        display(self.program, value)
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
        if has_paths(program) {
            let files = program.sources.iter();
            let folders = files.map(|(file, _)| paths::folder_of(program, self.outside.1, file));
            facts.folders = folders.collect();
        }
        facts.optional_secrets = self.found_secrets().collect();
        let faults = self.faults.into_inner();
        if !faults.is_empty() {
            return Err(faults);
        }
        let deployed = match asks_ledger(program) {
            true => self.given.deployed,
            false => None,
        };
        let read = self.read.into_inner();
        Ok(Facts {
            env: read.env,
            files: read.files,
            deployed,
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

    /// What has been found wrong since the last time.
    pub fn take_faults(&self) -> Vec<Diagnostic> {
        self.faults.take()
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

    fn star(&self, of: EnvironmentId) -> Result<Vec<Value>, Halt> {
        all_infrastructures_of(self.program, of)
    }

    fn made(&self, sort: MadeSort, template: u32) -> Result<Vec<Value>, Halt> {
        made_of(self.program, sort, template)
    }

    fn display(&self, value: &Value) -> String {
        display(self.program, value)
    }

    fn run(&self, _: RunField) -> Result<Value, Halt> {
        Err(Halt::Unknown)
    }

    fn folder(&self, of: FileId) -> Result<Name, Halt> {
        let mut known = self.folders.borrow_mut();
        let folder = known.entry(of);
        let folder = folder.or_insert_with(|| paths::folder_of(self.program, self.outside.1, of));
        Ok(folder.clone())
    }

    fn deployed(&self, service: &Value, target: &Value) -> Result<Value, Halt> {
        let all = self.given.deployed.as_ref().ok_or(Halt::Unknown)?;
        let (service, target) = (self.display(service), self.display(target));
        Ok(deployed::find(all, &service, &target))
    }

    fn has_secret(&self, secret: u32) -> Result<bool, Halt> {
        self.finds_secret(secret)
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
            .read(&paths::name_of_file(self.outside.1, importer, path))
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
