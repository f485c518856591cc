//! The settings of a project: `lockstep.toml`, in the folder of a file or in one above it.

use std::path::{Path, PathBuf};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::files::CallerFiles;
use lockstep_base::diagnostic::suggest::did_you_mean;
use lockstep_base::diagnostic::{Code, Diagnostic, codes};
use lockstep_base::source::{FileId, Sources, Span};
use lockstep_base::world::Files;
use lockstep_lint::{self as lint, Config, Level, UnknownLevel, UnknownRule};

/// The name of the file.
pub(super) const SETTINGS_FILE_NAME: &str = "lockstep.toml";
/// The tables that it may have.
const KNOWN_TABLES: &[&str] = &["lint"];

/// The settings.
#[derive(Debug, Clone, Default)]
pub struct ProjectSettings {
    /// The levels of the rules.
    pub lint: Config,
}

/// The errors in a settings file, with its text.
#[derive(Debug)]
pub struct SettingsErrors {
    /// The text.
    pub sources: Sources,
    /// All errors.
    pub diagnostics: Vec<Diagnostic>,
}

/// The path of the settings for a file, if there are any.
pub fn find(file: &str) -> Option<PathBuf> {
    let folder = match Path::new(file).parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    };
    let folder = std::fs::canonicalize(folder).ok()?;
    let mut folders = folder
        .ancestors()
        .map(|folder| folder.join(SETTINGS_FILE_NAME));
    let found = folders.find(|path| path.is_file())?;
    // As short as a person would write it.
    let here = std::env::current_dir().and_then(std::fs::canonicalize);
    let short = here.ok().and_then(|here| {
        let rest = found.strip_prefix(here).ok()?;
        Some(rest.to_path_buf())
    });
    Some(short.unwrap_or(found))
}

/// Reads settings; a file with errors is ignored as a whole.
pub fn read(path: &Path) -> Result<ProjectSettings, SettingsErrors> {
    let name = path.display().to_string();
    let mut sources = Sources::default();
    let text = match CallerFiles.read(&name) {
        Ok(text) => text,
        Err(why) => {
            let message = format!("cannot read the settings in `{name}`: {why}");
            return Err(SettingsErrors {
                sources,
                diagnostics: vec![Diagnostic::without_place(codes::SETTINGS, message)],
            });
        }
    };
    let file = sources.add(name, text.as_str());
    match parse(&text, file) {
        Ok(settings) => Ok(settings),
        Err(diagnostics) => Err(SettingsErrors {
            sources,
            diagnostics,
        }),
    }
}

/// The settings in a text, or all errors together.
fn parse(text: &str, file: FileId) -> Result<ProjectSettings, Vec<Diagnostic>> {
    let at = |range: std::ops::Range<usize>| Span::new(file, range.start, range.end);
    let table = DeTable::parse(text).map_err(|error| {
        let span = error.span().unwrap_or_default();
        let message = error.message().lines().next().unwrap_or_default();
        vec![mistake(
            at(span),
            format!("this is not valid TOML: {message}"),
        )]
    })?;
    let mut settings = ProjectSettings::default();
    let mut mistakes = Vec::new();
    for (key, value) in table.get_ref() {
        let name: &str = key.get_ref();
        match (name, value.get_ref()) {
            ("lint", DeValue::Table(rules)) => {
                let mut rules: Vec<_> = rules.iter().collect();
                rules.sort_by_key(|(rule, _)| rule.span().start);
                let mut seen: Vec<(Code, Span)> = Vec::new();
                for (rule, level) in rules {
                    let name: &str = rule.get_ref();
                    let place = at(rule.span());
                    if let Some(code) = lint::find(name).map(|rule| rule.code) {
                        match seen.iter().find(|(other, _)| *other == code) {
                            Some((_, first)) => mistakes.push(twice(name, place, *first)),
                            None => seen.push((code, place)),
                        }
                    }
                    let set = set_level(&mut settings.lint, name, level.get_ref());
                    if let Err(why) = set {
                        let place = match why {
                            NotSet::Rule(_) => place,
                            NotSet::NotText | NotSet::Level(..) => at(level.span()),
                        };
                        mistakes.push(why.mistake(name, place));
                    }
                }
            }
            ("lint", _) => {
                let message = "`lint` is a table of rules and their levels";
                let help = "write `[lint]`, and below it lines such as `unused-import = \"error\"`";
                mistakes.push(mistake(at(Spanned::span(value)), message).help(help));
            }
            _ => {
                let help = did_you_mean(name, KNOWN_TABLES.iter().copied());
                let help = help.unwrap_or_else(|| String::from("the tables are: `lint`"));
                let message = format!("there is no setting `{}`", name.escape_debug());
                mistakes.push(mistake(at(key.span()), message).help(help));
            }
        }
    }
    mistakes.sort_by_key(Diagnostic::span);
    match mistakes.is_empty() {
        true => Ok(settings),
        false => Err(mistakes),
    }
}

/// The error of two levels for a rule: one by its name, one by its code.
fn twice(rule: &str, place: Span, first: Span) -> Diagnostic {
    mistake(place, format!("`{rule}` has a level already"))
        .label(first, "here")
        .help("leave out one of the two")
}

/// Why the level of a rule is not set.
enum NotSet {
    /// The level is not a string.
    NotText,
    /// There is no such level.
    Level(String, UnknownLevel),
    /// There is no such rule.
    Rule(UnknownRule),
}

impl NotSet {
    fn mistake(&self, rule: &str, place: Span) -> Diagnostic {
        match self {
            Self::NotText => mistake(place, "a level is a text")
                .help("write `\"off\"`, `\"warn\"` or `\"error\"`"),
            Self::Level(word, why) => {
                let message = format!("there is no level `{}`", word.escape_debug());
                mistake(place, message).help(why.to_string())
            }
            Self::Rule(why) => {
                let message = format!("there is no rule `{}`", rule.escape_debug());
                mistake(place, message).help(why.to_string())
            }
        }
    }
}

/// Sets the level of a rule.
fn set_level(config: &mut Config, rule: &str, level: &DeValue<'_>) -> Result<(), NotSet> {
    let word = match level {
        DeValue::String(word) => word.as_ref(),
        _ => return Err(NotSet::NotText),
    };
    let found = Level::find(word).map_err(|why| NotSet::Level(word.to_owned(), why))?;
    config.set(rule, found).map_err(NotSet::Rule)
}

fn mistake(span: Span, message: impl Into<String>) -> Diagnostic {
    Diagnostic::error(codes::SETTINGS, span, message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use lockstep_lint::find as rule;

    fn wrong(text: &str) -> Vec<String> {
        let mistakes = parse(text, FileId(0)).expect_err("it is wrong");
        mistakes.into_iter().map(|it| it.message).collect()
    }

    #[test]
    fn levels_are_read_by_name_and_code() {
        let text = "[lint]\nunused-import = \"error\"\nl0401 = \"off\"\n";
        let settings = parse(text, FileId(0)).expect("it is fine");
        let level = |name: &str| settings.lint.level(rule(name).expect("a rule"));
        assert_eq!(level("unused-import"), Level::Error);
        assert_eq!(level("hidden-pipe-failure"), Level::Off);
        assert_eq!(level("unused-value"), Level::Warn);
    }

    #[test]
    fn mistakes_are_reported_together() {
        let text = "[lint]\nunused-imprt = \"error\"\nunused-value = \"wran\"\n\
                    L0401 = 1\n[lints]\n";
        assert_eq!(
            wrong(text),
            [
                "there is no rule `unused-imprt`",
                "there is no level `wran`",
                "a level is a text",
                "there is no setting `lints`",
            ]
        );
        assert_eq!(
            wrong("lint = 1"),
            ["`lint` is a table of rules and their levels"]
        );
        let text = "[lint]\nunused-value = \"off\"\nl0104 = \"warn\"\nE0201 = \"off\"\n";
        assert_eq!(
            wrong(text),
            ["`l0104` has a level already", "there is no rule `E0201`"]
        );
        assert!(wrong("[lint")[0].starts_with("this is not valid TOML: "));
    }
}
