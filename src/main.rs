//! The program: arguments in, an exit code out.

fn main() -> std::process::ExitCode {
    lockstep_cli::main()
}
