//! The real world behind a run: the driver, processes, connections, secrets.
//! It does not know how programs are written or checked.

pub mod connection;
pub mod driver;
pub mod http;
pub mod journal;
pub mod locks;
pub mod logs;
pub mod process;
pub mod redact;
pub mod secrets;
pub mod store;
mod writer;
