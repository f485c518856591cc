//! What a run has told, and a run that is under way in a world that follows a story.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use lockstep_engine::run_event::{RunEvent, RunEventKind};

use super::story::{Deed, Moment, Started, Story, key};

/// What the story says comes by then, if it comes at all.
const LONGEST_WAIT: Duration = Duration::from_secs(20);

/// So long a run goes on at most behind its story.
const LONGEST_REST: Duration = Duration::from_secs(30);

const LOOK: Duration = Duration::from_millis(15);

/// A stand-in for every command: it says that it has begun, and does at its end what it is told by
/// then. To be asked to end is only noted.
pub const STAND_IN: &str = r#"#!/bin/sh
mkfifo ".end.$$" || exit 99
exec 3<>".end.$$"
trap 'echo "$$ stopped" >> .said' TERM
echo "$$ begun $LOCKSTEP_NODE" >> .said
until read -r how <&3; do :; done
eval "$how"
"#;

/// What a run has told.
#[derive(Debug)]
pub struct Told {
    pub events: Vec<RunEvent>,
    /// The same as it was written.
    pub lines: Vec<String>,
    pub stderr: String,
    pub code: i32,
    /// In what it did not follow its story.
    pub adrift: Option<String>,
}

/// A command that a run has begun: its process, and whether it has been asked to end.
struct Begun {
    process: String,
    is_stopped: bool,
    has_ended: bool,
}

/// A run under way.
pub struct Conduct<'c> {
    folder: &'c Path,
    /// How the program is called for other commands than `run`.
    tool: &'c dyn Fn(&[&str]) -> Command,
    child: Child,
    lines: mpsc::Receiver<String>,
    stderr: Option<std::thread::JoinHandle<String>>,
    begun_at: Instant,
    scale: f64,
    told: Told,
    seen: HashMap<String, usize>,
    run: String,
    begun: HashMap<Started, Begun>,
    read: usize,
    is_over: bool,
}

impl<'c> Conduct<'c> {
    /// Starts a run, in which a virtual millisecond takes `scale` real ones.
    pub fn start(
        mut command: Command,
        folder: &'c Path,
        scale: f64,
        tool: &'c dyn Fn(&[&str]) -> Command,
    ) -> Self {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let (sender, lines) = mpsc::channel();
        let stdout = BufReader::new(child.stdout.take().expect("a pipe"));
        std::thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                // The receiver may have seen enough.
                let _ = sender.send(line);
            }
        });
        let mut stderr = child.stderr.take().expect("a pipe");
        let stderr = std::thread::spawn(move || {
            let mut text = Vec::new();
            let _ = stderr.read_to_end(&mut text);
            String::from_utf8_lossy(&text).into_owned()
        });
        let told = Told {
            events: Vec::new(),
            lines: Vec::new(),
            stderr: String::new(),
            code: 0,
            adrift: None,
        };
        Self {
            folder,
            tool,
            child,
            lines,
            stderr: Some(stderr),
            begun_at: Instant::now(),
            scale,
            told,
            seen: HashMap::new(),
            run: String::new(),
            begun: HashMap::new(),
            read: 0,
            is_over: false,
        }
    }

    /// Goes through a story: what the run has told.
    pub fn follow(mut self, story: &Story) -> Told {
        let mut needed: HashMap<&str, usize> = HashMap::new();
        for moment in &story.moments {
            if let Some(deed) = &moment.deed
                && let Err(why) = self.perform(moment, deed, &needed)
            {
                self.told.adrift = Some(format!("at {} ms {why}", moment.at));
                break;
            }
            for told in &moment.told {
                *needed.entry(told).or_default() += 1;
            }
        }
        self.rest();
        self.told.stderr = self
            .stderr
            .take()
            .and_then(|text| text.join().ok())
            .unwrap_or_default();
        let status = self.child.wait().expect("an end");
        self.told.code = status.code().unwrap_or(-1);
        self.told
    }

    fn perform(
        &mut self,
        moment: &Moment,
        deed: &Deed,
        needed: &HashMap<&str, usize>,
    ) -> Result<(), String> {
        let due = self.begun_at + Duration::from_secs_f64(moment.at as f64 * self.scale / 1_000.0);
        self.until(due, |it| {
            let missing = needed
                .iter()
                .find(|(key, count)| it.seen.get(**key).is_none_or(|seen| seen < *count));
            missing.map(|(key, _)| format!("`{key}` is not told"))
        })?;
        while Instant::now() < due {
            std::thread::sleep(LOOK);
        }
        match deed {
            Deed::End {
                which,
                script,
                is_stopped,
            } => {
                self.until(due, |it| match it.begun.get(which) {
                    None => Some(format!("`{}` has not begun", which.0)),
                    Some(begun) if *is_stopped && !begun.is_stopped => {
                        Some(format!("`{}` is not asked to end", which.0))
                    }
                    Some(_) => None,
                })?;
                self.end(which, script);
                Ok(())
            }
            Deed::Answer { node, how } => {
                let run = self.run.clone();
                let mut words = vec!["approve", &run, node];
                words.extend(how.iter().map(String::as_str));
                self.ask(&words)
            }
            Deed::Cancel => {
                let run = self.run.clone();
                self.ask(&["cancel", &run])
            }
        }
    }

    /// Calls the program until it does so: a question may not be there yet.
    fn ask(&mut self, words: &[&str]) -> Result<(), String> {
        let deadline = Instant::now() + LONGEST_WAIT;
        loop {
            let output = (self.tool)(words).output().expect("the program starts");
            if output.status.success() {
                return Ok(());
            }
            if Instant::now() > deadline {
                let said = String::from_utf8_lossy(&output.stderr).into_owned();
                return Err(format!("`lockstep {}` says:\n{said}", words.join(" ")));
            }
            std::thread::sleep(LOOK * 4);
        }
    }

    fn end(&mut self, which: &Started, script: &str) {
        let Some(begun) = self.begun.get_mut(which).filter(|it| !it.has_ended) else {
            return;
        };
        begun.has_ended = true;
        let pipe = self.folder.join(format!(".end.{}", begun.process));
        // It may have been killed.
        if let Ok(mut pipe) = std::fs::OpenOptions::new()
            .read(true)
            .write(true)
            .open(pipe)
        {
            use std::io::Write;
            let _ = writeln!(pipe, "{script}");
        }
    }

    /// Waits until nothing is missing of what the story says comes by this time.
    fn until(
        &mut self,
        due: Instant,
        missing: impl Fn(&Self) -> Option<String>,
    ) -> Result<(), String> {
        let deadline = due.max(Instant::now()) + LONGEST_WAIT;
        loop {
            self.look();
            let Some(why) = missing(self) else {
                return Ok(());
            };
            if self.is_over || Instant::now() > deadline {
                return Err(why);
            }
            std::thread::sleep(LOOK);
        }
    }

    /// Takes in what has happened by now.
    fn look(&mut self) {
        loop {
            match self.lines.try_recv() {
                Ok(line) => self.take(line),
                Err(mpsc::TryRecvError::Empty) => break,
                Err(mpsc::TryRecvError::Disconnected) => {
                    self.is_over = true;
                    break;
                }
            }
        }
        let said = std::fs::read_to_string(self.folder.join(".said")).unwrap_or_default();
        let whole = said.rfind('\n').map_or(0, |end| end + 1);
        for line in said[self.read.min(whole)..whole].lines() {
            let Some((process, what)) = line.split_once(' ') else {
                continue;
            };
            match what.strip_prefix("begun ") {
                Some(node) => {
                    let count = self.begun.keys().filter(|(it, _)| it == node).count();
                    let begun = Begun {
                        process: process.to_owned(),
                        is_stopped: false,
                        has_ended: false,
                    };
                    self.begun.insert((node.to_owned(), count), begun);
                }
                None => {
                    let mut all = self.begun.values_mut();
                    if let Some(begun) = all.find(|it| it.process == process) {
                        begun.is_stopped = true;
                    }
                }
            }
        }
        self.read = whole;
    }

    fn take(&mut self, line: String) {
        match serde_json::from_str::<RunEvent>(&line) {
            Ok(event) => {
                if let RunEventKind::RunStarted { run, .. } = &event.what {
                    self.run = run.to_string();
                }
                if let Some(key) = key(&event.what) {
                    *self.seen.entry(key).or_default() += 1;
                }
                self.told.events.push(event);
            }
            Err(error) => {
                let why = format!("`{line}` is no event: {error}");
                self.told.adrift.get_or_insert(why);
            }
        }
        self.told.lines.push(line);
    }

    /// Waits for the end; where the run does not follow its story, everything ends that has begun.
    fn rest(&mut self) {
        let deadline = Instant::now() + LONGEST_REST;
        loop {
            self.look();
            if self.is_over {
                return;
            }
            if self.told.adrift.is_some() {
                for which in self.begun.keys().cloned().collect::<Vec<_>>() {
                    self.end(&which, "exit 0");
                }
            }
            if Instant::now() > deadline {
                let why = String::from("it does not end");
                self.told.adrift.get_or_insert(why);
                let _ = self.child.kill();
                return;
            }
            std::thread::sleep(LOOK);
        }
    }
}
