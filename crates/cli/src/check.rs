//! `lockstep check`: reports mistakes in a file without running anything.

use super::arguments::{Check, Format};
use super::exit::Exit;
use super::files::{self, CallerEnvironment};
use super::output::Output;
use lockstep_base::diagnostic::render::{RenderStyle, clean, render};
use lockstep_base::diagnostic::{Diagnostic, Severity, github, json, sarif};
use lockstep_base::source::Sources;
use lockstep_lang::compile::{Compilation, compile};
use lockstep_lang::ir::Program;

pub(super) fn run(arguments: &Check, output: &mut Output) -> Exit {
    let opened = match files::open(arguments.file.file.as_deref()) {
        Ok(opened) => opened,
        Err(mistake) => return refuse(mistake, arguments.format, output),
    };
    let Compilation {
        sources,
        program,
        mut diagnostics,
        ..
    } = compile(&opened, &opened.path);
    if let Some(program) = &program {
        diagnostics.extend(lockstep_verify::check(program, &CallerEnvironment, &opened));
    }
    let wrong = diagnostics.iter().any(|it| it.severity == Severity::Error);
    let style = output.stdout_style();
    output.print(&write(&diagnostics, &sources, arguments.format, style));
    match program.filter(|_| !wrong) {
        Some(program) => {
            if diagnostics.is_empty() && arguments.format == Format::Text {
                output.print(&format!(
                    "{} is fine: {}\n",
                    clean(&opened.path),
                    counts(&program)
                ));
            }
            Exit::Succeeded
        }
        None => Exit::Refused,
    }
}

/// A mistake that leaves nothing to check. Tools get it in their format, people as an error.
fn refuse(mistake: Diagnostic, format: Format, output: &mut Output) -> Exit {
    match format {
        Format::Text => output.refuse(&mistake),
        _ => {
            let text = write(
                &[mistake],
                &Sources::default(),
                format,
                output.stdout_style(),
            );
            output.print(&text);
            Exit::Refused
        }
    }
}

pub(super) fn write(
    diagnostics: &[Diagnostic],
    sources: &Sources,
    format: Format,
    style: RenderStyle,
) -> String {
    match format {
        Format::Text => render(diagnostics, sources, style),
        Format::Json => json(diagnostics, sources),
        Format::Sarif => sarif(diagnostics, sources),
        Format::Github => github(diagnostics, sources),
    }
}

/// `1 pipeline, 3 services, 4 infrastructures`: what the program declares.
fn counts(program: &Program) -> String {
    let counted = [
        (program.pipelines.len(), "pipeline"),
        (program.services.len(), "service"),
        (program.infrastructures.len(), "infrastructure"),
    ];
    let counted = counted.map(|(count, word)| {
        let end = if count == 1 { "" } else { "s" };
        format!("{count} {word}{end}")
    });
    counted.join(", ")
}
