//! Narrowing: what a comparison has shown about a value counts where the comparison holds. A value
//! that was compared with `none` is not optional there, a text that was compared with others is
//! one of them.
//!
//! It is sound because nothing that has a path can change: names are bound once.

use super::locals::LocalScope;
use super::{Checker, Typed};
use crate::eval::builtins::OPTIONAL_SECRET;
use crate::eval::{Expr, ExprKind, GlobalId, Slot};
use crate::resolve::DeclKind;
use lockstep_base::source::Name;
use lockstep_base::value::{SecretPart, Type, Value};
use lockstep_syntax::ast::BinaryOp;

/// A name, or a path of fields and keys from one: what comparisons can show something about.
#[derive(Debug, Clone, PartialEq)]
pub struct ValuePath {
    root: PathRoot,
    steps: Vec<PathStep>,
}

#[derive(Debug, Clone, PartialEq)]
enum PathRoot {
    Local(Slot),
    Global(GlobalId),
    /// A secret that may be missing, by its place in the program's table.
    Secret(u32),
    /// A service, an environment, an infrastructure.
    Entity(Value),
}

#[derive(Debug, Clone, PartialEq)]
enum PathStep {
    /// `.name`, `["name"]`
    Field(Name),
    /// `[2]`
    Index(i64),
    /// `[key]`
    Key(ValuePath),
    /// Any element of a list.
    Element,
}

/// What is known of a path.
#[derive(Debug, Clone, PartialEq)]
pub struct Fact {
    path: ValuePath,
    /// It is not `none`.
    some: bool,
    /// It is one of these texts, where it is a text.
    texts: Option<Vec<Name>>,
}

/// What a condition shows.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ConditionFacts {
    /// Where it holds.
    pub holds: Vec<Fact>,
    /// Where it does not.
    pub fails: Vec<Fact>,
}

impl ConditionFacts {
    /// What the negated condition shows.
    pub(super) fn negated(self) -> Self {
        Self {
            holds: self.fails,
            fails: self.holds,
        }
    }

    /// What two conditions show that are joined by `and` or `or`.
    pub(super) fn joined(op: BinaryOp, left: Self, right: Self) -> Self {
        let both = |mut a: Vec<Fact>, b: Vec<Fact>| {
            a.extend(b);
            a
        };
        if op == BinaryOp::And {
            // The right side was only looked at where the left one holds.
            let right_fails = both(left.holds.clone(), right.fails);
            Self {
                fails: in_either(&left.fails, &right_fails),
                holds: both(left.holds, right.holds),
            }
        } else {
            let right_holds = both(left.fails.clone(), right.holds);
            Self {
                holds: in_either(&left.holds, &right_holds),
                fails: both(left.fails, right.fails),
            }
        }
    }
}

/// What holds whichever of two ways was taken.
pub fn in_either(a: &[Fact], b: &[Fact]) -> Vec<Fact> {
    let mut found: Vec<Fact> = Vec::new();
    for fact in a {
        let path = &fact.path;
        if found.iter().any(|it| it.path == *path) {
            continue;
        }
        let (one, other) = (of_path(a, path), of_path(b, path));
        let texts = match (one.texts, other.texts) {
            (Some(mut texts), Some(more)) => {
                texts.extend(more);
                Some(texts)
            }
            _ => None,
        };
        let some = one.some && other.some;
        if some || texts.is_some() {
            found.push(Fact {
                path: path.clone(),
                some,
                texts,
            });
        }
    }
    found
}

/// All that facts say about a path.
fn of_path(facts: &[Fact], path: &ValuePath) -> Fact {
    let mut all = Fact {
        path: path.clone(),
        some: false,
        texts: None,
    };
    for fact in facts.iter().filter(|fact| fact.path == *path) {
        all.some |= fact.some;
        all.texts = match (all.texts, &fact.texts) {
            (Some(mut texts), Some(fewer)) => {
                texts.retain(|text| fewer.contains(text));
                Some(texts)
            }
            (texts, fewer) => texts.or_else(|| fewer.clone()),
        };
    }
    all
}

/// The declared secret that an expression is, by its place in the program's table.
fn declared_secret(expr: &Expr) -> Option<u32> {
    let Some(Value::Secret(parts)) = expr.as_const() else {
        return None;
    };
    match parts.as_slice() {
        [SecretPart::Secret(at)] => Some(*at),
        _ => None,
    }
}

impl ValuePath {
    fn of_slot(slot: Slot) -> Self {
        Self {
            root: PathRoot::Local(slot),
            steps: Vec::new(),
        }
    }

    fn then(mut self, step: PathStep) -> Self {
        self.steps.push(step);
        self
    }

    /// The path that an expression is.
    fn of(expr: &Expr) -> Option<Self> {
        let root = |root| {
            Some(Self {
                root,
                steps: Vec::new(),
            })
        };
        match &expr.kind {
            ExprKind::Local(slot) => root(PathRoot::Local(*slot)),
            ExprKind::Global(id) => root(PathRoot::Global(*id)),
            ExprKind::Const(
                entity @ (Value::Service { .. } | Value::Environment(_) | Value::Infrastructure(_)),
            ) => root(PathRoot::Entity(entity.clone())),
            ExprKind::Field(of, name) => Some(Self::of(of)?.then(PathStep::Field(name.clone()))),
            ExprKind::Index(of, index) => Some(Self::of(of)?.then(Self::step(index)?)),
            ExprKind::IfSome { value, slot, body } => {
                let mut path = Self::of(body)?;
                if path.root != PathRoot::Local(*slot) {
                    return None;
                }
                let mut whole = Self::of(value)?;
                whole.steps.append(&mut path.steps);
                Some(whole)
            }
            // `map?[key]`
            ExprKind::Call(function, args) => match (function.0.name, args.as_slice()) {
                ("lookup", [of, key]) => Some(Self::of(of)?.then(Self::step(key)?)),
                (name, [secret]) if name == OPTIONAL_SECRET.name => {
                    root(PathRoot::Secret(declared_secret(secret)?))
                }
                _ => None,
            },
            ExprKind::Const(_)
            | ExprKind::Run(_)
            | ExprKind::Interpolate(_)
            | ExprKind::List(_)
            | ExprKind::Record(_)
            | ExprKind::Star(_)
            | ExprKind::Unary(..)
            | ExprKind::Binary(..)
            | ExprKind::If(..)
            | ExprKind::Comprehension { .. }
            | ExprKind::Bind { .. }
            | ExprKind::Convert(..) => None,
        }
    }

    fn step(index: &Expr) -> Option<PathStep> {
        match index.as_const() {
            Some(Value::String(name)) => Some(PathStep::Field(name.clone())),
            Some(Value::Int(at)) => Some(PathStep::Index(*at)),
            _ => Some(PathStep::Key(Self::of(index)?)),
        }
    }
}

impl LocalScope {
    /// From here on, these facts hold.
    pub fn learn(&mut self, facts: &[Fact]) {
        self.facts.extend_from_slice(facts);
    }

    /// What is known of a path.
    fn known(&self, path: &ValuePath) -> Fact {
        of_path(&self.facts, path)
    }
}

impl Checker<'_> {
    /// The same expression with the type that it has after all that has been compared before it.
    pub(super) fn narrowed(
        &self,
        locals: &LocalScope,
        mut typed: Typed,
        want: Option<&Type>,
    ) -> Typed {
        let Some(path) = ValuePath::of(&typed.expr) else {
            return typed;
        };
        let fact = locals.known(&path);
        if fact.some
            && let Type::Optional(of) = typed.ty
        {
            typed.ty = *of;
        }
        // Elsewhere a text stays a text, so that it may be compared with any other.
        if let Some(Type::OneOf(_)) = want
            && let Some(texts) = self.texts_of(locals, &typed.expr)
            && matches!(typed.ty, Type::String | Type::OneOf(_))
        {
            typed.ty = Type::OneOf(texts);
        }
        typed
    }

    /// The type to show of a value, with all that comparisons have shown.
    pub(super) fn shown_type(&self, locals: &LocalScope, typed: &Typed) -> Option<Type> {
        let fact = locals.known(&ValuePath::of(&typed.expr)?);
        match (&typed.ty, fact.texts) {
            (Type::String | Type::OneOf(_), Some(texts)) => Some(Type::OneOf(texts)),
            (ty, _) => fact.some.then(|| ty.clone()),
        }
    }

    /// Records the types of the names that have been compared.
    pub(super) fn note_narrowed(&self, locals: &LocalScope) {
        for fact in &locals.facts {
            let (declared, ty) = match (&fact.path.root, fact.path.steps.as_slice()) {
                (PathRoot::Local(slot), []) => {
                    let Some(local) = locals.visible().find(|local| local.slot == *slot) else {
                        continue;
                    };
                    (local.span, local.ty.clone())
                }
                (PathRoot::Global(id), []) => {
                    let decl = &self.tables.globals[id.0 as usize];
                    (decl.name.span, self.known_type_of_global(id.0))
                }
                (PathRoot::Secret(at), []) => {
                    let decl = &self.modules.decls.secrets[*at as usize];
                    (decl.name.span, Type::optional(Type::Secret))
                }
                (
                    PathRoot::Local(_)
                    | PathRoot::Global(_)
                    | PathRoot::Secret(_)
                    | PathRoot::Entity(_),
                    _,
                ) => continue,
            };
            let known = locals.known(&fact.path);
            let ty = match ty {
                Type::Optional(of) if known.some => *of,
                ty => ty,
            };
            let ty = match (ty, known.texts) {
                (Type::String | Type::OneOf(_), Some(texts)) => Type::OneOf(texts),
                (ty, _) => ty,
            };
            self.modules.uses.narrowed(declared, ty);
        }
    }

    /// The texts that a value can be, where they are known.
    fn texts_of(&self, locals: &LocalScope, expr: &Expr) -> Option<Vec<Name>> {
        if let Some(Value::String(text)) = expr.as_const() {
            return Some(vec![text.clone()]);
        }
        let path = ValuePath::of(expr)?;
        let known = locals.known(&path).texts;
        known.or_else(|| self.texts_of(locals, self.written(expr)?))
    }

    /// The texts that the elements of a list can be, where they are known.
    fn texts_in(&self, locals: &LocalScope, list: &Expr) -> Option<Vec<Name>> {
        if let ExprKind::List(items) = &list.kind {
            return items
                .iter()
                .map(|item| match item.value.as_const() {
                    Some(Value::String(text)) if !item.spread => Some(text.clone()),
                    _ => None,
                })
                .collect();
        }
        let path = ValuePath::of(list)?.then(PathStep::Element);
        let known = locals.known(&path).texts;
        known.or_else(|| self.texts_in(locals, self.written(list)?))
    }

    /// The value of a `let` at the top of a file.
    fn written(&self, expr: &Expr) -> Option<&Expr> {
        let ExprKind::Global(id) = &expr.kind else {
            return None;
        };
        let is_let = self.tables.globals.get(id.0 as usize)?.sort == DeclKind::Let;
        is_let.then(|| self.found_global(*id)).flatten()
    }

    /// A name stands for the value of this expression from here on.
    pub fn learn_value(&self, locals: &mut LocalScope, slot: Slot, value: &Expr) {
        let path = ValuePath::of_slot(slot);
        let facts = [
            (path.clone(), self.texts_of(locals, value)),
            (path.then(PathStep::Element), self.texts_in(locals, value)),
        ];
        for (path, texts) in facts {
            if texts.is_some() {
                let some = false;
                locals.learn(&[Fact { path, some, texts }]);
            }
        }
    }

    /// A name stands for each element of this list in turn.
    pub fn learn_element(&self, locals: &mut LocalScope, slot: Slot, list: &Expr) {
        if let texts @ Some(_) = self.texts_in(locals, list) {
            let path = ValuePath::of_slot(slot);
            let some = false;
            locals.learn(&[Fact { path, some, texts }]);
        }
    }

    /// What a comparison shows.
    pub(super) fn comparison_facts(
        &self,
        locals: &LocalScope,
        op: BinaryOp,
        left: &Typed,
        right: &Typed,
    ) -> ConditionFacts {
        match op {
            BinaryOp::Eq | BinaryOp::Ne => {
                let mut facts = self.equality_facts(locals, left, right);
                let other = self.equality_facts(locals, right, left);
                facts.holds.extend(other.holds);
                facts.fails.extend(other.fails);
                match op {
                    BinaryOp::Ne => facts.negated(),
                    _ => facts,
                }
            }
            BinaryOp::In => self.membership_facts(locals, left, right),
            BinaryOp::Else
            | BinaryOp::Or
            | BinaryOp::And
            | BinaryOp::Lt
            | BinaryOp::Le
            | BinaryOp::Gt
            | BinaryOp::Ge
            | BinaryOp::Add
            | BinaryOp::Sub
            | BinaryOp::Mul
            | BinaryOp::Div
            | BinaryOp::Rem => ConditionFacts::default(),
        }
    }

    /// What `of == with` shows about `of`.
    fn equality_facts(&self, locals: &LocalScope, of: &Typed, with: &Typed) -> ConditionFacts {
        let mut facts = ConditionFacts::default();
        let paths = paths_to(&of.expr);
        if with.ty == Type::None {
            facts.fails.extend(paths.into_iter().map(not_none));
            return facts;
        }
        if !may_be_none(&with.ty) {
            facts.holds.extend(paths.into_iter().map(not_none));
        }
        let Some(path) = ValuePath::of(&of.expr) else {
            return facts;
        };
        if let Some(texts) = self.texts_of(locals, &with.expr) {
            if with.expr.as_const().is_some() {
                facts
                    .fails
                    .extend(self.without(locals, of, path.clone(), &texts));
            }
            facts.holds.push(one_of(path, texts));
        } else if let Type::OneOf(texts) = &with.ty {
            facts.holds.push(one_of(path, texts.clone()));
        }
        facts
    }

    /// What `part in whole` shows.
    fn membership_facts(&self, locals: &LocalScope, part: &Typed, whole: &Typed) -> ConditionFacts {
        let mut facts = ConditionFacts::default();
        match &whole.ty {
            Type::List(of) => {
                if !may_be_none(of) {
                    facts
                        .holds
                        .extend(paths_to(&part.expr).into_iter().map(not_none));
                }
                let Some(path) = ValuePath::of(&part.expr) else {
                    return facts;
                };
                if let Some(texts) = self.texts_in(locals, &whole.expr) {
                    facts
                        .fails
                        .extend(self.without(locals, part, path.clone(), &texts));
                    facts.holds.push(one_of(path, texts));
                } else if let Type::OneOf(texts) = &**of {
                    facts.holds.push(one_of(path, texts.clone()));
                }
            }
            Type::Map(of) if !may_be_none(of) => {
                if let (Some(path), Some(step)) =
                    (ValuePath::of(&whole.expr), ValuePath::step(&part.expr))
                {
                    facts.holds.push(not_none(path.then(step)));
                }
            }
            _ => {}
        }
        facts
    }

    /// A value of a union that is none of these texts is one of the others.
    fn without(
        &self,
        locals: &LocalScope,
        of: &Typed,
        path: ValuePath,
        texts: &[Name],
    ) -> Option<Fact> {
        let mut left = locals.known(&path).texts.or_else(|| match &of.ty {
            Type::OneOf(texts) => Some(texts.clone()),
            Type::Optional(of) => match &**of {
                Type::OneOf(texts) => Some(texts.clone()),
                _ => None,
            },
            _ => None,
        })?;
        left.retain(|text| !texts.contains(text));
        (!left.is_empty()).then(|| one_of(path, left))
    }
}

fn may_be_none(ty: &Type) -> bool {
    matches!(
        ty,
        Type::Optional(_) | Type::None | Type::Json | Type::Any | Type::Nothing
    )
}

fn not_none(path: ValuePath) -> Fact {
    Fact {
        path,
        some: true,
        texts: None,
    }
}

fn one_of(path: ValuePath, texts: Vec<Name>) -> Fact {
    Fact {
        path,
        some: false,
        texts: Some(texts),
    }
}

/// Whether comparisons can show something about an expression: it is a name, or a path from one.
pub(super) fn is_path(expr: &Expr) -> bool {
    ValuePath::of(expr).is_some() && !super::is_poison(expr)
}

/// The paths that are not `none` where an expression is not: its own, and those that it is skipped
/// for where they are `none`.
fn paths_to(expr: &Expr) -> Vec<ValuePath> {
    let mut paths: Vec<ValuePath> = ValuePath::of(expr).into_iter().collect();
    let mut names: Vec<(Slot, ValuePath)> = Vec::new();
    let mut inner = expr;
    while let ExprKind::IfSome { value, slot, body } = &inner.kind {
        let Some(mut path) = ValuePath::of(value) else {
            break;
        };
        let outer = names
            .iter()
            .find(|(slot, _)| path.root == PathRoot::Local(*slot));
        if let Some((_, outer)) = outer {
            let steps = std::mem::replace(&mut path, outer.clone()).steps;
            path.steps.extend(steps);
        }
        paths.push(path.clone());
        names.push((*slot, path));
        inner = body;
    }
    paths
}
