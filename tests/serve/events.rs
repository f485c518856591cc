//! The events of a run for those who watch: all of them, once, in order, wherever one begins.

use std::io::Read;

use serde_json::json;

use super::SHOP;
use crate::support::server::TestServer;

#[test]
fn nobody_misses_an_event_or_gets_it_twice() {
    let server = TestServer::new(&[("shop.deploy", SHOP)]);
    let ada = server.admin("ada");
    std::fs::write(server.path().join("hold"), "").unwrap();
    let run = ada
        .post("/api/v1/runs", &json!({"pipeline": "shop.deploy/ship"}))
        .expect(201);
    let run = run["run"].as_str().unwrap();
    let all = std::thread::scope(|scope| {
        // Some watch from the beginning, and one reads nothing for a while.
        let watchers: Vec<_> = (0..20)
            .map(|_| scope.spawn(|| ada.events(run, 0)))
            .collect();
        let path = format!("/api/v1/runs/{run}/events");
        let mut slow = ada.open("GET", &path, None);
        std::thread::sleep(std::time::Duration::from_millis(300));
        std::fs::remove_file(server.path().join("hold")).unwrap();
        let all: Vec<_> = watchers.into_iter().map(|it| it.join().unwrap()).collect();
        let mut text = String::new();
        slow.read_to_string(&mut text).unwrap();
        assert!(text.contains("\"run-finished\""));
        all
    });
    let whole = ada.events(run, 0);
    for watched in &all {
        assert_eq!(*watched, whole);
    }
    // They are those that the state directory has, and each has a later number.
    let kinds = |records: &[(u64, serde_json::Value)]| -> Vec<String> {
        let events = records
            .iter()
            .flat_map(|(_, data)| data["events"].as_array().unwrap());
        events
            .map(|event| event["event"].as_str().unwrap().to_owned())
            .collect()
    };
    assert!(whole.windows(2).all(|pair| pair[0].0 < pair[1].0));
    let all = kinds(&whole);
    assert_eq!(all[0], "run-started");
    assert_eq!(all.last().unwrap(), "run-finished");
    // Whoever was cut off goes on behind the last one.
    for at in [1, whole.len() / 2, whole.len() - 1] {
        let (after, _) = whole[at - 1];
        assert_eq!(ada.events(run, after), whole[at..], "behind {after}");
    }
}

#[test]
fn what_has_not_changed_is_not_sent_again() {
    let server = TestServer::new(&[("shop.deploy", SHOP)]);
    let ada = server.admin("ada");
    let first = ada.get("/api/v1/pipelines");
    let tag = first.header("etag").unwrap().to_owned();
    let same = ada.with("If-None-Match", &tag).get("/api/v1/pipelines");
    assert_eq!((same.status, same.body.as_str()), (304, ""));
    std::fs::write(server.path().join("b.deploy"), "pipeline b { log \"b\" }").unwrap();
    let other = ada.with("If-None-Match", &tag).get("/api/v1/pipelines");
    assert_eq!(other.status, 200);
    assert!(other.body.contains("b.deploy/b"));
    assert_eq!(other.header("cache-control"), Some("private, no-cache"));
}
