#!/usr/bin/env bash
# What the journal costs: 10,000 commands that do nothing, 8 at once, with it and without it, in
# turn. Prints wall and processor time of each round, and the medians of the ratios.
#
#   benches/journal.sh [ROUNDS] [COMMANDS]
#
# LOCKSTEP is the program, FOLDER where it works: on /dev/shm nothing waits for a disk.
set -euo pipefail
# shellcheck source=benches/ratios.sh
. "$(dirname "$0")/ratios.sh"
program=${LOCKSTEP:-$(dirname "$0")/../target/release/lockstep}
program=$(realpath "$program")
rounds=${1:-5}
commands=${2:-10000}
folder=$(mktemp -d -p "${FOLDER:-/tmp}")
trap 'rm -rf "$folder"' EXIT
cd "$folder"
echo "pipeline p { parallel n in range(0, $commands) { run \"/bin/true\" } }" > bench.deploy

run() {
  measure "$program" run bench.deploy --format json --max 8 "$@"
}

run > /dev/null
run --no-journal > /dev/null
for _ in $(seq "$rounds"); do
  rm -rf .lockstep
  on=$(run)
  off=$(run --no-journal)
  echo "$on $off"
done | ratios journal none
