//! Asks the person at the terminal, one question after the other, while the run goes on.
//! It does not know what the answers lead to.

use std::io::{BufRead, IsTerminal, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;

use crate::engine::{Answer, Question};
use crate::runtime::driver::Answerer;
use crate::source::Name;

/// A question that has not been answered.
pub(super) struct Pending {
    pub(super) node: Name,
    pub(super) question: Question,
    pub(super) answer: Answerer,
}

/// Asks from a thread of its own, because reading a terminal waits.
#[derive(Default)]
pub(super) struct Asker {
    open: Arc<AtomicUsize>,
    questions: Option<mpsc::Sender<Pending>>,
}

impl Asker {
    /// Whether there is somebody to ask.
    pub(super) fn is_possible() -> bool {
        std::io::stdin().is_terminal() && std::io::stderr().is_terminal()
    }

    /// Whether nothing is being asked.
    pub(super) fn is_idle(&self) -> bool {
        self.open.load(Ordering::SeqCst) == 0
    }

    pub(super) fn ask(&mut self, pending: Pending) {
        self.open.fetch_add(1, Ordering::SeqCst);
        let questions = self.questions.get_or_insert_with(|| {
            let (sender, receiver) = mpsc::channel::<Pending>();
            let open = self.open.clone();
            std::thread::spawn(move || {
                for pending in receiver {
                    let answer = put(&pending.node, &pending.question);
                    open.fetch_sub(1, Ordering::SeqCst);
                    pending.answer.answer(answer);
                }
            });
            sender
        });
        // The thread lives as long as its sender.
        let _ = questions.send(pending);
    }
}

/// Puts a question until it is answered. The end of input is a no.
fn put(node: &Name, question: &Question) -> Answer {
    let (text, choices) = match question {
        Question::Approve { text, by } => {
            let by = if by.is_empty() {
                String::new()
            } else {
                format!(" (for {})", by.join(", "))
            };
            (format!("{text}{by}"), "yes or no")
        }
        Question::Failed { text } => (text.clone(), "retry, ignore, rollback or abort"),
    };
    loop {
        let mut stderr = std::io::stderr().lock();
        // Without a terminal to write to there is none to read from either.
        let _ = write!(stderr, "\n{node}\n  {text}\n  {choices}? ").and_then(|()| stderr.flush());
        drop(stderr);
        let mut line = String::new();
        let read = std::io::stdin().lock().read_line(&mut line);
        if !matches!(read, Ok(1..)) {
            return Answer::No(String::from("no answer was given"));
        }
        let said = line.trim().to_lowercase();
        if let Some(answer) = understand(question, &said) {
            return answer;
        }
    }
}

fn understand(question: &Question, said: &str) -> Option<Answer> {
    match (question, said) {
        (Question::Approve { .. }, "y" | "yes") => Some(Answer::Yes),
        (Question::Approve { .. }, "n" | "no") => Some(Answer::No(String::new())),
        (Question::Failed { .. }, "retry") => Some(Answer::Retry),
        (Question::Failed { .. }, "ignore") => Some(Answer::Ignore),
        (Question::Failed { .. }, "rollback") => Some(Answer::Rollback),
        (Question::Failed { .. }, "abort") => Some(Answer::Abort),
        _ => None,
    }
}
