//! Renders a plan as text on the screen, as JSON, as a page for
//! browsers, and as a graph for Mermaid or Graphviz.

#![deny(clippy::wildcard_enum_match_arm)]

mod dot;
mod fold;
mod graph;
mod html;
mod mermaid;
#[cfg(test)]
mod tests;
mod text;
mod title;
mod view;

use lockstep_outline::Outline;

pub use dot::dot;
pub use html::html;
pub use mermaid::mermaid;
pub use text::{PlanTextOptions, text};

/// The plan as indented JSON. The form is stable; `version` is the version of the form.
pub fn json(outline: &Outline) -> String {
    // Only maps with keys that are not strings could not be serialized, and there are none.
    let text = serde_json::to_string_pretty(outline).unwrap_or_default();
    format!("{text}\n")
}
