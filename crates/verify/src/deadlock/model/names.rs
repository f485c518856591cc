//! The display name of a strand: a deployment by its service and target, a cell by its values,
//! anything else by the first named thing in it.

use std::collections::HashMap;

use super::StrandId;
use super::builder::ModelBuilder;
use lockstep_base::node_path::PathPart;
use lockstep_base::value::Value;
use lockstep_lang::eval::Expr;
use lockstep_lang::ir::{StmtKind, command};
use lockstep_plan::Locals;
use lockstep_plan::body;
use lockstep_plan::{PlanNode, TreeId};

impl ModelBuilder<'_> {
    /// A child of a `parallel`.
    pub(super) fn strand_name(&self, id: TreeId, locals: &Locals) -> String {
        let node = self.plan.tree.get(id);
        let is_visible = node.label.is_some() && node.stmt.kind.matrix().is_none();
        let nameless = node.stmt.kind.is_anonymous() || !is_visible;
        if !nameless {
            return self.described(id, locals);
        }
        match self.first_named(id, locals) {
            Some(inside) => inside,
            None if !is_visible => String::from("strand"),
            None => self.described(id, locals),
        }
    }

    /// A statement by its own name, without numbers.
    fn described(&self, id: TreeId, locals: &Locals) -> String {
        let node = self.plan.tree.get(id);
        match &node.stmt.kind {
            StmtKind::Run(command) => {
                let mut value = |expr: &Expr| self.walk.eval(expr, locals).ok();
                let display = |value: &Value| self.walk.display(value);
                format!(
                    "run \"{}\"",
                    command::display(&command.text, &mut value, &display)
                )
            }
            StmtKind::Lock { resource, .. } => match self.walk.lock_names(resource, locals) {
                Ok(names) => format!("lock \"{}\"", names.join("\", \"")),
                Err(_) => String::from("lock"),
            },
            StmtKind::Block(_)
            | StmtKind::Stage { .. }
            | StmtKind::Parallel(_)
            | StmtKind::Matrix(_)
            | StmtKind::Deploy { .. }
            | StmtKind::Step { .. }
            | StmtKind::Call(_)
            | StmtKind::Action { .. }
            | StmtKind::Let(_)
            | StmtKind::If { .. }
            | StmtKind::Barrier { .. }
            | StmtKind::Approve { .. }
            | StmtKind::Wait(_)
            | StmtKind::Verify { .. }
            | StmtKind::Log(_)
            | StmtKind::Fail(_)
            | StmtKind::Return(_)
            | StmtKind::Yield(_)
            | StmtKind::On { .. }
            | StmtKind::Verdict(_) => {
                let part = self.walk.part(id, locals);
                let part = part.map(|part| PathPart { number: 1, ..part });
                part.map_or_else(String::new, |part| part.shown("…"))
            }
        }
    }

    /// The first thing inside that says more than its keyword.
    fn first_named(&self, id: TreeId, locals: &Locals) -> Option<String> {
        let node = self.plan.tree.get(id);
        let mut inside = locals.clone();
        for child in node.bodies.iter().flat_map(|it| it.iter()) {
            let stmt = &self.plan.tree.get(*child).stmt;
            match &stmt.kind {
                StmtKind::Deploy { .. }
                | StmtKind::Step { .. }
                | StmtKind::Call(_)
                | StmtKind::Action { .. }
                | StmtKind::Stage { .. }
                | StmtKind::Run(_) => return Some(self.described(*child, &inside)),
                StmtKind::Log(text) => {
                    if let Ok(text) = self.walk.eval(text, &inside) {
                        return Some(format!("log \"{}\"", self.walk.display(&text)));
                    }
                }
                StmtKind::Block(_)
                | StmtKind::Parallel(_)
                | StmtKind::Matrix(_)
                | StmtKind::Let(_)
                | StmtKind::If { .. }
                | StmtKind::Barrier { .. }
                | StmtKind::Lock { .. }
                | StmtKind::Approve { .. }
                | StmtKind::Wait(_)
                | StmtKind::Verify { .. }
                | StmtKind::Fail(_)
                | StmtKind::Return(_)
                | StmtKind::Yield(_)
                | StmtKind::On { .. }
                | StmtKind::Verdict(_) => {
                    if let Some(found) = self.first_named(*child, &inside) {
                        return Some(found);
                    }
                }
            }
            if stmt.bind.is_some() {
                // Only names depend on it here.
                let _ = self.walk.summary_of_node(*child, &mut inside);
            }
        }
        None
    }

    /// A cell that is a single deployment is called like it.
    pub(super) fn cell_name(&self, node: &PlanNode, values: &[Value], locals: &Locals) -> String {
        let deployments = body(node)
            .iter()
            .filter(|it| self.plan.tree.get(**it).stmt.kind.deploys());
        if let [only] = deployments.collect::<Vec<_>>().as_slice() {
            let part = self.walk.part(**only, locals);
            return part.map_or_else(String::new, |part| part.shown("…"));
        }
        let word = node.label.as_deref().unwrap_or_default();
        let axes = node.stmt.kind.matrix().map_or(&[][..], |it| &it.axes);
        let values = values.iter().zip(axes);
        let values = values.map(|(it, axis)| self.walk.name_on_axis(Some(axis), it, locals).into());
        PathPart::cell(word, 1, values.collect(), 1).shown("…")
    }

    /// Distinguishes sibling strands that would have the same name.
    pub(super) fn tell_apart(&mut self, strands: &[StrandId]) {
        const ORDINALS: [&str; 9] = [
            "first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth",
        ];
        let mut by_name: HashMap<String, Vec<StrandId>> = HashMap::new();
        for strand in strands {
            let name = self.flow.strands[*strand].name.clone();
            by_name.entry(name).or_default().push(*strand);
        }
        for (name, same) in by_name.iter().filter(|(_, same)| same.len() > 1) {
            for (at, strand) in same.iter().enumerate() {
                self.flow.strands[*strand].name = match ORDINALS.get(at) {
                    Some(word) => format!("{word} {name}"),
                    None => format!("{name} (number {})", at + 1),
                };
            }
        }
    }
}
