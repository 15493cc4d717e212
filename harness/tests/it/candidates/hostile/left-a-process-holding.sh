. "${0%/*}/common"
begin
# It holds standard output.
setsid sleep 60 &
say "$right"
