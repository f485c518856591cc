# shellcheck shell=bash
# What the scripts of .ci/targets share. `target NAME PROGRAM` begins one: it makes the folder
# `work` and ends in it what `later` names and what `keep_pid` has noted.

set -euo pipefail
# shellcheck source=.ci/need.sh
. .ci/need.sh

# One line for each thing that was checked.
good() {
  printf 'ok: %s\n' "$*"
}

target() {
  name=$1
  [ -n "${2:-}" ] || stop "usage: .ci/targets/$name PROGRAM"
  program=$(realpath "$2")
  [ -x "$program" ] || stop "$2 is no program"
  root=$(realpath "$(dirname "${BASH_SOURCE[0]}")/../..")
  work=$(mktemp -d "${TMPDIR:-/tmp}/$name.XXXXXX")
  chmod 755 "$work"
  pids=()
  trap end EXIT
  if [ -d "$root/tests/targets/$name" ]; then cp -r "$root/tests/targets/$name/." "$work/"; fi
  cd "$work"
  state=(--state "$work/state")
}

keep_pid() {
  pids+=("$1")
}

# Overwritten by a script that has more to end than processes.
later() {
  true
}

end() {
  local code=$? pid
  set +e
  later
  for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null; done
  wait 2>/dev/null
  cd /
  if [ "$code" != 0 ]; then
    printf '%s: failed, its folder is %s\n' "$name" "$work" >&2
  else
    rm -rf "$work"
  fi
  exit "$code"
}

# A port that nobody uses now.
free_port() {
  python3 -c 'if True:
    import socket
    probe = socket.socket()
    probe.bind(("127.0.0.1", 0))
    print(probe.getsockname()[1])'
}

# Waits until a command succeeds, at most a minute.
await() {
  local _
  for _ in $(seq 300); do
    "$@" >/dev/null 2>&1 && return
    sleep 0.2
  done
  stop "in vain: $*"
}

# Runs a pipeline that must end with this code: `ends CODE WHAT ARGUMENT…`. What it said is in
# `log`.
ends() {
  local wanted=$1 what=$2 code=0
  shift 2
  "$program" "$@" "${state[@]}" --no-input >log 2>&1 || code=$?
  if [ "$code" != "$wanted" ]; then
    cat log
    stop "$what: exit code $code, not $wanted: lockstep $*"
  fi
  good "$what"
}

# Kills a run in the middle, just after it has said a text: `killed TEXT ARGUMENT…`. Its id is in
# `run`.
killed() {
  local text=$1 pid
  shift
  "$program" "$@" "${state[@]}" --no-input >killed.log 2>&1 &
  pid=$!
  await grep -qF -- "$text" killed.log
  sleep 0.7
  kill -KILL "$pid"
  wait "$pid" 2>/dev/null || true
  # shellcheck disable=SC2034 # for who calls it
  run=$(grep -o 'run r-[0-9a-z]*' killed.log | head -1 | cut -d ' ' -f 2)
}

# The id of the newest run.
newest() {
  "$program" runs "${state[@]}" | grep -o 'r-[0-9a-z]*' | head -1
}

# What the last run said must have this in it.
says() {
  grep -qF -- "$1" log || {
    cat log
    stop "it does not say: $1"
  }
}

same() {
  [ "$1" = "$2" ] || stop "$3: it is \`$1\`, not \`$2\`"
  good "$3"
}

# Begins a steady load of requests: `load URL…`.
load() {
  python3 "$root/tests/stand-ins/load.py" load "$@" >load.log 2>&1 &
  loading=$!
  keep_pid "$loading"
  sleep 0.5
}

# Ends the load: `loaded WHAT VERSION…`. None of its requests may have failed, and it must have seen
# these versions, and no other.
loaded() {
  local seen what=$1
  shift
  kill "$loading"
  wait "$loading" || stop "the load ended with $?: $(cat load.log)"
  grep -q '^failed 0$' load || stop "$what: $(cat load)"
  [ "$(sed -n 's/^requests //p' load)" -ge 20 ] || stop "$what: too few requests: $(cat load)"
  seen=$(sed -n 's/^body \(.*\) [0-9]*$/\1/p' load | tr '\n' ' ')
  same "$seen" "$* " "$what: $(head -1 load), none has failed, by version"
}
