//! The locks of a run as the driver sees them. Where several runs share them, a store keeps them.
//! It does not know what a lock protects.

use lockstep_base::source::Name;
use lockstep_engine::lock::LockTable;
use lockstep_engine::notice::Queue;
use lockstep_engine::{EffectId, LockRequest, Want};

/// Why locks cannot be kept: a sentence for people, without a full stop. The run stops, whatever
/// the reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocksError(pub String);

impl std::fmt::Display for LocksError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for LocksError {}

/// Takes and gives back the locks of one run. A host may supply its own.
pub trait Locks {
    /// A run is continued: it holds and waits for exactly these. What it held beside them was
    /// given back just before it stopped. What has been lost meanwhile comes back: it is waited
    /// for, all of it together, and is among what is granted later.
    ///
    /// # Errors
    ///
    /// Where they cannot be kept: the run stops. So for the others.
    fn restore(
        &mut self,
        requests: &[(EffectId, LockRequest)],
    ) -> Result<Vec<EffectId>, LocksError>;

    /// Asks for locks, all together and first come first served.
    ///
    /// # Errors
    ///
    /// As [`Locks::restore`].
    fn acquire(&mut self, id: EffectId, node: &Name, wants: Vec<Want>) -> Result<(), LocksError>;

    /// Gives some (all, where `names` is empty) locks of a request back, or takes it back.
    ///
    /// # Errors
    ///
    /// As [`Locks::restore`].
    fn release(&mut self, id: EffectId, names: &[Name]) -> Result<(), LocksError>;

    /// The requests that have been granted since this was asked last. It is asked whenever
    /// something was acquired or released, and about ten times a second.
    ///
    /// # Errors
    ///
    /// As [`Locks::restore`].
    fn granted(&mut self) -> Result<Vec<EffectId>, LocksError>;

    /// Who is before the requests that wait, where that is known and has changed since this was
    /// asked last. It is asked after [`Locks::granted`].
    fn moved(&mut self) -> Vec<(EffectId, Queue)> {
        Vec::new()
    }
}

/// Locks that hold within one run only.
#[derive(Debug, Default)]
pub struct OwnLocks(LockTable<EffectId>);

impl Locks for OwnLocks {
    fn restore(
        &mut self,
        requests: &[(EffectId, LockRequest)],
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

    fn acquire(&mut self, id: EffectId, _: &Name, wants: Vec<Want>) -> Result<(), LocksError> {
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
