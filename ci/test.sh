#!/usr/bin/env bash
# Everything that is checked without a clock, and that the code for platforms other than Linux
# compiles.
set -euo pipefail
cd "$(dirname "$0")/.."

cargo test --locked --workspace
cargo rustc --locked -q -p tracerig-process --lib --profile check -- \
    --cfg tracerig_portable -D warnings
