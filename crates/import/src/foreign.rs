//! Expressions of other tools as trees: those of Harness (JEXL between `<+` and `>`) and those of
//! GitHub Actions between `${{` and `}}` have one grammar here.

/// How deep an expression may be nested.
const MAX_DEPTH: usize = 40;

/// An expression.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Foreign {
    Text(String),
    /// A number or a bool, as written.
    Literal(String),
    Null,
    Path(Vec<Segment>),
    Not(Box<Foreign>),
    Binary(Operator, Box<Foreign>, Box<Foreign>),
    If(Box<Foreign>, Box<Foreign>, Box<Foreign>),
}

/// A part of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Segment {
    Field(String),
    Index(Foreign),
    Call(Vec<Foreign>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operator {
    Or,
    And,
    Equal,
    Unequal,
    Less,
    AtMost,
    Greater,
    AtLeast,
    Matches,
    Plus,
}

impl Operator {
    /// How tightly it binds.
    fn level(self) -> usize {
        match self {
            Self::Or => 1,
            Self::And => 2,
            Self::Equal | Self::Unequal | Self::Matches => 3,
            Self::Less | Self::AtMost | Self::Greater | Self::AtLeast => 4,
            Self::Plus => 5,
        }
    }
}

/// The names of a path that has nothing else, such as `pipeline.variables.tag`.
pub(crate) fn plain(path: &[Segment]) -> Option<Vec<&str>> {
    path.iter()
        .map(|segment| match segment {
            Segment::Field(name) => Some(name.as_str()),
            Segment::Index(Foreign::Text(name)) => Some(name.as_str()),
            Segment::Index(_) | Segment::Call(_) => None,
        })
        .collect()
}

/// Reads an expression.
pub(crate) fn parse(text: &str) -> Option<Foreign> {
    let mut parser = Parser {
        signs: text.chars().collect(),
        at: 0,
        depth: 0,
        nested: 0,
    };
    let found = parser.expression(0)?;
    parser.blanks();
    (parser.at == parser.signs.len()).then_some(found)
}

struct Parser {
    signs: Vec<char>,
    at: usize,
    depth: usize,
    /// How many `<+` are open.
    nested: usize,
}

impl Parser {
    fn blanks(&mut self) {
        while self.peek().is_some_and(char::is_whitespace) {
            self.at += 1;
        }
    }

    fn peek(&self) -> Option<char> {
        self.signs.get(self.at).copied()
    }

    fn starts(&self, text: &str) -> bool {
        let signs = text.chars().enumerate();
        signs
            .into_iter()
            .all(|(place, sign)| self.signs.get(self.at + place) == Some(&sign))
    }

    fn eat(&mut self, text: &str) -> bool {
        self.blanks();
        let found = self.starts(text);
        if found {
            self.at += text.chars().count();
        }
        found
    }

    fn word(&self, word: &str) -> bool {
        let behind = self.signs.get(self.at + word.len());
        self.starts(word) && behind.is_none_or(|it| it.is_whitespace() || *it == '(')
    }

    /// The operator that stands here, with its length.
    fn operator(&mut self) -> Option<(Operator, usize)> {
        let blank = self.at == 0 || self.peek().is_some_and(char::is_whitespace);
        self.blanks();
        let signs = [
            ("||", Operator::Or),
            ("&&", Operator::And),
            ("==", Operator::Equal),
            ("!=", Operator::Unequal),
            ("=~", Operator::Matches),
            ("<=", Operator::AtMost),
            (">=", Operator::AtLeast),
        ];
        if let Some((sign, operator)) = signs.iter().find(|(sign, _)| self.starts(sign)) {
            return Some((*operator, sign.len()));
        }
        let words = [
            ("or", Operator::Or),
            ("and", Operator::And),
            ("eq", Operator::Equal),
            ("ne", Operator::Unequal),
        ];
        if let Some((word, operator)) = words.iter().find(|(word, _)| blank && self.word(word)) {
            return Some((*operator, word.len()));
        }
        match self.peek()? {
            '<' if !self.starts("<+") => Some((Operator::Less, 1)),
            // Directly behind a word it is the end of `<+…>`.
            '>' if self.nested == 0 || blank => Some((Operator::Greater, 1)),
            '+' => Some((Operator::Plus, 1)),
            _ => None,
        }
    }

    fn expression(&mut self, level: usize) -> Option<Foreign> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return None;
        }
        let mut left = self.unary()?;
        loop {
            let before = self.at;
            match self.operator() {
                Some((operator, length)) if operator.level() > level => {
                    self.at += length;
                    let right = self.expression(operator.level())?;
                    left = Foreign::Binary(operator, Box::new(left), Box::new(right));
                }
                _ => {
                    self.at = before;
                    break;
                }
            }
        }
        if level == 0 && self.eat("?") {
            let then = self.expression(0)?;
            if !self.eat(":") {
                return None;
            }
            let other = self.expression(0)?;
            left = Foreign::If(Box::new(left), Box::new(then), Box::new(other));
        }
        self.depth -= 1;
        Some(left)
    }

    fn unary(&mut self) -> Option<Foreign> {
        self.blanks();
        if self.word("not") {
            self.at += 3;
        } else if self.starts("!") && !self.starts("!=") {
            self.at += 1;
        } else {
            return self.primary();
        }
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return None;
        }
        let found = self.unary().map(|it| Foreign::Not(Box::new(it)));
        self.depth -= 1;
        found
    }

    fn primary(&mut self) -> Option<Foreign> {
        match self.peek()? {
            '(' => {
                self.at += 1;
                let found = self.expression(0)?;
                if !self.eat(")") {
                    return None;
                }
                self.tail(found)
            }
            '<' if self.starts("<+") => {
                self.at += 2;
                self.nested += 1;
                let found = self.expression(0)?;
                if !self.eat(">") {
                    return None;
                }
                self.nested -= 1;
                self.tail(found)
            }
            quote @ ('"' | '\'') => {
                let text = self.quoted(quote)?;
                self.tail(Foreign::Text(text))
            }
            sign if sign.is_ascii_digit() || sign == '-' => self.number(),
            sign if sign.is_alphabetic() || sign == '_' || sign == '$' => {
                let name = self.name();
                match name.as_str() {
                    "true" | "false" => Some(Foreign::Literal(name)),
                    "null" => Some(Foreign::Null),
                    _ => self.tail(Foreign::Path(vec![Segment::Field(name)])),
                }
            }
            _ => None,
        }
    }

    fn name(&mut self) -> String {
        let mut name = String::new();
        while let Some(sign) = self.peek() {
            let next = self.signs.get(self.at + 1);
            let inner = sign == '-' && next.is_some_and(|it| it.is_alphanumeric());
            if !(sign.is_alphanumeric() || sign == '_' || sign == '$' || inner) {
                break;
            }
            name.push(sign);
            self.at += 1;
        }
        name
    }

    fn number(&mut self) -> Option<Foreign> {
        let mut text = String::new();
        while let Some(sign) = self.peek() {
            if !(sign.is_ascii_digit() || sign == '.' || sign == '-' && text.is_empty()) {
                break;
            }
            text.push(sign);
            self.at += 1;
        }
        (text != "-").then_some(Foreign::Literal(text))
    }

    fn quoted(&mut self, quote: char) -> Option<String> {
        self.at += 1;
        let mut text = String::new();
        loop {
            let sign = self.peek()?;
            self.at += 1;
            match sign {
                sign if sign == quote && self.peek() == Some(quote) && quote == '\'' => {
                    self.at += 1;
                    text.push(quote);
                }
                sign if sign == quote => return Some(text),
                '\\' if quote == '"' => {
                    text.push(self.peek()?);
                    self.at += 1;
                }
                sign => text.push(sign),
            }
        }
    }

    /// The fields, indexes and calls behind a value.
    fn tail(&mut self, head: Foreign) -> Option<Foreign> {
        let mut path = match head {
            Foreign::Path(path) => path,
            // What a method is called on that is no path: `"a".equals("b")`.
            head if self.peek() == Some('.') => vec![Segment::Index(head)],
            head => return Some(head),
        };
        loop {
            match self.peek() {
                Some('.') => {
                    self.at += 1;
                    let name = match self.peek() {
                        Some('*') => {
                            self.at += 1;
                            "*".into()
                        }
                        _ => self.name(),
                    };
                    if name.is_empty() {
                        return None;
                    }
                    path.push(Segment::Field(name));
                }
                Some('[') => {
                    self.at += 1;
                    let index = self.expression(0)?;
                    if !self.eat("]") {
                        return None;
                    }
                    path.push(Segment::Index(index));
                }
                Some('(') => {
                    self.at += 1;
                    path.push(Segment::Call(self.arguments()?));
                }
                _ => return Some(Foreign::Path(path)),
            }
        }
    }

    fn arguments(&mut self) -> Option<Vec<Foreign>> {
        let mut found = Vec::new();
        if self.eat(")") {
            return Some(found);
        }
        loop {
            found.push(self.expression(0)?);
            if self.eat(")") {
                return Some(found);
            }
            if !self.eat(",") {
                return None;
            }
        }
    }
}

/// A part of a text: what is between the marks of an expression, or what is not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Slice<'t> {
    Text(&'t str),
    Expression(&'t str),
}

/// The parts of a text with expressions between `<+` and `>`.
pub(crate) fn harness_slices(text: &str) -> Vec<Slice<'_>> {
    slices(text, "<+", |text| {
        let mut depth = 1;
        let mut quote = None;
        let mut before = ' ';
        for (at, sign) in text.char_indices() {
            match (quote, sign) {
                (Some(open), sign) if sign == open => quote = None,
                (Some(_), _) => {}
                (None, '"' | '\'') => quote = Some(sign),
                (None, '+') if before == '<' => depth += 1,
                (None, '>') if !before.is_whitespace() => depth -= 1,
                (None, _) => {}
            }
            if depth == 0 {
                return Some((at, at + 1));
            }
            before = sign;
        }
        None
    })
}

/// The parts of a text with expressions between `${{` and `}}`.
pub(crate) fn github_slices(text: &str) -> Vec<Slice<'_>> {
    slices(text, "${{", |text| {
        let mut quoted = false;
        for (at, sign) in text.char_indices() {
            match sign {
                '\'' => quoted = !quoted,
                '}' if !quoted && text[at..].starts_with("}}") => return Some((at, at + 2)),
                _ => {}
            }
        }
        None
    })
}

fn slices<'t>(
    text: &'t str,
    opening: &str,
    end: impl Fn(&str) -> Option<(usize, usize)>,
) -> Vec<Slice<'t>> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(start) = rest.find(opening) {
        let inside = &rest[start + opening.len()..];
        let Some((stop, behind)) = end(inside) else {
            break;
        };
        if start > 0 {
            found.push(Slice::Text(&rest[..start]));
        }
        found.push(Slice::Expression(inside[..stop].trim()));
        rest = &inside[behind..];
    }
    if !rest.is_empty() {
        found.push(Slice::Text(rest));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions_are_found_in_texts() {
        use Slice::{Expression, Text};
        assert_eq!(
            harness_slices("a <+b.<+c>> > <+d > 5>!"),
            [
                Text("a "),
                Expression("b.<+c>"),
                Text(" > "),
                Expression("d > 5"),
                Text("!")
            ]
        );
        assert_eq!(
            github_slices("x ${{ a['}}'] }} ${{ b"),
            [Text("x "), Expression("a['}}']"), Text(" ${{ b")]
        );
    }

    #[test]
    fn operators_bind_as_they_should() {
        let found = parse("!a.b && <+c> == \"x\" || d(1, 'it''s')[0] > 2").unwrap();
        let Foreign::Binary(Operator::Or, left, right) = found else {
            panic!("no `or`");
        };
        assert!(matches!(*left, Foreign::Binary(Operator::And, ..)));
        assert!(matches!(*right, Foreign::Binary(Operator::Greater, ..)));
        assert!(parse("a ==").is_none());
        assert!(parse(&"(".repeat(10_000)).is_none());
        assert!(parse(&"!".repeat(10_000)).is_none());
    }
}
