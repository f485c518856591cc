//! The errors of what is declared for each element of a list.

use crate::ast::Ident;
use lockstep_base::diagnostic::{Diagnostic, codes};
use lockstep_base::source::Span;

/// `infrastructure "${x}": K { … }`: a text names one for each element of a list.
pub(crate) fn no_list_for(name: &Ident) -> Diagnostic {
    let message = format!(
        "`\"{}\"` names one for each element, but there is no list",
        name.name
    );
    Diagnostic::error(codes::INCOMPLETE, name.span, message)
        .help("write the list behind the kind: `\"${x.name}\": KIND for x in LIST { … }`")
}

/// What is declared for each element of a list would have one name.
pub(crate) fn one_name_for_all(name: &Ident, each: Span, var: &str) -> Diagnostic {
    let message = format!("every element would have the name `{}`", name.name);
    Diagnostic::error(codes::ELEMENT_NAME, name.span, message)
        .label(each, "one is declared for each element of this list")
        .help(format!(
            "write a text that differs from element to element: `\"${{{var}.name}}\"`"
        ))
}
