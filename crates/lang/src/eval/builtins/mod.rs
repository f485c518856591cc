//! The built-in functions: one file for each, with its signature, documentation, examples and body
//! together.

mod args;
mod connection;
mod from_data;
mod from_entries;
mod of_secrets;
mod optional_secret;
mod patterns;
mod secret_file;

pub use from_data::{MADE_INFRASTRUCTURES, MADE_SERVICES, MadeSort, NAMED};
pub use from_entries::FROM_ENTRIES;
pub use of_secrets::{of_secrets, takes_secrets};
pub use optional_secret::OPTIONAL_SECRET;
pub use secret_file::{SECRET_FILE, SECRET_FILE_PREFIX};

use super::limits::LimitExceeded;
use super::operators::OperatorError;
use lockstep_base::value::{Type, Value};

/// A built-in function.
pub struct Builtin {
    /// Its name.
    pub name: &'static str,
    /// One or two sentences for hover texts and the reference.
    pub doc: &'static str,
    /// Its parameters; the optional ones stand last.
    pub params: &'static [Param],
    /// Whether arguments that fit their parameters fit the function: what the types of the
    /// parameters cannot express. Call it before [`Builtin::result`].
    pub check: fn(&[Type]) -> Result<(), ArgumentMisfit>,
    /// The type of its result, from the types of the arguments given.
    pub result: fn(&[Type]) -> Type,
    /// Expressions of the language and what they give; all are tested.
    pub examples: &'static [(&'static str, &'static str)],
    /// What it does.
    pub call: BuiltinBody,
}

/// A parameter of a built-in function.
pub struct Param {
    /// Its name.
    pub name: &'static str,
    /// Its type; [`Type::Any`] leaves it to [`Builtin::check`] what may stand here.
    pub ty: fn() -> Type,
    /// Whether it may be left out. `none` is the same as leaving it out.
    pub optional: bool,
    /// Whether it accepts any number of arguments (the last parameter only).
    pub rest: bool,
    /// Whether it must be written out where the function is called, and not be made of data.
    pub written_out: bool,
}

/// What a built-in function does.
pub enum BuiltinBody {
    /// It makes a value of the values of its arguments.
    Pure(fn(&[Value]) -> Result<Value, BuiltinError>),
    /// It reads a variable of the caller's environment.
    Env,
    /// It reads a file.
    File,
    /// It looks for a service or infrastructure with a name.
    Named,
    /// It is what a declaration makes of the elements of its list.
    Made(MadeSort),
    /// It asks the ledger.
    Deployed,
    /// It is a secret that may be missing, where it is there.
    OptionalSecret,
}

/// An argument that fits its parameter but not the function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ArgumentMisfit {
    /// Which argument, from 0.
    pub argument: usize,
    /// What is wanted in its place, in words: `a text, a list or a map`.
    pub wanted: &'static str,
}

/// Why a built-in function has no result. Messages are lower case, without a full stop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BuiltinError {
    /// What is wrong.
    Message(String),
    /// What is wrong with one argument, by its place from 0.
    Argument(usize, String),
    /// The result would be too large.
    TooLarge(LimitExceeded),
}

impl BuiltinError {
    /// What an operator inside a function could not do with its first argument.
    fn of_operator(error: OperatorError, message: &str) -> Self {
        match error {
            OperatorError::TooLarge(excess) => Self::TooLarge(excess),
            OperatorError::Overflow => Self::Message("the result does not fit into 64 bits".into()),
            OperatorError::NotFinite => Self::Message("the result is larger than any float".into()),
            OperatorError::DivisionByZero | OperatorError::Unfit => {
                Self::Argument(0, message.into())
            }
        }
    }
}

impl Builtin {
    /// Its signature for people: `join(list: [anything], separator: string)`.
    pub fn signature(&self) -> String {
        let params: Vec<String> = self.params.iter().map(Param::to_string).collect();
        format!("{}({})", self.name, params.join(", "))
    }

    /// The minimum and maximum number of arguments; without a maximum, any number.
    pub fn arity(&self) -> (usize, Option<usize>) {
        let required = self
            .params
            .iter()
            .filter(|param| !param.optional && !param.rest);
        let open = self.params.last().is_some_and(|param| param.rest);
        (required.count(), (!open).then_some(self.params.len()))
    }
}

impl std::fmt::Display for Param {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mark = if self.optional { "?" } else { "" };
        let rest = if self.rest { "…" } else { "" };
        let ty = match (self.ty)() {
            Type::Optional(of) if self.optional => *of,
            ty => ty,
        };
        write!(f, "{}{mark}: {ty}{rest}", self.name)
    }
}

/// The function with this name in a stored program, where those are, too, that no file can name.
pub(super) fn stored(name: &str) -> Option<&'static Builtin> {
    let hidden: [&'static Builtin; 6] = [
        &SECRET_FILE,
        &OPTIONAL_SECRET,
        &FROM_ENTRIES,
        &NAMED,
        &MADE_SERVICES,
        &MADE_INFRASTRUCTURES,
    ];
    find(name).or_else(|| hidden.into_iter().find(|it| it.name == name))
}

/// The function with this name.
pub fn find(name: &str) -> Option<&'static Builtin> {
    let at = ALL
        .binary_search_by_key(&name, |builtin| builtin.name)
        .ok()?;
    Some(ALL[at])
}

/// Whether a function gives way to a declaration of its name: it is newer than files that have one.
pub fn gives_way(name: &str) -> bool {
    name == image::FUNCTION.name
}

macro_rules! functions {
    ($($module:ident)*) => {
        $(mod $module;)*

        /// All built-in functions, by name.
        pub const ALL: &[&Builtin] = &[$(&$module::FUNCTION),*];
    };
}

functions! {
    abs
    all
    any
    base64
    basename
    to_bool
    capture
    ceil
    chunk
    container
    contains
    count
    deployed
    dirname
    distinct
    to_duration
    ends_with
    entries
    env
    file
    first
    flatten
    float
    floor
    format
    format_time
    from_base64
    from_json
    from_toml
    from_yaml
    image
    indent
    int
    join
    json
    keys
    last
    length
    lines
    local
    lookup
    lower
    matches
    max
    merge
    min
    minutes
    to_percent
    pod
    range
    replace
    replace_all
    reverse
    round
    seconds
    sha256
    slice
    sort
    split
    ssh
    starts_with
    string
    sum
    trim
    upper
    url_encode
    values
    without
    yaml
    zip
}
