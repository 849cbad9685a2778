# SPDX-License-Identifier: LGPL-2.1-or-later
"""The DHCPv4 client of ioth_config against Kea, ISC dhcpd and dnsmasq, on both stacks: a lease from its first message to its
end, and what can go wrong on the way. Leases last seconds here; whatever the servers cannot do so fast is simulated by the unit
tests of the client."""

import re

import pytest

import dhcp_servers as servers
from dhcp_lab import (  # noqa: F401
    CLIENT_MAC,
    STACKS,
    Client,
    Segment,
    StateDirectory,
    assert_good_messages,
    kind,
    options4,
    running,
    said,
    together,
)
from dhcp_servers import Plan4

BY_CLIENT = {"src": CLIENT_MAC}
ROUTES = (("10.77.0.0/16", "10.1.0.2"), ("0.0.0.0/0", "10.1.0.1"))
GIVEN_ROUTES = {"default via 10.1.0.1", "10.77.0.0/16 via 10.1.0.2"}
SHORT = {"lease_s": 12, "t1_s": 3, "t2_s": 8}

each_stack = pytest.mark.parametrize("stack", STACKS)
each_server = pytest.mark.parametrize("server", [servers.kea4, pytest.param(servers.dhcpd4, marks=pytest.mark.long)])


def network(world, server, plan, **more):
    segment = Segment(world)
    box = segment.port("server", ["10.1.0.1/24"])
    return segment, box, server(world, box, plan, **more)


def is_bound(state):
    return [a for a in state.addresses if a.startswith("10.1.0.")]


def bound(client):
    """Its address, ADDR/LEN, once there is one."""
    (address,) = is_bound(client.wait_until(is_bound, "an address of DHCP"))
    return address


def address_of(prefix):
    return prefix.partition("/")[0]


@pytest.mark.about_time
@together
@each_stack
@pytest.mark.parametrize("server", [servers.kea4, servers.dhcpd4, servers.dnsmasq4])
def test_all_that_a_server_gives(world, server, stack):
    lease_s = 120 if server is servers.dnsmasq4 else 12  # dnsmasq has no shorter one
    segment, box, _ = network(world, server, Plan4(lease_s=lease_s, t1_s=2, t2_s=9, classless=ROUTES))
    client = Client(segment, stack, "eth,dhcp,fqdn=host.lab.test")
    address = bound(client)
    assert re.fullmatch(r"10\.1\.0\.1[01]\d/24", address)
    state = client.wait_until(lambda s: s.servers and GIVEN_ROUTES <= s.routes, "the rest")
    assert state.servers == ["10.1.0.53", "10.1.0.54"]
    assert state.domains == ["lab.test", "deep.lab.test"]
    assert state.mtu == 1400
    box.run("ping", "-c1", "-w20", address_of(address))

    request = segment.wire.wait_for(said("SELECTING"), "a request")
    assert b"\x04host\x03lab\x04test" in bytes(request), "the name, in its wire form (RFC 4702 s2.3.1)"
    assert server is servers.dhcpd4 or "host" in servers.leases(world, box, server)  # dhcpd keeps it for dynamic DNS alone
    renewed_twice(segment, client, address)

    released = len(segment.wire)
    client.configure("-dhcp")
    release = segment.wire.wait_for(said("RELEASE", **BY_CLIENT), "a release", released)
    assert release.dst == box.mac
    state = client.wait_until(lambda s: not s.addresses4 and not s.servers, "all is given back")
    assert not state.routes4 and not state.domains and state.mtu == 1500


def renewed_twice(segment, client, address):
    """By unicast. The first time T1 may be over before the address has been probed; the second is at T1, as the server says it
    (dnsmasq says less than it is told to)."""
    wire = segment.wire
    renewal = wire.wait_for(said("RENEWING", **BY_CLIENT), "the first renewal")
    assert renewal["IP"].src == address_of(address) and renewal["IP"].dst == "10.1.0.1"
    ack = wire.wait_for(said("ACK"), "an answer", since=wire.index(said("RENEWING"), "a renewal"))
    t1_s = options4(ack)["renewal_time"]
    wire.wait_until_times(said("RENEWING", **BY_CLIENT), 2, "the second renewal")
    first, second = wire.times(said("RENEWING", **BY_CLIENT))[:2]
    assert t1_s - 0.5 < second - first < t1_s + 3, f"T1 is {t1_s} s, the renewal was after {second - first:.1f}"
    assert address in client.state().addresses
    assert not wire.heard(said("REBINDING")) and len(wire.heard(said("DISCOVER"))) <= 3


@together
@each_stack
@each_server
def test_the_server_is_restarted_with_its_leases(world, server, stack):
    """Kept by the program's own loop, as others are by the library's thread."""
    plan = Plan4(lease_s=30, t1_s=2, t2_s=20)
    segment, box, first = network(world, server, plan)
    client = Client(segment, stack, "eth,dhcp", by_loop=True)
    address = bound(client)
    first.stop()
    server(world, box, plan)
    again = len(segment.wire)
    segment.wire.wait_for(said("ACK"), "renewed by the new server", again)
    assert client.state().addresses4 == {address}
    assert not segment.wire.heard(said("DISCOVER", "NAK"), again)


@together
@each_stack
def test_the_server_has_forgotten_and_says_no(world, stack):
    segment, box, server = network(world, servers.dnsmasq4, Plan4(lease_s=120, t1_s=2, t2_s=9))
    client = Client(segment, stack, "eth,dhcp")
    old = bound(client)
    server.stop()
    servers.forget(world, box, "dnsmasq")
    servers.dnsmasq4(world, box, Plan4(lease_s=120, pool=("10.1.0.200", "10.1.0.209")))
    segment.wire.wait_for(said("NAK"), "a NAK")
    state = client.wait_until(lambda s: {a for a in s.addresses4 if a.startswith("10.1.0.20")}, "an address of the new pool")
    assert old not in state.addresses and len(state.addresses4) == 1
    client.wait_until(lambda s: "default via 10.1.0.1" in s.routes, "its route")


@pytest.mark.about_time
@together
@each_stack
@each_server
def test_a_lease_ends_and_the_server_is_gone(world, server, stack):
    segment, box, first = network(world, server, Plan4(**SHORT))
    client = Client(segment, stack, "eth,dhcp")
    bound(client)
    first.kill()
    segment.wire.wait_for(said("REBINDING", **BY_CLIENT), "a request to anybody, after T2")
    last_ack = segment.wire.times(said("ACK"))[-1]
    at = segment.wire.times(said("REBINDING", **BY_CLIENT))[0]
    assert 7 <= at - last_ack < 12
    client.wait_until(lambda s: not s.addresses4, "the address is gone")
    gone_after = client.now() - last_ack
    assert gone_after < 14, f"a lease of 12 s was used for {gone_after:.1f}"
    state = client.wait_until(lambda s: not s.servers, "the name servers are gone")
    assert not state.routes4 and state.mtu == 1500
    server(world, box, Plan4(**SHORT))
    bound(client)


@together
@each_stack
def test_the_address_is_taken(world, stack):
    segment, box, _ = network(world, servers.kea4, Plan4())
    other = segment.port("other", ["10.1.0.100/24"])
    client = Client(segment, stack, "eth,dhcp,timeout=40")
    declined = segment.wire.wait_for(said("DECLINE", **BY_CLIENT), "a DECLINE")
    assert options4(declined)["requested_addr"] == "10.1.0.100"
    address = bound(client)
    assert address == "10.1.0.101/24"
    assert not segment.wire.heard(lambda p: p.src == CLIENT_MAC and "IP" in p and p["IP"].src == "10.1.0.100")
    other.run("ping", "-c1", "-w20", address_of(address))


@together
@each_stack
def test_two_servers(world, stack):
    """One is chosen; when it dies, the other one takes over, at the end of the lease: neither knows what the other one gave."""
    segment, _, kea = network(world, servers.kea4, Plan4(**SHORT))
    other_box = segment.port("other", ["10.1.0.2/24"])
    dhcpd = servers.dhcpd4(world, other_box, Plan4(pool=("10.1.0.200", "10.1.0.209"), **SHORT))
    client = Client(segment, stack, "eth,dhcp")
    address = bound(client)
    chosen = options4(segment.wire.heard(said("SELECTING", **BY_CLIENT))[-1])["server_id"]
    pools = {"10.1.0.1": "10.1.0.1", "10.1.0.2": "10.1.0.20"}
    assert address.startswith(pools[chosen]) and len(client.state().addresses4) == 1

    (kea if chosen == "10.1.0.1" else dhcpd).kill()
    (prefix,) = (prefix for server, prefix in pools.items() if server != chosen)
    state = client.wait_until(
        lambda s: {a for a in s.addresses4 if a != address and a.startswith(prefix)}, "a lease of the other", 40
    )
    assert len(state.addresses4) == 1


@together
@each_stack
def test_a_relay_between(world, stack):
    near, far = Segment(world, "near"), Segment(world, "far")
    box = far.port("server", ["10.9.0.1/24"])
    relay = near.port("relay", ["10.1.0.1/24"], interface="near0")
    far.port("relay", ["10.9.0.2/24"], interface="far0", namespace=relay)
    relay.run("sysctl", "-qw", "net.ipv4.ip_forward=1")
    box.ip("route add 10.1.0.0/24 via 10.9.0.2")
    servers.kea4(world, box, Plan4(lease_s=30, t1_s=2, t2_s=20))
    servers.dhcrelay(world, relay, 4, "near0", "far0", "10.9.0.1")
    client = Client(near, stack, "eth,dhcp")
    address = bound(client)
    # Renewal goes to the server itself, by the router.
    far.wire.wait_for(lambda p: kind(p) and "IP" in p and p["IP"].src == address_of(address), "a renewal beyond the relay")
    near.wire.wait_for(said("ACK"), "an answer", since=near.wire.index(said("RENEWING"), "a renewal"))
    assert client.state().addresses4 == {address}


@together
@each_stack
def test_after_the_link_was_down_it_asks_for_its_old_address(world, stack):
    segment, box, _ = network(world, servers.kea4, Plan4(lease_s=60, classless=ROUTES))
    client = Client(segment, stack, "eth,dhcp")
    address = bound(client)
    client.configure("-eth")
    client.wait_until(lambda s: not s.routes4, "what goes with the link is gone")
    again = len(segment.wire)
    client.configure("eth")
    request = segment.wire.wait_for(said("REBOOTING", **BY_CLIENT), "a request for the old address", again)
    assert options4(request)["requested_addr"] == address_of(address)
    client.wait_until(lambda s: GIVEN_ROUTES <= s.routes, "the routes are back")
    assert bound(client) == address
    box.run("ping", "-c1", "-w20", address_of(address))
    assert not segment.wire.heard(said("DISCOVER"), again)


@together
@each_stack
def test_after_a_restart_it_asks_for_its_old_address(world, stack):
    """INIT-REBOOT, from what is kept in statedir=."""
    segment, box, _ = network(world, servers.kea4, Plan4())
    kept = StateDirectory(world)
    client = Client(segment, stack, f"eth,dhcp,statedir={kept}")
    address = bound(client)
    kept.wait_for("vde0.dhcp4")
    client.kill()
    again = len(segment.wire)
    client = Client(segment, stack, f"eth,dhcp,statedir={kept}")
    assert bound(client) == address
    request = segment.wire.wait_for(said("REBOOTING", **BY_CLIENT), "a request for the old address", again)
    assert options4(request)["requested_addr"] == address_of(address)
    assert not segment.wire.heard(said("DISCOVER"), again)


@together
@each_stack
def test_after_a_restart_elsewhere_it_gets_a_no(world, stack):
    """INIT-REBOOT on a network that has other addresses now."""
    segment, box, server = network(world, servers.kea4, Plan4())
    kept = StateDirectory(world)
    client = Client(segment, stack, f"eth,dhcp,statedir={kept}")
    old = bound(client)
    kept.wait_for("vde0.dhcp4")
    client.kill()
    server.stop()
    servers.forget(world, box, "kea-dhcp4")
    box.ip("address flush dev lan0 scope global")
    box.add_address("lan0", "10.2.0.1/24")
    servers.kea4(world, box, Plan4(net="10.2.0.0/24", pool=("10.2.0.100", "10.2.0.109"), router="10.2.0.1"))
    again = len(segment.wire)
    client = Client(segment, stack, f"eth,dhcp,statedir={kept}")
    segment.wire.wait_for(said("NAK"), "a NAK", again)
    state = client.wait_until(lambda s: [a for a in s.addresses if a.startswith("10.2.0.")], "an address of here")
    assert old not in state.addresses


def test_all_captured_messages_are_right(running):  # noqa: F811
    assert_good_messages(running, {"DISCOVER", "SELECTING", "REBOOTING", "RENEWING", "DECLINE", "RELEASE"})
