# A store that says it has appended: it wrote nothing, or half of a line.
read -r request
after=${request#*\"id\":\"} id=${after%%\"*}
after=${request#*\"home\":\"} home=${after%%\"*}
after=${request#*\"thread\":\"} thread=${after%%\"*}
say() { printf '{"tracerig":1,"id":"%s","result":%s}\n' "$id" "$1"; }
case $request in
    *'"ask":"hello"'*)
        say '{"name":"store","version":"1","contracts":["threads"],"capabilities":[]}'
        ;;
    *'"ask":"append"'*)
        if [ "$1" = half ]; then
            mkdir -p "$home/sessions/2026/11/20"
            begin='{"timestamp":"2026-11-20T20:37:24.062Z","type":"session_meta"'
            printf '%s,"payload":{"id":"%s"}}\n{"timest' "$begin" "$thread" \
                > "$home/sessions/2026/11/20/rollout-2026-11-20T20-37-24-$thread.jsonl"
        fi
        say '{"appends":1}'
        ;;
    *) say '{}' ;;
esac
