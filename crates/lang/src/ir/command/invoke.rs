//! A command with its values filled in: what is to be executed, as plain data. Invariant: it never
//! contains the text of a secret.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{CommandWord, Form, Operand, ScriptPart, TextPart, TransferInvocation, WrittenWord};
use crate::eval::{Expr, Halt};
use lockstep_base::value::{SecretPart, Value};

/// What is to be executed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Invocation {
    /// A program and its arguments, without a shell. No secret is among them.
    Direct(Vec<String>),
    /// A script.
    Shell {
        /// Whether it is for `bash`.
        bash: bool,
        /// The script; it names the values as variables.
        script: String,
        /// The variables: each a text or a secret.
        variables: Vec<(String, Value)>,
    },
    /// A transfer of files.
    Transfer(Box<TransferInvocation>),
}

/// The prefix of the variables of a script, which is used by nothing else.
const VALUE_VARIABLE_PREFIX: &str = "LOCKSTEP_VALUE_";

/// Fills a command's values in: `value` evaluates an expression, `text` shows a value as it is
/// interpolated.
///
/// # Errors
///
/// What `value` says about an expression that has no value.
pub fn invoke(
    form: &Form,
    value: &mut dyn FnMut(&Expr) -> Result<Value, Halt>,
    text: &dyn Fn(&Value) -> String,
) -> Result<Invocation, Halt> {
    match form {
        Form::Direct(words) => {
            let mut arguments = Vec::new();
            for word in words {
                argument(word, value, text, &mut arguments)?;
            }
            Ok(direct(arguments))
        }
        Form::Shell { bash, script } => {
            let mut filled = ScriptBuilder::default();
            for part in script {
                filled.add(part, value, text)?;
            }
            Ok(Invocation::Shell {
                bash: *bash,
                script: filled.text,
                variables: filled.variables,
            })
        }
        Form::Transfer(transfer) => {
            let filled = transfer.invoke(value, text)?;
            Ok(Invocation::Transfer(Box::new(filled)))
        }
    }
}

/// The value that its program would read as an option, if one is: the error of the first.
///
/// # Errors
///
/// That error, and what `value` says about an expression that has no value.
pub fn option_in_value(
    operands: &[Operand],
    value: &mut dyn FnMut(&Expr) -> Result<Value, Halt>,
    text: &dyn Fn(&Value) -> String,
) -> Result<(), Halt> {
    for operand in operands {
        let found = value(&operand.value)?;
        let words = elements(&found);
        let is_written = |way: &Vec<WrittenWord>| are_written(way, words, text);
        if words.iter().any(|word| begins_option(word, text))
            && !operand.written.iter().any(is_written)
        {
            let span = operand.value.span;
            return Err(super::errors::value_as_option(span, &operand.program).into());
        }
    }
    Ok(())
}

/// Whether a value begins like an option. A secret is not looked at: what is read of it would show.
fn begins_option(word: &Value, text: &dyn Fn(&Value) -> String) -> bool {
    !matches!(word, Value::Secret(_)) && text(word).starts_with('-')
}

/// Whether the file writes these words so.
fn are_written(way: &[WrittenWord], words: &[Value], text: &dyn Fn(&Value) -> String) -> bool {
    let mut ends = BTreeSet::from([0]);
    for written in way {
        ends = (ends.iter())
            .flat_map(|start| written.ends(words, *start, text))
            .collect();
    }
    ends.contains(&words.len())
}

impl WrittenWord {
    /// Where what the file writes so may end, if it begins at the word `start`.
    fn ends(
        &self,
        words: &[Value],
        start: usize,
        text: &dyn Fn(&Value) -> String,
    ) -> BTreeSet<usize> {
        let next = words.get(start);
        let one = |fits: bool| BTreeSet::from_iter(fits.then_some(start + 1));
        match self {
            Self::Text(written) => one(next.is_some_and(|word| text(word) == **written)),
            Self::Prefix(written) => {
                one(next.is_some_and(|word| text(word).starts_with(&**written)))
            }
            Self::Data => one(next.is_some_and(|word| !begins_option(word, text))),
            Self::Each(ways) => {
                let mut found = BTreeSet::from([start]);
                let mut open = vec![start];
                while let Some(at) = open.pop() {
                    for way in ways {
                        let mut ends = BTreeSet::from([at]);
                        for written in way {
                            ends = (ends.iter())
                                .flat_map(|start| written.ends(words, *start, text))
                                .collect();
                        }
                        open.extend(ends.into_iter().filter(|end| found.insert(*end)));
                    }
                }
                found
            }
        }
    }
}

/// Adds the arguments of a word; each is a text or a secret.
fn argument(
    word: &CommandWord,
    value: &mut dyn FnMut(&Expr) -> Result<Value, Halt>,
    text: &dyn Fn(&Value) -> String,
    to: &mut Vec<Value>,
) -> Result<(), Halt> {
    let parts = match word {
        CommandWord::Spread(list) => {
            let list = value(list)?;
            to.extend(elements(&list).iter().map(|item| shown(item, text)));
            return Ok(());
        }
        CommandWord::One(parts) => parts,
    };
    let mut whole = String::new();
    let mut secret: Vec<SecretPart> = Vec::new();
    for part in parts {
        match part {
            TextPart::Text(part) => whole.push_str(part),
            TextPart::Value(expr) => match value(expr)? {
                Value::Secret(parts) => {
                    secret.push(SecretPart::Text(std::mem::take(&mut whole).into()));
                    secret.extend(parts.iter().cloned());
                }
                other => whole.push_str(&text(&other)),
            },
        }
    }
    to.push(if secret.is_empty() {
        Value::string(whole)
    } else {
        secret.push(SecretPart::Text(whole.into()));
        Value::Secret(Arc::new(secret))
    });
    Ok(())
}

/// A program and its arguments. Should one of them be a secret after all, which the types rule out,
/// a shell passes all of them on, so that none is ever stored as text.
fn direct(arguments: Vec<Value>) -> Invocation {
    let texts: Option<Vec<String>> = (arguments.iter())
        .map(|argument| argument.as_str().map(String::from))
        .collect();
    if let Some(texts) = texts {
        return Invocation::Direct(texts);
    }
    let mut filled = ScriptBuilder::default();
    for argument in arguments {
        filled.text.push_str("\"${");
        filled.variable(argument);
        filled.text.push_str("}\" ");
    }
    Invocation::Shell {
        bash: false,
        script: filled.text,
        variables: filled.variables,
    }
}

/// A script under construction.
#[derive(Default)]
struct ScriptBuilder {
    text: String,
    variables: Vec<(String, Value)>,
}

impl ScriptBuilder {
    fn add(
        &mut self,
        part: &ScriptPart,
        value: &mut dyn FnMut(&Expr) -> Result<Value, Halt>,
        text: &dyn Fn(&Value) -> String,
    ) -> Result<(), Halt> {
        match part {
            ScriptPart::Text(part) => self.text.push_str(part),
            ScriptPart::Bare(expr) => {
                let value = shown(&value(expr)?, text);
                self.text.push_str("\"${");
                self.variable(value);
                self.text.push_str("}\"");
            }
            ScriptPart::Quoted(expr) => {
                let value = shown(&value(expr)?, text);
                self.text.push_str("${");
                self.variable(value);
                self.text.push('}');
            }
            ScriptPart::Spread(expr) => {
                let list = value(expr)?;
                for (at, item) in elements(&list).iter().enumerate() {
                    self.text.push_str(if at > 0 { " \"${" } else { "\"${" });
                    self.variable(shown(item, text));
                    self.text.push_str("}\"");
                }
            }
        }
        Ok(())
    }

    /// Adds a variable and writes its name.
    fn variable(&mut self, value: Value) {
        let name = format!("{VALUE_VARIABLE_PREFIX}{}", self.variables.len() + 1);
        self.text.push_str(&name);
        self.variables.push((name, value));
    }
}

/// The elements of a list; any other value by itself.
fn elements(value: &Value) -> &[Value] {
    value.as_list().unwrap_or(std::slice::from_ref(value))
}

/// A value as text, or the secret that it is.
fn shown(value: &Value, text: &dyn Fn(&Value) -> String) -> Value {
    match value {
        Value::Secret(_) => value.clone(),
        other => Value::string(text(other)),
    }
}
