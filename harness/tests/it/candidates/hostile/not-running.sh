. "${0%/*}/common"
case $request in *'"ask":"hello"'*) hello ;; *) echo "no module named scanner" >&2; exit 1 ;; esac
