//! What requests and responses have in common.

pub(crate) mod caller;
pub(crate) mod guesses;
pub(crate) mod input;
pub(crate) mod problem;
pub(crate) mod router;
pub(crate) mod security;
