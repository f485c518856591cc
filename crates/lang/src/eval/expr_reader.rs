//! A small parser of expressions for the tests of this module, which is below the resolver and the
//! type checker. It supports a part of the language and panics on everything else.

use super::builtins;
use super::{BinaryOp, Expr, ExprKind, Function, InterpolationPart, ListItem, Slot, UnaryOp};
use lockstep_base::source::{FileId, Name, Span};
use lockstep_base::value::{Value, text};

/// Reads an expression; the names are locals, each in the slot of its place.
pub(super) fn read(source: &str, names: &[&str]) -> Expr {
    let mut reader = ExprReader {
        source,
        at: 0,
        names: names.iter().map(|name| String::from(*name)).collect(),
    };
    let expr = reader.expr(0);
    reader.blanks();
    assert_eq!(reader.at, source.len(), "all of `{source}` is read");
    expr
}

struct ExprReader<'s> {
    source: &'s str,
    at: usize,
    names: Vec<String>,
}

/// Loosest first.
const PRECEDENCE_LEVELS: [&[(&str, BinaryOp)]; 6] = [
    &[("??", BinaryOp::Else)],
    &[("or", BinaryOp::Or)],
    &[("and", BinaryOp::And)],
    &[
        ("==", BinaryOp::Eq),
        ("!=", BinaryOp::Ne),
        ("<=", BinaryOp::Le),
        (">=", BinaryOp::Ge),
        ("<", BinaryOp::Lt),
        (">", BinaryOp::Gt),
        ("in", BinaryOp::In),
    ],
    &[("+", BinaryOp::Add), ("-", BinaryOp::Sub)],
    &[
        ("*", BinaryOp::Mul),
        ("/", BinaryOp::Div),
        ("%", BinaryOp::Rem),
    ],
];

impl<'s> ExprReader<'s> {
    fn rest(&self) -> &'s str {
        &self.source[self.at..]
    }

    fn blanks(&mut self) {
        self.at = self.source.len() - self.rest().trim_start().len();
    }

    /// Takes a sign or a whole word.
    fn take(&mut self, word: &str) -> bool {
        self.blanks();
        let Some(behind) = self.rest().strip_prefix(word) else {
            return false;
        };
        let is_word = word.starts_with(char::is_alphabetic);
        if is_word && behind.starts_with(|c: char| c.is_alphanumeric() || c == '-') {
            return false;
        }
        self.at += word.len();
        true
    }

    fn want(&mut self, word: &str) {
        assert!(
            self.take(word),
            "expected `{word}` before `{}`",
            self.rest()
        );
    }

    fn run_of(&mut self, belongs: impl Fn(char) -> bool) -> &'s str {
        let rest = self.rest();
        let end = rest.find(|c| !belongs(c)).unwrap_or(rest.len());
        self.at += end;
        &rest[..end]
    }

    fn make(&self, start: usize, kind: ExprKind) -> Expr {
        // The position may be behind blanks that were skipped while looking for the next token.
        let end = self.source[..self.at].trim_end().len();
        let span = Span::new(FileId(0), start, end);
        Expr { kind, span }
    }

    fn boxed(&mut self) -> Box<Expr> {
        Box::new(self.expr(0))
    }

    fn expr(&mut self, level: usize) -> Expr {
        self.blanks();
        let start = self.at;
        if level == 0 && self.take("if") {
            let cond = self.boxed();
            self.want("then");
            let then = self.boxed();
            self.want("else");
            let otherwise = self.boxed();
            return self.make(start, ExprKind::If(cond, then, otherwise));
        }
        if level == 3 && self.take("not") {
            let of = Box::new(self.expr(3));
            return self.make(start, ExprKind::Unary(UnaryOp::Not, of));
        }
        let Some(operators) = PRECEDENCE_LEVELS.get(level) else {
            return self.prefix();
        };
        let mut left = self.expr(level + 1);
        while let Some((_, op)) = operators.iter().find(|(word, _)| self.take(word)) {
            let right = self.expr(level + 1);
            left = self.make(
                start,
                ExprKind::Binary(*op, Box::new(left), Box::new(right)),
            );
        }
        left
    }

    fn prefix(&mut self) -> Expr {
        self.blanks();
        let start = self.at;
        if self.take("-") {
            let of = Box::new(self.prefix());
            return self.make(start, ExprKind::Unary(UnaryOp::Neg, of));
        }
        let mut expr = self.primary();
        loop {
            if self.take(".*") {
                expr = self.make(start, ExprKind::Star(Box::new(expr)));
            } else if self.take(".") {
                let name = Name::from(self.word());
                expr = self.make(start, ExprKind::Field(Box::new(expr), name));
            } else if self.take("[") {
                let index = self.boxed();
                self.want("]");
                expr = self.make(start, ExprKind::Index(Box::new(expr), index));
            } else {
                return expr;
            }
        }
    }

    fn word(&mut self) -> &'s str {
        self.blanks();
        self.run_of(|c| c.is_alphanumeric() || c == '-' || c == '_')
    }

    fn primary(&mut self) -> Expr {
        self.blanks();
        let start = self.at;
        match self.rest().chars().next() {
            Some('"') => self.string(),
            Some('0'..='9') => {
                let value = self.number();
                self.make(start, ExprKind::Const(value))
            }
            Some('[') => self.list(),
            Some('{') => self.record(),
            Some('(') => {
                self.want("(");
                let inner = self.expr(0);
                self.want(")");
                self.make(start, inner.kind)
            }
            _ => {
                let word = self.word();
                self.name(start, word)
            }
        }
    }

    fn name(&mut self, start: usize, word: &str) -> Expr {
        let constant = match word {
            "none" => Some(Value::None),
            "true" => Some(Value::Bool(true)),
            "false" => Some(Value::Bool(false)),
            _ => None,
        };
        if let Some(value) = constant {
            return self.make(start, ExprKind::Const(value));
        }
        if self.take("(") {
            let function = builtins::find(word).unwrap_or_else(|| panic!("no function `{word}`"));
            let args = self.until(")", |reader| reader.expr(0));
            return self.make(start, ExprKind::Call(Function(function), args));
        }
        let slot = self.names.iter().rposition(|name| name == word);
        let slot = slot.unwrap_or_else(|| panic!("no name `{word}`"));
        self.make(start, ExprKind::Local(Slot(slot as u32)))
    }

    fn number(&mut self) -> Value {
        let start = self.at;
        self.run_of(|c| c.is_ascii_digit() || c == '_');
        let mut point = false;
        if self.rest().starts_with('.')
            && self.rest()[1..].starts_with(|c: char| c.is_ascii_digit())
        {
            point = true;
            self.at += 1;
            self.run_of(|c| c.is_ascii_digit());
        }
        if self.rest().starts_with('%') {
            self.at += 1;
            return Value::Percent(text::parse_percent(&self.source[start..self.at]).unwrap());
        }
        if !self.run_of(|c| c.is_ascii_alphanumeric()).is_empty() {
            return Value::Duration(text::parse_duration(&self.source[start..self.at]).unwrap());
        }
        let digits = &self.source[start..self.at];
        if point {
            Value::Float(text::parse_float(digits).unwrap())
        } else {
            Value::Int(text::parse_int(digits).unwrap())
        }
    }

    fn until<T>(&mut self, close: &str, mut read: impl FnMut(&mut Self) -> T) -> Vec<T> {
        let mut items = Vec::new();
        while !self.take(close) {
            items.push(read(self));
            if !self.take(",") {
                self.want(close);
                break;
            }
        }
        items
    }

    fn list(&mut self) -> Expr {
        let start = self.at;
        self.want("[");
        // The variable of a comprehension stands behind its body, so it is read in advance.
        let variable = self.variable_ahead();
        if let Some(variable) = variable {
            let slot = Slot(self.names.len() as u32);
            self.names.push(variable);
            let body = self.boxed();
            self.want("for");
            self.word();
            self.want("in");
            let list = self.boxed();
            let cond = self.take("if").then(|| self.boxed());
            self.want("]");
            self.names.pop();
            let kind = ExprKind::Comprehension {
                body,
                slot,
                list,
                cond,
            };
            return self.make(start, kind);
        }
        let items = self.until("]", |reader| {
            let value = reader.expr(0);
            let spread = matches!(value.kind, ExprKind::Star(_));
            ListItem { value, spread }
        });
        self.make(start, ExprKind::List(items))
    }

    fn variable_ahead(&self) -> Option<String> {
        let mut depth = 0;
        for (at, c) in self.rest().char_indices() {
            match c {
                '[' | '(' | '{' => depth += 1,
                ']' | ')' | '}' if depth == 0 => return None,
                ']' | ')' | '}' => depth -= 1,
                ' ' if depth == 0 => {
                    if let Some(behind) = self.rest()[at..].strip_prefix(" for ") {
                        return behind.split(' ').next().map(String::from);
                    }
                }
                _ => {}
            }
        }
        None
    }

    fn record(&mut self) -> Expr {
        let start = self.at;
        self.want("{");
        let fields = self.until("}", |reader| {
            reader.blanks();
            let key = if reader.rest().starts_with('"') {
                match reader.string().kind {
                    ExprKind::Const(Value::String(text)) => text,
                    other => panic!("{other:?} is not a key"),
                }
            } else {
                Name::from(reader.word())
            };
            reader.want(":");
            (key, reader.expr(0))
        });
        self.make(start, ExprKind::Record(fields))
    }

    fn string(&mut self) -> Expr {
        let start = self.at;
        self.at += 1;
        let mut parts = Vec::new();
        let mut current = String::new();
        loop {
            let rest = self.rest();
            let c = rest.chars().next().expect("a string ends");
            self.at += c.len_utf8();
            match c {
                '"' => break,
                '\\' => {
                    let escaped = self.rest().chars().next().expect("a string ends");
                    self.at += escaped.len_utf8();
                    current.push(match escaped {
                        'n' => '\n',
                        'r' => '\r',
                        't' => '\t',
                        plain => plain,
                    });
                }
                '$' if rest.starts_with("${") => {
                    self.at += 1;
                    if !current.is_empty() {
                        parts.push(InterpolationPart::Text(std::mem::take(&mut current).into()));
                    }
                    parts.push(InterpolationPart::Value(self.expr(0)));
                    self.want("}");
                }
                c => current.push(c),
            }
        }
        if parts.is_empty() {
            return self.make(start, ExprKind::Const(Value::string(current)));
        }
        if !current.is_empty() {
            parts.push(InterpolationPart::Text(current.into()));
        }
        self.make(start, ExprKind::Interpolate(parts))
    }
}
