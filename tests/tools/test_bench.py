# SPDX-License-Identifier: LGPL-2.1-or-later
"""script/bench makes of what was measured the figures that it prints: medians, ratios, tables."""

import importlib.util
import pathlib
import sys

import pytest

BENCH = pathlib.Path(__file__).resolve().parents[1] / "bench"
sys.path.insert(0, str(BENCH))

import common  # noqa: E402


def module(what):
    """tests/bench/WHAT/report.py; there are two of that name."""
    spec = importlib.util.spec_from_file_location(f"bench_{what}_report", BENCH / what / "report.py")
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


dns, stack, proxy = module("dns"), module("stack"), module("proxy")

RUN = {"machine": "m", "rounds": 3, "seconds": 1, "took_s": 60, "others": 0.5, "date": "2026-01-01"}


def dns_cell(server, case, cpu, mode="one", **more):
    figures = {"qps": 1e6 / cpu, "cpu": cpu, "rss_mb": 10, "lost": 0, "p50_us": 100, "p99_us": 200}
    return {"server": server, "case": case, "mode": mode, **figures, **more}


def dns_results(cells, memory=()):
    return {**RUN, "cells": cells, "memory": list(memory), "versions": {"knotd": "3.2"}}


def test_medians_are_per_server_and_case():
    cells = [dns_cell("knotd", "static", cpu) for cpu in (9, 5, 6)] + [dns_cell("knotd", "hash", 7)]
    figures = dns.medians(cells)
    assert figures["one", "static", "knotd"]["cpu"] == 6
    assert figures["one", "hash", "knotd"]["cpu"] == 7


def test_the_better_of_two_others_counts():
    cells = [dns_cell("iothnamed", "static", 4.5), dns_cell("knotd", "static", 6), dns_cell("nsd", "static", 5)]
    assert list(dns.ratio_rows(dns_results(cells))) == [("CPU, static", 4.5, 5, "nsd", 0.92)]
    assert "0.90   bound 0.92  ok" in dns.console(dns_results(cells))


def test_growth_compares_least_and_greatest():
    grown = [
        dns_cell("iothnamed-rules", f"{size} rules", cpu, "growth", what="rules", size=size)
        for size, cpu in ((10, 4), (100000, 6))
    ]
    assert list(dns.ratio_rows(dns_results(grown))) == [("CPU, 100000 rules", 6, 4, "ten", 1.3)]
    assert "1.50   bound 1.3   MISSED" in dns.console(dns_results(grown))


def test_the_page_has_all_of_it():
    cells = [dns_cell("iothnamed", "static", 4), dns_cell("echo", "static", 4), dns_cell("knotd", "tcp", 9, lost=0.5)]
    memory = [{"what": "answer", "server": "iothnamed", "bytes": 150, "wire": 52, "kept": 1}]
    page = dns.markdown(dns_results(cells, memory))
    assert "| CPU, static | 4.00 | 4.00 (echo) | 1.00 | 1.2 | yes |" in page
    assert "| iothnamed | 4.00 |  |" in page
    assert "Lost: knotd tcp 50.00%." in page
    assert "| bytes a cached answer | 150 | 178 (1.5 wire + 100) | 0.84 | 1.0 | yes |" in page


def test_stacks_are_compared_on_a_switch():
    def cell(name, pps, cpu):
        figures = {"p50_us": 1, "p99_us": 2, "receives": 1.0, "sends": 2.0}
        return {"link": "switch", "stack": name, "pps": pps, "cpu": cpu, **figures}

    results = {**RUN, "cells": [cell("vdestack", 100, 10), cell("lwip", 150, 5)], "costs": [], "lookup": []}
    assert [(ratio, bound) for _, ratio, _, bound in stack.demands(stack.medians(results["cells"]))] == [(1.5, 1.2), (0.5, 0.6)]
    assert "| lwip | 1.00 | 2.00 | 150 | 5.00 | 1.00 | 2.00 |" in stack.markdown(results)


def test_proxies_are_compared_network_by_network():
    def cell(name, gbits, cpu, network="cable", connections=1):
        return {"network": network, "proxy": name, "connections": connections, "gbits": gbits, "cpu_s_gb": cpu}

    cells = [cell("otip_rproxy", gbits, 0.5) for gbits in (9, 3, 6)]
    cells += [cell("socat", 8, 1), cell("nginx", 4, 1), cell("nginx", 1, 1, "hub", 1000)]
    ratios = [(ratio, bound) for _, ratio, _, bound in proxy.demands(proxy.medians(cells))]
    assert ratios == [(0.75, 1.0), (0.5, None), (1.5, 1.0), (0.5, None)]
    page = proxy.markdown({**RUN, "cells": cells})
    assert "| otip_rproxy | 6.00 | 0.50 |" in page
    assert "| throughput, cable, 1 connection, to socat | 0.75 | >= 1 | **no** |" in page
    assert "to nginx" in proxy.console({**RUN, "cells": cells})


def test_a_section_is_replaced_and_nothing_else(tmp_path, monkeypatch):
    monkeypatch.setattr(common, "TREE", tmp_path)
    page = tmp_path / "docs/PERFORMANCE.md"
    page.parent.mkdir()
    page.write_text("before\n<!-- x: begin; written by script/bench -->\nold\n<!-- x: end -->\nafter\n")
    common.write_section("x", "new")
    common.write_section("x", "newer")
    assert page.read_text() == "before\n<!-- x: begin; written by script/bench -->\n\nnewer\n\n<!-- x: end -->\nafter\n"
    with pytest.raises(ValueError):
        common.write_section("y", "new")


def test_figures_have_three_digits():
    assert [common.figure(value) for value in (0.123, 4.567, 45.67, 456.7, None)] == ["0.12", "4.57", "45.7", "457", ""]
