//! The references of every name, recorded for editors (go to definition, find references) while
//! files are checked. Off unless requested.

use std::cell::RefCell;

use lockstep_base::source::{FileId, Span};
use lockstep_base::value::Type;

/// The references of one check; nothing is recorded unless requested.
#[derive(Debug, Default)]
pub struct NameUses {
    noted: Option<RefCell<RecordedUses>>,
    watched: Option<(FileId, u32)>,
}

/// What was recorded.
#[derive(Debug, Clone, Default)]
pub struct RecordedUses {
    /// Where a name is used, and where the name stands that declares it; in order, each once.
    pub names: Vec<(Span, Span)>,
    /// The types of expressions with a point, a bracket or a call, and of local names where they
    /// are introduced; in order, each once.
    pub types: Vec<(Span, Type)>,
    /// The types that the watched place and what stands around it should have.
    pub wanted: Vec<(Span, Type)>,
    /// The types that names have at the watched place because they have been compared, by where
    /// each name is introduced.
    pub narrowed: Vec<(Span, Type)>,
}

impl NameUses {
    /// Records references; the types that are wanted only for what holds the watched place.
    pub fn recorded(watched: Option<(FileId, u32)>) -> Self {
        Self {
            noted: Some(RefCell::default()),
            watched,
        }
    }

    /// The name at `at` is declared by the name at `declared`.
    pub fn name(&self, at: Span, declared: Span) {
        if let Some(noted) = &self.noted {
            noted.borrow_mut().names.push((at, declared));
        }
    }

    /// The expression or the local name at `at` has this type.
    pub fn ty(&self, at: Span, ty: &Type) {
        if let Some(noted) = &self.noted {
            noted.borrow_mut().types.push((at, ty.clone()));
        }
    }

    /// Whether the watched place is in or directly behind `at`.
    pub fn is_near(&self, at: Span) -> bool {
        self.watched.is_some_and(|(file, offset)| {
            at.file == file && at.start <= offset && offset <= at.end.saturating_add(1)
        })
    }

    /// Near the watched place, what is introduced at `declared` has this type.
    pub fn narrowed(&self, declared: Span, ty: Type) {
        if let Some(noted) = &self.noted {
            noted.borrow_mut().narrowed.push((declared, ty));
        }
    }

    /// The expression at `at` should have this type.
    pub fn wanted(&self, at: Span, ty: &Type) {
        if let (Some(noted), Some((file, offset))) = (&self.noted, self.watched)
            && at.file == file
            && at.start <= offset
            && offset <= at.end
        {
            noted.borrow_mut().wanted.push((at, ty.clone()));
        }
    }

    /// Takes the notes away.
    pub fn into_recorded(&mut self) -> RecordedUses {
        let Some(noted) = &mut self.noted else {
            return RecordedUses::default();
        };
        let mut noted = std::mem::take(noted.get_mut());
        noted.names.sort_unstable();
        noted.names.dedup();
        noted.types.sort_by_key(|(at, _)| *at);
        noted.types.dedup_by_key(|(at, _)| *at);
        noted
    }
}
