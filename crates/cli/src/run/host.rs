//! The host of a run for the command line: events go to the report and the ledger, questions to the
//! person at the terminal.

use std::io::{self, Write};

use super::ask::{Asker, Pending};
use crate::approve::said;
use lockstep_base::diagnostic::render::clean;
use lockstep_base::source::Name;
use lockstep_engine::notice::{Happened, Queue, RunEvent, Waiting};
use lockstep_engine::{Answer, EffectId, Question};
use lockstep_runtime::driver::{Answerer, Host};
use lockstep_runtime::inbox::Person;
use lockstep_verify::audit::Violation;
use lockstep_view::{Report, Summary, words};

const CANCELLING: &str = "\
cancelling: commands stop, deployments roll back; once more to stop at once
";

/// The terminal, or its substitute.
pub(super) struct Terminal {
    shown: Box<dyn Report>,
    summary: Summary,
    asker: Asker,
    yes: bool,
    /// The user of this process.
    user: String,
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
    /// The first deviation from the plan, if there is one.
    stray: Option<Violation>,
}

impl Terminal {
    pub(super) fn new(shown: Box<dyn Report>, yes: bool, quiet: bool) -> Self {
        Self {
            shown,
            summary: Summary::new(),
            asker: Asker::default(),
            yes,
            user: super::carry::user(),
            elsewhere: None,
            mute: false,
            quiet,
            paused: false,
            remembers: false,
            broken: None,
            stray: None,
        }
    }

    /// Sets whether events from before a resume are shown, too.
    pub(super) fn remembering(mut self, remembers: bool) -> Self {
        self.remembers = remembers;
        self
    }

    /// The first deviation from the plan, if there is one.
    pub(super) fn stray(&self) -> Option<Violation> {
        self.stray.clone()
    }

    /// Sets the command with which others can answer.
    pub(super) fn answered_by(mut self, command: Option<String>) -> Self {
        self.elsewhere = command;
        self
    }

    /// Sets whether nobody is asked anything.
    pub(super) fn asking_nobody(mut self, mute: bool) -> Self {
        self.mute = mute;
        self
    }

    /// Prints something besides the report.
    fn say(&mut self, words: &str) {
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
    pub(super) fn finish(mut self) -> (Summary, Option<io::Error>) {
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

    fn proceed(&mut self) {
        if self.paused && self.asker.is_idle() {
            self.paused = false;
            let drawn = self.shown.proceed();
            self.note(drawn);
        }
    }
}

impl Host for Terminal {
    fn observe(&mut self, event: &RunEvent) {
        self.proceed();
        self.summary.take(event);
        if self.broken.is_none() {
            let written = self.shown.event(event);
            self.note(written);
        }
    }

    fn remember(&mut self, event: &RunEvent) {
        self.summary.take(event);
        // A log names at least the run that is resumed.
        let names_it = !self.quiet && matches!(event.what, Happened::RunStarted { .. });
        if self.remembers || names_it {
            let drawn = self.shown.event(event);
            self.note(drawn);
        }
    }

    fn idle(&mut self) {
        if self.broken.is_none() {
            let written = self.shown.flush();
            self.note(written);
        }
    }

    fn tick(&mut self) {
        self.asker.look();
        self.proceed();
        if self.broken.is_none() {
            let drawn = self.shown.tick(jiff::Timestamp::now());
            self.note(drawn);
        }
    }

    fn ask(&mut self, node: &Name, question: &Question, answer: Answerer) {
        if self.yes && matches!(question, Question::Approve { .. }) {
            let person = Person {
                name: Some(self.user.clone()),
                comment: Some(String::from("--yes")),
            };
            return answer.answer_as(person, Answer::Yes);
        }
        if self.mute {
            let reason = "nobody is asked with --no-input";
            return answer.answer(Answer::No(reason.to_string()));
        }
        if let (false, Some(command)) = (Asker::is_possible(), &self.elsewhere) {
            let how = match question {
                Question::Approve { .. } => "--yes",
                Question::Failed { .. } => "--choose retry",
            };
            if !self.quiet {
                self.say(&format!("answer with: {command} {how}\n"));
            }
            return;
        }
        if !Asker::is_possible() {
            let reason = "nobody can be asked here; run it on a terminal, or with --yes";
            return answer.answer(Answer::No(reason.to_string()));
        }
        if !self.paused {
            self.paused = true;
            let cleared = self.shown.pause();
            self.note(cleared);
        }
        self.asker.ask(Pending {
            node: node.clone(),
            question: question.clone(),
            answer,
        });
    }

    fn cancelling(&mut self) {
        if self.quiet {
            return;
        }
        self.say(CANCELLING);
    }

    fn waits_again(&mut self, queue: &Queue) {
        if !self.quiet {
            let mut names: Vec<Name> = queue.holders.iter().map(|it| it.lock.clone()).collect();
            names.dedup();
            let queue = queue.clone();
            let waiting = words::waiting(&Waiting::Lock { names, queue }, None);
            self.say(&format!("before it goes on, the run {}\n", clean(&waiting)));
        }
    }

    fn strays(&mut self, violation: &Violation) {
        self.stray.get_or_insert_with(|| violation.clone());
    }

    fn heeds(&mut self, person: &Person, answer: Option<&Answer>) {
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
        self.say(&format!("{}\n", clean(&format!("{who} {did}{comment}"))));
    }

    fn withdraw(&mut self, question: EffectId) {
        self.asker.withdraw(question);
    }
}
