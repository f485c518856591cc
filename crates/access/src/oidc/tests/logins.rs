//! Logins that work, and those that are refused for what the configuration says.

use super::*;
use crate::Credential;
use crate::tests::{PASSWORD, group, name, user, user_with_password};

#[test]
fn a_login_creates_the_user_and_finds_it_again_whatever_its_name_becomes() {
    for signer in [Signer::es256("a"), Signer::eddsa("b"), Signer::rs256("c")] {
        let algorithm = signer.algorithm();
        let setting = Setting::with(signer, |_| {});
        let login = setting.log_in(0).unwrap();
        assert!(login.is_new, "{algorithm}");
        assert_eq!(login.return_to, "/runs?all=1");
        assert_eq!(login.user.name, name("alice"));
        assert_eq!(login.user.display_name, "Alice A.");
        assert_eq!(login.user.email.as_deref(), Some("alice@example.org"));
        assert!(login.user.has_provider && !login.user.has_password && !login.user.is_admin);
        setting.provider.behaviour().user["preferred_username"] = json!("bob");
        setting.provider.behaviour().user["name"] = json!("Alice B.\u{202e}");
        let login = setting.log_in(10).unwrap();
        assert_eq!((login.user.name, login.is_new), (name("alice"), false));
        assert_eq!(login.user.display_name, "Alice A.");
        assert_eq!(
            setting.provider.asked("/.well-known/openid-configuration"),
            1
        );
        assert_eq!(setting.provider.asked("/keys"), 1);
        // Without a password nobody logs in with one.
        assert!(
            setting
                .store()
                .log_in("alice", PASSWORD, "a", at(11))
                .is_err()
        );
    }
}

#[test]
fn the_request_has_what_the_flow_needs_and_nothing_is_stored_that_it_tells() {
    let setting = Setting::new();
    let callback = setting.begin(0);
    let request = setting.provider.behaviour().request.clone();
    for (field, value) in [
        ("response_type", "code"),
        ("client_id", CLIENT),
        ("redirect_uri", "https://deploy.example.org/login/oidc"),
        ("scope", "openid profile email"),
        ("code_challenge_method", "S256"),
    ] {
        assert_eq!(request[field], value);
    }
    let state = callback.state.clone().unwrap();
    let stored: String = (setting.store().connection())
        .query_row(
            "SELECT hex(state_hash) || nonce || verifier FROM oidc_logins",
            [],
            |row| row.get(0),
        )
        .unwrap();
    assert!(!stored.contains(&state) && !stored.contains(&request["code_challenge"]));
    let other = setting.begin(0);
    assert_ne!(other.state, callback.state);
    assert_ne!(
        setting.provider.behaviour().request["nonce"],
        request["nonce"]
    );
}

#[test]
fn a_client_identifies_itself_as_the_provider_wants_it() {
    let with_secret = |config: &mut OidcConfig| {
        config.client_secret = Some(Credential::of("s e:cret"));
    };
    let setting = Setting::with(Signer::es256("a"), with_secret);
    setting.log_in(0).unwrap();
    // Both parts are escaped before they are joined.
    let basic = "Basic bG9ja3N0ZXA6cyUyMGUlM0FjcmV0";
    assert_eq!(
        setting.provider.behaviour().authorization.as_deref(),
        Some(basic)
    );
    assert!(
        !setting
            .provider
            .behaviour()
            .form
            .contains_key("client_secret")
    );

    let setting = Setting::with(Signer::es256("a"), with_secret);
    setting.provider.behaviour().metadata = Box::new(|mut metadata| {
        metadata["token_endpoint_auth_methods_supported"] = json!(["client_secret_post"]);
        metadata
    });
    setting.log_in(0).unwrap();
    assert_eq!(setting.provider.behaviour().authorization, None);
    assert_eq!(
        setting.provider.behaviour().form["client_secret"],
        "s e:cret"
    );

    let setting = Setting::with(Signer::es256("a"), with_secret);
    setting.provider.behaviour().metadata = Box::new(|mut metadata| {
        metadata["token_endpoint_auth_methods_supported"] = json!(["private_key_jwt"]);
        metadata
    });
    let (kind, message) = refusal(setting.log_in(0));
    assert_eq!(kind, OidcErrorKind::Provider);
    assert!(message.contains("client_secret_basic"), "{message}");

    let setting = Setting::new();
    setting.log_in(0).unwrap();
    assert_eq!(setting.provider.behaviour().form["client_id"], CLIENT);
}

#[test]
fn groups_come_from_the_provider_and_go_with_it() {
    let setting = Setting::with(Signer::es256("a"), |config| {
        config.groups_claim = Some(String::from("realm_access.roles"));
        config.admin_group = Some(String::from("admins"));
    });
    let store = setting.store();
    store.create_group(&group("night shift")).unwrap();
    let say = |groups: Value| {
        setting.provider.behaviour().user["realm_access"] = json!({ "roles": groups });
    };
    say(json!(["admins", "/dev", " not a name", 7]));
    let login = setting.log_in(0).unwrap();
    assert!(login.user.is_admin && login.user.is_admin_by_provider);
    assert_eq!(
        store.groups_of(&name("alice")).unwrap(),
        [group("/dev"), group("admins")]
    );
    store
        .add_member(&group("night shift"), &name("alice"))
        .unwrap();
    say(json!("/ops"));
    assert!(!setting.log_in(10).unwrap().user.is_admin);
    assert_eq!(
        store.groups_of(&name("alice")).unwrap(),
        [group("/ops"), group("night shift")]
    );
    say(json!(["admins", "/ops"]));
    assert!(setting.log_in(15).unwrap().user.is_admin);
    store.forget_provider_rights().unwrap();
    assert_eq!(
        store.groups_of(&name("alice")).unwrap(),
        [group("night shift")]
    );
    assert!(!store.user(&name("alice")).unwrap().unwrap().is_admin);
    say(json!([]));
    setting.log_in(20).unwrap();
    assert_eq!(
        store.groups_of(&name("alice")).unwrap(),
        [group("night shift")]
    );
    // One who was made an administrator here stays one.
    store.set_admin(&name("alice"), true).unwrap();
    assert!(setting.log_in(30).unwrap().user.is_admin);
    say(json!(7));
    let (kind, message) = refusal(setting.log_in(40));
    assert_eq!(kind, OidcErrorKind::Claims);
    assert!(message.contains("realm_access.roles"), "{message}");
    say(json!((0..501).map(|it| it.to_string()).collect::<Vec<_>>()));
    assert_eq!(refusal(setting.log_in(50)).0, OidcErrorKind::Claims);
}

#[test]
fn groups_that_the_provider_leaves_out_are_not_taken_for_none() {
    let setting = Setting::with(Signer::es256("a"), |config| {
        config.groups_claim = Some(String::from("groups"));
    });
    setting.provider.behaviour().user["_claim_names"] = json!({"groups": "src1"});
    setting.provider.behaviour().userinfo = Some(json!({"sub": "0001"}));
    let (kind, message) = refusal(setting.log_in(0));
    assert_eq!(kind, OidcErrorKind::Claims);
    assert!(message.contains("overage"), "{message}");
}

#[test]
fn what_the_token_does_not_say_is_asked_for() {
    let setting = Setting::with(Signer::es256("a"), |config| {
        config.groups_claim = Some(String::from("groups"));
    });
    setting.provider.behaviour().user = json!({"sub": "0001", "name": "From the token"});
    setting.provider.behaviour().userinfo = Some(json!({
        "sub": "0001", "preferred_username": "alice", "name": "From userinfo", "groups": ["ops"],
    }));
    let login = setting.log_in(0).unwrap();
    assert_eq!(
        (login.user.name, login.user.display_name.as_str()),
        (name("alice"), "From the token")
    );
    assert_eq!(
        setting.store().groups_of(&name("alice")).unwrap(),
        [group("ops")]
    );
    setting.provider.behaviour().userinfo = Some(json!({"sub": "0002", "groups": ["admins"]}));
    let (kind, message) = refusal(setting.log_in(10));
    assert_eq!(kind, OidcErrorKind::Token);
    assert!(message.contains("another user"), "{message}");
}

#[test]
fn the_name_is_of_one_claim_or_a_verified_address() {
    let named = |claim: Option<&str>, said: Value| {
        let setting = Setting::with(Signer::es256("a"), |config| {
            config.name_claim = claim.map(str::to_owned);
        });
        setting.provider.behaviour().userinfo = Some(json!({"sub": "0001"}));
        setting.provider.behaviour().user = said;
        setting
            .log_in(0)
            .map(|login| login.user.name.as_str().to_owned())
    };
    let said = |more: Value| {
        let mut said = more;
        said["sub"] = json!("0001");
        said
    };
    let both = said(json!({"preferred_username": "al", "email": "a@b.c", "email_verified": true}));
    assert_eq!(named(None, both.clone()).unwrap(), "al");
    assert_eq!(named(Some("email"), both.clone()).unwrap(), "a@b.c");
    let address = said(json!({"email": "A@b.c", "email_verified": true}));
    assert_eq!(named(None, address.clone()).unwrap(), "a@b.c");
    for (claim, wrong) in [
        (
            None,
            said(json!({"email": "a@b.c", "email_verified": false})),
        ),
        (None, said(json!({"email": "a@b.c"}))),
        (None, said(json!({"preferred_username": "trigger nightly"}))),
        (None, said(json!({"preferred_username": "system"}))),
        (None, said(json!({"preferred_username": "Jürgen"}))),
        (Some("nick"), both),
    ] {
        let error = named(claim, wrong.clone()).unwrap_err();
        assert_eq!(error.kind, OidcErrorKind::Claims, "{wrong}");
        assert!(error.message.contains("claim"), "{}", error.message);
    }
}

#[test]
fn a_user_who_exists_is_taken_over_only_where_it_is_expected() {
    let setting = Setting::new();
    let store = setting.store();
    user_with_password(store, "alice");
    store.set_admin(&name("alice"), true).unwrap();
    let (kind, message) = refusal(setting.log_in(0));
    assert_eq!(kind, OidcErrorKind::NotAllowed);
    assert!(message.contains("exists already"), "{message}");
    assert!(!store.user(&name("alice")).unwrap().unwrap().has_provider);
    store.expect_provider_login(&name("alice"), true).unwrap();
    let login = setting.log_in(10).unwrap();
    assert!(!login.is_new && login.user.is_admin && login.user.has_password);
    // It was expected once: another one of the same name is another one.
    store.expect_provider_login(&name("alice"), true).unwrap();
    setting.provider.behaviour().user["sub"] = json!("0002");
    assert_eq!(refusal(setting.log_in(20)).0, OidcErrorKind::NotAllowed);
}

#[test]
fn a_user_who_is_disabled_stays_out() {
    let setting = Setting::new();
    user(setting.store(), "root", true);
    setting.log_in(0).unwrap();
    setting
        .store()
        .set_disabled(&name("alice"), true, at(5))
        .unwrap();
    let (kind, message) = refusal(setting.log_in(10));
    assert_eq!(kind, OidcErrorKind::NotAllowed);
    assert!(message.contains("disabled"), "{message}");
    assert!(
        setting
            .store()
            .user(&name("alice"))
            .unwrap()
            .unwrap()
            .is_disabled
    );
}

#[test]
fn who_may_log_in_is_a_matter_of_groups_and_domains() {
    let setting = Setting::with(Signer::es256("a"), |config| {
        config.groups_claim = Some(String::from("groups"));
        config.allowed_groups = vec![String::from("deployers")];
        config.allowed_email_domains = vec![String::from("Example.org")];
    });
    setting.provider.behaviour().userinfo = Some(json!({"sub": "0001"}));
    let say = |groups: Value, email: &str, verified: Value| {
        let mut behaviour = setting.provider.behaviour();
        behaviour.user["groups"] = groups;
        behaviour.user["email"] = json!(email);
        behaviour.user["email_verified"] = verified;
    };
    for (groups, email, verified) in [
        (
            json!(["Deployers", "deployers2"]),
            "a@example.org",
            json!(true),
        ),
        (json!(["deployers"]), "a@example.org", json!(false)),
        (json!(["deployers"]), "a@example.org", json!(null)),
        (json!(["deployers"]), "a@example.org.evil.com", json!(true)),
        (json!(["deployers"]), "a@evilexample.org", json!(true)),
        (json!(["deployers"]), "example.org", json!(true)),
        (json!(["deployers"]), "a@example.org@evil.com", json!(true)),
    ] {
        say(groups, email, verified);
        assert_eq!(
            refusal(setting.log_in(0)).0,
            OidcErrorKind::NotAllowed,
            "{email}"
        );
        assert!(setting.store().has_no_users().unwrap());
    }
    say(json!(["deployers"]), "a@example.ORG", json!("true"));
    assert!(setting.log_in(0).unwrap().is_new);
}

#[test]
fn a_configuration_that_cannot_be_right_is_refused() {
    let refused = |change: &dyn Fn(&mut OidcConfig)| {
        let mut config = OidcConfig::new("https://a.example", "c", "https://b.example/back");
        change(&mut config);
        match Oidc::new(config, Box::new(Shared)) {
            Ok(_) => None,
            Err(error) => Some(error.kind),
        }
    };
    assert_eq!(refused(&|_| {}), None);
    assert_eq!(
        refused(&|it| it.redirect_url = "http://localhost:8080/back".into()),
        None
    );
    let wrong: [&dyn Fn(&mut OidcConfig); 9] = [
        &|it| it.issuer = "http://a.example".into(),
        &|it| it.issuer = "https://a.example?x".into(),
        &|it| it.issuer = "http://localhost@a.example".into(),
        &|it| it.issuer = "http://localhost.a.example".into(),
        &|it| it.issuer = "ftp://a.example".into(),
        &|it| it.issuer = "a.example".into(),
        &|it| it.redirect_url = "http://b.example/back".into(),
        &|it| it.client_id = String::new(),
        &|it| it.admin_group = Some("admins".into()),
    ];
    for (index, change) in wrong.into_iter().enumerate() {
        assert_eq!(refused(change), Some(OidcErrorKind::Config), "{index}");
    }
    let mut config = OidcConfig::new("https://a.example", "c", "https://b.example/back");
    config.client_secret = Some(Credential::of("very secret"));
    assert!(!format!("{config:?}").contains("very secret"));
}
