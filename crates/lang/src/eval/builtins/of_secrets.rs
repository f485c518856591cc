//! The functions that take secrets: what they make of one is a secret too. It stays a recipe, which
//! only the runtime follows.

use super::{BuiltinBody, BuiltinError, find};
use lockstep_base::value::{MEMBER, Value};

/// The functions whose arguments may hold secrets.
const TAKE_SECRETS: [&str; 8] = [
    "base64",
    "format",
    "from-json",
    "join",
    "json",
    "lines",
    "trim",
    "url-encode",
];

/// Whether a function takes secrets and gives one.
pub fn takes_secrets(name: &str) -> bool {
    TAKE_SECRETS.contains(&name)
}

/// What a function makes of the texts that its secrets are. The messages say nothing of the values,
/// which are secret.
///
/// # Errors
///
/// Why it has no result.
pub fn of_secrets(name: &str, args: &[Value]) -> Result<Value, String> {
    if name == MEMBER {
        return member(args);
    }
    let Some(function) = find(name).filter(|_| takes_secrets(name)) else {
        return Err(format!("there is no function `{name}` of secrets"));
    };
    let BuiltinBody::Pure(call) = function.call else {
        return Err(format!("there is no function `{name}` of secrets"));
    };
    call(args).map_err(|error| match error {
        BuiltinError::Message(_) | BuiltinError::Argument(..) => {
            format!("`{name}` of a secret has no result")
        }
        BuiltinError::TooLarge(_) => format!("the result of `{name}` of a secret is too large"),
    })
}

/// A field or an element of JSON.
fn member(args: &[Value]) -> Result<Value, String> {
    let found = match args {
        [Value::Map(entries), Value::String(key)] => entries.get(key),
        [Value::List(items), Value::Int(at)] => {
            usize::try_from(*at).ok().and_then(|at| items.get(at))
        }
        _ => None,
    };
    found.cloned().ok_or_else(|| match args.last() {
        Some(Value::String(key)) => format!("the secret JSON has no field `{key}`"),
        Some(Value::Int(at)) => format!("the secret JSON has no element {at}"),
        _ => String::from("the secret JSON has no such part"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_says_nothing_of_the_secret() {
        let text = |text: &str| Value::string(text);
        let parsed = of_secrets("from-json", &[text("{\"a\": [1, \"hunter2\"]}")]).unwrap();
        let list = of_secrets(MEMBER, &[parsed.clone(), text("a")]).unwrap();
        let second = of_secrets(MEMBER, &[list, Value::Int(1)]).unwrap();
        assert_eq!(second, text("hunter2"));
        let wrong = of_secrets("from-json", &[text("hunter2")]).unwrap_err();
        assert_eq!(wrong, "`from-json` of a secret has no result");
        let missing = of_secrets(MEMBER, &[parsed, text("b")]).unwrap_err();
        assert_eq!(missing, "the secret JSON has no field `b`");
        assert!(of_secrets("upper", &[text("a")]).is_err());
    }
}
