#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Measures iothnamed beside other DNS servers; started by `script/bench dns`, in namespaces of its own.

The servers run all at once, each on a port of its own, and are asked one after the other, so that one round takes each case to
all servers within a minute or so and a noisy machine is noisy for all. With one worker a server is pinned to the first core, and
load and upstream run on the others; with all cores it runs where it likes. Figures are medians of the rounds.
"""

import json
import pathlib
import socket
import struct
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

import common
import extras
import report
import servers as s
from cases import CASES, NAMES
from common import say

PORT = 5300
PARTS = ["speed", "growth", "memory", "dnsperf"]
OUTSTANDING = 150
MISSES = 4_000_000  # numbers set apart for the misses of one measurement
START_S = 120  # how long a server may take until it answers


class Bench:
    def __init__(self, options):
        self.options = options
        self.machine = common.Machine()
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="bench-"))
        self.programs = options.build / "tests/bench/dns"
        self.names = NAMES
        self.processes = []
        self.next_miss = 0
        self.cells = []  # all that was measured: dicts
        self.memory = []
        self.warm = set()
        self.start_upstream()

    def close(self):
        for process in self.processes:
            process.stop()

    def cores(self, mode):
        return self.machine.server if mode == "one" else self.machine.all

    def process(self, argv, cores, name, stdin=subprocess.DEVNULL):
        process = common.Process(argv, cores, self.directory / f"{name}.log", stdin)
        self.processes.append(process)
        return process

    def start_upstream(self):
        argv = [self.programs / "dns_answer", "upstream", s.UPSTREAM, s.UPSTREAM_PORT]
        self.upstream = self.process(argv, self.machine.upstream, "upstream")

    def start(self, row, mode, data, port):
        """Starts a server; it may not answer yet."""
        directory = pathlib.Path(tempfile.mkdtemp(prefix=f"{row.name}-", dir=self.directory))
        setting = s.Setting(directory, port, len(self.cores(mode)), data, self.options.build)
        process = self.process(row.configure(setting), self.cores(mode), f"{row.name}-{mode}")
        process.row, process.port, process.mode = row, port, mode
        process.started = time.monotonic()
        return process

    def stop(self, process):
        process.stop()
        self.processes.remove(process)

    def until_ready(self, process, case=None):
        """Waits until the server answers; returns the seconds since its start, None if never."""
        case = case or CASES["static" if "static" in process.row.can else "cache"]
        while time.monotonic() < process.started + START_S:
            if ask(process.port, case.pattern.replace("#", "0"), case) is not None or process.row.name == "echo":
                return time.monotonic() - process.started
            if process.ended():
                break
            time.sleep(0.02)
        say(f"{process.row.name} does not answer and is left out: {process.words()}")
        return None

    def load(self, process, *arguments):
        argv = ["taskset", "--cpu-list", str(self.machine.load[0]), self.programs / "dns_load", *arguments]
        argv += [s.ADDRESS, process.port]
        done = subprocess.run(list(map(str, argv)), capture_output=True, text=True)
        if not done.stdout:
            say(f"dns_load: {done.stderr.strip()}")
            return None
        return json.loads(done.stdout)

    def fill_cache(self, process, case):
        """Asks every name of the case once, so that all are cached; over TCP too where the cache keeps those answers apart."""
        if case.needs not in s.RESOLVER or case.misses or (process, case.tcp) in self.warm or process.row.name == "echo":
            return
        self.warm.add((process, case.tcp))
        self.load(process, "-n", case.pattern, "-c", case.count, "-1", "-w", 50, *(["-T"] if case.tcp else []))

    def load_arguments(self, case, mode):
        sockets = 10 if case.tcp else 16 if mode == "all" or case.rate else 1
        arguments = ["-n", case.pattern, "-t", case.rrtype, "-c", case.count, "-l", self.options.seconds]
        arguments += ["-w", OUTSTANDING, "-s", sockets]
        if case.tcp:
            arguments += ["-T"]
        if case.rate:
            arguments += ["-r", case.rate]
        if case.misses:
            arguments += ["-i", self.next_miss]
            self.next_miss += MISSES
        return arguments

    def measure(self, process, case, marks):
        """One cell: how the server does in this case. It gets the marks and goes to the cells; says so if there is none."""
        self.fill_cache(process, case)
        arguments = self.load_arguments(case, process.mode)
        before = process.cpu_s()
        seen = self.load(process, *arguments)
        cpu_s = process.cpu_s() - before
        if seen is None or seen["answered"] == 0 or process.ended():
            say(f"{process.row.name}: no answers in the case {case.name}: {process.words()}")
            return
        rss_mb, pss_mb = process.memory_mb()
        cell = {
            **{"server": process.row.name, "case": case.name, "mode": process.mode, **marks},
            **{"qps": seen["qps"], "cpu": cpu_s / seen["answered"] * 1e6, "rss_mb": rss_mb, "pss_mb": pss_mb},
            **{"busy": cpu_s / seen["seconds"], "load_busy": seen["cpu_s"] / seen["seconds"]},
            **{"lost": seen["lost"] / seen["sent"], "closed": seen["closed"]},
            **{"p50_us": seen["p50_us"], "p99_us": seen["p99_us"], "right": rightly(seen, case, process.row.name)},
        }
        self.cells.append(cell)
        say(report.cell_line(cell))


def rightly(seen, case, server):
    """The share of the answers that are those that were asked for."""
    if server == "echo":
        return 1.0
    good = seen["rcodes"].get(str(case.rcode), 0)
    if case.records:
        good = min(good, seen["with_records"])
    return good / seen["answered"]


def ask(port, name, case):
    """One question by UDP; the answer's bytes if it is right, else None."""
    question = struct.pack("!6H", 4711, 0x0100, 1, 0, 0, 0)
    question += b"".join(bytes([len(label)]) + label.encode() for label in name.split(".")) + b"\0"
    question += struct.pack("!2H", {"A": 1, "AAAA": 28}[case.rrtype], 1)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(0.3)
        client.connect((s.ADDRESS, port))
        try:
            client.send(question)
            answer = client.recv(4096)
        except OSError:
            return None
    n_answers = struct.unpack_from("!H", answer, 6)[0]
    return answer if answer[3] & 15 == case.rcode and (n_answers > 0) == case.records else None


def rows_of(options):
    rows = []
    for row in s.SERVERS:
        if row.name not in options.servers:
            continue
        if s.is_there(row):
            rows.append(row)
        else:
            say(f"{row.name}: not found here, left out")
    return rows


def measure_speed(bench, rows):
    """Every case, with one worker and on all cores."""
    options = bench.options
    data = s.Data(bench.directory / "data", NAMES)
    for round_number in range(options.rounds):
        for mode in options.modes:
            say(f"round {round_number + 1} of {options.rounds}, {report.MODES[mode]}")
            those = [row for row in rows if mode == "one" or not row.one_worker_only]
            running = [bench.start(row, mode, data, PORT + i) for i, row in enumerate(those)]
            ready = [process for process in running if bench.until_ready(process) is not None]
            turn = round_number % max(len(ready), 1)
            for case in (CASES[name] for name in options.cases):
                for process in ready[turn:] + ready[:turn]:
                    if case.needs in process.row.can:
                        bench.measure(process, case, {"round": round_number})
            for process in running:
                bench.stop(process)


def read_options():
    options = common.Options("dns", __doc__, seconds=3, quick_seconds=2)
    options.choose("servers", [row.name for row in s.SERVERS])
    options.choose("cases", CASES)
    options.choose("modes", report.MODES)
    options.choose("parts", PARTS, quick=["speed"])
    return options.read()


def expected_s(options, rows):
    """How long it will take, about."""
    turns = options.rounds * len(options.modes)
    cells = sum(CASES[case].needs in row.can for case in options.cases for row in rows) * turns
    parts = {
        "speed": cells * (options.seconds + 0.2) + turns * 10,
        "growth": 12 * options.rounds * (options.seconds + 0.2) + 60,
        "memory": 12 * len(rows),
        "dnsperf": 1.7 * len(rows) * (options.seconds + 1),
    }
    return sum(parts[part] for part in options.parts)


def run(options):
    """Everything that was chosen; returns what report.write takes."""
    common.with_peers(common.TREE / "build/bench-peers")
    rows = rows_of(options)
    say(f"this takes about {expected_s(options, rows) / 60:.0f} minutes")
    bench = Bench(options)
    try:
        if "speed" in options.parts:
            measure_speed(bench, rows)
        if "growth" in options.parts:
            extras.measure_growth(bench)
        if "memory" in options.parts:
            extras.measure_memory(bench, rows)
        if "dnsperf" in options.parts:
            extras.measure_dnsperf(bench, rows)
    finally:
        bench.close()
    versions = {row.name: row.version() for row in rows if row.program}
    return {"cells": bench.cells, "memory": bench.memory, "versions": versions}


if __name__ == "__main__":
    common.conclude("dns", read_options(), run, report)
