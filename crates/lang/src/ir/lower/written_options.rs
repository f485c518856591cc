//! Which words a program itself writes as options: `let flags = ["--context", i.context]`. A value
//! that begins with `-` is refused where a program would read an option, because it may be data;
//! these are not. A value is followed through names, conditions, sums and the results of workflows.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;

use lockstep_base::value::Value;
use lockstep_syntax::ast::BinaryOp;

use crate::eval::{Expr, ExprKind, InterpolationPart, Slot};
use crate::ir::command::{Operand, WrittenWord};
use crate::ir::visit::{ChildMut, children_mut, each_stmt};
use crate::ir::{GlobalSource, Program, Stmt, StmtKind};

/// A value that may be written in more ways is data.
const MAX_WAYS: usize = 64;
/// Names are followed so far.
const MAX_DEPTH: usize = 16;

/// The words of a value, in one of the ways in which the program writes it.
type Words = Vec<WrittenWord>;

/// Notes at each command how the program writes the values that must not begin with `-`.
pub(super) fn note(program: &mut Program) {
    let in_workflows: Vec<_> = (program.workflows.iter())
        .map(|workflow| written_in(program, &workflow.body.stmts))
        .collect();
    let in_pipelines: Vec<_> = (program.pipelines.iter())
        .map(|pipeline| written_in(program, std::slice::from_ref(&pipeline.body)))
        .collect();
    for (workflow, ways) in program.workflows.iter_mut().zip(in_workflows) {
        set_in(&mut workflow.body.stmts, &mut ways.into_iter());
    }
    for (pipeline, ways) in program.pipelines.iter_mut().zip(in_pipelines) {
        let body = std::slice::from_mut(&mut pipeline.body);
        set_in(body, &mut ways.into_iter());
    }
}

/// How each operand of a body is written, in the order of the statements.
fn written_in(program: &Program, body: &[Arc<Stmt>]) -> Vec<Vec<Words>> {
    let mut operands: Vec<&Operand> = Vec::new();
    for stmt in body {
        each_stmt(stmt, &mut |stmt| {
            if let StmtKind::Run(command) = &stmt.kind {
                operands.extend(&command.operands);
            }
        });
    }
    if operands.is_empty() {
        return Vec::new();
    }
    let tracer = Tracer {
        program,
        bound: bound_in(body),
        handed: RefCell::default(),
    };
    let ways = |operand: &&Operand| tracer.ways(&operand.value, 0).unwrap_or_default();
    operands.iter().map(ways).collect()
}

/// Gives each operand its ways, in the order in which [`written_in`] found them.
fn set_in(body: &mut [Arc<Stmt>], ways: &mut std::vec::IntoIter<Vec<Words>>) {
    for stmt in body {
        if ways.len() == 0 {
            return;
        }
        let stmt = Arc::make_mut(stmt);
        if let StmtKind::Run(command) = &mut stmt.kind {
            for operand in &mut command.operands {
                operand.written = ways.next().unwrap_or_default();
            }
        }
        children_mut(stmt, &mut |child| match child {
            ChildMut::Body(block) | ChildMut::Handler(block) => set_in(&mut block.stmts, ways),
            ChildMut::Expr(_) => {}
        });
    }
}

/// The statements that bind a name. A slot that is bound twice stands for either.
fn bound_in(body: &[Arc<Stmt>]) -> HashMap<Slot, Vec<&Stmt>> {
    let mut bound: HashMap<Slot, Vec<&Stmt>> = HashMap::new();
    for stmt in body {
        each_stmt(stmt, &mut |stmt| {
            if let Some(slot) = stmt.bind {
                bound.entry(slot).or_default().push(stmt);
            }
        });
    }
    bound
}

struct Tracer<'ir> {
    program: &'ir Program,
    bound: HashMap<Slot, Vec<&'ir Stmt>>,
    /// How what functions are handed is written, the innermost call last.
    handed: RefCell<Vec<(Slot, Option<Vec<Words>>)>>,
}

impl Tracer<'_> {
    /// All ways in which a text or a list is written; `None` where that is not known.
    fn ways(&self, value: &Expr, depth: usize) -> Option<Vec<Words>> {
        if depth > MAX_DEPTH {
            return None;
        }
        let ways = match &value.kind {
            ExprKind::Const(Value::List(items)) => {
                let text = |item: &Value| Some(WrittenWord::Text(item.as_str()?.into()));
                vec![items.iter().map(text).collect::<Option<Words>>()?]
            }
            ExprKind::Const(constant) => {
                vec![vec![WrittenWord::Text(constant.as_str()?.into())]]
            }
            ExprKind::Interpolate(parts) => vec![vec![interpolated(parts)?]],
            ExprKind::List(items) => {
                let mut all = vec![Vec::new()];
                for item in items {
                    let next = match (self.ways(&item.value, depth + 1), item.spread) {
                        (Some(ways), _) => ways,
                        // An element that is a list would be several words.
                        (None, false) if is_list(&item.value) => return None,
                        (None, false) => vec![vec![WrittenWord::Data]],
                        (None, true) => return None,
                    };
                    all = joined(&all, &next)?;
                }
                all
            }
            ExprKind::Binary(BinaryOp::Add, left, right) => {
                joined(&self.ways(left, depth + 1)?, &self.ways(right, depth + 1)?)?
            }
            ExprKind::If(_, then, other) => {
                let mut ways = self.ways(then, depth + 1)?;
                ways.append(&mut self.ways(other, depth + 1)?);
                ways
            }
            ExprKind::Global(id) => match &self.program.globals.get(id.0 as usize)?.source {
                GlobalSource::Let(value) => {
                    // It has names of its own.
                    let handed = self.handed.take();
                    let ways = self.ways(value, depth + 1);
                    self.handed.replace(handed);
                    ways?
                }
                GlobalSource::Input { .. } => return None,
            },
            ExprKind::Bind { values, body } => {
                let before = self.handed.borrow().len();
                for (slot, value) in values {
                    let ways = self.ways(value, depth + 1);
                    self.handed.borrow_mut().push((*slot, ways));
                }
                let ways = self.ways(body, depth + 1);
                self.handed.borrow_mut().truncate(before);
                ways?
            }
            ExprKind::Local(slot) if self.is_handed(*slot) => self.handed_ways(*slot)?,
            ExprKind::Local(slot) => {
                let mut ways = Vec::new();
                for stmt in self.bound.get(slot)? {
                    ways.append(&mut self.bound_to(stmt, depth)?);
                }
                ways
            }
            // What is made of each element is written, how many there are is not.
            ExprKind::Comprehension { body, slot, .. } => {
                let before = self.handed.borrow().len();
                self.handed.borrow_mut().push((*slot, None));
                let ways = self.ways(body, depth + 1);
                self.handed.borrow_mut().truncate(before);
                vec![vec![WrittenWord::Each(ways?)]]
            }
            // A list of lists, one behind the other, has the words of all of them.
            ExprKind::Call(function, args) if function.0.name == "flatten" => {
                self.ways(args.first()?, depth + 1)?
            }
            ExprKind::Run(_)
            | ExprKind::Record(_)
            | ExprKind::Field(..)
            | ExprKind::Star(_)
            | ExprKind::Index(..)
            | ExprKind::Unary(..)
            | ExprKind::Binary(..)
            | ExprKind::IfSome { .. }
            | ExprKind::Convert(..)
            | ExprKind::Call(..) => return None,
        };
        (ways.len() <= MAX_WAYS).then_some(ways)
    }

    fn is_handed(&self, slot: Slot) -> bool {
        self.handed.borrow().iter().any(|(of, _)| *of == slot)
    }

    /// How what a function is handed is written.
    fn handed_ways(&self, slot: Slot) -> Option<Vec<Words>> {
        let handed = self.handed.borrow();
        let (_, ways) = handed.iter().rev().find(|(of, _)| *of == slot)?;
        ways.clone()
    }

    /// How the value of a `let` is written.
    fn bound_to(&self, stmt: &Stmt, depth: usize) -> Option<Vec<Words>> {
        match &stmt.kind {
            StmtKind::Let(value) => self.ways(value, depth + 1),
            StmtKind::Call(call) => {
                let workflow = self.program.workflows.get(call.workflow.0 as usize)?;
                self.returned(&workflow.body.stmts, depth + 1)
            }
            _ => None,
        }
    }

    /// How what a workflow returns is written.
    fn returned(&self, body: &[Arc<Stmt>], depth: usize) -> Option<Vec<Words>> {
        let mut values = Vec::new();
        for stmt in body {
            each_stmt(stmt, &mut |stmt| {
                if let StmtKind::Return(value) = &stmt.kind {
                    values.push(value.as_ref());
                }
            });
        }
        let callee = Tracer {
            program: self.program,
            bound: bound_in(body),
            handed: RefCell::default(),
        };
        let mut ways = Vec::new();
        for value in values {
            ways.append(&mut callee.ways(value?, depth)?);
        }
        Some(ways)
    }
}

/// Whether a value is seen to be a list.
fn is_list(value: &Expr) -> bool {
    matches!(
        value.kind,
        ExprKind::List(_) | ExprKind::Comprehension { .. } | ExprKind::Const(Value::List(_))
    )
}

/// A text that begins with what is written.
fn interpolated(parts: &[InterpolationPart]) -> Option<WrittenWord> {
    match parts.first()? {
        InterpolationPart::Text(text) if !text.is_empty() => {
            Some(WrittenWord::Prefix(text.clone()))
        }
        InterpolationPart::Text(_) | InterpolationPart::Value(_) => None,
    }
}

/// Each of the first, followed by each of the second.
fn joined(first: &[Words], second: &[Words]) -> Option<Vec<Words>> {
    if first.len() * second.len() > MAX_WAYS {
        return None;
    }
    let pairs = first.iter().flat_map(|one| {
        let join = move |other: &Words| [one.as_slice(), other.as_slice()].concat();
        second.iter().map(join)
    });
    Some(pairs.collect())
}
