//! Generator of small random programs from bytes: fewer and smaller bytes give simpler programs, so
//! that a failing program shrinks. A program is a tree that is written as text and that the oracle
//! interprets independently.

use std::fmt::Write as _;

/// A statement. Every command prints its statement's number and the loop variables that it sees.
#[derive(Debug, Clone)]
pub struct Node {
    pub id: u32,
    pub kind: Kind,
    pub body: Vec<Node>,
    pub modifiers: Modifiers,
    pub on_failure: Option<(Vec<Node>, Verdict)>,
    pub always: Option<Vec<Node>>,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Kind {
    Run,
    Fail,
    Log,
    Wait(u32),
    /// A step, and whether it can be undone.
    Step(bool),
    Serial,
    Parallel,
    Grid(Grid),
    /// A deployment to this infrastructure, with a workflow of its own.
    Deploy(u32),
    Stage,
    /// `lock "l0"`
    Lock(u32),
    /// Known before the run, or the result of a command; without `else`.
    If(Option<bool>),
    /// `barrier b0`
    Barrier(u32),
    /// `verify`, which checks twice.
    Verify,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Grid {
    /// For each axis whether it is serial, and how many values it has (from 0).
    pub axes: Vec<(bool, u32)>,
    /// A value of the first axis whose cells `where` drops.
    pub dropped: Option<u32>,
    /// Whether a cell is added.
    pub included: bool,
}

/// The value that an added cell has on every axis.
pub const INCLUDED: u32 = 9;

#[derive(Debug, Clone, Default)]
pub struct Modifiers {
    pub retry: u32,
    pub timeout: Option<u32>,
    pub max: Option<u32>,
    pub batches: bool,
    pub tolerate: u32,
    pub fail_fast: bool,
    pub atomic: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    None,
    Ignore,
    Retry(u32),
    Rollback,
    RollbackPipeline,
    Abort,
    Ask,
}

/// The features that a program may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Flavour {
    /// Features that make the set of executed commands depend on timing: `fail fast`, `atomic`,
    /// `batches`, `tolerate`.
    pub lucky: bool,
    /// Timeouts.
    pub timeouts: bool,
    /// Barriers.
    pub barriers: bool,
}

/// A program: its pipeline and its text.
#[derive(Debug, Clone)]
pub struct Program {
    pub root: Node,
    pub text: String,
}

struct Growth<'b> {
    bytes: &'b [u8],
    flavour: Flavour,
    next: u32,
    budget: u32,
}

/// The context in which a statement is generated.
#[derive(Clone, Copy)]
struct Place {
    depth: u32,
    /// Not inside a stage, step, deployment or loop.
    top: bool,
    deploys: bool,
    locks: bool,
    /// The locks with lower numbers are taken already.
    lock: u32,
    handler: bool,
}

/// Generates a program.
pub fn program(bytes: &[u8], flavour: Flavour) -> Program {
    let mut growth = Growth {
        bytes,
        flavour,
        next: 0,
        budget: 26,
    };
    let place = Place {
        depth: 0,
        top: true,
        deploys: true,
        locks: true,
        lock: 0,
        handler: false,
    };
    let mut root = growth.node(Kind::Serial);
    root.body = growth.body(place);
    growth.trim(&mut root, place);
    root.modifiers.atomic = flavour.lucky && growth.pick(5) == 4;
    let text = write(&root);
    Program { root, text }
}

impl Growth<'_> {
    /// A number below `count`; 0 if the bytes are used up.
    fn pick(&mut self, count: u32) -> u32 {
        let Some((first, rest)) = self.bytes.split_first() else {
            return 0;
        };
        self.bytes = rest;
        u32::from(*first) % count
    }

    fn node(&mut self, kind: Kind) -> Node {
        self.next += 1;
        Node {
            id: self.next,
            kind,
            body: Vec::new(),
            modifiers: Modifiers::default(),
            on_failure: None,
            always: None,
        }
    }

    fn body(&mut self, place: Place) -> Vec<Node> {
        let count = 1 + self.pick(4);
        (0..count).filter_map(|_| self.statement(place)).collect()
    }

    fn statement(&mut self, place: Place) -> Option<Node> {
        self.budget = self.budget.checked_sub(1)?;
        let leaf = place.depth >= 5;
        let kind = match self.pick(if leaf { 3 } else { 16 }) {
            0 | 1 => Kind::Run,
            2 => [Kind::Log, Kind::Fail, Kind::Wait(7)][self.pick(3) as usize].clone(),
            3 | 4 => Kind::Step(self.pick(3) > 0),
            5 => Kind::Serial,
            6 | 7 => Kind::Parallel,
            8..=10 => Kind::Grid(self.grid()),
            11 | 12 if place.deploys => Kind::Deploy(self.pick(3)),
            13 if place.top => Kind::Stage,
            14 if place.locks && place.lock < 3 => {
                Kind::Lock(place.lock + self.pick(3 - place.lock))
            }
            15 if self.flavour.barriers && !place.handler => Kind::Barrier(self.pick(2)),
            15 => [
                Kind::If(None),
                Kind::If(Some(true)),
                Kind::If(Some(false)),
                Kind::Verify,
            ][self.pick(4) as usize]
                .clone(),
            _ => Kind::Step(true),
        };
        let inner = Place {
            depth: place.depth + 1,
            ..place
        };
        let inner = match &kind {
            Kind::Step(_) | Kind::Grid(_) | Kind::Verify => Place {
                top: false,
                ..inner
            },
            // Nothing else is waited for while a lock is held, so that there is no deadlock.
            Kind::Deploy(_) | Kind::Stage => Place {
                top: false,
                locks: false,
                deploys: kind == Kind::Stage,
                ..inner
            },
            Kind::Lock(lock) => Place {
                top: false,
                deploys: false,
                lock: lock + 1,
                ..inner
            },
            _ => inner,
        };
        let mut node = self.node(kind);
        if !matches!(
            node.kind,
            Kind::Run | Kind::Log | Kind::Fail | Kind::Wait(_) | Kind::Barrier(_)
        ) {
            node.body = self.body(inner);
        }
        self.trim(&mut node, place);
        Some(node)
    }

    fn grid(&mut self) -> Grid {
        let axes = 1 + self.pick(2);
        let axes = (0..axes)
            .map(|_| (self.pick(2) == 1, 1 + self.pick(3)))
            .collect();
        Grid {
            axes,
            dropped: [None, None, Some(0), Some(1)][self.pick(4) as usize],
            included: self.pick(4) == 3,
        }
    }

    /// Adds modifiers and handlers.
    fn trim(&mut self, node: &mut Node, place: Place) {
        let lucky = self.flavour.lucky;
        let (grid, parallel) = (
            matches!(node.kind, Kind::Grid(_)),
            node.kind == Kind::Parallel,
        );
        if matches!(
            node.kind,
            Kind::Log | Kind::Fail | Kind::If(_) | Kind::Barrier(_) | Kind::Wait(_)
        ) {
            return;
        }
        if self.pick(6) == 5 {
            node.modifiers.retry = 1 + self.pick(2);
        }
        if grid || parallel {
            node.modifiers.max = [None, None, Some(1), Some(2)][self.pick(4) as usize];
            node.modifiers.fail_fast = lucky && self.pick(4) == 3;
        }
        if grid && lucky {
            node.modifiers.batches = self.pick(4) == 3;
            node.modifiers.tolerate = [0, 0, 1, 2][self.pick(4) as usize];
        }
        if grid || parallel || matches!(node.kind, Kind::Serial | Kind::Stage) {
            node.modifiers.atomic = lucky && self.pick(4) == 3;
        }
        if self.flavour.timeouts && self.pick(4) == 3 {
            node.modifiers.timeout = Some(5 + 10 * self.pick(8));
        }
        let inner = Place {
            depth: place.depth + 3,
            top: false,
            handler: true,
            // A handler runs while the stage's locks are held.
            locks: false,
            ..place
        };
        if self.pick(5) == 4 {
            let verdict = match self.pick(8) {
                0 => Verdict::None,
                1 | 2 => Verdict::Ignore,
                3 => Verdict::Retry(1),
                4 => Verdict::Rollback,
                5 => Verdict::RollbackPipeline,
                6 if lucky => Verdict::Ask,
                7 if lucky => Verdict::Abort,
                _ => Verdict::None,
            };
            node.on_failure = Some((self.body(inner), verdict));
        }
        if self.pick(7) == 6 {
            node.always = Some(self.body(inner));
        }
    }
}

/// The variables of the axes of a grid.
pub fn variable(grid: u32, axis: usize) -> String {
    format!("x{grid}_{axis}")
}

/// The text of a program.
fn write(root: &Node) -> String {
    let mut writer = Writer::default();
    let mut pipeline = String::from("pipeline p");
    writer.rest(&mut pipeline, root, &[], 0);
    let mut text = String::from(
        "kind app {}\nenvironment e {\n  infrastructure i0: app {}\n  \
         infrastructure i1: app {}\n  infrastructure i2: app { exclusive = false }\n}\n",
    );
    for service in &writer.services {
        writeln!(text, "service s{service}: app {{}}").expect("text takes text");
    }
    text + &writer.workflows + "\n" + &pipeline + "\n"
}

#[derive(Default)]
struct Writer {
    services: Vec<u32>,
    workflows: String,
}

impl Writer {
    fn block(&mut self, out: &mut String, body: &[Node], seen: &[String], depth: usize) {
        out.push_str(" {\n");
        for node in body {
            self.statement(out, node, seen, depth + 1);
        }
        out.push_str(&"  ".repeat(depth));
        out.push('}');
    }

    fn statement(&mut self, out: &mut String, node: &Node, seen: &[String], depth: usize) {
        let indent = "  ".repeat(depth);
        let id = node.id;
        let say = |word: &str| {
            let values: Vec<String> = seen.iter().map(|it| format!(" {it}=${{{it}}}")).collect();
            format!("run \"{word}{id}{}\"", values.concat())
        };
        out.push_str(&indent);
        let mut inside = seen.to_vec();
        match &node.kind {
            Kind::Run => out.push_str(&say("w")),
            Kind::Fail => out.push_str("fail \"by itself\""),
            Kind::Log => out.push_str(&format!("log \"l{id}\"")),
            Kind::Wait(ms) => out.push_str(&format!("wait {ms}ms")),
            Kind::Step(_) => out.push_str(&format!("step s{id}")),
            Kind::Serial => out.push_str("serial"),
            Kind::Parallel => out.push_str("parallel"),
            Kind::Stage => out.push_str(&format!("stage g{id}")),
            Kind::Lock(lock) => out.push_str(&format!("lock \"l{lock}\"")),
            Kind::Barrier(barrier) => out.push_str(&format!("barrier b{barrier}")),
            Kind::Verify => out.push_str("verify for 1ms every 1ms"),
            Kind::If(Some(known)) => out.push_str(&format!("if {known}")),
            Kind::If(None) => {
                let ask = say("c");
                out.push_str(&format!(
                    "serial {{ let c{id} = {ask} if c{id}.stdout == \"yes\""
                ));
            }
            Kind::Grid(grid) => {
                out.push_str("matrix");
                for (at, (serial, count)) in grid.axes.iter().enumerate() {
                    let order = if *serial { "serial" } else { "parallel" };
                    let name = variable(id, at);
                    out.push_str(&format!(" {order} {name} in range(0, {count})"));
                    inside.push(name);
                }
                if let Some(dropped) = grid.dropped {
                    out.push_str(&format!(" where {} != {dropped}", variable(id, 0)));
                }
                if grid.included {
                    let values = (0..grid.axes.len()).map(|at| variable(id, at));
                    let values: Vec<String> =
                        values.map(|name| format!("{name}: {INCLUDED}")).collect();
                    out.push_str(&format!(" include {{ {} }}", values.join(", ")));
                }
            }
            Kind::Deploy(target) => {
                self.services.push(id);
                let params: Vec<String> = seen.iter().map(|it| format!(", {it}: int")).collect();
                let mut workflow = format!(
                    "workflow d{id}(s: service<app>, i: infrastructure<app>{})",
                    params.concat()
                );
                self.block(&mut workflow, &node.body, seen, 0);
                self.workflows += &(workflow + "\n");
                let args = seen.join(", ");
                out.push_str(&format!("deploy s{id} to e.i{target} using d{id}({args})"));
            }
        }
        self.rest(out, node, &inside, depth);
        if node.kind == Kind::Step(true) {
            out.push_str(&format!(" undo {{ {} }}", say("u")));
        }
        self.handlers(out, node, seen, depth);
        if node.kind == Kind::If(None) {
            out.push_str(" }");
        }
        out.push('\n');
    }

    /// Modifiers and body.
    fn rest(&mut self, out: &mut String, node: &Node, inside: &[String], depth: usize) {
        let Modifiers {
            retry,
            timeout,
            max,
            batches,
            tolerate,
            fail_fast,
            atomic,
        } = &node.modifiers;
        if *retry > 0 {
            out.push_str(&format!(" retry {retry} every 3ms..5ms"));
        }
        if let Some(timeout) = timeout {
            out.push_str(&format!(" timeout {timeout}ms"));
        }
        if let Some(max) = max {
            out.push_str(&format!(" max {max}"));
        }
        if *batches {
            out.push_str(" batches [1, 2]");
        }
        if *tolerate > 0 {
            out.push_str(&format!(" tolerate {tolerate}"));
        }
        if *fail_fast {
            out.push_str(" fail fast");
        }
        if *atomic {
            out.push_str(" atomic");
        }
        let bodiless = matches!(
            node.kind,
            Kind::Run | Kind::Fail | Kind::Log | Kind::Wait(_) | Kind::Deploy(_) | Kind::Barrier(_)
        );
        if !bodiless {
            self.block(out, &node.body, inside, depth);
        }
        if depth == 0 {
            self.handlers(out, node, inside, 0);
        }
    }

    fn handlers(&mut self, out: &mut String, node: &Node, seen: &[String], depth: usize) {
        if let Some((body, verdict)) = &node.on_failure {
            out.push_str(" on failure");
            self.block(out, body, seen, depth);
            let word = match verdict {
                Verdict::None => String::new(),
                Verdict::Ignore => String::from("ignore"),
                Verdict::Retry(times) => format!("retry {times}"),
                Verdict::Rollback => String::from("rollback"),
                Verdict::RollbackPipeline => String::from("rollback pipeline"),
                Verdict::Abort => String::from("abort"),
                Verdict::Ask => String::from("ask timeout 9ms else ignore"),
            };
            if !word.is_empty() {
                out.pop();
                out.push_str(&format!("  {word}\n{}}}", "  ".repeat(depth)));
            }
        }
        if let Some(body) = &node.always {
            out.push_str(" always");
            self.block(out, body, seen, depth);
        }
    }
}
