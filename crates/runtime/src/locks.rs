//! The locks of a run as the driver sees them. Where several runs share them, a store keeps them.
//! It does not know what a lock protects.

use crate::store_error::StoreError;
use lockstep_base::source::Name;
use lockstep_engine::lock::LockTable;
use lockstep_engine::notice::Queue;
use lockstep_engine::{EffectId, LockRequest, Want};

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
    ) -> Result<Vec<EffectId>, StoreError>;

    /// Asks for locks, all together and first come first served.
    ///
    /// # Errors
    ///
    /// As [`Locks::restore`].
    fn acquire(&mut self, id: EffectId, node: &Name, wants: Vec<Want>) -> Result<(), StoreError>;

    /// Gives some (all, where `names` is empty) locks of a request back, or takes it back.
    ///
    /// # Errors
    ///
    /// As [`Locks::restore`].
    fn release(&mut self, id: EffectId, names: &[Name]) -> Result<(), StoreError>;

    /// The requests that have been granted since this was asked last. It is asked whenever
    /// something was acquired or released, and about ten times a second.
    ///
    /// # Errors
    ///
    /// As [`Locks::restore`].
    fn granted(&mut self) -> Result<Vec<EffectId>, StoreError>;

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
    ) -> Result<Vec<EffectId>, StoreError> {
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

    fn acquire(&mut self, id: EffectId, _: &Name, wants: Vec<Want>) -> Result<(), StoreError> {
        self.0.acquire(id, wants);
        Ok(())
    }

    fn release(&mut self, id: EffectId, names: &[Name]) -> Result<(), StoreError> {
        self.0.release(id, names);
        Ok(())
    }

    fn granted(&mut self) -> Result<Vec<EffectId>, StoreError> {
        Ok(self.0.grant())
    }
}
