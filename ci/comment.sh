#!/usr/bin/env bash
# Keeps one comment about a comparison on a pull request: ci/comment.sh COMMENT.md
#
# COMMENT.md is the output of `tracerig report DIR --format comment --revision SHA`. Its first line
# is a hidden marker with revision and state. A comment that has the marker is updated; if there is
# none, one is made, unless the state is `same`. Nothing happens if the pull request has a newer
# head, or is closed.
#
# It needs gh and these variables:
#   GH_REPO                  owner/name of the repository
#   HEAD_SHA                 the revision that was compared
#   HEAD_OWNER, HEAD_BRANCH  where that revision is the head: the pull request is found by them
#   AUTHOR                   who makes the comments [default: github-actions[bot]]
#   RUN_URL                  page of the workflow run, linked at the end [default: no link]
#   DRY_RUN=1                print what would be done, and do nothing
set -euo pipefail

file=$1
author=${AUTHOR:-github-actions[bot]}
marker='<!-- tracerig: comparison '
fail() { echo "ci/comment.sh: $*" >&2; exit 1; }
act() { if [ "${DRY_RUN:-0}" = 1 ]; then echo "would call: gh $*"; else gh "$@" > /dev/null; fi; }

first=$(head -n 1 "$file")
pattern='^<!-- tracerig: comparison revision=([0-9a-f]{40,64}) state=([a-z]+) -->$'
[[ $first =~ $pattern ]] ||
    fail "$file does not begin with the marker of a comment; write it with \`tracerig report\`"
revision=${BASH_REMATCH[1]} state=${BASH_REMATCH[2]}
[ "$revision" = "$HEAD_SHA" ] || fail "$file is about $revision, not $HEAD_SHA"
# They become a part of a filter.
[[ $author =~ ^[A-Za-z0-9_-]+(\[bot\])?$ ]] || fail "AUTHOR=$author is not the name of a user"

pulls=$(gh api -X GET "repos/$GH_REPO/pulls" -f state=open -f "head=$HEAD_OWNER:$HEAD_BRANCH" \
    --jq ".[] | select(.head.sha == \"$HEAD_SHA\") | .number")
if [ -z "$pulls" ]; then
    echo "no open pull request has the head $HEAD_SHA: a newer one was pushed, or it is closed"
    exit
fi

body=$(mktemp)
trap 'rm -f "$body"' EXIT
cp "$file" "$body"
if [[ ${RUN_URL:-} =~ ^https://[^[:space:]\)]+$ ]]; then
    printf '\n[Full report and raw samples](%s)\n' "$RUN_URL" >> "$body"
fi

ours=".[] | select(.user.login == \"$author\" and (.body | startswith(\"$marker\"))) | .id"
for pull in $pulls; do
    comments="repos/$GH_REPO/issues/$pull/comments"
    found=$(gh api --paginate "$comments?per_page=100" --jq "$ours" | head -n 1)
    if [ -n "$found" ]; then
        act api -X PATCH "repos/$GH_REPO/issues/comments/$found" -F "body=@$body"
        echo "#$pull: comment $found updated ($state)"
    elif [ "$state" = same ]; then
        echo "#$pull: nothing changed, so nothing is said"
    else
        act api -X POST "$comments" -F "body=@$body"
        echo "#$pull: comment made ($state)"
    fi
done
