//! AST nodes of all types behind one type, with a visitor that finds the nodes around a place.

use lockstep_base::source::{FileId, Span};
use lockstep_syntax::ast::{
    Arg, Axis, Block, Each, Expr, Field, FieldDecl, File, Handler, Ident, ImportName,
    Infrastructure, Item, ItemKind, Modifier, Override, Param, Path, Stmt, StringLit, TestStmt,
    TriggerPart, TypeExpr, Use,
};
use lockstep_syntax::visit::*;

/// A node of the AST.
#[derive(Debug, Clone, Copy)]
#[expect(missing_docs, reason = "each is named like what it holds")]
pub enum SyntaxNode<'a> {
    Item(&'a Item),
    Import(&'a ImportName),
    Infrastructure(&'a Infrastructure),
    Override(&'a Override),
    Each(&'a Each),
    Field(&'a Field),
    FieldDecl(&'a FieldDecl),
    Param(&'a Param),
    Type(&'a TypeExpr),
    Path(&'a Path),
    Use(&'a Use),
    TriggerPart(&'a TriggerPart),
    Arg(&'a Arg),
    Block(&'a Block),
    Stmt(&'a Stmt),
    Axis(&'a Axis),
    Modifier(&'a Modifier),
    Handler(&'a Handler),
    TestStmt(&'a TestStmt),
    Expr(&'a Expr),
    Text(&'a StringLit),
    Ident(&'a Ident),
}

impl<'a> SyntaxNode<'a> {
    /// Its span.
    pub fn span(self) -> Span {
        let with = |name: Span, value: Span| name.to(value);
        match self {
            SyntaxNode::Item(item) => item.span,
            SyntaxNode::Import(name) => match &name.alias {
                Some(alias) => name.name.span.to(alias.span),
                None => name.name.span,
            },
            SyntaxNode::Infrastructure(place) => place.span,
            SyntaxNode::Override(entry) => entry.span,
            SyntaxNode::Each(each) => each.span,
            SyntaxNode::Field(field) => with(field.name.span, field.value.span),
            SyntaxNode::FieldDecl(field) => match &field.default {
                Some(default) => with(field.name.span, default.span),
                None => with(field.name.span, field.ty.span),
            },
            SyntaxNode::Param(param) => match &param.default {
                Some(default) => with(param.name.span, default.span),
                None => with(param.name.span, param.ty.span),
            },
            SyntaxNode::Type(ty) => ty.span,
            SyntaxNode::Path(path) => path.span(),
            SyntaxNode::Use(using) => using.span,
            SyntaxNode::TriggerPart(part) => part.span,
            SyntaxNode::Arg(arg) => match &arg.name {
                Some(name) => name.span.to(arg.value.span),
                None => arg.value.span,
            },
            SyntaxNode::Block(block) => block.span,
            SyntaxNode::Stmt(stmt) => stmt.span,
            SyntaxNode::Axis(axis) => axis.span,
            SyntaxNode::Modifier(modifier) => modifier.span,
            SyntaxNode::Handler(handler) => handler.span,
            SyntaxNode::TestStmt(stmt) => stmt.span,
            SyntaxNode::Expr(expr) => expr.span,
            SyntaxNode::Text(text) => text.span,
            SyntaxNode::Ident(name) => name.span,
        }
    }

    /// Calls `see` with each direct child, in source order as far as it matters.
    pub fn children(self, see: &mut dyn FnMut(SyntaxNode<'a>)) {
        // The fields of these nodes are not in the order of the source.
        let is_mixed = match self {
            SyntaxNode::Item(item) => matches!(item.kind, ItemKind::Environment(_)),
            SyntaxNode::Stmt(stmt) => !stmt.modifiers.is_empty(),
            _ => false,
        };
        if is_mixed {
            let mut parts: Vec<SyntaxNode<'a>> = Vec::new();
            self.each_child(&mut |part| parts.push(part));
            parts.sort_by_key(|part| part.span().start);
            parts.into_iter().for_each(see);
        } else {
            self.each_child(see);
        }
    }

    fn each_child(self, see: &mut dyn FnMut(SyntaxNode<'a>)) {
        let mut children = Children { see };
        match self {
            SyntaxNode::Item(node) => walk_item(&mut children, node),
            SyntaxNode::Import(node) => walk_import_name(&mut children, node),
            SyntaxNode::Infrastructure(node) => walk_infrastructure(&mut children, node),
            SyntaxNode::Override(node) => walk_override(&mut children, node),
            SyntaxNode::Each(node) => walk_each(&mut children, node),
            SyntaxNode::Field(node) => walk_field(&mut children, node),
            SyntaxNode::FieldDecl(node) => walk_field_decl(&mut children, node),
            SyntaxNode::Param(node) => walk_param(&mut children, node),
            SyntaxNode::Type(node) => walk_type_expr(&mut children, node),
            SyntaxNode::Path(node) => walk_path(&mut children, node),
            SyntaxNode::Use(node) => walk_use(&mut children, node),
            SyntaxNode::TriggerPart(node) => walk_trigger_part(&mut children, node),
            SyntaxNode::Arg(node) => walk_arg(&mut children, node),
            SyntaxNode::Block(node) => walk_block(&mut children, node),
            SyntaxNode::Stmt(node) => walk_stmt(&mut children, node),
            SyntaxNode::Axis(node) => walk_axis(&mut children, node),
            SyntaxNode::Modifier(node) => walk_modifier(&mut children, node),
            SyntaxNode::Handler(node) => walk_handler(&mut children, node),
            SyntaxNode::TestStmt(node) => walk_test_stmt(&mut children, node),
            SyntaxNode::Expr(node) => walk_expr(&mut children, node),
            SyntaxNode::Text(node) => walk_string_lit(&mut children, node),
            SyntaxNode::Ident(node) => walk_ident(&mut children, node),
        }
    }
}

/// A visitor that calls `see` with the outermost nodes.
struct Children<'s, 'a> {
    see: &'s mut dyn FnMut(SyntaxNode<'a>),
}

/// The functions of a visitor with the nodes that they stand for.
macro_rules! parts {
    ($($visit:ident $node:ident $type:ty;)*) => {
        impl<'a> Visit<'a> for Children<'_, 'a> {
            $(fn $visit(&mut self, node: &'a $type) {
                (self.see)(SyntaxNode::$node(node));
            })*
        }
    };
}

parts! {
    visit_item Item Item;
    visit_import_name Import ImportName;
    visit_infrastructure Infrastructure Infrastructure;
    visit_override Override Override;
    visit_each Each Each;
    visit_field Field Field;
    visit_field_decl FieldDecl FieldDecl;
    visit_param Param Param;
    visit_type_expr Type TypeExpr;
    visit_path Path Path;
    visit_use Use Use;
    visit_trigger_part TriggerPart TriggerPart;
    visit_arg Arg Arg;
    visit_block Block Block;
    visit_stmt Stmt Stmt;
    visit_axis Axis Axis;
    visit_modifier Modifier Modifier;
    visit_handler Handler Handler;
    visit_test_stmt TestStmt TestStmt;
    visit_expr Expr Expr;
    visit_string_lit Text StringLit;
    visit_ident Ident Ident;
}

/// Calls `see` with every node of a file, parents before children. Where `see` returns false, the
/// children are skipped.
pub fn walk<'a>(file: &'a File, see: &mut dyn FnMut(SyntaxNode<'a>) -> bool) {
    for item in &file.items {
        walk_from(SyntaxNode::Item(item), see);
    }
}

/// The same for one node.
pub fn walk_from<'a>(node: SyntaxNode<'a>, see: &mut dyn FnMut(SyntaxNode<'a>) -> bool) {
    if see(node) {
        node.children(&mut |child| walk_from(child, see));
    }
}

/// The nodes that contain a place, the outermost first.
pub fn enclosing_nodes(file: &File, offset: u32) -> Vec<SyntaxNode<'_>> {
    let mut found = Vec::new();
    walk(file, &mut |node| {
        let span = node.span();
        let holds = span.start <= offset && offset <= span.end;
        if holds {
            found.push(node);
        }
        holds
    });
    found
}

/// The position `offset` of a file, as an empty span.
pub fn at(file: FileId, offset: u32) -> Span {
    Span {
        file,
        start: offset,
        end: offset,
    }
}
