//! `lockstep backup`: a copy that can be used, made while runs go on.

use serde_json::json;

use super::SHOP;
use crate::support::server::TestServer;

#[test]
fn a_copy_made_while_a_run_goes_on_can_be_used() {
    let server = TestServer::new(&[("shop.deploy", SHOP)]);
    let ada = server.admin("ada");
    let asked = json!({"pipeline": "shop.deploy/ship"});
    let first = ada.post("/api/v1/runs", &asked).expect(201);
    let first = first["run"].as_str().unwrap();
    server.ended(&ada, first);
    std::fs::write(server.path().join("hold"), "").unwrap();
    let second = ada.post("/api/v1/runs", &asked).expect(201);
    let second = second["run"].as_str().unwrap();
    server.until("a command of the second run", || {
        let logs = ada.get(&format!("/api/v1/runs/{second}/logs")).expect(200);
        (!logs.as_array().unwrap().is_empty()).then_some(())
    });
    let said = server.lockstep(&["backup", "copy"]);
    assert_eq!(said.code, 0, "{said:?}");
    assert!(said.stdout.contains("copied 2 runs to copy"), "{said:?}");
    std::fs::remove_file(server.path().join("hold")).unwrap();
    assert_eq!(server.ended(&ada, second), "succeeded");

    let of_copy = |arguments: &[&str]| {
        let said = server.lockstep(&[arguments, &["--state", "copy"]].concat());
        assert_eq!(said.code, 0, "{said:?}");
        said.stdout
    };
    let runs = of_copy(&["runs"]);
    assert!(
        runs.contains("succeeded") && runs.contains("stopped"),
        "{runs}"
    );
    assert!(of_copy(&["logs", first]).contains("web v1 on prod.eu"));
    let original = server.lockstep(&["ledger", "--format", "json"]).stdout;
    assert!(original.contains("prod.eu"));
    assert!(of_copy(&["ledger"]).contains("prod.eu"));
    // A server on the copy knows its users, and begins nothing by itself.
    let mut serve =
        crate::support::program::command(crate::support::program::program(), server.path());
    serve.args(["serve", "--listen", "127.0.0.1:0", "--state", "copy"]);
    let mut copy = crate::support::running::Running::start(serve);
    let line = copy.line("http://");
    assert!(!line.contains("no users"));
    std::thread::sleep(std::time::Duration::from_millis(500));
    assert!(of_copy(&["runs"]).contains("stopped"));
    copy.signal("KILL");
    // What was stopped in it can go on, where somebody wants that.
    of_copy(&["resume", second]);
    let again = server.lockstep(&["backup", "copy"]);
    assert_eq!(again.code, 2, "{again:?}");
    assert!(again.stderr.contains("exists already"));
}
