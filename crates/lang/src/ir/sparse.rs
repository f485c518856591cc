//! A part that most of its holders do not have: as the default it takes one word, not its size.

use std::ops::{Deref, DerefMut};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{Handlers, Modifiers};

/// A value that is mostly the default.
#[derive(Debug, Clone, Default)]
pub struct Sparse<T>(Option<Box<T>>);

/// What has a default that all can share.
pub trait SharedDefault: Default + PartialEq + 'static {
    /// The default.
    fn shared() -> &'static Self;
}

impl<T: SharedDefault> Sparse<T> {
    /// Whether it is the default.
    pub fn is_default(&self) -> bool {
        **self == *T::shared()
    }

    /// The value, if it is not the default.
    pub fn stored(&self) -> Option<&T> {
        self.0.as_deref()
    }

    /// The value to be changed, if it is not the default.
    pub fn stored_mut(&mut self) -> Option<&mut T> {
        self.0.as_deref_mut()
    }
}

impl<T: SharedDefault> From<T> for Sparse<T> {
    fn from(value: T) -> Self {
        Self((value != *T::shared()).then(|| Box::new(value)))
    }
}

impl<T: SharedDefault> Deref for Sparse<T> {
    type Target = T;

    fn deref(&self) -> &T {
        match &self.0 {
            Some(value) => value,
            None => T::shared(),
        }
    }
}

impl<T: SharedDefault> DerefMut for Sparse<T> {
    fn deref_mut(&mut self) -> &mut T {
        self.0.get_or_insert_default()
    }
}

impl<T: SharedDefault> PartialEq for Sparse<T> {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl<T: SharedDefault + Serialize> Serialize for Sparse<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        (**self).serialize(serializer)
    }
}

impl<'de, T: SharedDefault + Deserialize<'de>> Deserialize<'de> for Sparse<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        T::deserialize(deserializer).map(Self::from)
    }
}

impl SharedDefault for Modifiers {
    fn shared() -> &'static Self {
        static NONE: Modifiers = Modifiers {
            timeout: None,
            grace: None,
            retry: None,
            max: None,
            batches: None,
            tolerate: None,
            fail_fast: false,
            atomic: false,
            once: false,
            quiet: false,
            secret: false,
        };
        &NONE
    }
}

impl SharedDefault for Handlers {
    fn shared() -> &'static Self {
        static NONE: Handlers = Handlers {
            bound: Vec::new(),
            result: None,
            outcome: None,
            undo: None,
            no_undo: None,
            on_failure: Vec::new(),
            always: None,
            watch: None,
        };
        &NONE
    }
}
