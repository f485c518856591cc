//! What each type of step of Harness is: scripts, requests, approvals, Kubernetes, Helm.

use super::Importer;
use super::scope::{Scope, StepResult};
use super::steps::Made;
use crate::declared::Declared;
use crate::foreign::{Slice, harness_slices};
use crate::program::{Block, Piece};
use crate::script::{self, Script};
use crate::shell::is_plain;
use crate::value::{Expr, Ty};
use crate::words::quoted;
use crate::yaml::Node;

/// What scripts of Harness do not stop at, and those of Lockstep would: those of steps of stages
/// that build stop at the first command that fails.
fn lenient(shell: &str, builds: bool) -> &'static str {
    match (shell, builds) {
        ("Bash", false) => "set +eu +o pipefail\n",
        ("Bash", true) => "set +u +o pipefail\n",
        (_, false) => "set +eu\n",
        (_, true) => "set +u\n",
    }
}

impl Importer<'_> {
    /// What a step does, by its type.
    pub(super) fn made(
        &mut self,
        node: &Node,
        id: &str,
        timeout: Option<&str>,
        scope: &mut Scope,
    ) -> Made {
        let kind = node
            .get("type")
            .and_then(Node::text)
            .unwrap_or_default()
            .to_string();
        let empty = Node::scalar("", node);
        let spec = node.get("spec").unwrap_or(&empty);
        match kind.as_str() {
            "ShellScript" => self.shell_script(spec, scope),
            "Run" => self.run_step(spec, scope),
            "Command" => self.command(spec, scope),
            "Http" => self.request(spec, id, timeout, scope),
            "Wait" => self.wait(spec),
            "Barrier" => self.barrier(node, spec, timeout, scope),
            "HarnessApproval" => self.approval(node, spec, timeout, scope),
            kind if kind.starts_with("K8s") => self.kubernetes(node, kind, spec, scope),
            kind if kind.starts_with("Helm") => self.helm(node, kind, spec, scope),
            _ => self.foreign_step(node, &kind),
        }
    }

    /// A step of a type that has no counterpart.
    pub(super) fn foreign_step(&mut self, node: &Node, kind: &str) -> Made {
        let id = node.text_of("identifier").unwrap_or_default();
        let template = node
            .get("template")
            .and_then(|it| it.text_of("templateRef"));
        let what = match template {
            Some(template) => format!("step {id} by the template {template}"),
            None => format!("step {id} of type {kind}"),
        };
        let (why, advice) = match template {
            Some(_) => ("the template is in none of the files", "give its file, too"),
            None => (
                "steps of this type have no counterpart",
                "write what it does as a command with `run`",
            ),
        };
        let comment = self.declared.not_imported(node, &what, why, advice);
        // What is in it is said with it.
        node.skip();
        Made::bare(vec![comment])
    }

    fn wait(&mut self, spec: &Node) -> Made {
        let time = spec.get("duration").and_then(|it| self.duration(it));
        match time {
            Some(time) => Made::bare(vec![Piece::line(format!("wait {time}"))]),
            None => Made::bare(Vec::new()),
        }
    }

    fn barrier(&mut self, node: &Node, spec: &Node, timeout: Option<&str>, scope: &Scope) -> Made {
        let Some(name) = spec.get("barrierRef").and_then(Node::text) else {
            return self.foreign_step(node, "Barrier");
        };
        let name = crate::words::name(name);
        if scope.backwards {
            let what = format!("barrier {name}");
            let why = "nobody waits while something is rolled back or after a failure";
            let comment = self.declared.not_imported(node, &what, why, "leave it out");
            return Made::bare(vec![comment]);
        }
        let place = (node.file, node.line, node.column);
        self.barriers.entry(name.clone()).or_insert(place);
        let timeout = timeout
            .map(|it| format!(" timeout {it}"))
            .unwrap_or_default();
        Made::bare(vec![Piece::line(format!("barrier {name}{timeout}"))])
    }

    fn approval(
        &mut self,
        node: &Node,
        spec: &Node,
        timeout: Option<&str>,
        scope: &mut Scope,
    ) -> Made {
        if scope.backwards {
            return self.foreign_step(node, "HarnessApproval, after a failure");
        }
        let message = spec
            .get("approvalMessage")
            .map(|it| self.value(it, "message", scope));
        let message = message
            .filter(|it| it.ty == Ty::Text)
            .unwrap_or(Expr::literal("Go on?"));
        let mut line = format!("approve {}", message.text);
        let empty = Node::scalar("", node);
        let approvers = spec.get("approvers").unwrap_or(&empty);
        let mut groups = Vec::new();
        for group in approvers
            .get("userGroups")
            .map(Node::one_or_many)
            .unwrap_or_default()
        {
            let value = self.value(group, "approvers", scope).as_text();
            groups.push(match &value.literal {
                // Without the scope of the account: `account.release_managers`.
                Some(text) => quoted(text.rsplit('.').next().unwrap_or(text)),
                None => value.text,
            });
        }
        if !groups.is_empty() {
            line.push_str(&format!(" by [{}]", groups.join(", ")));
            let why = "who is in a group is said by groups.toml here";
            self.declared
                .changed(approvers, "userGroups", why, "write the groups down there");
        }
        if let Some(count) = approvers.get("minimumCount") {
            let value = match count.peek().unwrap_or_default().starts_with("<+input>") {
                true => self.runtime_input(
                    count,
                    &format!("{}-count", scope.within),
                    "Number",
                    Some("1"),
                    scope,
                ),
                false => Expr::scalar(count.text().unwrap_or("1")),
            };
            if value.ty == Ty::Int && value.literal.as_deref() != Some("1") {
                line.push_str(&format!(" count {}", value.text));
            }
        }
        if approvers.flag_of("disallowPipelineExecutor") == Some(true) {
            line.push_str(" except [run.user]");
        }
        if let Some(timeout) = timeout {
            line.push_str(&format!(" timeout {timeout}"));
        }
        let history = "people see the plan and the run";
        self.declared
            .drop_keys(spec, &[("includePipelineExecutionHistory", history)]);
        if spec.get("isAutoRejectEnabled").and_then(Node::peek) == Some("false") {
            spec.get("isAutoRejectEnabled").inspect(|it| it.skip());
        }
        Made::step(vec![Piece::line(line)])
    }

    fn request(&mut self, spec: &Node, id: &str, timeout: Option<&str>, scope: &mut Scope) -> Made {
        let method = spec.text_of("method").unwrap_or("GET").to_string();
        let Some(url) = spec.get("url").map(|it| self.value(it, "url", scope)) else {
            return Made::bare(Vec::new());
        };
        let mut arguments = vec![quoted(&method), url.text];
        let mut headers = Vec::new();
        for header in spec.items_of("headers") {
            let key = header.text_of("key").unwrap_or_default().to_string();
            let value = header.get("value").map(|it| self.value(it, &key, scope));
            headers.extend(value.map(|it| format!("{}: {}", quoted(&key), it.text)));
        }
        if !headers.is_empty() {
            arguments.push(format!("headers: {{ {} }}", headers.join(", ")));
        }
        if let Some(body) = spec.get("requestBody").or_else(|| spec.get("body")) {
            arguments.push(format!("body: {}", self.value(body, "body", scope).text));
        }
        let assertion = spec.text_of("assertion").map(ToString::to_string);
        let status = assertion.as_deref().and_then(expected_status);
        let mut behind = Vec::new();
        match (status, &assertion) {
            (Some(status), _) => arguments.push(format!("expect: [{status}]")),
            (None, Some(_)) => {
                let node = spec.get("assertion").unwrap_or(spec);
                let mut inner = scope.clone();
                let answer = StepResult::Request("answer".into());
                inner.steps.insert(id.to_string(), answer);
                let holds = self.assertion(node, &inner);
                let fail = Piece::line("fail \"the answer is not what was expected\"");
                behind.push(Piece::block(
                    format!("if not {}", holds.inner()),
                    vec![fail],
                ));
            }
            (None, None) => {}
        }
        if let Some(timeout) = timeout {
            arguments.push(format!("timeout: {timeout}"));
        }
        let call = format!("http.request({})", arguments.join(", "));
        let mut pieces = match behind.is_empty() {
            true => vec![Piece::line(call)],
            false => vec![Piece::line(format!("let answer = {call}"))],
        };
        let last = behind.is_empty();
        pieces.extend(behind);
        if !last {
            pieces.push(Piece::line("yield answer"));
        }
        Made {
            result: Some(StepResult::Request),
            ..Made::step(pieces)
        }
    }

    /// An assertion on the answer of a request.
    fn assertion(&mut self, node: &Node, scope: &Scope) -> Expr {
        let text = node.text().unwrap_or_default();
        let replaced = (text.replace(
            "<+httpResponseCode>",
            "<+execution.steps.ID.output.httpResponseCode>",
        ))
        .replace(
            "<+httpResponseBody>",
            "<+execution.steps.ID.output.httpResponseBody>",
        )
        .replace("steps.ID.", &format!("steps.{}.", scope.within));
        let changed = Node::scalar(&replaced, node);
        self.condition(&changed, scope, &format!("assertion-{}", scope.within))
    }

    /// Variables of a script that have names there.
    fn variables_of(&mut self, list: &[Node], scope: &Scope) -> Vec<(String, Expr)> {
        let mut found = Vec::new();
        for variable in list {
            let Some(name) = variable.text_of("name").map(ToString::to_string) else {
                continue;
            };
            let is_secret = variable.text_of("type") == Some("Secret");
            let Some(node) = variable.get("value") else {
                continue;
            };
            let value = match is_secret && !node.peek().unwrap_or_default().contains("<+") {
                true => self.declared.secret(node, node.text().unwrap_or_default()),
                false => self.value(node, &name, scope),
            };
            match self.declared.refused_variable(node, &name, &value) {
                Some(comment) => self.file_comments.push(comment),
                None => found.push((name, value)),
            }
        }
        found
    }

    fn shell_script(&mut self, spec: &Node, scope: &mut Scope) -> Made {
        let shell = spec.text_of("shell").unwrap_or("Bash").to_string();
        let source = spec
            .at(&["source", "type"])
            .and_then(Node::text)
            .unwrap_or("Inline");
        let inline = source == "Inline";
        let text = match inline {
            true => spec.at(&["source", "spec", "script"]),
            false => None,
        };
        let Some(text) = text else {
            let why = "its script is not in this file";
            let advice = "run the script's file: `run \"./script.sh\"`";
            let comment = self.declared.not_imported(spec, "script", why, advice);
            spec.get("source").inspect(|it| it.skip());
            return Made::bare(vec![comment]);
        };
        let named = self.variables_of(spec.items_of("environmentVariables"), scope);
        let mut pieces = self.execution_target(spec, scope);
        let made = self.script(text, &shell, named, spec.items_of("outputVariables"), scope);
        pieces.1.extend(made);
        let result: fn(String) -> StepResult = StepResult::Command;
        match pieces.0 {
            Some(head) => Made::step(vec![Piece::block(head, pieces.1)]),
            None => Made {
                result: Some(result),
                ..Made::step(pieces.1)
            },
        }
    }

    /// Where a script runs: the head of a block around it.
    fn execution_target(&mut self, spec: &Node, scope: &Scope) -> (Option<String>, Vec<Piece>) {
        let Some(target) = spec.get("executionTarget").filter(|it| !it.is_empty()) else {
            return (None, Vec::new());
        };
        let mut head = String::from("with");
        if let Some(host) = target.get("host").filter(|it| !it.is_empty()) {
            let host = self.value(host, "host", scope).as_text();
            head.push_str(&format!(" on ssh({})", host.text));
        }
        if let Some(folder) = target.get("workingDirectory").filter(|it| !it.is_empty()) {
            let folder = self.value(folder, "folder", scope).as_text();
            head.push_str(&format!(" in {}", folder.text));
        }
        let why = "how a machine is reached is said by ssh's own configuration";
        self.declared.drop_keys(target, &[("connectorRef", why)]);
        ((head != "with").then_some(head), Vec::new())
    }

    /// A script as a statement.
    pub(super) fn script(
        &mut self,
        node: &Node,
        shell: &str,
        named: Vec<(String, Expr)>,
        outputs: &[Node],
        scope: &Scope,
    ) -> Vec<Piece> {
        let text = node.text().unwrap_or_default().to_string();
        if text.starts_with("<+input>") {
            let why = "what is executed is never an input";
            let advice = "write the script here";
            return vec![
                self.declared
                    .not_imported(node, "script: <+input>", why, advice),
            ];
        }
        let using = match shell {
            "Bash" => " using bash",
            "Sh" | "" => "",
            other => {
                let what = format!("a script of {other}");
                let why = "only scripts of sh and bash are carried over";
                let advice = "run its interpreter with the script on its standard input";
                return vec![self.declared.not_imported(node, &what, why, advice)];
            }
        };
        let slices = harness_slices(text.trim_end());
        let made = script::script(&slices, |written| self.reference(node, written, scope));
        let Some(Script {
            text: script,
            variables,
        }) = made
        else {
            let why = "its values cannot be told from its text";
            return vec![
                self.declared
                    .not_imported(node, "script", why, "write it by hand"),
            ];
        };
        let behind = self.outputs(outputs);
        let mut all = Script {
            text: script,
            variables: named,
        };
        all.variables.extend(variables);
        let plain = slices.iter().all(|it| matches!(it, Slice::Text(_)))
            && behind.is_empty()
            && is_plain(&all.text);
        let line = match plain {
            true => script::run(&all, "", "", ""),
            false => script::run(&all, lenient(shell, scope.builds), &behind, using),
        };
        vec![Piece::line(line)]
    }

    /// The lines that hand on the outputs of a script.
    fn outputs(&mut self, outputs: &[Node]) -> String {
        let mut lines = String::new();
        for output in outputs {
            let Some(name) = output.text_of("name") else {
                continue;
            };
            let variable = output.text_of("value").unwrap_or(name);
            let variable = variable.trim_start_matches('$').trim_matches(['{', '}']);
            let fine = |it: char| it.is_ascii_alphanumeric() || it == '_';
            if variable.is_empty() || !variable.chars().all(fine) || name.contains(['=', '\'']) {
                output.forget();
                continue;
            }
            if output.text_of("type") == Some("Secret") {
                let why = "an output is shown and stored";
                let advice = "make the secret with `let x: secret = run …`";
                self.declared.changed(
                    output,
                    &format!("output {name} of type Secret"),
                    why,
                    advice,
                );
            }
            lines.push_str(&format!(
                "\nprintf '%s\\n' '{name}'\"<<$LOCKSTEP_END\" \"${{{variable}-}}\" \
                 \"$LOCKSTEP_END\" >>\"$LOCKSTEP_OUTPUT\""
            ));
        }
        match lines.is_empty() {
            true => lines,
            // How the script ended is how the step ends.
            false => format!("\nscript_status=$?{lines}\nexit \"$script_status\""),
        }
    }

    /// A `Run` step of a build stage.
    fn run_step(&mut self, spec: &Node, scope: &mut Scope) -> Made {
        let shell = spec.text_of("shell").unwrap_or("Sh").to_string();
        let mut named = Vec::new();
        for (key, value) in spec
            .get("envVariables")
            .map(Node::entries)
            .unwrap_or_default()
        {
            let node = value;
            let value = self.value(value, &key.text, scope);
            match self.declared.refused_variable(node, &key.text, &value) {
                Some(comment) => self.file_comments.push(comment),
                None => named.push((key.text.clone(), value)),
            }
        }
        let why = "commands run on this machine, not in a container";
        let keys = [
            "image",
            "connectorRef",
            "privileged",
            "resources",
            "imagePullPolicy",
            "runAsUser",
        ];
        self.declared.drop_keys(spec, &keys.map(|key| (key, why)));
        let Some(command) = spec.get("command") else {
            return Made::bare(Vec::new());
        };
        let outputs = spec.items_of("outputVariables");
        scope.builds = true;
        let pieces = self.script(command, &shell, named, outputs, scope);
        Made {
            result: Some(StepResult::Command),
            ..Made::step(pieces)
        }
    }

    /// A `Command` step of an SSH deployment: scripts on each host.
    fn command(&mut self, spec: &Node, scope: &mut Scope) -> Made {
        let named = self.variables_of(spec.items_of("environmentVariables"), scope);
        let mut pieces = Vec::new();
        for unit in spec.items_of("commandUnits") {
            Declared::pass_over(unit, &["identifier", "name"]);
            let unit_spec = unit.get("spec");
            let script = unit_spec.and_then(|it| it.at(&["source", "spec", "script"]));
            let kind = unit.text_of("type").unwrap_or_default().to_string();
            let Some((script, unit_spec)) = script.zip(unit_spec).filter(|_| kind == "Script")
            else {
                let what = format!("command unit of type {kind}");
                let why = "only scripts are carried over";
                let advice = "copy files with `run \"scp …\" on local()`";
                unit.skip();
                pieces.push(self.declared.not_imported(unit, &what, why, advice));
                continue;
            };
            unit_spec.at(&["source", "type"]).and_then(Node::text);
            let shell = unit_spec.text_of("shell").unwrap_or("Bash").to_string();
            let made = self.script(script, &shell, named.clone(), &[], scope);
            match unit_spec
                .get("workingDirectory")
                .filter(|it| !it.is_empty())
            {
                Some(folder) => {
                    let folder = self.value(folder, "folder", scope).as_text();
                    pieces.push(Piece::block(format!("with in {}", folder.text), made));
                }
                None => pieces.extend(made),
            }
        }
        let on_hosts = scope.deployment && crate::program::acts(&pieces);
        if spec.flag_of("onDelegate") != Some(true) && on_hosts {
            let host = match &scope.item {
                Some(item) => item.text.clone(),
                None => {
                    self.use_infrastructure_field("hosts");
                    let block = Block::new("on ssh(host)", pieces);
                    let each = Piece::block("parallel host in i.hosts", vec![Piece::Block(block)]);
                    return Made::step(vec![each]);
                }
            };
            pieces = vec![Piece::block(format!("on ssh({host})"), pieces)];
        }
        Made::step(pieces)
    }
}

/// The status of an assertion such as `<+httpResponseCode> == 200`.
fn expected_status(assertion: &str) -> Option<u32> {
    let rest = assertion.trim().strip_prefix("<+httpResponseCode>")?;
    let number = rest.trim().strip_prefix("==")?.trim().trim_matches('"');
    number.parse().ok().filter(|it| (100..600).contains(it))
}
