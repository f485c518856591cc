//! Conditions that only the run decides, told apart by what they ask: two `if`s over the same
//! value, one of them negated, never take both branches. A condition is the same where its text is
//! and all values that it reads come from the same bindings.

use std::collections::{BTreeSet, HashMap};
use std::fmt::Write as _;

use super::ModelLiteral;
use super::knowledge::Knowledge;
use lockstep_base::value::Value;
use lockstep_lang::eval::visit::children;
use lockstep_lang::eval::{BinaryOp, Expr, ExprKind, InterpolationPart, ListItem, Slot};
use lockstep_plan::{Locals, PlanWalk};

/// A condition with more parts than this counts as one of its own.
pub(super) const MAX_PARTS: u32 = 200;

/// The conditions of a plan and the bindings that they read.
#[derive(Debug, Default)]
pub(super) struct Conditions {
    /// Where the values come from, by the address of the binding.
    sources: HashMap<usize, ValueSource>,
    /// How many bindings only the run makes.
    bindings: usize,
    /// What is asked, by its text.
    decisions: HashMap<String, usize>,
    /// The bindings that each decision reads.
    pub reads: Vec<Vec<usize>>,
    /// Those of them without which it is never known, whatever the others are.
    needs: Vec<Vec<usize>>,
    /// The values that are compared with, by their text.
    values: HashMap<String, usize>,
}

/// Where an unknown value comes from.
#[derive(Debug)]
struct ValueSource {
    /// Keeps the binding, so that its address stays its own.
    _kept: Locals,
    origin: ValueOrigin,
}

#[derive(Debug)]
enum ValueOrigin {
    /// An effect: a value of its own each time.
    Effect(usize),
    /// Another expression.
    Same(Expr, Locals),
}

/// The text of what is asked, as far as it has been written.
struct DecisionText<'a> {
    conditions: &'a Conditions,
    walk: &'a PlanWalk<'a>,
    text: String,
    reads: BTreeSet<usize>,
    needs: BTreeSet<usize>,
    /// Whether what is being written is evaluated in any case.
    certain: bool,
    /// The names that the expression binds for parts of it, by the address of the binding.
    inside: Vec<usize>,
    parts: u32,
}

impl Conditions {
    /// How many bindings have been made so far.
    pub fn bindings(&self) -> usize {
        self.bindings
    }

    /// Whether what a literal asks is known once the first bindings have been made.
    pub fn knowledge(&self, literal: &ModelLiteral, bindings: usize) -> Knowledge {
        let made = |read: &[Vec<usize>]| {
            let read = read.get(literal.decision);
            read.is_some_and(|read| read.iter().all(|it| *it < bindings))
        };
        match (made(&self.reads), made(&self.needs)) {
            (true, _) => Knowledge::Known,
            (false, true) => Knowledge::Unread,
            (false, false) => Knowledge::Unknown,
        }
    }

    /// A name has been bound to the result of an effect; which binding that is.
    pub fn bind(&mut self, slot: Slot, locals: &Locals) -> Option<usize> {
        let binding = self.bindings;
        self.note(slot, locals, ValueOrigin::Effect(binding))?;
        self.bindings += 1;
        Some(binding)
    }

    /// A name stands for an expression.
    pub fn bind_expr(&mut self, slot: Slot, locals: &Locals, expr: &Expr, around: &Locals) {
        self.note(
            slot,
            locals,
            ValueOrigin::Same(expr.clone(), around.clone()),
        );
    }

    fn note(&mut self, slot: Slot, locals: &Locals, origin: ValueOrigin) -> Option<()> {
        let kept = locals.from_binding(slot)?;
        let address = kept.address();
        if locals.get(slot).is_some() || self.sources.contains_key(&address) {
            return None;
        }
        let source = ValueSource {
            _kept: kept,
            origin,
        };
        self.sources.insert(address, source);
        Some(())
    }

    /// What is the case where a condition is true, or false.
    pub fn literals(
        &mut self,
        walk: &PlanWalk<'_>,
        condition: &Expr,
        locals: &Locals,
        holds: bool,
    ) -> Vec<ModelLiteral> {
        self.shape(walk, condition, locals).implied(holds)
    }

    /// The expression that a name stands for.
    pub(super) fn behind(&self, expr: &Expr, locals: &Locals) -> Option<(&Expr, &Locals)> {
        let ExprKind::Local(slot) = &expr.kind else {
            return None;
        };
        let binding = locals.from_binding(*slot)?;
        match &self.sources.get(&binding.address())?.origin {
            ValueOrigin::Same(expr, around) => Some((expr, around)),
            ValueOrigin::Effect(_) => None,
        }
    }

    /// A condition of which nothing inside is looked at is true.
    pub(super) fn holds(
        &mut self,
        walk: &PlanWalk<'_>,
        condition: &Expr,
        locals: &Locals,
    ) -> Option<ModelLiteral> {
        self.literal(walk, condition, locals, &Value::Bool(true))
    }

    /// An expression, of which nothing inside is looked at, has this value; nothing where the
    /// expression cannot be told apart from others.
    pub(super) fn literal(
        &mut self,
        walk: &PlanWalk<'_>,
        asked: &Expr,
        locals: &Locals,
        value: &Value,
    ) -> Option<ModelLiteral> {
        let mut text = DecisionText {
            conditions: self,
            walk,
            text: String::new(),
            reads: BTreeSet::new(),
            needs: BTreeSet::new(),
            certain: true,
            inside: Vec::new(),
            parts: 0,
        };
        text.write(asked, locals)?;
        let DecisionText {
            text, reads, needs, ..
        } = text;
        let count = self.decisions.len();
        let decision = *self.decisions.entry(text).or_insert(count);
        if decision == count {
            self.reads.push(reads.into_iter().collect());
            self.needs.push(needs.into_iter().collect());
        }
        let count = self.values.len();
        let value = *self.values.entry(format!("{value:?}")).or_insert(count);
        Some(ModelLiteral {
            decision,
            value,
            equal: true,
        })
    }
}

impl DecisionText<'_> {
    /// Writes an expression; nothing where it cannot be told apart from others.
    fn write(&mut self, expr: &Expr, locals: &Locals) -> Option<()> {
        self.parts += 1;
        if self.parts > MAX_PARTS {
            return None;
        }
        if let Ok(value) = self.walk.eval(expr, locals) {
            return self.add(format_args!("{value:?}"));
        }
        let conditions = self.conditions;
        if let Some((expr, around)) = conditions.behind(expr, locals) {
            return self.write(expr, around);
        }
        match &expr.kind {
            ExprKind::Const(value) => self.add(format_args!("{value:?}"))?,
            ExprKind::Local(slot) => {
                let address = locals.from_binding(*slot)?.address();
                if let Some(at) = self.inside.iter().rposition(|it| *it == address) {
                    return self.add(format_args!("#{at}"));
                }
                let source = conditions.sources.get(&address)?;
                let ValueOrigin::Effect(binding) = source.origin else {
                    return None;
                };
                self.reads.insert(binding);
                if self.certain {
                    self.needs.insert(binding);
                }
                self.add(format_args!("@{binding}"))?;
            }
            ExprKind::Global(global) => self.add(format_args!("{global:?}"))?,
            ExprKind::Run(field) => self.add(format_args!("{field:?}"))?,
            ExprKind::Comprehension { cond, .. } => {
                self.add(format_args!("for {}", cond.is_some()))?;
            }
            ExprKind::IfSome { .. } => self.add(format_args!("some"))?,
            ExprKind::Bind { values, .. } => self.add(format_args!("let {}", values.len()))?,
            ExprKind::Interpolate(parts) => {
                for part in parts {
                    match part {
                        InterpolationPart::Text(text) => self.add(format_args!("{text:?}"))?,
                        InterpolationPart::Value(_) => self.add(format_args!("$"))?,
                    }
                }
            }
            ExprKind::List(items) => {
                for ListItem { value: _, spread } in items {
                    self.add(format_args!("{spread},"))?;
                }
            }
            ExprKind::Record(entries) => {
                for (name, _) in entries {
                    self.add(format_args!("{name:?},"))?;
                }
            }
            ExprKind::Field(_, name) => self.add(format_args!("field {name:?}"))?,
            ExprKind::Star(_) => self.add(format_args!("star"))?,
            ExprKind::Index(..) => self.add(format_args!("index"))?,
            ExprKind::Unary(op, _) => self.add(format_args!("{op:?}"))?,
            ExprKind::Binary(op, ..) => self.add(format_args!("{op:?}"))?,
            ExprKind::If(..) => self.add(format_args!("if"))?,
            // The same text is another path in another file.
            ExprKind::Convert(of, ty) if ty.has_path() => {
                self.add(format_args!("as {ty:?} in {:?}", of.span.file))?;
            }
            ExprKind::Convert(_, ty) => self.add(format_args!("as {ty:?}"))?,
            ExprKind::Call(function, _) => self.add(format_args!("{function:?}"))?,
        }
        self.add(format_args!("("))?;
        self.write_parts(expr, locals)?;
        self.add(format_args!(")"))
    }

    /// Writes what is in an expression. The first part is evaluated where the whole is, and before
    /// the others; some expressions need the others only for some values of it, or bind a name.
    fn write_parts(&mut self, expr: &Expr, locals: &Locals) -> Option<()> {
        let (lazy, bound): (bool, Vec<Slot>) = match &expr.kind {
            ExprKind::Comprehension { slot, .. } | ExprKind::IfSome { slot, .. } => {
                (true, vec![*slot])
            }
            // What is handed over may be unknown where the body does not need it.
            ExprKind::Bind { values, .. } => (true, values.iter().map(|(slot, _)| *slot).collect()),
            ExprKind::If(..)
            | ExprKind::Binary(BinaryOp::And | BinaryOp::Or | BinaryOp::Else, ..) => {
                (true, Vec::new())
            }
            ExprKind::Const(_)
            | ExprKind::Local(_)
            | ExprKind::Global(_)
            | ExprKind::Run(_)
            | ExprKind::Interpolate(_)
            | ExprKind::List(_)
            | ExprKind::Record(_)
            | ExprKind::Field(..)
            | ExprKind::Star(_)
            | ExprKind::Index(..)
            | ExprKind::Unary(..)
            | ExprKind::Binary(..)
            | ExprKind::Convert(..)
            | ExprKind::Call(..) => (false, Vec::new()),
        };
        let mut parts = Vec::new();
        children(expr, &mut |part| parts.push(part));
        let (certain, names) = (self.certain, self.inside.len());
        let binds_many = matches!(expr.kind, ExprKind::Bind { .. });
        let mut bound = bound.into_iter();
        let mut seen = locals.clone();
        for (at, part) in parts.into_iter().enumerate() {
            if at > 0 || binds_many {
                self.certain = certain && !lazy;
            }
            // Each name is seen by the parts behind the one that it stands for.
            if at > 0
                && let Some(slot) = bound.next()
            {
                seen = seen.bind_unknown(slot);
                self.inside.push(seen.address());
            }
            self.write(part, &seen)?;
            self.add(format_args!(";"))?;
        }
        self.certain = certain;
        self.inside.truncate(names);
        Some(())
    }

    fn add(&mut self, more: std::fmt::Arguments<'_>) -> Option<()> {
        self.text.write_fmt(more).ok()
    }
}
