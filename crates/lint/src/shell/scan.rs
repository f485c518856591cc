//! Cuts a shell script into pipelines. It does not know what the commands do.

use super::VALUE;

/// Commands joined by `|`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Pipeline {
    /// The commands.
    pub parts: Vec<Simple>,
    /// Whether its output is taken: it stands in `$(…)` or backticks.
    pub captured: bool,
}

/// A command of a pipeline.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Simple {
    /// Its words without quotes; a value is [`VALUE`]. Keywords before it, variables that are set
    /// for it and redirections are left out.
    pub words: Vec<String>,
    /// The place of each word's first value among all values of the script.
    pub values: Vec<usize>,
    /// Whether its output goes somewhere else.
    pub redirected: bool,
    /// Whether it is, or ends, something in brackets, a loop or a branch.
    pub compound: bool,
    /// Whether it is something in brackets whose end cannot fail.
    pub guarded: bool,
}

impl Simple {
    /// The program, without its folder; nothing where it is a value or not a program.
    pub fn name(&self) -> Option<&str> {
        let name = self.words.first()?;
        let name = name.rsplit('/').next().unwrap_or(name);
        (!name.is_empty() && !name.contains(VALUE)).then_some(name)
    }
}

/// Words before a command that belong to the shell.
const KEYWORDS: &[&str] = &[
    "!", "do", "elif", "else", "if", "then", "time", "until", "while", "{",
];
/// Words that end something; what follows them is joined to all of it.
const ENDS: &[&str] = &["done", "esac", "fi", "}"];
/// How deeply brackets are followed.
const DEEPEST: u32 = 60;

/// The pipelines of a script.
pub fn scan(text: &str) -> Vec<Pipeline> {
    let mut scanner = Scanner {
        chars: text.chars().collect(),
        at: 0,
        values: 0,
        depth: 0,
        marks: Vec::new(),
        found: Vec::new(),
    };
    while scanner.at < scanner.chars.len() {
        scanner.list(None, false);
        // A bracket that closes nothing, as in `case`.
        scanner.at += 1;
    }
    scanner.found.retain(|pipeline| !pipeline.parts.is_empty());
    scanner.found
}

struct Scanner {
    chars: Vec<char>,
    at: usize,
    values: usize,
    depth: u32,
    /// Marks of here-documents whose texts begin on the next line.
    marks: Vec<String>,
    found: Vec<Pipeline>,
}

/// The command and pipeline that are being read.
#[derive(Default)]
struct Open {
    pipeline: Pipeline,
    simple: Simple,
    word: Option<String>,
    /// Whether the next word is where something is read from or written to.
    target: Option<Target>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Target {
    /// Output goes there.
    Out,
    /// Something else does, or input comes from there.
    Other,
    /// The mark of a here-document.
    Mark,
}

impl Open {
    fn push(&mut self, char: char) {
        self.word.get_or_insert_default().push(char);
    }

    /// Ends a word.
    fn word(&mut self, marks: &mut Vec<String>) {
        let Some(word) = self.word.take() else {
            return;
        };
        match self.target.take() {
            Some(Target::Out) => {
                let shown = ["&1", "&2", "/dev/stderr", "/dev/stdout", "/dev/tty"];
                self.simple.redirected |= !shown.contains(&word.as_str());
            }
            Some(Target::Other) => {}
            Some(Target::Mark) => marks.push(word.trim_start_matches('-').to_string()),
            None => self.simple.words.push(word),
        }
    }

    /// Ends a command.
    fn simple(&mut self, marks: &mut Vec<String>) {
        self.word(marks);
        let mut simple = std::mem::take(&mut self.simple);
        while let Some(first) = simple.words.first() {
            let set = first.split_once('=').is_some_and(|(name, _)| {
                !name.is_empty() && name.chars().all(|it| it.is_alphanumeric() || it == '_')
            });
            if !set && !KEYWORDS.contains(&first.as_str()) {
                break;
            }
            simple.words.remove(0);
        }
        if let Some(first) = simple.words.first()
            && ENDS.contains(&first.as_str())
        {
            simple.compound = true;
            simple.words.clear();
        }
        if !simple.words.is_empty() || simple.compound {
            self.pipeline.parts.push(simple);
        }
    }
}

impl Scanner {
    fn peek(&self, ahead: usize) -> Option<char> {
        self.chars.get(self.at + ahead).copied()
    }

    /// Reads commands up to `until`, which is not consumed.
    fn list(&mut self, until: Option<char>, captured: bool) {
        self.depth += 1;
        let mut open = Open::default();
        open.pipeline.captured = captured;
        while let Some(char) = self.peek(0) {
            if Some(char) == until || char == ')' {
                break;
            }
            self.at += 1;
            self.step(char, &mut open, captured);
        }
        self.end(&mut open, captured);
        self.depth -= 1;
    }

    /// Ends a pipeline.
    fn end(&mut self, open: &mut Open, captured: bool) {
        open.simple(&mut self.marks);
        let pipeline = std::mem::take(&mut open.pipeline);
        open.pipeline.captured = captured;
        self.found.push(pipeline);
    }

    fn step(&mut self, char: char, open: &mut Open, captured: bool) {
        match char {
            ' ' | '\t' | '\r' => open.word(&mut self.marks),
            '\n' => {
                self.end(open, captured);
                self.skip_documents();
            }
            ';' => self.end(open, captured),
            '&' if self.peek(0) == Some('>') => {
                open.word(&mut self.marks);
                self.at += 1;
                open.target = Some(Target::Out);
            }
            '&' if open.target.is_some() && open.word.is_none() => open.push('&'),
            '&' => {
                self.at += usize::from(self.peek(0) == Some('&'));
                self.end(open, captured);
            }
            '|' if self.peek(0) == Some('|') => {
                self.at += 1;
                self.end(open, captured);
            }
            '|' => {
                self.at += usize::from(self.peek(0) == Some('&'));
                open.simple(&mut self.marks);
            }
            '#' if open.word.is_none() => {
                while self.peek(0).is_some_and(|char| char != '\n') {
                    self.at += 1;
                }
            }
            '(' => self.brackets(open, captured),
            '>' | '<' => self.redirection(char, open),
            VALUE => {
                if open.target.is_none() {
                    open.simple.values.push(self.values);
                }
                self.values += 1;
                open.push(VALUE);
            }
            _ => self.quoting(char, open),
        }
    }

    /// `( … )` as a command.
    fn brackets(&mut self, open: &mut Open, captured: bool) {
        open.word(&mut self.marks);
        let before = self.found.len();
        self.nested(')', captured);
        open.simple.compound = true;
        let last = self.found[before..].iter().rev();
        let last = last.flat_map(|pipeline| pipeline.parts.last()).next();
        open.simple.guarded = last.and_then(Simple::name).is_some_and(cannot_fail);
    }

    fn nested(&mut self, until: char, captured: bool) {
        if self.depth < DEEPEST {
            self.list(Some(until), captured);
        }
        self.at += 1;
    }

    fn redirection(&mut self, char: char, open: &mut Open) {
        // A number directly before it says which stream.
        let stream = open
            .word
            .as_deref()
            .filter(|word| !word.is_empty() && word.chars().all(|char| char.is_ascii_digit()));
        let out = char == '>' && stream.is_none_or(|stream| stream == "1");
        match stream.is_some() {
            true => open.word = None,
            false => open.word(&mut self.marks),
        }
        if self.peek(0) == Some('(') {
            self.at += 1;
            self.nested(')', true);
            open.push('p');
            return;
        }
        let document = char == '<' && self.peek(0) == Some('<');
        while self.peek(0) == Some(char) || self.peek(0) == Some('|') {
            self.at += 1;
        }
        let three = document && self.chars.get(self.at.saturating_sub(3)) == Some(&'<');
        open.target = match (document, three, out) {
            // The text after `<<<` is like an argument.
            (true, true, _) => None,
            (true, false, _) => Some(Target::Mark),
            (false, _, true) => Some(Target::Out),
            (false, _, false) => Some(Target::Other),
        };
    }

    fn quoting(&mut self, char: char, open: &mut Open) {
        match char {
            '\\' => {
                let next = self.peek(0);
                self.at += 1;
                if let Some(next) = next.filter(|next| *next != '\n') {
                    open.push(next);
                }
            }
            '\'' => {
                open.word.get_or_insert_default();
                while let Some(next) = self.peek(0) {
                    self.at += 1;
                    if next == '\'' {
                        break;
                    }
                    self.value(next, open);
                    open.push(next);
                }
            }
            '"' => self.double(open),
            '$' => self.dollar(open),
            '`' => {
                open.push('$');
                self.nested('`', true);
            }
            other => open.push(other),
        }
    }

    /// Counts a value inside quotes.
    fn value(&mut self, char: char, open: &mut Open) {
        if char == VALUE {
            if open.target.is_none() {
                open.simple.values.push(self.values);
            }
            self.values += 1;
        }
    }

    fn double(&mut self, open: &mut Open) {
        open.word.get_or_insert_default();
        while let Some(next) = self.peek(0) {
            self.at += 1;
            match next {
                '"' => break,
                '\\' => {
                    if let Some(escaped) = self.peek(0) {
                        self.at += 1;
                        open.push(escaped);
                    }
                }
                '$' => self.dollar(open),
                '`' => self.nested('`', true),
                other => {
                    self.value(other, open);
                    open.push(other);
                }
            }
        }
    }

    /// What follows a `$`.
    fn dollar(&mut self, open: &mut Open) {
        open.push('$');
        match (self.peek(0), self.peek(1)) {
            (Some('('), Some('(')) => {
                while let Some(next) = self.peek(0) {
                    self.at += 1;
                    self.value(next, open);
                    if next == ')' && self.peek(0) == Some(')') {
                        self.at += 1;
                        break;
                    }
                }
            }
            (Some('('), _) => {
                self.at += 1;
                self.nested(')', true);
            }
            (Some('{'), _) => {
                while let Some(next) = self.peek(0) {
                    self.at += 1;
                    self.value(next, open);
                    if !matches!(next, '{' | '}') {
                        open.push(next);
                    }
                    if next == '}' {
                        break;
                    }
                }
            }
            _ => {}
        }
    }

    /// Passes over the here-documents that begin on this line.
    fn skip_documents(&mut self) {
        for mark in std::mem::take(&mut self.marks) {
            while self.at < self.chars.len() {
                let rest = &self.chars[self.at..];
                let length = rest.iter().position(|char| *char == '\n');
                let line: String = rest[..length.unwrap_or(rest.len())].iter().collect();
                self.values += line.matches(VALUE).count();
                self.at += length.map_or(rest.len(), |length| length + 1);
                if line.trim_start_matches('\t') == mark {
                    break;
                }
            }
        }
    }
}

/// Whether a program never fails on its own.
pub fn cannot_fail(name: &str) -> bool {
    matches!(name, "echo" | "printf" | "true" | ":" | "yes")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The pipelines as text: words joined by blanks, commands by `|`; `$()` around captured
    /// ones, `>` behind redirected commands, `()` for brackets and the like.
    fn shown(text: &str) -> Vec<String> {
        let pipelines = scan(&text.replace("${}", &VALUE.to_string()));
        let simple = |simple: &Simple| {
            let mut text = simple.words.join(" ").replace(VALUE, "${}");
            text.push_str(if simple.compound { "()" } else { "" });
            text.push_str(if simple.guarded { "!" } else { "" });
            text.push_str(if simple.redirected { ">" } else { "" });
            text
        };
        let pipeline = |pipeline: &Pipeline| {
            let parts: Vec<String> = pipeline.parts.iter().map(simple).collect();
            let text = parts.join(" | ");
            if pipeline.captured {
                format!("$({text})")
            } else {
                text
            }
        };
        pipelines.iter().map(pipeline).collect()
    }

    #[test]
    fn scripts_are_cut_into_pipelines() {
        for (text, pipelines) in [
            ("a b | c d", vec!["a b | c d"]),
            ("a; b && c || d & e", vec!["a", "b", "c", "d", "e"]),
            ("a\nb", vec!["a", "b"]),
            ("a 'x | y' \"z ; w\" \\| v", vec!["a x | y z ; w | v"]),
            ("a # b | c\nd", vec!["a", "d"]),
            ("x=$(a | b) c", vec!["$(a | b)", "c"]),
            ("echo \"$(a | b)\"", vec!["$(a | b)", "echo $"]),
            ("echo `a | b`", vec!["$(a | b)", "echo $"]),
            ("(a | b) | c", vec!["a | b", "() | c"]),
            ("(a || true) | c", vec!["a", "true", "()! | c"]),
            ("if a | b; then c; fi | d", vec!["a | b", "c", "() | d"]),
            ("a > f | b", vec!["a> | b"]),
            ("a >&2; b 2> e; c &> f; d 1>> g", vec!["a", "b", "c>", "d>"]),
            ("a < f", vec!["a"]),
            ("cat <<EOF | b\nc | d\nEOF\ne", vec!["cat | b", "e"]),
            ("cat <<< x", vec!["cat x"]),
            ("a ${} \"${}\" '${}'", vec!["a ${} ${} ${}"]),
            ("A=${} b", vec!["b"]),
            (
                "case x in a) b | c;; esac",
                vec!["case x in a", "b | c", "()"],
            ),
            ("! a | b", vec!["a | b"]),
            ("diff <(a | b) c", vec!["$(a | b)", "diff p c"]),
            ("echo $((1 | 2)) ${x:-y|z}", vec!["echo $ $x:-y|z"]),
        ] {
            assert_eq!(shown(text), pipelines, "{text}");
        }
    }

    #[test]
    fn no_text_stops_the_scanner() {
        for text in [
            "$(", "`", "\"", "'", "((((", "))", "${", "$((", "<<", ">", "|", "\\",
        ] {
            scan(text);
            scan(&text.repeat(500));
        }
    }
}
