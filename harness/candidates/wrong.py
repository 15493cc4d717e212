#!/usr/bin/env python3
"""A candidate with a bug that looks like a good idea: it remembers the answer, and as long as the
highest row id is the same it says the same again. `tracerig candidate check` finds what is wrong
with that; docs/own-scanner.md walks through it. The scan itself is right: python/scan.py."""

import json
import os
import pathlib
import sqlite3
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "python"))
import scan

HELLO = {"name": "wrong", "version": "1", "contracts": ["trace"], "capabilities": ["memo", "serve"]}


def highest_id(database):
    connection = sqlite3.connect(pathlib.Path(database).resolve().as_uri() + "?mode=ro", uri=True)
    try:
        return connection.execute("SELECT max(id) FROM logs").fetchone()[0]
    finally:
        connection.close()


def turns(asked):
    memo = os.path.join(asked["memo"], "memo.json")
    highest = highest_id(asked["database"])
    if os.path.exists(memo) and not asked["force"]:
        with open(memo) as file:
            remembered = json.load(file)
        if remembered["highest"] == highest:
            return remembered["turns"]
    found = scan.answer(asked["database"], asked["since"], asked["until"], "ours")["turns"]
    with open(memo, "w") as file:
        json.dump({"highest": highest, "turns": found}, file)
    return found


def reply(asked):
    said = {"tracerig": 1, "id": asked["id"]}
    try:
        if asked["ask"] == "hello":
            said["result"] = HELLO
        elif asked["ask"] == "scan" and isinstance(asked["database"], str):
            said["result"] = {"turns": turns(asked)}
        else:
            said["error"] = {"kind": "unsupported", "message": "only `scan`, and paths in UTF-8"}
    except sqlite3.Error as error:
        said["error"] = {"kind": "failed", "message": str(error)}
    return said


for line in sys.stdin:
    print(json.dumps(reply(json.loads(line))), flush=True)
