#!/usr/bin/env python3
"""Two reports about candidates, as Markdown on standard output; each takes a few minutes on two
cores:

    ci/candidate-results.py history > docs/results/scanner-history.md
    ci/candidate-results.py usage > docs/results/who-counts-right.md

`history` checks and measures the stages of the published scanner. `usage` compares usage counters
with what archives from recipes and the homes of the real Codex CLI hold. Counters of others are
found in PATH, for example after `npm install ccusage @ccusage/codex tokscale bun` and
`PATH=$PWD/node_modules/.bin:$PATH`. TRACERIG names the executable (target/release/tracerig). A
candidate that is wrong has no time."""

import collections
import datetime
import glob
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import textwrap

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BUILT = os.path.join(ROOT, "target/release/tracerig")
TRACERIG = os.path.abspath(os.environ.get("TRACERIG", BUILT))
PYTHON = sys.executable
LIMIT = 120


def run(words, **more):
    return subprocess.run(words, capture_output=True, text=True, timeout=300, **more)


def tracerig(*words, **more):
    done = run([TRACERIG, *words], **more)
    if done.returncode not in (0, 3, 5):
        sys.exit("%s: exit code %d\n%s" % (" ".join(words), done.returncode, done.stderr))
    return done.stdout


def ask(argv, work, **request):
    """One request to a fresh process with a fresh home: its result, or why there is none."""
    home = tempfile.mkdtemp(dir=work)
    line = json.dumps({"tracerig": 1, "id": "1", "limit_ms": LIMIT * 1000, **request})
    environment = {**os.environ, "HOME": home, "TMPDIR": home, "XDG_CACHE_HOME": home + "/.cache"}
    try:
        done = subprocess.run(argv, input=line + "\n", capture_output=True, text=True,
                              timeout=LIMIT, env=environment)
        reply = json.loads(done.stdout.splitlines()[-1])
    except (subprocess.TimeoutExpired, ValueError, IndexError) as error:
        return None, "no answer: %s" % type(error).__name__
    finally:
        shutil.rmtree(home, ignore_errors=True)
    error = reply.get("error")
    return reply.get("result"), error and "%(kind)s: %(message)s" % error


def median(argv, request, work, prepare=None, samples=8):
    """The median wall time of a launch, in seconds, by `tracerig run command`."""
    path = os.path.join(work, "request")
    with open(path, "w") as file:
        asked = {"tracerig": 1, "id": "1", "limit_ms": LIMIT * 1000, **request}
        file.write(json.dumps(asked) + "\n")
    words = ["run", "command", "--samples", str(samples), "--input", path, "--format", "json",
             "--limit", "60s", "--warmup", "1", "--cache", "any", "--output", "ignore",
             "--out", tempfile.mkdtemp(dir=work)]
    if prepare:
        words += ["--prepare", "sh -c '%s'" % prepare]
    said = tracerig(*words, "--", *argv, cwd=work)
    arm = json.loads(said)["arms"][0]
    taken = arm["launch_time"] or arm["sample_time"]
    return taken and taken["median_ns"] / 1e9


def time(seconds):
    if seconds is None:
        return "not measured"
    return "%.3g s" % seconds if seconds >= 1 else "%.3g ms" % (seconds * 1e3)


def checked(name, contract, work):
    """The report of `candidate check` without random histories. A disk reuses inodes."""
    said = tracerig("candidate", "check", name, "--contract", contract, "--histories", "0",
                    "--format", "json",
                    cwd=work, env={**os.environ, "TMPDIR": work})
    return json.loads(said)[0]


def failures(report):
    return [failure for level in report["levels"] for failure in level["failures"]]


def short(case):
    return case.split("/", 1)[1]


def prose(text):
    print(textwrap.fill(" ".join(text.split()), 100, break_long_words=False,
                        break_on_hyphens=False) + "\n")


def conditions(command):
    version = tracerig("--version").split()[1]
    model = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo")
                  if line.startswith("model name")),
                 "unknown processor")
    prose("Made by `%s` with tracerig %s on %s, on %d cores (%s), Linux %s."
          % (command, version, datetime.date.today(), os.cpu_count(), model,
             os.uname().release.split("-")[0]))


# The history of a published scanner.

SCANNERS = [("published", "the query alone, no memo"),
            ("history/memory", "#1404: a memo in memory"),
            ("history/persisted", "#1421: the memo is a file"),
            ("history/one-anchor", "#3130: one anchor"),
            ("history/four-anchors", "#3318: four anchors"), ("tracerig", "this project")]
STAGES = [name for name, _ in SCANNERS if name.startswith("history/")]
SITUATIONS = ["no memo", "unchanged", "200 rows appended", "and the last scanned row deleted"]


def right_turns(database):
    said = run([PYTHON, os.path.join(ROOT, "harness/oracle/scan.py"), database])
    return json.loads(said.stdout)["turns"]


def measured(names, database, folder, work, situation):
    """Of each scanner, the time of a launch in a situation and its mode, or what is wrong."""
    right, cells = right_turns(database), {}
    for name in names:
        argv = [TRACERIG, "__worker", "scanner" if name == "tracerig" else name]
        kept, memo = os.path.join(folder, name), os.path.join(work, "memo")
        prepare = "rm -rf %s; cp -a %s %s" % (memo, kept, memo)
        if situation == "no memo":
            prepare = "rm -rf %s; mkdir %s" % (memo, memo)
        request = {"ask": "scan", "database": database, "memo": memo, "since": None, "until": None,
                   "force": False}
        subprocess.run(["sh", "-c", prepare], check=True)
        result, error = ask(argv, work, **request)
        turns = (result or {}).get("turns", {})
        wrong = sum(turns.get(turn) != right.get(turn) for turn in turns.keys() | right.keys())
        if error or wrong:
            cells[name] = error or "wrong (%d of %d turns)" % (wrong, len(right))
        else:
            cells[name] = "%s, %s" % (time(median(argv, request, work, prepare)), result["mode"])
        if situation == "no memo":
            subprocess.run(["sh", "-c", prepare], check=True)
            ask(argv, work, **request)
            shutil.copytree(memo, kept)
    return cells


def history(work):
    print("# The history of a published scanner\n")
    prose("""Four pull requests of steipete/CodexBar taught one scanner to remember what it had
          read. Each stage is built here as first proposed (`harness/published/src/history.rs`) and
          answers the [protocol](../protocol.md) like any candidate. All stages read rows by
          tracerig's rules, so that they differ in what they remember and check. Each stage was
          checked three times, and the worst of them counts, since a new file gets the inode of a
          removed one most times only. `published` is the query without a memo; it reads rows by the
          published rules, which fails cases of every sort: the first five of a kind end a
          level.""")
    conditions("ci/candidate-results.py history")
    # Whether a new file gets the inode of a removed one depends on what else the machine does.
    reports = {name: max((checked(name, "trace", work) for _ in range(3 if name in STAGES else 1)),
                         key=lambda report: len(failures(report)))
               for name, _ in SCANNERS}
    stages = STAGES
    failed = {name: [failure["case"] for failure in failures(reports[name])] for name in reports}
    common = [case for case in failed[stages[0]] if all(case in failed[name] for name in stages)]

    print("## Which stage is wrong\n")
    print("| stage | cases passed | failed | beyond those that every stage fails |")
    print("| --- | ---: | ---: | --- |")
    for name, what in SCANNERS:
        passed = sum(level["passed"] for level in reports[name]["levels"])
        left = sum(level["not_run"] for level in reports[name]["levels"])
        own = [short(case) for case in failed[name] if case not in common] if name in stages else []
        told = ", ".join("`%s`" % case for case in own) or "-"
        more = " (%d not run)" % left if left else ""
        print("| `%s`, %s | %d | %d%s | %s |" % (name, what, passed, len(failed[name]), more, told))
    print()
    prose("""Every stage fails %s: windows are applied to the row that won, or read in the order of
          an index, and a database that cannot be read has an empty answer. `history/memory` passes
          the other cases because a relaunch loses its memo. In a long-lived process, as in the
          application, it fails as shown below."""
          % ", ".join("`%s`" % short(case) for case in common))

    print("## Which stage is fast\n")
    recipe = "quick"
    home = tracerig("dataset", "build", recipe).split("\n")[0].strip()
    source = home if home.endswith(".sqlite") else os.path.join(home, "logs_2.sqlite")
    database, folder = os.path.join(work, "logs_2.sqlite"), os.path.join(work, "memos")
    shutil.copyfile(source, database)
    table = []
    for situation in SITUATIONS:
        if situation == SITUATIONS[2]:
            with sqlite3.connect(database) as connection:
                last = connection.execute("SELECT max(id) FROM logs").fetchone()[0]
                columns = connection.execute("PRAGMA table_info(logs)")
                names = [row[1] for row in columns if row[1] != "id"]
                names = ", ".join(names)
                connection.execute("INSERT INTO logs (%s) SELECT %s FROM logs WHERE id > %d - 200"
                                   % (names, names, last))
        elif situation == SITUATIONS[3]:
            with sqlite3.connect(database) as connection:
                connection.execute("DELETE FROM logs WHERE id = ?", [last])
        table.append(measured([name for name, _ in SCANNERS], database, folder, work, situation))
    prose("""A launch on the recipe `%s` (%d MB), page cache hot: the median of 8, and what the
          scanner says it did. Every answer is compared with the oracle's; a launch with a wrong one
          has no time. A memo saves a stage the reading of the table as long as its checks let it
          pass: one anchor is lost with that row, and then a launch reads everything."""
          % (recipe, os.path.getsize(database) // 1_000_000))
    print("| stage | %s |\n| --- |%s" % (" | ".join(SITUATIONS), " ---: |" * len(SITUATIONS)))
    for name, _ in SCANNERS:
        print("| `%s` | %s |" % (name, " | ".join(cells[name] for cells in table)))

    print("\n## The smallest histories that prove it\n")
    searched = tracerig("diff", "trace", "--candidate", "history/memory", "--cases", "200",
                        "--format", "json", cwd=work, env={**os.environ, "TMPDIR": work})
    found = json.loads(searched)
    memory = next((entry for entry in found["found"] if entry["kind"] == "wrong"), None)
    if memory:
        prose("""`history/memory`, in one process (%d of %d random histories fail; this one was
              shrunk to %d operations):""" % (found["failed"], found["random"],
                                              memory["operations"]))
        shown(memory["history"], memory["detail"])
    seen = set()
    for name in stages:
        for failure in failures(reports[name]):
            if failure["history"] and failure["case"] not in seen:
                seen.add(failure["case"])
                who = [stage for stage in stages if failure["case"] in failed[stage]]
                who = ", ".join("`%s`" % stage for stage in who)
                prose("`%s` (%s): %s" % (short(failure["case"]), who, failure["rule"]))
                shown(failure["history"], failure["detail"])
    prose("""Repeat one with `TMPDIR=FOLDER tracerig candidate check NAME --case trace/CASE`. FOLDER
          lies on a file system that gives a new file the inode of a removed one, such as ext4;
          /dev/shm does not.""")


def shown(history, detail):
    for line in history.splitlines():
        if not line.startswith("identity"):
            print("    " + line)
    print()
    prose("Found: %s." % detail.split(": ", 1)[-1])


# Who counts right?

ADAPTERS = os.path.join(ROOT, "harness/candidates")
COUNTERS = [("tracerig", [TRACERIG, "__worker", "scanner"]),
            ("python", [PYTHON, os.path.join(ADAPTERS, "python/candidate.py")]),
            ("published", [TRACERIG, "__worker", "published"]),
            ("ccusage", [PYTHON, os.path.join(ADAPTERS, "adapters/ccusage.py")]),
            ("ccusage-codex", [PYTHON, os.path.join(ADAPTERS, "adapters/ccusage_codex.py")]),
            ("tokscale", [PYTHON, os.path.join(ADAPTERS, "adapters/tokscale.py")])]
ARCHIVES = ["archive-tiny", "archive-6k"]
KINDS = ["input", "cached_input", "cache_write", "output", "reasoning"]


def sums(rows, kinds):
    total = collections.Counter()
    for row in rows:
        for kind in kinds:
            total[row["day"], row.get("model") or "unknown", kind] += int(row.get(kind, 0))
    return +total


def counted(result, usage):
    """The rows of a counter, as Codex counts."""
    rows = [dict(row) for row in result["rows"]]
    for row in rows:
        if not usage.get("input_includes_cached", True):
            row["input"] = int(row["input"]) + int(row["cached_input"])
        if not usage.get("output_includes_reasoning", True):
            row["output"] = int(row["output"]) + int(row["reasoning"])
    return rows


def truth(recipe):
    home = tracerig("dataset", "build", recipe).split("\n")[0].strip()
    with open(os.path.join(os.path.dirname(home), "archive.json")) as file:
        expected = json.load(file)["expected"]
    epoch = datetime.date(1970, 1, 1)
    rows = [{**tokens, "day": (epoch + datetime.timedelta(use["day"])).isoformat(),
             "model": use["model"]}
            for use, tokens in expected]
    return home, rows


def compared(said, right, kinds):
    """What is wrong with sums by day and model; nothing if they are equal."""
    said, right = sums(said, kinds), sums(right, kinds)
    wrong = [key for key in said.keys() | right.keys() if said[key] != right[key]]
    if not wrong:
        return None
    total = {kind: (sum(n for key, n in said.items() if key[2] == kind),
                    sum(n for key, n in right.items() if key[2] == kind)) for kind in kinds}
    parts = ["%s %+.1f %%" % (kind.replace("_", " "), 100 * (a - b) / max(b, 1))
             for kind, (a, b) in total.items() if a != b]
    days = len({key[:2] for key in wrong})
    return "wrong: %d of %d days and models; %s" % (days, len({key[:2] for key in right}),
                                                   ", ".join(parts) or "totals agree")


def real_homes(work):
    """Each home of the real CLI with its tokens: the server's, else the sum of Codex's own rows."""
    for path in sorted(glob.glob(os.path.join(ROOT, "datasets/real/*.tar.zst"))):
        name = os.path.basename(path)[:-len(".tar.zst")]
        home = os.path.join(work, name)
        os.mkdir(home)
        subprocess.run(["tar", "--zstd", "-xf", path, "-C", home], check=True)
        files = glob.glob(home + "/**/rollout-*", recursive=True)
        tokens = 0
        for line in map(json.loads, open(os.path.join(home, "requests.jsonl"))):
            if line.get("kind") == "usage" and line.get("what") != "prewarm":
                thread = (line.get("turn_metadata") or {}).get("thread_id") or line.get("sid") \
                    or line["prompt_cache_key"]
                if any(thread in os.path.basename(file) for file in files):
                    tokens += line["usage"]["total_tokens"]
        if not tokens:
            rows = open(path[:-len(".tar.zst")] + ".threads.jsonl")
            tokens = sum(json.loads(line)["tokens_used"] for line in rows)
        os.remove(os.path.join(home, "requests.jsonl"))
        yield name, home, tokens


def request_of(home):
    return {"ask": "usage", "home": home, "memo": None, "zone_minutes": 0, "priority": [],
            "force": False}


def usage(work):
    print("# Who counts right?\n")
    prose("""Counters of Codex tokens, each asked by the [protocol](../protocol.md), tools of others
          by adapters (`harness/candidates/adapters`). There are three sources of truth: what the
          generator of an archive meant, what the server of a real home gave, and the cases of
          `tracerig candidate check`.""")
    conditions("ci/candidate-results.py usage")
    archives = {recipe: truth(recipe) for recipe in ARCHIVES}
    homes = list(real_homes(work))
    rows, details, absent = [], [], []
    for name, argv in COUNTERS:
        hello, error = ask(argv, work, ask="hello", versions=[1])
        if error:
            absent.append("`%s` is not in the table: %s" % (name, error))
            continue
        declared = hello["usage"]
        kinds = [kind for kind in KINDS if kind in declared["tokens"]]
        cells = []
        for recipe, (home, right) in archives.items():
            began = datetime.datetime.now()
            result, error = ask(argv, work, **request_of(home))
            cells.append(error or compared(counted(result, declared), right, kinds) or "right")
        wrong = []
        for home_name, home, tokens in homes:
            result, error = ask(argv, work, **request_of(home))
            if not error:
                uses = counted(result, declared)
                said = sum(int(use["input"]) + int(use["output"]) for use in uses)
            if error or said != tokens:
                told = error or "{:,}".format(said)
                row = (name, home_name, told, "{:,}".format(tokens))
                wrong.append("| `%s` | `%s` | %s | %s |" % row)
        right_homes = len(homes) - len(wrong)
        report = checked(name, "usage", work)
        failed = failures(report)
        passed = sum(level["passed"] for level in report["levels"])
        left = sum(level["not_run"] for level in report["levels"])
        took = "-"
        if cells[-1] == "right":
            slow = datetime.datetime.now() - began > datetime.timedelta(seconds=5)
            request = request_of(archives[ARCHIVES[-1]][0])
            took = time(median(argv, request, work, samples=2 if slow else 8))
        rows.append("| `%s@%s` | %s | %d of %d | %d of %d | %s |" % (
            name, hello["version"], " | ".join(cells), right_homes, len(homes), passed,
            passed + len(failed) + left, took))
        details.append((name, failed, left, wrong))
    print("## The answer\n")
    print("| counter | %s | real homes right | cases passed | time on %s |"
          % (" | ".join(ARCHIVES), ARCHIVES[-1]))
    print("| --- | --- | --- | ---: | ---: | ---: |")
    print("\n".join(rows))
    print()
    prose("""Archives are compared by day, model and kind of token, as far as a counter counts it;
          homes by the sum of input and output. The time is the median of 8 launches (2 of a slow
          one) without a memo, page cache hot, adapter included; a counter that is wrong on the
          archive has none. After five failed cases of one kind a level ends, and the rest counts as
          not passed.""")
    for line in absent:
        prose(line)
    print("## Real homes that differ\n\n| counter | home | tokens | right |")
    print("| --- | --- | ---: | ---: |")
    print("\n".join(line for _, _, _, wrong in details for line in wrong))
    print("\n## Cases that fail\n\n| counter | case | rule | found |\n| --- | --- | --- | --- |")
    for name, failed, left, _ in details:
        for failure in failed:
            found = failure["detail"].split(": ", 1)[-1].replace("|", "\\|")
            row = (name, short(failure["case"]), failure["rule"], found[:120])
            print("| `%s` | `%s` | %s | %s |" % row)
        if left:
            print("| `%s` | %d more | not run after five failures of one kind | |" % (name, left))
    print("\n`tracerig candidate check NAME --case usage/CASE` shows the history of a case.")


def main():
    reports = {"history": history, "usage": usage}
    if len(sys.argv) != 2 or sys.argv[1] not in reports:
        sys.exit(__doc__)
    with tempfile.TemporaryDirectory(prefix="tracerig-results-") as work:
        reports[sys.argv[1]](work)


main()
