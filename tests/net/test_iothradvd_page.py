# SPDX-License-Identifier: LGPL-2.1-or-later
"""The page of iothradvd that is scraped: what was sent and heard, for each interface."""

import signal
import urllib.request

import pytest

import world as w
from dhcp_lab import Segment, running, together  # noqa: F401
from test_iothradvd import HERE, MAC, PROGRAM, Router, await_advertisement, router_on
from test_namedhcp_control import scraped


def get(port, path="/metrics"):
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=w.PATIENCE_S) as answer:
        return answer.read().decode()


@together
def test_two_interfaces(world):
    one, two = Segment(world, "one"), Segment(world, "two")
    port = 9553
    text = (
        f"metrics 127.0.0.1@{port}\nperiod 4\n"
        f"iface a0\nstack {one.vnl}\nmacaddr {MAC}\niface b0\nstack {two.vnl}\nmacaddr 02:00:00:00:0a:02\n"
    )
    router = Router(world, HERE, text)
    await_advertisement(one)
    await_advertisement(two, src="02:00:00:00:0a:02")
    samples = scraped(get(port))
    for number, iface in enumerate(("a0", "b0")):
        labels = f'iface="{iface}",number="{number}"'
        w.wait_for(lambda: scraped(get(port))[f'iothradvd_sent_total{{{labels},to="all"}}'] >= 1, "it is counted")
        assert samples[f"iothradvd_advertising{{{labels}}}"] in (0, 1)
        assert samples[f"iothradvd_address_taken{{{labels}}}"] == 0
    assert get(port, "/healthz") == "ok\n"
    router.write(text.replace(str(port), "9554").replace(two.vnl, "vde:///tmp/another"))
    told = router.ctl("reload").stdout
    assert told == (
        'warning: this change waits for a restart what="another stack" iface=b0\n'
        "warning: this change waits for a restart what=metrics\n"
    )
    router.wait_for("this change waits for a restart what=metrics")
    assert scraped(get(port))["iothradvd_reloads_total"] == 1
    router.stop()


@together
def test_a_port_that_somebody_has(world):
    segment = Segment(world)
    port = 9555 # the tests of this file run together
    router = router_on(world, segment, "port", f"metrics 127.0.0.1@{port}\n")
    other = HERE.run(PROGRAM, "-s", segment.vnl, "--metrics", f"127.0.0.1@{port}", check=False, timeout=60)
    assert other.returncode == 1 and f"cannot serve metrics at 127.0.0.1@{port}: Address already in use" in other.stderr
    router.daemon.signal(signal.SIGHUP)
    router.wait_for("configuration loaded again")
    router.stop()


@pytest.mark.parametrize("value", ["x", "127.0.0.1", "127.0.0.1:80"])
def test_a_wrong_address(value):
    told = HERE.run(PROGRAM, "-n", "--metrics", value, "prefix", "fd00:1::/64", check=False)
    assert told.returncode == 1 and "--metrics: " in told.stderr and "expected one such as 127.0.0.1@9153" in told.stderr
