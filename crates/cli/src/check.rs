//! `lockstep check`: reports mistakes in files without running anything.

use super::arguments::{Check, Format};
use super::checkout::named_from_root;
use super::exit::Exit;
use super::files::{self, CallerEnvironment, OpenedFile};
use super::find::{self, DefaultFiles};
use super::merge::MergedFindings;
use super::output::Output;
use lockstep_base::diagnostic::render::{RenderStyle, clean, render};
use lockstep_base::diagnostic::{Diagnostic, Severity, github, json, sarif};
use lockstep_base::source::Sources;
use lockstep_lang::compile::compile;
use lockstep_lang::ir::Program;

pub(super) fn run(arguments: &Check, output: &mut Output) -> Exit {
    let (files, mistakes) = open(&arguments.files);
    if !mistakes.is_empty() {
        return refuse(&mistakes, arguments.format, output);
    }
    let mut merged = MergedFindings::default();
    let mut fine = String::new();
    for (at, opened) in files.iter().enumerate() {
        let mut compiled = compile(opened, &opened.path);
        let mut diagnostics = std::mem::take(&mut compiled.diagnostics);
        if let Some(program) = &compiled.program {
            diagnostics.extend(lockstep_verify::check(program, &CallerEnvironment, opened));
        }
        if let Some(program) = compiled.program.as_ref().filter(|_| diagnostics.is_empty()) {
            let counts = counts(program);
            fine.push_str(&format!("{} is fine: {counts}\n", clean(&opened.path)));
        }
        merged.add(&compiled.sources, diagnostics);
        if at + 1 == files.len() {
            // The process ends now, which frees its memory faster than node by node.
            std::mem::forget(compiled);
        }
    }
    let style = output.stdout_style();
    let found = &merged.diagnostics;
    output.print(&write(found, &merged.sources, arguments.format, style));
    if arguments.format == Format::Text {
        output.print(&fine);
    }
    match found.iter().any(|it| it.severity == Severity::Error) {
        true => Exit::Refused,
        false => Exit::Succeeded,
    }
}

/// The named files and those in named folders, else the only one of this folder.
fn open(named: &[String]) -> (Vec<OpenedFile>, Vec<Diagnostic>) {
    if !named.is_empty() {
        return find::open(named, DefaultFiles::Here);
    }
    match files::open(None) {
        Ok(only) => (vec![only], Vec::new()),
        Err(mistake) => (Vec::new(), vec![mistake]),
    }
}

/// Mistakes that leave nothing to check. Tools get them in their format, people as errors.
fn refuse(mistakes: &[Diagnostic], format: Format, output: &mut Output) -> Exit {
    if format == Format::Text {
        for mistake in mistakes {
            output.refuse(mistake);
        }
        return Exit::Refused;
    }
    let style = output.stdout_style();
    let text = write(mistakes, &Sources::default(), format, style);
    output.print(&text);
    Exit::Refused
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
        Format::Sarif => sarif(diagnostics, &named_from_root(sources)),
        Format::Github => github(diagnostics, &named_from_root(sources)),
    }
}

/// `1 pipeline, 3 services, 4 infrastructures`: what the program declares.
fn counts(program: &Program) -> String {
    let counted = [
        (program.pipelines.len(), "pipeline", 0),
        (
            program.services.len(),
            "service",
            program.service_templates.len(),
        ),
        (
            program.infrastructures.len(),
            "infrastructure",
            program.infrastructure_templates.len(),
        ),
    ];
    let counted = counted.map(|(count, word, from_data)| {
        let end = if count == 1 && from_data == 0 {
            ""
        } else {
            "s"
        };
        match (count, from_data) {
            (0, 1..) => format!("{word}{end} from data"),
            (_, 1..) => format!("{count} {word}{end} and more from data"),
            (_, 0) => format!("{count} {word}{end}"),
        }
    });
    let mut said = counted.join(", ");
    match program.triggers.len() {
        0 => {}
        1 => said.push_str(", 1 trigger"),
        count => said.push_str(&format!(", {count} triggers")),
    }
    said
}
