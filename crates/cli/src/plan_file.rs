//! A plan in a file: `plan --out` writes it, and `run --plan` runs it where nothing of it has
//! changed since. What commands themselves read, such as scripts and manifests, is not in it.

use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use super::exit::Exit;
use super::output::Output;
use lockstep_base::diagnostic::{Diagnostic, codes};
use lockstep_lang::ir::GlobalSource;
use lockstep_plan::{Facts, InputValue, Plan, RunRequest};
use lockstep_runtime::text_file;

/// The version of this form.
const VERSION: u32 = 1;

/// A plan as it is written.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct PlanFile {
    version: u32,
    /// The version of Lockstep that planned it.
    lockstep: String,
    /// The file that was planned.
    pub(super) file: String,
    /// The pipeline.
    pub(super) pipeline: String,
    /// What was given for inputs.
    inputs: IndexMap<String, InputValue>,
    /// The fields that were set.
    set: IndexMap<String, String>,
    /// The texts of all files of the program.
    sources: IndexMap<String, String>,
    /// All that was known before the run.
    facts: Facts,
}

impl PlanFile {
    /// A plan with what was asked for.
    pub(super) fn of(plan: &Plan, asked: &RunRequest) -> Self {
        let program = &plan.bound.program;
        let sources = program.sources.iter();
        let sources = sources.map(|(_, source)| (source.name.to_string(), source.text.to_string()));
        Self {
            version: VERSION,
            lockstep: env!("CARGO_PKG_VERSION").to_string(),
            file: lockstep_api::state::file(plan),
            pipeline: plan.bound.pipeline().name.to_string(),
            inputs: asked.inputs.clone(),
            set: asked.fields.clone(),
            sources: sources.collect(),
            facts: (*plan.bound.facts).clone(),
        }
    }

    /// Writes it; what it read may be for few eyes.
    pub(super) fn write(&self, path: &str, output: &mut Output) -> Result<(), Exit> {
        let text = serde_json::to_string_pretty(self).unwrap_or_default();
        let mut options = std::fs::OpenOptions::new();
        options.write(true).create(true).truncate(true).mode(0o600);
        let written = (options.open(path)).and_then(|mut file| writeln!(file, "{text}"));
        written.map_err(|error| {
            let message = format!("cannot write `{path}`: {error}");
            output.refuse(&Diagnostic::without_place(codes::CANNOT_WRITE, message))
        })
    }

    /// Reads it.
    pub(super) fn read(path: &str, output: &mut Output) -> Result<Self, Exit> {
        let refused = |message: String, output: &mut Output| {
            Err(output.refuse(&Diagnostic::without_place(codes::PLAN_DIFFERS, message)))
        };
        let text = match text_file::read(Path::new(path)) {
            Ok(text) => text,
            Err(why) => return refused(format!("cannot read the plan in `{path}`: {why}"), output),
        };
        match serde_json::from_str::<Self>(&text) {
            Ok(plan) if plan.version == VERSION => Ok(plan),
            Ok(_) => refused(
                format!("the plan in `{path}` is of another version"),
                output,
            ),
            Err(_) => refused(format!("`{path}` holds no plan of `plan --out`"), output),
        }
    }

    /// Adds what was given to a request; what is in it already is kept, and compared later.
    pub(super) fn complete(&self, asked: &mut RunRequest) {
        asked.pipeline.get_or_insert_with(|| self.pipeline.clone());
        for (name, value) in &self.inputs {
            let known = asked.inputs.entry(name.clone());
            known.or_insert_with(|| value.clone());
        }
        for (path, text) in &self.set {
            let known = asked.fields.entry(path.clone());
            known.or_insert_with(|| text.clone());
        }
    }

    /// In what a plan that was made now differs.
    pub(super) fn differences(&self, plan: &Plan) -> Vec<String> {
        let mut found = Vec::new();
        let now = env!("CARGO_PKG_VERSION");
        if self.lockstep != now {
            found.push(format!(
                "it was planned by Lockstep {}, and this is {now}",
                self.lockstep
            ));
        }
        if self.pipeline != *plan.bound.pipeline().name {
            found.push(format!("it is a plan of pipeline `{}`", self.pipeline));
        }
        let program = &plan.bound.program;
        for (_, source) in program.sources.iter() {
            match self.sources.get(&*source.name) {
                Some(text) if **text == *source.text => {}
                Some(_) => found.push(format!("`{}` has changed", source.name)),
                None => found.push(format!("`{}` is new", source.name)),
            }
        }
        for name in self.sources.keys() {
            if !program.sources.iter().any(|(_, it)| *it.name == **name) {
                found.push(format!("`{name}` is no part of it any more"));
            }
        }
        if found.is_empty() {
            found.extend(self.differences_of_facts(plan));
        }
        found
    }

    fn differences_of_facts(&self, plan: &Plan) -> Vec<String> {
        let now = &*plan.bound.facts;
        let then = &self.facts.moved_to(now);
        let mut found = Vec::new();
        let globals = plan.bound.program.globals.iter();
        for (global, values) in globals.zip(then.globals.iter().zip(&now.globals)) {
            let is_input = matches!(global.source, GlobalSource::Input { .. });
            if is_input && values.0 != values.1 {
                found.push(format!("input `{}` has another value", global.name));
            }
        }
        if then.set != now.set {
            found.push(String::from("other fields are set"));
        }
        for (at, is_there) in &now.optional_secrets {
            if then.optional_secrets.get(at) != Some(is_there)
                && let Some(secret) = plan.bound.program.secrets.get(*at as usize)
            {
                found.push(match is_there {
                    true => format!("secret `{}` is there now", secret.name),
                    false => format!("secret `{}` is missing now", secret.name),
                });
            }
        }
        for (name, value) in &now.env {
            if then.env.get(name) != Some(value) {
                found.push(format!("`env(\"{name}\")` has another value"));
            }
        }
        for read in &now.files {
            if !then.files.contains(read) {
                found.push(format!("`file(\"{}\")` has another text", read.1));
            }
        }
        let places = |facts: &Facts| {
            let all = facts.deployed.iter().flatten();
            let known = all.map(|it| (it.service.clone(), it.target.clone(), it.run.clone()));
            known.collect::<Vec<_>>()
        };
        if places(then) != places(now) {
            found.push(String::from("something else is deployed by now"));
        }
        found
    }

    /// What was known when it was planned, with the paths of the checkout in which it is now.
    pub(super) fn facts(self, plan: &Plan) -> Facts {
        self.facts.moved_to(&plan.bound.facts)
    }
}

/// Reports why a plan is not run.
pub(super) fn refuse(path: &str, differences: &[String], output: &mut Output) -> Exit {
    let message = match differences {
        [only] => format!("the plan in `{path}` is not what would run: {only}"),
        several => format!(
            "the plan in `{path}` is not what would run:\n  {}",
            several.join("\n  ")
        ),
    };
    let help = format!("plan again with `--out {path}`, and look at what has changed");
    output.refuse(&Diagnostic::without_place(codes::PLAN_DIFFERS, message).help(help))
}
