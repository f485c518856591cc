//! Actions that a host provides as functions from a `serde` type to a `serde` type, and their
//! signatures in the language, which are made from those types.

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use lockstep_base::diagnostic::{Diagnostic, codes};
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
    /// The parameters: names and types as the language writes them, and whether they have `none`
    /// as their default.
    pub(crate) params: Vec<Param>,
    /// The type of the result; nothing where it has none.
    pub(crate) result: Option<String>,
    call: Arc<dyn Fn(Json) -> Called + Send + Sync>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Param {
    pub(crate) name: String,
    pub(crate) ty: String,
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
        let call = move |arguments: Json| -> Called {
            let arguments = serde_json::from_value::<A>(arguments);
            let called = arguments.map(&action);
            Box::pin(async move {
                let unfit = |error: serde_json::Error| ActionError::new(error.to_string());
                let result = called.map_err(unfit)?.await?;
                serde_json::to_value(result).map_err(unfit)
            })
        };
        Self {
            params: params(&schema::<A>()),
            result: ty(&schema::<R>()).filter(|_| std::mem::size_of::<R>() > 0),
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
        let ty = |ty: &Type| ty.to_string();
        let declared_params: Vec<(String, String)> = (declared.params.iter())
            .map(|param| (param.name.to_string(), ty(&param.ty)))
            .collect();
        let mut provided: Vec<(String, String)> = (self.params.iter())
            .map(|param| (param.name.clone(), param.ty.clone()))
            .collect();
        // A secret reaches the host as a text.
        for (name, ty) in &mut provided {
            let secret = |(other, declared): &(String, String)| {
                other == name && declared.starts_with("secret") && ty.starts_with("string")
            };
            if let Some((_, declared)) = declared_params.iter().find(|it| secret(it)) {
                ty.clone_from(declared);
            }
        }
        let sorted = |mut params: Vec<(String, String)>| {
            params.sort();
            params
        };
        let result = match &declared.result {
            Type::Nothing => None,
            other => Some(ty(other)),
        };
        let same = sorted(declared_params) == sorted(provided) && result == self.result;
        (!same).then(|| ActionMismatch {
            declared,
            provided: self.signature(&declared.name),
        })
    }

    fn signature(&self, name: &str) -> String {
        let mut text = String::new();
        let params: Vec<String> = (self.params.iter())
            .map(|param| match param.ty.ends_with('?') {
                true => format!("{}: {} = none", param.name, param.ty),
                false => format!("{}: {}", param.name, param.ty),
            })
            .collect();
        for doc in self.params.iter().filter_map(|param| {
            let doc = param.doc.as_deref()?;
            Some(format!("## `{}`: {}\n", param.name, doc.replace('\n', " ")))
        }) {
            text.push_str(&doc);
        }
        text.push_str(&format!("action {name}({})", params.join(", ")));
        if let Some(result) = &self.result {
            text.push_str(&format!(" -> {result}"));
        }
        text
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
        let message = format!("`{name}` is declared otherwise than this program provides it");
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
        let ty = type_of(field).unwrap_or_else(|| String::from("json"));
        let doc = field.get("description").and_then(Json::as_str);
        Param {
            name: name.clone(),
            ty: optional(ty, is_required(schema.as_value(), name)),
            doc: doc.map(str::to_string),
        }
    };
    properties.into_iter().flatten().map(param).collect()
}

fn ty(schema: &Schema) -> Option<String> {
    type_of(schema.as_value())
}

fn is_required(record: &Json, name: &str) -> bool {
    let required = record.get("required").and_then(Json::as_array);
    required.is_some_and(|names| names.iter().any(|it| it == name))
}

fn optional(ty: String, required: bool) -> String {
    match required || ty.ends_with('?') {
        true => ty,
        false => ty + "?",
    }
}

/// The type in the language; nothing for the type of `()`.
fn type_of(schema: &Json) -> Option<String> {
    let Some(record) = schema.as_object() else {
        return Some(String::from("json"));
    };
    let any = |key: &str| record.get(key).and_then(Json::as_array);
    if let Some(texts) = any("enum") {
        let texts: Option<Vec<String>> = (texts.iter())
            .map(|text| text.as_str().map(|text| format!("{text:?}")))
            .collect();
        return Some(texts.map_or_else(|| String::from("json"), |texts| texts.join(" | ")));
    }
    if let Some(choices) = any("anyOf") {
        let (none, some): (Vec<&Json>, Vec<&Json>) =
            (choices.iter()).partition(|choice| choice.get("type") == Some(&Json::from("null")));
        return Some(match some.as_slice() {
            [only] if !none.is_empty() => optional(type_of(only)?, false),
            _ => String::from("json"),
        });
    }
    let (name, nullable) = match record.get("type") {
        Some(Json::String(name)) => (name.as_str(), false),
        Some(Json::Array(names)) => {
            let mut others = names
                .iter()
                .filter_map(Json::as_str)
                .filter(|it| *it != "null");
            (others.next().unwrap_or("null"), names.len() > 1)
        }
        _ => ("", false),
    };
    let ty = match name {
        "null" => return None,
        "boolean" => String::from("bool"),
        "integer" => String::from("int"),
        "number" => String::from("float"),
        "string" => String::from("string"),
        "array" => format!("[{}]", record.get("items").and_then(type_of)?),
        "object" => match (record.get("properties"), record.get("additionalProperties")) {
            (Some(Json::Object(fields)), _) => {
                let field = |(name, field): (&String, &Json)| {
                    let ty = type_of(field).unwrap_or_else(|| String::from("json"));
                    format!("{name}: {}", optional(ty, is_required(schema, name)))
                };
                let fields: Vec<String> = fields.iter().map(field).collect();
                format!("{{ {} }}", fields.join(", "))
            }
            (_, Some(of)) => format!("{{string: {}}}", type_of(of)?),
            _ => String::from("json"),
        },
        _ => String::from("json"),
    };
    Some(optional(ty, !nullable))
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
             action notify(channel: string, times: int? = none, share: float, \
             tags: [string], labels: {string: int}, level: \"low\" | \"very-high\", \
             inner: { on: bool, note: string? }) -> { on: bool, note: string? }\n\
             \n\
             action ping(on: bool, note: string? = none)\n"
        );
    }
}
