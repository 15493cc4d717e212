. "${0%/*}/common"
begin
# A daemon: out of the group, and without the pipes.
setsid sleep 60 < /dev/null > /dev/null 2>&1 &
say "$right"
