//! The processes that run pipelines. Each is the program itself, started as a person would start it
//! on the command line, and outlives the server: neither knows of the other but by the state
//! directory.

use std::fs::{File, OpenOptions};
use std::io::Read;
use std::num::NonZeroU32;
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

/// Of what a process writes before its run begins, so much is shown.
const MAX_MESSAGE_BYTES: u64 = 16 * 1024;

/// What a process is started for.
#[expect(clippy::large_enum_variant, reason = "there is one for each start")]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "kebab-case")]
pub(crate) enum RunnerCommand {
    /// A new run of a pipeline.
    Run {
        /// The file, in the served folder.
        file: String,
        pipeline: String,
        inputs: serde_json::Map<String, serde_json::Value>,
        /// Inputs as they would be typed.
        #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
        texts: IndexMap<String, String>,
        /// Overridden fields by their paths.
        #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
        set: IndexMap<String, String>,
        /// Why it does not ask deployment windows.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        outside_window: Option<String>,
        /// The part of the pipeline that is run alone.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        only: Option<String>,
        /// The part of the pipeline from which it is run.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        from: Option<String>,
        /// So many commands run at once, at most.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        max: Option<NonZeroU32>,
        /// The infrastructures on which its user may not run anything.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        denied: Vec<String>,
    },
    /// A run that was stopped goes on.
    Resume { run: String },
    /// A new run of what another one has not done.
    Retry {
        run: String,
        /// The infrastructures on which its user may not run anything.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        denied: Vec<String>,
    },
    /// A new run that takes another one back, or a part of it.
    Undo { run: String, path: Option<String> },
}

impl RunnerCommand {
    /// The subcommand of the command line.
    pub(crate) fn word(&self) -> &'static str {
        match self {
            Self::Run { .. } => "run",
            Self::Resume { .. } => "resume",
            Self::Retry { .. } => "retry",
            Self::Undo { .. } => "undo",
        }
    }
}

/// Starts processes.
#[derive(Debug, Clone)]
pub(crate) struct Runners {
    /// The program itself.
    pub(crate) program: PathBuf,
    /// The served folder.
    pub(crate) folder: PathBuf,
    /// The state directory.
    pub(crate) state: PathBuf,
    /// The engine that drives the runs, where this machine does not.
    pub(crate) engine: Option<String>,
}

impl Runners {
    /// The process of a run with this id, for this user, which has not been started.
    pub(crate) fn process(
        &self,
        id: &str,
        user: &str,
        command: &RunnerCommand,
    ) -> std::io::Result<Command> {
        let own = self.folder_of_messages();
        create_private_folder(&own)?;
        let said = private(&self.message_file(id))?;
        let mut process = Command::new(&self.program);
        // What a person can start does not begin with a dash, and what comes from others may.
        match command {
            RunnerCommand::Run {
                file,
                pipeline,
                inputs,
                texts,
                set,
                outside_window,
                only,
                from,
                max,
                denied,
            } => {
                let path = self.inputs_file(id);
                serde_json::to_writer(private(&path)?, inputs)?;
                process.arg("run").arg("--inputs").arg(path);
                for (name, text) in texts {
                    process.arg("-i").arg(format!("{name}={text}"));
                }
                for (path, value) in set {
                    process.arg(format!("--set={path}={value}"));
                }
                if let Some(reason) = outside_window {
                    process.arg(format!("--outside-window={reason}"));
                }
                for (option, part) in [("--only", only), ("--from", from)] {
                    if let Some(part) = part {
                        process.arg(format!("{option}={part}"));
                    }
                }
                if let Some(max) = max {
                    process.arg(format!("--max={max}"));
                }
                self.deny(&mut process, id, denied)?;
                self.common(&mut process, id, user);
                process.arg("--").arg(format!("./{file}")).arg(pipeline);
            }
            RunnerCommand::Resume { run } => {
                process.arg("resume");
                self.common(&mut process, id, user);
                process.arg("--").arg(run);
            }
            RunnerCommand::Retry { run, denied } => {
                process.args(["retry", "--start"]);
                self.deny(&mut process, id, denied)?;
                self.common(&mut process, id, user);
                process.arg("--").arg(run);
            }
            RunnerCommand::Undo { run, path } => {
                process.args(["undo", "--yes"]);
                self.common(&mut process, id, user);
                process.arg("--").arg(run).args(path);
            }
        }
        process
            .current_dir(&self.folder)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(said)
            // A signal to the server, or the end of its terminal, is none to the run.
            .process_group(0);
        Ok(process)
    }

    /// Says what the user of a run may not touch. There may be more than fits into arguments.
    fn deny(&self, process: &mut Command, id: &str, denied: &[String]) -> std::io::Result<()> {
        if !denied.is_empty() {
            let path = self.denied_file(id);
            serde_json::to_writer(private(&path)?, denied)?;
            process.arg("--run-denied").arg(path);
        }
        Ok(())
    }

    fn common(&self, process: &mut Command, id: &str, user: &str) {
        process.args(["--format", "quiet", "--color", "never"]);
        process.arg("--run-id").arg(id).arg("--run-user").arg(user);
        process.arg("--state").arg(&self.state);
        if let Some(engine) = &self.engine {
            process.arg("--engine").arg(engine);
        }
    }

    fn folder_of_messages(&self) -> PathBuf {
        self.state.join("server")
    }

    fn inputs_file(&self, id: &str) -> PathBuf {
        self.folder_of_messages().join(format!("{id}.json"))
    }

    fn denied_file(&self, id: &str) -> PathBuf {
        self.folder_of_messages().join(format!("{id}.denied.json"))
    }

    fn message_file(&self, id: &str) -> PathBuf {
        self.folder_of_messages().join(format!("{id}.txt"))
    }

    /// What the process of a run has written, which is why it could not begin.
    pub(crate) fn message(&self, id: &str) -> String {
        let mut text = Vec::new();
        if let Ok(file) = File::open(self.message_file(id)) {
            // What can be read is shown.
            let _ = file.take(MAX_MESSAGE_BYTES).read_to_end(&mut text);
        }
        String::from_utf8_lossy(&text).trim().to_owned()
    }

    /// Removes what was written for a run that has begun.
    pub(crate) fn forget(&self, id: &str) {
        // What stays is removed with the state directory.
        let _ = std::fs::remove_file(self.inputs_file(id));
        let _ = std::fs::remove_file(self.denied_file(id));
        if self.message(id).is_empty() {
            let _ = std::fs::remove_file(self.message_file(id));
        }
    }
}

fn create_private_folder(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    let mut folder = std::fs::DirBuilder::new();
    folder.recursive(true).mode(0o700).create(path)
}

fn private(path: &Path) -> std::io::Result<File> {
    let mut options = OpenOptions::new();
    options.create(true).truncate(true).write(true).mode(0o600);
    options.open(path)
}
