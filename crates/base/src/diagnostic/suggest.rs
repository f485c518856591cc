//! "Did you mean" suggestions: the candidates with the smallest edit distance to a misspelt word.
//! Callers pass only candidates of the right kind.

/// At most three candidates that are close to `word`, the closest first.
/// Equality without regard to case comes first; then at most a third of the word may differ.
pub fn closest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    let limit = (word.chars().count() / 3).max(1);
    let folded = word.to_lowercase();
    let mut near: Vec<(usize, &str)> = candidates
        .into_iter()
        .filter(|candidate| *candidate != word)
        .filter_map(|candidate| {
            let lower = candidate.to_lowercase();
            let distance = if lower == folded {
                0
            } else {
                distance(&folded, &lower)
            };
            (distance <= limit).then_some((distance, candidate))
        })
        .collect();
    near.sort();
    near.dedup();
    near.into_iter()
        .take(3)
        .map(|(_, candidate)| candidate)
        .collect()
}

/// The sentence that offers the closest candidates, if there are any.
pub fn did_you_mean<'a>(
    word: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<String> {
    let near = closest(word, candidates);
    (!near.is_empty()).then(|| format!("did you mean {}?", or_list(&near)))
}

/// `` `a`, `b` or `c` ``.
pub fn or_list<S: AsRef<str>>(names: &[S]) -> String {
    let quoted: Vec<String> = names
        .iter()
        .map(|name| format!("`{}`", name.as_ref()))
        .collect();
    match quoted.split_last() {
        None => String::new(),
        Some((last, [])) => last.clone(),
        Some((last, rest)) => format!("{} or {last}", rest.join(", ")),
    }
}

/// Damerau-Levenshtein distance (optimal string alignment), in characters.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, y) in b.iter().enumerate() {
            let mut best = (last[j] + usize::from(x != y))
                .min(last[j + 1] + 1)
                .min(row[j] + 1);
            if i > 0 && j > 0 && *x == b[j - 1] && a[i - 1] == *y {
                best = best.min(before[j - 1] + 1);
            }
            row.push(best);
        }
        before = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_what_a_person_meant() {
        assert_eq!(closest("pipelin", ["pipeline", "stage"]), ["pipeline"]);
        assert_eq!(closest("PROD", ["qa", "prod"]), ["prod"]);
        assert_eq!(closest("satge", ["stage", "state"]), ["stage"]);
        assert!(closest("x", ["kubernetes"]).is_empty());
        assert_eq!(
            did_you_mean("eu", ["ew", "us", "au"]).as_deref(),
            Some("did you mean `au` or `ew`?")
        );
    }
}
