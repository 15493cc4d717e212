. "${0%/*}/common"
begin
say "$right"
echo "done"
