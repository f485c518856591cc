//! Triggers: the list, what one would do, and the deliveries of webhooks.

use axum::Json;
use axum::extract::State;
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use jiff::Timestamp;
use lockstep_access::Right;
use lockstep_lang::ir::TriggerKind;
use lockstep_plan::schedule::Schedule;
use lockstep_plan::triggers::TriggerEvent;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::app::App;
use crate::http::caller::{self, Caller};
use crate::http::input::{Body, Path, RawBody};
use crate::http::problem::{Problem, ProblemDiagnostic};
use crate::stores::Stores;
use crate::triggers::deliveries::{self, DecidedDelivery, Delivery};
use crate::triggers::fire::{self, Decision};
use crate::triggers::{TriggerOf, webhook};

/// So many of the latest deliveries of a trigger are listed.
const MAX_DELIVERIES: u32 = 50;

/// A trigger.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TriggerJson {
    /// `shop.deploy/nightly`
    id: String,
    /// The pipeline that it starts: `shop.deploy/ship`.
    pipeline: String,
    /// `schedule`, `webhook`, `artifact` or `change`.
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    doc: Option<String>,
    /// What it fires on, in a few words.
    text: String,
    /// When it fires next, for a schedule.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_at: Option<String>,
    /// Where its deliveries go, for a webhook.
    #[serde(skip_serializing_if = "Option::is_none")]
    webhook_url: Option<String>,
    /// Why it cannot be looked at, or why the last delivery was not taken.
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<String>,
    /// The infrastructures of its file on which it may not run, of those that the caller may see.
    not_permitted: Vec<String>,
    /// The latest deliveries, the latest first.
    deliveries: Vec<DeliveryJson>,
}

/// Something that has come to a trigger.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DeliveryJson {
    at: String,
    /// `started`, `no-match`, `refused`; `doubled` for one that has come before.
    decision: String,
    /// Why.
    #[serde(skip_serializing_if = "String::is_empty")]
    reason: String,
    /// The run that it has started.
    #[serde(skip_serializing_if = "Option::is_none")]
    run: Option<String>,
    /// How often it has come again, which starts nothing.
    repeats: u32,
    /// When it came again last.
    #[serde(skip_serializing_if = "Option::is_none")]
    repeated_at: Option<String>,
}

/// Something that could come to a trigger.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct TestJson {
    /// What a webhook would deliver.
    #[schema(value_type = Option<Object>)]
    payload: Option<serde_json::Value>,
    /// A digest that a registry would have.
    digest: Option<String>,
    /// A commit that would be there.
    commit: Option<String>,
    /// The files that would have changed.
    paths: Vec<String>,
}

/// What a trigger would do.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TestedJson {
    /// `starts`, `no-match` or `refused`.
    decision: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    diagnostics: Vec<ProblemDiagnostic>,
    pipeline: String,
    /// The inputs of the run.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    inputs: Option<serde_json::Value>,
    /// The infrastructures of the run.
    targets: Vec<String>,
}

impl DeliveryJson {
    fn of(delivery: DecidedDelivery) -> Self {
        Self {
            at: lockstep_store::time(delivery.at),
            decision: delivery.decision,
            reason: delivery.reason,
            run: delivery.run,
            repeats: delivery.repeats,
            repeated_at: delivery.repeated_at.map(lockstep_store::time),
        }
    }
}

/// What a trigger fires on, for people.
fn text(kind: &TriggerKind) -> String {
    let every = |ms: i64| lockstep_view::phrases::span(ms);
    match kind {
        TriggerKind::Schedule { cron, zone, missed } => {
            format!("{cron} in {zone}, missed times: {}", missed.as_str())
        }
        TriggerKind::Webhook { from, .. } => format!("signed deliveries ({})", from.as_str()),
        TriggerKind::Artifact { image, every: ms } => {
            format!("a new digest of {image}, looked at every {}", every(*ms))
        }
        TriggerKind::Change {
            paths,
            branch,
            every: ms,
        } => {
            let branch = branch.as_deref().unwrap_or("what is checked out");
            format!(
                "changes of {} on {branch}, looked at every {}",
                paths.join(", "),
                every(*ms)
            )
        }
    }
}

/// Lists the triggers of pipelines that the caller may see.
#[utoipa::path(
    get, path = "/api/v1/triggers", tag = "triggers",
    responses((status = 200, body = Vec<TriggerJson>), (status = "4XX", body = Problem))
)]
pub(crate) async fn list(
    State(app): State<App>,
    caller: Caller,
) -> Result<Json<Vec<TriggerJson>>, Problem> {
    let shared = app.clone();
    let found = shared.stores.run(move |stores| {
        let all = TriggerOf::all(&app.project).into_iter();
        let visible = all.filter(|of| caller.on_pipeline(Right::View, &of.pipeline()));
        visible
            .map(|of| shown(&app, stores, &of, &caller))
            .collect::<Result<Vec<_>, Problem>>()
    });
    Ok(Json(found.await??))
}

fn shown(
    app: &App,
    stores: &Stores,
    of: &TriggerOf,
    caller: &Caller,
) -> Result<TriggerJson, Problem> {
    let (id, trigger) = (of.id(), of.trigger());
    let next_at = match &trigger.kind {
        TriggerKind::Schedule { cron, zone, .. } => {
            let schedule = Schedule::parse(cron, zone).ok();
            schedule.and_then(|it| it.next_after(Timestamp::now()))
        }
        TriggerKind::Webhook { .. } | TriggerKind::Artifact { .. } | TriggerKind::Change { .. } => {
            None
        }
    };
    let is_webhook = matches!(trigger.kind, TriggerKind::Webhook { .. });
    let itself = Caller::trigger(&stores.access, &trigger.name, &of.pipeline())?;
    let targets = of.program.infrastructures.iter().map(|it| &*it.name);
    let is_missing = |target: &&str| {
        caller.on_target(Right::View, target) && !itself.on_target(Right::Run, target)
    };
    let latest = deliveries::latest(stores.access.connection(), &id, MAX_DELIVERIES)?;
    Ok(TriggerJson {
        pipeline: of.pipeline(),
        kind: trigger.kind.word(),
        doc: trigger.doc.as_ref().map(ToString::to_string),
        text: text(&trigger.kind),
        next_at: next_at.map(lockstep_store::time),
        webhook_url: is_webhook.then(|| format!("{}/webhooks/{id}", app.options.origin())),
        problem: app.trigger_error(&id),
        not_permitted: targets.filter(is_missing).map(String::from).collect(),
        deliveries: latest.into_iter().map(DeliveryJson::of).collect(),
        id,
    })
}

/// Says what a trigger would start, without starting it.
#[utoipa::path(
    post, path = "/api/v1/triggers/{trigger}/test", tag = "triggers", request_body = TestJson,
    params(("trigger" = String, Path, description = "`shop.deploy/nightly`, with `%2F` for `/`")),
    responses((status = 200, body = TestedJson), (status = "4XX", body = Problem))
)]
pub(crate) async fn test(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    Body(asked): Body<TestJson>,
) -> Result<Json<TestedJson>, Problem> {
    let shared = app.clone();
    let tested = shared.stores.run(move |stores| {
        let of = TriggerOf::find(&app.project, &id);
        let of = of.filter(|of| caller.on_pipeline(Right::View, &of.pipeline()));
        let of = of.ok_or_else(|| no_trigger(&id))?;
        let event = TriggerEvent {
            at: Timestamp::now(),
            payload: asked.payload,
            digest: asked.digest,
            commit: asked.commit,
            paths: asked.paths,
        };
        let (_, decision) = fire::look(&app, stores, &of, &event)?;
        let nothing = TestedJson {
            decision: "no-match",
            reason: None,
            diagnostics: Vec::new(),
            pipeline: of.pipeline(),
            inputs: None,
            targets: Vec::new(),
        };
        Ok::<_, Problem>(match decision {
            Decision::NoMatch(why) => TestedJson {
                reason: Some(why),
                ..nothing
            },
            Decision::Refused(problem) => TestedJson {
                decision: "refused",
                reason: problem.detail,
                diagnostics: problem.diagnostics,
                ..nothing
            },
            Decision::Starts(asked, permitted) => TestedJson {
                decision: "starts",
                inputs: Some(asked.inputs.into()),
                targets: permitted.scope.targets,
                ..nothing
            },
        })
    });
    Ok(Json(tested.await??))
}

fn no_trigger(id: &str) -> Problem {
    Problem::not_found(&format!("there is no trigger `{id}`"))
}

/// A delivery of a webhook: `POST /webhooks/shop.deploy/on-push`.
pub(crate) async fn deliver(
    State(app): State<App>,
    Path(id): Path<String>,
    parts: Parts,
    RawBody(body): RawBody,
) -> Result<(StatusCode, Json<DeliveryJson>), Problem> {
    let headers = &parts.headers;
    let client = caller::client(&parts, app.options.behind_proxy);
    app.refuse_guesses(&client)?;
    let shared = app.clone();
    let wanted = id.clone();
    let found = tokio::task::spawn_blocking(move || TriggerOf::find(&shared.project, &wanted));
    let found = found.await.ok().flatten();
    let webhook = found.and_then(|of| match &of.trigger().kind {
        TriggerKind::Webhook { secret, from } => Some((*secret, *from, of)),
        TriggerKind::Schedule { .. }
        | TriggerKind::Artifact { .. }
        | TriggerKind::Change { .. } => None,
    });
    let (secret, from, of) = webhook.ok_or_else(|| no_trigger(&id))?;
    let secret = app.webhook_secret(&of, secret).await.map_err(|why| {
        app.set_trigger_error(&id, Some(why));
        Problem::internal("the secret of this trigger cannot be read")
    })?;
    let now = Timestamp::now();
    let genuine = webhook::check(from, &secret, headers, &body, now).map_err(|why| {
        // Anybody can send something, so it is not written down.
        app.guesses.wrong(&client);
        app.set_trigger_error(&id, Some(format!("a delivery was not taken: {why}")));
        Problem::not_genuine(why.to_string())
    })?;
    app.set_trigger_error(&id, None);
    let payload = payload(headers, &body)?;
    let event = TriggerEvent {
        payload: Some(payload),
        ..TriggerEvent::at(now)
    };
    let delivery = Delivery {
        trigger: id,
        id: genuine.id,
        content: genuine.content,
        at: now,
    };
    let (decided, is_doubled) = fire::fire(&app, of, event, delivery, None).await?;
    let shown = DeliveryJson {
        decision: match is_doubled {
            true => String::from("doubled"),
            false => decided.decision.clone(),
        },
        // The sender has no right to see the file.
        reason: String::new(),
        ..DeliveryJson::of(decided)
    };
    let status = match shown.decision.as_str() {
        "started" => StatusCode::ACCEPTED,
        _ => StatusCode::OK,
    };
    Ok((status, Json(shown)))
}

/// What was delivered, as data. GitHub may send it in a form.
fn payload(headers: &HeaderMap, body: &[u8]) -> Result<serde_json::Value, Problem> {
    let kind = headers.get("content-type").and_then(|it| it.to_str().ok());
    let is_form = kind.is_some_and(|it| it.starts_with("application/x-www-form-urlencoded"));
    let wrong = |_| Problem::bad_request("the body is not JSON");
    if !is_form {
        return serde_json::from_slice(body).map_err(wrong);
    }
    let mut pairs = body.split(|byte| *byte == b'&');
    let text = pairs.find_map(|pair| pair.strip_prefix(b"payload="));
    let text = text.ok_or_else(|| Problem::bad_request("the form has no `payload`"))?;
    serde_json::from_slice(&unescaped(text)).map_err(wrong)
}

fn unescaped(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.iter().copied();
    while let Some(byte) = rest.next() {
        let digit = |byte: Option<u8>| byte.and_then(|it| char::from(it).to_digit(16));
        out.push(match byte {
            b'+' => b' ',
            b'%' => match (digit(rest.next()), digit(rest.next())) {
                (Some(high), Some(low)) => u8::try_from(high * 16 + low).unwrap_or(b'?'),
                _ => b'?',
            },
            byte => byte,
        });
    }
    out
}
