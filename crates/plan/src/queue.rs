//! The queue in which the runs of a plan wait for each other.

use crate::{Locals, Plan};
use lockstep_base::diagnostic::{Diagnostic, codes};
use lockstep_base::source::Name;
use lockstep_base::value::Value;
use lockstep_lang::eval::Halt;
use lockstep_lang::ir::QueueKeep;

/// A queue of runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunQueue {
    /// Its name.
    pub name: Name,
    /// Which of the runs that wait are kept.
    pub keep: QueueKeep,
}

impl RunQueue {
    /// As it is written: `queue "prod" keep latest`.
    pub fn written(&self) -> String {
        let keep = match self.keep {
            QueueKeep::All => String::new(),
            QueueKeep::Latest => format!(" keep {}", self.keep.as_str()),
        };
        format!("queue {:?}{keep}", &*self.name)
    }
}

impl Plan {
    /// The queue of its runs, if they wait for each other.
    ///
    /// # Errors
    ///
    /// Where its name has a mistake, or is known only while the pipeline runs.
    pub fn queue(&self) -> Result<Option<RunQueue>, Box<Diagnostic>> {
        let Some(queue) = &self.bound.pipeline().queue else {
            return Ok(None);
        };
        let at = queue.name.span;
        match self.walk().eval(&queue.name, &Locals::default()) {
            Ok(Value::String(name)) if !name.is_empty() => Ok(Some(RunQueue {
                name: Name::from(&*name),
                keep: queue.keep,
            })),
            Ok(_) => {
                let message = "the name of this queue is empty in this run";
                let help = "give the input a value, or write a text around it";
                let mistake = Diagnostic::error(codes::QUEUE, at, message);
                Err(Box::new(mistake.here("empty").help(help)))
            }
            Err(Halt::Fault(fault)) => Err(fault),
            Err(Halt::Unknown) => {
                let message = "the name of a queue must be known when the run is planned";
                let mistake = Diagnostic::error(codes::PLANNING_ONLY, at, message);
                let mistake = mistake.here("known only while the pipeline runs");
                Err(Box::new(mistake.help("make it from inputs")))
            }
        }
    }
}
