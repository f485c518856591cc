//! From the arguments of a command to a plan: reads and checks the file, binds what is given.
//! It does not know what the plan is for.

use super::arguments::Target;
use super::exit::Exit;
use super::files::{self, Opened, Variables};
use super::output::Output;
use crate::compile::{Compilation, compile};
use crate::diagnostic::Diagnostic;
use crate::diagnostic::render::render;
use crate::ir::Program;
use crate::plan::{self, Plan};
use crate::source::Sources;

/// A plan, and the file it was made from.
pub(super) struct Prepared {
    pub(super) plan: Plan,
    pub(super) path: String,
}

/// The plan that the arguments ask for. All mistakes are shown together.
pub(super) fn prepare(target: &Target, output: &mut Output) -> Result<Prepared, Exit> {
    let (opened, program) = check(target.file.file.as_deref(), output)?;
    let made = target
        .inputs
        .read(target.pipeline.as_deref())
        .and_then(|asked| plan::bind(&program, &asked, &Variables, &opened))
        .and_then(Plan::new);
    match made {
        Ok(plan) => Ok(Prepared {
            plan,
            path: opened.path,
        }),
        Err(diagnostics) => Err(show(&diagnostics, &program.sources, output)),
    }
}

/// The program of a file without mistakes; its warnings are shown.
pub(super) fn check(file: Option<&str>, output: &mut Output) -> Result<(Opened, Program), Exit> {
    let opened = files::open(file).map_err(|mistake| output.refuse(&mistake))?;
    let Compilation {
        sources,
        program,
        diagnostics,
    } = compile(&opened, &opened.path);
    if !diagnostics.is_empty() {
        show(&diagnostics, &sources, output);
    }
    match program {
        Some(program) => Ok((opened, program)),
        None => Err(Exit::Refused),
    }
}

fn show(diagnostics: &[Diagnostic], sources: &Sources, output: &mut Output) -> Exit {
    let style = output.stderr_style();
    output.complain(&render(diagnostics, sources, style));
    Exit::Refused
}
