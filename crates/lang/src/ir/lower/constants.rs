//! Constant evaluation: evaluates what depends on no input, variable or file, so that its errors
//! are reported with all other errors of the program.

use std::collections::HashSet;

use crate::eval::{Expr, ExprKind, GlobalId, Halt, Scope, eval};
use crate::ir::{self, Block, GlobalSource, Override, Program, Stmt, StmtKind, WorkflowUse};
use crate::pool::{POOL_FIELD, wrong_pool};
use lockstep_base::diagnostic::{Diagnostics, codes};
use lockstep_base::source::Name;
use lockstep_base::value::{Type, Value, ValueKey, text};

use super::constant_scope::ConstantScope;
use super::{errors, trigger_errors};

/// A value that must be in a range.
#[derive(Debug)]
pub(super) struct RangeChecked {
    /// The value.
    pub expr: Expr,
    /// The range.
    pub range: ValueRange,
    /// What it is for.
    pub what: &'static str,
}

/// Pauses between retries that are to grow: from the first up to the longest.
#[derive(Debug)]
pub(super) struct GrowingPauses {
    /// The first pause.
    pub first: Expr,
    /// The longest pause.
    pub longest: Expr,
}

/// The values to be checked where they are known.
#[derive(Debug, Default)]
pub(super) struct BoundValues {
    /// Values that must be in a range.
    pub ranges: Vec<RangeChecked>,
    /// Pairs of which the second must not be less than the first.
    pub pauses: Vec<GrowingPauses>,
}

/// A range of numbers, durations or percents.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ValueRange {
    /// One or more.
    AtLeastOne,
    /// More than zero.
    Positive,
    /// Zero or more.
    NotNegative,
}

impl ValueRange {
    fn holds(self, value: &Value) -> bool {
        if is_too_many(value) {
            return false;
        }
        let (whole, part) = match value {
            Value::Int(value) | Value::Duration(value) => (*value, 0.0),
            Value::Float(value) | Value::Percent(value) => (0, *value),
            _ => return true,
        };
        match self {
            Self::AtLeastOne | Self::Positive => whole > 0 || part > 0.0,
            Self::NotNegative => whole >= 0 && part >= 0.0,
        }
    }

    fn least(self, value: &Value) -> &'static str {
        if is_too_many(value) {
            return "at most 4294967295";
        }
        match (self, value) {
            (Self::AtLeastOne, _) | (Self::Positive, Value::Int(_)) => "at least 1",
            (Self::Positive, _) => "more than zero",
            (Self::NotNegative, _) => "at least zero",
        }
    }
}

/// Whether it is a number that no run can count to.
fn is_too_many(value: &Value) -> bool {
    matches!(value, Value::Int(number) if *number > i64::from(u32::MAX))
}

/// Reports the faults of all constants.
pub(super) fn check(program: &Program, bounded: &BoundValues, diagnostics: &mut Diagnostics) {
    let circles = diagnostics.has(codes::CIRCLE);
    let facts = ConstantScope::new(program, circles);
    let mut constants = Constants { facts, diagnostics };
    constants.globals(program);
    constants.declarations(program);
    constants.groups(program);
    for workflow in &program.workflows {
        for param in &workflow.params {
            constants.all(param.default.iter());
        }
        constants.body(&workflow.body);
    }
    for pipeline in &program.pipelines {
        constants.facts.forget_locals();
        constants.all(pipeline.queue.iter().map(|queue| &queue.name));
        constants.stmt(&pipeline.body);
    }
    for trigger in &program.triggers {
        constants.facts.forget_locals();
        constants.all(trigger.filter.iter());
        for (input, value) in &trigger.inputs {
            constants.given(program, *input, value);
        }
    }
    constants.facts.forget_locals();
    constants.ranges(&bounded.ranges);
    constants.pauses(&bounded.pauses);
}

struct Constants<'p, 'd> {
    facts: ConstantScope<'p>,
    diagnostics: &'d mut Diagnostics,
}

impl Constants<'_, '_> {
    /// The value, where it is known; a fault is reported.
    fn value(&mut self, expr: &Expr) -> Option<Value> {
        self.facts.prepare(expr);
        match eval(expr, &self.facts) {
            Ok(value) => Some(value),
            Err(Halt::Unknown) => None,
            Err(Halt::Fault(fault)) => {
                self.diagnostics.push(*fault);
                None
            }
        }
    }

    fn all<'e>(&mut self, exprs: impl Iterator<Item = &'e Expr>) {
        for expr in exprs {
            self.value(expr);
        }
    }

    fn globals(&mut self, program: &Program) {
        for (id, global) in program.globals.iter().enumerate() {
            let id = id as u32;
            match &global.source {
                GlobalSource::Let(value) => {
                    let at = value.span;
                    self.value(&Expr {
                        kind: ExprKind::Global(GlobalId(id)),
                        span: at,
                    });
                }
                GlobalSource::Input { default, rule } => {
                    let Some(default) = default else {
                        continue;
                    };
                    let (Some(value), Some(rule)) = (self.value(default), rule) else {
                        continue;
                    };
                    self.facts.suppose(Some((GlobalId(id), value)));
                    if self.value(rule) == Some(Value::Bool(false)) {
                        let error =
                            errors::default_breaks_rule(default.span, rule.span, &global.name);
                        self.diagnostics.push(error);
                    }
                    self.facts.suppose(None);
                }
            }
        }
    }

    /// What a trigger gives an input. Names of services and infrastructures are read when it fires.
    fn given(&mut self, program: &Program, input: GlobalId, given: &Expr) {
        let Some(value) = self.value(given) else {
            return;
        };
        let Some(global) = program.globals.get(input.0 as usize) else {
            return;
        };
        if let GlobalSource::Input {
            rule: Some(rule), ..
        } = &global.source
            && global.ty.is_data()
        {
            self.facts.suppose(Some((input, value)));
            if self.value(rule) == Some(Value::Bool(false)) {
                let error = trigger_errors::breaks_rule(given.span, rule.span, &global.name);
                self.diagnostics.push(error);
            }
            self.facts.suppose(None);
        }
    }

    fn declarations(&mut self, program: &Program) {
        for kind in &program.kinds {
            let fields = kind.service.values();
            self.all(fields.filter_map(|field| field.default.as_ref()));
            let fields = kind.infrastructure.iter();
            let fields = fields.filter_map(|(name, field)| Some((name, field.default.as_ref()?)));
            self.fields_of_place(fields, &format!("kind `{}`", kind.name));
            self.using(kind.deploy.as_ref());
        }
        for service in &program.services {
            self.all(service.fields.values());
            self.using(service.using.as_ref());
        }
        for environment in &program.environments {
            self.fields_of_place(&environment.fields, &format!("`{}`", environment.name));
            self.overrides(&environment.overrides);
        }
        for infrastructure in &program.infrastructures {
            let whose = format!("`{}`", infrastructure.name);
            self.fields_of_place(&infrastructure.fields, &whose);
            self.overrides(&infrastructure.overrides);
        }
        self.templates(program);
    }

    /// The fields of an environment or of infrastructures: their pool has a name that it can have.
    fn fields_of_place<'e>(
        &mut self,
        fields: impl IntoIterator<Item = (&'e Name, &'e Expr)>,
        whose: &str,
    ) {
        for (name, expr) in fields {
            if let Some(Value::String(pool)) = self.value(expr)
                && **name == *POOL_FIELD
                && let Some(wrong) = wrong_pool(expr.span, whose, &pool)
            {
                self.diagnostics.push(wrong);
            }
        }
    }

    /// What they are is worked out when the inputs are bound; here only what is wrong for every
    /// element is found.
    fn templates(&mut self, program: &Program) {
        self.facts.forget_locals();
        for template in &program.service_templates {
            self.all(template.head());
            self.all(template.declared.fields.values());
            self.using(template.declared.using.as_ref());
        }
        for template in &program.infrastructure_templates {
            self.all(template.head());
            let place = &template.declared;
            self.fields_of_place(&place.fields, "infrastructures from data");
            self.overrides(&place.overrides);
        }
    }

    /// A group names each infrastructure once.
    fn groups(&mut self, program: &Program) {
        for group in &program.groups {
            let Ok(Value::List(items)) = eval(&group.value, &self.facts) else {
                continue;
            };
            let mut seen = HashSet::new();
            for item in items.iter() {
                if !seen.insert(ValueKey(item)) {
                    let name = self.facts.display(item);
                    let error = errors::twice_in_group(group.value.span, &group.name, &name);
                    self.diagnostics.push(error);
                }
            }
        }
    }

    fn overrides(&mut self, overrides: &[Override]) {
        for entry in overrides {
            self.all(entry.fields.values());
        }
    }

    fn using(&mut self, using: Option<&WorkflowUse>) {
        if let Some(using) = using {
            self.all(using.args.iter().flatten());
        }
    }

    fn body(&mut self, block: &Block) {
        self.facts.forget_locals();
        self.block(block);
    }

    fn block(&mut self, block: &Block) {
        for stmt in &block.stmts {
            self.stmt(stmt);
            if stmt.kind.ends_body() {
                break;
            }
        }
    }

    /// Checks what certainly happens: the branch that is known to be taken, loops that are known to
    /// have elements, and not handlers.
    fn stmt(&mut self, stmt: &Stmt) {
        match &stmt.kind {
            StmtKind::If {
                branches,
                otherwise,
            } => {
                for (cond, block) in branches {
                    match self.value(cond) {
                        Some(Value::Bool(true)) => return self.block(block),
                        Some(Value::Bool(false)) => {}
                        _ => return,
                    }
                }
                if let Some(otherwise) = otherwise {
                    self.block(otherwise);
                }
            }
            StmtKind::Matrix(matrix) => {
                self.all(matrix.include.iter().flatten());
                for axis in &matrix.axes {
                    match self.value(&axis.list) {
                        Some(Value::List(items)) if !items.is_empty() => {}
                        _ => return,
                    }
                    self.all(axis.by.iter());
                }
                match &matrix.filter {
                    Some(filter) => {
                        self.value(filter);
                    }
                    None => self.block(&matrix.body),
                }
            }
            StmtKind::Block(_)
            | StmtKind::Stage { .. }
            | StmtKind::Parallel(_)
            | StmtKind::Deploy { .. }
            | StmtKind::Step { .. }
            | StmtKind::Run(_)
            | StmtKind::Call(_)
            | StmtKind::Action { .. }
            | StmtKind::Let(_)
            | StmtKind::Barrier { .. }
            | StmtKind::Lock { .. }
            | StmtKind::Approve { .. }
            | StmtKind::Wait(_)
            | StmtKind::Verify { .. }
            | StmtKind::Log(_)
            | StmtKind::Fail(_)
            | StmtKind::Return(_)
            | StmtKind::Yield(_)
            | StmtKind::On { .. }
            | StmtKind::Verdict(_) => {
                let mut exprs = Vec::new();
                ir::visit::own(stmt, &mut |expr| exprs.push(expr));
                if let (Some(value), Some(slot)) = (stmt.kind.bound_value(), stmt.bind) {
                    if let Some(value) = self.value(value) {
                        self.facts.know(slot, value);
                    }
                } else {
                    self.all(exprs.into_iter());
                }
                for body in stmt.bodies() {
                    self.block(body);
                }
            }
        }
    }

    fn ranges(&mut self, bounded: &[RangeChecked]) {
        for entry in bounded {
            let Ok(value) = eval(&entry.expr, &self.facts) else {
                continue;
            };
            if !entry.range.holds(&value) {
                let shown = text::display(&value, &|_| String::new());
                let least = entry.range.least(&value);
                let error = errors::out_of_range(entry.expr.span, entry.what, least, &shown);
                self.diagnostics.push(error);
            }
        }
    }

    fn pauses(&mut self, pauses: &[GrowingPauses]) {
        for GrowingPauses { first, longest } in pauses {
            let known = (eval(first, &self.facts), eval(longest, &self.facts));
            let (Ok(least @ Value::Duration(from)), Ok(most @ Value::Duration(upto))) = known
            else {
                continue;
            };
            // One below zero has its error already.
            if (0..from).contains(&upto) {
                let shown = |value: &Value| text::display(value, &|_| String::new());
                let (least, most) = (shown(&least), shown(&most));
                let error = errors::pauses_that_shrink(longest.span, first.span, &most, &least);
                self.diagnostics.push(error);
            }
        }
    }
}

/// The value that an optional field has where nothing is given.
pub(super) fn none_if_optional(ty: &Type) -> Option<Value> {
    matches!(ty, Type::Optional(_)).then_some(Value::None)
}
