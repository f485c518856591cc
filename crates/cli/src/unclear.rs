//! Places that an earlier run has left half done: a run that would deploy there does not start.

use super::exit::Exit;
use super::output::Output;
use super::state;
use lockstep_api::state::unclear_place;
use lockstep_base::diagnostic::{Diagnostic, codes};
use lockstep_engine::{LeftHalfDone, UnclearPlace};
use lockstep_plan::Plan;
use lockstep_store::Store;

/// Checks that no place is unclear to which a plan deploys.
pub(super) fn check(
    store: &Store,
    plan: &Plan,
    force: bool,
    output: &mut Output,
) -> Result<(), Exit> {
    if force {
        return Ok(());
    }
    match unclear_place(store, plan) {
        Ok(Some(place)) => Err(output.refuse(&unclear(store, &place))),
        Ok(None) => Ok(()),
        Err(error) => Err(state::refuse(&error, output)),
    }
}

fn unclear(store: &Store, place: &UnclearPlace) -> Diagnostic {
    let words = state::words(store.folder());
    let run = &place.run;
    let help = match place.left {
        LeftHalfDone::BrokenOff | LeftHalfDone::Resumed => {
            format!("resume it with `lockstep resume {run}{words}`, or deploy with `--force`")
        }
        LeftHalfDone::RollbackFailed => format!(
            "take it back with `lockstep undo {run}{words}`, or bring it into order and deploy \
             with `--force`"
        ),
    };
    Diagnostic::without_place(codes::UNCLEAR_PLACE, place.to_string()).help(help)
}
