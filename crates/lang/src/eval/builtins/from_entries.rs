//! What the comprehension of a map is lowered to: a map of entries. It is called by no name.

use indexmap::IndexMap;

use super::args::{any, list, no_more, required, text};
use super::{Builtin, BuiltinBody, BuiltinError};
use lockstep_base::source::Name;
use lockstep_base::value::{Type, Value};

/// The map of entries; no program can write its name.
pub static FROM_ENTRIES: Builtin = Builtin {
    name: "map.of",
    doc: "The map of entries. A key that stands twice is an error.",
    params: &[required("entries", any)],
    check: no_more,
    result: |_| Type::Any,
    examples: &[],
    call: BuiltinBody::Pure(call),
};

fn call(args: &[Value]) -> Result<Value, BuiltinError> {
    let mut map: IndexMap<Name, Value> = IndexMap::new();
    for entry in list(args, 0)? {
        let fields = entry.as_map();
        let field = |name: &str| fields.and_then(|it| it.get(name)).cloned();
        let key = text(&[field("key").unwrap_or(Value::None)], 0)?.clone();
        let value = field("value").unwrap_or(Value::None);
        if map.insert(key.clone(), value).is_some() {
            let message = format!("the key {key:?} stands twice in the map");
            return Err(BuiltinError::Message(message));
        }
    }
    Ok(Value::map(map))
}
