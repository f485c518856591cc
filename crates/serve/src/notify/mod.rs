//! Notifications of runs: to webhooks, Slack, Microsoft Teams, and by mail.
//!
//! What is to be said is decided from the events of a run alone ([`decide`]). A follower writes it
//! into an outbox in the server's database, in one transaction with how far it has looked
//! ([`follow`]); for each target a task sends from there ([`deliver`]). So a message is neither
//! lost nor written twice, whenever the server is killed; one that was being sent then is sent
//! again, under the same id.

mod decide;
mod deliver;
mod follow;
mod mail;
mod message;
mod outbox;
mod post;
mod slack;
mod target;
mod teams;
#[cfg(test)]
mod tests;
mod text;
mod webhook;

pub(crate) use mail::{check_address as check_mail_address, check_server as check_mail_server};
pub(crate) use outbox::Outbox;
pub(crate) use target::Targets;

use std::sync::Arc;

use tokio::sync::{Semaphore, watch};

use crate::app::App;
use crate::error::ServeError;

/// So many messages are being sent at once.
const MAX_SENDING: usize = 4;

/// Prepares a start of the server, before any run begins.
pub(crate) fn prepare(app: &App) -> Result<(), ServeError> {
    app.stores.with(|stores| follow::prepare(app, stores))?
}

/// Follows the runs, and sends what is to be said of them, for as long as the server runs.
pub(crate) fn start(app: &App) {
    let targets = app.notify.clone();
    if targets.is_empty() {
        return;
    }
    let new = watch::Sender::new(0_u64);
    let places = Arc::new(Semaphore::new(MAX_SENDING));
    for target in targets.all() {
        let stores = app.stores.clone();
        let sender = deliver::Sender::new(stores, target.clone(), places.clone());
        tokio::spawn(sender.run(new.subscribe()));
    }
    tokio::spawn(follow::follow(app.clone(), new));
}
