#!/usr/bin/env bash
# How often `tracerig compare --base-cmd --new-cmd` is wrong on this machine, and how often it finds
# a command that was made 5 % slower: ci/command-false-alarms.sh [COMPARISONS [same|slower|both]].
#
# The command is ci/busy.awk. Fails if more than 1 % of the comparisons of equal commands call a
# change, or fewer than 95 % of the others call the slowdown. 100 comparisons of each kind take 10
# to 25 minutes on a quiet machine. Progress goes to standard error, a summary to standard output.
set -euo pipefail
cd "$(dirname "$0")/.."

comparisons=${1:-100}
kinds=${2:-both}
tracerig=${TRACERIG:-target/release/tracerig}
[ -x "$tracerig" ] || cargo build --locked --release --bin tracerig
results=$(mktemp -d)
trap 'rm -rf "$results"' EXIT

# A launch is the start of awk and a loop: that of the slower one is 6 % longer, its launch 5 %.
busy() { echo "awk -v rounds=$1 -f ci/busy.awk"; }
base=$(busy 120000)

# Compares, and counts the verdicts by exit code.
compare() {
    local kind=$1 new=$2 at code began=$SECONDS
    declare -A codes=([0]=0 [4]=0 [5]=0)
    for at in $(seq "$comparisons"); do
        code=0
        "$tracerig" compare --base-cmd "$base" --new-cmd "$new" --seed "$at" \
            --out "$results/$kind-$at" > "$results/$kind-$at.txt" 2>&1 || code=$?
        case $code in
        0 | 4 | 5) ;;
        *)
            cat "$results/$kind-$at.txt"
            exit "$code"
            ;;
        esac
        codes[$code]=$((codes[$code] + 1))
        rm -rf "${results:?}/$kind-$at"
        # `faster` is no exit code of its own, and a false alarm all the same.
        faster=$(cat "$results/$kind"-*.txt | grep -c '^command.*: faster,' || true)
        called=$((codes[4] + faster))
        echo "$kind $at of $comparisons: $called called, ${codes[5]} inconclusive," \
            "$((SECONDS - began)) s" >&2
    done
    summary+="$kind: $called of $comparisons called (${codes[4]} slower, $faster faster), "
    summary+="${codes[5]} inconclusive, $((SECONDS - began)) s"$'\n'
}

ended=0
summary=
if [ "$kinds" != slower ]; then
    compare same "$base"
    [ $((called * 100)) -le "$comparisons" ] || ended=1
fi
if [ "$kinds" != same ]; then
    compare slower "$(busy 127200)"
    [ $(((called - faster) * 100)) -ge $((comparisons * 95)) ] || ended=1
fi
echo "$("$tracerig" --version), $(nproc) cores, Linux $(uname -r)"
printf '%s' "$summary"
[ "$ended" = 0 ] && echo 'within 1 % false alarms and 95 % found' ||
    echo 'FAILED: see the lines above'
exit "$ended"
