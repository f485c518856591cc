//! Services and infrastructures that are named by who starts a run: in a text, in a list, or in a
//! list that says how it names them.

use serde_json::Value;

use super::InputValue;
use lockstep_lang::eval::{self, EmptyScope};
use lockstep_lang::ir::Infrastructure;

/// What a list of infrastructures has of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NamedBy {
    /// Names, ids and groups, as they come.
    Any,
    /// Names and groups.
    Name,
    /// Ids.
    Id,
}

/// The infrastructures that are named: `k8s1,k8s2`, `["k8s1", "k8s2"]`, or with a word that says
/// what the list has, `{ "by": "id", "values": [...] }`. One that says so is never mixed.
pub(crate) fn places_given(raw: &InputValue) -> Result<(Vec<String>, NamedBy), String> {
    let data = match raw {
        InputValue::Text(text) if text.trim_start().starts_with('{') => {
            Some(serde_json::from_str(text).map_err(|error| format!("this is no JSON: {error}"))?)
        }
        InputValue::Json(data @ Value::Object(_)) => Some(data.clone()),
        InputValue::Text(_) | InputValue::Json(_) => None,
    };
    let Some(Value::Object(tagged)) = data else {
        return Ok((names_given(raw)?, NamedBy::Any));
    };
    let by = match tagged.get("by").and_then(Value::as_str) {
        Some("name") => NamedBy::Name,
        Some("id") => NamedBy::Id,
        _ => return Err(String::from("`by` is \"name\" or \"id\"")),
    };
    if let Some(other) = tagged
        .keys()
        .find(|key| !matches!(key.as_str(), "by" | "values"))
    {
        return Err(format!("there is no `{other}` beside `by` and `values`"));
    }
    match tagged.get("values") {
        Some(values) => Ok((names_in(values)?, by)),
        None => Err(String::from(
            "`values` is missing: the list of names or ids",
        )),
    }
}

/// The short name of an infrastructure, without its environment.
pub(crate) fn short_name(infrastructure: &Infrastructure) -> &str {
    let name = &*infrastructure.name;
    name.rsplit_once('.').map_or(name, |(_, short)| short)
}

/// The field `id` of an infrastructure, where it is known before anything is given.
pub(crate) fn own_id(infrastructure: &Infrastructure) -> Option<String> {
    let id = infrastructure.fields.get("id");
    let given = id.and_then(|id| eval::eval(id, &EmptyScope).ok())?;
    given.as_str().map(String::from)
}

/// Names as they are given: separated by commas, or as a list of JSON.
pub(crate) fn names_given(raw: &InputValue) -> Result<Vec<String>, String> {
    match raw {
        InputValue::Text(text) if text.trim_start().starts_with('[') => {
            let data = serde_json::from_str(text)
                .map_err(|error| format!("this is no list of JSON: {error}"))?;
            names_in(&data)
        }
        InputValue::Text(text) => Ok(text
            .split(',')
            .map(|name| name.trim().to_string())
            .collect()),
        InputValue::Json(data) => names_in(data),
    }
}

/// The names that data gives for a list of services or infrastructures.
fn names_in(data: &serde_json::Value) -> Result<Vec<String>, String> {
    let wrong = |data: &serde_json::Value, wanted: &str| {
        let kind = match data {
            serde_json::Value::Null => "none",
            serde_json::Value::Bool(_) => "a bool",
            serde_json::Value::Number(_) => "a number",
            serde_json::Value::String(_) => "a text",
            serde_json::Value::Array(_) => "a list",
            serde_json::Value::Object(_) => "a map",
        };
        format!("got {kind}, expected {wanted}")
    };
    match data {
        serde_json::Value::String(text) => Ok(text
            .split(',')
            .map(|name| name.trim().to_string())
            .collect()),
        serde_json::Value::Array(items) => {
            let items = items.iter().enumerate();
            let names = items.map(|(at, item)| match item.as_str() {
                Some(name) => Ok(name.to_string()),
                None => Err(format!("at [{at}]: {}", wrong(item, "a name"))),
            });
            names.collect()
        }
        data => Err(wrong(data, "a list of names")),
    }
}
