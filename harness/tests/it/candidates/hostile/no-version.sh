. "${0%/*}/common"
say '{"name":"hostile","version":"main","contracts":["trace"]}'
