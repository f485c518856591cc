//! Whether a worker may carry a step out: as long as the server counts on it. The server takes a
//! step for lost when it hears nothing for [`STEP_HEARTBEAT_TIMEOUT`], and has it begun elsewhere;
//! by then the worker, which hears nothing either, has ended it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use temporalio_client::Client;
use temporalio_common::protos::temporal::api::common::v1::{Payload, Payloads};
use temporalio_common::protos::temporal::api::workflowservice::v1 as workflowservice;
use temporalio_sdk::activities::ActivityContext;
use workflowservice::RecordActivityTaskHeartbeatRequest;

/// A worker of which nothing is heard for so long is lost, with what it carries out.
pub const STEP_HEARTBEAT_TIMEOUT: Duration = Duration::from_secs(20);

/// A worker that hears nothing for so long ends what it carries out. What lies between is for a
/// heartbeat that was on its way, and for commands to end.
const LINK_PATIENCE: Duration = Duration::from_secs(15);

/// The time between two looks whether the server can be reached.
const LINK_INTERVAL: Duration = Duration::from_secs(2);

/// An answer that does not come in this time is asked for again.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(4);

/// A worker that has not heard of the server for so long asks whether it may begin something.
const FRESH: Duration = Duration::from_secs(5);

/// So long it asks.
const MOST_ASKING: Duration = Duration::from_secs(10);

/// What heartbeats of a step say once it may have begun. Where a step was lost of which nothing
/// was said, it had not begun, if it is one that may run only once.
pub const BEGUN: &str = "begun";

/// Whether the server can be reached.
#[derive(Debug)]
pub struct ServerLink {
    begun: Instant,
    /// When what it answered last was asked, in milliseconds since the beginning.
    heard: AtomicU64,
}

impl Default for ServerLink {
    fn default() -> Self {
        let (begun, heard) = (Instant::now(), AtomicU64::new(0));
        Self { begun, heard }
    }
}

/// What the server says to a heartbeat.
enum HeartbeatAnswer {
    /// It counts on this worker.
    Counted,
    /// It does not: it has taken the step for lost, or the run is over.
    GivenUp,
    /// It does not answer.
    None,
}

impl ServerLink {
    fn now(&self) -> u64 {
        u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn silence(&self) -> Duration {
        let heard = self.heard.load(Ordering::Relaxed);
        Duration::from_millis(self.now().saturating_sub(heard))
    }

    /// Whether it has not answered for so long that it will take this worker for lost.
    pub fn is_lost(&self) -> bool {
        self.silence() > LINK_PATIENCE
    }

    /// Asks the server again and again whether it is there.
    pub async fn watch(&self, client: &Client) {
        loop {
            let asked = self.now();
            let ping = crate::client::ping(client);
            if let Ok(true) = tokio::time::timeout(ANSWER_TIMEOUT, ping).await {
                self.heard.fetch_max(asked, Ordering::Relaxed);
            }
            tokio::time::sleep(LINK_INTERVAL).await;
        }
    }

    /// Whether a step may begin. It can have come to a worker that the server does not reach any
    /// more, and what may run only once is to begin only where the server knows of it.
    pub async fn may_begin(&self, context: &ActivityContext, once: bool) -> bool {
        if !once && self.silence() < FRESH {
            return true;
        }
        let begun = Instant::now();
        while begun.elapsed() < MOST_ASKING {
            match self.heartbeat(context).await {
                HeartbeatAnswer::Counted => return true,
                HeartbeatAnswer::GivenUp => return false,
                HeartbeatAnswer::None => tokio::time::sleep(LINK_INTERVAL).await,
            }
        }
        false
    }

    /// Whether the server has given a step up that is to be stopped, so that it may run elsewhere.
    pub async fn is_given_up(&self, context: &ActivityContext) -> bool {
        matches!(self.heartbeat(context).await, HeartbeatAnswer::GivenUp)
    }

    /// Sends a heartbeat, and waits for what the server says.
    async fn heartbeat(&self, context: &ActivityContext) -> HeartbeatAnswer {
        let client = context.client();
        let said = Payload {
            metadata: [(String::from("encoding"), b"json/plain".to_vec())].into(),
            data: format!("\"{BEGUN}\"").into_bytes(),
            ..Default::default()
        };
        let request = RecordActivityTaskHeartbeatRequest {
            task_token: context.info().task_token.clone(),
            details: Some(Payloads {
                payloads: vec![said],
            }),
            namespace: client.options().namespace.clone(),
            ..Default::default()
        };
        let asked = self.now();
        let mut service = client.connection().workflow_service();
        let sent = service.record_activity_task_heartbeat(tonic::Request::new(request));
        match tokio::time::timeout(ANSWER_TIMEOUT, sent).await {
            Ok(Ok(_)) => {
                self.heard.fetch_max(asked, Ordering::Relaxed);
                HeartbeatAnswer::Counted
            }
            Ok(Err(status)) if status.code() == tonic::Code::NotFound => HeartbeatAnswer::GivenUp,
            Ok(Err(_)) | Err(_) => HeartbeatAnswer::None,
        }
    }
}
