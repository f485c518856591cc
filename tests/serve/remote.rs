//! The command line against a server, from another folder: as from a CI job or another machine.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::channel;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::SHOP;
use crate::support::program::{Said, command, program, run};
use crate::support::server::{Client, TestServer};

/// Pipelines that ask, fail, are undone, and take what is typed.
const OTHERS: &str = r#"
input copies: int = 1
input loud: bool = false
input names: [string] = []

pipeline typed {
  log "copies ${copies + 1}, loud ${loud}, ${length(names)} names"
}

pipeline bad {
  run "echo the disk is full; echo for good; exit 3" using sh
}

pipeline asks {
  approve "Ship it?"
  run "echo shipped"
}

pipeline back {
  step mark {
    run "touch mark"
  } undo {
    run "rm mark"
  }
}
"#;

/// A command line somewhere else.
struct Elsewhere {
    folder: TempDir,
    url: String,
    token: String,
}

impl Elsewhere {
    fn new(server: &TestServer, client: &Client, rights: &[&str]) -> Self {
        let asked = json!({"name": "ci", "rights": rights});
        let token = client.post("/api/v1/tokens", &asked).expect(201);
        Self {
            folder: tempfile::tempdir().unwrap(),
            url: server.url(),
            token: token["token"].as_str().unwrap().to_owned(),
        }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut process = command(program(), self.folder.path());
        process.args(arguments);
        process.env("LOCKSTEP_SERVER", &self.url);
        process.env("LOCKSTEP_TOKEN", &self.token);
        process
    }

    fn run(&self, arguments: &[&str]) -> Said {
        run(self.command(arguments))
    }

    #[track_caller]
    fn json(&self, arguments: &[&str]) -> Value {
        let said = self.run(&[arguments, &["--format", "json"]].concat());
        assert_eq!(said.code, 0, "{said:?}");
        serde_json::from_str(&said.stdout).unwrap()
    }

    fn start(&self, arguments: &[&str]) -> Child {
        let mut process = self.command(arguments);
        process.stdout(Stdio::piped()).stderr(Stdio::piped());
        process.spawn().unwrap()
    }
}

fn all_rights(server: &TestServer) -> (Client, Elsewhere) {
    let ada = server.admin("ada");
    let rights = ["view", "run", "approve", "cancel", "answer"];
    let elsewhere = Elsewhere::new(server, &ada, &rights);
    (ada, elsewhere)
}

/// Waits for the end of a command: its exit code, standard output and standard error.
fn ended(child: Child) -> (i32, String, String) {
    let output = child.wait_with_output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    let code = output.status.code().unwrap_or(-1);
    (code, text(output.stdout), text(output.stderr))
}

fn signal(child: &Child) {
    let id = child.id().to_string();
    let sent = Command::new("kill").args(["-INT", &id]).status();
    assert!(sent.unwrap().success());
}

/// What was written, without how long ago something was.
fn timeless(said: &Said) -> Vec<String> {
    let words: Vec<&str> = said.stdout.split_whitespace().collect();
    let pairs = words.iter().zip(words.iter().skip(1).chain([&""]));
    let kept = pairs.filter(|(_, next)| **next != "ago");
    kept.map(|(word, _)| (*word).to_owned()).collect()
}

/// The id of the run in progress, once a command of it has begun.
fn in_progress(server: &TestServer, ada: &Client) -> String {
    server.until("a first command", || {
        let runs = ada.get("/api/v1/runs").expect(200);
        let is_running = runs["runs"][0]["status"] == "running";
        let run = runs["runs"][0]["run"].as_str()?.to_owned();
        let logs = ada.get(&format!("/api/v1/runs/{run}/logs"));
        let has_begun = is_running && logs.status == 200 && logs.body != "[]";
        has_begun.then_some(run)
    })
}

#[test]
fn a_run_is_started_followed_and_looked_at() {
    let server = TestServer::new(&[("shop.deploy", SHOP), ("others.deploy", OTHERS)]);
    let (_ada, ci) = all_rights(&server);
    let said = ci.run(&["run", "shop.deploy", "ship", "-i", "tag=v2"]);
    assert_eq!(said.code, 0, "{said:?}");
    assert!(said.stdout.contains("6 deployed"), "{said:?}");
    assert!(said.stdout.contains("prod.asia"), "{said:?}");
    let runs = ci.json(&["runs"]);
    let id = runs[0]["run"].as_str().unwrap();
    assert_eq!(runs[0]["pipeline"], "ship");
    assert_eq!(runs[0]["file"], "shop.deploy");
    assert_eq!(runs[0]["status"], "succeeded");
    assert_eq!(runs[0]["user"], "ada");
    let ledger = ci.json(&["ledger", "prod.eu"]);
    assert_eq!(ledger.as_array().unwrap().len(), 2, "{ledger}");
    assert_eq!(ledger[0]["after"], "v2");
    assert_eq!(ledger[0]["run"], *id);

    // What is drawn here is what is drawn where the state directory is.
    for arguments in [&["ledger"][..], &["runs"], &["locks"], &["logs"]] {
        let (here, there) = (ci.run(arguments), server.lockstep(arguments));
        assert_eq!(timeless(&here), timeless(&there), "{arguments:?}");
    }
    let there = server.lockstep(&["show", id]);
    let here = ci.run(&["show", &id[..6], "--full"]);
    assert_eq!(here.code, 0, "{here:?}");
    for line in there
        .stdout
        .lines()
        .filter(|line| line.contains("deployed"))
    {
        assert!(here.stdout.contains(line), "{line}\n{here:?}");
    }
    let logs = ci.run(&["logs", id, "**/matrix[prod.eu, web]/**"]);
    assert_eq!(logs.stdout, "web v2 on prod.eu\n", "{logs:?}");
}

#[test]
fn what_is_typed_becomes_what_the_input_is() {
    let server = TestServer::new(&[("shop.deploy", SHOP), ("others.deploy", OTHERS)]);
    let (_ada, ci) = all_rights(&server);
    std::fs::write(ci.folder.path().join("in.yaml"), "names: [a, b]\n").unwrap();
    let typed = ["-i", "copies=4", "-i", "loud=true", "--inputs", "in.yaml"];
    // The name alone says which pipeline it is.
    let said = ci.run(&[&["run", "typed"], &typed[..]].concat());
    assert_eq!(said.code, 0, "{said:?}");
    assert!(
        said.stdout.contains("copies 5, loud true, 2 names"),
        "{said:?}"
    );
    let said = ci.run(&["run", "shop.deploy", "-i", "targets=us,k8s1"]);
    assert_eq!(said.code, 0, "{said:?}");
    assert!(said.stdout.contains("4 deployed"), "{said:?}");

    // Mistakes are shown as they are where the file is.
    let wrong = ["run", "shop.deploy", "ship", "-i", "tag=", "-i", "x=1"];
    let (here, there) = (ci.run(&wrong), server.lockstep(&wrong));
    assert_eq!((here.code, there.code), (2, 2), "{here:?}");
    assert_eq!(here.stderr, there.stderr);
    for (arguments, why) in [
        (&["run"][..], "several pipelines"),
        (
            &["run", "nothing.deploy"],
            "has no pipeline `nothing.deploy`",
        ),
        (
            &["run", "shop.deploy", "shp"],
            "has no pipeline `shop.deploy shp`",
        ),
        (&["run", "ship", "tag=v2"], "an input is given by"),
        (
            &["run", "ship", "--yes"],
            "`--yes` cannot be used with a server",
        ),
        (
            &["run", "ship", "--force"],
            "`--force` cannot be used with a server",
        ),
        (
            &["cancel", "--as", "bob"],
            "`--as` cannot be used with a server",
        ),
        (&["prune", "--keep", "1"], "does not work with a server"),
        (&["verify"], "does not work with a server"),
        (&["retry"], "no terminal on which to confirm"),
        (&["show", "nobody"], "there is no run `nobody`"),
    ] {
        let said = ci.run(arguments);
        assert_eq!(said.code, 2, "{arguments:?}: {said:?}");
        assert!(said.stderr.contains(why), "{arguments:?}: {said:?}");
    }
    // Nothing of that has run.
    assert_eq!(ci.json(&["runs"]).as_array().unwrap().len(), 2);
}

#[test]
fn a_failure_has_its_exit_code_its_last_lines_and_a_way_on() {
    let server = TestServer::new(&[("others.deploy", OTHERS)]);
    let (_ada, ci) = all_rights(&server);
    let said = ci.run(&["run", "bad"]);
    assert_eq!(said.code, 1, "{said:?}");
    let id = ci.json(&["runs"])[0]["run"].as_str().unwrap().to_owned();
    for text in [
        "the disk is full",
        "for good",
        &format!("lockstep retry {id}\n"),
    ] {
        assert!(said.stdout.contains(text), "{text}: {said:?}");
    }
    let said = ci.run(&["retry", &id, "--start"]);
    assert_eq!(said.code, 1, "{said:?}");
    assert_eq!(ci.json(&["runs"]).as_array().unwrap().len(), 2);
    // Where the variable does not name the server, the next command does.
    let mut process = ci.command(&["show", &id, "--server", &server.url()]);
    process.env_remove("LOCKSTEP_SERVER");
    let said = run(process);
    let next = format!("lockstep retry {id} --server {}", server.url());
    assert!(said.stdout.contains(&next), "{said:?}");
    assert!(said.stdout.contains("the disk is full"), "{said:?}");
}

#[test]
fn what_a_token_does_not_allow_is_refused() {
    let server = TestServer::new(&[("others.deploy", OTHERS)]);
    let ada = server.admin("ada");
    let mut reader = Elsewhere::new(&server, &ada, &["view"]);
    let said = reader.run(&["run", "bad"]);
    assert_eq!(said.code, 2, "{said:?}");
    assert!(
        said.stderr.contains("E0737") && said.stderr.contains("run"),
        "{said:?}"
    );
    assert_eq!(reader.json(&["runs"]), json!([]));
    reader.token.push('x');
    let said = reader.run(&["runs"]);
    assert_eq!(said.code, 2, "{said:?}");
    assert!(said.stderr.contains("does not know this token"), "{said:?}");
    reader.token.clear();
    let said = reader.run(&["runs"]);
    assert!(said.stderr.contains("there is no token"), "{said:?}");
    // A token in a file; and none goes over the network in clear text.
    let fresh = Elsewhere::new(&server, &ada, &["view"]);
    std::fs::write(reader.folder.path().join("token"), &fresh.token).unwrap();
    let said = reader.run(&["runs", "--token-file", "token"]);
    assert_eq!(said.code, 0, "{said:?}");
    let open = ["runs", "--server", "http://deploy.example.com"];
    let said = fresh.run(&open);
    assert!(said.stderr.contains("without encryption"), "{said:?}");
    assert!(!said.stderr.contains(&fresh.token), "{said:?}");
    // A state directory that is named goes before the variable.
    let said = fresh.run(&["runs", "--state", "here"]);
    assert!(
        said.stdout.contains("there are no runs here yet"),
        "{said:?}"
    );
    let mut server = server;
    server.kill();
    let said = fresh.run(&["run", "bad"]);
    assert_eq!(said.code, 2, "{said:?}");
    assert!(said.stderr.contains("there is no answer from"), "{said:?}");
}

#[test]
fn a_server_that_is_killed_loses_and_doubles_nothing() {
    let mut server = TestServer::new(&[("shop.deploy", SHOP)]);
    let (ada, ci) = all_rights(&server);
    std::fs::write(server.path().join("hold"), "").unwrap();
    let following = ci.start(&["run", "--format", "json"]);
    let run = in_progress(&server, &ada);
    server.kill();
    std::thread::sleep(Duration::from_millis(700));
    std::fs::remove_file(server.path().join("hold")).unwrap();
    std::thread::sleep(Duration::from_millis(700));
    server.start();
    let (code, stdout, stderr) = ended(following);
    assert_eq!(code, 0, "{stderr}");
    assert_eq!(stderr.matches("does not answer").count(), 1, "{stderr}");
    let seen: Vec<Value> = stdout
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let numbers: Vec<u64> = seen.iter().map(|it| it["seq"].as_u64().unwrap()).collect();
    assert_eq!(numbers, (1..=seen.len() as u64).collect::<Vec<_>>());
    let all = ada.events(&run, 0);
    let all: Vec<&Value> = (all.iter())
        .flat_map(|(_, data)| data["events"].as_array().unwrap())
        .collect();
    assert_eq!(seen.len(), all.len());
    for (seen, event) in seen.iter().zip(all) {
        assert_eq!(seen["event"], event["event"]);
        assert_eq!(seen["node"], event["node"]);
    }
    assert_eq!(ci.json(&["runs"]).as_array().unwrap().len(), 1);
}

#[test]
fn a_run_is_cancelled_or_left_to_the_server() {
    let server = TestServer::new(&[("shop.deploy", SHOP)]);
    let (ada, ci) = all_rights(&server);
    let hold = server.path().join("hold");
    std::fs::write(&hold, "").unwrap();
    let following = ci.start(&["run"]);
    in_progress(&server, &ada);
    let said = ci.run(&["cancel", "--comment", "not today"]);
    assert_eq!(said.code, 0, "{said:?}");
    assert!(said.stdout.contains("is being cancelled"), "{said:?}");
    let (code, stdout, stderr) = ended(following);
    assert_eq!(code, 4, "{stdout}{stderr}");

    // Ctrl-C asks the server.
    let following = ci.start(&["run"]);
    in_progress(&server, &ada);
    signal(&following);
    let (code, stdout, stderr) = ended(following);
    assert_eq!(code, 4, "{stdout}{stderr}");
    assert!(stderr.contains("cancelling"), "{stderr}");

    // A second one leaves the run, which may be long in rolling back.
    let following = ci.start(&["run"]);
    let run = in_progress(&server, &ada);
    let stopped = Command::new("kill")
        .args(["-STOP", &server_process(&server, &run)])
        .status();
    assert!(stopped.unwrap().success());
    signal(&following);
    std::thread::sleep(Duration::from_millis(500));
    signal(&following);
    let (code, stdout, stderr) = ended(following);
    assert_eq!(code, 5, "{stdout}{stderr}");
    let how = format!("run {run} goes on at the server; `lockstep logs {run} -f` follows it");
    assert!(stderr.contains(&how), "{stderr}");
    let go_on = Command::new("kill")
        .args(["-CONT", &server_process(&server, &run)])
        .status();
    assert!(go_on.unwrap().success());
    assert_eq!(server.ended(&ada, &run), "cancelled");
}

#[test]
fn a_start_without_an_answer_can_be_left() {
    // It says which pipelines there are, and then no more.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", silent.local_addr().unwrap());
    let (asked, is_asked) = channel();
    std::thread::spawn(move || {
        let mut held = Vec::new();
        for stream in silent.incoming() {
            let mut stream = BufReader::new(stream.unwrap());
            let mut line = String::new();
            stream.read_line(&mut line).unwrap();
            if line.starts_with("GET /api/v1/pipelines ") {
                let known = json!({"id": "a.deploy/a", "file": "a.deploy", "name": "a"});
                let body = json!({"pipelines": [known], "broken": []}).to_string();
                let head = format!(
                    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\
                     Content-Length: {}\r\n\r\n",
                    body.len()
                );
                let answer = [head, body].concat();
                stream.get_mut().write_all(answer.as_bytes()).unwrap();
            } else {
                assert!(line.starts_with("POST /api/v1/runs "), "{line}");
                asked.send(()).unwrap();
            }
            held.push(stream);
        }
    });
    let elsewhere = Elsewhere {
        folder: tempfile::tempdir().unwrap(),
        url,
        token: String::from("none"),
    };
    let starting = elsewhere.start(&["run"]);
    is_asked.recv().unwrap();
    signal(&starting);
    std::thread::sleep(Duration::from_millis(500));
    signal(&starting);
    let (code, stdout, stderr) = ended(starting);
    assert_eq!(code, 5, "{stdout}{stderr}");
    assert!(stderr.contains("cancelling as soon as the server has answered"));
    let how = "whether the run has begun is not known: `lockstep runs` lists the runs\n";
    assert!(stderr.ends_with(how), "{stderr}");
}

/// A window that is never open while this is tested.
const CLOSED: &str = r#"
kind app {
  deploy using release
}

workflow release(s: service, i: infrastructure) {
  run "echo ${s.name} on ${i.name}"
}

window never {
  open = ["mon 03:00-03:10"]
  except = ["2020-01-01 .. 2099-12-31"]
  outside = "refuse"
}

environment prod {
  window = never
  infrastructure eu: app {}
}

service web: app {}
service cart: app {}

pipeline ship {
  stage first timeout 20s {
    deploy web to prod.eu
  }
  stage second timeout 20s {
    deploy cart to prod.eu
  }
}
"#;

#[test]
fn what_is_asked_of_a_run_holds_at_the_server() {
    let server = TestServer::new(&[("closed.deploy", CLOSED)]);
    let ada = server.admin("ada");
    let rights = ["view", "run", "outside-window"];
    let ci = Elsewhere::new(&server, &ada, &rights);
    let said = ci.run(&["run"]);
    assert_eq!(said.code, 1, "{said:?}");
    let outside = ["run", "--outside-window", "hotfix 17"];
    let said = ci.run(&[&outside[..], &["--max", "1"]].concat());
    assert_eq!(said.code, 0, "{said:?}");
    assert_eq!(ci.json(&["runs"])[0]["outside_window"], "hotfix 17");
    let shown = ci.run(&["show"]);
    assert!(shown.stdout.contains("hotfix 17"), "{shown:?}");
    let said = ci.run(&[&outside[..], &["--only", "ship/second"]].concat());
    assert_eq!(said.code, 0, "{said:?}");
    assert!(said.stdout.contains("cart on") && !said.stdout.contains("web on"));
    let said = ci.run(&[&outside[..], &["--from", "ship/third"]].concat());
    assert_eq!(said.code, 2, "{said:?}");
    assert!(said.stderr.contains("E0771"), "{said:?}");
    let said = ci.run(
        &[
            &outside[..],
            &["--only", "ship/first", "--values-of", "r-1"],
        ]
        .concat(),
    );
    assert_eq!(said.code, 2, "{said:?}");
    assert!(said.stderr.contains("--values-of"), "{said:?}");
}

/// The process that drives a run.
fn server_process(server: &TestServer, run: &str) -> String {
    let runs = server.lockstep(&["runs", run, "--format", "json"]);
    let runs: Value = serde_json::from_str(&runs.stdout).unwrap();
    runs[0]["process"].to_string()
}

#[test]
fn questions_are_listed_and_answered() {
    let server = TestServer::new(&[("others.deploy", OTHERS)]);
    let (_ada, ci) = all_rights(&server);
    let following = ci.start(&["run", "asks"]);
    server.until("a question", || {
        let open = ci.json(&["approve"]);
        (!open.as_array().unwrap().is_empty()).then_some(())
    });
    let listed = ci.run(&["approve"]);
    assert!(listed.stdout.contains("Ship it?"), "{listed:?}");
    assert!(listed.stdout.contains("yes or no"), "{listed:?}");
    let said = ci.run(&["approve", "--choose", "retry"]);
    assert!(said.stderr.contains("asks for yes or no"), "{said:?}");
    let said = ci.run(&["approve", "--yes", "--comment", "go"]);
    assert_eq!(said.stdout, "asks/approve: yes, by ada\n", "{said:?}");
    let (code, stdout, stderr) = ended(following);
    assert_eq!(code, 0, "{stdout}{stderr}");
    assert!(
        stderr.contains("answer with: lockstep approve r-"),
        "{stderr}"
    );
    let said = ci.run(&["approve", "--no"]);
    assert_eq!(said.code, 2, "{said:?}");
    let shown = ci.run(&["show"]);
    assert!(shown.stdout.contains("\"go\""), "{shown:?}");
}

#[test]
fn a_run_is_taken_back() {
    let server = TestServer::new(&[("others.deploy", OTHERS)]);
    let (_ada, ci) = all_rights(&server);
    assert_eq!(ci.run(&["run", "back"]).code, 0);
    let mark = server.path().join("mark");
    assert!(mark.exists());
    let said = ci.run(&["undo"]);
    assert_eq!(said.code, 2, "{said:?}");
    let said = ci.run(&["undo", "--yes"]);
    assert_eq!(said.code, 0, "{said:?}");
    assert!(!mark.exists());
    let said = ci.run(&["undo", "--yes"]);
    assert_eq!(said.code, 2, "{said:?}");
    assert!(said.stderr.contains("nothing to take back"), "{said:?}");
}

#[test]
fn an_interrupted_run_goes_on() {
    let server = TestServer::new(&[("shop.deploy", SHOP)]);
    let (ada, ci) = all_rights(&server);
    let hold = server.path().join("hold");
    std::fs::write(&hold, "").unwrap();
    let following = ci.start(&["run"]);
    let run = in_progress(&server, &ada);
    let killed = Command::new("kill")
        .args(["-9", &server_process(&server, &run)])
        .status();
    assert!(killed.unwrap().success());
    // The server does not go on with it by itself while it runs.
    let (code, stdout, stderr) = ended(following);
    assert_eq!(code, 5, "{stdout}{stderr}");
    assert!(
        stdout.contains(&format!("lockstep resume {run}")),
        "{stdout}"
    );
    std::fs::remove_file(&hold).unwrap();
    let said = ci.run(&["resume"]);
    assert_eq!(said.code, 0, "{said:?}");
    assert!(said.stdout.contains("6 deployed"), "{said:?}");
}
