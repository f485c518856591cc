//! What has changed in the files of a stored run since it began.

use std::path::Path;

use lockstep_lang::ir::Program;
use lockstep_runtime::text_file;
use lockstep_store::StoredRun;

use super::output::Output;

/// The files of a run that have another text now, or are gone.
pub(super) fn of_run(run: &StoredRun, program: &Program) -> Vec<String> {
    let sources = program.sources.iter();
    let own = sources.filter(|(_, source)| !source.name.starts_with("std/"));
    let changed = own.filter(|(_, source)| {
        let path = Path::new(&run.folder).join(&*source.name);
        !text_file::read(&path).is_ok_and(|text| *text == *source.text)
    });
    changed
        .map(|(_, source)| format!("`{}`", source.name))
        .collect()
}

/// Says which files have changed, and what that means.
pub(super) fn tell(run: &StoredRun, program: &Program, meaning: &str, output: &mut Output) {
    let changed = of_run(run, program);
    if changed.is_empty() {
        return;
    }
    let have = if changed.len() == 1 { "has" } else { "have" };
    output.complain(&format!(
        "note: {} {have} changed since run {} began: {meaning}\n",
        changed.join(", "),
        run.id
    ));
}
