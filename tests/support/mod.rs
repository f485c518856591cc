//! Test helpers that the integration tests share.

pub mod compiler;
pub mod editor;
pub mod markdown;
pub mod program;
pub mod redact;
pub mod running;
pub mod server;
pub mod session;
#[cfg(target_os = "linux")]
pub mod sshd;
pub mod terminal;
pub mod web;

pub use program::Test;
