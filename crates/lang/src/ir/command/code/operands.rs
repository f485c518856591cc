//! Programs that would read an operand that begins with `-` as an option, as data, and what is done
//! about a value at such a place: `--` before it, or a check of the value when it is known.

use std::sync::LazyLock;

use super::arguments::basename;
use super::rows::Rows;
use super::{Finding, Reader, Use};
use crate::ir::command::tree::{ShellWord, VALUE};

/// A program with operands.
struct OperandReader {
    names: &'static [&'static str],
    /// The word that must follow, where it is one of several uses.
    subcommand: &'static str,
    /// Its options that take a further word.
    takes: &'static str,
    /// Whether `--` ends its options.
    dashes: bool,
}

const fn with_dashes(names: &'static [&'static str], takes: &'static str) -> OperandReader {
    OperandReader {
        names,
        subcommand: "",
        takes,
        dashes: true,
    }
}

const fn git(subcommand: &'static str, takes: &'static str) -> OperandReader {
    OperandReader {
        names: &["git"],
        subcommand,
        takes,
        dashes: true,
    }
}

const fn without(names: &'static [&'static str], takes: &'static str) -> OperandReader {
    OperandReader {
        names,
        subcommand: "",
        takes,
        dashes: false,
    }
}

const READERS: &[OperandReader] = &[
    with_dashes(
        &["ssh", "autossh"],
        "-B -b -c -D -E -e -F -I -i -J -L -l -m -o -O -p -P -Q -R -S -W -w -M",
    ),
    with_dashes(
        &["scp", "sftp"],
        "-c -F -i -J -l -o -P -S -X -D -b -B -R -s",
    ),
    with_dashes(
        &["rsync"],
        "-e --rsh -f --filter --exclude --include --exclude-from \
--include-from --files-from --out-format --log-file --password-file \
--port --timeout --chmod --chown --bwlimit --rsync-path -M \
--remote-option --temp-dir -T --backup-dir --suffix --partial-dir \
--compare-dest --copy-dest --link-dest --max-size --min-size --info \
--debug --address",
    ),
    git(
        "clone",
        "-b --branch -o --origin -u --upload-pack -c --config --depth \
--reference --template -j --jobs --separate-git-dir --shallow-since \
--filter -C",
    ),
    git(
        "fetch",
        "--depth -j --jobs --upload-pack --refmap --shallow-since -o -C -c",
    ),
    git(
        "pull",
        "--depth -j --jobs --upload-pack -s --strategy -X --strategy-option \
-C -c",
    ),
    git(
        "push",
        "-o --push-option --receive-pack --exec --repo -C -c",
    ),
    git("ls-remote", "--upload-pack -o --sort -C -c"),
    git("add", "-C -c --chmod --pathspec-from-file"),
    git("rm", "-C -c"),
    git("mv", "-C -c"),
    with_dashes(
        &["curl"],
        "-H --header -d --data --data-raw --data-binary --data-urlencode -o \
--output -X --request -u --user -A --user-agent -b --cookie -c \
--cookie-jar -e --referer -F --form -T --upload-file -K --config -m \
--max-time --connect-timeout --retry --retry-delay --retry-max-time \
-x --proxy --cacert --cert -E --key --capath -w --write-out \
--resolve --limit-rate -r --range --url --json -C --continue-at -D \
--dump-header --interface --max-redirs --unix-socket --aws-sigv4 \
--oauth2-bearer -y -Y -z -t -Q -P -h -U",
    ),
    with_dashes(
        &["wget"],
        "-O -o -P -t -T -U -e -i -a -B -Q -w -l -A -R -D -I -X --header \
--user --password --post-data --output-document --execute",
    ),
    with_dashes(
        &[
            "rm",
            "rmdir",
            "cat",
            "tac",
            "wc",
            "tee",
            "readlink",
            "realpath",
            "dirname",
            "sha1sum",
            "sha256sum",
            "sha512sum",
            "md5sum",
            "b2sum",
            "unlink",
        ],
        "",
    ),
    with_dashes(&["cp", "mv", "ln"], "-t -S --target-directory --suffix"),
    with_dashes(&["mkdir"], "-m -Z --mode"),
    with_dashes(&["touch"], "-d -r -t --date --reference"),
    with_dashes(&["ls"], "-I -w -T"),
    with_dashes(&["head", "tail"], "-n -c -s --lines --bytes --pid"),
    with_dashes(&["sort"], "-k -t -o -S -T --key --field-separator --output"),
    with_dashes(&["uniq"], "-f -s -w"),
    with_dashes(&["cut"], "-d -f -c -b"),
    with_dashes(&["stat"], "-c -f --format --printf"),
    with_dashes(&["du"], "-d -t -B --max-depth --exclude"),
    with_dashes(&["basename"], "-s --suffix"),
    with_dashes(&["chmod", "chown", "chgrp"], "--reference --from"),
    with_dashes(&["install"], "-m -o -g -t -S --mode --owner --group"),
    with_dashes(&["diff", "cmp"], "-U -C -x -I -W -n -i"),
    with_dashes(
        &[
            "gzip", "gunzip", "zcat", "xz", "unxz", "bzip2", "bunzip2", "zstd",
        ],
        "-S",
    ),
    with_dashes(
        &["grep", "egrep", "fgrep"],
        "-e -f -m -A -B -C -d -D --regexp --file --max-count --include \
--exclude",
    ),
    without(&["git"], "-C -c -b -B -m -F -n -u -o --format --prefix"),
    without(&["find"], ""),
    without(&["tar"], "-f -C -T -X -b -g -I"),
    without(
        &["docker", "podman", "nerdctl", "docker-compose"],
        "-f -H -c -e -v -p -w -u -t -l -n",
    ),
    without(&["kubectl", "oc"], "-n -f -l -o -c -s -p -v -k"),
    without(&["helm"], "-n -f -o"),
    without(&["zip", "unzip", "7z"], "-d -x -P -i"),
    without(&["make", "gmake"], "-C -f -j -l -I -o -W"),
    without(
        &[
            "npm", "yarn", "pnpm", "pip", "pip3", "gem", "cargo", "go", "apt-get", "apt", "dnf",
            "yum", "apk", "brew",
        ],
        "-C -o -p -r -c -t",
    ),
    without(
        &["systemctl", "service", "journalctl"],
        "-H -M -u -n -o -p -t",
    ),
    without(
        &[
            "terraform",
            "tofu",
            "ansible-playbook",
            "ansible",
            "vault",
            "aws",
            "gcloud",
            "az",
            "gh",
            "glab",
        ],
        "-i -e -l -u -t -R",
    ),
    without(
        &[
            "useradd",
            "usermod",
            "userdel",
            "mount",
            "umount",
            "kill",
            "chroot",
            "skopeo",
            "crane",
            "rclone",
            "mysqldump",
            "pg_dump",
            "psql",
            "mysql",
            "sed",
            "openssl",
            "gpg",
            "patch",
            "ping",
            "dig",
            "nc",
        ],
        "-u -g -G -d -s -o -t -h -p -U -W -c -f -e -i -k -n -w",
    ),
];

static ROWS: LazyLock<Rows<OperandReader>> = LazyLock::new(|| Rows::of(READERS, |row| row.names));

/// Finds the values that a program could read as options. `end` is where the words of another
/// command begin.
pub fn check(words: &[ShellWord], end: usize, found: &mut Vec<Finding>) {
    let words = words.get(..end).unwrap_or(words);
    let Some(name) = words.first().and_then(ShellWord::known).map(basename) else {
        return;
    };
    let uses = |reader: &&OperandReader| {
        reader.subcommand.is_empty()
            || words
                .iter()
                .skip(1)
                .any(|word| word.known() == Some(reader.subcommand))
    };
    let Some(reader) = ROWS.named(name).find(uses) else {
        return;
    };
    let takes = |option: &str| {
        reader
            .takes
            .split_ascii_whitespace()
            .any(|one| one == option)
    };
    let mut at = 1;
    while let Some(word) = words.get(at) {
        if word.known() == Some("--") {
            return;
        }
        if !word.text.starts_with(VALUE) {
            let last = word.text.chars().last().unwrap_or_default();
            let cluster = word.text.starts_with('-') && !word.text.starts_with("--");
            let takes_next = word.literal
                && (takes(&word.text)
                    || (cluster && word.text.len() > 2 && takes(&format!("-{last}"))));
            at += if takes_next { 2 } else { 1 };
            continue;
        }
        let Some(piece) = word.values.first() else {
            return;
        };
        let before = &words[at - 1];
        let behind_option = before.text.starts_with('-') && before.literal;
        let unclear = behind_option && (before.text.starts_with("--") || !reader.dashes);
        let later = words.iter().skip(at + 1);
        let options_later = later
            .clone()
            .any(|word| !word.literal && word.text.starts_with('$') || word.text.starts_with('-'));
        let mut add = |piece: usize, used: Use| {
            found.push(Finding {
                piece,
                used,
                reader: Reader::Program(name.to_string()),
                direct: true,
            });
        };
        if reader.dashes && !unclear && !options_later {
            let command = words.first().map_or(0, |first| first.start);
            let word = word.start;
            add(*piece, Use::Dashes { command, word });
        } else if !unclear || reader.dashes {
            // Elsewhere an option that is not known may take it.
            add(*piece, Use::Operand);
        }
        at += 1;
    }
}
