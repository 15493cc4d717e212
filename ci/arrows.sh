#!/usr/bin/env bash
# Which crate knows which: fails on an arrow that docs/design.md does not draw, and on one it draws
# that is gone.
set -euo pipefail
cd "$(dirname "$0")/.."

# Development dependencies are left out: tests may know more than what they test.
cargo_tree() {
    cargo tree --locked --package "$1" --depth 1 --edges normal,build --prefix none --format '{lib}'
}

# A line that is indented goes on with the one before.
drawn="
tracerig-process:
tracerig-store:
tracerig-scanner:
tracerig-oracle:
tracerig-protocol:
tracerig-reports:
tracerig-datasets: tracerig-store
tracerig-published: tracerig-scanner
tracerig-real:
tracerig-differential: tracerig-oracle tracerig-process tracerig-protocol tracerig-scanner
  tracerig-store
tracerig-scenario: tracerig-datasets tracerig-differential tracerig-oracle tracerig-process
  tracerig-protocol tracerig-published tracerig-reports tracerig-scanner tracerig-store
tracerig: tracerig-datasets tracerig-differential tracerig-oracle tracerig-process tracerig-protocol
  tracerig-published tracerig-reports tracerig-scanner tracerig-scenario tracerig-store
"
found=
for manifest in */Cargo.toml datasets/*/Cargo.toml harness/*/Cargo.toml; do
    # A workspace of its own, since it needs a nightly toolchain.
    [ "$manifest" != fuzz/Cargo.toml ] || continue
    crate=$(sed -n 's/^name = "\(tracerig\(-[a-z]*\)\?\)"$/\1/p' "$manifest" | head -n 1)
    known=$(cargo_tree "$crate" | tail -n +2 | sed -n 's/^\(tracerig\)_/\1-/p' | sort | tr '\n' ' ')
    found+="$crate: $known"$'\n'
done
tidy() { sed 's/ *$//; /^$/d' | sort; }
joined=$(sed ':more; N; $!b more; s/\n  / /g' <<< "$drawn")
if ! diff <(tidy <<< "$joined") <(tidy <<< "$found"); then
    echo "ci/arrows.sh: the crates do not depend on each other as drawn (<: drawn, >: found)" >&2
    exit 1
fi
