//! A run in its next execution: what the executions before have handled is handled again, and what
//! was left goes on. Where the last one was broken off, the run is resumed.

use lockstep_base::source::Name;
use lockstep_engine::{EffectOutcome, Event, LockDemand, PendingEffects};
use lockstep_lang::ir::FailureClass;
use lockstep_plan::queue_lock;

use super::{QUEUE_REQUEST, RunLoop, RunLoopError};
use crate::wire::{JournalLine, Packed, ResumedRun};

impl RunLoop {
    /// Handles again what earlier executions have handled.
    pub(super) fn replay(
        &mut self,
        pieces: &[Packed<Vec<JournalLine>>],
        resumed: Option<&ResumedRun>,
    ) -> Result<(), RunLoopError> {
        let mut left = PendingEffects::default();
        let mut last_at = 0;
        for line in pieces.iter().flat_map(|piece| &piece.0) {
            let _ = left.answered(&line.event);
            match &line.event {
                Event::DeployedMeanwhile { later, .. } => self.locks.remember(later),
                Event::Resumed { .. } => self.locks.was_resumed(),
                _ => {}
            }
            last_at = line.at / 1_000_000;
            let effects = self.machine.handle(line.clock, line.event.clone());
            self.check()?;
            for effect in effects {
                self.makers.note(&effect);
                self.early.note(&effect);
                if let Some(told) = left.requested(effect) {
                    self.locks.note(&told, line.at / 1_000_000);
                }
            }
            self.clock_base = self.clock_base.max(line.clock);
            self.clock_now = self.clock_base;
            self.recorded = line.seq;
        }
        for (id, at) in left.timers {
            self.set_timer(id, at);
        }
        for (id, (_, question)) in left.questions {
            self.questions.insert(id, question);
        }
        for (id, window) in left.windows {
            let event = self.windows.await_window(id, window, self.time_now);
            self.inbox.extend(event);
        }
        for (id, request) in left.locks {
            self.locks.restore(id, request);
        }
        // Nothing was under way when the execution before went on in this one. Where it was broken
        // off, what it had begun has ended by now, and nobody has heard how.
        for (id, (node, command)) in left.commands {
            match resumed.and_then(|_| not_again(command.once, left.stopped.contains(&id))) {
                Some(outcome) => self.take(Event::Ended { id, outcome }),
                None => self.queue_command(id, node, command),
            }
        }
        for (id, call) in left.actions {
            match resumed.and_then(|_| not_again(call.once, left.stopped.contains(&id))) {
                Some(outcome) => self.take(Event::Ended { id, outcome }),
                None => self.queue_call(id, *call),
            }
        }
        let asks = match resumed {
            None => self.locks.go_on(),
            Some(resumed) => {
                self.resumption = Some(resumed.clone());
                let place = self.queue.as_ref().map(|queue| {
                    let name = queue_lock(&queue.name);
                    (QUEUE_REQUEST, LockDemand { name, limit: 1 })
                });
                self.locks.resume(place, last_at, self.time_now)
            }
        };
        self.acts.extend(asks);
        self.start_waiting();
        Ok(())
    }

    /// A resumed run that has its locks goes on: the machine hears first who resumes it, and what
    /// others have deployed meanwhile, as that stops what must not begin again.
    pub(super) fn resume(&mut self, now: i64, at: i64) -> Result<(), RunLoopError> {
        if self.locks.is_regaining() {
            return Ok(());
        }
        let Some(resumed) = self.resumption.take() else {
            return Ok(());
        };
        self.time_base = now;
        let later = self.locks.later();
        self.is_draining = true;
        let by = Name::from(&*resumed.by);
        let uid = resumed.uid;
        for event in [Some(Event::Resumed { by, uid }), later]
            .into_iter()
            .flatten()
        {
            self.handle(event, now, at)?;
        }
        self.is_draining = false;
        self.start_waiting();
        Ok(())
    }
}

/// The outcome of a step that was under way when the run was broken off; nothing where it is to be
/// started again.
fn not_again(once: bool, was_stopped: bool) -> Option<EffectOutcome> {
    if was_stopped {
        let message = "it was being stopped when the run was interrupted";
        return Some(EffectOutcome::failed(FailureClass::Cancelled, message));
    }
    once.then(|| {
        let message =
            "it may have been running when the run was interrupted, and may run only once";
        EffectOutcome::failed(FailureClass::Interrupted, message)
    })
}
