# SPDX-License-Identifier: LGPL-2.1-or-later
"""The DHCPv6 client of ioth_config against Kea, ISC dhcpd and dnsmasq, on both stacks."""

import functools
import hmac
import re
import struct

import pytest
from scapy.layers import dhcp6, inet, inet6
from scapy.layers.l2 import Ether

import dhcp_servers as servers
import world as w
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


def bound(client):
    """Its address, without a length, once there is one."""
    (address,) = given(client.wait_until(given, "an address of DHCPv6"))
    return address.partition("/")[0]


@pytest.mark.about_time
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
    wire.wait_until_times(said("RENEW", **BY_CLIENT), 2, "the second renewal")
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
    segment.wire.wait_for(said("REPLY"), "renewed by the new server", again)
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
    state = client.wait_until(lambda s: [a for a in given(s) if a.startswith("fd00:1::20")], "an address of the new pool")
    client.wait_until(lambda s: f"{old}/128" not in s.addresses, "the old one is gone")
    assert len(given(state)) <= 2


@pytest.mark.about_time
@together
@each_stack
@each_server
def test_a_lease_ends_and_the_server_is_gone(world, server, stack):
    segment, box, first = network(world, server, Plan6(**SHORT))
    client = Client(segment, stack, "eth,dhcp6")
    bound(client)
    first.kill()
    segment.wire.wait_for(said("REBIND", **BY_CLIENT), "a request to anybody, after T2")
    last_reply = segment.wire.times(said("REPLY"))[-1]
    at = segment.wire.times(said("REBIND", **BY_CLIENT))[0]
    assert 4.5 <= at - last_reply < 8.5
    client.wait_until(lambda s: not given(s), "the address is gone")
    gone_after = client.now() - last_reply
    assert gone_after < 10, f"a lease of 8 s was used for {gone_after:.1f}"
    client.wait_until(lambda s: not s.servers, "the name servers are gone")
    server(world, box, Plan6(**SHORT))
    bound(client)


@together
@each_stack
def test_the_address_is_taken(world, stack):
    segment, box, _ = network(world, servers.kea6, Plan6())
    segment.port("other", ["fd00:1::100/64"])
    client = Client(segment, stack, "eth,dhcp6,timeout=30")
    declined = segment.wire.wait_for(said("DECLINE6", **BY_CLIENT), "a DECLINE")
    assert declined[dhcp6.DHCP6OptIAAddress].addr == "fd00:1::100"
    state = client.wait_until(lambda s: "fd00:1::101/128" in s.addresses, "another address")
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
    client.wait_until(lambda s: [a for a in given(s) if a.startswith("fd00:1::20")], "a lease of the other")
    client.wait_until(lambda s: len(given(s)) == 1, "one lease alone")


@together
@each_stack
def test_rapid_commit(world, stack):
    segment, box, _ = network(world, servers.kea6, Plan6(rapid=True))
    client = Client(segment, stack, "eth,dhcp6")
    bound(client)
    segment.wire.wait_for(lambda p: said("REPLY")(p) and dhcp6.DHCP6OptRapidCommit in p, "a rapid answer")
    assert not segment.wire.heard(said("ADVERTISE", "REQUEST6"))


class CallingServer:
    """One that calls its client by RECONFIGURE (RFC 9915 s18.3.11), which none of Debian's does: played on the wire."""

    MAC, KEY = "02:00:00:00:ee:01", bytes(range(16))
    DUID = dhcp6.DHCP6OptServerId(duid=dhcp6.DUID_LL(lladdr=MAC))

    def __init__(self, wire):
        self.wire = wire

    def send(self, client, message):
        packet = Ether(src=self.MAC, dst=CLIENT_MAC) / inet6.IPv6(src="fe80::ee01", dst=client["IPv6"].src)
        self.wire.send(packet / inet.UDP(sport=547, dport=546) / message)

    def answer(self, asked, resolver):
        """A lease, a name server, and the key of calls with a count of 1 (s20.4.2)."""
        ia, client_id = asked[dhcp6.DHCP6OptIA_NA], asked[dhcp6.DHCP6OptClientId]
        assert dhcp6.DHCP6OptReconfAccept in asked
        lease = dhcp6.DHCP6OptIAAddress(addr="fd00:1::77", preflft=3600, validlft=7200)
        options = dhcp6.DHCP6OptClientId(duid=client_id.duid) / self.DUID / dhcp6.DHCP6OptDNSServers(dnsservers=[resolver])
        options /= dhcp6.DHCP6OptIA_NA(iaid=ia.iaid, T1=1800, T2=2880, ianaopts=[lease]) / dhcp6.DHCP6OptRapidCommit()
        transaction = asked.getlayer(inet.UDP).payload.trid
        self.send(asked, bytes(dhcp6.DHCP6_Reply(trid=transaction) / options) + self.proof(1, 1, self.KEY))

    def call(self, client, exchange, count, key=KEY):
        options = dhcp6.DHCP6OptClientId(duid=client[dhcp6.DHCP6OptClientId].duid) / self.DUID
        message = bytes(dhcp6.DHCP6_Reconf(trid=0) / options / dhcp6.DHCP6OptReconfMsg(msgtype=exchange))
        digest = hmac.new(key, message + self.proof(count, 2, bytes(16)), "md5").digest()
        self.send(client, message + self.proof(count, 2, digest))

    @staticmethod
    def proof(count, kind, value):
        """An Authentication option (s21.11)."""
        return struct.pack("!HHBBBQB", 11, 28, 3, 1, 0, count, kind) + value


@together
@each_stack
def test_a_server_calls(world, stack):
    """Who proves himself is answered, who does not is not: another key, a count that was there before."""
    renew, information_request = 5, 11
    segment = Segment(world)
    wire, server = segment.wire, CallingServer(segment.wire)
    client = Client(segment, stack, "eth,dhcp6,fqdn=host.lab.test")
    solicit = wire.wait_for(said("SOLICIT", **BY_CLIENT), "a request")
    server.answer(solicit, "fd00:1::53")
    client.wait_until(lambda s: "fd00:1::77/128" in s.usable and s.servers == ["fd00:1::53"], "what was given")

    def asks_after(*call):
        since = len(wire)
        server.call(solicit, *call)
        return lambda kind: wire.wait_for(said(kind, **BY_CLIENT), f"{kind}, since it was called", since)

    asks_after(renew, 2, bytes(16))  # not by our key; what follows would be too late if this one were heard
    renewal = asks_after(renew, 2)("RENEW")
    server.answer(renewal, "fd00:1::54")
    client.wait_until(lambda s: s.servers == ["fd00:1::54"], "the other name server")
    assert len(wire.heard(said("RENEW", **BY_CLIENT))) == 1, "the first call was not heard"

    asks_after(renew, 2)
    call = functools.partial(server.call, solicit, information_request, 3)
    w.wait_for(lambda: call() or wire.heard(said("INFORMATION-REQUEST", **BY_CLIENT)), "it asks for names", poll_s=0.3)
    assert len(wire.heard(said("RENEW", **BY_CLIENT))) == 1, "once for each count"
    assert "fd00:1::77/128" in client.state().usable


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
    client.wait_until(lambda s: f"{address}/128" in s.usable, "the address is back")
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
    state = client.wait_until(lambda s: [a for a in s.addresses if a.startswith("fd00:2::1")], "an address of here")
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
