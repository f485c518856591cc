//! What the API answers, and the same as it would be stored here.

use indexmap::IndexMap;
use jiff::Timestamp;
use serde::Deserialize;

use super::super::runs::ShownRun;
use lockstep_base::node_path::NodePath;
use lockstep_base::source::Name;
use lockstep_engine::run_event::{RunEventKind, Status};
use lockstep_engine::{
    Answer, ApprovalAnswer, ApprovalRequest, EffectId, FailureChoice, Question, Respondent,
};
use lockstep_outline::{Count, Item, ItemKind, Outline};
use lockstep_store::{
    Approval, LedgerLine, PlaceState, QueueWait, RunNumber, RunStatus, StoredQuestion,
};

/// A run.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct RunAnswer {
    pub(super) run: String,
    /// With its file: `shop.deploy/ship`.
    pub(super) pipeline: String,
    pub(super) status: String,
    started_at: Timestamp,
    finished_at: Option<Timestamp>,
    user: String,
    #[serde(default)]
    inputs: serde_json::Value,
    plan: Option<String>,
    pub(super) queue: Option<QueueAnswer>,
    unstarted: Option<String>,
    put_aside_by: Option<Name>,
    outside_window: Option<String>,
    pub(super) undoes: Option<String>,
}

/// Where a run waits.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct QueueAnswer {
    name: Name,
    behind: Vec<Name>,
}

impl QueueAnswer {
    pub(super) fn wait(&self) -> QueueWait {
        QueueWait {
            queue: self.name.clone(),
            behind: self.behind.clone(),
        }
    }
}

/// Runs, the last one first.
#[derive(Debug, Deserialize)]
pub(super) struct RunsAnswer {
    pub(super) runs: Vec<RunAnswer>,
    pub(super) next: Option<i64>,
}

/// The status that a word stands for; a run that is only being started goes on, and one that was
/// refused has failed.
pub(super) fn status(word: &str) -> RunStatus {
    match word {
        "starting" | "running" | "queued" => RunStatus::Running,
        "stopped" => RunStatus::Stopped,
        "succeeded" => RunStatus::Ended(Status::Succeeded),
        "cancelled" => RunStatus::Ended(Status::Cancelled),
        "superseded" => RunStatus::Ended(Status::Superseded),
        "rollback-failed" => RunStatus::Ended(Status::RollbackFailed),
        _ => RunStatus::Ended(Status::Failed),
    }
}

impl RunAnswer {
    pub(super) fn status(&self) -> RunStatus {
        status(&self.status)
    }

    /// The file and the name of the pipeline.
    fn names(&self) -> (&str, &str) {
        self.pipeline
            .rsplit_once('/')
            .unwrap_or(("", &self.pipeline))
    }

    /// The run in the form that is drawn.
    pub(super) fn shown(&self) -> ShownRun {
        let (file, pipeline) = self.names();
        ShownRun {
            id: self.run.as_str().into(),
            pipeline: pipeline.into(),
            status: self.status(),
            word: self.status.clone(),
            started_at: self.started_at,
            finished_at: self.finished_at,
            user: self.user.as_str().into(),
            file: file.to_owned(),
            folder: None,
            inputs: self.inputs.clone(),
            plan_hash: self.plan.clone().unwrap_or_default(),
            process: None,
            wait: self.queue.as_ref().map(QueueAnswer::wait),
            unstarted: self.unstarted.clone(),
            put_aside_by: self.put_aside_by.clone(),
            outside_window: self.outside_window.clone(),
        }
    }
}

/// Records of a run.
#[derive(Debug, Deserialize)]
pub(super) struct RecordsAnswer {
    pub(super) records: Vec<RecordAnswer>,
    pub(super) status: String,
    pub(super) unstarted: Option<String>,
    pub(super) last: u64,
}

/// A record of a run.
#[derive(Debug, Deserialize)]
pub(super) struct RecordAnswer {
    /// Its number.
    pub(super) record: u64,
    pub(super) at: Timestamp,
    pub(super) events: Vec<RunEventKind>,
}

/// A command that has written something.
#[derive(Debug, Deserialize)]
pub(super) struct LoggedAnswer {
    pub(super) node: NodePath,
    pub(super) began: Timestamp,
    pub(super) bytes: u64,
}

/// Lines of a log.
#[derive(Debug, Deserialize)]
pub(super) struct LogAnswer {
    pub(super) total: u64,
    pub(super) first: u64,
    pub(super) lines: Vec<String>,
    #[serde(default)]
    pub(super) is_open: bool,
}

/// A question.
#[derive(Debug, Deserialize)]
pub(super) struct QuestionAnswer {
    pub(super) run: String,
    question: u64,
    node: String,
    text: String,
    by: Vec<String>,
    count: u32,
    yes: Vec<Name>,
    except: Vec<String>,
    answers: Vec<String>,
    asked_at: Timestamp,
    pub(super) is_stopped: bool,
}

impl QuestionAnswer {
    /// The question as it would be stored here.
    pub(super) fn asked(&self) -> StoredQuestion {
        let is_approval = self.answers.iter().any(|it| it == "yes");
        let yes = |by: &Name| Respondent {
            by: by.clone(),
            at: String::new(),
            comment: None,
        };
        let question = match is_approval {
            true => Question::Approve(Box::new(ApprovalRequest {
                text: self.text.clone(),
                by: self.by.clone(),
                count: self.count,
                except: self.except.clone(),
                yeses: self.yes.iter().map(yes).collect(),
            })),
            false => Question::Failed {
                text: self.text.clone(),
            },
        };
        StoredQuestion {
            run: RunNumber(0),
            effect: EffectId(self.question),
            node: self.node.clone(),
            question,
            asked_at: self.asked_at,
        }
    }
}

/// An answer that was given.
#[derive(Debug, Deserialize)]
pub(super) struct GivenAnswer {
    pub(super) node: String,
    #[serde(default)]
    question: String,
    pub(super) answer: String,
    pub(super) by: String,
    comment: Option<String>,
    at: Option<Timestamp>,
}

impl GivenAnswer {
    /// What was answered.
    pub(super) fn said(&self) -> Answer {
        match self.answer.as_str() {
            "yes" => ApprovalAnswer::Yes.into(),
            "no" => ApprovalAnswer::No(self.comment.clone().unwrap_or_default()).into(),
            word => {
                let mut all = FailureChoice::ALL.into_iter();
                let choice = all.find(|choice| choice.as_str() == word);
                choice.map_or(Answer::Nobody, Answer::from)
            }
        }
    }

    /// The answer as it would be stored here.
    pub(super) fn approval(&self, run: &ShownRun) -> Approval {
        Approval {
            run: RunNumber(0),
            effect: EffectId(0),
            node: self.node.clone(),
            question: self.question.clone(),
            answer: self.said(),
            who: self.by.clone(),
            uid: None,
            comment: self.comment.clone(),
            plan_hash: run.plan_hash.clone(),
            answered_at: self.at.unwrap_or(run.started_at),
        }
    }
}

/// An environment with what is there.
#[derive(Debug, Deserialize)]
pub(super) struct EnvironmentAnswer {
    services: Vec<ServiceAnswer>,
}

#[derive(Debug, Deserialize)]
struct ServiceAnswer {
    service: Name,
    places: Vec<PlaceAnswer>,
}

#[derive(Debug, Deserialize)]
struct PlaceAnswer {
    infrastructure: Name,
    version: Option<String>,
    before: Option<String>,
    state: String,
    since: Timestamp,
    /// None where the caller may not see it.
    run: Option<Name>,
    node: Option<String>,
    confirmed_by: Option<Name>,
    confirmed_at: Option<Timestamp>,
}

/// The ledger, in the order in which it is stored here.
pub(super) fn ledger(environments: Vec<EnvironmentAnswer>) -> Vec<LedgerLine> {
    let services = environments.into_iter().flat_map(|it| it.services);
    let places = services.flat_map(|it| {
        let service = it.service;
        let places = it.places.into_iter();
        places.map(move |place| (service.clone(), place))
    });
    let mut lines: Vec<LedgerLine> = places
        .map(|(service, place)| LedgerLine {
            service,
            target: place.infrastructure,
            before: place.before,
            after: place.version,
            state: match place.state.as_str() {
                "deployed" => PlaceState::Deployed,
                "under-way" => PlaceState::UnderWay,
                "broken-off" => PlaceState::BrokenOff,
                "failed" => PlaceState::Failed,
                _ => PlaceState::Unclear,
            },
            since: place.since,
            // Empty where the caller may not see the run.
            run: place.run.unwrap_or_else(|| Name::from("")),
            node: place.node.unwrap_or_default(),
            confirmed: place.confirmed_by.zip(place.confirmed_at),
        })
        .collect();
    lines.sort_by(|a, b| (&*a.target, &*a.service).cmp(&(&*b.target, &*b.service)));
    lines
}

/// A lock.
#[derive(Debug, Deserialize, serde::Serialize)]
pub(super) struct LockAnswer {
    pub(super) lock: String,
    pub(super) places: u32,
    pub(super) holders: Vec<LockRequestAnswer>,
    pub(super) queue: Vec<LockRequestAnswer>,
}

/// Who holds a lock, or waits for it; nothing of a run that the caller may not see.
#[derive(Debug, Deserialize, serde::Serialize)]
pub(super) struct LockRequestAnswer {
    pub(super) run: Option<String>,
    pub(super) node: Option<String>,
    pub(super) since: Timestamp,
    pub(super) is_driven: bool,
}

/// The pipelines of a server.
#[derive(Debug, Deserialize)]
pub(super) struct PipelinesAnswer {
    pub(super) pipelines: Vec<PipelineAnswer>,
    pub(super) broken: Vec<BrokenFileAnswer>,
}

#[derive(Debug, Deserialize)]
pub(super) struct PipelineAnswer {
    pub(super) id: String,
    pub(super) file: String,
    pub(super) name: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct BrokenFileAnswer {
    pub(super) file: String,
    pub(super) problem: super::client::RemoteProblem,
}

/// What of the outline of a plan says how far a run is, and in which order its deployments are
/// listed.
#[derive(Debug, Deserialize)]
pub(super) struct PlanAnswer {
    pipeline: String,
    deployments: CountAnswer,
    items: Vec<PlanItem>,
    #[serde(default)]
    handlers: Vec<PlanItem>,
}

#[derive(Debug, Default, Deserialize)]
struct CountAnswer {
    least: u64,
    most: Option<u64>,
}

#[derive(Debug, Deserialize)]
struct PlanItem {
    kind: String,
    path: Option<NodePath>,
    cells: Option<u64>,
    #[serde(default)]
    deployments: CountAnswer,
    #[serde(default)]
    items: Vec<PlanItem>,
    #[serde(default)]
    handlers: Vec<PlanItem>,
}

impl CountAnswer {
    fn count(&self, is_given: bool) -> Count {
        Count {
            least: self.least,
            // Where nothing is said there are none.
            most: if is_given { self.most } else { Some(0) },
        }
    }
}

impl PlanItem {
    fn item(self) -> Item {
        let is_given = self.deployments.least > 0 || self.deployments.most.is_some();
        Item {
            kind: match self.kind.as_str() {
                "stage" => ItemKind::Stage,
                "deploy" => ItemKind::Deploy,
                _ => ItemKind::default(),
            },
            path: self.path,
            cells: self.cells,
            deployments: self.deployments.count(is_given),
            items: self.items.into_iter().map(Self::item).collect(),
            handlers: self.handlers.into_iter().map(Self::item).collect(),
            ..Item::default()
        }
    }
}

impl PlanAnswer {
    pub(super) fn outline(self) -> Outline {
        Outline {
            pipeline: self.pipeline,
            deployments: self.deployments.count(true),
            items: self.items.into_iter().map(PlanItem::item).collect(),
            handlers: self.handlers.into_iter().map(PlanItem::item).collect(),
            ..Outline::default()
        }
    }
}

/// What is sent to start a pipeline: what was typed is sent as it is.
pub(super) fn start_body(pipeline: &str, asked: lockstep_plan::RunRequest) -> serde_json::Value {
    let mut inputs = serde_json::Map::new();
    let mut texts: IndexMap<String, String> = IndexMap::new();
    for (name, value) in asked.inputs {
        match value {
            lockstep_plan::InputValue::Json(value) => drop(inputs.insert(name, value)),
            lockstep_plan::InputValue::Text(text) => drop(texts.insert(name, text)),
        }
    }
    let mut body =
        serde_json::json!({ "pipeline": pipeline, "inputs": inputs, "set": asked.fields });
    if let (false, Some(body)) = (texts.is_empty(), body.as_object_mut()) {
        body.insert(String::from("texts"), serde_json::json!(texts));
    }
    body
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{from_value, json};

    #[test]
    fn a_plan_says_how_much_there_is_to_do() {
        let plan = json!({
            "version": 1, "pipeline": "ship", "deployments": {"least": 1, "most": null},
            "items": [{
                "kind": "stage", "label": "out", "path": "ship/out", "width": {},
                "deployments": {"least": 1, "most": null},
                "items": [
                    {"kind": "deploy", "label": "", "path": "ship/out/deploy[a, b]", "width": {}},
                    {"kind": "parallel", "label": "", "cells": 4, "width": {}},
                ],
            }],
        });
        let plan: PlanAnswer = from_value(plan).expect("a plan");
        let outline = plan.outline();
        assert_eq!(outline.cells_without_deployments(), 4);
        let work = outline.work();
        assert_eq!(work.len(), 2);
        assert_eq!((&*work[1].path, work[1].deployments), ("ship/out", 1));
        assert_eq!(outline.items[0].items[0].kind, ItemKind::Deploy);
        assert_eq!(outline.items[0].deployments.most, None);
    }

    #[test]
    fn a_ledger_is_in_the_order_of_its_places() {
        let place = |target: &str| {
            json!({
                "infrastructure": target, "version": "v2", "state": "under-way",
                "since": "2026-01-01T00:00:00.000Z", "run": "r-1", "node": "ship",
            })
        };
        let all = json!([{
            "environment": "prod",
            "services": [
                {"service": "web", "places": [place("prod.us"), place("prod.eu")]},
                {"service": "cart", "places": [place("prod.us")]},
            ],
        }]);
        let lines = ledger(from_value(all).expect("environments"));
        let places: Vec<(&str, &str)> = (lines.iter())
            .map(|line| (&*line.target, &*line.service))
            .collect();
        assert_eq!(
            places,
            [("prod.eu", "web"), ("prod.us", "cart"), ("prod.us", "web")]
        );
        assert_eq!(lines[0].state, PlaceState::UnderWay);
    }

    #[test]
    fn what_is_typed_stays_a_text_until_its_type_is_known() {
        let mut asked = lockstep_plan::RunRequest::default();
        let text = lockstep_plan::InputValue::Text(String::from("4"));
        asked.inputs.insert(String::from("n"), text);
        let json = lockstep_plan::InputValue::Json(json!([1]));
        asked.inputs.insert(String::from("m"), json);
        let body = start_body("a.deploy/p", asked);
        let wanted = json!({
            "pipeline": "a.deploy/p", "inputs": {"m": [1]}, "set": {}, "texts": {"n": "4"},
        });
        assert_eq!(body, wanted);
    }
}
