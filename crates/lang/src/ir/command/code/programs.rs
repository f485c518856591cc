//! What programs read as code, as data: one row for each program. A shell is not the only one that
//! executes text: `ssh` hands its words to a shell, `flock -c` to another, `awk` has a language of
//! its own. The tests are generated from these rows.

/// The language of code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    /// That of a shell: a value in it is an error.
    Shell,
    /// That of a shell on the other side of `ssh` and the like.
    Remote,
    /// A language of the program's own, with how a value reaches it as data.
    Own(&'static str),
}

/// What the operands of a program are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operands {
    /// Data.
    Data,
    /// Code, all of them.
    Code,
    /// Code, the first of them; where an option has given the code, all are data.
    FirstCode,
    /// A file of code, then data. Where an option has given the code, all are data.
    File,
    /// As those of a shell: code behind `-c`, a file of code, or with `-s` data only.
    Shell,
    /// So many operands, then a command.
    Command(usize),
    /// A command behind `--`.
    CommandBehindDashes,
    /// So many operands, then arguments that can be a command.
    Arguments(usize),
    /// So many operands, then words that are joined with blanks and read as code.
    Joined(usize),
}

/// What a program does with its standard input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Input {
    /// It reads it as data, or hands it to the command that it starts.
    Data,
    /// It reads it as code.
    Code,
    /// It reads it as code where neither an option nor an operand says what to do.
    CodeIfNothingElse,
    /// It reads it as code where one of these options stands and no command.
    CodeWith(&'static str),
    /// It makes arguments of it for the command that it starts.
    Arguments,
}

/// A program.
#[derive(Debug, Clone, Copy)]
pub struct Program {
    /// Its names.
    pub names: &'static [&'static str],
    /// The words that make it read code, where it is one of several uses: `docker exec`.
    pub subcommand: &'static [&'static str],
    /// Its options that take a further word.
    pub takes: &'static str,
    /// Its options that take two further words.
    pub takes_two: &'static str,
    /// Its options whose word is code.
    pub code: &'static str,
    /// Its options whose word is a file of code.
    pub file: &'static str,
    /// What its operands are.
    pub operands: Operands,
    /// What it does with its standard input.
    pub input: Input,
    /// The language of its code.
    pub language: Language,
}

const PLAIN: Program = Program {
    names: &[],
    subcommand: &[],
    takes: "",
    takes_two: "",
    code: "",
    file: "",
    operands: Operands::Data,
    input: Input::Data,
    language: Language::Shell,
};

/// A program that starts the command behind `operands` of its own.
const fn wrapper(names: &'static [&'static str], takes: &'static str, operands: usize) -> Program {
    Program {
        names,
        takes,
        operands: Operands::Command(operands),
        ..PLAIN
    }
}

/// A program with a language of its own, whose first operand is code.
const fn filter(
    names: &'static [&'static str],
    takes: &'static str,
    code: &'static str,
    file: &'static str,
    safe: &'static str,
) -> Program {
    Program {
        names,
        takes,
        code,
        file,
        operands: Operands::FirstCode,
        language: Language::Own(safe),
        ..PLAIN
    }
}

/// A program with a language of its own, which is given a file, code behind an option, or code by
/// standard input.
const fn interpreter(
    names: &'static [&'static str],
    takes: &'static str,
    code: &'static str,
    file: &'static str,
    safe: &'static str,
) -> Program {
    Program {
        operands: Operands::File,
        input: Input::CodeIfNothingElse,
        ..filter(names, takes, code, file, safe)
    }
}

/// A client of a database.
const fn database(
    names: &'static [&'static str],
    takes: &'static str,
    code: &'static str,
    file: &'static str,
    safe: &'static str,
) -> Program {
    Program {
        operands: Operands::Data,
        ..interpreter(names, takes, code, file, safe)
    }
}

/// A client of a database whose first operand is its file and whose second one is code.
const fn filter_database(
    names: &'static [&'static str],
    takes: &'static str,
    code: &'static str,
    file: &'static str,
    safe: &'static str,
) -> Program {
    Program {
        operands: Operands::Joined(1),
        ..database(names, takes, code, file, safe)
    }
}

/// One use of a program that runs a command somewhere else.
const fn place(
    names: &'static [&'static str],
    subcommand: &'static [&'static str],
    takes: &'static str,
    operands: Operands,
) -> Program {
    Program {
        names,
        subcommand,
        takes,
        operands,
        ..PLAIN
    }
}

const DOCKER: &[&str] = &["docker", "podman", "nerdctl"];
const DOCKER_TAKES: &str = "-H --host -c --context --connection --log-level -l -u --user -w \
    --workdir -e --env --env-file --detach-keys -f --file -p --project-name --profile --index";
const DOCKER_RUN_TAKES: &str = "-H --host --context --connection --log-level -l -u --user -w \
    --workdir -e --env --env-file --detach-keys -v --volume -p --publish --name --network \
    --entrypoint --mount -m --memory --cpus --platform --pull --restart -h --hostname --label \
    --add-host --cap-add --cap-drop --device --dns --gpus --ip --ipc --link --pid --security-opt \
    --shm-size --tmpfs --ulimit --userns --volumes-from -a --attach --cidfile --net -f --file \
    --project-name --profile";
const KUBECTL: &[&str] = &["kubectl", "oc", "k3s", "microk8s"];
const KUBECTL_TAKES: &str = "-n --namespace --context --kubeconfig --cluster --user -s --server \
    --token --as --as-group --certificate-authority --client-certificate --client-key \
    --request-timeout --cache-dir --password --username --tls-server-name -v --v --vmodule \
    --profile -c --container -f --filename --pod-running-timeout --image -l --labels --overrides \
    --restart --env --port --target --copy-to --profile-output --limits --requests";
const SQL: &str = "-v name=${…} and :'name' in the text";

/// The programs that read code, and those that start another one.
pub const PROGRAMS: &[Program] = &[
    // Shells, and what hands text to one.
    Program {
        names: SHELLS,
        takes: "-o -O --rcfile --init-file",
        code: "-c",
        operands: Operands::Shell,
        input: Input::CodeIfNothingElse,
        ..PLAIN
    },
    Program {
        names: &["eval"],
        operands: Operands::Code,
        ..PLAIN
    },
    Program {
        names: &["alias"],
        operands: Operands::Code,
        ..PLAIN
    },
    Program {
        names: &["trap"],
        operands: Operands::FirstCode,
        ..PLAIN
    },
    Program {
        names: &[".", "source"],
        operands: Operands::File,
        ..PLAIN
    },
    Program {
        names: &["hash"],
        takes: "",
        file: "-p",
        ..PLAIN
    },
    Program {
        names: &["complete", "compgen"],
        takes: "-A -G -P -S -X -o",
        code: "-C -F -W",
        ..PLAIN
    },
    Program {
        names: &["enable"],
        file: "-f",
        ..PLAIN
    },
    Program {
        names: &["fc"],
        code: "-e",
        ..PLAIN
    },
    Program {
        names: &["bind"],
        takes: "-m -q -u -r",
        code: "-x",
        file: "-f",
        operands: Operands::Code,
        ..PLAIN
    },
    Program {
        names: &["mapfile", "readarray"],
        takes: "-d -n -O -s -u -c",
        code: "-C",
        ..PLAIN
    },
    Program {
        names: &["ssh", "autossh", "mosh"],
        takes: "-B -b -c -D -E -e -F -I -i -J -L -l -m -o -O -p -P -Q -R -S -W -w \
-M --ssh",
        operands: Operands::Joined(1),
        input: Input::CodeIfNothingElse,
        language: Language::Remote,
        ..PLAIN
    },
    Program {
        names: &["rsh", "remsh"],
        takes: "-l",
        operands: Operands::Joined(1),
        input: Input::CodeIfNothingElse,
        language: Language::Remote,
        ..PLAIN
    },
    Program {
        names: &["su", "runuser"],
        takes: "-s --shell -g --group -G --supp-group -w --whitelist-environment -u \
--user",
        code: "-c --command --session-command",
        input: Input::CodeIfNothingElse,
        ..PLAIN
    },
    Program {
        names: &["flock"],
        takes: "-w --wait --timeout -E --conflict-exit-code",
        code: "-c --command",
        operands: Operands::Command(1),
        ..PLAIN
    },
    Program {
        names: &["script"],
        takes: "-E --echo -I --log-in -O --log-out -B --log-io -T --log-timing -m \
--logging-format -o --output-limit",
        code: "-c --command",
        input: Input::CodeIfNothingElse,
        ..PLAIN
    },
    Program {
        names: &["watch"],
        takes: "-n --interval -q --equexit",
        operands: Operands::Joined(0),
        ..PLAIN
    },
    Program {
        names: &["parallel", "sem"],
        takes: "-j --jobs -a --arg-file -N -n -I --colsep --delay --timeout \
--joblog --results --retries -d --delimiter -S --sshlogin",
        operands: Operands::Joined(0),
        input: Input::CodeIfNothingElse,
        ..PLAIN
    },
    Program {
        names: &["at", "batch"],
        takes: "-q -t",
        input: Input::Code,
        ..PLAIN
    },
    Program {
        names: &["crontab"],
        takes: "-u",
        input: Input::Code,
        ..PLAIN
    },
    Program {
        names: &["tmux"],
        subcommand: &["new-session"],
        takes: "-s -n -c -e -F -x -y -t -L -S -f",
        operands: Operands::Joined(0),
        ..PLAIN
    },
    Program {
        names: &["tmux"],
        subcommand: &["new"],
        takes: "-s -n -c -e -F -x -y -t -L -S -f",
        operands: Operands::Joined(0),
        ..PLAIN
    },
    Program {
        names: &["tmux"],
        subcommand: &["send-keys"],
        takes: "-t -N -L -S -f",
        operands: Operands::Code,
        ..PLAIN
    },
    Program {
        names: &["screen"],
        takes: "-S -c -e -h -p -s -t -T",
        operands: Operands::Command(0),
        ..PLAIN
    },
    Program {
        names: &["nix-shell"],
        takes: "-p --packages -A --attr --arg --argstr",
        code: "--run --command",
        ..PLAIN
    },
    Program {
        names: &["vagrant"],
        subcommand: &["ssh"],
        code: "-c --command",
        input: Input::CodeIfNothingElse,
        language: Language::Remote,
        ..PLAIN
    },
    Program {
        names: &["gcloud"],
        subcommand: &["compute", "ssh"],
        takes: "--project --zone --account --ssh-key-file --format",
        code: "--command",
        input: Input::CodeIfNothingElse,
        language: Language::Remote,
        ..PLAIN
    },
    Program {
        names: &["fly", "flyctl"],
        subcommand: &["ssh", "console"],
        takes: "-a --app -r --region -s",
        code: "-C --command",
        language: Language::Remote,
        ..PLAIN
    },
    Program {
        names: &["make", "gmake"],
        takes: "-C -f -j -l -I -o -W",
        code: "--eval",
        ..PLAIN
    },
    Program {
        names: &["tar"],
        takes: "-f -C --file --directory -T -X -b -g",
        code: "--to-command --checkpoint-action --use-compress-program -I \
--rsh-command --info-script -F",
        ..PLAIN
    },
    // What starts another program.
    wrapper(&["builtin"], "", 0),
    wrapper(&["command"], "", 0),
    wrapper(&["exec"], "-a", 0),
    wrapper(&["time"], "-o --output --format", 0),
    wrapper(&["coproc"], "", 0),
    Program {
        code: "-S --split-string",
        ..wrapper(&["env"], "-u -C --unset --chdir", 0)
    },
    Program {
        input: Input::CodeWith("-s -i --shell --login"),
        ..wrapper(
            &["sudo"],
            "-u -g -h -p -C -T -U -D -R -r -t --user --group --host --prompt \
--close-from --command-timeout --other-user --chdir --chroot --role \
--type",
            0,
        )
    },
    Program {
        input: Input::CodeWith("-s"),
        ..wrapper(&["doas"], "-u -C -L", 0)
    },
    Program {
        input: Input::CodeIfNothingElse,
        ..wrapper(&["pkexec"], "--user", 0)
    },
    wrapper(&["nice"], "-n --adjustment", 0),
    wrapper(&["ionice"], "-c -n -p -P -u --class --classdata", 0),
    wrapper(&["nohup"], "", 0),
    wrapper(&["setsid"], "", 0),
    wrapper(&["stdbuf"], "-i -o -e --input --output --error", 0),
    wrapper(&["timeout", "gtimeout"], "-s -k --signal --kill-after", 1),
    wrapper(&["sshpass"], "-p -f -d -e -P", 0),
    Program {
        input: Input::Arguments,
        ..wrapper(
            &["xargs"],
            "-I -i -n -P -L -d -a -E -s --replace --max-args --max-procs \
--max-lines --delimiter --arg-file --eof --max-chars \
--process-slot-var",
            0,
        )
    },
    wrapper(&["entr"], "", 0),
    Program {
        input: Input::CodeIfNothingElse,
        ..wrapper(&["chroot"], "--userspec --groups", 1)
    },
    Program {
        input: Input::CodeIfNothingElse,
        ..wrapper(
            &["unshare"],
            "-S -G --setuid --setgid --root --wd -R -w --map-users --map-groups \
--propagation",
            0,
        )
    },
    Program {
        input: Input::CodeIfNothingElse,
        ..wrapper(&["nsenter"], "-t --target -S -G --setuid --setgid", 0)
    },
    wrapper(&["taskset"], "", 1),
    wrapper(&["chrt"], "-T -P -D", 1),
    wrapper(&["numactl"], "-C -N -m -i -p", 0),
    wrapper(
        &["setpriv"],
        "--reuid --regid --groups --inh-caps --ambient-caps --bounding-set \
--securebits",
        0,
    ),
    wrapper(&["capsh"], "", 0),
    wrapper(&["prlimit"], "", 0),
    wrapper(
        &["systemd-run"],
        "-p -E -M -H -t --unit --property --description --slice --uid --gid \
--nice --working-directory --setenv --service-type",
        0,
    ),
    wrapper(&["systemd-inhibit"], "", 0),
    wrapper(
        &["strace", "ltrace"],
        "-e -o -p -s -S -u -E -a -I -O -P -X",
        0,
    ),
    wrapper(&["gosu", "su-exec", "setuidgid"], "", 1),
    wrapper(&["tini", "dumb-init", "catatonit"], "", 0),
    wrapper(&["busybox", "toybox"], "", 0),
    wrapper(&["faketime"], "-f", 1),
    wrapper(&["torsocks", "proxychains", "proxychains4"], "-f", 0),
    wrapper(
        &[
            "unbuffer",
            "caffeinate",
            "cgexec",
            "firejail",
            "dbus-run-session",
            "xvfb-run",
        ],
        "-g -n -s -t",
        0,
    ),
    Program {
        input: Input::Data,
        ..place(DOCKER, &["exec"], DOCKER_TAKES, Operands::Command(1))
    },
    place(
        DOCKER,
        &["container", "exec"],
        DOCKER_TAKES,
        Operands::Command(1),
    ),
    place(
        DOCKER,
        &["compose", "exec"],
        DOCKER_TAKES,
        Operands::Command(1),
    ),
    place(DOCKER, &["run"], DOCKER_RUN_TAKES, Operands::Arguments(1)),
    place(
        DOCKER,
        &["container", "run"],
        DOCKER_RUN_TAKES,
        Operands::Arguments(1),
    ),
    place(
        DOCKER,
        &["compose", "run"],
        DOCKER_RUN_TAKES,
        Operands::Arguments(1),
    ),
    place(
        &["docker-compose", "podman-compose"],
        &["exec"],
        DOCKER_TAKES,
        Operands::Command(1),
    ),
    place(
        &["docker-compose", "podman-compose"],
        &["run"],
        DOCKER_RUN_TAKES,
        Operands::Arguments(1),
    ),
    place(
        &["crictl"],
        &["exec"],
        "-r --runtime-endpoint --timeout -t",
        Operands::Command(1),
    ),
    place(
        KUBECTL,
        &["exec"],
        KUBECTL_TAKES,
        Operands::CommandBehindDashes,
    ),
    place(
        KUBECTL,
        &["run"],
        KUBECTL_TAKES,
        Operands::CommandBehindDashes,
    ),
    place(
        KUBECTL,
        &["debug"],
        KUBECTL_TAKES,
        Operands::CommandBehindDashes,
    ),
    Program {
        input: Input::CodeIfNothingElse,
        ..place(&["oc"], &["rsh"], KUBECTL_TAKES, Operands::Command(1))
    },
    place(
        &["lxc", "incus"],
        &["exec"],
        "--cwd --env --user --group --mode --project",
        Operands::CommandBehindDashes,
    ),
    place(&["ip"], &["netns", "exec"], "", Operands::Command(1)),
    place(
        &["machinectl"],
        &["shell"],
        "-E -M --uid --setenv",
        Operands::Command(1),
    ),
    place(
        &["nomad"],
        &["alloc", "exec"],
        "-task -job",
        Operands::Command(1),
    ),
    place(
        &["aws-vault", "chamber"],
        &["exec"],
        "-d --duration -b --backend",
        Operands::CommandBehindDashes,
    ),
    place(
        &["op", "doppler", "infisical"],
        &["run"],
        "--env-file --account --project --config -p -c",
        Operands::CommandBehindDashes,
    ),
    place(&["direnv"], &["exec"], "", Operands::Command(1)),
    place(
        &["poetry", "pipenv", "uv", "hatch", "pdm"],
        &["run"],
        "-C --directory --project --python --with",
        Operands::Command(0),
    ),
    place(&["bundle"], &["exec"], "", Operands::Command(0)),
    // Programs with a language of their own.
    filter(
        &["awk", "gawk", "mawk", "nawk", "original-awk"],
        "-F -v --field-separator --assign",
        "-e --source",
        "-f --file",
        "-v name=${…} and `name` in the program",
    ),
    filter(
        &["sed", "gsed"],
        "-l --line-length",
        "-e --expression",
        "-f --file",
        "awk -v name=${…}, or `${replace(…)}` on the text before the command",
    ),
    Program {
        takes_two: "--arg --argjson --slurpfile --rawfile",
        ..filter(
            &["jq", "gojq", "jaq"],
            "--indent -L",
            "",
            "-f --from-file",
            "--arg name ${…} and `$name` in the program",
        )
    },
    filter(
        &["yq"],
        "-o -p -I --indent --output-format --input-format --arg --argjson",
        "--expression",
        "--from-file -f",
        "`NAME=${…} yq …` and `strenv(NAME)` in the program",
    ),
    filter(
        &["expect"],
        "",
        "-c",
        "-f -b",
        "an operand, and `[lindex $argv 0]` in the program",
    ),
    interpreter(
        &["python", "python2", "python3", "pypy3"],
        "-W -X --check-hash-based-pycs",
        "-c",
        "-m",
        "an argument, and `sys.argv[1]` in the program",
    ),
    interpreter(
        &["perl"],
        "-I -F -x -C",
        "-e -E -M -m",
        "",
        "an argument, and `$ARGV[0]` in the program",
    ),
    interpreter(
        &["ruby"],
        "-I -r -E -C -F",
        "-e",
        "",
        "an argument, and `ARGV[0]` in the program",
    ),
    interpreter(
        &["node", "nodejs", "deno", "bun"],
        "-r --require --import --loader",
        "-e --eval -p --print",
        "",
        "an argument, and `process.argv` in the program",
    ),
    interpreter(
        &["php"],
        "-c -d -z",
        "-r -R -B -E",
        "-f -F",
        "an argument, and `$argv[1]` in the program",
    ),
    interpreter(
        &["lua", "luajit"],
        "-l",
        "-e",
        "",
        "an argument, and `arg[1]` in the program",
    ),
    interpreter(
        &["Rscript", "R"],
        "",
        "-e",
        "-f --file",
        "an argument, and `commandArgs()` in the program",
    ),
    interpreter(
        &["pwsh", "powershell"],
        "",
        "-c -Command",
        "-f -File",
        "an argument, and `$args[0]` in the program",
    ),
    database(
        &["psql"],
        "-d -h -p -U -v -L -o -F -P -R -T --dbname --host --port --username \
--set --variable --output --field-separator --pset",
        "-c --command",
        "-f --file",
        SQL,
    ),
    database(
        &["mysql", "mariadb"],
        "-h -P -u -D -S -p --host --port --user --database --socket \
--default-character-set --defaults-file --defaults-extra-file",
        "-e --execute --init-command",
        "",
        "a check of the value by `where matches(…)`, and a statement with \
parameters in a program",
    ),
    filter_database(
        &["sqlite3"],
        "-separator -newline -nullvalue",
        "-cmd",
        "-init",
        "`.parameter set @name`, with a check of the value by `where \
matches(…)`",
    ),
    database(
        &[
            "sqlcmd",
            "sqlplus",
            "clickhouse-client",
            "cqlsh",
            "cockroach",
        ],
        "-S -d -U -P -h -u --host --port --user --database",
        "-Q -q -e --query --execute",
        "-i -f --file",
        "the parameters of the client",
    ),
    database(
        &["mongo", "mongosh"],
        "-u -p --host --port --username --password --authenticationDatabase",
        "--eval",
        "-f --file",
        "a variable of the environment, and `process.env.NAME` in the program",
    ),
    database(
        &["redis-cli"],
        "-h -p -a -n -u -s",
        "--eval",
        "",
        "an argument of one command, in place of commands on standard input",
    ),
];

/// Shells.
pub const SHELLS: &[&str] = &[
    "sh", "bash", "dash", "ash", "ksh", "ksh93", "mksh", "zsh", "rbash", "fish",
];
