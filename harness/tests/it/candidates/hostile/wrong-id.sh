. "${0%/*}/common"
begin
id=another
say "$right"
