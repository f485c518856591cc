//! Just enough of Rust to look for words in code: comments, literals and test modules are
//! blanked out, and `use` trees are spread out. It does not know which words are looked for.

/// The text with the inside of comments and literals blanked out. Lines stay where they are.
pub fn bare(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    while at < chars.len() {
        let length = literal(&chars, at);
        for char in &chars[at..at + length.max(1)] {
            out.push(match (length, char) {
                (0, char) | (_, char @ '\n') => *char,
                _ => ' ',
            });
        }
        at += length.max(1);
    }
    out
}

/// How many characters the comment or literal that starts here has; 0 where there is none.
fn literal(chars: &[char], at: usize) -> usize {
    let rest = &chars[at..];
    let word_before = at > 0 && (chars[at - 1].is_alphanumeric() || chars[at - 1] == '_');
    match rest {
        ['/', '/', ..] => until(rest, |rest| rest.starts_with(&['\n'])),
        ['/', '*', ..] => until(rest, |rest| rest.starts_with(&['*', '/'])) + 2,
        ['"', ..] => quoted(rest, '"'),
        ['\'', '\\', ..] => quoted(rest, '\''),
        ['\'', _, '\'', ..] => 3,
        ['r', '"' | '#', ..] if !word_before => raw(rest),
        _ => 0,
    }
    .min(rest.len())
}

fn until(rest: &[char], end: impl Fn(&[char]) -> bool) -> usize {
    (0..rest.len())
        .find(|at| end(&rest[*at..]))
        .unwrap_or(rest.len())
}

fn quoted(rest: &[char], quote: char) -> usize {
    let mut at = 1;
    while at < rest.len() && rest[at] != quote {
        at += if rest[at] == '\\' { 2 } else { 1 };
    }
    at + 1
}

fn raw(rest: &[char]) -> usize {
    let marks = rest[1..].iter().take_while(|char| **char == '#').count();
    if rest.get(1 + marks) != Some(&'"') {
        return 0;
    }
    let mut end = vec!['"'];
    end.extend(std::iter::repeat_n('#', marks));
    let body = 2 + marks;
    body + until(&rest[body..], |rest| rest.starts_with(&end)) + end.len()
}

/// Bare code without its test modules.
pub fn shipped(text: &str) -> String {
    let mut code = bare(text);
    let mut from = 0;
    while let Some(found) = code[from..].find("#[cfg(test)]") {
        let start = from + found;
        let Some(open) = code[start..].find(['{', ';']).map(|at| start + at) else {
            break;
        };
        let end = match code[open..].starts_with('{') {
            true => closing(&code, open),
            false => open + 1,
        };
        let blank: String = code[start..end]
            .chars()
            .map(|char| if char == '\n' { '\n' } else { ' ' })
            .collect();
        from = start + blank.len();
        code.replace_range(start..end, &blank);
    }
    code
}

/// One past the brace that closes the one at `open`.
fn closing(code: &str, open: usize) -> usize {
    let mut depth = 0;
    for (at, char) in code[open..].char_indices() {
        match char {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return open + at + 1;
        }
    }
    code.len()
}

/// All paths in bare code that start with `root::`, with the lines they stand on. Groups are
/// spread out: `root::{a, b::{c, d}}` gives `a`, `b::c` and `b::d`.
pub fn paths(code: &str, root: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    let start = format!("{root}::");
    for (at, _) in code.match_indices(&start) {
        let before = code[..at].strip_suffix("::").unwrap_or(&code[..at]);
        let before = before.chars().next_back();
        if before.is_some_and(|char| char.is_alphanumeric() || "_>".contains(char)) {
            continue;
        }
        let line = code[..at].matches('\n').count() + 1;
        let mut spread = Vec::new();
        tree(&code[at + start.len()..], "", &mut spread);
        found.extend(spread.into_iter().map(|path| (line, path)));
    }
    found
}

/// Spreads out one use tree; returns how many bytes it has.
fn tree(text: &str, prefix: &str, out: &mut Vec<String>) -> usize {
    let blank = text.len() - text.trim_start().len();
    let rest = &text[blank..];
    if rest.starts_with('{') {
        let mut at = blank + 1;
        loop {
            at += tree(&text[at..], prefix, out);
            let next = text[at..].trim_start();
            at = text.len() - next.len();
            match next.chars().next() {
                Some(',') => at += 1,
                Some('}') => return at + 1,
                _ => return text.len(),
            }
        }
    }
    let word = rest
        .find(|char: char| !char.is_alphanumeric() && char != '_' && char != '*')
        .unwrap_or(rest.len());
    let path = format!("{prefix}{}", &rest[..word]);
    let after = &rest[word..];
    if let Some(more) = after.strip_prefix("::") {
        return blank + word + 2 + tree(more, &format!("{path}::"), out);
    }
    if word > 0 {
        out.push(path);
    }
    let alias = after.trim_start().strip_prefix("as ");
    let skipped = alias.map_or(0, |alias| {
        let name = alias.trim_start();
        let length = name.find(|char: char| !char.is_alphanumeric() && char != '_');
        after.len() - name.len() + length.unwrap_or(name.len())
    });
    blank + word + skipped
}

#[test]
fn comments_and_literals_are_blank() {
    let text = "a // b\n/* c\nd */ e \"f \\\" g\" 'h' '\\'' i<'j> r#\"k \" l\"# m br\"n\" for\"\" \
                r#type";
    let bare = bare(text);
    let words: Vec<&str> = bare.split_whitespace().collect();
    assert_eq!(words, ["a", "e", "i<'j>", "m", "br", "for", "r#type"]);
    assert_eq!(bare.matches('\n').count(), 2);
}

#[test]
fn test_modules_are_not_shipped() {
    let text = "a\n#[cfg(test)]\nmod tests {\n fn b() { \"}\" }\n}\nc\n#[cfg(test)]\nmod d;\ne\n";
    let code = shipped(text);
    let words: Vec<&str> = code.split_whitespace().collect();
    assert_eq!(words, ["a", "c", "e"]);
    assert_eq!(code.lines().count(), text.lines().count());
}

#[test]
fn use_trees_are_spread_out() {
    let code = "use crate::a::B;\nuse crate::{c::{self, d as e, f}, g,\n};\nx(crate::h::i(1));\
                mycrate::no; a::crate::no; use ::crate::j::*;";
    let found: Vec<String> = paths(code, "crate")
        .into_iter()
        .map(|(_, path)| path)
        .collect();
    assert_eq!(
        found,
        ["a::B", "c::self", "c::d", "c::f", "g", "h::i", "j::*"]
    );
    assert_eq!(paths(code, "crate")[1].0, 2);
}
