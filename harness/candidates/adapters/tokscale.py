#!/usr/bin/env python3
"""An adapter to tokscale (npm, needs bun). It gives it an empty list of prices: without one
tokscale fetches prices from the network, and answers nothing where it cannot. Its reasoning tokens
of Codex are always 0."""

import json
import os
import sys
import time

sys.dont_write_bytecode = True
import adapter

USAGE = {"by": ["day", "model"], "tokens": ["input", "cached_input", "output"],
         "input_includes_cached": False}


def rows(home, zone):
    if zone != "UTC":
        raise adapter.Refused("unsupported", "tokscale has no option for the time zone")
    cache = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.environ["HOME"], ".cache")
    os.makedirs(os.path.join(cache, "tokscale"), exist_ok=True)
    for name in ("litellm", "openrouter"):
        with open(os.path.join(cache, "tokscale", "pricing-%s.json" % name), "w") as file:
            json.dump({"timestamp": int(time.time()), "data": {}}, file)
    words = ["tokscale", "graph", "--codex", "--no-spinner"]
    for day in adapter.report(words, home)["contributions"]:
        for source in day["sources"]:
            tokens = source["tokens"]
            yield {"day": day["date"], "model": source["modelId"], "input": tokens["input"],
                   "cached_input": tokens["cacheRead"], "output": tokens["output"]}


adapter.serve("tokscale", "npm install -g tokscale bun", USAGE, rows)
