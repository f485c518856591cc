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
    /// How long its `watch` waits between two looks, each of which is one command.
    pub watch: Option<u32>,
    /// What is done between two batches of a loop.
    pub between: Vec<Node>,
    /// In which of several ways it is written that mean the same here.
    pub form: u32,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Kind {
    Run,
    Fail,
    Log,
    Wait(u32),
    /// A text that is sent to a file, whose name stands for the command.
    Send,
    /// `approve "a7"`, and how many people have to say yes.
    Approve(u32),
    /// A step, and whether it can be undone.
    Step(bool),
    /// `let r7 = run …`, and whether it is the result of the step around it, which its undo reads.
    Let(bool),
    /// `if r7 != none`, of the statement with this number.
    IfBound(u32),
    Serial,
    /// `with env { … }`
    With,
    /// `return`, which ends the pipeline.
    Return,
    /// A command of a handler that says whether `outcome` is good.
    Outcome,
    Parallel,
    Grid(Grid),
    /// A deployment to this infrastructure, with a workflow of its own.
    Deploy(u32),
    Stage,
    /// `lock "l0"`
    /// The first, and how many are taken together.
    Lock(u32, u32),
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

/// Whether nothing stands in it.
fn is_bodiless(kind: &Kind) -> bool {
    matches!(
        kind,
        Kind::Run
            | Kind::Fail
            | Kind::Log
            | Kind::Wait(_)
            | Kind::Send
            | Kind::Approve(_)
            | Kind::Barrier(_)
            | Kind::Let(_)
            | Kind::Return
            | Kind::Outcome
    )
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
    /// `watch`.
    pub watches: bool,
    /// Approvals, and files that are sent.
    pub people: bool,
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
    /// `outcome` is known.
    outcome: bool,
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
        outcome: false,
    };
    let mut root = growth.node(Kind::Serial);
    root.body = growth.body(place);
    if growth.pick(8) == 7 {
        growth.ends_early(&mut root.body, place);
    }
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
            watch: None,
            between: Vec::new(),
            form: 0,
        }
    }

    /// Somewhere in the pipeline's body there is an `if` that ends with `return`.
    fn ends_early(&mut self, body: &mut Vec<Node>, place: Place) {
        let condition = [None, Some(true)][self.pick(2) as usize];
        let mut branch = self.node(Kind::If(condition));
        branch
            .body
            .extend(self.statement(Place { depth: 5, ..place }));
        branch.body.push(self.node(Kind::Return));
        let at = self.pick(body.len() as u32 + 1) as usize;
        body.insert(at, branch);
    }

    /// A value that may be missing, and what is done where it is there.
    fn optional(&mut self, inner: Place) -> Vec<Node> {
        let mut value = self.node(Kind::Let(false));
        value.on_failure = Some((Vec::new(), Verdict::Ignore));
        let mut branch = self.node(Kind::IfBound(value.id));
        branch.body = self.body(inner);
        vec![value, branch]
    }

    fn body(&mut self, place: Place) -> Vec<Node> {
        let count = 1 + self.pick(4);
        (0..count).filter_map(|_| self.statement(place)).collect()
    }

    fn statement(&mut self, place: Place) -> Option<Node> {
        self.budget = self.budget.checked_sub(1)?;
        let leaf = place.depth >= 5;
        let kind = match self.pick(if leaf { 3 } else { 18 }) {
            0 | 1 => Kind::Run,
            2 if self.flavour.people && self.pick(2) == 1 => {
                [Kind::Send, Kind::Approve(1), Kind::Approve(2)][self.pick(3) as usize].clone()
            }
            2 => [Kind::Log, Kind::Fail, Kind::Wait(7)][self.pick(3) as usize].clone(),
            3 | 4 => Kind::Step(self.pick(3) > 0),
            5 => Kind::Serial,
            6 | 7 => Kind::Parallel,
            8..=10 => Kind::Grid(self.grid()),
            11 | 12 if place.deploys => Kind::Deploy(self.pick(3)),
            13 if place.top => Kind::Stage,
            14 if place.locks && place.lock < 3 => {
                let first = place.lock + self.pick(3 - place.lock);
                Kind::Lock(first, 1 + self.pick(3 - first) * self.pick(2))
            }
            15 if self.flavour.barriers && !place.handler => Kind::Barrier(self.pick(2)),
            16 => Kind::With,
            17 if place.outcome => Kind::Outcome,
            17 => Kind::Serial,
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
                outcome: false,
                top: false,
                locks: false,
                deploys: kind == Kind::Stage,
                ..inner
            },
            Kind::Lock(first, count) => Place {
                top: false,
                deploys: false,
                lock: first + count,
                ..inner
            },
            _ => inner,
        };
        let mut node = self.node(kind);
        if node.kind == Kind::Serial && self.pick(4) == 3 {
            node.body = self.optional(inner);
        } else if !is_bodiless(&node.kind) {
            node.body = self.body(inner);
        }
        if node.kind == Kind::Step(true) && self.pick(3) == 2 {
            let result = self.node(Kind::Let(true));
            node.body.insert(0, result);
        }
        node.form = self.pick(64);
        self.trim(&mut node, place);
        if node.modifiers.batches && self.pick(2) == 1 {
            node.between = self.body(Place {
                depth: place.depth + 3,
                top: false,
                deploys: false,
                locks: false,
                handler: true,
                outcome: false,
                ..place
            });
        }
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
            Kind::Log
                | Kind::Fail
                | Kind::If(_)
                | Kind::Barrier(_)
                | Kind::Wait(_)
                | Kind::Approve(_)
                | Kind::With
                | Kind::Outcome
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
            outcome: true,
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
        // A lock is held until what looks at it has ended, which the reference does not know.
        let can_be_watched = !matches!(node.kind, Kind::Run | Kind::Send | Kind::Lock(..));
        if self.flavour.watches && can_be_watched && self.pick(4) == 3 {
            node.watch = Some(5 + 10 * self.pick(4));
        }
    }
}

/// How many axes a statement has.
fn grid_axes(kind: &Kind) -> usize {
    match kind {
        Kind::Grid(grid) => grid.axes.len(),
        _ => 0,
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
    if root.id.is_multiple_of(2) || root.body.len().is_multiple_of(2) {
        pipeline.push_str(" queue \"q\" keep latest");
    }
    writer.rest(&mut pipeline, root, &[], 0);
    let mut text = String::from(DECLARATIONS);
    for service in &writer.services {
        writeln!(text, "service s{service}: app {{}}").expect("text takes text");
    }
    text + &writer.workflows + "\n" + &pipeline + "\n"
}

/// What every program has before its pipeline.
const DECLARATIONS: &str = r#"kind base { infrastructure { zone: string = "of ${name}" } }
kind app extends base { service { tag: string = "${name}-1" } }
function same(n: int) -> int = n
environment e {
  infrastructure i0: app {}
  infrastructure "${name}": app for name in ["i1"] {}
  infrastructure i2: app { exclusive = false }
}
"#;

/// A command that names a statement and the loop variables that it sees.
fn command(word: &str, id: u32, seen: &[String]) -> String {
    let values: Vec<String> = seen.iter().map(|it| format!(" {it}=${{{it}}}")).collect();
    format!("run \"{word}{id}{}\"", values.concat())
}

/// The same, in one of the ways that mean the same here.
fn command_in_form(word: &str, id: u32, seen: &[String], form: u32) -> String {
    let plain = command(word, id, seen);
    match form % 8 {
        1 => plain.replacen("run", "query", 1),
        2 => format!("{plain} quiet"),
        3 => format!("{plain} stdin \"a text\""),
        4 => format!("{plain} env {{ WHERE: \"here\" }}"),
        5 if seen.is_empty() => plain.replace('"', "'"),
        5 => plain.replace("=${", "=${same(").replace('}', ")}"),
        _ => plain,
    }
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
        let say = |word: &str| command(word, id, seen);
        out.push_str(&indent);
        let mut inside = seen.to_vec();
        match &node.kind {
            Kind::Run => out.push_str(&command_in_form("w", id, seen, node.form)),
            Kind::Let(_) => out.push_str(&format!("let r{id} = {}", say("w"))),
            Kind::IfBound(value) => out.push_str(&format!("if r{value} != none")),
            Kind::With => out.push_str("with in \".\" env { WITH: \"${1 + 1}\" }"),
            Kind::Return => out.push_str("return"),
            Kind::Outcome => {
                let bad = "if outcome.failure == none then 0 else 1";
                let ask = say("o");
                let ask = ask.trim_end_matches('"');
                out.push_str(&format!("{ask} bad=${{{bad}}}\""));
            }
            Kind::Fail if node.form % 4 == 3 => {
                out.push_str("fail \"by itself\" as verification");
            }
            Kind::Fail => out.push_str("fail \"by itself\""),
            Kind::Log => out.push_str(&format!("log \"l{id}\"")),
            Kind::Wait(ms) => out.push_str(&format!("wait {ms}ms")),
            Kind::Send => {
                let to = say("w");
                let to = to.trim_start_matches("run ");
                out.push_str(&format!("send text \"it is {id}\" to {to}"));
            }
            Kind::Approve(1) => out.push_str(&format!("approve \"a{id}\"")),
            Kind::Approve(count) => {
                out.push_str(&format!(
                    "approve \"a{id}\" count {count} except [run.user]"
                ));
            }
            Kind::Step(_) => out.push_str(&format!("step s{id}")),
            Kind::Serial => out.push_str("serial"),
            Kind::Parallel => out.push_str("parallel"),
            Kind::Stage if node.form % 2 == 1 => {
                // The same in a workflow that is called here.
                let params: Vec<String> = seen.iter().map(|it| format!("{it}: int")).collect();
                let plain = Node {
                    form: 0,
                    ..node.clone()
                };
                let mut workflow = format!("workflow call{id}({}) {{\n", params.join(", "));
                self.statement(&mut workflow, &plain, seen, 1);
                self.workflows += &(workflow + "}\n");
                out.push_str(&format!("call{id}({})\n", seen.join(", ")));
                return;
            }
            Kind::Stage => out.push_str(&format!("stage g{id}")),
            Kind::Lock(lock, 1) => out.push_str(&format!("lock \"l{lock}\"")),
            Kind::Lock(first, count) => {
                // In any order.
                let names = (*first..first + count).rev();
                let names: Vec<String> = names.map(|it| format!("\"l{it}\"")).collect();
                out.push_str(&format!("lock [{}]", names.join(", ")));
            }
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
                    match node.form % 8 {
                        6 => out.push_str(&format!(" by \"n ${{{name}}}\"")),
                        7 => out.push_str(" by \"same\""),
                        _ => {}
                    }
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
                let place = match target {
                    1 => String::from("e[\"i1\"]"),
                    target => format!("e.i{target}"),
                };
                out.push_str(&format!("deploy s{id} to {place} using d{id}({args})"));
            }
        }
        self.rest(out, node, &inside, depth);
        match (&node.kind, node.body.first()) {
            (Kind::Step(true), Some(first)) if first.kind == Kind::Let(true) => {
                let result = format!("r{}", first.id);
                let value = format!(
                    "if {result} == none then 0 else if {result}.stdout == \"yes\" then 1 else 2"
                );
                let undo = say("u");
                let undo = undo.trim_end_matches('"');
                out.push_str(&format!(" undo {{ {undo} {result}=${{{value}}}\" }}"));
            }
            (Kind::Step(true), _) => out.push_str(&format!(" undo {{ {} }}", say("u"))),
            (Kind::Step(false), _) if node.form % 2 == 1 => {
                out.push_str(" undo none \"it stays\"");
            }
            _ => {}
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
            if !node.between.is_empty() {
                out.push_str(" between");
                let outside = &inside[..inside.len() - grid_axes(&node.kind)];
                self.block(out, &node.between, outside, depth);
            }
        }
        let is_plain = matches!(node.kind, Kind::With | Kind::If(_) | Kind::IfBound(_));
        if node.form >= 48 && !is_bodiless(&node.kind) && !is_plain {
            out.push_str(" grace 20ms");
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
        if !is_bodiless(&node.kind) && !matches!(node.kind, Kind::Deploy(_)) {
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
        if let Some(every) = node.watch {
            let look = command("v", node.id, seen);
            out.push_str(&format!(" watch every {every}ms {{ {look} }}"));
        }
    }
}
