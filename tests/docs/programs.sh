#!/bin/sh
# Stands in for the programs that docs/from-other-tools.md uses, each of which is a link to this file.
# It notes its call, says what the program would say, and fails where it does not know the arguments.
set -eu
name=$(basename "$0")

if [ "$name" = ssh ]; then
  # One opens a connection for the others, and lasts.
  case " $* " in *" -N "*)
    for word; do case $word in ControlPath=*) : > "${word#*=}" ;; esac; done
    exec sleep 600 ;;
  esac
  # The command is the last argument, and options stand before the host.
  for last; do
    case $last in *.example.com | 192.0.2.*) echo "ssh to $last" >> "$CALLS" ;; esac
  done
  exec sh -c "$last"
fi

echo "$name $*" >> "$CALLS"
case "$name $*" in
  # Harness
  "kubectl --context k8"[12]" set image deployment/checkout app=registry.example.com/checkout:v7") ;;
  "kubectl --context k8"[12]" set image deployment/payments app=registry.example.com/payments:v3") ;;
  "kubectl --context k8"[12]" rollout status deployment/"*) ;;
  "curl --fail https://"*".example.com/health") ;;
  # Spinnaker
  "cloud active shop") echo shop-v007 ;;
  "cloud create shop --image shop-v8") test "$AWS_REGION" = eu-west-1 && echo shop-v008 ;;
  "cloud enable shop-v008" | "cloud disable shop-v007" | "cloud destroy-disabled shop") ;;
  "cloud enable shop-v007" | "cloud destroy shop-v008") ;;
  # Argo Rollouts
  "kubectl set image deployment/web-canary web=registry.example.com/web:v8") ;;
  "kubectl rollout status deployment/web-canary" | "kubectl rollout undo deployment/web-canary") ;;
  "kubectl patch httproute web --type merge --patch-file /dev/stdin") cat >> "$CALLS"; echo >> "$CALLS" ;;
  "promtool query instant http://prometheus:9090 error_rate") echo "${ERROR_RATE:-0.002}" ;;
  # GitHub Actions
  "test.sh ubuntu 18" | "test.sh ubuntu 20" | "test.sh macos 20") ;;
  "login.sh staging" | "login.sh production") echo "token-of-$1" ;;
  "ship.sh staging" | "ship.sh production") test "$TOKEN" = "token-of-$1" ;;
  # Argo Workflows
  "check.sh api" | "check.sh web" | "clean-up.sh ") ;;
  # Jenkins
  "make ") ;;
  "ship.sh prod") test "$PASSWORD" = pass-4711 ;;
  "clean-up.sh succeeded") ;;
  # Ansible
  "lb drain web-"[123]".example.com" | "lb add web-"[123]".example.com") ;;
  "dpkg-query --show shop") printf 'shop\t1.7\n' ;;
  "apt-get install -y shop=1."[78] | "systemctl restart shop") ;;
  "curl --fail http://web-2.example.com/health") test -z "${WEB_2_IS_BAD:-}" || exit 22 ;;
  "curl --fail https://example.com/health") ;;
  "curl --fail http://web-"[13]".example.com/health") ;;
  # Kamal
  "docker ps --quiet --filter name=shop") echo c-old ;;
  "docker run --detach --name shop-v8 example/shop:v8") echo c-new ;;
  "docker exec c-new curl --fail http://localhost/up") ;;
  "docker exec proxy switch shop c-new" | "docker stop c-old") ;;
  # Terraform
  "terraform --version") echo "Terraform v1.9.2" ;;
  "terraform plan -input=false -out=plan") test "$(basename "$PWD")" = network ;;
  "terraform plan -input=false -out=plan -var=vpc=vpc-1") test "$(basename "$PWD")" = cluster ;;
  "terraform apply -input=false plan") test "$TF_IN_AUTOMATION" = 1 ;;
  "terraform -chdir=network output -json") echo '{"vpc": {"value": "vpc-1", "type": "string"}}' ;;
  *) echo "$name: unknown arguments: $*" >&2; exit 64 ;;
esac
