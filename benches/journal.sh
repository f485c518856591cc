#!/usr/bin/env bash
# What the journal costs: 10,000 commands that do nothing, 8 at once, with it and without it, in
# turn. Prints wall and processor time of each round, and the medians of the ratios.
#
#   benches/journal.sh [ROUNDS] [COMMANDS]
#
# LOCKSTEP is the program, FOLDER where it works: on /dev/shm nothing waits for a disk.
set -euo pipefail
program=${LOCKSTEP:-$(dirname "$0")/../target/release/lockstep}
program=$(realpath "$program")
rounds=${1:-5}
commands=${2:-10000}
folder=$(mktemp -d -p "${FOLDER:-/tmp}")
trap 'rm -rf "$folder"' EXIT
cd "$folder"
echo "pipeline p { parallel n in range(0, $commands) { run \"/bin/true\" } }" > bench.deploy

# Wall, then user and system time, in seconds.
measure() {
  local TIMEFORMAT='%R %U %S'
  { time "$program" run bench.deploy --format json --max 8 "$@" > /dev/null; } 2>&1 |
    awk '{ print $1, $2 + $3 }'
}

measure > /dev/null
measure --no-journal > /dev/null
for _ in $(seq "$rounds"); do
  rm -rf .lockstep
  on=$(measure)
  off=$(measure --no-journal)
  echo "$on $off"
done | awk '
  { wall[NR] = $1 / $3; cpu[NR] = $2 / $4
    printf "journal %.2f s wall %.2f s cpu   none %.2f s wall %.2f s cpu   ratio %.3f %.3f\n",
      $1, $2, $3, $4, wall[NR], cpu[NR] }
  END { n = asort_(wall, NR); m = asort_(cpu, NR)
    printf "median ratio: wall %.3f, cpu %.3f\n", wall[int((NR + 1) / 2)], cpu[int((NR + 1) / 2)] }
  function asort_(list, n,  i, j, t) {
    for (i = 2; i <= n; i++) {
      t = list[i]
      for (j = i - 1; j > 0 && list[j] > t; j--) list[j + 1] = list[j]
      list[j + 1] = t
    }
    return n
  }'
