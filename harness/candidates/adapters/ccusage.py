#!/usr/bin/env python3
"""An adapter to ccusage, whose binary is the npm package @ccusage/ccusage-PLATFORM."""

import sys

sys.dont_write_bytecode = True
import adapter

TOKENS = ["input", "cached_input", "cache_write", "output", "reasoning", "total"]
USAGE = {"by": ["day", "model"], "tokens": TOKENS,
         "input_includes_cached": False}


def rows(home, zone):
    words = ["ccusage", "codex", "daily", "--json", "--offline", "--timezone", zone]
    for day in adapter.report(words, home)["daily"]:
        for model, tokens in day["models"].items():
            written = tokens["cacheCreationTokens"]  # taken off the input, which Codex does not do
            yield {"day": day["date"], "model": model, "input": tokens["inputTokens"] + written,
                   "cached_input": tokens["cacheReadTokens"], "cache_write": written,
                   "output": tokens["outputTokens"],
                   "reasoning": tokens["reasoningOutputTokens"], "total": tokens["totalTokens"]}


adapter.serve("ccusage", "npm install -g ccusage", USAGE, rows)
