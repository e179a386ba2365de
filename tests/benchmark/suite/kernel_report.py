"""Reads what kernels_benchmark, a Google Benchmark program, prints with --benchmark_format=json."""

_SECONDS = {"ns": 1e-9, "us": 1e-6, "ms": 1e-3, "s": 1.0}


def seconds_by_name(report, clock):
    """Benchmark name -> seconds of each repetition.

    report: the parsed JSON. clock: "real_time", or "cpu_time" for what runs on one thread.
    Raises RuntimeError when a benchmark says that it failed.
    """
    seconds = {}
    for run in report["benchmarks"]:
        if run.get("run_type") != "iteration":
            continue  # an aggregate of those that were read already
        if run.get("error_occurred"):
            raise RuntimeError(f"{run['name']}: {run.get('error_message', 'failed')}")
        name = run.get("run_name", run["name"])
        seconds.setdefault(name, []).append(run[clock] * _SECONDS[run["time_unit"]])
    return seconds


def peaks_by_name(report):
    """Benchmark name -> bytes, of those that count them."""
    return {
        run.get("run_name", run["name"]): run["peak"]
        for run in report["benchmarks"]
        if "peak" in run
    }
