# SPDX-License-Identifier: LGPL-2.1-or-later
"""The figures of the DHCP servers as text and tables."""

import statistics

import common

FIGURES = ["rate", "cpu_us", "cpu_server_us", "cpu_dns_us", "delay_ms", "lost", "rss_mb"]


def cell_line(cell):
    line = f"  {cell['case']:8}{cell['server']:10}{cell['rate']:8.0f} exchanges/s {cell['cpu_us']:7.1f} us CPU each"
    if "cpu_dns_us" in cell:
        line += f" ({cell['cpu_dns_us']:.1f} of the DNS)"
    return line + f"  {cell['delay_ms']:.2f} ms  lost {cell['lost']:.2%}  {cell['rss_mb']:.1f} MB"


def medians(cells):
    """{(case, server): {figure: median over the rounds}}, in the order in which they were measured first"""
    groups = {}
    for cell in cells:
        groups.setdefault((cell["case"], cell["server"]), []).append(cell)
    return {
        key: {figure: statistics.median(cell[figure] for cell in group) for figure in FIGURES if figure in group[0]}
        for key, group in groups.items()
    }


def demands(figures):
    """(what, namedhcp's figure, Kea's, their ratio, at least)"""
    rows = []
    for case in dict.fromkeys(case for case, _ in figures):
        ours, theirs = figures.get((case, "namedhcp")), figures.get((case, "kea"))
        if ours and theirs:
            rows.append((f"exchanges a second, {case}", ours["rate"], theirs["rate"], ours["rate"] / theirs["rate"], 1.0))
    return rows


def console(results):
    lines = ["", "namedhcp against Kea, in the same run:"]
    for what, ours, theirs, ratio, least in demands(medians(results["cells"])):
        verdict = "ok" if ratio >= least else "MISSED"
        lines.append(f"  {what:32}{ours:8.0f} / {theirs:8.0f} = {ratio:5.2f}   at least {least}  {verdict}")
    return "\n".join(lines)


WORDS = {"memory": "namedhcp, leases in memory", "kea": "Kea"}


def markdown(results):
    figures = medians(results["cells"])
    demanded = [
        [what, common.figure(ours), common.figure(theirs), f"{ratio:.2f}", f">= {least}", "yes" if ratio >= least else "**no**"]
        for what, ours, theirs, ratio, least in demands(figures)
    ]
    rows = []
    for (case, server), seen in figures.items():
        cells = [seen["rate"], seen["cpu_us"], seen.get("cpu_dns_us"), seen["delay_ms"], seen["rss_mb"]]
        rows.append([f"{case}: {WORDS.get(server, server)}", *map(common.figure, cells), f"{seen['lost']:.2%}"])
    header = ["", "exchanges/s", "CPU us each", "of that the DNS", "delay ms", "RSS MiB", "lost"]
    parts = [common.circumstances(results), f"Package of Debian: Kea {results['kea']}."]
    if demanded:
        parts.append(common.table(["", "namedhcp", "Kea", "ratio", "wanted", "reached"], demanded))
    return "\n\n".join([*parts, common.table(header, rows)])


def write(results):
    common.write_section("bench dhcp", markdown(results))
