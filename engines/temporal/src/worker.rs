//! Workers: processes that carry out commands of a pool, and such that drive runs.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use lockstep_engine::EffectId;
use temporalio_client::Client;
use temporalio_common::telemetry::metrics::CoreMeter;
use temporalio_common::telemetry::{
    PrometheusExporterOptions, TelemetryOptions, start_prometheus_metric_exporter,
};
use temporalio_sdk::runtime::RuntimeOptions;
use temporalio_sdk::runtime::worker_tuner::{FixedSizeSlotSupplier, TunerHolder};
use temporalio_sdk::{Runtime, Worker, WorkerOptions};

use crate::earlier::JournalSteps;
use crate::lease::ServerLink;
use crate::lock_workflow::{LockSteps, SharedLock};
use crate::steps::Steps;
use crate::workflow::DeployRun;

/// The time between two heartbeats of a step; in the answer to one a worker learns that it is to
/// end.
pub const STEP_HEARTBEAT_INTERVAL: Duration = Duration::from_secs(1);

/// A worker that has driven a run and does not take its next task in this time has gone: another
/// one drives it on.
const STICKY_TIMEOUT: Duration = Duration::from_secs(5);

/// The task queue of those that drive runs.
pub const RUN_QUEUE: &str = "lockstep-runs";

/// The task queue of a pool.
pub fn pool_queue(pool: Option<&str>) -> String {
    match pool {
        Some(pool) => format!("lockstep-pool-{pool}"),
        None => String::from("lockstep-pool"),
    }
}

/// The id of the activity of a step: it says the pool, too.
pub fn step_id(id: EffectId, pool: Option<&str>) -> String {
    match pool {
        Some(pool) => format!("{} {pool}", id.0),
        None => id.0.to_string(),
    }
}

/// The pool of a step, by the id of its activity.
pub fn pool_of_step(id: &str) -> Option<&str> {
    id.split_once(' ').map(|(_, pool)| pool)
}

/// What a worker does.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WorkerDuties {
    /// The pools whose commands it carries out; nothing for the default one.
    pub pools: Vec<Option<String>>,
    /// Whether it drives runs.
    pub runs: bool,
    /// How many commands it carries out at once, in each pool.
    pub max: usize,
    /// Where it says how it does, for Prometheus.
    pub metrics: Option<SocketAddr>,
}

/// Works until the process is asked to end.
///
/// # Errors
///
/// If the server refuses it, or cannot be reached any more.
pub async fn work(
    client: Client,
    duties: &WorkerDuties,
    steps: &Steps,
    link: &ServerLink,
    stop: impl Future<Output = ()>,
) -> Result<(), String> {
    let said = |error: &dyn std::fmt::Display| error.to_string();
    let metrics = duties.metrics.map(|address| {
        let options = PrometheusExporterOptions::builder()
            .socket_addr(address)
            .build();
        start_prometheus_metric_exporter(options)
            .map_err(|error| format!("the metrics at {address} cannot be served: {error}"))
    });
    let metrics = metrics.transpose()?;
    let meter = metrics
        .as_ref()
        .map(|server| server.meter.clone() as Arc<dyn CoreMeter>);
    let telemetry = TelemetryOptions::builder().maybe_metrics(meter).build();
    let options = RuntimeOptions::builder()
        .telemetry_options(telemetry)
        .build()?;
    let runtime = Runtime::from_current_tokio(options).map_err(|error| said(&error))?;
    let mut workers = Vec::new();
    if duties.runs {
        if let Err(why) = crate::attributes::register(&client).await {
            tracing::warn!(target: "lockstep::worker", why, "runs cannot be searched for");
        }
        let options = WorkerOptions::new(RUN_QUEUE)
            .register_workflow::<DeployRun>()
            .and_then(|options| options.register_workflow::<SharedLock>())
            .map_err(|error| said(&error))?
            .register_activities(LockSteps)
            .register_activities(JournalSteps)
            .sticky_queue_schedule_to_start_timeout(STICKY_TIMEOUT)
            .build();
        workers.push(Worker::new(&runtime, client.clone(), options).map_err(|error| said(&error))?);
    }
    for pool in &duties.pools {
        let slots = FixedSizeSlotSupplier::new(duties.max.max(1));
        let none = FixedSizeSlotSupplier::new(1);
        let tuner = TunerHolder::builder()
            .activity_task_slot_supplier(slots)
            .workflow_task_slot_supplier(none)
            .local_activity_task_slot_supplier(none)
            .nexus_task_slot_supplier(none)
            .build();
        let options = WorkerOptions::new(pool_queue(pool.as_deref()))
            .register_activities(steps.clone())
            .tuner(tuner)
            .max_heartbeat_throttle_interval(STEP_HEARTBEAT_INTERVAL)
            .build();
        workers.push(Worker::new(&runtime, client.clone(), options).map_err(|error| said(&error))?);
    }
    let stops: Vec<_> = workers.iter().map(Worker::shutdown_handle).collect();
    let all = workers.iter_mut().map(|worker| worker.run());
    let all = futures::future::try_join_all(all);
    let mut all = std::pin::pin!(all);
    tokio::select! {
        ended = &mut all => return ended.map(|_| ()).map_err(|error| said(&error)),
        () = link.watch(&client) => {}
        () = stop => {}
    }
    // What is under way may end; what is killed is lost, and the runs hear of it.
    stops.iter().for_each(|stop| stop());
    all.await.map(|_| ()).map_err(|error| said(&error))
}
