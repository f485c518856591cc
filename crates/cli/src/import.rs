//! `lockstep import`: writes a pipeline of another tool as a Lockstep file, and reports what was
//! not carried over, or does not do exactly the same.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};

use super::arguments::{Import, ImportedTool};
use super::exit::Exit;
use super::files::CallerFiles;
use super::output::Output;
use super::table::{cell, table};
use lockstep_base::diagnostic::Diagnostic;
use lockstep_base::diagnostic::codes::{ALREADY_THERE, CANNOT_READ, CANNOT_WRITE};
use lockstep_base::world::Files;
use lockstep_import::{Note, NoteKind, SourceFile};
use lockstep_view::Style;
use lockstep_view::style::Tone;

pub(super) fn run(arguments: &Import, output: &mut Output) -> Exit {
    let mut files = Vec::new();
    for path in &arguments.files {
        match CallerFiles.read(path) {
            Ok(text) => files.push(SourceFile {
                path: path.clone(),
                text,
            }),
            Err(why) => {
                let message = format!("cannot read `{path}`: {why}");
                return output.refuse(&Diagnostic::without_place(CANNOT_READ, message));
            }
        }
    }
    let imported = match arguments.tool {
        ImportedTool::Harness => lockstep_import::harness(&files),
        ImportedTool::Github => lockstep_import::github(&files),
    };
    if !imported.is_unreadable() {
        match arguments.output.as_str() {
            "-" => output.print(&imported.text),
            path => {
                if let Err(mistake) = write(path, &imported.text) {
                    return output.refuse(&mistake);
                }
            }
        }
    }
    let style = output.stderr_style();
    let style = Style {
        color: style.color,
        unicode: style.unicode,
    };
    output.complain(&report(&imported.notes, style));
    match imported.is_unreadable() {
        true => Exit::Refused,
        false => Exit::Succeeded,
    }
}

/// Writes a new file. Nothing is ever overwritten.
fn write(path: &str, text: &str) -> Result<(), Diagnostic> {
    let mut options = OpenOptions::new();
    let made = options.write(true).create_new(true).open(path);
    made.and_then(|mut file| file.write_all(text.as_bytes()))
        .map_err(|error| match error.kind() {
            ErrorKind::AlreadyExists => {
                Diagnostic::without_place(ALREADY_THERE, format!("`{path}` is there already"))
                    .help("name a file that is not there yet")
            }
            _ => {
                let message = format!("cannot write `{path}`: {error}");
                Diagnostic::without_place(CANNOT_WRITE, message)
            }
        })
}

/// The notes as aligned lines, and how many there are of each kind.
fn report(notes: &[Note], style: Style) -> String {
    let rows: Vec<_> = notes
        .iter()
        .map(|note| {
            let advice = match note.advice.as_str() {
                "" => String::new(),
                advice => format!("; {advice}"),
            };
            vec![
                cell(tone(note.kind), note.kind.word()),
                cell(
                    Tone::Dim,
                    &format!("{}:{}:{}", note.file, note.line, note.column),
                ),
                cell(Tone::Bold, &note.what),
                cell(Tone::Plain, &format!("{}{advice}", note.why)),
            ]
        })
        .collect();
    let mut text = table(&rows, style);
    let kinds = [
        NoteKind::Unreadable,
        NoteKind::NotImported,
        NoteKind::Refused,
        NoteKind::Changed,
        NoteKind::Dropped,
    ];
    let counts: Vec<String> = kinds
        .into_iter()
        .map(|kind| (notes.iter().filter(|note| note.kind == kind).count(), kind))
        .filter(|(count, _)| *count > 0)
        .map(|(count, kind)| format!("{count} {}", kind.word()))
        .collect();
    if !counts.is_empty() {
        text.push_str(&format!("\n{}\n", counts.join(", ")));
    }
    text
}

fn tone(kind: NoteKind) -> Tone {
    match kind {
        NoteKind::Unreadable => Tone::Bad,
        NoteKind::NotImported | NoteKind::Refused => Tone::Warn,
        NoteKind::Changed => Tone::Note,
        NoteKind::Dropped => Tone::Dim,
    }
}
