//! Paths of nodes: `release/prod/matrix[prod.eu, checkout]/deploy[checkout, prod.eu]/verify`;
//! splitting them and turning them into readable labels.

/// The segments of a path. A `/` inside brackets or quotes splits nothing.
pub fn segments(path: &str) -> impl Iterator<Item = &str> {
    let mut start = 0;
    slashes(path)
        .into_iter()
        .chain([path.len()])
        .map(move |end| {
            let segment = &path[start..end];
            start = end + 1;
            segment
        })
}

/// The paths above this one, the nearest first.
pub fn ancestors(path: &str) -> impl Iterator<Item = &str> {
    slashes(path).into_iter().rev().map(|end| &path[..end])
}

/// Whether `path` lies below `above`, which is a whole path.
pub fn is_below(path: &str, above: &str) -> bool {
    path.strip_prefix(above)
        .is_some_and(|rest| rest.starts_with('/'))
}

/// A segment split into its parts: `deploy[checkout, prod.eu]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathSegment<'a> {
    /// The text before the brackets.
    pub name: &'a str,
    /// The texts between the brackets; none without brackets.
    pub keys: Vec<&'a str>,
    /// The text after the brackets.
    pub rest: &'a str,
}

impl<'a> PathSegment<'a> {
    /// Splits a segment.
    pub fn new(segment: &'a str) -> Self {
        let plain = Self {
            name: segment,
            keys: Vec::new(),
            rest: "",
        };
        let Some(open) = segment.find('[') else {
            return plain;
        };
        let mut commas = Vec::new();
        let mut close = None;
        scan(segment, |at, byte, depth| match (byte, depth) {
            (b',', 1) => commas.push(at),
            (b']', 0) if close.is_none() => close = Some(at),
            _ => {}
        });
        let Some(close) = close else {
            return plain;
        };
        let mut start = open + 1;
        let mut keys = Vec::new();
        for end in commas.into_iter().filter(|at| *at < close).chain([close]) {
            keys.push(segment[start..end].trim());
            start = end + 1;
        }
        Self {
            name: &segment[..open],
            keys,
            rest: &segment[close + 1..],
        }
    }

    /// Service and infrastructure, if the segment is a deployment.
    pub fn deployment(&self) -> Option<(&'a str, &'a str)> {
        match (self.name, self.keys.as_slice()) {
            ("deploy", [service, target]) => Some((service, target)),
            _ => None,
        }
    }
}

/// Service and infrastructure of the deployment that the path names or lies in.
pub fn deployment(path: &str) -> Option<(&str, &str)> {
    segments(path).find_map(|segment| PathSegment::new(segment).deployment())
}

/// Statements without a name, which are called by their keyword.
const UNNAMED_STATEMENTS: [&str; 6] = ["run", "log", "barrier", "approve", "wait", "lock"];

/// A readable name: `checkout → prod.eu · verify`, or the path without its pipeline.
///
/// Stage and cell are left out where the deployment implies them; the other keys of a cell stay. A
/// statement without a name is called like what it stands in; parallel ones keep their numbers.
pub fn label(path: &str, arrow: &str, dot: &str) -> String {
    let mut all: Vec<&str> = segments(path).collect();
    if let [.., above, last] = all.as_slice()
        && UNNAMED_STATEMENTS.contains(
            &PathSegment::new(last)
                .name
                .split('#')
                .next()
                .unwrap_or(last),
        )
        && above.split('#').next() != Some("parallel")
    {
        all.pop();
    }
    let parts: Vec<PathSegment<'_>> = all
        .iter()
        .map(|segment| PathSegment::new(segment))
        .collect();
    let deploy = parts
        .iter()
        .enumerate()
        .find_map(|(at, part)| part.deployment().map(|deployment| (at, deployment)));
    let Some((at, (service, target))) = deploy else {
        return match all.as_slice() {
            [_, rest @ ..] if !rest.is_empty() => rest.join("/"),
            all => all.concat(),
        };
    };
    let others: Vec<&str> = parts[..at]
        .iter()
        .flat_map(|part| part.keys.iter().copied())
        .filter(|key| *key != service && *key != target)
        .collect();
    let mut label = format!("{service} {arrow} {target}{}", parts[at].rest);
    if !others.is_empty() {
        label.push_str(&format!(" [{}]", others.join(", ")));
    }
    if at + 1 < all.len() {
        label.push_str(&format!(" {dot} {}", all[at + 1..].join("/")));
    }
    label
}

/// The positions of the slashes that split the path.
fn slashes(path: &str) -> Vec<usize> {
    let mut found = Vec::new();
    scan(path, |at, byte, depth| {
        if byte == b'/' && depth == 0 {
            found.push(at);
        }
    });
    found
}

/// Calls `see` for each byte outside quotes, with the depth of the brackets around it; an opening
/// bracket counts itself, a closing one does not. Quotes count only inside brackets, and only where
/// they are closed again.
fn scan(text: &str, mut see: impl FnMut(usize, u8, usize)) {
    let bytes = text.as_bytes();
    let (mut at, mut depth) = (0, 0usize);
    while let Some(byte) = bytes.get(at).copied() {
        match byte {
            b'[' => depth += 1,
            b']' => depth = depth.saturating_sub(1),
            b'"' if depth > 0 => {
                if let Some(end) = end_of_quote(bytes, at) {
                    at = end + 1;
                    continue;
                }
            }
            _ => {}
        }
        see(at, byte, depth);
        at += 1;
    }
}

fn end_of_quote(bytes: &[u8], open: usize) -> Option<usize> {
    let mut at = open + 1;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => return Some(at),
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATH: &str = "release/prod/matrix[prod.eu, checkout]/deploy[checkout, prod.eu]/verify";

    fn split(path: &str) -> Vec<&str> {
        segments(path).collect()
    }

    #[test]
    fn slashes_in_brackets_and_quotes_split_nothing() {
        assert_eq!(
            split(PATH),
            [
                "release",
                "prod",
                "matrix[prod.eu, checkout]",
                "deploy[checkout, prod.eu]",
                "verify"
            ]
        );
        assert_eq!(split("a/serial[x/y, 1]/b"), ["a", "serial[x/y, 1]", "b"]);
        assert_eq!(
            split(r#"a/s["]/\"", [1/2, 3]]/b"#),
            ["a", r#"s["]/\"", [1/2, 3]]"#, "b"]
        );
        assert_eq!(
            split(r#"a/s[5" disk]/b"#),
            ["a", r#"s[5" disk]"#, "b"],
            "a lone quote is no quote"
        );
    }

    #[test]
    fn whatever_is_written_is_split_without_loss() {
        for path in [
            "",
            "/",
            "a//b",
            "a/[",
            "]]/a",
            "a/s[\"",
            "é/ü[ß, \u{1F680}/]/x",
        ] {
            assert_eq!(split(path).join("/"), path);
        }
    }

    #[test]
    fn ancestors_come_nearest_first() {
        let above: Vec<&str> = ancestors("a/b[x/y]/c").collect();
        assert_eq!(above, ["a/b[x/y]", "a"]);
        assert!(is_below("a/b/c", "a/b"));
        assert!(!is_below("a/bc", "a/b"));
        assert!(!is_below("a/b", "a/b"));
    }

    #[test]
    fn a_segment_comes_apart() {
        let segment = PathSegment::new(r#"matrix["a, b", [1, 2], x]#2"#);
        assert_eq!(segment.name, "matrix");
        assert_eq!(segment.keys, [r#""a, b""#, "[1, 2]", "x"]);
        assert_eq!(segment.rest, "#2");
        assert_eq!(PathSegment::new("verify").keys, Vec::<&str>::new());
        assert_eq!(PathSegment::new("odd[").name, "odd[");
    }

    #[test]
    fn labels_say_what_a_person_would() {
        let label = |path| label(path, "→", "·");
        assert_eq!(label(PATH), "checkout → prod.eu · verify");
        assert_eq!(
            label("r/p/matrix[prod.eu, checkout, blue]/deploy[checkout, prod.eu]"),
            "checkout → prod.eu [blue]"
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
    }
}
