//! The table of commands in flight: a file that the runner writes, and the guardian reads once the
//! runner is dead; or who comes after the runner, once the guardian is dead, too. Writing to it
//! wakes no process, so it is very cheap.

use std::fs::File;
use std::io;
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::Path;

use crate::processes::{CommandTrace, now};

const ENTRY_BYTES: usize = 32;

/// The runner's side of the table.
pub(super) struct CommandTable {
    file: File,
    entries: Vec<Option<CommandTrace>>,
    free: Vec<usize>,
    count: u64,
}

impl CommandTable {
    /// A table in an unnamed file.
    pub(super) fn unnamed(parent: &Path) -> io::Result<Self> {
        let name = format!("lockstep-table-{}", super::super::connection::random());
        let path = parent.join(name);
        let table = Self::at(&path)?;
        std::fs::remove_file(&path)?;
        Ok(table)
    }

    /// A table in a new file.
    pub(super) fn at(path: &Path) -> io::Result<Self> {
        let file = File::options()
            .read(true)
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path)?;
        Ok(Self {
            file,
            entries: Vec::new(),
            free: Vec::new(),
            count: 0,
        })
    }

    /// The file, for the guardian.
    pub(super) fn file(&self) -> io::Result<File> {
        self.file.try_clone()
    }

    /// Adds a command that is about to be started, and returns its number.
    pub(super) fn add(&mut self) -> u64 {
        self.count += 1;
        let now = now();
        let entry = CommandTrace {
            number: self.count,
            group: 0,
            from: now,
            until: now,
        };
        let at = self.free.pop().unwrap_or(self.entries.len());
        if at == self.entries.len() {
            self.entries.push(None);
        }
        self.set(at, Some(entry));
        self.count
    }

    /// Records the process group of a started command.
    pub(super) fn set_group(&mut self, number: u64, group: u32) {
        if let Some((at, mut entry)) = self.find(number) {
            entry.group = u64::from(group);
            entry.until = now();
            self.set(at, Some(entry));
        }
    }

    /// Removes a command that has ended: processes that it leaves behind may live on.
    pub(super) fn remove(&mut self, number: u64) {
        if let Some((at, _)) = self.find(number) {
            self.set(at, None);
            self.free.push(at);
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.entries.iter().all(Option::is_none)
    }

    /// There are never more entries than concurrent commands, so a linear search is fast.
    fn find(&self, number: u64) -> Option<(usize, CommandTrace)> {
        let mut all = self.entries.iter().enumerate();
        all.find_map(|(at, entry)| Some((at, (*entry)?)).filter(|(_, it)| it.number == number))
    }

    fn set(&mut self, at: usize, entry: Option<CommandTrace>) {
        if let Some(place) = self.entries.get_mut(at) {
            *place = entry;
        }
        let bytes = entry.map_or([0; ENTRY_BYTES], to_bytes);
        // If the disk is full the command runs unguarded, which is better than not at all.
        let _ = self.file.write_all_at(&bytes, (at * ENTRY_BYTES) as u64);
    }
}

/// Reads the entries of a table's file.
pub(super) fn read(file: &File) -> Vec<CommandTrace> {
    let mut entries = Vec::new();
    let mut bytes = [0; ENTRY_BYTES];
    while file
        .read_exact_at(&mut bytes, ((entries.len()) * ENTRY_BYTES) as u64)
        .is_ok()
    {
        entries.push(from_bytes(&bytes));
    }
    entries.retain(|entry| entry.number != 0);
    entries
}

fn to_bytes(entry: CommandTrace) -> [u8; ENTRY_BYTES] {
    let mut bytes = [0; ENTRY_BYTES];
    let fields = [entry.number, entry.group, entry.from, entry.until];
    for (place, field) in bytes.chunks_exact_mut(8).zip(fields) {
        place.copy_from_slice(&field.to_le_bytes());
    }
    bytes
}

fn from_bytes(bytes: &[u8; ENTRY_BYTES]) -> CommandTrace {
    let mut fields = bytes.chunks_exact(8).map(|part| {
        let mut field = [0; 8];
        field.copy_from_slice(part);
        u64::from_le_bytes(field)
    });
    let mut next = || fields.next().unwrap_or_default();
    CommandTrace {
        number: next(),
        group: next(),
        from: next(),
        until: next(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let mut table = CommandTable::unnamed(folder.path()).unwrap();
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
        let numbers: Vec<u64> = (0..3).map(|_| table.add()).collect();
        table.set_group(numbers[1], 77);
        table.remove(numbers[0]);
        let read_now = |table: &CommandTable| {
            let entries = read(&table.file().unwrap());
            let mut shown: Vec<(u64, u64)> =
                entries.iter().map(|it| (it.number, it.group)).collect();
            shown.sort_unstable();
            shown
        };
        assert_eq!(read_now(&table), [(2, 77), (3, 0)]);
        // Slots are reused, numbers are not.
        assert_eq!(table.add(), 4);
        assert_eq!(table.entries.len(), 3);
        for number in 2..=4 {
            assert!(!table.is_empty());
            table.remove(number);
        }
        assert!(table.is_empty() && read_now(&table).is_empty());
        // Unknown numbers are ignored.
        table.set_group(9, 9);
        table.remove(9);
        assert!(read_now(&table).is_empty());
    }
}
