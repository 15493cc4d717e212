"""A store of threads in Python, standard library alone: the contract `threads` of tracerig.

Every line goes to the history of its thread as soon as it is asked for. At the end of a request the
row of each thread is written anew from all of its history, which is simple, right and slow. To test
your own store, replace the function `append`.
"""

import datetime
import json
import os
import sqlite3
import time

COLUMNS = [  # name, type, what it holds before any line
    ("id", "TEXT PRIMARY KEY", None), ("rollout_path", "TEXT", None),
    ("created_at_ms", "INTEGER", None), ("updated_at_ms", "INTEGER", None),
    ("recency_at_ms", "INTEGER", None), ("source", "TEXT", None),
    ("thread_source", "TEXT", None), ("agent_nickname", "TEXT", None), ("agent_role", "TEXT", None),
    ("agent_path", "TEXT", None), ("model_provider", "TEXT", None), ("model", "TEXT", None),
    ("reasoning_effort", "TEXT", None), ("cwd", "TEXT", None), ("cli_version", "TEXT", None),
    ("title", "TEXT", None), ("preview", "TEXT", None), ("first_user_message", "TEXT", None),
    ("approval_mode", "TEXT", None), ("sandbox_policy", "TEXT", None),
    ("tokens_used", "INTEGER", 0),
    ("archived_at_ms", "INTEGER", None), ("git_sha", "TEXT", None), ("git_branch", "TEXT", None),
    ("git_origin_url", "TEXT", None), ("memory_mode", "TEXT", "enabled"),
    ("forked_from", "TEXT", None),
    ("history_bytes", "INTEGER", 0),
]


def append(home, appends):
    """Appends lists of items (`type` and `payload`, both texts) to histories of threads, one after
    the other, and writes the rows. A payload that is no JSON object is a ValueError, and nothing
    is written."""
    for _, items in appends:
        for item in items:
            if not isinstance(json.loads(item["payload"]), dict):
                raise ValueError("a payload must be a JSON object: %.80s" % item["payload"])
    known, files = histories(home), {}
    try:
        for thread, items in appends:
            if items and thread not in files:
                files[thread] = opened(home, thread, known)
            for item in items:
                # Between the tokens of JSON a line break means nothing, and in a line it ends it.
                payload = item["payload"].replace("\n", " ").replace("\r", " ")
                write(files[thread], item["type"], payload)
    finally:
        for file in files.values():
            file.close()
    rows(home, [(thread, known[thread]) for thread in files])


def histories(home):
    """The path of the history of each thread."""
    found = {}
    for folder, _, names in os.walk(os.path.join(home, "sessions")):
        for name in names:
            if name.startswith("rollout-") and name.endswith(".jsonl"):
                found[name[-len(".jsonl") - 36:-len(".jsonl")]] = os.path.join(folder, name)
    return found


def opened(home, thread, known):
    """The history of a thread, ready for the next line."""
    if thread not in known:
        now = datetime.datetime.now(datetime.timezone.utc)
        folder = os.path.join(home, "sessions", *now.strftime("%Y %m %d").split())
        os.makedirs(folder, exist_ok=True)
        name = "rollout-%s-%s.jsonl" % (now.strftime("%Y-%m-%dT%H-%M-%S"), thread)
        known[thread] = os.path.join(folder, name)
    descriptor = os.open(known[thread], os.O_RDWR | os.O_CREAT, 0o666)
    file = open(descriptor, "r+b", buffering=0)
    whole = file.read().rfind(b"\n") + 1  # a last line that breaks off is cut
    file.truncate(whole)
    file.seek(whole)
    if not whole:  # new, or killed before its first line was whole
        write(file, "session_meta", json.dumps({"id": thread, "timestamp": timestamp()}))
    return file


def timestamp():
    now = time.time_ns() // 1_000_000
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now // 1000)) + ".%03dZ" % (now % 1000)


def write(file, kind, payload):
    line = '{"timestamp":"%s","type":"%s","payload":%s}\n' % (timestamp(), kind, payload)
    line = line.encode("utf-8")
    while line:
        line = line[file.write(line):]


def rows(home, threads):
    """Writes the rows of these threads, in one transaction."""
    connection = sqlite3.connect(os.path.join(home, "threads.sqlite"), timeout=60)
    try:
        declared = ", ".join("%s %s" % column[:2] for column in COLUMNS)
        connection.execute("CREATE TABLE IF NOT EXISTS threads (%s)" % declared)
        names = [name for name, _, _ in COLUMNS]
        into = "INSERT OR REPLACE INTO threads (%s) VALUES (%s)" % (
            ", ".join(names), ", ".join("?" * len(names)))
        for thread, path in threads:
            row = replay(thread, os.path.relpath(path, home), path)
            connection.execute(into, [row[name] for name in names])
        connection.commit()
    finally:
        connection.close()


def replay(thread, name, path):
    """The row that a history says."""
    row = {column: initial for column, _, initial in COLUMNS}
    row.update(id=thread, rollout_path=name)
    state = {"turn": False, "titled": False}
    with open(path, "rb") as file:
        for line in file:
            row["history_bytes"] += len(line)
            line = json.loads(line)
            row["updated_at_ms"] = milliseconds(line["timestamp"])
            payload = line["payload"]
            event = payload.get("type") if line["type"] == "event_msg" else None
            change = CHANGES.get((line["type"], event))
            if change:
                change(row, payload, row["updated_at_ms"], state)
    return row


def milliseconds(text):
    try:
        when = datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))
        return (when - EPOCH) // datetime.timedelta(milliseconds=1)
    except (AttributeError, ValueError, TypeError):
        return None


EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)


def text(value):
    return value if isinstance(value, str) else None


def text_or_object(value):
    if isinstance(value, dict):
        return json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    return text(value)


def keep(row, column, value):
    if value is not None:
        row[column] = value


def session_meta(row, payload, at, state):
    if payload.get("id") != row["id"]:  # a copied history begins with its parent's line
        row["forked_from"] = row["forked_from"] or text(payload.get("id"))
        return
    told = milliseconds(payload.get("timestamp"))
    if told is not None or row["created_at_ms"] is None:
        row["created_at_ms"] = at if told is None else told
        if not state["turn"]:
            row["recency_at_ms"] = row["created_at_ms"]
    row["thread_source"] = text_or_object(payload.get("thread_source"))
    for column in ("agent_nickname", "agent_role", "agent_path"):
        row[column] = text(payload.get(column))
    keep(row, "source", text_or_object(payload.get("source")))
    for column in ("model_provider", "cwd", "cli_version"):
        keep(row, column, text(payload.get(column)) or None)
    keep(row, "memory_mode", text(payload.get("memory_mode")))
    row["forked_from"] = row["forked_from"] or text(payload.get("forked_from_id")) or None
    git = payload.get("git")
    if isinstance(git, dict):
        names = {"git_sha": "commit_hash", "git_branch": "branch",
                 "git_origin_url": "repository_url"}
        row.update({column: text(git.get(name)) for column, name in names.items()})


def turn_context(row, payload, at, state):
    row["cwd"] = row["cwd"] or text(payload.get("cwd")) or None
    keep(row, "model", text(payload.get("model")))
    effort = payload.get("effort")
    if effort is None or isinstance(effort, str):
        row["reasoning_effort"] = effort
    keep(row, "approval_mode", text_or_object(payload.get("approval_policy")))
    profile = payload.get("permission_profile")
    policy = payload.get("sandbox_policy") if profile is None else profile
    keep(row, "sandbox_policy", text_or_object(policy))


def said(row, message, pictures, state):
    own = message.split("## My request for Codex:", 1)[-1].strip()[:4096]
    shown = own or ("[Image]" if pictures else None)
    if shown is None:
        return
    for column in ("first_user_message", "preview"):
        if row[column] is None:
            row[column] = shown
    if own and row["title"] is None and not state["titled"]:
        row["title"] = own


def user_message(row, payload, at, state):
    pictures = any(isinstance(payload.get(kind), list) and payload[kind]
                   for kind in ("images", "local_images"))
    said(row, text(payload.get("message")) or "", pictures, state)


def item_completed(row, payload, at, state):
    item = payload.get("item")
    if not isinstance(item, dict) or item.get("type") != "UserMessage":
        return
    content = item.get("content")
    content = content if isinstance(content, list) else []
    parts = [part for part in content if isinstance(part, dict)]
    texts = [text(part.get("text")) or "" for part in parts if part.get("type") == "text"]
    pictures = any(part.get("type") in ("image", "local_image") for part in parts)
    said(row, "".join(texts), pictures, state)


def token_count(row, payload, at, state):
    value = payload
    for name in ("info", "total_token_usage", "total_tokens"):
        value = value.get(name) if isinstance(value, dict) else None
    if type(value) is int and 0 <= value < 1 << 63:
        row["tokens_used"] = value


def goal_updated(row, payload, at, state):
    goal = payload.get("goal")
    objective = (text(goal.get("objective")) or "").strip() if isinstance(goal, dict) else ""
    if objective and row["preview"] is None:
        row["preview"] = objective[:4096]


def task_started(row, payload, at, state):
    state["turn"], row["recency_at_ms"] = True, at


def metadata_updated(row, payload, at, state):
    for column in ("title", "git_sha", "git_branch", "git_origin_url", "memory_mode"):
        if column in payload and (payload[column] is None or isinstance(payload[column], str)):
            row[column] = payload[column]
            state["titled"] |= column == "title"
    row["memory_mode"] = row["memory_mode"] or "enabled"
    if isinstance(payload.get("archived"), bool):
        row["archived_at_ms"] = at if payload["archived"] else None


CHANGES = {
    ("session_meta", None): session_meta,
    ("turn_context", None): turn_context,
    ("event_msg", "user_message"): user_message,
    ("event_msg", "item_completed"): item_completed,
    ("event_msg", "token_count"): token_count,
    ("event_msg", "thread_goal_updated"): goal_updated,
    ("event_msg", "task_started"): task_started,
    ("event_msg", "thread_metadata_updated"): metadata_updated,
}
