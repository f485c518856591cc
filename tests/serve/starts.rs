//! Starting runs: with typed inputs, once for each key, and what is refused before anything runs.

use serde_json::{Value, json};

use super::SHOP;
use crate::support::server::TestServer;

#[test]
fn a_run_is_started_watched_and_taken_back() {
    let server = TestServer::new(&[("shop.deploy", SHOP)]);
    let ada = server.admin("ada");
    let pipelines = ada.get("/api/v1/pipelines").expect(200);
    assert_eq!(pipelines["pipelines"][0]["id"], "shop.deploy/ship");
    let form = ada.get("/api/v1/pipelines/shop.deploy%2Fship").expect(200);
    let forms: Vec<&str> = (form["inputs"].as_array().unwrap().iter())
        .map(|input| input["form"].as_str().unwrap())
        .collect();
    assert_eq!(forms, ["text", "infrastructures"]);
    assert_eq!(
        form["inputs"][1]["value"],
        json!(["prod.eu", "prod.us", "prod.asia"])
    );

    let asked = json!({"pipeline": "shop.deploy/ship", "inputs": {"tag": "v2"}});
    let plan = ada.post("/api/v1/plans", &asked).expect(200);
    assert_eq!(plan["targets"], json!(["prod.asia", "prod.eu", "prod.us"]));
    assert_eq!(plan["outline"]["deployments"]["most"], 6);
    let started = ada.post("/api/v1/runs", &asked).expect(201);
    let run = started["run"].as_str().unwrap();
    assert_eq!(server.ended(&ada, run), "succeeded");
    let shown = ada.get(&format!("/api/v1/runs/{run}")).expect(200);
    assert_eq!(shown["user"], "ada");
    // It is a run like any other, of the user who asked for it.
    let listed = server.lockstep(&["runs"]);
    assert!(
        listed.stdout.contains(run) && listed.stdout.contains("ada"),
        "{listed:?}"
    );
    let places = ada.get("/api/v1/environments").expect(200);
    assert_eq!(
        places[0]["services"][0]["places"].as_array().unwrap().len(),
        3
    );
    assert_eq!(places[0]["services"][0]["places"][0]["version"], "v2");

    let logs = ada.get(&format!("/api/v1/runs/{run}/logs")).expect(200);
    assert_eq!(logs.as_array().unwrap().len(), 6);
    let node = "ship/out/matrix[prod.eu, web]/deploy[web, prod.eu]/run";
    let node = node
        .replace('[', "%5B")
        .replace(']', "%5D")
        .replace(", ", ",%20");
    let log = ada
        .get(&format!("/api/v1/runs/{run}/log?node={node}"))
        .expect(200);
    assert_eq!(log["lines"], json!(["web v2 on prod.eu"]), "{log}");

    let undo = ada
        .post(&format!("/api/v1/runs/{run}/undo"), &json!({}))
        .expect(422);
    assert!(
        undo["detail"].as_str().unwrap().contains("nothing"),
        "{undo}"
    );
}

#[test]
fn infrastructures_are_named_by_name_or_by_id_and_never_mixed() {
    // The example of the user's second document: two infrastructures, by name and by id.
    let server = TestServer::new(&[("shop.deploy", SHOP)]);
    let ada = server.admin("ada");
    let plan = |targets: serde_json::Value| {
        let asked = json!({"pipeline": "shop.deploy/ship", "inputs": {"targets": targets}});
        ada.post("/api/v1/plans", &asked)
    };
    let both = json!(["prod.eu", "prod.us"]);
    for fine in [
        json!({"by": "name", "values": ["prod.eu", "us"]}),
        json!({"by": "name", "values": "prod.eu,prod.us"}),
        json!({"by": "id", "values": ["k8s1", "k8s2"]}),
        json!({"by": "id", "values": "k8s1,k8s2"}),
        json!(["eu", "k8s2"]),
    ] {
        assert_eq!(plan(fine.clone()).expect(200)["targets"], both, "{fine}");
    }
    for (wrong, why) in [
        (
            json!({"by": "name", "values": ["prod.eu", "k8s2"]}),
            "no infrastructure or group `k8s2`",
        ),
        (
            json!({"by": "id", "values": ["k8s1", "prod.us"]}),
            "with the id `prod.us`",
        ),
        (
            json!({"by": "place", "values": ["k8s1"]}),
            "`by` is \"name\" or \"id\"",
        ),
        (json!({"by": "id"}), "`values` is missing"),
        (
            json!({"by": "id", "values": ["k8s1"], "x": 1}),
            "there is no `x`",
        ),
    ] {
        let problem = plan(wrong.clone()).problem(422);
        assert!(problem.contains(why), "{wrong}: {problem}");
    }
    let asked = json!({
        "pipeline": "shop.deploy/ship",
        "inputs": {"targets": {"by": "id", "values": "k8s1,k8s2"}}
    });
    let started = ada.post("/api/v1/runs", &asked).expect(201);
    let run = started["run"].as_str().unwrap();
    assert_eq!(server.ended(&ada, run), "succeeded");
    let shown = ada.get(&format!("/api/v1/runs/{run}")).expect(200);
    assert_eq!(shown["inputs"]["targets"], both);
}

#[test]
fn a_key_starts_one_run_however_often_it_is_sent() {
    let server = TestServer::new(&[("shop.deploy", SHOP)]);
    let ada = server.admin("ada").with("Idempotency-Key", "release 7");
    let asked = json!({"pipeline": "shop.deploy/ship"});
    let all: Vec<_> = std::thread::scope(|scope| {
        let ask = || scope.spawn(|| ada.post("/api/v1/runs", &asked));
        let all: Vec<_> = (0..8).map(|_| ask()).collect();
        all.into_iter().map(|it| it.join().unwrap()).collect()
    });
    let mut statuses: Vec<u16> = all.iter().map(|it| it.status).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 200, 200, 200, 200, 200, 200, 201]);
    let runs = ada.get("/api/v1/runs").expect(200);
    assert_eq!(runs["runs"].as_array().unwrap().len(), 1);
    let other = json!({"pipeline": "shop.deploy/ship", "inputs": {"tag": "v9"}});
    let problem = ada.post("/api/v1/runs", &other).problem(409);
    assert!(problem.contains("another request"), "{problem}");
    // Somebody else's key is another one.
    let bob = server.user(&ada.without("Idempotency-Key"), "bob");
    bob.with("Idempotency-Key", "release 7")
        .post("/api/v1/runs", &other)
        .expect(201);
}

#[test]
fn what_is_wrong_is_said_before_anything_runs() {
    let server = TestServer::new(&[("shop.deploy", SHOP), ("broken.deploy", "pipeline {")]);
    let ada = server.admin("ada");
    let start = |asked: serde_json::Value| ada.post("/api/v1/runs", &asked);
    let both = start(json!({
        "pipeline": "shop.deploy/ship", "inputs": {"tag": 1, "targets": ["prod.mars"]}
    }));
    let data = both.expect(422);
    assert_eq!(data["diagnostics"].as_array().unwrap().len(), 2, "{data}");
    assert_eq!(data["diagnostics"][0]["code"], "E0723");
    let text = data["diagnostics"][1]["text"].as_str().unwrap();
    assert!(text.contains("shop.deploy:2"), "{text}");
    let rule = start(json!({"pipeline": "shop.deploy/ship", "inputs": {"tag": ""}}));
    assert!(rule.problem(422).contains("tag"));
    start(json!({"pipeline": "shop.deploy/nothing"})).expect(404);
    start(json!({"pipeline": "../shop.deploy/ship"})).expect(404);
    start(json!({"pipeline": "ship"})).expect(400);
    start(json!({"pipeline": "shop.deploy/ship", "inptus": {}})).expect(400);
    let list = ada.get("/api/v1/pipelines").expect(200);
    assert_eq!(list["broken"][0]["file"], "broken.deploy");
    let runs = ada.get("/api/v1/runs").expect(200);
    assert_eq!(runs["runs"], json!([]));
    assert!(!server.path().join(".lockstep/runs").exists());
}

#[test]
fn a_run_that_its_process_refuses_is_shown_with_the_reason() {
    let secret = "\
secret token = env(\"NO_SUCH_TOKEN\")
pipeline p {
  run \"env\" env { TOKEN: token }
}
";
    let server = TestServer::new(&[("s.deploy", secret)]);
    let ada = server.admin("ada");
    let refused = ada
        .post("/api/v1/runs", &json!({"pipeline": "s.deploy/p"}))
        .problem(422);
    assert!(refused.contains("NO_SUCH_TOKEN"), "{refused}");
}

#[test]
fn what_failures_would_lead_to_is_said_of_a_run() {
    let server = TestServer::new(&[("shop.deploy", SHOP)]);
    let ada = server.admin("ada");
    let asked = json!({"pipeline": "shop.deploy/ship"});
    let run = ada.post("/api/v1/runs", &asked).expect(201);
    let run = run["run"].as_str().unwrap();
    server.ended(&ada, run);
    let path = format!("/api/v1/runs/{run}/what-if");
    // Many at once have the same answer.
    let answers: Vec<Value> = std::thread::scope(|scope| {
        let asking: Vec<_> = (0..8)
            .map(|_| scope.spawn(|| ada.get(&path).expect(200)))
            .collect();
        asking.into_iter().map(|it| it.join().unwrap()).collect()
    });
    assert_eq!(answers[0]["cases"].as_array().unwrap().len(), 6);
    assert!(answers.iter().all(|it| *it == answers[0]));
    let one = "ship/out/matrix[prod.eu, web]/deploy[web, prod.eu]";
    let one = format!("{path}?fails={}", one.replace(' ', "%20"));
    assert_eq!(
        ada.get(&one).expect(200)["cases"].as_array().unwrap().len(),
        1
    );
    let problem = ada.get(&format!("{path}?fails=nothing")).problem(422);
    assert!(
        problem.ends_with("nothing that can fail has this path"),
        "{problem}"
    );
}

/// A run is in the list from its start on, once: also while it begins, and whatever page or status
/// is asked for.
#[test]
fn a_list_names_each_run_once_while_runs_begin() {
    const RUNS: usize = 12;
    let server = TestServer::new(&[("p.deploy", "pipeline p { log \"x\" }\n")]);
    let ada = server.admin("ada");
    let ids = |path: &str| -> Vec<String> {
        let listed = ada.get(path).expect(200);
        let runs = listed["runs"].as_array().unwrap().iter();
        runs.map(|run| run["run"].as_str().unwrap().to_owned())
            .collect()
    };
    let once = |listed: Vec<String>| {
        let distinct: std::collections::BTreeSet<&String> = listed.iter().collect();
        assert_eq!(distinct.len(), listed.len(), "{listed:?}");
    };
    std::thread::scope(|scope| {
        let starting = scope.spawn(|| {
            for _ in 0..RUNS {
                ada.post("/api/v1/runs", &json!({"pipeline": "p.deploy/p"}))
                    .expect(201);
            }
        });
        while !starting.is_finished() {
            once(ids("/api/v1/runs"));
        }
    });
    assert_eq!(ids("/api/v1/runs").len(), RUNS);
    assert_eq!(ids("/api/v1/runs?status=starting"), [""; 0]);
    let mut paged = Vec::new();
    let mut next = String::new();
    loop {
        let listed = ada.get(&format!("/api/v1/runs?limit=5{next}")).expect(200);
        let runs = listed["runs"].as_array().unwrap().iter();
        paged.extend(runs.map(|run| run["run"].as_str().unwrap().to_owned()));
        match listed["next"].as_i64() {
            Some(number) => next = format!("&before={number}"),
            None => break,
        }
    }
    assert_eq!(paged, ids("/api/v1/runs"));
}
