//! The abilities of the terminal: colours, symbols, width. Environment variables for display are
//! read here only.

use std::ffi::OsString;
use std::io::IsTerminal;
use std::os::fd::AsFd;

use clap::ValueEnum;

use lockstep_base::diagnostic::render::RenderStyle;

/// The width where there is no terminal, in columns.
const DEFAULT_COLUMNS: usize = 100;
/// Longer lines are hard to read, however wide the terminal is.
const MAX_COLUMNS: usize = 120;

/// When to use colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(super) enum Color {
    // On a terminal, unless NO_COLOR is set; elsewhere where CLICOLOR_FORCE is set.
    #[default]
    Auto,
    Always,
    Never,
}

impl Color {
    /// Scans the raw arguments for the choice of colours, since a usage error respects it, too.
    pub(super) fn scan(arguments: &[OsString]) -> Self {
        let words: Vec<&str> = arguments.iter().filter_map(|word| word.to_str()).collect();
        let mut found = None;
        for (at, word) in words.iter().enumerate() {
            match *word {
                "--" => break,
                "--color" => found = words.get(at + 1).copied(),
                word => found = word.strip_prefix("--color=").or(found),
            }
        }
        match found {
            Some("always") => Self::Always,
            Some("never") => Self::Never,
            _ => Self::Auto,
        }
    }

    fn applies(self, terminal: bool, var: impl Fn(&str) -> Option<String>) -> bool {
        let set = |name: &str| var(name).filter(|value| !value.is_empty());
        match self {
            Self::Always => true,
            Self::Never => false,
            Self::Auto if set("NO_COLOR").is_some() => false,
            Self::Auto if set("CLICOLOR_FORCE").is_some_and(|value| value != "0") => true,
            Self::Auto if set("CLICOLOR").is_some_and(|value| value == "0") => false,
            Self::Auto => terminal && !is_dumb(var),
        }
    }
}

/// The style for a stream.
pub(super) fn style(stream: &(impl IsTerminal + AsFd), color: Color) -> RenderStyle {
    let terminal = stream.is_terminal();
    let var = |name: &str| std::env::var(name).ok();
    RenderStyle {
        color: color.applies(terminal, var),
        unicode: is_utf8(var),
        width: columns(stream).unwrap_or(DEFAULT_COLUMNS).min(MAX_COLUMNS),
    }
}

/// Whether what stands on a stream can be drawn anew: it is a terminal that knows more than to
/// print characters. Colours are another question, which a person can answer otherwise.
pub(super) fn can_redraw(stream: &impl IsTerminal) -> bool {
    stream.is_terminal() && !is_dumb(|name| std::env::var(name).ok())
}

/// Whether a terminal knows no escape sequences.
fn is_dumb(var: impl Fn(&str) -> Option<String>) -> bool {
    var("TERM").is_some_and(|term| term == "dumb")
}

/// The width of the terminal behind the stream, if there is one.
fn columns(stream: &impl AsFd) -> Option<usize> {
    let size = rustix::termios::tcgetwinsize(stream).ok()?;
    Some(usize::from(size.ws_col)).filter(|columns| *columns > 0)
}

/// Whether the locale says that text is UTF-8. The first variable that is set decides.
fn is_utf8(var: impl Fn(&str) -> Option<String>) -> bool {
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"]
        .into_iter()
        .filter_map(var)
        .find(|value| !value.is_empty());
    let folded = locale.map(|locale| locale.to_ascii_lowercase().replace('-', ""));
    folded.is_some_and(|locale| locale.contains("utf8"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vars(set: &'static [(&'static str, &'static str)]) -> impl Fn(&str) -> Option<String> {
        move |name| {
            let found = set.iter().find(|(key, _)| *key == name);
            found.map(|(_, value)| value.to_string())
        }
    }

    #[test]
    fn colours_are_used_where_they_are_wanted() {
        let auto = |terminal, set| Color::Auto.applies(terminal, vars(set));
        assert!(auto(true, &[]));
        assert!(!auto(false, &[]));
        assert!(!auto(true, &[("NO_COLOR", "1")]));
        assert!(auto(true, &[("NO_COLOR", "")]));
        assert!(auto(false, &[("CLICOLOR_FORCE", "1")]));
        assert!(!auto(false, &[("CLICOLOR_FORCE", "0")]));
        assert!(!auto(true, &[("CLICOLOR", "0")]));
        assert!(!auto(true, &[("TERM", "dumb")]));
        assert!(!auto(true, &[("NO_COLOR", "1"), ("CLICOLOR_FORCE", "1")]));
        assert!(Color::Always.applies(false, vars(&[("NO_COLOR", "1")])));
        assert!(!Color::Never.applies(true, vars(&[("CLICOLOR_FORCE", "1")])));
    }

    #[test]
    fn symbols_follow_the_locale() {
        assert!(is_utf8(vars(&[("LANG", "de_DE.UTF-8")])));
        assert!(is_utf8(vars(&[("LC_CTYPE", "C.utf8"), ("LANG", "C")])));
        assert!(!is_utf8(vars(&[("LC_ALL", "C"), ("LANG", "de_DE.UTF-8")])));
        assert!(is_utf8(vars(&[("LC_ALL", ""), ("LANG", "en_US.UTF-8")])));
        assert!(!is_utf8(vars(&[])));
    }

    #[test]
    fn the_raw_arguments_say_it_too() {
        let scan =
            |words: &[&str]| Color::scan(&words.iter().map(OsString::from).collect::<Vec<_>>());
        assert_eq!(scan(&["lockstep", "--color", "never"]), Color::Never);
        assert_eq!(
            scan(&["lockstep", "check", "--color=always"]),
            Color::Always
        );
        assert_eq!(scan(&["lockstep", "--", "--color=always"]), Color::Auto);
        assert_eq!(scan(&["lockstep", "--color"]), Color::Auto);
    }
}
