#!/usr/bin/env python3
"""Fails when a file includes what its room may not. Usage: check_rooms.py [src]

src/ROOMS names the rooms bottom-up with what each may include, and fences costly third-party headers
("<asio runtime net": only runtime and net include <asio...>). x_internal.h is private to its room.
Tests and fuzzers may also include testing/.
"""
import pathlib
import re
import sys

INCLUDE = re.compile(r'\s*#\s*include\s*(["<])([^">]+)[">]')


def read_rules(path):
    rooms, fences, errors = {}, {}, []
    for line in path.read_text().splitlines():
        line = line.split("#")[0].strip()
        if line.startswith("<"):
            prefix, *allowed = line.split()
            fences[prefix[1:]] = set(allowed)
        elif line:
            name, deps = (part.strip() for part in line.split(":"))
            errors += [f"ROOMS: {name} needs {dep}, which is not above it" for dep in deps.split() if dep not in rooms]
            rooms[name] = {name, *deps.split()}
    return rooms, fences, errors


def check(path, room, rooms, fences):
    is_test = path.stem.endswith(("_test", "_fuzz"))
    for number, text in enumerate(path.read_text(errors="replace").splitlines(), 1):
        match = INCLUDE.match(text)
        if not match:
            continue
        quote, target = match.groups()
        if quote == '"':
            other = target.split("/")[0]
            allowed = other in rooms.get(room, ()) or (is_test and other == "testing")
            private = target.endswith("_internal.h") and other != room
            if not allowed or private:
                yield f"{path}:{number}: {room} may not include {target}"
        else:
            for prefix, owners in fences.items():
                if target.startswith(prefix) and room not in owners:
                    yield f"{path}:{number}: <{target}> belongs to {', '.join(sorted(owners))}"


def main():
    src = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else "src")
    rooms, fences, errors = read_rules(src / "ROOMS")
    errors += [f"{p.name}/ is not in ROOMS" for p in sorted(src.iterdir()) if p.is_dir() and p.name not in rooms]
    for path in sorted(p for p in src.rglob("*") if p.suffix in {".h", ".cc"}):
        errors += check(path, path.relative_to(src).parts[0], rooms, fences)
    print("\n".join(errors) or "rooms: in order")
    sys.exit(bool(errors))


main()
