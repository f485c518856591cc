//! Suggestions ("did you mean") for a pattern that matches no node.

use lockstep_base::diagnostic::suggest::{closest, or_list};
use lockstep_base::node_path::{NodePath, parts as parts_of, typed};
use lockstep_engine::path_pattern::PathPattern;
use lockstep_outline::{Item, Outline};
use lockstep_plan::Plan;

/// The paths of the nodes that a plan has.
pub(super) fn paths(plan: &Plan) -> Vec<NodePath> {
    let outline = Outline::with(plan, 60);
    let mut found = Vec::new();
    let mut open: Vec<&Item> = outline.items.iter().chain(&outline.handlers).collect();
    while let Some(item) = open.pop() {
        found.extend(item.path.clone());
        open.extend(item.items.iter().chain(&item.handlers));
    }
    found.sort_unstable();
    found.dedup();
    found
}

/// Suggests a pattern in which the first segment that matches nothing is corrected, or a few paths
/// that end in the same way.
pub(super) fn help<'p>(
    pattern: &PathPattern,
    known: impl Iterator<Item = &'p str>,
) -> Option<String> {
    let known: Vec<Vec<&str>> = known.map(|path| parts_of(path).collect()).collect();
    let pattern = typed(pattern.as_str());
    let mut parts: Vec<String> = parts_of(&pattern).map(String::from).collect();
    let all = || known.iter().flatten().copied();
    for at in 0..parts.len() {
        let part = parts[at].clone();
        if part == "**" || all().any(|segment| PathPattern::new(&part).matches(segment)) {
            continue;
        }
        let masked: Vec<String> = all().map(|segment| mask(&part, segment)).collect();
        let near: Vec<String> = closest(&part, masked.iter().map(String::as_str))
            .into_iter()
            .map(|mended| {
                parts[at] = mended.to_string();
                parts.join("/")
            })
            .collect();
        let near: Vec<String> = near
            .into_iter()
            .filter(|text| {
                let pattern = PathPattern::new(text);
                known.iter().any(|path| pattern.matches(&path.join("/")))
            })
            .collect();
        return match near.is_empty() {
            true => None,
            false => Some(format!("did you mean {}?", or_list(&near))),
        };
    }
    let last = parts.last().map(|last| PathPattern::new(last))?;
    let ending = known
        .iter()
        .filter(|path| path.last().is_some_and(|it| last.matches(it)));
    let mut ending: Vec<String> = ending.map(|path| path.join("/")).collect();
    ending.sort_unstable();
    ending.dedup();
    let word = if ending.len() == 1 { "is" } else { "are" };
    ending.truncate(3);
    (!ending.is_empty() && last.as_str() != "**").then(|| {
        let ending = or_list(&ending).replace(" or ", " and ");
        format!("what ends so {word} {ending}")
    })
}

/// A segment of a path with the `*` of a pattern where the pattern has them.
fn mask(pattern: &str, segment: &str) -> String {
    let split = |text: &str| -> Vec<String> {
        text.split_inclusive(['[', ','])
            .map(|part| part.to_string())
            .collect()
    };
    let (parts, found) = (split(pattern), split(segment));
    if parts.len() != found.len() || !pattern.contains('*') {
        return segment.to_string();
    }
    let pairs = parts.into_iter().zip(found);
    pairs
        .map(|(part, own)| if part.contains('*') { part } else { own })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_segment_that_fits_nothing_is_mended() {
        let known = [
            "ship/prod/matrix[prod.eu, web]/deploy[web, prod.eu]/verify",
            "ship/staging/run",
        ];
        let help = |pattern: &str| help(&PathPattern::new(pattern), known.into_iter());
        assert_eq!(
            help("**/deploy[*, prod.ue]").as_deref(),
            None,
            "the path goes on after it"
        );
        assert_eq!(
            help("**/deploy[*, prod.ue]/verify").as_deref(),
            Some("did you mean `**/deploy[*, prod.eu]/verify`?")
        );
        assert_eq!(
            help("ship/stagin/run").as_deref(),
            Some("did you mean `ship/staging/run`?")
        );
        assert_eq!(
            help("ship/prod/run").as_deref(),
            Some("what ends so is `ship/staging/run`")
        );
        assert_eq!(help("nothing/of/the/kind"), None);
    }
}
