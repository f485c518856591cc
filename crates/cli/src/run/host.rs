//! The host of a run for the command line: events go to the report and the ledger, questions to the
//! person at the terminal.

use std::collections::HashMap;
use std::io::{self, Write};

use jiff::{SignedDuration, Timestamp};

use super::ask::{PendingQuestion, QuestionPrompt, is_in_foreground};
use crate::approve::{answers_to, said};
use crate::approvers::objection;
use crate::engine;
use crate::groups::GroupMembers;
use lockstep_api::session::SessionHost;
use lockstep_base::diagnostic::render::{clean, clean_line};
use lockstep_base::node_path::NodePath;
use lockstep_base::source::Name;
use lockstep_engine::run_event::{LockQueuePosition, RunEvent, RunEventKind, WaitReason};
use lockstep_engine::{Answer, ApprovalAnswer, EffectId, Question};
use lockstep_runtime::clock::{Clock as _, SystemClock};
use lockstep_runtime::driver::{AnswerSender, RunHost};
use lockstep_runtime::inbox::Responder;
use lockstep_verify::conformance::Violation;
use lockstep_view::{RunObserver, RunSummary, phrases};

const CANCEL_NOTICE: &str = "\
cancelling: commands stop, deployments roll back; Ctrl-C again stops at once
";

const CANCEL_NOTICE_OF_ENGINE: &str = "\
cancelling: commands stop, deployments roll back; Ctrl-C again leaves the run to the engine
";

/// The terminal, or its substitute.
pub(super) struct TerminalHost {
    shown: Box<dyn RunObserver>,
    summary: RunSummary,
    asker: QuestionPrompt,
    yes: bool,
    /// The user of this process.
    user: String,
    groups: GroupMembers,
    /// The command with which others can answer: `lockstep approve r-7f3a`.
    elsewhere: Option<String>,
    /// Whether nobody is asked.
    mute: bool,
    /// Whether nothing is printed besides events.
    quiet: bool,
    paused: bool,
    /// Whether events from before a resume are shown.
    remembers: bool,
    broken: Option<io::Error>,
    /// Until when answers are waited for.
    until: HashMap<NodePath, Timestamp>,
    /// The first deviation from the plan, if there is one.
    plan_violation: Option<Violation>,
    clock: SystemClock,
}

impl TerminalHost {
    pub(super) fn new(shown: Box<dyn RunObserver>, yes: bool, quiet: bool) -> Self {
        Self {
            shown,
            summary: RunSummary::new(),
            asker: QuestionPrompt::default(),
            yes,
            user: super::execute::user(),
            groups: GroupMembers::default(),
            elsewhere: None,
            mute: false,
            quiet,
            paused: false,
            remembers: false,
            broken: None,
            until: HashMap::new(),
            plan_violation: None,
            clock: SystemClock::new(),
        }
    }

    /// Sets whether events from before a resume are shown, too.
    pub(super) fn replaying(mut self, remembers: bool) -> Self {
        self.remembers = remembers;
        self
    }

    /// The first deviation from the plan, if there is one.
    pub(super) fn plan_violation(&self) -> Option<Violation> {
        self.plan_violation.clone()
    }

    /// Sets the command with which others can answer.
    pub(super) fn answered_by(mut self, command: Option<String>) -> Self {
        self.elsewhere = command;
        self
    }

    /// Sets who is in which group.
    pub(super) fn with_groups(mut self, groups: GroupMembers) -> Self {
        self.groups = groups;
        self
    }

    /// Sets whether nobody is asked anything.
    pub(super) fn asking_nobody(mut self, mute: bool) -> Self {
        self.mute = mute;
        self
    }

    /// Prints something besides the report.
    fn print(&mut self, words: &str) {
        let cleared = self.shown.pause();
        self.note(cleared);
        // The terminal may have been closed.
        let _ = io::stderr().write_all(words.as_bytes());
        if !self.paused {
            let drawn = self.shown.proceed();
            self.note(drawn);
        }
    }

    /// The data for the ledger, and why output was lost, if it was.
    pub(super) fn finish(mut self) -> (RunSummary, Option<io::Error>) {
        self.proceed();
        let finished = self.shown.finish();
        self.note(finished);
        (self.summary, self.broken)
    }

    /// A report that cannot be written does not stop a deployment.
    fn note(&mut self, written: io::Result<()>) {
        if let Err(error) = written {
            self.broken.get_or_insert(error);
        }
    }

    /// Remembers until when an answer is waited for.
    fn note_limit(&mut self, event: &RunEvent) {
        match &event.what {
            RunEventKind::NodeWaiting {
                node,
                waiting:
                    WaitReason::Approval {
                        within_ms: Some(within),
                        ..
                    },
                ..
            } => {
                let until = event.at.checked_add(SignedDuration::from_millis(*within));
                self.until.extend(until.map(|until| (node.clone(), until)));
            }
            RunEventKind::NodeFinished { node, .. } => drop(self.until.remove(node)),
            _ => {}
        }
    }

    fn proceed(&mut self) {
        if self.paused && self.asker.is_idle() {
            self.paused = false;
            let drawn = self.shown.proceed();
            self.note(drawn);
        }
    }
}

impl RunHost for TerminalHost {
    fn observe(&mut self, event: &RunEvent) {
        self.proceed();
        self.note_limit(event);
        self.summary.take(event);
        if self.broken.is_none() {
            let written = self.shown.event(event);
            self.note(written);
        }
    }

    fn on_replayed_event(&mut self, event: &RunEvent) {
        self.summary.take(event);
        // A log names at least the run that is resumed.
        let names_it = !self.quiet && matches!(event.what, RunEventKind::RunStarted { .. });
        if self.remembers || names_it {
            let drawn = self.shown.event(event);
            self.note(drawn);
        }
    }

    fn needs_streams_apart(&self) -> bool {
        // Only JSON tells them apart.
        self.quiet
    }

    fn idle(&mut self) {
        if self.broken.is_none() {
            let written = self.shown.flush();
            self.note(written);
        }
    }

    fn tick(&mut self) {
        self.asker.poll();
        self.proceed();
        if self.broken.is_none() {
            let drawn = self.shown.tick(self.clock.now());
            self.note(drawn);
        }
    }

    fn ask(&mut self, node: &NodePath, question: &Question, answer: AnswerSender) {
        let objection = match question {
            Question::Approve(request) => objection(request, &self.groups, &self.user),
            Question::Failed { .. } => None,
        };
        if self.yes && objection.is_none() && matches!(question, Question::Approve(_)) {
            let person = Responder {
                name: Some(self.user.clone()),
                comment: Some(String::from("--yes")),
                uid: Some(rustix::process::getuid().as_raw()),
            };
            return answer.answer_as(person, ApprovalAnswer::Yes);
        }
        if self.mute {
            let reason = "--no-input asks no questions";
            return answer.answer(nobody(question, reason));
        }
        let is_possible = QuestionPrompt::is_possible() && objection.is_none();
        if let (false, Some(command)) = (is_possible, &self.elsewhere) {
            let how = answers_to(question);
            let why = objection.map_or(String::new(), |why| {
                format!("{}; somebody else has to answer\n", clean_line(&why))
            });
            let words = format!("{why}answer with: {command} {how}\n");
            if !self.quiet {
                self.print(&words);
            }
            return;
        }
        if !is_possible {
            let reason = "there is no terminal to ask on; run it on a terminal, or with --yes";
            let reason = objection.as_deref().unwrap_or(reason);
            return answer.answer(nobody(question, reason));
        }
        if let (false, Some(command)) = (is_in_foreground(), &self.elsewhere) {
            let command = command.clone();
            self.print(&format!(
                "this run is in the background; answer with `{command}`, or use `fg`\n"
            ));
        }
        if !self.paused {
            self.paused = true;
            let left = self.shown.pause_below();
            self.note(left);
        }
        self.asker.ask(PendingQuestion {
            node: node.clone(),
            question: question.clone(),
            until: self.until.get(node).cloned(),
            answer,
        });
    }

    fn cancelling(&mut self) {
        if self.quiet {
            return;
        }
        self.print(match engine::connected() {
            Some(_) => CANCEL_NOTICE_OF_ENGINE,
            None => CANCEL_NOTICE,
        });
    }

    fn on_lock_reacquire(&mut self, queue: &LockQueuePosition) {
        if !self.quiet {
            let mut names: Vec<Name> = queue.holders.iter().map(|it| it.lock.clone()).collect();
            names.dedup();
            let queue = queue.clone();
            let waiting = phrases::wait_text(&WaitReason::Lock { names, queue }, None);
            self.print(&format!(
                "before it continues, the run {}\n",
                clean(&waiting)
            ));
        }
    }

    fn on_external_request(&mut self, person: &Responder, answer: Option<&Answer>) {
        if self.quiet {
            return;
        }
        let who = person.name.as_deref().unwrap_or("somebody");
        let comment = match &person.comment {
            Some(comment) => format!(": {comment}"),
            None => String::new(),
        };
        let did = match answer {
            Some(answer) => format!("answered {}", said(answer)),
            None => String::from("cancels the run"),
        };
        self.print(&format!(
            "{}\n",
            clean_line(&format!("{who} {did}{comment}"))
        ));
    }

    fn on_engine_silent(&mut self, why: &str) {
        if !self.quiet {
            self.print(&format!("waiting: {}\n", clean_line(why)));
        }
    }

    fn withdraw(&mut self, question: EffectId) {
        self.asker.withdraw(question);
    }
}

impl SessionHost for TerminalHost {
    fn on_plan_violation(&mut self, violation: &Violation) {
        self.plan_violation.get_or_insert_with(|| violation.clone());
    }
}

/// The answer where there is nobody to answer.
pub(super) fn nobody(question: &Question, reason: &str) -> Answer {
    match question {
        Question::Approve { .. } => ApprovalAnswer::No(reason.to_string()).into(),
        Question::Failed { .. } => Answer::Nobody,
    }
}
