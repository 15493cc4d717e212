#!/usr/bin/env bash
# The gate: compares the work tree with a revision, in pairs, on this machine:
# ci/bench.sh [BASE-REVISION] [PLAN].
#
# Results go to tracerig-out/compare, or beside it where there are some already, or to $OUT.
# ACCEPT=vm_steps,rchar names exact counters that are meant to change. Exit codes are those of
# `tracerig compare`: 0 the same or better, 3 a wrong answer, 4 a regression, 1 or 2 the gate itself
# failed. On a machine that is not quiet 5 (inconclusive) is common: it is reported, and fails only
# with STRICT=1. Do not put a pipe or `make` around this script: `make` turns every failure into 2,
# and a pipe without `set -o pipefail` turns it into success.
set -euo pipefail
cd "$(dirname "$0")/.."

base=${1:-origin/main}
plan=${2:-ci}
out=$(ci/unused.sh "${OUT:-}" tracerig-out/compare)

cargo build --locked --release --bin tracerig
target=${CARGO_TARGET_DIR:-target}
code=0
"$target/release/tracerig" compare --base-rev "$base" --plan "$plan" --out "$out" \
    ${ACCEPT:+--accept "$ACCEPT"} || code=$?

if [ -n "${GITHUB_STEP_SUMMARY:-}" ] && [ -f "$out/comparison.json" ]; then
    # GitHub drops a summary of more than 1 MiB whole. A failure to show the result does not change
    # it.
    "$target/release/tracerig" report "$out/comparison.json" --format step-summary \
        >> "$GITHUB_STEP_SUMMARY" || true
fi
if [ "$code" -eq 5 ] && [ -n "${GITHUB_ACTIONS:-}" ]; then
    # The job passes, but not unseen.
    said="No regression is proven, and none is ruled out. See the summary of this run."
    echo "::warning title=Inconclusive::$said"
fi
if [ "$code" -eq 5 ] && [ "${STRICT:-0}" != 1 ]; then
    echo "inconclusive: no regression is proven, and none is ruled out;" \
        "run ci/bench.sh $base on a quiet machine" >&2
    exit 0
fi
exit "$code"
