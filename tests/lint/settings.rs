//! `lockstep.toml`: where it is searched, and its errors.

use crate::support::program::Test;

const IGNORES: &str = "pipeline ship {\n  run \"ship.sh\" on failure { ignore }\n}\n";

#[test]
fn the_nearest_settings_above_a_file_hold() {
    let test = |args: &[&str]| {
        let test = Test::new()
            .file("lockstep.toml", "[lint]\nunexplained-ignore = \"error\"\n")
            .file("deep/er/a.deploy", IGNORES)
            .file("other/lockstep.toml", "")
            .file("other/b.deploy", IGNORES);
        test.args(args.iter().copied()).said()
    };
    let above = test(&["lint", "deep/er/a.deploy"]);
    assert_eq!(above.code, 1);
    assert!(above.stdout.starts_with("error[L0305]"), "{}", above.stdout);
    let nearer = test(&["lint", "other/b.deploy"]);
    assert_eq!(nearer.code, 0);
    assert!(
        nearer.stdout.starts_with("warning[L0305]"),
        "{}",
        nearer.stdout
    );
    let both = test(&["lint", "deep/er/a.deploy", "other/b.deploy"]);
    assert_eq!(both.code, 1);
    assert!(
        both.stdout.ends_with("\n1 error, 1 warning\n"),
        "{}",
        both.stdout
    );
}

#[test]
fn mistakes_in_the_settings_stop_everything() {
    let settings = "[lint]\nunused-imports = \"warn\"\nunused-value = \"wrn\"\n\n[lnit]\n";
    let test = Test::new()
        .file("ship.deploy", IGNORES)
        .file("lockstep.toml", settings);
    let said = test.args(["lint"]).said();
    assert_eq!((said.code, said.stdout.as_str()), (2, ""));
    insta::assert_snapshot!(said.stderr);
}

#[test]
fn tools_get_mistakes_in_the_settings_in_their_format() {
    let test = Test::new()
        .file("ship.deploy", IGNORES)
        .file("lockstep.toml", "[lint\n");
    let said = test.args(["lint", "--format", "github"]).said();
    assert_eq!((said.code, said.stderr.as_str()), (2, ""));
    assert!(
        said.stdout
            .starts_with("::error file=lockstep.toml,line=1,"),
        "{}",
        said.stdout
    );
}

/// Only the settings say how many people a group has.
#[test]
fn groups_say_how_many_people_may_approve() {
    let ship = "pipeline ship { approve \"Ship it?\" by [\"ops\"] count 3 except [\"ada\"] }\n";
    let test = Test::new()
        .file("ship.deploy", ship)
        .file(
            "lockstep.toml",
            "[groups]\nops = [\"ada\", \"grace\", \"linus\"]\n",
        )
        .args(["lint"]);
    let said = test.said();
    insta::assert_snapshot!(said.stdout);
    let enough = test.file("ship.deploy", ship.replace("3", "2"));
    let said = enough.said();
    assert_eq!(
        (said.code, said.stdout.as_str()),
        (0, "ship.deploy is fine\n")
    );
}

#[test]
fn a_secret_in_the_settings_is_never_shown() {
    let secret = "[serve.oidc]\nissuer = \"https://login.example.com\"\nclient-id = \"c\"\n\
        client-secret = \"hunter2\"\n";
    let no_toml = "[serve.oidc]\nclient-secret = \"hunter2\nclient-id = \"c\"\n";
    // The lines around a place are shown as well.
    let beside = format!("{secret}lable = \"Log in\"\n");
    let texts = [secret, no_toml, &beside];
    for settings in texts {
        for args in [
            &["lint"][..],
            &["lint", "--format", "github"],
            &["lint", "--format", "sarif"],
            &["lint", "--format", "json"],
            &["serve", "--listen", "127.0.0.1:0"],
        ] {
            let test = Test::new()
                .file("ship.deploy", IGNORES)
                .file("lockstep.toml", settings);
            let said = test.args(args.iter().copied()).said();
            assert_ne!(said.code, 0, "{args:?}: {said:?}");
            assert!(said.stdout.len() + said.stderr.len() > 50, "{said:?}");
            assert!(!format!("{said:?}").contains("hunter2"), "{said:?}");
        }
    }
    let test = Test::new()
        .file("ship.deploy", IGNORES)
        .file("lockstep.toml", &beside);
    insta::assert_snapshot!(test.args(["lint"]).said().stderr);
}
