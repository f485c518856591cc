//! `lockstep lint`: reports likely mistakes in files, and applies safe fixes with `--fix`.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use super::arguments::{Format, Lint};
use super::check::write;
use super::exit::Exit;
use super::files::{CallerEnvironment, OpenedFile};
use super::find::{self, DefaultFiles};
use super::importers::Importers;
use super::merge::MergedFindings;
use super::output::Output;
use super::replace;
use super::settings::{self, ProjectSettings};
use lockstep_base::diagnostic::render::{Ink, RenderStyle, clean, render};
use lockstep_base::diagnostic::{Code, Diagnostic, Severity, codes};
use lockstep_base::source::Sources;
use lockstep_base::world::FileError;
use lockstep_format::format_text;
use lockstep_lang::compile::{Compilation, compile};
use lockstep_lang::ir::Program;
use lockstep_lint::{self as lint, Level, Rule};
use lockstep_plan::{self as plan, Plan, RunRequest};
use lockstep_verify::{DistinctMistakes, each_plan};

pub(super) fn run(arguments: &Lint, output: &mut Output) -> Exit {
    if arguments.rules {
        return list(output);
    }
    match LintSession::begin(arguments, output) {
        Ok(session) => session.all(output),
        Err(exit) => exit,
    }
}

/// The state of one invocation.
struct LintSession<'a> {
    arguments: &'a Lint,
    files: Vec<OpenedFile>,
    asked: RunRequest,
    settings: HashMap<Option<PathBuf>, ProjectSettings>,
}

impl<'a> LintSession<'a> {
    /// Opens all files and reads all settings; errors in them end the invocation.
    fn begin(arguments: &'a Lint, output: &mut Output) -> Result<Self, Exit> {
        let refuse = |mistakes: &[Diagnostic], sources: &Sources, output: &mut Output| {
            match arguments.format {
                Format::Text => {
                    let text = render(mistakes, sources, output.stderr_style());
                    output.complain(&text);
                }
                format => {
                    let text = write(mistakes, sources, format, output.stdout_style());
                    output.print(&text);
                }
            }
            Exit::Refused
        };
        let nothing = Sources::default();
        let (opened, mut mistakes) = find::open(&arguments.paths, DefaultFiles::Below);
        let asked = arguments.inputs.read(None).unwrap_or_else(|wrong| {
            mistakes.extend(wrong);
            RunRequest::default()
        });
        if !mistakes.is_empty() {
            return Err(refuse(&mistakes, &nothing, output));
        }
        let mut known = HashMap::from([(None, ProjectSettings::default())]);
        for file in &opened {
            let Some(path) = settings::find(&file.path) else {
                continue;
            };
            if known.contains_key(&Some(path.clone())) {
                continue;
            }
            let read = settings::read(&path);
            let read = read.map_err(|wrong| refuse(&wrong.diagnostics, &wrong.sources, output))?;
            known.insert(Some(path), read);
        }
        Ok(Self {
            arguments,
            files: opened,
            asked,
            settings: known,
        })
    }

    /// Fixes, lints and reports all files.
    fn all(self, output: &mut Output) -> Exit {
        let mut merged = MergedFindings::default();
        let mut broken = false;
        let mut files = self.files.clone();
        let mended = match self.fix_all(&mut files, output) {
            Ok(mended) => mended,
            Err(exit) => return exit,
        };
        let borrowers = self.borrowers();
        for opened in &files {
            let config = self.config(opened, &borrowers);
            let (compilation, found, fine) = self.lint_file(opened, &config);
            broken |= !fine;
            merged.add(&compilation.sources, found);
        }
        self.report(&merged, &mended, output);
        let has = |severity| merged.diagnostics.iter().any(|it| it.severity == severity);
        match (broken, has(Severity::Error), has(Severity::Warning)) {
            (true, ..) => Exit::Refused,
            (_, true, _) => Exit::Failed,
            (_, _, true) if self.arguments.deny_warnings => Exit::Failed,
            _ => Exit::Succeeded,
        }
    }

    fn borrowers(&self) -> Importers {
        Importers::of(self.files.iter().map(|file| Path::new(&file.path)))
    }

    /// The lint configuration of a file.
    fn config(&self, opened: &OpenedFile, borrowers: &Importers) -> lint::Config {
        let settings = self.settings.get(&settings::find(&opened.path));
        let config = settings.map(|settings| settings.lint.clone());
        let used = borrowers.from(Path::new(&opened.path));
        config.unwrap_or_default().used_elsewhere(used)
    }

    /// Fixes all files if `--fix` is given. Returns what was changed in which.
    fn fix_all(
        &self,
        files: &mut [OpenedFile],
        output: &mut Output,
    ) -> Result<Vec<(String, Vec<String>)>, Exit> {
        let mut mended: Vec<(String, Vec<String>)> = Vec::new();
        // A fix in one file may have removed the last use of something in another.
        let mut changed = self.arguments.fix;
        while changed {
            changed = false;
            let borrowers = self.borrowers();
            for file in files.iter_mut() {
                let config = self.config(file, &borrowers);
                let Some((text, done)) = self.fix(file, &config, output)? else {
                    continue;
                };
                changed |= text.len() < file.text().len();
                *file = file.with_text(text);
                match mended.iter_mut().find(|(path, _)| *path == file.path) {
                    Some((_, before)) => before.extend(done),
                    None => mended.push((file.path.clone(), done)),
                }
            }
        }
        Ok(mended)
    }

    /// Applies the safe fixes of a file and writes it.
    fn fix(
        &self,
        opened: &OpenedFile,
        config: &lint::Config,
        output: &mut Output,
    ) -> Result<Option<(String, Vec<String>)>, Exit> {
        let mended = lint::fix(opened, &opened.path, opened.text(), config);
        if let Some(why) = &mended.refused {
            // The findings are reported all the same.
            output.complain(&format!("{}: not fixed: {why}\n", clean(&opened.path)));
        }
        if mended.text == opened.text() {
            return Ok(None);
        }
        let text = formatted_as_before(opened.text(), mended.text);
        match replace::replace(&opened.path, &text) {
            Ok(()) => Ok(Some((text, mended.done))),
            Err(why) => {
                let why = FileError::from(&why);
                let message = format!("cannot write `{}`: {why}", opened.path);
                let mistake = Diagnostic::without_place(codes::CANNOT_WRITE, message);
                Err(output.refuse(&mistake))
            }
        }
    }

    /// The diagnostics of the compiler and the rules for a file, and whether it compiles.
    fn lint_file(
        &self,
        opened: &OpenedFile,
        config: &lint::Config,
    ) -> (Compilation, Vec<Diagnostic>, bool) {
        let compilation = compile(opened, &opened.path);
        let mut found = compilation.diagnostics.clone();
        let mut plans = Vec::new();
        if let Some(program) = &compilation.program {
            plans = self.plans(program, opened, &mut found);
        }
        let fine = !found.iter().any(|it| it.severity == Severity::Error);
        let plans: Vec<&Plan> = plans.iter().collect();
        found.extend(lint::lint_with(&compilation, &plans, config));
        (compilation, found, fine)
    }

    /// The plans of all pipelines whose inputs are known. The errors of the others are reported as
    /// in `check`.
    fn plans(
        &self,
        program: &Program,
        opened: &OpenedFile,
        found: &mut Vec<Diagnostic>,
    ) -> Vec<Plan> {
        let mut asked = self.asked.clone();
        if self.files.len() > 1 {
            // Other files have other inputs.
            let known = |name: &String| plan::inputs(program).any(|it| *it.name == **name);
            asked.inputs.retain(|name, _| known(name));
        }
        let mut plans = Vec::new();
        let mut mistakes = DistinctMistakes::default();
        let see = &mut |plan, _: &mut DistinctMistakes| plans.push(plan);
        each_plan(
            program,
            &asked,
            &CallerEnvironment,
            opened,
            &mut mistakes,
            see,
        );
        let mistakes = mistakes.into_list().into_iter();
        found.extend(mistakes);
        plans
    }

    fn report(
        &self,
        merged: &MergedFindings,
        mended: &[(String, Vec<String>)],
        output: &mut Output,
    ) {
        let style = output.stdout_style();
        let text = write(
            &merged.diagnostics,
            &merged.sources,
            self.arguments.format,
            style,
        );
        if self.arguments.format != Format::Text {
            output.print(&text);
            return;
        }
        for (path, done) in mended {
            output.print(&changes(path, done, style));
        }
        output.print(&text);
        let safe = merged.diagnostics.iter().filter(|it| is_safe(it)).count();
        let ending = match (merged.diagnostics.is_empty(), safe) {
            (true, _) => self.fine(),
            (false, 0) => return,
            (false, 1) => String::from("`lockstep lint --fix` fixes one of them\n"),
            (false, safe) => format!("`lockstep lint --fix` fixes {safe} of them\n"),
        };
        output.print(&ending);
    }

    fn fine(&self) -> String {
        match self.files.as_slice() {
            [only] => format!("{} is fine\n", clean(&only.path)),
            all => format!("{} files are fine\n", all.len()),
        }
    }
}

/// Whether `--fix` fixes a finding.
fn is_safe(finding: &Diagnostic) -> bool {
    let rule = lint::find(finding.code.as_str());
    rule.is_some_and(|rule| rule.safe) && !finding.fixes.is_empty()
}

/// The changes of a file.
fn changes(path: &str, done: &[String], style: RenderStyle) -> String {
    let mut out = format!("{}\n", style.paint(Ink::Bold, &clean(path)));
    for change in done {
        out.push_str(&format!("  {}\n", clean(change)));
    }
    out.push('\n');
    out
}

/// All rules with their levels, by family.
fn list(output: &mut Output) -> Exit {
    let config = match settings::find("./").map(|path| settings::read(&path)) {
        None => lint::Config::default(),
        Some(Ok(settings)) => settings.lint,
        Some(Err(wrong)) => {
            let style = output.stderr_style();
            output.complain(&render(&wrong.diagnostics, &wrong.sources, style));
            return Exit::Refused;
        }
    };
    let style = output.stdout_style();
    let widest = lint::rules().iter().map(|rule| rule.name.len()).max();
    let widest = widest.unwrap_or_default();
    let mut text = String::new();
    let mut last = "";
    for rule in lint::rules() {
        let family = rule.code.family();
        if family != last {
            let blank = if last.is_empty() { "" } else { "\n" };
            text.push_str(&format!("{blank}{}\n", style.paint(Ink::Bold, family)));
            last = family;
        }
        text.push_str(&row(rule, config.level(rule), widest, style));
    }
    output.print(&text);
    Exit::Succeeded
}

fn row(rule: &Rule, level: Level, widest: usize, style: RenderStyle) -> String {
    let code: Code = rule.code;
    let ink = match level {
        Level::Error => Ink::Error,
        Level::Warn => Ink::Warning,
        Level::Off => Ink::Dim,
    };
    format!(
        "  {}  {:widest$}  {}  {}\n",
        style.paint(Ink::Name, code.as_str()),
        rule.name,
        style.paint(ink, &format!("{:5}", level.as_str())),
        code.title(),
    )
}

/// The text after fixes: where the file was formatted before them, it is again.
fn formatted_as_before(before: &str, after: String) -> String {
    match format_text(before) {
        Ok(formatted) if formatted == before => format_text(&after).unwrap_or(after),
        Ok(_) | Err(_) => after,
    }
}
