//! Constant evaluation for rules: the values of expressions as far as they are known, from
//! constants alone or with the inputs of a plan.

use std::cell::RefCell;
use std::collections::HashMap;
use std::ops::ControlFlow;

use lockstep_base::source::{FileId, Name, Span};
use lockstep_base::value::{EnvironmentId, Value};
use lockstep_base::world::FileError;
use lockstep_lang::eval::builtins::MadeSort;
use lockstep_lang::eval::{Expr, GlobalId, Halt, RunField, Scope, Slot, eval};
use lockstep_lang::ir::{Axis, Matrix, Order};

/// The greatest number of combinations that are enumerated.
const MAX_COMBINATIONS: usize = 20_000;

/// A scope with local variables whose values are known.
pub struct KnownLocals<'s> {
    scope: &'s dyn Scope,
    locals: RefCell<HashMap<Slot, Value>>,
}

impl<'s> KnownLocals<'s> {
    /// A scope on top of this one, whose own locals are not visible.
    pub fn new(scope: &'s dyn Scope) -> Self {
        Self {
            scope,
            locals: RefCell::default(),
        }
    }

    /// The value, if it is known.
    pub fn value(&self, expr: &Expr) -> Option<Value> {
        eval(expr, self).ok()
    }

    /// Sets the value of a local, or marks it as unknown.
    pub fn set(&self, slot: Slot, value: Option<Value>) {
        match value {
            Some(value) => drop(self.locals.borrow_mut().insert(slot, value)),
            None => drop(self.locals.borrow_mut().remove(&slot)),
        }
    }

    /// A duration in milliseconds, if it is known.
    pub fn duration(&self, expr: &Expr) -> Option<i64> {
        match self.value(expr)? {
            Value::Duration(value) => Some(value),
            _ => None,
        }
    }

    /// A whole number, if it is known.
    pub fn int(&self, expr: &Expr) -> Option<i64> {
        match self.value(expr)? {
            Value::Int(value) => Some(value),
            _ => None,
        }
    }

    /// Calls `see` for each combination of the axes' values, with the indices of the values in
    /// their lists and with the axes' variables set; `where` is not applied. `None` where not all
    /// values are known, or the combinations are too many.
    pub fn combinations(
        &self,
        matrix: &Matrix,
        see: &mut dyn FnMut(&[usize]) -> ControlFlow<()>,
    ) -> Option<()> {
        let mut left = MAX_COMBINATIONS;
        let mut places = Vec::new();
        let found = self.axis(&matrix.axes, &mut places, &mut left, see);
        for axis in &matrix.axes {
            self.set(axis.slot, None);
        }
        found.map(|_| ())
    }

    fn axis(
        &self,
        axes: &[Axis],
        places: &mut Vec<usize>,
        left: &mut usize,
        see: &mut dyn FnMut(&[usize]) -> ControlFlow<()>,
    ) -> Option<ControlFlow<()>> {
        let Some((axis, inner)) = axes.split_first() else {
            *left = left.checked_sub(1)?;
            return Some(see(places));
        };
        let Value::List(list) = self.value(&axis.list)? else {
            return None;
        };
        for (at, value) in list.iter().enumerate() {
            self.set(axis.slot, Some(value.clone()));
            places.push(at);
            let flow = self.axis(inner, places, left, see)?;
            places.pop();
            if flow.is_break() {
                return Some(flow);
            }
        }
        Some(ControlFlow::Continue(()))
    }

    /// How many cells a loop or matrix has, after `where` and `include`.
    pub fn cells(&self, matrix: &Matrix) -> Option<usize> {
        let mut count = matrix.include.len();
        let mut unknown = false;
        self.combinations(matrix, &mut |_| {
            match self.keeps(matrix) {
                Some(true) => count += 1,
                Some(false) => {}
                None => unknown = true,
            }
            ControlFlow::Continue(())
        })?;
        (!unknown).then_some(count)
    }

    /// Whether the current combination satisfies `where`.
    pub fn keeps(&self, matrix: &Matrix) -> Option<bool> {
        match &matrix.filter {
            None => Some(true),
            Some(filter) => Some(self.value(filter)? == Value::Bool(true)),
        }
    }

    /// The greatest number of cells of a loop or matrix that may run at once without a limit;
    /// counting stops at `enough`.
    pub fn at_once(&self, matrix: &Matrix, enough: usize) -> Option<usize> {
        let serial = |axis: &Axis| axis.order == Order::Serial;
        let serial: Vec<bool> = matrix.axes.iter().map(serial).collect();
        let mut counts: HashMap<Vec<usize>, usize> = HashMap::new();
        let mut most = 0;
        let mut unknown = false;
        self.combinations(matrix, &mut |places| {
            match self.keeps(matrix) {
                Some(true) => {
                    let places = places.iter().zip(&serial).filter(|(_, serial)| **serial);
                    let key: Vec<usize> = places.map(|(place, _)| *place).collect();
                    let count = counts.entry(key).or_default();
                    *count += 1;
                    most = most.max(*count);
                }
                Some(false) => {}
                None => unknown = true,
            }
            match unknown || most >= enough {
                true => ControlFlow::Break(()),
                false => ControlFlow::Continue(()),
            }
        })?;
        (!unknown).then_some(most)
    }
}

impl Scope for KnownLocals<'_> {
    fn local(&self, slot: Slot) -> Result<Value, Halt> {
        let found = self.locals.borrow().get(&slot).cloned();
        found.ok_or(Halt::Unknown)
    }

    fn global(&self, id: GlobalId) -> Result<Value, Halt> {
        self.scope.global(id)
    }

    fn field(&self, of: &Value, name: &Name, span: Span) -> Result<Value, Halt> {
        self.scope.field(of, name, span)
    }

    fn star(&self, of: EnvironmentId) -> Result<Vec<Value>, Halt> {
        self.scope.star(of)
    }

    fn made(&self, sort: MadeSort, template: u32) -> Result<Vec<Value>, Halt> {
        self.scope.made(sort, template)
    }

    fn infrastructures(&self, of: EnvironmentId) -> Vec<Value> {
        self.scope.infrastructures(of)
    }

    fn display(&self, value: &Value) -> String {
        self.scope.display(value)
    }

    fn run(&self, field: RunField) -> Result<Value, Halt> {
        self.scope.run(field)
    }

    fn env(&self, name: &str) -> Result<Option<Name>, Halt> {
        self.scope.env(name)
    }

    fn has_secret(&self, secret: u32) -> Result<bool, Halt> {
        self.scope.has_secret(secret)
    }

    fn file(&self, from: FileId, path: &str) -> Result<Result<Name, FileError>, Halt> {
        self.scope.file(from, path)
    }

    fn folder(&self, of: FileId) -> Result<Name, Halt> {
        self.scope.folder(of)
    }

    fn deployed(&self, service: &Value, target: &Value) -> Result<Value, Halt> {
        self.scope.deployed(service, target)
    }
}
