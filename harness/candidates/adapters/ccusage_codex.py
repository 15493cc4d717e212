#!/usr/bin/env python3
"""An adapter to ccusage-codex, the npm package @ccusage/codex."""

import datetime
import sys

sys.dont_write_bytecode = True
import adapter

TOKENS = ["input", "cached_input", "output", "reasoning", "total"]
USAGE = {"by": ["day", "model"], "tokens": TOKENS}


def rows(home, zone):
    words = ["ccusage-codex", "daily", "--json", "--offline", "--timezone", zone]
    for day in adapter.report(words, home)["daily"]:
        date = datetime.datetime.strptime(day["date"], "%b %d, %Y").date().isoformat()
        for model, tokens in day["models"].items():
            yield {"day": date, "model": model, "input": tokens["inputTokens"],
                   "cached_input": tokens["cachedInputTokens"], "output": tokens["outputTokens"],
                   "reasoning": tokens["reasoningOutputTokens"], "total": tokens["totalTokens"]}


adapter.serve("ccusage-codex", "npm install -g @ccusage/codex", USAGE, rows)
