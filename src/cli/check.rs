//! `lockstep check`: looks for mistakes without running anything.
//! It does not know which mistakes there are.

use super::arguments::{Check, Format};
use super::exit::Exit;
use super::files::{self, Disk};
use super::output::Output;
use crate::diagnostic::render::{Style, clean, render};
use crate::diagnostic::{Diagnostic, Severity, github, json, sarif};
use crate::source::Sources;
use crate::syntax::{self, ast};
use crate::world::Files;

pub(super) fn run(arguments: &Check, output: &mut Output) -> Exit {
    let path = match files::choose(arguments.file.file.as_deref()) {
        Ok(path) => path,
        Err(mistake) => return refuse(mistake, arguments.format, output),
    };
    let text = match Disk.read(&path) {
        Ok(text) => text,
        Err(why) => return refuse(files::cannot_read(&path, &why), arguments.format, output),
    };
    let mut sources = Sources::default();
    let file = sources.add(path.as_str(), text.as_str());
    let parse = syntax::parse(file, &text);
    let text = write(
        &parse.diagnostics,
        &sources,
        arguments.format,
        output.stdout_style(),
    );
    output.print(&text);
    let wrong = |diagnostic: &Diagnostic| diagnostic.severity == Severity::Error;
    if parse.diagnostics.iter().any(wrong) {
        return Exit::Refused;
    }
    if parse.diagnostics.is_empty() && arguments.format == Format::Text {
        output.print(&format!(
            "{} is fine: {}\n",
            clean(&path),
            counts(&parse.file)
        ));
    }
    Exit::Succeeded
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

fn write(diagnostics: &[Diagnostic], sources: &Sources, format: Format, style: Style) -> String {
    match format {
        Format::Text => render(diagnostics, sources, style),
        Format::Json => json(diagnostics, sources),
        Format::Sarif => sarif(diagnostics, sources),
        Format::Github => github(diagnostics, sources),
    }
}

/// `1 pipeline, 3 services, 4 infrastructures`: what the file declares.
fn counts(file: &ast::File) -> String {
    let (mut pipelines, mut services, mut infrastructures) = (0, 0, 0);
    for item in &file.items {
        match &item.kind {
            ast::ItemKind::Pipeline { .. } => pipelines += 1,
            ast::ItemKind::Service { .. } => services += 1,
            ast::ItemKind::Environment(place) => infrastructures += place.infrastructures.len(),
            _ => {}
        }
    }
    let counted = [
        (pipelines, "pipeline"),
        (services, "service"),
        (infrastructures, "infrastructure"),
    ];
    let counted = counted.map(|(count, word)| {
        let end = if count == 1 { "" } else { "s" };
        format!("{count} {word}{end}")
    });
    counted.join(", ")
}
