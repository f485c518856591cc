//! Words of the language: names, texts, durations and raw texts.

use std::collections::{HashMap, HashSet};

use lockstep_lang::ir::command::code::outputs::CODE_VARIABLES;

/// Words that no name may be.
const RESERVED: [&str; 10] = [
    "true", "false", "none", "and", "or", "not", "if", "then", "else", "for",
];

/// Names that mean something where they are used, and that no declaration is given.
const TAKEN: [&str; 25] = [
    "in",
    "run",
    "http",
    "failure",
    "outcome",
    "batch",
    "service",
    "s",
    "i",
    "string",
    "json",
    "split",
    "join",
    "matches",
    "contains",
    "lower",
    "upper",
    "trim",
    "replace",
    "slice",
    "range",
    "lookup",
    "from-json",
    "starts-with",
    "ends-with",
];

/// A text as a name: what cannot stand in one becomes `-`.
pub(crate) fn name(text: &str) -> String {
    let mut made = String::new();
    for sign in text.trim().chars() {
        match sign {
            sign if sign.is_ascii_alphanumeric() || sign == '_' => made.push(sign),
            _ if made.is_empty() || made.ends_with('-') => {}
            _ => made.push('-'),
        }
    }
    // Behind `-` there must be a letter or a digit.
    let made = made.replace("-_", "_");
    let made = made.trim_end_matches('-');
    let made: String = made.chars().take(80).collect();
    match made.chars().next() {
        None => "unnamed".into(),
        Some(first) if first.is_ascii_digit() => format!("n{made}"),
        Some(_) if RESERVED.contains(&made.as_str()) || TAKEN.contains(&made.as_str()) => {
            format!("{made}-1")
        }
        Some(_) => made.trim_end_matches('-').to_string(),
    }
}

/// Names that are given once each.
#[derive(Debug, Clone, Default)]
pub(crate) struct Names {
    given: HashSet<String>,
    /// The number that the next equal name gets.
    next: HashMap<String, usize>,
}

impl Names {
    /// A name for a text that no other text has got.
    pub(crate) fn give(&mut self, text: &str) -> String {
        let first = name(text);
        let mut made = first.clone();
        while !self.given.insert(made.clone()) {
            let number = self.next.entry(first.clone()).or_insert(2);
            made = format!("{first}-{number}");
            *number += 1;
        }
        made
    }
}

/// Whether two texts have the same letters and digits, so that one says nothing beside the other.
pub(crate) fn same_words(left: &str, right: &str) -> bool {
    let letters = |text: &str| -> String {
        text.chars()
            .filter(|it| it.is_alphanumeric())
            .flat_map(char::to_lowercase)
            .collect()
    };
    letters(left) == letters(right)
}

/// A text as a variable of a shell: capital letters, digits and `_`.
pub(crate) fn variable(text: &str) -> String {
    // What the shell itself sets, or counts with.
    const OWN: [&str; 12] = [
        "HOME", "USER", "PWD", "OLDPWD", "LANG", "TERM", "TMPDIR", "UID", "EUID", "PPID", "RANDOM",
        "SECONDS",
    ];
    let mut made = String::new();
    for sign in text.chars() {
        match sign {
            sign if sign.is_ascii_alphanumeric() => made.push(sign.to_ascii_uppercase()),
            _ if made.is_empty() || made.ends_with('_') => {}
            _ => made.push('_'),
        }
    }
    let made = made.trim_end_matches('_');
    let begins = ["LD_", "GIT_", "BASH", "LOCKSTEP_"]
        .iter()
        .any(|it| made.starts_with(it));
    let steers = begins || CODE_VARIABLES.contains(&made);
    match made.chars().next() {
        None => "VALUE".into(),
        Some(first) if first.is_ascii_digit() => format!("VALUE_{made}"),
        Some(_) if OWN.contains(&made) || steers => format!("{made}_VALUE"),
        Some(_) => made.to_string(),
    }
}

/// What stands between the quotes of a text.
pub(crate) fn escaped(text: &str) -> String {
    let mut out = String::new();
    for sign in text.chars() {
        match sign {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            '$' => out.push_str("\\$"),
            sign if is_hidden(sign) => out.push_str(&format!("\\u{{{:X}}}", sign as u32)),
            sign => out.push(sign),
        }
    }
    out.replace("\\$", "$").replace("${", "\\${")
}

/// Whether a character is better written by its number.
fn is_hidden(sign: char) -> bool {
    sign.is_control()
        || matches!(sign, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}')
        || matches!(sign, '\u{2066}'..='\u{2069}' | '\u{feff}')
}

/// A text between quotes.
pub(crate) fn quoted(text: &str) -> String {
    format!("\"{}\"", escaped(text))
}

/// A text that is taken over as it is, where that is possible.
pub(crate) fn raw(text: &str) -> String {
    let text = text.trim_end_matches(['\n', ' ']);
    let hidden = |it: char| it != '\n' && it != '\t' && is_hidden(it);
    let ends = text
        .lines()
        .any(|line| line.trim_start().starts_with("'''"));
    if text.contains(hidden) || ends || text.trim().is_empty() {
        return quoted(text);
    }
    match text.contains(['\n', '\'']) {
        true => format!("'''\n{text}\n'''"),
        false => format!("'{text}'"),
    }
}

/// A duration such as `1h 30m`, `10m`, `2d` or `1w` in the words of the language.
pub(crate) fn duration(text: &str) -> Option<String> {
    let mut milliseconds: u64 = 0;
    let mut digits = String::new();
    let mut unit = String::new();
    let mut add = |digits: &mut String, unit: &mut String| {
        let number: u64 = digits.parse().ok()?;
        let each = match unit.as_str() {
            "ms" => 1,
            "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            "w" => 604_800_000,
            _ => return None,
        };
        milliseconds = milliseconds.checked_add(number.checked_mul(each)?)?;
        digits.clear();
        unit.clear();
        Some(())
    };
    for sign in text.chars().filter(|it| !it.is_whitespace()) {
        match sign.is_ascii_digit() {
            true => {
                if !unit.is_empty() {
                    add(&mut digits, &mut unit)?;
                }
                digits.push(sign);
            }
            false => unit.push(sign),
        }
    }
    add(&mut digits, &mut unit)?;
    Some(written(milliseconds))
}

/// Milliseconds as a duration.
pub(crate) fn written(milliseconds: u64) -> String {
    if milliseconds == 0 {
        return "0s".into();
    }
    let mut rest = milliseconds;
    let mut out = String::new();
    for (each, unit) in [
        (86_400_000, "d"),
        (3_600_000, "h"),
        (60_000, "m"),
        (1_000, "s"),
        (1, "ms"),
    ] {
        if rest >= each {
            out.push_str(&format!("{}{unit}", rest / each));
            rest %= each;
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_text_becomes_a_name() {
        let names: Vec<String> = [
            "web",
            "Deploy to prod!",
            "1st",
            "in",
            "",
            "-_-",
            "ä b",
            "a-_b",
        ]
        .map(name)
        .to_vec();
        let wanted = [
            "web",
            "Deploy-to-prod",
            "n1st",
            "in-1",
            "unnamed",
            "_",
            "b",
            "a_b",
        ];
        assert_eq!(names, wanted);
    }

    #[test]
    fn durations_are_added_up() {
        assert_eq!(duration("1h 30m").as_deref(), Some("1h30m"));
        assert_eq!(duration("90m").as_deref(), Some("1h30m"));
        assert_eq!(duration("1w").as_deref(), Some("7d"));
        assert_eq!(duration("10"), None);
        assert_eq!(duration("99999999999999999999w"), None);
    }

    #[test]
    fn texts_are_escaped_only_where_they_must_be() {
        assert_eq!(quoted("a \"b\" $5 ${c}\n"), "\"a \\\"b\\\" $5 \\${c}\\n\"");
        assert_eq!(raw("echo 'a'\n"), "'''\necho 'a'\n'''");
        assert_eq!(raw("'''"), "\"'''\"");
    }
}
