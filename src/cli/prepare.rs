//! From the arguments of a command to a plan: reads and checks the file, binds what is given.
//! It does not know what the plan is for.

use super::arguments::Target;
use super::exit::Exit;
use super::files::{self, Disk, Variables};
use super::output::Output;
use crate::compile::{Compilation, compile};
use crate::diagnostic::Diagnostic;
use crate::diagnostic::render::render;
use crate::ir::Program;
use crate::plan::{self, Asked, Plan};
use crate::source::Sources;

/// A plan, and the file it was made from.
pub(super) struct Prepared {
    pub(super) plan: Plan,
    pub(super) path: String,
}

/// The plan that the arguments ask for. All mistakes are shown together.
pub(super) fn prepare(target: &Target, output: &mut Output) -> Result<Prepared, Exit> {
    let (path, program) = check(target.file.file.as_deref(), output)?;
    let asked = asked(target, output)?;
    let made = plan::bind(&program, &asked, &Variables, &Disk).and_then(Plan::new);
    match made {
        Ok(plan) => Ok(Prepared { plan, path }),
        Err(diagnostics) => Err(show(&diagnostics, &program.sources, output)),
    }
}

/// The program of a file without mistakes; its warnings are shown.
pub(super) fn check(file: Option<&str>, output: &mut Output) -> Result<(String, Program), Exit> {
    let path = files::choose(file).map_err(|mistake| output.refuse(&mistake))?;
    let Compilation {
        sources,
        program,
        diagnostics,
    } = compile(&Disk, &path);
    if !diagnostics.is_empty() {
        show(&diagnostics, &sources, output);
    }
    match program {
        Some(program) => Ok((path, program)),
        None => Err(Exit::Refused),
    }
}

fn asked(target: &Target, output: &mut Output) -> Result<Asked, Exit> {
    let given = target.inputs.read().map_err(|mistakes| {
        for mistake in mistakes {
            output.complain(&format!("error: {mistake}\n"));
        }
        Exit::Refused
    })?;
    Ok(Asked {
        pipeline: target.pipeline.clone(),
        inputs: given.inputs,
        fields: given.set,
    })
}

fn show(diagnostics: &[Diagnostic], sources: &Sources, output: &mut Output) -> Exit {
    let style = output.stderr_style();
    output.complain(&render(diagnostics, sources, style));
    Exit::Refused
}
