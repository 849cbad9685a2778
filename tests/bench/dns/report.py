# SPDX-License-Identifier: LGPL-2.1-or-later
"""What was measured, as text."""

import statistics

import common

MODES = {"one": "one worker", "all": "all cores"}

# What is demanded of iothnamed's CPU a question with one worker: case, against the best of whom, at most how often theirs.
DEMANDS = [
    ("static", ["echo"], 1.2),
    ("static", ["knotd", "nsd"], 0.92),
    ("hash", ["echo"], 1.2),
    ("hash", ["knotd", "nsd"], 0.92),
    ("cache", ["echo"], 1.3),
    ("cache", ["unbound", "dnsdist"], 0.9),
    ("forward", ["unbound"], 0.5),
    ("tcp", ["knotd"], 1.0),
    ("tcpcache", ["dnsdist"], 1.0),
]


def cell_line(cell):
    width = 12 if cell["mode"] in MODES else 24
    line = (
        f"  {cell['mode']:7}{cell['case']:{width}}{cell['server']:16}{cell['qps']:9.0f} q/s {cell['cpu']:7.2f} CPU s/M"
        f" {cell['rss_mb']:8.1f} MB  lost {cell['lost']:.2%}  busy {cell['busy']:.2f} load {cell['load_busy']:.2f}"
        f"  {cell['p50_us']:.0f}/{cell['p99_us']:.0f} us"
    )
    if cell["right"] < 0.999:
        line += f"  ONLY {cell['right']:.1%} RIGHT"
    if cell["closed"]:
        line += f"  closed {cell['closed']} times"
    return line


def medians(cells):
    """{(mode, case, server): {figure: median over the rounds}}"""
    groups = {}
    for cell in cells:
        groups.setdefault((cell["mode"], cell["case"], cell["server"]), []).append(cell)
    return {
        key: {figure: statistics.median(c[figure] for c in group) for figure in group[0] if is_number(group[0][figure])}
        for key, group in groups.items()
    }


def is_number(value):
    return isinstance(value, (int, float))


def best(figures, mode, case, names, figure="cpu"):
    """(value, name) of the one of `names` with the least figure; None if none of them was measured."""
    found = [(figures[mode, case, name][figure], name) for name in names if (mode, case, name) in figures]
    return min(found, default=None)


def speed_rows(figures):
    for case, names, bound in DEMANDS:
        ours, theirs = best(figures, "one", case, ["iothnamed"]), best(figures, "one", case, names)
        if ours and theirs:
            yield f"CPU, {case}", ours[0], *theirs, bound
    ours, theirs = (best(figures, "one", "latency", [name], "p50_us") for name in ("iothnamed", "dnsdist"))
    if ours and theirs:
        yield "median latency of a miss, us", ours[0], *theirs, 1.0
    for case in ("rated", "ratedcache"):
        ours, theirs = (best(figures, mode, case, ["iothnamed"]) for mode in ("all", "one"))
        if ours and theirs:
            yield f"CPU, all cores, {case}", ours[0], theirs[0], "one worker", 1.1


def growth_rows(results):
    """For each server and what grows, the cells of the least and the greatest size."""
    figures = medians([cell for cell in results["cells"] if cell["mode"] == "growth"])
    sizes = {}
    for cell in results["cells"]:
        if cell["mode"] == "growth":
            sizes.setdefault((cell["what"], cell["server"]), set()).add(cell["size"])
    for (what, server), both in sizes.items():
        small, large = (figures["growth", f"{size} {what}", server] for size in (min(both), max(both)))
        yield what, server, min(both), max(both), small, large


def memory_rows(results):
    grown = {(what, server): large for what, server, _, _, _, large in growth_rows(results)}
    for (what, server), large in grown.items():
        knotd = grown.get(("zone names", "knotd"))
        if what == "zone names" and server.startswith("iothnamed") and knotd:
            yield "MiB with a million zone names", large["rss_mb"], knotd["rss_mb"], "knotd", 1.0
    for seen in results["memory"]:
        if seen["what"] == "start":
            yield "MiB at start, scenario 3", seen["rss_mb"], 8.0, "wanted", 1.0
        elif seen["server"] == "iothnamed" and seen["bytes"]:
            yield "bytes a cached answer", seen["bytes"], 1.5 * seen["wire"] + 100, "1.5 wire + 100", 1.0


def ratio_rows(results):
    """(what, iothnamed's figure, the other's, its name, bound of their ratio)"""
    yield from speed_rows(medians(results["cells"]))
    for what, server, _, size, small, large in growth_rows(results):
        if server.startswith("iothnamed"):
            yield f"CPU, {size} {what}", large["cpu"], small["cpu"], "ten", 1.3
    yield from memory_rows(results)


def console(results):
    lines = ["", f"iothnamed against others, medians of {results['rounds']} round(s); CPU is seconds a million:"]
    for what, ours, theirs, name, bound in ratio_rows(results):
        verdict = "ok" if ours <= theirs * bound else "MISSED"
        ratio = f"{ours:9.2f} / {theirs:9.2f} {name:14} = {ours / theirs:5.2f}"
        lines.append(f"  {what:34}{ratio}   bound {bound:<5} {verdict}")
    return "\n".join(lines)


# The page


FIXED_RATE = {"latency", "rated", "ratedcache"}  # cases that do not ask as much as is answered


def matrix(results, mode, figure, without=frozenset(), scale=1.0):
    """A row a server, a column a case."""
    figures = {key: seen for key, seen in medians(results["cells"]).items() if key[0] == mode}
    cases = [case for case in dict.fromkeys(case for _, case, _ in figures) if case not in without]
    names = list(dict.fromkeys(cell["server"] for cell in results["cells"]))
    rows = []
    for name in names:
        values = [figures.get((mode, case, name), {}).get(figure) for case in cases]
        if any(value is not None for value in values):
            rows.append([name, *(common.figure(None if value is None else value * scale) for value in values)])
    return common.table([UNITS[figure], *cases], rows) if rows else ""


UNITS = {"cpu": "CPU s a million", "qps": "k/s"}
LOSS_SAID = 0.0001  # a smaller share is a packet or two


def lost_part(figures, mode):
    """Who lost how much in which case; most lose nothing."""
    lost = [
        f"{server} {case} {seen['lost']:.2%}"
        for (where, case, server), seen in figures.items()
        if where == mode and seen["lost"] > LOSS_SAID
    ]
    return f"Lost: {', '.join(lost) or 'nothing'}."


def mode_parts(results, mode):
    tables = [matrix(results, mode, "cpu"), matrix(results, mode, "qps", FIXED_RATE, 1e-3)]
    return [f"### {MODES[mode].capitalize()}", *tables, lost_part(medians(results["cells"]), mode)] if tables[0] else []


def rss_part(results):
    """The most that each server had, whatever it was asked."""
    most = {}
    for (mode, _, server), seen in medians(results["cells"]).items():
        if mode in MODES:
            most.setdefault(server, {}).setdefault(mode, []).append(seen["rss_mb"])
    rows = [
        [server, *(common.figure(max(modes.get(mode, [0])) or None) for mode in MODES)] for server, modes in most.items()
    ]
    return common.table(["RSS MiB, at most", *MODES.values()], rows) if rows else ""


def latency_part(results):
    figures = medians(results["cells"])
    rows = [
        [server, common.figure(seen["p50_us"]), common.figure(seen["p99_us"])]
        for (mode, case, server), seen in figures.items()
        if (mode, case) == ("one", "latency")
    ]
    return common.table(["a miss at 3,000 a second, one worker", "median us", "99 % below us"], rows) if rows else ""


def growth_part(results):
    rows = []
    for what, server, _, size, small, large in growth_rows(results):
        seen = small["cpu"], large["cpu"], large["cpu"] / small["cpu"], large["rss_mb"]
        rows.append([f"{server}: {size:,} {what}", *map(common.figure, seen)])
    return common.table(["what grows", "CPU s a million with 10", "with so many", "ratio", "RSS MiB"], rows) if rows else ""


def answers_part(results):
    rows = [
        [seen["server"], *map(common.figure, (seen["bytes"], seen["wire"])), f"{seen['kept']:.0%}"]
        for seen in results["memory"]
        if seen["what"] == "answer"
    ]
    return common.table(["cached answers", "bytes each", "wire size", "of 200,000 kept"], rows) if rows else ""


def ratio_part(results):
    rows = []
    for what, ours, theirs, name, bound in ratio_rows(results):
        reached = "yes" if ours <= theirs * bound else "**no**"
        rows.append([what, common.figure(ours), f"{common.figure(theirs)} ({name})", f"{ours / theirs:.2f}", bound, reached])
    header = ["iothnamed; CPU is seconds a million", "seen", "against", "ratio", "wanted at most", "reached"]
    return common.table(header, rows) if rows else ""


def markdown(results):
    parts = [
        common.circumstances(results),
        "Packages of Debian: " + ", ".join(f"{name} {version}" for name, version in results["versions"].items()) + ".",
        "![CPU seconds a million questions, one worker](performance-dns.svg)",
        ratio_part(results),
        *(part for mode in MODES for part in mode_parts(results, mode)),
        "### Latency, growth, memory",
        *(latency_part(results), growth_part(results), rss_part(results), answers_part(results)),
    ]
    checked = matrix(results, "dnsperf", "cpu"), matrix(results, "dnsperf", "qps", scale=1e-3)
    if checked[0]:
        parts += ["### Asked by dnsperf, one worker", *checked]
    return "\n\n".join(part for part in parts if part)


PLOTTED = ["static", "hash", "nxdomain", "cache", "forward", "tcp"]
COLOURS = {"echo": common.BACKGROUND, "iothnamed": common.HIGHLIGHT}


def write(results):
    figures = medians(results["cells"])
    panels = []
    for case in PLOTTED:
        bars = sorted((seen["cpu"], server) for (*what, server), seen in figures.items() if what == ["one", case])
        if bars:
            panels.append((case, [(server, cpu, COLOURS.get(server, common.PLAIN)) for cpu, server in bars]))
    if panels:
        common.bars(common.TREE / "docs/performance-dns.svg", 3, panels)
    common.write_section("bench dns", markdown(results))
