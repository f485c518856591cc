//! Runtime inputs of Harness: `<+input>` with its default, allowed values and pattern.

use super::Importer;
use super::scope::Scope;
use crate::declared::NewInput;
use crate::value::{Expr, Ty, is_float, is_int};
use crate::words::{quoted, raw};
use crate::yaml::Node;

/// The calls behind `<+input>`: `.default(x).allowedValues(a,b)`.
pub(super) fn suffixes(text: &str) -> Option<Vec<(&str, &str)>> {
    let mut rest = text.strip_prefix("<+input>")?.trim();
    let mut found = Vec::new();
    while let Some(behind) = rest.strip_prefix('.') {
        let open = behind.find('(')?;
        let mut depth = 0;
        let mut quote = None;
        let end = behind[open..].char_indices().find(|(_, sign)| {
            match (quote, sign) {
                (Some(open), sign) if open == *sign => quote = None,
                (Some(_), _) => {}
                (None, '"' | '\'') => quote = Some(*sign),
                (None, '(') => depth += 1,
                (None, ')') => depth -= 1,
                (None, _) => {}
            }
            depth == 0
        });
        let end = open + end?.0;
        found.push((behind[..open].trim(), behind[open + 1..end].trim()));
        rest = behind[end + 1..].trim();
    }
    rest.is_empty().then_some(found)
}

/// The default of a runtime input.
pub(super) fn default_of(text: &str) -> Option<&str> {
    let found = suffixes(text)?;
    let default = found.into_iter().find(|(name, _)| *name == "default")?.1;
    Some(unquoted(default))
}

fn unquoted(text: &str) -> &str {
    let text = text.trim();
    for quote in ['"', '\''] {
        let inner = text
            .strip_prefix(quote)
            .and_then(|it| it.strip_suffix(quote));
        if let Some(inner) = inner {
            return inner;
        }
    }
    text
}

impl Importer<'_> {
    /// Declares the input that a runtime input is. `kind` is its type there, `default` one that
    /// stands elsewhere.
    pub(super) fn runtime_input(
        &mut self,
        node: &Node,
        name: &str,
        kind: &str,
        default: Option<&str>,
        scope: &Scope,
    ) -> Expr {
        let text = node.text().unwrap_or_default();
        let Some(calls) = suffixes(text) else {
            return self
                .declared
                .unknown(node, text, "it is no runtime input that is known");
        };
        let mut default = default.map(ToString::to_string);
        let mut allowed: Vec<String> = Vec::new();
        let mut rule = None;
        for (call, arguments) in calls {
            match call {
                "default" => default = Some(unquoted(arguments).to_string()),
                "allowedValues" | "selectOneFrom" | "selectManyFrom" => {
                    let values = arguments.split(',').map(unquoted).map(str::to_string);
                    allowed = values.filter(|it| !it.is_empty()).collect();
                    if call == "selectManyFrom" {
                        let why = "one of the values is chosen here, not several";
                        self.declared.changed(node, text, why, "make it a list");
                    }
                }
                "regex" => {
                    let pattern = format!("^(?:{})$", unquoted(arguments));
                    rule = Some(format!("matches({{}}, {})", raw(&pattern)));
                }
                "executionInput" => {
                    let why = "it is asked for before the run, not in the middle of it";
                    self.declared.changed(node, text, why, "");
                }
                _ => {
                    let why = "this part of a runtime input has no counterpart";
                    let advice = "write a rule with `where`";
                    self.declared
                        .not_imported(node, &format!(".{call}({arguments})"), why, advice);
                }
            }
        }
        self.declare_input(node, name, kind, default, allowed, rule, scope)
    }

    #[expect(clippy::too_many_arguments, reason = "the parts of one declaration")]
    fn declare_input(
        &mut self,
        node: &Node,
        name: &str,
        kind: &str,
        default: Option<String>,
        allowed: Vec<String>,
        rule: Option<String>,
        scope: &Scope,
    ) -> Expr {
        let key = format!("input {}:{}:{name}", node.file, node.line);
        // What a default says may be an expression.
        let written = match &default {
            Some(text) if text.contains("<+") => Some(self.text(node, text, scope)),
            _ => None,
        };
        let number = kind == "Number";
        let whole = |it: &String| is_int(it);
        let numbers = |it: &String| is_int(it) || is_float(it);
        let (ty, kind) = match number {
            true if default.iter().chain(&allowed).all(whole)
                && default.iter().chain(&allowed).next().is_some() =>
            {
                (Ty::Int, "int".to_string())
            }
            true if default.iter().chain(&allowed).all(numbers) => (Ty::Float, "float".to_string()),
            _ if !allowed.is_empty() => {
                let texts: Vec<String> = allowed.iter().map(|it| quoted(it)).collect();
                (Ty::Text, texts.join(" | "))
            }
            _ => (Ty::Text, "string".to_string()),
        };
        let mut rule = rule.filter(|_| ty == Ty::Text);
        if number && !allowed.is_empty() && ty != Ty::Text {
            rule = Some(format!("{{}} in [{}]", allowed.join(", ")));
        }
        let literal = |text: &String| match ty {
            Ty::Int | Ty::Float => text.clone(),
            _ => quoted(text),
        };
        let fits = |text: &String| allowed.is_empty() || allowed.contains(text);
        if let Some(text) = default
            .as_ref()
            .filter(|it| !fits(it) && !it.contains("<+"))
        {
            let why = "the default is none of the allowed values";
            self.declared
                .not_imported(node, text, why, "give a value for each run");
        }
        let default = match written {
            Some(written) => match !written.text.contains("run.") && written.ty == Ty::Text {
                true => Some(written.text),
                false => None,
            },
            None => default.filter(fits).map(|text| literal(&text)),
        };
        let doc = self.docs.get(name).cloned();
        let new = NewInput {
            key: &key,
            name,
            ty: &kind,
            default,
            rule,
            doc: doc.as_deref(),
        };
        self.declared.input(new, ty)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_behind_an_input_are_read() {
        let found = suffixes("<+input>.default(\"a)b\").allowedValues(x, y)").unwrap();
        assert_eq!(found, [("default", "\"a)b\""), ("allowedValues", "x, y")]);
        assert_eq!(default_of("<+input>.default(v1)"), Some("v1"));
        assert_eq!(suffixes("<+input>x"), None);
        assert_eq!(suffixes("<+input>.default("), None);
    }
}
