//! Lines of the logs of commands, by their numbers: a log of a million lines is read where it is
//! looked at.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// The place of each so many-th line is remembered.
const LINES_APART: u64 = 1_000;
/// So many logs are remembered.
const MAX_INDEXES: usize = 64;
/// So much of a line is shown.
const MAX_LINE_BYTES: usize = 16 * 1024;
/// So many lines are answered at once.
pub(crate) const MAX_LINES: u64 = 2_000;

/// Where lines begin in the logs that were looked at last.
#[derive(Default)]
pub(crate) struct LogIndexes(Mutex<Vec<(PathBuf, Arc<Mutex<LineIndex>>)>>);

/// Where lines begin in a log, as far as it has been read.
#[derive(Debug, Default)]
struct LineIndex {
    /// Where line 0, 1,000, 2,000 … begin.
    places: Vec<u64>,
    /// How many lines have ended.
    lines: u64,
    /// How much has been read.
    bytes: u64,
    /// Whether what was read last has no line end yet.
    is_open: bool,
}

/// Some lines of a log.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct LogLines {
    /// How many lines there are.
    pub(crate) total: u64,
    /// The number of the first line, from 0.
    pub(crate) first: u64,
    pub(crate) lines: Vec<String>,
    /// Whether the last line of the file has no end yet.
    pub(crate) is_open: bool,
}

impl LogIndexes {
    /// Lines of a file from a number on; from the end where that is nothing. A file that is not
    /// there has none.
    pub(crate) fn read(
        &self,
        path: &Path,
        from: Option<u64>,
        count: u64,
    ) -> std::io::Result<LogLines> {
        let mut file = match File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Ok(LogLines {
                    total: 0,
                    first: 0,
                    lines: Vec::new(),
                    is_open: false,
                });
            }
            Err(error) => return Err(error),
        };
        let index = self.of(path);
        let mut index = index.lock().unwrap_or_else(PoisonError::into_inner);
        index.read_on(&mut file)?;
        let total = index.lines + u64::from(index.is_open);
        let count = count.clamp(1, MAX_LINES);
        let first = from.unwrap_or(total.saturating_sub(count)).min(total);
        let count = count.min(total - first);
        let lines = index.lines(&mut file, first, count)?;
        Ok(LogLines {
            total,
            first,
            lines,
            is_open: index.is_open,
        })
    }

    fn of(&self, path: &Path) -> Arc<Mutex<LineIndex>> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(at) = all.iter().position(|(known, _)| known == path) {
            let found = all.remove(at);
            all.push(found.clone());
            return found.1;
        }
        if all.len() >= MAX_INDEXES {
            all.remove(0);
        }
        let new = Arc::<Mutex<LineIndex>>::default();
        all.push((path.to_path_buf(), new.clone()));
        new
    }
}

impl LineIndex {
    /// Reads what has been written since the last time.
    fn read_on(&mut self, file: &mut File) -> std::io::Result<()> {
        if file.metadata()?.len() < self.bytes {
            // It was begun anew.
            *self = Self::default();
        }
        file.seek(SeekFrom::Start(self.bytes))?;
        let mut piece = vec![0; 256 * 1024];
        loop {
            let read = file.read(&mut piece)?;
            let Some(piece) = piece.get(..read).filter(|piece| !piece.is_empty()) else {
                return Ok(());
            };
            for (at, byte) in piece.iter().enumerate() {
                if !self.is_open && self.lines.is_multiple_of(LINES_APART) {
                    self.places.push(self.bytes + at as u64);
                }
                self.is_open = *byte != b'\n';
                self.lines += u64::from(*byte == b'\n');
            }
            self.bytes += read as u64;
        }
    }

    fn lines(&self, file: &mut File, first: u64, count: u64) -> std::io::Result<Vec<String>> {
        let place = usize::try_from(first / LINES_APART).unwrap_or(usize::MAX);
        let Some(place) = self.places.get(place) else {
            return Ok(Vec::new());
        };
        file.seek(SeekFrom::Start(*place))?;
        // What is being written right now belongs to the next answer.
        let mut text = BufReader::new(file.take(self.bytes - place));
        let mut line = Vec::new();
        let mut lines = Vec::new();
        for at in (first - first % LINES_APART).. {
            line.clear();
            if lines.len() as u64 == count || text.read_until(b'\n', &mut line)? == 0 {
                break;
            }
            if at >= first {
                let end = line.strip_suffix(b"\n").unwrap_or(&line);
                let end = end.get(..MAX_LINE_BYTES).unwrap_or(end);
                lines.push(String::from_utf8_lossy(end).into_owned());
            }
        }
        Ok(lines)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn lines_are_found_by_their_numbers_while_the_log_grows() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.log");
        let indexes = LogIndexes::default();
        assert_eq!(indexes.read(&path, Some(3), 5).unwrap().total, 0);
        let mut file = File::create(&path).unwrap();
        let mut written: Vec<String> = Vec::new();
        for round in 0..40_u64 {
            for at in 0..137 {
                let line = "x".repeat(((round * 31 + at) % 50) as usize) + &format!("{round} {at}");
                writeln!(file, "{line}").unwrap();
                written.push(line);
            }
            write!(file, "begun {round}").unwrap();
            for from in [
                0,
                1,
                999,
                1_000,
                1_001,
                written.len() as u64 - 1,
                written.len() as u64,
            ] {
                let found = indexes.read(&path, Some(from), 7).unwrap();
                let mut all = written.clone();
                all.push(format!("begun {round}"));
                assert_eq!(found.total, all.len() as u64);
                let from = (from as usize).min(all.len());
                let end = (from + 7).min(all.len());
                assert_eq!(found.lines, all[from..end], "from {from} of {}", all.len());
            }
            let last = indexes.read(&path, None, 2).unwrap();
            assert_eq!(
                last.lines,
                [written.last().unwrap().clone(), format!("begun {round}")]
            );
            writeln!(file).unwrap();
            written.push(format!("begun {round}"));
        }
        // One that is begun anew is read anew.
        std::fs::write(&path, "new\n").unwrap();
        assert_eq!(indexes.read(&path, None, 9).unwrap().lines, ["new"]);
    }
}
