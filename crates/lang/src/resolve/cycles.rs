//! Detects import cycles by a depth-first search.

use super::{Modules, errors};
use lockstep_base::diagnostic::Diagnostics;
use lockstep_base::source::{FileId, Span};

#[derive(Clone, Copy, PartialEq)]
enum CycleMark {
    New,
    Open,
    Done,
}

/// Reports every circle, at the import of the file in it that was asked for first: an editor shows
/// what is in the file that is open.
pub fn check(modules: &Modules, diagnostics: &mut Diagnostics) {
    let mut marks = vec![CycleMark::New; modules.files.len()];
    for start in 0..modules.files.len() {
        if marks[start] == CycleMark::New {
            walk(modules, start, &mut marks, diagnostics);
        }
    }
}

/// A depth-first search with an explicit stack: the file, the next import to visit, and where the
/// file was imported.
fn walk(modules: &Modules, start: usize, marks: &mut [CycleMark], diagnostics: &mut Diagnostics) {
    let first = Span::start_of(FileId(start as u32));
    let mut stack: Vec<(usize, usize, Span)> = vec![(start, 0, first)];
    marks[start] = CycleMark::Open;
    while let Some((file, next, _)) = stack.last_mut() {
        let here = *file;
        let Some(import) = modules.files[here].imports.get(*next) else {
            marks[here] = CycleMark::Done;
            stack.pop();
            continue;
        };
        *next += 1;
        let Some(target) = import.file.map(|file| file.0 as usize) else {
            continue;
        };
        match marks[target] {
            CycleMark::Done => {}
            CycleMark::New => {
                marks[target] = CycleMark::Open;
                stack.push((target, 0, import.span));
            }
            CycleMark::Open => {
                let from = stack
                    .iter()
                    .position(|(file, _, _)| *file == target)
                    .unwrap_or(0);
                let names: Vec<String> = stack[from..]
                    .iter()
                    .map(|(file, _, _)| *file)
                    .chain([target])
                    .map(|file| name_of(modules, file))
                    .collect();
                let entered = stack[from + 1..].iter().map(|(_, _, at)| *at);
                let imports: Vec<Span> = entered.chain([import.span]).collect();
                diagnostics.extend(errors::import_cycle(&imports, &names));
            }
        }
    }
}

fn name_of(modules: &Modules, file: usize) -> String {
    modules
        .sources
        .get(FileId(file as u32))
        .map_or_else(String::new, |source| source.name.to_string())
}
