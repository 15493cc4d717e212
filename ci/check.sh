#!/usr/bin/env bash
# Shows the verdict of a comparison among the checks of a commit: ci/check.sh COMMENT.md
#
# COMMENT.md is the output of `tracerig report DIR --format comment --revision SHA`. A verdict that
# is inconclusive becomes a neutral check, because a job of a workflow can only pass or fail. It
# needs gh, GH_REPO and HEAD_SHA, as ci/comment.sh does; DRY_RUN=1 prints what would be done.
set -euo pipefail

file=$1
first=$(head -n 1 "$file")
pattern='^<!-- tracerig: comparison revision=([0-9a-f]{40,64}) state=([a-z]+) -->$'
if ! [[ $first =~ $pattern ]] || [ "${BASH_REMATCH[1]}" != "$HEAD_SHA" ]; then
    echo "ci/check.sh: $file is not a comment about $HEAD_SHA;" \
        "write it with \`tracerig report\`" >&2
    exit 1
fi
state=${BASH_REMATCH[2]}
case $state in
    same | better) conclusion=success ;;
    inconclusive | incomplete) conclusion=neutral ;;
    *) conclusion=failure ;;
esac
call=(api -X POST "repos/$GH_REPO/check-runs" -f "name=tracerig comparison"
    -f "head_sha=$HEAD_SHA" -f status=completed
    -f "conclusion=$conclusion" -f "output[title]=$state" -F "output[summary]=@$file")
if [ "${DRY_RUN:-0}" = 1 ]; then
    echo "would call: gh ${call[*]}"
else
    gh "${call[@]}" > /dev/null
fi
echo "check: $conclusion ($state)"
