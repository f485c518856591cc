//! Clients that show wrong tokens, cookies or links again and again are not listened to for a
//! while: nobody guesses a secret of 256 bits, but each guess is a question to the database.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// So many wrong ones are listened to within [`WINDOW`].
const MAX_WRONG: u32 = 60;
/// After this time they are forgotten.
const WINDOW: Duration = Duration::from_secs(60);
/// So many clients are remembered.
const MAX_CLIENTS: usize = 10_000;

/// What clients have shown wrong lately.
#[derive(Debug, Default)]
pub(crate) struct Guesses(Mutex<HashMap<String, (Instant, u32)>>);

impl Guesses {
    /// How long a client is not listened to, if it is not.
    pub(crate) fn blocked(&self, client: &str) -> Option<Duration> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (since, wrong) = known.get(client)?;
        let left = WINDOW.checked_sub(since.elapsed())?;
        (*wrong >= MAX_WRONG).then_some(left)
    }

    /// A client has shown something wrong.
    pub(crate) fn wrong(&self, client: &str) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MAX_CLIENTS {
            known.retain(|_, (since, _)| since.elapsed() < WINDOW);
        }
        if known.len() >= MAX_CLIENTS {
            // As many as that are no clients: who they are is not asked any more.
            known.clear();
        }
        let entry = known
            .entry(client.to_owned())
            .or_insert((Instant::now(), 0));
        if entry.0.elapsed() >= WINDOW {
            *entry = (Instant::now(), 0);
        }
        entry.1 += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_that_guesses_is_not_listened_to_and_others_are() {
        let guesses = Guesses::default();
        for _ in 0..MAX_WRONG {
            assert_eq!(guesses.blocked("a"), None);
            guesses.wrong("a");
        }
        assert!(guesses.blocked("a").is_some_and(|left| left <= WINDOW));
        assert_eq!(guesses.blocked("b"), None);
        for client in 0..2 * MAX_CLIENTS {
            guesses.wrong(&client.to_string());
        }
        assert!(guesses.0.lock().unwrap().len() <= MAX_CLIENTS);
    }
}
