//! All routes, and the description of the API that is made of them (OpenAPI 3.1).

use std::time::Duration;

use axum::extract::{DefaultBodyLimit, Request};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, patch, post, put};
use axum::{Json, Router};
use serde_json::Value;
use utoipa::OpenApi;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};

use super::problem::Problem;
use super::security;
use crate::app::App;
use crate::routes::{
    audit, environments, events, notifications, oidc, pages, people, pipelines, questions,
    run_details, runs, session, triggers,
};

/// No body of a request is longer.
const MAX_BODY_BYTES: usize = 1024 * 1024;
/// A request is answered, or its response begins, within this time.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(60);

/// The API.
#[derive(OpenApi)]
#[openapi(
    info(title = "Lockstep", description = "Deployments: started, watched, approved, taken back."),
    modifiers(&Tokens),
    security(("token" = [])),
    paths(
        session::show, session::sign_in, session::sign_out, session::invitation, session::accept,
        oidc::providers, oidc::begin, oidc::callback,
        pipelines::list, pipelines::show, pipelines::plan,
        runs::list, runs::start, runs::show, runs::cancel, runs::resume, runs::retry, runs::undo,
        run_details::plan, run_details::foresee, run_details::logs, run_details::log,
        events::of_run, events::records, events::changes,
        questions::all, questions::given, questions::answer,
        environments::list, environments::locks,
        people::users, people::invite, people::change_user, people::password_link,
        people::groups, people::new_group, people::remove_group, people::add_member,
        people::remove_member, people::grants, people::new_grant, people::remove_grant,
        people::tokens, people::new_token, people::remove_token,
        audit::list, audit::check, audit::export, notifications::list,
        triggers::list, triggers::test,
    )
)]
struct Api;

/// Programs send a token.
struct Tokens;

impl utoipa::Modify for Tokens {
    fn modify(&self, api: &mut utoipa::openapi::OpenApi) {
        let scheme = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build();
        let components = api.components.get_or_insert_with(Default::default);
        components.add_security_scheme("token", SecurityScheme::Http(scheme));
    }
}

/// The description of the API.
pub(crate) fn description() -> Value {
    // Texts and numbers can always be serialized.
    let mut all = serde_json::to_value(Api::openapi()).unwrap_or_default();
    let paths = all.get_mut("paths").and_then(Value::as_object_mut);
    let operations = paths.into_iter().flat_map(|paths| paths.values_mut());
    let operations = operations
        .filter_map(Value::as_object_mut)
        .flat_map(|it| it.values_mut());
    for operation in operations {
        let responses = operation
            .get_mut("responses")
            .and_then(Value::as_object_mut);
        for (status, response) in responses.into_iter().flatten() {
            complete(status, response);
        }
    }
    all
}

/// What the standard wants of each response, and what holds for all problems.
fn complete(status: &str, response: &mut Value) {
    let is_problem = status.starts_with('4');
    let Some(response) = response.as_object_mut() else {
        return;
    };
    response.entry("description").or_insert_with(|| {
        Value::from(match is_problem {
            true => "It is not done, for this reason",
            false => "It is as asked",
        })
    });
    let content = response.get_mut("content").and_then(Value::as_object_mut);
    if let (Some(content), true) = (content, is_problem)
        && let Some(schema) = content.remove("application/json")
    {
        content.insert(String::from("application/problem+json"), schema);
    }
}

/// All routes.
pub(crate) fn router(app: App) -> Router {
    let runs = Router::new()
        .route("/", get(runs::list).post(runs::start))
        .route("/{run}", get(runs::show))
        .route("/{run}/cancel", post(runs::cancel))
        .route("/{run}/resume", post(runs::resume))
        .route("/{run}/retry", post(runs::retry))
        .route("/{run}/undo", post(runs::undo))
        .route("/{run}/plan", get(run_details::plan))
        .route("/{run}/what-if", get(run_details::foresee))
        .route("/{run}/logs", get(run_details::logs))
        .route("/{run}/log", get(run_details::log))
        .route("/{run}/events", get(events::of_run))
        .route("/{run}/records", get(events::records))
        .route(
            "/{run}/answers",
            get(questions::given).post(questions::answer),
        );
    let access = Router::new()
        .route("/users", get(people::users).post(people::invite))
        .route("/users/{name}", patch(people::change_user))
        .route("/users/{name}/password-link", post(people::password_link))
        .route("/groups", get(people::groups).post(people::new_group))
        .route("/groups/{name}", delete(people::remove_group))
        .route(
            "/groups/{name}/members/{user}",
            put(people::add_member).delete(people::remove_member),
        )
        .route("/grants", get(people::grants).post(people::new_grant))
        .route("/grants/{id}", delete(people::remove_grant))
        .route("/tokens", get(people::tokens).post(people::new_token))
        .route("/tokens/{id}", delete(people::remove_token))
        .route("/audit", get(audit::list))
        .route("/audit/check", get(audit::check))
        .route("/audit/export", get(audit::export));
    let api = Router::new()
        .route("/openapi.json", get(|| async { Json(description()) }))
        .route(
            "/session",
            get(session::show)
                .post(session::sign_in)
                .delete(session::sign_out),
        )
        .route("/session/providers", get(oidc::providers))
        .route("/session/oidc", get(oidc::begin))
        .route("/session/oidc/callback", get(oidc::callback))
        .route("/notifications", get(notifications::list))
        .route(
            "/invitations/{token}",
            get(session::invitation).post(session::accept),
        )
        .route("/pipelines", get(pipelines::list))
        .route("/pipelines/{pipeline}", get(pipelines::show))
        .route("/plans", post(pipelines::plan))
        .nest("/runs", runs)
        .route("/events", get(events::changes))
        .route("/questions", get(questions::all))
        .route("/environments", get(environments::list))
        .route("/locks", get(environments::locks))
        .route("/triggers", get(triggers::list))
        .route("/triggers/{trigger}/test", post(triggers::test))
        .merge(access)
        .method_not_allowed_fallback(|| async { Problem::method() })
        .fallback(|| async { Problem::not_found("there is nothing at this address") });
    Router::new()
        .nest("/api/v1", api)
        .route("/webhooks/{*trigger}", post(triggers::deliver))
        .route("/healthz", get(|| async { "ok\n" }))
        .fallback(pages::page)
        .with_state(app)
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .layer(middleware::from_fn(in_time))
        .layer(middleware::from_fn(security::tags))
        .layer(middleware::from_fn(security::headers))
}

/// Gives up on a request that takes too long, such as a body that is sent a byte at a time.
async fn in_time(request: Request, next: Next) -> Response {
    match tokio::time::timeout(REQUEST_TIMEOUT, next.run(request)).await {
        Ok(response) => response,
        Err(_) => Problem::too_slow().into_response(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_route_of_the_api_is_described() {
        let text = include_str!("router.rs");
        let description = description();
        let paths = description["paths"].as_object().unwrap();
        let described: usize = paths.values().map(|it| it.as_object().unwrap().len()).sum();
        let routed = ["get(", "post(", "put(", "patch(", "delete("]
            .iter()
            .map(|method| {
                text.split("#[cfg(test)]")
                    .next()
                    .unwrap()
                    .matches(method)
                    .count()
            });
        // `openapi.json` itself, `healthz` and `webhooks` are not in it.
        assert_eq!(described, routed.sum::<usize>() - 3);
        assert_eq!(description["openapi"], "3.1.0");
    }
}
