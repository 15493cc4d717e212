. "${0%/*}/common"
begin
say "$right"
exit 3
