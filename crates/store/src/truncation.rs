//! Torn writes: a state directory that is truncated anywhere opens in a state in which it has been,
//! or reports that it is damaged. It never reports what has not happened.

use std::path::Path;

use super::tests::{begin, record};
use super::{RunJournal, Store, StoreError, StoreErrorKind};
use lockstep_base::value::Value;
use lockstep_engine::run_event::RunEventKind;
use lockstep_engine::{EffectId, EffectOutcome, Event};
use lockstep_runtime::journal::{Journal as _, JournalRecord};

const FILES: [&str; 2] = ["state.db", "state.db-wal"];

fn copy(from: &Path, to: &Path) {
    for file in FILES {
        let _ = std::fs::remove_file(to.join(file));
        let _ = std::fs::copy(from.join(file), to.join(file));
    }
    let _ = std::fs::remove_file(to.join("state.db-shm"));
}

/// A folder in memory, where available: a disk would be too slow for a thousand cases.
fn quick_folder() -> tempfile::TempDir {
    let memory = tempfile::tempdir_in("/dev/shm");
    memory.unwrap_or_else(|_| tempfile::tempdir().unwrap())
}

/// Groups of records of different sizes.
fn groups() -> Vec<Vec<JournalRecord>> {
    let mut seq = 0;
    let group = |size: u64| {
        let records = (0..size).map(|_| {
            seq += 1;
            let id = EffectId(seq);
            let text = "x".repeat((seq * seq * 37 % 9000) as usize);
            let outcome = EffectOutcome::good(Value::string(text));
            let told = vec![RunEventKind::RunStarted {
                run: format!("r-{seq}").into(),
                pipeline: "p".into(),
                outside_window: None,
            }];
            record(seq, Event::Ended { id, outcome }, told)
        });
        records.collect()
    };
    (0..40).map(|at| at % 4 + 1).map(group).collect()
}

/// What can be read of the first run: all of it, or the reason why not.
fn read(folder: &Path) -> Result<Option<Vec<JournalRecord>>, StoreError> {
    let Some(store) = Store::open_existing(folder)? else {
        return Ok(None);
    };
    store.examine()?;
    let runs = store.runs("")?;
    let Some(run) = runs.first() else {
        return Ok(None);
    };
    store.bound(run)?;
    let records = store.records(run.number)?;
    Ok(Some(records))
}

/// Truncates both files of every state, also after a checkpoint has moved everything to the main
/// file.
#[test]
fn a_state_directory_that_is_cut_off_is_never_read_wrongly() {
    let (folder, cut) = (quick_folder(), quick_folder());
    let (folder, cut) = (folder.path(), cut.path());
    let store = Store::open(folder).unwrap();
    let run = begin(&store, "r-1").number;
    let mut journal = RunJournal::new(store.reopen().unwrap(), run);
    let groups = groups();
    let all: Vec<JournalRecord> = groups.iter().flatten().cloned().collect();
    let mut ends = vec![0];
    let mut lengths = Vec::new();
    let states = quick_folder();
    for (at, group) in groups.iter().enumerate() {
        journal.write(group).unwrap();
        ends.push(ends[at] + group.len());
        // What a crash right after the commit leaves.
        copy(folder, cut);
        let found = read(cut).unwrap().unwrap();
        assert_eq!(found, all[..ends[at + 1]], "after commit {at}");
        let kept = states.path().join(at.to_string());
        std::fs::create_dir(&kept).unwrap();
        copy(folder, &kept);
        lengths.push(std::fs::metadata(folder.join(FILES[1])).unwrap().len());
    }
    // Truncated at each commit, and one byte before it.
    for (at, length) in lengths.iter().enumerate() {
        for (length, count) in [(*length, ends[at + 1]), (length - 1, ends[at])] {
            copy(folder, cut);
            let log = std::fs::File::options()
                .write(true)
                .open(cut.join(FILES[1]));
            log.unwrap().set_len(length).unwrap();
            let found = read(cut).unwrap().unwrap();
            assert_eq!(found, all[..count], "cut at {length}, commit {at}");
        }
    }
    drop(journal);
    drop(store);
    let kept = states.path().join(groups.len().to_string());
    std::fs::create_dir(&kept).unwrap();
    copy(folder, &kept);
    let mut chance = 1_u64;
    let mut next = |below: u64| {
        chance = chance
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (chance >> 33) % below.max(1)
    };
    let (mut whole, mut refused) = (0, 0);
    for _ in 0..1000 {
        let state = states
            .path()
            .join(next(groups.len() as u64 + 1).to_string());
        copy(&state, cut);
        let file = cut.join(FILES[next(3).min(1) as usize]);
        let Ok(length) = std::fs::metadata(&file).map(|it| it.len()) else {
            continue;
        };
        let opened = std::fs::File::options().write(true).open(&file).unwrap();
        opened.set_len(next(length)).unwrap();
        match read(cut) {
            Ok(None) => refused += 1,
            Ok(Some(found)) => {
                whole += 1;
                assert!(ends.contains(&found.len()), "a part of a group");
                assert_eq!(found, all[..found.len()]);
            }
            Err(error) => {
                refused += 1;
                let of_directory =
                    !matches!(error.kind, StoreErrorKind::Refused | StoreErrorKind::Taken);
                assert!(of_directory, "{error}");
            }
        }
    }
    assert!(
        whole > 300 && refused > 100,
        "{whole} whole, {refused} refused"
    );
}
