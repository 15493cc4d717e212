#!/usr/bin/env bash
# Prints the folder that results go to: ci/unused.sh ASKED DEFAULT. ASKED as it is; without it
# DEFAULT, or DEFAULT-2 and so on where that is there already, since results are never written over.
set -euo pipefail

asked=$1
folder=$2
if [ -n "$asked" ]; then
    echo "$asked"
    exit
fi
number=1
while [ -e "$folder" ]; do
    number=$((number + 1))
    folder=$2-$number
done
echo "$folder"
