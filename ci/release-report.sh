#!/usr/bin/env bash
# Compares the work tree with the last tag, judges budgets.toml, and packs the report for a release:
# ci/release-report.sh [PLAN]. SINCE=REV names another revision; OUT=DIR moves the results.
#
# Two files are for the release: release-report.html, the page, and release-report.tar.gz, which has
# every sample, too. Exit codes are those of `tracerig release-report`: 3 a wrong answer, 4 worse or
# over budget, 1 or 2 the report itself failed. 5 (inconclusive), which is common on a machine that
# is not quiet, is reported, and fails only with STRICT=1. The first release has nothing to be
# compared with, and makes no report.
set -euo pipefail
cd "$(dirname "$0")/.."

plan=${1:-release}
out=$(ci/unused.sh "${OUT:-}" tracerig-out/release-report)

if [ -z "${SINCE:-}" ] && ! git describe --tags --abbrev=0 'HEAD^' > /dev/null 2>&1; then
    echo "ci/release-report.sh: no tag lies before this revision, so nothing is compared" >&2
    exit 0
fi
cargo build --locked --release --bin tracerig
target=${CARGO_TARGET_DIR:-target}
code=0
"$target/release/tracerig" release-report ${SINCE:+--since "$SINCE"} --plan "$plan" \
    --out "$out/release-report" || code=$?

if [ -f "$out/release-report/release.html" ]; then
    cp "$out/release-report/release.html" "$out/release-report.html"
    tar -czf "$out/release-report.tar.gz" -C "$out" release-report
    if [ -n "${GITHUB_STEP_SUMMARY:-}" ]; then
        # GitHub drops a larger summary whole.
        head -c 900000 "$out/release-report/release.md" >> "$GITHUB_STEP_SUMMARY"
    fi
fi
if [ "$code" -eq 5 ] && [ "${STRICT:-0}" != 1 ]; then
    echo "inconclusive: no regression is proven, and none is ruled out; use a quiet machine" >&2
    exit 0
fi
exit "$code"
