"""The kernels of both builds, each round in a process of its own for each side and shape."""

import re

from suite.compared_builds import Key
from suite.comparison import Side
from suite.kernel_report import seconds_by_name

_MIN_TIME = 0.05  # seconds
_QUICK_MIN_TIME = 0.01
_QUICK_SHAPES = ("65536x10", "8192x1000")

_TWO_THREADS = "softmax/cross_entropy/2048x32000/threads:2"


def _shape(name):
    return name.split("/")[-2]


def key(name):
    """Returns the key of a kernel's row, or None when it says nothing of lossd or was said before."""
    if name.startswith("memcpy/") or not (name.endswith("/threads:1") or name == _TWO_THREADS):
        return None
    tuned = re.match(r"softmax/(cross_entropy|focal)/", name) is not None
    return Key("kernels" if tuned or _shape(name) != "8192x1000" else "forms", name)


def _clock(name):
    return "cpu_time" if name.endswith("/threads:1") else "real_time"


def _measure_once(programs, names, min_time):
    """Returns name -> seconds."""
    pattern = "|".join(map(re.escape, names))
    report = programs.kernels(pattern, repetitions=1, min_time=min_time)
    by_clock = {clock: seconds_by_name(report, clock) for clock in ("cpu_time", "real_time")}
    return {name: by_clock[_clock(name)][name][0] for name in names}


def _names_of_both(builds, wanted):
    """Returns the names of kernels to measure, by shape."""
    listed = {side: builds.programs(side).kernel_names() for side in (Side.OLD, Side.NEW)}
    shapes = {}
    for name in dict.fromkeys(listed[Side.OLD] + listed[Side.NEW]):
        row = key(name)
        quickly_skipped = builds.quick and row and _shape(name) not in _QUICK_SHAPES
        if row is None or not wanted(row) or quickly_skipped:
            continue
        having = [side for side, names in listed.items() if name in names]
        if len(having) == 2:
            shapes.setdefault(_shape(name), []).append(name)
        else:
            builds.leave_out(row, f"only the {having[0].name.lower()} build has it")
    return shapes


def measure(builds, wanted):
    """Measures what `wanted`, a function of a Key, is true of; gives the samples to `builds`."""
    min_time = _QUICK_MIN_TIME if builds.quick else _MIN_TIME
    for names in _names_of_both(builds, wanted).values():
        for order in builds.turns():
            for side in order:
                measured = _measure_once(builds.programs(side), names, min_time)
                for name, seconds in measured.items():
                    builds.add(key(name), side, seconds)
