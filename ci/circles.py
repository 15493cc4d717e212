#!/usr/bin/env python3
"""No circle between the files of a crate: fails if files `use` each other in a ring. Re-exports are followed to what they name."""

import pathlib, re, sys

USE = re.compile(r"^(?P<pub>pub(?:\([a-z]+\))? )?use ((?:crate|self|super|[a-z_]+)\b[^;]*);", re.M)

def names(tree, before=()):
    """Every path that a use tree names, without renamings."""
    tree = re.sub(r"\s+as \w+", "", re.sub(r"//.*", "", tree)).strip()
    head, brace, rest = tree.partition("{")
    path = before + tuple(part for part in head.strip().split("::") if part)
    if not brace:
        return [path]
    parts = re.findall(r"(?:[^,{}]|\{(?:[^{}]|\{[^{}]*\})*\})+", rest[: rest.rindex("}")])
    return [name for part in parts if part.strip() for name in names(part, path)]

def circles(source):
    place = lambda file: tuple(part for part in file.relative_to(source).with_suffix("").parts if part not in ("mod", "lib"))
    files = {place(file): re.sub(r"#\[cfg\(test\)\]\nmod .*", "", file.read_text(), flags=re.S) for file in source.rglob("*.rs")}
    files.pop(("main",), None)
    exported, uses = {}, {file: set() for file in files}
    for file, text in files.items():
        for match in USE.finditer(text):
            for path in names(match[2]):
                at = file if path[0] in ("self", "super") or file + path[:1] in files else ()
                for part in path:
                    at = at[:-1] if part == "super" else at if part in ("self", "crate") else at + (part,)
                if match["pub"]:
                    exported[file + path[-1:]] = at
                else:
                    uses[file].add(at)
    def home(path):
        while path not in files and path in exported:
            path = exported[path]
        return path if path in files else home(path[:-1])
    arrows = {file: {home(path) for path in paths} - {file, ()} for file, paths in uses.items()}
    reach = lambda start, seen: [reach(next, seen) for next in arrows[start] if not (next in seen or seen.add(next))] and seen
    return sorted("::".join(file) for file in arrows if file in (reach(file, set()) or ()))

found = [f"{src.parent}: {', '.join(ring)}" for src in map(pathlib.Path, sys.argv[1:]) if (ring := circles(src))]
print("\n".join(found))
sys.exit(bool(found))
