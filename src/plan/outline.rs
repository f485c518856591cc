//! The plan as a person reads it before the run: a tree of what happens, in which order, how
//! much of it at once, with locks and barriers. It does not know how it is drawn.

use serde::Serialize;

use super::grid::Axes;
use super::tree::{Node, Seq, TreeId};
use super::walk::{MatrixAxes, Walk, body};
use super::{Locals, Plan};
use crate::eval::{Expr, Halt};
use crate::ir::{GlobalSource, Matrix, Order, StmtKind};
use crate::value::Value;

/// Cells of one loop or matrix that are listed one by one; more are only counted.
const LISTED_CELLS: usize = 60;

/// A plan before the run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Outline {
    /// The pipeline.
    pub pipeline: String,
    /// The inputs and their values.
    pub inputs: Vec<(String, String)>,
    /// The most deployments, steps and commands that can run at once.
    pub width: u64,
    /// How many deployments there are.
    pub deployments: u64,
    /// What happens, in order.
    pub items: Vec<Item>,
}

/// A part of the plan.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Item {
    /// What it is: the word of the language.
    pub kind: &'static str,
    /// What it is called.
    pub label: String,
    /// How its children follow each other.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub order: Option<Order>,
    /// How many cells a loop or matrix has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cells: Option<u64>,
    /// The most that can run at once in it.
    pub width: u64,
    /// The infrastructures that it locks.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub locks: Vec<String>,
    /// Modifiers and other remarks, in the words of the language.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// What is in it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub items: Vec<Item>,
    /// How many of its cells are not listed.
    #[serde(skip_serializing_if = "is_zero")]
    pub unlisted: u64,
    /// How many deployments are in it.
    #[serde(skip)]
    deployments: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference")]
fn is_zero(count: &u64) -> bool {
    *count == 0
}

impl Outline {
    /// The outline of a plan. What only the run knows is said to be so.
    pub fn of(plan: &Plan) -> Self {
        let maker = Maker {
            walk: plan.walk(),
            plan,
        };
        let root = plan.tree.get(plan.tree.root());
        let mut locals = Locals::default();
        let items = maker.seq(body(root), &mut locals);
        let program = &plan.bound.program;
        let inputs = program.globals.iter().zip(&plan.bound.facts.globals);
        let inputs = inputs
            .filter(|(global, _)| matches!(global.source, GlobalSource::Input { .. }))
            .map(|(global, value)| (global.name.to_string(), maker.shown(value)))
            .collect();
        Self {
            pipeline: plan.bound.pipeline().name.to_string(),
            inputs,
            width: items.iter().map(|item| item.width).max().unwrap_or(0),
            deployments: items.iter().map(|item| item.deployments).sum(),
            items,
        }
    }
}

impl Outline {
    /// The stages outside loops, with how many deployments each has.
    pub fn stages(&self) -> impl Iterator<Item = (&str, u64)> {
        let stages = self.items.iter().filter(|item| item.kind == "stage");
        stages.map(|item| (item.label.as_str(), item.deployments))
    }
}

struct Maker<'a> {
    walk: Walk<'a>,
    plan: &'a Plan,
}

impl Maker<'_> {
    fn shown(&self, value: &Value) -> String {
        match value {
            Value::List(items) => items
                .iter()
                .map(|item| self.shown(item))
                .collect::<Vec<_>>()
                .join(", "),
            _ => self.walk.display(value),
        }
    }

    fn text(&self, expr: &Expr, locals: &Locals) -> String {
        match self.walk.eval(expr, locals) {
            Ok(value) => self.shown(&value),
            Err(_) => self.plan.bound.program.sources.text(expr.span).to_string(),
        }
    }

    fn seq(&self, seq: &Seq, locals: &mut Locals) -> Vec<Item> {
        let mut items = Vec::new();
        for id in seq.iter() {
            items.extend(self.node(*id, locals));
            // Binds what the statements after it may name; mistakes show where they are run.
            let _ = self.walk.sum_node(*id, locals);
        }
        items
    }

    fn node(&self, id: TreeId, locals: &Locals) -> Vec<Item> {
        let node = self.plan.tree.get(id);
        let mut notes = self.modifiers(node, locals);
        let item = |kind, label: String, items: Vec<Item>, order| Item {
            kind,
            label,
            order,
            width: match order {
                Some(Order::Parallel) => items.iter().map(|item| item.width).sum(),
                _ => items.iter().map(|item| item.width).max().unwrap_or(0),
            },
            deployments: items.iter().map(|item| item.deployments).sum(),
            items,
            ..Item::default()
        };
        let inner = || self.seq(body(node), &mut locals.clone());
        let serial = Some(Order::Serial);
        let mut made = match &node.stmt.kind {
            StmtKind::Stage { name, .. } => {
                let mut stage = item("stage", name.to_string(), inner(), serial);
                stage.locks = self.locks(node, locals);
                stage
            }
            StmtKind::Block(_) => item("serial", String::new(), inner(), serial),
            StmtKind::Parallel(_) => {
                item("parallel", String::new(), inner(), Some(Order::Parallel))
            }
            StmtKind::Step { name, .. } => {
                let mut step = item("step", name.to_string(), inner(), serial);
                step.width = step.width.max(1);
                step
            }
            StmtKind::Matrix(matrix) => return vec![self.matrix(node, matrix, notes, locals)],
            StmtKind::Deploy { .. } => self.deploy(id, locals),
            StmtKind::Run(_) => {
                let text = self.plan.bound.program.sources.text(node.stmt.span);
                let text = text.strip_prefix("run").unwrap_or(text).trim();
                Item {
                    width: 1,
                    ..item("run", first_line(text), Vec::new(), None)
                }
            }
            StmtKind::Action { .. } => {
                let label = node.label.as_deref().unwrap_or_default();
                Item {
                    width: 1,
                    ..item("action", label.to_string(), Vec::new(), None)
                }
            }
            StmtKind::Call(using) => {
                let label = node.label.as_deref().unwrap_or_default().to_string();
                let inside = self.walk.call(using, locals).unwrap_or_default();
                item(
                    "workflow",
                    label,
                    self.seq(body(node), &mut inside.clone()),
                    serial,
                )
            }
            StmtKind::If {
                branches,
                otherwise,
            } => {
                return self.branches(node, branches.len(), otherwise.is_some(), locals);
            }
            StmtKind::Barrier { name, key } => {
                let key = key
                    .as_ref()
                    .map(|key| format!("[{}]", self.text(key, locals)));
                let name = format!("{name}{}", key.unwrap_or_default());
                item("barrier", name, Vec::new(), None)
            }
            StmtKind::Lock {
                resource, limit, ..
            } => {
                if let Some(limit) = limit {
                    notes.push(format!("limit {}", self.text(limit, locals)));
                }
                item("lock", self.text(resource, locals), inner(), serial)
            }
            StmtKind::Approve { question, by } => {
                if let Some(by) = by {
                    notes.insert(0, format!("by {}", self.text(by, locals)));
                }
                item(
                    "approve",
                    format!("\"{}\"", self.text(question, locals)),
                    Vec::new(),
                    None,
                )
            }
            StmtKind::Wait(time) => item("wait", self.text(time, locals), Vec::new(), None),
            StmtKind::Verify { during, every, .. } => {
                let times = format!(
                    "{} every {}",
                    self.text(during, locals),
                    self.text(every, locals)
                );
                item("verify", format!("for {times}"), inner(), serial)
            }
            StmtKind::On { target, .. } => item("on", self.text(target, locals), inner(), serial),
            StmtKind::Log(_)
            | StmtKind::Let(_)
            | StmtKind::Fail(_)
            | StmtKind::Return(_)
            | StmtKind::Yield(_)
            | StmtKind::Verdict(_) => return Vec::new(),
        };
        made.notes.splice(0..0, notes);
        vec![made]
    }

    /// The branch that is taken, or all of them where only the run knows.
    fn branches(&self, node: &Node, count: usize, otherwise: bool, locals: &Locals) -> Vec<Item> {
        let StmtKind::If { branches, .. } = &node.stmt.kind else {
            return Vec::new();
        };
        let branch = |at: usize| {
            let body = node.bodies.get(at).cloned().unwrap_or_default();
            self.seq(&body, &mut locals.clone())
        };
        let mut items = Vec::new();
        for (at, (condition, _)) in branches.iter().enumerate() {
            match self.walk.eval(condition, locals) {
                Ok(Value::Bool(false)) => {}
                Ok(_) if items.is_empty() => return branch(at),
                _ => {
                    let text = self.plan.bound.program.sources.text(condition.span);
                    items.push(self.possible(format!("if {text}"), branch(at)));
                }
            }
        }
        if otherwise {
            if items.is_empty() {
                return branch(count);
            }
            items.push(self.possible(String::from("else"), branch(count)));
        }
        items
    }

    fn possible(&self, label: String, items: Vec<Item>) -> Item {
        Item {
            kind: "if",
            label,
            order: Some(Order::Serial),
            width: items.iter().map(|item| item.width).max().unwrap_or(0),
            deployments: items.iter().map(|item| item.deployments).sum(),
            items,
            ..Item::default()
        }
    }

    fn deploy(&self, id: TreeId, locals: &Locals) -> Item {
        let node = self.plan.tree.get(id);
        let StmtKind::Deploy {
            service, target, ..
        } = &node.stmt.kind
        else {
            return Item::default();
        };
        let label = format!(
            "{} to {}",
            self.text(service, locals),
            self.text(target, locals)
        );
        let mut item = Item {
            kind: "deploy",
            label,
            width: 1,
            deployments: 1,
            ..Item::default()
        };
        match self.walk.deployment(id, locals) {
            Ok(found) => {
                let used = node.workflows.iter().find(|(_, body)| *body == found.body);
                let workflows = &self.plan.bound.program.workflows;
                if let Some(used) = used.and_then(|(id, _)| workflows.get(id.0 as usize)) {
                    item.notes.push(format!("using {}", used.name));
                }
                item.order = Some(Order::Serial);
                item.items = self.seq(&found.body, &mut found.locals.clone());
            }
            Err(Halt::Unknown) => item.notes.push(String::from("known while running")),
            Err(Halt::Fault(fault)) => item.notes.push(fault.message.clone()),
        }
        item
    }

    fn locks(&self, node: &Node, locals: &Locals) -> Vec<String> {
        let Ok(sum) = self.walk.sum(body(node), locals) else {
            return Vec::new();
        };
        let facts = &self.plan.bound.facts.infrastructures;
        let exclusive = sum.targets.keys().filter(|target| {
            let fields = facts.get(target.0 as usize);
            fields.and_then(|it| it.get("exclusive")) != Some(&Value::Bool(false))
        });
        exclusive
            .map(|target| self.walk.display(&Value::Infrastructure(*target)))
            .collect()
    }

    fn modifiers(&self, node: &Node, locals: &Locals) -> Vec<String> {
        let modifiers = &node.stmt.modifiers;
        let mut notes = Vec::new();
        let mut say = |word: &str, value: &Option<Expr>| {
            if let Some(value) = value {
                notes.push(format!("{word} {}", self.text(value, locals)));
            }
        };
        say("timeout", &modifiers.timeout);
        say("max", &modifiers.max);
        say("batches", &modifiers.batches);
        say("tolerate", &modifiers.tolerate);
        if let Some(retry) = &modifiers.retry {
            let every = retry
                .every
                .as_ref()
                .map(|it| format!(" every {}", self.text(it, locals)));
            let upto = retry
                .upto
                .as_ref()
                .map(|it| format!("..{}", self.text(it, locals)));
            let times = self.text(&retry.times, locals);
            let (every, upto) = (every.unwrap_or_default(), upto.unwrap_or_default());
            notes.push(format!("retry {times}{every}{upto}"));
        }
        for (set, word) in [
            (modifiers.fail_fast, "fail fast"),
            (modifiers.atomic, "atomic"),
            (modifiers.once, "once"),
            (node.undo.is_some(), "undo"),
            (!node.on_failure.is_empty(), "on failure"),
            (node.always.is_some(), "always"),
        ] {
            if set {
                notes.push(word.to_string());
            }
        }
        notes
    }

    fn matrix(&self, node: &Node, matrix: &Matrix, notes: Vec<String>, locals: &Locals) -> Item {
        let word = |order| {
            if order == Order::Serial {
                "serial"
            } else {
                "parallel"
            }
        };
        let axes: Vec<String> = matrix
            .axes
            .iter()
            .map(|axis| format!("{} {}", word(axis.order), axis.name))
            .collect();
        let loops = matrix.axes.len() == 1 && *matrix.word != *"matrix";
        let kind = if loops {
            word(matrix.axes[0].order)
        } else {
            "matrix"
        };
        let label = if loops {
            matrix.axes[0].name.to_string()
        } else {
            axes.join(", ")
        };
        let mut item = Item {
            kind,
            label,
            notes,
            ..Item::default()
        };
        let mut levels = Levels {
            maker: self,
            node,
            axes: MatrixAxes {
                walk: self.walk,
                matrix,
            },
            room: LISTED_CELLS,
            seen: None,
            cells: 0,
            unlisted: 0,
        };
        let top = match levels
            .level(0, locals)
            .and_then(|top| levels.included(locals, top))
        {
            Ok(top) => top,
            Err(halt) => {
                item.notes.push(match halt {
                    Halt::Unknown => String::from("cells known while running"),
                    Halt::Fault(fault) => fault.message.clone(),
                });
                item.width = 1;
                return item;
            }
        };
        item.cells = Some(levels.cells);
        item.unlisted = levels.unlisted;
        item.width = self.narrowed(node, locals, levels.cells, top.width);
        item.deployments = top.deployments;
        item.order = matrix.axes.first().map(|axis| axis.order);
        item.items = top.items;
        item
    }

    /// What `max` and `batches` leave of a width.
    fn narrowed(&self, node: &Node, locals: &Locals, cells: u64, width: u64) -> u64 {
        let modifiers = &node.stmt.modifiers;
        let number = |expr: &Expr| match self.walk.eval(expr, locals) {
            Ok(Value::Int(count)) => u64::try_from(count).ok(),
            _ => None,
        };
        let max = modifiers.max.as_ref().and_then(number).unwrap_or(u64::MAX);
        let wave = match modifiers
            .batches
            .as_ref()
            .map(|sizes| self.walk.eval(sizes, locals))
        {
            Some(Ok(Value::List(sizes))) => sizes
                .iter()
                .filter_map(|size| match size {
                    Value::Int(count) => u64::try_from(*count).ok(),
                    Value::Percent(percent) => {
                        Some(((cells as f64 * percent / 100.0).ceil() as u64).max(1))
                    }
                    _ => None,
                })
                .max()
                .unwrap_or(u64::MAX),
            _ => u64::MAX,
        };
        width.min(max).min(wave)
    }
}

/// Walks the axes of a matrix, listing cells while there is room.
struct Levels<'m, 'a> {
    maker: &'m Maker<'a>,
    node: &'m Node,
    axes: MatrixAxes<'m>,
    room: usize,
    /// Width and deployments of the last cell that was looked at.
    seen: Option<(u64, u64)>,
    cells: u64,
    unlisted: u64,
}

impl Levels<'_, '_> {
    fn level(&mut self, axis: usize, locals: &Locals) -> Result<Item, Halt> {
        let order = self.axes.matrix.axes.get(axis).map(|axis| axis.order);
        let mut level = Item {
            kind: "axis",
            order,
            ..Item::default()
        };
        let last = axis + 1 == self.axes.matrix.axes.len();
        for value in self.axes.values(axis, locals)? {
            let inner = self.axes.bind(axis, &value, locals);
            let mut element = if last {
                if !self.axes.keep(&inner)? {
                    continue;
                }
                self.cell(&inner)
            } else {
                self.level(axis + 1, &inner)?
            };
            if element.width == 0 && element.items.is_empty() && !last {
                continue;
            }
            element.label = self.maker.walk.display(&value);
            add(&mut level, element, order, self.room > 0 || !last);
        }
        Ok(level)
    }

    fn included(&mut self, locals: &Locals, mut top: Item) -> Result<Item, Halt> {
        for values in self.axes.included(locals)? {
            let mut inner = locals.clone();
            let mut names = Vec::new();
            for (axis, value) in values.iter().enumerate() {
                inner = self.axes.bind(axis, value, &inner);
                names.push(self.maker.walk.display(value));
            }
            let mut cell = self.cell(&inner);
            cell.label = names.join(", ");
            cell.notes.push(String::from("included"));
            let order = top.order;
            add(&mut top, cell, order, self.room > 0);
        }
        Ok(top)
    }

    fn cell(&mut self, locals: &Locals) -> Item {
        self.cells += 1;
        let plain = Item {
            kind: "cell",
            order: Some(Order::Serial),
            ..Item::default()
        };
        if self.room == 0 {
            self.unlisted += 1;
            // Further cells are taken to be as wide as the last one that was looked at.
            let (width, deployments) = self.seen.unwrap_or((1, 0));
            return Item {
                width,
                deployments,
                ..plain
            };
        }
        self.room -= 1;
        let items = self.maker.seq(body(self.node), &mut locals.clone());
        let width = items
            .iter()
            .map(|item| item.width)
            .max()
            .unwrap_or(0)
            .max(1);
        let deployments = items.iter().map(|item| item.deployments).sum();
        self.seen = Some((width, deployments));
        Item {
            width,
            deployments,
            items,
            ..plain
        }
    }
}

fn add(level: &mut Item, element: Item, order: Option<Order>, listed: bool) {
    level.width = match order {
        Some(Order::Parallel) => level.width + element.width,
        _ => level.width.max(element.width),
    };
    level.deployments += element.deployments;
    if listed && (!element.items.is_empty() || element.kind == "cell") {
        level.items.push(element);
    }
}

fn first_line(text: &str) -> String {
    let mut lines = text.lines();
    let first = lines.next().unwrap_or_default().trim();
    if lines.next().is_some() {
        format!("{first} …")
    } else {
        first.to_string()
    }
}
