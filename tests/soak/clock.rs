//! The time of day of a round's processes, which jumps. Only libfaketime can set it for some
//! processes and not for the machine.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::Chance;

/// The file that says by how much the clock is wrong.
const OFFSET_FILE: &str = "clock";

/// The library, where it is installed.
pub(crate) fn library() -> Option<PathBuf> {
    if let Some(named) = std::env::var_os("LOCKSTEP_SOAK_FAKETIME") {
        return Some(PathBuf::from(named)).filter(|path| path.exists());
    }
    let of_machine = |name: &str| {
        let folder = Path::new("/usr/lib").join(name);
        folder.join("faketime/libfaketimeMT.so.1")
    };
    ["x86_64-linux-gnu", "aarch64-linux-gnu", ""]
        .map(of_machine)
        .into_iter()
        .find(|path| path.exists())
}

/// A process and its children get the time of the round.
pub(crate) fn fake(command: &mut Command, library: &Path, folder: &Path) {
    command
        .env("LD_PRELOAD", library)
        .env("FAKETIME_TIMESTAMP_FILE", folder.join(OFFSET_FILE))
        .env("FAKETIME_NO_CACHE", "1")
        .env("FAKETIME_DONT_FAKE_MONOTONIC", "1")
        .env("DONT_FAKE_MONOTONIC", "1");
}

/// The clock is wrong by so many seconds from now on.
pub(crate) fn set(folder: &Path, seconds: i64) {
    let new = folder.join("clock.new");
    std::fs::write(&new, format!("{seconds:+}\n")).expect("a file");
    std::fs::rename(&new, folder.join(OFFSET_FILE)).expect("a file");
}

/// Somebody sets it: by a moment, a lease, a day or more, forwards or back.
pub(crate) fn jump(folder: &Path, chance: &mut Chance) {
    let far = [1, 20, 60, 4_000, 90_000, 40_000_000][chance.below(6) as usize];
    let seconds = 1 + chance.below(far) as i64;
    set(folder, if chance.once_in(2) { seconds } else { -seconds });
}
