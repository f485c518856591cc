//! A plan as a graph in the DOT language of Graphviz.

use std::collections::HashMap;
use std::fmt::Write;

use lockstep_outline::Outline;

use super::graph::{GraphEdge, GraphPart, GraphShape, graph};

/// The plan in DOT: `lockstep plan --format dot | dot -Tsvg`.
pub fn dot(outline: &Outline, full: bool) -> String {
    let graph = graph(outline, full);
    let mut out = format!("digraph {} {{\n", quoted(&graph.root.lines));
    out.push_str("  compound=true;\n  fontname=\"sans-serif\";\n");
    out.push_str("  node [shape=box, fontname=\"sans-serif\"];\n");
    out.push_str("  edge [fontname=\"sans-serif\"];\n");
    if graph.root.parts.is_empty() {
        out.push_str("  n0 [label=\"nothing to do\", shape=plaintext];\n");
    }
    inside(&mut out, &graph.root, 1);
    let mut parts = HashMap::new();
    collect(&graph.root, &mut parts);
    for link in &graph.links {
        self::link(&mut out, link, &parts);
    }
    out.push_str("}\n");
    out
}

fn inside(out: &mut String, part: &GraphPart, depth: usize) {
    let indent = "  ".repeat(depth);
    for part in &part.parts {
        let (id, text) = (part.id, quoted(&part.lines));
        let look = match part.shape {
            GraphShape::Group => {
                let _ = writeln!(out, "{indent}subgraph cluster_{id} {{");
                let _ = writeln!(out, "{indent}  label={text};");
                inside(out, part, depth + 1);
                let _ = writeln!(out, "{indent}}}");
                continue;
            }
            GraphShape::Box => "",
            GraphShape::Deploy => ", style=bold",
            GraphShape::Question => ", shape=hexagon",
            GraphShape::Barrier => ", shape=ellipse",
            GraphShape::Wait => ", style=rounded",
            GraphShape::More => ", shape=plaintext",
        };
        let _ = writeln!(out, "{indent}n{id} [label={text}{look}];");
    }
    let find = |id: usize| part.parts.iter().find(|part| part.id == id);
    for (before, after) in &part.arrows {
        if let (Some(before), Some(after)) = (find(*before), find(*after)) {
            let ends = ends(before, after);
            let _ = writeln!(out, "{indent}{}{};", ends.0, attributes(&ends.1));
        }
    }
}

/// An arrow between two parts. One to a group leads to a box in it and is clipped at its frame.
fn ends(before: &GraphPart, after: &GraphPart) -> (String, Vec<String>) {
    let mut cut = Vec::new();
    if before.shape == GraphShape::Group {
        cut.push(format!("ltail=cluster_{}", before.id));
    }
    if after.shape == GraphShape::Group {
        cut.push(format!("lhead=cluster_{}", after.id));
    }
    let arrow = format!("n{} -> n{}", before.end(true), after.end(false));
    (arrow, cut)
}

fn attributes(all: &[String]) -> String {
    match all.is_empty() {
        true => String::new(),
        false => format!(" [{}]", all.join(", ")),
    }
}

fn link(out: &mut String, link: &GraphEdge, parts: &HashMap<usize, &GraphPart>) {
    let (one, other) = link.ends;
    if let (Some(one), Some(other)) = (parts.get(&one), parts.get(&other)) {
        let (ends, mut look) = ends(one, other);
        look.push(format!(
            "label={}",
            quoted(std::slice::from_ref(&link.label))
        ));
        for fixed in ["style=dashed", "dir=none", "constraint=false"] {
            look.push(fixed.to_owned());
        }
        let _ = writeln!(out, "  {ends}{};", attributes(&look));
    }
}

fn collect<'g>(part: &'g GraphPart, parts: &mut HashMap<usize, &'g GraphPart>) {
    for part in &part.parts {
        parts.insert(part.id, part);
        collect(part, parts);
    }
}

/// Lines as a string literal of DOT.
fn quoted(lines: &[String]) -> String {
    let mut text = String::from("\"");
    for (at, line) in lines.iter().enumerate() {
        if at > 0 {
            text.push_str("\\n");
        }
        for char in line.chars() {
            match char {
                '"' => text.push_str("\\\""),
                '\\' => text.push_str("\\\\"),
                // It would begin a character entity.
                '&' => text.push_str("&amp;"),
                char if char.is_control() => {}
                char => text.push(char),
            }
        }
    }
    text.push('"');
    text
}
