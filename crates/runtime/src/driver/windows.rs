//! Deployment windows: says when those that the machine waits for are open. It goes by the time of
//! day as it is now, which may be set at any time, so it looks again and again.

use std::time::Duration;

use jiff::Timestamp;

use super::Driver;
use lockstep_engine::{EffectId, Event, PendingWindow};
use lockstep_lang::ir::window::next_open_for;
use lockstep_lang::ir::{OutsideWindow, Window};

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

/// What is to be said of windows at some time.
#[derive(Debug, PartialEq, Eq)]
enum WindowState {
    Open,
    Closed {
        opens_at: Option<Timestamp>,
        refused: bool,
    },
}

fn state(windows: &[Window], needs_ms: u64, now: Timestamp) -> WindowState {
    let all: Vec<&Window> = windows.iter().collect();
    let opens_at = next_open_for(&all, now, needs_ms);
    if opens_at == Some(now) {
        return WindowState::Open;
    }
    let refuses = |window: &&Window| {
        let closed = window.next_open_for(now, needs_ms) != Some(now);
        window.outside == OutsideWindow::Refuse && closed
    };
    let refused = windows.iter().any(|it| refuses(&it));
    WindowState::Closed { opens_at, refused }
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
        match state(&awaited.windows, awaited.needs_ms, now) {
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

#[cfg(test)]
mod tests {
    use super::*;
    use lockstep_base::source::{FileId, Span};
    use lockstep_lang::ir::window::read_open;

    fn window(open: &str, outside: OutsideWindow) -> Window {
        Window {
            name: "w".into(),
            doc: None,
            span: Span::new(FileId(0), 0, 0),
            open: read_open(open).expect("times"),
            except: Vec::new(),
            zone: "UTC".into(),
            outside,
        }
    }

    #[test]
    fn only_a_window_that_is_closed_itself_refuses() {
        let hour = 60 * 60_000;
        let at = |text: &str| text.parse::<Timestamp>().expect("a time");
        let waits = window("daily 12:00-14:00", OutsideWindow::Wait);
        let refuses = window("daily 08:00-13:00", OutsideWindow::Refuse);
        let both = [waits, refuses];
        let early = state(&both, hour, at("2026-12-07T09:00:00Z"));
        let noon = Some(at("2026-12-07T12:00:00Z"));
        let expected = |opens_at, refused| WindowState::Closed { opens_at, refused };
        assert_eq!(early, expected(noon, false));
        assert_eq!(
            state(&both, hour, at("2026-12-07T12:00:00Z")),
            WindowState::Open
        );
        let late = state(&both, hour, at("2026-12-07T12:30:00Z"));
        assert_eq!(late, expected(Some(at("2026-12-08T12:00:00Z")), true));
        assert_eq!(
            state(&both, 2 * hour, at("2026-12-07T12:00:00Z")),
            expected(None, true)
        );
    }
}
