//! Jobs: stages, deployments to environments, calls of reusable workflows, in the order of `needs`.

use std::collections::HashMap;

use super::expression::Status;
use super::graph::{Order, has_circle, ordered};
use super::matrix::Matrix;
use super::scope::Scope;
use super::{File, Importer};
use crate::declared::Declared;
use crate::foreign::Operator;
use crate::notes::NoteKind;
use crate::program::{Block, Piece, acts, text};
use crate::value::{Expr, Ty, operation};
use crate::words::name;
use crate::yaml::{Key, Node};

/// How many jobs are put in order.
const MAX_JOBS: usize = 500;

/// All texts of each job, and of the head of the file.
fn readers(list: &[(Key, Node)], file: &File<'_>) -> HashMap<Option<usize>, String> {
    let mut found = HashMap::new();
    for (place, (_, job)) in list.iter().enumerate() {
        let mut all = String::new();
        texts(job, &mut all);
        found.insert(Some(place), all);
    }
    let mut all = String::new();
    if let Some(on) = file.node.get("on") {
        texts(on, &mut all);
    }
    found.insert(None, all);
    found
}

/// What a job has become, and when it runs.
struct Made {
    status: Status,
    pieces: Vec<Piece>,
    /// The name of its result.
    gives: Option<String>,
}

impl Importer {
    /// The jobs of a file, as a body with handlers.
    pub(super) fn jobs(&mut self, file: &File<'_>, scope: &mut Scope) -> (Vec<Piece>, Vec<Block>) {
        let empty = Node::scalar("", file.node);
        let jobs = file.node.get("jobs").unwrap_or(&empty);
        let list = jobs.entries();
        let needs = self.needs(list);
        if list.len() > MAX_JOBS || has_circle(&needs) {
            let why = match list.len() > MAX_JOBS {
                true => "there are too many jobs",
                false => "jobs need each other in a circle",
            };
            let comment = self
                .declared
                .not_imported(jobs, "needs", why, "correct the file");
            jobs.skip();
            return (vec![comment], Vec::new());
        }
        let (mut order, waits) = ordered(&needs);
        if waits {
            let why =
                "the jobs are blocks of a fixed order here: some wait for more than they need";
            self.declared
                .changed(jobs, "needs", why, "see `lockstep plan`");
        }
        let asked = self.asked_outputs(list, file);
        let mut in_turn = Vec::new();
        let readers = readers(list, file);
        let reads = |job: usize, reader: Option<usize>| {
            readers.get(&reader).is_some_and(|all| {
                let key = &list[job].0.text;
                let by = [
                    format!("needs.{key}.outputs"),
                    format!("jobs.{key}.outputs"),
                ];
                by.iter().any(|it| all.contains(it.as_str()))
            })
        };
        order.let_see(&reads, list.len(), &mut in_turn);
        if !in_turn.is_empty() {
            let names: Vec<&str> = in_turn.iter().map(|it| list[*it].0.text.as_str()).collect();
            let why = "their outputs are read later, so they run one after the other";
            self.declared
                .changed(jobs, &format!("jobs {}", names.join(", ")), why, "");
        }
        let mut handlers: Vec<(&str, Vec<Piece>)> = vec![
            ("on failure(cancelled)", Vec::new()),
            ("on failure", Vec::new()),
            ("always", Vec::new()),
        ];
        let mut pieces = Vec::new();
        if !list.is_empty() {
            pieces = self.ordered_jobs(&order, list, file, scope, &asked, &mut handlers);
        }
        let handlers = handlers.into_iter().filter(|(_, body)| acts(body));
        let handlers = handlers
            .map(|(head, body)| Block::new(head, body))
            .collect();
        (pieces, handlers)
    }

    /// The jobs that each job needs, by their places.
    fn needs(&mut self, list: &[(Key, Node)]) -> Vec<Vec<usize>> {
        let places: HashMap<&str, usize> = list
            .iter()
            .enumerate()
            .map(|(place, (key, _))| (key.text.as_str(), place))
            .collect();
        let mut needs: Vec<Vec<usize>> = Vec::new();
        for (_, job) in list {
            let mut own = Vec::new();
            for needed in job.get("needs").map(Node::one_or_many).unwrap_or_default() {
                match needed.peek().and_then(|it| places.get(it)) {
                    Some(place) => {
                        needed.skip();
                        own.push(*place);
                    }
                    None => {
                        let what = format!("needs: {}", needed.text().unwrap_or_default());
                        let advice = "correct the name";
                        let comment = self.declared.not_imported(
                            needed,
                            &what,
                            "there is no such job",
                            advice,
                        );
                        self.file_comments.push(comment);
                    }
                }
            }
            needs.push(own);
        }
        needs
    }

    /// The jobs whose outputs somebody reads.
    fn asked_outputs(&self, list: &[(Key, Node)], file: &File<'_>) -> Vec<String> {
        let mut all = String::new();
        list.iter().for_each(|(_, job)| texts(job, &mut all));
        if let Some(on) = file.node.get("on") {
            texts(on, &mut all);
        }
        let keys = list.iter().map(|(key, _)| key.text.clone());
        keys.filter(|key| {
            let by = [
                format!("needs.{key}.outputs"),
                format!("jobs.{key}.outputs"),
            ];
            by.iter().any(|it| all.contains(it.as_str()))
        })
        .collect()
    }

    fn ordered_jobs(
        &mut self,
        order: &Order,
        list: &[(Key, Node)],
        file: &File<'_>,
        scope: &mut Scope,
        asked: &[String],
        handlers: &mut [(&str, Vec<Piece>)],
    ) -> Vec<Piece> {
        match order {
            Order::Job(place) => {
                let (key, job) = &list[*place];
                let made = self.job(&key.text, job, file, scope, asked.contains(&key.text));
                let needs_it = |it: &(Key, Node)| {
                    let needs = it.1.get("needs").map(Node::one_or_many).unwrap_or_default();
                    needs.iter().any(|it| it.peek() == Some(key.text.as_str()))
                };
                if made.status != Status::Success && list.iter().any(needs_it) {
                    let why = "it runs at the end, and the jobs that need it do not wait for it";
                    self.declared
                        .changed(job, &format!("job {}", key.text), why, "");
                }
                if let Some(gives) = made.gives {
                    // Steps of other jobs are not called like it.
                    scope.names.give(&gives);
                    scope
                        .needs
                        .insert(key.text.clone(), Expr::new(gives, Ty::Record));
                }
                match made.status {
                    Status::Success => made.pieces,
                    status => {
                        let place = match status {
                            Status::Cancelled => 0,
                            Status::Failure => 1,
                            Status::Success | Status::All => 2,
                        };
                        handlers[place].1.extend(made.pieces);
                        Vec::new()
                    }
                }
            }
            Order::Serial(parts) => {
                let mut pieces = Vec::new();
                for part in parts {
                    pieces.extend(self.ordered_jobs(part, list, file, scope, asked, handlers));
                }
                pieces
            }
            Order::Parallel(parts) => {
                let mut branches = Vec::new();
                for part in parts {
                    let mut inner = scope.clone();
                    let found = self.ordered_jobs(part, list, file, &mut inner, asked, handlers);
                    scope.conditions.extend(inner.conditions);
                    match found.iter().filter(|it| it.acts()).count() {
                        0 | 1 => branches.extend(found),
                        _ => branches.push(Piece::block("serial", found)),
                    }
                }
                match branches.iter().filter(|it| it.acts()).count() {
                    0 | 1 => branches,
                    _ => vec![Piece::block("parallel", branches)],
                }
            }
        }
    }

    fn job(
        &mut self,
        id: &str,
        node: &Node,
        file: &File<'_>,
        outer: &mut Scope,
        gives: bool,
    ) -> Made {
        let mut scope = outer.clone();
        scope.job = id.to_string();
        let needs = node.get("needs").map(Node::one_or_many).unwrap_or_default();
        scope.needed = needs
            .iter()
            .filter_map(Node::peek)
            .map(ToString::to_string)
            .collect();
        let (status, condition) = match node.get("if") {
            Some(condition) => self.condition(condition, &scope, id),
            None => (Status::Success, None),
        };
        scope.backwards |= status != Status::Success;
        let condition = match status {
            Status::Success => self.with_needed(id, condition, &scope, outer),
            _ => condition,
        };
        let matrix = self.matrix(node, &mut scope);
        let title = node.text_of("name").unwrap_or_default().to_string();
        self.drop_of_job(node);
        let gives = gives && matrix.is_none() && condition.is_none();
        let (mut pieces, result) = match node.get("uses") {
            Some(uses) => self.call(id, node, uses, &scope, gives),
            None => self.own_steps(id, node, file, &mut scope, status, gives, matrix.as_ref()),
        };
        if let Some(lock) = node.get("concurrency").filter(|it| !it.is_empty()) {
            pieces = self.locked(lock, pieces, &scope);
        }
        let mut comments = self.declared.leftovers(node);
        if let (true, Some(place)) = (!title.contains("${{"), pieces.iter().position(Piece::acts))
            && !title.is_empty()
            && !crate::words::same_words(&title, id)
        {
            pieces.insert(place, Piece::Doc(crate::notes::one_line(&title)));
        }
        if let Some(matrix) = matrix {
            comments.extend(matrix.comments);
            if acts(&pieces) {
                pieces = vec![Piece::block(matrix.head, pieces)];
            }
        }
        if let Some(condition) = condition.filter(|_| acts(&pieces)) {
            pieces = vec![Piece::block(format!("if {}", condition.text), pieces)];
        }
        let place = std::iter::once(Piece::at(node));
        Made {
            status,
            pieces: comments.into_iter().chain(place).chain(pieces).collect(),
            gives: result,
        }
    }

    /// The condition of a job together with those of the jobs that it needs.
    fn with_needed(
        &mut self,
        id: &str,
        own: Option<Expr>,
        scope: &Scope,
        outer: &mut Scope,
    ) -> Option<Expr> {
        let mut all: Vec<Expr> = Vec::new();
        let needed = scope
            .needed
            .iter()
            .filter_map(|it| scope.conditions.get(it))
            .cloned();
        for condition in needed.chain(own) {
            // What a job needs has its own conditions and those of what it needs.
            all.retain(|it| !condition.text.contains(&it.text));
            if !all.iter().any(|it| it.text.contains(&condition.text)) {
                all.push(condition);
            }
        }
        let joined = all
            .into_iter()
            .reduce(|left, right| operation(Operator::And, &left, &right).unwrap_or(right));
        if let Some(condition) = &joined {
            outer.conditions.insert(id.to_string(), condition.clone());
        }
        joined
    }

    fn drop_of_job(&mut self, node: &Node) {
        let keys = [
            (
                "runs-on",
                "commands run on this machine, or by `on` and `connect` elsewhere",
            ),
            ("permissions", "no token is made for a run"),
        ];
        self.declared.drop_keys(node, &keys);
    }

    fn locked(&mut self, node: &Node, pieces: Vec<Piece>, scope: &Scope) -> Vec<Piece> {
        let group = match node.peek() {
            Some(_) => self.value(node, scope),
            None => match node.get("group") {
                Some(group) => self.value(group, scope),
                None => return pieces,
            },
        };
        if node.flag_of("cancel-in-progress") == Some(true) {
            let why = "what has begun is not stopped: the newer one waits";
            self.declared.changed(
                node,
                "cancel-in-progress",
                why,
                "`lockstep cancel` stops a run",
            );
        }
        vec![Piece::block(
            format!("lock {}", group.as_text().text),
            pieces,
        )]
    }

    /// A job with steps of its own, and the name of its result.
    #[expect(clippy::too_many_arguments, reason = "what a job depends on")]
    fn own_steps(
        &mut self,
        id: &str,
        node: &Node,
        file: &File<'_>,
        scope: &mut Scope,
        status: Status,
        gives: bool,
        matrix: Option<&Matrix>,
    ) -> (Vec<Piece>, Option<String>) {
        let (variables, comments) = self.variables(file.node, node, scope);
        self.defaults(file.node, node, scope);
        let job = scope.names.clone().give(id);
        let mut body = self.steps(node.items_of("steps"), scope);
        // Secrets are handed to each command by itself, so that one that must not have them is
        // refused alone.
        let (secrets, open): (Vec<_>, Vec<_>) = variables
            .iter()
            .cloned()
            .partition(|(_, value)| value.ty == Ty::Secret);
        let env = crate::script::env(&open);
        let around = |mut pieces: Vec<Piece>| {
            with_each(&mut pieces, &secrets);
            match env.is_empty() || !acts(&pieces) {
                true => pieces,
                false => vec![Piece::block(format!("with{env}"), pieces)],
            }
        };
        let outputs = self.outputs(node, scope, gives);
        let mut handlers = body.handlers(&around);
        let mut main = std::mem::take(&mut body.main);
        main.splice(0..0, comments);
        let main = match &outputs {
            None if handlers.is_empty() => around(main),
            // Handlers see what the body binds, and not what a block in it does.
            None => {
                with_each(&mut main, &variables);
                main
            }
            // A value can be given out of a step, and not out of a block in it.
            Some((fields, _)) => {
                with_each(&mut main, &variables);
                main.push(Piece::line(format!("yield {fields}")));
                main
            }
        };
        let minutes = self
            .minutes(node)
            .map(|it| format!(" timeout {it}"))
            .unwrap_or_default();
        let ignores = self.ignores(node);
        if ignores {
            ignore(&mut handlers);
        }
        handlers.sort_by_key(|it| it.head == "always");
        if let Some(environment) = node.get("environment").filter(|it| !it.is_empty()) {
            let target = self.environment_of(environment, scope, matrix);
            if !gives && status == Status::Success {
                let deploy = self.deployment(id, main, handlers, &target, scope);
                let stage = Block::new(format!("stage {job}{minutes}"), vec![deploy]);
                return (vec![Piece::Block(stage)], None);
            }
            let why = "a job that gives outputs, or runs after a failure, is no deployment";
            self.declared.changed(environment, "environment", why, "");
        }
        let result = outputs.filter(|_| !ignores && status == Status::Success);
        // A stage gives nothing, and cannot stand in a handler.
        let word = match status == Status::Success && result.is_none() {
            true => "stage",
            false => "step",
        };
        let mut block = Block::new(format!("{word} {job}{minutes}"), main);
        block.handlers = handlers;
        let gives = result.is_some().then(|| job.clone());
        if let Some((_, ty)) = result {
            scope.locals.push((job.clone(), ty.clone()));
            self.results.push((job, ty));
        }
        (vec![Piece::Block(block)], gives)
    }

    /// The variables of a job and of its file.
    fn variables(
        &mut self,
        file: &Node,
        job: &Node,
        scope: &mut Scope,
    ) -> (Vec<(String, Expr)>, Vec<Piece>) {
        let mut variables: Vec<(String, Expr)> = Vec::new();
        let mut comments = Vec::new();
        for env in [file.get("env"), job.get("env")].into_iter().flatten() {
            for (key, node) in env.entries() {
                let value = self.value(node, scope);
                scope.env.insert(key.text.clone(), value.clone());
                variables.retain(|(name, _)| *name != key.text);
                match self.declared.refused_variable(node, &key.text, &value) {
                    Some(comment) => comments.push(comment),
                    None => variables.push((key.text.clone(), value)),
                }
            }
        }
        (variables, comments)
    }

    /// What a job gives, as a record and its type; what nobody reads is not worked out.
    fn outputs(&mut self, job: &Node, scope: &Scope, gives: bool) -> Option<(String, String)> {
        let mut fields = Vec::new();
        for (key, value) in job.get("outputs").map(Node::entries).unwrap_or_default() {
            match gives {
                true => {
                    let value = self.value(value, scope).as_text();
                    fields.push((name(&key.text), value.text));
                }
                false => value.skip(),
            }
        }
        (!fields.is_empty()).then(|| super::record(&fields))
    }

    /// What `defaults.run` says of shells and folders.
    fn defaults(&mut self, file: &Node, job: &Node, scope: &Scope) {
        self.shell = None;
        self.folder = None;
        for node in [file, job] {
            let Some(run) = node.at(&["defaults", "run"]) else {
                continue;
            };
            if let Some(shell) = run.text_of("shell") {
                self.shell = Some(shell.to_string());
            }
            if let Some(folder) = run.get("working-directory") {
                self.folder = Some(self.value(folder, scope));
            }
        }
    }

    /// The infrastructure of a job with an environment.
    fn environment_of(&mut self, node: &Node, scope: &Scope, matrix: Option<&Matrix>) -> String {
        let name_node = match node.peek() {
            Some(_) => node,
            None => {
                if let Some(url) = node.get("url").filter(|it| !it.is_empty()) {
                    let why = "the page of a deployment is not shown";
                    self.declared
                        .notes
                        .add(NoteKind::Dropped, url, "environment.url", why, "");
                    url.skip();
                }
                match node.get("name") {
                    Some(name) => name,
                    None => node,
                }
            }
        };
        let value = self.value(name_node, scope).as_text();
        let why = "its reviewers, branches and secrets are not in the file; deployments to it take \
                   turns";
        let what = format!("environment {}", name_node.peek().unwrap_or_default());
        let advice = "write `approve`, and read its secrets with `secret`";
        self.declared.changed(name_node, &what, why, advice);
        if let Some(literal) = &value.literal {
            return format!("{}.main", self.environment(literal));
        }
        let written = name_node.peek().unwrap_or_default();
        let inner = written
            .trim()
            .strip_prefix("${{")
            .and_then(|it| it.strip_suffix("}}"));
        let inner = inner.map(str::trim).unwrap_or_default();
        let known = match inner.strip_prefix("matrix.") {
            Some(axis) => matrix.and_then(|it| it.texts.get(axis)).cloned(),
            None => {
                let input = inner.strip_prefix("github.event.").unwrap_or(inner);
                let input = input.strip_prefix("inputs.").unwrap_or_default();
                self.choices.get(input).cloned()
            }
        };
        let known = known.unwrap_or_default();
        if known.is_empty() {
            let why = "which environments there are is not in the files";
            let advice = "declare them: `environment NAME { infrastructure main: site {} }`";
            self.declared.changed(name_node, &what, why, advice);
        }
        known.iter().for_each(|it| {
            self.environment(it);
        });
        self.needs_place = true;
        format!("place({})", value.text)
    }

    /// Declares the workflow of a deployment.
    fn deployment(
        &mut self,
        id: &str,
        main: Vec<Piece>,
        handlers: Vec<Block>,
        target: &str,
        scope: &Scope,
    ) -> Piece {
        let mut body = main;
        if !handlers.is_empty() {
            let mut step = Block::new("step work", body);
            step.handlers = handlers;
            body = vec![Piece::Block(step)];
        }
        let workflow = self.declared.names.give(&format!("deploy-{id}"));
        let written = text(&body);
        let mut parameters = vec![
            "s: service<site>".to_string(),
            "i: infrastructure<site>".into(),
        ];
        let mut arguments = Vec::new();
        for (name, ty) in self.results.iter().chain(&scope.locals) {
            let argument = format!("{name}: {name}");
            if crate::finish::has_word(&written, name) && !arguments.contains(&argument) {
                parameters.push(format!("{name}: {ty}"));
                arguments.push(argument);
            }
        }
        let head = format!("workflow {workflow}({})", parameters.join(", "));
        self.workflows.push(Piece::Gap);
        self.workflows.push(Piece::block(head, body));
        let arguments = arguments.join(", ");
        Piece::line(format!(
            "deploy app to {target} using {workflow}({arguments})"
        ))
    }

    /// A job that calls a reusable workflow.
    fn call(
        &mut self,
        id: &str,
        node: &Node,
        uses: &Node,
        scope: &Scope,
        gives: bool,
    ) -> (Vec<Piece>, Option<String>) {
        let path = uses.text().unwrap_or_default().to_string();
        let Some(called) = self.reusable.get(super::file_name(&path)).cloned() else {
            Declared::pass_over(node, &["with", "secrets"]);
            let what = format!("uses: {path}");
            let why = "the workflow is in none of the files";
            let comment = self
                .declared
                .not_imported(uses, &what, why, "give its file, too");
            return (vec![comment], None);
        };
        let mut arguments = Vec::new();
        for (key, value) in node.get("with").map(Node::entries).unwrap_or_default() {
            let found = called.inputs.iter().find(|(name, ..)| *name == key.text);
            let Some((_, parameter, ty)) = found else {
                continue;
            };
            let value = self.value(value, scope);
            arguments.push(format!("{parameter}: {}", fitted(&value, *ty)));
        }
        let secrets = node.get("secrets");
        let inherits = secrets.is_some_and(|it| it.peek() == Some("inherit"));
        if inherits {
            secrets.into_iter().for_each(Node::skip);
        }
        for (id, parameter) in &called.secrets {
            let handed = secrets
                .and_then(|it| it.get(id))
                .map(|it| self.value(it, scope));
            let value = handed.unwrap_or_else(|| self.declared.secret(node, id));
            arguments.push(format!("{parameter}: {}", value.text));
        }
        let call = format!("{}({})", called.name, arguments.join(", "));
        let job = name(id);
        match gives && called.gives {
            true => {
                self.results.push((job.clone(), called.result.clone()));
                (vec![Piece::line(format!("let {job} = {call}"))], Some(job))
            }
            false => (vec![Piece::line(call)], None),
        }
    }
}

/// A value as an argument of a type.
fn fitted(value: &Expr, ty: Ty) -> String {
    match (ty, value.ty, &value.literal) {
        (Ty::Text, _, _) => value.as_text().text,
        (_, _, Some(literal)) if Expr::scalar(literal).ty != Ty::Text => literal.clone(),
        (Ty::Bool, Ty::Text, _) => format!("{} == \"true\"", value.inner()),
        (Ty::Float, Ty::Text | Ty::Int, _) => format!("float({})", value.text),
        _ => value.text.clone(),
    }
}

/// A failure counts as a success, after what is done then.
fn ignore(handlers: &mut Vec<Block>) {
    if !handlers.iter().any(|it| it.head == "on failure") {
        handlers.push(Block::new("on failure", Vec::new()));
    }
    let failed = handlers.iter_mut().find(|it| it.head == "on failure");
    let why = Piece::comment("`continue-on-error` of the job.");
    let verdict = [why, Piece::line("ignore")];
    failed
        .into_iter()
        .for_each(|it| it.body.extend(verdict.clone()));
}

/// Variables for each command by itself.
fn with_each(pieces: &mut [Piece], variables: &[(String, Expr)]) {
    if variables.is_empty() {
        return;
    }
    for piece in pieces {
        match piece {
            Piece::Line(text) if text.starts_with("run ") => *text = joined(text, variables),
            Piece::Block(block) => {
                with_each(&mut block.body, variables);
                block
                    .handlers
                    .iter_mut()
                    .for_each(|it| with_each(&mut it.body, variables));
            }
            _ => {}
        }
    }
}

/// A command with more variables; its own count before them.
fn joined(line: &str, variables: &[(String, Expr)]) -> String {
    let own = |name: &str| line.contains(&format!("{name}: "));
    let more: Vec<(String, Expr)> = variables
        .iter()
        .filter(|(name, _)| !own(name))
        .cloned()
        .collect();
    let env = crate::script::env(&more);
    match line.rfind(" env { ") {
        _ if env.is_empty() => line.to_string(),
        Some(at) if line.ends_with(" }") && line[at..].lines().count() == 1 => {
            let first = env.trim_start_matches(" env { ").trim_end_matches(" }");
            format!(
                "{} env {{ {first}, {}",
                &line[..at],
                &line[at + " env { ".len()..]
            )
        }
        _ => format!("{line}{env}"),
    }
}

fn texts(node: &Node, all: &mut String) {
    match &node.value {
        crate::yaml::Value::Scalar { text, .. } => {
            all.push_str(text);
            all.push('\n');
        }
        crate::yaml::Value::List(items) => items.iter().for_each(|it| texts(it, all)),
        crate::yaml::Value::Map(entries) => entries.iter().for_each(|(_, it)| texts(it, all)),
    }
}
