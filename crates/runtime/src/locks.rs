//! The locks of a run as the driver uses them. Locks that several runs share are implemented by a
//! store.

use lockstep_base::node_path::NodePath;
use lockstep_base::source::Name;
use lockstep_engine::lock::LockTable;
use lockstep_engine::run_event::LockQueuePosition;
use lockstep_engine::{
    EffectId, Event, LaterDeployment, LockDemand, LockDependencies, PendingLockRequest,
    UnclearPlace,
};
use lockstep_lang::ir::FailureClass;

/// Why locks cannot be stored: a sentence for people, without a full stop. The run stops, whatever
/// the reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocksError(pub String);

impl std::fmt::Display for LocksError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for LocksError {}

/// A request for locks that was withdrawn, and the failure of who waited.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusedLock {
    /// The request.
    pub request: EffectId,
    /// The class of the failure.
    pub class: FailureClass,
    /// Why: a sentence for people, without a full stop.
    pub message: String,
}

/// What other runs have deployed: [`Event::DeployedMeanwhile`].
///
/// [`Event::DeployedMeanwhile`]: lockstep_engine::Event::DeployedMeanwhile
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DeployedMeanwhile {
    /// What later runs have deployed and not taken back, in the order in which they did.
    pub later: Vec<LaterDeployment>,
    /// The places that others have left half done.
    pub unclear: Vec<UnclearPlace>,
}

impl From<DeployedMeanwhile> for Event {
    fn from(told: DeployedMeanwhile) -> Self {
        let DeployedMeanwhile { later, unclear } = told;
        Self::DeployedMeanwhile { later, unclear }
    }
}

/// Acquires and releases the locks of one run. A host may supply its own.
pub trait Locks {
    /// A run is resumed: it holds and waits for exactly these requests. Any others that it held
    /// were released just before it stopped. Locks that others have taken meanwhile are requested
    /// again, all of them together, and their requests are among those granted later.
    ///
    /// # Errors
    ///
    /// If they cannot be stored: the run stops. The same holds for the other methods.
    fn restore(
        &mut self,
        requests: &[(EffectId, PendingLockRequest)],
    ) -> Result<Vec<EffectId>, LocksError>;

    /// Requests locks, all or nothing and first come, first served.
    ///
    /// # Errors
    ///
    /// As [`Locks::restore`].
    fn acquire(
        &mut self,
        id: EffectId,
        node: &NodePath,
        wants: Vec<LockDemand>,
    ) -> Result<(), LocksError>;

    /// Releases some locks of a request (all, if `names` is empty), or withdraws it.
    ///
    /// # Errors
    ///
    /// As [`Locks::restore`].
    fn release(&mut self, id: EffectId, names: &[Name]) -> Result<(), LocksError>;

    /// The requests that have been granted since the last call. It is called whenever something was
    /// acquired or released, and about ten times a second.
    ///
    /// # Errors
    ///
    /// As [`Locks::restore`].
    fn granted(&mut self) -> Result<Vec<EffectId>, LocksError>;

    /// What each lock of the run has to wait for before it can be given back, whenever that has
    /// changed: with it, a deadlock with other runs can be found.
    ///
    /// # Errors
    ///
    /// As [`Locks::restore`].
    fn depend(&mut self, dependencies: &LockDependencies) -> Result<(), LocksError> {
        let _ = dependencies;
        Ok(())
    }

    /// What other runs have deployed, all of it, where that has changed since the last call. It is
    /// called before locks are granted, and about ten times a second.
    ///
    /// # Errors
    ///
    /// As [`Locks::restore`].
    fn deployed_meanwhile(&mut self) -> Result<Option<DeployedMeanwhile>, LocksError> {
        Ok(None)
    }

    /// The requests that were withdrawn since the last call, because they can never be granted. It
    /// is called after [`Locks::granted`].
    fn refused(&mut self) -> Vec<RefusedLock> {
        Vec::new()
    }

    /// Who is ahead of the waiting requests, where that is known and has changed since the last
    /// call. It is called after [`Locks::granted`].
    fn moved(&mut self) -> Vec<(EffectId, LockQueuePosition)> {
        Vec::new()
    }
}

/// Locks that hold within one run only.
#[derive(Debug, Default)]
pub struct LocalLocks(LockTable<EffectId>);

impl Locks for LocalLocks {
    fn restore(
        &mut self,
        requests: &[(EffectId, PendingLockRequest)],
    ) -> Result<Vec<EffectId>, LocksError> {
        for held in [true, false] {
            for (id, request) in requests {
                if request.granted == held {
                    self.0.acquire(*id, request.wants.clone());
                }
            }
            if held {
                // The machine knows of these already.
                let _ = self.0.grant();
            }
        }
        Ok(Vec::new())
    }

    fn acquire(
        &mut self,
        id: EffectId,
        _: &NodePath,
        wants: Vec<LockDemand>,
    ) -> Result<(), LocksError> {
        self.0.acquire(id, wants);
        Ok(())
    }

    fn release(&mut self, id: EffectId, names: &[Name]) -> Result<(), LocksError> {
        self.0.release(id, names);
        Ok(())
    }

    fn granted(&mut self) -> Result<Vec<EffectId>, LocksError> {
        Ok(self.0.grant())
    }
}
