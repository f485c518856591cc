# shellcheck shell=bash
# What the scripts in this folder share; each one reads it first, with the program as its argument.
#
#   $program   the program under test, as an absolute path
#   $work      a folder that is removed at the end

name=$(basename "$0")
# shellcheck source=.ci/need.sh
. .ci/need.sh

# One line for each thing that was checked and holds.
ok() {
  printf 'ok %s\n' "$*"
}

program=${1:-}
if [ -z "$program" ]; then
  say "building lockstep"
  cargo build --quiet
  program=target/debug/lockstep
fi
[ -x "$program" ] || stop "$program is no program"
program=$(realpath "$program")

work=$(mktemp -d)
started=()
finish() {
  local pid
  for pid in ${started[@]+"${started[@]}"}; do
    kill "$pid" 2>/dev/null || true
  done
  wait 2>/dev/null || true
  rm -rf "$work"
}
trap finish EXIT

# Starts a program that goes on until the script ends: `background LOG PROGRAM ARGUMENT…`.
background() {
  local log=$1
  shift
  "$@" >"$log" 2>&1 &
  started+=($!)
}

# A port that is free now.
free_port() {
  python3 -c '
import socket
free = socket.socket()
free.bind(("127.0.0.1", 0))
print(free.getsockname()[1])'
}

# Waits until something listens on a port.
listening() {
  local _try
  for _try in $(seq 100); do
    if (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; then return; fi
    sleep 0.1
  done
  stop "nothing listens on port $1"
}

# Runs a pipeline and checks its exit code: `runs CODE FILE PIPELINE ARGUMENT…`. What it showed is
# in $work/out. The file is one of $work/files.
runs() {
  local code=$1 found=0
  shift
  (cd "$work/files" && "$program" run --color never "$@") >"$work/out" 2>&1 || found=$?
  [ "$found" = "$code" ] || {
    cat "$work/out" >&2
    stop "exit code $found instead of $code: lockstep run $*"
  }
}

# Kills Lockstep while something is not answered, and resumes the run, which must succeed:
# `broken_off HANG WHAT FILE PIPELINE ARGUMENT…`, where HANG is the file by which a stand-in is told
# what it is not to answer.
broken_off() {
  local hang=$1 victim run _try
  printf '%s\n' "$2" >"$hang"
  shift 2
  (cd "$work/files" && exec "$program" run --color never "$@") >"$work/cut" 2>&1 &
  victim=$!
  started+=("$victim")
  for _try in $(seq 300); do
    [ -e "$hang" ] || break
    sleep 0.1
  done
  [ ! -e "$hang" ] || stop "it never came to what is not answered: $(cat "$work/cut")"
  kill -9 "$victim"
  wait "$victim" 2>/dev/null || true
  run=$(grep -o -m 1 'r-[0-9a-z]*' "$work/cut")
  (cd "$work/files" && "$program" resume --color never "$run") >"$work/out" 2>&1 || {
    cat "$work/out" >&2
    stop "the run could not be resumed"
  }
}

# Takes the last run back, which must succeed.
taken_back() {
  local run
  run=$(grep -o -m 1 'r-[0-9a-z]*' "$work/out")
  (cd "$work/files" && "$program" undo --color never --yes "$run") >"$work/out" 2>&1 || {
    cat "$work/out" >&2
    stop "the run could not be taken back"
  }
}

# The last run said this text.
said() {
  grep -qF -- "$1" "$work/out" || {
    cat "$work/out" >&2
    stop "the run did not say: $1"
  }
}

# The last run did not say this text.
unsaid() {
  if grep -qF -- "$1" "$work/out"; then
    cat "$work/out" >&2
    stop "the run said: $1"
  fi
}

# Two texts are the same: `same WHAT FOUND WANTED`.
same() {
  [ "$2" = "$3" ] || stop "$1: found \`$2\` instead of \`$3\`"
}

# The files of a target, in a folder of their own.
mkdir -p "$work/files"
cp -R "tests/targets/$name/." "$work/files"
