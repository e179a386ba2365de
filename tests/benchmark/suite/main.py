"""The command line: what to measure, how long, and how to print it. Run by tests/benchmark/run."""

import argparse
import json
import signal
import sys
import time

from suite import (
    compare,
    comparison,
    comparison_table,
    compiled,
    kernels,
    machine,
    memory,
    options,
    package,
    page,
    pytorch,
    remote,
    table,
    training,
    transport,
)
from suite.baseline import BaselineRefused
from suite.context import ROOT, Context

SECTIONS = {
    "pytorch": pytorch.measure,
    "kernels": kernels.measure,
    "compiled": compiled.measure,
    "options": options.measure,
    "forms": kernels.measure_forms,
    "remote": remote.measure,
    "throughput": transport.measure_throughput,
    "policy": transport.measure_policy,
    "chunked": transport.measure_chunked,
    "small": transport.measure_small,
    "clients": transport.measure_clients,
    "memory": memory.measure,
    "training": training.measure,
    "package": package.measure,
}


def _arguments():
    parser = argparse.ArgumentParser(
        prog="tests/benchmark/run",
        description="Measures lossd beside memcpy, PyTorch, an empty echo server and a Python "
        "server, and prints ratios. A bound that is not met is reported, and is no failure.",
    )
    parser.add_argument("--only", action="append", choices=SECTIONS, help="repeatable")
    parser.add_argument(
        "--compare",
        metavar="COMMIT",
        help="build this commit too and measure it beside this one; status 1 when a row is slower",
    )
    parser.add_argument("--quick", action="store_true", help="see that it runs; numbers mean little")
    parser.add_argument("--json", metavar="FILE", help="also write the rows as JSON")
    parser.add_argument("--markdown", metavar="FILE", nargs="?", const=page.PAGE,
                        help="also write the tables between the marks of tests/benchmark/README.md, "
                        "or of FILE")
    parser.add_argument("--build", required=True, help=argparse.SUPPRESS)
    parser.add_argument("--stubs", required=True, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.compare:
        _check_compared(parser, arguments)
    return arguments


def _check_compared(parser, arguments):
    if arguments.markdown == page.PAGE:
        parser.error("--markdown with --compare: expected a FILE, whose tables are no page's")
    for name in arguments.only or ():
        if name not in compare.SECTIONS:
            expected = ", ".join(compare.SECTIONS)
            parser.error(f"--only = {name}, expected with --compare one of {expected}")


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


def _report(about, text, document, markdown, arguments):
    heading = "\n".join(f"{name}: {value}" for name, value in about.items())
    print(f"{heading}\n\n{text}")
    if arguments.json:
        _write(arguments.json, json.dumps({**about, **document}, indent=2))
    if arguments.markdown:
        page.write_tables(arguments.markdown, f"{', '.join(about.values())}.\n\n{markdown}")


def _measure_this(arguments):
    """Measures this commit and returns the status to exit with."""
    start = time.monotonic()
    with Context(arguments.build, arguments.stubs, arguments.quick) as context:
        rows = _measure(context, arguments.only or SECTIONS)
    about = {**machine.describe(ROOT), "took": f"{time.monotonic() - start:.0f} s"}
    text = f"{table.text(rows)}\n\n{table.summary(rows)}"
    document = {"rows": [row.to_json() for row in rows]}
    _report(about, text, document, table.markdown(rows), arguments)
    return 0


def _compare(arguments):
    """Measures this commit beside an old one and returns the status to exit with."""
    start = time.monotonic()
    sections = arguments.only or compare.SECTIONS
    quick = arguments.quick
    try:
        rows, left_out, old = compare.compare(
            ROOT, arguments.build, arguments.compare, sections, quick
        )
    except BaselineRefused as refused:
        _progress(f"tests/benchmark/run: {refused}")
        return 2
    about = {**machine.describe(ROOT), "compared with": old}
    about["took"] = f"{time.monotonic() - start:.0f} s"
    summary = comparison_table.summary(rows, left_out)
    text = f"{comparison_table.text(rows, left_out)}\n\n{summary}"
    document = comparison_table.to_json(rows, left_out)
    _report(about, text, document, comparison_table.markdown(rows, left_out), arguments)
    # Too few rounds to say that anything is slower.
    return 1 if comparison.any_slower(rows) and not quick else 0


def main():
    arguments = _arguments()
    # So that the servers end too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    sys.exit(_compare(arguments) if arguments.compare else _measure_this(arguments))


if __name__ == "__main__":
    main()
