//! The errors in how a command uses a value: as code, as the name of a program or a variable, or
//! as an argument that everybody can see.

use crate::ir::command::code::{Finding, Language, Reader, Use};
use lockstep_base::diagnostic::{Diagnostic, codes};
use lockstep_base::source::Span;

/// What is wrong with a value that is used so.
pub(in crate::ir::command) fn misused(finding: &Finding, span: Span) -> Diagnostic {
    match finding.used {
        Use::Code(Language::Remote) | Use::OneWord => over_ssh(&finding.reader, span),
        Use::Code(Language::Shell | Language::Own(_)) => as_code(&finding.reader, span),
        Use::Program => match &finding.reader {
            Reader::Program(name) if !matches!(name.as_str(), "." | "source") => {
                super::as_command(span)
            }
            _ => as_script(span),
        },
        Use::Variable => super::as_variable(span),
        Use::Arithmetic => super::in_arithmetic(span),
        // The first two are no errors of the text.
        Use::Dashes { .. } | Use::Operand | Use::Argument => {
            secret_as_argument(&finding.reader, span)
        }
    }
}

fn as_code(reader: &Reader, span: Span) -> Diagnostic {
    let message = match reader {
        Reader::Variable(name) => {
            format!("a value cannot be part of `{name}`, which decides what is executed")
        }
        Reader::Input(name) => {
            format!("a value cannot be part of what `{name}` executes from its standard input")
        }
        Reader::File => String::from("a value cannot be part of a file that is executed"),
        Reader::Setting(name) => {
            format!("a value cannot decide which program `{name}` starts")
        }
        Reader::Eval | Reader::Alias | Reader::Trap | Reader::Shell | Reader::Program(_) => {
            String::from("a value cannot be part of text that a shell executes")
        }
    };
    Diagnostic::error(codes::VALUE_AS_CODE, span, message)
        .here("would be read as code")
        .help(remedy(reader))
}

fn remedy(reader: &Reader) -> String {
    match reader {
        Reader::Eval => {
            "write the command itself in place of `eval`; the value is quoted as needed".into()
        }
        Reader::Alias => "write a function in place of the alias".into(),
        Reader::Trap => "give it a name before: `file=${…}; trap 'rm -f \"$file\"' EXIT`".into(),
        Reader::Shell => "pass it as an argument: `sh -c 'echo \"$1\"' sh ${…}`".into(),
        Reader::Program(name) => format!(
            "let `{name}` start a shell with the value as its argument: \
             `sh -c 'echo \"$1\"' sh ${{…}}`"
        ),
        Reader::Setting(_) => "write the name of the setting in the text of the command, where it \
             is one that starts no program; one that does is written out"
            .into(),
        Reader::Input(_) => "quote the delimiter and pass the value as an argument: \
             `sh -s ${…} <<'EOF'`, with `\"$1\"` in the text"
            .into(),
        Reader::File => "let the file name an argument, `\"$1\"`, and pass the value to it: \
             `sh file.sh ${…}`"
            .into(),
        Reader::Variable(_) => "write its text out, or call the program by its whole path".into(),
    }
}

fn over_ssh(reader: &Reader, span: Span) -> Diagnostic {
    let name = match reader {
        Reader::Program(name) | Reader::Input(name) => name.as_str(),
        _ => "ssh",
    };
    Diagnostic::error(
        codes::VALUE_OVER_SSH,
        span,
        format!("`{name}` has this value read as code by the shell over there"),
    )
    .here("would be read as code")
    .help(
        "give the infrastructure `connect = ssh(…)` and write `run \"…\" on …`, where values \
         stay data",
    )
}

/// `. ${x}`
fn as_script(span: Span) -> Diagnostic {
    Diagnostic::error(
        codes::VALUE_AS_COMMAND,
        span,
        "a value cannot decide which file is executed",
    )
    .here("names the file")
    .help(
        "begin the file's name with a folder: `./scripts/${…}.sh`; to choose between files use \
         `if`, one `run` for each",
    )
}

/// `curl -H "Bearer ${token}"`
fn secret_as_argument(reader: &Reader, span: Span) -> Diagnostic {
    let name = match reader {
        Reader::Program(name) if !name.is_empty() => name.as_str(),
        _ => "this program",
    };
    Diagnostic::error(
        codes::SECRET_AS_ARGUMENT,
        span,
        format!(
            "a secret cannot be an argument of `{name}`, where every user of the machine sees it"
        ),
    )
    .here("would be on its command line")
    .help(
        "pass it as a variable that the program reads (`NAME=${…} program`, or `env { NAME: … }`), \
         as a file (`${NAME.file}` of `secret NAME` is the path of one that holds it), or by \
         standard input: a here-document, or `printf %s ${…} | program`",
    )
}

/// What is wrong with a text on standard input that is used so: `run "sh" stdin x`.
pub(in crate::ir::command) fn stdin_misused(finding: &Finding, span: Span) -> Diagnostic {
    let name = match &finding.reader {
        Reader::Program(name) | Reader::Input(name) if !name.is_empty() => format!("`{name}`"),
        _ => String::from("the shell"),
    };
    match finding.used {
        Use::Code(Language::Remote) => Diagnostic::error(
            codes::VALUE_OVER_SSH,
            span,
            format!("{name} has this text executed by the shell over there"),
        )
        .here("would be read as code")
        .help(
            "give the infrastructure `connect = ssh(…)` and write `run \"…\" on …`, or let the \
             command over there read its input as data: `ssh host 'cat >file'`",
        ),
        Use::Argument => secret_as_argument(&finding.reader, span),
        Use::Code(_)
        | Use::Program
        | Use::Variable
        | Use::Arithmetic
        | Use::OneWord
        | Use::Dashes { .. }
        | Use::Operand => Diagnostic::error(
            codes::VALUE_AS_CODE,
            span,
            format!("{name} executes what it reads from its standard input"),
        )
        .here("would be read as code")
        .help(
            "write the text out, and pass the value as an argument: `run \"sh -s ${…}\" stdin \
             \"…\"`, with `\"$1\"` in the text",
        ),
    }
}

/// `curl -H "$TOKEN"` with a secret in `TOKEN`.
pub(in crate::ir::command) fn variable_as_argument(
    finding: &Finding,
    name: &str,
    span: Span,
) -> Diagnostic {
    let program = match &finding.reader {
        Reader::Program(name) if !name.is_empty() => format!("`{name}`"),
        _ => String::from("a program"),
    };
    Diagnostic::error(
        codes::SECRET_AS_ARGUMENT,
        span,
        format!(
            "the command makes `${name}`, a secret, an argument of {program}, where every user of \
             the machine sees it"
        ),
    )
    .here("would be on its command line")
    .help(
        "let the program read the variable itself, or pass the secret as a file (`${NAME.file}` of \
         `secret NAME` is the path of one that holds it) or by standard input: a here-document, or \
         `printf %s \"$NAME\" | program`",
    )
}

/// `find ${x}` with a value that begins with `-`.
pub(in crate::ir::command) fn value_as_option(span: Span, program: &str) -> Diagnostic {
    Diagnostic::error(
        codes::VALUE_AS_OPTION,
        span,
        format!("`{program}` would read this value as an option: it begins with `-` (E0620)"),
    )
    .here("an operand")
    .help(
        "write options in the text of the command, before the operands; for the name of a file \
         write `./` before it",
    )
}
