#!/usr/bin/env bash
# Runs each fuzz target for a while on its corpus: ci/fuzz.sh [SECONDS] [TARGET…]. It needs a
# nightly toolchain and cargo-fuzz.
#
# Inputs with new coverage go to $OUT/corpus (default: tracerig-out/fuzz), the input of a failure to
# $OUT/found. Every target is run, and the exit code is 1 if one of them found something.
set -euo pipefail
cd "$(dirname "$0")/.."

seconds=${1:-60}
shift || true
out=$(realpath -m "${OUT:-tracerig-out/fuzz}")
targets=("$@")
[ "${#targets[@]}" -gt 0 ] || mapfile -t targets < <(cargo +nightly fuzz list --fuzz-dir fuzz)

# Without a sanitizer: hardly any of the code is unsafe, SQLite and zstd are not instrumented, and
# it is several times faster.
cargo +nightly fuzz build -a -s none --fuzz-dir fuzz
code=0
for target in "${targets[@]}"; do
    echo "== $target, $seconds s"
    mkdir -p "$out/corpus/$target" "$out/found"
    # New inputs go into the first folder; the others are only read.
    cargo +nightly fuzz run -a -s none --fuzz-dir fuzz "$target" \
        "$out/corpus/$target" "corpus/fuzz/$target" -- \
        -max_total_time="$seconds" -rss_limit_mb=1024 -timeout=10 -print_final_stats=1 \
        -artifact_prefix="$out/found/$target-" || code=1
done
exit "$code"
