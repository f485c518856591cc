//! The real world behind a run: the driver, processes, connections, secrets.
//! It does not know how programs are written or checked.

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
pub mod store_error;
mod writer;

/// Milliseconds since 1970.
pub fn now() -> i64 {
    jiff::Timestamp::now().as_millisecond()
}

/// A time in milliseconds since 1970 as RFC 3339 in UTC with milliseconds.
pub fn time(ms: i64) -> String {
    jiff::Timestamp::from_millisecond(ms).map_or_else(|_| String::new(), |at| format!("{at:.3}"))
}
