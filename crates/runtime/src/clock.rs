//! The clock of a run: the time of day for display, and a monotonic time for timers.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::processes;

/// A future that is ready at a certain time.
pub type Sleep = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Provides a run with the time.
pub trait Clock: Send + Sync {
    /// The time of day. What took how long is shown by it, so it should not jump.
    fn now(&self) -> Timestamp;

    /// The time of day as the system has it now, whoever has set it: whether a deployment window is
    /// open is asked by it.
    fn time_of_day(&self) -> Timestamp {
        self.now()
    }

    /// The time since some moment before the run. It never goes backwards.
    fn elapsed(&self) -> Duration;

    /// Ready as soon as [`Clock::elapsed`] is at least `at`.
    fn sleep_until(&self, at: Duration) -> Sleep;
}

/// The clock of the system. It needs a tokio runtime with timers enabled, which a run has.
///
/// Its time of day is read once; from then on it goes as the time since boot does, also while the
/// machine sleeps. So what a run reports never jumps when somebody sets the system's clock.
#[derive(Debug, Clone, Copy)]
pub struct SystemClock {
    begun: Instant,
    begun_at: Timestamp,
    /// The time since boot then, in nanoseconds; 0 where there is none.
    since_boot: u64,
}

impl SystemClock {
    /// A clock that starts now.
    pub fn new() -> Self {
        Self {
            begun: Instant::now(),
            begun_at: Timestamp::now(),
            since_boot: processes::now(),
        }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let since = match self.since_boot {
            0 => self.begun.elapsed(),
            before => Duration::from_nanos(processes::now().saturating_sub(before)),
        };
        let since = jiff::SignedDuration::try_from(since).unwrap_or(jiff::SignedDuration::MAX);
        self.begun_at.checked_add(since).unwrap_or(Timestamp::MAX)
    }

    fn time_of_day(&self) -> Timestamp {
        Timestamp::now()
    }

    fn elapsed(&self) -> Duration {
        self.begun.elapsed()
    }

    fn sleep_until(&self, at: Duration) -> Sleep {
        match self.begun.checked_add(at) {
            Some(at) => Box::pin(tokio::time::sleep_until(at.into())),
            None => Box::pin(std::future::pending()),
        }
    }
}

/// A simulated clock that stands still until it is moved. Its clones are the same clock.
///
/// ```
/// use std::time::Duration;
/// use lockstep_runtime::clock::{Clock, SimulatedClock};
///
/// let clock = SimulatedClock::new();
/// clock.advance(Duration::from_secs(3600));
/// assert_eq!(clock.elapsed(), Duration::from_secs(3600));
/// ```
#[derive(Debug, Clone, Default)]
pub struct SimulatedClock(Arc<Mutex<Simulated>>);

#[derive(Debug, Default)]
struct Simulated {
    elapsed: Duration,
    /// The sleepers, by their wake time and the order in which they came.
    sleepers: BTreeMap<(Duration, u64), Waker>,
    next: u64,
}

impl SimulatedClock {
    /// A clock that shows 1970-01-01.
    pub fn new() -> Self {
        Self::default()
    }

    /// Moves the clock forwards.
    pub fn advance(&self, by: Duration) {
        let mut simulated = self.lock();
        simulated.elapsed = simulated.elapsed.saturating_add(by);
        let later = simulated.elapsed.saturating_add(Duration::from_nanos(1));
        let asleep = simulated.sleepers.split_off(&(later, 0));
        let awake = std::mem::replace(&mut simulated.sleepers, asleep);
        // A woken task may read the clock.
        drop(simulated);
        awake.into_values().for_each(Waker::wake);
    }

    /// The earliest time for which a sleeper waits, if there is one.
    pub fn next_wake(&self) -> Option<Duration> {
        self.lock().sleepers.keys().next().map(|(at, _)| *at)
    }

    fn lock(&self) -> MutexGuard<'_, Simulated> {
        // No operation under the lock stops half-way.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Clock for SimulatedClock {
    fn now(&self) -> Timestamp {
        let elapsed = i64::try_from(self.elapsed().as_millis()).unwrap_or(i64::MAX);
        Timestamp::from_millisecond(elapsed).unwrap_or(Timestamp::MAX)
    }

    fn elapsed(&self) -> Duration {
        self.lock().elapsed
    }

    fn sleep_until(&self, at: Duration) -> Sleep {
        Box::pin(SimulatedSleep {
            clock: self.clone(),
            at,
            key: None,
        })
    }
}

struct SimulatedSleep {
    clock: SimulatedClock,
    at: Duration,
    key: Option<(Duration, u64)>,
}

impl Future for SimulatedSleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        let mut simulated = this.clock.lock();
        if simulated.elapsed >= this.at {
            return Poll::Ready(());
        }
        let number = simulated.next;
        let key = *this.key.get_or_insert((this.at, number));
        if key.1 == number {
            simulated.next += 1;
        }
        simulated.sleepers.insert(key, context.waker().clone());
        Poll::Pending
    }
}

impl Drop for SimulatedSleep {
    fn drop(&mut self) {
        if let Some(key) = self.key {
            self.clock.lock().sleepers.remove(&key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(flavor = "current_thread")]
    async fn sleepers_wake_in_their_order_and_not_before() {
        let clock = SimulatedClock::new();
        let (first, second) = (Duration::from_secs(1), Duration::from_secs(2));
        let mut late = clock.sleep_until(second);
        let mut early = clock.sleep_until(first);
        assert!(futures_poll(&mut late).is_pending() && futures_poll(&mut early).is_pending());
        assert_eq!(clock.next_wake(), Some(first));
        clock.advance(first);
        assert!(futures_poll(&mut early).is_ready());
        assert!(futures_poll(&mut late).is_pending());
        drop(early);
        clock.advance(first);
        assert!(futures_poll(&mut late).is_ready());
        drop(late);
        assert_eq!(clock.next_wake(), None);
    }

    fn futures_poll(sleep: &mut Sleep) -> Poll<()> {
        let mut context = Context::from_waker(Waker::noop());
        sleep.as_mut().poll(&mut context)
    }
}
