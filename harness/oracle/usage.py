#!/usr/bin/env python3
"""The session archive once more, in Python: an oracle written to be read in one sitting, not to be fast.

    usage.py HOME [--priority TURN ...] [--offset MINUTES]
    usage.py --serve

It reads every rollout of a Codex home anew and prints what was used in each session and on each day, what is broken, what
cannot be read and which copies have diverged. It shares no code with what it checks, and knows no memo.

With --serve it says who it is in one line of JSON, {"name", "version"}, and then answers each line
{"home", "priority", "offset"} of its standard input with one: that result, or {"error"} in words.
"""

import argparse
import collections
import datetime
import json
import os
import re
import stat
import sys

MATTER = {"session_meta", "turn_context", "token_usage_record"}
EVENTS = {"token_count", "thread_settings_applied", "task_started"}
KNOWN = {"response_item", "world_state", "compacted", "ghost_snapshot", "inter_agent_message"}
KNOWN_EVENTS = set("""agent_message agent_reasoning agent_reasoning_raw_content agent_reasoning_section_break
    collab_agent_spawn_end context_compacted entered_review_mode error exec_command_end exited_review_mode
    item_completed item_started mcp_tool_call_end patch_apply_end plan_update task_complete thread_goal_updated
    thread_name_updated thread_rolled_back turn_aborted user_message web_search_end""".split())
KINDS = ("input_tokens", "cached_input_tokens", "cache_write_input_tokens", "output_tokens",
         "reasoning_output_tokens", "total_tokens")
# The beginning of a line as far as its types: only plain values stand before them.
STRING = r'[ \t\r]*"([^"\\\x00-\x1f\x7f]*)"[ \t\r]*'
VALUE = r'(?:%s|[ \t\r]*[-+.0-9A-Za-z]+[ \t\r]*)' % STRING.replace("(", "(?:")
MEMBER = r'[ \t\r]*"(?!%%s")[^"\\\x00-\x1f\x7f]*"[ \t\r]*:%s,' % VALUE
TYPE = r'[ \t\r]*\{(?:%s)*[ \t\r]*"type"[ \t\r]*:%s' % (MEMBER % "type", STRING)
EVENT = re.compile(r',(?:%s)*[ \t\r]*"payload"[ \t\r]*:%s' % (MEMBER % "payload", TYPE))
TYPE = re.compile(TYPE)
EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
TOLD = 32  # broken lines of a file that are told one by one


# ---- finding rollouts ---------------------------------------------------------------------------------------------

def is_rollout(name):
    return name.startswith("rollout-") and name.endswith(".jsonl")


def walk(home):
    """(paths below home, what cannot be read). Real folders first, then linked ones by path; each folder once."""
    files, unreadable, seen, linked = [], [], set(), []

    def folder(path):
        try:
            itself = os.stat(os.path.join(home, path))
            entries = list(os.scandir(os.path.join(home, path)))
        except OSError:
            unreadable.append(path)
            return
        if (itself.st_dev, itself.st_ino) in seen:
            return
        seen.add((itself.st_dev, itself.st_ino))
        for entry in entries:
            below = os.path.join(path, entry.name)
            if entry.is_dir(follow_symlinks=False):
                folder(below)
                continue
            try:
                found = os.stat(os.path.join(home, below))
            except FileNotFoundError:
                continue
            except OSError:
                if is_rollout(entry.name):
                    unreadable.append(below)
                continue
            if stat.S_ISDIR(found.st_mode):
                linked.append(below)
            elif stat.S_ISREG(found.st_mode) and is_rollout(entry.name):
                files.append((below, (found.st_dev, found.st_ino)))

    for root in ("sessions", "archived_sessions"):
        if os.path.lexists(os.path.join(home, root)):
            folder(root)
    while linked:
        linked.sort(key=lambda path: path.split("/"))
        folder(linked.pop(0))
    return sorted(files, key=lambda file: file[0].split("/")), unreadable


# ---- one line -----------------------------------------------------------------------------------------------------

def text(value, name):
    """value[name] where that is a text; an empty one is none."""
    found = value.get(name) if isinstance(value, dict) else None
    return found if isinstance(found, str) and found else None


def types(value):
    return text(value, "type"), text(value.get("payload"), "type")


def classify(raw):
    """("matters", value), ("skipped", whether its kind is known) or ("broken", why)."""
    try:
        value = json.loads(raw.decode("utf-8"))
    except ValueError:
        value = None
    if isinstance(value, dict):
        kind, event = types(value)
    else:
        line = raw.decode("utf-8", "replace")
        value, found = None, TYPE.match(line)
        kind = found.group(1) if found else None
        found = EVENT.match(line, found.end()) if found else None
        event = found.group(1) if found else None
        if kind == "event_msg" and event is None:
            kind = None  # without its event, an event is nothing yet
    if kind is None:
        return "broken", "no type"
    if kind in MATTER or kind == "event_msg" and event in EVENTS:
        return ("matters", value) if value is not None else ("broken", "no JSON")
    return "skipped", event in KNOWN_EVENTS if kind == "event_msg" else kind in KNOWN


def milliseconds(time):
    """Unix time of such as 2026-11-20T20:37:24.062Z, or None."""
    try:
        at = datetime.datetime.strptime(time or "", "%Y-%m-%dT%H:%M:%S.%fZ")
    except ValueError:
        return None
    return (at.replace(tzinfo=datetime.timezone.utc) - EPOCH) // datetime.timedelta(milliseconds=1)


def tokens(value):
    if not isinstance(value, dict):
        return None
    counts = (value.get(kind) for kind in KINDS)
    return [count if type(count) is int and count >= 0 else 0 for count in counts]


def tier_of(name):
    return "priority" if name in ("priority", "fast") else "standard"


# ---- one rollout --------------------------------------------------------------------------------------------------

def interpret(content):
    """What a rollout says: meta, span, events (time, model, tier, turn, tokens), unknown lines, broken ones."""
    meta, span, events, unknown, broken = None, None, [], 0, []
    model, turn, tier, total = None, None, "unknown", [0] * 6
    for number, raw in enumerate(content.split(b"\n")[:-1], 1):  # a last line without its end waits
        what, value = classify(raw)
        if what == "skipped":
            unknown += not value
            continue
        at = milliseconds(text(value, "timestamp")) if what == "matters" else None
        if at is None:
            broken.append((number, value if what == "broken" else "no time"))
            continue
        span = (min(at, span[0]), max(at, span[1])) if span else (at, at)
        (kind, event), payload = types(value), value.get("payload")
        if kind == "session_meta":
            if meta is None:
                meta = [text(payload, name) for name in ("id", "cwd", "cli_version", "model_provider")]
        elif kind == "turn_context":
            turn, model = text(payload, "turn_id") or turn, text(payload, "model") or model
        elif kind == "token_usage_record":
            served = text(payload, "service_tier")
            tier = tier_of(served) if served else tier
        elif event == "task_started":
            turn = text(payload, "turn_id") or turn
        elif event == "thread_settings_applied":
            if isinstance(payload.get("thread_settings"), dict):
                tier = tier_of(text(payload["thread_settings"], "service_tier"))
        else:
            info = payload.get("info")
            info = info if isinstance(info, dict) else {}
            now, used = tokens(info.get("total_token_usage")), tokens(info.get("last_token_usage"))
            if now is not None:
                rises = [after - before for after, before in zip(now, total)]
                total = now
                if min(rises) >= 0:  # else a total fell: the session was reset, and the last use counts
                    used = rises if any(rises) else None
            if used is not None:
                events.append((at, model, tier, turn, used))
    return meta or [None] * 4, span, events, unknown, broken


def usage(events, priority, slot):
    """What events used, by slot, model and tier."""
    sums = collections.defaultdict(lambda: [[0] * 6, 0])
    for at, model, tier, turn, used in events:
        if tier == "unknown" and turn in priority:
            tier = "priority"
        entry = sums[slot(at), model, tier]
        entry[0] = [one + other for one, other in zip(entry[0], used)]
        entry[1] += 1
    ordered = sorted(sums.items(), key=lambda item: (item[0][0], item[0][1] is not None, item[0][1] or "", item[0][2]))
    return [[*key, *entry] for key, entry in ordered]


# ---- all of them --------------------------------------------------------------------------------------------------

def view(home, priority, offset):
    files, unreadable = walk(home)
    result = {"sessions": [], "days": [], "broken": [], "more": [], "diverged": [], "unreadable": unreadable,
              "lines": [0, 0]}
    contents, events, seen = {}, {}, set()
    for path, itself in files:
        try:
            with open(os.path.join(home, path), "rb") as file:
                contents[path] = file.read()
        except OSError:
            unreadable.append(path)
            continue
        meta, span, events[path], unknown, broken = interpret(contents[path])
        result["lines"][0] += unknown
        result["lines"][1] += len(broken)
        result["broken"] += [(path, number, why) for number, why in broken[:TOLD]]
        if len(broken) > TOLD:
            result["more"].append((path, len(broken) - TOLD))
        stem = os.path.basename(path)[len("rollout-"):-len(".jsonl")]
        result["sessions"].append({
            "path": path, "id": meta[0] or stem[-36:], "meta": meta[1:], "span": span,
            "usage": usage(events[path], priority, lambda at: at // 900_000), "counts": itself not in seen})
        seen.add(itself)
    archived, current = [], []
    for session in result["sessions"]:
        if session["counts"]:
            (archived if session["path"].startswith("archived_sessions/") else current).append(session)
    for one in archived:
        for other in current:
            if one["id"] != other["id"]:
                continue
            left, right = contents[one["path"]], contents[other["path"]]
            if right.startswith(left):
                one["counts"] = False
            elif left.startswith(right):
                other["counts"] = False
            else:
                result["diverged"].append((one["path"], other["path"]))
    counting = [event for session in result["sessions"] if session["counts"] for event in events[session["path"]]]
    result["days"] = usage(counting, priority, lambda at: (at + offset * 60_000) // 86_400_000)
    return result


def serve():
    def say(what):
        print(json.dumps(what), flush=True)

    say({"name": "usage.py", "version": "1, Python %s" % ".".join(map(str, sys.version_info[:3]))})
    for line in sys.stdin:
        try:
            asked = json.loads(line)
            say(view(asked["home"], set(asked["priority"]), asked["offset"]))
        except (OSError, ValueError, KeyError, RecursionError) as error:
            say({"error": "%s: %s" % (type(error).__name__, error)})


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("home", nargs="?")
    parser.add_argument("--priority", nargs="*", default=[], help="turns known to have been served at priority")
    parser.add_argument("--offset", type=int, default=0, help="minutes by which days begin before those of UTC")
    parser.add_argument("--serve", action="store_true", help="answer questions on standard input")
    chosen = parser.parse_args()
    if chosen.serve == (chosen.home is not None):
        parser.error("name a home, or serve")
    if chosen.serve:
        return serve()
    json.dump(view(chosen.home, set(chosen.priority), chosen.offset), sys.stdout, indent=1)
    print()


if __name__ == "__main__":
    main()
