//! Asks the person at the terminal, one question after the other, while the run is active.

use std::collections::VecDeque;
use std::io::{ErrorKind, IsTerminal, Write};
use std::sync::mpsc::{self, TryRecvError};
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use nix::sys::signal::{SigSet, Signal};

use lockstep_base::diagnostic::render::clean_line;
use lockstep_base::node_path::NodePath;
use lockstep_engine::{Answer, ApprovalAnswer, ApprovalRequest, EffectId, FailureChoice, Question};
use lockstep_runtime::driver::AnswerSender;
use lockstep_runtime::inbox::Responder;

use super::host::nobody;

/// How often it is looked whether a shell has brought this process to the foreground.
const FOREGROUND_POLL_INTERVAL: Duration = Duration::from_millis(100);

/// A question that has not been answered.
pub(super) struct PendingQuestion {
    pub(super) node: NodePath,
    pub(super) question: Question,
    /// When nobody's answer counts any more.
    pub(super) until: Option<Timestamp>,
    pub(super) answer: AnswerSender,
}

/// Asks the questions in the order in which they came.
#[derive(Default)]
pub(super) struct QuestionPrompt {
    /// The first of them is being asked.
    open: VecDeque<PendingQuestion>,
    /// Typed lines. They are read on a thread of their own, because reading a terminal blocks.
    lines: Option<mpsc::Receiver<String>>,
}

impl QuestionPrompt {
    /// Whether there is a terminal to ask on.
    pub(super) fn is_possible() -> bool {
        std::io::stdin().is_terminal() && std::io::stderr().is_terminal()
    }

    /// Whether no question is open.
    pub(super) fn is_idle(&self) -> bool {
        self.open.is_empty()
    }

    pub(super) fn ask(&mut self, pending: PendingQuestion) {
        self.lines.get_or_insert_with(read_lines);
        let same = |it: &PendingQuestion| it.answer.question() == pending.answer.question();
        // Somebody elsewhere has said yes, and one more is needed.
        if let Some(at) = self.open.iter().position(same) {
            self.open[at] = pending;
            if at == 0 {
                self.print_question();
            }
            return;
        }
        self.open.push_back(pending);
        if self.open.len() == 1 {
            self.print_question();
        }
    }

    /// Removes a question that has become obsolete.
    pub(super) fn withdraw(&mut self, question: EffectId) {
        let found = (self.open.iter()).position(|it| it.answer.question() == question);
        let Some(at) = found else { return };
        self.open.remove(at);
        if at == 0 {
            show("\n  this question no longer needs an answer\n");
            self.print_question();
        }
    }

    /// Handles what has been typed. The end of input is a no.
    pub(super) fn poll(&mut self) {
        while let (Some(lines), false) = (&self.lines, self.open.is_empty()) {
            match lines.try_recv() {
                Ok(line) => self.take_answer(&line),
                Err(TryRecvError::Empty) => return,
                Err(TryRecvError::Disconnected) => {
                    for pending in self.open.drain(..) {
                        let no = nobody(&pending.question, "no answer was given");
                        pending.answer.answer(no);
                    }
                }
            }
        }
    }

    fn take_answer(&mut self, line: &str) {
        let Some(PendingQuestion { question, .. }) = self.open.front() else {
            return;
        };
        match understand(question, &line.trim().to_lowercase()) {
            Some(answer) => {
                if let Some(pending) = self.open.pop_front() {
                    let person = Responder {
                        name: Some(super::execute::user()),
                        comment: None,
                        uid: Some(rustix::process::getuid().as_raw()),
                    };
                    pending.answer.answer_as(person, answer);
                }
                self.print_question();
            }
            None => show(&format!("  {}? ", choices(question))),
        }
    }

    /// Asks the next question. What was typed before is discarded: it cannot be an answer to a
    /// question that had not been shown.
    fn print_question(&mut self) {
        let Some(PendingQuestion {
            node,
            question,
            until,
            ..
        }) = self.open.front()
        else {
            return;
        };
        let typed = rustix::termios::QueueSelector::IFlush;
        if is_in_foreground() {
            // If it fails there is no terminal.
            let _ = rustix::termios::tcflush(std::io::stdin(), typed);
        }
        while self.lines.as_ref().is_some_and(|it| it.try_recv().is_ok()) {}
        let text = match question {
            Question::Approve(request) => approval_text(request),
            Question::Failed { text } => text.clone(),
        };
        show(&question_text(node, &text));
        if let Some(until) = until {
            let until = until.to_zoned(TimeZone::system());
            show(&format!("  until {}\n", until.strftime("%H:%M:%S")));
        }
        show(&format!("  {}? ", choices(question)));
    }
}

/// Reads lines until nobody receives them any more.
fn read_lines() -> mpsc::Receiver<String> {
    let (sender, lines) = mpsc::channel();
    std::thread::spawn(move || {
        // Reading in the background would stop the whole run; like this it is only refused. If the
        // signal cannot be blocked, the check before each line is what there is.
        let _ = SigSet::from(Signal::SIGTTIN).thread_block();
        let mut input = std::io::stdin().lines();
        loop {
            while !is_in_foreground() {
                std::thread::sleep(FOREGROUND_POLL_INTERVAL);
            }
            let line = match input.next() {
                None => return,
                // Input that is not UTF-8 counts as an empty line.
                Some(Err(error)) if error.kind() == ErrorKind::InvalidData => String::new(),
                // It was sent to the background while it read.
                Some(Err(_)) if !is_in_foreground() => continue,
                Some(Err(_)) => return,
                Some(Ok(line)) => line,
            };
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    lines
}

/// Whether this process may read the terminal, as a job of a shell in the background may not. What
/// is no terminal, or is gone, can be read by everybody.
pub(super) fn is_in_foreground() -> bool {
    let group = rustix::termios::tcgetpgrp(std::io::stdin());
    group.map_or(true, |group| group == rustix::process::getpgrp())
}

/// A question and the node that asks it. Where it has several lines, each has a bar: a value cannot
/// begin a line that is not one of the question.
fn question_text(node: &str, text: &str) -> String {
    let mut words = format!("\n{}\n", clean_line(node));
    let bar = if text.trim_end().contains('\n') {
        "| "
    } else {
        ""
    };
    for line in text.trim_end().split('\n') {
        words.push_str(&format!("  {bar}{}\n", clean_line(line)));
    }
    words
}

/// Without a terminal to write to there is none to read from either.
fn show(text: &str) {
    let mut stderr = std::io::stderr().lock();
    let _ = stderr
        .write_all(text.as_bytes())
        .and_then(|()| stderr.flush());
}

/// The question of an approval, and for whom it is.
fn approval_text(request: &ApprovalRequest) -> String {
    let ApprovalRequest {
        text,
        by,
        count,
        except: _,
        yeses,
    } = request;
    let mut notes = Vec::new();
    if !by.is_empty() {
        notes.push(format!("for {}", by.join(", ")));
    }
    if *count > 1 {
        notes.push(format!("{} of {count} yes", yeses.len()));
    }
    match notes.is_empty() {
        true => text.clone(),
        false => format!("{text} ({})", notes.join(", ")),
    }
}

fn choices(question: &Question) -> &'static str {
    match question {
        Question::Approve { .. } => "yes or no",
        Question::Failed { .. } => "retry, ignore, rollback or abort",
    }
}

fn understand(question: &Question, said: &str) -> Option<Answer> {
    match (question, said) {
        (Question::Approve { .. }, "y" | "yes") => Some(ApprovalAnswer::Yes.into()),
        (Question::Approve { .. }, "n" | "no") => Some(ApprovalAnswer::No(String::new()).into()),
        (Question::Failed { .. }, "retry") => Some(FailureChoice::Retry.into()),
        (Question::Failed { .. }, "ignore") => Some(FailureChoice::Ignore.into()),
        (Question::Failed { .. }, "rollback") => Some(FailureChoice::Rollback.into()),
        (Question::Failed { .. }, "abort") => Some(FailureChoice::Abort.into()),
        _ => None,
    }
}
