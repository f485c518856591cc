//! Triggers: what starts a pipeline without a person.

use jiff::tz::{TimeZone, TimeZoneDatabase};
use serde::{Deserialize, Serialize};

use crate::eval::{Expr, GlobalId, Slot};
use lockstep_base::source::{Name, Span};

/// `trigger NAME on … where … starts …`. What it fires on is known without a run; the condition
/// and the inputs see the event.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Trigger {
    /// Its name.
    pub name: Name,
    /// Its documentation.
    pub doc: Option<Name>,
    /// Where its name stands.
    pub span: Span,
    /// What it fires on.
    pub kind: TriggerKind,
    /// The local that holds `event`: a record of `.at` and what its kind has besides.
    pub event: Slot,
    /// What must hold, behind `where`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filter: Option<Expr>,
    /// The pipeline that it starts, by its place in the program.
    pub pipeline: u32,
    /// The inputs of the run, each with its value.
    pub inputs: Vec<(GlobalId, Expr)>,
}

impl Trigger {
    /// What `run.user` is in a run that it has started.
    pub fn user(&self) -> String {
        format!("trigger {}", self.name)
    }
}

/// What a trigger fires on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TriggerKind {
    /// `schedule("0 3 * * 1-5", zone: "Europe/Berlin")`
    Schedule {
        /// When: five fields, which have been checked.
        cron: Name,
        /// The time zone by its name, which has been checked.
        zone: Name,
        /// What is done about times at which nobody was there.
        missed: Missed,
    },
    /// `webhook(secret: S, from: "github")`
    Webhook {
        /// The secret that signs the deliveries, by its place in the program's table.
        secret: u32,
        /// Who sends them, and so how they are signed.
        from: WebhookSource,
    },
    /// `artifact("registry.example.com/web:main", every: 5m)`
    Artifact {
        /// The image whose digest is looked at.
        image: Name,
        /// How often, in milliseconds.
        every: i64,
    },
    /// `change(["k8s/**"], branch: "main", every: 1m)`
    Change {
        /// The files, as patterns.
        paths: Vec<Name>,
        /// The branch; without one, that which is checked out.
        branch: Option<Name>,
        /// How often is looked, in milliseconds.
        every: i64,
    },
}

impl TriggerKind {
    /// The word of the language.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Schedule { .. } => "schedule",
            Self::Webhook { .. } => "webhook",
            Self::Artifact { .. } => "artifact",
            Self::Change { .. } => "change",
        }
    }
}

/// What is done about the times of a schedule at which nobody was there to start a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Missed {
    /// Nothing.
    Skip,
    /// One run for all of them.
    #[default]
    Once,
    /// A run for each.
    All,
}

impl Missed {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Skip, Self::Once, Self::All];

    /// The word of the language.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Skip => "skip",
            Self::Once => "once",
            Self::All => "all",
        }
    }
}

/// Who sends the deliveries of a webhook.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WebhookSource {
    /// `X-Signature-256: sha256=HEX`: the HMAC-SHA256 of the body.
    #[default]
    Generic,
    /// `X-Hub-Signature-256: sha256=HEX`: the HMAC-SHA256 of the body.
    Github,
    /// `X-Gitlab-Token`: the secret itself.
    Gitlab,
    /// Standard Webhooks: `webhook-id`, `webhook-timestamp` and `webhook-signature`.
    Standard,
}

impl WebhookSource {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Github, Self::Gitlab, Self::Standard, Self::Generic];

    /// The word of the language.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Generic => "generic",
            Self::Github => "github",
            Self::Gitlab => "gitlab",
            Self::Standard => "standard",
        }
    }
}

/// The time zone of a name: `UTC`, `Europe/Berlin`. The rules are part of the program, so that they
/// are the same on every machine.
pub fn time_zone(name: &str) -> Option<TimeZone> {
    TimeZoneDatabase::bundled().get(name).ok()
}

/// The names of all time zones.
pub fn time_zones() -> Vec<String> {
    let all = TimeZoneDatabase::bundled();
    all.available().map(|name| name.to_string()).collect()
}
