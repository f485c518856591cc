//! The world of the reference: a clock that jumps from event to event, commands that go as a table
//! says, and locks. Everything is a future that is polled until nothing changes any more; then the
//! clock moves on.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, VecDeque};
use std::future::Future;
use std::ops::Range;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use crate::machine::oracle::Luck;

/// How a command goes.
#[derive(Debug, Clone, Copy)]
pub struct Course {
    pub takes: i64,
    pub fails: bool,
    /// How long it goes on after it was asked to stop.
    pub stops: i64,
}

/// The course of a command that has been started so often before.
pub fn course(luck: &Luck, text: &str, before: u32) -> Course {
    let salt = u64::from(before) + 3;
    Course {
        takes: (luck.number(text, salt) % 2_999) as i64 + 1,
        fails: luck.fails(text) && !(luck.flaky && before > 0),
        stops: (luck.number(text, salt + 50) % 401) as i64 + 1,
    }
}

/// What has happened to a command, and when.
pub type Line = (i64, &'static str, String);

pub struct Clock {
    pub luck: Luck,
    pub now: Cell<i64>,
    /// Whether two things happened at the same moment: then their order is nobody's business.
    pub tie: Cell<bool>,
    /// When all commands are killed, and the run goes on.
    pub kill_at: Option<i64>,
    pub log: RefCell<Vec<Line>>,
    ticks: Cell<u64>,
    /// Whether somebody hears at once that a lock is granted.
    granted: Cell<bool>,
    changes: Cell<u64>,
    next: RefCell<Vec<i64>>,
    started: RefCell<BTreeMap<String, u32>>,
    locks: RefCell<BTreeMap<u32, VecDeque<u64>>>,
    tickets: Cell<u64>,
}

pub type Later<'a, T> = Pin<Box<dyn Future<Output = T> + 'a>>;

impl Clock {
    pub fn new(luck: Luck, kill_at: Option<i64>) -> Self {
        Self {
            luck,
            now: Cell::new(0),
            tie: Cell::new(false),
            kill_at,
            log: RefCell::default(),
            ticks: Cell::new(0),
            granted: Cell::new(false),
            changes: Cell::new(0),
            next: RefCell::default(),
            started: RefCell::default(),
            locks: RefCell::default(),
            tickets: Cell::new(0),
        }
    }

    /// Something is different now: everybody has to look again.
    pub fn changed(&self) {
        self.changes.set(self.changes.get() + 1);
    }

    /// Runs to the end.
    pub fn run<T>(&self, mut whole: Later<'_, T>) -> T {
        let mut context = Context::from_waker(Waker::noop());
        loop {
            let before = self.changes.get();
            self.next.borrow_mut().clear();
            if let Poll::Ready(value) = whole.as_mut().poll(&mut context) {
                return value;
            }
            if self.changes.get() != before {
                continue;
            }
            if self.granted.take() {
                self.ticks.set(self.ticks.get() + 1);
                continue;
            }
            let waiting = self.next.borrow();
            let soonest = waiting.iter().min().copied();
            let at = soonest.expect("somebody waits for something that comes");
            let together = waiting.iter().filter(|it| **it == at).count();
            self.tie.set(self.tie.get() || together > 1);
            self.now.set(at);
            self.ticks.set(self.ticks.get() + 1);
        }
    }

    /// Waits for a time, or until `stopped`; says whether the time has come.
    pub async fn sleep_until(&self, at: i64, stopped: &dyn Fn() -> bool) -> bool {
        let born = self.ticks.get();
        std::future::poll_fn(|_| {
            if self.ticks.get() > born && self.now.get() >= at {
                self.changed();
                return Poll::Ready(true);
            }
            if stopped() {
                self.changed();
                return Poll::Ready(false);
            }
            self.next.borrow_mut().push(at);
            Poll::Pending
        })
        .await
    }

    fn say(&self, what: &'static str, text: &str) {
        let line = (self.now.get(), what, text.to_string());
        self.log.borrow_mut().push(line);
    }

    fn begin(&self, text: &str) -> Course {
        let mut started = self.started.borrow_mut();
        let before = started.entry(text.to_string()).or_default();
        let course = course(&self.luck, text, *before);
        *before += 1;
        self.say("starts", text);
        course
    }

    /// Runs a command: whether it ended well.
    pub async fn command(&self, text: &str, stopped: &dyn Fn() -> bool) -> bool {
        let mut course = self.begin(text);
        let mut since = self.now.get();
        loop {
            let end = since + course.takes;
            let dies = self.kill_at.filter(|at| *at > self.now.get() && *at < end);
            let until = dies.unwrap_or(end);
            if self.sleep_until(until, stopped).await {
                if dies.is_none() {
                    self.say("ends", text);
                    return !course.fails;
                }
                course = self.begin(text);
                since = self.now.get();
                continue;
            }
            let stops = self.now.get() + course.stops;
            let killed = self.kill_at.filter(|at| *at > self.now.get());
            let last = stops.min(killed.unwrap_or(stops));
            let ends_itself = end <= last;
            self.sleep_until(last.min(end), &|| false).await;
            self.say("ends", text);
            return ends_itself && !course.fails;
        }
    }

    /// Takes locks together, in the order in which they are asked for; whether it has them.
    pub async fn lock(&self, names: Range<u32>, stopped: &dyn Fn() -> bool) -> bool {
        let ticket = self.tickets.get();
        self.tickets.set(ticket + 1);
        for name in names.clone() {
            let mut locks = self.locks.borrow_mut();
            locks.entry(name).or_default().push_back(ticket);
        }
        let is_first = |name: u32| self.locks.borrow()[&name].front() == Some(&ticket);
        let mut since = None;
        let granted = std::future::poll_fn(|_| {
            if stopped() {
                return Poll::Ready(false);
            }
            let ticks = self.ticks.get();
            if names.clone().all(is_first) {
                // It is heard of only once everything that happens now has happened.
                if *since.get_or_insert(ticks) < ticks {
                    return Poll::Ready(true);
                }
                self.granted.set(true);
            }
            Poll::Pending
        })
        .await;
        self.changed();
        if !granted {
            let mut locks = self.locks.borrow_mut();
            for name in names {
                let queue = locks.entry(name).or_default();
                queue.retain(|it| *it != ticket);
            }
        }
        granted
    }

    pub fn unlock(&self, names: Range<u32>) {
        for name in names {
            self.locks.borrow_mut().entry(name).or_default().pop_front();
        }
        self.changed();
    }
}

/// Polls all of some futures, the first first, until all have ended. `ended` hears of each end at
/// once, and may add more.
pub async fn all<'a, T>(
    mut running: Vec<(usize, Later<'a, T>)>,
    mut ended: impl FnMut(usize, T, usize) -> Vec<(usize, Later<'a, T>)>,
) {
    std::future::poll_fn(|context| {
        let mut at = 0;
        while at < running.len() {
            match running[at].1.as_mut().poll(context) {
                Poll::Pending => at += 1,
                Poll::Ready(value) => {
                    let (which, _) = running.remove(at);
                    let more = ended(which, value, running.len());
                    running.extend(more);
                }
            }
        }
        match running.is_empty() {
            true => Poll::Ready(()),
            false => Poll::Pending,
        }
    })
    .await;
}
