"""Watches one lossd while clients of every kind use it; see tests/soak/run."""

import argparse
import collections
import json
import os
import re
import select
import signal
import subprocess
import sys
import time

ROOT = os.path.realpath(os.path.join(os.path.dirname(__file__), "..", ".."))
LOSSD = os.path.join(ROOT, "build", "release", "bin", "lossd")
PAGE = os.path.join(ROOT, "server", "README.md")
MARKS = ("<!-- the table of a soak -->\n", "<!-- end of the table of a soak -->\n")

IN_FLIGHT_MIB = 256
FLAGS = ["--listen", "127.0.0.1:0", "--max-message-bytes", "32MiB",
         "--max-in-flight-bytes", f"{IN_FLIGHT_MIB}MiB", "--stall-timeout", "5s",
         "--max-connection-age", "5s", "--drain-delay", "0s", "--log-level", "error"]
CLIENTS = {"small": 2, "medium": 2, "large": 3, "stream": 2, "deadline": 2, "cancel": 2,
           "nonsense": 1, "reconnect": 1, "killed": 2, "stopped": 1}

# At the end, a minute after the last call.
MOST_LEFT_MIB = 64
MOST_LEFT_DESCRIPTORS = 4
REST_SECONDS = 60


class Server:
    def __init__(self):
        # At this level the log has an entry only for what must not happen; it is printed.
        self.process = subprocess.Popen([LOSSD, *FLAGS], stdout=subprocess.PIPE, text=True)
        ready, _, _ = select.select([self.process.stdout], [], [], 30)
        line = self.process.stdout.readline() if ready else ""
        if not line.startswith("listening on "):
            self.process.kill()
            sys.exit("soak: lossd printed no line 'listening on ADDRESS'")
        self.address = line.split()[-1]

    def sample(self):
        """Returns resident MiB, descriptors and threads."""
        folder = f"/proc/{self.process.pid}"
        with open(f"{folder}/status", encoding="ascii") as file:
            status = dict(re.findall(r"(\w+):\s+(\d+)", file.read()))
        return int(status["VmRSS"]) / 1024, len(os.listdir(f"{folder}/fd")), int(status["Threads"])

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=40)


def start_clients(address, seconds):
    program = os.path.join(os.path.dirname(__file__), "clients.py")
    return [(role, subprocess.Popen([sys.executable, program, role, address, str(seconds)],
                                    stdout=subprocess.PIPE, text=True))
            for role, count in CLIENTS.items() for _ in range(count)]


def watch(server, clients, interval):
    """Samples until all clients have ended; returns a row for each interval, with the most seen in it."""
    rows = []
    most = server.sample()
    began = row_began = time.monotonic()
    while any(client.poll() is None for _, client in clients):
        time.sleep(0.2)
        if server.process.poll() is not None:
            sys.exit(f"soak: lossd ended by itself with status {server.process.returncode}")
        most = tuple(map(max, most, server.sample()))
        if time.monotonic() - row_began >= interval:
            row_began = time.monotonic()
            rows.append((f"{(row_began - began) / 60:.0f} min", *most))
            print("{}: at most {:.0f} MiB, {} descriptors, {} threads".format(*rows[-1]),
                  file=sys.stderr)
            most = server.sample()
    return rows


def sum_up(clients):
    """Returns how many calls of each role ended with which code, and what was wrong."""
    codes = {role: collections.Counter() for role in CLIENTS}
    faults = []
    for role, client in clients:
        output = client.communicate()[0]
        if client.returncode != 0:
            faults.append(f"a client of role {role} ended with status {client.returncode}")
            continue
        report = json.loads(output)
        codes[role].update(report["codes"])
        if report["wrong"]:
            faults.append(f"{role}: {report['wrong']} wrong answers")
        faults += [f"{role}: {n} calls ended {code}, the first with {text!r}"
                   for code, (n, text) in report["unexpected"].items()]
    return codes, faults


def make_table(idle, rows, rest, codes):
    step = max(1, len(rows) // 6)
    lines = ["| when | resident MiB, at most | descriptors, at most | threads, at most |", "|---|---|---|---|"]
    for name, memory, descriptors, threads in [
            ("idle", *idle), *rows[step - 1::step], ("a minute after the last call", *rest)]:
        lines.append(f"| {name} | {memory:.0f} | {descriptors} | {threads} |")
    lines += ["", "| clients | calls by code |", "|---|---|"]
    for role, counter in codes.items():
        counts = ", ".join(f"{code} {n}" for code, n in counter.most_common())
        lines.append(f"| {CLIENTS[role]} {role} | {counts} |")
    return "\n".join(lines) + "\n"


def write_table(table):
    with open(PAGE, encoding="utf-8") as file:
        page = file.read()
    before, rest = page.split(MARKS[0])
    _, after = rest.split(MARKS[1])
    with open(PAGE, "w", encoding="utf-8") as file:
        file.write(before + MARKS[0] + "\n" + table + "\n" + MARKS[1] + after)


def main():
    parser = argparse.ArgumentParser(prog="tests/soak/run")
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--markdown", action="store_true")
    options = parser.parse_args()

    server = Server()
    time.sleep(1)
    idle = server.sample()
    clients = start_clients(server.address, 60 * options.minutes)
    rows = watch(server, clients, interval=60)
    codes, faults = sum_up(clients)
    time.sleep(REST_SECONDS)
    rest = server.sample()
    if rest[0] - idle[0] > MOST_LEFT_MIB:
        faults.append(f"{rest[0]:.0f} MiB are left of {idle[0]:.0f} MiB when idle")
    if rest[1] - idle[1] > MOST_LEFT_DESCRIPTORS:
        faults.append(f"{rest[1]} descriptors are left of {idle[1]} when idle")
    largest = max((row[1] for row in rows), default=0)
    if largest - idle[0] > 1.25 * IN_FLIGHT_MIB:
        faults.append(f"{largest:.0f} MiB at most, expected {idle[0]:.0f} and 1.25 × {IN_FLIGHT_MIB}")
    status = server.stop()
    if status != 0:
        faults.append(f"lossd exited {status} after SIGTERM")

    table = make_table(idle, rows, rest, codes)
    print(table)
    if options.markdown:
        write_table(table)
    print("\n".join(faults) if faults else "nothing was lost")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
