# SPDX-License-Identifier: LGPL-2.1-or-later
"""The figures of the stacks as text, a table and a plot."""

import statistics

import common

FIGURES = ["pps", "cpu", "p50_us", "p99_us", "receives", "sends", "frames"]


def cell_line(cell):
    line = f"  {cell['link']:8}{cell['stack']:10}{cell['pps']:9.0f} echoes/s {cell['cpu']:7.2f} CPU s/M"
    line += f"  {cell['p50_us']:.0f}/{cell['p99_us']:.0f} us  {cell['receives']:.2f}/{cell['sends']:.2f} Gbit/s"
    return line + (f"  {cell['frames']:.0f} frames/s one way" if "frames" in cell else "")


def medians(cells):
    """{(link, stack): {figure: median over the rounds}}, in the order in which they were measured first"""
    groups = {}
    for cell in cells:
        groups.setdefault((cell["link"], cell["stack"]), []).append(cell)
    return {
        key: {figure: statistics.median(cell[figure] for cell in group) for figure in FIGURES if figure in group[0]}
        for key, group in groups.items()
    }


def demands(figures):
    """(what, ratio, relation, bound)"""
    rows = []
    ours, theirs = figures.get(("switch", "lwip")), figures.get(("switch", "vdestack"))
    if ours and theirs:
        rows.append(("echoes per second, lwip to vdestack", ours["pps"] / theirs["pps"], ">=", 1.2))
        rows.append(("CPU an echo, lwip to vdestack", ours["cpu"] / theirs["cpu"], "<=", 0.6))
    return rows


def kept(ratio, relation, bound):
    return ratio >= bound if relation == ">=" else ratio <= bound


def console(results):
    lines = ["", "UDP echo over a switch, in the same run:"]
    for what, ratio, relation, bound in demands(medians(results["cells"])):
        verdict = "ok" if kept(ratio, relation, bound) else "MISSED"
        lines.append(f"  {what:40}{ratio:5.2f}   bound {relation} {bound}  {verdict}")
    return "\n".join(lines)


WORDS = {"raw": "bare network"}


def link_table(figures, link, stacks):
    """One network: a row a stack, the bare network first."""
    rows = []
    for stack in stacks:
        seen = figures.get((link, stack))
        if seen:
            cells = [seen["receives"], seen["sends"], seen["pps"], seen["cpu"], seen["p50_us"], seen["p99_us"]]
            rows.append([WORDS.get(stack, stack), *map(common.figure, cells)])
    header = [link, "receives Gbit/s", "sends Gbit/s", "echoes/s", "CPU s a million echoes", "round trip us", "99 % below us"]
    return common.table(header, rows)


def markdown(results):
    figures = medians(results["cells"])
    links = list(dict.fromkeys(link for link, _ in figures))
    stacks = list(dict.fromkeys(stack for _, stack in figures))
    parts = [
        common.circumstances(results),
        "![Echoes per second and Gbit/s of each stack on each network](performance-stack.svg)",
        *(link_table(figures, link, stacks) for link in links),
    ]
    frames = [[link, common.figure(figures[link, "raw"]["frames"])] for link in links if (link, "raw") in figures]
    if frames:
        parts.append(common.table(["frames of 106 bytes, one way, bare network", "frames/s"], frames))
    costs = {}
    for cost in results["costs"]:
        costs.setdefault(cost["stack"], []).append(cost)
    if costs:
        rows = [
            [stack, *(common.figure(statistics.median(c[key] for c in group)) for key in ("start_ms", "rss_kb", "pss_kb"))]
            for stack, group in costs.items()
        ]
        parts.append(common.table(["one more stack", "start ms", "RSS KiB", "PSS KiB"], rows))
    lookup = [[what, f"{mean:.2f}", f"{slowest:.2f}"] for what, mean, slowest in results["lookup"]]
    parts.append(common.table(["fd look-up, 8 threads", "mean ns", "slowest thread ns"], lookup))
    demanded = [
        [what, f"{ratio:.2f}", f"{relation} {bound}", "yes" if kept(ratio, relation, bound) else "**no**"]
        for what, ratio, relation, bound in demands(figures)
    ]
    if demanded:
        parts.append(common.table(["UDP echo over a switch", "seen", "wanted", "reached"], demanded))
    return "\n\n".join(parts)


def write(results):
    figures = medians(results["cells"])
    colours = {"raw": common.BACKGROUND, "lwip": common.HIGHLIGHT}
    panels = []
    for title, figure in (("echoes/s", "pps"), ("Gbit/s received", "receives")):
        for link in dict.fromkeys(link for link, _ in figures):
            bars = [
                (WORDS.get(stack, stack), seen[figure], colours.get(stack, common.PLAIN))
                for (where, stack), seen in figures.items()
                if where == link
            ]
            panels.append((f"{link}: {title}", bars))
    common.bars(common.TREE / "docs/performance-stack.svg", len(panels) // 2, panels)
    common.write_section("bench stack", markdown(results))
