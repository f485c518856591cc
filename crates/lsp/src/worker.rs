//! The worker thread: answers requests one after the other, and publishes diagnostics when no
//! request is waiting.

use std::collections::{HashMap, HashSet, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender};
use std::sync::{Arc, Mutex, PoisonError};

use lsp_server::{ErrorCode, RequestId, Response};
use serde_json::{Value, json};

use super::ServerEnvironment;
use super::analysis_cache::AnalysisCache;
use super::answer::{self, diagnostics};
use super::background::BackgroundFindings;
use super::commands::Executed;
use super::server::reply;
use super::session::Snapshot;

/// A job.
pub(super) enum WorkerJob {
    /// A request.
    Answer {
        /// Its id.
        id: RequestId,
        /// Its method.
        method: String,
        /// Its parameters.
        params: Value,
        /// The snapshot that it refers to.
        snapshot: Arc<Snapshot>,
    },
    /// Shutdown.
    Stop,
    /// A command has ended.
    Executed(Executed),
    /// A document changed.
    Check(Arc<Snapshot>),
    /// A full check of everything that the last change could affect.
    Whole(Arc<Snapshot>),
    /// The slow checks have ended.
    Proved {
        /// The findings.
        found: Vec<BackgroundFindings>,
        /// The snapshot that was checked.
        snapshot: Arc<Snapshot>,
    },
}

/// Cancellation: set by the main loop, read by the worker.
#[derive(Debug, Clone, Default)]
pub(super) struct CancelledRequests {
    requests: Arc<Mutex<HashSet<RequestId>>>,
    moment: Arc<AtomicU64>,
}

impl CancelledRequests {
    /// Cancels a request.
    pub(super) fn stop(&self, id: RequestId) {
        let mut requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        // Ids of requests that were answered long ago are dropped.
        if requests.len() > 10_000 {
            requests.clear();
        }
        requests.insert(id);
    }

    /// Announces a later snapshot.
    pub(super) fn passed(&self, moment: u64) {
        self.moment.store(moment, Ordering::Release);
    }

    fn is_stopped(&self, id: &RequestId) -> bool {
        let mut requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        requests.remove(id)
    }

    fn is_past(&self, snapshot: &Snapshot) -> bool {
        self.moment.load(Ordering::Acquire) > snapshot.moment
    }
}

/// The target of the server's log events.
const TARGET: &str = "lockstep::lsp";

/// The worker's state.
pub(super) struct Worker {
    cache: AnalysisCache,
    replies: Sender<Value>,
    stopped: CancelledRequests,
    /// How many requests were sent to the client.
    asked: u32,
    /// The diagnostics that the client shows, by address.
    shown: HashMap<String, Value>,
}

impl Worker {
    /// A worker that sends its answers to `replies`.
    pub(super) fn new(
        outside: Arc<ServerEnvironment>,
        replies: Sender<Value>,
        stopped: CancelledRequests,
    ) -> Self {
        Self {
            cache: AnalysisCache::new(outside),
            replies,
            stopped,
            asked: 0,
            shown: HashMap::new(),
        }
    }

    /// Works until the queue is closed.
    pub(super) fn work(&mut self, queue: &Receiver<WorkerJob>) {
        let mut waiting: VecDeque<WorkerJob> = VecDeque::new();
        loop {
            waiting.extend(queue.try_iter());
            let job = match waiting.pop_front() {
                Some(job) => job,
                None => match queue.recv() {
                    Ok(job) => job,
                    Err(_) => return,
                },
            };
            match job {
                WorkerJob::Answer {
                    id,
                    method,
                    params,
                    snapshot,
                } => self.answer(id, &method, params, &snapshot),
                WorkerJob::Check(snapshot) => {
                    // What the incremental check does not find the prover finds in a moment; where
                    // it finds nothing, waiting requests come first.
                    if !self.quick(&snapshot) {
                        waiting.push_back(WorkerJob::Whole(snapshot));
                    }
                }
                WorkerJob::Whole(snapshot) => {
                    let span = tracing::debug_span!(target: TARGET, "check");
                    span.in_scope(|| self.check(&snapshot));
                    tracing::debug!(target: TARGET, "checked");
                }
                WorkerJob::Stop => return,
                WorkerJob::Executed(executed) => self.executed(executed),
                WorkerJob::Proved { found, snapshot } => self.proved(found, &snapshot),
            }
        }
    }

    fn answer(&mut self, id: RequestId, method: &str, params: Value, snapshot: &Arc<Snapshot>) {
        let span = tracing::debug_span!(target: TARGET, "request", %id, method);
        let _entered = span.enter();
        tracing::debug!(target: TARGET, "is answered");
        let response = if self.stopped.is_stopped(&id) {
            let why = String::from("the request was cancelled");
            Response::new_err(id, ErrorCode::RequestCanceled as i32, why)
        } else {
            let cache = &mut self.cache;
            let answered = catch_unwind(AssertUnwindSafe(|| {
                answer::answer(cache, snapshot, method, params)
            }));
            match answered {
                Ok(Ok(result)) => Response::new_ok(id, result),
                Ok(Err((code, why))) => Response::new_err(id, code as i32, why),
                Err(_) => {
                    // After a panic no partial state is kept.
                    self.cache = AnalysisCache::new(self.cache.outside.clone());
                    let why = format!("internal error while answering `{method}`");
                    Response::new_err(id, ErrorCode::InternalError as i32, why)
                }
            }
        };
        let _ = self.replies.send(reply(&response));
    }

    /// Answers a command that has ended, and shows what it has said.
    fn executed(&mut self, executed: Executed) {
        let (answer, mut message) = executed.shown(&self.cache.outside);
        let _ = self.replies.send(reply(&answer));
        if message["method"] == "window/showDocument" {
            message["id"] = json!(self.next_id());
        }
        let _ = self.replies.send(message);
    }

    fn next_id(&mut self) -> String {
        self.asked += 1;
        format!("lockstep-worker-{}", self.asked)
    }

    /// Adopts the slow findings and publishes them.
    fn proved(&mut self, found: Vec<BackgroundFindings>, snapshot: &Arc<Snapshot>) {
        for proved in found {
            self.cache
                .check_in_background(&proved.document, proved.diagnostics);
            proved
                .known
                .into_iter()
                .for_each(|known| self.cache.store_full_check(known));
        }
        if !snapshot.client.pulls {
            return self.check(snapshot);
        }
        if self.stopped.is_past(snapshot) {
            return;
        }
        let cache = &mut self.cache;
        let news = catch_unwind(AssertUnwindSafe(|| diagnostics::are_news(cache, snapshot)));
        if news.unwrap_or(true) {
            self.ask("workspace/diagnostic/refresh");
        }
    }

    /// Sends a refresh request to the client.
    fn ask(&mut self, method: &str) {
        let id = self.next_id();
        let _ = self.replies.send(json!({ "id": id, "method": method }));
    }

    /// Publishes the result of an incremental check. Returns whether that is all for now.
    fn quick(&mut self, snapshot: &Arc<Snapshot>) -> bool {
        if self.stopped.is_past(snapshot) {
            return true;
        }
        if snapshot.client.pulls {
            return false;
        }
        let cache = &mut self.cache;
        let found = catch_unwind(AssertUnwindSafe(|| diagnostics::quick(cache, snapshot)));
        match found {
            Ok(Some((uri, params))) => {
                self.publish(&params);
                self.shown.insert(uri, params);
                true
            }
            Ok(None) => false,
            Err(_) => {
                self.cache = AnalysisCache::new(self.cache.outside.clone());
                false
            }
        }
    }

    /// Checks what changed and publishes the result, unless it has changed again.
    fn check(&mut self, snapshot: &Arc<Snapshot>) {
        if self.stopped.is_past(snapshot) {
            return;
        }
        self.cache.forget(snapshot);
        if snapshot.client.pulls {
            return;
        }
        let cache = &mut self.cache;
        let stopped = &self.stopped;
        let found = catch_unwind(AssertUnwindSafe(|| {
            diagnostics::all(cache, snapshot, &|| stopped.is_past(snapshot))
        }));
        let Ok(found) = found else {
            self.cache = AnalysisCache::new(self.cache.outside.clone());
            return;
        };
        let Some(found) = found else {
            return;
        };
        self.show(found);
    }

    fn publish(&self, params: &Value) {
        let _ = self.replies.send(json!({
            "method": "textDocument/publishDiagnostics",
            "params": params,
        }));
    }

    /// Publishes the diagnostics that differ from those shown.
    fn show(&mut self, found: HashMap<String, Value>) {
        let gone = self.shown.keys().filter(|uri| !found.contains_key(*uri));
        let empty = gone.map(|uri| (uri.clone(), json!({ "uri": uri, "diagnostics": [] })));
        let mut news: Vec<(String, Value)> = found.clone().into_iter().chain(empty).collect();
        news.retain(|(uri, params)| self.shown.get(uri) != Some(params));
        news.sort_by(|a, b| a.0.cmp(&b.0));
        for (_, params) in news {
            self.publish(&params);
        }
        self.shown = found;
    }
}
