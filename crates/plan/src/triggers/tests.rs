use lockstep_base::world::{FileError, VariableError};
use lockstep_lang::compile::compile;
use serde::Deserialize;
use serde_json::json;

use super::*;

/// What is declared in every file here.
const COMMON: &str = r#"
secret hook = env("HOOK")
input tag: string where matches(tag, "^v")
input targets: [infrastructure] = prod.*
input count: int = 1
input note: string? = none
input wait: duration = 1m
kind app { deploy using roll }
workflow roll(what: service, to: infrastructure) { run "echo ${what.name}" }
service web: app {}
environment prod {
  infrastructure eu: app {}
  infrastructure us: app {}
}
group america = [prod.us]
pipeline release {
  log "${tag} ${count} ${note ?? ""} ${wait}"
  serial to in targets { deploy web to to }
}
"#;

struct World(String);

impl Files for World {
    fn read(&self, path: &str) -> Result<String, FileError> {
        match path {
            "a.deploy" => Ok(self.0.clone()),
            _ => Err(FileError::NotFound),
        }
    }
}

impl EnvironmentVariables for World {
    fn var(&self, _: &str) -> Result<String, VariableError> {
        Err(VariableError::NotSet)
    }
}

/// What the trigger of a text does about an event.
fn decided(trigger: &str, event: &TriggerEvent) -> TriggerDecision {
    let world = World(format!("{COMMON}\n{trigger}\n"));
    let compiled = compile(&world, "a.deploy");
    let program = compiled.program.unwrap_or_else(|| {
        panic!("{:?}", compiled.diagnostics);
    });
    let [trigger] = program.triggers.as_slice() else {
        panic!("one trigger");
    };
    // A program is stored, and read again.
    let stored = serde_json::to_string(&program).expect("JSON");
    let mut reader = serde_json::Deserializer::from_str(&stored);
    reader.disable_recursion_limit();
    let again = Program::deserialize(&mut reader).expect("a program");
    assert_eq!(again.triggers, program.triggers);
    decide(&program, trigger, event, &world, &world)
}

fn delivery(payload: Json) -> TriggerEvent {
    TriggerEvent {
        payload: Some(payload),
        ..TriggerEvent::at(now())
    }
}

fn now() -> Timestamp {
    "2026-03-01T03:00:00.5Z".parse().expect("a time")
}

/// In one line: the inputs as JSON, why not, or the codes of what is wrong.
fn said(decision: &TriggerDecision) -> String {
    match decision {
        TriggerDecision::NoMatch { why } => format!("no match: {why}"),
        TriggerDecision::Refused(found) => {
            let all = found
                .iter()
                .map(|it| format!("{}: {}", it.code, it.message));
            format!("refused: {}", all.collect::<Vec<_>>().join("; "))
        }
        TriggerDecision::Starts(request) => {
            let inputs = request.inputs.iter().map(|(name, value)| match value {
                InputValue::Json(value) => format!("{name}={value}"),
                InputValue::Text(text) => format!("{name}: {text}"),
            });
            let inputs: Vec<String> = inputs.collect();
            let pipeline = request.pipeline.as_deref().unwrap_or("");
            format!("{pipeline} {}", inputs.join(" "))
        }
    }
}

/// What a webhook with this condition and these inputs does about a payload.
fn on_delivery(rest: &str, payload: Json) -> String {
    let trigger = format!("trigger push on webhook(hook) {rest}");
    said(&decided(&trigger, &delivery(payload)))
}

#[test]
fn a_schedule_starts_with_what_is_written() {
    let nightly = r#"trigger nightly on schedule("0 3 * * *")
        starts release(tag: "v${event.at}", targets: [prod.eu], wait: 90s)"#;
    assert_eq!(
        said(&decided(nightly, &TriggerEvent::at(now()))),
        "release tag=\"v2026-03-01T03:00:00.500Z\" targets=[\"prod.eu\"] wait=\"1m30s\""
    );
}

#[test]
fn the_others_know_their_event() {
    let base = r#"trigger base on artifact("x:y") starts release(tag: "v${event.digest}")"#;
    let event = TriggerEvent {
        digest: Some(String::from("sha256:ab")),
        ..TriggerEvent::at(now())
    };
    assert_eq!(said(&decided(base, &event)), "release tag=\"vsha256:ab\"");
    let files = r#"trigger files on change(["k8s/**"]) where "k8s/a" in event.paths
        starts release(tag: "v${event.commit}")"#;
    let mut event = TriggerEvent {
        commit: Some(String::from("c1")),
        paths: vec![String::from("k8s/a")],
        ..TriggerEvent::at(now())
    };
    assert_eq!(said(&decided(files, &event)), "release tag=\"vc1\"");
    event.paths.clear();
    assert_eq!(
        said(&decided(files, &event)),
        "no match: `\"k8s/a\" in event.paths` is false"
    );
}

#[test]
fn data_is_converted_as_what_a_person_gives() {
    let rest = "starts release(tag: event.payload.tag, count: event.payload.count, \
                targets: event.payload.to, note: event.payload.note)";
    let payload = json!({"tag": "v1", "count": 3, "to": "america,prod.eu", "note": null});
    assert_eq!(
        on_delivery(rest, payload),
        "release tag=\"v1\" count=3 targets=\"america,prod.eu\" note=null"
    );
    let payload = json!({"tag": "v1", "count": "3", "to": ["prod.*"], "note": "x"});
    assert_eq!(
        on_delivery(rest, payload),
        "refused: E0723: the value given for input `count` does not fit: got a text, expected an \
         int"
    );
    let payload = json!({"tag": "1", "count": 1, "to": ["prod.asia"], "note": "x"});
    let refused = on_delivery(rest, payload);
    assert!(refused.contains("`targets` does not fit"), "{refused}");
    assert!(
        refused.contains("`1` is not allowed for input `tag`"),
        "{refused}"
    );
    // What an input is given must be there.
    let refused = on_delivery(rest, json!({"tag": "v1"}));
    assert!(refused.starts_with("refused: E0"), "{refused}");
    assert_eq!(refused.matches("E0").count(), 3, "{refused}");
    let refused = on_delivery(
        "starts release(tag: event.payload.tag)",
        json!({"tag": null}),
    );
    assert!(refused.contains("got none, expected a text"), "{refused}");
}

#[test]
fn a_missing_field_is_no_match() {
    let starts = "starts release(tag: \"v1\")";
    let main = json!({"ref": "main", "n": 3, "draft": false});
    for (condition, payload, matches) in [
        ("event.payload.ref == \"main\"", main.clone(), true),
        ("event.payload.ref == \"other\"", main.clone(), false),
        ("event.payload.other == \"main\"", main.clone(), false),
        ("event.payload.other != \"main\"", main.clone(), false),
        ("not (event.payload.other == \"main\")", main.clone(), false),
        ("not (event.payload.draft == true)", main.clone(), true),
        ("event.payload.a.b.c == 1", main.clone(), false),
        ("event.payload.list[3] == 1", json!({"list": [1]}), false),
        ("event.payload.ref != \"main\"", json!({"ref": null}), false),
        ("event.payload.ref in [\"main\"]", main.clone(), true),
        ("event.payload.other in [\"main\"]", main.clone(), false),
        (
            "not (event.payload.other in [\"main\"])",
            main.clone(),
            false,
        ),
        ("int(event.payload.n) > 2", main.clone(), true),
        ("int(event.payload.other) > 2", main.clone(), false),
        (
            "starts-with(string(event.payload.other), \"v\")",
            main.clone(),
            false,
        ),
        // The other part decides.
        (
            "event.payload.other == 1 or event.payload.ref == \"main\"",
            main.clone(),
            true,
        ),
        (
            "event.payload.ref == \"main\" or event.payload.other == 1",
            main.clone(),
            true,
        ),
        (
            "event.payload.other == 1 and event.payload.ref == \"main\"",
            main.clone(),
            false,
        ),
        (
            "not (event.payload.other == 1 and event.payload.ref == \"x\")",
            main.clone(),
            true,
        ),
        // Who asks whether it is there gets an answer.
        (
            "(event.payload.other ?? \"main\") == \"main\"",
            main.clone(),
            true,
        ),
        ("event.payload?.other == none", main.clone(), true),
        ("event.payload?.ref != none", main.clone(), true),
        ("event.payload.ref == none", json!({"ref": null}), true),
        // A payload of another form.
        ("event.payload.ref == \"main\"", json!([1, 2]), false),
        ("event.payload.ref == \"main\"", json!("main"), false),
        ("event.payload.ref == \"main\"", json!(null), false),
    ] {
        let found = on_delivery(&format!("where {condition} {starts}"), payload.clone());
        let expected = if matches { "release" } else { "no match" };
        assert!(
            found.starts_with(expected),
            "{condition} {payload}: {found}"
        );
    }
}

#[test]
fn nothing_of_the_payload_stays() {
    let event = delivery(json!({"token": "s3cret", "tag": "v1"}));
    assert!(!format!("{event:?}").contains("s3cret"));
    for rest in [
        "where event.payload.a == 1 starts release(tag: \"v1\")",
        "where event.payload.token == \"x\" starts release(tag: \"v1\")",
        "starts release(tag: event.payload.tag)",
        "starts release(tag: event.payload.missing)",
    ] {
        let trigger = format!("trigger push on webhook(hook) {rest}");
        let decision = decided(&trigger, &event);
        assert!(!format!("{decision:?}").contains("s3cret"), "{rest}");
    }
}

#[test]
fn strange_payloads() {
    let starts = "starts release(tag: event.payload.tag)";
    // What is not read is no mistake.
    let payload = json!({"tag": "v1", "id": u64::MAX, "ratio": 0.5});
    assert_eq!(on_delivery(starts, payload), "release tag=\"v1\"");
    let mut deep = json!(1);
    for _ in 0..200 {
        deep = json!([deep]);
    }
    let found = on_delivery(starts, json!({"tag": "v1", "deep": deep}));
    assert_eq!(
        found,
        "no match: what was delivered is nested more than 50 deep"
    );
}

#[test]
fn a_long_condition_is_walked() {
    let part = "event.payload.ref == \"x\"";
    let condition = vec![part; 200].join(" or ");
    let rest = format!("where {condition} starts release(tag: \"v1\")");
    assert!(on_delivery(&rest, json!({"ref": "main"})).starts_with("no match"));
    assert!(on_delivery(&rest, json!({"ref": "x"})).starts_with("release"));
}

#[test]
fn infrastructures_of_data_are_named() {
    let text = r#"
        input cities: [string] = ["oslo", "rome"]
        environment far { infrastructure "${c}": app for c in cities {} }
        trigger a on webhook(hook) where length(far.*) == 2
          starts release(tag: "v1", targets: far.*)"#;
    assert_eq!(
        said(&decided(text, &delivery(json!({})))),
        "release tag=\"v1\" targets=[\"far.oslo\",\"far.rome\"]"
    );
}

#[test]
fn the_user_of_a_run() {
    let world = World(format!(
        "{COMMON}\ntrigger at-night on schedule(\"0 3 * * *\") starts release(tag: \"v1\")"
    ));
    let program = compile(&world, "a.deploy").program.expect("a program");
    assert_eq!(program.triggers[0].user(), "trigger at-night");
}
