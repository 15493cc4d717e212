#!/usr/bin/env bash
# Builds `tracerig` for this machine as releases are built, and packs it: ci/release.sh. It needs
# cargo-auditable, which notes in the executable what it is made of. The archive and its checksum go
# to tracerig-out/release.
set -euo pipefail
cd "$(dirname "$0")/.."

target=$(rustc -vV | sed -n 's/^host: //p')
if [ "${TARGET:-$target}" != "$target" ]; then
    echo "ci/release.sh: this machine builds for $target, not for $TARGET" >&2
    exit 1
fi
cargo auditable build --locked --release --bin tracerig
built=${CARGO_TARGET_DIR:-target}/release/tracerig
version=$("$built" --version | cut -d ' ' -f 2)
name=tracerig-$version-$target
out=tracerig-out/release
rm -rf "${out:?}/$name"
mkdir -p "$out/$name"
cp "$built" README.md CHANGELOG.md LICENSE-APACHE LICENSE-MIT "$out/$name"
"$built" man > "$out/$name/tracerig.1"
for shell in bash fish zsh; do
    "$built" completions "$shell" > "$out/$name/tracerig.$shell"
done
tar -czf "$out/$name.tar.gz" -C "$out" "$name"
rm -r "${out:?}/$name"
cd "$out"
if command -v sha256sum > /dev/null; then
    sha256sum "$name.tar.gz" > "$name.tar.gz.sha256"
else
    shasum -a 256 "$name.tar.gz" > "$name.tar.gz.sha256"
fi
