#!/usr/bin/env bash
# Everything compiles with the oldest toolchain that Cargo.toml promises; rustup fetches that one.
set -euo pipefail
cd "$(dirname "$0")/.."

version=$(sed -n 's/^rust-version = "\(.*\)"$/\1/p' Cargo.toml)
rustup toolchain install "$version" --profile minimal --no-self-update
cargo "+$version" check --locked --workspace --all-targets
