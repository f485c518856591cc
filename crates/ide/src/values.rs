//! Constant values for display, with inputs at their defaults. Inputs without a default and the
//! environment of the caller are unknown.

use super::checked_file::CheckedFile;
use super::symbol::{Symbol, SymbolKind};
use lockstep_base::value::{Type, Value};
use lockstep_lang::eval::eval;
use lockstep_lang::ir::lower::Constants;
use lockstep_lang::ir::{GlobalSource, Program};

/// Longer values are truncated.
const MAX_VALUE_CHARS: usize = 200;

/// The constants of a program, with inputs at their defaults.
pub fn constants(program: &Program) -> Constants<'_> {
    let mut constants = Constants::new(program, true);
    constants.suppose_defaults();
    constants
}

/// The value of a named value or of an input's default, in the syntax of the language.
pub fn of(checked: &CheckedFile, symbol: &Symbol) -> Option<String> {
    if !matches!(
        symbol.kind,
        SymbolKind::Let | SymbolKind::Input | SymbolKind::Group
    ) {
        return None;
    }
    let program = checked.program();
    let global = program
        .globals
        .iter()
        .find(|global| global.span == symbol.at)?;
    if matches!(global.ty, Type::Any) {
        return None;
    }
    let expr = match &global.source {
        GlobalSource::Let(value) => value,
        GlobalSource::Input { default, .. } => default.as_ref()?,
    };
    let constants = constants(program);
    constants.prepare(expr);
    let value = eval(expr, &constants).ok()?;
    let mut text = shown(program, &value);
    if text.len() > MAX_VALUE_CHARS {
        let end = (0..=MAX_VALUE_CHARS)
            .rev()
            .find(|at| text.is_char_boundary(*at));
        text.truncate(end.unwrap_or(0));
        text.push('…');
    }
    Some(text)
}

/// A value in the syntax of the language.
pub fn shown(program: &Program, value: &Value) -> String {
    match value {
        Value::String(text) => format!("\"{}\"", text.escape_debug()),
        Value::List(items) => {
            let items = items.iter().map(|item| shown(program, item));
            format!("[{}]", items.collect::<Vec<_>>().join(", "))
        }
        Value::None => String::from("none"),
        _ => lockstep_plan::display(program, value),
    }
}
