//! What runs at the moment, and what is certain about it.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use crate::machine::generate::{Kind, Node, Verdict};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    Exit,
    Failed,
    Timeout,
    Cancelled,
    Verification,
}

/// How far outwards a handler has decided to roll back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reach {
    Stage,
    Pipeline,
}

/// The loop variables that are seen.
pub type Env = Vec<(String, u32)>;

#[derive(Debug, Clone)]
pub struct Fail<'p> {
    pub class: Class,
    /// The failures of a run are counted as they happen.
    pub number: u64,
    pub rolls_back: Option<Reach>,
    pub unrestored: bool,
    /// What has an `always` that waits for that rollback.
    pub deferred: Vec<(&'p Node, Env)>,
}

impl<'p> Fail<'p> {
    pub fn new(class: Class, number: u64) -> Self {
        Self {
            class,
            number,
            rolls_back: None,
            unrestored: false,
            deferred: Vec::new(),
        }
    }

    pub fn take_in(&mut self, other: Fail<'p>) {
        self.rolls_back = self.rolls_back.max(other.rolls_back);
        self.unrestored |= other.unrestored;
        self.deferred.extend(other.deferred);
    }
}

/// Of two failures of a block the one that came first; being stopped is not a cause.
pub fn first<'p>(kept: &mut Option<Fail<'p>>, other: Fail<'p>) {
    let Some(kept) = kept else {
        *kept = Some(other);
        return;
    };
    let order = |class: Class, number: u64| (class == Class::Cancelled, number);
    if order(other.class, other.number) < order(kept.class, kept.number) {
        (kept.class, kept.number) = (other.class, other.number);
    }
    kept.take_in(other);
}

/// What something is for what it is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Link {
    Body,
    Strand,
    Cell,
    Look,
    /// A handler or `always`, which is not stopped with the body.
    Side,
}

/// A statement, cell or look that runs.
pub struct Frame<'p> {
    pub parent: Option<Rc<Frame<'p>>>,
    pub link: Link,
    /// The statement, where it is one.
    pub stmt: Option<&'p Node>,
    pub in_body: Cell<bool>,
    /// Its own failure, which ends its body: of its time limit, or of what looks at it.
    pub timeout: Cell<Option<(Class, u64)>>,
    pub cancelled: Cell<bool>,
    pub held: Cell<bool>,
    pub tries: Cell<u32>,
    pub handler_tries: Cell<u32>,
    pub children: RefCell<Vec<Rc<Frame<'p>>>>,
    /// Of a block, the first failure so far.
    pub failed: RefCell<Option<Fail<'p>>>,
    /// Of a loop, how many cells have failed.
    pub failed_cells: Cell<u32>,
    /// Of a handler, whether its statement has failed.
    pub outcome_is_bad: Cell<bool>,
}

impl<'p> Frame<'p> {
    pub fn new(parent: Option<&Rc<Self>>, link: Link, stmt: Option<&'p Node>) -> Rc<Self> {
        let frame = Rc::new(Self {
            parent: parent.cloned(),
            link,
            stmt,
            in_body: Cell::new(true),
            timeout: Cell::new(None),
            cancelled: Cell::new(false),
            held: Cell::new(false),
            tries: Cell::new(0),
            handler_tries: Cell::new(0),
            children: RefCell::default(),
            failed: RefCell::default(),
            failed_cells: Cell::new(0),
            outcome_is_bad: Cell::new(false),
        });
        if let Some(parent) = parent {
            parent.children.borrow_mut().push(frame.clone());
        }
        frame
    }

    pub fn over(self: &Rc<Self>) {
        if let Some(parent) = &self.parent {
            parent
                .children
                .borrow_mut()
                .retain(|it| !Rc::ptr_eq(it, self));
        }
    }

    fn in_body_of(&self) -> Option<&Rc<Self>> {
        self.parent.as_ref().filter(|_| self.link != Link::Side)
    }

    /// Whether it is stopped from outside.
    pub fn is_cancelled(&self) -> bool {
        self.cancelled.get() || self.in_body_of().is_some_and(|it| it.is_interrupted())
    }

    /// Whether what runs in it is to end.
    pub fn is_interrupted(&self) -> bool {
        self.timeout.get().is_some() || self.is_cancelled()
    }

    /// Whether a scope around it is certain to roll back.
    pub fn is_held(&self) -> bool {
        self.held.get() || self.in_body_of().is_some_and(|it| it.is_held())
    }

    /// Whether it starts nothing more.
    pub fn stops(&self) -> bool {
        self.is_interrupted() || self.is_held()
    }

    fn tolerates_one_more(&self) -> bool {
        let block = self.parent.as_ref().filter(|_| self.link == Link::Cell);
        block.is_some_and(|block| {
            let tolerated = block.stmt.map_or(0, |it| it.modifiers.tolerate);
            block.failed_cells.get() < tolerated && !self.is_cancelled()
        })
    }

    pub fn has_tries(&self) -> bool {
        let retry = self.stmt.map_or(0, |it| it.modifiers.retry);
        let done = self.tries.get().saturating_sub(1);
        done.saturating_sub(self.handler_tries.get()) < retry
    }

    /// What `outcome` of the innermost handler around it says.
    pub fn is_outcome_bad(&self) -> bool {
        match (self.link, &self.parent) {
            (Link::Side, _) | (_, None) => self.outcome_is_bad.get(),
            (_, Some(parent)) => parent.is_outcome_bad(),
        }
    }

    pub fn is_scope(&self) -> bool {
        self.stmt
            .is_some_and(|it| it.modifiers.atomic || matches!(it.kind, Kind::Deploy(_)))
    }

    /// Whether the rollback that a handler decided on ends here.
    pub fn is_target(&self, reach: Reach) -> bool {
        let is_stage = self.stmt.is_some_and(|it| it.kind == Kind::Stage);
        self.parent.is_none() || (is_stage && reach == Reach::Stage)
    }

    /// Whether it may still be a success though its body fails so.
    fn may_be_rescued(&self, class: Class, by_try: bool, cancelled_run: bool) -> bool {
        let Some(stmt) = self.stmt else { return false };
        if by_try && !self.stops() && self.has_tries() {
            return true;
        }
        let Some((_, verdict)) = &stmt.on_failure else {
            return false;
        };
        let ends_early = self.is_held() && !self.is_interrupted();
        if class == Class::Cancelled && (cancelled_run || ends_early) {
            return false;
        }
        let free = !self.is_cancelled();
        match verdict {
            Verdict::Ignore => free,
            Verdict::Ask => free && !self.is_held(),
            Verdict::Retry(times) => free && !self.is_held() && self.handler_tries.get() < *times,
            Verdict::None | Verdict::Rollback | Verdict::RollbackPipeline | Verdict::Abort => false,
        }
    }

    /// What follows from a failure that stands here: scopes around that are certain to roll back
    /// start nothing more.
    pub fn spread(self: &Rc<Self>, fail: &Fail<'p>, mut rescue: Rescue, cancelled_run: bool) {
        let (mut class, mut reach) = (fail.class, fail.rolls_back);
        let (mut path, mut fast, mut certain) = (Vec::new(), Vec::new(), None);
        let mut at = self.clone();
        loop {
            let by_try = rescue == Rescue::ByTry;
            let may = reach.is_none() && rescue != Rescue::None;
            if may && at.may_be_rescued(class, by_try, cancelled_run) {
                break;
            }
            rescue = Rescue::ByTry;
            path.push(at.clone());
            let asked = reach.is_some_and(|reach| at.is_target(reach));
            if asked {
                reach = None;
            }
            if asked || at.is_scope() {
                certain = Some((at.clone(), path.clone(), fast.clone()));
            }
            let Some(parent) = at.parent.clone() else {
                break;
            };
            match at.link {
                Link::Side => break,
                Link::Cell if reach.is_none() && at.tolerates_one_more() => break,
                Link::Look if class != Class::Cancelled => class = Class::Verification,
                Link::Body | Link::Strand | Link::Cell | Link::Look => {}
            }
            if !parent.in_body.get() {
                break;
            }
            if let Some(first) = &*parent.failed.borrow() {
                class = first.class;
                reach = reach.max(first.rolls_back);
            }
            if let Some((of_limit, _)) = parent.timeout.get() {
                class = of_limit;
            }
            if parent.stmt.is_some_and(|it| it.modifiers.fail_fast) {
                fast.push(parent.clone());
            }
            at = parent;
        }
        if let Some((scope, path, fast)) = certain {
            scope.held.set(true);
            for block in fast {
                block.stop_others(&path);
            }
        }
    }

    /// The others in a block are interrupted.
    pub fn stop_others(&self, failed: &[Rc<Self>]) {
        for child in self.children.borrow().iter() {
            if !failed.iter().any(|it| Rc::ptr_eq(it, child)) {
                child.cancelled.set(true);
            }
        }
    }
}

/// What may still rescue a failure where it happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rescue {
    ByTry,
    ByHandler,
    None,
}
