. "${0%/*}/common"
begin
echo "scanning ..."
say "$right"
