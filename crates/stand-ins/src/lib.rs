//! Services on this machine that tests ask in place of real ones: an HTTP receiver and an OpenID
//! Connect provider. It is a dependency of tests alone, by its path and without a version, so that
//! no published crate knows of it.

mod http;
mod provider;
mod signer;

pub use http::{Arrived, HttpReceiver, answer};
pub use provider::{Behaviour, CLIENT, Provider, Visit};
pub use signer::{Signer, encode};
