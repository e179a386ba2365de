"""What the agents that compute losses in Python share: their lines, and how they measure a step."""

import json
import sys
import time

_UNCOUNTED = 2  # the heap grows, and code is compiled


def say(answer):
    print(json.dumps(answer), flush=True)


def requests():
    """The name, the extents and the repetitions of each line that comes."""
    for line in sys.stdin:
        name, shape, repetitions = line.split()
        yield name, [int(extent) for extent in shape.split("x")], int(repetitions)


def _memory(field):
    with open("/proc/self/status", encoding="ascii") as status:
        for line in status:
            if line.startswith(field + ":"):
                return int(line.split()[1]) * 1024
    raise RuntimeError(f"/proc/self/status has no {field}")


def _peak(step):
    """Bytes that are resident at the most while `step` runs, above those before the first one."""
    before = _memory("VmRSS")
    with open("/proc/self/clear_refs", "w", encoding="ascii") as clear:
        clear.write("5")
    step()
    return max(0, _memory("VmHWM") - before)


def measure(step, repetitions):
    """The peak of the first call of `step`, and the CPU seconds of so many after some uncounted."""
    peak = _peak(step)
    seconds = []
    for _ in range(_UNCOUNTED + repetitions):
        start = time.process_time()
        step()
        seconds.append(time.process_time() - start)
    return {"calls": seconds[_UNCOUNTED:], "peak": peak}
