//! From the arguments of a command to a plan: reads and checks the file, binds the given inputs and
//! prompts for missing ones.

use super::arguments::{PipelineTarget, as_input};
use super::exit::Exit;
use super::files::{self, CallerEnvironment, OpenedFile};
use super::output::Output;
use super::prompt;
use super::state::{self, StateArgument};
use lockstep_api::session::source_folders;
use lockstep_api::state::deployed_versions;
use lockstep_base::diagnostic::render::render;
use lockstep_base::diagnostic::{Diagnostic, codes, suggest};
use lockstep_base::source::{FileId, Sources};
use lockstep_lang::compile::{Compilation, compile};
use lockstep_lang::eval::Expr;
use lockstep_lang::ir::{Program, Test, asks_ledger};
use lockstep_plan::{self as plan, DeployedVersion, EvalScope, Facts, Locals, Plan, RunRequest};
use lockstep_runtime::secrets::SecretVault;
use lockstep_verify::testing::{self, LentResults};

/// The plan that the arguments ask for. All errors are shown together.
pub(super) fn prepare(
    target: &PipelineTarget,
    state: &StateArgument,
    output: &mut Output,
) -> Result<Plan, Exit> {
    let (file, pipeline) = target.names();
    let asked = read_inputs(target, pipeline, output)?;
    prepare_request(file, asked, state, None, output).map(|prepared| prepared.plan)
}

/// A plan, and what it was made of.
pub(super) struct Prepared {
    pub(super) plan: Plan,
    /// What was asked for, with what a person was prompted for.
    pub(super) asked: RunRequest,
    /// What a test lends.
    pub(super) lent: Option<LentResults>,
}

/// What the arguments ask for.
pub(super) fn read_inputs(
    target: &PipelineTarget,
    pipeline: Option<&str>,
    output: &mut Output,
) -> Result<RunRequest, Exit> {
    if let Some(word) = pipeline
        && let Some(help) = as_input(word)
    {
        let message = format!("there is no pipeline `{word}`");
        let mistake = Diagnostic::without_place(codes::NO_PIPELINE, message);
        return Err(output.refuse(&mistake.help(help)));
    }
    target.inputs.read(pipeline).map_err(|mistakes| {
        // They have no position in a source.
        show(&mistakes, &Sources::default(), output)
    })
}

/// The same for the arguments of `plan`, with what the `given`s of a test say, where one is named.
pub(super) fn prepare_given(
    target: &PipelineTarget,
    state: &StateArgument,
    given: Option<&str>,
    output: &mut Output,
) -> Result<Prepared, Exit> {
    let (file, pipeline) = target.names();
    let asked = read_inputs(target, pipeline, output)?;
    prepare_request(file, asked, state, given, output)
}

/// The plan of a file for a request.
pub(super) fn prepare_request(
    file: Option<&str>,
    mut asked: RunRequest,
    state: &StateArgument,
    given: Option<&str>,
    output: &mut Output,
) -> Result<Prepared, Exit> {
    let (opened, program) = check(file, output)?;
    mask_secrets(&program, &Facts::default(), output);
    if asks_ledger(&program) {
        asked.deployed = deployed(&program, state, output)?;
    }
    let test = given.map(|name| test_named(&program, name)).transpose();
    let test = test.map_err(|mistake| output.refuse(&mistake))?;
    if let Some(test) = test {
        testing::lend_inputs(&program, test, &mut asked);
    }
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
            let lent = test.map(|test| LentResults::of(&plan, test)).transpose();
            let lent = lent.map_err(|mistakes| show(&mistakes, &program.sources, output))?;
            Ok(Prepared { plan, asked, lent })
        }
        Err(mistakes) => Err(show(&mistakes, &program.sources, output)),
    }
}

/// What the ledger says is deployed where, for `deployed(…)`: nothing where nothing has run.
fn deployed(
    program: &Program,
    state: &StateArgument,
    output: &mut Output,
) -> Result<Option<Vec<DeployedVersion>>, Exit> {
    let file = program.sources.iter().next();
    let file = file.map_or("", |(_, source)| &source.name);
    let store = state::open_existing(&state.default_for(file), None, output)?;
    let known = store
        .as_ref()
        .map_or_else(|| Ok(Vec::new()), deployed_versions);
    known
        .map(Some)
        .map_err(|error| state::refuse(&error, output))
}

/// The test of this name, or the only one whose name holds this text.
fn test_named<'p>(program: &'p Program, name: &str) -> Result<&'p Test, Diagnostic> {
    let all = || program.tests.iter();
    if let Some(exact) = all().find(|test| *test.name == *name) {
        return Ok(exact);
    }
    let wanted = name.to_lowercase();
    let found = all().filter(|test| test.name.to_lowercase().contains(&wanted));
    let found: Vec<&Test> = found.collect();
    if let [only] = found.as_slice() {
        return Ok(only);
    }
    let message = match found.is_empty() {
        true => format!("no test has `{name}` in its name"),
        false => format!("{} tests have `{name}` in their names", found.len()),
    };
    let names = all().map(|test| &*test.name);
    let near = suggest::did_you_mean(name, names.clone());
    let names: Vec<String> = names.map(|name| format!("“{name}”")).collect();
    let help = match names.is_empty() {
        true => String::from("this file has no tests"),
        false => near.unwrap_or_else(|| format!("there are {}", names.join(", "))),
    };
    Err(Diagnostic::without_place(codes::NO_TEST, message).help(help))
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
