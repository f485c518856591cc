//! The stable error and lint codes of all diagnostics, each with its explanation page. Invariant: a
//! code is never reused for another meaning.
//!
//! Families: 1xx syntax, 2xx names and imports, 3xx types, 4xx values, 5xx statements,
//! 6xx commands, 7xx inputs and the command line, 8xx barriers and locks. Codes that begin with
//! `L` are rules of `lint`: L01 names, L02 statements, L03 failure and rollback, L04 commands and
//! secrets, L05 what runs at once and how long, L09 suppressions.

use serde::{Serialize, Serializer};

/// A stable code, such as `E0101`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Code(&'static str);

impl Code {
    /// The code as text.
    pub fn as_str(self) -> &'static str {
        self.0
    }

    /// Whether it is a rule of `lint`: advice, not an error of the language.
    pub fn is_lint(self) -> bool {
        self.0.starts_with('L')
    }

    /// The page that explains it: Markdown with a wrong and a right example.
    pub fn page(self) -> &'static str {
        PAGES
            .iter()
            .find(|(code, _)| *code == self)
            .map_or("", |(_, page)| page)
    }

    /// What it is, in a few words: the title line of its page without the code.
    pub fn title(self) -> &'static str {
        let line = self.page().lines().next().unwrap_or_default();
        line.split_once(": ").map_or(line, |(_, title)| title)
    }

    /// What its family is about, as a heading.
    pub fn family(self) -> &'static str {
        if self.is_lint() {
            return match self.0.as_bytes().get(2) {
                Some(b'1') => "Lint: names",
                Some(b'2') => "Lint: statements",
                Some(b'3') => "Lint: failure and rollback",
                Some(b'4') => "Lint: commands and secrets",
                Some(b'5') => "Lint: concurrency and time limits",
                _ => "Lint: suppressions",
            };
        }
        match self.0.as_bytes().get(2) {
            Some(b'1') => "Syntax",
            Some(b'2') => "Names and imports",
            Some(b'3') => "Types",
            Some(b'4') => "Values",
            Some(b'5') => "Statements",
            Some(b'6') => "Commands",
            Some(b'7') => "Inputs and the command line",
            Some(b'8') => "Barriers and locks",
            _ => "Others",
        }
    }

    /// The code with this text, in any case.
    pub fn find(text: &str) -> Option<Self> {
        PAGES
            .iter()
            .map(|(code, _)| *code)
            .find(|code| code.0.eq_ignore_ascii_case(text))
    }

    /// All codes, in order.
    pub fn all() -> impl Iterator<Item = Self> {
        let mut codes: Vec<Self> = PAGES.iter().map(|(code, _)| *code).collect();
        codes.sort();
        codes.into_iter()
    }
}

impl std::fmt::Display for Code {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0)
    }
}

impl Serialize for Code {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0)
    }
}

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $code:literal;)*) => {
        $($(#[$doc])* pub const $name: Code = Code($code);)*

        const PAGES: &[(Code, &str)] =
            &[$(($name, include_str!(concat!("codes/", $code, ".md")))),*];
    };
}

codes! {
    /// Something that is no statement, declaration or expression of the language.
    SYNTAX = "E0101";
    /// A bracket that is never closed.
    UNCLOSED = "E0102";
    /// A closing bracket without an opening one.
    CLOSES_NOTHING = "E0103";
    /// A string that is never closed.
    OPEN_STRING = "E0104";
    /// An escape sequence that does not exist.
    ESCAPE = "E0105";
    /// A line of a `"""` string that is indented too little.
    MARGIN = "E0106";
    /// Digits that are no number, percent or duration.
    NUMBER = "E0107";
    /// A string in the quotes of another language.
    QUOTES = "E0108";
    /// A comment of another language.
    FOREIGN_COMMENT = "E0109";
    /// A semicolon.
    SEMICOLON = "E0110";
    /// An operator of another language.
    FOREIGN_OPERATOR = "E0111";
    /// A chain of comparisons.
    CHAINED = "E0112";
    /// `=`, `:` and `==` mixed up.
    WRONG_SIGN = "E0113";
    /// A missing comma.
    NO_COMMA = "E0114";
    /// A missing value.
    MISSING_VALUE = "E0115";
    /// A declaration or statement of which a part is missing.
    INCOMPLETE = "E0116";
    /// A reserved word where a name must stand.
    RESERVED = "E0117";
    /// A statement outside of a body.
    STRAY_STATEMENT = "E0118";
    /// A declaration inside a body.
    STRAY_DECLARATION = "E0119";
    /// Text that is nested too deeply.
    TOO_DEEP = "E0120";
    /// A loop or branch of another language.
    FOREIGN_CONTROL = "E0121";
    /// A character without a meaning.
    CHARACTER = "E0122";
    /// A handler, modifier or `else` that belongs to nothing.
    MISPLACED = "E0123";
    /// A clause that stands twice.
    TWICE = "E0124";
    /// A call that is not written like one.
    CALLEE = "E0125";
    /// A function with statements.
    FUNCTION_BLOCK = "E0130";

    /// A name that refers to nothing.
    UNKNOWN = "E0201";
    /// A name that refers to something of the wrong kind.
    WRONG_SORT = "E0202";
    /// Something that is named twice.
    DUPLICATE = "E0203";
    /// A file that cannot be read.
    IMPORT_FILE = "E0204";
    /// Files that import each other.
    IMPORT_CYCLE = "E0205";
    /// A name that the other file does not declare.
    NOT_EXPORTED = "E0206";
    /// A name that the language needs itself.
    TAKEN = "E0207";
    /// Inputs of one name in two files.
    INPUT_TWICE = "E0208";
    /// A definition that needs itself.
    CIRCLE = "E0209";
    /// `run.id` or `failure` where they are not known.
    OUT_OF_PLACE = "E0210";
    /// A name that is made from data, and cannot be one.
    ELEMENT_NAME = "E0220";
    /// A name that is made from data, of what is known only later.
    ELEMENT_NAME_LATE = "E0221";

    /// A value of the wrong type.
    MISMATCH = "E0301";
    /// An operator between values that it is not made for.
    OPERANDS = "E0302";
    /// A field that does not exist.
    NO_FIELD = "E0303";
    /// A value that may be `none`.
    MAY_BE_NONE = "E0304";
    /// A secret where none may stand.
    SECRET = "E0305";
    /// Arguments that do not fit the parameters.
    ARGUMENTS = "E0306";
    /// A field that must be given.
    MISSING_FIELD = "E0307";
    /// A value that cannot be put into a text.
    INTERPOLATION = "E0308";
    /// Values of different types that must have one type.
    MIXED = "E0309";
    /// An access that the value does not allow.
    ACCESS = "E0310";
    /// A type that is not one.
    TYPE = "E0311";
    /// A service and an infrastructure of different kinds.
    KINDS = "E0312";
    /// Something without a result, used as a value.
    GIVES_NOTHING = "E0313";
    /// A secret that comes from nowhere.
    SECRET_SOURCE = "E0314";
    /// Something that is read when the run is planned, of a value that is not known then.
    PLANNING_ONLY = "E0315";
    /// A workflow that cannot deploy.
    DEPLOY_WORKFLOW = "E0316";
    /// A text that must be written out.
    COMPUTED = "E0318";
    /// A default that breaks its own rule.
    RULE = "E0319";
    /// A function that reads more than its parameters.
    NOT_PURE = "E0330";
    /// A function or a type that is too large written out.
    TOO_LARGE_WRITTEN_OUT = "E0331";

    /// A result that does not fit into 64 bits.
    OVERFLOW = "E0401";
    /// A division or remainder by zero.
    DIVISION_BY_ZERO = "E0402";
    /// A result larger than any float.
    NOT_FINITE = "E0403";
    /// An element that a list does not have.
    INDEX = "E0404";
    /// A key that a map or JSON does not have.
    KEY = "E0405";
    /// A built-in function whose arguments have no result.
    CALL = "E0406";
    /// A value or an evaluation beyond the limits.
    TOO_LARGE = "E0407";
    /// A variable that the caller's environment does not have.
    ENV = "E0408";
    /// A file that cannot be read at planning time.
    FILE = "E0409";
    /// A value of a kind that its place cannot use.
    UNFIT = "E0410";
    /// A value that depends on itself.
    DEPENDS_ON_ITSELF = "E0412";
    /// A group that names an infrastructure twice.
    REPEATED_IN_GROUP = "E0413";
    /// A text that cannot be the name of a pool.
    POOL_NAME = "E0414";

    /// A pipeline with more statements than can be planned.
    PIPELINE_TOO_LARGE = "E0501";
    /// A deployment inside another.
    DEPLOY_INSIDE = "E0502";
    /// A workflow that calls itself.
    RECURSION = "E0503";
    /// A `return` where there is nothing to return from.
    RETURN = "E0504";
    /// A workflow that may end without a result.
    NO_RETURN = "E0505";
    /// A `yield` where nothing takes it.
    YIELD = "E0506";
    /// A loop whose value is named but that yields none.
    NO_YIELD = "E0507";
    /// A verdict that is not the last statement of a failure handler.
    VERDICT = "E0508";
    /// A `rollback stage` outside a stage.
    ROLLBACK_STAGE = "E0509";
    /// A modifier or handler on a statement that cannot have it.
    MODIFIER = "E0510";
    /// A modifier or handler that stands twice.
    MODIFIER_TWICE = "E0511";
    /// A class of failures that does not exist.
    CLASS = "E0512";
    /// A shell that does not exist.
    SHELL = "E0513";
    /// A call of a function as a statement.
    USELESS_CALL = "E0514";
    /// An effect inside an expression.
    EFFECT_INSIDE = "E0515";
    /// An added cell that does not name the axes.
    INCLUDE = "E0516";
    /// A deployment without a workflow.
    NO_WORKFLOW = "E0517";
    /// A modifier's value that is out of range.
    RANGE = "E0518";
    /// A test that cannot be run.
    TEST = "E0519";
    /// A variable that a command cannot be given.
    VARIABLE = "E0520";
    /// A stage where none may stand.
    STAGE = "E0521";
    /// Something that may not stand where it does, itself or through a call.
    BARRED = "E0522";
    /// The name of a cell that is made of something else than its axis.
    CELL_NAME = "E0526";
    /// A `with` that gives its commands nothing.
    EMPTY_WITH = "E0540";
    /// A query with a modifier or handler of what changes something.
    QUERY_CHANGES = "E0541";
    /// A command that makes a secret and must not run again, or is to be undone.
    SECRET_MADE_AGAIN = "E0542";
    /// A `requires` that cannot be looked for.
    REQUIREMENT = "E0543";
    /// A `queue` without a name, or one that keeps something else.
    QUEUE = "E0544";
    /// What a trigger fires on cannot be read.
    TRIGGER = "E0550";
    /// A schedule that is none, that never comes, or in a zone that does not exist.
    SCHEDULE = "E0551";
    /// A trigger that gives a pipeline other inputs than it needs.
    TRIGGER_INPUT = "E0552";
    /// A field of an event that what fires does not have.
    EVENT_FIELD = "E0553";
    /// A part of a trigger that is needed before there is a run, and not known then.
    TRIGGER_VALUE = "E0554";
    /// A window that cannot be read, or is never open.
    WINDOW = "E0555";

    /// A command without words.
    COMMAND_EMPTY = "E0601";
    /// Quotes, brackets or a keyword in a command without their other half.
    COMMAND_UNCLOSED = "E0602";
    /// A command that nests too deeply.
    COMMAND_TOO_DEEP = "E0603";
    /// A command with a character that no command can hold.
    COMMAND_NUL = "E0604";
    /// An interpolation inside single quotes of a command.
    VALUE_IN_SINGLE_QUOTES = "E0605";
    /// An interpolation inside `$'…'` of a command.
    VALUE_IN_ESCAPED_QUOTES = "E0606";
    /// An interpolation inside backticks of a command.
    VALUE_IN_BACKTICKS = "E0607";
    /// An interpolation in a here-document whose mark is quoted.
    VALUE_IN_QUOTED_HEREDOC = "E0608";
    /// An interpolation in a pattern in a here-document.
    VALUE_IN_HEREDOC_PATTERN = "E0609";
    /// An interpolation as the name of a command.
    VALUE_AS_COMMAND = "E0610";
    /// An interpolation where a shell calculates.
    VALUE_IN_ARITHMETIC = "E0611";
    /// An interpolation as the mark of a here-document.
    VALUE_AS_MARK = "E0612";
    /// An interpolation as the name of a shell variable.
    VALUE_AS_VARIABLE = "E0613";
    /// An interpolation directly behind a `$` or a backslash.
    VALUE_AFTER_MARK = "E0614";
    /// An interpolation in text that a command executes as code.
    VALUE_AS_CODE = "E0615";
    /// An interpolation in the command that `ssh` passes to a shell.
    VALUE_OVER_SSH = "E0616";
    /// A list interpolated into a word of a command.
    LIST_IN_WORD = "E0617";
    /// An interpolation in a replacement that the shell splits.
    VALUE_IN_SPLIT_REPLACEMENT = "E0618";
    /// A secret as an argument of a program.
    SECRET_AS_ARGUMENT = "E0619";
    /// A value that a program would read as an option.
    VALUE_AS_OPTION = "E0620";

    /// No file is named, and the folder has none.
    NO_FILE = "E0701";
    /// No file is named, and the folder has several.
    SEVERAL_FILES = "E0702";
    /// A file that is named cannot be read.
    CANNOT_READ = "E0703";
    /// A code that does not exist.
    NO_SUCH_CODE = "E0704";
    /// A file of inputs that cannot be read or understood.
    INPUTS_FILE = "E0705";
    /// An input or field that is given twice on the command line.
    GIVEN_TWICE = "E0706";
    /// A pipeline that does not exist, or has to be chosen.
    NO_PIPELINE = "E0720";
    /// An input that was given and does not exist.
    UNKNOWN_INPUT = "E0721";
    /// An input that was not given.
    MISSING_INPUT = "E0722";
    /// A value that does not fit its input.
    WRONG_INPUT = "E0723";
    /// A value that an input's `where` does not allow.
    RULE_BROKEN = "E0724";
    /// A `--set` that fits nothing.
    WRONG_SET = "E0725";
    /// A secret that could not be read when the run started.
    SECRET_UNREADABLE = "E0726";
    /// The consequences of a failure cannot be determined.
    CANNOT_FORESEE = "E0727";
    /// A form of output that this cannot be written in.
    NO_SUCH_FORM = "E0728";
    /// A run that does not exist, or has to be chosen.
    NO_RUN = "E0730";
    /// A state directory that cannot be used.
    STATE_UNUSABLE = "E0731";
    /// A run that cannot be continued.
    NOT_CONTINUED = "E0732";
    /// A request to a run that no process drives.
    NOT_DRIVEN = "E0733";
    /// An answer that cannot be given.
    NOT_ANSWERED = "E0734";
    /// A place that an earlier run has left half done.
    UNCLEAR_PLACE = "E0735";
    /// A server that cannot be started.
    SERVER = "E0736";
    /// A server that cannot be asked, or refuses what it is asked.
    REMOTE = "E0737";
    /// An engine elsewhere that cannot be reached, or does not do what it is asked.
    ENGINE = "E0738";
    /// A program that is required and is not there, or has another version.
    PROGRAM_MISSING = "E0739";
    /// An `expect` of a test that does not hold.
    EXPECT_BROKEN = "E0740";
    /// An `expect` of a test that matches nothing.
    EXPECT_NOTHING = "E0741";
    /// A `given` of a test that changes nothing.
    GIVEN_UNUSED = "E0742";
    /// A `given` of a test whose value does not fit what it matches.
    GIVEN_VALUE = "E0743";
    /// A test whose run does not end.
    TEST_NEVER_ENDS = "E0744";
    /// There is no test to run.
    NO_TEST = "E0745";
    /// A file that cannot be written.
    CANNOT_WRITE = "E0750";
    /// A file that a new folder would overwrite.
    ALREADY_THERE = "E0751";
    /// Settings that cannot be read or understood.
    SETTINGS = "E0760";
    /// A stored plan that is not what would be planned now.
    PLAN_DIFFERS = "E0770";
    /// A part of a pipeline that cannot be run alone.
    PART_OF_PIPELINE = "E0771";
    /// An edition of the language that this program does not know.
    UNKNOWN_EDITION = "E0772";

    /// A barrier at which no other strand arrives.
    LONE_BARRIER = "E0801";
    /// A strand that would have to pass one barrier twice.
    BARRIER_TWICE = "E0802";
    /// Barriers that wait for each other.
    BARRIERS_CROSS = "E0803";
    /// A block that lets too few strands in for all of them to meet.
    TOO_NARROW = "E0804";
    /// A barrier under a lock that another participant needs first.
    BARRIER_UNDER_LOCK = "E0805";
    /// Locks that are taken in opposite orders.
    LOCKS_CROSS = "E0806";
    /// A pipeline with too many lock orders to explore.
    NOT_PROVED = "E0807";
    /// A barrier whose time limit is over before the others can be there.
    BARRIER_TOO_LATE = "E0808";
    /// A stage that needs an infrastructure which the pipeline around it holds.
    HELD_AROUND = "E0809";
    /// A barrier of which it is not clear who meets there.
    AMBIGUOUS_BARRIER = "E0810";
    /// A barrier in a handler.
    BARRIER_IN_HANDLER = "E0811";
    /// A lock has two limits.
    TWO_LIMITS = "E0812";
    /// A `limit` for several locks that are taken together.
    LIMIT_OF_SEVERAL = "E0813";
    /// A time limit that cannot be met.
    HOPELESS_LIMIT = "E0820";
    /// Nothing bounds how long what must fit into a window takes.
    UNBOUNDED_IN_WINDOW = "E0821";
    /// A stage that takes longer than its windows are ever open.
    TOO_LONG_FOR_WINDOW = "E0822";

    /// Something that is imported and never used.
    UNUSED_IMPORT = "L0101";
    /// A declaration that no pipeline uses.
    UNUSED_DECLARATION = "L0102";
    /// An input that nothing uses.
    UNUSED_INPUT = "L0103";
    /// A `let` in a body that is never used.
    UNUSED_VALUE = "L0104";
    /// A parameter that its workflow does not use.
    UNUSED_PARAMETER = "L0105";
    /// A name that hides another.
    SHADOWED_NAME = "L0106";
    /// An environment or infrastructure that is named in a text.
    PLACE_IN_TEXT = "L0107";
    /// An input without documentation.
    UNDOCUMENTED_INPUT = "L0108";
    /// A character that is not seen as what it is.
    HIDDEN_CHARACTER = "L0109";

    /// A statement that is never reached.
    UNREACHABLE = "L0201";
    /// A condition that is always the same.
    CONSTANT_CONDITION = "L0202";
    /// A block that does nothing.
    EMPTY_BLOCK = "L0203";
    /// A step whose name another one has.
    REPEATED_NAME = "L0204";
    /// A `verify` that cannot fail.
    IDLE_VERIFY = "L0205";
    /// A `where` that leaves no cell.
    NO_CELLS = "L0206";
    /// A `where` that leaves all cells.
    ALWAYS_TRUE_WHERE = "L0207";
    /// An element that stands twice in an axis.
    REPEATED_ELEMENT = "L0208";
    /// A modifier that changes nothing.
    IDLE_MODIFIER = "L0209";
    /// An `across` that changes nothing.
    IDLE_ACROSS = "L0210";

    /// A step in an atomic block that cannot be undone.
    MISSING_UNDO = "L0301";
    /// An atomic block in which nothing can be undone.
    ATOMIC_WITHOUT_UNDO = "L0302";
    /// A retry over the network without a pause.
    RETRY_WITHOUT_PAUSE = "L0303";
    /// A retry of what must happen once.
    RETRY_OF_ONCE = "L0304";
    /// A failure that is ignored without a reason.
    UNEXPLAINED_IGNORE = "L0305";
    /// A handler for failures that cannot occur.
    IMPOSSIBLE_CLASS = "L0306";
    /// A handler behind one that takes everything.
    UNREACHABLE_HANDLER = "L0307";
    /// A tolerance for all cells.
    TOLERATES_ALL = "L0308";
    /// A rollback of stages whose locks are free by then.
    ROLLBACK_WITHOUT_LOCK = "L0309";
    /// A retry of a step whose `undo` knows the last try alone.
    UNDO_OF_LAST_TRY = "L0310";

    /// A failure inside a pipe that is not noticed.
    HIDDEN_PIPE_FAILURE = "L0401";
    /// A secret that a command writes to its output.
    SECRET_SHOWN = "L0402";
    /// A value in the code of a program with a language of its own.
    VALUE_IN_PROGRAM = "L0403";
    /// What is left running in the background writes to the output of its command.
    BACKGROUND_OUTPUT = "L0404";
    /// A value written to `$LOCKSTEP_OUTPUT` in a way that can be forged.
    FORGEABLE_OUTPUT = "L0405";
    /// A line of a command begins with an option, and so is a command of its own.
    OPTION_ALONE = "L0406";
    /// A name in a raw text that looks like an interpolation.
    RAW_INTERPOLATION = "L0410";
    /// A variable of the shell with the name of a value.
    UNREAD_NAME = "L0413";
    /// A transfer that is repeated for one place.
    TRANSFER_IN_LOOP = "L0414";
    /// A connection that deployments never use.
    UNUSED_PLACE = "L0415";
    /// An image that is fetched by a tag that moves.
    MUTABLE_TAG = "L0416";
    /// A request to this machine in a deployment to another one.
    LOCAL_REQUEST = "L0417";

    /// An approval while infrastructures are locked.
    APPROVAL_UNDER_LOCK = "L0501";
    /// Very many cells at once.
    UNBOUNDED_PARALLEL = "L0502";
    /// A time limit that is longer than the one around it.
    TIMEOUT_TOO_LONG = "L0503";
    /// Parallel stages that deploy several services to the same infrastructure.
    STAGES_TAKE_TURNS = "L0504";
    /// A parallel block that does one thing at a time.
    ONE_AT_A_TIME = "L0505";
    /// An approval that may wait for ever.
    APPROVAL_WITHOUT_TIMEOUT = "L0506";
    /// A barrier that may wait for ever.
    BARRIER_WITHOUT_TIMEOUT = "L0507";
    /// Locks are taken in opposite orders.
    OPPOSITE_LOCK_ORDERS = "L0508";
    /// Pipelines give a lock two limits.
    LOCK_LIMITS_DIFFER = "L0509";
    /// An approval that too few people may give.
    TOO_FEW_APPROVERS = "L0512";
    /// A schedule that fires more often than it seems to.
    FREQUENT_SCHEDULE = "L0513";

    /// A suppression without a reason.
    ALLOW_WITHOUT_REASON = "L0901";
    /// A suppression that names no rule.
    ALLOW_UNKNOWN = "L0902";
    /// A suppression that suppresses nothing.
    ALLOW_NOTHING = "L0903";
}
