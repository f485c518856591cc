//! One `given` of a test: what it matches, and the outcome that it causes.

#![deny(clippy::wildcard_enum_match_arm)]

use lockstep_base::node_path::{ancestors, is_handler, last};
use lockstep_base::source::Span;
use lockstep_base::value::Value;
use lockstep_engine::path_pattern::PathPattern;
use lockstep_lang::ir::{FailureClass, TestKind, TestStmt};

/// A `given` for commands or nodes.
#[derive(Debug, Clone)]
pub(super) struct GivenRule {
    /// Where it stands.
    pub(super) span: Span,
    /// What it matches.
    pub(super) what: GivenTarget,
    /// What it makes happen.
    pub(super) then: GivenEffect,
}

/// What a `given` matches.
#[derive(Debug, Clone)]
pub(super) enum GivenTarget {
    /// Commands with such a text.
    Command(Glob),
    /// Nodes with such a path.
    Node(PathPattern),
}

/// What a `given` makes happen.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum GivenEffect {
    /// It succeeds with this value.
    Returns(Value),
    /// It fails.
    Fails(Option<FailureClass>),
    /// The answer is no.
    Refused,
}

impl GivenRule {
    /// The rule of a statement, if it is a `given` for commands or nodes.
    pub(super) fn new(stmt: &TestStmt, then: GivenEffect) -> Option<Self> {
        let what = match &stmt.kind {
            TestKind::GivenRun { pattern, .. } => GivenTarget::Command(Glob::new(pattern)),
            TestKind::GivenNode { path, .. } => GivenTarget::Node(PathPattern::new(path)),
            TestKind::GivenInput { .. }
            | TestKind::Start { .. }
            | TestKind::ExpectStatus { .. }
            | TestKind::ExpectOrder { .. } => return None,
        };
        let span = stmt.span;
        Some(Self { span, what, then })
    }

    /// The pattern for nodes, if it is one.
    pub(super) fn node(&self) -> Option<&PathPattern> {
        match &self.what {
            GivenTarget::Node(pattern) => Some(pattern),
            GivenTarget::Command(_) => None,
        }
    }

    /// Whether what runs in the node of this path fails because a `given` makes a node that
    /// contains it fail. What undoes it, or handles its failure, does not.
    pub(super) fn fails_within(&self, path: &str) -> bool {
        let (Some(pattern), GivenEffect::Fails(_)) = (self.node(), &self.then) else {
            return false;
        };
        let mut inside = path;
        for around in ancestors(path) {
            if is_handler(last(inside)) {
                return false;
            }
            if pattern.matches(around) {
                return true;
            }
            inside = around;
        }
        false
    }
}

/// A pattern for the text of a command: `*` matches any text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Glob {
    pub(super) text: String,
    parts: Vec<String>,
}

impl Glob {
    pub(super) fn new(text: &str) -> Self {
        Self {
            text: text.to_string(),
            parts: text.trim().split('*').map(String::from).collect(),
        }
    }

    /// Whether it matches this text. White space around either does not count.
    pub(super) fn matches(&self, text: &str) -> bool {
        let text = text.trim();
        let [first, middle @ .., last] = self.parts.as_slice() else {
            return self.parts.first().is_some_and(|part| part == text);
        };
        let Some(mut rest) = text.strip_prefix(first.as_str()) else {
            return false;
        };
        for part in middle {
            let Some(at) = rest.find(part.as_str()) else {
                return false;
            };
            rest = rest.get(at + part.len()..).unwrap_or_default();
        }
        rest.ends_with(last.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_any_text() {
        let matches = |glob: &str, text: &str| Glob::new(glob).matches(text);
        assert!(matches("kubectl get *", "kubectl get pods -n a/b"));
        assert!(!matches("kubectl get *", "sudo kubectl get pods"));
        assert!(matches("*readlink*", "if x; then\n  readlink y\nfi\n"));
        assert!(matches("true", " true\n") && !matches("true", "true x"));
        assert!(!matches("a*a", "a") && matches("a*a", "aba"));
    }

    #[test]
    fn what_is_in_a_failing_node_fails_but_not_what_deals_with_it() {
        let rule = GivenRule {
            span: Span::new(lockstep_base::source::FileId(0), 0, 0),
            what: GivenTarget::Node(PathPattern::new("**/verify")),
            then: GivenEffect::Fails(None),
        };
        assert!(rule.fails_within("p/verify/run"));
        assert!(rule.fails_within("p/verify/step/run#2"));
        assert!(!rule.fails_within("p/verify"));
        assert!(!rule.fails_within("p/run"));
        for part in ["undo", "on-failure", "always"] {
            assert!(!rule.fails_within(&format!("p/verify/{part}/run")));
            // A step may have the name of a handler: it has a number.
            assert!(rule.fails_within(&format!("p/verify/{part}#2/run")));
        }
        assert!(rule.fails_within("p/on-failure/verify/run"));
    }
}
