//! The deployment windows that a run waits for: says when they are open, by the time of day that it
//! is told.

use std::collections::BTreeMap;

use jiff::Timestamp;
use lockstep_engine::{EffectId, Event, PendingWindow};
use lockstep_lang::ir::window::WindowState;

/// The windows that a run waits for.
#[derive(Debug, Clone, Default)]
pub struct RunWindows(BTreeMap<EffectId, AwaitedWindow>);

#[derive(Debug, Clone)]
struct AwaitedWindow {
    window: PendingWindow,
    /// When they open, in milliseconds since 1970, as the machine was told.
    opens_at: Option<i64>,
}

impl RunWindows {
    /// The machine waits for windows: whether they are open now.
    pub fn await_window(&mut self, id: EffectId, window: PendingWindow, now: i64) -> Option<Event> {
        let opens_at = None;
        self.0.insert(id, AwaitedWindow { window, opens_at });
        self.look_at(id, now, true)
    }

    /// The machine waits no longer.
    pub fn leave(&mut self, id: EffectId) {
        self.0.remove(&id);
    }

    /// What is to be said of windows that are due to open.
    pub fn look(&mut self, now: i64) -> Vec<Event> {
        let is_due = |it: &AwaitedWindow| it.opens_at.is_some_and(|at| at <= now);
        let due = self.0.iter().filter(|(_, it)| is_due(it));
        let due: Vec<EffectId> = due.map(|(id, _)| *id).collect();
        due.into_iter()
            .filter_map(|id| self.look_at(id, now, false))
            .collect()
    }

    /// When the next ones open.
    pub fn next(&self) -> Option<i64> {
        self.0.values().filter_map(|it| it.opens_at).min()
    }

    fn look_at(&mut self, id: EffectId, now: i64, is_first: bool) -> Option<Event> {
        let awaited = self.0.get_mut(&id)?;
        let at = Timestamp::from_millisecond(now).unwrap_or_default();
        let window = &awaited.window;
        match WindowState::of(&window.windows, window.needs_ms, at) {
            WindowState::Open => {
                self.0.remove(&id);
                Some(Event::WindowOpen { id })
            }
            WindowState::Closed { opens_at, refused } => {
                let opens_at = opens_at.map(Timestamp::as_millisecond);
                let is_new = is_first || awaited.opens_at != opens_at;
                awaited.opens_at = opens_at;
                if refused || opens_at.is_none() {
                    self.0.remove(&id);
                }
                is_new.then_some(Event::WindowClosed {
                    id,
                    opens_at,
                    refused,
                })
            }
        }
    }
}
