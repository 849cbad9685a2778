# SPDX-License-Identifier: LGPL-2.1-or-later
"""Whose answers reach whom: questions that come back in a circle, forgers who race upstream, networks with upstreams of their
own."""

import collections
import concurrent.futures
import json
import re

import dns.message
import dns.rcode
import pytest

import world as w
from questions import addresses, timed
from server import FORWARD, LOCAL, SECOND_UPSTREAM, UPSTREAM, Box
from upstream import ScriptedUpstream, answer_with_address, never_answer

pytestmark = pytest.mark.about_time

# Circles


def test_an_upstream_that_is_ourselves(box):
    configuration = "option listen 127.0.0.1\nnet local 127.0.0.0/8\ndns 127.0.0.1\nauth cache local .\nauth fwd local .\n"
    box.serve(configuration)
    for number in range(5):
        answer, took = timed(box.ask, f"n{number}.example")
        assert answer.rcode() == dns.rcode.SERVFAIL and took < 1
    box.daemon.wait_until(lambda: "leads back to this server" in box.daemon.stderr(), "it is logged")
    assert box.daemon.stderr().count("leads back to this server") == 1, "once"
    checked = box.namespace.run(w.ASAN / "programs/iothnamed", "-n", box.daemon.configuration)
    assert re.search(r":3:\d+: warning: .*127\.0\.0\.1", checked.stderr + checked.stdout)


def two_that_ask_each_other(world, build):
    """Two servers on two hosts, each the other's upstream."""
    boxes = [Box(world, build), Box(world, build)]
    ends = ["10.9.0.1", "10.9.0.2"]
    world.link(boxes[0].namespace, "to1", boxes[1].namespace, "to0")
    boxes[0].namespace.add_address("to1", ends[0] + "/24")
    boxes[1].namespace.add_address("to0", ends[1] + "/24")
    for number, made in enumerate(boxes):
        made.serve(
            f"option listen {ends[number]}\noption listen 127.0.0.1\nnet all 0.0.0.0/0\ndns {ends[1 - number]}\n"
            "auth cache all .\nauth fwd all .\n"
        )
    return boxes


def packets(namespace, interface):
    """How many have left it so far."""
    shown = namespace.run("ip", "-json", "-statistics", "link", "show", "dev", interface).stdout
    return json.loads(shown)[0]["stats64"]["tx"]["packets"]


def test_two_that_ask_each_other(world):
    """The circle is noticed by the one whose question comes back; the other hears it from him."""
    boxes = two_that_ask_each_other(world, w.ASAN)
    before = packets(boxes[0].namespace, "to1")
    for number in range(10):
        answer, took = timed(boxes[0].ask, f"n{number}.example")
        assert answer.rcode() == dns.rcode.SERVFAIL and took < 4
    assert packets(boxes[0].namespace, "to1") - before < 10 * 60, "no storm"
    said = [made.daemon.stderr().count("leads back to this server") for made in boxes]
    assert max(said) == 1
    for made in boxes:
        assert made.daemon.stop() == 0, made.daemon.stderr()


def test_a_circle_on_one_host_does_not_melt(box):
    """By addresses it cannot be told from clients; still each question goes round once."""
    text = "option listen {own}\nnet local 127.0.0.0/8\ndns {other}\nauth cache local .\nauth fwd local .\n"
    second = box.world.iothnamed(box.namespace, text.format(own="127.0.0.2", other="127.0.0.1"), w.ASAN)
    box.serve(text.format(own="127.0.0.1", other="127.0.0.2"))
    before = packets(box.namespace, "lo")
    with concurrent.futures.ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(box.ask, [f"n{number}.example" for number in range(10)]))
    assert all(answer.rcode() == dns.rcode.SERVFAIL for answer in answers)
    spent = packets(box.namespace, "lo") - before
    print(spent, "packets")
    assert spent < 10 * 100
    assert second.stop() == 0


# Forgers


def race_with_a_forger(world, seconds):
    made = Box(world, w.RELEASE)
    responder = world.daemon(made.namespace, w.RELEASE / "tests/net/dns_responder", UPSTREAM, 53, 100)
    responder.wait_until(lambda: "ready" in responder.stdout(), "upstream")
    made.serve(LOCAL + FORWARD)
    forger = [w.RELEASE / "tests/net/dns_forger", "127.0.0.1", UPSTREAM, 100000, seconds, "spoof.example"]
    told = made.namespace.run(*forger, timeout=seconds + w.PATIENCE_S, check=False).stdout
    counts = dict(re.findall(r"(\w+) (\d+)", told))
    print(told)
    assert counts["poisoned"] == "0", told
    # What a busy machine could not send, or lost, is no fault; but there must have been a race.
    assert int(counts["forged"]) > 1000 * seconds and int(counts["answered"]) > 10 * seconds, told
    assert made.daemon.stop() == 0


def test_forged_replies_reach_nobody(world):
    race_with_a_forger(world, 4)


@pytest.mark.long
def test_forged_replies_reach_nobody_in_a_minute(world):
    race_with_a_forger(world, 60)


# What each client may see


def test_a_client_never_sees_the_other_networks_answers(box):
    """All names, asked by two networks with upstreams of their own, at once and again: cached, stale, shared in flight."""
    configuration = f"""\
option listen 127.0.0.1
net one 127.1.0.0/16
net other 127.2.0.0/16
auth cache one,other .
auth fwd one . {UPSTREAM}
auth fwd other . {SECOND_UPSTREAM}
"""

    seen = collections.defaultdict(set)

    def ask(job):
        source, name = job
        seen[source] |= set(addresses(box.ask(name, source=source)))

    jobs = [(source, f"n{number % 7}.example") for number in range(60) for source in ("127.1.0.1", "127.2.0.1")]
    with ScriptedUpstream(box.namespace, UPSTREAM, udp=answer_with_address("192.0.2.1", 1)) as first:
        with ScriptedUpstream(box.namespace, SECOND_UPSTREAM, udp=answer_with_address("192.0.2.2", 1)):
            box.serve(configuration)
            with concurrent.futures.ThreadPoolExecutor(8) as pool:
                list(pool.map(ask, jobs))
                first.udp = never_answer  # from now on one network lives on what is stale
                list(pool.map(ask, jobs[:28]))
    assert seen == {"127.1.0.1": {"192.0.2.1"}, "127.2.0.1": {"192.0.2.2"}}
