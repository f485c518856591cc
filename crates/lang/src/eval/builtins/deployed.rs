//! The built-in function `deployed`.

use super::args::{no_more, required};
use super::{Builtin, BuiltinBody};
use lockstep_base::value::Type;

pub(super) static FUNCTION: Builtin = Builtin {
    name: "deployed",
    doc: "What the ledger says is deployed of a service to an infrastructure, read when the run is \
          planned and recorded in the plan: `after` is what is there, `since` when, `run` the run \
          that brought it, `age` how long that is. It is `none` where nothing is, and where it is \
          not known to be good. A test says what it is: `given deployed(web, prod.eu) = \
          { after: \"v1\" }`.",
    params: &[required("of", service), required("to", infrastructure)],
    check: no_more,
    result: |_| result(),
    // A service and an infrastructure must be declared, so no example stands alone.
    examples: &[],
    call: BuiltinBody::Deployed,
};

fn service() -> Type {
    Type::Service(None)
}

fn infrastructure() -> Type {
    Type::Infrastructure(None)
}

/// What is deployed somewhere.
pub fn result() -> Type {
    Type::optional(Type::record([
        ("after", Type::String),
        ("since", Type::String),
        ("run", Type::String),
        ("age", Type::Duration),
    ]))
}
