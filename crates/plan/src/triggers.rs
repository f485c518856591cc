//! What a trigger does about an event: nothing, a run with inputs, or a refusal. The event is
//! handed in; of it, nothing stays but what the inputs are given.

use std::fmt;

use indexmap::IndexMap;
use jiff::Timestamp;
use serde_json::Value as Json;

use super::bind::{InputValue, RunRequest, bind};
use super::facts::{FactFinder, GivenValues};
use super::from_data;
use lockstep_base::diagnostic::{Diagnostic, codes};
use lockstep_base::source::{Name, Span};
use lockstep_base::value::{MAX_VALUE_DEPTH, Value, to_json};
use lockstep_base::world::{EnvironmentVariables, Files};
use lockstep_lang::eval::{BinaryOp, Expr, ExprKind, Halt, Scope, ScopeWithLocal, UnaryOp, eval};
use lockstep_lang::ir::{Program, Trigger, TriggerKind};

/// Something that a trigger fires on.
#[derive(Clone)]
pub struct TriggerEvent {
    /// When it happened; of a schedule, the time for which it was set.
    pub at: Timestamp,
    /// What a webhook has delivered.
    pub payload: Option<Json>,
    /// The digest of an image: `sha256:…`.
    pub digest: Option<String>,
    /// The commit of a change.
    pub commit: Option<String>,
    /// The files that a change is about.
    pub paths: Vec<String>,
}

impl TriggerEvent {
    /// An event of which only the time is known.
    pub fn at(at: Timestamp) -> Self {
        Self {
            at,
            payload: None,
            digest: None,
            commit: None,
            paths: Vec::new(),
        }
    }
}

impl fmt::Debug for TriggerEvent {
    /// Without what was delivered: nobody keeps it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TriggerEvent")
            .field("at", &self.at)
            .field("digest", &self.digest)
            .field("commit", &self.commit)
            .field("paths", &self.paths)
            .finish_non_exhaustive()
    }
}

/// What a trigger does about an event.
#[derive(Debug, Clone)]
pub enum TriggerDecision {
    /// Nothing: its condition does not hold.
    NoMatch {
        /// Why not, as a sentence without a full stop. Nothing of the event is in it.
        why: String,
    },
    /// Nothing, although its condition holds: what it gives the pipeline is not allowed, or cannot
    /// be had.
    Refused(Vec<Diagnostic>),
    /// A run, whose inputs have been checked. Its user is [`Trigger::user`].
    Starts(Box<RunRequest>),
}

/// What a trigger of a program does about an event.
pub fn decide(
    program: &Program,
    trigger: &Trigger,
    event: &TriggerEvent,
    environment: &dyn EnvironmentVariables,
    files: &dyn Files,
) -> TriggerDecision {
    let nothing_given = RunRequest::default();
    let seen = match from_data::with_made(program, &nothing_given, environment, files) {
        Ok(seen) => seen,
        Err(found) => return TriggerDecision::Refused(found),
    };
    let Some(value) = event_value(&trigger.kind, event) else {
        let why = format!("what was delivered is nested more than {MAX_VALUE_DEPTH} deep");
        return TriggerDecision::NoMatch { why };
    };
    let finder = FactFinder::new(&seen, GivenValues::default(), environment, files);
    let scope = ScopeWithLocal::new(&finder, trigger.event, &value);
    if let Some(filter) = &trigger.filter {
        let mut condition = Condition {
            scope: &scope,
            absent: None,
        };
        let holds = condition.holds(filter);
        let faults = finder.take_faults();
        if !faults.is_empty() {
            return TriggerDecision::Refused(faults);
        }
        let said = |span| one_line(program.sources.text(span));
        match (holds, condition.absent) {
            (Some(true), _) => {}
            (None, Some(absent)) => {
                let why = format!("`{}` has no value in this event", said(absent));
                return TriggerDecision::NoMatch { why };
            }
            (Some(false) | None, _) => {
                let why = format!("`{}` is false", said(filter.span));
                return TriggerDecision::NoMatch { why };
            }
        }
    }
    let mut inputs = IndexMap::new();
    let mut refused = Vec::new();
    for (id, expr) in &trigger.inputs {
        let Some(input) = program.globals.get(id.0 as usize) else {
            continue;
        };
        match eval(expr, &scope) {
            Ok(value) => {
                let data = to_json(&value, &|value| finder.shown(value));
                inputs.insert(input.name.to_string(), InputValue::Json(data));
            }
            Err(Halt::Fault(fault)) => refused.push(*fault),
            Err(Halt::Unknown) => {
                let faults = finder.take_faults();
                if faults.is_empty() {
                    refused.push(not_known(expr.span, &input.name));
                }
                refused.extend(faults);
            }
        }
    }
    if !refused.is_empty() {
        return TriggerDecision::Refused(refused);
    }
    let pipeline = program.pipelines.get(trigger.pipeline as usize);
    let request = RunRequest {
        pipeline: pipeline.map(|pipeline| pipeline.name.to_string()),
        inputs,
        ..RunRequest::default()
    };
    match bind(program, &request, environment, files) {
        Ok(_) => TriggerDecision::Starts(Box::new(request)),
        Err(found) => TriggerDecision::Refused(found),
    }
}

/// A value that only the inputs of the run decide.
fn not_known(at: Span, input: &Name) -> Diagnostic {
    let message = format!("the value for input `{input}` is not known before the run");
    Diagnostic::error(codes::TRIGGER_VALUE, at, message)
        .here("depends on what the run is given")
        .help("name what is declared, or give the names as a text: `\"prod.*\"`")
}

/// The record `event`; nothing where what was delivered is nested too deep.
fn event_value(kind: &TriggerKind, event: &TriggerEvent) -> Option<Value> {
    let text = |text: &Option<String>| text.as_deref().map_or(Value::None, Value::string);
    let mut fields = vec![("at", Value::string(format!("{:.3}", event.at)))];
    match kind {
        TriggerKind::Schedule { .. } => {}
        TriggerKind::Webhook { .. } => {
            let payload = event.payload.as_ref();
            let payload = payload.map_or(Some(Value::None), |json| data(json, MAX_VALUE_DEPTH - 1));
            fields.push(("payload", payload?));
        }
        TriggerKind::Artifact { .. } => fields.push(("digest", text(&event.digest))),
        TriggerKind::Change { .. } => {
            fields.push(("commit", text(&event.commit)));
            let paths = event.paths.iter().map(|path| Value::string(path.as_str()));
            fields.push(("paths", Value::list(paths)));
        }
    }
    Some(Value::map(fields))
}

/// What a stranger has delivered. A number that is no int is a float, so that one that nobody reads
/// is no mistake.
fn data(json: &Json, depth: usize) -> Option<Value> {
    Some(match json {
        Json::Null => Value::None,
        Json::Bool(value) => Value::Bool(*value),
        Json::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(value), _) => Value::Int(value),
            (None, Some(value)) if value.is_finite() => Value::Float(value),
            (None, _) => Value::None,
        },
        Json::String(text) => Value::string(text.as_str()),
        Json::Array(items) => {
            let depth = depth.checked_sub(1)?;
            let items: Option<Vec<Value>> = items.iter().map(|item| data(item, depth)).collect();
            Value::list(items?)
        }
        Json::Object(entries) => {
            let depth = depth.checked_sub(1)?;
            let entries = entries.iter();
            let entries: Option<Vec<(&str, Value)>> = entries
                .map(|(key, item)| Some((key.as_str(), data(item, depth)?)))
                .collect();
            Value::map(entries?)
        }
    })
}

/// A condition over what may be missing: a part that needs what is not there is neither true nor
/// false, and decides only what the other parts leave open.
struct Condition<'s> {
    scope: &'s dyn Scope,
    /// The first part that needs what is not there.
    absent: Option<Span>,
}

impl Condition<'_> {
    fn holds(&mut self, expr: &Expr) -> Option<bool> {
        match &expr.kind {
            ExprKind::Binary(op @ (BinaryOp::And | BinaryOp::Or), ..) => {
                let decisive = *op == BinaryOp::Or;
                let mut all = Some(!decisive);
                for part in operands(expr, *op) {
                    match self.holds(part) {
                        Some(value) if value == decisive => return Some(decisive),
                        Some(_) => {}
                        None => all = None,
                    }
                }
                all
            }
            ExprKind::Unary(UnaryOp::Not, of) => self.holds(of).map(|value| !value),
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
            | ExprKind::Unary(UnaryOp::Neg, _)
            | ExprKind::Binary(BinaryOp::Else, ..)
            | ExprKind::If(..)
            | ExprKind::Comprehension { .. }
            | ExprKind::IfSome { .. }
            | ExprKind::Bind { .. }
            | ExprKind::Convert(..)
            | ExprKind::Call(..) => self.value(expr),
            ExprKind::Binary(_, left, right) => {
                let is_none = |expr: &Expr| matches!(expr.as_const(), Some(Value::None));
                if !is_none(left) && !is_none(right) {
                    self.present(left)?;
                    self.present(right)?;
                }
                self.value(expr)
            }
        }
    }

    /// Nothing where a side of a comparison is not there.
    fn present(&mut self, expr: &Expr) -> Option<()> {
        match eval(expr, self.scope) {
            Ok(Value::None) | Err(_) => {
                self.absent.get_or_insert(expr.span);
                None
            }
            Ok(_) => Some(()),
        }
    }

    fn value(&mut self, expr: &Expr) -> Option<bool> {
        match eval(expr, self.scope) {
            Ok(Value::Bool(value)) => Some(value),
            Ok(_) | Err(_) => {
                self.absent.get_or_insert(expr.span);
                None
            }
        }
    }
}

/// What a chain of one operator joins, in order. It leans to the left and may be long.
fn operands(expr: &Expr, of: BinaryOp) -> Vec<&Expr> {
    let mut found = Vec::new();
    let mut rest = expr;
    while let ExprKind::Binary(op, left, right) = &rest.kind
        && *op == of
    {
        found.push(&**right);
        rest = left;
    }
    found.push(rest);
    found.reverse();
    found
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests;
