# What somebody else does to a tag while a run goes on: meddle.sh true|move|delete REPOSITORY TAG
set -eu
case $1 in
  true) ;;
  move)
    git init -q other
    git -C other fetch -q --depth 1 -- "$2" refs/heads/main
    git -C other tag -f "$3" FETCH_HEAD
    git -C other push -q --force -- "$2" "refs/tags/$3"
    ;;
  delete)
    git init -q other
    git -C other push -q -- "$2" ":refs/tags/$3"
    ;;
esac
