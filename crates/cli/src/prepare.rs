//! From the arguments of a command to a plan: reads and checks the file, binds the given inputs and
//! prompts for missing ones.

use super::arguments::{PipelineTarget, as_input};
use super::exit::Exit;
use super::files::{self, CallerEnvironment, OpenedFile};
use super::output::Output;
use super::prompt;
use lockstep_api::session::source_folders;
use lockstep_base::diagnostic::render::render;
use lockstep_base::diagnostic::{Diagnostic, codes};
use lockstep_base::source::{FileId, Sources};
use lockstep_lang::compile::{Compilation, compile};
use lockstep_lang::eval::Expr;
use lockstep_lang::ir::Program;
use lockstep_plan::{self as plan, EvalScope, Facts, Locals, Plan, RunRequest};
use lockstep_runtime::secrets::SecretVault;

/// The plan that the arguments ask for. All errors are shown together.
pub(super) fn prepare(target: &PipelineTarget, output: &mut Output) -> Result<Plan, Exit> {
    let (file, pipeline) = target.names();
    if let Some(word) = pipeline
        && let Some(help) = as_input(word)
    {
        let message = format!("there is no pipeline `{word}`");
        let mistake = Diagnostic::without_place(codes::NO_PIPELINE, message);
        return Err(output.refuse(&mistake.help(help)));
    }
    let (opened, program) = check(file, output)?;
    mask_secrets(&program, &Facts::default(), output);
    let mut asked = target.inputs.read(pipeline).map_err(|mistakes| {
        // They have no position in a source.
        show(&mistakes, &Sources::default(), output)
    })?;
    let mut bound = plan::bind(&program, &asked, &CallerEnvironment, &opened);
    if let Err(mistakes) = &bound
        && mistakes.iter().all(|it| it.code == codes::MISSING_INPUT)
        && prompt::is_possible()
    {
        fill(&program, &mut asked, &opened, output);
        bound = plan::bind(&program, &asked, &CallerEnvironment, &opened);
    }
    if let Ok(bound) = &bound {
        mask_secrets(&program, &bound.facts, output);
    }
    match bound.and_then(lockstep_verify::proved) {
        Ok(plan) => {
            let warnings = lockstep_outline::infeasible_timeouts(&plan);
            if !warnings.is_empty() {
                show(&warnings, &program.sources, output);
            }
            Ok(plan)
        }
        Err(mistakes) => Err(show(&mistakes, &program.sources, output)),
    }
}

/// Masks the secrets that can be read already: their texts may have come by other ways, too.
fn mask_secrets(program: &Program, facts: &Facts, output: &mut Output) {
    let locals = Locals::default();
    let scope = EvalScope {
        program,
        facts,
        locals: &locals,
        run: None,
    };
    let mut value = |expr: &Expr| scope.eval(expr);
    let here = std::env::current_dir().unwrap_or_default();
    let folders = source_folders(program, &here);
    let folder = |file: FileId| folders.get(file.0 as usize).cloned().unwrap_or_default();
    let vault = SecretVault::preview(&program.secrets, &mut value, &folder, &CallerEnvironment);
    output.mask(&vault);
}

/// The program of a file without errors; its warnings are shown.
pub(super) fn check(
    file: Option<&str>,
    output: &mut Output,
) -> Result<(OpenedFile, Box<Program>), Exit> {
    let opened = files::open(file).map_err(|mistake| output.refuse(&mistake))?;
    let Compilation {
        sources,
        program,
        diagnostics,
        ..
    } = compile(&opened, &opened.path);
    if !diagnostics.is_empty() {
        show(&diagnostics, &sources, output);
    }
    match program {
        Some(program) => Ok((opened, Box::new(program))),
        None => Err(Exit::Refused),
    }
}

/// Prompts for every missing input, until its value is valid or the person gives up.
fn fill(program: &Program, asked: &mut RunRequest, opened: &OpenedFile, output: &mut Output) {
    for input in plan::missing(program, asked) {
        let fits = |text: &str| {
            let raw = plan::InputValue::Text(text.to_string());
            plan::try_input(program, &input.name, &raw, &CallerEnvironment, opened)
        };
        let Some(text) = prompt::ask(&program.sources, input, &fits, output) else {
            // What is still missing is reported.
            return;
        };
        let name = input.name.to_string();
        asked.inputs.insert(name, plan::InputValue::Text(text));
    }
}

pub(super) fn show(diagnostics: &[Diagnostic], sources: &Sources, output: &mut Output) -> Exit {
    if let [only] = diagnostics
        && only.labels.is_empty()
    {
        return output.refuse(only);
    }
    let style = output.stderr_style();
    output.complain(&render(diagnostics, sources, style));
    Exit::Refused
}
