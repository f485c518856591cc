//! The Lockstep deployment language for the tree-sitter library.
//! It does not know what a program means; for that there is the `lockstep` library.

use tree_sitter_language::LanguageFn;

unsafe extern "C" {
    fn tree_sitter_deploy() -> *const ();
}

/// The language, to be given to `tree_sitter::Parser::set_language`.
// The function is the one that the generated parser defines.
pub const LANGUAGE: LanguageFn = unsafe { LanguageFn::from_raw(tree_sitter_deploy) };

/// Which nodes are drawn how, as a tree-sitter query.
pub const HIGHLIGHTS_QUERY: &str = include_str!("../../queries/highlights.scm");

/// Where texts of other languages stand, as a tree-sitter query.
pub const INJECTIONS_QUERY: &str = include_str!("../../queries/injections.scm");

/// Where names are defined and used, as a tree-sitter query.
pub const LOCALS_QUERY: &str = include_str!("../../queries/locals.scm");
