//! The syntax tree of a shell command: lists of pipelines, their commands, words and redirections.
//! [`shell`](super::shell) parses it.

use super::analyse::CommandPiece;
use std::sync::Arc;

use super::shell::{ScannedPart, ScannedWord, ShellScanner};
use super::{CommandTemplate, Form, TextPart};
use lockstep_base::source::{FileId, Span};

/// What stands in the text of a word in place of an interpolated value.
pub const VALUE: char = '\u{fffc}';

/// Commands that are run one after the other.
pub type List = Vec<Pipeline>;

/// Commands joined by `|`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Pipeline {
    /// The commands.
    pub commands: Vec<ShellCommand>,
    /// Whether a `&` stands behind it: the script does not wait for it.
    pub background: bool,
}

/// A command of a script.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ShellCommand {
    /// What it is.
    pub form: ShellForm,
    /// The name of the function whose body it is.
    pub function: Option<String>,
    /// The variables that it sets: `NAME=…`; an array has one for each element.
    pub assignments: Vec<ShellWord>,
    /// The variable of a `for`, with the words that it stands for.
    pub each: Option<(String, Vec<ShellWord>)>,
    /// Its redirections, here-documents excepted.
    pub redirections: Vec<Redirection>,
    /// Its here-documents.
    pub documents: Vec<HereDocument>,
    /// The command and process substitutions in its words, and in the patterns, lists and
    /// here-documents of a compound command.
    pub substitutions: Vec<Substitution>,
}

/// `$(…)`, `` `…` ``, `<(…)` or `>(…)`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Substitution {
    /// The commands in it.
    pub list: Arc<List>,
    /// Whether its place in the word is the name of a file: `<(…)` and `>(…)`.
    pub process: bool,
}

/// A here-document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HereDocument {
    /// The stream, where its number is written.
    pub stream: Option<String>,
    /// Its place among the here-documents of the text.
    number: usize,
    /// Its body; nothing of it where the mark is quoted, since nothing in it is expanded.
    pub body: ShellWord,
}

/// The forms of a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ShellForm {
    /// A program with its arguments; without words it only sets variables.
    Simple(Vec<ShellWord>),
    /// `( … )` or `{ … }`.
    Group(List),
    /// `if`, `for`, `while`, `case` and the like with the lists inside: conditions and bodies.
    /// `[[ … ]]` and `(( … ))` have none.
    Compound(Vec<List>),
}

impl Default for ShellForm {
    fn default() -> Self {
        Self::Simple(Vec::new())
    }
}

/// A word without its quotes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ShellWord {
    /// Its text: [`VALUE`] for each value, and what the shell expands as it is written.
    pub text: String,
    /// The values in it, by their places in the text of the command. Those in command
    /// substitutions belong to the words there.
    pub values: Vec<usize>,
    /// The variables that it names, likewise.
    pub variables: Vec<String>,
    /// The substitutions in it.
    pub substitutions: Vec<Substitution>,
    /// Whether the text is all of it: the shell expands nothing in it, and no value is in it.
    pub literal: bool,
    /// Where it begins, by the units of the text.
    pub(super) start: usize,
}

impl ShellWord {
    /// Its text, where that is all of it.
    pub fn known(&self) -> Option<&str> {
        self.literal.then_some(self.text.as_str())
    }

    /// The text before its first value.
    pub(super) fn head(&self) -> &str {
        self.text.split(VALUE).next().unwrap_or_default()
    }

    pub(super) fn of(word: &ScannedWord) -> Self {
        let mut text = String::new();
        for part in &word.parts {
            match part {
                ScannedPart::Text(more, _) | ScannedPart::Opaque(more) => text.push_str(more),
                ScannedPart::Value(_) => text.push(VALUE),
            }
        }
        Self {
            text,
            values: word.values.clone(),
            variables: word.variables.clone(),
            substitutions: word.substitutions.clone(),
            literal: word.text().is_some(),
            start: word.start,
        }
    }
}

/// `> file` and the like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redirection {
    /// The stream, where its number is written.
    pub stream: Option<String>,
    /// The operator: `>`, `>>`, `>&`, `&>`, `<<<`, …
    pub operator: String,
    /// The file, the stream or the text.
    pub target: ShellWord,
}

impl CommandTemplate {
    /// The commands of its text, as the compiler reads them.
    pub fn tree(&self) -> List {
        let span = Span::start_of(FileId(0));
        if let Form::Transfer(_) = self.form {
            return List::new();
        }
        let piece = |part: &TextPart| match part {
            TextPart::Text(text) => CommandPiece::Text {
                text: text.clone(),
                span,
                starts: None,
            },
            TextPart::Value(expr) => CommandPiece::Value {
                expr: expr.clone(),
                span,
                list: false,
                secret: false,
                fixed: false,
                plain: false,
                options: false,
            },
        };
        let pieces: Vec<CommandPiece> = self.text.iter().map(piece).collect();
        let bash = matches!(self.form, Form::Shell { bash: true, .. });
        read(&pieces, bash, 0)
    }
}

/// The commands of a text that begins inside `depth` others.
pub(super) fn read(pieces: &[CommandPiece], bash: bool, depth: usize) -> List {
    let mut scanner = ShellScanner::new(pieces, bash);
    scanner.depth = depth;
    scanner.tree = Some(ShellTreeBuilder::new());
    // What cannot be read has been reported by the compiler.
    let _ = scanner.script();
    scanner.tree.unwrap_or_default().finish()
}

/// Puts the bodies of here-documents, which are read when the command that they belong to is
/// complete, into their commands.
fn fill(list: &mut List, bodies: &mut Vec<ShellWord>) {
    let commands = list.iter_mut().flat_map(|line| &mut line.commands);
    for command in commands {
        for document in &mut command.documents {
            if let Some(body) = bodies.get_mut(document.number) {
                document.body = std::mem::take(body);
            }
        }
        match &mut command.form {
            ShellForm::Simple(_) => {}
            ShellForm::Group(inner) => fill(inner, bodies),
            ShellForm::Compound(lists) => {
                for inner in lists {
                    fill(inner, bodies);
                }
            }
        }
    }
}

/// A tree that is being made.
#[derive(Debug, Default)]
pub(super) struct ShellTreeBuilder {
    /// The open lists, each with whether the next command continues a pipeline.
    lists: Vec<(List, bool)>,
    /// The open commands; the first represents the whole text.
    commands: Vec<Open>,
    /// The bodies of the here-documents that have been read.
    bodies: Vec<ShellWord>,
    /// How many here-documents there are.
    documents: usize,
    /// The function whose body comes next.
    function: Option<String>,
}

/// A command that is being read.
#[derive(Debug, Default)]
struct Open {
    form: Option<ShellCommandKind>,
    words: Vec<ShellWord>,
    lists: Vec<List>,
    assignments: Vec<ShellWord>,
    each: Option<(String, Vec<ShellWord>)>,
    redirections: Vec<Redirection>,
    documents: Vec<HereDocument>,
    substitutions: Vec<Substitution>,
}

/// What a command turned out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ShellCommandKind {
    Simple,
    Group,
    Compound,
}

impl ShellTreeBuilder {
    pub(super) fn new() -> Self {
        Self {
            commands: vec![Open::default()],
            ..Self::default()
        }
    }

    /// The commands of the whole text. Those of substitutions in here-documents that were read
    /// between commands come first.
    pub(super) fn finish(mut self) -> List {
        self.lists.truncate(1);
        let unfinished = self.lists.pop().map(|(list, _)| list);
        let mut whole = self.commands.into_iter().next().unwrap_or_default();
        let mut list = whole.lists.pop().or(unfinished).unwrap_or_default();
        fill(&mut list, &mut self.bodies);
        let own = |of: Substitution| Arc::try_unwrap(of.list).unwrap_or_else(|it| (*it).clone());
        whole
            .substitutions
            .into_iter()
            .flat_map(own)
            .chain(list)
            .collect()
    }

    pub(super) fn open_list(&mut self) {
        self.lists.push((List::new(), false));
    }

    /// Ends a list; it belongs to the command that is open.
    pub(super) fn close_list(&mut self) {
        if let (Some((list, _)), Some(command)) = (self.lists.pop(), self.commands.last_mut()) {
            command.lists.push(list);
        }
    }

    /// Makes the list that was closed last a substitution.
    pub(super) fn substitution(&mut self, process: bool) {
        if let Some(command) = self.commands.last_mut()
            && let Some(mut list) = command.lists.pop()
        {
            fill(&mut list, &mut self.bodies);
            command.substitutions.push(Substitution {
                list: Arc::new(list),
                process,
            });
        }
    }

    /// Adds a substitution that was read on its own.
    pub(super) fn substituted(&mut self, list: List) {
        if let Some(command) = self.commands.last_mut() {
            command.substitutions.push(Substitution {
                list: Arc::new(list),
                process: false,
            });
        }
    }

    /// How many substitutions the open command has.
    pub(super) fn substitutions(&self) -> usize {
        (self.commands.last()).map_or(0, |command| command.substitutions.len())
    }

    /// The substitutions of the open command from one on.
    pub(super) fn substitutions_since(&self, first: usize) -> Vec<Substitution> {
        let all = (self.commands.last()).map(|command| command.substitutions.as_slice());
        all.and_then(|all| all.get(first..))
            .unwrap_or_default()
            .to_vec()
    }

    /// Announces a here-document of the open command; its number.
    pub(super) fn document(&mut self, stream: Option<String>) -> usize {
        let number = self.documents;
        self.documents += 1;
        if let Some(command) = self.commands.last_mut() {
            command.documents.push(HereDocument {
                stream,
                number,
                body: ShellWord::default(),
            });
        }
        number
    }

    /// Keeps the body of a here-document.
    pub(super) fn body(&mut self, number: usize, body: ShellWord) {
        if self.bodies.len() <= number {
            self.bodies.resize_with(number + 1, ShellWord::default);
        }
        self.bodies[number] = body;
    }

    /// Names the function whose body comes next.
    pub(super) fn function(&mut self, name: Option<String>) {
        self.function = name;
    }

    /// Records a variable that the open command sets.
    pub(super) fn assignment(&mut self, word: ShellWord) {
        if let Some(command) = self.commands.last_mut() {
            command.assignments.push(word);
        }
    }

    /// Records the variable of a `for`.
    pub(super) fn each(&mut self, variable: String) {
        if let Some(command) = self.commands.last_mut() {
            command.each = Some((variable, Vec::new()));
        }
    }

    /// Records a word that the variable of a `for` stands for.
    pub(super) fn each_word(&mut self, word: &ScannedWord) {
        if let Some((_, words)) = self.commands.last_mut().and_then(|it| it.each.as_mut()) {
            words.push(ShellWord::of(word));
        }
    }

    /// Records what stands behind a command: `|`, or something that ends its pipeline.
    pub(super) fn separator(&mut self, pipe: bool) {
        if let Some((_, joined)) = self.lists.last_mut() {
            *joined = pipe;
        }
    }

    /// Records a single `&` behind a pipeline.
    pub(super) fn background(&mut self) {
        let list = self.lists.last_mut().map(|(list, _)| list);
        if let Some(pipeline) = list.and_then(|list| list.last_mut()) {
            pipeline.background = true;
        }
    }

    pub(super) fn open_command(&mut self) {
        self.commands.push(Open::default());
    }

    pub(super) fn is(&mut self, kind: ShellCommandKind, words: &[ScannedWord]) {
        if let Some(command) = self.commands.last_mut() {
            command.form = Some(kind);
            command.words = words.iter().map(ShellWord::of).collect();
        }
    }

    pub(super) fn redirection(&mut self, redirection: Redirection) {
        if let Some(command) = self.commands.last_mut() {
            command.redirections.push(redirection);
        }
    }

    /// Ends a command and puts it into its list, if it turned out to be one.
    pub(super) fn close_command(&mut self) {
        let Some(mut open) = self.commands.pop() else {
            return;
        };
        let form = match open.form {
            None => return,
            Some(ShellCommandKind::Simple) => ShellForm::Simple(open.words),
            Some(ShellCommandKind::Group) => ShellForm::Group(open.lists.pop().unwrap_or_default()),
            Some(ShellCommandKind::Compound) => ShellForm::Compound(open.lists),
        };
        let command = ShellCommand {
            form,
            function: self.function.take(),
            assignments: open.assignments,
            each: open.each,
            redirections: open.redirections,
            documents: open.documents,
            substitutions: open.substitutions,
        };
        let Some((list, joined)) = self.lists.last_mut() else {
            return;
        };
        match list.last_mut() {
            Some(pipeline) if *joined => pipeline.commands.push(command),
            _ => list.push(Pipeline {
                commands: vec![command],
                background: false,
            }),
        }
        *joined = false;
    }
}

#[cfg(test)]
mod tests {
    use super::super::notation::pieces;
    use super::*;

    /// The lists as text: words joined by blanks, commands by `|`, pipelines by `;`; brackets
    /// around groups, braces around the lists of compound commands, `$(…)` behind a command for
    /// its substitutions, and redirections as they are.
    fn list(list: &List) -> String {
        let pipelines: Vec<String> = list.iter().map(pipeline).collect();
        pipelines.join("; ")
    }

    fn pipeline(pipeline: &Pipeline) -> String {
        let commands: Vec<String> = pipeline.commands.iter().map(command).collect();
        let sign = if pipeline.background { " &" } else { "" };
        format!("{}{sign}", commands.join(" | "))
    }

    fn word(word: &ShellWord) -> String {
        let mut text = word.text.replace(VALUE, "‹›");
        for variable in &word.variables {
            text.push_str(&format!("~{variable}"));
        }
        text
    }

    fn command(command: &ShellCommand) -> String {
        let mut parts: Vec<String> = match &command.form {
            ShellForm::Simple(words) => words.iter().map(word).collect(),
            ShellForm::Group(inner) => vec![format!("({})", list(inner))],
            ShellForm::Compound(lists) => {
                let lists: Vec<String> = lists.iter().map(list).collect();
                vec![format!("{{{}}}", lists.join(" / "))]
            }
        };
        for redirection in &command.redirections {
            let stream = redirection.stream.clone().unwrap_or_default();
            let target = word(&redirection.target);
            parts.push(format!("{stream}{}{target}", redirection.operator));
        }
        for inner in &command.substitutions {
            parts.push(format!("$({})", list(&inner.list)));
        }
        parts.join(" ")
    }

    #[test]
    fn scripts_are_read_as_trees() {
        for (text, tree) in [
            ("a b | c d", "a b | c d"),
            ("a; b && c || d & e", "a; b; c; d &; e"),
            ("(a & b) & c 2>&1 &", "(a &; b) &; c 2>&1 &"),
            ("a\nb |\n c", "a; b | c"),
            ("a |& b", "a | b"),
            ("a 'x | y' \"z ; w\" \\| v", "a x | y z ; w | v"),
            ("a # b | c\nd", "a; d"),
            ("x=$(a | b) c", "c $(a | b)"),
            ("x=1", ""),
            ("echo \"$(a | b)\"", "echo $(a | b) $(a | b)"),
            (
                "echo `a | b \\`c\\``",
                "echo `a | b \\`c\\`` $(a | b `c` $(c))",
            ),
            ("(a | b) | c", "(a | b) | c"),
            ("{ a; b; } > f", "(a; b) >f"),
            ("if a | b; then c; else d; fi | e", "{a | b / c / d} | e"),
            ("for x in a $(b); do c | d; done", "{c | d} $(b)"),
            (
                "case $x in a|b) c | d;; (e | f) g;; esac | h",
                "{c | d / g} | h",
            ),
            ("while [[ a || b ]]; do :; done", "{{} / :}"),
            ("f() { a; }; f", "(a); f"),
            ("a > f 2>&1 < g | b", "a >f 2>&1 <g | b"),
            ("cat <<EOF | b\nc | d\nEOF\ne", "cat | b; e"),
            ("cat <<< x", "cat <<<x"),
            ("a ‹x› \"‹y›\"", "a ‹› ‹›"),
            (
                "a \"$B\" ${C:-$D} \"$(e $F)\"",
                "a $B~B ${C:-$D}~C~D $(e $F) $(e $F~F)",
            ),
            ("! time a | b", "a | b"),
            ("diff <(a | b) c", "diff <(a | b) c $(a | b)"),
            ("echo $((1 | 2)) ${x:-y|z}", "echo $((1 | 2)) ${x:-y|z}~x"),
        ] {
            assert_eq!(list(&read(&pieces(text), true, 0)), tree, "{text}");
        }
    }

    #[test]
    fn words_know_their_values() {
        let found = read(&pieces("a ‹x› $(b ‹y›) \"c‹z›\""), false, 0);
        let command = &found[0].commands[0];
        let ShellForm::Simple(words) = &command.form else {
            panic!("{command:?}");
        };
        let values: Vec<_> = words.iter().map(|word| word.values.as_slice()).collect();
        assert_eq!(values, [&[][..], &[1], &[], &[5]]);
        let ShellForm::Simple(inner) = &command.substitutions[0].list[0].commands[0].form else {
            panic!("{command:?}");
        };
        assert_eq!(inner[1].values, [3]);
    }

    #[test]
    fn no_text_stops_the_reader() {
        for text in [
            "$(", "`", "\"", "'", "((((", "))", "${", "$((", "<<", ">", "|", "\\",
        ] {
            read(&pieces(text), true, 0);
            read(&pieces(&text.repeat(500)), true, 0);
        }
    }
}
