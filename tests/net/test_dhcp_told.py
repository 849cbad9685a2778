# SPDX-License-Identifier: LGPL-2.1-or-later
"""What namedhcp tells clients beside their addresses, as dhclient gets it: resolvers with encrypted DNS (RFC 9463), a captive
portal (RFC 8910), options by name and by number, on both protocols."""

import re

import peers
import world as w
from dhcp_lab import INTERFACE, Segment, running, together  # noqa: F401
from test_namedhcp import told_in

NAMED = "net all ::/0\nauth hash all .hash.local fd00:1::\n"
TOLD = """\
dnr 1 dns.home fd00:1::53,10.1.0.53 alpn=dot
captive-portal https://portal.home/api
option 224 01:02:03
option tftp-server-name boot.home
option6 65001 0a:0b
option6 bootfile-url http://boot.home/a
"""
# What dhclient is to make of codes that it does not know.
KNOWN = """\
option dnr code 162 = string;
option portal code 114 = text;
option own code 224 = string;
option dhcp6.dnr code 144 = string;
option dhcp6.portal code 103 = text;
option dhcp6.own code 65001 = string;
option dhcp6.boot code 59 = text;
"""


class Lan:
    def __init__(self, world):
        self.world = world
        self.segment = Segment(world)
        dns = self.segment.port("dns", ["fd00:1::53/64", "10.1.0.53/24"])
        world.iothnamed(dns, NAMED).wait_until(
            lambda: dns.dig("@fd00:1::53", "x.hash.local", "AAAA", "+short", check=False).startswith("fd00:1:"), "DNS answers"
        )
        server = self.segment.port("server", ["10.1.0.1/24", "fd00:1::1/64"])
        file = world.directory / "namedhcp.rc"
        file.write_text(
            f"iface {INTERFACE}\nnameserver fd00:1::53\ndomain hash.local\nsubnet 10.1.0.0/24\n"
            f"pool 10.1.0.100-10.1.0.119\nprobe off\n{TOLD}"
        )
        daemon = world.daemon(server, w.RELEASE / "programs/namedhcp", "-f", file)
        daemon.wait_until(lambda: "serving iface=" in daemon.stderr(), "it serves")

    def dhclient(self, version, options):
        namespace = self.segment.port(f"client{version}")
        ready = ["ip", "-6", "-o", "address", "show", "dev", INTERFACE, "scope", "link", "-tentative"]
        w.wait_for(lambda: namespace.run(*ready).stdout, "a link-local address")
        directory = self.world.directory / f"dhclient{version}"
        directory.mkdir()
        (directory / "conf").write_text(f"timeout 60;\ninitial-interval 1;\n{KNOWN}{options}\n")
        files = ["-cf", directory / "conf", "-lf", directory / "leases", "-pf", directory / "pid", "-sf", told_in(directory)]
        command = [peers.program("dhclient"), f"-{version}", "-1", "-d", *files, INTERFACE]
        daemon = self.world.daemon(namespace, *command, env=peers.environment())
        bound = directory / ("BOUND" if version == 4 else "BOUND6")
        daemon.wait_until(bound.exists, "dhclient is bound")
        return dict(re.findall(r"^new_(\w+)=(.*)$", bound.read_text(), re.MULTILINE))


def octets(text):
    return bytes(int(digits, 16) for digits in text.split(":"))


@together
def test_dhcpv4(world):
    told = Lan(world).dhclient(4, "request subnet-mask, dnr, portal, own, tftp-server-name;")
    name = b"\3dns\4home\0"
    resolver = b"\0\1" + bytes([len(name)]) + name + b"\4\x0a\1\0\x35" + b"\0\1\0\4\3dot"
    assert octets(told["dnr"]) == bytes([0, len(resolver)]) + resolver
    assert told["portal"] == "https://portal.home/api"
    assert octets(told["own"]) == b"\1\2\3"
    assert told["tftp_server_name"] == "boot.home"


@together
def test_dhcpv6(world):
    told = Lan(world).dhclient(
        6, 'send fqdn.fqdn "a.hash.local";\nalso request dhcp6.dnr, dhcp6.portal, dhcp6.own, dhcp6.boot;'
    )
    name = b"\3dns\4home\0"
    addr = bytes.fromhex("fd000001000000000000000000000053")
    assert octets(told["dhcp6_dnr"]) == b"\0\1\0" + bytes([len(name)]) + name + b"\0\x10" + addr + b"\0\1\0\4\3dot"
    assert told["dhcp6_portal"] == "https://portal.home/api"
    assert octets(told["dhcp6_own"]) == b"\x0a\x0b"
    assert told["dhcp6_boot"] == "http://boot.home/a"


@together
def test_what_is_not_asked_for_is_not_told(world):
    told = Lan(world).dhclient(6, 'send fqdn.fqdn "b.hash.local";\nalso request dhcp6.boot;')
    assert told["dhcp6_boot"] == "http://boot.home/a"
    assert not {"dhcp6_dnr", "dhcp6_portal", "dhcp6_own"} & set(told)
