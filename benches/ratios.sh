# shellcheck shell=bash
# What the benchmarks of whole processes share.

# Runs a command: wall, then user and system time together, in seconds.
measure() {
  local TIMEFORMAT='%R %U %S'
  { time "$@" > /dev/null; } 2>&1 | tail -n 1 | awk '{ print $1, $2 + $3 }'
}

# Reads a line for each round: wall and processor time of the one, then of the other. Prints each
# with its ratios, and the medians of these.
ratios() {
  awk -v one="$1" -v other="$2" '
  { wall[NR] = $1 / $3; cpu[NR] = $2 / $4
    printf "%s %.4f s wall %.4f s cpu   %s %.4f s wall %.4f s cpu   ratio %.3f %.3f\n",
      one, $1, $2, other, $3, $4, wall[NR], cpu[NR] }
  END { n = sorted(wall, NR); m = sorted(cpu, NR)
    printf "median ratio: wall %.3f, cpu %.3f\n", wall[int((NR + 1) / 2)], cpu[int((NR + 1) / 2)] }
  function sorted(list, n,  i, j, t) {
    for (i = 2; i <= n; i++) {
      t = list[i]
      for (j = i - 1; j > 0 && list[j] > t; j--) list[j + 1] = list[j]
      list[j + 1] = t
    }
    return n
  }'
}
