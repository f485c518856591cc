//! Deadlocks among runs: requests for locks that wait for each other in a circle. Which one gives
//! way follows from the stored requests alone, so that all processes come to the same result, and
//! each withdraws requests of its own run only.
//!
//! A request waits for those who hold its locks, or came first. Who holds a lock gives it back
//! when certain other requests of its run have been granted (see
//! [`lockstep_engine::LockDependency`]), and those of runs that its commands have begun.

use std::collections::hash_map::Entry;
use std::collections::{BTreeSet, HashMap, VecDeque};

use super::{LockHolder, LockRow, RunNumber};
use lockstep_base::node_path::is_in;
use lockstep_base::source::Name;
use lockstep_engine::EffectId;
use lockstep_plan::{lock_for_people, queue_of_lock};

/// The runs whose commands began other runs: by the inner run, the outer one and its node.
pub(super) type OuterRuns = HashMap<RunNumber, (RunNumber, String)>;

/// A request that has to give way, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Deadlock {
    pub(super) effect: EffectId,
    pub(super) message: String,
}

/// The request of `run` that has to give way, if one does. `rows` are in the order of their
/// tickets; runs in `gone` neither hold nor wait.
pub(super) fn find(
    rows: &[LockRow],
    run: RunNumber,
    gone: &[RunNumber],
    outer: &OuterRuns,
) -> Option<Deadlock> {
    let graph = WaitGraph::new(rows, gone, outer);
    let stuck = graph.stuck()?;
    let steps = graph.steps(&stuck);
    let mut seen = BTreeSet::new();
    for request in &stuck {
        if seen.contains(request) {
            continue;
        }
        let circle = circle_of(*request, &steps);
        seen.extend(circle.iter().copied());
        let gives_way = |at: &usize| {
            let request = &graph.requests[*at];
            (!request.first().rolls_back, request.first().ticket)
        };
        let Some(victim) = circle.into_iter().max_by_key(gives_way) else {
            continue;
        };
        let holder = graph.requests[victim].first().holder;
        if holder.run == run {
            let way = way_back(victim, &steps);
            let message = graph.describe(run, &way);
            let effect = holder.effect;
            return Some(Deadlock { effect, message });
        }
    }
    None
}

/// All locks of one request.
struct Request<'a>(Vec<&'a LockRow>);

impl Request<'_> {
    fn first(&self) -> &LockRow {
        self.0[0]
    }

    fn waits(&self) -> bool {
        self.first().granted_at.is_none()
    }
}

/// Why a request waits for another one.
#[derive(Clone, Copy)]
struct Step<'a> {
    from: usize,
    to: usize,
    lock: &'a Name,
    /// Who holds the lock, or came first.
    holder: usize,
}

struct WaitGraph<'a> {
    requests: Vec<Request<'a>>,
    /// For each lock those who hold it, and then those who wait, in their order: the request, and
    /// the place of the lock in it.
    queues: HashMap<&'a Name, Vec<(usize, usize)>>,
    /// For each lock of each request the waiting requests that must be granted before it is given
    /// back.
    before: Vec<Vec<Vec<usize>>>,
}

impl<'a> WaitGraph<'a> {
    fn new(rows: &'a [LockRow], gone: &[RunNumber], outer: &OuterRuns) -> Self {
        let there: Vec<&LockRow> = (rows.iter())
            .filter(|row| !gone.contains(&row.holder.run))
            .collect();
        let requests: Vec<Request<'a>> = there
            .chunk_by(|one, other| one.ticket == other.ticket)
            .map(|rows| Request(rows.to_vec()))
            .collect();
        let mut queues: HashMap<&Name, Vec<(usize, usize)>> = HashMap::new();
        for waits in [false, true] {
            let ordered = requests.iter().enumerate();
            for (at, request) in ordered.filter(|(_, it)| it.waits() == waits) {
                for (place, row) in request.0.iter().enumerate() {
                    queues.entry(&row.want.name).or_default().push((at, place));
                }
            }
        }
        let by_holder: HashMap<LockHolder, usize> = (requests.iter().enumerate())
            .filter(|(_, request)| request.waits())
            .map(|(at, request)| (request.first().holder, at))
            .collect();
        let inner: Vec<usize> = by_holder
            .iter()
            .filter(|(holder, _)| outer.contains_key(&holder.run))
            .map(|(_, at)| *at)
            .collect();
        let before = |row: &LockRow| {
            let run = row.holder.run;
            let own = row.after.iter().flatten().filter_map(|effect| {
                let effect = *effect;
                by_holder.get(&LockHolder { run, effect }).copied()
            });
            // A place in a queue is kept to the end of the run: until nothing of it waits.
            let kept = queue_of_lock(&row.want.name).is_some();
            let all = by_holder.iter();
            let all = all.filter(|(holder, _)| kept && holder.run == run && **holder != row.holder);
            let own = own.chain(all.map(|(_, at)| *at));
            let inner = inner.iter().copied();
            let inner = inner.filter(|at| is_inside(requests[*at].first().holder.run, row, outer));
            let mut before: Vec<usize> = own.chain(inner).collect();
            before.sort_unstable();
            before
        };
        let before = (requests.iter())
            .map(|request| request.0.iter().map(|row| before(row)).collect())
            .collect();
        Self {
            requests,
            queues,
            before,
        }
    }

    /// The waiting requests that will never be granted, if there are any.
    fn stuck(&self) -> Option<BTreeSet<usize>> {
        if self.before.iter().flatten().all(Vec::is_empty) {
            return None;
        }
        let mut stuck: BTreeSet<usize> = (self.requests.iter().enumerate())
            .filter(|(_, request)| request.waits())
            .map(|(at, _)| at)
            .collect();
        loop {
            let mut blocked = BTreeSet::new();
            for queue in self.queues.values() {
                self.block(queue, &stuck, |at, _| {
                    blocked.insert(at);
                });
            }
            if blocked.len() == stuck.len() {
                break;
            }
            stuck = blocked;
        }
        (!stuck.is_empty()).then_some(stuck)
    }

    /// Goes along the queue of a lock and names those who will never get it, each with the others
    /// in the queue that keep it from that.
    fn block(
        &self,
        queue: &[(usize, usize)],
        stuck: &BTreeSet<usize>,
        mut blocked: impl FnMut(usize, &[(usize, usize)]),
    ) {
        // Those who keep their place for ever, and the smallest limit among them.
        let mut kept: Vec<(usize, usize)> = Vec::new();
        let (mut limit, mut is_closed) = (u32::MAX, false);
        for (at, place) in queue.iter().copied() {
            let own = self.requests[at].0[place].want.limit;
            let waits = self.requests[at].waits();
            let is_full = kept.len() >= own.min(limit) as usize;
            if waits && (is_closed || is_full) {
                blocked(at, &kept);
            }
            let is_stuck = waits && (stuck.contains(&at) || is_closed || is_full);
            let before = &self.before[at][place];
            if is_stuck || before.iter().any(|it| stuck.contains(it)) {
                kept.push((at, place));
                limit = limit.min(own);
            }
            // Nobody overtakes it.
            is_closed |= is_stuck;
        }
    }

    /// Which stuck request waits for which others.
    fn steps(&self, stuck: &BTreeSet<usize>) -> HashMap<usize, Vec<Step<'a>>> {
        let mut steps: HashMap<usize, Vec<Step<'a>>> = HashMap::new();
        let mut queues: Vec<_> = self.queues.iter().collect();
        queues.sort();
        for (lock, queue) in queues {
            self.block(queue, stuck, |from, kept| {
                let steps = steps.entry(from).or_default();
                for (holder, place) in kept.iter().copied() {
                    let mut step = |to| {
                        steps.push(Step {
                            from,
                            to,
                            lock,
                            holder,
                        });
                    };
                    let before = self.before[holder][place].iter();
                    before
                        .filter(|it| stuck.contains(it))
                        .for_each(|to| step(*to));
                    if stuck.contains(&holder) {
                        step(holder);
                    }
                }
            });
        }
        steps
    }

    fn describe(&self, run: RunNumber, way: &[Step]) -> String {
        let of = |request: &Request| {
            let row = request.first();
            match row.holder.run == run {
                true => String::from("this run"),
                false => format!("run {}", row.run),
            }
        };
        let mut said = Vec::new();
        for step in way {
            let (from, holder) = (&self.requests[step.from], &self.requests[step.holder]);
            let who = &from.first().node;
            let how = match holder.waits() {
                true => "wanted before by",
                false => "held by",
            };
            let mut words = format!(
                "`{who}` of {} waits for `{}`, {how} {} (`{}`)",
                of(from),
                lock_for_people(step.lock),
                of(holder),
                holder.first().node,
            );
            let to = &self.requests[step.to];
            if to.first().holder.run != holder.first().holder.run {
                words += &format!(", a command of which has begun {}", of(to));
            }
            said.push(words);
        }
        said.join("; ")
    }
}

/// Whether a run was begun by a command that must end before a lock is given back.
fn is_inside(mut run: RunNumber, row: &LockRow, outer: &OuterRuns) -> bool {
    // A process cannot have begun itself, but a damaged table could say so.
    for _ in 0..outer.len() {
        let Some((around, node)) = outer.get(&run) else {
            return false;
        };
        if *around == row.holder.run {
            return match &row.inside {
                Some(paths) => paths.iter().any(|path| is_in(node, path)),
                None => is_in(node, &row.node),
            };
        }
        run = *around;
    }
    false
}

/// The requests that a stuck one waits for and that wait for it; itself among them, if there are
/// any.
fn circle_of(start: usize, steps: &HashMap<usize, Vec<Step>>) -> BTreeSet<usize> {
    let next = |at: usize| steps.get(&at).into_iter().flatten().map(|step| step.to);
    let reached = |from: usize| {
        let mut seen = BTreeSet::new();
        let mut open: Vec<usize> = next(from).collect();
        while let Some(at) = open.pop() {
            if seen.insert(at) {
                open.extend(next(at));
            }
        }
        seen
    };
    let mut circle = reached(start);
    circle.retain(|at| *at == start || reached(*at).contains(&start));
    if !circle.contains(&start) {
        circle.clear();
    }
    circle
}

/// The shortest way from a request back to itself.
fn way_back<'a>(start: usize, steps: &HashMap<usize, Vec<Step<'a>>>) -> Vec<Step<'a>> {
    let mut from: HashMap<usize, Step> = HashMap::new();
    let mut open = VecDeque::from([start]);
    while let Some(at) = open.pop_front() {
        for step in steps.get(&at).into_iter().flatten() {
            if let Entry::Vacant(place) = from.entry(step.to) {
                place.insert(*step);
                open.push_back(step.to);
            }
        }
    }
    let mut way = Vec::new();
    let mut at = start;
    while let Some(step) = from.remove(&at) {
        way.push(step);
        at = step.from;
        if at == start {
            break;
        }
    }
    way.reverse();
    way
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grantable;
    use lockstep_engine::LockDemand;

    /// What a strand does: takes a lock around what follows, or gives the innermost one back.
    #[derive(Debug, Clone, Copy)]
    enum Move {
        Take(u8),
        Give,
    }

    /// A run whose body takes locks inside each other.
    #[derive(Debug, Clone, Default)]
    struct Strand {
        moves: Vec<Move>,
        at: usize,
        /// The tickets of the locks that it holds or waits for.
        held: Vec<i64>,
        failed: bool,
    }

    #[derive(Default)]
    struct World {
        rows: Vec<LockRow>,
        strands: Vec<Strand>,
        next: i64,
        outer: OuterRuns,
    }

    fn limit(lock: u8) -> u32 {
        u32::from(lock == 3) + 1
    }

    impl World {
        fn row(&self, ticket: i64) -> Option<&LockRow> {
            self.rows.iter().find(|row| row.ticket == ticket)
        }

        fn waits(&self, run: usize) -> bool {
            let last = self.strands[run].held.last();
            last.is_some_and(|it| self.row(*it).is_some_and(|row| row.granted_at.is_none()))
        }

        fn go_on(&mut self, run: usize) {
            let strand = &mut self.strands[run];
            match strand.moves.get(strand.at).copied() {
                Some(Move::Take(lock)) if !strand.failed => {
                    strand.at += 1;
                    self.next += 1;
                    let ticket = self.next;
                    let holder = LockHolder {
                        run: RunNumber(run as i64),
                        effect: EffectId(ticket as u64),
                    };
                    for outer in strand.held.clone() {
                        let row = self.rows.iter_mut().find(|row| row.ticket == outer);
                        row.unwrap().after = Some(vec![holder.effect]);
                    }
                    self.strands[run].held.push(ticket);
                    self.rows.push(LockRow {
                        ticket,
                        run: format!("r-{run}").as_str().into(),
                        owner: None,
                        holder,
                        node: format!("p/{ticket}"),
                        want: LockDemand {
                            name: lock.to_string().as_str().into(),
                            limit: limit(lock),
                        },
                        asked_at: jiff::Timestamp::UNIX_EPOCH,
                        granted_at: None,
                        rolls_back: false,
                        after: None,
                        inside: None,
                    });
                }
                Some(Move::Give) if !strand.failed => {
                    strand.at += 1;
                    let given = strand.held.pop();
                    self.rows.retain(|row| Some(row.ticket) != given);
                }
                // Its failure, or its end, gives back everything.
                _ => {
                    strand.at = strand.moves.len();
                    strand.failed = false;
                    let given = std::mem::take(&mut strand.held);
                    self.rows.retain(|row| !given.contains(&row.ticket));
                }
            }
        }

        fn grant(&mut self) {
            for run in 0..self.strands.len() {
                for holder in grantable(&self.rows, RunNumber(run as i64), &[], &[]) {
                    let own = self.rows.iter_mut().filter(|row| row.holder == holder);
                    own.for_each(|row| row.granted_at = Some(jiff::Timestamp::UNIX_EPOCH));
                }
            }
        }

        /// The runs that wait for ever, found by letting all others end.
        fn hanging(&self) -> BTreeSet<usize> {
            let mut rows = self.rows.clone();
            let mut hanging: BTreeSet<usize> = (0..self.strands.len())
                .filter(|run| self.waits(*run))
                .collect();
            loop {
                rows.retain(|row| hanging.contains(&(row.holder.run.0 as usize)));
                let free = hanging
                    .iter()
                    .copied()
                    .find(|run| !grantable(&rows, RunNumber(*run as i64), &[], &[]).is_empty());
                match free {
                    Some(run) => drop(hanging.remove(&run)),
                    None => return hanging,
                }
            }
        }

        fn has_ended(&self) -> bool {
            let ended = |it: &Strand| it.held.is_empty() && it.at >= it.moves.len();
            self.strands.iter().all(ended)
        }

        /// Lets one request give way, if there is one. What is told must be true.
        fn break_deadlock(&mut self) -> bool {
            let hanging = self.hanging();
            let mut found = None;
            for run in 0..self.strands.len() {
                let told = find(&self.rows, RunNumber(run as i64), &[], &self.outer);
                if let Some(told) = told {
                    assert!(
                        hanging.contains(&run),
                        "run {run} is refused, and would go on"
                    );
                    assert!(told.message.contains("waits for"), "{}", told.message);
                    found = Some((run, told.effect));
                }
            }
            assert_eq!(found.is_some(), !hanging.is_empty(), "{hanging:?}");
            let Some((run, effect)) = found else {
                return false;
            };
            self.rows.retain(|row| row.holder.effect != effect);
            let strand = &mut self.strands[run];
            strand.held.pop();
            strand.failed = true;
            true
        }
    }

    fn moves() -> impl proptest::strategy::Strategy<Value = Vec<Move>> {
        use proptest::prelude::*;
        let step = prop_oneof![2 => (0..4u8).prop_map(Move::Take), 1 => Just(Move::Give)];
        proptest::collection::vec(step, 0..8)
    }

    proptest::proptest! {
        /// Runs that take locks in any order always end, and none is refused that would go on.
        #[test]
        fn nothing_hangs_and_nothing_is_refused_without_need(
            strands in proptest::collection::vec(moves(), 2..5),
            turns in proptest::collection::vec(0..4usize, 200),
        ) {
            let strand = |moves| Strand { moves, ..Strand::default() };
            let mut world = World {
                strands: strands.into_iter().map(strand).collect(),
                ..World::default()
            };
            for turn in turns.iter().cycle().take(2000) {
                let run = turn % world.strands.len();
                if !world.waits(run) {
                    world.go_on(run);
                }
                world.grant();
                while world.break_deadlock() {
                    world.grant();
                }
                if world.has_ended() {
                    break;
                }
            }
            for run in (0..world.strands.len()).cycle().take(200) {
                if !world.waits(run) {
                    world.go_on(run);
                }
                world.grant();
                while world.break_deadlock() {
                    world.grant();
                }
            }
            proptest::prop_assert!(world.has_ended(), "{:?}", world.rows);
        }
    }

    fn row(ticket: i64, run: i64, lock: &str, granted: bool, after: &[u64]) -> LockRow {
        LockRow {
            ticket,
            run: format!("r-{run}").as_str().into(),
            owner: None,
            holder: LockHolder {
                run: RunNumber(run),
                effect: EffectId(ticket as u64),
            },
            node: format!("p/lock[{lock}]"),
            want: LockDemand {
                name: lock.into(),
                limit: 1,
            },
            asked_at: jiff::Timestamp::UNIX_EPOCH,
            granted_at: granted.then_some(jiff::Timestamp::UNIX_EPOCH),
            rolls_back: false,
            after: Some(after.iter().copied().map(EffectId).collect()),
            inside: None,
        }
    }

    #[test]
    fn who_goes_forward_gives_way_to_a_rollback() {
        let mut rows = vec![
            row(1, 1, "a", true, &[3]),
            row(2, 2, "b", true, &[4]),
            row(3, 1, "b", false, &[]),
            row(4, 2, "a", false, &[]),
        ];
        let effect = |rows: &[LockRow], run| {
            let found = find(rows, RunNumber(run), &[], &OuterRuns::new());
            found.map(|it| it.effect.0)
        };
        assert_eq!((effect(&rows, 1), effect(&rows, 2)), (None, Some(4)));
        rows[3].rolls_back = true;
        assert_eq!((effect(&rows, 1), effect(&rows, 2)), (Some(3), None));
        // The process of the other run is gone: its locks are taken from it.
        assert_eq!(
            find(&rows, RunNumber(1), &[RunNumber(2)], &OuterRuns::new()),
            None
        );
    }

    #[test]
    fn a_run_inside_a_run_does_not_wait_for_it() {
        let rows = vec![row(1, 1, "a", true, &[]), row(2, 2, "a", false, &[])];
        let inside = |node: &str| OuterRuns::from([(RunNumber(2), (RunNumber(1), node.into()))]);
        let find = |outer| find(&rows, RunNumber(2), &[], &outer);
        assert_eq!(
            find(inside("p/lock[a]/run")).unwrap().message,
            "`p/lock[a]` of this run waits for `a`, held by run r-1 (`p/lock[a]`), a command of \
             which has begun this run"
        );
        // Another strand of the outer run holds it, and gives it back some time.
        assert_eq!(find(inside("p/run")), None);
        assert_eq!(find(inside("p/lock[a]#2/run")), None);
    }
}
