. "${0%/*}/common"
# What was right once.
case $request in *'"ask":"scan"'*) say "$right" ;; *) begin ;; esac
