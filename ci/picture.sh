#!/usr/bin/env bash
# Makes the picture of the README: a run, its page, and the top of that page in Chromium.
#
# ci/picture.sh [RECORD]: without a record it measures `tracerig run relaunch` first. Chromium must
# be installed; CHROMIUM names another executable.
set -euo pipefail
cd "$(dirname "$0")/.."

target=${CARGO_TARGET_DIR:-target}
out=$(mktemp -d)
trap 'rm -r "$out"' EXIT
record=${1:-}
if [ -z "$record" ]; then
    cargo build --locked --release --bin tracerig
    record=$out/run
    "$target/release/tracerig" run relaunch --out "$record"
fi
"$target/release/tracerig" report "$record" --format html --out "$out"
"${CHROMIUM:-chromium}" --headless=new --no-sandbox --disable-gpu --hide-scrollbars \
    --blink-settings=preferredColorScheme=1 --window-size=1200,1180 \
    --screenshot=docs/report.png "file://$out/report.html"
