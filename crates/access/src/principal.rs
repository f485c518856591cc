//! Who does something, and by what right.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::error::AccessError;
use crate::names::GroupName;
use crate::pattern::Pattern;
use crate::rights::Right;

/// The most patterns of a scope, for pipelines and for targets each.
const MAX_PATTERNS: usize = 50;

/// Who does something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// The name, as the user of a run and in the audit log: that of the user, `trigger NAME` or
    /// `system`.
    pub user: String,
    /// The groups of the user.
    pub groups: Vec<GroupName>,
    /// Whether the user is an administrator.
    pub is_admin: bool,
    /// How the user comes here.
    pub via: Via,
}

/// How somebody comes to do something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Via {
    /// Logged in, in a browser.
    Session,
    /// With an API token.
    Token {
        /// The name of the token.
        name: String,
        /// What it narrows the user's rights to.
        scope: Scope,
    },
    /// The server itself, which may do everything.
    System,
    /// A trigger, without anybody.
    Trigger {
        /// The name of the trigger.
        name: String,
        /// The pipeline that declares it.
        pipeline: String,
    },
}

impl Principal {
    /// The server itself.
    pub fn system() -> Self {
        Self {
            user: String::from("system"),
            groups: Vec::new(),
            is_admin: false,
            via: Via::System,
        }
    }

    /// A trigger of a pipeline.
    pub fn trigger(name: &str, pipeline: &str) -> Self {
        Self {
            user: format!("trigger {name}"),
            groups: Vec::new(),
            is_admin: false,
            via: Via::Trigger {
                name: name.to_owned(),
                pipeline: pipeline.to_owned(),
            },
        }
    }

    /// How the principal comes here, in a few words for the audit log.
    pub fn via_text(&self) -> String {
        match &self.via {
            Via::Session => String::from("session"),
            Via::Token { name, .. } => format!("token {name}"),
            Via::System => String::from("system"),
            Via::Trigger { pipeline, .. } => format!("trigger of {pipeline}"),
        }
    }
}

/// What an API token is for. It narrows the rights of the token's owner, and never widens them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scope {
    /// The rights of which the token makes use.
    pub rights: BTreeSet<Right>,
    /// The pipelines on which it may be used; all if there are no patterns here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pipelines: Option<Vec<Pattern>>,
    /// The targets on which it may be used; all if there are no patterns here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub targets: Option<Vec<Pattern>>,
}

impl Scope {
    /// A scope of some rights on everything.
    pub fn of(rights: impl IntoIterator<Item = Right>) -> Self {
        Self {
            rights: rights.into_iter().collect(),
            pipelines: None,
            targets: None,
        }
    }

    /// Refuses scopes with which a token could do nothing, or that say what cannot be.
    pub(crate) fn check(&self) -> Result<(), AccessError> {
        if self.rights.is_empty() {
            return Err(AccessError::invalid("a token needs at least one right"));
        }
        let needs_view = (self.rights.iter()).find(|it| !matches!(it, Right::View | Right::Admin));
        if let Some(right) = needs_view
            && !self.rights.contains(&Right::View)
        {
            return Err(AccessError::invalid(format!(
                "a token with the right `{right}` needs the right `view`, too"
            )));
        }
        let lists = [&self.pipelines, &self.targets];
        let is_narrowed = lists.iter().any(|list| list.is_some());
        if is_narrowed && self.rights.contains(&Right::Admin) {
            return Err(AccessError::invalid(
                "a token with the right `admin` cannot be narrowed to pipelines or targets: an \
                 administrator can change every right",
            ));
        }
        for list in lists.into_iter().flatten() {
            if list.is_empty() || list.len() > MAX_PATTERNS {
                return Err(AccessError::invalid(format!(
                    "a token that is narrowed has 1 to {MAX_PATTERNS} patterns of a kind"
                )));
            }
        }
        Ok(())
    }
}
