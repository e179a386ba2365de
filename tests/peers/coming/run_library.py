#!/usr/bin/env python3
"""Runs the libraries named, where they are installed, and compares what they answer with their vectors.

    run_library.py NAME...            fails where a number, a request or a version is another
    run_library.py --record NAME...   writes the vectors anew
"""

import importlib
import json
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))
sys.dont_write_bytecode = True

import lines


def run(name):
    """Returns the file of vectors that a library makes."""
    library = importlib.import_module(f"libraries.{name}")
    made = {"library": library.TITLE, "package": library.PACKAGE, "version": library.VERSION}
    if hasattr(library, "LOSSES"):
        made["losses"] = sorted(library.LOSSES)
    return {**made, "vectors": [lines.vector(line, line.run()) for line in library.LINES]}


def text(made):
    """Returns a file of vectors as text, one vector a line."""
    head = [f'"{key}": {json.dumps(made[key], ensure_ascii=False)},'
            for key in ("library", "package", "version", "losses") if key in made]
    rows = ",\n".join(json.dumps(vector, ensure_ascii=False) for vector in made["vectors"])
    return "{\n" + "\n".join(head) + '\n"vectors": [\n' + rows + "\n]}\n"


def differences(made, kept):
    """Returns what differs between a file of vectors that was made and the one that is kept."""
    found = [f"{key} {made[key]}, the file has {kept[key]}"
             for key in ("library", "package", "version") if made[key] != kept[key]]
    ours, theirs = set(made.get("losses", ())), set(kept.get("losses", ()))
    found += [f"{name}: is new, and may want a line" for name in sorted(ours - theirs)]
    found += [f"{name}: is no loss of it any more" for name in sorted(theirs - ours)]
    old = {vector["call"]: vector for vector in kept["vectors"]}
    new = {vector["call"]: vector for vector in made["vectors"]}
    found += [f"{call}: has no vector" for call in new.keys() - old.keys()]
    found += [f"{call}: is not run" for call in old.keys() - new.keys()]
    for call in new.keys() & old.keys():
        ours, theirs = new[call].pop("expected"), old[call].pop("expected")
        if json.loads(json.dumps(new[call])) != old[call]:
            found.append(f"{call}: another request or note")
        elif ours.keys() != theirs.keys() or not all(
                lines.same(ours[key], theirs[key], old[call]["tolerance"]) for key in ours):
            found.append(f"{call}: gives {ours}, the file has {theirs}")
    return found


def main(arguments):
    record = "--record" in arguments
    failed = False
    for name in [argument for argument in arguments if argument != "--record"]:
        made = run(name)
        if record:
            with open(lines.path(name), "w", encoding="utf-8") as file:
                file.write(text(made))
        found = differences(made, lines.read(name))
        failed |= bool(found)
        print(f"{made['library']} {made['version']}: {len(made['vectors'])} lines, "
              f"{len(found)} differ", *found, sep="\n  ")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
