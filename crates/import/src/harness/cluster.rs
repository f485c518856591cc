//! Steps of Kubernetes and Helm as commands of `kubectl` and `helm`.

use super::Importer;
use super::scope::Scope;
use super::steps::Made;
use crate::program::Piece;
use crate::words::quoted;
use crate::yaml::Node;

/// Options of `kubectl` that name the cluster.
const KUBECTL: &str = "kubectl --context ${i.context} --namespace ${i.namespace}";
/// Options of `helm` that name the cluster.
const CLUSTER: &str = "--kube-context ${i.context} --namespace ${i.namespace}";

impl Importer<'_> {
    /// A step of Kubernetes.
    pub(super) fn kubernetes(
        &mut self,
        node: &Node,
        kind: &str,
        spec: &Node,
        scope: &Scope,
    ) -> Made {
        if !scope.deployment {
            return self.foreign_step(node, &format!("{kind}, outside of a deployment"));
        }
        let lines = match kind {
            "K8sRollingDeploy" => {
                self.drop_dry_run(spec);
                self.use_service_default("manifests", "\"k8s/${name}\"");
                self.use_service_default("workload", "\"deployment/${name}\"");
                vec![
                    format!("run \"{KUBECTL} apply --filename ${{s.manifests}}\""),
                    format!("run \"{KUBECTL} rollout status ${{s.workload}}\""),
                ]
            }
            "K8sRollingRollback" => {
                self.drop_dry_run(spec);
                let why = "`kubectl rollout undo` takes back the template of the workload alone, \
                           and \
                           goes to the revision before, whichever that is";
                let advice = "write an undo that restores what your step has seen before";
                self.declared.changed(node, kind, why, advice);
                self.use_service_default("workload", "\"deployment/${name}\"");
                vec![format!("run \"{KUBECTL} rollout undo ${{s.workload}}\"")]
            }
            "K8sApply" => {
                self.drop_dry_run(spec);
                let mut files = Vec::new();
                for path in spec
                    .get("filePaths")
                    .map(Node::one_or_many)
                    .unwrap_or_default()
                {
                    files.push(self.value(path, "file", scope).as_text());
                }
                let lines = files.iter().map(|file| {
                    let word = shell_word(file);
                    format!("run \"{KUBECTL} apply --filename {word}\"")
                });
                lines.collect()
            }
            "K8sScale" => match self.scale(spec, scope) {
                Some(lines) => lines,
                None => return self.foreign_step(node, kind),
            },
            "K8sDelete" => match self.delete(spec, scope) {
                Some(lines) => lines,
                None => return self.foreign_step(node, kind),
            },
            _ => return self.foreign_step(node, kind),
        };
        self.use_program("kubectl");
        self.use_cluster();
        Made::step(lines.into_iter().map(Piece::line).collect())
    }

    fn drop_dry_run(&mut self, spec: &Node) {
        for key in ["skipDryRun", "pruningEnabled", "skipSteadyStateCheck"] {
            if spec.get(key).and_then(Node::peek) == Some("false") {
                spec.get(key).inspect(|it| it.skip());
            }
        }
        let why = "kubectl is run without a dry run before";
        if spec.get("skipDryRun").and_then(Node::peek) == Some("true") {
            self.declared.drop_keys(spec, &[("skipDryRun", why)]);
        }
    }

    fn scale(&mut self, spec: &Node, scope: &Scope) -> Option<Vec<String>> {
        self.drop_dry_run(spec);
        let workload = self
            .value(spec.get("workload")?, "workload", scope)
            .as_text();
        let selection = spec.get("instanceSelection")?;
        if selection.text_of("type") != Some("Count") {
            return None;
        }
        let count = selection.at(&["spec", "count"])?;
        let count = self.value(count, "count", scope).as_text();
        let workload = shell_word(&workload);
        let count = shell_word(&count);
        Some(vec![
            format!("run \"{KUBECTL} scale {workload} --replicas={count}\""),
            format!("run \"{KUBECTL} rollout status {workload}\""),
        ])
    }

    fn delete(&mut self, spec: &Node, scope: &Scope) -> Option<Vec<String>> {
        let resources = spec.get("deleteResources")?;
        if resources.text_of("type") != Some("ResourceName") {
            return None;
        }
        let mut lines = Vec::new();
        for name in resources.at(&["spec", "resourceNames"])?.one_or_many() {
            let name = shell_word(&self.value(name, "resource", scope).as_text());
            lines.push(format!(
                "run \"{KUBECTL} delete --ignore-not-found {name}\""
            ));
        }
        (!lines.is_empty()).then_some(lines)
    }

    /// A step of Helm.
    pub(super) fn helm(&mut self, node: &Node, kind: &str, spec: &Node, scope: &Scope) -> Made {
        if !scope.deployment {
            return self.foreign_step(node, &format!("{kind}, outside of a deployment"));
        }
        self.drop_dry_run(spec);
        let lines = match kind {
            "HelmDeploy" => {
                self.use_service_default("chart", "\"charts/${name}\"");
                self.use_infrastructure_default("release", "\"\"");
                let values = match self.helm_values() {
                    true => " ${[\"--values=${file}\" for file in s.values]}",
                    false => "",
                };
                let ignored = "ignoreReleaseHistFailStatus";
                if spec.get(ignored).and_then(Node::peek) == Some("false") {
                    spec.get(ignored).inspect(|it| it.skip());
                }
                vec![format!(
                    "run \"helm upgrade --install {CLUSTER}{values} ${{s.name}} ${{s.chart}} \
                     --wait\""
                )]
            }
            "HelmRollback" => {
                let why = "`helm rollback` goes to the revision before, whichever that is";
                let advice =
                    "write an undo that names the revision which your step has seen before";
                self.declared.changed(node, kind, why, advice);
                vec![format!(
                    "run \"helm rollback {CLUSTER} ${{s.name}} --wait\""
                )]
            }
            _ => return self.foreign_step(node, kind),
        };
        self.use_program("helm");
        self.use_cluster();
        Made::step(lines.into_iter().map(Piece::line).collect())
    }

    fn use_cluster(&mut self) {
        self.use_infrastructure_default("context", "split(name, \".\")[1]");
        self.use_infrastructure_default("namespace", "\"default\"");
    }
}

/// A text as a word of a command, inside of the quotes of its text.
fn shell_word(value: &crate::value::Expr) -> String {
    match &value.literal {
        Some(text) if crate::shell::is_plain(text) && !text.contains(' ') => text.clone(),
        Some(text) => format!("${{{}}}", quoted(text)),
        None if is_simple(&value.text) => value.text.trim_matches('"').to_string(),
        None => format!("${{{}}}", value.text),
    }
}

/// Whether a text with values in it can stand in a command without its quotes.
fn is_simple(text: &str) -> bool {
    let inner = text.strip_prefix('"').and_then(|it| it.strip_suffix('"'));
    let plain = |it: char| it.is_ascii_alphanumeric() || "${}._/:@-".contains(it);
    inner.is_some_and(|it| it.chars().all(plain) && !it.starts_with('-'))
}
