//! What can be permitted, to whom, and on what.

use serde::{Deserialize, Serialize};

use crate::error::AccessError;
use crate::names::{GroupName, UserName};
use crate::pattern::Pattern;

/// Something that can be permitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Right {
    /// To see pipelines, runs and their logs. Every other right counts only together with it: what
    /// one may not see is as if it did not exist.
    View,
    /// To start, resume, retry and undo runs.
    Run,
    /// To approve or reject what waits for an approval.
    Approve,
    /// To cancel runs.
    Cancel,
    /// To answer questions of runs.
    Answer,
    /// To start a run outside of a deployment window, with a reason.
    #[serde(rename = "outside-window")]
    FreezeException,
    /// To administer the server. It is a property of users, and not granted by a pattern.
    Admin,
}

impl Right {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::View,
        Self::Run,
        Self::Approve,
        Self::Cancel,
        Self::Answer,
        Self::FreezeException,
        Self::Admin,
    ];

    /// The word for it in the database, in JSON and for people.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::View => "view",
            Self::Run => "run",
            Self::Approve => "approve",
            Self::Cancel => "cancel",
            Self::Answer => "answer",
            Self::FreezeException => "outside-window",
            Self::Admin => "admin",
        }
    }
}

impl std::fmt::Display for Right {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

impl std::str::FromStr for Right {
    type Err = AccessError;

    fn from_str(text: &str) -> Result<Self, AccessError> {
        let found = Self::ALL.into_iter().find(|right| right.as_str() == text);
        found.ok_or_else(|| {
            let words: Vec<&str> = Self::ALL.iter().map(|right| right.as_str()).collect();
            AccessError::invalid(format!("a right is one of: {}", words.join(", ")))
        })
    }
}

/// To whom something is permitted.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind", content = "name")]
pub enum Who {
    /// Every user. Triggers are no users.
    Everyone,
    /// A user.
    User(UserName),
    /// The members of a group.
    Group(GroupName),
    /// The triggers whose names match.
    Trigger(Pattern),
}

/// On what something is permitted.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind", content = "pattern")]
pub enum On {
    /// The pipelines whose names match, such as `shop.deploy/release`.
    Pipelines(Pattern),
    /// The targets whose names match: environments, `prod`, and infrastructures, `prod.eu`. A
    /// pattern for an environment stands for its infrastructures, too.
    Targets(Pattern),
}

/// One permission. There are only permissions and no prohibitions: what nobody grants is forbidden,
/// and one more grant never takes anything away.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Grant {
    /// To whom.
    pub who: Who,
    /// What.
    pub right: Right,
    /// On what.
    pub on: On,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_right_has_one_word_everywhere() {
        for right in Right::ALL {
            assert_eq!(serde_json::to_value(right).unwrap(), right.as_str());
            assert_eq!(right.as_str().parse(), Ok(right));
        }
        let error = "fly".parse::<Right>().unwrap_err();
        assert!(error.message.contains("outside-window"), "{error}");
    }

    #[test]
    fn a_grant_is_the_same_after_json() {
        let name = UserName::new("alice").unwrap();
        for who in [Who::Everyone, Who::User(name), Who::Trigger(Pattern::all())] {
            let on = On::Targets(Pattern::new("prod.*").unwrap());
            let right = Right::FreezeException;
            let grant = Grant { who, right, on };
            let text = serde_json::to_string(&grant).unwrap();
            assert_eq!(
                serde_json::from_str::<Grant>(&text).unwrap(),
                grant,
                "{text}"
            );
        }
        let text = r#"{"who":{"kind":"user","name":"a b"},"right":"run",
                       "on":{"kind":"targets","pattern":"*"}}"#;
        assert!(serde_json::from_str::<Grant>(text).is_err());
    }
}
