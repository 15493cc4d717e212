. "${0%/*}/common"
begin
exec cat /dev/zero
