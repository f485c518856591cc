//! Variables that decide what is executed, and what programs write, as data.

/// Variables by which a value decides what is executed, or how the shell splits what it reads.
pub const CODE_VARIABLES: &[&str] = &[
    "BASH_ENV",
    "ENV",
    "PS0",
    "PS1",
    "PS2",
    "PS4",
    "PROMPT_COMMAND",
    "IFS",
    "PATH",
    "SHELL",
    "SHELLOPTS",
    "BASHOPTS",
    "LD_PRELOAD",
    "LD_LIBRARY_PATH",
    "LD_AUDIT",
    "DYLD_INSERT_LIBRARIES",
    "DYLD_LIBRARY_PATH",
    "GIT_SSH",
    "GIT_SSH_COMMAND",
    "GIT_EXTERNAL_DIFF",
    "GIT_PAGER",
    "GIT_EDITOR",
    "GIT_SEQUENCE_EDITOR",
    "GIT_ASKPASS",
    "GIT_PROXY_COMMAND",
    "GIT_EXEC_PATH",
    "GIT_TEMPLATE_DIR",
    "GIT_CONFIG",
    "GIT_CONFIG_GLOBAL",
    "GIT_CONFIG_SYSTEM",
    "GIT_CONFIG_PARAMETERS",
    "SSH_ASKPASS",
    "SUDO_ASKPASS",
    "EDITOR",
    "VISUAL",
    "PAGER",
    "MANPAGER",
    "BROWSER",
    "LESSOPEN",
    "LESSCLOSE",
    "RSYNC_RSH",
    "CVS_RSH",
    "SVN_SSH",
    "MAKEFLAGS",
    "GNUMAKEFLAGS",
    "MAKEFILES",
    "PERL5OPT",
    "PERL5LIB",
    "PERL5DB",
    "PYTHONSTARTUP",
    "PYTHONHOME",
    "PYTHONPATH",
    "PYTHONINSPECT",
    "RUBYOPT",
    "RUBYLIB",
    "NODE_OPTIONS",
    "NODE_PATH",
    "JAVA_TOOL_OPTIONS",
    "_JAVA_OPTIONS",
    "JDK_JAVA_OPTIONS",
    "TAR_OPTIONS",
    "TAR_RSH",
    "BASH_FUNC",
    "FPATH",
    "CDPATH",
    "ZDOTDIR",
    "GCONV_PATH",
    "XARGS_SHELL",
    "KUBE_EDITOR",
    "DOCKER_CLI_PLUGIN_EXTRA_DIRS",
];

/// Programs that write what they read and their arguments, changed or not.
pub const PRINTERS: &[&str] = &[
    "echo", "printf", "tr", "sed", "gsed", "awk", "gawk", "mawk", "jq", "yq", "paste", "seq",
    "yes", "env", "printenv", "xargs", "m4", "basename", "dirname", "realpath", "readlink",
];

/// Programs that write what they read, or what stands in the files that they are named, changed or
/// not; their arguments choose.
pub const FILTERS: &[&str] = &[
    "cat", "tac", "tee", "head", "tail", "grep", "egrep", "fgrep", "rg", "sort", "uniq", "cut",
    "rev", "nl", "fold", "fmt", "column", "expand", "unexpand", "base64", "base32", "xxd", "od",
    "gzip", "gunzip", "zcat", "bzcat", "xzcat", "zstdcat", "bunzip2", "unxz", "dos2unix", "iconv",
    "shuf", "pv", "sponge", "less", "more", "strings", "comm", "join", "dd", "envsubst",
];

/// Whether a command is none that starts another one.
pub fn is_known(name: Option<&crate::ir::command::tree::ShellWord>) -> bool {
    let name = name.and_then(|word| word.known());
    let name = name.map(super::arguments::basename);
    name.is_some_and(|name| FILTERS.contains(&name) || PRINTERS.contains(&name))
}
