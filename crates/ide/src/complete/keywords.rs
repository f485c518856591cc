//! The keywords with snippets of what may follow them: declarations, statements, modifiers,
//! handlers and the keywords of tests.

use super::item::{Completion, CompletionKind};

/// A keyword, its documentation, and the snippet that follows it.
pub type KeywordEntry = (&'static str, &'static str, &'static str);

/// The words that begin a declaration.
pub const DECLARATIONS: &[KeywordEntry] = &[
    (
        "import",
        "Binds the names of another file to a namespace.",
        "import \"${1:./file.deploy}\" as ${2:name}",
    ),
    (
        "from",
        "Takes names from another file or from the library.",
        "from \"${1:std/release}\" import ${2:name}",
    ),
    (
        "input",
        "A value that is given when the pipeline is run.",
        "input ${1:name}: ${2:string}",
    ),
    (
        "secret",
        "A secret; it is read when the run starts and never shown.",
        "secret ${1:name} = env(\"${2:NAME}\")",
    ),
    ("let", "Names a value.", "let ${1:name} = $0"),
    (
        "service",
        "Something that is deployed.",
        "service ${1:name}: ${2:kind} {\n  $0\n}",
    ),
    (
        "environment",
        "Where services go.",
        "environment ${1:name} {\n  infrastructure ${2:name}: ${3:kind} { $0 }\n}",
    ),
    (
        "group",
        "A named list of infrastructures.",
        "group ${1:name} = [$0]",
    ),
    (
        "window",
        "When services may be deployed.",
        "window ${1:name} {\n  open = [\"${2:mon-fri 09:00-16:00}\"]\n  zone = \"${3:UTC}\"\n}",
    ),
    (
        "kind",
        "A deployment type: its fields and its workflow.",
        "kind ${1:name} {\n  service {\n    $0\n  }\n  infrastructure {\n  }\n}",
    ),
    (
        "workflow",
        "A reusable body.",
        "workflow ${1:name}($2) {\n  $0\n}",
    ),
    (
        "action",
        "An effect that the embedding program provides.",
        "action ${1:name}($0)",
    ),
    (
        "function",
        "A value that is computed from parameters.",
        "function ${1:name}(${2:of: string}) -> ${3:string} = $0",
    ),
    ("type", "A type with a name.", "type ${1:name} = $0"),
    (
        "pipeline",
        "Something that can be run.",
        "pipeline ${1:name} {\n  $0\n}",
    ),
    (
        "test",
        "A test of a pipeline, run in virtual time.",
        "test \"${1:what must hold}\" {\n  start ${2:pipeline}\n\
         \x20 expect ${2:pipeline} ${3:succeeded}\n}",
    ),
    (
        "trigger",
        "Starts a pipeline by itself, under `lockstep serve`.",
        "trigger ${1:name} on ${2:schedule(\"0 3 * * *\")}\n  starts ${3:pipeline}",
    ),
];

/// The words that begin a statement.
pub const STATEMENTS: &[KeywordEntry] = &[
    (
        "stage",
        "A named serial block; the unit of reports and locks.",
        "stage ${1:name} {\n  $0\n}",
    ),
    ("serial", "One after the other.", "serial {\n  $0\n}"),
    ("parallel", "All at once.", "parallel {\n  $0\n}"),
    (
        "matrix",
        "The body once for each combination; the first axis is the outermost.",
        "matrix\n  serial ${1:target} in ${2:targets}\n\
         \x20 parallel ${3:service} in ${4:services}\n{\n  $0\n}",
    ),
    (
        "deploy",
        "Deploys a service to an infrastructure.",
        "deploy ${1:service} to ${2:target}",
    ),
    (
        "step",
        "A named unit with its own undo and result.",
        "step ${1:name} {\n  $0\n}",
    ),
    ("run", "Runs a command.", "run \"$0\""),
    (
        "query",
        "Runs a command that changes nothing; its output is shown only where it fails.",
        "query \"$0\"",
    ),
    (
        "send",
        "Copies a file or a folder to the place where commands run.",
        "send \"${1:dist}\" to \"$0\"",
    ),
    (
        "fetch",
        "Copies a file or a folder from the place where commands run.",
        "fetch \"${1:path}\" to \"$0\"",
    ),
    (
        "let",
        "Names a value or the result of an effect.",
        "let ${1:name} = $0",
    ),
    ("if", "A branch.", "if ${1:condition} {\n  $0\n}"),
    (
        "barrier",
        "Waits until the other strands arrive.",
        "barrier ${1:name}",
    ),
    (
        "lock",
        "Holds a named lock.",
        "lock \"${1:name}\" {\n  $0\n}",
    ),
    (
        "approve",
        "Waits for the approval of a person.",
        "approve \"${1:Go on?}\"",
    ),
    ("wait", "Waits that long.", "wait ${1:30s}"),
    (
        "verify",
        "Checks repeatedly for that long.",
        "verify for ${1:5m} every ${2:30s} {\n  $0\n}",
    ),
    ("log", "Writes a message to the log.", "log \"$0\""),
    ("fail", "Fails with a message.", "fail \"$0\""),
    (
        "on",
        "Runs commands on an infrastructure.",
        "on ${1:target} {\n  $0\n}",
    ),
    (
        "with",
        "A place, a folder and variables for the commands inside.",
        "with in \"${1:folder}\" {\n  $0\n}",
    ),
];

/// The words that begin a statement only in a workflow, a loop or a step.
pub const RESULTS: &[KeywordEntry] = &[
    ("return", "Ends the workflow with a value.", "return $0"),
    (
        "yield",
        "Gives a value to the loop or step around it.",
        "yield $0",
    ),
];

/// The keywords that end a failure handler.
pub const VERDICTS: &[KeywordEntry] = &[
    (
        "ignore",
        "Counts the failure as success, with a warning.",
        "ignore",
    ),
    ("rollback", "Rolls back the block.", "rollback"),
    ("abort", "Stops the run now, without rolling back.", "abort"),
    ("retry", "Retries.", "retry ${1:1}"),
    ("ask", "Asks a person what to do.", "ask"),
];

/// The words that begin a modifier, with the statements that take it.
pub const MODIFIERS: &[(&str, &str, &str, &[&str])] = &[
    (
        "timeout",
        "Fails after that long.",
        "timeout ${1:10m}",
        &[
            "pipeline", "stage", "serial", "parallel", "matrix", "deploy", "step", "send", "fetch",
            "run", "call", "barrier", "lock", "approve", "verify", "on", "with",
        ],
    ),
    (
        "grace",
        "How long its commands may take to end when they are asked to.",
        "grace ${1:30s}",
        &[
            "pipeline", "stage", "serial", "parallel", "matrix", "deploy", "step", "send", "fetch",
            "run", "call", "lock", "verify", "on", "with",
        ],
    ),
    (
        "retry",
        "How often it is retried.",
        "retry ${1:3} every ${2:5s}",
        &[
            "pipeline", "stage", "serial", "parallel", "matrix", "deploy", "step", "send", "fetch",
            "run", "call", "lock", "verify", "on", "with",
        ],
    ),
    (
        "max",
        "The maximum number of cells at once.",
        "max ${1:4}",
        &["parallel", "matrix"],
    ),
    (
        "batches",
        "The cells in waves of these sizes.",
        "batches [${1:1, 10%, 100%}]",
        &["parallel", "matrix"],
    ),
    (
        "between",
        "What is done between the batches.",
        "between {\n  $0\n}",
        &["parallel", "matrix"],
    ),
    (
        "tolerate",
        "How many cells may fail.",
        "tolerate ${1:1}",
        &["serial", "parallel", "matrix"],
    ),
    (
        "fail fast",
        "A failure cancels the others.",
        "fail fast",
        &["parallel", "matrix"],
    ),
    (
        "atomic",
        "A failure rolls back all of it.",
        "atomic",
        &["pipeline", "stage", "serial", "parallel", "matrix"],
    ),
    (
        "once",
        "Not idempotent: is not run again when an interrupted run is resumed.",
        "once",
        &["step", "run", "call"],
    ),
    (
        "quiet",
        "Its output is kept in the log and not shown.",
        "quiet",
        &["run"],
    ),
];

/// The words that begin a handler.
pub const HANDLERS: &[KeywordEntry] = &[
    ("undo", "How it is rolled back.", "undo {\n  $0\n}"),
    ("undo none", "Why it has no way back.", "undo none \"$0\""),
    (
        "on failure",
        "What is done when it fails.",
        "on failure {\n  $0\n}",
    ),
    (
        "always",
        "What is done at the end, also after a failure.",
        "always {\n  $0\n}",
    ),
    (
        "watch",
        "What looks while it runs.",
        "watch every ${1:10s} {\n  $0\n}",
    ),
];

/// The clauses of statements: the statement, the word, and what follows it.
pub const CLAUSES: &[(&str, &str, &str, &str)] = &[
    (
        "trigger",
        "where",
        "Fires only where it is true.",
        "where ${1:event.payload}",
    ),
    (
        "trigger",
        "starts",
        "The pipeline that it starts, with its inputs.",
        "starts ${1:pipeline}($0)",
    ),
    ("deploy", "to", "Where to.", "to ${1:target}"),
    (
        "deploy",
        "using",
        "The workflow that deploys.",
        "using ${1:workflow}",
    ),
    ("run", "using", "The shell.", "using bash"),
    ("run", "in", "The working directory.", "in \"${1:folder}\""),
    (
        "run",
        "env",
        "Variables of its environment.",
        "env { ${1:NAME}: $0 }",
    ),
    (
        "run",
        "on",
        "The infrastructure to run on.",
        "on ${1:target}",
    ),
    ("send", "to", "The path there.", "to \"$0\""),
    ("fetch", "to", "The path here.", "to \"$0\""),
    (
        "send",
        "replacing",
        "It takes the place of a folder.",
        "replacing",
    ),
    (
        "fetch",
        "replacing",
        "It takes the place of a folder.",
        "replacing",
    ),
    (
        "send",
        "mode",
        "The mode of a text's file.",
        "mode ${1:0600}",
    ),
    ("send", "on", "Where it goes to.", "on ${1:target}"),
    ("fetch", "on", "Where it comes from.", "on ${1:target}"),
    (
        "pipeline",
        "requires",
        "A program that must be there before the run begins.",
        "requires \"${1:program}\"",
    ),
    (
        "pipeline",
        "queue",
        "Its runs go one after the other.",
        "queue \"${1:name}\"",
    ),
    (
        "pipeline",
        "queue keep latest",
        "Its runs go one after the other; of those that wait only the latest goes on.",
        "queue \"${1:name}\" keep latest",
    ),
    (
        "run",
        "stdin",
        "What it reads from its standard input.",
        "stdin $0",
    ),
    (
        "with",
        "on",
        "The infrastructure to run on.",
        "on ${1:target}",
    ),
    ("with", "in", "The working directory.", "in \"${1:folder}\""),
    (
        "with",
        "env",
        "Variables of the environment of its commands.",
        "env { ${1:NAME}: $0 }",
    ),
    (
        "barrier",
        "across",
        "Meets all who write the same, in the stage or in the pipeline.",
        "across ${1:pipeline}",
    ),
    ("approve", "by", "Who may approve.", "by [\"${1:group}\"]"),
    (
        "approve",
        "count",
        "How many people have to say yes.",
        "count ${1:2}",
    ),
    (
        "approve",
        "except",
        "Whose yes does not count.",
        "except [${1:run.user}]",
    ),
    (
        "lock",
        "limit",
        "How many may hold it at once.",
        "limit ${1:2}",
    ),
    (
        "matrix",
        "where",
        "Drops the cells for which it is false.",
        "where $0",
    ),
    ("matrix", "include", "Adds a cell.", "include { $0 }"),
    (
        "matrix",
        "by",
        "What the cells of the axis before it are called.",
        "by ${1:x.name}",
    ),
    (
        "matrix",
        "serial",
        "An axis, one after the other.",
        "serial ${1:x} in ${2:list}",
    ),
    (
        "matrix",
        "parallel",
        "An axis, all at once.",
        "parallel ${1:x} in ${2:list}",
    ),
    (
        "service",
        "using",
        "The workflow that deploys it.",
        "using ${1:workflow}",
    ),
    (
        "input",
        "where",
        "The condition that its value must meet.",
        "where $0",
    ),
];

/// The keywords that begin a statement of a test.
pub const TESTS: &[KeywordEntry] = &[
    ("given", "What this test assumes.", "given ${1:input} = $0"),
    (
        "given run",
        "What a command returns.",
        "given run \"${1:pattern}\" returns { stdout: \"$0\" }",
    ),
    ("start", "Starts a pipeline.", "start ${1:pipeline}"),
    (
        "expect",
        "What must hold in the end.",
        "expect ${1:pipeline} ${2:succeeded}",
    ),
];

/// What a test can assume beside the values of inputs.
pub const GIVEN: &[KeywordEntry] = &[
    (
        "run",
        "What a command returns.",
        "run \"${1:pattern}\" returns { stdout: \"$0\" }",
    ),
    (
        "\"…\"",
        "How the nodes end whose path matches this pattern.",
        "\"${1:**}\" fails",
    ),
];

/// Durations that are often written.
pub fn durations() -> Vec<Completion> {
    let usual = ["10s", "30s", "1m", "5m", "10m", "30m", "1h"];
    let usual = usual.map(|text| Completion::new(text, CompletionKind::Value).rank(3));
    usual.to_vec()
}

/// How the subject of a test's expectation can end; a command cannot be refused.
pub const ENDS: &[KeywordEntry] = &[
    ("returns", "It gives this value.", "returns { $0 }"),
    (
        "fails",
        "It fails, perhaps with a class.",
        "fails ${1:exit}",
    ),
    ("refused", "The approval is refused.", "refused"),
    (
        "approved",
        "These people approve.",
        "approved by [\"${1:ada}\"]",
    ),
];

/// The words inside of an environment, an infrastructure or a kind.
pub const INNER: &[(&str, KeywordEntry)] = &[
    (
        "environment",
        (
            "infrastructure",
            "A place in the environment.",
            "infrastructure ${1:name}: ${2:kind} { $0 }",
        ),
    ),
    (
        "environment",
        (
            "override",
            "Fields that a service has only here.",
            "override ${1:service} { $0 }",
        ),
    ),
    (
        "infrastructure",
        (
            "override",
            "Fields that a service has only here.",
            "override ${1:service} { $0 }",
        ),
    ),
    (
        "kind",
        (
            "service",
            "The fields of its services.",
            "service {\n  ${1:field}: ${2:string}\n}",
        ),
    ),
    (
        "kind",
        (
            "infrastructure",
            "The fields of its infrastructures.",
            "infrastructure {\n  ${1:field}: ${2:string}\n}",
        ),
    ),
    (
        "kind",
        (
            "deploy using",
            "The workflow that deploys by default.",
            "deploy using ${1:workflow}",
        ),
    ),
    (
        "kind",
        (
            "requires",
            "A program that must be where it is deployed to.",
            "requires \"${1:program}\"",
        ),
    ),
];

/// The types that have a name.
pub const TYPES: &[&str] = &[
    "string",
    "path",
    "int",
    "float",
    "bool",
    "duration",
    "percent",
    "json",
    "secret",
    "service",
    "environment",
    "infrastructure",
];

/// The statuses that a test can expect.
pub const STATUSES: &[&str] = &[
    "succeeded",
    "failed",
    "skipped",
    "ignored",
    "cancelled",
    "superseded",
    "rolled-back",
    "rollback-failed",
    "pending",
    "queued",
    "waiting",
    "running",
    "rolling-back",
];

/// Completions for words.
pub fn keywords(entries: &[KeywordEntry]) -> Vec<Completion> {
    entries.iter().map(|entry| keyword(*entry)).collect()
}

/// A completion for a word.
pub fn keyword((word, doc, snippet): KeywordEntry) -> Completion {
    Completion::new(word, CompletionKind::Keyword)
        .doc(Some(doc))
        .snippet(snippet)
}
