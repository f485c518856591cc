//! "Did you mean" suggestions: the candidates with the smallest edit distance to a misspelt word.
//! Callers pass only candidates of the right kind.

/// With more candidates of a similar length than this, the others are not compared.
const MAX_COMPARED_NAMES: usize = 1_000;

/// At most three candidates that are close to `word`, the closest first.
/// Equality without regard to case comes first; then at most a third of the word may differ, or one
/// character, but never as many as one of the two is long: they would have nothing in common.
pub fn closest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    let folded: Vec<char> = word.to_lowercase().chars().collect();
    let limit = (word.chars().count() / 3).max(1);
    let is_similar = |candidate: &&str| {
        let difference = candidate.chars().count().abs_diff(folded.len());
        *candidate != word && difference <= limit
    };
    let similar = candidates.into_iter().filter(is_similar);
    let compared = similar.take(MAX_COMPARED_NAMES).filter_map(|candidate| {
        let other: Vec<char> = candidate.to_lowercase().chars().collect();
        let limit = limit.min(folded.len().min(other.len()).saturating_sub(1));
        Some((distance(&folded, &other, limit)?, candidate))
    });
    let mut near: Vec<(usize, &str)> = compared.collect();
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

/// Damerau-Levenshtein distance (optimal string alignment), in characters, if it is not above a
/// limit.
fn distance(a: &[char], b: &[char], limit: usize) -> Option<usize> {
    let same = a.iter().zip(b).take_while(|(x, y)| x == y).count();
    let (a, b) = (&a[same..], &b[same..]);
    let ends = a.iter().rev().zip(b.iter().rev());
    let same = ends.take_while(|(x, y)| x == y).count();
    let (a, b) = (&a[..a.len() - same], &b[..b.len() - same]);
    // A single difference is at most two characters that have changed places.
    if limit == 1 && a.len().max(b.len()) > 2 {
        return None;
    }
    let mut before: Vec<usize> = vec![usize::MAX; b.len() + 1];
    let mut last: Vec<usize> = (0..=b.len()).collect();
    let mut row = before.clone();
    for (i, x) in a.iter().enumerate() {
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let mut best = (last[j] + usize::from(x != y))
                .min(last[j + 1] + 1)
                .min(row[j] + 1);
            if i > 0 && j > 0 && *x == b[j - 1] && a[i - 1] == *y {
                best = best.min(before[j - 1] + 1);
            }
            row[j + 1] = best;
        }
        // Neither this row nor the next can lead below the smaller of the two.
        if row.iter().chain(&last).min() > Some(&limit) {
            return None;
        }
        std::mem::swap(&mut before, &mut last);
        std::mem::swap(&mut last, &mut row);
    }
    last.last().copied().filter(|distance| *distance <= limit)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The distance by its definition, without any limit.
    fn by_definition(a: &[char], b: &[char]) -> usize {
        let (Some((x, a_rest)), Some((y, b_rest))) = (a.split_last(), b.split_last()) else {
            return a.len().max(b.len());
        };
        let mut least = (by_definition(a_rest, b_rest) + usize::from(x != y))
            .min(by_definition(a_rest, b) + 1)
            .min(by_definition(a, b_rest) + 1);
        if let (Some((u, a_two)), Some((v, b_two))) = (a_rest.split_last(), b_rest.split_last())
            && (x, u) == (v, y)
        {
            least = least.min(by_definition(a_two, b_two) + 1);
        }
        least
    }

    #[test]
    fn a_limit_changes_no_distance_within_it() {
        let words: Vec<Vec<char>> = [
            "", "a", "ab", "ba", "abc", "acb", "bca", "abab", "baba", "aabbc",
        ]
        .map(|word| word.chars().collect())
        .into();
        for (a, b) in words.iter().flat_map(|a| words.iter().map(move |b| (a, b))) {
            let real = by_definition(a, b);
            for limit in 1..5 {
                let within = (real <= limit).then_some(real);
                assert_eq!(distance(a, b, limit), within, "{a:?} {b:?} {limit}");
            }
        }
    }

    #[test]
    fn finds_what_a_person_meant() {
        assert_eq!(closest("pipelin", ["pipeline", "stage"]), ["pipeline"]);
        assert_eq!(closest("PROD", ["qa", "prod"]), ["prod"]);
        assert_eq!(closest("satge", ["stage", "state"]), ["stage"]);
        assert!(closest("x", ["kubernetes"]).is_empty());
        assert!(closest("x", ["y", "xs", "ab"]).is_empty());
        assert!(closest("ab", ["a", "b", ""]).is_empty());
        assert_eq!(closest("X", ["y", "x"]), ["x"]);
        assert_eq!(
            did_you_mean("eu", ["ew", "us", "au"]).as_deref(),
            Some("did you mean `au` or `ew`?")
        );
    }
}
