//! The interpreter of the reference: what each statement does, as the pages say it.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::task::Poll;

use crate::machine::generate::{Kind, Node, Verdict};

use super::board::{Board, State, cells, waves};
use super::clock::{Clock, Later, all};
use super::frames::{Class, Env, Fail, Frame, Link, Reach, Rescue, first};
use super::watch::Looks;
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
    /// The results that are bound, by their statements: 1 is `yes`, 2 is `no`; and whether the
    /// command failed.
    bound: RefCell<BTreeMap<String, (u32, u32)>>,
    /// The pipeline has ended with `return`.
    returned: Cell<bool>,
    /// How long a retry waits.
    pub retry_pause: i64,
    failures: Cell<u64>,
    root: RefCell<Option<Rc<Frame<'p>>>>,
}

type Ended<'p> = Result<(), Fail<'p>>;

/// The result that the undo of a step names.
fn result_of(step: &Node, env: &Env) -> Option<String> {
    let first = step.body.first()?;
    (first.kind == Kind::Let(true)).then(|| text("r", first.id, env))
}

/// What the loop variables make of a command.
pub fn text(word: &str, id: u32, env: &Env) -> String {
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
            bound: RefCell::default(),
            returned: Cell::new(false),
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

    pub fn fail(&self, class: Class) -> Fail<'p> {
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
            if let Some(result) = result_of(node, env) {
                self.bound.borrow_mut().remove(&result);
            }
            self.can_be_undone(node, env, records);
        }
        let ended = self.tries(node, frame, env, records).await;
        if node.kind == Kind::Step(true) {
            self.can_be_undone(node, env, records);
        }
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

    /// The undo of a step, which names its result. Where that is another one in another try of what
    /// is around the step, there is more than one thing to undo.
    fn can_be_undone(&self, node: &Node, env: &Env, records: &mut Records) {
        records.retain(|way, _| way.first() != Some(&OWN));
        let mut undo = text("u", node.id, env);
        let mut way = vec![OWN];
        if let Some(result) = result_of(node, env) {
            let (says, failed) = self.bound.borrow().get(&result).copied().unwrap_or((0, 0));
            let name = result.split(' ').next().unwrap_or_default();
            undo += &format!(" {name}={says}");
            way.push(Step::Part(2 * says + failed));
        }
        self.undone.borrow_mut().remove(&undo);
        records.insert(way, undo);
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
                (Ok(()), Some((class, number))) => Err(Fail::new(class, number)),
                (Err(fail), Some((class, number))) => Err(Fail {
                    class,
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
                    side.outcome_is_bad.set(true);
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

    pub fn spread(&self, frame: &Rc<Frame<'p>>, fail: &Fail<'p>, rescue: Rescue) {
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
            side.outcome_is_bad.set(ended.is_err());
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
        let looks = Looks::default();
        let mut watch: Option<Later<'_, Option<Fail<'p>>>> = node
            .watch
            .map(|every| Box::pin(self.watch(node, frame, env, every, &looks)) as Later<'_, _>);
        let mut ended: Option<Ended<'p>> = None;
        std::future::poll_fn(|context| {
            if ended.is_none()
                && let Poll::Ready(of_body) = body.as_mut().poll(context)
            {
                looks.ends.set(true);
                looks.stops.set(looks.good.get() || of_body.is_err());
                ended = Some(of_body);
                self.clock.changed();
            }
            if let Some(it) = &mut timer
                && it.as_mut().poll(context).is_ready()
            {
                timer = None;
                self.fails_itself(frame, self.fail(Class::Timeout));
            }
            if let Some(it) = &mut watch
                && let Poll::Ready(failed) = it.as_mut().poll(context)
            {
                watch = None;
                match (failed, &ended) {
                    (Some(fail), None) => self.fails_itself(frame, fail),
                    (Some(fail), Some(Ok(()))) => ended = Some(Err(fail)),
                    (Some(_), Some(Err(_))) | (None, _) => {}
                }
                self.clock.changed();
            }
            match watch {
                None => ended.take().map_or(Poll::Pending, Poll::Ready),
                Some(_) => Poll::Pending,
            }
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
            Kind::Let(_) => {
                let command = text("w", node.id, env);
                let ended = self.command(&command, frame).await;
                let says = if self.clock.luck.says_yes(&command) {
                    1
                } else {
                    2
                };
                let result = (says, u32::from(ended.is_err()));
                let bound = text("r", node.id, env);
                self.bound.borrow_mut().insert(bound, result);
                ended
            }
            Kind::IfBound(value) => {
                let result = text("r", *value, env);
                let is_bound = self.bound.borrow().contains_key(&result);
                match is_bound {
                    true => self.sequence(&node.body, frame, env, records).await,
                    false => Ok(()),
                }
            }
            Kind::Return => {
                self.returned.set(true);
                Ok(())
            }
            Kind::Outcome => {
                let bad = u32::from(frame.is_outcome_bad());
                let ask = format!("{} bad={bad}", text("o", node.id, env));
                self.command(&ask, frame).await
            }
            Kind::Fail => Err(self.fail(Class::Failed)),
            Kind::Log | Kind::Barrier(_) => Ok(()),
            Kind::Approve(_) | Kind::Send => unreachable!("these programs have none"),
            Kind::Wait(ms) => {
                let at = self.clock.now.get() + i64::from(*ms) * SCALE;
                match self.clock.sleep_until(at, &|| frame.stops()).await {
                    true => Ok(()),
                    false => Err(self.stopped()),
                }
            }
            Kind::Step(_)
            | Kind::Serial
            | Kind::With
            | Kind::Stage
            | Kind::Deploy(_)
            | Kind::If(Some(true)) => self.sequence(&node.body, frame, env, records).await,
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
            Kind::Lock(first, count) => {
                let locks = *first..first + count;
                *queued = true;
                if !self.clock.lock(locks.clone(), &|| frame.stops()).await {
                    return Err(self.stopped());
                }
                *queued = false;
                let mut inner = Records::new();
                let ended = self.sequence(&node.body, frame, env, &mut inner).await;
                add(records, Step::Lock(*first, *count), inner);
                self.clock.unlock(locks);
                ended
            }
            Kind::Verify => self.verify(node, frame, env, records).await,
            Kind::Parallel => {
                let count = node.body.len();
                let cells = (0..count)
                    .map(|at| (vec![at as u32], env.clone()))
                    .collect();
                self.block(node, frame, env, vec![false], cells, records)
                    .await
            }
            Kind::Grid(grid) => {
                let orders = grid.axes.iter().map(|(serial, _)| *serial).collect();
                let cells = cells(node, env);
                self.block(node, frame, env, orders, cells, records).await
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
            if self.returned.get() {
                // Its handlers run as ever.
                self.returned.set(frame.parent.is_some());
                break;
            }
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
        env: &Env,
        orders: Vec<bool>,
        cells: Vec<(Vec<u32>, Env)>,
        records: &mut Records,
    ) -> Ended<'p> {
        let is_grid = matches!(node.kind, Kind::Grid(_));
        frame.failed_cells.set(0);
        *frame.failed.borrow_mut() = None;
        let max = node.modifiers.max;
        let mut cells = cells;
        let mut waves = waves(cells.len(), node.modifiers.batches);
        let outside = env.clone();
        let own = cells.len();
        // What is done between two waves is a wave of its own.
        if let (Some(last), false) = (waves.last().copied(), node.between.is_empty()) {
            for wave in (1..last).step_by(2) {
                cells.push((Vec::new(), outside.clone()));
                waves.push(wave);
            }
        }
        let board = RefCell::new(Board {
            states: vec![State::Waits; cells.len()],
            waves,
            wave: 0,
            skipped: false,
            stopped: false,
            cut: false,
            frames: vec![None; cells.len()],
            started: vec![0; cells.len()],
            refilled_at: None,
        });
        let kept: Vec<RefCell<Records>> = cells.iter().map(|_| RefCell::default()).collect();
        let start = |at: usize| -> (usize, Later<'_, Ended<'p>>) {
            let (cell, kept, board) = (&cells[at], &kept[at], &board);
            let run: Later<'_, Ended<'p>> = Box::pin(async move {
                let mut inner = Records::new();
                let ended = if board.borrow().cut {
                    Err(self.stopped())
                } else if at >= own {
                    let side = Frame::new(Some(frame), Link::Strand, None);
                    let ended = self.sequence(&node.between, &side, &cell.1, &mut inner);
                    let ended = ended.await;
                    side.over();
                    ended
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
            for at in &started {
                board.started[*at] = self.clock.now.get();
            }
            started.into_iter().map(&start).collect::<Vec<_>>()
        };
        all(more(0), |at, ended: Ended<'p>, live| {
            let mut state = State::Good;
            let now = self.clock.now.get();
            if ended.is_err() && board.borrow().refilled_at == Some(now) {
                // What took the place of a child that took no time may have started before.
                self.clock.tie.set(true);
            }
            if let Err(fail) = ended {
                state = State::Bad;
                let count = frame.failed_cells.get() + u32::from(at < own);
                frame.failed_cells.set(count);
                let of_cell = board.borrow().frames[at].clone();
                let free = !of_cell.is_some_and(|it| it.is_cancelled());
                let counts = free && fail.rolls_back.is_none() && is_grid && at < own;
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
            let took_no_time = board.borrow().started[at] == now;
            let started = more(live);
            if took_no_time && max.is_some() && !started.is_empty() {
                board.borrow_mut().refilled_at = Some(now);
            }
            started
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
