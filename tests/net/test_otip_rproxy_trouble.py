# SPDX-License-Identifier: LGPL-2.1-or-later
"""otip_rproxy when things around it go wrong or change: the name of its base moves, descriptors run out, clients and servers break
off at any moment, the interface goes and comes back, a second proxy has the same name."""

import contextlib
import ctypes
import os
import re
import shutil
import signal
import socket
import struct
import time

import pytest
from scapy.layers import inet, inet6
from scapy.layers.l2 import Ether

import world as w
from dhcp_lab import running, together  # noqa: F401
from otip_cable import PREFIX, SERVER, TCP, UDP, Cable, is_silent
from otip_lab import Lab

OTHER_PREFIX = "fd00:9::"
NOBODY = "tcp 9,127.0.0.1,9009"  # a hidden server that the test makes itself


def is_idle(cable, seconds=1.0):
    """Whether the proxy uses hardly any processor in such a time. (A loop that goes round all the time uses all it gets.)"""
    begin, used = time.monotonic(), cable.proxy.cpu_seconds()
    w.wait_for(lambda: time.monotonic() - begin > seconds, "some time")
    return cable.proxy.cpu_seconds() - used < 0.3 * (time.monotonic() - begin)


def reset(connection):
    """Ends it by RST."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def has_no_flow(cable, sockets):
    """Waits until all flows are over and nothing of them is left."""
    w.wait_for(lambda: cable.counter("tcp_flows") == 0 and cable.sockets() <= sockets, "no flow, and no descriptor of one")
    return True


def connected(cable, address):
    s = cable.connect(address, timeout=2)
    assert w.echoes(s, b"before")
    s.settimeout(w.PATIENCE_S)
    return s


# ---- the base ----


def second_prefix(cable):
    for namespace, address in ((cable.server, "fd00:9::24/64"), (cable.client, "fd00:9::c/64")):
        namespace.add_address("lan0", address)


@together
def test_the_base_follows_its_name(world):
    """By the TTL. When nobody answers the old address stays, and a look-up that works again is found."""
    cable = Cable(world)
    second_prefix(cable)
    records = "option port 5300\noption listen 127.0.0.1\noption staticttl 1\nnet local 127.0.0.0/8\nauth static local .test\n"
    server = world.iothnamed(cable.server, records + f"static AAAA base.test {PREFIX}\n")
    asked = lambda: "status: NOERROR" in cable.server.run("dig", "-p", "5300", "@127.0.0.1", "base.test", "AAAA", check=False).stdout
    w.wait_for(asked, "the name server")
    cable.start(TCP, "dns 127.0.0.1@5300", base="base.test")
    assert cable.address() in cable.addresses()
    with cable.connect(cable.address()) as flow:
        assert w.echoes(flow, b"before")
        assert server.stop() == 0
        w.wait_for(lambda: "the base cannot be looked up" in cable.proxy.stderr(), "a failure")
        assert cable.address() in cable.addresses()
        server = world.iothnamed(cable.server, records + f"static AAAA base.test {OTHER_PREFIX}\n")
        w.wait_for(lambda: cable.addresses() == [cable.address(base=OTHER_PREFIX)], "the new base")
        assert w.echoes(flow, b"after") and cable.addresses("muted") == [cable.address()]
        with cable.connect(cable.address(base=OTHER_PREFIX)) as another:
            assert w.echoes(another, b"at the new one")
        assert is_silent(cable, cable.address(), 7)
    assert "the base can be looked up again" in cable.proxy.stderr()
    assert server.stop() == 0
    more = "".join(f"static AAAA base.test {base}\n" for base in ("fd00:1::", "fd00:2::", "fd00:a::", OTHER_PREFIX, "fd00:b::"))
    world.iothnamed(cable.server, records + more)
    w.wait_for(asked, "the name server")
    assert cable.command("reload") == "ok\n"
    assert cable.addresses() == [cable.address(base=OTHER_PREFIX)], "the one in use stays"
    assert cable.proxy.stop() == 0


def tables(cable):
    """The tables of rules and routes that the proxy has, and its blackholes in the main one."""
    rules = cable.server.run("ip", "-6", "rule").stdout
    routes = cable.server.run("ip", "-6", "route", "show", "table", "main", "type", "blackhole").stdout
    return set(re.findall(r"lookup ([12]\d{9})", rules)), sorted(re.findall(r"blackhole (\S+)", routes))


@together
def test_a_reload_of_the_base_moves_routes_and_rules(world):
    cable = Cable(world)
    second_prefix(cable)
    before = cable.belongings()
    cable.start(TCP, "prefixlen 128", build=w.RELEASE)
    numbers, blackholes = tables(cable)
    assert len(numbers) == 2 and blackholes == ["fd00:7::/64"]
    with cable.connect(cable.address()) as flow:
        assert w.echoes(flow, b"before")
        cable.write(TCP, "tcp 8,127.0.0.1,7007", "prefixlen 128", base=OTHER_PREFIX)
        assert cable.command("reload") == "ok\n"
        others, blackholes = tables(cable)
        assert len(others) == 2 and not numbers & others and blackholes == ["fd00:9::/64"]
        assert cable.addresses("muted") == [cable.address()] and w.echoes(flow, b"after")
        assert is_silent(cable, cable.address(), 7) and is_silent(cable, cable.address(), 9)
        with cable.connect(cable.address(base=OTHER_PREFIX), 8) as another:
            assert w.echoes(another, b"at the new one")
        cable.proxy.signal(signal.SIGKILL)  # what it leaves is found by the next one of the new base
        cable.proxy.process.wait()
    cable.start(TCP, "prefixlen 128", base=OTHER_PREFIX)
    assert cable.proxy.stop() == 0
    assert cable.belongings() == before


@together
def test_two_proxies_of_a_prefix_leave_each_other_their_blackhole(world):
    cable = Cable(world)
    cable.start(TCP, "prefixlen 128")
    first = cable.proxy
    cable.control = world.directory / "second"
    cable.start("tcp 8,127.0.0.1,7007", "name other.otip", "prefixlen 128")
    assert tables(cable)[1] == ["fd00:7::/64"] * 2
    assert cable.proxy.stop() == 0
    assert tables(cable)[1] == ["fd00:7::/64"]
    assert first.stop() == 0
    assert tables(cable)[1] == []


# ---- sockets that fail ----


def stolen_sockets(cable, kind):
    """The proxy's own sockets of a kind of IPv4 or IPv6, shared with it."""
    libc = ctypes.CDLL(None, use_errno=True)
    pidfd = os.pidfd_open(cable.proxy.pid)
    for fd in os.listdir(f"/proc/{cable.proxy.pid}/fd"):
        copy = libc.syscall(438, pidfd, int(fd), 0)  # pidfd_getfd
        if copy < 0:
            continue
        try:
            found = socket.socket(fileno=copy)
        except OSError:
            os.close(copy)
            continue
        if found.family in (socket.AF_INET, socket.AF_INET6) and found.type == kind:
            yield found
        else:
            found.close()
    os.close(pidfd)


@together
def test_a_hidden_server_that_is_not_there_costs_nothing(world):
    cable = Cable(world)
    cable.start("udp 9,127.0.0.1,9009")
    with cable.datagrams(cable.address(), 9) as u:
        for _ in range(20):
            u.send(b"anybody?")
        w.wait_for(lambda: cable.counter("udp_in") + cable.counter("udp_lost") >= 20, "they are sent")
        assert is_idle(cable)
    assert cable.counter("udp_failed") == 0
    assert cable.proxy.stop() == 0


@together
def test_a_socket_that_fails_for_ever_ends_its_flow(world):
    cable = Cable(world)
    cable.start(TCP, UDP, "udp_timeout 3600")
    with cable.datagrams(cable.address()) as u:
        u.send(b"1")
        assert u.recv(10) == b"1"
        for sock in stolen_sockets(cable, socket.SOCK_DGRAM):
            if sock.family == socket.AF_INET:
                sock.shutdown(socket.SHUT_RDWR)  # from now on it is ready, and has nothing
            sock.close()
        w.wait_for(lambda: cable.counter("udp_failed") == 1 and cable.counter("udp_flows") == 0, "the end of the flow")
        u.send(b"2")
        assert u.recv(10) == b"2"
    assert is_idle(cable)
    assert cable.proxy.stop() == 0


def limit_descriptors(cable, more):
    used = max(int(fd) for fd in os.listdir(f"/proc/{cable.proxy.pid}/fd")) + 1
    cable.server.run("prlimit", f"--pid={cable.proxy.pid}", f"--nofile={used + more}:")


@together
def test_out_of_descriptors(world):
    """It says so once, uses no processor, and takes clients again by itself."""
    cable = Cable(world)
    cable.start(TCP, UDP, "tcp_listen_backlog 64", build=w.RELEASE)
    address, sockets = cable.address(), cable.sockets()
    limit_descriptors(cable, 4)
    waiting = [cable.connect(address) for _ in range(20)]
    w.wait_for(lambda: "a port takes nothing for a moment" in cable.proxy.stderr(), "no descriptor")
    assert is_idle(cable, 2)
    with cable.datagrams(address, timeout=0.3) as u, contextlib.suppress(TimeoutError):
        u.send(b"no room")
        u.recv(10)
    assert cable.proxy.stderr().count("a port takes nothing for a moment") == 1
    for connection in waiting:
        connection.close()
    w.wait_for(lambda: cable.counter("tcp_flows") == 0, "no flow")
    cable.server.run("prlimit", f"--pid={cable.proxy.pid}", "--nofile=512:")

    def is_served():
        with contextlib.suppress(OSError), cable.connect(address) as s, cable.datagrams(address, timeout=2) as u:
            u.send(b"room")
            return w.echoes(s, b"room") and u.recv(10) == b"room"

    w.wait_for(is_served, "it serves again")
    w.wait_for(lambda: cable.sockets() <= sockets + 1, "no descriptor of a flow", 30)  # the datagram's is there for a while
    assert cable.proxy.stop() == 0


# ---- who breaks off ----


@together
def test_clients_that_are_gone_before_they_are_accepted(world):
    cable = Cable(world)
    cable.start(TCP, "tcp_listen_backlog 64", "tcp_timeout 0")
    address, sockets = cable.address(), cable.sockets()
    cable.proxy.signal(signal.SIGSTOP)
    gone = [cable.connect(address) for _ in range(12)]
    for i, connection in enumerate(gone):
        if i % 2:
            connection.sendall(b"x" * 1000)
        reset(connection) if i % 3 else connection.close()
    half = cable.connect(address)
    half.sendall(b"half")
    half.shutdown(socket.SHUT_WR)
    cable.proxy.signal(signal.SIGCONT)
    with half:
        assert half.recv(10) == b"half" and half.recv(10) == b""
    assert has_no_flow(cable, sockets)
    assert cable.proxy.stop() == 0


class Deaf:
    """A hidden server that takes no connection: one more than these waits to be made."""

    def __init__(self, namespace, port=9009):
        with namespace.entered():
            self.listener = socket.socket()
            self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self.listener.bind(("127.0.0.1", port))
            self.listener.listen(0)
            self.waiting = socket.create_connection(("127.0.0.1", port))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.waiting.close()
        self.listener.close()


@pytest.mark.about_time  # they leave within the three seconds that a connection may take
@together
def test_clients_that_leave_while_the_hidden_server_is_being_reached(world):
    cable = Cable(world)
    with Deaf(cable.server):
        cable.start(NOBODY, "tcp_timeout 0", "tcp_connect_timeout 3")
        address, sockets = cable.address(), cable.sockets()
        left = [cable.connect(address, 9) for _ in range(3)]
        w.wait_for(lambda: cable.counter("tcp_flows") == 3, "three flows")
        reset(left[0])
        w.wait_for(lambda: cable.counter("tcp_reset") == 1, "the reset is seen")
        left[1].sendall(b"half")
        left[1].shutdown(socket.SHUT_WR)
        for connection in left[1:]:
            with connection, pytest.raises(ConnectionResetError):
                connection.recv(10)
        assert has_no_flow(cable, sockets)
        assert cable.counter("tcp_unreachable") == 2
        assert cable.proxy.stop() == 0


def fill(connection):
    """Sends until nothing more is taken for a while."""
    connection.settimeout(0.5)
    with contextlib.suppress(TimeoutError):
        while True:
            connection.send(b"x" * 65536)


def reset_behind_full_buffers(cable, client, **kwargs):
    """Its server does not read, so nothing moves any more, and there is no timeout."""
    with cable.server.entered():
        listener = socket.create_server(("127.0.0.1", 9009))
    cable.start(NOBODY, "tcp_timeout 0", **kwargs)
    sockets = cable.sockets()
    with client.entered():
        s = socket.create_connection((cable.address(), 9), 20)
    with listener, s:
        deaf, _ = listener.accept()
        fill(s)
        assert cable.counter("tcp_flows") == 1 and is_idle(cable)
        reset(s)
        assert has_no_flow(cable, sockets)
        with deaf, pytest.raises(ConnectionResetError):
            while deaf.recv(1 << 20):
                pass
    assert cable.proxy.stop() == 0


@together
def test_a_client_that_resets_behind_full_buffers(world):
    cable = Cable(world)
    reset_behind_full_buffers(cable, cable.client)


def test_a_client_of_lwip_that_resets_behind_full_buffers(world):
    cable = Cable(world)
    world.hub()
    reset_behind_full_buffers(cable, world.vde_client("client", ["fd00:7::c/64"]), stack=f"stack=lwip,vnl={w.HUB}")


@together
def test_who_never_reads_is_bounded(world):
    """Thirty clients that take nothing of what the echo returns: what they cost, and that their time is up some day."""
    w.need_plain_build()
    cable = Cable(world)
    cable.start(TCP, "tcp_timeout 2", build=w.RELEASE)
    address, sockets, at_first = cable.address(), cable.sockets(), cable.proxy.rss_bytes()
    with contextlib.ExitStack() as all_of_them:
        lazy = [all_of_them.enter_context(cable.connect(address)) for _ in range(30)]
        for s in lazy:
            s.setblocking(False)
        moved = True
        while moved:
            moved = False
            for s in lazy:
                with contextlib.suppress(OSError):
                    moved |= s.send(b"x" * 65536) > 0
        assert cable.proxy.rss_bytes() - at_first < 30 * 2 * (64 << 10) + (2 << 20)
        assert has_no_flow(cable, sockets)
    assert cable.counter("tcp_idle") + cable.counter("tcp_reset") == 30
    assert cable.proxy.stop() == 0


def packets_from(cable, address):
    """Listens at the client's end, for what comes from an address."""
    with cable.client.entered():
        heard = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x86DD))
    heard.bind(("lan0", 0))
    heard.setblocking(False)

    def take():
        found = []
        with contextlib.suppress(BlockingIOError):
            while True:
                frame, where = heard.recvfrom(65536)
                packet = Ether(frame)
                if where[2] != socket.PACKET_OUTGOING and inet6.IPv6 in packet and packet[inet6.IPv6].src == address:
                    found.append(packet)
        return found

    return take


@pytest.mark.about_time  # the address is closed before the flow's time is up
@together
def test_a_flow_whose_time_is_up_leaves_nothing_at_a_past_address(world):
    """The client is away when its flow ends: nothing is repeated from an address that has gone with the flow."""
    cable = Cable(world)
    cable.start(TCP, "otip_preactive 0.3", "otip_postactive 0.3", "tcp_timeout 4", period=2)
    address, s = cable.begin(lambda at: connected(cable, at))
    with s:
        w.wait_for(lambda: address in cable.addresses("muted"), "it is closed")
        cable.client.run("ip", "-6", "route", "add", "blackhole", f"{address}/128")  # it hears, and cannot answer
        take = packets_from(cable, address)
        w.wait_for(lambda: cable.counter("tcp_idle") == 1 and address not in cable.addresses("muted"), "its time is up")
        take()
        begin = time.monotonic()
        w.wait_for(lambda: time.monotonic() - begin > 2, "some time")
        said = [p for p in take() if inet.TCP in p and not p[inet.TCP].flags.R]
        assert not said, "\n".join(p.summary() for p in said)
    assert cable.proxy.stop() == 0


@together
def test_a_flood_of_segments_keeps_nobody_out(world):
    """SYNs of forged sources at the present address; the system answers them by cookies."""
    cable = Cable(world)
    cable.start(TCP)
    address, sockets = cable.address(), cable.sockets()
    with cable.connect(address) as s:
        assert w.echoes(s, b"before")
    mac = re.search(r"link/ether (\S+)", cable.server.run("ip", "link", "show", "lan0").stdout)[1]
    forged = inet6.IPv6(src="fd00:7::5:0", dst=address) / inet.TCP(sport=1024, dport=7, flags="S", window=65535)
    frames = []
    for i in range(500):
        forged[inet6.IPv6].src = f"fd00:7::5:{i:x}"
        del forged[inet.TCP].chksum
        frames.append(bytes(Ether(dst=mac) / forged))
    with cable.client.entered(), socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as flood:
        flood.bind(("lan0", 0))
        for frame in frames * 4:
            flood.send(frame)
    with cable.connect(address) as s:
        assert w.echoes(s, b"in the flood")
    assert has_no_flow(cable, sockets)
    assert cable.counter("tcp_accepted") == 2
    assert cable.proxy.stop() == 0


# ---- the interface ----


def answers_soon(cable, address, client=None):
    def attempt():
        with contextlib.suppress(OSError), (client or cable.client).entered():
            s = socket.create_connection((address, 7), 1)
        with contextlib.suppress(OSError, UnboundLocalError), s:
            return w.echoes(s, b"are you back?")

    return w.wait_for(attempt, "an answer")


@together
def test_the_interface_goes_down_and_comes_back(world):
    cable = Cable(world)
    before = cable.belongings()
    cable.start(TCP)
    address = cable.address()
    with cable.connect(address) as s:
        assert w.echoes(s, b"before")
        cable.server.ip("link set lan0 down")
        w.wait_for(lambda: "the interface is gone or down" in cable.proxy.stderr(), "it is seen")
        cable.server.ip("link set lan0 up")
        cable.server.add_address("lan0", f"{SERVER}/64")
        w.wait_for(lambda: "the interface is back" in cable.proxy.stderr(), "it is seen")
        assert answers_soon(cable, address) and w.echoes(s, b"after")
    cable.server.ip(f"address del {address}/64 dev lan0")  # by whoever
    assert answers_soon(cable, address)
    assert cable.proxy.stop() == 0
    assert cable.belongings() == before


@together
def test_the_interface_is_made_anew(world):
    """By the same name, with another number and MAC address; and a muted address goes on being answered for."""
    cable = Cable(world)
    cable.start(TCP, "otip_preactive 0.3", "otip_postactive 0.3", period=2)
    address, s = cable.begin(lambda at: connected(cable, at))
    with s:
        w.wait_for(lambda: address in cable.addresses("muted"), "it is closed")
        cable.server.ip("link del lan0")
        w.wait_for(lambda: "the interface is gone or down" in cable.proxy.stderr(), "it is seen")
        assert is_idle(cable, 2)
        world.link(cable.server, "lan0", cable.client, "lan0")
        cable.server.add_address("lan0", f"{SERVER}/64")
        cable.client.add_address("lan0", "fd00:7::c/64")
        w.wait_for(lambda: "the interface is back" in cable.proxy.stderr(), "it is seen")
        assert w.echoes(s, b"after")
    w.wait_for(cable.addresses, "an open address")
    cable.begin(lambda at: connected(cable, at))[1].close()
    told = cable.proxy.stderr()
    assert told.count("the interface is") == 2 and told.count("the stack does not take an address") <= 1, told
    assert cable.proxy.stop() == 0


@together
def test_the_interface_of_vdestack_goes_down_and_comes_back(world):
    lab = Lab(world, "vdestack", period=600)
    flow = lab.connect_soon()
    assert w.echoes(flow, b"before")
    path = lab.stack_namespace()._net_path
    inside = w.Namespace("stack", path, ["nsenter", f"--net={path}", "--"])  # with the rights of who made it
    for state in ("down", "up"):
        inside.ip(f"link set vde0 {state}")
        w.wait_for(lambda: "the interface is " + {"down": "gone", "up": "back"}[state] in lab.proxy.stderr(), "it is seen")
    assert w.echoes(lab.connect_soon()) and w.echoes(flow, b"after")
    lab.stop()


@pytest.mark.parametrize("stack", ["vdestack", "lwip"])
def test_the_hub_goes_and_comes_back(world, stack):
    cable = Cable(world)
    hub = world.hub()
    cable.start(TCP, stack=f"stack={stack},vnl={w.HUB}")
    client = world.vde_client("first", ["fd00:7::c/64"])
    assert answers_soon(cable, cable.address(), client)
    hub.kill()
    shutil.rmtree("/tmp/hub")
    w.wait_for(lambda: "healthy no\n" in cable.command("status"), "its state says so")
    assert "interface_is_served no\n" in cable.command("status")
    assert "its network is away: no address answers until it comes back iface=vde0" in cable.proxy.stderr()
    assert is_idle(cable)
    world.hub()
    client = world.vde_client("second", ["fd00:7::d/64"])
    assert answers_soon(cable, cable.address(), client)
    w.wait_for(lambda: "healthy yes\n" in cable.command("status"), "it is well again")
    assert "interface_is_served yes\n" in cable.command("status")
    assert cable.proxy.stop() == 0


def test_two_proxies_of_one_name_say_so_and_no_more(world):
    cable = Cable(world)
    world.hub()
    cable.start(TCP, "otip_preactive 0.3", "otip_postactive 0.3", stack=f"stack=vdestack,vnl={w.HUB}", period=2)
    first = cable.proxy
    cable.control = world.directory / "second"
    cable.start(TCP, "otip_preactive 0.3", "otip_postactive 0.3", stack=f"stack=vdestack,vnl={w.HUB}", period=2)
    opened = cable.counter("addresses_opened")
    w.wait_for(lambda: cable.counter("addresses_opened") >= opened + 2, "two more epochs")
    w.wait_for(lambda: cable.counter("addresses_claimed") > 0, "a claim")
    assert cable.counter("addresses_claimed") <= 4 * cable.counter("addresses_opened")  # some for each address, no storm
    assert "a second proxy of this name" in cable.proxy.stderr()
    assert cable.proxy.stop() == 0 and first.stop() == 0
