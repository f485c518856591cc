//! The visitor of the syntax tree (AST). Every node type is listed here once, with all its fields
//! and variants; the traversals of the tree are generated from this list: [`Visit`] here, the
//! shifting of spans in `shift` and the comparison in `compare`. The generated matches have no
//! wildcards: a node or field that is added to `ast` and not to the list does not compile.

use super::ast::*;
use lockstep_base::source::{Name, Span};

/// Passes the list of all node types to the macro `$callback`: the structs with their fields, the
/// enums with their variants and their fields, each with the names of its two functions.
///
/// The fields stand in the order in which they are visited. That is the order of the source,
/// except that a statement's modifiers stand behind its form with its body, and that the parts of
/// environments and kinds are grouped by their sort.
macro_rules! each_node {
    ($callback:ident) => {
        $callback! {
            structs {
                File visit_file walk_file { items, span }
                Ident visit_ident walk_ident { name, span }
                Item visit_item walk_item { doc, kind, span }
                ImportName visit_import_name walk_import_name { name, alias }
                Use visit_use walk_use { path, args, span }
                Path visit_path walk_path { namespace, name }
                Field visit_field walk_field { doc, name, value }
                Environment visit_environment walk_environment {
                    name, fields, overrides, infrastructures
                }
                Override visit_override walk_override { service, index, fields, span }
                Each visit_each walk_each { var, second, list, cond, span }
                Infrastructure visit_infrastructure walk_infrastructure {
                    doc, name, text, kind, each, fields, overrides, span
                }
                Kind visit_kind walk_kind {
                    name, base, service, infrastructure, deploy, requires, parts
                }
                Requirement visit_requirement walk_requirement { program, version, by, span }
                Queue visit_queue walk_queue { name, keep, span }
                FieldDecl visit_field_decl walk_field_decl { doc, name, ty, default }
                Param visit_param walk_param { doc, name, ty, default }
                TypeExpr visit_type_expr walk_type_expr { kind, span }
                Expr visit_expr walk_expr { kind, span }
                Comprehension visit_comprehension walk_comprehension {
                    key, body, var, second, list, cond
                }
                Arg visit_arg walk_arg { name, value }
                StringLit visit_string_lit walk_string_lit { parts, multiline, raw, span }
                Block visit_block walk_block { stmts, span }
                Stmt visit_stmt walk_stmt { doc, kind, modifiers, handlers, head, span }
                Axis visit_axis walk_axis { order, var, second, list, by, span }
                Run visit_run walk_run {
                    query, command, using, dir, env, stdin, on
                }
                Transfer visit_transfer walk_transfer {
                    direction, is_text, source, to, replacing, mode, on
                }
                FileMode visit_file_mode walk_file_mode { bits, span }
                Trigger visit_trigger walk_trigger { name, on, filter, starts }
                TriggerPart visit_trigger_part walk_trigger_part { name, args, span }
                Variables visit_variables walk_variables { entries, span }
                Modifier visit_modifier walk_modifier { kind, span }
                Handler visit_handler walk_handler { kind, span }
                TestStmt visit_test_stmt walk_test_stmt { kind, span }
            }
            enums {
                ItemKind visit_item_kind walk_item_kind {
                    Import { path, alias },
                    From { path, names },
                    Input { name, ty, default, rule },
                    Secret { name, ty, source },
                    Let { name, ty, value },
                    Service { name, text, kind, using, each, fields },
                    Environment(environment),
                    Group { name, value },
                    Window { name, fields },
                    Kind(kind),
                    Workflow { name, params, result, requires, body },
                    Action { name, params, result },
                    Function { name, params, result, value },
                    Type { name, ty },
                    Pipeline { name, requires, queues, modifiers, body, handlers },
                    Test { name, body, body_span },
                    Trigger(trigger),
                    Error,
                }
                TypeKind visit_type_kind walk_type_kind {
                    Name(name),
                    Member(space, name),
                    Of(name, path),
                    List(element),
                    Map(key, value),
                    Record(fields),
                    Optional(inner),
                    OneOf(texts),
                    Error,
                }
                ExprKind visit_expr_kind walk_expr_kind {
                    None,
                    Bool(value),
                    Int(value),
                    Float(value),
                    Percent(value),
                    Duration(value),
                    String(text),
                    Name(name),
                    List(items),
                    Record(entries),
                    Field(inner, name),
                    Star(inner),
                    Maybe(inner),
                    Index(inner, index),
                    Unary(op, inner),
                    Binary(op, op_span, left, right),
                    If(condition, yes, no),
                    Comprehension(comprehension),
                    Call(callee, args),
                    Paren(inner),
                    Error,
                }
                RecordKey visit_record_key walk_record_key {
                    Name(name),
                    String(text),
                }
                StringPart visit_string_part walk_string_part {
                    Text { text, span },
                    Interpolation { expr, span },
                }
                StmtKind visit_stmt_kind walk_stmt_kind {
                    Stage { name, body },
                    Serial { body },
                    Parallel { body },
                    Loop { axis, body },
                    Matrix { axes, filter, include, body },
                    Deploy { service, target, using },
                    Step { name, body },
                    Run(run),
                    Transfer(transfer),
                    Call(call),
                    Let { name, ty, value },
                    If { branches, otherwise },
                    Barrier { name, key, across },
                    Lock { resource, limit, body },
                    Approve { question, by, count, except },
                    Wait(time),
                    Verify { during, every, body },
                    Log(text),
                    Fail { message, class },
                    Return(value),
                    Yield(value),
                    On { target, body },
                    With { on, dir, env, body },
                    Ignore,
                    Rollback(scope),
                    Abort,
                    Retry(times),
                    Ask { timeout, otherwise },
                    Error,
                }
                LetValue visit_let_value walk_let_value {
                    Expr(expr),
                    Effect(stmt),
                }
                ModifierKind visit_modifier_kind walk_modifier_kind {
                    Timeout(limit),
                    Grace(limit),
                    Retry { times, every, upto },
                    Max(count),
                    Batches { sizes, between },
                    Tolerate(count),
                    FailFast,
                    Atomic,
                    Once,
                    Quiet,
                    Error,
                }
                HandlerKind visit_handler_kind walk_handler_kind {
                    Undo(body),
                    NoUndo(reason),
                    OnFailure { classes, body },
                    Always(body),
                    Watch { every, body },
                }
                TestKind visit_test_kind walk_test_kind {
                    GivenInput { name, value },
                    GivenRun { pattern, then },
                    GivenDeployed { service, target, value },
                    GivenNode { path, then },
                    Start { pipeline },
                    ExpectStatus { path, status },
                    ExpectOrder { first, second },
                    ExpectCondition(condition),
                    Error,
                }
                Given visit_given walk_given {
                    Returns(value),
                    Fails(class),
                    Refused,
                    Approved(by),
                }
                TestPath visit_test_path walk_test_path {
                    Pattern(text),
                    Name(name),
                }
            }
        }
    };
}
pub(crate) use each_node;

/// Something in a tree that a visitor accepts: a node, several of them, or a leaf.
trait Accept {
    fn accept<'a, V: Visit<'a> + ?Sized>(&'a self, visitor: &mut V);
}

impl<T: Accept> Accept for Option<T> {
    fn accept<'a, V: Visit<'a> + ?Sized>(&'a self, visitor: &mut V) {
        self.iter().for_each(|it| it.accept(visitor));
    }
}

impl<T: Accept> Accept for Vec<T> {
    fn accept<'a, V: Visit<'a> + ?Sized>(&'a self, visitor: &mut V) {
        self.iter().for_each(|it| it.accept(visitor));
    }
}

impl<T: Accept> Accept for Box<T> {
    fn accept<'a, V: Visit<'a> + ?Sized>(&'a self, visitor: &mut V) {
        (**self).accept(visitor);
    }
}

impl<A: Accept, B: Accept> Accept for (A, B) {
    fn accept<'a, V: Visit<'a> + ?Sized>(&'a self, visitor: &mut V) {
        self.0.accept(visitor);
        self.1.accept(visitor);
    }
}

impl Accept for Span {
    fn accept<'a, V: Visit<'a> + ?Sized>(&'a self, visitor: &mut V) {
        visitor.visit_span(*self);
    }
}

/// Leaves, for which there is no visit function.
macro_rules! leaves {
    ($($leaf:ty)*) => { $(impl Accept for $leaf {
        fn accept<'a, V: Visit<'a> + ?Sized>(&'a self, _: &mut V) {}
    })* };
}

leaves!(Name bool i64 f64 UnaryOp BinaryOp Order RollbackScope AcrossScope TransferDirection u16);

macro_rules! visitor {
    (
        structs { $($struct:ident $visit_struct:ident $walk_struct:ident {
            $($field:ident),*
        })* }
        enums { $($enum:ident $visit_enum:ident $walk_enum:ident {
            $($variant:ident $(($($part:ident),*))? $({ $($named:ident),* })?,)*
        })* }
    ) => {
        /// Traverses a tree. Each function receives a node and visits all that it contains; one
        /// that is overridden decides itself whether to descend, with the `walk` function of the
        /// same node.
        #[expect(missing_docs, reason = "each is named like the node that it is handed")]
        pub trait Visit<'a> {
            /// Receives the span of every node, and every other span in one.
            fn visit_span(&mut self, _span: Span) {}
            $(fn $visit_struct(&mut self, node: &'a $struct) {
                $walk_struct(self, node);
            })*
            $(fn $visit_enum(&mut self, node: &'a $enum) {
                $walk_enum(self, node);
            })*
        }

        $(
            /// Visits the direct children of a node.
            pub fn $walk_struct<'a, V: Visit<'a> + ?Sized>(visitor: &mut V, node: &'a $struct) {
                let $struct { $($field),* } = node;
                $($field.accept(visitor);)*
            }

            impl Accept for $struct {
                fn accept<'a, V: Visit<'a> + ?Sized>(&'a self, visitor: &mut V) {
                    visitor.$visit_struct(self);
                }
            }
        )*

        $(
            /// Visits the direct children of a node.
            pub fn $walk_enum<'a, V: Visit<'a> + ?Sized>(visitor: &mut V, node: &'a $enum) {
                match node {
                    $($enum::$variant $(($($part),*))? $({ $($named),* })? => {
                        $($($part.accept(visitor);)*)?
                        $($($named.accept(visitor);)*)?
                    })*
                }
            }

            impl Accept for $enum {
                fn accept<'a, V: Visit<'a> + ?Sized>(&'a self, visitor: &mut V) {
                    visitor.$visit_enum(self);
                }
            }
        )*
    };
}

each_node!(visitor);
