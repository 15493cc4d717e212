"""What the adapters share: they start a tool that people use, and answer the contract `usage` with
what it prints. Each is a few lines: how the tool is called, and which of its fields are which
tokens."""

import base64
import json
import os
import shutil
import subprocess
import sys


class Refused(Exception):
    pass


def run(words, home):
    """What a tool prints about a Codex home."""
    environment = {**os.environ, "CODEX_HOME": home, "NO_COLOR": "1"}
    done = subprocess.run(words, env=environment, stdin=subprocess.DEVNULL, capture_output=True,
                          text=True)
    if done.returncode != 0:
        why = "%s: exit code %d: %s" % (words[0], done.returncode, done.stderr[-500:])
        raise Refused("failed", why)
    return done.stdout


def report(words, home):
    """The JSON that a tool prints about a Codex home."""
    said = run(words, home)
    try:
        return json.loads(said)
    except ValueError as error:
        why = "%s printed no JSON: %s: %r" % (words[0], error, said[:200])
        raise Refused("failed", why) from None


def zone_name(minutes):
    if minutes % 60:
        raise Refused("unsupported", "the tool takes time zones by name: whole hours only")
    return "Etc/GMT%+d" % (-minutes // 60) if minutes else "UTC"


def answer(line, tool, install, usage, rows):
    asked = {}
    try:
        asked = json.loads(line)
        if shutil.which(tool) is None:
            raise Refused("unavailable", "%s is not installed: %s" % (tool, install))
        if asked["ask"] == "hello":
            version = run([tool, "--version"], "/nonexistent").split()[-1]
            result = {"name": tool, "version": version, "contracts": ["usage"], "capabilities": [],
                      "usage": usage}
        elif asked["ask"] == "usage":
            home = asked["home"]
            home = home if isinstance(home, str) else os.fsdecode(base64.b64decode(home["bytes"]))
            result = {"rows": list(rows(home, zone_name(asked.get("zone_minutes", 0))))}
        elif asked["ask"] == "idle":
            result = {}
        else:
            raise Refused("unsupported", "this adapter does not answer `%s`" % asked["ask"])
        return {"tracerig": 1, "id": asked["id"], "result": result}
    except Refused as refused:
        kind, message = refused.args
    except (ValueError, KeyError) as error:
        kind, message = "malformed", "%s: %s" % (type(error).__name__, error)
    ident = asked.get("id") if isinstance(asked, dict) else None
    return {"tracerig": 1, "id": ident, "error": {"kind": kind, "message": message}}


def serve(*tool):
    line = sys.stdin.readline()
    if line:
        print(json.dumps(answer(line, *tool)))
