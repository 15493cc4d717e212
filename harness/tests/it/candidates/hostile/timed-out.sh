. "${0%/*}/common"
begin
# Deaf to what asks it to end.
trap "" TERM
while :; do sleep 1; done
