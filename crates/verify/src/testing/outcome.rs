//! The outcomes of effects in a test: those that a `given` specifies, and the defaults.

use indexmap::IndexMap;

use crate::simulate::command_value;
use lockstep_base::source::Name;
use lockstep_base::value::{Type, Value, from_json, to_json};
use lockstep_engine::{Answer, ApprovalAnswer, EffectOutcome, FailureChoice};
use lockstep_lang::ir::FailureClass;
use lockstep_plan::{Plan, display};

/// Why a `given` cannot say how something ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum GivenError {
    /// A command returns something else than a record.
    NotRecord,
    /// A command returns a field that commands do not have.
    NoField(Name),
    /// A field of a command has a value of the wrong kind.
    Field(Name, &'static str),
    /// The value does not fit the result of the action; why.
    Result(String),
    /// The value is no answer to an approval.
    NotApproval,
    /// The value is no answer to a question about a failure.
    NotDecision,
    /// An approval does not fail in this way.
    Class(FailureClass),
    /// What is refused is not an approval.
    NotRefusable,
    /// What is approved is not an approval.
    NotApprovable,
}

impl std::fmt::Display for GivenError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NotRecord => {
                f.write_str("a command returns a record, such as `{ stdout: \"v1\" }`")
            }
            Self::NoField(name) => write!(
                f,
                "a command returns no `{name}`, only `stdout`, `stderr`, `code`, \
                 `outputs`, `cut` and `tail`"
            ),
            Self::Field(name, kind) => write!(f, "`{name}` of a command cannot be {kind}"),
            Self::Result(why) => f.write_str(why),
            Self::NotApproval => f.write_str("the answer to an approval is \"yes\" or \"no\""),
            Self::NotDecision => {
                f.write_str("the answer is \"retry\", \"ignore\", \"rollback\" or \"abort\"")
            }
            Self::Class(class) => write!(
                f,
                "an approval fails with class `approval` or `timeout`, not `{}`",
                class.as_str()
            ),
            Self::NotRefusable => f.write_str("only an approval can be refused"),
            Self::NotApprovable => f.write_str("only an approval can be approved"),
        }
    }
}

impl std::error::Error for GivenError {}

/// The outcome of a command for which none is specified.
pub(super) fn command_succeeds() -> EffectOutcome {
    EffectOutcome::good(command_value("", 0, []))
}

/// The outcome of a command that is specified to fail.
pub(super) fn command_fails(class: Option<FailureClass>) -> EffectOutcome {
    let class = class.unwrap_or(FailureClass::Exit);
    match class {
        FailureClass::Exit => EffectOutcome {
            value: command_value("", 1, []),
            failure: Some((class, message(class, 1))),
            ending: Default::default(),
        },
        // It did not end with a code, so it has no result.
        _ => EffectOutcome::failed(class, message(class, 0)),
    }
}

/// Of a command that returns a record of some of its fields. A code that is not zero is a failure.
pub(super) fn command_returns(given: &Value) -> Result<EffectOutcome, GivenError> {
    let Some(given) = given.as_map() else {
        return Err(GivenError::NotRecord);
    };
    let fields = command_value("", 0, []);
    let mut fields: IndexMap<Name, Value> = fields.as_map().cloned().unwrap_or_default();
    fields.insert("tail".into(), Value::string(""));
    for (name, value) in given {
        let Some(field) = fields.get_mut(name) else {
            return Err(GivenError::NoField(name.clone()));
        };
        let fits = std::mem::discriminant(field) == std::mem::discriminant(value);
        match value {
            Value::None => {}
            value if fits => *field = value.clone(),
            other => return Err(GivenError::Field(name.clone(), other.kind())),
        }
    }
    let is_given = |name: &str| given.get(name).is_some_and(|value| *value != Value::None);
    if is_given("tail") {
        fields.insert("cut".into(), Value::Bool(true));
    }
    // What a stream of which a part is missing has instead of its text.
    let without = match fields.get("cut") == Some(&Value::Bool(true)) && !is_given("stdout") {
        true => "stdout",
        false => "tail",
    };
    fields.shift_remove(without);
    let failure = match fields.get("code") {
        Some(Value::Int(code)) if *code != 0 => {
            Some((FailureClass::Exit, message(FailureClass::Exit, *code)))
        }
        _ => None,
    };
    let value = Value::map(fields);
    Ok(EffectOutcome {
        value,
        failure,
        ending: Default::default(),
    })
}

/// The outcome of an action for which none is specified: an empty value of its type.
pub(super) fn action_succeeds(action: &str, result: &Type) -> EffectOutcome {
    let mut value = empty(result);
    if action.starts_with("http.")
        && let Some(fields) = value.as_map()
    {
        let mut fields = fields.clone();
        fields.insert("status".into(), Value::Int(200));
        value = Value::map(fields);
    }
    EffectOutcome::good(value)
}

/// The outcome of an action that is specified to fail.
pub(super) fn action_fails(class: Option<FailureClass>) -> EffectOutcome {
    let class = class.unwrap_or(FailureClass::Failed);
    EffectOutcome::failed(class, message(class, 1))
}

/// Of an action that returns this.
pub(super) fn action_returns(
    given: &Value,
    result: &Type,
    plan: &Plan,
) -> Result<EffectOutcome, GivenError> {
    let json = to_json(given, &|value| display(&plan.bound.program, value));
    let value = from_json(json, result);
    value
        .map(EffectOutcome::good)
        .map_err(|why| GivenError::Result(why.to_string()))
}

/// What a person answers; nothing where there is no answer.
pub(super) fn answer(given: &Value, approves: bool) -> Result<Option<Answer>, GivenError> {
    let answer = match (given, given.as_str(), approves) {
        (Value::Bool(true), _, true) | (_, Some("yes"), true) => ApprovalAnswer::Yes.into(),
        (Value::Bool(false), _, true) | (_, Some("no"), true) => {
            ApprovalAnswer::No(String::new()).into()
        }
        (_, Some("retry"), false) => FailureChoice::Retry.into(),
        (_, Some("ignore"), false) => FailureChoice::Ignore.into(),
        (_, Some("rollback"), false) => FailureChoice::Rollback.into(),
        (_, Some("abort"), false) => FailureChoice::Abort.into(),
        (.., true) => return Err(GivenError::NotApproval),
        (.., false) => return Err(GivenError::NotDecision),
    };
    Ok(Some(answer))
}

/// How an approval fails: it is refused, or there is no answer until its timeout.
pub(super) fn unanswered(class: Option<FailureClass>) -> Result<Option<Answer>, GivenError> {
    match class {
        None | Some(FailureClass::Approval) => Ok(Some(ApprovalAnswer::No(String::new()).into())),
        Some(FailureClass::Timeout) => Ok(None),
        Some(other) => Err(GivenError::Class(other)),
    }
}

fn message(class: FailureClass, code: i64) -> String {
    match class {
        FailureClass::Exit => format!("exit code {code}"),
        _ => String::from("the test says so"),
    }
}

/// An empty value of a type.
fn empty(ty: &Type) -> Value {
    match ty {
        Type::String => Value::string(""),
        Type::Path => Value::string("/"),
        Type::Int => Value::Int(0),
        Type::Float => Value::Float(0.0),
        Type::Bool => Value::Bool(false),
        Type::Duration => Value::Duration(0),
        Type::Percent => Value::Percent(0.0),
        Type::List(_) => Value::list([]),
        Type::Map(_) => Value::map(IndexMap::<Name, Value>::new()),
        Type::Record(fields) => {
            Value::map(fields.iter().map(|(name, ty)| (name.clone(), empty(ty))))
        }
        Type::OneOf(words) => words
            .first()
            .map_or(Value::None, |it| Value::String(it.clone())),
        _ => Value::None,
    }
}
