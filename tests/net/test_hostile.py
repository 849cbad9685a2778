# SPDX-License-Identifier: LGPL-2.1-or-later
"""Floods: of spoilt messages, and of names. The server neither falls nor hangs nor grows, and others are answered meanwhile."""

import concurrent.futures
import re
import signal

import pytest

import server
import world as w
from server import FORWARD, LOCAL, UPSTREAM

MIB = 1 << 20
HELPERS = w.RELEASE / "tests/net"

# AddressSanitizer keeps freed memory for a while; that is not growth of ours.
ASAN_QUARANTINE_MIB = 16
# What allocator and stacks of threads may take beyond what is counted below.
HEADROOM_MIB = 24


def start_responder(box):
    responder = box.world.daemon(box.namespace, HELPERS / "dns_responder", UPSTREAM, "53")
    responder.wait_until(lambda: "ready" in responder.stdout(), "the upstream is ready")


def flood(box, *arguments, timeout):
    """Runs dns_flood; returns how many it sent and how many were answered."""
    result = box.namespace.run(HELPERS / "dns_flood", *arguments, timeout=timeout, check=False)
    assert result.returncode == 0, f"{result.stdout}{result.stderr}\n{box.daemon.stderr()}"
    return [int(number) for number in re.fullmatch(r"sent (\d+) answered (\d+)\n", result.stdout).groups()]


def test_a_million_spoilt_messages(box):
    """A tenth of the flood to warm up, then the rest: between the two memory does not grow. One worker, so that the good
    questions, whose answers hold the flood back, wait behind the spoilt ones."""
    start_responder(box)
    box.serve(LOCAL + FORWARD + "option cachesize 1M\noption workers 1\n")
    flood(box, "mutate", "127.0.0.1", "53", 100_000, 1, "one.test.local", timeout=60)
    before = box.daemon.rss_bytes()
    sent, answered = flood(box, "mutate", "127.0.0.1", "53", 900_000, 2, "one.test.local", timeout=300)
    assert sent == 900_000 and answered == -(-sent // 64), "a good question after each 64 spoilt ones"
    assert box.daemon.rss_bytes() - before < (ASAN_QUARANTINE_MIB + HEADROOM_MIB) * MIB
    box.assert_serves()


def flood_with_names(world, count, cachesize_mib, timeout):
    w.need_plain_build()
    box = server.Box(world, w.RELEASE)
    start_responder(box)
    box.serve(LOCAL + FORWARD + f"option cachesize {cachesize_mib}M\n")
    empty = box.daemon.rss_bytes()
    sent, answered = flood(box, "names", "127.0.0.1", "53", count, "flood.example", "1", timeout=timeout)
    assert sent == count
    assert answered > count * 0.99
    assert box.daemon.rss_bytes() <= empty + (cachesize_mib + HEADROOM_MIB) * MIB
    box.assert_serves()
    assert box.daemon.stop() == 0


def test_the_cache_stays_within_its_size(world):
    flood_with_names(world, 200_000, 4, timeout=120)


@pytest.mark.long
def test_five_million_names(world):
    flood_with_names(world, 5_000_000, 64, timeout=1800)


def test_the_reverse_table_stays_within_its_size(world):
    """Whoever may ask for hashed names fills that table: it is bounded, and still knows what was asked for last."""
    box = server.Box(world, w.RELEASE)
    box.serve(LOCAL + "option hrevmax 1000\n")
    empty = box.daemon.rss_bytes()
    for name in range(3000):
        box.ask(f"n{name}.hash.local", "AAAA")
    assert box.daemon.rss_bytes() <= empty + HEADROOM_MIB * MIB
    box.assert_serves()
    assert box.daemon.stop() == 0


def test_workers_do_not_race(world):
    """Under ThreadSanitizer: four workers share the cache and the reverse table, answer over UDP and TCP, and the
    configuration is replaced again and again. A report of the sanitizer fails stop()."""
    box = server.Box(world, w.TSAN)
    start_responder(box)
    box.serve(LOCAL + FORWARD + "option workers 4\noption cachesize 1M\n")
    kinds = [("same.example", "1"), ("same.example", "1"), ("hash.local", "28")]
    with concurrent.futures.ThreadPoolExecutor() as pool:
        floods = [pool.submit(flood, box, "names", "127.0.0.1", "53", 10_000, *kind, timeout=120) for kind in kinds]
        while not all(done.done() for done in floods):
            box.daemon.signal(signal.SIGHUP)
            box.assert_serves()
        for done in floods:
            sent, answered = done.result()
            assert answered > 0.9 * sent
    assert box.daemon.stop() == 0, box.daemon.stderr()
