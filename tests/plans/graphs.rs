//! The graphs of plans are well formed. Graphviz itself checks them if it is installed.

use std::collections::BTreeSet;
use std::io::Write;
use std::process::{Command, Stdio};

use lockstep_outline::Outline;
use lockstep_view::plan::{dot, mermaid};

use super::agree::plans;

/// Every outline of the corpus, with its name.
fn outlines(mut each: impl FnMut(&str, &Outline)) {
    insta::glob!("../corpus/plan", "*.deploy", |path| {
        let text = std::fs::read_to_string(path).expect("a file");
        for plan in plans(&text) {
            let outline = Outline::with(&plan, 20);
            each(
                &format!("{} {}", path.display(), outline.pipeline),
                &outline,
            );
        }
    });
}

/// The syntax errors of a Mermaid flowchart, by its grammar as far as plans use it.
fn mistakes(chart: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut lines = chart.lines();
    if lines.next() != Some("flowchart TD") {
        found.push(String::from("it is no flowchart"));
    }
    let mut known: BTreeSet<&str> = BTreeSet::new();
    let mut used: Vec<&str> = Vec::new();
    let mut open = 0;
    for line in lines {
        let line = line.trim();
        let quotes = line.matches('"').count();
        if let Some(rest) = line.strip_prefix("subgraph ") {
            open += 1;
            let (id, text) = rest.split_once('[').unwrap_or((rest, ""));
            known.insert(id);
            if !(text.starts_with('"') && text.ends_with("\"]") && quotes == 2) {
                found.push(format!("a group without a text: {line}"));
            }
        } else if line == "end" {
            open -= 1;
        } else if let Some((from, to)) = line.split_once(" --> ") {
            used.extend([from, to]);
        } else if let Some((from, rest)) = line.split_once(" -.-|\"") {
            let to = rest.split_once("\"| ").map(|(_, to)| to);
            used.extend([from, to.unwrap_or("nothing")]);
        } else {
            let shapes = [
                ("[\"", "\"]"),
                ("{{\"", "\"}}"),
                ("((\"", "\"))"),
                ("([\"", "\"])"),
            ];
            let fits = |(before, after): &&(&str, &str)| {
                line.contains(before) && line.ends_with(after) && quotes == 2
            };
            match shapes.iter().find(fits) {
                Some((before, _)) => {
                    let id = line.split(before).next().unwrap_or_default();
                    if !known.insert(id) {
                        found.push(format!("{id} stands twice"));
                    }
                }
                None => found.push(format!("not understood: {line}")),
            }
        }
        if open < 0 {
            found.push(String::from("an `end` too many"));
        }
    }
    if open != 0 {
        found.push(format!("{open} groups are not closed"));
    }
    let id = |id: &&&str| {
        id.strip_prefix('n')
            .is_none_or(|it| it.parse::<u32>().is_err())
    };
    found.extend(
        known
            .iter()
            .filter(id)
            .map(|id| format!("{id} is not a name")),
    );
    let unknown = used.iter().filter(|id| !known.contains(**id));
    found.extend(unknown.map(|id| format!("{id} does not exist")));
    found
}

#[test]
fn mermaid_charts_are_well_formed() {
    outlines(|name, outline| {
        for full in [false, true] {
            let chart = mermaid(outline, full);
            assert_eq!(mistakes(&chart), [""; 0], "{name}\n{chart}");
        }
    });
}

#[test]
fn a_chart_that_is_not_well_formed_is_found() {
    for chart in [
        "graph TD\n",
        "flowchart TD\nn1[\"a\"b\"]\n",
        "flowchart TD\nn1[a]\n",
        "flowchart TD\nn1 --> n2\n",
        "flowchart TD\nsubgraph n1[\"a\"]\n",
        "flowchart TD\nend\n",
        "flowchart TD\nn1[\"a\"]\nn1[\"b\"]\n",
        "flowchart TD\nend[\"a\"]\n",
    ] {
        assert!(!mistakes(chart).is_empty(), "{chart}");
    }
}

/// Needs the program `dot` of Graphviz; without it nothing is tested.
#[test]
fn graphviz_draws_every_plan() {
    let there = Command::new("dot").arg("-V").stderr(Stdio::null()).status();
    if there.is_err() {
        eprintln!("skipped: `dot` of Graphviz is not installed");
        return;
    }
    // One at a time: some versions of it do not survive several graphs in one call.
    outlines(|name, outline| {
        for full in [false, true] {
            let complaints = draw(&dot(outline, full));
            // Some versions of it do not support two heads on an arrow between two frames.
            let complaints: String = (complaints.lines())
                .filter(|line| !line.ends_with("spline size > 1 not supported"))
                .collect();
            assert_eq!(complaints, "", "{name}");
        }
    });
    assert_ne!(draw("digraph {"), "");
}

/// The warnings of Graphviz when it draws a graph.
fn draw(graph: &str) -> String {
    let mut child = Command::new("dot")
        .arg("-Tsvg")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("dot starts");
    let mut stdin = child.stdin.take().expect("a pipe");
    stdin.write_all(graph.as_bytes()).expect("it reads");
    drop(stdin);
    let output = child.wait_with_output().expect("dot ends");
    let complaints = String::from_utf8_lossy(&output.stderr).into_owned();
    match output.status.success() {
        true => complaints,
        false => format!("it failed: {complaints}"),
    }
}
