//! Scripts of a shell in which other tools paste values: each value becomes a variable, quoted as
//! its place needs it, so that it is data and never code.

/// The first of the characters that stand for values while a script is read: nobody writes them.
const FIRST_MARK: u32 = 0xF_0000;

/// How many values a script may have, and how many characters, where it has values.
const MAX_VALUES: usize = 1_000;
const MAX_LENGTH: usize = 200_000;

/// A script with its variables in the place of values: `parts` are texts, and numbers of names.
/// `None` where the values cannot be told from the text.
pub(crate) fn with_variables(parts: &[ScriptPart<'_>]) -> Option<String> {
    let mut names: Vec<&str> = Vec::new();
    let mut script = Vec::new();
    for part in parts {
        match part {
            ScriptPart::Text(text) => script.extend(text.chars()),
            ScriptPart::Variable(name) => {
                script.push(char::from_u32(FIRST_MARK + names.len() as u32)?);
                names.push(name);
            }
        }
    }
    let marked = script.iter().filter(|it| mark(**it).is_some()).count();
    if names.is_empty() && marked == 0 {
        return Some(script.into_iter().collect());
    }
    if marked != names.len() || names.len() > MAX_VALUES || script.len() > MAX_LENGTH {
        return None;
    }
    let mut writer = Writer {
        script,
        at: 0,
        out: String::new(),
        names,
        open: Vec::new(),
        documents: Vec::new(),
        begins_word: true,
    };
    writer.all();
    Some(writer.out)
}

/// A part of a script.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ScriptPart<'s> {
    Text(&'s str),
    Variable(&'s str),
}

fn mark(sign: char) -> Option<usize> {
    let number = (sign as u32).checked_sub(FIRST_MARK)? as usize;
    (number < 0xFFFE).then_some(number)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Quote {
    Single,
    Double,
    /// `$(…)`, with the number of parentheses that are open in it.
    Command(usize),
}

/// A here-document whose text has not come yet.
struct Document {
    end: String,
    tabs: bool,
    /// Whether its quotes are taken away, so that variables are replaced in it.
    opened: bool,
    quoted: bool,
}

struct Writer<'s> {
    script: Vec<char>,
    at: usize,
    out: String,
    names: Vec<&'s str>,
    open: Vec<Quote>,
    documents: Vec<Document>,
    begins_word: bool,
}

impl Writer<'_> {
    fn peek(&self, ahead: usize) -> Option<char> {
        self.script.get(self.at + ahead).copied()
    }

    fn variable(&mut self, number: usize) {
        let name = self.names.get(number).copied().unwrap_or_default();
        let text = match self.open.last() {
            Some(Quote::Single) => format!("'\"${{{name}}}\"'"),
            _ => format!("${{{name}}}"),
        };
        self.out.push_str(&text);
    }

    fn all(&mut self) {
        while let Some(sign) = self.peek(0) {
            let begins = std::mem::replace(&mut self.begins_word, false);
            self.at += 1;
            if let Some(number) = mark(sign) {
                self.variable(number);
                continue;
            }
            match (self.open.last().copied(), sign) {
                (Some(Quote::Single), '\'') => {
                    self.open.pop();
                }
                (Some(Quote::Single), _) => {}
                (_, '\\') => {
                    self.out.push(sign);
                    if let Some(next) = self.peek(0).filter(|it| mark(*it).is_none()) {
                        self.out.push(next);
                        self.at += 1;
                    }
                    continue;
                }
                (Some(Quote::Double), '"') => {
                    self.open.pop();
                }
                (_, '$') if self.peek(0) == Some('(') => {
                    self.out.push_str("$(");
                    self.at += 1;
                    self.open.push(Quote::Command(0));
                    self.begins_word = true;
                    continue;
                }
                (Some(Quote::Double), _) => {}
                (_, sign) => {
                    self.out.push(sign);
                    self.plain(sign, begins);
                    continue;
                }
            }
            self.out.push(sign);
        }
    }

    /// A character outside of quotes, which has been written.
    fn plain(&mut self, sign: char, begins: bool) {
        match sign {
            '\'' => self.open.push(Quote::Single),
            '"' => self.open.push(Quote::Double),
            '(' | ')' => {
                self.parenthesis(sign);
                self.begins_word = true;
            }
            '#' if begins => self.comment(),
            '<' if self.peek(0) == Some('<') && self.peek(1) != Some('<') => self.document(),
            '<' if self.peek(0) == Some('<') => {
                self.out.push_str("<<");
                self.at += 2;
            }
            '\n' => {
                self.begins_word = true;
                for document in std::mem::take(&mut self.documents) {
                    self.body(&document);
                }
            }
            sign if sign.is_whitespace() || matches!(sign, ';' | '&' | '|') => {
                self.begins_word = true;
            }
            _ => {}
        }
    }

    fn parenthesis(&mut self, sign: char) {
        if let Some(Quote::Command(depth)) = self.open.last_mut() {
            match (sign, *depth) {
                ('(', _) => *depth += 1,
                (_, 0) => {
                    self.open.pop();
                }
                _ => *depth -= 1,
            }
        }
    }

    fn comment(&mut self) {
        while let Some(sign) = self.peek(0).filter(|it| *it != '\n') {
            self.at += 1;
            match mark(sign) {
                Some(number) => self.variable(number),
                None => self.out.push(sign),
            }
        }
    }

    /// The beginning of a here-document; its first `<` has been written.
    fn document(&mut self) {
        self.out.push('<');
        self.at += 1;
        let tabs = self.peek(0) == Some('-');
        if tabs {
            self.out.push('-');
            self.at += 1;
        }
        while let Some(blank) = self.peek(0).filter(|it| matches!(it, ' ' | '\t')) {
            self.out.push(blank);
            self.at += 1;
        }
        let from = self.at;
        let mut end = String::new();
        let mut quoted = false;
        while let Some(sign) = self.peek(0) {
            match sign {
                '\'' | '"' | '\\' => quoted = true,
                sign if sign.is_alphanumeric() || sign == '_' || sign == '-' => end.push(sign),
                _ => break,
            }
            self.at += 1;
        }
        let opened = quoted && self.has_values(&end, tabs);
        match opened {
            true => self.out.push_str(&end),
            false => self.out.extend(&self.script[from..self.at]),
        }
        if !end.is_empty() {
            self.documents.push(Document {
                end,
                tabs,
                opened,
                quoted,
            });
        }
    }

    /// Whether there are values before the line that ends a here-document.
    fn has_values(&self, end: &str, tabs: bool) -> bool {
        let rest = self.script[self.at..].iter().collect::<String>();
        let lines = rest.lines().skip(1);
        let body = lines.take_while(|line| !ends(line, end, tabs));
        body.into_iter()
            .any(|line| line.contains(|it| mark(it).is_some()))
    }

    fn body(&mut self, document: &Document) {
        while self.at < self.script.len() {
            let length = self.script[self.at..]
                .iter()
                .take_while(|it| **it != '\n')
                .count();
            let line: String = self.script[self.at..self.at + length].iter().collect();
            self.at = (self.at + length + 1).min(self.script.len());
            let over = ends(&line, &document.end, document.tabs);
            for sign in line.chars() {
                match mark(sign) {
                    Some(number) => self.variable(number),
                    None => {
                        let escaped = matches!(sign, '\\' | '$' | '`');
                        if document.opened && document.quoted && !over && escaped {
                            self.out.push('\\');
                        }
                        self.out.push(sign);
                    }
                }
            }
            self.out.push('\n');
            if over {
                return;
            }
        }
    }
}

fn ends(line: &str, end: &str, tabs: bool) -> bool {
    let line = line.strip_suffix('\r').unwrap_or(line);
    match tabs {
        true => line.trim_start_matches('\t') == end,
        false => line == end,
    }
}

/// Whether a script is one line of plain words, which a shell reads as they are.
pub(crate) fn is_plain(script: &str) -> bool {
    let script = script.trim();
    let plain = |it: char| it.is_ascii_alphanumeric() || " _./:=@%+,-".contains(it);
    let first = script.split(' ').next().unwrap_or_default();
    !script.is_empty() && script.chars().all(plain) && !first.contains('=') && !builtin(first)
}

/// Words that mean something to a shell alone.
fn builtin(word: &str) -> bool {
    const WORDS: [&str; 20] = [
        "cd", "export", "set", "source", ".", ":", "exit", "if", "for", "while", "case", "eval",
        "exec", "read", "unset", "ulimit", "umask", "trap", "wait", "shopt",
    ];
    WORDS.contains(&word)
}

#[cfg(test)]
mod tests {
    use super::ScriptPart::{Text, Variable};
    use super::*;

    fn made(parts: &[ScriptPart<'_>]) -> String {
        with_variables(parts).unwrap()
    }

    #[test]
    fn values_are_quoted_as_their_places_need_it() {
        let parts = [
            Text("echo '"),
            Variable("A"),
            Text("' \"x "),
            Variable("B"),
            Text(" $(cat '"),
            Variable("C"),
            Text("' | wc)\" # it's "),
            Variable("D"),
            Text("\necho "),
            Variable("E"),
        ];
        assert_eq!(
            made(&parts),
            "echo ''\"${A}\"'' \"x ${B} $(cat ''\"${C}\"'' | wc)\" # it's ${D}\necho ${E}"
        );
    }

    #[test]
    fn a_quoted_document_with_values_is_opened() {
        let parts = [
            Text("cat <<'EOF' >x\n$HOME "),
            Variable("A"),
            Text("\nEOF\ncat <<\"END\"\n$HOME '\nEND\necho '"),
            Variable("B"),
            Text("'"),
        ];
        assert_eq!(
            made(&parts),
            "cat <<EOF >x\n\\$HOME ${A}\nEOF\ncat <<\"END\"\n$HOME '\nEND\necho ''\"${B}\"''"
        );
    }

    #[test]
    fn marks_in_a_script_are_no_values() {
        assert_eq!(with_variables(&[Text("\u{F0000}"), Variable("A")]), None);
    }
}
