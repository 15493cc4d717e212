#!/usr/bin/env bash
# Lines of scanner, store and reports that the tests of the workspace execute: ci/coverage.sh
# [LEAST-PERCENT]. It fails where one of the three has less. It needs cargo-llvm-cov and the
# component llvm-tools. tracerig-out/coverage has a page with every line.
set -euo pipefail
cd "$(dirname "$0")/.."

least=${1:-90}
out=tracerig-out/coverage
mkdir -p "$out"
# Tests that start `tracerig` count what that executes, too. What is executed by tests alone, or is
# no code of the crate, is left out.
cargo llvm-cov test --locked --workspace --no-report
# Tests also kill processes, some while they write what they executed.
cargo llvm-cov report --failure-mode all --json --summary-only --output-path "$out/summary.json"
cargo llvm-cov report --failure-mode all --html --output-dir "$out"

python3 - "$out/summary.json" "$least" << 'PYTHON'
import json
import re
import sys

path, least = sys.argv[1], float(sys.argv[2])
files = json.load(open(path))["data"][0]["files"]
is_low = False
for crate in ["scanner", "store", "reports"]:
    inside = re.compile(rf"/{crate}/src/(?!.*(tests?|fixture|simulation)(\.rs|/)|.*_tests?\.rs)")
    lines = [file["summary"]["lines"] for file in files if inside.search(file["filename"])]
    count, covered = (sum(line[key] for line in lines) for key in ["count", "covered"])
    percent = 100 * covered / count
    print(f"{crate}: {covered} of {count} lines, {percent:.1f} %")
    is_low = is_low or percent < least
sys.exit(is_low)
PYTHON
