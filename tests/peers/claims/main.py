"""Measures the claims of client/python/README.md; see tests/peers/package_claims."""

import functools
import os
import sys

from claim import cores
from lossd_server import Server
from memory import in_a_process
from million import million
from overlap import overlap
from replicas import replicas

PAGE = os.path.join(os.path.dirname(__file__), "..", "..", "..", "client", "python", "README.md")
MARKS = ("<!-- the table of tests/peers/package_claims -->\n", "<!-- end of the table -->\n")

MEASURES = {
    "leak": functools.partial(in_a_process, "leak"),
    "large": functools.partial(in_a_process, "large"),
    "million": million,
    "overlap": overlap,
    "replicas": replicas,
}


def measured(names):
    """Returns the claims by turns, each beside a server of its own."""
    for name in names:
        with Server() as server:
            for claim in MEASURES[name](server.address):
                print(f"{'PASS' if claim.holds else 'FAIL'} {claim.text}: {claim.measured}, {claim.bound}", flush=True)
                yield claim


def write(claims):
    rows = [f"| {claim.text} | {claim.measured} | {claim.bound} |\n" for claim in claims]
    with open(PAGE, encoding="utf-8") as file:
        before, rest = file.read().split(MARKS[0])
    after = rest.split(MARKS[1])[1]
    with open(PAGE, "w", encoding="utf-8") as file:
        file.write("".join([before, MARKS[0], f"| on {cores()} cores | measured | bound |\n|---|---|---|\n", *rows,
                            MARKS[1], after]))


def main():
    names = [name for name in sys.argv[1:] if name != "--markdown"]
    claims = list(measured(names or MEASURES))
    if "--markdown" in sys.argv and not names:
        write(claims)
    return 0 if all(claim.holds for claim in claims) else 1


if __name__ == "__main__":
    sys.exit(main())
