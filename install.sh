#!/bin/sh
# Installs a released `lockstep` for Linux or macOS, and verifies its checksum before anything is
# unpacked.
#
#     curl --proto '=https' --tlsv1.2 -fsSL https://github.com/lockstep-lang/lockstep/releases/latest/download/install.sh | sh
#
# LOCKSTEP_VERSION   the version, such as 0.1.0; without it the latest release
# LOCKSTEP_BIN_DIR   where the program goes; without it ~/.local/bin
# LOCKSTEP_BASE_URL  where the releases are, https:// or file://; for mirrors and tests
#
# It changes no file but the program, and needs no rights beyond those for that folder.
set -eu

repository=https://github.com/lockstep-lang/lockstep

fail() {
  printf 'install.sh: %s\n' "$*" >&2
  exit 1
}

has() {
  command -v "$1" >/dev/null 2>&1
}

# The name of the release for this machine.
target() {
  case "$(uname -s)" in
    Linux) system=unknown-linux-gnu ;;
    Darwin) system=apple-darwin ;;
    *) fail "there is no release for $(uname -s): Lockstep runs on Linux and macOS" ;;
  esac
  case "$(uname -m)" in
    x86_64 | amd64) processor=x86_64 ;;
    aarch64 | arm64) processor=aarch64 ;;
    *) fail "there is no release for the processor $(uname -m): cargo install lockstep-lang --locked" ;;
  esac
  printf '%s-%s' "$processor" "$system"
}

# Fetches $1 to the file $2. Nothing but https and local files: a checksum that came over an open
# line would prove nothing.
fetch() {
  case "$1" in
    file://*) cp "${1#file://}" "$2" ;;
    https://*)
      has curl || fail "curl is needed"
      curl --proto '=https' --tlsv1.2 -fsSL --retry 3 -o "$2" "$1"
      ;;
    *) fail "only https:// and file:// are allowed, not $1" ;;
  esac || fail "cannot fetch $1"
}

# The SHA-256 of a file.
checksum() {
  if has sha256sum; then
    sha256sum "$1"
  elif has shasum; then
    shasum -a 256 "$1"
  elif has openssl; then
    openssl dgst -sha256 -r "$1"
  else
    fail "sha256sum, shasum or openssl is needed to verify the download"
  fi | cut -d ' ' -f 1
}

main() {
  has tar || fail "tar is needed"
  version=${LOCKSTEP_VERSION:-latest}
  folder=${LOCKSTEP_BIN_DIR:-${HOME:?}/.local/bin}
  base=${LOCKSTEP_BASE_URL:-$repository/releases}
  case "$version" in
    latest) from=$base/latest/download ;;
    *) from=$base/download/v${version#v} ;;
  esac
  name=lockstep-$(target)
  archive=$name.tar.gz

  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  trap 'exit 1' HUP INT TERM
  fetch "$from/$archive" "$work/$archive"
  fetch "$from/$archive.sha256" "$work/$archive.sha256"

  wanted=$(cut -d ' ' -f 1 "$work/$archive.sha256")
  got=$(checksum "$work/$archive")
  [ "${#wanted}" -eq 64 ] || fail "$archive.sha256 holds no checksum"
  [ "$wanted" = "$got" ] ||
    fail "the checksum of $archive is wrong: expected $wanted, got $got; nothing was installed"

  tar -xzf "$work/$archive" -C "$work" || fail "$archive cannot be unpacked"
  program=$work/$name/lockstep
  [ -f "$program" ] || fail "$archive holds no $name/lockstep"
  chmod 755 "$program"
  said=$("$program" --version) || fail "the program does not start on this machine"

  mkdir -p "$folder" || fail "cannot make $folder"
  # A rename is all or nothing, also where the program is running.
  cp "$program" "$folder/.lockstep-new.$$" || fail "cannot write to $folder"
  mv -f "$folder/.lockstep-new.$$" "$folder/lockstep" || {
    rm -f "$folder/.lockstep-new.$$"
    fail "cannot write $folder/lockstep"
  }
  printf 'installed %s as %s\n' "$said" "$folder/lockstep"
  case ":$PATH:" in
    *":$folder:"*) ;;
    *) printf '%s is not in PATH: add it there\n' "$folder" ;;
  esac
}

# Called last, so that a script that was cut off on its way does nothing.
main "$@"
