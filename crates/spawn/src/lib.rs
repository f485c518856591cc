//! Starts programs on Linux as `vfork` does: the new process borrows the memory of this one until
//! it has become the program, so that nothing is copied, however large this process is.
//!
//! So does the `posix_spawn` that the standard library uses. But the one of the C library asks for
//! the action of every signal in the new process and sets it, and asks for a limit six times: that
//! is a tenth of the processor time of a command that does nothing.
//!
//! This is the only crate of Lockstep with unsafe code: what must be shown to be right is the
//! function that runs in the borrowed memory, and that it is given pointers that live as long.
//!
//! Elsewhere than on Linux it is empty.

#[cfg(target_os = "linux")]
mod linux;

#[cfg(target_os = "linux")]
pub use linux::{ProgramStart, Started, is_supported, start};

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests;
