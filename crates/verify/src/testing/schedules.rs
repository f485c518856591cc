//! The schedules (interleavings) under which a test is run: all of them where they are few,
//! otherwise samples by seed.

/// How the order of things that happen at once comes about in one run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum ScheduleMode {
    /// By this seed; 0 is the order of the source.
    Seed(u64),
    /// By these choices, and the order of the source after them. The seed is that of the retries.
    Choices(u64, Vec<usize>),
}

impl ScheduleMode {
    /// The seed for the machine and the world.
    pub(super) fn seed(&self) -> u64 {
        match self {
            Self::Seed(seed) | Self::Choices(seed, _) => *seed,
        }
    }

    /// The seed that alone leads to this schedule.
    pub(super) fn own_seed(&self) -> Option<u64> {
        match self {
            Self::Seed(seed) => Some(*seed),
            Self::Choices(..) => None,
        }
    }
}

/// The choices of one run: those that were to be made, and those that were.
#[derive(Debug, Default)]
pub(super) struct ScheduleChoices {
    planned: Vec<usize>,
    made: Vec<(usize, usize)>,
}

impl ScheduleChoices {
    /// A run begins in which these choices are to be made.
    pub(super) fn begin(&mut self, planned: &[usize]) {
        self.planned.clear();
        self.planned.extend_from_slice(planned);
        self.made.clear();
    }

    /// The next choice among `of`.
    pub(super) fn next(&mut self, of: usize) -> usize {
        let chosen = self.planned.get(self.made.len()).copied().unwrap_or(0);
        self.made.push((chosen, of));
        chosen
    }

    /// The choices that were made, each with how many there were to choose from.
    pub(super) fn take_made(&mut self) -> Vec<(usize, usize)> {
        std::mem::take(&mut self.made)
    }
}

/// The schedules of a test, one after the other.
#[derive(Debug)]
pub(super) struct ScheduleExplorer {
    seed: u64,
    max: u32,
    counted: u32,
    stage: ExplorerPhase,
}

#[derive(Debug)]
enum ExplorerPhase {
    /// A first run estimates how many schedules there may be.
    Probe,
    /// All of them, in order: the choices of the next one.
    All(Vec<usize>),
    /// The seed of the next one, and how many are left.
    Samples(u64, u32),
    /// All have been tried.
    Complete,
    /// Enough have been.
    Done,
}

impl ScheduleExplorer {
    /// At most `max` schedules; where they are samples, from this seed on.
    pub(super) fn new(seed: u64, max: u32) -> Self {
        Self {
            seed,
            max: max.max(1),
            counted: 0,
            stage: ExplorerPhase::Probe,
        }
    }

    /// There shall not be more than this.
    pub(super) fn limit(&mut self, max: u32) {
        self.max = self.max.min(max.max(1));
    }

    /// The next one to run.
    pub(super) fn next_way(&self) -> Option<ScheduleMode> {
        match &self.stage {
            ExplorerPhase::Probe => Some(ScheduleMode::Choices(self.seed, Vec::new())),
            ExplorerPhase::All(choices) => Some(ScheduleMode::Choices(self.seed, choices.clone())),
            ExplorerPhase::Samples(seed, left) if *left > 0 && self.counted < self.max => {
                Some(ScheduleMode::Seed(*seed))
            }
            ExplorerPhase::Samples(..) | ExplorerPhase::Complete | ExplorerPhase::Done => None,
        }
    }

    /// It was run, and these choices were made in it. Returns what it counts as, if it counts.
    pub(super) fn played(&mut self, made: Vec<(usize, usize)>) -> Option<ScheduleMode> {
        let (stage, way) = match std::mem::replace(&mut self.stage, ExplorerPhase::Done) {
            ExplorerPhase::Probe if is_few(&made, self.max) => {
                let way = ScheduleMode::Choices(self.seed, Vec::new());
                (self.following(made), Some(way))
            }
            // The order of the source is what seed 0 means.
            ExplorerPhase::Probe if self.seed == 0 => (
                ExplorerPhase::Samples(1, self.max - 1),
                Some(ScheduleMode::Seed(0)),
            ),
            ExplorerPhase::Probe => (ExplorerPhase::Samples(self.seed, self.max), None),
            ExplorerPhase::All(choices) => {
                let way = ScheduleMode::Choices(self.seed, choices);
                (self.following(made), Some(way))
            }
            ExplorerPhase::Samples(seed, left) => {
                let next = ExplorerPhase::Samples(seed.wrapping_add(1), left - 1);
                (next, Some(ScheduleMode::Seed(seed)))
            }
            done => (done, None),
        };
        self.stage = stage;
        self.counted += u32::from(way.is_some());
        way
    }

    /// What comes after a schedule with these choices when all are tried in order.
    fn following(&mut self, mut made: Vec<(usize, usize)>) -> ExplorerPhase {
        while let Some((chosen, of)) = made.pop() {
            if chosen + 1 < of {
                let mut next: Vec<usize> = made.into_iter().map(|(chosen, _)| chosen).collect();
                next.push(chosen + 1);
                if self.counted + 1 < self.max {
                    return ExplorerPhase::All(next);
                }
                // There are more than it seemed; those that were tried are much alike.
                let samples = self.max;
                self.max = self.max.saturating_add(samples);
                return ExplorerPhase::Samples(self.seed.max(1), samples);
            }
        }
        ExplorerPhase::Complete
    }

    /// How many were run that count.
    pub(super) fn counted(&self) -> u32 {
        self.counted
    }

    /// Whether those are all that there are.
    pub(super) fn is_complete(&self) -> bool {
        matches!(self.stage, ExplorerPhase::Complete)
    }
}

/// Whether there are not many more schedules than may be tried, estimated as if there were as much
/// to choose from everywhere as on this path.
fn is_few(made: &[(usize, usize)], max: u32) -> bool {
    let ways = made.iter().map(|(_, of)| *of as u64);
    let product = ways.fold(1_u64, u64::saturating_mul);
    product <= u64::from(max)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Plays a game of choices: two strands with this many steps each.
    fn play(planned: &[usize], steps: [usize; 2]) -> (String, Vec<(usize, usize)>) {
        let mut choices = ScheduleChoices::default();
        choices.begin(planned);
        let (mut left, mut story) = (steps, String::new());
        while left.iter().sum::<usize>() > 0 {
            let open: Vec<usize> = (0..2).filter(|at| left[*at] > 0).collect();
            let chosen = match open.len() {
                1 => 0,
                of => choices.next(of),
            };
            left[open[chosen]] -= 1;
            story.push(['a', 'b'][open[chosen]]);
        }
        (story, choices.take_made())
    }

    #[test]
    fn all_schedules_are_tried_where_they_are_few() {
        let mut ways = ScheduleExplorer::new(0, 100);
        let mut seen = std::collections::BTreeSet::new();
        while let Some(way) = ways.next_way() {
            let ScheduleMode::Choices(_, planned) = &way else {
                panic!("{way:?}");
            };
            let (story, made) = play(planned, [3, 2]);
            assert!(seen.insert(story));
            assert!(ways.played(made).is_some());
        }
        assert_eq!(
            (seen.len(), ways.counted(), ways.is_complete()),
            (10, 10, true)
        );
    }

    #[test]
    fn samples_are_taken_where_they_are_many() {
        let samples = |seed, max| {
            let mut ways = ScheduleExplorer::new(seed, max);
            let mut seen = Vec::new();
            while let Some(way) = ways.next_way() {
                let made = match &way {
                    ScheduleMode::Choices(_, planned) => play(planned, [30, 30]).1,
                    ScheduleMode::Seed(_) => Vec::new(),
                };
                seen.extend(ways.played(made).and_then(|way| way.own_seed()));
            }
            assert!(!ways.is_complete());
            seen
        };
        assert_eq!(samples(0, 3), [0, 1, 2]);
        assert_eq!(samples(7, 2), [7, 8]);
        assert_eq!(samples(7, 1), [7]);
    }
}
