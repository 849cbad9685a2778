# SPDX-License-Identifier: LGPL-2.1-or-later
"""iothradvd on the kernel's stack, vdestack, lwip and a port without a stack: what it says is what radvd says with the same
settings, and what rdisc6, radvdump, the kernel and our own client understand; it changes on reload, and takes itself back."""

import ipaddress
import json
import os
import pathlib
import random
import re
import shlex
import shutil
import signal
import struct
import subprocess
import urllib.error
import urllib.request

import dns.rdata
import dns.rdataclass
import dns.rdatatype
import pytest
from scapy.layers import inet6
from scapy.layers.l2 import Ether

import dhcp_servers as servers
import manual
import peers
import world as w
from dhcp_lab import INTERFACE, STACKS, Client, Segment, running, said, together  # noqa: F401

BUILD = w.ASAN if (w.ASAN / "programs/iothradvd").exists() else w.RELEASE
PROGRAM = BUILD / "programs/iothradvd"
CTL = BUILD / "programs/iothradvdctl"
MAC = "02:00:00:00:0a:01"
LINK_LOCAL = "fe80::ff:fe00:a01"  # of MAC
KINDS = ["kernel", "vdestack", "lwip", "port"]
HERE = w.Namespace("here", "/proc/self/ns/net", [])

# What radvd 2.19 can say too; its words for it are in RADVD.
SETTINGS = """\
period 8
flags MOh
lifetime 1800
hoplimit 61
reachable 30000
retransmit 1000
mtu 1400
prefix fd00:1::/64/LA/86400/14400
prefix fd00:2::/64/L/infinity/infinity
prefix fd00:3::7/64/LAR/7200/3600
route fd00:77::/32/low/900
route fd00:78::/48/high/infinity
rdnss fd00:1::53,fd00:1::54/600
dnssl lab.test,deep.lab.test/700
"""
RADVD = """
    MaxRtrAdvInterval 8; MinRtrAdvInterval 3; AdvManagedFlag on; AdvOtherConfigFlag on; AdvDefaultPreference high;
    AdvDefaultLifetime 1800; AdvCurHopLimit 61; AdvReachableTime 30000; AdvRetransTimer 1000; AdvLinkMTU 1400;
    prefix fd00:1::/64 { AdvValidLifetime 86400; AdvPreferredLifetime 14400; };
    prefix fd00:2::/64 { AdvAutonomous off; AdvValidLifetime infinity; AdvPreferredLifetime infinity; };
    prefix fd00:3::7/64 { AdvRouterAddr on; AdvValidLifetime 7200; AdvPreferredLifetime 3600; };
    route fd00:77::/32 { AdvRoutePreference low; AdvRouteLifetime 900; };
    route fd00:78::/48 { AdvRoutePreference high; AdvRouteLifetime infinity; };
    RDNSS fd00:1::53 fd00:1::54 { AdvRDNSSLifetime 600; };
    DNSSL lab.test deep.lab.test { AdvDNSSLLifetime 700; };"""

# The same again with everything the other way.
OTHER_SETTINGS = """\
period 8
flags lH
lifetime 24
hoplimit 0
sourcemac off
prefix fd00:1::/64/A/7200/0
prefix fd00:4::/56/L/0/0
route ::/0/medium/0
route fd00:79::/64/medium/900
rdnss fd00:1::53/0
rdnss fd00:1::55/infinity
dnssl lab.test/0
"""
OTHER_RADVD = """
    MaxRtrAdvInterval 8; MinRtrAdvInterval 3; AdvDefaultPreference low; AdvHomeAgentFlag on; AdvDefaultLifetime 24;
    AdvCurHopLimit 0; AdvSourceLLAddress off;
    prefix fd00:1::/64 { AdvOnLink off; AdvValidLifetime 7200; AdvPreferredLifetime 0; };
    prefix fd00:4::/56 { AdvAutonomous off; AdvValidLifetime 0; AdvPreferredLifetime 0; };
    route ::/0 { AdvRoutePreference medium; AdvRouteLifetime 0; };
    route fd00:79::/64 { AdvRoutePreference medium; AdvRouteLifetime 900; };
    RDNSS fd00:1::53 { AdvRDNSSLifetime 0; };
    RDNSS fd00:1::55 { AdvRDNSSLifetime infinity; };
    DNSSL lab.test { AdvDNSSLLifetime 0; };"""


class Router:
    """An iothradvd on a segment, or on several."""

    def __init__(self, world, namespace, text, *options, wait=True):
        self.world, self.namespace = world, namespace
        self.directory = servers.folder(world, namespace, "iothradvd") if namespace is not HERE else world.directory
        self.file = self.directory / f"radvd-{len(list(self.directory.iterdir()))}.rc"
        self.socket = self.directory / f"{self.file.stem}.ctl"
        self.write(text)
        command = [PROGRAM, "-f", self.file, "--control", self.socket, *options]
        self.daemon = world.daemon(namespace, *command)
        if wait:
            self.wait_for("advertising iface=")

    def write(self, text):
        self.file.write_text(text)

    def wait_for(self, line, deadline_s=w.PATIENCE_S):
        self.daemon.wait_until(lambda: line in self.daemon.stderr(), f"'{line}' in the log", deadline_s)

    def reload(self, text):
        self.write(text)
        self.ctl("reload")

    def ctl(self, *words, check=True):
        return HERE.run(CTL, "-s", self.socket, *words, check=check)

    def stop(self):
        assert self.daemon.stop() == 0, self.daemon.stderr()


def router_on(world, segment, kind, text, *options, **kwargs):
    """One of that kind on a segment, with MAC as its address."""
    if kind == "kernel":
        namespace = segment.port("router")
        namespace.ip(f"link set {INTERFACE} down address {MAC}")
        namespace.ip(f"link set {INTERFACE} up")
        return Router(world, namespace, f"iface {INTERFACE}\n" + text, *options, **kwargs)
    if kind == "port":
        return Router(world, HERE, f"stack {segment.vnl}\nmacaddr {MAC}\n" + text, *options, **kwargs)
    return Router(world, HERE, f"stack stack={kind},vnl={segment.vnl},mac={MAC},eth\n" + text, *options, **kwargs)


def advertisements(segment, src=MAC, lifetime=None, since=0):
    return segment.wire.heard(is_advertisement(src, lifetime), since)


def is_advertisement(src=MAC, lifetime=None):
    def condition(packet):
        return said("RA", src=src)(packet) and lifetime in (None, packet[inet6.ICMPv6ND_RA].routerlifetime)

    return condition


def await_advertisement(segment, **fields):
    since = fields.pop("since", 0)
    return segment.wire.wait_for(is_advertisement(**fields), "an advertisement", since)


def options_of(packet, but=(1,)):
    """The bytes of each option, sorted, but for those types (the MAC address)."""
    data = bytes(packet[inet6.ICMPv6ND_RA])[16:]
    found = []
    while data:
        length = 8 * data[1]
        option = data[:length]
        if option[0] == 24:  # a route: radvd writes zeros where ours ends (RFC 4191 s2.3)
            option = bytes([24, 3]) + option[2:].ljust(22, b"\0")
        if option[0] not in but:
            found.append(option.hex())
        data = data[length:]
    return sorted(found)


def head_of(packet):
    return bytes(packet[inet6.ICMPv6ND_RA])[4:16].hex()


def addresses(namespace, scope="global"):
    """Its IPv6 addresses and their properties, as the kernel has them."""
    told = json.loads(namespace.run("ip", "-6", "-j", "address", "show", "dev", INTERFACE, "scope", scope).stdout or "[]")
    return {a["local"]: a for entry in told for a in entry.get("addr_info", []) if "local" in a}


def default_routes(namespace):
    return json.loads(namespace.run("ip", "-6", "-j", "route", "show", "default").stdout or "[]")


def host_on(segment, name="host"):
    return segment.port(name)


def has_prefix(namespace, prefix):
    return lambda: [a for address, a in addresses(namespace).items() if address.startswith(prefix)]


# --- what is said ---


@together
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("settings, in_radvds_words", [(SETTINGS, RADVD), (OTHER_SETTINGS, OTHER_RADVD)], ids=["all", "other"])
def test_radvd_says_the_same(world, kind, settings, in_radvds_words):
    ours, theirs = Segment(world, "ours"), Segment(world, "theirs")
    router = router_on(world, ours, kind, settings)
    peer = theirs.port("peer")
    servers.radvd(world, peer, in_radvds_words)
    one, other = await_advertisement(ours), await_advertisement(theirs, src=peer.mac)
    assert head_of(one) == head_of(other)
    assert options_of(one) == options_of(other)
    assert inet6.ICMPv6NDOptSrcLLAddr not in one or one[inet6.ICMPv6NDOptSrcLLAddr].lladdr == MAC
    assert (inet6.ICMPv6NDOptSrcLLAddr in one) == (inet6.ICMPv6NDOptSrcLLAddr in other)
    assert (one[inet6.IPv6].hlim, one[inet6.IPv6].src, one[inet6.IPv6].dst) == (255, LINK_LOCAL, "ff02::1")
    router.stop()


@pytest.mark.about_time
@together
def test_lifetimes_count_down_as_those_of_radvd(world):
    ours, theirs = Segment(world, "ours"), Segment(world, "theirs")
    router = router_on(world, ours, "kernel", "period 4\nprefix fd00:6::/64/LAD/600/300\n")
    peer = theirs.port("peer")
    prefix = "prefix fd00:6::/64 { AdvValidLifetime 600; AdvPreferredLifetime 300; DecrementLifetimes on; };"
    servers.radvd(world, peer, prefix)
    for segment, src in ((ours, MAC), (theirs, peer.mac)):
        segment.wire.wait_until_times(is_advertisement(src), 3, "three advertisements", 25)
        heard, times = segment.wire.heard(is_advertisement(src)), segment.wire.times(is_advertisement(src))
        for packet, at in zip(heard, times):
            option = packet[inet6.ICMPv6NDOptPrefixInfo]
            went = at - times[0]
            assert abs(600 - option.validlifetime - went) <= 2.5 and abs(300 - option.preferredlifetime - went) <= 2.5
        assert heard[2][inet6.ICMPv6NDOptPrefixInfo].validlifetime < heard[0][inet6.ICMPv6NDOptPrefixInfo].validlifetime
    router.stop()


NEWER = """\
period 8
prefix fd00:1::/64/LAP/86400/14400
pref64 64:ff9b::/96/600
pref64 2001:db8:64::/48/1200
captive-portal https://portal.test/api
dnr 1 dns.lab.test fd00:1::53,fd00:1::54 alpn=dot,h2 port=8853 dohpath=/q{?dns} lifetime=900
dnr 0 elsewhere.test lifetime=600
"""


@together
@pytest.mark.parametrize("kind", ["kernel", "port"])
def test_others_read_what_radvd_does_not_know(world, kind):
    """tshark what it knows, dnspython what is like an SVCB record."""
    segment = Segment(world)
    router = router_on(world, segment, kind, NEWER)
    packet = await_advertisement(segment)
    capture = world.directory / "ra.pcap"
    segment.wire.save(capture)
    router.stop()
    ours = f"icmpv6.type == 134 && eth.src == {MAC}"
    command = [peers.program("tshark"), "-n", "-r", capture, "-V", "-O", "icmpv6", "-Y", ours]
    data = str(peers.PEERS / "usr/share/wireshark")
    environment = {**peers.environment(), "WIRESHARK_DATA_DIR": data, "HOME": "/nonexistent"}
    told = HERE.run(*command, env=environment, timeout=60).stdout
    for words in (
        r"Checksum Status: Good",
        r"Flag: 0xd0, .*\n.*\n.*\n.*\n *\.\.\.1 0000 = Reserved: 16",  # P: it does not know that name yet
        r"Scaled Lifetime: 75\n.*96 bits prefix length.*\n *Prefix: 64:ff9b::\n",
        r"Scaled Lifetime: 150\n.*48 bits prefix length.*\n *Prefix: 2001:db8:64::\n",
        r"Captive Portal: https://portal\.test/api\n",
    ):
        assert re.search(words, told), (words, told)
    assert "Malformed" not in told
    assert encrypted_dns(packet) == [
        (900, ["fd00:1::53", "fd00:1::54"], '1 dns.lab.test. alpn="dot,h2" port="8853" key7="/q{?dns}"'),
        (600, [], "0 elsewhere.test."),
    ]


def encrypted_dns(packet):
    """Its options 144 (RFC 9463 s6.1): lifetime, addresses, and the rest as an SVCB record."""
    data, found = bytes(packet[inet6.ICMPv6ND_RA])[16:], []
    while data:
        option, data = data[: 8 * data[1]], data[8 * data[1] :]
        if option[0] != 144:
            continue
        priority, lifetime_s, name_len = struct.unpack_from("!2xHIH", option)
        rest = option[10 + name_len :] + bytes(4)
        name, addresses_len = option[10 : 10 + name_len], int.from_bytes(rest[:2], "big")
        addresses = [str(ipaddress.ip_address(rest[at : at + 16])) for at in range(2, 2 + addresses_len, 16)]
        parameters_len = int.from_bytes(rest[2 + addresses_len : 4 + addresses_len], "big")
        wire = struct.pack("!H", priority) + name + rest[4 + addresses_len :][:parameters_len]
        record = dns.rdata.from_wire(dns.rdataclass.IN, dns.rdatatype.SVCB, wire, 0, len(wire))
        found.append((lifetime_s, addresses, record.to_text()))
    return found


@together
@pytest.mark.parametrize("kind", KINDS)
def test_the_kernel_configures_itself(world, kind):
    segment = Segment(world)
    host = host_on(segment)
    host.run("sysctl", "-qw", f"net.ipv6.conf.{INTERFACE}.accept_ra_rt_info_max_plen=64")
    router = router_on(world, segment, kind, SETTINGS + "pref64 64:ff9b::/96\ncaptive-portal https://portal.test/api\n")
    [first] = w.wait_for(has_prefix(host, "fd00:1:"), "an address from the prefix")
    assert 86000 < first["valid_life_time"] <= 86400 and 14000 < first["preferred_life_time"] <= 14400
    assert not has_prefix(host, "fd00:2:")()  # no flag A
    [route] = [r for r in default_routes(host) if r["gateway"] == LINK_LOCAL]
    assert route["pref"] == "high"
    assert host.run("sysctl", "-n", f"net.ipv6.conf.{INTERFACE}.mtu").stdout.strip() == "1400"
    assert host.run("sysctl", "-n", f"net.ipv6.conf.{INTERFACE}.hop_limit").stdout.strip() == "61"
    assert host.run("sysctl", "-n", f"net.ipv6.neigh.{INTERFACE}.retrans_time_ms").stdout.strip() == "1000"
    assert "fd00:2::/64" in host.run("ip", "-6", "route").stdout  # on the link
    routes = {r["dst"]: r for r in json.loads(host.run("ip", "-6", "-j", "route").stdout)}
    for destination, preference in (("fd00:77::/32", "low"), ("fd00:78::/48", "high")):
        assert (routes[destination]["gateway"], routes[destination]["pref"]) == (LINK_LOCAL, preference)
    host.run("ping", "-6", "-c1", "-w20", f"{LINK_LOCAL}%{INTERFACE}")

    before = len(segment.wire)
    router.stop()
    await_advertisement(segment, lifetime=0, since=before)
    w.wait_for(lambda: not default_routes(host), "no default route any more")
    assert has_prefix(host, "fd00:1:")()  # the network lives on


@together
@pytest.mark.parametrize("kind", ["kernel", "port"])
def test_rdisc6_and_radvdump_read_it(world, kind):
    segment = Segment(world)
    host = host_on(segment)
    dump = world.daemon(host, "stdbuf", "-oL", peers.program("radvdump"), env=peers.environment())
    router_on(world, segment, kind, SETTINGS)
    await_advertisement(segment)
    told = host.run(peers.program("rdisc6"), "-1", INTERFACE, env=peers.environment()).stdout
    for line in (
        r"Hop limit +: +61 ",
        r"Stateful address conf\. +: +Yes",
        r"Router preference +: +high",
        r"Router lifetime +: +1800 ",
        r"Reachable time +: +30000 ",
        r"Retransmit time +: +1000 ",
        rf"Source link-layer address: {MAC.upper()}",
        r"MTU +: +1400 bytes \(valid\)",
        r"Prefix +: fd00:1::/64",
        r"Valid time +: +86400 ",
        r"Pref\. time +: +14400 ",
        r"Valid time +: +infinite",
        r"Recursive DNS server +: fd00:1::54",
        r"DNS servers lifetime +: +600 ",
        r"DNS search list +: lab\.test deep\.lab\.test",
        r"Route +: fd00:77::/32\n +Route preference +: +low",
        rf"from {LINK_LOCAL}",
    ):
        assert re.search(line, told), (line, told)
    dump.wait_until(lambda: "end of interface" in dump.stdout().lower(), "radvdump has heard one")
    text = dump.stdout()
    for words in ("AdvManagedFlag on", "AdvLinkMTU 1400", "AdvDefaultPreference high", "prefix fd00:3::7/64", "AdvRouterAddr on"):
        assert words in text, text
    names = ("RDNSS fd00:1::53 fd00:1::54", "DNSSL lab.test deep.lab.test")
    for words in ("route fd00:78::/48", "AdvRouteLifetime infinity", *names):
        assert words in text, text


@together
@pytest.mark.parametrize("stack", STACKS)
def test_our_own_client_reads_it(world, stack):
    segment = Segment(world)
    router = router_on(world, segment, "port", SETTINGS)
    client = Client(segment, stack, "eth,rd")

    def has_all(state):
        return state.defaults6 and state.servers and any(a.startswith("fd00:1:") for a in state.addresses6)

    state = client.wait_until(has_all, "all of it")
    assert state.defaults6 == [LINK_LOCAL] and state.servers == ["fd00:1::53", "fd00:1::54"]
    assert state.domains == ["lab.test", "deep.lab.test"]
    router.stop()
    client.wait_until(lambda s: not s.defaults6 and not s.servers, "what the router took back is gone")


NETWORKD = pathlib.Path("/lib/systemd/systemd-networkd")
# It wants a /run/systemd of its own, and a /sys that is read-only, or else waits for udev.
NETWORKD_START = f"""
mount -t tmpfs -o mode=755 tmpfs /run/systemd && mkdir -p /run/systemd/network /run/systemd/netif &&
cat >/run/systemd/network/lan.network && chown systemd-network /run/systemd/netif &&
mount -t sysfs -o ro sysfs /sys && exec {NETWORKD}
"""
NETWORK = f"""
[Match]
Name={INTERFACE}
[Network]
LinkLocalAddressing=ipv6
IPv6AcceptRA=yes
[IPv6AcceptRA]
UseDomains=yes
DHCPv6Client=no
"""


@together
@pytest.mark.parametrize("kind", ["kernel", "port"])
def test_networkd_reads_it(world, kind):
    if not NETWORKD.exists() or not w.has_other_users():
        pytest.skip("systemd-networkd is not here, or cannot become its user")
    segment = Segment(world)
    host = host_on(segment)
    pathlib.Path("/run/systemd").mkdir(exist_ok=True)
    network = world.directory / "lan.network"
    network.write_text(NETWORK)
    with network.open() as text:
        networkd = world.daemon(host, "unshare", "--mount", "sh", "-c", NETWORKD_START, stdin=text)
    [link] = [i for i, name in enumerate_links(host) if name == INTERFACE]
    told = pathlib.Path(f"/proc/{networkd.pid}/root/run/systemd/netif/links/{link}")
    router = router_on(world, segment, kind, SETTINGS)

    def words(name):
        """networkd keeps them in sets."""
        text = told.read_text() if told.exists() else ""
        return {word for line in re.findall(rf"^{name}=(.*)$", text, re.MULTILINE) for word in line.split()}

    def has_names():
        return words("DNS") == {"fd00:1::53", "fd00:1::54"}

    networkd.wait_until(has_names, "networkd has the name servers")
    assert words("DOMAINS") == {"lab.test", "deep.lab.test"}
    w.wait_for(has_prefix(host, "fd00:1:"), "an address from the prefix")
    [route] = [r for r in default_routes(host) if r["gateway"] == LINK_LOCAL]
    assert route["pref"] == "high"
    routes = host.run("ip", "-6", "route").stdout
    assert f"fd00:77::/32 via {LINK_LOCAL}" in routes and "fd00:2::/64 dev" in routes
    router.stop()
    w.wait_for(lambda: not default_routes(host), "no default route any more")


def enumerate_links(namespace):
    return [(link["ifindex"], link["ifname"]) for link in json.loads(namespace.run("ip", "-j", "link").stdout)]


# --- when ---


@pytest.mark.about_time
@together
@pytest.mark.parametrize("kind", KINDS)
def test_when_it_speaks(world, kind):
    segment = Segment(world)
    host = host_on(segment)
    router = router_on(world, segment, kind, "period 600\nprefix fd00:1::/64\n")
    to_all = is_advertisement()
    first = await_advertisement(segment)
    since = len(segment.wire)
    [host_address] = addresses(host, scope="link")
    told = host.run(peers.program("rdisc6"), "-1", "-q", INTERFACE, env=peers.environment()).stdout
    assert "fd00:1::/64" in told
    answer = segment.wire.wait_for(to_all, "the answer", since)
    assert answer[inet6.IPv6].dst == host_address and answer.dst == host.mac

    # Somebody without an address: all hear the answer, but not before three seconds have passed.
    since = len(segment.wire)
    segment.wire.send(solicitation("::"))
    segment.wire.send(solicitation("::"))
    answer = await_advertisement(segment, since=since)
    assert answer[inet6.IPv6].dst == "ff02::1"
    times = segment.wire.times(lambda p: to_all(p) and p[inet6.IPv6].dst == "ff02::1")
    assert len(times) > 1 and all(later - earlier > 2 for earlier, later in zip(times, times[1:]))
    assert first[inet6.IPv6].dst == "ff02::1"
    router.stop()


def solicitation(source, mac="02:00:00:00:00:77"):
    return Ether(src=mac, dst="33:33:00:00:00:02") / inet6.IPv6(src=source, dst="ff02::2", hlim=255) / inet6.ICMPv6ND_RS()


@pytest.mark.about_time
@together
@pytest.mark.parametrize("kind", KINDS)
def test_a_flood_of_solicitations(world, kind):
    """Three thousand hosts that do not exist: few answers, and who exists is still served."""
    segment = Segment(world)
    host = host_on(segment)
    router = router_on(world, segment, kind, "period 600\nprefix fd00:1::/64\n")
    await_advertisement(segment)
    since = len(segment.wire)
    template = bytes(solicitation("fe80::1:0"))
    for number in range(3000):
        segment.wire.send(Ether(with_source(template, number)))
    w.wait_for(lambda: counters(router)["solicitations"] > 1000, "most have arrived")
    told = host.run(peers.program("rdisc6"), "-1", INTERFACE, env=peers.environment()).stdout
    assert "fd00:1::/64" in told
    seconds = 1 + max(segment.wire.times(lambda p: True)) - segment.wire.times(lambda p: True, since)[0]
    assert len(advertisements(segment, since=since)) <= 40 + 20 * seconds + seconds / 3 + 2
    router.stop()


def with_source(template, number):
    """The frame with another source address, and its checksum made right again."""
    packet = Ether(template)
    packet[inet6.IPv6].src = f"fe80::1:{number:x}"
    packet[inet6.ICMPv6ND_RS].cksum = None
    return bytes(packet)


def counters(router):
    lines = [line.split() for line in router.ctl("counters").stdout.splitlines()]
    return {name: int(value) for _, name, value in lines}


@together
@pytest.mark.parametrize("kind", ["port", "lwip"])
def test_frames_from_anybody(world, kind):
    segment = Segment(world)
    host = host_on(segment)
    router = router_on(world, segment, kind, "period 4\nprefix fd00:1::/64\n")
    await_advertisement(segment)
    chance = random.Random(1)
    ipv6 = Ether(src="02:00:00:00:00:66", dst=MAC) / inet6.IPv6(src="fe80::66", dst=LINK_LOCAL, hlim=255)
    seeds = [
        bytes(solicitation("fe80::66")),
        bytes(ipv6 / inet6.ICMPv6ND_RA() / inet6.ICMPv6NDOptPrefixInfo(prefix="fd00:1::", prefixlen=64)),
        bytes(ipv6 / inet6.ICMPv6ND_NS(tgt=LINK_LOCAL)),
        bytes(ipv6 / inet6.ICMPv6EchoRequest(data=b"x" * 64)),
        bytes(ipv6 / inet6.IPv6ExtHdrHopByHop() / inet6.ICMPv6MLQuery()),
    ]
    for _ in range(4000):
        frame = bytearray(chance.choice(seeds))
        for _ in range(chance.randrange(4)):
            frame[chance.randrange(12, len(frame))] = chance.randrange(256)
        segment.wire.send(bytes(frame[: chance.randrange(14, len(frame) + 1)]))
    told = host.run(peers.program("rdisc6"), "-1", INTERFACE, env=peers.environment()).stdout
    assert "fd00:1::/64" in told
    router.stop()


# --- changes ---


@together
@pytest.mark.parametrize("kind", KINDS)
def test_renumbering(world, kind):
    segment = Segment(world)
    host = host_on(segment)
    router = router_on(world, segment, kind, "period 600\nprefix fd00:1::/64/LA/86400/14400\nrdnss fd00:1::53\n")
    w.wait_for(has_prefix(host, "fd00:1:"), "an address from the prefix")
    since = len(segment.wire)
    router.write(router.file.read_text().replace("fd00:1:", "fd00:2:"))
    router.daemon.signal(signal.SIGHUP)
    w.wait_for(has_prefix(host, "fd00:2:"), "an address from the new prefix")
    [old] = has_prefix(host, "fd00:1:")()
    assert old["preferred_life_time"] == 0 and 7100 < old["valid_life_time"] <= 7200
    [new] = has_prefix(host, "fd00:2:")()
    assert new["preferred_life_time"] > 14000

    def servers_of(packet):
        names = [layer for layer in packet.iterpayloads() if isinstance(layer, inet6.ICMPv6NDOptRDNSS)]
        return [(layer.dns, layer.lifetime) for layer in names]

    # Something may still have been said before the reload.
    both = [(["fd00:1::53"], 0), (["fd00:2::53"], 1800)]
    segment.wire.wait_for(lambda p: is_advertisement()(p) and servers_of(p) == both, "the new server, and the end of the old", since)
    assert "withdrawn" in router.ctl("status").stdout
    router.stop()


@together
def test_a_file_with_an_error_changes_nothing(world):
    segment = Segment(world)
    router = router_on(world, segment, "port", "period 4\nprefix fd00:1::/64\n")
    await_advertisement(segment)
    assert router.ctl("check").stdout == ""
    router.write(router.file.read_text() + "mtu 5\n")
    checked = router.ctl("check", check=False)
    assert checked.returncode == 1 and f"{router.file}:5:5: '5' is no MTU" in checked.stderr
    told = router.ctl("reload", check=False)
    assert told.returncode == 1 and f"{router.file}:5:5: '5' is no MTU" in told.stderr
    router.daemon.signal(signal.SIGHUP)
    router.wait_for("configuration not loaded; the old one stays in force")
    w.wait_for(lambda: "failed_reloads 2" in router.ctl("status").stdout, "it is counted")
    since = len(segment.wire)
    assert await_advertisement(segment, since=since)[inet6.ICMPv6NDOptPrefixInfo].prefix == "fd00:1::"
    router.stop()


@together
def test_prefixes_of_own_addresses(world):
    segment = Segment(world)
    host = host_on(segment)
    router = router_on(world, segment, "kernel", "period 600\nprefix ::/64/LA/86400/14400\n")
    assert inet6.ICMPv6NDOptPrefixInfo not in await_advertisement(segment)
    router.namespace.add_address(INTERFACE, "fd00:5::1/64")
    w.wait_for(has_prefix(host, "fd00:5:"), "an address from the router's")
    router.namespace.ip(f"address del fd00:5::1/64 dev {INTERFACE}")
    w.wait_for(lambda: has_prefix(host, "fd00:5:")()[0]["preferred_life_time"] == 0, "it is deprecated")
    router.stop()


@together
def test_several_interfaces(world):
    one, two, three = Segment(world, "one"), Segment(world, "two"), Segment(world, "three")
    text = f"""\
period 4
stack stack=lwip,vnl=eth0:{one.vnl},vnl=eth1:{two.vnl}
rdnss fd00::53
iface eth0
macaddr {MAC}
prefix fd00:1::/64
iface eth1
macaddr 02:00:00:00:0a:02
prefix fd00:2::/64
lifetime 0
iface third
stack {three.vnl}
macaddr 02:00:00:00:0a:03
prefix fd00:3::/64
"""
    router = Router(world, HERE, text, wait=False)
    for iface in ("eth0", "eth1", "third"):
        router.wait_for(f"advertising iface={iface}")
    for number, segment in enumerate((one, two, three), 1):
        packet = await_advertisement(segment, src=f"02:00:00:00:0a:0{number}")
        assert packet[inet6.ICMPv6NDOptPrefixInfo].prefix == f"fd00:{number}::"
        assert packet[inet6.ICMPv6NDOptRDNSS].dns == ["fd00::53"]
        assert packet[inet6.ICMPv6ND_RA].routerlifetime == (0 if number == 2 else 12)
    status = json.loads(router.ctl("-j", "status").stdout)
    assert [i["iface"] for i in status["interfaces"]] == ["eth0", "eth1", "third"]
    assert all(i["state"] == "advertising" for i in status["interfaces"])
    router.reload(text.replace("fd00:3::", "fd00:4::"))
    w.wait_for(lambda: "fd00:4::/64" in router.ctl("status").stdout, "the change")
    marks = [len(s.wire) for s in (one, two, three)]
    router.stop()
    for number, (segment, since) in enumerate(zip((one, two, three), marks), 1):
        await_advertisement(segment, src=f"02:00:00:00:0a:0{number}", lifetime=0, since=since)


def health(host, port):
    """The status and the text of /healthz."""
    try:
        with urllib.request.urlopen(f"http://{host}:{port}/healthz", timeout=w.PATIENCE_S) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


@together
def test_an_interface_that_cannot_be_served_is_waited_for(world):
    """It says so, and why; the interface is served as soon as it can be."""
    segment = Segment(world)
    namespace = segment.port("router")
    namespace.ip(f"link set {INTERFACE} down")
    router = Router(world, namespace, f"iface {INTERFACE}\nperiod 4\n", wait=False)
    router.wait_for(f'not advertising yet: this interface is waited for iface={INTERFACE} reason="it is down"')
    w.wait_for(lambda: "healthy no\n" in router.ctl("status").stdout, "it is not well")
    assert f'iface {INTERFACE} waiting reason "it is down"\n' in router.ctl("status").stdout
    namespace.ip(f"link set {INTERFACE} up")
    router.wait_for(f" advertising iface={INTERFACE}")
    w.wait_for(lambda: "healthy yes\n" in router.ctl("status").stdout, "it is well")
    assert router.daemon.stderr().count("is waited for") == 1
    router.stop()


@together
@pytest.mark.parametrize("kind", ["port", "lwip", "vdestack"])
def test_a_network_that_comes_back(world, kind):
    """Its hub dies, with the daemon in its sandbox, and there is another one. Its state tells, as long as it lasts."""
    w.need_virtual_ethernet()
    path = world.directory / "hub"

    def start_hub():
        hub = world.daemon(HERE, "vde_plug", "null://", f"hub://{path}")
        hub.wait_until(lambda: w.listens(path / "ctl"), "the hub's control socket")
        return hub

    hub = start_hub()
    conf = f"vde://{path}" if kind == "port" else f"stack={kind},vnl=vde://{path},eth"
    page = "127.0.0.1", 9560 + KINDS.index(kind)  # the tests of this file run together
    router = Router(world, HERE, f"stack {conf}\nperiod 4\nmetrics {page[0]}@{page[1]}\n", "--user", "none")
    w.wait_for(lambda: health(*page) == (200, "ok\n"), "it is well")
    hub.kill()
    router.wait_for('no longer advertising: the network or the address has gone iface=vde0 reason="its network is away"')
    w.wait_for(lambda: health(*page) == (503, "an interface is not served: status says which\n"), "the page says so")
    told = router.ctl("status").stdout
    assert "healthy no\n" in told and 'iface vde0 waiting reason "its network is away"\n' in told
    (interface,) = json.loads(router.ctl("-j", "status").stdout)["interfaces"]
    assert interface["state"] == "waiting" and interface["reason"] == "its network is away"
    shutil.rmtree(path)
    start_hub()
    w.wait_for(lambda: router.daemon.stderr().count(" advertising iface=") > 1, "it advertises again")
    w.wait_for(lambda: health(*page) == (200, "ok\n"), "it is well again")
    assert "healthy yes\n" in router.ctl("status").stdout
    before = counters(router)["sent_multicast"]
    w.wait_for(lambda: counters(router)["sent_multicast"] > before + 1, "advertisements go out")
    router.stop()


# --- others on the link ---


@together
def test_another_router_is_told_of(world):
    segment = Segment(world)
    router = router_on(world, segment, "port", "period 4\nmtu 1500\nprefix fd00:1::/64/LA/86400/14400\n")
    peer = segment.port("peer")
    lifetimes = "AdvValidLifetime 3600; AdvPreferredLifetime 1800;"
    text = f"MaxRtrAdvInterval 4; AdvManagedFlag on; AdvLinkMTU 1400; prefix fd00:1::/64 {{ {lifetimes} }};"
    servers.radvd(world, peer, text)
    router.wait_for("another router is here iface=vde0 router=fe80::")
    lifetime = 'what="valid lifetime" theirs=3600 ours=86400 prefix=fd00:1::/64'
    for what in ('what="flag M"', "what=mtu theirs=1400 ours=1500", lifetime):
        router.wait_for(what)
    told = router.ctl("routers").stdout
    assert 'differs "flag M"' in told and 'differs "mtu"' in told
    assert counters(router)["inconsistent"] > 0
    router.stop()


@together
def test_an_address_that_is_taken(world):
    segment = Segment(world)
    other = segment.port("other")
    other.ip(f"address add {LINK_LOCAL}/64 dev {INTERFACE} nodad")
    router = router_on(world, segment, "port", "period 4\n", wait=False)
    router.wait_for("not advertising: somebody else has this address")
    assert "address-taken" in router.ctl("status").stdout
    assert not advertisements(segment)
    router.stop()


# --- the program ---


@together
def test_as_a_daemon(world):
    segment = Segment(world)
    path = world.directory / "radvd.rc"
    path.write_text(f"stack {segment.vnl}\nmacaddr {MAC}\nperiod 4\n")
    pidfile = world.directory / "pid"
    command = [PROGRAM, "-d", "-f", path, "-p", pidfile, "prefix", "fd00:1::/64/LA"]
    run = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert run.returncode == 0, run.stderr
    pid = int(pidfile.read_text())
    try:
        status = open(f"/proc/{pid}/status").read()
        assert re.search(r"^CapEff:\s+0+$", status, re.M) and re.search(r"^Seccomp:\s+2$", status, re.M)
        if os.geteuid() == 0 and w.has_other_users():
            assert not re.search(r"^Uid:\s+0", status, re.M)
        assert await_advertisement(segment)[inet6.ICMPv6NDOptPrefixInfo].prefix == "fd00:1::"
    finally:
        os.kill(pid, signal.SIGTERM)
    await_advertisement(segment, lifetime=0)
    w.wait_for(lambda: not pidfile.exists() or pidfile.read_text() == "", "the pid file is gone or empty")


def test_the_check():
    def run(*words):
        return subprocess.run([PROGRAM, *words], capture_output=True, text=True, timeout=60)

    good = run("-n", "-s", "stack=lwip,vnl=vde://,eth", "-P", "10", "-F", "MO", "prefix", "fc01::/64/LA/86400/14400", "fc02::/64")
    assert good.returncode == 0 and good.stderr == ""
    wrong = run("-n", "-P", "10", "prefix", "fc01::/64/LA/1/2")
    assert wrong.returncode == 1
    assert wrong.stderr == "--prefix: preferred for longer than valid, expected at most 1\niothradvd: nothing is advertised\n"
    assert "nonsense" in run("-n", "-s", "stack=lwip,nonsense=1").stderr
    assert run("-n", "--user", "no-such-user").stderr.startswith("--user: there is no user 'no-such-user'\n")
    assert "--stack: stack of interface vde0: there is no stack 'nosuch'" in run("-n", "-s", "stack=nosuch").stderr
    twice = run("-n", "-i", "eth0", "-i", "eth0").stderr
    assert twice.startswith("--iface: 'eth0' stands here twice, expected each interface of a stack once\n")
    for words in (["-x"], ["fc01::/64"], ["prefix"]):
        assert run(*words).returncode == 2
    missing = run("-f", "/nowhere/radvd.rc")
    assert missing.returncode == 1 and "cannot read /nowhere/radvd.rc" in missing.stderr
    assert "usage" in run("-h").stdout and re.match(r"iothradvd \d", run("--version").stdout)
    nobody = run("-s", "stack=kernel", "-i", "nosuch0", "--user", "none")
    assert nobody.returncode == 1 and "there is no interface nosuch0 on its stack: --iface says which" in nobody.stderr


@together
def test_what_it_is_asked(world):
    segment = Segment(world)
    router = router_on(world, segment, "port", "period 4\nprefix fd00:1::/64/LAR/86400/14400\n")
    await_advertisement(segment)
    assert f"iface vde0 advertising from {LINK_LOCAL}" in router.ctl("status").stdout
    assert "prefix vde0 fd00:1::/64/LAR/86400/14400" in router.ctl("status").stdout
    assert json.loads(router.ctl("-j", "counters").stdout)["vde0"]["sent_multicast"] >= 1
    names = [line.split()[0] for line in router.ctl("help").stdout.splitlines()]
    assert names == ["status", "counters", "check", "reload", "loglevel", "routers", "help"]
    assert router.ctl("loglevel", "debug").stdout == "" and router.ctl("loglevel").stdout == "debug\n"
    assert router.ctl("statsu", check=False).returncode == 1
    assert HERE.run(CTL, "--version").stdout.startswith("iothradvdctl ")
    assert "does it run" in HERE.run(CTL, "-s", "/nowhere", "status", check=False).stderr
    assert "iothradvdctl(8)" in HERE.run(CTL, "--help").stdout
    router.stop()


def manual_commands(page):
    text = (w.TREE / f"man/{page}").read_text().split(".Sh EXAMPLES")[1]
    return re.findall(r"^[#$] (.*)$", text, re.MULTILINE)


@pytest.mark.parametrize("command", [c for c in manual_commands("iothradvd.8") if c.startswith("iothradvd -n")])
def test_examples_of_the_manual(command):
    """Those that check, as they stand there, from the folder of the tree."""
    words = shlex.split(command)
    run = subprocess.run([PROGRAM, *words[1:]], capture_output=True, text=True, timeout=60, cwd=w.TREE)
    assert run.returncode == 0, run.stderr


@together
def test_the_example(world):
    """The file of examples/, on a network of this test."""
    segment = Segment(world)
    text = (w.TREE / "examples/iothradvd.rc").read_text().replace("vde:///tmp/hub", segment.vnl)
    host = host_on(segment)
    router = Router(world, HERE, text)
    w.wait_for(lambda: default_routes(host), "a default route")
    assert "fc01::/64" in router.ctl("status").stdout
    router.stop()


@together
def test_the_program_of_the_manual(world):
    """The C program of iothradvd(3), as it stands there."""
    segment = Segment(world)
    program = manual.program("iothradvd.3", world.directory, change=lambda source: source.replace("vde:///tmp/hub", segment.vnl))
    host = host_on(segment)
    daemon = world.daemon(HERE, program)
    w.wait_for(lambda: default_routes(host), "a default route")
    w.wait_for(has_prefix(host, "fc01:"), "an address")
    daemon.signal(signal.SIGTERM)
    w.wait_for(lambda: not default_routes(host), "no default route any more")
