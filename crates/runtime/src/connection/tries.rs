//! How often a command is tried that has never reported its start: nothing has happened on the
//! other side then, so that another try is always right.

use std::time::Duration;

use tokio::time::Instant;

/// The first pause; each further one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(250);

/// How often something is tried at most.
const MAX_TRIES: u32 = 5;

/// After so long nothing is tried again: who waits for it wants to know.
const TRIES_TIMEOUT: Duration = Duration::from_secs(15);

/// The tries of one command.
#[derive(Debug)]
pub(crate) struct Tries {
    begun: Instant,
    number: u32,
}

impl Tries {
    pub(crate) fn new() -> Self {
        Self {
            begun: Instant::now(),
            number: 1,
        }
    }

    /// The pause before another try; nothing after the last one.
    pub(crate) fn another(&mut self) -> Option<Duration> {
        if self.number >= MAX_TRIES || self.begun.elapsed() >= TRIES_TIMEOUT {
            return None;
        }
        let pause = FIRST_PAUSE * 2_u32.pow(self.number - 1);
        self.number += 1;
        Some(pause)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_pauses_grow() {
        let mut tries = Tries::new();
        let pauses: Vec<u128> = std::iter::from_fn(|| tries.another())
            .map(|pause| pause.as_millis())
            .collect();
        assert_eq!(pauses, [250, 500, 1000, 2000]);
        let mut late = Tries {
            begun: Instant::now() - TRIES_TIMEOUT,
            number: 1,
        };
        assert_eq!(late.another(), None);
    }
}
