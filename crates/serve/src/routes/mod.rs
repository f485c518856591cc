//! What can be asked: one file for each subject.

pub(crate) mod audit;
pub(crate) mod environments;
pub(crate) mod events;
pub(crate) mod notifications;
pub(crate) mod oidc;
pub(crate) mod pages;
pub(crate) mod people;
pub(crate) mod pipelines;
pub(crate) mod questions;
pub(crate) mod run_details;
pub(crate) mod runs;
pub(crate) mod session;
pub(crate) mod triggers;
