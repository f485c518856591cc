//! Users, groups, rights and tokens.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use jiff::{SignedDuration, Timestamp};
use lockstep_access::{Grant, GroupName, On, Pattern, Right, Scope, UserName, Who};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::app::App;
use crate::http::caller::Caller;
use crate::http::input::{Body, Path};
use crate::http::problem::Problem;

/// A token ends after so many days where nothing else is said.
const DEFAULT_TOKEN_DAYS: u32 = 90;
/// A token does not last longer.
const MAX_TOKEN_DAYS: u32 = lockstep_access::MAX_TOKEN_DAYS as u32;

/// A user.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct UserJson {
    name: String,
    display_name: String,
    is_admin: bool,
    is_disabled: bool,
    groups: Vec<String>,
    created_at: String,
}

/// A group.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct GroupJson {
    name: String,
    members: Vec<String>,
}

/// A name for something new.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NameJson {
    name: String,
}

/// A one-time link, which is shown once.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LinkJson {
    url: String,
    expires_at: String,
}

/// What is changed of a user.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct UserChangeJson {
    #[serde(default)]
    is_admin: Option<bool>,
    #[serde(default)]
    is_disabled: Option<bool>,
}

/// A permission.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct GrantJson {
    id: i64,
    #[serde(flatten)]
    #[schema(inline)]
    grant: GrantTextJson,
}

/// A permission: to whom, what, and on what.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct GrantTextJson {
    /// `everyone`, `user ada`, `group ops` or `trigger nightly`.
    #[schema(example = "group ops")]
    who: String,
    /// `view`, `run`, `approve`, `cancel`, `answer`, `outside-window`.
    #[schema(example = "run")]
    right: String,
    /// `pipelines PATTERN` or `targets PATTERN`, such as `targets prod.*`.
    #[schema(example = "targets prod.*")]
    on: String,
}

/// An API token.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TokenJson {
    id: i64,
    name: String,
    user: String,
    rights: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pipelines: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    targets: Option<Vec<String>>,
    created_at: String,
    expires_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_used_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    revoked_at: Option<String>,
}

/// A new API token.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewTokenJson {
    name: String,
    /// `view`, `run`, `approve`, `cancel`, `answer`, `outside-window`, `admin`; it never has more
    /// than the rights of its owner.
    rights: Vec<String>,
    /// Patterns of pipelines; all where there are none.
    #[serde(default)]
    pipelines: Option<Vec<String>>,
    /// Patterns of infrastructures; all where there are none.
    #[serde(default)]
    targets: Option<Vec<String>>,
    /// After how many days it ends, 366 at most; 90 by default.
    #[serde(default)]
    #[schema(minimum = 1, maximum = 366)]
    days: Option<u32>,
}

/// A token, which is shown once.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SecretTokenJson {
    /// The token.
    token: String,
    #[serde(flatten)]
    #[schema(inline)]
    stored: TokenJson,
}

type Listed<T> = Result<Json<Vec<T>>, Problem>;

/// Lists the users.
#[utoipa::path(
    get, path = "/api/v1/users", tag = "access",
    responses((status = 200, body = Vec<UserJson>), (status = "4XX", body = Problem))
)]
pub(crate) async fn users(State(app): State<App>, caller: Caller) -> Listed<UserJson> {
    caller.require_admin()?;
    let found = app.stores.run(|stores| {
        let users = stores.access.users()?.into_iter().map(|user| {
            let groups = stores.access.groups_of(&user.name)?;
            Ok(UserJson {
                groups: groups.iter().map(ToString::to_string).collect(),
                name: user.name.to_string(),
                display_name: user.display_name,
                is_admin: user.is_admin || user.is_admin_by_provider,
                is_disabled: user.is_disabled,
                created_at: lockstep_store::time(user.created_at),
            })
        });
        users.collect::<Result<Vec<_>, Problem>>()
    });
    Ok(Json(found.await??))
}

/// Invites a user: the answer is a link with which they choose a password.
#[utoipa::path(
    post, path = "/api/v1/users", tag = "access", request_body = NameJson,
    responses((status = 201, body = LinkJson), (status = "4XX", body = Problem))
)]
pub(crate) async fn invite(
    State(app): State<App>,
    caller: Caller,
    Body(asked): Body<NameJson>,
) -> Result<(StatusCode, Json<LinkJson>), Problem> {
    link(app, caller, asked.name, false).await
}

/// Makes a link with which a user chooses a new password.
#[utoipa::path(
    post, path = "/api/v1/users/{name}/password-link", tag = "access",
    params(("name" = String, Path)),
    responses((status = 201, body = LinkJson), (status = "4XX", body = Problem))
)]
pub(crate) async fn password_link(
    State(app): State<App>,
    caller: Caller,
    Path(name): Path<String>,
) -> Result<(StatusCode, Json<LinkJson>), Problem> {
    link(app, caller, name, true).await
}

async fn link(
    app: App,
    caller: Caller,
    name: String,
    is_known: bool,
) -> Result<(StatusCode, Json<LinkJson>), Problem> {
    caller.require_admin()?;
    let origin = app.options.origin();
    let made = app.stores.run(move |stores| {
        let now = Timestamp::now();
        let (name, by) = (UserName::new(&name)?, UserName::new(caller.name())?);
        let made = match is_known {
            true => stores.access.password_reset_link(&name, &by, now)?,
            false => stores.access.invite_user(Some(&name), &by, now)?,
        };
        let action = match is_known {
            true => "user.password-link",
            false => "user.invite",
        };
        caller
            .audit(action)
            .object(&format!("user {name}"))
            .write(stores)?;
        Ok::<_, Problem>(LinkJson {
            url: format!("{origin}/invitation#{}", made.token.reveal()),
            expires_at: lockstep_store::time(made.stored.expires_at),
        })
    });
    Ok((StatusCode::CREATED, Json(made.await??)))
}

/// Changes a user.
#[utoipa::path(
    patch, path = "/api/v1/users/{name}", tag = "access", params(("name" = String, Path)),
    request_body = UserChangeJson,
    responses((status = 204, description = "Changed"), (status = "4XX", body = Problem))
)]
pub(crate) async fn change_user(
    State(app): State<App>,
    caller: Caller,
    Path(name): Path<String>,
    Body(asked): Body<UserChangeJson>,
) -> Result<StatusCode, Problem> {
    caller.require_admin()?;
    let changed = app.stores.run(move |stores| {
        let name = UserName::new(&name)?;
        let mut audit = caller.audit("user.change").object(&format!("user {name}"));
        if let Some(is_admin) = asked.is_admin {
            stores.access.set_admin(&name, is_admin)?;
            audit = audit.detail("is_admin", &is_admin.to_string());
        }
        if let Some(is_disabled) = asked.is_disabled {
            stores
                .access
                .set_disabled(&name, is_disabled, Timestamp::now())?;
            audit = audit.detail("is_disabled", &is_disabled.to_string());
        }
        audit.write(stores)?;
        Ok::<_, Problem>(StatusCode::NO_CONTENT)
    });
    changed.await?
}

/// Lists the groups.
#[utoipa::path(
    get, path = "/api/v1/groups", tag = "access",
    responses((status = 200, body = Vec<GroupJson>), (status = "4XX", body = Problem))
)]
pub(crate) async fn groups(State(app): State<App>, caller: Caller) -> Listed<GroupJson> {
    caller.require_admin()?;
    let found = app.stores.run(|stores| {
        let groups = stores.access.groups()?.into_iter().map(|group| GroupJson {
            name: group.name.to_string(),
            members: group.members.iter().map(|it| it.user.to_string()).collect(),
        });
        Ok::<_, Problem>(groups.collect())
    });
    Ok(Json(found.await??))
}

/// Makes a group.
#[utoipa::path(
    post, path = "/api/v1/groups", tag = "access", request_body = NameJson,
    responses((status = 204, description = "Made"), (status = "4XX", body = Problem))
)]
pub(crate) async fn new_group(
    State(app): State<App>,
    caller: Caller,
    Body(asked): Body<NameJson>,
) -> Result<StatusCode, Problem> {
    caller.require_admin()?;
    let made = app.stores.run(move |stores| {
        let name = GroupName::new(&asked.name)?;
        stores.access.create_group(&name)?;
        caller
            .audit("group.create")
            .object(&format!("group {name}"))
            .write(stores)?;
        Ok::<_, Problem>(StatusCode::NO_CONTENT)
    });
    made.await?
}

/// Removes a group, with what was granted to it.
#[utoipa::path(
    delete, path = "/api/v1/groups/{name}", tag = "access", params(("name" = String, Path)),
    responses((status = 204, description = "Removed"), (status = "4XX", body = Problem))
)]
pub(crate) async fn remove_group(
    State(app): State<App>,
    caller: Caller,
    Path(name): Path<String>,
) -> Result<StatusCode, Problem> {
    caller.require_admin()?;
    let removed = app.stores.run(move |stores| {
        let name = GroupName::new(&name)?;
        stores.access.delete_group(&name)?;
        caller
            .audit("group.delete")
            .object(&format!("group {name}"))
            .write(stores)?;
        Ok::<_, Problem>(StatusCode::NO_CONTENT)
    });
    removed.await?
}

/// Puts a user into a group.
#[utoipa::path(
    put, path = "/api/v1/groups/{name}/members/{user}", tag = "access",
    params(("name" = String, Path), ("user" = String, Path)),
    responses((status = 204, description = "Is a member"), (status = "4XX", body = Problem))
)]
pub(crate) async fn add_member(
    State(app): State<App>,
    caller: Caller,
    Path((name, user)): Path<(String, String)>,
) -> Result<StatusCode, Problem> {
    member(app, caller, (name, user), true).await
}

/// Takes a user out of a group.
#[utoipa::path(
    delete, path = "/api/v1/groups/{name}/members/{user}", tag = "access",
    params(("name" = String, Path), ("user" = String, Path)),
    responses((status = 204, description = "Is no member"), (status = "4XX", body = Problem))
)]
pub(crate) async fn remove_member(
    State(app): State<App>,
    caller: Caller,
    Path((name, user)): Path<(String, String)>,
) -> Result<StatusCode, Problem> {
    member(app, caller, (name, user), false).await
}

async fn member(
    app: App,
    caller: Caller,
    (name, user): (String, String),
    is_member: bool,
) -> Result<StatusCode, Problem> {
    caller.require_admin()?;
    let changed = app.stores.run(move |stores| {
        let (group, user) = (GroupName::new(&name)?, UserName::new(&user)?);
        let action = match is_member {
            true => "group.add-member",
            false => "group.remove-member",
        };
        match is_member {
            true => stores.access.add_member(&group, &user)?,
            false => stores.access.remove_member(&group, &user)?,
        }
        let audit = caller.audit(action).object(&format!("group {group}"));
        audit.detail("user", user.as_str()).write(stores)?;
        Ok::<_, Problem>(StatusCode::NO_CONTENT)
    });
    changed.await?
}

impl GrantTextJson {
    fn of(grant: &Grant) -> Self {
        Self {
            who: match &grant.who {
                Who::Everyone => String::from("everyone"),
                Who::User(name) => format!("user {name}"),
                Who::Group(name) => format!("group {name}"),
                Who::Trigger(pattern) => format!("trigger {}", pattern.as_str()),
            },
            right: grant.right.to_string(),
            on: match &grant.on {
                On::Pipelines(pattern) => format!("pipelines {}", pattern.as_str()),
                On::Targets(pattern) => format!("targets {}", pattern.as_str()),
            },
        }
    }

    fn grant(&self) -> Result<Grant, Problem> {
        let wrong =
            |what: &str, forms: &str| Problem::refused(format!("`{what}` is not one of {forms}"));
        let who = match self.who.split_once(' ') {
            None if self.who == "everyone" => Who::Everyone,
            Some(("user", name)) => Who::User(UserName::new(name)?),
            Some(("group", name)) => Who::Group(GroupName::new(name)?),
            Some(("trigger", pattern)) => Who::Trigger(Pattern::new(pattern)?),
            _ => {
                let forms = "`everyone`, `user NAME`, `group NAME`, `trigger PATTERN`";
                return Err(wrong(&self.who, forms));
            }
        };
        let on = match self.on.split_once(' ') {
            Some(("pipelines", pattern)) => On::Pipelines(Pattern::new(pattern)?),
            Some(("targets", pattern)) => On::Targets(Pattern::new(pattern)?),
            _ => return Err(wrong(&self.on, "`pipelines PATTERN`, `targets PATTERN`")),
        };
        Ok(Grant {
            who,
            right: self.right.parse()?,
            on,
        })
    }
}

/// Lists what is permitted to whom.
#[utoipa::path(
    get, path = "/api/v1/grants", tag = "access",
    responses((status = 200, body = Vec<GrantJson>), (status = "4XX", body = Problem))
)]
pub(crate) async fn grants(State(app): State<App>, caller: Caller) -> Listed<GrantJson> {
    caller.require_admin()?;
    let found = app.stores.run(|stores| {
        let grants = stores.access.grants()?.into_iter().map(|stored| GrantJson {
            id: stored.id,
            grant: GrantTextJson::of(&stored.grant),
        });
        Ok::<_, Problem>(grants.collect())
    });
    Ok(Json(found.await??))
}

/// Permits something to somebody.
#[utoipa::path(
    post, path = "/api/v1/grants", tag = "access", request_body = GrantTextJson,
    responses((status = 201, body = GrantJson), (status = "4XX", body = Problem))
)]
pub(crate) async fn new_grant(
    State(app): State<App>,
    caller: Caller,
    Body(asked): Body<GrantTextJson>,
) -> Result<(StatusCode, Json<GrantJson>), Problem> {
    caller.require_admin()?;
    let made = app.stores.run(move |stores| {
        let stored = stores.access.grant(&asked.grant()?)?;
        let grant = GrantTextJson::of(&stored.grant);
        let audit = caller
            .audit("grant.create")
            .object(&format!("grant {}", stored.id));
        let audit = audit
            .detail("who", &grant.who)
            .detail("right", &grant.right);
        audit.detail("on", &grant.on).write(stores)?;
        let id = stored.id;
        Ok::<_, Problem>((StatusCode::CREATED, Json(GrantJson { id, grant })))
    });
    made.await?
}

/// Takes a permission away.
#[utoipa::path(
    delete, path = "/api/v1/grants/{id}", tag = "access", params(("id" = i64, Path)),
    responses((status = 204, description = "Taken away"), (status = "4XX", body = Problem))
)]
pub(crate) async fn remove_grant(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<i64>,
) -> Result<StatusCode, Problem> {
    caller.require_admin()?;
    let removed = app.stores.run(move |stores| {
        let grant = GrantTextJson::of(&stores.access.revoke_grant(id)?);
        let audit = caller.audit("grant.delete").object(&format!("grant {id}"));
        let audit = audit
            .detail("who", &grant.who)
            .detail("right", &grant.right);
        audit.detail("on", &grant.on).write(stores)?;
        Ok::<_, Problem>(StatusCode::NO_CONTENT)
    });
    removed.await?
}

/// Lists the caller's tokens; those of all users for an administrator.
#[utoipa::path(
    get, path = "/api/v1/tokens", tag = "access",
    responses((status = 200, body = Vec<TokenJson>), (status = "4XX", body = Problem))
)]
pub(crate) async fn tokens(State(app): State<App>, caller: Caller) -> Listed<TokenJson> {
    let found = app.stores.run(move |stores| {
        let own = UserName::new(caller.name())?;
        let of = match caller.is_admin() {
            true => None,
            false => Some(&own),
        };
        let tokens = stores.access.tokens(of)?;
        Ok::<_, Problem>(tokens.iter().map(TokenJson::of).collect())
    });
    Ok(Json(found.await??))
}

impl TokenJson {
    fn of(token: &lockstep_access::StoredToken) -> Self {
        let texts = |all: &Vec<Pattern>| all.iter().map(|it| it.as_str().to_owned()).collect();
        Self {
            id: token.id,
            name: token.name.clone(),
            user: token.owner.to_string(),
            rights: token.scope.rights.iter().map(ToString::to_string).collect(),
            pipelines: token.scope.pipelines.as_ref().map(texts),
            targets: token.scope.targets.as_ref().map(texts),
            created_at: lockstep_store::time(token.created_at),
            expires_at: lockstep_store::time(token.expires_at),
            last_used_at: token.last_used_at.map(lockstep_store::time),
            revoked_at: token.revoked_at.map(lockstep_store::time),
        }
    }
}

/// Makes a token of the caller. It is shown once. A token cannot make tokens.
#[utoipa::path(
    post, path = "/api/v1/tokens", tag = "access", request_body = NewTokenJson,
    responses((status = 201, body = SecretTokenJson), (status = "4XX", body = Problem))
)]
pub(crate) async fn new_token(
    State(app): State<App>,
    caller: Caller,
    Body(asked): Body<NewTokenJson>,
) -> Result<(StatusCode, Json<SecretTokenJson>), Problem> {
    if caller.is_by_token() {
        // One that has leaked would live on in others.
        return Err(Problem::no_right("sign in with a password to make a token"));
    }
    let made = app.stores.run(move |stores| {
        let patterns = |all: Option<Vec<String>>| {
            let all = all.map(|all| all.iter().map(|it| Pattern::new(it)).collect());
            all.transpose()
        };
        let rights: Result<_, _> = asked.rights.iter().map(|it| it.parse::<Right>()).collect();
        let scope = Scope {
            rights: rights?,
            pipelines: patterns(asked.pipelines)?,
            targets: patterns(asked.targets)?,
        };
        let now = Timestamp::now();
        let days = asked
            .days
            .unwrap_or(DEFAULT_TOKEN_DAYS)
            .clamp(1, MAX_TOKEN_DAYS);
        let expires_at = now
            .checked_add(SignedDuration::from_hours(24 * i64::from(days)))
            .unwrap_or(Timestamp::MAX);
        let owner = UserName::new(caller.name())?;
        let made = stores.access.create_token(
            caller.principal(),
            &owner,
            &asked.name,
            &scope,
            expires_at,
            now,
        )?;
        let audit = caller
            .audit("token.create")
            .object(&format!("token {}", made.stored.id));
        audit.detail("name", &made.stored.name).write(stores)?;
        let shown = SecretTokenJson {
            token: made.token.reveal().to_owned(),
            stored: TokenJson::of(&made.stored),
        };
        Ok::<_, Problem>((StatusCode::CREATED, Json(shown)))
    });
    made.await?
}

/// Ends a token.
#[utoipa::path(
    delete, path = "/api/v1/tokens/{id}", tag = "access", params(("id" = i64, Path)),
    responses((status = 204, description = "Ended"), (status = "4XX", body = Problem))
)]
pub(crate) async fn remove_token(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<i64>,
) -> Result<StatusCode, Problem> {
    let removed = app.stores.run(move |stores| {
        let all = stores.access.tokens(None)?;
        let is_own = |token: &lockstep_access::StoredToken| token.owner.as_str() == caller.name();
        let found = all.iter().find(|it| it.id == id);
        if !found.is_some_and(|token| caller.is_admin() || is_own(token)) {
            return Err(Problem::not_found(&format!("there is no token {id}")));
        }
        stores.access.revoke_token(id, Timestamp::now())?;
        caller
            .audit("token.delete")
            .object(&format!("token {id}"))
            .write(stores)?;
        Ok(StatusCode::NO_CONTENT)
    });
    removed.await?
}
