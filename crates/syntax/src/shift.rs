//! Shifts all spans of a syntax tree by an offset, for incremental parsing.

use super::ast::*;
use super::visit::each_node;
use lockstep_base::source::{Name, Span};

/// Something with places of a source in it.
pub(super) trait Shift {
    /// Shifts all spans by a number of bytes.
    fn shift(&mut self, by: i64);
}

impl Shift for Span {
    fn shift(&mut self, by: i64) {
        let moved = |at: u32| u32::try_from(i64::from(at) + by).unwrap_or(0);
        self.start = moved(self.start);
        self.end = moved(self.end);
    }
}

impl<T: Shift> Shift for Option<T> {
    fn shift(&mut self, by: i64) {
        self.iter_mut().for_each(|it| it.shift(by));
    }
}

impl<T: Shift> Shift for Vec<T> {
    fn shift(&mut self, by: i64) {
        self.iter_mut().for_each(|it| it.shift(by));
    }
}

impl<T: Shift> Shift for Box<T> {
    fn shift(&mut self, by: i64) {
        (**self).shift(by);
    }
}

impl<A: Shift, B: Shift> Shift for (A, B) {
    fn shift(&mut self, by: i64) {
        self.0.shift(by);
        self.1.shift(by);
    }
}

macro_rules! without_places {
    ($($ty:ty)*) => { $(impl Shift for $ty {
        fn shift(&mut self, _: i64) {}
    })* };
}

without_places!(Name bool i64 f64 UnaryOp BinaryOp Order RollbackScope);

macro_rules! shift {
    (
        structs { $($struct:ident $visit_struct:ident $walk_struct:ident {
            $($field:ident),*
        })* }
        enums { $($enum:ident $visit_enum:ident $walk_enum:ident {
            $($variant:ident $(($($part:ident),*))? $({ $($named:ident),* })?,)*
        })* }
    ) => {
        $(impl Shift for $struct {
            fn shift(&mut self, by: i64) {
                let Self { $($field),* } = self;
                $($field.shift(by);)*
            }
        })*
        $(impl Shift for $enum {
            fn shift(&mut self, distance: i64) {
                match self {
                    $(Self::$variant $(($($part),*))? $({ $($named),* })? => {
                        $($($part.shift(distance);)*)?
                        $($($named.shift(distance);)*)?
                    })*
                }
            }
        })*
    };
}

each_node!(shift);
