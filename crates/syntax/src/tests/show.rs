//! Prints trees as short texts: one line for each declaration and statement, operations in
//! brackets.

mod test_block;

use std::fmt::Write;

use crate::ast::*;
use test_block::test_stmt;

/// The whole tree.
pub(super) fn file(file: &File) -> String {
    let mut out = String::new();
    for item in &file.items {
        show_item(item, &mut out);
    }
    out
}

fn line(out: &mut String, depth: usize, text: &str) {
    let _ = writeln!(out, "{}{text}", "  ".repeat(depth));
}

fn doc(text: Option<&str>) -> String {
    text.map_or(String::new(), |text| format!("  ## {text:?}"))
}

fn show_item(item: &Item, out: &mut String) {
    let after = doc(item.doc.as_deref());
    match &item.kind {
        ItemKind::Import { path, alias } => {
            line(
                out,
                0,
                &format!("import {} as {}", string(path), alias.name),
            );
        }
        ItemKind::From { path, names } => {
            let names: Vec<String> = names
                .iter()
                .map(|name| match &name.alias {
                    Some(alias) => format!("{} as {}", name.name.name, alias.name),
                    None => name.name.name.to_string(),
                })
                .collect();
            line(
                out,
                0,
                &format!("from {} import {}", string(path), names.join(", ")),
            );
        }
        ItemKind::Input {
            name,
            ty: of,
            default,
            rule,
        } => {
            let default = default
                .as_ref()
                .map_or(String::new(), |e| format!(" = {}", expr(e)));
            let rule = rule
                .as_ref()
                .map_or(String::new(), |e| format!(" where {}", expr(e)));
            line(
                out,
                0,
                &format!("input {}: {}{default}{rule}{after}", name.name, ty(of)),
            );
        }
        ItemKind::Secret {
            name,
            ty: of,
            source,
        } => {
            let of = of
                .as_ref()
                .map_or(String::new(), |of| format!(": {}", ty(of)));
            line(
                out,
                0,
                &format!("secret {}{of} = {}{after}", name.name, expr(source)),
            );
        }
        ItemKind::Let {
            name,
            ty: of,
            value,
        } => {
            let of = of
                .as_ref()
                .map_or(String::new(), |of| format!(": {}", ty(of)));
            let value = expr(value);
            line(out, 0, &format!("let {}{of} = {value}{after}", name.name));
        }
        ItemKind::Group { name, value } => {
            let value = expr(value);
            line(out, 0, &format!("group {} = {value}{after}", name.name));
        }
        ItemKind::Service {
            name,
            text,
            kind,
            using: with,
            each,
            fields,
        } => {
            let name = declared_name(name, text.as_deref());
            let after = format!("{}{after}", show_each(each.as_deref()));
            let with = with
                .as_ref()
                .map_or(String::new(), |with| format!(" {}", using(with)));
            line(
                out,
                0,
                &format!("service {name}: {}{with}{after}", path(kind)),
            );
            show_fields(fields, 1, out);
        }
        ItemKind::Environment(environment) => {
            line(
                out,
                0,
                &format!("environment {}{after}", environment.name.name),
            );
            show_fields(&environment.fields, 1, out);
            show_overrides(&environment.overrides, 1, out);
            for infrastructure in &environment.infrastructures {
                let after = doc(infrastructure.doc.as_deref());
                let after = format!("{}{after}", show_each(infrastructure.each.as_ref()));
                let name = declared_name(&infrastructure.name, infrastructure.text.as_ref());
                let kind = path(&infrastructure.kind);
                line(out, 1, &format!("infrastructure {name}: {kind}{after}"));
                show_fields(&infrastructure.fields, 2, out);
                show_overrides(&infrastructure.overrides, 2, out);
            }
        }
        ItemKind::Window { name, fields } => {
            line(out, 0, &format!("window {}{after}", name.name));
            show_fields(fields, 1, out);
        }
        ItemKind::Kind(kind) => {
            line(out, 0, &format!("kind {}{after}", kind.name.name));
            for (word, fields) in [
                ("service", &kind.service),
                ("infrastructure", &kind.infrastructure),
            ] {
                for field in fields {
                    let default = field
                        .default
                        .as_ref()
                        .map_or(String::new(), |e| format!(" = {}", expr(e)));
                    let after = doc(field.doc.as_deref());
                    line(
                        out,
                        1,
                        &format!(
                            "{word} {}: {}{default}{after}",
                            field.name.name,
                            ty(&field.ty)
                        ),
                    );
                }
            }
            if let Some(with) = &kind.deploy {
                line(out, 1, &format!("deploy {}", using(with)));
            }
            if !kind.requires.is_empty() {
                line(out, 1, requirements(&kind.requires).trim_start());
            }
        }
        ItemKind::Workflow {
            name,
            params,
            result,
            requires,
            body,
        } => {
            line(
                out,
                0,
                &format!(
                    "workflow {}{}{}{after}",
                    name.name,
                    signature(params, result.as_ref()),
                    requirements(requires)
                ),
            );
            show_block(body, 1, out);
        }
        ItemKind::Action {
            name,
            params,
            result,
        } => line(
            out,
            0,
            &format!(
                "action {}{}{after}",
                name.name,
                signature(params, result.as_ref())
            ),
        ),
        ItemKind::Function {
            name,
            params,
            result,
            value,
        } => line(
            out,
            0,
            &format!(
                "function {}{} = {}{after}",
                name.name,
                signature(params, Some(result)),
                expr(value)
            ),
        ),
        ItemKind::Type { name, ty: of } => {
            line(out, 0, &format!("type {} = {}{after}", name.name, ty(of)));
        }
        ItemKind::Pipeline {
            name,
            requires,
            queues,
            modifiers,
            body,
            handlers,
        } => {
            line(
                out,
                0,
                &format!(
                    "pipeline {}{}{}{}{after}",
                    name.name,
                    requirements(requires),
                    show_queues(queues),
                    show_modifiers(modifiers)
                ),
            );
            show_block(body, 1, out);
            show_handlers(handlers, 0, out);
        }
        ItemKind::Test { name, body, .. } => {
            line(out, 0, &format!("test {}{after}", string(name)));
            for stmt in body {
                line(out, 1, &test_stmt(stmt));
            }
        }
        ItemKind::Trigger(trigger) => line(out, 0, &format!("{}{after}", show_trigger(trigger))),
        ItemKind::Error => line(out, 0, "<error>"),
    }
}

fn show_trigger(trigger: &Trigger) -> String {
    let part = |word: &str, part: &Option<TriggerPart>| match part {
        Some(part) => format!(" {word} {}({})", part.name.name, args(&part.args)),
        None => format!(" {word} <error>"),
    };
    let on = part("on", &trigger.on);
    let filter = trigger.filter.as_ref();
    let filter = filter.map_or(String::new(), |filter| format!(" where {}", expr(filter)));
    let starts = part("starts", &trigger.starts);
    format!("trigger {}{on}{filter}{starts}", trigger.name.name)
}

fn signature(params: &[Param], result: Option<&TypeExpr>) -> String {
    let params: Vec<String> = params
        .iter()
        .map(|param| {
            let default = param
                .default
                .as_ref()
                .map_or(String::new(), |e| format!(" = {}", expr(e)));
            format!(
                "{}: {}{default}{}",
                param.name.name,
                ty(&param.ty),
                doc(param.doc.as_deref())
            )
        })
        .collect();
    let result = result.map_or(String::new(), |of| format!(" -> {}", ty(of)));
    format!("({}){result}", params.join(", "))
}

fn show_fields(fields: &[Field], depth: usize, out: &mut String) {
    for field in fields {
        let after = doc(field.doc.as_deref());
        line(
            out,
            depth,
            &format!("{} = {}{after}", field.name.name, expr(&field.value)),
        );
    }
}

fn show_overrides(overrides: &[Override], depth: usize, out: &mut String) {
    for over in overrides {
        let index = over.index.as_ref();
        let index = index.map_or(String::new(), |index| format!("[{}]", expr(index)));
        line(
            out,
            depth,
            &format!("override {}{index}", path(&over.service)),
        );
        show_fields(&over.fields, depth + 1, out);
    }
}

fn declared_name(name: &Ident, text: Option<&Expr>) -> String {
    text.map_or_else(|| name.name.to_string(), expr)
}

fn show_each(each: Option<&Each>) -> String {
    each.map_or(String::new(), |each| {
        let cond = each.cond.as_ref().map(|cond| format!(" if {}", expr(cond)));
        let (var, list) = (&each.var.name, expr(&each.list));
        format!(" for {var} in {list}{}", cond.unwrap_or_default())
    })
}

fn path(path: &Path) -> String {
    match &path.namespace {
        Some(space) => format!("{}.{}", space.name, path.name.name),
        None => path.name.name.to_string(),
    }
}

fn using(using: &Use) -> String {
    format!("using {}({})", path(&using.path), args(&using.args))
}

fn args(args: &[Arg]) -> String {
    let args: Vec<String> = args
        .iter()
        .map(|arg| match &arg.name {
            Some(name) => format!("{}: {}", name.name, expr(&arg.value)),
            None => expr(&arg.value),
        })
        .collect();
    args.join(", ")
}

fn ty(of: &TypeExpr) -> String {
    match &of.kind {
        TypeKind::Name(name) => name.name.to_string(),
        TypeKind::Member(space, name) => format!("{}.{}", space.name, name.name),
        TypeKind::Of(name, kind) => format!("{}<{}>", name.name, path(kind)),
        TypeKind::List(inner) => format!("[{}]", ty(inner)),
        TypeKind::Map(key, value) => format!("map {{{}: {}}}", ty(key), ty(value)),
        TypeKind::Record(entries) => {
            let entries: Vec<String> = entries
                .iter()
                .map(|(name, of)| format!("{}: {}", name.name, ty(of)))
                .collect();
            format!("{{{}}}", entries.join(", "))
        }
        TypeKind::Optional(inner) => format!("({})?", ty(inner)),
        TypeKind::OneOf(strings) => strings.iter().map(string).collect::<Vec<_>>().join(" | "),
        TypeKind::Error => String::from("<error>"),
    }
}

fn string(literal: &StringLit) -> String {
    let mut out = String::new();
    for part in &literal.parts {
        match part {
            StringPart::Text { text, .. } => {
                let _ = write!(out, "{}", text.escape_debug());
            }
            StringPart::Interpolation { expr: inner, .. } => {
                let _ = write!(out, "${{{}}}", expr(inner));
            }
        }
    }
    let quotes = match (literal.multiline, literal.raw) {
        (true, true) => "'''",
        (true, false) => "\"\"\"",
        (false, true) => "'",
        (false, false) => "\"",
    };
    format!("{quotes}{out}{quotes}")
}

fn record(entries: &[(RecordKey, Expr)]) -> String {
    let entries: Vec<String> = entries
        .iter()
        .map(|(key, value)| match key {
            RecordKey::Name(name) => format!("{}: {}", name.name, expr(value)),
            RecordKey::String(key) => format!("{}: {}", string(key), expr(value)),
        })
        .collect();
    format!("{{{}}}", entries.join(", "))
}

/// An expression; operations stand in `‹ ›`, parentheses of the text in `( )`.
pub(super) fn expr(of: &Expr) -> String {
    match &of.kind {
        ExprKind::None => String::from("none"),
        ExprKind::Bool(value) => value.to_string(),
        ExprKind::Int(value) => value.to_string(),
        ExprKind::Float(value) => format!("{value:?}"),
        ExprKind::Percent(value) => format!("{value}%"),
        ExprKind::Duration(value) => format!("{value}ms"),
        ExprKind::String(literal) => string(literal),
        ExprKind::Name(name) => name.name.to_string(),
        ExprKind::List(items) => {
            format!(
                "[{}]",
                items.iter().map(expr).collect::<Vec<_>>().join(", ")
            )
        }
        ExprKind::Record(entries) => record(entries),
        ExprKind::Field(inner, name) => format!("{}.{}", expr(inner), name.name),
        ExprKind::Star(inner) => format!("{}.*", expr(inner)),
        ExprKind::Maybe(inner) => format!("{}?", expr(inner)),
        ExprKind::Index(inner, index) => format!("{}[{}]", expr(inner), expr(index)),
        ExprKind::Unary(op, inner) => format!("‹{op:?} {}›", expr(inner)),
        ExprKind::Binary(op, _, left, right) => {
            format!("‹{} {op:?} {}›", expr(left), expr(right))
        }
        ExprKind::If(cond, then, otherwise) => {
            format!(
                "‹if {} then {} else {}›",
                expr(cond),
                expr(then),
                expr(otherwise)
            )
        }
        ExprKind::Comprehension(of) => {
            let Comprehension {
                key,
                body,
                var,
                second,
                list,
                cond,
            } = &**of;
            let cond = cond
                .as_ref()
                .map_or(String::new(), |cond| format!(" if {}", expr(cond)));
            let second = second
                .as_ref()
                .map_or(String::new(), |second| format!(", {}", second.name));
            let (open, close) = match key {
                Some(RecordKey::Name(name)) => (format!("{{{}: ", name.name), "}"),
                Some(RecordKey::String(text)) => (format!("{{{}: ", string(text)), "}"),
                None => (String::from("["), "]"),
            };
            let body = expr(body);
            format!(
                "{open}{body} for {}{second} in {}{cond}{close}",
                var.name,
                expr(list)
            )
        }
        ExprKind::Call(callee, list) => format!("{}({})", expr(callee), args(list)),
        ExprKind::Paren(inner) => format!("({})", expr(inner)),
        ExprKind::Error => String::from("<error>"),
    }
}

fn show_block(block: &Block, depth: usize, out: &mut String) {
    for stmt in &block.stmts {
        show_stmt(stmt, depth, out);
    }
}

fn requirements(all: &[Requirement]) -> String {
    all.iter().fold(String::new(), |out, one| {
        let version = one.version.as_ref();
        let version = version.map_or(String::new(), |it| format!(" {}", string(it)));
        let by = one.by.as_ref();
        let by = by.map_or(String::new(), |it| format!(" by {}", string(it)));
        format!("{out} requires {}{version}{by}", string(&one.program))
    })
}

fn show_queues(all: &[Queue]) -> String {
    all.iter().fold(String::new(), |out, one| {
        let keep = one.keep.as_ref();
        let keep = keep.map_or(String::new(), |it| format!(" keep {}", it.name));
        format!("{out} queue {}{keep}", expr(&one.name))
    })
}

fn show_modifiers(modifiers: &[Modifier]) -> String {
    modifiers.iter().fold(String::new(), |out, modifier| {
        let text = match &modifier.kind {
            ModifierKind::Timeout(e) => format!("timeout {}", expr(e)),
            ModifierKind::Retry { times, every, upto } => {
                let every = every
                    .as_ref()
                    .map_or(String::new(), |e| format!(" every {}", expr(e)));
                let upto = upto
                    .as_ref()
                    .map_or(String::new(), |e| format!("..{}", expr(e)));
                format!("retry {}{every}{upto}", expr(times))
            }
            ModifierKind::Max(e) => format!("max {}", expr(e)),
            ModifierKind::Batches { sizes, between } => match between {
                Some(body) => {
                    let mut inner = String::new();
                    show_block(body, 0, &mut inner);
                    let inner: Vec<&str> = inner.lines().map(str::trim).collect();
                    format!("batches {} between {{ {} }}", expr(sizes), inner.join(" "))
                }
                None => format!("batches {}", expr(sizes)),
            },
            ModifierKind::Tolerate(e) => format!("tolerate {}", expr(e)),
            ModifierKind::FailFast => String::from("fail fast"),
            ModifierKind::Atomic => String::from("atomic"),
            ModifierKind::Once => String::from("once"),
            ModifierKind::Quiet => String::from("quiet"),
            ModifierKind::Grace(e) => format!("grace {}", expr(e)),
            ModifierKind::Error => String::from("<error>"),
        };
        format!("{out} +{text}")
    })
}

fn show_handlers(handlers: &[Handler], depth: usize, out: &mut String) {
    for handler in handlers {
        let (head, body) = match &handler.kind {
            HandlerKind::NoUndo(reason) => {
                line(out, depth, &format!("~ undo none {}", expr(reason)));
                continue;
            }
            HandlerKind::Undo(body) => (String::from("undo"), body),
            HandlerKind::Always(body) => (String::from("always"), body),
            HandlerKind::Watch { every, body } => (format!("watch every {}", expr(every)), body),
            HandlerKind::OnFailure { classes, body } => {
                let classes: Vec<&str> = classes.iter().map(|class| &*class.name).collect();
                (format!("on failure({})", classes.join(", ")), body)
            }
        };
        line(out, depth, &format!("~ {head}"));
        show_block(body, depth + 1, out);
    }
}

fn axis(axis: &Axis) -> String {
    let order = match axis.order {
        Some((Order::Serial, _)) => "serial ",
        Some((Order::Parallel, _)) => "parallel ",
        None => "",
    };
    let second = axis
        .second
        .as_ref()
        .map_or(String::new(), |second| format!(", {}", second.name));
    let by = axis
        .by
        .as_ref()
        .map_or(String::new(), |by| format!(" by {}", expr(by)));
    let list = expr(&axis.list);
    format!("{order}{}{second} in {list}{by}", axis.var.name)
}

fn show_stmt(stmt: &Stmt, depth: usize, out: &mut String) {
    let (head, body) = head(stmt);
    let after = format!(
        "{}{}",
        show_modifiers(&stmt.modifiers),
        doc(stmt.doc.as_deref())
    );
    line(out, depth, &format!("{head}{after}"));
    if let Some(body) = body {
        show_block(body, depth + 1, out);
    }
    if let StmtKind::If {
        branches,
        otherwise,
    } = &stmt.kind
    {
        for (cond, body) in branches.iter().skip(1) {
            line(out, depth, &format!("else if {}", expr(cond)));
            show_block(body, depth + 1, out);
        }
        if let Some(body) = otherwise {
            line(out, depth, "else");
            show_block(body, depth + 1, out);
        }
    }
    if let StmtKind::Let {
        value: LetValue::Effect(inner),
        ..
    } = &stmt.kind
    {
        show_stmt(inner, depth + 1, out);
    }
    show_handlers(&stmt.handlers, depth, out);
}

fn head(stmt: &Stmt) -> (String, Option<&Block>) {
    match &stmt.kind {
        StmtKind::Stage { name, body } => (format!("stage {}", name.name), Some(body)),
        StmtKind::Step { name, body } => (format!("step {}", name.name), Some(body)),
        StmtKind::Serial { body } => (String::from("serial"), Some(body)),
        StmtKind::Parallel { body } => (String::from("parallel"), Some(body)),
        StmtKind::Loop { axis: over, body } => (format!("loop {}", axis(over)), Some(body)),
        StmtKind::Matrix {
            axes,
            filter,
            include,
            body,
        } => {
            let mut text = format!(
                "matrix {}",
                axes.iter().map(axis).collect::<Vec<_>>().join("; ")
            );
            if let Some(filter) = filter {
                let _ = write!(text, " where {}", expr(filter));
            }
            for include in include {
                let _ = write!(text, " include {}", expr(include));
            }
            (text, Some(body))
        }
        StmtKind::Deploy {
            service,
            target,
            using: with,
        } => {
            let with = with
                .as_ref()
                .map_or(String::new(), |with| format!(" {}", using(with)));
            (
                format!("deploy {} to {}{with}", expr(service), expr(target)),
                None,
            )
        }
        StmtKind::If { branches, .. } => match branches.first() {
            Some((cond, body)) => (format!("if {}", expr(cond)), Some(body)),
            None => (String::from("if"), None),
        },
        StmtKind::Lock {
            resource,
            limit,
            body,
        } => {
            let limit = limit
                .as_ref()
                .map_or(String::new(), |e| format!(" limit {}", expr(e)));
            (format!("lock {}{limit}", expr(resource)), Some(body))
        }
        StmtKind::Verify {
            during,
            every,
            body,
        } => (
            format!("verify for {} every {}", expr(during), expr(every)),
            Some(body),
        ),
        StmtKind::On { target, body } => (format!("on {}", expr(target)), Some(body)),
        StmtKind::With {
            on, dir, env, body, ..
        } => {
            let mut text = String::from("with");
            clauses(&mut text, dir.as_ref(), env.as_ref(), on.as_ref());
            (text, Some(body))
        }
        _ => (simple_head(stmt), None),
    }
}

fn simple_head(stmt: &Stmt) -> String {
    match &stmt.kind {
        StmtKind::Run(of) => run(of),
        StmtKind::Transfer(of) => transfer(of),
        StmtKind::Call(call) => format!("call {}", expr(call)),
        StmtKind::Let {
            name,
            ty: of,
            value,
        } => {
            let of = of
                .as_ref()
                .map_or(String::new(), |of| format!(": {}", ty(of)));
            match value {
                LetValue::Expr(value) => format!("let {}{of} = {}", name.name, expr(value)),
                LetValue::Effect(_) => format!("let {}{of} =", name.name),
            }
        }
        StmtKind::Barrier { name, key, across } => {
            let key = key
                .as_ref()
                .map_or(String::new(), |key| format!("[{}]", expr(key)));
            let across = across.as_ref().map_or(String::new(), |(what, _)| {
                format!(" across {}", what.word())
            });
            format!("barrier {}{key}{across}", name.name)
        }
        StmtKind::Approve {
            question,
            by,
            count,
            except,
        } => {
            let clause = |word: &str, value: &Option<Expr>| {
                (value.as_ref()).map_or(String::new(), |value| format!(" {word} {}", expr(value)))
            };
            let clauses = clause("by", by) + &clause("count", count) + &clause("except", except);
            format!("approve {}{clauses}", expr(question))
        }
        StmtKind::Wait(e) => format!("wait {}", expr(e)),
        StmtKind::Log(e) => format!("log {}", expr(e)),
        StmtKind::Fail { message, class } => {
            let class = (class.as_ref()).map_or(String::new(), |it| format!(" as {}", it.name));
            format!("fail {}{class}", expr(message))
        }
        StmtKind::Yield(e) => format!("yield {}", expr(e)),
        StmtKind::Return(None) => String::from("return"),
        StmtKind::Return(Some(e)) => format!("return {}", expr(e)),
        StmtKind::Retry(e) => format!("retry {}", expr(e)),
        StmtKind::Rollback(scope) => format!("rollback {scope:?}"),
        StmtKind::Ignore => String::from("ignore"),
        StmtKind::Abort => String::from("abort"),
        StmtKind::Ask { timeout, otherwise } => {
            let timeout = timeout
                .as_ref()
                .map_or(String::new(), |e| format!(" timeout {}", expr(e)));
            let otherwise = otherwise
                .as_ref()
                .map_or(String::new(), |name| format!(" else {}", name.name));
            format!("ask{timeout}{otherwise}")
        }
        _ => String::from("<error>"),
    }
}

fn run(run: &Run) -> String {
    let mut text = format!("{} {}", run.word(), string(&run.command));
    if let Some(shell) = &run.using {
        let _ = write!(text, " using {}", shell.name);
    }
    let (dir, env, on) = (run.dir.as_ref(), run.env.as_ref(), run.on.as_ref());
    clauses(&mut text, dir, env, on);
    if let Some(stdin) = &run.stdin {
        let _ = write!(text, " stdin {}", expr(stdin));
    }
    text
}

fn transfer(of: &Transfer) -> String {
    let mark = if of.is_text { " text" } else { "" };
    let (source, to) = (expr(&of.source), expr(&of.to));
    let replacing = of.replacing.map_or("", |_| " replacing");
    let mode = (of.mode.as_ref()).map_or(String::new(), |it| format!(" mode {:04o}", it.bits));
    let word = of.direction.word();
    let mut text = format!("{word}{mark} {source} to {to}{replacing}{mode}");
    clauses(&mut text, None, None, of.on.as_ref());
    text
}

fn clauses(text: &mut String, dir: Option<&Expr>, env: Option<&Variables>, on: Option<&Expr>) {
    if let Some(dir) = dir {
        let _ = write!(text, " in {}", expr(dir));
    }
    if let Some(env) = env {
        let _ = write!(text, " env {}", record(&env.entries));
    }
    if let Some(on) = on {
        let _ = write!(text, " on {}", expr(on));
    }
}
