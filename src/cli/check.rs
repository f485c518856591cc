//! `lockstep check`: looks for mistakes without running anything.
//! It does not know which mistakes there are.

use super::arguments::{Check, Format};
use super::exit::Exit;
use super::files::{self, Disk};
use super::output::Output;
use crate::diagnostic::render::{Style, render};
use crate::diagnostic::{Diagnostic, github, json, sarif};
use crate::source::Sources;
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
    let _ = text;
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
