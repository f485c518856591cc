//! Code generation: one Rust function for each rule, operating on a `Reader`. Each returns whether
//! it matched; the caller that tries another alternative restores the position.

use std::collections::HashMap;

use pest_meta::ast::RuleType;
use pest_meta::optimizer::{OptimizedExpr as Expr, OptimizedRule};

use super::sets::{END, Set, Sets};

/// The parser of a grammar.
pub fn parser(rules: &[OptimizedRule]) -> String {
    let mut emit = Emit {
        sets: Sets::new(rules),
        silent: rules
            .iter()
            .map(|it| (it.name.as_str(), it.ty == RuleType::Silent))
            .collect(),
        tables: HashMap::new(),
        text: String::new(),
    };
    emit.rule_names(rules);
    for rule in rules {
        emit.rule(rule);
    }
    emit.text
}

struct Emit<'g> {
    sets: Sets<'g>,
    silent: HashMap<&'g str, bool>,
    /// The tables that have been emitted already, with their names.
    tables: HashMap<String, String>,
    text: String,
}

/// An alternative of an ordered choice.
enum Alternative<'e> {
    /// A single character.
    Class(Set),
    /// Anything else.
    Other(&'e Expr),
}

/// A Rust expression that is true if it matched.
struct Code {
    text: String,
    /// Whether it leaves position and pairs unchanged if it does not match.
    clean: bool,
}

fn clean(text: String) -> Code {
    Code { text, clean: true }
}

fn dirty(text: String) -> Code {
    Code { text, clean: false }
}

impl Emit<'_> {
    fn line(&mut self, line: &str) {
        self.text.push_str(line);
        self.text.push('\n');
    }

    /// Emits the enum of all rules that produce a pair.
    fn rule_names(&mut self, rules: &[OptimizedRule]) {
        self.line("/// What a piece of text is.");
        self.line("#[derive(Debug, Clone, Copy, PartialEq, Eq)]");
        self.line("#[allow(non_camel_case_types, missing_docs)]");
        self.line("pub(crate) enum Rule {");
        self.line("    EOI,");
        for rule in rules.iter().filter(|it| it.ty != RuleType::Silent) {
            self.line(&format!("    r#{},", rule.name));
        }
        self.line("}");
    }

    fn rule(&mut self, rule: &OptimizedRule) {
        if self.sets.class(&Expr::Ident(rule.name.clone())).is_some() {
            // It is inlined wherever it is called.
            return;
        }
        let inside = match rule.ty {
            RuleType::Atomic => self.only_silent(&rule.name, &rule.expr),
            _ => true,
        };
        assert!(
            inside,
            "`{}` is atomic and calls what is not silent",
            rule.name
        );
        let code = self.expr(&rule.expr).text;
        let name = &rule.name;
        let body = match rule.ty {
            RuleType::Silent => code,
            _ => format!("let piece = r.begin(Rule::r#{name});\n    ({code}) && r.end(piece)"),
        };
        let text = format!("fn read_{name}(r: &mut Reader<'_>) -> bool {{\n    {body}\n}}");
        self.line(&text);
    }

    fn only_silent(&self, rule: &str, expr: &Expr) -> bool {
        match expr {
            Expr::Ident(name) => {
                rule != name && self.silent.get(name.as_str()).copied().unwrap_or(true)
            }
            Expr::Seq(first, second) | Expr::Choice(first, second) => {
                self.only_silent(rule, first) && self.only_silent(rule, second)
            }
            Expr::PosPred(inner) | Expr::NegPred(inner) | Expr::Opt(inner) | Expr::Rep(inner) => {
                self.only_silent(rule, inner)
            }
            _ => true,
        }
    }

    fn expr(&mut self, expr: &Expr) -> Code {
        if let Some(set) = self.sets.class(expr) {
            return self.class(set);
        }
        match expr {
            Expr::Str(text) if text.is_empty() => clean("true".into()),
            Expr::Str(text) => clean(format!("r.literal({})", bytes(text))),
            Expr::Ident(name) => match name.as_str() {
                "SOI" => clean("r.at_start()".into()),
                "EOI" => clean("r.at_end()".into()),
                name => dirty(format!("read_{name}(r)")),
            },
            Expr::PosPred(inner) => self.ahead(inner, ""),
            Expr::NegPred(inner) => self.ahead(inner, "!"),
            Expr::Seq(first, second) => {
                let (a, b) = (self.expr(first), self.expr(second));
                let looks = matches!(**first, Expr::PosPred(_) | Expr::NegPred(_));
                Code {
                    text: format!("{} && {}", grouped(a.text), grouped(b.text)),
                    clean: looks && a.clean && b.clean,
                }
            }
            Expr::Choice(..) => self.choice(&self.alternatives(expr)),
            Expr::Opt(inner) => self.optional(inner),
            Expr::Rep(inner) => self.repeated(inner),
            Expr::Skip(ends) => self.skip(ends),
            other => panic!("the grammar uses what is not known here: {other}"),
        }
    }

    /// A lookahead, which leaves everything unchanged.
    fn ahead(&mut self, inner: &Expr, not: &str) -> Code {
        if let Some(set) = self.sets.class(inner) {
            return clean(format!("{not}r.is(&{})", self.set(set)));
        }
        let code = self.expr(inner);
        let body = match code.clean && matches!(inner, Expr::PosPred(_) | Expr::NegPred(_)) {
            true => code.text,
            false => format!(
                "{{ let before = r.mark(); let is = {}; r.back(before); is }}",
                code.text
            ),
        };
        let viable = self.sets.viable(inner);
        clean(match self.guard(viable) {
            Some(guard) => format!("{not}({guard} && {body})"),
            None => format!("{not}({body})"),
        })
    }

    /// An ordered choice: a table by the next byte selects the alternatives that are tried.
    fn choice(&mut self, all: &[Alternative<'_>]) -> Code {
        assert!(all.len() <= 32, "more alternatives than bits");
        let viable: Vec<Set> = all.iter().map(|it| self.viable(it)).collect();
        let masks = (0..=255_u8).map(|byte| {
            let bits = viable.iter().enumerate();
            bits.filter(|(_, set)| set.has(byte))
                .map(|(at, _)| 1_u32 << at)
                .sum()
        });
        let table = self.table(&format!("[u32; 256] = {:?}", masks.collect::<Vec<u32>>()));
        let mut tries = Vec::new();
        let (mut changed, mut goes_back) = (false, false);
        for (at, alternative) in all.iter().enumerate() {
            let code = match alternative {
                Alternative::Class(set) => self.class(*set),
                Alternative::Other(expr) => self.expr(expr),
            };
            let back = if changed { "r.back(before); " } else { "" };
            goes_back |= changed;
            let bit = 1_u32 << at;
            tries.push(format!("(tried & {bit} != 0 && {{ {back}{} }})", code.text));
            changed |= !code.clean;
        }
        let mark = if goes_back {
            "let before = r.mark(); "
        } else {
            ""
        };
        let tries = tries.join(" || ");
        Code {
            text: format!("{{ let tried = {table}[r.next()]; tried != 0 && {{ {mark}{tries} }} }}"),
            clean: !changed,
        }
    }

    fn viable(&self, alternative: &Alternative<'_>) -> Set {
        match alternative {
            Alternative::Class(set) => *set,
            Alternative::Other(expr) => self.sets.viable(expr),
        }
    }

    /// The alternatives of an expression; adjacent ones of a single character each are merged into
    /// one.
    fn alternatives<'e>(&self, expr: &'e Expr) -> Vec<Alternative<'e>> {
        let mut all = Vec::new();
        let mut rest = vec![expr];
        while let Some(expr) = rest.pop() {
            if let Expr::Choice(first, second) = expr {
                rest.extend([&**second, &**first]);
                continue;
            }
            match (self.sets.class(expr), all.last_mut()) {
                (Some(set), Some(Alternative::Class(before))) => *before = before.or(set),
                (Some(set), _) => all.push(Alternative::Class(set)),
                (None, _) => all.push(Alternative::Other(expr)),
            }
        }
        all
    }

    fn class(&mut self, set: Set) -> Code {
        clean(match one(set) {
            Some(byte) => format!("r.byte({byte})"),
            None => format!("r.class(&{})", self.set(set)),
        })
    }

    fn optional(&mut self, inner: &Expr) -> Code {
        let code = self.expr(inner);
        let body = match code.clean {
            true => format!("let _ = {};", code.text),
            false => {
                format!(
                    "let before = r.mark(); if !({}) {{ r.back(before); }}",
                    code.text
                )
            }
        };
        let viable = self.sets.viable(inner);
        clean(match self.guard(viable) {
            Some(guard) => format!("{{ if {guard} {{ {body} }} true }}"),
            None => format!("{{ {body} true }}"),
        })
    }

    fn repeated(&mut self, inner: &Expr) -> Code {
        if let Some(set) = self.sets.class(inner) {
            return clean(format!("r.run(&{})", self.set(set)));
        }
        // What is a single character is read as one run.
        let all = self.alternatives(inner);
        let (run, all) = match all.split_first() {
            Some((Alternative::Class(set), others)) => {
                (format!("r.run(&{}); ", self.set(*set)), others)
            }
            _ => (String::new(), &*all),
        };
        let code = match all {
            [Alternative::Other(only)] => self.expr(only),
            all => self.choice(all),
        };
        let viable = all
            .iter()
            .map(|it| self.viable(it))
            .fold(Set::NONE, Set::or);
        let guard = match self.guard(viable) {
            Some(guard) => format!("if !{guard} {{ break; }} "),
            None => String::new(),
        };
        let body = match code.clean {
            true => format!("if !({}) {{ break; }}", code.text),
            false => format!(
                "let before = r.mark(); if !({}) {{ r.back(before); break; }}",
                code.text
            ),
        };
        clean(format!("{{ loop {{ {run}{guard}{body} }} true }}"))
    }

    /// Skips everything up to one of several texts.
    fn skip(&mut self, ends: &[String]) -> Code {
        let firsts = ends.iter().filter_map(|end| end.bytes().next());
        let stop = firsts.map(Set::one).fold(Set::one(END), Set::or);
        let set = self.set(stop);
        let ends: Vec<String> = ends.iter().map(|end| bytes(end)).collect();
        clean(format!("r.skip(&{set}, &[{}])", slices(&ends)))
    }

    /// A test of the next byte; none where every byte passes.
    fn guard(&mut self, set: Set) -> Option<String> {
        if set == Set::ALL {
            return None;
        }
        Some(match one(set) {
            Some(byte) => format!("(r.next() == {byte})"),
            None => format!("r.is(&{})", self.set(set)),
        })
    }

    fn set(&mut self, set: Set) -> String {
        self.table(&format!("Set = Set({:?})", set.0))
    }

    /// The name of a table, which is emitted once.
    fn table(&mut self, table: &str) -> String {
        if let Some(name) = self.tables.get(table) {
            return name.clone();
        }
        let name = format!("T{}", self.tables.len());
        self.line(&format!("static {name}: {table};"));
        self.tables.insert(table.to_owned(), name.clone());
        name
    }
}

fn bytes(text: &str) -> String {
    format!("b\"{}\"", text.as_bytes().escape_ascii())
}

fn slices(ends: &[String]) -> String {
    ends.iter()
        .map(|end| format!("{end} as &[u8]"))
        .collect::<Vec<_>>()
        .join(", ")
}

/// In parentheses where they are needed.
fn grouped(code: String) -> String {
    if code.contains("||") || code.starts_with('{') {
        format!("({code})")
    } else {
        code
    }
}

/// The only byte of a set, if it has just one.
fn one(set: Set) -> Option<u8> {
    let mut bytes = (0..=255_u8).filter(|byte| set.has(*byte));
    match (bytes.next(), bytes.next()) {
        (Some(byte), None) if byte.is_ascii() || byte == END => Some(byte),
        _ => None,
    }
}
