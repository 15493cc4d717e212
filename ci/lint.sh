#!/usr/bin/env bash
# Formatting, lints and documentation: nothing is executed.
set -euo pipefail
cd "$(dirname "$0")/.."

ci/arrows.sh
ci/workflows.sh
cargo fmt --all --check
cargo clippy --locked --workspace --all-targets -- -D warnings
# Tests switch rules of scanner and store off; the program that users get cannot.
cargo clippy --locked --package tracerig --bins -- -D warnings
RUSTDOCFLAGS="-D warnings" cargo doc --locked --workspace --no-deps
