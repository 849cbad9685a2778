# SPDX-License-Identifier: LGPL-2.1-or-later
"""namedhcp with many clients at once: two servers of which one is killed, a server that is killed again and again, and strangers
without end."""

import os
import random
import re
import select
import socket
import struct
import time

import pytest

import dhcp_servers as servers
import peers
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


def run_clients(clients, sock, to, key, at_progress, deadline_s=60):
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
    told = HERE.run("sh", "-c", script, PROGRAMS / "hashaddr", *names, timeout=60, env={**os.environ, "BASE": NET6}).stdout
    return [socket.inet_ntop(socket.AF_INET6, socket.inet_pton(socket.AF_INET6, line)) for line in told.split()]


def socket6(host):
    """At the port of clients, and where servers are."""
    ready = ["ip", "-6", "-o", "address", "show", "dev", INTERFACE, "scope", "link", "-tentative"]
    w.wait_for(lambda: host.run(*ready).stdout, "a link-local address")
    with host.entered():
        sock = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
        to = ("ff02::1:2", 547, 0, socket.if_nametoindex(INTERFACE))
    sock.bind(("::", 546))
    return sock, to


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
    text = f"subnet 10.64.0.0/16\npool 10.64.1.0-10.64.200.255\nleases {world.directory}/leases.mdb\nserverid 10.1.0.1\n"
    host = lan.segment.port("clients", ["10.1.0.9/24", "10.64.0.9/16"])
    server = [lan.serve("kernel", text, program="namedhcp4")]
    server[0].namespace.ip(f"route add 10.64.0.0/16 via 10.1.0.9 dev {INTERFACE}")
    clients = [Client4(number, "10.64.0.9") for number in range(1, count + 1)]
    with host.entered():
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind(("10.64.0.9", 67))
    chance = random.Random(5)
    moments = set(chance.sample(range(1, count), kills))

    def at_progress(done):
        if done in moments:
            server[0].kill()
            server[0] = lan_again(lan, server[0])

    took = run_clients(clients, sock, ("10.1.0.1", 67), xid4, at_progress, deadline_s=60 + 3 * kills)
    print(f"{count} leases and {kills} ends of the server in {took:.1f} s")
    addresses = [client.address for client in clients]
    assert len(set(addresses)) == count, "none is given twice"
    server[0].kill()
    server[0] = lan_again(lan, server[0])
    again = [Client4(number, "10.64.0.9") for number in range(1, count + 1)]
    took = run_clients(again, sock, ("10.1.0.1", 67), xid4, lambda done: None, deadline_s=60)
    print(f"{count} clients again in {took:.1f} s")
    assert [client.address for client in again] == addresses, "none is forgotten"
    assert server[0].stop() == 0, server[0].stderr()


@together
@pytest.mark.parametrize("count", [5000, pytest.param(100000, marks=pytest.mark.long)])
def test_strangers_without_end(world, count):
    """Each message has another DUID and another name: memory stays bounded, and the service goes on."""
    lan = Lan(world)
    server = lan.serve("kernel", NAMES + "claims-max 1000\n")
    host = lan.segment.port("strangers")
    sock, to = socket6(host)
    sock.setblocking(False)
    for number in range(count):
        client = Client6(number)
        body = client.message(0)
        sock.sendto(body if number % 2 else body + b"\0\x0e\0\0", to)  # some with rapid commit: these claim the name
        if number % 3 == 0:
            sock.sendto(random.Random(number).randbytes(60), to)
        if number % 50 == 0:
            time.sleep(0.001)
    grown = server.rss_bytes()
    assert grown < 150 << 20, f"{grown >> 20} MiB"
    one = Client6(0xABCDEF)
    one.name = "node0.hash.local"
    one.duid = Client6(0).duid  # who claimed it first
    run_clients([one], sock, to, xid6, lambda done: None, deadline_s=30)
    print(f"{count} strangers: {grown >> 20} MiB")
    assert server.stop() == 0, server.stderr()


# ---- beside Kea ----

OVERLOAD = 20000  # exchanges a second: more than any of them answers
RATE_NET4, RATE_NET6 = "10.64.0.0/16", "fd00:1::/64"


def rate(version, host):
    """Exchanges of four messages in a second, of five seconds; perfdhcp says no names."""
    to = ["10.64.0.1"] if version == 4 else []
    options = [f"-{version}", "-l", INTERFACE, "-R", "50000", "-r", str(OVERLOAD), "-p", "5", *to]
    told = host.run(peers.program("perfdhcp"), *options, check=False, timeout=30, env={**os.environ, **peers.environment()})
    return float(re.search(r"Rate: ([\d.]+) 4-way", told.stdout).group(1))


def ours(world, box, version):
    named = f"option listen ::1\nnet all ::/0\nauth hash all .hash.local {NET6}\n"
    world.iothnamed(box, named)
    file = world.directory / "rate.rc"
    pool = f"subnet {RATE_NET4}\npool 10.64.1.0-10.64.250.255\nleases {world.directory}/rate.mdb\nprobe off\n"
    file.write_text(f"iface {INTERFACE}\nnameserver ::1\nname %duid%.hash.local\n" + (pool if version == 4 else ""))
    daemon = world.daemon(box, PROGRAMS / ("namedhcp4" if version == 4 else "namedhcp"), "-f", file)
    daemon.wait_until(lambda: "serving iface=" in daemon.stderr(), "it serves")
    return daemon


def quiet(name):
    """Kea says that it has started, and nothing of leases."""
    levels = {name: "INFO", f"{name}.leases": "ERROR", f"{name}.alloc-engine": "ERROR", f"{name}.packets": "ERROR"}
    return [{"name": n, "output_options": [{"output": "stderr"}], "severity": level} for n, level in levels.items()]


@pytest.mark.long
@pytest.mark.parametrize("version", [4, 6])
def test_the_rate_is_that_of_kea_at_least(version):
    """On the same machine, one after the other; Kea keeps its leases in a file, ours of DHCPv4 are synced to the disk."""
    world = w.World()
    try:
        box, host = world.namespace("server"), world.namespace("clients")
        world.link(box, INTERFACE, host, INTERFACE)
        for namespace, number in ((box, 1), (host, 9)):
            namespace.add_address(INTERFACE, f"10.64.0.{number}/16")
            namespace.add_address(INTERFACE, f"fd00:1::{number}/64")
            ready = ["ip", "-6", "-o", "address", "show", "dev", INTERFACE, "scope", "link", "-tentative"]
            w.wait_for(lambda: namespace.run(*ready).stdout, "a link-local address")
        daemon = ours(world, box, version)
        we = rate(version, host)
        assert daemon.stop() == 0, daemon.stderr()
        if version == 4:
            kea = servers.kea4(world, box, servers.Plan4(net=RATE_NET4, pool=("10.64.1.0", "10.64.250.255")), loggers=quiet("kea-dhcp4"))
        else:
            kea = servers.kea6(world, box, servers.Plan6(net=RATE_NET6, pool=("fd00:1::1:0", "fd00:1::1:ffff")), loggers=quiet("kea-dhcp6"))
        they = rate(version, host)
        kea.stop()
        print(f"DHCPv{version}: {we:.0f} exchanges a second, Kea {they:.0f}")
        assert we >= they
    finally:
        world.close()
