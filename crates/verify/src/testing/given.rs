//! One `given` of a test: what it matches, and the outcome that it causes.

#![deny(clippy::wildcard_enum_match_arm)]

use lockstep_base::node_path::{ancestors, is_handler, last};
use lockstep_base::source::{Name, Span};
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
    /// The answer is yes, of these people, or of as many as are needed.
    Approved(Option<Vec<Name>>),
}

impl GivenRule {
    /// The rule of a statement, if it is a `given` for commands or nodes.
    pub(super) fn new(stmt: &TestStmt, then: GivenEffect) -> Option<Self> {
        let what = match &stmt.kind {
            TestKind::GivenRun { pattern, .. } => GivenTarget::Command(Glob::new(pattern)),
            TestKind::GivenNode { path, .. } => GivenTarget::Node(PathPattern::new(path)),
            TestKind::GivenInput { .. }
            | TestKind::GivenDeployed { .. }
            | TestKind::Start { .. }
            | TestKind::ExpectStatus { .. }
            | TestKind::ExpectOrder { .. }
            | TestKind::ExpectCondition(_) => return None,
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

impl Glob {
    /// Whether there is a text that both this and another pattern match.
    pub(super) fn meets(&self, other: &str) -> bool {
        let own: Vec<char> = self.text.trim().chars().collect();
        let other: Vec<char> = other.trim().chars().collect();
        // Which beginnings of the other meet the beginning of this one that is looked at.
        let mut meets = vec![false; other.len() + 1];
        for length in 0..=own.len() {
            let last = length.checked_sub(1).map(|at| own[at]);
            let mut diagonal = false;
            for at in 0..=other.len() {
                let theirs = at.checked_sub(1).map(|at| other[at]);
                let above = meets[at];
                let before = at > 0 && meets[at - 1];
                meets[at] = match (last, theirs) {
                    (None, None) => true,
                    (Some('*'), _) | (_, Some('*')) => above || before,
                    (Some(mine), Some(theirs)) => mine == theirs && diagonal,
                    (None, Some(_)) | (Some(_), None) => false,
                };
                diagonal = above;
            }
        }
        meets[other.len()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_patterns_meet_where_a_text_fits_both() {
        let meets = |one: &str, other: &str| Glob::new(one).meets(other);
        assert!(meets("kubectl get *", "kubectl * pods"));
        assert!(meets("make", "make"));
        assert!(meets("*", "deploy * to *"));
        assert!(meets("deploy web", "deploy *"));
        assert!(meets("a", "*a*"));
        assert!(!meets("make", "make test"));
        assert!(!meets("kubectl get *", "helm *"));
        assert!(!meets("deploy a*", "deploy b*"));
        assert!(!meets("", "make"));
    }

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
