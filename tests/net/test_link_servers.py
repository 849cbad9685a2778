# SPDX-License-Identifier: LGPL-2.1-or-later
"""Clients that reach namedhcp through relays, one or two in a row, and a link with two DHCPv4 servers of which one dies."""

import pytest
from scapy.layers import dhcp, dhcp6, inet
from scapy.layers.l2 import Ether

import dhcp_servers as servers
import peers
from dhcp_lab import STACKS, Client, Segment, kind, options4, running, said, together  # noqa: F401
from link_lab import DOMAIN4, HERE, NAMED, OPTIONS4, PROGRAMS, Host, Link, dhclient

pytestmark = pytest.mark.about_time  # leases end

# Two relays on each stack; one is less than that.
AT_DEPTHS = [("kernel", 1), ("kernel", 2), *((stack, 2) for stack in (*STACKS, "port"))]
AT_DEPTHS += [pytest.param(stack, 1, marks=pytest.mark.long) for stack in (*STACKS, "port")]
each_stack_and_depth = pytest.mark.parametrize("stack, depth", AT_DEPTHS)

# ---- relays ----

NEAR6, NEAR4 = "fd00:5::", "10.5.0.0/24"
FAR_NAMED = f"""\
{NAMED}auth hash all .near.local {NEAR6}
static A far.{DOMAIN4} 10.5.0.70
static TXT far.{DOMAIN4} "mask=255.255.255.0,router=10.5.0.1"
"""
GATEWAYS = ["10.1.0.9", "fd00:1::9"]  # a port needs none: it answers whence the request came


class Chain:
    """Routers with dhcrelay between the link of the servers and that of the clients, `near`."""

    def __init__(self, link, depth):
        self.near = Segment(link.world, "near")
        middle = Segment(link.world, "middle") if depth == 2 else None
        near_side, far_side = ["10.5.0.1/24", "fd00:5::1/64"], ["10.1.0.9/24", "fd00:1::9/64"]
        down = (middle, ["10.8.0.1/24", "fd00:8::1/64"]) if middle else (self.near, near_side)
        self.outer = self._router(down, (link.segment, far_side), "outer")
        self.inner = None
        if middle:
            self.inner = self._router((self.near, near_side), (middle, ["10.8.0.2/24", "fd00:8::2/64"]), "inner")
            self.inner.ip("route add default via 10.8.0.1")
            self.inner.ip("-6 route add default via fd00:8::1")
            self.outer.ip("route add 10.5.0.0/24 via 10.8.0.2")
            self.outer.ip("-6 route add fd00:5::/64 via fd00:8::2")
        self.world = link.world

    @staticmethod
    def _router(down, up, name):
        segment, addresses = down
        router = segment.port(name, addresses, interface="down0")
        segment, addresses = up
        segment.port(name, addresses, interface="up0", namespace=router)
        for family in ("ipv4.ip_forward", "ipv6.conf.all.forwarding"):
            router.run("sysctl", "-qw", f"net.{family}=1")
        return router

    def relay(self, version, server, *more):
        servers.dhcrelay(self.world, self.outer, version, "down0", "up0", server, *more)
        if self.inner:
            above = "10.8.0.1" if version == 4 else "fd00:8::1"
            servers.dhcrelay(self.world, self.inner, version, "down0", "up0", above, *more)


@together
@each_stack_and_depth
def test_dhcpv6_through_relays(world, stack, depth):
    """Each gets the address of its name, and renews it the same way; replies go back as deep as requests came."""
    link = Link(world, stack, named=FAR_NAMED)
    chain = Chain(link, depth)
    link.serve("domain near.local\nallow *.near.local\nlifetime 8/8\n", gateways=GATEWAYS)
    chain.relay(6, "fd00:1::2")
    ours = Client(chain.near, "vdestack", "eth,dhcp6,fqdn=ours.near.local")
    theirs = Host(link, "theirs.near.local", segment=chain.near)
    dhclient(theirs, 6)
    theirs.await_address(near_address("theirs.near.local"))
    wanted = near_address("ours.near.local")
    ours.wait_until(lambda s: f"{wanted}/128" in s.usable, "the address of its name")
    renewed = chain.near.wire.index(said("RENEW"), "a renewal")
    chain.near.wire.wait_for(said("REPLY"), "a reply", renewed)
    for layer in (dhcp6.DHCP6_RelayForward, dhcp6.DHCP6_RelayReply):
        heard = link.segment.wire.heard(lambda p: layer in p)  # noqa: B023
        assert {packet[layer].hopcount for packet in heard} == {depth - 1}


def near_address(name):
    return HERE.run(PROGRAMS / "hashaddr", "-b", NEAR6, name).stdout.strip()


@together
@each_stack_and_depth
def test_dhcpv4_through_relays(world, stack, depth):
    """By name and from a pool, with what the relay says about the client's port (option 82) given back as it came."""
    link = Link(world, stack, named=FAR_NAMED)
    chain = Chain(link, depth)
    pool = "pool 10.5.0.100-10.5.0.119\noption routers 10.5.0.1\n"
    link.serve(f"lease 10\nsubnet {NEAR4}\n{pool}", "namedhcp4", gateways=GATEWAYS)
    chain.relay(4, "10.1.0.2", "-a", "-m", "forward")
    ours = Client(chain.near, "vdestack", "eth,dhcp")
    theirs = Host(link, "theirs", segment=chain.near)
    dhclient(theirs, 4)
    pooled = {f"10.5.0.{number}" for number in range(100, 120)}
    state = ours.wait_until(lambda s: {a.partition("/")[0] for a in s.usable} & pooled, "an address of the pool")
    theirs.client.wait_until(lambda: theirs.addresses() & pooled, "an address of the pool")
    assert not {f"{a}/24" for a in theirs.addresses()} & state.usable
    wire = link.segment.wire
    asked, told = ({echoed(p) for p in wire.heard(said(*kinds))} for kinds in (("DISCOVER", "SELECTING"), ("OFFER", "ACK")))
    assert asked == told and None not in asked
    assert not [p for p in chain.near.wire.heard(said("OFFER", "ACK")) if echoed(p)], "the relay has taken it away"
    renewed = chain.near.wire.index(said("RENEWING"), "a renewal")
    chain.near.wire.wait_for(said("ACK"), "an answer", renewed)


def echoed(packet):
    return options4(packet).get("relay_agent_information")


@together
def test_dhcpv4_by_name_through_a_relay(world):
    link = Link(world, "kernel", named=FAR_NAMED)
    chain = Chain(link, 1)
    link.serve(f"domain {DOMAIN4}\nsubnet {NEAR4}\nby-name on\n", "namedhcp4", gateways=GATEWAYS)
    chain.relay(4, "10.1.0.2")
    host = Host(link, f"far.{DOMAIN4}", segment=chain.near)
    dhclient(host, 4)
    host.await_address("10.5.0.70")


@together
def test_relays_in_a_loop(world):
    """Each of two relays takes the other for a server too: a message goes around until it has seen too many relays. All that come
    by are answered, and the client has an address."""
    link = Link(world, "kernel")
    server = link.serve(f"subnet {NEAR4}\npool 10.5.0.100-10.5.0.109\n", "namedhcp4")
    near = Segment(world, "near")
    hosts = {}
    for number in (8, 9):
        address = f"10.1.0.{number}"
        hosts[address] = near.port(f"relay{number}", [f"10.5.0.{number}/24"], interface="down0")
        link.segment.port(f"relay{number}", [f"{address}/24"], interface="up0", namespace=hosts[address])
        server.namespace.ip(f"route add 10.5.0.{number} via {address}")
        hosts[address].run("sysctl", "-qw", "net.ipv4.ip_forward=1")
    for address, host in hosts.items():
        [other] = set(hosts) - {address}
        command = [peers.program("dhcrelay"), "-4", "-d", "--no-pid", "-i", "down0", "-i", "up0", "10.1.0.2", other]
        relay = world.daemon(host, *command, env=peers.environment())
        relay.wait_until(lambda: "Sending on   Socket/fallback" in relay.stderr(), "it relays")  # noqa: B023
    client = Host(link, "client", segment=near)
    dhclient(client, 4, "")
    pooled = {f"10.5.0.{number}" for number in range(100, 110)}
    client.client.wait_until(lambda: client.addresses() & pooled, "an address")
    heard = link.segment.wire.heard(said("DISCOVER"))
    assert max(packet[dhcp.BOOTP].hops for packet in heard) > 2, "there is a loop"
    assert len(link.segment.wire.heard(said("OFFER"))) <= 2 * len(heard)


# ---- two servers of DHCPv4 ----

SHORT = "lease 10\n"  # so T1 is 5 s, T2 8 s; of shorter ones our client wants to know nothing


def server_of(packet):
    return options4(packet)["server_id"]


def acked(segment, mac, since=0):
    """What that client was granted, in order: (address, server)."""
    chaddr = bytes.fromhex(mac.replace(":", ""))
    heard = segment.wire.heard(lambda p: kind(p) == "ACK" and p[dhcp.BOOTP].chaddr[:6] == chaddr, since)
    return [(p[dhcp.BOOTP].yiaddr, server_of(p)) for p in heard]


class Pair:
    """Two servers of DHCPv4 on a link, and one client of ours, which has got a lease from one and renewed it there."""

    MAC = "02:00:00:00:0c:71"

    def __init__(self, world, one, other, options="eth,dhcp", names4=None):
        self.link = Link(world, "kernel", names4)
        self.wire = self.link.segment.wire
        self.servers = {f"10.1.0.{n}": self.link.serve(text, "namedhcp4", number=n) for n, text in ((2, one), (3, other))}
        self.client = Client(self.link.segment, "vdestack", options, mac=self.MAC)
        self.client.wait_until(lambda s: s.addresses4, "an address")
        self.wire.wait_for(said("ACK"), "what it was granted")
        self.address, self.own = acked(self.link.segment, self.MAC)[0]
        renewal = self.wire.wait_for(said("RENEWING"), "a renewal")
        assert renewal.dst == self.servers[self.own].namespace.mac, "to its own server alone"
        self.wire.wait_until_times(said("ACK"), 2, "its answer")
        assert set(acked(self.link.segment, self.MAC)) == {(self.address, self.own)}

    def kill_its_own(self):
        """Returns the address of the other server, and the number of the next frame."""
        self.servers[self.own].kill()
        [other] = set(self.servers) - {self.own}
        return other, len(self.wire)

    def has(self, address):
        return {a.partition("/")[0] for a in self.client.state().addresses4} == {address}


@together
def test_a_name_has_its_address_from_any_server(world):
    text = f"domain {DOMAIN4}\nprobe off\n{SHORT}"
    pair = Pair(world, text, text, options=f"eth,dhcp,fqdn=host.{DOMAIN4}", names4={"host": "10.1.0.70"})
    assert pair.address == "10.1.0.70"
    other, since = pair.kill_its_own()
    pair.wire.wait_for(said("REBINDING"), "it asks anybody", since)
    pair.wire.wait_for(said("ACK"), "the other answers", since)
    assert set(acked(pair.link.segment, pair.MAC, since)) == {("10.1.0.70", other)}
    assert pair.has("10.1.0.70") and not pair.wire.heard(said("DISCOVER"), since), "it never was without"


def pool(first, last, authoritative="off"):
    return f"{SHORT}subnet 10.1.0.0/24\npool 10.1.0.{first}-10.1.0.{last}\nauthoritative {authoritative}\n"


@together
def test_pools_that_are_split(world):
    """As namedhcp(8) says: each has a part, and neither speaks about the other's. A client whose server died keeps its address
    to the end of the lease, and has one of the other's then."""
    pair = Pair(world, pool(100, 109), pool(110, 119))
    other, since = pair.kill_its_own()
    pair.wire.wait_for(said("REBINDING"), "it asks anybody", since)
    pair.wire.wait_for(said("DISCOVER"), "its lease has ended", since)
    pair.wire.wait_for(said("ACK"), "it has one of the other's", since)
    [(address, server)] = set(acked(pair.link.segment, pair.MAC, since))
    parts = {"10.1.0.2": range(100, 110), "10.1.0.3": range(110, 120)}
    assert server == other and int(address.rpartition(".")[2]) in parts[other]
    assert not pair.wire.heard(said("NAK"))


@together
def test_a_pool_that_two_servers_share_behind_a_relay(world):
    """The survivor has seen by echo that the address is in use, and does not know by whom; who goes on with it keeps it."""
    link = Link(world, "kernel")
    chain = Chain(link, 1)
    text = f"{SHORT}subnet {NEAR4}\npool 10.5.0.100-10.5.0.115\noption routers 10.5.0.1\n"
    both = {f"10.1.0.{n}": link.serve(text, "namedhcp4", number=n, gateways=GATEWAYS) for n in (2, 3)}
    chain.relay(4, *both)
    near = chain.near.wire
    client = Client(chain.near, "vdestack", "eth,dhcp", mac=Pair.MAC)
    client.wait_until(lambda s: s.addresses4 & s.usable, "an address")
    address, own = acked(chain.near, Pair.MAC)[0]
    [other] = set(both) - {own}

    mac = "02:00:00:00:0c:72"
    head = Ether(src=mac, dst="ff:ff:ff:ff:ff:ff") / inet.IP(src="0.0.0.0", dst="255.255.255.255") / inet.UDP(sport=68, dport=67)
    wish = dhcp.DHCP(options=[("message-type", "discover"), ("requested_addr", address), "end"])
    near.send(head / dhcp.BOOTP(chaddr=bytes.fromhex(mac.replace(":", "")), xid=72) / wish)
    near.wait_for(lambda p: kind(p) == "OFFER" and p[dhcp.BOOTP].xid == 72 and server_of(p) == other, "an offer of the other")
    echo = [p for p in link.segment.wire.heard(lambda p: "ICMP" in p) if p["IP"].src == address and p["IP"].dst == other]
    assert echo, "it has looked"

    both[own].kill()
    since = len(near)
    near.wait_for(said("REBINDING"), "it asks anybody", since)
    near.wait_for(said("ACK", "NAK"), "an answer", since)
    assert set(acked(chain.near, Pair.MAC, since)) == {(address, other)} and not near.heard(said("NAK"))
    assert address in {a.partition("/")[0] for a in client.state().usable}


@together
def test_a_pool_that_two_servers_share(world):
    """They know nothing of each other's leases. No address that a host uses is given to another, since both look before they
    offer; and a client whose server died has an address of the other's: the same, unless that had seen it in use."""
    both = pool(100, 115, authoritative="on")
    pair = Pair(world, both, both)
    macs = [f"02:00:00:00:0c:8{number}" for number in range(5)]
    others = [Client(pair.link.segment, "vdestack" if n % 2 else "lwip", "eth,dhcp", mac=mac) for n, mac in enumerate(macs)]
    for client in others:
        client.wait_until(lambda s: s.addresses4 & s.usable, "an address")
    other, since = pair.kill_its_own()
    pair.wire.wait_for(lambda p: kind(p) == "REBINDING" and p.src == pair.MAC, "it asks anybody", since)

    def taken_over(state):
        granted = {address for address, server in acked(pair.link.segment, pair.MAC, since) if server == other}
        return granted & {a.partition("/")[0] for a in state.usable}

    pair.client.wait_until(taken_over, "an address of the other's")
    late = Client(pair.link.segment, "lwip", "eth,dhcp", mac="02:00:00:00:0c:91")
    late.wait_until(lambda s: s.addresses4 & s.usable, "an address")
    given = [client.wait_until(lambda s: s.addresses4 & s.usable, "an address") for client in (pair.client, *others, late)]
    addresses = [a for state in given for a in state.addresses4]
    assert len(addresses) == len(given) == len(set(addresses)), given
