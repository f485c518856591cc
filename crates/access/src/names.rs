//! The names of users and groups.

use serde::{Deserialize, Serialize};

use crate::error::AccessError;

/// The longest name of a user, in characters.
const MAX_USER_NAME: usize = 64;
/// The longest name of a group, in bytes.
const MAX_GROUP_NAME: usize = 128;
/// Names that stand for somebody else in the audit log and as the user of a run.
const RESERVED: &[&str] = &["anonymous", "everyone", "system", "trigger"];

/// The name of a user: what the user of a run is called, and how the audit log names who did
/// something. Small letters, digits, `.`, `_`, `-` and `@`; it begins with a letter or a digit.
///
/// Capital letters are made small, so two users never differ by case alone. There is no blank in
/// it, so that `trigger NAME`, the user of a run that a trigger started, is never a user's name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct UserName(String);

impl UserName {
    /// Makes a name of a text.
    ///
    /// # Errors
    ///
    /// If it holds other characters, is empty or too long, or is reserved.
    pub fn new(text: &str) -> Result<Self, AccessError> {
        let name = text.to_ascii_lowercase();
        let is_allowed = |byte: u8| {
            byte.is_ascii_lowercase()
                || byte.is_ascii_digit()
                || matches!(byte, b'.' | b'_' | b'@' | b'-')
        };
        let begins_well = name
            .bytes()
            .next()
            .is_some_and(|byte| byte.is_ascii_alphanumeric());
        if name.len() > MAX_USER_NAME || !begins_well || !name.bytes().all(is_allowed) {
            return Err(AccessError::invalid(format!(
                "a user name has 1 to {MAX_USER_NAME} letters without accents, digits, `.`, `_`, \
                 `-` or `@`, and begins with a letter or a digit"
            )));
        }
        if RESERVED.contains(&name.as_str()) {
            return Err(AccessError::invalid(format!(
                "the user name `{name}` is reserved; choose another one"
            )));
        }
        Ok(Self(name))
    }

    /// The name as a text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// A name that was checked when it was stored.
    pub(crate) fn stored(text: String) -> Self {
        Self(text)
    }
}

impl std::fmt::Display for UserName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for UserName {
    type Error = AccessError;

    fn try_from(text: String) -> Result<Self, AccessError> {
        Self::new(&text)
    }
}

impl From<UserName> for String {
    fn from(name: UserName) -> Self {
        name.0
    }
}

/// The name of a group: any text of a line, up to 128 bytes, without blanks at its ends. Two names
/// that differ by case are two groups: a provider may have both, and their rights must not mix.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct GroupName(String);

impl GroupName {
    /// Makes a name of a text.
    ///
    /// # Errors
    ///
    /// If it is empty or too long, or holds a control character or a blank at one of its ends.
    pub fn new(text: &str) -> Result<Self, AccessError> {
        let is_unclean = text.chars().any(crate::audit::is_unsafe_to_show);
        if text.is_empty() || text.len() > MAX_GROUP_NAME || text.trim() != text || is_unclean {
            return Err(AccessError::invalid(format!(
                "a group name has 1 to {MAX_GROUP_NAME} bytes, no control characters, and no \
                 blanks at its ends"
            )));
        }
        Ok(Self(text.to_owned()))
    }

    /// The name as a text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// A name that was checked when it was stored.
    pub(crate) fn stored(text: String) -> Self {
        Self(text)
    }
}

impl std::fmt::Display for GroupName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for GroupName {
    type Error = AccessError;

    fn try_from(text: String) -> Result<Self, AccessError> {
        Self::new(&text)
    }
}

impl From<GroupName> for String {
    fn from(name: GroupName) -> Self {
        name.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_name_is_in_small_letters_and_without_blanks() {
        for (text, name) in [
            ("Alice", "alice"),
            ("a", "a"),
            ("7of9", "7of9"),
            ("jo.do_e-x@example.org", "jo.do_e-x@example.org"),
        ] {
            assert_eq!(UserName::new(text).unwrap().as_str(), name);
        }
        let long = "a".repeat(65);
        for text in [
            "",
            " ",
            ".a",
            "-a",
            "@a",
            "a b",
            "trigger nightly",
            "a\n",
            "ä",
            "a/b",
            "a:b",
            "a\0",
            "System",
            "everyone",
            "\u{212a}im",
            &long,
        ] {
            assert!(UserName::new(text).is_err(), "{text:?}");
            let json = serde_json::to_string(text).unwrap();
            assert!(serde_json::from_str::<UserName>(&json).is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_group_name_is_one_line() {
        for text in ["ops", "/team/dev", "Domain Users", "Größe"] {
            assert_eq!(GroupName::new(text).unwrap().as_str(), text);
        }
        let long = "a".repeat(129);
        for text in ["", " a", "a ", "a\nb", "a\u{202e}b", "a\u{7f}", &long] {
            assert!(GroupName::new(text).is_err(), "{text:?}");
        }
    }
}
