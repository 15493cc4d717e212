#!/usr/bin/env bash
# Packages every crate in a clean clone, builds each package, installs the packaged `tracerig`
# outside any workspace, and lets that compare two revisions: ci/package.sh. What is not committed
# is not packaged.
set -euo pipefail
cd "$(dirname "$0")/.."

# A new folder each time: cargo would take packages of the same version from its cache, by the path
# of the registry that it makes here.
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
mkdir "$place/unpacked"
git clone --quiet . "$place/clone"
revision=$(git rev-parse HEAD)
export CARGO_TARGET_DIR="$place/target"

# Builds each package from what is in it. Crates that say `publish = false` are left out.
cargo publish --dry-run --locked --workspace --manifest-path "$place/clone/Cargo.toml"

cp -r "$CARGO_TARGET_DIR"/package/tracerig*-[0-9]*/ "$place/unpacked"
# Until they are in the registry, the packages stand in for what it would give.
patches=()
for folder in "$place"/unpacked/*; do
    name=$(basename "$folder")
    name=${name%-[0-9]*}
    [ "$name" = tracerig ] || patches+=(--config "patch.crates-io.$name.path='$folder'")
done
# The lock file of the package expects them from there.
sed -i '/^name = "tracerig-/,/^$/{/^source = /d;/^checksum = /d}' \
    "$place"/unpacked/tracerig-[0-9]*/Cargo.lock
# Outside the clone, where no configuration and no workspace of it is seen.
cd "$place"
cargo install --locked --path "$place"/unpacked/tracerig-[0-9]* --root "$place/installed" \
    "${patches[@]}"

tracerig=$place/installed/bin/tracerig
"$tracerig" --version
"$tracerig" __hello | grep --quiet "\"revision\":\"$revision\"" || {
    echo "ci/package.sh: the installed tracerig does not say that it is of $revision" >&2
    exit 1
}
# Run in a clone, it builds the revisions of that clone.
cd "$place/clone"
"$tracerig" compare --base-rev HEAD --new-rev HEAD --counters-only --recipe tiny --out "$place/out"
