//! Random declarations, and the statements of tests.

use super::Generator;

impl Generator {
    pub(super) fn fields(&mut self) {
        self.put("{");
        for _ in 0..self.chance.below(5) {
            self.name();
            self.put("=");
            self.expr(2);
            if self.chance.one_in(3) {
                self.put(",");
            }
        }
        self.put("}");
    }

    pub(super) fn decls(&mut self, open: &str, close: &str, commas: bool) {
        self.put(open);
        let count = self.chance.below(4);
        for place in 0..count {
            self.name();
            self.put(":");
            self.ty(2);
            if self.chance.one_in(3) {
                self.put("=");
                self.expr(1);
            }
            if (commas && place + 1 < count) || self.chance.one_in(4) {
                self.put(",");
            }
        }
        self.put(close);
    }

    pub(super) fn overrides(&mut self) {
        for _ in 0..self.chance.below(3) {
            self.word("override");
            self.path();
            if self.chance.one_in(3) {
                self.put("[");
                self.string();
                self.put("]");
            }
            self.fields();
        }
    }

    pub(super) fn item(&mut self) {
        match self.chance.below(20) {
            16 => {
                self.put("function");
                self.name();
                self.decls("(", ")", true);
                self.put("->");
                self.ty(2);
                self.put("=");
                self.expr(3);
            }
            17 => {
                self.put("type");
                self.name();
                self.put("=");
                self.ty(3);
            }
            0 => {
                self.words("import \"./hooks.deploy\" as");
                self.name();
            }
            1 => {
                self.words("from \"std/release\" import");
                self.name();
                for _ in 0..self.chance.below(9) {
                    self.put(",");
                    self.name();
                    if self.chance.one_in(3) {
                        self.put("as");
                        self.name();
                    }
                }
            }
            2 => {
                self.put("input");
                self.name();
                self.put(":");
                self.ty(2);
                if self.chance.one_in(2) {
                    self.put("=");
                    self.expr(2);
                }
                if self.chance.one_in(2) {
                    self.word_and_expr("where");
                }
            }
            3 => {
                self.put("secret");
                self.name();
                self.put("=");
                self.call(1);
            }
            4 => {
                self.put("let");
                self.name();
                if self.chance.one_in(3) {
                    self.put(":");
                    self.ty(2);
                }
                self.put("=");
                self.expr(3);
            }
            5 | 6 => {
                self.put("service");
                let from_data = self.declared_name();
                self.put(":");
                self.path();
                if self.chance.one_in(3) {
                    self.using();
                }
                if from_data {
                    self.for_in(1);
                }
                self.fields();
            }
            7 => self.environment(),
            18 => {
                self.put("window");
                self.name();
                self.fields();
            }
            8 => {
                self.put("group");
                self.name();
                self.put("=");
                self.exprs("[", "]", 1);
            }
            9 => {
                self.put("kind");
                self.name();
                if self.chance.one_in(3) {
                    self.put("extends");
                    self.path();
                }
                self.put("{");
                if self.chance.one_in(2) {
                    self.put("service");
                    self.decls("{", "}", false);
                }
                if self.chance.one_in(2) {
                    self.put("infrastructure");
                    self.decls("{", "}", false);
                }
                if self.chance.one_in(2) {
                    self.put("deploy");
                    self.using();
                }
                self.requires();
                self.put("}");
            }
            10 => {
                self.put("workflow");
                self.name();
                self.decls("(", ")", true);
                if self.chance.one_in(3) {
                    self.put("->");
                    self.ty(2);
                }
                self.requires();
                self.block(3);
            }
            11 => {
                self.put("action");
                self.name();
                self.decls("(", ")", true);
                if self.chance.one_in(2) {
                    self.put("->");
                    self.ty(2);
                }
            }
            12 => self.test(),
            19 => self.trigger(),
            _ => {
                self.put("pipeline");
                self.name();
                self.requires();
                if self.chance.one_in(3) {
                    self.put("queue");
                    self.string();
                    if self.chance.one_in(2) {
                        let which = self.chance.pick(&["keep all", "keep latest"]);
                        self.words(which);
                    }
                }
                self.rest(3);
            }
        }
    }

    /// A name, or the text that makes one of each element of a list.
    fn declared_name(&mut self) -> bool {
        let from_data = self.chance.one_in(3);
        match from_data {
            true => self.put("\"web-${x.name}\""),
            false => self.name(),
        }
        from_data
    }

    fn requires(&mut self) {
        for _ in 0..self.chance.below(4).saturating_sub(2) {
            self.words("requires \"kubectl\"");
            if self.chance.one_in(2) {
                self.put("\">= 1.27\"");
            }
            if self.chance.one_in(2) {
                self.put("by");
                self.put("\"kubectl version --client\"");
            }
        }
    }

    fn environment(&mut self) {
        self.put("environment");
        self.name();
        self.put("{");
        for _ in 0..self.chance.below(2) {
            self.name();
            self.put("=");
            self.expr(1);
        }
        self.overrides();
        for _ in 0..self.chance.below(3) {
            self.put("infrastructure");
            let from_data = self.declared_name();
            self.put(":");
            self.path();
            if from_data {
                self.for_in(1);
            }
            match self.chance.one_in(3) {
                true => {
                    self.put("{");
                    self.overrides();
                    self.put("}");
                }
                false => self.fields(),
            }
        }
        self.put("}");
    }

    fn trigger(&mut self) {
        self.put("trigger");
        self.name();
        let on = self
            .chance
            .pick(&["on schedule(\"@daily\")", "on webhook(hook)", "on nothing"]);
        self.words(on);
        if self.chance.one_in(2) {
            self.word_and_expr("where");
        }
        self.put("starts");
        self.name();
        if self.chance.one_in(2) {
            self.exprs("(", ")", 2);
        }
    }

    fn test(&mut self) {
        self.words("test \"it\" {");
        for _ in 0..self.chance.below(6) {
            match self.chance.below(10) {
                7 => {
                    self.words("given deployed (");
                    self.path();
                    self.put(",");
                    self.path();
                    self.words(") =");
                    self.expr(1);
                }
                8 => {
                    self.words("given \"**/ok\" approved");
                    if self.chance.one_in(2) {
                        self.put("by");
                        self.exprs("[", "]", 1);
                    }
                }
                9 => self.words("given \"**\" fails"),
                6 => {
                    self.words("expect a ==");
                    self.atom(2);
                }
                0 => {
                    self.put("given");
                    self.name();
                    self.put("=");
                    self.expr(2);
                }
                1 => {
                    self.words("given run \"a*\" returns");
                    self.record(1);
                }
                2 => self.words("given \"**\" fails timeout"),
                3 => self.words("given \"**\" refused"),
                4 => self.words("expect \"a\" before release"),
                _ => self.words("start release expect release failed"),
            }
        }
        self.put("}");
    }
}
