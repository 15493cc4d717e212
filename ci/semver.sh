#!/usr/bin/env bash
# What is public breaks nobody who uses the last release: ci/semver.sh [REVISION], by default the
# newest tag `v*` before HEAD. It needs cargo-semver-checks and a clone with tags. Before the first
# tag there is nothing to break.
set -euo pipefail
cd "$(dirname "$0")/.."

base=${1:-$(git describe --tags --match 'v*' --abbrev=0 2> /dev/null || true)}
if [ -z "$base" ]; then
    echo "ci/semver.sh: there is no tag yet" >&2
    exit 0
fi
cargo semver-checks --workspace --baseline-rev "$base"
