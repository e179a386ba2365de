"""Libraries that are not Python's: a program reads the inputs in JSON on its standard input and prints
what each call gives, by the call's text.

COMING_PROGRAMS is the folder with the programs, one of each library's name.
"""

import functools
import json
import os
import subprocess

import lines


@functools.lru_cache(maxsize=None)
def answers(name):
    """Returns what the program NAME answers: results by the calls' texts, and its "version"."""
    program = os.path.join(os.environ["COMING_PROGRAMS"], name)
    ran = subprocess.run([program], input=json.dumps(lines.INPUTS), stdout=subprocess.PIPE, text=True,
                         check=True)
    return json.loads(ran.stdout.splitlines()[-1])


def caller(name, tolerance):
    """Returns a function that makes the Line of one of the program's calls."""

    def line(call, loss=None, reduction="MEAN", **more):
        return lines.Line(call, lambda: answers(name)[call], loss, reduction,
                          **{"tolerance": tolerance, **more})

    return line
