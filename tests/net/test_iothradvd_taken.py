# SPDX-License-Identifier: LGPL-2.1-or-later
"""Somebody says that the router's address is his (RFC 4862 s5.4): by a forged answer the router is silenced for seconds, not for
ever; its own probes, sent back by the network (RFC 7527), do nothing."""

import threading

import pytest
from scapy.layers import inet6
from scapy.layers.l2 import Ether

from dhcp_lab import Segment, running, said, together  # noqa: F401
from test_iothradvd import LINK_LOCAL, MAC, advertisements, router_on

pytestmark = pytest.mark.about_time  # a probe is answered while it waits for that

FORGER = "02:00:00:00:ee:01"


def is_probe(packet):
    return said("NS", src=MAC)(packet) and packet[inet6.IPv6].src == "::"


class Forger:
    """Answers the first `count` probes of the router, each as if the address were its own; or sends them back."""

    def __init__(self, segment, count, loop=False):
        self.segment, self.count, self.loop = segment, count, loop
        self.targets = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self):
        while len(self.targets) < self.count and not self._stop.wait(0.02):
            for probe in self.segment.wire.heard(is_probe)[len(self.targets) : self.count]:
                self.targets.append(probe[inet6.ICMPv6ND_NS].tgt)
                self.segment.wire.send(probe if self.loop else self.answer(self.targets[-1]))

    @staticmethod
    def answer(target):
        ether = Ether(src=FORGER, dst="33:33:00:00:00:01")
        head = inet6.IPv6(src=target, dst="ff02::1", hlim=255)
        return ether / head / inet6.ICMPv6ND_NA(R=0, S=0, O=1, tgt=target) / inet6.ICMPv6NDOptDstLLAddr(lladdr=FORGER)

    def close(self):
        self._stop.set()
        self._thread.join(5)


@together
@pytest.mark.parametrize("kind", ["port", "vdestack"])  # lwip has a link-local address without asking
def test_a_forged_answer_silences_it_for_a_while(world, kind):
    segment = Segment(world)
    forger = Forger(segment, 1)
    try:
        router = router_on(world, segment, kind, "period 4\n", "--user", "none", wait=False)
        router.wait_for("not advertising: somebody else has this address")
        assert not advertisements(segment)
        router.wait_for("advertising iface=vde0 from=fe80::")
        place = segment.wire.wait_for(said("RA", src=MAC), "an advertisement", 0)[inet6.IPv6].src
        assert place not in forger.targets and forger.targets == [LINK_LOCAL]
        assert place in router.ctl("status").stdout
        assert router.daemon.stderr().count("somebody else has this address") == 1
        router.stop()
    finally:
        forger.close()


@together
def test_who_forges_each_answer_is_told_of_once(world):
    segment = Segment(world)
    forger = Forger(segment, 2)
    try:
        router = router_on(world, segment, "port", "period 4\n", "--user", "none", wait=False)
        router.wait_for("advertising iface=vde0 from=fe80::")
        assert len(set(forger.targets)) == 2
        assert router.daemon.stderr().count("somebody else has this address") == 1
        assert "no longer advertising" not in router.daemon.stderr()
        router.stop()
    finally:
        forger.close()


@together
def test_its_own_probes_come_back(world):
    segment = Segment(world)
    forger = Forger(segment, 1, loop=True)
    try:
        router = router_on(world, segment, "port", "period 4\n", wait=False)
        router.wait_for(f"advertising iface=vde0 from={LINK_LOCAL}")
        assert len(segment.wire.heard(is_probe)) == 4  # the one that came back, and three more to be sure
        assert "somebody else" not in router.daemon.stderr()
        router.stop()
    finally:
        forger.close()
