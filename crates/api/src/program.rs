//! From a file to a plan.

use std::fmt;
use std::sync::Arc;

use lockstep_base::diagnostic::Diagnostic;
use lockstep_base::source::Sources;
use lockstep_lang::compile::{Compilation, compile};
use lockstep_lang::ir;
use lockstep_plan::{InputValue, RunRequest, bind};

use crate::actions::ActionMismatch;
use crate::engine::Engine;

/// Everything that is wrong with a file, its inputs or its plan; never empty as an error.
#[derive(Debug, Clone)]
pub struct Diagnostics {
    diagnostics: Vec<Diagnostic>,
    sources: Sources,
}

impl Diagnostics {
    pub(crate) fn new(diagnostics: Vec<Diagnostic>, sources: Sources) -> Self {
        Self {
            diagnostics,
            sources,
        }
    }

    /// The diagnostics, in source order.
    pub fn iter(&self) -> impl Iterator<Item = &Diagnostic> {
        self.diagnostics.iter()
    }

    /// The texts that their spans are about.
    pub fn sources(&self) -> &Sources {
        &self.sources
    }
}

impl fmt::Display for Diagnostics {
    /// A line for each: `a.deploy:1:7: error[E0201]: there is no kind …`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, diagnostic) in self.diagnostics.iter().enumerate() {
            if at > 0 {
                writeln!(f)?;
            }
            if let Some(span) = diagnostic.span() {
                write!(f, "{}: ", self.sources.place(span))?;
            }
            let severity = diagnostic.severity;
            write!(f, "{severity}[{}]: {}", diagnostic.code, diagnostic.message)?;
            if let Some(help) = &diagnostic.help {
                write!(f, " ({help})")?;
            }
        }
        Ok(())
    }
}

impl std::error::Error for Diagnostics {}

/// A checked program: a file and all that it imports.
#[derive(Clone)]
pub struct Program {
    engine: Engine,
    program: Arc<ir::Program>,
    warnings: Vec<Diagnostic>,
}

impl fmt::Debug for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.pipelines()).finish()
    }
}

impl Engine {
    /// Checks the file at `path` and everything that it imports.
    ///
    /// # Errors
    ///
    /// All mistakes together. An action that is declared otherwise than the host provides it is
    /// one.
    pub fn compile(&self, path: &str) -> Result<Program, Diagnostics> {
        let Compilation {
            sources,
            program,
            mut diagnostics,
            ..
        } = compile(&self.parts.files, path);
        let Some(program) = program else {
            return Err(Diagnostics::new(diagnostics, sources));
        };
        let mismatches: Vec<Diagnostic> = (program.actions.iter())
            .filter_map(|declared| {
                let provided = self.parts.actions.get(&declared.name)?;
                provided.mismatch(declared).map(ActionMismatch::diagnostic)
            })
            .collect();
        if !mismatches.is_empty() {
            diagnostics.extend(mismatches);
            return Err(Diagnostics::new(diagnostics, sources));
        }
        Ok(Program {
            engine: self.clone(),
            program: Arc::new(program),
            warnings: diagnostics,
        })
    }
}

impl Program {
    /// The names of its pipelines, in source order.
    pub fn pipelines(&self) -> impl Iterator<Item = &str> {
        self.program
            .pipelines
            .iter()
            .map(|pipeline| &*pipeline.name)
    }

    /// The names of its inputs, in source order.
    pub fn inputs(&self) -> impl Iterator<Item = &str> {
        lockstep_plan::inputs(&self.program).map(|input| &*input.name)
    }

    /// What could be better, and is no error.
    pub fn warnings(&self) -> &[Diagnostic] {
        &self.warnings
    }

    /// Plans and proves every pipeline that needs no inputs, and says what is wrong with them.
    ///
    /// # Errors
    ///
    /// All mistakes and warnings together.
    pub fn check(&self) -> Result<(), Diagnostics> {
        let parts = &self.engine.parts;
        let found = lockstep_verify::check(&self.program, &*parts.environment, &parts.files);
        match found.is_empty() {
            true => Ok(()),
            false => Err(Diagnostics::new(found, self.program.sources.clone())),
        }
    }

    /// Begins a plan.
    pub fn plan(&self) -> PlanBuilder {
        PlanBuilder {
            program: self.clone(),
            asked: RunRequest::default(),
        }
    }
}

/// Collects what a plan needs: the pipeline, inputs, fields.
#[derive(Debug, Clone)]
#[must_use = "a plan is made by `build`"]
pub struct PlanBuilder {
    program: Program,
    asked: RunRequest,
}

impl PlanBuilder {
    /// The pipeline; needed only where there are several.
    pub fn pipeline(mut self, name: impl Into<String>) -> Self {
        self.asked.pipeline = Some(name.into());
        self
    }

    /// The value of an input, as data: what an inputs file in JSON would say.
    pub fn input(mut self, name: impl Into<String>, value: impl Into<serde_json::Value>) -> Self {
        self.asked
            .inputs
            .insert(name.into(), InputValue::Json(value.into()));
        self
    }

    /// The value of an input, as a text that is read by the input's type: what `-i name=text` says
    /// on the command line.
    pub fn input_text(mut self, name: impl Into<String>, text: impl Into<String>) -> Self {
        self.asked
            .inputs
            .insert(name.into(), InputValue::Text(text.into()));
        self
    }

    /// Fixes a field of a service, environment or infrastructure for this plan:
    /// `checkout.replicas`, `prod.eu.context`.
    pub fn set(mut self, field: impl Into<String>, text: impl Into<String>) -> Self {
        self.asked.fields.insert(field.into(), text.into());
        self
    }

    /// The plan, proved to end.
    ///
    /// # Errors
    ///
    /// Everything that is missing or wrong, or how a run of it could wait for ever.
    pub fn build(self) -> Result<Plan, Diagnostics> {
        let parts = &self.program.engine.parts;
        let program = &self.program.program;
        let bound = bind(program, &self.asked, &*parts.environment, &parts.files);
        let plan = bound.and_then(lockstep_verify::proved);
        plan.map(|plan| Plan(Arc::new(plan)))
            .map_err(|mistakes| Diagnostics::new(mistakes, program.sources.clone()))
    }
}

/// A plan that is proved to end: what a run is started from.
#[derive(Clone)]
pub struct Plan(pub(crate) Arc<lockstep_plan::Plan>);

impl fmt::Debug for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Plan").field(&self.pipeline()).finish()
    }
}

impl Plan {
    /// The name of the pipeline.
    pub fn pipeline(&self) -> &str {
        &self.0.bound.pipeline().name
    }

    /// The plan as data: what `lockstep plan --format json` prints.
    pub fn to_json(&self) -> serde_json::Value {
        let outline = lockstep_outline::Outline::of(&self.0);
        serde_json::to_value(&outline).unwrap_or_default()
    }

    /// Time limits that cannot be met, as warnings.
    pub fn warnings(&self) -> Vec<Diagnostic> {
        lockstep_outline::infeasible_timeouts(&self.0)
    }
}
