. "${0%/*}/common"
begin
printf '{"tracerig":1,"id":"%s","result":{"turns":' "$id"
