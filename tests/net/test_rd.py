# SPDX-License-Identifier: LGPL-2.1-or-later
"""Router discovery by ioth_config, with radvd, dnsmasq and routers that this test plays itself, on both stacks: addresses,
routes, names and MTU follow what routers say, for as long as they say it; and their flags lead to DHCPv6."""

import hashlib
import ipaddress

import pytest
from scapy.layers import inet6
from scapy.layers.l2 import Ether

import dhcp_servers as servers
import world as w
from dhcp_lab import (  # noqa: F401
    CLIENT_MAC,
    INTERFACE,
    STACKS,
    Client,
    Segment,
    assert_good_messages,
    kind,
    running,
    said,
    together,
)
from dhcp_servers import Plan6

BY_CLIENT = {"src": CLIENT_MAC}
ROUTER = "fe80::ff:fe00:aa01"  # the first port of a segment
PREFIX = "prefix fd00:1::/64 {};"
EUI64 = "fd00:1::ff:fe00:c01/64"  # of CLIENT_MAC

each_stack = pytest.mark.parametrize("stack", STACKS)


def hashed(prefix, name):
    """The address of a name: MD5, exclusive or, two bits off."""
    address = bytearray(ipaddress.ip_address(prefix).packed)
    for i, byte in enumerate(hashlib.md5(name.encode()).digest()[:8]):
        address[8 + i] ^= byte
    address[8] &= 0xFC
    return str(ipaddress.ip_address(bytes(address)))


def network(world, text):
    segment = Segment(world)
    router = segment.port("router", ["fd00:1::1/64"])
    return segment, router, servers.radvd(world, router, text)


def has(*addresses):
    return lambda state: set(addresses) <= state.addresses


@together
@each_stack
def test_all_that_a_router_says(world, stack):
    text = f"""
        AdvDefaultLifetime 1800; AdvLinkMTU 1400; AdvDefaultPreference high;
        {PREFIX} prefix fd00:3::/64 {{ AdvAutonomous off; }};
        route fd00:77::/32 {{ AdvRoutePreference low; }};
        RDNSS fd00:1::53 fd00:1::54 {{}}; DNSSL lab.test deep.lab.test {{}};"""
    segment, router, _ = network(world, text)
    client = Client(segment, stack, "eth,rd,fqdn=host.lab.test")
    address = hashed("fd00:1::", "host.lab.test")
    state = client.wait_until(has(f"{address}/64"), "the address of the name")
    assert not [a for a in state.addresses if a.startswith("fd00:3:")]
    state = client.wait_until(lambda s: f"default via {ROUTER}" in s.routes, "a default route")
    client.wait_until(lambda s: f"fd00:77::/32 via {ROUTER}" in s.routes, "the other route")
    state = client.wait_until(lambda s: s.servers and s.domains, "names")
    assert state.servers == ["fd00:1::53", "fd00:1::54"] and state.domains == ["lab.test", "deep.lab.test"]
    client.wait_until(lambda s: s.mtu == 1400, "the MTU of the link")
    router.run("ping", "-c1", "-w20", address)
    assert not segment.wire.heard(said("SOLICIT", "INFORMATION-REQUEST")), "nobody asked for DHCPv6"

    client.configure("-rd")
    state = client.wait_until(lambda s: not s.routes6 and not s.servers, "all is given back")
    assert not [a for a in state.addresses6 if not a.startswith("fe80:")]


@together
@each_stack
def test_slaac_is_from_the_ethernet_address(world, stack):
    segment, router, _ = network(world, PREFIX)
    client = Client(segment, stack, "eth,rd,slaac")
    client.wait_until(has(EUI64), "the address of the MAC address")
    router.run("ping", "-c1", "-w20", EUI64.partition("/")[0])


@together
@each_stack
def test_dnsmasq_as_a_router(world, stack):
    segment = Segment(world)
    router = segment.port("router", ["fd00:1::1/64"])
    words = ["--dhcp-option=option6:dns-server,[fd00:1::53]", "--dhcp-option=option6:domain-search,lab.test"]
    servers.dnsmasq(world, router, "--enable-ra", "--dhcp-range=fd00:1::,ra-only,64,120", "--ra-param=lan0,mtu:1400,4,9", *words)
    client = Client(segment, stack, "eth,rd,slaac")
    client.wait_until(has(EUI64), "an address")
    state = client.wait_until(lambda s: f"default via {ROUTER}" in s.routes and s.servers, "route and names")
    assert state.servers == ["fd00:1::53"] and state.domains == ["lab.test"]
    client.wait_until(lambda s: s.mtu == 1400, "the MTU of the link")


@pytest.mark.about_time
@together
@each_stack
def test_a_router_vanishes(world, stack):
    text = f"AdvDefaultLifetime 6; {PREFIX} RDNSS fd00:1::53 {{ AdvRDNSSLifetime 6; }};"
    segment, router, radvd = network(world, text)
    client = Client(segment, stack, "eth,rd,slaac")
    client.wait_until(lambda s: f"default via {ROUTER}" in s.routes and s.servers, "route and names")
    radvd.kill()
    client.wait_until(lambda s: f"default via {ROUTER}" not in s.routes, "the route is gone")
    assert client.now() - segment.wire.times(said("RA"))[-1] < 8.5
    client.wait_until(lambda s: not s.servers, "the name server is gone")
    assert EUI64 in client.state().addresses, "its prefix stands for a day"
    servers.radvd(world, router, text)
    client.wait_until(lambda s: f"default via {ROUTER}" in s.routes and s.servers, "all is there again")


@together
@each_stack
def test_a_router_says_farewell(world, stack):
    segment, router, radvd = network(world, f"AdvDefaultLifetime 1800; {PREFIX}")
    client = Client(segment, stack, "eth,rd,slaac")
    client.wait_until(lambda s: f"default via {ROUTER}" in s.routes, "a route")
    radvd.stop()
    client.wait_until(lambda s: f"default via {ROUTER}" not in s.routes, "the route is gone")


@pytest.mark.about_time
@together
@each_stack
def test_the_prefix_is_another_one(world, stack):
    times = "{ AdvValidLifetime 10; AdvPreferredLifetime 8; }"
    segment, router, radvd = network(world, f"prefix fd00:1::/64 {times};")
    client = Client(segment, stack, "eth,rd,slaac")
    client.wait_until(has(EUI64), "an address")
    servers.radvd_again(world, router, radvd, f"prefix fd00:2::/64 {times};")
    renumbered = client.now()
    client.wait_until(has("fd00:2::ff:fe00:c01/64"), "an address of the new prefix")
    client.wait_until(lambda s: EUI64 not in s.addresses, "the old one is gone")
    assert client.now() - renumbered < 14
    assert "fd00:2::ff:fe00:c01/64" in client.state().addresses


@pytest.mark.about_time
@together
@each_stack
def test_two_routers(world, stack):
    segment, high, radvd = network(world, f"AdvDefaultPreference high; AdvDefaultLifetime 9; {PREFIX}")
    low = segment.port("low", ["fd00:1::2/64"])
    servers.radvd(world, low, f"AdvDefaultPreference low; AdvDefaultLifetime 9; {PREFIX}")
    client = Client(segment, stack, "eth,rd,slaac")
    both = {f"default via {ROUTER}", "default via fe80::ff:fe00:aa02"}
    client.wait_until(lambda s: both <= s.routes, "both routes")
    assert client.state().defaults6[0] == ROUTER, "the better one comes first"
    radvd.kill()
    client.wait_until(lambda s: f"default via {ROUTER}" not in s.routes, "one route is gone")
    assert client.state().defaults6[0] == "fe80::ff:fe00:aa02"


def router_of_ours(world, segment, namespace, text):
    path = servers.folder(world, namespace, "iothradvd") / "radvd.rc"
    path.write_text(f"iface {INTERFACE}\n{text}\n")
    return world.daemon(namespace, w.RELEASE / "programs/iothradvd", "-f", path)


RADVD_SAYS = f"AdvCurHopLimit 42; AdvReachableTime 20000; AdvRetransTimer 500; route fd00:77::/32 {{}}; {PREFIX}"
OURS_SAYS = "hoplimit 42\nreachable 20000\nretransmit 500\nroute fd00:77::/32\nprefix fd00:1::/64"


ROUTERS_OF_STACKS = [(stack, routers) for stack in ("kernel", "vdestack") for routers in ("radvd", "ours")] + [("lwip", "radvd")]


@together
@pytest.mark.parametrize("stack, routers", ROUTERS_OF_STACKS)
def test_hop_limit_and_timers(world, stack, routers):
    """RFC 4861 s6.3.4: the router's hop limit is in the packets that go by it, its timers are the link's, for as long as
    there is router discovery."""
    segment = Segment(world)
    router = segment.port("router", ["fd00:1::1/64"])
    if routers == "radvd":
        servers.radvd(world, router, RADVD_SAYS)
    else:
        router_of_ours(world, segment, router, OURS_SAYS)
    client = Client(segment, stack, "eth,rd,slaac")
    client.wait_until(lambda s: f"fd00:77::/32 via {ROUTER}" in s.routes and EUI64 in s.usable, "routes and an address")

    def datagram_to(address):
        return lambda p: p.src == CLIENT_MAC and "UDP" in p and p["IPv6"].dst == address and p["UDP"].dport == 9

    for far in ("fd00:99::1", "fd00:77::1"):
        client.send(far)
        packet = segment.wire.wait_for(datagram_to(far), f"a datagram to {far}")
        assert packet["IPv6"].hlim == 42
    if stack == "lwip":
        return
    place = client.namespace()
    routes = place.run("ip", "-6", "route", "show", "via", ROUTER).stdout.splitlines()
    assert len(routes) == 2 and all("hoplimit 42" in route for route in routes), routes

    def timers():
        text = place.run("ip", "-s", "ntable", "show", "dev", client.interface, "name", "ndisc_cache").stdout.split()
        return [text[text.index(word) + 1] for word in ("base_reachable", "retrans")]

    assert timers() == ["20000", "500"]
    client.configure(f"iface={client.interface},-rd")
    assert timers() == ["30000", "1000"], "as they were"


@together
@each_stack
def test_a_router_of_managed_addresses(world, stack):
    segment, router, _ = network(world, "AdvManagedFlag on; AdvOtherConfigFlag on; prefix fd00:1::/64 { AdvAutonomous off; };")
    servers.kea6(world, router, Plan6())
    client = Client(segment, stack, "auto6")
    state = client.wait_until(lambda s: [a for a in s.addresses if a.startswith("fd00:1::1")], "an address of DHCPv6")
    state = client.wait_until(lambda s: f"default via {ROUTER}" in s.routes and s.servers, "route and names")
    assert EUI64 not in state.addresses


@together
@each_stack
def test_a_router_of_other_configuration(world, stack):
    segment, router, _ = network(world, f"AdvOtherConfigFlag on; {PREFIX}")
    servers.kea6(world, router, Plan6())
    client = Client(segment, stack, "auto6,slaac")
    state = client.wait_until(lambda s: EUI64 in s.addresses and s.servers, "an address, and names from DHCPv6")
    assert state.servers == ["fd00:1::53", "fd00:1::54"] and state.domains == ["lab.test", "deep.lab.test"]
    segment.wire.wait_for(said("INFORMATION-REQUEST", **BY_CLIENT), "a request for information alone")
    assert not segment.wire.heard(said("REQUEST6", **BY_CLIENT))


@together
@each_stack
def test_a_server_that_wants_to_know_is_told_of_addresses(world, stack):
    """RFC 9686; Kea of today asks for it by an option of our own making, and does not answer."""
    segment, router, _ = network(world, f"AdvOtherConfigFlag on; {PREFIX}")
    enable = {"name": "addr-reg-enable", "code": 148, "space": "dhcp6"}
    more = {"option-def": [{**enable, "type": "empty"}], "option-data": [{**enable, "always-send": True}]}
    servers.kea6(world, router, Plan6(), **more)
    client = Client(segment, stack, "auto6,slaac")
    client.wait_until(has(EUI64), "an address")

    def is_registration(packet):
        is_dhcp6 = packet.src == CLIENT_MAC and "UDP" in packet and packet["UDP"].dport == 547
        return is_dhcp6 and bytes(packet["UDP"].payload)[0] == 36

    packet = segment.wire.wait_for(is_registration, "the server is told")
    address = ipaddress.ip_address(EUI64.partition("/")[0])
    assert ipaddress.ip_address(packet["IPv6"].src) == address, "it comes from the address (s4.2)"
    assert address.packed in bytes(packet["UDP"].payload)


@together
@each_stack
def test_the_address_is_taken(world, stack):
    """Somebody else has it: it is never used (RFC 4862 s5.4.5)."""
    segment, router, _ = network(world, PREFIX)
    segment.port("other", [EUI64])
    client = Client(segment, stack, "eth,rd,slaac,timeout=4")
    own = EUI64.partition("/")[0]
    segment.wire.wait_for(lambda p: said("NS", **BY_CLIENT)(p) and p[inet6.ICMPv6ND_NS].tgt == own, "a probe")
    segment.wire.wait_for(lambda p: kind(p) == "NA" and p[inet6.ICMPv6ND_NA].tgt == own, "the other's answer")
    client.wait_until(lambda s: EUI64 not in s.usable, "it is not used")
    assert not segment.wire.heard(lambda p: p.src == CLIENT_MAC and "IPv6" in p and p["IPv6"].src == own)


@together
@each_stack
def test_who_is_no_router_is_not_believed(world, stack):
    """RFC 4861 s6.1.2: from a link-local address, hop limit 255."""
    segment, router, _ = network(world, PREFIX)
    client = Client(segment, stack, "eth,rd,slaac")
    client.wait_until(has(EUI64), "an address of the right router")

    def say(source, hop_limit, prefix):
        head = Ether(src="02:00:00:00:ee:ee", dst="33:33:00:00:00:01")
        head /= inet6.IPv6(src=source, dst="ff02::1", hlim=hop_limit) / inet6.ICMPv6ND_RA(routerlifetime=1800)
        times = {"validlifetime": 3600, "preferredlifetime": 3600}
        segment.wire.send(head / inet6.ICMPv6NDOptPrefixInfo(prefix=prefix, prefixlen=64, **times))

    say("fe80::eeee", 64, "fd00:e1::")
    say("fd00:1::eeee", 255, "fd00:e2::")
    say("fe80::eeee", 255, "fd00:e3::")  # heard after the others: by then those were thrown away
    state = client.wait_until(has("fd00:e3::ff:fe00:c01/64"), "the address of a right message")
    assert not [a for a in state.addresses if a.startswith(("fd00:e1:", "fd00:e2:"))]


def test_all_captured_messages_are_right(running):  # noqa: F811
    assert_good_messages(running, {"RS", "INFORMATION-REQUEST", "SOLICIT"})
