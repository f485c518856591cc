//! Splits a command line as bash passes it into words, and converts completions back.

/// The words of a line up to the cursor.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct CommandLine {
    /// The words after the program's name without their quotes; the last one is at the cursor.
    pub words: Vec<String>,
    /// Whether the last one is inside quotes.
    quoted: bool,
    /// How many of the characters at which bash breaks words the last one contains.
    breaks: usize,
}

/// Splits a line. If there are several commands on it the last one counts.
pub(super) fn split(line: &str) -> CommandLine {
    let mut words: Vec<String> = Vec::new();
    let mut current = String::new();
    let (mut begun, mut breaks) = (false, 0);
    let mut quote = None;
    let mut chars = line.chars();
    while let Some(char) = chars.next() {
        match (quote, char) {
            (Some(open), char) if char == open => quote = None,
            (None, '\'' | '"') => {
                quote = Some(char);
                begun = true;
            }
            (None | Some('"'), '\\') => {
                current.extend(chars.next());
                begun = true;
            }
            (None, ' ' | '\t' | '\n') => {
                if begun {
                    words.push(std::mem::take(&mut current));
                }
                (begun, breaks) = (false, 0);
            }
            (None, ';' | '|' | '&' | '(') => {
                words.clear();
                current.clear();
                (begun, breaks) = (false, 0);
            }
            (inside, char) => {
                breaks += usize::from(inside.is_none() && is_break(char));
                current.push(char);
                begun = true;
            }
        }
    }
    words.push(current);
    // Variable assignments may precede the program's name.
    let assigned = words.iter().take_while(|word| word.contains('=')).count();
    let words = words.split_off(words.len().min(assigned + 1));
    CommandLine {
        words,
        quoted: quote.is_some(),
        breaks,
    }
}

/// Whether bash treats what follows as a new word.
fn is_break(char: char) -> bool {
    matches!(char, '=' | ':')
}

impl CommandLine {
    /// The completion in the form that bash needs for its idea of the word at the cursor.
    pub(super) fn as_bash_wants(&self, word: &str) -> String {
        if self.quoted {
            return word.to_string();
        }
        let places = word.match_indices(is_break);
        let ends = places.map(|(at, found)| at + found.len());
        let from = match self.breaks {
            0 => 0,
            breaks => ends.clone().nth(breaks - 1).unwrap_or(0),
        };
        let mut out = String::new();
        for char in word.get(from..).unwrap_or_default().chars() {
            let plain = char.is_alphanumeric() || "/._-+,:@%=~".contains(char) || !char.is_ascii();
            if !plain {
                out.push('\\');
            }
            out.push(char);
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<String> {
        split(line).words
    }

    #[test]
    fn words_are_taken_apart() {
        assert_eq!(words("lockstep"), Vec::<String>::new());
        assert_eq!(words("lockstep "), [""]);
        assert_eq!(
            words("lockstep run a\\ b 'c d' \"e"),
            ["run", "a b", "c d", "e"]
        );
        assert_eq!(words("cd x && lockstep run -i a="), ["run", "-i", "a="]);
        assert_eq!(words("lockstep run '' x"), ["run", "", "x"]);
        assert_eq!(words("A=1 B='2 3' lockstep run x=1"), ["run", "x=1"]);
        assert_eq!(words(""), Vec::<String>::new());
        assert_eq!(words(";"), Vec::<String>::new());
    }

    #[test]
    fn words_are_put_together() {
        let put = |line: &str, word: &str| split(line).as_bash_wants(word);
        assert_eq!(put("lockstep run -i ver", "version="), "version=");
        assert_eq!(put("lockstep run -i version=v", "version=v1"), "v1");
        assert_eq!(
            put("lockstep run -i 'version=v", "version=v1"),
            "version=v1"
        );
        assert_eq!(put("lockstep logs x p/", "p/m[a, b]"), "p/m\\[a,\\ b\\]");
        assert_eq!(put("lockstep logs x \"p/", "p/m[a, b]"), "p/m[a, b]");
    }
}
