#!/usr/bin/env bash
# Runs a plan and adds it to the history of commits: ci/history.sh [PLAN]. The history is the branch
# tracerig-history (BRANCH=NAME moves it), which is not pushed. The page is history.html in the
# folder of the run: tracerig-out/history, or one beside it, or $OUT. RUNS=3 measures the commit
# three times, into $OUT, $OUT-again-2 and $OUT-again-3.
set -euo pipefail
cd "$(dirname "$0")/.."

plan=${1:-ci}
branch=${BRANCH:-tracerig-history}
out=$(ci/unused.sh "${OUT:-}" tracerig-out/history)

cargo build --locked --release --bin tracerig
tracerig=${CARGO_TARGET_DIR:-target}/release/tracerig
code=0
"$tracerig" run --plan "$plan" --out "$out" || code=$?
# Without a record there is nothing to add.
[ -d "$out" ] || exit "$code"
# A run that did not end well is a part of the history, too.
"$tracerig" history add "$out" --branch "$branch"
for ((run = 2; run <= ${RUNS:-1}; run++)); do
    again=$out-again-$run
    "$tracerig" run --plan "$plan" --out "$again" || code=$?
    [ ! -d "$again" ] || "$tracerig" history add "$again" --branch "$branch" --again
done
"$tracerig" history show --branch "$branch" --html "$out/history.html" | tee "$out/history.txt"
if [ -n "${GITHUB_STEP_SUMMARY:-}" ]; then
    { echo '```text'; cat "$out/history.txt"; echo '```'; } >> "$GITHUB_STEP_SUMMARY"
fi
exit "$code"
