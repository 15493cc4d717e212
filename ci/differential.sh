#!/usr/bin/env bash
# Random histories for a while, one share of them a machine: ci/differential.sh [K/N] [TIME].
# What fails is made smaller and kept in $OUT (default: tracerig-out/differential), with JUnit XML
# beside it.
set -euo pipefail
cd "$(dirname "$0")/.."

shard=${1:-1/1}
time=${2:-5m}
out=${OUT:-tracerig-out/differential}
# Another seed each day finds other histories; the day is printed with the command, so that it can
# be repeated.
seed=${SEED:-$(date -u +%Y%m%d)}
mkdir -p "$out"
cp -r corpus "$out/"

set -x
cargo run --locked --release -- diff all \
    --seed "$seed" --time "$time" --shard "$shard" --corpus "$out/corpus" --junit "$out/junit.xml"
