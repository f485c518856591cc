//! Lowers checked declarations and statements to the program (IR): names become numbers, effects
//! become statements, and the rules of structure are enforced.

mod blocks;
mod body;
mod calls;
mod commands;
mod constant_scope;
mod constants;
mod decls;
mod deploy;
mod effects;
mod errors;
mod flow;
mod from_data;
mod handlers;
mod late_defaults;
mod matrix;
mod modifiers;
mod places;
mod prune;
mod queues;
mod requirements;
mod secrets;
mod statements;
mod test_blocks;
mod trigger_errors;
mod triggers;
mod units;
mod windows;
mod with;
mod written_options;

use std::collections::{HashMap, HashSet};

use crate::eval::Expr;
use crate::ir::{Action, Param, Program, VERSION};
use crate::resolve::Modules;
use crate::types::{BUILTIN_ACTIONS, Checker};
use lockstep_base::diagnostic::Diagnostics;
use lockstep_base::source::{FileId, Span};
use lockstep_base::value::Type;

pub use self::constant_scope::ConstantScope as Constants;
pub use self::late_defaults::copy as give_late_defaults;

use self::calls::Calls;
use self::constants::{BoundValues, RangeChecked, ValueRange};

/// Checks all declarations and makes the program. It is complete only if no error was found.
pub fn lower(modules: &Modules) -> (Program, Diagnostics) {
    let lowered = lower_part(modules, None);
    (lowered.program, lowered.diagnostics)
}

/// The declarations that an editor is interested in, and what is known from checking everything.
#[derive(Debug, Clone, Copy)]
pub struct Focus<'f> {
    /// A position in each of them: the file and the byte.
    pub at: &'f [(FileId, u32)],
    /// The workflows that deploy something, directly or through others.
    pub deploying: &'f HashSet<u32>,
}

/// What lowering gives.
#[derive(Debug)]
pub struct LoweredProgram {
    /// The program. Bodies outside of the focus are empty.
    pub program: Program,
    /// What is wrong, but not in bodies outside of the focus.
    pub diagnostics: Diagnostics,
    /// The workflows that deploy something, directly or through others.
    pub deploying: HashSet<u32>,
}

/// Like [`lower`], for editors: of the bodies of workflows, pipelines and tests only those around
/// the focus are checked, if there is one.
pub fn lower_part(modules: &Modules, focus: Option<Focus<'_>>) -> LoweredProgram {
    let mut calls = Calls::default();
    if let Some(focus) = focus {
        calls.suppose(focus.deploying);
    }
    let mut lower = ProgramLowering {
        focus: focus.map(|focus| focus.at),
        check: Checker::new(modules),
        calls,
        bounded: BoundValues::default(),
        http: false,
        places: HashMap::new(),
    };
    let program = lower.program();
    let ProgramLowering {
        check,
        calls,
        bounded,
        ..
    } = lower;
    let mut diagnostics = check.diagnostics;
    calls::check(&program, &calls, &mut diagnostics);
    constants::check(&program, &bounded, &mut diagnostics);
    LoweredProgram {
        program,
        diagnostics,
        deploying: calls.into_deploying(),
    }
}

/// The state of lowering.
struct ProgramLowering<'a> {
    /// Positions of an editor, if only bodies around them are of interest.
    focus: Option<&'a [(FileId, u32)]>,
    check: Checker<'a>,
    calls: Calls,
    /// Values that must be in a range, to be checked where they are known.
    bounded: BoundValues,
    /// Whether a built-in action is called.
    http: bool,
    /// The places that pipelines have in the program.
    places: HashMap<u32, u32>,
}

impl ProgramLowering<'_> {
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
            service_templates: self.service_templates(),
            infrastructure_templates: Vec::new(),
            windows: self.windows(),
            groups: self.groups(),
            workflows: self.workflows(),
            actions: self.actions(),
            pipelines: self.pipelines(),
            tests: self.test_blocks(),
            triggers: Vec::new(),
        };
        self.places(&mut program);
        late_defaults::copy(&mut program);
        self.templates_are_early(&program);
        program.triggers = self.triggers(&program);
        written_options::note(&mut program);
        if self.http {
            program.actions.extend(builtin_actions());
        }
        program
    }

    /// Whether the body of a declaration is of interest.
    fn is_in_focus(&self, item: Span) -> bool {
        self.focus.is_none_or(|places| {
            places.iter().any(|(file, offset)| {
                item.file == *file && item.start <= *offset && *offset <= item.end
            })
        })
    }

    /// Remembers that a value must be in a range.
    fn bound(&mut self, expr: &Expr, range: ValueRange, what: &'static str) {
        self.bounded.ranges.push(RangeChecked {
            expr: expr.clone(),
            range,
            what,
        });
    }
}

/// The built-in actions, as if they had been declared.
fn builtin_actions() -> impl Iterator<Item = Action> {
    BUILTIN_ACTIONS.iter().map(|action| {
        let span = lockstep_base::source::Span::start_of(lockstep_base::source::FileId(0));
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
fn none_by_default(ty: &Type, span: lockstep_base::source::Span) -> Option<Expr> {
    matches!(ty, Type::Optional(_)).then(|| Expr::constant(lockstep_base::value::Value::None, span))
}
