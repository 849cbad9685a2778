# SPDX-License-Identifier: LGPL-2.1-or-later
"""What is measured beside speed: how cost and memory grow with names, rules and cached answers, and dnsperf as a check."""

import os
import pathlib
import re
import signal
import subprocess
import time

import common
import servers as s
from cases import CASES, Case
from common import say

PORT = 5350
SMALL, MANY_NAMES, MANY_RULES = 10, 1_000_000, 100_000
FILLED = 200_000  # answers put into a cache to weigh one


def dnsperf_command(bench, process, path):
    load = ["taskset", "--cpu-list", str(bench.machine.load[0])]
    seconds = str(max(1, round(bench.options.seconds)))
    to = ["-s", s.ADDRESS, "-p", str(process.port), "-d", str(path)]
    return [*load, "dnsperf", *to, "-l", seconds, "-q", "150", "-c", "1", "-T", "1"]


def measure_dnsperf(bench, rows):
    """The cases static and cache with one worker, asked by dnsperf; cells of the mode dnsperf."""
    data = s.Data(bench.directory / "data", bench.names)
    say("dnsperf, one worker")
    for i, row in enumerate(rows):
        process = bench.start(row, "one", data, PORT + i)
        if bench.until_ready(process) is not None:
            for case in (CASES["static"], CASES["cache"]):
                if case.needs in row.can:
                    dnsperf_cell(bench, process, case)
        bench.stop(process)


def dnsperf_cell(bench, process, case):
    bench.fill_cache(process, case)
    digits = case.pattern.count("#")
    names = (case.pattern.replace("#" * digits, f"{n:0{digits}d}") for n in range(case.count))
    path = data_file(bench, case.name, (f"{name} {case.rrtype}" for name in names))
    before = process.cpu_s()
    try:
        done = subprocess.run(dnsperf_command(bench, process, path), capture_output=True, text=True)
    except FileNotFoundError:
        say("dnsperf: not found here, left out")
        return
    cpu_s = process.cpu_s() - before
    completed = re.search(r"Queries completed:\s+(\d+)", done.stdout)
    rate = re.search(r"Queries per second:\s+([\d.]+)", done.stdout)
    if not completed or not rate or int(completed[1]) == 0:
        say(f"dnsperf on {process.row.name}: {done.stderr.strip()}")
        return
    cell = {"server": process.row.name, "case": case.name, "mode": "dnsperf"}
    cell |= {"qps": float(rate[1]), "cpu": cpu_s / int(completed[1]) * 1e6}
    bench.cells.append(cell)
    say(f"  {cell['case']:11}{cell['server']:14}{cell['qps']:9.0f} q/s {cell['cpu']:7.2f} CPU s/M")


def data_file(bench, name, lines):
    path = bench.directory / f"dnsperf-{name}"
    if not path.exists():
        path.write_text("".join(line + "\n" for line in lines))
    return path


# Growth


def growth_cases():
    """(what grows, its sizes, servers that can, case by size)"""
    zone = ("zone names", (SMALL, MANY_NAMES), ["iothnamed-zone", "knotd", "nsd"])
    rules = ("rules", (SMALL, MANY_RULES), ["iothnamed-rules"])
    statics = ("static records", (SMALL, MANY_NAMES), ["iothnamed"])
    blocked = ("names of a list", (SMALL, MANY_NAMES), ["iothnamed-list"])

    def asked(what, size):
        if what == "rules":
            return Case("rules", "static", "x.r#######.rules.bench", "AAAA", size)
        if what == "names of a list":
            return Case("list", "static", "b#######.list.bench", "A", size, rcode=3, records=False)
        return Case("names", "static", "h#######.static.bench", "A", size)

    return [
        (what, sizes, names, {size: asked(what, size) for size in sizes})
        for what, sizes, names in (zone, statics, rules, blocked)
    ]


def measure_growth(bench):
    """CPU a question and memory with few and with very many names or rules, the two in turns; (cells of the mode growth)."""
    for what, sizes, names, cases in growth_cases():
        for name in names:
            if bench.options.servers and name.partition("-")[0] not in bench.options.servers:
                continue
            row = next((row for row in s.SERVERS + s.SPECIAL if row.name == name), None)
            if row and s.is_there(row):
                grow(bench, row, what, sizes, cases)


def grow(bench, row, what, sizes, cases):
    say(f"{row.name}: {sizes[0]} and {sizes[1]} {what}")
    running = {}
    for i, size in enumerate(sizes):
        data = s.Data(bench.directory / f"data-{size}", size)
        process = bench.start(row, "one", data, PORT + i)
        took = bench.until_ready(process, cases[size])
        if took is None:
            bench.stop(process)
            break
        running[size] = process
        say(f"  {size} {what}: {took:.1f} s until it answers, {process.memory_mb()[0]:.0f} MB RSS")
    if len(running) == len(sizes):
        for round_number in range(bench.options.rounds):
            for size, process in running.items():
                marks = {"mode": "growth", "case": f"{size} {what}", "what": what, "size": size, "round": round_number}
                bench.measure(process, cases[size], marks)
    for process in running.values():
        bench.stop(process)


# Memory


def measure_memory(bench, rows):
    """RSS at start with scenario 3; bytes of one more cached answer. Adds dicts to bench.memory."""
    say("memory")
    measure_scenario(bench)
    for i, row in enumerate(rows):
        if "cache" in row.can and row.name != "echo":
            weigh_answers(bench, row, PORT + i)


def measure_scenario(bench):
    path = common.TREE / "examples/scenarios/3-localhash-proxy.rc"
    hub = bench.process(["vde_plug", "null://", "hub:///tmp/hub"], bench.machine.all, "hub", stdin=subprocess.PIPE)
    until(lambda: pathlib.Path("/tmp/hub/ctl").exists())
    process = bench.process([bench.options.build / "programs/iothnamed", path], bench.machine.all, "scenario")
    rss = [process.memory_mb()[0]]
    until(lambda: rss.append(process.memory_mb()[0]) or len(rss) > 20 and rss[-1] == rss[-20])
    if process.ended():
        say(f"scenario 3 cannot be played here: {process.words()}")
    else:
        bench.memory.append({"what": "start", "server": "iothnamed", "rss_mb": rss[-1], "pss_mb": process.memory_mb()[1]})
        say(f"  iothnamed, scenario 3, at start: {rss[-1]:.1f} MB RSS in {len(process.pids())} processes")
    bench.stop(process)
    bench.stop(hub)


def until(condition, deadline_s=20):
    end = time.monotonic() + deadline_s
    while not condition() and time.monotonic() < end:
        time.sleep(0.05)


def weigh_answers(bench, row, port):
    """Fills a cache, and asks again while upstream is stopped, to see how many of the answers were kept."""
    data = s.Data(bench.directory / "data-10", SMALL)
    process = bench.start(row, "one", data, port)
    case = Case("weigh", "cache", "w#######.fwd.bench", "A", FILLED)
    if bench.until_ready(process, CASES["cache"]) is not None:
        before = process.memory_mb()[0]
        seen = bench.load(process, "-n", case.pattern, "-c", FILLED, "-1", "-w", 100)
        after = process.memory_mb()[0]
        os.kill(bench.upstream.pids()[0], signal.SIGSTOP)
        again = bench.load(process, "-n", case.pattern, "-c", FILLED, "-l", 2, "-w", 1000)
        os.kill(bench.upstream.pids()[0], signal.SIGCONT)
        if seen and again and seen["answered"]:
            kept = again["rcodes"].get("0", 0) / again["sent"]
            wire = seen["answer_bytes"] / seen["answered"]
            each = (after - before) * 1024 * 1024 / (FILLED * kept) if kept > 0.5 else None
            bench.memory.append({"what": "answer", "server": row.name, "bytes": each, "wire": wire, "kept": kept})
            say(f"  {row.name}: {common.figure(each)} bytes an answer of {wire:.0f}; {kept:.0%} of {FILLED} kept")
    bench.stop(process)
