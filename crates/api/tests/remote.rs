//! A run that is driven elsewhere is followed: what is seen of it is what a run here shows, and
//! what people say goes to who drives it.

#![allow(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test stops where something is not as it should be"
)]

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use lockstep_api::host::{Command, CommandControl, CommandEnd, CommandFuture, Spawner};
use lockstep_api::{Engine, EngineBuilder, MemoryFiles, Question, RunEnd, Status, Stream};
use lockstep_base::value::Value;
use lockstep_engine::{
    Effect, EffectOutcome, Event, Machine, OutputText, Respondent, command_value,
};
use lockstep_runtime::driver::{
    RemoteEngine, RemoteMessage, RemoteRecord, RemoteRequest, RemoteRun, RemoteStart,
};
use tokio::sync::mpsc;

/// Drives runs on a thread: every command ends well and writes its text.
#[derive(Default)]
struct Elsewhere {
    requests: Arc<Mutex<Vec<RemoteRequest>>>,
}

fn outcome() -> EffectOutcome {
    let nothing = || OutputText::whole("");
    EffectOutcome::good(command_value(
        nothing(),
        nothing(),
        0,
        Vec::<(String, Value)>::new(),
    ))
}

impl RemoteEngine for Elsewhere {
    fn open(&self, start: &RemoteStart) -> Result<RemoteRun, String> {
        let (sender, messages) = mpsc::unbounded_channel();
        let (requests, mut asked) = mpsc::unbounded_channel::<RemoteRequest>();
        let (plan, facts, seed) = (start.plan.clone(), start.run.clone(), start.seed);
        let heard = self.requests.clone();
        std::thread::spawn(move || {
            let began = facts.started_at;
            let mut machine = Machine::new(plan, facts, seed);
            let mut inbox = VecDeque::from([Event::Start]);
            let mut seq = 0;
            while machine.finished().is_none() {
                let event = match inbox.pop_front() {
                    Some(event) => event,
                    None => match asked.blocking_recv() {
                        Some(request) => {
                            heard.lock().unwrap().push(request.clone());
                            match request {
                                RemoteRequest::Cancel => Event::Cancel,
                                RemoteRequest::Answer { id, answer, from } => Event::Answered {
                                    id,
                                    answer,
                                    from: from.name.map(|by| {
                                        Box::new(Respondent {
                                            by: by.into(),
                                            at: String::new(),
                                            comment: from.comment,
                                        })
                                    }),
                                },
                            }
                        }
                        None => return,
                    },
                };
                let effects = machine.handle(0, event.clone());
                seq += 1;
                let record = RemoteRecord {
                    seq,
                    at: began,
                    clock: 0,
                    event,
                };
                sender
                    .send(RemoteMessage::Recorded(Box::new(record)))
                    .unwrap();
                for effect in effects {
                    match effect {
                        Effect::Run { id, node, .. } => {
                            let bytes = b"done\n".to_vec();
                            let offset = 0;
                            let log = RemoteMessage::Log {
                                node,
                                offset,
                                bytes,
                            };
                            sender.send(log).unwrap();
                            inbox.push_back(Event::Ended {
                                id,
                                outcome: outcome(),
                            });
                        }
                        Effect::Acquire { id, .. } => inbox.push_back(Event::Acquired { id }),
                        _ => {}
                    }
                }
            }
            // Whoever follows it takes what has been sent.
            while asked.blocking_recv().is_some() {}
        });
        Ok(RemoteRun { messages, requests })
    }
}

/// What the same commands do here.
struct Here;

impl Spawner for Here {
    fn spawn<'a>(&'a self, _: Command, mut control: CommandControl<'a>) -> CommandFuture<'a> {
        Box::pin(async move {
            control.line(Stream::Stdout, "done");
            CommandEnd::default()
        })
    }
}

const FILE: &str = r#"
environment prod { infrastructure eu: k8s {} }
kind k8s { service {} infrastructure {} deploy using ship }
service web: k8s {}
workflow ship(s: service<k8s>, i: infrastructure<k8s>) {
  run "deploy ${s.name}"
}
pipeline p {
  deploy web to prod.eu
  parallel { run "a" run "b" quiet }
  approve "go on?"
  run "last"
}
"#;

fn builder() -> EngineBuilder {
    let files = MemoryFiles::new().with("a.deploy", FILE);
    let yes = |question: Question| {
        if let Question::Approval(question) = question {
            question.approve("ada");
        }
    };
    Engine::builder().files(files).on_question(yes)
}

async fn events(engine: &Engine) -> (RunEnd, Vec<String>) {
    let plan = engine.compile("a.deploy").unwrap().plan().build().unwrap();
    let mut run = engine.start(&plan).await.unwrap();
    let id = run.id().to_owned();
    let mut told = Vec::new();
    while let Some(event) = run.next_event().await {
        let text = serde_json::to_string(&event.what).unwrap();
        told.push(text.replace(&id, "RUN"));
    }
    // Commands beside each other end in any order.
    told.sort();
    (run.wait().await, told)
}

#[tokio::test]
async fn what_is_followed_is_what_a_run_here_shows() {
    let here = builder().spawner(Here).build();
    let elsewhere = Elsewhere::default();
    let requests = elsewhere.requests.clone();
    let remote = builder().remote(Arc::new(elsewhere)).build();
    let (end, shown) = events(&here).await;
    assert_eq!(end, RunEnd::Ended(Status::Succeeded));
    let (followed_end, followed) = events(&remote).await;
    assert_eq!(followed_end, end);
    assert_eq!(followed, shown);
    let requests = requests.lock().unwrap();
    let [RemoteRequest::Answer { from, .. }] = &requests[..] else {
        panic!("{requests:?}");
    };
    assert_eq!(from.name.as_deref(), Some("ada"));
}
