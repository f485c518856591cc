#!/bin/sh
# Stands in for the API of a cloud: a folder under `site/` is a region, and a file in it a machine.
#
#   cloud.sh login                  answers with a token, as JSON
#   cloud.sh create REGION IMAGE    makes a machine that starts as told, and answers with its id
#   cloud.sh delete REGION ID       removes a machine
#   cloud.sh idle REGION            answers with the ids of the machines that do not serve
#   cloud.sh serving REGION         answers with the ids of those that do
#   cloud.sh serve REGION ID...     lets these machines serve the region
#   cloud.sh look REGION            fails where the region does not answer well
#
# All but `login` and `look` want the token in CLOUD_TOKEN. A machine whose image ends in
# `-bad-REGION` answers with errors in that region.
set -eu
site=site

wrong() { echo "cloud: $*" >&2; exit 2; }
machines() { ls "$site/$1" | grep '^m-' || :; }
serving() { cat "$site/$1/serving" 2>/dev/null || :; }

case ${1:-} in
  login | look) ;;
  *) [ "${CLOUD_TOKEN:-}" = "$(cat "$site/token")" ] || wrong "the token is not valid" ;;
esac

case ${1:-nothing}:$# in
  login:1)
    mkdir -p "$site"
    echo "t-$(date +%s)-$$" > "$site/token"
    printf '{"token": "%s", "valid": "1h"}\n' "$(cat "$site/token")"
    ;;
  create:3)
    mkdir -p "$site/$2"
    machine=$(mktemp "$site/$2/m-XXXXXX")
    { echo "image $3"; cat; } > "$machine"
    basename "$machine"
    ;;
  delete:3) rm "$site/$2/$3" ;;
  idle:2) for id in $(machines "$2"); do serving "$2" | grep -qx "$id" || echo "$id"; done ;;
  serving:2) serving "$2" ;;
  serve:*)
    [ $# -gt 2 ] || wrong "serve with which machines?"
    region=$2
    shift 2
    for id; do [ -f "$site/$region/$id" ] || wrong "there is no machine $id in $region"; done
    printf '%s\n' "$@" > "$site/$region/serving"
    ;;
  look:2)
    for id in $(serving "$2"); do
      if head -n 1 "$site/$2/$id" | grep -q -- "-bad-$2\$"; then
        echo "$id in $2 answers with errors" >&2
        exit 1
      fi
    done
    ;;
  *) wrong "what is \`$*\`?" ;;
esac
