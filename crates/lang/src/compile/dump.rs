//! Dumps a program (IR) as indented text, for tests of what files are lowered to.

use std::fmt::Write;

use crate::eval::{Expr, ExprKind, InterpolationPart};
use crate::ir::command::{CommandWord, Form, ScriptPart, TextPart};
use crate::ir::{
    Block, Failing, GlobalSource, HandlerVerdict, Override, Program, Stmt, StmtKind, WorkflowUse,
};
use lockstep_base::source::Name;
use lockstep_base::value::{SecretPart, Value, text};

/// The program as text.
pub fn program(program: &Program) -> String {
    let mut dump = Dump {
        program,
        out: String::new(),
        depth: 0,
    };
    dump.declarations();
    dump.bodies();
    dump.triggers();
    dump.out
}

struct Dump<'p> {
    program: &'p Program,
    out: String,
    depth: usize,
}

impl Dump<'_> {
    fn line(&mut self, text: impl AsRef<str>) {
        let _ = writeln!(self.out, "{}{}", "  ".repeat(self.depth), text.as_ref());
    }

    fn inside(&mut self, text: impl AsRef<str>, write: impl FnOnce(&mut Self)) {
        self.line(text);
        self.depth += 1;
        write(self);
        self.depth -= 1;
    }

    fn declarations(&mut self) {
        let program = self.program;
        for global in &program.globals {
            let source = match &global.source {
                GlobalSource::Let(value) => format!("= {}", self.expr(value)),
                GlobalSource::Input { default, rule } => format!(
                    "input {} where {}",
                    self.maybe(default.as_deref()),
                    self.maybe(rule.as_ref())
                ),
            };
            self.line(format!("global {}: {} {source}", global.name, global.ty));
        }
        for kind in &program.kinds {
            self.inside(format!("kind {}", kind.name), |dump| {
                for (of, fields) in [("service", &kind.service), ("infra", &kind.infrastructure)] {
                    for (name, field) in fields {
                        let default = dump.maybe(field.default.as_ref());
                        dump.line(format!("{of} {name}: {} = {default}", field.ty));
                    }
                }
                let deploy = kind.deploy.as_ref().map(|using| dump.using(using));
                dump.line(format!("deploy {}", deploy.unwrap_or_default()));
            });
        }
        for service in &program.services {
            self.inside(
                format!(
                    "service {}: {}",
                    service.name, program.kinds[service.kind as usize].name
                ),
                |dump| {
                    dump.fields(&service.fields);
                    if let Some(using) = &service.using {
                        dump.line(format!("using {}", dump.using(using)));
                    }
                },
            );
        }
        for environment in &program.environments {
            self.inside(format!("environment {}", environment.name), |dump| {
                dump.fields(&environment.fields);
                dump.overrides(&environment.overrides);
            });
        }
        for place in &program.infrastructures {
            self.inside(format!("infrastructure {}", place.name), |dump| {
                dump.fields(&place.fields);
                dump.overrides(&place.overrides);
            });
        }
    }

    fn triggers(&mut self) {
        let program = self.program;
        for trigger in &program.triggers {
            self.inside(format!("trigger {}", trigger.name), |dump| {
                dump.line(format!("on {:?}", trigger.kind));
                dump.line(format!("event %{}", trigger.event.0));
                dump.line(format!("where {}", dump.maybe(trigger.filter.as_ref())));
                let pipeline = &program.pipelines[trigger.pipeline as usize];
                dump.line(format!("starts {}", pipeline.name));
                for (input, value) in &trigger.inputs {
                    let input = &program.globals[input.0 as usize].name;
                    let value = dump.expr(value);
                    dump.line(format!("{input} = {value}"));
                }
            });
        }
    }

    fn fields(&mut self, fields: &indexmap::IndexMap<Name, Expr>) {
        for (name, value) in fields {
            let value = self.expr(value);
            self.line(format!("{name} = {value}"));
        }
    }

    fn overrides(&mut self, overrides: &[Override]) {
        for entry in overrides {
            let name = &self.program.services[entry.service.0 as usize].name;
            self.inside(format!("override {name}"), |dump| {
                dump.fields(&entry.fields)
            });
        }
    }

    fn bodies(&mut self) {
        let program = self.program;
        for workflow in &program.workflows {
            let params: Vec<String> = workflow
                .params
                .iter()
                .map(|param| {
                    let default = self.maybe(param.default.as_ref());
                    format!("%{} {}: {} = {default}", param.slot.0, param.name, param.ty)
                })
                .collect();
            let head = format!(
                "workflow {}({}) -> {}",
                workflow.name,
                params.join(", "),
                workflow.result
            );
            self.inside(head, |dump| dump.block(&workflow.body));
        }
        for action in &program.actions {
            self.line(format!("action {} -> {}", action.name, action.result));
        }
        for pipeline in &program.pipelines {
            self.inside(format!("pipeline {}", pipeline.name), |dump| {
                if let Some(queue) = &pipeline.queue {
                    let name = dump.expr(&queue.name);
                    dump.line(format!("queue {name} keep {}", queue.keep.as_str()));
                }
                dump.stmt(&pipeline.body);
            });
        }
    }

    fn block(&mut self, block: &Block) {
        for stmt in &block.stmts {
            self.stmt(stmt);
        }
    }

    fn stmt(&mut self, stmt: &Stmt) {
        let bind = stmt
            .bind
            .map_or_else(String::new, |slot| format!("%{} = ", slot.0));
        let head = format!("{bind}{}{}", self.head(&stmt.kind), self.modifiers(stmt));
        self.inside(head, |dump| dump.insides(&stmt.kind));
        for name in &stmt.handlers.bound {
            self.line(format!(
                "handlers: %{} = %{}",
                name.outside.0, name.inside.0
            ));
        }
        if let Some(result) = stmt.handlers.result {
            self.line(format!("handlers: %{} = result", result.0));
        }
        if let Some(outcome) = stmt.handlers.outcome {
            self.line(format!("handlers: %{} = outcome", outcome.0));
        }
        if let Some(undo) = &stmt.handlers.undo {
            self.inside("undo", |dump| dump.block(undo));
        }
        if let Some(reason) = &stmt.handlers.no_undo {
            let reason = self.expr(reason);
            self.line(format!("undo none {reason}"));
        }
        for handler in &stmt.handlers.on_failure {
            let head = format!("on failure {:?} %{}", handler.classes, handler.slot.0);
            self.inside(head, |dump| dump.block(&handler.body));
        }
        if let Some(always) = &stmt.handlers.always {
            self.inside("always", |dump| dump.block(always));
        }
        if let Some(watch) = &stmt.handlers.watch {
            let head = format!("watch every {}", self.expr(&watch.every));
            self.inside(head, |dump| dump.block(&watch.body));
        }
    }

    fn insides(&mut self, kind: &StmtKind) {
        match kind {
            StmtKind::Block(body)
            | StmtKind::Parallel(body)
            | StmtKind::Stage { body, .. }
            | StmtKind::Step { body, .. }
            | StmtKind::Lock { body, .. }
            | StmtKind::Verify { body, .. }
            | StmtKind::On { body, .. } => self.block(body),
            StmtKind::Matrix(matrix) => {
                self.block(&matrix.body);
                if let Some(between) = &matrix.between {
                    let head = format!("between %{}", between.slot.0);
                    self.inside(head, |dump| dump.block(&between.body));
                }
            }
            StmtKind::If {
                branches,
                otherwise,
            } => {
                for (cond, block) in branches {
                    let cond = self.expr(cond);
                    self.inside(format!("when {cond}"), |dump| dump.block(block));
                }
                if let Some(block) = otherwise {
                    self.inside("else", |dump| dump.block(block));
                }
            }
            StmtKind::Deploy { .. }
            | StmtKind::Run(_)
            | StmtKind::Call(_)
            | StmtKind::Action { .. }
            | StmtKind::Let(_)
            | StmtKind::Barrier { .. }
            | StmtKind::Approve { .. }
            | StmtKind::Wait(_)
            | StmtKind::Log(_)
            | StmtKind::Fail(_)
            | StmtKind::Return(_)
            | StmtKind::Yield(_)
            | StmtKind::Verdict(_) => {}
        }
    }

    fn head(&self, kind: &StmtKind) -> String {
        let expr = |expr| self.expr(expr);
        match kind {
            StmtKind::Block(_) => "block".into(),
            StmtKind::Parallel(_) => "parallel".into(),
            StmtKind::Stage { name, .. } => format!("stage {name}"),
            StmtKind::Step { name, .. } => format!("step {name}"),
            StmtKind::Matrix(matrix) => {
                let axes: Vec<String> = matrix
                    .axes
                    .iter()
                    .map(|axis| {
                        let by = axis.by.as_ref();
                        let by = by.map_or(String::new(), |by| format!(" by {}", expr(by)));
                        let list = expr(&axis.list);
                        format!("{:?} %{} in {list}{by}", axis.order, axis.slot.0)
                    })
                    .collect();
                let include: Vec<String> = matrix
                    .include
                    .iter()
                    .map(|cell| self.exprs(cell.iter()))
                    .collect();
                let filter = self.maybe(matrix.filter.as_ref());
                format!(
                    "{} [{}] where {filter} include {include:?}",
                    matrix.word,
                    axes.join("; ")
                )
            }
            StmtKind::Deploy {
                service,
                target,
                using,
            } => {
                let using = using.as_ref().map(|using| self.using(using));
                let using = using.unwrap_or_default();
                format!("deploy {} to {} {using}", expr(service), expr(target))
            }
            StmtKind::Run(command) => {
                let env: Vec<String> = command
                    .env
                    .iter()
                    .map(|(name, value)| format!("{name}={}", expr(value)))
                    .collect();
                format!(
                    "run {} in {} on {} env {env:?}",
                    self.form(&command.form),
                    self.maybe(command.dir.as_ref()),
                    self.maybe(command.on.as_ref())
                )
            }
            StmtKind::Call(call) => format!("call {}", self.using(call)),
            StmtKind::Action { action, args } => {
                let args: Vec<String> = args.iter().map(|arg| self.maybe(arg.as_ref())).collect();
                let name = &self.program.actions[*action as usize].name;
                format!("action {name}({})", args.join(", "))
            }
            StmtKind::Let(value) => format!("let {}", expr(value)),
            StmtKind::If { .. } => "if".into(),
            StmtKind::Barrier { name, key, across } => {
                let across = across.map_or(String::new(), |it| format!(" across {}", it.word()));
                format!("barrier {name} {}{across}", self.maybe(key.as_ref()))
            }
            StmtKind::Lock {
                resource, limit, ..
            } => format!("lock {} {}", expr(resource), self.maybe(limit.as_ref())),
            StmtKind::Approve {
                question,
                by,
                count,
                except,
            } => {
                let clause = |word: &str, value: &Option<Expr>| match value {
                    Some(value) => format!(" {word} {}", self.expr(value)),
                    None => String::new(),
                };
                format!(
                    "approve {} by {}{}{}",
                    expr(question),
                    self.maybe(by.as_ref()),
                    clause("count", count),
                    clause("except", except),
                )
            }
            StmtKind::Wait(time) => format!("wait {}", expr(time)),
            StmtKind::Verify { during, every, .. } => {
                format!("verify {} every {}", expr(during), expr(every))
            }
            StmtKind::Log(text) => format!("log {}", expr(text)),
            StmtKind::Fail(Failing { message, class }) => {
                let class = class.map_or(String::new(), |it| format!(" as {}", it.as_str()));
                format!("fail {}{class}", expr(message))
            }
            StmtKind::Return(value) => format!("return {}", self.maybe(value.as_ref())),
            StmtKind::Yield(value) => format!("yield {}", expr(value)),
            StmtKind::On {
                target,
                dir,
                env,
                with,
                ..
            } => {
                let word = if *with { "with" } else { "on" };
                let mut text = format!("{word} {}", self.maybe(target.as_ref()));
                if let Some(dir) = dir {
                    let _ = write!(text, " in {}", expr(dir));
                }
                for (name, value) in env {
                    let _ = write!(text, " {name}={}", expr(value));
                }
                text
            }
            StmtKind::Verdict(HandlerVerdict::Retry(times)) => {
                format!("verdict retry {}", expr(times))
            }
            StmtKind::Verdict(HandlerVerdict::Ask { timeout, otherwise }) => {
                format!("verdict ask {} {otherwise:?}", self.maybe(timeout.as_ref()))
            }
            StmtKind::Verdict(verdict) => format!("verdict {verdict:?}"),
        }
    }

    fn modifiers(&self, stmt: &Stmt) -> String {
        let modifiers = &stmt.modifiers;
        let mut text = String::new();
        let named = [
            ("timeout", &modifiers.timeout),
            ("grace", &modifiers.grace),
            ("max", &modifiers.max),
            ("batches", &modifiers.batches),
            ("tolerate", &modifiers.tolerate),
        ];
        for (word, value) in named {
            if let Some(value) = value {
                let _ = write!(text, " !{word} {}", self.expr(value));
            }
        }
        if let Some(retry) = &modifiers.retry {
            let pauses = [
                self.maybe(retry.every.as_ref()),
                self.maybe(retry.upto.as_ref()),
            ];
            let _ = write!(
                text,
                " !retry {} {}",
                self.expr(&retry.times),
                pauses.join("..")
            );
        }
        let flags = [
            ("fail fast", modifiers.fail_fast),
            ("atomic", modifiers.atomic),
            ("once", modifiers.once),
        ];
        for (word, set) in flags {
            if set {
                let _ = write!(text, " !{word}");
            }
        }
        text
    }

    fn using(&self, using: &WorkflowUse) -> String {
        let args: Vec<String> = using
            .args
            .iter()
            .map(|arg| self.maybe(arg.as_ref()))
            .collect();
        let name = &self.program.workflows[using.workflow.0 as usize].name;
        format!("{name}({})", args.join(", "))
    }

    fn form(&self, form: &Form) -> String {
        let texts = |parts: &[TextPart]| -> String {
            parts
                .iter()
                .map(|part| match part {
                    TextPart::Text(text) => text.to_string(),
                    TextPart::Value(value) => format!("${{{}}}", self.expr(value)),
                })
                .collect()
        };
        match form {
            Form::Direct(words) => {
                let words: Vec<String> = words
                    .iter()
                    .map(|word| match word {
                        CommandWord::One(parts) => format!("<{}>", texts(parts)),
                        CommandWord::Spread(list) => format!("<*{}>", self.expr(list)),
                    })
                    .collect();
                words.join(" ")
            }
            Form::Shell { bash, script } => {
                let script: String = script
                    .iter()
                    .map(|part| match part {
                        ScriptPart::Text(text) => text.to_string(),
                        ScriptPart::Bare(value) => format!("$bare({})", self.expr(value)),
                        ScriptPart::Quoted(value) => format!("$quoted({})", self.expr(value)),
                        ScriptPart::Spread(value) => format!("$spread({})", self.expr(value)),
                    })
                    .collect();
                format!("{} {script:?}", if *bash { "bash" } else { "sh" })
            }
            Form::Transfer(transfer) => {
                let text = if transfer.is_text { " text" } else { "" };
                let (source, to) = (self.expr(&transfer.source), self.expr(&transfer.to));
                let replacing = if transfer.replacing { " replacing" } else { "" };
                let mode =
                    (transfer.mode).map_or(String::new(), |mode| format!(" mode {mode:04o}"));
                let word = transfer.direction.word();
                format!("{word}{text} {source} to {to}{replacing}{mode}")
            }
        }
    }

    fn maybe(&self, expr: Option<&Expr>) -> String {
        expr.map_or_else(|| "-".into(), |expr| self.expr(expr))
    }

    fn exprs<'e>(&self, exprs: impl Iterator<Item = &'e Expr>) -> String {
        let all: Vec<String> = exprs.map(|expr| self.expr(expr)).collect();
        all.join(", ")
    }

    fn expr(&self, expr: &Expr) -> String {
        match &expr.kind {
            ExprKind::Const(value) => self.value(value),
            ExprKind::Local(slot) => format!("%{}", slot.0),
            ExprKind::Global(id) => format!("@{}", self.program.globals[id.0 as usize].name),
            ExprKind::Run(field) => format!("run.{field:?}"),
            ExprKind::Interpolate(parts) => {
                let parts: String = parts
                    .iter()
                    .map(|part| match part {
                        InterpolationPart::Text(text) => text.to_string(),
                        InterpolationPart::Value(value) => format!("${{{}}}", self.expr(value)),
                    })
                    .collect();
                format!("\"{parts}\"")
            }
            ExprKind::List(items) => {
                let items: Vec<String> = items
                    .iter()
                    .map(|item| {
                        let spread = if item.spread { "*" } else { "" };
                        format!("{spread}{}", self.expr(&item.value))
                    })
                    .collect();
                format!("[{}]", items.join(", "))
            }
            ExprKind::Record(entries) => {
                let entries: Vec<String> = entries
                    .iter()
                    .map(|(name, value)| format!("{name}: {}", self.expr(value)))
                    .collect();
                format!("{{ {} }}", entries.join(", "))
            }
            ExprKind::Field(of, name) => format!("{}.{name}", self.expr(of)),
            ExprKind::Star(of) => format!("{}.*", self.expr(of)),
            ExprKind::Index(of, index) => format!("{}[{}]", self.expr(of), self.expr(index)),
            ExprKind::Unary(op, of) => format!("({op:?} {})", self.expr(of)),
            ExprKind::Binary(op, a, b) => format!("({} {op:?} {})", self.expr(a), self.expr(b)),
            ExprKind::If(a, b, c) => format!("(if {})", self.exprs([&**a, b, c].into_iter())),
            ExprKind::Comprehension {
                body,
                slot,
                list,
                cond,
            } => format!(
                "[{} for %{} in {} if {}]",
                self.expr(body),
                slot.0,
                self.expr(list),
                self.maybe(cond.as_deref())
            ),
            ExprKind::IfSome { value, slot, body } => format!(
                "(with %{} = {} {})",
                slot.0,
                self.expr(value),
                self.expr(body)
            ),
            ExprKind::Bind { values, body } => {
                let values: Vec<String> = values
                    .iter()
                    .map(|(slot, value)| format!("%{} = {}", slot.0, self.expr(value)))
                    .collect();
                format!("(let {} in {})", values.join(", "), self.expr(body))
            }
            ExprKind::Convert(of, ty) => format!("({} as {ty})", self.expr(of)),
            ExprKind::Call(function, args) => {
                format!("{}({})", function.0.name, self.exprs(args.iter()))
            }
        }
    }

    fn value(&self, value: &Value) -> String {
        match value {
            Value::Secret(parts) => {
                let parts = parts.iter().map(|part| match part {
                    SecretPart::Text(text) => text.to_string(),
                    SecretPart::Secret(id) => {
                        format!("secret {}", self.program.secrets[*id as usize].name)
                    }
                    // They come into being in a run.
                    SecretPart::Made(_) | SecretPart::Derived(_) => String::from("secret"),
                });
                parts.collect()
            }
            Value::Service { id, .. } => self.program.services[id.0 as usize].name.to_string(),
            Value::Environment(id) => self.program.environments[id.0 as usize].name.to_string(),
            Value::Infrastructure(id) => {
                self.program.infrastructures[id.0 as usize].name.to_string()
            }
            Value::String(text) => format!("{text:?}"),
            other => text::display(other, &|_| String::new()),
        }
    }
}
