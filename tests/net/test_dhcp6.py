# SPDX-License-Identifier: LGPL-2.1-or-later
"""The DHCPv6 client of ioth_config against Kea, ISC dhcpd and dnsmasq, on both stacks."""

import re

import pytest
from scapy.layers import dhcp6

import dhcp_servers as servers
from dhcp_lab import (  # noqa: F401
    CLIENT_MAC,
    STACKS,
    Client,
    Segment,
    StateDirectory,
    assert_good_messages,
    running,
    said,
    together,
)
from dhcp_servers import Plan6

BY_CLIENT = {"src": CLIENT_MAC}
SHORT = {"valid_s": 8, "preferred_s": 7, "t1_s": 2, "t2_s": 5}

each_stack = pytest.mark.parametrize("stack", STACKS)
each_server = pytest.mark.parametrize("server", [servers.kea6, pytest.param(servers.dhcpd6, marks=pytest.mark.long)])


def network(world, server, plan, **more):
    segment = Segment(world)
    box = segment.port("server", ["fd00:1::1/64"])
    return segment, box, server(world, box, plan, **more)


def given(state):
    return [a for a in state.addresses if a.startswith("fd00:1::")]


def bound(client, deadline_s=20):
    """Its address, without a length, once there is one."""
    (address,) = given(client.wait_until(given, "an address of DHCPv6", deadline_s))
    return address.partition("/")[0]


@together
@each_stack
@pytest.mark.parametrize("server", [servers.kea6, servers.dhcpd6, servers.dnsmasq6])
def test_all_that_a_server_gives(world, server, stack):
    times = {"valid_s": 120} if server is servers.dnsmasq6 else {"valid_s": 20, "preferred_s": 15, "t1_s": 2, "t2_s": 10}
    segment, box, _ = network(world, server, Plan6(**times))
    client = Client(segment, stack, "eth,dhcp6,fqdn=host.lab.test")
    address = bound(client)
    assert re.fullmatch(r"fd00:1::1[01][0-9a-f]", address)
    assert given(client.state()) == [f"{address}/128"], "DHCPv6 knows of no prefix (RFC 5942 s4)"
    state = client.wait_until(lambda s: s.servers, "name servers")
    assert state.servers == ["fd00:1::53", "fd00:1::54"]
    assert state.domains == ["lab.test", "deep.lab.test"]
    request = segment.wire.wait_for(said("SOLICIT", **BY_CLIENT), "a request")
    assert b"\x04host\x03lab\x04test" in bytes(request), "the name (RFC 4704)"
    assert server is servers.dhcpd6 or "host" in servers.leases(world, box, server)
    if "t1_s" in times:
        renewed_twice(segment, client, address)

    released = len(segment.wire)
    client.configure("-dhcp6")
    release = segment.wire.wait_for(said("RELEASE6", **BY_CLIENT), "a release", released)
    assert release[dhcp6.DHCP6OptIAAddress].addr == address
    client.wait_until(lambda s: not given(s) and not s.servers and not s.domains, "all is given back")


def renewed_twice(segment, client, address):
    wire = segment.wire
    assigned = wire.times(said("REPLY"))[0]
    wire.wait_until_times(said("RENEW", **BY_CLIENT), 2, "the second renewal", deadline_s=20)
    first, second = wire.times(said("RENEW", **BY_CLIENT))[:2]
    assert 1 <= first - assigned < 6, f"T1 is 2 s, the renewal was after {first - assigned:.1f}"
    assert 1 <= second - first < 6
    assert f"{address}/128" in client.state().addresses
    assert not wire.heard(said("REBIND"))


@together
@each_stack
@each_server
def test_the_server_is_restarted_with_its_leases(world, server, stack):
    """Kept by the program's own loop, as others are by the library's thread."""
    plan = Plan6(valid_s=60, preferred_s=50, t1_s=2, t2_s=40)
    segment, box, first = network(world, server, plan)
    client = Client(segment, stack, "eth,dhcp6", by_loop=True)
    address = bound(client)
    first.stop()
    server(world, box, plan)
    again = len(segment.wire)
    segment.wire.wait_for(said("REPLY"), "renewed by the new server", again, deadline_s=30)
    assert given(client.state()) == [f"{address}/128"]
    assert not segment.wire.heard(said("SOLICIT"), again)


@together
@each_stack
def test_the_server_has_forgotten(world, stack):
    """It is another one by its identifier, so it is found by REBIND; it has no binding, and another pool."""
    segment, box, server = network(world, servers.kea6, Plan6(valid_s=20, preferred_s=15, t1_s=2, t2_s=5))
    client = Client(segment, stack, "eth,dhcp6")
    old = bound(client)
    server.stop()
    servers.forget(world, box, "kea-dhcp6")
    servers.kea6(world, box, Plan6(pool=("fd00:1::200", "fd00:1::20f")))
    state = client.wait_until(lambda s: [a for a in given(s) if a.startswith("fd00:1::20")], "an address of the new pool", 40)
    client.wait_until(lambda s: f"{old}/128" not in s.addresses, "the old one is gone", 22)
    assert len(given(state)) <= 2


@together
@each_stack
@each_server
def test_a_lease_ends_and_the_server_is_gone(world, server, stack):
    segment, box, first = network(world, server, Plan6(**SHORT))
    client = Client(segment, stack, "eth,dhcp6")
    bound(client)
    first.kill()
    segment.wire.wait_for(said("REBIND", **BY_CLIENT), "a request to anybody, after T2", deadline_s=15)
    last_reply = segment.wire.times(said("REPLY"))[-1]
    at = segment.wire.times(said("REBIND", **BY_CLIENT))[0]
    assert 4.5 <= at - last_reply < 8.5
    client.wait_until(lambda s: not given(s), "the address is gone", deadline_s=12)
    gone_after = client.now() - last_reply
    assert gone_after < 10, f"a lease of 8 s was used for {gone_after:.1f}"
    client.wait_until(lambda s: not s.servers, "the name servers are gone")
    server(world, box, Plan6(**SHORT))
    bound(client, deadline_s=60)


@together
@each_stack
def test_the_address_is_taken(world, stack):
    segment, box, _ = network(world, servers.kea6, Plan6())
    segment.port("other", ["fd00:1::100/64"])
    client = Client(segment, stack, "eth,dhcp6,timeout=30")
    declined = segment.wire.wait_for(said("DECLINE6", **BY_CLIENT), "a DECLINE", deadline_s=20)
    assert declined[dhcp6.DHCP6OptIAAddress].addr == "fd00:1::100"
    state = client.wait_until(lambda s: "fd00:1::101/128" in s.addresses, "another address", 30)
    assert given(state) == ["fd00:1::101/128"]


@together
@each_stack
def test_two_servers_and_the_preferred_one_is_chosen(world, stack):
    segment, box, _ = network(world, servers.kea6, Plan6(preference=10))
    other = segment.port("other", ["fd00:1::2/64"])
    servers.dhcpd6(world, other, Plan6(preference=255, pool=("fd00:1::200", "fd00:1::20f")))
    client = Client(segment, stack, "eth,dhcp6")
    assert bound(client).startswith("fd00:1::20")


@together
@each_stack
def test_two_servers_and_the_chosen_one_dies(world, stack):
    segment, box, kea = network(world, servers.kea6, Plan6(preference=20, **SHORT))
    other = segment.port("other", ["fd00:1::2/64"])
    servers.dhcpd6(world, other, Plan6(preference=10, pool=("fd00:1::200", "fd00:1::20f")))
    client = Client(segment, stack, "eth,dhcp6")
    assert bound(client).startswith("fd00:1::1")
    kea.kill()
    client.wait_until(lambda s: [a for a in given(s) if a.startswith("fd00:1::20")], "a lease of the other", 40)
    client.wait_until(lambda s: len(given(s)) == 1, "one lease alone", 10)


@together
@each_stack
def test_rapid_commit(world, stack):
    segment, box, _ = network(world, servers.kea6, Plan6(rapid=True))
    client = Client(segment, stack, "eth,dhcp6")
    bound(client)
    assert not segment.wire.heard(said("ADVERTISE", "REQUEST6"))
    assert segment.wire.heard(lambda p: said("REPLY")(p) and dhcp6.DHCP6OptRapidCommit in p)


@together
@each_stack
def test_a_relay_between(world, stack):
    near, far = Segment(world, "near"), Segment(world, "far")
    box = far.port("server", ["fd00:9::1/64"])
    relay = near.port("relay", ["fd00:1::1/64"], interface="near0")
    far.port("relay", ["fd00:9::2/64"], interface="far0", namespace=relay)
    box.ip("-6 route add fd00:1::/64 via fd00:9::2")
    servers.kea6(world, box, Plan6(valid_s=60, preferred_s=50, t1_s=2, t2_s=40), unicast="fd00:9::1")
    servers.dhcrelay(world, relay, 6, "near0", "far0", "fd00:9::1")
    client = Client(near, stack, "eth,dhcp6")
    address = bound(client)
    near.wire.wait_for(said("RENEW", **BY_CLIENT), "a renewal")
    near.wire.wait_for(said("REPLY"), "an answer", since=near.wire.index(said("RENEW"), "a renewal"))
    assert given(client.state()) == [f"{address}/128"]


@together
@each_stack
def test_after_the_link_was_down_it_asks_whether_its_address_is_right(world, stack):
    segment, box, _ = network(world, servers.kea6, Plan6())
    client = Client(segment, stack, "eth,dhcp6")
    address = bound(client)
    client.configure("-eth")
    again = len(segment.wire)
    client.configure("eth")
    segment.wire.wait_for(said("CONFIRM", **BY_CLIENT), "a question for the old address", again)
    client.wait_until(lambda s: f"{address}/128" in s.usable, "the address is back", 15)
    assert not segment.wire.heard(said("SOLICIT"), again)


@together
@each_stack
def test_after_a_restart_it_asks_whether_its_address_is_right(world, stack):
    """CONFIRM, from what is kept in statedir=."""
    segment, box, server = network(world, servers.kea6, Plan6())
    kept = StateDirectory(world)
    client = Client(segment, stack, f"eth,dhcp6,statedir={kept}")
    address = bound(client)
    kept.wait_for("vde0.dhcp6")
    client.kill()
    again = len(segment.wire)
    client = Client(segment, stack, f"eth,dhcp6,statedir={kept}")
    assert bound(client) == address
    segment.wire.wait_for(said("CONFIRM", **BY_CLIENT), "a question for the old address", again)
    assert not segment.wire.heard(said("SOLICIT"), again)
    client.kill()

    # On another network the answer is no.
    server.stop()
    box.ip("-6 address del fd00:1::1/64 dev lan0")
    box.add_address("lan0", "fd00:2::1/64")
    servers.kea6(world, box, Plan6(net="fd00:2::/64", pool=("fd00:2::100", "fd00:2::10f")))
    client = Client(segment, stack, f"eth,dhcp6,statedir={kept}")
    state = client.wait_until(lambda s: [a for a in s.addresses if a.startswith("fd00:2::1")], "an address of here", 20)
    assert not given(state)


@together
@each_stack
def test_the_identifier_stays_the_same(world, stack):
    """The DUID follows from the name, or is kept."""
    segment, box, _ = network(world, servers.kea6, Plan6())

    def identifier(options):
        again = len(segment.wire)
        client = Client(segment, stack, options)
        bound(client)
        client.kill()
        return bytes(segment.wire.wait_for(said("SOLICIT", **BY_CLIENT), "a SOLICIT", again)[dhcp6.DHCP6OptClientId].duid)

    assert identifier("eth,dhcp6,fqdn=host.lab.test") == identifier("eth,dhcp6,fqdn=host.lab.test")
    assert identifier("eth,dhcp6,fqdn=host.lab.test") != identifier("eth,dhcp6,fqdn=other.lab.test")


def test_all_captured_messages_are_right(running):  # noqa: F811
    messages = {"SOLICIT", "REQUEST", "CONFIRM", "RENEW", "REBIND", "RELEASE", "DECLINE"}
    assert_good_messages(running, messages)
