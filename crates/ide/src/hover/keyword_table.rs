//! The keywords and what they mean.

/// A keyword: the word, where it stands if it means different things, its form, what it means.
pub type KeywordMeaning = (&'static str, Role, &'static str, &'static str);

/// Where a keyword stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Wherever no other role is listed.
    Any,
    /// In the head of a declaration.
    Declaration,
    /// At the beginning of a statement.
    Statement,
    /// Behind the head of a statement: a clause or a modifier.
    Clause,
    /// At the beginning of a handler.
    Handler,
    /// In an expression.
    Value,
    /// In a `kind`.
    Kind,
    /// In a test.
    Test,
    /// In the head of a loop or matrix.
    Axis,
}

/// All of them. Of the same word, the meaning that stands for any role is the last.
pub const KEYWORDS: &[KeywordMeaning] = &[
    (
        "import",
        Role::Any,
        "import \"FILE\" as NAME",
        "Binds what another file declares to a namespace: `NAME.x`.",
    ),
    (
        "from",
        Role::Any,
        "from \"FILE\" import NAME, NAME as OTHER",
        "Takes names from another file, or from the library: `std/…`.",
    ),
    (
        "extends",
        Role::Any,
        "kind NAME extends KIND { … }",
        "Has the fields, the defaults and the workflow of another kind, and its own.",
    ),
    (
        "as",
        Role::Any,
        "as NAME, fail MESSAGE as CLASS",
        "The name under which this file knows it; the class of a failure.",
    ),
    (
        "input",
        Role::Any,
        "input NAME: TYPE = DEFAULT where CONDITION",
        "A value that is given when a pipeline is run, with `-i NAME=VALUE`. Without a default \
         it must be given.",
    ),
    (
        "secret",
        Role::Any,
        "secret NAME = env(\"VARIABLE\")",
        "A secret: read when the run starts, never shown and never stored.",
    ),
    (
        "let",
        Role::Any,
        "let NAME = VALUE",
        "Names a value, or the result of a command, call, step or loop.",
    ),
    (
        "service",
        Role::Kind,
        "service { FIELD: TYPE = DEFAULT }",
        "The fields that services of this kind have.",
    ),
    (
        "service",
        Role::Any,
        "service NAME: KIND { FIELD = VALUE }",
        "Something that is deployed.",
    ),
    (
        "environment",
        Role::Any,
        "environment NAME { infrastructure … }",
        "A named set of infrastructures. `NAME.*` are all of them.",
    ),
    (
        "infrastructure",
        Role::Kind,
        "infrastructure { FIELD: TYPE = DEFAULT }",
        "The fields that infrastructures of this kind have.",
    ),
    (
        "infrastructure",
        Role::Any,
        "infrastructure NAME: KIND { FIELD = VALUE }",
        "A place to which services are deployed; written `ENVIRONMENT.NAME` elsewhere.",
    ),
    (
        "override",
        Role::Any,
        "override SERVICE { FIELD = VALUE }",
        "Fields that the service has here only. The innermost one counts.",
    ),
    (
        "group",
        Role::Any,
        "group NAME = [prod.eu, qa.*]",
        "A named list of infrastructures.",
    ),
    (
        "window",
        Role::Any,
        "window NAME { open = [\"mon-fri 09:00-16:00\"] zone = \"Europe/Berlin\" }",
        "When may be deployed to what names it: `window = NAME` in an environment or an \
         infrastructure.",
    ),
    (
        "kind",
        Role::Any,
        "kind NAME { service { … } infrastructure { … } deploy using WORKFLOW }",
        "A deployment type: the fields of its services and infrastructures, and the workflow \
         that deploys.",
    ),
    (
        "workflow",
        Role::Any,
        "workflow NAME(PARAMETER: TYPE) -> TYPE { … }",
        "Statements with parameters: a deployment's steps, or what is called as a statement.",
    ),
    (
        "action",
        Role::Any,
        "action NAME(PARAMETER: TYPE) -> TYPE",
        "An effect that the program provides that embeds Lockstep.",
    ),
    (
        "function",
        Role::Any,
        "function NAME(PARAMETER: TYPE) -> TYPE = EXPRESSION",
        "A value that is computed from parameters, without effects. It is called in expressions.",
    ),
    (
        "type",
        Role::Any,
        "type NAME = TYPE",
        "Gives a type a name.",
    ),
    (
        "pipeline",
        Role::Clause,
        "pipeline",
        "The whole pipeline, rather than the innermost block or the stage.",
    ),
    (
        "pipeline",
        Role::Any,
        "pipeline NAME { … }",
        "Something that can be run: `lockstep run FILE NAME`.",
    ),
    (
        "test",
        Role::Any,
        "test \"WHAT MUST HOLD\" { given … start … expect … }",
        "A test of pipelines in virtual time; no command is run.",
    ),
    (
        "trigger",
        Role::Any,
        "trigger NAME on SOURCE where CONDITION starts PIPELINE(INPUT: VALUE)",
        "Starts a pipeline without a person, while `lockstep serve` runs. It fires on \
         `schedule(…)`, `webhook(…)`, `artifact(…)` or `change(…)`.",
    ),
    (
        "starts",
        Role::Any,
        "starts PIPELINE(INPUT: VALUE)",
        "The pipeline that a trigger starts, and its inputs. `event` is what has happened.",
    ),
    ("stage", Role::Clause, "stage", "The stage around it."),
    (
        "stage",
        Role::Any,
        "stage NAME { … }",
        "A named part of a pipeline. It holds the locks of its infrastructures until it ends.",
    ),
    (
        "serial",
        Role::Axis,
        "serial x in LIST",
        "An axis whose values come one after the other.",
    ),
    (
        "serial",
        Role::Any,
        "serial { … }, serial x in LIST { … }",
        "One after the other; a loop runs its body once for each element.",
    ),
    (
        "parallel",
        Role::Axis,
        "parallel x in LIST",
        "An axis whose values come all at once.",
    ),
    (
        "parallel",
        Role::Any,
        "parallel { … }, parallel x in LIST { … }",
        "All at once; it ends when all have ended.",
    ),
    (
        "matrix",
        Role::Any,
        "matrix serial x in LIST parallel y in LIST { … }",
        "The body once for each combination; the first axis is the outermost.",
    ),
    (
        "deploy",
        Role::Kind,
        "deploy using WORKFLOW",
        "The workflow that deploys services of this kind.",
    ),
    (
        "deploy",
        Role::Any,
        "deploy SERVICE to INFRASTRUCTURE using WORKFLOW",
        "Deploys one service to one infrastructure, whose lock it holds.",
    ),
    (
        "step",
        Role::Any,
        "step NAME { … } undo { … }",
        "A named unit with an undo of its own, and a result.",
    ),
    (
        "run",
        Role::Test,
        "given run \"PATTERN\" returns { stdout: \"…\" }",
        "What commands that match the pattern return in this test.",
    ),
    (
        "run",
        Role::Any,
        "run \"COMMAND\"",
        "Runs a command. Values are arguments and never become code.",
    ),
    (
        "query",
        Role::Any,
        "query \"COMMAND\"",
        "Runs a command that changes nothing: its output is shown only where it fails.",
    ),
    (
        "send",
        Role::Any,
        "send PATH to PATH",
        "Copies a file or a folder from here to the place where commands run; \
         `send text E to PATH` writes a text.",
    ),
    (
        "fetch",
        Role::Any,
        "fetch PATH to PATH",
        "Copies a file or a folder from the place where commands run to here.",
    ),
    (
        "text",
        Role::Any,
        "send text TEXT to PATH",
        "Writes a text, which may be a secret, to a file at the place where commands run.",
    ),
    (
        "replacing",
        Role::Any,
        "send PATH to PATH replacing",
        "It takes the place of a folder that holds something else.",
    ),
    (
        "mode",
        Role::Any,
        "send text TEXT to PATH mode 0600",
        "The mode of the file, in octal digits.",
    ),
    (
        "with",
        Role::Any,
        "with on INFRASTRUCTURE in \"FOLDER\" env { NAME: VALUE } { … }",
        "A place, a folder and variables for the commands inside; each of them may be left out.",
    ),
    (
        "requires",
        Role::Any,
        "requires \"PROGRAM\" \">= 1.2\" by \"COMMAND\"",
        "A program that must be there, in this version, before the first command runs. `by` is the \
         command that says its version, where it is not `PROGRAM --version`.",
    ),
    (
        "queue",
        Role::Any,
        "queue \"NAME\" keep all|latest",
        "The runs of one queue go one after the other: a run takes its place before its secrets \
         are read, and keeps it to its end.",
    ),
    (
        "keep",
        Role::Any,
        "keep all|latest",
        "Which runs of a queue stay while they wait: all of them, or the latest, which puts older \
         ones aside that have not begun.",
    ),
    (
        "stdin",
        Role::Any,
        "run \"COMMAND\" stdin TEXT",
        "What the command reads from its standard input: a text or a secret.",
    ),
    (
        "grace",
        Role::Any,
        "grace DURATION",
        "How long commands may take to end when they are asked to; 10 s without it.",
    ),
    (
        "quiet",
        Role::Any,
        "quiet",
        "The output of the command is kept in the log and not shown.",
    ),
    (
        "if",
        Role::Statement,
        "if CONDITION { … } else { … }",
        "The first branch whose condition is true.",
    ),
    (
        "if",
        Role::Any,
        "if CONDITION then VALUE else VALUE",
        "One of two values. In a list `[x for x in LIST if CONDITION]` it keeps the elements \
         for which it is true.",
    ),
    (
        "then",
        Role::Any,
        "if CONDITION then VALUE else VALUE",
        "The value where the condition is true.",
    ),
    (
        "else",
        Role::Value,
        "if CONDITION then VALUE else VALUE",
        "The value where the condition is false.",
    ),
    (
        "else",
        Role::Any,
        "else { … }",
        "What is done where no condition before is true. After `ask timeout D`: what is done \
         when nobody has answered.",
    ),
    (
        "barrier",
        Role::Any,
        "barrier NAME",
        "Waits until the other strands arrive at the barrier of this name.",
    ),
    (
        "across",
        Role::Any,
        "barrier NAME across stage",
        "Meets all who write the same, in the stage or in the pipeline.",
    ),
    (
        "lock",
        Role::Any,
        "lock \"NAME\" limit N { … }",
        "Holds one of N places, 1 without `limit`, also against other runs; of several names all \
         together.",
    ),
    (
        "limit",
        Role::Any,
        "limit N",
        "How many may hold the lock at once.",
    ),
    (
        "approve",
        Role::Any,
        "approve \"QUESTION\" by [\"GROUP\"] count N except [PEOPLE]",
        "Waits until as many people approve as it says, or one. A refusal fails with class \
         `approval`.",
    ),
    (
        "by",
        Role::Any,
        "by [\"GROUP\"], in LIST by NAME",
        "Who may approve; behind the list of a loop or an axis, what its cells are called.",
    ),
    (
        "count",
        Role::Any,
        "count N",
        "How many people have to approve; a person counts once.",
    ),
    (
        "except",
        Role::Any,
        "except [run.user]",
        "Whose approval does not count.",
    ),
    ("wait", Role::Any, "wait 30s", "Waits that long."),
    (
        "verify",
        Role::Any,
        "verify for 5m every 30s { … }",
        "The body must keep succeeding for that long.",
    ),
    (
        "for",
        Role::Value,
        "[VALUE for x in LIST if CONDITION]",
        "A list made of another one.",
    ),
    (
        "for",
        Role::Any,
        "verify for 5m",
        "How long the body must keep succeeding.",
    ),
    (
        "every",
        Role::Any,
        "every 5s, every 5s..1m",
        "The pause before each new try; with `..` it doubles up to the longest.",
    ),
    (
        "log",
        Role::Any,
        "log TEXT",
        "Says a text in the log of the run.",
    ),
    (
        "fail",
        Role::Clause,
        "fail fast",
        "The first failure stops the others.",
    ),
    ("fail", Role::Any, "fail TEXT", "Fails with this text."),
    (
        "fast",
        Role::Any,
        "fail fast",
        "The first failure stops the others.",
    ),
    (
        "return",
        Role::Any,
        "return VALUE",
        "Ends the workflow with a value.",
    ),
    (
        "yield",
        Role::Any,
        "yield VALUE",
        "Gives a value to the step or loop around it.",
    ),
    (
        "on",
        Role::Handler,
        "on failure (CLASS, …) { … }",
        "What is done after a failure of one of these classes, or of any.",
    ),
    (
        "on",
        Role::Statement,
        "on INFRASTRUCTURE { … }",
        "Runs the commands inside on that infrastructure.",
    ),
    (
        "on",
        Role::Any,
        "run \"COMMAND\" on INFRASTRUCTURE",
        "The infrastructure to run on.",
    ),
    (
        "failure",
        Role::Any,
        "on failure (CLASS, …) { … }",
        "What is done after a failure. `failure.class`, `failure.message` and `failure.node` \
         say what happened.",
    ),
    (
        "ignore",
        Role::Any,
        "ignore",
        "The failure counts as a success.",
    ),
    (
        "rollback",
        Role::Any,
        "rollback, rollback stage, rollback pipeline",
        "What this statement, the stage or the pipeline did is rolled back; the failure is \
         passed on.",
    ),
    (
        "abort",
        Role::Any,
        "abort",
        "The run stops now, and nothing is rolled back.",
    ),
    (
        "retry",
        Role::Statement,
        "retry N",
        "It is tried again, up to N times.",
    ),
    (
        "retry",
        Role::Any,
        "retry N every 5s..1m",
        "Up to N retries. Nothing is undone between them.",
    ),
    (
        "ask",
        Role::Any,
        "ask timeout D else V",
        "A person chooses: retry, ignore, rollback or abort.",
    ),
    (
        "timeout",
        Role::Any,
        "timeout 10m",
        "Stops it after that long; it fails with class `timeout`.",
    ),
    (
        "max",
        Role::Any,
        "max N",
        "At most N at once, in the order written.",
    ),
    (
        "batches",
        Role::Any,
        "batches [1, 10%, 100%]",
        "The cells in waves of these sizes; the last one repeats.",
    ),
    (
        "between",
        Role::Any,
        "batches [1, 10%] between { … }",
        "What is done behind each batch but the last. It sees `batch.number`, `batch.count` and \
         `batch.cells`.",
    ),
    (
        "tolerate",
        Role::Any,
        "tolerate N, tolerate 5%",
        "Up to that many failed cells are ignored.",
    ),
    (
        "atomic",
        Role::Any,
        "atomic",
        "All or nothing: a failure rolls back all of it.",
    ),
    (
        "once",
        Role::Any,
        "once",
        "Not idempotent: it never runs again when a run is resumed.",
    ),
    (
        "undo",
        Role::Any,
        "undo { … }, undo none \"…\"",
        "What is done when it is rolled back, or why it has no way back. It sees the names that \
         the body has bound, as optional values.",
    ),
    (
        "always",
        Role::Any,
        "always { … }",
        "What is done at the end, also after a failure, or where the run is stopped. It sees \
         `outcome`.",
    ),
    (
        "watch",
        Role::Any,
        "watch every D { … }",
        "Looks again and again while the body runs; its first failure stops the body, which fails \
         with class `verification`.",
    ),
    (
        "using",
        Role::Any,
        "using WORKFLOW, using bash",
        "The workflow that deploys; after `run` the shell that reads the command.",
    ),
    (
        "in",
        Role::Clause,
        "run \"COMMAND\" in \"FOLDER\"",
        "The working directory of the command.",
    ),
    (
        "in",
        Role::Axis,
        "x in LIST",
        "The values that x has, one for each cell.",
    ),
    (
        "in",
        Role::Any,
        "VALUE in LIST",
        "Whether the list has the value, the map the key, or the text the part. In a loop: the \
         values of its variable.",
    ),
    (
        "env",
        Role::Any,
        "env { NAME: VALUE }",
        "Variables of the command's environment.",
    ),
    (
        "to",
        Role::Any,
        "deploy SERVICE to INFRASTRUCTURE",
        "Where it is deployed to.",
    ),
    (
        "where",
        Role::Declaration,
        "where CONDITION",
        "The condition that the value must meet.",
    ),
    (
        "where",
        Role::Any,
        "where CONDITION",
        "Drops the cells for which it is false.",
    ),
    (
        "include",
        Role::Any,
        "include { AXIS: VALUE }",
        "Adds a cell.",
    ),
    (
        "given",
        Role::Any,
        "given INPUT = VALUE, given run \"PATTERN\" returns { … }, given \"PATH\" fails",
        "What this test assumes.",
    ),
    (
        "start",
        Role::Any,
        "start PIPELINE",
        "Starts a pipeline; several run side by side.",
    ),
    (
        "expect",
        Role::Any,
        "expect PIPELINE succeeded, expect \"PATH\" before \"PATH\"",
        "What must hold in the end, under every schedule.",
    ),
    (
        "before",
        Role::Any,
        "expect \"PATH\" before \"PATH\"",
        "The first has ended before the second begins.",
    ),
    (
        "returns",
        Role::Any,
        "returns { stdout: \"…\", code: 0 }",
        "It ends well, with this result.",
    ),
    (
        "fails",
        Role::Any,
        "fails CLASS",
        "It fails, with this class if one is named.",
    ),
    ("refused", Role::Any, "refused", "The approval is refused."),
    (
        "approved",
        Role::Any,
        "approved by [\"PERSON\"]",
        "These people approve, in this order; without `by` as many as are needed.",
    ),
    ("true", Role::Any, "true", "A `bool`."),
    ("false", Role::Any, "false", "A `bool`."),
    (
        "none",
        Role::Any,
        "none",
        "No value: what an optional type `T?` may be.",
    ),
    (
        "and",
        Role::Any,
        "A and B",
        "Whether both are true; B counts only where A is true.",
    ),
    (
        "or",
        Role::Any,
        "A or B",
        "Whether one is true; B counts only where A is false.",
    ),
    ("not", Role::Any, "not A", "Whether it is false."),
];
