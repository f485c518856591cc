//! `lockstep test`: runs the tests of files in virtual time and reports the results.

mod json;
mod junit;
mod refused;
mod text;
mod timeline;

use std::time::Instant;

use super::arguments::{Test, TestFormat};
use super::exit::Exit;
use super::files::{CallerEnvironment, OpenedFile};
use super::find::{self, DefaultFiles};
use super::output::Output;
use lockstep_base::diagnostic::suggest::did_you_mean;
use lockstep_base::diagnostic::{Diagnostic, codes};
use lockstep_lang::compile::compile;
use lockstep_lang::ir::{self, Program};
use lockstep_verify::testing::{self, TestLimits, TestVerdict};
use refused::Refusal;

/// A file with tests.
struct Suite {
    opened: OpenedFile,
    program: Program,
}

/// The result of one test.
struct TestResult<'s> {
    suite: &'s Suite,
    verdict: TestVerdict,
    took_ms: u128,
}

pub(super) fn run(arguments: &Test, output: &mut Output) -> Exit {
    let suites = match open(&arguments.files) {
        Ok(suites) => suites,
        Err(refusals) => return refused::report(&refusals, arguments.format, output),
    };
    let is_selected = |test: &ir::Test| {
        let filter = arguments.filter.as_deref().unwrap_or_default();
        test.name.to_lowercase().contains(&filter.to_lowercase())
    };
    if !suites
        .iter()
        .flat_map(|it| &it.program.tests)
        .any(&is_selected)
    {
        let refusals = [Refusal::of(no_test(arguments, &suites))];
        return refused::report(&refusals, arguments.format, output);
    }
    let limits = TestLimits {
        seed: arguments.seed,
        schedules: arguments.schedules,
    };
    let begun = Instant::now();
    let mut done = Vec::new();
    let several = suites
        .iter()
        .filter(|it| it.program.tests.iter().any(&is_selected))
        .count()
        > 1;
    for suite in &suites {
        let mut named = !several;
        for test in suite.program.tests.iter().filter(|test| is_selected(test)) {
            let since = Instant::now();
            let verdict = testing::run(
                &suite.program,
                test,
                limits,
                &CallerEnvironment,
                &suite.opened,
            );
            let one = TestResult {
                suite,
                verdict,
                took_ms: since.elapsed().as_millis(),
            };
            if arguments.format == TestFormat::Text {
                if !std::mem::replace(&mut named, true) {
                    output.print(&text::file(&suite.opened.path, done.is_empty()));
                }
                output.print(&text::one(&one, arguments, output.stdout_style()));
            }
            done.push(one);
        }
    }
    let took_ms = begun.elapsed().as_millis();
    output.print(&match arguments.format {
        TestFormat::Text => text::counts(&done, took_ms, output.stdout_style()),
        TestFormat::Json => json::json(&done),
        TestFormat::Junit => junit::junit(&done, took_ms),
    });
    match done.iter().all(|one| one.verdict.passes()) {
        true => Exit::Succeeded,
        false => Exit::Failed,
    }
}

/// Reads and checks all files; the errors of all of them are reported.
fn open(named: &[String]) -> Result<Vec<Suite>, Vec<Refusal>> {
    let (found, mistakes) = find::open(named, DefaultFiles::Here);
    if !mistakes.is_empty() {
        return Err(mistakes.into_iter().map(Refusal::of).collect());
    }
    let mut suites = Vec::new();
    let mut refusals = Vec::new();
    for opened in found {
        let compiled = compile(&opened, &opened.path);
        match compiled.program {
            Some(program) => suites.push(Suite { opened, program }),
            None => refusals.push(Refusal {
                file: Some(opened.path),
                diagnostics: compiled.diagnostics,
                sources: compiled.sources,
            }),
        }
    }
    match refusals.is_empty() {
        true => Ok(suites),
        false => Err(refusals),
    }
}

/// The error that there is nothing to run.
fn no_test(arguments: &Test, suites: &[Suite]) -> Diagnostic {
    let names = suites
        .iter()
        .flat_map(|it| &it.program.tests)
        .map(|it| &*it.name);
    let names: Vec<&str> = names.collect();
    if let Some(filter) = &arguments.filter
        && !names.is_empty()
    {
        let message = format!("no test has `{filter}` in its name");
        let near = did_you_mean(filter, names.iter().copied());
        let near = near.or_else(|| {
            let shown: Vec<&str> = names.iter().copied().take(5).collect();
            let more = names.len() - shown.len();
            let more = if more > 0 {
                format!(" and {more} more")
            } else {
                String::new()
            };
            Some(format!("there are “{}”{more}", shown.join("”, “")))
        });
        return Diagnostic::without_place(codes::NO_TEST, message).help_opt(near);
    }
    let message = match suites {
        [] => String::from("there is no `.deploy` file here"),
        [only] => format!("there is no test in `{}`", only.opened.path),
        several => format!("there is no test in these {} files", several.len()),
    };
    let help = "write `test \"what it shows\" { start PIPELINE expect PIPELINE succeeded }`";
    Diagnostic::without_place(codes::NO_TEST, message).help(help)
}
