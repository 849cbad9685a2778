#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Measures namedhcp beside Kea; started by `script/bench dhcp`, in namespaces of its own.

The load is perfdhcp, of Kea, in a namespace that a cable (veth) joins to the server's. The server, and the iothnamed of which
namedhcp asks, are bound to the first core, the load to another. Rounds are interleaved: each takes every case with every
server once, and each time with a new server and an empty file of leases. Figures are medians of the rounds.
"""

import contextlib
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

import common
import report
import servers as s
from common import CannotMeasure, say, wait_for

OVERLOAD = 20000  # exchanges begun in a second: more than any of them completes
RATED = 1000  # what each of them can do
EXIT_WAIT_US = 500000  # for what is under way at the end


def join_namespaces():
    """Two of them with a cable between; what they hold ends with this run."""
    words = f"""
ip netns add server; ip netns add clients
ip link add {s.INTERFACE} netns server type veth peer name {s.INTERFACE} netns clients
ip -n server address add {s.SERVER4}/16 dev {s.INTERFACE}; ip -n clients address add {s.CLIENT4}/16 dev {s.INTERFACE}
ip -n server address add fd00:1::1/64 dev {s.INTERFACE} nodad; ip -n clients address add fd00:1::9/64 dev {s.INTERFACE} nodad
"""
    subprocess.run(["sh", "-ec", words], check=True)
    for name in ("server", "clients"):
        for interface in ("lo", s.INTERFACE):
            subprocess.run(["ip", "-n", name, "link", "set", interface, "up"], check=True)
    for name in ("server", "clients"):
        wait_for(lambda: has_link_local(name), "the cable")  # noqa: B023


def has_link_local(namespace):
    words = ["-6", "-o", "address", "show", "dev", s.INTERFACE, "scope", "link", "-tentative"]
    return subprocess.run(["ip", "-n", namespace, *words], capture_output=True).stdout


class Bench:
    def __init__(self, options):
        self.options = options
        self.machine = common.Machine()
        # On the disk, since namedhcp waits for it; where our own tree is.
        (common.TREE / "build/bench").mkdir(parents=True, exist_ok=True)
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="dhcp-", dir=common.TREE / "build/bench"))
        self.macs = self.directory / "macs"
        self.macs.write_text("".join(f"{s.mac(number)}\n" for number in range(s.CLIENTS)))
        self.named = self.directory / "named.rc"
        self.named.write_text(s.named_text())
        self.cells = []
        self.serial = 0

    def close(self):
        shutil.rmtree(self.directory, ignore_errors=True)

    @contextlib.contextmanager
    def process(self, word, *argv):
        """A program in the server's namespace that has said `word`."""
        self.serial += 1
        log = self.directory / f"{self.serial}.log"
        command = ["nsenter", "--net=/run/netns/server", "--", *argv]
        process = common.Process(command, self.machine.server, log)
        try:
            wait_for(lambda: word in log.read_text(errors="replace") or process.ended(), argv[0])
            if process.ended():
                raise CannotMeasure(f"{argv[0]}: {process.words()}")
            yield process
        finally:
            process.stop()

    def namedhcp(self, case, directory):
        return self.our_own(case, directory, f"leases {directory}/leases.mdb\n")

    def memory(self, case, directory):
        """namedhcp with its leases in memory alone."""
        return self.our_own(case, directory, "")

    @contextlib.contextmanager
    def our_own(self, case, directory, leases):
        """Yields the processes by what they are called in the table."""
        file = directory / "namedhcp.rc"
        file.write_text(s.namedhcp_text(case) + leases)
        programs = self.options.build / "programs"
        name = f"namedhcp{case.version if case.version == 4 else ''}"
        with contextlib.ExitStack() as stack:
            parts = {}
            if case.by_name:
                parts["dns"] = stack.enter_context(self.process("iothnamed: serving", programs / "iothnamed", self.named))
            parts["server"] = stack.enter_context(self.process("serving iface=", programs / name, "-f", file))
            yield parts

    @contextlib.contextmanager
    def kea(self, case, directory):
        name = f"kea-dhcp{case.version}"
        if not s.peer(name):
            raise CannotMeasure(f"{name} is not here: script/unpack-peers")
        file = directory / "kea.json"
        file.write_text(s.kea_text(case, directory))
        words = {**s.peers_environment(), "KEA_PIDFILE_DIR": directory, "KEA_LOCKFILE_DIR": directory}
        environment = ["env", *(f"{key}={value}" for key, value in words.items())]
        with self.process(f"DHCP{case.version}_STARTED", *environment, s.peer(name), "-c", file) as process:
            yield {"server": process}

    def load(self, case, rate, parts):
        """perfdhcp for a while: what it saw, and the processor time that each part took meanwhile."""
        to = [s.SERVER4] if case.version == 4 else []
        cores = ",".join(map(str, self.machine.load))
        argv = ["nsenter", "--net=/run/netns/clients", "--", "taskset", "--cpu-list", cores, s.peer("perfdhcp")]
        argv += [f"-{case.version}", "-l", s.INTERFACE, "-M", self.macs, "-R", s.CLIENTS, "-r", rate]
        argv += ["-p", self.options.seconds, "-W", EXIT_WAIT_US, *to]
        before = {name: process.cpu_s() for name, process in parts.items()}
        environment = {**os.environ, **s.peers_environment()}
        told = subprocess.run(list(map(str, argv)), capture_output=True, text=True, env=environment, timeout=120)
        cpu_s = {name: process.cpu_s() - before[name] for name, process in parts.items()}
        found = re.search(r"^Rate: ([\d.]+) 4-way exchanges/second", told.stdout, re.M)
        done = [int(number) for number in re.findall(r"^received packets: (\d+)", told.stdout, re.M)]
        delays = [float(number) for number in re.findall(r"^avg delay: ([\d.]+) ms", told.stdout, re.M)]
        if not found or len(done) != 2 or done[1] == 0:
            raise CannotMeasure(f"perfdhcp says:\n{told.stdout[-800:]}{told.stderr[-400:]}")
        sent = int(re.search(r"^sent packets: (\d+)", told.stdout, re.M).group(1))
        return {"rate": float(found.group(1)), "done": done[1], "begun": sent, "delay_ms": sum(delays)}, cpu_s

    def measure(self, name, case_name, round_number):
        case = s.CASES[case_name]
        directory = self.directory / f"cell-{len(self.cells)}-{name}"
        directory.mkdir()
        with getattr(self, name)(case, directory) as parts:
            rated, cpu_s = self.load(case, RATED, parts)
            most, _ = self.load(case, OVERLOAD, parts)
            rss_mb = sum(process.memory_mb()[0] for process in parts.values())
        cell = {"server": name, "case": case_name, "round": round_number, "rate": most["rate"]}
        cell |= {"delay_ms": rated["delay_ms"], "lost": 1 - rated["done"] / rated["begun"], "rss_mb": rss_mb}
        cell |= {f"cpu_{part}_us": seconds / rated["done"] * 1e6 for part, seconds in cpu_s.items()}
        cell |= {"cpu_us": sum(cpu_s.values()) / rated["done"] * 1e6}
        self.cells.append(cell)
        say(report.cell_line(cell))
        shutil.rmtree(directory)


SERVERS = ["namedhcp", "memory", "kea"]


def measure_all(bench):
    options = bench.options
    for round_number in range(options.rounds):
        say(f"round {round_number + 1} of {options.rounds}")
        for case in options.cases:
            for name in options.servers:
                if name == "memory" and s.CASES[case].by_name:
                    continue  # there is nothing to be kept
                try:
                    bench.measure(name, case, round_number)
                except (CannotMeasure, OSError, subprocess.TimeoutExpired) as error:
                    say(f"{name}, {case}: not measured: {error}")


def read_options():
    options = common.Options("dhcp", __doc__, seconds=4, quick_seconds=2, number=int)
    options.choose("cases", s.CASES)
    options.choose("servers", SERVERS)
    return options.read()


def expected_s(options):
    return options.rounds * len(options.cases) * len(options.servers) * (2 * options.seconds + 3)


def run(options):
    """Everything that was chosen; returns what report.write takes."""
    if not s.peer("perfdhcp"):
        sys.exit("there is no perfdhcp to measure with: script/unpack-peers")
    join_namespaces()
    say(f"this takes about {expected_s(options) / 60:.0f} minutes")
    bench = Bench(options)
    try:
        measure_all(bench)
    finally:
        bench.close()
    environment = {**os.environ, **s.peers_environment()}
    version = subprocess.run([s.peer("kea-dhcp4"), "-v"], capture_output=True, text=True, env=environment)
    return {"cells": bench.cells, "kea": version.stdout.strip(), "rated": RATED, "overload": OVERLOAD}


if __name__ == "__main__":
    common.conclude("dhcp", read_options(), run, report)
