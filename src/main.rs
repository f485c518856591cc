//! The program: arguments in, an exit code out.

// What unwinds the stack is a part of the program, and not of a library that would be loaded at
// every start: that takes a tenth of a millisecond, as long as most of what `--version` does.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[expect(
    unsafe_code,
    reason = "a library can be named in no other way; nothing is declared"
)]
#[link(name = "gcc_eh")]
unsafe extern "C" {}

fn main() -> std::process::ExitCode {
    lockstep_cli::main()
}
