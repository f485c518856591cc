//! What people write who come from YAML, shells, GitHub Actions, Terraform, Python or JavaScript,
//! and what is written here instead. These are tables alone: recovery, lowering and the checks of
//! names look words up in them.

/// A word of another language that no single word of ours replaces.
#[derive(Debug, Clone, Copy)]
pub struct Habit {
    /// What is written.
    pub word: &'static str,
    /// What is wrong about it.
    pub message: &'static str,
    /// What is written here instead.
    pub help: &'static str,
}

const fn habit(word: &'static str, message: &'static str, help: &'static str) -> Habit {
    Habit {
        word,
        message,
        help,
    }
}

/// The entry of a word.
pub fn habit_of(table: &[Habit], word: &str) -> Option<Habit> {
    table.iter().find(|habit| habit.word == word).copied()
}

/// The second part of the pair that begins with a word.
pub fn ours(table: &[(&str, &'static str)], word: &str) -> Option<&'static str> {
    let found = table.iter().find(|(theirs, _)| *theirs == word);
    found.map(|(_, ours)| *ours)
}

/// Words of other languages, with the one word of ours that replaces them.
pub(super) const KEYWORDS: [(&str, &str); 38] = [
    ("print", "log"),
    ("echo", "log"),
    ("puts", "log"),
    ("say", "log"),
    ("sleep", "wait"),
    ("delay", "wait"),
    ("sh", "run"),
    ("shell", "run"),
    ("bash", "run"),
    ("exec", "run"),
    ("script", "run"),
    ("command", "run"),
    ("task", "step"),
    ("job", "step"),
    ("const", "let"),
    ("var", "let"),
    ("val", "let"),
    ("set", "let"),
    ("throw", "fail"),
    ("raise", "fail"),
    ("error", "fail"),
    ("approval", "approve"),
    ("sequential", "serial"),
    ("sequence", "serial"),
    ("concurrent", "parallel"),
    ("env", "environment"),
    ("param", "input"),
    ("parameter", "input"),
    ("variable", "input"),
    ("infra", "infrastructure"),
    ("finally", "always"),
    ("catch", "on failure"),
    ("except", "on failure"),
    ("rescue", "on failure"),
    ("retries", "retry"),
    ("attempts", "retry"),
    ("concurrency", "max"),
    ("within", "timeout"),
];

const NO_FUNCTION: &str = "functions are declared by `function`";
const FUNCTION_HELP: &str = "a value that is computed: `function NAME(p: T) -> T = EXPR`; \
     effects are the body of a `workflow`: `workflow NAME(…) { … }`";
const NO_TYPE: &str = "types are declared by `type`";
const TYPE_HELP: &str = "a type gets a name so: `type NAME = { field: string }`; the fields of \
     services and infrastructures are declared by a kind: \
     `kind NAME { service { field: string } infrastructure { } deploy using WORKFLOW }`";
const NO_RESOURCE: &str = "resources are not declared as in Terraform";
const RESOURCE_HELP: &str = "what is deployed is a `service NAME: KIND { … }`, and where it goes \
     an `infrastructure NAME: KIND { … }` in an `environment NAME { … }`";
const IMPORT_HELP: &str = "write `import \"./FILE.deploy\" as NAME`, or take single names: \
     `from \"./FILE.deploy\" import NAME`";
const START_HELP: &str = "leave it out: `lockstep run FILE PIPELINE` starts a pipeline";

/// Words at the beginning of a declaration.
pub(super) const DECLARATIONS: [Habit; 20] = [
    habit("func", NO_FUNCTION, FUNCTION_HELP),
    habit("fn", NO_FUNCTION, FUNCTION_HELP),
    habit("def", NO_FUNCTION, FUNCTION_HELP),
    habit("class", NO_TYPE, TYPE_HELP),
    habit("struct", NO_TYPE, TYPE_HELP),
    habit("interface", NO_TYPE, TYPE_HELP),
    habit(
        "enum",
        NO_TYPE,
        "a type of a few texts is written where it is used: `\"blue\" | \"green\"`",
    ),
    habit("resource", NO_RESOURCE, RESOURCE_HELP),
    habit("provider", NO_RESOURCE, RESOURCE_HELP),
    habit("terraform", NO_RESOURCE, RESOURCE_HELP),
    habit("data", NO_RESOURCE, RESOURCE_HELP),
    habit("module", "files are not joined by `module`", IMPORT_HELP),
    habit("include", "files are not joined by `include`", IMPORT_HELP),
    habit("require", "files are not joined by `require`", IMPORT_HELP),
    habit("use", "files are not joined by `use`", IMPORT_HELP),
    habit(
        "locals",
        "values are not declared together",
        "give each value its own `let NAME = …`",
    ),
    habit(
        "output",
        "outputs are not declared",
        "say a value in the pipeline: `log \"${NAME}\"`",
    ),
    habit(
        "trigger",
        "a file does not say when its pipelines start",
        START_HELP,
    ),
    habit(
        "schedule",
        "a file does not say when its pipelines start",
        START_HELP,
    ),
    habit(
        "on",
        "a file does not say when its pipelines start",
        START_HELP,
    ),
];

const HANDLER_HELP: &str = "write the statements into a step, and the handler directly behind its \
     `}`: `step NAME { … } on failure { … }`";
const CHOICE_HELP: &str = "write `if NAME == \"…\" { … } else if NAME == \"…\" { … } else { … }`";
const FEWER_HELP: &str = "go over fewer elements: `serial x in [y for y in LIST if …] { … }`; \
     or decide with `if` inside";
const ORDER: &str = "statements run in the order in which they are written";
const ORDER_HELP: &str = "leave it out, and write the statement below the one that it waits for; \
     what may run at once goes into `parallel { … }`";

/// Words at the beginning of a statement.
pub(super) const STATEMENTS: [Habit; 19] = [
    habit("try", "failures are not caught by `try`", HANDLER_HELP),
    habit("begin", "failures are not caught by `begin`", HANDLER_HELP),
    habit("switch", "there is no `switch`", CHOICE_HELP),
    habit("match", "there is no `match`", CHOICE_HELP),
    habit("case", "there is no `case`", CHOICE_HELP),
    habit("break", "a loop cannot be left early", FEWER_HELP),
    habit(
        "continue",
        "a loop cannot pass over the rest of its body",
        FEWER_HELP,
    ),
    habit(
        "pass",
        "an empty body needs no `pass`",
        "leave it out: an empty body is `{ }`",
    ),
    habit("unless", "there is no `unless`", "write `if not … { … }`"),
    habit(
        "assert",
        "there is no `assert`",
        "write `if not (…) { fail \"…\" }`",
    ),
    habit(
        "await",
        "statements are waited for anyway",
        "leave `await` out",
    ),
    habit(
        "async",
        "what runs at once is not marked by `async`",
        "write `parallel { … }` around it",
    ),
    habit(
        "cd",
        "every command begins in the folder of its file",
        "name the folder behind the command: `run \"…\" in \"DIR\"`",
    ),
    habit(
        "export",
        "variables of a command are not set by a statement",
        "name them behind the command: `run \"…\" env { NAME: \"value\" }`",
    ),
    habit("def", NO_FUNCTION, FUNCTION_HELP),
    habit("needs", ORDER, ORDER_HELP),
    habit("depends_on", ORDER, ORDER_HELP),
    habit("dependsOn", ORDER, ORDER_HELP),
    habit(
        "parallelize",
        "there is no `parallelize`",
        "write `parallel { … }`",
    ),
];

const CONDITION: &str = "a condition is not part of a head";
const CONDITION_HELP: &str = "put the condition around it: `if … { … }`";

/// Words between the first words of a statement or declaration and its body.
pub(super) const HEADS: [Habit; 14] = [
    habit("needs", ORDER, ORDER_HELP),
    habit("depends", ORDER, ORDER_HELP),
    habit("depends_on", ORDER, ORDER_HELP),
    habit("depends-on", ORDER, ORDER_HELP),
    habit("dependsOn", ORDER, ORDER_HELP),
    habit("after", ORDER, ORDER_HELP),
    habit("requires", ORDER, ORDER_HELP),
    habit("before", ORDER, ORDER_HELP),
    habit("when", CONDITION, CONDITION_HELP),
    habit("unless", CONDITION, CONDITION_HELP),
    habit("if", CONDITION, CONDITION_HELP),
    habit(
        "async",
        "what runs at once is not marked by `async`",
        "leave it out, and write `parallel { … }` around it",
    ),
    habit(
        "extends",
        "nothing takes over the body of another one",
        "leave it out; what several share is a `workflow` or a `kind` of its own",
    ),
    habit(
        "do",
        "a body does not begin with `do`",
        "leave it out: the body is `{ … }`",
    ),
];

/// Words that say nothing behind a keyword of ours: the keyword, and the word.
pub(super) const FILLERS: [(&str, &str); 8] = [
    ("wait", "for"),
    ("wait", "until"),
    ("timeout", "after"),
    ("timeout", "of"),
    ("retry", "up"),
    ("approve", "with"),
    ("deploy", "the"),
    ("fail", "with"),
];

/// Words that say nothing at the end of a modifier: the modifier, and the word.
pub(super) const ENDINGS: [(&str, &str); 6] = [
    ("retry", "times"),
    ("retry", "time"),
    ("retry", "tries"),
    ("retry", "attempts"),
    ("timeout", "seconds"),
    ("max", "cells"),
];

/// Programs that people write as a statement.
pub(super) const PROGRAMS: [&str; 62] = [
    "kubectl",
    "helm",
    "kustomize",
    "docker",
    "docker-compose",
    "podman",
    "buildah",
    "skopeo",
    "npm",
    "npx",
    "yarn",
    "pnpm",
    "node",
    "bun",
    "deno",
    "python",
    "python3",
    "pip",
    "pip3",
    "poetry",
    "ruby",
    "bundle",
    "php",
    "composer",
    "go",
    "cargo",
    "rustup",
    "java",
    "mvn",
    "gradle",
    "dotnet",
    "make",
    "cmake",
    "git",
    "gh",
    "ssh",
    "scp",
    "rsync",
    "curl",
    "wget",
    "aws",
    "gcloud",
    "az",
    "flyctl",
    "heroku",
    "vault",
    "terraform",
    "tofu",
    "ansible",
    "ansible-playbook",
    "psql",
    "mysql",
    "systemctl",
    "sudo",
    "cp",
    "mv",
    "rm",
    "mkdir",
    "cat",
    "chmod",
    "tar",
    "./gradlew",
];

/// Constants of other languages.
pub const VALUES: [(&str, &str); 20] = [
    ("null", "none"),
    ("Null", "none"),
    ("NULL", "none"),
    ("nil", "none"),
    ("None", "none"),
    ("undefined", "none"),
    ("True", "true"),
    ("TRUE", "true"),
    ("yes", "true"),
    ("Yes", "true"),
    ("on", "true"),
    ("False", "false"),
    ("FALSE", "false"),
    ("no", "false"),
    ("No", "false"),
    ("off", "false"),
    ("AND", "and"),
    ("OR", "or"),
    ("NOT", "not"),
    ("nothing", "none"),
];

/// Names of other tools in which values are found, as in `secrets.TOKEN`; `{}` is the member.
pub const SCOPES: [(&str, &str); 14] = [
    (
        "env",
        "a variable of the environment is read with `env(\"{}\")`",
    ),
    (
        "ENV",
        "a variable of the environment is read with `env(\"{}\")`",
    ),
    (
        "environ",
        "a variable of the environment is read with `env(\"{}\")`",
    ),
    (
        "process",
        "a variable of the environment is read with `env(\"NAME\")`",
    ),
    (
        "os",
        "a variable of the environment is read with `env(\"NAME\")`",
    ),
    (
        "secrets",
        "declare it with `secret NAME = env(\"{}\")`, and write its name alone",
    ),
    (
        "inputs",
        "declare it with `input {}: string`, and write its name alone: `{}`",
    ),
    (
        "params",
        "declare it with `input {}: string`, and write its name alone: `{}`",
    ),
    (
        "var",
        "declare it with `input {}: string`, and write its name alone: `{}`",
    ),
    (
        "vars",
        "declare it with `input {}: string`, and write its name alone: `{}`",
    ),
    (
        "local",
        "declare it with `let {} = …`, and write its name alone: `{}`",
    ),
    (
        "github",
        "hand it over as an input: `input {}: string`; or read it with `env(\"GITHUB_…\")`",
    ),
    ("matrix", "the variable of a matrix is written alone: `{}`"),
    (
        "self",
        "a field of a service is written behind the name of the service: `NAME.{}`",
    ),
];

/// Functions and methods of other languages, with ours.
pub const FUNCTIONS: [(&str, &str); 36] = [
    ("len", "length"),
    ("size", "length"),
    ("toUpperCase", "upper"),
    ("to_upper", "upper"),
    ("upcase", "upper"),
    ("uppercase", "upper"),
    ("toLowerCase", "lower"),
    ("to_lower", "lower"),
    ("downcase", "lower"),
    ("lowercase", "lower"),
    ("strip", "trim"),
    ("trimspace", "trim"),
    ("startsWith", "starts-with"),
    ("startswith", "starts-with"),
    ("start_with?", "starts-with"),
    ("endsWith", "ends-with"),
    ("endswith", "ends-with"),
    ("includes", "contains"),
    ("has", "contains"),
    ("sub", "replace"),
    ("gsub", "replace-all"),
    ("replaceAll", "replace-all"),
    ("str", "string"),
    ("toString", "string"),
    ("jsondecode", "from-json"),
    ("jsonencode", "json"),
    ("base64encode", "base64"),
    ("base64decode", "from-base64"),
    ("uniq", "distinct"),
    ("yamldecode", "from-yaml"),
    ("yamlencode", "yaml"),
    ("urlencode", "url-encode"),
    ("substring", "slice"),
    ("substr", "slice"),
    ("chunklist", "chunk"),
    ("some", "any"),
];

/// What calls of other languages do by a statement or an expression here.
pub const CALLS: [(&str, &str); 14] = [
    ("print", "say something with `log \"…\"`"),
    ("println", "say something with `log \"…\"`"),
    ("echo", "say something with `log \"…\"`"),
    ("printf", "say something with `log \"…\"`"),
    ("sleep", "wait with `wait 10s`"),
    ("exit", "end the pipeline with `fail \"…\"`"),
    ("exec", "run a command with `run \"…\"`"),
    ("system", "run a command with `run \"…\"`"),
    ("sh", "run a command with `run \"…\"`"),
    ("map", "write a comprehension: `[… for x in LIST]`"),
    ("filter", "write a comprehension: `[x for x in LIST if …]`"),
    (
        "getenv",
        "a variable of the environment is read with `env(\"NAME\")`",
    ),
    ("lookup", "an entry of a map is written `MAP[\"key\"]`"),
    ("concat", "texts and lists are joined with `+`"),
];

/// How a statement is written, for messages about one that is not complete.
pub(super) const EXAMPLES: [(&str, &str); 14] = [
    ("approve", "approve \"Ship it?\""),
    ("wait", "wait 30s"),
    ("log", "log \"…\""),
    ("fail", "fail \"…\""),
    ("run", "run \"make\""),
    ("query", "query \"git rev-parse HEAD\""),
    ("grace", "grace 30s"),
    ("deploy", "deploy SERVICE to INFRASTRUCTURE"),
    ("timeout", "timeout 5m"),
    ("retry", "retry 3"),
    ("max", "max 4"),
    ("lock", "lock \"name\" { … }"),
    ("if", "if CONDITION { … }"),
    ("yield", "yield VALUE"),
];
