#!/usr/bin/env python3
"""The session archive once more, in Python: an oracle to be read in one sitting, not to be fast.

    usage.py HOME [--priority TURN ...] [--offset MINUTES]
    usage.py --serve

It reads every rollout of a Codex home anew and prints what was used in each session and on each
day, what is broken, what cannot be read and which copies have diverged. It shares no code with what
it checks, and knows no memo. Compressed rollouts need Python 3.14 or the package `zstandard`;
without either, a home with one in it is refused. With --serve it says who it is in one line of
JSON, {"name", "version"}, and then answers each line {"home", "priority", "offset"} of its standard
input with one: that result, or in words {"error"}, or {"skipped"} if this Python lacks something.
"""

import argparse
import collections
import datetime
import json
import os
import re
import stat
import sys

try:
    from compression import zstd
except ImportError:
    try:
        import zstandard as zstd
    except ImportError:
        zstd = None

MATTER = {"session_meta", "turn_context", "token_usage_record"}
EVENTS = {"token_count", "thread_settings_applied", "task_started"}
KNOWN = {"response_item", "world_state", "compacted", "ghost_snapshot", "inter_agent_message",
         "inter_agent_communication_metadata"}
KNOWN_EVENTS = set("""agent_message agent_reasoning agent_reasoning_raw_content
    agent_reasoning_section_break collab_agent_spawn_end context_compacted entered_review_mode error
    exec_command_end exited_review_mode item_completed item_started mcp_tool_call_end
    patch_apply_end plan_update sub_agent_activity task_complete thread_goal_updated
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
STAMP = re.compile(r'[ \t\r]*\{[ \t\r]*"timestamp"[ \t\r]*:%s' % STRING)
MOST = 2**64 - 1  # no sum is larger
EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
TOLD = 32  # broken lines of a file that are told one by one
COMPRESSED = ".zst"
UUID7 = re.compile("[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}")
LONGEST = 4096  # bytes of a text that are looked at
BURST = 100  # milliseconds; lines of a copied history are stamped closer to each other than this


# ---- finding rollouts ----------------------------------------------------------------------------
class Skipped(Exception):
    """This Python lacks what the question needs."""


def is_rollout(name):
    return name.startswith("rollout-") and name.endswith((".jsonl", ".jsonl" + COMPRESSED))


def thread_and_segment(path):
    """What the name of a rollout says: the thread, and the segment if it is one."""
    stem = os.path.basename(path).removesuffix(COMPRESSED).removesuffix(".jsonl")
    stem, _, segment = stem.removeprefix("rollout-").partition("_")
    return stem[-36:], segment or None


def read(path):
    """The text of a rollout."""
    with open(path, "rb") as file:
        content = file.read()
    if not path.endswith(COMPRESSED):
        return content
    if zstd is None:
        raise Skipped("this Python reads no zstd; it takes Python 3.14 or the package `zstandard`")
    try:
        text = b""
        while content or not text:  # frame by frame
            frame = zstd.ZstdDecompressor()
            frame = frame.decompressobj() if hasattr(frame, "decompressobj") else frame
            text += frame.decompress(content)
            if not frame.eof:
                raise OSError("it ends within a frame")
            content = frame.unused_data
            if not content:
                return text
    except zstd.ZstdError as error:
        raise OSError(str(error)) from None


def walk(home):
    """(paths below home, what cannot be read): real folders, then linked ones; each once."""
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
            except OSError as error:
                is_gone = isinstance(error, FileNotFoundError) and not entry.is_symlink()
                unreadable.extend([below] if is_rollout(entry.name) and not is_gone else [])
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
    # A plain rollout counts instead of the compressed one beside it.
    plain = {path for path, _ in files}.union(unreadable)
    files = [file for file in files if file[0].removesuffix(COMPRESSED) not in plain - {file[0]}]
    unreadable = [one for one in unreadable if one.removesuffix(COMPRESSED) not in plain - {one}]
    return sorted(files, key=lambda file: file[0].split("/")), unreadable


# ---- one line ------------------------------------------------------------------------------------
def is_text(found):
    """Whether it is a text that is not empty and holds no half of a surrogate pair."""
    return isinstance(found, str) and re.fullmatch("[^\ud800-\udfff]+", found) is not None


def text(value, name):
    """value[name] where that is a text."""
    found = value.get(name) if isinstance(value, dict) else None
    return found if is_text(found) else None


def members(pairs):
    """An object. Of several members `type` the first that is a text counts, of others the last."""
    value = {}
    for name, member in pairs:
        if name != "type" or not is_text(value.get(name)):
            value[name] = member
    return value


def no_json(word):
    raise ValueError(word + " is no JSON")


def whole(digits):
    """A whole number. Neither -0 nor thousands of digits, which Python refuses, are a count."""
    return int(digits) if digits != "-0" and len(digits) < 100 else float(digits)


def parsed(raw):
    """The JSON of a line."""
    return json.loads(raw.decode("utf-8"), object_pairs_hook=members, parse_constant=no_json,
                      parse_int=whole)


def types(value):
    return text(value, "type"), text(value.get("payload"), "type")


def classify(raw):
    """("matters", value), ("skipped", whether its kind is known) or ("broken", why)."""
    try:
        value = parsed(raw)
    except ValueError:
        value = None
    if isinstance(value, dict):
        kind, event = types(value)
    else:
        line = raw.decode("utf-8", "surrogateescape")
        value, found = None, TYPE.match(line)
        kind = found.group(1) if found else None
        found = EVENT.match(line, found.end()) if found else None
        event = found.group(1) if found else None
        # Bytes that are no text name nothing.
        kind, event = (None if name and not is_text(name) else name for name in (kind, event))
        kind = kind or None
        if kind == "event_msg" and event is None:
            kind = None  # without its event, an event is nothing yet
    if kind is None:
        is_untyped = value is not None and "type" not in value
        return ("untyped", None) if is_untyped else ("broken", "no type")
    if kind in MATTER or kind == "event_msg" and event in EVENTS:
        return ("matters", value) if value is not None else ("broken", "no JSON")
    return "skipped", event in KNOWN_EVENTS if kind == "event_msg" else kind in KNOWN


def stamp(raw):
    """The timestamp of a line, whole or not, whatever its kind."""
    try:
        return text(parsed(raw), "timestamp")
    except ValueError:
        found = STAMP.match(raw.decode("utf-8", "replace"))
        return found and found.group(1)


def milliseconds(time):
    """Unix time of such as 2026-11-20T20:37:24.062Z, or None."""
    try:
        at = datetime.datetime.strptime(time or "", "%Y-%m-%dT%H:%M:%S.%fZ")
    except ValueError:
        return None
    return (at.replace(tzinfo=datetime.timezone.utc) - EPOCH) // datetime.timedelta(milliseconds=1)


def tokens(value):
    """The kinds that a count has, or None without any; and whether a number in it is no count."""
    found = [(kind, value.get(kind)) for kind in KINDS] if isinstance(value, dict) else []
    counts = {kind: count for kind, count in found if type(count) in (int, float)}
    right = {kind: count for kind, count in counts.items()
             if type(count) is int and 0 <= count < 1 << 64}
    return right or None, right != counts


def filled(counts):
    """Tokens of every kind: a missing total is input and output, any other missing kind is 0."""
    input, cached, written, output, reasoning, total = (counts.get(kind) for kind in KINDS)
    total = min((input or 0) + (output or 0), MOST) if total is None else total
    return [input or 0, cached or 0, written or 0, output or 0, reasoning or 0, total]


def tier_of(name):
    return "priority" if name in ("priority", "fast") else "standard"


# ---- one rollout ---------------------------------------------------------------------------------
def is_from_0_100(version):
    """Whether a version, such as 0.128.0 or 0.130.0-alpha.3, writes turn ids."""
    numbers = [int(part) if re.fullmatch("[0-9]+", part) else None
               for part in re.split("[.+-]", version or "")]
    minor = numbers[1] if len(numbers) > 1 and numbers[1] is not None else 0
    return numbers[0] is not None and (numbers[0], minor) >= (0, 100)


class Rollout:
    """What a rollout says: meta, span, events (time, model, tier, turn, tokens), odd lines."""

    def __init__(self, path, content):
        self.thread, self.segment = thread_and_segment(path)
        self.meta, self.span, self.events, self.unknown, self.broken = None, None, [], 0, []
        self.model, self.turn, self.tier = None, None, "unknown"
        self.total = None  # the count before
        self.has_records, self.responses = False, set()
        self.is_fork = self.goes_on = False  # it names a parent; a history goes on in it
        self.copies = self.saw_own_turn = False  # it has another's session_meta; an own turn
        self.burst = None  # when the last line was stamped, as long as a history is copied
        self.begins_at = None  # the first ordinal of a sub-agent's own history
        self.is_untyped = self.is_inferred = False
        self.defect = None  # what is wrong with a part of the line
        # A last line without its end waits.
        for number, raw in enumerate(content.split(b"\n")[:-1], 1):
            self.line(number, raw)

    def line(self, number, raw):
        what, value = classify(raw)
        at = milliseconds(stamp(raw))
        if at is not None and self.burst is not None:
            self.burst = at if abs(at - self.burst) < BURST else None
        if what == "untyped" and (number == 1 or self.is_untyped):
            self.is_untyped = True
        elif what == "untyped":
            self.broken.append((number, "no type"))
        elif what == "skipped":
            self.unknown += not value and not self.is_untyped
        elif what == "broken" or at is None:
            self.broken.append((number, value if what == "broken" else "no time"))
        else:
            self.span = (min(at, self.span[0]), max(at, self.span[1])) if self.span else (at, at)
            payload = value["payload"] if isinstance(value.get("payload"), dict) else {}
            self.defect = None
            self.take(at, *types(value), payload, value.get("ordinal"))
            if self.defect is not None:
                self.broken.append((number, self.defect))

    def text(self, value, name):
        """A text, as far as it is looked at."""
        found = text(value, name)
        if found is None or len(found.encode()) <= LONGEST:
            return found
        self.defect = self.defect or "long text"
        return found.encode()[:LONGEST].decode(errors="ignore")

    def tokens(self, value):
        counts, is_odd = tokens(value)
        self.defect = "no count" if is_odd else self.defect
        return counts

    def take(self, at, kind, event, payload, ordinal):
        if kind == "session_meta":
            self.session(at, payload)
        elif kind == "turn_context":
            self.begin(self.text(payload, "turn_id"))
            if isinstance(payload.get("model"), str):
                model = self.text(payload, "model") or ""
                self.model = model if model.strip() else None
        elif kind == "token_usage_record":
            self.record(at, payload)
        elif event == "task_started":
            self.begin(self.text(payload, "turn_id"))
        elif event == "thread_settings_applied":
            if isinstance(payload.get("thread_settings"), dict):
                self.tier = tier_of(self.text(payload["thread_settings"], "service_tier"))
        elif isinstance(payload.get("info"), dict):
            total = self.tokens(payload["info"].get("total_token_usage"))
            last = self.tokens(payload["info"].get("last_token_usage"))
            if not self.has_records and (total or last):
                self.count(at, total, last, self.is_inherited(ordinal))

    def session(self, at, payload):
        meta = [self.text(payload, name) for name in ("id", "cwd", "cli_version", "model_provider")]
        parent = self.text(payload, "forked_from_id")
        if self.meta is None:
            self.meta, self.thread, self.is_fork = meta, meta[0] or self.thread, parent is not None
            self.goes_on = self.is_fork or isinstance(payload.get("history_base"), dict)
            begins_at = payload.get("subagent_history_start_ordinal")
            self.begins_at = begins_at if type(begins_at) is int else None
        elif meta[0] not in (None, self.thread) and not self.copies:
            self.copies, self.burst = True, at

    def begin(self, turn):
        self.turn = turn or self.turn
        turn, thread = (self.turn or "").lower(), self.thread.lower()
        if UUID7.fullmatch(turn) and UUID7.fullmatch(thread):
            self.saw_own_turn |= turn >= thread

    def record(self, at, payload):
        """A response, told by itself: rules 1 and 2."""
        self.has_records = True
        served = self.text(payload, "service_tier")
        self.tier = tier_of(served) if served else self.tier
        thread, turn, response = (self.text(payload, name)
                                  for name in ("thread_id", "turn_id", "response_id"))
        used = self.tokens(payload.get("usage"))
        if thread != self.thread or response in self.responses:
            return
        if response is not None:
            self.responses.add(response)
        if used is not None:
            self.events.append((at, self.model, self.tier, turn or self.turn, filled(used)))

    def is_inherited(self, ordinal):
        """Whether a count belongs to a parent's history: rule 3a."""
        turn, thread = (self.turn or "").lower(), self.thread.lower()
        has_time = UUID7.fullmatch(thread) is not None
        is_older = has_time and UUID7.fullmatch(turn) and turn < thread
        begins_at = self.begins_at
        if is_older or type(ordinal) is int and begins_at is not None and ordinal < begins_at:
            return True
        if not (self.is_fork or self.copies) or self.saw_own_turn:
            return False
        if has_time and self.meta is not None and is_from_0_100(self.meta[2]):
            return True
        self.is_inferred |= self.burst is not None
        return self.burst is not None

    def count(self, at, total, last, is_inherited):
        """What a count says was used: rules 3b to 3d."""
        before = self.total
        if total is not None:
            self.total = total
        both = [kind for kind in KINDS if kind in (total or {}) and kind in (before or {})]
        if is_inherited or both and all(total[kind] == before[kind] for kind in both):
            return
        if last is not None:
            used = filled(last)
        elif total is None or before is None and self.goes_on:
            return
        elif before is None or any(total[kind] < before[kind] for kind in both):
            used = filled(total)
        else:
            used = [max(now - then, 0) for now, then in zip(filled(total), filled(before))]
        self.events.append((at, self.model, self.tier, self.turn, used))


def usage(events, priority, slot):
    """What events used, by slot, model and tier."""
    sums = collections.defaultdict(lambda: [[0] * 6, 0])
    for at, model, tier, turn, used in events:
        if tier == "unknown" and turn in priority:
            tier = "priority"
        entry = sums[slot(at), model, tier]
        entry[0] = [min(one + other, MOST) for one, other in zip(entry[0], used)]
        entry[1] += 1
    by_time = lambda item: (item[0][0], item[0][1] is not None, item[0][1] or "", item[0][2])
    return [[*key, *entry] for key, entry in sorted(sums.items(), key=by_time)]


# ---- all of them ---------------------------------------------------------------------------------
def view(home, priority, offset):
    files, unreadable = walk(home)
    result = {"sessions": [], "days": [], "broken": [], "more": [], "diverged": [],
              "unreadable": unreadable, "untyped": [], "inferred": [], "lines": [0, 0]}
    contents, rollouts, seen = {}, {}, set()
    for path, itself in files:
        try:
            contents[path] = read(os.path.join(home, path))
        except OSError:
            unreadable.append(path)
            continue
        rollout = rollouts[path] = Rollout(path, contents[path])
        result["untyped"] += [path] if rollout.is_untyped else []
        result["inferred"] += [path] if rollout.is_inferred else []
        result["lines"][0] += rollout.unknown
        result["lines"][1] += len(rollout.broken)
        result["broken"] += [(path, number, why) for number, why in rollout.broken[:TOLD]]
        result["more"] += [(path, len(rollout.broken) - TOLD)] if rollout.broken[TOLD:] else []
        result["sessions"].append({
            "path": path, "id": rollout.thread, "segment": rollout.segment,
            "meta": (rollout.meta or [None] * 4)[1:], "span": rollout.span,
            "usage": usage(rollout.events, priority, lambda at: at // 900_000),
            "counts": itself not in seen})
        seen.add(itself)
    copies(result, contents, rollouts)
    counting = [event for session in result["sessions"] if session["counts"]
                for event in rollouts[session["path"]].events]
    result["days"] = usage(counting, priority, lambda at: (at + offset * 60_000) // 86_400_000)
    return result


def copies(result, contents, rollouts):
    """Of files of one thread and segment that begin alike, only the longest count: rule 6."""
    same = collections.defaultdict(list)
    for session in result["sessions"]:
        if session["counts"]:
            same[session["id"], rollouts[session["path"]].segment].append(session)
    is_archived = lambda session: session["path"].startswith("archived_sessions/")
    for files in same.values():
        # Of equal ones that comes first which is not compressed, then that which is not archived.
        files.sort(key=lambda one: (-len(contents[one["path"]]), one["path"].endswith(COMPRESSED),
                                    is_archived(one)))
        for at, one in enumerate(files):
            for longer in files[:at]:
                if contents[longer["path"]].startswith(contents[one["path"]]):
                    one["counts"] = False
        left = [one for one in files if one["counts"]]
        left.sort(key=lambda one: one["path"].split("/"), reverse=True)
        left.sort(key=lambda one: not is_archived(one))
        result["diverged"] += [(one["path"], left[-1]["path"]) for one in left[:-1]]


def serve():
    def say(what):
        print(json.dumps(what), flush=True)

    python = "Python " + ".".join(map(str, sys.version_info[:3]))
    if zstd is None:
        python += " without zstd, which skips homes with compressed rollouts"
    say({"name": "usage.py", "version": "2, " + python})
    for line in sys.stdin:
        try:
            asked = json.loads(line)
            say(view(asked["home"], set(asked["priority"]), asked["offset"]))
        except Skipped as why:
            say({"skipped": str(why)})
        except (OSError, ValueError, KeyError, RecursionError) as error:
            say({"error": "%s: %s" % (type(error).__name__, error)})


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("home", nargs="?")
    parser.add_argument("--priority", nargs="*", default=[], help="turns served at priority")
    parser.add_argument("--offset", type=int, default=0, help="minutes from days to those of UTC")
    parser.add_argument("--serve", action="store_true", help="answer questions on standard input")
    chosen = parser.parse_args()
    if chosen.serve == (chosen.home is not None):
        parser.error("name a home, or serve")
    if chosen.serve:
        return serve()
    try:
        result = view(chosen.home, set(chosen.priority), chosen.offset)
    except Skipped as why:
        sys.exit("usage.py: %s: %s" % (chosen.home, why))
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
