//! Expressions of the language as they are built from those of other tools, with what is known of
//! their types, so that only what has the right type is compared.

use crate::foreign::Operator;
use crate::words::quoted;

/// The type of an expression, as far as an import knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ty {
    Text,
    Int,
    Float,
    Bool,
    Secret,
    /// A list of texts.
    List,
    /// A record or a map, which has no text.
    Record,
    /// JSON of any kind.
    Json,
}

/// An expression.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Expr {
    pub(crate) text: String,
    pub(crate) ty: Ty,
    /// The text that it stands for, where it is a literal.
    pub(crate) literal: Option<String>,
    /// Whether it is an operation, which is put in parentheses inside of others.
    pub(crate) compound: bool,
}

impl Expr {
    pub(crate) fn new(text: impl Into<String>, ty: Ty) -> Self {
        Self {
            text: text.into(),
            ty,
            literal: None,
            compound: false,
        }
    }

    pub(crate) fn compound(text: impl Into<String>, ty: Ty) -> Self {
        Self {
            compound: true,
            ..Self::new(text, ty)
        }
    }

    /// A text as a literal.
    pub(crate) fn literal(text: &str) -> Self {
        Self {
            literal: Some(text.into()),
            ..Self::new(quoted(text), Ty::Text)
        }
    }

    /// A scalar as a literal of the type that it looks like.
    pub(crate) fn scalar(text: &str) -> Self {
        let ty = match text {
            "true" | "false" => Ty::Bool,
            text if is_int(text) => Ty::Int,
            text if is_float(text) => Ty::Float,
            _ => return Self::literal(text),
        };
        Self {
            literal: Some(text.into()),
            ..Self::new(text, ty)
        }
    }

    /// It, in parentheses where it needs them.
    pub(crate) fn inner(&self) -> String {
        match self.compound {
            true => format!("({})", self.text),
            false => self.text.clone(),
        }
    }

    /// It as a text.
    pub(crate) fn as_text(&self) -> Self {
        match (self.ty, &self.literal) {
            (Ty::Text | Ty::Secret, _) => self.clone(),
            (_, Some(literal)) => Self::literal(literal),
            (Ty::Record, None) => Self::new(format!("json({})", self.text), Ty::Text),
            (_, None) => Self::new(format!("string({})", self.text), Ty::Text),
        }
    }

    /// It as a condition; a text is true where it is not empty.
    pub(crate) fn as_condition(&self) -> Option<Self> {
        match self.ty {
            Ty::Bool => Some(self.clone()),
            Ty::Text => Some(Self::compound(
                format!("{} != \"\"", self.inner()),
                Ty::Bool,
            )),
            Ty::Int | Ty::Float => Some(Self::compound(format!("{} != 0", self.inner()), Ty::Bool)),
            Ty::Secret | Ty::List | Ty::Record | Ty::Json => None,
        }
    }
}

pub(crate) fn is_int(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let zero = digits.len() > 1 && digits.starts_with('0');
    !digits.is_empty() && !zero && digits.len() < 18 && digits.bytes().all(|it| it.is_ascii_digit())
}

pub(crate) fn is_float(text: &str) -> bool {
    match text.split_once('.') {
        Some((whole, part)) => {
            is_int(whole)
                && part.len() < 10
                && part.bytes().all(|it| it.is_ascii_digit())
                && !part.is_empty()
        }
        None => false,
    }
}

/// Two values of one type, for a comparison: a literal takes the type of the other one.
pub(crate) fn alike(left: &Expr, right: &Expr) -> Option<(Expr, Expr)> {
    let number = |ty: Ty| matches!(ty, Ty::Int | Ty::Float);
    let compared = |ty: Ty| matches!(ty, Ty::Text | Ty::Int | Ty::Float | Ty::Bool);
    if !compared(left.ty) && left.ty != Ty::Json || !compared(right.ty) && right.ty != Ty::Json {
        return None;
    }
    if left.ty == right.ty && left.ty != Ty::Json || number(left.ty) && number(right.ty) {
        return Some((left.clone(), right.clone()));
    }
    let as_other = |literal: &Expr, other: &Expr| {
        let typed = Expr::scalar(literal.literal.as_ref()?);
        (typed.ty == other.ty || number(typed.ty) && number(other.ty)).then_some(typed)
    };
    if let Some(left) = as_other(left, right) {
        return Some((left, right.clone()));
    }
    if let Some(right) = as_other(right, left) {
        return Some((left.clone(), right));
    }
    Some((left.as_text(), right.as_text()))
}

/// An operation on two values; `None` where their types do not fit.
pub(crate) fn operation(operator: Operator, left: &Expr, right: &Expr) -> Option<Expr> {
    let sign = match operator {
        Operator::Or | Operator::And => {
            let word = if operator == Operator::Or {
                "or"
            } else {
                "and"
            };
            let (left, right) = (left.as_condition()?, right.as_condition()?);
            // What is known decides, or says nothing.
            let decides = if operator == Operator::Or {
                "true"
            } else {
                "false"
            };
            for (one, other) in [(&left, &right), (&right, &left)] {
                match one.literal.as_deref() {
                    Some(known) if known == decides => return Some(one.clone()),
                    Some(_) => return Some(other.clone()),
                    None => {}
                }
            }
            let text = format!("{} {word} {}", left.inner(), right.inner());
            return Some(Expr::compound(text, Ty::Bool));
        }
        Operator::Matches => return Some(whole_match(left, right)),
        Operator::Equal => "==",
        Operator::Unequal => "!=",
        Operator::Less => "<",
        Operator::AtMost => "<=",
        Operator::Greater => ">",
        Operator::AtLeast => ">=",
        Operator::Plus => "+",
    };
    let order = matches!(sign, "<" | "<=" | ">" | ">=");
    let (left, right) = match order {
        // Texts are compared as numbers where one of the two is one.
        true => (as_number(left, right), as_number(right, left)),
        false => (left.clone(), right.clone()),
    };
    let (left, right) = alike(&left, &right)?;
    if let (Some(one), Some(other), "==" | "!=") = (&left.literal, &right.literal, sign) {
        let holds = (one == other) == (sign == "==");
        return Some(Expr::scalar(if holds { "true" } else { "false" }));
    }
    let text = format!("{} {sign} {}", left.inner(), right.inner());
    let ty = if sign == "+" { left.ty } else { Ty::Bool };
    Some(Expr::compound(text, ty))
}

/// A text as a number, where what it is compared with is one.
fn as_number(value: &Expr, other: &Expr) -> Expr {
    let number = |it: &Expr| {
        let ty = it
            .literal
            .as_ref()
            .map_or(it.ty, |literal| Expr::scalar(literal).ty);
        matches!(ty, Ty::Int | Ty::Float)
    };
    match value.ty == Ty::Text && value.literal.is_none() && number(other) {
        true => Expr::new(format!("float({})", value.text), Ty::Float),
        false => value.clone(),
    }
}

/// Whether a pattern matches a whole text.
pub(crate) fn whole_match(text: &Expr, pattern: &Expr) -> Expr {
    let pattern = match &pattern.literal {
        Some(literal) => crate::words::raw(&format!("^(?:{literal})$")),
        None => format!("\"^(?:${{{}}})$\"", pattern.text),
    };
    Expr::new(
        format!("matches({}, {pattern})", text.as_text().text),
        Ty::Bool,
    )
}

/// A text made of literal parts and expressions. One expression alone keeps its type.
#[derive(Debug, Clone, Default)]
pub(crate) struct Template(pub(crate) Vec<Part>);

#[derive(Debug, Clone)]
pub(crate) enum Part {
    Literal(String),
    Value(Expr),
}

impl Template {
    pub(crate) fn literal(&mut self, text: &str) {
        match self.0.last_mut() {
            Some(Part::Literal(last)) => last.push_str(text),
            _ if text.is_empty() => {}
            _ => self.0.push(Part::Literal(text.into())),
        }
    }

    /// It as an expression.
    pub(crate) fn expr(&self) -> Expr {
        match self.0.as_slice() {
            [] => return Expr::literal(""),
            [Part::Literal(text)] => return Expr::literal(text),
            [Part::Value(value)] => return value.clone(),
            _ => {}
        }
        let secret = |part: &Part| matches!(part, Part::Value(value) if value.ty == Ty::Secret);
        let ty = match self.0.iter().any(secret) {
            true => Ty::Secret,
            false => Ty::Text,
        };
        let parts = self.0.iter().map(|part| match part {
            Part::Literal(text) => {
                let text = crate::words::escaped(text);
                // A `$` before a value would be read as the beginning of another one.
                match text.strip_suffix('$') {
                    Some(rest) if !rest.ends_with('\\') => format!("{rest}\\$"),
                    _ => text,
                }
            }
            Part::Value(value) => match (&value.literal, value.ty) {
                (Some(literal), _) => crate::words::escaped(literal),
                (None, Ty::Record | Ty::List) => format!("${{json({})}}", value.text),
                (None, _) => format!("${{{}}}", value.text),
            },
        });
        Expr::new(format!("\"{}\"", parts.collect::<String>()), ty)
    }
}
