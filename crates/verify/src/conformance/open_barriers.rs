//! Conformance of barriers: who waits, when one opens, and that all continue together. The number
//! of strands comes with every reported arrival.

use super::hash::FastMap;
use super::observed_nodes::MeetingKey;
use super::table::NodeId;
use lockstep_engine::run_event::Status;

/// All barriers at which strands wait.
#[derive(Debug, Default)]
pub(super) struct OpenBarriers {
    open: FastMap<MeetingKey, OpenBarrier>,
    /// Which meeting a node waits at.
    of: FastMap<NodeId, MeetingKey>,
    /// How often strands may have left.
    ends: u64,
    /// Whether strands may leave without an event that reports it.
    hidden: bool,
}

#[derive(Debug, Default)]
struct OpenBarrier {
    waiting: u32,
    /// How many were to come, when the last one arrived.
    expected: usize,
    /// How often strands had left when the last one arrived.
    ends: u64,
    /// Whether it has opened, and those that waited continue.
    passing: bool,
    /// Whether a waiting strand has failed, and so will those that arrive later.
    broken: bool,
}

impl OpenBarriers {
    /// No meetings yet. Where strands may leave without being reported, they are not counted.
    pub(super) fn new(hidden: bool) -> Self {
        Self {
            hidden,
            ..Self::default()
        }
    }

    /// No meetings yet, of the same plan.
    pub(super) fn another(&self) -> Self {
        Self::new(self.hidden)
    }

    /// Something in which there may be a barrier has ended, or will never begin.
    pub(super) fn somebody_may_have_left(&mut self) {
        self.ends += 1;
    }

    /// A strand arrives and waits.
    pub(super) fn arrived(
        &mut self,
        node: NodeId,
        key: Option<MeetingKey>,
        arrived: usize,
        expected: usize,
    ) -> Result<(), String> {
        let Some(key) = key else { return Ok(()) };
        self.of.insert(node, key.clone());
        // Who comes to one key may have been waited for at another.
        self.ends += u64::from(key.has_key());
        let meeting = self.open.entry(key).or_default();
        if meeting.passing {
            return Err("arrived at a barrier that had opened".into());
        }
        meeting.waiting += 1;
        (meeting.expected, meeting.ends) = (expected, self.ends);
        match arrived >= expected {
            true => Err("waits at a barrier where all have arrived".into()),
            false if arrived < meeting.waiting as usize => {
                Err("waits at a barrier where more wait than have arrived".into())
            }
            false => Ok(()),
        }
    }

    /// A strand arrives and does not wait: it is the last one and the barrier opens, or the
    /// barrier is broken.
    pub(super) fn opened(
        &mut self,
        key: Option<(NodeId, MeetingKey)>,
        waited: bool,
    ) -> Result<(), String> {
        if waited {
            return Err("started at a barrier where it had been waiting".into());
        }
        let Some((node, key)) = key else {
            return Ok(());
        };
        let ends = self.ends;
        self.ends += u64::from(key.has_key());
        let Some(meeting) = self.open.get_mut(&key) else {
            // No other strand had to arrive, or they have left.
            return Ok(());
        };
        if meeting.passing {
            return Err("arrived at a barrier that had opened".into());
        }
        self.of.insert(node, key);
        meeting.waiting += 1;
        if meeting.broken {
            return Ok(());
        }
        meeting.passing = true;
        let came = meeting.waiting as usize;
        let (expected, unchanged) = (meeting.expected, meeting.ends == ends && !self.hidden);
        match unchanged && came < expected {
            true => Err(format!(
                "opened a barrier to which {came} of {expected} had come"
            )),
            false => Ok(()),
        }
    }

    /// A strand that waited continues, or stops waiting.
    pub(super) fn passed(&mut self, node: NodeId, status: Status) -> Result<(), String> {
        let Some(key) = self.of.remove(&node) else {
            return Ok(());
        };
        let ends = self.ends;
        let Some(meeting) = self.open.get_mut(&key) else {
            return Ok(());
        };
        let (was_passing, was_broken) = (meeting.passing, meeting.broken);
        let early = !was_passing
            && status == Status::Succeeded
            && meeting.ends == ends
            && !self.hidden
            && (meeting.waiting as usize) < meeting.expected;
        let said = (meeting.waiting, meeting.expected);
        meeting.waiting = meeting.waiting.saturating_sub(1);
        meeting.passing |= status == Status::Succeeded;
        meeting.broken |= status == Status::Failed;
        if meeting.waiting == 0 {
            self.open.remove(&key);
        }
        if early {
            let (came, expected) = said;
            return Err(format!(
                "passed a barrier to which {came} of {expected} had come"
            ));
        }
        match status {
            Status::Failed if was_passing => Err("failed at a barrier that had opened".into()),
            Status::Succeeded if was_broken => Err("passed a barrier that was broken".into()),
            _ => Ok(()),
        }
    }
}
