//! A generator of random valid files, with white space and comments at every place where they are
//! allowed.

mod declarations;
mod texts;

use super::tokens::{Chance, Token, text};

/// Writes a file token by token.
struct Generator {
    chance: Chance,
    tokens: Vec<Token>,
    /// A keyword would be possible next: a bracket must not follow directly.
    keyword: bool,
}

const NAMES: &[&str] = &[
    "a",
    "web",
    "prod-eu",
    "x1",
    "_q",
    "größe",
    "long-name-of-something",
    "target",
    "i",
];

impl Generator {
    fn put(&mut self, text: impl Into<String>) {
        let apart = std::mem::replace(&mut self.keyword, false);
        let text = text.into();
        self.tokens.push(Token { text, apart });
    }

    fn words(&mut self, words: &str) {
        for word in words.split(' ') {
            self.put(word);
        }
    }

    /// A keyword, which would be parsed as a name directly before a bracket.
    fn word(&mut self, word: &str) {
        self.put(word);
        self.keyword = true;
    }

    fn name(&mut self) {
        let name = self.chance.pick(NAMES);
        self.put(name);
    }

    fn path(&mut self) {
        self.name();
        if self.chance.one_in(4) {
            self.put(".");
            self.name();
        }
    }

    /// Elements separated by commas, sometimes with a trailing one.
    fn list(&mut self, open: &str, close: &str, count: usize, mut each: impl FnMut(&mut Self)) {
        self.put(open);
        for place in 0..count {
            each(self);
            if place + 1 < count || self.chance.one_in(4) {
                self.put(",");
            }
        }
        self.put(close);
    }

    /// `for k, v in e if e`
    fn for_in(&mut self, depth: usize) {
        self.put("for");
        self.name();
        if self.chance.one_in(2) {
            self.put(",");
            self.name();
        }
        self.put("in");
        self.expr(depth);
        if self.chance.one_in(3) {
            self.put("if");
            self.expr(depth);
        }
    }

    fn atom(&mut self, depth: usize) {
        if depth == 0 {
            return match self.chance.below(3) {
                0 => self.name(),
                1 => self.string(),
                _ => {
                    let number = self
                        .chance
                        .pick(&["1", "1_000", "2.5", "10%", "1h30m", "250ms"]);
                    self.put(number);
                }
            };
        }
        let deeper = depth - 1;
        match self.chance.below(16) {
            14 => {
                // In one piece with what is before it, as tree-sitter wants it.
                let name = self.chance.pick(NAMES);
                self.put(format!("{name}?."));
                self.name();
            }
            15 => {
                let name = self.chance.pick(NAMES);
                self.put(format!("{name}?["));
                self.expr(deeper);
                self.put("]");
            }
            12 => {
                self.words("{ \"${a}\" :");
                self.expr(deeper);
                self.for_in(deeper);
                self.put("}");
            }
            13 => {
                self.put("[");
                self.expr(deeper);
                self.for_in(deeper);
                self.put("]");
            }
            0 => self.exprs("[", "]", deeper),
            1 => self.record(deeper),
            2 => {
                self.put("(");
                self.expr(deeper);
                self.put(")");
            }
            3 => self.call(deeper),
            4 => {
                self.name();
                self.put(".");
                let field = self.chance.pick(&["name", "stage", "*", "timeout"]);
                self.put(field);
            }
            5 => {
                self.name();
                self.put("[");
                self.expr(deeper);
                self.put("]");
            }
            6 => {
                self.put("[");
                self.expr(deeper);
                self.put("for");
                self.name();
                self.put("in");
                self.expr(deeper);
                if self.chance.one_in(2) {
                    self.put("if");
                    self.expr(deeper);
                }
                self.put("]");
            }
            7 => {
                let word = self.chance.pick(&["true", "false", "none"]);
                self.put(word);
            }
            _ => self.atom(0),
        }
    }

    fn exprs(&mut self, open: &str, close: &str, depth: usize) {
        let count = self.chance.below(5);
        self.list(open, close, count, |all| all.expr(depth));
    }

    fn record(&mut self, depth: usize) {
        let count = self.chance.below(4);
        self.list("{", "}", count, |all| {
            match all.chance.below(3) {
                0 => all.put("\"two words\""),
                1 => all.put("timeout"),
                _ => all.name(),
            }
            all.put(":");
            all.expr(depth);
        });
    }

    fn call(&mut self, depth: usize) {
        self.path();
        let count = self.chance.below(4);
        self.list("(", ")", count, |all| {
            if all.chance.one_in(3) {
                all.name();
                all.put(":");
            }
            all.expr(depth);
        });
    }

    fn expr(&mut self, depth: usize) {
        if depth > 0 && self.chance.one_in(8) {
            self.put("if");
            self.expr(depth - 1);
            self.put("then");
            self.expr(depth - 1);
            self.put("else");
            return self.expr(depth - 1);
        }
        if depth > 0 && self.chance.one_in(10) {
            self.atom(depth - 1);
            let op = self.chance.pick(&["==", "!=", "<", "<=", ">", ">=", "in"]);
            self.put(op);
            return self.atom(depth - 1);
        }
        self.value(depth);
    }

    /// An expression without comparisons.
    fn value(&mut self, depth: usize) {
        if self.chance.one_in(10) {
            let sign = self.chance.pick(&["-", "not"]);
            self.put(sign);
        }
        self.atom(depth);
        if depth > 0 && self.chance.one_in(4) {
            for _ in 0..=self.chance.below(5) {
                let op = self
                    .chance
                    .pick(&["+", "-", "*", "/", "%", "and", "or", "??"]);
                self.put(op);
                self.atom(depth - 1);
            }
        }
    }

    fn ty(&mut self, depth: usize) {
        match self.chance.below(if depth == 0 { 2 } else { 7 }) {
            0 => {
                let what = self.chance.pick(&["service <", "infrastructure <"]);
                self.words(what);
                self.path();
                self.put(">");
            }
            2 => {
                self.put("[");
                self.ty(depth - 1);
                self.put("]");
            }
            3 => {
                self.words("{ string :");
                self.ty(depth - 1);
                self.put("}");
            }
            4 => {
                let count = 1 + self.chance.below(4);
                self.list("{", "}", count, |all| {
                    all.name();
                    all.put(":");
                    all.ty(depth - 1);
                });
            }
            5 => {
                self.put("\"one\"");
                for _ in 0..self.chance.below(9) {
                    self.words("| \"another-text\"");
                }
            }
            6 => self.put("path"),
            _ => self.put("int"),
        }
        if self.chance.one_in(5) {
            self.put("?");
        }
    }

    fn modifiers(&mut self) {
        for _ in 0..self.chance.below(4) {
            match self.chance.below(10) {
                0 => self.word_and_value("timeout"),
                8 => self.word_and_value("grace"),
                9 => self.put("quiet"),
                1 => {
                    self.word_and_value("retry");
                    if self.chance.one_in(2) {
                        self.word_and_value("every");
                        if self.chance.one_in(2) {
                            self.word_and_value("..");
                        }
                    }
                }
                2 => self.word_and_value("max"),
                3 => {
                    self.word_and_value("batches");
                    if self.chance.one_in(3) {
                        self.put("between");
                        self.block(1);
                    }
                }
                4 => self.word_and_value("tolerate"),
                5 => self.words("fail fast"),
                6 => self.put("atomic"),
                _ => self.put("once"),
            }
        }
        self.keyword = true;
    }

    fn word_and_value(&mut self, words: &str) {
        self.words(words);
        self.keyword = true;
        self.value(1);
    }

    fn word_and_expr(&mut self, word: &str) {
        self.word(word);
        self.expr(2);
    }

    fn handlers(&mut self, depth: usize) {
        for _ in 0..self.chance.below(5).saturating_sub(2) {
            match self.chance.below(5) {
                0 => self.put("undo"),
                1 => self.put("always"),
                2 => self.word_and_value("watch every"),
                3 => {
                    self.word_and_value("undo none");
                    continue;
                }
                _ => {
                    self.words("on failure");
                    if self.chance.one_in(2) {
                        let count = self.chance.below(4);
                        self.list("(", ")", count, |all| all.class());
                    }
                }
            }
            self.block(depth);
        }
    }

    fn block(&mut self, depth: usize) {
        self.put("{");
        if depth > 0 {
            let most = self.chance.pick(&[2, 2, 5]);
            for _ in 0..self.chance.below(most) {
                self.stmt(depth - 1);
            }
        }
        if self.chance.one_in(8) {
            self.end();
        }
        self.put("}");
    }

    /// The last statement of a handler or a workflow.
    fn end(&mut self) {
        match self.chance.below(8) {
            0 => self.put("ignore"),
            1 => self.put("abort"),
            2 => self.words("rollback stage"),
            3 => self.words("rollback pipeline"),
            4 => self.put("rollback"),
            5 => self.put("return"),
            6 => self.word_and_expr("return"),
            _ => self.word_and_value("retry"),
        }
    }

    fn class(&mut self) {
        let class = self
            .chance
            .pick(&["exit", "timeout", "verification", "superseded", "failed"]);
        self.put(class);
    }

    /// Modifiers, a block and handlers.
    fn rest(&mut self, depth: usize) {
        self.modifiers();
        self.block(depth);
        self.handlers(depth);
    }

    fn axis(&mut self) {
        if self.chance.one_in(2) {
            let order = self.chance.pick(&["serial", "parallel"]);
            self.put(order);
        }
        self.name();
        if self.chance.one_in(4) {
            self.put(",");
            self.name();
        }
        self.put("in");
        self.value(1);
        if self.chance.one_in(3) {
            self.put("by");
            self.value(1);
        }
    }

    fn stmt(&mut self, depth: usize) {
        match self.chance.below(24) {
            0 => {
                self.word("stage");
                self.name();
                self.rest(depth);
            }
            1 => {
                self.word("step");
                self.name();
                self.rest(depth);
            }
            2 => {
                let word = self.chance.pick(&["serial", "parallel"]);
                self.word(word);
                if self.chance.one_in(2) {
                    self.name();
                    self.put("in");
                    self.expr(1);
                }
                self.rest(depth);
            }
            3 => self.matrix(depth),
            4 => {
                self.word_and_expr("deploy");
                self.word_and_expr("to");
                if self.chance.one_in(2) {
                    self.using();
                }
                self.modifiers();
                self.handlers(depth);
            }
            5 | 6 => self.run(depth),
            22 => self.transfer(depth, true),
            7 => {
                self.call(2);
                self.modifiers();
                self.handlers(depth);
            }
            8 => {
                self.word("let");
                self.name();
                if self.chance.one_in(4) {
                    self.put(":");
                    self.ty(1);
                }
                self.put("=");
                match self.chance.below(5) {
                    0 => self.run(depth),
                    3 => self.transfer(depth, false),
                    1 => self.matrix(depth),
                    2 => {
                        self.word("approve");
                        self.string();
                        self.approve_rest(depth);
                    }
                    _ => self.expr(2),
                }
            }
            9 | 10 => {
                self.word_and_expr("if");
                self.block(depth);
                for _ in 0..self.chance.below(2) {
                    self.words("else if");
                    self.expr(1);
                    self.block(depth);
                }
                if self.chance.one_in(2) {
                    self.put("else");
                    self.block(depth);
                }
                self.handlers(depth);
            }
            11 => {
                self.word("barrier");
                self.name();
                if self.chance.one_in(2) {
                    self.put("[");
                    self.expr(1);
                    self.put("]");
                }
                self.modifiers();
                if self.chance.one_in(3) {
                    self.words("across");
                    let pipeline = self.chance.one_in(2);
                    self.word(if pipeline { "pipeline" } else { "stage" });
                    self.modifiers();
                }
            }
            12 => {
                self.word("lock");
                match self.chance.one_in(2) {
                    true => self.exprs("[", "]", 1),
                    false => self.expr(2),
                }
                if self.chance.one_in(2) {
                    self.word_and_value("limit");
                }
                self.rest(depth);
            }
            13 => {
                self.word_and_expr("approve");
                self.approve_rest(depth);
            }
            20 => {
                self.words("on prod . eu");
                self.rest(depth);
            }
            14 => self.word_and_expr("wait"),
            15 => {
                self.word("verify");
                self.word_and_value("for");
                self.word_and_value("every");
                self.rest(depth);
            }
            16 => {
                self.word_and_expr("fail");
                if self.chance.one_in(3) {
                    self.put("as");
                    self.class();
                }
            }
            17 => self.word_and_expr("yield"),
            18 if self.chance.one_in(2) => {
                self.word("on");
                self.name();
                self.rest(depth);
            }
            18 => {
                self.word("with");
                if self.chance.one_in(2) {
                    self.words("on prod . eu");
                }
                if self.chance.one_in(2) {
                    self.word_and_value("in");
                }
                if self.chance.one_in(2) {
                    self.words("env { KEY :");
                    self.expr(1);
                    self.put("}");
                }
                self.rest(depth);
            }
            19 => {
                self.word("ask");
                if self.chance.one_in(2) {
                    self.word_and_value("timeout");
                }
                self.words("else ignore");
            }
            _ => self.word_and_expr("log"),
        }
    }

    fn approve_rest(&mut self, depth: usize) {
        if self.chance.one_in(2) {
            self.word_and_expr("by");
        }
        if self.chance.one_in(2) {
            self.word_and_value("count");
        }
        if self.chance.one_in(2) {
            self.word_and_expr("except");
        }
        self.modifiers();
        self.handlers(depth);
    }

    fn using(&mut self) {
        self.word("using");
        self.path();
        if self.chance.one_in(2) {
            let count = self.chance.below(3);
            self.list("(", ")", count, |all| all.expr(2));
        }
    }

    fn run(&mut self, depth: usize) {
        let asks = self.chance.one_in(4);
        self.word(if asks { "query" } else { "run" });
        self.string();
        for part in 0..5 {
            if !self.chance.one_in(4) {
                continue;
            }
            match part {
                0 => self.words("using bash"),
                1 => self.word_and_value("in"),
                3 => self.word_and_value("stdin"),
                2 => {
                    self.words("env { KEY :");
                    self.expr(1);
                    self.put("}");
                }
                _ => self.words("on prod . eu"),
            }
        }
        self.modifiers();
        self.handlers(depth);
    }

    /// Behind `let x =` a word on the next line would be the next statement.
    fn transfer(&mut self, depth: usize, alone: bool) {
        let is_fetch = self.chance.one_in(3);
        let is_text = alone && !is_fetch && self.chance.one_in(2);
        self.word(if is_fetch { "fetch" } else { "send" });
        match is_text {
            true => self.words("text \"a\" to"),
            false => {
                self.string();
                self.word("to");
            }
        }
        self.expr(2);
        for part in 0..3 {
            if !self.chance.one_in(3) {
                continue;
            }
            match part {
                0 if is_text => self.words("mode 0640"),
                0 => self.word("replacing"),
                1 => self.words("on prod . eu"),
                _ => self.words("timeout 5m"),
            }
        }
        self.handlers(depth);
    }

    fn matrix(&mut self, depth: usize) {
        self.word("matrix");
        for _ in 0..=self.chance.below(3) {
            self.axis();
        }
        if self.chance.one_in(2) {
            self.word_and_expr("where");
        }
        for _ in 0..self.chance.below(2) {
            self.word("include");
            self.record(1);
        }
        self.rest(depth);
    }
}

/// A valid file.
pub fn file(seed: u64) -> String {
    let mut generator = Generator {
        chance: Chance::new(seed),
        tokens: Vec::new(),
        keyword: false,
    };
    for _ in 0..=generator.chance.below(4) {
        generator.item();
    }
    let start = generator.chance.below(8);
    let text = text(&generator.tokens, &mut generator.chance);
    match start {
        0 => format!("\u{feff}{text}"),
        1 => format!("\n\n  # a comment at the start\n{text}"),
        2 => format!("## a comment at the start\n{text}"),
        _ => text,
    }
}
