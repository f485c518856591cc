//! Deployment windows: says when those that the machine waits for are open. It goes by the time of
//! day as it is now, which may be set at any time, so it looks again and again.

use std::time::Duration;

use jiff::Timestamp;

use super::Driver;
use lockstep_engine::{EffectId, Event, PendingWindow};
use lockstep_lang::ir::Window;
use lockstep_lang::ir::window::WindowState;

/// So often it is looked at least: the clock may have been set.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// Windows that must be open for some time.
#[derive(Debug)]
pub(super) struct AwaitedWindow {
    windows: Vec<Window>,
    needs_ms: u64,
    /// When they open, as the machine has been told.
    told: Option<Timestamp>,
    /// When it was looked last.
    looked: Duration,
}

impl Driver<'_> {
    pub(super) fn await_window(&mut self, id: EffectId, wanted: PendingWindow) {
        let PendingWindow {
            windows, needs_ms, ..
        } = wanted;
        let awaited = AwaitedWindow {
            windows,
            needs_ms,
            told: None,
            looked: Duration::ZERO,
        };
        self.windows.insert(id, awaited);
        self.look_at_window(id, true);
    }

    /// Looks whether what is waited for is open.
    pub(super) fn look_at_windows(&mut self) {
        let all: Vec<EffectId> = self.windows.keys().copied().collect();
        for id in all {
            self.look_at_window(id, false);
        }
    }

    fn look_at_window(&mut self, id: EffectId, at_once: bool) {
        let (now, elapsed) = (self.platform.clock.time_of_day(), self.elapsed());
        let Some(awaited) = self.windows.get_mut(&id) else {
            return;
        };
        let opens = awaited.told.is_some_and(|told| told <= now);
        if !at_once && !opens && elapsed.saturating_sub(awaited.looked) < LOOK_EVERY {
            return;
        }
        awaited.looked = elapsed;
        match WindowState::of(&awaited.windows, awaited.needs_ms, now) {
            WindowState::Open => {
                self.windows.remove(&id);
                self.inbox.push_back(Event::WindowOpen { id });
            }
            WindowState::Closed { opens_at, refused } => {
                if !at_once && opens_at == awaited.told && !refused {
                    return;
                }
                awaited.told = opens_at;
                if refused || opens_at.is_none() {
                    self.windows.remove(&id);
                }
                let opens_at = opens_at.map(Timestamp::as_millisecond);
                self.inbox.push_back(Event::WindowClosed {
                    id,
                    opens_at,
                    refused,
                });
            }
        }
    }
}
