#!/bin/sh
# Looks at a deployed service: its page must be there, and a version marked bad must not be.
set -eu
folder=$1
version=$2
test -s "$folder/index.txt" || { echo "$folder/index.txt is missing or empty" >&2; exit 1; }
case $version in
  *-bad) echo "$version answers with errors" >&2; exit 3 ;;
esac
echo "$folder answers"
