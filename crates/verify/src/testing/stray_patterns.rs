//! Patterns of tests that stand for nothing, whatever the inputs are: found without running
//! anything, so that an editor can show them while a pipeline is being changed.

#![deny(clippy::wildcard_enum_match_arm)]

use lockstep_base::diagnostic::Diagnostic;
use lockstep_base::node_path::NodePath;
use lockstep_base::source::Name;
use lockstep_engine::path_pattern::PathPattern;
use lockstep_lang::ir::{Program, Test, TestKind, TestStmt};
use lockstep_plan::{NodeForms, SourceNode, SourceNodes, ValueForms, written};

use super::{diagnostics, pattern_suggestions};

/// At most so many paths are considered for a suggestion.
const MAX_PATHS: usize = 5_000;

/// At most so many names of services or infrastructures are considered for each value of a path.
const MAX_NAMES: usize = 40;

/// The mistakes of the tests of a program.
pub(crate) fn stray_patterns(program: &Program) -> Vec<Diagnostic> {
    let nodes = SourceNodes::new(program);
    let of_test = |test| in_test(&nodes, test);
    program.tests.iter().flat_map(of_test).collect()
}

fn in_test(nodes: &SourceNodes<'_>, test: &Test) -> Vec<Diagnostic> {
    let all = nodes.pipelines();
    let mut started = test.stmts.iter().filter_map(|stmt| match &stmt.kind {
        TestKind::Start { pipeline } => all.get(*pipeline as usize),
        TestKind::GivenInput { .. }
        | TestKind::GivenDeployed { .. }
        | TestKind::GivenRun { .. }
        | TestKind::GivenNode { .. }
        | TestKind::ExpectStatus { .. }
        | TestKind::ExpectOrder { .. }
        | TestKind::ExpectCondition(_) => None,
    });
    let Some(pipeline) = started.next() else {
        return Vec::new();
    };
    let known = std::cell::OnceCell::new();
    let known = || known.get_or_init(|| paths(nodes, *pipeline)).as_slice();
    let stray = |pattern: &Name| nodes.steps(&[*pipeline], pattern).is_empty();
    let found = test.stmts.iter().filter_map(|stmt| {
        let (patterns, is_given) = patterns(stmt);
        let pattern = patterns.into_iter().find(|it| stray(it))?;
        let pattern = PathPattern::new(pattern);
        let help = pattern_suggestions::help(&pattern, known().iter().map(NodePath::as_str));
        Some(match is_given {
            true => diagnostics::given_without_node(stmt.span, &pattern, help),
            false => diagnostics::expect_without_node(stmt.span, &pattern, help),
        })
    });
    found.collect()
}

/// The patterns of a statement, and whether it is a `given`.
fn patterns(stmt: &TestStmt) -> (Vec<&Name>, bool) {
    match &stmt.kind {
        TestKind::GivenNode { path, .. } => (vec![path], true),
        TestKind::ExpectStatus { path, .. } => (vec![path], false),
        TestKind::ExpectOrder { first, second } => (vec![first, second], false),
        TestKind::GivenInput { .. }
        | TestKind::GivenRun { .. }
        | TestKind::GivenDeployed { .. }
        | TestKind::Start { .. }
        | TestKind::ExpectCondition(_) => (Vec::new(), false),
    }
}

/// Paths that a pipeline may have; what is not known of them is `*`.
fn paths(nodes: &SourceNodes<'_>, pipeline: SourceNode<'_>) -> Vec<NodePath> {
    let root = NodePath::root(&nodes.forms(pipeline).name);
    let mut found = vec![root.clone()];
    let mut open = std::collections::VecDeque::from([(pipeline, root)]);
    while let Some((node, above)) = open.pop_front() {
        for child in nodes.inside(node) {
            for part in part_texts(&nodes.forms(child)) {
                if found.len() >= MAX_PATHS {
                    return found;
                }
                let path = NodePath::from(format!("{above}/{part}"));
                found.push(path.clone());
                open.push_back((child, path));
            }
        }
    }
    found
}

/// What a node may be called, with every combination of values that are known.
fn part_texts(forms: &NodeForms) -> Vec<String> {
    let mut all: Vec<Vec<String>> = vec![Vec::new()];
    for value in &forms.values {
        let texts: Vec<String> = match value {
            ValueForms::Any => vec![String::from("*")],
            ValueForms::Text(text) => vec![written(text)],
            ValueForms::Services(names) | ValueForms::Infrastructures(names) => {
                let names = names.iter().take(MAX_NAMES);
                names.map(|name| written(name)).collect()
            }
        };
        let longer = all.iter().flat_map(|before| {
            texts
                .iter()
                .map(move |text| [before.as_slice(), std::slice::from_ref(text)].concat())
        });
        all = longer.collect();
    }
    let shown = |values: Vec<String>| match values.is_empty() {
        true => forms.name.to_string(),
        false => format!("{}[{}]", forms.name, values.join(", ")),
    };
    all.into_iter().map(shown).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use lockstep_base::world::{FileError, Files};
    use lockstep_lang::compile::compile;

    struct OneFile(&'static str);

    impl Files for OneFile {
        fn read(&self, path: &str) -> Result<String, FileError> {
            match path {
                "a.deploy" => Ok(self.0.to_owned()),
                _ => Err(FileError::NotFound),
            }
        }
    }

    const PIPELINE: &str = r#"
        input fast: bool = false
        input hosts: [string] = []
        kind k { infrastructure { host: string } deploy using put }
        workflow put(s: service<k>, i: infrastructure<k>) {
          step push { run "push" } undo { run "back" }
          barrier done[i.name]
          check()
        }
        workflow other(s: service<k>, i: infrastructure<k>) { log "other" }
        workflow check() { run "check" }
        service web: k {}
        service db: k using other {}
        environment prod {
          infrastructure eu: k { host = "a" }
          infrastructure us: k { host = "b" }
        }
        pipeline ship {
          stage live {
            matrix parallel i in prod.* parallel s in [web, db] { deploy s to i }
          } on failure { log "failed" }
          if fast { step extra { run "extra" } } else { serial { run "slow" } }
          serial h in hosts { lock "l" { run "ping" } } always { log "end" }
          let got = run "get"
          verify for 1m every 10s { check() }
          approve "go on?"
        }
    "#;

    /// What each pattern gives; a pattern that some run may have is never stray.
    #[test]
    fn only_what_no_run_can_have_is_stray() {
        for (pattern, is_stray) in [
            ("ship", false),
            ("**", false),
            ("ship/**", false),
            ("ship/live", false),
            ("ship/life", true),
            ("live", true),
            ("**/live/on-failure/log", false),
            ("**/live/undo", true),
            ("**/deploy[web, prod.eu]/push/run", false),
            ("**/deploy[web, prod.eu]/push/undo/run", false),
            ("**/deploy[web, prod.ue]/push", true),
            ("**/deploy[wep, *]", true),
            ("**/deploy[*, prod.*]/log", false),
            ("**/matrix[prod.eu, web]/**/check", false),
            ("ship/live/matrix[*]/deploy[*]/check/run", false),
            ("**/barrier[done, eu]", false),
            ("**/barrier[don]", true),
            ("ship/extra/run", false),
            ("ship/serial/run", false),
            ("ship/serial[h1]/lock[l]/run", false),
            ("ship/serial[*]#2/lock[m]", true),
            ("ship/always/log", false),
            ("ship/run", false),
            ("ship/run#2", false),
            ("ship/verify/check/run", false),
            ("ship/approve", false),
            ("**/put", true),
            ("**/pu*h", false),
            ("**/extra/**/check", true),
        ] {
            let test = format!("test \"t\" {{ start ship expect \"{pattern}\" succeeded }}");
            let text = format!("{PIPELINE}{test}");
            let compiled = compile(&OneFile(Box::leak(text.into_boxed_str())), "a.deploy");
            let program = compiled.program.unwrap_or_else(|| {
                panic!("{:?}", compiled.diagnostics);
            });
            let found = stray_patterns(&program);
            assert_eq!(!found.is_empty(), is_stray, "{pattern}: {found:?}");
        }
    }

    #[test]
    fn what_was_probably_meant_is_suggested() {
        let text = format!(
            "{PIPELINE}test \"t\" {{
               given \"**/deploy[web, prod.ue]/push/run\" fails
               start ship
               expect \"ship/life\" before \"ship/extra\"
             }}"
        );
        let compiled = compile(&OneFile(Box::leak(text.into_boxed_str())), "a.deploy");
        let found = stray_patterns(&compiled.program.expect("a program"));
        let said = |at: usize, code: &str, pattern: &str, meant: &str| {
            let found: &Diagnostic = &found[at];
            assert_eq!(found.code.as_str(), code);
            assert_eq!(found.message, format!("no node fits `{pattern}`"));
            let help = found.help.as_deref().unwrap_or_default();
            assert!(
                help.starts_with(&format!("did you mean `{meant}`")),
                "{help}"
            );
        };
        let meant = "**/deploy[web, prod.eu]/push/run";
        said(0, "E0742", "**/deploy[web, prod.ue]/push/run", meant);
        said(1, "E0741", "ship/life", "ship/live");
        assert_eq!(found.len(), 2);
    }
}
