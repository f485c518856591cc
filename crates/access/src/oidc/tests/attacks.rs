//! Logins that must not work.

use ring::hmac;

use super::*;
use lockstep_stand_ins::encode;

type Claim = (&'static str, Value);

/// A login with changed claims.
fn with_claims(changes: &[Claim], time: i64) -> Result<OidcLogin, OidcError> {
    let setting = Setting::new();
    let changes = changes.to_vec();
    setting.provider.behaviour().claims = Box::new(move |mut claims| {
        for (name, value) in &changes {
            match value {
                Value::Null => {
                    claims.as_object_mut().unwrap().remove(*name);
                }
                _ => claims[*name] = value.clone(),
            }
        }
        claims
    });
    setting.log_in(time)
}

/// A login with a token that is made in another way.
fn with_token(
    signer: Signer,
    make: impl Fn(&Signer, Value) -> String + Send + 'static,
) -> (OidcErrorKind, String) {
    let setting = Setting::with(signer, |_| {});
    setting.provider.behaviour().make_token = Box::new(make);
    let refused = refusal(setting.log_in(0));
    assert!(setting.store().has_no_users().unwrap());
    refused
}

#[test]
fn a_token_of_another_login_client_issuer_or_time_is_refused() {
    let end = |seconds: i64| json!(at(seconds).as_second());
    let refused: Vec<(Vec<Claim>, &str)> = vec![
        (vec![("nonce", json!("another"))], "nonce"),
        (vec![("nonce", Value::Null)], "nonce"),
        (vec![("nonce", json!(7))], "nonce"),
        (vec![("aud", json!("other"))], "client ID"),
        (vec![("aud", Value::Null)], "client ID"),
        (vec![("aud", json!([]))], "client ID"),
        (vec![("aud", json!({"lockstep": 1}))], "client ID"),
        (vec![("aud", json!([CLIENT, "other"]))], "azp"),
        (
            vec![("aud", json!([CLIENT, "other"])), ("azp", json!("other"))],
            "azp",
        ),
        (vec![("azp", json!("other"))], "azp"),
        (vec![("azp", json!(["lockstep"]))], "azp"),
        (
            vec![("iss", json!("http://127.0.0.1:1"))],
            "issuer mismatch",
        ),
        (vec![("iss", Value::Null)], "issuer mismatch"),
        (vec![("exp", end(-59))], "expired"),
        (vec![("exp", Value::Null)], "exp"),
        (vec![("exp", json!("tomorrow"))], "exp"),
        (vec![("nbf", end(62))], "not valid yet"),
        (vec![("nbf", json!("tomorrow"))], "nbf"),
        (vec![("iat", end(62))], "not valid yet"),
        (vec![("iat", Value::Null)], "iat"),
        (vec![("sub", Value::Null)], "sub"),
        (vec![("sub", json!(""))], "sub"),
        (vec![("sub", json!("x".repeat(256)))], "sub"),
    ];
    for (changes, word) in refused {
        let (kind, message) = refusal(with_claims(&changes, 0));
        assert_eq!(kind, OidcErrorKind::Token, "{changes:?}");
        assert!(message.contains(word), "{changes:?}: {message}");
    }
    // The clocks may be a minute apart, and one of several clients is this one.
    for changes in [
        vec![("exp", end(-58))],
        vec![("nbf", end(61)), ("iat", end(61))],
        vec![("aud", json!([CLIENT]))],
        vec![("aud", json!([CLIENT, "other"])), ("azp", json!(CLIENT))],
        vec![("exp", json!(at(100).as_second() as f64 + 0.5))],
    ] {
        assert!(with_claims(&changes, 0).is_ok(), "{changes:?}");
    }
}

#[test]
fn a_token_without_a_signature_is_refused() {
    for algorithm in ["none", "None", "NONE", ""] {
        let (kind, message) = with_token(Signer::es256("a"), move |_, claims| {
            let header = json!({"alg": algorithm});
            format!(
                "{}.{}.",
                encode(header.to_string()),
                encode(claims.to_string())
            )
        });
        assert_eq!(kind, OidcErrorKind::Token, "{algorithm}");
        assert!(message.contains("RS256, ES256 or EdDSA"), "{message}");
    }
    // Nor is one whose header says otherwise.
    for header in [json!({"alg": "ES256", "kid": "a"}), json!({"alg": "ES256"})] {
        let (_, message) = with_token(Signer::es256("a"), move |_, claims| {
            format!(
                "{}.{}.",
                encode(header.to_string()),
                encode(claims.to_string())
            )
        });
        assert!(message.contains("signature"), "{message}");
    }
}

#[test]
fn a_public_key_is_no_shared_secret() {
    let signers = [Signer::rs256, Signer::es256, Signer::eddsa];
    for make_signer in signers {
        for field in ["", "n", "x"] {
            let (kind, message) = with_token(make_signer("a"), move |signer, claims| {
                let jwk = signer.jwk();
                let secret = match jwk.get(field).and_then(Value::as_str) {
                    Some(text) => text.to_owned(),
                    None => jwk.to_string(),
                };
                let header = json!({"alg": "HS256", "kid": "a"}).to_string();
                let message = format!("{}.{}", encode(header), encode(claims.to_string()));
                let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
                let signature = hmac::sign(&key, message.as_bytes());
                format!("{message}.{}", encode(signature))
            });
            assert_eq!(kind, OidcErrorKind::Token);
            assert!(message.contains("`HS256`"), "{message}");
        }
    }
}

#[test]
fn a_key_is_used_with_its_own_algorithm_only() {
    for (signer, algorithm) in [
        (Signer::es256("a"), "RS256"),
        (Signer::es256("a"), "EdDSA"),
        (Signer::rs256("a"), "ES256"),
        (Signer::eddsa("a"), "ES256"),
    ] {
        let (kind, message) = with_token(signer, move |signer, claims| {
            signer.token_with(&json!({"alg": algorithm, "kid": "a"}), &claims)
        });
        assert_eq!(kind, OidcErrorKind::Token);
        assert!(message.contains("JWKS"), "{message}");
    }
    // A key for encryption, or for another algorithm, signs nothing.
    for (field, value) in [
        ("use", json!("enc")),
        ("alg", json!("RS512")),
        ("key_ops", json!(["sign"])),
        ("kty", json!("oct")),
        ("kid", json!("b")),
        ("n", json!("AQAB")),
    ] {
        let setting = Setting::with(Signer::rs256("a"), |_| {});
        let mut jwk = setting.provider.behaviour().signer.jwk();
        jwk[field] = value;
        setting.provider.behaviour().keys = Some(vec![jwk]);
        assert_eq!(
            refusal(setting.log_in(0)).0,
            OidcErrorKind::Token,
            "{field}"
        );
    }
}

#[test]
fn a_token_that_was_changed_or_made_by_another_is_refused() {
    let (_, message) = with_token(Signer::es256("a"), |_, claims| {
        Signer::es256("a").token(&claims)
    });
    assert!(message.contains("signature"), "{message}");
    let (_, message) = with_token(Signer::es256("a"), |signer, mut claims| {
        let token = signer.token(&claims);
        let (header, rest) = token.split_once('.').unwrap();
        claims["sub"] = json!("0002");
        let signature = rest.split_once('.').unwrap().1;
        format!("{header}.{}.{signature}", encode(claims.to_string()))
    });
    assert!(message.contains("signature"), "{message}");
    for header in [
        json!({"alg": "ES256", "kid": "a", "crit": ["b64"], "b64": false}),
        json!({"alg": "ES256", "kid": "a", "typ": "at+jwt"}),
        json!({"alg": "ES256", "kid": "a", "typ": "logout+JWT"}),
        json!({"kid": "a"}),
        json!([]),
    ] {
        let (kind, _) = with_token(Signer::es256("a"), move |signer, claims| {
            signer.token_with(&header, &claims)
        });
        assert_eq!(kind, OidcErrorKind::Token);
    }
    let long = "a".repeat(70_000);
    for token in ["", "a", "a.b", "a.b.c", "..", "é.é.é", "a.b.c.d.e", &long] {
        let token = token.to_owned();
        let (kind, message) = with_token(Signer::es256("a"), move |_, _| token.clone());
        assert_eq!(kind, OidcErrorKind::Token, "{message}");
    }
}

#[test]
fn a_key_that_is_not_known_is_asked_for_once() {
    let setting = Setting::new();
    setting.log_in(0).unwrap();
    assert_eq!(setting.provider.asked("/keys"), 1);
    // The provider has a new key: the next login works.
    setting.provider.behaviour().signer = Signer::eddsa("key 2");
    setting.log_in(20).unwrap();
    assert_eq!(setting.provider.asked("/keys"), 2);
    // A key that never was at the provider.
    setting.provider.behaviour().make_token =
        Box::new(|_, claims| Signer::es256("unknown").token(&claims));
    let (kind, message) = refusal(setting.log_in(40));
    assert_eq!(kind, OidcErrorKind::Token);
    assert!(message.contains("`unknown`"), "{message}");
    assert_eq!(setting.provider.asked("/keys"), 3);
    // Again and again: the provider is not bothered each time.
    for time in 41..45 {
        assert_eq!(refusal(setting.log_in(time)).0, OidcErrorKind::Token);
    }
    assert_eq!(setting.provider.asked("/keys"), 3);
}

#[test]
fn a_login_is_ended_once() {
    let setting = Setting::new();
    let callback = setting.begin(0);
    setting.finish(&callback, 1).unwrap();
    let (kind, message) = refusal(setting.finish(&callback, 2));
    assert_eq!(kind, OidcErrorKind::State);
    assert!(message.contains("log in again"), "{message}");
    // One that failed is over, too.
    setting.provider.behaviour().refusal = Some((401, json!({"error": "invalid_client"})));
    let callback = setting.begin(3);
    let (kind, message) = refusal(setting.finish(&callback, 4));
    assert_eq!(kind, OidcErrorKind::Provider);
    assert!(
        message.contains("invalid_client") && message.contains("client secret"),
        "{message}"
    );
    setting.provider.behaviour().refusal = None;
    assert_eq!(
        refusal(setting.finish(&callback, 5)).0,
        OidcErrorKind::State
    );
    for state in [
        None,
        Some(String::new()),
        Some("A".repeat(43)),
        Some("'; --".into()),
    ] {
        let callback = OidcCallback {
            state,
            ..callback.clone()
        };
        assert_eq!(
            refusal(setting.finish(&callback, 6)).0,
            OidcErrorKind::State
        );
    }
}

#[test]
fn a_login_is_ended_by_the_browser_that_began_it() {
    let setting = Setting::new();
    let finish = |browser: &str, callback: &OidcCallback| {
        setting
            .oidc
            .finish(setting.store(), browser, callback, at(1))
    };
    for browser in ["a-cookie-of-another-browser", ""] {
        let callback = setting.begin(0);
        let (kind, message) = refusal(finish(browser, &callback));
        assert_eq!(kind, OidcErrorKind::State);
        assert!(message.contains("another browser"), "{message}");
        // It was tried: the right one comes too late.
        assert_eq!(refusal(finish(BROWSER, &callback)).0, OidcErrorKind::State);
    }
    assert!(setting.store().has_no_users().unwrap());
    let begun = setting.oidc.begin(setting.store(), "short", "/", at(0));
    assert_eq!(begun.unwrap_err().kind, OidcErrorKind::State);
}

#[test]
fn a_login_is_over_after_ten_minutes() {
    let setting = Setting::new();
    setting.provider.behaviour().claims = Box::new(|mut claims| {
        claims["exp"] = json!(at(5000).as_second());
        claims
    });
    let callback = setting.begin(0);
    assert!(setting.finish(&callback, 599).is_ok());
    let callback = setting.begin(0);
    assert_eq!(
        refusal(setting.finish(&callback, 600)).0,
        OidcErrorKind::State
    );
    // Those that nobody ended do not stay.
    setting.begin(0);
    setting.begin(1000);
    let count: i64 = (setting.store().connection())
        .query_row("SELECT COUNT(*) FROM oidc_logins", [], |row| row.get(0))
        .unwrap();
    assert_eq!(count, 1);
}

#[test]
fn a_code_of_another_login_does_not_fit_the_verifier() {
    let setting = Setting::new();
    let first = setting.begin(0);
    // The provider has seen another challenge since.
    setting.begin(0);
    let (kind, message) = refusal(setting.finish(&first, 1));
    assert_eq!(kind, OidcErrorKind::Provider);
    assert!(message.contains("invalid_grant"), "{message}");
}

#[test]
fn a_provider_that_refuses_says_why_without_steering_a_terminal() {
    let setting = Setting::new();
    let callback = OidcCallback {
        error: Some(String::from("access_denied")),
        error_description: Some(format!("no\u{1b}[2J\n{}", "x".repeat(10_000))),
        ..setting.begin(0)
    };
    let (kind, message) = refusal(setting.finish(&callback, 1));
    assert_eq!(kind, OidcErrorKind::Denied);
    assert!(
        message.contains("access_denied") && message.contains("\\u{1b}[2J\\u{a}"),
        "{message}"
    );
    assert!(message.len() < 1000);
    let callback = OidcCallback {
        code: None,
        ..setting.begin(0)
    };
    assert_eq!(
        refusal(setting.finish(&callback, 1)).0,
        OidcErrorKind::Provider
    );
}

#[test]
fn an_answer_of_another_provider_is_refused() {
    let setting = Setting::new();
    let from = |issuer: Option<String>| OidcCallback {
        issuer,
        ..setting.begin(0)
    };
    let (_, message) = refusal(setting.finish(&from(Some("https://evil.example".into())), 1));
    assert!(message.contains("issuer mismatch"), "{message}");
    assert!(
        setting
            .finish(&from(Some(setting.provider.issuer())), 1)
            .is_ok()
    );

    let setting = Setting::new();
    setting.provider.behaviour().metadata = Box::new(|mut metadata| {
        metadata["authorization_response_iss_parameter_supported"] = json!(true);
        metadata
    });
    assert_eq!(refusal(setting.log_in(0)).0, OidcErrorKind::Provider);
}

#[test]
fn a_discovery_document_of_another_or_with_unsafe_addresses_is_refused() {
    let changes: [(&str, Value, &str); 8] = [
        ("issuer", json!("https://evil.example"), "issuer mismatch"),
        ("issuer", json!(null), "discovery document"),
        (
            "token_endpoint",
            json!("http://evil.example/token"),
            "https://",
        ),
        ("jwks_uri", json!("http://evil.example/keys"), "https://"),
        ("userinfo_endpoint", json!("file:///etc/passwd"), "https://"),
        (
            "authorization_endpoint",
            json!("javascript:alert(1)"),
            "https://",
        ),
        ("authorization_endpoint", json!(7), "discovery document"),
        ("code_challenge_methods_supported", json!(["plain"]), "PKCE"),
    ];
    for (field, value, word) in changes {
        let setting = Setting::new();
        setting.provider.behaviour().metadata = Box::new(move |mut metadata| {
            metadata[field] = value.clone();
            metadata
        });
        let begun = setting.oidc.begin(setting.store(), BROWSER, "/", at(0));
        let error = begun.unwrap_err();
        assert_eq!(error.kind, OidcErrorKind::Provider, "{field}");
        assert!(error.message.contains(word), "{field}: {error}");
    }
    let setting = Setting::with(Signer::es256("a"), |config| {
        config.issuer.push_str("/realm")
    });
    let begun = setting.oidc.begin(setting.store(), BROWSER, "/", at(0));
    let error = begun.unwrap_err();
    assert!(error.message.contains("status 404"), "{error}");
    // A `/` at the end counts.
    let setting = Setting::with(Signer::es256("a"), |config| config.issuer.push('/'));
    let begun = setting.oidc.begin(setting.store(), BROWSER, "/", at(0));
    assert!(begun.unwrap_err().message.contains("issuer mismatch"));
}

#[test]
fn a_provider_that_is_not_there_is_said_to_be() {
    let config = OidcConfig::new("http://127.0.0.1:1", CLIENT, "https://b.example/back");
    let oidc = Oidc::new(config, Box::new(Shared)).unwrap();
    let begun = oidc.begin(&fresh().store, BROWSER, "/", at(0));
    let error = begun.unwrap_err();
    assert_eq!(error.kind, OidcErrorKind::Unreachable);
    assert!(error.message.contains("http://127.0.0.1:1/"), "{error}");
}

#[test]
fn the_browser_returns_to_this_server_only() {
    let setting = Setting::new();
    for (path, expected) in [
        ("/runs/7?log=1#end", "/runs/7?log=1#end"),
        ("//evil.example", "/"),
        ("/\\evil.example", "/"),
        ("/\t/evil.example", "/"),
        ("https://evil.example", "/"),
        ("evil", "/"),
        ("", "/"),
    ] {
        let redirect = setting
            .oidc
            .begin(setting.store(), BROWSER, path, at(0))
            .unwrap();
        let callback = setting.visit(redirect.url.reveal());
        assert_eq!(
            setting.finish(&callback, 1).unwrap().return_to,
            expected,
            "{path}"
        );
    }
}

#[test]
fn errors_hold_no_secret() {
    let setting = Setting::with(Signer::es256("a"), |config| {
        config.client_secret = Some(crate::Credential::of("very-secret"));
    });
    setting.provider.behaviour().refusal = Some((400, json!({"error": "invalid_grant"})));
    let callback = setting.begin(0);
    let verifier = |setting: &Setting| setting.provider.behaviour().form["code_verifier"].clone();
    let error = setting.finish(&callback, 1).unwrap_err();
    assert!(!error.message.contains("very-secret") && !error.message.contains("code-4711"));
    assert!(!error.message.contains(&verifier(&setting)));
    setting.provider.behaviour().refusal = Some((200, json!({"id_token": 7, "x": "abc"})));
    let (_, message) = refusal(setting.log_in(2));
    assert!(!message.contains("abc"), "{message}");
    assert!(!format!("{callback:?}").contains("code-4711"));
}
