#!/usr/bin/env bash
# Licences, advisories, duplicate versions and origins of what is compiled, as deny.toml allows
# them. It needs cargo-deny.
set -euo pipefail
cd "$(dirname "$0")/.."

cargo deny --locked check "$@"
