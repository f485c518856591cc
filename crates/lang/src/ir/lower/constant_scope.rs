//! What expressions can see before anything is given or runs: constants, and the fields of
//! services, environments and infrastructures that are made of constants.

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, HashSet};

use crate::eval::builtins::{self, BuiltinBody};
use crate::eval::visit::each_part;
use crate::eval::{Expr, ExprKind, GlobalId, Halt, RunField, Scope, Slot, eval};
use crate::ir::{GlobalSource, KindField, Program};
use crate::pool::POOL_FIELD;
use lockstep_base::diagnostic::{Diagnostic, codes};
use lockstep_base::source::{FileId, Name, Span};
use lockstep_base::value::{EnvironmentId, InfrastructureId, ServiceId, Value};
use lockstep_base::world::FileError;

use super::constants::none_if_optional;

/// How many definitions may be followed in a row; beyond it a value counts as unknown.
const MAX_DEFINITION_DEPTH: u32 = 50;

/// A definition with a value.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum DefinitionKey {
    Global(u32),
    Service(u32, Option<u32>, Name),
    Infrastructure(u32, Name),
    Environment(u32, Name),
}

/// The scope of constants.
pub struct ConstantScope<'p> {
    program: &'p Program,
    circles: bool,
    /// `None` while a value is being found.
    known: RefCell<HashMap<DefinitionKey, Option<Result<Value, Halt>>>>,
    locals: RefCell<HashMap<Slot, Value>>,
    supposed: Option<(GlobalId, Value)>,
    /// The defaults of inputs, if they count.
    defaults: HashMap<GlobalId, Value>,
    depth: Cell<u32>,
    /// Values that count as unknown because the way to them was too long from here.
    cut: RefCell<Vec<DefinitionKey>>,
    was_cut: Cell<bool>,
}

impl<'p> ConstantScope<'p> {
    /// `circles` is whether definitions that need themselves have been reported already.
    pub fn new(program: &'p Program, circles: bool) -> Self {
        Self {
            program,
            circles,
            known: RefCell::default(),
            locals: RefCell::default(),
            supposed: None,
            defaults: HashMap::new(),
            depth: Cell::new(0),
            cut: RefCell::default(),
            was_cut: Cell::new(false),
        }
    }

    /// Supposes that an input has a value.
    pub fn suppose(&mut self, input: Option<(GlobalId, Value)>) {
        self.supposed = input;
    }

    /// Supposes that every input that has a default has that value.
    pub fn suppose_defaults(&mut self) {
        // A default may need others: a few rounds find those that follow from each other.
        for _ in 0..4 {
            let before = self.defaults.len();
            for (id, global) in self.program.globals.iter().enumerate() {
                let id = GlobalId(u32::try_from(id).unwrap_or(u32::MAX));
                if let GlobalSource::Input {
                    default: Some(default),
                    ..
                } = &global.source
                    && !self.defaults.contains_key(&id)
                {
                    self.prepare(default);
                    if let Ok(value) = eval(default, self) {
                        self.defaults.insert(id, value);
                    }
                }
            }
            self.known.get_mut().clear();
            if self.defaults.len() == before {
                return;
            }
        }
    }

    /// Gives a local its value.
    pub fn know(&mut self, slot: Slot, value: Value) {
        self.locals.get_mut().insert(slot, value);
    }

    /// Drops all locals, at the beginning of another body.
    pub fn forget_locals(&mut self) {
        self.locals.get_mut().clear();
    }

    /// The value of a definition, found once. A definition names no locals but its own.
    fn defined(&self, key: DefinitionKey, expr: &Expr, at: Span) -> Result<Value, Halt> {
        match self.known.borrow().get(&key) {
            Some(Some(found)) => return found.clone(),
            Some(None) if self.circles => return Err(Halt::Unknown),
            Some(None) => return Err(circle(at).into()),
            None => {}
        }
        if self.depth.get() >= MAX_DEFINITION_DEPTH {
            self.was_cut.set(true);
            return Err(Halt::Unknown);
        }
        let cut_before = self.was_cut.replace(false);
        self.depth.set(self.depth.get() + 1);
        self.known.borrow_mut().insert(key.clone(), None);
        let locals = self.locals.take();
        let found = eval(expr, self);
        self.locals.replace(locals);
        self.depth.set(self.depth.get() - 1);
        self.known
            .borrow_mut()
            .insert(key.clone(), Some(found.clone()));
        if self.was_cut.get() {
            self.cut.borrow_mut().push(key);
        } else {
            self.was_cut.set(cut_before);
        }
        if self.depth.get() == 0 {
            // What was too deep to be found from here may be found from elsewhere.
            let mut known = self.known.borrow_mut();
            for key in self.cut.take() {
                known.remove(&key);
            }
            self.was_cut.set(false);
        }
        found
    }

    /// Finds the values of what an expression names, and of what those name, with a stack of its
    /// own: however long a chain of definitions is, none is followed by recursion. What cannot be
    /// seen before, such as a field of a service that a loop chooses, is found by the evaluator.
    pub fn prepare(&self, expr: &Expr) {
        let mut open: Vec<(DefinitionKey, &Expr)> = Vec::new();
        let mut entered: HashSet<DefinitionKey> = HashSet::new();
        self.needs(expr, &mut open);
        while let Some((key, expr)) = open.last().cloned() {
            if self.known.borrow().contains_key(&key) {
                open.pop();
            } else if entered.insert(key.clone()) {
                self.needs(expr, &mut open);
            } else {
                open.pop();
                // Its errors are reported where it is checked itself.
                let _ = self.defined(key, expr, expr.span);
            }
        }
    }

    /// The definitions that an expression names and whose values are not known yet.
    fn needs(&self, expr: &Expr, found: &mut Vec<(DefinitionKey, &'p Expr)>) {
        let known = self.known.borrow();
        each_part(expr, &mut |part| {
            let definition = match &part.kind {
                ExprKind::Global(id) => self.global_definition(*id),
                ExprKind::Field(of, name) => match of.as_const().map(|of| self.find(of, name)) {
                    Some(DefinitionSource::Defined(key, expr)) => Some((key, expr)),
                    _ => None,
                },
                ExprKind::Const(_)
                | ExprKind::Local(_)
                | ExprKind::Run(_)
                | ExprKind::Interpolate(_)
                | ExprKind::List(_)
                | ExprKind::Record(_)
                | ExprKind::Star(_)
                | ExprKind::Index(..)
                | ExprKind::Unary(..)
                | ExprKind::Binary(..)
                | ExprKind::If(..)
                | ExprKind::Comprehension { .. }
                | ExprKind::IfSome { .. }
                | ExprKind::Bind { .. }
                | ExprKind::Convert(..)
                | ExprKind::Call(..) => None,
            };
            found.extend(definition.filter(|(key, _)| !known.contains_key(key)));
        });
    }

    fn global_definition(&self, id: GlobalId) -> Option<(DefinitionKey, &'p Expr)> {
        match &self.program.globals.get(id.0 as usize)?.source {
            GlobalSource::Let(value) => Some((DefinitionKey::Global(id.0), value)),
            GlobalSource::Input { .. } => None,
        }
    }

    /// Where the value of a field comes from.
    fn find(&self, of: &Value, name: &Name) -> DefinitionSource<'p> {
        let found = match of {
            Value::Service { id, at } => self.service(*id, *at, name),
            Value::Infrastructure(id) => self.infrastructure(*id, name),
            Value::Environment(id) => self.environment(*id, name),
            _ => None,
        };
        found.unwrap_or(DefinitionSource::Nothing)
    }

    fn service(
        &self,
        id: ServiceId,
        at: Option<InfrastructureId>,
        name: &Name,
    ) -> Option<DefinitionSource<'p>> {
        let service = self.program.services.get(id.0 as usize)?;
        let kind = self.program.kinds.get(service.kind as usize)?;
        match &**name {
            "name" => return Some(DefinitionSource::Value(Value::String(service.name.clone()))),
            "kind" => return Some(DefinitionSource::Value(Value::String(kind.name.clone()))),
            _ => {}
        }
        let place = at.and_then(|at| self.program.infrastructures.get(at.0 as usize));
        let overridden = place.and_then(|place| {
            let environment = self.program.environments.get(place.environment.0 as usize);
            let wider = environment.map_or(&[][..], |environment| &environment.overrides);
            place
                .overrides
                .iter()
                .chain(wider)
                .filter(|entry| entry.service == id)
                .find_map(|entry| entry.fields.get(name))
        });
        let key = DefinitionKey::Service(id.0, at.map(|at| at.0), name.clone());
        let given = overridden.or_else(|| service.fields.get(name));
        Some(given_or_default(key, given, kind.service.get(name)))
    }

    fn infrastructure(&self, id: InfrastructureId, name: &Name) -> Option<DefinitionSource<'p>> {
        let place = self.program.infrastructures.get(id.0 as usize)?;
        let environment = self
            .program
            .environments
            .get(place.environment.0 as usize)?;
        match &**name {
            "name" => return Some(DefinitionSource::Value(Value::String(place.name.clone()))),
            "environment" => {
                return Some(DefinitionSource::Value(Value::Environment(
                    place.environment,
                )));
            }
            _ => {}
        }
        let key = DefinitionKey::Infrastructure(id.0, name.clone());
        let given = place
            .fields
            .get(name)
            .or_else(|| environment.fields.get(name));
        let kind = self.program.kinds.get(place.kind as usize);
        let declared = kind.and_then(|kind| kind.infrastructure.get(name));
        Some(match (given, declared, &**name) {
            (None, None, "id") => DefinitionSource::Value(Value::String(place.name.clone())),
            (None, None, "exclusive") => DefinitionSource::Value(Value::Bool(true)),
            (None, None, POOL_FIELD) => DefinitionSource::Value(Value::None),
            (None, None, "connect") => {
                local().map_or(DefinitionSource::Nothing, DefinitionSource::Value)
            }
            _ => given_or_default(key, given, declared),
        })
    }

    fn environment(&self, id: EnvironmentId, name: &Name) -> Option<DefinitionSource<'p>> {
        let environment = self.program.environments.get(id.0 as usize)?;
        if &**name == "name" {
            return Some(DefinitionSource::Value(Value::String(
                environment.name.clone(),
            )));
        }
        let key = DefinitionKey::Environment(id.0, name.clone());
        Some(given_or_default(key, environment.fields.get(name), None))
    }
}

/// Where a value comes from.
enum DefinitionSource<'p> {
    /// It is known.
    Value(Value),
    /// From this definition.
    Defined(DefinitionKey, &'p Expr),
    /// From nowhere, which has been reported.
    Nothing,
}

fn given_or_default<'p>(
    key: DefinitionKey,
    given: Option<&'p Expr>,
    declared: Option<&'p KindField>,
) -> DefinitionSource<'p> {
    let default = || declared.and_then(|field| field.default.as_ref());
    match given.or_else(default) {
        Some(expr) => DefinitionSource::Defined(key, expr),
        None => declared
            .and_then(|field| none_if_optional(&field.ty))
            .map_or(DefinitionSource::Nothing, DefinitionSource::Value),
    }
}

/// The connection that an infrastructure has where none is given.
fn local() -> Option<Value> {
    match builtins::find("local").map(|local| &local.call) {
        Some(BuiltinBody::Pure(call)) => call(&[]).ok(),
        _ => None,
    }
}

fn circle(at: Span) -> Diagnostic {
    Diagnostic::error(codes::CIRCLE, at, "this definition depends on itself")
        .here("needed here")
        .help("break the cycle: one of the definitions must do without the other")
}

impl Scope for ConstantScope<'_> {
    fn local(&self, slot: Slot) -> Result<Value, Halt> {
        self.locals
            .borrow()
            .get(&slot)
            .cloned()
            .ok_or(Halt::Unknown)
    }

    fn global(&self, id: GlobalId) -> Result<Value, Halt> {
        if let Some((input, value)) = &self.supposed
            && *input == id
        {
            return Ok(value.clone());
        }
        match self.global_definition(id) {
            Some((key, value)) => self.defined(key, value, value.span),
            None => self.defaults.get(&id).cloned().ok_or(Halt::Unknown),
        }
    }

    fn field(&self, of: &Value, name: &Name, span: Span) -> Result<Value, Halt> {
        match self.find(of, name) {
            DefinitionSource::Value(value) => Ok(value),
            DefinitionSource::Defined(key, expr) => self.defined(key, expr, span),
            DefinitionSource::Nothing => Err(Halt::Unknown),
        }
    }

    fn infrastructures(&self, of: EnvironmentId) -> Vec<Value> {
        let environment = self.program.environments.get(of.0 as usize);
        let places = environment.map_or(&[][..], |environment| &environment.infrastructures);
        places.iter().copied().map(Value::Infrastructure).collect()
    }

    fn star(&self, of: EnvironmentId) -> Result<Vec<Value>, Halt> {
        match self.program.has_templates(of) {
            true => Err(Halt::Unknown),
            false => Ok(self.infrastructures(of)),
        }
    }

    fn display(&self, value: &Value) -> String {
        let name = match value {
            Value::Service { id, .. } => {
                self.program.services.get(id.0 as usize).map(|of| &of.name)
            }
            Value::Environment(id) => self
                .program
                .environments
                .get(id.0 as usize)
                .map(|of| &of.name),
            Value::Infrastructure(id) => self
                .program
                .infrastructures
                .get(id.0 as usize)
                .map(|of| &of.name),
            _ => None,
        };
        name.map_or_else(String::new, |name| name.to_string())
    }

    fn run(&self, _: RunField) -> Result<Value, Halt> {
        Err(Halt::Unknown)
    }

    fn env(&self, _: &str) -> Result<Option<Name>, Halt> {
        Err(Halt::Unknown)
    }

    fn file(&self, _: FileId, _: &str) -> Result<Result<Name, FileError>, Halt> {
        Err(Halt::Unknown)
    }
}
