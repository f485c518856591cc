//! The words and brackets around a place: what stands there where the AST does not say.

use lockstep_syntax::lexer::{Token, TokenKind};

/// The tokens around a place.
pub struct NearbyTokens<'t> {
    text: &'t str,
    tokens: Vec<Token>,
    /// The token at the place.
    pub at: usize,
}

impl<'t> NearbyTokens<'t> {
    /// The tokens of `text` around the one at `at`; comments are left out.
    pub fn new(text: &'t str, all: &[Token], at: usize) -> Self {
        let here = all.get(at).map_or(0, |token| token.start);
        let tokens: Vec<Token> = all
            .iter()
            .filter(|token| token.kind != TokenKind::Comment)
            .copied()
            .collect();
        let at = tokens
            .iter()
            .position(|token| token.start == here)
            .unwrap_or(0);
        Self { text, tokens, at }
    }

    pub fn word(&self, at: usize) -> &'t str {
        self.tokens
            .get(at)
            .map_or("", |token| token.text(self.text))
    }

    /// Whether the place is in the path of an import.
    pub fn is_import(&self) -> bool {
        let begins = self
            .at
            .checked_sub(1)
            .is_some_and(|at| self.begins_line(at));
        begins && matches!(self.before(), "import" | "from")
    }

    /// Whether the place is in the path of `file("…")`.
    pub fn is_file(&self) -> bool {
        self.before() == "(" && self.back(2) == "file"
    }

    /// The word before the place.
    pub fn before(&self) -> &'t str {
        self.at.checked_sub(1).map_or("", |at| self.word(at))
    }

    /// The word this many places before the place.
    pub fn back(&self, by: usize) -> &'t str {
        self.at.checked_sub(by).map_or("", |at| self.word(at))
    }

    /// The word before the bracket that is open at the place.
    pub fn holder(&self) -> &'t str {
        let mut depth = 0;
        for at in (0..self.at).rev() {
            match self.word(at) {
                ")" | "]" | "}" => depth += 1,
                "(" | "[" | "{" | "${" if depth > 0 => depth -= 1,
                "(" | "[" | "{" | "${" => return at.checked_sub(1).map_or("", |at| self.word(at)),
                _ => {}
            }
        }
        ""
    }

    /// Of the `run "…" env {` around the place: the command, and the variables that are set before
    /// the place. By tokens, since a variable without a value makes no record yet.
    pub fn environment(&self) -> Option<(&'t str, Vec<&'t str>)> {
        let before = self.tokens.get(..self.at)?;
        let is = |word: &'static str| move |token: &Token| token.text(self.text) == word;
        let env = before.iter().rposition(is("env"))?;
        let is_command = |token: &Token| matches!(token.text(self.text), "run" | "query");
        let run = before.get(..env)?.iter().rposition(is_command)?;
        let command = self
            .text
            .get(before.get(run)?.end..before.get(env)?.start)?;
        let pairs = before.get(env..)?.windows(2);
        let given = pairs.filter_map(|pair| match pair {
            [name, colon] if colon.text(self.text) == ":" => Some(name.text(self.text)),
            _ => None,
        });
        Some((command, given.collect()))
    }

    /// Whether a token is the first one of its line.
    pub fn begins_line(&self, at: usize) -> bool {
        let Some(token) = self.tokens.get(at) else {
            return true;
        };
        let Some(before) = at.checked_sub(1).and_then(|at| self.tokens.get(at)) else {
            return true;
        };
        let gap = self.text.get(before.end..token.start).unwrap_or("");
        gap.contains(['\n', '\r'])
    }

    /// The first word of the line of the place.
    pub fn line(&self) -> &'t str {
        let mut at = self.at;
        while at > 0 && !self.begins_line(at) {
            at -= 1;
        }
        self.word(at)
    }

    /// Whether a whole statement or declaration could begin here.
    pub fn begins(&self) -> bool {
        let open = [
            "=", "(", "[", ",", ".", ":", "+", "-", "*", "/", "%", "==", "!=", "<", "<=", ">",
            ">=", "??", "and", "or", "not", "in", "to", "using", "by", "every", "max", "timeout",
            "retry", "if", "then", "else", "deploy", "stage", "step", "run", "query", "stdin",
            "grace", "log", "fail", "wait", "lock", "approve", "return", "yield", "where",
            "include", "limit", "as", "import", "from", "across", "|", "${", "->",
        ];
        let before = self.before();
        matches!(before, "{" | "}" | "") || (self.begins_line(self.at) && !open.contains(&before))
    }
}
