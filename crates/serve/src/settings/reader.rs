//! Reads a table of the settings key by key. Every mistake is kept with its place, so that all of
//! them are said at once; no message holds a text that could be a secret.

use std::ops::Range;

use lockstep_base::diagnostic::suggest::did_you_mean;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::{SecretSource, SettingText, WHERE};

/// A mistake in the settings of a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettingsMistake {
    /// Its place in the text, in bytes.
    pub at: Range<usize>,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub help: Option<String>,
}

impl SettingsMistake {
    pub(super) fn new(at: Range<usize>, message: impl Into<String>) -> Self {
        Self {
            at,
            message: message.into(),
            help: None,
        }
    }

    pub(super) fn help(self, help: impl Into<String>) -> Self {
        Self {
            help: Some(help.into()),
            ..self
        }
    }
}

/// A value with its place.
pub(super) struct Written<T> {
    pub(super) value: T,
    pub(super) at: Range<usize>,
}

/// A table of the settings that is being read.
pub(super) struct TableReader<'t> {
    /// As it is written: `[serve.oidc]`.
    name: &'static str,
    table: &'t DeTable<'t>,
    at: Range<usize>,
    known: Vec<&'static str>,
    mistakes: Vec<SettingsMistake>,
}

impl<'t> TableReader<'t> {
    pub(super) fn new(name: &'static str, table: &'t DeTable<'t>, at: Range<usize>) -> Self {
        Self {
            name,
            table,
            at,
            known: Vec::new(),
            mistakes: Vec::new(),
        }
    }

    pub(super) fn mistake(&mut self, mistake: SettingsMistake) {
        self.mistakes.push(mistake);
    }

    /// A mistake of the table as a whole.
    pub(super) fn whole(&mut self, message: impl Into<String>) {
        self.mistake(SettingsMistake::new(self.at.clone(), message));
    }

    pub(super) fn has(&self, key: &str) -> bool {
        self.table.contains_key(key)
    }

    /// Where a key is written.
    pub(super) fn place(&self, key: &str) -> Option<Range<usize>> {
        let mut keys = self.table.keys();
        keys.find(|it| &**it.get_ref() == key).map(Spanned::span)
    }

    fn value(&mut self, key: &'static str) -> Option<&'t Spanned<DeValue<'t>>> {
        self.known.push(key);
        self.table.get(key)
    }

    /// What a check makes of a value; where it makes nothing, the mistake is kept.
    pub(super) fn checked<T, U>(
        &mut self,
        written: Option<Written<T>>,
        check: impl FnOnce(T) -> Result<U, String>,
    ) -> Option<U> {
        let Written { value, at } = written?;
        match check(value) {
            Ok(value) => Some(value),
            Err(message) => {
                self.mistake(SettingsMistake::new(at, message));
                None
            }
        }
    }

    pub(super) fn text(&mut self, key: &'static str) -> Option<Written<String>> {
        let value = self.value(key)?;
        let at = Spanned::span(value);
        match value.get_ref() {
            DeValue::String(text) => Some(Written {
                value: text.to_string(),
                at,
            }),
            _ => {
                let wrong = SettingsMistake::new(at, format!("`{key}` is a text, in quotes"));
                self.mistake(wrong);
                None
            }
        }
    }

    pub(super) fn texts(&mut self, key: &'static str) -> Option<Written<Vec<Written<String>>>> {
        let value = self.value(key)?;
        let at = Spanned::span(value);
        let wrong = |at| {
            SettingsMistake::new(at, format!("`{key}` is a list of texts"))
                .help(format!("write `{key} = [\"…\", \"…\"]`"))
        };
        let DeValue::Array(items) = value.get_ref() else {
            self.mistake(wrong(at));
            return None;
        };
        let mut texts = Vec::new();
        for item in items.iter() {
            match item.get_ref() {
                DeValue::String(text) => texts.push(Written {
                    value: text.to_string(),
                    at: item.span(),
                }),
                _ => self.mistake(wrong(item.span())),
            }
        }
        Some(Written { value: texts, at })
    }

    /// Where a secret is. What is written in its place may be the secret: no message shows it.
    pub(super) fn secret(&mut self, key: &'static str) -> Option<Written<SecretSource>> {
        let value = self.value(key)?;
        let at = Spanned::span(value);
        match value.get_ref() {
            DeValue::Table(table) => self.source(table, at),
            _ => {
                let wrong = "a secret is not written into the settings";
                let help = format!("name its place, with {WHERE}");
                self.mistake(SettingsMistake::new(at, wrong).help(help));
                None
            }
        }
    }

    /// A text, or where it is if it is secret.
    pub(super) fn text_or_secret(&mut self, key: &'static str) -> Option<Written<SettingText>> {
        let value = self.value(key)?;
        let at = Spanned::span(value);
        match value.get_ref() {
            DeValue::String(text) => Some(Written {
                value: SettingText::Plain(text.to_string()),
                at,
            }),
            DeValue::Table(table) => {
                let Written { value, at } = self.source(table, at)?;
                let value = SettingText::Secret(value);
                Some(Written { value, at })
            }
            _ => {
                let wrong = SettingsMistake::new(at, format!("`{key}` is a text, in quotes"));
                self.mistake(
                    wrong.help(format!("where it is secret, name its place, with {WHERE}")),
                );
                None
            }
        }
    }

    fn source(&mut self, table: &DeTable<'_>, at: Range<usize>) -> Option<Written<SecretSource>> {
        let mut found = Vec::new();
        let before = self.mistakes.len();
        for (key, value) in table {
            let make: fn(String) -> SecretSource = match &**key.get_ref() {
                "env" => SecretSource::Env,
                "file" => |path| SecretSource::File(path.into()),
                _ => {
                    let wrong = SettingsMistake::new(key.span(), "a secret has no such place");
                    self.mistake(wrong.help(format!("write {WHERE}")));
                    continue;
                }
            };
            match value.get_ref() {
                DeValue::String(text) => found.push(make(text.to_string())),
                _ => {
                    let wrong = format!("`{}` is a text, in quotes", key.get_ref());
                    self.mistake(SettingsMistake::new(value.span(), wrong));
                }
            }
        }
        let is_good = self.mistakes.len() == before;
        match (found.pop(), found.is_empty()) {
            (Some(value), true) if is_good => return Some(Written { value, at }),
            (Some(_), false) => {
                self.mistake(SettingsMistake::new(
                    at,
                    format!("a secret has one place: {WHERE}"),
                ));
            }
            (None, _) if is_good => {
                self.mistake(SettingsMistake::new(at, format!("write {WHERE}")));
            }
            (Some(_) | None, _) => {}
        }
        None
    }

    /// A table inside of this one.
    pub(super) fn table(&mut self, key: &'static str, name: &'static str) -> Option<Self> {
        let value = self.value(key)?;
        let at = Spanned::span(value);
        match value.get_ref() {
            DeValue::Table(table) => Some(Self::new(name, table, at)),
            _ => {
                let wrong = SettingsMistake::new(at, format!("`{key}` is a table"));
                self.mistake(wrong.help(format!("write `{name}`, and its settings below it")));
                None
            }
        }
    }

    /// The tables of a list inside of this one.
    pub(super) fn tables(&mut self, key: &'static str, name: &'static str) -> Vec<Self> {
        let Some(value) = self.value(key) else {
            return Vec::new();
        };
        let wrong = |at| {
            SettingsMistake::new(at, format!("`{key}` is a list of tables")).help(format!(
                "write `{name}` for each, and its settings below it"
            ))
        };
        let DeValue::Array(items) = value.get_ref() else {
            self.mistake(wrong(Spanned::span(value)));
            return Vec::new();
        };
        let mut tables = Vec::new();
        for item in items.iter() {
            match item.get_ref() {
                DeValue::Table(table) => tables.push(Self::new(name, table, item.span())),
                _ => self.mistake(wrong(item.span())),
            }
        }
        tables
    }

    /// Notes that a key has to be there.
    pub(super) fn need(&mut self, key: &str) {
        if !self.has(key) {
            self.whole(format!("`{}` needs `{key}`", self.name));
        }
    }

    /// All mistakes; what was not asked for is one.
    pub(super) fn finish(mut self) -> Vec<SettingsMistake> {
        for key in self.table.keys() {
            let name: &str = key.get_ref();
            if self.known.contains(&name) {
                continue;
            }
            let known = || self.known.iter().copied();
            let list = || format!("the settings are `{}`", self.known.join("`, `"));
            let help = did_you_mean(name, known()).unwrap_or_else(list);
            let message = format!(
                "there is no setting `{}` in `{}`",
                name.escape_debug(),
                self.name
            );
            let wrong = SettingsMistake::new(key.span(), message).help(help);
            self.mistakes.push(wrong);
        }
        self.mistakes
    }
}
