//! First sets: with which bytes an expression can begin, and which expressions match exactly one
//! character.

use std::collections::HashMap;

use pest_meta::ast::RuleType;
use pest_meta::optimizer::{OptimizedExpr as Expr, OptimizedRule};

/// A set of bytes. The end of the text is represented by the byte `END`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Set(pub [u64; 4]);

/// The end of the text: a byte that no UTF-8 text contains.
pub const END: u8 = 0xFF;
/// The lead bytes of characters beyond ASCII.
const LEADS: std::ops::RangeInclusive<u8> = 0xC2..=0xF4;

impl Set {
    pub const NONE: Self = Self([0; 4]);
    pub const ALL: Self = Self([u64::MAX; 4]);

    pub fn range(bytes: std::ops::RangeInclusive<u8>) -> Self {
        let mut set = Self::NONE;
        for byte in bytes {
            set.0[usize::from(byte) / 64] |= 1 << (byte % 64);
        }
        set
    }

    pub fn one(byte: u8) -> Self {
        Self::range(byte..=byte)
    }

    /// The first bytes of all characters.
    pub fn any() -> Self {
        Self::range(0..=0x7F).or(Self::range(LEADS))
    }

    pub fn or(self, other: Self) -> Self {
        Self(std::array::from_fn(|at| self.0[at] | other.0[at]))
    }

    pub fn and(self, other: Self) -> Self {
        Self(std::array::from_fn(|at| self.0[at] & other.0[at]))
    }

    pub fn not(self) -> Self {
        Self(self.0.map(|word| !word))
    }

    pub fn has(self, byte: u8) -> bool {
        self.0[usize::from(byte) / 64] >> (byte % 64) & 1 == 1
    }

    /// The lead bytes beyond ASCII, of which a character class has all or none.
    pub fn beyond(self) -> Self {
        self.and(Self::range(LEADS))
    }
}

/// With which next bytes an expression may succeed: consuming something, and consuming nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Start {
    reading: Set,
    empty: Set,
}

impl Start {
    fn reading(set: Set) -> Self {
        Self {
            reading: set,
            empty: Set::NONE,
        }
    }

    fn empty(set: Set) -> Self {
        Self {
            reading: Set::NONE,
            empty: set,
        }
    }
}

/// The first sets of all rules.
pub struct Sets<'g> {
    /// The silent rules, which produce no pair.
    silent: HashMap<&'g str, &'g Expr>,
    starts: HashMap<&'g str, Start>,
}

impl<'g> Sets<'g> {
    pub fn new(rules: &'g [OptimizedRule]) -> Self {
        let mut sets = Self {
            silent: rules
                .iter()
                .filter(|it| it.ty == RuleType::Silent)
                .map(|it| (it.name.as_str(), &it.expr))
                .collect(),
            starts: HashMap::new(),
        };
        // Least fixed point: repeated until no set grows any more.
        loop {
            let mut changed = false;
            for rule in rules {
                let start = sets.start(&rule.expr);
                changed |= sets.starts.insert(&rule.name, start) != Some(start);
            }
            if !changed {
                return sets;
            }
        }
    }

    /// The bytes with which `expr` may succeed.
    pub fn viable(&self, expr: &Expr) -> Set {
        let start = self.start(expr);
        start.reading.or(start.empty)
    }

    fn start(&self, expr: &Expr) -> Start {
        match expr {
            Expr::Str(text) => match text.as_bytes().first() {
                Some(first) => Start::reading(Set::one(*first)),
                None => Start::empty(Set::ALL),
            },
            Expr::Range(from, to) => Start::reading(range(from, to)),
            Expr::Ident(name) => match name.as_str() {
                "SOI" => Start::empty(Set::ALL),
                "EOI" => Start::empty(Set::one(END)),
                "ANY" => Start::reading(Set::any()),
                name => self
                    .starts
                    .get(name)
                    .copied()
                    .unwrap_or(Start::empty(Set::NONE)),
            },
            Expr::PosPred(inner) => Start::empty(self.viable(inner)),
            Expr::NegPred(inner) => Start::empty(self.surely(inner).not()),
            Expr::Seq(first, second) => {
                let (first, second) = (self.start(first), self.start(second));
                Start {
                    reading: first.reading.or(first.empty.and(second.reading)),
                    empty: first.empty.and(second.empty),
                }
            }
            Expr::Choice(first, second) => {
                let (first, second) = (self.start(first), self.start(second));
                Start {
                    reading: first.reading.or(second.reading),
                    empty: first.empty.or(second.empty),
                }
            }
            Expr::Opt(inner) | Expr::Rep(inner) => Start {
                reading: self.start(inner).reading,
                empty: Set::ALL,
            },
            Expr::Skip(_) => Start {
                reading: Set::any(),
                empty: Set::ALL,
            },
            other => panic!("the grammar uses what is not known here: {other}"),
        }
    }

    /// The bytes with which `expr` always succeeds, whatever follows.
    fn surely(&self, expr: &Expr) -> Set {
        match expr {
            Expr::Choice(first, second) => self.surely(first).or(self.surely(second)),
            _ => self.class(expr).unwrap_or(Set::NONE),
        }
    }

    /// The first bytes of the characters, if `expr` matches exactly one character.
    pub fn class(&self, expr: &Expr) -> Option<Set> {
        match expr {
            Expr::Str(text) if text.len() == 1 => Some(Set::one(text.as_bytes()[0])),
            Expr::Range(from, to) => {
                let (_, last) = ends(from, to);
                let set = range(from, to);
                let whole =
                    last.is_ascii() || last == char::MAX && set.beyond() == Set::range(LEADS);
                whole.then_some(set)
            }
            Expr::Ident(name) if name == "ANY" => Some(Set::any()),
            // This ends: pest rejects left recursion.
            Expr::Ident(name) => self.class(self.silent.get(name.as_str())?),
            Expr::Choice(first, second) => Some(self.class(first)?.or(self.class(second)?)),
            Expr::Seq(first, second) => match &**first {
                Expr::NegPred(not) => Some(self.class(second)?.and(self.class(not)?.not())),
                _ => None,
            },
            _ => None,
        }
    }
}

fn ends(from: &str, to: &str) -> (char, char) {
    let one = |text: &str| text.chars().next().expect("a character");
    (one(from), one(to))
}

/// The first bytes of the characters of a range.
fn range(from: &str, to: &str) -> Set {
    let (first, last) = ends(from, to);
    let ascii = match u8::try_from(first) {
        Ok(first) if first.is_ascii() => {
            let last = u8::try_from(last).unwrap_or(0x7F).min(0x7F);
            Set::range(first..=last)
        }
        _ => Set::NONE,
    };
    if last.is_ascii() {
        return ascii;
    }
    let lead = |c: char| c.encode_utf8(&mut [0; 4]).as_bytes()[0];
    let first = if first.is_ascii() { '\u{80}' } else { first };
    ascii.or(Set::range(lead(first)..=lead(last)))
}
