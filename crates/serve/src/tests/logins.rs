//! Signing in through a provider, from the first request of a browser to its session.

use std::sync::Arc;

use axum::http::StatusCode;
use lockstep_stand_ins::{Provider, Signer};
use serde_json::json;

use super::{Answer, Served, administrator, get};
use crate::app::App;

/// A server with a provider.
struct Setting {
    provider: Arc<Provider>,
    app: App,
    _served: Served,
}

fn provider() -> Arc<Provider> {
    let user = json!({"sub": "0001", "preferred_username": "Alice", "groups": ["operators"]});
    Provider::start(Signer::es256("key 1"), user)
}

fn setting(more: &str) -> Setting {
    let (provider, served) = (provider(), Served::new());
    served.write("client.secret", "s3cret\n");
    let settings = format!(
        "[serve.oidc]\nissuer = \"{}\"\nclient-id = \"lockstep\"\n\
         client-secret = {{ file = \"client.secret\" }}\nlabel = \"Company <login>\"\n{more}",
        provider.issuer()
    );
    Setting {
        app: served.open(&settings).unwrap(),
        provider,
        _served: served,
    }
}

impl Setting {
    /// Begins in a browser; its cookie, and what it brings back.
    async fn begin(&self, return_to: &str) -> (String, String) {
        let path = format!("/api/v1/session/oidc?return-to={return_to}");
        let begun = get(&self.app, &path, &[]).await;
        assert_eq!(begun.status, StatusCode::SEE_OTHER, "{}", begun.body);
        assert_eq!(begun.headers["cache-control"], "no-store");
        let visit = self.provider.visit(begun.location());
        assert_eq!(
            self.provider.behaviour().request["redirect_uri"],
            "http://127.0.0.1:7420/api/v1/session/oidc/callback"
        );
        let brought = format!("state={}&code={}", visit.state.unwrap(), visit.code);
        (begun.cookies()[0].to_owned(), brought)
    }

    async fn back(&self, brought: &str, cookies: &[&str]) -> Answer {
        let path = format!("/api/v1/session/oidc/callback?{brought}");
        get(&self.app, &path, cookies).await
    }

    /// The entries of the audit log about logins by the provider, the latest first.
    async fn audited(&self) -> Vec<(String, String, String)> {
        let root = administrator(&self.app);
        let path = "/api/v1/audit?action=session.sign-in";
        let entries = get(&self.app, path, &[&root]).await.json();
        let text = |it: &serde_json::Value, name: &str| it[name].as_str().unwrap().to_owned();
        let entries = entries.as_array().unwrap().iter();
        let ours = entries.filter(|it| it["via"] == "oidc");
        ours.map(|it| {
            let reason = it["detail"]["reason"].as_str().unwrap_or_default();
            (text(it, "who"), text(it, "outcome"), reason.to_owned())
        })
        .collect()
    }
}

fn error_of(answer: &Answer) -> String {
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.body);
    assert!(answer.cookies().is_empty(), "a session is given");
    let why = answer.location().strip_prefix("/sign-in?error=").unwrap();
    why.replace("%20", " ")
        .replace("%2C", ",")
        .replace("%3A", ":")
        .replace("%2E", ".")
}

#[tokio::test]
async fn a_browser_signs_in_and_comes_to_the_page_that_it_wanted() {
    let setting = setting("groups-claim = \"groups\"\nadmin-group = \"operators\"");
    let providers = get(&setting.app, "/api/v1/session/providers", &[]).await;
    assert_eq!(
        providers.json(),
        json!([{ "label": "Company <login>", "url": "/api/v1/session/oidc" }])
    );
    let (cookie, brought) = setting.begin("%2Fruns%3Fpipeline%3D%C3%A9").await;
    let back = setting.back(&brought, &[&cookie]).await;
    assert_eq!(back.status, StatusCode::SEE_OTHER, "{}", back.body);
    assert_eq!(back.location(), "/runs?pipeline=%C3%A9");
    let session = back.cookies()[0].to_owned();
    let who = get(&setting.app, "/api/v1/session", &[&session])
        .await
        .json();
    assert_eq!(
        (&who["name"], &who["is_admin"]),
        (&json!("alice"), &json!(true))
    );
    // The client has shown its secret: `lockstep:s3cret`.
    let shown = setting.provider.behaviour().authorization.clone();
    assert_eq!(shown.as_deref(), Some("Basic bG9ja3N0ZXA6czNjcmV0"));
    // The same cannot be used again, by whomever.
    let again = setting.back(&brought, &[&cookie]).await;
    let why = "This took too long, or was begun elsewhere: sign in again.";
    assert_eq!(error_of(&again), why);
}

#[tokio::test]
async fn what_another_browser_brings_is_refused_and_written_down() {
    let setting = setting("");
    let (_, brought) = setting.begin("/").await;
    let (other, _) = setting.begin("/").await;
    for cookies in [&[][..], &[other.as_str()], &["lockstep_login=short"]] {
        let (_, brought) = match cookies {
            [] => (String::new(), brought.clone()),
            _ => setting.begin("/").await,
        };
        let back = setting.back(&brought, cookies).await;
        let why = "This took too long, or was begun elsewhere: sign in again.";
        assert_eq!(error_of(&back), why);
    }
    let denied = setting.begin("/").await;
    let state = denied.1.split('&').next().unwrap();
    let brought = format!("{state}&error=access_denied&error_description=%3Cscript%3E");
    let back = setting.back(&brought, &[&denied.0]).await;
    assert_eq!(error_of(&back), "The provider has refused to sign you in.");
    let audited = setting.audited().await;
    assert_eq!(audited.len(), 4);
    assert!(
        audited
            .iter()
            .all(|(who, outcome, _)| who.is_empty() && outcome == "refused")
    );
    assert!(audited[0].2.contains("access_denied"), "{:?}", audited[0]);
    assert!(audited[1].2.contains("another browser"), "{:?}", audited[1]);
}

#[tokio::test]
async fn a_login_leads_to_no_other_server() {
    let setting = setting("");
    let elsewhere = [
        "https://evil.example/",
        "//evil.example",
        "/%5Cevil.example",
        "%2F%09%2Fevil.example",
        "",
    ];
    for return_to in elsewhere {
        let (cookie, brought) = setting.begin(return_to).await;
        let back = setting.back(&brought, &[&cookie]).await;
        assert_eq!(back.location(), "/", "{return_to}");
    }
    let audited = setting.audited().await;
    assert_eq!(audited.len(), elsewhere.len());
    assert!(
        audited
            .iter()
            .all(|(who, outcome, _)| who == "alice" && outcome == "done")
    );
}

#[tokio::test]
async fn who_is_in_no_allowed_group_is_not_let_in() {
    let setting = setting("groups-claim = \"groups\"\nallowed-groups = [\"deployers\"]");
    let (cookie, brought) = setting.begin("/").await;
    let back = setting.back(&brought, &[&cookie]).await;
    let why = "You may not sign in here: an administrator finds the reason in the audit log.";
    assert_eq!(error_of(&back), why);
}

#[tokio::test]
async fn a_provider_that_is_gone_is_said_on_the_page() {
    let served = Served::new();
    let settings = "[serve.oidc]\nissuer = \"http://127.0.0.1:1\"\nclient-id = \"lockstep\"";
    let app = served.open(settings).unwrap();
    let begun = get(&app, "/api/v1/session/oidc", &[]).await;
    assert_eq!(
        error_of(&begun),
        "The provider does not answer: try again later."
    );
}

#[tokio::test]
async fn cookies_of_https_are_for_https_alone() {
    let provider = provider();
    let served = Served::new();
    let app = served.open(&format!(
        "[serve]\nurl = \"https://deploy.example.com/\"\n\
         oidc = {{ issuer = \"{}\", client-id = \"lockstep\" }}",
        provider.issuer()
    ));
    let begun = get(&app.unwrap(), "/api/v1/session/oidc", &[]).await;
    let cookie = begun.headers["set-cookie"].to_str().unwrap();
    let (value, flags) = cookie.split_once("; ").unwrap();
    assert!(value.starts_with("__Host-lockstep_login="), "{cookie}");
    assert_eq!(flags, "Path=/; HttpOnly; SameSite=Lax; Secure; Max-Age=600");
    let back =
        "redirect_uri=https%3A%2F%2Fdeploy.example.com%2Fapi%2Fv1%2Fsession%2Foidc%2Fcallback";
    assert!(begun.location().contains(back), "{}", begun.location());
}

#[tokio::test]
async fn without_a_provider_there_is_none() {
    let app = Served::new();
    let app = app.open("").unwrap();
    let providers = get(&app, "/api/v1/session/providers", &[]).await;
    assert_eq!(providers.json(), json!([]));
    let begun = get(&app, "/api/v1/session/oidc", &[]).await;
    assert_eq!(begun.status, StatusCode::NOT_FOUND);
    let back = get(&app, "/api/v1/session/oidc/callback?state=a&code=b", &[]).await;
    assert_eq!(back.status, StatusCode::NOT_FOUND);
}

#[test]
fn a_secret_that_is_missing_stops_the_start() {
    let served = Served::new();
    let why = |secret: &str| {
        let settings = format!(
            "[serve.oidc]\nissuer = \"https://a.example\"\nclient-id = \"c\"\n\
             client-secret = {secret}"
        );
        let error = served.open(&settings).err().unwrap().to_string();
        error.replace(&served.folder.path().display().to_string(), "FOLDER")
    };
    assert_eq!(
        why("{ env = \"LOCKSTEP_NO_SUCH_VARIABLE\" }"),
        "the settings of the server cannot be used: `client-secret` in `[serve.oidc]`: the \
         environment variable `LOCKSTEP_NO_SUCH_VARIABLE` is not set: set it for the server, or \
         name another place"
    );
    assert_eq!(
        why("{ file = \"no.secret\" }"),
        "the settings of the server cannot be used: `client-secret` in `[serve.oidc]`: the file \
         `FOLDER/no.secret` cannot be read (No such file or directory (os error 2)): write the \
         secret into it, readable by the server alone"
    );
    served.write("empty.secret", "\n");
    assert_eq!(
        why("{ file = \"empty.secret\" }"),
        "the settings of the server cannot be used: `client-secret` in `[serve.oidc]`: the file \
         `empty.secret` is empty"
    );
}
