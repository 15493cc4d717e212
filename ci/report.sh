#!/usr/bin/env bash
# Runs a plan and makes its report: ci/report.sh [PLAN]. The page is
# tracerig-out/report/report.html, or in a folder beside it if that exists already. OUT=DIR moves
# it.
set -euo pipefail
cd "$(dirname "$0")/.."

plan=${1:-ci}
out=$(ci/unused.sh "${OUT:-}" tracerig-out/report)

cargo build --locked --release --bin tracerig
target=${CARGO_TARGET_DIR:-target}
code=0
"$target/release/tracerig" run --plan "$plan" --out "$out" || code=$?
# Also of a run that did not end well: its report shows what. The run's code is the graver one.
for made in "--format html" "--export bencher,smaller-is-better"; do
    # Two words each, on purpose.
    # shellcheck disable=SC2086
    "$target/release/tracerig" report "$out" $made --out "$out" || {
        failed=$?
        [ "$code" -ne 0 ] || code=$failed
    }
done
exit "$code"
