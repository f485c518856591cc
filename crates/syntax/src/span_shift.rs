//! Shifts all spans of a syntax tree by an offset, for incremental parsing.

use super::ast::*;
use super::visit::each_node;
use lockstep_base::source::{Name, Span};

/// Something with places of a source in it.
pub(super) trait SpanShift {
    /// Shifts all spans by a number of bytes.
    fn shift_spans(&mut self, by: i64);
}

impl SpanShift for Span {
    fn shift_spans(&mut self, by: i64) {
        let moved = |at: u32| u32::try_from(i64::from(at) + by).unwrap_or(0);
        self.start = moved(self.start);
        self.end = moved(self.end);
    }
}

impl<T: SpanShift> SpanShift for Option<T> {
    fn shift_spans(&mut self, by: i64) {
        self.iter_mut().for_each(|it| it.shift_spans(by));
    }
}

impl<T: SpanShift> SpanShift for Vec<T> {
    fn shift_spans(&mut self, by: i64) {
        self.iter_mut().for_each(|it| it.shift_spans(by));
    }
}

impl<T: SpanShift> SpanShift for Box<T> {
    fn shift_spans(&mut self, by: i64) {
        (**self).shift_spans(by);
    }
}

impl<A: SpanShift, B: SpanShift> SpanShift for (A, B) {
    fn shift_spans(&mut self, by: i64) {
        self.0.shift_spans(by);
        self.1.shift_spans(by);
    }
}

macro_rules! without_places {
    ($($ty:ty)*) => { $(impl SpanShift for $ty {
        fn shift_spans(&mut self, _: i64) {}
    })* };
}

without_places!(
    Name bool i64 f64 u16 UnaryOp BinaryOp Order RollbackScope AcrossScope TransferDirection
);

macro_rules! shift_spans {
    (
        structs { $($struct:ident $visit_struct:ident $walk_struct:ident {
            $($field:ident),*
        })* }
        enums { $($enum:ident $visit_enum:ident $walk_enum:ident {
            $($variant:ident $(($($part:ident),*))? $({ $($named:ident),* })?,)*
        })* }
    ) => {
        $(impl SpanShift for $struct {
            fn shift_spans(&mut self, by: i64) {
                let Self { $($field),* } = self;
                $($field.shift_spans(by);)*
            }
        })*
        $(impl SpanShift for $enum {
            fn shift_spans(&mut self, distance: i64) {
                match self {
                    $(Self::$variant $(($($part),*))? $({ $($named),* })? => {
                        $($($part.shift_spans(distance);)*)?
                        $($($named.shift_spans(distance);)*)?
                    })*
                }
            }
        })*
    };
}

each_node!(shift_spans);
