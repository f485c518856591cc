//! Facts about one run: its id, who started it and when.

use std::sync::Arc;

use lockstep_base::source::Name;

/// The most commands that run at once, where nobody has asked for fewer.
pub const MAX_COMMANDS: u32 = 4_096;

/// Facts about one run, for `run.id` and its like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunFacts {
    /// The run's id.
    pub id: Name,
    /// Who started it.
    pub user: Name,
    /// When; expressions see it in RFC 3339, in UTC with milliseconds.
    pub started_at: jiff::Timestamp,
    /// The folder for the files of its secrets; the same whenever it goes on.
    pub secret_folder: Name,
    /// The folder of the run: it is there until the run has ended.
    pub scratch: Name,
    /// How many commands run at once, at most, where that was asked for.
    pub max_commands: Option<u32>,
    /// Why it does not ask the windows of what it deploys to, where it does not.
    pub outside_window: Option<Name>,
    /// The infrastructures on which its user may not run anything. What a plan knows is asked for
    /// before a run starts; this is for what only the run knows.
    pub denied: Arc<[Name]>,
    /// Whether it is no run but a foresight, in which what only the run knows is supposed.
    pub supposes: bool,
}

impl RunFacts {
    /// The facts of a run whose temporary files are in `/tmp`.
    pub fn new(id: Name, user: Name, started_at: jiff::Timestamp) -> Self {
        let unplaced = Self {
            id,
            user,
            started_at,
            secret_folder: "".into(),
            scratch: "".into(),
            max_commands: None,
            outside_window: None,
            denied: Arc::default(),
            supposes: false,
        };
        unplaced.with_temporary_files_in("/tmp")
    }

    /// The same run, which does not ask windows for this reason.
    #[must_use]
    pub fn with_outside_window(self, reason: Option<Name>) -> Self {
        Self {
            outside_window: reason,
            ..self
        }
    }

    /// The same run of a user who may run nothing on these infrastructures.
    #[must_use]
    pub fn with_denied(self, denied: impl Into<Arc<[Name]>>) -> Self {
        Self {
            denied: denied.into(),
            ..self
        }
    }

    /// The same run with at most so many commands at once.
    #[must_use]
    pub fn with_max_commands(self, max: Option<u32>) -> Self {
        Self {
            max_commands: max,
            ..self
        }
    }

    /// The same, as a foresight.
    #[must_use]
    pub fn supposing(self) -> Self {
        Self {
            supposes: true,
            ..self
        }
    }

    /// The same run with its temporary files in another folder.
    #[must_use]
    pub fn with_temporary_files_in(mut self, folder: &str) -> Self {
        // An id is that of one run in its state directory; with the time it is in all of them.
        let since = self.started_at.as_millisecond();
        let folder = folder.trim_end_matches('/');
        self.secret_folder = format!("{folder}/lockstep.{}.{since:x}", self.id).into();
        self.scratch = format!("{}.scratch", self.secret_folder).into();
        self
    }

    /// The same run with its folder in a state directory, where it outlives a restart of the
    /// machine.
    #[must_use]
    pub fn with_scratch_in(mut self, state: &str) -> Self {
        let state = state.trim_end_matches('/');
        self.scratch = format!("{state}/scratch/{}", self.id).into();
        self
    }
}
