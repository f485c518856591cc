//! A server that is killed at any moment: no run notices, none is lost, and none is started twice.

use std::collections::HashSet;
use std::io::BufRead as _;

use serde_json::json;

use super::SHOP;
use crate::support::server::TestServer;

#[test]
fn a_run_goes_on_without_the_server() {
    let mut server = TestServer::new(&[("shop.deploy", SHOP)]);
    let ada = server.admin("ada");
    std::fs::write(server.path().join("hold"), "").unwrap();
    let run = ada
        .post("/api/v1/runs", &json!({"pipeline": "shop.deploy/ship"}))
        .expect(201);
    let run = run["run"].as_str().unwrap().to_owned();
    server.until("a first command", || {
        let logs = ada.get(&format!("/api/v1/runs/{run}/logs")).expect(200);
        (!logs.as_array().unwrap().is_empty()).then_some(())
    });
    server.kill();
    std::fs::remove_file(server.path().join("hold")).unwrap();
    server.until("the end of the run", || {
        let shown = server.lockstep(&["runs"]);
        shown.stdout.contains("succeeded").then_some(())
    });
    server.start();
    assert_eq!(server.ended(&ada, &run), "succeeded");
    // It ran once, without a break.
    let records = ada.events(&run, 0);
    let text = format!("{records:?}");
    assert!(!text.contains("run-resumed"), "{text}");
}

#[test]
fn what_lost_its_process_with_the_machine_goes_on() {
    let mut server = TestServer::new(&[("shop.deploy", SHOP)]);
    let ada = server.admin("ada");
    std::fs::write(server.path().join("hold"), "").unwrap();
    let run = ada
        .post("/api/v1/runs", &json!({"pipeline": "shop.deploy/ship"}))
        .expect(201);
    let run = run["run"].as_str().unwrap().to_owned();
    let runs = server.lockstep(&["runs", "--format", "json"]);
    let runs: serde_json::Value = serde_json::from_str(&runs.stdout).unwrap();
    let runner = runs[0]["process"].as_u64().unwrap();
    server.kill();
    let killed = std::process::Command::new("kill")
        .args(["-9", &runner.to_string()])
        .status();
    assert!(killed.unwrap().success());
    std::fs::remove_file(server.path().join("hold")).unwrap();
    server.start();
    assert_eq!(server.ended(&ada, &run), "succeeded");
    assert!(format!("{:?}", ada.events(&run, 0)).contains("run-resumed"));
}

#[test]
fn nothing_is_lost_or_started_twice_when_the_server_is_killed() {
    let file = "
input key: string
pipeline p { run \"echo ${key} >> started\" using sh }
";
    let mut server = TestServer::new(&[("p.deploy", file)]);
    let ada = server.admin("ada");
    let rounds = std::env::var("LOCKSTEP_SERVE_KILLS")
        .ok()
        .and_then(|it| it.parse().ok());
    let rounds: u64 = rounds.unwrap_or(12);
    let mut answered = HashSet::new();
    for round in 0..rounds {
        let address = server.url();
        let asked: Vec<String> = (0..3).map(|at| format!("k-{round}-{at}")).collect();
        let said: Vec<(String, Option<u16>)> = std::thread::scope(|scope| {
            let ask = |key: &String| {
                let (ada, key) = (ada.with("Idempotency-Key", key), key.clone());
                scope.spawn(move || {
                    let body = json!({"pipeline": "p.deploy/p", "inputs": {"key": key}});
                    let body = body.to_string();
                    let answer = ada.try_open("POST", "/api/v1/runs", Some(body.as_bytes()));
                    let mut line = String::new();
                    // The server may be gone before it is asked, or before it has answered.
                    let _ = answer.and_then(|mut answer| answer.read_line(&mut line));
                    let status = line.split(' ').nth(1).and_then(|it| it.parse().ok());
                    (key, status)
                })
            };
            let all: Vec<_> = asked.iter().map(ask).collect();
            // Each round at another moment of the start.
            std::thread::sleep(std::time::Duration::from_millis(round * 17 % 190));
            server.kill();
            all.into_iter().map(|it| it.join().unwrap()).collect()
        });
        answered.extend(
            said.into_iter()
                .filter(|it| it.1 == Some(201))
                .map(|it| it.0),
        );
        server.start();
        assert_eq!(server.url(), address);
        // Whoever got no answer asks again with the same key.
        for key in &asked {
            let body = json!({"pipeline": "p.deploy/p", "inputs": {"key": key}});
            let again = ada.with("Idempotency-Key", key).post("/api/v1/runs", &body);
            assert!([200, 201].contains(&again.status), "{key}: {again:?}");
            let run = again.expect(again.status)["run"]
                .as_str()
                .unwrap()
                .to_owned();
            assert_eq!(server.ended(&ada, &run), "succeeded", "{key}");
        }
    }
    let started = std::fs::read_to_string(server.path().join("started")).unwrap();
    let started: Vec<&str> = started.lines().collect();
    let once: HashSet<&str> = started.iter().copied().collect();
    assert_eq!(
        started.len(),
        once.len(),
        "some were started twice: {started:?}"
    );
    assert_eq!(started.len() as u64, rounds * 3);
    assert!(answered.iter().all(|key| once.contains(key.as_str())));
    let check = ada.get("/api/v1/audit/check").expect(200);
    assert_eq!(check["is_whole"], true);
}
