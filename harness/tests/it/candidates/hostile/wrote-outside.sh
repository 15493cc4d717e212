. "${0%/*}/common"
begin
echo "a hidden cache" > "${database%/*}/cache"
say "$right"
