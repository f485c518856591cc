# shellcheck shell=bash
# Real clusters for tests, to be sourced: etcd, kube-apiserver, kube-controller-manager and a
# stand-in for the kubelet. Wants $CONTROL_PLANE, the folder with the control plane, $WORK, a folder
# for all files, and $HERE, the root of the repository. What it starts is in $STARTED, by process
# id.

STARTED=()
# The process ids of the servers by the names of their clusters.
declare -A SERVER

# `free_ports N` says N ports that nobody uses.
free_ports() {
  python3 - "$1" <<'END'
import socket, sys
held = [socket.socket() for _ in range(int(sys.argv[1]))]
for one in held:
    one.bind(("127.0.0.1", 0))
print(*(one.getsockname()[1] for one in held))
END
}

# `start LOG COMMAND…` starts a command that goes on.
start() {
  local log=$1
  shift
  "$@" >"$log" 2>&1 &
  STARTED+=("$!")
}

stop_all() {
  local one
  for one in "${STARTED[@]}"; do kill "$one" 2>/dev/null || true; done
  for one in "${STARTED[@]}"; do
    # etcd and the server end in their own time; a test does not wait for it.
    kill -9 "$one" 2>/dev/null || true
    wait "$one" 2>/dev/null || true
  done
  STARTED=()
}

# `start_cluster NAME` starts a cluster and adds contexts to $KUBECONFIG: NAME for an administrator,
# NAME-reader for somebody who may only read, and NAME-applier for somebody who may apply, but
# neither replace nor delete.
start_cluster() {
  local name=$1 folder=$WORK/$1 etcd peer server kubelet
  read -r etcd peer server kubelet < <(free_ports 4)
  mkdir -p "$folder"
  openssl genrsa -out "$folder/sa.key" 2048 2>/dev/null
  openssl rsa -in "$folder/sa.key" -pubout -out "$folder/sa.pub" 2>/dev/null
  openssl req -x509 -newkey rsa:2048 -nodes -keyout "$folder/kubelet.key" -days 30 \
    -out "$folder/kubelet.crt" -subj /CN=kubelet 2>/dev/null
  printf '%s\n' 'admin,admin,admin,"system:masters"' reader,reader,reader applier,applier,applier \
    >"$folder/tokens.csv"
  write_kubeconfig "$name" "https://127.0.0.1:$server"

  start "$folder/etcd.log" etcd --data-dir "$folder/etcd" \
    --listen-client-urls "http://127.0.0.1:$etcd" --advertise-client-urls "http://127.0.0.1:$etcd" \
    --listen-peer-urls "http://127.0.0.1:$peer" \
    --initial-advertise-peer-urls "http://127.0.0.1:$peer" \
    --initial-cluster "default=http://127.0.0.1:$peer" --unsafe-no-fsync
  start "$folder/apiserver.log" "$CONTROL_PLANE/kube-apiserver" \
    --etcd-servers="http://127.0.0.1:$etcd" --bind-address=127.0.0.1 \
    --advertise-address=127.0.0.1 --secure-port="$server" --insecure-port=0 \
    --cert-dir="$folder/certs" --token-auth-file="$folder/tokens.csv" --authorization-mode=RBAC \
    --service-account-key-file="$folder/sa.pub" \
    --service-account-signing-key-file="$folder/sa.key" \
    --service-account-issuer=https://kubernetes.default.svc \
    --service-cluster-ip-range=10.0.0.0/24 --disable-admission-plugins=ServiceAccount
  # shellcheck disable=SC2034 # for who stops and continues it
  SERVER[$name]=$!
  wait_until 60 kubectl --context="$name" get --raw=/readyz
  start "$folder/manager.log" "$CONTROL_PLANE/kube-controller-manager" \
    --kubeconfig="$folder/kubeconfig" --service-account-private-key-file="$folder/sa.key" \
    --controllers=deployment,replicaset,daemonset,statefulset,job,namespace,garbagecollector \
    --bind-address=127.0.0.1 --port=0 --secure-port=0 --leader-elect=false
  start "$folder/kubelet.log" python3 "$HERE/tests/stand-ins/kubelet" \
    "https://127.0.0.1:$server" admin "$kubelet" "$folder/kubelet.crt" "$folder/kubelet.key"
  kubectl --context="$name" create namespace shop >/dev/null
  kubectl --context="$name" create clusterrolebinding reader --clusterrole=view --user=reader \
    >/dev/null
  kubectl --context="$name" create clusterrole applier --verb=get,list,watch,create,patch \
    --resource=deployments,services,configmaps,secrets >/dev/null
  kubectl --context="$name" create clusterrolebinding applier --clusterrole=applier \
    --user=applier >/dev/null
}

# `write_kubeconfig NAME SERVER`
write_kubeconfig() {
  local name=$1 server=$2 user
  kubectl config set-cluster "$name" --server="$server" --insecure-skip-tls-verify >/dev/null
  for user in admin reader applier; do
    kubectl config set-credentials "$user" --token="$user" >/dev/null
  done
  kubectl config set-context "$name" --cluster="$name" --user=admin >/dev/null
  for user in reader applier; do
    kubectl config set-context "$name-$user" --cluster="$name" --user="$user" >/dev/null
  done
  # The controller manager takes the context that is in use.
  kubectl config view --raw --flatten >"$WORK/$name/kubeconfig"
  kubectl --kubeconfig="$WORK/$name/kubeconfig" config use-context "$name" >/dev/null
}

# `wait_until SECONDS COMMAND…` runs a command until it succeeds.
wait_until() {
  local end=$((SECONDS + $1))
  shift
  until "$@" >/dev/null 2>&1; do
    [ "$SECONDS" -lt "$end" ] || return 1
    sleep 0.2
  done
}
