//! Prints what stands in braces, one member a line: statements, fields, parts of an environment.

use super::line::LinePiece;
use super::printer::{LineStart, Printed, Printer, TokenGap, Unprintable};
use super::trivia::TokenTrivia;
use lockstep_base::source::Span;
use lockstep_syntax::ast::*;

/// A member of a body.
#[derive(Clone, Copy)]
pub(super) enum BodyMember<'a> {
    Stmt(&'a Stmt),
    Test(&'a TestStmt),
    Field(&'a Field),
    Override(&'a Override),
    Infrastructure(&'a Infrastructure),
    Decl(&'a FieldDecl),
    /// A part of a kind with fields: its first word, the fields, and where it stands.
    Part(&'static str, &'a [FieldDecl], Span),
    /// The `deploy using` of a kind.
    Deploy(Option<&'a Use>, Span),
    /// A program that a kind requires.
    Requires(Option<&'a Requirement>, Span),
}

impl BodyMember<'_> {
    /// Where it stands.
    pub(super) fn range(&self) -> (usize, usize) {
        let span = match self {
            BodyMember::Stmt(stmt) => stmt.span,
            BodyMember::Test(stmt) => stmt.span,
            BodyMember::Field(field) => field.name.span.to(field.value.span),
            BodyMember::Override(changed) => changed.span,
            BodyMember::Infrastructure(infrastructure) => infrastructure.span,
            BodyMember::Part(_, _, span)
            | BodyMember::Deploy(_, span)
            | BodyMember::Requires(_, span) => *span,
            BodyMember::Decl(decl) => {
                let last = decl.default.as_ref().map_or(decl.ty.span, |it| it.span);
                decl.name.span.to(last)
            }
        };
        (span.start as usize, span.end as usize)
    }

    fn is_field(&self) -> bool {
        matches!(self, BodyMember::Field(_) | BodyMember::Decl(_))
    }

    /// Whether it only marks text that could not be read.
    fn is_unread(&self) -> bool {
        match self {
            BodyMember::Stmt(stmt) => matches!(stmt.kind, StmtKind::Error),
            BodyMember::Test(stmt) => matches!(stmt.kind, TestKind::Error),
            _ => false,
        }
    }
}

/// Whether a statement has no body of its own.
fn is_simple(stmt: &Stmt) -> bool {
    stmt.handlers.is_empty()
        && match &stmt.kind {
            StmtKind::Stage { .. }
            | StmtKind::Serial { .. }
            | StmtKind::Parallel { .. }
            | StmtKind::Loop { .. }
            | StmtKind::Matrix { .. }
            | StmtKind::Step { .. }
            | StmtKind::If { .. }
            | StmtKind::Lock { .. }
            | StmtKind::Verify { .. }
            | StmtKind::On { .. }
            | StmtKind::With { .. }
            | StmtKind::Error => false,
            StmtKind::Let {
                value: LetValue::Effect(inner),
                ..
            } => is_simple(inner),
            StmtKind::Let {
                value: LetValue::Expr(_),
                ..
            }
            | StmtKind::Deploy { .. }
            | StmtKind::Run(_)
            | StmtKind::Transfer(_)
            | StmtKind::Call(_)
            | StmtKind::Barrier { .. }
            | StmtKind::Approve { .. }
            | StmtKind::Wait(_)
            | StmtKind::Log(_)
            | StmtKind::Fail { .. }
            | StmtKind::Return(_)
            | StmtKind::Yield(_)
            | StmtKind::Ignore
            | StmtKind::Rollback(_)
            | StmtKind::Abort
            | StmtKind::Retry(_)
            | StmtKind::Ask { .. } => true,
        }
}

/// Whether blocks, as far as they are written on one line, may stay there: each has at most one
/// statement, without a body of its own.
pub(super) fn stays_on_line(blocks: &[&Block], text: &str) -> bool {
    let short = |block: &&Block| match block.stmts.as_slice() {
        [] => true,
        [only] => is_simple(only) && one_line(block.span, text),
        _ => false,
    };
    blocks.iter().all(short) && blocks.iter().any(|block| !block.stmts.is_empty())
}

/// Whether `span` is written on one line.
pub(super) fn one_line(span: Span, text: &str) -> bool {
    one_line_of(text, span.start as usize, span.end as usize)
}

/// Whether `from..to` is written on one line.
pub(super) fn one_line_of(text: &str, from: usize, to: usize) -> bool {
    text.get(from..to).is_some_and(|own| !own.contains('\n'))
}

/// How the opening brace of a body stands to its head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BraceLayout {
    /// Behind the head.
    Plain,
    /// A group is open that began in the head; where it is broken, the brace has its own line.
    OwnLine,
    /// A group is open that began in the head and ends behind the brace.
    EndsGroup,
}

impl BraceLayout {
    /// The brace behind a head in which a group was begun, or was not.
    pub(super) fn of(grouped: bool) -> Self {
        if grouped {
            BraceLayout::OwnLine
        } else {
            BraceLayout::Plain
        }
    }
}

impl Printer<'_> {
    /// Prints something with bodies on one line, if it may be `short` and fits.
    pub(super) fn short_or_long(
        &mut self,
        short: bool,
        print: impl Fn(&mut Self) -> Printed,
    ) -> Printed {
        if short && self.on_one_line(&print) {
            return Ok(());
        }
        print(self)
    }

    /// A block.
    pub(super) fn block(&mut self, block: &Block, brace: BraceLayout) -> Printed {
        let stmts = block.stmts.iter().map(BodyMember::Stmt);
        self.body(&stmts.collect::<Vec<_>>(), block.span.end, brace)
    }

    /// A body in braces that ends at `end`.
    pub(super) fn body(
        &mut self,
        members: &[BodyMember<'_>],
        end: u32,
        brace: BraceLayout,
    ) -> Printed {
        self.gap(match brace {
            BraceLayout::OwnLine => TokenGap::Line,
            BraceLayout::Plain | BraceLayout::EndsGroup => TokenGap::Join,
        });
        self.sign("{")?;
        if brace != BraceLayout::Plain {
            self.close();
        }
        let closing = (end as usize).checked_sub(1).ok_or(Unprintable)?;
        if self.inline {
            self.members_on_line(members)?;
        } else if !members.is_empty() || self.has_notes() || self.next_start() != closing {
            self.flush();
            self.depth += 1;
            let empty = !self.members(members, closing);
            self.depth -= 1;
            self.start_line(if empty {
                LineStart::Only
            } else {
                LineStart::Last
            });
        }
        if self.next_start() != closing {
            return Err(Unprintable);
        }
        self.sign("}")
    }

    fn members_on_line(&mut self, members: &[BodyMember<'_>]) -> Printed {
        if members.len() > 1 && !members.iter().all(BodyMember::is_field) {
            return Err(Unprintable);
        }
        for (place, member) in members.iter().enumerate() {
            if place > 0 {
                self.push(LinePiece::Sign(","));
            }
            self.gap(TokenGap::Space);
            self.one_member(member, 0)?;
            self.skip_comma();
        }
        if !members.is_empty() {
            self.gap(TokenGap::Space);
        }
        Ok(())
    }

    /// The members of a body, one a line, up to its brace at `closing`. Returns whether there was
    /// anything.
    fn members(&mut self, members: &[BodyMember<'_>], closing: usize) -> bool {
        let mut start = LineStart::First;
        // How wide the names of the fields are that stand below each other, and up to which
        // member that holds.
        let mut width = 0;
        let mut same = 0;
        let read = |it: &BodyMember<'_>| !it.is_unread();
        let members: Vec<BodyMember<'_>> = members.iter().copied().filter(read).collect();
        let ranges: Vec<(usize, usize)> = members.iter().map(BodyMember::range).collect();
        for (place, member) in members.iter().enumerate() {
            if same <= place {
                (width, same) = self.alignment(&members, place);
            }
            let (from, to) = member.range();
            if from < self.end() {
                continue;
            }
            if let Some(lines) = self.unread_lines(&ranges, place, closing) {
                self.keep_lines(&lines, start);
                start = LineStart::Next;
                continue;
            }
            if self.keep_until(from, start) {
                start = LineStart::Next;
            }
            self.member((from, to), start, |printer| {
                printer.one_member(member, width)?;
                printer.skip_comma();
                Ok(())
            });
            start = LineStart::Next;
        }
        self.keep_until(closing, start) || start == LineStart::Next
    }

    /// The widest name among the fields that stand directly below `members[first]`, and the first
    /// member that is not among them.
    fn alignment(&self, members: &[BodyMember<'_>], first: usize) -> (usize, usize) {
        let mut width = 0;
        let mut before = None;
        for (place, member) in members.iter().enumerate().skip(first) {
            let BodyMember::Field(field) = member else {
                return (width, place.max(first + 1));
            };
            let (_, to) = member.range();
            if before.is_some_and(|end| has_empty_line(self.text, end)) {
                return (width, place);
            }
            width = width.max(super::line::columns(&field.name.name));
            before = Some(to);
        }
        (width, members.len())
    }

    pub(super) fn one_member(&mut self, member: &BodyMember<'_>, width: usize) -> Printed {
        match member {
            BodyMember::Stmt(stmt) => self.stmt(stmt),
            BodyMember::Test(stmt) => self.test_stmt(stmt),
            BodyMember::Field(field) => self.field(field, width),
            BodyMember::Override(changed) => self.override_of(changed),
            BodyMember::Infrastructure(infrastructure) => self.infrastructure(infrastructure),
            BodyMember::Decl(decl) => self.declared(&decl.name, &decl.ty, decl.default.as_ref()),
            BodyMember::Part(word, decls, span) => self.part(word, decls, *span),
            BodyMember::Deploy(using, _) => self.kind_deploy(*using),
            BodyMember::Requires(requirement, _) => self.requires(requirement.ok_or(Unprintable)?),
        }
    }

    fn field(&mut self, field: &Field, width: usize) -> Printed {
        self.ident(&field.name)?;
        let own = super::line::columns(&field.name.name);
        if !self.inline && !self.has_notes() && width > own {
            self.push(LinePiece::Blanks(width - own));
        }
        self.word("=")?;
        self.gap(TokenGap::Space);
        self.expr(&field.value)
    }
}

/// Whether an empty line will stand between two members, the first of which ends at `from`.
fn has_empty_line(text: &str, from: usize) -> bool {
    let mut behind = TokenTrivia::default();
    behind.begin(from);
    if behind.read(text) == Some(b',') {
        behind.pass_comma();
        behind.read(text);
    }
    behind.has_empty_line(text)
}
