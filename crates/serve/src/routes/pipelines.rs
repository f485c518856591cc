//! The pipelines that can be started, with what they want to know, and plans.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use lockstep_access::Right;
use lockstep_base::diagnostic::Severity;
use lockstep_base::value::{InfrastructureId, Type, Value};
use lockstep_lang::eval::Expr;
use lockstep_lang::ir::{Global, GlobalSource, Pipeline, Program};
use lockstep_outline::Outline;
use lockstep_plan as plan;
use lockstep_view::plan::json;
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::App;
use crate::http::caller::Caller;
use crate::http::input::{Body, Path};
use crate::http::problem::Problem;
use crate::project::CompiledFile;
use crate::routes::runs::{self, StartJson};
use crate::scope::ForeseenScope;

/// So many cells of each loop are in an outline.
pub(crate) const MAX_OUTLINE_CELLS: usize = 10_000;

/// A pipeline.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PipelineJson {
    /// The pipeline with the file that declares it: `shop.deploy/ship`.
    id: String,
    file: String,
    name: String,
    /// What its comment says of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    doc: Option<String>,
    /// Whether the caller may start it at all.
    may_run: bool,
}

/// All pipelines that the caller may see.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PipelinesJson {
    pipelines: Vec<PipelineJson>,
    /// Files with errors: their pipelines cannot be started.
    broken: Vec<BrokenFileJson>,
}

/// A file with errors.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct BrokenFileJson {
    file: String,
    /// The errors, as the command line shows them.
    problem: Problem,
}

/// A pipeline with all that is needed to start it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PipelineFormJson {
    #[serde(flatten)]
    pipeline: PipelineJson,
    inputs: Vec<InputJson>,
    /// The infrastructures of the file by environment.
    environments: Vec<EnvironmentJson>,
    /// Named lists of infrastructures.
    groups: BTreeMap<String, Vec<String>>,
    /// Fields that can be set for one run, with their types.
    fields: Vec<FieldJson>,
}

/// An input of a pipeline.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct InputJson {
    name: String,
    /// Its type in the language.
    #[serde(rename = "type")]
    ty: String,
    /// How a form asks for it: `text`, `number`, `yes-no`, `choice`, `infrastructure`,
    /// `infrastructures`, `service`, `services`, `environment`, `json`.
    form: &'static str,
    /// What can be chosen, where that is known.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    choices: Vec<String>,
    /// Whether it has no default.
    required: bool,
    /// Its default in the language.
    #[serde(skip_serializing_if = "Option::is_none")]
    default: Option<String>,
    /// The default as a value, where it is known before the run.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    value: Option<serde_json::Value>,
    /// What has to hold, in the language.
    #[serde(skip_serializing_if = "Option::is_none")]
    rule: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    doc: Option<String>,
}

/// An environment.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct EnvironmentJson {
    name: String,
    infrastructures: Vec<InfrastructureJson>,
}

/// An infrastructure.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct InfrastructureJson {
    /// `prod.eu`
    name: String,
    /// Its kind.
    kind: String,
    /// Whether the caller may run pipelines on it.
    may_run: bool,
}

/// A field that can be set for one run.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct FieldJson {
    path: String,
    #[serde(rename = "type")]
    ty: String,
}

/// What would happen.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PlanJson {
    /// The infrastructures of the plan.
    targets: Vec<String>,
    /// Those on which the caller may not run pipelines.
    not_permitted: Vec<String>,
    /// Other infrastructures of which only the run knows whether it touches them. There it fails
    /// where the caller may not run pipelines.
    open_targets: Vec<String>,
    /// The outline, as of `lockstep plan --format json`.
    #[schema(value_type = Object)]
    outline: serde_json::Value,
}

impl PipelineJson {
    fn of(file: &CompiledFile, pipeline: &Pipeline, caller: &Caller) -> Self {
        let id = format!("{}/{}", file.path, pipeline.name);
        Self {
            may_run: caller.on_pipeline(Right::Run, &id),
            file: file.path.clone(),
            name: pipeline.name.to_string(),
            doc: pipeline.doc.as_ref().map(ToString::to_string),
            id,
        }
    }
}

/// Lists the pipelines.
#[utoipa::path(
    get, path = "/api/v1/pipelines", tag = "pipelines",
    responses((status = 200, body = PipelinesJson), (status = "4XX", body = Problem))
)]
pub(crate) async fn list(
    State(app): State<App>,
    caller: Caller,
) -> Result<Json<PipelinesJson>, Problem> {
    let shared = app.clone();
    let listed = shared.stores.run(move |_| {
        let mut pipelines = Vec::new();
        let mut broken = Vec::new();
        for file in app.project.files() {
            match &file.program {
                Some(program) => pipelines.extend(
                    (program.pipelines.iter())
                        .map(|pipeline| PipelineJson::of(&file, pipeline, &caller))
                        .filter(|it| caller.on_pipeline(Right::View, &it.id)),
                ),
                // Which pipelines it would have is not known.
                None if caller.on_pipeline(Right::View, &format!("{}/*", file.path)) => {
                    let mut mistakes = file.diagnostics.clone();
                    mistakes.retain(|it| it.severity == Severity::Error);
                    broken.push(BrokenFileJson {
                        file: file.path.clone(),
                        problem: Problem::diagnostics(&mistakes, &file.sources),
                    });
                }
                None => {}
            }
        }
        PipelinesJson { pipelines, broken }
    });
    Ok(Json(listed.await?))
}

/// Shows what is needed to start a pipeline.
#[utoipa::path(
    get, path = "/api/v1/pipelines/{pipeline}", tag = "pipelines",
    params(("pipeline" = String, Path, description = "`shop.deploy/ship`, with `%2F` for `/`")),
    responses((status = 200, body = PipelineFormJson), (status = "4XX", body = Problem))
)]
pub(crate) async fn show(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<PipelineFormJson>, Problem> {
    let shared = app.clone();
    let shown = shared.stores.run(move |_| {
        let none = || Problem::not_found(&format!("there is no pipeline `{id}`"));
        let (file, name) = runs::split(&id)?;
        if !caller.on_pipeline(Right::View, &id) {
            return Err(none());
        }
        let file = app.project.file(file).ok_or_else(none)?;
        let Some(program) = &file.program else {
            return Err(Problem::diagnostics(&file.diagnostics, &file.sources));
        };
        let found = program.pipelines.iter().position(|it| *it.name == *name);
        let found = found.ok_or_else(none)?;
        Ok(form(&file, program, found, &caller))
    });
    Ok(Json(shown.await??))
}

fn form(file: &CompiledFile, program: &Program, at: usize, caller: &Caller) -> PipelineFormJson {
    let needed = plan::needed_inputs(program, at as u32);
    let inputs = plan::inputs(program).filter(|input| needed.contains(&input.name));
    let infrastructure = |id: &InfrastructureId| {
        let found = program.infrastructures.get(id.0 as usize)?;
        let name = found.name.to_string();
        let may_run = caller.on_target(Right::Run, &name);
        let kind = program.kinds.get(found.kind as usize);
        caller
            .on_target(Right::View, &name)
            .then(|| InfrastructureJson {
                name,
                may_run,
                kind: kind.map_or_else(String::new, |kind| kind.name.to_string()),
            })
    };
    let environments = program.environments.iter().map(|it| EnvironmentJson {
        name: it.name.to_string(),
        infrastructures: it
            .infrastructures
            .iter()
            .filter_map(infrastructure)
            .collect(),
    });
    PipelineFormJson {
        pipeline: PipelineJson::of(file, &program.pipelines[at], caller),
        inputs: inputs
            .map(|input| InputJson::of(input, program, caller))
            .collect(),
        environments: environments
            .filter(|it| !it.infrastructures.is_empty())
            .collect(),
        groups: groups(program, caller),
        fields: plan::settable_fields(program)
            .into_iter()
            .filter(|(path, _)| is_visible(path, program, caller))
            .map(|(path, ty)| FieldJson {
                path: path.to_string(),
                ty: ty.to_string(),
            })
            .collect(),
    }
}

/// The groups of a file as far as the caller may see their infrastructures.
fn groups(program: &Program, caller: &Caller) -> BTreeMap<String, Vec<String>> {
    let facts = plan::Facts::default();
    let locals = plan::Locals::default();
    let scope = plan::EvalScope {
        program,
        facts: &facts,
        locals: &locals,
        run: None,
    };
    let names = |value: &Value| -> Vec<String> {
        let all = value.as_list().unwrap_or_default().iter();
        let names = all.map(|place| plan::display(program, place));
        names
            .filter(|name| caller.on_target(Right::View, name))
            .collect()
    };
    // What depends on inputs is not known here.
    let known = program.groups.iter().filter_map(|group| {
        let value = scope.eval(&group.value).ok()?;
        Some((group.name.to_string(), names(&value)))
    });
    known.filter(|(_, names)| !names.is_empty()).collect()
}

/// Whether a field is not one of an infrastructure that the caller may not see.
fn is_visible(path: &str, program: &Program, caller: &Caller) -> bool {
    let is_of = |name: &str| {
        path.strip_prefix(name)
            .is_some_and(|rest| rest.starts_with('.'))
    };
    let mut all = program.infrastructures.iter();
    let owner = all.find(|it| is_of(&it.name));
    owner.is_none_or(|it| caller.on_target(Right::View, &it.name))
}

impl InputJson {
    fn of(input: &Global, program: &Program, caller: &Caller) -> Self {
        let (default, rule) = match &input.source {
            GlobalSource::Input { default, rule } => (default.as_deref(), rule.as_ref()),
            GlobalSource::Let(_) => (None, None),
        };
        let text = |expr: &Expr| program.sources.text(expr.span).to_string();
        let (form, choices) = form_of(&input.ty, program, caller);
        let hides = {
            let mut all = program.infrastructures.iter();
            all.any(|it| !caller.on_target(Right::View, &it.name))
        };
        // It could name what the caller may not see.
        let shown = default.filter(|_| !(hides && form.starts_with("infrastructure")));
        let value = shown.and_then(|default| {
            let facts = plan::Facts::default();
            let locals = plan::Locals::default();
            let scope = plan::EvalScope {
                program,
                facts: &facts,
                locals: &locals,
                run: None,
            };
            let value = scope.eval(default).ok()?;
            let name = |value: &_| plan::display(program, value);
            Some(lockstep_base::value::to_json(&value, &name))
        });
        Self {
            name: input.name.to_string(),
            ty: input.ty.to_string(),
            form,
            choices,
            required: default.is_none() && !matches!(input.ty, Type::Optional(_)),
            default: shown.map(text),
            value,
            rule: rule.map(text),
            doc: input.doc.as_ref().map(ToString::to_string),
        }
    }
}

/// How a form asks for a value of a type.
fn form_of(ty: &Type, program: &Program, caller: &Caller) -> (&'static str, Vec<String>) {
    let services = || {
        program
            .services
            .iter()
            .map(|it| it.name.to_string())
            .collect()
    };
    let places = || {
        let all = program.infrastructures.iter().map(|it| it.name.to_string());
        all.filter(|name| caller.on_target(Right::View, name))
            .collect()
    };
    match ty {
        Type::Optional(of) => form_of(of, program, caller),
        Type::OneOf(words) => ("choice", words.iter().map(ToString::to_string).collect()),
        Type::Bool => ("yes-no", Vec::new()),
        Type::Int | Type::Float => ("number", Vec::new()),
        Type::Service(_) => ("service", services()),
        Type::Infrastructure(_) => ("infrastructure", places()),
        Type::Environment => (
            "environment",
            program
                .environments
                .iter()
                .map(|it| it.name.to_string())
                .collect(),
        ),
        Type::List(of) if matches!(**of, Type::Service(_)) => ("services", services()),
        Type::List(of) if matches!(**of, Type::Infrastructure(_)) => ("infrastructures", places()),
        Type::List(_) | Type::Map(_) | Type::Record(_) | Type::Json => ("json", Vec::new()),
        _ => ("text", Vec::new()),
    }
}

/// Plans a run without starting it.
#[utoipa::path(
    post, path = "/api/v1/plans", tag = "pipelines", request_body = StartJson,
    responses((status = 200, body = PlanJson), (status = "4XX", body = Problem))
)]
pub(crate) async fn plan(
    State(app): State<App>,
    caller: Caller,
    Body(asked): Body<StartJson>,
) -> Result<Json<PlanJson>, Problem> {
    let shared = app.clone();
    let planned = shared.stores.run(move |stores| {
        let (_, plan) = runs::planned(&app, stores, &caller, &asked)?;
        let mut foreseen = ForeseenScope::of(asked.pipeline.clone(), &plan);
        let scope = foreseen.known;
        caller.require(Right::View, &scope)?;
        (foreseen.open).retain(|target| caller.on_target(Right::View, target));
        let outline = json(&Outline::with(&plan, MAX_OUTLINE_CELLS));
        Ok::<_, Problem>(PlanJson {
            not_permitted: caller.missing(Right::Run, &scope),
            targets: scope.targets,
            open_targets: foreseen.open,
            outline: serde_json::from_str(&outline).unwrap_or_default(),
        })
    });
    Ok(Json(planned.await??))
}
