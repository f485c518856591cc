# shellcheck shell=bash
# Programs that a script of CI needs, to be sourced. Who sources it may have a `stop` of its own.

say() {
  printf -- '-- %s\n' "$*"
}

stop() {
  printf '%s: %s\n' "$(basename "$0")" "$*" >&2
  exit 1
}

# A registry may be slow or away for a moment, or another script may install something.
patiently() {
  local try
  for try in 1 2 3; do
    "$@" && return
    say "try $try of 3 failed: $*"
    sleep $((try * 5))
  done
  stop "could not be done, perhaps the registry cannot be reached: $*"
}

# A program that must be there: `need PROGRAM PACKAGE…`, where the packages are Debian's.
need() {
  local wanted=$1
  shift
  PATH=$PATH:/usr/sbin:/sbin command -v "$wanted" >/dev/null && return
  say "installing $*"
  command -v apt-get >/dev/null || stop "\`$wanted\` is missing: install $*"
  export DEBIAN_FRONTEND=noninteractive
  local apt=(apt-get -o DPkg::Lock::Timeout=600 -qq)
  patiently "${apt[@]}" update
  patiently "${apt[@]}" install -y --no-install-recommends "$@" >/dev/null
  PATH=$PATH:/usr/sbin:/sbin command -v "$wanted" >/dev/null ||
    stop "\`$wanted\` is still missing after installing $*"
}
