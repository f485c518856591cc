//! `watch` of the reference: it looks at a statement while its body runs.

use std::cell::Cell;
use std::rc::Rc;

use crate::machine::generate::Node;

use super::frames::{Class, Env, Fail, Frame, Rescue};
use super::interpreter::{Interpreter, SCALE, text};

/// What `watch` and the body know of each other.
#[derive(Default)]
pub struct Looks {
    /// Whether there has been a good look.
    pub good: Cell<bool>,
    /// Whether the body has ended.
    pub ends: Cell<bool>,
    /// Whether there is no other look.
    pub stops: Cell<bool>,
}

impl<'p> Interpreter<'p> {
    /// A statement fails by its time limit, or by what looks at it: its body is stopped.
    pub fn fails_itself(&self, frame: &Rc<Frame<'p>>, fail: Fail<'p>) {
        if !frame.is_interrupted() {
            let again = frame.has_tries() && !frame.is_held();
            frame.timeout.set(Some((fail.class, fail.number)));
            if !again {
                self.spread(frame, &fail, Rescue::ByHandler);
            }
            self.clock.changed();
        }
    }

    /// Looks at a statement while its body runs; what a look has failed with.
    pub async fn watch(
        &self,
        node: &'p Node,
        frame: &Rc<Frame<'p>>,
        env: &Env,
        every: u32,
        looks: &Looks,
    ) -> Option<Fail<'p>> {
        let text = text("v", node.id, env);
        loop {
            let stopped = || frame.is_interrupted() || looks.stops.get();
            match self.clock.command(&text, &stopped).await {
                true => looks.good.set(true),
                false if stopped() => return None,
                false => {
                    let mut fail = self.fail(Class::Exit);
                    fail.class = Class::Verification;
                    return Some(fail);
                }
            }
            if looks.ends.get() {
                return None;
            }
            let at = self.clock.now.get() + i64::from(every) * SCALE;
            let stopped = || frame.stops() || looks.stops.get();
            if frame.stops() || !self.clock.sleep_until(at, &stopped).await {
                return None;
            }
        }
    }
}
