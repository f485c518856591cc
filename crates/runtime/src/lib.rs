//! The real world behind a run: the driver, processes, connections, secrets.
//! It does not know how programs are written or checked.

pub mod clock;
pub mod connection;
pub mod driver;
pub mod guardian;
pub mod http;
pub mod inbox;
pub mod journal;
pub mod locks;
pub mod logs;
pub mod process;
pub mod redact;
pub mod replay;
pub mod secrets;
mod writer;
