//! Readable labels for the paths of nodes. How a path is written and read is in `node_path`.

use super::Style;
use lockstep_base::node_path::{HandlerPart, PathPart, ancestors, last, parent, parts};
use lockstep_lang::ir::command::COMMAND_WORDS;

/// Statements beside commands without a name, which are called by their keyword.
const UNNAMED_STATEMENTS: [&str; 5] = ["log", "barrier", "approve", "wait", "lock"];

/// A readable name: `checkout → prod.eu · verify`, or the path without its pipeline.
///
/// Stage and cell are left out where the deployment implies them; the other keys of a cell stay. A
/// statement without a name is called like what it stands in; parallel ones keep their numbers.
/// Long values are cut.
pub fn label(path: &str, style: Style) -> String {
    let mut all: Vec<PathPart<'_>> = parts(path).map(PathPart::read).collect();
    if let [.., above, last] = all.as_slice()
        && [&COMMAND_WORDS[..], &UNNAMED_STATEMENTS]
            .iter()
            .any(|it| it.contains(&&*last.name))
        && !(above.name == "parallel" && above.cell.is_none())
    {
        all.pop();
    }
    let shown = |parts: &[PathPart<'_>]| {
        let parts: Vec<String> = parts.iter().map(|it| it.shown(style.ellipsis())).collect();
        parts.join("/")
    };
    let deploy = all
        .iter()
        .enumerate()
        .find_map(|(at, part)| part.deployment().map(|deployment| (at, deployment)));
    let Some((at, (service, target))) = deploy else {
        return match all.as_slice() {
            [_, rest @ ..] if !rest.is_empty() => shown(rest),
            all => shown(all),
        };
    };
    let others: Vec<String> = all[..at]
        .iter()
        .flat_map(|part| {
            let is_implied = |value: &str| value == service || value == target;
            part.shown_values(style.ellipsis(), is_implied)
        })
        .collect();
    let ordinal = all[at].ordinal();
    let mut label = format!("{service} {} {target}{ordinal}", style.arrow());
    if !others.is_empty() {
        label.push_str(&format!(" [{}]", others.join(", ")));
    }
    if at + 1 < all.len() {
        label.push_str(&format!(" {} {}", style.dot(), shown(&all[at + 1..])));
    }
    label
}

/// A message in which paths of nodes stand in backquotes, with their labels in place of them.
/// `node` is any node of the same run: a path begins with its pipeline.
pub fn with_labels(message: &str, node: &str, style: Style) -> String {
    let pipeline = parts(node).next().unwrap_or(node);
    let shown = message.split('`').enumerate().map(|(place, piece)| {
        let below = piece.strip_prefix(pipeline);
        match place % 2 == 1 && below.is_some_and(|below| below.starts_with('/')) {
            true => label(piece, style),
            false => piece.to_owned(),
        }
    });
    shown.collect::<Vec<_>>().join("`")
}

/// The statement whose `on failure` or `always` a node is in, the innermost one, and which of them.
pub fn handled(node: &str) -> Option<(&str, HandlerPart)> {
    ancestors(node).find_map(|path| {
        let part = [HandlerPart::OnFailure, HandlerPart::Always];
        let part = part.into_iter().find(|part| last(path) == part.as_str())?;
        Some((parent(path)?, part))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_say_what_a_person_would() {
        let style = Style {
            unicode: true,
            ..Style::default()
        };
        let label = |path| label(path, style);
        let path = "release/prod/matrix[prod.eu, checkout]/deploy[checkout, prod.eu]/verify";
        assert_eq!(label(path), "checkout → prod.eu · verify");
        assert_eq!(
            label("r/p/matrix[prod.eu, checkout, blue]/deploy[checkout, prod.eu]"),
            "checkout → prod.eu [blue]"
        );
        assert_eq!(
            label("r/p/matrix[prod.eu, checkout]#2/deploy[checkout, prod.eu]#2"),
            "checkout → prod.eu#2 [#2]"
        );
        assert_eq!(label("release/prod/smoke/run"), "prod/smoke");
        assert_eq!(label("release/prod/smoke/run#2"), "prod/smoke");
        assert_eq!(label("release/prod/barrier[wave, eu]"), "prod");
        assert_eq!(
            label("release/prod/parallel[eu]/run#2"),
            "prod/parallel[eu]"
        );
        assert_eq!(label("release/prod/parallel/run#2"), "prod/parallel/run#2");
        assert_eq!(label("release/approve"), "release");
        assert_eq!(label("release"), "release");
        assert_eq!(
            label("r/serial[%5Ba%2Fb%5D]/step"),
            "serial[%5Ba%2Fb%5D]/step",
            "as it is typed again"
        );
        let message =
            "`r/p/deploy[web, prod.eu]/smoke-test/run` failed (`r/x`), and `r` and `q/x` too, `";
        assert_eq!(
            with_labels(message, "r/p/deploy[api, prod.eu]", style),
            "`web → prod.eu · smoke-test` failed (`x`), and `r` and `q/x` too, `"
        );
    }
}
