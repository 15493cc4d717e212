#!/usr/bin/env python3
"""A candidate for tracerig in Python, standard library alone: it answers `trace`, `usage` and
`threads`.

It reads one line of JSON and writes one; with more lines it goes on answering. scan.py, usage.py
and store.py do the work, and know nothing of the protocol: to test your own scanner or store, copy
this file and replace the calls. It keeps no memo, so every answer is a full scan."""

import base64
import json
import os
import sqlite3
import sys
import threading

sys.dont_write_bytecode = True  # nothing is written beside this file
import scan
import store
import usage

HELLO = {
    "name": "python",
    "version": "3",
    "contracts": ["trace", "usage", "threads"],
    "capabilities": ["serve"],
    "usage": {"by": ["day", "model", "session", "tier"],
              "tokens": ["input", "cached_input", "cache_write", "output", "reasoning", "total"]},
}


class Refused(Exception):
    """A request without a result: the kind of the error, and a message for people."""


def path(value):
    """A path of the protocol: a string, or {"bytes": base64} if it is not UTF-8."""
    return value if isinstance(value, str) else os.fsdecode(base64.b64decode(value["bytes"]))


def number(value):
    """An integer of the protocol: those above 2^53 are strings."""
    return int(value) if isinstance(value, str) else value


def exact(value):
    """The same the other way round."""
    return value if abs(value) <= 1 << 53 else str(value)


def scan_turns(asked):
    since, until = number(asked.get("since")), number(asked.get("until"))
    answer = scan.answer(path(asked["database"]), since, until, "ours")
    for turn in answer["turns"].values():
        turn["timestamp"] = exact(turn["timestamp"])
    return {"turns": answer["turns"], "mode": "full"}


def count_tokens(asked):
    home, zone = path(asked["home"]), asked.get("zone_minutes", 0)
    if not any(os.path.isdir(os.path.join(home, name))
               for name in ("sessions", "archived_sessions")):
        raise Refused("failed", "%s: has no folder `sessions`; name a Codex home" % home)
    rows = []
    for session in usage.view(home, set(asked.get("priority", [])), 0)["sessions"]:
        for slot, model, tier, tokens, _ in session["usage"] if session["counts"] else []:
            day = (slot * 15 + zone) // (24 * 60)  # slots are quarters of an hour
            row = {"day": str(usage.EPOCH.date() + usage.datetime.timedelta(days=day)),
                   "model": model,
                   "session": session["id"], "tier": tier}
            row.update(zip(HELLO["usage"]["tokens"], map(exact, tokens)))
            rows.append(row)
    return {"rows": rows, "mode": "full"}


def append(asked):
    appends = [(append["thread"], append["items"]) for append in asked["appends"]]
    store.append(path(asked["home"]), appends)
    return {"appends": len(appends)}


ASKS = {"hello": lambda asked: HELLO, "idle": lambda asked: {}, "scan": scan_turns,
        "usage": count_tokens,
        "append": append}


def reply(line):
    asked = {}
    try:
        asked = json.loads(line)
        if asked["ask"] not in ASKS:
            raise Refused("unsupported", "this candidate does not answer `%s`" % asked["ask"])
        return {"tracerig": 1, "id": asked["id"], "result": ASKS[asked["ask"]](asked)}
    except Refused as refused:
        kind, message = refused.args
    except usage.Skipped as skipped:
        kind, message = "unsupported", str(skipped)
    except (ValueError, KeyError, TypeError) as error:
        kind, message = "malformed", "%s: %s" % (type(error).__name__, error)
    except (sqlite3.Error, OSError, RecursionError) as error:
        kind, message = "failed", "%s: %s" % (type(error).__name__, error)
    ident = asked.get("id", "") if isinstance(asked, dict) else ""
    return {"tracerig": 1, "id": ident, "error": {"kind": kind, "message": message}}


def main():
    for line in sys.stdin:
        print(json.dumps(reply(line)), flush=True)


if __name__ == "__main__":
    # JSON nested a million deep is still JSON: a deep stack instead of a verdict.
    sys.setrecursionlimit(100_000_000)
    threading.stack_size(1 << 30)
    worker = threading.Thread(target=main)
    worker.start()
    worker.join()
