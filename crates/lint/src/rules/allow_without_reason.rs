//! `allow-without-reason`: a suppression that does not say why.
//! It is found where suppressions are applied, in `allow`.

use super::super::rule::Rule;
use lockstep_base::diagnostic::codes;

pub(super) const RULE: Rule =
    Rule::of_suppressions(codes::ALLOW_WITHOUT_REASON, "allow-without-reason");
