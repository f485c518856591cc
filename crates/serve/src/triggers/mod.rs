//! Triggers: what starts pipelines without a person.
//!
//! `webhook` says whether a delivery is genuine, `poll` looks at what is not delivered (times,
//! digests, commits), `fire` decides and starts. A delivery, what was decided about it and the
//! start of its run are one transaction, so a crash neither loses one nor starts one twice.

pub(crate) mod change;
pub(crate) mod deliveries;
pub(crate) mod fire;
pub(crate) mod poll;
pub(crate) mod registry;
pub(crate) mod webhook;

use std::sync::Arc;

use lockstep_lang::ir::{Program, Trigger};

use crate::project::{CompiledFile, Project};

/// A trigger of a file, as the file is now.
#[derive(Debug, Clone)]
pub(crate) struct TriggerOf {
    pub(crate) file: Arc<CompiledFile>,
    pub(crate) program: Arc<Program>,
    at: usize,
}

impl TriggerOf {
    /// All triggers of a folder.
    pub(crate) fn all(project: &Project) -> Vec<Self> {
        let files = project.files().into_iter();
        let all = files.filter_map(|file| file.program.clone().map(|program| (file, program)));
        all.flat_map(|(file, program)| {
            (0..program.triggers.len()).map(move |at| Self {
                file: file.clone(),
                program: program.clone(),
                at,
            })
        })
        .collect()
    }

    /// The trigger with this id: `shop.deploy/nightly`.
    pub(crate) fn find(project: &Project, id: &str) -> Option<Self> {
        let (file, name) = id.rsplit_once('/')?;
        let file = project.file(file)?;
        let program = file.program.clone()?;
        let at = program.triggers.iter().position(|it| *it.name == *name)?;
        Some(Self { file, program, at })
    }

    pub(crate) fn trigger(&self) -> &Trigger {
        &self.program.triggers[self.at]
    }

    /// `shop.deploy/nightly`
    pub(crate) fn id(&self) -> String {
        format!("{}/{}", self.file.path, self.trigger().name)
    }

    /// The pipeline that it starts: `shop.deploy/ship`.
    pub(crate) fn pipeline(&self) -> String {
        let pipeline = self.program.pipelines.get(self.trigger().pipeline as usize);
        let name = pipeline.map(|it| &*it.name).unwrap_or_default();
        format!("{}/{name}", self.file.path)
    }
}
