//! What the integration tests share. It does not know what they test.

pub mod compiler;
pub mod editor;
pub mod markdown;
pub mod program;
pub mod redact;
pub mod running;
pub mod session;
pub mod terminal;

pub use program::Test;
