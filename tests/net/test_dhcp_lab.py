# SPDX-License-Identifier: LGPL-2.1-or-later
"""The networks of the DHCP and router tests themselves: other people's clients get what the servers are to give."""

import re

import pytest
from scapy.layers import dhcp, dhcp6, inet, inet6
from scapy.layers.l2 import Ether
from scapy.utils import wrpcap

import dhcp_capture
import dhcp_servers as servers
import peers
from dhcp_lab import CLIENT_MAC, INTERFACE, Segment, kind, running, said, together  # noqa: F401
from dhcp_servers import Plan4, Plan6

SERVERS4 = [servers.kea4, servers.dhcpd4, servers.dnsmasq4]
SERVERS6 = [servers.kea6, servers.dhcpd6, servers.dnsmasq6]

DHCLIENT = """\
option classless code 121 = array of unsigned integer 8;
request subnet-mask, routers, domain-name-servers, domain-search, interface-mtu, classless;
also request dhcp6.name-servers, dhcp6.domain-search;
timeout 60;
initial-interval 1;
"""


def dhclient(world, namespace, version):
    """Runs dhclient until it is bound; what it gives to its script, by name. It configures nothing."""
    directory = servers.folder(world, namespace, "dhclient")
    (directory / "dhclient.conf").write_text(DHCLIENT)
    script = directory / "script"
    script.write_text(f"#!/bin/sh\nenv >{directory}/$reason.new && mv {directory}/$reason.new {directory}/$reason\n")
    script.chmod(0o755)
    files = ["-cf", directory / "dhclient.conf", "-lf", directory / "leases", "-pf", directory / "pid", "-sf", script]
    daemon = world.daemon(
        namespace, peers.program("dhclient"), f"-{version}", "-1", "-d", "-v", *files, INTERFACE, env=peers.environment()
    )
    bound = directory / ("BOUND" if version == 4 else "BOUND6")
    daemon.wait_until(bound.exists, "dhclient is bound")
    return dict(re.findall(r"^new_(\w+)=(.*)$", bound.read_text(), re.MULTILINE))


@together
@pytest.mark.parametrize("server", SERVERS4)
def test_a_lease_of_dhcp4(world, server):
    segment = Segment(world)
    box = segment.port("server", ["10.1.0.1/24"])
    server(world, box, Plan4(classless=[("10.77.0.0/16", "10.1.0.2"), ("0.0.0.0/0", "10.1.0.1")]))
    given = dhclient(world, segment.port("client"), 4)
    assert re.fullmatch(r"10\.1\.0\.1[01]\d", given["ip_address"])
    assert given["subnet_mask"] == "255.255.255.0"
    assert given["domain_name_servers"] == "10.1.0.53 10.1.0.54"
    assert given["domain_search"].replace(". ", " ").rstrip(".") == "lab.test deep.lab.test"
    assert given["interface_mtu"] == "1400"
    assert given["classless"] == "16 10 77 10 1 0 2 0 10 1 0 1"
    segment.wire.wait_for(said("ACK"), "what dhclient has heard already")
    kinds = [kind(packet) for packet in segment.wire.heard(lambda p: kind(p) in ("DISCOVER", "OFFER", "SELECTING", "ACK"))]
    assert kinds[-4:] == ["DISCOVER", "OFFER", "SELECTING", "ACK"]


@together
@pytest.mark.parametrize("server", SERVERS6)
def test_a_lease_of_dhcp6(world, server):
    segment = Segment(world)
    box = segment.port("server", ["fd00:1::1/64"])
    server(world, box, Plan6())
    given = dhclient(world, segment.port("client"), 6)
    assert re.fullmatch(r"fd00:1::1[01][0-9a-f]", given["ip6_address"])
    assert given["dhcp6_name_servers"] == "fd00:1::53 fd00:1::54"
    assert given["dhcp6_domain_search"].replace(". ", " ").rstrip(".") == "lab.test deep.lab.test"


@together
def test_a_relay_of_dhcp4(world):
    near, far = Segment(world, "near"), Segment(world, "far")
    box = far.port("server", ["10.9.0.1/24"])
    relay = near.port("relay", ["10.1.0.1/24"], interface="near0")
    far.port("relay", ["10.9.0.2/24"], interface="far0", namespace=relay)
    box.ip("route add 10.1.0.0/24 via 10.9.0.2")
    servers.kea4(world, box, Plan4())
    servers.dhcrelay(world, relay, 4, "near0", "far0", "10.9.0.1")
    assert re.fullmatch(r"10\.1\.0\.1[01]\d", dhclient(world, near.port("client"), 4)["ip_address"])


@together
def test_a_relay_of_dhcp6(world):
    near, far = Segment(world, "near"), Segment(world, "far")
    box = far.port("server", ["fd00:9::1/64"])
    relay = near.port("relay", ["fd00:1::1/64"], interface="near0")
    far.port("relay", ["fd00:9::2/64"], interface="far0", namespace=relay)
    box.ip("-6 route add fd00:1::/64 via fd00:9::2")
    servers.kea6(world, box, Plan6(), unicast="fd00:9::1")
    servers.dhcrelay(world, relay, 6, "near0", "far0", "fd00:9::1")
    assert re.fullmatch(r"fd00:1::1[01][0-9a-f]", dhclient(world, near.port("client"), 6)["ip6_address"])


@together
def test_routers(world):
    segment = Segment(world)
    router = segment.port("router", ["fd00:1::1/64"])
    host = segment.port("host")
    servers.radvd(world, router, "AdvDefaultLifetime 9; AdvLinkMTU 1400; prefix fd00:1::/64 {}; RDNSS fd00:1::53 {};")
    told = host.run(peers.program("rdisc6"), "-1", "-q", INTERFACE, env=peers.environment())
    assert told.stdout.split() == ["fd00:1::/64"]
    segment.wire.wait_for(said("RA", src=router.mac), "an advertisement")


@together
def test_dnsmasq_as_a_router(world):
    segment = Segment(world)
    router = segment.port("router", ["fd00:1::1/64"])
    servers.dnsmasq(world, router, "--enable-ra", "--dhcp-range=fd00:1::,ra-only,64,120")
    host = segment.port("host")
    told = host.run(peers.program("rdisc6"), "-1", "-q", INTERFACE, env=peers.environment())
    assert told.stdout.split() == ["fd00:1::/64"]


def frame_from_client(source_port, target_port, payload, **ip):
    head = Ether(src=CLIENT_MAC, dst="ff:ff:ff:ff:ff:ff") / inet.IP(**ip)
    return head / inet.UDP(sport=source_port, dport=target_port) / payload


def discover(*options):
    bootp = dhcp.BOOTP(chaddr=bytes.fromhex(CLIENT_MAC.replace(":", "")), xid=1)
    payload = bootp / dhcp.DHCP(options=[("message-type", 1), *options, "end"])
    return frame_from_client(68, 67, payload, src="0.0.0.0", dst="255.255.255.255")


GOOD = [("client_id", b"\xff\x01\x02\x03\x04\x00\x03\x00\x01\x02\x00\x00\x00\x0c\x01"), ("param_req_list", [1, 3, 6])]


def test_the_reader_of_captures_sees_what_is_wrong(tmp_path):
    bad_checksum = discover(*GOOD)
    bad_checksum["UDP"].chksum = 1
    bad_length = bytearray(bytes(discover(("hostname", b"x" * 40), *GOOD)))
    bad_length[bad_length.index(b"x" * 40) - 1] = 255  # the option ends behind the message
    solicit = inet6.IPv6(src="fe80::1", dst="ff02::1:2") / inet.UDP(sport=546, dport=547) / dhcp6.DHCP6_Solicit(trid=1)
    frames = [
        discover(*GOOD),
        discover(),
        discover(*GOOD, ("server_id", "10.1.0.1")),
        bad_checksum,
        Ether(bytes(bad_length)),
        Ether(src=CLIENT_MAC, dst="33:33:00:01:00:02") / solicit,
    ]
    wrpcap(str(tmp_path / "bad.pcap"), frames)
    told = dhcp_capture.complaints(dhcp_capture.frames_of(CLIENT_MAC, [tmp_path / "bad.pcap"]))

    def about(number):
        return " ".join(complaint for complaint in told if f"frame {number}:" in complaint)

    assert about(1) == ""
    assert "without option 55" in about(2) and "without option 61" in about(2)
    assert "with option 54" in about(3)
    assert "udp.checksum.status is bad" in about(4)
    assert about(5)
    assert all(f"without option {code}" in about(6) for code in (1, 3, 6, 8)) and "ask for option 82" in about(6)
