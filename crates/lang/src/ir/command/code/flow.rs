//! Follows the values through the commands of a script: along pipes, here-documents, variables,
//! functions and files, to the programs that would read them as code or take them as arguments.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::arguments::{self, Arguments, arguments, basename};
use super::outputs::{FILTERS, PRINTERS};
use super::programs::{Language, Operands, Program};
use super::taint::{Store, Taint};
use super::{Finding, Reader, Use, is_assignment};
use crate::ir::command::analyse::is_shell_builtin;
use crate::ir::command::tree::{List, ShellCommand, ShellForm, ShellWord};

/// How many calls and texts in texts are followed.
const MAX_DEPTH: usize = 8;

/// A walk through a script.
#[derive(Debug, Default)]
pub struct Flow {
    /// What has been found.
    pub findings: Vec<Finding>,
    variables: Store,
    files: Store,
    functions: BTreeMap<String, Arc<ShellCommand>>,
    /// The variables that hold a text that is written out.
    constants: BTreeMap<String, String>,
    /// The text of a here-document with a quoted mark that the command at hand reads.
    document: Option<String>,
    /// What the script itself reads: its number, and its text where that is written out.
    stdin: Option<(usize, Option<String>)>,
    depth: usize,
}

impl Flow {
    /// Follows the values through a script until nothing new is learned about its variables and
    /// files, which loops and functions can carry backwards.
    pub fn through(
        script: &List,
        variables: &[(&str, usize)],
        stdin: Option<(usize, Option<&str>)>,
    ) -> Vec<Finding> {
        const MAX_ROUNDS: usize = 6;
        let mut flow = Self::default();
        for (name, piece) in variables {
            flow.variables.put(name, &Taint::from([*piece]));
        }
        let input: Taint = stdin.iter().map(|(number, _)| *number).collect();
        flow.stdin = stdin.map(|(number, text)| (number, text.map(String::from)));
        flow.declare(script);
        for _ in 0..MAX_ROUNDS {
            let before = (flow.variables.clone(), flow.files.clone());
            flow.findings.clear();
            flow.list(script, &input);
            if before == (flow.variables.clone(), flow.files.clone()) {
                break;
            }
        }
        flow.findings
    }

    /// Collects the functions.
    fn declare(&mut self, list: &List) {
        for command in list.iter().flat_map(|line| &line.commands) {
            if let Some(name) = &command.function {
                let body = ShellCommand {
                    function: None,
                    ..command.clone()
                };
                self.functions.insert(name.clone(), Arc::new(body));
            }
            match &command.form {
                ShellForm::Simple(_) => {}
                ShellForm::Group(inner) => self.declare(inner),
                ShellForm::Compound(lists) => lists.iter().for_each(|inner| self.declare(inner)),
            }
        }
    }

    /// The values in what the commands of a list write.
    fn list(&mut self, list: &List, input: &Taint) -> Taint {
        let mut written = Taint::new();
        for line in list {
            let mut piped = input.clone();
            for command in &line.commands {
                piped = self.command(command, &piped);
            }
            written.extend(&piped);
        }
        written
    }

    fn command(&mut self, command: &ShellCommand, input: &Taint) -> Taint {
        let input = self.redirected(command, input);
        for word in &command.assignments {
            self.assign(word);
        }
        if let Some((variable, words)) = &command.each {
            let taint = self.words(words);
            self.variables.put(variable, &taint);
        }
        let written = match &command.form {
            ShellForm::Simple(words) => {
                let written = self.simple(words, &input);
                self.document = None;
                written
            }
            ShellForm::Group(inner) => self.list(inner, &input),
            ShellForm::Compound(lists) => {
                for own in &command.substitutions {
                    self.list(&own.list, &Taint::new());
                }
                let mut written = Taint::new();
                for inner in lists {
                    written.extend(&self.list(inner, &input));
                }
                written
            }
        };
        self.written(command, written)
    }

    /// What a command reads, with its redirections.
    fn redirected(&mut self, command: &ShellCommand, input: &Taint) -> Taint {
        let is_input = |stream: &Option<String>| stream.as_deref().is_none_or(|it| it == "0");
        let mut own: Option<Taint> = None;
        for document in command.documents.iter().filter(|it| is_input(&it.stream)) {
            self.document = document.body.known().map(String::from);
            let taint = self.word(&document.body);
            own.get_or_insert_default().extend(&taint);
        }
        for redirection in command
            .redirections
            .iter()
            .filter(|it| is_input(&it.stream))
        {
            let taint = match redirection.operator.as_str() {
                "<<<" => self.word(&redirection.target),
                "<" | "<>" => self.content(&redirection.target),
                _ => continue,
            };
            own.get_or_insert_default().extend(&taint);
        }
        own.unwrap_or_else(|| input.clone())
    }

    /// What stands in the file that a word names.
    fn content(&mut self, word: &ShellWord) -> Taint {
        let mut taint = self.files.get(file_name(&word.text));
        for own in &word.substitutions {
            let written = self.list(&own.list, &Taint::new());
            if own.process {
                taint.extend(&written);
            }
        }
        taint
    }

    /// Where what a command writes goes: into files, or on.
    fn written(&mut self, command: &ShellCommand, written: Taint) -> Taint {
        let mut on = true;
        for redirection in &command.redirections {
            let own = redirection.stream.as_deref().is_none_or(|it| it == "1");
            if own && redirection.operator.contains('>') && !redirection.operator.contains('<') {
                self.files
                    .put(file_name(&redirection.target.text), &written);
                for inner in &redirection.target.substitutions {
                    self.list(&inner.list, &written);
                }
                on = matches!(redirection.target.text.as_str(), "1" | "2" | "/dev/stdout");
            }
        }
        if on { written } else { Taint::new() }
    }

    fn assign(&mut self, word: &ShellWord) {
        let taint = self.word(word);
        let name: String = (word.text.chars())
            .take_while(|char| char.is_ascii_alphanumeric() || *char == '_')
            .collect();
        if super::outputs::CODE_VARIABLES.contains(&name.as_str()) {
            let reader = Reader::Variable(name.clone());
            self.find(&taint, Use::Code(Language::Shell), reader, true);
        }
        self.variables.put(&name, &taint);
        if let Some((_, text)) = word.known().and_then(|text| text.split_once('=')) {
            self.constants.insert(name, text.to_string());
        }
    }

    /// The values in a word.
    fn word(&mut self, word: &ShellWord) -> Taint {
        let mut taint: Taint = word.values.iter().copied().collect();
        for variable in &word.variables {
            taint.extend(&self.variables.get(variable));
        }
        for own in &word.substitutions {
            let written = self.list(&own.list, &Taint::new());
            if !own.process {
                taint.extend(&written);
            }
        }
        taint
    }

    fn words(&mut self, words: &[ShellWord]) -> Taint {
        let mut taint = Taint::new();
        for word in words {
            taint.extend(&self.word(word));
        }
        taint
    }

    /// Reports the values that stand where they must not.
    fn find(&mut self, taint: &Taint, used: Use, reader: Reader, direct: bool) {
        for piece in taint {
            self.findings.push(Finding {
                piece: *piece,
                used,
                reader: reader.clone(),
                direct,
            });
        }
    }

    /// What a simple command writes.
    fn simple(&mut self, words: &[ShellWord], input: &Taint) -> Taint {
        let Some(first) = words.first() else {
            return Taint::new();
        };
        let taints: Vec<Taint> = words.iter().map(|word| self.word(word)).collect();
        let name = first.known().map(basename).unwrap_or_default().to_string();
        if let Some(body) = self.functions.get(&name).cloned() {
            return self.call(&body, taints.get(1..).unwrap_or_default(), input);
        }
        if let Some(named) = self.named(first) {
            let rest = words.get(1..).unwrap_or_default();
            let words: Vec<ShellWord> = named.into_iter().chain(rest.iter().cloned()).collect();
            return self.simple(&words, input);
        }
        if !first.known().is_some_and(is_shell_builtin) {
            self.passed(&name, &taints);
        }
        // A file that the script has written may be what is executed.
        let content = self.content(first);
        self.find(&content, Use::Code(Language::Shell), Reader::File, false);
        super::names::check(self, &name, words, &taints);
        super::settings::check(words, &taints, &mut self.findings);
        let Some(program) = arguments::program(words) else {
            super::operands::check(words, words.len(), &mut self.findings);
            if first.known().is_none() {
                self.unknown(words, &taints);
            }
            self.shells(words, &taints, input);
            return self.output(&name, words, &taints, input);
        };
        let found = arguments(program, words);
        let other = found.command.or(found.perhaps_command);
        let other = other
            .or(found.joined.first().copied())
            .unwrap_or(words.len());
        super::operands::check(words, other, &mut self.findings);
        self.code(program, &name, words, &taints, &found, input);
        if let Some(at) = found.perhaps_command {
            let rest = words.get(at..).unwrap_or_default();
            if arguments::program(rest).is_some() {
                return self.simple(rest, input);
            }
            self.shells(words, &taints, input);
        }
        match found.command {
            Some(at) => self.started(program, &name, words, at, &found, input),
            None => self.output(&name, words, &taints, input),
        }
    }

    /// The variables that `env` and the like set for the command behind them.
    fn variables_of(&mut self, words: &[ShellWord], end: usize) {
        for word in words.iter().take(end).skip(1) {
            if is_assignment(word.head()) {
                self.assign(word);
            }
        }
    }

    /// The words of the program that `$NAME` stands for, where the script says it.
    fn named(&self, word: &ShellWord) -> Option<Vec<ShellWord>> {
        let name = word.text.strip_prefix('$')?;
        let name = name
            .strip_prefix('{')
            .and_then(|name| name.strip_suffix('}'))
            .unwrap_or(name);
        let literal = |text: &str| ShellWord {
            text: text.to_string(),
            literal: true,
            ..ShellWord::default()
        };
        let words: Vec<ShellWord> = self
            .constants
            .get(name)?
            .split_ascii_whitespace()
            .map(literal)
            .collect();
        (!words.is_empty()).then_some(words)
    }

    /// The command that a program starts.
    fn started(
        &mut self,
        program: &Program,
        name: &str,
        words: &[ShellWord],
        at: usize,
        found: &Arguments,
        input: &Taint,
    ) -> Taint {
        let mut rest: Vec<ShellWord> = words.get(at..).unwrap_or_default().to_vec();
        self.variables_of(words, at);
        let looks_up = name == "command"
            && words[1..at]
                .iter()
                .any(|word| matches!(word.known(), Some("-v" | "-V")));
        if looks_up {
            return Taint::new();
        }
        if let Some(first) = rest.first() {
            let direct: Taint = first.values.iter().copied().collect();
            self.find(
                &direct,
                Use::Program,
                Reader::Program(name.to_string()),
                true,
            );
        }
        // A shell may stand behind a program that is not known.
        let shell = |word: &ShellWord| {
            let text = word.known().unwrap_or_default();
            super::programs::SHELLS.contains(&basename(text))
        };
        if arguments::program(&rest).is_none()
            && !super::outputs::is_known(rest.first())
            && matches!(
                program.operands,
                Operands::Command(_) | Operands::CommandBehindDashes
            )
            && let Some(later) = rest.iter().position(shell)
        {
            rest.drain(..later);
        }
        if !found.input_is_arguments {
            return self.simple(&rest, input);
        }
        // `xargs` puts what it reads behind the words, and in place of `{}` in them.
        let marker = words[..at]
            .windows(2)
            .find(|pair| pair[0].known() == Some("-I"));
        let marker = marker
            .and_then(|pair| pair[1].known())
            .unwrap_or("{}")
            .to_string();
        let pieces: Vec<usize> = input.iter().copied().collect();
        if !pieces.is_empty() {
            for word in rest.iter_mut().filter(|word| word.text.contains(&marker)) {
                word.values.extend(pieces.iter());
                word.literal = false;
            }
            rest.push(ShellWord {
                values: pieces,
                ..ShellWord::default()
            });
        }
        self.simple(&rest, &Taint::new())
    }

    /// Calls a function of the script.
    fn call(&mut self, body: &ShellCommand, arguments: &[Taint], input: &Taint) -> Taint {
        if self.depth >= MAX_DEPTH {
            return Taint::new();
        }
        self.positional(arguments);
        self.depth += 1;
        let written = self.command(body, input);
        self.depth -= 1;
        written
    }

    /// Sets `$1`, `$@` and the like.
    fn positional(&mut self, arguments: &[Taint]) {
        for (at, taint) in arguments.iter().enumerate() {
            self.variables.put(&(at + 1).to_string(), taint);
            self.variables.put("@", taint);
            self.variables.put("*", taint);
        }
    }

    /// The arguments of a program that is no part of the shell.
    fn passed(&mut self, name: &str, taints: &[Taint]) {
        for taint in taints {
            let reader = Reader::Program(name.to_string());
            self.find(taint, Use::Argument, reader, true);
        }
    }

    /// A program whose name only the shell knows may be a shell.
    fn unknown(&mut self, words: &[ShellWord], taints: &[Taint]) {
        let options = words.iter().skip(1).map_while(|word| {
            word.known()
                .filter(|text| text.starts_with('-') && !text.starts_with("--"))
        });
        let options: Vec<&str> = options.collect();
        if options.iter().any(|option| option.ends_with('c'))
            && let Some(taint) = taints.get(options.len() + 1)
        {
            self.find(taint, Use::Code(Language::Shell), Reader::Shell, true);
        }
    }

    /// The code behind `-c` of a shell that is named among the words of another program: behind
    /// `find -exec`, or a program that has no row.
    fn shells(&mut self, words: &[ShellWord], taints: &[Taint], input: &Taint) {
        for at in 1..words.len() {
            let rest = &words[at..];
            let executes = matches!(
                words[at - 1].known(),
                Some("-exec" | "-execdir" | "-ok" | "-okdir")
            );
            if executes {
                let direct: Taint = rest[0].values.iter().copied().collect();
                self.find(
                    &direct,
                    Use::Program,
                    Reader::Program(String::from("find")),
                    true,
                );
            }
            if let Some(program) = arguments::program(rest)
                && (program.operands == Operands::Shell || executes)
            {
                let mut found = arguments(program, rest);
                found.input_is_code = false;
                let name = rest[0]
                    .known()
                    .map(basename)
                    .unwrap_or_default()
                    .to_string();
                if !found.code.is_empty() || executes {
                    self.code(program, &name, rest, &taints[at..], &found, input);
                }
            }
        }
    }

    /// What a program reads as code.
    fn code(
        &mut self,
        program: &Program,
        name: &str,
        words: &[ShellWord],
        taints: &[Taint],
        found: &Arguments,
        input: &Taint,
    ) {
        let used = Use::Code(program.language);
        let reader = Reader::of(program, name);
        let data: Vec<Taint> = found
            .data
            .iter()
            .filter_map(|at| taints.get(*at).cloned())
            .collect();
        for at in &found.code {
            let Some(taint) = taints.get(*at) else {
                continue;
            };
            self.find(taint, used, reader.clone(), true);
            if let Some(text) = words[*at].known() {
                let text = text.strip_prefix("--command=").unwrap_or(text).to_string();
                // A shell calls the first word behind its code `$0`.
                let skipped = usize::from(program.operands == Operands::Shell);
                self.nested(program, &text, &data, skipped, input);
            }
        }
        for at in &found.before_joined {
            let direct: Taint = words[*at].values.iter().copied().collect();
            self.find(&direct, Use::OneWord, reader.clone(), true);
        }
        if !found.joined.is_empty() {
            let mut text = String::new();
            for at in &found.joined {
                self.find(&taints[*at].clone(), used, reader.clone(), true);
                text.push_str(&words[*at].text);
                text.push(' ');
            }
            self.nested(program, &text, &[], 0, input);
        }
        if let Some(word) = found.file.and_then(|at| words.get(at)) {
            let content = self.content(word);
            self.find(&content, used, Reader::File, false);
            if program.language == Language::Shell
                && word.text.starts_with(crate::ir::command::VALUE)
            {
                let direct: Taint = word.values.iter().copied().collect();
                self.find(&direct, Use::Program, reader.clone(), true);
            }
        }
        if found.input_is_code {
            self.find(input, used, Reader::Input(name.to_string()), false);
            let own = (self.stdin.as_ref()).filter(|(number, _)| input.contains(number));
            let own = own.and_then(|(_, text)| text.clone());
            if let Some(text) = self.document.take().or(own) {
                self.nested(program, &text, &data, 0, &Taint::new());
            }
        }
    }

    /// The code that is written out in a command.
    fn nested(
        &mut self,
        program: &Program,
        text: &str,
        data: &[Taint],
        skipped: usize,
        input: &Taint,
    ) {
        let shell = matches!(program.language, Language::Shell | Language::Remote);
        if !shell || self.depth >= MAX_DEPTH || text.contains(crate::ir::command::VALUE) {
            return;
        }
        let list = super::parse(text);
        self.declare(&list);
        if program.operands == Operands::Shell {
            self.positional(data.get(skipped..).unwrap_or_default());
        }
        self.depth += 1;
        self.list(&list, input);
        self.depth -= 1;
    }

    /// What a program writes, of its arguments and of what it reads.
    fn output(
        &mut self,
        name: &str,
        words: &[ShellWord],
        taints: &[Taint],
        input: &Taint,
    ) -> Taint {
        let arguments = words.iter().zip(taints).skip(1);
        match name {
            "tee" => {
                for (word, _) in arguments.clone() {
                    self.files.put(file_name(&word.text), input);
                }
            }
            "read" | "mapfile" | "readarray" => {
                for (word, _) in arguments.clone() {
                    self.variables.put(&word.text, input);
                }
            }
            "set" => {
                let is_option = |word: &ShellWord| {
                    word.known()
                        .is_some_and(|text| text.starts_with(['-', '+']))
                };
                let operands = arguments.clone().filter(|(word, _)| !is_option(word));
                let operands: Vec<Taint> = operands.map(|(_, taint)| taint.clone()).collect();
                self.positional(&operands);
            }
            _ if is_declaration(name) => {
                for (word, _) in arguments
                    .clone()
                    .filter(|(word, _)| is_assignment(word.head()))
                {
                    self.assign(word);
                }
            }
            _ => {}
        }
        let (prints, passes) = (PRINTERS.contains(&name), FILTERS.contains(&name));
        let mut written = Taint::new();
        if prints || passes {
            for word in words {
                let content = self.content(word);
                written.extend(&content);
            }
            written.extend(input);
        }
        if prints {
            written.extend(arguments.flat_map(|(_, taint)| taint));
        }
        written
    }
}

/// Whether a builtin sets variables by its arguments.
pub fn is_declaration(name: &str) -> bool {
    matches!(
        name,
        "export" | "readonly" | "declare" | "typeset" | "local"
    )
}

/// The name of a file, without what does not change it.
fn file_name(text: &str) -> &str {
    text.strip_prefix("./").unwrap_or(text)
}
