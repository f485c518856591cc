//! Lowers `queue`: where the runs of a pipeline wait for each other.

use crate::eval::ExprKind;
use crate::eval::visit::each_part;
use crate::ir::{Queue, QueueKeep};
use crate::types::LocalScope;
use crate::types::errors as type_errors;
use lockstep_base::diagnostic::codes;
use lockstep_base::source::FileId;
use lockstep_base::value::{Type, Value};
use lockstep_syntax::ast;

use super::{ProgramLowering, errors};

impl ProgramLowering<'_> {
    /// The queue of a pipeline. A run takes its place before anything of it runs, so that nothing
    /// of the run itself can be in its name.
    pub(super) fn queue(&mut self, file: FileId, written: &[ast::Queue]) -> Option<Queue> {
        let (first, others) = written.split_first()?;
        for other in others {
            let twice = errors::modifier_twice("queue", other.span, first.span);
            self.check.report(twice);
        }
        let mut locals = LocalScope::new(file);
        // That there is a run is known; what it is, is said below.
        locals.in_run = true;
        let what = "the name of a queue";
        let name = (self.check).check(&mut locals, &first.name, &Type::String, what, None);
        if matches!(name.as_const(), Some(Value::String(text)) if text.is_empty()) {
            self.check.report(errors::no_queue_name(first.name.span));
        }
        let mut late = None;
        each_part(&name, &mut |part| {
            if let ExprKind::Run(_) = part.kind {
                late.get_or_insert(part.span);
            }
        });
        if let Some(at) = late {
            self.check.report(errors::late_queue(at));
        }
        let keep = match &first.keep {
            Some(word) => self.queue_keep(word)?,
            None => QueueKeep::All,
        };
        Some(Queue { name, keep })
    }

    fn queue_keep(&mut self, word: &ast::Ident) -> Option<QueueKeep> {
        let all = QueueKeep::ALL;
        let found = all.into_iter().find(|keep| keep.as_str() == &*word.name);
        if found.is_none() {
            let known = all.into_iter().map(QueueKeep::as_str);
            let what = "way to keep runs";
            let unknown = type_errors::unknown_word(codes::QUEUE, word, what, known);
            self.check.report(unknown);
        }
        found
    }
}
