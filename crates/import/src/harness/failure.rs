//! Failure strategies of Harness as handlers. The first strategy that names an error counts there,
//! from the step outwards; the first handler that matches counts here, so their order is kept.

use super::Importer;
use crate::program::{Block, Piece};
use crate::words::duration;
use crate::yaml::Node;

/// What a failure strategy does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Action {
    Ignore,
    Fail,
    Abort,
    RollbackStage,
    RollbackPipeline,
    RollbackGroup,
    Retry {
        count: u32,
        pauses: Vec<String>,
        then: Box<Action>,
    },
    RetryGroup {
        count: u32,
        pauses: Vec<String>,
    },
    Ask {
        timeout: Option<String>,
        then: &'static str,
    },
}

/// A failure strategy: all errors where no class is named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Strategy {
    pub(super) classes: Vec<&'static str>,
    pub(super) action: Action,
}

impl Action {
    /// Whether it is what happens anyway: the failure is passed on, and a deployment rolls back.
    fn is_default(&self) -> bool {
        matches!(self, Self::Fail | Self::RollbackStage)
    }

    /// Whether it belongs to a group of steps, not to each of them.
    pub(super) fn is_of_group(&self) -> bool {
        matches!(self, Self::RollbackGroup | Self::RetryGroup { .. })
    }
}

impl Importer<'_> {
    /// The failure strategies of a stage, a group or a step.
    pub(super) fn strategies(&mut self, node: &Node) -> Vec<Strategy> {
        let mut found = Vec::new();
        for item in node.items_of("failureStrategies") {
            let Some(failure) = item.get("onFailure") else {
                continue;
            };
            let Some(classes) = self.classes(failure) else {
                continue;
            };
            let Some(action) = failure.get("action").and_then(|it| self.action(it)) else {
                continue;
            };
            found.push(Strategy { classes, action });
        }
        found
    }

    /// The classes of errors; `None` where none of them can happen here.
    fn classes(&mut self, failure: &Node) -> Option<Vec<&'static str>> {
        let mut classes = Vec::new();
        let mut all = false;
        for error in failure.items_of("errors") {
            let more: &[&'static str] = match error.peek().unwrap_or_default() {
                "AllErrors" => {
                    all = true;
                    &[]
                }
                "Timeout" => &["timeout"],
                "Authentication" | "Authorization" => &["authentication"],
                "Connectivity" => &["connection"],
                "Verification" => &["verification"],
                "ApprovalRejection" => &["approval"],
                "Unknown" => &["exit", "signal", "failed"],
                "DelegateProvisioning"
                | "DelegateRestart"
                | "PolicyEvaluationFailure"
                | "InputTimeoutError"
                | "UserMarkedAsFailure" => {
                    error.skip();
                    let what = error.peek().unwrap_or_default();
                    let why = "an error that cannot happen here";
                    self.declared
                        .notes
                        .add(crate::NoteKind::Dropped, error, what, why, "");
                    continue;
                }
                _ => continue,
            };
            error.skip();
            for class in more {
                if !classes.contains(class) {
                    classes.push(*class);
                }
            }
        }
        match (all, classes.is_empty()) {
            (true, _) => Some(Vec::new()),
            (false, false) => Some(classes),
            (false, true) => {
                failure.get("action").into_iter().for_each(Node::skip);
                None
            }
        }
    }

    fn action(&mut self, node: &Node) -> Option<Action> {
        let kind = node.get("type")?;
        let action = match kind.peek()? {
            "Ignore" | "MarkAsSuccess" => Action::Ignore,
            "MarkAsFailure" | "Fail" => Action::Fail,
            "Abort" => Action::Abort,
            "StageRollback" => Action::RollbackStage,
            "PipelineRollback" => Action::RollbackPipeline,
            "StepGroupRollback" => Action::RollbackGroup,
            "Retry" => {
                let (count, pauses) = self.retries(node.get("spec")?);
                let then = node.at(&["spec", "onRetryFailure", "action"]);
                let then = then.and_then(|it| self.action(it)).unwrap_or(Action::Fail);
                Action::Retry {
                    count,
                    pauses,
                    then: Box::new(then),
                }
            }
            "RetryStepGroup" => {
                let (count, pauses) = self.retries(node.get("spec")?);
                Action::RetryGroup { count, pauses }
            }
            "ManualIntervention" => {
                let spec = node.get("spec")?;
                let timeout = spec.get("timeout").and_then(|it| self.duration(it));
                let then = spec
                    .at(&["onTimeout", "action"])
                    .map(|it| (it, self.action(it)));
                let then = match then {
                    Some((_, Some(Action::Ignore))) => "ignore",
                    Some((_, Some(Action::RollbackStage | Action::RollbackGroup))) => "rollback",
                    None | Some((_, Some(Action::Abort))) => "abort",
                    Some((node, _)) => {
                        let why = "where nobody answers, only ignore, rollback and abort are there";
                        let what = "ManualIntervention.onTimeout";
                        self.declared.changed(node, what, why, "it is `abort` now");
                        "abort"
                    }
                };
                Action::Ask { timeout, then }
            }
            _ => return None,
        };
        kind.skip();
        if node.get("spec").is_some_and(Node::is_empty) {
            node.get("spec")?.skip();
        }
        Some(action)
    }

    fn retries(&mut self, spec: &Node) -> (u32, Vec<String>) {
        let count = spec.get("retryCount");
        let number = count.and_then(Node::peek).and_then(|it| it.parse().ok());
        match (count, number) {
            (Some(count), Some(_)) => count.skip(),
            (Some(count), None) => {
                let why = "how often it is tried again is a number that is written here";
                let what = format!("retryCount: {}", count.text().unwrap_or_default());
                self.declared
                    .changed(count, &what, why, "it is 1 now: write what you want");
            }
            (None, _) => {}
        }
        let intervals = spec.items_of("retryIntervals");
        let pauses: Vec<String> = intervals
            .iter()
            .filter_map(|it| self.duration(it))
            .collect();
        if pauses.windows(2).any(|two| two[0] != two[1]) {
            let why = "the pauses double from the first up to the longest one here";
            self.declared
                .changed(&intervals[0], "retryIntervals", why, "");
        }
        (number.unwrap_or(1), pauses)
    }

    /// A duration; a runtime input counts by its default.
    pub(super) fn duration(&mut self, node: &Node) -> Option<String> {
        let text = node.peek()?;
        let text = super::inputs::default_of(text).unwrap_or(text);
        let found = duration(text)?;
        node.skip();
        Some(found)
    }
}

/// `retry 2 every 1s..10s`.
pub(super) fn retry_modifier(count: u32, pauses: &[String]) -> String {
    let every = match (pauses.first(), pauses.iter().max_by_key(|it| seconds(it))) {
        (Some(first), Some(longest)) if seconds(longest) > seconds(first) => {
            format!(" every {first}..{longest}")
        }
        (Some(first), _) => format!(" every {first}"),
        (None, _) => String::new(),
    };
    format!(" retry {count}{every}")
}

fn seconds(text: &str) -> u64 {
    let mut total = 0;
    let mut number = 0;
    for sign in text.chars() {
        match sign {
            sign if sign.is_ascii_digit() => {
                number = number * 10 + u64::from(sign as u32 - '0' as u32);
            }
            sign => {
                let each = match sign {
                    'd' => 86_400,
                    'h' => 3_600,
                    'm' => 60,
                    _ => 1,
                };
                total += number * each;
                number = 0;
            }
        }
    }
    total
}

/// A block with the handlers that its strategies are.
pub(super) fn with_handlers(mut block: Block, strategies: &[Strategy]) -> Block {
    let mut list: Vec<&Strategy> = Vec::new();
    for strategy in strategies {
        list.push(strategy);
        if strategy.classes.is_empty() {
            break;
        }
    }
    while list.last().is_some_and(|it| it.action.is_default()) {
        list.pop();
    }
    let mut outer = Vec::new();
    for (place, strategy) in list.iter().enumerate() {
        match &strategy.action {
            Action::Retry {
                count,
                pauses,
                then,
            } if place == 0 && strategy.classes.is_empty() => {
                block.head.push_str(&retry_modifier(*count, pauses));
                if !then.is_default() {
                    block.handlers.push(handler(&[], verdict(then)));
                }
            }
            Action::Retry {
                count,
                pauses,
                then,
            } => {
                let pause = pauses.first().map(|it| Piece::line(format!("wait {it}")));
                let mut body: Vec<Piece> = pause.into_iter().collect();
                body.push(Piece::line(format!("retry {count}")));
                block.handlers.push(handler(&strategy.classes, body));
                if !then.is_default() {
                    outer.push(handler(&strategy.classes, verdict(then)));
                }
            }
            action => block
                .handlers
                .push(handler(&strategy.classes, verdict(action))),
        }
    }
    if outer.is_empty() {
        return block;
    }
    let mut around = Block::new("serial", vec![Piece::Block(block)]);
    around.handlers = outer;
    around
}

fn handler(classes: &[&str], body: Vec<Piece>) -> Block {
    let head = match classes {
        [] => "on failure".to_string(),
        classes => format!("on failure({})", classes.join(", ")),
    };
    Block::new(head, body)
}

fn verdict(action: &Action) -> Vec<Piece> {
    let line = match action {
        Action::Ignore => "ignore".to_string(),
        Action::Abort => "abort".to_string(),
        Action::RollbackPipeline => "rollback pipeline".to_string(),
        Action::RollbackGroup => "rollback".to_string(),
        Action::Ask { timeout, then } => {
            let timeout = timeout.as_deref().unwrap_or("1d");
            format!("ask timeout {timeout} else {then}")
        }
        Action::Retry { count, .. } | Action::RetryGroup { count, .. } => format!("retry {count}"),
        Action::Fail | Action::RollbackStage => "log failure.message".to_string(),
    };
    let why = match action {
        Action::Ignore => Some(Piece::comment("As its failure strategy says.")),
        _ => None,
    };
    why.into_iter().chain([Piece::line(line)]).collect()
}
