//! The program on a pseudo-terminal: what it draws, typed input, and the final content of the
//! screen.

use std::fs::File;
use std::io::{Read, Write};
use std::process::{Child, Command};
use std::sync::{Arc, Mutex};

use rustix::fs::{Mode, OFlags};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

use super::running::until;

/// A program on a terminal of its own. It is killed when it is dropped.
pub struct Terminal {
    child: Child,
    keys: File,
    drawn: Arc<Mutex<Vec<u8>>>,
    /// How much of the drawn output has been consumed.
    seen: usize,
    reader: Option<std::thread::JoinHandle<()>>,
}

impl Terminal {
    /// Starts a command on a terminal of this size.
    pub fn start(mut command: Command, columns: u16, rows: u16) -> Self {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a terminal");
        grantpt(&master).expect("it is ours");
        unlockpt(&master).expect("it is open");
        let name = ptsname(&master, Vec::new()).expect("it has a name");
        let open = || {
            let flags = OFlags::RDWR | OFlags::NOCTTY;
            rustix::fs::open(name.as_c_str(), flags, Mode::empty()).expect("its other side")
        };
        let size = Winsize {
            ws_col: columns,
            ws_row: rows,
            ws_xpixel: 0,
            ws_ypixel: 0,
        };
        tcsetwinsize(&master, size).expect("it has a size");
        command.stdin(open()).stdout(open()).stderr(open());
        if !command.get_envs().any(|(name, _)| name == "TERM") {
            command.env("TERM", "xterm-256color");
        }
        let child = command.spawn().expect("the program starts");
        // Only the program holds the other side now: when it ends, the output ends.
        drop(command);
        let keys = File::from(master);
        let mut screen = keys.try_clone().expect("a second handle");
        let drawn = Arc::new(Mutex::new(Vec::new()));
        let all = drawn.clone();
        let reader = std::thread::spawn(move || {
            let mut piece = [0; 4096];
            while let Ok(count @ 1..) = screen.read(&mut piece) {
                all.lock()
                    .expect("whole")
                    .extend_from_slice(&piece[..count]);
            }
        });
        Self {
            child,
            keys,
            drawn,
            seen: 0,
            reader: Some(reader),
        }
    }

    /// Waits until this is drawn, after the text of the last wait.
    #[track_caller]
    pub fn shows(&mut self, text: &str) {
        let mut seen = self.seen;
        let drawn = self.drawn.clone();
        until(&format!("`{text}` is shown"), || {
            let drawn = drawn.lock().expect("whole");
            let rest = &drawn[self.seen..];
            let found = rest
                .windows(text.len())
                .position(|it| it == text.as_bytes());
            seen = found.map_or(seen, |at| self.seen + at + text.len());
            found.is_some()
        });
        self.seen = seen;
    }

    /// Types something.
    pub fn types(&mut self, text: &str) {
        self.keys.write_all(text.as_bytes()).expect("it is typed");
    }

    /// The process's number.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits for its end; what was drawn, and the exit code.
    pub fn end(mut self) -> (String, i32) {
        let mut code = None;
        until("it ends", || {
            code = self.child.try_wait().expect("an end");
            code.is_some()
        });
        if let Some(reader) = self.reader.take() {
            // The rest of its output is read quickly.
            until("all is read", || reader.is_finished());
        }
        let drawn = String::from_utf8_lossy(&self.drawn.lock().expect("whole")).into_owned();
        (drawn, code.and_then(|code| code.code()).unwrap_or(-1))
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The final content of the screen and its scrollback after this has been drawn. Colours and modes
/// are ignored; every character is one column wide.
pub fn screen(drawn: &str) -> Vec<String> {
    let mut rows: Vec<Vec<char>> = vec![Vec::new()];
    let (mut row, mut column) = (0, 0);
    let mut chars = drawn.chars();
    while let Some(char) = chars.next() {
        match char {
            '\n' => {
                row += 1;
                if row == rows.len() {
                    rows.push(Vec::new());
                }
            }
            '\r' => column = 0,
            '\u{1b}' => {
                assert_eq!(chars.next(), Some('['), "an unknown escape in {drawn:?}");
                let mut number = String::new();
                let end = chars.by_ref().find(|char| {
                    number.push(*char);
                    char.is_ascii_alphabetic()
                });
                let number = number.trim_end_matches(|char: char| !char.is_ascii_digit());
                match end {
                    Some('A') => row -= number.parse::<usize>().expect("a number"),
                    Some('J') => {
                        rows.truncate(row + 1);
                        rows[row].truncate(column);
                    }
                    Some('h' | 'l' | 'm') => {}
                    other => panic!("an unknown escape {other:?} in {drawn:?}"),
                }
            }
            char => {
                let line = &mut rows[row];
                line.resize(line.len().max(column + 1), ' ');
                line[column] = char;
                column += 1;
            }
        }
    }
    let rows = rows
        .into_iter()
        .map(|row| row.into_iter().collect::<String>());
    rows.map(|row| row.trim_end().to_string()).collect()
}

#[test]
fn a_screen_is_what_was_drawn_last() {
    let drawn = "one\r\ntwo\r\n\u{1b}[1mthree\u{1b}[0m\r\u{1b}[1A\u{1b}[Jnew\r\nlast";
    assert_eq!(screen(drawn), ["one", "new", "last"]);
}
