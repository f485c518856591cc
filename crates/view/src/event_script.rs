//! Hand-written runs for tests: a builder of event sequences. It does not check that a machine
//! would emit such a sequence.

use jiff::Timestamp;

use lockstep_base::node_path;
use lockstep_base::source::{Name, Span};
use lockstep_engine::run_event::{
    ApprovalProgress, DeploymentRecord, Failure, LockQueuePosition, NodeKind, RunEvent,
    RunEventKind, Status, Stream, WaitReason,
};
use lockstep_lang::ir::FailureClass;

/// When the runs of tests begin: 2026-03-01 12:00 UTC.
const START_MS: i64 = 1_772_366_400_000;

/// A run under construction.
#[derive(Debug, Default)]
pub(super) struct EventScript {
    pub(super) events: Vec<RunEvent>,
    now: i64,
}

/// The path of a deployment in a matrix of stage `prod`.
pub(super) fn cell(service: &str, target: &str) -> String {
    format!("release/prod/matrix[{target}, {service}]/deploy[{service}, {target}]")
}

/// A failure of `node`.
pub(super) fn failure(node: &str, class: FailureClass, message: &str) -> Failure {
    Failure {
        class,
        message: message.into(),
        node: node.into(),
        span: None,
        command: None,
    }
}

impl EventScript {
    /// A run of pipeline `release`.
    pub(super) fn new() -> Self {
        let mut script = Self::default();
        script.push(RunEventKind::RunStarted {
            run: "r-7f3a".into(),
            pipeline: "release".into(),
            outside_window: None,
        });
        script.start("release", NodeKind::Pipeline);
        script
    }

    /// The time now.
    pub(super) fn now(&self) -> i64 {
        START_MS + self.now
    }

    /// Advances the time, in milliseconds.
    pub(super) fn pass(&mut self, ms: i64) -> &mut Self {
        self.now += ms;
        self
    }

    pub(super) fn push(&mut self, what: RunEventKind) -> &mut Self {
        let at = Timestamp::from_millisecond(self.now()).expect("a time in 2026");
        self.events.push(RunEvent {
            seq: self.events.len() as u64 + 1,
            at,
            what,
        });
        self
    }

    pub(super) fn start(&mut self, node: &str, kind: NodeKind) -> &mut Self {
        self.push(RunEventKind::NodeStarted {
            node: node.into(),
            kind,
            text: None,
            place: None,
            deployment: None,
        })
    }

    pub(super) fn start_with(&mut self, node: &str, kind: NodeKind, text: &str) -> &mut Self {
        self.push(RunEventKind::NodeStarted {
            node: node.into(),
            kind,
            text: Some(text.into()),
            place: None,
            deployment: None,
        })
    }

    pub(super) fn wait(&mut self, node: &str, kind: NodeKind, waiting: WaitReason) -> &mut Self {
        self.push(RunEventKind::NodeWaiting {
            node: node.into(),
            kind,
            waiting,
        })
    }

    pub(super) fn out(&mut self, node: &str, text: &str) -> &mut Self {
        self.push(RunEventKind::NodeOutput {
            node: node.into(),
            stream: Stream::Stdout,
            text: text.into(),
        })
    }

    pub(super) fn end(&mut self, node: &str, kind: NodeKind, status: Status) -> &mut Self {
        self.finish(node, kind, status, None, None)
    }

    pub(super) fn fail(&mut self, node: &str, kind: NodeKind, why: &Failure) -> &mut Self {
        self.finish(node, kind, Status::Failed, Some(why), None)
    }

    pub(super) fn finish(
        &mut self,
        node: &str,
        kind: NodeKind,
        status: Status,
        why: Option<&Failure>,
        versions: Option<(&str, &str)>,
    ) -> &mut Self {
        let deployment = node_path::deployment(node)
            .filter(|_| kind == NodeKind::Deploy)
            .map(|(service, target)| DeploymentRecord {
                service: service.into(),
                target: target.into(),
                before: versions.map(|(before, _)| before.into()),
                after: versions.map(|(_, after)| after.into()),
                changed: None,
            });
        self.push(RunEventKind::NodeFinished {
            node: node.into(),
            kind,
            status,
            failure: why.cloned(),
            deployment,
        })
    }

    /// A deployment that ends well after `ms`.
    pub(super) fn deploy(&mut self, node: &str, ms: i64) -> &mut Self {
        self.start(node, NodeKind::Deploy).pass(ms).finish(
            node,
            NodeKind::Deploy,
            Status::Succeeded,
            None,
            Some(("v1", "v2")),
        )
    }

    /// The end of the run.
    pub(super) fn run_ends(&mut self, status: Status, why: Option<&Failure>) -> &mut Self {
        self.push(RunEventKind::RunFinished {
            status,
            failure: why.cloned(),
        })
    }
}

/// Names.
pub(super) fn names(names: &[&str]) -> Vec<Name> {
    names.iter().map(|name| Name::from(*name)).collect()
}

const ROLLOUT: &str = "`kubectl rollout status deployment/payments` exited with 1";

/// Stage `qa` with two deployments that end well.
fn qa(script: &mut EventScript) {
    let checkout = "release/qa/deploy[checkout, qa.eu]";
    let payments = "release/qa/deploy[payments, qa.eu]";
    script.start("release/qa", NodeKind::Stage).pass(40);
    script.start(checkout, NodeKind::Deploy);
    let apply = format!("{checkout}/apply/run");
    script
        .start(&format!("{checkout}/apply"), NodeKind::Step)
        .start_with(&apply, NodeKind::Run, "kubectl apply -f k8s/checkout.yaml")
        .pass(900)
        .out(&apply, "deployment.apps/checkout configured")
        .end(&apply, NodeKind::Run, Status::Succeeded)
        .end(
            &format!("{checkout}/apply"),
            NodeKind::Step,
            Status::Succeeded,
        )
        .pass(7_000)
        .finish(
            checkout,
            NodeKind::Deploy,
            Status::Succeeded,
            None,
            Some(("v1", "v2")),
        )
        .deploy(payments, 12_300)
        .end("release/qa", NodeKind::Stage, Status::Succeeded);
}

/// Everything succeeds.
pub(super) fn success() -> EventScript {
    let mut script = EventScript::new();
    qa(&mut script);
    script
        .wait(
            "release/approve",
            NodeKind::Approve,
            WaitReason::Approval {
                question: "Ship v2 to production?".into(),
                choices: vec!["yes".into(), "no".into()],
                within_ms: Some(3_600_000),
                progress: ApprovalProgress::default(),
            },
        )
        .pass(185_000)
        .end("release/approve", NodeKind::Approve, Status::Succeeded)
        .start("release/prod", NodeKind::Stage)
        .deploy(&cell("checkout", "prod.eu"), 41_000)
        .deploy(&cell("payments", "prod.eu"), 62_000)
        .end("release/prod", NodeKind::Stage, Status::Succeeded)
        .start_with(
            "release/log",
            NodeKind::Log,
            "v2 is everywhere\n  have a good evening",
        )
        .end("release", NodeKind::Pipeline, Status::Succeeded)
        .run_ends(Status::Succeeded, None);
    script
}

/// Payments fails in `prod.us` after a retry, breaks a barrier, and both roll back.
pub(super) fn failing(span: Option<Span>) -> EventScript {
    let mut script = EventScript::new();
    qa(&mut script);
    let (checkout, payments) = (cell("checkout", "prod.us"), cell("payments", "prod.us"));
    let (step, run) = (
        format!("{payments}/rollout"),
        format!("{payments}/rollout/run"),
    );
    let why = Failure {
        span,
        ..failure(&run, FailureClass::Exit, ROLLOUT)
    };
    script
        .start("release/prod", NodeKind::Stage)
        .deploy(&cell("checkout", "prod.eu"), 41_000)
        .wait(
            &payments,
            NodeKind::Deploy,
            WaitReason::Lock {
                names: names(&["prod.us"]),
                queue: LockQueuePosition::default(),
            },
        )
        .pass(2_000)
        .start(&payments, NodeKind::Deploy)
        .start(&checkout, NodeKind::Deploy)
        .wait(
            &format!("{checkout}/barrier"),
            NodeKind::Barrier,
            WaitReason::Barrier {
                name: "BE".into(),
                arrived: 1,
                expected: 2,
            },
        );
    for attempt in 2..=3 {
        script.start(&step, NodeKind::Step).start_with(
            &run,
            NodeKind::Run,
            "kubectl rollout status deployment/payments",
        );
        let lines = if attempt == 2 { 2 } else { 40 };
        for line in 1..=lines {
            script.pass(100).out(
                &run,
                &format!(
                    "Waiting for rollout to finish: {} of 60 replicas are ready",
                    line
                ),
            );
        }
        script
            .out(
                &run,
                "error: deployment \"payments\" exceeded its progress deadline",
            )
            .fail(&run, NodeKind::Run, &why);
        if attempt == 2 {
            script
                .wait(
                    &step,
                    NodeKind::Step,
                    WaitReason::Retry {
                        attempt,
                        of: 2,
                        after_ms: 3_000,
                        failure: None,
                    },
                )
                .pass(3_000);
        }
    }
    let broken = failure(
        &format!("{checkout}/barrier"),
        FailureClass::Barrier,
        "barrier BE was broken by `payments, prod.us`, which failed: exit",
    );
    let undo = format!("{payments}/rollout/undo");
    script
        .fail(&step, NodeKind::Step, &why)
        .finish(
            &payments,
            NodeKind::Deploy,
            Status::RollingBack,
            Some(&why),
            None,
        )
        .fail(&format!("{checkout}/barrier"), NodeKind::Barrier, &broken)
        .finish(
            &checkout,
            NodeKind::Deploy,
            Status::RollingBack,
            Some(&broken),
            None,
        )
        .start(&undo, NodeKind::Undo)
        .pass(4_200);
    script
}

/// The outcome of [`failing`]: both are rolled back.
pub(super) fn failed(span: Option<Span>) -> EventScript {
    let mut script = failing(span);
    let (checkout, payments) = (cell("checkout", "prod.us"), cell("payments", "prod.us"));
    let why = failure(
        &format!("{payments}/rollout/run"),
        FailureClass::Exit,
        ROLLOUT,
    );
    script
        .end(
            &format!("{payments}/rollout/undo"),
            NodeKind::Undo,
            Status::Succeeded,
        )
        .finish(
            &payments,
            NodeKind::Deploy,
            Status::RolledBack,
            Some(&why),
            Some(("v1", "v2")),
        )
        .finish(
            &checkout,
            NodeKind::Deploy,
            Status::RolledBack,
            None,
            Some(("v1", "v2")),
        )
        .end(
            &cell("search", "prod.us"),
            NodeKind::Deploy,
            Status::Skipped,
        )
        .fail("release/prod", NodeKind::Stage, &why)
        .end("release/after", NodeKind::Stage, Status::Skipped)
        .fail("release", NodeKind::Pipeline, &why)
        .run_ends(Status::Failed, Some(&why));
    script
}

/// As [`failed`], but the rollback of payments fails as well.
pub(super) fn stuck() -> EventScript {
    let mut script = failing(None);
    let (checkout, payments) = (cell("checkout", "prod.us"), cell("payments", "prod.us"));
    let undo = format!("{payments}/rollout/undo");
    let run = format!("{undo}/run");
    let why = failure(
        &format!("{payments}/rollout/run"),
        FailureClass::Exit,
        ROLLOUT,
    );
    let worse = failure(&run, FailureClass::Connection, "prod.us does not answer");
    script
        .start_with(
            &run,
            NodeKind::Run,
            "kubectl rollout undo deployment/payments",
        )
        .pass(30_000)
        .out(
            &run,
            "Unable to connect to the server: dial tcp 10.0.0.7:443: i/o timeout",
        )
        .fail(&run, NodeKind::Run, &worse)
        .fail(&undo, NodeKind::Undo, &worse)
        .finish(
            &payments,
            NodeKind::Deploy,
            Status::RollbackFailed,
            Some(&worse),
            Some(("v1", "v2")),
        )
        .finish(&checkout, NodeKind::Deploy, Status::RolledBack, None, None)
        .fail("release/prod", NodeKind::Stage, &why)
        .run_ends(Status::RollbackFailed, Some(&worse));
    script
}

/// A person cancels the run.
pub(super) fn cancelled() -> EventScript {
    let mut script = EventScript::new();
    qa(&mut script);
    let (eu, us) = (cell("checkout", "prod.eu"), cell("checkout", "prod.us"));
    let run = format!("{eu}/run");
    let why = |node: &str| failure(node, FailureClass::Cancelled, "cancelled by anna");
    script
        .start("release/prod", NodeKind::Stage)
        .start(&eu, NodeKind::Deploy)
        .start(&us, NodeKind::Deploy)
        .start_with(&run, NodeKind::Run, "./deploy eu")
        .out(&run, "half of it is there")
        .pass(5_000)
        .finish(
            &run,
            NodeKind::Run,
            Status::Cancelled,
            Some(&why(&run)),
            None,
        )
        .finish(
            &eu,
            NodeKind::Deploy,
            Status::RollingBack,
            Some(&why(&run)),
            None,
        )
        .finish(
            &us,
            NodeKind::Deploy,
            Status::Cancelled,
            Some(&why(&us)),
            None,
        )
        .pass(1_000)
        .finish(
            &eu,
            NodeKind::Deploy,
            Status::RolledBack,
            Some(&why(&run)),
            Some(("v1", "v2")),
        )
        .finish(
            "release/prod",
            NodeKind::Stage,
            Status::Cancelled,
            Some(&why(&run)),
            None,
        )
        .run_ends(Status::Cancelled, Some(&why(&run)));
    script
}

/// An atomic stage rolls back what had ended well.
pub(super) fn atomic() -> EventScript {
    let mut script = EventScript::new();
    let (eu, us) = (cell("checkout", "prod.eu"), cell("checkout", "prod.us"));
    let verify = format!("{us}/verify");
    let run = format!("{verify}/run");
    let why = failure(
        &verify,
        FailureClass::Verification,
        "failed 4s into 30s: `curl -sf http://us/health` exited with 22",
    );
    let inner = failure(
        &run,
        FailureClass::Exit,
        "`curl -sf http://us/health` exited with 22",
    );
    script
        .start("release/prod", NodeKind::Stage)
        .deploy(&eu, 20_000)
        .start(&us, NodeKind::Deploy)
        .start(&verify, NodeKind::Verify)
        .start_with(&run, NodeKind::Run, "curl -sf http://us/health")
        .pass(4_000)
        .out(&run, "curl: (22) The requested URL returned error: 503")
        .fail(&run, NodeKind::Run, &inner)
        .fail(&verify, NodeKind::Verify, &why)
        .finish(&us, NodeKind::Deploy, Status::RollingBack, Some(&why), None)
        .finish(
            "release/prod",
            NodeKind::Stage,
            Status::RollingBack,
            Some(&why),
            None,
        )
        .pass(3_000)
        .finish(
            &us,
            NodeKind::Deploy,
            Status::RolledBack,
            Some(&why),
            Some(("v1", "v2")),
        )
        .finish(&eu, NodeKind::Deploy, Status::RollingBack, None, None)
        .pass(2_500)
        .finish(&eu, NodeKind::Deploy, Status::RolledBack, None, None)
        .finish(
            "release/prod",
            NodeKind::Stage,
            Status::RolledBack,
            Some(&why),
            None,
        )
        .run_ends(Status::Failed, Some(&why));
    script
}

/// A stage with 500 deployments: most are done or wait at a barrier, some run, some have failed.
pub(super) fn many() -> EventScript {
    let mut script = EventScript::new();
    qa(&mut script);
    script.start("release/prod", NodeKind::Stage);
    for at in 0..500 {
        let node = cell(&format!("service-{at:03}"), &format!("prod.eu{}", at % 10));
        script.pass(100);
        if at % 100 == 77 {
            let run = format!("{node}/rollout/run");
            let why = failure(&run, FailureClass::Exit, ROLLOUT);
            script
                .start(&node, NodeKind::Deploy)
                .start_with(&run, NodeKind::Run, "kubectl rollout status")
                .fail(&run, NodeKind::Run, &why)
                .finish(
                    &node,
                    NodeKind::Deploy,
                    Status::RollingBack,
                    Some(&why),
                    None,
                )
                .pass(900);
            if at > 100 {
                script.finish(
                    &node,
                    NodeKind::Deploy,
                    Status::RolledBack,
                    Some(&why),
                    None,
                );
            }
        } else if at < 120 {
            script.deploy(&node, 150);
        } else if at < 140 {
            let run = format!("{node}/rollout/run");
            script
                .start(&node, NodeKind::Deploy)
                .start(&format!("{node}/rollout"), NodeKind::Step)
                .start_with(
                    &run,
                    NodeKind::Run,
                    "kubectl rollout status --watch --timeout 10m",
                );
            if at % 2 == 0 {
                script.out(
                    &run,
                    "Waiting for rollout to finish: 1 of 3 replicas are ready",
                );
            }
        } else if at < 143 {
            script.start(&node, NodeKind::Deploy).wait(
                &format!("{node}/push"),
                NodeKind::Step,
                WaitReason::Retry {
                    attempt: 2,
                    of: 4,
                    after_ms: 60_000,
                    failure: None,
                },
            );
        } else if at < 145 {
            script.wait(
                &node,
                NodeKind::Deploy,
                WaitReason::Lock {
                    names: names(&["prod.eu3"]),
                    queue: LockQueuePosition::default(),
                },
            );
        } else if at < 400 {
            script.start(&node, NodeKind::Deploy).wait(
                &format!("{node}/barrier"),
                NodeKind::Barrier,
                WaitReason::Barrier {
                    name: "wave".into(),
                    arrived: at - 144,
                    expected: 400,
                },
            );
        }
    }
    script
}
