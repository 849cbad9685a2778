# SPDX-License-Identifier: LGPL-2.1-or-later
"""namedhcp with many clients at once: two servers of which one is killed, a server that is killed again and again, strangers
without end, messages that are none, and relays in a loop. How fast it is: script/bench dhcp."""

import contextlib
import os
import random
import re
import select
import socket
import struct
import time

import pytest

import world as w
from dhcp_lab import INTERFACE, running, together  # noqa: F401
from test_namedhcp import HERE, NAMES, NET6, PROGRAMS, Lan, lan_again

SOLICIT, ADVERTISE, REQUEST6, REPLY = 1, 2, 3, 7
DISCOVER, OFFER, REQUEST4, ACK, NAK = 1, 2, 3, 5, 6
RETRANSMIT_S = 1.0
AT_ONCE = 100  # clients that have something under way


def option6(code, data):
    return struct.pack("!HH", code, len(data)) + data


def options6(data):
    found = {}
    while data:
        code, length = struct.unpack("!HH", data[:4])
        found[code] = data[4 : 4 + length]
        data = data[4 + length :]
    return found


def wire_name(name):
    return b"".join(bytes([len(label)]) + label.encode() for label in name.split(".")) + b"\0"


class Client6:
    """One of many behind a socket. After some requests without a reply it looks for another server (RFC 9915 s18.2.10)."""

    PATIENCE = 3

    def __init__(self, number):
        self.name = f"node{number}.hash.local"
        self.xid = number
        self.duid = struct.pack("!HHHI", 3, 1, 0x0200, number)
        self.server, self.address, self.sent, self.tries = None, None, 0, 0

    def message(self, now):
        self.sent = now
        self.tries += 1
        if self.server and self.tries > self.PATIENCE:
            self.server, self.tries = None, 1
        kind = REQUEST6 if self.server else SOLICIT
        body = option6(1, self.duid) + option6(3, struct.pack("!III", 1, 0, 0)) + option6(39, b"\0" + wire_name(self.name))
        body += option6(2, self.server) if self.server else b""
        return bytes([kind]) + self.xid.to_bytes(3, "big") + body

    def take(self, message):
        """True: there is something to be said at once."""
        options = options6(message[4:])
        addresses = re.findall(b"\0\5\0\x18(.{16})", options.get(3, b"")[12:], re.DOTALL)
        if message[0] == ADVERTISE and not self.server and addresses:
            self.server, self.tries = options[2], 0
            return True
        if message[0] == REPLY and addresses:
            self.address = socket.inet_ntop(socket.AF_INET6, addresses[0])
        return False


def xid6(message):
    return int.from_bytes(message[1:4], "big")


def run_clients(clients, sock, to, key, at_progress, deadline_s=200):
    """Lets all of them have an address; at_progress is called with how many have one. Returns how long it took."""
    start = now = time.monotonic()
    waiting, under_way, done = list(reversed(clients)), {}, 0
    sock.setblocking(False)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
    while waiting or under_way:
        assert now - start < deadline_s, f"after {deadline_s} s {len(waiting) + len(under_way)} clients have no address"
        while waiting and len(under_way) < AT_ONCE:
            client = waiting.pop()
            under_way[client.xid] = client
            sock.sendto(client.message(now), to)
        for client in under_way.values():
            if now - client.sent > RETRANSMIT_S:
                sock.sendto(client.message(now), to)
        select.select([sock], [], [], 0.05)
        now = time.monotonic()
        while True:
            try:
                message = sock.recv(4096)
            except BlockingIOError:
                break
            client = under_way.get(key(message))
            if client and client.take(message):
                sock.sendto(client.message(now), to)
            if client and client.address:
                del under_way[client.xid]
                done += 1
                at_progress(done)
    return time.monotonic() - start


def hashes(names):
    script = 'for name; do "$0" -b "$BASE" "$name"; done'
    told = HERE.run("sh", "-c", script, PROGRAMS / "hashaddr", *names, timeout=300, env={**os.environ, "BASE": NET6}).stdout
    return [socket.inet_ntop(socket.AF_INET6, socket.inet_pton(socket.AF_INET6, line)) for line in told.split()]


def socket6(host, port=546):
    """At the port of clients or of relays, and where servers are."""
    ready = ["ip", "-6", "-o", "address", "show", "dev", INTERFACE, "scope", "link", "-tentative"]
    w.wait_for(lambda: host.run(*ready).stdout, "a link-local address")
    with host.entered():
        sock = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
        to = ("ff02::1:2", 547, 0, socket.if_nametoindex(INTERFACE))
    sock.bind(("::", port))
    return sock, to


RELAY = "10.64.0.9"  # the clients' host: DHCPv4 knows its many clients by their relay
SERVER4 = "10.1.0.1"


def server_and_socket(lan, version, text, build=w.RELEASE):
    """A server of that protocol, the socket of its clients, and where they send."""
    host = lan.segment.port("clients", ["10.1.0.9/24", f"{RELAY}/16"])
    words = {4: ("namedhcp4", f"serverid {SERVER4}\n{text}"), 6: ("namedhcp", text)}[version]
    server = lan.serve("kernel", words[1], program=words[0], build=build)
    server.clients = host
    lan.segment.wire.stop()
    if version == 6:
        return server, *socket6(host)
    server.namespace.ip(f"route add 10.64.0.0/16 via 10.1.0.9 dev {INTERFACE}")
    with host.entered():
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind((RELAY, 67))
    return server, sock, (SERVER4, 67)


@together
def test_two_servers_and_one_is_killed_under_1000_clients(world):
    lan = Lan(world)
    one = lan.serve("kernel", NAMES, number=1)
    lan.serve("kernel", NAMES, number=2)
    host = lan.segment.port("clients")
    sock, to = socket6(host)
    clients = [Client6(number) for number in range(1, 1001)]

    def at_progress(done):
        if done == 300:
            one.kill()

    took = run_clients(clients, sock, to, xid6, at_progress)
    print(f"1,000 clients in {took:.2f} s, one server of two killed after 300")
    assert [client.address for client in clients] == hashes([client.name for client in clients])


class Client4:
    """One of many behind a relay. It asks again for what it was told, once it was told."""

    def __init__(self, number, giaddr):
        self.xid = number
        self.giaddr = socket.inet_aton(giaddr)
        self.mac = bytes([2, 1]) + struct.pack("!I", number)
        self.offer, self.address, self.sent, self.tries = None, None, 0, 0

    def message(self, now):
        self.sent = now
        self.tries += 1
        if self.offer and self.tries > 3:
            self.offer, self.tries = None, 1
        kind = REQUEST4 if self.offer else DISCOVER
        head = struct.pack("!BBBBIHH", 1, 1, 6, 1, self.xid, 0, 0) + bytes(12) + self.giaddr + self.mac + bytes(10 + 64 + 128)
        body = b"\x63\x82\x53\x63" + bytes([53, 1, kind])
        if self.offer:
            address, server = self.offer
            body += b"\x32\x04" + address + b"\x36\x04" + server
        return head + body + b"\xff"

    def take(self, message):
        kind = message[242]
        if kind == OFFER and not self.offer:
            server = re.search(b"\x36\x04(.{4})", message[240:], re.DOTALL).group(1)
            self.offer, self.tries = (message[16:20], server), 0
            return True
        if kind == NAK:
            self.offer, self.tries = None, 0
            return True
        if kind == ACK:
            self.address = socket.inet_ntoa(message[16:20])
        return False


def xid4(message):
    return int.from_bytes(message[4:8], "big")


@together
@pytest.mark.parametrize("kills, count", [(5, 500), pytest.param(100, 10000, marks=pytest.mark.long)])
def test_a_server_is_killed_again_and_again(world, kills, count):
    """No lease that a client was told is forgotten, and none is given twice."""
    lan = Lan(world)
    text = f"subnet 10.64.0.0/16\npool 10.64.1.0-10.64.200.255\nleases {world.directory}/leases.mdb\n"
    first, sock, to = server_and_socket(lan, 4, text)
    server = [first]
    clients = [Client4(number, RELAY) for number in range(1, count + 1)]
    chance = random.Random(5)
    moments = set(chance.sample(range(1, count), kills))

    def at_progress(done):
        if done in moments:
            server[0].kill()
            server[0] = lan_again(lan, server[0])

    took = run_clients(clients, sock, to, xid4, at_progress)
    print(f"{count} leases and {kills} ends of the server in {took:.1f} s")
    addresses = [client.address for client in clients]
    assert len(set(addresses)) == count, "none is given twice"
    server[0].kill()
    server[0] = lan_again(lan, server[0])
    again = [Client4(number, RELAY) for number in range(1, count + 1)]
    took = run_clients(again, sock, to, xid4, lambda done: None)
    print(f"{count} clients again in {took:.1f} s")
    assert [client.address for client in again] == addresses, "none is forgotten"
    assert server[0].stop() == 0, server[0].stderr()


# ---- hostile ----

TEXTS = {
    4: "domain hash.local\nclaims-max 1000\nleases-max 1000\nprobe off\nsubnet 10.64.0.0/16\npool 10.64.1.0-10.64.200.255\n",
    6: NAMES + "claims-max 1000\n",
}
KEYS = {4: xid4, 6: xid6}
MOST_MB = {w.RELEASE: 150, w.ASAN: 400, w.TSAN: 400}  # ASan takes several times as much, and keeps what is freed for a while


def stranger(version, number):
    """Its first message. Some want an address at once, with the claim or the lease that goes with it."""
    if version == 6:
        message = Client6(number).message(0)
        return message + (b"" if number % 2 else option6(14, b""))
    message = Client4(number, RELAY).message(0)[:-1] + option4(12, f"node{number}".encode())
    return message + (b"" if number % 2 else option4(80, b"")) + b"\xff"


def option4(code, data):
    return bytes([code, len(data)]) + data


def known(version):
    """A client that comes before all strangers, and after them."""
    if version == 4:
        return Client4(0xABCDEF, RELAY)
    client = Client6(0xABCDEF)
    client.name = "first.hash.local"
    return client


def is_served(version, sock, to):
    client = known(version)
    run_clients([client], sock, to, KEYS[version], lambda done: None)
    return client.address


def send_all(sock, to, messages):
    """At a pace that the server's socket can take; what comes back is thrown away."""
    for number, message in enumerate(messages):
        sock.sendto(message, to)
        if number % 50 == 0:
            time.sleep(0.001)
            with contextlib.suppress(BlockingIOError):
                while True:
                    sock.recv(4096)


def assert_sound(server, version, sock, to, address, build):
    """It lives within bounds, and serves who came first as before."""
    grown = server.rss_bytes()
    assert grown < MOST_MB[build] << 20, f"{grown >> 20} MiB"
    assert is_served(version, sock, to) == address
    assert server.stop() == 0, server.stderr()
    print(f"DHCPv{version}: {grown >> 20} MiB")


each_version = pytest.mark.parametrize("version", [4, 6])


@together
@each_version
@pytest.mark.parametrize(
    "build, count",
    [
        pytest.param(w.ASAN, 5000, id="asan-5000"),
        pytest.param(w.ASAN, 100000, marks=pytest.mark.long, id="asan-100000"),
        pytest.param(w.RELEASE, 100000, marks=pytest.mark.long, id="release-100000"),
    ],
)
def test_strangers_without_end(world, version, build, count):
    """Each message has another identifier and another name: memory stays bounded, and who came first is served."""
    server, sock, to = server_and_socket(Lan(world), version, TEXTS[version], build)
    address = is_served(version, sock, to)
    send_all(sock, to, (stranger(version, number) for number in range(1, count + 1)))
    assert_sound(server, version, sock, to, address, build)


def damaged(message, chance):
    message = bytearray(message)
    for _ in range(chance.randrange(1, 8)):
        message[chance.randrange(len(message))] = chance.randrange(256)
    return bytes(message[: chance.randrange(len(message) + 1)] if chance.random() < 0.3 else message)


@together
@each_version
@pytest.mark.parametrize("count", [4000, pytest.param(100000, marks=pytest.mark.long)])
def test_messages_that_are_none(world, version, count):
    """Random bytes, and messages with bytes changed or cut off; some of them through relays that were never there."""
    server, sock, to = server_and_socket(Lan(world), version, TEXTS[version], w.ASAN)
    address = is_served(version, sock, to)
    chance = random.Random(version)

    def messages():
        for number in range(1, count + 1):
            message = stranger(version, number)
            if version == 6 and number % 3 == 0:
                message = through_relays(message, chance.randrange(1, 6))
            yield damaged(message, chance) if number % 5 else chance.randbytes(chance.randrange(600))

    send_all(sock, to, messages())
    assert_sound(server, version, sock, to, address, w.ASAN)


# ---- relay loops ----

RELAY_FORW, RELAY_REPL = 12, 13
HOP_COUNT_LIMIT = 8  # RFC 9915 s7.6: a relay passes on nothing that has come through so many


def through_relays(message, depth, kind=RELAY_FORW, first_hop=0):
    """The message in those of so many relays, one in the other."""
    for hop in range(depth):
        head = struct.pack("!BB", kind, (first_hop + hop) & 255) + socket.inet_pton(socket.AF_INET6, "fd00:1::9")
        message = head + socket.inet_pton(socket.AF_INET6, f"fe80::{hop + 1:x}") + option6(18, bytes([hop])) + option6(9, message)
    return message


def receive(sock):
    try:
        return sock.recv(4096)
    except BlockingIOError:
        return b""


@together
def test_dhcpv6_from_relays_in_a_loop(world):
    """The same message comes again and again, each time from one relay more. It is answered as deep as it came while that is
    possible, and no reply of a relay is taken for a request."""
    server, sock, to = server_and_socket(Lan(world), 6, TEXTS[6], w.ASAN)
    address = is_served(6, sock, to)
    relay, _ = socket6(server.clients, 547)
    relay.setblocking(False)
    solicit = known(6).message(0)
    for depth in range(1, HOP_COUNT_LIMIT + 1):
        relay.sendto(through_relays(solicit, depth), to)
        answer = w.wait_for(lambda: receive(relay), f"an answer through {depth} relays")
        assert answer[:2] == bytes([RELAY_REPL, depth - 1]) and answer.count(struct.pack("!HHB", 18, 1, depth - 1)) == 1
    for depth in (33, 40, 60):
        relay.sendto(through_relays(solicit[:60], depth), to)
    relay.sendto(through_relays(solicit, 2, RELAY_REPL), to)
    relay.sendto(through_relays(through_relays(solicit, 1, RELAY_REPL), 1), to)
    for _ in range(1000):
        relay.sendto(through_relays(solicit, 3, first_hop=255), to)
    assert_sound(server, 6, sock, to, address, w.ASAN)


@together
def test_dhcpv4_from_relays_in_a_loop(world):
    """Hops without end, relays that say they are the server, and replies that come back to it."""
    server, sock, to = server_and_socket(Lan(world), 4, TEXTS[4], w.ASAN)
    address = is_served(4, sock, to)
    discover = known(4).message(0)
    for hops in range(256):
        sock.sendto(discover[:3] + bytes([hops]) + discover[4:], to)
    answer = w.wait_for(lambda: receive(sock), "an answer")
    sock.sendto(answer, to)  # an OFFER
    for giaddr in (SERVER4, "127.0.0.1", "255.255.255.255", "224.0.0.1", "10.64.255.255"):
        for _ in range(50):
            sock.sendto(discover[:24] + socket.inet_aton(giaddr) + discover[28:], to)
    sock.sendto(discover[:-1] + option4(82, bytes(255)) + b"\xff", to)
    assert_sound(server, 4, sock, to, address, w.ASAN)
