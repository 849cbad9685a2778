# SPDX-License-Identifier: LGPL-2.1-or-later
"""The harness itself: cables, the hub and its clients, knotd, and the scripted upstream do what the other tests rely on."""

import contextlib
import os
import subprocess

import pytest

import questions
import upstream
import world as w
from questions import addresses, ask


def test_a_cable_joins_two_namespaces(world):
    one, other = world.namespace("one"), world.namespace("other")
    world.link(one, "eth0", other, "eth0")
    one.add_address("eth0", "fc00::1/64")
    other.add_address("eth0", "fc00::2/64")
    assert "1 received" in one.run("ping", "-c", "1", "-w", "20", "fc00::2").stdout


def test_clients_on_the_hub_reach_each_other(world):
    world.hub()
    one = world.vde_client("one", ["192.168.1.1/24", "fc00::1/64"], resolver="192.168.1.24")
    world.vde_client("other", ["192.168.1.2/24", "fc00::2/64"])
    assert "1 received" in one.run("ping", "-c", "1", "-w", "20", "192.168.1.2").stdout
    assert "1 received" in one.run("ping", "-c", "1", "-w", "20", "fc00::2").stdout
    assert "nameserver 192.168.1.24" in one.run("cat", "/etc/resolv.conf").stdout


def test_a_sanitizers_report_fails_the_test_that_has_not_read_it():
    for said, is_report in (("all is well", False), ("a.c:1:2: runtime error: signed integer overflow", True)):
        world = w.World()
        daemon = world.daemon(world.namespace("box"), "sh", "-c", 'echo "$0" >&2 && exec sleep infinity', said)
        daemon.wait_until(lambda: said in daemon.stderr(), "its words")
        with pytest.raises(AssertionError, match=said) if is_report else contextlib.nullcontext():
            world.close()
        assert not daemon.is_alive()


@pytest.mark.parametrize("build", [w.RELEASE, w.ASAN, w.TSAN], ids=["release", "asan", "tsan"])
def test_what_is_preloaded_bears_any_program(build):
    """A program of ours is started by others, which have no sanitizer."""
    library = build / "tests/net/faults.so"
    if not library.exists():
        pytest.skip(f"{library} is not built")
    done = subprocess.run(["true"], env={**os.environ, "LD_PRELOAD": str(library)}, capture_output=True)
    assert (done.returncode, done.stderr) == (0, b"")


def test_knotd_plays_upstream(world):
    box = world.namespace("box")
    upstream.start_knotd(world, box, ["127.0.0.53"])
    answer = ask(box, "prep.ai.mit.edu", "A", server="127.0.0.53")
    assert addresses(answer) == ["209.51.188.20"]
    assert ask(box, "big.gnu.org", "TXT", server="127.0.0.53").flags & 0x0200, "TC"
    assert len(ask(box, "big.gnu.org", "TXT", server="127.0.0.53", tcp=True).answer[0]) == len(upstream.BIG_TXT)
    resolving = world.with_resolver(box, "127.0.0.53")
    assert "alias for ftp.gnu.org" in resolving.host("prep.ai.mit.edu").stdout


def test_scripted_upstream_over_udp_and_tcp(world):
    box = world.namespace("box")
    with upstream.ScriptedUpstream(box, "127.0.0.53") as server:
        for tcp in (False, True):
            assert addresses(ask(box, "a.test", server="127.0.0.53", tcp=tcp)) == ["192.0.2.7"]
        assert len(server.questions) == 1 and len(server.tcp_questions) == 1


def test_scripted_upstream_forges(world):
    box = world.namespace("box")
    with upstream.ScriptedUpstream(box, "127.0.0.53", udp=upstream.forged_first(upstream.forge_question)):
        with questions.udp_socket(box, "127.0.0.53") as connected:
            question = upstream.dns.message.make_query("a.test", "A")
            forged = upstream.dns.message.from_wire(questions.exchange(connected, question.to_wire()))
            right = upstream.dns.message.from_wire(connected.recv(65535))
    assert addresses(forged) == ["203.0.113.66"] and addresses(right) == ["192.0.2.7"]
