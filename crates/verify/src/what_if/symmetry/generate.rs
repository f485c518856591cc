//! Random pipelines that deploy in loops. Some of them look at what is in a cell, or have cells
//! that wait for each other, so that their cells must not be taken for each other.

use std::fmt::Write as _;

/// A small generator of chance: xorshift.
struct Dice(u64);

impl Dice {
    fn below(&mut self, count: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % count
    }

    fn one<'t>(&mut self, of: &[&'t str]) -> &'t str {
        of[self.below(of.len() as u64) as usize]
    }

    /// Once in so many times.
    fn once_in(&mut self, count: u64) -> bool {
        self.below(count) == 0
    }
}

/// A pipeline under construction.
struct Growth {
    dice: Dice,
    /// How often something is written that tells cells from each other: once in so many times.
    telling: u64,
    names: u32,
}

/// The program of a seed.
pub(super) fn program(seed: u64) -> String {
    let mut dice = Dice(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
    for _ in 0..8 {
        dice.below(2);
    }
    let telling = [4, 12, 1_000][dice.below(3) as usize];
    let mut growth = Growth {
        dice,
        telling,
        names: 0,
    };
    let mut text = String::from("kind app { service { v: string = \"1\" } deploy using roll }\n");
    text += "kind other { service { v: string = \"1\" } deploy using swap }\n";
    for name in ["roll", "swap"] {
        let body = growth.workflow(name);
        let params = "(s: service<app | other>, i: infrastructure<app | other>)";
        let params = match name {
            "roll" => params.replace(" | other", ""),
            _ => params.replace("app | ", ""),
        };
        writeln!(text, "workflow {name}{params} {{\n{body}}}").expect("text takes text");
    }
    for (name, fields) in [("s0", ""), ("s1", "v = \"2\""), ("s2", "")] {
        writeln!(text, "service {name}: app {{ {fields} }}").expect("text takes text");
    }
    text += "service t0: other {}\nservice t1: other {}\n";
    let shared = match growth.dice.once_in(6) {
        true => "exclusive = false",
        false => "",
    };
    writeln!(
        text,
        "environment e {{ infrastructure i0: app {{}} infrastructure i1: app {{ {shared} }} \
         infrastructure i2: app {{}} }}\nenvironment f {{ infrastructure o0: other {{}} \
         infrastructure o1: other {{}} }}"
    )
    .expect("text takes text");
    let body = growth.pipeline();
    let atomic = growth.dice.one(&["", "", "atomic "]);
    let handler = growth.handler();
    writeln!(text, "pipeline p {atomic}{{\n{body}}}{handler}").expect("text takes text");
    text
}

impl Growth {
    fn tells(&mut self) -> bool {
        self.dice.once_in(self.telling)
    }

    fn name(&mut self, letter: &str) -> String {
        self.names += 1;
        format!("{letter}{}", self.names)
    }

    /// What is done about a failure.
    fn handler(&mut self) -> String {
        if !self.dice.once_in(3) {
            return String::new();
        }
        let body = match self.dice.below(6) {
            0 => "ignore",
            1 => "rollback",
            2 => "log \"failed: ${failure.message}\"\nabort",
            3 => "run \"/bin/tell ${failure.node}\"",
            4 => "run \"/bin/ask\"\nretry 1",
            _ => "ask",
        };
        format!(" on failure {{\n{body}\n}}")
    }

    fn workflow(&mut self, name: &str) -> String {
        let mut text = String::new();
        for _ in 0..1 + self.dice.below(3) {
            let step = self.name(name);
            let undo = self.dice.one(&[
                "",
                " undo {\nrun \"/bin/undo ${s.name} ${i.name}\"\n}",
                " undo {\nrun \"/bin/undo ${s.v}\"\nrun \"/bin/again\"\n}",
            ]);
            // In a good run nobody sees these look at a cell.
            let (undo, handler) = match (self.tells(), self.handler()) {
                (true, _) => (
                    " undo {\nif s.v == \"2\" {\nfail \"no\"\n}\n}",
                    String::from(" on failure {\nif s.v == \"2\" {\nfail \"no\"\n}\nignore\n}"),
                ),
                (false, handler) => (undo, handler),
            };
            let statement = match self.dice.below(9) {
                0 => format!("run \"/bin/bare {step} ${{s.v}}\"{handler}"),
                1 if self.tells() => String::from(
                    "if s.v == \"1\" {\nrun \"/bin/one\"\n} else {\nrun \"/bin/two\"\n}",
                ),
                2 if self.tells() => format!("lock \"l\" {{\nrun \"/bin/locked {step}\"\n}}"),
                3 if self.tells() => format!("barrier b{step}"),
                4 => {
                    let x = self.name("x");
                    format!(
                        "let {x} = run \"/bin/look ${{s.name}}\"\nif {x}.stdout == \"\" {{\nrun \
                         \"/bin/empty\"\n}}"
                    )
                }
                5 => String::from(
                    "parallel h in [\"a\", \"b\"] {\nrun \"/bin/host ${h} ${s.name}\"\n}",
                ),
                _ => format!(
                    "step {step} {{\nrun \"/bin/do ${{s.name}} ${{i.name}}\"\n}}{undo}{handler}"
                ),
            };
            writeln!(text, "{statement}").expect("text takes text");
        }
        text
    }

    fn pipeline(&mut self) -> String {
        let mut text = String::new();
        for _ in 0..1 + self.dice.below(2) {
            let block = self.block();
            let stage = self.name("g");
            match self.dice.below(4) {
                0 => writeln!(text, "stage {stage} {{\n{block}}}"),
                1 => writeln!(text, "parallel {{\n{block}\nrun \"/bin/beside\"\n}}"),
                _ => writeln!(text, "{block}"),
            }
            .expect("text takes text");
        }
        text
    }

    /// A loop that deploys.
    fn block(&mut self) -> String {
        let kinds = [
            ("[s0, s1, s2]", "e.*"),
            ("[t0, t1]", "f.*"),
            ("[s0, s1]", "e.*"),
        ];
        let (services, places) = kinds[self.dice.below(3) as usize];
        let order = |dice: &mut Dice| dice.one(&["parallel", "parallel", "parallel", "serial"]);
        let (first, second) = (order(&mut self.dice), order(&mut self.dice));
        let modifiers = match self.dice.below(5) {
            0 => " fail fast",
            1 => " atomic",
            2 if self.tells() => " max 2",
            3 if self.tells() => " tolerate 1",
            _ => "",
        };
        let retry = self.dice.one(&["", "", " retry 1 every 1s"]);
        let handler = self.handler();
        let deploy = format!("deploy s to i{retry}{handler}");
        let before = match self.dice.below(8) {
            0 => "log \"${s.name} goes to ${i.name}\"\n",
            1 => "run \"/bin/before ${i.name} ${s.v}\"\n",
            2 if self.tells() => "if i == e.i0 or i == f.o0 {\nrun \"/bin/first\"\n}\n",
            3 if self.tells() => "lock \"c-${i.name}\" {\nrun \"/bin/short\"\n}\n",
            4 if self.tells() => "barrier all\n",
            _ => "",
        };
        let after = self.dice.one(&["", "", "run \"/bin/after\"\n"]);
        let body = format!("{before}{deploy}\n{after}");
        match self.dice.below(3) {
            0 => format!(
                "{first} i in {places}{modifiers} {{\n{second} s in {services} {{\n{body}}}\n}}\n"
            ),
            1 => format!(
                "{first} s in {services} {{\n{second} i in {places}{modifiers} {{\n{body}}}\n}}\n"
            ),
            _ => format!(
                "matrix {first} i in {places} {second} s in {services}{modifiers} {{\n{body}}}\n"
            ),
        }
    }
}
