//! From real runs in a state directory to what arrives, through restarts of the server.

use std::sync::Arc;
use std::time::Duration;

use axum::http::StatusCode;
use jiff::Timestamp;
use lockstep_api::{DiskFiles, Engine, RunEnd};
use lockstep_engine::ApprovalAnswer;
use lockstep_stand_ins::{HttpReceiver, answer};
use lockstep_store::Store;
use tokio::sync::Semaphore;

use super::super::deliver::Sender;
use super::super::follow::{StoppedRuns, look};
use super::super::outbox::Outbox;
use crate::app::App;
use crate::tests::{Served, administrator, get};

const PIPELINES: &str = r#"
kind tool {
  service { version: string }
  infrastructure { folder: string }
  deploy using install
}
service web: tool { version = "v1" }
environment live { infrastructure eu: tool { folder = "eu" } }
workflow install(s: service<tool>, i: infrastructure<tool>) {
  run "echo '<!channel>' && exit 3"
}
pipeline good { run "true" }
pipeline bad { deploy web to live.eu }
pipeline asks { approve "Ship <it>?" }
"#;

fn served() -> Served {
    let served = Served::new();
    served.write("shop.deploy", PIPELINES);
    served
}

fn engine(served: &Served) -> Engine {
    let folder = served.folder.path();
    Engine::builder()
        .files(DiskFiles::new(folder))
        .folder(folder)
        .store(served.state())
        .user("ada")
        .build()
}

/// A run from its start to its end; its id.
async fn run(served: &Served, pipeline: &str) -> String {
    let engine = engine(served);
    let program = engine.compile("shop.deploy").unwrap();
    let plan = program.plan().pipeline(pipeline).build().unwrap();
    let run = engine.start(&plan).await.unwrap();
    let id = run.id().to_owned();
    assert!(matches!(run.wait().await, RunEnd::Ended(_)));
    id
}

fn looked(app: &App) {
    let mut stopped = StoppedRuns::new();
    let looked = app.stores.with(|stores| look(app, stores, &mut stopped));
    looked.unwrap().unwrap();
}

/// Sends all that is due for the first target; how long to wait for more.
async fn send(app: &App) -> Duration {
    let target = app.notify.all()[0].clone();
    let sender = Sender::new(app.stores.clone(), target, Arc::new(Semaphore::new(1)));
    loop {
        if let Some(pause) = sender.step().await.unwrap() {
            return pause;
        }
    }
}

/// What has arrived: of each message its event and its run.
fn arrived(receiver: &HttpReceiver) -> Vec<(String, String)> {
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    let all = receiver.arrived().into_iter().map(|it| it.json());
    all.map(|it| (text(&it["event"]), text(&it["run"])))
        .collect()
}

fn settings(receiver: &HttpReceiver, more: &str) -> String {
    let url = receiver.url("/hook");
    format!("[[serve.notify]]\nto = \"webhook\"\nurl = \"{url}\"\n{more}")
}

const ALL: &str = "on = [\"started\", \"waiting\", \"answered\", \"succeeded\", \"failed\"]";

#[tokio::test]
async fn runs_are_announced_once_through_restarts_and_none_from_before() {
    let (served, receiver) = (served(), HttpReceiver::start());
    run(&served, "good").await;
    let settings = settings(&receiver, ALL);
    let app = served.open(&settings).unwrap();
    looked(&app);
    send(&app).await;
    assert_eq!(arrived(&receiver), [], "a run from before is announced");
    let good = run(&served, "good").await;
    looked(&app);
    // It ends before it has sent anything, and looks again.
    drop(app);
    let app = served.open(&settings).unwrap();
    looked(&app);
    send(&app).await;
    drop(app);
    // This one comes while there is no server.
    let bad = run(&served, "bad").await;
    let app = served.open(&settings).unwrap();
    looked(&app);
    looked(&app);
    send(&app).await;
    send(&app).await;
    let expected = [
        ("started", &good),
        ("succeeded", &good),
        ("started", &bad),
        ("failed", &bad),
    ];
    let expected = expected.map(|(event, run)| (event.to_owned(), run.clone()));
    assert_eq!(arrived(&receiver), expected);
    let last = receiver.arrived()[3].json();
    assert_eq!(last["pipeline"], "shop.deploy/bad");
    assert_eq!(last["user"], "ada");
    assert_eq!(last["url"], format!("http://127.0.0.1:7420/runs/{bad}"));
    assert_eq!(last["deployments"][0]["service"], "web");
    assert_eq!(last["deployments"][0]["target"], "live.eu");
    // Each has an id of its own.
    let mut ids: Vec<String> = (receiver.arrived().iter())
        .map(|it| it.headers["idempotency-key"].clone())
        .collect();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 4);
}

#[tokio::test]
async fn what_was_being_sent_when_the_server_was_killed_is_sent_again_under_the_same_id() {
    let (served, receiver) = (served(), HttpReceiver::start());
    let settings = settings(&receiver, "");
    let app = served.open(&settings).unwrap();
    run(&served, "bad").await;
    looked(&app);
    let target = app.notify.all()[0].clone();
    let taken = app
        .stores
        .with(|stores| Outbox::of(stores.access.connection()).take(&target.id, Timestamp::now()));
    let super::super::outbox::NextDelivery::Send(taken) = taken.unwrap().unwrap() else {
        panic!("there is a message");
    };
    // It arrives, and the server is killed before it can write that down.
    target.send(&taken).unwrap();
    send(&app).await;
    assert_eq!(
        receiver.arrived().len(),
        1,
        "it is sent twice by one server"
    );
    drop(app);
    let app = served.open(&settings).unwrap();
    looked(&app);
    send(&app).await;
    let all = receiver.arrived();
    assert_eq!(all.len(), 2);
    assert_eq!(
        all[0].headers["idempotency-key"],
        all[1].headers["idempotency-key"]
    );
    assert_eq!(all[0].body, all[1].body);
    send(&app).await;
    assert_eq!(receiver.arrived().len(), 2);
}

#[tokio::test]
async fn an_approval_is_announced_with_its_answer() {
    let (served, receiver) = (served(), HttpReceiver::start());
    let app = served.open(&settings(&receiver, ALL)).unwrap();
    let answering = async {
        let question = loop {
            looked(&app);
            let store = Store::open(&served.state()).unwrap();
            let open = store.unended_runs().unwrap();
            let asked = open.first().map(|run| store.questions(run.number).unwrap());
            if let Some(question) = asked.into_iter().flatten().next() {
                break question;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        };
        looked(&app);
        send(&app).await;
        let store = Store::open(&served.state()).unwrap();
        let yes = ApprovalAnswer::Yes.into();
        store
            .answer(&question, &yes, "grace", Some("looks good"))
            .unwrap();
    };
    let (id, ()) = tokio::join!(run(&served, "asks"), answering);
    looked(&app);
    send(&app).await;
    let events: Vec<String> = arrived(&receiver)
        .into_iter()
        .map(|(event, _)| event)
        .collect();
    assert_eq!(events, ["started", "waiting", "answered", "succeeded"]);
    let all: Vec<_> = receiver.arrived().iter().map(|it| it.json()).collect();
    assert_eq!(all[1]["question"]["text"], "Ship <it>?");
    assert_eq!(all[2]["answer"]["by"], "grace");
    assert_eq!(all[2]["answer"]["comment"], "looks good");
    assert_eq!(all[3]["answers"][0]["by"], "grace");
    assert_eq!(all[3]["run"], id);
}

#[tokio::test]
async fn what_is_refused_is_tried_again_in_order_and_given_up_in_the_end() {
    let (served, receiver) = (served(), HttpReceiver::start());
    let app = served.open(&settings(&receiver, ALL)).unwrap();
    run(&served, "bad").await;
    looked(&app);
    receiver.say(answer(500, "", ""));
    let pause = send(&app).await;
    assert!(
        pause > Duration::from_secs(1) && pause <= Duration::from_secs(2),
        "{pause:?}"
    );
    // What comes behind it waits for it.
    assert_eq!(receiver.arrived().len(), 1);
    let shift = |ms: i64| {
        app.stores.with(|stores| {
            let update = "UPDATE notifications SET created_at = created_at - ?1, \
                next_at = next_at - ?1";
            stores.access.connection().execute(update, [ms]).unwrap()
        })
    };
    shift(2_000).unwrap();
    receiver.say(answer(500, "", ""));
    send(&app).await;
    shift(24 * 60 * 60 * 1_000).unwrap();
    receiver.say(answer(500, "", ""));
    receiver.say(answer(400, "", ""));
    send(&app).await;
    assert_eq!(receiver.arrived().len(), 4);
    let root = administrator(&app);
    let listed = get(&app, "/api/v1/notifications", &[&root]).await.json();
    let shown: Vec<String> = (listed.as_array().unwrap().iter())
        .map(|it| {
            format!(
                "{} {} {} {}",
                it["event"], it["state"], it["attempts"], it["error"]
            )
        })
        .collect();
    assert_eq!(
        shown,
        [
            r#""failed" "given-up" 1 "it answers with status 400""#,
            r#""started" "given-up" 3 "it answers with status 500""#,
        ]
    );
    let target = listed[0]["target"].as_str().unwrap();
    assert_eq!(target, format!("webhook {}", receiver.url("/hook")));
    let stranger = get(&app, "/api/v1/notifications", &[]).await;
    assert_eq!(stranger.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn pipelines_and_events_are_chosen_and_a_removed_target_gets_nothing() {
    let (served, receiver) = (served(), HttpReceiver::start());
    let other = HttpReceiver::start();
    let some = "on = [\"succeeded\", \"failed\"]\npipelines = [\"shop.deploy/g*\"]\n";
    // The same target twice is one, which gets no message twice.
    let both = format!("{}{}", settings(&receiver, some), settings(&receiver, some));
    let app = served.open(&both).unwrap();
    assert_eq!(app.notify.all().len(), 1);
    let good = run(&served, "good").await;
    run(&served, "bad").await;
    looked(&app);
    send(&app).await;
    assert_eq!(arrived(&receiver), [(String::from("succeeded"), good)]);
    // A message is in the outbox when the target is removed.
    run(&served, "good").await;
    looked(&app);
    drop(app);
    let app = served.open(&settings(&other, "")).unwrap();
    looked(&app);
    send(&app).await;
    drop(app);
    let app = served.open(&both).unwrap();
    looked(&app);
    send(&app).await;
    assert_eq!(receiver.arrived().len(), 1);
    assert_eq!(other.arrived().len(), 0);
}

#[tokio::test]
async fn the_tasks_of_the_server_announce_by_themselves() {
    let (served, receiver) = (served(), HttpReceiver::start());
    let app = served.open(&settings(&receiver, ALL)).unwrap();
    super::super::start(&app);
    let good = run(&served, "good").await;
    let both = [("started", &good), ("succeeded", &good)];
    let both = both.map(|(event, run)| (event.to_owned(), run.clone()));
    let deadline = tokio::time::Instant::now() + Duration::from_secs(20);
    while arrived(&receiver).len() < 2 && tokio::time::Instant::now() < deadline {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(arrived(&receiver), both);
}
