//! The number of cells of the loops and matrices of a program, and how many run at once, as far as
//! that is known before the run.

use super::values::{constants, shown};
use lockstep_base::source::Span;
use lockstep_base::value::Value;
use lockstep_lang::eval::eval;
use lockstep_lang::ir::lower::Constants;
use lockstep_lang::ir::{Block, Matrix, Modifiers, Order, Program, Stmt, StmtKind};

/// Counting stops after so many combinations of values, whether `where` keeps them or not.
const MAX_COUNTED_CELLS: u64 = 50_000;

/// At most so many cells are listed by name.
const MAX_NAMED_CELLS: usize = 12;

/// The cells of a loop or matrix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CellCount {
    /// Its head.
    pub at: Span,
    /// How many there are.
    pub count: u64,
    /// How many run at once; nothing where waves decide.
    pub width: Option<u64>,
    /// The first of them, by the values of their axes.
    pub names: Vec<String>,
}

impl CellCount {
    /// `6 cells, 2 at once`
    pub fn words(&self) -> String {
        let word = if self.count == 1 { "cell" } else { "cells" };
        match self.width {
            Some(width) if width > 1 => format!("{} {word}, {width} at once", self.count),
            Some(_) if self.count > 1 => format!("{} {word}, one at a time", self.count),
            _ => format!("{} {word}", self.count),
        }
    }
}

/// The cells of all loops and matrices that are known, in no particular order.
pub fn cells(program: &Program) -> Vec<CellCount> {
    let mut found = Vec::new();
    let mut counter = CellCounter {
        program,
        constants: constants(program),
        found: &mut found,
        visited: 0,
    };
    for pipeline in &program.pipelines {
        counter.constants.forget_locals();
        counter.stmt(&pipeline.body);
    }
    for workflow in &program.workflows {
        counter.constants.forget_locals();
        counter.block(&workflow.body);
    }
    found
}

struct CellCounter<'p, 'f> {
    program: &'p Program,
    constants: Constants<'p>,
    found: &'f mut Vec<CellCount>,
    /// How many combinations of the current loop have been visited.
    visited: u64,
}

impl<'p> CellCounter<'p, '_> {
    fn block(&mut self, block: &'p Block) {
        for stmt in &block.stmts {
            self.stmt(stmt);
        }
    }

    fn stmt(&mut self, stmt: &'p Stmt) {
        match &stmt.kind {
            StmtKind::Matrix(matrix) => {
                if let Some(cells) = self.count(matrix, stmt) {
                    self.found.push(cells);
                }
            }
            StmtKind::Let(value) => {
                self.constants.prepare(value);
                if let (Some(slot), Ok(value)) = (stmt.bind, eval(value, &self.constants)) {
                    self.constants.know(slot, value);
                }
            }
            _ => {}
        }
        for block in stmt.blocks() {
            self.block(block);
        }
    }

    fn count(&mut self, matrix: &'p Matrix, stmt: &Stmt) -> Option<CellCount> {
        let mut cells = CellCount {
            at: stmt.span,
            count: 0,
            width: None,
            names: Vec::new(),
        };
        self.visited = 0;
        let mut values = Vec::new();
        let mut width = self.level(matrix, 0, &mut values, &mut cells)?;
        for entry in &matrix.include {
            let mut named = Vec::new();
            for value in entry {
                named.push(self.value(value)?);
            }
            self.cell(&named, &mut cells);
            match matrix.axes.first()?.order {
                Order::Parallel => width += 1,
                Order::Serial => width = width.max(1),
            }
        }
        cells.width = self.limited(&stmt.modifiers, width);
        Some(cells)
    }

    /// Enumerates an axis with the outer axes fixed; returns how many of its cells run at once.
    fn level(
        &mut self,
        matrix: &'p Matrix,
        axis: usize,
        values: &mut Vec<Value>,
        cells: &mut CellCount,
    ) -> Option<u64> {
        let Some(this) = matrix.axes.get(axis) else {
            self.visited += 1;
            if self.visited > MAX_COUNTED_CELLS {
                return None;
            }
            let kept = match &matrix.filter {
                Some(filter) => self.value(filter)? == Value::Bool(true),
                None => true,
            };
            if kept {
                self.cell(values, cells);
            }
            return Some(u64::from(kept));
        };
        let list = self.value(&this.list)?;
        let mut width = 0;
        for value in list.as_list()? {
            self.constants.know(this.slot, value.clone());
            values.push(value.clone());
            let inner = self.level(matrix, axis + 1, values, cells);
            values.pop();
            match this.order {
                Order::Serial => width = width.max(inner?),
                Order::Parallel => width += inner?,
            }
        }
        Some(width)
    }

    fn cell(&self, values: &[Value], cells: &mut CellCount) {
        cells.count += 1;
        if cells.names.len() < MAX_NAMED_CELLS {
            let names = values.iter().map(|value| match value {
                Value::String(text) => text.to_string(),
                value => shown(self.program, value),
            });
            cells.names.push(names.collect::<Vec<_>>().join(", "));
        }
    }

    fn value(&self, expr: &'p lockstep_lang::eval::Expr) -> Option<Value> {
        self.constants.prepare(expr);
        eval(expr, &self.constants).ok()
    }

    fn limited(&self, modifiers: &Modifiers, width: u64) -> Option<u64> {
        if modifiers.batches.is_some() {
            return None;
        }
        let Some(max) = &modifiers.max else {
            return Some(width);
        };
        match eval(max, &self.constants).ok()? {
            Value::Int(max) => Some(width.min(u64::try_from(max).ok()?.max(1))),
            _ => None,
        }
    }
}
