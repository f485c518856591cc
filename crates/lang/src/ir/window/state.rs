//! What is to be said of windows at some time, to what waits for them.

use jiff::Timestamp;

use super::{OutsideWindow, Window, next_open_for};

/// Whether windows are open for as long as something needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WindowState {
    /// They are.
    Open,
    /// They are not.
    Closed {
        /// When they are; nothing where they never are.
        opens_at: Option<Timestamp>,
        /// Whether one of those that are closed refuses what comes then.
        refused: bool,
    },
}

impl WindowState {
    /// The state of windows for something that needs so many milliseconds.
    pub fn of(windows: &[Window], needs_ms: u64, now: Timestamp) -> Self {
        let all: Vec<&Window> = windows.iter().collect();
        let opens_at = next_open_for(&all, now, needs_ms);
        if opens_at == Some(now) {
            return Self::Open;
        }
        let refuses = |window: &&Window| {
            let closed = window.next_open_for(now, needs_ms) != Some(now);
            window.outside == OutsideWindow::Refuse && closed
        };
        let refused = windows.iter().any(|it| refuses(&it));
        Self::Closed { opens_at, refused }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ir::window::read_open;
    use lockstep_base::source::{FileId, Span};

    fn window(open: &str, outside: OutsideWindow) -> Window {
        Window {
            name: "w".into(),
            doc: None,
            span: Span::new(FileId(0), 0, 0),
            open: read_open(open).unwrap(),
            except: Vec::new(),
            zone: "UTC".into(),
            outside,
        }
    }

    #[test]
    fn only_a_window_that_is_closed_itself_refuses() {
        let hour = 60 * 60_000;
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let waits = window("daily 12:00-14:00", OutsideWindow::Wait);
        let refuses = window("daily 08:00-13:00", OutsideWindow::Refuse);
        let both = [waits, refuses];
        let early = WindowState::of(&both, hour, at("2026-12-07T09:00:00Z"));
        let noon = Some(at("2026-12-07T12:00:00Z"));
        let expected = |opens_at, refused| WindowState::Closed { opens_at, refused };
        assert_eq!(early, expected(noon, false));
        assert_eq!(
            WindowState::of(&both, hour, at("2026-12-07T12:00:00Z")),
            WindowState::Open
        );
        let late = WindowState::of(&both, hour, at("2026-12-07T12:30:00Z"));
        assert_eq!(late, expected(Some(at("2026-12-08T12:00:00Z")), true));
        assert_eq!(
            WindowState::of(&both, 2 * hour, at("2026-12-07T12:00:00Z")),
            expected(None, true)
        );
    }
}
