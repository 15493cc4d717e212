. "${0%/*}/common"
case $request in *'"ask":"scan"'*) say '{"turns":{}}' ;; *) begin ;; esac
