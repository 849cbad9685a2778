#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Measures the stacks on several kinds of virtual networks; started by `script/bench stack`, in namespaces of its own.

One end of the network is the stack that is measured, a process of its own; the other is always vdestack. The kernel's stack is
that of a namespace whose interface vdens connects to the same network. The bare network is measured in the same way, with frames
in place of datagrams. Rounds are interleaved: each takes every network and every stack once. Figures are medians of the rounds.
"""

import contextlib
import json
import pathlib
import re
import signal
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

import common
import report
from common import CannotMeasure, say, wait_for

STACKS = ["raw", "kernel", "vdestack", "lwip"]
OUTSTANDING = 32
FRAME_SHORT, FRAME_LONG = 106, 1514  # a UDP message of 64 bytes; the longest of an MTU of 1500
SERVER_HOST, CLIENT_HOST = 2, 1
COST_STACKS = 100


class Link:
    """A kind of virtual network: how it is called, where both ends find it, and the program that is it, if there is one."""

    def __init__(self, name, vnl, program=None, ready=None):
        self.name = name
        self.vnl = vnl
        self.program = program
        self.ready = ready  # the path that appears when the program serves

    @contextlib.contextmanager
    def up(self):
        if not self.program:
            yield self
            return
        process = subprocess.Popen(self.program, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            wait_for(lambda: pathlib.Path(self.ready).exists(), f"the {self.name}")
            yield self
        finally:
            process.terminate()
            process.wait()
            subprocess.run(["rm", "-rf", str(pathlib.Path(self.ready).parent)], check=True)


LINKS = [
    Link("hub", "vde:///tmp/hub", ["vde_plug", "null://", "hub:///tmp/hub"], "/tmp/hub/ctl"),
    Link("switch", "vde:///tmp/switch", ["vde_switch", "--sock", "/tmp/switch", "--numports", "256"], "/tmp/switch/ctl"),
    Link("vxvde", "vxvde://239.1.2.3"),
    Link("ptp", "ptp:///tmp/ptp{}"),  # each pair of ends has one of its own
]


class Bench:
    def __init__(self, options):
        self.options = options
        self.machine = common.Machine()
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="bench-"))
        self.programs = options.build / "tests/bench/stack"
        self.cells = []
        self.costs = []
        self.serial = 0

    @contextlib.contextmanager
    def process(self, argv, stdin=subprocess.DEVNULL):
        """A program that says "ready" when it is."""
        self.serial += 1
        process = common.Process(argv, self.machine.all, self.directory / f"{self.serial}.log", stdin)
        try:
            wait_for(lambda: "ready" in process.words() or process.ended(), argv[0])
            if process.ended():
                raise CannotMeasure(f"{' '.join(map(str, argv))}: {process.words()}")
            yield process
        finally:
            process.stop()

    def server(self, stack, vnl):
        if stack == "raw":
            return self.process([self.programs / "raw_link", "serve", vnl])
        if stack == "kernel":
            return self.process(["vdens", vnl, self.programs / "stack_serve", stack, "-", SERVER_HOST])
        return self.process([self.programs / "stack_serve", stack, vnl, SERVER_HOST])

    def ask(self, stack, link, *words):
        """One figure: a server, and a client run to its end. Returns (what the client saw, the server's CPU seconds)."""
        vnl = link.vnl.format(self.serial)
        client = [self.programs / "stack_client", "vdestack", vnl, CLIENT_HOST, SERVER_HOST]
        if stack == "raw":
            client = [self.programs / "raw_link"]
            words = [words[0], vnl, *words[1:]]
        argv = [str(word) for word in (*client, *words, self.options.seconds)]
        with self.server(stack, vnl) as server:
            before = server.cpu_s()
            done = subprocess.run(argv, capture_output=True, text=True)
            cpu_s = server.cpu_s() - before
        if done.returncode != 0:
            raise CannotMeasure(f"{' '.join(argv)}: {done.stderr.strip()}")
        return json.loads(done.stdout), cpu_s

    def measure(self, stack, link, round_number):
        """All figures of a stack on a network: a cell."""
        one, _ = self.ask(stack, link, "echo", 1)
        many, cpu_s = self.ask(stack, link, "echo", OUTSTANDING)
        cell = {"stack": stack, "link": link.name, "round": round_number, "pps": many["pps"]}
        cell |= {"p50_us": one["p50_us"], "p99_us": one["p99_us"], "cpu": cpu_s / many["echoes"] * 1e6}
        if stack == "raw":
            cell["frames"] = self.ask(stack, link, "flood", FRAME_SHORT)[0]["pps"]
            cell["receives"] = cell["sends"] = self.ask(stack, link, "flood", FRAME_LONG)[0]["gbits"]
        else:
            cell["receives"] = self.ask(stack, link, "send")[0]["gbits"]
            cell["sends"] = self.ask(stack, link, "receive")[0]["gbits"]
        self.cells.append(cell)
        say(report.cell_line(cell))

    def measure_cost(self, stack, link):
        """What one more stack costs: time, and memory of the process and its children."""
        argv = [self.programs / "stack_cost", stack, link.vnl, COST_STACKS]
        with self.process(argv, stdin=subprocess.PIPE) as process:
            before = process.memory_mb()
            process.popen.stdin.write(b"\n")
            process.popen.stdin.flush()
            wait_for(lambda: "start_us" in process.words() or process.ended(), "stacks", 120)
            if process.ended():
                raise CannotMeasure(process.words())
            after = process.memory_mb()
            told = json.loads(process.words().splitlines()[-1])
        rss_kb, pss_kb = ((now - then) * 1024 / COST_STACKS for now, then in zip(after, before))
        cost = {"stack": stack, "start_ms": told["start_us"] / 1e3, "rss_kb": rss_kb, "pss_kb": pss_kb}
        self.costs.append(cost)
        say(f"  {stack}: {cost['start_ms']:.2f} ms, {rss_kb:.0f} KiB RSS, {pss_kb:.0f} KiB PSS for one more stack")

    def measure_lookup(self):
        """[(what, mean ns, ns of the slowest thread)]"""
        argv = [self.options.build / "tests/bench/bench_fd_lookup", "8", str(self.options.lookups)]
        done = subprocess.run(argv, capture_output=True, text=True, check=True)
        say(done.stdout.rstrip())
        found = re.findall(r"^(.+?)\s+\d+ threads: mean\s+([\d.]+) ns, slowest thread\s+([\d.]+)", done.stdout, re.M)
        return [(what, float(mean), float(slowest)) for what, mean, slowest in found]


def tried(what, measure, *arguments):
    """Measures, or says why not and goes on."""
    try:
        measure(*arguments)
    except (CannotMeasure, OSError) as error:
        say(f"{what}: not measured: {error}")


def measure_links(bench):
    options = bench.options
    for round_number in range(options.rounds):
        say(f"round {round_number + 1} of {options.rounds}")
        for link in LINKS:
            if link.name not in options.links:
                continue
            try:
                with link.up():
                    for stack in options.stacks:
                        tried(f"{stack} on {link.name}", bench.measure, stack, link, round_number)
            except (CannotMeasure, OSError) as error:
                say(f"{link.name}: left out: {error}")


def measure_costs(bench):
    switch = next(link for link in LINKS if link.name == "switch")
    say(f"{COST_STACKS} more stacks on a {switch.name}")
    for _ in range(bench.options.rounds):
        for stack in bench.options.stacks:
            if stack in ("vdestack", "lwip"):
                with switch.up():
                    tried(stack, bench.measure_cost, stack, switch)


def read_options():
    parser = common.Options("stack", __doc__, seconds=3, quick_seconds=1)
    parser.choose("links", [link.name for link in LINKS])
    parser.choose("stacks", STACKS)
    options = parser.read()
    options.lookups = 10**7 if options.quick else 10**8
    return options


def expected_s(options):
    """How long it will take, about: four figures of each stack on each network, and some seconds of start and cost."""
    cells = len(options.links) * len(options.stacks) * options.rounds
    return cells * 4 * (options.seconds + 0.3) + options.rounds * 4 + options.lookups / 1e7


def run(options):
    """Everything; returns what report.write takes."""
    bench = Bench(options)
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    # vxvde is multicast, here on the loopback.
    subprocess.run("ip route add 224.0.0.0/4 dev lo; ip link set lo multicast on", shell=True, check=False)
    say(f"this takes about {expected_s(options) / 60:.0f} minutes")
    measure_links(bench)
    measure_costs(bench)
    lookup = bench.measure_lookup()
    return {"cells": bench.cells, "costs": bench.costs, "lookup": lookup, "outstanding": OUTSTANDING}


if __name__ == "__main__":
    common.conclude("stack", read_options(), run, report)
