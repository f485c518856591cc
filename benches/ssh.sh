#!/usr/bin/env bash
# What a command over ssh costs: `true` again and again on a host whose connection is open, against
# `ssh` with a master, in turn. An sshd of its own with default limits is started on loopback.
# Prints wall and processor time of each round, and the medians of the ratios; the server's part is
# in the wall time alone.
#
#   benches/ssh.sh [ROUNDS] [COMMANDS]
#
# LOCKSTEP is the program. `benches/compare ssh` reads what this prints.
set -euo pipefail
program=${LOCKSTEP:-$(dirname "$0")/../target/release/lockstep}
program=$(realpath "$program")
rounds=${1:-7}
commands=${2:-100}

# Runs a command: wall, then user and system time together, in seconds.
measure() {
  local TIMEFORMAT='%R %U %S'
  { time "$@" > /dev/null; } 2>&1 | tail -n 1 | awk '{ print $1, $2 + $3 }'
}

# Reads a line for each round: wall and processor time of ours, then of theirs. Prints each, and the
# medians of their ratios.
ratios() {
  awk '
  { wall[NR] = $1 / $3; cpu[NR] = $2 / $4
    printf "lockstep %.4f s wall %.4f s cpu   ssh %.4f s wall %.4f s cpu   ratio %.3f %.3f\n",
      $1, $2, $3, $4, wall[NR], cpu[NR] }
  END { printf "median ratio: wall %.3f, cpu %.3f\n", median(wall, NR), median(cpu, NR) }
  function median(list, n,  i, j, t) {
    for (i = 2; i <= n; i++) {
      t = list[i]
      for (j = i - 1; j > 0 && list[j] > t; j--) list[j + 1] = list[j]
      list[j + 1] = t
    }
    return list[int((n + 1) / 2)]
  }'
}

folder=$(mktemp -d)
mkdir -p /run/sshd 2>/dev/null || true
cd "$folder"
for key in hostkey id; do ssh-keygen -q -t ed25519 -N "" -f "$key"; done
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
cat > sshd.conf <<END
Port $port
ListenAddress 127.0.0.1
HostKey $folder/hostkey
PidFile none
AuthorizedKeysFile $folder/id.pub
PasswordAuthentication no
UsePAM no
KbdInteractiveAuthentication no
StrictModes no
SetEnv HOME=$folder
END
echo "[127.0.0.1]:$port $(cat hostkey.pub)" > known
cat > config <<END
Host target
 HostName 127.0.0.1
 Port $port
 IdentityFile $folder/id
 IdentitiesOnly yes
 UserKnownHostsFile $folder/known
 ControlPath $folder/master
END
/usr/sbin/sshd -D -f sshd.conf 2> sshd.log &
server=$!
# shellcheck disable=SC2329
end() {
  ssh -F config -O exit target 2>/dev/null || true
  kill "$server" 2>/dev/null || true
  rm -rf "$folder"
}
trap end EXIT
until ssh -F config target true 2>/dev/null; do sleep 0.1; done
cat > bench.deploy <<END
pipeline p {
  on ssh("target", config: "$folder/config") {
    serial n in range(0, $commands) { run "true" }
  }
}
pipeline one {
  on ssh("target", config: "$folder/config") { run "true" }
}
END

# shellcheck disable=SC2329
by_master() {
  for _ in $(seq "$commands"); do ssh -F config target true; done
}
ssh -F config -o ControlMaster=yes -N -f target

measure "$program" run bench.deploy p > /dev/null
for _ in $(seq "$rounds"); do
  rm -rf .lockstep
  # The connection, which a run opens and ends, is not a part of the comparison.
  alone=$(measure "$program" run bench.deploy one)
  ours=$(measure "$program" run bench.deploy p)
  theirs=$(measure by_master)
  # For each command.
  echo "$ours $theirs $alone" | awk -v n="$commands" \
    '{ print ($1 - $5) / (n - 1), ($2 - $6) / (n - 1), $3 / n, $4 / n }'
done | ratios
