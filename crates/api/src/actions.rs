//! Actions that a host provides as functions from a `serde` type to a `serde` type, and their
//! signatures in the language, which are made from those types.

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use lockstep_base::diagnostic::{Diagnostic, codes};
use lockstep_base::source::Name;
use lockstep_base::value::{Type, Value};
use lockstep_lang::ir;
use schemars::{JsonSchema, Schema, generate::SchemaSettings};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value as Json};

/// The name of the file that declares the actions of the host, in the folder of any file:
/// `from "./host.deploy" import …`.
pub(crate) const HOST_FILE: &str = "host.deploy";

/// How an action fails. The message becomes that of the failure, of class `failed`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActionError {
    message: String,
}

impl ActionError {
    /// A failure with a message for people: a sentence without a full stop.
    pub fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
        }
    }
}

impl fmt::Display for ActionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for ActionError {}

type Called = Pin<Box<dyn Future<Output = Result<Json, ActionError>> + Send>>;

/// An action of the host.
#[derive(Clone)]
pub(crate) struct Action {
    /// The parameters. What is optional has `none` as its default.
    pub(crate) params: Vec<Param>,
    /// The type of the result.
    pub(crate) result: Type,
    call: Arc<dyn Fn(Json) -> Called + Send + Sync>,
}

#[derive(Debug, Clone)]
pub(crate) struct Param {
    pub(crate) name: String,
    pub(crate) ty: Type,
    doc: Option<String>,
}

impl Action {
    pub(crate) fn new<A, R, F, Fut>(action: F) -> Self
    where
        A: DeserializeOwned + JsonSchema,
        R: Serialize + JsonSchema,
        F: Fn(A) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<R, ActionError>> + Send + 'static,
    {
        let action = Arc::new(action);
        let takes = schema::<A>();
        // `()` is no record.
        let is_unit = type_of(takes.as_value()) == Type::Nothing;
        let call = move |arguments: Json| -> Called {
            let action = action.clone();
            // The host's function is called by the task, so that a panic of it is the task's.
            Box::pin(async move {
                let unfit = |error: serde_json::Error| ActionError::new(error.to_string());
                let arguments = if is_unit { Json::Null } else { arguments };
                let arguments = serde_json::from_value::<A>(arguments).map_err(unfit)?;
                serde_json::to_value(action(arguments).await?).map_err(unfit)
            })
        };
        Self {
            params: params(&takes),
            result: type_of(schema::<R>().as_value()),
            call: Arc::new(call),
        }
    }

    /// Calls it with arguments in the order of these parameters.
    pub(crate) fn call(&self, params: &[impl AsRef<str>], arguments: Vec<Json>) -> Called {
        let named: Map<String, Json> = params
            .iter()
            .map(|name| name.as_ref().to_string())
            .zip(arguments)
            .collect();
        (self.call)(Json::Object(named))
    }

    /// In what a declaration differs from what the host provides, if it does.
    pub(crate) fn mismatch<'d>(&self, declared: &'d ir::Action) -> Option<ActionMismatch<'d>> {
        let declared_params: BTreeMap<&str, Type> = (declared.params.iter())
            .map(|param| (&*param.name, comparable(&param.ty)))
            .collect();
        let provided: BTreeMap<&str, Type> = (self.params.iter())
            .map(|param| (param.name.as_str(), comparable(&param.ty)))
            .collect();
        let same =
            declared_params == provided && comparable(&declared.result) == comparable(&self.result);
        (!same).then(|| ActionMismatch {
            declared,
            provided: self.signature(&declared.name),
        })
    }

    fn signature(&self, name: &str) -> String {
        let mut text = String::new();
        let params: Vec<String> = (self.params.iter())
            .map(|param| match param.ty {
                Type::Optional(_) => format!("{}: {} = none", param.name, param.ty),
                _ => format!("{}: {}", param.name, param.ty),
            })
            .collect();
        for doc in self.params.iter().filter_map(|param| {
            let doc = param.doc.as_deref()?;
            Some(format!("## `{}`: {}\n", param.name, doc.replace('\n', " ")))
        }) {
            text.push_str(&doc);
        }
        text.push_str(&format!("action {name}({})", params.join(", ")));
        if self.result != Type::Nothing {
            text.push_str(&format!(" -> {}", self.result));
        }
        text
    }
}

/// A type for comparison: secrets and paths reach the host as texts, and the order of choices says
/// nothing.
fn comparable(ty: &Type) -> Type {
    match ty {
        Type::Secret | Type::Path => Type::String,
        Type::Optional(of) => Type::Optional(Box::new(comparable(of))),
        Type::List(of) => Type::List(Box::new(comparable(of))),
        Type::Map(of) => Type::Map(Box::new(comparable(of))),
        Type::Record(fields) => {
            let field = |(name, ty): (&Name, &Type)| (name.clone(), comparable(ty));
            Type::Record(Arc::new(fields.iter().map(field).collect()))
        }
        Type::OneOf(texts) => {
            let mut texts = texts.clone();
            texts.sort();
            Type::OneOf(texts)
        }
        other => other.clone(),
    }
}

/// An action that a file declares otherwise than the host provides it.
pub(crate) struct ActionMismatch<'d> {
    declared: &'d ir::Action,
    provided: String,
}

impl ActionMismatch<'_> {
    pub(crate) fn diagnostic(self) -> Diagnostic {
        let name = &self.declared.name;
        let message = format!(
            "`{name}` is declared differently from the action that this \
                               program provides"
        );
        let signature = self.provided.lines().last().unwrap_or_default();
        Diagnostic::error(codes::MISMATCH, self.declared.span, message)
            .here("declared here")
            .help(format!("write `{signature}`"))
    }
}

/// The actions of a host, by name.
#[derive(Clone, Default)]
pub(crate) struct Actions(BTreeMap<String, Action>);

impl Actions {
    pub(crate) fn add(&mut self, name: String, action: Action) {
        self.0.insert(name, action);
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Action> {
        self.0.get(name)
    }

    /// Their declarations, as a file of the language.
    pub(crate) fn declarations(&self) -> String {
        let all: Vec<String> = (self.0.iter())
            .map(|(name, action)| action.signature(name) + "\n")
            .collect();
        all.join("\n")
    }
}

fn schema<T: JsonSchema>() -> Schema {
    let mut settings = SchemaSettings::draft2020_12();
    settings.inline_subschemas = true;
    settings.into_generator().into_root_schema_for::<T>()
}

fn params(schema: &Schema) -> Vec<Param> {
    let properties = schema.get("properties").and_then(Json::as_object);
    let param = |(name, field): (&String, &Json)| {
        let doc = field.get("description").and_then(Json::as_str);
        Param {
            name: name.clone(),
            ty: field_type(schema.as_value(), name, field),
            doc: doc.map(str::to_string),
        }
    };
    properties.into_iter().flatten().map(param).collect()
}

/// The type of a field of a record.
fn field_type(record: &Json, name: &str, field: &Json) -> Type {
    let required = record.get("required").and_then(Json::as_array);
    let is_required = required.is_some_and(|names| names.iter().any(|it| it == name));
    optional(type_of(field), !is_required)
}

fn optional(ty: Type, is_optional: bool) -> Type {
    match ty {
        ty @ Type::Optional(_) => ty,
        ty if is_optional => Type::Optional(Box::new(ty)),
        ty => ty,
    }
}

/// The type in the language; that of `()` is nothing, and what the language cannot say is `json`.
fn type_of(schema: &Json) -> Type {
    let any = |key: &str| schema.get(key).and_then(Json::as_array);
    if let Some(texts) = texts(schema) {
        return Type::OneOf(texts);
    }
    if let Some(choices) = any("anyOf") {
        let is_null = |choice: &&Json| choice.get("type").is_some_and(|it| it == "null");
        let (none, some): (Vec<&Json>, Vec<&Json>) = choices.iter().partition(is_null);
        return match some.as_slice() {
            [only] if !none.is_empty() => optional(type_of(only), true),
            _ => Type::Json,
        };
    }
    let (name, is_nullable) = match schema.get("type") {
        Some(Json::String(name)) => (name.as_str(), false),
        Some(Json::Array(names)) => {
            let mut names = names.iter().filter_map(Json::as_str);
            (names.find(|it| *it != "null").unwrap_or("null"), true)
        }
        _ => return Type::Json,
    };
    let ty = match name {
        "null" => return Type::Nothing,
        "boolean" => Type::Bool,
        "integer" => Type::Int,
        "number" => Type::Float,
        "string" => Type::String,
        "array" => Type::List(Box::new(schema.get("items").map_or(Type::Json, type_of))),
        "object" => match (schema.get("properties"), schema.get("additionalProperties")) {
            (Some(Json::Object(fields)), _) => {
                let field = |(name, field): (&String, &Json)| {
                    let ty = field_type(schema, name, field);
                    (Name::from(name.as_str()), ty)
                };
                Type::Record(Arc::new(fields.iter().map(field).collect()))
            }
            (_, Some(of)) => Type::Map(Box::new(type_of(of))),
            _ => Type::Json,
        },
        _ => Type::Json,
    };
    optional(ty, is_nullable)
}

/// The texts of an enum without fields. Where variants have documentation, it is a `oneOf`.
fn texts(schema: &Json) -> Option<Vec<Name>> {
    let text = |text: &Json| text.as_str().map(Name::from);
    let any = |key: &str| schema.get(key).and_then(Json::as_array);
    if let Some(only) = schema.get("const") {
        return Some(vec![text(only)?]);
    }
    if let Some(all) = any("enum") {
        return all.iter().map(text).collect();
    }
    let choices: Option<Vec<Vec<Name>>> = any("oneOf")?.iter().map(texts).collect();
    Some(choices?.concat())
}

/// A value as JSON, for an action. Services, environments and the like become their names.
pub(crate) fn argument(value: &Value, name_of: &dyn Fn(&Value) -> String) -> Json {
    lockstep_base::value::to_json(value, &|value| name_of(value))
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Deserialize, JsonSchema)]
    #[expect(dead_code, reason = "only its shape counts")]
    struct Arguments {
        /// Where to.
        channel: String,
        times: Option<u32>,
        share: f64,
        tags: Vec<String>,
        labels: BTreeMap<String, i64>,
        level: Level,
        inner: Inner,
    }

    #[derive(Deserialize, JsonSchema)]
    #[serde(rename_all = "kebab-case")]
    enum Level {
        /// Hardly any.
        Low,
        VeryHigh,
    }

    #[derive(Serialize, Deserialize, JsonSchema)]
    struct Inner {
        on: bool,
        note: Option<String>,
    }

    #[test]
    fn signatures_are_made_from_types() {
        let mut actions = Actions::default();
        let answer = |_: Arguments| async {
            Ok(Inner {
                on: true,
                note: None,
            })
        };
        actions.add("notify".into(), Action::new(answer));
        actions.add("ping".into(), Action::new(|_: Inner| async { Ok(()) }));
        assert_eq!(
            actions.declarations(),
            "## `channel`: Where to.\n\
             action notify(channel: string, times: int? = none, share: float, tags: [string], \
             labels: {string: int}, level: \"very-high\" | \"low\", \
             inner: { on: bool, note: string? }) -> { on: bool, note: string? }\n\
             \n\
             action ping(on: bool, note: string? = none)\n"
        );
    }
}
