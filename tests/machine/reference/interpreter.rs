//! The interpreter of the reference: what each statement does, as the pages say it.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::task::Poll;

use crate::machine::generate::{INCLUDED, Kind, Node, Verdict, variable};

use super::clock::{Clock, Later, all};
use super::frames::{Class, Env, Fail, Frame, Link, Reach, Rescue, first};
use super::way_back::{ALWAYS, BODY, HANDLER, OWN, Records, Step, add};

/// One written millisecond: commands take times in between.
pub const SCALE: i64 = 101;

pub struct Interpreter<'p> {
    pub clock: Clock,
    pub run_cancelled: Cell<bool>,
    pub aborted: Cell<bool>,
    pub rollback_failed: Cell<bool>,
    pub undone: RefCell<BTreeMap<String, bool>>,
    pub ledger: RefCell<BTreeMap<String, &'static str>>,
    /// Where `rollback pipeline` is written as `rollback stage`.
    pub reach: Reach,
    /// How long a retry waits.
    pub retry_pause: i64,
    failures: Cell<u64>,
    root: RefCell<Option<Rc<Frame<'p>>>>,
}

type Ended<'p> = Result<(), Fail<'p>>;

/// What the loop variables make of a command.
fn text(word: &str, id: u32, env: &Env) -> String {
    let values: Vec<String> = env
        .iter()
        .map(|(name, it)| format!(" {name}={it}"))
        .collect();
    format!("{word}{id}{}", values.concat())
}

impl<'p> Interpreter<'p> {
    pub fn new(clock: Clock, reach: Reach) -> Self {
        Self {
            clock,
            run_cancelled: Cell::new(false),
            aborted: Cell::new(false),
            rollback_failed: Cell::new(false),
            undone: RefCell::default(),
            ledger: RefCell::default(),
            reach,
            retry_pause: SCALE,
            failures: Cell::new(0),
            root: RefCell::default(),
        }
    }

    /// Runs a pipeline; how the run ends.
    pub fn run(&self, root: &'p Node, cancel_at: Option<i64>) -> &'static str {
        let whole = async {
            let mut records = Records::new();
            let env = Env::new();
            let mut pipeline = self.statement(root, None, Link::Side, &env, &mut records);
            let mut canceller: Option<Later<'_, ()>> = cancel_at.map(|at| {
                Box::pin(async move {
                    self.clock.sleep_until(at, &|| false).await;
                    self.run_cancelled.set(true);
                    self.cancel_all();
                }) as Later<'_, ()>
            });
            std::future::poll_fn(|context| {
                if let Poll::Ready(ended) = pipeline.as_mut().poll(context) {
                    return Poll::Ready(ended);
                }
                if let Some(it) = &mut canceller
                    && it.as_mut().poll(context).is_ready()
                {
                    canceller = None;
                }
                Poll::Pending
            })
            .await
        };
        let ended = self.clock.run(Box::pin(whole));
        match ended {
            _ if self.rollback_failed.get() => "rollback-failed",
            Err(_) if self.run_cancelled.get() => "cancelled",
            Err(_) => "failed",
            Ok(()) => "succeeded",
        }
    }

    fn cancel_all(&self) {
        if let Some(root) = &*self.root.borrow() {
            root.cancelled.set(true);
        }
        self.clock.changed();
    }

    fn fail(&self, class: Class) -> Fail<'p> {
        self.failures.set(self.failures.get() + 1);
        Fail::new(class, self.failures.get())
    }

    /// What something fails with that is to start nothing, or was interrupted.
    fn stopped(&self) -> Fail<'p> {
        self.fail(Class::Cancelled)
    }

    fn statement<'s>(
        &'s self,
        node: &'p Node,
        parent: Option<&Rc<Frame<'p>>>,
        link: Link,
        env: &Env,
        records: &'s mut Records,
    ) -> Later<'s, Ended<'p>> {
        let frame = Frame::new(parent, link, Some(node));
        let env = env.clone();
        if parent.is_none() {
            *self.root.borrow_mut() = Some(frame.clone());
        }
        Box::pin(async move {
            let mut own = Records::new();
            let ended = self.whole(node, &frame, &env, &mut own).await;
            frame.over();
            if let Kind::Deploy(_) = node.kind {
                let line = text("s", node.id, &env);
                let status = self.ledger.borrow().get(&line).copied();
                if !status.is_some_and(|it| it.starts_with("roll")) {
                    add(records, Step::Deploy(line), own);
                } else {
                    records.append(&mut own);
                }
            } else {
                records.append(&mut own);
            }
            ended
        })
    }

    /// A statement with what is around its body.
    async fn whole(
        &self,
        node: &'p Node,
        frame: &Rc<Frame<'p>>,
        env: &Env,
        records: &mut Records,
    ) -> Ended<'p> {
        let line = matches!(node.kind, Kind::Deploy(_)).then(|| text("s", node.id, env));
        let note = |status| {
            if let Some(line) = &line {
                self.ledger.borrow_mut().insert(line.clone(), status);
            }
        };
        if frame.stops() {
            note("cancelled");
            return Err(self.stopped());
        }
        if node.kind == Kind::Step(true) {
            let undo = text("u", node.id, env);
            self.undone.borrow_mut().remove(&undo);
            records.insert(vec![OWN], undo);
        }
        let ended = self.tries(node, frame, env, records).await;
        let mut ended = match ended {
            Tried::NeverBegan(fail) => {
                note("cancelled");
                return Err(fail);
            }
            Tried::Good => Ok(()),
            Tried::Ignored => {
                note("ignored");
                Ok(())
            }
            Tried::Bad(fail, roll_back) => {
                self.settle(frame, fail, roll_back, records, &note).await
            }
        };
        if ended.is_ok() && self.ledger_of(&line) != Some("ignored") {
            note("succeeded");
        }
        self.always(node, frame, env, records, &mut ended).await;
        if let (Err(_), Some("succeeded" | "ignored")) = (&ended, self.ledger_of(&line)) {
            note("failed");
        }
        ended
    }

    fn ledger_of(&self, line: &Option<String>) -> Option<&'static str> {
        self.ledger.borrow().get(line.as_ref()?).copied()
    }

    /// The body, as often as it is tried, and its failure handler.
    async fn tries(
        &self,
        node: &'p Node,
        frame: &Rc<Frame<'p>>,
        env: &Env,
        records: &mut Records,
    ) -> Tried<'p> {
        loop {
            frame.tries.set(frame.tries.get() + 1);
            frame.in_body.set(true);
            let mut inner = Records::new();
            let mut queued = false;
            let ended = self.timed(node, frame, env, &mut inner, &mut queued).await;
            add(records, BODY, inner);
            let timed_out = frame.timeout.take();
            let ended = match (ended, timed_out) {
                (ended, None) => ended,
                (Ok(()), Some(number)) => Err(Fail::new(Class::Timeout, number)),
                (Err(fail), Some(number)) => Err(Fail {
                    class: Class::Timeout,
                    number,
                    ..fail
                }),
            };
            let Err(mut fail) = ended else {
                return Tried::Good;
            };
            if queued && frame.tries.get() == 1 && frame.stops() {
                return Tried::NeverBegan(fail);
            }
            let decided = fail.rolls_back.is_some();
            if !decided && !frame.stops() && !self.aborted.get() && frame.has_tries() {
                frame.in_body.set(false);
                let at = self.clock.now.get() + self.retry_pause;
                if self.clock.sleep_until(at, &|| frame.stops()).await {
                    continue;
                }
            }
            self.spread(frame, &fail, Rescue::ByHandler);
            frame.in_body.set(false);
            let mut roll_back = false;
            if let (Some((body, verdict)), false) = (&node.on_failure, self.aborted.get()) {
                let ends_early = frame.is_held() && !frame.is_interrupted();
                let by_name = self.run_cancelled.get() || ends_early;
                let mut counts = true;
                let silent = fail.class == Class::Cancelled && by_name;
                if silent {
                    counts = matches!(verdict, Verdict::Rollback | Verdict::RollbackPipeline);
                } else {
                    let mut inner = Records::new();
                    let side = Frame::new(Some(frame), Link::Side, None);
                    let handled = self.sequence(body, &side, env, &mut inner).await;
                    side.over();
                    add(records, HANDLER, inner);
                    if let Err(of_handler) = handled {
                        fail.take_in(of_handler);
                        counts = false;
                    }
                }
                let free = !frame.is_cancelled() && fail.rolls_back.is_none();
                match verdict {
                    _ if !counts => {}
                    Verdict::None => {}
                    Verdict::Ignore if free => return Tried::Ignored,
                    Verdict::Retry(times) if free && !frame.is_held() => {
                        if frame.handler_tries.get() < *times {
                            frame.handler_tries.set(frame.handler_tries.get() + 1);
                            let now = self.clock.now.get();
                            self.clock.sleep_until(now, &|| false).await;
                            continue;
                        }
                    }
                    Verdict::Ask if free && !frame.is_held() => {
                        let at = self.clock.now.get() + 9 * SCALE;
                        if self.clock.sleep_until(at, &|| frame.stops()).await {
                            return Tried::Ignored;
                        }
                    }
                    Verdict::Ignore | Verdict::Retry(_) | Verdict::Ask => {}
                    Verdict::Rollback => roll_back = true,
                    Verdict::RollbackPipeline => {
                        fail.rolls_back = fail.rolls_back.max(Some(self.reach));
                    }
                    Verdict::Abort => {
                        self.aborted.set(true);
                        self.cancel_all();
                    }
                }
            }
            self.spread(frame, &fail, Rescue::None);
            return Tried::Bad(fail, roll_back);
        }
    }

    fn spread(&self, frame: &Rc<Frame<'p>>, fail: &Fail<'p>, rescue: Rescue) {
        if !self.aborted.get() {
            frame.spread(fail, rescue, self.run_cancelled.get());
            self.clock.changed();
        }
    }

    /// A failure that stands: the statement rolls back, if it is to.
    async fn settle(
        &self,
        frame: &Rc<Frame<'p>>,
        mut fail: Fail<'p>,
        roll_back: bool,
        records: &mut Records,
        note: &dyn Fn(&'static str),
    ) -> Ended<'p> {
        note(match fail.class {
            Class::Cancelled => "cancelled",
            _ => "failed",
        });
        if self.aborted.get() {
            return Err(fail);
        }
        let asked = fail.rolls_back.is_some_and(|reach| frame.is_target(reach));
        if asked {
            fail.rolls_back = None;
        }
        if asked || roll_back || frame.is_scope() {
            let mut all = std::mem::take(records);
            all.retain(|_, undo| !self.undone.borrow().contains_key(undo));
            if !all.is_empty() {
                let good = self.undo_all(all).await;
                fail.unrestored |= !good;
                note(match fail.unrestored {
                    true => "rollback-failed",
                    false => "rolled-back",
                });
            }
        }
        Err(fail)
    }

    /// The `always` bodies that run now: those that have waited, and the statement's own.
    async fn always(
        &self,
        node: &'p Node,
        frame: &Rc<Frame<'p>>,
        env: &Env,
        records: &mut Records,
        ended: &mut Ended<'p>,
    ) {
        frame.in_body.set(false);
        let own = node.always.as_ref().map(|_| (node, env.clone()));
        let mut run = Vec::new();
        if let Err(fail) = ended {
            if fail.rolls_back.is_some() && !self.aborted.get() && frame.parent.is_some() {
                fail.deferred.extend(own);
                return;
            }
            run.append(&mut fail.deferred);
        }
        run.extend(own);
        for (node, env) in run {
            let mut inner = Records::new();
            let side = Frame::new(Some(frame), Link::Side, None);
            let body = node.always.as_deref().unwrap_or_default();
            let cleaned = self.sequence(body, &side, &env, &mut inner).await;
            side.over();
            add(records, ALWAYS, inner);
            match (&mut *ended, cleaned) {
                (_, Ok(())) => {}
                (Err(fail), Err(other)) => fail.take_in(other),
                (Ok(()), Err(other)) => *ended = Err(other),
            }
        }
    }

    /// The body, for as long as its time limit lets it.
    async fn timed(
        &self,
        node: &'p Node,
        frame: &Rc<Frame<'p>>,
        env: &Env,
        records: &mut Records,
        queued: &mut bool,
    ) -> Ended<'p> {
        let limit = node.modifiers.timeout;
        let at = limit.map(|limit| self.clock.now.get() + i64::from(limit) * SCALE);
        let mut body: Later<'_, Ended<'p>> = Box::pin(self.body(node, frame, env, records, queued));
        let mut timer: Option<Later<'_, bool>> = at.map(|at| {
            Box::pin(async move { self.clock.sleep_until(at, &|| false).await }) as Later<'_, bool>
        });
        std::future::poll_fn(|context| {
            if let Poll::Ready(ended) = body.as_mut().poll(context) {
                return Poll::Ready(ended);
            }
            if let Some(it) = &mut timer
                && it.as_mut().poll(context).is_ready()
            {
                timer = None;
                if !frame.is_interrupted() {
                    let fail = self.fail(Class::Timeout);
                    let again = frame.has_tries() && !frame.is_held();
                    frame.timeout.set(Some(fail.number));
                    if !again {
                        self.spread(frame, &fail, Rescue::ByHandler);
                    }
                    self.clock.changed();
                }
            }
            Poll::Pending
        })
        .await
    }

    async fn body(
        &self,
        node: &'p Node,
        frame: &Rc<Frame<'p>>,
        env: &Env,
        records: &mut Records,
        queued: &mut bool,
    ) -> Ended<'p> {
        match &node.kind {
            Kind::Run => {
                let text = text("w", node.id, env);
                self.command(&text, frame).await
            }
            Kind::Fail => Err(self.fail(Class::Failed)),
            Kind::Log | Kind::Barrier(_) => Ok(()),
            Kind::Wait(ms) => {
                let at = self.clock.now.get() + i64::from(*ms) * SCALE;
                match self.clock.sleep_until(at, &|| frame.stops()).await {
                    true => Ok(()),
                    false => Err(self.stopped()),
                }
            }
            Kind::Step(_) | Kind::Serial | Kind::Stage | Kind::Deploy(_) | Kind::If(Some(true)) => {
                self.sequence(&node.body, frame, env, records).await
            }
            Kind::If(Some(false)) => Ok(()),
            Kind::If(None) => {
                let ask = text("c", node.id, env);
                let of_command = Frame::new(Some(frame), Link::Body, None);
                let asked = self.command(&ask, &of_command).await;
                of_command.over();
                asked?;
                if frame.stops() {
                    return Err(self.stopped());
                }
                match self.clock.luck.says_yes(&ask) {
                    true => self.sequence(&node.body, frame, env, records).await,
                    false => Ok(()),
                }
            }
            Kind::Lock(lock) => {
                *queued = true;
                if !self.clock.lock(*lock, &|| frame.stops()).await {
                    return Err(self.stopped());
                }
                *queued = false;
                let mut inner = Records::new();
                let ended = self.sequence(&node.body, frame, env, &mut inner).await;
                add(records, Step::Lock(*lock), inner);
                self.clock.unlock(*lock);
                ended
            }
            Kind::Verify => self.verify(node, frame, env, records).await,
            Kind::Parallel => {
                let count = node.body.len();
                let cells = (0..count)
                    .map(|at| (vec![at as u32], env.clone()))
                    .collect();
                self.block(node, frame, vec![false], cells, records).await
            }
            Kind::Grid(grid) => {
                let orders = grid.axes.iter().map(|(serial, _)| *serial).collect();
                let cells = cells(node, env);
                self.block(node, frame, orders, cells, records).await
            }
        }
    }

    async fn command(&self, text: &str, frame: &Rc<Frame<'p>>) -> Ended<'p> {
        match self.clock.command(text, &|| frame.is_interrupted()).await {
            true => Ok(()),
            false if frame.is_interrupted() => Err(self.stopped()),
            false => Err(self.fail(Class::Exit)),
        }
    }

    async fn sequence(
        &self,
        body: &'p [Node],
        frame: &Rc<Frame<'p>>,
        env: &Env,
        records: &mut Records,
    ) -> Ended<'p> {
        for (at, node) in body.iter().enumerate() {
            if frame.stops() {
                return Err(self.stopped());
            }
            let mut inner = Records::new();
            let ended = self.statement(node, Some(frame), Link::Body, env, &mut inner);
            let ended = ended.await;
            add(records, Step::Part(at as u32), inner);
            ended?;
        }
        Ok(())
    }

    async fn verify(
        &self,
        node: &'p Node,
        frame: &Rc<Frame<'p>>,
        env: &Env,
        records: &mut Records,
    ) -> Ended<'p> {
        let until = self.clock.now.get() + SCALE;
        loop {
            let look = Frame::new(Some(frame), Link::Look, None);
            let ended = self.sequence(&node.body, &look, env, records).await;
            look.over();
            if let Err(mut fail) = ended {
                if fail.class != Class::Cancelled {
                    fail.class = Class::Verification;
                }
                return Err(fail);
            }
            if self.clock.now.get() >= until {
                return Ok(());
            }
            if !self.clock.sleep_until(until, &|| frame.stops()).await {
                return Err(self.stopped());
            }
        }
    }

    /// The cells of a loop, or the children of a `parallel`.
    async fn block(
        &self,
        node: &'p Node,
        frame: &Rc<Frame<'p>>,
        orders: Vec<bool>,
        cells: Vec<(Vec<u32>, Env)>,
        records: &mut Records,
    ) -> Ended<'p> {
        let is_grid = matches!(node.kind, Kind::Grid(_));
        frame.failed_cells.set(0);
        *frame.failed.borrow_mut() = None;
        let max = node.modifiers.max;
        let board = RefCell::new(Board {
            states: vec![State::Waits; cells.len()],
            waves: waves(cells.len(), node.modifiers.batches),
            wave: 0,
            skipped: false,
            stopped: false,
            cut: false,
            frames: vec![None; cells.len()],
        });
        let kept: Vec<RefCell<Records>> = cells.iter().map(|_| RefCell::default()).collect();
        let start = |at: usize| -> (usize, Later<'_, Ended<'p>>) {
            let (cell, kept, board) = (&cells[at], &kept[at], &board);
            let run: Later<'_, Ended<'p>> = Box::pin(async move {
                let mut inner = Records::new();
                let ended = if board.borrow().cut {
                    Err(self.stopped())
                } else if is_grid {
                    let cell_frame = Frame::new(Some(frame), Link::Cell, None);
                    board.borrow_mut().frames[at] = Some(cell_frame.clone());
                    let ended = match cell_frame.stops() {
                        true => Err(self.stopped()),
                        false => {
                            self.sequence(&node.body, &cell_frame, &cell.1, &mut inner)
                                .await
                        }
                    };
                    cell_frame.over();
                    ended
                } else {
                    let child = &node.body[at];
                    self.statement(child, Some(frame), Link::Strand, &cell.1, &mut inner)
                        .await
                };
                *kept.borrow_mut() = inner;
                ended
            });
            (at, run)
        };
        let more = |live: usize| {
            let mut board = board.borrow_mut();
            board.stopped |= frame.stops();
            let started = board.next(&cells, &orders, max, live, is_grid);
            started.into_iter().map(&start).collect::<Vec<_>>()
        };
        all(more(0), |at, ended: Ended<'p>, live| {
            let mut state = State::Good;
            if let Err(fail) = ended {
                state = State::Bad;
                let count = frame.failed_cells.get() + 1;
                frame.failed_cells.set(count);
                let of_cell = board.borrow().frames[at].clone();
                let free = !of_cell.is_some_and(|it| it.is_cancelled());
                let counts = free && fail.rolls_back.is_none() && is_grid;
                if counts && count <= node.modifiers.tolerate {
                    state = State::Good;
                } else {
                    let is_first = frame.failed.borrow().is_none();
                    first(&mut frame.failed.borrow_mut(), fail);
                    let stops = node.modifiers.fail_fast || node.modifiers.batches;
                    board.borrow_mut().stopped |= stops;
                    if is_first && node.modifiers.fail_fast {
                        frame.stop_others(&[]);
                        board.borrow_mut().cut = true;
                    }
                    let failed = frame.failed.borrow().clone();
                    if let Some(failed) = failed {
                        self.spread(frame, &failed, Rescue::ByTry);
                    }
                }
            }
            board.borrow_mut().states[at] = state;
            self.clock.changed();
            more(live)
        })
        .await;
        let board = board.into_inner();
        for (at, kept) in kept.into_iter().enumerate() {
            let position = cells[at].0.clone();
            let step = Step::Cell(orders.clone(), max, board.waves[at], position);
            add(records, step, kept.into_inner());
        }
        match frame.failed.take() {
            Some(fail) => Err(fail),
            None if board.skipped && frame.stops() => Err(self.stopped()),
            None => Ok(()),
        }
    }
}

enum Tried<'p> {
    Good,
    Ignored,
    /// It was stopped while it waited for its lock.
    NeverBegan(Fail<'p>),
    /// With what failed, and whether a handler wants the block rolled back.
    Bad(Fail<'p>, bool),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Waits,
    Runs,
    Good,
    Bad,
    Skipped,
}

/// Which cells run, and which wait.
struct Board<'p> {
    states: Vec<State>,
    waves: Vec<usize>,
    wave: usize,
    skipped: bool,
    stopped: bool,
    /// Whether those that were to start when another one failed are stopped.
    cut: bool,
    frames: Vec<Option<Rc<Frame<'p>>>>,
}

impl Board<'_> {
    /// The cells that start now. `max` and waves let in the first that could start.
    fn next(
        &mut self,
        cells: &[(Vec<u32>, Env)],
        orders: &[bool],
        max: Option<u32>,
        mut live: usize,
        is_grid: bool,
    ) -> Vec<usize> {
        let mut started = Vec::new();
        loop {
            let ready = (0..cells.len()).find(|at| {
                let before = |other: &usize| comes_before(&cells[*other].0, &cells[*at].0, orders);
                self.states[*at] == State::Waits
                    && (0..cells.len())
                        .filter(before)
                        .all(|it| !matches!(self.states[it], State::Waits | State::Runs))
            });
            let Some(at) = ready else { return started };
            if !self.stopped {
                if self.waves[at] > self.wave && live > 0 {
                    return started;
                }
                self.wave = self.wave.max(self.waves[at]);
                if max.is_some_and(|max| live >= max as usize) {
                    return started;
                }
            }
            let broken = (0..cells.len()).any(|it| {
                self.states[it] == State::Bad && comes_before(&cells[it].0, &cells[at].0, orders)
            });
            if self.stopped || (broken && is_grid) {
                self.states[at] = State::Skipped;
                self.skipped = true;
                continue;
            }
            self.states[at] = State::Runs;
            started.push(at);
            live += 1;
        }
    }
}

/// Whether one cell has to end before another starts: they part on a serial axis.
fn comes_before(one: &[u32], other: &[u32], orders: &[bool]) -> bool {
    let mut axes = one.iter().zip(other).zip(orders);
    let parts = axes.find(|((a, b), _)| a != b);
    parts.is_some_and(|((a, b), serial)| *serial && a < b)
}

/// The wave of each cell: `batches [1, 2]`.
fn waves(count: usize, batches: bool) -> Vec<usize> {
    (0..count)
        .map(|at| if batches { at.div_ceil(2) } else { 0 })
        .collect()
}

/// The cells of a loop in source order.
fn cells(node: &Node, env: &Env) -> Vec<(Vec<u32>, Env)> {
    let Kind::Grid(grid) = &node.kind else {
        return Vec::new();
    };
    let mut cells = vec![(Vec::new(), env.clone())];
    for (axis, (_, count)) in grid.axes.iter().enumerate() {
        let mut longer = Vec::new();
        for (position, env) in cells {
            for value in 0..*count {
                let (mut position, mut env) = (position.clone(), env.clone());
                position.push(value);
                env.push((variable(node.id, axis), value));
                longer.push((position, env));
            }
        }
        cells = longer;
    }
    if let Some(dropped) = grid.dropped {
        cells.retain(|(position, _)| position[0] != dropped);
    }
    if grid.included {
        let mut env = env.clone();
        for axis in 0..grid.axes.len() {
            env.push((variable(node.id, axis), INCLUDED));
        }
        cells.push((vec![grid.axes[0].1], env));
    }
    cells
}
