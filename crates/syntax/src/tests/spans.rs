//! Every span in a tree lies in its text, on character boundaries, and inside its parent.

use crate::Parse;
use crate::ast::*;
use crate::visit::*;
use lockstep_base::source::Span;

/// Checks all places of a parse.
pub(super) fn check(text: &str, parse: &Parse) {
    let all = parse.file.span;
    let mut checker = SpanChecker { text, outer: all };
    assert_eq!(all.range(), 0..text.len());
    checker.visit_file(&parse.file);
    for comment in &parse.comments {
        checker.inside(comment.span, all);
    }
    for diagnostic in &parse.diagnostics {
        for label in &diagnostic.labels {
            checker.inside(label.span, all);
        }
        for (span, _) in diagnostic.fixes.iter().flat_map(|fix| &fix.edits) {
            checker.inside(*span, all);
        }
    }
}

struct SpanChecker<'t> {
    text: &'t str,
    /// The span of the node around.
    outer: Span,
}

impl SpanChecker<'_> {
    #[track_caller]
    fn inside(&mut self, span: Span, outer: Span) {
        assert!(span.start <= span.end, "{span:?} is turned around");
        assert!(
            outer.start <= span.start && span.end <= outer.end,
            "{span:?} is not inside of {outer:?} in {:?}",
            self.text
        );
        assert!(
            self.text.get(span.range()).is_some(),
            "{span:?} cuts a character of {:?}",
            self.text
        );
    }

    /// Checks the span of a node, and that what is inside the node lies inside the span.
    fn node(&mut self, span: Span, walk: impl FnOnce(&mut Self)) {
        self.visit_span(span);
        let outer = std::mem::replace(&mut self.outer, span);
        walk(self);
        self.outer = outer;
    }
}

impl<'a> Visit<'a> for SpanChecker<'_> {
    fn visit_span(&mut self, span: Span) {
        self.inside(span, self.outer);
    }

    fn visit_item(&mut self, node: &'a Item) {
        self.node(node.span, |checker| walk_item(checker, node));
    }

    fn visit_use(&mut self, node: &'a Use) {
        self.node(node.span, |checker| walk_use(checker, node));
    }

    fn visit_override(&mut self, node: &'a Override) {
        self.node(node.span, |checker| walk_override(checker, node));
    }

    fn visit_infrastructure(&mut self, node: &'a Infrastructure) {
        self.node(node.span, |checker| walk_infrastructure(checker, node));
    }

    fn visit_type_expr(&mut self, node: &'a TypeExpr) {
        self.node(node.span, |checker| walk_type_expr(checker, node));
    }

    fn visit_expr(&mut self, node: &'a Expr) {
        self.node(node.span, |checker| walk_expr(checker, node));
    }

    fn visit_string_lit(&mut self, node: &'a StringLit) {
        let mut last_text = false;
        for part in &node.parts {
            let is_text = matches!(part, StringPart::Text { .. });
            assert!(!is_text || !last_text, "texts are joined");
            last_text = is_text;
        }
        self.node(node.span, |checker| walk_string_lit(checker, node));
    }

    fn visit_string_part(&mut self, node: &'a StringPart) {
        match node {
            StringPart::Text { text, span } => {
                assert!(!text.is_empty(), "no text is empty");
                self.visit_span(*span);
            }
            StringPart::Interpolation { span, .. } => {
                self.node(*span, |checker| walk_string_part(checker, node));
            }
        }
    }

    fn visit_block(&mut self, node: &'a Block) {
        let mut last = node.span.start;
        for stmt in &node.stmts {
            assert!(
                last <= stmt.span.start,
                "statements overlap in {:?}",
                self.text
            );
            last = stmt.span.end;
        }
        self.node(node.span, |checker| walk_block(checker, node));
    }

    fn visit_stmt(&mut self, node: &'a Stmt) {
        self.node(node.span, |checker| walk_stmt(checker, node));
    }

    fn visit_axis(&mut self, node: &'a Axis) {
        self.node(node.span, |checker| walk_axis(checker, node));
    }

    fn visit_modifier(&mut self, node: &'a Modifier) {
        self.node(node.span, |checker| walk_modifier(checker, node));
    }

    fn visit_handler(&mut self, node: &'a Handler) {
        self.node(node.span, |checker| walk_handler(checker, node));
    }

    fn visit_test_stmt(&mut self, node: &'a TestStmt) {
        self.node(node.span, |checker| walk_test_stmt(checker, node));
    }
}
