#!/usr/bin/env python3
"""An adapter to tokscale (npm, needs bun). It fetches prices, so it answers only where there is a network."""

import sys

sys.dont_write_bytecode = True
import adapter

USAGE = {"by": ["day", "model"], "tokens": ["input", "cached_input", "output", "reasoning"],
         "input_includes_cached": False}


def rows(home, zone):
    if zone != "UTC":
        raise adapter.Refused("unsupported", "tokscale has no option for the time zone")
    for day in adapter.report(["tokscale", "graph", "--codex", "--no-spinner"], home)["contributions"]:
        for source in day["sources"]:
            tokens = source["tokens"]
            yield {"day": day["date"], "model": source["modelId"], "input": tokens["input"],
                   "cached_input": tokens["cacheRead"], "output": tokens["output"],
                   "reasoning": tokens["reasoning"]}


adapter.serve("tokscale", "npm install -g tokscale bun", USAGE, rows)
