//! A plan as a Mermaid flowchart.

use std::fmt::Write;

use lockstep_outline::Outline;

use super::graph::{GraphPart, GraphShape, graph};

/// The plan as a Mermaid flowchart.
pub fn mermaid(outline: &Outline, full: bool) -> String {
    let graph = graph(outline, full);
    let mut out = String::from("flowchart TD\n");
    if graph.root.parts.is_empty() {
        out.push_str("  n0[\"nothing to do\"]\n");
    }
    inside(&mut out, &graph.root, 1);
    for link in &graph.links {
        let (one, other) = link.ends;
        let said = quoted(std::slice::from_ref(&link.label));
        let _ = writeln!(out, "  n{one} -.-|{said}| n{other}");
    }
    out
}

fn inside(out: &mut String, part: &GraphPart, depth: usize) {
    let indent = "  ".repeat(depth);
    for part in &part.parts {
        let (id, text) = (part.id, quoted(&part.lines));
        let _ = match part.shape {
            GraphShape::Group => {
                let _ = writeln!(out, "{indent}subgraph n{id}[{text}]");
                inside(out, part, depth + 1);
                writeln!(out, "{indent}end")
            }
            GraphShape::Box | GraphShape::Deploy | GraphShape::More => {
                writeln!(out, "{indent}n{id}[{text}]")
            }
            GraphShape::Question => writeln!(out, "{indent}n{id}{{{{{text}}}}}"),
            GraphShape::Barrier => writeln!(out, "{indent}n{id}(({text}))"),
            GraphShape::Wait => writeln!(out, "{indent}n{id}([{text}])"),
        };
    }
    for (before, after) in &part.arrows {
        let _ = writeln!(out, "{indent}n{before} --> n{after}");
    }
}

/// Lines as the text of a part. Characters that have a meaning in Mermaid are written as numeric
/// entities.
fn quoted(lines: &[String]) -> String {
    let mut text = String::from("\"");
    for (at, line) in lines.iter().enumerate() {
        if at > 0 {
            text.push_str("<br/>");
        }
        for char in line.chars() {
            match char {
                '"' | '#' | '&' | '<' | '>' | '`' | '\\' | '%' | '*' | '_' | '~' | '$' => {
                    let _ = write!(text, "#{};", u32::from(char));
                }
                char if char.is_control() => {}
                char => text.push(char),
            }
        }
    }
    text.push('"');
    text
}
