"""The command line: what to measure, how long, and how to print it. Run by tests/benchmark/run."""

import argparse
import json
import signal
import sys
import time

from suite import kernels, machine, memory, pytorch, remote, table, training, transport
from suite.context import ROOT, Context

SECTIONS = {
    "pytorch": pytorch.measure,
    "kernels": kernels.measure,
    "forms": kernels.measure_forms,
    "remote": remote.measure,
    "throughput": transport.measure_throughput,
    "chunked": transport.measure_chunked,
    "small": transport.measure_small,
    "clients": transport.measure_clients,
    "memory": memory.measure,
    "training": training.measure,
}


def _arguments():
    parser = argparse.ArgumentParser(
        prog="tests/benchmark/run",
        description="Measures lossd beside memcpy, PyTorch, an empty echo server and a Python "
        "server, and prints ratios. A bound that is not met is reported, and is no failure.",
    )
    parser.add_argument("--only", action="append", choices=SECTIONS, help="repeatable")
    parser.add_argument("--quick", action="store_true", help="see that it runs; numbers mean little")
    parser.add_argument("--json", metavar="FILE", help="also write the rows as JSON")
    parser.add_argument("--markdown", metavar="FILE", help="also write the tables for the README")
    parser.add_argument("--build", required=True, help=argparse.SUPPRESS)
    parser.add_argument("--stubs", required=True, help=argparse.SUPPRESS)
    return parser.parse_args()


def _progress(text):
    print(text, file=sys.stderr, flush=True)


def _measure(context, names):
    rows = []
    for name in names:
        start = time.monotonic()
        measured = SECTIONS[name](context)
        rows += measured
        _progress(f"\n{name}: {time.monotonic() - start:.0f} s\n{table.text(measured)}")
    return rows


def _write(path, text):
    with open(path, "w", encoding="utf-8") as file:
        file.write(text + "\n")


def _report(rows, about, arguments):
    heading = "\n".join(f"{name}: {value}" for name, value in about.items())
    print(f"{heading}\n\n{table.text(rows)}\n\n{table.summary(rows)}")
    if arguments.json:
        document = {**about, "rows": [row.to_json() for row in rows]}
        _write(arguments.json, json.dumps(document, indent=2))
    if arguments.markdown:
        _write(arguments.markdown, f"{', '.join(about.values())}.\n\n{table.markdown(rows)}")


def main():
    arguments = _arguments()
    # So that the servers end too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    start = time.monotonic()
    with Context(arguments.build, arguments.stubs, arguments.quick) as context:
        rows = _measure(context, arguments.only or SECTIONS)
        about = machine.describe(ROOT)
    about["took"] = f"{time.monotonic() - start:.0f} s"
    _report(rows, about, arguments)


if __name__ == "__main__":
    main()
