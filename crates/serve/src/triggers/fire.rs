//! Decides what a trigger does about an event, and does it.

use std::collections::HashSet;
use std::path::Path;

use jiff::Timestamp;
use lockstep_api::DiskFiles;
use lockstep_api::session::source_folders;
use lockstep_base::source::FileId;
use lockstep_base::value::{SecretPart, Value};
use lockstep_lang::eval::Expr;
use lockstep_lang::ir::Program;
use lockstep_plan::triggers::{TriggerDecision, TriggerEvent, decide};
use lockstep_plan::{EvalScope, Facts, InputValue, Locals};
use lockstep_runtime::secrets::SecretVault;

use super::TriggerOf;
use super::deliveries::{self, DecidedDelivery, Delivery};
use crate::app::App;
use crate::database::{NewStart, RunStart, StartRequest};
use crate::error::ServeError;
use crate::http::caller::Caller;
use crate::http::problem::Problem;
use crate::project::ServerEnvironment;
use crate::routes::runs::{self, StartJson};
use crate::runner::RunnerCommand;
use crate::scope::PermittedScope;
use crate::starts::{self, NewRunRequest};
use crate::stores::Stores;

/// What a trigger does about an event.
#[expect(clippy::large_enum_variant, reason = "there is one for each delivery")]
pub(crate) enum Decision {
    /// Its condition does not hold.
    NoMatch(String),
    /// What it gives the pipeline is not allowed.
    Refused(Problem),
    /// It starts this.
    Starts(StartJson, PermittedScope),
}

/// Decides, without starting anything.
pub(crate) fn look(
    app: &App,
    stores: &Stores,
    of: &TriggerOf,
    event: &TriggerEvent,
) -> Result<(Caller, Decision), Problem> {
    let pipeline = of.pipeline();
    let trigger = of.trigger();
    let caller = Caller::trigger(&stores.access, &trigger.name, &pipeline)?;
    let files = DiskFiles::new(app.project.folder());
    let decided = decide(&of.program, trigger, event, &ServerEnvironment, &files);
    let request = match decided {
        TriggerDecision::NoMatch { why } => return Ok((caller, Decision::NoMatch(why))),
        TriggerDecision::Refused(mistakes) => {
            let problem = Problem::diagnostics(&mistakes, &of.file.sources);
            return Ok((caller, Decision::Refused(problem)));
        }
        TriggerDecision::Starts(request) => request,
    };
    let inputs = request.inputs.into_iter().map(|(name, value)| {
        let value = match value {
            InputValue::Json(value) => value,
            InputValue::Text(text) => text.into(),
        };
        (name, value)
    });
    let asked = StartJson {
        pipeline,
        inputs: inputs.collect(),
        texts: Default::default(),
        set: request.fields,
        outside_window: None,
        only: None,
        from: None,
        max: None,
    };
    let scope = runs::planned_scope(app, stores, &caller, &asked);
    let scope = scope.and_then(|foreseen| foreseen.run_by(&caller));
    Ok(match scope {
        Ok(scope) => (caller, Decision::Starts(asked, scope)),
        Err(problem) => (caller, Decision::Refused(problem)),
    })
}

/// Decides about a delivery and starts what it starts; once, however often it comes. `seen` is what
/// the trigger has seen with it, which is written down together with the delivery.
pub(crate) async fn fire(
    app: &App,
    of: TriggerOf,
    event: TriggerEvent,
    delivery: Delivery,
    seen: Option<String>,
) -> Result<(DecidedDelivery, bool), Problem> {
    let shared = app.clone();
    let fired = app.stores.run(move |stores| {
        if let Some(known) = deliveries::repeated(stores.access.connection(), &delivery)? {
            return Ok((known, None, true));
        }
        let (caller, decision) = look(&shared, stores, &of, &event)?;
        let written = stores.access.in_transaction(|| {
            let db = stores.access.connection();
            // Another one may have come meanwhile.
            let known = deliveries::repeated(db, &delivery).map_err(ServeError::database)?;
            if let Some(known) = known {
                return Ok((known, None, true));
            }
            let at = delivery.at;
            let plain = |decision: &str, reason: String| DecidedDelivery {
                at,
                decision: decision.to_owned(),
                reason,
                run: None,
                repeats: 0,
                repeated_at: None,
            };
            let (decided, start) = match decision {
                Decision::NoMatch(why) => (plain("no-match", why), None),
                Decision::Refused(problem) => (
                    plain("refused", problem.detail.unwrap_or(problem.title)),
                    None,
                ),
                Decision::Starts(asked, scope) => {
                    let start = write_start(stores, &of, &caller, &delivery, asked, scope)?;
                    let mut decided = plain("started", String::new());
                    decided.run = Some(start.run.clone());
                    (decided, Some(start))
                }
            };
            deliveries::insert(db, &delivery, &decided).map_err(ServeError::database)?;
            if let Some(seen) = &seen {
                let set = deliveries::set_seen(db, &delivery.trigger, seen);
                set.map_err(ServeError::database)?;
            }
            Ok::<_, ServeError>((decided, start, false))
        });
        Ok::<_, Problem>(written?)
    });
    let (decided, start, is_doubled) = fired.await??;
    if let Some(start) = start {
        starts::launch(app, &start).await?;
    }
    Ok((decided, is_doubled))
}

/// Writes down the start of the run of a delivery.
fn write_start(
    stores: &Stores,
    of: &TriggerOf,
    caller: &Caller,
    delivery: &Delivery,
    asked: StartJson,
    PermittedScope { scope, denied }: PermittedScope,
) -> Result<RunStart, ServeError> {
    let pipeline = of.program.pipelines.get(of.trigger().pipeline as usize);
    let command = RunnerCommand::Run {
        file: of.file.path.clone(),
        pipeline: pipeline.map_or_else(String::new, |it| it.name.to_string()),
        inputs: asked.inputs,
        texts: asked.texts,
        set: asked.set,
        outside_window: None,
        only: None,
        from: None,
        max: None,
        denied,
    };
    let new = NewRunRequest {
        command,
        user: of.trigger().user(),
        scope,
        request: StartRequest {
            key: None,
            fingerprint: String::new(),
        },
        audit: caller.audit("run.start").detail("delivery", &delivery.id),
    };
    match starts::write_down(stores, new)? {
        (start, NewStart::Accepted) => Ok(start),
        // Without a key none is repeated.
        (_, NewStart::Repeated(start)) => Ok(*start),
        (start, NewStart::KeyTaken) => Ok(start),
    }
}

/// The text of a secret of a trigger's file. It may have to be asked for by a command, which takes
/// its time.
pub(crate) async fn secret(app: &App, of: &TriggerOf, secret: u32) -> Result<String, String> {
    let (folder, program) = (app.project.folder().to_path_buf(), of.program.clone());
    let runtime = tokio::runtime::Handle::current();
    let read = move || runtime.block_on(read_secret(&program, &folder, secret));
    let read = tokio::task::spawn_blocking(read).await;
    read.unwrap_or_else(|error| Err(error.to_string()))
}

async fn read_secret(program: &Program, folder: &Path, secret: u32) -> Result<String, String> {
    let facts = Facts::default();
    let locals = Locals::default();
    let scope = EvalScope {
        program,
        facts: &facts,
        locals: &locals,
        run: None,
    };
    let folders = source_folders(program, folder);
    let vault = SecretVault::read(
        (&program.secrets, &HashSet::from([secret])),
        &mut |expr: &Expr| scope.eval(expr),
        &|file: FileId| folders.get(file.0 as usize).cloned().unwrap_or_default(),
        &ServerEnvironment,
        None,
    )
    .await
    .map_err(|failed| {
        let first = failed.first().map(|it| it.message.clone());
        first.unwrap_or_else(|| String::from("the secret cannot be read"))
    })?;
    let wanted = Value::Secret(vec![SecretPart::Secret(secret)].into());
    vault.text(&wanted).map_err(|error| error.to_string())
}

/// A time that says which delivery of a schedule this is.
pub(crate) fn scheduled(trigger: &str, at: Timestamp, now: Timestamp) -> Delivery {
    Delivery {
        trigger: trigger.to_owned(),
        id: format!("schedule {at}"),
        content: None,
        at: now,
    }
}
