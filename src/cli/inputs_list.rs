//! `lockstep inputs`: lists what can be given to a file's pipelines.
//! It does not know how values are given.

use super::arguments::Inputs;
use super::exit::Exit;
use super::output::Output;

pub(super) fn run(_: &Inputs, _: &mut Output) -> Exit {
    Exit::Succeeded
}
