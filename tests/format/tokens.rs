//! A pseudo-random generator, and texts made of tokens with white space and comments between them.

/// A pseudo-random generator that gives the same sequence everywhere.
pub struct Chance(u64);

impl Chance {
    pub fn new(seed: u64) -> Self {
        let mut chance = Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        chance.below(2);
        chance.below(2);
        chance
    }

    /// A number below `limit`.
    pub fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        ((self.0 >> 33) as usize) % limit.max(1)
    }

    pub fn one_in(&mut self, count: usize) -> bool {
        self.below(count) == 0
    }

    pub fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }
}

/// A token, and whether white space must stand before it.
pub struct Token {
    pub text: String,
    pub apart: bool,
}

/// All tokens with something between them.
pub fn text(tokens: &[Token], chance: &mut Chance) -> String {
    let mut out = String::new();
    let mut before: Option<&Token> = None;
    // How irregular the file is.
    let calm = chance.pick(&[4, 20, 100]);
    for token in tokens {
        if let Some(before) = before {
            gap(before, token, calm, chance, &mut out);
        }
        out.push_str(&token.text);
        before = Some(token);
    }
    let end = chance.pick(&["\n", "", "\n\n\n", " # the end", "\n# the end\n"]);
    out.push_str(end);
    out
}

fn gap(before: &Token, token: &Token, calm: usize, chance: &mut Chance, out: &mut String) {
    let bracket = |text: &str, of: &str| text.len() == 1 && of.contains(text);
    let may_touch = bracket(&token.text, "()[]{},:") || bracket(&before.text, "([{,");
    if may_touch && !token.apart && chance.one_in(2) {
        return;
    }
    if !chance.one_in(calm) {
        return out.push_str(if chance.one_in(6) { "\n" } else { " " });
    }
    for _ in 0..=chance.below(2) {
        let number = chance.below(100);
        match chance.below(11) {
            0 => out.push_str("\n\n\n"),
            1 => out.push_str("\t\t"),
            2 | 3 => out.push_str(&format!(" # comment {number}, \"{{\n")),
            4 | 5 => out.push_str(&format!("\n   # comment {number}  \n")),
            6 => out.push_str(&format!("\n## doc {number}\n")),
            7 => out.push_str(&format!(" ## doc {number}\r\n")),
            8 => out.push_str("\n#\n"),
            9 => out.push_str("\r\n\r\n"),
            _ => out.push_str("  \n   "),
        }
    }
    out.push(' ');
}
