//! The oracle: properties of every run of a generated program, derived from the program alone: what
//! may run, in which order, how much of it at once, what is undone and in which order. Must not
//! depend on the machine; it reads the trace.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use lockstep_engine::run_event::{NodeKind, RunEventKind, Status};
use lockstep_engine::{Effect, Event};
use lockstep_verify::simulate::{StartedEffect, Trace};

use super::generate::{INCLUDED, Kind, Node, Verdict, variable};

/// The loop variables that a command saw.
pub type Seen = BTreeMap<String, u32>;

/// Which commands fail, and what they print: the same for the same text.
#[derive(Debug, Clone, Copy)]
pub struct Luck {
    pub seed: u64,
    /// How many of a hundred commands fail.
    pub failing: u64,
    /// Whether they fail the first time only.
    pub flaky: bool,
}

impl Luck {
    pub fn number(&self, text: &str, salt: u64) -> u64 {
        let mut hash = self.seed ^ salt.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        for byte in text.bytes() {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3);
            hash ^= hash >> 29;
        }
        hash.wrapping_mul(0xBF58_476D_1CE4_E5B9) >> 33
    }

    pub fn fails(&self, text: &str) -> bool {
        // An undo hardly ever fails.
        let failing = if text.starts_with('u') {
            self.failing / 5
        } else {
            self.failing
        };
        !text.starts_with('c') && self.number(text, 1) % 100 < failing
    }

    pub fn fails_now(&self, started: &StartedEffect) -> bool {
        self.fails(named(&started.text)) && !(self.flaky && started.before > 0)
    }

    /// Whether people say yes to this question.
    pub fn approves(&self, question: &str) -> bool {
        !self.number(question, 5).is_multiple_of(4)
    }

    pub fn says_yes(&self, text: &str) -> bool {
        self.number(text, 2).is_multiple_of(2)
    }
}

/// A command that ran.
#[derive(Debug, Clone)]
pub struct Ran {
    pub path: String,
    /// `w` is work, `u` is undo, `c` is a condition.
    pub word: char,
    pub id: u32,
    pub seen: Seen,
    /// Where in the trace it started and ended.
    pub start: usize,
    pub end: usize,
}

/// What names a command: its text, or the file that it sends a text to.
pub fn named(text: &str) -> &str {
    match text.strip_prefix("send text to ") {
        Some(file) => file.trim_matches('\''),
        None => text,
    }
}

/// Reads `w7 x3_0=1`.
fn read(text: &str) -> (char, u32, Seen) {
    let text = named(text);
    let mut words = text.split(' ');
    let first = words.next().expect("a word");
    let word = first.chars().next().expect("a letter");
    let id = first[1..].parse().expect("a number");
    let seen = words.map(|pair| {
        let (name, value) = pair.split_once('=').expect("a value");
        (name.to_string(), value.parse().expect("a number"))
    });
    (word, id, seen.collect())
}

/// The commands of a trace and the emitted events, both by index in the trace.
pub struct Record {
    pub ran: Vec<Ran>,
    pub told: Vec<(usize, RunEventKind)>,
}

impl Record {
    pub fn of(trace: &Trace) -> Self {
        let mut record = Self {
            ran: Vec::new(),
            told: Vec::new(),
        };
        let mut open = HashMap::new();
        let mut place = 0;
        for handled in &trace.handled {
            place += 1;
            if let Event::Ended { id, .. } = &handled.event
                && let Some(at) = open.remove(id)
            {
                let ran: &mut Ran = &mut record.ran[at];
                ran.end = place;
            }
            for effect in &handled.effects {
                place += 1;
                match effect {
                    Effect::Run { id, node, command } => {
                        let (word, of, seen) = read(&command.text);
                        open.insert(*id, record.ran.len());
                        record.ran.push(Ran {
                            path: node.to_string(),
                            word,
                            id: of,
                            seen,
                            start: place,
                            end: usize::MAX,
                        });
                    }
                    Effect::Tell(happened) => record.told.push((place, happened.clone())),
                    _ => {}
                }
            }
        }
        assert!(open.is_empty(), "commands that never ended");
        record
    }
}

/// The parts of a statement, which come one after the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    Body,
    /// What is done between the batches of a loop.
    Between,
    Handler,
    Always,
}

/// The paths from the root to every statement.
pub struct Map<'p> {
    ways: HashMap<u32, Vec<(&'p Node, Part, usize)>>,
    /// The steps that can be undone.
    undoable: BTreeSet<u32>,
    /// Those among them whose undo reads a result, which may be another in each try.
    reads_result: BTreeSet<u32>,
}

impl<'p> Map<'p> {
    pub fn of(root: &'p Node) -> Self {
        let mut map = Self {
            ways: HashMap::new(),
            undoable: BTreeSet::new(),
            reads_result: BTreeSet::new(),
        };
        map.add(root, &mut Vec::new());
        map
    }

    fn add(&mut self, node: &'p Node, way: &mut Vec<(&'p Node, Part, usize)>) {
        self.ways.insert(node.id, way.clone());
        if node.kind == Kind::Step(true) {
            self.undoable.insert(node.id);
            let first = node.body.first();
            if first.is_some_and(|first| first.kind == Kind::Let(true)) {
                self.reads_result.insert(node.id);
            }
        }
        let handler = node.on_failure.as_ref().map(|(body, _)| body);
        let parts = [
            (Part::Body, Some(&node.body)),
            (Part::Between, Some(&node.between)),
            (Part::Handler, handler),
            (Part::Always, node.always.as_ref()),
        ];
        for (part, body) in parts {
            for (at, child) in body.into_iter().flatten().enumerate() {
                way.push((node, part, at));
                self.add(child, way);
                way.pop();
            }
        }
    }

    /// Which of two comes first, where that is certain: a statement comes before what is in it.
    pub fn order(&self, a: (u32, &Seen), b: (u32, &Seen)) -> Option<std::cmp::Ordering> {
        use std::cmp::Ordering::{Greater, Less};
        let (way_a, way_b) = (&self.ways[&a.0], &self.ways[&b.0]);
        let mut at = 0;
        loop {
            let (step_a, step_b) = match (way_a.get(at), way_b.get(at)) {
                (Some(step_a), Some(step_b)) => (step_a, step_b),
                (None, Some(_)) => return Some(Less),
                (Some(_), None) => return Some(Greater),
                (None, None) => return None,
            };
            let (node, part_a, index_a) = *step_a;
            let (_, part_b, index_b) = *step_b;
            if let (Kind::Grid(grid), Part::Body, Part::Body) = (&node.kind, part_a, part_b) {
                for (axis, (serial, _)) in grid.axes.iter().enumerate() {
                    let name = variable(node.id, axis);
                    let (value_a, value_b) = (a.1.get(&name), b.1.get(&name));
                    if value_a != value_b {
                        return serial.then(|| value_a.cmp(&value_b));
                    }
                }
            }
            let one_is_between = [part_a, part_b].contains(&Part::Between);
            if one_is_between && [part_a, part_b].contains(&Part::Body) {
                return None;
            }
            // It runs again and again.
            if part_a == Part::Between && part_b == Part::Between {
                return None;
            }
            if part_a != part_b {
                return Some(part_a.cmp(&part_b));
            }
            if index_a != index_b {
                let at_once = node.kind == Kind::Parallel && part_a == Part::Body;
                return (!at_once).then(|| index_a.cmp(&index_b));
            }
            at += 1;
        }
    }
}

/// How a statement ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Good,
    /// The pipeline has ended with `return`.
    Returned,
    Failed,
    /// It has failed, and `rollback pipeline` has been decided: nothing makes a success of it.
    RollsBack,
}

/// What runs if nothing is cut short, and whether it ends well.
pub struct Reference {
    luck: Luck,
    /// Everything that may run.
    pub runs: BTreeSet<(u32, Seen)>,
    /// The values that are there.
    bound: BTreeSet<(u32, Seen)>,
}

impl Reference {
    pub fn of(root: &Node, luck: Luck) -> (Self, bool) {
        let mut reference = Self {
            luck,
            runs: BTreeSet::new(),
            bound: BTreeSet::new(),
        };
        let end = reference.statement(root, &Seen::new());
        (reference, matches!(end, End::Good | End::Returned))
    }

    fn text(word: char, id: u32, seen: &Seen, names: &[String]) -> String {
        let values = names.iter().map(|name| format!(" {name}={}", seen[name]));
        format!("{word}{id}{}", values.collect::<String>())
    }

    fn statement(&mut self, node: &Node, seen: &Seen) -> End {
        let mut again = node.modifiers.retry;
        let mut handled = 0;
        let mut end;
        loop {
            end = self.once(node, seen);
            if matches!(end, End::Good | End::Returned) {
                break;
            }
            if again > 0 && end == End::Failed {
                again -= 1;
                continue;
            }
            let Some((body, verdict)) = &node.on_failure else {
                break;
            };
            match (self.sequence(body, seen), verdict, end) {
                (End::RollsBack, _, _) | (End::Good, Verdict::RollbackPipeline, _) => {
                    end = End::RollsBack;
                }
                (End::Good, Verdict::Retry(times), End::Failed) if handled < *times => {
                    handled += 1;
                    continue;
                }
                (End::Good, Verdict::Ignore | Verdict::Ask, End::Failed) => end = End::Good,
                _ => {}
            }
            break;
        }
        if let Some(body) = &node.always {
            end = match (end, self.sequence(body, seen)) {
                (End::Good, always) => always,
                (End::Returned, End::Good) => End::Returned,
                (End::Returned, always) => always,
                (_, End::RollsBack) => End::RollsBack,
                (failed, _) => failed,
            };
        }
        end
    }

    fn sequence(&mut self, body: &[Node], seen: &Seen) -> End {
        let mut ends = body.iter().map(|node| self.statement(node, seen));
        ends.find(|end| *end != End::Good).unwrap_or(End::Good)
    }

    fn once(&mut self, node: &Node, seen: &Seen) -> End {
        let judged = |is_good| if is_good { End::Good } else { End::Failed };
        match &node.kind {
            Kind::Run | Kind::Send => judged(self.run('w', node.id, seen)),
            Kind::Let(_) => {
                self.bound.insert((node.id, seen.clone()));
                judged(self.run('w', node.id, seen))
            }
            Kind::IfBound(value) => match self.bound.contains(&(*value, seen.clone())) {
                true => self.sequence(&node.body, seen),
                false => End::Good,
            },
            Kind::Return => End::Returned,
            Kind::Fail => End::Failed,
            Kind::Approve(_) => judged(self.luck.approves(&format!("a{}", node.id))),
            Kind::Log | Kind::Wait(_) | Kind::Barrier(_) | Kind::If(Some(false)) => End::Good,
            Kind::If(None) => {
                self.run('c', node.id, seen);
                let names: Vec<String> = ordered(seen);
                let text = Self::text('c', node.id, seen, &names);
                match self.luck.says_yes(&text) {
                    true => self.sequence(&node.body, seen),
                    false => End::Good,
                }
            }
            Kind::Parallel => {
                let all = node.body.iter().map(|child| self.statement(child, seen));
                // Each of them runs.
                let ends: Vec<End> = all.collect();
                judged(ends.iter().all(|end| *end == End::Good))
            }
            Kind::Grid(grid) => {
                let failed = self.axis(node, grid, 0, seen);
                judged(failed <= node.modifiers.tolerate)
            }
            _ => self.sequence(&node.body, seen),
        }
    }

    fn run(&mut self, word: char, id: u32, seen: &Seen) -> bool {
        self.runs.insert((id, seen.clone()));
        !self.luck.fails(&Self::text(word, id, seen, &ordered(seen)))
    }

    /// How many cells fail below an axis.
    fn axis(&mut self, node: &Node, grid: &super::generate::Grid, axis: usize, seen: &Seen) -> u32 {
        let Some((serial, count)) = grid.axes.get(axis) else {
            let dropped = grid
                .dropped
                .is_some_and(|it| seen[&variable(node.id, 0)] == it);
            return u32::from(!dropped && self.sequence(&node.body, seen) != End::Good);
        };
        let mut failed = 0;
        for value in 0..*count {
            let mut inside = seen.clone();
            inside.insert(variable(node.id, axis), value);
            failed += self.axis(node, grid, axis + 1, &inside);
            if *serial && failed > node.modifiers.tolerate {
                return failed;
            }
        }
        if axis == 0 && grid.included {
            let mut inside = seen.clone();
            for axis in 0..grid.axes.len() {
                inside.insert(variable(node.id, axis), INCLUDED);
            }
            failed += u32::from(self.sequence(&node.body, &inside) != End::Good);
        }
        failed
    }
}

/// The names in the order in which commands print them: outer loops first, and those have lower
/// numbers.
fn ordered(seen: &Seen) -> Vec<String> {
    let mut names: Vec<String> = seen.keys().cloned().collect();
    let key = |name: &String| {
        let (grid, axis) = name[1..].split_once('_').expect("a variable");
        (grid.parse::<u32>().expect("a number"), axis.to_string())
    };
    names.sort_by_key(key);
    names
}

/// Serial parts never overlap; if nothing is retried, the earlier ones come first.
///
/// `rollback pipeline` comes before every `always` on its way, so where a program has one, what
/// stands in an `always` may run behind what follows it in the source.
pub fn check_order(map: &Map<'_>, record: &Record, tries_again: bool, defers_always: bool) {
    let may_be_late = |ran: &Ran| {
        let is_always = |(_, part, _): &(&Node, Part, usize)| *part == Part::Always;
        defers_always && map.ways[&ran.id].iter().any(is_always)
    };
    let ran: Vec<&Ran> = record.ran.iter().filter(|ran| ran.word != 'u').collect();
    for (at, a) in ran.iter().enumerate() {
        for b in &ran[at + 1..] {
            let Some(order) = map.order((a.id, &a.seen), (b.id, &b.seen)) else {
                continue;
            };
            let apart = a.end < b.start || b.end < a.start;
            assert!(apart, "serial parts overlap: {a:?} and {b:?}");
            let first = if order.is_lt() { a } else { b };
            if !tries_again && !may_be_late(first) {
                let first_is_first = (a.start < b.start) == order.is_lt();
                assert!(first_is_first, "in the wrong order: {a:?} and {b:?}");
            }
        }
    }
}

/// No more cells or children at once than `max`, and waves one after the other.
pub fn check_width(map: &Map<'_>, record: &Record, tries_again: bool) {
    // Commands by the block around them, in one activation of it, and by its child.
    type Children<'r> = BTreeMap<(usize, Vec<u32>), Vec<&'r Ran>>;
    let mut blocks: BTreeMap<(u32, Seen), (&Node, Children<'_>)> = BTreeMap::new();
    for ran in &record.ran {
        for (node, part, index) in &map.ways[&ran.id] {
            if *part != Part::Body || !matches!(node.kind, Kind::Grid(_) | Kind::Parallel) {
                continue;
            }
            let axes = match &node.kind {
                Kind::Grid(grid) => grid.axes.len(),
                _ => 0,
            };
            let names: Vec<String> = (0..axes).map(|axis| variable(node.id, axis)).collect();
            let outside = ran.seen.iter().filter(|(name, _)| {
                let grid = name[1..]
                    .split_once('_')
                    .map(|(grid, _)| grid.parse::<u32>());
                grid.is_some_and(|grid| grid.is_ok_and(|grid| grid < node.id))
            });
            let outside = outside
                .map(|(name, value)| (name.clone(), *value))
                .collect();
            let cell: Vec<u32> = names.iter().map(|name| ran.seen[name]).collect();
            let child = (if axes == 0 { *index } else { 0 }, cell);
            let block = blocks
                .entry((node.id, outside))
                .or_insert((node, BTreeMap::new()));
            block.1.entry(child).or_default().push(ran);
        }
    }
    for (node, children) in blocks.values() {
        if let Some(max) = node.modifiers.max {
            for (child, runs) in children {
                for ran in runs {
                    let beside = children.iter().filter(|(other, runs)| {
                        *other != child
                            && runs
                                .iter()
                                .any(|it| it.start <= ran.start && ran.start < it.end)
                    });
                    let count = beside.count() + 1;
                    assert!(
                        count <= max as usize,
                        "{count} of at most {max} in {}",
                        node.id
                    );
                }
            }
        }
        if node.modifiers.batches && !tries_again {
            // Waves of 1, 2, 2, … cells in source order. Cells without commands are not seen, so
            // a cell is at least as far along as its place among the others says.
            // The way back goes through the waves from the last to the first.
            let forwards = |runs: &Vec<&'_ Ran>| -> Vec<(usize, usize)> {
                let done = runs.iter().filter(|ran| ran.word != 'u');
                done.map(|ran| (ran.start, ran.end)).collect()
            };
            let ends = |runs| forwards(runs).iter().map(|(_, end)| *end).max();
            let starts = |runs| forwards(runs).iter().map(|(start, _)| *start).min();
            let cells: Vec<&Vec<&Ran>> = children.values().collect();
            for (at, cell) in cells.iter().enumerate() {
                for later in cells.iter().skip(at + 2) {
                    let (Some(end), Some(start)) = (ends(cell), starts(later)) else {
                        continue;
                    };
                    assert!(end < start, "waves overlap in {}", node.id);
                }
            }
        }
    }
}

/// A lock has one holder at a time.
pub fn check_locks(record: &Record) {
    let mut spans: BTreeMap<String, BTreeMap<String, Vec<(usize, usize)>>> = BTreeMap::new();
    for ran in &record.ran {
        for (at, _) in ran.path.match_indices("/lock[") {
            let name_end = ran.path[at..].find(']').expect("it is closed") + at;
            let end = ran.path[name_end..]
                .find('/')
                .map_or(ran.path.len(), |it| it + name_end);
            let inside = &ran.path[end..];
            if inside.starts_with("/on-failure") || inside.starts_with("/always") {
                continue;
            }
            let holders = spans
                .entry(ran.path[at + 6..name_end].to_string())
                .or_default();
            let holder = holders.entry(ran.path[..end].to_string()).or_default();
            holder.push((ran.start, ran.end));
        }
    }
    for (target, path, start, end) in deployments(record) {
        if target != "e.i2" {
            let holder = path
                .split('/')
                .nth(1)
                .filter(|stage| stage.starts_with('g'));
            let within = path.split('/').find(|segment| {
                segment
                    .strip_prefix('g')
                    .is_some_and(|id| id.parse::<u32>().is_ok())
            });
            let holder = holder.or(within).unwrap_or("the pipeline").to_string();
            let holders = spans.entry(target).or_default();
            holders.entry(holder).or_default().push((start, end));
        }
    }
    for (name, holders) in &spans {
        for (holder, of_holder) in holders {
            for (other, of_other) in holders.iter().filter(|(other, _)| *other > holder) {
                for (a, b) in of_holder
                    .iter()
                    .flat_map(|a| of_other.iter().map(move |b| (a, b)))
                {
                    let apart = a.1 < b.0 || b.1 < a.0;
                    assert!(apart, "`{name}` is held by `{holder}` and `{other}`");
                }
            }
        }
    }
}

/// The deployments: infrastructure, path, from where to where.
fn deployments(record: &Record) -> Vec<(String, String, usize, usize)> {
    let mut open: HashMap<&str, usize> = HashMap::new();
    let mut found = Vec::new();
    for (at, happened) in &record.told {
        match happened {
            RunEventKind::NodeStarted { node, kind, .. } if *kind == NodeKind::Deploy => {
                open.entry(node).or_insert(*at);
            }
            RunEventKind::NodeFinished {
                node, kind, status, ..
            } if *kind == NodeKind::Deploy && *status != Status::RollingBack => {
                if let Some(start) = open.remove(&**node) {
                    let target = node.rsplit(", ").next().expect("a target");
                    let target = target.split(']').next().expect("an end").to_string();
                    found.push((target, node.to_string(), start, *at));
                }
            }
            _ => {}
        }
    }
    found
}

/// The number of a step, by its path.
fn step_id(path: &str) -> Option<u32> {
    let name = path.rsplit('/').next().unwrap_or_default();
    name.strip_prefix('s').and_then(|id| id.parse().ok())
}

/// Inside a rollback every step that started is undone once, in reverse order, and nothing else is
/// undone. What reads a result may be undone once for each try.
pub fn check_undo(map: &Map<'_>, record: &Record, hidden_scopes: bool) {
    #[derive(Clone, Copy, PartialEq)]
    enum State {
        Started,
        Undone,
    }
    let mut steps: HashMap<&str, State> = HashMap::new();
    // How often a step started, less how often it was undone.
    let mut tries: HashMap<&str, usize> = HashMap::new();
    // The index at which a step first started; a retry may start in another order.
    let mut began: HashMap<&str, usize> = HashMap::new();
    // The rollbacks in flight, with the indices at which they began.
    let mut rolling: BTreeMap<&str, usize> = BTreeMap::new();
    let mut rollbacks: Vec<(&str, usize, usize)> = Vec::new();
    for (at, happened) in &record.told {
        match happened {
            RunEventKind::NodeStarted { node, kind, .. } if *kind == NodeKind::Step => {
                let can_be_undone = step_id(node).is_some_and(|id| map.undoable.contains(&id));
                if can_be_undone && !node.contains("/undo") {
                    *tries.entry(node).or_default() += 1;
                    if steps.insert(node, State::Started) != Some(State::Started) {
                        began.insert(node, *at);
                    }
                }
            }
            RunEventKind::NodeStarted { node, kind, .. } if *kind == NodeKind::Undo => {
                let step = node.strip_suffix("/undo").expect("the path of an undo");
                let before = steps.insert(step, State::Undone);
                let left = tries.entry(step).or_default();
                if before == Some(State::Undone) {
                    // What another try made is undone as well; other texts are the same in all.
                    let reads = step_id(step).is_some_and(|id| map.reads_result.contains(&id));
                    assert!(reads && *left > 0, "`{step}` is undone twice");
                }
                *left = left.saturating_sub(1);
                assert_eq!(before.map(|_| ()), Some(()), "`{step}` had not started");
                let within = rolling.keys().any(|scope| is_within(step, scope));
                assert!(
                    within || hidden_scopes,
                    "nothing around `{step}` rolls back"
                );
            }
            RunEventKind::NodeFinished { node, status, .. } => match status {
                Status::RollingBack => {
                    rolling.insert(node, *at);
                }
                Status::RolledBack | Status::RollbackFailed => {
                    let start = rolling.remove(&**node);
                    if let Some(start) = start {
                        rollbacks.push((node, start, *at));
                    }
                    // An `always` that a verdict has gone past runs when its scope is taken back.
                    let came_later = |step: &str| {
                        step[node.len()..].contains("/always/")
                            && start.is_some_and(|start| began[step] > start)
                    };
                    let left = steps.iter().find(|(step, state)| {
                        **state == State::Started
                            && is_before_its_end(step, node)
                            && !came_later(step)
                    });
                    assert_eq!(left.map(|(step, _)| *step), None, "left in `{node}`");
                }
                _ => {}
            },
            _ => {}
        }
    }
    let undos: Vec<&Ran> = record.ran.iter().filter(|ran| ran.word == 'u').collect();
    for (scope, start, end) in rollbacks {
        let inside = undos.iter().filter(|undo| {
            is_before_its_end(&undo.path, scope) && start < undo.start && undo.end < end
        });
        let inside: Vec<&&Ran> = inside.collect();
        for (at, a) in inside.iter().enumerate() {
            for b in &inside[at + 1..] {
                let Some(order) = map.order((a.id, &a.seen), (b.id, &b.seen)) else {
                    continue;
                };
                let step = |ran: &Ran| began[ran.path.trim_end_matches("/undo/run")];
                if order != step(a).cmp(&step(b)) {
                    continue;
                }
                let backwards = match order.is_lt() {
                    true => b.end < a.start,
                    false => a.end < b.start,
                };
                assert!(backwards, "undone in the wrong order: {a:?} and {b:?}");
            }
        }
    }
}

/// Whether a path is a scope's own or below it.
fn is_within(path: &str, scope: &str) -> bool {
    path.strip_prefix(scope)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Whether a step is in the body or the failure handler of a scope: its `always` comes later.
fn is_before_its_end(step: &str, scope: &str) -> bool {
    is_within(step, scope) && !step[scope.len()..].starts_with("/always/")
}

/// What was reported as skipped never started. What is between batches comes once after each of
/// them, so that it may have been done after one and be left out after the next.
pub fn check_skipped(record: &Record) {
    let mut started = BTreeSet::new();
    for (_, happened) in &record.told {
        if let RunEventKind::NodeStarted { node, .. } = happened {
            started.insert(node);
        }
    }
    for (_, happened) in &record.told {
        if let RunEventKind::NodeFinished { node, status, .. } = happened
            && *status == Status::Skipped
            && !node.contains("/between/")
        {
            assert!(!started.contains(node), "`{node}` was skipped and started");
        }
    }
}
