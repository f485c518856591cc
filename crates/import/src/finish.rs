//! From pieces to a text that passes `lockstep check`. What the compiler or the proof refuses
//! becomes a comment with a note, so that an import never leaves a file that cannot be planned.

use lockstep_base::diagnostic::{Diagnostic, Severity};
use lockstep_base::world::{EnvironmentVariables, FileError, Files, VariableError};
use lockstep_format::format_text;
use lockstep_lang::compile::compile;

use indexmap::IndexMap;

use crate::Imported;
use crate::notes::{NoteKind, Notes, one_line};
use crate::program::{Piece, text};

/// The file that is compiled.
const PATH: &str = "imported.deploy";

/// Barriers and where they are first waited at.
pub(crate) type Barriers = IndexMap<String, (usize, u32, u32)>;

/// How often something is taken out at most.
const MAX_ROUNDS: usize = 60;

struct OneFile<'t>(&'t str);

impl Files for OneFile<'_> {
    fn read(&self, path: &str) -> Result<String, FileError> {
        match path == PATH {
            true => Ok(self.0.to_string()),
            false => Err(FileError::NotFound),
        }
    }
}

/// An environment in which every variable is missing.
struct NoVariables;

impl EnvironmentVariables for NoVariables {
    fn var(&self, _: &str) -> Result<String, VariableError> {
        Err(VariableError::NotSet)
    }
}

/// What `lockstep check` would refuse.
fn mistakes(text: &str) -> Vec<Diagnostic> {
    let files = OneFile(text);
    let compiled = compile(&files, PATH);
    let mut found = compiled.diagnostics;
    if let Some(program) = &compiled.program {
        found.extend(lockstep_verify::check(program, &NoVariables, &files));
    }
    found.retain(|it| it.severity == Severity::Error);
    found
}

/// Whether a text has a name as a word of its own.
pub(crate) fn has_word(text: &str, word: &str) -> bool {
    let inner = |it: char| it.is_alphanumeric() || it == '_' || it == '-';
    text.match_indices(word).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        let behind = text[at + word.len()..].chars().next();
        !before.is_some_and(inner) && !behind.is_some_and(inner)
    })
}

/// The text of the pieces, with everything taken out that `check` refuses.
pub(crate) fn finish(mut pieces: Vec<Piece>, barriers: &Barriers, notes: Notes) -> Imported {
    for _ in 0..MAX_ROUNDS {
        let written = text(&pieces);
        let found = mistakes(&written);
        let Some(mistake) = found.first() else {
            return formatted(&written, notes);
        };
        if of_barriers(&mut pieces, mistake, barriers, &notes) {
            continue;
        }
        let start = mistake
            .labels
            .first()
            .map(|label| label.span.start as usize);
        let line = written[..start.unwrap_or(0).min(written.len())]
            .matches('\n')
            .count();
        let at = (0, 1, 1);
        if start.is_none() || !take_out(&mut pieces, line, at, mistake, &notes) {
            break;
        }
    }
    // Everything as a comment is better than a file that means something else.
    let written = text(&pieces);
    if mistakes(&written).is_empty() {
        return formatted(&written, notes);
    }
    let why = "what was made of the files is no program";
    let texts = ["all of it", why, "please report this with the files"];
    notes.add_at(NoteKind::NotImported, 0, (1, 1), texts);
    let commented: String = written.lines().map(|line| format!("# {line}\n")).collect();
    Imported {
        text: commented.replace(" \n", "\n"),
        notes: notes.into_sorted(),
    }
}

fn formatted(written: &str, notes: Notes) -> Imported {
    // The formatter proves its result; without one the text stays as it was built.
    let text = format_text(written).unwrap_or_else(|_| written.to_string());
    Imported {
        text,
        notes: notes.into_sorted(),
    }
}

/// A barrier that the proof refuses meets in a wider block, and else is taken out.
fn of_barriers(
    pieces: &mut [Piece],
    mistake: &Diagnostic,
    barriers: &Barriers,
    notes: &Notes,
) -> bool {
    if !mistake.code.as_str().starts_with("E08") {
        return false;
    }
    let shown = format!("{} {:?}", mistake.message, mistake.labels);
    let found = barriers.iter().find(|(name, _)| has_word(&shown, name));
    let Some((name, (file, line, column))) = found else {
        return false;
    };
    let plain = format!("barrier {name}");
    let across = format!("barrier {name} across pipeline");
    let is_plain = |text: &str| text == plain || text.starts_with(&format!("{plain} timeout"));
    let widen = |text: &str| text.replacen(&plain, &across, 1);
    if change(pieces, &is_plain, &mut |text| Piece::Line(widen(text))) {
        return true;
    }
    let is_across = |text: &str| text.starts_with(&across);
    let mut said = false;
    change(pieces, &is_across, &mut |_| {
        if !std::mem::replace(&mut said, true) {
            let texts = [
                plain.as_str(),
                &mistake.message,
                "write where the strands meet, see the chapter on barriers",
            ];
            notes.add_at(NoteKind::Refused, *file, (*line, *column), texts);
        }
        Piece::comment(format!("not imported: {plain}: {}", mistake.message))
    })
}

/// Changes all lines that fit.
fn change(
    pieces: &mut [Piece],
    fits: &dyn Fn(&str) -> bool,
    to: &mut dyn FnMut(&str) -> Piece,
) -> bool {
    let mut changed = false;
    for piece in pieces {
        match piece {
            Piece::Line(text) if fits(text) => {
                *piece = to(text);
                changed = true;
            }
            Piece::Block(block) => {
                changed |= change(&mut block.body, fits, to);
                for handler in &mut block.handlers {
                    changed |= change(&mut handler.body, fits, to);
                }
            }
            Piece::Line(_)
            | Piece::Comment(_)
            | Piece::Quoted(_)
            | Piece::Doc(_)
            | Piece::Gap
            | Piece::At(_) => {}
        }
    }
    changed
}

/// Takes the statement of a line out, the innermost one.
fn take_out(
    pieces: &mut Vec<Piece>,
    line: usize,
    mut at: (usize, u32, u32),
    mistake: &Diagnostic,
    notes: &Notes,
) -> bool {
    let mut first = 0;
    for place in 0..pieces.len() {
        if let Piece::At(found) = &pieces[place] {
            at = *found;
            continue;
        }
        let length = text(&pieces[place..=place]).matches('\n').count();
        if line >= first + length {
            first += length;
            continue;
        }
        if let Piece::Block(block) = &mut pieces[place] {
            let head = block.head.matches('\n').count() + 1;
            let mut inner = first + head;
            if line >= inner {
                let size = text(&block.body).matches('\n').count();
                if line < inner + size {
                    return take_out(&mut block.body, line - inner, at, mistake, notes);
                }
                inner += size;
                for handler in &mut block.handlers {
                    let size = text(&handler.body).matches('\n').count();
                    if line > inner && line <= inner + size {
                        return take_out(&mut handler.body, line - inner - 1, at, mistake, notes);
                    }
                    inner += size + 1;
                }
            }
        }
        let written = text(&pieces[place..=place]);
        let what = one_line(&written);
        let advice = mistake.help.as_deref().unwrap_or("write it by hand");
        let texts = [what.as_str(), &mistake.message, &one_line(advice)];
        notes.add_at(NoteKind::Refused, at.0, (at.1, at.2), texts);
        pieces[place] = Piece::Comment(format!("not imported: {}:", mistake.message));
        pieces.insert(place + 1, Piece::Quoted(written));
        return true;
    }
    false
}
