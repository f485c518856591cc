//! Sending: one task for each target, so that one that is slow or gone holds no other back.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use tokio::sync::{Semaphore, watch};

use super::message::Message;
use super::outbox::{NextDelivery, Outbox};
use super::target::Target;
use crate::error::ServeError;
use crate::stores::StorePool;

/// A sender that has nothing to do looks again after this time, whatever it hears.
const MAX_IDLE: Duration = Duration::from_secs(60);
/// After an error of the database, which may be busy.
const ERROR_PAUSE: Duration = Duration::from_secs(5);

/// A message on its way.
#[derive(Debug, Clone)]
pub(super) struct Delivery {
    /// Its row in the outbox.
    pub(super) number: i64,
    /// The same for every try.
    pub(super) id: String,
    /// The same for all messages of a run to a target.
    pub(super) root: String,
    pub(super) message: Message,
    /// Whether it is the first of its run for the target.
    pub(super) is_first: bool,
    /// The thread of its run, where one was begun.
    pub(super) thread: Option<String>,
    /// The number of this try, from 1.
    pub(super) attempts: i64,
    /// When it was written.
    pub(super) at: SystemTime,
}

/// What a target says to a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Sent {
    /// The thread of the run.
    pub(super) thread: Option<String>,
}

/// Sends what is in the outbox for one target.
pub(super) struct Sender {
    stores: StorePool,
    target: Arc<Target>,
    places: Arc<Semaphore>,
}

impl Sender {
    pub(super) fn new(stores: StorePool, target: Arc<Target>, places: Arc<Semaphore>) -> Self {
        Self {
            stores,
            target,
            places,
        }
    }

    /// Sends for as long as there may be something new.
    pub(super) async fn run(self, mut new: watch::Receiver<u64>) {
        loop {
            new.borrow_and_update();
            let pause = match self.step().await {
                Ok(None) => continue,
                Ok(Some(pause)) => pause,
                Err(error) => {
                    tracing::warn!(target: "lockstep::serve", %error, "notifications wait");
                    ERROR_PAUSE
                }
            };
            if let Ok(Err(_)) = tokio::time::timeout(pause, new.changed()).await {
                return;
            }
        }
    }

    /// Sends one message; how long to wait where there is none to be sent now.
    pub(super) async fn step(&self) -> Result<Option<Duration>, ServeError> {
        let id = self.target.id.clone();
        let next = self.stores.run(move |stores| {
            let take = || Outbox::of(stores.access.connection()).take(&id, Timestamp::now());
            stores
                .access
                .in_transaction(|| take().map_err(ServeError::database))
        });
        let delivery = match next.await?? {
            NextDelivery::Send(delivery) => delivery,
            NextDelivery::Wait(until) => {
                let pause = Timestamp::now().duration_until(until).unsigned_abs();
                return Ok(Some(pause.clamp(Duration::from_millis(10), MAX_IDLE)));
            }
            NextDelivery::Nothing => return Ok(Some(MAX_IDLE)),
        };
        let place = self.places.acquire().await.map_err(ServeError::database)?;
        let (target, sending) = (self.target.clone(), delivery.clone());
        let sent = tokio::task::spawn_blocking(move || target.send(&sending)).await;
        let sent = sent.map_err(ServeError::database)?;
        drop(place);
        let target = self.target.clone();
        let settled = self.stores.run(move |stores| {
            let settle = || {
                let outbox = Outbox::of(stores.access.connection());
                let now = Timestamp::now();
                match &sent {
                    Ok(sent) => {
                        outbox.sent(&delivery, &target.id, sent.thread.as_deref(), now)?;
                        Ok(None)
                    }
                    Err(error) => {
                        let is_over = outbox.failed(&delivery, error, now)?;
                        Ok(Some((error.message.clone(), is_over)))
                    }
                }
            };
            let settle = || settle().map_err(|it: rusqlite::Error| ServeError::database(it));
            stores.access.in_transaction(settle)
        });
        if let Some((why, is_over)) = settled.await?? {
            let to = &self.target.name;
            tracing::warn!(target: "lockstep::serve", to, why, is_over, "a message was not sent");
        }
        Ok(None)
    }
}
