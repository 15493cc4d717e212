#!/usr/bin/env python3
"""The trace scan once more, in Python: an oracle written to be read in one sitting, not to be fast.

    scan.py DB [--since T] [--until T] [--rules ours|published]
    scan.py --serve [--rules ours|published]

It prints {"turns": {turn: {"thread_id", "model", "timestamp"}}, "facts", "completions",
"unrecognised", "turn_rows", "turns_seen", "tier_rows"} and shares no code with what it checks.
Everything is bytes until a value is wanted: bodies hold invalid UTF-8 and NUL bytes.

With --serve it says who it is in one line of JSON, {"name", "version"}, and then answers each line
{"database", "since", "until"} of its standard input with one: that result, or {"error"} in words.
"""

import argparse
import contextlib
import json
import pathlib
import re
import sqlite3
import sys
import threading

REQUEST, EVENT, SUBMISSION, TAGS = (
    b"websocket request:", b"websocket event:", b"Submission sub=Submission {", b"tags_json=")
TARGETS = {
    REQUEST: {b"codex_api::endpoint::responses_websocket"},
    EVENT: {b"codex_api::endpoint::responses_websocket"},
    SUBMISSION: {b"codex_core::session::handlers", b"codex_core::codex"},
    TAGS: {b"feedback_tags"},
}
TURN_TARGETS = {b"feedback_tags", b"codex_core::session::turn"}
STARTING = {b"UserInput", b"UserTurn", b"UserInputWithTurnContext", b"TurnInput"}
SETTING = {b"ThreadSettings", b"OverrideTurnContext"}
SPACE = b" \t\n\x0c\r"  # ASCII white space; bytes.strip() would take \x0b too
WORD = b"0123456789_abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"


# ---- values --------------------------------------------------------------------------------------
def utf8(raw):
    """The text of raw, or None where it is NULL or no UTF-8."""
    try:
        return None if raw is None else raw.decode("utf-8")
    except UnicodeDecodeError:
        return None


def refuse_constant(name):
    raise ValueError("not JSON: " + name)  # Python would take NaN and Infinity


# Numbers are never wanted, only checked: as 0 they meet no limit on the digits of an integer.
JSON = json.JSONDecoder(parse_int=lambda _: 0, parse_float=lambda _: 0.0,
                        parse_constant=refuse_constant)


def json_object(raw):
    """The one JSON object that raw is, or None. A RecursionError is no verdict about the row."""
    try:
        value = JSON.decode(raw.strip(SPACE).decode("utf-8"))
    except ValueError:  # JSONDecodeError and UnicodeDecodeError are both one
        return None
    return value if isinstance(value, dict) else None


def valid_string(obj, key):
    """obj[key] where it is a string of valid Unicode (a lone surrogate is none), else None."""
    value = obj.get(key) if isinstance(obj, dict) else None
    try:
        return value if isinstance(value, str) and value.encode("utf-8") is not None else None
    except UnicodeEncodeError:
        return None


def string(obj, key):
    """The same, an empty string counting as absent."""
    return valid_string(obj, key) or None


def field(text, name):
    """The value of the first `name=` in text that is a whole field name, or None."""
    for found in re.finditer(re.escape(name) + b"=", text):
        before = text[found.start() - 1:found.start()]
        if before and before in WORD + b".":
            continue
        rest = text[found.end():]
        if rest[:1] == b'"':
            value, closed, _ = rest[1:].partition(b'"')
            return utf8(value) or None if closed else None
        return utf8(re.match(rb"[^ \t\n\x0c\r,\])}:]*", rest).group()) or None
    return None


# ---- one row, one fact ---------------------------------------------------------------------------
def first_marker(body):
    """(marker, text before it, text after it) of the first marker of any kind, or None."""
    places = [(body.find(marker), marker) for marker in TARGETS if marker in body]
    if not places:
        return None
    at, marker = min(places)
    return marker, body[:at], body[at + len(marker):]


def closing_quote(text, start):
    """The position of the first unescaped quote at or after start, or None."""
    at = start
    while at < len(text):
        if text[at:at + 1] == b'"':
            return at
        at += 2 if text[at:at + 1] == b"\\" else 1
    return None


def outside_strings(dump):
    """The dump with the inside of every string literal replaced by a byte that matches nothing."""
    out, at = bytearray(dump), 0
    while (start := dump.find(b'"', at)) >= 0:
        end = closing_quote(dump, start + 1)
        if end is None:
            return bytes(out[:start + 1])  # a literal that never closes ends the dump
        out[start + 1:end] = b"\xff" * (end - start - 1)
        at = end + 1
    return bytes(out)


def submission(dump):
    """(id, op, tier, whether some tier is said) of a dump; tier is None (inherits), False or True
    (priority). None: no submission."""
    opening = re.match(rb'[ \t\n\x0c\r]*id: "', dump)
    end = closing_quote(dump, opening.end()) if opening else None
    ident = utf8(dump[opening.end():end]) if end is not None else None
    if not ident:
        return None
    plain = outside_strings(dump)
    op = re.search(rb"(?<![0-9A-Za-z_])op: ([0-9A-Za-z_]+)", plain)
    tier = re.search(
        rb'(?<![0-9A-Za-z_])service_tier: (?:None(?![0-9A-Za-z_])|Some\(None\)'
        rb'|Some\(Some\((?:"(?P<string>\xff*)"|(?P<name>[0-9A-Za-z_]+))\)\))', plain)
    if tier is None or tier.group().endswith(b"service_tier: None"):
        setting = None
    elif tier["name"] is not None:
        setting = tier["name"].lower() in (b"priority", b"fast")
    else:
        said = dump[tier.start("string"):tier.end("string")]
        setting = tier["string"] is not None and said in (b"priority", b"fast")
    says_tier = re.search(rb"(?<![0-9A-Za-z_])service_tier: Some\(", plain) is not None
    return ident, op.group(1) if op else None, setting, says_tier


def fact(row):
    """The fact of one row as a dict, None without one, "unrecognised" by target."""
    split = first_marker(row["body"])
    if split is None:
        return None
    marker, before, after = split
    if row["target"] not in TARGETS[marker]:
        return "unrecognised"
    turn = field(before, b"turn.id") or field(before, b"turn_id")
    made = {"ts": row["ts"], "turn": turn, "model": None, "process": row["process"],
            "thread": row["thread"] or field(before, b"thread_id")}
    if marker == SUBMISSION:
        ident, op, setting, says_tier = submission(after) or (None, None, None, False)
        if op not in STARTING | SETTING:
            return "unrecognised" if says_tier else None
        return {**made, "kind": "submission", "turn": ident, "setting": setting,
                "starts": op in STARTING}
    obj = json_object(after)
    if obj is None:
        return None
    if marker == EVENT:
        model = string(obj.get("response"), "model")
        is_one = string(obj, "type") == "response.completed" and model and turn
        return {**made, "kind": "completion", "model": model} if is_one else None
    if string(obj, "service_tier") != "priority":
        return None
    if marker == TAGS:
        return {**made, "kind": "evidence", "model": field(before, b"model")} if turn else None
    turn = turn or string(obj, "turn_id") or string(obj.get("client_metadata"), "turn_id")
    is_one = string(obj, "type") == "response.create" and turn
    found = {**made, "kind": "evidence", "turn": turn, "model": string(obj, "model")}
    return found if is_one else None


def turn_row(row):
    """(turn, model or None) of a row that a turn logs while it runs, else None."""
    if row["target"] not in TURN_TARGETS:
        return None
    split = first_marker(row["body"])
    before = split[1] if split else row["body"]
    turn = field(before, b"turn.id")
    return (turn, field(before, b"model")) if turn else None


def tells_tier(row):
    """Whether a row is of a kind that names the tier of turns, whichever it names."""
    split = first_marker(row["body"])
    if split is None or row["target"] not in TARGETS[split[0]]:
        return False
    marker, _, after = split
    return marker in (REQUEST, SUBMISSION) or marker == TAGS and b'"service_tier"' in after


# ---- all facts, the answer -----------------------------------------------------------------------
def scan(rows, inside):
    """The answer of a full scan; rows come in the order of their ids."""
    facts, ran = [], []
    unrecognised = tier_rows = 0
    for place, row in enumerate(row for row in rows if row["is_text"]):
        one = fact(row)
        if isinstance(one, dict):
            facts.append({**one, "place": place})
        unrecognised += one == "unrecognised"
        tier_rows += tells_tier(row)
        if seen := turn_row(row):
            ran.append((place, *seen))
    last_ran = {turn: place for place, turn, _ in ran}
    ran_model = {turn: model for _, turn, model in ran if model}
    completion, evidence, tiers = {}, {}, {}
    for one in facts:
        if one["kind"] == "completion":
            completion[one["turn"]] = one["model"]
            continue
        if one["kind"] == "submission":
            place = (one["thread"], one["process"])
            if one["setting"] is not None:
                tiers[place] = one["setting"]
            ran_later = last_ran.get(one["turn"], -1) > one["place"]
            if not (one["starts"] and tiers.get(place, False) and ran_later):
                continue
        if inside(one["ts"]):
            evidence.setdefault(one["turn"], []).append(one)
    turns = {}
    for turn, rising in evidence.items():
        models = [one["model"] for one in reversed(rising)]
        models = [completion.get(turn), *models, ran_model.get(turn)]
        turns[turn] = {"thread_id": rising[-1]["thread"],
                       "model": next((m for m in models if m), None),
                       "timestamp": rising[-1]["ts"]}
    completions = sum(one["kind"] == "completion" for one in facts)
    return {"turns": turns, "facts": len(facts), "completions": completions,
            "unrecognised": unrecognised, "turn_rows": len(ran), "turns_seen": len(last_ran),
            "tier_rows": tier_rows}


def published(rows):
    """The rules as published, on the rows its query gives. `facts` are rows that set something."""
    won, completion, facts, completions = {}, {}, 0, 0

    def first(text, name):
        at = text.find(name + b"=")
        value = re.compile(rb"[^ \t\n\x0c\r,\])}:]*").match(text, at + len(name) + 1)
        return None if at < 0 else utf8(value.group()) or None

    for row in rows:
        # The rules were applied to a string: cut at its NUL, repaired where it is no UTF-8.
        body = row["body"].split(b"\0")[0].decode("utf-8", "replace").encode("utf-8")
        before, marker, after = body.partition(EVENT)
        obj = json_object(after) if marker else None
        kind = string(obj, "type") if obj else None
        if kind == "response.completed" and string(obj.get("response"), "model"):
            turn = first(before, b"turn.id") or first(before, b"turn_id")
            if turn:
                completion[turn] = string(obj["response"], "model")
                facts, completions = facts + 1, completions + 1
                continue
        before, marker, after = body.partition(REQUEST)
        if marker:
            obj = json_object(after)
            kind = string(obj, "type") if obj else None
            if kind == "response.create" and string(obj, "service_tier") == "priority":
                turn = first(before, b"turn.id") or first(before, b"turn_id")
                turn = turn or string(obj, "turn_id")
                if turn:
                    won[turn] = (first(before, b"thread_id"), valid_string(obj, "model"), row["ts"])
                    facts += 1
            continue
        before, marker, after = body.partition(SUBMISSION)
        if marker and b'service_tier: Some(Some("priority"))' in body:
            quoted = re.search(rb'id: "([^"]*)"', after)
            turn = utf8(quoted.group(1)) if quoted else None
            if turn:
                won[turn] = (first(before, b"thread_id"), None, row["ts"])
                facts += 1
    turns = {turn: {"thread_id": thread, "model": completion.get(turn, model), "timestamp": ts}
             for turn, (thread, model, ts) in won.items()}
    return {"turns": turns, "facts": facts, "completions": completions, "unrecognised": 0,
            "turn_rows": 0, "turns_seen": 0, "tier_rows": 0}


# ---- the database --------------------------------------------------------------------------------
COLUMNS = """SELECT ts, typeof(feedback_log_body) = 'text', CAST(feedback_log_body AS BLOB),
    CASE typeof(target) WHEN 'text' THEN CAST(target AS BLOB) END,
    CASE typeof(thread_id) WHEN 'text' THEN CAST(thread_id AS BLOB) END,
    CASE typeof(process_uuid) WHEN 'text' THEN CAST(process_uuid AS BLOB) END FROM logs """
PUBLISHED_WHERE = """WHERE (feedback_log_body LIKE '%websocket request:%'
    OR feedback_log_body LIKE '%response.completed%'
    OR feedback_log_body LIKE '%service_tier: Some(Some("priority"))%')
    AND (?1 IS NULL OR ts >= ?1) AND (?2 IS NULL OR ts < ?2) """


def read(database, where, parameters):
    uri = pathlib.Path(database).resolve().as_uri() + "?mode=ro"
    with contextlib.closing(sqlite3.connect(uri, uri=True, timeout=10)) as connection:
        for ts, is_text, body, target, thread, process in connection.execute(
                COLUMNS + where + "ORDER BY id", parameters):
            yield {"ts": ts, "is_text": is_text, "body": body or b"", "target": target,
                   "thread": utf8(thread), "process": utf8(process)}


def answer(database, since, until, rules):
    if rules == "published":
        return published(read(database, PUBLISHED_WHERE, (since, until)))
    within = lambda ts: (since is None or ts >= since) and (until is None or ts < until)
    return scan(read(database, "", ()), within)


def serve(rules):
    def say(what):
        print(json.dumps(what), flush=True)

    python = ".".join(map(str, sys.version_info[:3]))
    version = "2, Python %s, SQLite %s" % (python, sqlite3.sqlite_version)
    say({"name": "scan.py", "version": version})
    for line in sys.stdin:
        try:
            asked = json.loads(line)
            say(answer(asked["database"], asked["since"], asked["until"], rules))
        except (sqlite3.Error, ValueError, KeyError, RecursionError) as error:
            say({"error": "%s: %s" % (type(error).__name__, error)})


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("database", nargs="?")
    parser.add_argument("--since", type=int, help="Unix seconds, inclusive")
    parser.add_argument("--until", type=int, help="Unix seconds, exclusive")
    parser.add_argument("--rules", choices=["ours", "published"], default="ours")
    parser.add_argument("--serve", action="store_true", help="answer questions on standard input")
    chosen = parser.parse_args()
    if chosen.serve == (chosen.database is not None):
        parser.error("name a database, or serve")
    if chosen.serve:
        return serve(chosen.rules)
    found = answer(chosen.database, chosen.since, chosen.until, chosen.rules)
    json.dump(found, sys.stdout, indent=1, sort_keys=True)
    print()


if __name__ == "__main__":
    # JSON nested a million deep is still JSON: a deep stack instead of a verdict.
    sys.setrecursionlimit(100_000_000)
    threading.stack_size(1 << 30)
    status = []
    worker = threading.Thread(target=lambda: (main(), status.append(0)))
    worker.start()
    worker.join()
    sys.exit(0 if status else 1)
