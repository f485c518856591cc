//! Compares syntax trees of different texts: everything but the spans must be equal.

use super::ast::*;
use super::visit::each_node;
use lockstep_base::source::{Name, Span};

/// Something that may say the same as another, wherever they stand.
pub trait EqIgnoringSpans {
    /// Whether both say the same.
    fn eq_ignoring_spans(&self, other: &Self) -> bool;
}

impl EqIgnoringSpans for Span {
    fn eq_ignoring_spans(&self, _: &Self) -> bool {
        true
    }
}

impl<T: EqIgnoringSpans> EqIgnoringSpans for &T {
    fn eq_ignoring_spans(&self, other: &Self) -> bool {
        (**self).eq_ignoring_spans(*other)
    }
}

impl<T: EqIgnoringSpans> EqIgnoringSpans for Option<T> {
    fn eq_ignoring_spans(&self, other: &Self) -> bool {
        match (self, other) {
            (Some(a), Some(b)) => a.eq_ignoring_spans(b),
            (None, None) => true,
            _ => false,
        }
    }
}

impl<T: EqIgnoringSpans> EqIgnoringSpans for Vec<T> {
    fn eq_ignoring_spans(&self, other: &Self) -> bool {
        self.len() == other.len() && self.iter().zip(other).all(|(a, b)| a.eq_ignoring_spans(b))
    }
}

impl<T: EqIgnoringSpans> EqIgnoringSpans for Box<T> {
    fn eq_ignoring_spans(&self, other: &Self) -> bool {
        (**self).eq_ignoring_spans(other)
    }
}

/// Tuples of what can be compared: the fields of variants have up to six.
macro_rules! tuples {
    ($(($($type:ident $at:tt),*))*) => {
        $(impl<$($type: EqIgnoringSpans),*> EqIgnoringSpans for ($($type,)*) {
            fn eq_ignoring_spans(&self, _other: &Self) -> bool {
                true $(&& self.$at.eq_ignoring_spans(&_other.$at))*
            }
        })*
    };
}

tuples!(
    () (A 0) (A 0, B 1) (A 0, B 1, C 2) (A 0, B 1, C 2, D 3) (A 0, B 1, C 2, D 3, E 4)
    (A 0, B 1, C 2, D 3, E 4, F 5)
);

macro_rules! leaves {
    ($($type:ty)*) => {
        $(impl EqIgnoringSpans for $type {
            fn eq_ignoring_spans(&self, other: &Self) -> bool {
                self == other
            }
        })*
    };
}

leaves!(Name bool i64 f64 UnaryOp BinaryOp Order RollbackScope AcrossScope TransferDirection u16);

macro_rules! compare {
    (
        structs { $($struct:ident $visit_struct:ident $walk_struct:ident {
            $($field:ident),*
        })* }
        enums { $($enum:ident $visit_enum:ident $walk_enum:ident {
            $($variant:ident $(($($part:ident),*))? $({ $($named:ident),* })?,)*
        })* }
    ) => {
        $(impl EqIgnoringSpans for $struct {
            fn eq_ignoring_spans(&self, other: &Self) -> bool {
                let Self { $($field),* } = self;
                true $(&& $field.eq_ignoring_spans(&other.$field))*
            }
        })*
        $(impl EqIgnoringSpans for $enum {
            fn eq_ignoring_spans(&self, other: &Self) -> bool {
                match self {
                    $(Self::$variant $(($($part),*))? $({ $($named),* })? => {
                        let one = ($($($part,)*)? $($($named,)*)?);
                        match other {
                            Self::$variant $(($($part),*))? $({ $($named),* })? => {
                                one.eq_ignoring_spans(&($($($part,)*)? $($($named,)*)?))
                            }
                            _ => false,
                        }
                    })*
                }
            }
        })*
    };
}

each_node!(compare);
