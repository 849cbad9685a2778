# SPDX-License-Identifier: LGPL-2.1-or-later
"""The figures of the proxies as text and tables."""

import statistics

import common

OURS, THEIRS = "otip_rproxy", ["socat", "nginx"]
WORDS = {"cable": "the kernel's stack, a veth", "hub": "a virtual Ethernet", "otip_rproxy-lwip": "otip_rproxy, lwip"}


def cell_line(cell):
    line = f"  {cell['network']:6}{cell['proxy']:18}{cell['connections']:5} connections"
    return line + f" {cell['gbits']:8.2f} Gbit/s {cell['cpu_s_gb']:8.3f} CPU s/GB, begun after {cell['start_s']:.1f} s"


def medians(cells):
    """{(network, connections, proxy): {figure: median over the rounds}}, in the order in which they were measured first"""
    groups = {}
    for cell in cells:
        groups.setdefault((cell["network"], cell["connections"], cell["proxy"]), []).append(cell)
    return {
        key: {figure: statistics.median(cell[figure] for cell in group) for figure in ("gbits", "cpu_s_gb")}
        for key, group in groups.items()
    }


def demands(figures):
    """(what, ratio, relation, bound): throughput is to be at least that of the others; the processor's time is told beside"""
    rows = []
    for network, connections in dict.fromkeys(key[:2] for key in figures):
        ours = figures.get((network, connections, OURS))
        for their in THEIRS:
            seen = figures.get((network, connections, their))
            if ours and seen:
                what = f"{network}, {connections} connection{'s' if connections > 1 else ''}, to {their}"
                rows.append((f"throughput, {what}", ours["gbits"] / seen["gbits"], ">=", 1.0))
                rows.append((f"CPU per gigabyte, {what}", ours["cpu_s_gb"] / max(seen["cpu_s_gb"], 1e-9), "", None))
    return rows


def kept(ratio, bound):
    return bound is None or ratio >= bound


def console(results):
    lines = ["", "otip_rproxy to the others in the same run:"]
    for what, ratio, relation, bound in demands(medians(results["cells"])):
        verdict = "" if bound is None else f"   bound {relation} {bound}  {'ok' if kept(ratio, bound) else 'MISSED'}"
        lines.append(f"  {what:55}{ratio:5.2f}{verdict}")
    return "\n".join(lines)


def network_table(figures, network):
    numbers = list(dict.fromkeys(key[1] for key in figures if key[0] == network))
    proxies = list(dict.fromkeys(key[2] for key in figures if key[0] == network))
    header = [WORDS[network]]
    for number in numbers:
        header += [f"{number} conn., Gbit/s", "CPU s/GB"]
    rows = []
    for proxy in proxies:
        row = [WORDS.get(proxy, proxy)]
        for number in numbers:
            seen = figures.get((network, number, proxy), {})
            row += [common.figure(seen.get("gbits")), common.figure(seen.get("cpu_s_gb"))]
        rows.append(row)
    return common.table(header, rows)


def markdown(results):
    figures = medians(results["cells"])
    parts = [common.circumstances(results)]
    parts += [network_table(figures, network) for network in dict.fromkeys(key[0] for key in figures)]
    demanded = [
        [what, f"{ratio:.2f}", f"{relation} {bound:g}" if bound else "", ("yes" if kept(ratio, bound) else "**no**") if bound else ""]
        for what, ratio, relation, bound in demands(figures)
    ]
    if demanded:
        parts.append(common.table(["otip_rproxy to the others", "seen", "wanted", "reached"], demanded))
    return "\n\n".join(parts)


def write(results):
    common.write_section("bench proxy", markdown(results))
