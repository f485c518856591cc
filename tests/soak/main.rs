//! A soak test: random pipelines, two to four runs of each at once on one state directory that is
//! often not there yet, and whatever can befall them: runners and guardians that are killed, doubled
//! signals, cancellations, clocks that are set. When everything has ended, nothing of it may be wrong.
//!
//! `LOCKSTEP_SOAK_SECONDS` says how long (30 by default), `LOCKSTEP_SOAK_SEED` where it begins; each
//! round prints its seed when it is wrong, and leaves its folder. `LOCKSTEP_SOAK_PROGRAM` is tested
//! in place of the one that was built. The clock is that of libfaketime, where it is installed or
//! `LOCKSTEP_SOAK_FAKETIME` names it: the time of day jumps, the monotonic clocks do not.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "it is a test with a `main` of its own"
)]

mod clock;
mod pipeline;
mod trouble;
mod verdict;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

/// Splitmix64.
pub(crate) struct Chance(u64);

impl Chance {
    pub(crate) fn below(&mut self, count: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) % count
    }

    pub(crate) fn once_in(&mut self, count: u64) -> bool {
        self.below(count) == 0
    }
}

/// The folder of one round, and the program that is tested.
pub(crate) struct World {
    folder: PathBuf,
    program: PathBuf,
    /// The library by which the time of day of all processes is set.
    faketime: Option<PathBuf>,
}

impl World {
    /// The program in this folder, with its home and its temporary files there.
    pub(crate) fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command
            .args(words)
            .current_dir(&self.folder)
            .env_remove("LOCKSTEP_GUARD")
            .env("HOME", &self.folder)
            .env("TMPDIR", self.folder.join("tmp"))
            .env("NO_COLOR", "1")
            .stdin(Stdio::null());
        if let Some(library) = &self.faketime {
            clock::fake(&mut command, library, &self.folder);
        }
        command
    }

    /// What it prints, and its exit code.
    pub(crate) fn output(&self, words: &[&str]) -> (String, Option<i32>) {
        let output = self.command(words).output().expect("the program starts");
        let stderr = String::from_utf8_lossy(&output.stderr);
        let stdout = String::from_utf8_lossy(&output.stdout);
        (format!("{stdout}{stderr}"), output.status.code())
    }
}

fn number(name: &str, otherwise: u64) -> u64 {
    let text = std::env::var(name).ok();
    text.map_or(otherwise, |text| text.parse().expect("a number"))
}

/// One round; what is wrong afterwards.
fn round(seed: u64, program: &Path, faketime: Option<&Path>) -> (PathBuf, Vec<String>) {
    let mut chance = Chance(seed);
    let folder = tempfile::Builder::new()
        .prefix("soak-")
        .tempdir()
        .expect("a folder")
        .keep();
    let folder = folder.canonicalize().expect("a folder");
    let world = World {
        folder: folder.clone(),
        program: program.to_path_buf(),
        faketime: faketime.map(Path::to_path_buf),
    };
    clock::set(&world.folder, 0);
    pipeline::write(&folder, &mut chance);
    let mut wrong = trouble::drive(&world, &mut chance);
    wrong.extend(verdict::judge(&world));
    (folder, wrong)
}

fn main() -> ExitCode {
    if cfg!(not(target_os = "linux")) {
        // Only Linux lists its processes.
        return ExitCode::SUCCESS;
    }
    let built = PathBuf::from(env!("CARGO_BIN_EXE_lockstep"));
    let program = std::env::var("LOCKSTEP_SOAK_PROGRAM").map_or(built, PathBuf::from);
    let limit = Duration::from_secs(number("LOCKSTEP_SOAK_SECONDS", 30));
    let mut seed = number("LOCKSTEP_SOAK_SEED", 1);
    let faketime = clock::library();
    if faketime.is_none() {
        println!("soak: without libfaketime the clock is not set");
    }
    let (begun, mut rounds, mut bad) = (Instant::now(), 0, 0);
    while begun.elapsed() < limit {
        let (folder, wrong) = round(seed, &program, faketime.as_deref());
        rounds += 1;
        if wrong.is_empty() {
            let _ = std::fs::remove_dir_all(&folder);
        } else {
            bad += 1;
            println!("seed {seed}, in {}:", folder.display());
            wrong.iter().for_each(|what| println!("  {what}"));
        }
        seed += 1;
    }
    println!("soak: {bad} of {rounds} rounds wrong");
    ExitCode::from(u8::from(bad > 0))
}
