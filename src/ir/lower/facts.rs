//! What expressions can see before anything is given or runs: constants, and the fields of
//! services, environments and infrastructures that are made of constants.
//! It does not know inputs, variables, files and the run.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;

use crate::diagnostic::{Diagnostic, codes};
use crate::eval::builtins::{self, Body};
use crate::eval::{Expr, GlobalId, Halt, RunField, Scope, Slot, eval};
use crate::ir::{GlobalSource, KindField, Program};
use crate::source::{FileId, Name, Span};
use crate::value::{EnvironmentId, InfrastructureId, ServiceId, Value};

use super::constants::none_if_optional;

/// How many definitions may be followed in a row; beyond it a value counts as unknown.
const MAX_DEPTH: u32 = 50;

/// A definition with a value.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Key {
    Global(u32),
    Service(u32, Option<u32>, Name),
    Infrastructure(u32, Name),
    Environment(u32, Name),
}

/// The scope of constants.
pub(super) struct Facts<'p> {
    program: &'p Program,
    /// `None` while a value is being found.
    known: RefCell<HashMap<Key, Option<Result<Value, Halt>>>>,
    locals: RefCell<HashMap<Slot, Value>>,
    supposed: Option<(GlobalId, Value)>,
    depth: Cell<u32>,
    /// Values that count as unknown because the way to them was too long from here.
    cut: RefCell<Vec<Key>>,
    was_cut: Cell<bool>,
}

impl<'p> Facts<'p> {
    pub fn new(program: &'p Program) -> Self {
        Self {
            program,
            known: RefCell::default(),
            locals: RefCell::default(),
            supposed: None,
            depth: Cell::new(0),
            cut: RefCell::default(),
            was_cut: Cell::new(false),
        }
    }

    /// Supposes that an input has a value.
    pub fn suppose(&mut self, input: Option<(GlobalId, Value)>) {
        self.supposed = input;
    }

    /// Gives a local its value.
    pub fn know(&mut self, slot: Slot, value: Value) {
        self.locals.get_mut().insert(slot, value);
    }

    /// Forgets all locals, at the beginning of another body.
    pub fn forget_locals(&mut self) {
        self.locals.get_mut().clear();
    }

    /// The value of a definition, found once. A definition names no locals but its own.
    fn defined(&self, key: Key, expr: &Expr, at: Span) -> Result<Value, Halt> {
        match self.known.borrow().get(&key) {
            Some(Some(found)) => return found.clone(),
            Some(None) => return Err(circle(at).into()),
            None => {}
        }
        if self.depth.get() >= MAX_DEPTH {
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

    fn service(
        &self,
        id: ServiceId,
        at: Option<InfrastructureId>,
        name: &Name,
        span: Span,
    ) -> Found {
        let service = self.program.services.get(id.0 as usize)?;
        let kind = self.program.kinds.get(service.kind as usize)?;
        match &**name {
            "name" => return Some(Ok(Value::String(service.name.clone()))),
            "kind" => return Some(Ok(Value::String(kind.name.clone()))),
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
        let key = Key::Service(id.0, at.map(|at| at.0), name.clone());
        let given = overridden.or_else(|| service.fields.get(name));
        self.given_or_default(key, given, kind.service.get(name), span)
    }

    fn infrastructure(&self, id: InfrastructureId, name: &Name, span: Span) -> Found {
        let place = self.program.infrastructures.get(id.0 as usize)?;
        let environment = self
            .program
            .environments
            .get(place.environment.0 as usize)?;
        match &**name {
            "name" => return Some(Ok(Value::String(place.name.clone()))),
            "environment" => return Some(Ok(Value::Environment(place.environment))),
            _ => {}
        }
        let key = Key::Infrastructure(id.0, name.clone());
        let given = place
            .fields
            .get(name)
            .or_else(|| environment.fields.get(name));
        let kind = self.program.kinds.get(place.kind as usize);
        let declared = kind.and_then(|kind| kind.infrastructure.get(name));
        match (given, declared, &**name) {
            (None, None, "id") => Some(Ok(Value::String(place.name.clone()))),
            (None, None, "exclusive") => Some(Ok(Value::Bool(true))),
            (None, None, "connect") => Some(local()),
            _ => self.given_or_default(key, given, declared, span),
        }
    }

    fn environment(&self, id: EnvironmentId, name: &Name, span: Span) -> Found {
        let environment = self.program.environments.get(id.0 as usize)?;
        if &**name == "name" {
            return Some(Ok(Value::String(environment.name.clone())));
        }
        let key = Key::Environment(id.0, name.clone());
        self.given_or_default(key, environment.fields.get(name), None, span)
    }

    fn given_or_default(
        &self,
        key: Key,
        given: Option<&Expr>,
        declared: Option<&KindField>,
        span: Span,
    ) -> Found {
        let default = || declared.and_then(|field| field.default.as_ref());
        if let Some(expr) = given.or_else(default) {
            return Some(self.defined(key, expr, span));
        }
        declared
            .and_then(|field| none_if_optional(&field.ty))
            .map(Ok)
    }
}

/// A field's value; `None` where there is no such field, which has been reported.
type Found = Option<Result<Value, Halt>>;

fn local() -> Result<Value, Halt> {
    match builtins::find("local").map(|local| &local.call) {
        Some(Body::Pure(call)) => call(&[]).map_err(|_| Halt::Unknown),
        _ => Err(Halt::Unknown),
    }
}

fn circle(at: Span) -> Diagnostic {
    Diagnostic::error(codes::CIRCLE, at, "this definition needs itself")
        .here("needed here")
        .help("break the circle: one of the definitions must do without the other")
}

impl Scope for Facts<'_> {
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
        match self.program.globals.get(id.0 as usize) {
            Some(global) => match &global.source {
                GlobalSource::Let(value) => self.defined(Key::Global(id.0), value, global.span),
                GlobalSource::Input { .. } => Err(Halt::Unknown),
            },
            None => Err(Halt::Unknown),
        }
    }

    fn field(&self, of: &Value, name: &Name, span: Span) -> Result<Value, Halt> {
        let found = match of {
            Value::Service { id, at } => self.service(*id, *at, name, span),
            Value::Infrastructure(id) => self.infrastructure(*id, name, span),
            Value::Environment(id) => self.environment(*id, name, span),
            _ => None,
        };
        found.unwrap_or(Err(Halt::Unknown))
    }

    fn infrastructures(&self, of: EnvironmentId) -> Vec<Value> {
        let environment = self.program.environments.get(of.0 as usize);
        let places = environment.map_or(&[][..], |environment| &environment.infrastructures);
        places.iter().copied().map(Value::Infrastructure).collect()
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

    fn file(&self, _: FileId, _: &str) -> Result<Result<Name, String>, Halt> {
        Err(Halt::Unknown)
    }
}
