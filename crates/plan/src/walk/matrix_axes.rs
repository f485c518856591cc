//! The cells of a loop or matrix, one by one.

use std::sync::Arc;

use super::{MAX_VISITED_CELLS, MatrixCell, PlanWalk};
use crate::cell_numbers::CellNumbers;
use crate::grid::{Axes, Position};
use crate::locals::Locals;
use lockstep_base::diagnostic::{Diagnostic, codes};
use lockstep_base::value::Value;
use lockstep_lang::eval::{Expr, Halt};
use lockstep_lang::ir::{Axis, Matrix};

/// A text that is longer may be too much for the text that it is put into.
const MAX_PLAIN_BYTES: usize = 1_000;

/// The axes of a matrix, for the walk and for the grid.
pub struct MatrixAxes<'a> {
    /// Who evaluates.
    pub walk: PlanWalk<'a>,
    /// The matrix.
    pub matrix: &'a Matrix,
}

/// The first cell of a loop or matrix.
pub struct FirstCell {
    /// Its axis values.
    pub values: Vec<Value>,
    /// The locals with its axis values.
    pub locals: Locals,
    /// How many cells there are, if no axis depends on another and all of them stay.
    pub count: usize,
    /// Whether all values of all axes are such that every text can have them in it.
    pub is_plain: bool,
}

impl PlanWalk<'_> {
    /// The first cell, where the axes do not depend on each other; nothing where there is none.
    pub fn first_cell(&self, matrix: &Matrix, locals: &Locals) -> Result<Option<FirstCell>, Halt> {
        let mut axes = MatrixAxes {
            walk: *self,
            matrix,
        };
        let mut first = FirstCell {
            values: Vec::new(),
            locals: locals.clone(),
            count: 1,
            is_plain: true,
        };
        let mut is_empty = false;
        for axis in 0..matrix.axes.len() {
            let values = axes.values(axis, &first.locals)?;
            first.count = first.count.saturating_mul(values.len());
            first.is_plain &= values.iter().all(is_plain);
            let Some(value) = values.first() else {
                is_empty = true;
                break;
            };
            first.locals = axes.bind(axis, value, &first.locals);
            first.values.push(value.clone());
        }
        Ok((!is_empty).then_some(first))
    }
}

/// Whether every text can have a value in it.
fn is_plain(value: &Value) -> bool {
    match value {
        Value::Bool(_)
        | Value::Int(_)
        | Value::Float(_)
        | Value::Duration(_)
        | Value::Percent(_)
        | Value::Service { .. }
        | Value::Environment(_)
        | Value::Infrastructure(_) => true,
        Value::String(text) => text.len() <= MAX_PLAIN_BYTES,
        Value::None | Value::List(_) | Value::Map(_) | Value::Secret(_) | Value::Unknown => false,
    }
}

/// A loop or matrix has more cells than `limit`, the most that are gone through one by one.
pub fn too_many_cells(matrix: &Matrix, limit: usize) -> Halt {
    let message = "this loop has too many cells to go through them one by one";
    let span = matrix.axes.iter().map(|axis| axis.list.span).next();
    let diagnostic = match span {
        Some(span) => Diagnostic::error(codes::PIPELINE_TOO_LARGE, span, message),
        None => Diagnostic::without_place(codes::PIPELINE_TOO_LARGE, message),
    };
    let diagnostic = diagnostic
        .here(format!("more than {limit} combinations of values"))
        .help("make its lists shorter, or let each cell do more");
    diagnostic.into()
}

impl MatrixAxes<'_> {
    /// Refuses what has more cells than can be gone through; counted by the first elements of its
    /// axes, so that nothing is gone through for it.
    pub fn check_count(&mut self, locals: &Locals) -> Result<(), Halt> {
        let mut inside = locals.clone();
        let mut count: usize = 1;
        for axis in 0..self.matrix.axes.len() {
            let values = self.values(axis, &inside)?;
            let Some(first) = values.first() else {
                return Ok(());
            };
            count = count.saturating_mul(values.len());
            inside = self.bind(axis, first, &inside);
        }
        match count > MAX_VISITED_CELLS {
            true => Err(too_many_cells(self.matrix, MAX_VISITED_CELLS)),
            false => Ok(()),
        }
    }

    /// A cell whose name cannot be made stops the loop, as an axis does that has no values.
    fn check_names(&self, axis: &Axis, values: &[Value], locals: &Locals) -> Result<(), Halt> {
        let Some(by) = &axis.by else {
            return Ok(());
        };
        for value in values {
            match self.walk.eval(by, &locals.bind(axis.slot, value.clone())) {
                Ok(_) | Err(Halt::Unknown) => {}
                Err(fault) => return Err(fault),
            }
        }
        Ok(())
    }

    pub(super) fn each(
        &mut self,
        locals: &Locals,
        position: &mut Position,
        values: &mut Vec<Value>,
        left: &mut usize,
        found: &mut dyn FnMut(MatrixCell<'_>) -> Result<(), Halt>,
    ) -> Result<(), Halt> {
        let axis = position.len();
        if axis == self.matrix.axes.len() {
            *left = match left.checked_sub(1) {
                Some(left) => left,
                None => return Err(too_many_cells(self.matrix, MAX_VISITED_CELLS)),
            };
            return if self.keep(locals)? {
                found(MatrixCell {
                    position,
                    values,
                    locals,
                })
            } else {
                Ok(())
            };
        }
        for (at, value) in self.values(axis, locals)?.iter().enumerate() {
            let inner = self.bind(axis, value, locals);
            position.push(at as u32);
            values.push(value.clone());
            self.each(&inner, position, values, left, found)?;
            position.pop();
            values.pop();
        }
        Ok(())
    }
}

impl Axes for MatrixAxes<'_> {
    type Error = Halt;

    fn values(&mut self, axis: usize, locals: &Locals) -> Result<Arc<Vec<Value>>, Halt> {
        let Some(axis) = self.matrix.axes.get(axis) else {
            return Ok(Arc::default());
        };
        match self.walk.eval(&axis.list, locals) {
            Ok(Value::List(values)) => {
                self.check_names(axis, &values, locals)?;
                Ok(values)
            }
            Err(Halt::Unknown) if self.walk.supposes() => {
                Ok(Arc::new(self.walk.supposed_values(axis)))
            }
            Ok(_) => Ok(Arc::default()),
            Err(halt) => Err(halt),
        }
    }

    fn bind(&self, axis: usize, value: &Value, locals: &Locals) -> Locals {
        match self.matrix.axes.get(axis) {
            Some(axis) => locals.bind(axis.slot, value.clone()),
            None => locals.clone(),
        }
    }

    fn keep(&mut self, locals: &Locals) -> Result<bool, Halt> {
        match &self.matrix.filter {
            Some(filter) => match self.walk.eval(filter, locals) {
                Ok(value) => Ok(value == Value::Bool(true)),
                Err(Halt::Unknown) if self.walk.supposes() => Ok(true),
                Err(halt) => Err(halt),
            },
            None => Ok(true),
        }
    }

    fn has_equals(&self, axis: usize, values: &[Value], locals: &Locals) -> bool {
        self.has_equal_names(axis, values, locals)
    }

    fn numbers(&mut self, locals: &Locals) -> CellNumbers {
        let included = self.included(locals).unwrap_or_default();
        self.count_names(locals, &included)
    }

    fn included(&mut self, locals: &Locals) -> Result<Vec<Vec<Value>>, Halt> {
        let values = |cell: &Vec<Expr>| {
            cell.iter()
                .map(|value| match self.walk.eval(value, locals) {
                    Err(Halt::Unknown) if self.walk.supposes() => Ok(Value::Unknown),
                    value => value,
                })
                .collect()
        };
        let included: Vec<Vec<Value>> =
            (self.matrix.include.iter().map(values)).collect::<Result<_, _>>()?;
        for cell in &included {
            for (axis, value) in self.matrix.axes.iter().zip(cell) {
                self.check_names(axis, std::slice::from_ref(value), locals)?;
            }
        }
        Ok(included)
    }
}
