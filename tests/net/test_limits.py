# SPDX-License-Identifier: LGPL-2.1-or-later
"""What one client may have of the server, over all its workers: answers a second, questions that wait, connections. And what
clients who hold connections without using them, read slowly or come half-way cannot take from the others."""

import contextlib
import os
import random
import re
import resource
import select
import signal
import socket
import struct
import time

import dns.edns
import dns.message
import pytest

import server
import upstream
import world as w
from questions import addresses, ask_message, framed, tcp_connection, udp_socket
from server import FORWARD, LOCAL, UPSTREAM

pytestmark = pytest.mark.about_time

HELPERS = w.RELEASE / "tests/net"
TWO_WORKERS = "option workers 2\n"
STRANGER = "192.0.2.1"  # an address of the box that is neither loopback nor one of its own nets
PUBLIC = f"net all ::/0\nauth static all .test.local\nauth hash all .hash.local fc00::\noption listen {STRANGER}\n"


def question(name="one.test.local", rdtype="A"):
    return dns.message.make_query(name, rdtype)


def drain(sockets, deadline_s=0.5, count=None):
    """All messages that come until for deadline_s there is none, or `count` of them."""
    messages = []
    while len(messages) != count and (readable := select.select(sockets, [], [], deadline_s)[0]):
        messages += [source.recv(65535) for source in readable]
    return messages


# Answers a second


def ask_often(box, count, wire, source="192.0.2.77"):
    """From 16 sockets, as many workers have it; returns how many answers are whole, and how many have TC alone."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(udp_socket(box.namespace, STRANGER, source=source)) for _ in range(16)]
        for number in range(count):
            sockets[number % 16].send(wire)
        answers = drain(sockets)
    whole = sum(answer[2] & 0x02 == 0 and answer[7] == 1 for answer in answers)
    cut = sum(answer[2] & 0x02 != 0 and answer[7] == 0 for answer in answers)
    assert whole + cut == len(answers)
    return whole, cut


@pytest.fixture
def public_box(box):
    box.namespace.ip("link set lo up")
    for address in (STRANGER, "192.0.2.77", "192.0.2.78", "192.0.3.1"):
        box.namespace.add_address("lo", f"{address}/24")
    return box


def test_a_network_gets_so_many_answers_a_second(public_box):
    box = public_box
    box.serve(LOCAL + PUBLIC + TWO_WORKERS + "option rrl 100\n")
    wire = question().to_wire()
    begun = time.monotonic()
    whole, cut = ask_often(box, 1000, wire)
    seconds = time.monotonic() - begun  # those too in which the machine stood still: the allowance grows
    assert 100 <= whole <= 100 + 100 * seconds, "at once so many, then so many each second"
    assert (1000 - whole) // 2 - 1 <= cut <= (1000 - whole) // 2 + 1, "one of two is told to come back over TCP"
    whole_of_others, _ = ask_often(box, 50, wire, source="192.0.3.1")
    assert whole_of_others == 50, "another network does not notice"


def test_who_has_a_cookie_is_not_limited(public_box):
    box = public_box
    box.serve(LOCAL + PUBLIC + TWO_WORKERS + "option rrl 10\n")

    def with_cookie(data):
        made = question()
        made.use_edns(0, options=[dns.edns.GenericOption(dns.edns.OptionType.COOKIE, data)])
        return made

    answer = ask_message(box.namespace, with_cookie(b"client!!"), STRANGER, source="192.0.2.77")
    (cookie,) = [option for option in answer.options if option.otype == dns.edns.OptionType.COOKIE]
    assert ask_often(box, 500, with_cookie(cookie.to_wire()).to_wire()) == (500, 0)
    whole, cut = ask_often(box, 500, with_cookie(cookie.to_wire()).to_wire(), source="192.0.2.78")
    assert whole < 100 and cut > 200, "another client's cookie is none"


# Questions that wait for upstream


def test_a_client_has_a_share_of_the_questions_that_wait(box):
    with upstream.ScriptedUpstream(box.namespace, UPSTREAM, udp=upstream.never_answer) as silent:
        box.serve(LOCAL + FORWARD + TWO_WORKERS + "option fwdclientmax 5\n")
        with contextlib.ExitStack() as stack:
            sockets = [stack.enter_context(udp_socket(box.namespace, source="127.0.0.9")) for _ in range(40)]
            for number, client in enumerate(sockets):
                made = question(f"n{number}.example")
                made.use_edns(0)
                client.send(made.to_wire())
            at_once = [dns.message.from_wire(answer) for answer in drain(sockets, 0.3)]
            assert len(at_once) == 35 and {answer.rcode() for answer in at_once} == {2}
            assert all(option.to_wire()[:2] == b"\0\0" for answer in at_once for option in answer.options)
            assert len({asked.question[0].name.to_text().lower() for asked in silent.questions}) <= 5
            with udp_socket(box.namespace, source="127.0.0.10", timeout=0.3) as other:
                other.send(question("other.example").to_wire())
                assert drain([other], 0.3) == [], "another client may wait"
            assert len(drain(sockets, 5, 5)) == 5, "each of them is answered in the end"
        assert box.daemon.is_alive()


# Connections


def connect(box, source="127.0.0.1", number=1):
    """Connections that are made, as far as the server takes them."""
    connections = []
    for _ in range(number):
        with box.namespace.entered():
            connection = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        connection.bind((source, 0))
        connection.connect(("127.0.0.1", 53))
        connections.append(connection)
    return connections


def still_open(connections):
    """Those that the server has not closed: it would be seen to do so at once."""
    closed = set()
    while readable := select.select([c for c in connections if c not in closed], [], [], 0.3)[0]:
        closed.update(readable)
    return [connection for connection in connections if connection not in closed]


def test_a_client_has_so_many_connections(box):
    box.serve(LOCAL + TWO_WORKERS + "option tcpclientmax 7\noption tcplistenbacklog 100\n")
    mine, others = connect(box, "127.0.0.9", 30), connect(box, "127.0.0.10", 5)
    left = still_open(mine + others)
    assert len(set(left) & set(mine)) == 7 and set(others) <= set(left)
    for connection in mine:
        connection.close()
    w.wait_for(lambda: len(still_open(connect(box, "127.0.0.9", 7))) == 7, "their places are free again")


def test_when_there_are_too_many_connections_the_idle_ones_end(box):
    box.serve(LOCAL + "option workers 1\noption tcpmax 20\noption tcpclientmax 10\noption tcplistenbacklog 100\n")
    connections = [connection for client in range(5) for connection in connect(box, f"127.0.1.{client + 1}", 10)]
    assert still_open(connections) == connections[-20:]


def flood(box, count):
    """Asks for so many hashed names over UDP; returns the server's CPU seconds."""
    before = box.daemon.cpu_seconds()
    result = box.namespace.run(HELPERS / "dns_flood", "names", "127.0.0.1", "53", count, "hash.local", "28", timeout=120)
    sent, answered = map(int, re.fullmatch(r"sent (\d+) answered (\d+)\n", result.stdout).groups())
    assert sent == answered == count
    return box.daemon.cpu_seconds() - before


def idle_connections(world, count):
    """UDP is served with so many idle connections as without them: every question is answered, for the same CPU time."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < count + 200:
        pytest.skip(f"the limit of descriptors here is {hard}")
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    box = server.Box(world, w.RELEASE)
    box.serve(LOCAL + f"option workers 1\noption tcpmax {count}\noption tcplistenbacklog 1000\noption tcptimeout 1h\n")
    alone = flood(box, 200_000)
    connections = []
    while len(connections) < count:
        connections += connect(box, f"127.1.{len(connections) // 50 // 250}.{len(connections) // 50 % 250 + 1}", 50)
    w.wait_for(lambda: len(os.listdir(f"/proc/{box.daemon.pid}/fd")) >= count, "all connections are taken")
    together = flood(box, 200_000)
    for connection in connections:
        connection.close()
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert together < 1.5 * alone + 0.1, "CPU seconds"
    assert box.daemon.stop() == 0


def test_two_thousand_idle_connections(world):
    idle_connections(world, 2000)


@pytest.mark.long
def test_ten_thousand_idle_connections(world):
    idle_connections(world, 10_000)


def test_slow_readers(world):
    """A hundred clients ask for large answers and read none: nobody else notices, and what they hold is bounded."""
    w.need_plain_build()
    box = server.Box(world, w.RELEASE)
    large = "static TXT large.test.local " + " ".join(f'"{"x" * 250}"' for _ in range(200)) + "\n"
    box.serve(LOCAL + large + "option workers 1\noption tcplistenbacklog 1000\n")
    empty = box.daemon.rss_bytes()
    alone = flood(box, 50_000)
    wire = framed(question("large.test.local", "TXT").to_wire()) * 200
    connections = [connection for client in range(10) for connection in connect(box, f"127.0.1.{client + 1}", 10)]
    for connection in connections:
        connection.setblocking(False)
        with contextlib.suppress(BlockingIOError, ConnectionError):
            connection.send(wire)
    together = flood(box, 50_000)
    assert together < 2 * alone + 0.5, "CPU seconds, with the answers that were made before they were full"
    assert box.daemon.rss_bytes() < empty + (80 << 20)
    assert addresses(box.ask("one.test.local", tcp=True)) == ["192.168.1.1"]
    for connection in connections:
        connection.close()
    assert box.daemon.stop() == 0


def checksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total > 0xFFFF:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def syn(source, destination, port):
    """A TCP segment that opens a connection to port 53, for a raw socket."""
    ends = socket.inet_aton(source) + socket.inet_aton(destination)
    head = struct.pack("!HHIIBBHHH", port, 53, random.getrandbits(32), 0, 5 << 4, 0x02, 65535, 0, 0)
    total = checksum(ends + struct.pack("!BBH", 0, socket.IPPROTO_TCP, len(head)) + head)
    segment = head[:16] + struct.pack("!H", total) + head[18:]
    ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(segment), 0, 0, 64, socket.IPPROTO_TCP, 0, ends[:4], ends[4:])
    return ip + segment


def test_half_open_connections(public_box):
    """Forged SYNs from addresses that never answer: UDP and TCP of others go on."""
    box = public_box
    box.serve(LOCAL + PUBLIC + TWO_WORKERS + "option listen 127.0.0.1\n")
    with box.namespace.entered():
        try:
            raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
        except PermissionError:
            pytest.skip("no raw sockets here")
    with raw:
        for number in range(5000):
            raw.sendto(syn(f"192.0.2.{100 + number % 100}", STRANGER, 1024 + number), (STRANGER, 0))
    for _ in range(20):
        assert addresses(box.ask("one.test.local", server=STRANGER, source=STRANGER)) == ["192.168.1.1"]
    with tcp_connection(box.namespace) as connection:
        connection.sendall(framed(question().to_wire()))
        assert connection.recv(2)


# Reload


def test_a_reload_under_load_loses_nothing(world):
    """The configuration is loaded anew, again and again, while questions come as fast as they are answered."""
    box = server.Box(world, w.RELEASE)
    box.serve(LOCAL + TWO_WORKERS)
    names = box.world.daemon(box.namespace, HELPERS / "dns_flood", "names", "127.0.0.1", "53", 500_000, "hash.local", "28")
    reloads = 0
    while names.is_alive():
        box.daemon.signal(signal.SIGHUP)
        reloads += 1
        with contextlib.suppress(AssertionError):
            w.wait_for(lambda: not names.is_alive(), "the flood's end", deadline_s=0.05)
    assert names.stdout() == "sent 500000 answered 500000\n"
    assert reloads > 5
    box.assert_serves()
    assert box.daemon.stop() == 0
