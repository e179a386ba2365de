"""Where and when it was measured."""

import datetime
import os
import platform
import subprocess


def _cpu_model():
    with open("/proc/cpuinfo", encoding="utf-8") as info:
        for line in info:
            if line.startswith(("model name", "Model")):
                return line.split(":", 1)[1].strip()
    return platform.machine()


def has_cpu_flag(flag):
    """Whether /proc/cpuinfo lists it, as in "avx512f"."""
    with open("/proc/cpuinfo", encoding="utf-8") as info:
        return flag in info.read().split()


def _instruction_sets():
    known = [("avx512f", "AVX-512"), ("avx2", "AVX2"), ("sse2", "SSE2"), ("asimd", "NEON")]
    return next((name for flag, name in known if has_cpu_flag(flag)), "")


def _commit(root):
    command = ["git", "-C", root, "describe", "--always", "--dirty", "--abbrev=10"]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    return answer.stdout.strip() or "unknown"


def describe(root):
    """Name -> text."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "machine": f"{_cpu_model()}, {len(os.sched_getaffinity(0))} CPUs, {_instruction_sets()}, "
        f"{memory / 2**30:.0f} GiB, Linux {platform.release()}",
        "date": datetime.date.today().isoformat(),
        "commit": _commit(root),
    }
