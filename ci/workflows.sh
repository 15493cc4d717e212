#!/usr/bin/env bash
# Checks the workflows without running them: actions are pinned by revision, verdicts need no
# secret, foreign text reaches no script, and scripts exist and parse. With actionlint in PATH it
# checks their syntax, too, and with zizmor what an attacker could use.
set -euo pipefail
cd "$(dirname "$0")/.."

bad=0
complain() { echo "ci/workflows.sh: $*" >&2; bad=1; }
for workflow in .github/workflows/*.yml; do
    while read -r used; do
        [[ $used =~ ^[A-Za-z0-9_./-]+@[0-9a-f]{40}\ #\ v ]] ||
            complain "$workflow: \`$used\` is not pinned as ACTION@REVISION # vVERSION"
    done < <(sed -n 's/^ *\(- \)\?uses: //p' "$workflow")
    if grep -n 'secrets\.' "$workflow"; then complain "$workflow: a secret"; fi
    # An expression within a script is pasted into it: names of branches and titles are code then.
    if awk 'function tell() { if (/\$\{\{/) print FILENAME": "$0 }
            { match($0, /^ *(- )?/); depth = RLENGTH }
            /^ *(- )?run: / { tell(); block = /[|>][-+]?$/; of = depth; next }
            block { if (NF && depth <= of) block = 0; else tell() }' "$workflow" | grep .; then
        complain "$workflow: an expression within a script; pass it by \`env\`"
    fi
    while read -r script; do
        [ -x "$script" ] || complain "$workflow: $script is not an executable script"
    done < <(grep -o '\bci/[a-z-]*\.sh' "$workflow" | sort -u)
    # What has the rights to write never runs the code of a pull request.
    foreign='ref: *\$\{\{|head_sha *\}\}.*checkout|git (fetch|checkout)'
    if grep -q 'workflow_run:' "$workflow" && grep -nE "$foreign" "$workflow"; then
        complain "$workflow: it checks out foreign code with rights to write"
    fi
done
for script in ci/*.sh .ci/run; do
    bash -n "$script" || complain "$script does not parse"
done
if command -v actionlint > /dev/null; then
    actionlint || bad=1
else
    echo "actionlint is not installed, so the syntax of the workflows is not checked" >&2
fi
if command -v zizmor > /dev/null; then
    zizmor --offline --quiet .github/workflows || bad=1
else
    echo "zizmor is not installed, so the workflows are not searched for weaknesses" >&2
fi
exit "$bad"
