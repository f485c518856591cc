//! What failures would lead to, worked out once for each plan. That takes a processor for seconds
//! where a plan is large, so it is done one after the other, and never on the threads of all.

use std::sync::{Arc, Mutex, PoisonError};

use indexmap::IndexMap;
use lockstep_plan::Plan;
use lockstep_verify::what_if::{WhatIfError, WhatIfRequest, what_if};
use tokio::sync::Semaphore;

use crate::error::ServeError;
use crate::http::problem::Problem;

/// So many answers are remembered.
const MAX_REMEMBERED: usize = 64;

/// The report of `lockstep plan --blast --format json`, or why there is none.
pub(crate) type Foresight = Result<Arc<serde_json::Value>, Arc<str>>;

/// What is asked: the hash of a plan, and the path of what fails.
pub(crate) type ForesightKey = (String, Option<String>);

/// What has been worked out.
pub(crate) struct Foresights {
    known: Mutex<IndexMap<ForesightKey, Foresight>>,
    turn: Arc<Semaphore>,
}

impl Default for Foresights {
    fn default() -> Self {
        Self {
            known: Mutex::default(),
            turn: Arc::new(Semaphore::new(1)),
        }
    }
}

impl Foresights {
    fn known(&self, key: &ForesightKey) -> Option<Foresight> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(key).cloned()
    }

    /// What is asked of a plan, which is only made where it has not been worked out before.
    pub(crate) async fn of(
        &self,
        key: ForesightKey,
        plan: impl Future<Output = Result<Plan, Problem>>,
    ) -> Result<Foresight, Problem> {
        if let Some(known) = self.known(&key) {
            return Ok(known);
        }
        let turn = self.turn.clone().acquire_owned().await;
        // Somebody else may have asked for the same meanwhile.
        if let Some(known) = self.known(&key) {
            return Ok(known);
        }
        let plan = plan.await?;
        let path = key.1.clone();
        // Who asked may be gone before there is an answer: the turn lasts until then.
        let worked_out = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            work_out(plan, path)
        });
        let foresight = worked_out.await.map_err(ServeError::database)?;
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MAX_REMEMBERED {
            known.shift_remove_index(0);
        }
        known.insert(key, foresight.clone());
        Ok(foresight)
    }
}

fn work_out(plan: Plan, path: Option<String>) -> Foresight {
    let asked = WhatIfRequest {
        path,
        ..WhatIfRequest::default()
    };
    let report = what_if(plan, &asked).map_err(|error| match error {
        WhatIfError::FailsAnyway(failure) => {
            format!("whatever commands print, it fails: {}", failure.message)
        }
        WhatIfError::NoSuchPath(_) => String::from("nothing that can fail has this path"),
        WhatIfError::NoDeployments => String::from("nothing is deployed"),
    })?;
    let text = lockstep_view::what_if::json(&report);
    Ok(Arc::new(serde_json::from_str(&text).unwrap_or_default()))
}
