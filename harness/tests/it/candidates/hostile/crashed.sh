. "${0%/*}/common"
begin
kill -SEGV $$
