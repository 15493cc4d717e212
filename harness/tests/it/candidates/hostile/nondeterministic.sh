. "${0%/*}/common"
begin
say '{"turns":{}}'
