//! The patterns of `change([…])`: which files of a checkout they are about. `check` reads them, and
//! the server by the same function.

use globset::{ErrorKind, Glob, GlobBuilder};

/// Why a pattern is none, or fits no file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FilePatternError {
    /// What is wrong with it, in a few words.
    pub message: &'static str,
    /// What to do.
    pub help: String,
}

/// Reads a pattern. `*` stands for characters of one name, `**` for any number of folders.
///
/// # Errors
///
/// If it cannot be read, or can fit no path of a checkout, which begins in its topmost folder.
pub fn file_pattern(pattern: &str) -> Result<Glob, FilePatternError> {
    let no_file = |message, help: String| Err(FilePatternError { message, help });
    let mut rest = pattern;
    while let Some(shorter) = rest.strip_prefix("./").or_else(|| rest.strip_prefix('/')) {
        rest = shorter;
    }
    if rest.len() < pattern.len() {
        return no_file(
            "paths begin in the topmost folder of the checkout, without a sign for it",
            match rest.is_empty() {
                true => String::from("write `**` for all files"),
                false => format!("write `{rest}`"),
            },
        );
    }
    if pattern.split('/').any(|part| matches!(part, "." | "..")) {
        return no_file(
            "no path of a checkout holds `.` or `..`",
            String::from("write it from the topmost folder of the checkout: `k8s/**`"),
        );
    }
    if let Some(folder) = pattern.strip_suffix('/') {
        return no_file(
            "this is a folder, and files change",
            format!("write `{folder}/**` for all files in it"),
        );
    }
    let glob = GlobBuilder::new(pattern).literal_separator(true).build();
    glob.map_err(|error| {
        let (message, help) = match error.kind() {
            ErrorKind::UnclosedClass => (
                "`[` is not closed",
                "close it with `]`, or write `[[]` for the character itself",
            ),
            ErrorKind::InvalidRange(..) => (
                "the range in `[…]` ends before it begins",
                "write the smaller character first: `[a-z]`",
            ),
            ErrorKind::UnclosedAlternates => (
                "`{` is not closed",
                "close it with `}`: `{a,b}` stands for `a` or `b`",
            ),
            ErrorKind::UnopenedAlternates => (
                "`}` closes nothing",
                "write `{` before it, or `[}]` for the character itself",
            ),
            ErrorKind::DanglingEscape => (
                "nothing is behind the backslash",
                r"leave it out, or write `\\` for the character itself",
            ),
            _ => (
                "it cannot be read as a pattern",
                "write, for example, `k8s/**`",
            ),
        };
        FilePatternError {
            message,
            help: help.to_owned(),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::file_pattern;

    #[test]
    fn a_pattern_is_read_or_says_what_is_wrong() {
        for fine in [
            "k8s/**",
            "**/*.tf",
            "docs/[a-z]*.md",
            "{a,b}/x",
            "README.md",
            "**",
            ".github/*",
        ] {
            assert!(file_pattern(fine).is_ok(), "{fine}");
        }
        let wrong = [
            "/k8s/**",
            "./.github/*",
            "/",
            "k8s/../x",
            "k8s/",
            "docs/[a",
            "[z-a]",
            "{a,b",
            "a}",
            "a\\",
        ];
        let shown = wrong.map(|pattern| {
            let error = file_pattern(pattern).unwrap_err();
            format!("{pattern} | {} | {}", error.message, error.help)
        });
        insta::assert_snapshot!(shown.join("\n"));
    }

    #[test]
    fn a_star_stands_for_one_name_and_two_for_folders() {
        let fits = |pattern: &str, path: &str| {
            file_pattern(pattern)
                .unwrap()
                .compile_matcher()
                .is_match(path)
        };
        assert!(fits("k8s/**", "k8s/web/a.yaml") && fits("k8s/*", "k8s/a.yaml"));
        assert!(!fits("k8s/*", "k8s/web/a.yaml") && !fits("k8s/**", "docs/k8s/a.yaml"));
    }
}
