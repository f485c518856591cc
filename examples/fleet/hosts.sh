#!/bin/sh
# Four hosts on this machine: each has an address of its own in 127.0.0.0/8, an sshd and an nginx.
# It needs Linux, OpenSSH and nginx, but not root.
#
#   hosts.sh up       makes and starts them in $FLEET_ROOT, by default /tmp/lockstep-fleet
#   hosts.sh down     ends them, and all that runs on them, and removes the folder
#
# nginx listens on $FLEET_PORT (8300), the shop on the two ports after it, sshd on the third. The
# program `ssh` in $FLEET_ROOT/bin knows the hosts by name: put that folder first into the PATH.
set -eu
root=${FLEET_ROOT:-/tmp/lockstep-fleet}
port=${FLEET_PORT:-8300}
here=$(cd "$(dirname "$0")" && pwd)
PATH=$PATH:/usr/sbin:/sbin
hosts='north-1 127.0.0.11
north-2 127.0.0.12
south-1 127.0.0.13
south-2 127.0.0.14'

# One host: `host NAME ADDRESS`.
host() {
  mkdir -p "$root/$1/nginx/conf.d" "$root/$1/nginx/tmp" "$root/$1/running"
  ssh-keygen -q -t ed25519 -N '' -f "$root/$1/hostkey"
  cat > "$root/$1/sshd.conf" <<END
Port $((port + 3))
ListenAddress $2
HostKey $root/$1/hostkey
PidFile $root/$1/running/sshd
AuthorizedKeysFile $root/id.pub
PasswordAuthentication no
KbdInteractiveAuthentication no
UsePAM no
StrictModes no
SetEnv PATH=$PATH HOME=$root/$1
END
  printf '[%s]:%s %s\n' "$2" "$((port + 3))" "$(cat "$root/$1/hostkey.pub")" >> "$root/known"
  printf 'Host %s\n  HostName %s\n  Port %s\n' "$1" "$2" "$((port + 3))" >> "$root/config"
  cat > "$root/$1/nginx/nginx.conf" <<END
pid $root/$1/running/nginx;
error_log $root/$1/nginx/error.log;
events {}
http {
  access_log off;
  client_body_temp_path $root/$1/nginx/tmp;
  proxy_temp_path $root/$1/nginx/tmp;
  fastcgi_temp_path $root/$1/nginx/tmp;
  uwsgi_temp_path $root/$1/nginx/tmp;
  scgi_temp_path $root/$1/nginx/tmp;
  include conf.d/*.conf;
  server {
    listen $2:$port;
    location / {
      proxy_pass http://shop;
      # What one server does not answer well is asked of the next one.
      proxy_next_upstream error timeout http_500 http_502 http_503;
    }
  }
}
END
  # Nothing serves before the first deployment.
  printf 'upstream shop {\n  server %s:%s down;\n}\n' "$2" "$((port + 1))" \
    > "$root/$1/nginx/conf.d/shop.conf"
  "$(command -v sshd)" -f "$root/$1/sshd.conf" -E "$root/$1/sshd.log"
  nginx -p "$root/$1/nginx" -c "$root/$1/nginx/nginx.conf"
}

up() {
  if [ -e "$root" ]; then
    echo "$root is there already: $0 down" >&2
    exit 1
  fi
  # As root sshd wants this folder.
  if [ "$(id -u)" = 0 ]; then mkdir -p /run/sshd; fi
  mkdir -p "$root/bin"
  chmod 755 "$root"
  ssh-keygen -q -t ed25519 -N '' -f "$root/id"
  echo "$hosts" | while read -r name address; do host "$name" "$address"; done
  cat >> "$root/config" <<END
Host *
  IdentityFile $root/id
  IdentitiesOnly yes
  UserKnownHostsFile $root/known
  GlobalKnownHostsFile none
END
  printf '#!/bin/sh\nexec %s -F %s/config "$@"\n' "$(command -v ssh)" "$root" > "$root/bin/ssh"
  chmod 755 "$root/bin/ssh"
  echo "four hosts are up; now:"
  echo "  PATH=$root/bin:\$PATH lockstep run $here/fleet.deploy"
}

down() {
  for file in "$root"/*/running/*; do
    case $file in
      *.log | *.version) continue ;;
    esac
    if [ -f "$file" ]; then kill "$(cat "$file")" 2>/dev/null || true; fi
  done
  rm -rf "$root"
}

case ${1:-} in
  up | down) "$1" ;;
  *)
    sed -n '2,/^set/{/^#/p;}' "$0" >&2
    exit 2
    ;;
esac
