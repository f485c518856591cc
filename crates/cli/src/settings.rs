//! The settings of a project: `lockstep.toml`, in the folder of a file or in one above it.

mod masked;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use self::masked::masked;
use super::files::CallerFiles;
use lockstep_base::diagnostic::suggest::did_you_mean;
use lockstep_base::diagnostic::{Code, Diagnostic, codes};
use lockstep_base::source::{FileId, Sources, Span};
use lockstep_base::world::Files;
use lockstep_lint::{self as lint, Config, Level, UnknownLevel, UnknownRule};
#[cfg(feature = "lsp")]
use lockstep_lsp::{SettingsKey, SettingsLanguage};

/// The name of the file.
pub(super) const SETTINGS_FILE_NAME: &str = "lockstep.toml";
/// What may be set in it, and what it is for.
const KNOWN_SETTINGS: [(&str, &str); 6] = [
    (
        "file",
        "The file that commands work on where none is named, relative to this one.",
    ),
    (
        "groups",
        "Who is in which group, for approvals: `release-managers = [\"ada\", \"grace\"]`.",
    ),
    (
        "language",
        "The edition of the language in which the files are written. A program that does not know \
         it refuses them.",
    ),
    (
        "lint",
        "The levels of the rules of `lockstep lint`, by name or code: `off`, `warn` or `error`.",
    ),
    (
        "serve",
        "What `lockstep serve` does beyond its options: its address, logins through an OpenID \
         Connect provider, notifications of runs.",
    ),
    (
        "state",
        "The state directory, relative to this file; `.lockstep` beside the file of the pipelines \
         if it is left out.",
    ),
];
/// The editions of the language that this program knows.
const KNOWN_EDITIONS: &[&str] = &["2"];

/// The settings.
#[derive(Debug, Clone, Default)]
pub struct ProjectSettings {
    /// The levels of the rules.
    pub lint: Config,
    /// The file to work on where none is named, relative to the folder of the settings.
    pub file: Option<String>,
    /// The state directory, likewise.
    pub state: Option<String>,
    /// Who is in which group.
    pub groups: BTreeMap<String, Vec<String>>,
    /// What `lockstep serve` does beyond its options.
    #[cfg(feature = "serve")]
    pub serve: lockstep_serve::ServeSettings,
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

/// The settings that hold in a folder, with the folder that their paths begin in. Settings with
/// errors are none: `lint` reports them.
pub(super) fn of_folder(folder: &Path) -> Option<(PathBuf, ProjectSettings)> {
    let path = find(&folder.join("").to_string_lossy())?;
    let settings = read(&path).ok()?;
    let folder = path.parent().unwrap_or(Path::new("")).to_path_buf();
    Some((folder, settings))
}

/// Checks that a file is written in an edition of the language that this program knows, whatever
/// else is wrong with its settings.
pub(super) fn check_edition(file: &str) -> Result<(), Diagnostic> {
    let Some(path) = find(file) else {
        return Ok(());
    };
    let name = path.display().to_string();
    let text = CallerFiles.read(&name).unwrap_or_default();
    let Ok(table) = DeTable::parse(&text) else {
        return Ok(());
    };
    let edition = table.get_ref().get("language").map(Spanned::get_ref);
    let wrong = match edition {
        Some(DeValue::String(edition)) => unknown_edition(edition),
        Some(_) | None => None,
    };
    match wrong {
        Some(why) => {
            let wrong =
                Diagnostic::without_place(codes::UNKNOWN_EDITION, format!("`{name}`: {why}"));
            Err(wrong.help("a later version of Lockstep may know it"))
        }
        None => Ok(()),
    }
}

/// Why an edition of the language is refused, if it is.
fn unknown_edition(edition: &str) -> Option<String> {
    if KNOWN_EDITIONS.contains(&edition) {
        return None;
    }
    let known: Vec<String> = KNOWN_EDITIONS.iter().map(|it| format!("`{it}`")).collect();
    Some(format!(
        "edition `{}` of the language is not known; this version knows {}",
        edition.escape_debug(),
        known.join(" and ")
    ))
}

/// The settings as an editor is to know them.
#[cfg(feature = "lsp")]
pub(super) fn language() -> SettingsLanguage {
    let quoted = |text: &str| format!("\"{text}\"");
    let key = |name: &str, doc: &str, values: Vec<String>| SettingsKey {
        name: name.to_owned(),
        doc: doc.to_owned(),
        values,
        is_table: false,
        inside: Vec::new(),
    };
    let levels = || [Level::Off, Level::Warn, Level::Error].map(|level| quoted(level.as_str()));
    let rules = lint::rules().iter().map(|rule| {
        let doc = format!("{}: {}", rule.code, rule.code.title());
        key(rule.name, &doc, levels().to_vec())
    });
    let rules: Vec<SettingsKey> = rules.collect();
    let keys = KNOWN_SETTINGS.iter().map(|(name, doc)| {
        let values = match *name {
            "language" => KNOWN_EDITIONS.iter().map(|it| quoted(it)).collect(),
            _ => Vec::new(),
        };
        SettingsKey {
            is_table: matches!(*name, "groups" | "lint" | "serve"),
            inside: match *name {
                "lint" => rules.clone(),
                #[cfg(feature = "serve")]
                "serve" => (lockstep_serve::SERVE_KEYS.iter())
                    .map(|(name, doc)| key(name, doc, Vec::new()))
                    .collect(),
                _ => Vec::new(),
            },
            ..key(name, doc, values)
        }
    });
    SettingsLanguage {
        file: SETTINGS_FILE_NAME,
        keys: keys.collect(),
        mistakes: Box::new(|text| parse(text, FileId(0)).err().unwrap_or_default()),
    }
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
    // Messages show lines of it, also in the log of a CI job.
    let file = sources.add(name, masked(&text));
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
            ("file", DeValue::String(path)) => settings.file = Some(path.to_string()),
            ("state", DeValue::String(path)) => settings.state = Some(path.to_string()),
            ("language", DeValue::String(edition)) => {
                if let Some(why) = unknown_edition(edition) {
                    mistakes.push(Diagnostic::error(
                        codes::UNKNOWN_EDITION,
                        at(Spanned::span(value)),
                        why,
                    ));
                }
            }
            ("language", _) => {
                let message = "`language` is the number of an edition, in quotes";
                mistakes.push(mistake(at(Spanned::span(value)), message));
            }
            ("file" | "state", _) => {
                let message = format!("`{name}` is a path, in quotes");
                mistakes.push(mistake(at(Spanned::span(value)), message));
            }
            ("groups", DeValue::Table(groups)) => {
                for (group, members) in groups {
                    match texts(members.get_ref()) {
                        Some(members) => {
                            let group: &str = group.get_ref();
                            settings.groups.insert(group.to_owned(), members);
                        }
                        None => {
                            let message = "a group is a list of names";
                            let help = "write `release-managers = [\"ada\", \"grace\"]`";
                            mistakes.push(mistake(at(members.span()), message).help(help));
                        }
                    }
                }
            }
            #[cfg(feature = "serve")]
            ("serve", DeValue::Table(table)) => {
                match lockstep_serve::ServeSettings::read(table, Spanned::span(value)) {
                    Ok(read) => settings.serve = read,
                    Err(wrong) => mistakes.extend(
                        wrong
                            .into_iter()
                            .map(|it| mistake(at(it.at), it.message).help_opt(it.help)),
                    ),
                }
            }
            // A program without the server leaves its settings alone.
            #[cfg(not(feature = "serve"))]
            ("serve", DeValue::Table(_)) => {}
            ("serve", _) => {
                let message = "`serve` is a table of what the server does";
                let help = "write `[serve]`, and below it `url = \"https://deploy.example.com\"`";
                mistakes.push(mistake(at(Spanned::span(value)), message).help(help));
            }
            ("groups", _) => {
                let message = "`groups` is a table of groups and their members";
                let help = "write `[groups]`, and below it `release-managers = [\"ada\"]`";
                mistakes.push(mistake(at(Spanned::span(value)), message).help(help));
            }
            ("lint", _) => {
                let message = "`lint` is a table of rules and their levels";
                let help = "write `[lint]`, and below it lines such as `unused-import = \"error\"`";
                mistakes.push(mistake(at(Spanned::span(value)), message).help(help));
            }
            _ => {
                let help = did_you_mean(name, KNOWN_SETTINGS.iter().map(|(known, _)| *known));
                let known =
                    "the settings are `file`, `groups`, `language`, `lint`, `serve` and `state`";
                let help = help.unwrap_or_else(|| String::from(known));
                let message = format!("there is no setting `{}`", name.escape_debug());
                mistakes.push(mistake(at(key.span()), message).help(help));
            }
        }
    }
    settings.lint = settings.lint.with_groups(settings.groups.clone());
    mistakes.sort_by_key(Diagnostic::span);
    match mistakes.is_empty() {
        true => Ok(settings),
        false => Err(mistakes),
    }
}

/// A list of texts.
fn texts(value: &DeValue<'_>) -> Option<Vec<String>> {
    let DeValue::Array(items) = value else {
        return None;
    };
    let texts = items.iter().map(|item| match item.get_ref() {
        DeValue::String(text) => Some(text.to_string()),
        _ => None,
    });
    texts.collect()
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
    fn the_file_the_state_and_the_groups_are_read() {
        let text = "file = \"main.deploy\"\nstate = \"/var/lib/shop\"\n\
                    [groups]\nmanagers = [\"ada\", \"grace\"]\n";
        let settings = parse(text, FileId(0)).expect("it is fine");
        assert_eq!(settings.file.as_deref(), Some("main.deploy"));
        assert_eq!(settings.state.as_deref(), Some("/var/lib/shop"));
        assert_eq!(settings.groups["managers"], ["ada", "grace"]);
        let text = "file = 1\ngroups = 2\n";
        assert_eq!(
            wrong(text),
            [
                "`file` is a path, in quotes",
                "`groups` is a table of groups and their members"
            ]
        );
        assert_eq!(wrong("[groups]\na = [1]"), ["a group is a list of names"]);
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

    /// The mistakes, each with the text at its place.
    #[cfg(feature = "serve")]
    fn wrong_at(text: &str) -> Vec<(String, &str)> {
        let mistakes = parse(text, FileId(0)).expect_err("it is wrong");
        let places = mistakes.into_iter().map(|it| {
            let span = it.span().expect("a place");
            (it.message, &text[span.start as usize..span.end as usize])
        });
        places.collect()
    }

    #[cfg(feature = "serve")]
    #[test]
    fn the_settings_of_the_server_are_read() {
        use lockstep_serve::{NotifyEvent, NotifyTarget, SecretSource, SettingText};
        let text = r#"
            [serve]
            url = "https://deploy.example.com/"
            [serve.oidc]
            issuer = "https://login.example.com/realms/main"
            client-id = "lockstep"
            client-secret = { env = "OIDC_SECRET" }
            groups-claim = "groups"
            admin-group = "operators"
            label = "Company login"
            [[serve.notify]]
            to = "slack"
            url = { env = "SLACK_URL" }
            on = ["started", "rollback-failed"]
            pipelines = ["shop.deploy/*"]
            [[serve.notify]]
            to = "webhook"
            url = "https://hooks.example.com/lockstep"
            secret = { file = "hook.secret" }
            [[serve.notify]]
            to = "mail"
            smtp = "smtps://mail.example.com"
            from = "Lockstep <lockstep@example.com>"
            addresses = ["ada@example.com", "grace@example.com"]
        "#;
        let settings = parse(text, FileId(0)).expect("it is fine").serve;
        let url = settings.url.expect("an address");
        assert_eq!(url.as_str(), "https://deploy.example.com");
        let oidc = settings.oidc.expect("a provider");
        assert_eq!(oidc.label, "Company login");
        assert_eq!(
            oidc.client_secret,
            Some(SecretSource::Env("OIDC_SECRET".into()))
        );
        let [slack, webhook, mail] = &settings.notify[..] else {
            panic!("three are notified");
        };
        assert_eq!(
            slack.on,
            [NotifyEvent::Started, NotifyEvent::RollbackFailed]
        );
        assert!(slack.pipelines[0].matches("shop.deploy/ship"));
        assert_eq!(
            webhook.to,
            NotifyTarget::Webhook {
                url: SettingText::Plain("https://hooks.example.com/lockstep".into()),
                secret: Some(SecretSource::File("hook.secret".into())),
            }
        );
        let usual = [
            NotifyEvent::Waiting,
            NotifyEvent::Failed,
            NotifyEvent::RollbackFailed,
        ];
        assert_eq!(webhook.on, usual);
        assert!(matches!(mail.to, NotifyTarget::Mail(_)));
    }

    #[cfg(feature = "serve")]
    #[test]
    fn mistakes_in_the_settings_of_the_server_have_their_places() {
        let one = |text: &str| {
            let all = wrong_at(text);
            assert_eq!(all.len(), 1, "{all:?}");
            all.into_iter()
                .next()
                .map(|(message, at)| format!("{at} | {message}"))
        };
        let shown = [
            "[serve]\nurll = 1",
            "[serve]\nurl = \"deploy.example.com\"",
            "serve = 1",
            "[serve.oidc]\nissuer = \"https://a.example\"",
            "[serve]\noidc = { issuer = \"http://a.example\", client-id = \"c\" }",
            "[serve.oidc]\nissuer = \"https://a.example\"\nclient-id = \"c\"\n\
             client-secret = \"hunter2\"",
            "[serve.oidc]\nissuer = \"https://a.example\"\nclient-id = \"c\"\n\
             client-secret = { env = \"A\", file = \"b\" }",
            "[[serve.notify]]\nto = \"pager\"",
            "[[serve.notify]]\nto = \"webhook\"\nurl = \"https://a.example\"\non = [\"faild\"]",
            "[[serve.notify]]\nto = \"slack\"\nurl = \"https://hooks.slack.com/services/T/B/x\"",
            "[[serve.notify]]\nto = \"slack\"\ntoken = { env = \"A\" }",
            "[[serve.notify]]\nto = \"teams\"\nurl = { env = \"A\" }\nchannel = \"b\"",
            "[[serve.notify]]\nto = \"mail\"\nsmtp = \"imap://a\"\nfrom = \"a@b.example\"\n\
             addresses = [\"c@d.example\"]",
        ];
        let shown: Vec<String> = shown.iter().filter_map(|text| one(text)).collect();
        insta::assert_snapshot!(shown.join("\n\n"));
    }

    #[cfg(feature = "serve")]
    #[test]
    fn all_mistakes_in_the_settings_of_the_server_are_said() {
        let text = r#"
            [serve]
            url = 1
            notfy = []
            [serve.oidc]
            issuer = "https://ada:hunter2@login.example.com"
            client-id = ""
            client-secret = "hunter2"
            scopes = ["openid", 2]
            admin-group = "operators"
            label = " "
            [[serve.notify]]
            to = "https://hooks.slack.com/hunter2"
            on = ["failed", "faild"]
            token = { env = 1, value = "hunter2" }
            [[serve.notify]]
            to = "mail"
            smtp = "smtps://ada:hunter2@mail.example.com"
            password = 1234
            from = "ada"
            addresses = ["grace@example.com", "grace", 7]
            channel = "b"
            pipelines = [""]
            [[serve.notify]]
            on = []
        "#;
        let mistakes = parse(text, FileId(0)).expect_err("it is wrong");
        let shown = mistakes.iter().map(|it| {
            let span = it.span().expect("a place");
            let at = &text[span.start as usize..span.end as usize];
            let help = it.help.as_deref().unwrap_or("-");
            format!("{at} | {} | {help}", it.message)
        });
        insta::assert_snapshot!(shown.collect::<Vec<_>>().join("\n\n"));
        // Only the place leads to what may be secret.
        let said = |it: &Diagnostic| format!("{} {:?}", it.message, it.help);
        assert!(!mistakes.iter().any(|it| said(it).contains("hunter2")));
    }
}
