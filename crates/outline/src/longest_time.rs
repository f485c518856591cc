//! How long something takes at most (the worst case): forwards, once it has been stopped, and back.
//! The ways that fail count as well: tries, handlers, rollbacks, and the time that a command may
//! need to end.

/// Times in milliseconds; nothing where nothing bounds them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct LongestTime {
    /// From its beginning to its end, whatever happens in it.
    pub(super) run: Option<u64>,
    /// From the moment in which it is stopped to its end.
    pub(super) stop: Option<u64>,
    /// To undo what it did.
    pub(super) back: Option<u64>,
}

impl Default for LongestTime {
    fn default() -> Self {
        Self::exactly(0)
    }
}

impl LongestTime {
    /// What takes so long, ends at once when it is stopped, and leaves nothing to undo.
    pub(super) fn exactly(ms: u64) -> Self {
        Self {
            run: Some(ms),
            stop: Some(0),
            back: Some(0),
        }
    }

    /// What waits for somebody, and ends at once when it is stopped.
    pub(super) fn unbounded() -> Self {
        Self {
            run: None,
            ..Self::default()
        }
    }

    /// A command, which is killed so long after it was asked to end.
    pub(super) fn of_command(grace_ms: u64) -> Self {
        Self {
            stop: Some(grace_ms),
            ..Self::unbounded()
        }
    }

    /// Something that is done after it.
    pub(super) fn then(self, other: Self) -> Self {
        Self {
            run: add(self.run, other.run),
            stop: most(self.stop, other.stop),
            back: add(self.back, other.back),
        }
    }

    /// Something that is done at the same time, or instead.
    pub(super) fn or(self, other: Self) -> Self {
        Self {
            run: most(self.run, other.run),
            stop: most(self.stop, other.stop),
            back: most(self.back, other.back),
        }
    }

    /// Something at the same time, of which one part may wait for another.
    pub(super) fn in_turn(self, other: Self) -> Self {
        Self {
            run: add(self.run, other.run),
            stop: add(self.stop, other.stop),
            back: add(self.back, other.back),
        }
    }

    /// So many rounds of the same.
    pub(super) fn times(self, rounds: u64) -> Self {
        let times = |time: Option<u64>| time.map(|time| time.saturating_mul(rounds));
        Self {
            run: times(self.run),
            stop: self.stop,
            back: times(self.back),
        }
    }

    /// It is stopped after this time.
    pub(super) fn limited(self, limit: u64) -> Self {
        let stopped = self.stop.map(|stop| limit.saturating_add(stop));
        let run = match (self.run, stopped) {
            (Some(run), Some(stopped)) => Some(run.min(stopped)),
            (run, stopped) => run.or(stopped),
        };
        Self { run, ..self }
    }
}

/// Two times together, where both are bounded.
pub(super) fn add(a: Option<u64>, b: Option<u64>) -> Option<u64> {
    Some(a?.saturating_add(b?))
}

pub(super) fn most(a: Option<u64>, b: Option<u64>) -> Option<u64> {
    Some(a?.max(b?))
}

/// What is done about the failure of a statement, and after it.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct FailureTime {
    /// The longest of its failure handlers.
    handler: LongestTime,
    /// How often one of them may have the statement tried again; nothing where nothing bounds it.
    retries: Option<u64>,
    /// The longest time in which a person is asked.
    asks: Option<u64>,
}

impl FailureTime {
    /// No handlers.
    pub(super) fn none() -> Self {
        Self {
            handler: LongestTime::default(),
            retries: Some(0),
            asks: Some(0),
        }
    }

    /// One of its handlers, which may have it tried so often, and ask for so long.
    pub(super) fn add(&mut self, handler: LongestTime, retries: Option<u64>, asks: Option<u64>) {
        self.handler = self.handler.or(handler);
        self.retries = most(self.retries, retries);
        self.asks = most(self.asks, asks);
    }

    /// A statement with what is done about its failures: `once` is one try, `tries` and `pauses`
    /// what `retry` adds, `always` what comes last; a scope undoes what was done.
    pub(super) fn around(
        self,
        once: LongestTime,
        tries: Option<u64>,
        pauses: Option<u64>,
        is_scope: bool,
        always: LongestTime,
    ) -> LongestTime {
        let handlers = add(self.retries, Some(1));
        let tries = add(tries, self.retries);
        let times = |time: Option<u64>, times: Option<u64>| match (time, times) {
            (Some(0), _) | (_, Some(0)) => Some(0),
            (time, times) => Some(time?.saturating_mul(times?)),
        };
        let handled = add(self.handler.run, self.asks);
        let done = add(once.back, self.handler.back);
        let back = if is_scope { done } else { Some(0) };
        let end = add(back, always.run);
        let run = add(
            add(times(once.run, tries), pauses),
            times(handled, handlers),
        );
        LongestTime {
            run: add(run, end),
            stop: add(add(once.stop, handled), end),
            back: add(done, always.back),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_that_is_stopped_has_its_grace() {
        let command = LongestTime::of_command(30_000);
        assert_eq!(command.limited(500).run, Some(30_500));
        assert_eq!(LongestTime::exactly(300).limited(500).run, Some(300));
        assert_eq!(LongestTime::unbounded().limited(500).run, Some(500));
    }

    #[test]
    fn handlers_tries_and_the_way_back_come_on_top() {
        let mut about = FailureTime::none();
        about.add(LongestTime::exactly(7), Some(0), Some(0));
        let once = LongestTime {
            back: Some(3),
            ..LongestTime::exactly(100)
        };
        let always = LongestTime::exactly(1);
        let whole = about.around(once, Some(2), Some(10), true, always);
        assert_eq!(whole.run, Some(2 * 100 + 10 + 7 + 3 + 1));
        assert_eq!(whole.stop, Some(7 + 3 + 1));
        let open = about.around(once, None, Some(10), false, always);
        assert_eq!(open.run, None);
    }
}
