//! From checked declarations and statements to the program: names become numbers, effects become
//! statements, and the rules of structure are kept.
//! It does not know inputs, nor any order in which things run.

mod blocks;
mod body;
mod calls;
mod commands;
mod constants;
mod decls;
mod deploy;
mod effects;
mod errors;
mod facts;
mod flow;
mod handlers;
mod matrix;
mod modifiers;
mod places;
mod prune;
mod secrets;
mod statements;
mod trials;
mod units;
mod visit;

use std::collections::HashMap;

use crate::diagnostic::Diagnostics;
use crate::eval::Expr;
use crate::ir::{Action, Param, Program, VERSION};
use crate::resolve::Modules;
use crate::types::{BUILTIN_ACTIONS, Checker};
use crate::value::Type;

pub use self::facts::Facts as Constants;

use self::calls::Calls;
use self::constants::{Bounded, Range};

/// Checks all declarations and makes the program. It is complete only if no error was found.
pub fn lower(modules: &Modules) -> (Program, Diagnostics) {
    let mut lower = Lower {
        check: Checker::new(modules),
        calls: Calls::default(),
        bounded: Vec::new(),
        http: false,
        places: HashMap::new(),
    };
    let program = lower.program();
    let Lower {
        check,
        calls,
        bounded,
        ..
    } = lower;
    let mut diagnostics = check.diagnostics;
    calls::check(&program, &calls, &mut diagnostics);
    constants::check(&program, &bounded, &mut diagnostics);
    (program, diagnostics)
}

/// The state of lowering.
struct Lower<'a> {
    check: Checker<'a>,
    calls: Calls,
    /// Values that must be in a range, to be looked at where they are known.
    bounded: Vec<Bounded>,
    /// Whether a built-in action is called.
    http: bool,
    /// The places that pipelines have in the program.
    places: HashMap<u32, u32>,
}

impl Lower<'_> {
    fn program(&mut self) -> Program {
        let mut program = Program {
            version: VERSION,
            sources: self.check.modules.sources.clone(),
            globals: self.globals(),
            secrets: self.secrets(),
            kinds: self.kinds(),
            services: self.services(),
            environments: Vec::new(),
            infrastructures: Vec::new(),
            groups: self.groups(),
            workflows: self.workflows(),
            actions: self.actions(),
            pipelines: self.pipelines(),
            tests: self.trials(),
        };
        self.places(&mut program);
        if self.http {
            program.actions.extend(builtin_actions());
        }
        program
    }

    /// Remembers that a value must be in a range.
    fn bound(&mut self, expr: &Expr, range: Range, what: &'static str) {
        self.bounded.push(Bounded {
            expr: expr.clone(),
            range,
            what,
        });
    }
}

/// The built-in actions, as if they had been declared.
fn builtin_actions() -> impl Iterator<Item = Action> {
    BUILTIN_ACTIONS.iter().map(|action| {
        let span = crate::source::Span::start_of(crate::source::FileId(0));
        let params = (action.params)().into_iter().enumerate();
        Action {
            name: action.name.into(),
            span,
            params: params
                .map(|(at, (name, ty))| Param {
                    name: name.into(),
                    doc: None,
                    slot: crate::eval::Slot(at as u32),
                    default: none_by_default(&ty, span),
                    ty,
                })
                .collect(),
            result: (action.result)(),
        }
    })
}

/// A parameter that may be `none` is `none` where nothing is given.
fn none_by_default(ty: &Type, span: crate::source::Span) -> Option<Expr> {
    matches!(ty, Type::Optional(_)).then(|| Expr::constant(crate::value::Value::None, span))
}
