//! A plan as a Mermaid flowchart.

use std::fmt::Write;

use lockstep_outline::Outline;

use super::graph::{Part, Shape, graph};

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
        let said = quoted(std::slice::from_ref(&link.said));
        let _ = writeln!(out, "  n{one} -.-|{said}| n{other}");
    }
    out
}

fn inside(out: &mut String, part: &Part, depth: usize) {
    let indent = "  ".repeat(depth);
    for part in &part.parts {
        let (id, text) = (part.id, quoted(&part.lines));
        let _ = match part.shape {
            Shape::Group => {
                let _ = writeln!(out, "{indent}subgraph n{id}[{text}]");
                inside(out, part, depth + 1);
                writeln!(out, "{indent}end")
            }
            Shape::Box | Shape::Deploy | Shape::More => writeln!(out, "{indent}n{id}[{text}]"),
            Shape::Question => writeln!(out, "{indent}n{id}{{{{{text}}}}}"),
            Shape::Barrier => writeln!(out, "{indent}n{id}(({text}))"),
            Shape::Wait => writeln!(out, "{indent}n{id}([{text}])"),
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
